"""The server remembers what it verified: a store that is set back, or whose history was written
anew, is noticed though everything in it fits together. On both stores."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from archive.following import Follower
from archive.remembering import MemoryBroken, recall
from tests.archive.small_archive import ORIGIN
from tests.threats.conftest import (  # noqa: F401 - fixtures
    postgres_scene,
    scene,
    sqlite_scene,
    whole_postgres,
    whole_sqlite,
)
from tests.threats.intruder import Thief
from tests.threats.plot import LAST, STEP, Scene


def follower(scene: Scene) -> Follower:  # noqa: F811 - a fixture's name
    """As a server that has just started, with the memory of those before it."""
    small = scene.archive()
    return Follower(small.sources, scene.folder / "verified.json", small.clock)


def codes(found: Follower) -> set[str]:
    return {finding.code for finding in found.turn()}


def test_what_was_verified_is_remembered(scene: Scene) -> None:  # noqa: F811
    """By a file for its owner alone; the next server goes on from there, leaf by leaf."""
    first = follower(scene)
    assert first.turn() == ()
    assert first.verified is not None
    assert (first.verified.size, first.verified.root) == (LAST + 1, scene.outside.head.root)
    memory = scene.folder / "verified.json"
    assert stat.S_IMODE(memory.stat().st_mode) == 0o600
    small = scene.archive()
    for _ in range(3):
        for _ in range(150):
            small.append(scene.outside.other)
        head = small.log.checkpoint()
        second = follower(scene)
        assert second.turn() == ()
        assert second.verified is not None
        assert second.verified.size == head.size
        found = recall(memory, ORIGIN)
        assert found is not None
        assert found[0] == second.verified


def test_nothing_new_is_looked_at_again(scene: Scene) -> None:  # noqa: F811
    """The time of the last look goes on, and the memory is left as it is."""
    found = follower(scene)
    found.turn()
    before, kept = found.looked_at, (scene.folder / "verified.json").read_bytes()
    assert found.turn() == ()
    assert before is not None
    assert found.looked_at is not None
    assert found.looked_at > before
    assert (scene.folder / "verified.json").read_bytes() == kept


def test_a_store_that_is_set_back(scene: Scene) -> None:  # noqa: F811
    """A whole older state, its heads with it, holds together: only the memory knows of more. It
    stays so over restarts, until what is missing is there again."""
    assert follower(scene).turn() == ()
    thief = Thief(scene)
    events = thief.history()
    thief.rewrite(events[:STEP])
    scene.run("UPDATE counters SET next = 2")
    scene.archive().log.checkpoint()
    assert scene.archive().check().ok
    for _ in range(2):
        found = follower(scene)
        (finding,) = found.turn()
        assert (finding.code, finding.leaf) == ("set-back", STEP)
        assert found.since is not None
    thief.rewrite(events)
    scene.archive().log.checkpoint()
    again = follower(scene)
    assert again.turn() == ()
    assert again.since is None


@pytest.mark.parametrize("more", [0, 300], ids=["as long", "longer"])
def test_a_history_that_was_written_anew(scene: Scene, more: int) -> None:  # noqa: F811
    """With the stolen keys, and grown beyond what was remembered: each restart says so."""
    assert follower(scene).turn() == ()
    thief = Thief(scene)
    events = thief.history()
    events[STEP] = events[STEP].but(step="taken-back")
    thief.rewrite(events)
    small = scene.archive()
    for _ in range(more):
        small.open("danach")
    small.log.checkpoint()
    for _ in range(2):
        assert "rewritten" in codes(follower(scene))
    found = recall(scene.folder / "verified.json", ORIGIN)
    assert found is not None
    assert found[0].root == scene.outside.head.root


def test_an_old_leaf_far_back_is_seen_in_the_next_root(scene: Scene) -> None:  # noqa: F811
    """What lies before the youngest block is not read again, and is still covered by the root."""
    small = scene.archive()
    for _ in range(600):
        small.append(scene.outside.other)
    small.log.checkpoint()
    assert follower(scene).turn() == ()
    thief = Thief(scene)
    events = thief.history()
    events[STEP] = events[STEP].but(step="taken-back")
    thief.rewrite(events)
    after = scene.archive()
    after.open("danach")
    after.log.checkpoint()
    assert "rewritten" in codes(follower(scene))


def test_a_damaged_new_leaf_advances_nothing(scene: Scene) -> None:  # noqa: F811
    """It is named, and the memory stays at the last head that was whole."""
    assert follower(scene).turn() == ()
    small = scene.archive()
    leaf = small.append(scene.outside.other).leaf_index
    small.log.checkpoint()
    ((state,),) = scene.run("SELECT state FROM events WHERE leaf_index = ?", (leaf,))
    spoilt = bytes(state).replace(b'"recorded_at":"2026', b'"recorded_at":"2025')
    scene.run("UPDATE events SET state = ? WHERE leaf_index = ?", (spoilt, leaf))
    found = follower(scene)
    assert {("leaf-bytes", leaf), ("column", leaf)} <= {(f.code, f.leaf) for f in found.turn()}
    assert found.verified is not None
    assert found.verified.size == LAST + 1
    scene.run("UPDATE events SET state = ? WHERE leaf_index = ?", (bytes(state), leaf))
    assert found.turn() == ()
    assert found.verified.size == leaf + 1


@pytest.mark.parametrize(
    "spoilt",
    [b"", b"{}", b"[1]", b'{"origin": "archive.example/liuhen", "size": "12"}'],
    ids=["empty", "nothing in it", "a list", "half of it"],
)
def test_a_memory_that_cannot_be_read(scene: Scene, spoilt: bytes) -> None:  # noqa: F811
    """It is an alarm, and never taken for a first start."""
    (scene.folder / "verified.json").write_bytes(spoilt)
    assert codes(follower(scene)) == {"memory"}
    assert (scene.folder / "verified.json").read_bytes() == spoilt


def test_a_memory_of_another_root(scene: Scene) -> None:  # noqa: F811
    """The frontier must give the root, and the origin must be ours."""
    assert follower(scene).turn() == ()
    path = scene.folder / "verified.json"
    kept = json.loads(path.read_text())
    path.write_text(json.dumps({**kept, "root": "00" * 32}))
    assert codes(follower(scene)) == {"memory"}
    path.write_text(json.dumps({**kept, "origin": "other.example"}))
    with pytest.raises(MemoryBroken, match=r"other\.example"):
        recall(path, ORIGIN)


def test_a_turn_that_is_told_to_stop(scene: Scene, tmp_path: Path) -> None:  # noqa: F811
    """It ends, and has verified nothing."""
    found = follower(scene)
    found.stop()
    assert found.turn() == ()
    assert found.verified is None
    assert not (tmp_path / "verified.json").exists()
