"""Lists over many records: register, search, worklist, and what the archive says of itself."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict
from pydantic import Field as Constraint
from starlette.responses import Response

from api.admission import Visit
from api.holds_asked import holds_to_place
from api.problems import Refusal
from api.questions import Question, Words
from api.reading import Asked, Name, answer, read_record, seen_in_lists
from api.replies import PROBLEM_RESPONSES
from archive.evidence.instant import time_text
from archive.findings import last_report
from archive.views.access import words
from archive.views.register import Sort
from archive.views.search import Scope
from archive.views.worklist import Task, Wanted
from domain.forms import Instant, model
from domain.kind import Kind, Step, text
from domain.kinds import all_versions, current
from domain.matters import What

router = APIRouter(prefix="/v1", tags=["列表 / lists"], responses=PROBLEM_RESPONSES)


def wait_for(visit: Visit, after_leaf: int | None) -> None:
    """A leaf that is not there is not waited for."""
    if after_leaf is None:
        return
    archive = visit.desk.archive
    if after_leaf >= archive.store.head().size or not archive.views.wait_for(after_leaf):
        raise Refusal("view-not-ready")


class Asking(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Page(Asking):
    limit: int = Constraint(50, ge=1, le=500)
    cursor: str | None = Constraint(None, max_length=2000)
    after_leaf: int | None = Constraint(
        None, ge=0, description="视图须已含此日志叶 / wait until the view has seen this leaf"
    )


class KindPage(Page):
    state: Words = []
    department: Words = []
    sort: Sort = "recorded"
    order: Literal["asc", "desc"] = "desc"


class RegisterPage(Question, KindPage):
    as_known_at: Instant | None = Constraint(
        None, description="当时所知的列表 / the list as it was known then"
    )


@router.get("/records", summary="登记簿 / the register: filter, sort, page, as of a time")
def list_records(visit: Asked, asked: Annotated[RegisterPage, Query()]) -> Response:
    visit.guest.check_right("read")
    wait_for(visit, asked.after_leaf)
    hidden = None if "confidential" in visit.guest.caller.rights else False
    archive = visit.desk.archive
    page = archive.views.register.page(
        visit.guest.viewer(visit.desk),
        asked.filter(asked.as_known_at or visit.now, confidential=hidden),
        sort=asked.sort,
        descending=asked.order == "desc",
        limit=asked.limit,
        cursor=asked.cursor,
        known=_known(visit, asked.as_known_at),
    )
    kept = _kept(visit, [line.record_id for line in page.lines])
    lines = [asdict(line) for line in page.lines if line.record_id in kept]
    _note_confidential(visit, lines)
    return answer({"records": lines, "cursor": page.cursor})


def _known(visit: Visit, moment: datetime | None) -> int | None:
    return None if moment is None else visit.desk.archive.store.size_at(moment)


def _kept(visit: Visit, ids: list[str]) -> set[str]:
    test, ledger = seen_in_lists(visit), visit.desk.archive.ledger
    caller = visit.guest.caller
    if "confidential" in caller.rights and not caller.departments:
        return set(ids)
    return {i for i in ids if test(ledger.get(i))}


def _note_confidential(visit: Visit, lines: list[dict[str, Any]]) -> None:
    for line in lines:
        if line["confidential"]:
            visit.note("read", line["record_id"])


class SearchPage(Page):
    q: str = Constraint(min_length=1, max_length=500)
    limit: int = Constraint(20, ge=1, le=100)
    kind: Words = []
    department: Words = []


@router.get("/search", summary="全文检索 / full-text search, simplified and traditional alike")
def search(visit: Asked, asked: Annotated[SearchPage, Query()]) -> Response:
    visit.guest.check_right("read")
    wait_for(visit, asked.after_leaf)
    viewer = visit.guest.viewer(visit.desk)
    kinds = frozenset(asked.kind) if asked.kind else None
    if viewer.kinds is not None:
        kinds = frozenset(viewer.kinds) if kinds is None else kinds & frozenset(viewer.kinds)
    scope = Scope(
        audience=viewer.words, kinds=kinds, departments=frozenset(asked.department) or None
    )
    page = visit.desk.archive.views.search.search(asked.q, scope, asked.limit, asked.cursor)
    kept = _kept(visit, [hit.record_id for hit in page.hits])
    register = visit.desk.archive.views.register
    hits = []
    for hit in page.hits:
        line = register.line(hit.record_id) if hit.record_id in kept else None
        if line is not None:
            hits.append({**asdict(hit), "number": line.number, "subject": line.subject,
                         "state": line.state, "confidential": line.confidential})  # fmt: skip
    _note_confidential(visit, hits)
    return answer({"hits": hits, "cursor": page.cursor})


class TaskPage(Page):
    mine: bool = Constraint(False, description="等我办的 / what waits for the key's person")
    what: Annotated[list[What], Constraint(max_length=20)] = []
    kind: Words = []
    department: Words = []
    overdue: bool = False
    as_known_at: Instant | None = None


@router.get("/worklist", summary="待办 / what is due, late, unsigned, unacknowledged, unfiled")
def worklist(visit: Asked, asked: Annotated[TaskPage, Query()]) -> Response:
    visit.guest.check_right("read")
    wait_for(visit, asked.after_leaf)
    archive, directory, person = visit.desk.archive, visit.desk.directory, visit.guest.person
    if asked.mine and person is None:
        raise Refusal("invalid-request", None, (("mine", text("系统没有待办", "a person's key")),))
    moment = asked.as_known_at or visit.now
    wanted = Wanted(
        asked=words(person, directory) if asked.mine and person is not None else None,
        whats=asked.what,
        kinds=asked.kind,
        departments=asked.department,
        overdue_at=moment if asked.overdue else None,
    )
    page = archive.views.worklist.page(
        visit.guest.viewer(visit.desk),
        wanted,
        limit=asked.limit,
        cursor=asked.cursor,
        known=_known(visit, asked.as_known_at),
    )
    now = asked.cursor is None and asked.as_known_at is None
    tasks = (*(holds_to_place(visit, wanted) if now else ()), *page.tasks)
    kept = _kept(visit, [task.record_id for task in tasks])

    def told(task: Task) -> dict[str, Any]:
        waits = sorted(task.waits_for(directory))
        names = [directory.people[p].name for p in waits if p in directory.people]
        said = {k: v for k, v in asdict(task).items() if k != "asked"}
        return {**said, "status": task.status(moment), "waits_for": waits, "names": names}

    return answer({"tasks": [told(t) for t in tasks if t.record_id in kept], "cursor": page.cursor})


# ---------------------------------------------------------------- kinds


@router.get("/kinds", summary="记录种类 / the kinds of record")
def kinds(visit: Asked) -> Response:
    _ = visit.guest
    return answer(
        [
            {
                "id": kind.id,
                "version": kind.version,
                "title": kind.title.model_dump(),
                "prefix": kind.prefix,
                "internal": kind.internal,
                "confidential": kind.confidential,
                "steps": [{"id": s.id, "title": s.title.model_dump()} for s in kind.steps],
            }
            for kind in current().values()
        ]
    )


@router.get("/kinds/{kind}", summary="一种记录的全部规定与 JSON Schema / a kind, with schemas")
def kind(visit: Asked, kind: str, version: int | None = None) -> Response:
    _ = visit.guest
    found = current().get(kind) if version is None else all_versions().get((kind, version))
    if found is None:
        raise Refusal("unknown-kind")
    schemas = {step.id: _schema(found, step) for step in found.steps}
    return answer({**found.model_dump(mode="json"), "schemas": schemas})


def _schema(kind: Kind, step: Step) -> dict[str, Any]:
    return model(f"{kind.id}-{step.id}", step.form).model_json_schema()


# ---------------------------------------------------------------- the plant, and the archive itself


@router.get("/people", summary="人员 / people")
def people(visit: Asked) -> Response:
    _ = visit.guest
    found = visit.desk.directory.people.values()
    rows = [{**asdict(p), "roles": sorted(p.roles)} for p in found]
    return answer({"people": sorted(rows, key=lambda p: p["id"])})


@router.get("/departments", summary="部门 / departments")
def departments(visit: Asked) -> Response:
    _ = visit.guest
    found = visit.desk.directory.departments.values()
    rows = [{**asdict(d), "functions": sorted(d.functions)} for d in found]
    return answer({"departments": sorted(rows, key=lambda d: d["id"])})


@router.get("/me", summary="此密钥是谁、可做什么 / whose key this is and what it may do")
def me(visit: Asked) -> Response:
    guest = visit.guest
    caller = guest.caller
    return answer(
        {
            "caller": caller.id,
            "name": caller.name,
            "person": guest.person.id if guest.person else None,
            "person_name": guest.person.name if guest.person else None,
            "system": caller.system,
            "rights": sorted(caller.rights),
            "kinds": sorted(caller.kinds),
            "steps": sorted(caller.steps),
            "departments": sorted(caller.departments),
            "expires_at": time_text(caller.expires_at),
        }
    )


@router.get("/numbers", summary="编号与缺号 / record numbers, and those that are missing")
def numbers(visit: Asked) -> Response:
    visit.guest.check_right("read")
    scope = visit.guest.caller.kinds
    prefixes = {k.prefix for k in all_versions().values() if not scope or k.id in scope}
    series = visit.desk.archive.views.numbers.series()
    return answer({"series": [asdict(s) for s in series if s.prefix in prefixes]})


@router.get("/checkpoint", summary="日志头(签名笔记)/ the signed head of the log")
def checkpoint(visit: Asked, fresh: bool = False) -> Response:
    """A C2SP tlog-checkpoint. `fresh`: sign the present head first."""
    _ = visit.guest
    witnesses = visit.desk.archive.witnesses
    found = witnesses.publish_now() if fresh else witnesses.published()
    return Response(found.note, media_type="text/plain; charset=utf-8")


@router.get("/check", summary="最近一次检查的结果 / the result of the last check")
def last_check(visit: Asked) -> Response:
    """null where none was made yet; start one with `liuhen check`. Beside it how far the server
    has followed its own log, the round of checking that goes on, and the alarms that stand."""
    visit.guest.check_right("read")
    report = last_report(visit.desk.archive.check_report)
    return answer({"check": report, **visit.desk.watch.as_json()})


@router.get("/calendar", summary="工作日历 / the working calendar in force")
def calendar(visit: Asked) -> Response:
    _ = visit.guest
    found = visit.desk.calendar
    return answer({"version": found.version, "years": sorted(found.years)})


def of_one_kind(kind_id: str) -> APIRouter:
    """The same reads under a kind's own name."""
    kind = current()[kind_id]
    tag = f"{kind.title.zh} / {kind.title.en}"
    one = APIRouter(prefix=f"/v1/{kind_id}", tags=[tag], responses=PROBLEM_RESPONSES)

    @one.get("", summary=f"{kind.title.zh}登记簿 / the register of this kind",
             operation_id=f"{kind_id}.list")  # fmt: skip
    def list_kind(visit: Asked, asked: Annotated[KindPage, Query()]) -> Response:
        wider = RegisterPage(**asked.model_dump(), kind=[kind_id], internal=kind.internal)
        return list_records(visit, wider)

    @one.get("/{record}", summary=kind.title.en, operation_id=f"{kind_id}.read")
    def read_kind(visit: Asked, record: Name) -> Response:
        visit.record(record, kind_id)
        return read_record(visit, record)

    return one
