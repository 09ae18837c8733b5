"""Logs of made-up records for tests of views: walks of every kind, interleaved, without a store."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from random import Random

from archive.evidence.instant import time_text
from archive.views.database import RecordChange, View, ViewDatabase
from domain.events import Recorded
from domain.kind import Kind
from domain.kinds import current
from domain.record import Record, evolve
from tests.domain.plant import Case, hex_id
from tests.domain.walker import walk


def kinds() -> list[Kind]:
    """What people write; the archive's own kinds have tests of their own."""
    return [kind for kind in current().values() if not kind.internal]


@dataclass
class MadeLog:
    """Leaves given out in order; `states` are the records after the last of them."""

    changes: list[RecordChange] = field(default_factory=list)
    states: dict[str, Record] = field(default_factory=dict)
    histories: dict[str, list[Recorded]] = field(default_factory=dict)

    def opening(self, record_id: str) -> int:
        return self.histories[record_id][0].leaf_index

    def begun(self, part: float) -> MadeLog:
        """The first part of this log: most of its records are still open."""
        log = MadeLog()
        events = {r.leaf_index: r for h in self.histories.values() for r in h}
        for leaf in range(int(len(self.changes) * part)):
            log.append(events[leaf])
        return log

    def append(self, recorded: Recorded) -> None:
        recorded = replace(recorded, leaf_index=len(self.changes))
        record_id = recorded.event.record_id
        before = self.states.get(record_id)
        after = evolve(before, recorded)
        assert after is not None
        self.states[record_id] = after
        self.histories.setdefault(record_id, []).append(recorded)
        self.changes.append(
            RecordChange(
                record_id,
                recorded.leaf_index,
                time_text(recorded.recorded_at),
                before,
                after,
                recorded.event,
            )
        )


def walks(chance: Random, of: Sequence[Kind], number: int) -> Iterator[Case]:
    done: dict[str, Counter[str]] = {kind.id: Counter() for kind in of}
    for n in range(number):
        kind = of[n % len(of)]
        yield walk(kind, done[kind.id], chance)


def made_log(seed: int, number: int = 10, of: Sequence[Kind] | None = None) -> MadeLog:
    """So many records of all kinds, their events mixed as time went; ids are new with each call."""
    chance = Random(seed)
    log = MadeLog()
    numbers = count(1)
    pending: list[list[Recorded]] = []
    for case in walks(chance, of or kinds(), number):
        record_id = hex_id(os.urandom(8).hex())
        number_given = f"{case.it.kind.prefix}-2026-{next(numbers):05}"
        pending.append(
            [
                replace(
                    r,
                    event=replace(r.event, record_id=record_id),
                    number=number_given if r.number else None,
                )
                for r in case.history
            ]
        )
    while pending:
        chosen = chance.choice(pending)
        log.append(chosen.pop(0))
        pending = [p for p in pending if p]
    return log


def feed(database: ViewDatabase, log: MadeLog, *views: View, batch: int = 7) -> None:
    """Project a log in small batches, as a projector would that follows it."""
    for view in views:
        database.prepare(view)
        database.finish_load(view)
    for at in range(0, len(log.changes), batch):
        part = log.changes[at : at + batch]
        for view in views:
            database.advance(view, part, part[-1].leaf_index)
