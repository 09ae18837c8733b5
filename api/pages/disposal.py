"""A disposal's page: its list, the review, the approvals with the key once more, the execution."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import RedirectResponse, Response

from api.appending import Behind, Sent, append
from api.certificate_page import HEADERS as CERTIFICATE_HEADERS
from api.certificate_page import page as certificate_page
from api.disposals import (
    Listing,
    Shredding,
    bundle,
    destroy_paper,
    execute,
    list_for_disposal,
    start,
)
from api.pages.calls import HEADERS, Call
from api.pages.login import from_here
from api.pages.retention import may_list, token
from api.pages.signing import sign_page
from api.problems import Problem, Refusal, problem_of
from api.retention_json import progress
from api.signoffs import SignoffPreparation
from api.steps import taking
from archive.callers import CallerRefusedError
from domain import disposals
from domain.access import resolve
from domain.disposals import Item, Outcome, Result
from domain.kind import text
from domain.record import Entry, Record
from retention.certificate import certificate

KIND = "disposal"
NOTHING: Mapping[str, str] = {}
SHOWN = 100
"""Items of a page; a longer list is reviewed page by page."""
OUTCOMES = ("destroy", "keep", "transfer", "hold")
NEEDED: Mapping[str, frozenset[str]] = {
    "keep": frozenset({"until", "reason"}),
    "transfer": frozenset({"reason"}),
    "hold": frozenset({"reason"}),
}
MISSING = {
    True: text("请写明保管至的日期和理由", "say until which day to keep it, and why"),
    False: text("请写明理由", "say why"),
}
HANDS = (
    "list", "relist", "review", "approve-first", "approve-second", "start", "destroy-paper",
    "witness-paper", "certify", "supplement", "withdraw",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ItemRow:
    item: Item
    kind: str
    owner: str
    outcome: Outcome | None
    result: Result | None
    mine: bool
    """Whether the reader is to review it."""


@dataclass(frozen=True, slots=True)
class HandRow:
    entry: Entry
    title: str
    name: str


# ---------------------------------------------------------------- showing


def show_disposal(call: Call) -> Response:
    return _page(call, _record(call))


def _record(call: Call) -> Record:
    return call.visit.record(call.request.path_params["record"], KIND)


def _page(
    call: Call,
    record: Record,
    fault: str = "",
    problem: Problem | None = None,
    typed: Mapping[str, str] = NOTHING,
) -> Response:
    """`typed`: what was sent and refused, so that nobody types it again."""
    listing = disposals.listing(record)
    items = list(listing.items.values())
    at = _page_of(call, len(items))
    may = {step: _may(call, record, step) for step in _STEPS}
    rows = _rows(call, record, items[at : at + SHOWN], mine=may["review"])
    status = problem.type.status if problem else 401 if fault else 200
    desk = call.house.desk
    return call.page(
        "disposal.html",
        status,
        record=record,
        state=record.kind.state(record.state),
        listing=listing,
        rows=rows,
        page=at // SHOWN,
        pages=(len(items) + SHOWN - 1) // SHOWN,
        reviewed=len(disposals.outcomes(record)),
        approvals=disposals.approvals(record),
        ways=_ways(record),
        may=may,
        may_start=may_list(call) and call.visit.guest.id not in _last_approver(record),
        locked=any(r.code == "LOCKED" for r in disposals.results(record).values()),
        running=desk.executions.running(record.id),
        done=progress(call.visit, record),
        failure=_failure(call, record),
        token=token(call, record.id),
        fault=fault,
        problem=problem,
        typed=typed,
        outcomes=OUTCOMES,
        hands=_hands(call, record),
        witnessed=record.said("witness-paper") is not None,
        shredded=record.said("destroy-paper") is not None,
        may_export="export" in call.visit.guest.caller.rights,
    )


def _page_of(call: Call, count: int) -> int:
    said = call.asked("page")
    n = int(said) if said.isascii() and said.isdigit() and len(said) < 5 else 0
    return n * SHOWN if n * SHOWN < count else 0


_STEPS = ("review", "approve-first", "approve-second", "withdraw", "witness-paper", "destroy-paper")


def _may(call: Call, record: Record, name: str) -> bool:
    """Whether the page offers a step; the rules decide when it is taken."""
    guest, directory = call.visit.guest, call.pen.directory
    step = record.kind.step(name)
    if step is None or record.state not in step.start or not guest.caller.may_take(KIND, name):
        return False
    if name == "destroy-paper":
        return disposals.listing(record).medium == "paper" and may_list(call)
    if name == "witness-paper" and record.said("destroy-paper") is None:
        return False
    entitled = resolve(step.by, directory, record, {})
    barred = resolve(step.not_by, directory, record, {})
    return guest.id in entitled and guest.id not in barred


def _last_approver(record: Record) -> list[str]:
    return [a.person for a in disposals.approvals(record)][-1:]


def _rows(call: Call, record: Record, items: Sequence[Item], *, mine: bool) -> list[ItemRow]:
    found, results = disposals.outcomes(record), disposals.results(record)
    person = call.visit.guest.id
    return [
        ItemRow(
            item,
            call.pen.kind_title(item.kind),
            call.pen.name(item.owner),
            found.get(item.item),
            results.get(item.item),
            mine and item.owner in (None, person),
        )
        for item in items
    ]


def _ways(record: Record) -> list[tuple[str, bool]]:
    """The way of a disposal, and how far this one has come."""
    listing = disposals.listing(record)
    approvals = len(disposals.approvals(record))
    reviewed = len(disposals.outcomes(record)) == len(listing.items)
    return [
        ("listed", True),
        ("reviewed", reviewed),
        ("approved-once", approvals > 0),
        ("approved", approvals > 1),
        ("executing", record.said("certify") is not None),
        ("certified", record.state == "certified"),
    ]


def _hands(call: Call, record: Record) -> list[HandRow]:
    found = []
    for entry in record.entries:
        step = record.kind.step(entry.step)
        if step is not None and entry.step in HANDS:
            name = call.pen.name(entry.actor) or call.pen.word("the-archive")
            found.append(HandRow(entry, call.pen.text(step.title), name))
    return found


def _failure(call: Call, record: Record) -> str:
    failure = call.house.desk.executions.failure(record.id)
    if failure is None:
        return ""
    message = getattr(failure, "message", None) or text(str(failure), str(failure))
    return call.pen.text(message)


# ---------------------------------------------------------------- acting


Act = Callable[[Call, Record, Mapping[str, str]], object]


def make_list(call: Call) -> Response:
    """All that is due, as a new list. Back to the page of what is due where there is none."""
    said = _checked(call, "list")
    if said is None:
        return RedirectResponse("/retention", 303, HEADERS)
    wanted = Listing(
        all_due=True,
        medium="paper" if said.get("medium") == "paper" else "electronic",
        owner=said.get("owner") or None,
    )
    record = list_for_disposal(call.visit, wanted)
    return RedirectResponse(f"/retention/disposals/{record.id}", 303, HEADERS)


def _checked(call: Call, *words: str) -> Mapping[str, str] | None:
    """The form, if it is one of ours and was sent from here."""
    said = call.form()
    session = call.session.id if call.session else ""
    fits = call.house.sessions.form_fits(said.get("token", ""), "retention", session, *words)
    return said if fits and from_here(call) else None


def act(call: Call) -> Response:
    """One of the forms of a disposal's page; what is refused is said on the page."""
    record = _record(call)
    said = _checked(call, record.id)
    deed = _ACTS.get(call.request.path_params["deed"])
    if deed is None:
        raise Refusal("not-found")
    if said is None:
        return _page(call, record, "login-stale")
    try:
        deed(call, record, said)
    except CallerRefusedError:
        return _page(call, record, "reauth-failed")
    except ToSignError as instead:
        return sign_page(call, instead.asked)
    except Exception as error:
        problem = error.problem() if isinstance(error, Behind) else problem_of(error)
        if problem.type.status >= 500:
            raise
        now = call.house.desk.archive.ledger.get(record.id)
        return _page(call, now, problem=problem, typed=said)
    return RedirectResponse(f"/retention/disposals/{record.id}", 303, HEADERS)


class ToSignError(Exception):
    """A step that the person signs with a key of their own: the page for that comes instead."""

    def __init__(self, asked: SignoffPreparation) -> None:
        super().__init__(asked.step)
        self.asked = asked


def _step(call: Call, record: Record, name: str, answers: Mapping[str, Any]) -> None:
    step = record.kind.step(name)
    if step is None:
        raise AssertionError("a form names a step of the kind")
    sent = Sent(value={"answers": dict(answers)}, raw=call.body)
    try:
        append(call.visit, taking(record.kind, step), record.id, sent)
    except Refusal as refusal:
        if refusal.type != "signoff-required":
            raise
        asked = SignoffPreparation(record=record.id, step=name, said=sent.value)
        raise ToSignError(asked) from None


def _review(call: Call, record: Record, said: Mapping[str, str]) -> None:
    """What the reader now says otherwise than before: to say it again would reserve it anew."""
    before, rows, faults = disposals.outcomes(record), [], []
    for name, outcome in said.items():
        item = name.removeprefix("outcome-")
        if item == name or not outcome:
            continue
        row = {"item": item, "outcome": outcome, **_why(said, item, outcome)}
        missing = NEEDED.get(outcome, frozenset()) - row.keys()
        if missing:
            faults.append((item, MISSING["until" in missing]))
        if item not in before or row != _row(before[item], item):
            rows.append(row)
    if faults:
        raise Refusal("invalid-request", errors=tuple(faults))
    if rows:
        _step(call, record, "review", {"items": rows})


def _why(said: Mapping[str, str], item: str, outcome: str) -> dict[str, str]:
    """A day only where it is kept: one that was typed for another choice means nothing."""
    asked = ("reason", "until") if outcome == "keep" else ("reason",)
    told = {name: said.get(f"{name}-{item}", "").strip() for name in asked}
    return {name: value for name, value in told.items() if value}


def _row(said: Outcome, item: str) -> dict[str, str]:
    told = {"until": said.until.isoformat() if said.until else None, "reason": said.reason}
    more = {name: value for name, value in told.items() if value}
    return {"item": item, "outcome": said.outcome, **more}


def _approve(call: Call, record: Record, said: Mapping[str, str]) -> None:
    """The key once more, and that of the very caller who is logged in."""
    _same_caller(call, said.get("key", "").strip())
    name = "approve-first" if record.state == "listed" else "approve-second"
    _step(
        call, record, name,
        {"list_hash": said.get("list_hash", ""), "today": said.get("today", "")},
    )  # fmt: skip


def _same_caller(call: Call, key: str) -> None:
    visit, address = call.visit, call.request.client.host if call.request.client else ""
    if call.house.failures.too_many(address, visit.now):
        raise CallerRefusedError
    try:
        issued = call.house.desk.callers.recognise(key, visit.now)
        if issued.caller != visit.guest.caller.id:
            raise CallerRefusedError
    except CallerRefusedError:
        call.house.failures.note(address, visit.now)
        visit.note("refused", None)
        raise


def _withdraw(call: Call, record: Record, said: Mapping[str, str]) -> None:
    _step(call, record, "withdraw", {"reason": said.get("reason", "")})


def _witness(call: Call, record: Record, said: Mapping[str, str]) -> None:
    _same_caller(call, said.get("key", "").strip())
    _step(call, record, "witness-paper", {})


def _shred(call: Call, record: Record, said: Mapping[str, str]) -> None:
    items = [name.removeprefix("shred-") for name in said if name.startswith("shred-")]
    if not items or not said.get("method"):
        raise Refusal("invalid-request")
    destroy_paper(call.visit, record.id, Shredding(items=items, method=said["method"][:500]))


def _start(call: Call, record: Record, said: Mapping[str, str]) -> None:
    _same_caller(call, said.get("key", "").strip())
    start(call.visit, record.id)


def _execute(call: Call, record: Record, _: Mapping[str, str]) -> None:
    execute(call.visit, record.id)
    call.house.desk.executions.wait_a_moment(record.id)


_ACTS: Mapping[str, Act] = {
    "review": _review,
    "approve": _approve,
    "withdraw": _withdraw,
    "start": _start,
    "execute": _execute,
    "shred": _shred,
    "witness": _witness,
}


# ---------------------------------------------------------------- the certificate


def show_certificate(call: Call) -> Response:
    record = _record(call)
    found = certificate(call.house.desk.archive, record.id)
    document = certificate_page(call.house.desk.archive, found)
    return Response(document, 200, CERTIFICATE_HEADERS)


def show_certificate_bundle(call: Call) -> Response:
    return bundle(call.visit, _record(call))
