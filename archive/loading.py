"""A first load of the views: whole histories become rows, in other processes where there are cores.

A record's events are opened with its one key and replayed once. The views project onto a tape, and
the process that leads plays it into the database; so nothing here touches a store or a file.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any
from zoneinfo import ZoneInfo

from archive import sealing
from archive.collecting import rarely_collecting, rarely_from_now_on
from archive.evidence.errors import EvidenceError
from archive.evidence.instant import time_text
from archive.store import StoredContent, StoredEvent
from archive.views.catalogue import Catalogue, ExtraView
from archive.views.database import (
    POSTGRESQL,
    SQLITE,
    Dialect,
    RecordChange,
    Row,
    ViewDatabase,
    ViewError,
)
from archive.views.outlook import Outlook, Published
from domain.events import Recorded
from domain.record import Record, evolve

UNREADABLE = (EvidenceError, LookupError, ValueError)
"""What an event that cannot be opened or folded raises."""
BUSY = 2
"""Batches that lie with each worker; this process makes the others meanwhile."""
AHEAD = 12
"""Batches for each worker that are done, or under way: few enough to keep memory flat."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A record as it lies in the store; without `key` only its skeleton can be read."""

    record_id: str
    key: bytes | None
    rows: tuple[StoredEvent, ...]
    contents: tuple[StoredContent, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What every batch needs. `turns`: the events that changed the calendar."""

    dialect: Dialect
    zone: ZoneInfo
    published: Published
    turns: tuple[Recorded, ...]
    views: tuple[str, ...]
    extra: tuple[ExtraView, ...] = ()


@dataclass(slots=True)
class Taped:
    """Statements with their rows, by view. `failed`: (leaf, name of the error), by view.

    `unreadable`: an event at this leaf could not be read, and nothing is on the tape.
    """

    events: int = 0
    statements: dict[str, list[tuple[str, list[Row]]]] = field(default_factory=dict)
    failed: dict[str, tuple[int, str]] = field(default_factory=dict)
    unreadable: tuple[int, str] | None = None


class Tape(ViewDatabase):
    """Takes down what a view writes. It has nothing to read: all is new in a first load."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__()
        self.dialect = dialect
        self.statements: list[tuple[str, list[Row]]] = []

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        self.statements.append((sql, [tuple(parameters)]))
        return 0

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        taken = [tuple(row) for row in rows]
        if taken:
            self.statements.append((sql, taken))

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:  # noqa: ARG002
        raise ViewError("a view looked for rows during its first load, in which all is new")

    def stream(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Row]:  # noqa: ARG002
        raise ViewError("a view looked for rows during its first load, in which all is new")

    def loading(self, view: str) -> bool:  # noqa: ARG002 - all of them
        return True

    def lead(self) -> bool:
        return True

    def clean(self) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing is open."""

    def _begun(self) -> nullcontext[None]:
        return nullcontext()

    def _translated(self) -> nullcontext[None]:
        return nullcontext()

    def _create(self, statement: str) -> None:
        raise NotImplementedError

    def _drop(self, table: str) -> None:
        raise NotImplementedError


def _nothing_stands(topics: Sequence[str], size: int, since: int) -> Sequence[Record]:  # noqa: ARG001
    raise ViewError("a view looked into the log during its first load, which brings it anyway")


class Loader:
    """Turns whole records into tape, by a plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._openings: dict[str, int] = {}
        # Views ask which of the two it is, and a copy from another process is neither.
        self._tape = Tape(next(d for d in (SQLITE, POSTGRESQL) if d == plan.dialect))
        self._catalogue = Catalogue(
            self._tape,
            plan.published.at,
            plan.zone,
            self._openings.__getitem__,
            _nothing_stands,
            plan.extra,
        )

    def tape(self, wholes: Sequence[Whole]) -> Taped:
        """Everything that the views write for these records."""
        taped = Taped()
        changes: list[RecordChange] = []
        for whole in wholes:
            self._openings[whole.record_id] = whole.rows[0].leaf_index
            try:
                changes += self._changes(whole)
            except UNREADABLE as error:
                return Taped(unreadable=(whole.rows[0].leaf_index, type(error).__name__))
        taped.events = sum(len(whole.rows) for whole in wholes)
        for view in self._catalogue.views:
            if view.name in self._plan.views:
                self._tape.statements = []
                try:
                    view.project(changes)
                except Exception as error:  # noqa: BLE001 - whatever it is, it becomes the alarm
                    leaf = changes[0].leaf_index
                    taped.failed[view.name] = leaf, type(error).__name__
                taped.statements[view.name] = self._tape.statements
        self._openings.clear()
        self._catalogue.outlook.forget()
        return taped

    def _changes(self, whole: Whole) -> list[RecordChange]:
        contents: dict[str, list[StoredContent]] = {}
        for row in whole.contents:
            contents.setdefault(row.event_id, []).append(row)
        history = (
            sealing.unseal(row, contents.get(row.event_id or "", ()), whole.key)
            for row in whole.rows
        )
        return retold(history, self._plan.turns, self._catalogue.outlook)


def retold(
    history: Iterable[Recorded], turns: Sequence[Recorded], outlook: Outlook
) -> list[RecordChange]:
    """A record's changes from its first leaf on, and where a new calendar may have moved what it
    waits for. Raises LookupError where the first event does not open it."""
    changes: list[RecordChange] = []
    state: Record | None = None
    following = list(turns)
    for recorded in history:
        while following and following[0].leaf_index < recorded.leaf_index:
            changes += _moved(state, following.pop(0), outlook)
        before, state = state, evolve(state, recorded)
        if state is None:
            raise LookupError(recorded.event.record_id)
        changes.append(change(before, state, recorded))
    for turn in following:
        changes += _moved(state, turn, outlook)
    return changes


def _moved(state: Record | None, turn: Recorded, outlook: Outlook) -> list[RecordChange]:
    """Not the record changed, but the calendar by which its deadlines are counted."""
    if state is None or not outlook.next_due(state, turn.leaf_index - 1)[1]:
        return []
    at = time_text(turn.recorded_at)
    return [RecordChange(state.id, turn.leaf_index, at, state, state, turn.event)]


def change(before: Record | None, after: Record, recorded: Recorded) -> RecordChange:
    at = time_text(recorded.recorded_at)
    return RecordChange(after.id, recorded.leaf_index, at, before, after, recorded.event)


# ---------------------------------------------------------------- processes

_loaders: list[Loader] = []


def _begin(plan: Plan) -> None:
    _loaders[:] = [Loader(plan)]
    rarely_from_now_on()


def _tape(wholes: Sequence[Whole]) -> Taped:
    return _loaders[0].tape(wholes)


def taped(plan: Plan, batches: Iterable[Sequence[Whole]], workers: int) -> Iterator[Taped]:
    """The batches' tapes in their order, made by this process and by as many others."""
    mine = Loader(plan)
    if not workers:
        with rarely_collecting():
            yield from map(mine.tape, batches)
        return
    context = get_context("spawn")  # a fork would carry open databases and locks along
    with (
        ProcessPoolExecutor(workers, context, _begin, (plan,)) as pool,
        rarely_collecting(),
    ):
        waiting: deque[Future[Taped]] = deque()
        for batch in batches:
            if sum(not future.done() for future in waiting) < BUSY * workers:
                waiting.append(pool.submit(_tape, batch))
            else:
                waiting.append(_done(mine.tape(batch)))
            while waiting and (waiting[0].done() or len(waiting) > AHEAD * workers):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _done(tape: Taped) -> Future[Taped]:
    future: Future[Taped] = Future()
    future.set_result(tape)
    return future


def helpers() -> int:
    """How many processes may work beside this one."""
    return (os.cpu_count() or 1) - 1
