"""Records as a bundle that proves itself offline: leaves, proofs, openings, files, receipts.

What the caller may not see, and what this bundle is not to show, is withheld: its leaves and proofs
are there, its content is not. Of the leaves only their indexes are held; leaves, proofs and
receipts are read anew each time the bundle's writer goes through them. Opened contents, without
files, are held until they are written.
"""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import islice
from typing import BinaryIO, TypeVar, overload

from archive.disclosing import Disclosing, MayRead, Shows
from archive.evidence import bundle, dsse, heads, note
from archive.evidence.bundle import (
    AttachmentOpening,
    ContentOpening,
    ProvenLeaf,
    Stamp,
    Withheld,
)
from archive.evidence.checkpoint import read as read_checkpoint
from archive.evidence.errors import BundleError, KeyRefused
from archive.evidence.heads import MAX_VOLUMES, About, Heads
from archive.evidence.instant import time_text
from archive.evidence.page import page
from archive.evidence.policy import Policy
from archive.keyring import Keyring
from archive.keystore import KeyStore
from archive.leaves import read_leaf
from archive.ledger import NoSuchRecordError
from archive.log import TransparencyLog, signer_vkey
from archive.store import Checkpoint, Store, StoredEvent, Timestamp
from archive.witnessing import NotPublished

_T = TypeVar("_T")
PAGE, GAP = 500, 16
"""Leaves that are read at once, and how many unwanted ones between two are read along."""
VOLUME = 50_000
"""Members, and records, of a volume; a record is never cut in two."""
Beside = Callable[[Sequence[str]], Iterable[str]]
"""The records by which those asked for can be judged: rules, calendars, holds, disposals."""
OpenVolume = Callable[[int, int], AbstractContextManager[BinaryIO]]
"""A file to write and read, for volume n of so many."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What a bundle holds. `withheld` counts parts that the caller may not see, or not show.
    `context`: how many records there are beside those asked for."""

    records: int
    leaves: int
    size: int
    contents: int
    files: int
    withheld: int
    context: int = 0


def _nothing(_: Sequence[str]) -> Iterable[str]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked for. `asked`: the question of a `query`, the year of a `year`."""

    records: Sequence[str]
    variety: str = "record"
    asked: str = ""
    may_read: MayRead = lambda _: True
    shows: Shows = lambda _statement, _part: True
    beside: Beside = _nothing


@dataclass(frozen=True, slots=True)
class Exporter:
    store: Store
    keys: KeyStore
    keyring: Keyring
    log: TransparencyLog
    head: Callable[[], Checkpoint] | None = None
    """The head to prove under, where not every head may go out."""
    policy: Policy | None = None
    """Whose witnesses are proposed to the reader."""
    stamp: Callable[[], object] | None = None
    """Asks for timestamps of the present head, where there are authorities."""

    def export(self, wanted: Wanted, file: BinaryIO) -> Exported:
        """Write the records to a seekable file, proven in one checkpoint made now.

        NotPublished, where a head needs witnesses, and none that covers these records has them.
        NoSuchRecordError before anything is written. BundleError where a file cannot be carried;
        ContentError where stored content is not what was signed (a check names it).
        """
        chosen = list(dict.fromkeys(wanted.records))
        head = self._head(chosen)
        return self._write(file, head, replace(wanted, records=chosen), self._about(wanted))

    def volumes(
        self, wanted: Wanted, open_volume: OpenVolume, most: int = VOLUME
    ) -> list[Exported]:
        """As `export`, in as many files as are needed, all under one checkpoint."""
        chosen = list(dict.fromkeys(wanted.records))
        head = self._head(chosen)
        planned = list(self._plan(chosen, most))
        if len(planned) > MAX_VOLUMES:
            raise BundleError("volumes", f"more than {MAX_VOLUMES}: ask for less")
        about, told = replace(self._about(wanted), volumes=len(planned)), []
        for n, records in enumerate(planned, 1):
            with open_volume(n, len(planned)) as file:
                part = replace(wanted, records=records)
                told.append(self._write(file, head, part, replace(about, volume=n)))
        return told

    def _about(self, wanted: Wanted) -> About:
        as_of = time_text(self.keyring.clock())
        return About(as_of=as_of, variety=wanted.variety, asked=wanted.asked)

    def _head(self, chosen: Sequence[str]) -> Checkpoint:
        there = self.store.head().size
        head = self.log.checkpoint() if self.head is None else self.head()
        self._refuse_short(chosen, head, there)
        if self.stamp is not None:
            self.stamp()
        return head

    def _plan(self, records: Iterable[str], most: int) -> Iterator[list[str]]:
        volume, members = list[str](), 0
        for record in records:
            parts = sum(len(read_leaf(row.leaf)[2].parts) for row in self._pages(record))
            if volume and (members + parts > most or len(volume) >= most):
                yield volume
                volume, members = [], 0
            volume.append(record)
            members += parts
        yield volume

    def _write(self, file: BinaryIO, head: Checkpoint, wanted: Wanted, about: About) -> Exported:
        beside = self._beside(wanted, head)
        records = [*wanted.records, *sorted(beside)]
        indexes = self._indexes(records, head)
        disclosing = Disclosing(self.store, self.keys, wanted.may_read, wanted.shows)
        opened = [o for r in records for o in disclosing.of_record(r, self._covered(r, head))]
        log_key = signer_vkey(self.keyring.register, self.keyring.origin, head.note)
        bundle.write(
            file,
            bundle.Bundle(
                checkpoint=head.note,
                heads=self._heads(head, about, [*records, self.keyring.record]),
                about=about,
                log_key=log_key,
                keys=_Again(
                    partial(self._proven, self._indexes([self.keyring.record], head), head)
                ),
                leaves=_Again(partial(self._proven, indexes, head)),
                openings=opened,
                receipts=_Again(partial(self._receipts, indexes)),
                context=beside,
                policy=self._policy(log_key),
                timestamps=list(self._stamps(head, log_key)),
                page=page(),
            ),
        )
        kinds = Counter(type(opening) for opening in opened)
        return Exported(
            records=len(wanted.records),
            leaves=len(indexes),
            size=head.size,
            contents=kinds[ContentOpening],
            files=kinds[AttachmentOpening],
            withheld=kinds[Withheld],
            context=len(beside),
        )

    # ------------------------------------------------------------ beside the leaves

    def _beside(self, wanted: Wanted, head: Checkpoint) -> set[str]:
        """What the caller may see of it, and what this head wholly covers."""
        found = set(wanted.beside(wanted.records)) - set(wanted.records)
        found -= {row.record_id for row in self.store.leaves(head.size)}
        return {r for r in found if self._last(r, head) and wanted.may_read(r)}

    def _heads(self, head: Checkpoint, about: About, records: Iterable[str]) -> bytes:
        """The log's word of where each record ends under this head."""
        key = self.keyring.log_key
        try:
            self.keyring.register.key_at(key.key_id, head.size - 1, "log")
        except KeyRefused:
            raise NotPublished(
                "the log key was changed after the head that may go out: try again once the "
                "witnesses have cosigned a newer one"
            ) from None
        ends = {}
        for record in records:
            last = self._last(record, head)
            if last is None:
                raise NoSuchRecordError(record)
            ends[record] = last.version, dsse.envelope_hash(read_leaf(last.leaf)[0].envelope)
        said = read_checkpoint(head.note)[1]
        return heads.issue(
            Heads(
                about=about,
                origin=said.origin,
                root=said.root.hex(),
                size=said.size,
                records=ends,
            ),
            key,
        )

    def _last(self, record: str, head: Checkpoint) -> StoredEvent | None:
        """The record's last event under this head."""
        upto: int | None = None
        while rows := self.store.record(record, upto=upto, descending=True, limit=GAP):
            for row in rows:
                if row.leaf_index < head.size:
                    return row
            upto = rows[-1].version - 1
        return None

    def _policy(self, log_key: str) -> bytes:
        policy = self.policy or Policy.of_vkey(log_key)
        return policy.encode(logs=[log_key])

    def _stamps(self, head: Checkpoint, log_key: str) -> Iterator[Stamp]:
        """Kept tokens over this note, as it was before or after it was cosigned; their renewals."""
        bare = note.signed_by(note.parse(head.note), note.VerifierKey.parse(log_key))
        over = {hashlib.sha256(text).digest() for text in (head.note, bare)}
        kept = sorted(self.store.timestamps(head.size), key=_stamped_at)
        known: set[bytes] = set()
        fitting = (each for each in kept if _fits(each, over, known))
        for each in islice(fitting, bundle.MOST_TIMESTAMPS):
            known.add(each.hash)
            yield Stamp(each.token, each.renews)

    # ------------------------------------------------------------ leaves

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

    def _covered(self, record: str, head: Checkpoint) -> Iterator[StoredEvent]:
        return (row for row in self._pages(record) if row.leaf_index < head.size)


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


def _stamped_at(kept: Timestamp) -> tuple[bool, object]:
    return kept.renews is not None, kept.gen_time


def _fits(kept: Timestamp, notes: set[bytes], known: set[bytes]) -> bool:
    if kept.renews is None:
        return kept.note_hash in notes
    return not known.isdisjoint(kept.renewed())
