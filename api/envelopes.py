"""Callers who sign for themselves: their keys, and the envelopes that they built and signed.

What they sign is taken as it is or not at all. The door re-derives everything: the parts from the
content and its key, the event from the content, and by the rules the event that the same command
would have led to; only if all agree are the exact bytes committed.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from typing import Any

import orjson
from fastapi import APIRouter
from pydantic import Field as Constraint
from starlette.requests import Request
from starlette.responses import Response

from api.admission import Guest, Visit
from api.appending import (
    check_command,
    check_source,
    file,
    header_of,
    reply,
)
from api.batches import Item, act_of, sent_of
from api.bodies import Body, parse_json, read_as
from api.door import answering, visit_of
from api.own_keys import raw_bytes, refuse_envelope
from api.problems import Refusal
from api.reading import answer
from api.redeciding import command_of, word
from api.replies import PROBLEM_RESPONSES, Appended
from archive import sealing
from archive.evidence import content, dsse, leaf, statement
from archive.evidence.instant import time_text
from archive.evidence.statement import Seen, Statement
from archive.ledger import Outcome
from archive.sealing import AttachedPart
from archive.store import Committed, ContentRow, Sealed, StoredContent, StoredEvent, VersionConflict
from domain.commands import Actor
from domain.errors import DomainError
from domain.events import AnyEvent, Assurance, Attachment
from domain.kind import text
from domain.kinds import find
from domain.record import Record


class OpenedPart(Body):
    n: int = Constraint(0, ge=0, le=0)
    key: str = Constraint(max_length=64, description="base64 of the part's content key, 32 bytes")
    plaintext: str = Constraint(description="the exact text of the content")


class SignedEnvelope(Body):
    """`envelope` is kept byte for byte. Attachments were uploaded before; their parts are known."""

    envelope: str
    parts: list[OpenedPart] = Constraint(min_length=1, max_length=1)


# ---------------------------------------------------------------- preparing


def prepare(request: Request, raw: bytes) -> Response:
    """What to sign for a step: the content's exact text, the statement without key and parts."""
    visit = visit_of(request)
    request.scope["caller"] = visit.guest.caller.id
    item = read_as(Item, parse_json(raw))
    record = None if item.record is None else visit.reach(item.record)
    act = act_of(item, record)
    visit.guest.check_step(act.kind or "", act.word)
    sent = sent_of(request, item)
    said = read_as(act.model, sent.value)
    header = header_of(visit, said, record, sent)
    header = replace(header, actor=own_actor(visit.guest, item.behalf))
    command = act.make(visit, said, header, record)
    check_command(visit, command, record)
    archive = visit.desk.archive
    decided = archive.ledger.prepare(command, expected=item.expected_version)
    event = decided.decision.event
    author = archive.keyring.author
    stated = sealing.state(event, author, record.head if record else None, (), seen(visit))
    skeleton = {**orjson.loads(statement.encode(stated)), "key": None, "parts": []}
    numbered = attached_parts(visit, event)
    parts = [{"alg": part.alg, **asdict(part)} for part in numbered]
    body = {
        "content": sealing.content_bytes(event).decode(),
        "statement": skeleton,
        "attachments": parts,
    }
    return answer(body)


def attached_parts(visit: Visit, event: AnyEvent) -> list[statement.Part]:
    """The parts of the files that an event names, numbered after its content."""
    held = visit.desk.archive.attachments.attached([a.id for a in event.attachments])
    return [sealing.numbered(held[a.id].part, n) for n, a in enumerate(event.attachments, start=1)]


def seen(visit: Visit) -> Seen | None:
    latest = visit.desk.archive.witnesses.cosigned()
    if latest is None:
        return None
    lines = latest.note.decode().split("\n")
    return Seen(int(lines[1]), base64.b64decode(lines[2]).hex())


def own_actor(guest: Guest, behalf: str | None, assurance: Assurance = "own-key") -> Actor:
    if guest.person is None:
        return Actor(None, system=guest.caller.id, assurance=assurance)
    return Actor(guest.person.id, behalf=behalf, assurance=assurance)


# ---------------------------------------------------------------- accepting


def take_envelope(request: Request, raw: bytes) -> Response:
    visit = visit_of(request)
    request.scope["caller"] = visit.guest.caller.id
    said = read_as(SignedEnvelope, parse_json(raw))
    return told(visit, take(visit, said.envelope.encode(), said.parts[0], "own-key"))


def take(visit: Visit, envelope: bytes, opened: OpenedPart, assurance: Assurance) -> Outcome:
    """Commit an envelope that its author signed with a key of that assurance, or say why not."""
    signed = dsse.parse(envelope, dsse.STATEMENT_TYPE)
    stated = statement.parse(signed.payload)
    _check_author(visit, signed, stated, assurance)
    first = _sent_before(visit, stated, envelope)
    if first is not None:
        return first
    record = None if stated.version == 1 else visit.reach(stated.record)
    _check_place(stated, record)
    rows, event = _content(visit, opened, stated, envelope)
    actor = own_actor(visit.guest, event.behalf, assurance)
    command = command_of(event, actor, visit)
    check_source(visit, event.source)
    visit.guest.check_step(stated.kind, word(event))
    check_command(visit, command, record)
    ledger = visit.desk.archive.ledger
    try:
        prepared = ledger.prepare(command, expected=None if record is None else record.version)
    except DomainError as error:
        ledger.tell_refused(command, error)
        raise
    _check_same(prepared.decision.event, event)
    kind = find(stated.kind, stated.kind_version)
    sealed = Sealed(
        record_id=stated.record,
        version=stated.version,
        topic=sealing.topic(event, kind.internal),
        event_id=stated.event,
        envelope=envelope,
        prefix=kind.prefix if record is None else None,
        content=rows,
    )
    source = None
    if event.source is not None and event.source_id is not None:
        source = visit.desk.windows.source(visit.guest.id, event.source, event.source_id)
    return ledger.accept(sealed, prepared.decision, source)


def told(visit: Visit, outcome: Outcome) -> Response:
    said = reply(visit, outcome)
    return Response(said.content(), said.status, said.headers, media_type="application/json")


def _check_author(
    visit: Visit, signed: dsse.Envelope, stated: Statement, assurance: Assurance
) -> None:
    archive = visit.desk.archive
    if stated.origin != archive.options.origin:
        raise refuse_envelope("the statement is for another log", "声明属于另一日志")
    if stated.assurance != assurance or stated.actor != visit.guest.id:
        raise refuse_envelope(
            f"the statement must name this caller as actor, and {assurance} as assurance",
            f"声明须以本调用方为行为人,assurance 须为 {assurance}",
        )
    if signed.keyid != stated.key:
        raise refuse_envelope("the signature is not by the key stated", "签名与声明的密钥不符")
    key = archive.keyring.register.signer_of(stated, archive.store.head().size)
    dsse.verify(signed, key)
    if stated.seen is not None:
        _check_seen(visit, stated.seen)


def _check_seen(visit: Visit, seen: Seen) -> None:
    archive = visit.desk.archive
    found = archive.store.checkpoint(seen.size)
    root = base64.b64decode(found.note.decode().split("\n")[2]).hex() if found else None
    if root != seen.root:
        raise refuse_envelope(
            "the checkpoint that the statement has seen is not of this log",
            "声明所见的检查点不属于本日志",
        )


def _sent_before(visit: Visit, stated: Statement, envelope: bytes) -> Outcome | None:
    """The same bytes again get the first receipt."""
    store = visit.desk.archive.store
    row = store.event(stated.event)
    if row is None or leaf.parse(row.leaf).envelope != envelope:
        return None
    receipt = store.receipt(row.leaf_index) or b""
    placed = Committed(
        stated.event, row.record_id, row.version, row.leaf_index, row.leaf_hash, row.recorded_at,
        row.number, receipt, replayed=True,
    )  # fmt: skip
    return Outcome(placed, None, None)


def _check_place(stated: Statement, record: Record | None) -> None:
    current = 0 if record is None else record.version
    if record is None and stated.prev is not None:
        raise refuse_envelope("a first event has no previous one", "首个事件没有前一事件")
    if stated.version != current + 1 or (record is not None and stated.prev != record.head):
        raise VersionConflict(stated.record, stated.version - 1, current)


def _content(
    visit: Visit, opened: OpenedPart, stated: Statement, envelope: bytes
) -> tuple[tuple[ContentRow, ...], AnyEvent]:
    """The rows to store, and the event they say; every part is made again from what was sent."""
    archive = visit.desk.archive
    key, plain = raw_bytes(opened.key, "parts.0.key", 32), opened.plaintext.encode()
    if not stated.parts or stated.parts[0].role != "content":
        raise refuse_envelope("the first part must be the content", "第一部分须为内容")
    part = stated.parts[0]
    again = content.seal(
        plain, record=stated.record, event=stated.event, n=0, key=key, key_id=part.key
    )
    if again.part != part:
        raise refuse_envelope("the content part is not made from this text and key", "内容部分不符")
    keys = archive.keys
    record_key = keys.reserve(stated.record) if stated.version == 1 else keys.get(stated.record)
    wrapped = content.wrap(record_key, key, part.key)
    row = StoredContent(0, stated.record, stated.event, 0, part.key, wrapped, again.ciphertext)
    stored = StoredEvent(
        0, stated.record, stated.version, "", stated.event,
        leaf.encode(envelope, None, time_text(visit.now)), b"", visit.now, None,
    )  # fmt: skip
    try:
        event = sealing.unseal(stored, [row], record_key).event
        same = sealing.content_bytes(event) == plain
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise refuse_envelope("the content is not that of such an event", "内容不合格式") from error
    if not same:
        raise refuse_envelope("the content has another form than it should", "内容形式不规范")
    rows = [ContentRow(0, part.key, wrapped, again.ciphertext)]
    for held in _attached(visit, stated, event.attachments):
        mine = content.wrap(record_key, held.key, held.part.key)
        rows.append(ContentRow(held.part.n, held.part.key, mine, None))
    return tuple(rows), event


def _attached(visit: Visit, stated: Statement, named: Sequence[Attachment]) -> list[AttachedPart]:
    """What the content says of a file (name, type, size) is what was said when it was uploaded."""
    found = []
    if len(named) != len(stated.parts) - 1:
        raise refuse_envelope("a part for each file, a file for each part", "附件与部分数目不符")
    for n, (part, told) in enumerate(zip(stated.parts[1:], named, strict=True), start=1):
        uploaded = file(visit, part.key)
        if uploaded is None:
            raise Refusal("attachment-missing")
        if told != uploaded:
            raise refuse_envelope(f"file {n} is not as it was uploaded", f"第 {n} 个文件与上传不符")
        held = visit.desk.archive.attachments.attached([part.key])[part.key]
        if sealing.numbered(held.part, n) != part:
            raise refuse_envelope(f"part {n} is not that of the file", f"第 {n} 部分与文件不符")
        found.append(AttachedPart(part, held.key))
    return found


def _check_same(decided: AnyEvent, signed: AnyEvent) -> None:
    """What the rules would have made of the command is what was signed, field by field."""
    other = [
        f.name for f in fields(signed) if getattr(decided, f.name, None) != getattr(signed, f.name)
    ]
    if type(decided) is not type(signed) or other:
        names = ", ".join(other) or "type"
        raise Refusal(
            "invalid-event",
            text(f"与规则得出的事件不同:{names}", f"the rules lead to another event; see {names}"),
            tuple((name, text("与规则不同", "not what the rules say")) for name in other),
        )


def envelope_routes() -> APIRouter:
    router = APIRouter(
        prefix="/v1/envelopes", tags=["自签 / own keys"], responses=PROBLEM_RESPONSES
    )

    def body(model: type[Body]) -> dict[str, Any]:
        schema = {"$ref": f"#/components/schemas/{model.__name__}"}
        return {
            "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}
        }

    router.add_api_route(
        "",
        answering(take_envelope),
        methods=["POST"],
        status_code=201,
        response_model=Appended,
        operation_id="envelopes",
        summary="提交自签信封 / send an envelope that you signed",
        openapi_extra=body(SignedEnvelope),
    )
    router.add_api_route(
        "/preparation",
        answering(prepare),
        methods=["POST"],
        operation_id="envelopes.prepare",
        summary="准备签名 / what to sign for a step",
        openapi_extra=body(Item),
    )
    return router
