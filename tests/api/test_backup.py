"""`liuhen backup`, `restore` and `backup-key`, as somebody types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from api.cli import cli
from archive.opening import RESTORING
from archive.sealed_files import BackupError
from tests.api.test_cli import Shell


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    shell = Shell(tmp_path_factory.mktemp("backed"))
    assert shell("init", "--sample").returncode == 0
    assert shell("backup-key", "key").returncode == 0
    assert shell("backup", "copies", "--key-file", "key").returncode == 0
    return shell


@pytest.fixture
def place(sample: Shell, tmp_path: Path) -> Shell:
    """Another data folder, beside the same backups."""
    shell = Shell(tmp_path)
    for name in ("copies", "key"):
        (tmp_path / name).symlink_to(sample.folder / name)
    return shell


def test_a_backup_says_what_it_read_back(sample: Shell) -> None:
    """Leaves, root and lengths; the older ones stay, and no file is open to others."""
    done = sample("backup", "copies", "--keys", "elsewhere", "--key-file", "key", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["data"]["leaves"] == told["keys"]["leaves"] > 100
    assert (told["stale"], told["deleted"]) == ([], [])
    for kind, folder in (("data", "copies/data"), ("keys", "elsewhere"), ("ledger", "elsewhere")):
        file = sample.folder / folder / f"{told['name']}.{kind}"
        assert file.stat().st_size == told["bytes"][kind]


def test_a_drill_is_one_command_with_a_report(sample: Shell) -> None:
    """Exit 0 and what came back; exit 1 and why, where a copy is damaged."""
    done = sample("restore", "copies", "--key-file", "key", "--drill", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["drill"], told["restored"]["check"]["ok"]) == ("passed", True)
    assert (told["failed"], told["restored"]["unexplained"]) == (None, {})
    plain = sample("restore", "copies", "--key-file", "key", "--drill")
    assert "restore drill passed" in plain.stdout


def test_a_damaged_copy_fails_the_drill(sample: Shell, tmp_path: Path) -> None:
    """Exit 1, and the report says which file."""
    shell = Shell(tmp_path)
    for path in (sample.folder / "copies").rglob("*"):
        if path.is_file():
            to = tmp_path / path.relative_to(sample.folder)
            to.parent.mkdir(parents=True, exist_ok=True)
            data = path.read_bytes()
            to.write_bytes(data[:-1] if path.suffix == ".data" else data)
    (tmp_path / "key").symlink_to(sample.folder / "key")
    done = shell("restore", "copies", "--key-file", "key", "--drill", "--json")
    assert done.returncode == 1
    assert "damaged" in json.loads(done.stdout)["failed"]


def test_a_restore_goes_into_an_empty_place_and_is_whole(place: Shell) -> None:
    """Then it is checked like any archive; a second restore there is refused."""
    done = place("restore", "copies", "--key-file", "key")
    assert done.returncode == 0, done.stderr
    assert "holds in force" in done.stdout
    checked = place("check", "--json")
    assert (checked.returncode, json.loads(checked.stdout)["ok"]) == (0, True)
    again = place("restore", "copies", "--key-file", "key")
    assert (again.returncode, "not empty" in again.stderr) == (2, True)


def test_no_command_opens_what_was_not_restored_to_the_end(place: Shell) -> None:
    """`serve` least of all; the message says what to run."""
    assert place("restore", "copies", "--key-file", "key").returncode == 0
    (place.data / RESTORING).write_text('{"restore":"' + "0" * 32 + '"}')
    for command in (["serve", "--port", "0"], ["check"], ["backup", "more", "--key-file", "key"]):
        done = place(*command)
        assert (done.returncode, "liuhen restore" in done.stderr) == (2, True), command


def test_a_wrong_key_is_one_sentence(place: Shell) -> None:
    """No trace, nothing made."""
    assert place("backup-key", "other").returncode == 0
    done = place("restore", "copies", "--key-file", "other")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "another key file or passphrase" in done.stderr
    assert not place.data.exists()


def typed(
    sample: Shell, monkeypatch: pytest.MonkeyPatch, arguments: list[str], answers: str
) -> Result:
    monkeypatch.setenv("LIUHEN_DATA", str(sample.data))
    monkeypatch.chdir(sample.folder)
    return CliRunner().invoke(cli, arguments, input=answers)


def test_a_passphrase_is_asked_for_twice_and_never_an_argument(
    sample: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not shown; a short one, or another than before, is refused before anything is done."""
    good, back = "correct horse battery\n", ["backup", "by-words", "--json"]
    done = typed(sample, monkeypatch, back, good * 2)
    assert done.exit_code == 0, done.output
    assert "horse" not in done.output
    short = typed(sample, monkeypatch, back, "short\nshort\n")
    assert isinstance(short.exception, BackupError)
    other = typed(sample, monkeypatch, back, "another one entirely\n" * 2)
    assert isinstance(other.exception, BackupError)
    drilled = typed(sample, monkeypatch, ["restore", "by-words", "--drill", "--json"], good)
    assert drilled.exit_code == 0, drilled.output
    assert not any("pass" in option for option in _options("backup") | _options("restore"))


def _options(command: str) -> set[str]:
    found = cli.get_command(None, command)  # type: ignore[arg-type]
    assert found is not None
    return {option for parameter in found.params for option in parameter.opts}
