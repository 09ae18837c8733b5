"""The due list over many records, against a plain indexed query of a table of the same dates.

The view is filled by its own projection from made-up complaints, filed on the days of nine years;
the yardstick is one table with the same columns, an index on the day, and nothing else.
"""

from __future__ import annotations

import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

from archive.evidence.instant import time_text
from archive.views.database import RecordChange, ViewDatabase, open_views
from benchmarks.rows import Better, Row, Size, alternating
from benchmarks.stores import Place
from domain.events import Filed, Opened, Recorded
from domain.kinds import find
from domain.record import Record, replay
from retention.due import DueView
from retention.rules import SHIPPED

TODAY = date(2026, 11, 22)
FIRST, DAYS = date(2017, 1, 1), 3_600
FIRST_PAGE = 50
SITE = ZoneInfo("Asia/Shanghai")
COLUMNS = (
    "record_id, of, medium, kind, number, department, status, base_date, last_day, due_from,"
    " rule_id, rule_version, code, unfiled_since, together, members, blockers"
)
BOUND = "a page's lines are made in Python, one object each"


def _said(record_id: str, kind: str, version: int, at: datetime) -> dict[str, Any]:
    return {
        "event_id": record_id, "record_id": record_id, "version": version, "kind": kind,
        "kind_version": find(kind).version, "actor": None, "assurance": "system",
        "occurred_at": at,
    }  # fmt: skip


def rules() -> list[Record]:
    """The shipped ones, in force."""
    at = datetime(2017, 1, 1, tzinfo=UTC)
    found = []
    for n, values in enumerate(SHIPPED.values()):
        opened = Opened(**_said(f"{n:032x}", "retention-rule", 1, at), step="ship", values=values)
        record = replay([Recorded(opened, at, n, f"{n:064x}")])
        found += [record] if record is not None else []
    return found


def records(number: int) -> Iterator[RecordChange]:
    """Complaints, each filed on some day; one in ten names a part and is product evidence."""
    chance = Random(7)  # noqa: S311 - the same records in every run
    for n in range(10, number + 10):
        day = FIRST + timedelta(days=chance.randrange(DAYS))
        at = datetime(day.year, day.month, day.day, 2, tzinfo=UTC)
        values: dict[str, Any] = {"customer": f"客户{chance.randrange(300)}", "matter": "延迟"}
        marks: tuple[str, ...] = ()
        if chance.random() < 0.1:
            values["part"], marks = f"A-{chance.randrange(4000)}", ("design",)
        record_id = f"{chance.getrandbits(128):032x}"
        opened = Opened(**_said(record_id, "complaint", 1, at), step="receive", values=values)
        filed = Filed(
            **_said(record_id, "complaint", 2, at), base_date=day.isoformat(), zone=SITE.key,
            tzdata="2026a", scope=False, marks=marks,
        )  # fmt: skip
        history = [
            Recorded(opened, at, 2 * n, "0" * 64, f"KS-{day.year}-{n:07d}"),
            Recorded(filed, at, 2 * n + 1, "1" * 64),
        ]
        record = replay(history)
        if record is not None:
            yield RecordChange(record_id, 2 * n + 1, time_text(at), None, record, filed)


def filled(database: ViewDatabase, number: int) -> DueView:
    """As a first load fills it."""
    view = DueView(database, SITE, lambda _topics, _size, since: rules() if since == 0 else [])
    database.lead()
    database.drop_all()
    database.prepare(view)
    changes = records(number)
    while batch := list(islice(changes, 1000)):
        with database.transaction():
            view.project(batch)
            database.set_position(view.name, batch[-1].leaf_index)
    database.finish_load(view)
    return view


def plain_sqlite(place: Place, database: ViewDatabase) -> Callable[[], Sequence[Any]]:
    db = sqlite3.connect(place.folder / "plain.db", isolation_level=None)
    db.execute("PRAGMA mmap_size = 268435456")
    db.execute(f"CREATE TABLE plain ({COLUMNS})")
    marks = ", ".join("?" * len(COLUMNS.split(",")))
    db.execute("BEGIN")
    rows = database.stream(f"SELECT {COLUMNS} FROM due_dates")
    db.executemany(f"INSERT INTO plain VALUES ({marks})", rows)
    db.execute("CREATE INDEX plain_day ON plain (due_from, record_id)")
    db.execute("COMMIT")
    sql = (
        f"SELECT {COLUMNS} FROM plain WHERE due_from <= ? ORDER BY due_from, record_id"
        f" LIMIT {FIRST_PAGE}"
    )
    return lambda: db.execute(sql, (TODAY.isoformat(),)).fetchall()


def plain_postgres(place: Place) -> Callable[[], Sequence[Any]]:
    db = psycopg.connect(place.dsn or "", autocommit=True)
    db.execute("DROP TABLE IF EXISTS plain")
    db.execute(f"CREATE UNLOGGED TABLE plain AS SELECT {COLUMNS} FROM views.due_dates".encode())
    db.execute("CREATE INDEX plain_day ON plain (due_from, record_id)")
    db.execute("ANALYZE plain")
    sql = (
        f"SELECT {COLUMNS} FROM plain WHERE due_from <= %s ORDER BY due_from, record_id"
        f" LIMIT {FIRST_PAGE}"
    ).encode()
    return lambda: db.execute(sql, (TODAY.isoformat(),)).fetchall()


def measure(size: Size, place: Place) -> list[Row]:
    database = open_views(place.dsn or place.folder / "views.db")
    began = time.perf_counter()
    view = filled(database, size.large)
    took = time.perf_counter() - began
    plain = plain_sqlite(place, database) if place.dsn is None else plain_postgres(place)
    ours = [line.record_id for line in view.due(TODAY, limit=FIRST_PAGE).lines]
    if ours != [row[0] for row in plain()]:
        raise SystemExit(f"{place.store}: the due list does not say what the plain query says")
    row = Row(
        f"due list, first {FIRST_PAGE} of {size.large:,} records",
        place.store,
        alternating(
            lambda: _median(lambda: view.due(TODAY, limit=FIRST_PAGE)),
            lambda: _median(plain),
            size.rounds,
        ),
        "ms",
        0.5,
        "a plain indexed query",
        Better.LESS,
        bound=BOUND,
        note=f"loaded at {size.large / took:,.0f} records/s",
    )
    database.close()
    return [row]


def _median(ask: Callable[[], object], rounds: int = 200) -> float:
    """Milliseconds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        ask()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)
