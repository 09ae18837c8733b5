"""What can be done to any record: correct, sign, refuse, acknowledge, pause, link, file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from pydantic import Field as Constraint

from api.admission import Visit
from api.appending import Act, Header, file, files
from api.bodies import Line, Reason, Said
from api.problems import Refusal
from api.replies import PROBLEM_RESPONSES, Appended
from api.steps import appending
from domain.commands import (
    Acknowledge,
    AnyCommand,
    Correct,
    File,
    LinkTo,
    Pause,
    Refuse,
    Reopen,
    Resume,
    Sign,
)
from domain.events import Attachment
from domain.forms import Identifier
from domain.kind import Form, text
from domain.record import Record

Edition = Constraint(ge=1, description="所见版次 / the edition that you have read")


class Correction(Said):
    target: int = Constraint(ge=1, description="更正哪一版的内容 / version of the event to correct")
    answers: dict[str, Any] = Constraint(description="仅列改动的项 / only the answers that change")
    reason: Reason


class Signature(Said):
    slot: Line
    edition: int = Edition


class Refusing(Said):
    slot: Line
    edition: int = Edition
    reason: Reason


class Acknowledgement(Said):
    edition: int = Edition


class Pausing(Said):
    reason: Line = Constraint(description="暂停原因(见种类的 pauses) / id of a pause of the kind")
    note: Reason
    attachments: list[Identifier] = Constraint(default_factory=list, max_length=100)


class Resuming(Said):
    reason: Line
    note: str = Constraint("", max_length=5000)


class Linking(Said):
    rel: Line
    record: Line = Constraint(description="记录标识或编号 / id or number of the other record")


class Unlinking(Linking):
    reason: Reason


class Filing(Said):
    scope: bool = Constraint(description="是否属于归档范围 / inside the archive scope")
    marks: list[Line] = Constraint(default_factory=list, max_length=20)
    locations: list[Line] = Constraint(
        default_factory=list, max_length=50, description="纸质件存放处 / where paper copies stand"
    )
    note: str = Constraint("", max_length=5000)


class Reopening(Said):
    reason: Reason


def _correct(visit: Visit, said: Correction, header: Header, record: Record | None) -> AnyCommand:
    entries = record.entries if record is not None else ()
    target = next((e for e in entries if e.version == said.target), None)
    step = record.kind.step(target.step) if record is not None and target else None
    return Correct(
        **header.fields(),
        target=said.target,
        values=said.answers,
        reason=said.reason,
        attachments=files(visit, step.form if step else Form(), said.answers),
    )


def _sign(_: Visit, said: Signature, header: Header, __: Record | None) -> AnyCommand:
    return Sign(**header.fields(), slot=said.slot, edition=said.edition)


def _refuse(_: Visit, said: Refusing, header: Header, __: Record | None) -> AnyCommand:
    return Refuse(**header.fields(), slot=said.slot, edition=said.edition, reason=said.reason)


def _acknowledge(_: Visit, said: Acknowledgement, header: Header, __: Record | None) -> AnyCommand:
    return Acknowledge(**header.fields(), edition=said.edition)


def _pause(visit: Visit, said: Pausing, header: Header, __: Record | None) -> AnyCommand:
    attached = tuple(_attached(visit, each) for each in said.attachments)
    return Pause(**header.fields(), reason=said.reason, note=said.note, attachments=attached)


def _attached(visit: Visit, attachment_id: str) -> Attachment:
    found = file(visit, attachment_id)
    if found is None:
        raise Refusal("attachment-missing")
    return found


def _resume(_: Visit, said: Resuming, header: Header, __: Record | None) -> AnyCommand:
    return Resume(**header.fields(), reason=said.reason, note=said.note)


def _other(visit: Visit, name: str) -> str:
    """A record that the caller may not see cannot be linked, as if it did not exist."""
    try:
        return visit.record(name).id
    except Exception as error:
        message = text("没有这条记录", "there is no such record")
        raise Refusal("invalid-request", None, (("record", message),)) from error


def _link(visit: Visit, said: Linking, header: Header, __: Record | None) -> AnyCommand:
    return LinkTo(**header.fields(), rel=said.rel, record=_other(visit, said.record))


def _unlink(visit: Visit, said: Unlinking, header: Header, record: Record | None) -> AnyCommand:
    linked = {link.record for link in record.links} if record is not None else set()
    other = said.record if said.record in linked else _other(visit, said.record)
    return LinkTo(**header.fields(), rel=said.rel, record=other, withdraw=True, reason=said.reason)


def _file(_: Visit, said: Filing, header: Header, __: Record | None) -> AnyCommand:
    return File(
        **header.fields(),
        scope=said.scope,
        marks=tuple(said.marks),
        locations=tuple(said.locations),
        note=said.note,
    )


def _reopen(_: Visit, said: Reopening, header: Header, __: Record | None) -> AnyCommand:
    return Reopen(**header.fields(), reason=said.reason)


@dataclass(frozen=True, slots=True)
class Deed:
    """`word` is what a key's scope of steps names."""

    path: str
    word: str
    model: type[Said]
    make: Callable[..., AnyCommand]
    title: str


DEEDS = (
    Deed("corrections", "correct", Correction, _correct, "更正 / correct what was said"),
    Deed("signatures", "sign", Signature, _sign, "签字 / sign"),
    Deed("refusals", "refuse", Refusing, _refuse, "拒签 / refuse to sign, with a reason"),
    Deed(
        "acknowledgements", "acknowledge", Acknowledgement, _acknowledge, "确认收到 / acknowledge"
    ),
    Deed("pauses", "pause", Pausing, _pause, "暂停时限 / pause clocks"),
    Deed("resumptions", "resume", Resuming, _resume, "恢复时限 / resume clocks"),
    Deed("links", "link", Linking, _link, "关联 / link to another record"),
    Deed("links/withdrawals", "link", Unlinking, _unlink, "撤销关联 / withdraw a link"),
    Deed("filing", "file", Filing, _file, "归档 / file"),
    Deed("reopenings", "reopen", Reopening, _reopen, "重新打开 / reopen"),
)


def act_routes() -> APIRouter:
    router = APIRouter(prefix="/v1/records/{record}", tags=["记录 / any record"])
    for deed in DEEDS:
        _add(router, deed)
    return router


def _add(router: APIRouter, deed: Deed) -> None:
    act = Act(deed.model, deed.make, deed.word)
    schema = {"$ref": f"#/components/schemas/{deed.model.__name__}"}
    router.add_api_route(
        f"/{deed.path}",
        appending(act),
        methods=["POST"],
        status_code=201,
        response_model=Appended,
        responses=PROBLEM_RESPONSES,
        summary=deed.title,
        operation_id=f"records.{deed.path.replace('/', '.')}",
        openapi_extra={
            "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
            "parameters": [
                {"name": "record", "in": "path", "required": True, "schema": {"type": "string"}}
            ],
        },
    )
