"""Tiles against the specification's examples, a foreign log, and the literal tree."""

import pytest

from archive.evidence import checkpoint, merkle, note, tiles
from archive.evidence.errors import FormatError, ProofError
from tests.archive.evidence.foreign import foreign, foreign_json

TESSERA = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"


def stored(size: int) -> tuple[dict[tuple[int, int], bytes], list[bytes]]:
    """(tiles, leaf hashes) as a store would keep them: only levels 0, 8, 16."""
    kept: dict[tuple[int, int], bytes] = {}

    def keep(level: int, index: int, hash_: bytes) -> None:
        if level % 8 == 0:
            place = level // 8, index // 256
            kept[place] = kept.get(place, b"") + hash_

    hashes = [merkle.leaf_hash(b"%d" % i) for i in range(size)]
    merkle.Frontier().extend(hashes, keep)
    return kept, hashes


@pytest.mark.parametrize("size", [1, 255, 256, 257, 511, 512, 700, 65_536 + 300])
def test_proofs_from_tiles(size: int) -> None:
    """Proofs built from tiles verify, and need few tiles."""
    kept, hashes = stored(size)
    root = merkle.root(hashes)
    for index in sorted({0, size // 2, size - 1}):
        reads: list[tuple[int, int, int]] = []
        served = tiles.Tiles(size, _reader(kept, reads))
        proof = merkle.inclusion_proof(index, size, served.node)
        merkle.verify_inclusion(index, size, hashes[index], proof, root)
        assert len(reads) == len(set(reads)) <= 6
        old = max(1, index)
        proof = merkle.consistency_proof(old, size, served.node)
        merkle.verify_consistency(old, size, merkle.root(hashes[:old]), root, proof)


def _reader(
    kept: dict[tuple[int, int], bytes], reads: list[tuple[int, int, int]]
) -> tiles.ReadTile:
    def read(level: int, index: int, width: int) -> bytes:
        reads.append((level, index, width))
        return kept[level, index]

    return read


def test_short_tile_and_incomplete_node() -> None:
    """A tile that is too short, or a node not complete yet, is our error."""
    with pytest.raises(ProofError):
        tiles.Tiles(3, lambda *_: bytes(32)).node(0, 2)
    with pytest.raises(ProofError):
        tiles.Tiles(3, lambda *_: bytes(96)).node(1, 1)


def test_specification_examples() -> None:
    """Paths and widths of the specification."""
    spec = foreign_json("c2sp_spec/examples.json")
    for case in spec["tile_paths"]:
        assert tiles.tile_path(0, case["index"]) == f"tile/0/{case['path']}"
        assert tiles.parse_tile_path(f"tile/0/{case['path']}") == (0, case["index"], 256)
    for case in spec["tile_layout"]:
        size = case["size"]
        full = case["level0_full"]
        assert tiles.tile_width(size, 0, full - 1) == 256
        assert tiles.tile_width(size, 0, full) == case["level0_partial"]
        assert tiles.tile_width(size, 1, case["level1_full"]) == case["level1_partial"]
        assert tiles.tile_width(size, 2, 0) == case.get("level2_partial", 0)


@pytest.mark.parametrize(
    "path",
    ["tile/0/1", "tile/00/001", "tile/0/x001/01", "tile/0/001.p/0", "tile/0/001.p/256",
     "tile/0/001.p/257", "tile/0/x000/001", "tile/64/000", "tile/0/001.p/01", "tile/0/001\n"],
)  # fmt: skip
def test_other_spellings_of_a_path(path: str) -> None:
    """A tile has one path."""
    with pytest.raises(FormatError):
        tiles.parse_tile_path(path)


@pytest.mark.parametrize("size", range(16))
def test_tessera_log(size: int) -> None:
    """A foreign log's checkpoint verifies, and its tile and entries give that root."""
    data = foreign(f"tessera/checkpoint.{size}")
    head = checkpoint.verify(data, note.VerifierKey.parse(TESSERA))
    assert head.size == size
    if size == 0:
        assert head.root == merkle.EMPTY_ROOT
        return
    tile = foreign(f"tessera/{tiles.tile_path(0, 0, size)}")
    served = tiles.Tiles(size, lambda *_: tile)
    assert merkle.root_at(size, served.node) == head.root
    entries = foreign(f"tessera/tile/entries/000.p/{size}")
    hashes = []
    while entries:
        length = int.from_bytes(entries[:2], "big")
        hashes.append(merkle.leaf_hash(entries[2 : 2 + length]))
        entries = entries[2 + length :]
    assert b"".join(hashes) == tile
