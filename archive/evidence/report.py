"""What the verifier found: steps, findings, and one verdict per event."""

import struct
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from archive.evidence.facts import FACTS
from archive.evidence.heads import About

STEPS = range(1, 16)
MOST_ALIKE = 100  # findings of one step, level and code that are kept; the others are counted


class Verdict(StrEnum):
    """In ascending order of severity."""

    OPENED = "OPENED"
    DISPOSED = "DISPOSED"
    WITHHELD = "WITHHELD"
    MISSING = "MISSING"
    MISMATCH = "MISMATCH"


class Level(StrEnum):
    FAILED = "FAILED"
    FLAG = "FLAG"  # worth a look, no failure
    NOT_CHECKED = "NOT CHECKED"


class Completeness(StrEnum):
    """Whether an event of these records was left out, up to the checkpoint."""

    PROVEN = "PROVEN"  # every leaf of the log is here
    SIGNED = "SIGNED"  # by the log key: a lie that one leaf would show
    NOT_CHECKED = "NOT CHECKED"


@dataclass(slots=True)
class Stamped:
    """A timestamp that holds. `renews`: the others here that it is over; none: the checkpoint."""

    n: int
    time: str
    authority: str
    renews: tuple[int, ...] = ()
    trusted: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    step: int
    level: Level
    code: str  # a key of wording.FINDINGS
    where: str  # member, or record, event and part
    detail: str = ""


@dataclass(frozen=True, slots=True)
class EventVerdict:
    index: int
    record: str
    version: int
    event: str
    type: str
    number: str | None
    verdict: Verdict
    disposed_by: int | None = None  # leaf index of the disposal

    @property
    def where(self) -> str:
        return place(self.record, self.number, self.event, self.index)


def place(record: str, number: str | None, event: str, index: int) -> str:
    """How findings name an event."""
    return f"record {record}{f' {number}' if number else ''}, event {event}, leaf {index}"


class Events(Sequence[EventVerdict]):
    """Verdicts by position, in order of index; packed, as there may be millions: 46 bytes each."""

    _ROW = struct.Struct("<QQIB16sBQ")  # index, version, record, type, event, verdict, disposal + 1
    _VERDICT_AT = 37

    def __init__(self) -> None:
        self._rows = bytearray()
        self._records: list[bytes] = []
        self._numbers: list[str | None] = []

    def add_record(self, record: bytes, number: str | None) -> int:
        """The record's place, for `append`; its number stands with all its events."""
        self._records.append(record)
        self._numbers.append(number)
        return len(self._records) - 1

    def append(self, index: int, version: int, record: int, type_: str, event: bytes) -> int:
        """A new event, OPENED so far; its position."""
        row = (index, version, record, _TYPES.index(type_), event, 0, 0)
        self._rows += self._ROW.pack(*row)
        return len(self) - 1

    def worsen(self, position: int, found: Verdict) -> None:
        at = position * self._ROW.size + self._VERDICT_AT
        self._rows[at] = max(self._rows[at], _VERDICTS.index(found))

    def set_disposal(self, position: int, leaf: int) -> None:
        at = position * self._ROW.size + self._VERDICT_AT + 1
        self._rows[at : at + 8] = (leaf + 1).to_bytes(8, "little")

    def record_of(self, position: int) -> bytes:
        row = self._ROW.unpack_from(self._rows, position * self._ROW.size)
        return self._records[int(row[2])]

    def __len__(self) -> int:
        return len(self._rows) // self._ROW.size

    def __iter__(self) -> Iterator[EventVerdict]:
        return map(self._verdict, range(len(self)))

    def __getitem__(self, position: int) -> EventVerdict:  # type: ignore[override]  # no slices
        if not -len(self) <= position < len(self):
            raise IndexError(position)
        return self._verdict(position % len(self))

    def _verdict(self, position: int) -> EventVerdict:
        row = self._ROW.unpack_from(self._rows, position * self._ROW.size)
        index, version, record, type_, event, verdict, disposal = row
        return EventVerdict(
            index,
            self._records[record].hex(),
            version,
            event.hex(),
            _TYPES[type_],
            self._numbers[record],
            _VERDICTS[verdict],
            disposal - 1 if disposal else None,
        )


_VERDICTS, _TYPES = list(Verdict), list(FACTS)


@dataclass(slots=True)
class Report:
    origin: str = ""
    about: About | None = None  # as the bundle says; signed with its heads
    checkpoint_size: int = 0
    checkpoint_root: str = ""
    log_key: str = ""
    key_trusted: bool = False  # the log key came from the reader, not from the bundle
    cosigned: list[tuple[str, str]] = field(default_factory=list)  # trusted witnesses, and when
    completeness: Completeness = Completeness.NOT_CHECKED
    proven: "array[int]" = field(default_factory=lambda: array("Q"))  # indexes, ascending
    timestamps: list[Stamped] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)  # at most MOST_ALIKE of a kind
    kinds: dict[tuple[int, Level, str], int] = field(default_factory=dict)  # how many of each
    events: Events = field(default_factory=Events)
    counts: dict[int, int] = field(default_factory=dict)  # step -> things checked
    failures: int = 0

    @property
    def ok(self) -> bool:
        return self.failures == 0

    @property
    def failed_steps(self) -> list[int]:
        return sorted({step for step, level, _ in self.kinds if level is Level.FAILED})

    def of_step(self, step: int) -> Sequence[Finding]:
        return [finding for finding in self.findings if finding.step == step]

    def add(self, step: int, level: Level, code: str, where: str, detail: object = "") -> None:
        kind = step, level, code
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        if self.kinds[kind] <= MOST_ALIKE:
            self.findings.append(Finding(step, level, code, where, str(detail)))

    def fail(self, step: int, code: str, where: str, detail: object = "") -> None:
        self.failures += 1
        self.add(step, Level.FAILED, code, where, detail)

    def count(self, step: int) -> None:
        self.counts[step] = self.counts.get(step, 0) + 1
