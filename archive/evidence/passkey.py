"""Passkeys: a WebAuthn assertion as an envelope's signature (docs/formats.md 8)."""

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Self

from archive.evidence import canonical, ecdsa
from archive.evidence.errors import EvidenceError, FormatError, KeyRefused, SignatureError
from archive.evidence.keys import check_public_key, key_id
from archive.evidence.primitives import (
    ECDSA,
    SECP256R1,
    SHA256,
    Ed25519PublicKey,
    EllipticCurvePublicKey,
    InvalidSignature,
    encode_dss_signature,
)

ES256, EDDSA = "WebAuthn-ES256", "WebAuthn-EdDSA"
PUBLIC_LENGTH = {EDDSA: 32, ES256: 65}
LONGEST = 4096
"""Bytes of an assertion as it stands in an envelope."""

_PRESENT, _VERIFIED, _ATTESTED, _EXTENDED = 0x01, 0x04, 0x40, 0x80
_BACKUP_ELIGIBLE, _BACKED_UP = 0x08, 0x10
_FIXED = 37
# What browsers write (WebAuthn Level 2, 5.8.1.1): members in this order, others only behind them.
_CLIENT = re.compile(
    rb'\{"type":"([a-z.]{1,40})","challenge":"([A-Za-z0-9_-]{43})","origin":"([!#-\[\]-~]{1,300})"'
    rb'(?:,"crossOrigin":false(?:,.{1,2000})?)?\}',
    re.DOTALL,
)
_ORIGIN = re.compile(r"(https?)://([a-z0-9.-]{1,253})(?::[1-9][0-9]{0,4})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Assertion:
    """What the authenticator gave, byte for byte."""

    authenticator_data: bytes
    client_data: bytes
    signature: bytes

    @property
    def counter(self) -> int:
        """How often the authenticator signed, by its own count; 0 where it does not count."""
        return int.from_bytes(self.authenticator_data[33:37], "big")


def encode(assertion: Assertion) -> bytes:
    """The `sig` of an envelope that a passkey signs, before base64."""
    members = {
        "authenticator_data": assertion.authenticator_data,
        "client_data": assertion.client_data,
        "signature": assertion.signature,
    }
    return canonical.encode(
        {name: base64.b64encode(data).decode("ascii") for name, data in members.items()}
    )


def parse(data: bytes) -> Assertion:
    """SignatureError (code `assertion-form`) for any other spelling."""
    try:
        if len(data) > LONGEST:
            raise FormatError("longer than an assertion can be")
        members = canonical.decode_object(data)
        if members.keys() != {"authenticator_data", "client_data", "signature"}:
            raise FormatError("missing or unknown keys")
        return Assertion(
            _bytes(members["authenticator_data"]),
            _bytes(members["client_data"]),
            _bytes(members["signature"]),
        )
    except EvidenceError as error:
        raise SignatureError(f"not an assertion: {error}", "assertion-form") from None


def _bytes(value: object) -> bytes:
    try:
        data = base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    except ValueError:
        data = b""
    if not data or base64.b64encode(data).decode("ascii") != value:
        raise FormatError("a member that is not base64")
    return data


@dataclass(frozen=True, slots=True)
class Passkey:
    """A registered passkey: its public key, and the site (rp id) for which it signs."""

    alg: str
    public: bytes
    key_id: str
    rp: str
    handle: EllipticCurvePublicKey | Ed25519PublicKey

    @classmethod
    def from_public(cls, alg: str, public: bytes, rp: str) -> Self:
        """KeyRefused unless it is a sound key of that algorithm."""
        handle: EllipticCurvePublicKey | Ed25519PublicKey
        if len(public) != PUBLIC_LENGTH.get(alg):
            raise KeyRefused("the key's length does not fit its algorithm", "key-form")
        try:
            if alg == ES256:
                if not ecdsa.is_point(ecdsa.P256, public):
                    raise KeyRefused("not an uncompressed point of P-256")
                handle = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), public)
            else:
                check_public_key(public)
                handle = Ed25519PublicKey.from_public_bytes(public)
        except (ValueError, KeyRefused) as error:
            raise KeyRefused(f"unsound public key: {error}", "key-unsound") from None
        return cls(alg, public, key_id(public), rp, handle)

    def verify(self, signature: bytes, message: bytes) -> None:
        """SignatureError unless `signature` is an assertion, with the person verified, over
        SHA-256 of `message` as its challenge (WebAuthn Level 2, 7.2)."""
        assertion = parse(signature)
        check_client(assertion.client_data, "webauthn.get", message, self.rp)
        self._check_authenticator(assertion.authenticator_data)
        signed = assertion.authenticator_data + hashlib.sha256(assertion.client_data).digest()
        try:
            self._check_signature(assertion.signature, signed)
        except InvalidSignature:
            raise SignatureError(f"signature by passkey {self.key_id[:16]} does not fit") from None

    def _check_authenticator(self, data: bytes) -> None:
        flags = data[32] if len(data) >= _FIXED else 0
        extended = bool(flags & _EXTENDED) == (len(data) > _FIXED)
        backup = flags & _BACKUP_ELIGIBLE or not flags & _BACKED_UP
        if len(data) < _FIXED or not extended or not backup or flags & _ATTESTED:
            raise SignatureError("authenticator data out of form", "assertion-form")
        if data[:32] != hashlib.sha256(self.rp.encode("ascii")).digest():
            raise SignatureError("the assertion is for another site", "assertion-rp")
        if not flags & _PRESENT or not flags & _VERIFIED:
            raise SignatureError("the authenticator did not verify the person", "assertion-uv")

    def _check_signature(self, signature: bytes, message: bytes) -> None:
        if isinstance(self.handle, Ed25519PublicKey):
            self.handle.verify(signature, message)
        else:
            r, s = read_der(signature)
            self.handle.verify(encode_dss_signature(r, s), message, ECDSA(SHA256()))


def check_client(data: bytes, kind: str, message: bytes, rp: str) -> str:
    """The origin of the page that had SHA-256 of `message` signed; SignatureError if another was
    signed, or for another purpose, or on another site."""
    match = _CLIENT.fullmatch(data)
    if match is None or match[1] != kind.encode():
        raise SignatureError(
            "client data is not that of an assertion made here", "assertion-client"
        )
    challenge = base64.urlsafe_b64encode(hashlib.sha256(message).digest()).rstrip(b"=")
    if match[2] != challenge:
        raise SignatureError("the assertion is over another statement", "assertion-challenge")
    origin = match[3].decode("ascii")
    if not of_site(origin, rp):
        raise SignatureError("the assertion was made on another site", "assertion-origin")
    return origin


def of_site(origin: str, rp: str) -> bool:
    """Whether a page of this origin may use keys of the site: https, the host or one below it
    (http on this very machine)."""
    match = _ORIGIN.fullmatch(origin)
    if match is None or (match[1] == "http" and match[2] != "localhost"):
        return False
    return match[2] == rp or match[2].endswith(f".{rp}")


def read_der(signature: bytes) -> tuple[int, int]:
    """(r, s) of an ECDSA signature in DER, in its one spelling; SignatureError."""
    try:
        return ecdsa.read_signature(ecdsa.P256, signature)
    except FormatError:
        raise SignatureError("not an ECDSA signature in DER") from None
