"""Nobody makes a record due by turning the clock: RETENTION 8, R42 and R43."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.evidence.merkle import leaf_hash
from archive.store import Ask, Batch, NewEvent, StoredEvent
from retention.proven_time import AHEAD, TimeStatus, judge, outside_time, proven_time
from tests.authority import Behaviour
from tests.worlds import World

MOMENT = datetime(2026, 11, 22, 1, tzinfo=UTC)
HOURS_48 = timedelta(hours=48)
TICK = timedelta(microseconds=1)
times = st.integers(0, 10**15).map(lambda n: MOMENT + timedelta(microseconds=n - 5 * 10**14))


@pytest.mark.parametrize(
    ("system", "last", "outside", "configured", "status", "now"),
    [
        (MOMENT, None, None, False, TimeStatus.SELF_ASSERTED, MOMENT),
        (MOMENT, MOMENT, None, False, TimeStatus.SELF_ASSERTED, MOMENT),
        (MOMENT, MOMENT + TICK, None, False, TimeStatus.CLOCK_BEHIND, MOMENT),
        (MOMENT, MOMENT, None, True, TimeStatus.TIME_NOT_PROVEN, MOMENT),
        (MOMENT, MOMENT, MOMENT, True, TimeStatus.PROVEN, MOMENT),
        (MOMENT, MOMENT, MOMENT - HOURS_48, True, TimeStatus.PROVEN, MOMENT - HOURS_48),
        (MOMENT, None, MOMENT - HOURS_48 - TICK, True, TimeStatus.TIME_NOT_PROVEN, None),
        (MOMENT, None, MOMENT + timedelta(days=900), True, TimeStatus.PROVEN, MOMENT),
        (MOMENT, MOMENT + TICK, MOMENT, True, TimeStatus.CLOCK_BEHIND, MOMENT),
        (MOMENT, None, MOMENT - timedelta(days=9), False, TimeStatus.TIME_NOT_PROVEN, None),
    ],
)
def test_judgement(
    system: datetime,
    last: datetime | None,
    outside: datetime | None,
    configured: bool,
    status: TimeStatus,
    now: datetime | None,
) -> None:
    """Each status, at its limit and a microsecond beyond; `now` is the earlier of the two times."""
    found = judge(system, last, outside, configured)
    assert found.status == status
    assert found.now == (now or outside)
    assert found.outside == outside
    assert found.frozen == (status in {TimeStatus.TIME_NOT_PROVEN, TimeStatus.CLOCK_BEHIND})


@given(times, times, times, st.booleans())
def test_it_is_never_later_than_either(
    system: datetime, last: datetime, outside: datetime, configured: bool
) -> None:
    """`now` never passes the clock nor the outside time, and PROVEN means both are near."""
    found = judge(system, last, outside, configured)
    assert found.now == min(system, outside)
    if found.status is TimeStatus.PROVEN:
        assert system >= last
        assert system - outside <= AHEAD
    assert found.status is not TimeStatus.SELF_ASSERTED


def test_sentences() -> None:
    """In both languages, with the times that were compared."""
    told = judge(datetime(2030, 1, 1, tzinfo=UTC), None, MOMENT, configured=True).sentence
    assert "2030-01-01 00:00:00 UTC" in told.zh
    assert "2026-11-22 01:00:00 UTC" in told.en
    assert "TIME SELF-ASSERTED" in judge(MOMENT, None, None, configured=False).sentence.en


def test_outside_time_is_the_latest_of_all() -> None:
    """Whoever proved it: timestamps and cosignatures are instants alike."""
    assert outside_time([]) is None
    assert outside_time([MOMENT, MOMENT + TICK, MOMENT - TICK]) == MOMENT + TICK


# ---------------------------------------------------------------- with a real authority


def test_r42_a_jump_of_three_years(world: World) -> None:
    """The clock is set to 2030 at once: the authority's time does not follow, nothing is due."""
    honest = world.with_authority().clock.moment
    world.archive.timestamps.stamp_all()
    assert proven_time(world.archive).status is TimeStatus.PROVEN
    world.clock.moment = datetime(2030, 1, 1, tzinfo=UTC)
    for _ in range(2):  # also with a checkpoint and a token that were made afterwards
        found = proven_time(world.archive)
        assert found.status is TimeStatus.TIME_NOT_PROVEN
        assert found.now == honest.replace(microsecond=0)
        world.archive.timestamps.stamp_all()


def test_r43_a_clock_set_back(world: World) -> None:
    """Before the last event: retention is frozen until the clock is past it again."""
    world.with_authority()
    world.archive.timestamps.stamp_all()
    last = world.archive.store.head().recorded_at
    assert last is not None
    world.clock.moment = last - timedelta(days=1)
    assert proven_time(world.archive).status is TimeStatus.CLOCK_BEHIND
    world.clock.moment = last
    assert proven_time(world.archive).status is TimeStatus.PROVEN


def test_without_an_authority(world: World) -> None:
    """Nothing configured: the archive says so, whatever the clock says."""
    assert proven_time(world.archive).status is TimeStatus.SELF_ASSERTED
    world.clock.turn(days=1095)
    found = proven_time(world.archive)
    assert (found.status, found.outside) == (TimeStatus.SELF_ASSERTED, None)


def test_an_authority_that_never_answered(world: World) -> None:
    """Configured and never heard of: nothing is proven."""
    tsa = world.with_authority()
    with tsa.badly(Behaviour(500)):
        world.archive.timestamps.stamp_all()
    assert proven_time(world.archive).status is TimeStatus.TIME_NOT_PROVEN


def test_time_that_passes_for_everybody(world: World) -> None:
    """Three years later, the authority says so too: proven. Away for 48 hours: not, until it is
    back."""
    tsa = world.with_authority()
    world.let_pass(days=1095)
    assert proven_time(world.archive).status is TimeStatus.PROVEN
    with tsa.badly(Behaviour(500)):
        world.let_pass(hours=47)
        assert proven_time(world.archive).status is TimeStatus.PROVEN
        world.let_pass(hours=2)
        assert proven_time(world.archive).status is TimeStatus.TIME_NOT_PROVEN
    world.let_pass(minutes=1)
    assert proven_time(world.archive).status is TimeStatus.PROVEN


def append(world: World, day: int) -> None:
    """A leaf that is only bytes, recorded at the time that the clock says."""
    leaf, transaction = b"leaf %d" % day, world.archive.store.begin(Ask())
    index, name = transaction.found.head.size, f"{day:032x}"
    row = StoredEvent(index, name, 1, "x/y", name, leaf, leaf_hash(leaf), world.clock(), None)
    transaction.commit(Batch([NewEvent(row, None)]))


@pytest.mark.slow
def test_a_chain_of_own_checkpoints_proves_nothing(world: World) -> None:
    """Whoever owns the clock steps it through 1,095 days, with an event and a checkpoint each, and
    asks the honest authority on the way: from the third day on nothing is proven."""
    honest = world.with_authority().clock.moment.replace(microsecond=0)
    world.archive.timestamps.stamp_all()
    begun = world.clock.moment
    for day in range(1, 1096):
        world.clock.turn(days=1)
        append(world, day)
        world.archive.log.checkpoint()
        if day % 100 == 0:
            world.archive.timestamps.stamp_all()
        if day <= 4 or day % 73 == 0:
            found = proven_time(world.archive)
            expected = TimeStatus.PROVEN if day < 2 else TimeStatus.TIME_NOT_PROVEN
            assert (found.status, found.now) == (expected, honest)
    assert world.clock.moment - begun >= timedelta(days=1095)
    assert len(list(world.archive.store.checkpoints())) > 1095
