"""Personal keys open by their passphrase alone; codes serve once."""

from __future__ import annotations

import json

import pytest

from archive.evidence.keys import SigningKey
from archive.signoff_keys import PassphraseRefusedError, lock, unlock

OWNER, PHRASE = "ab" * 16, "correct horse 电池 staple"


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture(scope="module")
def kept(key: SigningKey) -> bytes:
    return lock(key, OWNER, PHRASE)


def test_the_passphrase_opens_the_key(key: SigningKey, kept: bytes) -> None:
    """The same key comes back, and signs."""
    opened = unlock(kept, key.key_id, OWNER, PHRASE)
    key.verify_key().verify(opened.sign(b"x"), b"x")


def test_what_is_kept_tells_nothing(key: SigningKey, kept: bytes) -> None:
    """Neither the seed nor the passphrase stands in it; two locks of one key share nothing."""
    assert key.seed() not in kept
    assert key.seed().hex().encode() not in kept
    assert PHRASE.encode() not in kept
    again, first = json.loads(lock(key, OWNER, PHRASE)), json.loads(kept)
    assert all(again[name] != first[name] for name in ("salt", "nonce", "ciphertext"))
    assert (first["kdf"], first["memory"], first["passes"]) == ("argon2id", 65536, 3)


@pytest.mark.parametrize("phrase", ["", PHRASE + " ", PHRASE.upper(), "Correct horse"])
def test_another_passphrase_does_not(key: SigningKey, kept: bytes, phrase: str) -> None:
    """Not even nearly the same."""
    with pytest.raises(PassphraseRefusedError):
        unlock(kept, key.key_id, OWNER, phrase)


def test_it_is_bound_to_its_owner_and_its_id(key: SigningKey, kept: bytes) -> None:
    """Swapped in the key store, it opens for nobody."""
    for name, owner in ((key.key_id, "cd" * 16), ("ef" * 32, OWNER)):
        with pytest.raises(PassphraseRefusedError):
            unlock(kept, name, owner, PHRASE)
