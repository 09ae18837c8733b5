"""A small witness (C2SP tlog-witness): it remembers of each log the last head that it signed.

What it promises is kept by one file: the head that was compared and the head that takes its place
are read and written in one transaction, on disk before anybody sees the signature. So it never
signs two heads of one size, and never goes back, however many ask and whenever it is killed.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import apsw

from archive.evidence import cosignature as said
from archive.evidence import note
from archive.evidence.cosignature import Head
from archive.evidence.errors import EvidenceError, FormatError, ProofError, SignatureError
from archive.evidence.keys import SigningKey, check_public_key

KEY, STATE = "witness.key", "witness.db"
BUSY_MS = 10_000
TEXT = "text/plain; charset=utf-8"
SCHEMA = """
CREATE TABLE me (one INTEGER PRIMARY KEY CHECK (one = 1), vkey TEXT NOT NULL) STRICT;
CREATE TABLE logs (vkey TEXT PRIMARY KEY, origin TEXT NOT NULL) STRICT;
CREATE TABLE heads (
  origin TEXT PRIMARY KEY, origin_hash TEXT NOT NULL UNIQUE, size INTEGER NOT NULL,
  root BLOB NOT NULL, time INTEGER NOT NULL, note BLOB NOT NULL
) STRICT;
CREATE TRIGGER heads_forward BEFORE UPDATE ON heads
  WHEN NEW.origin <> OLD.origin OR NEW.size < OLD.size OR NEW.time < OLD.time
    OR (NEW.size = OLD.size AND NEW.root <> OLD.root)
  BEGIN SELECT RAISE(ABORT, 'a witness never goes back'); END;
CREATE TRIGGER heads_stay BEFORE DELETE ON heads
  BEGIN SELECT RAISE(ABORT, 'a witness forgets nothing'); END;
"""
Row = tuple[Any, ...]


class WitnessRefused(EvidenceError):
    """The witness cannot be made, opened or told this; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes
    media_type: str = TEXT


class Witness:
    """An open witness. Any number of threads may ask it, and several processes may share one."""

    def __init__(
        self, connection: apsw.Connection, name: str, key: SigningKey, clock: Callable[[], datetime]
    ) -> None:
        self._connection, self._clock = connection, clock
        self._name, self._key = name, key
        self._lock = threading.Lock()

    @classmethod
    def make(cls, folder: Path, name: str) -> str:
        """A new witness in a folder of its own; its verifier key. WitnessRefused."""
        key = SigningKey.generate()
        try:
            vkey = str(note.VerifierKey.make(name, key.verify_key(), note.COSIGNATURE))
        except FormatError as error:
            raise WitnessRefused(f"{error}: such as witness.example/w1") from None
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any((folder / each).exists() for each in (KEY, STATE)):
            raise WitnessRefused(f"there is a witness in {folder} already: use another folder")
        connection = apsw.Connection(str(folder / STATE))
        try:
            (folder / STATE).chmod(0o600)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"BEGIN IMMEDIATE; {SCHEMA}")
            connection.execute("INSERT INTO me VALUES (1, ?)", (vkey,))
            connection.execute("COMMIT")
        finally:
            connection.close()
        _write_key(folder / KEY, f"{name}\n{key.seed().hex()}\n".encode())
        return vkey

    @classmethod
    def open(cls, folder: Path, clock: Callable[[], datetime]) -> Self:
        """WitnessRefused where key and memory are not both there, and each other's."""
        name, key = _read_key(folder / KEY)
        vkey = str(note.VerifierKey.make(name, key.verify_key(), note.COSIGNATURE))
        connection = None
        try:
            connection = apsw.Connection(str(folder / STATE), flags=apsw.SQLITE_OPEN_READWRITE)
            connection.set_busy_timeout(BUSY_MS)
            connection.execute("PRAGMA synchronous = FULL; PRAGMA fullfsync = ON")
            known = connection.execute("SELECT vkey FROM me").fetchall()
        except apsw.Error as error:
            if connection is not None:
                connection.close()
            raise WitnessRefused(
                f"the memory of the witness in {folder} is missing or damaged ({error}): a witness "
                "that forgot could sign twice. Make a new one with a new key, and tell the auditors"
            ) from None
        if known != [(vkey,)]:
            connection.close()
            raise WitnessRefused(f"{KEY} and {STATE} in {folder} are not of one witness")
        return cls(connection, name, key, clock)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def vkey(self) -> str:
        return str(note.VerifierKey.make(self._name, self._key.verify_key(), note.COSIGNATURE))

    # ------------------------------------------------------------ whom it knows

    def trust(self, vkey: str) -> None:
        """Sign for this log from now on; its origin is the key's name. WitnessRefused."""
        try:
            key = note.VerifierKey.parse(vkey)
            check_public_key(key.key.public)
        except EvidenceError as error:
            raise WitnessRefused(f"not a log's verifier key: {error}") from None
        if key.type != note.ED25519:
            raise WitnessRefused("this is a witness's verifier key: give the log's")
        with self._writing():
            self._run("INSERT INTO logs VALUES (?, ?) ON CONFLICT DO NOTHING", (vkey, key.name))

    def distrust(self, vkey: str) -> None:
        """Of a log key that was stolen or rotated: what it signs counts no more. The head stays."""
        with self._writing():
            if not self._run("DELETE FROM logs WHERE vkey = ? RETURNING vkey", (vkey,)):
                raise WitnessRefused("this witness does not know this key")

    def logs(self) -> list[tuple[str, int | None]]:
        """(verifier key, size of the last head signed of its origin)."""
        with self._lock:
            rows = self._run(
                "SELECT vkey, size FROM logs LEFT JOIN heads USING (origin) ORDER BY origin, vkey"
            )
        return [(vkey, size) for vkey, size in rows]

    # ------------------------------------------------------------ what it answers

    def add_checkpoint(self, body: bytes) -> Reply:
        """The answer of tlog-witness's add-checkpoint to a request's body."""
        try:
            request, parsed, new = said.parse_request(body)
        except EvidenceError as error:
            return Reply(400, f"{error}\n".encode())
        with self._writing():
            refusal = self._check_signer(parsed, new.origin)
            return refusal or self._advance(request, parsed, new)

    def _check_signer(self, parsed: note.Note, origin: str) -> Reply | None:
        keys = self._keys(origin)
        if not keys:
            return Reply(404, b"this log is not known here\n")
        lines = {(line.name, line.hash) for line in parsed.signatures}
        present = [key for key in keys if (key.name, key.hash) in lines]
        try:
            for key in present:
                note.verify(parsed, key)
        except SignatureError as error:
            return Reply(403, f"{error}\n".encode())
        return None if present else Reply(403, b"not signed by a key of this log\n")

    def _advance(self, request: said.Request, parsed: note.Note, new: Head) -> Reply:
        rows = self._run("SELECT size, root, time FROM heads WHERE origin = ?", (new.origin,))
        last, signed = None, 0
        for size, root, time in rows:
            last, signed = Head(new.origin, size, root), time
        known = last.size if last is not None else 0
        if request.old != known:
            return Reply(409, said.encode_size(known), said.SIZE_TYPE)
        try:
            said.advance(last, request.proof, new)
        except ProofError as error:
            return Reply(422, f"{error}\n".encode())
        # Of two heads the larger one is never the earlier: a clock that was set back waits.
        moment = max(int(self._clock().timestamp()), signed, 1)
        line = note.line_of(said.cosign(parsed.text, self._name, self._key, moment))
        self._remember(new, moment, self._kept(parsed, new.origin) + line)
        return Reply(200, line)

    def _kept(self, parsed: note.Note, origin: str) -> bytes:
        """The note with the log's own lines, which were verified, and no others."""
        mine = {(key.name, key.hash) for key in self._keys(origin)}
        lines = [note.line_of(line) for line in parsed.signatures if (line.name, line.hash) in mine]
        return parsed.text + b"\n" + b"".join(lines)

    def _remember(self, new: Head, moment: int, kept: bytes) -> None:
        hash_ = hashlib.sha256(new.origin.encode("utf-8")).hexdigest()
        self._run(
            "INSERT INTO heads VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (origin) DO UPDATE SET "
            "size = excluded.size, root = excluded.root, time = excluded.time, "
            "note = excluded.note",
            (new.origin, hash_, new.size, new.root, moment, kept),
        )

    def checkpoint(self, origin_hash: str) -> Reply:
        """The last head signed of the log whose origin has this SHA-256 (hex), for monitors."""
        with self._lock:
            rows = self._run("SELECT note FROM heads WHERE origin_hash = ?", (origin_hash,))
        if not rows:
            return Reply(404, b"no head of such a log was signed here\n")
        return Reply(200, rows[0][0])

    # ------------------------------------------------------------ memory

    def _keys(self, origin: str) -> list[note.VerifierKey]:
        rows = self._run("SELECT vkey FROM logs WHERE origin = ?", (origin,))
        return [note.VerifierKey.parse(row[0]) for row in rows]

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction, of which every other one, in any process, sees all or nothing; on disk
        when it ends."""
        with self._lock:
            self._run("BEGIN IMMEDIATE")
            try:
                yield
                self._run("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._run("ROLLBACK")
                raise

    def _run(self, statement: str, params: tuple[object, ...] = ()) -> list[Row]:
        return self._connection.execute(statement, params).fetchall()


def _write_key(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, data)
        os.fsync(handle)
    finally:
        os.close(handle)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read_key(path: Path) -> tuple[str, SigningKey]:
    try:
        mode, text = path.stat().st_mode, path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise WitnessRefused(f"there is no witness in {path.parent}: make one first") from None
    except (OSError, UnicodeDecodeError) as error:
        raise WitnessRefused(f"{path} cannot be read: {error}") from None
    if mode & 0o077:
        raise WitnessRefused(f"{path} is open to others: chmod 600 {path}")
    try:
        name, seed, nothing = text.split("\n")
        key = SigningKey.from_seed(bytes.fromhex(seed))
    except (ValueError, EvidenceError):
        raise WitnessRefused(f"{path} is not a witness's key") from None
    if nothing:
        raise WitnessRefused(f"{path} is not a witness's key")
    return name, key
