"""保管日志: what retention refused, put off or warned of, each as an event of the archive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Literal

from archive.evidence.instant import time_text
from archive.ledger import new_id
from archive.opening import Archive
from archive.sealing import INTERNAL
from domain.commands import Actor, Open, TakeStep
from retention.errors import DisposalRefusedError

KIND = "retention-journal"
ARCHIVE = Actor(person=None, assurance="system", trusted=True)
"""The archive itself: it writes down what people led to."""


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
            self.note(Note(what, error.code, who, error.record, disposal, error.message.en))
            raise

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


def _row(note: Note, at: str) -> dict[str, str]:
    said = {
        "at": at,
        "who": note.who,
        "what": note.what,
        "code": note.code,
        "record": note.record,
        "disposal": note.disposal,
        "detail": note.detail,
    }
    return {name: value for name, value in said.items() if value is not None}
