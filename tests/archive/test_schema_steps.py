"""Numbers of schemas: what is older is brought up, what is newer is refused, on both stores."""

from __future__ import annotations

import apsw
import psycopg
import pytest

from archive import keystore, postgres, sqlite
from archive.opening import open_archive
from archive.schema_steps import NAME, TAKEN, SchemaTooNewError, Step
from archive.store import StoreUnavailable
from tests.archive.acting import Acting
from tests.worlds import World


def run(world: World, which: str, *statements: str) -> list[tuple[object, ...]]:
    """Statements behind the archive's back; rows of the last. `which`: log or keys."""
    rows: list[tuple[object, ...]] = []
    if world.options.database is None:
        file = {"log": "archive.db", "keys": "keys.db"}[which]
        connection = apsw.Connection(str(world.options.data / file))
        for each in statements:
            rows = list(connection.execute(each).fetchall())
        connection.close()
        return rows
    schema = {"log": "liuhen", "keys": "keys"}[which]
    with psycopg.connect(world.options.database, autocommit=True) as server:
        server.execute(f"SET search_path = {schema}")
        for each in statements:
            cursor = server.execute(each)
            rows = list(cursor.fetchall()) if cursor.description else []
    return rows


@pytest.mark.parametrize("which", ["log", "keys"])
def test_a_new_store_says_which_steps_it_has_taken(world: World, which: str) -> None:
    """All that there are, with the program that each needs; opened again, it takes none."""
    steps = {"log": sqlite.STEPS, "keys": keystore.STEPS}[which]
    taken = [(n, step.program) for n, step in enumerate(steps, 1)]
    assert [tuple(row) for row in run(world, which, TAKEN)] == taken
    world.reopen()
    assert [tuple(row) for row in run(world, which, TAKEN)] == taken


def test_both_stores_have_as_many_steps() -> None:
    """A number means the same tables on either store."""
    assert len(sqlite.STEPS) == len(postgres.STEPS)


@pytest.mark.parametrize("which", ["log", "keys"])
def test_a_store_of_a_later_program_is_refused_and_left_alone(world: World, which: str) -> None:
    """The message says which version is needed; when that one is back, all is as it was."""
    record = Acting(world.archive).complaint()
    world.archive.close()
    later = (99, "3.4.0")
    run(world, which, f"INSERT INTO {NAME} VALUES (99, '3.4.0')")
    with pytest.raises(SchemaTooNewError, match=r"schema 99.*version 3\.4\.0 of Liuhen") as refused:
        open_archive(world.options)
    assert (refused.value.number, refused.value.program) == later
    assert tuple(run(world, which, TAKEN)[-1]) == later
    run(world, which, f"DELETE FROM {NAME} WHERE version = 99")
    world.archive = open_archive(world.options)
    assert world.archive.ledger.get(record.id) == record


def test_an_archive_of_before_the_numbers_is_brought_up(world: World) -> None:
    """Tables that came since are made, what was there stays, and it is numbered from then on."""
    record = Acting(world.archive).complaint()
    world.archive.close()
    run(world, "log", f"DROP TABLE {NAME}", "DROP TABLE timestamps", "DROP TABLE cosignatures")
    run(world, "keys", f"DROP TABLE {NAME}")
    world.archive = open_archive(world.options)
    assert world.archive.ledger.get(record.id) == record
    assert run(world, "log", "SELECT count(*) FROM timestamps") == [(0,)]
    assert run(world, "log", "SELECT count(*) FROM cosignatures") == [(0,)]
    assert len(run(world, "log", TAKEN)) == len(sqlite.STEPS)
    Acting(world.archive).complaint()
    assert world.archive.check().ok


def test_a_step_that_fails_leaves_the_store_as_it_was(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step is taken wholly, with its number, or not at all; the next start takes it."""
    world.archive.close()
    bad = Step("0.2.0", "CREATE TABLE half (n INTEGER); CREATE TABLE half (n INTEGER);")
    module = sqlite if world.options.database is None else postgres
    with monkeypatch.context() as patched:
        patched.setattr(module, "STEPS", (*module.STEPS, bad))
        with pytest.raises((StoreUnavailable, psycopg.Error)):
            open_archive(world.options)
    assert len(run(world, "log", TAKEN)) == len(module.STEPS)
    good = Step("0.2.0", "CREATE TABLE half (n INTEGER);")
    with monkeypatch.context() as patched:
        patched.setattr(module, "STEPS", (*module.STEPS, good))
        open_archive(world.options).close()
    assert tuple(run(world, "log", TAKEN)[-1]) == (len(module.STEPS) + 1, "0.2.0")
    with pytest.raises(SchemaTooNewError, match=r"version 0\.2\.0"):
        open_archive(world.options)
    run(world, "log", f"DELETE FROM {NAME} WHERE version > {len(module.STEPS)}")
    world.archive = open_archive(world.options)


def test_a_role_that_may_make_no_tables_is_told(postgres_dsn: str) -> None:
    """Servers run as a role without that right: what to do is said, not what the server said."""
    postgres.PostgresStore(postgres_dsn).close()
    with psycopg.connect(postgres_dsn, autocommit=True) as owner:
        database = owner.info.dbname
        role = f"server_{database}"
        owner.execute(f"CREATE ROLE {role} LOGIN")
        try:
            owner.execute(f"GRANT USAGE ON SCHEMA liuhen TO {role}")
            owner.execute(f"GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA liuhen TO {role}")
            dsn = psycopg.conninfo.make_conninfo(postgres_dsn, user=role)
            postgres.PostgresStore(dsn).close()
            owner.execute(f"DELETE FROM liuhen.{NAME} WHERE version > 1")
            with pytest.raises(StoreUnavailable, match="as the role that made the others"):
                postgres.PostgresStore(dsn)
        finally:
            owner.execute(f"DROP OWNED BY {role}")
            owner.execute(f"DROP ROLE {role}")
