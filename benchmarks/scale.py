"""Growth and memory: the same archive small and large, filled by an import.

Import, check and rebuild run in processes of their own, whose peak is what the system says of
the largest. Then append, proof and timeline are timed on both, in turn.

    python -m benchmarks.scale import|check|rebuild FOLDER [DSN]     # the child, prints JSON
"""

from __future__ import annotations

import json
import resource
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from archive.importing import import_xes, load_mapping
from archive.opening import Archive, Options, open_archive
from archive.views.timeline import timeline
from benchmarks import stores
from benchmarks.append import Ours, now, rate
from benchmarks.rows import Better, Pair, Row, Size, alternating, timed
from benchmarks.stores import Place

CASE = 5
"""Events of a case: with its opening, six of ours."""
LIMIT_MB = 400.0
GROWTH = 1.3
BOUNDS = {
    "append": "indexes on random ids are a level deeper, and no longer in the cache",
    "proof": "two queries at any size, the checkpoint and the leaf's own tile, on larger tables",
    "timeline": "a record's leaves lie apart: each event is a page of its own to read",
}
WORKS = ("import", "check", "rebuild")


def log_file(path: Path, events: int) -> None:
    """An event log as the real one is spelled, of cases of five events."""
    started = datetime(2024, 1, 1, tzinfo=UTC)
    with path.open("w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n<log xes.version="1.0">\n')
        for case in range(events // (CASE + 1)):
            file.write(f'<trace><string key="concept:name" value="1-{case:09d}"/>\n')
            for n in range(CASE):
                moment = started + timedelta(minutes=case * 7 + n * 61)
                activity = "Queued" if n == 0 else "Accepted" if n < CASE - 1 else "Completed"
                file.write(
                    f'<event><string key="org:group" value="G{case % 40} 2nd"/>'
                    f'<string key="org:resource" value="Person {case % 500}"/>'
                    f'<string key="concept:name" value="{activity}"/>'
                    f'<string key="impact" value="Medium"/>'
                    f'<string key="product" value="PROD{case % 700}"/>'
                    f'<string key="lifecycle:transition" value="In Progress"/>'
                    f'<date key="time:timestamp" value="{moment.isoformat()}"/></event>\n'
                )
            file.write("</trace>\n")
        file.write("</log>\n")


def work(what: str, folder: Path, dsn: str | None) -> None:
    """One long work in this process; prints its peak of memory and its seconds."""
    with open_archive(Options(folder / "archive", now, database=dsn)) as archive:
        seconds = timed(lambda: WORK[what](archive, folder))
    peak = max(own_peak(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
    print(json.dumps({"mb": peak / 1024, "seconds": seconds}))


def own_peak() -> int:
    """Kilobytes. Linux counts into `ru_maxrss` what the process was before it became this one."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    line = next(each for each in status.read_text().splitlines() if each.startswith("VmHWM"))
    return int(line.split()[1])


def _import(archive: Archive, folder: Path) -> None:
    mapping = load_mapping("volvo-vinst")
    report = import_xes(archive.ledger, folder / "log.xes", mapping, clock=now)
    if not report.whole:
        raise SystemExit("\n".join(report.lines[:5]))


def _check(archive: Archive, _: Path) -> None:
    report = archive.check(lambda _done, _of: None, views=True)
    if not report.ok:
        raise SystemExit(report.text("en"))


def _rebuild(archive: Archive, _: Path) -> None:
    archive.views.rebuild()


WORK: dict[str, Callable[[Archive, Path], None]] = {
    "import": _import,
    "check": _check,
    "rebuild": _rebuild,
}


def child(what: str, place: Place) -> dict[str, float]:
    words = [sys.executable, "-m", "benchmarks.scale", what, str(place.folder)]
    words += [place.dsn] if place.dsn else []
    done = subprocess.run(  # noqa: S603 - this module
        words,
        cwd=Path(__file__).resolve().parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{what} failed: {done.stdout}{done.stderr}")
    said: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return said


def filled(place: Place, events: int) -> dict[str, dict[str, float]]:
    log_file(place.folder / "log.xes", events)
    # Rebuild before check: the views that it compares are there then.
    return {what: child(what, place) for what in ("import", "rebuild", "check")}


def memory(size: Size, place: Place, small: Any, large: Any) -> list[Row]:
    rows = []
    for what in WORKS:
        less, more = small[what]["mb"], large[what]["mb"]
        slope = (more - less) / (size.large - size.small) * 1_000_000
        rows.append(
            Row(
                f"memory of {what}, {size.large:,} events",
                place.store,
                [Pair(more, LIMIT_MB)],
                "MB",
                1.0,
                "400 MB at a million",
                Better.FLAT,
                bound="what the largest process keeps at once",
                note=f"{less:.0f} MB at {size.small:,}; {slope:+.0f} MB a million; "
                f"{size.large / large[what]['seconds']:,.0f} events/s",
            )
        )
    return rows


class Timed:
    """Append, proof and timeline on one archive; microseconds of each."""

    def __init__(self, archive: Archive) -> None:
        self.archive, self.ours = archive, Ours(archive)
        self.size = archive.store.head().size
        archive.log.checkpoint()

    def append(self) -> float:
        return 1e6 / rate(self.ours.append, 1, 0.5)

    def proof(self) -> float:
        return self._each(self.archive.log.inclusion)

    def timeline(self) -> float:
        """From an empty memory: leaves and content are read, opened and told."""
        return self._each(self._told)

    def _told(self, leaf: int) -> None:
        row = self.archive.store.at(leaf)
        if row is None:
            raise SystemExit(f"leaf {leaf} is missing")
        context = self.archive.organisation.context()
        timeline(
            self.archive.ledger.history(row.record_id),
            context.directory,
            context.calendar,
            context.zone,
        )

    def _each(self, act: Callable[[int], object], times: int = 60) -> float:
        leaves = [2 + secrets.randbelow(self.size - 3) for _ in range(times)]
        began = time.perf_counter()
        for leaf in leaves:
            act(leaf)
        return (time.perf_counter() - began) / times * 1e6


def growth(size: Size, place: Place, small: Archive, large: Archive) -> list[Row]:
    before, after = Timed(small), Timed(large)
    rows = []
    for what in ("append", "proof", "timeline"):
        mine, theirs = getattr(after, what), getattr(before, what)
        mine(), theirs()
        rows.append(
            Row(
                f"{what} at {size.large:,} events",
                place.store,
                alternating(mine, theirs, 2 * size.rounds + 1),
                "us",
                GROWTH,
                f"the same at {size.small:,}",
                Better.FLAT,
                bound=BOUNDS[what],
            )
        )
    return rows


def measure(size: Size, place: Place) -> list[Row]:
    with ExitStack() as stack:
        less = stack.enter_context(stores.place(place.store, place.server))
        peaks = filled(less, size.small), filled(place, size.large)
        archives = [
            stack.enter_context(open_archive(Options(p.folder / "archive", now, database=p.dsn)))
            for p in (less, place)
        ]
        return [*memory(size, place, *peaks), *growth(size, place, *archives)]


if __name__ == "__main__":
    work(sys.argv[1], Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
