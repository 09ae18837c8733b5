"""Ed25519 keys: ids, signing, verifying, and the check a public key passes at registration."""

import hashlib
from dataclasses import dataclass
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from archive.evidence.errors import KeyRefused, SignatureError

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493  # the prime order of the base point
D = -121665 * pow(121666, P - 2, P) % P
_SQRT_M1 = pow(2, (P - 1) // 4, P)

Point = tuple[int, int, int, int]  # extended coordinates X, Y, Z, T of RFC 8032 5.1.4
_IDENTITY: Point = (0, 1, 1, 0)


def key_id(public: bytes) -> str:
    """64 hex digits: SHA-256 of the 32 raw public key bytes."""
    return hashlib.sha256(public).hexdigest()


@dataclass(frozen=True, slots=True)
class VerifyKey:
    """A public key ready for use. Building one does not check its order: see `check_public_key`."""

    public: bytes
    key_id: str
    handle: Ed25519PublicKey

    @classmethod
    def from_public(cls, public: bytes) -> Self:
        try:
            handle = Ed25519PublicKey.from_public_bytes(public)
        except (ValueError, TypeError) as error:
            raise KeyRefused(f"not an Ed25519 public key: {error}") from None
        return cls(public, key_id(public), handle)

    def verify(self, signature: bytes, message: bytes) -> None:
        """SignatureError unless `signature` fits `message`."""
        try:
            self.handle.verify(signature, message)
        except InvalidSignature:
            raise SignatureError(f"signature by key {self.key_id[:16]} does not fit") from None


@dataclass(frozen=True, slots=True, repr=False)
class SigningKey:
    public: bytes
    key_id: str
    handle: Ed25519PrivateKey

    @classmethod
    def generate(cls) -> Self:
        return cls._of(Ed25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: bytes) -> Self:
        """From the 32 byte private key of RFC 8032."""
        try:
            return cls._of(Ed25519PrivateKey.from_private_bytes(seed))
        except (ValueError, TypeError) as error:
            raise KeyRefused(f"not an Ed25519 private key: {error}") from None

    @classmethod
    def _of(cls, handle: Ed25519PrivateKey) -> Self:
        public = handle.public_key().public_bytes_raw()
        return cls(public, key_id(public), handle)

    def seed(self) -> bytes:
        return self.handle.private_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        return self.handle.sign(message)

    def verify_key(self) -> VerifyKey:
        return VerifyKey.from_public(self.public)


def check_public_key(public: bytes) -> None:
    """Refuse a key that is not the canonical encoding of a point of prime order.

    A small-order key lets one signature fit several messages; a mixed-order key lets
    verifiers disagree. About 1 ms, so for registration, not for every signature.
    """
    point = _decompress(public)
    if point[0] == 0 and point[1] == point[2]:
        raise KeyRefused("public key is the identity")
    if not _is_identity(_multiply(L, point)):
        raise KeyRefused("public key is of small or mixed order: make a new one")


def _decompress(public: bytes) -> Point:
    """RFC 8032 5.1.3, refusing y >= p and the sign bit on x = 0."""
    if len(public) != 32:
        raise KeyRefused("an Ed25519 public key has 32 bytes")
    number = int.from_bytes(public, "little")
    sign, y = number >> 255, number & ((1 << 255) - 1)
    if y >= P:
        raise KeyRefused("public key is not canonically encoded")
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if (v * x * x - u) % P:
        x = x * _SQRT_M1 % P
        if (v * x * x - u) % P:
            raise KeyRefused("public key is not on the curve")
    if x == 0 and sign:
        raise KeyRefused("public key is not canonically encoded")
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def _add(p: Point, q: Point) -> Point:
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _double(p: Point) -> Point:
    a = p[0] * p[0] % P
    b = p[1] * p[1] % P
    h = a + b
    e = h - (p[0] + p[1]) ** 2
    g = a - b
    f = 2 * p[2] * p[2] + g
    return e * f % P, g * h % P, f * g % P, e * h % P


def _multiply(scalar: int, point: Point) -> Point:
    result = _IDENTITY
    for bit in f"{scalar:b}":
        result = _double(result)
        if bit == "1":
            result = _add(result, point)
    return result


def _is_identity(point: Point) -> bool:
    return point[0] % P == 0 and (point[1] - point[2]) % P == 0
