"""What records wait for, worked out once for the views that show it, with the calendar of its leaf.

A due time counted in working days follows the calendar as it was published by then; a year that is
published later moves what is still open from its own leaf on (`archive.projector`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from zoneinfo import ZoneInfo

from archive.evidence.instant import time_text
from domain.calendar import Calendar
from domain.matters import Matter, matters
from domain.record import Record

again = lru_cache(maxsize=4096)(time_text)
"""`time_text` where the same moments are told again and again: in each version of a record."""
REMEMBERED = 4096
"""More than the changes of one batch: each of its views asks for the same."""


@dataclass(frozen=True, slots=True)
class Published:
    """Calendars, each in force from its leaf on."""

    leaves: list[int] = field(default_factory=lambda: [-1])
    calendars: list[Calendar] = field(default_factory=lambda: [Calendar()])

    def at(self, leaf_index: int) -> Calendar:
        return self.calendars[bisect_right(self.leaves, leaf_index) - 1]


class Outlook:
    """`calendar` gives the calendar that was in force at a leaf."""

    def __init__(self, calendar: Callable[[int], Calendar], zone: ZoneInfo) -> None:
        self._calendar, self.zone = calendar, zone
        self._known: dict[tuple[str, int], tuple[Calendar, tuple[Matter, ...]]] = {}

    def matters(self, record: Record, leaf_index: int) -> tuple[Matter, ...]:
        """The open matters of a record as of a leaf."""
        calendar = self._calendar(leaf_index)
        key = record.id, record.version
        known = self._known.get(key)
        if known is not None and known[0] is calendar:
            return known[1]
        found = matters(record, calendar, self.zone)
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[key] = calendar, found
        return found

    def next_due(self, record: Record, leaf_index: int) -> tuple[str | None, bool]:
        """The first due time that can make the record late, and whether one is provisional."""
        clocks = [m for m in self.matters(record, leaf_index) if m.due_at is not None]
        firm = (m.due_at for m in clocks if m.due_at and not m.paused and not m.advisory)
        first = min(firm, default=None)
        return (again(first) if first else None), any(m.provisional for m in clocks)

    def forget(self) -> None:
        """Drop what is remembered: a record's content is to go."""
        self._known.clear()
