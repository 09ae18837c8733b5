"""保管日志: what retention refused, put off or warned of, each as an event of the archive.

What the kernel refuses is heard from the ledger, so it stands here whichever way it was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import Lock
from typing import Literal

from archive.contexts import Refused
from archive.destruction import NotDisposedError
from archive.evidence.instant import time_text
from archive.ledger import RecordDestroyedError, new_id
from archive.opening import Archive
from archive.sealing import INTERNAL
from archive.store import StoreError
from domain.commands import Actor, AnyCommand, Dispose, File, Open, TakeStep
from domain.errors import (
    DisposalError,
    DomainError,
    GuardError,
    NotEntitledError,
    StepNotAllowedError,
)
from domain.record import Record
from retention.errors import DisposalRefusedError

KIND = "retention-journal"
KINDS = frozenset({
    "disposal", "retention-rule", "legal-hold", "paper-copy", "retention-trigger",
    "base-date-claim", "retention-correction", "restoration",
    "records-transfer", KIND, "access-log",
})  # fmt: skip
"""Of these every refusal is noted; a form that is filled in wrongly is none."""
ARCHIVE = Actor(person=None, assurance="system", trusted=True)
"""The archive itself: it writes down what people led to."""
SINGLY = 64
"""So many refusals of one person by one code are an event each within an hour. After that one is
noted whenever their number has doubled, so that nobody fills the log by being refused."""
LONGEST = 2000


@dataclass(frozen=True, slots=True)
class Note:
    what: Literal["refused", "deferred", "alarm"]
    code: str
    who: str | None = None
    record: str | None = None
    disposal: str | None = None
    detail: str | None = None


@dataclass
class Journal:
    """One record a year; whoever is first that year opens it. Safe to use from any thread."""

    archive: Archive
    _record: tuple[int, str] | None = None
    _lock: Lock = field(default_factory=Lock)
    _hour: datetime | None = None
    _counts: dict[tuple[str | None, str], int] = field(default_factory=dict)

    def note(self, *notes: Note) -> None:
        """Committed when this returns. Raises StoreError."""
        now = self.archive.options.clock()
        self.archive.ledger.execute(
            TakeStep(
                event_id=new_id(),
                record_id=self._of_the_year(),
                actor=ARCHIVE,
                occurred_at=now,
                received_at=now,
                step="note",
                values={"items": [_row(note, time_text(now)) for note in notes]},
            )
        )

    @contextmanager
    def refusals(self, who: str | None, disposal: str | None = None) -> Iterator[None]:
        """What is refused within it is noted, and raised on."""
        try:
            yield
        except DisposalRefusedError as error:
            what: Literal["refused", "deferred"] = (
                "deferred" if error.code == "NOT_A_WORKING_DAY" else "refused"
            )
            self._note_sparingly(
                Note(what, error.code, who, error.record, disposal, error.message.en)
            )
            raise

    def hear(self, refused: Refused) -> None:
        """Note what the kernel refused, if retention is concerned. For `Surroundings.refused`."""
        note = _heard(refused)
        if note is not None:
            with suppress(StoreError):  # a full disk is no reason to answer something else
                self._note_sparingly(note)

    def _note_sparingly(self, note: Note) -> None:
        count = self._counted(note)
        if count > SINGLY:
            if count & (count - 1):  # no power of two
                return
            note = replace(note, detail=f"{count} times this hour; the last: {note.detail or ''}")
        self.note(note)

    def _counted(self, note: Note) -> int:
        """How often within this hour this person was refused by this code."""
        hour = self.archive.options.clock().replace(minute=0, second=0, microsecond=0)
        with self._lock:
            if hour != self._hour:
                self._hour = hour
                self._counts.clear()
            of = note.who, note.code
            self._counts[of] = self._counts.get(of, 0) + 1
            return self._counts[of]

    def entries(self) -> Sequence[dict[str, str]]:
        """Every note, oldest first."""
        found = []
        for record_id in self._all():
            for entry in self.archive.ledger.get(record_id).entries:
                found += entry.values.get("items", ())
        return sorted(found, key=lambda row: row["at"])

    def _of_the_year(self) -> str:
        zone = self.archive.options.zone
        year = self.archive.options.clock().astimezone(zone).year
        with self._lock:
            if self._record is None or self._record[0] != year:
                self._record = (year, self._find(year) or self._begin(year))
            return self._record[1]

    def _find(self, year: int) -> str | None:
        found = (r for r in self._all() if self._year(r) == year)
        return next(found, None)

    def _year(self, record_id: str) -> object:
        return self.archive.ledger.get(record_id).answer("begin.year")

    def _all(self) -> list[str]:
        topic = f"{INTERNAL}{KIND}/opened"
        return [row.record_id for row in self.archive.store.leaves(0, topics=(topic,))]

    def _begin(self, year: int) -> str:
        now, record_id = self.archive.options.clock(), new_id()
        self.archive.ledger.execute(
            Open(
                event_id=new_id(),
                record_id=record_id,
                actor=ARCHIVE,
                occurred_at=now,
                received_at=now,
                kind=KIND,
                step="begin",
                values={"year": year},
            )
        )
        return record_id


def _heard(refused: Refused) -> Note | None:
    """The note of a refusal; None where it is no affair of retention's."""
    error, record, command = refused.error, refused.record, refused.command
    if isinstance(error, NotDisposedError):
        return Note("refused", "NO_APPROVED_BATCH", record=error.record_id, detail=str(error))
    if command is None or not _concerns(error, command, record):
        return None
    said = error.message.en if isinstance(error, DomainError) else str(error)
    return Note(
        "refused",
        error.code if isinstance(error, DomainError) else "DISPOSED",
        command.actor.id,
        record.id if record is not None else None,
        _disposal(command, record),
        said,
    )


def _concerns(error: Exception, command: AnyCommand, record: Record | None) -> bool:
    """What retention refuses itself is noted where it is raised."""
    kind = command.kind if isinstance(command, Open) else record.kind.id if record else None
    if kind == KIND and command.actor.trusted:
        return False  # this journal's own: it would never come to an end
    if isinstance(error, DisposalError | RecordDestroyedError):
        return not isinstance(error, DisposalRefusedError)
    rules = isinstance(error, NotEntitledError | GuardError | StepNotAllowedError)
    return rules and (kind in KINDS or _lets_go(command))


def _lets_go(command: AnyCommand) -> bool:
    """Whether it would dispose of its record, or count its years from an earlier day."""
    claims = isinstance(command, File) and (command.claim or command.base_date) is not None
    return claims or isinstance(command, Dispose)


def _disposal(command: AnyCommand, record: Record | None) -> str | None:
    if isinstance(command, Dispose):
        return command.warrant
    return record.id if record is not None and record.kind.id == "disposal" else None


def _row(note: Note, at: str) -> dict[str, str]:
    said = {
        "at": at,
        "who": note.who,
        "what": note.what,
        "code": note.code,
        "record": note.record,
        "disposal": note.disposal,
        "detail": note.detail[:LONGEST] if note.detail else None,
    }
    return {name: value for name, value in said.items() if value is not None}
