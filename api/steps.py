"""Routes made from the kinds: one for each step, found without a walk through all the others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, partial
from typing import Any

from fastapi.routing import APIRoute
from pydantic import BaseModel, create_model
from pydantic import Field as Constraint
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from api.admission import Visit
from api.appending import Act, Header, Pending, Reply, Sent, begin, end, files
from api.bodies import Line, Said, StepSaid, parse_json
from api.desk import Desk
from api.door import Endpoint, read_body, refuse, visit_of
from api.problems import Refusal
from api.replies import PROBLEM_RESPONSES, Appended
from archive.ledger import Outcome
from domain import forms
from domain.commands import AnyCommand, Open, TakeStep
from domain.kind import Form, Kind, Step
from domain.kinds import all_versions
from domain.record import Record

_SEPARATORS = re.compile("[,;]")


def sent(request: Request, raw: bytes) -> Sent:
    prefer = request.headers.get("prefer")
    told = {word.strip() for word in _SEPARATORS.split(prefer.lower())} if prefer else ()
    asked = request.scope["query_string"]
    return Sent(
        value=parse_json(raw) if raw else {},
        raw=raw,
        key=request.headers.get("idempotency-key"),
        if_match=request.headers.get("if-match"),
        sent_at=request.headers.get("x-sent-at"),
        validate="validate" in told
        or bool(asked and request.query_params.get("validate") == "true"),
    )


def appending(act: Act) -> Endpoint:
    """The endpoint of an act: it answers with the others that arrive while the disk is busy."""

    async def endpoint(request: Request) -> Response:
        desk: Desk = request.app.state.desk
        settings = desk.settings
        try:
            raw = await read_body(request, settings.body_limit, settings.idle_seconds)
        except Refusal as refusal:
            return refuse(request, refusal)

        def started() -> Pending | Response:
            visit = visit_of(request)
            request.scope["caller"] = visit.guest.caller.id
            begun = begin(visit, act, request.path_params.get("record"), sent(request, raw))
            return respond(begun) if isinstance(begun, Reply) else begun

        return await desk.groups.answer(started, ended, partial(told, request))

    return endpoint


def ended(pending: object, outcome: object) -> Response:
    if not isinstance(pending, Pending) or not isinstance(outcome, Outcome | Exception):
        raise TypeError("a group was answered with something else")
    return respond(end(pending, outcome))


def respond(reply: Reply) -> Response:
    return Response(reply.content(), reply.status, reply.headers, media_type="application/json")


def told(request: Request, error: Exception) -> Response:
    """A problem; what is nobody's fault but ours is raised, and logged at the door."""
    response = refuse(request, error)
    if response.status_code == 500:
        raise error
    return response


def opening(kind: Kind, step: Step) -> Act:
    def make(visit: Visit, said: StepSaid, header: Header, _: Record | None) -> AnyCommand:
        return Open(
            **header.fields(),
            kind=kind.id,
            step=step.id,
            values=said.answers,
            attachments=files(visit, step.form, said.answers),
        )

    return Act(StepSaid, make, step.id, kind.id)


def taking(kind: Kind, step: Step) -> Act:
    def make(visit: Visit, said: StepSaid, header: Header, record: Record | None) -> AnyCommand:
        pinned = record.kind.step(step.id) if record is not None else None
        return TakeStep(
            **header.fields(),
            step=step.id,
            item=said.item,
            values=said.answers,
            attachments=files(visit, pinned.form if pinned else Form(), said.answers),
        )

    return Act(StepSaid, make, step.id, kind.id)


def typed_body(kind: Kind, step: Step) -> type[BaseModel]:
    """The body as OpenAPI shows it, with every field of the form in both languages."""
    name = f"{kind.id}-{step.id}"
    form = forms.model(name, step.form)
    needed = any(f.is_required() for f in form.model_fields.values())
    definitions: dict[str, Any] = {
        "answers": (form, ... if needed else Constraint(default_factory=dict))
    }
    if step.item is not None:
        definitions["item"] = (Line, Constraint(description=f"{step.item}: key of the item"))
    return create_model(f"{name}-body", __base__=Said, **definitions)


def _route(path: str, kind: Kind, step: Step, act: Act) -> APIRoute:
    body = typed_body(kind, step)
    clauses = " ".join(filter(None, (step.source, f"[{step.mark}]")))
    return APIRoute(
        path,
        appending(act),
        methods=["POST"],
        status_code=201,
        response_model=Appended,
        responses=PROBLEM_RESPONSES,
        tags=[f"{kind.title.zh} / {kind.title.en}"],
        summary=f"{step.title.zh} / {step.title.en}",
        description=f"{_help(step)}{clauses}",
        operation_id=f"{kind.id}.steps.{step.id}" if "/steps/" in path else f"{kind.id}.open",
        openapi_extra={"requestBody": _request_body(body), "x-body": body.__name__},
    )


def _help(step: Step) -> str:
    return f"{step.help.zh} / {step.help.en}  \n" if step.help else ""


def _request_body(body: type[BaseModel]) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{body.__name__}"}
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def latest_steps() -> list[tuple[Kind, Step]]:
    """Every step of every kind in its latest version; steps of earlier versions stay reachable
    for the records that pin them."""
    found: dict[tuple[str, str], tuple[Kind, Step]] = {}
    for kind in sorted(all_versions().values(), key=lambda k: (k.id, k.version)):
        for step in kind.steps:
            found[kind.id, step.id] = (kind, step)
    return list(found.values())


@cache
def step_routes() -> StepRoutes:
    """The same for every application of a process: nothing of an archive is in it."""
    table: dict[tuple[str, ...], APIRoute] = {}
    openings: dict[str, list[tuple[Kind, Step]]] = {}
    for kind, step in latest_steps():
        if step.opens:
            path = f"/v1/{kind.id}/steps/{step.id}"
            table[kind.id, "", step.id] = _route(path, kind, step, opening(kind, step))
            openings.setdefault(kind.id, []).append((kind, step))
        else:
            path = f"/v1/{kind.id}/{{record}}/steps/{step.id}"
            table[kind.id, "*", step.id] = _route(path, kind, step, taking(kind, step))
    for kind_id, ways in openings.items():
        if len(ways) == 1:
            kind, step = ways[0]
            table[kind_id, "", ""] = _route(f"/v1/{kind_id}", kind, step, opening(kind, step))
    return StepRoutes(table)


class StepRoutes(BaseRoute):
    """A table, not a list: a walk past hundreds of steps would cost more than a signature."""

    def __init__(self, table: Mapping[tuple[str, ...], APIRoute]) -> None:
        self.table = table

    @property
    def routes(self) -> list[APIRoute]:
        return list(self.table.values())

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http":
            return Match.NONE, {}
        found = self._find(scope["path"].split("/"))
        if found is None:
            return Match.NONE, {}
        route, parameters = found
        opens_whole_kind = not route.path.count("/steps/")
        if scope["method"] != "POST" and opens_whole_kind:
            return Match.NONE, {}
        child = {"endpoint": route.endpoint, "path_params": parameters, "route": route}
        return Match.FULL, child

    def _find(self, parts: list[str]) -> tuple[APIRoute, dict[str, str]] | None:
        match parts:
            case ["", "v1", kind, record, "steps", step]:
                route, parameters = self.table.get((kind, "*", step)), {"record": record}
            case ["", "v1", kind, "steps", step]:
                route, parameters = self.table.get((kind, "", step)), {}
            case ["", "v1", kind]:
                route, parameters = self.table.get((kind, "", "")), {}
            case _:
                return None
        return None if route is None else (route, parameters)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Our endpoints take the request as it is and answer for themselves, so FastAPI's way in
        (dependencies, exit stacks, a second catching of errors) would be paid for nothing."""
        route = scope["route"]
        if scope["method"] not in route.methods:
            await route.handle(scope, receive, send)  # which says what is allowed
            return
        response = await route.endpoint(Request(scope, receive, send))
        await response(scope, receive, send)
