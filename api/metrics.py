"""`GET /metrics`: what a monitoring system asks again and again, in Prometheus' text format.

Counts and times only. Labels are names from the settings, and codes of alarms.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from fastapi import APIRouter
from starlette.responses import Response

from api.desk import Desk
from api.reading import Asked
from api.replies import PROBLEM_RESPONSES
from archive.evidence.instant import parse_time
from archive.findings import last_report

router = APIRouter(tags=["状态 / health"], responses=PROBLEM_RESPONSES)
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Sample = tuple[Mapping[str, str], float]


@router.get("/metrics", summary="指标 / metrics (Prometheus text format)")
def metrics(visit: Asked) -> Response:
    """For keys with `read`, or for whoever reaches the port where LIUHEN_OPEN_METRICS is yes."""
    if not visit.desk.settings.open_metrics:
        visit.guest.check_right("read")
    lines = [line for each in _families(visit.desk) for line in _written(*each)]
    headers = {"Cache-Control": "no-store"}
    return Response("".join(lines), 200, headers, media_type=MEDIA_TYPE)


def _families(desk: Desk) -> Iterator[tuple[str, str, list[Sample]]]:
    archive, watch = desk.archive, desk.watch
    alarms, verified = watch.alarms(), watch.follower.verified
    wrong = any(alarm.level == "wrong" for alarm in alarms)
    latest, quorum = archive.log.latest(), archive.witnesses.quorum()
    yield "integrity_ok", "1 while self-checking finds nothing wrong.", _one(not wrong)
    yield (
        "alarm",
        "1 for each alarm that stands.",
        [({"code": a.code, "about": a.about, "level": a.level}, 1) for a in alarms],
    )
    yield "log_leaves", "Events in the log.", _one(archive.store.head().size)
    yield (
        "checkpoint_leaves",
        "Events under the last signed head.",
        _one(latest.size if latest else None),
    )
    if quorum is not None:
        yield "published_leaves", "Events under the head that goes out.", _one(quorum.size or 0)
    yield (
        "verified_leaves",
        "Events that this server has verified itself.",
        _one(verified.size if verified else None),
    )
    yield (
        "verified_timestamp_seconds",
        "When the log was last found to continue what was verified.",
        _one(_seconds(watch.follower.looked_at)),
    )
    yield from _rounds(desk)
    yield (
        "timestamp_last_timestamp_seconds",
        "Time of each authority's newest token.",
        [
            ({"authority": h.name}, h.last.timestamp())
            for h in archive.timestamps.health()
            if h.last
        ],
    )
    yield (
        "witness_last_timestamp_seconds",
        "Time of each witness's newest cosignature.",
        [({"witness": h.name}, h.last.timestamp()) for h in archive.witnesses.health() if h.last],
    )


def _rounds(desk: Desk) -> Iterator[tuple[str, str, list[Sample]]]:
    report, under_way = last_report(desk.archive.check_report), desk.watch.rounds.under_way
    if report is not None:
        finished = parse_time(report["finished"])
        yield "check_leaves", "Events in the last check of everything.", _one(report["size"])
        yield "check_findings", "What that check found wrong.", _one(report["total"])
        yield "check_seconds", "How long that check took.", _one(report["seconds"])
        yield "check_timestamp_seconds", "When it ended.", _one(_seconds(finished))
    done = under_way[0] if under_way else 0
    yield "check_done_leaves", "Events done in the check that goes on now, else 0.", _one(done)


def _one(value: float | None) -> list[Sample]:
    """No sample where there is no value yet."""
    return [] if value is None else [({}, value)]


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _written(name: str, told: str, samples: list[Sample]) -> Iterator[str]:
    yield f"# HELP liuhen_{name} {told}\n# TYPE liuhen_{name} gauge\n"
    for labels, value in samples:
        inner = ",".join(f'{key}="{_escaped(said)}"' for key, said in labels.items())
        yield (
            f"liuhen_{name}{{{inner}}} {float(value)!r}\n"
            if inner
            else (f"liuhen_{name} {float(value)!r}\n")
        )


def _escaped(said: str) -> str:
    return said.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
