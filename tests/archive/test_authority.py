"""The tests' own authority is a real one, and tokens are believed only for what RFC 3161 asks."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.x509 import ObjectIdentifier
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from archive.authority import (
    Authority,
    TimestampError,
    TokenRefused,
    accept,
    make_request,
    read_roots,
    verify,
)
from tests.authority import (
    POLICY,
    SHA256,
    TIME_STAMPING,
    Asked,
    OpensslAuthority,
    TimestampAuthority,
    TurnedClock,
    granted,
    make_root,
    make_signer,
    octets,
    oid,
    sequence,
)
from tests.conftest import absent

MOMENT = datetime(2029, 5, 5, 1, 2, 3, 450_000, tzinfo=UTC)
V1, V2 = "1.2.840.113549.1.9.16.2.12", "1.2.840.113549.1.9.16.2.47"
SHA512 = "2.16.840.1.101.3.4.2.3"
VERIFY = "openssl ts -verify -data message -in token -token_in -CAfile root.pem -attime"
MESSAGE = b"archive.example/liuhen\n12\nroot\n"


@pytest.fixture(scope="module")
def shared() -> Iterator[TimestampAuthority]:
    made = TimestampAuthority(TurnedClock(MOMENT))
    yield made
    made.close()


@pytest.fixture
def tsa(shared: TimestampAuthority) -> TimestampAuthority:
    shared.signer = make_signer(shared.root)
    shared.chain, shared.sorted, shared.policy, shared.identifier = (), True, POLICY, None
    return shared


def trusted(tsa: TimestampAuthority, policy: str | None = POLICY) -> Authority:
    return Authority("tsa", tsa.url, (tsa.root.certificate,), policy)


def asked(message: bytes = MESSAGE) -> tuple[Asked, int]:
    request = make_request(message)
    assert request.nonce is not None
    return Asked.read(request.as_bytes()), request.nonce


def test_openssl_takes_its_tokens(tsa: TimestampAuthority, tmp_path: Path) -> None:
    """A token whose time the test chose passes `openssl ts -verify`, and not over other bytes."""
    if shutil.which("openssl") is None:
        absent("openssl", "apt-get install openssl")
    (tmp_path / "root.pem").write_bytes(tsa.root.pem)
    (tmp_path / "token").write_bytes(tsa.token(asked()[0]))
    for message, status in ((MESSAGE, 0), (b"other", 1)):
        (tmp_path / "message").write_bytes(message)
        ran = subprocess.run(
            [*VERIFY.split(), str(int(MOMENT.timestamp()))],
            cwd=tmp_path,
            capture_output=True,
            check=False,
        )
        assert ran.returncode == status, ran.stderr


def test_a_good_answer(tsa: TimestampAuthority) -> None:
    """It gives the token's exact bytes, its time in whole seconds, and the certificate's end."""
    question, nonce = asked()
    made = tsa.token(question)
    token = accept(trusted(tsa), granted(made), MESSAGE, nonce)
    assert token.encoded == made
    assert token.gen_time == MOMENT.replace(microsecond=0)
    assert token.ends == tsa.signer.certificate.not_valid_after_utc
    assert accept(trusted(tsa), granted(made, status=1), MESSAGE, nonce) == token
    assert verify(trusted(tsa, None), made, MESSAGE) == token


@pytest.mark.parametrize("in_order", [True, False])
def test_a_chain_in_any_order(tsa: TimestampAuthority, *, in_order: bool) -> None:
    """Authorities that send their whole chain, in DER's order or not, are understood."""
    tsa.chain, tsa.sorted = (tsa.root, make_root("another")), in_order
    question, nonce = asked()
    made = tsa.token(question)
    assert accept(trusted(tsa), granted(made), MESSAGE, nonce).encoded == made


def test_a_real_openssl_authority(tmp_path: Path) -> None:
    """Today's token of `openssl ts -reply`, by an RSA key, is accepted."""
    if shutil.which("openssl") is None:
        absent("openssl", "apt-get install openssl")
    openssl, request = OpensslAuthority(tmp_path), make_request(MESSAGE)
    authority = Authority("openssl", "http://unused", read_roots(openssl.root), "1.2.3.4.1")
    token = accept(authority, openssl.answer(request.as_bytes()), MESSAGE, request.nonce)
    assert abs(datetime.now(UTC) - token.gen_time) < timedelta(minutes=1)


def refused(tsa: TimestampAuthority, made: bytes, nonce: int, why: str, **given: bytes) -> None:
    with pytest.raises(TokenRefused, match=why):
        accept(trusted(tsa), granted(made), given.get("message", MESSAGE), nonce)


def test_another_nonce_and_another_imprint(tsa: TimestampAuthority) -> None:
    """An answer to another question is none, though its signature holds."""
    question, nonce = asked()
    made = tsa.token(question)
    refused(tsa, made, nonce + 1, "nonce")
    refused(tsa, made, nonce, "something else", message=b"other")
    nameless = Asked(question.imprint, question.digest, None, certificates=True)
    refused(tsa, tsa.token(nameless), nonce, "nonce")


def test_another_policy(tsa: TimestampAuthority) -> None:
    """Where a policy is configured, a token under another is refused, by name."""
    question, nonce = asked()
    tsa.policy = "1.2.3.4"
    refused(tsa, tsa.token(question), nonce, r"policy 1\.2\.3\.4")
    made = tsa.token(question)
    assert accept(trusted(tsa, None), granted(made), MESSAGE, nonce).encoded == made


def test_another_hash(tsa: TimestampAuthority) -> None:
    """An imprint that says it is by SHA-384 is refused, whatever its bytes."""
    question, nonce = asked()
    other = question.imprint.replace(oid(SHA256), oid("2.16.840.1.101.3.4.2.2"))
    assert other != question.imprint
    named = Asked(other, question.digest, question.nonce, certificates=True)
    refused(tsa, tsa.token(named), nonce, "something else than a SHA-256")


def test_a_weak_hash(tsa: TimestampAuthority) -> None:
    """Signed over less than SHA-256: refused."""
    question, nonce = asked()
    weak = tsa.token(question).replace(oid(SHA256), oid("2.16.840.1.101.3.4.2.4"), 1)
    refused(tsa, weak, nonce, "is not one of")


@pytest.mark.parametrize(
    ("begin", "end", "why"),
    [
        (MOMENT - timedelta(days=9), MOMENT - timedelta(days=1), "not valid then"),
        (MOMENT + timedelta(days=1), MOMENT + timedelta(days=9), "not valid then"),
        (MOMENT - timedelta(days=1), MOMENT + timedelta(days=1), None),
    ],
)
def test_the_certificate_at_the_tokens_time(
    tsa: TimestampAuthority, begin: datetime, end: datetime, why: str | None
) -> None:
    """It must be valid when the token says it was made, whenever that is."""
    tsa.signer = make_signer(tsa.root, begin=begin, end=end)
    question, nonce = asked()
    made = tsa.token(question)
    if why is None:
        token = accept(trusted(tsa), granted(made), MESSAGE, nonce)
        assert token.ends == end.replace(microsecond=0)
    else:
        refused(tsa, made, nonce, why)


@pytest.mark.parametrize(
    ("purposes", "critical"),
    [
        ((), True),
        ((ExtendedKeyUsageOID.SERVER_AUTH,), True),
        ((TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING), True),
        ((TIME_STAMPING,), False),
    ],
)
def test_a_certificate_for_something_else(
    tsa: TimestampAuthority, purposes: tuple[ObjectIdentifier, ...], *, critical: bool
) -> None:
    """RFC 3161, 2.3: for timestamps alone, and marked critical."""
    tsa.signer = make_signer(tsa.root, purposes=purposes, critical=critical)
    question, nonce = asked()
    with pytest.raises(TokenRefused):
        accept(trusted(tsa), granted(tsa.token(question)), MESSAGE, nonce)


@pytest.mark.parametrize("attribute", [V1, V2, "1.2.3"])
@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
@pytest.mark.parametrize("right", [True, False])
def test_the_signers_certificate_is_named_in_what_was_signed(
    tsa: TimestampAuthority, attribute: str, algorithm: str, *, right: bool
) -> None:
    """By its SHA-1 in the old attribute, by a good hash in the new one, and it is the very one."""
    named = hashlib.new(algorithm, tsa.signer.der if right else b"another").digest()
    stated = sequence(oid(SHA512)) if (attribute, algorithm) == (V2, "sha512") else b""
    tsa.identifier = attribute, sequence(sequence(sequence(stated, octets(named))))
    question, nonce = asked()
    made = tsa.token(question)
    fits = (attribute, algorithm) in {(V1, "sha1"), (V2, "sha256"), (V2, "sha512")}
    if right and fits:
        assert accept(trusted(tsa), granted(made), MESSAGE, nonce).encoded == made
    else:
        refused(tsa, made, nonce, "name")


def test_a_stranger(tsa: TimestampAuthority) -> None:
    """A token by an authority under another root is refused, though it sends that root along."""
    other = make_root()
    tsa.signer, tsa.chain = make_signer(other), (other,)
    question, nonce = asked()
    refused(tsa, tsa.token(question), nonce, "certificate signature failure|self-signed")


def test_an_end_entity_is_no_authority(tsa: TimestampAuthority) -> None:
    """Whoever holds a timestamp certificate cannot make others with it."""
    between = make_signer(tsa.root, "between")
    tsa.signer, tsa.chain = make_signer(between), (between,)
    question, nonce = asked()
    refused(tsa, tsa.token(question), nonce, "invalid CA certificate")


@pytest.mark.parametrize("status", [2, 3, 4, 5, 6, 255])
def test_a_status_that_grants_nothing(tsa: TimestampAuthority, status: int) -> None:
    """Even with a token in it, an answer that does not grant is refused."""
    question, nonce = asked()
    with pytest.raises(TokenRefused, match="no token"):
        accept(trusted(tsa), granted(tsa.token(question), status), MESSAGE, nonce)


def test_granted_without_a_token(tsa: TimestampAuthority) -> None:
    """An answer that only says yes is no token."""
    with pytest.raises(TokenRefused, match="holds none"):
        accept(trusted(tsa), sequence(sequence(b"\x02\x01\x00")), MESSAGE, 1)


@given(st.binary(max_size=200))
def test_garbage(shared: TimestampAuthority, answer: bytes) -> None:
    """Any bytes are refused by our own error."""
    with pytest.raises(TokenRefused):
        accept(trusted(shared), answer, MESSAGE, 1)
    with pytest.raises(TokenRefused):
        verify(trusted(shared), answer, MESSAGE)


def test_every_flipped_byte_and_every_cut(tsa: TimestampAuthority) -> None:
    """No changed byte of a token goes through, and no beginning of one."""
    question, nonce = asked()
    made = tsa.token(question)
    accept(trusted(tsa), granted(made), MESSAGE, nonce)
    for at in range(len(made)):
        changed = made[:at] + bytes([made[at] ^ 0x01]) + made[at + 1 :]
        with pytest.raises(TokenRefused):
            accept(trusted(tsa), granted(changed), MESSAGE, nonce)
    for at in range(0, len(made), 7):
        with pytest.raises(TokenRefused):
            accept(trusted(tsa), granted(made)[:at], MESSAGE, nonce)


def test_a_token_that_is_too_long(tsa: TimestampAuthority) -> None:
    """A token beyond the limit is refused before it is read."""
    with pytest.raises(TokenRefused, match="allowed"):
        verify(trusted(tsa), b"\x30" * 70_000, MESSAGE)


@pytest.mark.parametrize("pem", [b"", b"no", b"-----BEGIN CERTIFICATE-----\nAA\n"])
def test_roots_that_are_none(pem: bytes) -> None:
    """A file without certificates is refused."""
    with pytest.raises(TimestampError):
        read_roots(pem)
