"""The archive in a PostgreSQL schema, for several server processes at once.

One row of `head` orders all writers: it is locked first, and what a writer then reads stays true
until it commits. `synchronous_commit` is never less than what the server's own durability is.
Everything that a group needs is asked in one round trip, and written with its COMMIT in another.

The schema's owner can do anything; let the archive run as a role that was granted only
SELECT and INSERT on `events` (and DELETE on `content` and `segments` for disposal), so that the
triggers below are a second lock and not the only one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from itertools import count
from time import monotonic, sleep
from typing import Any

import psycopg
from psycopg import sql

from archive import schema_steps
from archive.connections import Pool
from archive.exchange import Answer, Exchange, Value, array, encoded, number
from archive.instants import micros, moment
from archive.schema_steps import Step, Steps
from archive.sql import (
    OF_EVENT,
    Execute,
    Row,
    SqlStore,
    content_rows,
    event_row,
    find_events,
    find_first,
    find_placed,
    raw,
)
from archive.sql_audit import PARTS
from archive.sql_copy import Table
from archive.store import (
    Ask,
    Batch,
    DuplicateEvent,
    Found,
    Head,
    OutcomeUnknown,
    Quiet,
    Span,
    StillRead,
    StorageFull,
    StoreCorrupt,
    StoredEvent,
    StoreError,
    StoreUnavailable,
    WriteTransaction,
)

SCHEMA = """
CREATE TABLE IF NOT EXISTS head (
  one boolean PRIMARY KEY DEFAULT true CHECK (one), size bigint NOT NULL, recorded_at bigint
) WITH (fillfactor = 10);
INSERT INTO head (size) VALUES (0) ON CONFLICT DO NOTHING;
CREATE TABLE IF NOT EXISTS events (
  leaf_index bigint PRIMARY KEY, record_id bytea NOT NULL, version bigint NOT NULL,
  topic text NOT NULL, event_id bytea UNIQUE, recorded_at bigint NOT NULL, number text,
  leaf_hash bytea NOT NULL, state bytea NOT NULL, receipt bytea, UNIQUE (record_id, version)
) WITH (toast_tuple_target = 8160);
CREATE INDEX IF NOT EXISTS events_internal ON events (topic, leaf_index)
  WHERE substr(topic, 1, 1) = '~';
CREATE TABLE IF NOT EXISTS content (
  slot bigint PRIMARY KEY, key_id bytea NOT NULL, wrapped bytea NOT NULL, ciphertext bytea
);
CREATE INDEX IF NOT EXISTS content_attachments ON content (key_id) WHERE ciphertext IS NULL;
CREATE TABLE IF NOT EXISTS segments (
  attachment_id bytea NOT NULL, i bigint NOT NULL, staged_at bigint NOT NULL,
  ciphertext bytea NOT NULL, PRIMARY KEY (attachment_id, i)
);
CREATE TABLE IF NOT EXISTS idempotency (
  mac bytea PRIMARY KEY, body_mac bytea NOT NULL, first bigint NOT NULL, count bigint NOT NULL,
  expires bigint NOT NULL
);
CREATE TABLE IF NOT EXISTS sources (
  mac bytea PRIMARY KEY, first bigint NOT NULL, count bigint NOT NULL
);
CREATE TABLE IF NOT EXISTS counters (
  prefix text NOT NULL, year bigint NOT NULL, next bigint NOT NULL, PRIMARY KEY (prefix, year)
);
CREATE TABLE IF NOT EXISTS tiles (
  level bigint NOT NULL, n bigint NOT NULL, hashes bytea NOT NULL, PRIMARY KEY (level, n)
);
CREATE TABLE IF NOT EXISTS checkpoints (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, size bigint NOT NULL, note bytea NOT NULL,
  made_at bigint NOT NULL, UNIQUE (size, note)
);
-- Ciphertext does not compress: do not try.
ALTER TABLE content ALTER COLUMN ciphertext SET STORAGE EXTERNAL;
ALTER TABLE segments ALTER COLUMN ciphertext SET STORAGE EXTERNAL;
CREATE OR REPLACE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS
  $$BEGIN RAISE EXCEPTION '% is never changed by %', TG_TABLE_NAME, TG_OP; END$$;
CREATE OR REPLACE TRIGGER events_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON events
  FOR EACH STATEMENT EXECUTE FUNCTION never();
CREATE OR REPLACE TRIGGER content_keep BEFORE UPDATE OR TRUNCATE ON content
  FOR EACH STATEMENT EXECUTE FUNCTION never();
"""
TIMESTAMPS = """
CREATE TABLE IF NOT EXISTS timestamps (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, token_hash bytea NOT NULL UNIQUE,
  size bigint NOT NULL, note_hash bytea NOT NULL, authority text NOT NULL, token bytea NOT NULL,
  gen_time bigint NOT NULL, ends bigint NOT NULL, renews bytea, renewed bigint NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS timestamps_newest ON timestamps (authority, gen_time);
CREATE INDEX IF NOT EXISTS timestamps_ending ON timestamps (ends) WHERE renewed = 0;
"""
COSIGNATURES = """
CREATE TABLE IF NOT EXISTS cosignatures (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, size bigint NOT NULL, witness text NOT NULL,
  signature bytea NOT NULL, time bigint NOT NULL, UNIQUE (size, witness, signature)
);
CREATE INDEX IF NOT EXISTS cosignatures_newest ON cosignatures (witness, time);
"""
STAGED = """
CREATE TABLE IF NOT EXISTS staged (
  attachment_id bytea PRIMARY KEY, owner text NOT NULL, bytes bigint NOT NULL,
  staged_at bigint NOT NULL
);
"""
STEPS = tuple(Step("0.1.0", each) for each in (SCHEMA, TIMESTAMPS, COSIGNATURES, STAGED))
SETTINGS = {
    # A process that hangs while it holds the head would stop all others.
    "idle_in_transaction_session_timeout": "15s",
    "lock_timeout": "30s",
    "client_min_messages": "warning",
}
PATIENCE = 30.0
"""Seconds that `scrub` waits for readers."""
OLDER_SNAPSHOTS = (
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() "
    "AND backend_type = 'client backend' AND pid <> pg_backend_pid() "
    "AND age(backend_xmin) > age(%s::text::xid8::xid) LIMIT 1"
)
INSERTS = {
    "events": (
        "leaf_index, record_id, version, topic, event_id, recorded_at, number, leaf_hash, "
        "state, receipt",
        "bigint bytea bigint text bytea bigint text bytea bytea bytea",
    ),
    "content": (
        "slot, key_id, wrapped, ciphertext",
        "bigint bytea bytea bytea",
    ),
    "idempotency": (
        "mac, body_mac, first, count, expires",
        "bytea bytea bigint bigint bigint",
    ),
    "sources": ("mac, first, count", "bytea bigint bigint"),
    "counters": ("prefix, year, next", "text bigint bigint"),
}
HEAD = "SELECT size, recorded_at FROM head FOR UPDATE"
FINDS = (
    "SELECT 0, r, NULL::text, coalesce((SELECT max(version) FROM events WHERE record_id = r), 0), "
    "0::bigint, NULL::bytea FROM unnest({}::bytea[]) r",
    "SELECT 1, mac, NULL, first, count, body_mac FROM idempotency WHERE mac = ANY({}::bytea[])",
    "SELECT 2, mac, NULL, first, count, NULL FROM sources WHERE mac = ANY({}::bytea[])",
    "SELECT DISTINCT 3, attachment_id, NULL, 0::bigint, 0::bigint, NULL::bytea FROM segments "
    "WHERE attachment_id = ANY({}::bytea[])",
    "SELECT 4, NULL, prefix, year, next, NULL FROM counters WHERE prefix = ANY({}::text[])",
)
COPIED = {"int": "int8", "bytes": "bytea", "text": "text"}
"""How a column of a copied table is sent."""
Connection = psycopg.Connection[tuple[Any, ...]]


class ConnectionLost(StoreUnavailable):
    """The connection broke before COMMIT was sent; a new one may do better."""


def lost(error: psycopg.Error) -> bool:
    """Whether the server is gone: no code at all, class 08, or a shutdown (57P01 to 57P05)."""
    return isinstance(error, psycopg.OperationalError) and (
        error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))
    )


def idle(connection: Connection) -> bool:
    return connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def translated(error: psycopg.Error) -> StoreError:
    """The refusal that the database's error means, for a statement before COMMIT."""
    if lost(error):
        return ConnectionLost("the connection to the database broke; nothing was written: retry")
    if isinstance(error, psycopg.errors.DiskFull):
        return StorageFull("the database server's disk is full; nothing was written: make room")
    said = str(error).strip().split("\n", 1)[0]
    return StoreUnavailable(f"the database does not answer ({said}); nothing was written: retry")


@lru_cache(maxsize=64)
def insertion(tables: tuple[str, ...], single: bool) -> str:
    """One statement for all tables: a row each as plain values, more rows as arrays of columns.

    Values are less work for the server, arrays need only one statement for any number.
    """
    parts, marks = [], (f"${n}" for n in count(1))
    for table in tables:
        columns, types = INSERTS[table]
        kinds = types.split()
        rows = (
            f"VALUES ({', '.join(f'{next(marks)}::{kind}' for kind in kinds)})"
            if single
            else f"SELECT * FROM unnest({', '.join(f'{next(marks)}::{kind}[]' for kind in kinds)})"
        )
        tail = " ON CONFLICT (prefix, year) DO UPDATE SET next = excluded.next"
        parts.append(
            f"new_{table} AS (INSERT INTO {table} ({columns}) {rows}"
            f"{tail if table == 'counters' else ''})"
        )
    return (
        f"WITH {', '.join(parts)} "
        f"UPDATE head SET size = {next(marks)}::bigint, recorded_at = {next(marks)}::bigint"
    )


def inserted(tables: Sequence[tuple[str, list[Row]]], single: bool) -> list[Value]:
    """The values of `insertion`, without those of the head."""
    values: list[Value] = []
    for table, rows in tables:
        for kind, column in zip(INSERTS[table][1].split(), zip(*rows, strict=True), strict=True):
            values.append(encoded(kind, column[0]) if single else array(kind, column))
    return values


@lru_cache(maxsize=32)
def finding(wanted: tuple[bool, ...]) -> str:
    """All questions of a group as one statement."""
    chosen = [find for find, want in zip(FINDS, wanted, strict=True) if want]
    return " UNION ALL ".join(find.format(f"${n}") for n, find in enumerate(chosen, 1))


@lru_cache(maxsize=256)
def spelled(statement: str) -> str:
    """The shared statements are written with `?`; none of them has a percent sign."""
    return statement.replace("?", "%b")


def rows_of(connection: Connection, statement: str, params: Sequence[object] = ()) -> list[Row]:
    cursor = connection.execute(spelled(statement), params, prepare=True, binary=True)
    return list(cursor.fetchall()) if cursor.description else []


def batch_rows(batch: Batch) -> Iterator[tuple[str, list[Row]]]:
    yield "events", [event_row(new) for new in batch.events]
    yield "content", content_rows(batch.events)
    yield (
        "idempotency",
        [
            (key.mac, key.body_mac, span.first, span.count, micros(key.expires))
            for key, span in batch.idempotency
        ],
    )
    yield "sources", [(mac, span.first, span.count) for mac, span in batch.sources]
    yield "counters", [(p, year, following) for (p, year), following in batch.counters.items()]


def connect(dsn: str, schema: str) -> Connection:
    """A connection in autocommit; transactions are begun in words."""
    try:
        connection: Connection = psycopg.connect(
            dsn,
            autocommit=True,
            keepalives_idle=10,
            keepalives_interval=5,
            tcp_user_timeout=20_000,
            connect_timeout=10,
        )
        for name, value in {**SETTINGS, "search_path": schema}.items():
            connection.execute("SELECT set_config(%s, %s, false)", (name, value))
        connection.execute(
            "SELECT set_config('synchronous_commit', 'on', false) "
            "WHERE current_setting('synchronous_commit') IN ('off', 'local')"
        )
    except psycopg.Error as error:
        raise translated(error) from error
    return connection


def create(connection: Connection, schema: str, steps: Steps) -> None:
    """Two processes may start at once: the advisory lock lets one take the steps that lack."""
    what = f"the schema {schema} of the database"
    if not schema_steps.lacking(what, steps, _taken(connection)):
        return
    try:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(hashtext('liuhen schema'))")
            name = sql.Identifier(schema)
            connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(name))
            connection.execute(schema_steps.TABLE)
            for number, step in schema_steps.lacking(what, steps, _taken(connection)):
                connection.execute(step.statements)
                connection.execute(spelled(schema_steps.TAKE), (number, step.program))
    except psycopg.errors.InsufficientPrivilege as error:
        raise StoreUnavailable(
            f"{what} lacks tables that this version needs, and this role may not make them: run "
            "one command, such as `liuhen check`, as the role that made the others"
        ) from error


def _taken(connection: Connection) -> list[Row]:
    there = connection.execute("SELECT to_regclass(%s)", (schema_steps.NAME,)).fetchall()
    return list(connection.execute(schema_steps.TAKEN).fetchall()) if there[0][0] else []


@contextmanager
def writing(connection: Connection) -> Iterator[Execute]:
    """A transaction of its own, durable at the end."""

    def run(statement: str, params: Sequence[object] = ()) -> list[Row]:
        return rows_of(connection, statement, params)

    try:
        with connection.transaction():
            yield run
    except psycopg.Error as error:
        raise translated(error) from error


def outwait(connection: Connection) -> None:
    """Wait until nobody sees the database as it was before now. StillRead after PATIENCE."""
    ((now,),) = connection.execute("SELECT pg_current_xact_id()::text").fetchall()
    end = monotonic() + PATIENCE
    while connection.execute(OLDER_SNAPSHOTS, (now,)).fetchall():
        if monotonic() > end:
            raise StillRead
        sleep(0.02)


class PostgresTransaction:
    """Holds the row of `head`, and the writing connection of this process."""

    def __init__(self, writer: Writer, ask: Ask) -> None:
        self._writer = writer
        self._exchange = writer.take()
        self._connection = self._exchange.connection
        self._open = True
        try:
            self.found = self._find(ask)
        except psycopg.Error as error:
            if lost(error):
                self._connection.close()
            self.rollback()
            raise translated(error) from error
        except BaseException:  # StoreCorrupt among them: whoever comes next must find the turn free
            self.rollback()
            raise

    def _run(self, statement: str, params: Sequence[object] = ()) -> list[Row]:
        return rows_of(self._connection, statement, params)

    def _find(self, ask: Ask) -> Found:
        asks: tuple[tuple[str, Sequence[Any]], ...] = (
            ("bytea", [raw(record) for record in dict.fromkeys(ask.records)]),
            ("bytea", ask.idempotency),
            ("bytea", ask.sources),
            ("bytea", [raw(attachment) for attachment in ask.attachments]),
            ("text", ask.prefixes),
        )
        values = [array(kind, wanted) for kind, wanted in asks if wanted]
        find = finding(tuple(bool(wanted) for _, wanted in asks))
        # Not one statement: what it reads must be as it is once the head is held.
        _, head, *answers = self._exchange(
            ("BEGIN", ()), (HEAD, ()), *([(find, values)] if values else [])
        )
        rows = [
            (number(n), key or b"", (name or b"").decode(), number(first), number(second), body)
            for answer in answers
            for n, key, name, first, second, body in answer
        ]
        return Found(
            head=self._head(head),
            versions={row[1].hex(): row[3] for row in rows if row[0] == 0},
            idempotency={row[1]: Span(row[3], row[4], row[5]) for row in rows if row[0] == 1},
            sources={row[1]: Span(row[3], row[4]) for row in rows if row[0] == 2},
            attachments=frozenset(row[1].hex() for row in rows if row[0] == 3),
            counters={(row[2], row[3]): row[4] for row in rows if row[0] == 4},
        )

    @staticmethod
    def _head(rows: Answer) -> Head:
        if not rows:
            raise StoreCorrupt("the row of `head` is gone: restore it from the last leaf")
        size, recorded_at = rows[0]
        return Head(number(size), None if recorded_at is None else moment(number(recorded_at)))

    def events(self, event_ids: Sequence[str]) -> dict[str, StoredEvent]:
        try:
            return find_events(self._run, event_ids)
        except psycopg.Error as error:
            raise translated(error) from error

    def placed(self, span: Span) -> list[tuple[StoredEvent, bytes | None]]:
        try:
            return find_placed(self._run, span)
        except psycopg.Error as error:
            raise translated(error) from error

    def first_of(self, quiet: Quiet) -> int | None:
        try:
            return find_first(self._run, quiet)
        except psycopg.Error as error:
            raise translated(error) from error

    def commit(self, batch: Batch) -> None:
        try:
            self._send(batch)
        except psycopg.errors.UniqueViolation as error:
            raise DuplicateEvent(batch.events[0].row.event_id or "(library)") from error
        except psycopg.Error as error:
            # A refusal of the server came before COMMIT; only a lost connection leaves it open.
            if not lost(error):
                raise translated(error) from error
            self._connection.close()
            raise OutcomeUnknown(
                "the connection to the database broke during COMMIT: retry with the same "
                "Idempotency-Key"
            ) from error
        finally:
            self.rollback()

    def _send(self, batch: Batch) -> None:
        tables = [(table, rows) for table, rows in batch_rows(batch) if rows]
        single = all(len(rows) == 1 for _, rows in tables)
        last = batch.events[-1].row
        head = (last.leaf_index + 1, micros(last.recorded_at))
        values = [*inserted(tables, single), *(encoded("bigint", each) for each in head)]
        statement = insertion(tuple(table for table, _ in tables), single)
        self._exchange((statement, values), ("COMMIT", ()))

    def rollback(self) -> None:
        if self._open:
            self._open = False
            self._writer.give()


class Writer:
    """The one connection of this process that places leaves; reconnects when it was lost."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._exchange: Exchange | None = None
        self._lock = threading.Lock()

    def take(self) -> Exchange:
        self._lock.acquire()
        try:
            if self._exchange is None:
                self._exchange = Exchange(self._connect())
            return self._exchange
        except BaseException:
            self._lock.release()
            raise

    def give(self) -> None:
        """End the turn; what was not committed is rolled back, a lost connection is dropped."""
        try:
            exchange = self._exchange
            if exchange is None:
                return
            if not idle(exchange.connection):
                with suppress(psycopg.Error):  # by the driver it would forget what is prepared
                    exchange(("ROLLBACK", ()))
            if exchange.connection.closed:
                self._exchange = None
        finally:
            self._lock.release()

    def close(self) -> None:
        with self._lock:
            if self._exchange is not None:
                self._exchange.connection.close()
            self._exchange = None


class PostgresStore(SqlStore):
    """Any number of processes may hold one; readers see the last commit and never wait."""

    # A join by range is estimated at a ninth of the table, and then done by reading all of it; what
    # is limited is looked up for each event.
    _owned = (
        f"events e CROSS JOIN LATERAL (SELECT * FROM content c WHERE {OF_EVENT} "
        f"ORDER BY c.slot LIMIT {PARTS}) c"
    )

    def __init__(self, dsn: str, schema: str = "liuhen") -> None:
        self._dsn, self._schema = dsn, schema
        self._pinned = threading.local()
        self._pool: Pool[Connection] = Pool(
            self._connect, psycopg.Connection.close, lambda connection: connection.closed
        )
        self._writer = Writer(self._connect)
        with self._pool.closed_on_error(), self._pool.lend() as connection:
            create(connection, schema, STEPS)

    def _connect(self) -> Connection:
        return connect(self._dsn, self._schema)

    # -- writers ---------------------------------------------------------------------------
    def begin(self, ask: Ask) -> WriteTransaction:
        try:
            return PostgresTransaction(self._writer, ask)
        except ConnectionLost:  # while it lay idle, most likely: nothing was written, once more
            return PostgresTransaction(self._writer, ask)

    @contextmanager
    def _writing(self) -> Iterator[Execute]:
        with self._pool.lend() as connection, writing(connection) as run:
            yield run

    def _lock_head(self, run: Execute) -> None:
        run("SELECT size FROM head FOR UPDATE")

    # -- readers ---------------------------------------------------------------------------
    def _read(self, statement: str, params: Sequence[object] = ()) -> list[Row]:
        pinned: Connection | None = getattr(self._pinned, "connection", None)
        if pinned is not None:
            return self._reading(pinned, statement, params)
        try:
            with self._pool.lend() as connection:
                return self._reading(connection, statement, params)
        except ConnectionLost:
            self._pool.drop_idle()
            with self._pool.lend() as connection:
                return self._reading(connection, statement, params)

    @staticmethod
    def _reading(connection: Connection, statement: str, params: Sequence[object]) -> list[Row]:
        try:
            return rows_of(connection, statement, params)
        except psycopg.Error as error:
            if lost(error):
                connection.close()
            raise translated(error) from error

    @contextmanager
    def reading(self) -> Iterator[None]:
        with self._pool.lend() as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            self._pinned.connection = connection
            try:
                yield
            finally:
                del self._pinned.connection

    # -- copies ----------------------------------------------------------------------------
    def _copy_in(self, target: Table, rows: Sequence[Row]) -> None:
        into = f"COPY {target.name} ({', '.join(target.names)}) FROM STDIN (FORMAT BINARY)"
        types = [COPIED[kind.removesuffix("?")] for _, kind in target.columns]
        with (
            self._pool.lend() as connection,
            writing(connection),
            connection.cursor() as cursor,
            cursor.copy(into) as copy,
        ):
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)

    def copied_in(self) -> None:
        with self._writing() as run:
            run(
                "UPDATE head SET size = (SELECT count(*) FROM events), "
                "recorded_at = (SELECT recorded_at FROM events ORDER BY leaf_index DESC LIMIT 1)"
            )

    # -- housekeeping ----------------------------------------------------------------------
    def scrub(self) -> None:
        """VACUUM FULL writes the living rows to new files and removes the old ones.

        It would also write those that an older snapshot still sees, so that is waited for.
        """
        with self._pool.lend() as connection:
            try:
                outwait(connection)
                connection.execute("VACUUM FULL content, segments, idempotency")
                connection.execute("CHECKPOINT")
            except psycopg.errors.InsufficientPrivilege:
                pass  # CHECKPOINT needs pg_checkpoint; the log holds only ciphertext anyway
            except psycopg.Error as error:
                raise translated(error) from error

    def close(self) -> None:
        self._pool.close()
        self._writer.close()
