"""The way of a disposal over HTTP: list, start, execute, certificate; and filing what was imported.

Review, approvals, withdrawal and the destruction of paper are ordinary steps of the kind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query
from pydantic import Field as Constraint
from starlette.requests import Request
from starlette.responses import Response

from api.admission import Visit
from api.appending import check_key, etag
from api.bodies import Body, Line, parse_json, read_as
from api.certificate_page import HEADERS, page
from api.door import Endpoint, answering, language, visit_of
from api.exports import send_bundle
from api.listing import wait_for
from api.problems import Refusal, problem_of
from api.reading import Asked, Name, answer
from api.replies import PROBLEM_RESPONSES
from api.retention_json import Json, certificate_json, disposal_json
from api.retention_lists import present
from archive.store import Idempotency
from archive.views.access import EVERYTHING
from archive.views.register import Filter
from domain import disposals
from domain.access import resolve
from domain.forms import Identifier
from domain.kind import text
from domain.record import Record
from retention.asking import BARRED, LISTERS
from retention.certificate import certificate, write_bundle
from retention.errors import DisposalRefusedError
from retention.imports import Import, claimed, file_imported
from retention.intact import BROKEN

KIND = "disposal"
MOST = 5000
"""Items on one list: as many rows as a form may have."""


class Listing(Body):
    """Exactly one of `records`, `copies`, `all_due`. `owner` reviews what no department's head
    does."""

    records: list[Line] | None = Constraint(None, min_length=1, max_length=MOST)
    copies: list[Line] | None = Constraint(None, min_length=1, max_length=MOST)
    all_due: bool = False
    medium: Literal["electronic", "paper"] = Constraint(
        "electronic", description="all_due 时列哪种载体 / of which medium, with `all_due`"
    )
    owner: Identifier | None = None


class Shredding(Body):
    items: list[Line] = Constraint(min_length=1, max_length=MOST)
    method: Annotated[str, Constraint(min_length=1, max_length=500)]


class ImportFiling(Body):
    """`claim`: an approved base-date-claim; its records, or those of them that are named. Without
    it the named records, or all that are imported and not filed."""

    claim: Line | None = None
    records: list[Line] | None = Constraint(None, min_length=1, max_length=MOST)
    all: bool = False
    scope: bool = Constraint(False, description="是否属于归档范围 / inside the archive scope")


# ---------------------------------------------------------------- deeds


def list_for_disposal(
    visit: Visit, said: Listing, relist: str | None = None, once: Idempotency | None = None
) -> Record:
    """Freeze a list. DisposalRefusedError names the first record that may not go."""
    visit.guest.check_step(KIND, "list" if relist is None else "relist")
    deeds, actor = visit.desk.retention.disposals, visit.guest.actor()
    before = None if relist is None else visit.record(relist, KIND)
    earlier = before.id if before else None
    if sum((said.records is not None, said.copies is not None, said.all_due)) != 1:
        message = text("records、copies、all_due 须给出其一", "give records, copies or all_due")
        raise Refusal("invalid-request", None, (("records", message),))
    if said.copies is not None or (said.all_due and said.medium == "paper"):
        copies = said.copies if said.copies is not None else _all_due(visit, "paper", earlier)
        named = [_reached(visit, name, "paper-copy") for name in copies]
        return deeds.list_paper(actor, named, relist=earlier, once=once)
    records = said.records if said.records is not None else _all_due(visit, "electronic", earlier)
    named = [_reached(visit, name) for name in records]
    return deeds.list_due(actor, named, owner=said.owner, relist=earlier, once=once)


def _reached(visit: Visit, name: str, kind: str | None = None) -> str:
    """What cannot be read says nothing of who may reach it: that it is broken, or that this person
    does not list, is then for retention to say, and to note."""
    try:
        return visit.reach(name, kind).id
    except BROKEN:
        return visit.find(name)


def _all_due(visit: Visit, medium: str, earlier: str | None) -> list[str]:
    """What is due today, stands on no other list, and may be reached by this key."""
    archive = visit.desk.archive
    wait_for(visit, archive.store.head().size - 1)
    _, today = present(visit)
    lists = visit.desk.retention.shelf.on_lists()
    elsewhere = {r for r, on in lists.items() if on != earlier}
    found: list[str] = []
    after = None
    while len(found) < MOST:
        page = visit.desk.due.due(today, EVERYTHING, after=after, limit=500)
        found += (
            line.record_id
            for line in page.lines
            if line.medium == medium
            and line.record_id not in elsewhere
            and visit.guest.may_reach(archive.ledger.get(line.of), visit.desk)
        )
        after = page.after
        if after is None:
            break
    return found[:MOST]


def start(visit: Visit, name: str) -> Record:
    visit.guest.check_step(KIND, "start")
    record = visit.record(name, KIND)
    return visit.desk.retention.disposals.start(visit.guest.actor(), record.id)


def destroy_paper(
    visit: Visit, name: str, said: Shredding, once: Idempotency | None = None
) -> Record:
    """Say which copies are shredded. It is asked first whether each may go: if not, none."""
    visit.guest.check_step(KIND, "destroy-paper")
    record = visit.record(name, KIND)
    deeds = visit.desk.retention.disposals
    return deeds.destroy_paper(visit.guest.actor(), record.id, said.items, said.method, once)


def execute(visit: Visit, name: str) -> Record:
    """Have a started disposal executed in the background; refused at once for what is known."""
    visit.guest.check_step(KIND, "execute")
    record = visit.record(name, KIND)
    retention, guest = visit.desk.retention, visit.guest
    with retention.journal.refusals(guest.id, record.id):
        check_executor(visit, record)
        if record.state not in ("executing", "certified"):
            raise DisposalRefusedError("NO_APPROVED_BATCH")
        now = retention.disposals.time()
        if now.frozen:
            raise DisposalRefusedError(now.status.name, now.sentence)
        paper = record.state == "executing" and disposals.listing(record).medium == "paper"
        if paper and record.said("witness-paper") is None:
            raise DisposalRefusedError("UNWITNESSED")
    visit.desk.executions.begin(record.id)
    return record


def check_executor(visit: Visit, record: Record) -> None:
    """Whoever lists may execute, but not the one who approved last (RETENTION.md 6)."""
    person, directory = visit.guest.id, visit.desk.directory
    approvers = [a.person for a in disposals.approvals(record)]
    if (
        person in resolve(BARRED, directory, None, {})
        or person not in resolve(LISTERS, directory, None, {})
        or person in approvers[-1:]
    ):
        raise DisposalRefusedError("SEPARATION")


def file_imports(visit: Visit, said: ImportFiling) -> list[Import]:
    visit.guest.check_step("import", "file")
    retention, archive = visit.desk.retention, visit.desk.archive
    claim = visit.record(said.claim, "base-date-claim").id if said.claim is not None else None
    if said.records is not None:
        named = [visit.reach(name).id for name in said.records]
    elif claim is not None:
        named = [visit.reach(r).id for r in claimed(archive, claim)]
    elif said.all:
        named = _unfiled_imports(visit)
    else:
        message = text("须给出 claim、records 或 all", "give claim, records or all")
        raise Refusal("invalid-request", None, (("records", message),))
    actor = visit.guest.actor()
    return list(
        file_imported(archive, retention.journal, actor, named, claim=claim, scope=said.scope)
    )


def _unfiled_imports(visit: Visit) -> list[str]:
    archive = visit.desk.archive
    wait_for(visit, archive.store.head().size - 1)
    wanted = Filter(imported=True, filed=False)
    found: list[str] = []
    cursor = None
    while len(found) < MOST:
        page = archive.views.register.page(EVERYTHING, wanted, limit=500, cursor=cursor)
        found += (
            line.record_id
            for line in page.lines
            if visit.guest.may_reach(archive.ledger.get(line.record_id), visit.desk)
        )
        cursor = page.cursor
        if cursor is None:
            break
    return found[:MOST]


def import_json(visit: Visit, found: Import, spoken: Literal["zh", "en"]) -> Json:
    if found.error is None:
        return {"record": found.record_id, "status": 201, "base_date": found.base_date}
    problem = problem_of(found.error)
    return {"record": found.record_id, **problem.body(spoken, visit.request_id)}


# ---------------------------------------------------------------- routes


def _let_in(request: Request) -> Visit:
    """Who asks comes before what is asked."""
    visit = visit_of(request)
    request.scope["caller"] = visit.guest.caller.id
    return visit


def _told(visit: Visit, record: Record, status: int) -> Response:
    headers = {"ETag": etag(record.version), "Location": f"/v1/retention/disposals/{record.id}"}
    return answer(disposal_json(visit, record), headers, status=status)


def _once(
    visit: Visit, request: Request, raw: bytes, deed: Callable[[Idempotency | None], Record]
) -> Response:
    """What was done under this Idempotency-Key is told again, as it is now, and not done again."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return _told(visit, deed(None), 201)
    body = raw + b"\n" + visit.route.encode()
    once = visit.desk.windows.asked(visit.now, visit.guest.id, check_key(key), body)
    first = visit.desk.archive.ledger.replay_of(once, None)
    if first is None:
        return _told(visit, deed(once), 201)
    return _told(visit, visit.record(first.committed.record_id, KIND), 201)


def _listing(request: Request, raw: bytes) -> Response:
    visit = _let_in(request)
    said = read_as(Listing, parse_json(raw))
    return _once(visit, request, raw, lambda once: list_for_disposal(visit, said, None, once))


def _relisting(request: Request, raw: bytes) -> Response:
    visit = _let_in(request)
    said, name = read_as(Listing, parse_json(raw)), request.path_params["record"]
    return _once(visit, request, raw, lambda once: list_for_disposal(visit, said, name, once))


def _starting(request: Request, raw: bytes) -> Response:
    visit = _let_in(request)
    read_as(Body, parse_json(raw) if raw else {})
    return _told(visit, start(visit, request.path_params["record"]), 201)


def _shredding(request: Request, raw: bytes) -> Response:
    visit = _let_in(request)
    said, name = read_as(Shredding, parse_json(raw)), request.path_params["record"]
    return _once(visit, request, raw, lambda once: destroy_paper(visit, name, said, once))


def _executing(request: Request, raw: bytes) -> Response:
    visit = _let_in(request)
    read_as(Body, parse_json(raw) if raw else {})
    return _told(visit, execute(visit, request.path_params["record"]), 202)


def _filing(request: Request, raw: bytes) -> Response:
    visit = _let_in(request)
    found = file_imports(visit, read_as(ImportFiling, parse_json(raw)))
    spoken = language(request)
    results = [import_json(visit, one, spoken) for one in found]
    return Response(orjson.dumps({"results": results}), 200, media_type="application/json")


def read_disposal(visit: Asked, record: Name) -> Response:
    """Its present list, outcomes, approvals, results; and how far the execution has come."""
    return _told(visit, visit.record(record, KIND), 200)


def read_certificate(
    request: Request,
    visit: Asked,
    record: Name,
    form: Annotated[Literal["json", "html", "bundle"] | None, Query(alias="format")] = None,
) -> Response:
    """JSON; the printable page for `Accept: text/html`; the bundle that proves it for
    `application/zip` or `?format=bundle` (noted as an export)."""
    found = visit.record(record, KIND)
    visit.guest.check_right("read")
    wanted = form or _accepted(request)
    if wanted == "bundle":
        return bundle(visit, found)
    told = certificate(visit.desk.archive, found.id)
    if wanted == "html":
        return Response(page(visit.desk.archive, told), 200, HEADERS)
    return answer(certificate_json(told))


def _accepted(request: Request) -> str:
    accept = request.headers.get("accept", "")
    named = {"text/html": "html", "application/zip": "bundle", "application/json": "json"}
    types = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    return next((named[each] for each in types if each in named), "json")


def bundle(visit: Visit, disposal: Record) -> Response:
    """The certificate with the evidence of each record on its list."""
    visit.guest.check_right("export")
    certificate(visit.desk.archive, disposal.id)
    visit.note("export", disposal.id)
    visit.desk.accesses.flush()
    name = f"{disposal.number or disposal.id}.zip"
    return send_bundle(name, lambda file: write_bundle(visit.desk.archive, disposal.id, file))


def disposal_routes() -> APIRouter:
    router = APIRouter(
        prefix="/v1/retention", tags=["保管 / retention"], responses=PROBLEM_RESPONSES
    )

    def post(
        path: str, endpoint: Endpoint, status: int, summary: str, model: type[Body] = Body
    ) -> None:
        extra: dict[str, Any] = {}
        if model is not Body:
            schema = {"$ref": f"#/components/schemas/{model.__name__}"}
            content = {"application/json": {"schema": schema}}
            extra["requestBody"] = {"required": True, "content": content}
        if "{record}" in path:
            extra["parameters"] = [
                {"name": "record", "in": "path", "required": True, "schema": {"type": "string"}}
            ]
        router.add_api_route(
            path, endpoint, methods=["POST"], status_code=status, summary=summary,
            operation_id="retention" + path.replace("/{record}", "").replace("/", "."),
            openapi_extra=extra,
        )  # fmt: skip

    one = "/disposals/{record}"
    long = {"limit": "batch_limit"}
    post(
        "/disposals",
        answering(_listing, **long),
        201,
        "列单 / freeze a list of what is due",
        Listing,
    )
    post(f"{one}/relist", answering(_relisting, **long), 201,
         "重新列单(批准作废)/ list anew: approvals are void", Listing)  # fmt: skip
    post(f"{one}/start", answering(_starting), 201, "开始执行 / begin the execution")
    post(
        f"{one}/destroy-paper",
        answering(_shredding, **long),
        201,
        "登记纸质件销毁 / say which paper was destroyed",
        Shredding,
    )
    post(f"{one}/execute", answering(_executing), 202, "执行并出具证明 / destroy, verify, certify")
    post("/imports/file", answering(_filing, **long), 200,
         "导入记录归档 / file imported records", ImportFiling)  # fmt: skip
    router.add_api_route(one, read_disposal, methods=["GET"], summary="处置清单 / a disposal")
    router.add_api_route(
        f"{one}/certificate",
        read_certificate,
        methods=["GET"],
        summary="销毁证明 / its certificate",
    )
    return router
