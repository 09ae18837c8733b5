"""Canonical JSON: RFC 8785 restricted to ASCII keys, no floats, |int| < 2**53, depth <= 64.

Within these limits Python's own encoder gives RFC 8785 exactly (sorting by UTF-16 units
and by code points agree on ASCII), so it runs at C speed; the tests hold it to the RFC's vectors.
"""

import json
import re
from typing import Any, NoReturn

from archive.evidence.errors import FormatError

MAX_INT = 2**53 - 1
MAX_DEPTH = 64

_LONG_NUMBER = re.compile(r"[:,\[-][0-9]{16}")  # what may stand before a number inside
_dumps = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"), check_circular=False
).encode


def encode(value: Any) -> bytes:
    """The one serialisation of `value`; FormatError where it has none."""
    _check(value, 0)
    return encode_checked(value)


def encode_checked(value: Any) -> bytes:
    """As `encode`, for values whose types and ranges the caller has already checked."""
    try:
        return _dumps(value).encode("utf-8")
    except (UnicodeEncodeError, TypeError, ValueError, RecursionError) as error:
        raise FormatError(f"not expressible as canonical JSON: {error}") from None


def decode(data: bytes) -> Any:
    """Read canonical JSON; any other serialisation of the same value is refused."""
    try:
        text = data.decode("utf-8")
        value = _loads(text)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise FormatError(f"not JSON: {error}") from None
    if _needs_walk(text):
        _check(value, 0)
    # Comparing with the re-encoding finds duplicate keys, order, spaces, escapes and -0 at once.
    if encode_checked(value) != data:
        raise FormatError("not canonical JSON: send the bytes that RFC 8785 gives")
    return value


def decode_object(data: bytes) -> dict[str, Any]:
    value = decode(data)
    if type(value) is not dict:
        raise FormatError("canonical JSON object expected")
    return value


def _needs_walk(text: str) -> bool:
    """Three quick tests that can only err to the safe side spare most texts the slow walk."""
    return (
        not text.isascii()
        or text[0] not in '{["'
        or text.count("{") + text.count("[") > MAX_DEPTH
        or _LONG_NUMBER.search(text) is not None
    )


def _refuse_number(text: str) -> NoReturn:
    raise FormatError(f"floats have no place here: {text[:40]}")


_loads = json.JSONDecoder(parse_float=_refuse_number, parse_constant=_refuse_number).decode


def _check(value: Any, depth: int) -> None:
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return
    if kind is int:
        if not -MAX_INT <= value <= MAX_INT:
            raise FormatError("integer beyond 2**53 - 1")
    elif depth >= MAX_DEPTH:
        raise FormatError(f"nested deeper than {MAX_DEPTH}")
    elif kind is dict:
        for key, item in value.items():
            if type(key) is not str or not key.isascii():
                raise FormatError("keys are ASCII strings")
            _check(item, depth + 1)
    elif kind is list or kind is tuple:
        for item in value:
            _check(item, depth + 1)
    else:
        raise FormatError(f"{kind.__name__} has no place in canonical JSON")
