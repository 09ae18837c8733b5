"""The keys with which people sign off: their devices, and keys that only a passphrase opens.

The register (in the log) says which keys there are and whose. What lies here is what using them
takes: a passkey's credential id and counter, a personal key's ciphertext, one-time codes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import BoundedSemaphore
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from archive.committer import Committer
from archive.evidence.errors import KeyRefused
from archive.evidence.instant import parse_time, time_text
from archive.evidence.keys import SigningKey
from archive.evidence.passkey import Passkey
from archive.evidence.register import Entry
from archive.keyring import Keyring
from archive.keystore import KeyStore

CODE_LASTS = timedelta(minutes=30)
LEAST, MOST = 12, 200
"""Characters of a passphrase."""
_MEMORY, _PASSES, _LANES = 64 * 1024, 3, 1  # argon2id, RFC 9106 section 4 (second choice), one lane
_OPENING = BoundedSemaphore(2)  # 64 MiB each


class PassphraseRefusedError(Exception):
    """The passphrase opens no key, or is too short for a new one."""


@dataclass(frozen=True, slots=True)
class Device:
    """A key as its owner sees it. `counter_back`: when its counter last failed to go up."""

    key: str
    use: str
    label: str
    since: str
    registered: int
    revoked: int | None
    credential: bytes | None = None
    counter: int = 0
    counter_back: str | None = None


@dataclass(frozen=True, slots=True)
class Approval:
    """What let a key in: `session`, `code`, or `key` with the id of that key."""

    how: str
    by: str | None = None

    def facts(self) -> dict[str, Any]:
        return {"by": self.by, "how": self.how}


@dataclass(frozen=True, slots=True)
class SignoffKeys:
    """Safe to use from any thread and in several processes."""

    keys: KeyStore
    keyring: Keyring
    committer: Committer

    # ------------------------------------------------------------ asking

    def valid(self, owner: str) -> dict[str, Entry]:
        """The person's keys that may sign now, oldest first."""
        self.keyring.look()
        entries = list(self.keyring.register.entries.items())
        return {n: e for n, e in entries if e.is_signoff and e.owner == owner and e.revoked is None}

    def ever(self, owner: str) -> bool:
        """Whether the person ever had such a key."""
        entries = list(self.keyring.register.entries.values())
        return any(e.is_signoff and e.owner == owner for e in entries)

    def devices(self, owner: str) -> list[Device]:
        """Also the revoked ones, of which only what the log says is left."""
        self.keyring.look()
        entries = list(self.keyring.register.entries.items())
        return [self._device(n, e) for n, e in entries if e.is_signoff and e.owner == owner]

    def device(self, name: str) -> Device | None:
        entry = self.keyring.register.entries.get(name)
        return self._device(name, entry) if entry is not None and entry.is_signoff else None

    def _device(self, name: str, entry: Entry) -> Device:
        said = json.loads(self.keys.secret(_device_name(name)) or b"{}")
        credential = said.get("credential")
        return Device(
            name, entry.use, said.get("label", ""), said.get("since", ""), entry.registered,
            entry.revoked, base64.b64decode(credential) if credential else None,
            said.get("counter", 0), said.get("counter_back"),
        )  # fmt: skip

    # ------------------------------------------------------------ registering, revoking

    def register_passkey(
        self, owner: str, key: Passkey, credential: bytes, label: str, approval: Approval,
        now: datetime,
    ) -> str:  # fmt: skip
        """The key id. KeyRefused where the register refuses it."""
        said = {"label": label, "since": time_text(now),
                "credential": base64.b64encode(credential).decode()}  # fmt: skip
        return self._register(owner, key.alg, key.public, key.rp, said, approval)

    def register_personal(
        self, owner: str, passphrase: str, label: str, approval: Approval, now: datetime
    ) -> str:
        """A new key that only this passphrase opens; its id. PassphraseRefusedError."""
        if not LEAST <= len(passphrase) <= MOST:
            raise PassphraseRefusedError(f"a passphrase has {LEAST} to {MOST} characters")
        key = SigningKey.generate()
        self.keys.put_secret(_personal_name(key.key_id), lock(key, owner, passphrase))
        said = {"label": label, "since": time_text(now)}
        return self._register(owner, "Ed25519", key.public, None, said, approval)

    def _register(
        self, owner: str, alg: str, public: bytes, rp: str | None, said: dict[str, Any],
        approval: Approval,
    ) -> str:  # fmt: skip
        name = hashlib.sha256(public).hexdigest()
        facts = {
            "alg": alg, "approved": approval.facts(), "key": name, "owner": owner,
            "public": base64.b64encode(public).decode(), "rp": rp,
        }  # fmt: skip
        self.keyring.check_signoff(facts)
        self.keys.put_secret(_device_name(name), json.dumps(said).encode())
        self.keyring.register_signoff(self.committer, facts)
        return name

    def revoke(self, name: str, reason: str) -> None:
        """From the next leaf on it signs no more; a personal key's ciphertext goes."""
        self.keyring.revoke(self.committer, name, reason)
        self.keys.drop_secret(_personal_name(name))
        self.keys.drop_secret(_device_name(name))

    # ------------------------------------------------------------ using

    def sign(self, name: str, passphrase: str, message: bytes) -> bytes:
        """One signature by a personal key, opened for it and forgotten. PassphraseRefusedError."""
        locked = self.keys.secret(_personal_name(name))
        entry = self.keyring.register.entries.get(name)
        if locked is None or entry is None or entry.owner is None:
            raise PassphraseRefusedError("there is no such personal key")
        return unlock(locked, name, entry.owner, passphrase).sign(message)

    def note_counter(self, name: str, counter: int, now: datetime) -> bool:
        """Keep a passkey's counter; False where it did not go up: there may be two of it."""
        stored = self.keys.secret(_device_name(name))
        if stored is None:
            return True
        said = json.loads(stored)
        before = said.get("counter", 0)
        fine = counter > before or not (counter or before)
        said["counter"] = max(counter, before)
        if not fine:
            said["counter_back"] = time_text(now)
        self.keys.put_secret(_device_name(name), json.dumps(said).encode())
        return fine

    # ------------------------------------------------------------ one-time codes

    def make_code(self, owner: str, by: str, now: datetime) -> str:
        """A code by which one more key is let in for `owner`, once; the one before it ends."""
        code = secrets.token_hex(10)
        until = now + CODE_LASTS
        kept = {"hash": _hashed(code), "by": by, "until": time_text(until)}
        self.keys.put_secret(_code_name(owner), json.dumps(kept).encode(), until)
        return code

    def take_code(self, owner: str, code: str, now: datetime) -> str | None:
        """Who made this code, which is used up by that; None for a code that is not valid."""
        stored = self.keys.secret(_code_name(owner))
        if stored is None:
            return None
        said = json.loads(stored)
        right = hmac.compare_digest(said["hash"], _hashed(code.strip().lower()))
        if not right or parse_time(said["until"]) <= now:
            return None
        self.keys.drop_secret(_code_name(owner))
        return str(said["by"])


def lock(key: SigningKey, owner: str, passphrase: str) -> bytes:
    """The key as it is kept: AES-256-GCM under argon2id of the passphrase (RFC 9106)."""
    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
    opener = _derive(passphrase, salt, _PASSES, _MEMORY, _LANES)
    ciphertext = AESGCM(opener).encrypt(nonce, key.seed(), _bound(key.key_id, owner))
    kept = {
        "kdf": "argon2id", "passes": _PASSES, "memory": _MEMORY, "lanes": _LANES,
        "salt": salt.hex(), "nonce": nonce.hex(), "ciphertext": ciphertext.hex(),
    }  # fmt: skip
    return json.dumps(kept).encode()


def unlock(kept: bytes, name: str, owner: str, passphrase: str) -> SigningKey:
    """PassphraseRefusedError for any other passphrase."""
    said = json.loads(kept)
    salt = bytes.fromhex(said["salt"])
    opener = _derive(passphrase, salt, said["passes"], said["memory"], said["lanes"])
    try:
        seed = AESGCM(opener).decrypt(
            bytes.fromhex(said["nonce"]), bytes.fromhex(said["ciphertext"]), _bound(name, owner)
        )
    except InvalidTag:
        raise PassphraseRefusedError("this passphrase does not open the key") from None
    key = SigningKey.from_seed(seed)
    if key.key_id != name:
        raise KeyRefused("the personal key kept is another one", "key-id")
    return key


def _derive(passphrase: str, salt: bytes, passes: int, memory: int, lanes: int) -> bytes:
    with _OPENING:
        return Argon2id(
            salt=salt, length=32, iterations=passes, lanes=lanes, memory_cost=memory
        ).derive(passphrase.encode())


def _bound(name: str, owner: str) -> bytes:
    return f"liuhen/v1/personal-key\n{name}\n{owner}".encode()


def _hashed(code: str) -> str:
    return hashlib.sha256(b"liuhen/v1/signoff-code\n" + code.encode()).hexdigest()


def _device_name(name: str) -> str:
    return f"signoff/device/{name}"


def _personal_name(name: str) -> str:
    return f"signoff/personal/{name}"


def _code_name(owner: str) -> str:
    return f"signoff/code/{owner}"
