"""The archive's own keys: the log key and the intake key, and their entries in the key register.

The register is a record of the log like any other, with a well-known id: its events say from which
leaf on a key may sign, and until which (docs/formats.md, key register).
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from threading import RLock
from typing import Any

from archive.committer import Committer, Placed
from archive.evidence import dsse, leaf, receipt, statement
from archive.evidence.errors import EvidenceError, KeyRefused
from archive.evidence.instant import time_text
from archive.evidence.keys import SigningKey, check_public_key, key_id
from archive.evidence.register import (
    KIND,
    REGISTERED,
    REVOKED,
    SIGNOFF_REGISTERED,
    KeyRegister,
    register_record,
)
from archive.evidence.statement import Statement
from archive.keystore import KeyStore
from archive.sealing import INTERNAL, Author
from archive.store import Sealed, Store, StoreCorrupt, Unit, VersionConflict

Clock = Callable[[], datetime]
RETRIES = 5


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
        self.register = KeyRegister(self.origin)
        self._head: str | None = None
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
        """Read the register and the keys again.

        The register first: a key of the key store is never older than the register read before it,
        so that nothing is sealed with a revoked key under a version at which it was valid.
        `version` last: whoever read it before a key has a key that is at least as new.
        """
        with self._lock:
            register, head, version = KeyRegister(self.origin), None, 0
            for row in self.store.record(self.record):
                envelope = leaf.parse(row.leaf).envelope
                # As every verifier does: what has no place in the register changes nothing.
                with suppress(EvidenceError):
                    register.apply(row.leaf_index, statement.parse(_payload(envelope)))
                head, version = dsse.envelope_hash(envelope), row.version
            self._log, self._intake = self._key("log"), self._key("intake")
            self.register, self._head, self.version = register, head, version

    def _key(self, use: str) -> SigningKey:
        seed = self.keys.secret_or_make(f"signing/{use}", lambda: secrets.token_bytes(32))
        return SigningKey.from_seed(seed)

    def found(self, committer: Committer) -> None:
        """Register the log key and the intake key as the archive's first leaves, once.

        Raises StoreCorrupt where the log, the key store and the origin do not belong together.
        """
        self._check_origin()
        if self.version == 0:
            self._commit(committer, self._registration(self._log.public, "log", None))
        self._check_log_key()
        if self._intake.key_id not in self.register.entries:
            self._commit(committer, self._registration(self._intake.public, "intake", None))

    def _check_origin(self) -> None:
        first = self.store.at(0) if self.version == 0 else None
        if first is not None:
            self.refresh()  # another process may be founding it at this moment
        if first is not None and self.version == 0:
            origin = statement.parse(_payload(leaf.parse(first.leaf).envelope)).origin
            raise StoreCorrupt(
                f"this archive calls itself {origin}, for ever, not {self.origin}: correct the "
                "setting of the origin"
            )

    def _check_log_key(self) -> None:
        """A key store that was lost would make a new log key, of which no verifier knows."""
        if not self._valid(self._log.key_id):
            self.refresh()  # another process may be changing the key at this moment
        if not self._valid(self._log.key_id):
            raise StoreCorrupt(
                "the key store holds another log key than the log knows: it belongs to another "
                "archive, or is older than the last change of keys; restore the right one"
            )

    def check_valid(self, name: str) -> None:
        """KeyRefused unless this key may sign the next leaf, as far as is known here."""
        if not self._valid(name):
            raise KeyRefused(f"key {name} is not registered, or was revoked", "key-revoked")

    def _valid(self, name: str) -> bool:
        entry = self.register.entries.get(name)
        return entry is not None and entry.revoked is None

    def register_own(self, committer: Committer, public: bytes, owner: str) -> str:
        """Register a person's or system's own key; its id.

        KeyRefused unless it is of prime order and nobody's yet, or where it was revoked.
        """
        check_public_key(public)
        self._commit(committer, self._registration(public, "own", owner))
        return key_id(public)

    def check_signoff(self, facts: dict[str, Any]) -> None:
        """EvidenceError where the register would refuse a person's key as things stand."""
        with self._lock:
            self.register.check_signoff(self.store.head().size, facts)

    def register_signoff(self, committer: Committer, facts: dict[str, Any]) -> None:
        """Register a passkey or a personal key of a person's (docs/formats.md 8). KeyRefused."""
        self._commit(committer, (SIGNOFF_REGISTERED, facts))

    def look(self) -> None:
        """Read the register again if another process has written to it."""
        if self.store.versions([self.record])[self.record] != self.version:
            self.refresh()

    def revoke(self, committer: Committer, name: str, reason: str) -> None:
        """From the next leaf on, signatures by this key count no more.

        KeyRefused for a key that is not registered, or that signs for the archive now (`rotate` it
        instead). To revoke a key again changes nothing.
        """
        self._commit(committer, (REVOKED, {"key": name, "reason": reason}))

    def rotate(self, committer: Committer, use: str) -> str:
        """A new intake or log key takes over; every other one of that use is revoked. Its id.

        The old key signs the new one's registration, so the line of log keys never breaks. Where
        this stops halfway, the archive goes on with the key that is then in force; called again,
        by any process, it finishes what was begun.
        """
        with self._lock:
            new = self._next(use)
            self._commit(committer, self._registration(new.public, use, None))
            self.keys.put_secret(f"signing/{use}", new.seed())
            self.refresh()
            for name, entry in list(self.register.entries.items()):
                if entry.use == use and entry.revoked is None and name != new.key_id:
                    self._commit(committer, (REVOKED, {"key": name, "reason": "rotated"}))
            self.keys.drop_secret(f"signing/{use}/next")
            return new.key_id

    def _next(self, use: str) -> SigningKey:
        """The key that takes over: one for all processes, kept before it is registered."""
        name = f"signing/{use}/next"
        new = self._key(f"{use}/next")
        entry = self.register.entries.get(new.key_id)
        if entry is not None and entry.revoked is not None:  # by hand, before it took over
            self.keys.drop_secret(name)
            new = self._key(f"{use}/next")
        return new

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
            for _ in range(RETRIES):
                if self._done(event_type, facts):
                    return
                sealed = self._sealed(event_type, facts)
                try:
                    committer.commit(Unit((sealed,)))
                except VersionConflict:
                    self.refresh()
                    continue
                self.refresh()
                return
            raise VersionConflict(self.record, self.version, self.version)

    def _done(self, event_type: str, facts: dict[str, Any]) -> bool:
        """Whether the register says so already. KeyRefused where it can never say so: the log
        keeps what is committed, and an event that no verifier accepts would stay in it for ever."""
        name, entry = facts["key"], self.register.entries.get(facts["key"])
        if event_type == SIGNOFF_REGISTERED:
            if entry is not None and self._valid(name) and entry.owner == facts["owner"]:
                return True
            self.check_signoff(facts)
            return False
        if event_type == REGISTERED:
            if entry is None:
                return False
            if self._valid(name) and (entry.use, entry.owner) == (facts["use"], facts["owner"]):
                return True
            raise KeyRefused(f"key {name} is registered already: make a new key", "key-again")
        if entry is None:
            raise KeyRefused(f"no key {name} is registered: check its id", "key-unregistered")
        if name in (self._log.key_id, self._intake.key_id):
            raise KeyRefused(f"key {name} signs for the archive now: rotate it instead", "key-use")
        return entry.revoked is not None

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
