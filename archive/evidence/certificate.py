"""X.509 certificates (RFC 5280) as far as timestamp authorities need them, on hostile bytes."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime

from archive.evidence import der, public_key
from archive.evidence.der import Element, Fields, MalformedDer
from archive.evidence.errors import FormatError
from archive.evidence.public_key import SIGNATURES, PublicKey, read_algorithm

TIME_STAMPING, ANY_PURPOSE = "1.3.6.1.5.5.7.3.8", "2.5.29.37.0"

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
    subject, key = fields.take(der.SEQUENCE), public_key.read(fields.take(der.SEQUENCE))
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
