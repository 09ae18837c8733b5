"""Opening an archive: everything that belongs to one, put together for SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

from archive.attachments import Attachments
from archive.committer import Committer, Placed
from archive.keyring import Keyring
from archive.keystore import KeyStore, PostgresKeyStore, SQLiteKeyStore
from archive.ledger import Ledger
from archive.log import TransparencyLog
from archive.organisation import Organisation
from archive.postgres import PostgresStore
from archive.projector import Projector
from archive.recorder import LogRecorder
from archive.sqlite import SQLiteStore
from archive.store import Store
from archive.views.database import ViewDatabase, open_views


@dataclass(frozen=True, slots=True)
class Options:
    """Where an archive lies and what it calls itself.

    `data`: folder of the SQLite files, the views and the master key. `database`: a PostgreSQL
    address instead of SQLite. `origin`: the log's name in every proof, for ever.
    """

    data: Path
    clock: Callable[[], datetime]
    origin: str = "liuhen.local/archive"
    database: str | None = None
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Asia/Shanghai"))


@dataclass
class Archive:
    """One open archive. Close it: pending views are left to the next start, nothing is lost."""

    options: Options
    store: Store
    keys: KeyStore
    committer: Committer
    keyring: Keyring
    ledger: Ledger
    organisation: Organisation
    attachments: Attachments
    log: TransparencyLog
    view_database: ViewDatabase
    views: Projector

    def close(self) -> None:
        self.views.stop()
        self.view_database.close()
        self.ledger.close()
        self.keys.close()
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_archive(options: Options) -> Archive:
    """Open the archive, creating it on first use. Raises StoreUnavailable, ViewError."""
    options.data.mkdir(parents=True, exist_ok=True)
    store, keys = _stores(options)
    ring: list[Keyring] = []

    def sign_receipt(placed: Placed) -> bytes:
        return ring[0].sign_receipt(placed)

    committer = Committer(store, options.clock, sign_receipt, options.zone)
    keyring = Keyring(options.origin, store, keys, options.clock)
    ring.append(keyring)
    keyring.found(committer)
    ledger = Ledger(
        store=store,
        recorder=LogRecorder(store, options.clock),
        committer=committer,
        keys=keys,
        keyring=keyring,
    )
    organisation = Organisation(ledger, options.zone)
    attachments = Attachments(store, keys, options.clock)
    ledger.surroundings.attached = attachments.attached
    view_database = open_views(options.database or options.data / "views.db")
    views = Projector(ledger, organisation, view_database)
    ledger.surroundings.incoming = views.incoming
    return Archive(
        options,
        store,
        keys,
        committer,
        keyring,
        ledger,
        organisation,
        attachments,
        TransparencyLog(store, keyring, options.clock),
        view_database,
        views,
    )


def _stores(options: Options) -> tuple[Store, KeyStore]:
    master = options.data / "master"
    if options.database is not None:
        return PostgresStore(options.database), PostgresKeyStore(options.database, master)
    return (
        SQLiteStore(options.data / "archive.db"),
        SQLiteKeyStore(options.data / "keys.db", master),
    )
