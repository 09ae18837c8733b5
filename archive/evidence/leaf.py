"""The leaf: the author's envelope, and the little that the log adds to it."""

import re
from dataclasses import dataclass

from archive.evidence.errors import FormatError
from archive.evidence.instant import check_time

MAX_LEAF = 65_535

NUMBER = re.compile(r"[A-Z0-9][A-Za-z0-9._/-]{0,63}", re.ASCII)
# Canonical JSON of a leaf is a regular language: nothing but quotes is escaped in the envelope.
# The possessive quantifiers keep it linear.
_LEAF = re.compile(
    rb'\{"envelope":"((?:[ !#-\[\]-~]++|\\")++)"'
    rb',"number":(?:null|"([A-Z0-9][A-Za-z0-9._/-]{0,63}+)"),"recorded_at":"([0-9T:.Z-]{27})","v":1\}'
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
    match = _LEAF.fullmatch(data)
    if match is None:
        raise FormatError("not a canonical leaf")
    envelope, number, recorded_at = match.groups()
    return Leaf(
        envelope.replace(b'\\"', b'"'),
        None if number is None else number.decode("ascii"),
        check_time(recorded_at.decode("ascii")),
    )
