"""A passkey and its assertions, checked on P-256 in plain Python."""

import base64
import hashlib
from dataclasses import dataclass

from tests.second_reader import spelling as s
from tests.second_reader.signing import fits, good_key

Q = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
Point = tuple[int, int] | None  # None: at infinity
_ASSERTION = s.shape(
    {
        "authenticator_data": lambda value: isinstance(value, str) and value != "",
        "client_data": lambda value: isinstance(value, str) and value != "",
        "signature": lambda value: isinstance(value, str) and value != "",
    }
)
PRESENT, VERIFIED, ELIGIBLE, BACKED_UP, ATTESTED, EXTENDED = 1, 4, 8, 16, 64, 128


def _add(a: Point, b: Point) -> Point:
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % Q == 0:
        return None
    if a == b:
        slope = 3 * (a[0] * a[0] - 1) * pow(2 * a[1], -1, Q) % Q
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, Q) % Q
    x = (slope * slope - a[0] - b[0]) % Q
    return x, (slope * (a[0] - x) - a[1]) % Q


def _times(scalar: int, point: Point) -> Point:
    total: Point = None
    while scalar:
        if scalar & 1:
            total = _add(total, point)
        point = _add(point, point)
        scalar >>= 1
    return total


def _der_integer(data: bytes) -> tuple[int, bytes] | None:
    if len(data) < 3 or data[0] != 2 or not 1 <= data[1] <= 33 or len(data) < 2 + data[1]:
        return None
    body = data[2 : 2 + data[1]]
    value = int.from_bytes(body, "big")
    shortest = value.to_bytes(value.bit_length() // 8 + 1, "big")
    return (value, data[2 + data[1] :]) if body == shortest and 0 < value < N else None


def _der(signature: bytes) -> tuple[int, int] | None:
    if len(signature) < 2 or signature[0] != 0x30 or signature[1] != len(signature) - 2:
        return None
    first = _der_integer(signature[2:])
    second = _der_integer(first[1]) if first else None
    if first is None or second is None or second[1]:
        return None
    return first[0], second[0]


def ecdsa_fits(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the DER signature is that P-256 key's over the message (FIPS 186-5, 6.4.2)."""
    pair = _der(signature)
    if pair is None:
        return False
    r, w = pair[0], pow(pair[1], -1, N)
    e = int.from_bytes(hashlib.sha256(message).digest(), "big")
    key = int.from_bytes(public[1:33], "big"), int.from_bytes(public[33:], "big")
    point = _add(_times(e * w % N, G), _times(r * w % N, key))
    return point is not None and point[0] % N == r


def _read(data: bytes) -> tuple[bytes, bytes, bytes]:
    value = s.expect(_ASSERTION, s.decode(data), "an assertion")
    names = ("authenticator_data", "client_data", "signature")
    authenticator, client, signature = (s.unbase64(value[name]) for name in names)
    return authenticator, client, signature


def counter_of(assertion: bytes) -> int:
    """The counter of an assertion that was found to be sound."""
    return int.from_bytes(_read(assertion)[0][33:37], "big")


@dataclass(frozen=True)
class Passkey:
    """A registered passkey."""

    alg: str
    public: bytes
    rp: str

    @property
    def sound(self) -> bool:
        """Whether the bytes are a key of that algorithm."""
        if self.alg == "WebAuthn-EdDSA":
            return len(self.public) == 32 and good_key(self.public)
        if len(self.public) != 65 or self.public[0] != 4:
            return False
        x, y = int.from_bytes(self.public[1:33], "big"), int.from_bytes(self.public[33:], "big")
        return x < Q and y < Q and (y * y - x * x * x + 3 * x - B) % Q == 0

    def fault(self, assertion: bytes, payload: bytes) -> str | None:
        """What is wrong with an assertion over a payload (step 6)."""
        try:
            authenticator, client, signature = _read(assertion)
        except s.BadFormError:
            return "no assertion"
        wrong = self._client_fault(client, payload) or self._data_fault(authenticator)
        if wrong:
            return wrong
        signed = authenticator + hashlib.sha256(client).digest()
        check = fits if self.alg == "WebAuthn-EdDSA" else ecdsa_fits
        return None if check(self.public, signature, signed) else "the signature does not fit"

    def _client_fault(self, client: bytes, payload: bytes) -> str | None:
        digest = base64.urlsafe_b64encode(hashlib.sha256(payload).digest()).rstrip(b"=")
        head = b'{"type":"webauthn.get","challenge":"' + digest + b'","origin":"'
        if not client.startswith(head):
            return "made for something else than this statement"
        site, quote, rest = client[len(head) :].partition(b'"')
        plain = b',"crossOrigin":false'
        longer = rest.startswith(plain + b",") and rest.endswith(b"}")
        room = len(rest) - len(plain) - 2
        if not quote or not (rest in {b"}", plain + b"}"} or (longer and 1 <= room <= 2000)):
            return "client data as no browser writes it"
        return None if self._of_site(site.decode("latin-1")) else "made on another site"

    def _of_site(self, site: str) -> bool:
        scheme, _, rest = site.partition("://")
        host, colon, port = rest.partition(":")
        allowed = set("abcdefghijklmnopqrstuvwxyz0123456789.-")
        digits = port.isascii() and port.isdigit() and len(port) <= 5 and port[0] != "0"
        if not 1 <= len(host) <= 253 or not set(host) <= allowed or bool(colon) != bool(digits):
            return False
        if scheme != "https" and (scheme, host) != ("http", "localhost"):
            return False
        return host == self.rp or host.endswith(f".{self.rp}")

    def _data_fault(self, data: bytes) -> str | None:
        if len(data) < 37 or data[:32] != hashlib.sha256(self.rp.encode()).digest():
            return "authenticator data for another site"
        flags = data[32]
        if not flags & PRESENT or not flags & VERIFIED or flags & ATTESTED:
            return "nobody present, or not verified"
        if flags & BACKED_UP and not flags & ELIGIBLE:
            return "backed up what cannot be"
        if bool(flags & EXTENDED) != (len(data) > 37):
            return "extensions not as the flags say"
        return None
