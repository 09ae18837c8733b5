"""What the page of a record shows once it was disposed of: 410, its tombstone and its proofs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response

from api.pages.calls import Call
from archive.views.timeline import timeline
from domain.record import Record
from retention.certificate import tombstone


@dataclass(frozen=True, slots=True)
class Trace:
    """An event of which the envelope is left: no names, no words."""

    version: int
    title: str
    recorded_at: datetime
    digest: str


def show_tombstone(call: Call, record: Record) -> Response:
    desk = call.house.desk
    history = desk.archive.ledger.history(record.id)
    happenings = timeline(history, call.pen.directory, desk.calendar, call.pen.zone)
    digests = {recorded.event.version: recorded.digest for recorded in history}
    return call.page(
        "tombstone.html",
        410,
        record=record,
        stone=tombstone(desk.archive, record),
        traces=[
            Trace(h.version, call.pen.text(h.title), h.recorded_at, digests[h.version])
            for h in happenings
        ],
        may_export="export" in call.visit.guest.caller.rights,
    )
