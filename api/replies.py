"""What answers look like in OpenAPI; they are built as plain JSON, and these models document it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel
from pydantic import Field as Constraint

from api.problems import MEDIA_TYPE, PROBLEMS


class Title(BaseModel):
    zh: str
    en: str


class Stated(BaseModel):
    id: str
    title: Title | None


class Appended(BaseModel):
    """The receipt of an event, and where the record stood after it."""

    event: str = Constraint(description="事件标识 / event id")
    record: str = Constraint(description="记录标识 / record id")
    number: str | None = Constraint(description="编号 / record number")
    kind: str
    version: int = Constraint(description="记录版本,用于 If-Match / version, for If-Match")
    leaf_index: int = Constraint(description="日志叶序号 / index in the log")
    leaf_hash: str
    recorded_at: datetime = Constraint(description="入档时间 / recorded time")
    receipt: str = Constraint(description="签名回执(DSSE 原文) / signed receipt, exact text")
    state: Stated
    edition: int
    allowed: list[str] = Constraint(description="现在可做的步骤 / steps possible now")


class FieldProblem(BaseModel):
    field: str
    message: str


class Head(BaseModel):
    version: int
    etag: str
    state: str


class ProblemReply(BaseModel):
    """RFC 9457. `type` opens a page that explains it."""

    type: str = Constraint(examples=[f"/problems/{name}" for name in list(PROBLEMS)[:3]])
    title: str
    status: int
    detail: str
    fix: str = Constraint(description="怎么办 / what to do")
    request_id: str
    errors: list[FieldProblem] | None = None
    allowed: list[str] | None = None
    code: str | None = Constraint(None, description="保管拒绝的原因代码 / why retention refuses")
    head: Head | None = None


def _problem(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/ProblemReply"}
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}


PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": _problem("refused: nothing was written"),
    "5XX": _problem("failed: see `fix`"),
}
