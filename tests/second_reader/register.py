"""The key register: which key is valid at which index, and for what."""

import hashlib
from dataclasses import dataclass, replace

from tests.second_reader import spelling as s
from tests.second_reader.assertion import Passkey, counter_of
from tests.second_reader.shapes import Leaf
from tests.second_reader.signing import fits, good_key, key_id

INTAKE = {"session", "api-key", "system"}
PERSONS = {"passkey": "passkey", "personal": "personal-key", "own": "own-key"}
EVENTS = {"key-registered", "key-revoked", "signoff-key-registered"}
KIND = "key-register"


@dataclass(frozen=True)
class Key:
    """A registered key and the stretch of indexes in which it is valid."""

    public: bytes
    use: str
    owner: str | None
    start: int
    end: int | None = None
    passkey: Passkey | None = None

    def valid_at(self, index: int) -> bool:
        """From the registration inclusive to the revocation exclusive."""
        return self.start <= index and (self.end is None or index < self.end)


def register_id(origin: str) -> str:
    """The record id of an origin's register."""
    text = f"liuhen/v1/key-register\n{origin}"
    return hashlib.sha256(text.encode()).digest()[:16].hex()


class Register:
    """Built leaf by leaf, ascending; says what is wrong with each."""

    def __init__(self, origin: str) -> None:
        self.record = register_id(origin)
        self.keys: dict[str, Key] = {}
        self.counters: dict[str, int] = {}
        self._before: tuple[str, Key | None] = ("", None)

    def take(self, index: int, leaf: Leaf) -> str | None:
        """Apply a leaf of keys.jsonl, or say why not (step 5)."""
        statement, facts = leaf.statement, leaf.statement["facts"]
        if statement["record"] != self.record or statement["kind"] != KIND:
            return "not of the key register"
        if statement["type"] not in EVENTS or statement["assurance"] != "system":
            return "no event of the key register"
        if statement["parts"]:
            return "a register event with parts"
        if statement["type"] == "key-registered":
            return self._register(index, statement["key"], facts)
        if statement["type"] == "signoff-key-registered":
            return self._register_person(index, facts)
        return self._revoke(index, facts["key"])

    def _register(self, index: int, signer: str, facts: s.Fields) -> str | None:
        public = s.unbase64(facts["public"])
        if facts["key"] in self.keys:
            return "a key is registered again"
        if key_id(public) != facts["key"] or not good_key(public):
            return "the key does not fit its id or is no good key"
        if (facts["use"] == "own") != (facts["owner"] is not None):
            return "an owner is set exactly for own keys"
        itself = signer == facts["key"]
        if itself != (index == 0) or (itself and facts["use"] != "log"):
            return "leaf 0, and no other, registers the log key that signs it"
        self._put(facts["key"], Key(public, facts["use"], facts["owner"], index))
        return None

    def _register_person(self, index: int, facts: s.Fields) -> str | None:
        public, rp, alg = s.unbase64(facts["public"]), facts["rp"], facts["alg"]
        if facts["key"] in self.keys or key_id(public) != facts["key"]:
            return "a key registered again, or under another id"
        if (rp is None) != (alg == "Ed25519"):
            return "an rp id exactly for passkeys"
        passkey = None if rp is None else Passkey(alg, public, rp)
        if not (good_key(public) if passkey is None else passkey.sound):
            return "no good key"
        wrong = self._approval(index, facts)
        if wrong is None:
            use = "personal" if passkey is None else "passkey"
            self._put(facts["key"], Key(public, use, facts["owner"], index, passkey=passkey))
        return wrong

    def _approval(self, index: int, facts: s.Fields) -> str | None:
        how, by = facts["approved"]["how"], facts["approved"]["by"]
        if (how == "key") != (by is not None):
            return "the approval names a key exactly where one approved"
        if by is None:
            return None
        key = self.keys.get(by)
        mine = key is not None and key.use in {"passkey", "personal"}
        if not mine or key is None or not key.valid_at(index) or key.owner != facts["owner"]:
            return "approved by no valid key of the person"
        return None

    def _revoke(self, index: int, keyid: str) -> str | None:
        key = self.keys.get(keyid)
        if key is None or key.end is not None:
            return "revokes a key that is not valid"
        self._put(keyid, replace(key, end=index))
        return None

    def _put(self, keyid: str, key: Key) -> None:
        self._before = keyid, self.keys.get(keyid)
        self.keys[keyid] = key

    def take_back(self) -> None:
        """Undo the last leaf that was applied: its signature turned out not to be sound."""
        keyid, key = self._before
        self.keys.pop(keyid)
        if key is not None:
            self.keys[keyid] = key

    def log_key_at(self, keyid: str, index: int) -> Key | None:
        """The log key of that id, if it is valid there."""
        key = self.keys.get(keyid)
        return key if key and key.use == "log" and key.valid_at(index) else None

    def signer_fault(self, index: int, leaf: Leaf) -> str | None:
        """What is wrong with a leaf's signature (step 6)."""
        statement, envelope = leaf.statement, leaf.envelope
        key = self.keys.get(envelope.keyid)
        if key is None or not key.valid_at(index):
            return "signed by a key that is not valid here"
        if key.passkey is not None:
            wrong = key.passkey.fault(envelope.signature, envelope.payload)
        else:
            sound = len(envelope.signature) == 64
            sound = sound and fits(key.public, envelope.signature, envelope.signed)
            wrong = None if sound else "the signature does not fit"
        if wrong:
            return wrong
        if statement["record"] == self.record:
            return None if key.use == "log" else "the register is signed by log keys"
        if key.use == "intake" and statement["assurance"] in INTAKE:
            return None
        if PERSONS.get(key.use) == statement["assurance"]:
            return None if statement["actor"] == key.owner else "another's own key"
        return "the key is not for this assurance"

    def counts_back(self, leaf: Leaf) -> bool:
        """Whether a passkey's counter is not above all before it (step 6, a note)."""
        key = self.keys.get(leaf.envelope.keyid)
        if key is None or key.passkey is None:
            return False
        now, most = counter_of(leaf.envelope.signature), self.counters.get(leaf.envelope.keyid, 0)
        self.counters[leaf.envelope.keyid] = max(now, most)
        return now <= most and max(now, most) > 0
