"""What views may ask of a database: the one place where they touch SQL.

Views hold plaintext, so they may not reach a write-ahead log that is shipped, nor a backup
(EVIDENCE.md 4). All of it can be rebuilt from the log; durability is given up for speed wherever
a crash can be noticed afterwards: `archive.views.sqlite`, `archive.views.postgres`.
"""

from __future__ import annotations

import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from domain.events import AnyEvent
from domain.record import Record

Row = tuple[Any, ...]
ASKED = 500
"""Records that one statement names."""
NOTHING_YET = -1
"""The position of a view that has seen no leaf."""


class ViewError(Exception):
    """A view cannot answer or go on; the message says what to do."""


class ViewMissing(ViewError):
    """The view's tables are not there: it was never prepared, or the database was emptied."""

    def __init__(self, reason: object) -> None:
        super().__init__(f"the view is not built yet ({reason}): wait, or run `liuhen rebuild`")


class ViewNotReady(ViewError):
    """The view's first load is still going on."""

    def __init__(self, view: str) -> None:
        super().__init__(f"the view {view} is being built: ask again when it has caught up")


class ViewStopped(ViewError):
    """An event could not be projected. The view keeps its place; nothing was skipped."""

    def __init__(self, view: str, leaf_index: int, message: str) -> None:
        super().__init__(
            f"the view {view} stopped at leaf {leaf_index} ({message}): mend the cause and run "
            "`liuhen rebuild`, or clear the alarm to try again"
        )
        self.view, self.leaf_index, self.message = view, leaf_index, message


class NotLeading(ViewError):
    """Another process projects the views; this one reads."""

    def __init__(self) -> None:
        super().__init__("another process writes the views: leave it to that one, or stop it first")


class ViewDatabaseUnavailable(ViewError):
    """The database cannot be reached, or is busy. The open transaction was not kept; try again."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """Which of the two databases; for the few words that `_in_postgres_words` cannot translate."""

    name: str


SQLITE, POSTGRESQL = Dialect("sqlite"), Dialect("postgresql")


@dataclass(frozen=True, slots=True)
class RecordChange:
    """One event, and what it made of its record (32 hex digits). Content may be missing in all."""

    record_id: str
    leaf_index: int
    recorded_at: str
    before: Record | None
    after: Record
    event: AnyEvent


@dataclass(frozen=True, slots=True)
class Alarm:
    view: str
    leaf_index: int
    message: str


class View(Protocol):
    """Tables, projection and queries of one reading of the log.

    `project` and `purge` are called inside a transaction, and must not depend on how the changes
    were cut into batches. Another `version` means another shape: the view is built anew.
    """

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    def tables(self, dialect: Dialect) -> Sequence[str]:
        """CREATE statements in SQLite's words; every table's name begins with the view's."""

    def project(self, changes: Sequence[RecordChange]) -> None: ...
    def purge(self, record_ids: Sequence[str]) -> None:
        """Forget the content of these records."""


@runtime_checkable
class BulkView(View, Protocol):
    """A view that is loaded faster when its indexes come last."""

    def finish_load(self) -> None:
        """Build what `project` left out while `ViewDatabase.loading` said so."""


@runtime_checkable
class DerivingView(View, Protocol):
    """A view that works rows of one record out of those of others, so no replay of the record
    alone can say what they should be. `derived`: the tables with such rows."""

    derived: Sequence[str]

    def astray(self) -> Iterator[str]:
        """The records whose derived rows are not what the others lead to."""


BOOKS = (
    "CREATE TABLE IF NOT EXISTS views (view TEXT PRIMARY KEY, version TEXT NOT NULL,"
    " leaf_index INTEGER NOT NULL, loading INTEGER NOT NULL, tables TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS alarms (view TEXT PRIMARY KEY, leaf_index INTEGER NOT NULL,"
    " message TEXT NOT NULL)",
)
CREATED = re.compile(r"CREATE (?:VIRTUAL )?TABLE (?:IF NOT EXISTS )?(\w+)")


class ViewDatabase(ABC):
    """What views may ask of a database. One process writes, any number read.

    SQL is written once, in SQLite's words with `?` for parameters; truth values are 0 and 1.
    A row in `views` is made with a view's tables and is lost with them, so its absence says that
    the view must be built from leaf 0.
    """

    dialect: Dialect

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._thread = threading.local()

    # ---- the words of SQL

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, one at a time; joins the transaction that this thread has open.

        Raises NotLeading, and ViewDatabaseUnavailable, after which nothing was kept.
        """
        if self._writing:
            yield
            return
        with self._lock:
            if not self.lead():
                raise NotLeading
            self._thread.writing = True
            try:
                with self._translated(), self._begun():
                    yield
            finally:
                self._thread.writing = False

    @property
    def _writing(self) -> bool:
        return getattr(self._thread, "writing", False)

    @abstractmethod
    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement in the open transaction; the number of rows it touched."""

    @abstractmethod
    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each row, in the open transaction."""

    @abstractmethod
    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """All rows: of this thread's open transaction if it has one, else of what is committed."""

    def query_as_written(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """The same, where the statement leaves no choice of how to carry it out.

        PostgreSQL then plans it once in a connection, with neither a walk through a whole table
        nor a sort where an index has the order.
        """
        return self.query(sql, parameters)

    @abstractmethod
    def stream(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Row]:
        """The same rows a few at a time, from one snapshot."""

    @abstractmethod
    def lead(self) -> bool:
        """Become, or stay, the one process that writes; False if another is."""

    @abstractmethod
    def clean(self) -> None:
        """Rewrite the files, so that rows that were deleted are in none of them.

        Views are blocked meanwhile. Raises ViewDatabaseUnavailable if a reader holds on too long.
        """

    @abstractmethod
    def close(self) -> None: ...

    @abstractmethod
    def _begun(self) -> AbstractContextManager[object]: ...

    @abstractmethod
    def _translated(self) -> AbstractContextManager[None]: ...

    @abstractmethod
    def _create(self, statement: str) -> None: ...

    @abstractmethod
    def _drop(self, table: str) -> None: ...

    def forget(self, table: str, record_ids: Sequence[str]) -> None:
        """Delete the rows of these records, in the open transaction."""
        for at in range(0, len(record_ids), ASKED):
            part = record_ids[at : at + ASKED]
            marks = ", ".join("?" * len(part))
            self.execute(f"DELETE FROM {table} WHERE record_id IN ({marks})", part)

    # ---- projecting

    def prepare(self, view: View) -> bool:
        """Make the view's tables unless they are there in this version.

        True: they are new and empty. Feed the view from leaf 0, then call `finish_load`.
        """
        with self.transaction():
            known = self.query("SELECT version FROM views WHERE view = ?", (view.name,))
            if known == [(view.version,)]:
                return False
            self.drop(view.name)
            statements = view.tables(self.dialect)
            names = [name for s in statements for name in CREATED.findall(s)]
            for name in names:
                self._drop(name)
            for statement in statements:
                self._create(statement)
            self.execute(
                "INSERT INTO views VALUES (?, ?, ?, 1, ?)",
                (view.name, view.version, NOTHING_YET, " ".join(names)),
            )
            return True

    def position(self, view: str) -> int:
        """The last leaf that the view has seen; `NOTHING_YET` before the first."""
        rows = self._books("SELECT leaf_index FROM views WHERE view = ?", view)
        return int(rows[0][0]) if rows else NOTHING_YET

    def set_position(self, view: str, leaf_index: int) -> None:
        """Move the cursor, in the same transaction as the rows. Raises ViewMissing."""
        if not self.execute("UPDATE views SET leaf_index = ? WHERE view = ?", (leaf_index, view)):
            raise ViewMissing(view)

    def loading(self, view: str) -> bool:
        """Whether the view's first load still goes on, or has not begun."""
        rows = self._books("SELECT loading FROM views WHERE view = ?", view)
        return not rows or bool(rows[0][0])

    def advance(self, view: View, changes: Sequence[RecordChange], leaf_index: int) -> None:
        """Project changes up to and including a leaf, in one transaction with the cursor.

        If the view fails, nothing of the batch is kept, an alarm is stored and ViewStopped raised,
        now and at every further call until `clear_alarm`. An unreachable database is no alarm.
        """
        if alarm := self.alarm(view.name):
            raise ViewStopped(alarm.view, alarm.leaf_index, alarm.message)
        try:
            with self.transaction():
                view.project(changes)
                self.set_position(view.name, leaf_index)
        except (NotLeading, ViewDatabaseUnavailable):
            raise
        except Exception as error:
            # The error's text may quote content, its type does not; the cause goes with the raise.
            first = changes[0].leaf_index if changes else leaf_index
            self.sound(Alarm(view.name, first, type(error).__name__))
            raise ViewStopped(view.name, first, type(error).__name__) from error

    def finish_load(self, view: View) -> None:
        """Call once the first load has caught up; until then the view may refuse to answer."""
        with self.transaction():
            if isinstance(view, BulkView):
                view.finish_load()
            self.execute("UPDATE views SET loading = 0 WHERE view = ?", (view.name,))

    def alarm(self, view: str) -> Alarm | None:
        rows = self._books("SELECT view, leaf_index, message FROM alarms WHERE view = ?", view)
        return Alarm(*rows[0]) if rows else None

    def alarms(self) -> list[Alarm]:
        rows = self._books("SELECT view, leaf_index, message FROM alarms ORDER BY view")
        return [Alarm(*row) for row in rows]

    def clear_alarm(self, view: str) -> None:
        with self.transaction():
            self.execute("DELETE FROM alarms WHERE view = ?", (view,))

    def drop(self, view: str) -> None:
        """Remove a view with its tables, cursor and alarm; `prepare` makes them anew."""
        with self.transaction():
            for (tables,) in self.query("SELECT tables FROM views WHERE view = ?", (view,)):
                for table in tables.split():
                    self._drop(table)
            self.execute("DELETE FROM views WHERE view = ?", (view,))
            self.execute("DELETE FROM alarms WHERE view = ?", (view,))

    def drop_all(self) -> None:
        with self.transaction():
            for (view,) in self.query("SELECT view FROM views"):
                self.drop(view)

    def sound(self, alarm: Alarm) -> None:
        """Stop a view at a leaf that it cannot go past."""
        with self.transaction():
            self.execute(
                "INSERT INTO alarms VALUES (?, ?, ?) ON CONFLICT (view) DO UPDATE"
                " SET leaf_index = excluded.leaf_index, message = excluded.message",
                (alarm.view, alarm.leaf_index, alarm.message),
            )

    def _books(self, sql: str, *parameters: str) -> list[Row]:
        try:
            return self.query(sql, parameters)
        except ViewMissing:
            return []

    def _outside(self) -> None:
        if not self._writing:
            raise ViewError("write inside `with database.transaction():`")


def open_views(where: str | Path) -> ViewDatabase:
    """The view database of an archive: a file's path, or the address of a PostgreSQL database."""
    from archive.views.postgres import PostgresViews  # noqa: PLC0415 - they import this module
    from archive.views.sqlite import SQLiteViews  # noqa: PLC0415

    return SQLiteViews(where) if isinstance(where, Path) else PostgresViews(where)
