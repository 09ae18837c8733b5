"""What every route has on its desk: the open archive, keys of callers, access log and clock."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

from api.executing import Executions
from api.groups import Groups
from api.idempotency import Windows
from api.pages.sessions import Failures
from api.settings import Settings
from archive.accesses import AccessLog
from archive.callers import Callers
from archive.opening import Archive
from archive.signoff_keys import SignoffKeys
from archive.watching import Watch
from domain.calendar import Calendar
from domain.directory import Directory
from retention.due import DueView
from retention.opening import Retention


@dataclass(frozen=True, slots=True)
class Desk:
    archive: Archive
    settings: Settings
    callers: Callers
    accesses: AccessLog
    windows: Windows
    clock: Callable[[], datetime]
    pool: ThreadPoolExecutor
    """For uploads, batches and whatever else waits for the disk by itself."""
    groups: Groups
    """For appends: those that arrive together are taken together."""
    retention: Retention
    executions: Executions
    signoff: SignoffKeys
    watch: Watch
    attempts: Failures = field(default_factory=Failures)
    """Passphrases that failed."""

    @property
    def directory(self) -> Directory:
        return self.archive.organisation.context().directory

    @property
    def calendar(self) -> Calendar:
        return self.archive.organisation.context().calendar

    @property
    def due(self) -> DueView:
        return self.archive.views.view(DueView)
