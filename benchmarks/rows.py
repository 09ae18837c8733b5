"""What a measurement says: one row of the table, and how rounds alternate."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True)
class Size:
    """How much is measured. `full` goes to the million; `smoke` only shows that all of it runs."""

    name: str
    rounds: int
    seconds: float
    """Of one round of a rate."""
    small: int
    large: int
    """Events: growth is measured between them, memory at both."""
    events: int
    """Events that a check or a rebuild reads."""
    records: int
    """Records that a search looks through."""


SIZES = {
    "smoke": Size("smoke", 1, 0.5, 600, 1_200, 1_000, 1_000),
    "laptop": Size("laptop", 5, 1.0, 10_000, 100_000, 10_000, 20_000),
    "full": Size("full", 7, 4.0, 10_000, 1_000_000, 100_000, 100_000),
}


@dataclass(frozen=True)
class Pair:
    """What one round measured: ours and the yardstick's, in the same unit."""

    ours: float
    yardstick: float


class Better(Enum):
    """How the ratio is taken, and on which side of it the target lies."""

    MORE = "ours / yardstick, at least"
    LESS = "yardstick / ours, at least"
    FLAT = "ours / yardstick, at most"


@dataclass(frozen=True)
class Row:
    """One measurement on one store. `bound`: what holds it back, told where a target is missed."""

    measurement: str
    store: str
    pairs: Sequence[Pair]
    unit: str
    target: float
    yardstick_name: str
    better: Better = Better.MORE
    bound: str = ""
    note: str = ""

    @property
    def ours(self) -> float:
        return statistics.median(pair.ours for pair in self.pairs)

    @property
    def yardstick(self) -> float:
        return statistics.median(pair.yardstick for pair in self.pairs)

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios."""
        if self.better is Better.LESS:
            return statistics.median(pair.yardstick / pair.ours for pair in self.pairs)
        return statistics.median(pair.ours / pair.yardstick for pair in self.pairs)

    @property
    def met(self) -> bool:
        if self.better is Better.FLAT:
            return self.ratio <= self.target
        return self.ratio >= self.target


def alternating(
    ours: Callable[[], float], yardstick: Callable[[], float], rounds: int
) -> list[Pair]:
    """In turn, and each round in the other order, so that a busy machine hits both alike."""
    pairs = []
    for n in range(rounds):
        if n % 2:
            theirs, mine = yardstick(), ours()
        else:
            mine, theirs = ours(), yardstick()
        pairs.append(Pair(mine, theirs))
    return pairs


def timed(act: Callable[[], object]) -> float:
    """Seconds."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began
