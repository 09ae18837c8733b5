"""Tokens of RFC 3161: taken if everything fits, else refused by our own error with its code."""

import base64
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.evidence import der
from archive.evidence.certificate import read_pem
from archive.evidence.errors import EvidenceError, FormatError, SignatureError
from archive.evidence.instant import time_text
from archive.evidence.timestamp import Token, read_token, verify_token
from archive.evidence.wording import FINDINGS
from tests.archive.evidence.foreign import foreign
from tests.vectors.timestamping import DATA, FILE, HERE

VECTORS = json.loads((HERE / FILE).read_bytes())
IMPRINT = hashlib.sha256(DATA).digest()
GOOD = next(base64.b64decode(v["token"]) for v in VECTORS["tokens"] if v["name"] == "P-256")


def _trusted(vector: dict[str, Any]) -> tuple[bytes, ...]:
    return read_pem(vector["trusted"].encode()) if vector["trusted"] else ()


@pytest.mark.parametrize("vector", VECTORS["tokens"], ids=lambda vector: vector["name"])
def test_a_token_is_taken_or_refused(vector: dict[str, Any]) -> None:
    """With the time and the authority's name, or with the code of what is wrong."""
    token, trusted = base64.b64decode(vector["token"]), _trusted(vector)
    if not vector["answer"]:
        found = verify_token(token, IMPRINT, trusted)
        assert (time_text(found.gen_time), found.authority) == (vector["time"], vector["authority"])
        return
    with pytest.raises(EvidenceError) as refused:
        verify_token(token, IMPRINT, trusted)
    assert refused.value.code == vector["answer"]
    assert vector["answer"] in FINDINGS


def test_who_signed_is_the_tokens_own_word_where_nobody_is_trusted() -> None:
    """A token that leads to nobody who is trusted fits, if nobody was asked for."""
    strangers = [v for v in VECTORS["tokens"] if v["answer"] == "timestamp-authority"]
    for vector in strangers:
        found = verify_token(base64.b64decode(vector["token"]), IMPRINT)
        assert not found.leads_to(_trusted(vector))
    assert strangers


def _foreign(name: str) -> Token:
    """From a whole answer, its token."""
    (_, token) = der.read(foreign(f"rfc3161_openssl/{name}.tsr")).parts()
    data = hashlib.sha256(foreign("rfc3161_openssl/data.bin")).digest()
    return verify_token(token.whole, data, read_pem(foreign("rfc3161_openssl/ca.pem")))


@pytest.mark.parametrize("name", ["good_signer_cert", "good_chain"])
def test_foreign_tokens(name: str) -> None:
    """By OpenSSL's command, with or without its whole chain."""
    found = _foreign(name)
    assert found.gen_time == datetime(2026, 11, 22, 15, 9, tzinfo=UTC)
    assert (found.authority, found.policy) == ("Test TSA", "1.2.3.4.1")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("good_nocert_nononce", "timestamp-certificate"),
        ("tampered_signature", "timestamp-signature"),
        ("wrong_data", "timestamp-imprint"),
    ],
)
def test_foreign_tokens_that_are_refused(name: str, code: str) -> None:
    """Without a certificate, tampered with, over something else."""
    with pytest.raises(EvidenceError) as refused:
        _foreign(name)
    assert refused.value.code == code


def test_no_changed_byte_goes_through() -> None:
    """Each byte of a good token, one bit of it turned, and each beginning of one."""
    verify_token(GOOD, IMPRINT)
    for at in range(len(GOOD)):
        changed = GOOD[:at] + bytes([GOOD[at] ^ 1 << at % 8]) + GOOD[at + 1 :]
        with pytest.raises(EvidenceError):
            verify_token(changed, IMPRINT)
        with pytest.raises(FormatError):
            read_token(GOOD[:at])


@settings(max_examples=300)
@given(st.integers(0, len(GOOD)), st.integers(0, 60), st.binary(max_size=60))
def test_whatever_is_put_into_a_token(at: int, length: int, data: bytes) -> None:
    """Nothing but our own error, and never another time."""
    try:
        found = verify_token(GOOD[:at] + data + GOOD[at + length :], IMPRINT)
    except EvidenceError:
        return
    assert found == verify_token(GOOD, IMPRINT)


@given(st.binary(max_size=300))
def test_garbage(data: bytes) -> None:
    """Any bytes are refused by our own error."""
    with pytest.raises(FormatError):
        read_token(data)


def test_a_certificate_that_is_trusted_must_be_one() -> None:
    """What a reader brings is said to be unusable, rather than passed over."""
    with pytest.raises(EvidenceError):
        verify_token(GOOD, IMPRINT, [b"no certificate"])
    with pytest.raises(SignatureError):
        verify_token(GOOD, bytes(32), [b"no certificate"])


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"no",
        b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n",
    ],
)
def test_certificates_that_are_none(pem: bytes) -> None:
    """A file without certificates, or with one that cannot be read, is refused."""
    with pytest.raises(EvidenceError):
        read_pem(pem)


def test_the_others_are_told() -> None:
    """The token's other certificates stand beside the signer's, and lead on."""
    vector = next(v for v in VECTORS["tokens"] if v["name"] == "through two")
    found = read_token(base64.b64decode(vector["token"]))
    assert [each.name for each in found.others] == ["one", "two"]
    assert not replace(found, others=()).leads_to(_trusted(vector))
