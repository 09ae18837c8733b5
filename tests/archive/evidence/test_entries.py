"""Entry bundles: one spelling, and a foreign log's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.evidence import entries, merkle, tiles
from archive.evidence.errors import FormatError
from tests.archive.evidence.foreign import foreign

BUNDLES = st.lists(st.binary(max_size=300), min_size=1, max_size=256)


@given(BUNDLES)
def test_written_and_read(bundle: list[bytes]) -> None:
    """What was written is what is read, also entries without a byte."""
    assert entries.parse(entries.encode(bundle), len(bundle)) == bundle


@given(st.binary(max_size=60), st.integers(1, 8))
def test_read_and_written(data: bytes, width: int) -> None:
    """Bytes are refused with our own error, or are exactly what writing gives."""
    try:
        read = entries.parse(data, width)
    except FormatError:
        return
    assert entries.encode(read) == data
    assert len(read) == width


@pytest.mark.parametrize("width", range(1, 16))
def test_tessera_bundles(width: int) -> None:
    """A foreign log's bundles read, and hash to its tiles."""
    read = entries.parse(foreign(f"tessera/{entries.entries_path(0, width)}"), width)
    hashes = b"".join(map(merkle.leaf_hash, read))
    assert hashes == foreign(f"tessera/{tiles.tile_path(0, 0, width)}")


@pytest.mark.parametrize(
    ("data", "width"),
    [(b"", 1), (b"\0", 1), (b"\0\1", 1), (b"\0\0\0", 1), (b"\0\0\0\0", 1), (b"\0\0", 2),
     (b"\0\0", 0), (b"\0\0" * 257, 257), (b"\0\2a", 1)],
)  # fmt: skip
def test_other_bundles(data: bytes, width: int) -> None:
    """A bundle that is cut, or has more or fewer entries than its path says, is refused."""
    with pytest.raises(FormatError):
        entries.parse(data, width)


@pytest.mark.parametrize("bundle", [[], [b""] * 257, [bytes(65_536)]])
def test_what_is_no_bundle(bundle: list[bytes]) -> None:
    """No empty bundle is written, none of more than 256 entries, no entry over uint16."""
    with pytest.raises(FormatError):
        entries.encode(bundle)


def test_largest() -> None:
    """256 entries of 65,535 bytes are the largest bundle."""
    data = entries.encode([bytes(65_535)] * 256)
    assert len(data) == entries.MAX_BUNDLE
    assert len(entries.parse(data, 256)) == 256


@given(st.integers(0, 10**12), st.integers(1, 256))
def test_paths(index: int, width: int) -> None:
    """Each bundle has one path."""
    path = entries.entries_path(index, width)
    assert entries.parse_entries_path(path) == (index, width)
    assert path.startswith("tile/entries/")


@pytest.mark.parametrize(
    "path",
    ["tile/entries/1", "tile/0/000", "tile/entries/entries/000", "tile/entries/x000/001",
     "tile/entries/000.p/256", "tile/entries/000.p/0", "/tile/entries/000", "tile/entries/"],
)  # fmt: skip
def test_other_paths(path: str) -> None:
    """Any other spelling is refused."""
    with pytest.raises(FormatError):
        entries.parse_entries_path(path)
