"""Destroy the content of records, so that nothing here or in a backup opens it again.

What stays: leaves, signatures, commitments, receipts and proofs, which say nothing of the content
and still verify. Who may do this, and when, is decided above (`retention`); what it decided stands
in the log before anything is destroyed, and without that this does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from archive.keystore import KeyStore
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
    """`purges` remove records' plaintext from views, search index and caches. `secured` backs the
    keys up anew before the old master goes, and removes the backups that opened what is gone.
    `refused` is told of what was asked for and not done."""

    def __init__(
        self,
        store: Store,
        keys: KeyStore,
        purges: Sequence[Purge] = (),
        secured: Callable[[], None] = lambda: None,
        refused: Callable[[NotDisposedError], None] = lambda _: None,
    ) -> None:
        self._store, self._keys, self._purges, self._secured = store, keys, purges, secured
        self._refused = refused

    def destroy(self, record_ids: Sequence[str]) -> list[Destroyed]:
        """Keys first: from then on the rest is noise, wherever a crash stops it.

        May be repeated until it returns without errors; each part is the same when done twice.
        Purges come after the keys, so that a view that is rebuilding meanwhile cannot read the
        content again. Raises NotDisposedError.
        """
        disposed = self.disposed(record_ids)
        for record_id in record_ids:
            if record_id not in disposed:
                refusal = NotDisposedError(record_id)
                self._refused(refusal)
                raise refusal
        living = sorted(self._keys.present(record_ids))
        if living or self._keys.unfinished():
            self._keys.destroy(living, self._secured)
        else:  # an earlier call may have come this far and no further
            self._keys.scrub()
        destroyed = [one for chunk in _chunks(record_ids) for one in self._delete(chunk)]
        with ThreadPoolExecutor(1, thread_name_prefix="scrub") as beside:
            scrubbed = beside.submit(self._store.scrub)  # the database's work, not Python's
            for purge in self._purges:
                purge(record_ids)
            scrubbed.result()
        return destroyed

    def is_disposed(self, record_id: str) -> bool:
        """Whether the record's last event is its disposal."""
        return bool(self.disposed([record_id]))

    def disposed(self, record_ids: Sequence[str]) -> set[str]:
        """Those of these records whose last event is their disposal."""
        topics = self._store.last_topics(record_ids)
        return {record_id for record_id, topic in topics.items() if topic.endswith(TOMBSTONE)}

    def remains(self, record_id: str) -> bool:
        """Whether a key or any content of the record is still here."""
        return bool(self.remaining([record_id]))

    def remaining(self, record_ids: Sequence[str]) -> set[str]:
        """Those of these records of which a key or any content is still here."""
        return self._keys.present(record_ids) | self._store.with_content(record_ids)

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
