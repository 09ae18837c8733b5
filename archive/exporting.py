"""Records as a bundle that proves itself offline: leaves, proofs, openings, files, receipts.

What the caller may not see, and nothing else, is withheld: its leaves and proofs are there, its
content is not. What was disposed of has no opening; the bundle's own leaves say why.

Of the leaves only their indexes are held; leaves, proofs and receipts are read anew each time the
bundle's writer goes through them. Opened contents, without files, are held until they are written.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, BinaryIO, TypeVar, overload

import orjson

from archive.evidence import attachment, bundle, content
from archive.evidence.bundle import (
    AttachmentOpening,
    ContentOpening,
    Opening,
    ProvenLeaf,
    Withheld,
)
from archive.evidence.errors import EvidenceError
from archive.evidence.statement import Part, Statement
from archive.keyring import Keyring
from archive.keystore import KeyDestroyed, KeyStore
from archive.leaves import read_leaf
from archive.ledger import NoSuchRecordError
from archive.log import TransparencyLog, signer_vkey
from archive.store import AttachmentMissing, Checkpoint, Store, StoredContent, StoredEvent
from archive.witnessing import NotPublished

_T = TypeVar("_T")
PAGE, GAP = 500, 16
"""Leaves that are read at once, and how many unwanted ones between two are read along."""
MayRead = Callable[[str], bool]
"""Whether the caller may see the content of a record (its id)."""
Incoming = Callable[[str], Iterable[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Exported:
    """What a bundle holds. `withheld` counts content parts that the caller may not see."""

    records: int
    leaves: int
    size: int
    contents: int
    files: int
    withheld: int


@dataclass(frozen=True, slots=True)
class Exporter:
    store: Store
    keys: KeyStore
    keyring: Keyring
    log: TransparencyLog
    head: Callable[[], Checkpoint] | None = None
    """The head to prove under, where not every head may go out."""

    def export(self, record_ids: Iterable[str], file: BinaryIO, may_read: MayRead) -> Exported:
        """Write the records to a seekable file, proven in one checkpoint made now.

        NotPublished, where a head needs witnesses, and none that covers these records has them.
        NoSuchRecordError before anything is written. BundleError where a file cannot be carried;
        ContentError where stored content is not what was signed (a check names it).
        """
        chosen = list(dict.fromkeys(record_ids))
        there = self.store.head().size
        head = self.log.checkpoint() if self.head is None else self.head()
        self._refuse_short(chosen, head, there)
        indexes = self._indexes(chosen, head)
        opened = [opening for record in chosen for opening in self._openings(record, may_read)]
        written = bundle.Bundle(
            checkpoint=head.note,
            log_key=signer_vkey(self.keyring.register, self.keyring.origin, head.note),
            keys=_Again(partial(self._proven, self._indexes([self.keyring.record], head), head)),
            leaves=_Again(partial(self._proven, indexes, head)),
            openings=opened,
            receipts=_Again(partial(self._receipts, indexes)),
        )
        bundle.write(file, written)
        kinds = Counter(type(opening) for opening in opened)
        return Exported(
            records=len(chosen),
            leaves=len(indexes),
            size=head.size,
            contents=kinds[ContentOpening],
            files=kinds[AttachmentOpening],
            withheld=kinds[Withheld],
        )

    def _indexes(self, records: Iterable[str], head: Checkpoint) -> array[int]:
        """Where the leaves of these records lie under this head, ascending."""
        found = array("Q")
        for record in records:
            rows = self._pages(record)
            mine = [row.leaf_index for row in rows if row.leaf_index < head.size]
            if not mine:
                raise NoSuchRecordError(record)
            found.extend(mine)
        return array("Q", sorted(found))

    def _refuse_short(self, records: Iterable[str], head: Checkpoint, there: int) -> None:
        """A bundle shows all that was there when it was asked for, or nothing."""
        if head.size >= there:
            return
        changed = {row.record_id for row in self.store.leaves(head.size, there)}
        short = changed.intersection(records)
        if short:
            raise NotPublished(
                f"{len(short)} of the records asked for have events after leaf {head.size}, which "
                "the quorum of witnesses did not cosign yet: /health says who is away; try again "
                "later"
            )

    def _pages(self, record: str) -> Iterator[StoredEvent]:
        last = 0
        while rows := self.store.record(record, after=last, limit=PAGE):
            yield from rows
            last = rows[-1].version

    def _proven(self, indexes: Sequence[int], head: Checkpoint) -> Iterator[ProvenLeaf]:
        prove = self.log.prover(head.size)
        for start, stop in _spans(indexes):
            wanted = _within(indexes, start, stop)
            for row in self.store.leaves(start, stop):
                if row.leaf_index in wanted:
                    proof = _Proof(partial(prove, row.leaf_index))
                    yield ProvenLeaf(row.leaf_index, row.leaf, proof)

    def _receipts(self, indexes: Sequence[int]) -> Iterator[bytes]:
        for start, stop in _spans(indexes):
            wanted = _within(indexes, start, stop)
            for index, receipt in self.store.receipts(start, stop):
                if receipt is not None and index in wanted:
                    yield receipt

    # ------------------------------------------------------------ openings

    def _openings(self, record: str, may_read: MayRead) -> Iterator[Opening]:
        parts: dict[tuple[str, int], StoredContent] = {
            (row.event_id, row.n): row for row in self.store.content_of_record(record)
        }
        try:
            key = self.keys.get(record)
        except KeyDestroyed:
            return
        shown = may_read(record)
        for row in self._pages(record):
            said = read_leaf(row.leaf)[2]
            mine = {
                part.n: parts[said.event, part.n]
                for part in said.parts
                if (said.event, part.n) in parts
            }
            if shown:
                yield from self._of_event(said, mine, key)
            else:
                yield from (Withheld(said.event, n) for n in mine)

    def _of_event(
        self, said: Statement, rows: Mapping[int, StoredContent], record_key: bytes
    ) -> Iterator[Opening]:
        files: dict[int, Any] = {}
        for part in said.parts:
            row = rows.get(part.n)
            if row is None:
                continue
            key = content.unwrap(record_key, row.wrapped, part.key)
            if part.role == "attachment":
                yield self._file(said, part, key, files.get(part.n))
                continue
            plain = content.open_part(
                part, row.ciphertext or b"", record=said.record, event=said.event, key=key
            )
            files |= _described(plain)
            yield ContentOpening(said.event, part.n, content.derive(key)[1], plain)

    def _file(self, said: Statement, part: Part, key: bytes, described: Any) -> Opening:
        if described is None:  # without its true size a file cannot be opened
            return Withheld(said.event, part.n)
        size: int = described["size"]
        return AttachmentOpening(
            event=said.event,
            n=part.n,
            salt=attachment.salt_of(key),
            attachment=part.key,
            size=size,
            chunks=partial(self._chunks, part.key, key, size),
            name=described["name"],
        )

    def _chunks(self, attachment_id: str, key: bytes, size: int) -> Iterator[bytes]:
        def segment(i: int) -> bytes:
            found = self.store.segment(attachment_id, i)
            if found is None:
                raise AttachmentMissing(attachment_id)
            return found

        return attachment.read_range(segment, key, attachment_id, size, 0, size)


class _Again(Iterable[_T]):
    """Made anew for each who goes through it."""

    def __init__(self, make: Callable[[], Iterator[_T]]) -> None:
        self._make = make

    def __iter__(self) -> Iterator[_T]:
        return self._make()


class _Proof(Sequence[bytes]):
    """An inclusion proof, made when it is looked at: the writer reads most leaves without it."""

    def __init__(self, make: Callable[[], Sequence[bytes]]) -> None:
        self._make = make

    @cached_property
    def _hashes(self) -> Sequence[bytes]:
        return self._make()

    def __len__(self) -> int:
        return len(self._hashes)

    @overload
    def __getitem__(self, at: int) -> bytes: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[bytes]: ...
    def __getitem__(self, at: int | slice) -> bytes | Sequence[bytes]:
        return self._hashes[at]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._hashes)


def _spans(indexes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Stretches of the log that hold all of them, and few others: one read of the store each."""
    start = stop = -1
    for index in indexes:
        if stop >= 0 and (index >= stop + GAP or index >= start + PAGE):
            yield start, stop
            stop = -1
        start, stop = (index if stop < 0 else start), index + 1
    if stop >= 0:
        yield start, stop


def _within(indexes: Sequence[int], start: int, stop: int) -> frozenset[int]:
    return frozenset(indexes[bisect_left(indexes, start) : bisect_left(indexes, stop)])


def _described(plain: bytes) -> dict[int, Any]:
    """What the event's content says of its files, by part number."""
    said = orjson.loads(plain)
    listed = said.get("attachments", ()) if isinstance(said, dict) else ()
    return {item["n"]: item for item in listed}


def everything_linked(
    store: Store, record_id: str, incoming: Incoming, limit: int = 1000
) -> list[str]:
    """The record, all that it points to or that points to it, and so on; by nearness.

    At most `limit` records: a case, and not the whole archive by way of a shared customer.
    """
    found, waiting = [record_id], deque([record_id])
    seen = {record_id}
    while waiting and len(found) < limit:
        here = waiting.popleft()
        for other in (*_outgoing(store, here), *(other for _, other in incoming(here))):
            if other not in seen and store.versions([other])[other] and len(found) < limit:
                seen.add(other)
                found.append(other)
                waiting.append(other)
    return found


def _outgoing(store: Store, record_id: str) -> Iterator[str]:
    for row in store.record(record_id):
        try:
            yield from (ref.record for ref in read_leaf(row.leaf)[2].refs)
        except EvidenceError:
            continue
