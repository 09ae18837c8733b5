"""The zipapp on a bare Python: the same reports as here, where `cryptography` is installed."""

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from archive.evidence import packing, page
from archive.evidence.__main__ import as_json
from archive.evidence.errors import EvidenceError
from archive.evidence.verify import verify
from tests.vectors.generate import HERE

BUNDLES = json.loads((HERE / "bundles.json").read_bytes())
VKEY = json.loads((HERE / "example.json").read_bytes())["keys"]["log_vkey"]
BARE = [sys.executable, "-I", "-S"]  # no site-packages, no surroundings

# All bundles in one process, as 200 starts would take a minute.
ALL = """
import importlib.util, json, sys
assert importlib.util.find_spec("cryptography") is None
sys.path.insert(0, sys.argv[1])
from archive.evidence.__main__ import as_json
from archive.evidence.errors import EvidenceError
from archive.evidence.verify import verify
for path in sys.argv[2:]:
    try:
        with open(path, "rb") as file:
            said = as_json(verify(file))
    except EvidenceError:
        said = None
    print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def pyz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("verifier") / packing.PYZ
    path.write_bytes(packing.pyz())
    return path


def _here(data: bytes) -> Any:
    try:
        return json.loads(json.dumps(as_json(verify(io.BytesIO(data)))))
    except EvidenceError:
        return None


def test_every_bundle_gets_the_same_report_without_cryptography(pyz: Path) -> None:
    """Steps, counts, findings and verdicts, from a Python that has nothing but itself."""
    paths = [HERE / answer["file"] for answer in BUNDLES]
    run = subprocess.run(
        [*BARE, "-c", ALL, str(pyz), *map(str, paths)], capture_output=True, text=True, check=False
    )
    assert run.stderr == ""
    found = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(found) == len(paths)
    for path, report in zip(paths, found, strict=True):
        assert report == _here(path.read_bytes()), path.name


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("whole", 0, "RESULT: nothing failed"),
        ("container-member-byte", 1, "RESULT: FAILED in step 1, 11"),
        ("signoff-by-devices", 0, "RESULT: nothing failed"),
        ("signoff-other-statement", 1, "RESULT: FAILED in step 6"),
    ],
)
def test_the_command_answers_as_ours(pyz: Path, name: str, status: int, words: str) -> None:
    """Its exit status and its sentences."""
    bundle = HERE / "bundles" / f"{name}.zip"
    run = subprocess.run(
        [*BARE, str(pyz), str(bundle), "--lang", "en", "--vkey", VKEY],
        capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert (run.returncode, run.stderr) == (status, "")
    assert run.stdout.startswith(words)


def test_what_makes_evidence_is_refused_there(pyz: Path) -> None:
    """A bare verifier signs and seals nothing, and says what is missing."""
    program = """
import sys
sys.path.insert(0, sys.argv[1])
from archive.evidence import content, keys
for attempt in (keys.SigningKey.generate, lambda: content.derive(bytes(32))):
    try:
        attempt()
    except keys.SignatureError.__mro__[1] as error:
        print(error)
"""
    run = subprocess.run(
        [*BARE, "-c", program, str(pyz)], capture_output=True, text=True, check=False
    )
    assert run.stderr == ""
    assert run.stdout.count("install `cryptography`") == 2


def test_packing_again_gives_the_same_bytes() -> None:
    """Whenever and wherever it is done; only the verifier is in it."""
    assert packing.pyz() == packing.pyz()
    names = zipfile.ZipFile(io.BytesIO(packing.pyz())).namelist()
    roots = {name for name in names if not name.startswith("archive/evidence/")}
    assert roots == {"__main__.py", "archive/__init__.py"}


def test_both_shapes_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Into a folder that need not be there yet."""
    packing.main([str(tmp_path / "dist")])
    assert (tmp_path / "dist" / packing.PYZ).read_bytes() == packing.pyz()
    assert (tmp_path / "dist" / page.NAME).read_bytes() == page.page()
    assert packing.PYZ in capsys.readouterr().out
