"""C2SP tlog-checkpoint: origin, size, root; no extension lines; signed as a note."""

import base64
import re
from dataclasses import dataclass

from archive.evidence import note
from archive.evidence.errors import FormatError
from archive.evidence.keys import SigningKey
from archive.evidence.merkle import EMPTY_ROOT

_BODY = re.compile(rb"([^\n]+)\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n")
_MAX_SIZE = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    origin: str
    size: int
    root: bytes  # 32


def encode(checkpoint: Checkpoint) -> bytes:
    """The note's text."""
    body = f"{checkpoint.origin}\n{checkpoint.size}\n".encode()
    body += base64.b64encode(checkpoint.root) + b"\n"
    if parse(body) != checkpoint:
        raise FormatError("checkpoint with a field out of bounds")
    return body


def parse(text: bytes) -> Checkpoint:
    match = _BODY.fullmatch(text)
    if match is None:
        raise FormatError("not a checkpoint: origin, decimal size, base64 of 32 bytes, no more")
    origin, size, root = match.groups()
    decoded = base64.b64decode(root)
    if base64.b64encode(decoded) != root or int(size) > _MAX_SIZE:
        raise FormatError("checkpoint with a size or root that is out of bounds")
    if size == b"0" and decoded != EMPTY_ROOT:
        raise FormatError("checkpoint of an empty tree with another root")
    try:
        return Checkpoint(origin.decode("utf-8"), int(size), decoded)
    except UnicodeDecodeError:
        raise FormatError("checkpoint origin is not UTF-8") from None


def sign(checkpoint: Checkpoint, key: SigningKey) -> bytes:
    """The signed note; the key's name is the origin."""
    return note.sign(encode(checkpoint), checkpoint.origin, key)


def read(data: bytes) -> tuple[note.Note, Checkpoint]:
    """Parse without verifying a signature."""
    parsed = note.parse(data)
    return parsed, parse(parsed.text)


def verify(data: bytes, key: note.VerifierKey) -> Checkpoint:
    """FormatError or SignatureError unless signed by `key`, whose name is the origin."""
    parsed, checkpoint = read(data)
    if key.type != note.ED25519 or checkpoint.origin != key.name:
        raise FormatError(f"checkpoint of {checkpoint.origin}, key of {key.name}")
    note.verify(parsed, key)
    return checkpoint
