"""Append in process: the whole path of a command against the library's bare save.

Ours is `Ledger.execute`: decide, encrypt, sign, place, commit, receipt; an opening and a step in
turn. Theirs is `Application.save` of one unsigned event with the same answers, on the same store.
Both with full durability, 1 and 64 threads, in alternating rounds.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from psycopg.conninfo import conninfo_to_dict

from archive.ledger import new_id
from archive.opening import Archive, Options, open_archive
from benchmarks.rows import Row, Size, alternating
from benchmarks.stores import Place
from domain.commands import Actor, Open, TakeStep

ANSWERS = {
    "customer": "科技公司",
    "contact_person": "李工",
    "channel": "phone",
    "matter": "100 台设备迟交三天",
    "description": "合同约定十一月十九日交付 100 台设备，至今只到 60 台，其余无人说明。" * 3,
    "demand": "说明原因，给出新的交期，并补偿停线损失。",
    "priority": "urgent",
    "part": "A-4711/B",
}
STEP = {"priority": "important", "reason": "客户的生产线可以先装其余六十台，停线推迟一天。" * 3}
ACTOR = Actor(None, assurance="system", trusted=True)
TARGETS = {
    ("SQLite", 1): 0.6,
    ("SQLite", 64): 1.6,
    ("PostgreSQL", 1): 1.0,
    ("PostgreSQL", 64): 2.5,
}


BOUND = (
    "Python, one thread at a time: two Ed25519 signatures (50 us of the 220 to 280 that an event "
    "of a group takes), then rules, encryption, statement, leaf and receipt, in some 370 calls "
    "under the interpreter lock; with many callers also a change of thread for each (some 30 us); "
    "with one caller a COMMIT of six pages where the library writes three, and cold caches after "
    "each wait for the disk, with which the same code takes half as long again"
)


class Note(Aggregate):
    @event("Opened")
    def __init__(self, text: str) -> None:
        self.text = text


def now() -> datetime:
    return datetime.now(UTC)


class Ours:
    """Each caller opens a record and takes a step of it, in turn."""

    def __init__(self, archive: Archive) -> None:
        self.ledger = archive.ledger
        self.turn = threading.local()

    def append(self) -> None:
        record: str | None = getattr(self.turn, "record", None)
        moment = now()
        if record is None:
            self.turn.record = record = self.ledger.keys.new_record()[0]
            self.ledger.execute(
                Open(
                    event_id=new_id(),
                    record_id=record,
                    actor=ACTOR,
                    occurred_at=moment,
                    received_at=moment,
                    kind="complaint",
                    step="receive",
                    values=ANSWERS,
                )
            )
            return
        self.turn.record = None
        self.ledger.execute(
            TakeStep(
                event_id=new_id(),
                record_id=record,
                actor=ACTOR,
                occurred_at=moment,
                received_at=moment,
                step="prioritise",
                values=STEP,
            )
        )


class Theirs:
    """The same answers as text, in turn, each a new aggregate of one event."""

    def __init__(self, app: Application) -> None:
        self.app = app
        texts = [json.dumps(each, ensure_ascii=False) for each in (ANSWERS, STEP)]
        self.texts: Iterator[str] = itertools.cycle(texts)

    def append(self) -> None:
        self.app.save(Note(next(self.texts)))


def library(place: Place) -> Application:
    if place.dsn is None:
        return Application(
            {
                "PERSISTENCE_MODULE": "eventsourcing.sqlite",
                "SQLITE_DBNAME": str(place.folder / "library.db"),
                "SQLITE_LOCK_TIMEOUT": "60",
            }
        )
    parts = conninfo_to_dict(place.dsn)
    return Application(
        {
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": str(parts["dbname"]),
            "POSTGRES_HOST": str(parts["host"]),
            "POSTGRES_PORT": str(parts.get("port", 5432)),
            "POSTGRES_USER": str(parts["user"]),
            "POSTGRES_PASSWORD": str(parts.get("password") or "none"),
            "POSTGRES_MAX_OVERFLOW": "64",
            "POSTGRES_POOL_TIMEOUT": "60",
        }
    )


def rate(work: Callable[[], None], threads: int, seconds: float) -> float:
    """Calls a second over all threads, until the last has come back."""
    counts, stop = [0] * threads, threading.Event()

    def loop(n: int) -> None:
        while not stop.is_set():
            work()
            counts[n] += 1

    running = [threading.Thread(target=loop, args=(n,)) for n in range(threads)]
    started = time.perf_counter()
    for thread in running:
        thread.start()
    time.sleep(seconds)
    stop.set()
    for thread in running:
        thread.join()
    return sum(counts) / (time.perf_counter() - started)


@contextmanager
def both(place: Place) -> Iterator[tuple[Ours, Theirs]]:
    app = library(place)
    with open_archive(Options(place.folder / "ours", now, database=place.dsn)) as archive:
        yield Ours(archive), Theirs(app)
    app.close()


def measure(size: Size, place: Place) -> list[Row]:
    rows = []
    with both(place) as (ours, theirs):
        for threads in (1, 64):
            for work in (ours.append, theirs.append):
                rate(work, threads, size.seconds / 4)
            found = alternating(
                lambda n=threads: rate(ours.append, n, size.seconds),
                lambda n=threads: rate(theirs.append, n, size.seconds),
                size.rounds,
            )
            callers = "1 caller" if threads == 1 else f"{threads} callers"
            rows.append(
                Row(
                    f"append, {callers}",
                    place.store,
                    found,
                    "/s",
                    TARGETS[place.store, threads],
                    "the library's bare save",
                    bound=BOUND,
                )
            )
    return rows
