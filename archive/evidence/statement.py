"""The statement: what an author signs, free of content, kept for ever (docs/formats.md 3)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from archive.evidence import canonical
from archive.evidence.errors import FormatError
from archive.evidence.facts import FACTS, check_facts
from archive.evidence.instant import check_time

ASSURANCES = frozenset({"session", "api-key", "own-key", "passkey", "personal-key", "system"})
ROLES = {"content": "A256GCM-HKDF", "attachment": "A256GCM-HKDF-SEG"}

_HEX32 = re.compile(r"[0-9a-f]{32}", re.ASCII).fullmatch
_HEX64 = re.compile(r"[0-9a-f]{64}", re.ASCII).fullmatch
_WORD = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII).fullmatch
# No spaces, quotes, plus (a note's key name) or line breaks.
ORIGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:-]{0,127}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Part:
    role: str  # content | attachment
    n: int  # counts from 0 within the event, over parts of both roles
    key: str  # 32 hex, id of the content key (for an attachment: the attachment's id)
    commitment: str  # 64 hex
    ciphertext: str  # 64 hex, SHA-256 of the ciphertext
    length: int  # padded length in bytes

    @property
    def alg(self) -> str:
        return ROLES[self.role]


@dataclass(frozen=True, slots=True)
class Signoff:
    meaning: str
    covers: tuple[str, ...]  # envelope hashes, 64 hex


@dataclass(frozen=True, slots=True)
class Ref:
    rel: str
    record: str
    event: str | None  # envelope hash, 64 hex


@dataclass(frozen=True, slots=True)
class Seen:
    size: int
    root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    origin: str
    event: str
    record: str
    version: int
    prev: str | None
    type: str
    kind: str
    kind_version: int
    step: str | None = None
    actor: str | None = None
    behalf: str | None = None
    key: str
    assurance: str
    occurred_at: str
    seen: Seen | None = None
    parts: tuple[Part, ...] = ()
    signoff: Signoff | None = None
    refs: tuple[Ref, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


def encode(statement: Statement) -> bytes:
    """Canonical bytes, the payload to sign; FormatError where a field is out of bounds."""
    members = _to_members(statement)
    _check(members)
    return canonical.encode_checked(members)


def parse(payload: bytes) -> Statement:
    """Strict: canonical bytes, exactly the known keys, every value in bounds."""
    return _read_quickly(payload) or from_members(canonical.decode_object(payload))


def from_members(members: dict[str, Any]) -> Statement:
    """The statement of a payload whose bytes the caller knows to be canonical; else as `parse`."""
    _check(members)
    seen, signoff = members["seen"], members["signoff"]
    return Statement(
        origin=members["origin"],
        event=members["event"],
        record=members["record"],
        version=members["version"],
        prev=members["prev"],
        type=members["type"],
        kind=members["kind"],
        kind_version=members["kind_version"],
        step=members["step"],
        actor=members["actor"],
        behalf=members["behalf"],
        key=members["key"],
        assurance=members["assurance"],
        occurred_at=members["occurred_at"],
        seen=seen and Seen(seen["size"], seen["root"]),
        parts=tuple(
            Part(p["role"], p["n"], p["key"], p["commitment"], p["ciphertext"], p["length"])
            for p in members["parts"]
        ),
        signoff=signoff and Signoff(signoff["meaning"], tuple(signoff["covers"])),
        refs=tuple(Ref(r["rel"], r["record"], r["event"]) for r in members["refs"]),
        facts=members["facts"],
    )


def _to_members(s: Statement) -> dict[str, Any]:
    seen, signoff = s.seen, s.signoff
    return {
        "v": 1,
        "origin": s.origin,
        "event": s.event,
        "record": s.record,
        "version": s.version,
        "prev": s.prev,
        "type": s.type,
        "kind": s.kind,
        "kind_version": s.kind_version,
        "step": s.step,
        "actor": s.actor,
        "behalf": s.behalf,
        "key": s.key,
        "assurance": s.assurance,
        "occurred_at": s.occurred_at,
        "seen": None if seen is None else {"size": seen.size, "root": seen.root},
        "parts": [_part_members(part) for part in s.parts],
        "signoff": None
        if signoff is None
        else {"meaning": signoff.meaning, "covers": list(signoff.covers)},
        "refs": [{"rel": r.rel, "record": r.record, "event": r.event} for r in s.refs],
        "facts": dict(s.facts),
    }


def _part_members(part: Part) -> dict[str, Any]:
    return {
        "role": part.role,
        "n": part.n,
        "alg": ROLES.get(part.role),
        "key": part.key,
        "commitment": part.commitment,
        "ciphertext": part.ciphertext,
        "length": part.length,
    }


def _text(matches: Callable[[str], object]) -> Callable[[Any], bool]:
    return lambda value: type(value) is str and matches(value) is not None


def _optional(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or check(value)


def _at_least(least: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and least <= value <= canonical.MAX_INT


def _list_of(check: Callable[[Any], bool], least: int = 0) -> Callable[[Any], bool]:
    return lambda value: (
        type(value) is list and len(value) >= least and all(check(item) for item in value)
    )


def _object(shape: Mapping[str, Callable[[Any], bool]]) -> Callable[[Any], bool]:
    names = shape.keys()
    checks = tuple(shape.items())
    return lambda value: (
        type(value) is dict
        and value.keys() == names
        and all(check(value[name]) for name, check in checks)
    )


_hex32, _hex64, _word = _text(_HEX32), _text(_HEX64), _text(_WORD)

_SHAPE: Mapping[str, Callable[[Any], bool]] = {
    "v": lambda value: type(value) is int and value == 1,
    "origin": _text(ORIGIN.fullmatch),
    "event": _hex32,
    "record": _hex32,
    "version": _at_least(1),
    "prev": _optional(_hex64),
    "type": lambda value: type(value) is str and value in FACTS,
    "kind": _word,
    "kind_version": _at_least(1),
    "step": _optional(_word),
    "actor": _optional(_hex32),
    "behalf": _optional(_hex32),
    "key": _hex64,
    "assurance": lambda value: type(value) is str and value in ASSURANCES,
    "occurred_at": lambda value: check_time(value) is not None,
    "seen": _optional(_object({"size": _at_least(1), "root": _hex64})),
    "parts": _list_of(
        _object(
            {
                "role": lambda value: type(value) is str and value in ROLES,
                "n": _at_least(0),
                "alg": lambda value: type(value) is str,
                "key": _hex32,
                "commitment": _hex64,
                "ciphertext": _hex64,
                "length": _at_least(1),
            }
        )
    ),
    "signoff": _optional(_object({"meaning": _word, "covers": _list_of(_hex64, 1)})),
    "refs": _list_of(_object({"rel": _word, "record": _hex32, "event": _optional(_hex64)})),
    "facts": lambda value: type(value) is dict,
}
_NAMES = _SHAPE.keys()
_CHECKS = tuple(_SHAPE.items())


# The canonical JSON of a statement without facts is a regular language, so one expression reads it
# several times faster than a parser of JSON. What it does not take goes the long way, to be refused
# with a reason, or taken: counts of 16 digits, and facts, which few events have. The tests hold one
# to the other.
_H32, _H64, _W, _N = "[0-9a-f]{32}", "[0-9a-f]{64}", "[a-z0-9][a-z0-9._-]{0,63}", "[1-9][0-9]{0,14}"
_NO_FACTS = frozenset(name for name, facts in FACTS.items() if not facts)
_ONE_PART = re.compile(
    rf'\{{"alg":"A256GCM-HKDF(-SEG)?","ciphertext":"({_H64})","commitment":"({_H64})"'
    rf',"key":"({_H32})","length":({_N}),"n":(0|{_N}),"role":"(content|attachment)"\}}'
)
_ONE_REF = re.compile(rf'\{{"event":(?:null|"({_H64})"),"record":"({_H32})","rel":"({_W})"\}}')
_STATEMENT = re.compile(
    rf'\{{"actor":(?:null|"({_H32})"),"assurance":"({"|".join(sorted(ASSURANCES))})"'
    rf',"behalf":(?:null|"({_H32})"),"event":"({_H32})","facts":\{{\}},"key":"({_H64})"'
    rf',"kind":"({_W})","kind_version":({_N}),"occurred_at":"([0-9T:.Z-]{{27}})"'
    rf',"origin":"({ORIGIN.pattern})","parts":\[([^\]]*)\],"prev":(?:null|"({_H64})")'
    rf',"record":"({_H32})","refs":\[([^\]]*)\]'
    rf',"seen":(?:null|\{{"root":"({_H64})","size":({_N})\}})'
    rf',"signoff":(?:null|\{{"covers":\["({_H64}(?:","{_H64})*)"\],"meaning":"({_W})"\}})'
    rf',"step":(?:null|"({_W})"),"type":"([a-z-]{{1,40}})","v":1,"version":({_N})\}}',
    re.ASCII,
)


def _read_quickly(payload: bytes) -> Statement | None:
    try:
        match = _STATEMENT.fullmatch(payload.decode("ascii"))
    except UnicodeDecodeError:
        return None
    if match is None:
        return None
    (
        actor, assurance, behalf, event, key, kind, kind_version, occurred_at, origin,
        parts_text, prev, record, refs_text, root, size, covers, meaning, step, type_, version,
    ) = match.groups()  # fmt: skip
    parts, refs = _read_parts(parts_text), _read_refs(refs_text)
    if type_ not in _NO_FACTS or parts is None or refs is None:
        return None
    if (version == "1") != (prev is None):
        return None
    return Statement(
        origin=origin,
        event=event,
        record=record,
        version=int(version),
        prev=prev,
        type=type_,
        kind=kind,
        kind_version=int(kind_version),
        step=step,
        actor=actor,
        behalf=behalf,
        key=key,
        assurance=assurance,
        occurred_at=check_time(occurred_at),
        seen=None if root is None else Seen(int(size), root),
        parts=parts,
        signoff=None if covers is None else Signoff(meaning, tuple(covers.split('","'))),
        refs=refs,
        facts={},
    )


def _read_parts(text: str) -> tuple[Part, ...] | None:
    """The parts, if nothing but parts, in their order, stands there."""
    parts, end = [], 0
    for n, match in enumerate(_ONE_PART.finditer(text)):
        segmented, ciphertext, commitment, key, length, number, role = match.groups()
        comma = text[end : match.start()]
        if number != str(n) or comma != ("," if n else ""):
            return None
        if (segmented is None) != (role == "content"):
            return None
        parts.append(Part(role, n, key, commitment, ciphertext, int(length)))
        end = match.end()
    return tuple(parts) if end == len(text) else None


def _read_refs(text: str) -> tuple[Ref, ...] | None:
    refs, end = [], 0
    for n, match in enumerate(_ONE_REF.finditer(text)):
        event, record, rel = match.groups()
        if text[end : match.start()] != ("," if n else ""):
            return None
        refs.append(Ref(rel, record, event))
        end = match.end()
    return tuple(refs) if end == len(text) else None


def _check(members: dict[str, Any]) -> None:
    if members.keys() != _NAMES:
        odd = sorted(members.keys() ^ _NAMES)
        raise FormatError(f"statement with missing or unknown keys: {', '.join(odd)[:200]}")
    for name, check in _CHECKS:
        if not check(members[name]):
            raise FormatError(f"statement field {name} is out of bounds")
    if (members["version"] == 1) != (members["prev"] is None):
        raise FormatError("statement field prev is null on version 1 and only there")
    for position, part in enumerate(members["parts"]):
        if part["n"] != position:
            raise FormatError("parts are numbered 0, 1, 2, ... in their order")
        if part["alg"] != ROLES[part["role"]]:
            raise FormatError(f"part {position}: algorithm does not fit its role")
    check_facts(members["type"], members["facts"])
