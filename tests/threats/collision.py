"""A ciphertext that AES-GCM opens with either of two keys (Dodis et al., CRYPTO 2018).

GHASH is linear in the ciphertext, so one free block makes both tags agree.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from archive.evidence import content
from archive.evidence.canonical import encode
from archive.evidence.statement import Part

NONCE = bytes(12)
_R = 0xE1 << 120


def multiply(x: int, y: int) -> int:
    """In GF(2^128) as NIST SP 800-38D 6.3 has it: the first bit is the highest."""
    product = 0
    for bit in range(127, -1, -1):
        if x >> bit & 1:
            product ^= y
        y = y >> 1 ^ (_R if y & 1 else 0)
    return product


def power(x: int, exponent: int) -> int:
    result = 1 << 127
    while exponent:
        if exponent & 1:
            result = multiply(result, x)
        x, exponent = multiply(x, x), exponent >> 1
    return result


def _block(key: bytes, block: bytes) -> int:
    done = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - a step of GCM
    return int.from_bytes(done.update(block), "big")


def _tag_but_one(key: bytes, blocks: list[int], free: int) -> tuple[int, int]:
    """The tag where the free block is zero, and the factor by which that block counts in it."""
    h = _block(key, bytes(16))
    tag, weight, count = _block(key, NONCE + b"\0\0\0\1"), 0, len(blocks)
    for i, block in enumerate(blocks):
        factor = power(h, count - i)
        if i == free:
            weight = factor
        else:
            tag ^= multiply(block, factor)
    return tag, weight


def opens_with_both(
    record: str, event: str, key_id: str, first: bytes, second: bytes
) -> tuple[Part, bytes]:
    """A content part that is whole under the first key, and a ciphertext whose tag holds under
    either. Its last 16 bytes of plaintext are what they must be for that."""
    told = {"event": event, "n": 0, "record": record, "role": "content", "v": 1}
    associated = encode(told)
    plain = b'{"said":"'.ljust(252, b"x")
    sealed = content.seal(plain, record=record, event=event, n=0, key=first, key_id=key_id)
    (aead, salt), (other, _) = content.derive(first), content.derive(second)
    ciphertext = _collide(associated, sealed.ciphertext[:-16], aead, other)
    AESGCM(other).decrypt(NONCE, ciphertext, associated)  # no InvalidTag: it opens
    padded = AESGCM(aead).decrypt(NONCE, ciphertext, associated)
    part = replace(
        sealed.part,
        commitment=content.commitment(salt, padded),
        ciphertext=hashlib.sha256(ciphertext).hexdigest(),
    )
    return part, ciphertext


def _collide(associated: bytes, ciphertext: bytes, first: bytes, second: bytes) -> bytes:
    """With its last block chosen so that one tag, put behind it, fits both keys."""
    body = ciphertext[:-16]
    lengths = len(associated) * 8 << 64 | len(ciphertext) * 8
    before = _blocks(associated) + _blocks(body)
    blocks = [*before, 0, lengths]
    (tag1, weight1), (tag2, weight2) = (
        _tag_but_one(key, blocks, len(before)) for key in (first, second)
    )
    free = multiply(tag1 ^ tag2, power(weight1 ^ weight2, 2**128 - 2))
    tag = tag1 ^ multiply(free, weight1)
    return body + free.to_bytes(16, "big") + tag.to_bytes(16, "big")


def _blocks(data: bytes) -> list[int]:
    padded = data + bytes(-len(data) % 16)
    return [int.from_bytes(padded[i : i + 16], "big") for i in range(0, len(padded), 16)]
