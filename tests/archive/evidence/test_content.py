"""Sealing and opening: what fits, and everything that must not."""

import hashlib
import os
from collections.abc import Callable

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from archive.evidence import content
from archive.evidence.content import check_opening, derive, open_part, seal
from archive.evidence.errors import ContentError
from archive.evidence.statement import Part
from tests.archive.evidence.foreign import foreign_json

RECORD, EVENT, KEY_ID = "aa" * 16, "bb" * 16, "cc" * 16
KEY = bytes(range(32))


@given(st.binary(min_size=32, max_size=32))
def test_derivation_is_hkdf(key: bytes) -> None:
    """Three HMACs give what the library's HKDF gives."""
    okm = HKDF(hashes.SHA256(), 64, salt=None, info=b"liuhen/v1/content").derive(key)
    assert derive(key) == (okm[:32], okm[32:])


@given(st.binary(max_size=2000), st.integers(0, 9))
def test_round_trip(plaintext: bytes, n: int) -> None:
    """What is sealed opens with the key, and with salt and plaintext alone."""
    sealed = seal(plaintext, record=RECORD, event=EVENT, n=n, key=KEY, key_id=KEY_ID)
    assert len(sealed.ciphertext) == sealed.part.length + 16
    opened = open_part(sealed.part, sealed.ciphertext, record=RECORD, event=EVENT, key=KEY)
    assert opened == plaintext
    check_opening(sealed.part, derive(KEY)[1], plaintext)


def anew(plaintext: bytes = b"{}") -> tuple[content.Sealed, bytes]:
    return content.seal_anew(plaintext, record=RECORD, event=EVENT, n=0, wrapping_key=KEY)


def test_every_part_has_a_key_of_its_own_that_its_wrap_opens() -> None:
    """Many in a row share neither key, id nor nonce, and each opens with what was wrapped."""
    made = [anew() for _ in range(200)]
    keys = [content.unwrap(KEY, wrapped, sealed.part.key) for sealed, wrapped in made]
    for (sealed, _), key in zip(made, keys, strict=True):
        opened = open_part(sealed.part, sealed.ciphertext, record=RECORD, event=EVENT, key=key)
        assert opened == b"{}"
    for once in (keys, [s.part.key for s, _ in made], [wrapped[:12] for _, wrapped in made]):
        assert len(set(once)) == 200


def test_a_forked_process_draws_keys_of_its_own() -> None:
    """What was drawn ahead is used by one process only."""
    anew()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, bytes.fromhex(anew()[0].part.key))
        os._exit(0)
    mine = anew()[0].part.key
    assert os.waitpid(child, 0)[1] == 0
    assert os.read(reading, 16).hex() != mine
    os.close(reading)
    os.close(writing)


def test_every_other_place_and_key_is_refused() -> None:
    """Ciphertext opens only in its record, event and number, with its key."""
    sealed = seal(b"{}", record=RECORD, event=EVENT, n=0, key=KEY, key_id=KEY_ID)
    part, text = sealed.part, sealed.ciphertext
    moved = Part("content", 1, KEY_ID, part.commitment, part.ciphertext, part.length)
    for args, where in [
        ((part, text), {"record": EVENT, "event": EVENT, "key": KEY}),
        ((part, text), {"record": RECORD, "event": RECORD, "key": KEY}),
        ((part, text), {"record": RECORD, "event": EVENT, "key": bytes(32)}),
        ((moved, text), {"record": RECORD, "event": EVENT, "key": KEY}),
        ((part, text[:-1]), {"record": RECORD, "event": EVENT, "key": KEY}),
    ]:
        with pytest.raises(ContentError):
            open_part(*args, **where)  # type: ignore[arg-type]


def test_key_commitment() -> None:
    """A ciphertext made to open under another key still fails: the commitment covers the salt."""
    other = bytes(32)
    aead_key, _ = derive(other)
    padded = content.pad(b'{"a":"reject"}')
    aad = f'{{"event":"{EVENT}","n":0,"record":"{RECORD}","role":"content","v":1}}'.encode()
    forged = AESGCM(aead_key).encrypt(bytes(12), padded, aad)
    honest = seal(b'{"a":"accept"}', record=RECORD, event=EVENT, n=0, key=KEY, key_id=KEY_ID).part
    part = Part(
        "content", 0, KEY_ID, honest.commitment, hashlib.sha256(forged).hexdigest(), len(padded)
    )
    with pytest.raises(ContentError, match="commitment"):
        open_part(part, forged, record=RECORD, event=EVENT, key=other)


@given(st.binary(max_size=600), st.binary(max_size=600))
def test_openings_of_other_plaintexts_fail(first: bytes, second: bytes) -> None:
    """Only the plaintext that was sealed matches; trailing zeros make a difference."""
    part = seal(first, record=RECORD, event=EVENT, n=0, key=KEY, key_id=KEY_ID).part
    for other in {second, first + b"\0", first[:-1]} - {first}:
        with pytest.raises(ContentError):
            check_opening(part, derive(KEY)[1], other)
    with pytest.raises(ContentError):
        check_opening(part, bytes(32), first)


@pytest.mark.parametrize(
    ("length", "wanted"),
    [(0, 256), (256, 256), (257, 512), (65_536, 65_536), (65_537, 131_072), (131_073, 196_608)],
)
def test_buckets(length: int, wanted: int) -> None:
    """Powers of two to 64 KiB, then multiples of 64 KiB."""
    assert content.bucket(length) == wanted


@pytest.mark.parametrize(
    "padded",
    [b"", bytes(255), bytes(512), bytes(3) + b"\x01" + b"a" + b"b" + bytes(250), b"\xff" * 256],
)
def test_bad_padding(padded: bytes) -> None:
    """One plaintext has one padded form."""
    with pytest.raises(ContentError):
        content.unpad(padded)


def test_too_long() -> None:
    """What is longer than 16 MiB is an attachment."""
    with pytest.raises(ContentError):
        content.pad(bytes(content.MAX_CONTENT))


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_wraps(wrapping: bytes, key: bytes) -> None:
    """A wrapped key unwraps in its own place only."""
    wrapped = content.wrap(wrapping, key, KEY_ID)
    assert content.unwrap(wrapping, wrapped, KEY_ID) == key
    record = content.wrap_record_key(wrapping, key, RECORD)
    assert content.unwrap_record_key(wrapping, record, RECORD) == key
    attempts: list[Callable[[], bytes]] = [
        lambda: content.unwrap(wrapping, wrapped, EVENT),
        lambda: content.unwrap(wrapping, record, RECORD),
        lambda: content.unwrap_record_key(wrapping, record, EVENT),
        lambda: content.unwrap(bytes(a ^ 1 for a in wrapping), wrapped, KEY_ID),
        lambda: content.unwrap(wrapping, wrapped[:-1], KEY_ID),
    ]
    for attempt in attempts:
        with pytest.raises(ContentError):
            attempt()


def test_wycheproof_aes_gcm() -> None:
    """The cipher underneath gives Wycheproof's verdicts for our key, nonce and tag lengths."""
    checked = 0
    for group in foreign_json("wycheproof/aes_gcm_test.json")["testGroups"]:
        if (group["keySize"], group["ivSize"], group["tagSize"]) != (256, 96, 128):
            continue
        for case in group["tests"]:
            key, iv, aad, text = (bytes.fromhex(case[k]) for k in ("key", "iv", "aad", "ct"))
            text += bytes.fromhex(case["tag"])
            if case["result"] == "valid":
                assert AESGCM(key).decrypt(iv, text, aad).hex() == case["msg"]
            else:
                with pytest.raises(InvalidTag):
                    AESGCM(key).decrypt(iv, text, aad)
            checked += 1
    assert checked > 30
