"""Encrypted files that are whole or not there: what a backup is made of.

The construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizar 2015) over AES-256-GCM, as in
`archive.evidence.attachment` and in the file format age: chunks of 1 MiB, numbered, the last one
marked, so that none can be changed, moved, left out or cut off. Each file has a key of its own,
derived from the backup's key, a random salt and the file's whole head, which is so protected too.

A file is written under a temporary name, synced, read back, and only then gets its name; an
existing file is never overwritten.
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from archive.evidence import canonical
from archive.evidence.errors import FormatError
from archive.store import StorageFull, StoreError

MAGIC = b"liuhen-sealed/1\n"
CHUNK = 1024 * 1024  # plaintext bytes
TAG = 16
MAX_CHUNKS = 2**32 - 1
MAX_HEAD = 1024
PARTIAL = ".partial"
SHORTEST_PASSPHRASE = 12
SCRYPT_LOG2_N = 17
"""128 MiB and about half a second for each guess (RFC 7914; r = 8, p = 1). A reader takes no other
cost, so that no file can ask for more memory than this."""
_HEX64 = re.compile(r"[0-9a-f]{64}")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SHA256 = SHA256()


class BackupError(StoreError):
    """A backup cannot be made, read or restored; the message says what to do."""


class BackupDamaged(BackupError):
    """The bytes are not those that were written: take another copy of this backup."""


class WrongBackupKey(BackupError):
    """The key file or passphrase is not the one of this backup."""


@dataclass(frozen=True, slots=True)
class Secret:
    """The backup's own key: 32 bytes of a key file, or a passphrase.

    A passphrase is stretched with a salt, which stands in each file's head; `salt` is for what is
    written with this object, so that writing many files costs one stretching.
    """

    value: bytes = field(repr=False)
    salt: bytes | None = None
    _roots: dict[bytes | None, bytes] = field(default_factory=dict, repr=False)

    @classmethod
    def from_file(cls, path: Path) -> Secret:
        """BackupError unless it holds 64 hex digits and only its owner may read it."""
        try:
            mode, text = path.stat().st_mode, path.read_bytes()[:66].decode("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise BackupError(f"the backup key {path} cannot be read ({error})") from error
        if mode & 0o077:
            raise BackupError(f"{path} can be read by others: chmod 600 it")
        if _HEX64.fullmatch(text) is None:
            raise BackupError(
                f"{path} is no backup key (64 hex digits): make one with `liuhen backup-key`"
            )
        return cls(bytes.fromhex(text))

    @classmethod
    def from_passphrase(cls, passphrase: str) -> Secret:
        if len(passphrase) < SHORTEST_PASSPHRASE:
            raise BackupError(f"the passphrase is too short: at least {SHORTEST_PASSPHRASE} signs")
        return cls(passphrase.encode("utf-8"), secrets.token_bytes(16))

    def root(self, salt: bytes | None) -> bytes:
        """The 32 bytes that a file with this salt is opened with (no salt: from a key file)."""
        if (salt is None) != (self.salt is None):
            wanted = "its key file" if salt is None else "its passphrase"
            raise WrongBackupKey(f"this backup is opened with {wanted}")
        if salt not in self._roots:
            stretched = self.value
            if salt is not None:
                stretched = Scrypt(salt, 32, 2**SCRYPT_LOG2_N, 8, 1).derive(self.value)
            self._roots[salt] = stretched
        return self._roots[salt]


def new_key_file(path: Path) -> None:
    """A new random backup key, readable by its owner alone. BackupError where a file is there."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise BackupError(f"{path} is there already: it is not overwritten") from None
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_hex(32).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)


def mac(root: bytes, use: str, message: bytes) -> str:
    """What protects a plain text that belongs to a backup: 64 hex digits."""
    key = HKDF(_SHA256, 32, None, b"liuhen/v1/backup-text\n" + use.encode()).derive(root)
    return hmac.new(key, message, hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Written:
    """A whole file: its length and SHA-256 as it lies on the disk."""

    length: int
    sha256: str


# ---------------------------------------------------------------- head


@dataclass(frozen=True, slots=True)
class Head:
    """`hint` tells another key from damage; it is derived, and gives nothing of the key away."""

    use: str
    salt: bytes
    stretched: bytes | None
    hint: str

    def encoded(self) -> bytes:
        members = {
            "hint": self.hint,
            "salt": self.salt.hex(),
            "scrypt": None if self.stretched is None else self.stretched.hex(),
            "use": self.use,
        }
        return MAGIC + canonical.encode(members) + b"\n"


def _hint(root: bytes) -> str:
    return HKDF(_SHA256, 8, None, b"liuhen/v1/backup-hint").derive(root).hex()


def _file_key(root: bytes, head: Head) -> bytes:
    info = b"liuhen/v1/sealed-file\n" + head.encoded()
    return HKDF(_SHA256, 32, head.salt, info).derive(root)


def _read_head(file: BinaryIO) -> Head:
    if file.read(len(MAGIC)) != MAGIC:
        raise BackupDamaged("not a sealed file of a backup, or its first bytes are damaged")
    line = file.readline(MAX_HEAD)
    head: Head | None = None
    try:
        told = canonical.decode_object(line.removesuffix(b"\n"))
        head = Head(
            told["use"],
            bytes.fromhex(told["salt"]),
            None if told["scrypt"] is None else bytes.fromhex(told["scrypt"]),
            told["hint"],
        )
        whole = len(head.salt) == 32 and head.encoded() == MAGIC + line
    except (FormatError, KeyError, ValueError, TypeError, AttributeError):
        whole = False
    if head is None or not whole:
        raise BackupDamaged("the head of the file is damaged")
    return head


# ---------------------------------------------------------------- writing


class SealedWriter:
    """Feed plaintext; `finish` makes it durable under its temporary name, `keep` gives it its name.

    Left without `keep`, nothing remains of it.
    """

    def __init__(self, path: Path, use: str, secret: Secret) -> None:
        self.path, self.partial = path, path.with_name(path.name + PARTIAL)
        root = secret.root(secret.salt)
        head = Head(use, secrets.token_bytes(32), secret.salt, _hint(root))
        self._aead = AESGCM(_file_key(root, head))
        self._buffer, self._index = bytearray(), 0
        self._digest, self._length = hashlib.sha256(), 0
        if path.exists():
            raise BackupError(f"{path} is there already: it is not overwritten")
        with telling_full(path):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            self._file = os.fdopen(os.open(self.partial, flags, 0o600), "wb", CHUNK)
        self._put(head.encoded())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._file.close()
        self.partial.unlink(missing_ok=True)

    def write(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) > CHUNK:
            self._seal(bytes(self._buffer[:CHUNK]), last=False)
            del self._buffer[:CHUNK]

    def finish(self) -> Written:
        """All of it is on the disk when this returns."""
        self._seal(bytes(self._buffer), last=True)
        with telling_full(self.path):
            self._file.flush()
            os.fsync(self._file.fileno())
            # What is read back is to come from the disk, not from memory.
            if hasattr(os, "posix_fadvise"):
                os.posix_fadvise(self._file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            self._file.close()
        return Written(self._length, self._digest.hexdigest())

    def keep(self) -> None:
        """Give the file its name, durably. BackupError where the name was taken meanwhile."""
        name_durably(self.partial, self.path)

    def _seal(self, plain: bytes, *, last: bool) -> None:
        if self._index >= MAX_CHUNKS:
            raise BackupError("a file of a backup is at most 4 PiB long")
        self._put(self._aead.encrypt(_nonce(self._index, last), plain, None))
        self._index += 1

    def _put(self, data: bytes) -> None:
        self._digest.update(data)
        self._length += len(data)
        with telling_full(self.path):
            self._file.write(data)


def name_durably(partial: Path, path: Path) -> None:
    """As a rename that never replaces a file."""
    try:
        os.link(partial, path)
    except FileExistsError:
        raise BackupError(f"{path} is there already: it is not overwritten") from None
    except OSError:  # a file system without links: the folder's lock keeps others away
        if path.exists():
            raise BackupError(f"{path} is there already: it is not overwritten") from None
        partial.rename(path)
    else:
        partial.unlink()
    sync_folder(path.parent)


def write_text(path: Path, data: bytes) -> None:
    """A small file, whole or not there."""
    partial = path.with_name(path.name + PARTIAL)
    try:
        with telling_full(path):
            handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        if partial.read_bytes() != data:
            raise BackupDamaged(f"{path} was not written as it should be: is the disk sound?")
        name_durably(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def telling_full(path: Path) -> Iterator[None]:
    """StorageFull where there is no room, BackupError where it cannot be written otherwise."""
    try:
        yield
    except FileExistsError:
        raise BackupError(f"{path} is being written by another process: wait for it") from None
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull(
                f"no room for {path}: nothing of it was kept; make room and run it again"
            ) from error
        raise BackupError(f"{path} cannot be written ({error.strerror})") from error


def shred(path: Path) -> None:
    """Delete a file for good: without the salt in its head, its own key opens it no more."""
    with path.open("r+b") as file:
        file.write(os.urandom(min(4096, path.stat().st_size)))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
    sync_folder(path.parent)


# ---------------------------------------------------------------- reading


class SealedReader:
    """Reads a sealed file from its begin to its end; nothing unverified is ever given out.

    Raises BackupDamaged, WrongBackupKey, BackupError (not there, not a plain file).
    """

    def __init__(self, path: Path, use: str, secret: Secret) -> None:
        self.path = path
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError as error:
            raise BackupError(f"{path} cannot be read ({error.strerror})") from error
        self._file = os.fdopen(handle, "rb", CHUNK)
        try:
            self._aead = self._opened(use, secret)
        except BaseException:
            self._file.close()
            raise
        self._index = 0
        self._raw = self._file.read(CHUNK + TAG)
        self._buffer, self._at, self._ended = b"", 0, False

    def _opened(self, use: str, secret: Secret) -> AESGCM:
        try:
            head = _read_head(self._file)
        except BackupDamaged as error:
            raise BackupDamaged(f"{self.path}: {error}") from error
        root = secret.root(head.stretched)
        if head.hint != _hint(root):
            raise WrongBackupKey(
                f"{self.path} was not written with this key file or passphrase (or is damaged)"
            )
        if head.use != use:
            raise BackupDamaged(f"{self.path} holds {head.use}, not {use}: files were mixed up")
        return AESGCM(_file_key(root, head))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, length: int) -> bytes:
        """Exactly so many bytes; BackupDamaged where the file has no more."""
        end = self._at + length
        if end <= len(self._buffer):
            data = self._buffer[self._at : end]
            self._at = end
            return data
        parts = [self._buffer[self._at :]]
        missing = length - len(parts[0])
        self._buffer, self._at = b"", 0
        while missing:
            chunk = self._next()
            if not chunk:
                raise BackupDamaged(f"{self.path} ends too early")
            parts.append(chunk[:missing])
            if len(chunk) > missing:
                self._buffer, self._at = chunk, missing
            missing -= len(parts[-1])
        return b"".join(parts)

    def end(self) -> None:
        """BackupDamaged unless everything was read."""
        if self._at < len(self._buffer) or self._next():
            raise BackupDamaged(f"{self.path} goes on after its end")

    def _next(self) -> bytes:
        """The next chunk; empty at the end."""
        if self._ended:
            return b""
        following = self._file.read(CHUNK + TAG)
        self._ended = not following
        try:
            plain = self._aead.decrypt(_nonce(self._index, self._ended), self._raw, None)
        except (InvalidTag, ValueError):
            raise BackupDamaged(
                f"{self.path} is damaged or cut off near byte {self._index * (CHUNK + TAG)}: take "
                "another copy of this backup"
            ) from None
        if not plain and self._index:
            raise BackupDamaged(f"{self.path} ends with a chunk of nothing")
        self._index, self._raw = self._index + 1, following
        return plain


def _nonce(index: int, last: bool) -> bytes:
    return bytes(7) + index.to_bytes(4, "big") + (b"\x01" if last else b"\x00")
