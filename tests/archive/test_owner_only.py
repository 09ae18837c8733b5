"""Modes of what lies in the data folder, new and made earlier."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive.opening import Archive, open_archive
from archive.owner_only import own_folder
from archive.sqlite import STEPS, Writer
from tests.archive.acting import Acting
from tests.worlds import World

DATABASES = {"archive.db", "keys.db", "views.db"}


@pytest.fixture(autouse=True)
def careless_umask() -> Iterator[None]:
    """An umask that takes nothing from others."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode)
        for path in (folder, *folder.rglob("*"))
    }


def used(archive: Archive) -> dict[str, int]:
    """After an append, a read of a view and a check, while everything is open."""
    Acting(archive).complaint()
    archive.views.catch_up()
    assert archive.check().ok
    return modes(archive.options.data)


def private(archive: Archive, found: dict[str, int]) -> None:
    folders = {name for name in found if (archive.options.data / name).is_dir()}
    assert {".", "master"} <= folders
    assert "check.json" in found
    if archive.options.database is None:
        files = {f"{name}{tail}" for name in DATABASES for tail in ("", "-wal", "-shm")}
        assert files <= set(found)
    assert {found[name] for name in folders} == {0o700}
    assert {mode for name, mode in found.items() if name not in folders} == {0o600}


def test_everything_in_the_data_folder_is_its_owners_alone(world: World) -> None:
    """Folders 0700, files 0600, also with an umask of nothing."""
    private(world.archive, used(world.archive))


def test_what_was_made_earlier_is_mended_at_opening(world: World) -> None:
    """Modes as an earlier release left them are taken away, also while another process runs."""
    data = world.archive.options.data
    used(world.archive)
    for path in (data, *data.rglob("*")):
        if path.suffix != ".master" and not path.name.startswith("views.db-"):
            path.chmod(0o755 if path.is_dir() else 0o644)
    with open_archive(world.options) as beside:
        assert beside.ledger.store.head().size > 0
        found = modes(data)
    if world.archive.options.database is None:
        assert found.pop("views.db") == 0o644  # whoever leads the views mends them
    assert set(found.values()) == {0o600, 0o700}
    archive = world.reopen()
    private(archive, used(archive))


def test_everybodys_folder_stays_everybodys(tmp_path: Path) -> None:
    """A folder with the sticky bit is not taken from the others."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    own_folder(shared)
    assert stat.S_IMODE(shared.stat().st_mode) == 0o1777


def test_making_a_files_own_leaves_the_locks_of_this_process(tmp_path: Path) -> None:
    """A database that is open here stays locked for others when it is opened once more."""
    path = tmp_path / "archive.db"
    first = Writer(path, STEPS)
    first.take()
    Writer(path, STEPS).connection.close()
    code = f"import apsw; apsw.Connection({str(path)!r}).execute('BEGIN IMMEDIATE')"
    other = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert "BusyError" in other.stderr
    first.give()
    first.connection.close()
