"""Official Chinese working days, as versioned data (RETENTION.md E). Dates are site dates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Year:
    """What the State Council announced for a year: days off, and weekend days that are worked."""

    holidays: frozenset[date]
    workdays: frozenset[date]


@dataclass(frozen=True, slots=True)
class Calendar:
    """The years published so far. A year not yet published counts Monday to Friday, provisionally."""

    years: Mapping[int, Year] = field(default_factory=dict)
    version: str = ""
    """Which calendar records this came from, for metrics that must say so."""

    def is_workday(self, day: date) -> bool:
        year = self.years.get(day.year)
        if year is not None and day in year.workdays:
            return True
        if year is not None and day in year.holidays:
            return False
        return day.weekday() < SATURDAY

    def is_provisional(self, day: date) -> bool:
        return day.year not in self.years

    def add_workdays(self, start: date, n: int) -> tuple[date, bool]:
        """The n-th working day after `start`, and whether an unpublished year had a say in it."""
        day, left, provisional = start, n, False
        while left > 0:
            day += timedelta(days=1)
            provisional = provisional or self.is_provisional(day)
            left -= self.is_workday(day)
        return day, provisional
