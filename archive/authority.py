"""What an RFC 3161 timestamp authority says, and when it is believed.

The cryptography is rfc3161-client's: CMS signature, chain to a pinned root as it was valid at the
token's own time, purpose timeStamping. Here is what RFC 3161 asks besides (2.2, 2.3, 2.4.2).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

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

SHA256 = "2.16.840.1.101.3.4.2.1"
LARGEST_TOKEN = 64 * 1024
_GRANTED = bytes.fromhex("3003020100")
"""PKIStatusInfo { granted }."""
_WITH_TOKEN = (0, 1)
"""granted, grantedWithMods: what was modified shows in what is compared here."""
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
    """A verified TimeStampToken: `gen_time` (whole seconds, never later than it says) is proven.

    `ends`: when the authority's certificate does.
    """

    der: bytes
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
        wrapped = _element(0x30, _GRANTED + _in_order(token))
        found = decode_timestamp_response(wrapped)
        _check_info(authority, found, message, nonce)
        VerifierBuilder(roots=list(authority.roots), nonce=nonce).build().verify_message(
            found, message
        )
        signer = _signer(found)
        return Token(token, _instant(found.tst_info.gen_time), _purpose(signer).not_valid_after_utc)
    except (VerificationError, ValueError, OverflowError) as error:
        raise TokenRefused(f"not a valid timestamp token: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    """OpenSSL's own word for it, out of a long stack; else the beginning."""
    told = _VERIFY_ERROR.search(str(error))
    return told[1] if told else str(error)[:120]


def _granted_token(answer: bytes) -> bytes:
    """The exact bytes of the TimeStampToken in a TimeStampResp that grants one."""
    parts = [*_elements(answer, *_whole(answer))]
    said = _status(answer, parts[0]) if parts else -1
    if said not in _WITH_TOKEN:
        raise TokenRefused(f"no token: {_WHY.get(said, 'its answer cannot be read')}")
    if len(parts) != 2:
        raise TokenRefused("the answer grants a token and holds none")
    start, _, end = parts[1]
    return answer[start:end]


def _status(answer: bytes, info: tuple[int, int, int]) -> int:
    """The PKIStatus that begins a PKIStatusInfo; -1 where there is none."""
    _, start, end = next(_elements(answer, *info[1:]), (0, 0, 0))
    return int.from_bytes(answer[start:end], "big") if end - start == 1 else -1


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


def _purpose(certificate: Certificate) -> Certificate:
    """RFC 3161, 2.3: the extended key usage is critical, and timeStamping alone."""
    try:
        usage = certificate.extensions.get_extension_for_class(ExtendedKeyUsage)
    except ExtensionNotFound:
        raise TokenRefused("the signer's certificate is not for timestamps") from None
    if not usage.critical or list(usage.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise TokenRefused("the signer's certificate is not for timestamps alone")
    return certificate


def _instant(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


# ---------------------------------------------------------------- DER, as far as it is needed


def _in_order(token: bytes) -> bytes:
    """The same token with its certificates in DER's order, which the reader insists on.

    OpenSSL and many authorities send them as they come: the set is BER there, and not signed.
    """
    found = _whole(token)  # ContentInfo { contentType, [0] { SignedData { ... [0] certificates
    for tag in (0xA0, 0x30, 0xA0):
        inside = (each[1:] for each in _elements(token, *found) if token[each[0]] == tag)
        found = next(inside, (0, 0))
    start, stop = found
    parts = sorted(token[at:end] for at, _, end in _elements(token, start, stop))
    return token[:start] + b"".join(parts) + token[stop:]


def _whole(data: bytes) -> tuple[int, int]:
    """Where the contents of the one SEQUENCE lie that `data` is."""
    start, stop = _body(data, 0, len(data))
    if data[0] != 0x30 or stop != len(data):
        raise TokenRefused("the answer is no timestamp answer")
    return start, stop


def _elements(data: bytes, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """(start, start of the contents, end) of each element between."""
    while start < stop:
        body, end = _body(data, start, stop)
        yield start, body, end
        start = end


def _body(data: bytes, start: int, stop: int) -> tuple[int, int]:
    """Where the contents of the element at `start` begin and end, in definite form."""
    if start + 2 > stop or data[start] & 0x1F == 0x1F:
        raise TokenRefused("the answer is no timestamp answer")
    size, at = data[start + 1], start + 2
    if size & 0x80:
        wide = size & 0x7F
        if not 1 <= wide <= 4 or at + wide > stop:
            raise TokenRefused("the answer is cut off")
        size, at = int.from_bytes(data[at : at + wide], "big"), at + wide
    if at + size > stop:
        raise TokenRefused("the answer is cut off")
    return at, at + size


def _element(tag: int, body: bytes) -> bytes:
    size = len(body)
    if size < 0x80:
        return bytes([tag, size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body
