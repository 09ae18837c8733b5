"""Official Chinese working days, as versioned data (RETENTION.md E). Dates are site dates."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from importlib.resources import files
from typing import Any

SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Year:
    """What the State Council announced for a year: days off, and weekend days that are worked.

    A New Year's holiday may reach into the December before (2018-12-29 was worked for 2019).
    """

    holidays: frozenset[date]
    workdays: frozenset[date]


@dataclass(frozen=True, slots=True)
class Calendar:
    """The years published so far. An unpublished year counts Monday to Friday, provisionally."""

    years: Mapping[int, Year] = field(default_factory=dict)
    version: str = ""
    """Which calendar records this came from, for metrics that must say so."""

    def is_workday(self, day: date) -> bool:
        announced = [self.years[y] for y in (day.year, day.year + 1) if y in self.years]
        if any(day in year.workdays for year in announced):
            return True
        if any(day in year.holidays for year in announced):
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


def announced_year(values: Mapping[str, Any]) -> Year:
    """The days of a `calendar` record's answers."""
    return Year(
        frozenset(date.fromisoformat(row["date"]) for row in values.get("holidays", ())),
        frozenset(date.fromisoformat(row["date"]) for row in values.get("workdays", ())),
    )


def shipped_years() -> tuple[Mapping[str, Any], ...]:
    """The years that come with the program, oldest first, as answers of `calendar`'s `publish`.

    Source: the State Council's announcements, each named in its file.
    """
    found = sorted(
        (f for f in files("domain.calendars").iterdir() if f.name.endswith(".json")),
        key=lambda f: f.name,
    )
    return tuple(json.loads(f.read_text(encoding="utf-8")) for f in found)
