"""What must not go unnoticed: each alarm with its plain words, and the same in every place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from archive.evidence.instant import time_text
from archive.findings import Finding
from archive.store import StoreError
from archive.timestamps import Timestamps
from archive.witnessing import Witnesses, WitnessState

Level = Literal["wrong", "late"]
"""`wrong`: the archive is not what was signed or verified. `late`: proof from outside is missing,
or nobody looked for too long."""
GRACE = timedelta(minutes=1)
"""A head waits for its last cosignature for a moment: that is how it always goes."""
MISSED = 3
"""An authority is overdue once so many of its turns went by without a token."""

WORDS: dict[str, tuple[str, str]] = {
    "integrity": (
        "自核验发现问题:档案与已签名或已核验的内容不符。请保留现状作为证据,运行 liuhen check。",
        "Self-checking found something wrong: the archive is not what was signed or verified. "
        "Keep it as it is as evidence, and run liuhen check.",
    ),
    "unchecked": (
        "自核验未能按时完成。",
        "Self-checking is not done in time.",
    ),
    "fork": (
        "见证方见过本日志的另一段历史或更长的历史。请保留两者作为证据。",
        "A witness has seen another history of this log, or a longer one. Keep both as evidence.",
    ),
    "quorum": (
        "见证方未达法定数:新的签名头暂不对外发布。",
        "No quorum of witnesses: newer signed heads do not go out.",
    ),
    "timestamp": (
        "时间戳逾期:时间戳机构未给出新的时间戳。",
        "Timestamps are overdue: an authority gives none.",
    ),
}


@dataclass(frozen=True, slots=True)
class Alarm:
    """`about`: which one, where there are several (an authority, a witness, a kind of finding).
    `leaf`: the first that is concerned, where it is one."""

    code: str
    level: Level
    since: datetime
    about: str = ""
    leaf: int | None = None

    def text(self, language: str) -> str:
        return WORDS[self.code][0 if language == "zh" else 1]

    @property
    def identity(self) -> tuple[str, str]:
        return self.code, self.about

    def as_json(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "level": self.level,
            "since": time_text(self.since),
            "about": self.about,
            "leaf": self.leaf,
            "zh": self.text("zh"),
            "en": self.text("en"),
        }


def of_finding(code: str, leaf: int | None, since: datetime) -> Alarm:
    return Alarm("integrity", "wrong", since, code, leaf)


def of_findings(findings: tuple[Finding, ...], since: datetime) -> Iterator[Alarm]:
    """One for each kind of finding, with its first leaf."""
    seen = set()
    for each in findings:
        if each.code not in seen:
            seen.add(each.code)
            yield of_finding(each.code, each.leaf, since)


def of_witnesses(witnesses: Witnesses, now: datetime) -> Iterator[Alarm]:
    """Of a store that is out of reach other places tell."""
    try:
        healths, quorum = witnesses.health(), witnesses.quorum()
    except StoreError:
        return
    for each in healths:
        if each.state in (WitnessState.FORK, WitnessState.AHEAD):
            yield Alarm("fork", "wrong", each.since or now, each.name)
    if quorum and quorum.behind_since and now - quorum.behind_since > GRACE:
        yield Alarm("quorum", "late", quorum.behind_since)


def of_timestamps(
    timestamps: Timestamps, interval: timedelta, began: datetime, now: datetime
) -> Iterator[Alarm]:
    """`began`: when this server did; an authority that never answered counts from there."""
    try:
        healths = timestamps.health()
    except StoreError:
        return
    for each in healths:
        last = each.last or began
        if now - last > MISSED * interval:
            yield Alarm("timestamp", "late", each.away_since or last, each.name)
