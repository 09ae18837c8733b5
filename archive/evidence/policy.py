"""Whom the reader trusts: a verifier key, or a C2SP tlog-policy file."""

import re
from dataclasses import dataclass, field
from typing import Self

from archive.evidence import note
from archive.evidence.errors import FormatError, SignatureError

_NAME = re.compile(r"[^\s+#]+")
_SPACE = re.compile(r"[ \t]+")


@dataclass(slots=True)
class Policy:
    logs: list[note.VerifierKey]
    witnesses: dict[str, note.VerifierKey] = field(default_factory=dict)
    groups: dict[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    quorum: str | None = None

    @classmethod
    def of_vkey(cls, vkey: str) -> Self:
        return cls([_log_key(vkey)])

    @classmethod
    def parse(cls, text: str) -> Self:
        """Lines of log, witness, group and quorum; comments are lines that begin with #."""
        policy = cls([])
        for number, line in enumerate(text.split("\n"), 1):
            words = [word for word in _SPACE.split(line) if word]
            if not words or words[0].startswith("#"):
                continue
            try:
                policy._line(words)
            except (FormatError, SignatureError) as error:
                raise FormatError(f"policy line {number}: {error}") from None
        if not policy.logs:
            raise FormatError("policy without a log line: nothing could be trusted")
        return policy

    def _line(self, words: list[str]) -> None:
        keyword, *rest = words
        if keyword == "log" and len(rest) in (1, 2):
            self.logs.append(_log_key(rest[0]))
        elif keyword == "witness" and len(rest) in (2, 3):
            self._name(rest[0])
            key = note.VerifierKey.parse(rest[1])
            # Given as a plain Ed25519 key or as a cosigner's: what counts is a cosignature.
            cosigner = note.VerifierKey.make(key.name, key.key, note.COSIGNATURE)
            self.witnesses[rest[0]] = cosigner
        elif keyword == "group" and len(rest) >= 3:
            self._group(rest[0], rest[1], tuple(rest[2:]))
        elif keyword == "quorum" and len(rest) == 1 and self.quorum is None:
            if rest[0] != "none" and rest[0] not in {*self.witnesses, *self.groups}:
                raise FormatError(f"quorum of the unknown {rest[0]}")
            self.quorum = rest[0]
        else:
            raise FormatError(f"not understood: {keyword}")

    def _group(self, name: str, threshold: str, members: tuple[str, ...]) -> None:
        self._name(name)
        if len(set(members)) != len(members):
            raise FormatError("a group lists a member once")
        for member in members:
            if member not in self.witnesses and member not in self.groups:
                raise FormatError(f"unknown member {member}")
        named = {"any": 1, "all": len(members)}
        if threshold not in named and not re.fullmatch(r"[1-9][0-9]{0,3}", threshold, re.ASCII):
            raise FormatError("threshold is any, all, or a number")
        least = named.get(threshold) or int(threshold)
        if least > len(members):
            raise FormatError("threshold above the number of members")
        self.groups[name] = least, members

    def _name(self, name: str) -> None:
        if _NAME.fullmatch(name) is None or name in {"none", *self.witnesses, *self.groups}:
            raise FormatError(f"name {name} is malformed or taken")

    def check(self, checkpoint: note.Note, origin: str) -> None:
        """SignatureError unless a trusted log of this origin signed, and a quorum cosigned."""
        keys = [key for key in self.logs if key.name == origin]
        if not keys:
            raise SignatureError(f"the policy trusts no log named {origin}")
        if not any(_signed(checkpoint, key) for key in keys):
            raise SignatureError("checkpoint is not signed by the log key that the policy trusts")
        if self.quorum not in (None, "none") and not self._met(str(self.quorum), checkpoint):
            raise SignatureError("checkpoint is not cosigned by the quorum that the policy wants")

    def _met(self, name: str, checkpoint: note.Note) -> bool:
        if name in self.witnesses:
            return _signed(checkpoint, self.witnesses[name])
        least, members = self.groups[name]
        return sum(self._met(member, checkpoint) for member in members) >= least


def _log_key(vkey: str) -> note.VerifierKey:
    key = note.VerifierKey.parse(vkey)
    if key.type != note.ED25519:
        raise FormatError("a log key is of type 1")
    return key


def _signed(checkpoint: note.Note, key: note.VerifierKey) -> bool:
    try:
        note.verify(checkpoint, key)
    except SignatureError:
        return False
    return True
