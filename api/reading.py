"""Reads of one record: as it stands or stood, its timeline, its events, and their proofs."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from api.admission import Visit
from api.appending import etag
from api.door import visit_of
from api.problems import Refusal
from api.record_json import record_json, stored_json, timeline_json
from api.replies import PROBLEM_RESPONSES
from archive.evidence import checkpoint as heads
from archive.evidence import tlog_proof
from archive.ledger import NoSuchRecordError
from archive.proving import prove_event
from archive.store import StoredEvent
from domain.access import confidential
from domain.forms import Instant
from domain.kind import text
from domain.record import Record

router = APIRouter(prefix="/v1", tags=["读取 / reading"], responses=PROBLEM_RESPONSES)
Asked = Annotated[Visit, Depends(visit_of)]
Name = Annotated[str, Path(max_length=64, description="记录标识或编号 / record id or number")]
Version = Annotated[int, Path(ge=1, le=2**31 - 1, description="记录版本 / version of the record")]


def answer(body: Any, headers: dict[str, str] | None = None, *, status: int = 200) -> Response:
    said = {"Cache-Control": "private, no-cache", **(headers or {})}
    return Response(orjson.dumps(body), status, said, media_type="application/json")


@router.get("/records/{record}", summary="记录:现在,或某时所知 / a record, now or as of a time")
def read_record(
    visit: Asked,
    record: Name,
    version: Annotated[int | None, Query(ge=1)] = None,
    as_known_at: Instant | None = None,
    as_things_stood: Instant | None = None,
) -> Response:
    """`as_known_at`: what had been recorded by then. `as_things_stood`: what had happened by then,
    by what is known now. `version`: after so many events."""
    present = visit.living(record)
    visit.note_reading(present)
    ledger = visit.desk.archive.ledger
    found: Record | None = present
    now = visit.now
    if version is not None:
        if version > present.version:
            raise Refusal("not-found")
        found = ledger.get(present.id, version=version)
    elif as_known_at is not None:
        found, now = ledger.as_known_at(present.id, as_known_at), as_known_at
    elif as_things_stood is not None:
        found, now = ledger.as_things_stood(present.id, as_things_stood), as_things_stood
    if found is None:
        raise Refusal("not-found", text("当时还没有这条记录。", "It did not exist at that time."))
    context = visit.desk.archive.organisation.context()
    return answer(record_json(found, context, now), {"ETag": etag(found.version)})


@router.get("/records/{record}/timeline", summary="时间线 / its timeline, with both times")
def read_timeline(visit: Asked, record: Name) -> Response:
    found = visit.living(record)
    visit.note_reading(found)
    history = visit.desk.archive.ledger.history(found.id)
    body = {
        "record": found.id,
        "number": found.number,
        "version": len(history),
        "imported": found.provenance is not None,
        "events": list(timeline_json(history)),
    }
    return answer(body, {"ETag": etag(len(history))})


@router.get("/records/{record}/events", summary="日志中的原样 / events exactly as the log has them")
def read_events(
    visit: Asked,
    record: Name,
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    found = visit.living(record)
    rows = visit.desk.archive.store.record(found.id, after=after, limit=limit)
    more = bool(rows) and rows[-1].version < found.version
    following = rows[-1].version if more else None
    return answer({"events": [stored_json(row) for row in rows], "after": following})


def _row(visit: Visit, record: str, version: int) -> StoredEvent:
    found = visit.record(record)
    rows = visit.desk.archive.store.record(found.id, after=version - 1, upto=version)
    if not rows:
        raise NoSuchRecordError(record)
    return rows[0]


@router.get("/records/{record}/events/{version}", summary="一个事件的原样 / one event as it lies")
def read_event(visit: Asked, record: Name, version: Version) -> Response:
    visit.living(record)
    return answer(stored_json(_row(visit, record, version)))


def _prove(visit: Asked, row: StoredEvent) -> tlog_proof.TlogProof:
    archive = visit.desk.archive
    return prove_event(archive.log, archive.witnesses, row)


@router.get("/records/{record}/events/{version}/proof", summary="证明 / proof of inclusion")
def read_proof(visit: Asked, record: Name, version: Version) -> Response:
    """The leaf, its audit path (RFC 6962) and the signed checkpoint that covers it."""
    row = _row(visit, record, version)
    proof = _prove(visit, row)
    return answer(
        {
            **stored_json(row),
            "size": heads.read(proof.checkpoint)[1].size,
            "path": [base64.b64encode(each).decode() for each in proof.path],
            "checkpoint": proof.checkpoint.decode(),
            "tlog_proof": tlog_proof.encode(proof).decode(),
        }
    )


@router.get(
    "/records/{record}/events/{version}/tlog-proof",
    summary="证明文件 / the proof as a file (C2SP tlog-proof)",
)
def read_tlog_proof(visit: Asked, record: Name, version: Version) -> Response:
    """With the leaf, so that the file and the log's verifier key are all that is needed."""
    row = _row(visit, record, version)
    headers = {
        "Content-Disposition": f'attachment; filename="{row.event_id}.tlog-proof"',
        "Cache-Control": "private, no-cache",
    }
    data = tlog_proof.encode(_prove(visit, row))
    return Response(data, 200, headers, media_type="text/plain; charset=utf-8")


@router.get("/records/{record}/events/{version}/receipt", summary="签名回执 / the signed receipt")
def read_receipt(visit: Asked, record: Name, version: Version) -> Response:
    row = _row(visit, record, version)
    receipt = visit.desk.archive.store.receipt(row.leaf_index)
    if receipt is None:
        raise Refusal("not-found")
    return Response(receipt, media_type="application/vnd.dsse.envelope.v1+json")


@router.get("/events/{event}", summary="按事件标识查找 / find an event by its id")
def find_event(visit: Asked, event: Annotated[str, Path(pattern="^[0-9a-f]{32}$")]) -> Response:
    _ = visit.guest
    row = visit.desk.archive.store.event(event)
    if row is None or row.topic.startswith("~key-register/"):
        raise Refusal("not-found")
    visit.living(row.record_id)
    return answer(stored_json(row))


Kept = Callable[[Record], bool]


def seen_in_lists(visit: Visit) -> Kept:
    """Whether a list may show a record to this key, beyond what its person may see."""
    caller = visit.guest.caller
    if "confidential" in caller.rights and not caller.departments:
        return lambda _: True
    return lambda record: (
        visit.guest.may_see(record, visit.desk)
        and ("confidential" in caller.rights or not confidential(record))
    )
