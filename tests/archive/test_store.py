"""The contract of a store: the same on SQLite and on PostgreSQL."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from archive.store import Ask, Batch, Checkpoint, NewEvent, Store, StoreError, Unit
from tests.archive.sealed import Record, Turned, committer, stage, whole

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)


def filled(store: Store, minutes: int = 5) -> list[Record]:
    """Two records, an event of each per minute."""
    clock, records = Turned(NOW), [Record(), Record()]
    write = committer(store, clock)
    for _ in range(minutes):
        for record in records:
            write.commit(record.unit())
        clock.turn(timedelta(minutes=1))
    return records


def test_an_empty_archive_answers_everything(store: Store) -> None:
    """Nothing there is an answer, not an error."""
    assert (store.head().size, store.head().recorded_at) == (0, None)
    assert list(store.leaves(0)) == []
    assert store.leaf_hashes(0, 10) == []
    assert store.event("00" * 16) is None
    assert store.at(0) is None
    assert store.record("00" * 16) == []
    assert store.versions(["00" * 16]) == {"00" * 16: 0}
    assert store.size_at(NOW) == 0
    assert store.receipt(0) is None
    assert store.content("00" * 16) == []
    assert store.segment("00" * 16, 0) is None
    assert store.checkpoint() is None
    assert store.tile(0, 0) is None


def test_a_record_is_read_in_either_direction_and_in_part(store: Store) -> None:
    """`after` is outside, `upto` inside, as the library's gt and lte."""
    first, second = filled(store)
    assert [r.version for r in store.record(first.id)] == [1, 2, 3, 4, 5]
    assert [r.version for r in store.record(first.id, after=1, upto=3)] == [2, 3]
    assert [r.version for r in store.record(second.id, descending=True, limit=2)] == [5, 4]
    assert store.versions([first.id, "00" * 16]) == {first.id: 5, "00" * 16: 0}


def test_the_log_is_streamed_in_order(store: Store) -> None:
    """Any range, any chunk, one order; with topics, only theirs."""
    filled(store, 5)
    rows = list(store.leaves(0))
    assert [r.leaf_index for r in rows] == list(range(10))
    assert list(store.leaves(3, 7)) == rows[3:7]
    assert list(store.leaves(3, topics=["no such topic"])) == []
    assert list(store.leaves(0, topics=["complaint/event", "x"])) == rows
    assert store.leaf_hashes(2, 99) == [r.leaf_hash for r in rows[2:]]
    assert store.at(4) == rows[4] == store.event(rows[4].event_id or "")
    assert [i for i, _ in store.receipts(4, 6)] == [4, 5]


def test_more_leaves_than_a_chunk_are_streamed_whole(store: Store) -> None:
    """The seams between chunks lose nothing and double nothing."""
    record = Record()
    committer(store).commit(Unit(tuple(record.seal() for _ in range(999))))
    assert [r.leaf_index for r in store.leaves(0)] == list(range(999))
    assert [c.leaf_index for c in store.contents(0, 999)] == list(range(999))
    assert len(store.content_of_record(record.id, upto=700)) == 700
    assert len(list(store.receipts(0, 999))) == 999


def test_the_size_at_a_time_counts_what_was_recorded_by_then(store: Store) -> None:
    """A leaf recorded at that very microsecond counts."""
    filled(store, 5)
    minute, tick = timedelta(minutes=1), timedelta(microseconds=1)
    assert store.size_at(NOW - tick) == 0
    assert [store.size_at(NOW + n * minute) for n in range(5)] == [2, 4, 6, 8, 10]
    assert store.size_at(NOW + minute - tick) == 2


def test_content_is_found_by_event_and_by_record(store: Store) -> None:
    """Parts come in order of leaf and number, with the place they belong to."""
    record, part = Record(), stage(store, b"photo", NOW)
    one, two = record.seal(), record.seal(attached=part)
    committer(store).commit(Unit((one, two)))
    rows = store.content_of_record(record.id)
    assert [(r.leaf_index, r.n, r.event_id) for r in rows] == [
        (0, 0, one.event_id),
        (1, 0, two.event_id),
        (1, 1, two.event_id),
    ]
    assert store.content(two.event_id) == rows[1:]
    assert rows[2].ciphertext is None
    assert rows[2].key_id == part[0].key
    assert store.content_of_record(record.id, upto=1) == rows[:1]
    assert store.segments(part[0].key) == 1


def test_a_tile_only_grows(store: Store) -> None:
    """A wider version replaces a narrower one, never the other way round."""
    narrow, wide = b"\x01" * 32, b"\x01" * 32 + b"\x02" * 32
    store.put_checkpoint(Checkpoint(2, b"note 2", NOW), [(0, 0, wide), (1, 0, narrow)])
    store.put_checkpoint(Checkpoint(1, b"note 1", NOW), [(0, 0, narrow)])
    assert store.tile(0, 0) == wide
    assert store.tile(1, 0) == narrow


def test_checkpoints_are_kept_in_the_order_of_their_making(store: Store) -> None:
    """The same note twice is one; the latest of all, or of one size, is found."""
    notes = [Checkpoint(n, b"note %d" % n, NOW) for n in (1, 3, 3, 8)]
    notes.append(Checkpoint(8, b"note 8, cosigned", NOW))
    for note in notes:
        store.put_checkpoint(note)
    assert [c.note for c in store.checkpoints()] == [
        b"note 1",
        b"note 3",
        b"note 8",
        b"note 8, cosigned",
    ]
    assert [c.size for c in store.checkpoints(after=1)] == [3, 8, 8]
    assert store.checkpoint() == notes[-1]
    assert store.checkpoint(3) == notes[1]
    assert store.checkpoint(4) is None


def test_what_is_not_committed_is_not_seen(open_store: Callable[[], Store]) -> None:
    """A transaction that is given back leaves nothing, and the next one gets the head."""
    store, other = open_store(), open_store()
    transaction = store.begin(Ask())
    assert other.head().size == 0
    transaction.rollback()
    transaction.rollback()  # harmless
    committer(other).commit(Record().unit())
    assert store.head().size == 1


def test_one_snapshot_over_several_reads(open_store: Callable[[], Store]) -> None:
    """Within `reading`, what others commit meanwhile is not seen; after it, it is."""
    store, other = open_store(), open_store()
    write = committer(other)
    write.commit(Record().unit())
    with store.reading():
        assert store.head().size == 1
        write.commit(Record().unit())
        assert store.head().size == 1
        assert len(list(store.leaves(0))) == 1
    assert store.head().size == 2


def test_a_part_of_a_batch_is_never_kept(store: Store) -> None:
    """When one row of a batch is refused, the whole batch is."""
    committer(store).commit(Record().unit())
    (row,) = whole(store)
    transaction = store.begin(Ask())
    fresh = replace(row, leaf_index=1, record_id="ab" * 16, event_id=None)
    stale = replace(row, leaf_index=2, event_id=None)
    with pytest.raises(StoreError):
        transaction.commit(Batch([NewEvent(fresh, None), NewEvent(stale, None)]))
    assert store.head().size == 1


def test_reopening_finds_what_was_there(open_store: Callable[[], Store]) -> None:
    """Opening an archive again changes nothing in it."""
    filled(open_store(), 2)
    assert len(whole(open_store())) == 4
