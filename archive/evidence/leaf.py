"""The leaf: the author's envelope, and the little that the log adds to it."""

import re
from dataclasses import dataclass

from archive.evidence.errors import FormatError
from archive.evidence.instant import check_time

MAX_LEAF = 65_535

NUMBER = re.compile(r"[A-Z0-9][A-Za-z0-9._/-]{0,63}", re.ASCII)
_HEAD = b'{"envelope":"'
_MIDDLE = b'","number":'  # cannot occur inside: there every quote has its backslash
_TAIL = re.compile(
    rb'(?:null|"([A-Z0-9][A-Za-z0-9._/-]{0,63}+)"),"recorded_at":"([0-9T:.Z-]{27})","v":1\}'
)


@dataclass(frozen=True, slots=True)
class Leaf:
    envelope: bytes
    number: str | None
    recorded_at: str


def encode(envelope: bytes, number: str | None, recorded_at: str) -> bytes:
    """The leaf's bytes. `envelope` is ASCII without backslash, as dsse.parse has made sure."""
    check_time(recorded_at)
    if number is not None and NUMBER.fullmatch(number) is None:
        raise FormatError("a record number looks like KS-2026-00017")
    data = b'{"envelope":"%b","number":%b,"recorded_at":"%b","v":1}' % (
        envelope.replace(b'"', b'\\"'),
        b"null" if number is None else b'"%b"' % number.encode("ascii"),
        recorded_at.encode("ascii"),
    )
    if len(data) > MAX_LEAF:
        raise FormatError(f"leaf of {len(data)} bytes: at most {MAX_LEAF}, put data into content")
    return data


def parse(data: bytes) -> Leaf:
    if len(data) > MAX_LEAF:
        raise FormatError(f"leaf of {len(data)} bytes: at most {MAX_LEAF}")
    middle = data.find(_MIDDLE)
    match = _TAIL.fullmatch(data, middle + len(_MIDDLE))
    if middle < 0 or match is None or not data.startswith(_HEAD) or not data.isascii():
        raise FormatError("not a canonical leaf")
    escaped = data[len(_HEAD) : middle]
    envelope = escaped.replace(b'\\"', b'"')
    # Nothing but quotes is escaped, and every one: as many of either, and none left over.
    quotes = len(escaped) - len(envelope)
    if not envelope or escaped.count(b'"') != quotes or escaped.count(b"\\") != quotes:
        raise FormatError("leaf with an envelope that is not escaped canonically")
    if not envelope.decode("ascii").isprintable():
        raise FormatError("leaf with a control character")
    number, recorded_at = match.groups()
    return Leaf(
        envelope,
        None if number is None else number.decode("ascii"),
        check_time(recorded_at.decode("ascii")),
    )
