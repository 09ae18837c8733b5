"""The status page: the log and its last checkpoint, the self-check, views, sources and numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from starlette.responses import Response

from api.pages.calls import Call
from api.record_json import clock_behind
from archive.evidence.instant import parse_time
from archive.findings import last_report
from archive.log import vkey
from archive.projector import Health
from archive.views.database import ViewError


@dataclass(frozen=True, slots=True)
class SourceLine:
    """`behind`: of the source's clock when it last said its time; None where it never did."""

    source: str
    last_at: str | None
    behind: timedelta | None


def show_status(call: Call) -> Response:
    archive = call.house.desk.archive
    checkpoint = archive.log.latest()
    size = archive.store.head().size
    report = last_report(archive.check_report)
    health, watch = _health(call), call.house.desk.watch
    language = call.pen.language
    findings = [each.text(language) for each in watch.follower.findings]
    findings += [each[language] for each in report["findings"]] if report else []
    return call.page(
        "status.html",
        size=size,
        checkpoint=checkpoint,
        waiting=size - checkpoint.size if checkpoint else size,
        vkey=vkey(archive.keyring.origin, archive.keyring.log_key),
        origin=archive.keyring.origin,
        report=report,
        findings=findings,
        finished=parse_time(report["finished"]) if report else None,
        took=timedelta(seconds=report["seconds"]) if report else None,
        watched=watch.as_json(),
        health=health,
        sources=_sources(call) if health else [],
        series=archive.views.numbers.series() if health else [],
    )


def _health(call: Call) -> Health | None:
    """None where the views cannot be reached: the log is there all the same."""
    try:
        return call.house.desk.archive.views.health()
    except ViewError:
        return None


def _sources(call: Call) -> list[SourceLine]:
    """People see every source, a system its own."""
    guest = call.visit.guest
    found = call.house.desk.archive.views.sources.sources()
    own = guest.caller.system if guest.person is None else None
    return [_source(call, name) for name in found if guest.person is not None or name == own]


def _source(call: Call, name: str) -> SourceLine:
    archive = call.house.desk.archive
    last = archive.views.sources.last(name)
    row = archive.store.at(last.leaf_index) if last is not None else None
    if last is None or row is None:
        return SourceLine(name, None, None)
    (recorded,) = archive.ledger.history(row.record_id, after=row.version - 1, upto=row.version)
    seconds = clock_behind(recorded)
    behind = timedelta(seconds=seconds) if seconds is not None else None
    return SourceLine(name, last.recorded_at, behind)
