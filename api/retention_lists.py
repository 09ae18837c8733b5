"""What retention shows: lists of what is due and what stands in the way, rules, the journal."""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import Annotated, Any, Literal, get_args

import orjson
from fastapi import APIRouter, Query
from pydantic import Field as Constraint
from starlette.responses import Response

from api.admission import Visit
from api.listing import Asking, Page, wait_for
from api.problems import Refusal
from api.reading import Asked, Name, answer, seen_in_lists
from api.replies import PROBLEM_RESPONSES
from api.retention_json import (
    Json,
    assessment_json,
    copy_json,
    lines_json,
    rule_json,
    time_json,
)
from archive.ledger import NoSuchRecordError
from domain.access import resolve
from domain.kind import text
from domain.kinds import find
from retention.due_lists import MOST_ROWS, Cursor, Line
from retention.due_lists import Page as Found
from retention.journal import KIND as JOURNAL
from retention.proven_time import ProvenTime

router = APIRouter(prefix="/v1", tags=["保管 / retention"], responses=PROBLEM_RESPONSES)
UNFILED_DAYS = 30
"""So long a record that could be filed may wait before it is an alarm (RETENTION.md 9, R14)."""
MOST_COUNTED = 2000
"""Records that are read, to count for a key which sees only some of them."""
TOO_MANY = text(
    "受限的密钥无法统计这么多记录;请缩短月数。",
    "So many records cannot be counted for a narrowed key: ask for fewer months.",
)
What = Literal["due", "held", "pending", "blocked", "unfiled"]


def present(visit: Visit) -> tuple[ProvenTime, date]:
    """The time that counts, and the day that it is at the site."""
    now = visit.desk.retention.disposals.time()
    return now, now.now.astimezone(visit.desk.archive.options.zone).date()


class DuePage(Page):
    cursor: str | None = Constraint(None, max_length=2000)


def listed(
    visit: Visit, what: What, asked: DuePage, day: date | None = None
) -> tuple[tuple[Line, ...], str | None]:
    """A page of one of the lists, cut to what this key may see, and where the next begins.

    `day`: as of another day than today.
    """
    visit.guest.check_right("read")
    wait_for(visit, asked.after_leaf)
    found = _asked_of(visit, what, day or present(visit)[1])(_after(asked.cursor), asked.limit)
    kept = shown(visit)
    return tuple(line for line in found.lines if kept(line)), _cursor(found.after)


def _asked_of(visit: Visit, what: What, today: date) -> Callable[[Cursor, int], Found]:
    view, viewer = visit.desk.due, visit.guest.viewer(visit.desk)
    match what:
        case "due":
            return lambda after, limit: view.due(today, viewer, after=after, limit=limit)
        case "held":
            return lambda after, limit: view.held(viewer, after=after, limit=limit)
        case "pending":
            return lambda after, limit: view.pending(viewer, after=after, limit=limit)
        case "blocked":
            return lambda after, limit: view.blocked(viewer, after=after, limit=limit)
        case "unfiled":
            since = today - timedelta(days=UNFILED_DAYS)
            return lambda after, limit: view.unfiled(since, viewer, after=after, limit=limit)


def shown(visit: Visit) -> Callable[[Line], bool]:
    """Whether a list shows a line to this key: the record, and of a copy that of which it is."""
    test, ledger = seen_in_lists(visit), visit.desk.archive.ledger

    def kept(line: Line) -> bool:
        try:
            return all(test(ledger.get(each)) for each in {line.record_id, line.of})
        except NoSuchRecordError:
            return False

    return kept


def _cursor(after: Cursor) -> str | None:
    if after is None:
        return None
    return base64.urlsafe_b64encode(orjson.dumps(after)).decode().rstrip("=")


def _after(cursor: str | None) -> Cursor:
    if cursor is None:
        return None
    try:
        said = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        said = None
    if not isinstance(said, list) or len(said) != 2 or not all(isinstance(s, str) for s in said):
        raise Refusal("search", text("游标有误。", "This is no cursor of this list."))
    return said[0], said[1]


def _list(visit: Visit, what: What, asked: DuePage) -> Response:
    lines, cursor = listed(visit, what, asked)
    now, today = present(visit)
    return answer(
        {
            "today": today.isoformat(),
            "time": time_json(now),
            "records": lines_json(visit, lines),
            "cursor": cursor,
        }
    )


@router.get("/retention/due", summary="到期清单 / what may go today")
def due(visit: Asked, asked: Annotated[DuePage, Query()]) -> Response:
    return _list(visit, "due", asked)


@router.get("/retention/held", summary="法律保全中 / what is held, and by which hold")
def held(visit: Asked, asked: Annotated[DuePage, Query()]) -> Response:
    return _list(visit, "held", asked)


@router.get("/retention/pending", summary="待触发 / what waits for an event, and for which")
def pending(visit: Asked, asked: Annotated[DuePage, Query()]) -> Response:
    return _list(visit, "pending", asked)


@router.get("/retention/blocked", summary="受阻 / what may not go, and why")
def blocked(visit: Asked, asked: Annotated[DuePage, Query()]) -> Response:
    return _list(visit, "blocked", asked)


@router.get("/retention/unfiled", summary="逾30日未归档 / could have been filed 30 days ago")
def unfiled(visit: Asked, asked: Annotated[DuePage, Query()]) -> Response:
    return _list(visit, "unfiled", asked)


class Months(Asking):
    months: int = Constraint(12, ge=1, le=120)
    after_leaf: int | None = Constraint(None, ge=0)


@router.get("/retention/next-months", summary="今后各月到期数 / how many fall due, by month")
def next_months(visit: Asked, asked: Annotated[Months, Query()]) -> Response:
    visit.guest.check_right("read")
    wait_for(visit, asked.after_leaf)
    _, today = present(visit)
    found = months(visit, today, asked.months)
    return answer(
        {
            "today": today.isoformat(),
            "months": [{"month": month, "records": count} for month, count in found],
            "now": counts(visit, today),
        }
    )


def months(visit: Visit, today: date, count: int) -> list[tuple[str, int]]:
    """How many of what this key may see fall due in each month from tomorrow on."""
    view, viewer = visit.desk.due, visit.guest.viewer(visit.desk)
    found = view.next_months(today, count, viewer)
    if _sees_all(visit):
        return found
    last = date.fromisoformat(f"{found[-1][0]}-28") + timedelta(days=3)
    lines = _walked(visit, lambda after: view.due(last, viewer, after=after, limit=MOST_ROWS),
                    (today.isoformat(), "~"))  # fmt: skip
    if lines is None:
        raise Refusal("not-entitled", TOO_MANY)
    by_month = Counter((line.due_from or "")[:7] for line in lines)
    return [(month, by_month[month]) for month, _ in found]


def counts(visit: Visit, today: date) -> dict[str, int]:
    """How many of what this key may see stand on each list; a list is left out where so many would
    have to be read, one by one, that it cannot be told."""
    if _sees_all(visit):
        return visit.desk.due.counts(today, visit.guest.viewer(visit.desk))
    found = {}
    for what in get_args(What):
        early = UNFILED_DAYS + 1 if what == "unfiled" else 0  # also what is no alarm yet
        ask = _asked_of(visit, what, today + timedelta(days=early))
        lines = _walked(visit, partial(_many, ask))
        if lines is not None:
            found[what] = len(lines)
    return found


def _sees_all(visit: Visit) -> bool:
    """Whether the view alone can count for this key."""
    caller = visit.guest.caller
    return not caller.departments and "confidential" in caller.rights


def _many(ask: Callable[[Cursor, int], Found], after: Cursor) -> Found:
    return ask(after, MOST_ROWS)


def _walked(
    visit: Visit, ask: Callable[[Cursor], Found], after: Cursor = None
) -> list[Line] | None:
    """Every line that this key is shown; None after too many."""
    kept, found, read = shown(visit), list[Line](), 0
    while True:
        page = ask(after)
        found += (line for line in page.lines if kept(line))
        read, after = read + len(page.lines), page.after
        if after is None:
            return found
        if read >= MOST_COUNTED:
            return None


@router.get(
    "/retention/rules", summary="保管规则 / the rules in force, every version, with authority"
)
def rules(visit: Asked) -> Response:
    return answer({"rules": rules_json(visit)})


def rules_json(visit: Visit) -> list[Json]:
    visit.guest.check_right("read")
    if not visit.guest.caller.may_read("retention-rule"):
        raise Refusal("not-entitled")
    policy, _ = visit.desk.retention.shelf.policy()
    get = visit.desk.archive.ledger.get
    return [rule_json(rule, get(rule.record_id)) for rule in policy.rules]


@router.get(
    "/records/{record}/retention", summary="何时可处置及原因 / when a record may go, and why"
)
def read_retention(visit: Asked, record: Name) -> Response:
    """Reckoned from the log as it stands, for the record and for each of its paper copies."""
    return answer(retention_json(visit, record))


def retention_json(visit: Visit, name: str) -> Json:
    found = visit.record(name)
    now, today = present(visit)
    shelf = visit.desk.retention.shelf
    assessed = shelf.assess(found.id)
    may_see = visit.guest.may_see
    get = visit.desk.archive.ledger.get
    lists = shelf.on_lists()
    return {
        "record": found.id,
        "number": found.number,
        "kind": found.kind.id,
        "class": found.kind.retention,
        "today": today.isoformat(),
        "time": time_json(now),
        **assessment_json(visit, assessed, today),
        "group": [r for r in assessed.group if may_see(get(r), visit.desk)],
        "listed_in": lists.get(found.id),
        "copies": [
            {
                **copy_json(copy),
                **assessment_json(visit, shelf.assess_copy(copy.record_id), today),
                "listed_in": lists.get(copy.record_id),
            }
            for copy in assessed.holding.copies
        ],
    }


class JournalPage(Asking):
    limit: int = Constraint(100, ge=1, le=1000)
    cursor: int = Constraint(0, ge=0, le=2**31, description="已读条数 / how many were read")


@router.get("/retention/journal", summary="保管日志 / what retention refused, put off or warned of")
def journal(visit: Asked, asked: Annotated[JournalPage, Query()]) -> Response:
    """Newest first. For the auditor, the security and records officers, the quality manager."""
    check_journal(visit)
    found: list[Any] = list(reversed(visit.desk.retention.journal.entries()))
    page = found[asked.cursor : asked.cursor + asked.limit]
    end = asked.cursor + len(page)
    return answer({"notes": page, "cursor": end if end < len(found) else None})


def check_journal(visit: Visit) -> None:
    """Who may read it, as its kind says."""
    guest = visit.guest
    entitled = resolve(find(JOURNAL).entitled, visit.desk.directory, None, {})
    guest.check_right("read")
    if guest.id not in entitled or not guest.caller.may_read(JOURNAL):
        visit.note("refused", None)
        raise Refusal("not-entitled")
    guest.check_right("confidential")
    visit.note("read", None)
