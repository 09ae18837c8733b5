"""Reconciliation: what a source sent on a day, as a count and a hash, and where lists differ."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path
from pydantic import BaseModel
from pydantic import Field as Constraint
from starlette.requests import Request
from starlette.responses import Response

from api.admission import Visit
from api.bodies import Body, Line, parse_json, read_as
from api.door import answering, visit_of
from api.listing import wait_for
from api.problems import Refusal
from api.reading import Asked, answer
from api.record_json import clock_behind
from api.replies import PROBLEM_RESPONSES
from archive import digests
from domain.access import EXECUTIVE_ROLES
from domain.kind import text

TAG = "对账 / reconciliation"
Source = Annotated[str, Path(max_length=200)]


class Sent(Body):
    """What the source believes: its own id of an event, and what its receipt said."""

    source_id: Line
    event: str | None = Constraint(None, max_length=32)


class Reconciliation(Body):
    items: list[Sent] = Constraint(max_length=100_000)


class Differences(BaseModel):
    missing_here: list[str]
    missing_there: list[str]
    other_event: list[str]


def _check_source(visit: Visit, source: str) -> None:
    """A system sees its own source. Its days are lists over all departments, so of people only
    those see them who see the whole plant, or look after the systems."""
    guest = visit.guest
    person = guest.person
    if person is None:
        allowed = guest.caller.system == source
    else:
        guest.check_right("read")
        scoped = guest.caller.kinds or guest.caller.departments
        allowed = not scoped and (
            guest.is_administrator or not person.roles.isdisjoint(EXECUTIVE_ROLES)
        )
    if not allowed:
        visit.note("refused", None)
        raise Refusal("not-found")


def list_sources(visit: Asked) -> Response:
    visit.guest.check_right("read")
    found = visit.desk.archive.views.sources.sources()
    own = visit.guest.caller.system if visit.guest.person is None else None
    rows = [_about(visit, s) for s in found if own is None or s == own]
    return answer({"sources": rows})


def _about(visit: Visit, source: str) -> dict[str, Any]:
    """`clock_behind_seconds`: how far the source's clock stood behind ours (negative: ahead) when
    it last sent something that said so."""
    archive = visit.desk.archive
    last = archive.views.sources.last(source)
    row = archive.store.at(last.leaf_index) if last is not None else None
    if last is None or row is None:
        return {"source": source, "last_at": None, "clock_behind_seconds": None}
    (recorded,) = archive.ledger.history(row.record_id, after=row.version - 1, upto=row.version)
    return {
        "source": source,
        "last_at": last.recorded_at,
        "clock_behind_seconds": clock_behind(recorded),
    }


def read_day(visit: Asked, source: Source, day: date) -> Response:
    """SHA-256 over one line per event recorded on that day of the site, in order of the log:
    canonical JSON of event_id, leaf_hash, recorded_at and source_id, and a newline."""
    _check_source(visit, source)
    archive = visit.desk.archive
    wait_for(visit, archive.store.head().size - 1)
    found = digests.digest(archive.views.sources, archive.store, source, day)
    lines = [
        orjson.loads(line)
        for line in digests.lines(archive.views.sources, archive.store, source, day)
    ]
    return answer(
        {
            "source": source,
            "day": day.isoformat(),
            "count": found.count,
            "sha256": found.sha256,
            "events": lines,
        }
    )


def _reconcile(request: Request, raw: bytes) -> Response:
    visit = visit_of(request)
    source = request.path_params["source"]
    _check_source(visit, source)
    try:
        day = date.fromisoformat(request.path_params["day"])
    except ValueError:
        message = text("应为日期,如 2026-03-02", "a date such as 2026-03-02")
        raise Refusal("invalid-request", None, (("day", message),)) from None
    theirs = read_as(Reconciliation, parse_json(raw))
    archive = visit.desk.archive
    wait_for(visit, archive.store.head().size - 1)
    ours = {s.source_id: s.event_id for s in archive.views.sources.sent(source, day)}
    said = _differences(ours, {item.source_id: item.event for item in theirs.items})
    return Response(orjson.dumps(said), 200, media_type="application/json")


def _differences(
    ours: Mapping[str | None, str], theirs: Mapping[str, str | None]
) -> dict[str, Any]:
    here = {key for key in ours if key is not None}
    other = [k for k in sorted(here & theirs.keys()) if theirs[k] not in (None, ours[k])]
    found = {
        "missing_here": sorted(theirs.keys() - here),
        "missing_there": sorted(here - theirs.keys()),
        "other_event": other,
    }
    return {"equal": not any(found.values()), **found}


def source_routes() -> APIRouter:
    router = APIRouter(prefix="/v1/sources", tags=[TAG], responses=PROBLEM_RESPONSES)
    router.add_api_route("", list_sources, methods=["GET"], summary="来源系统 / the sources")
    day = "/{source}/days/{day}"
    router.add_api_route(
        day, read_day, methods=["GET"], summary="一天的数量与摘要 / a day's count and hash"
    )
    schema = {"$ref": "#/components/schemas/Reconciliation"}
    reply = {"$ref": "#/components/schemas/Differences"}
    router.add_api_route(
        day,
        answering(_reconcile, limit="batch_limit"),
        methods=["POST"],
        summary="逐条对账 / compare a day, item by item",
        operation_id="sources.reconcile",
        responses={200: {"content": {"application/json": {"schema": reply}}}},
        openapi_extra={
            "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
            "parameters": [
                {"name": n, "in": "path", "required": True, "schema": {"type": "string"}}
                for n in ("source", "day")
            ],
        },
    )
    return router
