"""What lies in the data folder is for its owner alone: files 0600, folders 0700.

Names and numbers stand in plain text in the views, and lengths and times in the log: other users
of the machine have no business there. What an earlier release made with the modes of the day is
mended when it is opened.
"""

from __future__ import annotations

import logging
import os
import stat
from contextlib import suppress
from pathlib import Path

_log = logging.getLogger("liuhen.modes")


def own_folder(folder: Path) -> None:
    """Make the folder, or take from others what they may do in it.

    One with the sticky bit (`/tmp`) is everybody's, and is left as it is.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not folder.stat().st_mode & stat.S_ISVTX:
        mend(folder, 0o700)


def own_file(path: Path) -> None:
    """Make the file, empty, or take from others what they may do with it.

    One that is there is not opened: closing it would take from this process its locks on it, and
    it may be a database that is open.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    mend(path)


def own_database(path: Path) -> None:
    """The file of a SQLite database, and those beside it: before it is opened,
    since SQLite gives those beside it the mode of the database."""
    own_file(path)
    for suffix in ("-wal", "-shm"):
        mend(path.with_name(path.name + suffix))


def mend(path: Path, mode: int = 0o600) -> None:
    """Where it is there. What belongs to another user cannot be mended: that is said, no more."""
    try:
        if path.stat().st_mode & 0o077:
            path.chmod(mode)
    except FileNotFoundError:
        return
    except PermissionError:
        said = {"path": str(path), "mend": f"chmod {mode:o}"}
        _log.warning("others may reach what is in the data folder", extra={"said": said})


def write_whole(path: Path, data: bytes) -> None:
    """Replace a small file at once, durably: whoever reads it, after a power cut too, finds the
    old bytes or the new ones."""
    draft = path.with_name(path.name + ".new")
    own_file(draft)
    with draft.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
