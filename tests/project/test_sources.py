"""House rules that ruff cannot say, held over every file that git knows or would add."""

import ast
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = ("domain", "archive", "retention", "api")

VAGUE = {
    f"{word}{ending}.py"
    for word in ("base", "common", "helper", "manager", "misc", "service", "shared", "util")
    for ending in ("", "s")
}


def dotted(text: str) -> str:
    """`a·b` is a.b: this file must pass its own rules."""
    return text.replace("·", ".")


HOSTS = [
    dotted(host)
    for host in (
        "pypi·org",
        "pythonhosted·org",
        "npmjs·org",
        "npmjs·com",
        "npmmirror·com",
        "crates·io",
        "proxy·golang",
        "maven·org",
        "deb·debian",
        "tuna·tsinghua",
        "mirrors·aliyun",
    )
]
ADDRESS = re.compile(
    r"https?://\S+\.(?:whl|tgz|tar\.gz|zip|crate|deb)\b"
    r"|--(?:extra-)?index-url|\"resolved\":|(?m:^registry\s*=)",
    re.IGNORECASE,
)
# A user's folder, or the folder that holds the checkout: a path that only one machine has.
ONE_MACHINES_PATH = re.compile(r"(?<![\w./-])/(?:root|home|Users|work)/[\w.-]+")


def tracked() -> Iterator[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in listing.stdout.split("\0"):
        if name and (ROOT / name).is_file():
            yield ROOT / name


def texts() -> Iterator[tuple[Path, str]]:
    for path in tracked():
        try:
            yield path, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for path, text in texts():
        if path.suffix == ".py":
            yield path, ast.parse(text, filename=str(path))


def addresses(text: str) -> list[str]:
    found = [host for host in HOSTS if host in text.lower()]
    return found + [match.group() for match in ADDRESS.finditer(text)]


def is_a_silent_skip(node: ast.AST) -> bool:
    """A skip, a skipped mark or an expected failure that does not say why."""
    if isinstance(node, ast.Attribute):
        # A bare mark, as in `@pytest.mark.skip`; called ones are judged with their arguments.
        return ast.unparse(node) in ("pytest.mark.skip", "pytest.mark.xfail")
    if not isinstance(node, ast.Call):
        return False
    name = ast.unparse(node.func)
    if name == "pytest.skip":
        said = [*node.args[:1], *(k.value for k in node.keywords if k.arg in ("reason", "msg"))]
    elif name in ("pytest.mark.skip", "pytest.mark.skipif", "pytest.mark.xfail", "pytest.xfail",
                  "pytest.importorskip"):  # fmt: skip
        said = [k.value for k in node.keywords if k.arg == "reason"]
        if name in ("pytest.mark.skip", "pytest.xfail"):
            said += node.args[:1]
    else:
        return False
    return not any(ast.unparse(text) not in ("''", "None") for text in said)


def silent_skips(tree: ast.Module) -> list[int]:
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return [
        getattr(node, "lineno", 0)
        for node in ast.walk(tree)
        if id(node) not in called and is_a_silent_skip(node)
    ]


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_no_file_names_where_packages_come_from() -> None:
    """No file holds a package's download address, an index setting or a registry's host."""
    assert [f"{p}: {found}" for p, text in texts() if (found := addresses(text))] == []


@pytest.mark.parametrize(
    "line",
    [
        "https://example·org/a/liuhen-0·1·0-py3-none-any·whl",
        "--index" + "-url https://example.org/simple",
        '"resolved' + '": "x"',
        "files·PythonHosted·org",
    ],
)
def test_an_address_is_recognised(line: str) -> None:
    """Each form in which an address could slip in is seen."""
    assert addresses(dotted(line))


def test_no_file_names_a_path_of_one_machine() -> None:
    """No file holds a path that exists for one user or on one machine only."""
    found = [
        f"{path}: {match.group()}"
        for path, text in texts()
        for match in ONE_MACHINES_PATH.finditer(text)
    ]
    assert found == []


def test_a_path_of_one_machine_is_recognised() -> None:
    """A home folder is seen, a web path that only looks like one is not."""
    assert ONE_MACHINES_PATH.search("see ·home·li·archive".replace("·", "/"))
    assert not ONE_MACHINES_PATH.search("GET https://example.org/home/page and ./work/x")


def test_no_module_is_named_by_where_it_lies() -> None:
    """A module is named by its idea, not `utils` or `service`."""
    assert [str(p) for p in tracked() if p.name in VAGUE] == []


def test_the_archive_package_imports_nothing() -> None:
    """archive/__init__.py is empty, so that archive.evidence can be carried off alone."""
    assert (ROOT / "archive" / "__init__.py").read_text() == ""


def test_every_package_folder_has_its_init() -> None:
    """A folder with modules is a package, so that builds, mypy and import contracts see it."""
    homeless = {
        str(p.parent)
        for p in tracked()
        if p.suffix == ".py"
        and p.relative_to(ROOT).parts[0] in CODE
        and not (p.parent / "__init__.py").exists()
    }
    assert homeless == set()


def test_every_skip_says_why() -> None:
    """No test is left out without a reason that a reader of the report sees."""
    found = [f"{path}:{line}" for path, tree in trees() for line in silent_skips(tree)]
    assert found == []


@pytest.mark.parametrize(
    ("source", "silent"),
    [
        ("@pytest.mark.skip\ndef test(): ...", True),
        ("@pytest.mark.skip()\ndef test(): ...", True),
        ("@pytest.mark.skipif(True)\ndef test(): ...", True),
        ("pytest.skip()", True),
        ("pytest.skip('')", True),
        ("pytest.importorskip('x')", True),
        ("@pytest.mark.xfail\ndef test(): ...", True),
        ("pytest.skip(reason)", False),
        ("pytest.skip(reason='no chromium here')", False),
        ("@pytest.mark.skipif(True, reason='r')\ndef test(): ...", False),
        ("pytest.importorskip('x', reason='r')", False),
    ],
)
def test_a_silent_skip_is_recognised(source: str, *, silent: bool) -> None:
    """Each form of a skip without a reason is seen, and those with one pass."""
    assert bool(silent_skips(ast.parse(source))) is silent


def test_nothing_is_mocked_or_pickled() -> None:
    """Tests use real stores and keys, and no stored bytes become code."""
    banned = {"unittest.mock", "mock", "pytest_mock", "pickle", "marshal", "shelve"}
    found = [f"{p}: {name}" for p, tree in trees() for name in imported(tree) if name in banned]
    assert found == []


def test_every_make_target_in_the_docs_exists() -> None:
    """What a page tells the reader to `make` is there to be made."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    told = {
        (path.name, target)
        for path, text in texts()
        if path.suffix == ".md"
        for target in re.findall(r"(?:`|^\s{4,})make ([a-z]+)", text, re.MULTILINE)
    }
    assert {(page, target) for page, target in told if target not in targets} == set()


def test_the_ci_script_can_be_run() -> None:
    """.ci/run is executable, stops at the first fault and holds CI's stricter rules."""
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "set -euo pipefail" in script.read_text()
    assert "export CI=true" in script.read_text()
