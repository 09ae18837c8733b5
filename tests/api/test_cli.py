"""The command line, as somebody types it: what it prints, and the exit status to rely on."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from api.clock import now
from archive.callers import Callers
from archive.opening import Options, open_archive
from tests.archive.test_importing import LOG

PROGRAM = (sys.executable, "-c", "from api.cli import main; main()")


class Shell:
    """Runs `liuhen` in a process of its own, on a data folder of its own."""

    def __init__(self, folder: Path, database: str | None = None) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.database = database

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*PROGRAM, *arguments],
            env={
                "LIUHEN_DATA": str(self.data),
                "PATH": "",
                "LANG": "C.UTF-8",
                "PYTHONPATH": str(Path.cwd()),
                **({"LIUHEN_DATABASE": self.database} if self.database else {}),
            },
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """The sample plant, made once: tests here only read it."""
    shell = Shell(tmp_path_factory.mktemp("sample"))
    assert shell("init", "--sample").returncode == 0
    return shell


def test_init_prints_the_administrators_key_once(shell: Shell) -> None:
    """The key is shown by the first init; a second one changes nothing and says so."""
    first = shell("init", "--administrator", "孙丽")
    assert first.returncode == 0
    assert "孙丽" in first.stdout
    assert "lh_" in first.stdout
    again = shell("init")
    assert (again.returncode, "lh_" in again.stdout) == (2, False)


@pytest.mark.parametrize(
    "command", [["check"], ["rebuild"], ["export", "KS-2026-00001"], ["keys", "list"]]
)
def test_a_command_without_an_archive_says_how_to_make_one(
    shell: Shell, command: list[str]
) -> None:
    """Nothing is made by mistake: exit 2, and the name of the command that makes it."""
    result = shell(*command)
    assert (result.returncode, "liuhen init" in result.stderr) == (2, True)
    assert not shell.data.exists()


def test_check_says_what_it_verified(sample: Shell) -> None:
    """On a whole archive: exit 0, and as many signatures as leaves."""
    result = sample("check", "--json")
    report = json.loads(result.stdout)
    assert result.returncode == 0
    assert report["ok"] is True
    assert report["counts"]["signatures"] == report["counts"]["leaves"] > 100


def test_export_and_verify(sample: Shell, tmp_path: Path) -> None:
    """A bundle is written, verifies in both languages, and a changed byte makes exit 1."""
    bundle = tmp_path / "complaint.zip"
    written = sample("export", "KS-2026-00001", "-o", str(bundle), "--json")
    assert json.loads(written.stdout)["records"] == 1
    for language, word in (("zh", "通过"), ("en", "OPENED")):
        good = sample("verify", str(bundle), "--lang", language)
        assert good.returncode == 0, good.stdout + good.stderr
        assert word in good.stdout
    data = bytearray(bundle.read_bytes())
    data[len(data) // 2] ^= 1
    bundle.write_bytes(data)
    assert sample("verify", str(bundle)).returncode == 1


def test_bundles_of_every_variety(sample: Shell, tmp_path: Path) -> None:
    """A query, a year and all verify, say what was asked, and together hold the whole log."""
    made = {}
    for name, asked in {
        "query": ["--query", "kind=complaint&filed=true"],
        "year": ["--year", str(now().year)],
        "archive": ["--all"],
    }.items():
        made[name] = tmp_path / f"{name}.zip"
        written = sample("export", *asked, "-o", str(made[name]), "--json")
        assert json.loads(written.stdout)["file"] == str(made[name]), written.stderr
        told = json.loads(sample("verify", str(made[name]), "--json").stdout)
        assert (told["ok"], told["about"]["variety"]) == (True, name)
        assert told["completeness"] == ("PROVEN" if name == "archive" else "SIGNED")
    for others, word in (("archive", "PROVEN that nothing was left out"), ("year", "here are ")):
        both = sample("verify", str(made["query"]), str(made[others]), "--lang", "en")
        assert (both.returncode, word in both.stdout) == (0, True)


def test_parts_withheld_by_command(sample: Shell, tmp_path: Path) -> None:
    """They stay proven; a step that no kind has is a slip, and nothing is written."""
    bundle = tmp_path / "redacted.zip"
    asked = "export", "KS-2026-00001", "-o", str(bundle)
    slip = sample(*asked, "--withhold", "step:callback")
    assert (slip.returncode, bundle.exists()) == (2, False)
    written = sample(*asked, "--withhold", "step:call-back", "--withhold", "attachments", "--json")
    assert json.loads(written.stdout)["withheld"] == 2
    report = json.loads(sample("verify", str(bundle), "--json").stdout)
    assert report["ok"]
    assert [e["verdict"] for e in report["events"]].count("WITHHELD") == 2


@pytest.mark.parametrize(
    "asked", [[], ["--all", "--year", "2026"], ["--query", ""], ["--query", "state=nowhere"]]
)
def test_what_is_no_question_leaves_no_file(sample: Shell, asked: list[str]) -> None:
    """Exit 2 with a sentence."""
    result = sample("export", *asked)
    assert result.returncode == 2
    assert "Error:" in result.stderr


def test_an_unknown_record_leaves_no_file(sample: Shell, tmp_path: Path) -> None:
    """Exit 2 with a sentence, and no half-made bundle."""
    bundle = tmp_path / "none.zip"
    result = sample("export", "KS-1999-00001", "-o", str(bundle))
    assert (result.returncode, bundle.exists()) == (2, False)
    assert "KS-1999-00001" in result.stderr


def test_import_reports_and_repeats_nothing(shell: Shell) -> None:
    """The same file twice: the second time every case is known; the report is JSON on request."""
    shell("init")
    log = shell.folder / "log.xes"
    log.write_text(LOG.format(case="1-1", closed="2006-02-01T00:00:00+01:00"), encoding="utf-8")
    counts = []
    for _ in range(2):
        result = shell("import", "xes", str(log), "--mapping", "volvo-vinst", "--json")
        report = json.loads(result.stdout)
        counts.append((result.returncode, report["imported_cases"], report["known_cases"]))
    assert counts == [(0, 1, 0), (0, 0, 1)]


def test_import_of_a_broken_file_says_where(shell: Shell) -> None:
    """A file that is no XML ends with exit 2 and its line."""
    shell("init")
    log = shell.folder / "log.xes"
    log.write_text("<log><trace>")
    result = shell("import", "xes", str(log), "--mapping", "volvo-vinst")
    assert (result.returncode, "line 1" in result.stderr) == (2, True)


def test_keys_rotate_and_the_archive_stays_whole(shell: Shell) -> None:
    """A rotated intake key is in the register with its span, and a check finds nothing wrong."""
    shell("init")
    new = shell("keys", "rotate", "intake").stdout.strip()
    entries = {e["key"]: e for e in json.loads(shell("keys", "list", "--json").stdout)}
    spans = [e["until"] is None for e in entries.values() if e["use"] == "intake"]
    assert (entries[new]["until"], sorted(spans)) == (None, [False, True])
    assert shell("check").returncode == 0


def noted(shell: Shell) -> list[dict[str, Any]]:
    """What the access log holds, oldest first."""
    with open_archive(Options(shell.data, now, database=shell.database)) as archive:
        rows = archive.store.leaves(0, topics=("~access-log/opened",))
        records = [archive.ledger.get(row.record_id) for row in rows]
        notes = [entry for record in records for entry in record.entries if entry.step == "note"]
        return [access for note in notes for access in note.values["accesses"]]


def test_keys_given_out_at_the_machine_are_noted(
    store_name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Issued and revoked on the command line: in the access log, with the login and the caller."""
    dsn = request.getfixturevalue("postgres_dsn") if store_name == "postgres" else None
    shell = Shell(tmp_path, dsn)
    first = shell("init", "--administrator", "孙丽").stdout
    assert "lh_" in first
    issued = shell("keys", "issue", "JK-2026-00001")
    assert issued.returncode == 0, issued.stderr
    key_id = issued.stdout.strip().split("_")[1]
    revoked = shell("keys", "revoke", key_id)
    assert revoked.returncode == 0, revoked.stderr
    assert shell("keys", "revoke", key_id).returncode == 2
    assert shell("keys", "issue", "RY-2026-00001").returncode == 2
    login = f"os:{pwd.getpwuid(os.getuid()).pw_name}"
    accesses = noted(shell)
    assert [(a["what"], a["who"], a["route"]) for a in accesses] == [
        ("issued", login, "liuhen keys issue"),
        ("revoked", login, "liuhen keys revoke"),
    ]
    with open_archive(Options(shell.data, now, database=dsn)) as archive:
        caller = archive.ledger.get(archive.find("JK-2026-00001"))
        assert {a["record"] for a in accesses} == {caller.id}
        assert key_id not in {key.key_id for key in Callers(archive.keys).issued(caller.id)}
        assert len(Callers(archive.keys).issued(caller.id)) == 1


def test_rebuild_tells_how_far_it_came(sample: Shell) -> None:
    """Every view anew, up to the last leaf."""
    size = json.loads(sample("check", "--json").stdout)["size"]
    assert json.loads(sample("rebuild", "--json").stdout) == {"position": size - 1}


def test_help_names_every_command(shell: Shell) -> None:
    """`liuhen --help` lists what the issue of the first release asks for."""
    text = shell("--help").stdout
    for command in "init serve import check verify export rebuild keys bench".split():  # noqa: SIM905
        assert f"  {command}" in text
