"""What is due, what is held, what waits and for what: the view from which disposal lists are made.

What a record says of itself is written as it is read. When it may go follows from that, from the
records it is bound to, from its paper copies and from the policy; it is worked out anew for what
an event touches, and kept as dates, so that nothing changes by the mere passing of a day. What the
list shows is a proposal: whoever lists or destroys asks the log (`retention.ledgers`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from archive.views.catalogue import Standing
from archive.views.database import Dialect, RecordChange, Row, ViewDatabase
from domain.record import Record
from retention.due_facts import FACTS, Facts, facts_of
from retention.due_lists import COLUMNS, DueLists
from retention.due_rows import CHUNK, DATES, Working, chunks
from retention.ledgers import topics
from retention.policy import Policy
from retention.touching import Reach, reach

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


class DueView(DueLists):
    """Made by the archive, one for each process (`archive.views.catalogue.ExtraView`)."""

    name = "due"
    derived = ("due_dates",)

    def __init__(self, database: ViewDatabase, zone: ZoneInfo, standing: Standing) -> None:
        self.version = f"2 {zone.key}"  # days of the site are in its rows
        super().__init__(database)
        self._zone, self._standing, self._working = zone, standing, Working(database)
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
            self._database.forget(table, record_ids)

    def purge(self, record_ids: Sequence[str]) -> None:
        self._delete(record_ids)
        self._database.forget("due_dates", record_ids)

    def finish_load(self) -> None:
        for statement in _FACT_INDEXES:
            self._database.execute(statement)
        self._leaf = None
        self._know()
        for ids in self._all():
            self._insert(self._working.rows(ids, self._policy))
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
        for names in chunks(sorted(reach.names)):
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
        around = set(self._working.bound(record_ids))
        around.update(self._working.copy_ids(around))
        for ids in chunks(sorted(around)):
            self._database.executemany(
                "DELETE FROM due_dates WHERE record_id = ?", [(r,) for r in ids]
            )
            self._insert(self._working.rows(ids, self._policy))

    def _insert(self, rows: Iterable[Row]) -> None:
        self._database.executemany(DATES, rows)

    # ---------------------------------------------------------------- comparing

    def astray(self) -> Iterator[str]:
        """Records whose dates are not what the rows of the others, and the policy, lead to."""
        self._leaf = None
        self._know()
        columns = ", ".join(COLUMNS)
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
            return Counter(self._working.rows(record_ids, self._policy))
        except (LookupError, TypeError, ValueError):
            alone = record_ids if len(record_ids) > 1 else ()
            return sum((self._told([r]) for r in alone), Counter[Row]())
