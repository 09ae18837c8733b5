"""Ed25519 keys and signatures, verifier keys, and the checkpoint as a signed note."""

import hashlib
import re
from dataclasses import dataclass
from functools import cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.second_reader.spelling import BadFormError, unbase64

# ---------------------------------------------------------------- the curve (RFC 8032 5.1)

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int, int, int]
IDENTITY: Point = (0, 1, 1, 0)


def _add(a: Point, b: Point) -> Point:
    u = (a[1] - a[0]) * (b[1] - b[0]) % P
    v = (a[1] + a[0]) * (b[1] + b[0]) % P
    w = 2 * a[3] * b[3] * D % P
    z = 2 * a[2] * b[2] % P
    e, f, g, h = v - u, z - w, z + w, v + u
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(scalar: int, point: Point) -> Point:
    total = IDENTITY
    while scalar:
        if scalar & 1:
            total = _add(total, point)
        point = _add(point, point)
        scalar >>= 1
    return total


def _same(a: Point, b: Point) -> bool:
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def _point(public: bytes) -> Point | None:
    number = int.from_bytes(public, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


@cache
def good_key(public: bytes) -> bool:
    """Whether this is the canonical encoding of a point of prime order."""
    point = _point(public)
    if point is None or _same(point, IDENTITY):
        return False
    return _same(_times(L, point), IDENTITY)


def key_id(public: bytes) -> str:
    """The id under which a key is registered."""
    return hashlib.sha256(public).hexdigest()


def fits(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the signature is that key's over the message."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


# ---------------------------------------------------------------- notes

_KEY_NAME = r"[^\s+]+"
_VKEY = re.compile(rf"({_KEY_NAME})\+([0-9a-f]{{8}})\+([A-Za-z0-9+/=]+)")
_NOTE_LINE = re.compile(rf"— ({_KEY_NAME}) ([A-Za-z0-9+/=]+)")
_SIZE = re.compile(r"0|[1-9][0-9]*", re.ASCII)
LOG, COSIGNATURE = 0x01, 0x04


@dataclass(frozen=True)
class VerifierKey:
    """A public key with its name in notes."""

    name: str
    hash: bytes
    type: int
    public: bytes


@dataclass(frozen=True)
class Checkpoint:
    """A tree head as it is signed, with the note's signature lines."""

    text: bytes
    origin: str
    size: int
    root: bytes
    lines: list[tuple[str, bytes]]

    def signed_by(self, key: VerifierKey) -> bool:
        """Whether that key signed: at least one line names it, and each that does fits."""
        mine = [sig[4:] for name, sig in self.lines if (name, sig[:4]) == (key.name, key.hash)]
        return bool(mine) and all(self._fits(key, signature) for signature in mine)

    def _fits(self, key: VerifierKey, signature: bytes) -> bool:
        if key.type == LOG:
            return len(signature) == 64 and fits(key.public, signature, self.text)
        seconds = int.from_bytes(signature[:8], "big")
        message = f"cosignature/v1\ntime {seconds}\n".encode() + self.text
        sized = len(signature) == 72 and seconds < 2**63
        return sized and fits(key.public, signature[8:], message)


def key_hash(name: str, type_and_key: bytes) -> bytes:
    """The short hash that names a key in a note."""
    return hashlib.sha256(name.encode() + b"\n" + type_and_key).digest()[:4]


def read_vkey(text: str) -> VerifierKey:
    """Read `<name>+<hash>+<base64>` and check the hash."""
    match = _VKEY.fullmatch(text)
    if match is None:
        raise BadFormError("no verifier key")
    data = unbase64(match[3])
    if len(data) != 33 or data[0] not in {LOG, COSIGNATURE}:
        raise BadFormError("a key of unknown type or length")
    if key_hash(match[1], data).hex() != match[2]:
        raise BadFormError("the key's hash is another")
    return VerifierKey(match[1], bytes.fromhex(match[2]), data[0], data[1:])


def _note_line(line: str) -> tuple[str, bytes]:
    match = _NOTE_LINE.fullmatch(line)
    if match is None:
        raise BadFormError("no signature line")
    signature = unbase64(match[2])
    if len(signature) < 5:
        raise BadFormError("a signature line without signature")
    return match[1], signature


def read_checkpoint(data: bytes) -> Checkpoint:
    """Read the note; whether a signature fits is asked later, of a key."""
    try:
        note = data.decode()
    except UnicodeDecodeError as fault:
        raise BadFormError("a checkpoint that is not UTF-8") from fault
    if len(data) > 1_000_000 or any(c < " " and c != "\n" for c in note):
        raise BadFormError("too long, or a control character")
    head, gap, tail = note.partition("\n\n")
    fields, lines = head.split("\n"), tail.split("\n")
    if not gap or len(fields) != 3 or lines.pop() != "" or not 1 <= len(lines) <= 100:
        raise BadFormError("not three lines, an empty one, and signatures")
    origin, size, root = fields
    if not origin or not _SIZE.fullmatch(size) or len(size) > 19 or int(size) >= 2**63:
        raise BadFormError("no origin or no size")
    hashed = unbase64(root)
    if len(hashed) != 32 or (size == "0" and hashed != hashlib.sha256(b"").digest()):
        raise BadFormError("no root of that size")
    return Checkpoint(
        f"{head}\n".encode(), origin, int(size), hashed, [_note_line(line) for line in lines]
    )
