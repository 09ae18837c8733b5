"""The parts of a record's page beside its answers: items, signatures, clocks, links, references."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from api.pages.cells import Brief, Cell, Cells, brief, item_title
from api.pages.pen import Pen
from domain.clocks import Clock, clocks
from domain.context import Context
from domain.events import Attachment, Recorded
from domain.forms import references
from domain.kind import Collection, Field, Kind
from domain.record import Item, Pause, Record, SignatureState


@dataclass(frozen=True, slots=True)
class ItemShown:
    item: Item
    title: str
    state: str
    final: bool
    owner: str
    due: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class ItemsShown:
    title: str
    items: tuple[ItemShown, ...]


@dataclass(frozen=True, slots=True)
class SignatureLine:
    state: SignatureState
    title: str
    signer: str
    delegate: str
    meaning: str


@dataclass(frozen=True, slots=True)
class ClockLine:
    clock: Clock
    title: str
    item: str


@dataclass(frozen=True, slots=True)
class PauseLine:
    pause: Pause
    title: str


@dataclass(frozen=True, slots=True)
class LinkLine:
    title: str
    other: Brief


@dataclass(frozen=True, slots=True)
class FileLine:
    file: Attachment
    version: int


def items(record: Record, cells: Cells) -> Iterator[ItemsShown]:
    for collection in record.kind.collections:
        children = record.items.get(collection.id, {})
        if children:
            fields = _fields(record.kind, collection)
            shown = tuple(_item(collection, c, fields, cells) for c in children.values())
            yield ItemsShown(cells.call.pen.text(collection.title), shown)


def _fields(kind: Kind, collection: Collection) -> dict[str, Field]:
    """Every question that an item of the collection may answer."""
    found: dict[str, Field] = {}
    for step in kind.steps:
        for field in step.form.fields:
            if field.collection == collection.id:
                found |= {f.id: f for f in field.rows}
        if collection.id in (step.adds_item, step.item):
            found |= {f.id: f for f in step.form.fields if f.id not in found}
    return found


def _item(collection: Collection, item: Item, fields: dict[str, Field], cells: Cells) -> ItemShown:
    def said(name: str | None) -> str:
        field = fields.get(name or "")
        return cells.words(field, item.values.get(field.id)) if field else ""

    apart = {collection.label, collection.owner, collection.due}
    state = next((s for s in collection.states if s.id == item.state), None)
    return ItemShown(
        item,
        said(collection.label) or item.key,
        cells.call.pen.text(state.title) if state else item.state,
        state is not None and state.final,
        said(collection.owner),
        said(collection.due),
        tuple(
            cells.cell(field, item.values[name])
            for name, field in fields.items()
            if name not in apart and item.values.get(name) is not None
        ),
    )


def signatures(record: Record, pen: Pen) -> list[SignatureLine]:
    """The present edition's first; those that a later edition voided stay below."""
    found = [_signature(record.kind, s, pen) for s in record.signatures]
    return sorted(found, key=lambda line: line.state.voided_by is not None)


def _signature(kind: Kind, state: SignatureState, pen: Pen) -> SignatureLine:
    slot = kind.slot(state.slot)
    other = state.signed_by is not None and state.signed_by != state.signer
    meaning = state.meaning or (slot.meaning if slot else None)
    return SignatureLine(
        state,
        pen.text(slot.title) if slot else state.slot,
        pen.name(state.signer),
        (state.printed_name or pen.name(state.signed_by)) if other else "",
        pen.maybe("meaning-", meaning) if meaning else "",
    )


def clock_lines(record: Record, context: Context, now: datetime, pen: Pen) -> list[ClockLine]:
    """What runs first, by due time; then what has ended."""
    titles = {d.id: pen.text(d.title) for d in record.kind.deadlines}
    found = clocks(record, context.calendar, context.zone, now) if record.readable else ()
    lines = [ClockLine(c, titles[c.deadline], item_title(record, c.item)) for c in found]
    return sorted(lines, key=lambda ln: (ln.clock.stopped_at is not None, ln.clock.due_at))


def pauses(record: Record, pen: Pen) -> list[PauseLine]:
    titles = {p.id: pen.text(p.title) for p in record.kind.pauses}
    return [PauseLine(p, titles.get(p.reason, p.reason)) for p in record.pauses]


def links_out(record: Record, cells: Cells) -> list[LinkLine]:
    titles = {rule.rel: cells.call.pen.text(rule.title) for rule in record.kind.links}
    return [
        LinkLine(titles.get(link.rel, link.rel), brief(cells.call, link.record))
        for link in record.links
    ]


def links_in(record: Record, cells: Cells) -> list[LinkLine]:
    """Links and answers that name the record now, of records that the caller may see."""
    desk, visit = cells.call.house.desk, cells.call.visit
    found: list[LinkLine] = []
    for row in desk.archive.views.links.pointing_to(record.id, visit.guest.viewer(desk)):
        other = brief(cells.call, row.record)
        if other.seen:
            kind = desk.archive.ledger.get(row.record).kind
            found.append(LinkLine(_rel(kind, row.rel, row.field, cells.call.pen), other))
    return found


def _rel(kind: Kind, rel: str, field: str | None, pen: Pen) -> str:
    if field is None:
        return next((pen.text(r.title) for r in kind.links if r.rel == rel), rel)
    fields = (f for step in kind.steps for f in _nested(step.form.fields))
    title = next((pen.text(f.title) for f in fields if f.id == field), field)
    return f"{pen.word('named-in')} {title}"


def _nested(fields: Sequence[Field]) -> Iterator[Field]:
    for field in fields:
        yield field
        yield from _nested(field.rows)


def references_of(record: Record) -> list[tuple[str, str]]:
    """(type, value) by which the record is found, each once."""
    found: dict[tuple[str, str], None] = {}
    for entry in record.entries:
        step = record.kind.step(entry.step)
        if step is not None:
            found |= dict.fromkeys(references(step.form, entry.values))
    return list(found)


def files(history: Iterable[Recorded]) -> list[FileLine]:
    return [FileLine(file, r.event.version) for r in history for file in r.event.attachments]
