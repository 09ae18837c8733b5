"""Large bundles: written and verified leaf by leaf, at a few bytes an event."""

import io
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from archive.evidence import bundle, content, dsse, leaf, merkle, statement
from archive.evidence.errors import FormatError
from archive.evidence.verify import verify
from tests.vectors.world import INTAKE, World, ident, seeded, whole

PER_EVENT = 250  # bytes
EVENTS_A_RECORD = 8


class Anew:
    """An iterable that is read anew each time, and never a list."""

    def __init__(self, read: Callable[[], Iterator[bundle.ProvenLeaf]]) -> None:
        self._read = read

    def __iter__(self) -> Iterator[bundle.ProvenLeaf]:
        return self._read()


def large(events: int) -> io.BytesIO:
    """A log of so many events in records of a few."""
    world = World()
    for number in range(events):
        record = ident(f"record {number // EVENTS_A_RECORD}")
        version, prev = world.heads.get(record, (0, None))
        said = statement.Statement(
            origin=world.origin, event=ident(f"large {number}"), record=record,
            version=version + 1, prev=prev, type="noted", kind="complaint", kind_version=1,
            key=INTAKE.key_id, assurance="session", occurred_at="2026-11-22T08:00:00.000000Z",
        )  # fmt: skip
        envelope = dsse.sign(statement.encode(said), dsse.STATEMENT_TYPE, INTAKE)
        data = leaf.encode(envelope, None, "2026-11-22T09:00:00.000000Z")
        world.leaves.append(data)
        world.records.append(record)
        world.heads[record] = said.version, dsse.envelope_hash(envelope)
    return written(world)


def written(world: World) -> io.BytesIO:
    nodes: dict[tuple[int, int], bytes] = {}
    frontier = merkle.Frontier()
    for data in world.leaves:
        frontier.append(
            merkle.leaf_hash(data), lambda level, at, hash_: nodes.update({(level, at): hash_})
        )
    world.node = lambda level, index: nodes[level, index]  # type: ignore[method-assign]

    def proven(*, register: bool) -> Iterator[bundle.ProvenLeaf]:
        size = len(world.leaves)
        for i, data in enumerate(world.leaves):
            if (world.records[i] == world.register) == register:
                yield bundle.ProvenLeaf(i, data, merkle.inclusion_proof(i, size, world.node))

    file = io.BytesIO()
    keys, leaves = (Anew(partial(proven, register=yes)) for yes in (True, False))
    bundle.write(
        file,
        bundle.Bundle(
            checkpoint=world.checkpoint(),
            log_key=world.vkey,
            keys=keys,
            leaves=leaves,
            heads=world.ends(),
            about=world.about,
            openings=world.openings,
            receipts=world.receipts,
        ),
    )
    return file


def peak(file: io.BytesIO) -> int:
    """The most bytes held while the bundle is verified."""
    tracemalloc.start()
    try:
        report = verify(file)
        assert report.ok
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_an_event_more_costs_little() -> None:
    """Between 1,000 and 3,000 events the verifier's peak grows by less than 250 bytes an event."""
    few, many = large(1000), large(3000)
    assert (peak(many) - peak(few)) / 2000 < PER_EVENT


def test_leaves_read_anew_give_the_same_bundle() -> None:
    """Iterables that are gone through again and again are written as lists are."""
    assert written(whole()).getvalue() == whole().bundle()


def test_openings_are_written_in_their_order() -> None:
    """However they are handed in, openings stand by leaf and n; one of nothing is refused."""
    world, turned = whole(), whole()
    turned.openings.reverse()
    assert world.bundle() == turned.bundle()
    plain = bundle.ContentOpening(ident("nobody"), 0, content.derive(seeded("x"))[1], b"{}")
    turned.openings.append(plain)
    with pytest.raises(FormatError):
        turned.bundle()
