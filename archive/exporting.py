"""Records as a bundle that proves itself offline: leaves, proofs, openings, files, receipts.

What the caller may not see, and nothing else, is withheld: its leaves and proofs are there, its
content is not. What was disposed of has no opening; the bundle's own leaves say why.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO

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
from archive.log import TransparencyLog, vkey
from archive.store import AttachmentMissing, Checkpoint, Store, StoredContent, StoredEvent

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

    def export(self, record_ids: Iterable[str], file: BinaryIO, may_read: MayRead) -> Exported:
        """Write the records to a seekable file, proven in one checkpoint made now.

        NoSuchRecordError before anything is written. BundleError where a file cannot be carried;
        ContentError where stored content is not what was signed (a check names it).
        """
        chosen = list(dict.fromkeys(record_ids))
        head = self.log.checkpoint()
        rows = [row for record in chosen for row in self._rows(record, head)]
        rows.sort(key=lambda row: row.leaf_index)
        opened = [opening for record in chosen for opening in self._openings(record, may_read)]
        written = bundle.Bundle(
            checkpoint=head.note,
            log_key=vkey(self.keyring.origin, self.keyring.log_key),
            keys=self._proven(self._rows(self.keyring.record, head), head),
            leaves=self._proven(rows, head),
            openings=opened,
            receipts=[r for row in rows if (r := self.store.receipt(row.leaf_index)) is not None],
        )
        bundle.write(file, written)
        kinds = Counter(type(opening) for opening in opened)
        return Exported(
            records=len(chosen),
            leaves=len(rows),
            size=head.size,
            contents=kinds[ContentOpening],
            files=kinds[AttachmentOpening],
            withheld=kinds[Withheld],
        )

    def _rows(self, record: str, head: Checkpoint) -> list[StoredEvent]:
        rows = [row for row in self.store.record(record) if row.leaf_index < head.size]
        if not rows:
            raise NoSuchRecordError(record)
        return rows

    def _proven(self, rows: Sequence[StoredEvent], head: Checkpoint) -> list[ProvenLeaf]:
        return [
            ProvenLeaf(r.leaf_index, r.leaf, self.log.inclusion(r.leaf_index, head.size)[1])
            for r in rows
        ]

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
        for row in self.store.record(record):
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
