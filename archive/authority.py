"""What an RFC 3161 timestamp authority says, and when it is believed.

The cryptography is rfc3161-client's: CMS signature, chain to a pinned root as it was valid at the
token's own time, purpose timeStamping. Here is what RFC 3161 asks besides (2.2, 2.3, 2.4.2).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import (
    Certificate,
    ExtendedKeyUsage,
    ExtensionNotFound,
    load_der_x509_certificate,
    load_pem_x509_certificates,
)
from cryptography.x509.oid import ExtendedKeyUsageOID
from rfc3161_client import (
    HashAlgorithm,
    TimeStampRequest,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from archive.evidence import der
from archive.evidence.der import Element, MalformedDer

SHA256 = "2.16.840.1.101.3.4.2.1"
_STRONG = {SHA256, "2.16.840.1.101.3.4.2.2", "2.16.840.1.101.3.4.2.3"}
LARGEST_TOKEN = 64 * 1024
_GRANTED = bytes.fromhex("3003020100")
"""PKIStatusInfo { granted }."""
_WITH_TOKEN = (0, 1)
"""granted, grantedWithMods: what was modified shows in what is compared here."""
_IDENTIFIERS = {
    bytes.fromhex("2a864886f70d010910020c"): "sha1",  # signingCertificate, RFC 2634
    bytes.fromhex("2a864886f70d010910022f"): "sha256",  # signingCertificateV2, RFC 5035
}
_HASHES = {
    bytes.fromhex("608648016503040201"): "sha256",
    bytes.fromhex("608648016503040202"): "sha384",
    bytes.fromhex("608648016503040203"): "sha512",
}
_VERIFY_ERROR = re.compile(r"Verify error: ([^\"]+)")
_WHY = {
    2: "it rejected the request",
    3: "it asks to wait",
    4: "a revocation is imminent",
    5: "it was revoked",
}


class TimestampError(Exception):
    """No token was had. Whatever was to be stamped stands; it is asked for again."""


class TokenRefused(TimestampError):
    """The authority answered, and its answer is no valid token for what was asked."""


@dataclass(frozen=True, slots=True)
class Authority:
    """`roots`: the only certificates that its own must lead to. `policy`: the one OID accepted."""

    name: str
    url: str
    roots: tuple[Certificate, ...]
    policy: str | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """A verified TimeStampToken, byte for byte as it came.

    `gen_time`, in whole seconds and never later than it says, is proven; `ends`: when the
    authority's certificate does.
    """

    encoded: bytes
    gen_time: datetime
    ends: datetime


def read_roots(pem: bytes) -> tuple[Certificate, ...]:
    """The certificates of a PEM file. TimestampError where there is none."""
    try:
        return tuple(load_pem_x509_certificates(pem))
    except ValueError as error:
        raise TimestampError(f"not a PEM file of certificates ({error})") from None


def make_request(message: bytes) -> TimeStampRequest:
    """For the SHA-256 of `message`, with a random nonce, asking for the signer's certificate."""
    builder = TimestampRequestBuilder(data=message, hash_algorithm=HashAlgorithm.SHA256)
    return builder.nonce(nonce=True).cert_request(cert_request=True).build()


def accept(authority: Authority, answer: bytes, message: bytes, nonce: int | None) -> Token:
    """The verified token in a TimeStampResp; TokenRefused says what is wrong with it."""
    return verify(authority, _granted_token(answer), message, nonce)


def verify(authority: Authority, token: bytes, message: bytes, nonce: int | None = None) -> Token:
    """A token over the SHA-256 of `message`; TokenRefused. The nonce is known only at first."""
    if len(token) > LARGEST_TOKEN:
        raise TokenRefused(f"a token of {len(token)} bytes; {LARGEST_TOKEN} are allowed")
    try:
        parsed = der.read(token)
        found = decode_timestamp_response(der.write(der.SEQUENCE, _GRANTED, _in_order(parsed)))
        _check_info(authority, found, message, nonce)
        VerifierBuilder(roots=list(authority.roots), nonce=nonce).build().verify_message(
            found, message
        )
        signer = _signer(found)
        _check_purpose(signer)
        _check_identifier(parsed, signer)
        return Token(token, _instant(found.tst_info.gen_time), signer.not_valid_after_utc)
    except (VerificationError, MalformedDer, ValueError, OverflowError) as error:
        raise TokenRefused(f"not a valid timestamp token: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    """OpenSSL's own word for it, out of a long stack; else the beginning."""
    told = _VERIFY_ERROR.search(str(error))
    return told[1] if told else str(error)[:120]


def _granted_token(answer: bytes) -> bytes:
    """The exact bytes of the TimeStampToken in a TimeStampResp that grants one."""
    try:
        info, *rest = der.read(answer).parts()
        said = int.from_bytes(info.within(der.INTEGER).contents[:2], "big")
    except (MalformedDer, ValueError):
        raise TokenRefused("the answer is no timestamp answer") from None
    if said not in _WITH_TOKEN:
        raise TokenRefused(f"no token: {_WHY.get(said, 'its answer cannot be read')}")
    if len(rest) != 1:
        raise TokenRefused("the answer grants a token and holds none")
    return rest[0].whole


def _in_order(token: Element) -> bytes:
    """The same token with its certificates in DER's order, which the reader insists on.

    OpenSSL and many authorities send them as they come: the set is BER there, and not signed.
    """
    found = token.within(der.CONTEXT_0, der.SEQUENCE, der.CONTEXT_0)
    parts = sorted(each.whole for each in found.parts())
    return token.data[: found.body] + b"".join(parts) + token.data[found.end :]


def _check_info(
    authority: Authority, found: TimeStampResponse, message: bytes, nonce: int | None
) -> None:
    info = found.tst_info
    imprint = info.message_imprint
    if imprint.hash_algorithm.dotted_string != SHA256:
        raise TokenRefused("the imprint is not by SHA-256")
    if imprint.message != hashlib.sha256(message).digest():
        raise TokenRefused("the token is over something else than was asked")
    if nonce is not None and info.nonce != nonce:
        raise TokenRefused("the nonce is another than was asked: an old answer, replayed")
    weak = {each.dotted_string for each in found.signed_data.digest_algorithms} - _STRONG
    if weak:
        raise TokenRefused(f"signed over a weak hash ({', '.join(sorted(weak))})")
    policy = info.policy.dotted_string
    if authority.policy is not None and policy != authority.policy:
        raise TokenRefused(f"under policy {policy}; {authority.policy} is the one configured")


def _signer(found: TimeStampResponse) -> Certificate:
    """The certificate that the one SignerInfo names."""
    (info,) = found.signed_data.signer_infos
    for each in found.signed_data.certificates:
        certificate = load_der_x509_certificate(each)
        if (certificate.issuer, certificate.serial_number) == (info.issuer, info.serial_number):
            return certificate
    raise TokenRefused("the signer's certificate is not in the token")


def _check_purpose(certificate: Certificate) -> None:
    """RFC 3161, 2.3: the extended key usage is critical, and timeStamping alone."""
    try:
        usage = certificate.extensions.get_extension_for_class(ExtendedKeyUsage)
    except ExtensionNotFound:
        raise TokenRefused("the signer's certificate is not for timestamps") from None
    if not usage.critical or list(usage.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise TokenRefused("the signer's certificate is not for timestamps alone")


def _check_identifier(token: Element, signer: Certificate) -> None:
    """RFC 3161, 2.2, and RFC 5816: what was signed names the certificate by its hash."""
    sets = [e for e in token.within(der.CONTEXT_0, der.SEQUENCE).parts() if e.tag == der.SET]
    # SignedData's sets are the digest algorithms and, last, the signers' infos: here exactly one.
    signed = sets[-1].within(der.SEQUENCE, der.CONTEXT_0).parts()
    named = [each for each in signed if each.within(der.OBJECT).contents in _IDENTIFIERS]
    for attribute in named:
        default = _IDENTIFIERS[attribute.within(der.OBJECT).contents]
        first = attribute.within(der.SET, der.SEQUENCE, der.SEQUENCE, der.SEQUENCE)
        hashed = first.within(der.OCTETS)
        stated = first.parts()[0]
        if stated.tag == der.SEQUENCE:
            default = _HASHES.get(stated.within(der.OBJECT).contents, "")
        if not default or hashed.contents != _digest(default, signer):
            raise TokenRefused("what was signed names another certificate")
    if not named:
        raise TokenRefused("what was signed does not name the signer's certificate")


def _digest(name: str, certificate: Certificate) -> bytes:
    return hashlib.new(name, certificate.public_bytes(Encoding.DER)).digest()


def _instant(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
