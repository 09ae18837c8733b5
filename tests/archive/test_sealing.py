"""An event, spelled as the format says, whichever way it is spelled."""

from __future__ import annotations

import string
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive import sealing
from archive.evidence import content, dsse, statement
from archive.evidence.errors import FormatError
from archive.evidence.keys import SigningKey
from archive.sealing import Author
from domain.events import Acknowledged, AnyEvent, Disposed, Opened, Ref, RuleRef, StepTaken

AUTHOR = Author("archive.example/log", SigningKey.from_seed(b"s" * 32))
KEY = b"k" * 32
ids = st.text("0123456789abcdef", min_size=32, max_size=32)
words = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=12)
times = st.integers(0, 4 * 10**15).map(lambda us: datetime.fromtimestamp(us / 10**6, UTC))


def headers(version: int) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "event_id": ids,
            "record_id": ids,
            "version": st.just(version),
            "kind": words,
            "kind_version": st.integers(1, 99),
            "step": st.none() | words,
            "actor": st.none() | ids,
            "behalf": st.none() | ids,
            "assurance": st.sampled_from(["session", "api-key", "own-key", "passkey", "system"]),
            "occurred_at": times,
            "refs": st.just(()) | st.builds(Ref, words, ids).map(lambda ref: (ref,)),
        }
    )


hashes = st.text("0123456789abcdef", min_size=64, max_size=64)
tombstones: st.SearchStrategy[AnyEvent] = st.builds(
    lambda said, ref, **facts: Disposed(**{**said, "refs": ref}, **facts),
    headers(3),
    st.just(()) | st.builds(Ref, words, ids, hashes).map(lambda ref: (ref,)),
    list=hashes,
    rule=st.builds(RuleRef, words, st.integers(1, 2**53 - 1), hashes),
    last_day=st.dates().map(str),
    approvals=st.lists(hashes, max_size=3).map(tuple),
)
events: st.SearchStrategy[AnyEvent] = (
    headers(1).map(lambda said: Opened(**said))
    | headers(7).map(lambda said: StepTaken(**said))
    | headers(2).map(lambda said: Acknowledged(**said, edition=1))
    | tombstones
)


def payload_of(event: AnyEvent, previous: str | None) -> bytes:
    sealed = sealing.seal(event, author=AUTHOR, previous=previous, record_key=KEY)
    return dsse.parse(sealed.envelope, dsse.STATEMENT_TYPE).payload


@given(events)
def test_an_event_is_spelled_as_the_strict_writer_spells_it(event: AnyEvent) -> None:
    """What is signed is the canonical statement of the event, and reads back as the same."""
    previous = None if event.version == 1 else "ab" * 32
    payload = payload_of(event, previous)
    said = statement.parse(payload)
    assert said == sealing.state(event, AUTHOR, previous, said.parts)
    assert statement.encode(said) == payload


@pytest.mark.parametrize(
    "odd",
    [
        {"kind": 'complaint","step":"x'},
        {"event_id": "A" * 32},
        {"actor": "li"},
        {"step": ""},
        {"kind_version": 0},
        {"assurance": "trust me"},
    ],
    ids=str,
)
def test_a_field_out_of_bounds_is_never_signed(odd: dict[str, Any]) -> None:
    """Words that the format does not know are refused, not spelled."""
    said = {
        "event_id": "0" * 32,
        "record_id": "1" * 32,
        "version": 1,
        "kind": "complaint",
        "kind_version": 1,
        "step": "receive",
        "actor": None,
        "assurance": "session",
        "occurred_at": datetime(2026, 11, 22, tzinfo=UTC),
    }
    with pytest.raises(FormatError):
        payload_of(Opened(**{**said, **odd}), None)


@pytest.mark.parametrize(
    "odd",
    [
        {"list": "A" * 64},
        {"rule": RuleRef("RR 01", 1, "a" * 64)},
        {"rule": RuleRef("RR-01", 0, "a" * 64)},
        {"last_day": "2026-02-30"},
        {"approvals": ("a" * 63,)},
        {"refs": (Ref("disposal", "1" * 32, "b"),)},
        {"refs": (Ref('x","y":"', "1" * 32, "b" * 64),)},
    ],
    ids=str,
)
def test_a_tombstone_out_of_bounds_is_never_signed(odd: dict[str, Any]) -> None:
    """Facts that the format does not know are refused, not spelled."""
    said: dict[str, Any] = {
        "event_id": "0" * 32,
        "record_id": "1" * 32,
        "version": 3,
        "kind": "complaint",
        "kind_version": 1,
        "actor": None,
        "assurance": "system",
        "occurred_at": datetime(2026, 11, 22, tzinfo=UTC),
        "refs": (Ref("disposal", "2" * 32, "b" * 64),),
        "list": "a" * 64,
        "rule": RuleRef("RR-01", 1, "a" * 64),
        "last_day": "2026-02-28",
        "approvals": ("c" * 64, "d" * 64),
    }
    assert payload_of(Disposed(**said), "ab" * 32)
    with pytest.raises(FormatError):
        payload_of(Disposed(**{**said, **odd}), "ab" * 32)


def test_an_event_out_of_its_order_is_never_signed() -> None:
    """A first event names nothing before it, and every other does."""
    event = Opened(
        event_id="0" * 32,
        record_id="1" * 32,
        version=1,
        kind="complaint",
        kind_version=1,
        actor=None,
        assurance="session",
        occurred_at=datetime(2026, 11, 22, tzinfo=UTC),
    )
    with pytest.raises(FormatError):
        payload_of(event, "ab" * 32)


def test_every_part_has_a_key_of_its_own() -> None:
    """The same answers sealed twice share no key, no salt and no ciphertext."""
    event = Opened(
        event_id="0" * 32,
        record_id="1" * 32,
        version=1,
        kind="complaint",
        kind_version=1,
        actor=None,
        assurance="session",
        occurred_at=datetime(2026, 11, 22, tzinfo=UTC),
        values={"matter": "迟交"},
    )
    (one, first), (two, second) = (sealing.seal_content(event, KEY) for _ in range(2))
    assert one.commitment != two.commitment
    assert first.ciphertext != second.ciphertext
    assert content.unwrap(KEY, first.wrapped, one.key) != content.unwrap(
        KEY, second.wrapped, two.key
    )
