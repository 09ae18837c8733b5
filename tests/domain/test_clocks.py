"""Deadlines against table E of RETENTION.md, and the laws that pauses and limits keep."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.calendar import Calendar, Year, announced_year, shipped_years
from domain.clocks import Clock, clocks, due_at, midnight, still
from domain.commands import Actor
from domain.kind import CalendarDays, Deadline, Hours, Kind, Limit, Until, WorkingDays, text
from domain.record import Pause
from tests.domain.journeys import COMPLAINT, act, capa, complaint, take
from tests.domain.plant import MONDAY, SITE, Case

SHIPPED = Calendar({values["year"]: announced_year(values) for values in shipped_years()})


def site(day_and_time: str) -> datetime:
    """A site time such as `2026-03-02 09:00`."""
    return datetime.fromisoformat(day_and_time).replace(tzinfo=SITE).astimezone(UTC)


def limit(of: Limit) -> Deadline:
    return Deadline(id="d", title=text("限", "limit"), starts="s", limit=of, stops=())


def due(of: Limit, start: datetime | date, calendar: Calendar = SHIPPED) -> datetime:
    return due_at(limit(of), start, calendar, SITE)[0]


def run(case: Case, deadline: str, number: int = -1, calendar: Calendar = SHIPPED) -> Clock:
    """One run of a deadline as it looks now."""
    return [c for c in clocks(case.it, calendar, SITE, case.now) if c.deadline == deadline][number]


# ---------------------------------------------------------------- table E


@pytest.mark.parametrize(
    ("row", "fed_back", "last_day"),
    [
        ("D01", "2026-03-02 10:00", "2026-03-05"),
        ("D02", "2026-03-06 17:00", "2026-03-11"),
        ("D03", "2026-02-13 09:00", "2026-02-25"),
        ("D05", "2025-09-26 09:00", "2025-09-30"),
    ],
)
def test_callback_is_due_at_the_end_of_the_third_working_day(
    row: str, fed_back: str, last_day: str
) -> None:
    """D01 to D05: until 24:00 site time, which is 00:00 of the next day."""
    end = site(f"{last_day} 00:00") + timedelta(days=1)
    assert due(WorkingDays(n=3), site(fed_back)) == end, row


def test_an_unpublished_year_gives_a_provisional_date_that_loading_recomputes() -> None:
    """D08: fed back 2026-12-30; flagged without 2027, firm and later with its New Year's Day."""
    start, three = site("2026-12-30 10:00"), limit(WorkingDays(n=3))
    assert due_at(three, start, SHIPPED, SITE) == (site("2027-01-05 00:00"), True)
    loaded = Calendar({**SHIPPED.years, 2027: Year(frozenset({date(2027, 1, 1)}), frozenset())})
    assert due_at(three, start, loaded, SITE) == (site("2027-01-06 00:00"), False)


def test_two_hours_run_over_midnight() -> None:
    """D09: transferred 23:30, due 01:30."""
    assert due(Hours(n=2), site("2026-03-02 23:30")) == site("2026-03-03 01:30")


def test_the_ladder_runs_together_from_receipt() -> None:
    """D11: received 2026-03-02 09:00, levels at 24, 48 and 72 hours."""
    case = complaint("receive")
    found = {c.level: c.due_at for c in clocks(case.it, SHIPPED, SITE, case.now)}
    assert found == {
        1: site("2026-03-03 09:00"),
        2: site("2026-03-04 09:00"),
        3: site("2026-03-05 09:00"),
    }


def test_emergency_limits_are_clock_hours() -> None:
    """D12: declared 09:10, internal notice by 10:10, statement by 11:10."""
    declared = site("2026-03-02 09:10")
    assert due(Hours(n=1), declared) == site("2026-03-02 10:10")
    assert due(Hours(n=2), declared) == site("2026-03-02 11:10")


def test_notice_of_a_delay_lies_before_the_milestone() -> None:
    """D13: milestone 2026-03-10, notice on or before 2026-03-07."""
    assert due(CalendarDays(n=-3), date(2026, 3, 10)) == site("2026-03-08 00:00")


def test_a_pause_within_the_limit_moves_the_due_time_by_its_length() -> None:
    """D15: waiting for the customer 10:00 to 13:00 within 24 hours; three hours more."""
    case = complaint("receive")
    case.now = site("2026-03-02 10:00")
    case.pause("waiting-for-customer", "service-li", "客户核对批次")
    case.now = site("2026-03-02 12:00")
    assert run(case, "l1").state == "paused"
    case.now = site("2026-03-02 13:00")
    case.resume("waiting-for-customer", "service-li")
    clock = run(case, "l1")
    assert clock.due_at == site("2026-03-03 12:00")
    assert clock.paused == timedelta(hours=3)
    assert clock.state == "running"
    assert case.it.pauses[0].note == "客户核对批次"


# ---------------------------------------------------------------- met, late, claimed


@pytest.mark.parametrize(
    ("seconds", "state"), [(-1, "met"), (0, "met"), (1, "late")], ids=["before", "at", "after"]
)
def test_met_exactly_at_the_limit_is_met(seconds: int, state: str) -> None:
    """Two hours after the transfer to the second is in time; a second more is late."""
    case = complaint("transfer")
    case.now = run(case, "analysis").due_at + timedelta(seconds=seconds)
    take(case, "analyse")
    clock = run(case, "analysis")
    assert clock.state == state
    assert clock.met is clock.met_as_claimed is (state == "met")


def test_running_until_the_limit_and_overdue_after_it() -> None:
    """At the limit it still runs; one second later it is overdue."""
    case = complaint("transfer")
    case.now = run(case, "analysis").due_at
    assert run(case, "analysis").state == "running"
    case.turn(seconds=1)
    assert run(case, "analysis").state == "overdue"


def test_a_late_entry_is_judged_by_its_recorded_time_and_shows_the_claimed_one() -> None:
    """Done after one hour, entered after five: late as recorded, met as claimed."""
    case = complaint("transfer")
    started = run(case, "analysis").started_at
    case.now = started + timedelta(hours=5)
    case.take("analyse", *COMPLAINT["analyse"], ago=4)
    clock = run(case, "analysis")
    assert (clock.met, clock.met_as_claimed) == (False, True)
    assert clock.stopped_at == started + timedelta(hours=1)
    assert clock.stopped_recorded_at == started + timedelta(hours=5)


def test_a_clock_starts_at_the_claimed_time() -> None:
    """A complaint recorded an hour after it came in has an hour less."""
    case = Case().open("complaint", "receive", *COMPLAINT["receive"], ago=1)
    assert run(case, "l1").due_at == MONDAY + timedelta(hours=23)


def test_an_imported_record_has_no_clocks() -> None:
    """Its limits were another system's."""
    importer = Actor(None, system="import", trusted=True)
    case = Case().open(
        "complaint", "receive", importer, COMPLAINT["receive"][1], provenance={"file": "x"}
    )
    assert clocks(case.it, SHIPPED, SITE, case.now) == ()


# ---------------------------------------------------------------- which clocks a pause stops


def test_waiting_for_the_customer_does_not_stop_the_callback() -> None:
    """The callback waits for nobody but us."""
    case = complaint("feed-back")
    before = run(case, "callback").due_at
    case.pause("waiting-for-customer", "service-li")
    case.turn(hours=5)
    assert run(case, "callback").due_at == before


def test_waiting_for_a_returned_part_stops_the_analysis_alone() -> None:
    """The ladder goes on while the part is on its way."""
    case = complaint("transfer")
    case.pause("waiting-for-returned-part", "quality-li", "等待退回件")
    case.turn(hours=30)
    assert run(case, "analysis").state == "paused"
    assert run(case, "l1").state == "overdue"


def test_two_reasons_at_once_count_once_for_a_clock_that_both_stop() -> None:
    """Overlapping pauses are one standstill."""
    pauses = [_pause(8, 14), _pause(10, 20)]
    assert still(pauses, _at(0), _at(24), _at(100)) == timedelta(hours=12)


def test_a_pause_after_the_clock_ran_out_mends_nothing() -> None:
    """Overdue stays overdue, whatever one waits for afterwards."""
    case = complaint("receive").turn(hours=25)
    case.pause("waiting-for-customer", "service-li")
    case.turn(hours=10)
    clock = run(case, "l1")
    assert (clock.state, clock.paused) == ("overdue", timedelta())


def test_a_pause_entered_after_the_clock_ran_out_mends_nothing_either() -> None:
    """A pause claimed for yesterday, entered today, does not save a clock that ran out."""
    claimed = replace(_pause(20, 30), recorded_at=_at(25))
    assert still([claimed], _at(0), _at(24), _at(100)) == timedelta()


def test_a_pause_moves_an_agreed_date_that_lies_ahead() -> None:
    """The agreed completion moves while one waits for the customer, though it was a fixed date."""
    case = complaint("confirm-plan")
    before = run(case, "plan").due_at
    case.pause("waiting-for-customer", "production-li")
    case.turn(hours=3).now -= timedelta(minutes=1)
    case.resume("waiting-for-customer", "production-li")
    assert run(case, "plan").due_at == before + timedelta(hours=3)


def test_a_clock_that_was_stopped_while_it_stood_still_is_due_no_later_for_it() -> None:
    """Answered in the pause: what one waits for afterwards is no part of it."""
    case = complaint("receive")
    case.pause("waiting-for-customer", "service-li")
    take(case, "respond-l1")
    stopped = run(case, "l1")
    case.turn(hours=50)
    assert run(case, "l1") == stopped
    assert stopped.paused == timedelta(minutes=1)


# ---------------------------------------------------------------- loops


def test_a_rejected_plan_starts_two_hours_for_a_new_one_and_another_hour_to_tell_it() -> None:
    """Each turn of the loop has its own runs; the earlier ones stay as they were."""
    case = complaint("contact")
    take(case, "reject-plan")
    case.turn(hours=1)
    take(case, "analyse")
    assert run(case, "new-plan").state == "met"
    case.turn(hours=2)
    take(case, "contact")
    assert [run(case, "contact", n).state for n in (0, 1)] == ["met", "late"]


def test_transferring_again_starts_the_two_hours_anew() -> None:
    """The first department's clock is asked no more, if it had not run out."""
    case = complaint("transfer").turn(hours=1)
    take(case, "transfer")
    assert run(case, "analysis").due_at == run(case, "analysis", 0).due_at
    assert run(case, "analysis").started_at == case.now - timedelta(minutes=1)


def test_transferring_again_does_not_hide_a_clock_that_had_run_out() -> None:
    """What was overdue when it was passed on stays late, and counts as not met."""
    case = complaint("transfer").turn(hours=3)
    take(case, "transfer")
    assert [run(case, "analysis", n).state for n in (0, 1)] == ["late", "running"]


def test_a_dissatisfied_customer_starts_the_ladder_again() -> None:
    """Reopened by the callback: 24, 48 and 72 hours from the call."""
    case = complaint("feed-back")
    called = case.now
    take(case, "call-back", satisfaction="dissatisfied")
    assert run(case, "again-l3").due_at == called + timedelta(hours=72)
    assert run(case, "l1").state == "met"


def test_a_satisfied_customer_starts_no_ladder() -> None:
    """The second ladder asks for nothing where nobody complained again."""
    case = complaint()
    assert [c for c in clocks(case.it, SHIPPED, SITE, case.now) if "again" in c.deadline] == []


def test_reopening_after_a_satisfied_answer_starts_no_second_ladder() -> None:
    """Only the customer's “不满意” does; the callback before it said otherwise."""
    case = complaint()
    case.reopen("service-li")
    assert [c for c in clocks(case.it, SHIPPED, SITE, case.now) if "again" in c.deadline] == []


def test_daily_updates_are_stopped_by_the_next_one() -> None:
    """Each update answers the one before, and starts the next day's."""
    case = complaint("update").turn(hours=23)
    take(case, "update")
    assert [run(case, "next-update", n).state for n in (0, 1)] == ["met", "running"]
    assert run(case, "first-update").state == "met"


def test_withdrawal_stops_every_clock() -> None:
    """Nothing is due of a complaint that was withdrawn."""
    case = complaint("confirm-plan")
    take(case, "withdraw")
    states = {c.state for c in clocks(case.it, SHIPPED, SITE, case.now + timedelta(days=30))}
    assert states == {"met"}


@pytest.mark.parametrize(("hours", "states"), [(1, []), (3, ["late"])])
def test_a_record_that_ended_asks_for_nothing_that_had_not_run_out(
    hours: int, states: list[str]
) -> None:
    """In a final state nothing is due any more, even where no stop was thought of."""
    case = complaint("transfer").turn(hours=hours)
    take(case, "withdraw")
    endless = case.it.kind.model_copy(
        update={"deadlines": (Deadline.model_validate(_analysis_without_stops(case)),)}
    )
    found = clocks(case.it._replace(kind=endless), SHIPPED, SITE, case.now + timedelta(days=9))
    assert [c.state for c in found] == states


def test_a_record_ended_by_a_signature_ends_when_it_was_signed() -> None:
    """A report due two days after: late where the signature that ended the record came later."""
    case = act(capa_awaiting(), "submit", verify_until="2026-03-04")
    case.turn(days=5)
    signed = case.now
    case.sign("approval", "gm")
    states = [{**s.model_dump(), "final": s.id == "approved"} for s in case.it.kind.states]
    ended = Kind.model_validate({**case.it.kind.model_dump(), "states": states})
    found = clocks(case.it._replace(kind=ended), SHIPPED, SITE, signed + timedelta(days=9))
    verification = next(c for c in found if c.deadline == "verification")
    assert (verification.state, verification.stopped_recorded_at) == ("late", signed)


def capa_awaiting() -> Case:
    """A CAPA whose submission is still to come."""
    return act(act(act(Case(), "issue", source="internal"), "analyse"), "propose")


def _analysis_without_stops(case: Case) -> dict[str, object]:
    analysis = next(d for d in case.it.kind.deadlines if d.id == "analysis")
    return {**analysis.model_dump(), "stops": ()}


# ---------------------------------------------------------------- items


def test_each_action_has_its_own_clock_until_the_end_of_its_day() -> None:
    """Two actions, two due dates, each stopped by its own completion."""
    case = capa("distribute")
    act(case, "complete-action", item="actions-2")
    found = {
        c.item: (c.due_at, c.state)
        for c in clocks(case.it, SHIPPED, SITE, site("2026-03-11 00:00") + timedelta(seconds=1))
        if c.deadline == "actions"
    }
    assert found == {
        "actions-1": (site("2026-03-11 00:00"), "overdue"),
        "actions-2": (site("2026-03-21 00:00"), "met"),
    }


def test_more_time_for_an_action_moves_its_clock() -> None:
    """The clock follows what the action says now."""
    case = capa("distribute")
    act(case, "extend-action", item="actions-1", due="2026-03-15")
    assert case.clock("actions", "actions-1").due_at == site("2026-03-16 00:00")


# ---------------------------------------------------------------- site zone and laws


def test_the_site_zone_decides_which_day_it_is() -> None:
    """The same instant is 1 May in Berlin and 2 May in Shanghai."""
    instant = datetime(2024, 5, 1, 18, tzinfo=UTC)
    berlin, one_day = ZoneInfo("Europe/Berlin"), limit(CalendarDays(n=0))
    assert due_at(one_day, instant, SHIPPED, berlin)[0] == datetime(2024, 5, 1, 22, tzinfo=UTC)
    assert due_at(one_day, instant, SHIPPED, SITE)[0] == datetime(2024, 5, 2, 16, tzinfo=UTC)


def test_midnight_is_the_zones_own_on_the_day_its_clocks_change() -> None:
    """A day of 23 hours: 2026-03-29 in Berlin."""
    berlin = ZoneInfo("Europe/Berlin")
    day = midnight(date(2026, 3, 30), berlin) - midnight(date(2026, 3, 29), berlin)
    assert day == timedelta(hours=23)


def test_until_a_date_is_until_its_end_and_until_an_instant_is_that_instant() -> None:
    """A due date counts whole; an agreed time counts to the second."""
    instant = site("2026-03-04 17:00")
    assert due(Until(), date(2026, 3, 4)) == site("2026-03-05 00:00")
    assert due(Until(), instant) == instant


def _at(hours: int) -> datetime:
    return MONDAY + timedelta(hours=hours)


def _pause(since: int, until: int | None) -> Pause:
    return Pause("r", _at(since), None if until is None else _at(until), "", since + 2, _at(since))


INSTANTS = st.integers(0, 1000 * 24 * 60).map(
    lambda m: site("2024-01-01 00:00") + timedelta(minutes=m)
)
PAUSES = st.lists(
    st.tuples(st.integers(-5, 60), st.integers(0, 30) | st.none()).map(
        lambda p: _pause(p[0], None if p[1] is None else p[0] + p[1])
    ),
    max_size=6,
)


@given(PAUSES, PAUSES, st.integers(1, 48), st.integers(0, 120))
def test_another_pause_never_makes_a_clock_due_earlier(
    some: list[Pause], more: list[Pause], limit_hours: int, end: int
) -> None:
    """Standing still longer can only help."""
    args = (_at(0), _at(limit_hours), _at(end))
    assert still([*some, *more], *args) >= still(some, *args)


@given(PAUSES, st.integers(1, 48), st.integers(0, 120))
def test_a_clock_stands_still_as_counted_hour_by_hour(
    pauses: list[Pause], limit_hours: int, end: int
) -> None:
    """The literal reading: walk the hours; paused ones do not count, until the limit is used."""
    used = paused = 0
    for hour in range(end):
        inside = any(
            p.since <= _at(hour) and (p.until is None or _at(hour) < p.until) for p in pauses
        )
        if used < limit_hours and inside:
            paused += 1
        else:
            used += 1
    assert still(pauses, _at(0), _at(limit_hours), _at(end)) == timedelta(hours=paused)


@given(PAUSES, st.integers(1, 48), st.integers(0, 60), st.integers(0, 60))
def test_time_passing_never_makes_a_clock_due_earlier(
    pauses: list[Pause], limit_hours: int, now: int, later: int
) -> None:
    """Looked at later, the due time is the same or later."""
    early = still(pauses, _at(0), _at(limit_hours), _at(now))
    assert still(pauses, _at(0), _at(limit_hours), _at(now + later)) >= early


@given(
    INSTANTS,
    st.integers(1, 10),
)
def test_working_days_are_never_shorter_than_calendar_days(start: datetime, n: int) -> None:
    """Days off only add."""
    assert due(WorkingDays(n=n), start) >= due(CalendarDays(n=n), start)


@given(
    INSTANTS,
    st.timedeltas(timedelta(), timedelta(days=9)),
    st.sampled_from([Hours(n=24), WorkingDays(n=3), CalendarDays(n=2), CalendarDays(n=-3)]),
)
def test_a_later_start_is_never_due_earlier(start: datetime, wait: timedelta, of: Limit) -> None:
    """Every limit keeps the order of its starts."""
    assert due(of, start + wait) >= due(of, start)
