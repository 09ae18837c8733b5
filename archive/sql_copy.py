"""Whole tables in and out, row by row, in the order of their keys: what backups are made of.

A row is the same for both stores: ids are 16 raw bytes, times whole microseconds since 1970.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

Row = Sequence[Any]
WRITE_BYTES = 8 * 1024 * 1024
WRITE_ROWS = 5_000


class Read(Protocol):
    def __call__(self, statement: str, params: Sequence[object] = (), /) -> list[Row]: ...


@dataclass(frozen=True, slots=True)
class Table:
    """`columns`: name and type, one word each: int, bytes, text; with ? where it may be empty.

    `key`: what orders it, uniquely. `page`: rows of one read; few where a row may be long.
    """

    name: str
    columns: tuple[tuple[str, str], ...]
    key: tuple[str, ...]
    page: int

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.columns)


def table(name: str, columns: str, key: str, page: int) -> Table:
    pairs = [each.split(":") for each in columns.split()]
    return Table(name, tuple((a, b) for a, b in pairs), tuple(key.split()), page)


EVENTS = table(
    "events",
    "leaf_index:int record_id:bytes version:int topic:text event_id:bytes? recorded_at:int "
    "number:text? leaf_hash:bytes state:bytes receipt:bytes?",
    "leaf_index",
    500,
)
CONTENT = table("content", "slot:int key_id:bytes wrapped:bytes ciphertext:bytes?", "slot", 64)
SEGMENTS = table(
    "segments", "attachment_id:bytes i:int staged_at:int ciphertext:bytes", "attachment_id i", 8
)
LOG_TABLES = (
    EVENTS,
    CONTENT,
    SEGMENTS,
    table(
        "idempotency",
        "mac:bytes body_mac:bytes first:int count:int expires:int",
        "mac",
        5_000,
    ),
    table("sources", "mac:bytes first:int count:int", "mac", 5_000),
    table("counters", "prefix:text year:int next:int", "prefix year", 5_000),
    table("tiles", "level:int n:int hashes:bytes", "level n", 200),
    # Their order is that in which they were made; the id itself is each database's own.
    table("checkpoints", "size:int note:bytes made_at:int", "id", 2_000),
    table(
        "timestamps",
        "token_hash:bytes size:int note_hash:bytes authority:text token:bytes gen_time:int "
        "ends:int renews:bytes? renewed:int",
        "id",
        200,
    ),
    table("cosignatures", "size:int witness:text signature:bytes time:int", "id", 2_000),
)
"""All of a store, in the order in which it is written and read."""
RECORD_KEYS = table("record_keys", "record_id:bytes wrapped:bytes", "record_id", 5_000)
DESTROYED = table("destroyed", "record_id:bytes", "record_id", 5_000)
SECRETS = table("secrets", "name:text wrapped:bytes expires:int?", "name", 1_000)


def rows_of(read: Read, source: Table) -> Iterator[Row]:
    """All rows, a page at a time; of one moment where `read` is of one."""
    keys, marks = ", ".join(source.key), ", ".join("?" * len(source.key))
    head = f"SELECT {keys}, {', '.join(source.names)} FROM {source.name}"
    tail = f" ORDER BY {keys} LIMIT {source.page}"
    width = len(source.key)
    rows = read(head + tail)
    while rows:
        for row in rows:
            yield row[width:]
        if len(rows) < source.page:
            return
        rows = read(f"{head} WHERE ({keys}) > ({marks}){tail}", rows[-1][:width])


def batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Rows for one transaction each: some thousand, or some megabytes."""
    held: list[Row] = []
    weight = 0
    for row in rows:
        held.append(row)
        weight += sum(len(value) for value in row if isinstance(value, bytes))
        if len(held) >= WRITE_ROWS or weight >= WRITE_BYTES:
            yield held
            held, weight = [], 0
    if held:
        yield held


class CopyTables(ABC):
    """Mixed into both stores. `copy_in` is for an archive that is being restored, and no other."""

    @abstractmethod
    def _read(self, statement: str, params: Sequence[object] = ()) -> list[Row]: ...

    @abstractmethod
    def reading(self) -> AbstractContextManager[None]: ...

    @abstractmethod
    def _copy_in(self, target: Table, rows: Sequence[Row]) -> None:
        """Insert rows in a durable transaction of their own."""

    @abstractmethod
    def copied_in(self) -> None:
        """Everything was copied in: let the store take up its work from there."""

    def copy_out(self, source: Table) -> Iterator[Row]:
        """All rows of a table; of one moment within `reading`."""
        return rows_of(self._read, source)

    def copy_in(self, target: Table, rows: Iterable[Row]) -> int:
        """Insert all rows into a table that is empty; returns how many."""
        count = 0
        for batch in batches(rows):
            self._copy_in(target, batch)
            count += len(batch)
        return count
