"""Elements of hostile bytes: found where they are, or refused by our own error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.evidence import der
from archive.evidence.der import Element, MalformedDer

contents = st.binary(max_size=300)


@given(st.lists(contents, max_size=4))
def test_what_is_written_is_read(parts: list[bytes]) -> None:
    """Lengths of every form come back, with each part's exact bytes."""
    inside = [der.write(der.OCTETS, each) for each in parts]
    found = der.read(der.write(der.SEQUENCE, *inside))
    assert [each.contents for each in found.parts()] == parts
    assert [each.whole for each in found.parts()] == inside


def test_a_length_of_three_bytes() -> None:
    """Beyond 65,535 bytes too."""
    long = bytes(70_000)
    written = der.write(der.SEQUENCE, long)
    assert written[:5] == b"\x30\x83\x01\x11\x70"
    assert der.read(written).contents == long


@given(st.binary(max_size=60))
def test_any_bytes(data: bytes) -> None:
    """Nothing but our own error, however deep one looks."""

    def walk(found: Element) -> None:
        for each in found.parts():
            if each.tag & 0x20:
                walk(each)

    try:
        walk(der.read(data))
    except MalformedDer:
        return
    assert data[0] == der.SEQUENCE


@pytest.mark.parametrize(
    "data",
    ["", "30", "3001", "3080", "3085000000000100", "30820001", "3000ff", "3100", "3f0100"],
)
def test_refused(data: str) -> None:
    """Cut off, of indefinite or too long a length, with more after it, or no sequence."""
    with pytest.raises(MalformedDer):
        der.read(bytes.fromhex(data))


def test_a_missing_part_is_said() -> None:
    """A path that is not there is refused rather than empty."""
    with pytest.raises(MalformedDer, match="missing"):
        der.read(der.write(der.SEQUENCE)).within(der.SET)
