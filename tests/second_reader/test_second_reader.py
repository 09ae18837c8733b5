"""The second reader against every vector: it was written from docs/formats.md alone."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tests.second_reader import content, shapes, signing, tree
from tests.second_reader import spelling as s
from tests.second_reader.container import UnusableError, open_bundle
from tests.second_reader.reader import main
from tests.second_reader.register import register_id
from tests.second_reader.stamp import read_token
from tests.second_reader.verify import verify

VECTORS = Path(__file__).parents[1] / "vectors"


def _der(pem: str | None) -> list[bytes]:
    """The certificates of a PEM text, if there is one."""
    blocks = (pem or "").split("-----BEGIN CERTIFICATE-----\n")[1:]
    return [base64.b64decode(block.partition("-----")[0]) for block in blocks]


def _answers(name: str) -> Any:
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


EXAMPLE = _answers("example.json")
TEXTS = _answers("texts.json")
BUNDLES = _answers("bundles.json")
KEYS, CONTENT, ATTACHMENT = EXAMPLE["keys"], EXAMPLE["content"], EXAMPLE["attachment"]
_OTHER_LOG_KEY = ("log-key-name", "log-key-intake", "log-key-rotated", "register-itself")
WHOLE = VECTORS / "bundles" / "whole.zip"


def _take(form: str, text: str) -> object:
    """Read a text as the form that its vector names."""
    if form == "vkey":
        return signing.read_vkey(text)
    data = text.encode()
    if form == "envelope":
        return shapes.read_envelope(data, shapes.STATEMENT)
    readers = {
        "statement": shapes.read_statement,
        "leaf": shapes.read_leaf,
        "receipt": shapes.read_receipt,
        "checkpoint": signing.read_checkpoint,
    }
    return readers[form](data)


@pytest.mark.parametrize("vector", TEXTS, ids=lambda v: f"{v['format']}: {v['why']}")
def test_text_is_taken_or_refused_as_answered(vector: dict[str, Any]) -> None:
    """Each text of texts.json is taken where its answer says so, and refused elsewhere."""
    try:
        _take(vector["format"], vector["text"])
        taken = True
    except s.BadFormError:
        taken = False
    assert taken == vector["accept"]


@pytest.mark.parametrize("trusting", [False, True], ids=["alone", "with the key"])
@pytest.mark.parametrize("answer", BUNDLES, ids=lambda a: Path(a["file"]).stem)
def test_bundle_gets_the_verdict_that_is_answered(answer: dict[str, Any], trusting: bool) -> None:
    """Exit status, failing step and verdicts of each bundle agree with bundles.json."""
    vkey = answer["vkey"]
    if trusting and vkey is None:
        # Where a bundle's own log key is another, a trusted one is the reason to refuse it.
        vkey = None if answer["file"][8:].startswith(_OTHER_LOG_KEY) else KEYS["log_vkey"]
    trusted = signing.read_vkey(vkey) if vkey else None
    try:
        report = verify((VECTORS / answer["file"]).read_bytes(), trusted, None, _der(answer["tsa"]))
    except UnusableError:
        assert answer["exit"] == 2
        assert not answer["verdicts"]
        return
    assert report.exit_status == answer["exit"]
    assert sorted(report.steps) == answer["failing_steps"]
    decided = {index: report.verdicts.get(int(index)) for index in answer["verdicts"]}
    assert decided == answer["verdicts"]


@pytest.mark.parametrize("case", _answers("timestamps.json")["tokens"], ids=lambda c: c["name"])
def test_token_is_taken_or_refused_as_answered(case: dict[str, Any]) -> None:
    """Each token of timestamps.json is taken, with its time and authority, or refused."""
    data = base64.b64decode(_answers("timestamps.json")["data"])
    try:
        token = read_token(base64.b64decode(case["token"]), hashlib.sha256(data).digest())
    except s.BadFormError:
        assert case["answer"] not in ("", "timestamp-authority")
        return
    led = not case["trusted"] or token.leads_to(_der(case["trusted"]))
    assert case["answer"] == ("" if led else "timestamp-authority")
    if not case["answer"]:
        assert token.time.replace(tzinfo=None) == s.moment(case["time"])
        assert token.authority == case["authority"]


def test_every_bundle_has_an_answer() -> None:
    """No bundle lies in the folder without being answered, and so without being read here."""
    lying = {f"bundles/{path.name}" for path in (VECTORS / "bundles").iterdir()}
    assert lying == {answer["file"] for answer in BUNDLES}


@pytest.mark.parametrize(
    "answer",
    [a for a in BUNDLES if not a["vkey"] and not a["tsa"]],
    ids=lambda a: Path(a["file"]).stem,
)
def test_command_exits_as_answered(
    answer: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """The command returns the answered status and prints each decided verdict."""
    assert main([str(VECTORS / answer["file"])]) == answer["exit"]
    printed = capsys.readouterr().out
    for index, verdict in answer["verdicts"].items():
        assert f"leaf {index}: {verdict}\n" in printed


def test_command_says_that_there_is_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bundle that does not exist cannot be used."""
    assert main([str(tmp_path / "none.zip")]) == 2
    assert "cannot be used" in capsys.readouterr().out


def test_another_trusted_key_fails_the_checkpoint() -> None:
    """An honest bundle fails step 3, and nothing else, under a key that did not sign it."""
    name, public = KEYS["origin"], bytes.fromhex(KEYS["intake_public"])
    data = bytes([signing.LOG]) + public
    other = signing.VerifierKey(name, signing.key_hash(name, data), signing.LOG, public)
    assert verify(WHOLE.read_bytes(), other).steps == {3}


def test_each_byte_of_the_container_counts() -> None:
    """Any one byte of an honest bundle changed is found, or makes the bundle unusable."""
    whole = WHOLE.read_bytes()
    for at in range(0, len(whole), 7):
        changed = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        try:
            assert open_bundle(changed).faults, at
        except UnusableError:
            continue


# ---------------------------------------------------------------- the worked example


def _derived(content_key: str, info: bytes) -> tuple[bytes, bytes]:
    """The AEAD key and the salt of a content key."""
    okm = HKDF(SHA256(), 64, None, info).derive(bytes.fromhex(content_key))
    return okm[:32], okm[32:]


def test_example_keys_follow_from_their_seeds() -> None:
    """Public keys, key ids, the verifier key and the register's id are computed alike."""
    for who in ("log", "intake"):
        seed = bytes.fromhex(KEYS[f"{who}_seed"])
        public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
        assert public.hex() == KEYS[f"{who}_public"]
        assert signing.key_id(public) == KEYS[f"{who}_key_id"]
        assert signing.good_key(public)
    assert signing.read_vkey(KEYS["log_vkey"]).public.hex() == KEYS["log_public"]
    assert register_id(KEYS["origin"]) == KEYS["register_record"]


def test_example_content_part_is_made_alike() -> None:
    """Key, salt, padding, ciphertext and commitment follow from the content key."""
    key, salt = _derived(CONTENT["content_key"], b"liuhen/v1/content")
    assert (key.hex(), salt.hex()) == (CONTENT["aead_key"], CONTENT["salt"])
    padded = content.padded(CONTENT["plaintext"].encode())
    assert padded.hex() == CONTENT["padded"]
    sealed = AESGCM(key).encrypt(bytes(12), padded, CONTENT["associated_data"].encode())
    assert sealed.hex() == CONTENT["ciphertext"]
    assert hashlib.sha256(sealed).hexdigest() == CONTENT["ciphertext_sha256"]
    commitment = content.content_commitment(salt, CONTENT["plaintext"].encode())
    assert commitment == (CONTENT["commitment"], CONTENT["length"])


def test_example_attachment_is_made_alike() -> None:
    """The segments' ciphertext and the commitment follow from the content key."""
    key, salt = _derived(ATTACHMENT["content_key"], b"liuhen/v1/attachment")
    assert salt.hex() == ATTACHMENT["salt"]
    plain, sealed = bytes.fromhex(ATTACHMENT["plaintext"]), b""
    cut = content.segments(plain)
    aad = b"liuhen/v1/segment\n" + bytes.fromhex(ATTACHMENT["id"])
    for i, segment in enumerate(cut):
        nonce = bytes(7) + i.to_bytes(4, "big") + bytes([i == len(cut) - 1])
        sealed += AESGCM(key).encrypt(nonce, segment, aad)
    assert [sealed.hex()] == ATTACHMENT["segments"]
    assert hashlib.sha256(sealed).hexdigest() == ATTACHMENT["ciphertext_sha256"]
    commitment = content.attachment_commitment(salt, plain)
    assert commitment == (ATTACHMENT["commitment"], ATTACHMENT["length"])


def test_example_envelope_is_the_signed_statement() -> None:
    """Signing the statement's PAE with the intake seed gives the envelope, byte for byte."""
    envelope = shapes.read_envelope(EXAMPLE["envelope"].encode(), shapes.STATEMENT)
    assert envelope.payload.decode() == EXAMPLE["statement"]
    assert envelope.signed.decode() == EXAMPLE["pae"]
    assert envelope.hash == EXAMPLE["envelope_hash"]
    assert _signed(KEYS["intake_seed"], envelope) == EXAMPLE["envelope"]


def test_example_receipt_is_the_signed_payload() -> None:
    """The receipt is the log key's envelope over a payload that says what the leaf says."""
    envelope = shapes.read_envelope(EXAMPLE["receipt"].encode(), shapes.RECEIPT)
    assert envelope.payload.decode() == EXAMPLE["receipt_payload"]
    assert _signed(KEYS["log_seed"], envelope) == EXAMPLE["receipt"]
    receipt, leaf = shapes.read_receipt(envelope.payload), EXAMPLE["leaf"].encode()
    assert receipt["leaf_hash"] == EXAMPLE["leaf_hash"]
    assert receipt["number"] == shapes.read_leaf(leaf).number


def _signed(seed: str, envelope: shapes.Envelope) -> str:
    """The envelope made anew from its payload and the signer's seed."""
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
    sig = base64.b64encode(key.sign(envelope.signed)).decode()
    keyid = signing.key_id(key.public_key().public_bytes_raw())
    made = {
        "payload": base64.b64encode(envelope.payload).decode(),
        "payloadType": envelope.kind,
        "signatures": [{"keyid": keyid, "sig": sig}],
    }
    return s.encode(made).decode()


def test_example_tree_and_proofs_are_made_alike() -> None:
    """Root, inclusion proof and consistency proof fit the example's leaf hashes."""
    hashes = [bytes.fromhex(text) for text in EXAMPLE["leaf_hashes"]]
    root, old = bytes.fromhex(EXAMPLE["root"]), bytes.fromhex(EXAMPLE["root_3"])
    leaf = tree.leaf_hash(EXAMPLE["leaf"].encode())
    assert leaf.hex() == EXAMPLE["leaf_hash"]
    assert tree.root_of(hashes) == root
    assert tree.root_of(hashes[:3]) == old
    path = tree.path_of(3, hashes)
    assert [node.hex() for node in path] == EXAMPLE["inclusion_proof"]
    assert tree.root_by_path(3, len(hashes), leaf, path) == root
    proof = [bytes.fromhex(text) for text in EXAMPLE["consistency_proof_3"]]
    assert tree.consistent(3, len(hashes), old, root, proof)
    assert not tree.consistent(3, len(hashes), old, root, proof[:-1])


def test_example_checkpoint_is_signed_by_the_log_key() -> None:
    """The note's text, signed with the log seed, gives the example's only signature."""
    checkpoint = signing.read_checkpoint(EXAMPLE["checkpoint"].encode())
    key = signing.read_vkey(KEYS["log_vkey"])
    assert checkpoint.signed_by(key)
    assert (checkpoint.size, checkpoint.root.hex()) == (
        len(EXAMPLE["leaf_hashes"]),
        EXAMPLE["root"],
    )
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(KEYS["log_seed"]))
    assert checkpoint.lines == [(key.name, key.hash + private.sign(checkpoint.text))]


@pytest.mark.parametrize("size", range(1, 18))
def test_every_path_leads_to_the_root(size: int) -> None:
    """In trees of all small sizes each leaf's own path leads to the root, another's does not."""
    hashes = [tree.leaf_hash(bytes([i])) for i in range(size)]
    root = tree.root_of(hashes)
    for index in range(size):
        path = tree.path_of(index, hashes)
        assert tree.root_by_path(index, size, hashes[index], path) == root
        wrong = (index + 1) % size
        assert size == 1 or tree.root_by_path(wrong, size, hashes[index], path) != root
