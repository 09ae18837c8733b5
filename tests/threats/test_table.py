"""The page of threats and the tests that carry them out say the same, in both languages."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from archive.findings import CODES

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ELSEWHERE = "::"
Row = tuple[frozenset[str], tuple[str, ...]]


def rows(page: str) -> list[Row]:
    """(who attacks, the tests) of each row of the page's table."""
    lines = (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines()
    cells = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    return [
        (frozenset(row[1].split()), tuple(re.findall(r"`([^`]+)`", row[3]))) for row in cells[1:]
    ]


def docstrings(path: Path) -> dict[str, str]:
    """Docstrings of a module's tests."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        node.name: ast.get_docstring(node) or ""
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def attacks() -> dict[str, frozenset[str]]:
    """Each attack of this folder, and who makes it: what stands before its docstring's colon."""
    told: dict[str, str] = {}
    for path in sorted(HERE.glob("test_*.py")):
        if path.name in ("test_doors.py", "test_edits.py", "test_log.py", "test_people.py"):
            told |= docstrings(path)
    return {name: frozenset(said.partition(":")[0].split()) for name, said in told.items()}


def test_both_pages_have_the_same_rows() -> None:
    """As many attacks, by the same attackers, shown by the same tests."""
    assert rows("threats.md") == rows("zh/threats.md")
    assert len(rows("threats.md")) == 13


def test_every_row_has_its_tests_and_every_test_its_row() -> None:
    """No attack is only written about, and none is only tested."""
    here = attacks()
    named = [name for _, names in rows("threats.md") for name in names]
    assert {n for n in named if ELSEWHERE not in n} == here.keys() - {
        "test_nothing_is_wrong_before"
    }
    for name in named:
        if ELSEWHERE in name:
            path, _, test = name.partition(ELSEWHERE)
            assert test in docstrings(ROOT / path), name


def test_every_attacker_of_a_row_attacks() -> None:
    """Each letter of a row is that of a test in it, and of each test is in the row."""
    here = attacks()
    for who, names in rows("threats.md"):
        made = frozenset[str]().union(*(here[name] for name in names if name in here))
        assert made == who, names


def test_every_finding_that_is_named_exists() -> None:
    """Codes of `liuhen check` on the page are codes that it has."""
    for page in ("threats.md", "zh/threats.md"):
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        for listed in re.findall(r"check ((?:`[a-z-]+`(?:, |、)?)+)", text):
            assert set(re.findall(r"`([a-z-]+)`", listed)) <= CODES.keys()
