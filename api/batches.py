"""Many commands in one request: each with its own result, in order; or all of them or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from fastapi import APIRouter
from pydantic import BaseModel
from pydantic import Field as Constraint
from starlette.requests import Request
from starlette.responses import Response

from api.admission import Visit
from api.appending import (
    Act,
    Behind,
    Reply,
    Sent,
    append,
    check_command,
    check_key,
    check_reach,
    header_of,
    reply,
)
from api.bodies import Body, Line, parse_json, read_as
from api.door import answering, language, visit_of
from api.logs import REQUESTS
from api.problems import Problem, Refusal, problem_of
from api.replies import PROBLEM_RESPONSES
from api.steps import opening, taking
from archive.ledger import Making, NoSuchRecordError, TogetherError
from domain.commands import AnyCommand
from domain.forms import Identifier, Instant
from domain.kind import text
from domain.kinds import current
from domain.record import Record

MOST_ITEMS = 500
EARLIER = "item:"


class Item(Body):
    """`record` is absent for an opening step; `item:0` is the record that item 0 opened."""

    kind: Line | None = Constraint(None, description="开启记录时必填 / for an opening step")
    record: Line | None = Constraint(
        None, description="记录标识、编号或 item:序号 / id, number, item:n"
    )
    step: Line
    item: Line | None = None
    expected_version: int | None = Constraint(None, ge=1)
    idempotency_key: str | None = Constraint(None, max_length=255)
    occurred_at: Instant | None = None
    source: Line | None = None
    source_id: Line | None = None
    behalf: Identifier | None = None
    answers: dict[str, Any] = Constraint(default_factory=dict)


class Batch(Body):
    all_or_nothing: bool = False
    items: list[dict[str, Any]] = Constraint(min_length=1, max_length=MOST_ITEMS)


class BatchShown(BaseModel):
    """What OpenAPI shows of a batch."""

    all_or_nothing: bool = False
    items: list[Item]


Result = Mapping[str, Any]


def take_batch(request: Request, raw: bytes) -> Response:
    visit = visit_of(request)
    request.scope["caller"] = visit.guest.caller.id
    batch = read_as(Batch, parse_json(raw))
    if batch.all_or_nothing:
        results = _together(visit, request, batch.items)
    else:
        results = _each(visit, request, batch.items)
    done = sum(r["status"] < 300 for r in results)
    body = {"done": done, "failed": len(results) - done, "results": results}
    return Response(orjson.dumps(body), 200, media_type="application/json")


def _each(visit: Visit, request: Request, items: Sequence[Any]) -> list[Result]:
    """One after the other, so that the log has them in the batch's own order."""
    results: list[Result] = []
    opened: dict[int, str] = {}
    for n, value in enumerate(items):
        try:
            item = read_as(Item, value)
            name, act = _meant(visit, item, opened)
            answer = append(visit, act, name, sent_of(request, item))
            opened[n] = answer.body["record"]
            results.append(_told(answer))
        except Exception as error:  # noqa: BLE001 - one item's fault is not the others'
            results.append(_failed(visit, request, error))
    return results


def _told(answer: Reply) -> Result:
    replayed = "Idempotency-Replayed" in answer.headers
    return {"status": answer.status, "replayed": replayed, **answer.body}


def _failed(visit: Visit, request: Request, error: Exception) -> dict[str, Any]:
    problem: Problem = error.problem() if isinstance(error, Behind) else problem_of(error)
    if problem.type.id == "internal":  # the receipts of the other items are not lost with it
        REQUESTS.error("failed", exc_info=error, extra={"said": {"request_id": visit.request_id}})
    return problem.body(language(request), visit.request_id)


def _meant(visit: Visit, item: Item, opened: Mapping[int, str]) -> tuple[str | None, Act]:
    if item.record is None:
        return None, act_of(item, None)
    name = _name(item.record, opened)
    return name, act_of(item, visit.reach(name))


def act_of(item: Item, record: Record | None) -> Act:
    kind = record.kind if record is not None else current().get(item.kind or "")
    if kind is None:
        raise Refusal("unknown-kind")
    step = kind.step(item.step)
    if step is None or step.opens != (record is None):
        raise Refusal("unknown-step")
    return opening(kind, step) if record is None else taking(kind, step)


def _name(name: str, opened: Mapping[int, str]) -> str:
    if not name.startswith(EARLIER):
        return name
    place = name.removeprefix(EARLIER)
    if not (place.isascii() and place.isdigit()) or int(place) not in opened:
        message = text("前面没有这一项,或它未成功", "no such earlier item, or it failed")
        raise Refusal("invalid-request", None, (("record", message),))
    return opened[int(place)]


def sent_of(request: Request, item: Item) -> Sent:
    said = item.model_dump(exclude_none=True, include=_COMMON)
    return Sent(
        value=said,
        raw=orjson.dumps(item.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS),
        key=item.idempotency_key,
        if_match=None if item.expected_version is None else f'"{item.expected_version}"',
        sent_at=request.headers.get("x-sent-at"),
    )


_COMMON = {"item", "occurred_at", "source", "source_id", "behalf", "answers"}


# ---------------------------------------------------------------- all or nothing


def _together(visit: Visit, request: Request, items: Sequence[Any]) -> list[Result]:
    """One unit of the log. Retried with the same Idempotency-Key, or with the same source ids,
    the batch as a whole is recognised."""
    read: list[Item] = []
    for n, value in enumerate(items):
        try:
            read.append(read_as(Item, value))
        except Refusal as refusal:
            return _none(visit, request, n, refusal, len(items))
    opened: dict[int, str] = {}
    asked = [_making(visit, request, item, n, opened) for n, item in enumerate(read)]
    key, source = request.headers.get("idempotency-key"), _sources(visit, read)
    idempotency = None
    if key is not None:
        raw = orjson.dumps(items, option=orjson.OPT_SORT_KEYS)
        idempotency = visit.desk.windows.asked(visit.now, visit.guest.id, check_key(key), raw)
    ledger = visit.desk.archive.ledger
    try:
        outcomes = ledger.execute_together(asked, idempotency=idempotency, source=source)
    except TogetherError as failed:
        return _none(visit, request, failed.index, failed.error, len(items))
    except Failed as failed:
        return _none(visit, request, failed.index, failed.error, len(items))
    return [_told(reply(visit, outcome)) for outcome in outcomes]


class Failed(Exception):
    """The door refused an item before any rule was asked."""

    def __init__(self, index: int, error: Exception) -> None:
        super().__init__(index)
        self.index, self.error = index, error


def _making(visit: Visit, request: Request, item: Item, n: int, opened: dict[int, str]) -> Making:
    sent = sent_of(request, item)

    def make(after: Mapping[str, Record]) -> tuple[AnyCommand, int | None]:
        try:
            record = _record(visit, item, opened, after)
            act = act_of(item, record)
            check_reach(visit, act, record)
            said = read_as(act.model, sent.value)
            header = header_of(visit, said, record, sent)
            command = act.make(visit, said, header, record)
            check_command(visit, command, record)
        except (Refusal, NoSuchRecordError) as error:
            raise Failed(n, error) from error
        opened[n] = command.record_id
        return command, item.expected_version

    return make


def _record(
    visit: Visit, item: Item, opened: Mapping[int, str], after: Mapping[str, Record]
) -> Record | None:
    if item.record is None:
        return None
    name = _name(item.record, opened)
    if name in after:
        return after[name]
    record = visit.reach(name)
    return after.get(record.id, record)


def _sources(visit: Visit, items: Sequence[Item]) -> bytes | None:
    named = [(i.source or visit.guest.caller.system, i.source_id) for i in items]
    if any(source is None or source_id is None for source, source_id in named):
        return None
    whole = orjson.dumps(named).decode()
    return visit.desk.windows.source(visit.guest.id, "batch", whole)


def _none(visit: Visit, request: Request, index: int, error: Exception, count: int) -> list[Result]:
    not_done = problem_of(Refusal("not-done")).body(language(request), visit.request_id)
    results: list[Result] = [dict(not_done) for _ in range(count)]
    results[index] = _failed(visit, request, error)
    return results


def batch_routes() -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["批量 / batch"], responses=PROBLEM_RESPONSES)
    schema = {"$ref": "#/components/schemas/BatchShown"}
    router.add_api_route(
        "/batch",
        answering(take_batch, limit="batch_limit"),
        methods=["POST"],
        summary="批量办理(至多 500 项)/ up to 500 steps, a result for each",
        operation_id="batch",
        openapi_extra={
            "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}
        },
    )
    return router
