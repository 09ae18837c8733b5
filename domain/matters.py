"""What a record waits for, and from whom: the rows of a worklist. Pure.

Nothing here asks what time it is: a matter says when it is due, and is late once that has passed.
A clock that stands still is `paused`, and its due time is not settled while it does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from datetime import date, datetime, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from domain import disposals
from domain.calendar import Calendar
from domain.clocks import Clock, midnight, running
from domain.conditions import signed_off
from domain.kind import Anyone, Collection, Named, Step, Systems, Who
from domain.record import Entry, Item, Record

What = Literal["clock", "signature", "refusal", "acknowledgement", "item", "step", "filing"]


class Matter(NamedTuple):
    """One open matter. `ref` is the deadline, slot, collection or step that it is about.

    `person` where somebody is meant by name; else `who`, in the words of the kind, with the item
    whose answers they may name. A named tuple, as some are made and compared for every event of a
    replay.
    """

    what: What
    ref: str
    since: datetime
    item: str | None = None
    person: str | None = None
    who: tuple[Who, ...] = ()
    due_at: datetime | None = None
    provisional: bool = False
    paused: bool = False
    level: int | None = None
    advisory: bool = False
    reason: str = ""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes it the same matter in the record's next version."""
        return self.what, self.ref, self.item or "", self.person or ""


def matters(record: Record, calendar: Calendar, zone: ZoneInfo) -> tuple[Matter, ...]:
    """Everything that is open in a record; nothing where its content is gone."""
    if not record.readable:
        return ()
    if record.kind.internal:
        return tuple(_of_disposal(record)) if record.kind.id == "disposal" else ()
    timed = _running(record, calendar, zone)
    found = [_of_clock(record, c) for c in timed]
    found += _signatures(record)
    found += _acknowledgements(record)
    found += _items(record, {c.item for c in timed}, zone)
    if record.provenance is None:
        found += _steps(record, {c.deadline for c in timed})
        found += _filing(record, zone)
    return tuple({m.key: m for m in found}.values())


# ---------------------------------------------------------------- disposals


def _of_disposal(record: Record) -> Iterator[Matter]:
    """The reviews of each owner; once all are there, the approval that is next."""
    present, done = disposals.listing(record), disposals.outcomes(record)
    waiting = [item for item in present.items.values() if item.item not in done]
    if record.state == "listed" and waiting:
        owners = {o for i in waiting for o in ((i.owner,) if i.owner else present.owners)}
        for person in sorted(owners):
            since = _last(record, {*disposals.LISTING})
            yield Matter(what="step", ref=disposals.REVIEW, person=person, since=since)
    elif record.state in ("listed", "approved-once"):
        ref = disposals.APPROVING[record.state == "approved-once"]
        step = record.kind.step(ref)
        who = _particular(step) if step is not None else ()
        since = record.entries[-1].recorded_at
        yield Matter(what="step", ref=ref, who=who, since=since)


# ---------------------------------------------------------------- clocks


def _running(record: Record, calendar: Calendar, zone: ZoneInfo) -> tuple[Clock, ...]:
    """The clocks that nothing has stopped. Pauses that are over count whole, whenever asked."""
    known = (t for p in record.pauses for t in (p.since, p.until) if t is not None)
    asked = max((record.recorded_at, *known))
    if record.filing is not None or not record.kind.deadlines:
        return ()
    return running(record, calendar, zone, asked)


def _of_clock(record: Record, clock: Clock) -> Matter:
    deadline = next(d for d in record.kind.deadlines if d.id == clock.deadline)
    paused = clock.state == "paused"
    return Matter(
        what="clock",
        ref=clock.deadline,
        item=clock.item,
        who=deadline.owner or _takers(record, deadline.stops),
        since=clock.started_at,
        due_at=clock.due_at,
        provisional=clock.provisional,
        paused=paused,
        level=clock.level,
        advisory=clock.advisory,
        reason=_pauses(record, clock.deadline) if paused else "",
    )


def _takers(record: Record, steps: Iterable[str]) -> tuple[Who, ...]:
    """Those in particular who may take one of these steps."""
    found = (record.kind.step(s) for s in steps)
    return tuple(dict.fromkeys(w for s in found if s is not None for w in _particular(s)))


def _particular(step: Step) -> tuple[Who, ...]:
    return tuple(w for w in step.by if not isinstance(w, Anyone | Systems))


def _pauses(record: Record, deadline: str) -> str:
    reasons = {r.id for r in record.kind.pauses if deadline in r.clocks}
    return " ".join(p.reason for p in record.pauses if p.until is None and p.reason in reasons)


# ---------------------------------------------------------------- signatures and receipts


def _signatures(record: Record) -> list[Matter]:
    return list(_open_signatures(record)) if record.filing is None else []


def _open_signatures(record: Record) -> Iterator[Matter]:
    for asked in record.signatures:
        slot = record.kind.slot(asked.slot)
        if slot is None or asked.voided_by is not None or asked.signed_by is not None:
            continue
        dissented = asked.refused is not None and slot.on_refusal == "dissents"
        if dissented or signed_off(record, slot.id):
            continue
        if asked.refused is not None and asked.at is not None:
            yield Matter(
                what="refusal", ref=slot.id, person=asked.signer, since=asked.at,
                reason=asked.refused,
            )  # fmt: skip
        else:
            since = _last(record, {slot.opened_by})
            yield Matter(what="signature", ref=slot.id, person=asked.signer, since=since)


def _last(record: Record, steps: AbstractSet[str]) -> datetime:
    """When one of these steps was last recorded."""
    found = (e.recorded_at for e in reversed(record.entries) if e.step in steps)
    return next(found, record.recorded_at)


def _acknowledgements(record: Record) -> list[Matter]:
    """One for each person: to confirm the newest edition confirms the older ones."""
    newest = {r.person: r for r in record.receipts}
    waiting = [r for r in newest.values() if r.acknowledge and r.at is None]
    if not waiting:
        return []
    made = {e.version: e for e in record.entries}
    return [
        Matter(
            what="acknowledgement",
            ref=_step_of(made.get(receipt.version)),
            person=receipt.person,
            since=_recorded(made.get(receipt.version), record),
        )
        for receipt in waiting
    ]


def _step_of(entry: Entry | None) -> str:
    return entry.step if entry else ""


def _recorded(entry: Entry | None, record: Record) -> datetime:
    return entry.recorded_at if entry else record.recorded_at


# ---------------------------------------------------------------- items, steps, filing


def _items(record: Record, timed: set[str | None], zone: ZoneInfo) -> list[Matter]:
    """Open children that no running clock speaks for."""
    if record.filing is not None:
        return []
    return [
        _of_item(record, collection, item, zone)
        for collection in record.kind.collections
        for item in record.items.get(collection.id, {}).values()
        if item.key not in timed and not _final(collection, item)
    ]


def _final(collection: Collection, item: Item) -> bool:
    return any(s.id == item.state and s.final for s in collection.states)


def _of_item(record: Record, collection: Collection, item: Item, zone: ZoneInfo) -> Matter:
    maker = next((e for e in record.entries if e.version == item.version), None)
    due = item.values.get(collection.due) if collection.due else None
    return Matter(
        what="item",
        ref=collection.id,
        item=item.key,
        who=(Named(by=collection.owner),) if collection.owner else (),
        since=_recorded(maker, record),
        due_at=_end_of(due, zone) if isinstance(due, str) else None,
    )


def _end_of(due: str, zone: ZoneInfo) -> datetime:
    """24:00 of a date, or the instant itself."""
    if len(due) > 10:
        return datetime.fromisoformat(due)
    return midnight(date.fromisoformat(due) + timedelta(days=1), zone)


def _steps(record: Record, timed: set[str]) -> list[Matter]:
    """Steps that would move the record, where somebody in particular must take them and neither
    a clock nor a signature speaks for them."""
    state = record.kind.state(record.state)
    if record.filing is not None or state is None or state.final:
        return []
    spoken_for = {s for d in record.kind.deadlines if d.id in timed for s in d.stops}
    return [
        Matter(what="step", ref=step.id, who=_particular(step), since=_arrived(record))
        for step in record.kind.steps
        if record.state in step.start
        and step.item is None
        and step.to is not None
        and step.to != record.state
        and step.id not in spoken_for
        and _particular(step)
    ]


def _arrived(record: Record) -> datetime:
    """When the record's state last could have changed."""
    signed = (s.at for s in record.signatures if s.at is not None)
    return max((_last(record, record.kind.moving), *signed))


def unfiled_since(record: Record) -> datetime | None:
    """Since when a record can be filed and is not; None where it cannot, or is."""
    rule = record.kind.filing
    waits = rule is not None and record.filing is None and record.state in rule.states
    return _arrived(record) if waits else None


def _filing(record: Record, zone: ZoneInfo) -> list[Matter]:
    rule, since = record.kind.filing, unfiled_since(record)
    if rule is None or since is None:
        return []
    day = since.astimezone(zone).date() + timedelta(days=rule.within_days + 1)
    return [Matter(what="filing", ref="file", who=rule.by, since=since, due_at=midnight(day, zone))]
