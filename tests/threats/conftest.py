"""The scene of each attack, on both stores: a copy of one filled archive, its guards dropped."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.archive.small_archive import postgres_archive, sqlite_archive
from tests.stores import STORES, PostgresServer
from tests.threats.plot import Outside, Scene, fill


def pytest_addoption(parser: pytest.Parser) -> None:
    """Known only where this folder is named on the command line, as `make flips` does."""
    parser.addoption("--flips", action="store_true", help="change every byte, not a sample")


@pytest.fixture(scope="session")
def whole_sqlite(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outside]:
    folder = tmp_path_factory.mktemp("whole")
    small = sqlite_archive(folder)
    outside = fill(small, folder)
    small.close()
    return folder, outside


@pytest.fixture(scope="session")
def whole_postgres(
    postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, Outside, str]]:
    folder, dsn = tmp_path_factory.mktemp("whole"), postgres_server.create_database()
    small = postgres_archive(dsn, folder)
    outside = fill(small, folder)
    small.close()
    yield folder, outside, dsn
    postgres_server.drop_database(dsn)


@pytest.fixture
def sqlite_scene(whole_sqlite: tuple[Path, Outside], tmp_path: Path) -> Iterator[Scene]:
    folder = tmp_path / "scene"
    shutil.copytree(whole_sqlite[0], folder)
    attacker = apsw.Connection(str(folder / "archive.db"))
    attacker.set_busy_timeout(5000)
    for (trigger,) in attacker.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'"):
        attacker.execute(f"DROP TRIGGER {trigger}")
    made = Scene(
        folder,
        partial(sqlite_archive, folder),
        lambda statement, params=(): attacker.execute(statement, params).fetchall(),
        whole_sqlite[1],
    )
    yield made
    made.close()
    attacker.close()


@pytest.fixture
def postgres_scene(
    postgres_server: PostgresServer,
    whole_postgres: tuple[Path, Outside, str],
    tmp_path: Path,
) -> Iterator[Scene]:
    folder, outside, template = whole_postgres
    dsn = copy_of(postgres_server, template, tmp_path.name)
    shutil.copytree(folder, tmp_path / "scene")
    attacker = psycopg.connect(dsn, autocommit=True)
    attacker.execute("SET session_replication_role = replica; SET search_path = liuhen")

    def run(statement: str, params: Sequence[object] = ()) -> list[Any]:
        cursor = attacker.execute(statement.replace("?", "%s").encode(), params)
        return cursor.fetchall() if cursor.description else []

    made = Scene(
        tmp_path / "scene", partial(postgres_archive, dsn, tmp_path / "scene"), run, outside
    )
    yield made
    made.close()
    attacker.close()
    postgres_server.drop_database(dsn)


def copy_of(server: PostgresServer, template: str, name: str) -> str:
    """A database with all that is in another, to which nobody is connected."""
    made = sql.Identifier(f"scene_{name}"[:60])
    old = sql.Identifier(str(conninfo_to_dict(template)["dbname"]))
    server.administer(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(made, old))
    return make_conninfo(server.dsn, dbname=f"scene_{name}"[:60])


@pytest.fixture(
    params=[s if s == "sqlite" else pytest.param(s, marks=pytest.mark.postgres) for s in STORES]
)
def scene(request: pytest.FixtureRequest) -> Scene:
    found: Scene = request.getfixturevalue(f"{request.param}_scene")
    return found
