"""What the committer promises, on both stores."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from archive.committer import Placed
from archive.evidence import dsse, leaf, receipt
from archive.evidence.merkle import leaf_hash
from archive.store import (
    AttachmentMissing,
    Committed,
    DuplicateEvent,
    IdempotencyMismatch,
    InvalidUnit,
    Store,
    StoreError,
    Unit,
    VersionConflict,
)
from tests.archive.sealed import LOG, Record, Turned, committer, once, stage, whole


def test_a_commit_answers_with_a_receipt_of_the_log(store: Store) -> None:
    """The receipt names leaf, index, time and number, and the log's key signed it."""
    sealed = Record().seal(prefix="KS")
    (done,) = committer(store).commit(Unit((sealed,)))
    given = receipt.verify(done.receipt, LOG.verify_key())
    assert (given.index, given.version, given.number) == (0, 1, "KS-2026-00001")
    stored = store.event(sealed.event_id)
    assert stored is not None
    assert leaf.parse(stored.leaf).envelope == sealed.envelope
    assert given.leaf_hash == leaf_hash(stored.leaf).hex() == done.leaf_hash.hex()
    assert store.receipt(0) == done.receipt
    assert (done.replayed, done.clock_behind) == (False, 0.0)


def test_numbers_count_by_prefix_and_by_the_sites_year(store: Store) -> None:
    """The year is the one at the site, and each prefix counts for itself, without holes."""
    clock = Turned(datetime(2026, 12, 31, 15, 59, tzinfo=UTC))
    write = committer(store, clock)
    numbers = [write.commit(Record().unit(prefix=p))[0].number for p in ("KS", "HY", "KS")]
    clock.turn(timedelta(minutes=2))
    numbers.append(write.commit(Record().unit(prefix="KS"))[0].number)
    assert numbers == ["KS-2026-00001", "HY-2026-00001", "KS-2026-00002", "KS-2027-00001"]


def test_a_refused_unit_takes_no_number_and_no_leaf(store: Store) -> None:
    """A conflict leaves nothing behind."""
    write, record = committer(store), Record()
    first = record.seal(prefix="KS")
    write.commit(Unit((first,)))
    rival = replace(Record(record.id).seal(prefix="KS"))
    with pytest.raises(VersionConflict) as refused:
        write.commit(Unit((rival,)))
    assert (refused.value.record_id, refused.value.current) == (record.id, 1)
    (after,) = write.commit(Record().unit(prefix="KS"))
    assert (after.leaf_index, after.number) == (1, "KS-2026-00002")
    whole(store)


def test_a_unit_may_expect_records_it_only_reads(store: Store) -> None:
    """A linked record that moved on refuses the unit, although the unit does not write it."""
    write, read, written = committer(store), Record(), Record()
    write.commit(read.unit())
    unit = Unit((written.seal(),), expected={read.id: 1})
    write.commit(read.unit())
    with pytest.raises(VersionConflict) as refused:
        write.commit(unit)
    assert (refused.value.record_id, refused.value.expected, refused.value.current) == (
        read.id,
        1,
        2,
    )
    write.commit(replace(unit, expected={read.id: 2}))
    whole(store)


def test_several_events_of_a_record_stand_or_fall_together(store: Store) -> None:
    """A unit of three events of two records gets three leaves in order, or none."""
    write, one, two = committer(store), Record(), Record()
    unit = Unit((one.seal(), two.seal(), one.seal()))
    done = write.commit(unit)
    assert [(c.leaf_index, c.version) for c in done] == [(0, 1), (1, 1), (2, 2)]
    with pytest.raises(VersionConflict):
        write.commit(Unit((one.seal(), Record(two.id).seal())))
    assert store.head().size == 3


def test_an_idempotency_key_gives_the_same_receipt(open_store: Callable[[], Store]) -> None:
    """Same key and body: the first answer, marked; in another process too. Other body: refused."""
    write, key = committer(open_store()), once()
    first = write.commit(Unit((Record().seal(prefix="KS"), Record().seal()), idempotency=key))
    for again in (write, committer(open_store())):
        answer = again.commit(Unit((Record().seal(),), idempotency=key))
        assert answer == tuple(replace(c, replayed=True) for c in first)
    with pytest.raises(IdempotencyMismatch):
        write.commit(Unit((Record().seal(),), idempotency=once(b"other", key.mac)))
    assert open_store().head().size == 2


def test_an_idempotency_key_is_forgotten_after_its_window(store: Store) -> None:
    """After its expiry the same key is a new key."""
    write, key = committer(store), once()
    write.commit(Unit((Record().seal(),), idempotency=key))
    assert store.forget_expired(key.expires - timedelta(seconds=1)) == 0
    assert store.forget_expired(key.expires) == 1
    (again,) = write.commit(Unit((Record().seal(),), idempotency=key))
    assert not again.replayed


def test_a_source_id_is_recognised_for_ever(store: Store) -> None:
    """A step sent again after the key window, under a new key, gets its first receipt."""
    write = committer(store)
    (first,) = write.commit(Unit((Record().seal(),), idempotency=once(), source=b"s" * 32))
    store.forget_expired(datetime(2030, 1, 1, tzinfo=UTC))
    (again,) = write.commit(Unit((Record().seal(),), idempotency=once(), source=b"s" * 32))
    assert again == replace(first, replayed=True)
    assert store.head().size == 1


def test_the_same_signed_bytes_again_get_the_same_receipt(store: Store) -> None:
    """A client that signs for itself may send its envelope again, even when time has gone on."""
    write, record, clock = committer(store), Record(), Turned()
    sealed = record.seal(prefix="KS")
    (first,) = write.commit(Unit((sealed,)))
    write.commit(record.unit())
    clock.turn(timedelta(days=400))
    (again,) = committer(store, clock).commit(Unit((sealed,)))
    assert again == replace(first, replayed=True)


def test_an_event_id_is_used_once(store: Store) -> None:
    """Another envelope under a known event id is refused."""
    write, sealed = committer(store), Record().seal()
    write.commit(Unit((sealed,)))
    with pytest.raises(DuplicateEvent):
        write.commit(Unit((replace(Record().seal(), event_id=sealed.event_id),)))
    assert store.head().size == 1


def test_time_never_falls_and_a_slow_clock_shows(store: Store) -> None:
    """With the clock behind the last leaf, the leaf's time is taken, and the answer says so."""
    clock = Turned()
    write = committer(store, clock)
    write.commit(Record().unit())
    clock.turn(timedelta(seconds=-90))
    (late,) = write.commit(Record().unit())
    assert late.recorded_at == clock.now + timedelta(seconds=90)
    assert late.clock_behind == 90.0


def test_an_attachment_must_be_stored_before_it_is_named(store: Store) -> None:
    """An event that names unknown segments is refused; with staged ones it is committed."""
    write, now, record = committer(store), datetime(2026, 11, 22, tzinfo=UTC), Record()
    part, key = stage(store, b"photo" * 1000, now)
    missing = replace(part, key="ab" * 16)
    with pytest.raises(AttachmentMissing):
        write.commit(Unit((Record().seal(attached=(missing, key)),)))
    write.commit(Unit((record.seal(attached=(part, key)),)))
    assert store.holders(part.key) == [record.id]
    whole(store)


def _hole() -> Unit:
    record = Record()
    first, _, third = record.seal(), record.seal(), record.seal()
    return Unit((first, third))


def _late_number() -> Unit:
    record = Record()
    return Unit((record.seal(), record.seal(prefix="KS")))


def _part_twice() -> Unit:
    sealed = Record().seal()
    return Unit((replace(sealed, content=sealed.content * 2),))


BAD: dict[str, Callable[[], Unit]] = {
    "no events": lambda: Unit(()),
    "a hole in the versions": _hole,
    "a number in the middle": _late_number,
    "a leaf beyond 65,535 bytes": lambda: Unit((replace(Record().seal(), envelope=b"x" * 65_500),)),
    "a part twice": _part_twice,
    "a prefix with a space": lambda: Record().unit(prefix="K S"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_unit_against_the_format_never_reaches_a_group(name: str, store: Store) -> None:
    """What contradicts itself is refused before it is queued."""
    with pytest.raises(InvalidUnit):
        committer(store).commit(BAD[name]())
    assert store.head().size == 0


def test_a_conflict_in_a_group_hurts_nobody_else(store: Store) -> None:
    """Many threads, one record that only one of each round can extend: all others are refused."""
    write, rounds, threads = committer(store), 6, 8
    record_id, outcomes = Record().id, list[Committed | VersionConflict]()
    for version in range(rounds):
        last = store.record(record_id, descending=True, limit=1)
        prev = dsse.envelope_hash(leaf.parse(last[0].leaf).envelope) if last else None

        def attempt(n: int, version: int = version, prev: str | None = prev) -> None:
            rival = Record(record_id)
            rival.version, rival.prev = version, prev
            write.commit(Record().unit())
            try:
                outcomes.append(write.commit(rival.unit())[0])
            except VersionConflict as refused:
                outcomes.append(refused)

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(attempt, range(threads)))
    won = [o.version for o in outcomes if isinstance(o, Committed)]
    lost = [o.current for o in outcomes if isinstance(o, VersionConflict)]
    assert won == list(range(1, rounds + 1))
    assert sorted(lost) == sorted(won * (threads - 1))
    assert len(whole(store)) == rounds * (threads + 1)


def test_what_another_process_committed_in_between_is_seen(open_store: Callable[[], Store]) -> None:
    """Each turn finds head, versions and numbers as the other left them, whatever it remembers."""
    here, there = (committer(open_store()) for _ in range(2))
    record, numbers = Record(), []
    for write in (here, here, there, there, here):
        (done, _) = write.commit(Unit((Record().seal(prefix="KS"), record.seal())))
        numbers.append(done.number)
    assert numbers == [f"KS-2026-{n:05d}" for n in range(1, 6)]
    there.commit(Record().unit())
    with pytest.raises(VersionConflict) as refused:
        there.commit(Unit((Record().seal(),), expected={record.id: 4}))
    assert refused.value.current == 5
    assert len(whole(open_store())) == 11


def test_two_processes_append_in_one_order(open_store: Callable[[], Store]) -> None:
    """Several stores open at once, as several servers: gapless, in order, numbers never twice."""
    writers = [committer(open_store()) for _ in range(3)]

    def append(n: int) -> str | None:
        return writers[n % 3].commit(Record().unit(prefix="KS"))[0].number

    with ThreadPoolExecutor(9) as pool:
        numbers = list(pool.map(append, range(90)))
    assert sorted(str(n) for n in numbers) == [f"KS-2026-{n:05d}" for n in range(1, 91)]
    assert len(whole(open_store())) == 90


def test_a_duplicate_in_a_group_is_refused_alone(store: Store) -> None:
    """When one unit of a group breaks a unique key, the others of its group are committed."""
    write, known = committer(store), Record().seal()
    write.commit(Unit((known,)))
    units = [Record().unit() for _ in range(15)]
    units.insert(7, Unit((replace(Record().seal(), event_id=known.event_id),)))
    barrier, outcomes = threading.Barrier(len(units)), list[object]()

    def append(unit: Unit) -> None:
        barrier.wait()
        try:
            outcomes.append(write.commit(unit))
        except StoreError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=append, args=(unit,)) for unit in units]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(o, DuplicateEvent) for o in outcomes) == 1
    assert len(whole(store)) == 16


def test_a_broken_signer_reaches_every_caller(store: Store) -> None:
    """When receipts cannot be signed, nothing is written, nobody hangs, and the next one works."""
    write, broken = committer(store), threading.Event()
    sign = write._sign  # noqa: SLF001 - the seam where the log's key is used

    def failing(placed: Placed) -> bytes:
        if broken.is_set():
            raise RuntimeError("the key is gone")
        return sign(placed)

    write._sign = failing  # noqa: SLF001
    broken.set()
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(write.commit, Record().unit()) for _ in range(8)]
    assert all(isinstance(f.exception(), RuntimeError | StoreError) for f in futures)
    broken.clear()
    assert write.commit(Record().unit())[0].leaf_index == 0


def test_a_unit_that_cannot_be_made_is_its_callers_fault_alone(store: Store) -> None:
    """In one group, each is made in turn: who cannot gets its own error, the others commit."""
    write, ready = committer(store), threading.Barrier(12)

    def append(n: int) -> Committed | str:
        def make() -> Unit:
            if n % 3 == 0:
                raise LookupError(str(n))
            return Record().unit(prefix="KS")

        ready.wait()
        try:
            return write.commit_made(make)[0]
        except LookupError as error:
            return str(error)

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(append, range(12)))
    assert [a for a in answers if isinstance(a, str)] == ["0", "3", "6", "9"]
    placed = sorted(a.leaf_index for a in answers if isinstance(a, Committed))
    assert placed == list(range(8))
    whole(store)


def test_a_made_unit_is_held_to_the_same_bounds(store: Store) -> None:
    """A unit that contradicts itself is refused, and the next caller is served."""
    write = committer(store)
    with pytest.raises(InvalidUnit):
        write.commit_made(lambda: Unit(()))
    (done,) = write.commit_made(Record().unit)
    assert done.leaf_index == 0
