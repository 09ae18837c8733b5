"""What reviewers want held, as work of those who may place holds.

It is worked out when somebody asks and stands in no view: a hold that covers the record ends it,
whatever record that hold is.
"""

from __future__ import annotations

from api.admission import Visit
from archive.evidence.instant import time_text
from archive.views.access import meant
from archive.views.worklist import Task, Wanted
from domain.disposals import Reservation
from domain.kinds import find

PLACE = next(step for step in find("legal-hold").steps if step.id == "place")
REF = "place-hold"
MOST = 100


def holds_to_place(visit: Visit, wanted: Wanted) -> tuple[Task, ...]:
    """The oldest wishes first, as far as this worklist asks for such."""
    asked_for = (
        (not wanted.whats or "step" in wanted.whats)
        and (not wanted.kinds or "legal-hold" in wanted.kinds)
        and wanted.overdue_at is None
    )
    if not asked_for:
        return ()
    found = (_task(visit, said) for said in visit.desk.retention.shelf.holds_asked()[:MOST])
    return tuple(
        task
        for task in found
        if (wanted.asked is None or not wanted.asked.isdisjoint(task.asked))
        and (not wanted.departments or task.department in wanted.departments)
    )


def _task(visit: Visit, said: Reservation) -> Task:
    record = visit.desk.archive.ledger.get(said.record)
    return Task(
        record_id=record.id,
        kind=record.kind.id,
        number=record.number,
        what="step",
        ref=REF,
        item=None,
        person=None,
        department=record.department,
        since=time_text(said.at),
        due_at=None,
        provisional=False,
        paused=False,
        level=None,
        advisory=False,
        reason=said.number or said.disposal,
        asked=tuple(sorted(meant(PLACE.by, record, {}))),
    )
