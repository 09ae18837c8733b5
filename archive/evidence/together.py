"""Several bundles side by side: the volumes of one answer, or of the whole log."""

import heapq
from array import array
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from archive.evidence.report import Report
from archive.evidence.wording import say


@dataclass(frozen=True, slots=True)
class Verified:
    """What is kept of a report: eight bytes a leaf."""

    ok: bool
    checkpoint: tuple[str, int, str]  # origin, size, root
    volume: int
    volumes: int
    proven: "array[int]"

    @classmethod
    def of(cls, report: Report) -> "Verified":
        head = report.origin, report.checkpoint_size, report.checkpoint_root
        about = report.about
        volume, volumes = (about.volume, about.volumes) if about else (1, 1)
        return cls(report.ok, head, volume, volumes, report.proven)


@dataclass(frozen=True, slots=True)
class Together:
    """`one`: nothing failed in any, and all lead to one checkpoint; else nothing more is said.
    `leaves` of `size`: how many of the log's they hold. `missing`: volumes that are not here."""

    one: bool
    leaves: int = 0
    size: int = 0
    missing: tuple[int, ...] = ()

    @property
    def proven(self) -> bool:
        """Whether no event was left out of the log that the checkpoint proves."""
        return self.one and self.leaves == self.size

    def as_json(self) -> dict[str, object]:
        return {**asdict(self), "proven": self.proven}

    def text(self, lang: str) -> str:
        at = 0 if lang == "zh" else 1
        if not self.one:
            return say("together-none", at) + "\n"
        phrase = "together-proven" if self.proven else "together-part"
        lines = [say(phrase, at, self.leaves, self.size)]
        if self.missing:
            missing = say("listed", at).join(map(str, self.missing))
            lines.append(say("together-missing", at, missing))
        return "\n".join(lines) + "\n"


def together(bundles: Sequence[Verified]) -> Together:
    if len({each.checkpoint for each in bundles}) != 1 or not all(each.ok for each in bundles):
        return Together(one=False)
    leaves, last = 0, -1
    for index in heapq.merge(*(each.proven for each in bundles)):
        leaves += index != last
        last = index
    volumes = max(each.volumes for each in bundles)
    here = {each.volume for each in bundles if each.volumes == volumes}
    missing = tuple(n for n in range(1, volumes + 1) if n not in here)
    return Together(one=True, leaves=leaves, size=bundles[0].checkpoint[1], missing=missing)
