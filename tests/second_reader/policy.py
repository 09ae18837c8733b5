"""Trust policies: which log keys and which witnesses a reader relies on."""

import re
from dataclasses import dataclass, field

from tests.second_reader.signing import (
    COSIGNATURE,
    LOG,
    Checkpoint,
    VerifierKey,
    good_key,
    key_hash,
    read_vkey,
)
from tests.second_reader.spelling import BadFormError

_ALLOWED = {9, 10, *range(0x20, 0x7F), *range(0x80, 0x100)}


@dataclass
class Policy:
    """Logs, witnesses by name, groups as (name, how many, of whom), and whose word is enough."""

    logs: list[VerifierKey] = field(default_factory=list)
    witnesses: dict[str, VerifierKey] = field(default_factory=dict)
    groups: list[tuple[str, int, list[str]]] = field(default_factory=list)
    quorum: str | None = None

    def fault(self, checkpoint: Checkpoint, origin: str) -> str | None:
        """Why this checkpoint is not to be trusted; None if it is."""
        if not any(key.name == origin and checkpoint.signed_by(key) for key in self.logs):
            return "no trusted log key signed the checkpoint"
        standing = set()
        for name, key in self.witnesses.items():
            if any((line, sig[:4]) == (key.name, key.hash) for line, sig in checkpoint.lines):
                if not checkpoint.signed_by(key):
                    return f"the line of witness {name} does not fit"
                standing.add(name)
        for name, least, members in self.groups:
            if len(standing.intersection(members)) >= least:
                standing.add(name)
        met = self.quorum == "none" or self.quorum in standing
        return None if met else "the quorum of witnesses is not met"

    def means(self) -> object:
        """What it comes to, whatever the order and the addresses."""
        groups = {(name, least, frozenset(members)) for name, least, members in self.groups}
        return set(self.logs), self.witnesses, groups, self.quorum

    def _names(self) -> set[str]:
        return {*self.witnesses, *(name for name, _, _ in self.groups)}

    def _members(self) -> set[str]:
        return {member for _, _, members in self.groups for member in members}

    def take(self, words: list[str]) -> None:
        """Read one line."""
        match words:
            case ["log", vkey] | ["log", vkey, _]:
                self._log(vkey)
            case ["witness", name, vkey] | ["witness", name, vkey, _]:
                self._witness(name, vkey)
            case ["group", name, threshold, *members] if members:
                self._group(name, threshold, members)
            case ["quorum", name] if self.quorum is None:
                if name != "none" and name not in self._names():
                    raise BadFormError("a quorum of nobody")
                self.quorum = name
            case _:
                raise BadFormError("a line that means nothing")

    def _log(self, vkey: str) -> None:
        key = _sound(vkey)
        if key.type != LOG or any(key.public == other.public for other in self.logs):
            raise BadFormError("no log key, or one a second time")
        self.logs.append(key)

    def _witness(self, name: str, vkey: str) -> None:
        key = _sound(vkey)
        known = {other.public for other in self.witnesses.values()}
        if name == "none" or name in self._names() or key.public in known:
            raise BadFormError("a name or a witness a second time")
        data = bytes([COSIGNATURE]) + key.public
        hashed = key_hash(key.name, data)
        self.witnesses[name] = VerifierKey(key.name, hashed, COSIGNATURE, key.public)

    def _group(self, name: str, threshold: str, members: list[str]) -> None:
        if name == "none" or name in self._names():
            raise BadFormError("a name a second time")
        if len(set(members)) < len(members) or self._members() & set(members):
            raise BadFormError("a member a second time")
        if not set(members) <= self._names():
            raise BadFormError("a member that is nobody")
        words = {"any": 1, "all": len(members)}
        if threshold not in words and not re.fullmatch(r"[1-9][0-9]{0,5}", threshold, re.ASCII):
            raise BadFormError("no threshold")
        least = words[threshold] if threshold in words else int(threshold)
        if least > len(members):
            raise BadFormError("a threshold that cannot be met")
        self.groups.append((name, least, members))


def _sound(vkey: str) -> VerifierKey:
    key = read_vkey(vkey)
    if not good_key(key.public):
        raise BadFormError("a key that is not of prime order")
    return key


def read_policy(data: bytes) -> Policy:
    """Read the file, which has at least one log."""
    if len(data) > 1_000_000 or not set(data) <= _ALLOWED or data[-1:] != b"\n":
        raise BadFormError("too long, a control character, or no newline at the end")
    policy = Policy()
    for line in data.decode("utf-8", "surrogateescape").split("\n"):
        words = line.replace("\t", " ").split(" ")
        words = [word for word in words if word]
        if words and not words[0].startswith("#"):
            policy.take(words)
    if not policy.logs or policy.quorum is None:
        raise BadFormError("no log, or no quorum line")
    return policy
