"""C2SP tlog-proof: that an entry is in a log, as one text file to keep and to send.

Where the file carries extra data, in files of ours that is the leaf itself. Nothing vouches for it
but the proof: it is believed only because its hash leads to the signed root.
"""

import base64
import binascii
import re
from dataclasses import dataclass

from archive.evidence import checkpoint as heads
from archive.evidence.errors import FormatError, ProofError
from archive.evidence.merkle import leaf_hash, verify_inclusion
from archive.evidence.note import MAX_NOTE
from archive.evidence.policy import Policy

HEADER = "c2sp.org/tlog-proof@v1"
MAX_EXTRA = 65_535
"""Bytes: as much as the longest entry. The specification has no bound."""
MAX_PROOF = MAX_NOTE + 2 * MAX_EXTRA
_MAX_PATH = 63
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class TlogProof:
    """`path`: 32 byte hashes, the leaf's sibling first. `checkpoint`: the exact note."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def verify(self, policy: Policy, leaf: bytes | None = None) -> heads.Checkpoint:
        """The head under which the leaf is; without `leaf`, the one that the file carries.

        SignatureError unless the policy trusts the checkpoint, ProofError unless the leaf is in it.
        """
        note, head = heads.read(self.checkpoint)
        policy.check(note, head.origin)
        data = self.extra if leaf is None else leaf
        if data is None:
            raise ProofError("the file does not carry the leaf: give the leaf beside it")
        verify_inclusion(self.index, head.size, leaf_hash(data), self.path, head.root)
        return head


def encode(proof: TlogProof) -> bytes:
    lines = [HEADER]
    if proof.extra is not None:
        lines.append(f"extra {_base64(proof.extra)}")
    lines += [f"index {proof.index}", *map(_base64, proof.path), "", ""]
    data = "\n".join(lines).encode("ascii") + proof.checkpoint
    if parse(data) != proof:
        raise FormatError("tlog-proof with a field out of bounds")
    return data


def parse(data: bytes) -> TlogProof:
    """Read without verifying; FormatError for any other bytes."""
    if len(data) > MAX_PROOF:
        raise FormatError("tlog-proof is too long")
    head, gap, checkpoint = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise FormatError("tlog-proof that is not ASCII before its checkpoint") from None
    if lines.pop(0) != HEADER or not gap:
        raise FormatError(f"a tlog-proof begins with {HEADER} and has an empty line")
    extra = _extra(lines.pop(0)) if lines and lines[0].startswith("extra") else None
    index = _index(lines.pop(0) if lines else "")
    if len(lines) > _MAX_PATH:
        raise FormatError("tlog-proof with too many hashes")
    path = tuple(map(_hash, lines))
    heads.read(checkpoint)
    return TlogProof(index, path, checkpoint, extra)


def _extra(line: str) -> bytes:
    data = _unbase64(line.removeprefix("extra "))
    if not 1 <= len(data) <= MAX_EXTRA:
        raise FormatError(f"extra data has 1 to {MAX_EXTRA} bytes; without any, no line")
    return data


def _index(line: str) -> int:
    match = _INDEX.fullmatch(line)
    if match is None or int(match[1]) >= 2**63:
        raise FormatError("tlog-proof without a line `index <decimal>`")
    return int(match[1])


def _hash(line: str) -> bytes:
    data = _unbase64(line)
    if len(data) != 32:
        raise FormatError("tlog-proof with a hash that has not 32 bytes")
    return data


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _unbase64(text: str) -> bytes:
    try:
        data = binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise FormatError(f"tlog-proof with a line that is not base64: {error}") from None
    if _base64(data) != text:
        raise FormatError("tlog-proof with base64 that is not canonical")
    return data
