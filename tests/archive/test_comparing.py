"""The views against a fresh replay: what somebody wrote into a table by hand is named."""

from __future__ import annotations

import pytest

from api.first_start import Hand
from archive.findings import Finding
from tests.worlds import World


@pytest.fixture
def filled(world: World) -> World:
    """Two people of one department, seen by every view."""
    hand = Hand(world.archive)
    office = hand.open("department", "establish", name="行政部", functions=["adm"])
    for name in ("孙丽", "王芳"):
        hand.open("person", "register", name=name, department=office.id, roles=[])
    world.archive.views.catch_up()
    return world


def compared(world: World) -> list[Finding]:
    return list(world.archive.views.compare(lambda _done, _of: None))


def by_hand(world: World, sql: str, *parameters: object) -> None:
    with world.archive.view_database.transaction():
        world.archive.view_database.execute(sql, parameters)


def number(world: World, number: str) -> str:
    return world.archive.find(number)


def test_views_that_follow_the_log_do_not_differ(filled: World) -> None:
    """What was projected leaf by leaf is what a replay of each record gives."""
    assert compared(filled) == []


@pytest.mark.parametrize(
    ("view", "sql"),
    [
        ("register", "UPDATE register_rows SET subject = '李四' WHERE record_id = ?"),
        ("register", "DELETE FROM register_rows WHERE record_id = ?"),
        ("numbers", "UPDATE numbers_given SET n = 77 WHERE record_id = ?"),
        ("access", "INSERT INTO access_readers VALUES (?, 'all, even guests')"),
        ("links", "INSERT INTO links_rows SELECT ?, 'person', 'forged', 'x', NULL, 'y'"),
    ],
)
def test_a_row_changed_by_hand_is_named(filled: World, view: str, sql: str) -> None:
    """Changed, deleted and added rows are found, with their record and their view."""
    record = number(filled, "RY-2026-00002")
    by_hand(filled, sql, record)
    assert [(f.code, f.record, f.part) for f in compared(filled)] == [("view", record, view)]


def test_a_record_that_the_log_does_not_have_is_named(filled: World) -> None:
    """Rows that belong to nothing are found too."""
    by_hand(filled, "INSERT INTO access_readers VALUES (?, 'all')", "f" * 32)
    assert [(f.record, f.part) for f in compared(filled)] == [("f" * 32, "access")]
