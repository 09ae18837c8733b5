"""Reading what a backup wrote, wholly and strictly: to verify it, and to restore from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from archive.backup_files import Manifest
from archive.disposal_ledger import Ledger
from archive.evidence import dsse
from archive.evidence.content import unwrap_record_key, wrap_record_key
from archive.evidence.errors import ContentError, EvidenceError, KeyRefused
from archive.evidence.keys import SigningKey
from archive.evidence.merkle import Frontier, leaf_hash
from archive.evidence.register import KeyRegister
from archive.keystore import open_secret
from archive.leaves import read_leaf
from archive.log import verify_checkpoint
from archive.masters import KeyStoreError, Master
from archive.row_stream import RowReader
from archive.sealed_files import BackupDamaged, SealedReader, Secret
from archive.sql import raw
from archive.sql_audit import PARTS
from archive.sql_copy import (
    CONTENT,
    DESTROYED,
    EVENTS,
    LOG_TABLES,
    RECORD_KEYS,
    SECRETS,
    Row,
    Table,
    table,
)
from archive.store import StoreError

HEAD = table("backup", "said:bytes", "said", 1)
NOTE = table("note", "note:bytes", "note", 1)
MASTER = table("master", "generation:text wrapped:bytes", "generation", 1)
Take = Callable[[Table, Iterator[Row]], object]
SIGNING = ("intake", "log")


def drain(_table: Table, rows: Iterable[Row]) -> None:
    """Read rows for nothing but that they can be read."""
    for _ in rows:
        pass


class CheckedLog:
    """Passes on the rows of a log; hashes every leaf, and keeps the events of the key register.

    `refuse` makes the error for rows that cannot be.
    """

    def __init__(self, origin: str, refuse: Callable[[str], StoreError]) -> None:
        self.register = KeyRegister(origin)
        self._refuse, self._frontier = refuse, Frontier()
        self._awaited: Mapping[int, bytes] = {}

    @property
    def size(self) -> int:
        return self._frontier.size

    @property
    def root(self) -> bytes:
        return self._frontier.root()

    def expecting(self, roots: Mapping[int, bytes]) -> None:
        """Roots that were signed over so many leaves."""
        self._awaited = roots

    def passing(self, source: Table, rows: Iterable[Row]) -> Iterator[Row]:
        if source is EVENTS:
            return self._events(rows)
        return self._content(rows) if source is CONTENT else iter(rows)

    def _events(self, rows: Iterable[Row]) -> Iterator[Row]:
        register = raw(self.register.record)
        for row in rows:
            index, leaf = row[0], row[8]
            hashed = leaf_hash(leaf)
            if index != self.size or hashed != row[7]:
                raise self._refuse(f"leaf {index} is not the one that was stored")
            self._frontier.append(hashed)
            if row[1] == register:
                self._register(index, leaf)
            awaited = self._awaited.get(self.size)
            if awaited is not None and awaited != self.root:
                raise self._refuse(f"the first {self.size} leaves do not give the root signed")
            yield row

    def _register(self, index: int, leaf: bytes) -> None:
        """As `inspection.read_register`: what is not sound changes nothing."""
        try:
            _, envelope, said = read_leaf(leaf)
            self.register.apply(index, said)
        except EvidenceError:
            return
        try:
            dsse.verify(envelope, self.register.signer_of(said, index))
        except EvidenceError:
            self.register.undo()

    def _content(self, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            if not 0 <= row[0] < self.size * PARTS:
                raise self._refuse(f"content at {row[0]} belongs to no leaf")
            yield row


def read_data(path: Path, manifest: Manifest, secret: Secret, take: Take = drain) -> KeyRegister:
    """Read the data file wholly, giving each table's rows to `take`; the key register it holds.

    BackupDamaged unless every byte is sound, every leaf hashes to the root, and the note over it is
    signed by a log key of this very log. What `take` was given before is then worth nothing.
    """

    def refuse(what: str) -> StoreError:
        return BackupDamaged(f"{path}: {what}")

    log, counts = CheckedLog(manifest.origin, refuse), dict[str, int]()
    with SealedReader(path, "data", secret) as file:
        rows = RowReader(file.read)
        if [row[0] for row in rows.one(HEAD)] != [manifest.name.encode()]:
            raise refuse("it is not the file of this manifest")
        note = b""
        for each, section in rows.sections((*LOG_TABLES, NOTE)):
            if each is NOTE:
                note = b"".join(row[0] for row in section)
                continue
            counted = _Counted(log.passing(each, section))
            take(each, counted)
            counts[each.name] = counted.count
        file.end()
    if (log.size, log.root.hex(), counts) != (manifest.size, manifest.root, dict(manifest.counts)):
        raise refuse("it does not hold what its manifest says")
    check_note(log.register, manifest, note)
    return log.register


def check_note(register: KeyRegister, manifest: Manifest, note: bytes) -> None:
    """BackupDamaged unless the note is signed over just this size and root."""
    try:
        head = verify_checkpoint(register, manifest.origin, note)
    except EvidenceError as error:
        raise BackupDamaged(f"the signed head of {manifest.name} does not hold: {error}") from error
    if (head.size, head.root.hex(), note.decode()) != (
        manifest.size,
        manifest.root,
        manifest.checkpoint,
    ):
        raise BackupDamaged(f"the signed head of {manifest.name} is of another log")


class _Counted:
    """Rows, counted as they pass."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self._rows, self.count = rows, 0

    def __iter__(self) -> Iterator[Row]:
        return self

    def __next__(self) -> Row:
        row = next(self._rows)
        self.count += 1
        return row


# ---------------------------------------------------------------- keys


def wrapped_master(master: Master, root: bytes) -> Row:
    """The master, wrapped in the backup's own key."""
    return master.id, wrap_record_key(root, master.key, _of_master(master.id))


def _of_master(generation: str) -> str:
    """Stands where a record's id stands: a master is no record's key."""
    return generation.encode().hex().ljust(32, "0")[:32]


@dataclass(frozen=True, slots=True)
class KeysTake:
    """What takes each table of a key file, with the master that opens it."""

    record_keys: Callable[[Iterator[Row], Master], object]
    destroyed: Callable[[Iterator[Row]], object]
    secrets: Callable[[Iterator[Row], Master], object]


def read_keys(path: Path, manifest: Manifest, secret: Secret, take: KeysTake) -> None:
    """Read the key file wholly; BackupDamaged unless it is whole and of this manifest."""
    counts = dict[str, int]()
    with SealedReader(path, "keys", secret) as file:
        rows = RowReader(file.read)
        if [row[0] for row in rows.one(HEAD)] != [manifest.name.encode()]:
            raise BackupDamaged(f"{path} is not the file of this manifest")
        master = _master(rows, secret.root(manifest.stretched), path)
        for each, section in rows.sections((RECORD_KEYS, DESTROYED, SECRETS)):
            counted = _Counted(section)
            try:
                if each is RECORD_KEYS:
                    take.record_keys(counted, master)
                elif each is SECRETS:
                    take.secrets(counted, master)
                else:
                    take.destroyed(counted)
            except (ContentError, KeyStoreError) as error:
                raise BackupDamaged(f"{path}: {error}") from error
            counts[each.name] = counted.count
        file.end()
    if counts != dict(manifest.counts):
        raise BackupDamaged(f"{path} does not hold what its manifest says")


def _master(rows: RowReader, root: bytes, path: Path) -> Master:
    try:
        ((generation, wrapped),) = rows.one(MASTER)
        return Master(generation, unwrap_record_key(root, wrapped, _of_master(generation)))
    except (ContentError, ValueError) as error:
        raise BackupDamaged(f"{path}: the master key does not open") from error


def verify_keys(path: Path, manifest: Manifest, secret: Secret) -> None:
    """Every key and every secret opens, and the signing keys are those of the manifest."""
    signing = dict[str, str]()

    def record_keys(rows: Iterator[Row], master: Master) -> None:
        for record, wrapped in rows:
            unwrap_record_key(master.key, wrapped, record.hex())

    def secrets(rows: Iterator[Row], master: Master) -> None:
        for name, wrapped, _ in rows:
            value = open_secret(master, name, wrapped)
            use = name.removeprefix("signing/")
            if use in SIGNING and use != name:
                signing[use] = SigningKey.from_seed(value).key_id

    read_keys(
        path, manifest, secret, KeysTake(record_keys, lambda rows: drain(DESTROYED, rows), secrets)
    )
    if signing != dict(manifest.signing):
        raise BackupDamaged(f"{path} holds other signing keys than its manifest says")


def check_signing(manifest: Manifest, register: KeyRegister, size: int) -> None:
    """KeyRefused unless both signing keys may sign the next leaf of a log of this size."""
    for use in SIGNING:
        name = manifest.signing.get(use, "")
        register.key_at(name, size - 1, use)
        entry = register.entries[name]
        if entry.revoked is not None:
            raise KeyRefused(f"key {name[:16]} was revoked", "key-revoked")


def verify_ledger(path: Path, manifest: Manifest, secret: Secret) -> None:
    """Every event of it hashes as it was stored, and its head is that of the manifest."""
    ledger = Ledger(path, secret)
    try:
        if (ledger.head.name, ledger.head.size, ledger.head.root) != (
            manifest.name,
            manifest.size,
            manifest.root,
        ):
            raise BackupDamaged(f"{path} is not the ledger of this manifest")
        for entry in ledger.entries():
            _check_event(path, entry.event)
        for event in ledger.disposed():
            _check_event(path, event)
    finally:
        ledger.close()


def _check_event(path: Path, row: Row) -> None:
    if leaf_hash(row[8]) != row[7]:
        raise BackupDamaged(f"{path}: leaf {row[0]} is not the one that was stored")
