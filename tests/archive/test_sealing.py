"""An event, sealed and read back, is the same event; what is kept for ever says nothing of it."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive import sealing
from archive.evidence import content, dsse, leaf, statement
from archive.evidence.errors import ContentError
from archive.evidence.keys import SigningKey
from archive.sealing import AttachedPart, Author
from archive.store import Sealed, StoredContent, StoredEvent
from domain.events import (
    EVENT_TYPES,
    AnyEvent,
    Attachment,
    Filed,
    Opened,
    Ref,
    Refused,
    Signed,
    StepTaken,
)
from tests.archive.acting import Acting
from tests.worlds import World

ORIGIN = "test.example/log"
AUTHOR = Author(ORIGIN, SigningKey.from_seed(b"\x07" * 32))
RECORD_KEY = b"\x09" * 32
AT = datetime(2026, 11, 22, 8, tzinfo=UTC)

words = st.from_regex(r"[a-z][a-z0-9]{0,9}(-[a-z0-9]{1,9}){0,2}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
hex_ids = st.binary(min_size=16, max_size=16).map(bytes.hex)
digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
moments = st.datetimes(
    AT.replace(year=2000, tzinfo=None),
    AT.replace(year=2099, tzinfo=None),
    timezones=st.just(UTC),
)
answers = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
values = st.dictionaries(words, answers, max_size=4)
ids = st.lists(hex_ids, max_size=3).map(tuple)
FIELDS: Mapping[str, st.SearchStrategy[Any]] = {
    "values": values,
    "provenance": st.none() | values,
    "department": st.none() | hex_ids,
    "recipients": ids,
    "signers": st.dictionaries(words, ids, max_size=3),
    "item": st.none() | words,
    "signer": hex_ids,
    "edition": st.integers(0, 10_000),
    "attributes": st.lists(st.tuples(texts, texts), max_size=4).map(tuple),
    "locations": st.lists(texts, max_size=3).map(tuple),
    "covers": st.lists(digests, min_size=1, max_size=3, unique=True).map(tuple),
    "meaning": st.sampled_from(["wrote", "agrees", "approves", "verified", "witnessed"]),
    "base_date": st.dates().map(str),
    "zone": st.just("Asia/Shanghai"),
    "tzdata": st.just("2025b"),
    "scope": st.booleans(),
    "marks": st.sampled_from([(), ("approval",), ("approval", "tooling")]),
    "copies": st.integers(0, 3).map(lambda n: tuple(f"paper-{i}" for i in range(1, n + 1))),
}
COARSE = {"slot", "reason", "withdrawn"}
"""Fields that the statement carries as its step, where they are no content."""
HEADER = {f.name for f in fields(StepTaken)} - {"values", "item", "recipients", "signers"}


@st.composite
def events(draw: st.DrawFn, kind: type[AnyEvent]) -> AnyEvent:
    """Any event of a class that `decide` could lead to."""
    step = draw(words)
    given: dict[str, Any] = {
        "event_id": secrets.token_hex(16),
        "record_id": secrets.token_hex(16),
        "version": 1 if kind is Opened else draw(st.integers(2, 1000)),
        "kind": draw(words),
        "kind_version": draw(st.integers(1, 9)),
        "step": step,
        "actor": draw(st.none() | hex_ids),
        "behalf": draw(st.none() | hex_ids),
        "assurance": draw(st.sampled_from(["session", "api-key", "system"])),
        "occurred_at": draw(moments),
        "source": draw(st.none() | texts),
        "source_id": draw(st.none() | texts),
        "sent_at": draw(st.none() | moments),
        "refs": draw(refs),
    }
    for each in fields(kind):
        if each.name in HEADER:
            continue
        if each.name == "withdrawn":
            given["withdrawn"] = draw(st.booleans())
            given["step"] = "withdrawn" if given["withdrawn"] else step
        elif each.name in COARSE and each.name not in kind.CONTENT:
            given[each.name] = step
        else:
            given[each.name] = draw(FIELDS.get(each.name, texts))
    return kind(**given)


refs = st.lists(
    st.builds(Ref, words, hex_ids, st.none() | digests), max_size=2, unique_by=lambda r: r.record
).map(tuple)


def sealed(event: AnyEvent, **given: Any) -> Sealed:
    previous = None if event.version == 1 else "ab" * 32
    return sealing.seal(event, author=AUTHOR, previous=previous, record_key=RECORD_KEY, **given)


def stored(one: Sealed) -> tuple[StoredEvent, list[StoredContent]]:
    """As a store gives it back."""
    data = leaf.encode(one.envelope, None, "2026-11-22T08:00:00.000000Z")
    row = StoredEvent(5, one.record_id, one.version, one.topic, one.event_id, data, b"", AT, None)
    rows = [
        StoredContent(5, one.record_id, one.event_id, c.n, c.key_id, c.wrapped, c.ciphertext)
        for c in one.content
    ]
    return row, rows


def said(one: Sealed) -> statement.Statement:
    return statement.parse(dsse.parse(one.envelope, dsse.STATEMENT_TYPE).payload)


EVERY = pytest.mark.parametrize("kind", EVENT_TYPES.values(), ids=list(EVENT_TYPES))


@EVERY
@given(data=st.data())
def test_an_event_comes_back_as_it_was(kind: type[AnyEvent], data: st.DataObject) -> None:
    """Sealed and opened, every field of every class of event has the same value and type."""
    event = data.draw(events(kind))
    one = sealed(event)
    row, rows = stored(one)
    recorded = sealing.unseal(row, rows, RECORD_KEY)
    assert recorded.event == event
    assert (recorded.recorded_at, recorded.leaf_index) == (AT, 5)
    assert recorded.digest == sealing.digest(one) == dsse.envelope_hash(one.envelope)
    dsse.verify(dsse.parse(one.envelope, dsse.STATEMENT_TYPE), AUTHOR.key.verify_key())


@EVERY
@given(data=st.data())
def test_without_content_the_skeleton_is_left(kind: type[AnyEvent], data: st.DataObject) -> None:
    """Key or rows gone: the header and the coarse words stay, content is empty, and it says so."""
    event = data.draw(events(kind))
    row, rows = stored(sealed(event))
    bare = [replace(c, ciphertext=None) for c in rows]
    skeletons = [
        sealing.unseal(row, rows, None).event,
        sealing.unseal(row, [], RECORD_KEY).event,
        sealing.unseal(row, bare, RECORD_KEY).event,
    ]
    kept = {f.name for f in fields(kind)} - set(kind.CONTENT)
    gone = {"source", "source_id", "sent_at", "attachments", "readable"}
    for skeleton in skeletons:
        assert not skeleton.readable
        for name in kept - gone:
            assert getattr(skeleton, name) == getattr(event, name)
        for name in (*kind.CONTENT, "source", "source_id", "sent_at", "attachments"):
            assert not getattr(skeleton, name)


TOLD: dict[str, Any] = {
    "values": {"what": "龘何工QX41", "rows": [{"name": "鼋行QX42"}], "amount": "龘500.00"},
    "provenance": {"file": "鼍来源QX43"},
    "department": "d4e5f6a7" * 4,
    "recipients": ("a7b6c5d4" * 4,),
    "signers": {"heads": ("b1c2d3e4" * 4,)},
    "item": "milestones-99887766",
    "signer": "c9d8e7f6" * 4,
    "edition": 998877665544,
    "attributes": (("龘属性QX44", "鼋值QX45"),),
    "locations": ("龘A区QX46",),
    **{
        name: f"鼍{name}QX47"
        for name in (
            "reason", "printed_name", "printed_role", "note",
            "activity", "status", "person", "unit",
        )
    },
}  # fmt: skip
"""A value for each field of content, of which nothing occurs anywhere else."""


@EVERY
def test_nothing_of_the_content_is_in_what_is_kept(kind: type[AnyEvent]) -> None:
    """No text of the content, in any spelling, stands in leaf, statement or topic."""
    event = full(kind)
    one = sealed(event, attached=[file_part()])
    row, rows = stored(one)
    payload = dsse.parse(one.envelope, dsse.STATEMENT_TYPE).payload
    kept = b"\n".join((row.leaf, payload, one.topic.encode(), *(r.wrapped for r in rows)))
    told = sealing.content_bytes(event)
    strings = {text for name in kind.CONTENT for text in texts_in(TOLD[name])}
    for text in strings | {"源系统QX48", "源QX-4711", "照片QX49.png", "image/qx50", "987654321"}:
        assert text.encode() in told  # the search would see it
        assert not any(spelling in kept for spelling in spellings(text))
    assert sealing.unseal(row, rows, RECORD_KEY).event == event


def full(kind: type[AnyEvent]) -> Any:
    """An event of the class with something in every field of its content, and a file."""
    given: dict[str, Any] = {f.name: TOLD[f.name] for f in fields(kind) if f.name in kind.CONTENT}
    bare: dict[str, Any] = {
        "slot": "heads",
        "meaning": "agrees",
        "covers": ("ab" * 32,),
        "reason": "heads",
    }
    bare |= {"base_date": "2026-11-22", "zone": "Asia/Shanghai", "tzdata": "2025b", "scope": True}
    names = {f.name for f in fields(kind)} - set(kind.CONTENT)
    return kind(
        event_id=secrets.token_hex(16),
        record_id=secrets.token_hex(16),
        version=1 if kind is Opened else 7,
        kind="complaint",
        kind_version=1,
        step="heads",
        actor=None,
        assurance="session",
        occurred_at=AT,
        source="源系统QX48",
        source_id="源QX-4711",
        attachments=(Attachment(FILE, "照片QX49.png", "image/qx50", 987654321),),
        **{name: value for name, value in bare.items() if name in names},
        **given,
    )


FILE = "fe" * 16


def file_part() -> AttachedPart:
    part = statement.Part("attachment", 1, FILE, "11" * 32, "22" * 32, 1024)
    return AttachedPart(part, b"\x05" * 32)


def texts_in(value: Any) -> set[str]:
    """The texts of a value, those of its keys apart that are field ids of a form."""
    if isinstance(value, Mapping):
        return {text for each in value.values() for text in texts_in(each)}
    if isinstance(value, tuple | list):
        return {text for each in value for text in texts_in(each)}
    return {str(value)}


def spellings(text: str) -> set[bytes]:
    """UTF-8, UTF-16, \\u escapes, hex and base64 at each offset."""
    raw = text.encode()
    found = {raw, text.encode("utf-16-le"), json.dumps(text)[1:-1].encode(), raw.hex().encode()}
    for offset in range(3):
        coded = base64.b64encode(b"\0" * offset + raw)
        found.add(coded[4 if offset else 0 : -4])
    return {each for each in found if len(each) >= 6}


# ---------------------------------------------------------------- what does not fit


def test_another_key_does_not_open_it() -> None:
    """The key of another record is refused, never a skeleton in place of an answer."""
    row, rows = stored(sealed(full(StepTaken), attached=[file_part()]))
    with pytest.raises(ContentError):
        sealing.unseal(row, rows, b"\x08" * 32)


def test_another_row_does_not_open_it() -> None:
    """Content of another event, or of another record under the same key, is refused."""
    row, rows = stored(sealed(full(StepTaken), attached=[file_part()]))
    for kind in (StepTaken, Opened):
        _, foreign = stored(sealed(full(kind), attached=[file_part()]))
        with pytest.raises(ContentError):
            sealing.unseal(row, foreign, RECORD_KEY)
        mixed = replace(rows[0], ciphertext=foreign[0].ciphertext)
        with pytest.raises(ContentError):
            sealing.unseal(row, [mixed], RECORD_KEY)


@given(at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_changed_bit_does_not_open(at: int, bit: int) -> None:
    """Of the ciphertext or of the wrapped key, wherever it is."""
    row, rows = ONE
    cipher = rows[0].ciphertext or b""
    changed = replace(rows[0], ciphertext=flipped(cipher, at, bit))
    with pytest.raises(ContentError):
        sealing.unseal(row, [changed], RECORD_KEY)
    changed = replace(rows[0], wrapped=flipped(rows[0].wrapped, at, bit))
    with pytest.raises(ContentError):
        sealing.unseal(row, [changed], RECORD_KEY)


def flipped(data: bytes, at: int, bit: int) -> bytes:
    changed = bytearray(data)
    changed[at % len(data)] ^= 1 << bit
    return bytes(changed)


def test_a_signed_part_is_not_exchanged_for_another() -> None:
    """Another text under the right key does not fit the commitment that was signed."""
    event = full(StepTaken)
    row, rows = stored(sealed(event, attached=[file_part()]))
    other = replace(event, values={"what": "不同"})
    key = content.unwrap(RECORD_KEY, rows[0].wrapped, rows[0].key_id)
    forged = content.seal(
        sealing.content_bytes(other),
        record=event.record_id,
        event=event.event_id,
        n=0,
        key=key,
        key_id=rows[0].key_id,
    )
    with pytest.raises(ContentError):
        sealing.unseal(row, [replace(rows[0], ciphertext=forged.ciphertext)], RECORD_KEY)


def test_an_event_of_no_known_type_is_refused() -> None:
    """An entry of the key register, for one, is no event of a record."""
    one = sealed(full(StepTaken), attached=[file_part()])
    told = replace(said(one), type="noted", parts=())
    envelope = dsse.sign(statement.encode(told), dsse.STATEMENT_TYPE, AUTHOR.key)
    row, _ = stored(replace(one, envelope=envelope))
    with pytest.raises(ContentError, match="noted"):
        sealing.unseal(row, [], RECORD_KEY)


# ---------------------------------------------------------------- what the statement says


@EVERY
def test_a_topic_is_two_coarse_words(kind: type[AnyEvent]) -> None:
    """Kind and type of the event; those of the archive's own records begin with a tilde."""
    event = full(kind)
    assert sealing.topic(event, internal=False) == f"complaint/{kind.TOPIC}"
    assert sealing.topic(event, internal=True) == f"~complaint/{kind.TOPIC}"


def test_the_facts_of_filing_stay_readable() -> None:
    """From when retention counts, and what paper there is, stands in the statement itself."""
    event = replace(full(Filed), marks=("approval",), copies=("paper-1", "paper-2"))
    assert said(sealed(event, attached=[file_part()])).facts == {
        "base_date": "2026-11-22",
        "zone": "Asia/Shanghai",
        "tzdata": "2025b",
        "scope": "archive-scope",
        "marks": ["approval"],
        "copies": [
            {"n": 1, "medium": "paper", "base_date": "2026-11-22"},
            {"n": 2, "medium": "paper", "base_date": "2026-11-22"},
        ],
    }
    outside = said(sealed(replace(event, scope=False), attached=[file_part()]))
    assert outside.facts["scope"] is None


def test_a_signature_says_what_it_means_and_covers() -> None:
    """Of a signature the meaning, of a refusal that it refuses; of others nothing."""
    told = {
        kind: said(sealed(full(kind), attached=[file_part()])).signoff
        for kind in EVENT_TYPES.values()
    }
    assert told.pop(Signed) == statement.Signoff("agrees", ("ab" * 32,))
    assert told.pop(Refused) == statement.Signoff("refuses", ("ab" * 32,))
    assert set(told.values()) == {None}


def test_a_statement_names_its_record_and_the_event_before() -> None:
    """Origin, ids, version, chain, key and claimed time are those of the event."""
    event = full(StepTaken)
    told = said(sealed(event, attached=[file_part()]))
    assert (told.origin, told.event, told.record) == (ORIGIN, event.event_id, event.record_id)
    assert (told.version, told.prev, told.key) == (7, "ab" * 32, AUTHOR.key.key_id)
    assert told.occurred_at == "2026-11-22T08:00:00.000000Z"
    assert [(p.role, p.n) for p in told.parts] == [("content", 0), ("attachment", 1)]


def test_short_answers_look_alike() -> None:
    """The length in the statement is a bucket: of two short answers it does not tell which."""
    event = full(StepTaken)
    lengths = {
        said(sealed(replace(event, values={"answer": answer}, attachments=()))).parts[0].length
        for answer in ("满意", "不满意", "非常不满意")
    }
    assert len(lengths) == 1


def test_sealing_twice_shows_nothing_of_sameness() -> None:
    """The same content has another key, commitment and ciphertext each time."""
    event = full(StepTaken)
    one, two = (said(sealed(event, attached=[file_part()])).parts[0] for _ in range(2))
    assert one.key != two.key
    assert one.commitment != two.commitment
    assert one.ciphertext != two.ciphertext


def test_a_committed_event_comes_back_from_the_store(world: World) -> None:
    """Sealed, committed and read by leaf and rows, each event is the one that was decided."""
    acting = Acting(world.archive)
    command = acting.step(acting.complaint().id, "prioritise", reason="来电", priority="urgent")
    foreseen = world.archive.ledger.prepare(command).decision.event
    acting.do(command)
    row = world.archive.store.record(command.record_id)[-1]
    rows = world.archive.store.content(command.event_id)
    key = world.archive.keys.get(command.record_id)
    assert sealing.unseal(row, rows, key).event == foreseen
    assert row.topic == "complaint/step-taken"


ONE = stored(sealed(full(StepTaken), attached=[file_part()]))
