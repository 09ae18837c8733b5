"""The register: one row for each record and each version of it, so that any list can be shown as it
was known at any time. Sorted, filtered and paged inside SQL, together with who may see what.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from typing import Any, Literal

import orjson

from archive.evidence.instant import time_text
from archive.folding import fold
from archive.views.access import Viewer, visible
from archive.views.database import Dialect, RecordChange, Row, ViewDatabase
from archive.views.outlook import Outlook, again
from domain.access import confidential
from domain.describe import subject
from domain.forms import references
from domain.kind import Field, Form
from domain.kinds import find
from domain.record import Record

Sort = Literal["recorded", "opened", "number", "activity", "due", "subject", "state", "kind"]
_SORTS: Mapping[Sort, str] = {
    "recorded": "r.opened_leaf",
    "opened": "r.opened_at",
    "number": "coalesce(r.number, '~')",
    "activity": "r.last_at",
    "due": "coalesce(r.next_due, '~')",
    "subject": "r.subject",
    "state": "r.state",
    "kind": "r.kind",
}
MOST_ROWS = 500


class RegisterError(Exception):
    """A question that cannot be answered; the message says how to ask."""


class BadCursor(RegisterError):
    def __init__(self) -> None:
        super().__init__("this is no cursor of this list: start again from the first page")


@dataclass(frozen=True, slots=True)
class Line:
    """A record as it stands, or stood. Times are canonical texts."""

    record_id: str
    number: str | None
    kind: str
    kind_version: int
    subject: str
    subject_en: str
    state: str
    department: str | None
    confidential: bool
    internal: bool
    imported: bool
    readable: bool
    opened_by: str | None
    opened_at: str
    """As claimed; `recorded_at` is the log's time of the opening."""
    recorded_at: str
    last_at: str
    filed_on: str | None
    version: int
    edition: int
    unsigned: int
    unacknowledged: int
    next_due: str | None
    """The first clock that runs, is not advisory and does not stand still."""
    provisional: bool
    opened_leaf: int


_COLUMNS = tuple(f.name for f in fields(Line))
_TRUTHS = {n for n, f in enumerate(fields(Line)) if f.type == "bool"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What is asked for; what is not said does not matter.

    `number`: how it begins. `reference`: (type or None, value), as folded for search.
    `overdue_at`: records with a clock that had run out by then. `opened_from` <= claimed opening
    < `opened_until`. `internal` records (people, calendars) are listed only when asked for.
    """

    kinds: Sequence[str] = ()
    states: Sequence[str] = ()
    departments: Sequence[str] = ()
    number: str | None = None
    reference: tuple[str | None, str] | None = None
    filed: bool | None = None
    imported: bool | None = None
    confidential: bool | None = None
    opened_from: datetime | None = None
    opened_until: datetime | None = None
    overdue_at: datetime | None = None
    internal: bool = False


@dataclass(frozen=True, slots=True)
class RegisterPage:
    lines: tuple[Line, ...]
    cursor: str | None


class RegisterView:
    """`opening` gives a record's first leaf."""

    name = "register"
    version = "1"

    def __init__(
        self, database: ViewDatabase, outlook: Outlook, opening: Callable[[str], int]
    ) -> None:
        self._database, self._outlook, self._opening = database, outlook, opening

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
        closed = [(c[0].leaf_index, r) for r, c in by_record.items() if c[0].before is not None]
        self._database.executemany(
            "UPDATE register_rows SET until_leaf = ? WHERE record_id = ? AND until_leaf IS NULL",
            closed,
        )
        rows = (row for each in by_record.values() for row in self._rows(each))
        marks = ", ".join("?" * (len(_COLUMNS) + 2))
        self._database.executemany(
            f"INSERT INTO register_rows ({', '.join(_COLUMNS)}, from_leaf, until_leaf)"
            f" VALUES ({marks})",
            rows,
        )
        self._refer(by_record)

    def _rows(self, changes: Sequence[RecordChange]) -> Iterator[Row]:
        opened = self._opening(changes[0].record_id)
        ends = [c.leaf_index for c in changes[1:]]
        entries, words = None, ("", "")
        for change, until in zip(changes, [*ends, None], strict=True):
            record = change.after
            if record.entries is not entries or not record.readable or not words[0]:
                entries, words = record.entries, (subject(record, "zh"), subject(record, "en"))
            line = self._line(record, words, change.leaf_index, opened)
            yield (*line, change.leaf_index, until)

    def _line(self, record: Record, words: tuple[str, str], leaf: int, opened: int) -> Row:
        due, provisional = self._outlook.next_due(record, leaf)
        zh, en = words
        return (
            record.id,
            record.number,
            record.kind.id,
            record.kind.version,
            zh,
            en,
            record.state,
            record.department,
            int(confidential(record)),
            int(record.kind.internal),
            int(record.provenance is not None),
            int(record.readable),
            record.opened_by,
            again(record.opened_at),
            again(record.entries[0].recorded_at if record.entries else record.recorded_at),
            again(record.recorded_at),
            record.filing.base_date if record.filing else None,
            record.version,
            record.edition,
            len(record.open_slots()),
            sum(r.acknowledge and r.at is None for r in record.receipts),
            due,
            int(provisional),
            opened,
        )

    def _refer(self, by_record: Mapping[str, Sequence[RecordChange]]) -> None:
        """References by which records are found, from the leaf that said them to the one that
        said otherwise."""
        ended: list[Row] = []
        begun: list[Row] = []
        for record_id, changes in by_record.items():
            live = dict.fromkeys(_references(changes[0].before), -1)
            for change in changes:
                if change.before is not None and change.before.entries is change.after.entries:
                    continue
                now = _references(change.after)
                for key in sorted(live.keys() - now):
                    since = live.pop(key)
                    if since < 0:
                        ended.append((change.leaf_index, record_id, *key))
                    else:
                        begun.append((record_id, *key, fold(key[1]), since, change.leaf_index))
                live.update(dict.fromkeys(now - live.keys(), change.leaf_index))
            begun += [(record_id, *k, fold(k[1]), s, None) for k, s in live.items() if s >= 0]
        self._database.executemany(
            "UPDATE register_references SET until_leaf = ?"
            " WHERE record_id = ? AND type = ? AND value = ? AND until_leaf IS NULL",
            ended,
        )
        self._database.executemany(
            "INSERT INTO register_references VALUES (?, ?, ?, ?, ?, ?)", begun
        )

    def purge(self, record_ids: Sequence[str]) -> None:
        for table in ("register_rows", "register_references"):
            self._database.forget(table, record_ids)

    def provisional(self) -> list[str]:
        """Records with a due time that a calendar not yet published may still move."""
        rows = self._database.query(
            "SELECT record_id FROM register_rows WHERE until_leaf IS NULL AND provisional = 1"
            " ORDER BY opened_leaf"
        )
        return [row[0] for row in rows]

    # ---- queries

    def line(self, record_id: str) -> Line | None:
        """A record as it stands, whoever asks."""
        rows = self._database.query(
            f"SELECT {', '.join(_COLUMNS)} FROM register_rows"
            " WHERE record_id = ? AND until_leaf IS NULL",
            (record_id,),
        )
        return _to_line(rows[0]) if rows else None

    def page(
        self,
        viewer: Viewer,
        wanted: Filter | None = None,
        *,
        sort: Sort = "recorded",
        descending: bool = True,
        limit: int = 50,
        cursor: str | None = None,
        known: int | None = None,
    ) -> RegisterPage:
        """A page of what the viewer may see. `known`: as it was known in a log of so many leaves
        (`Store.size_at`). Raises BadCursor."""
        limit = max(1, min(limit, MOST_ROWS))
        column = _SORTS[sort]
        where, parameters = _where(viewer, wanted or Filter(), known)
        if cursor is not None:
            value, leaf = _read_cursor(cursor, sort, descending, known)
            where += f" AND ({column}, r.opened_leaf) {'<' if descending else '>'} (?, ?)"
            parameters += [value, leaf]
        way = "DESC" if descending else "ASC"
        rows = self._database.query(
            f"SELECT {', '.join('r.' + c for c in _COLUMNS)}, {column} FROM register_rows r"
            f" WHERE {where} ORDER BY {column} {way}, r.opened_leaf {way} LIMIT ?",
            (*parameters, limit + 1),
        )
        lines = tuple(_to_line(row[:-1]) for row in rows[:limit])
        following = None
        if len(rows) > limit:
            last = rows[limit - 1]
            following = _cursor(sort, descending, known, last[-1], lines[-1].opened_leaf)
        return RegisterPage(lines, following)

    def count(
        self, viewer: Viewer, wanted: Filter | None = None, *, known: int | None = None
    ) -> int:
        where, parameters = _where(viewer, wanted or Filter(), known)
        rows = self._database.query(
            f"SELECT count(*) FROM register_rows r WHERE {where}", parameters
        )
        return int(rows[0][0])

    def references(self, record_id: str) -> list[tuple[str, str]]:
        """(type, value) by which the record is found now."""
        rows = self._database.query(
            "SELECT type, value FROM register_references"
            " WHERE record_id = ? AND until_leaf IS NULL ORDER BY type, value",
            (record_id,),
        )
        return [(row[0], row[1]) for row in rows]


_TABLES = (
    "CREATE TABLE register_rows (record_id TEXT NOT NULL, number TEXT, kind TEXT NOT NULL,"
    " kind_version INTEGER NOT NULL, subject TEXT NOT NULL, subject_en TEXT NOT NULL,"
    " state TEXT NOT NULL, department TEXT, confidential INTEGER NOT NULL,"
    " internal INTEGER NOT NULL, imported INTEGER NOT NULL, readable INTEGER NOT NULL,"
    " opened_by TEXT, opened_at TEXT NOT NULL, recorded_at TEXT NOT NULL, last_at TEXT NOT NULL,"
    " filed_on TEXT, version INTEGER NOT NULL, edition INTEGER NOT NULL,"
    " unsigned INTEGER NOT NULL, unacknowledged INTEGER NOT NULL, next_due TEXT,"
    " provisional INTEGER NOT NULL, opened_leaf INTEGER NOT NULL,"
    " from_leaf INTEGER NOT NULL, until_leaf INTEGER)",
    "CREATE TABLE register_references (record_id TEXT NOT NULL, type TEXT NOT NULL,"
    " value TEXT NOT NULL, folded TEXT NOT NULL, from_leaf INTEGER NOT NULL, until_leaf INTEGER)",
)
_INDEXES = (
    "CREATE INDEX register_history ON register_rows (record_id, from_leaf)",
    "CREATE UNIQUE INDEX register_current ON register_rows (record_id) WHERE until_leaf IS NULL",
    "CREATE INDEX register_opened ON register_rows (opened_leaf) WHERE until_leaf IS NULL",
    "CREATE INDEX register_kind ON register_rows (kind, opened_leaf) WHERE until_leaf IS NULL",
    "CREATE INDEX register_activity ON register_rows (last_at) WHERE until_leaf IS NULL",
    "CREATE INDEX register_number ON register_rows (number) WHERE until_leaf IS NULL",
    "CREATE INDEX register_due ON register_rows (next_due)"
    " WHERE until_leaf IS NULL AND next_due IS NOT NULL",
    "CREATE INDEX register_referred ON register_references (folded, type)",
    "CREATE INDEX register_refers ON register_references (record_id)",
)


def _where(viewer: Viewer, wanted: Filter, known: int | None) -> tuple[str, list[Any]]:
    tests = [
        _then("r", known),
        *_one_of(wanted),
        *_truths(wanted),
        *_spans(wanted),
        visible(viewer, "r.record_id", "r.kind"),
    ]
    if wanted.reference is not None:
        tests.append(_referred(*wanted.reference, known))
    return " AND ".join(t for t, _ in tests), [p for _, values in tests for p in values]


_Test = tuple[str, Sequence[Any]]


def _one_of(wanted: Filter) -> Iterator[_Test]:
    for column, values in (
        ("kind", wanted.kinds),
        ("state", wanted.states),
        ("department", wanted.departments),
    ):
        if values:
            yield f"r.{column} IN ({', '.join('?' * len(values))})", values


def _truths(wanted: Filter) -> Iterator[_Test]:
    for column, truth in (("imported", wanted.imported), ("confidential", wanted.confidential)):
        if truth is not None:
            yield f"r.{column} = ?", (int(truth),)
    if wanted.filed is not None:
        yield f"r.filed_on IS {'NOT ' if wanted.filed else ''}NULL", ()
    if not wanted.internal:
        yield "r.internal = 0", ()


def _spans(wanted: Filter) -> Iterator[_Test]:
    if wanted.number is not None:
        # U+10FFFF sorts after every character that a number may go on with.
        yield "r.number >= ? AND r.number < ?", (wanted.number, wanted.number + "\U0010ffff")
    if wanted.opened_from is not None:
        yield "r.opened_at >= ?", (time_text(wanted.opened_from),)
    if wanted.opened_until is not None:
        yield "r.opened_at < ?", (time_text(wanted.opened_until),)
    if wanted.overdue_at is not None:
        yield "r.next_due < ?", (time_text(wanted.overdue_at),)


def _referred(kind: str | None, value: str, known: int | None) -> _Test:
    then, at = _then("f", known)
    typed = " AND f.type = ?" if kind is not None else ""
    return (
        "EXISTS (SELECT 1 FROM register_references f WHERE f.record_id = r.record_id"
        f" AND f.folded = ?{typed} AND {then})",
        (fold(value), *((kind,) if kind is not None else ()), *at),
    )


def _then(alias: str, known: int | None) -> _Test:
    """What was true when the log had so many leaves; now, where None."""
    if known is None:
        return f"{alias}.until_leaf IS NULL", ()
    return f"{alias}.from_leaf < ? AND ({alias}.until_leaf IS NULL OR {alias}.until_leaf >= ?)", (
        known,
        known,
    )


def _to_line(row: Row) -> Line:
    said: list[Any] = [bool(v) if n in _TRUTHS else v for n, v in enumerate(row)]
    return Line(*said)


def _cursor(sort: Sort, descending: bool, known: int | None, value: Any, leaf: int) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([sort, descending, known, value, leaf])).decode()


def _read_cursor(cursor: str, sort: Sort, descending: bool, known: int | None) -> tuple[Any, int]:
    try:
        said = orjson.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
    except (ValueError, binascii.Error):
        raise BadCursor from None
    leaf_sort = sort == "recorded"
    match said:
        case [str(of), bool(way), was, (str() | int()) as value, int(leaf)] if (
            (of, way, was) == (sort, descending, known)
            and isinstance(value, int) == leaf_sort
            and 0 <= leaf < 2**63
            and (not isinstance(value, int) or 0 <= value < 2**63)
        ):
            return value, leaf
        case _:
            raise BadCursor


def _references(record: Record | None) -> set[tuple[str, str]]:
    if record is None:
        return set()
    forms = _referring(record.kind.id, record.kind.version)
    return {
        pair
        for entry in record.entries
        if entry.step in forms
        for pair in references(forms[entry.step], entry.values)
    }


@cache
def _referring(kind_id: str, version: int) -> Mapping[str, Form]:
    """The forms of a kind that ask for references, by step."""
    steps = find(kind_id, version).steps
    return {s.id: s.form for s in steps if any(_refers(f) for f in s.form.fields)}


def _refers(field: Field) -> bool:
    return field.reference is not None or any(_refers(f) for f in field.rows)
