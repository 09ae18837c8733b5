"""What checking needs of `cryptography`, where that is not installed: the same names, slower.

Nothing here holds a secret. Signing, sealing and opening ciphertext have no place in a verifier,
and end with an error that says what to install.
"""

from typing import Any, NoReturn, Self

from archive.evidence import ecdsa, edwards
from archive.evidence.errors import EvidenceError


class InvalidSignature(Exception):
    """As cryptography.exceptions has it."""


class InvalidTag(Exception):
    """As cryptography.exceptions has it."""


class Ed25519PublicKey:
    def __init__(self, public: bytes) -> None:
        self._public = public

    @classmethod
    def from_public_bytes(cls, data: bytes) -> Self:
        if len(data) != 32:
            raise ValueError("An Ed25519 public key is 32 bytes long")
        return cls(data)

    def verify(self, signature: bytes, data: bytes) -> None:
        if not edwards.verify(self._public, signature, data):
            raise InvalidSignature


class EllipticCurvePublicKey:
    """On P-256."""

    def __init__(self, public: bytes) -> None:
        self._public = public

    @classmethod
    def from_encoded_point(cls, _curve: object, data: bytes) -> Self:
        if not ecdsa.is_point(ecdsa.P256, data):
            raise ValueError("Invalid EC key. Point is not on the curve specified.")
        return cls(data)

    def verify(self, signature: tuple[int, int], data: bytes, _algorithm: object) -> None:
        if not ecdsa.verify(ecdsa.P256, self._public, signature, data):
            raise InvalidSignature


def encode_dss_signature(r: int, s: int) -> tuple[int, int]:
    """Left as it is for `verify`, which alone reads it here."""
    return r, s


class Parameter:
    """A curve or hash that is named and not used."""

    def __init__(self, *_: object) -> None:
        return


class Absent:
    """Something that only `cryptography` can do."""

    def __init__(self, *_: object) -> None:
        self._refuse()

    def __getattr__(self, name: str) -> Any:
        return self._refuse()

    @classmethod
    def generate(cls) -> NoReturn:
        cls._refuse()

    @classmethod
    def from_private_bytes(cls, _data: bytes) -> NoReturn:
        cls._refuse()

    @staticmethod
    def _refuse() -> NoReturn:
        raise EvidenceError("this needs more than checking does: install `cryptography`")
