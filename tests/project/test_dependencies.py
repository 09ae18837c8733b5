"""Every package that we lean on has its reasons written down, and a lock down to its bytes."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = (
    "requirements-setup.txt",
    "requirements.txt",
    "requirements-s3.txt",
    "requirements-dev.txt",
    "requirements-hunt.txt",
)


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def bare(requirement: str) -> str:
    """`psycopg[binary,pool]>=3.3` is psycopg."""
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match, requirement
    return match.group().lower().replace("_", "-")


def runtime() -> set[str]:
    return {bare(one) for one in project()["project"]["dependencies"]}


def extras() -> set[str]:
    return {
        bare(one) for made in project()["project"]["optional-dependencies"].values() for one in made
    }


def development() -> set[str]:
    groups = project()["dependency-groups"]
    tests = [group for name, group in groups.items() if name != "hunt"]
    return {bare(one) for group in tests for one in group if isinstance(one, str)}


def hunting() -> set[str]:
    """What no test needs: only `make fuzz` and `make mutation`."""
    return {bare(one) for one in project()["dependency-groups"]["hunt"]}


def rows(text: str) -> dict[str, list[str]]:
    """The cells after the package's name, per package, of every table on the page."""
    table = [line.strip().strip("|").split(" | ") for line in text.splitlines() if line[:1] == "|"]
    cells = [[cell.strip() for cell in row] for row in table]
    return {row[0].strip("`"): row[1:] for row in cells if row[0].startswith("`")}


def pins(lock: str) -> dict[str, int]:
    """How many hashes each pinned package has."""
    found: dict[str, int] = {}
    name = ""
    for line in (ROOT / lock).read_text(encoding="utf-8").splitlines():
        if match := re.match(r"([a-z0-9][a-z0-9._-]*)==", line):
            name = match.group(1)
            found[name] = 0
        elif line.strip().startswith("--hash=sha256:"):
            found[name] += 1
    return found


def test_every_dependency_has_its_four_answers() -> None:
    """What for, why this one, how well kept, how to leave it: each is answered for each package."""
    page = rows((ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8"))
    wanted = runtime() | development() | hunting() | {"uv"}
    lacking = {name for name in wanted if len([a for a in page.get(name, []) if len(a) > 5]) != 4}
    assert lacking == set()


def test_no_row_outlives_its_dependency() -> None:
    """The page names no package that is no longer asked for."""
    page = rows((ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8"))
    assert set(page) - runtime() - development() - hunting() - {"uv"} == set()


def test_a_missing_answer_is_recognised() -> None:
    """A row with an empty cell is not taken for four answers."""
    assert rows("| `orjson` | speed | fast |  | json |") == {
        "orjson": ["speed", "fast", "", "json"]
    }


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_its_hashes(lock: str) -> None:
    """A lock holds each package to the bytes it was tried with."""
    found = pins(lock)
    assert found
    assert [name for name, hashes in found.items() if not hashes] == []


def test_the_locks_hold_what_is_asked_for() -> None:
    """The runtime lock has every runtime dependency, the development lock those and its own."""
    assert runtime() - set(pins("requirements.txt")) == set()
    assert (runtime() | development()) - set(pins("requirements-dev.txt")) == set()
    assert (runtime() | extras()) - set(pins("requirements-s3.txt")) == set()
    assert hunting() - set(pins("requirements-hunt.txt")) == set()
    assert hunting() & set(pins("requirements-dev.txt")) == set()
    assert extras() <= development()


def test_tests_run_on_what_users_run_on() -> None:
    """All locks name the same versions of the packages that they share."""
    versions = [
        set(re.findall(r"^[a-z0-9._-]+==\S+", (ROOT / lock).read_text(), re.MULTILINE))
        for lock in ("requirements.txt", "requirements-s3.txt", "requirements-dev.txt")
    ]
    assert versions[0] <= versions[1] <= versions[2]


def test_the_product_runs_without_the_tests_tools() -> None:
    """Nothing that only develops is in the runtime lock, except the build backend."""
    ours = {"setuptools"}
    assert (development() - runtime() - ours) & set(pins("requirements.txt")) == set()
