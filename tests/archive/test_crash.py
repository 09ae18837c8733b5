"""Every write of a commit, failed in turn: killed, lost, full. Then one check re-derives it all."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import apsw
import psycopg
import pytest
from psycopg.pq.abc import PGconn

from archive.exchange import Exchange, Value
from archive.keystore import KeyStore
from archive.postgres import PostgresStore
from archive.sqlite import SQLiteStore
from archive.store import OutcomeUnknown, StorageFull, Store, StoreUnavailable, Unit
from tests.archive.sealed import Record, committer, once, whole

REPO = Path(__file__).parents[2]
Asked = Sequence[tuple[str, Sequence[Value]]]

KILLER = """
import itertools, os, signal, sys, traceback
from pathlib import Path
from tests.archive.sealed import Record, committer, once, whole
from archive.exchange import Exchange
from archive.sqlite import SQLiteStore
from archive.postgres import PostgresStore
from archive.store import Unit
import psycopg
store_name, where, answers = sys.argv[1:]
open_store = lambda: SQLiteStore(Path(where)) if store_name == "sqlite" else PostgresStore(where)
unit = lambda r: Unit((r.seal(prefix="KS"), r.seal()), idempotency=once())

def append_and_die(last):
    # Two commits; killed before write number `last`, counted from the first commit's begin.
    store, seen = open_store(), itertools.count(1)
    commit = committer(store).commit
    def write():
        if next(seen) == last:
            os.kill(os.getpid(), signal.SIGKILL)
    if store_name == "sqlite":
        connection = store._writer.connection
        connection.set_exec_trace(lambda *_: write() or True)  # before each statement
        connection.set_commit_hook(lambda: bool(write()))  # in COMMIT, before it is written
        connection.set_wal_hook(lambda *_: write() or 0)  # in COMMIT, after it is on the disk
    else:
        execute = psycopg.Connection.execute
        def counted(self, *args, **kwargs):
            write()
            return execute(self, *args, **kwargs)
        psycopg.Connection.execute = counted
        send = Exchange._send
        def sent_one_by_one(self, pgconn, asked):
            sent = []
            for one in asked:
                write()
                sent += send(self, pgconn, [one])
                pgconn.flush()
            return sent
        Exchange._send = sent_one_by_one
    with open(answers, "a") as log:
        for _ in range(2):
            for done in commit(unit(Record())):
                print(done.event_id, file=log, flush=True)

for last in itertools.count(1):
    child = os.fork()
    if not child:
        append_and_die(last)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    store = open_store()
    rows = whole(store)
    assert set(Path(answers).read_text().split()) <= {row.event_id for row in rows}, last
    assert len(rows) % 2 == 0, last  # units of two events: never one of them
    numbers = [row.number for row in rows if row.number]
    assert numbers == [f"KS-2026-{n:05d}" for n in range(1, len(rows) // 2 + 1)], last
    committer(store).commit(unit(Record()))
    store.close()
    if status == 0:
        break
    assert status == -signal.SIGKILL
print("killed at", last - 1, "writes;", len(rows), "leaves")
"""


def test_killed_at_every_write_of_a_commit(
    store_name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Acknowledged events are there after the kill; a commit is there wholly or not at all."""
    fixture = "sqlite_path" if store_name == "sqlite" else "postgres_dsn"
    answers = tmp_path / "answers"
    answers.touch()
    done = subprocess.run(
        [sys.executable, "-c", KILLER, store_name, str(request.getfixturevalue(fixture)), answers],
        cwd=REPO,
        env={**os.environ, "PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    killed = re.search(r"killed at (\d+) writes", done.stdout)
    assert killed is not None
    assert int(killed[1]) >= 14


def test_a_log_torn_at_any_write_is_whole(tmp_path: Path) -> None:
    """SQLite's log cut after each frame, and inside it, as a kill amid COMMIT would leave it."""
    path = tmp_path / "archive.db"
    store = SQLiteStore(path)
    write = committer(store)
    write.commit(Record().unit())
    store._writer.scrub()  # noqa: SLF001 - the first commit is in the file, the log is empty
    record = Record()
    done = write.commit(Unit((record.seal(), record.seal(), record.seal()), idempotency=once()))
    database, log = path.read_bytes(), Path(f"{path}-wal").read_bytes()
    store.close()
    frame, sizes = 24 + 4096, set[int]()
    cuts = sorted({0, 31, *range(32, len(log), frame), *range(32 + 2000, len(log), frame)})
    for cut in [*cuts, len(log)]:
        torn = tmp_path / f"torn-{cut}.db"
        torn.write_bytes(database)
        Path(f"{torn}-wal").write_bytes(log[:cut])
        after = SQLiteStore(torn)
        sizes.add(len(whole(after)))
        assert after.head().size == 1 or cut == len(log)  # the last frame is the commit
        after.close()
    assert sizes == {1, 1 + len(done)}


def test_a_full_database_writes_nothing(sqlite_path: Path) -> None:
    """With no room left the unit is refused, the log is whole, and with room it goes on."""
    store = SQLiteStore(sqlite_path)
    write = committer(store)
    write.commit(Record().unit())
    connection = store._writer.connection  # noqa: SLF001 - the limit is set where it is felt
    (pages,) = store._read("SELECT page_count FROM pragma_page_count")[0]  # noqa: SLF001
    connection.execute(f"PRAGMA max_page_count = {pages + 3}").fetchall()
    unit = Unit((Record().seal(b'"' + b"x" * 60_000 + b'"'),), idempotency=once())
    with pytest.raises(StorageFull):
        write.commit(unit)
    assert len(whole(store)) == 1
    connection.execute("PRAGMA max_page_count = 1000000").fetchall()
    assert not write.commit(unit)[0].replayed
    assert len(whole(store)) == 2
    store.close()


def test_a_busy_archive_says_so(sqlite_path: Path) -> None:
    """When another process holds the file too long, nothing is written and the caller may retry."""
    store = SQLiteStore(sqlite_path)
    store._writer.connection.set_busy_timeout(50)  # noqa: SLF001
    other = apsw.Connection(str(sqlite_path))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable):
        committer(store).commit(Record().unit())
    other.execute("ROLLBACK")
    assert committer(store).commit(Record().unit())[0].leaf_index == 0
    store.close()


class Cut:
    """Ends the server's side of the writing connection at a chosen moment of one commit."""

    def __init__(self, store: PostgresStore, dsn: str, before: str, *, after: bool) -> None:
        self._dsn, self._before, self._after = dsn, before, after
        self.done = 0
        writer = store._writer  # noqa: SLF001 - the connection to be cut
        take = writer.take

        def taking() -> Exchange:
            exchange = take()
            if not self.done:
                self._watch(exchange)
            return exchange

        writer.take = taking  # type: ignore[method-assign]

    def _watch(self, exchange: Exchange) -> None:
        send, connection = exchange._send, exchange.connection  # noqa: SLF001 - as above

        def watched(pgconn: PGconn, asked: Asked) -> list[tuple[str, bytes, bool]]:
            at = next((n for n, (query, _) in enumerate(asked) if self._before in query), None)
            if self.done or at is None:
                return send(pgconn, asked)
            self.done += 1
            if self._after:
                connection.wait = unanswered  # type: ignore[method-assign, assignment]
                return send(pgconn, asked)
            sent = send(pgconn, asked[:at])
            pgconn.flush()
            self.end(connection.info.backend_pid)
            return sent + send(pgconn, asked[at:])

        def unanswered(_: object) -> None:
            while connection.pgconn.flush():
                pass
            self._committed(connection)
            self.end(connection.info.backend_pid)
            raise psycopg.OperationalError("the server closed the connection")

        exchange._send = watched  # type: ignore[method-assign]  # noqa: SLF001

    def _committed(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        """Wait until the server is idle again: it committed, and nobody has read its answer."""
        with psycopg.connect(self._dsn, autocommit=True) as other:
            for _ in range(500):
                row = other.execute(
                    "SELECT state FROM pg_stat_activity WHERE pid = %s",
                    (connection.info.backend_pid,),
                ).fetchone()
                if row == ("idle",):
                    return
                other.execute("SELECT pg_sleep(0.01)")
        raise AssertionError("the server did not finish the commit")

    def end(self, pid: int) -> None:
        with psycopg.connect(self._dsn, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))


@pytest.mark.parametrize(
    ("statement", "after"),
    [
        ("FOR UPDATE", False),
        ("INSERT INTO events", False),
        ("COMMIT", False),
        ("COMMIT", True),
    ],
)
def test_a_lost_connection_loses_and_doubles_nothing(
    statement: str, after: bool, postgres_store: PostgresStore, postgres_dsn: str
) -> None:
    """Cut before COMMIT: sent again. Cut after it: found. The caller gets its receipt, once."""
    write = committer(postgres_store)
    write.commit(Record().unit())
    cut = Cut(postgres_store, postgres_dsn, statement, after=after)
    (done,) = write.commit(Record().unit(prefix="KS"))
    assert cut.done == 1
    assert (done.leaf_index, done.number) == (1, "KS-2026-00001")
    assert postgres_store.receipt(1) == done.receipt
    write.commit(Record().unit())
    assert len(whole(postgres_store)) == 3


def test_where_nobody_can_look_the_outcome_is_unknown(
    postgres_store: PostgresStore, postgres_dsn: str
) -> None:
    """No connection after a lost COMMIT: OutcomeUnknown; the same key later gets the receipt."""
    write, record = committer(postgres_store), Record()
    write.commit(Record().unit())
    Cut(postgres_store, postgres_dsn, "COMMIT", after=True)
    unit = Unit((record.seal(),), idempotency=once())
    writer = postgres_store._writer  # noqa: SLF001
    connect = writer._connect  # noqa: SLF001

    def refused() -> psycopg.Connection[tuple[object, ...]]:
        raise StoreUnavailable("no route to the database")

    writer._connect = refused  # noqa: SLF001
    with pytest.raises(OutcomeUnknown, match="Idempotency-Key"):
        write.commit(unit)
    writer._connect = connect  # noqa: SLF001
    (found,) = write.commit(unit)
    assert found.replayed
    assert len(whole(postgres_store)) == 2


def test_a_server_that_went_away_while_idle_is_not_noticed(
    postgres_store: PostgresStore, postgres_dsn: str
) -> None:
    """Idle connections die with a restart of the server: reads and writes go on."""
    write = committer(postgres_store)
    write.commit(Record().unit())
    postgres_store.head()
    with psycopg.connect(postgres_dsn, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert postgres_store.head().size == 1
    write.commit(Record().unit())
    assert len(whole(postgres_store)) == 2


def test_the_database_refuses_to_change_the_log(store: Store, store_name: str) -> None:
    """UPDATE, DELETE, REPLACE and TRUNCATE of events, and UPDATE of content, are refused."""
    committer(store).commit(Record().unit())
    before = list(store.leaves(0))
    attempts = [
        "UPDATE events SET topic = 'x'",
        "DELETE FROM events",
        "UPDATE content SET wrapped = key_id",
    ]
    if store_name == "postgres":
        attempts += ["TRUNCATE events", "TRUNCATE events CASCADE"]
    else:
        columns = "record_id, version, topic, event_id, recorded_at, number, leaf_hash, state"
        attempts += [
            f"INSERT OR REPLACE INTO events (leaf_index, {columns}) "
            f"SELECT {index}, {columns} FROM events"
            for index in (0, 1)
        ]
        attempts.append(
            "INSERT INTO events (leaf_index, record_id, version, topic, recorded_at, leaf_hash, "
            "state) VALUES (7, x'00', 1, 't', 0, x'', x'')"
        )
    for attempt in attempts:
        with pytest.raises(StoreUnavailable, match=r"never|taken"), store._writing() as run:  # type: ignore[attr-defined]  # noqa: SLF001
            run(attempt)
    assert list(store.leaves(0)) == before


def test_keys_made_ahead_survive_a_kill(open_keys: Callable[[], KeyStore]) -> None:
    """A key handed out was on the disk before: the next process has it."""
    record_id, key = open_keys().new_record()
    assert open_keys().get(record_id) == key
