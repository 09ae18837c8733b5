"""One spelling each: canonical JSON, base64, patterns, times, and the shapes made of them."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, NoReturn

MOST = 2**53 - 1
DEEPEST = 64

type_of = type  # `bool` is an `int` to isinstance, so types are compared
Check = Callable[[Any], bool]
Fields = dict[str, Any]


class BadFormError(Exception):
    """The bytes are not in the one spelling that the page gives."""


def _no_fraction(text: str) -> NoReturn:
    raise BadFormError(f"{text} is no integer")


def _once(pairs: list[tuple[str, Any]]) -> Fields:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadFormError("a key stands twice")
    return found


def _look(value: Any, level: int) -> None:
    """Refuse numbers, keys and depths that the restrictions rule out."""
    if type_of(value) is int and abs(value) > MOST:
        raise BadFormError("a number is too large")
    if not isinstance(value, dict | list):
        return
    if level > DEEPEST:
        raise BadFormError("nested too deep")
    if isinstance(value, dict) and not all(key.isascii() for key in value):
        raise BadFormError("a key is not ASCII")
    for member in value.values() if isinstance(value, dict) else value:
        _look(member, level + 1)


def encode(value: Any) -> bytes:
    """The canonical bytes of a value that has passed `decode` or was made here."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode()


def decode(data: bytes) -> Any:
    """Read canonical JSON, or refuse it."""
    try:
        value = json.loads(
            data.decode(),
            parse_float=_no_fraction,
            parse_constant=_no_fraction,
            object_pairs_hook=_once,
        )
        _look(value, 1)
        again = encode(value)
    except (ValueError, RecursionError) as fault:
        raise BadFormError(f"no JSON: {fault}") from fault
    if again != data:
        raise BadFormError("not the canonical spelling")
    return value


def unbase64(text: str) -> bytes:
    """Read padded base64 whose unused bits are zero."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as fault:
        raise BadFormError("no base64") from fault
    if base64.b64encode(data).decode() != text:
        raise BadFormError("not the canonical base64")
    return data


# ---------------------------------------------------------------- shapes


def pattern(expression: str) -> Check:
    """A text that fits the expression from end to end."""
    compiled = re.compile(expression, re.ASCII)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def one_of(*values: str | int) -> Check:
    """One of these values, of the same type."""
    return lambda value: any(type_of(value) is type_of(v) and value == v for v in values)


def integer(least: int) -> Check:
    """An integer from `least` on."""
    return lambda value: type_of(value) is int and least <= value <= MOST


def or_null(check: Check) -> Check:
    """What the check takes, or null."""
    return lambda value: value is None or check(value)


def list_of(check: Check, least: int = 0) -> Check:
    """A list whose members all pass."""
    return lambda v: isinstance(v, list) and len(v) >= least and all(map(check, v))


def shape(fields: Mapping[str, Check]) -> Check:
    """An object with exactly these keys, each of which passes its check."""

    def passes(value: Any) -> bool:
        if not isinstance(value, dict) or value.keys() != fields.keys():
            return False
        return all(check(value[key]) for key, check in fields.items())

    return passes


def base64_of(length: int) -> Check:
    """Base64 of exactly so many bytes."""

    def passes(value: Any) -> bool:
        try:
            return isinstance(value, str) and len(unbase64(value)) == length
        except BadFormError:
            return False

    return passes


def _real(parse: Callable[[str], object], check: Check) -> Check:
    def passes(value: Any) -> bool:
        try:
            return check(value) and parse(value) is not None
        except ValueError:
            return False

    return passes


def moment(text: str) -> datetime:
    """The instant (UTC, without saying so) of a time text."""
    return datetime.fromisoformat(text.removesuffix("Z"))


hex32 = pattern("[0-9a-f]{32}")
hex64 = pattern("[0-9a-f]{64}")
word = pattern("[a-z0-9][a-z0-9._-]{0,63}")
origin = pattern("[A-Za-z0-9][A-Za-z0-9._/:-]{0,127}")
number = pattern("[A-Z0-9][A-Za-z0-9._/-]{0,63}")
count = integer(1)
day = _real(date.fromisoformat, pattern("[0-9]{4}-[0-9]{2}-[0-9]{2}"))
time = _real(
    moment, pattern(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
)


def expect(check: Check, value: Any, what: str) -> Fields:
    """The value, now known to be an object of that shape."""
    if not check(value) or not isinstance(value, dict):
        raise BadFormError(f"not the shape of {what}")
    return value
