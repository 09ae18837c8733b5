"""A house for each test, on each store: a copy of one that was furnished once."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.retention.people import Staff
from tests.stores import STORES, PostgresServer
from tests.ways.house import FILED, House, furnished, options_of
from tests.worlds import Clock


@dataclass(frozen=True)
class Furnished:
    data: Path
    server: PostgresServer | None
    database: str | None
    staff: Staff
    keys: dict[str, str]


@pytest.fixture(scope="session", params=STORES)
def once(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Furnished]:
    data = tmp_path_factory.mktemp("furnished") / "data"
    postgres = request.param == "postgres"
    server = request.getfixturevalue("postgres_server") if postgres else None
    database = server.create_database() if server else None
    clock = Clock(FILED.astimezone(UTC) - timedelta(hours=1))
    staff, keys = furnished(options_of(data, clock, database), clock)
    yield Furnished(data, server, database, staff, keys)
    if server and database:
        server.drop_database(database)


@pytest.fixture
def house(once: Furnished, tmp_path: Path) -> Iterator[House]:
    """At 10 o'clock on 15 March 2023; nothing is filed yet."""
    data, databases = tmp_path / "data", list[str]()
    shutil.copytree(once.data, data)
    if once.server and once.database:
        databases.append(copied(once.server, once.database))

    def empty() -> str | None:
        if once.server:
            databases.append(once.server.create_database())
        return databases[-1] if databases else None

    clock = Clock(FILED.astimezone(UTC))
    options = options_of(data, clock, databases[0] if databases else None)
    made = House(options, clock, once.staff, once.keys, empty_database=empty)
    yield made
    made.close()
    if made.authority is not None:
        made.authority.close()
    for database in databases:
        if once.server:
            once.server.drop_database(database)


def copied(server: PostgresServer, database: str) -> str:
    name, first = f"liuhen_{secrets.token_hex(6)}", str(conninfo_to_dict(database)["dbname"])
    server.administer(
        sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(first)
        )
    )
    return make_conninfo(server.dsn, dbname=name)
