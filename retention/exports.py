"""Who took a record out of the archive before it was disposed of, as the access log knows it.

The archive cannot reach into other systems; its certificate can name whom to ask.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from archive.accesses import KIND
from archive.opening import Archive
from archive.sealing import INTERNAL

TOPIC = f"{INTERNAL}{KIND}/opened"


def exported_to(archive: Archive, record_ids: Collection[str]) -> list[str]:
    """The people and callers (by id) that exported one of these records, in order of their ids.

    Reads the whole access log: for a certificate, not for a page.
    """
    wanted = frozenset(record_ids)
    rows = (row for row in _accesses(archive) if row["what"] == "export")
    takers = {row.get("who") or row.get("caller") for row in rows if row.get("record") in wanted}
    return sorted(taker for taker in takers if taker is not None)


def _accesses(archive: Archive) -> Iterator[Mapping[str, Any]]:
    for row in archive.store.leaves(0, topics=(TOPIC,)):
        for recorded in archive.ledger.history(row.record_id):
            yield from getattr(recorded.event, "values", {}).get("accesses", ())
