"""X.509 certificates (RFC 5280) as far as timestamp authorities need them, on hostile bytes.

Everything is verified in plain Python: the same answers wherever the verifier runs.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import datetime

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
TIME_STAMPING, ANY_PURPOSE = "1.3.6.1.5.5.7.3.8", "2.5.29.37.0"

_CURVES = {"1.2.840.10045.3.1.7": ecdsa.P256, "1.3.132.0.34": ecdsa.P384}
_RSA_BITS = range(2048, 8193)
_CONSTRAINTS, _USAGE, _PURPOSES, _POLICIES = "2.5.29.19", "2.5.29.15", "2.5.29.37", "2.5.29.32"
_UNDERSTOOD = {_CONSTRAINTS, _USAGE, _PURPOSES, _POLICIES}
_SIGNS, _COMMITS, _CERTIFIES = 0, 1, 5  # bits of the key's usage
_COMMON_NAME = "2.5.4.3"
_V3, _ISSUER_ID, _SUBJECT_ID, _ANY_DEPTH = 2, 0x81, 0x82, 99
# Letters that look alike to everybody who reads the report: no marks, controls or directions.
_READABLE = re.compile(
    "[ -~\u00a1-\u00ac\u00ae-\u024f\u0370-\u0482\u048a-\u052f"
    "\u3001-\u3029\u3041-\u3096\u30a1-\u30ff\u3400-\u9fff\uac00-\ud7a3]{1,200}"
)
_PEM = re.compile(
    r"-----BEGIN CERTIFICATE-----\s+([A-Za-z0-9+/=\s]+?)\s+-----END CERTIFICATE-----", re.ASCII
)


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


def _read_key(element: Element) -> PublicKey:
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


@dataclass(frozen=True, slots=True)
class Certificate:
    """`issuer`, `subject`: names as they are encoded; `purposes`: None where it names none."""

    encoded: bytes
    signed: bytes
    algorithm: str
    signature: bytes
    serial: int
    issuer: bytes
    subject: bytes
    begin: datetime
    end: datetime
    key: PublicKey
    purposes: frozenset[str] | None
    purposes_critical: bool
    usage: frozenset[int] | None
    depth: int | None
    """How many others may stand between it and a signer; None: it certifies nobody."""
    name: str
    """Of the subject, where people can read it; else the certificate's SHA-256."""

    def holds_at(self, moment: datetime) -> bool:
        return self.begin <= moment <= self.end

    def only_stamps(self) -> bool:
        """RFC 3161, 2.3: for timestamps alone, and marked critical."""
        only = self.purposes == frozenset({TIME_STAMPING}) and self.purposes_critical
        return only and (self.usage is None or bool(self.usage & {_SIGNS, _COMMITS}))

    def has_issued(self, other: Certificate, moment: datetime, below: int) -> bool:
        """Whether it certifies `other` at that moment, with `below` certificates in between."""
        if self.depth is None or below > self.depth or self.subject != other.issuer:
            return False
        if self.usage is not None and _CERTIFIES not in self.usage:
            return False
        if self.purposes is not None and not self.purposes & {TIME_STAMPING, ANY_PURPOSE}:
            return False
        kind, hash_ = SIGNATURES.get(other.algorithm, ("", ""))
        held = self.holds_at(moment)
        return held and self.key.fits(kind, hash_, other.signature, other.signed)

    def digest(self, algorithm: str) -> bytes:
        return hashlib.new(algorithm, self.encoded).digest()


def read_pem(pem: bytes) -> tuple[bytes, ...]:
    """The certificates of a PEM file, at least one, each in DER and readable; EvidenceError."""
    found = _PEM.findall(pem.decode("utf-8", "replace"))
    if not found:
        raise FormatError("no certificate: a PEM file with BEGIN CERTIFICATE is expected")
    return tuple(read(_from_base64("".join(each.split()))).encoded for each in found)


def _from_base64(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        data = b""
    if base64.b64encode(data).decode("ascii") != text:
        raise FormatError("a certificate that is not base64")
    return data


def read(data: bytes) -> Certificate:
    """EvidenceError unless it is a certificate of version 3 of which everything critical is
    understood, with a key of RSA (2,048 to 8,192 bits), P-256, P-384 or Ed25519."""
    outer = Fields(der.read(data))
    signed, algorithm = outer.take(der.SEQUENCE), outer.take(der.SEQUENCE)
    signature = outer.take(der.BITS).bits()
    outer.end()
    fields = Fields(signed)
    version = fields.take(der.CONTEXT_0).only(der.INTEGER).integer()
    serial = fields.take(der.INTEGER).integer()
    if version != _V3 or fields.take(der.SEQUENCE).whole != algorithm.whole:
        raise MalformedDer("not a certificate of version 3, or of two algorithms")
    issuer, validity = fields.take(der.SEQUENCE), Fields(fields.take(der.SEQUENCE))
    begin, end = (validity.take(der.UTC_TIME, der.TIME).time() for _ in range(2))
    validity.end()
    subject, key = fields.take(der.SEQUENCE), _read_key(fields.take(der.SEQUENCE))
    fields.maybe(_ISSUER_ID)
    fields.maybe(_SUBJECT_ID)
    extended = fields.maybe(der.CONTEXT_3)
    fields.end()
    extensions = read_extensions(extended.only(der.SEQUENCE), _UNDERSTOOD) if extended else {}
    purposes_critical, purposes = extensions.get(_PURPOSES, (False, None))
    return Certificate(
        encoded=data,
        signed=signed.whole,
        algorithm=read_algorithm(algorithm),
        signature=signature,
        serial=serial,
        issuer=issuer.whole,
        subject=subject.whole,
        begin=begin,
        end=end,
        key=key,
        purposes=_read_purposes(purposes),
        purposes_critical=purposes_critical,
        usage=_read_usage(extensions.get(_USAGE, (False, None))[1]),
        depth=_read_depth(extensions.get(_CONSTRAINTS, (False, None))[1]),
        name=_common_name(subject) or hashlib.sha256(data).hexdigest(),
    )


def read_extensions(
    element: Element, understood: Container[str]
) -> dict[str, tuple[bool, bytes | None]]:
    """Whether it is critical, and its value, by name."""
    found = dict[str, tuple[bool, bytes | None]]()
    for each in element.each(der.SEQUENCE):
        fields = Fields(each)
        name, critical = fields.take(der.OBJECT).name(), fields.maybe(der.BOOLEAN)
        value = fields.take(der.OCTETS).contents
        fields.end()
        if name in found or (critical and critical.contents != b"\xff"):
            raise MalformedDer("an extension that stands twice, or is malformed")
        if critical and name not in understood:
            raise MalformedDer(f"extension {name} is critical, and not understood here")
        found[name] = critical is not None, value
    return found


def _read_purposes(value: bytes | None) -> frozenset[str] | None:
    if value is None:
        return None
    return frozenset(each.name() for each in der.read(value).each(der.OBJECT))


def _read_usage(value: bytes | None) -> frozenset[int] | None:
    if value is None:
        return None
    bits = der.read(value, der.BITS).contents
    return frozenset(n for n in range(8 * (len(bits) - 1)) if bits[1 + n // 8] & 0x80 >> n % 8)


def _read_depth(value: bytes | None) -> int | None:
    if value is None:
        return None
    fields = Fields(der.read(value))
    certifies, depth = fields.maybe(der.BOOLEAN), fields.maybe(der.INTEGER)
    fields.end()
    if certifies is None or certifies.contents != b"\xff":
        return None
    return depth.integer() if depth else _ANY_DEPTH


def _common_name(subject: Element) -> str:
    """The last one, in whatever sort of string, if people can read it; else empty."""
    said = ""
    for attribute in (a for part in subject.each(der.SET) for a in part.each(der.SEQUENCE)):
        fields = Fields(attribute)
        if fields.take(der.OBJECT).name() == _COMMON_NAME:
            said = fields.any().contents.decode("utf-8", "replace")
    return said if _READABLE.fullmatch(said) else ""
