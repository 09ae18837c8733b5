"""Which events each source system sent, by the site's civil day on which they were recorded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from archive.evidence.instant import parse_time
from archive.views.database import Dialect, RecordChange, ViewDatabase


@dataclass(frozen=True, slots=True)
class Sent:
    """One event of a source. `source_id` is the id under which the source knows it."""

    leaf_index: int
    event_id: str
    source_id: str | None
    recorded_at: str


class SourcesView:
    """What a source's daily digest is made from (`archive.digests`). `zone`: the site's."""

    name = "sources"
    version = "1"

    def __init__(self, database: ViewDatabase, zone: ZoneInfo) -> None:
        self._database, self._zone = database, zone

    def tables(self, dialect: Dialect) -> Sequence[str]:  # noqa: ARG002 - the same words for both
        return (
            "CREATE TABLE sources_rows (leaf_index INTEGER PRIMARY KEY, source TEXT NOT NULL,"
            " day TEXT NOT NULL, record_id TEXT NOT NULL, event_id TEXT NOT NULL,"
            " source_id TEXT, recorded_at TEXT NOT NULL)",
            "CREATE INDEX sources_days ON sources_rows (source, day, leaf_index)",
            "CREATE INDEX sources_records ON sources_rows (record_id)",
        )

    def project(self, changes: Sequence[RecordChange]) -> None:
        self._database.executemany(
            "INSERT INTO sources_rows VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    change.leaf_index,
                    change.event.source,
                    self._day(change.recorded_at),
                    change.record_id,
                    change.event.event_id,
                    change.event.source_id,
                    change.recorded_at,
                )
                for change in changes
                if change.event.source is not None
            ],
        )

    def _day(self, recorded_at: str) -> str:
        return parse_time(recorded_at).astimezone(self._zone).date().isoformat()

    def purge(self, record_ids: Sequence[str]) -> None:
        self._database.forget("sources_rows", record_ids)

    def sources(self) -> list[str]:
        rows = self._database.query("SELECT DISTINCT source FROM sources_rows ORDER BY source")
        return [row[0] for row in rows]

    def last(self, source: str) -> Sent | None:
        """The latest event of a source."""
        rows = self._database.query(
            "SELECT leaf_index, event_id, source_id, recorded_at FROM sources_rows"
            " WHERE source = ? ORDER BY day DESC, leaf_index DESC LIMIT 1",
            (source,),
        )
        return Sent(*rows[0]) if rows else None

    def sent(self, source: str, day: date) -> Iterator[Sent]:
        """In order of the log."""
        for row in self._database.stream(
            "SELECT leaf_index, event_id, source_id, recorded_at FROM sources_rows"
            " WHERE source = ? AND day = ? ORDER BY leaf_index",
            (source, day.isoformat()),
        ):
            yield Sent(*row)
