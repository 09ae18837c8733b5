"""What the verifier says of a tlog-proof file, and its exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archive.evidence import proof_report, tlog_proof
from archive.evidence.__main__ import main
from tests.archive.evidence.foreign import foreign
from tests.archive.evidence.test_tlog_proof import GOOD, LEAVES, proof_of, trusted

VKEY = str(trusted().logs[0])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "one.tlog-proof"
    path.write_text(GOOD, encoding="utf-8")
    return path


def test_foreign_leaf(file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A leaf of another format is proven too; of it only the hash is told."""
    assert main([str(file), "--vkey", VKEY, "--json"]) == 0
    said = json.loads(capfd.readouterr().out)
    assert (said["ok"], said["index"], said["size"], said["event"]) == (True, 3, 11, None)


@pytest.mark.parametrize(("lang", "word"), [("zh", "证明成立"), ("en", "the proof holds")])
def test_words(file: Path, capfd: pytest.CaptureFixture[str], lang: str, word: str) -> None:
    """In both languages it says what holds, and what was not checked."""
    assert main([str(file), "--vkey", VKEY, "--lang", lang]) == 0
    out = capfd.readouterr().out
    assert word in out
    assert ("未核验" if lang == "zh" else "NOT CHECKED") in out


def test_leaf_beside(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Of a proof without its leaf, the leaf is given beside it; another leaf fails."""
    proof, leaf = tmp_path / "p", tmp_path / "leaf"
    proof.write_bytes(tlog_proof.encode(proof_of(3)))
    for number, status in ((3, 0), (4, 1)):
        leaf.write_bytes(LEAVES[number])
        assert main([str(proof), "--vkey", VKEY, "--leaf", str(leaf)]) == status
    assert main([str(proof), "--vkey", VKEY]) == 1
    assert "give the leaf" in capfd.readouterr().out


@pytest.mark.parametrize("data", [b"", b"\nindex 0\n", b"\n" * 70_000, b" \xff"])
def test_unusable(tmp_path: Path, data: bytes) -> None:
    """What begins like a proof and is none is exit 2."""
    path = tmp_path / "p"
    path.write_bytes(b"c2sp.org/tlog-proof@v1" + data)
    assert main([str(path), "--vkey", VKEY]) == 2


def test_no_key(file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Without a trusted key nothing is proven: exit 2, and what to give."""
    assert main([str(file)]) == 2
    assert "--vkey" in capfd.readouterr().err


def test_untrusted_key(file: Path) -> None:
    """Under another log's key the proof does not hold."""
    other = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
    assert main([str(file), "--vkey", other]) == 1


def test_foreign_checkpoint(tmp_path: Path) -> None:
    """A foreign log's checkpoint in the file is judged by that log's key."""
    first = foreign("tessera/tile/entries/000.p/1")[2:]
    made = tlog_proof.TlogProof(0, (), foreign("tessera/checkpoint.1"), first)
    path = tmp_path / "p"
    path.write_bytes(tlog_proof.encode(made))
    key = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
    assert main([str(path), "--vkey", key]) == 0
    assert not proof_report.check(path.read_bytes(), trusted()).ok
