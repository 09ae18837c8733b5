"""What the archive asks of a database: the promises, the words, the refusals.

Two stores keep them, `archive.sqlite` and `archive.postgres`. Ids and keys are spelled as in the
published formats (32 hex digits); bytes that were signed or sealed are never looked into here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


class StoreError(Exception):
    """Something the store refuses or cannot do; the message says what to do about it."""


class VersionConflict(StoreError):
    """A record moved on since the caller read it. Nothing of the unit was written.

    `current` is the record's version now (0 = the record does not exist).
    """

    def __init__(self, record_id: str, expected: int, current: int) -> None:
        super().__init__(
            f"record {record_id} is at version {current}, the command was made for version "
            f"{expected}: read the record again and repeat the command if it still makes sense"
        )
        self.record_id, self.expected, self.current = record_id, expected, current


class NotQuiet(StoreError):
    """Something of these topics was added since the caller looked. Nothing of the unit was written.

    `leaf_index`: a leaf that was.
    """

    def __init__(self, leaf_index: int) -> None:
        super().__init__(
            f"leaf {leaf_index} was added after what this command rests on was read: look again, "
            "and repeat the command if it still makes sense"
        )
        self.leaf_index = leaf_index


class IdempotencyMismatch(StoreError):
    """The Idempotency-Key was used before, with another body. Nothing was written."""

    def __init__(self) -> None:
        super().__init__(
            "this Idempotency-Key was already used with another body: use a new key for a new "
            "request, or send the first body again to get its receipt"
        )


class DuplicateEvent(StoreError):
    """The event id is already taken by other bytes. Nothing was written."""

    def __init__(self, event_id: str) -> None:
        super().__init__(
            f"event {event_id} is already in the archive with other bytes: "
            "give the new event a new random id"
        )
        self.event_id = event_id


class AttachmentMissing(StoreError):
    """The event names an attachment of which no segment is stored. Nothing was written."""

    def __init__(self, attachment_id: str) -> None:
        super().__init__(
            f"attachment {attachment_id} is not stored (staged segments are kept for a day): "
            "send the file again"
        )
        self.attachment_id = attachment_id


class InvalidUnit(StoreError):
    """The unit contradicts itself or a format's limit; a fault of the caller, never retried."""


class UploadQuotaError(StoreError):
    """Too many uploaded bytes wait for an event that names them. Nothing was written.

    `own`: those of this caller alone are too many. `limit`: bytes.
    """

    def __init__(self, limit: int, *, own: bool) -> None:
        super().__init__(
            f"{'your' if own else 'all'} uploaded files that no event names yet may have {limit} "
            "bytes together: name them in a form, or wait until they are swept away after a day"
        )
        self.limit, self.own = limit, own


@dataclass(frozen=True, slots=True)
class Room:
    """How many bytes of files that no event names yet may lie there: of one owner, and of all."""

    owner: str
    own: int
    total: int


class StorageFull(StoreError):
    """No room. Nothing was written; free some space and send the command again."""


class StoreUnavailable(StoreError):
    """The database cannot be reached or is held by others. Nothing was written; retry later."""


class StillRead(StoreUnavailable):
    """What was deleted cannot be removed from the files yet: a reader began before, and reads on.

    Nothing is lost by waiting; `scrub` may be repeated.
    """

    def __init__(self) -> None:
        super().__init__("a reader keeps deleted pages of the database alive: let it end, retry")


class OutcomeUnknown(StoreError):
    """The connection broke after COMMIT was sent, and no new one could be had to look.

    The unit is there wholly or not at all. Retry with the same Idempotency-Key (or the same
    signed envelope): the answer is then the first receipt, or a first commit.
    """


class StoreCorrupt(StoreError):
    """The stored rows contradict each other; nothing more is written until someone looked."""


@dataclass(frozen=True, slots=True)
class ContentRow:
    """One encrypted part of an event.

    `ciphertext` is None for an attachment: its segments lie under `key_id` (the attachment's id),
    and several records may hold a wrap of the same key.
    """

    n: int
    key_id: str
    wrapped: bytes
    ciphertext: bytes | None


@dataclass(frozen=True, slots=True)
class Sealed:
    """One signed event ready for the log. `envelope` is kept byte for byte."""

    record_id: str
    version: int
    topic: str
    event_id: str
    envelope: bytes
    prefix: str | None = None
    content: tuple[ContentRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Idempotency:
    """HMACs under a secret that is destroyed after the key window; `expires` ends the row.

    `earlier`: the same request as the secret before this one would have kept it.
    """

    mac: bytes
    body_mac: bytes
    expires: datetime
    earlier: Idempotency | None = None

    def spellings(self) -> tuple[Idempotency, ...]:
        """Under every secret of the window, the present one first."""
        return (self,) if self.earlier is None else (self, self.earlier)


@dataclass(frozen=True, slots=True)
class Quiet:
    """No leaf from index `since` on may be of one of these topics.

    For what rests on everything of a kind (every legal hold there is), not on some records of it.
    """

    topics: tuple[str, ...]
    since: int


@dataclass(frozen=True, slots=True)
class Unit:
    """What is committed together or not at all.

    `expected` maps a record to the version the caller saw (0 = it does not exist yet) and may
    name records that are only read; a record that is written need not be named, its first event's
    version says the same. `source` is the HMAC of (source, source id), recognised for ever.
    """

    events: tuple[Sealed, ...]
    expected: Mapping[str, int] = field(default_factory=dict)
    idempotency: Idempotency | None = None
    source: bytes | None = None
    quiet: Quiet | None = None


@dataclass(frozen=True, slots=True)
class Committed:
    """An event's place in the log, durable when the caller sees it.

    `replayed`: this was committed by an earlier request. `clock_behind`: seconds by which the
    clock stood before the previous leaf's time (0.0 normally), whose time was then taken instead.
    """

    event_id: str
    record_id: str
    version: int
    leaf_index: int
    leaf_hash: bytes
    recorded_at: datetime
    number: str | None
    receipt: bytes
    replayed: bool = False
    clock_behind: float = 0.0


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One row of the log as stored. `leaf` is opaque here; its hash is RFC 6962's leaf hash."""

    leaf_index: int
    record_id: str
    version: int
    topic: str
    event_id: str | None
    leaf: bytes
    leaf_hash: bytes
    recorded_at: datetime
    number: str | None


@dataclass(frozen=True, slots=True)
class StoredContent:
    """One row of `content`, with the place it belongs to."""

    leaf_index: int
    record_id: str
    event_id: str
    n: int
    key_id: str
    wrapped: bytes
    ciphertext: bytes | None


@dataclass(frozen=True, slots=True)
class NewEvent:
    """A row to insert: a `StoredEvent` with its content and its receipt."""

    row: StoredEvent
    receipt: bytes | None
    content: tuple[ContentRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Head:
    """`size` = number of leaves; `recorded_at` of the last leaf, None while empty."""

    size: int
    recorded_at: datetime | None


@dataclass(frozen=True, slots=True)
class Span:
    """The leaves a request became; `body_mac` only for idempotency keys."""

    first: int
    count: int
    body_mac: bytes | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """All that a group must know before it is placed, asked in one round trip."""

    records: Sequence[str] = ()
    idempotency: Sequence[bytes] = ()
    sources: Sequence[bytes] = ()
    attachments: Sequence[str] = ()
    prefixes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """The answers, true until the transaction ends. `counters` maps (prefix, year) to the next."""

    head: Head
    versions: Mapping[str, int]
    idempotency: Mapping[bytes, Span]
    sources: Mapping[bytes, Span]
    attachments: frozenset[str]
    counters: Mapping[tuple[str, int], int]


@dataclass(frozen=True, slots=True)
class Batch:
    """All that a group writes, sent in one round trip with its COMMIT."""

    events: Sequence[NewEvent]
    idempotency: Sequence[tuple[Idempotency, Span]] = ()
    sources: Sequence[tuple[bytes, Span]] = ()
    counters: Mapping[tuple[str, int], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed note over the first `size` leaves; `note` is its exact bytes."""

    size: int
    note: bytes
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Timestamp:
    """An RFC 3161 token over the checkpoint of `size` leaves whose note has this SHA-256.

    `renews`: what it is over instead, the hashes of older tokens one after another; size and note
    are then those of the youngest. `ends`: when the authority's certificate does. Rows can be
    forged by whoever writes the table: `archive.timestamps` verifies before it believes.
    """

    size: int
    note_hash: bytes
    authority: str
    token: bytes
    gen_time: datetime
    ends: datetime
    renews: bytes | None = None

    @property
    def hash(self) -> bytes:
        return hashlib.sha256(self.token).digest()

    def renewed(self) -> tuple[bytes, ...]:
        """The hashes of the tokens that this one renews."""
        told = self.renews or b""
        return tuple(told[at : at + 32] for at in range(0, len(told), 32))


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A witness's line over the text of the checkpoint of `size` leaves, at `time` (whole seconds).

    `witness`: its verifier key. `signature`: the 72 bytes of the line. Rows can be forged by
    whoever writes the table: `archive.witnessing` verifies before it believes.
    """

    size: int
    witness: str
    signature: bytes
    time: datetime


class WriteTransaction(Protocol):
    """The head of the log is held: no other writer, in any process, places a leaf meanwhile."""

    found: Found

    def events(self, event_ids: Sequence[str]) -> dict[str, StoredEvent]:
        """Those of the events that are stored (also by transactions committed just before)."""
        ...

    def placed(self, span: Span) -> list[tuple[StoredEvent, bytes | None]]:
        """The rows and receipts of an earlier unit."""
        ...

    def first_of(self, quiet: Quiet) -> int | None:
        """The first stored leaf that is not as quiet as this; None where all is."""
        ...

    def commit(self, batch: Batch) -> None:
        """Write and make durable, in one round trip; the transaction is over in any case.

        When it returns, the batch survives power loss. StorageFull, DuplicateEvent and
        StoreUnavailable: nothing of it was written. OutcomeUnknown: all of it or nothing was;
        whoever begins the next transaction finds out by `events`, because the head is not given
        to anybody before the lost transaction has ended.
        """
        ...

    def rollback(self) -> None:
        """Give the head back; nothing was written. Safe to call after `commit`."""
        ...


class Store(Protocol):
    """The database of one archive.

    Order: leaf indexes are gapless from 0 in commit order, and a reader who sees leaf n sees all
    before it, in every process. Durability: what a write method wrote is on disk when it
    returns. Events are never updated or deleted (the database itself refuses). All methods may be
    called from any thread. Every method raises StoreUnavailable when the database is out of
    reach, and StorageFull when a write finds no room.
    """

    def begin(self, ask: Ask) -> WriteTransaction:
        """Take the head of the log and answer `ask`. StoreUnavailable: nothing was written."""
        ...

    # -- the log ---------------------------------------------------------------------------
    def head(self) -> Head: ...

    def versions(self, record_ids: Sequence[str]) -> dict[str, int]:
        """Each record's current version; 0 for a record that does not exist."""
        ...

    def last_topics(self, record_ids: Sequence[str]) -> dict[str, str]:
        """The topic of each record's last event; of a record that does not exist, none."""
        ...

    def record(
        self,
        record_id: str,
        *,
        after: int | None = None,
        upto: int | None = None,
        descending: bool = False,
        limit: int | None = None,
    ) -> list[StoredEvent]:
        """The events of a record in version order, `after` < version <= `upto`."""
        ...

    def records(self, record_ids: Sequence[str]) -> Iterator[StoredEvent]:
        """All events of these records: record by record, each in version order."""
        ...

    def leaves(
        self, start: int, stop: int | None = None, topics: Sequence[str] = ()
    ) -> Iterator[StoredEvent]:
        """Leaves start <= index < stop (default: the head when asked), streamed, flat memory.

        No snapshot is held between chunks: rows are immutable, so none is needed.
        """
        ...

    def leaf_hashes(self, start: int, stop: int) -> list[bytes]:
        """Leaf hashes start <= index < stop, at most what exists."""
        ...

    def event(self, event_id: str) -> StoredEvent | None: ...

    def at(self, leaf_index: int) -> StoredEvent | None: ...

    def size_at(self, moment: datetime) -> int:
        """How many leaves were recorded at or before `moment`."""
        ...

    def receipt(self, leaf_index: int) -> bytes | None: ...

    def receipts(self, start: int, stop: int) -> Iterator[tuple[int, bytes | None]]: ...

    # -- content ---------------------------------------------------------------------------
    def content(self, event_id: str) -> list[StoredContent]:
        """The parts of one event that are still there, by `n`; empty after destruction."""
        ...

    def content_of_record(self, record_id: str, upto: int | None = None) -> list[StoredContent]:
        """All parts of a record's events, by leaf and `n`, in one query."""
        ...

    def content_of_records(self, record_ids: Sequence[str]) -> Iterator[StoredContent]:
        """All parts of these records' events."""
        ...

    def with_content(self, record_ids: Sequence[str]) -> set[str]:
        """Those of these records of which any content row is there."""
        ...

    def contents(self, start: int, stop: int) -> Iterator[StoredContent]:
        """All parts of the leaves start <= index < stop, streamed, by leaf and `n`."""
        ...

    def destroy_content(self, record_ids: Sequence[str]) -> dict[str, int]:
        """Delete these records' content rows and the segments no other record holds, together.

        Returns the number of rows deleted of each; deleting again deletes 0. The rows may remain
        on free pages until `scrub`.
        """
        ...

    def scrub(self) -> None:
        """Overwrite what deletion left behind: free pages and the write-ahead log of this store.

        SQLite: VACUUM, checkpoint (truncate). PostgreSQL: VACUUM of the tables that deletion
        touches. May take minutes on a large archive; writers wait on SQLite. StoreUnavailable:
        somebody reads what is to go, and did not end in time; repeat the call.
        """
        ...

    # -- attachments -----------------------------------------------------------------------
    def stage_segment(
        self,
        attachment_id: str,
        i: int,
        ciphertext: bytes,
        staged_at: datetime,
        room: Room | None = None,
    ) -> None:
        """Store one segment's ciphertext ahead of the event that will name the attachment.

        UploadQuotaError where that is more than the `room` for what no event names yet; nothing was
        written then. Several processes that stage at the same moment may pass it by a segment each.
        """
        ...

    def unstage(self, attachment_id: str) -> None:
        """Delete what was staged of an upload that was not finished: no event can name it."""
        ...

    def segment(self, attachment_id: str, i: int) -> bytes | None: ...

    def segments(self, attachment_id: str) -> int:
        """How many segments are stored."""
        ...

    def holders(self, attachment_id: str) -> list[str]:
        """The records that hold a wrap of this attachment's key."""
        ...

    def collect_segments(self, staged_before: datetime) -> int:
        """Delete staged segments that no event names and that are older; returns how many."""
        ...

    # -- checkpoints and tiles -------------------------------------------------------------
    def put_checkpoint(
        self, checkpoint: Checkpoint, tiles: Iterable[tuple[int, int, bytes]] = ()
    ) -> None:
        """Store tiles (level, n, up to 256 hashes of 32 bytes) and the note, in one transaction.

        A tile may only grow, by further hashes at its end. Putting the same note twice is no
        error: the first stays.
        """
        ...

    def checkpoint(self, size: int | None = None) -> Checkpoint | None:
        """The latest note over exactly `size` leaves, or over the most leaves.

        Never the last written: a slower process may sign a smaller head after a larger one.
        """
        ...

    def checkpoints(self, after: int = 0) -> Iterator[Checkpoint]:
        """Notes of size > `after`, in the order in which they were made."""
        ...

    def tile(self, level: int, n: int) -> bytes | None:
        """The widest version of this tile that was stored."""
        ...

    # -- timestamps ------------------------------------------------------------------------
    def put_timestamp(self, timestamp: Timestamp) -> None:
        """Keep a token, and mark those that it renews, in one transaction; twice is no error."""
        ...

    def timestamps(self, size: int | None = None) -> Iterator[Timestamp]:
        """Tokens over the checkpoints of exactly `size` leaves, or all, in the order kept."""
        ...

    def newest_timestamps(self, authority: str, limit: int) -> list[Timestamp]:
        """From the latest time down: the first that verifies is the highest that it proves."""
        ...

    def ending_timestamps(self, before: datetime, limit: int) -> list[Timestamp]:
        """Not renewed yet, whose certificate ends before; the oldest first."""
        ...

    # -- cosignatures ----------------------------------------------------------------------
    def put_cosignature(self, cosignature: Cosignature) -> None:
        """Keep it; twice is no error."""
        ...

    def cosignatures(self, size: int) -> list[Cosignature]:
        """Over checkpoints of exactly `size` leaves, in the order kept."""
        ...

    def newest_cosignatures(self, witness: str, limit: int) -> list[Cosignature]:
        """From the latest time down: the first that verifies is the highest that it proves."""
        ...

    def cosigned_sizes(self, witnesses: int, below: int, limit: int) -> list[int]:
        """Sizes under `below` over which so many witnesses, or more, have lines; largest first."""
        ...

    def last_cosignature(self) -> int:
        """A number that is another after each that is kept; 0 while there is none."""
        ...

    def prune_cosignatures(self, before: datetime, below: int) -> int:
        """Delete those made earlier over fewer leaves; returns how many.

        Not those over the largest head of each hour, nor those over a head that has a timestamp.
        """
        ...

    # -- housekeeping ----------------------------------------------------------------------
    def forget_expired(self, now: datetime) -> int:
        """Delete idempotency rows whose window is over; returns how many."""
        ...

    def reading(self) -> AbstractContextManager[None]:
        """Within it, this thread's reads share one snapshot (for comparisons across tables)."""
        ...

    def close(self) -> None: ...
