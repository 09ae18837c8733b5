"""The master keys that wrap the key store: one file each, mode 0600, named by its generation."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from archive.owner_only import own_folder
from archive.store import StoreError

SUFFIX = ".master"
SIZE = 32


class KeyStoreError(StoreError):
    """The key store or its master cannot be used; the message says what to do."""


class MasterMissing(KeyStoreError):
    """Without its master a key store opens nothing."""


@dataclass(frozen=True, slots=True)
class Master:
    id: str
    key: bytes = field(repr=False)


class Masters:
    """A folder of masters: one, except in the middle of a rotation."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._path = folder, str(folder)
        own_folder(folder)

    def _file(self, generation: str) -> Path:
        return self._folder / f"{generation}{SUFFIX}"

    def make(self) -> Master:
        """A new master, on the disk (file and folder synced) before it wraps anything."""
        master = Master(secrets.token_hex(8), secrets.token_bytes(SIZE))
        handle = os.open(self._file(master.id), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(handle, master.key)
            os.fsync(handle)
        finally:
            os.close(handle)
        self._sync_folder()
        return master

    def load(self, generation: str) -> Master:
        file = self._file(generation)
        try:
            if file.stat().st_mode & 0o077:
                raise KeyStoreError(f"{file} can be read by others: chmod 600 it")
            key = file.read_bytes()
        except FileNotFoundError as error:
            raise MasterMissing(
                f"the master key {file} is missing: without it nothing in the key store can be "
                "opened; restore it from its own safe place"
            ) from error
        if len(key) != SIZE:
            raise MasterMissing(f"{file} is not a master key of {SIZE} bytes: restore it")
        return Master(generation, key)

    def present(self, master: Master) -> bool:
        return os.path.exists(f"{self._path}{os.sep}{master.id}{SUFFIX}")  # noqa: PTH110 - quick: asked for every append

    def others(self, current: Master) -> bool:
        """Whether masters of other generations are still there: a rotation did not end."""
        return any(f.name != f"{current.id}{SUFFIX}" for f in self._folder.glob(f"*{SUFFIX}"))

    def remove_all_but(self, kept: Master) -> None:
        """Overwrite and remove the masters of other generations, and sync the folder."""
        for file in self._folder.glob(f"*{SUFFIX}"):
            if file.name != f"{kept.id}{SUFFIX}":
                self._overwrite(file)
                file.unlink(missing_ok=True)
        self._sync_folder()

    @staticmethod
    def _overwrite(file: Path) -> None:
        try:
            with file.open("r+b") as handle:
                handle.write(secrets.token_bytes(SIZE))
                handle.flush()
                os.fsync(handle.fileno())
        except FileNotFoundError:
            return  # another process was faster

    def _sync_folder(self) -> None:
        handle = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
