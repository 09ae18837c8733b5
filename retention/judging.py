"""The records by which others can be judged: their rules, holds, disposals, and the calendars."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from archive.opening import Archive
from archive.replaying import chunks
from retention.holds import covers
from retention.ledgers import Assessed, Shelf, topics
from retention.policy import Policy

_AT_ONCE = 200


def judged_by(archive: Archive, shelf: Shelf, records: Sequence[str]) -> Iterator[str]:
    """Ids, some of them again and again: the rules that count for these records, the holds that are
    on them, the disposals whose lists they stood on, and every calendar that was published.

    NoSuchRecordError.
    """
    policy, size = shelf.policy()
    yield from (row.record_id for row in archive.store.leaves(0, size, topics("calendar")))
    for some in chunks(dict.fromkeys(records), _AT_ONCE):
        assessed = shelf.assess_together(some)
        for record in some:
            yield from _of(assessed[record], policy)
            if assessed[record].holding.disposed:
                yield from _disposed(archive, policy, record)


def _of(assessed: Assessed, policy: Policy) -> Iterator[str]:
    yield from (each.rule.record_id for each in assessed.assessment.reckoned)
    yield from (hold.id for hold in policy.holds if covers(hold, assessed.holding))


def _disposed(archive: Archive, policy: Policy, record: str) -> Iterable[str]:
    disposal = archive.ledger.get(record).disposal
    if disposal is None:
        return
    if disposal.warrant:
        yield disposal.warrant
    yield from (each.record_id for each in policy.rules if each.hash == disposal.rule.hash)
