"""Public keys of certificates, and signatures by algorithms that go by object identifiers.

All in plain Python: the same answers wherever the verifier runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from archive.evidence import der, ecdsa, edwards
from archive.evidence.der import Element, Fields, MalformedDer
from archive.evidence.errors import FormatError

HASHES: Mapping[str, str] = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
RSA, EC, ED25519 = "1.2.840.113549.1.1.1", "1.2.840.10045.2.1", "1.3.101.112"
SIGNATURES: Mapping[str, tuple[str, str]] = {  # kind of key, hash
    "1.2.840.113549.1.1.11": (RSA, "sha256"),
    "1.2.840.113549.1.1.12": (RSA, "sha384"),
    "1.2.840.113549.1.1.13": (RSA, "sha512"),
    "1.2.840.10045.4.3.2": (EC, "sha256"),
    "1.2.840.10045.4.3.3": (EC, "sha384"),
    "1.2.840.10045.4.3.4": (EC, "sha512"),
    ED25519: (ED25519, "sha512"),
}

_CURVES = {"1.2.840.10045.3.1.7": ecdsa.P256, "1.3.132.0.34": ecdsa.P384}
_RSA_BITS = range(2048, 8193)


def read_algorithm(element: Element) -> str:
    """The name of an algorithm that has no parameters."""
    fields = Fields(element)
    name = fields.take(der.OBJECT).name()
    nothing = fields.maybe(der.NULL)
    fields.end()
    if nothing is not None and nothing.contents:
        raise MalformedDer("an algorithm with parameters")
    return name


def read_hash(element: Element) -> str:
    """As hashlib names it; MalformedDer for a weak or unknown one."""
    name = read_algorithm(element)
    if name not in HASHES:
        raise MalformedDer(f"hash {name} is not one of SHA-256, SHA-384 and SHA-512")
    return HASHES[name]


@dataclass(frozen=True, slots=True)
class PublicKey:
    """`kind`: RSA, EC or ED25519; `curve`: of EC; `numbers`: modulus and exponent of RSA."""

    kind: str
    encoded: bytes
    curve: ecdsa.Curve = ecdsa.P256
    numbers: tuple[int, int] = (0, 0)

    def fits(self, kind: str, algorithm: str, signature: bytes, message: bytes) -> bool:
        """Whether this key, being of that kind, made the signature over that hash."""
        if kind != self.kind:
            return False
        if kind == RSA:
            return self._fits_rsa(algorithm, signature, message)
        if kind == ED25519:
            return edwards.verify(self.encoded, signature, message)
        try:
            pair = ecdsa.read_signature(self.curve, signature)
        except FormatError:
            return False
        return ecdsa.verify(self.curve, self.encoded, pair, message, algorithm)

    def _fits_rsa(self, algorithm: str, signature: bytes, message: bytes) -> bool:
        """RFC 8017, 8.2.2: what was signed has one encoding, which is made and compared."""
        modulus, exponent = self.numbers
        size = (modulus.bit_length() + 7) // 8
        number = int.from_bytes(signature, "big")
        if len(signature) != size or number >= modulus:
            return False
        name = next(name for name, hash_ in HASHES.items() if hash_ == algorithm)
        digest = hashlib.new(algorithm, message).digest()
        info = der.write(
            der.SEQUENCE,
            der.write(der.SEQUENCE, der.object_named(name), der.write(der.NULL)),
            der.write(der.OCTETS, digest),
        )
        padding = b"\x00\x01" + b"\xff" * (size - len(info) - 3) + b"\x00"
        return pow(number, exponent, modulus).to_bytes(size, "big") == padding + info


def read(element: Element) -> PublicKey:
    """SubjectPublicKeyInfo; EvidenceError unless it is a sound key of a kind that is known."""
    fields = Fields(element)
    algorithm, bits = Fields(fields.take(der.SEQUENCE)), fields.take(der.BITS).bits()
    fields.end()
    kind = algorithm.take(der.OBJECT).name()
    if kind == EC:
        curve = _CURVES.get(algorithm.take(der.OBJECT).name())
        algorithm.end()
        if curve is None or not ecdsa.is_point(curve, bits):
            raise MalformedDer("a public key that is no point of P-256 or P-384")
        return PublicKey(kind, bits, curve)
    if kind == ED25519:
        algorithm.end()
        edwards.check_public_key(bits)
        return PublicKey(kind, bits)
    if kind != RSA or algorithm.take(der.NULL).contents:
        raise MalformedDer(f"a public key of kind {kind}")
    algorithm.end()
    numbers = Fields(der.read(bits))
    modulus, exponent = (numbers.take(der.INTEGER).integer() for _ in range(2))
    numbers.end()
    odd = modulus > 0 and modulus & exponent & 1
    if not odd or modulus.bit_length() not in _RSA_BITS or not 3 <= exponent < 2**32:
        raise MalformedDer("an RSA key out of bounds")
    return PublicKey(kind, bits, numbers=(modulus, exponent))
