"""API keys: shown once, kept as a hash, and bound to a `caller` record that says what they may do.

A key is `lh_<key id>_<secret>`. The secret has 256 random bits, so one fast hash is enough: there
is nothing to guess. The hash lies in the key store, never in the log. Who the caller is, what it
may do and until when, is the record's.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from time import monotonic

from archive.evidence.instant import parse_time, time_text
from archive.keystore import KeyStore

PREFIX = "caller-key/"
FRESH_FOR = 2.0
"""Seconds for which a key that another process revoked may still be taken here."""

_FORM = re.compile(r"lh_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_NO_HASH = bytes(32)


class CallerRefusedError(Exception):
    """No valid key. Which part was wrong is not told."""

    def __init__(self) -> None:
        super().__init__("the API key is missing, unknown, revoked or expired: ask for a new one")


@dataclass(frozen=True, slots=True)
class Issued:
    """What is kept of a key. `caller`: id of its record; `until`: set when it is being replaced."""

    key_id: str
    caller: str
    hash: bytes
    issued_at: datetime
    until: datetime | None = None


@dataclass
class Callers:
    """Issues, replaces, revokes and recognises API keys. Safe to use from any thread."""

    keys: KeyStore
    _seen: dict[str, tuple[float, Issued | None]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def issue(self, caller: str, now: datetime, until: datetime | None = None) -> str:
        """A new key of the caller. It cannot be shown again."""
        key_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        self._put(Issued(key_id, caller, _hashed(secret), now, until))
        return f"lh_{key_id}_{secret}"

    def rotate(self, caller: str, now: datetime, grace_until: datetime) -> str:
        """A new key; the caller's other keys are good until `grace_until` and then no more."""
        for issued in self.issued(caller):
            if issued.until is None or issued.until > grace_until:
                self._put(Issued(issued.key_id, caller, issued.hash, issued.issued_at, grace_until))
        return self.issue(caller, now)

    def revoke(self, key_id: str) -> None:
        self.keys.drop_secret(PREFIX + key_id)
        with self._lock:
            self._seen.pop(key_id, None)

    def issued(self, caller: str) -> list[Issued]:
        """The caller's keys, oldest first."""
        found = (self._load(name.removeprefix(PREFIX)) for name in self.keys.secret_names(PREFIX))
        mine = [issued for issued in found if issued is not None and issued.caller == caller]
        return sorted(mine, key=lambda issued: issued.issued_at)

    def recognise(self, token: str, now: datetime) -> Issued:
        """The key that was presented. CallerRefusedError for any other text, in equal time."""
        match = _FORM.fullmatch(token)
        issued = self._issued(match.group(1)) if match else None
        given = _hashed(match.group(2)) if match else _NO_HASH
        fits = hmac.compare_digest(given, issued.hash if issued else _hashed("no such key"))
        if issued is None or not fits or (issued.until is not None and now > issued.until):
            raise CallerRefusedError
        return issued

    def still(self, key_id: str, now: datetime) -> Issued | None:
        """The key of this id, if it is good now: for a session that was begun with it."""
        issued = self._issued(key_id)
        good = issued is not None and (issued.until is None or now <= issued.until)
        return issued if good else None

    def _issued(self, key_id: str) -> Issued | None:
        seen = self._seen.get(key_id)
        if seen is not None and monotonic() - seen[0] < FRESH_FOR:
            return seen[1]
        issued = self._load(key_id)
        with self._lock:
            if issued is not None:  # unknown ids are not remembered: strangers would fill memory
                self._seen[key_id] = (monotonic(), issued)
            else:
                self._seen.pop(key_id, None)
        return issued

    def _load(self, key_id: str) -> Issued | None:
        stored = self.keys.secret(PREFIX + key_id)
        if stored is None:
            return None
        said = json.loads(stored)
        until = parse_time(said["until"]) if said["until"] else None
        return Issued(
            key_id, said["caller"], bytes.fromhex(said["hash"]), parse_time(said["issued"]), until
        )

    def _put(self, issued: Issued) -> None:
        said = {
            "caller": issued.caller,
            "hash": issued.hash.hex(),
            "issued": time_text(issued.issued_at),
            "until": time_text(issued.until) if issued.until else None,
        }
        self.keys.put_secret(PREFIX + issued.key_id, json.dumps(said).encode())
        with self._lock:
            self._seen.pop(issued.key_id, None)


def _hashed(secret: str) -> bytes:
    return hashlib.sha256(b"liuhen/v1/caller-key\n" + secret.encode()).digest()
