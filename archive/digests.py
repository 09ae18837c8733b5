"""A source's day as one number, so that it can see whether all it sent arrived, and as it sent it.

The digest is SHA-256 over one line for each event of the source recorded on that civil day of the
site, in order of the log: canonical JSON of event_id, leaf_hash, recorded_at and source_id, and a
newline. A source that kept its receipts computes the same; where the hashes differ, the lines
themselves are compared. Events whose content was disposed of are no longer known by their source
and leave the digest: `count` and hash say what is there now.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from archive.evidence import canonical
from archive.store import Store, StoreCorrupt
from archive.views.sources import Sent, SourcesView


@dataclass(frozen=True, slots=True)
class DayDigest:
    """`sha256`: 64 hex digits; of no lines where nothing was recorded."""

    source: str
    day: date
    count: int
    sha256: str


def digest(view: SourcesView, store: Store, source: str, day: date) -> DayDigest:
    hasher, count = hashlib.sha256(), 0
    for line in lines(view, store, source, day):
        hasher.update(line)
        count += 1
    return DayDigest(source, day, count, hasher.hexdigest())


def lines(view: SourcesView, store: Store, source: str, day: date) -> Iterator[bytes]:
    """What is hashed, line by line with their newlines."""
    for sent in view.sent(source, day):
        members = {
            "event_id": sent.event_id,
            "leaf_hash": _leaf_hash(store, sent),
            "recorded_at": sent.recorded_at,
            "source_id": sent.source_id,
        }
        yield canonical.encode(members) + b"\n"


def _leaf_hash(store: Store, sent: Sent) -> str:
    hashes = store.leaf_hashes(sent.leaf_index, sent.leaf_index + 1)
    if not hashes:
        raise StoreCorrupt(f"leaf {sent.leaf_index} is not stored: run a check, then a rebuild")
    return hashes[0].hex()
