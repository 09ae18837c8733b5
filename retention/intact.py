"""Whether a record's history is still what it was when its disposal was approved.

Read anew from the store, past every cache: each envelope names the one before it, the approved
list names one of them, and every content opens to what was signed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from archive.evidence import dsse
from archive.evidence.errors import EvidenceError
from archive.evidence.merkle import leaf_hash
from archive.leaves import read_leaf
from archive.masters import KeyStoreError
from archive.opening import Archive
from archive.store import StoredEvent

BROKEN = (EvidenceError, KeyStoreError, LookupError, ValueError)
"""What events raise that cannot be read, opened or folded."""


def intact(archive: Archive, heads: Mapping[str, tuple[str, int]]) -> set[str]:
    """Those of some hundred records whose history is whole. `heads`: for each the envelope hash of
    the event of a version; what came after that is as whole."""
    chains: dict[str, list[StoredEvent]] = {}
    for row in archive.store.records(list(heads)):
        chains.setdefault(row.record_id, []).append(row)
    chained = [r for r in heads if _is_chained(chains.get(r, ()), r, *heads[r])]
    return _opened(archive, chained)


def _is_chained(rows: Sequence[StoredEvent], record_id: str, head: str, version: int) -> bool:
    envelopes: list[str] = []
    try:
        for number, row in enumerate(rows, start=1):
            leaf, _, said = read_leaf(row.leaf)
            previous = envelopes[-1] if envelopes else None
            if (said.record, said.version, said.prev) != (record_id, number, previous):
                return False
            if leaf_hash(row.leaf) != row.leaf_hash:
                return False
            envelopes.append(dsse.envelope_hash(leaf.envelope))
        return envelopes[version - 1] == head
    except BROKEN:
        return False


def _opened(archive: Archive, record_ids: Sequence[str]) -> set[str]:
    """Those that open and fold; where one of them breaks, they are tried one by one."""
    for record_id in record_ids:
        archive.ledger.forget(record_id)
    try:
        return {r.id for r in archive.ledger.get_all(record_ids).values() if r.readable}
    except BROKEN:
        alone = record_ids if len(record_ids) > 1 else ()
        return {record_id for each in alone for record_id in _opened(archive, [each])}


def first_broken(archive: Archive, record_ids: Iterable[str]) -> str | None:
    """The first of these records that cannot be read."""
    for record_id in record_ids:
        try:
            archive.ledger.get(record_id)
        except BROKEN:
            return record_id
    return None
