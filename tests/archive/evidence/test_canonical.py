"""Canonical JSON against RFC 8785's own vectors, and one strict reader."""

import json
from contextlib import suppress
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from archive.evidence.canonical import decode, decode_object, encode
from archive.evidence.errors import EvidenceError, FormatError
from tests.archive.evidence.foreign import foreign

_leaf = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text()
_keys = st.text(st.characters(max_codepoint=127))
values = st.recursive(
    _leaf, lambda inner: st.lists(inner) | st.dictionaries(_keys, inner), max_leaves=20
)


@given(values)
def test_round_trip_and_foreign_encoder(value: Any) -> None:
    """What is encoded reads back, and equals what another RFC 8785 library writes."""
    data = encode(value)
    assert decode(data) == value
    assert data == rfc8785.dumps(value)


@pytest.mark.parametrize("name", ["arrays", "french", "structures", "unicode", "values", "weird"])
def test_published_vectors(name: str) -> None:
    """Within the restriction we give the RFC's bytes; outside of it we refuse."""
    value = json.loads(foreign(f"jcs/input/{name}.json"))
    wanted = bytes.fromhex(foreign(f"jcs/outhex/{name}.txt").decode())
    if _allowed(value):
        assert encode(value) == wanted
    else:
        with pytest.raises(FormatError):
            encode(value)
    if _allowed(json.loads(wanted)):  # 56.0 is written 56, and that we read
        assert decode(wanted) == value
    else:
        with pytest.raises(FormatError):
            decode(wanted)


def _allowed(value: Any) -> bool:
    if isinstance(value, dict):
        return all(key.isascii() and _allowed(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(_allowed, value))
    return not isinstance(value, float)


@pytest.mark.parametrize(
    "data",
    [
        b"", b" 1", b"1 ", b"1\n", b'{"a":1,"a":1}', b'{"b":1,"a":1}', b'{"a": 1}', b"-0", b"01",
        b"1.0", b"1e3", b"NaN", b"Infinity", b'"\\u0041"', b'"\\/"', b'"\\ud800"', b"\xef\xbb\xbf1",
        b'"\xff"', b"9007199254740992", b"-9007199254740992",
        b'{"a":9007199254740992}', b"[9007199254740992]", b"[1,-9007199254740992]",
        '{"é":1}'.encode(),
        b"[" * 65 + b"]" * 65,
        b"[" * 100_000, b"1" * 5000, b'"\x01"', b'"\\u001F"', b"{'a':1}", b"nul", b'{"a":1}{}',
    ],
)  # fmt: skip
def test_refuses(data: bytes) -> None:
    """Any other spelling, and any value out of bounds, is refused with our own error."""
    with pytest.raises(FormatError):
        decode(data)


@pytest.mark.parametrize("value", [1.5, float("nan"), {1: 2}, b"x", "\ud800", {"é": 1}, 2**53, {1}])
def test_refuses_to_write(value: Any) -> None:
    """What has no canonical form is not written."""
    with pytest.raises(FormatError):
        encode(value)


def test_limits_are_allowed() -> None:
    """The largest integer and the deepest nesting pass."""
    for data in (b"9007199254740991", b"-9007199254740991", b"[" * 64 + b"]" * 64):
        assert encode(decode(data)) == data


@given(st.binary())
def test_never_leaks(data: bytes) -> None:
    """Random bytes give a value or our error."""
    with suppress(EvidenceError):
        assert encode(decode_object(data)) == data
