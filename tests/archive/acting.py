"""Commands to a real archive in somebody's name, and archives of one store in other processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from archive.ledger import new_id
from archive.opening import Archive, Options, open_archive
from archive.store import Store
from domain.commands import (
    Actor,
    AnyCommand,
    Correct,
    File,
    LinkTo,
    Open,
    Reopen,
    Sign,
    TakeStep,
)
from domain.events import Attachment
from domain.record import Record

TRUSTED = Actor(None, assurance="system", trusted=True)
COMPLAINT: dict[str, Any] = {
    "customer": "科技公司",
    "contact_person": "何工",
    "channel": "phone",
    "matter": "产品交付延迟",
    "description": "采购的100台设备延迟3天交付。",
    "demand": "尽快交付。",
    "priority": "normal",
}


@dataclass
class Acting:
    """Gives commands to an archive; `at` is when something is claimed to have happened."""

    archive: Archive
    actor: Actor = TRUSTED

    def as_(self, person: str, behalf: str | None = None) -> Acting:
        return replace(self, actor=Actor(person, behalf=behalf))

    def header(self, record_id: str, at: datetime | None = None) -> dict[str, Any]:
        now = self.archive.options.clock()
        return {
            "event_id": new_id(),
            "record_id": record_id,
            "actor": self.actor,
            "occurred_at": at or now,
            "received_at": now,
        }

    def opening(self, kind: str, step: str, /, at: datetime | None = None, **values: Any) -> Open:
        record_id, _ = self.archive.keys.new_record()
        return Open(**self.header(record_id, at), kind=kind, step=step, values=values)

    def step(
        self,
        record_id: str,
        step: str,
        /,
        at: datetime | None = None,
        files: tuple[Attachment, ...] = (),
        **values: Any,
    ) -> TakeStep:
        return TakeStep(**self.header(record_id, at), step=step, values=values, attachments=files)

    def open(self, kind: str, step: str, /, at: datetime | None = None, **values: Any) -> Record:
        return self.do(self.opening(kind, step, at, **values))

    def complaint(self, at: datetime | None = None, **changes: Any) -> Record:
        return self.open("complaint", "receive", at, **{**COMPLAINT, **changes})

    def take(self, record: Record, step: str, /, **given: Any) -> Record:
        return self.do(self.step(record.id, step, **given))

    def correct(
        self, record: Record, target: int, at: datetime | None = None, **values: Any
    ) -> Record:
        header = self.header(record.id, at)
        return self.do(Correct(**header, target=target, values=values, reason="写错了"))

    def link(self, record: Record, rel: str, other: Record) -> Record:
        return self.do(LinkTo(**self.header(record.id), rel=rel, record=other.id))

    def filing(self, record: Record) -> File:
        return File(**self.header(record.id), scope=False)

    def file(self, record: Record) -> Record:
        return self.do(self.filing(record))

    def reopen(self, record: Record) -> Record:
        return self.do(Reopen(**self.header(record.id), reason="补充"))

    def sign(self, record: Record, slot: str) -> Record:
        return self.do(Sign(**self.header(record.id), slot=slot, edition=record.edition))

    def do(self, command: AnyCommand) -> Record:
        record = self.archive.ledger.execute(command).record
        assert record is not None
        return record


def real_clock() -> datetime:
    return datetime.now(UTC)


@contextmanager
def another(options: Options) -> Iterator[Archive]:
    """The same archive as another server process has it: nothing in memory is shared."""
    archive = open_archive(options)
    try:
        yield archive
    finally:
        archive.close()


def together(work: Callable[..., Any], calls: Iterable[tuple[Any, ...]]) -> list[Any]:
    """Run calls in processes of their own, all of which start their work at the same time."""
    context = multiprocessing.get_context("spawn")
    calls = list(calls)
    barrier, results = context.Barrier(len(calls)), context.Queue()
    processes = [
        context.Process(target=_run, args=(work, call, barrier, results)) for call in calls
    ]
    for process in processes:
        process.start()
    answers = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    failed = [answer for answer in answers if isinstance(answer, str)]
    assert failed == []
    return answers


def _run(work: Callable[..., Any], call: tuple[Any, ...], barrier: Any, results: Any) -> None:
    try:
        results.put([work(barrier, *call)])
    except BaseException as error:
        results.put(f"{type(error).__name__}: {error}")
        raise


def found_archive(barrier: Any, data: Path, database: str | None) -> tuple[str, str]:
    """Open an archive at the same moment as others; the ids of its log and intake key."""
    barrier.wait()
    with another(Options(data, real_clock, database=database)) as archive:
        return archive.keyring.log_key.key_id, archive.keyring.author.key.key_id


def append(
    barrier: Any, data: Path, database: str | None, shared: str, count: int
) -> tuple[list[str], str]:
    """Steps on a record that others write too, and on one of our own; (event ids, own id)."""
    with another(Options(data, real_clock, database=database)) as archive:
        acting = Acting(archive)
        own = acting.complaint()
        barrier.wait()
        done = []
        for n in range(count):
            for record_id in (shared, own.id):
                priority = ("normal", "important", "urgent")[n % 3]
                command = acting.step(record_id, "prioritise", reason="来电", priority=priority)
                archive.ledger.execute(command)
                done.append(command.event_id)
        return done, own.id


@contextmanager
def reading_on(store: Store) -> Iterator[None]:
    """Another thread holds a snapshot of the store meanwhile, as a long export does."""
    with ThreadPoolExecutor(1) as thread:
        reading = store.reading()
        thread.submit(reading.__enter__).result()
        thread.submit(store.head).result()
        try:
            yield
        finally:
            thread.submit(reading.__exit__, None, None, None).result()
