"""Deadlines of a record: when each is due, whether it stands still, and how it was met.

Pure: the clocks follow from the record, the calendar and the moment asked about. A clock starts at
the claimed time of its step (an early claim only makes it stricter). It was met if the stopping
step was recorded by the due time; what the claimed time says stands beside it (RETENTION.md 9E).

A run ends with the first of its stopping steps. Where its starting step is taken again before that,
or the record ends, what had not run out is asked no more; what had run out stays late.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from domain.calendar import Calendar
from domain.conditions import holds
from domain.events import Values
from domain.kind import CalendarDays, Deadline, Hours, Until, WorkingDays
from domain.record import Entry, Item, Pause, Record

ClockState = Literal["running", "paused", "overdue", "met", "late"]


class Clock(NamedTuple):
    """One run of a deadline. `met` judges the recorded time, `met_as_claimed` the claimed one."""

    deadline: str
    item: str | None
    started_at: datetime
    due_at: datetime
    provisional: bool
    state: ClockState
    stopped_at: datetime | None = None
    """Claimed; `stopped_recorded_at` is the log's."""
    stopped_recorded_at: datetime | None = None
    met: bool | None = None
    met_as_claimed: bool | None = None
    paused: timedelta = timedelta()
    advisory: bool = False
    level: int | None = None


class _Run(NamedTuple):
    """From a start to what ended it: a stopping step, or another event that left it unasked."""

    deadline: Deadline
    item: str | None
    start: datetime | date
    asked_at: datetime
    """When the starting step was taken: a date that it names may lie before or after."""
    end: Entry | None = None
    lapsed_at: datetime | None = None
    """Recorded time at which an unanswered run was asked no more."""


def clocks(record: Record, calendar: Calendar, zone: ZoneInfo, now: datetime) -> tuple[Clock, ...]:
    """Every run of every deadline of the record, as seen at `now`. An imported record has none."""
    if record.provenance is not None:
        return ()
    return tuple(
        clock
        for deadline in record.kind.deadlines
        for run in _runs(record, deadline, _ended_at(record))
        if (clock := _clock(record, run, calendar, zone, now)) is not None
    )


def running(record: Record, calendar: Calendar, zone: ZoneInfo, now: datetime) -> tuple[Clock, ...]:
    """Those runs that nothing has ended: a part of `clocks`, without the work for the others."""
    if record.provenance is not None:
        return ()
    newest = {entry.step: entry for entry in record.entries}
    over = _ended_at(record) is not None
    return tuple(
        clock
        for deadline in record.kind.deadlines
        if (deadline.item in record.items if deadline.item else not over)
        for run in _latest(record, deadline, newest)
        if (clock := _clock(record, run, calendar, zone, now)) is not None
    )


def _latest(record: Record, deadline: Deadline, newest: Mapping[str, Entry]) -> Iterator[_Run]:
    """Runs from the latest start of each clock, if they are not stopped: no earlier one runs.

    `newest`: what each step said when it was last taken.
    """
    if deadline.item is not None:
        found = _runs(record, deadline, None)
        yield from (run for run in found if run.end is None and run.lapsed_at is None)
        return
    entry = newest.get(deadline.starts)
    if entry is not None and not _starts(record, deadline, entry):
        entry = next((e for e in reversed(record.entries) if _starts(record, deadline, e)), None)
    if entry is None:
        return
    if any(s in newest and newest[s].version > entry.version for s in deadline.stops):
        return
    start = _moment(deadline, entry.values, entry)
    if start is not None:
        yield _Run(deadline, None, start, entry.occurred_at)


# ---------------------------------------------------------------- what started, what ended it


def _runs(record: Record, deadline: Deadline, ended_at: datetime | None) -> Iterator[_Run]:
    if deadline.item is None:
        entries = [e for e in record.entries if _starts(record, deadline, e)]
        yield from _in_turn(record, deadline, None, entries, ended_at)
        return
    step = record.kind.step(deadline.starts)
    for item in record.items.get(deadline.item, {}).values():
        if step is not None and step.item == deadline.item:
            entries = [
                e for e in record.entries if e.item == item.key and _starts(record, deadline, e)
            ]
            yield from _in_turn(record, deadline, item.key, entries, None)
        else:
            yield from _since_made(record, deadline, item)


def _starts(record: Record, deadline: Deadline, entry: Entry) -> bool:
    if entry.step != deadline.starts:
        return False
    return deadline.when is None or holds(deadline.when, record, entry.values)


def _in_turn(
    record: Record,
    deadline: Deadline,
    item: str | None,
    entries: list[Entry],
    ended_at: datetime | None,
) -> Iterator[_Run]:
    """A run from each starting step; the next one restarts the clock."""
    for entry, again in zip(entries, (*entries, None)[1:], strict=True):
        start = _moment(deadline, entry.values, entry)
        if start is None:
            continue
        end = _stop(record, deadline, item, entry.version, again.version if again else None)
        lapsed_at = again.recorded_at if again is not None else ended_at
        yield _Run(
            deadline, item, start, entry.occurred_at, end, lapsed_at if end is None else None
        )


def _since_made(record: Record, deadline: Deadline, item: Item) -> Iterator[_Run]:
    """The run of a child, from what it says now. It goes on after its record has ended:
    the actions of minutes are due long after these were distributed."""
    maker = next((e for e in record.entries if e.version == item.version), None)
    start = _moment(deadline, item.values, maker) if maker is not None else None
    if maker is not None and start is not None:
        end = _stop(record, deadline, item.key, item.version, None)
        yield _Run(deadline, item.key, start, maker.occurred_at, end)


def _moment(deadline: Deadline, said: Values, entry: Entry) -> datetime | date | None:
    """When the clock starts: as claimed, or as the deadline's field says; None where it is open."""
    if deadline.field is None:
        return entry.occurred_at
    text = said.get(deadline.field)
    if not isinstance(text, str):
        return None
    return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)


def _stop(
    record: Record, deadline: Deadline, item: str | None, after: int, until: int | None
) -> Entry | None:
    """The first stopping step after one version, up to another (a restart may stop the run)."""
    for e in record.entries:
        if (
            e.version > after
            and e.step in deadline.stops
            and (item is None or e.item in (item, None))
        ):
            return e if until is None or e.version <= until else None
    return None


def _ended_at(record: Record) -> datetime | None:
    """When a record came to a final state, in which nothing is due any more; None if it is open."""
    state = record.kind.state(record.state)
    if state is None or not state.final:
        return None
    moves = [e.recorded_at for e in record.entries if e.step in record.kind.moving]
    moves += [s.at for s in record.signatures if s.at is not None]
    return max(moves, default=record.recorded_at)


# ---------------------------------------------------------------- when due, and what became of it


def _clock(
    record: Record, run: _Run, calendar: Calendar, zone: ZoneInfo, now: datetime
) -> Clock | None:
    """The run as seen at `now`; None where nothing is asked of anybody any more."""
    nominal, provisional = due_at(run.deadline, run.start, calendar, zone)
    began = run.start if isinstance(run.start, datetime) else midnight(run.start, zone)
    stopped = run.end.recorded_at if run.end else run.lapsed_at
    pauses = [p for p in record.pauses if _stills(record, run.deadline, p)]
    paused = still(pauses, min(began, run.asked_at), nominal, stopped or now)
    due = nominal + paused
    if run.lapsed_at is not None and run.lapsed_at <= due:
        return None
    claimed = run.end.occurred_at if run.end else run.lapsed_at
    return Clock(
        deadline=run.deadline.id,
        item=run.item,
        started_at=began,
        due_at=due,
        provisional=provisional,
        state=_state(stopped, due, now, pauses),
        stopped_at=claimed,
        stopped_recorded_at=stopped,
        met=_met(stopped, due),
        met_as_claimed=_met(claimed, due),
        paused=paused,
        advisory=run.deadline.advisory,
        level=run.deadline.level,
    )


def _met(stopped: datetime | None, due: datetime) -> bool | None:
    """Met exactly at the limit is met."""
    return None if stopped is None else stopped <= due


def _state(
    stopped: datetime | None, due: datetime, now: datetime, pauses: Iterable[Pause]
) -> ClockState:
    if stopped is not None:
        return "met" if stopped <= due else "late"
    if now > due:
        return "overdue"
    return "paused" if any(p.until is None and p.since <= now for p in pauses) else "running"


def due_at(
    deadline: Deadline, start: datetime | date, calendar: Calendar, zone: ZoneInfo
) -> tuple[datetime, bool]:
    """When a deadline that starts at `start` is due (UTC), and whether that is provisional."""
    day = start.astimezone(zone).date() if isinstance(start, datetime) else start
    match deadline.limit:
        case Hours(n=n):
            began = start if isinstance(start, datetime) else midnight(start, zone)
            return began + timedelta(hours=n), False
        case WorkingDays(n=n):
            last, provisional = calendar.add_workdays(day, n)
            return midnight(last + timedelta(days=1), zone), provisional
        case CalendarDays(n=n):
            return midnight(day + timedelta(days=n + 1), zone), False
        case Until():
            whole = midnight(day + timedelta(days=1), zone)
            return (start if isinstance(start, datetime) else whole), False


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """00:00 of a site date, in UTC; 24:00 of a day is 00:00 of the next."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


# ---------------------------------------------------------------- pauses


def _stills(record: Record, deadline: Deadline, pause: Pause) -> bool:
    reason = next((r for r in record.kind.pauses if r.id == pause.reason), None)
    return reason is not None and deadline.id in reason.clocks


def still(pauses: Iterable[Pause], began: datetime, due: datetime, end: datetime) -> timedelta:
    """How long a clock stood still until `end`: overlapping pauses count once.

    A pause that began, or was entered, after the clock had run out changes nothing: otherwise a
    late clock could be mended by a claim.
    """
    total, counted = timedelta(), began
    for pause in sorted(pauses, key=lambda p: (p.since, p.version)):
        since, until = max(pause.since, counted), min(pause.until or end, end)
        if until <= since or max(since, pause.recorded_at) >= due + total:
            continue
        total += until - since
        counted = until
    return total
