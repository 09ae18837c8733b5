"""What is left out, put in, put elsewhere, cut off or told twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from archive.evidence import checkpoint as heads
from archive.evidence import note
from archive.evidence.instant import parse_time, time_text
from archive.evidence.keys import SigningKey
from archive.evidence.statement import Seen
from archive.store import Unit
from archive.views.timeline import timeline
from domain.calendar import Calendar
from tests.archive.acting import Acting
from tests.archive.small_archive import ORIGIN
from tests.domain.plant import directory
from tests.threats.intruder import Event, Thief, exchange, slot
from tests.threats.plot import (
    LAST,
    NOTED,
    OTHER_STEP,
    OWN,
    OWN_STEP,
    STEP,
    Scene,
    by_author,
    cosigned,
    follows,
    judge,
    proves,
)
from tests.worlds import World

MONTH = timedelta(days=30)


def grown(scene: Scene, to: int) -> list[int]:
    """What the witnesses answer once the archive has so many leaves again."""
    small = scene.archive()
    for row in small.store.leaves(0, small.store.head().size):
        envelope = Thief(scene).history()[row.leaf_index]
        small.heads[row.record_id] = row.version, envelope.digest
    while small.store.head().size < to:
        small.append(scene.outside.other, "后来")
    return cosigned(small, scene.folder, scene.outside.head.size)[1]


# ---------------------------------------------------------------- left out


def test_deleted_event(scene: Scene) -> None:
    """D: its index is missing, and the chain of its record."""
    scene.run(f"DELETE FROM events WHERE leaf_index = {STEP}")
    scene.run(f"DELETE FROM content WHERE slot = {slot(STEP)}")
    judged = judge(scene)
    assert ("leaf-missing", STEP) in judged.found
    assert ("chain", OWN_STEP) in judged.found
    assert {(7, "version-gap"), (7, "prev")} <= judged.bundle


@pytest.mark.parametrize("with_them", [(), (OWN,)], ids=["alone", "with the author"])
def test_deleted_and_renumbered(scene: Scene, with_them: tuple[SigningKey, ...]) -> None:
    """K M: the gap is closed and everything signed anew; what its author signed after it does not
    fit, and with the author the witnesses have still seen another log."""
    thief = Thief(scene, with_them)
    events = thief.history()
    del events[STEP]
    thief.rewrite(events)
    judged = judge(scene)
    unsigned = {(6, "signature")} if not with_them else set()
    assert unsigned <= judged.bundle
    assert (3, "quorum") in judged.bundle
    assert judged.witnesses == [409, 409]
    assert not judged.follows
    assert not proves(scene, LAST)
    assert grown(scene, LAST + 2) == [422, 422]


def test_cut_tail(scene: Scene) -> None:
    """D: the log is shorter than a head that was signed; nothing more is signed."""
    scene.run(f"DELETE FROM events WHERE leaf_index >= {NOTED}")
    scene.run(f"DELETE FROM content WHERE slot >= {slot(NOTED)}")
    judged = judge(scene)
    assert ("truncated", NOTED) in judged.found
    assert judged.refused == "StoreCorrupt"


def test_rolled_back(scene: Scene) -> None:
    """D K: heads and tiles are set back too, as an older backup would be. Inside everything fits:
    only the witnesses, the heads and the receipts that are kept outside tell."""
    thief = Thief(scene)
    thief.rewrite(thief.history()[:NOTED])
    judged = judge(scene)
    assert judged.witnesses == [409, 409]
    assert (3, "quorum") in judged.bundle
    assert not judged.follows
    assert not proves(scene, LAST)
    assert scene.archive().store.receipt(LAST) is None
    assert grown(scene, LAST + 2) == [422, 422]


# ---------------------------------------------------------------- told twice


def test_two_stories(scene: Scene) -> None:
    """K: one key, two branches, each shown to one witness: neither finds the quorum."""
    thief = Thief(scene)
    before = thief.history()
    told: dict[str, tuple[bytes, list[Event]]] = {}
    for name, step in (("w0", "plan"), ("w1", "reply")):
        small = scene.archive()
        small.append(scene.outside.other, step, step=step)
        line, answers = cosigned(small, scene.folder, scene.outside.head.size, [name])
        assert answers == [200]
        told[name] = line, thief.history()
        thief.rewrite(before)
    for name, other in (("w0", "w1"), ("w1", "w0")):
        thief.rewrite(told[other][1])
        small = scene.archive()
        assert cosigned(small, scene.folder, LAST + 2, [name])[1] == [422]
        policy = scene.outside.policy
        assert not policy.met(policy.cosigned(note.parse(told[other][0])))


def test_head_of_another_branch(scene: Scene) -> None:
    """K: an author who was shown one branch signs what he saw; in the other it does not fit."""
    thief = Thief(scene)
    before = thief.history()
    small = scene.archive()
    small.append(scene.outside.other, "另一说")
    seen = heads.read(small.log.checkpoint().note)[1]
    thief.rewrite(before)
    small = scene.archive()
    small.append(scene.outside.other, "一说")
    anchor = Seen(seen.size, seen.root.hex())
    placed = by_author(small, scene.outside.complaint, seen=anchor)
    assert ("anchor", placed.leaf_index) in judge(scene).found
    assert not follows(small, seen)


# ---------------------------------------------------------------- put in, and when


def test_claimed_a_month_ago(world: World) -> None:
    """E A C: what is entered late is shown as entered late, beside the time of its entry."""
    acting = Acting(world.archive)
    record = acting.complaint()
    world.clock.turn(days=40)
    acting.take(record, "prioritise", reason="补记", priority="normal", at=world.clock() - MONTH)
    history = world.archive.ledger.history(record.id)
    told = timeline(list(history), directory(), Calendar(), world.archive.options.zone)
    assert told[-1].entered_after >= MONTH
    assert told[0].entered_after < timedelta(seconds=1)


def test_recorded_a_month_ago(scene: Scene) -> None:
    """D: the column alone, or the leaf itself, whose bytes then give another hash."""
    month = int(MONTH.total_seconds() * 1_000_000)
    scene.run(f"UPDATE events SET recorded_at = recorded_at - {month} WHERE leaf_index = {STEP}")
    ((data,),) = scene.run(f"SELECT state FROM events WHERE leaf_index = {NOTED}")
    forged = bytes(data).replace(b'"recorded_at":"2026-11', b'"recorded_at":"2026-10')
    scene.run(f"UPDATE events SET state = ? WHERE leaf_index = {NOTED}", (forged,))
    judged = judge(scene, scene.outside.other)
    assert {("column", STEP), ("leaf-bytes", NOTED), ("order", NOTED)} <= judged.found
    assert {(4, "inclusion"), (8, "recorded-back")} <= judged.bundle


def test_put_in_the_past(scene: Scene) -> None:
    """K M: between two old events, with a fitting time and an author who helps: the witnesses
    signed another log; at the end, its time runs back."""
    thief = Thief(scene, (OWN,))
    before = thief.history()
    made = replace(before[OTHER_STEP].but(event="ed" * 16, parts=()), content=[])
    thief.rewrite([*before[:NOTED], made, *before[NOTED:]])
    judged = judge(scene, scene.outside.other)
    assert judged.witnesses == [422, 422]
    assert (3, "quorum") in judged.bundle
    assert not judged.follows
    old = time_text(parse_time(made.recorded_at) - MONTH)
    thief.rewrite([*before, replace(made, recorded_at=old)])
    judged = judge(scene, scene.outside.other)
    assert ("order", LAST + 1) in judged.found
    assert (8, "recorded-back") in judged.bundle


def test_clock_set_back(world: World) -> None:
    """C: what is recorded is never before what was recorded."""
    acting = Acting(world.archive)
    acting.complaint()
    before = world.archive.store.head().recorded_at
    world.clock.turn(days=-30)
    acting.complaint()
    after = world.archive.store.head().recorded_at
    assert before is not None
    assert after is not None
    assert after >= before


# ---------------------------------------------------------------- put elsewhere


def test_swapped_leaves(scene: Scene) -> None:
    """D: two events of one record in each other's place."""
    exchange(scene, "events", "leaf_index", STEP, LAST)
    exchange(scene, "content", "slot", slot(STEP), slot(LAST))
    judged = judge(scene)
    assert {("tile", STEP), ("tile", LAST), ("chain", STEP)} <= judged.found
    assert (4, "inclusion") in judged.bundle


@pytest.mark.parametrize(
    ("first", "second", "failed"),
    [(OWN_STEP, OTHER_STEP, set()), (STEP, OWN_STEP, {(6, "signature")})],
    ids=["of two records", "of one record"],
)
def test_swapped_and_signed_anew(
    scene: Scene, first: int, second: int, failed: set[tuple[int, str]]
) -> None:
    """K: with chains, times and receipts made to fit; within a record the author's signature
    covers what came before, and across records the witnesses do."""
    thief = Thief(scene)
    events = thief.history()
    one, two = events[first], events[second]
    events[first] = replace(two, recorded_at=one.recorded_at)
    events[second] = replace(one, recorded_at=two.recorded_at)
    thief.rewrite(events)
    judged = judge(scene)
    assert failed <= judged.bundle
    assert (3, "quorum") in judged.bundle
    assert judged.witnesses == [422, 422]
    assert not judged.follows
    assert not proves(scene, first)


def test_same_event_again(scene: Scene) -> None:
    """E A: what was committed is answered with its first receipt, and not committed again."""
    small = scene.archive()
    sealed = small.seal(scene.outside.other, "一次")
    first = small.committer.commit(Unit((sealed,)))
    size = small.store.head().size
    again = small.committer.commit(Unit((sealed,)))
    assert [one.receipt for one in again] == [one.receipt for one in first]
    assert small.store.head().size == size


def test_replayed_by_hand(scene: Scene) -> None:
    """D K: an event put a second time into the log, or into another record."""
    thief = Thief(scene)
    before = thief.history()
    again = replace(before[OTHER_STEP], content=[], id_column=b"again".ljust(16))
    thief.rewrite([*before, again])
    judged = judge(scene, scene.outside.other)
    assert "event-twice" in {code for code, _ in judged.found}
    assert (7, "event-twice") in judged.bundle
    moved = before[OWN_STEP].but(record=scene.outside.other, event="ed" * 16)
    thief.rewrite([*before, replace(moved, content=[])])
    judged = judge(scene, scene.outside.other)
    assert ("signature", LAST + 1) in judged.found
    assert (6, "signature") in judged.bundle


def test_row_of_another_record(scene: Scene) -> None:
    """D: the row says another record than the signed statement in it."""
    other = bytes.fromhex(scene.outside.other)
    scene.run(f"UPDATE events SET record_id = ?, version = 9 WHERE leaf_index = {LAST}", (other,))
    judged = judge(scene, scene.outside.other)
    assert ("column", LAST) in judged.found
    assert judged.refused == "ContentError"


def test_signed_for_another_log(scene: Scene) -> None:
    """D K: an author's event of another archive, put into this one."""
    small = scene.archive()
    placed = by_author(small, scene.outside.complaint, origin=f"other.{ORIGIN}")
    judged = judge(scene)
    assert ("origin", placed.leaf_index) in judged.found
    assert (7, "origin-other") in judged.bundle
