"""Attachments: streamed in, sealed segment by segment, staged until an event names them.

A staged file's key, name and type wait in the key store (wrapped, and gone after a day). The event
that names the file wraps the key for its record, and the staged entry is dropped.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import orjson

from archive.evidence import attachment, content, dsse, leaf, statement
from archive.evidence.content import unwrap
from archive.evidence.statement import Part
from archive.keystore import KeyDestroyed, KeyStore
from archive.sealing import AttachedPart
from archive.store import AttachmentMissing, Room, Store, StoreCorrupt, StoreError
from domain.events import Attachment, Recorded
from domain.record import Record

PREFIX = "attachment/"
KEPT_FOR = timedelta(hours=25)
"""How long a file that no event names is kept: an hour more than the key window of a retry."""


class AttachmentTooLargeError(StoreError):
    """More bytes than the settings allow."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"an attachment has at most {limit} bytes: split the file")
        self.limit = limit


@dataclass(frozen=True, slots=True)
class Staged:
    """An uploaded file that waits for its event. `owner`: the actor who may use it."""

    file: Attachment
    part: Part
    key: bytes
    owner: str


class Upload:
    """One file on its way in: `feed` its bytes in order, then `finish`. Memory stays flat."""

    def __init__(self, attachments: Attachments, name: str, media_type: str, owner: str) -> None:
        self._home, self._name, self._type, self._owner = attachments, name, media_type, owner
        self.id = content.new_key_id()
        self._key = content.new_key()
        self._sealer = attachment.Sealer(self._key, self.id)
        self._count = 0

    def feed(self, chunk: bytes) -> None:
        """Raises AttachmentTooLargeError, UploadQuotaError, StorageFull, StoreUnavailable."""
        if self._sealer.size + len(chunk) > self._home.limit:
            raise AttachmentTooLargeError(self._home.limit)
        for segment in self._sealer.feed(chunk):
            self._stage(segment)

    def finish(self) -> Staged:
        self._stage(self._sealer.finish())
        file = Attachment(self.id, self._name, self._type, self._sealer.size)
        staged = Staged(file, self._sealer.part(1), self._key, self._owner)
        self._home.keep(staged)
        return staged

    def abandon(self) -> None:
        """It will not be finished: what was staged of it takes no more room."""
        self._home.store.unstage(self.id)

    def _stage(self, segment: bytes) -> None:
        home = self._home
        room = Room(self._owner, home.quota, home.total_quota)
        home.store.stage_segment(self.id, self._count, segment, home.clock(), room)
        self._count += 1


class Attachments:
    """The archive's files. `limit`: bytes of one file; `quota`: of all that one owner has uploaded
    and no event names yet; `total_quota`: of everybody's."""

    def __init__(
        self,
        store: Store,
        keys: KeyStore,
        clock: Callable[[], datetime],
        limit: int = 2 * 1024**3,
        quota: int = 8 * 1024**3,
        total_quota: int = 32 * 1024**3,
    ) -> None:
        self.store, self.keys, self.clock, self.limit = store, keys, clock, limit
        self.quota, self.total_quota = quota, total_quota

    def begin(self, name: str, media_type: str, owner: str) -> Upload:
        return Upload(self, name, media_type, owner)

    # ------------------------------------------------------------ staged

    def keep(self, staged: Staged) -> None:
        said = {
            "file": asdict(staged.file),
            "part": asdict(staged.part),
            "key": base64.b64encode(staged.key).decode(),
            "owner": staged.owner,
        }
        self.keys.put_secret(PREFIX + staged.file.id, orjson.dumps(said), self.clock() + KEPT_FOR)

    def staged(self, attachment_id: str) -> Staged | None:
        """The uploaded file that waits under this id."""
        stored = self.keys.secret(PREFIX + attachment_id)
        if stored is None:
            return None
        said = orjson.loads(stored)
        return Staged(
            Attachment(**said["file"]),
            Part(**said["part"]),
            base64.b64decode(said["key"]),
            said["owner"],
        )

    def note(self, _: Record, recorded: Recorded) -> None:
        """Once an event holds its own wrap of the key, the staged copy goes."""
        for each in recorded.event.attachments:
            self.keys.drop_secret(PREFIX + each.id)

    def collect(self) -> int:
        """Delete the segments of files that nobody came to use; returns how many."""
        return self.store.collect_segments(self.clock() - KEPT_FOR)

    # ------------------------------------------------------------ for sealing

    def attached(self, ids: Sequence[str]) -> dict[str, AttachedPart]:
        """Part and key of each file, staged or held by a record. AttachmentMissing."""
        return {each: self._attached(each) for each in ids}

    def _attached(self, attachment_id: str) -> AttachedPart:
        staged = self.staged(attachment_id)
        if staged is not None:
            return AttachedPart(staged.part, staged.key)
        for holder in self.store.holders(attachment_id):
            try:
                return self.held(holder, attachment_id)
            except (KeyDestroyed, AttachmentMissing):
                continue
        raise AttachmentMissing(attachment_id)

    def held(self, record_id: str, attachment_id: str) -> AttachedPart:
        """Part and key of a file that a record holds. AttachmentMissing, KeyDestroyed."""
        record_key = self.keys.get(record_id)
        for row in self.store.content_of_record(record_id):
            if row.key_id == attachment_id and row.ciphertext is None:
                key = unwrap(record_key, row.wrapped, attachment_id)
                return AttachedPart(self._part(row.event_id, attachment_id), key)
        raise AttachmentMissing(attachment_id)

    def _part(self, event_id: str, attachment_id: str) -> Part:
        row = self.store.event(event_id)
        if row is None:
            raise StoreCorrupt(f"content of event {event_id}, which is not in the log")
        envelope = dsse.parse(leaf.parse(row.leaf).envelope, dsse.STATEMENT_TYPE)
        for part in statement.parse(envelope.payload).parts:
            if part.key == attachment_id:
                return part
        raise StoreCorrupt(f"event {event_id} does not name its attachment {attachment_id}")

    # ------------------------------------------------------------ reading

    def read(self, record_id: str, file: Attachment, start: int, stop: int) -> Iterator[bytes]:
        """Bytes start <= i < stop of a record's file, at most a segment at a time.

        AttachmentMissing or KeyDestroyed before the first byte; ContentError where a segment is
        not the one that was signed.
        """
        key = self.held(record_id, file.id).key

        def segment(index: int) -> bytes:
            found = self.store.segment(file.id, index)
            if found is None:
                raise AttachmentMissing(file.id)
            return found

        return attachment.read_range(segment, key, file.id, file.size, start, stop)
