"""Several statements to PostgreSQL in one round trip, with values of the few types of our tables.

The driver's own pipeline turns to the socket at every statement, nine times for an append, and each
time other threads may take the interpreter lock. Here all is sent at once and then all is read.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import errors
from psycopg.abc import PQGen
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.waiting import Ready, Wait

OIDS = {"bigint": 20, "bytea": 17, "text": 25}
Value = bytes | None
Answer = list[tuple[Value, ...]]
"""Rows in binary: `number` reads an integer of any size, text is UTF-8."""
_EIGHT, _LENGTH, _ARRAY = struct.Struct(">q"), struct.Struct(">i"), struct.Struct(">iiIii")
_NULL = _LENGTH.pack(-1)


def encoded(kind: str, value: Any) -> Value:
    """`value`: int, str or bytes, as the column is."""
    if value is None:
        return None
    match kind:
        case "bigint":
            return _EIGHT.pack(value)
        case "text":
            return str(value).encode()
        case _:
            return bytes(value)


def array(kind: str, values: Sequence[Any]) -> bytes:
    """One dimension, counted from 1, in the server's binary form."""
    parts = [_ARRAY.pack(1, None in values, OIDS[kind], len(values), 1)]
    for value in values:
        element = encoded(kind, value)
        parts.append(_NULL if element is None else _LENGTH.pack(len(element)) + element)
    return b"".join(parts)


def number(value: Value) -> int:
    return int.from_bytes(value or b"", "big", signed=True)


class Exchange:
    """A connection, and the statements that it has prepared. For one thread at a time."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self._names: dict[str, bytes] = {}
        self._named = 0

    def __call__(self, *asked: tuple[str, Sequence[Value]]) -> list[Answer]:
        """The rows of each statement. Raises the first that fails (psycopg.Error): none after it
        was executed."""
        pgconn = self.connection.pgconn
        pgconn.enter_pipeline_mode()
        try:
            sent = self._send(pgconn, asked)
            pgconn.pipeline_sync()
            results = self.connection.wait(_results(pgconn))
        except BaseException:  # what is still to come would be taken for the next one's answers
            self.connection.close()
            raise
        pgconn.exit_pipeline_mode()
        answers = []
        for (statement, name, prepares), result in zip(sent, results, strict=True):
            if result.status not in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
                raise _error(result)
            if prepares:
                self._names[statement] = name
            else:
                answers.append(_rows(result))
        return answers

    def _send(
        self, pgconn: PGconn, asked: Sequence[tuple[str, Sequence[Value]]]
    ) -> list[tuple[str, bytes, bool]]:
        """What results are to come: of which statement, and whether of its preparation."""
        sent = []
        for statement, values in asked:
            name = self._names.get(statement)
            if name is None:
                self._named += 1
                name = b"liuhen_%d" % self._named
                pgconn.send_prepare(name, statement.encode())
                sent.append((statement, name, True))
            pgconn.send_query_prepared(name, values, [1] * len(values), 1)
            sent.append((statement, name, False))
        return sent


def _results(pgconn: PGconn) -> PQGen[list[PGresult]]:
    """One for each message up to the end of the pipeline."""
    found: list[PGresult] = []
    while True:
        ready = yield Wait.RW if pgconn.flush() else Wait.R
        if ready & Ready.R:
            pgconn.consume_input()
        while not pgconn.is_busy():
            result = pgconn.get_result()
            if result is None:  # the end of one statement
                if pgconn.status == ConnStatus.BAD:
                    raise psycopg.OperationalError("the connection is closed")
            elif result.status == ExecStatus.PIPELINE_SYNC:
                return found
            else:
                found.append(result)


def _rows(result: PGresult) -> Answer:
    columns = range(result.nfields)
    return [tuple(result.get_value(n, at) for at in columns) for n in range(result.ntuples)]


def _error(result: PGresult) -> psycopg.Error:
    found = errors.error_from_result(result)
    if found.sqlstate is None:  # libpq says so itself: the server is gone
        return psycopg.OperationalError(str(found))
    return found
