"""Opening an archive: everything that belongs to one, put together for SQLite or PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

from archive.attachments import Attachments
from archive.authority import Authority
from archive.check import Progress, Thoroughness, check
from archive.committer import Committer, Placed
from archive.contexts import Refused
from archive.destruction import Destruction
from archive.evidence.policy import Policy
from archive.exporting import Exporter
from archive.findings import CheckReport, Finding, keep_report
from archive.inspection import Sources
from archive.keyring import Keyring
from archive.keystore import KeyStore, PostgresKeyStore, SQLiteKeyStore
from archive.ledger import Ledger, NoSuchRecordError
from archive.log import TransparencyLog
from archive.organisation import Organisation
from archive.owner_only import mend, own_folder
from archive.postgres import PostgresStore
from archive.projector import Projector
from archive.recorder import LogRecorder
from archive.sqlite import SQLiteStore
from archive.store import Store, StoreError
from archive.timestamps import Timestamps
from archive.views.catalogue import ExtraView
from archive.views.database import ViewDatabase, ViewDatabaseUnavailable, open_views
from archive.witnessing import Witnesses


@dataclass(frozen=True, slots=True)
class Options:
    """Where an archive lies and what it calls itself.

    `data`: folder of the SQLite files, the views and the master key. `database`: a PostgreSQL
    address instead of SQLite. `origin`: the log's name in every proof, for ever. `views`: those of
    the floors above, beside our own.
    """

    data: Path
    clock: Callable[[], datetime]
    origin: str = "liuhen.local/archive"
    database: str | None = None
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Asia/Shanghai"))
    authorities: tuple[Authority, ...] = ()
    """Who is asked for timestamps; none of these and of the witnesses, and no other server is ever
    spoken to."""
    witnesses: Policy | None = None
    """Who is asked for cosignatures, and how many of them a head needs before it goes out."""
    views: tuple[ExtraView, ...] = ()
    restoring: bool = False
    """Only for the restore itself: nobody else opens what is not restored wholly."""


RESTORING = "restoring.json"
"""Lies in a data folder whose restore has not come to its end."""
CHECK_REPORT = "check.json"
_ID = re.compile(r"[0-9a-f]{32}")
_NUMBER = re.compile(r"([A-Z]{2,4})-([0-9]{4})-([0-9]{1,9})")
THOROUGH = Thoroughness()


def _silent(_done: int, _of: int) -> None:
    return


class RestoreUnfinishedError(StoreError):
    """Disposals and holds of the time after the backup may be missing: nobody is served."""

    def __init__(self, data: Path) -> None:
        super().__init__(
            f"the archive in {data} was not restored to the end, and is not served: run "
            "`liuhen restore` again, it begins anew"
        )


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
    timestamps: Timestamps
    witnesses: Witnesses
    view_database: ViewDatabase
    views: Projector
    secured: Callable[[], None] | None = None
    """Backs the keys up anew when some were destroyed, and removes older key backups; None where
    that is done by hand."""

    def find(self, name: str) -> str:
        """The id of the record that an id or a number (KS-2026-00017) names. NoSuchRecordError."""
        if _ID.fullmatch(name):
            return name
        number = _NUMBER.fullmatch(name)
        found = None
        if number is not None:
            if not self.views.wait_for(self.store.head().size - 1):
                raise ViewDatabaseUnavailable("the views are behind the log: try again in a moment")
            found = self.views.numbers.record(number[1], int(number[2]), int(number[3]))
        if found is None:
            raise NoSuchRecordError(name)
        return found

    @property
    def destruction(self) -> Destruction:
        """Destroys records' content wherever it is kept here, once the log says that they were
        disposed of. Who may, and when, is decided above."""
        tell = self.ledger.surroundings.refused
        return Destruction(
            self.store,
            self.keys,
            [self.views.purge],
            self.secured or (lambda: None),
            lambda error: tell(Refused(error, None)),
        )

    @property
    def exporter(self) -> Exporter:
        return Exporter(
            self.store,
            self.keys,
            self.keyring,
            self.log,
            self.witnesses.publish_now,
            self.options.witnesses,
            self.timestamps.stamp_present,
        )

    def check(
        self,
        progress: Progress = _silent,
        *,
        views: bool = True,
        how: Thoroughness = THOROUGH,
        tell: Callable[[Finding], None] | None = None,
    ) -> CheckReport:
        """Verify everything, keep the result beside the data, and return it."""
        report = check(
            sources_of(self.options),
            self.options.clock,
            how=how,
            progress=progress,
            compare_views=self.views.compare if views else None,
            judge_tokens=self.timestamps.judge,
            tell=tell,
        )
        keep_report(self.check_report, report)
        return report

    @property
    def check_report(self) -> Path:
        """Where the last check's result lies, content-free JSON."""
        return self.options.data / CHECK_REPORT

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
    """Open the archive, creating it on first use.

    Raises StoreUnavailable, StoreCorrupt (log, keys and origin do not belong together), ViewError,
    RestoreUnfinishedError.
    """
    own_folder(options.data)
    mend(options.data / CHECK_REPORT)
    if (options.data / RESTORING).exists() and not options.restoring:
        raise RestoreUnfinishedError(options.data)
    with ExitStack() as opened:
        archive = _put_together(options, opened)
        opened.pop_all()
    return archive


def _put_together(options: Options, opened: ExitStack) -> Archive:
    """`opened` closes what was opened so far, where the rest cannot be."""
    sources = sources_of(options)
    store = sources.open_store()
    opened.callback(store.close)
    keys = sources.open_keys()
    opened.callback(keys.close)
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
    opened.callback(view_database.close)
    views = Projector(ledger, organisation, view_database, options.views)
    ledger.surroundings.incoming = views.incoming
    log = TransparencyLog(store, keyring, options.clock)
    return Archive(
        options,
        store,
        keys,
        committer,
        keyring,
        ledger,
        organisation,
        attachments,
        log,
        Timestamps(store, log, options.authorities, options.clock),
        Witnesses(store, log, options.witnesses, options.clock),
        view_database,
        views,
    )


def sources_of(options: Options) -> Sources:
    """How another process of the same archive opens its store and its keys."""
    master, address = options.data / "master", options.database
    if address is not None:
        return Sources(
            options.origin,
            partial(PostgresStore, address),
            partial(PostgresKeyStore, address, master),
        )
    return Sources(
        options.origin,
        partial(SQLiteStore, options.data / "archive.db"),
        partial(SQLiteKeyStore, options.data / "keys.db", master),
    )
