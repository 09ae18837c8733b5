"""Foreign histories become records: each case one record, each foreign event one event, as it was.

Imported history goes past the guards of the steps, since their order was not ours; claimed times
are the foreign ones, and every record says where it came from. A case is committed whole or not at
all, and is recognised for ever by its source and case id: an import that was interrupted, or is
run twice, adds nothing twice.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from archive import sealing
from archive.ledger import Ledger, mac, new_id
from archive.store import Sealed, Unit
from archive.xes import Pairs, Trace, XesError, read
from domain import forms
from domain.commands import Actor, Import, Open
from domain.decide import decide
from domain.errors import DomainError
from domain.events import Recorded
from domain.kind import Text
from domain.kinds import find
from domain.record import Record, evolve

WORKERS = 16
"""Cases in flight: the committer puts those that wait together into one transaction."""

ARCHIVE = Actor(person=None, system=None, assurance="system", trusted=True)


class ImportingError(Exception):
    """The mapping or the file cannot be used; the message says what to mend."""


class Answer(BaseModel):
    """Where an answer of the opening form comes from: an attribute of the case or of its events."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    attribute: str
    which: str = Field(default="first", pattern="^(first|last|case)$")
    words: Mapping[str, str] = {}
    """The foreign word for each of ours; a word that is not here is left out, and reported."""


class LogMapping(BaseModel):
    """How a foreign log is read: which attribute says what."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    title: Text
    source: str
    kind: str
    step: str
    case: str
    time: str
    activity: str
    status: str
    person: str | None = None
    unit: str | None = None
    answers: Mapping[str, Answer] = {}


def load_mapping(name_or_path: str) -> LogMapping:
    """A shipped mapping by name, or one from a file. Raises ImportingError."""
    shipped = files("archive") / "mappings" / f"{name_or_path}.json"
    try:
        known = name_or_path.replace("-", "").isalnum() and shipped.is_file()
        text = (shipped if known else Path(name_or_path)).read_text(encoding="utf-8")
        return LogMapping.model_validate_json(text)
    except OSError as error:
        names = sorted(p.name[:-5] for p in (files("archive") / "mappings").iterdir())
        raise ImportingError(
            f"no mapping {name_or_path!r} ({error.strerror}); shipped: {', '.join(names)}"
        ) from None
    except ValidationError as error:
        raise ImportingError(f"mapping {name_or_path!r} is not usable: {error}") from None


@dataclass
class Report:
    """What became of the file: nothing is left out without a line that says why."""

    cases: int = 0
    events: int = 0
    imported_cases: int = 0
    imported_events: int = 0
    known_cases: int = 0
    """Cases that an earlier run had imported: nothing was added."""
    refused_cases: int = 0
    lines: list[str] = field(default_factory=list)
    remarks: Counter[str] = field(default_factory=Counter)
    """What was kept in another way than it stood, by reason."""
    dry_run: bool = False

    @property
    def whole(self) -> bool:
        return self.refused_cases == 0


@dataclass(frozen=True, slots=True)
class _Case:
    unit: Unit
    events: int
    remarks: tuple[str, ...]


def import_xes(
    ledger: Ledger,
    path: Path,
    mapping: LogMapping,
    *,
    clock: Callable[[], datetime],
    dry_run: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> Report:
    """Import a log. `progress` is told of each case. Raises ImportingError for an unusable file.

    What was committed before an error stays; the same call goes on where it stopped.
    """
    importer = _Importer(ledger, mapping, clock, fingerprint(path), path.name, dry_run)
    try:
        importer.run(read(path), progress)
    except XesError as error:
        importer.report.lines.append(f"stopped: {error}")
        raise ImportingError(str(error)) from None
    return importer.report


def fingerprint(path: Path) -> str:
    """SHA-256 of the file as it lies there, which the provenance of each record names."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass
class _Importer:
    ledger: Ledger
    mapping: LogMapping
    clock: Callable[[], datetime]
    file_hash: str
    file_name: str
    dry_run: bool
    report: Report = field(init=False)

    def __post_init__(self) -> None:
        self.report = Report(dry_run=self.dry_run)
        self.secret = self.ledger.keys.secret_or_make("source-mac", lambda: secrets.token_bytes(32))

    def run(self, traces: Iterator[Trace], progress: Callable[[int], None]) -> None:
        with ThreadPoolExecutor(WORKERS) as pool:
            while window := list(islice(traces, WORKERS * 4)):
                self._settle([pool.submit(self._import, trace) for trace in window], progress)

    def _settle(
        self, futures: Iterable[Future[Callable[[], None]]], progress: Callable[[int], None]
    ) -> None:
        for done in futures:
            done.result()()  # what became of the case is written down by this thread alone
            progress(1)

    def _import(self, trace: Trace) -> Callable[[], None]:
        try:
            case, known = self.ledger.with_present_keys(lambda: self._placed(trace))
        except (ImportingError, DomainError) as error:
            reason = str(error)
            return lambda: self._refused(trace, reason)
        return lambda: self._done(trace, case, known)

    def _placed(self, trace: Trace) -> tuple[_Case, bool]:
        """The case, and whether it had been imported before."""
        case = self._sealed(trace)
        return case, not self.dry_run and self.ledger.committer.commit(case.unit)[0].replayed

    def _refused(self, trace: Trace, reason: str) -> None:
        self._count(trace)
        self.report.refused_cases += 1
        self.report.lines.append(
            f"line {trace.line}: case {_first(trace.attributes, self.mapping.case) or '?'} with "
            f"{len(trace.events)} events was not imported: {reason}"
        )

    def _done(self, trace: Trace, case: _Case, known: bool) -> None:
        self._count(trace)
        self.report.remarks.update(case.remarks)
        if known:
            self.report.known_cases += 1
        else:
            self.report.imported_cases += 1
            self.report.imported_events += case.events

    def _count(self, trace: Trace) -> None:
        self.report.cases += 1
        self.report.events += len(trace.events)

    def _sealed(self, trace: Trace) -> _Case:
        """The whole case as one unit: its opening, and each foreign event, chained and signed."""
        remarks: list[str] = []
        rests_on = {self.ledger.keyring.record: self.ledger.keyring.version}
        case = _first(trace.attributes, self.mapping.case)
        if not case:
            raise ImportingError(f"it has no attribute {self.mapping.case!r} that names it")
        now = self.clock()
        record_id, record_key = self._new_record()
        lines = [self._line(record_id, event, now, remarks) for event in trace.events]
        started = min((line.occurred_at for line in lines), default=now)
        opening = Open(
            event_id=new_id(),
            record_id=record_id,
            actor=ARCHIVE,
            occurred_at=started,
            received_at=now,
            source=self.mapping.source,
            source_id=case,
            kind=self.mapping.kind,
            step=self.mapping.step,
            values=self._answers(trace, remarks),
            provenance=self._provenance(case, trace),
        )
        sealed, record = self._next(None, opening, record_key)
        unit = [sealed]
        for line in lines:
            sealed, record = self._next(record, line, record_key)
            unit.append(sealed)
        source = mac(self.secret, self.mapping.source, case)
        return _Case(Unit(tuple(unit), rests_on, source=source), len(lines), tuple(remarks))

    def _next(
        self, record: Record | None, command: Open | Import, record_key: bytes
    ) -> tuple[Sealed, Record]:
        decision = decide(record, command, self.ledger.surroundings.context())
        sealed = sealing.seal(
            decision.event,
            author=self.ledger.keyring.author,
            previous=record.head if record else None,
            record_key=record_key,
            prefix=find(self.mapping.kind).prefix if record is None else None,
        )
        recorded = Recorded(decision.event, command.received_at, -1, sealing.digest(sealed))
        after = evolve(record, recorded)
        if after is None:
            raise ImportingError("it could not be opened")
        return sealed, after

    def _new_record(self) -> tuple[str, bytes]:
        if self.dry_run:
            return new_id(), secrets.token_bytes(32)
        return self.ledger.keys.new_record()

    def _line(self, record_id: str, pairs: Pairs, now: datetime, remarks: list[str]) -> Import:
        """One foreign event; a time that cannot be read is kept as an attribute, and reported."""
        claimed = _moment(_first(pairs, self.mapping.time))
        if claimed is None or claimed > now:
            remarks.append("no usable time: claimed time is the import's, the text is kept")
            claimed = now
        return Import(
            event_id=new_id(),
            record_id=record_id,
            actor=ARCHIVE,
            occurred_at=claimed,
            received_at=now,
            activity=_first(pairs, self.mapping.activity) or "",
            status=_first(pairs, self.mapping.status) or "",
            person=_first(pairs, self.mapping.person) or "",
            unit=_first(pairs, self.mapping.unit) or "",
            attributes=pairs,
        )

    def _provenance(self, case: str, trace: Trace) -> dict[str, Any]:
        return {
            "source": self.mapping.source,
            "case": case,
            "mapping": self.mapping.name,
            "file": self.file_name,
            "file_sha256": self.file_hash,
            "line": trace.line,
            "attributes": [list(pair) for pair in trace.attributes],
            "events": len(trace.events),
        }

    def _answers(self, trace: Trace, remarks: list[str]) -> dict[str, Any]:
        said: dict[str, Any] = {}
        for name, answer in self.mapping.answers.items():
            value = _found(trace, answer)
            if value is None:
                continue
            if answer.words and value not in answer.words:
                remarks.append(f"{name}: no word for {value!r}; kept with the event only")
                continue
            said[name] = answer.words.get(value, value)
        kind = find(self.mapping.kind)
        step = kind.step(self.mapping.step)
        if step is None:
            raise ImportingError(f"{kind.id} has no step {self.mapping.step!r}: mend the mapping")
        return forms.parse_given(f"{kind.id}-{step.id}", step.form, said)


def _first(pairs: Pairs, key: str | None) -> str | None:
    return next((value for name, value in pairs if name == key), None)


def _found(trace: Trace, answer: Answer) -> str | None:
    if answer.which == "case":
        return _first(trace.attributes, answer.attribute)
    events = trace.events if answer.which == "first" else tuple(reversed(trace.events))
    return next((v for e in events if (v := _first(e, answer.attribute)) is not None), None)


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo is not None else None
