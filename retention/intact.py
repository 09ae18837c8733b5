"""Whether a record's history is still what it was when its disposal was approved.

Read anew from the store, past every cache: each envelope names the one before it, the approved
list names one of them, and every content and every attachment opens to what was signed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from archive import sealing
from archive.evidence import attachment, content
from archive.evidence.errors import EvidenceError
from archive.evidence.merkle import leaf_hash
from archive.evidence.statement import Part
from archive.masters import KeyStoreError
from archive.opening import Archive
from archive.store import Store, StoredContent, StoredEvent
from domain.events import AnyEvent, Recorded
from domain.record import Record, replay

BROKEN = (EvidenceError, KeyStoreError, LookupError, ValueError, AttributeError, TypeError)
"""What events raise that cannot be read, opened or folded; what lies there may be anything."""


def intact(archive: Archive, heads: Mapping[str, tuple[str, int]]) -> set[str]:
    """Those of some hundred records whose history is whole; the ledger remembers them as they were
    read here. `heads`: for each the envelope hash of the event of a version; what came after that
    is as whole."""
    chains: dict[str, list[StoredEvent]] = {}
    contents: dict[str, list[StoredContent]] = {}
    for row in archive.store.records(list(heads)):
        chains.setdefault(row.record_id, []).append(row)
    for part in archive.store.content_of_records(list(heads)):
        contents.setdefault(part.event_id, []).append(part)
    keys = archive.keys.get_many(list(heads))
    whole = set()
    for record_id, head in heads.items():
        archive.ledger.forget(record_id)
        history = _History(archive.store, record_id, keys.get(record_id), contents)
        record = history.read(chains.get(record_id, ()), head)
        if record is not None:
            archive.ledger.renew(record)
            whole.add(record_id)
    return whole


@dataclass(frozen=True, slots=True)
class _History:
    """Of one record. `contents`: by event."""

    store: Store
    record_id: str
    key: bytes | None
    contents: Mapping[str, Sequence[StoredContent]]

    def read(self, rows: Sequence[StoredEvent], head: tuple[str, int]) -> Record | None:
        """The record, if all of it is whole."""
        digest, version = head
        try:
            events = list(self._chained(rows))
            record = replay(events)
            listed = events[version - 1].digest == digest
        except BROKEN:
            return None
        return record if listed and record is not None and record.readable else None

    def _chained(self, rows: Sequence[StoredEvent]) -> Iterator[Recorded]:
        previous = None
        for number, row in enumerate(rows, start=1):
            said, digest = sealing.spoken_in(row)
            if (said["record"], said["version"], said["prev"]) != (
                self.record_id,
                number,
                previous,
            ) or leaf_hash(row.leaf) != row.leaf_hash:
                raise EvidenceError("a leaf is not the next of its record")
            parts = self.contents.get(row.event_id or "", ())
            recorded = sealing.opened(row, said, digest, parts, self.key)
            if recorded.event.attachments:
                self._check_files(recorded.event, map(sealing.part_of, said["parts"]), parts)
            yield recorded
            previous = digest

    def _check_files(
        self, event: AnyEvent, parts: Iterable[Part], rows: Sequence[StoredContent]
    ) -> None:
        """EvidenceError, LookupError where a file is not to the last byte what was signed."""
        signed = {part.key: part for part in parts}
        wrapped = {row.key_id: row.wrapped for row in rows}
        for file in event.attachments:
            key = content.unwrap(self.key or b"", wrapped[file.id], file.id)
            attachment.check_ciphertext(signed[file.id], key, self._segments(file.id), file.size)

    def _segments(self, attachment_id: str) -> Iterator[bytes]:
        for number in range(self.store.segments(attachment_id)):
            segment = self.store.segment(attachment_id, number)
            if segment is None:
                raise LookupError(f"segment {number} of attachment {attachment_id}")
            yield segment


def first_broken(archive: Archive, record_ids: Iterable[str]) -> str | None:
    """The first of these records that cannot be read."""
    for record_id in record_ids:
        try:
            archive.ledger.get(record_id)
        except BROKEN:
            return record_id
    return None
