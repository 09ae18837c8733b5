"""Attachments: 1 MiB segments with a counter and a last mark, so that ranges read at flat memory.

The construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizar 2015) over AES-256-GCM.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator

from archive.evidence.content import derive
from archive.evidence.errors import ContentError
from archive.evidence.primitives import AESGCM, InvalidTag
from archive.evidence.statement import Part

SEGMENT = 1024 * 1024  # plaintext bytes
TAG = 16
MAX_SIZE = SEGMENT * (2**32 - 1)
_INFO = b"liuhen/v1/attachment"


def segment_count(size: int) -> int:
    """Segments of an attachment of `size` bytes; an empty one still has its last segment."""
    return max(1, -(-size // SEGMENT))


def padded_length(size: int) -> int:
    """The `length` that the statement shows."""
    full = segment_count(size) - 1
    return full * SEGMENT + _last_bucket(size - full * SEGMENT)


def segment_offset(index: int) -> int:
    """Where segment `index` begins in the concatenated ciphertext."""
    return index * (SEGMENT + TAG)


class Sealer:
    """Feed plaintext, take ciphertext segments; after `finish` ask for the signed part."""

    def __init__(self, key: bytes, key_id: str) -> None:
        aead_key, salt = derive(key, _INFO)
        self._aead = AESGCM(aead_key)
        self._associated = _associated(key_id)
        self._key_id = key_id
        self._buffer = bytearray()
        self._ciphertext = hashlib.sha256()
        self._committer = Committer(salt)
        self._index = 0
        self._finished = False

    @property
    def size(self) -> int:
        """True bytes fed so far."""
        return self._index * SEGMENT + len(self._buffer) if not self._finished else self._size

    def feed(self, chunk: bytes) -> list[bytes]:
        """Ciphertext segments that are complete; a last one is held back for its mark."""
        self._buffer += chunk
        segments = []
        while len(self._buffer) > SEGMENT:
            segments.append(self._seal(bytes(self._buffer[:SEGMENT]), last=False))
            del self._buffer[:SEGMENT]
        return segments

    def finish(self) -> bytes:
        """The last ciphertext segment."""
        self._size = self.size
        self._finished = True
        last = bytes(self._buffer)
        self._buffer.clear()
        return self._seal(last.ljust(_last_bucket(len(last)), b"\x00"), last=True)

    def part(self, n: int) -> Part:
        if not self._finished:
            raise ContentError("finish the attachment before asking for its part")
        return Part(
            "attachment",
            n,
            self._key_id,
            self._committer.commitment(self._size),
            self._ciphertext.hexdigest(),
            padded_length(self._size),
        )

    def _seal(self, padded: bytes, *, last: bool) -> bytes:
        if self._index >= 2**32 - 1:
            raise ContentError("attachment is too long")
        sealed = self._aead.encrypt(_nonce(self._index, last), padded, self._associated)
        self._committer.add(padded)
        self._ciphertext.update(sealed)
        self._index += 1
        return sealed


class Committer:
    """Salted hashes of the padded segments, and at the end the commitment over them."""

    def __init__(self, salt: bytes) -> None:
        if len(salt) != 32:
            raise ContentError("a salt has 32 bytes")
        self._salt = salt
        self._hashes: list[bytes] = []  # 32 bytes a MiB

    def add(self, padded: bytes) -> None:
        index = len(self._hashes).to_bytes(4, "big")
        self._hashes.append(hashlib.sha256(self._salt + index + padded).digest())

    def commitment(self, size: int) -> str:
        """64 hex digits; covers the true size, so that trailing zeros cannot come or go."""
        head = b"liuhen/v1/attachment-commitment\n" + self._salt + size.to_bytes(8, "big")
        count = len(self._hashes).to_bytes(4, "big")
        return hashlib.sha256(head + count + b"".join(self._hashes)).hexdigest()


def salt_of(key: bytes) -> bytes:
    """What a bundle shows instead of the key."""
    return derive(key, _INFO)[1]


def plain_commitment(salt: bytes, chunks: Iterable[bytes]) -> tuple[str, int]:
    """(commitment, true size) of a plain file read in chunks of any length."""
    committer, buffer, size = Committer(salt), bytearray(), 0
    for chunk in chunks:
        size += len(chunk)
        buffer += chunk
        while len(buffer) > SEGMENT:
            committer.add(bytes(buffer[:SEGMENT]))
            del buffer[:SEGMENT]
    committer.add(bytes(buffer).ljust(_last_bucket(len(buffer)), b"\x00"))
    return committer.commitment(size), size


def check_opening(part: Part, salt: bytes, chunks: Iterable[bytes]) -> int:
    """True size; ContentError unless the plain file is what this part committed to."""
    if part.role != "attachment":
        raise ContentError("not an attachment part")
    found, size = plain_commitment(salt, chunks)
    if padded_length(size) != part.length or found != part.commitment:
        raise ContentError("attachment does not match its commitment")
    return size


def read_range(
    read_segment: Callable[[int], bytes], key: bytes, key_id: str, size: int, start: int, stop: int
) -> Iterator[bytes]:
    """Plain bytes [start, stop) of an attachment of true length `size`, a segment at a time.

    `read_segment(i)` gives ciphertext segment i (see `segment_offset`).
    """
    if not 0 <= start <= stop <= size:
        raise ContentError(f"no bytes {start} to {stop} in an attachment of {size}")
    aead = AESGCM(derive(key, _INFO)[0])
    last = segment_count(size) - 1
    index = start // SEGMENT
    while index * SEGMENT < stop:
        plain = open_segment(aead, read_segment(index), key_id, index, last=index == last)
        begin = index * SEGMENT
        yield plain[max(0, start - begin) : stop - begin]
        index += 1


def check_ciphertext(part: Part, key: bytes, segments: Iterable[bytes], size: int) -> None:
    """Re-hash, decrypt and commit a whole stored attachment; ContentError at the first misfit."""
    aead_key, salt = derive(key, _INFO)
    aead, committer, hasher = AESGCM(aead_key), Committer(salt), hashlib.sha256()
    last = segment_count(size) - 1
    count = 0
    for index, sealed in enumerate(segments):
        hasher.update(sealed)
        committer.add(open_segment(aead, sealed, part.key, index, last=index == last))
        count += 1
    if count != last + 1 or hasher.hexdigest() != part.ciphertext:
        raise ContentError("attachment's ciphertext is not the one that was signed")
    if padded_length(size) != part.length or committer.commitment(size) != part.commitment:
        raise ContentError("attachment does not match its commitment")


def open_segment(aead: AESGCM, sealed: bytes, key_id: str, index: int, *, last: bool) -> bytes:
    try:
        return aead.decrypt(_nonce(index, last), sealed, _associated(key_id))
    except InvalidTag:
        raise ContentError(f"segment {index} does not open with this key in this place") from None


def _last_bucket(length: int) -> int:
    return 256 if length <= 256 else 1 << (length - 1).bit_length()


def _nonce(index: int, last: bool) -> bytes:
    return bytes(7) + index.to_bytes(4, "big") + (b"\x01" if last else b"\x00")


def _associated(key_id: str) -> bytes:
    return b"liuhen/v1/segment\n" + bytes.fromhex(key_id)
