"""A folder as the place of the published log: any web server can serve it as it is."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from archive.publishing import CHECKPOINT, PublishError

INCOMING = ".incoming"
"""Files on their way; what a killed run left here is removed by the next."""


class FolderTarget:
    """Each file is written beside, synced, and renamed to its place."""

    def __init__(self, folder: Path) -> None:
        self.name = str(folder)
        self._folder, self._incoming = folder, folder / INCOMING
        self._unsynced: set[Path] = set()

    @contextmanager
    def held(self) -> Iterator[None]:
        try:
            self._incoming.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._folder, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for left in self._incoming.iterdir():
                    left.unlink()
                yield
            finally:
                os.close(handle)
        except BlockingIOError:
            raise PublishError(f"another run is publishing to {self.name}: wait for it") from None
        except OSError as error:
            raise PublishError(f"cannot publish to {self.name} ({error.strerror})") from error

    def checkpoint(self) -> bytes | None:
        try:
            return (self._folder / CHECKPOINT).read_bytes()
        except FileNotFoundError:
            return None

    def put(self, path: str, data: bytes) -> None:
        place = self._folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        written = self._incoming / path.replace("/", "-")
        with written.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        written.replace(place)
        self._unsynced.update(up for up in place.parents if up.is_relative_to(self._folder))

    def settle(self) -> None:
        for folder in self._unsynced:
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        self._unsynced.clear()

    def put_checkpoint(self, note: bytes, earlier: bytes | None) -> None:
        if self.checkpoint() != earlier:
            raise PublishError(f"the checkpoint in {self.name} was changed meanwhile: try again")
        self.put(CHECKPOINT, note)
        self.settle()

    def drop_partials(self, path: str) -> None:
        folder = self._folder / f"{path}.p"
        if folder.is_dir():
            for partial in folder.iterdir():
                partial.unlink()
            folder.rmdir()
