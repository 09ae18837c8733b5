"""Every row of every view against a fresh replay of the log, at flat memory.

The views are worked out again from the records, as a first load does, and what they would write is
compared with what lies in the tables. The full-text index of SQLite keeps no texts to compare: the
texts it was made from are compared, and the index answers for itself when it is checked.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from archive.findings import Finding
from archive.loading import Plan, Taped, Whole, taped
from archive.store import Store
from archive.views.database import CREATED, DerivingView, View, ViewDatabase

_INSERT = re.compile(r"INSERT INTO (\w+)(?: \(([^)]*)\))?")
_INDEXES = frozenset({"search_pieces"})
CHUNK = 500

Progress = Callable[[int, int], None]
Rows = Counter[tuple[Any, ...]]


def suspects(
    plan: Plan,
    database: ViewDatabase,
    views: Sequence[View],
    batches: Iterator[list[Whole]],
    workers: int,
    told: Callable[[int], None],
) -> Iterator[tuple[str, str]]:
    """(view, record id) wherever a record's rows are not those of its replay.

    A record that moved on meanwhile is among them: compare it again when nothing moves.
    """
    named: deque[list[str]] = deque()
    tables = {view.name: tables_of(view, database) for view in views}

    def noted() -> Iterator[list[Whole]]:
        for batch in batches:
            named.append([whole.record_id for whole in batch])
            yield batch

    for tape in taped(plan, noted(), workers):
        yield from _differing(tape, named.popleft(), database, tables)
        told(tape.events)


def _differing(
    tape: Taped,
    records: Sequence[str],
    database: ViewDatabase,
    tables: Mapping[str, Sequence[str]],
) -> Iterator[tuple[str, str]]:
    if tape.unreadable is not None:
        yield from ((view, record) for view in tables for record in records)
        return
    known = set(records)
    marks = ", ".join("?" for _ in records)
    for view, names in tables.items():
        expected = _expected(tape.statements.get(view, ()))
        found: set[str] = set()
        for table in names:
            columns, rows = expected.get(table, ("*", Counter()))
            sql = f"SELECT {columns} FROM {table} WHERE record_id IN ({marks})"  # noqa: S608 - ours
            there = _counted(database.query(sql, tuple(records)))
            odd = (rows - there) + (there - rows)
            found.update(next(v for v in row if v in known) for row in odd)
        yield from ((view, record) for record in sorted(found))


def _expected(
    statements: Iterable[tuple[str, list[tuple[Any, ...]]]],
) -> dict[str, tuple[str, Rows]]:
    """Columns and rows that a load would write, by table."""
    expected: dict[str, tuple[str, Rows]] = {}
    for sql, rows in statements:
        insert = _INSERT.match(sql)
        if insert is not None:
            _, there = expected.setdefault(insert[1], (insert[2] or "*", Counter()))
            there.update(_counted(rows))
    return expected


def tables_of(view: View, database: ViewDatabase) -> list[str]:
    """The tables of a view that hold rows of records, apart from those derived from others."""
    created = CREATED.findall("; ".join(view.tables(database.dialect)))
    derived = view.derived if isinstance(view, DerivingView) else ()
    return [table for table in created if table not in _INDEXES and table not in derived]


def _counted(rows: Iterable[Sequence[Any]]) -> Rows:
    """Rows with how often they occur."""
    return Counter(tuple(map(_comparable, row)) for row in rows)


def _comparable(value: Any) -> Any:
    """A list of words is a set: PostgreSQL takes it as the text {a,b} and gives it as a list.
    None of these words is quoted, as the names of a JSON object are."""
    if isinstance(value, str) and value.startswith("{") and not value.startswith('{"'):
        value = value[1:-1].split(",")
    return frozenset(value) if isinstance(value, list) else value


def strangers(database: ViewDatabase, views: Iterable[View], store: Store) -> Iterator[Finding]:
    """Rows of records that the log does not have."""
    for view in views:
        for table in tables_of(view, database):
            sql = f"SELECT DISTINCT record_id FROM {table}"  # noqa: S608 - a name of ours
            ids = (row[0] for row in database.stream(sql))
            while chunk := list(islice(ids, CHUNK)):
                for record, version in store.versions(chunk).items():
                    if version == 0:
                        yield Finding("view", "no such record", record=record, part=view.name)


def astray(views: Iterable[View]) -> Iterator[Finding]:
    """Derived rows that do not follow from the others, which were compared with the log."""
    for view in views:
        if isinstance(view, DerivingView):
            for record in view.astray():
                yield Finding("view", record=record, part=view.name)
