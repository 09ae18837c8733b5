"""Checkpoints, tiles and proofs over real stores."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import apsw
import pytest

from archive import log as log_module
from archive.evidence import checkpoint as heads
from archive.evidence import note
from archive.evidence.merkle import leaf_hash, root, verify_consistency, verify_inclusion
from archive.log import Heartbeat, LogError, TransparencyLog, tiles_of, verify_checkpoint, vkey
from archive.store import Ask, Batch, Checkpoint, NewEvent, StoreCorrupt, StoredEvent
from tests.archive.small_archive import ORIGIN, SmallArchive, postgres_archive, sqlite_archive

MOMENT = datetime(2026, 11, 22, 9, tzinfo=UTC)


@pytest.fixture(params=("sqlite", pytest.param("postgres", marks=pytest.mark.postgres)))
def small(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallArchive]:
    made = (
        sqlite_archive(tmp_path)
        if request.param == "sqlite"
        else postgres_archive(request.getfixturevalue("postgres_dsn"), tmp_path)
    )
    yield made
    made.close()


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Iterator[SmallArchive]:
    made = sqlite_archive(tmp_path)
    yield made
    made.close()


def grow(small: SmallArchive, count: int) -> None:
    """Leaves that are only bytes: enough for a tree, and quick."""
    transaction = small.store.begin(Ask())
    first = transaction.found.head.size
    rows = []
    for index in range(first, first + count):
        leaf = b"leaf %d" % index
        row = StoredEvent(
            index, f"{index:032x}", 1, "x/y", f"{index:032x}", leaf, leaf_hash(leaf), MOMENT, None
        )
        rows.append(NewEvent(row, None))
    transaction.commit(Batch(rows))


def hashes(small: SmallArchive) -> list[bytes]:
    return [leaf_hash(row.leaf) for row in small.store.leaves(0)]


def test_head(small: SmallArchive) -> None:
    """A checkpoint is a C2SP note of the RFC's root over all leaves, under the log key."""
    grow(small, 700)
    made = small.log.checkpoint()
    key = note.VerifierKey.parse(vkey(ORIGIN, small.keyring.log_key))
    head = heads.verify(made.note, key)
    assert (head.origin, head.size, head.root) == (ORIGIN, 702, root(hashes(small)))
    assert small.log.checkpoint() == made == small.log.latest()
    assert len(list(small.store.checkpoints())) == 1


def test_every_size(on_sqlite: SmallArchive) -> None:
    """Grown in any steps, also over a restart, roots and proofs are those of the RFC's tree."""
    sizes = []
    for step in (1, 1, 252, 1, 1, 300, 5, 700):
        grow(on_sqlite, step)
        log = TransparencyLog(on_sqlite.store, on_sqlite.keyring, on_sqlite.clock)
        sizes.append((on_sqlite.log if step == 1 else log).checkpoint().size)
    everything = hashes(on_sqlite)
    roots = {size: root(everything[:size]) for size in sizes}
    for size in sizes:
        for index in {0, 1, 2, size // 2, size - 2, size - 1}:
            made, proof = on_sqlite.log.inclusion(index, size)
            head = heads.read(made.note)[1]
            assert head.root == roots[size]
            verify_inclusion(index, size, everything[index], proof, roots[size])
        for old in sizes:
            if old <= size:
                proof = on_sqlite.log.consistency(old, size)
                verify_consistency(old, size, roots[old], roots[size], proof)
    for level, n, width in tiles_of(sizes[-1]):
        assert len(on_sqlite.store.tile(level, n) or b"") == width * 32


def test_long_way(on_sqlite: SmallArchive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Far behind, the log catches up in steps, each with a head that holds."""
    monkeypatch.setattr(log_module, "STEP", 300)
    grow(on_sqlite, 1000)
    on_sqlite.log.checkpoint()
    made = [heads.read(each.note)[1] for each in on_sqlite.store.checkpoints()]
    everything = hashes(on_sqlite)
    assert [head.size for head in made] == [300, 600, 900, 1002]
    assert [head.root for head in made] == [root(everything[: head.size]) for head in made]


def test_proof_of_the_youngest(small: SmallArchive) -> None:
    """The proof of a leaf younger than the last checkpoint makes one; beyond the log is refused."""
    small.log.checkpoint()
    committed = small.append(small.keys.new_record()[0])
    made, proof = small.log.inclusion(committed.leaf_index)
    head = heads.read(made.note)[1]
    assert made.size == committed.leaf_index + 1
    verify_inclusion(committed.leaf_index, made.size, committed.leaf_hash, proof, head.root)
    for index, size in ((made.size, None), (-1, None), (0, 1), (made.size, made.size)):
        with pytest.raises(LogError):
            small.log.inclusion(index, size)
    for old, new in ((1, 0), (-1, 1), (0, made.size + 1)):
        with pytest.raises(LogError):
            small.log.consistency(old, new)


def test_processes(small: SmallArchive) -> None:
    """Several logs at once sign one note for a size, and the latest is always the largest."""
    stores = [small.open_store() for _ in range(3)]
    logs = [TransparencyLog(store, small.keyring, small.clock) for store in stores]

    def sign(log: TransparencyLog) -> list[int]:
        return [log.checkpoint().size for _ in range(12)]

    with ThreadPoolExecutor() as pool:
        made = [pool.submit(sign, log) for log in logs]
        for _ in range(20):
            grow(small, 40)
        sizes = [future.result() for future in made]
    assert all(each == sorted(each) for each in sizes)
    small.log.checkpoint()
    everything = hashes(small)
    notes: dict[int, set[bytes]] = {}
    for each in small.store.checkpoints():
        notes.setdefault(each.size, set()).add(each.note)
        assert heads.read(each.note)[1].root == root(everything[: each.size])
    assert all(len(of_size) == 1 for of_size in notes.values())
    latest = small.log.latest()
    assert latest is not None
    assert latest.size == max(notes) == len(everything)
    for store in stores:
        store.close()


def test_late_and_small(small: SmallArchive) -> None:
    """A smaller head that arrives late does not become the latest, nor shorten a tile."""
    grow(small, 10)
    small.log.checkpoint()
    tile = small.store.tile(0, 0)
    assert tile is not None
    grow(small, 10)
    latest = small.log.checkpoint()
    other = heads.sign(heads.Checkpoint(ORIGIN, 5, bytes(32)), small.keyring.log_key)
    small.store.put_checkpoint(Checkpoint(5, other, small.clock()), [(0, 0, tile[: 5 * 32])])
    assert small.log.latest() == latest
    assert len(small.store.tile(0, 0) or b"") == latest.size * 32


def test_rotation(small: SmallArchive) -> None:
    """After the log key's rotation the new key signs, and older heads still verify."""
    before = small.log.checkpoint()
    small.keyring.rotate(small.committer, "log")
    small.append(small.keys.new_record()[0])
    after = small.log.checkpoint()
    key = note.VerifierKey.parse(vkey(ORIGIN, small.keyring.log_key))
    assert heads.verify(after.note, key).size == after.size
    register = small.keyring.register
    for each in (before, after):
        assert verify_checkpoint(register, ORIGIN, each.note).size == each.size


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM tiles",
        "UPDATE tiles SET hashes = zeroblob(length(hashes)) WHERE level = 0 AND n = 1",
        "UPDATE tiles SET hashes = substr(hashes, 1, 32) WHERE n = 1",
        "UPDATE checkpoints SET size = 299",
        "UPDATE checkpoints SET note = CAST('x' || note AS BLOB)",
    ],
)
def test_nothing_signed_on_damage(on_sqlite: SmallArchive, tmp_path: Path, damage: str) -> None:
    """After a restart on damaged tiles or notes, nothing more is signed."""
    grow(on_sqlite, 298)
    on_sqlite.log.checkpoint()
    apsw.Connection(str(tmp_path / "archive.db")).execute(damage)
    grow(on_sqlite, 300)
    log = TransparencyLog(on_sqlite.store, on_sqlite.keyring, on_sqlite.clock)
    with pytest.raises(StoreCorrupt, match="run a check"):
        log.checkpoint()
    assert len(list(on_sqlite.store.checkpoints())) == 1


def test_nothing_signed_when_truncated(on_sqlite: SmallArchive, tmp_path: Path) -> None:
    """A log that lost its tail below a signed head is refused, not signed anew."""
    grow(on_sqlite, 10)
    on_sqlite.log.checkpoint()
    attacker = apsw.Connection(str(tmp_path / "archive.db"))
    attacker.execute("DROP TRIGGER events_stay; DELETE FROM events WHERE leaf_index > 5")
    with pytest.raises(StoreCorrupt, match="12 leaves"):
        on_sqlite.log.checkpoint()


def until(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come")


def test_heartbeat(small: SmallArchive) -> None:
    """The heartbeat signs what came since, shows why it cannot, and ends when told."""
    heartbeat = Heartbeat(small.log, interval=0.01)
    heartbeat.start()
    small.append(small.keys.new_record()[0])
    until(lambda: (latest := small.log.latest()) is not None and latest.size == 3)
    assert heartbeat.alive
    assert heartbeat.error is None
    small.store.put_checkpoint(Checkpoint(9, b"not a note", small.clock()), [])
    until(lambda: heartbeat.error is not None)
    assert heartbeat.alive
    heartbeat.stop()
    assert not heartbeat.alive
