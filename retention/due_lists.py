"""The lists that retention shows: what is due, held, waiting, unfiled; and a record's own line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import orjson

from archive.views.access import EVERYTHING, Viewer, visible
from archive.views.database import Row, ViewDatabase
from domain.kind import Text
from retention.assessment import Blocker

MOST_ROWS = 500
Cursor = tuple[str, str] | None


class Line(NamedTuple):
    """A record, or a paper copy of one, and what retention says of it. Dates are ISO texts.

    `due_from`: the first day on which it is due, if it is `running`; None while nothing runs.
    `of`: the record of which a paper copy is one, else its own id. `together`: the first id of the
    group that goes together, of `members` records. `unfiled_since`: the day from which it could
    have been filed. A named tuple, because a page makes many: a dataclass takes four times as long.
    """

    record_id: str
    of: str
    medium: str
    kind: str
    number: str | None
    department: str | None
    status: str
    base_date: str | None
    last_day: str | None
    due_from: str | None
    rule_id: str | None
    rule_version: int | None
    code: str | None
    unfiled_since: str | None
    together: str
    members: int
    blockers: tuple[Blocker, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """`after` asks for the rows that follow; None after the last."""

    lines: tuple[Line, ...]
    after: Cursor


COLUMNS = Line._fields
_SHOWN = ", ".join(f"d.{name}" for name in COLUMNS)
_WAITS = "d.code IS NOT NULL AND d.code <> 'PERMANENT' AND d.status <> 'unfiled'"
"""In the words of the index that serves it."""


class DueLists:
    """Questions to the due view. Each is a range of one index, whatever the day."""

    def __init__(self, database: ViewDatabase) -> None:
        self._database = database

    def due(
        self,
        today: date,
        viewer: Viewer = EVERYTHING,
        *,
        after: Cursor = None,
        limit: int = 50,
    ) -> Page:
        """What may go today, what became due first first."""
        test, values = "d.due_from <= ?", (today.isoformat(),)
        return self._page("due_from", test, values, viewer, after, limit)

    def held(self, viewer: Viewer = EVERYTHING, *, after: Cursor = None, limit: int = 50) -> Page:
        """What is under legal hold, or bound to what is; by which hold is among the blockers."""
        return self._page("status", f"d.status = 'held' AND {_WAITS}", (), viewer, after, limit)

    def pending(
        self, viewer: Viewer = EVERYTHING, *, after: Cursor = None, limit: int = 50
    ) -> Page:
        """What waits for a trigger; for which is among the blockers."""
        return self._page("status", f"d.status = 'pending' AND {_WAITS}", (), viewer, after, limit)

    def blocked(
        self, viewer: Viewer = EVERYTHING, *, after: Cursor = None, limit: int = 50
    ) -> Page:
        """What may not go for another reason than these, apart from what is kept for ever."""
        return self._page("status", f"d.status = 'blocked' AND {_WAITS}", (), viewer, after, limit)

    def unfiled(
        self,
        before: date,
        viewer: Viewer = EVERYTHING,
        *,
        after: Cursor = None,
        limit: int = 50,
    ) -> Page:
        """What could have been filed since a day before this one, and is not (R14)."""
        test, values = "d.unfiled_since < ?", (before.isoformat(),)
        return self._page("unfiled_since", test, values, viewer, after, limit)

    def by_rule(
        self,
        rule_id: str,
        viewer: Viewer = EVERYTHING,
        *,
        after: Cursor = None,
        limit: int = 50,
    ) -> Page:
        """What is kept longest by a rule."""
        return self._page("rule_id", "d.rule_id = ?", (rule_id,), viewer, after, limit)

    def line(self, record_id: str) -> Line | None:
        """A record, or a paper copy, whoever asks."""
        sql = f"SELECT {_SHOWN} FROM due_dates d WHERE d.record_id = ?"
        rows = self._database.query(sql, (record_id,))
        return _line(rows[0]) if rows else None

    def next_months(
        self, today: date, months: int = 12, viewer: Viewer = EVERYTHING
    ) -> list[tuple[str, int]]:
        """How many fall due in the month of today and those after it (`2026-11`): from tomorrow
        on, as what is due already is another list."""
        first = today.year * 12 + today.month - 1
        names = [f"{n // 12:04d}-{n % 12 + 1:02d}" for n in range(first, first + months)]
        seen, words = visible(viewer, "d.record_id", "d.kind")
        rows = self._database.query(
            "SELECT substr(d.due_from, 1, 7), count(*) FROM due_dates d"
            f" WHERE d.due_from > ? AND d.due_from < ? AND {seen} GROUP BY 1",
            (today.isoformat(), f"{names[-1]}~", *words),
        )
        counts = {row[0]: int(row[1]) for row in rows}
        return [(name, counts.get(name, 0)) for name in names]

    def counts(self, today: date, viewer: Viewer = EVERYTHING) -> dict[str, int]:
        """How many are due, held, pending, blocked, and unfiled though they could be filed."""
        seen, words = visible(viewer, "d.record_id", "d.kind")
        tests: dict[str, tuple[str, tuple[str, ...]]] = {
            "due": ("d.due_from <= ?", (today.isoformat(),)),
            "held": (f"d.status = 'held' AND {_WAITS}", ()),
            "pending": (f"d.status = 'pending' AND {_WAITS}", ()),
            "blocked": (f"d.status = 'blocked' AND {_WAITS}", ()),
            "unfiled": ("d.unfiled_since IS NOT NULL", ()),
        }
        return {
            name: int(
                self._database.query(
                    f"SELECT count(*) FROM due_dates d WHERE {test} AND {seen}", (*given, *words)
                )[0][0]
            )
            for name, (test, given) in tests.items()
        }

    def _page(
        self,
        column: str,
        test: str,
        given: tuple[str, ...],
        viewer: Viewer,
        after: Cursor,
        limit: int,
    ) -> Page:
        limit = max(1, min(limit, MOST_ROWS))
        seen, words = visible(viewer, "d.record_id", "d.kind")
        following = f" AND (d.{column}, d.record_id) > (?, ?)" if after is not None else ""
        rows = self._database.query(
            f"SELECT {_SHOWN} FROM due_dates d WHERE {test}{following} AND {seen}"
            f" ORDER BY d.{column}, d.record_id LIMIT ?",
            (*given, *(after or ()), *words, limit + 1),
        )
        lines = tuple(map(_line, rows[:limit]))
        last = lines[-1] if len(rows) > limit else None
        return Page(lines, (getattr(last, column), last.record_id) if last else None)


def _line(row: Row) -> Line:
    return Line._make((*row[:-1], _blockers(row[-1]) if row[-1] is not None else ()))


def _blockers(said: str) -> tuple[Blocker, ...]:
    return tuple(Blocker(c, Text(zh=zh, en=en), r) for c, zh, en, r in orjson.loads(said))
