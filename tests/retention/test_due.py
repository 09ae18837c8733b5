"""The due view says of every record what the log leads to, whatever happened and in what order."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from random import Random

import pytest

from archive.views.database import Row
from retention.due import DueView
from retention.due_lists import Line
from retention.due_rows import MOST_BLOCKERS
from retention.founding import found
from retention.ledgers import Assessed, Shelf, copied
from tests.archive.acting import Acting, another
from tests.retention.plots import HOLD, RULE, Plot
from tests.worlds import World


@pytest.fixture
def world(world: World) -> World:
    """With the view, and the shipped rules in force."""
    world.options = replace(world.options, views=(DueView,))
    found(world.reopen())
    return world


def view(world: World) -> DueView:
    world.archive.views.catch_up()
    return world.archive.views.view(DueView)


def rows(world: World) -> list[Row]:
    columns = "record_id, of, medium, status, base_date, last_day, due_from, rule_id, blockers"
    database = world.archive.view_database
    return sorted(database.query(f"SELECT {columns} FROM due_dates"), key=repr)


def said(line: Line) -> tuple[object, ...]:
    return (
        line.status, line.base_date, line.last_day, line.due_from, line.rule_id, line.rule_version,
        line.code, line.blockers, line.together, line.members,
    )  # fmt: skip


def led_to(assessed: Assessed) -> tuple[object, ...]:
    it = assessed.assessment
    days = (it.base_date, it.last_day, it.due_from)
    return (
        it.status, *(day.isoformat() if day else None for day in days),
        it.winning.rule_id if it.winning else None, it.winning.version if it.winning else None,
        it.blockers[0].code if it.blockers else None, it.blockers[:MOST_BLOCKERS],
        assessed.group[0], len(assessed.group),
    )  # fmt: skip


def check(world: World) -> set[str]:
    """Every record and copy against a shelf that has read nothing before; the statuses met."""
    shown, shelf = view(world), Shelf(world.archive)
    met = set()
    for row in world.archive.store.leaves(0):
        if row.version == 1 and not row.topic.startswith("~key-register"):
            record = world.archive.ledger.get(row.record_id)
            line = shown.line(record.id)
            assert line is not None, record
            paper = record.kind.id == "paper-copy"
            assessed = shelf.assess_copy(record.id) if paper else shelf.assess(record.id)
            assert said(line) == led_to(assessed), record
            assert line.of == (copied(record) if paper else record.id)
            met.add(line.status)
    return met


@pytest.mark.parametrize("seed", [0, 1, 4])
def test_it_says_what_the_log_leads_to(world: World, seed: int) -> None:
    """Followed act by act, read by another process, and built anew, it agrees with a replay."""
    plot, met = Plot(world, Random(seed)), set[str]()
    for _ in range(4):
        plot.go_on(25)
        met |= check(world)
    assert {"unfiled", "running", "held", "pending"} <= met
    followed = rows(world)
    with another(world.options) as other:
        assert sorted(line.record_id for line in all_due(other.views.view(DueView))) == sorted(
            r[0] for r in followed if r[6] is not None and r[6] <= "2030-01-01"
        )
    world.archive.views.rebuild()
    assert rows(world) == followed
    assert list(world.archive.views.compare(lambda _done, _of: None)) == []


def all_due(shown: DueView, today: date = date(2030, 1, 1)) -> list[Line]:
    """By small pages."""
    lines, after = list[Line](), None
    while True:
        page = shown.due(today, after=after, limit=3)
        lines += page.lines
        if (after := page.after) is None:
            return lines


def test_a_disposed_record_keeps_its_skeleton(world: World) -> None:
    """Its content leaves the view, what it was bound to is worked out anew, a rebuild agrees."""
    plot = Plot(world, Random(7))
    plot.go_on(80)
    check(world)
    gone = [g for g in (plot.dispose() for _ in range(3)) if g is not None]
    assert "disposed" in check(world)
    database = world.archive.view_database
    for record_id in gone:
        assert (
            database.query("SELECT 1 FROM due_references WHERE record_id = ?", (record_id,)) == []
        )
    plot.go_on(20)
    check(world)
    followed = rows(world)
    world.archive.views.rebuild()
    assert rows(world) == followed
    assert list(world.archive.views.compare(lambda _done, _of: None)) == []


def test_processes_that_help_with_a_load_know_the_view(world: World) -> None:
    """What they write is what this process writes alone."""
    Plot(world, Random(13)).go_on(60)
    check(world)
    followed = rows(world)
    world.archive.views.rebuild(workers=1)
    assert rows(world) == followed


def test_another_process_goes_on_where_one_stopped(world: World) -> None:
    """The policy is that of the rows' own leaf, also where it moved while nobody followed."""
    plot = Plot(world, Random(11))
    for _ in range(3):
        plot.go_on(20)
        check(world)
        plot.go_on(20)
        world.reopen()  # what came since is not projected yet
        check(world)


def test_a_batch_that_was_not_kept_is_projected_again(world: World) -> None:
    """The policy that a rolled back batch left in memory is not taken for that of the rows."""
    plot, shown = Plot(world, Random(5)), view(world)
    plot.go_on(30)
    check(world)
    for _ in range(3):
        plot.rule()
        plot.hold()
    projecting = shown.project

    class DiskFullError(Exception):
        pass

    def fail(changes: object) -> None:
        projecting(changes)  # type: ignore[arg-type]
        raise DiskFullError

    shown.project = fail  # type: ignore[method-assign]
    with pytest.raises(Exception, match="DiskFullError"):
        world.archive.views.catch_up()
    del shown.project
    world.archive.view_database.clear_alarm("due")
    check(world)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE due_dates SET due_from = '2001-01-01' WHERE record_id = ?",
        "DELETE FROM due_dates WHERE record_id = ?",
        "UPDATE due_records SET holding = '{}' WHERE record_id = ?",
        "UPDATE due_records SET holding = replace(replace(replace(holding, '\"filed\":false',"
        " '\"filed\":0'), '\"disposed\":false', '\"filed\":false'), '\"filed\":0',"
        " '\"disposed\":false') WHERE record_id = ?",
        "DELETE FROM due_references WHERE record_id = ?",
        "DELETE FROM due_records WHERE record_id = ?",
    ],
)
def test_a_row_changed_by_hand_is_named(world: World, sql: str) -> None:
    """The check finds dates that do not follow, and facts that the record does not say."""
    plot = Plot(world, Random(3))
    plot.complain()
    (record,) = plot.records
    view(world)
    database = world.archive.view_database
    with database.transaction():
        database.execute(sql, (record,))
    found_ = world.archive.views.compare(lambda _done, _of: None)
    assert {(f.code, f.record, f.part) for f in found_} == {("view", record, "due")}


@pytest.mark.parametrize("what", ["hold", "trigger", "rule", "step"])
def test_an_event_touches_only_what_it_may_concern(world: World, what: str) -> None:
    """A hold on a customer, a trigger of a part, a rule for a kind: other rows stay as they lie."""
    plot, acting = Plot(world, Random(2)), Acting(world.archive)
    for part in ("A-1", "A-2", "A-1", "A-3"):
        plot.complain(customer=f"客户{part}", part=part)
    for record_id in plot.records:
        plot.file_on(record_id, "2023-03-15", ("design",))
    plot.complain()
    before, records = places(world), [*plot.records]
    match what:
        case "hold":
            acting.open(
                "legal-hold", "place", **HOLD, custodian=plot.person,
                where=[{"what": "customer", "value": "客户a-2"}, {"what": "kind", "value": "x"}],
            )  # fmt: skip
            touched = {records[1]}
        case "trigger":
            made = acting.open(
                "retention-trigger", "report", event="product-service-ended", subject_kind="part",
                subject="a-1", date="2024-05-10", evidence="停产通知",
            )  # fmt: skip
            acting.take(made, "confirm")
            touched = {records[0], records[2]}
        case "rule":
            acting.open(
                "retention-rule",
                "ship",
                **RULE,
                rule_id="QX-1",
                customers=[{"customer": "客户a-3"}],
            )
            touched = {records[3]}
        case _:
            step = {"reason": "急", "priority": "urgent"}
            acting.take(world.archive.ledger.get(records[4]), "prioritise", **step)
            touched = set()
    after = places(world)
    assert {r for r, place in before.items() if after[r] != place} == touched
    check(world)


def places(world: World) -> dict[str, str]:
    """Where the database keeps each record's row: another place for each time it is written."""
    view(world)
    place = "rowid" if world.options.database is None else "ctid"
    sql = f"SELECT record_id, {place} FROM due_dates"
    return {row[0]: str(row[1]) for row in world.archive.view_database.query(sql)}


def test_no_list_looks_through_a_table(world: World) -> None:
    """Each list is a range of an index, on the day it is asked for."""
    shown = view(world)
    if world.options.database is not None:
        pytest.skip("the planner of an empty PostgreSQL prefers to read the table: SQLite tells")
    asked: list[tuple[str, tuple[object, ...]]] = []
    database = world.archive.view_database
    query = database.query

    def noting(sql: str, parameters: tuple[object, ...] = ()) -> list[Row]:
        asked.append((sql, tuple(parameters)))
        return query(sql, parameters)

    database.query = noting  # type: ignore[assignment, method-assign]
    today = date(2026, 11, 22)
    shown.due(today)
    shown.due(today, after=("2026-01-01", "0" * 32))
    for ask in (shown.held, shown.pending, shown.blocked):
        ask()
    shown.unfiled(today - timedelta(days=30))
    shown.by_rule("RR-03")
    shown.next_months(today)
    shown.line("0" * 32)
    plans = [str(query(f"EXPLAIN QUERY PLAN {sql}", given)) for sql, given in asked]
    assert len(plans) == 9
    scans = [plan for plan in plans if "SEARCH d USING" not in plan or "FOR ORDER BY" in plan]
    assert scans == []
