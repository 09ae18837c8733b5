"""RFC 3161 timestamp tokens: what one says, and whether it says it (docs/formats.md 7)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from archive.evidence import certificate, der, public_key
from archive.evidence.certificate import Certificate
from archive.evidence.der import Element, Fields, MalformedDer
from archive.evidence.errors import EvidenceError, FormatError, SignatureError

LARGEST = 65_536
"""Bytes of a token."""

_SIGNED_DATA, _INFO = "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE, _DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
_IDENTIFIERS = {  # the attributes that name the certificate: RFC 2634, RFC 5035
    "1.2.840.113549.1.9.16.2.12": "sha1",
    "1.2.840.113549.1.9.16.2.47": "sha256",
}
_MOST_CERTIFICATES = 10
_BETWEEN = 2  # certificates of the token between the signer's and a trusted one


@dataclass(frozen=True, slots=True)
class Signer:
    """A SignerInfo of CMS (RFC 5652, 5.3)."""

    issuer: bytes
    serial: int
    hash: str
    kind: str  # of its key
    digest: bytes
    """Of the token's contents."""
    identifiers: tuple[tuple[str, bytes], ...]
    """Algorithm and hash of the signer's certificate, as signed."""
    signed: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Token:
    """`gen_time`: UTC, never later than the token says; `imprint`: what it is over, a SHA-256."""

    gen_time: datetime
    imprint: bytes
    serial: int
    policy: str
    nonce: int | None
    certificate: Certificate
    others: tuple[Certificate, ...]
    """The token's other certificates, as far as they can be read."""
    info: bytes = field(repr=False)
    signer: Signer = field(repr=False)

    @property
    def authority(self) -> str:
        """By its certificate: a name, or 64 hex digits."""
        return self.certificate.name

    def leads_to(self, trusted: Sequence[bytes]) -> bool:
        """Whether the signer's certificate is one of these (DER), or one of them certifies it,
        perhaps through certificates of the token; all of them valid at `gen_time`."""
        if self.certificate.encoded in trusted:
            return True
        anchors = [certificate.read(each) for each in trusted]
        found, others = [self.certificate], list(self.others)
        for below in range(_BETWEEN + 1):
            if self._issuers(found, anchors, below):
                return True
            found = self._issuers(found, others, below)
            others = [each for each in others if each not in found]
        return False

    def _issuers(
        self, issued: Sequence[Certificate], among: Sequence[Certificate], below: int
    ) -> list[Certificate]:
        return [
            each
            for each in among
            if any(each.has_issued(one, self.gen_time, below) for one in issued)
        ]


def verify_token(data: bytes, imprint: bytes, trusted: Sequence[bytes] = ()) -> Token:
    """The token, verified to be over `imprint`, the SHA-256 of what is stamped.

    `trusted`: certificates (DER), of which one must be the authority's or have certified it; where
    there are none, who signed is the token's own word. EvidenceError, its code `timestamp-form`,
    `timestamp-imprint`, `timestamp-certificate`, `timestamp-signature` or `timestamp-authority`.
    """
    token = read_token(data)
    if token.imprint != imprint:
        raise SignatureError("the token is over something else", "timestamp-imprint")
    if not token.certificate.only_stamps():
        raise SignatureError("the certificate is not for timestamps alone", "timestamp-certificate")
    if not token.certificate.holds_at(token.gen_time):
        raise SignatureError("the certificate was not valid then", "timestamp-certificate")
    _check_identifier(token)
    _check_signature(token)
    if trusted and not token.leads_to(trusted):
        raise SignatureError("not by an authority that is trusted", "timestamp-authority")
    return token


def _check_identifier(token: Token) -> None:
    """RFC 3161, 2.2, and RFC 5816: what was signed names the certificate by its hash."""
    named = token.signer.identifiers
    if not named or any(hash_ != token.certificate.digest(name) for name, hash_ in named):
        raise SignatureError("what was signed names another certificate", "timestamp-certificate")


def _check_signature(token: Token) -> None:
    signer, key = token.signer, token.certificate.key
    fits = signer.digest == hashlib.new(signer.hash, token.info).digest() and key.fits(
        signer.kind, signer.hash, signer.signature, signer.signed
    )
    if not fits:
        raise SignatureError("the token's signature does not fit", "timestamp-signature")


def read_token(data: bytes) -> Token:
    """What a token says and who signed it, nothing of it verified yet.

    FormatError unless it is DER as RFC 3161 has it, of one signer (code `timestamp-form`) whose
    certificate is in it and can be read (`timestamp-certificate`).
    """
    try:
        if len(data) > LARGEST:
            raise MalformedDer(f"{len(data)} bytes; {LARGEST} are allowed")
        return _read(data)
    except EvidenceError as error:
        code = error.code or "timestamp-form"
        raise FormatError(f"not a timestamp token: {error}", code) from None


def _read(data: bytes) -> Token:
    outer = Fields(der.read(data))
    _expect(outer, _SIGNED_DATA)
    fields = Fields(outer.take(der.CONTEXT_0).only(der.SEQUENCE))
    outer.end()
    if fields.take(der.INTEGER).integer() != 3:
        raise MalformedDer("not signed data of version 3")
    hashes = [public_key.read_hash(each) for each in fields.take(der.SET).each(der.SEQUENCE)]
    content = Fields(fields.take(der.SEQUENCE))
    _expect(content, _INFO)
    info = content.take(der.CONTEXT_0).only(der.OCTETS).contents
    content.end()
    enclosed = fields.maybe(der.CONTEXT_0)
    certificates = enclosed.parts() if enclosed else []
    fields.maybe(der.CONTEXT_1)  # revocation lists
    signer = _read_signer(fields.take(der.SET).only(der.SEQUENCE))
    fields.end()
    if signer.hash not in hashes or len(certificates) > _MOST_CERTIFICATES:
        raise MalformedDer("a hash that was not announced, or too many certificates")
    readable = [each for each in map(_certificate, certificates) if each is not None]
    its = [
        each for each in readable if (each.issuer, each.serial) == (signer.issuer, signer.serial)
    ]
    if not its:
        why = "the signer's certificate is not in it, or cannot be read"
        raise FormatError(why, "timestamp-certificate")
    return _read_info(info, its[0], tuple(each for each in readable if each is not its[0]), signer)


def _certificate(element: Element) -> Certificate | None:
    try:
        return certificate.read(element.whole)
    except EvidenceError:
        return None


def _read_info(
    info: bytes, its: Certificate, others: tuple[Certificate, ...], signer: Signer
) -> Token:
    """TSTInfo (RFC 3161, 2.4.2)."""
    fields = Fields(der.read(info))
    version, policy = fields.take(der.INTEGER).integer(), fields.take(der.OBJECT).name()
    imprint = Fields(fields.take(der.SEQUENCE))
    hash_, digest = (
        public_key.read_hash(imprint.take(der.SEQUENCE)),
        imprint.take(der.OCTETS).contents,
    )
    imprint.end()
    if version != 1 or hash_ != "sha256" or len(digest) != 32:
        raise MalformedDer("not of version 1, or over something else than a SHA-256")
    serial, gen_time = fields.take(der.INTEGER).integer(), fields.take(der.TIME).time()
    fields.maybe(der.SEQUENCE)  # accuracy
    fields.maybe(der.BOOLEAN)  # whether its times order its tokens
    nonce = fields.maybe(der.INTEGER)
    fields.maybe(der.CONTEXT_0)  # the authority's name, as it says itself
    extended = fields.maybe(der.CONTEXT_1)
    fields.end()
    if extended:
        certificate.read_extensions(extended, ())
    return Token(
        gen_time,
        digest,
        serial,
        policy,
        nonce.integer() if nonce else None,
        its,
        others,
        info,
        signer,
    )


def _read_signer(element: Element) -> Signer:
    fields = Fields(element)
    if fields.take(der.INTEGER).integer() != 1:
        raise MalformedDer("a signer that is not named by issuer and serial number")
    names = Fields(fields.take(der.SEQUENCE))
    issuer, serial = names.take(der.SEQUENCE).whole, names.take(der.INTEGER).integer()
    names.end()
    hash_ = public_key.read_hash(fields.take(der.SEQUENCE))
    signed = fields.take(der.CONTEXT_0)
    algorithm = public_key.read_algorithm(fields.take(der.SEQUENCE))
    signature = fields.take(der.OCTETS).contents
    fields.maybe(der.CONTEXT_1)  # attributes that nobody signed
    fields.end()
    named = public_key.SIGNATURES.get(algorithm, ("", ""))
    kind, over = (public_key.RSA, hash_) if algorithm == public_key.RSA else named
    if over != hash_:
        raise MalformedDer("a signature by an algorithm that is not known, or over another hash")
    attributes = _attributes(signed)
    _expect(Fields(_value(attributes, _CONTENT_TYPE)), _INFO)
    return Signer(
        issuer=issuer,
        serial=serial,
        hash=hash_,
        kind=kind,
        digest=_value(attributes, _DIGEST).only(der.OCTETS).contents,
        identifiers=tuple(
            _identifier(_value(attributes, name), default)
            for name, default in _IDENTIFIERS.items()
            if name in attributes
        ),
        # A set is signed, and stands under another tag (RFC 5652, 5.4).
        signed=bytes([der.SET]) + signed.whole[1:],
        signature=signature,
    )


def _attributes(signed: Element) -> dict[str, Element]:
    """The set of values of each attribute, by its name."""
    found = dict[str, Element]()
    for each in signed.each(der.SEQUENCE):
        fields = Fields(each)
        name, values = fields.take(der.OBJECT).name(), fields.take(der.SET)
        fields.end()
        if name in found:
            raise MalformedDer("an attribute that stands twice")
        found[name] = values
    return found


def _value(attributes: Mapping[str, Element], name: str) -> Element:
    if name not in attributes:
        raise MalformedDer(f"attribute {name} is missing")
    return attributes[name]


def _identifier(values: Element, algorithm: str) -> tuple[str, bytes]:
    """Hash and its algorithm of the first ESSCertID, which is the signer's."""
    first = Fields(Fields(Fields(values.only(der.SEQUENCE)).take(der.SEQUENCE)).take(der.SEQUENCE))
    stated = first.maybe(der.SEQUENCE) if algorithm != "sha1" else None
    if stated is not None:
        algorithm = public_key.read_hash(stated)
    return algorithm, first.take(der.OCTETS).contents


def _expect(fields: Fields, name: str) -> None:
    if fields.take(der.OBJECT).name() != name:
        raise MalformedDer(f"not of type {name}")
