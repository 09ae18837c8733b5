"""The published log: what a reader of the folder or bucket finds, whenever they look."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from archive import published_folder
from archive.log import TransparencyLog, tiles_of, vkey
from archive.publishing import Published, PublishError, publish, target_at
from archive.store import StoreCorrupt
from tests import foreign_client
from tests.archive.small_archive import ORIGIN, SmallArchive, postgres_archive, sqlite_archive
from tests.archive.test_log import grow

REPO = Path(__file__).parents[2]


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


def published_to(small: SmallArchive, folder: Path, *, whole: bool = False) -> Published:
    small.log.checkpoint()
    return publish(small, target_at(str(folder)), whole=whole)


def read(small: SmallArchive, folder: Path) -> tuple[int, list[bytes]]:
    """As a stranger reads it."""
    key = vkey(ORIGIN, small.keyring.log_key)
    head, entries = foreign_client.read_log(foreign_client.in_folder(folder), key)
    return head.size, entries


def files(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in files(folder)}


def leaves(small: SmallArchive) -> list[bytes]:
    return [row.leaf for row in small.store.leaves(0)]


def test_every_head(small: SmallArchive, tmp_path: Path) -> None:
    """After each publication a stranger derives the whole log anew, across every tile's edge."""
    folder = tmp_path / "www"
    for step in (1, 1, 252, 1, 1, 300, 213, 700):
        grow(small, step)
        published_to(small, folder)
        assert read(small, folder) == (small.store.head().size, leaves(small))


def test_only_what_is_new(on_sqlite: SmallArchive, tmp_path: Path) -> None:
    """A publication writes the tiles and bundles that grew, and no other file is touched."""
    folder = tmp_path / "www"
    grow(on_sqlite, 998)
    published_to(on_sqlite, folder)
    before = {name: (folder / name).stat().st_ino for name in files(folder)}
    grow(on_sqlite, 10)
    made = published_to(on_sqlite, folder)
    assert (made.before, made.size, made.files) == (1000, 1010, 2)
    after = {name: (folder / name).stat().st_ino for name in files(folder)}
    assert {n for n in before if before[n] != after[n]} == {"checkpoint"}
    assert set(after) - set(before) == {"tile/0/003.p/242", "tile/entries/003.p/242"}
    again = published_to(on_sqlite, folder)
    assert (again.before, again.size, again.files) == (1010, 1010, 0)


def test_a_full_tile_replaces_its_parts(on_sqlite: SmallArchive, tmp_path: Path) -> None:
    """Exactly the files of the specification are there: partial versions go when they are full."""
    folder = tmp_path / "www"
    for step in (98, 100, 100, 300):
        grow(on_sqlite, step)
        published_to(on_sqlite, folder)
    size = on_sqlite.store.head().size
    expected = {"checkpoint"}
    for level, n, width in tiles_of(size):
        suffix = "" if width == 256 else f".p/{width}"
        expected.add(f"tile/{level}/{n:03}{suffix}")
        if level == 0:
            expected.add(f"tile/entries/{n:03}{suffix}")
    # Level 1 was of width 1 at 300 leaves, whose head was published: it stays until it is full.
    assert files(folder) == expected | {"tile/1/000.p/1"}


def test_whole(on_sqlite: SmallArchive, tmp_path: Path) -> None:
    """Files that were lost or spoilt at the place come back when all is written anew."""
    folder = tmp_path / "www"
    grow(on_sqlite, 600)
    published_to(on_sqlite, folder)
    (folder / "tile/0/000").unlink()
    (folder / "tile/entries/001").write_bytes(b"")
    with pytest.raises(foreign_client.LogBroken):
        read(on_sqlite, folder)
    published_to(on_sqlite, folder, whole=True)
    assert read(on_sqlite, folder) == (602, leaves(on_sqlite))


def test_a_new_log_key(on_sqlite: SmallArchive, tmp_path: Path) -> None:
    """After the log key was rotated the head is published under the new one."""
    folder = tmp_path / "www"
    published_to(on_sqlite, folder)
    on_sqlite.keyring.rotate(on_sqlite.committer, "log")
    published_to(on_sqlite, folder)
    assert read(on_sqlite, folder)[0] == on_sqlite.store.head().size


def test_one_at_a_time(on_sqlite: SmallArchive, tmp_path: Path) -> None:
    """While one run publishes to a folder, another is refused."""
    target, other = target_at(str(tmp_path / "www")), target_at(str(tmp_path / "www"))
    on_sqlite.log.checkpoint()
    with target.held(), pytest.raises(PublishError, match="another run"):
        publish(on_sqlite, other)
    publish(on_sqlite, other)


def test_a_fork_is_not_published(tmp_path: Path) -> None:
    """Two histories under one key: the place that has one of them never gets the other."""
    folder = tmp_path / "www"
    (tmp_path / "one").mkdir()
    made = sqlite_archive(tmp_path / "one")
    grow(made, 300)
    made.close()
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    first, forked = sqlite_archive(tmp_path / "one"), sqlite_archive(tmp_path / "two")
    first.open("here")
    published_to(first, folder)
    held = contents(folder)
    forked.open("there")
    grow(forked, 100)
    with pytest.raises(PublishError, match="forked"):
        published_to(forked, folder)
    assert contents(folder) == held
    first.close()
    forked.close()


def test_a_cut_log_is_not_published(on_sqlite: SmallArchive, tmp_path: Path) -> None:
    """An archive that has less than it published says so, and publishes nothing."""
    folder = tmp_path / "www"
    grow(on_sqlite, 100)
    published_to(on_sqlite, folder)
    attacker = apsw.Connection(str(tmp_path / "archive.db"))
    attacker.execute(
        "DROP TRIGGER events_stay; DELETE FROM events WHERE leaf_index >= 50;"
        "DELETE FROM checkpoints; DELETE FROM tiles"
    )
    cut = sqlite_archive(tmp_path)
    with pytest.raises(PublishError, match="102 leaves"):
        published_to(cut, folder)
    assert (folder / "checkpoint").read_bytes().split(b"\n")[1] == b"102"
    cut.close()


@pytest.mark.parametrize("leaf", [120, 320], ids=["in a tile of before", "new"])
def test_changed_leaves(on_sqlite: SmallArchive, tmp_path: Path, leaf: int) -> None:
    """Where the leaves no longer give the signed root, the last good checkpoint stays."""
    folder = tmp_path / "www"
    grow(on_sqlite, 148)
    published_to(on_sqlite, folder)
    grow(on_sqlite, 200)
    on_sqlite.log.checkpoint()
    attacker = apsw.Connection(str(tmp_path / "archive.db"))
    attacker.execute("DROP TRIGGER events_keep")
    attacker.execute("UPDATE events SET state = x'00' WHERE leaf_index = ?", (leaf,))
    assert attacker.changes() == 1
    with pytest.raises(StoreCorrupt, match="run a check"):
        publish(on_sqlite, target_at(str(folder)))
    assert read(on_sqlite, folder)[0] == 150


OTHER = b"other.example/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n"


@pytest.mark.parametrize("there", [b"", b"x\n\n", OTHER])
def test_something_else_is_there(on_sqlite: SmallArchive, tmp_path: Path, there: bytes) -> None:
    """A place whose checkpoint is not ours is left as it is."""
    folder = tmp_path / "www"
    folder.mkdir()
    (folder / "checkpoint").write_bytes(there)
    with pytest.raises(PublishError, match="did not sign"):
        published_to(on_sqlite, folder)
    assert files(folder) == {"checkpoint"}


def test_a_place_that_cannot_be(on_sqlite: SmallArchive, tmp_path: Path) -> None:
    """A file in the way is said in one sentence."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(PublishError, match="cannot publish"):
        published_to(on_sqlite, tmp_path / "file")


def test_synced_before_the_checkpoint(
    on_sqlite: SmallArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the checkpoint takes its place, every file and folder that it rests on was synced."""
    folder, synced, then = tmp_path / "www", set(), list[tuple[set[str], set[str]]]()
    sync, replace = os.fsync, os.replace

    def watched_sync(handle: int) -> None:
        synced.add(str(Path(f"/proc/self/fd/{handle}").readlink()))
        sync(handle)

    def watched_replace(source: Path, place: Path) -> None:
        if place.name == "checkpoint":
            then.append((set(synced), {str(p) for p in folder.rglob("*") if p.is_dir()}))
        elif str(source) in synced:
            synced.add(str(place))
        replace(source, place)

    monkeypatch.setattr(os, "fsync", watched_sync)
    monkeypatch.setattr(Path, "replace", watched_replace)
    grow(on_sqlite, 600)
    published_to(on_sqlite, folder)
    ((done, folders),) = then
    unsynced = {f"{folder}/{name}" for name in files(folder) - {"checkpoint"}} - done
    assert unsynced == set()
    incoming = str(folder / published_folder.INCOMING)
    assert (folders | {str(folder)}) - done == {incoming}


KILLER = """
import itertools, os, shutil, signal, sys
from pathlib import Path
from archive.publishing import publish, target_at
from tests.archive.small_archive import sqlite_archive
archive, base, trials = map(Path, sys.argv[1:])
for last in itertools.count(1):
    place = trials / str(last)
    shutil.copytree(base, place)
    child = os.fork()
    if child == 0:
        small, seen = sqlite_archive(archive), itertools.count(1)
        def write(event, arguments):
            mine = event in ("os.rename", "os.mkdir", "os.remove", "os.rmdir")
            if event == "open":
                mine = bool(arguments[2] & (os.O_WRONLY | os.O_RDWR))
            if mine and str(place) in str(arguments[0]) and next(seen) == last:
                os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(write)
        publish(small, target_at(str(place)))
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
"""


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [(0, 300), (300, 600)])
def test_killed_at_every_write(
    on_sqlite: SmallArchive, tmp_path: Path, before: int, after: int
) -> None:
    """Killed before any of its writes, the folder holds a whole log, and the next run goes on."""
    base, trials = tmp_path / "base", tmp_path / "trials"
    base.mkdir()
    if before:
        grow(on_sqlite, before)
        published_to(on_sqlite, base)
    grow(on_sqlite, after - before)
    on_sqlite.log.checkpoint()
    subprocess.run(
        [sys.executable, "-c", KILLER, str(tmp_path), str(base), str(trials)],
        cwd=REPO, check=True, timeout=120,
    )  # fmt: skip
    found = sorted(trials.iterdir(), key=lambda path: int(path.name))
    assert len(found) > 15
    whole = contents(found[-1])
    assert read(on_sqlite, found[-1]) == (after + 2, leaves(on_sqlite))
    for place in found[:-1]:
        if before or (place / "checkpoint").exists():
            assert read(on_sqlite, place)[0] in (before + 2, after + 2)
        publish(on_sqlite, target_at(str(place)))
        assert contents(place) == whole


def test_heads_of_before_stay_readable(on_sqlite: SmallArchive, tmp_path: Path) -> None:
    """Who still holds an earlier published checkpoint finds all that it covers, for ever."""
    folder, heads = tmp_path / "www", []
    for step in (98, 100, 100, 300, 5):
        grow(on_sqlite, step)
        made = published_to(on_sqlite, folder)
        heads.append((made.size, (folder / "checkpoint").read_bytes()))
    for size, note in heads:
        (folder / "checkpoint").write_bytes(note)
        assert read(on_sqlite, folder) == (size, leaves(on_sqlite)[:size])


def test_another_process_may_sign(on_sqlite: SmallArchive, tmp_path: Path) -> None:
    """What is published is the last signed head; leaves that came since wait for the next."""
    grow(on_sqlite, 20)
    signed = TransparencyLog(on_sqlite.store, on_sqlite.keyring, on_sqlite.clock).checkpoint()
    grow(on_sqlite, 30)
    assert publish(on_sqlite, target_at(str(tmp_path / "www"))).size == signed.size
    assert read(on_sqlite, tmp_path / "www")[0] == signed.size
