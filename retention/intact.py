"""Whether a record's history is still what it was when its disposal was approved.

Read anew from the store, past every cache: each envelope names the one before it, the approved
list names one of them, and every content opens to what was signed.
"""

from __future__ import annotations

from collections.abc import Iterable

from archive.evidence import dsse
from archive.evidence.errors import EvidenceError
from archive.evidence.merkle import leaf_hash
from archive.leaves import read_leaf
from archive.masters import KeyStoreError
from archive.opening import Archive

BROKEN = (EvidenceError, KeyStoreError, LookupError, ValueError)
"""What events raise that cannot be read, opened or folded."""


def is_intact(archive: Archive, record_id: str, head: str, version: int) -> bool:
    """`head`: envelope hash of the event of that version. What came after it is as whole."""
    archive.ledger.forget(record_id)
    envelopes: list[str] = []
    try:
        for number, row in enumerate(archive.store.record(record_id), start=1):
            leaf, _, said = read_leaf(row.leaf)
            previous = envelopes[-1] if envelopes else None
            if (said.record, said.version, said.prev) != (record_id, number, previous):
                return False
            if leaf_hash(row.leaf) != row.leaf_hash:
                return False
            envelopes.append(dsse.envelope_hash(leaf.envelope))
        return envelopes[version - 1] == head and archive.ledger.get(record_id).readable
    except BROKEN:
        return False


def first_broken(archive: Archive, record_ids: Iterable[str]) -> str | None:
    """The first of these records that cannot be read."""
    for record_id in record_ids:
        try:
            archive.ledger.get(record_id)
        except BROKEN:
            return record_id
    return None
