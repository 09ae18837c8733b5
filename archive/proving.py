"""A proof of one event as a file that stands by itself."""

from __future__ import annotations

from archive.evidence.tlog_proof import TlogProof
from archive.log import TransparencyLog
from archive.store import Checkpoint, StoredEvent
from archive.witnessing import NotPublished, Witnesses


def prove_event(log: TransparencyLog, witnesses: Witnesses, row: StoredEvent) -> TlogProof:
    """With the leaf as extra data, and under the latest head that goes out and covers it.

    NotPublished where none does, StoreError.
    """
    signed = _covering(witnesses, row.leaf_index)
    _, path = log.inclusion(row.leaf_index, signed.size)
    return TlogProof(row.leaf_index, tuple(path), signed.note, row.leaf)


def _covering(witnesses: Witnesses, leaf: int) -> Checkpoint:
    try:
        signed = witnesses.published()
    except NotPublished:
        signed = witnesses.publish_now()
    if signed.size <= leaf:
        signed = witnesses.publish_now()
    if signed.size <= leaf:
        raise NotPublished(
            f"leaf {leaf} lies after the head of {signed.size} leaves, the last that the quorum of "
            "witnesses cosigned: /health says who is away; try again later"
        )
    return signed
