"""Views in a SQLite file of their own."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from archive.owner_only import own_database, own_file
from archive.views.database import (
    BOOKS,
    SQLITE,
    NotLeading,
    Row,
    ViewDatabase,
    ViewDatabaseUnavailable,
    ViewError,
    ViewMissing,
)


class SQLiteViews(ViewDatabase):
    """A file `views.db` beside the archive's.

    It is written without waiting for the disk. A killed process loses nothing by that, a machine
    that loses power may; so a second file says in which boot of the machine the views were last
    open, and if they were not closed in it, they are thrown away and built anew.
    One connection alone writes and checkpoints (SQLite before 3.51.3 can corrupt a WAL otherwise).
    """

    dialect = SQLITE

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        self.path = Path(path)
        self._open_mark = self._beside("-open")
        self._writer: sqlite3.Connection | None = None
        self._lock_file: int | None = None
        self._readers: list[sqlite3.Connection] = []

    def _beside(self, suffix: str) -> Path:
        return self.path.with_name(self.path.name + suffix)

    def lead(self) -> bool:
        with self._lock:
            if self._writer is not None:
                return True
            self.path.parent.mkdir(parents=True, exist_ok=True)
            own_file(self._beside("-lock"))
            handle = os.open(self._beside("-lock"), os.O_RDWR)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(handle)
                return False
            self._lock_file = handle
            with self._translated():
                self._writer = self._open_writer()
            return True

    def _open_writer(self) -> sqlite3.Connection:
        boot = _boot()
        if self._open_mark.exists() and self._open_mark.read_text("ascii") != boot:
            for suffix in ("", "-wal", "-shm"):
                self._beside(suffix).unlink(missing_ok=True)
        own_file(self._open_mark)
        self._open_mark.write_text(boot, "ascii")
        own_database(self.path)
        writer = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        for pragma in (
            "busy_timeout = 10000", "journal_mode = WAL", "synchronous = OFF",
            "secure_delete = ON", "cache_size = -65536", "wal_autocheckpoint = 8000",
        ):  # fmt: skip
            writer.execute(f"PRAGMA {pragma}")
        for statement in BOOKS:
            writer.execute(statement)
        return writer

    @contextmanager
    def _begun(self) -> Iterator[None]:
        assert self._writer is not None  # noqa: S101 - transaction() leads first
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._writer.execute("COMMIT")
        except BaseException:
            # After a full disk SQLite has rolled back by itself, and says so.
            with suppress(sqlite3.OperationalError):
                self._writer.execute("ROLLBACK")
            raise

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise _sqlite_error(error) from error

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        self._outside()
        assert self._writer is not None  # noqa: S101 - inside transaction()
        return self._writer.execute(sql, parameters).rowcount

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        self._outside()
        assert self._writer is not None  # noqa: S101 - inside transaction()
        self._writer.executemany(sql, rows)

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        try:
            connection = self._borrow()
            try:
                return connection.execute(sql, parameters).fetchall()
            finally:
                self._give_back(connection)
        except sqlite3.OperationalError as error:
            raise _sqlite_error(error) from error

    def stream(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Row]:
        with self._translated():
            connection = self._borrow()
            try:
                yield from connection.execute(sql, parameters)
            finally:
                self._give_back(connection)

    def _borrow(self) -> sqlite3.Connection:
        """The writer inside a transaction, else a reader for this one question."""
        if self._writing and self._writer is not None:
            return self._writer
        try:
            return self._readers.pop()
        except IndexError:
            return self._open_reader()

    def _give_back(self, connection: sqlite3.Connection) -> None:
        if connection is not self._writer:
            self._readers.append(connection)

    def _open_reader(self) -> sqlite3.Connection:
        reader = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=rw",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
        )
        for pragma in (
            "busy_timeout = 10000", "query_only = ON", "wal_autocheckpoint = 0",
            "mmap_size = 134217728",
        ):  # fmt: skip
            reader.execute(f"PRAGMA {pragma}")
        return reader

    def _create(self, statement: str) -> None:
        self.execute(statement)

    def _drop(self, table: str) -> None:
        self.execute(f"DROP TABLE IF EXISTS {table}")

    def clean(self) -> None:
        with self._lock, self._translated():
            if not self.lead() or self._writer is None:
                raise NotLeading
            self._writer.execute("VACUUM")
            busy, _, _ = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if busy:
                raise ViewDatabaseUnavailable(
                    "a reader keeps old pages of the views alive: end long reads and clean again"
                )

    def close(self) -> None:
        with self._lock:
            while self._readers:
                self._readers.pop().close()
            if self._writer is None or self._lock_file is None:
                return
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._writer.close()
            _to_disk(self.path)
            self._open_mark.unlink(missing_ok=True)
            os.close(self._lock_file)
            self._writer = self._lock_file = None


def _boot() -> str:
    """A name for this run of the machine; where the system has none, one that never comes again."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    return os.urandom(16).hex()


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sqlite_error(error: sqlite3.OperationalError) -> ViewError:
    text = str(error)
    if text.startswith(("no such table", "unable to open database file")):
        return ViewMissing(text)
    if error.sqlite_errorname.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return ViewDatabaseUnavailable("views.db is busy with another connection: try again")
    if error.sqlite_errorname.startswith(("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN")):
        return ViewDatabaseUnavailable(f"views.db cannot be written ({text}): free some space")
    return ViewError(f"SQLite refused a view's statement: {text}")
