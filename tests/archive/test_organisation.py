"""Who is who follows the log, in every process, and without reading all of it."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import apsw
import psycopg
import pytest

from archive.almanac import internal_topics
from archive.organisation import FRESH_FOR, Organisation
from archive.sql import selecting
from archive.sqlite import SQLiteStore
from archive.store import Unit
from domain.context import Context
from domain.directory import Directory
from domain.errors import DomainError
from domain.kinds import all_versions
from domain.record import Record
from domain.registry import KINDS
from tests.archive.acting import Acting, another
from tests.archive.sealed import Record as Sealing
from tests.archive.sealed import committer
from tests.worlds import World

YEAR: dict[str, Any] = {
    "year": 2026,
    "source": "国办发明电〔2025〕",
    "holidays": [{"date": "2026-10-01", "name": "国庆"}],
}


def directory(world: World) -> Directory:
    return world.archive.organisation.context().directory


def department(acting: Acting, name: str = "客服部") -> Record:
    return acting.open("department", "establish", name=name, functions=["cs"])


def person(acting: Acting, name: str, where: Record) -> Record:
    return acting.open("person", "register", name=name, department=where.id, roles=["supervisor"])


def test_what_this_process_commits_counts_for_the_next_command(world: World) -> None:
    """A person may act in the moment after their registration, and is gone after leaving."""
    acting = Acting(world.archive)
    office = department(acting)
    clerk = person(acting, "王芳", office)
    found = directory(world).people[clerk.id]
    assert (found.name, found.department, found.active) == ("王芳", office.id, True)
    assert acting.as_(clerk.id).complaint().opened_by == clerk.id
    acting.take(clerk, "change", name="王芳芳", department=office.id)
    assert directory(world).people[clerk.id].name == "王芳芳"
    acting.take(clerk, "leave")
    assert not directory(world).people[clerk.id].active
    with pytest.raises(DomainError):
        acting.as_(clerk.id).complaint()


def test_a_calendar_counts_from_its_publication(world: World) -> None:
    """A published year is in force at once, an amended one with its amendment."""
    acting = Acting(world.archive)
    assert 2026 not in calendar(world).years
    acting.open("calendar", "publish", **YEAR)
    assert 2026 in calendar(world).years


def calendar(world: World) -> Any:
    return world.archive.organisation.context().calendar


def test_a_restart_knows_what_was_known(world: World) -> None:
    """The registry that is read from the log is the one that grew with it."""
    acting = Acting(world.archive)
    office = department(acting)
    clerk = person(acting, "王芳", office)
    acting.take(office, "change", name="客服中心", functions=["cs"], head=clerk.id)
    acting.open("calendar", "publish", **YEAR)
    before = world.archive.organisation.registry
    assert world.reopen().organisation.registry == before
    assert directory(world).departments[office.id].head == clerk.id


def test_other_processes_follow_within_a_second_or_so(world: World) -> None:
    """What one process registers, another allows soon after, without being told."""
    with another(world.options) as other:
        assert not other.organisation.context().directory.people
        acting = Acting(world.archive)
        clerk = person(acting, "王芳", department(acting))
        end = time.monotonic() + FRESH_FOR + 2
        while clerk.id not in other.organisation.context().directory.people:
            assert time.monotonic() < end
            time.sleep(0.05)
        assert Acting(other).as_(clerk.id).complaint().opened_by == clerk.id


def test_a_late_note_does_not_bring_back_what_was_before(world: World) -> None:
    """Two threads that committed one after the other may tell of it in the other order."""
    acting = Acting(world.archive)
    office = department(acting)
    before = person(acting, "王芳", office)
    after = acting.take(before, "leave")
    last = world.archive.ledger.history(before.id)[-1]
    world.archive.organisation.note(after, last)
    world.archive.organisation.note(before, last)
    assert not directory(world).people[before.id].active


def test_a_delegate_signs_within_the_delegation_and_not_outside(world: World) -> None:
    """Before its start, after its end and once revoked, nobody signs for another."""
    acting = Acting(world.archive)
    office = department(acting)
    head, deputy = person(acting, "郑洁", office), person(acting, "王芳", office)
    acting.take(office, "change", name="客服部", functions=["cs"], head=head.id)
    now = world.clock()
    granted = acting.open(
        "delegation",
        "grant",
        principal=head.id,
        delegate=deputy.id,
        since=(now + timedelta(hours=1)).isoformat(),
        until=(now + timedelta(hours=5)).isoformat(),
        reason="出差",
    )
    for_head = acting.as_(deputy.id, behalf=head.id)
    with pytest.raises(DomainError):
        for_head.complaint()
    world.clock.turn(hours=2)
    record = for_head.complaint()
    event = world.archive.ledger.history(record.id)[0].event
    assert (event.actor, event.behalf) == (deputy.id, head.id)
    world.clock.turn(hours=4)
    with pytest.raises(DomainError):
        for_head.complaint()
    world.clock.turn(hours=-3)
    acting.take(granted, "revoke")
    with pytest.raises(DomainError):
        for_head.complaint()


# ---------------------------------------------------------------- a long log


def test_the_start_reads_internal_leaves_only(world: World) -> None:
    """However long the log, an organisation is read from the leaves of its own records."""
    acting = Acting(world.archive)
    office = department(acting)
    for _ in range(5):
        acting.complaint()
    leaves = world.archive.store.leaves(0, topics=internal_topics())
    read = [row.record_id for row in leaves]
    assert read == [office.id]
    assert Organisation(world.archive.ledger, world.options.zone).registry.departments.keys() == {
        office.id
    }


def test_the_index_is_used_on_sqlite(tmp_path: Path) -> None:
    """The plan of a long log names the index of internal topics, and no scan of the events."""
    store = SQLiteStore(tmp_path / "archive.db")
    fill(store)
    topics = internal_topics()
    store.close()
    connection = apsw.Connection(str(tmp_path / "archive.db"))
    sql = "EXPLAIN QUERY PLAN " + selecting(topics)
    plan = connection.execute(sql, (0, 10_000, *topics, 500)).fetchall()
    connection.close()
    text = " ".join(str(row[3]) for row in plan)
    assert "SEARCH events USING INDEX events_internal" in text
    assert "SCAN" not in text


def test_the_index_is_used_on_postgres(world_of_postgres: tuple[str, Any]) -> None:
    """The same on PostgreSQL, with and without its statistics."""
    dsn, store = world_of_postgres
    fill(store)
    topics = internal_topics()
    words = ", ".join(f"'{topic}'" for topic in topics)
    marks = ",".join("?" * len(topics))
    sql = selecting(topics).replace(marks, words)
    for bound in ("0", "10000", "500"):
        sql = sql.replace("?", bound, 1)
    with psycopg.connect(dsn, options="-csearch_path=liuhen") as connection:
        for _ in range(2):
            plan = " ".join(str(row[0]) for row in connection.execute(f"EXPLAIN {sql}"))
            assert "events_internal" in plan
            assert "Seq Scan" not in plan
            connection.execute("ANALYZE events")


@pytest.fixture
def world_of_postgres(postgres_dsn: str, postgres_store: Any) -> tuple[str, Any]:
    return postgres_dsn, postgres_store


def fill(store: Any) -> None:
    """Two thousand events, none of them internal."""
    write = committer(store)
    for _ in range(4):
        record = Sealing()
        write.commit(Unit(tuple(record.seal() for _ in range(500))))


def test_only_what_is_folded_is_read(world: World) -> None:
    """Lists, copies and logs may be many, and say nothing of who is who."""
    folded = {f"~{kind}" for kind in KINDS}
    assert {topic.split("/")[0] for topic in internal_topics()} == folded
    assert set(KINDS) < {kind.id for kind in all_versions().values() if kind.internal}
    assert isinstance(world.archive.ledger.surroundings.context(), Context)
