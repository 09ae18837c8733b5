"""Signed notes, verifier keys and checkpoints against the specification and foreign data."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.evidence import checkpoint, note
from archive.evidence.errors import EvidenceError, FormatError, KeyRefused, SignatureError
from archive.evidence.keys import SigningKey
from tests.archive.evidence.foreign import foreign_json

KEY = SigningKey.from_seed(bytes(range(32)))
NAMED = note.VerifierKey.make("log.example", KEY.verify_key())


def test_specification_example() -> None:
    """The specification's own note verifies with its own key."""
    example = foreign_json("c2sp_spec/examples.json")["signed_note"]
    key = note.VerifierKey.parse(example["vkey"])
    assert str(key) == example["vkey"]
    parsed = note.parse(example["note"].encode())
    note.verify(parsed, key)
    with pytest.raises(SignatureError):
        note.verify(note.parse(example["note"].replace("an ex", "no ex").encode()), key)


def test_foreign_verifier_keys() -> None:
    """Ed25519 and cosignature keys are taken; other kinds and malformed ones are refused."""
    vectors = foreign_json("transparency_dev_formats/vkeys.json")
    for vkey in vectors["cosigv1_good"]:
        assert str(note.VerifierKey.parse(vkey)) == vkey
    refused = [*vectors["bad"], *vectors["ecdsa_good"], *vectors["static_ct_good"]]
    for vkey in [*refused, *vectors["mldsa_vkey_with_wrong_key_id_upstream_accepts"]]:
        with pytest.raises(KeyRefused):
            note.VerifierKey.parse(vkey)


def test_foreign_checkpoint_bodies() -> None:
    """What others refuse we refuse, and also a root that has not 32 bytes."""
    for case in foreign_json("transparency_dev_formats/checkpoint_parse.json")["cases"]:
        with pytest.raises(FormatError):
            checkpoint.parse(case["m"].encode())


@given(st.integers(1, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_checkpoint_round_trip(size: int, root: bytes) -> None:
    """A signed checkpoint reads back."""
    head = checkpoint.Checkpoint("log.example", size, root)
    assert checkpoint.verify(checkpoint.sign(head, KEY), NAMED) == head


def test_every_byte_of_a_checkpoint_counts() -> None:
    """No flipped byte of a signed checkpoint passes."""
    data = checkpoint.sign(checkpoint.Checkpoint("log.example", 7, bytes(range(32))), KEY)
    for at in range(len(data)):
        with pytest.raises(EvidenceError):
            checkpoint.verify(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], NAMED)


def test_a_second_bad_signature_by_the_same_key_fails() -> None:
    """One good line does not excuse a bad one."""
    good = note.sign(b"text\n", "log.example", KEY)
    bad = note.sign(b"other\n", "log.example", KEY).split(b"\n\n")[1]
    with pytest.raises(SignatureError):
        note.verify(note.parse(good + bad), NAMED)


def test_cosignature() -> None:
    """A witness's line covers its time."""
    text = b"log.example\n"
    key = note.VerifierKey.make("witness.example", KEY.verify_key(), note.COSIGNATURE)
    signature = KEY.sign(b"cosignature/v1\ntime 1700000000\n" + text)
    line = note.Signature(key.name, key.hash, (1_700_000_000).to_bytes(8, "big") + signature)
    assert note.verify(note.Note(text, (line,)), key) == 1_700_000_000
    late = note.Signature(key.name, key.hash, (1_700_000_001).to_bytes(8, "big") + signature)
    with pytest.raises(SignatureError):
        note.verify(note.Note(text, (late,)), key)


def test_foreign_cosignature_times() -> None:
    """The time stands where others put it: eight bytes after the key's hash."""
    for case in foreign_json("transparency_dev_formats/vkeys.json")["cosig_timestamps"]:
        line = f"x\n\n\N{EM DASH} witness.example {case['sig_b64']}\n"
        (signature,) = note.parse(line.encode()).signatures
        assert int.from_bytes(signature.signature[:8], "big") == case["unix"]


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\tb", "a\u2003b", "a\nb"])
def test_bad_names(name: str) -> None:
    """A key name has no spaces, plus or control characters."""
    with pytest.raises(FormatError):
        note.sign(b"text\n", name, KEY)


@given(st.binary())
def test_never_leaks(data: bytes) -> None:
    """Random bytes give our error."""
    with pytest.raises(EvidenceError):
        checkpoint.read(data)
    with pytest.raises(EvidenceError):
        note.parse(data)
    with pytest.raises(EvidenceError):
        note.VerifierKey.parse(data.decode("latin-1"))


def test_a_text_may_have_empty_lines() -> None:
    """The signatures stand after the last empty line."""
    text = b"log.example\n\nmore\n"
    parsed = note.parse(note.sign(text, "log.example", KEY))
    assert parsed.text == text
    note.verify(parsed, NAMED)


def test_what_is_just_within_bounds() -> None:
    """The longest note, the most and the shortest signature lines, the latest cosignature."""
    line = note.line_of(note.Signature("w", b"hash", b"s"))
    assert len(note.parse(b"text\n\n" + line * note.MAX_SIGNATURES).signatures) == 100
    with pytest.raises(FormatError):
        note.parse(b"text\n\n" + line * (note.MAX_SIGNATURES + 1))
    with pytest.raises(FormatError, match="too short"):
        note.parse(b"text\n\n" + note.line_of(note.Signature("w", b"hash", b"")))
    filled = b"x" * (note.MAX_NOTE - len(line) - 2) + b"\n\n" + line
    assert len(filled) == note.MAX_NOTE
    assert note.parse(filled).signatures
    with pytest.raises(FormatError, match="too long"):
        note.parse(b"x" + filled)
    assert len(note.parse_lines(line * 100)) == 100
    signed = KEY.sign(note.cosigned_message(b"text\n", note.MAX_TIME))
    last = note.VerifierKey.make("log.example", KEY.verify_key(), note.COSIGNATURE)
    whole = note.Signature(last.name, last.hash, note.MAX_TIME.to_bytes(8, "big") + signed)
    assert note.verify(note.Note(b"text\n", (whole,)), last) == note.MAX_TIME


def test_a_key_of_another_type_is_refused() -> None:
    """Also where its id fits, and its length is that of an Ed25519 key."""
    public = bytes([2]) + KEY.public
    name = hashlib.sha256(b"log.example\n" + public).digest()[:4].hex()
    with pytest.raises(KeyRefused, match="types 1 and 4"):
        note.VerifierKey.parse(f"log.example+{name}+{base64.b64encode(public).decode()}")
