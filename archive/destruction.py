"""Destroy the content of one record, so that nothing here or in a backup opens it again.

What stays: leaves, signatures, commitments, receipts and proofs, which say nothing of the content
and still verify. Who may do this, and when, is decided above (`retention`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from archive.keystore import KeyStore
from archive.store import Store

Purge = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Destroyed:
    """`rows`: content rows deleted by this call; 0 when it was done before."""

    record_id: str
    rows: int


class Destruction:
    """`purges` remove a record's plaintext from views, search index and caches."""

    def __init__(self, store: Store, keys: KeyStore, purges: Sequence[Purge] = ()) -> None:
        self._store, self._keys, self._purges = store, keys, purges

    def destroy(self, record_id: str) -> Destroyed:
        """Key first: from then on the rest is noise, wherever a crash stops it.

        May be repeated until it returns; each part is the same when done twice. Purges come after
        the key, so that a view that is rebuilding meanwhile cannot read the content again.
        """
        self._keys.destroy([record_id])
        for purge in self._purges:
            purge(record_id)
        rows = self._store.destroy_content(record_id)
        self._store.scrub()
        return Destroyed(record_id, rows)
