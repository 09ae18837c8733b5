"""The arithmetic of periods: RETENTION.md table A, and the corners of the calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.calendar import Calendar
from retention.schedule import (
    CutOff,
    Period,
    PeriodError,
    add,
    due_from,
    eligible_from,
    last_day,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")
ZONES = tuple(
    ZoneInfo(key)
    for key in (
        "Asia/Shanghai", "Europe/Berlin", "America/New_York", "America/St_Johns", "America/Havana",
        "America/Santiago", "Asia/Beirut", "Pacific/Apia", "Pacific/Kiritimati",
        "Pacific/Pago_Pago", "Pacific/Kwajalein", "Etc/GMT+12", "Asia/Kolkata", "UTC",
    )
)  # fmt: skip
"""With gaps and folds at midnight, skipped and repeated days, and both ends of the date line."""

dates = st.dates(date(1900, 1, 2), date(2999, 12, 31))
periods = st.builds(
    Period,
    years=st.integers(0, 120),
    months=st.integers(0, 40),
    days=st.integers(0, 400),
).filter(lambda p: p != Period())
cut_offs = st.sampled_from(["anniversary", "end-of-calendar-year"])
zones = st.sampled_from(ZONES)


def utc(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC)


TABLE_A = [
    # filed, zone, period, cut-off, base date, last day, eligible from (site), the same in UTC
    pytest.param("2023-03-15T10:00:00+08:00", SHANGHAI, "P3Y", "anniversary",
                 "2023-03-15", "2026-03-15", "2026-03-16T00:00:00+08:00", "2026-03-15T16:00Z",
                 id="R01"),
    pytest.param("2023-03-15T10:00:00+08:00", SHANGHAI, "P1Y", "anniversary",
                 "2023-03-15", "2024-03-15", "2024-03-16T00:00:00+08:00", "2024-03-15T16:00Z",
                 id="R02"),
    pytest.param("2024-02-29T09:00:00+08:00", SHANGHAI, "P3Y", "anniversary",
                 "2024-02-29", "2027-02-28", "2027-03-01T00:00:00+08:00", "2027-02-28T16:00Z",
                 id="R03"),
    pytest.param("2024-02-29T09:00:00+08:00", SHANGHAI, "P1Y", "anniversary",
                 "2024-02-29", "2025-02-28", "2025-03-01T00:00:00+08:00", "2025-02-28T16:00Z",
                 id="R04"),
    pytest.param("2025-02-28T09:00:00+08:00", SHANGHAI, "P3Y", "anniversary",
                 "2025-02-28", "2028-02-28", "2028-02-29T00:00:00+08:00", "2028-02-28T16:00Z",
                 id="R05"),
    pytest.param("2023-12-31T23:59:59+08:00", SHANGHAI, "P3Y", "anniversary",
                 "2023-12-31", "2026-12-31", "2027-01-01T00:00:00+08:00", "2026-12-31T16:00Z",
                 id="R07"),
    pytest.param("2023-12-31T16:00:00+00:00", SHANGHAI, "P3Y", "anniversary",
                 "2024-01-01", "2027-01-01", "2027-01-02T00:00:00+08:00", "2027-01-01T16:00Z",
                 id="R08"),
    pytest.param("2024-05-01T20:00:00+02:00", BERLIN, "P3Y", "anniversary",
                 "2024-05-01", "2027-05-01", "2027-05-02T00:00:00+02:00", "2027-05-01T22:00Z",
                 id="R10a"),
    pytest.param("2024-05-01T20:00:00+02:00", SHANGHAI, "P3Y", "anniversary",
                 "2024-05-02", "2027-05-02", "2027-05-03T00:00:00+08:00", "2027-05-02T16:00Z",
                 id="R10b"),
    pytest.param("2023-03-15T10:00:00+08:00", SHANGHAI, "P3Y", "end-of-calendar-year",
                 "2023-03-15", "2026-12-31", "2027-01-01T00:00:00+08:00", "2026-12-31T16:00Z",
                 id="R11"),
    pytest.param("2023-12-31T10:00:00+08:00", SHANGHAI, "P3Y", "end-of-calendar-year",
                 "2023-12-31", "2026-12-31", "2027-01-01T00:00:00+08:00", "2026-12-31T16:00Z",
                 id="R12a"),
    pytest.param("2023-02-10T10:00:00+08:00", SHANGHAI, "P3Y", "anniversary",
                 "2023-02-10", "2026-02-10", "2026-02-11T00:00:00+08:00", "2026-02-10T16:00Z",
                 id="R13"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("filed", "zone", "period", "cut_off", "base", "last", "eligible", "in_utc"), TABLE_A
)
def test_table_a(
    filed: str, zone: ZoneInfo, period: str, cut_off: CutOff, base: str, last: str, eligible: str,
    in_utc: str,
) -> None:  # fmt: skip
    """Each row of RETENTION.md table A that has a date."""
    day = datetime.fromisoformat(filed).astimezone(zone).date()
    assert day.isoformat() == base
    end = last_day(day, Period.parse(period), cut_off)
    assert end.isoformat() == last
    assert eligible_from(end, zone) == datetime.fromisoformat(eligible) == utc(in_utc)
    assert due_from(eligible_from(end, zone), zone) == end + timedelta(days=1)


def test_1095_days_are_not_three_years() -> None:
    """R01: a leap year lies within, so counting days would end a day early."""
    assert add(date(2023, 3, 15), Period(years=3)) == date(2026, 3, 15)
    assert add(date(2023, 3, 15), Period(days=1095)) == date(2026, 3, 14)


@pytest.mark.parametrize(
    ("base", "period", "cut_off", "last"),
    [
        # 29 February with months and days
        ("2024-02-29", "P1M", "anniversary", "2024-03-29"),
        ("2024-02-29", "P12M", "anniversary", "2025-02-28"),
        ("2024-02-29", "P48M", "anniversary", "2028-02-29"),
        ("2024-02-29", "P1Y1M", "anniversary", "2025-03-29"),
        ("2024-02-29", "P1Y1D", "anniversary", "2025-03-01"),
        ("2096-02-29", "P4Y", "anniversary", "2100-02-28"),
        ("2000-02-29", "P400Y", "anniversary", "2400-02-29"),
        # the day that a month lacks
        ("2026-01-31", "P1M", "anniversary", "2026-02-28"),
        ("2026-01-31", "P3M", "anniversary", "2026-04-30"),
        ("2026-01-31", "P1M1D", "anniversary", "2026-03-01"),
        ("2026-08-31", "P1Y6M", "anniversary", "2028-02-29"),
        # days: the first does not count
        ("2026-05-20", "P30D", "anniversary", "2026-06-19"),
        ("2026-12-31", "P1D", "anniversary", "2027-01-01"),
        # cut-off after the period
        ("2026-07-01", "P1Y6M", "end-of-calendar-year", "2028-12-31"),
        ("2026-06-30", "P1Y6M", "end-of-calendar-year", "2027-12-31"),
        ("2027-05-10", "P1Y", "end-of-calendar-year", "2028-12-31"),
        ("2026-12-02", "P30D", "end-of-calendar-year", "2027-12-31"),
        # the end of the calendar
        ("9998-12-31", "P1Y", "anniversary", "9999-12-31"),
        ("9999-01-31", "P11M", "anniversary", "9999-12-31"),
        ("9999-06-15", "P1Y", "anniversary", "9999-12-31"),
        ("9999-06-15", "P1M", "end-of-calendar-year", "9999-12-31"),
        ("9999-12-30", "P2D", "anniversary", "9999-12-31"),
        ("2999-12-31", "P9999Y", "anniversary", "9999-12-31"),
    ],
)  # fmt: skip
def test_corners(base: str, period: str, cut_off: CutOff, last: str) -> None:
    """Months, days, leap days and the end of the calendar."""
    end = last_day(date.fromisoformat(base), Period.parse(period), cut_off)
    assert end.isoformat() == last


@pytest.mark.parametrize(
    ("zone", "last", "eligible"),
    [
        # skipped days at the date line: the next day at the site is the one after
        ("Pacific/Apia", "2011-12-29", "2011-12-30T10:00Z"),
        ("Pacific/Kwajalein", "1993-08-20", "1993-08-21T12:00Z"),
        # both ends of the date line
        ("Pacific/Kiritimati", "2026-03-15", "2026-03-15T10:00Z"),
        ("Pacific/Pago_Pago", "2026-03-15", "2026-03-16T11:00Z"),
        ("Etc/GMT+12", "2026-03-15", "2026-03-16T12:00Z"),
        # midnight is skipped: Beirut's clocks went from 00:00 to 01:00
        ("Asia/Beirut", "2022-03-26", "2022-03-26T22:00Z"),
        # midnight comes twice, on the same day: Havana's went from 01:00 to 00:00
        ("America/Havana", "2022-11-05", "2022-11-06T04:00Z"),
        # midnight comes twice, with the day before in between: St John's went from 00:01 to 23:01
        ("America/St_Johns", "2006-10-28", "2006-10-29T03:30Z"),
    ],
)
def test_midnights(zone: str, last: str, eligible: str) -> None:
    """Where clocks or the calendar jump at midnight, the day is over when it is over for good."""
    assert eligible_from(date.fromisoformat(last), ZoneInfo(zone)) == utc(eligible)


def test_after_the_calendar_nothing_is_due() -> None:
    """What is kept until the last day of the calendar is never due."""
    end = eligible_from(date.max, SHANGHAI)
    assert end == datetime.max.replace(tzinfo=UTC)
    assert all(due_from(end, zone) == date.max for zone in ZONES)
    assert eligible_from(date(9999, 12, 30), SHANGHAI) == utc("9999-12-30T16:00Z")


def test_a_site_that_moves_keeps_its_dates_and_loses_no_hour() -> None:
    """R54: dates written in New York end at New York's midnight, wherever the site is now."""
    eligible = eligible_from(date(2026, 3, 15), ZoneInfo("America/New_York"))
    assert eligible == utc("2026-03-16T04:00Z")
    assert due_from(eligible, SHANGHAI) == date(2026, 3, 17)
    assert due_from(eligible, ZoneInfo("America/New_York")) == date(2026, 3, 16)
    assert due_from(eligible, ZoneInfo("America/Los_Angeles")) == date(2026, 3, 16)


@pytest.mark.parametrize(
    "said",
    ["", "P", "3Y", "P3", "P0Y", "P0Y0M0D", "P-3Y", "P3y", "P3W", "PT3H", "P1M1Y", "P3Y ", " P3Y",
     "P3.5Y", "P99999Y", "P٣Y", "P3Y\n", "p3y"],
)  # fmt: skip
def test_what_is_no_period(said: str) -> None:
    """Anything but whole years, months and days, and a period of nothing, is refused."""
    with pytest.raises(PeriodError) as refused:
        Period.parse(said)
    assert "P3Y" in refused.value.message.zh
    assert "P3Y" in refused.value.message.en


@given(periods)
def test_a_period_is_written_as_it_is_read(period: Period) -> None:
    """Round trip."""
    assert Period.parse(str(period)) == period


@given(dates, periods, cut_offs)
def test_a_period_ends_after_it_began(base: date, period: Period, cut_off: CutOff) -> None:
    """The last day lies after the base date, and a cut-off only ever moves it back in time."""
    assert last_day(base, period, cut_off) > base
    assert last_day(base, period, "end-of-calendar-year") >= add(base, period)


@given(dates, dates, periods, cut_offs)
def test_later_is_never_earlier(one: date, two: date, period: Period, cut_off: CutOff) -> None:
    """What begins later does not end earlier."""
    earlier, later = sorted((one, two))
    assert last_day(earlier, period, cut_off) <= last_day(later, period, cut_off)


@given(dates, periods, periods, cut_offs)
def test_more_is_never_less(base: date, one: Period, more: Period, cut_off: CutOff) -> None:
    """A longer period does not end earlier."""
    both = Period(one.years + more.years, one.months + more.months, one.days + more.days)
    assert last_day(base, one, cut_off) <= last_day(base, both, cut_off)


@given(dates, st.integers(1, 120))
def test_years_by_counting_months(base: date, years: int) -> None:
    """n years are the day of the same number, or the month's last day where there is none."""
    end = add(base, Period(years=years))
    assert (end.year, end.month) == (base.year + years, base.month)
    assert end.day == base.day or (end.day < base.day and (end + timedelta(days=1)).day == 1)


@given(st.dates(date(1950, 1, 2), date(2100, 12, 31)), zones)
def test_until_eligible_no_later_day_stays(last: date, zone: ZoneInfo) -> None:
    """From that instant on the site's date is past the last day for good, and a moment before it
    was not."""
    eligible = eligible_from(last, zone)
    for hours in range(30):
        assert (eligible + timedelta(hours=hours)).astimezone(zone).date() > last
    assert (eligible - timedelta(microseconds=1)).astimezone(zone).date() <= last


@given(st.dates(date(1950, 1, 2), date(2100, 12, 31)), zones, zones)
def test_due_days_begin_after_eligible(last: date, then: ZoneInfo, now: ZoneInfo) -> None:
    """In whichever zone the site is now: the day it becomes due begins when it may go, or later,
    and not a whole day later."""
    eligible = eligible_from(last, then)
    begins = eligible_from(due_from(eligible, now) - timedelta(days=1), now)
    assert eligible <= begins < eligible + timedelta(hours=49)
    if then == now:
        assert due_from(eligible, now) >= last + timedelta(days=1)


def test_working_days_do_not_move_the_date() -> None:
    """RETENTION.md 3.6: the last day of R01 is a Sunday, and stays."""
    end = last_day(date(2023, 3, 15), Period(years=3), "anniversary")
    assert not Calendar().is_workday(end)
    assert end == date(2026, 3, 15)
