"""A unit that rests on everything of a kind is refused when anything of it was added meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from archive.store import Committed, NotQuiet, Quiet, Sealed, Store, Unit
from tests.archive.sealed import Record, committer, whole

HOLD, RULE, OTHER = "~legal-hold/opened", "~retention-rule/step-taken", "complaint/filed"
ROUNDS = 12


def resting(since: int, *topics: str) -> Unit:
    return Unit((Record().seal(),), quiet=Quiet(topics, since))


def of(topic: str) -> Unit:
    return Unit((Record().seal(topic=topic),))


@pytest.mark.parametrize("topics", [(HOLD,), (OTHER,), (RULE, HOLD), (RULE, OTHER)], ids=str)
def test_what_was_added_since_refuses_the_unit(store: Store, topics: tuple[str, ...]) -> None:
    """The first such leaf is named, nothing is written; what lies before `since` is no fault."""
    write = committer(store)
    write.commit(of(topics[-1]))
    write.commit(Record().unit())
    since = store.head().size
    write.commit(resting(since, *topics))
    write.commit(Record().unit())
    (first,) = write.commit(of(topics[-1]))
    write.commit(of(topics[-1]))
    with pytest.raises(NotQuiet) as refused:
        write.commit(resting(since, *topics))
    assert refused.value.leaf_index == first.leaf_index
    assert store.head().size == first.leaf_index + 2
    write.commit(resting(store.head().size, *topics))
    whole(store)


def test_other_topics_make_no_noise(store: Store) -> None:
    """Only what was asked about counts; no topics at all are always quiet."""
    write = committer(store)
    for topic in (HOLD, OTHER):
        write.commit(of(topic))
    write.commit(resting(0, RULE, "complaint/reopened"))
    write.commit(resting(0))


def test_a_unit_of_the_same_group_counts_too(store: Store) -> None:
    """What the group places before it refuses it, what comes after it does not; others go on."""
    write = committer(store)
    before = write.commit_many([resting(0, HOLD), of(HOLD), resting(0, HOLD), resting(0, RULE)])
    assert [isinstance(one, NotQuiet) for one in before] == [False, False, True, False]
    assert store.head().size == 3
    whole(store)


def test_a_unit_makes_no_noise_for_itself(store: Store) -> None:
    """A unit may say what must not be said by others."""
    write = committer(store)
    write.commit(Unit((Record().seal(topic=HOLD),), quiet=Quiet((HOLD,), 0)))


def test_what_was_committed_before_gets_its_first_receipt(store: Store) -> None:
    """Sent again after something was added, the same bytes are no new command."""
    write, record = committer(store), Record()
    unit = Unit((record.seal(),), quiet=Quiet((HOLD,), 0))
    (first,) = write.commit(unit)
    write.commit(of(HOLD))
    (again,) = write.commit(unit)
    assert (again.leaf_index, again.replayed) == (first.leaf_index, True)


def test_whoever_comes_first_wins_between_processes(open_store: Callable[[], Store]) -> None:
    """Each with a store of its own: what rests on silence never lies behind the noise."""
    stores = [open_store(), open_store()]
    writers = [committer(store) for store in stores]
    outcomes = set()
    with ThreadPoolExecutor(2) as pool:
        for _ in range(ROUNDS):
            since, barrier = stores[0].head().size, Barrier(2)
            asked = (resting(since, HOLD), of(HOLD))

            def attempt(n: int, unit: Unit, start: Barrier = barrier) -> Committed | None:
                start.wait()
                try:
                    return writers[n].commit(unit)[0]
                except NotQuiet:
                    return None

            rested, held = pool.map(attempt, range(2), asked)
            assert held is not None
            assert rested is None or rested.leaf_index < held.leaf_index
            assert stores[1].head().size == since + (1 if rested is None else 2)
            outcomes.add(rested is None)
    assert outcomes
    whole(stores[0])


def test_many_threads_of_one_process(store: Store) -> None:
    """Of units that each rest on the silence of their own topic, one is committed."""
    write, topic = committer(store), OTHER
    sealed: list[Sealed] = [Record().seal(topic=topic) for _ in range(16)]
    barrier = Barrier(16)

    def attempt(one: Sealed) -> bool:
        barrier.wait()
        try:
            write.commit(Unit((one,), quiet=Quiet((topic,), 0)))
        except NotQuiet:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(attempt, sealed)) == 1
    assert store.head().size == 1
