"""Which records a bundle is to hold: a case, what a list shows, all."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from archive.evidence.errors import EvidenceError
from archive.evidence.register import register_record
from archive.leaves import read_leaf
from archive.store import Store
from archive.views.access import Viewer
from archive.views.register import Filter, RegisterView

Incoming = Callable[[str], Iterable[tuple[str, str]]]


def everything_linked(
    store: Store, record_id: str, incoming: Incoming, limit: int = 1000
) -> list[str]:
    """The record, all that it points to or that points to it, and so on; by nearness.

    At most `limit` records: a case, and not the whole archive by way of a shared customer.
    """
    found, waiting = [record_id], deque([record_id])
    seen = {record_id}
    while waiting and len(found) < limit:
        here = waiting.popleft()
        for other in (*_outgoing(store, here), *(other for _, other in incoming(here))):
            if other not in seen and store.versions([other])[other] and len(found) < limit:
                seen.add(other)
                found.append(other)
                waiting.append(other)
    return found


def _outgoing(store: Store, record_id: str) -> Iterator[str]:
    for row in store.record(record_id):
        try:
            yield from (ref.record for ref in read_leaf(row.leaf)[2].refs)
        except EvidenceError:
            continue


def listed(
    register: RegisterView, viewer: Viewer, wanted: Filter, at_once: int = 500
) -> Iterator[str]:
    """What the register shows this viewer, the oldest first."""
    cursor: str | None = None
    while True:
        page = register.page(viewer, wanted, descending=False, limit=at_once, cursor=cursor)
        yield from (line.record_id for line in page.lines)
        cursor = page.cursor
        if cursor is None:
            return


def everything(store: Store, origin: str) -> list[str]:
    """Every record of the log as it is now, also internal ones, in the order of their first
    leaves; the key register is in each bundle anyway."""
    found = dict.fromkeys(row.record_id for row in store.leaves(0))
    found.pop(register_record(origin), None)
    return list(found)
