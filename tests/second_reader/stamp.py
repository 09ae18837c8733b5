"""RFC 3161 tokens, as section 7 has them: strict DER, one signer, and whom it leads to."""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from tests.second_reader.signing import good_key
from tests.second_reader.spelling import BadFormError

MOST = 65_536
_HASHES = {
    "608648016503040201": "sha256",
    "608648016503040202": "sha384",
    "608648016503040203": "sha512",
}
_SIGNED_DATA, _INFO = "2a864886f70d010702", "2a864886f70d0109100104"
_CONTENT_TYPE, _DIGEST = "2a864886f70d010903", "2a864886f70d010904"
_NAMED = {"2a864886f70d010910020c": "sha1", "2a864886f70d010910022f": "sha256"}
_ALGORITHMS: dict[str, tuple[type[Any], str | None]] = {
    "2a864886f70d010101": (rsa.RSAPublicKey, None),
    "2a864886f70d01010b": (rsa.RSAPublicKey, "sha256"),
    "2a864886f70d01010c": (rsa.RSAPublicKey, "sha384"),
    "2a864886f70d01010d": (rsa.RSAPublicKey, "sha512"),
    "2a8648ce3d040302": (ec.EllipticCurvePublicKey, "sha256"),
    "2a8648ce3d040303": (ec.EllipticCurvePublicKey, "sha384"),
    "2a8648ce3d040304": (ec.EllipticCurvePublicKey, "sha512"),
    "2b6570": (ed25519.Ed25519PublicKey, "sha512"),
}
_LIBRARY = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
_TIME = re.compile(rb"([0-9]{14})(?:\.([0-9]{0,17}[1-9]))?Z")
_SHOWN = re.compile(
    "[ -~\u00a1-\u00ac\u00ae-\u024f\u0370-\u0482\u048a-\u052f\u3001-\u3029\u3041-\u3096"
    "\u30a1-\u30ff\u3400-\u9fff\uac00-\ud7a3]{1,200}"
)
_UNDERSTOOD = {
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.KEY_USAGE,
    ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.CERTIFICATE_POLICIES,
}


@dataclass(frozen=True)
class Node:
    """One element: its tag, what is in it, and all its bytes."""

    tag: int
    body: bytes
    whole: bytes

    def parts(self) -> list["Node"]:
        """The elements in it."""
        return list(_nodes(self.body))


def _nodes(data: bytes) -> Iterator[Node]:
    while data:
        if len(data) < 2 or data[0] & 31 == 31:
            raise BadFormError("DER: cut, or a tag of several bytes")
        size, begin = data[1], 2
        if size >= 128:
            begin = 2 + (size & 127)
            told = data[2:begin]
            size = int.from_bytes(told, "big")
            if not told or told[0] == 0 or size < 128 or len(told) > 4:
                raise BadFormError("DER: a length in another spelling")
        if begin + size > len(data):
            raise BadFormError("DER: cut")
        yield Node(data[0], data[begin : begin + size], data[: begin + size])
        data = data[begin + size :]


def _one(data: bytes, tag: int) -> Node:
    found = list(_nodes(data))
    if len(found) != 1 or found[0].tag != tag:
        raise BadFormError("DER: not the one element that is expected")
    return found[0]


class Row:
    """The parts of an element, taken in order."""

    def __init__(self, node: Node) -> None:
        self.left = node.parts()

    def take(self, tag: int) -> Node:
        """The next one, which has this tag."""
        if not self.left or self.left[0].tag != tag:
            raise BadFormError("DER: another element is expected here")
        return self.left.pop(0)

    def maybe(self, *tags: int) -> Node | None:
        """The next one, if it has one of these tags."""
        return self.left.pop(0) if self.left and self.left[0].tag in tags else None

    def integer(self) -> int:
        """The next one, an integer in its shortest form."""
        return _integer(self.take(2).body)

    def oid(self) -> str:
        """The next one, an object identifier in its shortest form, as hex."""
        return _oid(self.take(6).body)

    def end(self) -> None:
        """Nothing is left."""
        if self.left:
            raise BadFormError("DER: something over")


def _integer(body: bytes) -> int:
    long = len(body) > 1 and (body[0], body[1] >> 7) in ((0, 0), (255, 1))
    if not body or long:
        raise BadFormError("DER: an integer in another spelling")
    return int.from_bytes(body, "big", signed=True)


def _oid(body: bytes) -> str:
    begins = [0, *(i + 1 for i, byte in enumerate(body[:-1]) if byte < 128)]
    if not body or body[-1] >= 128 or any(body[i] == 128 for i in begins):
        raise BadFormError("DER: an object identifier in another spelling")
    return body.hex()


def _algorithm(node: Node) -> str:
    row = Row(node)
    name, nothing = row.oid(), row.maybe(5)
    row.end()
    if nothing is not None and nothing.body:
        raise BadFormError("an algorithm with parameters")
    return name


def _hash(node: Node) -> str:
    name = _algorithm(node)
    if name not in _HASHES:
        raise BadFormError("a weak hash")
    return _HASHES[name]


@dataclass(frozen=True)
class Token:
    """A token that holds: its time, who gave it, and the certificates in it."""

    time: datetime
    signer: x509.Certificate
    others: list[x509.Certificate]

    @property
    def authority(self) -> str:
        """The name that a reader is shown."""
        names = self.signer.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        name = str(names[-1].value) if names else ""
        whole = self.signer.public_bytes(Encoding.DER)
        return name if _SHOWN.fullmatch(name) else hashlib.sha256(whole).hexdigest()

    def leads_to(self, trusted: list[bytes]) -> bool:
        """Whether the signer is one of these, or certified by one, perhaps through two others."""
        if self.signer.public_bytes(Encoding.DER) in trusted:
            return True
        anchors = [each for each in map(_certificate, trusted) if each is not None]
        below = [self.signer]
        for between in range(3):
            if any(_issued(a, each, self.time, between) for a in anchors for each in below):
                return True
            below = [o for o in self.others for e in below if _issued(o, e, self.time, between)]
        return False


def read_token(data: bytes, imprint: bytes) -> Token:
    """A token over that SHA-256; BadFormError for any that does not hold."""
    if len(data) > MOST:
        raise BadFormError("a token that is too long")
    outer = Row(_one(data, 0x30))
    _same(outer.oid(), _SIGNED_DATA)
    row = Row(_one(outer.take(0xA0).body, 0x30))
    outer.end()
    _same(row.integer(), 3)
    announced = [_hash(_tagged(each, 0x30)) for each in row.take(0x31).parts()]
    content = Row(row.take(0x30))
    _same(content.oid(), _INFO)
    info = _one(content.take(0xA0).body, 4).body
    content.end()
    held = row.maybe(0xA0)
    row.maybe(0xA1)
    signer = Row(_one(row.take(0x31).body, 0x30))
    row.end()
    parts = held.parts() if held else []
    if len(parts) > 10:
        raise BadFormError("too many certificates")
    readable = [each for each in (_certificate(part.whole) for part in parts) if each]
    return _signed(signer, info, imprint, announced, readable)


def _signed(
    signer: Row, info: bytes, imprint: bytes, announced: list[str], found: list[x509.Certificate]
) -> Token:
    _same(signer.integer(), 1)
    names = Row(signer.take(0x30))
    issuer, serial = names.take(0x30).whole, names.integer()
    names.end()
    hash_ = _hash(signer.take(0x30))
    attributes = signer.take(0xA0)
    algorithm, signature = _algorithm(signer.take(0x30)), signer.take(4).body
    signer.maybe(0xA1)
    signer.end()
    kind, over = _ALGORITHMS.get(algorithm, (None, None))
    if hash_ not in announced or kind is None or (over or hash_) != hash_:
        raise BadFormError("a hash that was not announced, or an unknown algorithm")
    mine = [c for c in found if (c.issuer.public_bytes(), c.serial_number) == (issuer, serial)]
    if not mine:
        raise BadFormError("the signer's certificate is not there")
    _attributes(attributes, mine[0], hashlib.new(hash_, info).digest())
    key, message = mine[0].public_key(), b"\x31" + attributes.whole[1:]
    if not isinstance(key, kind) or not _fits(key, signature, message, hash_):
        raise BadFormError("the signature does not fit")
    time = _info(info, imprint)
    if not _stamps(mine[0]) or not _valid(mine[0], time):
        raise BadFormError("the certificate is not for timestamps, or not then")
    return Token(time, mine[0], [each for each in found if each is not mine[0]])


def _attributes(node: Node, its: x509.Certificate, digest: bytes) -> None:
    found: dict[str, Node] = {}
    for each in node.parts():
        row = Row(_tagged(each, 0x30))
        name, values = row.oid(), row.take(0x31)
        row.end()
        if name in found:
            raise BadFormError("an attribute stands twice")
        found[name] = values
    if not {_CONTENT_TYPE, _DIGEST} <= found.keys() or not found.keys() & _NAMED.keys():
        raise BadFormError("an attribute is missing")
    _same(_oid(_one(found[_CONTENT_TYPE].body, 6).body), _INFO)
    _same(_one(found[_DIGEST].body, 4).body, digest)
    for name, default in _NAMED.items():
        if name in found:
            _identified(_one(found[name].body, 0x30), default, its)


def _identified(value: Node, default: str, its: x509.Certificate) -> None:
    """The first that is named is the signer's certificate."""
    row = Row(value)
    first = Row(_tagged(Row(row.take(0x30)).left[0], 0x30))
    other = first.maybe(0x30) if default == "sha256" else None
    hash_ = _hash(other) if other else default
    _same(first.take(4).body, hashlib.new(hash_, its.public_bytes(Encoding.DER)).digest())


def _info(data: bytes, imprint: bytes) -> datetime:
    row = Row(_one(data, 0x30))
    _same(row.integer(), 1)
    row.oid()
    over = Row(row.take(0x30))
    _same(_hash(over.take(0x30)), "sha256")
    _same(over.take(4).body, imprint)
    over.end()
    row.integer()
    time = _time(row.take(0x18).body)
    row.maybe(0x30)
    row.maybe(1)
    nonce = row.maybe(2)
    if nonce:
        _integer(nonce.body)
    row.maybe(0xA0)
    extensions = row.maybe(0xA1)
    row.end()
    for each in extensions.parts() if extensions else ():
        if any(part.tag == 1 and part.body != b"\0" for part in each.parts()):
            raise BadFormError("a critical extension")
    return time


def _time(text: bytes) -> datetime:
    match = _TIME.fullmatch(text)
    if match is None:
        raise BadFormError("a time in another spelling")
    try:
        whole = datetime.strptime(match[1].decode(), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError as fault:
        raise BadFormError(str(fault)) from fault
    return whole.replace(microsecond=int((match[2] or b"").decode().ljust(6, "0")[:6]))


def _same(found: object, expected: object) -> None:
    if found != expected:
        raise BadFormError("not what is expected here")


def _tagged(node: Node, tag: int) -> Node:
    _same(node.tag, tag)
    return node


# ---------------------------------------------------------------- certificates


def _certificate(data: bytes) -> x509.Certificate | None:
    """None for one that cannot be read, and so counts as not there."""
    try:
        found = x509.load_der_x509_certificate(data)
        key, critical = found.public_key(), {e.oid for e in found.extensions if e.critical}
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension):
        return None
    if found.version is not x509.Version.v3 or not critical <= _UNDERSTOOD or not _good(key):
        return None
    return found


def _good(key: object) -> bool:
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return 2048 <= key.key_size <= 8192 and 3 <= numbers.e < 2**32 and bool(numbers.n & 1)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1)
    return isinstance(key, ed25519.Ed25519PublicKey) and good_key(key.public_bytes_raw())


def _extension(found: x509.Certificate, oid: x509.ObjectIdentifier) -> x509.Extension[Any] | None:
    return next((each for each in found.extensions if each.oid == oid), None)


def _stamps(found: x509.Certificate) -> bool:
    purposes = _extension(found, ExtensionOID.EXTENDED_KEY_USAGE)
    usage = _extension(found, ExtensionOID.KEY_USAGE)
    signs = usage is None or usage.value.digital_signature or usage.value.content_commitment
    only = purposes is not None and [*purposes.value] == [ExtendedKeyUsageOID.TIME_STAMPING]
    return only and purposes is not None and purposes.critical and signs


def _valid(found: x509.Certificate, time: datetime) -> bool:
    return found.not_valid_before_utc <= time <= found.not_valid_after_utc


def _issued(by: x509.Certificate, other: x509.Certificate, time: datetime, between: int) -> bool:
    limits = _extension(by, ExtensionOID.BASIC_CONSTRAINTS)
    usage = _extension(by, ExtensionOID.KEY_USAGE)
    purposes = _extension(by, ExtensionOID.EXTENDED_KEY_USAGE)
    if limits is None or not limits.value.ca or by.subject != other.issuer:
        return False
    if limits.value.path_length is not None and between > limits.value.path_length:
        return False
    wanted = {ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    if purposes is not None and not wanted & {*purposes.value}:
        return False
    hash_ = other.signature_hash_algorithm.name if other.signature_hash_algorithm else ""
    if (usage is not None and not usage.value.key_cert_sign) or not _valid(by, time):
        return False
    key, strong = by.public_key(), hash_ in _LIBRARY or not hash_
    return strong and _fits(key, other.signature, other.tbs_certificate_bytes, hash_)


def _fits(key: Any, signature: bytes, message: bytes, hash_: str) -> bool:
    checks: dict[type[Any], Callable[[], None]] = {
        rsa.RSAPublicKey: lambda: key.verify(
            signature, message, padding.PKCS1v15(), _LIBRARY[hash_]
        ),
        ec.EllipticCurvePublicKey: lambda: key.verify(
            signature, message, ec.ECDSA(_LIBRARY[hash_])
        ),
        ed25519.Ed25519PublicKey: lambda: key.verify(signature, message),
    }
    try:
        next(check for kind, check in checks.items() if isinstance(key, kind))()
    except (InvalidSignature, KeyError):
        return False
    return True
