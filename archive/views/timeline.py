"""A record's timeline in the words of people: what happened, when by whose clock, what it changed.

No table stands behind it: it is a replay, so it can be of the record as it was known at any time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from domain.calendar import Calendar
from domain.clocks import Clock, clocks
from domain.describe import GONE, answer, name
from domain.directory import Directory
from domain.events import (
    Acknowledged,
    AnyEvent,
    Attachment,
    Corrected,
    Disposed,
    Filed,
    Imported,
    LinkedTo,
    Opened,
    Paused,
    Recorded,
    Ref,
    Refused,
    Reopened,
    Resumed,
    Signed,
    StepTaken,
    Values,
)
from domain.kind import Form, Kind, Text, text
from domain.record import Entry, Record, evolve


@dataclass(frozen=True, slots=True)
class Said:
    """An answer, in both languages; `before` is what stood there, None where nothing did."""

    field: str
    title: Text
    value: Text
    before: Text | None = None


@dataclass(frozen=True, slots=True)
class SignatureShown:
    """`covers`: versions of the events that it covers. `voided_by`: the version that left it over
    an earlier edition."""

    slot: str
    title: Text
    meaning: str | None
    signer: str
    printed_name: str
    printed_role: str
    edition: int
    covers: tuple[int, ...]
    voided_by: int | None


@dataclass(frozen=True, slots=True)
class ClockShown:
    """What an event did to a deadline; whether it was met by the recorded and the claimed time."""

    deadline: str
    title: Text
    item: str | None
    change: Literal["started", "stopped", "moved", "lapsed"]
    due_at: datetime
    provisional: bool
    met: bool | None
    met_as_claimed: bool | None
    advisory: bool
    level: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One event. `late_entry`: entered when the record had moved on. `entered_after`: from the
    claimed to the recorded time; negative where the claimed time lay ahead of the archive's clock.

    `said` is all that the event answered, `changes` what differs from before (in a correction, or
    a step taken again). Where `readable` is false the content was destroyed, and the title says so.
    """

    version: int
    leaf_index: int
    digest: str
    type: str
    step: str | None
    title: Text
    occurred_at: datetime
    recorded_at: datetime
    entered_after: timedelta
    late_entry: bool
    imported: bool
    actor: str | None
    actor_name: str
    behalf: str | None
    behalf_name: str
    assurance: str
    source: str | None
    source_id: str | None
    edition: int
    state: Text
    item: str | None
    item_title: str
    said: tuple[Said, ...]
    changes: tuple[Said, ...]
    corrects: int | None
    reason: str
    signature: SignatureShown | None
    clocks: tuple[ClockShown, ...]
    links: tuple[Ref, ...]
    attachments: tuple[Attachment, ...]
    recipients: tuple[str, ...]
    readable: bool


def timeline(
    history: Sequence[Recorded], directory: Directory, calendar: Calendar, zone: ZoneInfo
) -> tuple[Happening, ...]:
    """The events of a record, oldest first, with names as the directory has them."""
    states: list[tuple[Record | None, Record, Recorded]] = []
    state: Record | None = None
    for recorded in history:
        before, state = state, evolve(state, recorded)
        if state is not None:
            states.append((before, state, recorded))
    if state is None:
        return ()
    versions = {recorded.digest: recorded.event.version for recorded in history}
    teller = _Teller(state, directory, calendar, zone, versions)
    return tuple(teller.tell(*each) for each in states)


@dataclass(frozen=True, slots=True)
class _Teller:
    """Knows how the record ended: what was voided later shows at the signature itself."""

    last: Record
    directory: Directory
    calendar: Calendar
    zone: ZoneInfo
    versions: Mapping[str, int]
    """Version by envelope hash: a history as things stood has gaps."""

    def tell(self, before: Record | None, after: Record, recorded: Recorded) -> Happening:
        event = recorded.event
        target = _target(before, event)
        item = event.item if isinstance(event, StepTaken) else None
        return Happening(
            version=event.version,
            leaf_index=recorded.leaf_index,
            digest=recorded.digest,
            type=event.TOPIC,
            step=event.step,
            title=_title(after.kind, event),
            occurred_at=event.occurred_at,
            recorded_at=recorded.recorded_at,
            entered_after=recorded.recorded_at - event.occurred_at,
            late_entry=_is_late(before, event),
            imported=isinstance(event, Imported) or after.provenance is not None,
            actor=event.actor,
            actor_name=_printed(event) or name(event.actor, self.directory),
            behalf=event.behalf,
            behalf_name=name(event.behalf, self.directory),
            assurance=event.assurance,
            source=event.source,
            source_id=event.source_id,
            edition=after.edition,
            state=_state(after),
            item=item,
            item_title=_item_title(after, item),
            said=tuple(self._said(after.kind, event, target)),
            changes=tuple(self._changes(before, after, event, target)),
            corrects=target.version if target else None,
            reason=_reason(event),
            signature=self._signature(event),
            clocks=tuple(self._clocks(before, after, recorded)),
            links=event.refs if isinstance(event, LinkedTo) else (),
            attachments=event.attachments,
            recipients=event.recipients if isinstance(event, Opened | StepTaken) else (),
            readable=event.readable,
        )

    # ---- answers

    def _said(self, kind: Kind, event: AnyEvent, target: Entry | None) -> Iterator[Said]:
        if isinstance(event, Imported):
            yield from _foreign(event)
        form = _form(kind, target.step if target else event.step)
        values = _values(event)
        for field in form.fields if form else ():
            if field.id in values:
                yield Said(field.id, field.title, self._words(field, values[field.id], event))

    def _changes(
        self, before: Record | None, after: Record, event: AnyEvent, target: Entry | None
    ) -> Iterator[Said]:
        """Field by field, what stands otherwise than before."""
        earlier = target or _earlier(before, event)
        form = _form(after.kind, earlier.step) if earlier else None
        if earlier is None or form is None or not event.readable:
            return
        now = {**earlier.values, **_values(event)} if target else _values(event)
        for field in form.fields:
            old, new = earlier.values.get(field.id), now.get(field.id)
            if old != new:
                was = self._words(field, old, event) if old is not None else None
                yield Said(field.id, field.title, self._words(field, new, event), was)

    def _words(self, field: Any, value: Any, event: AnyEvent) -> Text:
        files = {a.id: a.name for e in self.last.entries for a in e.attachments}
        files |= {a.id: a.name for a in event.attachments}
        return Text(
            zh=answer(field, value, "zh", self.directory, self.zone, files),
            en=answer(field, value, "en", self.directory, self.zone, files),
        )

    # ---- signatures and clocks

    def _signature(self, event: AnyEvent) -> SignatureShown | None:
        if not isinstance(event, Signed | Refused):
            return None
        slot = self.last.kind.slot(event.slot)
        mine = next((s for s in self.last.signatures if s.version == event.version), None)
        return SignatureShown(
            slot=event.slot,
            title=slot.title if slot else Text(zh=event.slot, en=event.slot),
            meaning=event.meaning if isinstance(event, Signed) else None,
            signer=event.signer,
            printed_name=event.printed_name,
            printed_role=event.printed_role,
            edition=event.edition,
            covers=tuple(self.versions[d] for d in event.covers if d in self.versions),
            voided_by=mine.voided_by if mine else None,
        )

    def _clocks(
        self, before: Record | None, after: Record, recorded: Recorded
    ) -> Iterator[ClockShown]:
        """What changed between the record's clocks just before and just after the event."""
        was = self._running(before, recorded.recorded_at)
        now = self._running(after, recorded.recorded_at)
        for key, clock in now.items():
            earlier = was.get(key)
            if earlier is None:
                yield _shown(after.kind, clock, "started")
            if clock.stopped_at is not None and (earlier is None or earlier.stopped_at is None):
                yield _shown(after.kind, clock, "stopped")
            elif earlier is not None and earlier.due_at != clock.due_at:
                yield _shown(after.kind, clock, "moved")
        for key, clock in was.items():
            if key not in now and clock.stopped_at is None:
                yield _shown(after.kind, clock, "lapsed")

    def _running(
        self, record: Record | None, now: datetime
    ) -> Mapping[tuple[str, str | None, datetime], Clock]:
        if record is None or not record.readable:
            return {}
        found = clocks(record, self.calendar, self.zone, now)
        return {(c.deadline, c.item, c.started_at): c for c in found}


def _shown(
    kind: Kind, clock: Clock, change: Literal["started", "stopped", "moved", "lapsed"]
) -> ClockShown:
    title = next(d.title for d in kind.deadlines if d.id == clock.deadline)
    return ClockShown(
        clock.deadline,
        title,
        clock.item,
        change,
        clock.due_at,
        clock.provisional,
        clock.met if change == "stopped" else None,
        clock.met_as_claimed if change == "stopped" else None,
        clock.advisory,
        clock.level,
    )


# ---------------------------------------------------------------- words of events


def _title(kind: Kind, event: AnyEvent) -> Text:
    found = _plain_title(kind, event)
    if event.readable:
        return found
    return Text(zh=f"{found.zh}({GONE.zh})", en=f"{found.en} ({GONE.en})")


def _plain_title(  # noqa: C901 - one case for each event, so that a forgotten one is a type error
    kind: Kind, event: AnyEvent
) -> Text:
    match event:
        case Opened() | StepTaken():
            step = kind.step(event.step or "")
            return step.title if step else _word(event.step)
        case Signed():
            return _of("签字", "signed", _slot(kind, event.slot))
        case Refused():
            return _of("拒绝签字", "refused to sign", _slot(kind, event.slot))
        case Corrected():
            return text("更正", "correction")
        case Acknowledged():
            return text("确认已阅", "acknowledged")
        case Paused():
            return _of("暂停计时", "clocks paused", _pause(kind, event.reason))
        case Resumed():
            return _of("恢复计时", "clocks resumed", _pause(kind, event.reason))
        case LinkedTo(withdrawn=withdrawn):
            rel = _rel(kind, event.refs)
            return _of("解除关联", "unlinked", rel) if withdrawn else _of("关联", "linked", rel)
        case Filed():
            return text("归档", "filed")
        case Reopened():
            return text("重新打开", "reopened")
        case Imported():
            return _of("外部历史", "foreign history", _word(event.activity or None))
        case Disposed():
            return text("处置", "disposed of")


def _of(zh: str, en: str, what: Text) -> Text:
    return Text(zh=f"{zh}:{what.zh}", en=f"{en}: {what.en}")


def _word(word: str | None) -> Text:
    return Text(zh=word or "—", en=word or "—")


def _slot(kind: Kind, slot_id: str) -> Text:
    slot = kind.slot(slot_id)
    return slot.title if slot else _word(slot_id)


def _pause(kind: Kind, reason: str) -> Text:
    return next((p.title for p in kind.pauses if p.id == reason), _word(reason))


def _rel(kind: Kind, refs: Sequence[Ref]) -> Text:
    rel = refs[0].rel if refs else None
    return next((rule.title for rule in kind.links if rule.rel == rel), _word(rel))


def _state(record: Record) -> Text:
    state = record.kind.state(record.state)
    return state.title if state else _word(record.state)


def _item_title(record: Record, key: str | None) -> str:
    for collection in record.kind.collections:
        child = record.items.get(collection.id, {}).get(key or "")
        if child is not None:
            return str(child.values.get(collection.label, key))
    return key or ""


def _printed(event: AnyEvent) -> str:
    """The name as it was printed at a signature, whatever the directory says today."""
    return event.printed_name if isinstance(event, Signed | Refused) else ""


def _reason(event: AnyEvent) -> str:
    match event:
        case Corrected() | Refused() | LinkedTo() | Reopened():
            return event.reason
        case Paused() | Resumed() | Filed():
            return event.note
        case _:
            return ""


# ---------------------------------------------------------------- what stood before


def _values(event: AnyEvent) -> Values:
    return event.values if isinstance(event, Opened | StepTaken | Corrected) else {}


def _form(kind: Kind, step_id: str | None) -> Form | None:
    step = kind.step(step_id or "")
    return step.form if step else None


def _target(before: Record | None, event: AnyEvent) -> Entry | None:
    """The entry that a correction corrects, as it stood."""
    if before is None or not isinstance(event, Corrected) or not event.refs:
        return None
    return next((e for e in before.entries if e.digest == event.refs[0].event), None)


def _earlier(before: Record | None, event: AnyEvent) -> Entry | None:
    """What the same step said the last time it was taken (of the same item)."""
    if before is None or not isinstance(event, StepTaken):
        return None
    mine = (e for e in reversed(before.entries) if (e.step, e.item) == (event.step, event.item))
    return next(mine, None)


def _is_late(before: Record | None, event: AnyEvent) -> bool:
    """Entered afterwards, in a state in which it moved nothing any more."""
    if before is None or not isinstance(event, StepTaken):
        return False
    step = before.kind.step(event.step or "")
    return step is not None and step.item is None and before.state in step.late


def _foreign(event: Imported) -> Iterator[Said]:
    for field, title, value in (
        ("status", text("状态", "status"), event.status),
        ("person", text("人员", "person"), event.person),
        ("unit", text("部门", "unit"), event.unit),
        *((key, Text(zh=key, en=key), value) for key, value in event.attributes),
    ):
        if value:
            yield Said(field, title, Text(zh=value, en=value))
