"""The state of a record, and `evolve`: what an event makes of it. Pure, total, never raises.

Content may be gone (`readable` is false): the skeleton of the history still folds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from domain import conditions
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
    RuleRef,
    Signed,
    StepTaken,
    Values,
)
from domain.kind import Kind, Slot, Step
from domain.kinds import find


@dataclass(frozen=True, slots=True)
class Entry:
    """A step as it stands now: its answers after corrections, and both of its times."""

    version: int
    digest: str
    step: str
    item: str | None
    values: Values
    actor: str | None
    behalf: str | None
    occurred_at: datetime
    recorded_at: datetime
    edition: int
    corrected_by: tuple[int, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    earlier: tuple[Values, ...] = ()
    """What it said before each of those corrections: a filing may rest on it."""


@dataclass(frozen=True, slots=True)
class Item:
    """A keyed child: an action item, milestone or commitment."""

    key: str
    state: str
    values: Values
    version: int
    """Of the event that made it."""


@dataclass(frozen=True, slots=True)
class SignatureState:
    """What one frozen signer has answered for an edition of a slot."""

    slot: str
    signer: str
    edition: int
    signed_by: str | None = None
    meaning: str | None = None
    refused: str | None = None
    """The reason of a refusal."""
    version: int | None = None
    digest: str | None = None
    at: datetime | None = None
    printed_name: str = ""
    printed_role: str = ""
    voided_by: int | None = None
    """Version of the event that left this signature covering an earlier edition."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Who was to receive an edition, and when they acknowledged it."""

    person: str
    edition: int
    version: int
    acknowledge: bool
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    reason: str
    since: datetime
    until: datetime | None
    note: str
    version: int
    recorded_at: datetime
    """When the pause was entered: one entered after a clock ran out changes nothing for it."""


@dataclass(frozen=True, slots=True)
class Link:
    rel: str
    record: str
    event: str | None
    version: int


@dataclass(frozen=True, slots=True)
class Filing:
    version: int
    base_date: str
    zone: str
    scope: bool
    marks: tuple[str, ...]
    copies: tuple[str, ...]
    locations: tuple[str, ...]
    at: datetime
    by: str | None


@dataclass(frozen=True, slots=True)
class Disposal:
    """What let the content go: it stays readable for ever."""

    version: int
    list_hash: str
    rule: RuleRef
    last_day: str
    approvals: tuple[str, ...]
    warrant: str | None
    """The record of the disposal, or of the restoration that repeated it."""
    at: datetime
    by: str | None


@dataclass(frozen=True, slots=True)
class ForeignEvent:
    """A line of an imported history, as the other system had it."""

    version: int
    activity: str
    status: str
    person: str
    unit: str
    attributes: tuple[tuple[str, str], ...]
    occurred_at: datetime
    recorded_at: datetime


class Record(NamedTuple):
    """What is known of a record after its events so far.

    A named tuple, because it is copied for every event of a replay: `_replace` takes a quarter of
    the time that `dataclasses.replace` takes.
    """

    id: str
    kind: Kind
    number: str | None
    version: int
    head: str
    """Envelope hash of the last event."""
    state: str
    edition: int
    opened_by: str | None
    opened_at: datetime
    """As claimed; `recorded_at` is the log's time of the last event."""
    recorded_at: datetime
    department: str | None
    provenance: Values | None = None
    entries: tuple[Entry, ...] = ()
    items: Mapping[str, Mapping[str, Item]] = MappingProxyType({})
    signatures: tuple[SignatureState, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    pauses: tuple[Pause, ...] = ()
    links: tuple[Link, ...] = ()
    filing: Filing | None = None
    """The one that stands; a reopening ends it."""
    filings: tuple[Filing, ...] = ()
    """All of them, also those that were ended."""
    disposal: Disposal | None = None
    reopened: tuple[int, ...] = ()
    """Versions of the reopenings."""
    history: tuple[ForeignEvent, ...] = ()
    digests: tuple[str, ...] = ()
    """Envelope hash of each event, by version - 1."""
    readable: bool = True

    def said(self, step: str) -> Entry | None:
        """What a step last said, at the record itself."""
        return next((e for e in reversed(self.entries) if e.step == step and e.item is None), None)

    def answer(self, path: str) -> object:
        """The answer at `step.field`, or None."""
        step, _, field_id = path.partition(".")
        entry = self.said(step)
        return entry.values.get(field_id) if entry else None

    @property
    def since(self) -> int:
        """The version of the last reopening, or 0: earlier steps count as taken before it."""
        return self.reopened[-1] if self.reopened else 0

    def open_slots(self) -> tuple[SignatureState, ...]:
        """Signatures of the present edition that were asked for and not answered."""
        return tuple(
            s
            for s in self.signatures
            if s.voided_by is None and s.signed_by is None and s.refused is None
        )


def replay(events: Iterable[Recorded]) -> Record | None:
    """Fold events, oldest first; None where there are none that open a record."""
    record: Record | None = None
    for recorded in events:
        record = evolve(record, recorded)
    return record


def evolve(record: Record | None, recorded: Recorded) -> Record | None:
    """The record after one more event; events before an opening leave nothing."""
    event = recorded.event
    if isinstance(event, Opened):
        return _open(event, recorded)
    if record is None:
        return None
    return _apply(event, record, recorded)._replace(
        version=event.version,
        head=recorded.digest,
        recorded_at=recorded.recorded_at,
        digests=(*record.digests, recorded.digest),
        readable=record.readable and event.readable,
    )


def _open(event: Opened, recorded: Recorded) -> Record:
    kind = find(event.kind, event.kind_version)
    empty = Record(
        id=event.record_id,
        kind=kind,
        number=recorded.number,
        version=event.version,
        head=recorded.digest,
        state=kind.states[0].id,
        edition=1,
        opened_by=event.actor,
        opened_at=event.occurred_at,
        recorded_at=recorded.recorded_at,
        department=event.department,
        provenance=event.provenance,
        digests=(recorded.digest,),
        readable=event.readable,
    )
    step = kind.step(event.step or "")
    return empty if step is None else _take(empty, step, event, recorded, None)


def _apply(  # noqa: C901, PLR0912 - one case for each event, so that a forgotten one is a type error
    event: AnyEvent, record: Record, recorded: Recorded
) -> Record:
    match event:
        case Opened():
            return record  # a record is opened once; a second opening cannot be stored
        case StepTaken():
            step = record.kind.step(event.step or "")
            return record if step is None else _take(record, step, event, recorded, event.item)
        case Corrected():
            return _correct(event, record)
        case Signed():
            return _sign(event, record, recorded)
        case Refused():
            return _refuse(event, record, recorded)
        case Acknowledged():
            return _acknowledge(event, record, recorded)
        case Paused():
            pause = Pause(
                event.reason,
                event.occurred_at,
                None,
                event.note,
                event.version,
                recorded.recorded_at,
            )
            return record._replace(pauses=(*record.pauses, pause))
        case Resumed():
            return _resume(event, record)
        case LinkedTo():
            return _link(event, record)
        case Filed():
            return _file(event, record, recorded)
        case Reopened():
            return _reopen(event, record)
        case Imported():
            return _import(event, record, recorded)
        case Disposed():
            return _dispose(event, record, recorded)


def _take(
    record: Record, step: Step, event: Opened | StepTaken, recorded: Recorded, item: str | None
) -> Record:
    late = record.state in step.late
    edition = record.edition + (1 if step.new_edition and not step.opens else 0)
    entry = Entry(
        version=event.version,
        digest=recorded.digest,
        step=step.id,
        item=item,
        values=event.values,
        actor=event.actor,
        behalf=event.behalf,
        occurred_at=event.occurred_at,
        recorded_at=recorded.recorded_at,
        edition=edition,
        attachments=event.attachments,
    )
    record = record._replace(
        edition=edition,
        entries=(*record.entries, entry),
        items=_items_after(record, step, event, item),
        signatures=_asked(record, step, event, edition),
        receipts=(
            *record.receipts,
            *(
                Receipt(
                    p, edition, event.version, bool(step.distribute and step.distribute.acknowledge)
                )
                for p in event.recipients
            ),
        ),
    )
    if late or step.item is not None or step.to is None:
        return record
    to = conditions.destination(step, record, event.values)
    return record if to is None else record._replace(state=to)


def _items_after(
    record: Record, step: Step, event: Opened | StepTaken, item: str | None
) -> Mapping[str, Mapping[str, Item]]:
    """Rows and item forms make new children; an item's step moves that child and adds to it."""
    if not record.kind.collections:
        return record.items
    items = {name: dict(children) for name, children in record.items.items()}
    for form_field in step.form.fields:
        if form_field.collection is not None:
            for row in event.values.get(form_field.id) or ():
                _add(items, record.kind, form_field.collection, row, event.version)
    if step.adds_item is not None:
        _add(items, record.kind, step.adds_item, event.values, event.version)
    if step.item is not None and item is not None and item in items.get(step.item, {}):
        child = items[step.item][item]
        to = conditions.destination(step, record, event.values)
        items[step.item][item] = replace(
            child, state=to or child.state, values={**child.values, **event.values}
        )
    return items


def _add(
    items: dict[str, dict[str, Item]], kind: Kind, name: str, values: Values, version: int
) -> None:
    collection = kind.collection(name)
    if collection is not None:
        children = items.setdefault(name, {})
        key = f"{name}-{len(children) + 1}"
        children[key] = Item(key, collection.initial, values, version)


def _asked(
    record: Record, step: Step, event: Opened | StepTaken, edition: int
) -> tuple[SignatureState, ...]:
    """Signatures asked for by this step; those of an earlier edition of the slot are voided."""
    renewed = {slot.id for slot in record.kind.slots if slot.opened_by == step.id}
    if step.new_edition:
        renewed |= {slot.id for slot in record.kind.slots if slot.on_correction != "none"}
    kept = tuple(
        replace(s, voided_by=event.version) if s.slot in renewed and s.voided_by is None else s
        for s in record.signatures
    )
    asked = (
        SignatureState(slot, signer, edition)
        for slot, signers in event.signers.items()
        for signer in signers
    )
    return (*kept, *asked)


def _correct(event: Corrected, record: Record) -> Record:
    digest = event.refs[0].event if event.refs else None
    target = next((e for e in record.entries if e.digest == digest), None)
    if target is None:
        return record
    edition = record.edition + 1
    corrected = _corrected(target, event)
    signatures = _after_correction(record, target.step, event.version, edition)
    record = record._replace(
        edition=edition,
        entries=tuple(corrected if e is target else e for e in record.entries),
        state=_asked_again(record, target.step) or record.state,
        department=_corrected_department(record, target, event),
        receipts=_receipts_after(record, target, event.version, edition),
        signatures=signatures,
    )
    return record._replace(items=_corrected_items(record, corrected))


def _corrected(entry: Entry, event: Corrected) -> Entry:
    """A null withdraws an answer that may be left out."""
    values = {**entry.values, **event.values}
    return replace(
        entry,
        values={name: said for name, said in values.items() if said is not None},
        corrected_by=(*entry.corrected_by, event.version),
        earlier=(*entry.earlier, entry.values),
        attachments=(*entry.attachments, *event.attachments),
    )


def _corrected_department(record: Record, target: Entry, event: Corrected) -> str | None:
    step = record.kind.step(target.step)
    said = event.values.get(record.kind.department or "")
    return said if step is not None and step.opens and isinstance(said, str) else record.department


def _corrected_items(record: Record, entry: Entry) -> Mapping[str, Mapping[str, Item]]:
    """Children keep their keys: a correction changes what they say, adds rows, and removes none."""
    step = record.kind.step(entry.step)
    if step is None or not record.kind.collections:
        return record.items
    items = {name: dict(children) for name, children in record.items.items()}
    for form_field in step.form.fields:
        if form_field.collection is not None:
            rows = entry.values.get(form_field.id) or ()
            _say_again(record, items, form_field.collection, entry.version, rows)
    if step.adds_item is not None:
        _say_again(record, items, step.adds_item, entry.version, (entry.values,))
    child = items.get(step.item or "", {}).get(entry.item or "")
    if step.item is not None and child is not None:
        items[step.item][child.key] = _said_since(record, child, {**child.values, **entry.values})
    return items


def _say_again(
    record: Record,
    items: dict[str, dict[str, Item]],
    name: str,
    version: int,
    rows: Iterable[Values],
) -> None:
    """Rows of one event, by position, to the children that this event made."""
    mine = [item for item in items.get(name, {}).values() if item.version == version]
    for index, row in enumerate(rows):
        if index < len(mine):
            items[name][mine[index].key] = _said_since(record, mine[index], row)
        else:
            _add(items, record.kind, name, row, version)


def _said_since(record: Record, item: Item, first: Values) -> Item:
    """The item with `first` said, and then all that its own steps said."""
    values = dict(first)
    for entry in record.entries:
        if entry.item == item.key:
            values.update(entry.values)
    return replace(item, values=values)


def _receipts_after(
    record: Record, target: Entry, version: int, edition: int
) -> tuple[Receipt, ...]:
    """Whoever was to acknowledge what is now corrected, is to acknowledge the new edition too.

    Not where signatures are asked for again: then the record is distributed again after them.
    """
    if _asked_again(record, target.step) is not None:
        return record.receipts
    asked = [r for r in record.receipts if r.acknowledge and r.version >= target.version]
    own = [r for r in asked if r.version == target.version]
    people = dict.fromkeys(r.person for r in own or asked)
    return (*record.receipts, *(Receipt(p, edition, version, True) for p in people))


def _voids(record: Record, signature: SignatureState, step: str) -> bool:
    """Whether a correction of the step takes away what this signature covers."""
    slot = record.kind.slot(signature.slot)
    if slot is None or signature.voided_by is not None or slot.on_correction == "none":
        return False
    return slot.on_correction == "all" or not slot.covers or step in slot.covers


def _asked_again(record: Record, step: str) -> str | None:
    """The state to which a correction of the step leads back, for signatures to be given again."""
    slots = (record.kind.slot(s.slot) for s in record.signatures if _voids(record, s, step))
    return next((slot.asks for slot in slots if slot is not None and slot.asks), None)


def _after_correction(
    record: Record, step: str, version: int, edition: int
) -> tuple[SignatureState, ...]:
    """A correction voids all, some (those that cover the step) or none of a slot's signatures.

    Each voided signature stays, visibly over the earlier edition, and is asked for again.
    """
    after: list[SignatureState] = []
    for signature in record.signatures:
        if not _voids(record, signature, step):
            after.append(signature)
        elif signature.version is None:
            after.append(replace(signature, edition=edition))
        else:
            after.append(replace(signature, voided_by=version))
            after.append(SignatureState(signature.slot, signature.signer, edition))
    return tuple(after)


def _sign(event: Signed, record: Record, recorded: Recorded) -> Record:
    after = record._replace(
        signatures=tuple(
            replace(
                s,
                edition=event.edition or s.edition,
                signed_by=event.actor,
                meaning=event.meaning,
                refused=None,
                version=event.version,
                digest=recorded.digest,
                at=recorded.recorded_at,
                printed_name=event.printed_name,
                printed_role=event.printed_role,
            )
            if _is_asked(s, event)
            else s
            for s in record.signatures
        ),
    )
    return _moved_by_signature(record, after, event.slot)


def _refuse(event: Refused, record: Record, recorded: Recorded) -> Record:
    slot = record.kind.slot(event.slot)
    after = record._replace(
        signatures=tuple(
            replace(
                s,
                edition=event.edition or s.edition,
                refused=event.reason or "-",
                version=event.version,
                digest=recorded.digest,
                at=recorded.recorded_at,
                printed_name=event.printed_name,
                printed_role=event.printed_role,
            )
            if _is_asked(s, event)
            else s
            for s in record.signatures
        ),
    )
    if slot is not None and slot.on_refusal == "returns" and slot.returns_to:
        return after._replace(
            state=slot.returns_to, signatures=_returned(after, slot, event.version)
        )
    return _moved_by_signature(record, after, event.slot)


def _is_asked(signature: SignatureState, event: Signed | Refused) -> bool:
    """Whether the event answers this signature; who signed is in the header, and stays."""
    return (
        signature.slot == event.slot
        and signature.signer == (event.behalf or event.actor)
        and signature.voided_by is None
        and signature.signed_by is None
    )


def _returned(record: Record, slot: Slot, version: int) -> tuple[SignatureState, ...]:
    """Once one signer returns the record, nobody is asked for this edition any more."""
    together = {s.id for s in record.kind.slots if s.opened_by == slot.opened_by}
    return tuple(
        replace(s, voided_by=version) if s.slot in together and s.voided_by is None else s
        for s in record.signatures
    )


def _moved_by_signature(before: Record, after: Record, slot_id: str) -> Record:
    """Once every slot opened by the same step is signed off, the record moves on: once."""
    slot = after.kind.slot(slot_id)
    if slot is None or _all_signed_off(before, slot):
        return after
    if _all_signed_off(after, slot):
        return after._replace(state=slot.completes or after.state)
    signed = any(s.signed_by and s.voided_by is None for s in after.signatures if s.slot == slot.id)
    return after._replace(state=slot.partly) if signed and slot.partly else after


def _all_signed_off(record: Record, slot: Slot) -> bool:
    together = (s for s in record.kind.slots if s.opened_by == slot.opened_by)
    return all(conditions.signed_off(record, s.id) for s in together)


def _acknowledge(event: Acknowledged, record: Record, recorded: Recorded) -> Record:
    person = event.behalf or event.actor
    return record._replace(
        receipts=tuple(
            replace(r, at=recorded.recorded_at)
            if r.person == person and r.at is None and r.edition <= event.edition
            else r
            for r in record.receipts
        ),
    )


def _resume(event: Resumed, record: Record) -> Record:
    return record._replace(
        pauses=tuple(
            replace(p, until=event.occurred_at)
            if p.reason == event.reason and p.until is None
            else p
            for p in record.pauses
        ),
    )


def _link(event: LinkedTo, record: Record) -> Record:
    links = tuple(
        link for link in record.links if not (event.withdrawn and _same(link, event.refs))
    )
    if not event.withdrawn:
        links += tuple(Link(r.rel, r.record, r.event, event.version) for r in event.refs)
    return record._replace(links=links)


def _same(link: Link, refs: tuple[Ref, ...]) -> bool:
    return any(link.rel == ref.rel and link.record == ref.record for ref in refs)


def _file(event: Filed, record: Record, recorded: Recorded) -> Record:
    filing = Filing(
        event.version,
        event.base_date,
        event.zone,
        event.scope,
        event.marks,
        event.copies,
        event.locations,
        recorded.recorded_at,
        event.actor,
    )
    return record._replace(filing=filing, filings=(*record.filings, filing))


def _dispose(event: Disposed, record: Record, recorded: Recorded) -> Record:
    disposal = Disposal(
        event.version,
        event.list,
        event.rule,
        event.last_day,
        event.approvals,
        event.refs[0].record if event.refs else None,
        recorded.recorded_at,
        event.actor,
    )
    return record._replace(disposal=disposal)


def _reopen(event: Reopened, record: Record) -> Record:
    reopening = record.kind.reopening
    return record._replace(
        state=(reopening.to if reopening else None) or record.state,
        filing=None,
        reopened=(*record.reopened, event.version),
    )


def _import(event: Imported, record: Record, recorded: Recorded) -> Record:
    line = ForeignEvent(
        event.version,
        event.activity,
        event.status,
        event.person,
        event.unit,
        event.attributes,
        event.occurred_at,
        recorded.recorded_at,
    )
    return record._replace(history=(*record.history, line))
