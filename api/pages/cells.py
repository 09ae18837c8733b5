"""Answers as cells of a page: text, a table of rows, files to download, or records to open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from api.pages.calls import Call
from archive.ledger import NoSuchRecordError
from domain.describe import answer, subject
from domain.events import Attachment
from domain.kind import Field, Form
from domain.record import Entry, Record


@dataclass(frozen=True, slots=True)
class Brief:
    """Another record in a line. `seen` False: the caller may not know more than that it is."""

    record_id: str
    seen: bool
    kind: str = ""
    number: str = ""
    subject: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """An answer with its question. `rows` is a table: its heads first."""

    field: str
    title: str
    shape: Literal["text", "table", "files", "record"]
    text: str = ""
    heads: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    files: tuple[Attachment, ...] = ()
    record: Brief | None = None


@dataclass(frozen=True, slots=True)
class EntryShown:
    """A step as it stands, after corrections."""

    entry: Entry
    title: str
    item: str
    cells: tuple[Cell, ...]
    corrections: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Cells:
    """Makes cells for one record's page."""

    call: Call
    files: Mapping[str, Attachment]

    def entries(self, record: Record) -> Iterator[EntryShown]:
        for entry in record.entries:
            step = record.kind.step(entry.step)
            yield EntryShown(
                entry,
                self.call.pen.text(step.title) if step else entry.step,
                item_title(record, entry.item),
                tuple(self.form(step.form, entry.values)) if step else (),
                entry.corrected_by,
            )

    def form(self, form: Form, values: Mapping[str, Any]) -> Iterator[Cell]:
        for field in form.fields:
            if values.get(field.id) is not None:
                yield self.cell(field, values[field.id])

    def cell(self, field: Field, value: Any) -> Cell:
        title = self.call.pen.text(field.title)
        match field.type:
            case "rows" if isinstance(value, list):
                heads, rows = self._table(field.rows, value)
                return Cell(field.id, title, "table", heads=heads, rows=rows)
            case "attachments" if isinstance(value, list):
                found = tuple(self.files[v] for v in value if v in self.files)
                return Cell(field.id, title, "files", files=found)
            case "record" if isinstance(value, str):
                return Cell(field.id, title, "record", record=brief(self.call, value))
            case _:
                return Cell(field.id, title, "text", text=self.words(field, value))

    def words(self, field: Field, value: Any) -> str:
        pen = self.call.pen
        names = {file.id: file.name for file in self.files.values()}
        return answer(field, value, pen.language, pen.directory, pen.zone, names)

    def _table(
        self, fields: Sequence[Field], rows: Sequence[Mapping[str, Any]]
    ) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
        """Only the columns that some row answers."""
        used = [f for f in fields if any(row.get(f.id) is not None for row in rows)]
        heads = tuple(self.call.pen.text(f.title) for f in used)
        return heads, tuple(tuple(self.words(f, row.get(f.id)) for f in used) for row in rows)


def item_title(record: Record, key: str | None) -> str:
    for collection in record.kind.collections:
        child = record.items.get(collection.id, {}).get(key or "")
        if child is not None:
            return str(child.values.get(collection.label, key))
    return key or ""


def brief(call: Call, record_id: str) -> Brief:
    """A record that another one names; nothing of it where the caller may not see it."""
    desk = call.house.desk
    try:
        record = desk.archive.ledger.get(record_id)
    except NoSuchRecordError:
        return Brief(record_id, False)
    if not call.visit.guest.may_see(record, desk):
        return Brief(record_id, False)
    pen = call.pen
    return Brief(
        record_id,
        True,
        pen.text(record.kind.title),
        record.number or "",
        subject(record, pen.language, pen.directory),
        pen.state_title(record.kind.id, record.kind.version, record.state),
    )
