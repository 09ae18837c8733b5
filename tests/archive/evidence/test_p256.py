"""ECDSA on P-256 in plain Python says what Wycheproof and `cryptography` say."""

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from archive.evidence import p256
from tests.archive.evidence.foreign import foreign_json


def _split(signature: bytes) -> tuple[int, int]:
    return int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")


def test_wycheproof() -> None:
    """Every verdict; a signature that has not 64 bytes is none."""
    name = "wycheproof/ecdsa_secp256r1_sha256_p1363_test.json"
    for group in foreign_json(name)["testGroups"]:
        public = bytes.fromhex(group["publicKey"]["uncompressed"])
        for case in group["tests"]:
            message, signature = bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"])
            fits = len(signature) == 64 and p256.verify(public, _split(signature), message)
            assert fits == (case["result"] == "valid"), case["tcId"]


@given(st.integers(1, p256.N - 1), st.binary(max_size=200), st.integers(0, 255))
def test_what_is_signed_fits_and_any_bit_changed_does_not(
    secret: int, message: bytes, bit: int
) -> None:
    """As the library signs it."""
    key = ec.derive_private_key(secret, ec.SECP256R1())
    public = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(SHA256())))
    assert p256.is_point(public)
    assert p256.verify(public, (r, s), message)
    assert not p256.verify(public, (r, s), message + b"x")
    assert not p256.verify(public, (r ^ 1 << bit, s), message)
    assert not p256.verify(public, (r, s ^ 1 << bit), message)


@given(st.binary(max_size=70))
def test_points_are_those_of_the_curve(public: bytes) -> None:
    """Random bytes are no point of it."""
    assert not p256.is_point(public)
