"""The worklist: what is due, late, unsigned, unacknowledged and unfiled, and by whom.

A row stands from the leaf that opened the matter to the one that closed or changed it, so that the
list can be shown as it was. Whether a matter is late is judged when somebody asks.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import orjson

from archive.evidence.instant import time_text
from archive.views.access import Viewer, meant, people, visible
from archive.views.database import Dialect, RecordChange, Row, ViewDatabase
from archive.views.outlook import Outlook, again
from domain.directory import Directory
from domain.matters import Matter, What
from domain.record import Record

MOST_ROWS = 500
_NEVER = "~"
Status = Literal["open", "paused", "overdue"]
_Entry = tuple[Row, frozenset[str]]


class WorklistError(Exception):
    """A question that cannot be answered; the message says how to ask."""


class BadCursor(WorklistError):
    def __init__(self) -> None:
        super().__init__("this is no cursor of the worklist: start again from the first page")


@dataclass(frozen=True, slots=True)
class Task:
    """One open matter of a record. `asked` are the words of those it waits for (`people` of
    `archive.views.access` gives their ids); `person` where it is one in particular."""

    record_id: str
    kind: str
    number: str | None
    what: What
    ref: str
    item: str | None
    person: str | None
    department: str | None
    since: str
    due_at: str | None
    provisional: bool
    paused: bool
    level: int | None
    advisory: bool
    reason: str
    asked: tuple[str, ...]

    def status(self, now: datetime) -> Status:
        if self.paused:
            return "paused"
        late = self.due_at is not None and time_text(now) > self.due_at
        return "overdue" if late and not self.advisory else "open"

    def waits_for(self, directory: Directory) -> frozenset[str]:
        """The people it waits for, by the directory of the moment."""
        return frozenset().union(*(people(word, directory) for word in self.asked))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked for. `asked`: words of a person (`archive.views.access.words`): what waits for
    them. `overdue_at`: what had run out by then, neither paused nor advisory."""

    asked: frozenset[str] | None = None
    whats: Sequence[What] = ()
    kinds: Sequence[str] = ()
    departments: Sequence[str] = ()
    record_id: str | None = None
    overdue_at: datetime | None = None
    due_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class WorklistPage:
    tasks: tuple[Task, ...]
    cursor: str | None


class WorklistView:
    name = "worklist"
    version = "2"

    def __init__(self, database: ViewDatabase, outlook: Outlook) -> None:
        self._database, self._outlook = database, outlook

    def tables(self, dialect: Dialect) -> Sequence[str]:  # noqa: ARG002 - the same words for both
        return _TABLES

    def finish_load(self) -> None:
        for statement in _INDEXES:
            self._database.execute(statement)

    # ---- projection

    def project(self, changes: Sequence[RecordChange]) -> None:
        by_record: dict[str, list[RecordChange]] = {}
        for change in changes:
            by_record.setdefault(change.record_id, []).append(change)
        known = self._live([r for r, c in by_record.items() if c[0].before is not None])
        closed: list[Row] = []
        begun: list[Row] = []
        asked: list[Row] = []
        for record_id, each in by_record.items():
            live = {key: (-1, entry) for key, entry in known.get(record_id, {}).items()}
            for change, now in zip(each, self._standing(each), strict=True):
                if now is None:
                    continue
                for key in [k for k, (_, entry) in live.items() if now.get(k) != entry]:
                    since, entry = live.pop(key)
                    if since < 0:
                        closed.append((change.leaf_index, record_id, key))
                    elif since < change.leaf_index:
                        _begin(begun, asked, record_id, key, entry, since, change.leaf_index)
                for key, entry in now.items():
                    live.setdefault(key, (change.leaf_index, entry))
            for key, (since, entry) in live.items():
                if since >= 0:
                    _begin(begun, asked, record_id, key, entry, since, None)
        self._database.executemany(
            "UPDATE worklist_rows SET until_leaf = ?"
            " WHERE record_id = ? AND matter = ? AND until_leaf IS NULL",
            closed,
        )
        self._database.executemany(_INSERT, begun)
        self._database.executemany("INSERT INTO worklist_asked VALUES (?, ?, ?, ?)", asked)

    def _standing(self, changes: Sequence[RecordChange]) -> Iterator[Mapping[str, _Entry] | None]:
        """A record's rows after each change; None where they are those of the change before."""
        before: Record | None = None
        matters: dict[str, Matter] = {}
        rows: dict[str, _Entry] = {}
        for change in changes:
            record = change.after
            found = {"/".join(m.key): m for m in self._outlook.matters(record, change.leaf_index)}
            same = before is not None and _says_the_same(before, record)
            if same and found == matters:
                yield None
                continue
            rows = {
                key: rows[key]
                if same and matters.get(key) == m
                else (_row(m, record), _asked(m, record))
                for key, m in found.items()
            }
            before, matters = record, found
            yield rows

    def _live(self, record_ids: Sequence[str]) -> dict[str, dict[str, _Entry]]:
        """The rows that stand now, with their words."""
        found: dict[str, dict[str, _Entry]] = {}
        for at in range(0, len(record_ids), 500):
            part = record_ids[at : at + 500]
            marks = ", ".join("?" * len(part))
            words: dict[tuple[str, str], set[str]] = {}
            for record_id, matter, word in self._database.query(
                "SELECT a.record_id, a.matter, a.word FROM worklist_asked a JOIN worklist_rows w"
                " ON w.record_id = a.record_id AND w.matter = a.matter"
                " AND w.from_leaf = a.from_leaf"
                f" WHERE w.until_leaf IS NULL AND w.record_id IN ({marks})",
                part,
            ):
                words.setdefault((record_id, matter), set()).add(word)
            for row in self._database.query(
                f"SELECT record_id, matter, {_SHOWN} FROM worklist_rows"
                f" WHERE until_leaf IS NULL AND record_id IN ({marks})",
                part,
            ):
                key = row[0], row[1]
                entry = tuple(row[2:]), frozenset(words.get(key, ()))
                found.setdefault(row[0], {})[row[1]] = entry
        return found

    def purge(self, record_ids: Sequence[str]) -> None:
        self._outlook.forget()
        for table in ("worklist_rows", "worklist_asked"):
            self._database.forget(table, record_ids)

    # ---- queries

    def page(
        self,
        viewer: Viewer,
        wanted: Wanted | None = None,
        *,
        limit: int = 50,
        cursor: str | None = None,
        known: int | None = None,
    ) -> WorklistPage:
        """Open matters that the viewer may see, the first due first, those without a due time last.

        `known`: as it was known in a log of so many leaves. Raises BadCursor.
        """
        limit = max(1, min(limit, MOST_ROWS))
        where, parameters = _where(viewer, wanted or Wanted(), known)
        if cursor is not None:
            where += " AND (w.sort, w.record_id, w.matter) > (?, ?, ?)"
            parameters += _read_cursor(cursor)
        rows = self._database.query(
            f"SELECT w.record_id, w.matter, w.from_leaf, w.sort, {_SHOWN_W} FROM worklist_rows w"
            f" WHERE {where} ORDER BY w.sort, w.record_id, w.matter LIMIT ?",
            (*parameters, limit + 1),
        )
        shown = rows[:limit]
        words = self._words(shown)
        tasks = tuple(_task(row, words.get((row[0], row[1], row[2]), ())) for row in shown)
        return WorklistPage(tasks, _cursor(shown[-1]) if len(rows) > limit else None)

    def _words(self, rows: Sequence[Row]) -> dict[tuple[str, str, int], tuple[str, ...]]:
        found: dict[tuple[str, str, int], tuple[str, ...]] = {}
        ids = sorted({row[0] for row in rows})
        marks = ", ".join("?" * len(ids)) or "NULL"
        for record_id, matter, leaf, word in self._database.query(
            "SELECT record_id, matter, from_leaf, word FROM worklist_asked"
            f" WHERE record_id IN ({marks}) ORDER BY word",
            ids,
        ):
            key = record_id, matter, leaf
            found[key] = (*found.get(key, ()), word)
        return found

    def counts(
        self, viewer: Viewer, wanted: Wanted | None = None, *, known: int | None = None
    ) -> dict[tuple[What, str | None], int]:
        """How many matters of each sort every department has."""
        where, parameters = _where(viewer, wanted or Wanted(), known)
        rows = self._database.query(
            "SELECT w.what, w.department, count(*) FROM worklist_rows w"
            f" WHERE {where} GROUP BY w.what, w.department",
            parameters,
        )
        return {(row[0], row[1]): row[2] for row in rows}


_FIELDS = (
    "kind", "number", "what", "ref", "item", "person", "department", "since", "due_at",
    "provisional", "paused", "level", "advisory", "reason",
)  # fmt: skip
_SHOWN = ", ".join(_FIELDS)
_SHOWN_W = ", ".join(f"w.{f}" for f in _FIELDS)
_INSERT = (
    f"INSERT INTO worklist_rows (record_id, matter, {_SHOWN}, sort, from_leaf, until_leaf)"
    f" VALUES ({', '.join('?' * (len(_FIELDS) + 5))})"
)
_TABLES = (
    "CREATE TABLE worklist_rows (record_id TEXT NOT NULL, matter TEXT NOT NULL,"
    " kind TEXT NOT NULL, number TEXT, what TEXT NOT NULL, ref TEXT NOT NULL, item TEXT,"
    " person TEXT, department TEXT, since TEXT NOT NULL, due_at TEXT,"
    " provisional INTEGER NOT NULL, paused INTEGER NOT NULL, level INTEGER,"
    " advisory INTEGER NOT NULL, reason TEXT NOT NULL, sort TEXT NOT NULL,"
    " from_leaf INTEGER NOT NULL, until_leaf INTEGER)",
    "CREATE TABLE worklist_asked (record_id TEXT NOT NULL, matter TEXT NOT NULL,"
    " from_leaf INTEGER NOT NULL, word TEXT NOT NULL)",
)
_INDEXES = (
    "CREATE INDEX worklist_of ON worklist_rows (record_id, matter)",
    "CREATE INDEX worklist_sorted ON worklist_rows (sort, record_id, matter)"
    " WHERE until_leaf IS NULL",
    "CREATE INDEX worklist_words ON worklist_asked (word, record_id)",
    "CREATE INDEX worklist_asked_of ON worklist_asked (record_id)",
)


def _says_the_same(before: Record, after: Record) -> bool:
    """Whether equal matters of both give equal rows: `_row` and `_asked` look at nothing else."""
    return (
        after.entries is before.entries
        and after.items is before.items
        and (after.number, after.department, after.opened_by)
        == (before.number, before.department, before.opened_by)
    )


def _row(matter: Matter, record: Record) -> Row:
    return (
        record.kind.id,
        record.number,
        matter.what,
        matter.ref,
        matter.item,
        matter.person,
        record.department,
        again(matter.since),
        again(matter.due_at) if matter.due_at else None,
        int(matter.provisional),
        int(matter.paused),
        matter.level,
        int(matter.advisory),
        matter.reason,
    )


def _asked(matter: Matter, record: Record) -> frozenset[str]:
    if matter.person is not None:
        return frozenset({f"p:{matter.person}"})
    values = _item_values(record, matter.item) if matter.item else {}
    return meant(matter.who, record, values)


def _item_values(record: Record, key: str) -> Mapping[str, Any]:
    found = (c[key].values for c in record.items.values() if key in c)
    return next(found, {})


def _begin(
    rows: list[Row],
    words: list[Row],
    record_id: str,
    key: str,
    entry: _Entry,
    since: int,
    until: int | None,
) -> None:
    shown, asked = entry
    paused, due = shown[10], shown[8]
    sort = _NEVER if paused or due is None else due
    rows.append((record_id, key, *shown, sort, since, until))
    words.extend((record_id, key, since, word) for word in sorted(asked))


def _where(viewer: Viewer, wanted: Wanted, known: int | None) -> tuple[str, list[Any]]:
    tests: list[str] = []
    parameters: list[Any] = []

    def test(sql: str, *values: Any) -> None:
        tests.append(sql)
        parameters.extend(values)

    if known is None:
        test("w.until_leaf IS NULL")
    else:
        test("w.from_leaf < ? AND (w.until_leaf IS NULL OR w.until_leaf >= ?)", known, known)
    for column, values in (
        ("what", wanted.whats),
        ("kind", wanted.kinds),
        ("department", wanted.departments),
    ):
        if values:
            test(f"w.{column} IN ({', '.join('?' * len(values))})", *values)
    if wanted.record_id is not None:
        test("w.record_id = ?", wanted.record_id)
    if wanted.overdue_at is not None:
        test("w.sort < ? AND w.advisory = 0", time_text(wanted.overdue_at))
    if wanted.due_before is not None:
        test("w.sort < ?", time_text(wanted.due_before))
    if wanted.asked is not None:
        marks = ", ".join("?" * len(wanted.asked)) or "NULL"
        test(
            "EXISTS (SELECT 1 FROM worklist_asked a WHERE a.record_id = w.record_id"
            f" AND a.matter = w.matter AND a.from_leaf = w.from_leaf AND a.word IN ({marks}))",
            *sorted(wanted.asked),
        )
    seen, words = visible(viewer, "w.record_id", "w.kind")
    test(seen, *words)
    return " AND ".join(tests), parameters


def _task(row: Row, asked: tuple[str, ...]) -> Task:
    shown: list[Any] = [row[0], *row[4:], asked]
    for truth in (10, 11, 13):
        shown[truth] = bool(shown[truth])
    return Task(*shown)


def _cursor(row: Row) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([row[3], row[0], row[1]])).decode()


def _read_cursor(cursor: str) -> list[str]:
    try:
        said = orjson.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
    except (ValueError, binascii.Error):
        raise BadCursor from None
    match said:
        case [str(sort), str(record_id), str(matter)]:
            return [sort, record_id, matter]
        case _:
            raise BadCursor
