"""tlog-proof files: foreign ones that must be refused, our own, and every kind of lie."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.evidence import checkpoint as heads
from archive.evidence import merkle, note, tlog_proof
from archive.evidence.errors import EvidenceError, FormatError, ProofError, SignatureError
from archive.evidence.keys import SigningKey
from archive.evidence.policy import Policy
from archive.evidence.tlog_proof import TlogProof
from tests import foreign_client
from tests.archive.evidence.foreign import foreign, foreign_json
from tests.archive.evidence.test_tiles import TESSERA

KEY = SigningKey.from_seed(b"k" * 32)
OTHER = SigningKey.from_seed(b"o" * 32)
ORIGIN = "log.example/one"
LEAVES = [b"leaf %d" % n for n in range(11)]


def trusted(key: SigningKey = KEY, origin: str = ORIGIN) -> Policy:
    return Policy.of_vkey(str(note.VerifierKey.make(origin, key.verify_key())))


def proof_of(index: int, size: int = len(LEAVES), *, extra: bytes | None = None) -> TlogProof:
    hashes = [merkle.leaf_hash(leaf) for leaf in LEAVES[:size]]
    head = heads.Checkpoint(ORIGIN, size, merkle.root(hashes))

    def node(level: int, at: int) -> bytes:
        return merkle.root(hashes[at << level : (at + 1) << level])

    path = tuple(merkle.inclusion_proof(index, size, node))
    return TlogProof(index, path, heads.sign(head, KEY), extra)


@pytest.mark.parametrize("number", range(7))
def test_foreign_files_to_refuse(number: int) -> None:
    """Each foreign file that must be refused is refused with our own error."""
    case = foreign_json("transparency_dev_formats/tlog_proof_bad.json")["cases"][number]
    with pytest.raises(FormatError):
        tlog_proof.parse(case["m"].encode())


@pytest.mark.parametrize("index", range(15))
def test_proofs_in_a_foreign_log(index: int) -> None:
    """A proof made from a foreign log's tile verifies under that log's key and checkpoint."""
    tile = foreign("tessera/tile/0/000.p/15")

    def node(level: int, at: int) -> bytes:
        hashes = [tile[i * 32 : i * 32 + 32] for i in range(at << level, (at + 1) << level)]
        return merkle.root(hashes)

    bundle = foreign("tessera/tile/entries/000.p/15")
    entries = foreign_client._entries(lambda _: bundle, 15)  # noqa: SLF001
    path = tuple(merkle.inclusion_proof(index, 15, node))
    made = TlogProof(index, path, foreign("tessera/checkpoint.15"))
    read = tlog_proof.parse(tlog_proof.encode(made))
    assert read.verify(Policy.of_vkey(TESSERA), entries[index]).size == 15
    with pytest.raises(ProofError):
        read.verify(Policy.of_vkey(TESSERA), entries[index - 1])


@pytest.mark.parametrize("size", [1, 2, 7, 8, 11])
def test_every_leaf(size: int) -> None:
    """Written, read again and verified, for each leaf of each tree; also by a foreign reader."""
    for index in range(size):
        data = tlog_proof.encode(proof_of(index, size, extra=LEAVES[index]))
        read = tlog_proof.parse(data)
        assert read == proof_of(index, size, extra=LEAVES[index])
        assert read.verify(trusted()).size == size
        _, at, leaf = foreign_client.read_proof(data, str(trusted().logs[0]))
        assert (at, leaf) == (index, LEAVES[index])


def test_extra_is_not_believed() -> None:
    """Extra data that is not the leaf does not verify, and a leaf given beside it counts alone."""
    lying = proof_of(3, extra=b"leaf 4")
    with pytest.raises(ProofError):
        lying.verify(trusted())
    lying.verify(trusted(), b"leaf 3")
    with pytest.raises(ProofError):
        proof_of(3).verify(trusted())


@pytest.mark.parametrize("policy", [trusted(OTHER), trusted(origin="log.example/two")])
def test_untrusted_log(policy: Policy) -> None:
    """A log that the policy does not trust proves nothing."""
    with pytest.raises(SignatureError):
        proof_of(3).verify(policy, b"leaf 3")


def test_moved_or_cut() -> None:
    """Another index, and a path that is longer, shorter or changed, does not verify."""
    good = proof_of(3)
    lies = [
        replace(good, index=4),
        replace(good, index=11),
        replace(good, path=good.path[:-1]),
        replace(good, path=(*good.path, bytes(32))),
        replace(good, path=(bytes(32), *good.path[1:])),
    ]
    for lie in lies:
        with pytest.raises(ProofError):
            lie.verify(trusted(), b"leaf 3")


GOOD = tlog_proof.encode(proof_of(3, extra=b"leaf 3")).decode()


@pytest.mark.parametrize(
    ("old", "new"),
    [("\n", "\r\n"), ("tlog-proof@v1", "tlog-proof@v2"), ("index 3", "index 03"),
     ("index 3", "index +3"), ("index 3", "index 3 "), ("index 3", "index 0x3"),
     ("index 3", "index ３"), ("index 3\n", ""), ("index 3", f"index {2**63}"),
     ("index 3\n", "index 3\nindex 3\n"), ("index 3\n", "index 3\n\n"),
     ("extra ", "extra  "), ("extra ", "extra"), ("extra bGVhZiAz", "extra "),
     ("extra bGVhZiAz", "extra bGVhZiA"), ("extra bGVhZiAz", "extra bGVhZiAz="),
     ("extra bGVhZiAz\nindex 3", "index 3\nextra bGVhZiAz"),
     ("extra bGVhZiAz", "extra bGVhZiAz\nextra bGVhZiAz"), (f"{ORIGIN}\n", f" {ORIGIN}\n"),
     ("c2sp", "\ufeffc2sp"), ("\n\nlog", "\nlog")],
)  # fmt: skip
def test_other_spellings(old: str, new: str) -> None:
    """A proof has one spelling."""
    assert old in GOOD
    changed = GOOD.replace(old, new, 1).encode()
    try:
        read = tlog_proof.parse(changed)
    except FormatError:
        return
    with pytest.raises(EvidenceError):
        read.verify(trusted())


@pytest.mark.parametrize("tail", ["\n", " ", "x", "\x0b"])
def test_nothing_after_the_end(tail: str) -> None:
    """Bytes after the last signature line are refused."""
    with pytest.raises(FormatError):
        tlog_proof.parse((GOOD + tail).encode())


def test_bounds() -> None:
    """Too many hashes, too much extra data and too long a file are refused before they cost."""
    good, line = proof_of(3), base64.b64encode(bytes(32)).decode()
    with pytest.raises(FormatError):
        tlog_proof.encode(replace(good, path=(bytes(32),) * 64))
    with pytest.raises(FormatError):
        tlog_proof.encode(replace(good, extra=bytes(65_536)))
    with pytest.raises(FormatError):
        tlog_proof.encode(replace(good, index=2**63))
    with pytest.raises(FormatError):
        tlog_proof.encode(replace(good, extra=b""))
    with pytest.raises(FormatError):
        tlog_proof.parse(f"c2sp.org/tlog-proof@v1\nindex 0\n{line}\n".encode() * 100_000)


@given(st.integers(0, len(GOOD.encode()) - 1), st.integers(1, 255))
def test_every_changed_byte(at: int, flip: int) -> None:
    """A proof with one changed byte is refused, or does not verify."""
    data = bytearray(GOOD.encode())
    data[at] ^= flip
    with pytest.raises(EvidenceError):
        tlog_proof.parse(bytes(data)).verify(trusted())
