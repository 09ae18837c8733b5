"""Heads, and what is said of a bundle: written, read back, and refused when odd."""

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.evidence import dsse, heads
from archive.evidence.canonical import encode
from archive.evidence.errors import EvidenceError, FormatError
from archive.evidence.heads import About, Heads
from tests.vectors.world import ABOUT, LOG, ORIGIN

HEX32, HEX64 = "0123456789abcdef" * 2, "0123456789abcdef" * 4
SAID = Heads(about=ABOUT, origin=ORIGIN, root=HEX64, size=11, records={HEX32: (3, HEX64)})
ids = st.binary(min_size=16, max_size=16).map(bytes.hex)
hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)
counts = st.integers(1, 2**53 - 1)


@given(st.dictionaries(ids, st.tuples(counts, hashes)), counts, hashes)
def test_read_as_written(records: dict[str, tuple[int, str]], size: int, root: str) -> None:
    """Whatever they are of, their signed envelope gives them back."""
    said = dataclasses.replace(SAID, records=records, size=size, root=root)
    envelope, read = heads.read(heads.issue(said, LOG))
    assert read == said
    dsse.verify(envelope, LOG.verify_key())


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2}, {"v": True}, {"size": 0}, {"size": -1}, {"size": "1"}, {"root": HEX32},
        {"origin": "an origin"}, {"records": {}}, {"records": [{}]}, {"records": None},
        {"records": [{"head": HEX64, "record": HEX32, "version": 0}]},
        {"records": [{"head": HEX64, "record": HEX32, "version": 1}] * 2},
        {"about": {}}, {"about": None}, {"more": 1},
    ],
    ids=str,
)  # fmt: skip
def test_odd_ones_are_refused(change: dict[str, Any]) -> None:
    """One field out of bounds, and it is no such payload."""
    value = json.loads(dsse.parse(heads.issue(SAID, LOG), dsse.HEADS_TYPE).payload)
    with pytest.raises(EvidenceError):
        heads.parse(encode({**value, **change}))


@pytest.mark.parametrize("key", ["v", "size", "root", "origin", "records", "about"])
def test_each_key_is_there(key: str) -> None:
    """None of them may be left out."""
    value = json.loads(dsse.parse(heads.issue(SAID, LOG), dsse.HEADS_TYPE).payload)
    del value[key]
    with pytest.raises(FormatError):
        heads.parse(encode(value))


@pytest.mark.parametrize(
    "asked", ["", "x" * 4097, "一" * 1366, "a\nb", "a\u2028", "a\u202eb", "\x7f"]
)
def test_questions_that_are_none(asked: str) -> None:
    """Empty, too long, or not one plain line."""
    with pytest.raises(FormatError):
        About(as_of=ABOUT.as_of, variety="query", asked=asked).check()


@given(st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1, max_size=1000))
def test_questions(asked: str) -> None:
    """Any line of people's writing."""
    about = About(as_of=ABOUT.as_of, variety="query", asked=asked)
    assert About.parse(dataclasses.asdict(about)) == about


def test_what_a_strict_writer_does_not_write() -> None:
    """The writer refuses what the reader would."""
    with pytest.raises(FormatError):
        heads.issue(dataclasses.replace(SAID, records={"x": (1, HEX64)}), LOG)
