"""Timestamp tokens to take and to refuse: `python -m tests.vectors.timestamping` makes them anew.

Their keys are random and thrown away, so a new file differs from the old in every token. Those
called `openssl ...` are by `openssl ts -reply`; the others are written in DER by hand, since no
tool makes bad ones.
"""

from __future__ import annotations

import base64
import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.authority import (
    TIME_STAMPING,
    OpensslAuthority,
    der,
    generalized,
    integer,
    members,
    octets,
    oid,
    sequence,
    set_of,
)

HERE = Path(__file__).parent
FILE = "timestamps.json"
DATA = b"archive.example/liuhen\n12\nroot\n"
MOMENT = datetime(2026, 11, 22, 8, 0, 0, 250_000, tzinfo=UTC)

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
OIDS = {
    "sha1": "1.3.14.3.2.26",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
}
ECDSA = {"sha256": "1.2.840.10045.4.3.2", "sha384": "1.2.840.10045.4.3.3"}
WITH_RSA = {"sha256": "1.2.840.113549.1.1.11", "sha512": "1.2.840.113549.1.1.13"}
RSA, ED25519, PSS = "1.2.840.113549.1.1.1", "1.3.101.112", "1.2.840.113549.1.1.10"
SIGNED_DATA, INFO = "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"
CONTENT_TYPE, DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
V1, V2 = "1.2.840.113549.1.9.16.2.12", "1.2.840.113549.1.9.16.2.47"
NULL = der(0x05)
LIBRARY = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}

# ---------------------------------------------------------------- certificates


@dataclass(frozen=True)
class Certified:
    key: Key
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode("ascii")


def p256() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def make(
    name: str,
    issuer: Certified | None = None,
    key: Key | None = None,
    *,
    depth: int | None = None,
    certifies: bool = True,
    begin: datetime = MOMENT - timedelta(days=365),
    end: datetime = MOMENT + timedelta(days=3650),
    usage: str = "",
    purposes: Sequence[x509.ObjectIdentifier] = (),
    critical: bool = True,
    more: Sequence[tuple[x509.ExtensionType, bool]] = (),
) -> Certified:
    key = key or p256()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder(subject_name=subject, public_key=key.public_key())
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(certifies, depth), critical=True)
    )
    if usage:
        names = ["digital_signature", "content_commitment", "key_encipherment"]
        names += ["data_encipherment", "key_agreement", "key_cert_sign", "crl_sign"]
        names += ["encipher_only", "decipher_only"]
        bits = {each: each == usage for each in names}
        builder = builder.add_extension(x509.KeyUsage(**bits), critical=True)
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=critical)
    for extension, marked in more:
        builder = builder.add_extension(extension, critical=marked)
    signing = issuer.key if issuer else key
    hash_ = None if isinstance(signing, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return Certified(key, builder.sign(signing, hash_))


def stamping(
    issuer: Certified, key: Key | None = None, name: str = "Test authority", **given: Any
) -> Certified:
    usual: dict[str, Any] = {"purposes": [TIME_STAMPING], "certifies": False}
    return make(name, issuer, key, **(usual | given))


# ---------------------------------------------------------------- tokens


@dataclass(frozen=True)
class Recipe:
    """How a token is made; each bad one departs from the good one in one thing."""

    signer: Certified
    chain: tuple[bytes, ...] = ()
    data: bytes = DATA
    hash: str = "sha256"
    announced: str = ""
    algorithm: bytes = b""
    time: bytes = generalized(MOMENT)
    imprint_hash: str = "sha256"
    versions: Sequence[int] = (3, 1, 1)
    """Of the signed data, the signer and the TSTInfo."""
    tail: bytes = b""
    """Of the TSTInfo."""
    identifier: str = V2
    identified: bytes | None = None
    attributes: Callable[[list[bytes]], list[bytes]] = list
    certificates: Callable[[list[bytes]], list[bytes]] = list
    signature: Callable[[bytes], bytes] = bytes
    signers: int = 1
    unsigned: bytes = b""

    def token(self) -> bytes:
        info, its = self._info(), self.signer.certificate
        signed = set_of(*self.attributes(self._attributes(info)))
        one = sequence(
            integer(self.versions[1]),
            sequence(its.issuer.public_bytes(), integer(its.serial_number)),
            sequence(oid(OIDS[self.hash]), NULL),
            b"\xa0" + signed[1:],
            sequence(self.algorithm or self._algorithm()),
            octets(self.signature(self._sign(signed))),
            self.unsigned,
        )
        certificates = self.certificates([self.signer.der, *self.chain])
        data = sequence(
            integer(self.versions[0]),
            set_of(sequence(oid(OIDS[self.announced or self.hash]))),
            sequence(oid(INFO), der(0xA0, octets(info))),
            der(0xA0, *certificates) if certificates else b"",
            set_of(*[one] * self.signers),
        )
        return sequence(oid(SIGNED_DATA), der(0xA0, data))

    def _info(self) -> bytes:
        digest = hashlib.new(self.imprint_hash, self.data).digest()
        imprint = sequence(sequence(oid(OIDS[self.imprint_hash])), octets(digest))
        head = integer(self.versions[2]), oid("1.2.3.4.1"), imprint, integer(7), self.time
        return sequence(*head, self.tail)

    def _attributes(self, info: bytes) -> list[bytes]:
        default = "sha1" if self.identifier == V1 else "sha256"
        hashed = self.identified or hashlib.new(default, self.signer.der).digest()
        return [
            sequence(oid(CONTENT_TYPE), set_of(oid(INFO))),
            sequence(oid(DIGEST), set_of(octets(hashlib.new(self.hash, info).digest()))),
            sequence(oid(self.identifier), set_of(sequence(sequence(sequence(octets(hashed)))))),
        ]

    def _algorithm(self) -> bytes:
        if isinstance(self.signer.key, ed25519.Ed25519PrivateKey):
            return oid(ED25519)
        if isinstance(self.signer.key, rsa.RSAPrivateKey):
            return oid(RSA) + NULL
        return oid(ECDSA[self.hash])

    def _sign(self, message: bytes) -> bytes:
        key = self.signer.key
        if isinstance(key, ed25519.Ed25519PrivateKey):
            return key.sign(message)
        if isinstance(key, rsa.RSAPrivateKey):
            return key.sign(message, padding.PKCS1v15(), LIBRARY[self.hash])
        return key.sign(message, ec.ECDSA(LIBRARY[self.hash]))


# ---------------------------------------------------------------- the cases


@dataclass(frozen=True)
class Case:
    """`answer`: empty where the token is to be taken, else the code of the refusal."""

    name: str
    answer: str
    token: bytes
    trusted: Sequence[Certified] = ()
    authority: str = "Test authority"
    time: str = "2026-11-22T08:00:00.250000Z"


def cases() -> Iterator[Case]:
    root = make("Test root")
    good = Recipe(stamping(root))
    yield from _good(root, good)
    for name, changed in _malformed(good):
        yield Case(name, "timestamp-form", changed.token())
    yield from _misspelled(good.token())
    yield Case("over other bytes", "timestamp-imprint", replace(good, data=b"other").token())
    for name, changed in _badly_certified(root, good):
        yield Case(name, "timestamp-certificate", changed.token())
    for name, changed in _badly_signed(root, good):
        yield Case(name, "timestamp-signature", changed.token())
    yield from _chains()


def _good(root: Certified, good: Recipe) -> Iterator[Case]:
    rsa_key = rsa.generate_private_key(65537, 2048)
    by_rsa = Recipe(stamping(root, rsa_key))
    made = {
        "P-256": good,
        "P-384 and SHA-384": Recipe(
            stamping(root, ec.generate_private_key(ec.SECP384R1())), hash="sha384"
        ),
        "P-256 and SHA-384": replace(good, hash="sha384"),
        "RSA, its hash named beside it": by_rsa,
        "RSA, its hash named with it": replace(
            by_rsa, hash="sha512", algorithm=oid(WITH_RSA["sha512"]) + NULL
        ),
        "Ed25519": Recipe(stamping(root, ed25519.Ed25519PrivateKey.generate()), hash="sha512"),
        "the older attribute": replace(good, identifier=V1),
        "all that may be at the end": replace(
            good,
            tail=sequence(integer(1))
            + der(0x01, b"\xff")
            + integer(2**64 + 1)
            + der(0xA0, b"")
            + der(0xA1, sequence(oid("1.2.3"), octets(b""))),
        ),
        "an attribute nobody knows": replace(
            good, attributes=lambda found: [*found, sequence(oid("1.2.3"), set_of())]
        ),
        "attributes that nobody signed": replace(good, unsigned=der(0xA1, sequence())),
        "certificates that cannot be read": replace(
            good, certificates=lambda found: [sequence(), *found, der(0xA1, b"")]
        ),
        "usage for signatures": replace(good, signer=stamping(root, usage="digital_signature")),
    }
    for name, recipe in made.items():
        yield Case(name, "", recipe.token(), [root])
    yield Case("no authority named", "", good.token())
    whole = replace(good, time=generalized(MOMENT.replace(microsecond=0)))
    yield Case("whole seconds", "", whole.token(), time="2026-11-22T08:00:00.000000Z")
    fine = replace(good, time=der(0x18, b"20261122080000.0000019999Z"))
    yield Case("finer than microseconds", "", fine.token(), time="2026-11-22T08:00:00.000001Z")
    named = replace(good, signer=stamping(root, name="国家授时中心 Zürich"))
    yield Case("a name in Chinese", "", named.token(), authority="国家授时中心 Zürich")
    turned = stamping(root, name="evil \u202egnipmats")
    digest = hashlib.sha256(turned.der).hexdigest()
    yield Case("a name that is not shown", "", Recipe(turned).token(), authority=digest)


def _malformed(good: Recipe) -> Iterator[tuple[str, Recipe]]:
    for position, what in enumerate(["signed data", "signer", "TSTInfo"]):
        versions = [*good.versions]
        versions[position] += 1
        yield f"another version of {what}", replace(good, versions=versions)
    yield "a weak hash announced", replace(good, announced="sha1")
    yield "another hash announced", replace(good, announced="sha384")
    yield "over a SHA-384", replace(good, imprint_hash="sha384")
    yield "two signers", replace(good, signers=2)
    yield "no signer", replace(good, signers=0)
    yield (
        "a critical extension",
        replace(good, tail=der(0xA1, sequence(oid("1.2.3"), der(0x01, b"\xff"), octets(b"")))),
    )
    yield "something else at the end", replace(good, tail=octets(b""))
    for text in (b"20261122080000", b"20261122080000+0000", b"20261122080000.250Z"):
        yield f"time {text.decode()}", replace(good, time=der(0x18, text))
    for text in (b"20261122240000Z", b"20260229080000Z", b"20261122080060Z", b"00001122080000Z"):
        yield f"time {text.decode()}", replace(good, time=der(0x18, text))
    yield "a time of two digits a year", replace(good, time=der(0x17, b"261122080000Z"))
    yield "no content type", replace(good, attributes=lambda found: found[1:])
    yield "no digest", replace(good, attributes=lambda found: [found[0], found[2]])
    yield "a digest twice", replace(good, attributes=lambda found: [*found, found[1]])
    yield (
        "another content type",
        replace(
            good,
            attributes=lambda found: [
                sequence(oid(CONTENT_TYPE), set_of(oid("1.2.3"))),
                *found[1:],
            ],
        ),
    )
    yield "an algorithm nobody knows", replace(good, algorithm=oid("1.2.3"))
    yield "an algorithm of another hash", replace(good, algorithm=oid(ECDSA["sha384"]))
    yield "an algorithm with parameters", replace(good, algorithm=oid(PSS) + sequence())
    yield "eleven certificates", replace(good, certificates=lambda found: found * 11)
    yield "too large", replace(good, unsigned=der(0xA1, bytes(66_000)))


def _misspelled(token: bytes) -> Iterator[Case]:
    inner = token[4:]
    spelled = {
        "nothing": b"",
        "a byte behind it": token + b"\0",
        "cut off": token[:-1],
        "a length in too long a form": b"\x30\x83\0" + token[2:],
        "without a length": b"\x30\x80" + inner + b"\0\0",
        "a status before it": sequence(sequence(integer(0)), token),
        "another type": token.replace(oid(SIGNED_DATA), oid("1.2.840.113549.1.7.1"), 1),
    }
    for name, data in spelled.items():
        yield Case(name, "timestamp-form", data)


def _badly_certified(root: Certified, good: Recipe) -> Iterator[tuple[str, Recipe]]:
    yield "without its certificate", replace(good, certificates=lambda _: [])
    yield "another's certificate", replace(good, certificates=lambda _: [root.der])
    yield "for nothing", Recipe(stamping(root, purposes=[]))
    yield "for servers", Recipe(stamping(root, purposes=[ExtendedKeyUsageOID.SERVER_AUTH]))
    both = [TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING]
    yield "for code too", Recipe(stamping(root, purposes=both))
    yield "for timestamps, not critical", Recipe(stamping(root, critical=False))
    yield "usage for certificates", Recipe(stamping(root, usage="key_cert_sign"))
    yield "usage for secrets", Recipe(stamping(root, usage="key_encipherment"))
    day = timedelta(days=1)
    yield "expired", Recipe(stamping(root, end=MOMENT - day))
    yield "not valid yet", Recipe(stamping(root, begin=MOMENT + day))
    yield "expired within the second", Recipe(stamping(root, end=MOMENT.replace(microsecond=0)))
    yield "another certificate signed", replace(good, identified=bytes(32))
    yield "no certificate signed", replace(good, identifier="1.2.3")
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"")
    yield "a critical extension nobody knows", Recipe(stamping(root, more=[(odd, True)]))
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that is what it is there for
    yield "RSA of 1,024 bits", Recipe(stamping(root, weak))
    yield "P-521", Recipe(stamping(root, ec.generate_private_key(ec.SECP521R1())))


def _badly_signed(root: Certified, good: Recipe) -> Iterator[tuple[str, Recipe]]:
    yield "a bit changed", replace(good, signature=lambda made: made[:-1] + bytes([made[-1] ^ 1]))
    yield "a byte behind the signature", replace(good, signature=lambda made: made + b"\0")
    yield "an empty signature", replace(good, signature=lambda _: b"")
    zero = sequence(integer(0), integer(0))
    yield "a signature of zeros", replace(good, signature=lambda _: zero)
    by_rsa = Recipe(stamping(root, rsa.generate_private_key(65537, 2048)))
    yield "RSA, shorter", replace(by_rsa, signature=lambda made: made[1:])
    yield "RSA, zero", replace(by_rsa, signature=lambda made: bytes(len(made)))
    yield "RSA, too large", replace(by_rsa, signature=lambda made: b"\xff" * len(made))
    yield "RSA claimed for a point", replace(good, algorithm=oid(RSA) + NULL)
    by_ed25519 = Recipe(stamping(root, ed25519.Ed25519PrivateKey.generate()), hash="sha512")
    yield (
        "Ed25519, a bit changed",
        replace(by_ed25519, signature=lambda made: made[:-1] + bytes([made[-1] ^ 1])),
    )
    yield (
        "another digest",
        replace(
            good,
            attributes=lambda found: [
                found[0],
                sequence(oid(DIGEST), set_of(octets(bytes(32)))),
                found[2],
            ],
        ),
    )
    yield "an attribute added", replace(good, signer=replace(good.signer, key=p256()))


def _chains() -> Iterator[Case]:
    day = timedelta(days=1)
    root, another = make("Test root"), make("Another root")
    one = make("one", root)
    two = make("two", one, usage="key_cert_sign")
    three = make("three", two)

    def token(*chain: Certified, by: Certified | None = None) -> bytes:
        signer = by or stamping(chain[0])
        return Recipe(signer, tuple(each.der for each in chain)).token()

    def refused(name: str, made: bytes, trusted: Sequence[Certified]) -> Case:
        return Case(name, "timestamp-authority", made, trusted)

    yield Case("through one certificate", "", token(one), [another, root])
    yield Case("through two", "", token(one, two, by=stamping(two)), [root])
    yield refused("through three", token(one, two, three, by=stamping(three)), [root])
    yield Case("the middle one trusted", "", token(two), [one])
    itself = stamping(root)
    yield Case("the signer trusted", "", token(by=itself), [itself])
    yield refused("another root", token(one, root), [another])
    yield refused("the one between is missing", token(by=stamping(one)), [root])
    yield refused("another of the root's name", token(by=stamping(root)), [make("Test root")])
    between = stamping(root, name="between")
    yield refused("by who may not certify", token(between), [root])
    short = make("short", depth=0)
    under = make("under", short)
    yield Case("as deep as allowed", "", token(by=stamping(short)), [short])
    yield refused("deeper than allowed", token(under), [short])
    for name, given in {
        "a root that had expired": {"end": MOMENT - day},
        "a root for lists": {"usage": "crl_sign"},
        "a root for servers": {"purposes": [ExtendedKeyUsageOID.SERVER_AUTH]},
    }.items():
        bad = make("bad", **given)  # type: ignore[arg-type]
        yield refused(name, token(by=stamping(bad)), [bad])
    yield refused("between, and expired", token(make("old", root, end=MOMENT - day)), [root])


def openssl_cases() -> Iterator[tuple[Case, str]]:
    """Made by `openssl ts -reply` at the present time, with the root in PEM."""
    request = sequence(
        integer(1),
        sequence(sequence(oid(OIDS["sha256"]), NULL), octets(hashlib.sha256(DATA).digest())),
        integer(2**62 + 5),
        der(0x01, b"\xff"),
    )
    with tempfile.TemporaryDirectory() as folder:
        made = OpensslAuthority(Path(folder))
        answer = made.answer(request)
        root = made.root.decode("ascii")
    token = sequence(members(members(answer)[0][1])[1][1])
    yield Case("openssl, RSA", "", token, authority="tsa", time=_time_in(token)), root
    changed = bytearray(token)
    changed[-1] ^= 1
    yield Case("openssl, a bit changed", "timestamp-signature", bytes(changed)), root


def _time_in(token: bytes) -> str:
    """The first GeneralizedTime: openssl writes whole seconds."""
    at = token.index(b"\x18\x0f20") + 2
    said = token[at : at + 14].decode("ascii")
    day, time = f"{said[:4]}-{said[4:6]}-{said[6:8]}", f"{said[8:10]}:{said[10:12]}:{said[12:]}"
    return f"{day}T{time}.000000Z"


def timestamps() -> dict[str, Any]:
    listed = [_as_json(case, [each.pem for each in case.trusted]) for case in cases()]
    listed += [_as_json(case, [root]) for case, root in openssl_cases()]
    return {"data": base64.b64encode(DATA).decode("ascii"), "tokens": listed}


def _as_json(case: Case, trusted: list[str]) -> dict[str, Any]:
    told = {"name": case.name, "answer": case.answer, "trusted": "".join(trusted)}
    if not case.answer:
        told |= {"authority": case.authority, "time": case.time}
    return told | {"token": base64.b64encode(case.token).decode("ascii")}


if __name__ == "__main__":
    text = json.dumps(timestamps(), ensure_ascii=False, indent=1) + "\n"
    (HERE / FILE).write_text(text, encoding="utf-8")
