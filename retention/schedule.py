"""How a period of retention is reckoned: pure arithmetic on calendar dates.

As the Civil Code has it (民法典 arts. 201 and 202): the day of the event itself does not count; a
period of years or months ends on the day of the same number, and where that month has no such
day, on its last. Whether the last day is a working day is not asked here: that moves the deed, not
the date (RETENTION.md 3.6).
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from domain.errors import DomainError
from domain.kind import text

CutOff = Literal["anniversary", "end-of-calendar-year"]

_FORM = re.compile(r"P(?:([0-9]{1,4})Y)?(?:([0-9]{1,4})M)?(?:([0-9]{1,5})D)?", re.ASCII)


class PeriodError(DomainError):
    """A text that is no period of whole years, months and days."""

    code = "invalid-period"

    def __init__(self, said: str) -> None:
        super().__init__(
            text(
                f"“{said[:40]}”不是保管期限；请按 P3Y（3年）、P1Y6M 或 P30D（30日）填写。",
                f"{said[:40]!r} is no period; write P3Y (3 years), P1Y6M or P30D (30 days).",
            ),
            field="period",
        )


@dataclass(frozen=True, slots=True)
class Period:
    """Whole years, months and days (ISO 8601), at least one day in all."""

    years: int = 0
    months: int = 0
    days: int = 0

    @classmethod
    def parse(cls, said: str) -> Period:
        """`P3Y`, `P1Y6M`, `P30D`. Raises PeriodError."""
        match = _FORM.fullmatch(said)
        period = cls(*(int(number or 0) for number in match.groups())) if match else cls()
        if period == cls():
            raise PeriodError(said)
        return period

    def __str__(self) -> str:
        parts = ((self.years, "Y"), (self.months, "M"), (self.days, "D"))
        return "P" + "".join(f"{n}{unit}" for n, unit in parts if n)


def add(base: date, period: Period) -> date:
    """The day on which a period that began on `base` ends.

    Years and months together, then days: so that a day which its month lacks is missed only once.
    What would lie beyond the calendar ends on its last day, 9999-12-31, which never passes.
    """
    months = base.year * 12 + base.month - 1 + period.years * 12 + period.months
    year, month = months // 12, months % 12 + 1
    if year > date.max.year:
        return date.max
    day = date(year, month, min(base.day, monthrange(year, month)[1]))
    return day + timedelta(days=period.days) if period.days <= (date.max - day).days else date.max


def last_day(base: date, period: Period, cut_off: CutOff) -> date:
    """The last day on which keeping is a duty; with the cut-off, 31 December of its year."""
    end = add(base, period)
    return end if cut_off == "anniversary" else date(end.year, 12, 31)


@lru_cache(4096)
def eligible_from(last: date, zone: ZoneInfo) -> datetime:
    """The instant (UTC) at which the last day is over for good at the site: 00:00 of the next day.

    Where clocks skip that midnight, the day begins after the gap; where they run through it
    twice, it is the second time if the day before came back in between. After the last day of
    the calendar there is no such instant: it stays at the very end.
    """
    if last == date.max:
        return datetime.max.replace(tzinfo=UTC)
    day = last + timedelta(days=1)
    first, second = (datetime.combine(day, time(fold=f), zone).astimezone(UTC) for f in (0, 1))
    back = second > first and (second - timedelta.resolution).astimezone(zone).date() < day
    return second if back else first


@lru_cache(4096)
def due_from(eligible: datetime, zone: ZoneInfo) -> date:
    """The first whole day at the site that lies at or after an instant: from then on it is due.

    A site that moved to another zone keeps the dates it wrote; its days then begin at another hour
    than the one at which they end (RETENTION.md R54), and nothing may go before that.
    """
    if eligible >= datetime.max.replace(tzinfo=UTC) - timedelta(days=1):
        return date.max
    day = eligible.astimezone(zone).date()
    begins = eligible_from(day - timedelta(days=1), zone)
    return day if begins >= eligible else day + timedelta(days=1)
