"""C2SP tlog-cosignature (Ed25519) and the bodies of tlog-witness's add-checkpoint.

A log of anybody's may have extension lines, which are cosigned along; ours has none.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from archive.evidence import note
from archive.evidence.errors import FormatError, ProofError, SignatureError
from archive.evidence.keys import SigningKey
from archive.evidence.merkle import EMPTY_ROOT, verify_consistency

MAX_REQUEST = 256 * 1024
"""Bytes. The specification has no bound; sixteen post-quantum signatures need about 110,000."""
MAX_PROOF = 63
SIZE_TYPE = "text/x.tlog.size"
"""The media type of a 409."""
MAX_SIZE = 2**63 - 1

_OLD = re.compile(rb"old (0|[1-9][0-9]{0,18})")
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n")
_HEAD = re.compile(rb"([^\n]+)\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n(?:[^\n]+\n)*")


@dataclass(frozen=True, slots=True)
class Head:
    """The first three lines of any log's checkpoint."""

    origin: str
    size: int
    root: bytes  # 32


@dataclass(frozen=True, slots=True)
class Request:
    """`checkpoint`: the exact note."""

    old: int
    proof: tuple[bytes, ...]
    checkpoint: bytes


def cosign(text: bytes, name: str, key: SigningKey, moment: int) -> note.Signature:
    """A witness's line over a checkpoint's text, of this POSIX time (not 0).

    Whether it may be signed is the caller's to know: `advance`.
    """
    if not 0 < moment <= note.MAX_TIME:
        raise FormatError("the time of a cosignature is after 1970, and below 2^63")
    hash_ = note.key_hash(name, note.COSIGNATURE, key.public)
    signed = key.sign(note.cosigned_message(text, moment))
    return note.Signature(name, hash_, moment.to_bytes(8, "big") + signed)


def time_of(signature: note.Signature) -> int:
    """What a cosignature says, verified or not: POSIX seconds."""
    return int.from_bytes(signature.signature[:8], "big")


def verify(text: bytes, signature: note.Signature, key: note.VerifierKey) -> int:
    """The time of one cosignature by `key` (type 4). SignatureError, also for the time 0."""
    moment = note.verify(note.Note(text, (signature,)), key)
    if not moment:
        raise SignatureError(f"no cosignature with a time by {key.name}")
    return moment


def advance(old: Head | None, proof: Sequence[bytes], new: Head) -> None:
    """Whether a witness that last cosigned `old` may cosign `new`. ProofError where it may not."""
    size, root = (old.size, old.root) if old is not None else (0, EMPTY_ROOT)
    if new.size == 0 and new.root != EMPTY_ROOT:
        raise ProofError("an empty tree with another root")
    verify_consistency(size, new.size, root, new.root, proof)


def read_head(text: bytes) -> Head:
    match = _HEAD.fullmatch(text)
    if match is None:
        raise FormatError("not a checkpoint: origin, decimal size, base64 of 32 bytes")
    origin, size, root = match.groups()
    if int(size) > MAX_SIZE:
        raise FormatError("checkpoint with a size that is out of bounds")
    return Head(origin.decode("utf-8"), int(size), _hash(root))  # a note's text is UTF-8


def encode_request(request: Request) -> bytes:
    lines = [b"old %d\n" % request.old]
    lines += [base64.b64encode(hash_) + b"\n" for hash_ in request.proof]
    return b"".join([*lines, b"\n", request.checkpoint])


def parse_request(data: bytes) -> tuple[Request, note.Note, Head]:
    """FormatError for a body that add-checkpoint does not know; nothing is verified."""
    if len(data) > MAX_REQUEST:
        raise FormatError(f"a request has at most {MAX_REQUEST} bytes")
    head, gap, checkpoint = data.partition(b"\n\n")
    old, *proof = head.split(b"\n")
    match = _OLD.fullmatch(old)
    if not gap or match is None or int(match[1]) > MAX_SIZE:
        raise FormatError("a request begins with `old <decimal>` and has an empty line")
    if len(proof) > MAX_PROOF:
        raise FormatError(f"a consistency proof has at most {MAX_PROOF} hashes")
    parsed = note.parse(checkpoint)
    request = Request(int(match[1]), tuple(map(_hash, proof)), checkpoint)
    new = read_head(parsed.text)
    if request.old > new.size:
        raise FormatError("the old size is above the size of the checkpoint")
    return request, parsed, new


def encode_size(size: int) -> bytes:
    return b"%d\n" % size


def parse_size(data: bytes) -> int:
    """The body of a 409."""
    match = _SIZE.fullmatch(data)
    if match is None or int(match[1]) > MAX_SIZE:
        raise FormatError("a 409 carries a decimal size and a newline")
    return int(match[1])


def _hash(encoded: bytes) -> bytes:
    try:
        data = binascii.a2b_base64(encoded, strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise FormatError(f"not base64: {error}") from None
    if len(data) != 32 or base64.b64encode(data) != encoded:
        raise FormatError("a hash is the base64 of 32 bytes")
    return data
