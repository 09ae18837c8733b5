"""Publishing a hundred new leaves to a folder, from a small log and from a large one.

Each round appends to both, signs both heads, and times what brings each folder up to its head.
Both sizes stand at the same place in their tiles, so that either writes as many old entries anew.
"""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from archive.evidence.merkle import leaf_hash
from archive.evidence.tiles import WIDTH
from archive.publishing import publish, target_at
from archive.store import Ask, Batch, NewEvent, StoredEvent
from benchmarks import stores
from benchmarks.rows import Better, Row, Size, alternating, timed
from benchmarks.stores import Place
from tests.archive.small_archive import SmallArchive, postgres_archive, sqlite_archive

NEW = 100
GROWTH = 1.5
ROUNDS = 30
LEAF = 1_400
"""Bytes, as many as a leaf of a form has."""
MOMENT = datetime(2026, 11, 22, 9, tzinfo=UTC)


class Publishing:
    """A log of leaves that are only bytes: what publishing costs does not depend on more."""

    def __init__(self, place: Place, size: int) -> None:
        self.small: SmallArchive = (
            sqlite_archive(place.folder)
            if place.dsn is None
            else postgres_archive(place.dsn, place.folder)
        )
        self.target = target_at(str(Path(place.folder) / "published"))
        size -= size % WIDTH
        while (there := self.small.store.head().size) < size:
            self.grow(min(1000, size - there))
        self.small.log.checkpoint()
        self.first = timed(lambda: publish(self.small, self.target))

    def grow(self, count: int) -> None:
        transaction = self.small.store.begin(Ask())
        first = transaction.found.head.size
        rows = []
        for index in range(first, first + count):
            leaf = secrets.token_hex(LEAF // 2).encode()
            name = f"{index:032x}"
            row = StoredEvent(index, name, 1, "x/y", name, leaf, leaf_hash(leaf), MOMENT, None)
            rows.append(NewEvent(row, None))
        transaction.commit(Batch(rows))

    def another(self) -> float:
        """Milliseconds."""
        self.grow(NEW)
        self.small.log.checkpoint()
        return 1000 * timed(lambda: publish(self.small, self.target))


def measure(size: Size, place: Place) -> list[Row]:
    with ExitStack() as stack:
        two = [stack.enter_context(stores.place(place.store, place.server)) for _ in range(2)]
        small, large = Publishing(two[0], size.small), Publishing(two[1], size.large)
        pairs = alternating(large.another, small.another, ROUNDS if size.rounds > 1 else 2)
        speed = size.large / large.first
        for each in (small, large):
            each.small.close()
    return [
        Row(
            f"publishing {NEW} new leaves at {size.large:,}",
            place.store,
            pairs,
            "ms",
            GROWTH,
            f"the same at {size.small:,}",
            Better.FLAT,
            bound="a level of tiles more to read at the edge, on larger tables",
            note=f"the first time all: {speed:,.0f} leaves/s",
        )
    ]
