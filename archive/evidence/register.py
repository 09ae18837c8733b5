"""The key register: which key may sign what, and at which leaf index."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from archive.evidence.errors import FormatError, KeyRefused
from archive.evidence.keys import VerifyKey, check_public_key, key_id
from archive.evidence.passkey import Passkey
from archive.evidence.statement import Statement

KIND = "key-register"
REGISTERED, REVOKED = "key-registered", "key-revoked"
SIGNOFF_REGISTERED = "signoff-key-registered"
EVENTS = frozenset({REGISTERED, REVOKED, SIGNOFF_REGISTERED})

# Which assurance a key of each use may vouch for; what a log key signs, `apply` has looked at.
_ASSURANCES = {
    "intake": frozenset({"session", "api-key", "system"}),
    "own": frozenset({"own-key"}),
    "passkey": frozenset({"passkey"}),
    "personal": frozenset({"personal-key"}),
}


def register_record(origin: str) -> str:
    """Record id (32 hex) of the archive's key register."""
    return hashlib.sha256(b"liuhen/v1/key-register\n" + origin.encode("utf-8")).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Entry:
    key: VerifyKey | Passkey
    use: str  # log, intake, own; passkey, personal: what only the person can sign with
    owner: str | None
    registered: int  # leaf index, inclusive
    revoked: int | None = None  # leaf index, exclusive

    @property
    def is_signoff(self) -> bool:
        return self.use in ("passkey", "personal")


class KeyRegister:
    """Feed every leaf of the register record in order; then ask."""

    def __init__(self, origin: str) -> None:
        self.record = register_record(origin)
        self.entries: dict[str, Entry] = {}
        self._last: tuple[str, Entry | None] | None = None  # what `undo` puts back

    def apply(self, index: int, statement: Statement) -> None:
        """Take in one register event, or leave everything as it was.

        Its own signature is the caller's to verify afterwards, and to `undo` if it does not fit.
        FormatError for an event that has no place here, KeyRefused for a bad public key.
        """
        self._last = None
        if statement.record != self.record or statement.kind != KIND:
            raise FormatError("not an event of this archive's key register", "register-foreign")
        if statement.assurance != "system" or statement.parts:
            raise FormatError(
                "a register event is of assurance system and has no parts", "register-form"
            )
        facts = statement.facts
        if statement.type == REGISTERED:
            self._register(index, facts["key"], base64.b64decode(facts["public"]), statement)
        elif statement.type == SIGNOFF_REGISTERED:
            self._register_signoff(index, statement)
        elif statement.type == REVOKED:
            entry = self.entries.get(facts["key"])
            if entry is None or entry.revoked is not None:
                raise FormatError(
                    "revocation of a key that is not registered, or no longer", "key-not-valid"
                )
            self._put(facts["key"], replace(entry, revoked=index))
        else:
            raise FormatError(f"{statement.type} has no place in the key register", "register-form")

    def _register(self, index: int, name: str, public: bytes, statement: Statement) -> None:
        if key_id(public) != name:
            raise KeyRefused("key id does not fit its public bytes", "key-id")
        if name in self.entries:
            raise KeyRefused(
                "key is registered already; a revoked key never comes back", "key-again"
            )
        try:
            check_public_key(public)
        except KeyRefused as error:
            raise KeyRefused(str(error), "key-unsound") from None
        use, owner = statement.facts["use"], statement.facts["owner"]
        if (use == "own") != (owner is not None):
            raise FormatError("an own key has an owner, and only an own key", "key-owner")
        # At leaf 0 only, so that nobody can grow a second register further on and show only that,
        # and no key vouches for itself.
        itself = statement.key == name
        if itself != (index == 0) or (itself and use != "log"):
            raise KeyRefused(
                "leaf 0, and no other, registers the log key that signs it", "key-itself"
            )
        self._put(name, Entry(VerifyKey.from_public(public), use, owner, index))

    def _register_signoff(self, index: int, statement: Statement) -> None:
        facts = statement.facts
        key = self.check_signoff(index, facts)
        use = "personal" if facts["rp"] is None else "passkey"
        self._put(facts["key"], Entry(key, use, facts["owner"], index))

    def check_signoff(self, index: int, facts: Mapping[str, Any]) -> VerifyKey | Passkey:
        """The key that such a registration at this index brings; EvidenceError if it may not."""
        alg, rp, public = facts["alg"], facts["rp"], base64.b64decode(facts["public"])
        if key_id(public) != facts["key"]:
            raise KeyRefused("key id does not fit its public bytes", "key-id")
        if facts["key"] in self.entries:
            raise KeyRefused(
                "key is registered already; a revoked key never comes back", "key-again"
            )
        if (alg == "Ed25519") != (rp is None):
            raise KeyRefused("a passkey has an rp id, and only a passkey", "key-form")
        key = Passkey.from_public(alg, public, rp) if rp is not None else _personal(public)
        self._check_approval(index, facts["approved"], facts["owner"])
        return key

    def _check_approval(self, index: int, approved: Mapping[str, Any], owner: str) -> None:
        """What is said to have let a key in is a key of the same person, then valid."""
        by = approved["by"]
        if (approved["how"] == "key") != (by is not None):
            raise FormatError("an approval names a key exactly if one approved", "key-approval")
        if by is None:
            return
        try:
            entry = self._entry_at(by, index, None)
        except KeyRefused as error:
            raise KeyRefused(str(error), "key-approval") from None
        if not entry.is_signoff or entry.owner != owner:
            raise KeyRefused("approved by a key that is not the person's", "key-approval")

    def _put(self, name: str, entry: Entry) -> None:
        self._last = name, self.entries.get(name)
        self.entries[name] = entry

    def undo(self) -> None:
        """Take back what the last `apply` did, if anything."""
        if self._last is None:
            return
        name, before = self._last
        self._last = None
        if before is None:
            del self.entries[name]
        else:
            self.entries[name] = before

    def key_at(self, name: str, index: int, use: str | None = None) -> VerifyKey | Passkey:
        """The key, if it may sign at this leaf index; KeyRefused if not."""
        return self._entry_at(name, index, use).key

    def signer_of(self, statement: Statement, index: int) -> VerifyKey | Passkey:
        """The key of a statement at this leaf index, if it may vouch for what is said."""
        entry = self._entry_at(statement.key, index, None)
        if (entry.use == "log") != (statement.record == self.record):
            raise KeyRefused("a log key signs the key register, and nothing else does", "key-use")
        if entry.use != "log" and statement.assurance not in _ASSURANCES[entry.use]:
            raise KeyRefused(
                f"a key for {entry.use} cannot vouch for {statement.assurance}", "key-assurance"
            )
        if entry.owner is not None and entry.owner != statement.actor:
            raise KeyRefused("signed with somebody else's own key", "key-other-owner")
        return entry.key

    def _entry_at(self, name: str, index: int, use: str | None) -> Entry:
        entry = self.entries.get(name)
        if entry is None or index < entry.registered:
            raise KeyRefused(
                f"key {name[:16]} is not registered at leaf {index}", "key-unregistered"
            )
        if entry.revoked is not None and index >= entry.revoked:
            raise KeyRefused(f"key {name[:16]} was revoked at leaf {entry.revoked}", "key-revoked")
        if use is not None and entry.use != use:
            raise KeyRefused(f"key {name[:16]} is for {entry.use}, not for {use}", "key-use")
        return entry


def _personal(public: bytes) -> VerifyKey:
    if len(public) != 32:
        raise KeyRefused("the key's length does not fit its algorithm", "key-form")
    try:
        check_public_key(public)
    except KeyRefused as error:
        raise KeyRefused(str(error), "key-unsound") from None
    return VerifyKey.from_public(public)
