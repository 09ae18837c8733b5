"""Keys of callers: shown once when issued; listed by id only; revoked at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path
from pydantic import Field as Constraint
from starlette.requests import Request
from starlette.responses import Response

from api.admission import Visit
from api.bodies import Body, parse_json, read_as
from api.door import answering, visit_of
from api.problems import Refusal
from api.reading import Asked, Name, answer
from api.replies import PROBLEM_RESPONSES
from archive.evidence.instant import time_text
from domain.kind import text
from domain.record import Record

KIND = "caller"


class KeyWanted(Body):
    """`grace_hours`: the caller's other keys stay good so long (none: they are not touched)."""

    grace_hours: int | None = Constraint(
        None, ge=0, le=24 * 30,
        description="轮换:旧密钥再有效多少小时 / rotation: hours for which older keys stay good",
    )  # fmt: skip


def _caller(visit: Visit, name: str) -> Record:
    """Only the administrator, whose deed the caller record itself is, hands out its keys."""
    if not visit.guest.is_administrator or "write" not in visit.guest.caller.rights:
        visit.note("refused", None)
        raise Refusal("not-entitled", text("须由系统管理员办理。", "For the administrator only."))
    visit.guest.check_step(KIND, "keys")
    return visit.record(name, KIND)


def _note(visit: Visit, what: str, caller: Record) -> None:
    """Whoever hands out keys could use them: that they did stands in the log before they can."""
    visit.note(what, caller.id)
    visit.desk.accesses.flush()


def _issue(request: Request, raw: bytes) -> Response:
    visit = visit_of(request)
    record = _caller(visit, request.path_params["record"])
    wanted = read_as(KeyWanted, parse_json(raw) if raw else {})
    callers, now = visit.desk.callers, visit.now
    if record.state != "active":
        raise Refusal("step-not-allowed", text("此调用方已吊销。", "This caller is revoked."))
    _note(visit, "issued", record)
    if wanted.grace_hours is None:
        token = callers.issue(record.id, now)
    else:
        token = callers.rotate(record.id, now, now + timedelta(hours=wanted.grace_hours))
    body = {"key": token, "key_id": token.split("_")[1], "caller": record.id}
    headers = {"Cache-Control": "no-store"}
    return Response(orjson.dumps(body), 201, headers, media_type="application/json")


def caller_routes() -> APIRouter:
    router = APIRouter(
        prefix="/v1/callers/{record}/keys", tags=["密钥 / keys"], responses=PROBLEM_RESPONSES
    )
    schema = {"$ref": "#/components/schemas/KeyWanted"}
    router.add_api_route(
        "",
        answering(_issue),
        methods=["POST"],
        status_code=201,
        summary="签发密钥(只显示一次)/ issue a key: it is shown once",
        operation_id="keys.issue",
        openapi_extra={
            "requestBody": {"content": {"application/json": {"schema": schema}}},
            "parameters": [
                {"name": "record", "in": "path", "required": True, "schema": {"type": "string"}}
            ],
        },
    )
    router.add_api_route("", list_keys, methods=["GET"], summary="密钥列表 / keys, by id only")
    router.add_api_route(
        "/{key_id}", revoke, methods=["DELETE"], status_code=204, summary="吊销密钥 / revoke a key"
    )
    return router


def list_keys(visit: Asked, record: Name) -> Response:
    found = _caller(visit, record)
    rows: list[dict[str, Any]] = [
        {
            "key_id": issued.key_id,
            "issued_at": time_text(issued.issued_at),
            "until": time_text(issued.until) if issued.until else None,
        }
        for issued in visit.desk.callers.issued(found.id)
    ]
    return answer({"keys": rows})


def revoke(
    visit: Asked, record: Name, key_id: Annotated[str, Path(pattern="^[0-9a-f]{16}$")]
) -> Response:
    found = _caller(visit, record)
    if key_id not in {issued.key_id for issued in visit.desk.callers.issued(found.id)}:
        raise Refusal("not-found")
    _note(visit, "revoked", found)
    visit.desk.callers.revoke(key_id)
    return Response(status_code=204)
