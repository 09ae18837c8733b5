"""An authenticator in software: it signs as a passkey does, and also as none should."""

import base64
import hashlib
import json
from dataclasses import dataclass, replace

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from archive.evidence.passkey import EDDSA, ES256, Assertion, encode
from tests.vectors.world import seeded

RP, SITE = "archive.example", "https://archive.example"
PRESENT, VERIFIED, ATTESTED, EXTENDED = 0x01, 0x04, 0x40, 0x80
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True)
class Authenticator:
    """One credential: `label` makes its key, `rp` its site, `origin` the page that asks."""

    label: str
    alg: str = ES256
    rp: str = RP
    origin: str = SITE
    flags: int = PRESENT | VERIFIED
    counter: int = 0
    type: str = "webauthn.get"
    tail: str = ',"crossOrigin":false'
    extensions: bytes = b""

    @property
    def _seed(self) -> bytes:
        return seeded(f"authenticator {self.label}")

    def _p256(self) -> ec.EllipticCurvePrivateKey:
        number = int.from_bytes(self._seed, "big") % (_ORDER - 1) + 1
        return ec.derive_private_key(number, ec.SECP256R1())

    @property
    def public(self) -> bytes:
        """As the key register has it."""
        if self.alg == EDDSA:
            return Ed25519PrivateKey.from_private_bytes(self._seed).public_key().public_bytes_raw()
        key = self._p256().public_key()
        return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    @property
    def key_id(self) -> str:
        return hashlib.sha256(self.public).hexdigest()

    @property
    def credential(self) -> bytes:
        return seeded(f"credential {self.label}", 20)

    def but(self, **changes: object) -> "Authenticator":
        return replace(self, **changes)  # type: ignore[arg-type]  # fields of its own

    def client_data(self, challenge: bytes) -> bytes:
        text = base64.urlsafe_b64encode(challenge).rstrip(b"=").decode()
        return (
            f'{{"type":"{self.type}","challenge":"{text}","origin":"{self.origin}"{self.tail}}}'
        ).encode()

    def sign(self, message: bytes) -> bytes:
        """An envelope's signature: an assertion whose challenge is the message's SHA-256."""
        return encode(self.assertion(hashlib.sha256(message).digest()))

    def assertion(self, challenge: bytes) -> Assertion:
        client, data = self.client_data(challenge), self.data(self.extensions)
        return Assertion(data, client, self._signature(data + hashlib.sha256(client).digest()))

    def data(self, more: bytes) -> bytes:
        head = hashlib.sha256(self.rp.encode()).digest()
        return head + bytes([self.flags]) + self.counter.to_bytes(4, "big") + more

    def _signature(self, message: bytes) -> bytes:
        if self.alg == EDDSA:
            return Ed25519PrivateKey.from_private_bytes(self._seed).sign(message)
        return self._p256().sign(message, ec.ECDSA(SHA256(), deterministic_signing=True))

    # ------------------------------------------------------------ registration

    def cose(self) -> bytes:
        """The public key as CTAP2 spells it."""
        if self.alg == EDDSA:
            return bytes.fromhex("a4010103272006215820") + self.public
        x, y = self.public[1:33], self.public[33:]
        return bytes.fromhex("a5010203262001215820") + x + bytes.fromhex("225820") + y

    def creation(self, challenge: bytes) -> tuple[bytes, bytes]:
        """(authenticator data, client data) of a new credential."""
        made = self.but(flags=self.flags | ATTESTED)
        length = len(self.credential).to_bytes(2, "big")
        more = bytes(16) + length + self.credential + self.cose()
        return made.data(more), self.but(type="webauthn.create").client_data(challenge)


def wire(assertion: Assertion) -> dict[str, str]:
    """As the signing page sends it."""
    return {
        "authenticator_data": base64.b64encode(assertion.authenticator_data).decode(),
        "client_data": base64.b64encode(assertion.client_data).decode(),
        "signature": base64.b64encode(assertion.signature).decode(),
    }


def challenge_of(client_data: bytes) -> bytes:
    """What a page asked to have signed."""
    return base64.urlsafe_b64decode(json.loads(client_data)["challenge"] + "=")
