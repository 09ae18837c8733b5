"""Record chains over the whole log, at flat memory: what a sort by record brings together.

Each leaf gives a row of 129 bytes (record, event, index, version, hash of its envelope, the hash
it names as its predecessor's, kind, flags). Rows are thrown into 256 buckets by the first byte of
the record's random id; beyond SPILL bytes in memory the buckets go to one temporary file (hashes
and random ids, no content). A bucket is then sorted in memory and walked. So nothing is trusted to
an index of the database, and a million leaves cost at most SPILL in memory and 160 MB of disk;
one bucket of a million leaves is 4,000 rows.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from tempfile import TemporaryFile
from typing import IO, Any, Self

from archive.findings import Finding

ROW = struct.Struct(">16s16sQQ32s32s16sB")
POINTER = struct.Struct(">16s32sQ")  # record, envelope hash, index of the leaf that points there
GAP = struct.Struct(">16sQH16sB")  # record, index, part, event, code
EVENT = struct.Struct(">16sQ")
STREAMS = {"row": ROW, "pointer": POINTER, "gap": GAP, "event": EVENT}
BUCKETS = 256
SPILL = 48 * 1024 * 1024
DISPOSED, PRESENT = 1, 2
GAPS = ("content-missing", "key-missing")
NO_HASH = bytes(32)

Key = tuple[str, int]


class Buckets:
    """Bytes by stream and bucket; what does not fit in memory lies in a temporary file."""

    def __init__(self, spill: int = SPILL) -> None:
        self._spill, self._held = spill, 0
        self._memory: dict[Key, bytearray] = {}
        self._extents: dict[Key, list[tuple[int, int]]] = {}
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, key: Key, data: bytes) -> None:
        self._memory.setdefault(key, bytearray()).extend(data)
        self._held += len(data)
        if self._held > self._spill:
            self._flush()

    def _flush(self) -> None:
        if self._file is None:
            self._file = TemporaryFile()  # noqa: SIM115 - closed with the buckets
        for key, data in self._memory.items():
            self._extents.setdefault(key, []).append((self._file.tell(), len(data)))
            self._file.write(data)
        self._memory.clear()
        self._held = 0

    def rows(self, stream: str, bucket: int) -> Iterator[tuple[Any, ...]]:
        """Call only when all was added."""
        unpack = STREAMS[stream].iter_unpack
        if self._file is not None:
            for offset, length in self._extents.get((stream, bucket), ()):
                self._file.seek(offset)
                yield from unpack(self._file.read(length))
        yield from unpack(self._memory.get((stream, bucket), b""))


@dataclass(slots=True)
class _Walk:
    """What is known of a record while its rows go by, in order of version."""

    version: int = 0
    index: int = -1
    head: bytes = NO_HASH
    kind: bytes = b""
    disposed: int = -1
    envelopes: dict[bytes, int] = field(default_factory=dict)


DisposedSince = Callable[[str, int], bool]
"""Whether a record (id, last version walked) was disposed of after the leaves being checked."""


def walk(buckets: Buckets, disposed_since: DisposedSince) -> Iterator[Finding]:
    """Everything that is wrong between the leaves of one record, or between records."""
    for bucket in range(BUCKETS):
        yield from _events(buckets, bucket)
        pointers = _by_record(buckets, "pointer", bucket)
        gaps = _by_record(buckets, "gap", bucket)
        rows = sorted(buckets.rows("row", bucket), key=itemgetter(0, 3, 2))
        for record, group in groupby(rows, key=itemgetter(0)):
            yield from _record(
                record, list(group), pointers.pop(record, ()), gaps.pop(record, ()), disposed_since
            )
        for record, pointing in pointers.items():
            yield from _dangling(record, _Walk(), pointing)


def _events(buckets: Buckets, bucket: int) -> Iterator[Finding]:
    seen: set[bytes] = set()
    for event, index in buckets.rows("event", bucket):
        if event in seen:
            yield Finding("event-twice", leaf=index, event=event.hex())
        seen.add(event)


def _by_record(buckets: Buckets, stream: str, bucket: int) -> dict[bytes, Any]:
    found: dict[bytes, list[tuple[Any, ...]]] = {}
    for row in buckets.rows(stream, bucket):
        found.setdefault(row[0], []).append(row)
    return found


def _record(
    record: bytes, rows: list[Any], pointers: Any, gaps: Any, disposed_since: DisposedSince
) -> Iterator[Finding]:
    seen = _Walk()
    for row in rows:
        yield from _link(seen, row)
        if pointers:
            seen.envelopes.setdefault(row[4], row[2])
    yield from _dangling(record, seen, pointers)
    if seen.disposed >= 0:
        for row in rows:
            if row[7] & PRESENT and row[2] < seen.disposed:
                detail = f"disposed at leaf {seen.disposed}"
                yield _finding("undisposed", row, detail)
    yield from _gaps(record, seen, gaps, disposed_since)


def _link(seen: _Walk, row: Any) -> Iterator[Finding]:
    _, _, index, version, envelope, prev, kind, flags = row
    if version != seen.version + 1:
        yield _finding("chain", row, f"version {version} follows version {seen.version}")
    elif prev != seen.head:
        yield _finding("chain", row, "prev is not the hash of the record's previous envelope")
    if index < seen.index:
        yield _finding("chain", row, f"stands before its predecessor, leaf {seen.index}")
    if seen.kind and kind != seen.kind:
        yield _finding("chain", row, "the kind changed")
    if flags & DISPOSED:
        seen.disposed = index
    seen.version, seen.index, seen.head, seen.kind = version, index, envelope, kind


def _dangling(record: bytes, seen: _Walk, pointers: Any) -> Iterator[Finding]:
    for _, hash_, index in pointers:
        if seen.envelopes.get(hash_, index) >= index:
            yield Finding("covers", f"envelope {hash_.hex()}", leaf=index, record=record.hex())


def _gaps(
    record: bytes, seen: _Walk, gaps: Any, disposed_since: DisposedSince
) -> Iterator[Finding]:
    open_gaps = [gap for gap in gaps if gap[1] > seen.disposed]
    if open_gaps and not disposed_since(record.hex(), seen.version):
        for _, index, part, event, code in open_gaps:
            yield Finding(
                GAPS[code], leaf=index, record=record.hex(), event=event.hex(), part=f"part {part}"
            )


def _finding(code: str, row: Any, detail: str) -> Finding:
    return Finding(
        code,
        detail,
        leaf=row[2],
        record=row[0].hex(),
        version=row[3],
        event=row[1].hex(),
    )
