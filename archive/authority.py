"""What an RFC 3161 timestamp authority says, and when it is believed.

The token is read and verified by the verifier itself, so that none is kept that it would refuse;
the chain to a pinned root as it was valid at the token's own time is rfc3161-client's.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime

from cryptography.x509 import Certificate, load_pem_x509_certificates
from rfc3161_client import (
    HashAlgorithm,
    TimeStampRequest,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from archive.evidence import der, timestamp
from archive.evidence.der import Element, MalformedDer
from archive.evidence.errors import EvidenceError

LARGEST_TOKEN = timestamp.LARGEST
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
    try:
        said = timestamp.verify_token(token, hashlib.sha256(message).digest())
        _check_answer(authority, said, nonce)
        answer = der.write(der.SEQUENCE, _GRANTED, _in_order(der.read(token)))
        VerifierBuilder(roots=list(authority.roots), nonce=nonce).build().verify_message(
            decode_timestamp_response(answer), message
        )
    except (EvidenceError, VerificationError, ValueError, OverflowError) as error:
        raise TokenRefused(f"not a valid timestamp token: {_reason(error)}") from None
    return Token(token, said.gen_time.replace(microsecond=0), said.certificate.end)


def _check_answer(authority: Authority, said: timestamp.Token, nonce: int | None) -> None:
    if nonce is not None and said.nonce != nonce:
        raise TokenRefused("the nonce is another than was asked: an old answer, replayed")
    if authority.policy is not None and said.policy != authority.policy:
        raise TokenRefused(f"under policy {said.policy}; {authority.policy} is the one configured")


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
