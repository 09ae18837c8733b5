"""Destroy the content of records, so that nothing here or in a backup opens it again.

What stays: leaves, signatures, commitments, receipts and proofs, which say nothing of the content
and still verify. Who may do this, and when, is decided above (`retention`); what it decided stands
in the log before anything is destroyed, and without that this does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from archive.keystore import KeyDestroyed, KeyStore
from archive.store import Store, StoreError
from domain.events import Disposed

Purge = Callable[[Sequence[str]], None]
CHUNK = 200
"""Records whose content is deleted in one transaction."""
TOMBSTONE = f"/{Disposed.TOPIC}"
"""How the topic of a record's last event ends once it was disposed of."""


class NotDisposedError(StoreError):
    """No disposal of this record stands in the log. Nothing was destroyed, of any of them."""

    def __init__(self, record_id: str) -> None:
        super().__init__(
            f"record {record_id} was not disposed of: list it, have the list approved, execute it"
        )
        self.record_id = record_id


@dataclass(frozen=True, slots=True)
class Destroyed:
    """`rows`: content rows deleted by this call; 0 when it was done before. `error`: why some of
    it is still there, as ciphertext without a key; repeat the call."""

    record_id: str
    rows: int
    error: StoreError | None = None


class Destruction:
    """`purges` remove records' plaintext from views, search index and caches."""

    def __init__(self, store: Store, keys: KeyStore, purges: Sequence[Purge] = ()) -> None:
        self._store, self._keys, self._purges = store, keys, purges

    def destroy(self, record_ids: Sequence[str]) -> list[Destroyed]:
        """Keys first: from then on the rest is noise, wherever a crash stops it.

        May be repeated until it returns without errors; each part is the same when done twice.
        Purges come after the keys, so that a view that is rebuilding meanwhile cannot read the
        content again. Raises NotDisposedError.
        """
        for record_id in record_ids:
            if not self.is_disposed(record_id):
                raise NotDisposedError(record_id)
        living = [record_id for record_id in record_ids if self._has_key(record_id)]
        if living:
            self._keys.destroy(living)
        for purge in self._purges:
            purge(record_ids)
        destroyed = [one for chunk in _chunks(record_ids) for one in self._delete(chunk)]
        self._store.scrub()
        return destroyed

    def is_disposed(self, record_id: str) -> bool:
        """Whether the record's last event is its disposal."""
        last = self._store.record(record_id, descending=True, limit=1)
        return bool(last) and last[0].topic.endswith(TOMBSTONE)

    def remains(self, record_id: str) -> bool:
        """Whether a key or any content of the record is still here."""
        return self._has_key(record_id) or bool(self._store.content_of_record(record_id))

    def _has_key(self, record_id: str) -> bool:
        try:
            self._keys.get(record_id)
        except KeyDestroyed:
            return False
        return True

    def _delete(self, record_ids: Sequence[str]) -> Iterator[Destroyed]:
        """Those of a chunk that cannot be deleted together are deleted one by one."""
        try:
            gone = self._store.destroy_content(record_ids)
        except StoreError as error:
            if len(record_ids) == 1:
                yield Destroyed(record_ids[0], 0, error)
                return
            for record_id in record_ids:
                yield from self._delete([record_id])
            return
        for record_id in record_ids:
            yield Destroyed(record_id, gone[record_id])


def _chunks(record_ids: Sequence[str]) -> Iterator[list[str]]:
    rest = iter(record_ids)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk
