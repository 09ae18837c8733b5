"""What the verifier found: steps, findings, and one verdict per event."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

STEPS = range(1, 15)


class Verdict(StrEnum):
    OPENED = "OPENED"
    DISPOSED = "DISPOSED"
    WITHHELD = "WITHHELD"
    MISSING = "MISSING"
    MISMATCH = "MISMATCH"


class Level(StrEnum):
    FAILED = "FAILED"
    FLAG = "FLAG"  # worth a look, no failure
    NOT_CHECKED = "NOT CHECKED"


@dataclass(frozen=True, slots=True)
class Finding:
    step: int
    level: Level
    code: str  # a key of wording.FINDINGS
    where: str  # member, or record, event and part
    detail: str = ""


@dataclass(slots=True)
class EventVerdict:
    index: int
    record: str
    version: int
    event: str
    type: str
    number: str | None
    verdict: Verdict
    disposed_by: int | None = None  # leaf index of the disposal


@dataclass(slots=True)
class Report:
    origin: str = ""
    checkpoint_size: int = 0
    checkpoint_root: str = ""
    log_key: str = ""
    key_trusted: bool = False  # the log key came from the reader, not from the bundle
    findings: list[Finding] = field(default_factory=list)
    events: list[EventVerdict] = field(default_factory=list)
    counts: dict[int, int] = field(default_factory=dict)  # step -> things checked
    failures: int = 0

    @property
    def ok(self) -> bool:
        return self.failures == 0

    def of_step(self, step: int) -> Sequence[Finding]:
        return [finding for finding in self.findings if finding.step == step]

    def add(self, step: int, level: Level, code: str, where: str, detail: object = "") -> None:
        self.findings.append(Finding(step, level, code, where, str(detail)))

    def fail(self, step: int, code: str, where: str, detail: object = "") -> None:
        self.failures += 1
        self.add(step, Level.FAILED, code, where, detail)

    def count(self, step: int) -> None:
        self.counts[step] = self.counts.get(step, 0) + 1
