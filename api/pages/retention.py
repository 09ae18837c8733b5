"""The retention page: what is due, what stands in the way, the rules, and the disposals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

from starlette.responses import Response

from api.pages.calls import Call
from api.problems import Refusal
from api.retention_json import Json, known, sentence
from api.retention_lists import DuePage, What, counts, listed, months, present, rules_json
from archive.views.register import BadCursor, Filter
from archive.views.register import Line as Listed
from domain.access import resolve
from domain.kind import Text
from domain.record import Record
from retention.asking import BARRED, LISTERS
from retention.assessment import Assessment
from retention.due_lists import Line
from retention.holding import Copy

Tab = Literal[
    "due", "held", "pending", "blocked", "unfiled", "months", "rules", "disposals", "certificates"
]
TABS: tuple[Tab, ...] = get_args(Tab)
LISTS: tuple[What, ...] = get_args(What)
SHOWN = 50


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a list, with why in the reader's language."""

    line: Line
    kind: str
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """When a record, or a paper copy of it, may go."""

    status: str
    found: Assessment
    sentence: Text
    copy: Copy | None = None


def show_retention(call: Call) -> Response:
    tab: Tab = next((tab for tab in TABS if tab == call.asked("tab")), "due")
    call.visit.guest.check_right("read")
    now, today = present(call.visit)
    shown = _shown(call, tab, today)
    return call.page(
        "retention.html",
        422 if shown.get("fault") else 200,
        tabs=TABS,
        tab=tab,
        time=now,
        today=today,
        counts={tab: n for tab, n in counts(call.visit, today).items() if tab != "unfiled"},
        may_list=may_list(call),
        token=token(call, "list"),
        people=_people(call),
        **{
            "rows": [],
            "rules": [],
            "months": [],
            "lists": [],
            "cursor": None,
            "fault": "",
            **shown,
        },
    )


def _shown(call: Call, tab: Tab, today: date) -> dict[str, object]:
    match tab:
        case "months":
            return {"months": months(call.visit, today, 12)}
        case "rules":
            return {"rules": _rules(call)}
        case "disposals":
            states = ("listed", "approved-once", "approved", "executing", "withdrawn")
            return _disposals(call, states)
        case "certificates":
            return _disposals(call, ("certified",))
        case _:
            return _listed(call, tab)


def _rules(call: Call) -> Sequence[Json]:
    return rules_json(call.visit)


def _listed(call: Call, what: What) -> dict[str, object]:
    fault = ""
    try:
        asked = DuePage(limit=SHOWN, cursor=call.asked("cursor") or None)
        lines, cursor = listed(call.visit, what, asked)
    except Refusal:
        fault = "bad-cursor"
        lines, cursor = listed(call.visit, what, DuePage(limit=SHOWN))
    return {"rows": [_row(call, line) for line in lines], "cursor": cursor, "fault": fault}


def _row(call: Call, line: Line) -> Row:
    why = (call.pen.text(b.what) for b in known(call.visit, line.blockers))
    return Row(line, call.pen.kind_title(line.kind), tuple(dict.fromkeys(why)))


def _disposals(call: Call, states: tuple[str, ...]) -> dict[str, object]:
    desk = call.house.desk
    wanted = Filter(kinds=("disposal",), states=states, internal=True)
    viewer, fault = call.visit.guest.viewer(desk), ""
    register = desk.archive.views.register
    try:
        page = register.page(viewer, wanted, limit=SHOWN, cursor=call.asked("cursor") or None)
    except BadCursor:
        page, fault = register.page(viewer, wanted, limit=SHOWN), "bad-cursor"
    lines: Sequence[Listed] = page.lines
    return {"lists": lines, "cursor": page.cursor, "fault": fault}


def _people(call: Call) -> list[tuple[str, str]]:
    """Who may be named as a reviewer."""
    people = call.pen.directory.people.values()
    return sorted(((p.id, p.name) for p in people if p.active), key=lambda each: each[1])


def may_list(call: Call) -> bool:
    """Whether the reader may make a list, start and execute one."""
    guest, directory = call.visit.guest, call.pen.directory
    if not guest.caller.may_take("disposal", "list"):
        return False
    barred = resolve(BARRED, directory, None, {})
    return guest.id in resolve(LISTERS, directory, None, {}) and guest.id not in barred


def token(call: Call, *words: str) -> str:
    """What a form sends back: bound to the session and to what the form is about."""
    session = call.session.id if call.session else ""
    return call.house.sessions.form_token("retention", session, *words)


def kept(call: Call, record: Record) -> list[Kept]:
    """When a record and each of its paper copies may go; nothing of the archive's own data."""
    if record.kind.internal or not record.readable:
        return []
    shelf = call.house.desk.retention.shelf
    _, today = present(call.visit)
    assessed = shelf.assess(record.id)
    copies = [
        _kept(call, shelf.assess_copy(copy.record_id).assessment, today, copy)
        for copy in assessed.holding.copies
    ]
    return [_kept(call, assessed.assessment, today), *copies]


def _kept(call: Call, found: Assessment, today: date, copy: Copy | None = None) -> Kept:
    status = "due" if found.due(today) else found.status
    return Kept(status, found, sentence(call.visit, found), copy)
