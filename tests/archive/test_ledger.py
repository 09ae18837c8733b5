"""A command in, a committed event out; and every way to replay, beside other processes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from archive.check import Thoroughness
from archive.evidence import receipt
from archive.evidence.errors import KeyRefused
from archive.ledger import (
    Asked,
    NoSuchRecordError,
    RecordDestroyedError,
    TogetherError,
    mac,
    new_id,
)
from archive.opening import Archive, Options
from archive.store import Idempotency, IdempotencyMismatch, VersionConflict
from domain.errors import DomainError
from domain.record import Record
from tests.archive.acting import COMPLAINT, Acting, another, append, real_clock, together
from tests.retention.people import Staff
from tests.worlds import World

ONE_PROCESS = Thoroughness(processes=0)
FAR = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture
def acting(world: World) -> Acting:
    return Acting(world.archive)


@pytest.fixture
def other(world: World) -> Iterator[Archive]:
    """Another server process on the same store, for all that this one can tell."""
    with another(world.options) as archive:
        yield archive


def asked(body: bytes = b"body") -> Idempotency:
    return Idempotency(mac(b"key", new_id()), mac(b"key", body), FAR)


def step(acting: Acting, record: Record, priority: str) -> Record:
    return acting.take(record, "prioritise", reason="来电", priority=priority)


def priority(record: Record) -> object:
    return record.entries[-1].values["priority"]


# ---------------------------------------------------------------- one process


def test_a_command_becomes_an_event_with_a_receipt(world: World, acting: Acting) -> None:
    """The outcome, a replay and a restart tell the same record; the receipt its place."""
    command = acting.opening("complaint", "receive", **COMPLAINT)
    outcome = world.archive.ledger.execute(command)
    record = outcome.record
    assert record is not None
    assert record.entries[0].values["customer"] == "科技公司"
    assert record.number == outcome.committed.number
    given = receipt.verify(outcome.committed.receipt, world.archive.keyring.log_key.verify_key())
    assert (given.event, given.record, given.version) == (command.event_id, record.id, 1)
    world.archive.ledger.forget(record.id)
    assert world.archive.ledger.get(record.id) == record
    assert world.reopen().ledger.get(record.id) == record


def test_a_record_at_a_version_is_what_it_was(world: World, acting: Acting) -> None:
    """Each version can be had again; the history is in order, from any place to any place."""
    states = [acting.complaint()]
    for word in ("urgent", "important"):
        states.append(step(acting, states[0], word))
    ledger = world.archive.ledger
    assert [ledger.get(states[0].id, version=v) for v in (1, 2, 3)] == states
    history = ledger.history(states[0].id)
    assert [r.event.version for r in history] == [1, 2, 3]
    assert ledger.history(states[0].id, after=1, upto=2) == history[1:2]
    assert ledger.history(states[0].id, descending=True, limit=2) == history[:0:-1]


@pytest.mark.parametrize("record_id", ["4" * 32, "not an id", ""])
def test_what_is_not_there_is_named(world: World, acting: Acting, record_id: str) -> None:
    """Reading and writing a record that does not exist is the same refusal."""
    with pytest.raises(NoSuchRecordError):
        world.archive.ledger.get(record_id)
    with pytest.raises(NoSuchRecordError):
        world.archive.ledger.execute(
            acting.step(record_id, "prioritise", reason="来电", priority="urgent")
        )
    assert world.archive.store.head().size == 2


def test_a_stale_version_is_refused(world: World, acting: Acting) -> None:
    """Who says which version they saw gets a conflict naming the present one; nothing is added."""
    record = acting.complaint()
    step(acting, record, "urgent")
    command = acting.step(record.id, "prioritise", reason="来电", priority="important")
    for expected in (1, 3):
        with pytest.raises(VersionConflict) as refused:
            world.archive.ledger.execute(command, expected=expected)
        assert (refused.value.expected, refused.value.current) == (expected, 2)
        with pytest.raises(VersionConflict):
            world.archive.ledger.prepare(command, expected=expected)
    assert world.archive.ledger.execute(command, expected=2).committed.version == 3


def test_a_record_is_opened_once(world: World, acting: Acting) -> None:
    """A second opening under the same id is a conflict, whoever asks."""
    command = acting.opening("complaint", "receive", **COMPLAINT)
    world.archive.ledger.execute(command)
    again = acting.opening("complaint", "receive", **COMPLAINT)
    object.__setattr__(again, "record_id", command.record_id)
    with pytest.raises(VersionConflict):
        world.archive.ledger.execute(again)


def test_the_cache_forgets_and_nothing_changes(world: World, acting: Acting) -> None:
    """A forgotten record is replayed to the same state, and goes on from there."""
    record = step(acting, acting.complaint(), "urgent")
    world.archive.ledger.forget(record.id)
    assert world.archive.ledger.get(record.id) == record
    world.archive.ledger.forget(record.id)
    assert step(acting, record, "normal").version == 3


def test_many_threads_may_write_one_record(world: World, acting: Acting) -> None:
    """Nobody who names no version is refused, however many come at once."""
    record = acting.complaint()
    failed: list[BaseException] = []

    def work() -> None:
        try:
            for word in ("urgent", "normal", "important"):
                step(acting, record, word)
        except Exception as error:  # noqa: BLE001 - shown by the test
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert world.archive.ledger.get(record.id).version == 1 + 16 * 3
    assert world.archive.check(views=False, how=ONE_PROCESS).findings == ()


def test_a_dry_run_writes_nothing(world: World, acting: Acting) -> None:
    """What would happen is what then happens, and until then nothing did."""
    record = acting.complaint()
    command = acting.step(record.id, "prioritise", reason="来电", priority="urgent")
    head = world.archive.store.head()
    foreseen = world.archive.ledger.prepare(command)
    assert (foreseen.before, priority(foreseen.after)) == (record, "urgent")
    assert world.archive.store.head() == head
    assert world.archive.ledger.get(record.id) == record


# ---------------------------------------------------------------- asked again


def test_the_same_request_has_the_same_receipt_after_the_record_moved_on(
    world: World, acting: Acting
) -> None:
    """Even where the step would not be allowed any more, and after a restart."""
    key, command = asked(), acting.opening("complaint", "receive", **COMPLAINT)
    first = world.archive.ledger.execute(command, idempotency=key).committed
    record = world.archive.ledger.get(command.record_id)
    transfer, moving = (
        asked(),
        acting.step(record.id, "prioritise", reason="来电", priority="urgent"),
    )
    second = world.archive.ledger.execute(moving, idempotency=transfer, expected=1).committed
    step(acting, record, "normal")
    for reopened in (False, True):
        archive = world.reopen() if reopened else world.archive
        head = archive.store.head()
        again = archive.ledger.execute(command, idempotency=key)
        assert again.committed.replayed
        assert again.record is None
        assert again.committed.receipt == first.receipt
        stale = archive.ledger.execute(moving, idempotency=transfer, expected=1).committed
        assert (stale.replayed, stale.receipt) == (True, second.receipt)
        assert archive.store.head() == head


def test_a_step_that_is_no_longer_allowed_is_still_recognised(world: World, acting: Acting) -> None:
    """The rules would refuse it now; it was done, and its sender hears so."""
    tracker = abandoned_tracker(acting)
    key, command = asked(), acting.filing(tracker)
    first = world.archive.ledger.execute(command, idempotency=key).committed
    with pytest.raises(DomainError):
        world.archive.ledger.execute(acting.filing(tracker), idempotency=asked())
    assert world.archive.ledger.execute(command, idempotency=key).committed.receipt == first.receipt


def test_the_same_key_with_another_body_is_refused(world: World, acting: Acting) -> None:
    """An Idempotency-Key stands for one request only."""
    key, command = asked(), acting.opening("complaint", "receive", **COMPLAINT)
    world.archive.ledger.execute(command, idempotency=key)
    other_body = Idempotency(key.mac, mac(b"key", b"another"), FAR)
    with pytest.raises(IdempotencyMismatch):
        world.archive.ledger.execute(command, idempotency=other_body)


def test_a_source_id_is_recognised_for_ever(world: World, acting: Acting) -> None:
    """What another system sends again, under whatever key, gets its first receipt."""
    source = mac(b"secret", "erp", "4711")
    first = world.archive.ledger.execute(
        acting.opening("complaint", "receive", **COMPLAINT), source=source
    ).committed
    world.clock.turn(days=400)
    again = world.archive.ledger.execute(
        acting.opening("complaint", "receive", **COMPLAINT), source=source
    ).committed
    assert (again.replayed, again.receipt) == (True, first.receipt)


def test_commands_together_stand_or_fall(world: World, acting: Acting) -> None:
    """One that is refused takes the others with it, and is named by its place."""
    record = acting.complaint()
    fine = acting.step(record.id, "prioritise", reason="来电", priority="urgent")
    wrong = acting.step(record.id, "prioritise", reason="来电", priority="soon")
    ledger, head = world.archive.ledger, world.archive.store.head()
    with pytest.raises(TogetherError) as refused:
        ledger.execute_together([lambda _: (fine, None), lambda _: (wrong, None)])
    assert refused.value.index == 1
    assert world.archive.store.head() == head
    again = acting.step(record.id, "prioritise", reason="来电", priority="normal")
    done = ledger.execute_together([lambda _: (fine, 1), lambda _: (again, 2)])
    assert [o.committed.version for o in done] == [2, 3]
    assert priority(ledger.get(record.id)) == "normal"


def test_many_commands_have_each_their_outcome(world: World, acting: Acting) -> None:
    """A refusal among them leaves the others alone, also those for the same record."""
    record = acting.complaint()
    words = ("urgent", "soon", "normal")
    commands = [
        acting.step(record.id, "prioritise", reason="来电", priority=word) for word in words
    ]
    outcomes = world.archive.ledger.execute_many([Asked(c) for c in commands])
    assert isinstance(outcomes[1], DomainError)
    assert [o.committed.version for o in outcomes[::2]] == [2, 3]  # type: ignore[union-attr]


# ---------------------------------------------------------------- beside other processes


def test_the_state_of_another_process_is_not_believed(
    world: World, acting: Acting, other: Archive
) -> None:
    """What was cached here before another added to it is neither shown nor decided on."""
    record = acting.complaint()
    assert other.ledger.get(record.id) == record
    moved = step(acting, record, "urgent")
    assert other.ledger.get(record.id) == moved
    step(acting, record, "important")
    after = step(Acting(other), record, "normal")
    assert after.version == 4
    assert world.archive.ledger.get(record.id) == after


def test_a_version_seen_elsewhere_is_not_stale(
    world: World, acting: Acting, other: Archive
) -> None:
    """Who read the newest version through one server may write it through another."""
    record = acting.complaint()
    other.ledger.get(record.id)
    moved = step(acting, record, "urgent")
    command = acting.step(record.id, "prioritise", reason="来电", priority="normal")
    assert other.ledger.prepare(command, expected=moved.version).after.version == 3
    assert other.ledger.execute(command, expected=moved.version).committed.version == 3


def test_a_refusal_rests_on_the_present_state(world: World, acting: Acting, other: Archive) -> None:
    """A step that another process has made possible is not refused from a stale memory."""
    trackers = [acting.open("progress-tracker", "open", **tracker_values(acting)) for _ in range(3)]
    for each in trackers:
        other.ledger.get(each.id)
        acting.take(each, "abandon", reason="项目终止")
    filing = [acting.filing(each) for each in trackers]
    assert other.ledger.execute(filing[0]).committed.version == 3
    assert other.ledger.prepare(filing[1]).after.filing is not None
    (done,) = other.ledger.execute_together([lambda _: (filing[1], None)])
    assert done.committed.version == 3
    (many,) = other.ledger.execute_many([Asked(filing[2])])
    assert many.committed.version == 3  # type: ignore[union-attr]


def test_a_linked_record_that_moved_stops_the_unit(
    world: World, acting: Acting, other: Archive
) -> None:
    """A decision that rests on another record's state is not committed once that has changed."""
    tracker = acting.file(abandoned_tracker(acting))
    dossier = acting.open("dossier", "open", project="新品", departments=departments(acting))
    dossier = acting.link(dossier, "contains", tracker)
    dossier = acting.take(dossier, "declare-missing", missing=[{"what": "other", "reason": "没有"}])
    ledger = world.archive.ledger
    prepared = ledger.prepare(acting.filing(dossier))
    assert prepared.decision.reads == {tracker.id: tracker.version}
    sealed = ledger.seal(dossier, prepared.decision)
    Acting(other).reopen(tracker)
    with pytest.raises(VersionConflict) as refused:
        ledger.accept(sealed, prepared.decision)
    assert refused.value.record_id == tracker.id
    with pytest.raises(DomainError):  # the guard, by what is now true
        ledger.execute(acting.filing(dossier))
    Acting(other).take(tracker, "abandon", reason="仍终止")
    Acting(other).file(tracker)
    assert ledger.execute(acting.filing(dossier)).committed.version == dossier.version + 1


@pytest.mark.parametrize("use", ["intake", "log"])
def test_a_rotation_elsewhere_is_survived(
    world: World, acting: Acting, other: Archive, use: str
) -> None:
    """Neither an opening nor a step is refused because the keys have changed meanwhile."""
    record = acting.complaint()
    other.keyring.rotate(other.committer, use)
    assert step(acting, record, "urgent").version == 2
    other.keyring.rotate(other.committer, use)
    assert acting.complaint().version == 1
    other.keyring.rotate(other.committer, use)
    assert (
        world.archive.ledger.execute(
            acting.step(record.id, "prioritise", reason="来电", priority="normal"), expected=2
        ).committed.version
        == 3
    )
    assert world.archive.check(views=False, how=ONE_PROCESS).findings == ()


def test_several_together_and_signed_envelopes_survive_a_rotation_too(
    world: World, acting: Acting, other: Archive
) -> None:
    """What is decided together, or signed by its author, is not refused for a new archive key."""
    ledger, record = world.archive.ledger, acting.complaint()
    command = acting.step(record.id, "prioritise", reason="来电", priority="urgent")
    other.keyring.rotate(other.committer, "intake")
    (done,) = ledger.execute_together([lambda _: (command, 1)])
    assert done.committed.version == 2
    prepared = ledger.prepare(
        acting.step(record.id, "prioritise", reason="来电", priority="normal")
    )
    sealed = ledger.seal(ledger.get(record.id), prepared.decision)
    other.keyring.rotate(other.committer, "log")
    assert ledger.accept(sealed, prepared.decision).committed.version == 3
    assert world.archive.check(views=False, how=ONE_PROCESS).findings == ()


def test_an_envelope_of_a_key_that_was_revoked_elsewhere_is_refused(
    world: World, acting: Acting, other: Archive
) -> None:
    """Also where this process has not heard of the revocation yet."""
    ledger, record = world.archive.ledger, acting.complaint()
    command = acting.step(record.id, "prioritise", reason="来电", priority="urgent")
    prepared = ledger.prepare(command)
    sealed = ledger.seal(record, prepared.decision)
    other.keyring.rotate(other.committer, "intake")
    with pytest.raises(KeyRefused, match="revoked"):
        ledger.accept(sealed, prepared.decision)
    assert ledger.get(record.id) == record


def test_an_append_is_the_first_to_hear_of_a_key_destroyed_elsewhere(
    world: World, acting: Acting, other: Archive
) -> None:
    """Record and key are cached here, and still nothing is added."""
    record = acting.complaint()
    assert other.ledger.get(record.id).readable
    world.archive.keys.destroy([record.id])
    with pytest.raises(RecordDestroyedError):
        other.ledger.execute(acting.step(record.id, "prioritise", reason="来电", priority="normal"))
    assert world.archive.store.versions([record.id]) == {record.id: record.version}


def test_what_another_process_destroyed_is_not_shown_from_memory(
    world: World, acting: Acting, other: Archive
) -> None:
    """A cached record is no copy that outlives its key; nothing is added to it, here or there."""
    staff, record, key = Staff(world), acting.complaint(), asked()
    command = acting.step(record.id, "prioritise", reason="来电", priority="urgent")
    first = world.archive.ledger.execute(command, idempotency=key).committed
    acting.take(record, "withdraw", why="customer", reason="撤回")
    acting.file(record)
    assert other.ledger.get(record.id).readable
    world.clock.turn(days=4 * 365)
    staff.disposed(record)
    for archive in (world.archive, other):
        found = archive.ledger.get(record.id)
        assert not found.readable
        assert found.entries[0].values == {}
        for attempt in (archive.ledger.execute, archive.ledger.prepare):
            with pytest.raises(RecordDestroyedError):
                attempt(acting.step(record.id, "prioritise", reason="来电", priority="normal"))
        again = archive.ledger.execute(command, idempotency=key).committed
        assert again.receipt == first.receipt


def test_processes_append_at_once_and_nothing_is_lost(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Real server processes on PostgreSQL, at one record and at their own: all is there, once."""
    options = Options(
        tmp_path / "data", real_clock, database=request.getfixturevalue("postgres_dsn")
    )
    count, processes = 12, 3
    with another(options) as archive:
        shared = Acting(archive).complaint()
        archive.ledger.get(shared.id)
        calls = [(options.data, options.database, shared.id, count)] * processes
        answers = [answer[0] for answer in together(append, calls)]
        expected = {event for done, _ in answers for event in done}
        assert len(expected) == processes * count * 2
        assert archive.ledger.get(shared.id).version == 1 + processes * count
        for done, own in answers:
            written = [r.event.event_id for r in archive.ledger.history(own)][1:]
            assert written == done[1::2]
        among_all = [r.event.event_id for r in archive.ledger.history(shared.id)][1:]
        for done, _ in answers:
            mine = set(done[0::2])
            assert [e for e in among_all if e in mine] == done[0::2]
        assert expected <= {row.event_id for row in archive.store.leaves(0)}
        assert archive.check(views=False, how=ONE_PROCESS).findings == ()


# ---------------------------------------------------------------- as of


def test_as_known_and_as_things_stood_differ_by_a_late_entry(world: World, acting: Acting) -> None:
    """What happened at nine and was entered at noon: known at noon, true at nine."""
    at_eight = world.clock()
    record = acting.complaint(at_eight)
    world.clock.turn(hours=1)
    at_nine = world.clock()
    world.clock.turn(hours=3)
    at_noon = world.clock()
    acting.take(record, "prioritise", at=at_nine, reason="来电", priority="urgent")
    ledger, half_past_nine = world.archive.ledger, at_nine + timedelta(minutes=30)
    known, stood = (
        f(record.id, half_past_nine) for f in (ledger.as_known_at, ledger.as_things_stood)
    )
    assert known == record
    assert stood is not None
    assert (stood.version, priority(stood)) == (2, "urgent")
    later = ledger.as_known_at(record.id, at_noon + timedelta(minutes=1))
    assert later == ledger.get(record.id)
    assert ledger.as_known_at(record.id, at_eight - timedelta(hours=1)) is None
    assert ledger.as_things_stood(record.id, at_eight - timedelta(hours=1)) is None


def test_what_happened_later_is_not_part_of_how_things_stood(world: World, acting: Acting) -> None:
    """An entry in between, made afterwards, shows without the one that followed it in time."""
    at_eight = world.clock()
    record = acting.complaint(at_eight)
    world.clock.turn(hours=4)
    at_noon = world.clock()
    acting.take(record, "prioritise", at=at_noon, reason="来电", priority="urgent")
    at_ten = at_noon - timedelta(hours=2)
    acting.take(record, "prioritise", at=at_ten, reason="来电", priority="important")
    ledger = world.archive.ledger
    stood = ledger.as_things_stood(record.id, at_noon - timedelta(hours=1))
    assert stood is not None
    assert [e.occurred_at for e in stood.entries] == [at_eight, at_ten]
    assert priority(stood) == "important"
    known = ledger.as_known_at(record.id, at_noon + timedelta(milliseconds=2))
    assert known is not None
    assert priority(known) == "urgent"


def test_a_correction_counts_from_when_the_corrected_happened(world: World, acting: Acting) -> None:
    """How things stood is told by what is known now; what was known then keeps the error."""
    record = acting.complaint(customer="科拔公司")
    world.clock.turn(hours=1)
    then = world.clock()
    world.clock.turn(hours=5)
    acting.correct(record, 1, customer="科技公司")
    ledger = world.archive.ledger
    stood, known = (f(record.id, then) for f in (ledger.as_things_stood, ledger.as_known_at))
    assert stood is not None
    assert stood.entries[0].values["customer"] == "科技公司"
    assert stood.entries[0].corrected_by == (2,)
    assert known is not None
    assert known.entries[0].values["customer"] == "科拔公司"


def test_a_correction_of_what_had_not_happened_yet_stays_out(world: World, acting: Acting) -> None:
    """Its own claimed time does not matter, that of what it corrects does."""
    record = acting.complaint()
    world.clock.turn(hours=1)
    then = world.clock()
    world.clock.turn(hours=1)
    moved = step(acting, record, "urgent")
    acting.correct(moved, 2, at=then, priority="normal")
    stood = world.archive.ledger.as_things_stood(record.id, then)
    assert stood is not None
    assert [e.version for e in stood.entries] == [1]


# ---------------------------------------------------------------- records to act on


def departments(acting: Acting) -> list[str]:
    known = acting.archive.organisation.context().directory.departments
    if known:
        return list(known)[:1]
    return [acting.open("department", "establish", name="设计部", functions=["rd"]).id]


def tracker_values(acting: Acting) -> dict[str, Any]:
    (where,) = departments(acting)
    due = (acting.archive.options.clock() + timedelta(days=9)).date().isoformat()
    people = acting.archive.organisation.context().directory.people
    owner = next(iter(people), None) or (
        acting.open("person", "register", name="周文", department=where, roles=[]).id
    )
    milestone = {"name": "海报初稿", "due": due, "department": where, "owner": owner}
    return {
        "project": "新品",
        "departments": [where],
        "channel": "企业钉钉群",
        "milestones": [milestone],
    }


def abandoned_tracker(acting: Acting) -> Record:
    tracker = acting.open("progress-tracker", "open", **tracker_values(acting))
    return acting.take(tracker, "abandon", reason="项目终止")
