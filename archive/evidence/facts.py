"""The facts of an event that stay readable after its content is gone: closed, per event type."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Any

from archive.evidence.errors import FormatError
from archive.evidence.instant import check_date

Check = Callable[[Any], bool]
USES = frozenset({"log", "intake", "own"})
SIGNOFF_ALGS = frozenset({"Ed25519", "WebAuthn-ES256", "WebAuthn-EdDSA"})
APPROVED_BY = frozenset({"session", "key", "code"})

_HEX32 = re.compile(r"[0-9a-f]{32}", re.ASCII)
_HEX64 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_WORD = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
_RULE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+/-]{0,63}", re.ASCII)
_TZDATA = re.compile(r"[0-9]{4}[a-z]{1,2}", re.ASCII)
_RP = re.compile(r"[a-z0-9][a-z0-9.-]{0,252}", re.ASCII)


def _text(pattern: re.Pattern[str]) -> Check:
    return lambda value: type(value) is str and pattern.fullmatch(value) is not None


def _date(value: Any) -> bool:
    return check_date(value) is not None


def _count(value: Any) -> bool:
    return type(value) is int and 1 <= value < 2**53


def _list_of(check: Check) -> Check:
    return lambda value: type(value) is list and all(check(item) for item in value)


def _object(shape: Mapping[str, Check]) -> Check:
    return lambda value: (
        type(value) is dict
        and value.keys() == shape.keys()
        and all(check(value[name]) for name, check in shape.items())
    )


def _null_or(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _one_of(words: frozenset[str]) -> Check:
    return lambda value: type(value) is str and value in words


def _public(*lengths: int) -> Check:
    def check(value: Any) -> bool:
        try:
            raw = base64.b64decode(value, validate=True) if type(value) is str else b""
        except (binascii.Error, ValueError):
            return False
        return len(raw) in lengths and base64.b64encode(raw).decode("ascii") == value

    return check


_hex32, _hex64, _word = _text(_HEX32), _text(_HEX64), _text(_WORD)
_rule = _object({"id": _text(_RULE), "version": _count, "hash": _hex64})

NO_FACTS: Mapping[str, Check] = {}

# Every event type there is. To add one is to publish it: it stays readable for ever.
FACTS: Mapping[str, Mapping[str, Check]] = {
    "opened": NO_FACTS,
    "step-taken": NO_FACTS,
    "corrected": NO_FACTS,
    "signed": NO_FACTS,
    "refused": NO_FACTS,
    "acknowledged": NO_FACTS,
    "distributed": NO_FACTS,
    "delegated": NO_FACTS,
    "delegation-ended": NO_FACTS,
    "paused": NO_FACTS,
    "resumed": NO_FACTS,
    "linked": NO_FACTS,
    "unlinked": NO_FACTS,
    "attached": NO_FACTS,
    "noted": NO_FACTS,
    "reopened": NO_FACTS,
    "imported": NO_FACTS,
    "filed": {
        "base_date": _date,  # the civil day in `zone` from which periods run
        "zone": _text(_ZONE),  # IANA name
        "tzdata": _text(_TZDATA),  # version of the zone data used, such as 2026a
        "scope": _null_or(_word),  # the archive scope (归档范围) chosen, null for none
        "marks": _list_of(_word),  # what other rules look at: contract, safety, ...
        "copies": _list_of(_object({"n": _count, "medium": _word, "base_date": _date})),
    },
    "disposed": {
        "list": _hex64,  # hash of the frozen disposal list
        "rule": _rule,
        "last_day": _date,
        "approvals": _list_of(_hex64),  # envelope hashes of the approving sign-offs
    },
    "disposal-listed": {"list": _hex64},
    "disposal-approved": {"list": _hex64},
    "hold-placed": {"hold": _hex32},
    "hold-released": {"hold": _hex32},
    "rule-set": {"rule": _rule},
    "key-registered": {
        "alg": lambda value: value == "Ed25519",
        "key": _hex64,
        "owner": _null_or(_hex32),
        "public": _public(32),
        "use": _one_of(USES),
    },
    "key-revoked": {"key": _hex64, "reason": _word},
    "signoff-key-registered": {
        "alg": _one_of(SIGNOFF_ALGS),
        # What let this key in: another key of the same person, their session, their one-time code.
        "approved": _object({"by": _null_or(_hex64), "how": _one_of(APPROVED_BY)}),
        "key": _hex64,
        "owner": _hex32,
        "public": _public(32, 65),
        "rp": _null_or(_text(_RP)),  # the site for which a passkey signs
    },
}


def check_facts(event_type: str, facts: Mapping[str, Any]) -> None:
    """FormatError unless `facts` has exactly what its event type has."""
    shape = FACTS[event_type]
    if facts.keys() != shape.keys():
        wanted = ", ".join(sorted(shape)) or "none"
        raise FormatError(f"facts of {event_type} are exactly: {wanted}")
    for name, check in shape.items():
        if not check(facts[name]):
            raise FormatError(f"fact {name} of {event_type} is out of bounds")
