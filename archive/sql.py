"""What both stores say in the same words: the reads, and the writes that place no leaf.

A subclass brings connections, its schema and the commit. Statements are written with `?`; ids are
16 raw bytes and times whole microseconds since 1970 in the tables.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

from archive.instants import micros, moment
from archive.receipts import kept, told
from archive.sql_audit import PARTS, AuditReads
from archive.sql_copy import CopyTables
from archive.store import (
    Ask,
    Checkpoint,
    Cosignature,
    Head,
    NewEvent,
    Quiet,
    Room,
    Span,
    StoreCorrupt,
    StoredContent,
    StoredEvent,
    Timestamp,
    UploadQuotaError,
    WriteTransaction,
)

HOUR = 3600 * 10**6
"""In microseconds, as times are stored."""
EVENT = "leaf_index, record_id, version, topic, event_id, state, leaf_hash, recorded_at, number"
OF_EVENT = f"c.slot >= e.leaf_index * {PARTS} AND c.slot < e.leaf_index * {PARTS} + {PARTS}"
CONTENT = "e.leaf_index, e.record_id, e.event_id, c.slot, c.key_id, c.wrapped, c.ciphertext"
STAMP = "size, note_hash, authority, token, gen_time, ends, renews"
COSIGNED = "size, witness, signature, time"
UNNAMED = (
    "NOT EXISTS (SELECT 1 FROM content c WHERE c.key_id = staged.attachment_id "
    "AND c.ciphertext IS NULL)"
)
CHUNK = 500
END = 2**63 - 1
"""After every leaf."""
RANGES = 50
"""Ranges of slots in one statement."""
Row = Sequence[Any]


class Execute(Protocol):
    """Run one statement inside the current transaction and return its rows."""

    def __call__(self, statement: str, params: Sequence[object] = ()) -> list[Row]: ...


def raw(hex_id: str) -> bytes:
    return bytes.fromhex(hex_id)


def stored_event(row: Row) -> StoredEvent:
    return StoredEvent(
        leaf_index=row[0],
        record_id=row[1].hex(),
        version=row[2],
        topic=row[3],
        event_id=None if row[4] is None else row[4].hex(),
        leaf=row[5],
        leaf_hash=row[6],
        recorded_at=moment(row[7]),
        number=row[8],
    )


def event_row(new: NewEvent) -> Row:
    row = new.row
    return (
        row.leaf_index,
        raw(row.record_id),
        row.version,
        row.topic,
        None if row.event_id is None else raw(row.event_id),
        micros(row.recorded_at),
        row.number,
        row.leaf_hash,
        row.leaf,
        None if new.receipt is None else kept(new.receipt, row),
    )


def stored_receipt(stored: bytes | None) -> bytes | None:
    return None if stored is None else told(stored)


def stored_content(row: Row) -> StoredContent:
    index, record_id, event_id, slot, key_id, wrapped, ciphertext = row
    return StoredContent(
        index, record_id.hex(), event_id.hex(), slot % PARTS, key_id.hex(), wrapped, ciphertext
    )


def stored_timestamp(row: Row) -> Timestamp:
    size, note_hash, authority, token, gen_time, ends, renews = row[:7]
    return Timestamp(size, note_hash, authority, token, moment(gen_time), moment(ends), renews)


def stored_cosignature(row: Row) -> Cosignature:
    return Cosignature(row[0], row[1], row[2], moment(row[3]))


def content_rows(events: Sequence[NewEvent]) -> list[Row]:
    return [
        (new.row.leaf_index * PARTS + part.n, raw(part.key_id), part.wrapped, part.ciphertext)
        for new in events
        for part in new.content
    ]


def marks(count: int) -> str:
    return ",".join("?" * count)


def selecting(topics: Sequence[str]) -> str:
    """Leaves of a span, of these topics (none: all), in their order.

    The archive's own records are a few among very many: their topics have an index of their own,
    and the plus signs keep SQLite from reading the whole span by its primary key instead.
    """
    wanted = f" AND topic IN ({marks(len(topics))})" if topics else ""
    index, plus = "", ""
    if topics and all(topic.startswith("~") for topic in topics):
        index, plus = "substr(topic, 1, 1) = '~' AND ", "+"
    return (
        f"SELECT {EVENT} FROM events WHERE {index}{plus}leaf_index >= ? AND {plus}leaf_index < ?"
        f"{wanted} ORDER BY {plus}leaf_index LIMIT ?"
    )


def find_events(run: Execute, event_ids: Sequence[str]) -> dict[str, StoredEvent]:
    found: dict[str, StoredEvent] = {}
    for at in range(0, len(event_ids), CHUNK):
        part = event_ids[at : at + CHUNK]
        sql = f"SELECT {EVENT} FROM events WHERE event_id IN ({marks(len(part))})"
        for row in run(sql, [raw(event_id) for event_id in part]):
            found[row[4].hex()] = stored_event(row)
    return found


def find_first(run: Execute, quiet: Quiet) -> int | None:
    """The first leaf of these topics from an index on."""
    if not quiet.topics:
        return None
    rows = run(selecting(quiet.topics), (quiet.since, END, *quiet.topics, 1))
    return rows[0][0] if rows else None


def find_placed(run: Execute, span: Span) -> list[tuple[StoredEvent, bytes | None]]:
    rows = run(
        f"SELECT {EVENT}, receipt FROM events WHERE leaf_index >= ? AND leaf_index < ? "
        "ORDER BY leaf_index",
        (span.first, span.first + span.count),
    )
    if len(rows) != span.count:
        raise StoreCorrupt(
            f"leaves {span.first} to {span.first + span.count - 1} were promised to an earlier "
            f"request, but {len(rows)} are there: run a check of the archive"
        )
    return [(stored_event(row), stored_receipt(row[9])) for row in rows]


def _take_room(run: Execute, more: tuple[bytes, int, int], room: Room) -> None:
    """Whoever names a file does not write here: what is named no longer counts."""
    attachment_id, size, staged_at = more
    run(
        "INSERT INTO staged (attachment_id, owner, bytes, staged_at) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (attachment_id) DO UPDATE SET bytes = staged.bytes + excluded.bytes, "
        "staged_at = excluded.staged_at",
        (attachment_id, room.owner, size, staged_at),
    )
    rows = run(f"SELECT owner, CAST(sum(bytes) AS bigint) FROM staged WHERE {UNNAMED} GROUP BY 1")
    held = {owner: int(taken) for owner, taken in rows}
    if held.get(room.owner, 0) > room.own:
        raise UploadQuotaError(room.own, own=True)
    if sum(held.values()) > room.total:
        raise UploadQuotaError(room.total, own=False)


class SqlStore(AuditReads, CopyTables, ABC):
    """The part of `archive.store.Store` that needs no particular database."""

    _owned = f"events e JOIN content c ON {OF_EVENT}"
    """Events with their content, each found by its slot."""

    @abstractmethod
    def _read(self, statement: str, params: Sequence[object] = ()) -> list[Row]:
        """Rows of one SELECT, on a reading connection (or the snapshot of `reading`)."""

    @abstractmethod
    def _writing(self) -> AbstractContextManager[Execute]:
        """A durable transaction of its own; committed at the end, rolled back on an error."""

    @abstractmethod
    def _lock_head(self, run: Execute) -> None:
        """Make this transaction wait for those that place leaves, and they for it."""

    @abstractmethod
    def begin(self, ask: Ask) -> WriteTransaction: ...

    @abstractmethod
    def close(self) -> None: ...

    @abstractmethod
    def scrub(self) -> None: ...

    @abstractmethod
    def reading(self) -> AbstractContextManager[None]: ...

    # -- the log ---------------------------------------------------------------------------
    def head(self) -> Head:
        rows = self._read(
            "SELECT leaf_index, recorded_at FROM events ORDER BY leaf_index DESC LIMIT 1"
        )
        return Head(rows[0][0] + 1, moment(rows[0][1])) if rows else Head(0, None)

    def versions(self, record_ids: Sequence[str]) -> dict[str, int]:
        found = dict.fromkeys(record_ids, 0)
        for part in _parts(record_ids):
            sql = (
                "SELECT record_id, max(version) FROM events "
                f"WHERE record_id IN ({marks(len(part))}) GROUP BY record_id"
            )
            found.update((row[0].hex(), row[1]) for row in self._read(sql, part))
        return found

    def last_topics(self, record_ids: Sequence[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for part in _parts(record_ids):
            sql = (
                f"SELECT e.record_id, e.topic FROM events e "
                f"WHERE e.record_id IN ({marks(len(part))}) AND e.version = "
                "(SELECT max(version) FROM events WHERE record_id = e.record_id)"
            )
            found.update((row[0].hex(), row[1]) for row in self._read(sql, part))
        return found

    def record(
        self,
        record_id: str,
        *,
        after: int | None = None,
        upto: int | None = None,
        descending: bool = False,
        limit: int | None = None,
    ) -> list[StoredEvent]:
        sql, params = f"SELECT {EVENT} FROM events WHERE record_id = ?", [raw(record_id)]
        bounds: list[object] = [*params]
        if after is not None:
            sql, bounds = sql + " AND version > ?", [*bounds, after]
        if upto is not None:
            sql, bounds = sql + " AND version <= ?", [*bounds, upto]
        sql += " ORDER BY version" + (" DESC" if descending else "")
        if limit is not None:
            sql, bounds = sql + " LIMIT ?", [*bounds, limit]
        return [stored_event(row) for row in self._read(sql, bounds)]

    def records(self, record_ids: Sequence[str]) -> Iterator[StoredEvent]:
        for part in _parts(record_ids):
            sql = (
                f"SELECT {EVENT} FROM events WHERE record_id IN ({marks(len(part))}) "
                "ORDER BY record_id, version"
            )
            yield from map(stored_event, self._read(sql, part))

    def leaves(
        self, start: int, stop: int | None = None, topics: Sequence[str] = ()
    ) -> Iterator[StoredEvent]:
        stop = self.head().size if stop is None else stop
        sql = selecting(topics)
        while start < stop:
            rows = self._read(sql, (start, stop, *topics, CHUNK))
            for row in rows:
                yield stored_event(row)
            if len(rows) < CHUNK:
                return
            start = rows[-1][0] + 1

    def leaf_hashes(self, start: int, stop: int) -> list[bytes]:
        rows = self._read(
            "SELECT leaf_hash FROM events WHERE leaf_index >= ? AND leaf_index < ? "
            "ORDER BY leaf_index",
            (start, stop),
        )
        return [row[0] for row in rows]

    def event(self, event_id: str) -> StoredEvent | None:
        return find_events(self._read, [event_id]).get(event_id)

    def at(self, leaf_index: int) -> StoredEvent | None:
        rows = self._read(f"SELECT {EVENT} FROM events WHERE leaf_index = ?", (leaf_index,))
        return stored_event(rows[0]) if rows else None

    def size_at(self, moment: datetime) -> int:
        """Bisects: recorded times never fall, so no index on them is needed."""
        low, high, wanted = 0, self.head().size, micros(moment)
        while low < high:
            middle = (low + high) // 2
            rows = self._read("SELECT recorded_at FROM events WHERE leaf_index = ?", (middle,))
            low, high = (middle + 1, high) if rows[0][0] <= wanted else (low, middle)
        return low

    def receipt(self, leaf_index: int) -> bytes | None:
        rows = self._read("SELECT receipt FROM events WHERE leaf_index = ?", (leaf_index,))
        return stored_receipt(rows[0][0]) if rows else None

    def receipts(self, start: int, stop: int) -> Iterator[tuple[int, bytes | None]]:
        sql = (
            "SELECT leaf_index, receipt FROM events WHERE leaf_index >= ? AND leaf_index < ? "
            "ORDER BY leaf_index"
        )
        for at in range(start, stop, CHUNK):
            for row in self._read(sql, (at, min(at + CHUNK, stop))):
                yield row[0], stored_receipt(row[1])

    # -- content ---------------------------------------------------------------------------
    def content(self, event_id: str) -> list[StoredContent]:
        sql = f"SELECT {CONTENT} FROM {self._owned} WHERE e.event_id = ? ORDER BY c.slot"
        return [stored_content(row) for row in self._read(sql, (raw(event_id),))]

    def content_of_record(self, record_id: str, upto: int | None = None) -> list[StoredContent]:
        where, params = "e.record_id = ?", [raw(record_id)]
        bounds: list[object] = [*params]
        if upto is not None:
            where, bounds = where + " AND e.version <= ?", [*bounds, upto]
        # By version, which is the same order as by slot, and the one of the record's index.
        sql = f"SELECT {CONTENT} FROM {self._owned} WHERE {where} ORDER BY e.version, c.slot"
        return [stored_content(row) for row in self._read(sql, bounds)]

    def content_of_records(self, record_ids: Sequence[str]) -> Iterator[StoredContent]:
        for part in _parts(record_ids):
            sql = f"SELECT {CONTENT} FROM {self._owned} WHERE e.record_id IN ({marks(len(part))})"
            yield from map(stored_content, self._read(sql, part))

    def with_content(self, record_ids: Sequence[str]) -> set[str]:
        found: set[str] = set()
        for part in _parts(record_ids):
            sql = (
                f"SELECT DISTINCT e.record_id FROM {self._owned} "
                f"WHERE e.record_id IN ({marks(len(part))})"
            )
            found.update(row[0].hex() for row in self._read(sql, part))
        return found

    def contents(self, start: int, stop: int) -> Iterator[StoredContent]:
        sql = (
            f"SELECT {CONTENT} FROM {self._owned} WHERE e.leaf_index >= ? AND e.leaf_index < ? "
            "ORDER BY e.leaf_index, c.slot"
        )
        for at in range(start, stop, CHUNK):
            for row in self._read(sql, (at, min(at + CHUNK, stop))):
                yield stored_content(row)

    def destroy_content(self, record_ids: Sequence[str]) -> dict[str, int]:
        with self._writing() as run:
            self._lock_head(run)
            owners = _leaves_of(run, record_ids)
            gone, held = dict.fromkeys(record_ids, 0), set()
            for slot, key_id, is_attachment in _delete_parts(run, list(owners)):
                gone[owners[slot // PARTS]] += 1
                if is_attachment:
                    held.add(key_id)
            for attachment in held:
                if not run(
                    "SELECT 1 FROM content WHERE key_id = ? AND ciphertext IS NULL LIMIT 1",
                    (attachment,),
                ):
                    run("DELETE FROM segments WHERE attachment_id = ?", (attachment,))
            return gone

    # -- attachments -----------------------------------------------------------------------
    def stage_segment(
        self,
        attachment_id: str,
        i: int,
        ciphertext: bytes,
        staged_at: datetime,
        room: Room | None = None,
    ) -> None:
        with self._writing() as run:
            if room is not None:
                _take_room(run, (raw(attachment_id), len(ciphertext), micros(staged_at)), room)
            run(
                "INSERT INTO segments (attachment_id, i, staged_at, ciphertext) "
                "VALUES (?, ?, ?, ?)",
                (raw(attachment_id), i, micros(staged_at), ciphertext),
            )

    def unstage(self, attachment_id: str) -> None:
        with self._writing() as run:
            for table in ("segments", "staged"):
                run(f"DELETE FROM {table} WHERE attachment_id = ?", (raw(attachment_id),))

    def segment(self, attachment_id: str, i: int) -> bytes | None:
        rows = self._read(
            "SELECT ciphertext FROM segments WHERE attachment_id = ? AND i = ?",
            (raw(attachment_id), i),
        )
        return rows[0][0] if rows else None

    def segments(self, attachment_id: str) -> int:
        rows = self._read(
            "SELECT count(*) FROM segments WHERE attachment_id = ?", (raw(attachment_id),)
        )
        return int(rows[0][0])

    def holders(self, attachment_id: str) -> list[str]:
        rows = self._read(
            "SELECT DISTINCT e.record_id FROM content c JOIN events e "
            f"ON e.leaf_index = c.slot / {PARTS} WHERE c.key_id = ? AND c.ciphertext IS NULL "
            "ORDER BY e.record_id",
            (raw(attachment_id),),
        )
        return [row[0].hex() for row in rows]

    def collect_segments(self, staged_before: datetime) -> int:
        """Takes the head, so that no unit can name an attachment while it is being collected."""
        with self._writing() as run:
            self._lock_head(run)
            rows = run(
                "SELECT attachment_id FROM segments s WHERE NOT EXISTS "
                "(SELECT 1 FROM content c WHERE c.key_id = s.attachment_id "
                "AND c.ciphertext IS NULL) GROUP BY attachment_id HAVING max(staged_at) < ?",
                (micros(staged_before),),
            )
            run(
                f"DELETE FROM staged WHERE staged_at < ? OR NOT ({UNNAMED})",
                (micros(staged_before),),
            )
            return sum(
                len(run("DELETE FROM segments WHERE attachment_id = ? RETURNING i", (row[0],)))
                for row in rows
            )

    # -- checkpoints and tiles -------------------------------------------------------------
    def put_checkpoint(
        self, checkpoint: Checkpoint, tiles: Iterable[tuple[int, int, bytes]] = ()
    ) -> None:
        with self._writing() as run:
            for level, n, hashes in tiles:
                run(
                    "INSERT INTO tiles (level, n, hashes) VALUES (?, ?, ?) "
                    "ON CONFLICT (level, n) DO UPDATE SET hashes = excluded.hashes "
                    "WHERE length(excluded.hashes) > length(tiles.hashes)",
                    (level, n, hashes),
                )
            run(
                "INSERT INTO checkpoints (size, note, made_at) VALUES (?, ?, ?) "
                "ON CONFLICT (size, note) DO NOTHING",
                (checkpoint.size, checkpoint.note, micros(checkpoint.made_at)),
            )

    def checkpoint(self, size: int | None = None) -> Checkpoint | None:
        where, params = ("WHERE size = ?", [size]) if size is not None else ("", [])
        rows = self._read(
            f"SELECT size, note, made_at FROM checkpoints {where} "
            "ORDER BY size DESC, id DESC LIMIT 1",
            params,
        )
        return Checkpoint(rows[0][0], rows[0][1], moment(rows[0][2])) if rows else None

    def checkpoints(self, after: int = 0) -> Iterator[Checkpoint]:
        last = 0
        while rows := self._read(
            "SELECT size, note, made_at, id FROM checkpoints WHERE size > ? AND id > ? "
            "ORDER BY id LIMIT ?",
            (after, last, CHUNK),
        ):
            for row in rows:
                yield Checkpoint(row[0], row[1], moment(row[2]))
            last = rows[-1][3]

    def tile(self, level: int, n: int) -> bytes | None:
        rows = self._read("SELECT hashes FROM tiles WHERE level = ? AND n = ?", (level, n))
        return rows[0][0] if rows else None

    # -- timestamps ------------------------------------------------------------------------
    def put_timestamp(self, timestamp: Timestamp) -> None:
        with self._writing() as run:
            run(
                f"INSERT INTO timestamps (token_hash, {STAMP}) VALUES ({marks(8)}) "
                "ON CONFLICT (token_hash) DO NOTHING",
                (
                    timestamp.hash,
                    timestamp.size,
                    timestamp.note_hash,
                    timestamp.authority,
                    timestamp.token,
                    micros(timestamp.gen_time),
                    micros(timestamp.ends),
                    timestamp.renews,
                ),
            )
            for older in timestamp.renewed():
                run("UPDATE timestamps SET renewed = 1 WHERE token_hash = ?", (older,))

    def timestamps(self, size: int | None = None) -> Iterator[Timestamp]:
        where, params = ("size = ? AND ", [size]) if size is not None else ("", [])
        last = 0
        while rows := self._read(
            f"SELECT {STAMP}, id FROM timestamps WHERE {where}id > ? ORDER BY id LIMIT ?",
            (*params, last, CHUNK),
        ):
            yield from (stored_timestamp(row) for row in rows)
            last = rows[-1][7]

    def newest_timestamps(self, authority: str, limit: int) -> list[Timestamp]:
        rows = self._read(
            f"SELECT {STAMP} FROM timestamps WHERE authority = ? "
            "ORDER BY gen_time DESC, id DESC LIMIT ?",
            (authority, limit),
        )
        return [stored_timestamp(row) for row in rows]

    def ending_timestamps(self, before: datetime, limit: int) -> list[Timestamp]:
        rows = self._read(
            f"SELECT {STAMP} FROM timestamps WHERE renewed = 0 AND ends < ? ORDER BY id LIMIT ?",
            (micros(before), limit),
        )
        return [stored_timestamp(row) for row in rows]

    # -- cosignatures ----------------------------------------------------------------------
    def put_cosignature(self, cosignature: Cosignature) -> None:
        with self._writing() as run:
            run(
                f"INSERT INTO cosignatures ({COSIGNED}) VALUES ({marks(4)}) "
                "ON CONFLICT (size, witness, signature) DO NOTHING",
                (
                    cosignature.size,
                    cosignature.witness,
                    cosignature.signature,
                    micros(cosignature.time),
                ),
            )

    def cosignatures(self, size: int) -> list[Cosignature]:
        rows = self._read(
            f"SELECT {COSIGNED} FROM cosignatures WHERE size = ? ORDER BY id", (size,)
        )
        return [stored_cosignature(row) for row in rows]

    def newest_cosignatures(self, witness: str, limit: int) -> list[Cosignature]:
        rows = self._read(
            f"SELECT {COSIGNED} FROM cosignatures WHERE witness = ? "
            "ORDER BY time DESC, id DESC LIMIT ?",
            (witness, limit),
        )
        return [stored_cosignature(row) for row in rows]

    def cosigned_sizes(self, witnesses: int, below: int, limit: int) -> list[int]:
        rows = self._read(
            "SELECT size FROM cosignatures WHERE size < ? GROUP BY size "
            "HAVING count(DISTINCT witness) >= ? ORDER BY size DESC LIMIT ?",
            (below, witnesses, limit),
        )
        return [row[0] for row in rows]

    def last_cosignature(self) -> int:
        return int(self._read("SELECT max(id) FROM cosignatures")[0][0] or 0)

    def prune_cosignatures(self, before: datetime, below: int) -> int:
        with self._writing() as run:
            # The last row stays: `last_cosignature` must be another after the next that is kept.
            gone = run(
                "DELETE FROM cosignatures WHERE time < ? AND size < ? "
                "AND id < (SELECT max(id) FROM cosignatures) "
                "AND size NOT IN (SELECT max(size) FROM cosignatures GROUP BY time / ?) "
                "AND size NOT IN (SELECT size FROM timestamps) RETURNING id",
                (micros(before), below, HOUR),
            )
            return len(gone)

    # -- housekeeping ----------------------------------------------------------------------
    def forget_expired(self, now: datetime) -> int:
        with self._writing() as run:
            return len(
                run("DELETE FROM idempotency WHERE expires <= ? RETURNING first", (micros(now),))
            )


def _parts(record_ids: Sequence[str]) -> Iterator[list[bytes]]:
    """As many as one statement names."""
    for at in range(0, len(record_ids), CHUNK):
        yield [raw(record_id) for record_id in record_ids[at : at + CHUNK]]


def _leaves_of(run: Execute, record_ids: Sequence[str]) -> dict[int, str]:
    """The leaves of these records, and whose each is."""
    found = {}
    for at in range(0, len(record_ids), RANGES):
        part = [raw(record_id) for record_id in record_ids[at : at + RANGES]]
        asked = f"SELECT leaf_index, record_id FROM events WHERE record_id IN ({marks(len(part))})"
        found.update({row[0]: row[1].hex() for row in run(asked, part)})
    return found


def _delete_parts(run: Execute, leaves: Sequence[int]) -> Iterator[Row]:
    """Delete the content of these leaves: (slot, key id, whether it is an attachment) of each."""
    for at in range(0, len(leaves), RANGES):
        part = leaves[at : at + RANGES]
        ranges = " OR ".join(["slot >= ? AND slot < ?"] * len(part))
        bounds = [bound for leaf in part for bound in (leaf * PARTS, (leaf + 1) * PARTS)]
        yield from run(
            f"DELETE FROM content WHERE {ranges} RETURNING slot, key_id, ciphertext IS NULL", bounds
        )
