"""The worklist: what waits, for whom, and since when; now and as it was."""

from __future__ import annotations

from datetime import timedelta

import pytest

from archive.evidence.instant import time_text
from archive.views.access import EVERYTHING, AccessView, viewer, words
from archive.views.database import ViewDatabase
from archive.views.outlook import Outlook
from archive.views.worklist import BadCursor, Task, Wanted, WorklistView
from domain.access import may_read, resolve
from domain.calendar import Calendar
from domain.clocks import clocks
from domain.matters import matters
from domain.record import replay
from tests.archive.views.logs import MadeLog, feed, kinds, made_log
from tests.domain.plant import PEOPLE, SITE, directory


@pytest.fixture(scope="module")
def log() -> MadeLog:
    return made_log(30, 3 * len(kinds())).begun(0.5)


@pytest.fixture
def worklist(views: ViewDatabase, log: MadeLog) -> WorklistView:
    view = WorklistView(views, Outlook(lambda _: Calendar(), SITE))
    feed(views, log, AccessView(views), view)
    return view


def tasks(
    worklist: WorklistView, wanted: Wanted | None = None, known: int | None = None
) -> list[Task]:
    page = worklist.page(EVERYTHING, wanted, limit=500, known=known)
    assert page.cursor is None
    return list(page.tasks)


def test_the_list_now_and_at_any_time_is_what_replays_give(
    worklist: WorklistView, log: MadeLog
) -> None:
    """One row for each matter that is open in a replay to the same leaf, with the same due time."""
    expected: set[tuple[object, ...]] = set()
    for known in (*range(0, len(log.changes), 15), None):
        size = len(log.changes) if known is None else known
        expected = set()
        for record_id, history in log.histories.items():
            record = replay(r for r in history if r.leaf_index < size)
            for m in matters(record, Calendar(), SITE) if record else ():
                due = time_text(m.due_at) if m.due_at else None
                expected.add((record_id, m.what, m.ref, m.item, m.person, due, m.paused))
        shown = {
            (t.record_id, t.what, t.ref, t.item, t.person, t.due_at, t.paused)
            for t in tasks(worklist, known=known)
        }
        assert shown == expected
    assert len(expected) > 20


def test_late_is_what_the_rules_call_overdue_whenever_one_asks(
    worklist: WorklistView, log: MadeLog
) -> None:
    """Long after the last event, with no further projection, each clock's status is the rules'."""
    end = max(r.recorded_at for r in log.states.values())
    seen = set()
    for later in (timedelta(minutes=10), timedelta(days=2), timedelta(days=90)):
        now = end + later
        status = {
            (t.record_id, t.ref, t.item): t.status(now)
            for t in tasks(worklist, Wanted(whats=["clock"]))
        }
        overdue = {
            (t.record_id, t.ref, t.item)
            for t in tasks(worklist, Wanted(whats=["clock"], overdue_at=now))
        }
        for record in log.states.values():
            for clock in clocks(record, Calendar(), SITE, now):
                key = (record.id, clock.deadline, clock.item)
                if clock.stopped_at is None and record.filing is None and not clock.advisory:
                    shown = "open" if clock.state == "running" else clock.state
                    assert status[key] == shown
                    assert (key in overdue) == (clock.state == "overdue")
                    seen.add(clock.state)
    assert {"running", "overdue"} <= seen


def test_everybody_finds_what_waits_for_them(worklist: WorklistView, log: MadeLog) -> None:
    """By a person's words come the matters whose words in the kind name that person, no others."""
    plant = directory()
    open_matters = {
        (r.id, m.what, m.ref, m.item, m.person): (r, m)
        for r in log.states.values()
        for m in matters(r, Calendar(), SITE)
    }
    found = 0
    for person in plant.people.values():
        mine = {
            (t.record_id, t.what, t.ref, t.item, t.person)
            for t in tasks(worklist, Wanted(asked=words(person, plant)))
        }
        for key, (record, matter) in open_matters.items():
            children = {k: i.values for c in record.items.values() for k, i in c.items()}
            named = resolve(matter.who, plant, record, children.get(matter.item or "", {}))
            asked = {matter.person} if matter.person else named
            assert (key in mine) == (person.id in asked)
            found += key in mine
    assert found
    for task in tasks(worklist)[:20]:
        assert task.waits_for(plant) <= plant.people.keys()


def test_nobody_sees_matters_of_records_that_they_may_not_read(
    worklist: WorklistView, log: MadeLog
) -> None:
    """Rows and counts go by the same words as the register."""
    plant = directory()
    for name in ("gm", "quality-li", "legal-zhang", "market-head"):
        person = plant.people[PEOPLE[name]]
        mine = viewer(person, plant)
        allowed = {r.id for r in log.states.values() if may_read(r, person, plant)}
        wanted = [t for t in tasks(worklist) if t.record_id in allowed]
        assert list(worklist.page(mine, limit=500).tasks) == wanted
        assert sum(worklist.counts(mine).values()) == len(wanted)


def test_pages_go_by_due_time_and_lose_nothing(worklist: WorklistView) -> None:
    """Small pages, put together, are the large one; what has no due time comes last."""
    whole = tasks(worklist)
    found: list[Task] = []
    cursor = None
    while True:
        page = worklist.page(EVERYTHING, limit=7, cursor=cursor)
        found += page.tasks
        if (cursor := page.cursor) is None:
            break
    assert found == whole
    due = [t.due_at for t in whole if t.due_at is not None and not t.paused]
    assert due == sorted(due)
    for broken in ("", "x", "WzFd"):
        with pytest.raises(BadCursor):
            worklist.page(EVERYTHING, cursor=broken)


def test_purging_leaves_no_matter(
    views: ViewDatabase, worklist: WorklistView, log: MadeLog
) -> None:
    """After purge nothing waits in the record, nor is it said that something did."""
    record_id = tasks(worklist)[0].record_id
    with views.transaction():
        worklist.purge([record_id])
    for known in (None, len(log.changes) // 2):
        assert tasks(worklist, Wanted(record_id=record_id), known) == []
