"""What commands share: the archive of the settings, and progress on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from cryptography.x509 import Certificate

from api.clock import now
from api.settings import SettingError, Settings
from archive.authority import Authority, TimestampError, read_roots
from archive.evidence.errors import EvidenceError
from archive.evidence.policy import Policy
from archive.opening import Archive, Options, open_archive
from archive.witnessing import check_policy
from retention.due import DueView

SETTLING_SECONDS = 60.0


def options(settings: Settings) -> Options:
    return Options(
        data=settings.data,
        clock=now,
        origin=settings.origin,
        database=settings.database,
        zone=settings.zone,
        authorities=authorities(settings),
        witnesses=witnesses(settings),
        views=(DueView,),
    )


def authorities(settings: Settings) -> tuple[Authority, ...]:
    """The configured timestamp authorities with their pinned roots. SettingError."""
    return tuple(
        Authority(
            each.name, each.url, _roots(settings.timestamp_roots / f"{each.name}.pem"), each.policy
        )
        for each in settings.timestamp_authorities
    )


def witnesses(settings: Settings) -> Policy | None:
    """The policy of LIUHEN_WITNESS_POLICY. SettingError."""
    path = settings.witness_policy
    if path is None:
        return None
    try:
        policy = Policy.parse(path.read_bytes(), of_a_log=True)
        check_policy(policy, settings.origin)
    except (OSError, EvidenceError) as error:
        raise SettingError("LIUHEN_WITNESS_POLICY", str(path), str(error)) from None
    return policy


def _roots(path: Path) -> tuple[Certificate, ...]:
    try:
        return read_roots(path.read_bytes())
    except (OSError, TimestampError) as error:
        raise SettingError(
            "LIUHEN_TIMESTAMP_ROOTS",
            str(path.parent),
            f"{path.name} must hold the root certificates of this timestamp authority ({error})",
        ) from None


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
