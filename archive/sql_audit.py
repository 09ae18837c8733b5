"""Reads for the check alone: rows as they lie in the tables, also those that belong to nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

Row = Sequence[Any]
PARTS = 1024
"""Parts per event at most; `slot` = leaf index * PARTS + n, so that one number finds a part."""
SMALL = 65_536 + 16
"""Ciphertext up to this length comes with its row; longer ones are asked for one by one."""
PAGE = 1000
LARGEST = 2**63 - 1
EXAMINED = 1 << 13
"""Leaves that are looked for in any case, however few there are."""


class AuditReads(ABC):
    """Mixed into both stores. Ids are 16 raw bytes and times microseconds since 1970, as stored."""

    @abstractmethod
    def _read(self, statement: str, params: Sequence[object] = ()) -> list[Row]: ...

    def audit_structure(self) -> list[str]:
        """What is wrong below the tables: above all an index that says otherwise than its table, so
        that a row is there and not found. PostgreSQL's pages have checksums of their own."""
        return []

    def audit_leaves(self, start: int, stop: int) -> list[Row]:
        """(leaf_index, record_id, version, topic, event_id, recorded_at, number, leaf_hash, leaf,
        receipt as it is kept) of the leaves start <= index < stop that exist; ask for a few
        hundred."""
        return self._read(
            "SELECT leaf_index, record_id, version, topic, event_id, recorded_at, number, "
            "leaf_hash, state, receipt FROM events WHERE leaf_index >= ? AND leaf_index < ? "
            "ORDER BY leaf_index",
            (start, stop),
        )

    def audit_extent(self, size: int) -> int:
        """Where to stop looking for leaves: at `size`, unless more than half of them are missing in
        one stretch. A row far out would else claim a log that nobody could ever read through."""
        edge = EXAMINED
        while edge < size:
            if not self._read(
                "SELECT 1 FROM events WHERE leaf_index >= ? AND leaf_index < ? LIMIT 1",
                (edge, min(2 * edge, LARGEST)),
            ):
                return edge
            edge *= 2
        return size

    def audit_contents(self, start: int, stop: int) -> list[Row]:
        """(slot, key_id, wrapped, length of ciphertext, ciphertext if SMALL) by slot.

        Also rows whose leaf does not exist. The length is None for an attachment.
        """
        return self._read(
            "SELECT slot, key_id, wrapped, length(ciphertext), "
            "CASE WHEN length(ciphertext) <= ? THEN ciphertext END "
            "FROM content WHERE slot >= ? AND slot < ? ORDER BY slot",
            (SMALL, start * PARTS, stop * PARTS),
        )

    def audit_ciphertext(self, slot: int) -> bytes | None:
        rows = self._read("SELECT ciphertext FROM content WHERE slot = ?", (slot,))
        return rows[0][0] if rows else None

    def audit_outside(self, size: int) -> Iterator[tuple[str, int]]:
        """("events", leaf index) before leaf 0, and ("content", slot) before it or after the end
        where no event owns it; at most PAGE of each."""
        for (index,) in self._read(
            "SELECT leaf_index FROM events WHERE leaf_index < 0 LIMIT ?", (PAGE,)
        ):
            yield "events", index
        for (slot,) in self._read(
            "SELECT slot FROM content c WHERE (slot < 0 OR slot >= ?) AND NOT EXISTS "
            f"(SELECT 1 FROM events e WHERE e.leaf_index = c.slot / {PARTS} AND c.slot >= 0) "
            "LIMIT ?",
            (size * PARTS, PAGE),
        ):
            yield "content", slot

    def audit_checkpoints(self, after: int, upto: int) -> Iterator[tuple[int, bytes]]:
        """(size, note) with after < size <= upto, by size."""
        last, lowest = LARGEST, after
        while rows := self._read(
            "SELECT size, note, id FROM checkpoints WHERE size <= ? "
            "AND (size > ? OR (size = ? AND id > ?)) ORDER BY size, id LIMIT ?",
            (upto, lowest, lowest, last, PAGE),
        ):
            for row in rows:
                yield row[0], row[1]
            lowest, last = rows[-1][0], rows[-1][2]

    def audit_cosignatures(self) -> Iterator[tuple[int, str, bytes, int]]:
        """(size, witness, signature, time) of every cosignature, in the order kept."""
        last = -LARGEST
        while rows := self._read(
            "SELECT size, witness, signature, time, id FROM cosignatures WHERE id > ? "
            "ORDER BY id LIMIT ?",
            (last, PAGE),
        ):
            for row in rows:
                yield row[0], row[1], row[2], row[3]
            last = rows[-1][4]

    def audit_counters(self) -> list[Row]:
        """(prefix, year, next) of every counter of record numbers."""
        return self._read("SELECT prefix, year, next FROM counters ORDER BY prefix, year")

    def audit_tiles(self) -> Iterator[tuple[int, int, int]]:
        """(level, n, hashes) of all stored tiles, in order."""
        level, n = -1, -1
        while rows := self._read(
            "SELECT level, n, length(hashes) FROM tiles "
            "WHERE level > ? OR (level = ? AND n > ?) ORDER BY level, n LIMIT ?",
            (level, level, n, PAGE),
        ):
            for row in rows:
                yield row[0], row[1], row[2] // 32
            level, n = rows[-1][0], rows[-1][1]
