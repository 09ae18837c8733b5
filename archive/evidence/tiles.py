"""C2SP tlog-tiles: 256-wide hash tiles as the store behind `merkle`'s proofs.

A tile of level t holds nodes of tree level 8t, so a store keeps only those levels;
what lies between is hashed again from one tile, at most 255 hashes a node.
"""

import re
from collections.abc import Callable

from archive.evidence.errors import FormatError, ProofError
from archive.evidence.merkle import pair_hash

WIDTH = 256
HEIGHT = 8
ReadTile = Callable[[int, int, int], bytes]

_PATH = re.compile(
    r"tile/(0|[1-9][0-9]?)/((?:x[0-9]{3}/)*)([0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII
)


class Tiles:
    """`node` for the functions of `merkle`, over a tree of `size` leaves kept as tiles.

    `read_tile(level, index, width)` gives at least width * 32 bytes. Tiles read are kept in
    memory for as long as this object lives: make one for a request.
    """

    def __init__(self, size: int, read_tile: ReadTile) -> None:
        self._size = size
        self._read_tile = read_tile
        self._tiles: dict[tuple[int, int], bytes] = {}

    def node(self, level: int, index: int) -> bytes:
        if (index + 1) << level > self._size:
            raise ProofError(f"node {level}/{index} is not complete in a tree of {self._size}")
        tile_level, rest = divmod(level, HEIGHT)
        first = index << rest
        tile = self._tile(tile_level, first // WIDTH)
        start = first % WIDTH
        hashes = tile[start * 32 : (start + (1 << rest)) * 32]
        while len(hashes) > 32:
            pairs = range(0, len(hashes), 64)
            hashes = b"".join([pair_hash(hashes[i : i + 64]) for i in pairs])
        return hashes

    def _tile(self, level: int, index: int) -> bytes:
        tile = self._tiles.get((level, index))
        if tile is None:
            width = tile_width(self._size, level, index)
            tile = self._read_tile(level, index, width)[: width * 32]
            if len(tile) != width * 32:
                raise ProofError(f"tile {tile_path(level, index, width)} is too short")
            self._tiles[level, index] = tile
        return tile


def tile_width(size: int, level: int, index: int) -> int:
    """Hashes in a tile of a tree of `size` leaves: 256, fewer on the right edge, 0 beyond."""
    return max(0, min(WIDTH, (size >> HEIGHT * level) - index * WIDTH))


def tile_path(level: int, index: int, width: int = WIDTH) -> str:
    """`tile/<L>/<N>[.p/<W>]`, N in groups of three digits, all but the last marked x."""
    if not 0 <= level <= 63 or index < 0 or not 1 <= width <= WIDTH:
        raise FormatError("no such tile")
    return f"tile/{level}/{_index_path(index)}" + ("" if width == WIDTH else f".p/{width}")


def parse_tile_path(path: str) -> tuple[int, int, int]:
    """(level, index, width); FormatError for any other spelling."""
    match = _PATH.fullmatch(path)
    if match is None:
        raise FormatError("not a tile path")
    level, groups, last, width = match.groups()
    index = int(groups.replace("x", "").replace("/", "") + last)
    tile = int(level), index, int(width or WIDTH)
    if int(level) > 63 or tile[2] > WIDTH or tile_path(*tile) != path:
        raise FormatError("not a tile path")
    return tile


def _index_path(index: int) -> str:
    digits = str(index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    return "/".join([f"x{group}" for group in groups[:-1]] + groups[-1:])
