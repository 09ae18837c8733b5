"""Receipts as they are kept."""

import secrets
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from archive.committer import placed
from archive.evidence import receipt as receipts
from archive.receipts import kept, signature, told
from archive.store import StoredEvent
from tests.archive.sealed import sign_receipt


def row(index: int = 7, number: str | None = "KS-2026-00017") -> StoredEvent:
    return StoredEvent(
        leaf_index=index,
        record_id=secrets.token_hex(16),
        version=3,
        topic="complaint/step",
        event_id=secrets.token_hex(16),
        leaf=b"{}",
        leaf_hash=secrets.token_bytes(32),
        recorded_at=datetime(2026, 11, 22, 8, tzinfo=UTC) + timedelta(microseconds=index % 10**6),
        number=number,
    )


@given(st.integers(0, 2**53 - 1), st.sampled_from([None, "KS-2026-00017", "HR-2027-100000"]))
def test_a_receipt_comes_back_byte_for_byte(index: int, number: str | None) -> None:
    """What the log signs is kept in less than half of its bytes, and loses none."""
    event = row(index, number)
    receipt = sign_receipt(placed(event))
    stored = kept(receipt, event)
    assert told(stored) == receipt
    assert len(stored) < len(receipt) / 2


@given(st.binary(max_size=900))
def test_anything_else_comes_back_too(told_instead: bytes) -> None:
    """Bytes that are no receipt are kept as they are."""
    assert told(kept(told_instead, row())) == told_instead


def test_a_receipt_of_another_place_is_kept_as_it_is() -> None:
    """Nothing is taken for granted from the row beside it."""
    receipt = sign_receipt(placed(row()))
    stored = kept(receipt, row(8))
    assert stored == receipt
    assert told(stored) == receipt


@given(st.data(), st.sampled_from([None, "KS-2026-00017"]))
def test_what_a_receipt_says_is_compared_where_it_lies(
    data: st.DataObject, number: str | None
) -> None:
    """The signature comes with exactly what is expected, and with no other byte."""
    event = row(number=number)
    receipt = sign_receipt(placed(event))
    envelope, said = receipts.read(receipt)
    signed = envelope.keyid, envelope.signature
    stored = kept(receipt, event)
    assert signature(stored, said) == signed
    assert signature(receipt, said) is None
    at = data.draw(st.integers(0, len(stored) - 1))
    flipped = stored[at] ^ data.draw(st.integers(1, 255))
    assert signature(stored[:at] + bytes([flipped]) + stored[at + 1 :], said) != signed
    assert signature(stored[:at], said) != signed


@given(st.data())
def test_damage_never_gives_back_the_receipt(data: st.DataObject) -> None:
    """Another byte anywhere, or a cut, gives other bytes: no error, and no signature that fits."""
    event = row()
    receipt = sign_receipt(placed(event))
    stored = kept(receipt, event)
    at = data.draw(st.integers(0, len(stored) - 1))
    flipped = stored[at] ^ data.draw(st.integers(1, 255))
    assert told(stored[:at] + bytes([flipped]) + stored[at + 1 :]) != receipt
    assert told(stored[:at]) != receipt
