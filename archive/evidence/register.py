"""The key register: which key may sign what, and at which leaf index."""

import base64
import hashlib
from dataclasses import dataclass

from archive.evidence.errors import FormatError, KeyRefused
from archive.evidence.keys import VerifyKey, check_public_key, key_id
from archive.evidence.statement import Statement

KIND = "key-register"
REGISTERED, REVOKED = "key-registered", "key-revoked"

# Which assurance a key of each use may vouch for.
_ASSURANCES = {
    "log": frozenset({"system"}),
    "intake": frozenset({"session", "api-key", "passkey", "system"}),
    "own": frozenset({"own-key"}),
}


def register_record(origin: str) -> str:
    """Record id (32 hex) of the archive's key register."""
    return hashlib.sha256(b"liuhen/v1/key-register\n" + origin.encode("utf-8")).hexdigest()[:32]


@dataclass(slots=True)
class Entry:
    key: VerifyKey
    use: str
    owner: str | None
    registered: int  # leaf index, inclusive
    revoked: int | None = None  # leaf index, exclusive


class KeyRegister:
    """Feed every leaf of the register record in order; then ask."""

    def __init__(self, origin: str) -> None:
        self.record = register_record(origin)
        self.entries: dict[str, Entry] = {}

    def apply(self, index: int, statement: Statement) -> None:
        """Take in one register event; its own signature is the caller's to verify afterwards.

        FormatError for an event that has no place here, KeyRefused for a bad public key.
        """
        if statement.record != self.record or statement.kind != KIND:
            raise FormatError("not an event of this archive's key register")
        facts = statement.facts
        if statement.type == REGISTERED:
            self._register(index, facts["key"], base64.b64decode(facts["public"]), statement)
        elif statement.type == REVOKED:
            entry = self.entries.get(facts["key"])
            if entry is None or entry.revoked is not None:
                raise FormatError("revocation of a key that is not registered, or no longer")
            entry.revoked = index
        else:
            raise FormatError(f"{statement.type} has no place in the key register")

    def _register(self, index: int, name: str, public: bytes, statement: Statement) -> None:
        if key_id(public) != name:
            raise KeyRefused("registered key whose id does not fit its public bytes")
        if name in self.entries:
            raise KeyRefused("key is registered already; a revoked key never comes back")
        check_public_key(public)
        use, owner = statement.facts["use"], statement.facts["owner"]
        if (use == "own") != (owner is not None):
            raise FormatError("an own key has an owner, and only an own key")
        # Leaf 0, so that nobody can grow a second register further on and show only that.
        if not self.entries and (index != 0 or use != "log" or statement.key != name):
            raise FormatError("leaf 0 registers the log key, signed by itself")
        self.entries[name] = Entry(VerifyKey.from_public(public), use, owner, index)

    def key_at(self, name: str, index: int, use: str | None = None) -> VerifyKey:
        """The key, if it may sign at this leaf index; KeyRefused if not."""
        return self._entry_at(name, index, use).key

    def signer_of(self, statement: Statement, index: int) -> VerifyKey:
        """The key of a statement at this leaf index, if it may vouch for what is said."""
        entry = self._entry_at(statement.key, index, None)
        if statement.assurance not in _ASSURANCES[entry.use]:
            raise KeyRefused(f"a key for {entry.use} cannot vouch for {statement.assurance}")
        if (entry.use == "log") != (statement.record == self.record):
            raise KeyRefused("the log key signs the key register and nothing else")
        if entry.owner is not None and entry.owner != statement.actor:
            raise KeyRefused("signed with somebody else's own key")
        return entry.key

    def _entry_at(self, name: str, index: int, use: str | None) -> Entry:
        entry = self.entries.get(name)
        if entry is None or index < entry.registered:
            raise KeyRefused(f"key {name[:16]} is not registered at leaf {index}")
        if entry.revoked is not None and index >= entry.revoked:
            raise KeyRefused(f"key {name[:16]} was revoked at leaf {entry.revoked}")
        if use is not None and entry.use != use:
            raise KeyRefused(f"key {name[:16]} is for {entry.use}, not for {use}")
        return entry
