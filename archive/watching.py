"""Self-checking beside a server: what is new, everything in rounds, and who hears of what is wrong.

Nothing is stopped by an alarm: reading must go on, and an archive that stopped writing would lose
what happens meanwhile, the log of accesses first. Each new leaf is signed and remembered as before.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

from archive.alarms import Alarm, of_finding, of_findings, of_timestamps, of_witnesses
from archive.check import BackgroundCheck, Progress, Thoroughness
from archive.evidence.instant import parse_time, time_text
from archive.findings import CheckReport, Finding, last_report
from archive.following import Follower
from archive.notifying import Notifier
from archive.opening import Archive, sources_of

POLL = 5.0
"""Seconds in which an alarm is noticed, and told."""
SETTLING = 60.0
"""A server that starts has better things to do first."""
LATE = 2
"""Rounds of checking everything that may go by without a result."""
FINDINGS = 20
Report = dict[str, Any] | None
"""The last check's result as it is kept."""
_log = logging.getLogger("liuhen.alarms")


@dataclass(frozen=True, slots=True)
class Plan:
    """`hours`: everything is checked once in so many. `share`: of one processor, at most.
    `memory`: where this server remembers what it verified; None: in the data folder, by the host
    and `port`. `webhook`: who is told of alarms. Spans in seconds."""

    hours: int = 24
    share: float = 0.2
    memory: Path | None = None
    webhook: str | None = None
    port: int = 0
    every: float = 60.0
    timestamps: float = 3600.0

    def memory_of(self, data: Path) -> Path:
        """Several servers on one database share a folder, and must not share a memory."""
        return self.memory or data / f"verified-{socket.gethostname()}-{self.port}.json"


class Watch:
    """Built with the application, started by who serves it; `alarms` may be asked in any case."""

    def __init__(self, archive: Archive, plan: Plan, clock: Callable[[], datetime]) -> None:
        self._archive, self.plan, self._clock = archive, plan, clock
        memory = plan.memory_of(archive.options.data)
        self.follower = Follower(sources_of(archive.options), memory, clock, plan.share)
        self.rounds = BackgroundCheck(self._check, archive.check_report, plan.hours * 3600.0)
        self._found: tuple[Finding, ...] = ()
        self._found_since: datetime | None = None
        self._notifier = Notifier(plan.webhook) if plan.webhook else None
        self._told: dict[tuple[str, str], Alarm] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._began = clock()

    # ------------------------------------------------------------ running

    def start(self) -> None:
        self.rounds.start(max(SETTLING, self._left()))
        if self._notifier is not None:
            self._notifier.start()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """What is under way is given up; returns when the threads have ended."""
        self._stop.set()
        self.follower.stop()
        if self._thread is not None:
            self._thread.join()
        self.rounds.stop()
        if self._notifier is not None:
            self._notifier.stop()

    def _left(self) -> float:
        """Seconds of the round that an earlier process of this server began and finished."""
        report = last_report(self._archive.check_report)
        if report is None:
            return 0.0
        return (
            self.rounds.interval - (self._clock() - parse_time(report["started"])).total_seconds()
        )

    def _run(self) -> None:
        due = 0.0
        try:
            while not self._stop.is_set():
                if due <= monotonic():
                    self.follower.turn()
                    due = monotonic() + self.plan.every
                self.announce()
                self._stop.wait(min(POLL, self.plan.every))
        except BaseException:
            _log.exception("self-checking has stopped: restart the server")
            raise

    def _check(self, progress: Progress) -> CheckReport:
        self._found = ()
        gentle = Thoroughness(processes=1, nice=10, share=self.plan.share)
        report = self._archive.check(progress, how=gentle, tell=self._note)
        self._found = ()  # from now on the report speaks
        return report

    def _note(self, finding: Finding) -> None:
        """The first of a round are told at once; all of them stand in its report."""
        if len(self._found) < FINDINGS:
            self._found_since = self._found_since if self._found else self._clock()
            self._found = (*self._found, finding)

    # ------------------------------------------------------------ what stands

    def alarms(self) -> tuple[Alarm, ...]:
        """The worst first; of the same kind one. Cheap enough to be asked for every page."""
        now, report = self._clock(), last_report(self._archive.check_report)
        found = [*self._wrong(report, now), *self._unchecked(report, now)]
        found += of_witnesses(self._archive.witnesses, now)
        every = timedelta(seconds=self.plan.timestamps)
        found += of_timestamps(self._archive.timestamps, every, self._began, now)
        kept: dict[tuple[str, str], Alarm] = {}
        for each in found:
            kept.setdefault(each.identity, each)
        return tuple(sorted(kept.values(), key=lambda alarm: alarm.level != "wrong"))

    def _wrong(self, report: Report, now: datetime) -> Iterator[Alarm]:
        yield from of_findings(self.follower.findings, self.follower.since or now)
        yield from of_findings(self._found, self._found_since or now)
        if report is not None and not report["ok"]:
            first = {each["code"]: each["leaf"] for each in reversed(report["findings"])}
            for code in report["by_code"]:
                yield of_finding(code, first.get(code), parse_time(report["finished"]))

    def _unchecked(self, report: Report, now: datetime) -> Iterator[Alarm]:
        last = parse_time(report["finished"]) if report else self._began
        if now - last > LATE * timedelta(hours=self.plan.hours):
            yield Alarm("unchecked", "late", last, "everything")
        looked = self.follower.looked_at or self._began
        if not self.follower.findings and now - looked > timedelta(hours=1):
            yield Alarm("unchecked", "late", looked, "log")

    def announce(self) -> None:
        """A line in the server's log, and a message to the webhook, for what changed since."""
        standing = {alarm.identity: alarm for alarm in self.alarms()}
        begun = [alarm for key, alarm in standing.items() if key not in self._told]
        ended = [alarm for key, alarm in self._told.items() if key not in standing]
        self._told = standing
        for alarm in begun:
            _log.error("alarm", extra={"said": {**alarm.as_json(), "state": "begun"}})
        for alarm in ended:
            _log.info("alarm is over", extra={"said": {"code": alarm.code, "about": alarm.about}})
        if self._notifier is not None and (begun or ended):
            self._notifier.tell(self._message(begun, ended, list(standing.values())))

    def _message(
        self, begun: list[Alarm], ended: list[Alarm], standing: list[Alarm]
    ) -> dict[str, Any]:
        return {
            "origin": self._archive.options.origin,
            "at": time_text(self._clock()),
            "ok": not standing,
            "begun": [alarm.as_json() for alarm in begun],
            "ended": [alarm.as_json() for alarm in ended],
            "standing": [alarm.as_json() for alarm in standing],
        }

    def as_json(self) -> dict[str, Any]:
        """When what was last verified, and what stands."""
        verified, looked = self.follower.verified, self.follower.looked_at
        due, alarms = self.rounds.due, self.alarms()
        return {
            "followed": {
                "leaves": verified.size if verified else None,
                "verified_at": time_text(verified.at) if verified else None,
                "looked_at": time_text(looked) if looked else None,
                "failed": self.follower.error is not None,
                "findings": [each.as_json() for each in self.follower.findings],
            },
            "round": {
                "hours": self.plan.hours,
                "under_way": _progress(self.rounds.under_way),
                "next_at": None if due is None else time_text(self._after(due)),
                "failed": self.rounds.error is not None,
            },
            "alarms": [alarm.as_json() for alarm in alarms],
        }

    def _after(self, seconds: float) -> datetime:
        return self._clock() + timedelta(seconds=seconds)


def _progress(under_way: tuple[int, int] | None) -> dict[str, int] | None:
    if under_way is None:
        return None
    return {"leaves": under_way[0], "of": under_way[1]}
