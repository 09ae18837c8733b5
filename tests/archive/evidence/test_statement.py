"""Statement, envelope, leaf and receipt: round trips of generated values, and strict doors."""

from contextlib import suppress
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.evidence import canonical, dsse, leaf, receipt, statement
from archive.evidence.errors import EvidenceError, FormatError, SignatureError
from archive.evidence.facts import FACTS
from archive.evidence.instant import parse_time, time_text
from archive.evidence.keys import SigningKey
from archive.evidence.statement import Part, Ref, Seen, Signoff, Statement
from tests.vectors.world import DISPOSAL, FILING, OWN, whole

KEY = SigningKey.from_seed(bytes(32))

hex32 = st.binary(min_size=16, max_size=16).map(bytes.hex)
hex64 = st.binary(min_size=32, max_size=32).map(bytes.hex)
words = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,63}", fullmatch=True)
counts = st.integers(1, 2**53 - 1)
times = st.datetimes(timezones=st.timezones()).map(
    lambda t: time_text(t) if 2 < t.year < 9998 else "2026-11-22T08:00:00.000000Z"
)
facts: st.SearchStrategy[tuple[str, dict[str, Any]]] = st.sampled_from(
    [
        ("opened", {}), ("filed", FILING), ("disposed", DISPOSAL), ("imported", {}),
        ("hold-placed", {"hold": "00" * 16}), ("key-revoked", {"key": "00" * 32, "reason": "lost"}),
    ]
)  # fmt: skip


@st.composite
def statements(draw: st.DrawFn) -> Statement:
    version = draw(counts)
    type_, said = draw(facts)
    roles = draw(st.lists(st.sampled_from(["content", "attachment"]), max_size=3))
    return Statement(
        origin=draw(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._/:-]{0,30}", fullmatch=True)),
        event=draw(hex32),
        record=draw(hex32),
        version=version,
        prev=None if version == 1 else draw(hex64),
        type=type_,
        kind=draw(words),
        kind_version=draw(counts),
        step=draw(st.none() | words),
        actor=draw(st.none() | hex32),
        behalf=draw(st.none() | hex32),
        key=draw(hex64),
        assurance=draw(st.sampled_from(sorted(statement.ASSURANCES))),
        occurred_at=draw(times),
        seen=draw(st.none() | st.builds(Seen, counts, hex64)),
        parts=tuple(
            Part(role, n, draw(hex32), draw(hex64), draw(hex64), draw(counts))
            for n, role in enumerate(roles)
        ),
        signoff=draw(
            st.none()
            | st.builds(Signoff, words, st.lists(hex64, min_size=1, max_size=3).map(tuple))
        ),
        refs=tuple(draw(st.lists(st.builds(Ref, words, hex32, st.none() | hex64), max_size=3))),
        facts=said,
    )


@given(statements())
def test_statement_round_trip(said: Statement) -> None:
    """Any statement within bounds reads back as itself, from canonical bytes."""
    data = statement.encode(said)
    assert statement.parse(data) == said
    assert canonical.encode(canonical.decode(data)) == data


@given(statements(), st.none() | st.just("KS-2026-00017"), times)
def test_envelope_and_leaf_round_trip(said: Statement, number: str | None, at: str) -> None:
    """Envelope and leaf carry the exact bytes, and are canonical JSON themselves."""
    envelope = dsse.sign(statement.encode(said), dsse.STATEMENT_TYPE, KEY)
    parsed = dsse.parse(envelope, dsse.STATEMENT_TYPE)
    dsse.verify(parsed, KEY.verify_key())
    data = leaf.encode(envelope, number, at)
    assert leaf.parse(data) == leaf.Leaf(envelope, number, at)
    for text in (envelope, data):
        assert canonical.encode(canonical.decode(text)) == text
    assert canonical.decode(data)["envelope"].encode() == envelope


@given(hex32, hex32, counts, st.integers(0, 2**53 - 1), hex64, times)
def test_receipt_round_trip(e: str, r: str, version: int, index: int, hash_: str, at: str) -> None:
    """A receipt verifies with the log's key and says what was issued."""
    said = receipt.Receipt(
        origin="a.example", event=e, record=r, version=version, index=index, leaf_hash=hash_,
        recorded_at=at, number=None,
    )  # fmt: skip
    raw = receipt.issue(said, KEY)
    assert receipt.verify(raw, KEY.verify_key()) == said
    payload = receipt.encode(said)
    assert canonical.encode(canonical.decode(payload)) == payload
    with pytest.raises(SignatureError):
        receipt.verify(raw, SigningKey.generate().verify_key())


def test_pae_example_of_the_specification() -> None:
    """The worked example of DSSE's protocol page."""
    assert dsse.pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_every_byte_of_an_envelope_counts() -> None:
    """No flipped byte of an envelope passes."""
    raw, key = whole().envelopes[4], OWN.verify_key()
    dsse.verify(dsse.parse(raw, dsse.STATEMENT_TYPE), key)
    for at in range(len(raw)):
        spoiled = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        with pytest.raises(EvidenceError):
            dsse.verify(dsse.parse(spoiled, dsse.STATEMENT_TYPE), key)


@pytest.mark.parametrize("type_", sorted(FACTS))
def test_facts_are_closed(type_: str) -> None:
    """No event type takes a fact that it does not have, and none may lack one."""
    said = whole()
    payload = dsse.parse(said.envelopes[3], dsse.STATEMENT_TYPE).payload
    members = canonical.decode_object(payload)
    members["type"] = type_
    for wrong in ({"note": "x"}, {} if FACTS[type_] else {"list": "00" * 32}):
        with pytest.raises(FormatError):
            statement.parse(canonical.encode({**members, "facts": wrong}))


@pytest.mark.parametrize("key", sorted({*FILING, *DISPOSAL}))
@pytest.mark.parametrize("bad", [None, 1, "", "x y", [], {}, ["x y"], "2026 02-30"])
def test_bad_facts(key: str, bad: Any) -> None:
    """A fact of a wrong type or spelling is refused; only scope may be null, only lists empty."""
    type_, good = ("filed", FILING) if key in FILING else ("disposed", DISPOSAL)
    if (bad is None and key == "scope") or (bad == [] and isinstance(good[key], list)):
        return
    payload = dsse.parse(whole().envelopes[3], dsse.STATEMENT_TYPE).payload
    members = canonical.decode_object(payload)
    with pytest.raises(FormatError):
        statement.parse(canonical.encode({**members, "type": type_, "facts": {**good, key: bad}}))


@given(
    st.integers(0, 5000), st.sampled_from([b'"', b"\\", b'\\"', b"\x00", b"\xff", b'","number":'])
)
def test_a_leaf_is_canonical_json_or_refused(at: int, extra: bytes) -> None:
    """Whatever is put into a leaf, what is taken is canonical JSON with that envelope."""
    data = whole().leaves[3]
    spoiled = data[: at % len(data)] + extra + data[at % len(data) :]
    with suppress(FormatError):
        taken = leaf.parse(spoiled)
        assert canonical.decode(spoiled)["envelope"].encode() == taken.envelope


def test_a_leaf_has_a_limit() -> None:
    """65,535 bytes fit, one more does not."""
    at = "2026-11-22T08:00:00.000000Z"
    rest = len(leaf.encode(b"", None, at))
    assert len(leaf.encode(b"x" * (leaf.MAX_LEAF - rest), None, at)) == leaf.MAX_LEAF
    with pytest.raises(FormatError):
        leaf.encode(b"x" * (leaf.MAX_LEAF - rest + 1), None, at)


@given(st.datetimes(timezones=st.timezones()).filter(lambda t: 2 < t.year < 9998))
def test_times(moment: Any) -> None:
    """A time's text reads back as the same instant."""
    assert parse_time(time_text(moment)) == moment.astimezone(UTC)


@given(st.binary())
def test_never_leaks(data: bytes) -> None:
    """Random bytes give our error at every door."""
    for parse in (
        statement.parse, leaf.parse, receipt.parse, receipt.read,
        lambda d: dsse.parse(d, dsse.STATEMENT_TYPE),
    ):  # fmt: skip
        with pytest.raises(EvidenceError):
            parse(data)


@given(statements(), st.data())
def test_the_short_way_takes_only_what_the_long_way_takes(
    said: Statement, data: st.DataObject
) -> None:
    """The expression reads a statement as the JSON parser does, also where a byte is changed."""
    payload = statement.encode(said)
    at = data.draw(st.integers(0, len(payload) - 1))
    some = data.draw(st.sampled_from([b'"', b"{", b"}", b",", b"0", b"a", b"]", b"\\", b"\n", b""]))
    for spelling in (payload, payload[:at] + some + payload[at + 1 :], payload + some):
        short = statement._read_quickly(spelling)  # noqa: SLF001 (the two ways are compared)
        if short is not None:
            assert short == statement.from_members(canonical.decode_object(spelling))


def test_the_short_way_is_gone_where_there_are_no_facts() -> None:
    """An ordinary event with content, an attachment, references and a sign-off goes it."""
    for envelope in whole().envelopes:
        payload = dsse.parse(envelope, dsse.STATEMENT_TYPE).payload
        taken = statement._read_quickly(payload)  # noqa: SLF001 (the same)
        assert (taken is None) == bool(statement.parse(payload).facts)
