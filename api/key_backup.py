"""What is destroyed is gone from the backups of the keys too, where the server may reach them."""

from __future__ import annotations

from collections.abc import Callable

from api.settings import PREFIX, SettingError, Settings
from archive.backup import Backup
from archive.backup_files import Places
from archive.opening import Archive
from archive.sealed_files import BackupError, Secret


def securing(archive: Archive, settings: Settings) -> Callable[[], None] | None:
    """Takes a new key backup, reads it back, and deletes those that open what is gone.

    None where LIUHEN_KEY_BACKUP names no folder: then it is done by hand, and certificates say so.
    SettingError where the key file is not named, or cannot be used: at the start, not on the day.
    """
    folder, file = settings.key_backup, settings.key_backup_file
    if folder is None:
        return None
    name = f"{PREFIX}KEY_BACKUP_FILE"
    if file is None:
        raise SettingError(name, "", "name the key file of the backups")
    try:
        secret = Secret.from_file(file)
    except BackupError as error:
        raise SettingError(name, str(file), str(error)) from error
    backup = Backup(archive, Places(folder, folder), secret)

    def secured() -> None:
        backup.take_keys()
        backup.delete_stale()

    return secured
