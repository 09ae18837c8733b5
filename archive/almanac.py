"""Which calendar of working days was in force at which leaf of the log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archive.ledger import Ledger
from archive.sealing import INTERNAL
from archive.views.outlook import Published
from domain.calendar import Calendar
from domain.events import EVENT_TYPES
from domain.record import Record
from domain.registry import KINDS, Registry


class Almanac:
    """Follows the log; a calendar is in force from the leaf that published it on."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._registry = Registry()
        self._seen = 0
        self.published = Published()

    def follow(self, size: int) -> None:
        """Read on to a log of so many leaves."""
        if size <= self._seen:
            return
        for row in self._ledger.store.leaves(self._seen, size, topics=internal_topics()):
            self._registry = self._registry.apply(
                self._ledger.get(row.record_id, version=row.version)
            )
            if self._registry.calendar != self.published.calendars[-1]:
                self.published.leaves.append(row.leaf_index)
                self.published.calendars.append(self._registry.calendar)
        self._seen = size

    def at(self, leaf_index: int) -> Calendar:
        return self.published.at(leaf_index)

    def changes(self, start: int, stop: int) -> Sequence[int]:
        """The leaves start <= index < stop that changed the calendar."""
        return [leaf for leaf in self.published.leaves if start <= leaf < stop]


def internal_topics() -> tuple[str, ...]:
    """Topics of the records that the registry folds: people, departments, calendars and so on."""
    return tuple(f"{INTERNAL}{kind}/{event}" for kind in KINDS for event in EVENT_TYPES)


def standing(ledger: Ledger, topics: Sequence[str], size: int, since: int = 0) -> Iterator[Record]:
    """The records with an event of these topics at a leaf since <= index < size, each as it stood
    in a log of so many leaves; those first whose last event of them is older."""
    rows = ledger.store.leaves(since, size, topics)
    last: dict[str, int] = {}
    for row in rows if topics else ():
        last.pop(row.record_id, None)
        last[row.record_id] = row.version
    for record_id, version in last.items():
        yield ledger.get(record_id, version=version)
