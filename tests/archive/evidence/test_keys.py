"""Ed25519 keys against Wycheproof, and the keys that must never be registered."""

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.evidence import keys
from archive.evidence.errors import EvidenceError, KeyRefused
from archive.evidence.keys import SigningKey, VerifyKey, check_public_key
from tests.archive.evidence.foreign import foreign_json

# The eight points of small order (canonical), and non-canonical encodings of some of them.
SMALL_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]


def test_wycheproof_ed25519() -> None:
    """Every verdict of Wycheproof, through our own wrapper; its public keys are good ones."""
    for group in foreign_json("wycheproof/ed25519_test.json")["testGroups"]:
        public = bytes.fromhex(group["publicKey"]["pk"])
        check_public_key(public)
        key = VerifyKey.from_public(public)
        for case in group["tests"]:
            message, signature = bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"])
            if case["result"] == "valid":
                key.verify(signature, message)
            else:
                with pytest.raises(EvidenceError):
                    key.verify(signature, message)


@pytest.mark.parametrize("public", SMALL_ORDER)
def test_small_order_is_refused(public: str) -> None:
    """A key of small order fits any message, so it is never registered."""
    with pytest.raises(KeyRefused):
        check_public_key(bytes.fromhex(public))


@given(st.binary(min_size=32, max_size=32))
def test_honest_keys_pass_and_mixed_order_fails(seed: bytes) -> None:
    """A made key passes; the same point plus a point of order 2 does not."""
    public = SigningKey.from_seed(seed).public
    check_public_key(public)
    number = int.from_bytes(public, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    mixed = (keys.P - y) | (1 - sign) << 255  # (x, y) + (0, -1) = (-x, -y)
    with pytest.raises(KeyRefused):
        check_public_key(mixed.to_bytes(32, "little"))


@given(st.binary(max_size=40))
def test_never_leaks(public: bytes) -> None:
    """Random bytes are a good key or our error."""
    with suppress(KeyRefused):
        check_public_key(public)
        assert VerifyKey.from_public(public).key_id == keys.key_id(public)


def test_off_the_curve() -> None:
    """About half of all y have no x."""
    refused = 0
    for y in range(2, 40):
        try:
            check_public_key(y.to_bytes(32, "little"))
        except KeyRefused as error:
            refused += "curve" in str(error)
    assert refused > 5


def test_fast_enough() -> None:
    """The check takes less than 5 ms, even on a busy machine at its best of ten."""
    public, best = SigningKey.generate().public, 1.0
    for _ in range(10):
        start = time.perf_counter()
        check_public_key(public)
        best = min(best, time.perf_counter() - start)
    assert best < 0.005
