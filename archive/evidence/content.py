"""Content: sealing, opening, committing, key wraps. One random key per part, used once."""

import hashlib
import os
from dataclasses import dataclass

from archive.evidence.errors import ContentError
from archive.evidence.primitives import AESGCM, HKDF, SHA256, InvalidTag
from archive.evidence.randomness import Ahead
from archive.evidence.statement import Part

MAX_CONTENT = 16 * 1024 * 1024  # padded bytes; larger things are attachments
_KIB_64 = 64 * 1024
_NO_NONCE = bytes(12)  # one message per key, so a constant nonce is sound
_SHA256 = SHA256()

_parts = Ahead(32 + 16 + 12, 64)
"""A key, its id and the nonce of its wrap."""
_nonces = Ahead(12, 64)


@dataclass(frozen=True, slots=True)
class Sealed:
    part: Part
    ciphertext: bytes


def new_key() -> bytes:
    return os.urandom(32)


def new_key_id() -> str:
    return os.urandom(16).hex()


def derive(content_key: bytes, info: bytes = b"liuhen/v1/content") -> tuple[bytes, bytes]:
    """(AEAD key, salt): HKDF-SHA256 (RFC 5869) without salt, 64 bytes, split in two."""
    if len(content_key) != 32:
        raise ContentError("a content key has 32 bytes")
    both = HKDF(_SHA256, 64, None, info).derive(content_key)
    return both[:32], both[32:]


def bucket(length: int) -> int:
    """Padded length for `length` bytes, the 4 byte prefix included in both."""
    if length <= 256:
        return 256
    if length <= _KIB_64:
        return 1 << (length - 1).bit_length()
    return -(-length // _KIB_64) * _KIB_64


def pad(plaintext: bytes) -> bytes:
    total = bucket(len(plaintext) + 4)
    if total > MAX_CONTENT:
        raise ContentError(f"content of {len(plaintext)} bytes: make it an attachment")
    return (len(plaintext).to_bytes(4, "big") + plaintext).ljust(total, b"\x00")


def unpad(padded: bytes) -> bytes:
    plaintext = padded[4 : 4 + int.from_bytes(padded[:4], "big")]
    if pad(plaintext) != padded:
        raise ContentError("content is not padded as the format says")
    return plaintext


def commitment(salt: bytes, padded: bytes) -> str:
    """64 hex digits. Needed beside the ciphertext hash: AES-GCM does not commit to its key."""
    return hashlib.sha256(b"liuhen/v1/commitment\n" + salt + padded).hexdigest()


def check_opening(part: Part, salt: bytes, plaintext: bytes) -> None:
    """ContentError unless plaintext and salt are what this content part committed to."""
    if part.role != "content" or len(salt) != 32:
        raise ContentError("an opening is a content part's plaintext with a 32 byte salt")
    padded = pad(plaintext)
    if len(padded) != part.length or commitment(salt, padded) != part.commitment:
        raise ContentError("plaintext and salt do not match the commitment")


def seal(plaintext: bytes, *, record: str, event: str, n: int, key: bytes, key_id: str) -> Sealed:
    """Encrypt one content part. `key` must be fresh: the nonce is constant."""
    aead_key, salt = derive(key)
    padded = pad(plaintext)
    ciphertext = AESGCM(aead_key).encrypt(_NO_NONCE, padded, _associated(record, event, n))
    part = Part(
        "content",
        n,
        key_id,
        commitment(salt, padded),
        hashlib.sha256(ciphertext).hexdigest(),
        len(padded),
    )
    return Sealed(part, ciphertext)


def seal_anew(
    plaintext: bytes, *, record: str, event: str, n: int, wrapping_key: bytes
) -> tuple[Sealed, bytes]:
    """Encrypt one content part under a key of its own; and that key, wrapped."""
    drawn = _parts.draw()
    key, key_id, nonce = drawn[:32], drawn[32:48].hex(), drawn[48:]
    sealed = seal(plaintext, record=record, event=event, n=n, key=key, key_id=key_id)
    return sealed, _wrap(wrapping_key, key, _of_content(key_id), nonce)


def open_part(part: Part, ciphertext: bytes, *, record: str, event: str, key: bytes) -> bytes:
    """The plaintext; ContentError unless hash, tag, padding and commitment all fit."""
    if hashlib.sha256(ciphertext).hexdigest() != part.ciphertext:
        raise ContentError("ciphertext is not the one that was signed")
    aead_key, salt = derive(key)
    associated = _associated(record, event, part.n)
    try:
        padded = AESGCM(aead_key).decrypt(_NO_NONCE, ciphertext, associated)
    except InvalidTag:
        raise ContentError("ciphertext does not open with this key in this place") from None
    if len(padded) != part.length or commitment(salt, padded) != part.commitment:
        raise ContentError("content does not match its commitment")
    return unpad(padded)


def wrap(wrapping_key: bytes, key: bytes, key_id: str) -> bytes:
    """Wrap a content key under its record's key."""
    return _wrap(wrapping_key, key, _of_content(key_id), _nonces.draw())


def unwrap(wrapping_key: bytes, wrapped: bytes, key_id: str) -> bytes:
    return _unwrap(wrapping_key, wrapped, _of_content(key_id))


def wrap_record_key(master: bytes, key: bytes, record: str) -> bytes:
    """Wrap a record's key under the master key."""
    return _wrap(master, key, b"liuhen/v1/record-key\n" + bytes.fromhex(record), _nonces.draw())


def unwrap_record_key(master: bytes, wrapped: bytes, record: str) -> bytes:
    return _unwrap(master, wrapped, b"liuhen/v1/record-key\n" + bytes.fromhex(record))


def _of_content(key_id: str) -> bytes:
    return b"liuhen/v1/wrap\n" + bytes.fromhex(key_id)


def _wrap(wrapping_key: bytes, key: bytes, associated: bytes, nonce: bytes) -> bytes:
    return nonce + AESGCM(wrapping_key).encrypt(nonce, key, associated)


def _unwrap(wrapping_key: bytes, wrapped: bytes, associated: bytes) -> bytes:
    if len(wrapped) != 12 + 32 + 16:
        raise ContentError("a wrapped key has 60 bytes")
    try:
        return AESGCM(wrapping_key).decrypt(wrapped[:12], wrapped[12:], associated)
    except InvalidTag:
        raise ContentError("key does not unwrap with this wrapping key in this place") from None


def _associated(record: str, event: str, n: int) -> bytes:
    # Canonical JSON written out: hex and integers need no escaping.
    return f'{{"event":"{event}","n":{n},"record":"{record}","role":"content","v":1}}'.encode()
