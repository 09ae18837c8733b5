"""Which files make a backup, what their manifests say, and where they lie.

    DATA/NAME.data        the log, its content (as ciphertext), receipts, checkpoints, tiles
    DATA/NAME.data.json   its manifest
    KEYS/NAME.keys        the record keys and secrets, and the master that opens them
    KEYS/NAME.ledger      the disposal ledger (archive/disposal_ledger.py)
    KEYS/NAME.keys.json   their manifest

The two folders belong on different media: each alone opens nothing. A manifest is canonical JSON
that anybody may read; it names no file and no path, its own name says which files are meant. It is
written last: a file without its manifest is no backup.
"""

from __future__ import annotations

import fcntl
import hmac
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archive.evidence import canonical
from archive.evidence.errors import FormatError
from archive.evidence.instant import check_time
from archive.sealed_files import (
    PARTIAL,
    BackupDamaged,
    BackupError,
    Secret,
    Written,
    mac,
    write_text,
)

FORMAT = "liuhen-backup/1"
NAME = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}", re.ASCII)
PARTS = {"data": ("data",), "keys": ("keys", "ledger")}
"""Each part with its files."""
_HEX64 = re.compile(r"[0-9a-f]{64}")
_LARGEST = 64 * 1024


@dataclass(frozen=True, slots=True)
class Manifest:
    """`size` and `root` are the log's when it was taken, `checkpoint` a signed note over them."""

    part: str
    name: str
    origin: str
    taken_at: str
    size: int
    root: str
    checkpoint: str
    signing: Mapping[str, str]
    """Ids of the log key and the intake key of that time."""
    counts: Mapping[str, int]
    files: Mapping[str, Written]
    stretched: bytes | None = None
    """Salt of the passphrase."""

    def encoded(self, secret: Secret) -> bytes:
        members = self._members()
        members["mac"] = mac(secret.root(self.stretched), self.part, canonical.encode(members))
        return canonical.encode(members) + b"\n"

    def _members(self) -> dict[str, Any]:
        return {
            "checkpoint": self.checkpoint,
            "counts": dict(self.counts),
            "files": {
                name: {"length": file.length, "sha256": file.sha256}
                for name, file in self.files.items()
            },
            "format": FORMAT,
            "name": self.name,
            "origin": self.origin,
            "part": self.part,
            "root": self.root,
            "scrypt": None if self.stretched is None else self.stretched.hex(),
            "signing": dict(self.signing),
            "size": self.size,
            "taken_at": self.taken_at,
        }


def read_manifest(path: Path, secret: Secret | None) -> Manifest:
    """BackupDamaged unless it is whole; without a secret, as it says itself."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(handle, "rb") as file:
            data = file.read(_LARGEST)
    except OSError as error:
        raise BackupError(f"{path} cannot be read ({error.strerror})") from error
    try:
        found, told = _parsed(data)
    except (FormatError, KeyError, ValueError, TypeError, AttributeError):
        raise BackupDamaged(
            f"{path} is not a manifest of a backup, or is damaged: take another copy"
        ) from None
    if path.name != f"{found.name}.{found.part}.json":
        raise BackupDamaged(f"{path} is the manifest of {found.name}.{found.part}: name it so")
    if secret is not None:
        expected = found.encoded(secret)
        if not hmac.compare_digest(expected, canonical.encode(told) + b"\n"):
            raise BackupDamaged(
                f"{path} was changed, or was made with another key file or passphrase"
            )
    return found


def _parsed(data: bytes) -> tuple[Manifest, dict[str, Any]]:
    told = canonical.decode_object(data.removesuffix(b"\n"))
    part, name, size = told["part"], told["name"], told["size"]
    files = {each: Written(file["length"], file["sha256"]) for each, file in told["files"].items()}
    found = Manifest(
        part,
        name,
        told["origin"],
        check_time(told["taken_at"]),
        size,
        told["root"],
        told["checkpoint"],
        told["signing"],
        told["counts"],
        files,
        None if told["scrypt"] is None else bytes.fromhex(told["scrypt"]),
    )
    sound = (
        data.endswith(b"\n")
        and told.keys() == {*found._members(), "mac"}  # noqa: SLF001 - its own parser
        and told["format"] == FORMAT
        and NAME.fullmatch(name) is not None
        and tuple(sorted(files)) == PARTS[part]
        and ("destroyed" in found.counts) == (part == "keys")
        and type(size) is int
        and size > 0
        and _HEX64.fullmatch(told["root"]) is not None
        and all(type(n) is int and n >= 0 for n in found.counts.values())
        and all(type(f.length) is int and _HEX64.fullmatch(f.sha256) for f in files.values())
        and type(found.origin) is type(found.checkpoint) is str
    )
    if not sound:
        raise ValueError(name)
    return found, told


@dataclass(frozen=True, slots=True)
class Places:
    """The two folders of backups."""

    data: Path
    keys: Path

    @classmethod
    def under(cls, folder: Path, keys: Path | None = None) -> Places:
        """`folder`/data and `folder`/keys, or the keys elsewhere."""
        return cls(folder / "data", keys or folder / "keys")

    def folder(self, part: str) -> Path:
        return self.data if part == "data" else self.keys

    def file(self, name: str, kind: str) -> Path:
        if NAME.fullmatch(name) is None:
            raise BackupError(f"{name!r} is not the name of a backup")
        return self.folder("data" if kind == "data" else "keys") / f"{name}.{kind}"

    def manifest(self, name: str, part: str) -> Path:
        if NAME.fullmatch(name) is None:
            raise BackupError(f"{name!r} is not the name of a backup")
        return self.folder(part) / f"{name}.{part}.json"

    def names(self, part: str) -> list[str]:
        """Of all backups that were finished, the oldest first."""
        found = self.folder(part).glob(f"*.{part}.json")
        names = (path.name.removesuffix(f".{part}.json") for path in found)
        return sorted(name for name in names if NAME.fullmatch(name))

    def latest(self, part: str, secret: Secret, name: str | None = None) -> Manifest:
        """The newest, or the one of this name. BackupError where there is none.

        The newest keys are those that know the most destructions, whatever the clock said.
        """
        found = [
            read_manifest(self.manifest(each, part), None)
            for each in self.names(part)
            if name in (None, each)
        ]
        if not found:
            which = "no backup" if name is None else f"no backup {name}"
            raise BackupError(f"there is {which} of the {part} in {self.folder(part)}")
        newest = max(found, key=lambda m: (m.counts.get("destroyed", 0), m.taken_at, m.name))
        return read_manifest(self.manifest(newest.name, part), secret)

    def write_manifest(self, manifest: Manifest, secret: Secret) -> None:
        write_text(self.manifest(manifest.name, manifest.part), manifest.encoded(secret))

    @contextmanager
    def held(self, *parts: str) -> Iterator[None]:
        """Makes the folders; one backup at a time writes to them, and finds no half files."""
        with ExitStack() as opened:
            for folder in dict.fromkeys(self.folder(part) for part in parts):
                try:
                    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                    handle = os.open(folder, os.O_RDONLY)
                    opened.callback(os.close, handle)
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    for left in folder.glob(f"*{PARTIAL}"):
                        left.unlink()
                except BlockingIOError:
                    raise BackupError(
                        f"another backup is being written to {folder}: wait for it"
                    ) from None
                except OSError as error:
                    raise BackupError(
                        f"the folder {folder} cannot be used ({error.strerror})"
                    ) from error
            yield


@dataclass(frozen=True, slots=True)
class Stale:
    """Files to be deleted, in every copy.

    `opens`: how many destroyed records a key file still holds keys of. None: files that a backup
    left behind when it was killed while it named them; no manifest says what they hold.
    """

    name: str
    files: tuple[Path, ...]
    opens: int | None = None


def stale_files(places: Places, destroyed: int) -> list[Stale]:
    """Key files older than the last destruction, and files that have no manifest."""
    found = []
    for part, kinds in PARTS.items():
        held = {
            path.name.split(".")[0]
            for kind in kinds
            for path in places.folder(part).glob(f"*.{kind}")
        }
        for name in sorted(each for each in held if NAME.fullmatch(each)):
            opens: int | None = None
            manifest = places.manifest(name, part)
            if manifest.exists():
                counts = read_manifest(manifest, None).counts
                opens = destroyed - counts["destroyed"] if part == "keys" else 0
            if opens is None or opens > 0:
                # The manifest goes last: until then it says what these files are.
                files = (*(places.file(name, kind) for kind in kinds), manifest)
                found.append(Stale(name, tuple(path for path in files if path.exists()), opens))
    return found
