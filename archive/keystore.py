"""The keys of the records, in a store of their own, wrapped under a master kept outside it.

A record's key is made before its first event, so archive and key store need no common
transaction; a key without a record is harmless. To destroy keys is to delete their rows, wrap all
living ones under a new master, and remove the old master: from then on no older backup of this
store opens anything that was destroyed. What is left of the old master on worn flash cells or in
a backup of the master's folder is outside our reach: never back that folder up together with
this store.
"""

from __future__ import annotations

import os
import secrets
import threading
from abc import ABC, abstractmethod
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import apsw
import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from archive import postgres, sqlite
from archive.connections import Pool
from archive.evidence.content import unwrap_record_key, wrap_record_key
from archive.evidence.errors import ContentError
from archive.evidence.randomness import Ahead
from archive.instants import micros
from archive.masters import KeyStoreError, Master, MasterMissing, Masters
from archive.schema_steps import Step
from archive.sql import Execute, Row, raw
from archive.sql_copy import batches

TABLES = """
CREATE TABLE IF NOT EXISTS record_keys (
  record_id BLOB NOT NULL PRIMARY KEY, wrapped BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS destroyed (
  record_id BLOB NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS secrets (
  name TEXT NOT NULL PRIMARY KEY, wrapped BLOB NOT NULL, expires INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS generation (
  one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""
STEPS = (Step("0.1.0", TABLES),)
CACHED = 20_000
AHEAD_FIRST, AHEAD_MOST = 16, 512
CHUNK = 5_000
_drawn = Ahead(16 + 32, 64)
"""A record's id and its key."""


class KeyDestroyed(KeyStoreError):
    """There is no key of this record: it was destroyed, or never made. Content stays closed."""

    def __init__(self, record_id: str) -> None:
        super().__init__(f"the key of record {record_id} does not exist (any more)")
        self.record_id = record_id


class KeyStore(ABC):
    """Called from any thread; several processes may share one store and one master folder."""

    def __init__(self, master_dir: Path) -> None:
        self._masters = Masters(master_dir)
        self._cache: OrderedDict[str, bytes] = OrderedDict()
        self._ahead: deque[tuple[str, bytes]] = deque()
        self._batch = AHEAD_FIRST
        self._lock = threading.Lock()
        self._refill = threading.Lock()
        try:
            self._master = self._open_master()
        except BaseException:
            self.close()
            raise

    @abstractmethod
    def _read(self, statement: str, params: Sequence[object] = ()) -> list[Row]: ...

    @abstractmethod
    def _exclusively(self) -> AbstractContextManager[Execute]:
        """A durable transaction during which no other process writes to this store."""

    @abstractmethod
    def _snapshot(self) -> AbstractContextManager[Execute]:
        """Reads of one moment; nobody waits for them."""

    @abstractmethod
    def _many(self, statement: str, rows: Sequence[Row]) -> None:
        """Run a statement for each row, inside the transaction of `_exclusively`."""

    @abstractmethod
    def scrub(self) -> None:
        """Leave nothing of deleted rows on free pages and in the write-ahead log.

        StoreUnavailable: not yet, as somebody reads; repeat the call.
        """

    @abstractmethod
    def close(self) -> None: ...

    # -- the master ------------------------------------------------------------------------
    def _open_master(self) -> Master:
        """The current master; a first one is made, and what a crash left behind is removed."""
        with self._exclusively() as run:
            rows = run("SELECT id FROM generation")
            if rows:
                master = self._masters.load(rows[0][0])
            else:
                master = self._masters.make()
                run("INSERT INTO generation (one, id) VALUES (1, ?)", (master.id,))
            self._masters.remove_all_but(master)
        return master

    def _current(self) -> Master:
        """This process's master; when its file is gone, keys were destroyed elsewhere."""
        master = self._master
        if self._masters.present(master):
            return master
        with self._lock:
            self._cache.clear()
            self._master = self._masters.load(self._read("SELECT id FROM generation")[0][0])
            return self._master

    @contextmanager
    def _writing(self) -> Iterator[tuple[Execute, Master]]:
        """Nobody can change the master meanwhile, so what is wrapped here can be unwrapped."""
        with self._exclusively() as run:
            current = run("SELECT id FROM generation")[0][0]
            if current != self._master.id:
                with self._lock:
                    self._cache.clear()
                    self._master = self._masters.load(current)
            yield run, self._master

    # -- record keys -----------------------------------------------------------------------
    def new_record(self) -> tuple[str, bytes]:
        """A new record id and its key, durable already; from a pool that is made ahead."""
        while True:
            try:
                record_id, key = self._ahead.popleft()
            except IndexError:
                with self._refill:
                    if not self._ahead:
                        self._make_ahead()
                continue
            self._remember(record_id, key)
            return record_id, key

    def _make_ahead(self) -> None:
        drawn = [_drawn.draw() for _ in range(self._batch)]
        made = [(each[:16].hex(), each[16:]) for each in drawn]
        self._batch = min(self._batch * 2, AHEAD_MOST)
        with self._writing() as (_, master):
            self._many(
                "INSERT INTO record_keys (record_id, wrapped) VALUES (?, ?)",
                [(raw(r), wrap_record_key(master.key, key, r)) for r, key in made],
            )
        self._ahead.extend(made)

    def reserve(self, record_id: str) -> bytes:
        """The key for a record id that was chosen elsewhere: the one it has, or a new one.

        KeyDestroyed: it had one, and never gets another.
        """
        try:
            return self.get(record_id)
        except KeyDestroyed:
            key = secrets.token_bytes(32)
        with self._writing() as (run, master):
            if run("SELECT 1 FROM destroyed WHERE record_id = ?", (raw(record_id),)):
                raise KeyDestroyed(record_id)
            made = run(
                "INSERT INTO record_keys (record_id, wrapped) VALUES (?, ?) "
                "ON CONFLICT (record_id) DO NOTHING RETURNING record_id",
                (raw(record_id), wrap_record_key(master.key, key, record_id)),
            )
        return key if made else self.get(record_id)

    def look(self) -> None:
        """Notice whether another process has destroyed keys; then forget what was cached."""
        self._current()

    def get(self, record_id: str, *, looked: bool = False) -> bytes:
        """The record's key, or KeyDestroyed. `looked`: the caller has just called `look`, for this
        key or for many: it asks the file system, at which threads change."""
        master = self._master if looked else self._current()
        with self._lock:
            key = self._cache.get(record_id)
            if key is not None:
                self._cache.move_to_end(record_id)
                return key
        for _ in range(2):
            rows = self._read(
                "SELECT wrapped FROM record_keys WHERE record_id = ?", (raw(record_id),)
            )
            if not rows:
                raise KeyDestroyed(record_id)
            try:
                key = unwrap_record_key(master.key, rows[0][0], record_id)
            except ContentError:  # a rotation came between: its master opens it
                master = self._reload()
                continue
            self._remember(record_id, key)
            return key
        raise KeyStoreError(f"the key of record {record_id} does not open: restore the key store")

    def get_many(self, record_ids: Sequence[str]) -> dict[str, bytes]:
        """The keys of those of some hundred records that have one; all in one question.

        One that does not open is left out too: `get` says why.
        """
        master = self._current()
        marks = ", ".join("?" * len(record_ids)) or "NULL"
        rows = self._read(
            f"SELECT record_id, wrapped FROM record_keys WHERE record_id IN ({marks})",  # noqa: S608
            [raw(record_id) for record_id in record_ids],
        )
        found: dict[str, bytes] = {}
        for row in rows:
            record_id = row[0].hex()
            with suppress(ContentError):
                found[record_id] = unwrap_record_key(master.key, row[1], record_id)
        return found

    def warm(self, record_ids: Sequence[str]) -> None:
        """Have the keys of some hundred records at hand for `get`, in one question."""
        self.look()
        with self._lock:
            unknown = [record_id for record_id in record_ids if record_id not in self._cache]
        for record_id, key in self.get_many(unknown).items() if unknown else ():
            self._remember(record_id, key)

    def present(self, record_ids: Sequence[str]) -> set[str]:
        """Those of these records that have a key, whether it opens or not."""
        found: set[str] = set()
        for batch in batches((raw(record_id),) for record_id in record_ids):
            marks = ", ".join("?" * len(batch))
            rows = self._read(
                f"SELECT record_id FROM record_keys WHERE record_id IN ({marks})",  # noqa: S608
                [record_id for (record_id,) in batch],
            )
            found.update(row[0].hex() for row in rows)
        return found

    def _reload(self) -> Master:
        with self._lock:
            self._cache.clear()
            self._master = self._masters.load(self._read("SELECT id FROM generation")[0][0])
            return self._master

    def _remember(self, record_id: str, key: bytes) -> None:
        with self._lock:
            self._cache[record_id] = key
            if len(self._cache) > CACHED:
                self._cache.popitem(last=False)

    # -- destruction -----------------------------------------------------------------------
    def destroy(
        self, record_ids: Sequence[str], secured: Callable[[], None] = lambda: None
    ) -> None:
        """Destroy the keys of these records for ever, also in every older backup of this store.

        All in one transaction; the old master's file is removed after it. A crash before COMMIT
        leaves everything as it was, a crash after it is completed when the store is next opened.
        Other processes notice that the file is gone and forget what they had cached.

        `secured` is called before the old master goes: it makes and verifies a new backup of this
        store. Where it raises, the keys are gone and the old master is not: repeat the call.
        """
        with self._writing() as (run, old):
            ids = [(raw(record_id),) for record_id in record_ids]
            self._many("DELETE FROM record_keys WHERE record_id = ?", ids)
            self._many("INSERT INTO destroyed (record_id) VALUES (?) ON CONFLICT DO NOTHING", ids)
            new = self._masters.make()
            self._rewrap_keys(run, old, new)
            self._rewrap_secrets(run, old, new)
            run("UPDATE generation SET id = ?", (new.id,))
        with self._lock:
            self._cache.clear()
            self._master = new
        secured()
        self._masters.remove_all_but(new)
        self.scrub()

    def unfinished(self) -> bool:
        """Whether a destruction did not end: an old master is still there."""
        return self._masters.others(self._current())

    def _rewrap_keys(self, run: Execute, old: Master, new: Master) -> None:
        """Chunk by chunk, and each chunk is read back and opened before the old master goes."""
        page = "SELECT record_id, wrapped FROM record_keys WHERE record_id > ? ORDER BY record_id"
        last = b""
        while rows := run(f"{page} LIMIT {CHUNK}", (last,)):
            keys = {row[0]: unwrap_record_key(old.key, row[1], row[0].hex()) for row in rows}
            self._many(
                "UPDATE record_keys SET wrapped = ? WHERE record_id = ?",
                [(wrap_record_key(new.key, key, r.hex()), r) for r, key in keys.items()],
            )
            written = run(f"{page} LIMIT {CHUNK}", (last,))
            opened = {row[0]: unwrap_record_key(new.key, row[1], row[0].hex()) for row in written}
            if opened != keys:
                raise KeyStoreError("rewrapped keys do not open: nothing was changed")
            last = rows[-1][0]

    def _rewrap_secrets(self, run: Execute, old: Master, new: Master) -> None:
        for name, wrapped in run("SELECT name, wrapped FROM secrets"):
            value = open_secret(old, name, wrapped)
            run("UPDATE secrets SET wrapped = ? WHERE name = ?", (seal(new, name, value), name))

    # -- copies ----------------------------------------------------------------------------
    @contextmanager
    def snapshot(self) -> Iterator[tuple[Execute, Master]]:
        """Reads of one moment, and the master that opens what they give."""
        for last in (False, False, True):
            with ExitStack() as stack:
                run = stack.enter_context(self._snapshot())
                try:
                    master = self._masters.load(run("SELECT id FROM generation")[0][0])
                except MasterMissing:  # keys were destroyed between the two looks
                    if last:
                        raise
                    continue
                yield run, master
                return

    def copy_keys(self, rows: Iterable[Row], old: Master, left_out: AbstractSet[str]) -> int:
        """Take in (record id, wrapped under `old`), all or none; returns how many.

        Each is opened and wrapped anew, so that this store has a master of its own. ContentError
        for one that does not open.
        """
        count = 0
        with self._writing() as (_, master):
            for batch in batches(row for row in rows if row[0].hex() not in left_out):
                keys = [(r, unwrap_record_key(old.key, w, r.hex())) for r, w in batch]
                self._many(
                    "INSERT INTO record_keys (record_id, wrapped) VALUES (?, ?)",
                    [(r, wrap_record_key(master.key, key, r.hex())) for r, key in keys],
                )
                count += len(batch)
        return count

    def copy_destroyed(self, record_ids: Iterable[str]) -> None:
        """These records never get a key again."""
        with self._writing():
            for batch in batches((raw(record_id),) for record_id in record_ids):
                self._many(
                    "INSERT INTO destroyed (record_id) VALUES (?) ON CONFLICT DO NOTHING", batch
                )

    def copy_secrets(self, rows: Iterable[Row], old: Master) -> None:
        """Take in (name, wrapped under `old`, expires), each wrapped anew."""
        with self._writing() as (_, master):
            self._many(
                "INSERT INTO secrets (name, wrapped, expires) VALUES (?, ?, ?)",
                [(n, seal(master, n, open_secret(old, n, w)), expires) for n, w, expires in rows],
            )

    def destroyed_count(self) -> int:
        """How many records' keys were destroyed; it only grows."""
        return int(self._read("SELECT count(*) FROM destroyed")[0][0])

    # -- named secrets ---------------------------------------------------------------------
    def put_secret(self, name: str, value: bytes, expires: datetime | None = None) -> None:
        """Keep a secret under a name, in place of an earlier one."""
        with self._writing() as (run, master):
            run(
                "INSERT INTO secrets (name, wrapped, expires) VALUES (?, ?, ?) ON CONFLICT (name) "
                "DO UPDATE SET wrapped = excluded.wrapped, expires = excluded.expires",
                (name, seal(master, name, value), None if expires is None else micros(expires)),
            )

    def secret(self, name: str) -> bytes | None:
        """The secret of this name, expired or not; None if there is none (any more)."""
        master = self._current()
        for _ in range(2):
            rows = self._read("SELECT wrapped FROM secrets WHERE name = ?", (name,))
            if not rows:
                return None
            try:
                return open_secret(master, name, rows[0][0])
            except KeyStoreError:
                master = self._reload()
        raise KeyStoreError(f"the secret {name} does not open: restore the key store")

    def secret_or_make(
        self, name: str, make: Callable[[], bytes], expires: datetime | None = None
    ) -> bytes:
        """The secret of this name, made if it is missing; one wins over all processes."""
        found = self.secret(name)
        if found is not None:
            return found
        with self._writing() as (run, master):
            rows = run("SELECT wrapped FROM secrets WHERE name = ?", (name,))
            if rows:
                return open_secret(master, name, rows[0][0])
            value = make()
            run(
                "INSERT INTO secrets (name, wrapped, expires) VALUES (?, ?, ?)",
                (name, seal(master, name, value), None if expires is None else micros(expires)),
            )
            return value

    def secret_names(self, prefix: str = "") -> list[str]:
        rows = self._read("SELECT name FROM secrets ORDER BY name")
        return [row[0] for row in rows if row[0].startswith(prefix)]

    def drop_secret(self, name: str) -> None:
        with self._writing() as (run, _):
            run("DELETE FROM secrets WHERE name = ?", (name,))

    def forget_secrets(self, now: datetime) -> int:
        """Delete expired secrets; returns how many. Backups keep them until the next rotation."""
        with self._writing() as (run, _):
            return len(run("DELETE FROM secrets WHERE expires <= ? RETURNING name", (micros(now),)))


def seal(master: Master, name: str, value: bytes) -> bytes:
    nonce = os.urandom(12)
    return nonce + AESGCM(master.key).encrypt(nonce, value, b"liuhen/v1/secret\n" + name.encode())


def open_secret(master: Master, name: str, wrapped: bytes) -> bytes:
    try:
        return AESGCM(master.key).decrypt(
            wrapped[:12], wrapped[12:], b"liuhen/v1/secret\n" + name.encode()
        )
    except (InvalidTag, ValueError) as error:
        raise KeyStoreError(f"the secret {name} does not open with this master") from error


class SQLiteKeyStore(KeyStore):
    """One file beside the archive's."""

    def __init__(self, path: Path, master_dir: Path) -> None:
        self._writer = sqlite.Writer(path, STEPS)
        self._pool: Pool[apsw.Connection] = Pool(
            lambda: sqlite.connect_reader(path), apsw.Connection.close, lambda _: False
        )
        super().__init__(master_dir)

    def _read(self, statement: str, params: Sequence[object] = ()) -> list[Row]:
        with self._pool.lend() as connection:
            try:
                return sqlite.rows_of(connection, statement, params)
            except apsw.Error as error:
                raise sqlite.translated(error) from error

    def _exclusively(self) -> AbstractContextManager[Execute]:
        return self._writer.writing()

    @contextmanager
    def _snapshot(self) -> Iterator[Execute]:
        with self._pool.lend() as connection:

            def run(statement: str, params: Sequence[object] = ()) -> list[Row]:
                try:
                    return sqlite.rows_of(connection, statement, params)
                except apsw.Error as error:
                    raise sqlite.translated(error) from error

            run("BEGIN")
            try:
                yield run
            finally:
                run("COMMIT")

    def _many(self, statement: str, rows: Sequence[Row]) -> None:
        self._writer.connection.executemany(statement, rows)

    def scrub(self) -> None:
        self._writer.scrub()

    def close(self) -> None:
        self._pool.close()
        with self._writer.lock:
            self._writer.connection.close()


def _for_postgres(step: Step) -> Step:
    tables = step.statements.replace(" STRICT, WITHOUT ROWID", "").replace("BLOB", "bytea")
    return replace(step, statements=tables.replace("INTEGER", "bigint"))


class PostgresKeyStore(KeyStore):
    """A schema of its own, or another server; every process must reach the same master folder."""

    def __init__(self, dsn: str, master_dir: Path, schema: str = "keys") -> None:
        self._pool: Pool[postgres.Connection] = Pool(
            lambda: postgres.connect(dsn, schema),
            psycopg.Connection.close,
            lambda connection: connection.closed,
        )
        self._turn = threading.local()
        with self._pool.closed_on_error(), self._pool.lend() as connection:
            postgres.create(connection, schema, [_for_postgres(step) for step in STEPS])
        super().__init__(master_dir)

    def _read(self, statement: str, params: Sequence[object] = ()) -> list[Row]:
        with self._pool.lend() as connection:
            try:
                return postgres.rows_of(connection, statement, params)
            except psycopg.Error as error:
                raise postgres.translated(error) from error

    @contextmanager
    def _exclusively(self) -> Iterator[Execute]:
        with self._pool.lend() as connection, postgres.writing(connection) as run:
            run("LOCK TABLE generation IN EXCLUSIVE MODE")
            self._turn.connection = connection
            yield run

    @contextmanager
    def _snapshot(self) -> Iterator[Execute]:
        with self._pool.lend() as connection, postgres.writing(connection) as run:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            yield run

    def _many(self, statement: str, rows: Sequence[Row]) -> None:
        connection: postgres.Connection = self._turn.connection
        with connection.cursor() as cursor:
            cursor.executemany(postgres.spelled(statement), rows)

    def scrub(self) -> None:
        with self._pool.lend() as connection:
            try:
                connection.execute("VACUUM FULL record_keys, secrets")
            except psycopg.Error as error:
                raise postgres.translated(error) from error

    def close(self) -> None:
        self._pool.close()
