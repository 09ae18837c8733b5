"""C2SP tlog-tiles entry bundles: up to 256 log entries, each after its length as uint16 BE."""

from collections.abc import Iterable

from archive.evidence.errors import FormatError
from archive.evidence.tiles import WIDTH, parse_tile_path, tile_path

MAX_ENTRY = 65_535
MAX_BUNDLE = WIDTH * (2 + MAX_ENTRY)

_BUNDLES, _LEAVES = "tile/entries/", "tile/0/"


def encode(entries: Iterable[bytes]) -> bytes:
    """FormatError for none, for more than 256, and for one of more than 65,535 bytes."""
    pieces = [_length(entry) + entry for entry in entries]
    if not 1 <= len(pieces) <= WIDTH:
        raise FormatError(f"an entry bundle has 1 to {WIDTH} entries, not {len(pieces)}")
    return b"".join(pieces)


def _length(entry: bytes) -> bytes:
    if len(entry) > MAX_ENTRY:
        raise FormatError(f"entry of {len(entry)} bytes: at most {MAX_ENTRY}")
    return len(entry).to_bytes(2, "big")


def parse(data: bytes, width: int) -> list[bytes]:
    """Exactly `width` entries, as the bundle's path says; FormatError for any other bytes."""
    if not 1 <= width <= WIDTH:
        raise FormatError(f"an entry bundle has 1 to {WIDTH} entries")
    found: list[bytes] = []
    at = 0
    while at < len(data):
        start = at + 2
        end = start + int.from_bytes(data[at:start], "big")
        if start > len(data) or end > len(data):
            raise FormatError(f"entry bundle is cut short in entry {len(found)}")
        if len(found) == width:
            raise FormatError(f"entry bundle with more than {width} entries")
        found.append(data[start:end])
        at = end
    if len(found) != width:
        raise FormatError(f"entry bundle of {len(found)} entries, {width} were expected")
    return found


def entries_path(index: int, width: int = WIDTH) -> str:
    """`tile/entries/<N>[.p/<W>]`; N and W as in the tile of level 0 over the same entries."""
    return _BUNDLES + tile_path(0, index, width).removeprefix(_LEAVES)


def parse_entries_path(path: str) -> tuple[int, int]:
    """(index, width); FormatError for any other spelling."""
    if not path.startswith(_BUNDLES):
        raise FormatError("not the path of an entry bundle")
    _, index, width = parse_tile_path(_LEAVES + path.removeprefix(_BUNDLES))
    return index, width
