"""The views follow the log, and can be built from it again."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from archive.ledger import new_id
from archive.opening import Archive, Options, open_archive
from archive.store import Sealed
from archive.views.access import EVERYTHING, Viewer, readers
from archive.views.database import NotLeading, RecordChange, ViewStopped
from archive.views.search import Scope
from domain.commands import Actor, LinkTo, Open, TakeStep
from domain.record import Record
from tests.archive.stored import commit_history
from tests.archive.views.logs import kinds, walks
from tests.domain.plant import hex_id

SYSTEM = Actor(None, system=hex_id("test"), assurance="system", trusted=True)
TABLES = {
    "access_readers": "record_id, reader",
    "links_rows": "record_id, kind, rel, other, event, field",
    "numbers_given": "record_id, number, prefix, year, n, readable",
    "register_rows": "*",
    "register_references": "*",
    "worklist_rows": "*",
    "worklist_asked": "*",
    "search_documents": "position, record_id, kind, recorded_at, even, original, folded, tags",
}


@dataclass
class World:
    """An archive that can be opened again, and its clock."""

    options: Options
    archive: Archive
    now: list[datetime] = field(default_factory=list)

    def reopen(self) -> None:
        self.archive.close()
        self.archive = open_archive(self.options)

    def open(self, kind: str, step: str, values: dict[str, Any]) -> Record:
        record = self.archive.ledger.execute(
            Open(**self._common(new_id()), kind=kind, step=step, values=values)
        ).record
        assert record is not None
        return record

    def take(self, record_id: str, step: str, values: dict[str, Any]) -> None:
        self.archive.ledger.execute(TakeStep(**self._common(record_id), step=step, values=values))

    def link(self, record_id: str, rel: str, other: str) -> None:
        self.archive.ledger.execute(LinkTo(**self._common(record_id), rel=rel, record=other))

    def _common(self, record_id: str) -> dict[str, Any]:
        now = self.options.clock()
        return {
            "event_id": new_id(),
            "record_id": record_id,
            "actor": SYSTEM,
            "occurred_at": now,
            "received_at": now,
        }

    def fill(self, seed: int, number: int) -> None:
        for case in walks(Random(seed), kinds(), number):
            commit_history(self.archive, hex_id(os.urandom(8).hex()), case.history)

    def tables(self) -> dict[str, list[Any]]:
        database = self.archive.view_database
        return {
            table: sorted(database.query(f"SELECT {columns} FROM {table}"), key=repr)
            for table, columns in TABLES.items()
        }


@pytest.fixture(params=("sqlite", pytest.param("postgres", marks=pytest.mark.postgres)))
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    now = [datetime(2026, 11, 20, 1, tzinfo=UTC)]

    def clock() -> datetime:
        now[0] += timedelta(milliseconds=1)
        return now[0]

    dsn = request.getfixturevalue("postgres_dsn") if request.param == "postgres" else None
    options = Options(tmp_path / "data", clock, database=dsn)
    world = World(options, open_archive(options), now)
    yield world
    world.archive.close()


def publish(world: World, year: int, off: list[str]) -> None:
    days = [{"date": day, "name": "假日"} for day in off]
    world.open(
        "calendar", "publish", {"year": year, "source": f"国办发明电〔{year}〕", "holidays": days}
    )


def test_a_rebuild_gives_the_rows_that_following_gave(world: World) -> None:
    """Event by event, in batches, or record by record from nothing: the same rows, also where
    calendars were published in between and moved what was provisional."""
    views = world.archive.views
    for seed in range(3):
        world.fill(seed, 6)
        views.catch_up()
    publish(world, 2026, ["2026-03-06", "2026-03-09", "2026-03-10"])
    world.fill(4, 5)
    publish(world, 2027, ["2027-01-01"])
    world.fill(5, 3)
    views.catch_up()
    followed = world.tables()
    moved = [r for r in followed["worklist_rows"] if r[-1] is not None]
    assert moved
    assert all(rows for table, rows in followed.items() if table != "links_rows")
    seen: list[tuple[int, int]] = []
    views.rebuild(lambda done, of: seen.append((done, of)))
    assert world.tables() == followed
    assert seen[-1][0] == seen[-1][1] == world.archive.store.head().size
    views.rebuild(workers=1)
    assert world.tables() == followed
    world.reopen()
    world.archive.views.catch_up()
    assert world.tables() == followed


def test_reading_your_own_writes(world: World) -> None:
    """After `wait_for` the new record is in the list; the thread brings it there too."""
    views = world.archive.views
    first = world.open("person", "register", {"name": "张三"})
    assert views.wait_for(world.archive.store.head().size - 1)
    assert views.register.line(first.id) is not None
    views.start()
    second = world.open("person", "register", {"name": "李四"})
    assert views.wait_for(world.archive.store.head().size - 1)
    line = views.register.line(second.id)
    assert line is not None
    assert line.subject == "李四"
    assert views.health().behind == 0
    views.stop()


def test_waiting_ends_when_the_time_is_over(world: World) -> None:
    """A leaf that nobody writes is not waited for longer than was said."""
    began = time.monotonic()
    assert not world.archive.views.wait_for(10_000, timeout=0.1)
    assert time.monotonic() - began < 3


def test_only_one_process_projects_and_the_others_read(world: World) -> None:
    """While one leads the other may not project, but sees what was projected."""
    record = world.open("person", "register", {"name": "张三"})
    world.archive.views.catch_up()
    with open_archive(world.options) as other:
        with pytest.raises(NotLeading):
            other.views.catch_up()
        assert other.views.wait_for(other.store.head().size - 1, timeout=1)
        assert other.views.register.line(record.id) is not None
        late = world.open("person", "register", {"name": "王五"})
        assert not other.views.wait_for(other.store.head().size - 1, timeout=0.2)
        world.archive.views.start()
        assert other.views.wait_for(other.store.head().size - 1, timeout=5)
        assert other.views.register.line(late.id) is not None
        world.archive.views.stop()


def test_incoming_links_are_up_to_date_with_the_log(world: World) -> None:
    """A link counts for rules as soon as it is committed, though nothing projected it."""
    world.fill(7, len(kinds()))
    views = world.archive.views
    views.catch_up()
    lines = views.register.page(EVERYTHING, limit=500).lines
    rules = [(line, rule) for line in lines for rule in _rules(world, line.record_id)]
    linked = 0
    for line, rule in rules:
        fitting = [
            o
            for o in lines
            if o.record_id != line.record_id and o.kind in (rule.kinds or (o.kind,))
        ]
        if line.filed_on is None and fitting:
            other = fitting[0]
            world.link(line.record_id, rule.rel, other.record_id)
            assert (rule.rel, line.record_id) in views.incoming(other.record_id)
            linked += 1
    assert linked


def _rules(world: World, record_id: str) -> list[Any]:
    return list(world.archive.ledger.get(record_id).kind.links)[-1:]


def test_a_view_that_fails_stops_alone_and_goes_on_when_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others stay up to date; after the alarm is cleared it goes on where it stopped."""
    views = world.archive.views
    world.open("person", "register", {"name": "张三"})
    views.catch_up()

    def fail(changes: list[RecordChange]) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(views.links, "project", fail)
        record = world.open("person", "register", {"name": "李四"})
        with pytest.raises(ViewStopped, match="links"):
            views.catch_up()
    assert views.register.line(record.id) is not None
    assert [alarm.view for alarm in views.health().alarms] == ["links"]
    with pytest.raises(ViewStopped):
        views.catch_up()
    world.archive.view_database.clear_alarm("links")
    views.catch_up()
    head = world.archive.store.head().size
    assert views.position() == head - 1
    assert world.archive.view_database.position("links") == head - 1


def test_an_event_that_cannot_be_read_stops_every_view(world: World) -> None:
    """Content that does not fit what was signed is not skipped: an alarm names the leaf."""
    case = next(walks(Random(10), kinds(), 1))
    commit_history(world.archive, hex_id("spoilt"), case.history, spoil=_flip)
    with pytest.raises(ViewStopped, match="ContentError"):
        world.archive.views.catch_up()
    world.open("person", "register", {"name": "张三"})
    with pytest.raises(ViewStopped, match="ContentError"):
        world.archive.views.catch_up()
    assert {a.view for a in world.archive.views.health().alarms} == {
        v.name for v in world.archive.views.views
    }


def _flip(sealed: Sealed) -> Sealed:
    (row,) = sealed.content
    ciphertext = row.ciphertext or b""
    spoilt = replace(row, ciphertext=bytes([ciphertext[0] ^ 1]) + ciphertext[1:])
    return replace(sealed, content=(spoilt,))


def test_what_was_destroyed_is_in_no_view(world: World, tmp_path: Path) -> None:
    """After purge the words are gone from every list and file; the number and the dates stay."""
    views = world.archive.views
    secret = "张三丰的秘密档案"
    record = world.open("person", "register", {"name": secret})
    world.fill(8, 2)
    views.catch_up()
    world.archive.keys.destroy([record.id])
    world.archive.store.destroy_content([record.id])
    views.purge([record.id])
    line = views.register.line(record.id)
    assert line is not None
    assert (line.number, line.readable, line.opened_at) == (
        record.number, False, _text(record.opened_at),
    )  # fmt: skip
    assert secret not in repr(world.tables())
    assert views.search.search(secret, Scope(audience=None)).hits == ()
    series = {s.prefix: s for s in views.numbers.series()}
    assert series[str(record.number)[:2]].disposed == (record.number,)
    after = world.tables()
    views.rebuild()
    assert world.tables() == after
    for path in (tmp_path / "data").glob("views.db*"):
        assert secret.encode() not in path.read_bytes()


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_search_finds_for_each_viewer_what_the_register_lists(world: World) -> None:
    """The words of access are the same in the index and in the rows."""
    world.fill(9, 2 * len(kinds()))
    views = world.archive.views
    views.catch_up()
    found = 0
    for line in views.register.page(EVERYTHING, limit=500).lines:
        record = world.archive.ledger.get(line.record_id)
        for word in readers(record):
            mine = Viewer(frozenset({word}))
            shown = {x.record_id for x in views.register.page(mine, limit=500).lines}
            hits = views.search.search(str(record.number), Scope(audience=mine.words)).hits
            assert record.id in shown
            assert record.id in {hit.record_id for hit in hits}
            found += 1
    assert found
