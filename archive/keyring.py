"""The archive's own keys: the log key and the intake key, and their entries in the key register.

The register is a record of the log like any other, with a well-known id: its events say from which
leaf on a key may sign, and until which (docs/formats.md, key register).
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from threading import RLock
from typing import Any

from archive.committer import Committer, Placed
from archive.evidence import dsse, leaf, receipt, statement
from archive.evidence.instant import time_text
from archive.evidence.keys import SigningKey, check_public_key, key_id
from archive.evidence.register import KIND, REGISTERED, REVOKED, KeyRegister, register_record
from archive.evidence.statement import Statement
from archive.keystore import KeyStore
from archive.sealing import INTERNAL, Author
from archive.store import Sealed, Store, Unit, VersionConflict

Clock = Callable[[], datetime]


@dataclass
class Keyring:
    """Signs for the archive. Several processes share the keys; a rotation by one reaches all.

    Every unit names `version` of the register as one that it rests on: after a rotation elsewhere
    the commit refuses, `refresh` brings the new keys, and the unit is sealed again.
    """

    origin: str
    store: Store
    keys: KeyStore
    clock: Clock
    version: int = 0
    register: KeyRegister = field(init=False)
    _lock: RLock = field(default_factory=RLock)

    def __post_init__(self) -> None:
        self.record = register_record(self.origin)
        self.refresh()

    @property
    def author(self) -> Author:
        """Seals for people and systems whose session or API key the archive vouches for."""
        return Author(self.origin, self._intake)

    @property
    def log_key(self) -> SigningKey:
        return self._log

    def sign_receipt(self, placed: Placed) -> bytes:
        """The signed receipt of an event's place in the log."""
        return receipt.issue(
            receipt.Receipt(
                origin=self.origin,
                event=placed.event_id,
                record=placed.record_id,
                version=placed.version,
                index=placed.leaf_index,
                leaf_hash=placed.leaf_hash.hex(),
                recorded_at=time_text(placed.recorded_at),
                number=placed.number,
            ),
            self._log,
        )

    def refresh(self) -> None:
        """Read the keys and the register again."""
        with self._lock:
            self._log = self._key("log")
            self._intake = self._key("intake")
            self.register = KeyRegister(self.origin)
            self._head: str | None = None
            self.version = 0
            for row in self.store.record(self.record):
                envelope = leaf.parse(row.leaf).envelope
                self.register.apply(row.leaf_index, statement.parse(_payload(envelope)))
                self.version, self._head = row.version, dsse.envelope_hash(envelope)

    def _key(self, use: str) -> SigningKey:
        seed = self.keys.secret_or_make(f"signing/{use}", lambda: secrets.token_bytes(32))
        return SigningKey.from_seed(seed)

    def found(self, committer: Committer) -> None:
        """Register the log key and the intake key as the archive's first leaves, once."""
        if self.version == 0:
            self._commit(committer, self._registration(self._log.public, "log", None))
        if self._intake.key_id not in self.register.entries:
            self._commit(committer, self._registration(self._intake.public, "intake", None))

    def register_own(self, committer: Committer, public: bytes, owner: str) -> str:
        """Register a person's or system's own key; KeyRefused unless of prime order. Its id."""
        check_public_key(public)
        self._commit(committer, self._registration(public, "own", owner))
        return key_id(public)

    def revoke(self, committer: Committer, name: str, reason: str) -> None:
        """From the next leaf on, signatures by this key count no more."""
        self._commit(committer, (REVOKED, {"key": name, "reason": reason}))

    def rotate(self, committer: Committer, use: str) -> str:
        """A new intake or log key takes over; the old one is revoked. The new key's id.

        The old key signs the new one's registration, so the line of log keys never breaks.
        """
        with self._lock:
            old, new = self._key(use), SigningKey.generate()
            self._commit(committer, self._registration(new.public, use, None))
            self.keys.put_secret(f"signing/{use}", new.seed())
            self.refresh()
            self.revoke(committer, old.key_id, "rotated")
            return new.key_id

    def _registration(
        self, public: bytes, use: str, owner: str | None
    ) -> tuple[str, dict[str, Any]]:
        facts = {
            "alg": "Ed25519",
            "key": key_id(public),
            "owner": owner,
            "public": base64.b64encode(public).decode(),
            "use": use,
        }
        return REGISTERED, facts

    def _commit(self, committer: Committer, fact: tuple[str, dict[str, Any]]) -> None:
        event_type, facts = fact
        with self._lock:
            for _ in range(5):
                sealed = self._sealed(event_type, facts)
                try:
                    committer.commit(Unit((sealed,)))
                except VersionConflict:
                    self.refresh()
                    if event_type == REGISTERED and facts["key"] in self.register.entries:
                        return
                    continue
                self.refresh()
                return
            raise VersionConflict(self.record, self.version, self.version)

    def _sealed(self, event_type: str, facts: dict[str, Any]) -> Sealed:
        event = secrets.token_hex(16)
        said = Statement(
            origin=self.origin,
            event=event,
            record=self.record,
            version=self.version + 1,
            prev=self._head,
            type=event_type,
            kind=KIND,
            kind_version=1,
            key=self._log.key_id,
            assurance="system",
            occurred_at=time_text(self.clock()),
            facts=facts,
        )
        payload = statement.encode(said)
        return Sealed(
            record_id=self.record,
            version=self.version + 1,
            topic=f"{INTERNAL}{KIND}/{event_type}",
            event_id=event,
            envelope=dsse.sign(payload, dsse.STATEMENT_TYPE, self._log),
        )


def _payload(envelope: bytes) -> bytes:
    return dsse.parse(envelope, dsse.STATEMENT_TYPE).payload
