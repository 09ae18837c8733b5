"""Views in UNLOGGED tables of the archive's PostgreSQL database."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from archive.views.database import (
    BOOKS,
    CREATED,
    POSTGRESQL,
    NotLeading,
    Row,
    ViewDatabase,
    ViewDatabaseUnavailable,
    ViewError,
    ViewMissing,
)

# Where the planner chooses, it shall know the values and the limit.
_PLANNED_FOR_VALUES = {"plan_cache_mode": "force_custom_plan"}
# Where it has no choice, planning would take longer than most answers. Without these settings a
# plan made while the table was small might read all of it.
_PLANNED_ONCE = {
    "plan_cache_mode": "force_generic_plan", "enable_seqscan": "off", "enable_sort": "off",
    "jit": "off",
}  # fmt: skip
# Rows for which a COPY would not be worth its two more exchanges.
_FEW = 20


class PostgresViews(ViewDatabase):
    """UNLOGGED tables in a schema of their own: not in the write-ahead log, nor on a standby.

    After a crash or on a promoted standby PostgreSQL empties them, the rows of `views` with them.
    No statistics are kept of what texts hold: they are samples of the texts, in a catalogue that
    is logged. Several processes may open it; a session lock chooses the one that writes.
    """

    dialect = POSTGRESQL

    def __init__(self, dsn: str, schema: str = "views", readers: int = 8) -> None:
        super().__init__()
        if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", schema):
            raise ViewError(f"{schema!r} is no schema name: use a-z, 0-9 and _")
        self._schema = schema
        given = str(conninfo_to_dict(dsn).get("options") or "")
        self._conninfo = make_conninfo(dsn, options=f"{given} -c search_path={schema}".strip())
        self._writer: psycopg.Connection[Row] | None = None
        places = threading.BoundedSemaphore(readers)
        self._readers = _Readers(_with(self._conninfo, _PLANNED_FOR_VALUES), places)
        self._readers_as_written = _Readers(_with(self._conninfo, _PLANNED_ONCE), places)

    def lead(self) -> bool:
        with self._lock, self._translated():
            if self._writer is not None:
                if _alive(self._writer):
                    return True
                self._writer.close()
                self._writer = None
            writer = psycopg.connect(self._conninfo, autocommit=True)
            try:
                if self._locked_by(writer):
                    self._writer = writer
            finally:
                if self._writer is None:
                    writer.close()
            return self._writer is not None

    def _locked_by(self, writer: psycopg.Connection[Row]) -> bool:
        (mine,) = _one(writer.execute("SELECT pg_try_advisory_lock(%s)", (self._lock_number,)))
        if mine:
            writer.execute(f"CREATE SCHEMA IF NOT EXISTS {self._schema}")
            for statement in BOOKS:
                writer.execute(_in_postgres_words(statement))
        return bool(mine)

    @property
    def _lock_number(self) -> int:
        digest = hashlib.sha256(f"liuhen/views\n{self._schema}".encode()).digest()
        return int.from_bytes(digest[:8], "big", signed=True)

    def _begun(self) -> AbstractContextManager[object]:
        return self._held().transaction()

    def _held(self) -> psycopg.Connection[Row]:
        assert self._writer is not None  # noqa: S101 - transaction() leads first
        return self._writer

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise _postgres_error(error) from error

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        self._outside()
        return self._held().execute(_in_postgres_words(sql), parameters).rowcount

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """By COPY, where the statement does nothing but insert, and not just a few rows."""
        self._outside()
        rows = list(rows)
        plain = _PLAIN_INSERT.fullmatch(sql) if len(rows) > _FEW else None
        with self._held().cursor() as cursor:
            if plain is None:
                cursor.executemany(_in_postgres_words(sql), rows)
                return
            with cursor.copy(f"COPY {plain[1]} FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)

    def forget(self, table: str, record_ids: Sequence[str]) -> None:
        self.execute(f"DELETE FROM {table} WHERE record_id = ANY(?)", (list(record_ids),))

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        return self._ask(self._readers, sql, parameters)

    def query_as_written(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        return self._ask(self._readers_as_written, sql, parameters)

    def _ask(self, readers: _Readers, sql: str, parameters: Sequence[Any]) -> list[Row]:
        words = _in_postgres_words(sql)
        with self._translated():
            if self._writing:
                return self._held().execute(words, parameters).fetchall()
            try:
                with readers.lend() as connection:
                    return connection.execute(words, parameters).fetchall()
            except psycopg.OperationalError:
                # The server was restarted under idle connections: once more, without them.
                readers.hang_up()
                with readers.lend() as connection:
                    return connection.execute(words, parameters).fetchall()

    def stream(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Row]:
        words = _in_postgres_words(sql)
        with self._translated():
            if self._writing:
                yield from _in_pieces(self._held(), words, parameters)
                return
            with self._readers.lend() as connection, connection.transaction():
                yield from _in_pieces(connection, words, parameters)

    def _create(self, statement: str) -> None:
        self.execute(statement)
        for table in CREATED.findall(statement):
            for (column,) in self.query(
                "SELECT attname FROM pg_attribute WHERE attrelid = ?::regclass AND attnum > 0"
                " AND atttypid NOT IN ('int8'::regtype, 'float8'::regtype)",
                (table,),
            ):
                self.execute(f'ALTER TABLE {table} ALTER COLUMN "{column}" SET STATISTICS 0')

    def _drop(self, table: str) -> None:
        self.execute(f"DROP TABLE IF EXISTS {table} CASCADE")

    def clean(self) -> None:
        with self._lock, self._translated():
            if not self.lead():
                raise NotLeading
            tables = [row[0] for row in self.query(_LARGEST_FIRST, (self._schema,))]
            with ThreadPoolExecutor(2, thread_name_prefix="clean") as pool:
                list(pool.map(self._rewrite, tables))

    def _rewrite(self, table: str) -> None:
        """Only FULL: a plain VACUUM leaves a deleted piece as a key of its GIN index."""
        with self._readers.lend() as connection:
            connection.execute(f"VACUUM (FULL) {self._schema}.{table}")

    def close(self) -> None:
        with self._lock:
            self._readers.hang_up()
            self._readers_as_written.hang_up()
            if self._writer is not None:
                self._writer.close()
                self._writer = None


class _Readers:
    """Connections of one kind for one question each; `places` bounds how many are in use."""

    def __init__(self, conninfo: str, places: threading.BoundedSemaphore) -> None:
        self._conninfo, self._places = conninfo, places
        self._idle: list[psycopg.Connection[Row]] = []

    @contextmanager
    def lend(self) -> Iterator[psycopg.Connection[Row]]:
        """A connection; kept for the next question if it still lives."""
        if not self._places.acquire(timeout=10):
            raise ViewDatabaseUnavailable("all connections of the views are busy: try again")
        try:
            reader = self._take()
            try:
                yield reader
            finally:
                if not reader.closed:
                    self._idle.append(reader)
        finally:
            self._places.release()

    def _take(self) -> psycopg.Connection[Row]:
        try:
            return self._idle.pop()
        except IndexError:
            return psycopg.connect(self._conninfo, autocommit=True)

    def hang_up(self) -> None:
        while self._idle:
            self._idle.pop().close()


def _with(conninfo: str, settings: Mapping[str, str]) -> str:
    given = conninfo_to_dict(conninfo)["options"]
    return make_conninfo(
        conninfo, options=" ".join([str(given), *(f"-c {n}={v}" for n, v in settings.items())])
    )


def _alive(connection: psycopg.Connection[Row]) -> bool:
    """Ask: a server that was restarted does not tell an idle connection."""
    try:
        connection.execute("")
    except psycopg.OperationalError:
        return False
    return True


def _in_pieces(
    connection: psycopg.Connection[Row], words: str, parameters: Sequence[Any]
) -> Iterator[Row]:
    with connection.cursor(name="stream") as cursor:
        cursor.itersize = 1000
        yield from cursor.execute(words, parameters)


def _one(cursor: psycopg.Cursor[Row]) -> Row:
    row = cursor.fetchone()
    assert row is not None  # noqa: S101 - a SELECT of one expression
    return row


_LARGEST_FIRST = (
    "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = ?::regnamespace"
    " ORDER BY pg_total_relation_size(oid) DESC"
)
_PLAIN_INSERT = re.compile(r"INSERT INTO (\w+(?: \([\w, ]+\))?) VALUES \([?, ]+\)")
_QUOTED = re.compile(r"('(?:[^']|'')*')")
_WORDS = (
    (re.compile(r"\bCREATE TABLE\b"), "CREATE UNLOGGED TABLE"),
    (re.compile(r"\bINTEGER PRIMARY KEY AUTOINCREMENT\b"),
     "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
    (re.compile(r"\bINTEGER\b"), "BIGINT"),
    (re.compile(r"\bREAL\b"), "DOUBLE PRECISION"),
    (re.compile(r"\bBLOB\b"), "BYTEA"),
    # Bytes decide the order of texts, as in SQLite.
    (re.compile(r"\bTEXT\b(?!\[)"), 'TEXT COLLATE "C"'),
)  # fmt: skip


@lru_cache(maxsize=1024)
def _in_postgres_words(sql: str) -> str:
    """The same statement for psycopg; nothing in quotes is touched but `%`."""
    pieces = _QUOTED.split(sql.replace("%", "%%"))
    creating = sql.lstrip().startswith("CREATE")
    for n in range(0, len(pieces), 2):
        if creating:
            for word, translation in _WORDS:
                pieces[n] = word.sub(translation, pieces[n])
        pieces[n] = pieces[n].replace("?", "%s")
    return "".join(pieces)


def _postgres_error(error: Exception) -> ViewError:
    if isinstance(error, psycopg.errors.UndefinedTable | psycopg.errors.InvalidSchemaName):
        return ViewMissing("its table is not there")
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return ViewDatabaseUnavailable(f"PostgreSQL cannot be reached ({error}): try again")
    name = type(error).__name__
    return ViewError(f"PostgreSQL refused a view's statement: {name}")
