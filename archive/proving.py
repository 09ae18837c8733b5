"""A proof of one event as a file that stands by itself."""

from __future__ import annotations

from archive.evidence.tlog_proof import TlogProof
from archive.log import TransparencyLog
from archive.store import StoredEvent


def prove_event(log: TransparencyLog, row: StoredEvent) -> TlogProof:
    """With the leaf as extra data, and under the latest head that covers it. StoreError."""
    signed, path = log.inclusion(row.leaf_index)
    return TlogProof(row.leaf_index, tuple(path), signed.note, row.leaf)
