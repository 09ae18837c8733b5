"""A whole archive with real keys and a clock to turn, on either store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archive.opening import Archive, Options, open_archive


@dataclass
class Clock:
    """A clock to turn: each look is a millisecond later."""

    moment: datetime = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.moment += timedelta(milliseconds=1)
        return self.moment

    def turn(self, **span: float) -> None:
        self.moment += timedelta(**span)


@dataclass
class World:
    """`reopen` is what a restart of the server would be."""

    options: Options
    clock: Clock
    archive: Archive = field(init=False)

    def __post_init__(self) -> None:
        self.archive = open_archive(self.options)

    def reopen(self) -> Archive:
        self.archive.close()
        self.archive = open_archive(self.options)
        return self.archive


@pytest.fixture(params=["sqlite", "postgres"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """An empty archive on each store."""
    database = request.getfixturevalue("postgres_dsn") if request.param == "postgres" else None
    clock = Clock()
    options = Options(data=tmp_path / "data", clock=clock, database=database)
    made = World(options, clock)
    yield made
    made.archive.close()
