"""The register shows what is, and what was, to those who may see it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from archive.evidence.instant import time_text
from archive.views.access import EVERYTHING, AccessView, Viewer, viewer
from archive.views.database import ViewDatabase
from archive.views.outlook import Outlook
from archive.views.register import BadCursor, Filter, Line, RegisterView, Sort
from domain.access import may_read
from domain.calendar import Calendar
from domain.clocks import clocks
from domain.forms import references
from domain.matters import matters
from domain.record import Record, replay
from tests.archive.views.logs import MadeLog, feed, kinds, made_log
from tests.domain.plant import SITE, directory

SORTS: tuple[Sort, ...] = (
    "recorded", "opened", "number", "activity", "due", "subject", "state", "kind",
)  # fmt: skip


@pytest.fixture(scope="module")
def log() -> MadeLog:
    return made_log(5, 3 * len(kinds())).begun(0.6)


@pytest.fixture
def register(views: ViewDatabase, log: MadeLog) -> RegisterView:
    view = RegisterView(views, Outlook(lambda _: Calendar(), SITE), log.opening)
    feed(views, log, AccessView(views), view)
    return view


def at(log: MadeLog, size: int) -> dict[str, Record]:
    """The records as they were in a log of so many leaves, by replay."""
    found = {
        key: replay(r for r in history if r.leaf_index < size)
        for key, history in log.histories.items()
    }
    return {key: record for key, record in found.items() if record is not None}


def everything(register: RegisterView, known: int | None = None) -> dict[str, Line]:
    page = register.page(EVERYTHING, limit=500, known=known)
    assert page.cursor is None
    return {line.record_id: line for line in page.lines}


def test_a_list_as_it_was_known_at_any_time_is_a_replay_to_that_time(
    register: RegisterView, log: MadeLog
) -> None:
    """For every tenth size of the log, and now, the list is what replays to there give."""
    for size in (*range(0, len(log.changes), 10), None):
        states = at(log, len(log.changes) if size is None else size)
        shown = everything(register, size)
        assert shown.keys() == states.keys()
        for key, line in shown.items():
            record = states[key]
            assert (line.version, line.state, line.edition) == (
                record.version, record.state, record.edition,
            )  # fmt: skip
            assert line.unsigned == len(record.open_slots())
            assert line.filed_on == (record.filing.base_date if record.filing else None)
            assert line.last_at == time_text(record.recorded_at)
            assert line.opened_leaf == log.opening(key)


def test_pages_show_each_record_once_in_order(register: RegisterView, log: MadeLog) -> None:
    """However it is sorted, going through the pages gives what one large page gives."""
    for sort in SORTS:
        for descending in (False, True):
            whole = register.page(EVERYTHING, sort=sort, descending=descending, limit=500)
            found: list[Line] = []
            cursor = None
            while True:
                page = register.page(
                    EVERYTHING, sort=sort, descending=descending, limit=7, cursor=cursor
                )
                found += page.lines
                if (cursor := page.cursor) is None:
                    break
            assert tuple(found) == whole.lines
            assert len(found) == len(log.states)
    by_number = register.page(EVERYTHING, sort="number", descending=False, limit=500).lines
    numbers = [line.number or "~" for line in by_number]
    assert numbers == sorted(numbers)


def test_every_viewer_sees_exactly_what_they_may_read(register: RegisterView, log: MadeLog) -> None:
    """Lists, counts and single reads agree for each person of the plant."""
    plant = directory()
    seen_by_size = set()
    for person in plant.people.values():
        mine = viewer(person, plant)
        allowed = {r.id for r in log.states.values() if may_read(r, person, plant)}
        shown = {line.record_id for line in register.page(mine, limit=500).lines}
        assert shown == allowed
        assert register.count(mine) == len(allowed)
        seen_by_size.add(len(allowed))
    assert len(seen_by_size) > 3


def test_filters_choose_what_they_say(register: RegisterView, log: MadeLog) -> None:
    """Each filter gives the records for which its words are true, and no other."""
    states = log.states.values()
    one = next(r for r in states if r.department is not None and r.number)
    middle = sorted(r.opened_at for r in states)[len(states) // 2]
    cases = (
        (Filter(kinds=[one.kind.id]), lambda r: r.kind.id == one.kind.id),
        (Filter(states=[one.state]), lambda r: r.state == one.state),
        (Filter(departments=[str(one.department)]), lambda r: r.department == one.department),
        (Filter(number=str(one.number)[:3]), lambda r: r.number.startswith(str(one.number)[:3])),
        (Filter(filed=True), lambda r: r.filing is not None),
        (Filter(filed=False), lambda r: r.filing is None),
        (Filter(imported=True), lambda r: r.provenance is not None),
        (Filter(opened_from=middle), lambda r: r.opened_at >= middle),
        (Filter(opened_until=middle), lambda r: r.opened_at < middle),
    )
    for wanted, true in cases:
        shown = {line.record_id for line in register.page(EVERYTHING, wanted, limit=500).lines}
        assert shown == {r.id for r in states if true(r)}, wanted
        assert register.count(EVERYTHING, wanted) == len(shown)


def test_records_are_found_by_what_they_refer_to(register: RegisterView, log: MadeLog) -> None:
    """By type and value, by value alone in any width of characters, and as it was known."""
    for size in (len(log.changes) // 2, len(log.changes)):
        said: dict[tuple[str, str], set[str]] = {}
        for record in at(log, size).values():
            for entry in record.entries:
                step = record.kind.step(entry.step)
                assert step is not None
                for pair in references(step.form, entry.values):
                    said.setdefault(pair, set()).add(record.id)
        assert said
        for (kind, value), records in said.items():
            page = register.page(EVERYTHING, Filter(reference=(kind, value)), limit=500, known=size)
            assert {line.record_id for line in page.lines} == records
        wide = register.page(EVERYTHING, Filter(reference=(None, "a-4711/B")), limit=500)
        assert {line.record_id for line in wide.lines} >= said.get(("part", "A-4711/B"), set())


def test_overdue_is_judged_when_asked(register: RegisterView, log: MadeLog) -> None:
    """A record is overdue at a moment if one of its clocks is, advisory ones apart."""
    end = max(r.recorded_at for r in log.states.values())
    found = 0
    for later in (timedelta(minutes=10), timedelta(days=2), timedelta(days=60)):
        now = end + later
        shown = register.page(EVERYTHING, Filter(overdue_at=now), limit=500).lines
        late = {r.id for r in log.states.values() if _late(r, now)}
        assert {line.record_id for line in shown} == late
        found += len(late)
    assert found


def _late(record: Record, now: datetime) -> bool:
    """By the clocks where there are some, else by what has a date: filing, items."""
    late = {
        (c.deadline, c.item) for c in clocks(record, Calendar(), SITE, now) if c.state == "overdue"
    }
    return any(
        (m.ref, m.item) in late if m.what == "clock" else m.due_at is not None and m.due_at < now
        for m in matters(record, Calendar(), SITE)
        if not m.advisory
    )


def test_a_foreign_cursor_is_refused(register: RegisterView) -> None:
    """Cursors of other lists, and made-up ones, are refused by name."""
    page = register.page(EVERYTHING, limit=1)
    assert page.cursor is not None
    for cursor in ("", "x", "!!", "WzEsMl0=", page.cursor[:-4]):
        with pytest.raises(BadCursor):
            register.page(EVERYTHING, cursor=cursor)
    with pytest.raises(BadCursor):
        register.page(EVERYTHING, sort="number", cursor=page.cursor)
    with pytest.raises(BadCursor):
        register.page(EVERYTHING, known=3, cursor=page.cursor)


def test_purging_leaves_no_row(views: ViewDatabase, register: RegisterView, log: MadeLog) -> None:
    """After purge neither the list, nor an earlier list, nor a reference shows the record."""
    record = next(r for r in log.states.values() if register.references(r.id))
    with views.transaction():
        register.purge([record.id])
    assert register.line(record.id) is None
    assert register.references(record.id) == []
    assert record.id not in everything(register, len(log.changes))
    assert register.count(Viewer(None)) == len(log.states) - 1
