"""Attachments: segments, ranges, and the ways to swap or cut them."""

import os
import tracemalloc

import pytest

from archive.evidence import attachment
from archive.evidence.attachment import SEGMENT, Sealer, check_ciphertext, read_range, salt_of
from archive.evidence.errors import ContentError
from archive.evidence.statement import Part

KEY, NAME = bytes(range(32)), "dd" * 16
SIZES = [0, 1, 255, 256, 257, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT, 2 * SEGMENT + 300]


def sealed(data: bytes, chunk: int = 100_000) -> tuple[list[bytes], Part]:
    sealer = Sealer(KEY, NAME)
    segments: list[bytes] = []
    for start in range(0, len(data), chunk):
        segments += sealer.feed(data[start : start + chunk])
    segments.append(sealer.finish())
    assert sealer.size == len(data)
    return segments, sealer.part(0)


@pytest.mark.parametrize("size", SIZES)
def test_round_trip(size: int) -> None:
    """Whole and in ranges, what was fed comes back, and the plain file matches the commitment."""
    data = os.urandom(size)
    segments, part = sealed(data)
    assert sum(map(len, segments)) == part.length + 16 * len(segments)
    assert len(segments) == attachment.segment_count(size)
    check_ciphertext(part, KEY, segments, size)
    chunks = [data[i : i + 70_001] for i in range(0, size, 70_001)]
    assert attachment.check_opening(part, salt_of(KEY), chunks) == size
    stream = b"".join(segments)

    def read(index: int) -> bytes:
        start = attachment.segment_offset(index)
        return stream[start : start + SEGMENT + 16]

    for start, stop in [(0, size), (size // 2, size), (size // 3, size // 2), (size, size)]:
        assert b"".join(read_range(read, KEY, NAME, size, start, stop)) == data[start:stop]
    with pytest.raises(ContentError):
        list(read_range(read, KEY, NAME, size, 0, size + 1))


def test_cut_swapped_or_foreign_segments() -> None:
    """A missing, doubled or exchanged segment, another key or another id does not open."""
    data = os.urandom(2 * SEGMENT + 9)
    (a, b, c), part = sealed(data)
    for segments in ([a, b], [b, a, c], [a, a, c], [a, b, c, c], [a, c], [c], []):
        with pytest.raises(ContentError):
            check_ciphertext(part, KEY, segments, len(data))
    with pytest.raises(ContentError):
        check_ciphertext(part, bytes(32), [a, b, c], len(data))
    other = Part("attachment", 0, "ee" * 16, part.commitment, part.ciphertext, part.length)
    with pytest.raises(ContentError):
        check_ciphertext(other, KEY, [a, b, c], len(data))


@pytest.mark.parametrize("other", [b"abc", b"abc\0\0", b"", b"abd\0"])
def test_the_true_length_is_committed(other: bytes) -> None:
    """Zeros at the end cannot come or go although the padding is zeros."""
    _, part = sealed(b"abc\0")
    with pytest.raises(ContentError):
        attachment.check_opening(part, salt_of(KEY), [other])


def test_memory_is_flat() -> None:
    """Sealing forty segments holds a few at a time."""
    tracemalloc.start()
    sealer = Sealer(KEY, NAME)
    for _ in range(40):
        for _segment in sealer.feed(bytes(SEGMENT)):
            pass
    sealer.finish()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * SEGMENT
