"""Someone with full access to the database damages it; the check names what was damaged."""

from __future__ import annotations

import base64
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import apsw
import psycopg
import pytest

from archive.check import BackgroundCheck, Thoroughness, check
from archive.evidence import checkpoint as heads
from archive.evidence import dsse
from archive.evidence.keys import SigningKey
from archive.evidence.merkle import EMPTY_ROOT, leaf_hash
from archive.evidence.statement import Ref, Seen, Statement, encode
from archive.findings import CODES, CheckReport, Finding, Findings, last_report
from archive.inspection import Sources, read_register
from archive.keystore import PostgresKeyStore, SQLiteKeyStore
from archive.leaves import read_leaf
from archive.postgres import PostgresStore
from archive.sqlite import SQLiteStore
from archive.store import Checkpoint, Sealed, Unit
from tests.archive.small_archive import (
    ORIGIN,
    SmallArchive,
    TurnedClock,
    postgres_archive,
    sqlite_archive,
)
from tests.stores import PostgresServer
from tests.vectors.authenticator import Authenticator

MIB = 1024 * 1024
FIRST, SIGNED, LAST = 2, 5, 279
"""Leaf of the first record's opening, of its signature, and the last leaf."""


def fill(small: SmallArchive) -> None:
    """280 leaves: a record of four events with two files, another of 274, two keys; two heads."""
    first = small.open("第一件", files=[b"x" * (2 * MIB + 5), b"y"])
    second = small.open("第二件")
    small.append(first, "进展")
    covered = small.heads[first][1]
    assert small.append(first, "同意", type_="signed", covers=[covered]).leaf_index == SIGNED
    small.append(first, "备注", refs=[Ref("see-also", second, small.heads[second][1])])
    for _ in range(3):
        small.committer.commit(Unit(tuple(small.seal(second, "周报") for _ in range(90))))
        small.log.checkpoint()
    for _ in range(3):
        small.append(second, "尾")


@dataclass
class Victim:
    """A copy of the filled archive, and the attacker's way in."""

    sources: Sources
    run: Callable[..., list[Any]]

    def check(self, **given: Any) -> CheckReport:
        how = Thoroughness(processes=0)
        return check(self.sources, TurnedClock(), how=how, **given)

    def flip(self, table: str, column: str, where: str, at: int = -20) -> None:
        """Change one bit of one stored value."""
        ((value,),) = self.run(f"SELECT {column} FROM {table} WHERE {where}")
        data = bytearray(value)
        data[at] ^= 1
        self.set(table, column, where, bytes(data))

    def set(self, table: str, column: str, where: str, value: Any) -> None:
        self.run(f"UPDATE {table} SET {column} = ? WHERE {where}", (value,))

    def get(self, columns: str, table: str, where: str) -> Any:
        return self.run(f"SELECT {columns} FROM {table} WHERE {where}")[0]


SECONDS = 60


@pytest.fixture(autouse=True)
def _ends() -> Iterator[None]:
    """A test that waits for ever, for a lock or for a process, fails instead."""

    def late(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"not done after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def filled_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled")
    small = sqlite_archive(folder)
    fill(small)
    small.close()
    return folder


@pytest.fixture(scope="session")
def filled_postgres(
    postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path, list[str]]]:
    """The filled archive, its folder and its tables, of which a copy lies in the schema `whole`."""
    folder, dsn = tmp_path_factory.mktemp("filled"), postgres_server.create_database()
    small = postgres_archive(dsn, folder)
    fill(small)
    small.close()
    with psycopg.connect(dsn, autocommit=True) as attacker:
        attacker.execute("CREATE SCHEMA whole")
        rows = attacker.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'liuhen'")
        tables = [str(row[0]) for row in rows]
        for table in tables:
            attacker.execute(f"CREATE TABLE whole.{table} AS TABLE liuhen.{table}")
    yield dsn, folder, tables
    postgres_server.drop_database(dsn)


@pytest.fixture
def sqlite_victim(filled_sqlite: Path, tmp_path: Path) -> Victim:
    folder = tmp_path / "copy"
    shutil.copytree(filled_sqlite, folder)
    attacker = apsw.Connection(str(folder / "archive.db"))
    for (trigger,) in attacker.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'"):
        attacker.execute(f"DROP TRIGGER {trigger}")
    return Victim(
        Sources(
            ORIGIN,
            partial(SQLiteStore, folder / "archive.db"),
            partial(SQLiteKeyStore, folder / "keys.db", folder / "master"),
        ),
        lambda statement, params=(): attacker.execute(statement, params).fetchall(),
    )


@pytest.fixture
def postgres_victim(filled_postgres: tuple[str, Path, list[str]]) -> Iterator[Victim]:
    """Made whole again before each test: much faster than a database for each."""
    dsn, folder, tables = filled_postgres
    attacker = psycopg.connect(dsn, autocommit=True)
    attacker.execute("SET session_replication_role = replica; SET lock_timeout = '10s'")
    attacker.execute("SET search_path = liuhen")
    with attacker.transaction():
        for table in tables:
            attacker.execute(f"DELETE FROM {table}")
            attacker.execute(
                f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM whole.{table}"
            )

    def run(statement: str, params: Sequence[object] = ()) -> list[Any]:
        cursor = attacker.execute(statement.replace("?", "%b"), params)
        return cursor.fetchall() if cursor.description else []

    yield Victim(
        Sources(
            ORIGIN,
            partial(PostgresStore, dsn),
            partial(PostgresKeyStore, dsn, folder / "master"),
        ),
        run,
    )
    attacker.close()


@pytest.fixture(params=("sqlite", pytest.param("postgres", marks=pytest.mark.postgres)))
def victim(request: pytest.FixtureRequest) -> Victim:
    found: Victim = request.getfixturevalue(f"{request.param}_victim")
    return found


# ---------------------------------------------------------------- damages

Damage = Callable[[Victim], None]


def flip(table: str, column: str, where: str, at: int = -20) -> Damage:
    return lambda victim: victim.flip(table, column, where, at)


def put(table: str, column: str, where: str, value: Any) -> Damage:
    return lambda victim: victim.set(table, column, where, value)


def drop(table: str, where: str) -> Damage:
    def damage(victim: Victim) -> None:
        victim.run(f"DELETE FROM {table} WHERE {where}")

    return damage


def slot(leaf: int, n: int = 0) -> str:
    return f"slot = {leaf * 1024 + n}"


def swap(victim: Victim) -> None:
    """Two events of one record change places, their columns with them."""
    victim.run("UPDATE events SET leaf_index = -1 WHERE leaf_index = 20")
    victim.run("UPDATE events SET leaf_index = 20 WHERE leaf_index = 30")
    victim.run("UPDATE events SET leaf_index = 30 WHERE leaf_index = -1")


def swap_contents(victim: Victim) -> None:
    victim.run(f"UPDATE content SET slot = -1 WHERE {slot(20)}")
    victim.run(f"UPDATE content SET slot = {20 * 1024} WHERE {slot(30)}")
    victim.run(f"UPDATE content SET slot = {30 * 1024} WHERE slot = -1")


def truncate(victim: Victim) -> None:
    victim.run("DELETE FROM content WHERE slot >= ?", (250 * 1024,))
    victim.run("DELETE FROM events WHERE leaf_index >= 250")


def orphan(victim: Victim) -> None:
    victim.run(
        "INSERT INTO content (slot, key_id, wrapped, ciphertext) VALUES (?, ?, ?, ?)",
        (20 * 1024 + 7, b"k" * 16, b"w" * 60, b"c"),
    )


def orphan_beyond(victim: Victim) -> None:
    victim.run(
        "INSERT INTO content (slot, key_id, wrapped, ciphertext) VALUES (?, ?, ?, ?)",
        (5000 * 1024, b"k" * 16, b"w" * 60, b"c"),
    )


def rewritten_leaf(victim: Victim) -> None:
    """The number is changed in leaf, column and hash alike; only the tile remembers."""
    ((leaf,),) = victim.run("SELECT state FROM events WHERE leaf_index = 2")
    forged = bytes(leaf).replace(b"KS-2026-00001", b"KS-2026-00009")
    victim.run(
        "UPDATE events SET state = ?, leaf_hash = ?, number = 'KS-2026-00009' WHERE leaf_index = 2",
        (forged, leaf_hash(forged)),
    )


def surplus_segment(victim: Victim) -> None:
    ((attachment,),) = victim.run(f"SELECT key_id FROM content WHERE {slot(FIRST, 2)}")
    victim.run(
        "INSERT INTO segments (attachment_id, i, staged_at, ciphertext) VALUES (?, 1, 0, ?)",
        (attachment, b"c"),
    )


def wide_tile(victim: Victim) -> None:
    victim.run("INSERT INTO tiles (level, n, hashes) VALUES (0, 2, ?)", (bytes(32),))


SEGMENT = "i = 1"
DAMAGES: dict[str, tuple[Damage, str, int | None, str]] = {
    # damage: code, leaf, part
    "leaf": (flip("events", "state", "leaf_index = 20"), "leaf-bytes", 20, ""),
    "leaf's envelope": (flip("events", "state", "leaf_index = 20", 300), "leaf-form", 20, ""),
    "leaf after the last checkpoint": (
        flip("events", "state", f"leaf_index = {LAST}"), "leaf-bytes", LAST, "",
    ),
    "leaf_hash": (flip("events", "leaf_hash", "leaf_index = 20"), "leaf-hash", 20, ""),
    "leaf, column and hash": (rewritten_leaf, "tile", FIRST, "tile 0/0"),
    "topic": (put("events", "topic", "leaf_index = 20", "complaint/noted"), "column", 20, "topic"),
    "hidden topic": (
        put("events", "topic", "leaf_index = 20", "~key-register/step-taken"),
        "column", 20, "topic",
    ),
    "record_id": (
        put("events", "record_id", "leaf_index = 20", b"r" * 16), "column", 20, "record_id",
    ),
    "version": (put("events", "version", "leaf_index = 20", 999), "column", 20, "version"),
    "event_id": (put("events", "event_id", "leaf_index = 20", b"e" * 16), "column", 20, "event_id"),
    "recorded_at": (
        put("events", "recorded_at", "leaf_index = 20", 0), "column", 20, "recorded_at",
    ),
    "recorded beyond all calendars": (
        put("events", "recorded_at", "leaf_index = 20", -(2**62)), "column", 20, "recorded_at",
    ),
    "number": (put("events", "number", f"leaf_index = {FIRST}", "KS-1"), "column", FIRST, "number"),
    "receipt": (flip("events", "receipt", "leaf_index = 20"), "receipt", 20, ""),
    "receipt's text": (flip("events", "receipt", "leaf_index = 20", 40), "receipt", 20, ""),
    "no receipt": (put("events", "receipt", "leaf_index = 20", None), "receipt-missing", 20, ""),
    "ciphertext": (flip("content", "ciphertext", slot(20)), "ciphertext", 20, "part 0"),
    "wrapped key": (flip("content", "wrapped", slot(20)), "wrapped-key", 20, "part 0"),
    "key_id": (flip("content", "key_id", slot(20), 3), "content-column", 20, "part 0 key_id"),
    "content deleted": (drop("content", slot(20)), "content-missing", 20, "part 0"),
    "contents swapped": (swap_contents, "wrapped-key", 30, "part 0"),
    "orphan content": (orphan, "content-orphan", 20, "part 7"),
    "orphan content beyond": (orphan_beyond, "content-orphan", 5000, "part 0"),
    "attachment's wrap": (
        flip("content", "wrapped", slot(FIRST, 1)), "wrapped-key", FIRST, "part 1",
    ),
    "attachment deleted": (drop("content", slot(FIRST, 1)), "content-missing", FIRST, "part 1"),
    "segment": (flip("segments", "ciphertext", SEGMENT), "segment", FIRST, "part 1"),
    "segment deleted": (drop("segments", SEGMENT), "segment-missing", FIRST, "part 1 segment 1"),
    "surplus segment": (surplus_segment, "segment-orphan", FIRST, "part 2"),
    "tile": (flip("tiles", "hashes", "level = 0 AND n = 0", 20 * 32), "tile", 20, "tile 0/0"),
    "tile's first leaf": (flip("tiles", "hashes", "level = 0 AND n = 0", 0), "tile", 0, "tile 0/0"),
    "upper tile": (flip("tiles", "hashes", "level = 1"), "tile", None, "tile 1/0"),
    "tile deleted": (drop("tiles", "level = 0 AND n = 0"), "tile-missing", None, "tile 0/0"),
    "upper tile deleted": (drop("tiles", "level = 1"), "tile-missing", None, "tile 1/0"),
    "surplus tile": (wide_tile, "tile-orphan", None, "tile 0/2"),
    "checkpoint": (flip("checkpoints", "note", "size = 187"), "checkpoint", None, "checkpoint 187"),
    "checkpoint's size": (
        put("checkpoints", "size", "size = 187", 186), "checkpoint", None, "checkpoint 186",
    ),
    "head over nothing": (
        put("checkpoints", "size", "size = 187", 0), "checkpoint", None, "checkpoint 0",
    ),
    "head over less": (
        put("checkpoints", "size", "size = 187", -1), "checkpoint", None, "checkpoint -1",
    ),
    "counter ahead": (put("counters", "next", "prefix = 'KS'", 9), "counter", None, "KS-2026"),
    "counter behind": (put("counters", "next", "prefix = 'KS'", 2), "counter", None, "KS-2026"),
    "counter gone": (drop("counters", "prefix = 'KS'"), "counter", None, "KS-2026"),
    "counter of nothing": (put("counters", "year", "prefix = 'KS'", 25), "counter", None, "KS-25"),
    "event deleted": (drop("events", "leaf_index = 20"), "leaf-missing", 20, ""),
    "two swapped": (swap, "tile", 20, "tile 0/0"),
    "tail cut": (truncate, "truncated", 250, ""),
    "event far beyond the log": (
        put("events", "leaf_index", "leaf_index = 20", 2**62), "event-orphan", 2**62, "",
    ),
    "event before the log": (
        put("events", "leaf_index", "leaf_index = 20", -5), "event-orphan", -5, "",
    ),
}  # fmt: skip


def damaged(report: CheckReport, code: str) -> list[Finding]:
    return [finding for finding in report.findings if finding.code == code]


def test_whole(victim: Victim) -> None:
    """A whole archive is found whole, with everything counted."""
    report = victim.check()
    assert report.findings == ()
    assert report.ok
    assert report.size == LAST + 1
    assert report.counts == {
        "leaves": 280,
        "signatures": 280,
        "receipts": 280,
        "contents": 278,
        "attachments": 2,
        "checkpoints": 3,
        "roots": 3,
        "tiles": 3,
    }


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_named(victim: Victim, name: str) -> None:
    """Each kind of damage is named with its leaf, record and part."""
    damage, code, leaf, part = DAMAGES[name]
    damage(victim)
    report = victim.check()
    found = [f for f in damaged(report, code) if (f.leaf, f.part or "") == (leaf, part)]
    assert found, report.text("en")
    assert not report.ok
    if leaf in (FIRST, 20) and code not in ("leaf-missing", "content-orphan"):
        number = "KS-2026-00001" if leaf == FIRST else "KS-2026-00002"
        if name != "leaf, column and hash":
            assert found[0].number == number
        assert found[0].record is not None


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("leaf_hash", {"leaf-hash"}),
        ("topic", {"column"}),
        ("receipt", {"receipt"}),
        ("ciphertext", {"ciphertext"}),
        ("tile", {"tile"}),
        ("upper tile", {"tile"}),
        ("content deleted", {"content-missing"}),
        ("checkpoint", {"checkpoint"}),
        ("head over nothing", {"checkpoint"}),
        ("head over less", {"checkpoint"}),
        ("counter ahead", {"counter"}),
        ("segment", {"segment"}),
    ],
)
def test_nothing_else_is_accused(sqlite_victim: Victim, name: str, codes: set[str]) -> None:
    """One damage is one finding: what is whole is not accused with it."""
    DAMAGES[name][0](sqlite_victim)
    report = sqlite_victim.check()
    assert set(report.by_code) == codes, report.text("en")
    assert report.total == 1


def test_consistent_forgery(victim: Victim) -> None:
    """Whoever also recomputes every hash and tile still fails the signed roots."""
    rewritten_leaf(victim)
    ((leaf,),) = victim.run("SELECT leaf_hash FROM events WHERE leaf_index = 2")
    ((tile,),) = victim.run("SELECT hashes FROM tiles WHERE level = 0 AND n = 0")
    hashes = bytes(tile)[:64] + bytes(leaf) + bytes(tile)[96:]
    victim.run("UPDATE tiles SET hashes = ? WHERE level = 0 AND n = 0", (hashes,))
    report = victim.check()
    roots = {finding.part for finding in damaged(report, "root")}
    assert roots == {"checkpoint 97", "checkpoint 187", "checkpoint 277"}
    assert [f.leaf for f in damaged(report, "receipt")] == [FIRST]


@pytest.mark.postgres
def test_head_row(postgres_victim: Victim) -> None:
    """A head row that says otherwise than the log is named; so is one that is gone."""
    postgres_victim.run("UPDATE head SET size = 5")
    assert damaged(postgres_victim.check(), "head")
    postgres_victim.run("DELETE FROM head")
    assert damaged(postgres_victim.check(), "head")


def test_hidden_by_an_index(filled_sqlite: Path, tmp_path: Path) -> None:
    """An event that is in the table and that no index leads to is not found by its id: told."""
    path = tmp_path / "archive.db"
    shutil.copy(filled_sqlite / path.name, path)
    attacker = apsw.Connection(str(path))
    rows: list[Any] = attacker.execute(
        "SELECT event_id, (SELECT rootpage FROM sqlite_schema WHERE name = ?), page_size "
        "FROM events, pragma_page_size WHERE leaf_index = 2",
        ("sqlite_autoindex_events_1",),
    ).fetchall()
    ((event, page, size),) = rows
    attacker.close()
    data, start = path.read_bytes(), (page - 1) * size
    at = data.index(event, start)
    path.write_bytes(data[:at] + b"\0" + data[at + 1 :])
    sources = Sources(
        ORIGIN,
        partial(SQLiteStore, path),
        partial(SQLiteKeyStore, filled_sqlite / "keys.db", filled_sqlite / "master"),
    )
    assert damaged(check(sources, TurnedClock()), "database")


def test_processes(sqlite_victim: Victim, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several processes find what one finds, in the same order, and tell their progress."""
    monkeypatch.setattr("archive.check.STRETCH", 256)
    for name in ("leaf", "topic", "segment", "wrapped key"):
        DAMAGES[name][0](sqlite_victim)
    told: list[tuple[int, int]] = []
    here = sqlite_victim.check()
    there = check(
        sqlite_victim.sources,
        TurnedClock(),
        how=Thoroughness(processes=2),
        progress=lambda done, total: told.append((done, total)),
    )
    assert there.findings == here.findings
    assert there.counts == here.counts
    assert told == [(256, 280), (280, 280)]


# ---------------------------------------------------------------- written wrongly


@pytest.fixture
def small(tmp_path: Path) -> Iterator[SmallArchive]:
    made = sqlite_archive(tmp_path)
    yield made
    made.close()


def codes_at(report: CheckReport) -> set[tuple[str, int | None]]:
    return {(finding.code, finding.leaf) for finding in report.findings}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"prev": "0" * 64}, "chain"),
        ({"kind": "minutes"}, "chain"),
        ({"origin": "other.example"}, "origin"),
        ({"assurance": "own-key"}, "signature"),
        ({"covers": ["0" * 64]}, "covers"),
        ({"refs": [Ref("see-also", "b" * 32, "0" * 64)]}, "covers"),
        ({"seen": Seen(1, "0" * 64)}, "anchor"),
        ({"seen": Seen(50, "0" * 64)}, "anchor"),
    ],
)
def test_author_errs(small: SmallArchive, changes: dict[str, Any], code: str) -> None:
    """What was signed wrongly is named, even where every hash fits."""
    record = small.open()
    small.append(record, **changes)
    found = codes_at(small.check())
    if code == "origin":  # the receipt, as the log issues it, has the right one
        found -= {("receipt", 3)}
    assert found == {(code, 3)}


def test_author_remembers_a_head(small: SmallArchive) -> None:
    """A signer who had seen a head of this log is no fault."""
    record = small.open()
    head = heads.read(small.log.checkpoint().note)[1]
    small.append(record, seen=Seen(head.size, head.root.hex()))
    assert small.check().ok


def test_second_head(small: SmallArchive) -> None:
    """A head signed by the log's own key over other leaves is named by its size."""
    small.open()
    small.log.checkpoint()
    forged = heads.sign(heads.Checkpoint(ORIGIN, 2, bytes(32)), small.keyring.log_key)
    small.store.put_checkpoint(Checkpoint(2, forged, small.clock()))
    (finding,) = small.check().findings
    assert (finding.code, finding.part) == ("root", "checkpoint 2")


def test_disposal(small: SmallArchive) -> None:
    """Content that is gone is MISSING without a disposal, and no fault with one."""
    record, other = small.open(), small.open()
    facts = {
        "list": "0" * 64,
        "rule": {"id": "r", "version": 1, "hash": "0" * 64},
        "last_day": "2026-01-01",
        "approvals": ["1" * 64, "2" * 64],
    }
    small.append(record, type_="disposed", facts=facts)
    assert codes_at(small.check()) == {("undisposed", 2)}
    small.store.destroy_content([record])
    small.store.destroy_content([other])
    report = small.check()
    assert ("content-missing", 3) in codes_at(report)
    assert ("content-missing", 2) not in codes_at(report)


def test_key_destroyed(small: SmallArchive) -> None:
    """A record's key that is gone without a disposal is MISSING too."""
    record, _ = small.open(), small.open()
    small.keys.destroy([record])
    assert codes_at(small.check()) == {("key-missing", 2)}


def test_rotation(small: SmallArchive) -> None:
    """After rotations of both keys old and new signatures hold."""
    record = small.open()
    small.keyring.rotate(small.committer, "intake")
    small.append(record)
    small.keyring.rotate(small.committer, "log")
    small.append(record)
    small.log.checkpoint()
    report = small.check()
    assert report.ok, report.text("en")


def test_signoff_keys(small: SmallArchive) -> None:
    """The registration of a person's passkey is an entry of the key register like any other."""
    phone = Authenticator("phone")
    facts = {
        "alg": phone.alg,
        "approved": {"by": None, "how": "session"},
        "key": phone.key_id,
        "owner": "ab" * 16,
        "public": base64.b64encode(phone.public).decode("ascii"),
        "rp": phone.rp,
    }
    small.keyring.register_signoff(small.committer, facts)
    report = small.check()
    assert report.ok, report.text("en")


@pytest.mark.parametrize("act", ["register", "revoke"])
def test_forged_register_event(small: SmallArchive, act: str) -> None:
    """An entry of the key register whose signature does not fit is named, and has no effect."""
    record = small.open()
    stranger = SigningKey.generate()
    public = base64.b64encode(stranger.public).decode("ascii")
    named: dict[str, dict[str, Any]] = {
        "register": {"alg": "Ed25519", "key": stranger.key_id, "owner": None, "public": public}
        | {"use": "intake"},
        "revoke": {"key": small.keyring.author.key.key_id, "reason": "lost"},
    }
    slip_in(small, stranger, f"key-{act}{'ed' if act == 'register' else 'd'}", named[act])
    small.append(record)  # signed by the key that was not revoked
    report = small.check()
    assert codes_at(report) == {("signature", 3)}, report.text("en")
    register, _, faults = read_register(ORIGIN, small.store)
    assert stranger.key_id not in register.entries
    assert faults == []


def slip_in(small: SmallArchive, forger: SigningKey, type_: str, facts: dict[str, Any]) -> None:
    """Commit an entry of the key register that names the log key, and that another key signed."""
    last = small.store.record(small.keyring.record)[-1]
    log_key = small.keyring.log_key.key_id
    said = Statement(
        origin=ORIGIN,
        event="f" * 32,
        record=small.keyring.record,
        version=last.version + 1,
        prev=dsse.envelope_hash(read_leaf(last.leaf)[1].raw),
        type=type_,
        kind="key-register",
        kind_version=1,
        key=log_key,
        assurance="system",
        occurred_at="2026-11-22T08:00:00.000000Z",
        facts=facts,
    )
    payload = encode(said)
    signature = forger.sign(dsse.pae(dsse.STATEMENT_TYPE, payload))
    sealed = Sealed(
        record_id=said.record,
        version=said.version,
        topic=f"~key-register/{type_}",
        event_id=said.event,
        envelope=dsse.assemble(payload, dsse.STATEMENT_TYPE, log_key, signature),
        prefix=None,
        content=(),
    )
    small.committer.commit(Unit((sealed,)))


def test_head_over_an_empty_log(tmp_path: Path) -> None:
    """A note that claims a head over nothing is named even where there are no leaves to examine."""
    store = SQLiteStore(tmp_path / "archive.db")
    note = heads.sign(heads.Checkpoint(ORIGIN, 0, EMPTY_ROOT), SigningKey.generate())
    store.put_checkpoint(Checkpoint(0, note, TurnedClock()()))
    store.close()
    sources = Sources(
        ORIGIN,
        partial(SQLiteStore, tmp_path / "archive.db"),
        partial(SQLiteKeyStore, tmp_path / "keys.db", tmp_path / "master"),
    )
    (finding,) = check(sources, TurnedClock()).findings
    assert (finding.code, finding.part) == ("checkpoint", "checkpoint 0")


def test_late_time_and_numbers(small: SmallArchive, tmp_path: Path) -> None:
    """A recorded time that runs back, and a number given twice, are named."""
    small.open()
    small.open()
    rows = list(small.store.leaves(3, 4))
    attacker = apsw.Connection(str(tmp_path / "archive.db"))
    attacker.execute("DROP TRIGGER events_keep")
    text = rows[0].leaf.replace(b"KS-2026-00002", b"KS-2026-00001")
    text = text.replace(b'"recorded_at":"2026', b'"recorded_at":"2025')
    attacker.execute("UPDATE events SET state = ? WHERE leaf_index = 3", (text,))
    assert {("number", 3), ("order", 3), ("leaf-bytes", 3)} <= codes_at(small.check())


# ---------------------------------------------------------------- the report


def test_report(small: SmallArchive, tmp_path: Path) -> None:
    """The result speaks both languages, and stays short however much is wrong."""
    findings = Findings(limit=60)
    for code in CODES:
        for leaf in range(100):
            findings.add(Finding(code, leaf=leaf))
    assert len(findings.kept) == 60
    assert findings.by_code == dict.fromkeys(CODES, 100)
    small.open()
    small.store.destroy_content([small.open()])
    report = small.check(compare_views=lambda _: [Finding("view", part="register")])
    assert report.views_seconds is not None
    assert report.by_code == {"content-missing": 1, "view": 1}
    assert "内容缺失" in report.text("zh")
    assert "MISSING" in report.text("en")
    assert "KS-2026-00002" in report.text("zh")


def test_background(small: SmallArchive, tmp_path: Path) -> None:
    """In the background one result after the other is kept where pages find it."""
    small.open()
    kept = tmp_path / "check.json"
    assert last_report(kept) is None
    background = BackgroundCheck(lambda progress: small.check(progress=progress), kept, 0.01)
    background.start(delay=0.0)
    wait_for(lambda: last_report(kept) is not None)
    small.store.destroy_content([small.open()])
    wait_for(lambda: not (last_report(kept) or {"ok": True})["ok"])
    background.stop()
    assert background.error is None
    assert (last_report(kept) or {})["by_code"] == {"content-missing": 1}


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come")
