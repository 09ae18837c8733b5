"""The numbers that people say (KS-2026-00017): given without gaps, so a missing one needs a reason.

A number stands in its leaf and outlives the record's content: a disposed record keeps its number.
Only a leaf that is not there can make a gap, and nothing explains that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from archive.views.database import Dialect, RecordChange, ViewDatabase

UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers `first` to `last` that no record has."""

    first: int
    last: int
    reason: str = UNEXPLAINED


@dataclass(frozen=True, slots=True)
class Series:
    """The numbers of one prefix and year. `disposed`: given, but the content was destroyed."""

    prefix: str
    year: int
    first: int
    last: int
    given: int
    gaps: tuple[Gap, ...]
    disposed: tuple[str, ...]


class NumbersView:
    name = "numbers"
    version = "1"

    def __init__(self, database: ViewDatabase) -> None:
        self._database = database

    def tables(self, dialect: Dialect) -> Sequence[str]:  # noqa: ARG002 - the same words for both
        return (
            "CREATE TABLE numbers_given (record_id TEXT PRIMARY KEY, number TEXT NOT NULL,"
            " prefix TEXT NOT NULL, year INTEGER NOT NULL, n INTEGER NOT NULL,"
            " readable INTEGER NOT NULL)",
            "CREATE UNIQUE INDEX numbers_series ON numbers_given (prefix, year, n)",
        )

    def project(self, changes: Sequence[RecordChange]) -> None:
        rows = []
        for change in changes:
            number = change.after.number
            if change.before is None and number is not None:
                prefix, year, n = number.split("-")
                readable = int(change.event.readable)
                rows.append((change.record_id, number, prefix, int(year), int(n), readable))
        self._database.executemany("INSERT INTO numbers_given VALUES (?, ?, ?, ?, ?, ?)", rows)

    def purge(self, record_ids: Sequence[str]) -> None:
        self._database.forget("numbers_given", record_ids)

    def record(self, prefix: str, year: int, n: int) -> str | None:
        """The id of the record that was given this number."""
        rows = self._database.query(
            "SELECT record_id FROM numbers_given WHERE prefix = ? AND year = ? AND n = ?",
            (prefix, year, n),
        )
        return str(rows[0][0]) if rows else None

    def series(self) -> list[Series]:
        """Every prefix and year, with what is missing in it; counting begins at 1."""
        rows = self._database.stream(
            "SELECT prefix, year, n, number, readable FROM numbers_given ORDER BY prefix, year, n"
        )
        found = []
        for (prefix, year), group in groupby(rows, key=lambda row: (row[0], row[1])):
            first, last, given = 0, 0, 0
            gaps: list[Gap] = []
            disposed: list[str] = []
            for _, _, n, number, readable in group:
                if n > last + 1:
                    gaps.append(Gap(last + 1, n - 1))
                if not readable:
                    disposed.append(number)
                first, last, given = first or n, n, given + 1
            found.append(Series(prefix, year, first, last, given, tuple(gaps), tuple(disposed)))
        return found
