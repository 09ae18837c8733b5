"""Tools of those who have the database, the files and, some of them, the archive's keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from archive.evidence import dsse, leaf, merkle, receipt, statement
from archive.evidence.instant import parse_time
from archive.evidence.keys import SigningKey
from archive.evidence.receipt import Receipt
from archive.evidence.statement import Statement
from archive.instants import micros
from archive.leaves import read_leaf
from archive.sealing import INTERNAL
from tests.archive.small_archive import ORIGIN
from tests.threats.plot import Scene

PARTS = 1024
"""Slot of a content row: leaf * PARTS + number of the part."""


@dataclass
class Event:
    """One event as it is written into the log anew. `envelope` None: to be signed anew."""

    said: Statement
    number: str | None
    recorded_at: str
    envelope: bytes | None
    content: Sequence[Sequence[Any]] = ()
    id_column: bytes | None = None
    """Where the row shall say another event id than the statement: the database wants it unique."""

    @property
    def digest(self) -> str:
        return dsse.envelope_hash(self.envelope or b"")

    def but(self, **changes: Any) -> Event:
        """With another statement, which somebody has to sign."""
        return replace(self, said=replace(self.said, **changes), envelope=None)


@dataclass
class Thief:
    """Holds the server's log key and intake key; `more`: keys of authors who are in it too."""

    scene: Scene
    more: tuple[SigningKey, ...] = ()
    keys: dict[str, SigningKey] = field(init=False)
    log: SigningKey = field(init=False)

    def __post_init__(self) -> None:
        small = self.scene.archive()
        self.log = small.keyring.log_key
        held = (self.log, small.keyring.author.key, *self.more)
        self.keys = {key.key_id: key for key in held}

    def history(self) -> list[Event]:
        rows = self.scene.run("SELECT leaf_index, state FROM events ORDER BY leaf_index")
        found = []
        for index, data in rows:
            parsed, envelope, said = read_leaf(bytes(data))
            content = self.scene.run(
                "SELECT slot, key_id, wrapped, ciphertext FROM content "
                "WHERE slot >= ? AND slot < ? ORDER BY slot",
                (index * PARTS, (index + 1) * PARTS),
            )
            kept = [(slot % PARTS, *rest) for slot, *rest in content]
            found.append(Event(said, parsed.number, parsed.recorded_at, envelope.raw, kept))
        return found

    def rewrite(self, events: Sequence[Event]) -> None:
        """The whole log anew: chains, signatures where the thief has the key, receipts, hashes.
        Heads and tiles go too; the server makes new ones and signs them."""
        for table in ("events", "content", "tiles", "checkpoints"):
            self.scene.run(f"DELETE FROM {table}")
        heads: dict[str, tuple[int, str | None]] = {}
        for index, event in enumerate(events):
            version, prev = heads.get(event.said.record, (0, None))
            envelope = self._signed(event, version + 1, prev)
            heads[event.said.record] = version + 1, dsse.envelope_hash(envelope)
            self._write(index, event, envelope)
        head = (len(events), micros(parse_time(events[-1].recorded_at)))
        if self.scene.run("SELECT count(*) FROM events")[0][0] == len(events) and self.has_head:
            self.scene.run("UPDATE head SET size = ?, recorded_at = ?", head)

    @property
    def has_head(self) -> bool:
        """PostgreSQL keeps a row beside the log that says how long it is."""
        return "postgres" in type(self.scene.archive().store).__name__.lower()

    def _signed(self, event: Event, version: int, prev: str | None) -> bytes:
        """As it was where nothing changed; else signed anew, by whoever's key is at hand."""
        said = event.said
        if event.envelope is not None and (said.version, said.prev) == (version, prev):
            return event.envelope
        payload = statement.encode(replace(said, version=version, prev=prev))
        if said.key in self.keys:
            return dsse.sign(payload, dsse.STATEMENT_TYPE, self.keys[said.key])
        signature = bytes(64)
        if event.envelope is not None:
            signature = dsse.parse(event.envelope, dsse.STATEMENT_TYPE).signature
        return dsse.assemble(payload, dsse.STATEMENT_TYPE, said.key, signature)

    def _write(self, index: int, event: Event, envelope: bytes) -> None:
        said = read_leaf(leaf.encode(envelope, event.number, event.recorded_at))[2]
        data = leaf.encode(envelope, event.number, event.recorded_at)
        mark = INTERNAL if said.kind == "key-register" else ""
        given = receipt.issue(
            Receipt(
                origin=ORIGIN, event=said.event, record=said.record, version=said.version,
                index=index, leaf_hash=merkle.leaf_hash(data).hex(),
                recorded_at=event.recorded_at, number=event.number,
            ),
            self.log,
        )  # fmt: skip
        row = (
            index, bytes.fromhex(said.record), said.version, f"{mark}{said.kind}/{said.type}",
            event.id_column or bytes.fromhex(said.event),
            micros(parse_time(event.recorded_at)), event.number, merkle.leaf_hash(data), data,
            given,
        )  # fmt: skip
        self.scene.run(
            "INSERT INTO events (leaf_index, record_id, version, topic, event_id, recorded_at, "
            "number, leaf_hash, state, receipt) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )
        for n, *rest in event.content:
            self.scene.run(
                "INSERT INTO content (slot, key_id, wrapped, ciphertext) VALUES (?, ?, ?, ?)",
                (index * PARTS + n, *rest),
            )


def slot(leaf_index: int, n: int = 0) -> int:
    return leaf_index * PARTS + n


def flip(scene: Scene, table: str, column: str, where: str, at: int = -20) -> None:
    """One bit of one stored value."""
    ((value,),) = scene.run(f"SELECT {column} FROM {table} WHERE {where}")
    data = bytearray(value)
    data[at] ^= 1
    scene.run(f"UPDATE {table} SET {column} = ? WHERE {where}", (bytes(data),))


def exchange(scene: Scene, table: str, key: str, first: Any, second: Any) -> None:
    """Rows change places under their keys."""
    aside = -1 if isinstance(first, int) else bytes(16)
    for old, new in ((first, aside), (second, first), (aside, second)):
        scene.run(f"UPDATE {table} SET {key} = ? WHERE {key} = ?", (new, old))
