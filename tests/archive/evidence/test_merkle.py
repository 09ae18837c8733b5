"""The clever tree beside the literal one, and proofs that must not pass."""

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.evidence import merkle
from archive.evidence.errors import ProofError
from tests.archive.evidence import reference_merkle as literal
from tests.archive.evidence.foreign import foreign_json

SIZES = st.integers(1, 70)


def data(size: int) -> list[bytes]:
    return [b"leaf %d" % i for i in range(size)]


def nodes(leaves: list[bytes]) -> merkle.Node:
    return lambda level, index: literal.mth(leaves[index << level : (index + 1) << level])


def test_certificate_transparency_reference() -> None:
    """All roots of the classic eight-leaf tree."""
    vectors = foreign_json("ct_reference/leaves_roots_proofs.json")
    leaves = [bytes.fromhex(text) for text in vectors["leaf_inputs_hex"]]
    for size, wanted in enumerate(vectors["root_hashes_hex"]):
        assert merkle.root(map(merkle.leaf_hash, leaves[:size])).hex() == wanted
    hasher = vectors["hasher"]
    assert merkle.EMPTY_ROOT.hex() == hasher["empty"]
    assert merkle.leaf_hash(b"").hex() == hasher["empty_leaf"]
    assert merkle.leaf_hash(b"L123456").hex() == hasher["leaf_L123456"]
    assert merkle.node_hash(b"N123", b"N456").hex() == hasher["node_N123_N456"]


@pytest.mark.parametrize("size", range(40))
def test_against_the_literal_definition(size: int) -> None:
    """Roots and all proofs of all sizes equal the definition of the RFC, and verify."""
    leaves = data(size)
    node = nodes(leaves)
    root = literal.mth(leaves)
    assert merkle.root(map(merkle.leaf_hash, leaves)) == root == merkle.root_at(size, node)
    assert merkle.frontier_at(size, node).root() == root
    for index in range(size):
        proof = merkle.inclusion_proof(index, size, node)
        assert proof == literal.path(index, leaves)
        merkle.verify_inclusion(index, size, merkle.leaf_hash(leaves[index]), proof, root)
    for old in range(1, size + 1):
        proof = merkle.consistency_proof(old, size, node)
        assert proof == literal.proof(old, leaves)
        merkle.verify_consistency(old, size, literal.mth(leaves[:old]), root, proof)


@pytest.mark.parametrize("size", [255, 256, 257, 511, 512, 513, 777])
def test_roots_around_whole_tiles(size: int) -> None:
    """Where the tree has whole tiles, and some leaves more or less, it is the RFC's root too."""
    leaves = data(size)
    assert merkle.root(map(merkle.leaf_hash, leaves)) == literal.mth(leaves)


@given(SIZES, SIZES, st.data())
def test_a_changed_inclusion_proof_fails(first: int, second: int, draw: st.DataObject) -> None:
    """Other leaf, index, root, or a longer, shorter or flipped proof: refused."""
    index, size = sorted((first, second))
    if index == size:
        index -= 1
    leaves = data(size)
    proof = merkle.inclusion_proof(index, size, nodes(leaves))
    root, hash_ = literal.mth(leaves), merkle.leaf_hash(leaves[index])
    bad: list[tuple[int, int, bytes, list[bytes], bytes]] = [
        (index, size, merkle.leaf_hash(b"other"), proof, root),
        (index, size, hash_, [*proof, hash_], root),
        (index, size, hash_, proof, merkle.leaf_hash(b"root")),
        (size, size, hash_, proof, root),
        (-1, size, hash_, proof, root),
    ]
    if proof:
        at = draw.draw(st.integers(0, len(proof) - 1))
        flipped = [*proof[:at], bytes(32), *proof[at + 1 :]]
        bad += [(index, size, hash_, proof[:-1], root), (index, size, hash_, flipped, root)]
        other = draw.draw(st.integers(0, size - 1).filter(lambda i: i != index))
        bad.append((other, size, hash_, proof, root))
    for case in bad:
        with pytest.raises(ProofError):
            merkle.verify_inclusion(*case)


@given(SIZES, st.data())
def test_proofs_of_neighbours_get_the_same_answer(size: int, draw: st.DataObject) -> None:
    """Leaves in any order, some hash, sibling, index or length changed: taken as one by one."""
    leaves = data(size)
    root, node = literal.mth(leaves), nodes(leaves)
    verifier = merkle.InclusionVerifier(size, root)
    indexes = st.lists(st.integers(0, size - 1), max_size=12)
    for index in draw.draw(st.one_of(st.just(range(size)), indexes)):
        proof = merkle.inclusion_proof(index, size, node)
        hash_, other = merkle.leaf_hash(leaves[index]), draw.draw(st.integers(0, size))
        at = draw.draw(st.integers(0, len(proof)))
        for case in (
            (index, hash_, [*proof[:at], bytes(32), *proof[at + 1 :]]),
            (index, bytes(32), proof),
            (index, hash_, proof[:at]),
            (other, hash_, proof),
            (index, hash_, proof),
        ):
            assert taken(verifier.verify, *case) == taken(
                lambda i, h, p: merkle.verify_inclusion(i, size, h, p, root), *case
            )


def taken(verify: Callable[[int, bytes, list[bytes]], None], *case: Any) -> bool:
    try:
        verify(*case)
    except ProofError:
        return False
    return True


@given(SIZES, SIZES, st.data())
def test_a_changed_consistency_proof_fails(first: int, second: int, draw: st.DataObject) -> None:
    """Another old or new root, and a longer, shorter or flipped proof: refused."""
    old, new = sorted((first, second))
    leaves = data(new)
    proof = merkle.consistency_proof(old, new, nodes(leaves))
    before, after, other = literal.mth(leaves[:old]), literal.mth(leaves), bytes(32)
    bad = [
        (old, new, other, after, proof),
        (old, new, before, other, proof),
        (old, new, before, after, [*proof, other]),
        (new + 1, new, before, after, proof),
    ]
    if proof:
        at = draw.draw(st.integers(0, len(proof) - 1))
        bad.append((old, new, before, after, proof[:-1]))
        bad.append((old, new, before, after, [*proof[:at], other, *proof[at + 1 :]]))
    for case in bad:
        with pytest.raises(ProofError):
            merkle.verify_consistency(*case)


def test_from_the_empty_tree() -> None:
    """Old size 0 takes an empty proof and the empty root, as tlog-witness has it."""
    root = literal.mth(data(3))
    merkle.verify_consistency(0, 3, merkle.EMPTY_ROOT, root, [])
    for before, proof in ((root, []), (merkle.EMPTY_ROOT, [root])):
        with pytest.raises(ProofError):
            merkle.verify_consistency(0, 3, before, root, proof)


@given(st.integers(0, 300), st.integers(0, 300))
def test_a_frontier_can_be_kept_and_resumed(first: int, more: int) -> None:
    """Appending after a restart from size and hashes gives the same tree and the same nodes."""
    hashes = [merkle.leaf_hash(b"%d" % i) for i in range(first + more)]
    told: dict[tuple[int, int], bytes] = {}
    whole, part = merkle.Frontier(), merkle.Frontier()
    whole.extend(hashes, lambda level, index, hash_: told.update({(level, index): hash_}))
    part.extend(hashes[:first])
    resumed = merkle.Frontier(part.size, part.hashes)
    resumed.extend(hashes[first:])
    assert resumed.root() == whole.root() == merkle.root(hashes)
    assert merkle.root_at(whole.size, lambda level, index: told[level, index]) == whole.root()


def test_a_wrong_frontier_is_refused() -> None:
    """The number of hashes follows from the size."""
    with pytest.raises(ProofError):
        merkle.Frontier(3, [bytes(32)])
    with pytest.raises(ProofError):
        merkle.Frontier(1, [bytes(31)])


def test_memory_is_flat() -> None:
    """The root over many leaves needs kilobytes."""
    tracemalloc.start()
    merkle.root(merkle.leaf_hash(i.to_bytes(8, "big")) for i in range(50_000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000


def test_sizes_at_the_edge() -> None:
    """No leaf has the index of the size; from nothing to anything the proof is empty."""
    leaves = nodes(data(5))
    with pytest.raises(ProofError):
        merkle.inclusion_proof(5, 5, leaves)
    assert merkle.consistency_proof(0, 5, leaves) == []
    assert merkle.root_at(0, leaves) == merkle.EMPTY_ROOT
