"""C2SP signed note: a text and lines of signatures under it; Ed25519 and cosignature/v1 keys."""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Self

from archive.evidence.errors import FormatError, KeyRefused, SignatureError
from archive.evidence.keys import SigningKey, VerifyKey

ED25519 = 0x01
COSIGNATURE = 0x04  # tlog-cosignature: Ed25519 with a time
MAX_NOTE = 1_000_000
MAX_SIGNATURES = 100
MAX_TIME = 2**63 - 1

_VKEY = re.compile(r"([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)", re.ASCII)
_LINE = re.compile("\N{EM DASH} ([^ ]+) ([A-Za-z0-9+/=]+)")


@dataclass(frozen=True, slots=True)
class VerifierKey:
    name: str
    hash: bytes  # 4 bytes
    type: int
    key: VerifyKey

    @classmethod
    def make(cls, name: str, key: VerifyKey, type_: int = ED25519) -> Self:
        _check_name(name)
        return cls(name, key_hash(name, type_, key.public), type_, key)

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """`<name>+<8 hex>+<base64 of type byte and public key>`; KeyRefused if not one of ours."""
        match = _VKEY.fullmatch(vkey)
        if match is None:
            raise KeyRefused("a verifier key looks like name+1a2b3c4d+base64")
        name, hash_, encoded = match.groups()
        try:
            data = _unbase64(encoded)
            _check_name(name)
        except FormatError as error:
            raise KeyRefused(str(error)) from None
        if data[0] not in (ED25519, COSIGNATURE) or len(data) != 33:
            raise KeyRefused("only Ed25519 verifier keys (types 1 and 4) are known here")
        if key_hash(name, data[0], data[1:]).hex() != hash_:
            raise KeyRefused("verifier key whose id does not fit its name and key")
        return cls(name, bytes.fromhex(hash_), data[0], VerifyKey.from_public(data[1:]))

    def __str__(self) -> str:
        encoded = base64.b64encode(bytes([self.type]) + self.key.public).decode("ascii")
        return f"{self.name}+{self.hash.hex()}+{encoded}"


@dataclass(frozen=True, slots=True)
class Signature:
    name: str
    hash: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    text: bytes  # ends with a newline; what Ed25519 note signatures cover
    signatures: tuple[Signature, ...]


def key_hash(name: str, type_: int, public: bytes) -> bytes:
    return hashlib.sha256(name.encode("utf-8") + b"\n" + bytes([type_]) + public).digest()[:4]


def line_of(signature: Signature) -> bytes:
    """The signature line, with its newline."""
    _check_name(signature.name)
    data = base64.b64encode(signature.hash + signature.signature)
    return b"\xe2\x80\x94 %s %s\n" % (signature.name.encode("utf-8"), data)


def parse_lines(data: bytes) -> tuple[Signature, ...]:
    """Signature lines by themselves, as a witness answers with; FormatError for anything else."""
    if len(data) > MAX_NOTE:
        raise FormatError("signature lines are too long")
    _check_text(data)
    return _parse_lines(data.decode("utf-8"))


def signed_by(note: Note, key: VerifierKey) -> bytes:
    """The note with the lines of this key alone."""
    own = [line for line in note.signatures if (line.name, line.hash) == (key.name, key.hash)]
    return note.text + b"\n" + b"".join(map(line_of, own))


def sign(text: bytes, name: str, key: SigningKey) -> bytes:
    """The note: `text`, which ends with a newline, an empty line, and one signature line."""
    _check_text(text)
    signature = Signature(name, key_hash(name, ED25519, key.public), key.sign(text))
    return text + b"\n" + line_of(signature)


def parse(data: bytes) -> Note:
    """Split a note without verifying anything."""
    if len(data) > MAX_NOTE:
        raise FormatError("note is too long")
    _check_text(data)
    split = data.rfind(b"\n\n")
    if split < 0:
        raise FormatError("note without signatures")
    return Note(data[: split + 1], _parse_lines(data[split + 2 :].decode("utf-8")))


def verify(note: Note, key: VerifierKey) -> int | None:
    """Find and verify this key's signature; for a cosignature its POSIX time.

    SignatureError if there is none, and also if one of several by this key does not fit.
    """
    found = [s for s in note.signatures if s.name == key.name and s.hash == key.hash]
    if not found:
        raise SignatureError(f"note is not signed by {key.name}+{key.hash.hex()}")
    moments = [_verify_one(note.text, signature.signature, key) for signature in found]
    return moments[0]


def _verify_one(text: bytes, signature: bytes, key: VerifierKey) -> int | None:
    if key.type == ED25519:
        key.key.verify(signature, text)
        return None
    if len(signature) != 72:
        raise SignatureError("a cosignature has 72 bytes")
    moment = int.from_bytes(signature[:8], "big")
    if moment > MAX_TIME:
        raise SignatureError("a cosignature whose time is out of bounds")
    key.key.verify(signature[8:], cosigned_message(text, moment))
    return moment


def cosigned_message(text: bytes, moment: int) -> bytes:
    """What an Ed25519 cosignature of this POSIX time covers (tlog-cosignature)."""
    return b"cosignature/v1\ntime %d\n" % moment + text


def _parse_lines(text: str) -> tuple[Signature, ...]:
    lines = text.split("\n")
    if lines.pop() != "" or not 1 <= len(lines) <= MAX_SIGNATURES:
        raise FormatError("note without signature lines, or with too many")
    return tuple(map(_parse_line, lines))


def _parse_line(line: str) -> Signature:
    match = _LINE.fullmatch(line)
    if match is None:
        raise FormatError("malformed signature line")
    name, encoded = match.groups()
    _check_name(name)
    data = _unbase64(encoded)
    if len(data) < 5:
        raise FormatError("signature line too short")
    return Signature(name, data[:4], data[4:])


def _check_name(name: str) -> None:
    if not name or "+" in name or any(c.isspace() or c < " " for c in name):
        raise FormatError("a key name has no spaces, no plus and no control characters")
    if any("\ud800" <= c <= "\udfff" for c in name):
        raise FormatError("a key name is UTF-8")


def _check_text(text: bytes) -> None:
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError:
        raise FormatError("note is not UTF-8") from None
    if not decoded.endswith("\n"):
        raise FormatError("note does not end with a newline")
    if any(c < " " and c != "\n" for c in decoded):
        raise FormatError("note with a control character")


def _unbase64(text: str) -> bytes:
    try:
        data = binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise FormatError(f"not base64: {error}") from None
    if base64.b64encode(data).decode("ascii") != text:
        raise FormatError("not canonical base64")
    return data
