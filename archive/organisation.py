"""People, departments, delegations and calendars of the plant, folded from the log in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from time import monotonic
from zoneinfo import ZoneInfo

import tzdata  # type: ignore[import-untyped]  # data with one line of code: its version

from archive.almanac import internal_topics
from archive.ledger import Ledger
from domain.context import Context
from domain.events import Recorded
from domain.record import Record
from domain.registry import KINDS, Registry

FRESH_FOR = 1.0
"""Seconds for which another process's change of the directory may go unseen here."""


@dataclass
class Organisation:
    """Who is who, as of the last look at the log: at most a second behind other processes."""

    ledger: Ledger
    zone: ZoneInfo
    registry: Registry = field(default_factory=Registry)
    _versions: dict[str, int] = field(default_factory=dict)
    _seen: int = 0
    _looked: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self._context = self._made()
        self.ledger.surroundings.context = self.context
        self.ledger.surroundings.noted.append(self.note)
        self.catch_up()

    def context(self) -> Context:
        """What rules may look at: the directory and the calendar now."""
        if monotonic() - self._looked > FRESH_FOR:
            self.catch_up()
        return self._context

    def note(self, record: Record, _: Recorded) -> None:
        """Take in an internal record that this process has just committed."""
        if record.kind.id in KINDS:
            with self._lock:
                self._apply(record)

    def catch_up(self) -> None:
        """Read what other processes, or an earlier run, have added."""
        with self._lock:
            self._looked = monotonic()
            size = self.ledger.store.head().size
            if size <= self._seen:
                return
            rows = self.ledger.store.leaves(self._seen, size, topics=internal_topics())
            latest = {row.record_id: row.version for row in rows}
            for record_id, version in latest.items():
                if version > self._versions.get(record_id, 0):
                    self._apply(self.ledger.get(record_id))
            self._seen = size

    def _apply(self, record: Record) -> None:
        """Threads commit one after the other, but may come here in any order."""
        if record.version <= self._versions.get(record.id, 0):
            return
        self._versions[record.id] = record.version
        self.registry = self.registry.apply(record)
        self._context = self._made()

    def _made(self) -> Context:
        return Context(
            directory=self.registry.directory,
            calendar=self.registry.calendar,
            zone=self.zone,
            tzdata=tzdata.IANA_VERSION,
        )
