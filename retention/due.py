"""What is due, what is held, what waits and for what: the view from which disposal lists are made.

What a record says of itself is written as it is read. When it may go follows from that, from the
records it is bound to, from its paper copies and from the policy; it is worked out anew for what
an event touches, and kept as dates, so that nothing changes by the mere passing of a day. What the
list shows is a proposal: whoever lists or destroys asks the log (`retention.ledgers`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from archive.views.access import EVERYTHING, Viewer, visible
from archive.views.catalogue import Standing
from archive.views.database import Dialect, RecordChange, Row, ViewDatabase
from domain.kind import Text
from domain.record import Record
from retention.assessment import Blocker, assess, assess_copy
from retention.due_facts import FACTS, Facts, facts_of
from retention.holding import Copy, Holding
from retention.ledgers import topics
from retention.policy import Policy
from retention.touching import Reach, reach

CHUNK = 500
MOST_ROWS = 500
MOST_BLOCKERS = 20
"""That a line names, of those that a group may have by the hundred."""
Cursor = tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class Line:
    """A record, or a paper copy of one, and what retention says of it. Dates are ISO texts.

    `due_from`: the first day on which it is due, if it is `running`; None while nothing runs.
    `of`: the record of which a paper copy is one, else its own id. `together`: the first id of the
    group that goes together, of `members` records. `unfiled_since`: the day from which it could
    have been filed.
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


_COLUMNS = tuple(f.name for f in fields(Line))
_SHOWN = ", ".join(f"d.{name}" for name in _COLUMNS)
_TABLES = (
    "CREATE TABLE due_records (record_id TEXT NOT NULL, kind TEXT NOT NULL, number TEXT,"
    " department TEXT, unfiled_since TEXT, copy_of TEXT, holding TEXT NOT NULL)",
    "CREATE TABLE due_bonds (record_id TEXT NOT NULL, other TEXT NOT NULL)",
    "CREATE TABLE due_references (record_id TEXT NOT NULL, type TEXT NOT NULL,"
    " value TEXT NOT NULL)",
    "CREATE TABLE due_dates (record_id TEXT NOT NULL, of TEXT NOT NULL, medium TEXT NOT NULL,"
    " kind TEXT NOT NULL, number TEXT, department TEXT, status TEXT NOT NULL, base_date TEXT,"
    " last_day TEXT, due_from TEXT, rule_id TEXT, rule_version INTEGER, code TEXT,"
    " unfiled_since TEXT, together TEXT NOT NULL, members INTEGER NOT NULL, blockers TEXT)",
)
_FACT_INDEXES = (
    "CREATE UNIQUE INDEX due_record ON due_records (record_id)",
    "CREATE INDEX due_kinds ON due_records (kind, record_id)",
    "CREATE INDEX due_departments ON due_records (department, record_id)",
    "CREATE INDEX due_numbers ON due_records (number) WHERE number IS NOT NULL",
    "CREATE INDEX due_copies ON due_records (copy_of) WHERE copy_of IS NOT NULL",
    "CREATE INDEX due_bonds_out ON due_bonds (record_id)",
    "CREATE INDEX due_bonds_in ON due_bonds (other)",
    "CREATE INDEX due_referred ON due_references (type, value, record_id)",
    "CREATE INDEX due_refers ON due_references (record_id)",
)
_DATE_INDEXES = (
    "CREATE UNIQUE INDEX due_date ON due_dates (record_id)",
    "CREATE INDEX due_days ON due_dates (due_from, record_id) WHERE due_from IS NOT NULL",
    "CREATE INDEX due_states ON due_dates (status, record_id)"
    " WHERE code IS NOT NULL AND code <> 'PERMANENT' AND status <> 'unfiled'",
    "CREATE INDEX due_unfiled ON due_dates (unfiled_since, record_id)"
    " WHERE unfiled_since IS NOT NULL",
    "CREATE INDEX due_rules ON due_dates (rule_id, record_id) WHERE rule_id IS NOT NULL",
)
_WAITS = "d.code IS NOT NULL AND d.code <> 'PERMANENT' AND d.status <> 'unfiled'"
"""In the words of the index that serves it."""
_INSERT_DATE = (
    f"INSERT INTO due_dates ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
)


class DueView:
    """Made by the archive, one for each process (`archive.views.catalogue.ExtraView`)."""

    name = "due"
    derived = ("due_dates",)

    def __init__(self, database: ViewDatabase, zone: ZoneInfo, standing: Standing) -> None:
        self.version = f"1 {zone.key}"  # days of the site are in its rows
        self._database, self._zone, self._standing = database, zone, standing
        self._policy = Policy()
        self._leaf: int | None = None
        """The leaf for which the policy was folded, by a batch that may have been rolled back."""

    def tables(self, dialect: Dialect) -> Sequence[str]:  # noqa: ARG002 - the same words for both
        return _TABLES

    # ---------------------------------------------------------------- projection

    def project(self, changes: Sequence[RecordChange]) -> None:
        moved = {r: f for r, f in self._moved(changes).items() if f[0] != f[1]}
        now = [after for _, after in moved.values()]
        if self._database.loading(self.name):
            self._write(now)
            return
        self._know()
        touched = {other for pair in moved.values() for f in pair if f for other in f.around}
        self._delete([r for r, (before, _) in moved.items() if before is not None])
        self._write(now)
        reached = self._ruled(changes)
        self._work_out(touched)
        for ids in self._reached(reached):
            self._work_out(ids)

    def _moved(self, changes: Sequence[RecordChange]) -> dict[str, tuple[Facts | None, Facts]]:
        """What each record said of itself before these changes, and says after them."""
        first: dict[str, RecordChange] = {}
        last: dict[str, RecordChange] = {}
        for change in changes:
            first.setdefault(change.record_id, change)
            last[change.record_id] = change
        return {
            r: (self._facts(first[r].before), facts_of(c.after, self._zone))
            for r, c in last.items()
        }

    def _facts(self, record: Record | None) -> Facts | None:
        return None if record is None else facts_of(record, self._zone)

    def _write(self, facts: Sequence[Facts]) -> None:
        self._database.executemany(FACTS, [f.row for f in facts])
        self._database.executemany(
            "INSERT INTO due_bonds (record_id, other) VALUES (?, ?)",
            [(f.record_id, other) for f in facts for other in sorted(f.bonds)],
        )
        self._database.executemany(
            "INSERT INTO due_references (record_id, type, value) VALUES (?, ?, ?)",
            [(f.record_id, *pair) for f in facts for pair in sorted(f.references)],
        )

    def _delete(self, record_ids: Sequence[str]) -> None:
        for table in ("due_records", "due_bonds", "due_references"):
            self._database.executemany(
                f"DELETE FROM {table} WHERE record_id = ?", [(r,) for r in record_ids]
            )

    def purge(self, record_id: str) -> None:
        self._delete([record_id])
        self._database.execute("DELETE FROM due_dates WHERE record_id = ?", (record_id,))

    def finish_load(self) -> None:
        for statement in _FACT_INDEXES:
            self._database.execute(statement)
        self._leaf = None
        self._know()
        for ids in self._all():
            self._insert(self._worked_out(ids))
        for statement in _DATE_INDEXES:
            self._database.execute(statement)

    # ---------------------------------------------------------------- the policy

    def _know(self) -> None:
        """Have the policy of the leaf up to which the rows are."""
        position = self._database.position(self.name)
        if self._leaf is None or position < self._leaf:
            self._policy, self._leaf = Policy(), -1
        if self._leaf < position:
            for record in self._standing(topics(*Policy.KINDS), position + 1, self._leaf + 1):
                self._policy = self._policy.apply(record)
            self._leaf = position

    def _ruled(self, changes: Sequence[RecordChange]) -> Reach:
        """Take in what these changes say of the policy; which records that may concern."""
        before = self._policy
        for change in changes:
            self._policy = self._policy.apply(change.after)
            self._leaf = change.leaf_index
        return reach(before, self._policy)

    def _reached(self, reach: Reach) -> Iterator[Sequence[str]]:
        """The records that a change of the policy may concern, some hundreds at a time."""
        if reach.everything:
            yield from self._all()
            return
        for names in _chunks(sorted(reach.names)):
            marks = ", ".join("?" * len(names))
            for column in ("record_id", "number"):
                yield self._ids(
                    f"SELECT record_id FROM due_records WHERE {column} IN ({marks})", *names
                )
        for what, value in sorted(reach.references):
            yield from self._pages("due_references", "type = ? AND value = ?", (what, value))
        for column, value in sorted(reach.columns):
            yield from self._pages("due_records", f"{column} = ?", (value,))

    def _all(self) -> Iterator[Sequence[str]]:
        return self._pages("due_records", "1 = 1", ())

    def _pages(self, table: str, where: str, parameters: Sequence[Any]) -> Iterator[Sequence[str]]:
        last = ""
        while True:
            ids = self._ids(
                f"SELECT record_id FROM {table} WHERE {where} AND record_id > ?"
                " ORDER BY record_id LIMIT ?",
                *parameters, last, CHUNK,
            )  # fmt: skip
            if not ids:
                return
            yield ids
            last = ids[-1]

    def _ids(self, sql: str, *parameters: Any) -> list[str]:
        return [row[0] for row in self._database.query(sql, parameters)]

    # ---------------------------------------------------------------- working out

    def _work_out(self, record_ids: Iterable[str]) -> None:
        """Anew for these records, for those that go together with them, and for their copies."""
        around = set(self._bound(record_ids))
        around.update(self._copy_ids(around))
        for ids in _chunks(sorted(around)):
            self._database.executemany(
                "DELETE FROM due_dates WHERE record_id = ?", [(r,) for r in ids]
            )
            self._insert(self._worked_out(ids))

    def _insert(self, rows: Iterable[Row]) -> None:
        self._database.executemany(_INSERT_DATE, rows)

    def _worked_out(self, record_ids: Sequence[str]) -> list[Row]:
        """The rows of `due_dates`, in the order of these ids; none for an id that is no record."""
        known = self._known(record_ids)
        owners = {k.copy_of for k in known.values() if k.copy_of is not None}
        bound = self._bound({*record_ids, *owners})
        known |= self._known([r for r in bound if r not in known])
        copies = self._copies(bound)
        holdings = {
            r: replace(known[r].holding, bound=tuple(sorted(bound[r])), copies=copies.get(r, ()))
            for r in bound
            if r in known
        }
        groups = _components(bound)
        return [
            _row(known[r], groups[known[r].copy_of or r], holdings, self._policy)
            for r in record_ids
            if r in known
        ]

    def _known(self, record_ids: Sequence[str]) -> dict[str, _Known]:
        return {
            row[0]: _Known(
                row[0], row[1], row[2], row[3], row[4], row[5], Holding.from_json(row[6])
            )
            for row in self._of(
                "SELECT record_id, kind, number, department, unfiled_since, copy_of, holding"
                " FROM due_records WHERE record_id IN ({})",
                record_ids,
            )
        }

    def _bound(self, record_ids: Iterable[str]) -> dict[str, set[str]]:
        """These records and all that go together with them, each with those bound to it."""
        bound: dict[str, set[str]] = {r: set() for r in record_ids}
        edge = list(bound)
        while edge:
            pairs = self._of("SELECT record_id, other FROM due_bonds WHERE record_id IN ({})", edge)
            pairs += self._of("SELECT other, record_id FROM due_bonds WHERE other IN ({})", edge)
            edge = list({other for _, other in pairs if other not in bound})
            bound |= {r: set() for r in edge}
            for one, other in pairs:
                bound[one].add(other)
        return bound

    def _copy_ids(self, record_ids: Iterable[str]) -> list[str]:
        return [r for r, _ in self._copy_rows(record_ids)]

    def _copies(self, record_ids: Iterable[str]) -> dict[str, tuple[Copy, ...]]:
        """Paper copies by the record of which they are copies."""
        owners: dict[str, str] = {row[0]: row[1] for row in self._copy_rows(record_ids)}
        found: dict[str, list[Copy]] = {}
        for record_id, known in self._known(list(owners)).items():
            found.setdefault(owners[record_id], []).extend(known.holding.copies)
        return {r: tuple(sorted(c, key=lambda c: (c.copy, c.record_id))) for r, c in found.items()}

    def _copy_rows(self, record_ids: Iterable[str]) -> list[Row]:
        return self._of(
            "SELECT record_id, copy_of FROM due_records WHERE copy_of IN ({})", list(record_ids)
        )

    def _of(self, sql: str, record_ids: Sequence[str]) -> list[Row]:
        return [
            row
            for ids in _chunks(record_ids)
            for row in self._database.query(sql.format(", ".join("?" * len(ids))), ids)
        ]

    # ---------------------------------------------------------------- comparing

    def astray(self) -> Iterator[str]:
        """Records whose dates are not what the rows of the others, and the policy, lead to."""
        self._leaf = None
        self._know()
        columns = ", ".join(_COLUMNS)
        for ids in self._all():
            marks = ", ".join("?" * len(ids))
            sql = f"SELECT {columns} FROM due_dates WHERE record_id IN ({marks})"
            there = Counter(self._database.query(sql, ids))
            told = self._told(ids)
            yield from sorted({row[0] for row in (there - told) + (told - there)})
        yield from self._ids(
            "SELECT d.record_id FROM due_dates d WHERE NOT EXISTS"
            " (SELECT 1 FROM due_records r WHERE r.record_id = d.record_id)"
        )

    def _told(self, record_ids: Sequence[str]) -> Counter[Row]:
        """What the rows ought to be; nothing where somebody wrote what no record says."""
        try:
            return Counter(self._worked_out(record_ids))
        except (LookupError, TypeError, ValueError):
            alone = record_ids if len(record_ids) > 1 else ()
            return sum((self._told([r]) for r in alone), Counter[Row]())

    # ---------------------------------------------------------------- queries

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


# -------------------------------------------------------------------- rows


@dataclass(frozen=True, slots=True)
class _Known:
    record_id: str
    kind: str
    number: str | None
    department: str | None
    unfiled_since: str | None
    copy_of: str | None
    holding: Holding


def _row(
    known: _Known, group: Sequence[str], holdings: Mapping[str, Holding], policy: Policy
) -> Row:
    owner = known.copy_of or known.record_id
    there = tuple(holdings[r] for r in group if r in holdings)
    if known.copy_of is None:
        found = assess(holdings[owner], there, policy)
    elif owner in holdings:
        found = assess_copy(known.holding.copies[0], holdings[owner], there, policy)
    else:
        return _stray(known)
    won = found.winning
    return (
        known.record_id,
        owner,
        "electronic" if known.copy_of is None else "paper",
        known.kind,
        known.number,
        known.department,
        found.status,
        _text(found.base_date),
        _text(found.last_day),
        _text(found.due_from),
        won.rule_id if won else None,
        won.version if won else None,
        found.blockers[0].code if found.blockers else None,
        known.unfiled_since,
        group[0],
        len(group),
        _blockers_text(found.blockers[:MOST_BLOCKERS]),
    )


def _stray(known: _Known) -> Row:
    """A paper copy of a record that there is not."""
    said = (known.number, known.department, "blocked", None, None, None, None, None, "UNLISTED")
    own = known.record_id
    return (own, known.copy_of, "paper", known.kind, *said, None, known.copy_of, 1, None)


def _line(row: Row) -> Line:
    said: list[Any] = [*row]
    said[-1] = _blockers(row[-1]) if row[-1] is not None else ()
    return Line(*said)


def _blockers_text(blockers: Sequence[Blocker]) -> str | None:
    rows = [[b.code, b.what.zh, b.what.en, b.record] for b in blockers]
    return orjson.dumps(rows).decode() if rows else None


def _blockers(said: str) -> tuple[Blocker, ...]:
    return tuple(Blocker(c, Text(zh=zh, en=en), r) for c, zh, en, r in orjson.loads(said))


def _text(day: date | None) -> str | None:
    return day.isoformat() if day is not None else None


def _components(bound: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    """Each record's group, in the order of ids."""
    found: dict[str, tuple[str, ...]] = {}
    for record_id in bound:
        if record_id not in found:
            known, edge = {record_id}, [record_id]
            while edge:
                edge = list({o for each in edge for o in bound[each] if o not in known})
                known.update(edge)
            found.update(dict.fromkeys(known, tuple(sorted(known))))
    return found


def _chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(ids)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk
