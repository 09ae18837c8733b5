"""Arrows for which import-linter lists what is forbidden: here stands what is allowed."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def imports(path: Path) -> Iterator[str]:
    """Names of the modules that a file imports, all absolute: ruff bans relative ones."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def strangers(package: str, allowed: tuple[str, ...]) -> list[str]:
    """Imports from outside the standard library, the package itself and what is allowed."""
    known = (package, *allowed)
    return [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sorted((ROOT / package.replace(".", "/")).rglob("*.py"))
        for name in imports(path)
        if name.split(".")[0] not in sys.stdlib_module_names
        and not any(name == one or name.startswith(f"{one}.") for one in known)
    ]


@pytest.mark.parametrize(
    ("package", "allowed"),
    [("archive.evidence", ("cryptography",)), ("domain", ("pydantic", "pydantic_core"))],
)
def test_a_ground_imports_only_what_it_may(package: str, allowed: tuple[str, ...]) -> None:
    """The verifier needs the standard library and cryptography, the domain that and pydantic."""
    assert strangers(package, allowed) == []


def test_a_stranger_is_recognised() -> None:
    """The rule above does see an import that is not allowed."""
    assert strangers("tests.project", ()) != []


@pytest.mark.parametrize("package", ["domain", "retention", "api"])
def test_only_the_archive_opens_the_door_to_the_library(package: str) -> None:
    """No other floor imports eventsourcing."""
    doors = [
        str(path)
        for path in (ROOT / package).rglob("*.py")
        if any(name.split(".")[0] == "eventsourcing" for name in imports(path))
    ]
    assert doors == []


def test_the_verifier_loads_nothing_of_ours() -> None:
    """Importing all of archive.evidence loads no other module of ours and no other package."""
    program = """
import pkgutil, sys
import archive.evidence, cryptography.hazmat.primitives.asymmetric.ed25519
import cryptography.hazmat.primitives.ciphers.aead, cryptography.hazmat.primitives.kdf.hkdf
before = {name.split(".")[0] for name in sys.modules} - {"archive"}
for found in pkgutil.walk_packages(archive.evidence.__path__, "archive.evidence."):
    if not found.name.endswith("__main__"):
        __import__(found.name)
for name in sys.modules:
    top = name.split(".")[0]
    if top == "archive" and name != "archive" and not name.startswith("archive.evidence"):
        print(name)
    elif top not in before | {"archive", "cryptography"} | set(sys.stdlib_module_names):
        print(name)
"""
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
