"""A whole archive with real keys and a clock to turn, on either store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archive.authority import Authority
from archive.opening import Archive, Options, open_archive
from tests.authority import TimestampAuthority, TurnedClock


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
    authority: TimestampAuthority | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.archive = open_archive(self.options)

    def reopen(self) -> Archive:
        self.archive.close()
        self.archive = open_archive(self.options)
        return self.archive

    def with_authority(self) -> TimestampAuthority:
        """From now on the archive asks a real timestamp authority, whose clock is its own; the
        archive is opened anew (`world.archive`)."""
        self.authority = made = TimestampAuthority(TurnedClock(self.clock.moment))
        asked = Authority("tsa", made.url, (made.root.certificate,), made.policy)
        self.options = replace(self.options, authorities=(asked,))
        self.reopen()
        return made

    def let_pass(self, **span: float) -> None:
        """Time passes for everybody, and the authority proves it."""
        self.clock.turn(**span)
        if self.authority is not None:
            self.authority.clock.turn(**span)
            self.archive.timestamps.stamp_all()

    def close(self) -> None:
        self.archive.close()
        if self.authority is not None:
            self.authority.close()


@pytest.fixture(params=["sqlite", "postgres"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """An empty archive on each store."""
    database = request.getfixturevalue("postgres_dsn") if request.param == "postgres" else None
    clock = Clock()
    options = Options(data=tmp_path / "data", clock=clock, database=database)
    made = World(options, clock)
    yield made
    made.close()
