"""Statements in one round trip, on a real server."""

from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive.exchange import Exchange, array, encoded, number

NUMBERS = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
OF = {"bigint": NUMBERS, "bytea": st.binary(), "text": TEXTS}


@pytest.fixture
def exchange(postgres_dsn: str) -> Iterator[Exchange]:
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        yield Exchange(connection)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.sampled_from(sorted(OF)))
def test_what_is_sent_is_what_the_server_has(
    exchange: Exchange, data: st.DataObject, kind: str
) -> None:
    """Values and arrays, with nulls among them, come back as they went."""
    values = data.draw(st.lists(st.none() | OF[kind], min_size=1, max_size=5))
    sql = f"SELECT t.x FROM unnest($1::{kind}[]) WITH ORDINALITY t(x, n) ORDER BY n"
    arrived, alone = exchange(
        (sql, [array(kind, values)]), (f"SELECT $1::{kind}", [encoded(kind, values[0])])
    )
    assert arrived == [(encoded(kind, value),) for value in values]
    assert alone == arrived[:1]
    if kind == "bigint" and values[0] is not None:
        assert number(alone[0][0]) == values[0]


def test_after_a_refusal_the_next_is_answered(exchange: Exchange) -> None:
    """The first that fails is raised, none after it is done, and the connection goes on."""
    exchange(("CREATE TEMPORARY TABLE kept (x bigint PRIMARY KEY)", ()))
    insert = "INSERT INTO kept VALUES ($1)"
    one, two = encoded("bigint", 1), encoded("bigint", 2)
    exchange((insert, [one]))
    for _ in range(2):  # prepared before, and after
        with pytest.raises(psycopg.errors.UniqueViolation):
            exchange(("BEGIN", ()), (insert, [one]), (insert, [two]), ("COMMIT", ()))
        exchange(("ROLLBACK", ()))
    with pytest.raises(psycopg.errors.SyntaxError):
        exchange((insert, [two]), ("SELEC 1", ()))
    with pytest.raises(psycopg.errors.UndefinedTable):
        exchange(("SELECT x FROM missing", ()))
    (rows,) = exchange(("SELECT x FROM kept", ()))
    assert [number(x) for (x,) in rows] == [1]


def test_much_is_sent_and_read_at_once(exchange: Exchange) -> None:
    """More than any buffer between holds, in both directions."""
    large = bytes(range(256)) * 40_000
    answers = exchange(*[("SELECT $1::bytea", [large])] * 4)
    assert answers == [[(large,)]] * 4


def test_a_lost_connection_is_told_as_such(exchange: Exchange, postgres_dsn: str) -> None:
    """OperationalError, and the connection is closed: its answers are nobody else's."""
    exchange(("SELECT 1", ()))
    with psycopg.connect(postgres_dsn, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(%s, 5000)", (exchange.connection.info.backend_pid,)
        )
    with pytest.raises(psycopg.OperationalError):
        exchange(("SELECT 1", ()))
    assert exchange.connection.closed
