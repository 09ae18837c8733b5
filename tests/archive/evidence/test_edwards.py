"""Ed25519 in plain Python says what Wycheproof and `cryptography` say."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from archive.evidence import edwards
from tests.archive.evidence.foreign import foreign_json
from tests.archive.evidence.test_keys import SMALL_ORDER


def _by_library(public: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def test_wycheproof() -> None:
    """Every verdict."""
    for group in foreign_json("wycheproof/ed25519_test.json")["testGroups"]:
        public = bytes.fromhex(group["publicKey"]["pk"])
        for case in group["tests"]:
            message, signature = bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"])
            found = edwards.verify(public, signature, message)
            assert found == (case["result"] == "valid"), case["tcId"]


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200), st.integers(0, 511))
def test_what_is_signed_fits_and_any_bit_changed_does_not(
    seed: bytes, message: bytes, bit: int
) -> None:
    """As the library signs it; of a signature that does not fit the library says the same."""
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = key.public_key().public_bytes_raw(), bytearray(key.sign(message))
    assert edwards.verify(public, bytes(signature), message)
    assert not edwards.verify(public, bytes(signature), message + b"x")
    signature[bit // 8] ^= 1 << bit % 8
    assert not edwards.verify(public, bytes(signature), message)
    assert not _by_library(public, bytes(signature), message)


@given(st.sampled_from(SMALL_ORDER), st.integers(0, 40), st.sampled_from(SMALL_ORDER))
def test_keys_of_small_order_are_verified_alike(public: str, number: int, r: str) -> None:
    """No such key is ever registered; asked all the same, both give one answer."""
    signature = bytes.fromhex(r) + bytes(32)
    data = bytes.fromhex(public), signature, number.to_bytes(2, "big")
    assert edwards.verify(*data) == _by_library(*data)


@given(st.binary(max_size=40), st.binary(max_size=70))
def test_no_bytes_end_in_an_error(public: bytes, signature: bytes) -> None:
    """Whatever is given for a key or a signature: an answer."""
    assert not edwards.verify(public, signature, b"")
