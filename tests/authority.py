"""A timestamp authority (RFC 3161) inside the tests: real keys, real tokens, a clock to turn.

Its tokens are written in DER by hand, because no tool lets a token's time be set; `openssl ts
-verify` takes them (tests/archive/test_authority.py). It answers over a real socket, and badly
when it is told to.
"""

from __future__ import annotations

import hashlib
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

TIME_STAMPING = ExtendedKeyUsageOID.TIME_STAMPING
POLICY = "1.3.6.1.4.1.99999.1"
SHA256 = "2.16.840.1.101.3.4.2.1"
BEGIN, END = datetime(2020, 1, 1, tzinfo=UTC), datetime(2049, 1, 1, tzinfo=UTC)

# ---------------------------------------------------------------- DER (X.690)


def der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    size = len(body)
    if size < 128:
        return bytes([tag, size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def sequence(*parts: bytes) -> bytes:
    return der(0x30, *parts)


def set_of(*parts: bytes) -> bytes:
    return der(0x31, *sorted(parts))


def integer(number: int) -> bytes:
    return der(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def octets(data: bytes) -> bytes:
    return der(0x04, data)


def oid(dotted: str) -> bytes:
    first, second, *rest = (int(part) for part in dotted.split("."))
    body = bytearray()
    for arc in (first * 40 + second, *rest):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(0x80 | (arc & 0x7F))
        body += bytes(reversed(groups))
    return der(0x06, bytes(body))


def generalized(moment: datetime) -> bytes:
    """With a fraction only where there is one, and no zeros at its end (RFC 3161, 2.4.2)."""
    utc = moment.astimezone(UTC)
    fraction = f".{utc.microsecond:06d}".rstrip("0") if utc.microsecond else ""
    return der(0x18, f"{utc:%Y%m%d%H%M%S}{fraction}Z".encode("ascii"))


def members(data: bytes) -> list[tuple[int, bytes]]:
    """(tag, contents) of the elements in the contents of one."""
    found, at = [], 0
    while at < len(data):
        tag, size, at = data[at], data[at + 1], at + 2
        if size & 0x80:
            wide = size & 0x7F
            size, at = int.from_bytes(data[at : at + wide], "big"), at + wide
        found.append((tag, data[at : at + size]))
        at += size
    return found


# ---------------------------------------------------------------- certificates


@dataclass(frozen=True)
class Signer:
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)


def make_root(name: str = "Test root") -> Signer:
    key = ec.generate_private_key(ec.SECP256R1())
    return _certify(name, key, None, BEGIN, END, ())


def make_signer(
    root: Signer,
    name: str = "Test authority",
    *,
    begin: datetime = BEGIN,
    end: datetime = END,
    purposes: tuple[x509.ObjectIdentifier, ...] = (TIME_STAMPING,),
    critical: bool = True,
) -> Signer:
    key = ec.generate_private_key(ec.SECP256R1())
    return _certify(name, key, root, begin, end, purposes, critical=critical)


def _certify(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: Signer | None,
    begin: datetime,
    end: datetime,
    purposes: tuple[x509.ObjectIdentifier, ...],
    *,
    critical: bool = True,
) -> Signer:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=critical)
    signed = builder.sign(issuer.key if issuer else key, hashes.SHA256())
    return Signer(key, signed)


# ---------------------------------------------------------------- requests and tokens


@dataclass(frozen=True)
class Asked:
    """What a TimeStampReq asks (RFC 3161, 2.4.1)."""

    imprint: bytes
    digest: bytes
    nonce: bytes | None
    """The whole INTEGER element."""
    certificates: bool

    @classmethod
    def read(cls, request: bytes) -> Asked:
        ((_, body),) = members(request)
        (_, imprint), *rest = members(body)[1:]
        nonce = next((der(2, value) for tag, value in rest if tag == 0x02), None)
        wanted = any(tag == 0x01 and value != b"\0" for tag, value in rest)
        return cls(der(0x30, imprint), members(imprint)[1][1], nonce, wanted)


def tst_info(asked: Asked, moment: datetime, serial: int, policy: str) -> bytes:
    return sequence(
        integer(1),
        oid(policy),
        asked.imprint,
        integer(serial),
        generalized(moment),
        sequence(integer(1)),  # accuracy: a second
        asked.nonce or b"",
    )


Identifier = tuple[str, bytes]
"""The attribute that names the signer's certificate, and its value."""


def token(
    info: bytes,
    signer: Signer,
    chain: tuple[Signer, ...] = (),
    *,
    sort: bool = True,
    identifier: Identifier | None = None,
) -> bytes:
    """CMS SignedData over a TSTInfo, with the signer's certificate named inside (RFC 5816)."""
    sha256 = sequence(oid(SHA256))
    content = "1.2.840.113549.1.9.16.1.4"
    certificate = sequence(octets(hashlib.sha256(signer.der).digest()))
    name, value = identifier or ("1.2.840.113549.1.9.16.2.47", sequence(sequence(certificate)))
    attributes = (
        sequence(oid("1.2.840.113549.1.9.3"), set_of(oid(content))),
        sequence(oid("1.2.840.113549.1.9.4"), set_of(octets(hashlib.sha256(info).digest()))),
        sequence(oid(name), set_of(value)),
    )
    signed = set_of(*attributes)
    issued = signer.certificate
    info_of_signer = sequence(
        integer(1),
        sequence(issued.issuer.public_bytes(), integer(issued.serial_number)),
        sha256,
        b"\xa0" + signed[1:],
        sequence(oid("1.2.840.10045.4.3.2")),
        octets(signer.key.sign(signed, ec.ECDSA(hashes.SHA256()))),
    )
    certificates = [each.der for each in (signer, *chain)]
    certificates.sort(reverse=not sort)
    data = sequence(
        integer(3),
        set_of(sha256),
        sequence(oid(content), der(0xA0, octets(info))),
        der(0xA0, *certificates),
        set_of(info_of_signer),
    )
    return sequence(oid("1.2.840.113549.1.7.2"), der(0xA0, data))


def granted(made: bytes, status: int = 0) -> bytes:
    return sequence(sequence(integer(status)), made)


REJECTED = sequence(sequence(integer(2), sequence(der(0x0C, "请稍后再试".encode()))))

# ---------------------------------------------------------------- openssl's own


@dataclass(frozen=True)
class OpensslAuthority:
    """`openssl ts -reply` with an RSA key, at the present time, in a folder of its own."""

    folder: Path

    def __post_init__(self) -> None:
        (self.folder / "serial").write_text("01", encoding="ascii")
        (self.folder / "config").write_text(OPENSSL_CONFIG, encoding="ascii")
        key = "-newkey rsa:2048 -nodes -config config"
        self._run(f"req -x509 {key} -extensions root -keyout root.key -out root.pem")
        self._run(f"req {key} -subj /CN=tsa -keyout tsa.key -out tsa.csr")
        self._run(
            "x509 -req -in tsa.csr -CA root.pem -CAkey root.key -set_serial 7 -extfile config "
            "-extensions signer -out tsa.pem"
        )

    @property
    def root(self) -> bytes:
        return (self.folder / "root.pem").read_bytes()

    def answer(self, request: bytes) -> bytes:
        (self.folder / "query").write_bytes(request)
        self._run("ts -reply -queryfile query -config config -out answer")
        return (self.folder / "answer").read_bytes()

    def _run(self, words: str) -> None:
        done = subprocess.run(
            ["openssl", *words.split()], cwd=self.folder, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr


OPENSSL_CONFIG = """
[req]
distinguished_name = name
prompt = no
[name]
CN = root
[root]
basicConstraints = critical, CA:true
[signer]
extendedKeyUsage = critical, timeStamping
[tsa]
default_tsa = here
[here]
serial = ./serial
signer_cert = ./tsa.pem
signer_key = ./tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
"""


# ---------------------------------------------------------------- the authority


Answer = Callable[["TimestampAuthority", Asked], bytes]


def honestly(authority: TimestampAuthority, asked: Asked) -> bytes:
    return granted(authority.token(asked))


@dataclass
class Behaviour:
    """How the next answers leave: an HTTP status, headers, and how slowly."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pause: float = 0.0
    """Seconds between two bytes of the body."""
    answer: Answer = honestly


@dataclass
class TurnedClock:
    """The authority's clock: it stands until it is turned."""

    moment: datetime

    def __call__(self) -> datetime:
        return self.moment

    def turn(self, **span: float) -> None:
        self.moment += timedelta(**span)


@dataclass
class TimestampAuthority:
    """`clock` is the authority's own, so that it stays right while the archive's is turned."""

    clock: TurnedClock
    root: Signer = field(default_factory=make_root)
    policy: str = POLICY
    behaviour: Behaviour = field(default_factory=Behaviour)
    asked: list[bytes] = field(default_factory=list)
    """The requests that came in."""

    def __post_init__(self) -> None:
        self.signer = make_signer(self.root)
        self.chain: tuple[Signer, ...] = ()
        self.sorted = True
        self.identifier: Identifier | None = None
        self._serial = 0
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.authority = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/tsa"

    def token(self, asked: Asked, moment: datetime | None = None) -> bytes:
        self._serial += 1
        info = tst_info(asked, moment or self.clock(), self._serial, self.policy)
        return token(info, self.signer, self.chain, sort=self.sorted, identifier=self.identifier)

    @contextmanager
    def badly(self, behaviour: Behaviour) -> Iterator[None]:
        """Behaves so until the block ends."""
        before, self.behaviour = self.behaviour, behaviour
        try:
            yield
        finally:
            self.behaviour = before

    def close(self) -> None:
        """From now on the connection is refused."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    authority: TimestampAuthority

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that had enough and left is part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        authority = self.server.authority
        request = self.rfile.read(int(self.headers["Content-Length"]))
        authority.asked.append(request)
        behaviour = authority.behaviour
        body = behaviour.answer(authority, Asked.read(request))
        self.send_response(behaviour.status)
        headers = {"Content-Type": "application/timestamp-reply", **behaviour.headers}
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self._send(body, behaviour.pause)

    def _send(self, body: bytes, pause: float) -> None:
        if not pause:
            self.wfile.write(body)
            return
        for byte in body:
            self.wfile.write(bytes([byte]))
            time.sleep(pause)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        pass
