"""Restoring: into an empty place only, verified wholly, put right, and only then served.

While it runs, a marker lies in the data folder: nothing opens the archive before it is gone, and a
restore that was stopped is begun anew by calling it again. The restored log says itself what it is
(a `restoration` record): which backup, its size and root, and what the newest disposal ledger knew
of the log. What was recorded after the backup is lost; receipts and heads that were given out show
that, since this log is shorter than they say.
"""

from __future__ import annotations

import json
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from archive.backup_files import Manifest, Places
from archive.backup_reading import KeysTake, check_signing, read_data, read_keys, verify_ledger
from archive.check import Thoroughness
from archive.disposal_ledger import Ledger
from archive.evidence.errors import KeyRefused
from archive.evidence.instant import time_text
from archive.evidence.register import KeyRegister
from archive.findings import CheckReport
from archive.keystore import KeyStore
from archive.masters import Master
from archive.opening import (
    CHECK_REPORT,
    RESTORING,
    Archive,
    Options,
    RestoreUnfinishedError,
    open_archive,
    sources_of,
)
from archive.replaying import Replay, Replayed
from archive.sealed_files import (
    BackupDamaged,
    BackupError,
    Secret,
    sync_folder,
    telling_full,
    write_text,
)
from archive.sealing import INTERNAL
from archive.sql import SqlStore
from archive.sql_copy import Row, Table

SCHEMAS = ("liuhen", "keys", "views")
FILES = ("archive.db", "keys.db", "views.db")
COMMENT = "liuhen restore "
THOROUGH = Thoroughness()
Told = Callable[[str, int, int], None]
"""Stage, done, of."""


def _silent(_stage: str, _done: int, _of: int) -> None:
    return


@dataclass
class Restored:
    """What came back, and what was done with it."""

    data: Manifest
    keys: Manifest
    replayed: Replayed
    report: CheckReport
    holds: int
    size: int
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def lost(self) -> int:
        """Leaves that the newest ledger knew of and this log has not."""
        return max(0, self.keys.size - self.data.size)

    def as_json(self) -> dict[str, Any]:
        return {
            "backup": self.data.name,
            "taken_at": self.data.taken_at,
            "leaves": self.data.size,
            "root": self.data.root,
            "keys": self.keys.name,
            "keys_taken_at": self.keys.taken_at,
            "lost_leaves": self.lost,
            "restoration": self.replayed.restoration,
            "events_taken_again": self.replayed.again,
            "renumbered": self.replayed.renumbered,
            "disposed_again": len(self.replayed.disposed),
            "unexplained": self.replayed.unexplained,
            "holds_in_force": self.holds,
            "leaves_now": self.size,
            "check": self.report.as_json(),
            "seconds": {stage: round(spent, 3) for stage, spent in self.seconds.items()},
        }


class RestoredUnsoundError(BackupError):
    """The check of what came back found something; it is not served."""

    def __init__(self, report: CheckReport) -> None:
        found = ", ".join(f"{code} {n}" for code, n in report.by_code.items())
        super().__init__(
            f"the check of the restored archive found: {found}. It is not served. Take another "
            "backup, or accept the findings where the archive had them before"
        )
        self.report = report


# ---------------------------------------------------------------- the whole of it


@dataclass
class Restore:
    """`options` say where to: their data folder, and the database if there is one, are empty.

    `name`: which backup of the data; the newest if not given. Keys and ledger are always the
    newest, so that nothing comes back that was destroyed. `accept`: serve also where the check
    finds something.
    """

    places: Places
    secret: Secret
    options: Options
    name: str | None = None
    accept: bool = False
    how: Thoroughness = THOROUGH
    told: Told = _silent

    def run(self) -> Restored:
        """Raises BackupError and its kinds (nothing may be served then), StorageFull, StoreError.

        Killed or failed, it is called again on the same place and begins anew.
        """
        began = {"begin": time.monotonic()}
        data = self.places.latest("data", self.secret, self.name)
        keys = self._newest_keys(data)
        marker = _Place(self.options).prepared(data.name)
        began["read"] = time.monotonic()
        self._load(data, keys)
        began["replay"] = time.monotonic()
        with open_archive(replace(self.options, restoring=True)) as archive:
            replay, replayed = self._replayed(archive, data, keys)
            began["check"] = time.monotonic()
            report = archive.check(
                lambda d, of: self.told("check", d, of), views=False, how=self.how
            )
            if not report.ok and not self.accept:
                raise RestoredUnsoundError(report)
            replay.served(replayed)
            restored = Restored(
                data, keys, replayed, report, _holds(archive), archive.store.head().size
            )
        began["end"] = time.monotonic()
        _remove_marker(marker)
        for stage, following in pairwise(began):
            restored.seconds[stage] = began[following] - began[stage]
        return restored

    def _newest_keys(self, data: Manifest) -> Manifest:
        keys = self.places.latest("keys", self.secret)
        if keys.origin != data.origin or data.origin != self.options.origin:
            raise BackupError(
                f"the data are of {data.origin}, the keys of {keys.origin}, and the setting says "
                f"{self.options.origin}: they must be of one archive"
            )
        if keys.size < data.size:
            raise BackupError(
                f"the newest keys ({keys.name}) are older than the data ({data.name}): find the "
                "keys that were backed up with the data, or later"
            )
        verify_ledger(self.places.file(keys.name, "ledger"), keys, self.secret)
        return keys

    # ------------------------------------------------------------ loading

    def _load(self, data: Manifest, keys: Manifest) -> None:
        sources = sources_of(self.options)
        store = sources.open_store()
        try:
            register = self._load_data(store, data)
        finally:
            store.close()
        try:
            check_signing(keys, register, data.size)
        except KeyRefused as error:
            raise BackupError(
                f"the signing keys were rotated after these data were taken ({error}): restore a "
                "backup of the data that was taken after the rotation"
            ) from error
        key_store = sources.open_keys()
        try:
            self._load_keys(key_store, keys)
        finally:
            key_store.close()

    def _load_data(self, store: SqlStore, data: Manifest) -> KeyRegister:
        def take(target: Table, rows: Iterator[Row]) -> None:
            of = data.counts.get(target.name, 0)
            store.copy_in(target, self._shown(target.name, rows, of))

        register = read_data(self.places.file(data.name, "data"), data, self.secret, take)
        store.copied_in()
        return register

    def _shown(self, stage: str, rows: Iterator[Row], of: int) -> Iterator[Row]:
        for done, row in enumerate(rows):
            if done % 1000 == 0:
                self.told(stage, done, of)
            yield row
        self.told(stage, of, of)

    def _load_keys(self, store: KeyStore, keys: Manifest) -> None:
        """Not the keys that the ledger says are destroyed, whatever the key file holds."""
        ledger = Ledger(self.places.file(keys.name, "ledger"), self.secret)
        ledger.close()
        destroyed = ledger.destroyed

        def record_keys(rows: Iterator[Row], master: Master) -> None:
            shown = self._shown("record_keys", rows, keys.counts.get("record_keys", 0))
            store.copy_keys(shown, master, destroyed)

        def known(rows: Iterator[Row]) -> None:
            if {row[0].hex() for row in rows} - destroyed:
                raise BackupDamaged("keys and ledger do not know the same destroyed records")
            store.copy_destroyed(sorted(destroyed))

        path = self.places.file(keys.name, "keys")
        read_keys(path, keys, self.secret, KeysTake(record_keys, known, store.copy_secrets))

    def _replayed(
        self, archive: Archive, data: Manifest, keys: Manifest
    ) -> tuple[Replay, Replayed]:
        ledger = Ledger(self.places.file(keys.name, "ledger"), self.secret)
        replay = Replay(archive, data)
        try:
            return replay, replay.run(ledger, lambda done: self.told("replay", done, done))
        finally:
            ledger.close()


def _holds(archive: Archive) -> int:
    """How many legal holds are in force."""
    opened = archive.store.leaves(0, topics=[f"{INTERNAL}legal-hold/opened"])
    records = (archive.ledger.get(row.record_id) for row in opened)
    return sum(record.state != "released" for record in records)


def check_served(archive: Archive) -> None:
    """RestoreUnfinishedError where a restoration of this archive did not come to its end."""
    for row in archive.store.leaves(0, topics=[f"{INTERNAL}restoration/opened"]):
        if archive.ledger.get(row.record_id).state != "serving":
            raise RestoreUnfinishedError(archive.options.data)


# ---------------------------------------------------------------- the place


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an archive is to be: nothing is there, or what a stopped restore left."""

    options: Options

    def prepared(self, backup: str) -> Path:
        """Make it empty, and put the marker there. BackupError where anything else is there."""
        folder, marker = self.options.data, self.options.data / RESTORING
        with telling_full(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        earlier = _marked(marker)
        if earlier is None and any(folder.iterdir()):
            raise BackupError(f"{folder} is not empty: restore into a new folder")
        self._clear_database(earlier)
        if earlier is not None:
            self._clear_folder(folder)
            _remove_marker(marker)
        ours = secrets.token_hex(16)
        write_text(marker, json.dumps({"backup": backup, "restore": ours}).encode())
        self._make_schemas(ours)
        return marker

    def _clear_folder(self, folder: Path) -> None:
        """Only what a restore makes: it began in an empty folder."""
        for name in (*FILES, CHECK_REPORT):
            for path in folder.glob(f"{name}*"):
                path.unlink()
        shutil.rmtree(folder / "master", ignore_errors=True)
        others = [path.name for path in folder.iterdir() if path.name != RESTORING]
        if others:
            raise BackupError(f"{folder} holds {', '.join(sorted(others))}: restore elsewhere")

    def _clear_database(self, earlier: str | None) -> None:
        if self.options.database is None:
            return
        with _connected(self.options.database) as connection:
            for schema in SCHEMAS:
                row = connection.execute(
                    "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace "
                    "WHERE nspname = %s",
                    (schema,),
                ).fetchone()
                if row is None:
                    continue
                if earlier is None or row[0] != COMMENT + earlier:
                    raise BackupError(
                        f"the database has a schema {schema}: restore into an empty database"
                    )
                drop = sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema))
                connection.execute(drop)

    def _make_schemas(self, ours: str) -> None:
        """With our name on them, so that a later call may clear them, and nothing else."""
        if self.options.database is None:
            return
        with _connected(self.options.database) as connection:
            for schema in SCHEMAS:
                name = sql.Identifier(schema)
                connection.execute(sql.SQL("CREATE SCHEMA {}").format(name))
                said = sql.SQL("COMMENT ON SCHEMA {} IS {}")
                connection.execute(said.format(name, sql.Literal(COMMENT + ours)))


def _connected(database: str) -> psycopg.Connection[tuple[Any, ...]]:
    try:
        return psycopg.connect(database)
    except psycopg.Error as error:
        raise BackupError(f"the database cannot be reached ({error})") from error


def _marked(marker: Path) -> str | None:
    """The id of the restore that was stopped here."""
    try:
        told = json.loads(marker.read_bytes())
        return str(told["restore"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise BackupError(f"{marker} is no marker of a restore: restore elsewhere") from None


def _remove_marker(marker: Path) -> None:
    marker.unlink()
    sync_folder(marker.parent)


# ---------------------------------------------------------------- the drill


@dataclass(frozen=True, slots=True)
class Drilled:
    """A restore that was tried: all of it, in a folder that is gone again."""

    started: datetime
    finished: datetime
    restored: Restored | None
    failed: str | None

    @property
    def ok(self) -> bool:
        return self.failed is None

    def as_json(self) -> dict[str, Any]:
        return {
            "drill": "passed" if self.ok else "failed",
            "started": time_text(self.started),
            "finished": time_text(self.finished),
            "failed": self.failed,
            "restored": None if self.restored is None else self.restored.as_json(),
        }


def drill(restore: Restore, scratch: Path | None = None) -> Drilled:
    """Restore into a temporary folder (SQLite, whatever the archive is in), check it, delete it.

    Nothing is published of that log: it ends with the folder. Never raises for what is wrong with
    the backup; the report says it.
    """
    started, clock = restore.options.clock(), restore.options.clock
    folder = Path(tempfile.mkdtemp(prefix="liuhen-drill-", dir=scratch))
    trial = replace(
        restore, options=replace(restore.options, data=folder / "data", database=None, views=())
    )
    restored, failed = None, None
    try:
        restored = trial.run()
    except BackupError as error:
        failed = str(error)
    finally:
        for master in folder.glob("data/master/*"):
            with suppress(OSError):
                master.write_bytes(secrets.token_bytes(32))
        shutil.rmtree(folder, ignore_errors=True)
    return Drilled(started, clock(), restored, failed)
