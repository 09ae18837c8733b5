"""What every view relies on, on both databases."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from archive.views.database import (
    NOTHING_YET,
    Alarm,
    Dialect,
    NotLeading,
    RecordChange,
    ViewDatabase,
    ViewDatabaseUnavailable,
    ViewError,
    ViewMissing,
    ViewStopped,
)
from archive.views.postgres import PostgresViews
from archive.views.sqlite import SQLiteViews

INSERT = "INSERT INTO notes (id, body, raw) VALUES (?, ?, ?)"


class Notes:
    """A view of three columns; `fails` makes its next projection fail half-way."""

    name = "notes"

    def __init__(self, database: ViewDatabase, version: str = "1") -> None:
        self.database, self.version = database, version
        self.fails = self.finished = False

    def tables(self, dialect: Dialect) -> Sequence[str]:
        return (
            "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT NOT NULL, raw BLOB)",
            "CREATE INDEX notes_body ON notes (body)",
        )

    def project(self, changes: Sequence[RecordChange]) -> None:
        self.database.execute(INSERT, (len(self.rows()), "一", b"\x00\xff"))
        if self.fails:
            raise ZeroDivisionError("内容")

    def purge(self, record_ids: Sequence[str]) -> None:
        self.database.execute("DELETE FROM notes")

    def finish_load(self) -> None:
        self.finished = True

    def rows(self) -> list[tuple[Any, ...]]:
        return self.database.query("SELECT id, body, raw FROM notes ORDER BY id")


@pytest.fixture
def notes(views: ViewDatabase) -> Notes:
    view = Notes(views)
    assert views.prepare(view)
    return view


def another(views: ViewDatabase, request: pytest.FixtureRequest) -> ViewDatabase:
    """A second process' view of the same database."""
    if isinstance(views, SQLiteViews):
        return SQLiteViews(views.path)
    return PostgresViews(request.getfixturevalue("postgres_dsn"))


def test_nothing_prepared(views: ViewDatabase) -> None:
    """A database that nobody prepared says so, and has neither positions nor alarms."""
    assert views.position("notes") == NOTHING_YET
    assert views.alarms() == []
    assert views.loading("notes")
    with pytest.raises(ViewMissing):
        views.query("SELECT id FROM notes")


def test_rows_come_back_as_written(views: ViewDatabase, notes: Notes) -> None:
    """Text, bytes, per cent signs and quoted question marks pass unchanged."""
    with views.transaction():
        views.executemany(INSERT, [(1, "100%s 投诉 '?'", b"\x00'"), (2, "b", None)])
        views.execute("UPDATE notes SET body = '?%' WHERE id = ?", (2,))
    assert notes.rows() == [(1, "100%s 投诉 '?'", b"\x00'"), (2, "?%", None)]
    assert list(views.stream("SELECT id FROM notes WHERE body LIKE '%?%' ORDER BY id")) == [
        (1,),
        (2,),
    ]
    assert views.query("SELECT body FROM notes WHERE id % 2 = ?", (0,)) == [("?%",)]


def test_texts_are_ordered_by_their_bytes(views: ViewDatabase, notes: Notes) -> None:
    """Both stores order texts alike, whatever the locale of the server."""
    words = ["b", "B", "a-1", "a1", "中", "é", "_"]
    with views.transaction():
        views.executemany(INSERT, [(n, w, None) for n, w in enumerate(words)])
    ordered = [w for (w,) in views.query("SELECT body FROM notes ORDER BY body")]
    assert ordered == sorted(words, key=str.encode)


def test_a_failed_transaction_leaves_nothing(views: ViewDatabase, notes: Notes) -> None:
    """What was written before an error is gone; inside, one's own writes are seen."""

    def half() -> None:
        with views.transaction():
            views.execute(INSERT, (1, "a", None))
            assert [row[0] for row in notes.rows()] == [1]
            assert list(views.stream("SELECT id FROM notes")) == [(1,)]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert notes.rows() == []


def test_others_see_only_what_is_committed(views: ViewDatabase, notes: Notes) -> None:
    """Another thread reads the committed rows while a transaction is open, without waiting."""
    seen: list[Any] = []
    with views.transaction():
        views.execute(INSERT, (1, "a", None))
        thread = threading.Thread(target=lambda: seen.append(notes.rows()))
        thread.start()
        thread.join(5)
    assert seen == [[]]
    assert len(notes.rows()) == 1


def test_writing_needs_a_transaction(views: ViewDatabase, notes: Notes) -> None:
    """A write outside `transaction()` is refused, even while another thread has one open."""
    with pytest.raises(ViewError, match="transaction"):
        views.execute(INSERT, (1, "a", None))


def test_bad_sql_is_our_error(views: ViewDatabase, notes: Notes) -> None:
    """A mistake in a statement surfaces as ViewError, without the parameters."""
    with pytest.raises(ViewError) as caught:
        views.query("SELECT nothing FROM notes WHERE body = ?", ("投诉",))
    assert "投诉" not in str(caught.value)


def test_the_cursor_moves_with_the_rows(views: ViewDatabase, notes: Notes) -> None:
    """A batch that fails keeps rows and cursor where they were, and stores an alarm for good."""
    views.advance(notes, (), 6)
    notes.fails = True
    with pytest.raises(ViewStopped, match="leaf 9") as caught:
        views.advance(notes, (), 9)
    assert "内容" not in str(caught.value)
    assert (views.position("notes"), len(notes.rows())) == (6, 1)
    assert views.alarm("notes") == Alarm("notes", 9, "ZeroDivisionError")
    notes.fails = False
    with pytest.raises(ViewStopped):
        views.advance(notes, (), 9)
    views.clear_alarm("notes")
    views.advance(notes, (), 9)
    assert (views.position("notes"), len(notes.rows())) == (9, 2)


def test_first_load(views: ViewDatabase, notes: Notes) -> None:
    """A new view is loading until the feeder says that it has caught up."""
    assert views.loading("notes")
    views.finish_load(notes)
    assert notes.finished
    assert not views.loading("notes")


def test_same_version_is_kept_another_is_built_anew(views: ViewDatabase, notes: Notes) -> None:
    """Preparing again keeps the rows of the same version and throws away those of another."""
    views.advance(notes, (), 3)
    assert not views.prepare(notes)
    assert views.position("notes") == 3
    assert views.prepare(Notes(views, "2"))
    assert (views.position("notes"), notes.rows()) == (NOTHING_YET, [])


def test_drop_all(views: ViewDatabase, notes: Notes) -> None:
    """After dropping there is no table, and the view can be prepared again."""
    views.drop_all()
    with pytest.raises(ViewMissing):
        notes.rows()
    assert views.prepare(notes)


def test_one_process_writes(
    views: ViewDatabase, notes: Notes, request: pytest.FixtureRequest
) -> None:
    """A second process reads, may not write, and takes over when the first has gone."""
    second = another(views, request)
    try:
        views.advance(notes, (), 0)
        assert not second.lead()
        with pytest.raises(NotLeading), second.transaction():
            pass
        with pytest.raises(NotLeading):
            second.advance(Notes(second), (), 1)
        assert second.position("notes") == 0
        views.close()
        assert second.lead()
        assert not second.prepare(Notes(second))
        second.advance(Notes(second), (), 1)
        assert second.position("notes") == 1
    finally:
        second.close()


def test_closed_views_survive_a_boot(tmp_path: Path) -> None:
    """Views that were closed are kept, those left open in an earlier boot are thrown away."""
    first = SQLiteViews(tmp_path / "views.db")
    first.prepare(Notes(first))
    first.close()
    second = SQLiteViews(tmp_path / "views.db")
    assert not second.prepare(Notes(second))
    second.close()
    (tmp_path / "views.db-open").write_text("an earlier boot")
    third = SQLiteViews(tmp_path / "views.db")
    assert third.prepare(Notes(third))
    third.close()


def test_the_file_is_the_owners_alone(tmp_path: Path) -> None:
    """Plaintext files are readable by nobody else."""
    database = SQLiteViews(tmp_path / "views.db")
    database.prepare(Notes(database))
    assert {p.name: p.stat().st_mode & 0o077 for p in tmp_path.glob("views.db*")} == {
        "views.db": 0, "views.db-wal": 0, "views.db-shm": 0, "views.db-lock": 0,
        "views.db-open": (tmp_path / "views.db-open").stat().st_mode & 0o077,
    }  # fmt: skip
    database.close()


@pytest.mark.postgres
def test_texts_have_no_statistics(postgres_dsn: str) -> None:
    """ANALYZE copies no text of a view into the logged catalogue."""
    database = PostgresViews(postgres_dsn)
    database.prepare(Notes(database))
    with database.transaction():
        database.executemany(INSERT, [(n, f"投诉{n}", b"x") for n in range(50)])
    with psycopg.connect(postgres_dsn, autocommit=True) as admin:
        admin.execute("ANALYZE views.notes")
        known = admin.execute("SELECT attname FROM pg_stats WHERE schemaname = 'views'")
        assert known.fetchall() == [("id",)]
    database.close()


@pytest.mark.postgres
@pytest.mark.slow
def test_a_crash_of_the_server_is_noticed(own_dsn: str, own_server: Any) -> None:
    """After a crash the views are empty, say so, and are prepared anew by the same object."""
    with closing(PostgresViews(own_dsn)) as database:
        view = Notes(database)
        database.prepare(view)
        database.advance(view, (), 4)
        with psycopg.connect(own_dsn) as victim:
            # A backend that dies makes the server restart and empty its UNLOGGED tables.
            os.kill(victim.info.backend_pid, signal.SIGKILL)
        assert any(prepared(database, view) for _ in range(100))
        assert (database.position("notes"), view.rows()) == (NOTHING_YET, [])


def prepared(database: ViewDatabase, view: Notes) -> bool:
    """One try; false while the server restarts, and in the moment before it notices."""
    try:
        if database.prepare(view):
            return True
    except ViewDatabaseUnavailable:
        pass
    threading.Event().wait(0.1)
    return False
