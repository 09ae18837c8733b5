"""The disposal ledger: what an older backup of the data must be told before it serves anybody.

It lies beside each backup of the keys and holds, as of its own head (log size, root, signed note):
the ids of all records whose keys were destroyed; the whole records of rules, triggers, holds and
disposals, each event as its author signed it, with its sealed content; and the signed `disposed`
event of every record that was disposed of.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from archive.evidence import canonical
from archive.evidence.errors import FormatError
from archive.instants import micros
from archive.row_stream import RowReader, RowWriter
from archive.sealed_files import BackupDamaged, SealedReader, Secret
from archive.sealing import INTERNAL
from archive.sql import SqlStore, raw
from archive.sql_audit import PARTS
from archive.sql_copy import CONTENT, DESTROYED, EVENTS, SEGMENTS, Row, Table, table
from archive.store import StoredContent, StoredEvent
from domain.events import EVENT_TYPES

KINDS = (
    "retention-rule",
    "retention-trigger",
    "retention-correction",
    "legal-hold",
    "disposal",
    "records-transfer",
)
"""Kinds whose records are in force again in every restored archive."""
TOPICS = tuple(f"{INTERNAL}{kind}/{event}" for kind in KINDS for event in EVENT_TYPES)
DISPOSED_EVENT = "/disposed"
HEAD = table("head", "said:bytes", "said", 1)
DISPOSED = Table("disposed", EVENTS.columns, EVENTS.key, EVENTS.page)
TABLES = (HEAD, DESTROYED, EVENTS, CONTENT, SEGMENTS, DISPOSED)


@dataclass(frozen=True, slots=True)
class LedgerHead:
    """The log as it stood: what a restored archive is behind of."""

    name: str
    size: int
    root: str


@dataclass(frozen=True, slots=True)
class Entry:
    """An event of a ledger's record, with its sealed content and the segments of its files."""

    event: Row
    content: list[Row]
    segments: list[Row]


def write_ledger(out: RowWriter, head: LedgerHead, store: SqlStore, destroyed: list[str]) -> int:
    """Everything up to leaf `head.size`; returns the number of events. Call it in a snapshot."""
    said = {"name": head.name, "root": head.root, "size": head.size}
    out.section(HEAD, [(canonical.encode(said),)])
    out.section(DESTROYED, [(raw(record),) for record in destroyed])
    count = 0
    for event in store.leaves(0, head.size, TOPICS):
        content = [_content_row(part) for part in store.content(event.event_id or "")]
        out.section(EVENTS, [_event_row(store, event)])
        out.section(CONTENT, content)
        out.section(SEGMENTS, _segment_rows(store, content))
        count += 1
    count += out.section(DISPOSED, _disposed(store, head.size, destroyed))
    out.end()
    return count


def _disposed(store: SqlStore, size: int, destroyed: list[str]) -> Iterator[Row]:
    """Nothing follows it in a record, so it is the last event."""
    for record in destroyed:
        last = store.record(record, descending=True, limit=1)
        if last and last[0].topic.endswith(DISPOSED_EVENT) and last[0].leaf_index < size:
            yield _event_row(store, last[0])


def _event_row(store: SqlStore, event: StoredEvent) -> Row:
    return (
        event.leaf_index,
        raw(event.record_id),
        event.version,
        event.topic,
        None if event.event_id is None else raw(event.event_id),
        micros(event.recorded_at),
        event.number,
        event.leaf_hash,
        event.leaf,
        store.receipt(event.leaf_index),
    )


def _content_row(part: StoredContent) -> Row:
    slot = part.leaf_index * PARTS + part.n
    return slot, raw(part.key_id), part.wrapped, part.ciphertext


def _segment_rows(store: SqlStore, content: list[Row]) -> Iterator[Row]:
    for _, key_id, _, ciphertext in content:
        if ciphertext is None:
            for i in range(store.segments(key_id.hex())):
                yield key_id, i, 0, store.segment(key_id.hex(), i)


class Ledger:
    """A ledger that is being read. `entries` and `disposed` are read in this order, once."""

    def __init__(self, path: Path, secret: Secret) -> None:
        self._file = SealedReader(path, "ledger", secret)
        self._rows = RowReader(self._file.read)
        try:
            self.head = _head(self._rows.one(HEAD), path)
            self.destroyed = frozenset(row[0].hex() for row in self._rows.one(DESTROYED))
        except BaseException:
            self.close()
            raise
        self._sections = self._rows.sections(TABLES)
        self._disposed: Iterator[Row] = iter(())

    def close(self) -> None:
        self._file.__exit__()

    def entries(self) -> Iterator[Entry]:
        """In the order of the log."""
        event: Row | None = None
        content: list[Row] = []
        for kept, rows in self._sections:
            if kept is DISPOSED:
                self._disposed = rows
                return
            if kept is EVENTS:
                (event,) = rows
            elif kept is CONTENT:
                content = list(rows)
            elif kept is SEGMENTS and event is not None:
                yield Entry(event, content, list(rows))
                event = None
            else:
                raise BackupDamaged("the ledger's sections are not in order")

    def disposed(self) -> Iterator[Row]:
        """`disposed` events (rows of the table events), and then the end is looked at."""
        yield from self._disposed
        for _ in self._sections:
            raise BackupDamaged("the ledger's sections are not in order")
        self._file.end()


def _head(rows: list[Row], path: Path) -> LedgerHead:
    try:
        (row,) = rows
        told = canonical.decode_object(row[0])
        return LedgerHead(told["name"], told["size"], told["root"])
    except (FormatError, KeyError, ValueError):
        raise BackupDamaged(f"{path} does not begin with its head") from None
