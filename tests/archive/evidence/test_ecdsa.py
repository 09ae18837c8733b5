"""ECDSA in plain Python says what Wycheproof and `cryptography` say."""

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.evidence import ecdsa
from archive.evidence.ecdsa import P256, P384, Curve
from archive.evidence.errors import FormatError
from tests.archive.evidence.foreign import foreign_json

CURVES: list[tuple[Curve, ec.EllipticCurve]] = [(P256, ec.SECP256R1()), (P384, ec.SECP384R1())]
HASHES: list[hashes.HashAlgorithm] = [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()]


def _split(signature: bytes) -> tuple[int, int]:
    return int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")


def test_wycheproof() -> None:
    """Every verdict; a signature that has not 64 bytes is none."""
    name = "wycheproof/ecdsa_secp256r1_sha256_p1363_test.json"
    for group in foreign_json(name)["testGroups"]:
        public = bytes.fromhex(group["publicKey"]["uncompressed"])
        for case in group["tests"]:
            message, signature = bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"])
            fits = len(signature) == 64 and ecdsa.verify(P256, public, _split(signature), message)
            assert fits == (case["result"] == "valid"), case["tcId"]


@pytest.mark.parametrize(("curve", "library"), CURVES, ids=["P-256", "P-384"])
@settings(max_examples=30)
@given(
    secret=st.integers(1, P256.n - 1),
    message=st.binary(max_size=200),
    bit=st.integers(0, 255),
    hash_=st.sampled_from(HASHES),
)
def test_what_is_signed_fits_and_any_bit_changed_does_not(
    curve: Curve,
    library: ec.EllipticCurve,
    secret: int,
    message: bytes,
    bit: int,
    hash_: hashes.HashAlgorithm,
) -> None:
    """As the library signs it, over each hash."""
    key = ec.derive_private_key(secret, library)
    public = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    signed = key.sign(message, ec.ECDSA(hash_))
    r, s = decode_dss_signature(signed)
    assert ecdsa.is_point(curve, public)
    assert ecdsa.read_signature(curve, signed) == (r, s)
    assert ecdsa.verify(curve, public, (r, s), message, hash_.name)
    assert not ecdsa.verify(curve, public, (r, s), message + b"x", hash_.name)
    assert not ecdsa.verify(curve, public, (r ^ 1 << bit, s), message, hash_.name)
    assert not ecdsa.verify(curve, public, (r, s ^ 1 << bit), message, hash_.name)


@given(st.binary(max_size=100), st.sampled_from([P256, P384]))
def test_points_are_those_of_the_curve(public: bytes, curve: Curve) -> None:
    """Random bytes are no point of it, and no signature."""
    assert not ecdsa.is_point(curve, public)
    with pytest.raises(FormatError):
        ecdsa.read_signature(curve, public)
