"""Leaves read whole: leaf, envelope and statement, of one key, every value in bounds."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from archive.evidence import dsse, leaf, statement
from archive.evidence.errors import EvidenceError
from archive.evidence.keys import SigningKey
from archive.evidence.statement import Part, Statement
from archive.leaves import read_leaf

KEY = SigningKey.from_seed(bytes(range(32)))
AT = "2026-11-22T08:00:00.123456Z"
SAID = Statement(
    origin="archive.example/liuhen",
    event="1" * 32,
    record="2" * 32,
    version=2,
    prev="3" * 64,
    type="step-taken",
    kind="complaint",
    kind_version=1,
    step="triage",
    actor="4" * 32,
    key=KEY.key_id,
    assurance="session",
    occurred_at=AT,
    parts=(Part("content", 0, "c" * 32, "d" * 64, "e" * 64, 1024),),
)


def leaf_of(payload: bytes) -> bytes:
    return leaf.encode(dsse.sign(payload, dsse.STATEMENT_TYPE, KEY), "KS-2026-00001", AT)


def test_read() -> None:
    """What was written is read, the envelope as the very bytes that were signed."""
    parsed, envelope, said = read_leaf(leaf_of(statement.encode(SAID)))
    assert (parsed.number, parsed.recorded_at, said) == ("KS-2026-00001", AT, SAID)
    assert envelope.raw == parsed.envelope
    dsse.verify(envelope, KEY.verify_key())


MEMBERS: dict[str, list[Any]] = {
    "version": [0, -1, 2**53, 1.0, True, "2", None],
    "prev": [None, "x", "A" * 64],
    "type": ["filed", "nonsense", None],
    "occurred_at": ["2026-13-01T00:00:00.000000Z"],
    "kind": ["", "K", "k" * 65, "é"],
    "origin": ["", "a b", "a" * 129],
    "v": [2, 1.0, True],
    "actor": ["", "g" * 32],
    "key": ["0" * 64],  # in bounds, but not the envelope's
    "facts": [{"a": 1}, []],
    "extra": [1],
    "parts": [None, [{}], [{"n": 0}]],
    "refs": [None, [1]],
    "seen": [{}],
    "signoff": [{}],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in MEMBERS.items() for value in values]
)
def test_bad_member(name: str, value: Any) -> None:
    """A value out of bounds is refused in canonical bytes as well."""
    members = {**orjson.loads(statement.encode(SAID)), name: value}
    data = leaf_of(orjson.dumps(members, option=orjson.OPT_SORT_KEYS))
    with pytest.raises(EvidenceError):
        read_leaf(data)
