"""Ed25519 keys: ids, signing, verifying; `edwards` has the check that a public key passes."""

import hashlib
from dataclasses import dataclass
from typing import Self

from archive.evidence.edwards import P, check_public_key
from archive.evidence.errors import KeyRefused, SignatureError
from archive.evidence.primitives import Ed25519PrivateKey, Ed25519PublicKey, InvalidSignature

__all__ = ["P", "SigningKey", "VerifyKey", "check_public_key", "key_id"]


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
