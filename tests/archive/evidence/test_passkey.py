"""Assertions by passkeys: what a browser makes is taken, and nothing near it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.evidence import passkey
from archive.evidence.errors import EvidenceError, KeyRefused, SignatureError
from archive.evidence.passkey import EDDSA, ES256, LONGEST, Passkey
from tests.archive.evidence.foreign import foreign_json
from tests.second_reader.assertion import Passkey as Second
from tests.second_reader.assertion import ecdsa_fits
from tests.vectors.authenticator import EXTENDED, PRESENT, RP, VERIFIED, Authenticator

PHONE, TOKEN = Authenticator("phone"), Authenticator("token", EDDSA)
MESSAGE = b'{"v":1}'


def key_of(made: Authenticator) -> Passkey:
    return Passkey.from_public(made.alg, made.public, made.rp)


@pytest.mark.parametrize("made", [PHONE, TOKEN], ids=["ES256", "EdDSA"])
def test_every_byte_of_an_assertion_matters(made: Authenticator) -> None:
    """One bit turned anywhere, and it fits no more: both readers say so."""
    key, second = key_of(made), Second(made.alg, made.public, made.rp)
    sound = made.sign(MESSAGE)
    key.verify(sound, MESSAGE)
    assert second.fault(sound, MESSAGE) is None
    for at in range(len(sound)):
        spoiled = sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :]
        with pytest.raises(SignatureError):
            key.verify(spoiled, MESSAGE)


@given(data=st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_no_bytes_lead_to_another_error(data: bytes) -> None:
    """Whatever stands for an assertion or a key, a refusal is ours."""
    with pytest.raises(EvidenceError):
        key_of(PHONE).verify(data, MESSAGE)
    for alg in (ES256, EDDSA, "RS256"):
        with suppress(KeyRefused):  # 32 bytes may be a key
            Passkey.from_public(alg, data[:64], RP)


@given(flags=st.integers(0, 255), more=st.sampled_from([b"", b"\xa0", b"\x00" * 40]))
@settings(max_examples=300, deadline=None)
def test_flags_are_judged_alike_by_both_readers(flags: int, more: bytes) -> None:
    """Present and verified, no new credential, extensions exactly where said."""
    made = TOKEN.but(flags=flags, extensions=more)
    sound = flags & (PRESENT | VERIFIED) == PRESENT | VERIFIED and not flags & 0x40
    sound = sound and bool(flags & EXTENDED) == bool(more) and (flags & 0x18) != 0x10
    try:
        key_of(made).verify(made.sign(MESSAGE), MESSAGE)
        taken = True
    except SignatureError:
        taken = False
    assert taken == sound
    second = Second(made.alg, made.public, made.rp)
    assert (second.fault(made.sign(MESSAGE), MESSAGE) is None) == sound


@pytest.mark.parametrize(
    ("origin", "fits"),
    [
        ("https://archive.example", True),
        ("https://archive.example:8443", True),
        ("https://a.archive.example", True),
        ("https://archive.example:0", False),
        ("https://archive.example:123456", False),
        ("https://archive.example:", False),
        ("https://archive.example/", False),
        ("https://ARCHIVE.example", False),
        ("https://xarchive.example", False),
        ("https://archive.example.evil", False),
        ("http://archive.example", False),
        ("ftp://archive.example", False),
        ("http://localhost", False),
        ("null", False),
    ],
)
def test_origins(origin: str, fits: bool) -> None:
    """The site's own host or one below it, over https; the second reader agrees."""
    made = TOKEN.but(origin=origin)
    assert passkey.of_site(origin, RP) == fits
    found = Second(made.alg, made.public, made.rp).fault(made.sign(MESSAGE), MESSAGE)
    assert (found is None) == fits


def test_http_on_this_very_machine() -> None:
    """For trying it out."""
    assert passkey.of_site("http://localhost:8470", "localhost")
    assert not passkey.of_site("http://localhost.evil:8470", "localhost")


@pytest.mark.parametrize(
    ("tail", "fits"),
    [
        ("", True),
        (',"crossOrigin":false', True),
        (',"crossOrigin":false,"x":1', True),
        (',"crossOrigin":false,', False),
        (',"crossOrigin":true', False),
        (',"topOrigin":"https://x"', False),
        (',"x":1,"crossOrigin":true', False),
        (f',"crossOrigin":false,"{"x" * 1998}"', True),
        (f',"crossOrigin":false,"{"x" * 1999}"', False),
    ],
)
def test_what_may_follow_the_origin(tail: str, fits: bool) -> None:
    """As browsers write it (WebAuthn Level 2, 5.8.1.1), to the byte."""
    made = TOKEN.but(tail=tail)
    signed = made.sign(MESSAGE)
    found = Second(made.alg, made.public, made.rp).fault(signed, MESSAGE)
    assert len(signed) < LONGEST
    if fits:
        key_of(made).verify(signed, MESSAGE)
    else:
        with pytest.raises(SignatureError):
            key_of(made).verify(signed, MESSAGE)
    assert (found is None) == fits


def test_the_other_half_of_an_ecdsa_signature_fits_as_well() -> None:
    """(r, n - s): ECDSA has two; which one was given is fixed by the leaf."""
    made = PHONE.assertion(hashlib.sha256(MESSAGE).digest())
    r, s = decode_dss_signature(made.signature)
    n = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    other = encode_dss_signature(r, n - s)
    key_of(PHONE).verify(passkey.encode(replace(made, signature=other)), MESSAGE)


def test_wycheproof() -> None:
    """Foreign vectors of r || s, spelled in DER: what is invalid is refused, by both readers."""
    found = foreign_json("wycheproof/ecdsa_secp256r1_sha256_p1363_test.json")
    seen = 0
    for group in found["testGroups"]:
        public = bytes.fromhex(group["publicKey"]["uncompressed"])
        for test in group["tests"]:
            signature, message = bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"])
            if len(signature) != 64:  # no such thing in DER
                continue
            r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
            der, valid = encode_dss_signature(r, s), test["result"] == "valid"
            assert fits(public, der, message) == valid, test
            if seen % 8 == 0:  # in plain Python each takes a while
                assert ecdsa_fits(public, der, message) == valid, test
            seen += 1
    assert seen > 200


def fits(public: bytes, signature: bytes, message: bytes) -> bool:
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
    try:
        r, s = passkey.read_der(signature)
        key.verify(encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
    except (SignatureError, InvalidSignature):
        return False
    return True


@pytest.mark.parametrize(
    "spoil",
    [
        lambda der: der[:-1],
        lambda der: der + b"\0",
        lambda der: b"\x30\x81" + der[1:],
        lambda der: bytes([0x31]) + der[1:],
        lambda der: der[:1] + bytes([der[1] + 1]) + der[2:4] + b"\0" + der[4:],
    ],
)
def test_der_has_one_spelling(spoil: Callable[[bytes], bytes]) -> None:
    """Cut, longer, long lengths, padded, negative, zero or empty integers: refused."""
    der = PHONE.assertion(hashlib.sha256(MESSAGE).digest()).signature
    passkey.read_der(der)
    with pytest.raises(SignatureError):
        passkey.read_der(spoil(der))
    assert not ecdsa_fits(PHONE.public, spoil(der), MESSAGE)


@pytest.mark.parametrize(
    "told",
    ["", "3006020100020101", "3006020181020101", "300702020001020101", "300402000200", "30030201"],
)
def test_der_of_no_signature(told: str) -> None:
    """Zero, negative, padded and empty integers, and what is cut."""
    with pytest.raises(SignatureError):
        passkey.read_der(bytes.fromhex(told))
    assert not ecdsa_fits(PHONE.public, bytes.fromhex(told), MESSAGE)
