"""Working days as the State Council announced them, and as the shipped years say them."""

from datetime import date, timedelta

import chinese_calendar  # type: ignore[import-untyped]
import pytest
from chinese_calendar.constants import (  # type: ignore[import-untyped]
    holidays as foreign_holidays,
)
from chinese_calendar.constants import workdays as foreign_workdays
from hypothesis import given
from hypothesis import strategies as st

from domain.calendar import Calendar, Year, announced_year, shipped_years
from domain.commands import Actor
from domain.errors import GuardError, InvalidFormError
from tests.domain.plant import Case

ADMINISTRATOR = Actor(None, system="set-up", trusted=True)
SHIPPED = Calendar({values["year"]: announced_year(values) for values in shipped_years()})
DAYS = st.dates(date(2024, 1, 1), date(2026, 12, 31))
YEARS = st.builds(
    Year,
    holidays=st.frozensets(DAYS.filter(lambda d: d.year == 2026), max_size=30),
    workdays=st.frozensets(DAYS.filter(lambda d: d.year == 2026 and d.weekday() >= 5), max_size=10),
)


def first_principles(calendar: Calendar, start: date, n: int) -> date:
    """The n-th working day after a day, as one would count on fingers."""
    later = (start + timedelta(days=i) for i in range(1, 400))
    working = [day for day in later if calendar.is_workday(day)]
    return working[n - 1]


@pytest.mark.parametrize("year", [2024, 2025, 2026])
def test_shipped_years_agree_with_an_independent_transcription(year: int) -> None:
    """Days off and worked weekend days are those of another transcription of the announcement."""
    ours = SHIPPED.years[year]
    assert ours.holidays == {d for d in foreign_holidays if d.year == year}
    assert ours.workdays == {d for d in foreign_workdays if d.year == year}


def test_every_day_of_the_shipped_years_is_judged_alike() -> None:
    """Each single day of three years is working or not as the other library says."""
    day = date(2024, 1, 1)
    while day.year < 2027:
        assert SHIPPED.is_workday(day) == chinese_calendar.is_workday(day), day
        day += timedelta(days=1)


def test_each_shipped_year_names_its_announcement() -> None:
    """The source is the notice of the State Council's office, with its number."""
    for values in shipped_years():
        assert f"国务院办公厅关于{values['year']}年部分节假日安排的通知" in values["source"]
        assert "国办发明电" in values["source"]


@pytest.mark.parametrize(
    ("row", "start", "due"),
    [
        ("D01", date(2026, 3, 2), date(2026, 3, 5)),
        ("D02", date(2026, 3, 6), date(2026, 3, 11)),
        ("D03", date(2026, 2, 13), date(2026, 2, 25)),
        ("D05", date(2025, 9, 26), date(2025, 9, 30)),
    ],
)
def test_three_working_days_of_the_table(row: str, start: date, due: date) -> None:
    """Table E of RETENTION.md: three working days after the feedback."""
    assert SHIPPED.add_workdays(start, 3) == (due, False), row


def test_an_unpublished_year_is_provisional_and_counted_monday_to_friday() -> None:
    """D08: 2027 is not loaded, so the date stands but is flagged."""
    assert SHIPPED.add_workdays(date(2026, 12, 30), 3) == (date(2027, 1, 4), True)


def test_loading_the_year_moves_the_provisional_date() -> None:
    """D08: once 2027 is published, its holiday counts and the flag goes."""
    new_year = Year(frozenset({date(2027, 1, 1)}), frozenset())
    loaded = Calendar({**SHIPPED.years, 2027: new_year})
    assert loaded.add_workdays(date(2026, 12, 30), 3) == (date(2027, 1, 5), False)


def test_a_date_that_stays_within_the_published_year_is_not_provisional() -> None:
    """Only an unpublished day that was counted makes a date provisional."""
    assert SHIPPED.add_workdays(date(2026, 12, 25), 3) == (date(2026, 12, 30), False)


def test_an_announcement_reaches_into_the_december_before() -> None:
    """Saturday 2018-12-29 was worked for the New Year of 2019, by the announcement of 2019."""
    year = Year(
        frozenset({date(2018, 12, 30), date(2018, 12, 31), date(2019, 1, 1)}),
        frozenset({date(2018, 12, 29)}),
    )
    calendar = Calendar({2018: Year(frozenset(), frozenset()), 2019: year})
    assert calendar.is_workday(date(2018, 12, 29))
    assert not calendar.is_workday(date(2018, 12, 31))


@given(DAYS, st.integers(0, 15))
def test_counting_agrees_with_counting_on_fingers(start: date, n: int) -> None:
    """The n-th working day is the n-th element of the working days after the start."""
    expected = start if n == 0 else first_principles(SHIPPED, start, n)
    assert SHIPPED.add_workdays(start, n)[0] == expected


@given(DAYS, st.integers(1, 15), YEARS, DAYS)
def test_another_holiday_never_makes_a_date_earlier(
    start: date, n: int, year: Year, holiday: date
) -> None:
    """A day off more can only move a due date later."""
    more = Year(year.holidays | {holiday}, year.workdays - {holiday})
    before, after = Calendar({2026: year}), Calendar({2026: more})
    assert after.add_workdays(start, n)[0] >= before.add_workdays(start, n)[0]


@given(DAYS, st.integers(1, 15), YEARS)
def test_a_later_start_never_gives_an_earlier_date(start: date, n: int, year: Year) -> None:
    """Starting a day later is due the same day or later."""
    calendar = Calendar({2026: year})
    next_day = start + timedelta(days=1)
    assert calendar.add_workdays(next_day, n)[0] >= calendar.add_workdays(start, n)[0]


def publish(year: int, *holidays: str, workdays: tuple[str, ...] = ()) -> Case:
    values = {
        "year": year,
        "source": "国务院办公厅通知",
        "holidays": [{"date": d} for d in holidays],
        "workdays": [{"date": d} for d in workdays],
    }
    return Case().open("calendar", "publish", ADMINISTRATOR, values)


@pytest.mark.parametrize(
    ("holidays", "workdays"),
    [
        (("2028-01-03",), ()),
        (("2025-12-31",), ()),
        (("2027-01-01", "2027-01-01"), ()),
        (("2027-01-02",), ("2027-01-02",)),
        (("2027-01-01",), ("2027-01-04",)),
    ],
    ids=["next year", "two years before", "twice", "off and worked", "a Monday worked specially"],
)
def test_a_calendar_that_cannot_be_is_refused(
    holidays: tuple[str, ...], workdays: tuple[str, ...]
) -> None:
    """Days outside the year, said twice, or worked on a weekday are typing errors."""
    with pytest.raises(GuardError):
        publish(2027, *holidays, workdays=workdays)


def test_a_calendar_without_days_off_is_refused() -> None:
    """An empty year is a form left half filled."""
    with pytest.raises(InvalidFormError):
        publish(2027)


def test_an_amendment_says_all_days_anew_and_is_checked_like_the_first() -> None:
    """The year of the first publication binds the amendment."""
    case = publish(2027, "2027-01-01", workdays=("2026-12-27",))
    case.take("amend", ADMINISTRATOR, {"source": "更正", "holidays": [{"date": "2027-01-02"}]})
    with pytest.raises(GuardError):
        case.take("amend", ADMINISTRATOR, {"source": "x", "holidays": [{"date": "2028-01-02"}]})


def test_shipped_years_are_answers_that_the_calendar_kind_accepts() -> None:
    """What ships is published through the same step as what an administrator types."""
    for values in shipped_years():
        case = Case().open("calendar", "publish", ADMINISTRATOR, values)
        assert case.it.state == "in-force"
