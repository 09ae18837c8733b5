"""What is edited in place: events, contents, files; by those who have the keys, too."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from archive.evidence import content
from archive.evidence.keys import SigningKey
from archive.evidence.merkle import leaf_hash
from archive.store import ContentRow, Unit
from tests.threats.collision import opens_with_both
from tests.threats.intruder import Thief, exchange, flip, slot
from tests.threats.plot import (
    LAST,
    OPENED,
    OTHER,
    OTHER_STEP,
    OWN,
    OWN_STEP,
    STEP,
    Scene,
    examined,
    judge,
    proves,
)
from tests.vectors.world import pack, unpack

Members = dict[str, bytes]


def test_nothing_is_wrong_before(scene: Scene) -> None:
    """-: the archive is whole, both witnesses sign, the bundle is taken."""
    judged = judge(scene, scene.outside.complaint, scene.outside.other)
    assert judged.check.ok, judged.check.text("en")
    assert (judged.bundle, judged.witnesses, judged.follows) == (set(), [200, 200], True)
    assert all(proves(scene, leaf) for leaf in range(LAST + 1))


@pytest.mark.parametrize(
    ("how", "code"), [("bytes", "leaf-bytes"), ("hash", "tile"), ("tile", "root")]
)
def test_edited_event(scene: Scene, how: str, code: str) -> None:
    """D: with its stored hash and its tile or without them: it leads to no signed root."""
    flip(scene, "events", "state", f"leaf_index = {STEP}")
    ((data,),) = scene.run(f"SELECT state FROM events WHERE leaf_index = {STEP}")
    hash_ = leaf_hash(bytes(data))
    if how != "bytes":
        scene.run(f"UPDATE events SET leaf_hash = ? WHERE leaf_index = {STEP}", (hash_,))
    if how == "tile":
        ((tile,),) = scene.run("SELECT hashes FROM tiles WHERE level = 0")
        tile = bytes(tile)[: 32 * STEP] + hash_ + bytes(tile)[32 * STEP + 32 :]
        scene.run("UPDATE tiles SET hashes = ? WHERE level = 0", (tile,))
    judged = judge(scene)
    assert code in {found for found, leaf in judged.found if leaf in (STEP, None)}
    assert (4, "inclusion") in judged.bundle
    assert not proves(scene, STEP)


def test_edited_event_of_an_author(scene: Scene) -> None:
    """K: who holds the server's keys cannot sign for an author."""
    thief = Thief(scene)
    events = thief.history()
    events[OWN_STEP] = events[OWN_STEP].but(step="plan")
    thief.rewrite(events)
    judged = judge(scene)
    assert ("signature", OWN_STEP) in judged.found
    assert (6, "signature") in judged.bundle
    assert judged.witnesses == [422, 422]


@pytest.mark.parametrize(("leaf", "with_them"), [(OTHER_STEP, ()), (OWN_STEP, (OWN,))])
def test_edited_event_signed_anew(
    scene: Scene, leaf: int, with_them: tuple[SigningKey, ...]
) -> None:
    """K M: everything inside fits; the witnesses and whatever is kept outside do not."""
    thief = Thief(scene, with_them)
    events = thief.history()
    events[leaf] = events[leaf].but(step="plan")
    thief.rewrite(events)
    judged = judge(scene, scene.outside.complaint, scene.outside.other)
    assert judged.witnesses == [422, 422]
    assert (3, "quorum") in judged.bundle
    assert not judged.follows
    assert not proves(scene, leaf)
    assert scene.archive().store.receipt(leaf) != scene.outside.receipts[leaf]


# ---------------------------------------------------------------- contents


def test_edited_content(scene: Scene) -> None:
    """D: another byte of the ciphertext is not the one that was signed; nothing is exported."""
    flip(scene, "content", "ciphertext", f"slot = {slot(STEP)}")
    judged = judge(scene)
    assert ("ciphertext", STEP) in judged.found
    assert judged.refused == "ContentError"


def test_swapped_contents(scene: Scene) -> None:
    """D: two contents of one record in each other's place open nowhere."""
    exchange(scene, "content", "slot", slot(STEP), slot(LAST))
    judged = judge(scene)
    assert {("wrapped-key", STEP), ("wrapped-key", LAST)} <= judged.found
    assert judged.refused == "ContentError"


def test_content_sealed_anew(scene: Scene) -> None:
    """K X: who holds the record's keys seals another answer; its hash is not the signed one, and
    a bundle made by hand fails at the commitment."""
    judged = judge(scene)
    small = scene.archive()
    ((wrapped, key_id),) = scene.run(
        f"SELECT wrapped, key_id FROM content WHERE slot = {slot(OTHER_STEP)}"
    )
    row = small.store.at(OTHER_STEP)
    assert row is not None
    name = bytes(key_id).hex()
    key = content.unwrap(small.keys.get(row.record_id), bytes(wrapped), name)
    other = content.seal(
        b'{"said":"\xe6\xbb\xa1\xe6\x84\x8f"}',
        record=row.record_id, event=str(row.event_id), n=0, key=key, key_id=name,
    )  # fmt: skip
    scene.run(
        f"UPDATE content SET ciphertext = ? WHERE slot = {slot(OTHER_STEP)}", (other.ciphertext,)
    )
    assert ("ciphertext", OTHER_STEP) in judge(scene, scene.outside.other).found
    assert told(scene, judged.file, replaced("content/", "同意".encode(), "拒绝".encode())) == {
        (10, "opening")
    }


def test_two_keys_for_one_ciphertext(scene: Scene) -> None:
    """M: an author signs a ciphertext that AES-GCM opens with two keys; the other key, put in
    place later by the administrator, fails at the commitment."""
    small, record, event, name = scene.archive(), scene.outside.other, "ee" * 16, "cc" * 16
    first, second = content.new_key(), content.new_key()
    part, ciphertext = opens_with_both(record, event, name, first, second)
    sealed = small.seal(record, "", event=event, parts=(part,))
    row = ContentRow(0, name, content.wrap(small.keys.get(record), first, name), ciphertext)
    unit = Unit((replace(sealed, event_id=event, content=(row,)),))
    (committed,) = small.committer.commit(unit)
    assert small.check().ok
    other = content.wrap(small.keys.get(record), second, name)
    scene.run(f"UPDATE content SET wrapped = ? WHERE slot = {slot(committed.leaf_index)}", (other,))
    judged = judge(scene, record)
    assert ("content", committed.leaf_index) in judged.found
    assert judged.refused == "ContentError"


# ---------------------------------------------------------------- files


def test_swapped_files(scene: Scene) -> None:
    """D: two files of one event in each other's place."""
    ids = [bytes(row[0]) for row in scene.run(
        f"SELECT key_id FROM content WHERE slot > {slot(OPENED)} AND slot < {slot(OPENED + 1)}"
    )]  # fmt: skip
    exchange(scene, "segments", "attachment_id", *ids)
    judged = judge(scene)
    assert ("segment", OPENED) in judged.found
    assert judged.refused == "ContentError"


def test_file_of_another_event(scene: Scene) -> None:
    """D: the row of another record's file, put where one of this event's was."""
    scene.run(f"DELETE FROM content WHERE slot = {slot(OPENED, 1)}")
    scene.run(f"UPDATE content SET slot = {slot(OPENED, 1)} WHERE slot = {slot(OTHER, 1)}")
    judged = judge(scene)
    assert {("content-column", OPENED), ("wrapped-key", OPENED)} <= judged.found
    assert judged.refused == "ContentError"


def replaced(folder: str, old: bytes, new: bytes) -> Callable[[Members], None]:
    def change(members: Members) -> None:
        path = next(p for p in sorted(members) if p.startswith(folder) and old in members[p])
        members[path] = members[path].replace(old, new)

    return change


def swapped(members: Members) -> None:
    first, second = [path for path in sorted(members) if path.startswith("attachments/")][:2]
    members[first], members[second] = members[second], members[first]


def told(scene: Scene, data: bytes, change: Callable[[Members], None]) -> set[tuple[int, str]]:
    """What fails in a bundle whose members were changed, with hashes and sizes made to fit."""
    head, members = unpack(data)
    change(members)
    lines = [json.loads(line) for line in members["openings.jsonl"].splitlines()]
    for line in lines:
        line["size"] = len(members[line["path"]])
    members["openings.jsonl"] = b"".join(
        json.dumps(line, sort_keys=True, separators=(",", ":")).encode() + b"\n" for line in lines
    )
    return examined(scene, pack(head, members))[1]


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        (swapped, (11, "opening")),
        (replaced("attachments/", b"first", b"other"), (11, "opening")),
        (replaced("content/", b"a.bin", b"b.bin"), (10, "opening")),
    ],
    ids=["two files swapped", "a file edited", "a file renamed"],
)
def test_files_in_a_bundle(scene: Scene, change: Any, failed: tuple[int, str]) -> None:
    """A D X: whoever hands the bundle on; its hashes are made to fit, the commitments are not."""
    assert failed in told(scene, judge(scene).file, change)
