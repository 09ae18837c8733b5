"""Commitments to content parts and attachments."""

import hashlib

SEGMENT = 1_048_576
LARGE = 65_536
LONGEST = 16_777_216


def _bucket(size: int) -> int:
    """The next of 256, 512, 1024 and so on, each twice the one before."""
    bucket = 256
    while bucket < size:
        bucket *= 2
    return bucket


def padded(plaintext: bytes) -> bytes:
    """A content part's plaintext with its length before it and zeros after it."""
    size = len(plaintext) + 4
    bucket = _bucket(size) if size <= LARGE else -(-size // LARGE) * LARGE
    return (len(plaintext).to_bytes(4, "big") + plaintext).ljust(bucket, b"\0")


def content_commitment(salt: bytes, plaintext: bytes) -> tuple[str, int]:
    """The commitment and the padded length of a content part."""
    data = padded(plaintext)
    return hashlib.sha256(b"liuhen/v1/commitment\n" + salt + data).hexdigest(), len(data)


def segments(plaintext: bytes) -> list[bytes]:
    """An attachment's segments, the last one padded."""
    cut = [plaintext[at : at + SEGMENT] for at in range(0, len(plaintext), SEGMENT)] or [b""]
    cut[-1] = cut[-1].ljust(_bucket(len(cut[-1])), b"\0")
    return cut


def attachment_commitment(salt: bytes, plaintext: bytes) -> tuple[str, int]:
    """The commitment and the padded length of an attachment."""
    cut = segments(plaintext)
    total = hashlib.sha256(b"liuhen/v1/attachment-commitment\n" + salt)
    total.update(len(plaintext).to_bytes(8, "big") + len(cut).to_bytes(4, "big"))
    for i, segment in enumerate(cut):
        total.update(hashlib.sha256(salt + i.to_bytes(4, "big") + segment).digest())
    return total.hexdigest(), sum(map(len, cut))
