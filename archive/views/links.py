"""Links between records, found from either end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archive.views.access import Viewer, visible
from archive.views.database import Dialect, RecordChange, Row, ViewDatabase
from domain.forms import named_records
from domain.record import Record


@dataclass(frozen=True, slots=True)
class LinkRow:
    """`record` points to `other`. `field` is the answer that names it; None for a link proper."""

    record: str
    rel: str
    other: str
    event: str | None
    field: str | None


class LinksView:
    """`kind` is that of the record that points: who may see a link sees the record that has it."""

    name = "links"
    version = "1"

    def __init__(self, database: ViewDatabase) -> None:
        self._database = database

    def tables(self, dialect: Dialect) -> Sequence[str]:  # noqa: ARG002 - the same words for both
        return (
            "CREATE TABLE links_rows (record_id TEXT NOT NULL, kind TEXT NOT NULL,"
            " rel TEXT NOT NULL, other TEXT NOT NULL, event TEXT, field TEXT)",
            "CREATE INDEX links_out ON links_rows (record_id)",
            "CREATE INDEX links_in ON links_rows (other)",
        )

    def project(self, changes: Sequence[RecordChange]) -> None:
        before: dict[str, set[Row]] = {}
        latest: dict[str, Record] = {}
        for change in changes:
            if change.record_id not in before:
                before[change.record_id] = _rows(change.before) if change.before else set()
            latest[change.record_id] = change.after
        after = {record_id: _rows(record) for record_id, record in latest.items()}
        changed = [r for r in after if after[r] != before[r]]
        self._database.executemany(
            "DELETE FROM links_rows WHERE record_id = ?", [(r,) for r in changed if before[r]]
        )
        self._database.executemany(
            "INSERT INTO links_rows VALUES (?, ?, ?, ?, ?, ?)",
            [row for r in changed for row in sorted(after[r], key=repr)],
        )

    def purge(self, record_ids: Sequence[str]) -> None:
        self._database.forget("links_rows", record_ids)

    def incoming(self, record_id: str) -> list[tuple[str, str]]:
        """(relation, record) of every link proper to a record, as rules look at them."""
        rows = self._database.query(
            "SELECT rel, record_id FROM links_rows WHERE other = ? AND field IS NULL"
            " ORDER BY rel, record_id",
            (record_id,),
        )
        return [(row[0], row[1]) for row in rows]

    def pointing_to(self, record_id: str, viewer: Viewer) -> list[LinkRow]:
        """Links and answers that name a record, of records that the viewer may see."""
        seen, parameters = visible(viewer, "l.record_id", "l.kind")
        rows = self._database.query(
            "SELECT l.record_id, l.rel, l.other, l.event, l.field FROM links_rows l"
            f" WHERE l.other = ? AND {seen} ORDER BY l.rel, l.record_id, l.field",
            (record_id, *parameters),
        )
        return [LinkRow(*row) for row in rows]

    def pointing_from(self, record_id: str) -> list[LinkRow]:
        """What a record points to; whoever may read it may see them."""
        rows = self._database.query(
            "SELECT record_id, rel, other, event, field FROM links_rows WHERE record_id = ?"
            " ORDER BY rel, other, field",
            (record_id,),
        )
        return [LinkRow(*row) for row in rows]


def _rows(record: Record) -> set[Row]:
    rows: set[Row] = {
        (record.id, record.kind.id, link.rel, link.record, link.event, None)
        for link in record.links
    }
    for entry in record.entries:
        step = record.kind.step(entry.step)
        for field, other in named_records(step.form, entry.values) if step else ():
            rows.add((record.id, record.kind.id, field.id, other, None, field.id))
    return rows
