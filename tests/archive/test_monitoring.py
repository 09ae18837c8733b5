"""A log followed from elsewhere, over a web server that has nothing but the published files."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from archive.evidence import checkpoint as heads
from archive.evidence import cosignature, entries, note
from archive.evidence.keys import SigningKey
from archive.evidence.merkle import Frontier, leaf_hash
from archive.evidence.policy import Policy
from archive.log import vkey
from archive.monitoring import Monitor, Published, Turn
from archive.publishing import publish, target_at
from archive.remembering import MemoryBroken
from tests.archive.small_archive import (
    ORIGIN,
    SmallArchive,
    TurnedClock,
    postgres_archive,
    sqlite_archive,
)
from tests.archive.test_log import grow


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@dataclass
class Site:
    """A folder behind a web server, and the archive that publishes into it."""

    small: SmallArchive
    folder: Path
    state: Path
    clock: TurnedClock = field(init=False)
    server: ThreadingHTTPServer = field(init=False)

    def __post_init__(self) -> None:
        self.clock = self.small.clock
        self.folder.mkdir()
        handler = partial(Quiet, directory=str(self.folder))
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    @property
    def vkey(self) -> str:
        return vkey(ORIGIN, self.small.keyring.log_key)

    def publish(self, small: SmallArchive | None = None) -> None:
        small = small or self.small
        small.log.checkpoint()
        publish(small, target_at(str(self.folder)))

    def monitor(
        self, policy: Policy | None = None, age: timedelta | None = timedelta(hours=48)
    ) -> Monitor:
        """As a new process, with the state of those before it."""
        trusted = policy or Policy.of_vkey(self.vkey)
        log = Published(self.url, pause=0.01)
        return Monitor(log, trusted, self.state, self.clock, age)

    def look(self) -> Turn:
        return self.monitor().turn()

    def remembered(self) -> int:
        return int(json.loads(self.state.read_text())["size"])

    def file(self, path: str) -> Path:
        return self.folder / path

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.small.close()


@pytest.fixture(params=("sqlite", pytest.param("postgres", marks=pytest.mark.postgres)))
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """On each store: what is published must be the same to who follows it."""
    folder = tmp_path / "data"
    folder.mkdir()
    if request.param == "sqlite":
        small = sqlite_archive(folder)
    else:
        small = postgres_archive(request.getfixturevalue("postgres_dsn"), folder)
    made = Site(small, tmp_path / "www", tmp_path / "monitor.json")
    yield made
    made.close()


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Site]:
    """On SQLite, where only files matter."""
    folder = tmp_path / "data"
    folder.mkdir()
    made = Site(sqlite_archive(folder), tmp_path / "www", tmp_path / "monitor.json")
    yield made
    with suppress(OSError):
        made.close()


def filled(small: SmallArchive, count: int) -> None:
    record = small.open()
    for _ in range(count - 1):
        small.append(record)


def found(turn: Turn) -> set[tuple[str, int | None]]:
    return {(finding.code, finding.leaf) for finding in turn.findings}


def test_a_log_is_followed(site: Site) -> None:
    """Over restarts and the edges of tiles, with a key rotated between: all is well each time."""
    for count in (3, 250, 7, 300):
        filled(site.small, count)
        site.publish()
        turn = site.look()
        size = site.small.store.head().size
        assert (turn.state, turn.size, site.remembered()) == ("ok", size, size)
    site.small.keyring.rotate(site.small.committer, "intake")
    filled(site.small, 5)
    site.publish()
    assert site.look().state == "ok"
    assert site.look().size == site.small.store.head().size


def test_a_new_log_key_must_be_given(site: Site) -> None:
    """A head by a key that nobody gave is not believed, though the log's register knows it; with
    both keys it is."""
    old = site.vkey
    site.publish()
    assert site.look().state == "ok"
    site.small.keyring.rotate(site.small.committer, "log")
    site.publish()
    only_old = Policy.of_vkey(old)
    turn = site.monitor(only_old).turn()
    assert found(turn) == {("checkpoint", None)}
    only_old.logs += Policy.of_vkey(site.vkey).logs
    assert site.monitor(only_old).turn().state == "ok"


def test_a_head_by_a_key_that_the_register_does_not_know(one: Site) -> None:
    """Even where the auditor was talked into trusting it."""
    filled(one.small, 3)
    one.publish()
    stranger = SigningKey.generate()
    head = heads.read(one.file("checkpoint").read_bytes())[1]
    one.file("checkpoint").write_bytes(heads.sign(head, stranger))
    policy = Policy.of_vkey(vkey(ORIGIN, stranger))
    assert found(one.monitor(policy).turn()) == {("checkpoint", None)}


@pytest.mark.parametrize("old", [20, 256, 300])
def test_a_log_that_was_cut(one: Site, old: int) -> None:
    """Its older head, which was right at its time, convicts it; nothing is forgotten, and both
    heads are kept."""
    filled(one.small, old - 2)
    one.publish()
    before = one.file("checkpoint").read_bytes()
    filled(one.small, 30)
    one.publish()
    assert one.look().state == "ok"
    size = one.remembered()
    one.file("checkpoint").write_bytes(before)
    assert found(one.look()) == {("set-back", old)}
    assert one.remembered() == size
    evidence = json.loads((one.state.parent / "monitor.json.conflict").read_text())
    assert evidence["found"] == before.decode()
    assert evidence["verified"].split("\n")[1] == str(size)


@pytest.mark.parametrize("more", [1, 5, 300], ids=["as long", "longer", "much longer"])
def test_two_servers_with_one_key(tmp_path: Path, one: Site, more: int) -> None:
    """Whoever followed the one story does not take the other for its continuation."""
    filled(one.small, 280)
    one.small.log.checkpoint()
    one.small.close()
    shutil.copytree(tmp_path / "data", tmp_path / "other")
    one.small = sqlite_archive(tmp_path / "data")
    one.small.open("这里")
    one.publish()
    assert one.look().state == "ok"
    other = sqlite_archive(tmp_path / "other")
    filled(other, more)
    shutil.rmtree(one.folder)
    one.folder.mkdir()
    one.publish(other)
    size = one.remembered()
    turn = one.look()
    assert {finding.code for finding in turn.findings} == {"rewritten"}
    assert one.remembered() == size
    other.close()


def test_an_edited_leaf(one: Site) -> None:
    """In what is new it is named; back where it was, the look goes on."""
    filled(one.small, 270)
    one.publish()
    assert one.look().state == "ok"
    filled(one.small, 20)
    one.publish()
    size = one.small.store.head().size
    path = one.file(entries.entries_path(1, size - 256))
    data = path.read_bytes()
    leaves = entries.parse(data, size - 256)
    at = 280 - 256
    leaves[at] = leaves[at].replace(b'"recorded_at":"2026', b'"recorded_at":"2027')
    path.write_bytes(entries.encode(leaves))
    turn = one.look()
    assert ("leaf-bytes", 280) in found(turn)
    assert one.remembered() == 272
    path.write_bytes(data)
    assert one.look().state == "ok"


def test_an_edited_old_leaf_in_the_bundle_that_grows(one: Site) -> None:
    """It was verified once; that it is another now is noticed with the next leaf."""
    filled(one.small, 20)
    one.publish()
    one.look()
    filled(one.small, 5)
    one.publish()
    path = one.file(entries.entries_path(0, one.small.store.head().size))
    path.write_bytes(path.read_bytes().replace(b'"recorded_at":"2026', b'"recorded_at":"2027', 1))
    assert {code for code, _ in found(one.look())} == {"leaf-bytes"}


def test_an_edited_tile(one: Site) -> None:
    """The leaves give the root, so it is the tile that is wrong."""
    filled(one.small, 20)
    one.publish()
    (path,) = one.file("tile/0/000.p").iterdir()
    data = bytearray(path.read_bytes())
    data[32 * 7] ^= 1
    path.write_bytes(data)
    assert found(one.look()) == {("tile", 7)}


def resigned(one: Site, change: Callable[[list[bytes]], None]) -> None:
    """The published log with other leaves, its tree and its head made anew with the log's key."""
    size = one.small.store.head().size
    leaves = [row.leaf for row in one.small.store.leaves(0)]
    change(leaves)
    hashes = [leaf_hash(leaf) for leaf in leaves]
    tree = Frontier()
    tree.extend(hashes)
    one.file(entries.entries_path(0, size)).write_bytes(entries.encode(leaves))
    one.file(f"tile/0/000.p/{size}").write_bytes(b"".join(hashes))
    head = heads.Checkpoint(ORIGIN, size, tree.root())
    one.file("checkpoint").write_bytes(heads.sign(head, one.small.keyring.log_key))


def swap(leaves: list[bytes]) -> None:
    leaves[4], leaves[5] = leaves[5], leaves[4]


def forge(leaves: list[bytes]) -> None:
    middle = leaves[6].find(b'sig\\":\\"') + 20
    letter = b"B" if leaves[6][middle : middle + 1] == b"A" else b"A"
    leaves[6] = leaves[6][:middle] + letter + leaves[6][middle + 1 :]


def spell(leaves: list[bytes]) -> None:
    leaves[6] += b" "


def forget(leaves: list[bytes]) -> None:
    leaves[0] = leaves[2]


@pytest.mark.parametrize(
    ("change", "code", "leaf"),
    [
        (swap, "order", 5),
        (forge, "signature", 6),
        (spell, "leaf-form", 6),
        (forget, "signature", 1),
    ],
)
def test_what_a_stolen_log_key_cannot_hide(
    one: Site, change: Callable[[list[bytes]], None], code: str, leaf: int
) -> None:
    """Leaves that the tree fits, and that are not what a log of ours has."""
    filled(one.small, 12)
    one.publish()
    resigned(one, change)
    assert (code, leaf) in found(one.look())
    assert not one.state.exists()


def test_what_is_not_there(one: Site) -> None:
    """A head over entries that nobody is given is a fault of the log."""
    filled(one.small, 12)
    one.publish()
    shutil.rmtree(one.file("tile/entries"))
    assert {code for code, _ in found(one.look())} == {"leaf-missing"}
    shutil.rmtree(one.file("tile"))
    assert {code for code, _ in found(one.look())} == {"leaf-missing"}
    assert not one.state.exists()


def test_only_the_full_bundle_is_left(one: Site) -> None:
    """When the log has grown meanwhile, the partial files of a head may be gone: as tlog-tiles has
    it, the full ones are read instead."""
    filled(one.small, 100)
    one.publish()
    head = one.file("checkpoint").read_bytes()
    filled(one.small, 300)
    one.publish()
    one.file("checkpoint").write_bytes(head)
    assert not one.file("tile/entries/000.p").exists()
    turn = one.look()
    assert (turn.state, turn.size) == ("ok", 102)


def test_a_head_that_grows_old(one: Site) -> None:
    """The age of the newest leaf counts, and that of a witness's newest line; 0 asks for none."""
    filled(one.small, 3)
    one.publish()
    assert one.look().state == "ok"
    one.clock.now += timedelta(hours=49)
    assert found(one.look()) == {("stale", None)}
    assert one.monitor(age=None).turn().state == "ok"
    key = SigningKey.generate()
    witness = note.VerifierKey.make("w.example", key.verify_key(), note.COSIGNATURE)
    policy = Policy.parse(f"log {one.vkey}\nwitness w {witness}\nquorum w\n")
    assert found(one.monitor(policy).turn()) == {("checkpoint", None)}
    signed = one.file("checkpoint").read_bytes()
    at = int((one.clock.now - timedelta(hours=1)).timestamp())
    line = cosignature.cosign(note.parse(signed).text, "w.example", key, at)
    one.file("checkpoint").write_bytes(signed + note.line_of(line))
    assert one.monitor(policy).turn().state == "ok"
    one.clock.now += timedelta(hours=48)
    assert found(one.monitor(policy).turn()) == {("stale", None)}


def test_recorded_in_the_future(one: Site) -> None:
    """A clock that runs ahead would hide that nothing comes any more."""
    one.clock = TurnedClock()
    one.small.clock.now += timedelta(days=30)
    filled(one.small, 3)
    one.publish()
    assert found(one.look()) == {("ahead", None)}


def test_the_network_is_lost(one: Site) -> None:
    """That says nothing about the log; what was verified stays, and the next look goes on."""
    filled(one.small, 3)
    one.publish()
    assert one.look().state == "ok"
    kept = one.state.read_bytes()
    one.file("checkpoint").rename(one.folder / "away")
    turn = one.look()
    assert (turn.state, turn.findings) == ("unreachable", ())
    (one.folder / "away").rename(one.file("checkpoint"))
    one.server.shutdown()
    one.server.server_close()
    turn = one.look()
    assert (turn.state, turn.findings, turn.size) == ("unreachable", (), 5)
    assert one.state.read_bytes() == kept


def test_a_state_that_is_not_one(one: Site) -> None:
    """It is never taken for a first look."""
    filled(one.small, 3)
    one.publish()
    one.state.write_bytes(b"{")
    with pytest.raises(MemoryBroken, match="find out"):
        one.look()


def test_a_large_log_in_flat_memory(one: Site) -> None:
    """Of many bundles one is held at a time; leaves of no form are counted, not all told."""
    import tracemalloc  # noqa: PLC0415 - one test's

    grow(one.small, 256 * 40)
    one.publish()
    tracemalloc.start()
    turn = one.look()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert {code for code, _ in found(turn)} == {"leaf-form"}
    assert len(turn.findings) <= 50
    assert peak < 4_000_000
