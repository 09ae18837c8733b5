"""Who read what is confidential, who exported, who was refused: noted in the archive itself.

Notes go into a record of the day, of the internal kind `access-log`, a batch to an event, so that
they are signed, chained and encrypted like everything else and a read need not wait for the disk.
A crash loses at most the last batch; exports and keys are written before they are handed out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from threading import Event, Lock, Thread

from archive.evidence.instant import time_text
from archive.ledger import Ledger, new_id
from archive.store import StoreError
from domain.commands import Actor, Open, TakeStep
from domain.errors import DomainError

BATCH = 100
STRANGERS, WITHIN = 100, timedelta(hours=1)
"""So many refusals of callers without a key are noted one by one; then they are counted. The log
is for ever, and whoever reaches the port can be refused."""
KIND = "access-log"
_ARCHIVE = Actor(person=None, assurance="system", trusted=True)
_log = logging.getLogger("liuhen.accesses")


@dataclass(frozen=True, slots=True)
class Access:
    """`what`: read, export, refused, issued or revoked (a key). `who`: person or caller id, None
    for a stranger; `os:` and a login for somebody at the machine's own command line."""

    at: datetime
    what: str
    who: str | None
    caller: str | None
    record: str | None
    route: str
    request: str


@dataclass
class AccessLog:
    """Safe to use from any thread; `start` writes in the background, `flush` at once."""

    ledger: Ledger
    clock: Callable[[], datetime]
    interval: float = 5.0
    _notes: list[Access] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)
    _writing: Lock = field(default_factory=Lock)
    _record: tuple[date, str] | None = None
    _wake: Event = field(default_factory=Event)
    _thread: Thread | None = None
    _ended: bool = False
    _since: datetime | None = None
    _strangers: int = 0
    _last: Access | None = None

    def note(self, access: Access) -> None:
        with self._lock:
            if access.who is None and access.caller is None and self._is_one_too_many(access):
                return
            self._notes.append(access)
            full = len(self._notes) >= BATCH
        if full:
            self._wake.set()

    def _is_one_too_many(self, stranger: Access) -> bool:
        if self._since is None or stranger.at - self._since >= WITHIN:
            self._count_strangers()
            self._since = stranger.at
        self._strangers += 1
        if self._strangers <= STRANGERS:
            return False
        self._last = stranger
        return True

    def _count_strangers(self) -> None:
        """One note for all that were not noted one by one."""
        more = self._strangers - STRANGERS
        if self._last is not None and more > 0:
            self._notes.append(replace(self._last, route=f"+{more}"))
        self._strangers, self._last = 0, None

    def flush(self) -> None:
        """Write what is noted. Raises StoreError, and keeps what it could not write."""
        with self._writing:
            while True:
                with self._lock:
                    batch = self._notes[:BATCH]
                if not batch:
                    return
                self._write(batch)
                with self._lock:
                    del self._notes[: len(batch)]

    def start(self) -> None:
        self._thread = Thread(target=self._run, name="access-log", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what is left and end the thread; what cannot be written is lost, and said so."""
        self._ended = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            self._count_strangers()
        self._try_to_flush()

    def _run(self) -> None:
        while not self._ended:
            self._wake.wait(self.interval)
            self._wake.clear()
            self._try_to_flush()

    def _try_to_flush(self) -> None:
        try:
            self.flush()
        except (StoreError, DomainError):
            said = {"waiting": len(self._notes)}
            _log.exception("accesses could not be written; they wait", extra={"said": said})

    def _write(self, batch: list[Access]) -> None:
        now = self.clock()
        record = self._of_the_day(now)
        self.ledger.execute(
            TakeStep(
                event_id=new_id(),
                record_id=record,
                actor=_ARCHIVE,
                occurred_at=now,
                received_at=now,
                step="note",
                values={"accesses": [_row(access) for access in batch]},
            )
        )

    def _of_the_day(self, now: datetime) -> str:
        """Each process opens a record of its own for each day."""
        today = now.astimezone(self.ledger.surroundings.context().zone).date()
        if self._record is None or self._record[0] != today:
            record = new_id()
            self.ledger.execute(
                Open(
                    event_id=new_id(),
                    record_id=record,
                    actor=_ARCHIVE,
                    occurred_at=now,
                    received_at=now,
                    kind=KIND,
                    step="begin",
                    values={"day": today.isoformat()},
                )
            )
            self._record = (today, record)
        return self._record[1]


def _row(access: Access) -> dict[str, str]:
    said = {
        "at": time_text(access.at),
        "what": access.what,
        "who": access.who,
        "caller": access.caller,
        "record": access.record,
        "route": _fit(access.route, 200),
        "request": access.request,
    }
    return {name: value for name, value in said.items() if value is not None}


def _fit(told: str, longest: int) -> str:
    """What a stranger may have made up, as the form takes it: printable and not too long."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in told)[:longest]
