"""What is destroyed is gone from the key backups that the server may reach."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.key_backup import securing
from api.settings import SettingError, Settings
from archive.backup import Backup
from archive.backup_files import Places
from archive.sealed_files import Secret, new_key_file
from tests.retention.people import Staff
from tests.worlds import World

YEARS = 3 * 365 + 2


def test_a_disposal_renews_the_key_backup_and_deletes_the_older(
    world: World, tmp_path: Path
) -> None:
    """The certificate says so, and the new backup opens what lives."""
    staff = Staff(world)
    archive = world.archive
    folder, file = tmp_path / "keys", tmp_path / "backup.key"
    new_key_file(file)
    doomed, _ = staff.imported("客户甲"), staff.imported("客户乙")
    world.clock.turn(days=YEARS)
    backup = Backup(archive, Places(folder, folder), Secret.from_file(file))
    before = backup.take_keys().keys.name
    archive.secured = securing(archive, Settings(key_backup=folder, key_backup_file=file))
    certified = staff.disposed(doomed).said("certify")
    assert certified is not None
    assert "older key backups deleted" in certified.values["method"]
    names = Places(folder, folder).names("keys")
    assert names
    assert before not in names
    assert backup.stale() == []


def test_without_a_folder_the_certificate_says_what_is_left_to_do(world: World) -> None:
    """By hand: older key backups open it until they are deleted."""
    staff = Staff(world)
    doomed = staff.imported("客户甲")
    world.clock.turn(days=YEARS)
    assert securing(world.archive, Settings()) is None
    certified = staff.disposed(doomed).said("certify")
    assert certified is not None
    assert "until they are deleted" in certified.values["method"]


def test_a_key_file_that_cannot_be_used_is_told_at_the_start(world: World, tmp_path: Path) -> None:
    """Not on the day of the disposal."""
    for file in (None, tmp_path / "nothing"):
        with pytest.raises(SettingError, match="KEY_BACKUP_FILE"):
            securing(world.archive, Settings(key_backup=tmp_path, key_backup_file=file))
