"""Sealed files: whole, of this key, in this place, or refused."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from archive.sealed_files import (
    CHUNK,
    MAGIC,
    TAG,
    BackupDamaged,
    BackupError,
    SealedReader,
    SealedWriter,
    Secret,
    WrongBackupKey,
    new_key_file,
    shred,
)
from archive.store import StorageFull

REPO = Path(__file__).parents[2]
KEY = Secret(b"\x07" * 32)


def sealed(path: Path, plain: bytes, secret: Secret = KEY, use: str = "data") -> Path:
    with SealedWriter(path, use, secret) as file:
        for at in range(0, len(plain), 300_000):
            file.write(plain[at : at + 300_000])
        written = file.finish()
        file.keep()
    assert written.length == path.stat().st_size
    return path


def opened(path: Path, length: int, secret: Secret = KEY, use: str = "data") -> bytes:
    with SealedReader(path, use, secret) as file:
        plain = file.read(length)
        file.end()
    return plain


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 5])
def test_what_was_written_is_read(tmp_path: Path, size: int) -> None:
    """At every edge of a chunk; and nothing beyond the end is given."""
    plain = os.urandom(size)
    path = sealed(tmp_path / "a", plain)
    assert opened(path, size) == plain
    with pytest.raises(BackupDamaged, match="too early"):
        opened(path, size + 1)
    if size:
        with pytest.raises(BackupDamaged, match="after its end"):
            opened(path, size - 1)
    assert list(tmp_path.iterdir()) == [path]


def test_every_flipped_byte_is_found(tmp_path: Path) -> None:
    """In the head, in each chunk, in each tag: no byte is free."""
    path = sealed(tmp_path / "a", b"x" * 100)
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(BackupError):
            opened(path, 100)


def test_chunks_cannot_be_moved_left_out_or_cut_off(tmp_path: Path) -> None:
    """Each has its number, and the last one its mark."""
    size = 3 * CHUNK - 7
    path = sealed(tmp_path / "a", os.urandom(size))
    whole = path.read_bytes()
    start = whole.index(b"\n", len(MAGIC)) + 1
    one = CHUNK + TAG
    head, first, second, third = (
        whole[:start],
        whole[start : start + one],
        whole[start + one : start + 2 * one],
        whole[start + 2 * one :],
    )
    for bad in (
        head + second + first + third,
        head + first + third,
        head + first + second,
        head + first,
        head,
        head + first + second + third + third,
        whole + b"x",
        whole[:-1],
        b"",
    ):
        path.write_bytes(bad)
        with pytest.raises(BackupDamaged):
            opened(path, size)


def test_another_key_opens_nothing_and_is_named(tmp_path: Path) -> None:
    """Key file, passphrase, and one for the other; the message tells them from damage."""
    by_file = sealed(tmp_path / "file", b"x")
    words = Secret.from_passphrase("correct horse battery")
    by_words = sealed(tmp_path / "words", b"x", words)
    assert opened(by_words, 1, Secret.from_passphrase("correct horse battery")) == b"x"
    for path, wrong in (
        (by_file, Secret(b"\x08" * 32)),
        (by_file, words),
        (by_words, KEY),
        (by_words, Secret.from_passphrase("correct horse batterY")),
    ):
        with pytest.raises(WrongBackupKey):
            opened(path, 1, wrong)
    with pytest.raises(BackupError, match="too short"):
        Secret.from_passphrase("short")


def test_a_file_of_another_use_is_refused(tmp_path: Path) -> None:
    """Keys named as data are not read as data."""
    with pytest.raises(BackupDamaged, match="mixed up"):
        opened(sealed(tmp_path / "a", b"x", use="keys"), 1)


def test_nothing_is_overwritten_and_no_link_followed(tmp_path: Path) -> None:
    """Neither at the begin of writing nor at its end."""
    path = sealed(tmp_path / "a", b"x")
    with pytest.raises(BackupError, match="not overwritten"):
        sealed(path, b"y")
    with SealedWriter(tmp_path / "b", "data", KEY) as file:
        file.finish()
        (tmp_path / "b").write_bytes(b"another")
        with pytest.raises(BackupError, match="not overwritten"):
            file.keep()
    assert (tmp_path / "b").read_bytes() == b"another"
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(BackupError):
        opened(tmp_path / "link", 1)
    assert opened(path, 1) == b"x"


def test_key_files_are_made_once_and_for_their_owner(tmp_path: Path) -> None:
    """Mode 0600, 64 hex digits, never overwritten; others that may read it are a refusal."""
    path = tmp_path / "key"
    new_key_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert Secret.from_file(path).value == bytes.fromhex(path.read_text().strip())
    assert Secret.from_file(path).value.hex() not in repr(Secret.from_file(path))
    with pytest.raises(BackupError, match="there already"):
        new_key_file(path)
    path.chmod(0o640)
    with pytest.raises(BackupError, match="chmod"):
        Secret.from_file(path)
    path.chmod(0o600)
    path.write_text("not a key")
    with pytest.raises(BackupError, match="no backup key"):
        Secret.from_file(path)
    with pytest.raises(BackupError, match="cannot be read"):
        Secret.from_file(tmp_path / "missing")


FULL = """
import sys
from pathlib import Path
from archive.sealed_files import Secret
from archive.store import StorageFull
from tests.archive.test_sealed_files import sealed
try:
    sealed(Path(sys.argv[1]), bytes(3_000_000))
except StorageFull as error:
    print(error)
"""


def test_no_room_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    """Where the file system takes no more, nothing half is left under either name."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, tmp_path / "a"],
        cwd=REPO,
        env={**os.environ, "PYTHONPATH": str(REPO)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000)),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "no room" in done.stdout
    assert list(tmp_path.iterdir()) == []
    assert issubclass(StorageFull, Exception)


def test_a_shredded_file_opens_no_more_even_where_its_blocks_remain(tmp_path: Path) -> None:
    """The salt of its key is overwritten before its name goes."""
    path = sealed(tmp_path / "a", b"x" * 100)
    other = tmp_path / "same blocks"
    os.link(path, other)
    shred(path)
    assert not path.exists()
    with pytest.raises(BackupDamaged):
        opened(other, 100)
