"""The archive in one SQLite file.

The driver is apsw, because it brings its own SQLite: the 3.7.0 to 3.51.2 that a Python is likely
to be linked with can corrupt a write-ahead log when two connections checkpoint at once, and a
server and a command line do open the same archive.

Durability: WAL with `synchronous=FULL` (and `fullfsync` where the system knows it), so a commit
is on the disk when COMMIT returns. Deleted bytes are overwritten (`secure_delete`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from time import monotonic, sleep

import apsw

from archive import schema_steps
from archive.connections import Pool
from archive.instants import micros, moment
from archive.owner_only import own_database
from archive.schema_steps import Step, Steps
from archive.sql import (
    Execute,
    Row,
    SqlStore,
    content_rows,
    event_row,
    find_events,
    find_first,
    find_placed,
    marks,
    raw,
)
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
CREATE TABLE IF NOT EXISTS events (
  leaf_index INTEGER PRIMARY KEY, record_id BLOB NOT NULL, version INTEGER NOT NULL,
  topic TEXT NOT NULL, event_id BLOB UNIQUE, recorded_at INTEGER NOT NULL, number TEXT,
  leaf_hash BLOB NOT NULL, state BLOB NOT NULL, receipt BLOB, UNIQUE (record_id, version)
) STRICT;
CREATE TRIGGER IF NOT EXISTS events_keep BEFORE UPDATE ON events
  BEGIN SELECT RAISE(ABORT, 'events are never updated'); END;
CREATE TRIGGER IF NOT EXISTS events_stay BEFORE DELETE ON events
  BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;
-- INSERT OR REPLACE deletes without asking the trigger above, so a replacement is refused here.
CREATE TRIGGER IF NOT EXISTS events_gapless BEFORE INSERT ON events
  WHEN NEW.leaf_index <> coalesce((SELECT max(leaf_index) + 1 FROM events), 0)
    OR EXISTS (SELECT 1 FROM events WHERE record_id = NEW.record_id AND version = NEW.version)
    OR EXISTS (SELECT 1 FROM events WHERE event_id = NEW.event_id)
  BEGIN SELECT RAISE(ABORT, 'taken, or not the next leaf'); END;
CREATE INDEX IF NOT EXISTS events_internal ON events (topic, leaf_index)
  WHERE substr(topic, 1, 1) = '~';
-- slot = leaf_index * 1024 + n: the table is its own index, a page less to write per commit.
CREATE TABLE IF NOT EXISTS content (
  slot INTEGER PRIMARY KEY, key_id BLOB NOT NULL, wrapped BLOB NOT NULL, ciphertext BLOB
) STRICT;
CREATE INDEX IF NOT EXISTS content_attachments ON content (key_id) WHERE ciphertext IS NULL;
CREATE TRIGGER IF NOT EXISTS content_keep BEFORE UPDATE ON content
  BEGIN SELECT RAISE(ABORT, 'content is never updated'); END;
CREATE TABLE IF NOT EXISTS segments (
  attachment_id BLOB NOT NULL, i INTEGER NOT NULL, staged_at INTEGER NOT NULL,
  ciphertext BLOB NOT NULL, PRIMARY KEY (attachment_id, i)
) STRICT;
CREATE TABLE IF NOT EXISTS idempotency (
  mac BLOB PRIMARY KEY, body_mac BLOB NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL,
  expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sources (
  mac BLOB PRIMARY KEY, first INTEGER NOT NULL, count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counters (
  prefix TEXT NOT NULL, year INTEGER NOT NULL, next INTEGER NOT NULL, PRIMARY KEY (prefix, year)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tiles (
  level INTEGER NOT NULL, n INTEGER NOT NULL, hashes BLOB NOT NULL, PRIMARY KEY (level, n)
) STRICT;
CREATE TABLE IF NOT EXISTS checkpoints (
  id INTEGER PRIMARY KEY, size INTEGER NOT NULL, note BLOB NOT NULL, made_at INTEGER NOT NULL,
  UNIQUE (size, note)
) STRICT;
"""
TIMESTAMPS = """
CREATE TABLE IF NOT EXISTS timestamps (
  id INTEGER PRIMARY KEY, token_hash BLOB NOT NULL UNIQUE, size INTEGER NOT NULL,
  note_hash BLOB NOT NULL, authority TEXT NOT NULL, token BLOB NOT NULL, gen_time INTEGER NOT NULL,
  ends INTEGER NOT NULL, renews BLOB, renewed INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS timestamps_newest ON timestamps (authority, gen_time);
CREATE INDEX IF NOT EXISTS timestamps_ending ON timestamps (ends) WHERE renewed = 0;
"""
COSIGNATURES = """
CREATE TABLE IF NOT EXISTS cosignatures (
  id INTEGER PRIMARY KEY, size INTEGER NOT NULL, witness TEXT NOT NULL, signature BLOB NOT NULL,
  time INTEGER NOT NULL, UNIQUE (size, witness, signature)
) STRICT;
CREATE INDEX IF NOT EXISTS cosignatures_newest ON cosignatures (witness, time);
"""
STAGED = """
CREATE TABLE IF NOT EXISTS staged (
  attachment_id BLOB NOT NULL PRIMARY KEY, owner TEXT NOT NULL, bytes INTEGER NOT NULL,
  staged_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""
STEPS = tuple(Step("0.1.0", each) for each in (SCHEMA, TIMESTAMPS, COSIGNATURES, STAGED))
BUSY_MS = 30_000
PATIENCE = 30.0
"""Seconds that `scrub` waits for readers."""
TRY_MS = 200
"""How long one try to empty the write-ahead log waits for readers."""
MANY, STATEMENTS = 64, 512
"""Rows of one INSERT, and how many prepared statements a writer keeps: one for each number."""
KNOWN_RECORDS = 4096
"""Whose versions are kept from one commit to the next."""
INSERTS = {
    "events": "leaf_index, record_id, version, topic, event_id, recorded_at, number, leaf_hash, "
    "state, receipt",
    "content": "slot, key_id, wrapped, ciphertext",
    "idempotency": "mac, body_mac, first, count, expires",
    "sources": "mac, first, count",
}


def translated(error: apsw.Error) -> StoreError:
    """The refusal that the database's error means, for a statement before COMMIT."""
    if isinstance(error, apsw.FullError):
        return StorageFull("the disk or the database is full; nothing was written: make room")
    if isinstance(error, apsw.BusyError):
        return StoreUnavailable("another process holds the archive; nothing was written: retry")
    return StoreUnavailable(f"the database file cannot be used ({error}); nothing was written")


def rows_of(
    connection: apsw.Connection, statement: str, params: Sequence[object] = ()
) -> list[Row]:
    try:
        rows: list[Row] = connection.execute(statement, params).fetchall()  # type: ignore[assignment]
    except UnicodeDecodeError:
        raise StoreCorrupt("text in the database file is damaged: restore a backup") from None
    return rows


@lru_cache(maxsize=STATEMENTS)
def insertion(table: str, rows: int) -> str:
    """One statement for many rows: each statement gives up the interpreter lock once."""
    columns = INSERTS[table]
    one = f"({marks(columns.count(',') + 1)})"
    return f"INSERT INTO {table} ({columns}) VALUES {','.join([one] * rows)}"


def insert(connection: apsw.Connection, table: str, rows: Sequence[Row]) -> None:
    """As few statements as can be: a usual group is one, and the driver keeps it prepared."""
    for at in range(0, len(rows), MANY):
        part = rows[at : at + MANY]
        connection.execute(insertion(table, len(part)), tuple(chain.from_iterable(part)))


def use_wal(connection: apsw.Connection) -> None:
    """Two processes may make the file at once: SQLite does not wait where both change its mode."""
    end = monotonic() + BUSY_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
        except apsw.BusyError:
            if monotonic() > end:
                raise
            sleep(0.01)
        else:
            return


class Writer:
    """The one connection of this process that writes; held by one thread at a time."""

    def __init__(self, path: Path, steps: Steps) -> None:
        own_database(path)
        self.connection = apsw.Connection(str(path), statementcachesize=STATEMENTS)
        self.connection.set_busy_timeout(BUSY_MS)
        try:
            use_wal(self.connection)
            for pragma in (
                "synchronous = FULL",
                "fullfsync = ON",
                "secure_delete = ON",
                # Ids are random, so pages of the indexes are written again and again: fewer, larger
                # checkpoints (40 MB of log) write each of them once, and 64 MB keep them at hand.
                "wal_autocheckpoint = 10000",
                "cache_size = -65536",
            ):
                self.run(f"PRAGMA {pragma}")
            self._bring_up(path.name, steps)
        except BaseException as error:
            self.connection.close()
            if isinstance(error, apsw.Error):
                raise translated(error) from error
            raise
        self.lock = threading.Lock()
        self.left: Left | None = None

    def _bring_up(self, name: str, steps: Steps) -> None:
        """Two processes may open an old file at once: the second finds the steps taken."""
        if not schema_steps.lacking(name, steps, self._taken()):
            return
        self.run("BEGIN IMMEDIATE")
        try:
            for number, step in schema_steps.lacking(name, steps, self._taken()):
                self.connection.execute(f"{schema_steps.TABLE} {step.statements}")
                self.run(schema_steps.TAKE, (number, step.program))
            self.run("COMMIT")
        finally:
            if self.connection.in_transaction:
                self.run("ROLLBACK")

    def _taken(self) -> list[Row]:
        wanted = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?"
        return self.run(schema_steps.TAKEN) if self.run(wanted, (schema_steps.NAME,)) else []

    def run(self, statement: str, params: Sequence[object] = ()) -> list[Row]:
        return rows_of(self.connection, statement, params)

    def take(self) -> None:
        self.lock.acquire()
        try:
            self.connection.execute("BEGIN IMMEDIATE")
        except BaseException as error:
            self.lock.release()
            if isinstance(error, apsw.Error):
                raise translated(error) from error
            raise

    @contextmanager
    def writing(self) -> Iterator[Execute]:
        """A transaction of its own, durable at the end."""
        self.take()
        try:
            yield self.run
            self.connection.execute("COMMIT")
        except apsw.Error as error:
            raise translated(error) from error
        finally:
            self.give()

    def scrub(self) -> None:
        """Write the living rows to new pages, and empty the write-ahead log.

        StoreUnavailable: a reader holds old pages in it for longer than PATIENCE.
        """
        end = monotonic() + PATIENCE
        try:
            with self.lock:
                self.run("VACUUM")
            while not self._log_emptied():
                if monotonic() > end:
                    raise StillRead
                sleep(0.02)
        except apsw.Error as error:
            raise translated(error) from error

    def _log_emptied(self) -> bool:
        """Each try is short: writers, too, wait while it goes on."""
        with self.lock:
            self.connection.set_busy_timeout(TRY_MS)
            try:
                ((busy, _, _),) = self.run("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                self.connection.set_busy_timeout(BUSY_MS)
        return not busy

    def give(self) -> None:
        """End the turn; what was not committed is rolled back."""
        try:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
        finally:
            self.lock.release()


def connect_reader(path: Path) -> apsw.Connection:
    """It never checkpoints, so that only the writer touches the database file."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    connection.set_busy_timeout(BUSY_MS)
    connection.wal_autocheckpoint(0)
    connection.execute("PRAGMA query_only = ON").fetchall()
    return connection


@dataclass(slots=True)
class Left:
    """What the last commit of this process left behind: true while the file is as it left it.

    `data_version` changes with every transaction that changed the file, in whichever process.
    """

    data_version: int
    head: Head
    versions: dict[str, int]
    counters: dict[tuple[str, int], int]
    prefixes: set[str]
    """Those of which every counter is among `counters`."""

    def take_over(self, found: Found, ask: Ask, batch: Batch) -> None:
        """What a commit found and wrote."""
        last = batch.events[-1].row
        self.head = Head(last.leaf_index + 1, last.recorded_at)
        if len(self.versions) > KNOWN_RECORDS:
            self.versions.clear()
        self.versions.update(found.versions)
        self.versions.update((new.row.record_id, new.row.version) for new in batch.events)
        self.prefixes.update(ask.prefixes)
        self.counters.update(found.counters)
        self.counters.update(batch.counters)


class SQLiteTransaction:
    """Holds the writer from BEGIN IMMEDIATE to the end."""

    def __init__(self, writer: Writer, ask: Ask) -> None:
        self._writer, self._ask = writer, ask
        self._run = writer.run
        writer.take()
        self._open = True
        try:
            self._left = self._left_behind()
            self.found = self._find(ask)
        except apsw.Error as error:
            self.rollback()
            raise translated(error) from error

    def _left_behind(self) -> Left:
        left, version = self._writer.left, self._writer.connection.data_version()
        if left is None or left.data_version != version:
            left = Left(version, self._head(), {}, {}, set())
        self._writer.left = None  # until this transaction is over, one way or the other
        return left

    def _head(self) -> Head:
        last = self._run(
            "SELECT leaf_index, recorded_at FROM events ORDER BY leaf_index DESC LIMIT 1"
        )
        return Head(last[0][0] + 1, moment(last[0][1])) if last else Head(0, None)

    def _find(self, ask: Ask) -> Found:
        return Found(
            head=self._left.head,
            versions=self._versions(ask.records),
            idempotency={
                row[0]: Span(row[1], row[2], row[3])
                for row in self._each(
                    "SELECT mac, first, count, body_mac FROM idempotency WHERE mac IN",
                    ask.idempotency,
                )
            },
            sources={
                row[0]: Span(row[1], row[2])
                for row in self._each(
                    "SELECT mac, first, count FROM sources WHERE mac IN", ask.sources
                )
            },
            attachments=frozenset(
                row[0].hex()
                for row in self._each(
                    "SELECT DISTINCT attachment_id FROM segments WHERE attachment_id IN",
                    [raw(attachment) for attachment in ask.attachments],
                )
            ),
            counters=self._counters(ask.prefixes),
        )

    def _versions(self, records: Sequence[str]) -> Mapping[str, int]:
        known = self._left.versions
        found = {record: known.get(record, 0) for record in records}
        sql = "SELECT record_id, max(version) FROM events WHERE record_id IN"
        unknown = [raw(record) for record in found if record not in known]
        for row in self._each(sql, unknown, "GROUP BY record_id"):
            found[row[0].hex()] = row[1]
        return found

    def _counters(self, prefixes: Sequence[str]) -> Mapping[tuple[str, int], int]:
        known = self._left
        found = {key: n for key, n in known.counters.items() if key[0] in prefixes}
        for row in self._each(
            "SELECT prefix, year, next FROM counters WHERE prefix IN",
            [prefix for prefix in prefixes if prefix not in known.prefixes],
        ):
            found[row[0], row[1]] = row[2]
        return found

    def _each(self, sql: str, wanted: Sequence[object], tail: str = "") -> Iterator[Row]:
        for at in range(0, len(wanted), 64):
            part = list(wanted[at : at + 64])
            part += part[-1:] * (-len(part) % 8 if len(part) > 1 else 0)
            yield from self._run(f"{sql} ({marks(len(part))}) {tail}", part)

    def events(self, event_ids: Sequence[str]) -> dict[str, StoredEvent]:
        return find_events(self._run, event_ids)

    def placed(self, span: Span) -> list[tuple[StoredEvent, bytes | None]]:
        return find_placed(self._run, span)

    def first_of(self, quiet: Quiet) -> int | None:
        try:
            return find_first(self._run, quiet)
        except apsw.Error as error:
            raise translated(error) from error

    def commit(self, batch: Batch) -> None:
        connection = self._writer.connection
        try:
            self._insert(connection, batch)
        except apsw.ConstraintError as error:
            self.rollback()
            raise DuplicateEvent(batch.events[0].row.event_id or "(library)") from error
        except apsw.Error as error:
            self.rollback()
            raise translated(error) from error
        try:
            connection.execute("COMMIT")
            self._leave(batch)
        except (apsw.FullError, apsw.BusyError) as error:
            raise translated(error) from error
        except apsw.Error as error:
            # The commit frame may have reached the file before the disk reported its failure.
            raise OutcomeUnknown(
                f"the disk failed during COMMIT ({error}): retry with the same Idempotency-Key"
            ) from error
        finally:
            self.rollback()

    def _leave(self, batch: Batch) -> None:
        left, writer = self._left, self._writer
        left.take_over(self.found, self._ask, batch)
        left.data_version = writer.connection.data_version()
        writer.left = left

    def _insert(self, connection: apsw.Connection, batch: Batch) -> None:
        insert(connection, "events", [event_row(new) for new in batch.events])
        insert(connection, "content", content_rows(batch.events))
        insert(
            connection,
            "idempotency",
            [
                (key.mac, key.body_mac, span.first, span.count, micros(key.expires))
                for key, span in batch.idempotency
            ],
        )
        insert(connection, "sources", [(m, s.first, s.count) for m, s in batch.sources])
        for (prefix, year), following in batch.counters.items():
            connection.execute(
                "INSERT INTO counters VALUES (?, ?, ?) "
                "ON CONFLICT (prefix, year) DO UPDATE SET next = excluded.next",
                (prefix, year, following),
            )

    def rollback(self) -> None:
        if self._open:
            self._open = False
            self._writer.give()


class SQLiteStore(SqlStore):
    """One writing connection per process; readers see the last commit, never wait for it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pinned = threading.local()
        try:
            self._writer = Writer(path, STEPS)
        except apsw.Error as error:
            raise translated(error) from error
        self._pool: Pool[apsw.Connection] = Pool(
            lambda: connect_reader(path), apsw.Connection.close, lambda _: False
        )

    def _writing(self) -> AbstractContextManager[Execute]:
        return self._writer.writing()

    def _lock_head(self, run: Execute) -> None:
        """BEGIN IMMEDIATE did."""

    def begin(self, ask: Ask) -> WriteTransaction:
        return SQLiteTransaction(self._writer, ask)

    # -- readers ---------------------------------------------------------------------------
    def _read(self, statement: str, params: Sequence[object] = ()) -> list[Row]:
        pinned: apsw.Connection | None = getattr(self._pinned, "connection", None)
        try:
            if pinned is not None:
                return rows_of(pinned, statement, params)
            with self._pool.lend() as connection:
                return rows_of(connection, statement, params)
        except apsw.Error as error:
            raise translated(error) from error

    def audit_structure(self) -> list[str]:
        rows = self._read("PRAGMA integrity_check(20)")
        return [str(row[0]) for row in rows if row[0] != "ok"]

    @contextmanager
    def reading(self) -> Iterator[None]:
        with self._pool.lend() as connection:
            try:
                connection.execute("BEGIN; SELECT max(leaf_index) FROM events").fetchall()
                self._pinned.connection = connection
                try:
                    yield
                finally:
                    del self._pinned.connection
                    connection.execute("COMMIT")
            except apsw.Error as error:  # of a file that is damaged, also at the end
                raise translated(error) from error

    # -- copies ----------------------------------------------------------------------------
    def _copy_in(self, target: Table, rows: Sequence[Row]) -> None:
        with self._writer.writing():
            self._writer.connection.executemany(
                f"INSERT INTO {target.name} ({', '.join(target.names)}) "
                f"VALUES ({marks(len(target.columns))})",
                rows,
            )

    def copied_in(self) -> None:
        """The log is its own head here."""

    # -- housekeeping ----------------------------------------------------------------------
    def scrub(self) -> None:
        self._writer.scrub()

    def close(self) -> None:
        self._pool.close()
        with self._writer.lock:
            self._writer.connection.close()
