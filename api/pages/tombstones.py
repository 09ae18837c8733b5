"""What the page of a record shows once it was disposed of: 410, its tombstone and its proofs."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from api.pages.calls import Call
from domain.events import Recorded
from domain.record import Record
from retention.certificate import tombstone


@dataclass(frozen=True, slots=True)
class Trace:
    """An event of which the envelope is left: no names, no words."""

    recorded: Recorded
    title: str


def show_tombstone(call: Call, record: Record) -> Response:
    archive = call.house.desk.archive
    history = archive.ledger.history(record.id)
    return call.page(
        "tombstone.html",
        410,
        record=record,
        stone=tombstone(archive, record),
        traces=[_trace(call, record, each) for each in history],
        may_export="export" in call.visit.guest.caller.rights,
    )


def _trace(call: Call, record: Record, recorded: Recorded) -> Trace:
    step = record.kind.step(recorded.event.step or "")
    title = call.pen.text(step.title) if step else call.pen.maybe("event-", recorded.event.TOPIC)
    return Trace(recorded, title)
