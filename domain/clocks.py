"""Deadlines of a record: when each is due, whether it stands still, and how it was met.

Pure: the clocks follow from the record, the calendar and the moment asked about. A clock starts at
the claimed time of its step (an early claim only makes it stricter). It was met if the stopping
step was recorded by the due time; what the claimed time says stands beside it (RETENTION.md E).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from domain.calendar import Calendar
from domain.conditions import holds
from domain.kind import CalendarDays, Deadline, Hours, Until, WorkingDays
from domain.record import Entry, Item, Pause, Record

ClockState = Literal["running", "paused", "overdue", "met", "late"]


@dataclass(frozen=True, slots=True)
class Clock:
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


def clocks(record: Record, calendar: Calendar, zone: ZoneInfo, now: datetime) -> tuple[Clock, ...]:
    """Every run of every deadline of the record, as seen at `now`."""
    if record.provenance is not None:
        return ()
    return tuple(
        clock
        for deadline in record.kind.deadlines
        for clock in _runs(record, deadline, calendar, zone, now)
    )


def _runs(
    record: Record, deadline: Deadline, calendar: Calendar, zone: ZoneInfo, now: datetime
) -> Iterator[Clock]:
    if deadline.item is not None:
        for item in record.items.get(deadline.item, {}).values():
            start = _item_start(record, deadline, item)
            if start is not None:
                version, moment = start
                yield _clock(record, deadline, item.key, version, moment, calendar, zone, now)
        return
    starts = [
        e for e in record.entries if e.step == deadline.starts and _asked(record, deadline, e)
    ]
    for index, entry in enumerate(starts):
        moment = (
            _moment(entry.values.get(deadline.field), entry)
            if deadline.field
            else entry.occurred_at
        )
        superseded = index + 1 < len(starts) and not _stop(
            record, deadline, None, entry.version, starts[index + 1].version
        )
        if moment is not None and not superseded:
            until = starts[index + 1].version if index + 1 < len(starts) else None
            yield _clock(record, deadline, None, entry.version, moment, calendar, zone, now, until)


def _asked(record: Record, deadline: Deadline, entry: Entry) -> bool:
    return deadline.when is None or holds(deadline.when, record, entry.values)


def _moment(said: object, entry: Entry) -> datetime | date | None:
    if not isinstance(said, str):
        return None
    return date.fromisoformat(said) if len(said) == 10 else datetime.fromisoformat(said)


def _item_start(
    record: Record, deadline: Deadline, item: Item
) -> tuple[int, datetime | date] | None:
    maker = next((e for e in record.entries if e.version == item.version), None)
    if maker is None:
        return None
    if deadline.field is None:
        return item.version, maker.occurred_at
    moment = _moment(item.values.get(deadline.field), maker)
    return None if moment is None else (item.version, moment)


def _stop(
    record: Record, deadline: Deadline, item: str | None, after: int, before: int | None
) -> Entry | None:
    return next(
        (
            e
            for e in record.entries
            if e.step in deadline.stops
            and e.version > after
            and (before is None or e.version < before)
            and (item is None or e.item in (item, None))
        ),
        None,
    )


def _clock(
    record: Record,
    deadline: Deadline,
    item: str | None,
    version: int,
    start: datetime | date,
    calendar: Calendar,
    zone: ZoneInfo,
    now: datetime,
    before: int | None = None,
) -> Clock:
    due, provisional = due_at(deadline, start, calendar, zone)
    stop = _stop(record, deadline, item, version, before)
    end = stop.occurred_at if stop else now
    began = start if isinstance(start, datetime) else midnight(start, zone)
    pauses = [p for p in record.pauses if _stills(record, deadline, p)]
    paused = _still(pauses, began, due, end)
    due += paused
    state: ClockState
    if stop is not None:
        state = "met" if stop.recorded_at <= due else "late"
    elif any(p.until is None and p.since <= now for p in pauses):
        state = "paused"
    else:
        state = "overdue" if now > due else "running"
    return Clock(
        deadline.id,
        item,
        began,
        due,
        provisional,
        state,
        stop.occurred_at if stop else None,
        stop.recorded_at if stop else None,
        stop.recorded_at <= due if stop else None,
        stop.occurred_at <= due if stop else None,
        paused,
        deadline.advisory,
        deadline.level,
    )


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


def _stills(record: Record, deadline: Deadline, pause: Pause) -> bool:
    reason = next((r for r in record.kind.pauses if r.id == pause.reason), None)
    return reason is not None and deadline.id in reason.clocks


def _still(pauses: list[Pause], began: datetime, due: datetime, end: datetime) -> timedelta:
    """How long the clock stood still: overlapping pauses once, and none that began after it ran out."""
    still, counted = timedelta(), began
    for pause in sorted(pauses, key=lambda p: p.since):
        since, until = max(pause.since, counted), min(pause.until or end, end)
        if since >= due + still or until <= since:
            continue
        still += until - since
        counted = until
    return still
