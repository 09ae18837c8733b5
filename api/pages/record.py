"""A record's page: as it stands, as it was known, or as things stood; and its timeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from starlette.responses import Response

from api.pages import sections
from api.pages.calls import Call
from api.pages.cells import Brief, Cells, brief
from api.pages.retention import kept
from api.pages.tombstones import show_tombstone
from archive.views.timeline import Happening, timeline
from domain.access import confidential
from domain.describe import subject
from domain.events import Recorded
from domain.record import Record, replay

LATEST = 200
"""Events shown at first; a click shows all of a longer history."""
NOTABLE = timedelta(minutes=1)
"""A difference between two times that is shown; a smaller one is only in the exact times."""
Axis = Literal["known", "stood"]


@dataclass(frozen=True, slots=True)
class AsOf:
    """`fault`: the label of what could not be read."""

    axis: Axis
    moment: datetime | None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """An event on the timeline. `skew`: by how much the sender's clock was behind ours."""

    happening: Happening
    skew: timedelta | None
    at: str
    """Its recorded time, for a link that shows the record as it was known then."""
    links: tuple[Brief, ...]


def show_record(call: Call) -> Response:
    present = call.visit.record(call.request.path_params["record"])
    if present.disposal is not None:
        return show_tombstone(call, present)
    call.visit.note_reading(present)
    asked = _as_of(call)
    history = call.house.desk.archive.ledger.history(present.id)
    shown = _history(call, present, history, asked)
    record = replay(shown)
    if asked.moment is not None:
        call.pen = replace(call.pen, now=asked.moment)
    if record is None:
        return _page(call, present, asked, history, "not-yet.html", 404)
    return _page(
        call, record, asked, history, "record.html", 200, **_parts(call, record, shown, asked)
    )


def _as_of(call: Call) -> AsOf:
    axis: Axis = "stood" if call.asked("axis") == "stood" else "known"
    said = call.asked("at")
    try:
        moment = datetime.fromisoformat(said) if said else None
        if moment is not None and moment.tzinfo is None:
            moment = moment.replace(tzinfo=call.pen.zone)
        return AsOf(axis, moment.astimezone(UTC) if moment else None)
    except (ValueError, OverflowError):
        return AsOf(axis, None, "bad-time")


def _history(
    call: Call, present: Record, history: Sequence[Recorded], asked: AsOf
) -> Sequence[Recorded]:
    """The events that belong to the view asked for."""
    if asked.moment is None:
        return history
    if asked.axis == "known":
        return [r for r in history if r.recorded_at <= asked.moment]
    stood = call.house.desk.archive.ledger.as_things_stood(present.id, asked.moment)
    digests = set(stood.digests) if stood else set()
    return [r for r in history if r.digest in digests]


def _page(
    call: Call,
    record: Record,
    asked: AsOf,
    history: Sequence[Recorded],
    template: str,
    status: int,
    **more: object,
) -> Response:
    rights = call.visit.guest.caller.rights
    return call.page(
        template,
        422 if asked.fault else status,
        record=record,
        asked=asked,
        points=_points(history),
        subject=subject(record, call.pen.language, call.pen.directory),
        state=record.kind.state(record.state),
        confidential=confidential(record),
        may_export="export" in rights,
        **more,
    )


def _points(history: Sequence[Recorded]) -> list[Recorded]:
    """The events to which the replay bar leads: of a long history, some forty along it."""
    step = max(1, len(history) // 40)
    return list(history[::step])


def _parts(call: Call, record: Record, shown: Sequence[Recorded], asked: AsOf) -> dict[str, object]:
    desk, pen = call.house.desk, call.pen
    context = desk.archive.organisation.context()
    files = sections.files(shown)
    cells = Cells(call, {line.file.id: line.file for line in files})
    told = _told(call, shown)
    every = bool(call.asked("all"))
    return {
        "entries": list(cells.entries(record)) if record.readable else [],
        "collections": list(sections.items(record, cells)) if record.readable else [],
        "signatures": sections.signatures(record, pen),
        "clocks": sections.clock_lines(record, context, asked.moment or call.visit.now, pen),
        "pauses": sections.pauses(record, pen),
        "links_out": sections.links_out(record, cells),
        "links_in": sections.links_in(record, cells) if asked.moment is None else [],
        "references": sections.references_of(record),
        "files": files,
        "told": told if every else told[:LATEST],
        "hidden": 0 if every else max(0, len(told) - LATEST),
        "notable": NOTABLE,
        "kept": kept(call, record) if asked.moment is None else [],
    }


def _told(call: Call, shown: Sequence[Recorded]) -> list[Told]:
    """Newest first."""
    desk = call.house.desk
    happenings = timeline(shown, call.pen.directory, desk.calendar, call.pen.zone)
    sent = {r.event.version: r for r in shown}
    found = []
    for happening in happenings:
        recorded = sent[happening.version]
        at = recorded.event.sent_at
        skew = recorded.recorded_at - at if at is not None else None
        links = tuple(brief(call, ref.record) for ref in happening.links)
        found.append(Told(happening, skew, recorded.recorded_at.isoformat(), links))
    return found[::-1]
