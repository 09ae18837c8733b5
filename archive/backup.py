"""Backups of a running archive: one moment of the log, sealed, read back, and signed for.

Three files (archive/backup_files.py). The log is read in one snapshot while appends go on, row by
row, so memory stays flat and the format knows nothing of the database. Then come the keys, which
are all that the data needs and possibly more, and the disposal ledger, as late as can be. Every
file is read back from the disk: each chunk opened, each row parsed, each leaf hashed up to the
root, which the log key has signed. Views and search are not in it: they hold plaintext, and are
built anew.

A key file opens whatever its keys open, also what is destroyed later: `stale` names those, and
`delete_stale` removes them once a newer one was verified.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from archive.backup_files import Manifest, Places, Stale, stale_files
from archive.backup_reading import (
    HEAD,
    MASTER,
    NOTE,
    SIGNING,
    CheckedLog,
    check_signing,
    read_data,
    verify_keys,
    verify_ledger,
    wrapped_master,
)
from archive.disposal_ledger import LedgerHead, write_ledger
from archive.evidence import checkpoint
from archive.evidence.errors import EvidenceError, KeyRefused
from archive.evidence.instant import time_text
from archive.evidence.keys import SigningKey
from archive.evidence.register import KeyRegister
from archive.inspection import read_register
from archive.keystore import open_secret
from archive.log import verify_checkpoint
from archive.masters import Master
from archive.opening import Archive
from archive.row_stream import RowWriter
from archive.sealed_files import BackupError, SealedWriter, Secret, Written, shred
from archive.sql import Execute, SqlStore
from archive.sql_copy import DESTROYED, EVENTS, LOG_TABLES, RECORD_KEYS, SECRETS, Row, rows_of
from archive.store import StoreCorrupt, StoreError

Progress = Callable[[int, int], None]
ROTATED = "the signing keys were rotated while the backup ran: run it again"


def _silent(_done: int, _of: int) -> None:
    return


@dataclass(frozen=True, slots=True)
class Taken:
    """What was written and verified. `data` is None where only the keys were asked for."""

    data: Manifest | None
    keys: Manifest
    stale: tuple[Stale, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class _Moment:
    """The log as it is in a backup."""

    size: int
    root: bytes
    note: bytes
    register: KeyRegister


@dataclass
class Backup:
    """Takes backups of an open archive into two folders, beside any number of running servers.

    `progress` is told of leaves written; in its thread the store shows the snapshot.
    """

    archive: Archive
    places: Places
    secret: Secret
    progress: Progress = _silent

    def take(self) -> Taken:
        """Data, keys and ledger. Until it returns there is no backup, and nothing half is left.

        Raises StorageFull, BackupError (also for a folder in use), BackupDamaged where the disk
        gives other bytes than were written, StoreCorrupt where the log does not hold.
        """
        began = time.monotonic()
        with self.places.held("data", "keys"), _Files(self.places, self._name()) as files:
            self.archive.log.checkpoint()
            data, at = self._data(files)
            keys = self._keys(files)
            _check_rotated(keys, at)
            files.keep(self.secret, keys, data)
        return Taken(data, keys, tuple(self.stale()), time.monotonic() - began)

    def take_keys(self) -> Taken:
        """Keys and ledger alone: after a destruction, or more often than the data."""
        began = time.monotonic()
        with self.places.held("keys"), _Files(self.places, self._name()) as files:
            keys = self._keys(files)
            files.keep(self.secret, keys)
        return Taken(None, keys, tuple(self.stale()), time.monotonic() - began)

    def stale(self) -> list[Stale]:
        """Key files that open what has since been destroyed, and what a killed backup left."""
        return stale_files(self.places, self.archive.keys.destroyed_count())

    def delete_stale(self) -> list[Stale]:
        """Delete them, after the newest key file and ledger were read through once more.

        BackupError where the newest is itself stale: take the keys first.
        """
        with self.places.held("keys"):
            found = self.stale()
            newest = self.places.latest("keys", self.secret)
            if newest.name in {each.name for each in found}:
                raise BackupError(
                    "the newest key file opens destroyed records too: back up the keys first"
                )
            verify_keys(self.places.file(newest.name, "keys"), newest, self.secret)
            verify_ledger(self.places.file(newest.name, "ledger"), newest, self.secret)
            for each in found:
                for path in each.files:
                    shred(path)
        return found

    def _name(self) -> str:
        stamp = self.archive.options.clock().astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        return f"{stamp}-{secrets.token_hex(4)}"

    @property
    def _store(self) -> SqlStore:
        store = self.archive.store
        if not isinstance(store, SqlStore):
            raise BackupError("this store cannot be copied")
        return store

    # ------------------------------------------------------------ the data

    def _data(self, files: _Files) -> tuple[Manifest, _Moment]:
        now, file = self.archive.options.clock(), files.open("data", self.secret)
        out, counts = RowWriter(file.write), dict[str, int]()
        with self._store.reading():
            log = self._expected()
            size = self._store.head().size
            out.section(HEAD, [(files.name.encode(),)])
            for each in LOG_TABLES:
                rows = log.passing(each, self._store.copy_out(each))
                if each is EVENTS:
                    rows = self._shown(rows, size)
                counts[each.name] = out.section(each, rows)
        at = self._signed(log)
        out.section(NOTE, [(at.note,)])
        out.end()
        signing = dict.fromkeys(SIGNING, "") | {"log": self.archive.keyring.log_key.key_id}
        manifest = self._manifest(
            "data", files.name, now, at, counts, {"data": file.finish()}, signing
        )
        read_data(file.partial, manifest, self.secret)
        return manifest, at

    def _expected(self) -> CheckedLog:
        """The rows are to give the root that was signed last."""
        origin = self.archive.options.origin
        log, latest = CheckedLog(origin, _corrupt), self._store.checkpoint()
        if latest is not None:
            register = read_register(origin, self._store)[0]
            try:
                head = verify_checkpoint(register, origin, latest.note)
            except EvidenceError as error:
                raise _corrupt(f"the last checkpoint does not hold ({error})") from error
            log.expecting({head.size: head.root})
        return log

    def _shown(self, rows: Iterator[Row], size: int) -> Iterator[Row]:
        for row in rows:
            yield row
            if row[0] % 1000 == 0:
                self.progress(row[0], size)
        self.progress(size, size)

    def _signed(self, log: CheckedLog) -> _Moment:
        """The log key's note over what was read; it is the key that the log then knew."""
        key = self.archive.keyring.log_key
        try:
            log.register.key_at(key.key_id, log.size - 1, "log")
        except KeyRefused as error:
            raise BackupError(ROTATED) from error
        head = checkpoint.Checkpoint(self.archive.options.origin, log.size, log.root)
        return _Moment(log.size, log.root, checkpoint.sign(head, key), log.register)

    # ------------------------------------------------------------ keys and ledger

    def _keys(self, files: _Files) -> Manifest:
        now, counts = self.archive.options.clock(), dict[str, int]()
        file = files.open("keys", self.secret)
        with self.archive.keys.snapshot() as (run, master):
            out = RowWriter(file.write)
            out.section(HEAD, [(files.name.encode(),)])
            out.section(MASTER, [wrapped_master(master, self.secret.root(self.secret.salt))])
            for each in (RECORD_KEYS, DESTROYED, SECRETS):
                counts[each.name] = out.section(each, rows_of(run, each))
            out.end()
            signing = {use: _signing_key(run, master, use) for use in SIGNING}
            destroyed = [row[0].hex() for row in rows_of(run, DESTROYED)]
        at = self._signed_now()
        ledger = files.open("ledger", self.secret)
        with self._store.reading():
            head = LedgerHead(files.name, at.size, at.root.hex())
            write_ledger(RowWriter(ledger.write), head, self._store, destroyed)
        written = {"keys": file.finish(), "ledger": ledger.finish()}
        manifest = self._manifest("keys", files.name, now, at, counts, written, signing)
        _check_rotated(manifest, at)
        verify_keys(file.partial, manifest, self.secret)
        verify_ledger(ledger.partial, manifest, self.secret)
        return manifest

    def _signed_now(self) -> _Moment:
        """The whole log as it is now, with its checkpoint."""
        stored, origin = self.archive.log.checkpoint(), self.archive.options.origin
        register = read_register(origin, self._store)[0]
        head = verify_checkpoint(register, origin, stored.note)
        return _Moment(head.size, head.root, stored.note, register)

    def _manifest(
        self,
        part: str,
        name: str,
        now: datetime,
        at: _Moment,
        counts: Mapping[str, int],
        files: Mapping[str, Written],
        signing: Mapping[str, str],
    ) -> Manifest:
        return Manifest(
            part,
            name,
            self.archive.options.origin,
            time_text(now),
            at.size,
            at.root.hex(),
            at.note.decode("utf-8"),
            signing,
            counts,
            files,
            self.secret.salt,
        )


def _check_rotated(keys: Manifest, at: _Moment) -> None:
    try:
        check_signing(keys, at.register, at.size)
    except KeyRefused as error:
        raise BackupError(ROTATED) from error


def _signing_key(run: Execute, master: Master, use: str) -> str:
    ((wrapped,),) = run("SELECT wrapped FROM secrets WHERE name = ?", (f"signing/{use}",))
    return SigningKey.from_seed(open_secret(master, f"signing/{use}", wrapped)).key_id


def _corrupt(what: str) -> StoreError:
    return StoreCorrupt(f"{what}: nothing was backed up; run a check of the archive")


class _Files:
    """The files of one backup: all get their names, or none is left."""

    def __init__(self, places: Places, name: str) -> None:
        self.name, self.kept = name, False
        self._places, self._stack = places, ExitStack()
        self._written: list[SealedWriter] = []
        self._named: list[Path] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        if not self.kept:
            for path in self._named:
                path.unlink(missing_ok=True)

    def open(self, kind: str, secret: Secret) -> SealedWriter:
        writer = SealedWriter(self._places.file(self.name, kind), kind, secret)
        self._written.append(self._stack.enter_context(writer))
        return writer

    def keep(self, secret: Secret, *manifests: Manifest) -> None:
        """A manifest after its files: where this is killed, they are no backup yet."""
        for writer in self._written:
            self._named.append(writer.path)
            writer.keep()
        for manifest in manifests:
            self._named.append(self._places.manifest(manifest.name, manifest.part))
            self._places.write_manifest(manifest, secret)
        self.kept = True
