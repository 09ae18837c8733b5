"""What commands share: the archive of the settings, and progress on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from api.clock import now
from api.settings import Settings
from archive.opening import Archive, Options, open_archive

SETTLING_SECONDS = 60.0


def options(settings: Settings) -> Options:
    return Options(
        data=settings.data,
        clock=now,
        origin=settings.origin,
        database=settings.database,
        zone=settings.zone,
    )


@contextmanager
def opened() -> Iterator[Archive]:
    """The archive of the settings. UsageError where there is none yet."""
    settings = Settings.from_environment()
    if settings.database is None and not (settings.data / "archive.db").exists():
        raise click.UsageError(
            f"there is no archive in {settings.data}: make one with `liuhen init`, "
            "or say where it is by LIUHEN_DATA"
        )
    with open_archive(options(settings)) as archive:
        yield archive


def settle(archive: Archive) -> None:
    """Bring the views up to the log; where a server runs beside this command, it does that."""
    archive.views.wait_for(archive.store.head().size - 1, SETTLING_SECONDS)


@contextmanager
def progress(label: str, *, shown: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, told (done, of); silent where nobody looks."""
    if not shown:
        yield lambda _done, _of: None
        return
    with click.progressbar(range(1), length=1, label=label, file=sys.stderr) as bar:

        def told(done: int, of: int) -> None:
            bar.length = max(of, 1)
            bar.update(done - bar.pos)

        yield told
