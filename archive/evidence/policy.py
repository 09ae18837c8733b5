"""Whom the reader trusts: a verifier key, or a C2SP tlog-policy file."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from archive.evidence import note
from archive.evidence.errors import FormatError, SignatureError
from archive.evidence.keys import check_public_key

MAX_POLICY = 1_000_000
"""Bytes. The specification has no bound, and asks for 32 logs, witnesses and groups at least."""
NONE = "none"
_BAD = re.compile(rb"[^\t\n\x20-\x7e\x80-\xff]")
_SPACE = re.compile(r"[ \t]+")
_NUMBER = re.compile(r"[1-9][0-9]{0,5}", re.ASCII)


@dataclass(slots=True)
class Policy:
    """`witnesses` by the names that the file gives them, as cosigners' keys; `urls` of those that
    have one; `groups`: how many of which, in the order of the file. `quorum`: none, or a name."""

    logs: list[note.VerifierKey]
    witnesses: dict[str, note.VerifierKey] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)
    groups: dict[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    quorum: str = NONE

    @classmethod
    def of_vkey(cls, vkey: str) -> Self:
        return cls([_log_key(vkey)])

    @classmethod
    def parse(cls, data: bytes | str, *, of_a_log: bool = False) -> Self:
        """Lines of log, witness, group and quorum; comments are lines that begin with #.

        FormatError, naming the line. `of_a_log`: by whom the checkpoint must be signed is known
        already, so that no log need be listed.
        """
        policy, quorums = cls([]), 0
        for number, line in enumerate(_lines(data), 1):
            words = [word for word in _SPACE.split(line) if word]
            if not words or words[0].startswith("#"):
                continue
            try:
                policy._line(words, quorums)
            except (FormatError, SignatureError) as error:  # it quotes nothing: names are opaque
                raise FormatError(f"policy line {number}: {error}") from None
            quorums += words[0] == "quorum"
        if not policy.logs and not of_a_log:
            raise FormatError("policy without a log line: nothing could be trusted")
        if not quorums:
            raise FormatError("policy without a quorum line: write `quorum none` if that is meant")
        return policy

    def _line(self, words: list[str], quorums: int) -> None:
        keyword, *rest = words
        if keyword == "log" and len(rest) in (1, 2):
            _refuse_again(key := _log_key(rest[0]), self.logs)
            self.logs.append(key)
        elif keyword == "witness" and len(rest) in (2, 3):
            self._witness(*rest)
        elif keyword == "group" and len(rest) >= 3:
            self._group(rest[0], rest[1], tuple(rest[2:]))
        elif keyword == "quorum" and len(rest) == 1 and not quorums:
            if rest[0] != NONE and rest[0] not in {*self.witnesses, *self.groups}:
                raise FormatError("quorum of a name that is not known before")
            self.quorum = rest[0]
        else:
            raise FormatError("not understood")

    def _witness(self, name: str, vkey: str, url: str | None = None) -> None:
        self._refuse_taken(name)
        key = _sound(vkey)
        # Given as a plain Ed25519 key or as a cosigner's: what counts is a cosignature.
        cosigner = note.VerifierKey.make(key.name, key.key, note.COSIGNATURE)
        # A cosignature does not say by which name it was made: one key under two names would count
        # twice.
        _refuse_again(cosigner, self.witnesses.values())
        self.witnesses[name] = cosigner
        if url is not None:
            self.urls[name] = url

    def _group(self, name: str, threshold: str, members: tuple[str, ...]) -> None:
        self._refuse_taken(name)
        if len(set(members)) != len(members):
            raise FormatError("a group lists a member once")
        taken = {member for _, listed in self.groups.values() for member in listed}
        for member in members:
            if member not in self.witnesses and member not in self.groups:
                raise FormatError("a member that is not known before")
            if member in taken:
                raise FormatError("a member of another group: it counts in one way only")
        named = {"any": 1, "all": len(members)}
        if threshold not in named and not _NUMBER.fullmatch(threshold):
            raise FormatError("threshold is any, all, or a number")
        least = named.get(threshold) or int(threshold)
        if least > len(members):
            raise FormatError("threshold above the number of members")
        self.groups[name] = least, members

    def _refuse_taken(self, name: str) -> None:
        if name in {NONE, *self.witnesses, *self.groups}:
            raise FormatError("a name that is taken")

    def encode(self, logs: Sequence[str]) -> bytes:
        """A policy file of these logs (verifier keys) and of its own witnesses, groups and quorum,
        without addresses."""
        lines = [f"log {vkey}" for vkey in logs]
        lines += [f"witness {name} {key}" for name, key in self.witnesses.items()]
        for name, (least, members) in self.groups.items():
            lines.append(" ".join(("group", name, str(least), *members)))
        lines.append(f"quorum {self.quorum}")
        return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")

    # ------------------------------------------------------------ what it says of a checkpoint

    def check(self, checkpoint: note.Note, origin: str) -> Mapping[str, int]:
        """The POSIX times of the witnesses that cosigned, by their names in the policy.

        SignatureError unless a trusted log of this origin signed, every line of a trusted witness
        fits, and the quorum is met; its code is the verifier's.
        """
        keys = [key for key in self.logs if key.name == origin]
        if not keys:
            raise SignatureError(f"the policy trusts no log named {origin}", "policy")
        if not any(_signed(checkpoint, key) for key in keys):
            raise SignatureError(
                "checkpoint is not signed by the log key that the policy trusts", "policy"
            )
        times = self.cosigned(checkpoint)
        if not self.met(times):
            raise SignatureError(f"{len(times)} of {len(self.witnesses)}, {self.quorum}", "quorum")
        return times

    def cosigned(self, checkpoint: note.Note) -> dict[str, int]:
        """SignatureError where a line is by a trusted witness and does not fit."""
        lines = {(line.name, line.hash) for line in checkpoint.signatures}
        times = {}
        for name, key in self.witnesses.items():
            if (key.name, key.hash) in lines:
                try:
                    times[name] = int(note.verify(checkpoint, key) or 0)
                except SignatureError:
                    raise SignatureError(name, "cosignature") from None
        return times

    @property
    def wants_witnesses(self) -> bool:
        return self.quorum != NONE

    def met(self, witnesses: Collection[str]) -> bool:
        """Whether these are a quorum."""
        if self.quorum == NONE:
            return True
        told = set(witnesses)
        for name, (least, members) in self.groups.items():  # members stand before their group
            if sum(member in told for member in members) >= least:
                told.add(name)
        return self.quorum in told

    def agrees_with(self, other: "Policy") -> bool:
        """Whether they trust the same by the same names; order and addresses are of no account."""
        return _trusted(self) == _trusted(other)

    def least(self) -> int:
        """How few witnesses can be a quorum."""
        needed = dict.fromkeys(self.witnesses, 1)
        for name, (least, members) in self.groups.items():
            needed[name] = sum(sorted(needed[member] for member in members)[:least])
        return needed.get(self.quorum, 0)


def _trusted(policy: Policy) -> tuple[object, ...]:
    groups = {name: (least, frozenset(of)) for name, (least, of) in policy.groups.items()}
    witnesses = {name: str(key) for name, key in policy.witnesses.items()}
    return set(map(str, policy.logs)), witnesses, groups, policy.quorum


def _lines(data: bytes | str) -> list[str]:
    raw = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    if len(raw) > MAX_POLICY:
        raise FormatError("policy is too long")
    if _BAD.search(raw):
        raise FormatError("policy with a control character, such as a carriage return")
    if not raw.endswith(b"\n"):
        raise FormatError("policy does not end with a newline")
    # Octets beyond ASCII are opaque: names that are no UTF-8 are still names.
    return raw.decode("utf-8", "surrogateescape").split("\n")


def _sound(vkey: str) -> note.VerifierKey:
    key = note.VerifierKey.parse(vkey)
    check_public_key(key.key.public)  # whose order is small, anybody could sign for
    return key


def _log_key(vkey: str) -> note.VerifierKey:
    key = _sound(vkey)
    if key.type != note.ED25519:
        raise FormatError("a log key is of type 1")
    return key


def _refuse_again(key: note.VerifierKey, others: Collection[note.VerifierKey]) -> None:
    if any(key.key.public == other.key.public for other in others):
        raise FormatError("the same public key a second time")


def _signed(checkpoint: note.Note, key: note.VerifierKey) -> bool:
    try:
        note.verify(checkpoint, key)
    except SignatureError:
        return False
    return True
