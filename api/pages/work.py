"""The worklist page: what waits, for whom, and what has run out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from starlette.responses import Response

from api.holds_asked import PLACE, REF, holds_to_place
from api.pages.calls import Call
from api.pages.cells import Brief, brief, item_title
from api.reading import Kept, seen_in_lists
from archive.views.access import words
from archive.views.worklist import BadCursor, Status, Task, Wanted, WorklistPage
from domain.describe import said
from domain.kind import Kind
from domain.matters import What
from domain.record import Record

SHOWN = 50
NAMES = 4
"""So many of those it waits for are named."""
WHATS: tuple[What, ...] = get_args(What)
Tab = Literal["mine", "department", "overdue", "all"]


@dataclass(frozen=True, slots=True)
class TaskRow:
    task: Task
    record: Brief
    title: str
    item: str
    names: tuple[str, ...]
    more: int
    status: Status


def show_worklist(call: Call) -> Response:
    tabs = _tabs(call)
    tab = next((tab for tab in tabs if tab == call.asked("tab")), tabs[0])
    wanted = _wanted(call, tab)
    page, fault = _page(call, wanted)
    may = seen_in_lists(call.visit)
    asked = holds_to_place(call.visit, wanted) if not call.asked("cursor") else ()
    found = (_row(call, task, may) for task in (*asked, *page.tasks))
    rows = [row for row in found if row is not None]
    return call.page(
        "worklist.html", 422 if fault else 200, tabs=tabs, tab=tab, rows=rows, cursor=page.cursor,
        whats=WHATS, fault=fault, counts=_counts(call, tabs),
    )  # fmt: skip


def _tabs(call: Call) -> tuple[Tab, ...]:
    """A system has no work of its own, and a person without a department none of a department's."""
    person = call.visit.guest.person
    if person is None:
        return ("overdue", "all")
    return (
        ("mine", "department", "overdue", "all") if _offices(call) else ("mine", "overdue", "all")
    )


def _offices(call: Call) -> tuple[str, ...]:
    """The departments of the person: their own, and those they head."""
    person = call.visit.guest.person
    if person is None:
        return ()
    headed = (d.id for d in call.pen.directory.departments.values() if d.head == person.id)
    own = (person.department,) if person.department else ()
    return tuple(dict.fromkeys((*own, *headed)))


def _wanted(call: Call, tab: Tab, *, filtered: bool = True) -> Wanted:
    person = call.visit.guest.person
    whats = tuple(w for w in WHATS if filtered and w == call.asked("what"))
    match tab:
        case "mine":
            mine = words(person, call.pen.directory) if person else frozenset[str]()
            return Wanted(asked=mine, whats=whats)
        case "department":
            return Wanted(departments=_offices(call), whats=whats)
        case "overdue":
            return Wanted(overdue_at=call.visit.now, whats=whats)
        case "all":
            return Wanted(whats=whats)


def _page(call: Call, wanted: Wanted) -> tuple[WorklistPage, str]:
    desk = call.house.desk
    viewer = call.visit.guest.viewer(desk)
    try:
        cursor = call.asked("cursor") or None
        return desk.archive.views.worklist.page(viewer, wanted, limit=SHOWN, cursor=cursor), ""
    except BadCursor:
        return desk.archive.views.worklist.page(viewer, wanted, limit=SHOWN), "bad-cursor"


def _counts(call: Call, tabs: Sequence[Tab]) -> dict[Tab, int] | None:
    """How many there are behind each tab; None where only reading each record could tell."""
    desk, guest = call.house.desk, call.visit.guest
    if guest.caller.departments or "confidential" not in guest.caller.rights:
        return None
    viewer, view = guest.viewer(desk), desk.archive.views.worklist
    wanted = {tab: _wanted(call, tab, filtered=False) for tab in tabs}
    return {
        tab: sum(view.counts(viewer, each).values()) + len(holds_to_place(call.visit, each))
        for tab, each in wanted.items()
    }


def _row(call: Call, task: Task, may: Kept) -> TaskRow | None:
    record = call.house.desk.archive.ledger.get(task.record_id)
    if not may(record):
        return None
    directory = call.pen.directory
    people = sorted(call.pen.name(p) for p in task.waits_for(directory) if p in directory.people)
    return TaskRow(
        task,
        brief(call, task.record_id),
        _title(call, record, task),
        item_title(record, task.item),
        tuple(people[:NAMES]),
        max(0, len(people) - NAMES),
        task.status(call.visit.now),
    )


def _title(call: Call, record: Record, task: Task) -> str:
    kind: Kind = record.kind
    found = {
        "clock": next((d.title for d in kind.deadlines if d.id == task.ref), None),
        "item": next((c.title for c in kind.collections if c.id == task.ref), None),
    }.get(task.what)
    slot, step = kind.slot(task.ref), kind.step(task.ref)
    if task.what in ("signature", "refusal") and slot is not None:
        found = slot.title
    if task.what in ("step", "acknowledgement") and step is not None:
        found = step.title
    if task.ref == REF:
        found = PLACE.title
    return said(found, call.pen.language) if found else call.pen.maybe("what-", task.what)
