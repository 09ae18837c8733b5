"""The quick reader against the strict parsers of `archive.evidence`, which are the definition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.evidence import dsse, leaf, receipt, statement
from archive.evidence.canonical import encode
from archive.evidence.errors import EvidenceError
from archive.evidence.keys import SigningKey
from archive.evidence.receipt import Receipt
from archive.evidence.statement import Part, Ref, Seen, Signoff, Statement
from archive.quick_read import read_leaf, read_receipt, receipt_envelope

KEY = SigningKey.from_seed(bytes(range(32)))
AT = "2026-11-22T08:00:00.123456Z"
CONTENT = Part("content", 0, "c" * 32, "d" * 64, "e" * 64, 1024)
FILE = Part("attachment", 1, "f" * 32, "1" * 64, "2" * 64, 256)


def said(**changes: Any) -> Statement:
    members: dict[str, Any] = {
        "origin": "archive.example/liuhen",
        "event": "1" * 32,
        "record": "2" * 32,
        "version": 2,
        "prev": "3" * 64,
        "type": "step-taken",
        "kind": "complaint",
        "kind_version": 1,
        "step": "triage",
        "actor": "4" * 32,
        "key": KEY.key_id,
        "assurance": "session",
        "occurred_at": AT,
        "parts": (CONTENT,),
    }
    return Statement(**{**members, **changes})


SAID = [
    said(),
    said(version=1, prev=None, type="opened", step=None, actor=None),
    said(behalf="5" * 32, kind_version=900, version=10**14),
    said(parts=(CONTENT, FILE)),
    said(parts=()),
    said(signoff=Signoff("approves", ("6" * 64,)), type="signed"),
    said(refs=(Ref("about", "7" * 32, None), Ref("about", "7" * 32, "8" * 64))),
    said(seen=Seen(5, "9" * 64), assurance="own-key"),
    said(type="key-revoked", facts={"key": "a" * 64, "reason": "rotated"}),
]


def leaf_of(payload: bytes, number: str | None = None) -> bytes:
    return leaf.encode(dsse.sign(payload, dsse.STATEMENT_TYPE, KEY), number, AT)


LEAVES = [leaf_of(statement.encode(each), number) for each in SAID for number in (None, "KS-1")]
RECEIPT = Receipt(
    origin="archive.example/liuhen",
    event="1" * 32,
    record="2" * 32,
    version=2,
    index=17,
    leaf_hash="3" * 64,
    recorded_at=AT,
    number="KS-2026-00001",
)
RECEIPTS = [receipt.issue(RECEIPT, KEY)]


def strict_leaf(data: bytes) -> Any:
    parsed = leaf.parse(data)
    envelope = dsse.parse(parsed.envelope, dsse.STATEMENT_TYPE)
    spoken = statement.parse(envelope.payload)
    if spoken.key != envelope.keyid:
        raise EvidenceError("other key")
    return parsed, envelope, spoken


def verdict(read: Callable[[bytes], Any], data: bytes) -> Any:
    try:
        return read(data)
    except EvidenceError:
        return None


@pytest.mark.parametrize("data", LEAVES)
def test_same_leaf(data: bytes) -> None:
    """What is canonical reads the same."""
    assert read_leaf(data) == strict_leaf(data)


@given(st.sampled_from(LEAVES), st.data())
def test_same_verdict_on_changed_leaves(data: bytes, drawn: st.DataObject) -> None:
    """Any changed, cut or added bytes get the strict parsers' verdict."""
    changed = change(data, drawn)
    assert verdict(read_leaf, changed) == verdict(strict_leaf, changed)


@given(st.sampled_from(SAID), st.data())
def test_same_verdict_on_changed_statements(spoken: Statement, drawn: st.DataObject) -> None:
    """The same where only the signed statement is changed, and everything around it fits."""
    changed = leaf_of(change(statement.encode(spoken), drawn))
    assert verdict(read_leaf, changed) == verdict(strict_leaf, changed)


@given(st.sampled_from(RECEIPTS), st.data())
def test_same_verdict_on_changed_receipts(data: bytes, drawn: st.DataObject) -> None:
    """Receipts too; and a changed one never passes for the one expected."""
    changed = change(data, drawn)
    strict = verdict(receipt.read, changed)
    assert verdict(read_receipt, changed) == strict
    expected = strict[0] if strict is not None and strict[1] == RECEIPT else None
    assert verdict(lambda raw: receipt_envelope(raw, RECEIPT), changed) == expected


def change(data: bytes, drawn: st.DataObject) -> bytes:
    start = drawn.draw(st.integers(0, len(data)))
    stop = drawn.draw(st.integers(start, min(len(data), start + 3)))
    put = drawn.draw(st.sampled_from([b"", b"0", b"a", b'"', b"\\", b"1.0", b" ", b"\n", b"null"]))
    return data[:start] + put + data[stop:]


MEMBERS: dict[str, list[Any]] = {
    "version": [0, -1, 2**53, 1.0, True, "2", None],
    "prev": [None, "x", "A" * 64],
}
MEMBERS |= {"type": ["filed", "nonsense", None], "occurred_at": ["2026-13-01T00:00:00.000000Z"]}
MEMBERS |= {"kind": ["", "K", "k" * 65, "é"], "origin": ["", "a b", "a" * 129], "v": [2, 1.0, True]}
MEMBERS |= {"actor": ["", "g" * 32], "key": ["0" * 64], "facts": [{"a": 1}, []], "extra": [1]}
MEMBERS |= {"parts": [None, [{}], [{"n": 0}]], "refs": [None, [1]], "seen": [{}], "signoff": [{}]}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in MEMBERS.items() for value in values]
)
def test_bad_member(name: str, value: Any) -> None:
    """A value out of bounds is refused in canonical bytes as well."""
    members = orjson.loads(statement.encode(said()))
    payload = orjson.dumps({**members, name: value}, option=orjson.OPT_SORT_KEYS)
    data = leaf_of(payload)
    assert verdict(strict_leaf, data) is None
    assert verdict(read_leaf, data) is None
    assert encode(members) == statement.encode(said())
