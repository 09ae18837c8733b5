"""What nobody came to use does not stay."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archive.opening import Archive, Options, open_archive
from archive.sweeping import Sweeper


class Clock:
    moment = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def archive(tmp_path: Path, clock: Clock) -> Iterator[Archive]:
    with open_archive(Options(tmp_path / "data", clock)) as found:
        yield found


def upload(archive: Archive, finished: bool) -> str:
    begun = archive.attachments.begin("a.bin", "application/octet-stream", "0" * 32)
    begun.feed(bytes(2 * 1024 * 1024 + 1))
    if finished:
        begun.finish()
    return begun.id


@pytest.mark.parametrize("finished", [True, False])
def test_a_file_that_no_event_names_is_gone_after_a_day(
    archive: Archive, clock: Clock, *, finished: bool
) -> None:
    """Whether its upload was finished or broke off; before, it is kept."""
    file = upload(archive, finished)
    sweeper = Sweeper(archive.attachments, archive.keys, archive.witnesses, clock)
    clock.moment += timedelta(hours=24)
    assert sweeper.sweep() == (0, 0, 0)
    assert archive.store.segment(file, 0) is not None
    clock.moment += timedelta(hours=2)
    segments, secrets, _ = sweeper.sweep()
    assert (segments, secrets) == ((3, 1) if finished else (2, 0))
    assert archive.store.segment(file, 0) is None
    assert archive.attachments.staged(file) is None


def test_secrets_end_with_their_window(archive: Archive, clock: Clock) -> None:
    """The secret under which the bodies of a day were marked is destroyed, and others stay."""
    archive.keys.put_secret("idempotency/day", b"s" * 32, clock() + timedelta(hours=49))
    archive.keys.put_secret("source-mac", b"s" * 32)
    sweeper = Sweeper(archive.attachments, archive.keys, archive.witnesses, clock)
    clock.moment += timedelta(hours=50)
    assert sweeper.sweep() == (0, 1, 0)
    assert archive.keys.secret("idempotency/day") is None
    assert archive.keys.secret("source-mac") == b"s" * 32


def test_a_sweeper_sweeps_by_itself(archive: Archive, clock: Clock) -> None:
    """Once it is started, until it is stopped."""
    file = upload(archive, finished=False)
    clock.moment += timedelta(hours=30)
    sweeper = Sweeper(archive.attachments, archive.keys, archive.witnesses, clock, interval=0.05)
    sweeper.start()
    deadline = time.monotonic() + 10
    while archive.store.segment(file, 0) is not None and time.monotonic() < deadline:
        time.sleep(0.02)
    sweeper.stop()
    assert archive.store.segment(file, 0) is None
