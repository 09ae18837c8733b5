"""Signed and sealed events for tests of the store: real keys, real formats, no rules."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from archive.committer import Committer, Placed
from archive.evidence import attachment, content, dsse, leaf, merkle, receipt, statement
from archive.evidence.instant import time_text
from archive.evidence.keys import SigningKey
from archive.evidence.statement import Part, Statement
from archive.store import ContentRow, Idempotency, Sealed, Store, StoredEvent, Unit

ORIGIN = "test.example/log"
SHANGHAI = ZoneInfo("Asia/Shanghai")
LOG, INTAKE = SigningKey.from_seed(b"\x01" * 32), SigningKey.from_seed(b"\x02" * 32)


class Turned:
    """A clock to turn."""

    def __init__(self, at: datetime = datetime(2026, 11, 22, 8, tzinfo=UTC)) -> None:
        self.now = at

    def __call__(self) -> datetime:
        return self.now

    def turn(self, by: timedelta) -> None:
        self.now += by


def sign_receipt(placed: Placed) -> bytes:
    return receipt.issue(
        receipt.Receipt(
            origin=ORIGIN,
            event=placed.event_id,
            record=placed.record_id,
            version=placed.version,
            index=placed.leaf_index,
            leaf_hash=placed.leaf_hash.hex(),
            recorded_at=time_text(placed.recorded_at),
            number=placed.number,
        ),
        LOG,
    )


def committer(store: Store, clock: Turned | None = None) -> Committer:
    return Committer(store, clock or Turned(), sign_receipt, SHANGHAI)


class Record:
    """Seals the events of one record, each naming the one before by hash."""

    def __init__(self, record_id: str | None = None, key: bytes | None = None) -> None:
        self.id = record_id or secrets.token_hex(16)
        self.key = key or secrets.token_bytes(32)
        self.version = 0
        self.prev: str | None = None

    def seal(
        self,
        text: bytes = b'{"what":"late"}',
        *,
        prefix: str | None = None,
        attached: tuple[Part, bytes] | None = None,
        topic: str = "complaint/event",
    ) -> Sealed:
        event_id, key, key_id = secrets.token_hex(16), content.new_key(), content.new_key_id()
        sealed = content.seal(text, record=self.id, event=event_id, n=0, key=key, key_id=key_id)
        rows = [ContentRow(0, key_id, content.wrap(self.key, key, key_id), sealed.ciphertext)]
        parts = [sealed.part]
        if attached is not None:
            part, part_key = attached
            parts.append(part)
            rows.append(ContentRow(1, part.key, content.wrap(self.key, part_key, part.key), None))
        self.version += 1
        payload = statement.encode(
            Statement(
                origin=ORIGIN,
                event=event_id,
                record=self.id,
                version=self.version,
                prev=self.prev,
                type="opened" if self.version == 1 else "step-taken",
                kind="complaint",
                kind_version=1,
                key=INTAKE.key_id,
                assurance="session",
                occurred_at="2026-11-22T07:00:00.000000Z",
                parts=tuple(parts),
            )
        )
        envelope = dsse.sign(payload, dsse.STATEMENT_TYPE, INTAKE)
        self.prev = dsse.envelope_hash(envelope)
        return Sealed(self.id, self.version, topic, event_id, envelope, prefix, tuple(rows))

    def tombstone(self) -> Unit:
        """What stands in the log of a record that was disposed of (which no rule looks at here)."""
        return Unit((self.seal(b"{}", topic="complaint/disposed"),))

    def unit(self, text: bytes = b'{"what":"late"}', *, prefix: str | None = None) -> Unit:
        return Unit((self.seal(text, prefix=prefix),))


def once(body: bytes = b"body", mac: bytes | None = None) -> Idempotency:
    return Idempotency(
        mac or secrets.token_bytes(32), body.ljust(32), datetime(2026, 11, 23, tzinfo=UTC)
    )


def stage(store: Store, data: bytes, at: datetime) -> tuple[Part, bytes]:
    """Encrypt and store an attachment; its part (as number 1) and its key."""
    key, attachment_id = content.new_key(), content.new_key_id()
    sealer = attachment.Sealer(key, attachment_id)
    segments = [*sealer.feed(data), sealer.finish()]
    for i, segment in enumerate(segments):
        store.stage_segment(attachment_id, i, segment, at)
    return sealer.part(1), key


def whole(store: Store) -> list[StoredEvent]:
    """One re-derivation of everything: order, hashes, signatures, chains, receipts, content."""
    rows, heads = list(store.leaves(0)), dict[str, tuple[int, str | None]]()
    for index, row in enumerate(rows):
        assert row.leaf_index == index
        assert row.leaf_hash == merkle.leaf_hash(row.leaf)
        envelope = leaf.parse(row.leaf).envelope
        signed = dsse.parse(envelope, dsse.STATEMENT_TYPE)
        dsse.verify(signed, INTAKE.verify_key())
        said = statement.parse(signed.payload)
        assert (said.record, said.event) == (row.record_id, row.event_id)
        version, prev = heads.get(row.record_id, (0, None))
        assert (said.version, said.prev) == (version + 1, prev)
        heads[row.record_id] = (said.version, dsse.envelope_hash(envelope))
        given = receipt.verify(store.receipt(index) or b"", LOG.verify_key())
        assert (given.index, given.leaf_hash) == (index, row.leaf_hash.hex())
        assert [c.n for c in store.content(said.event)] == [p.n for p in said.parts]
    assert store.head().size == len(rows)
    assert sorted(r.recorded_at for r in rows) == [r.recorded_at for r in rows]
    return rows
