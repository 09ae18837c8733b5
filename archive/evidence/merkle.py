"""RFC 6962 hashing and proofs (verification as RFC 9162 2.1), on plain values.

A store keeps hashes of complete subtrees: `node(level, index)` is the root over the leaves
[index << level, (index + 1) << level). From such a callable every proof is built with
O(log n) calls. Nothing is added to the tree of the RFC.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from archive.evidence.errors import ProofError

Node = Callable[[int, int], bytes]
Sink = Callable[[int, int, bytes], None]

_TILE = 256  # leaves
EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def pair_hash(pair: bytes) -> bytes:
    """The same of two hashes that lie side by side."""
    return hashlib.sha256(b"\x01" + pair).digest()


class Frontier:
    """The complete subtrees on the right edge of a growing tree: all that appending needs."""

    __slots__ = ("_hashes", "size")

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        if size < 0 or size.bit_count() != len(hashes) or any(len(h) != 32 for h in hashes):
            raise ProofError("a frontier has one 32 byte hash per set bit of its size")
        self.size = size
        self._hashes = list(hashes)

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """Largest subtree first; with `size`, the whole state to keep."""
        return tuple(self._hashes)

    def append(self, hash_: bytes, on_node: Sink | None = None) -> None:
        """Add one leaf hash; `on_node(level, index, hash)` is told of every node completed."""
        index, level, stack = self.size, 0, self._hashes
        if on_node is not None:
            on_node(0, index, hash_)
        while index & 1:
            hash_ = node_hash(stack.pop(), hash_)
            index >>= 1
            level += 1
            if on_node is not None:
                on_node(level, index, hash_)
        stack.append(hash_)
        self.size += 1

    def extend(self, hashes: Iterable[bytes], on_node: Sink | None = None) -> None:
        for hash_ in hashes:
            self.append(hash_, on_node)

    def root(self) -> bytes:
        return _fold(self._hashes)


def root(leaf_hashes: Iterable[bytes]) -> bytes:
    """Root over any number of leaf hashes, at flat memory: a tile at a time, level by level."""
    hashes, tiles, rest = iter(leaf_hashes), Frontier(), Frontier()
    while len(tile := list(islice(hashes, _TILE))) == _TILE:
        tiles.append(_complete(tile))
    rest.extend(tile)
    return _fold([*tiles.hashes, *rest.hashes])


def _complete(hashes: Sequence[bytes]) -> bytes:
    """Root over a power of two of hashes."""
    while len(hashes) > 1:
        pairs = zip(hashes[::2], hashes[1::2], strict=True)
        hashes = [node_hash(left, right) for left, right in pairs]
    return hashes[0]


def root_at(size: int, node: Node) -> bytes:
    """Root of the tree's first `size` leaves."""
    return _range_hash(0, size, node) if size else EMPTY_ROOT


def frontier_at(size: int, node: Node) -> Frontier:
    return Frontier(size, [node(level, index) for level, index in _cover(0, size)])


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """Audit path of leaf `index` in the tree of `size` leaves, deepest sibling first."""
    if not 0 <= index < size:
        raise ProofError(f"no leaf {index} in a tree of {size}")
    start, end, path = 0, size, []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    return [_range_hash(first, last, node) for first, last in reversed(path)]


def consistency_proof(old: int, new: int, node: Node) -> list[bytes]:
    """Proof that the tree of `old` leaves is a prefix of the tree of `new`; empty if old is 0."""
    if not 0 <= old <= new:
        raise ProofError(f"no consistency from {old} to {new}")
    if old in (0, new):
        return []
    start, end, path = 0, new, []
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    if start:  # SUBPROOF with b = false: the old subtree itself is not known to the verifier
        path.append((start, end))
    return [_range_hash(first, last, node) for first, last in reversed(path)]


def verify_inclusion(
    index: int, size: int, hash_: bytes, proof: Sequence[bytes], expected_root: bytes
) -> None:
    """RFC 9162 2.1.3.2; ProofError unless the leaf hash is at `index` under the root."""
    _climb(index, size, hash_, proof, expected_root)


def _climb(
    index: int, size: int, hash_: bytes, proof: Sequence[bytes], expected_root: bytes
) -> list[bytes]:
    """The nodes on the way, from the leaf hash to the root."""
    if not 0 <= index < size:
        raise ProofError(f"no leaf {index} in a tree of {size}")
    position, last, nodes = index, size - 1, [hash_]
    for sibling in proof:
        if last == 0:
            raise ProofError("inclusion proof is too long")
        if position & 1 or position == last:
            hash_ = node_hash(sibling, hash_)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            hash_ = node_hash(hash_, sibling)
        nodes.append(hash_)
        position, last = position >> 1, last >> 1
    if last != 0:
        raise ProofError("inclusion proof is too short")
    if hash_ != expected_root:
        raise ProofError(f"leaf {index} is not in the tree of {size} with this root")
    return nodes


class InclusionVerifier:
    """`verify_inclusion` for many leaves of one tree: neighbours share the upper nodes.

    A proof is climbed only to the node where it meets the proof before, if from there on both say
    the same: the rest was computed then.
    """

    def __init__(self, size: int, root: bytes) -> None:
        self._size, self._root = size, root
        self._index = -1
        self._nodes: list[bytes] = []
        self._proof: Sequence[bytes] = ()

    def verify(self, index: int, hash_: bytes, proof: Sequence[bytes]) -> None:
        """As `verify_inclusion`."""
        nodes = self._to_known(index, hash_, proof)
        if nodes is None:
            nodes = _climb(index, self._size, hash_, proof, self._root)
        self._index, self._nodes, self._proof = index, nodes, proof

    def _to_known(self, index: int, hash_: bytes, proof: Sequence[bytes]) -> list[bytes] | None:
        """The way to the root, if it leads over a node of the last one."""
        level = (index ^ self._index).bit_length()
        # Only in a complete subtree has each level its sibling.
        if self._index < 0 or level > len(proof) or (index >> level) + 1 << level > self._size:
            return None
        if proof[level:] != self._proof[level:]:
            return None
        nodes = [hash_]
        for at, sibling in enumerate(proof[:level]):
            pair = (sibling, nodes[-1]) if index >> at & 1 else (nodes[-1], sibling)
            nodes.append(node_hash(*pair))
        return nodes + self._nodes[level + 1 :] if nodes[-1] == self._nodes[level] else None


def verify_consistency(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """RFC 9162 2.1.4.2, with old size 0 as tlog-witness has it: empty proof, empty root."""
    if not 0 <= old <= new:
        raise ProofError(f"no consistency from {old} to {new}")
    if old in (0, new):
        if proof or (old_root != EMPTY_ROOT if old == 0 else old_root != new_root):
            raise ProofError("trees of these sizes need an empty proof and fitting roots")
        return
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        raise ProofError("consistency proof is empty")
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    first_hash = second_hash = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofError("consistency proof is too long")
        if position & 1 or position == last:
            first_hash = node_hash(sibling, first_hash)
            second_hash = node_hash(sibling, second_hash)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            second_hash = node_hash(second_hash, sibling)
        position, last = position >> 1, last >> 1
    if last != 0:
        raise ProofError("consistency proof is too short")
    if first_hash != old_root or second_hash != new_root:
        raise ProofError(f"the tree of {old} is not a prefix of the tree of {new}")


def _split(count: int) -> int:
    """The largest power of two below `count` (RFC 6962 2.1)."""
    return 1 << (count - 1).bit_length() - 1


def _cover(start: int, end: int) -> Iterator[tuple[int, int]]:
    """The complete subtrees, largest first, of a range that starts at a multiple of its size."""
    while start < end:
        level = (end - start).bit_length() - 1
        yield level, start >> level
        start += 1 << level


def _range_hash(start: int, end: int, node: Node) -> bytes:
    return _fold([node(level, index) for level, index in _cover(start, end)])


def _fold(hashes: Sequence[bytes]) -> bytes:
    if not hashes:
        return EMPTY_ROOT
    result = hashes[-1]
    for left in reversed(hashes[:-1]):
        result = node_hash(left, result)
    return result
