"""What time it is, as far as others prove it: nobody makes a record due by turning a clock.

A timestamp authority's token, and a witness's cosignature, show that their time has come. The
archive's own checkpoints show nothing: whoever owns the clock can step it through three years with
a checkpoint each.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from archive.opening import Archive
from archive.store import Store
from domain.kind import Text

AHEAD = timedelta(hours=48)
"""How far the clock may be ahead of the last outside time."""


class TimeStatus(StrEnum):
    PROVEN = "proven"
    SELF_ASSERTED = "self-asserted"
    TIME_NOT_PROVEN = "TIME_NOT_PROVEN"
    CLOCK_BEHIND = "CLOCK_BEHIND"


@dataclass(frozen=True, slots=True)
class ProvenTime:
    """`now`: by which due is reckoned, while nothing is `frozen`. `outside`: proven by others."""

    now: datetime
    status: TimeStatus
    outside: datetime | None
    sentence: Text

    @property
    def frozen(self) -> bool:
        """Nothing may be disposed of."""
        return self.status in {TimeStatus.TIME_NOT_PROVEN, TimeStatus.CLOCK_BEHIND}


def outside_time(instants: Iterable[datetime]) -> datetime | None:
    """The latest of all instants that others prove: timestamps, and cosignatures beside them."""
    return max(instants, default=None)


def judge(
    system: datetime,
    last_leaf_recorded_at: datetime | None,
    outside: datetime | None,
    configured: bool,
) -> ProvenTime:
    """The earlier of the system's clock and the outside time, and how far it may be relied on.

    `configured`: whether anybody outside is asked for the time at all, or ever was.
    """
    now = system if outside is None else min(system, outside)
    if last_leaf_recorded_at is not None and system < last_leaf_recorded_at:
        told = _behind(system, last_leaf_recorded_at)
        return ProvenTime(now, TimeStatus.CLOCK_BEHIND, outside, told)
    if outside is None:
        status = TimeStatus.TIME_NOT_PROVEN if configured else TimeStatus.SELF_ASSERTED
        return ProvenTime(now, status, None, _never(system) if configured else _asserted(system))
    if system - outside > AHEAD:
        return ProvenTime(now, TimeStatus.TIME_NOT_PROVEN, outside, _ahead(system, outside))
    return ProvenTime(now, TimeStatus.PROVEN, outside, _proven(now, outside))


def proven_time(archive: Archive) -> ProvenTime:
    """The judgement for an archive as it stands now: log, clock, tokens and cosignatures."""
    last = archive.store.head().recorded_at  # before the clock is looked at: others may append
    sources = archive.timestamps, archive.witnesses
    outside = outside_time(each.at for source in sources for each in source.proven())
    configured = any(source.configured for source in sources) or _was_had(archive.store)
    return judge(archive.options.clock(), last, outside, configured)


def _was_had(store: Store) -> bool:
    """Whether others ever proved a time to this archive: nobody gets rid of that by leaving them
    out of the settings."""
    return store.last_cosignature() > 0 or next(store.timestamps(), None) is not None


def _said(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _proven(now: datetime, outside: datetime) -> Text:
    return Text(
        zh=f"时间已由外部证明：以 {_said(now)} 为准（外部时间 {_said(outside)}）。",
        en=f"Time is proven by others: {_said(now)} counts (outside time {_said(outside)}).",
    )


def _asserted(system: datetime) -> Text:
    return Text(
        zh=f"时间为自行声明：未配置时间戳机构或见证方；本机时钟为 {_said(system)}，"
        "须由两人签署日期。",
        en=f"TIME SELF-ASSERTED: no timestamp authority or witness is configured; the clock says "
        f"{_said(system)}, and two people attest the date.",
    )


def _never(system: datetime) -> Text:
    return Text(
        zh=f"时间未经证明：本机时钟为 {_said(system)}，没有可核验的外部时间；取得之前不得处置"
        "（时间戳机构与见证方见设置）。",
        en=f"Time is not proven: the clock says {_said(system)}, and there is no outside time that "
        "can be verified; nothing is disposed of until there is. The settings name the timestamp "
        "authorities and witnesses.",
    )


def _ahead(system: datetime, outside: datetime) -> Text:
    return Text(
        zh=f"时间未经证明：本机时钟 {_said(system)} 超前最近的外部时间 {_said(outside)} "
        "48 小时以上；取得更新的外部时间之前不得处置。",
        en=f"Time is not proven: the clock says {_said(system)}, more than 48 hours ahead of the "
        f"last outside time {_said(outside)}; nothing is disposed of until there is a newer one.",
    )


def _behind(system: datetime, last: datetime) -> Text:
    return Text(
        zh=f"时钟落后：本机时钟 {_said(system)} 早于最后一条记录的时间 {_said(last)}；"
        "校正时钟之前不得处置。",
        en=f"The clock is behind: it says {_said(system)}, before the last event was recorded at "
        f"{_said(last)}; nothing is disposed of until the clock is set right.",
    )
