"""The one table from our errors to HTTP: RFC 9457 problems with stable types, in both languages.

`type` is `/problems/<id>`, relative to the archive's address, and opens a page that explains it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from archive.attachments import AttachmentTooLargeError
from archive.callers import CallerRefusedError
from archive.evidence.errors import EvidenceError
from archive.keystore import KeyDestroyed
from archive.ledger import NoSuchRecordError, RecordDestroyedError
from archive.store import (
    AttachmentMissing,
    DuplicateEvent,
    IdempotencyMismatch,
    InvalidUnit,
    OutcomeUnknown,
    StorageFull,
    StoreError,
    StoreUnavailable,
    UploadQuotaError,
    VersionConflict,
)
from archive.views.database import ViewError
from archive.views.register import RegisterError
from archive.views.search import SearchError
from archive.views.worklist import WorklistError
from archive.witnessing import NotPublished
from domain.errors import (
    ConflictError,
    DisposalError,
    DomainError,
    GuardError,
    InvalidFormError,
    NotEntitledError,
    SeparationError,
    StepNotAllowedError,
    TimeClaimError,
    UnknownKindError,
    UnknownStepError,
)
from domain.kind import Text, text
from retention.errors import DisposalRefusedError

Language = Literal["zh", "en"]
MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class ProblemType:
    """`fix`: what the caller should do."""

    id: str
    status: int
    title: Text
    fix: Text
    retry_after: int | None = None


def _rows(*rows: ProblemType) -> Mapping[str, ProblemType]:
    return {row.id: row for row in rows}


PROBLEMS = _rows(
    ProblemType(
        "not-authenticated",
        401,
        text("没有有效的接口密钥", "No valid API key"),
        text(
            "在 Authorization 头中以“Bearer lh_…”给出有效密钥;密钥丢失或过期请向管理员换发。",
            "Send a valid key as `Authorization: Bearer lh_...`; the administrator issues them.",
        ),
    ),
    ProblemType(
        "not-entitled",
        403,
        text("无权办理", "Not entitled"),
        text(
            "请由有权的人员办理,或请管理员扩大密钥的范围。",
            "Let somebody who is entitled do it, or ask the administrator for a wider key.",
        ),
    ),
    ProblemType(
        "signoff-required",
        403,
        text("须本人签署", "To be signed by the person"),
        text(
            "用您登记的通行密钥或个人密钥签署(/v1/signoffs,或记录页面上的“签署”)。",
            "Sign with your passkey or personal key: /v1/signoffs, or `sign` on the record's page.",
        ),
    ),
    ProblemType(
        "not-found",
        404,
        text("没有找到", "Not found"),
        text(
            "请核对地址、编号或标识;也可能是您无权得知它。",
            "Check the address, number or id; you may also not be allowed to know of it.",
        ),
    ),
    ProblemType(
        "unknown-kind",
        404,
        text("没有这种记录", "No such kind of record"),
        text("记录种类见 /v1/kinds。", "The kinds are listed at /v1/kinds."),
    ),
    ProblemType(
        "unknown-step",
        422,
        text("没有这一步骤或条目", "No such step, slot or item"),
        text("步骤、签字项与条目见 /v1/kinds 和该记录。", "See /v1/kinds and the record itself."),
    ),
    ProblemType(
        "method-not-allowed",
        405,
        text("此地址不支持该方法", "Method not allowed here"),
        text("可用的方法见 Allow 头。", "The Allow header lists what is."),
    ),
    ProblemType(
        "slow-request",
        408,
        text("请求传输太慢", "The request came too slowly"),
        text("请检查网络后重新发送。", "Check the network and send it again."),
    ),
    ProblemType(
        "step-not-allowed",
        409,
        text("当前状态不允许这一步", "The step is not possible now"),
        text("可做的步骤见 allowed。", "What is possible now is in `allowed`."),
    ),
    ProblemType(
        "guard",
        409,
        text("须先完成其他事项", "Something else must be done first"),
        text("先完成 detail 所述事项,再重试。", "Do what `detail` says, then try again."),
    ),
    ProblemType(
        "already-done",
        409,
        text("已经办理", "Done already"),
        text("无需再做;请重新读取记录。", "Nothing to do; read the record again."),
    ),
    ProblemType(
        "version-conflict",
        409,
        text("记录已有更新", "The record has moved on"),
        text(
            "按 head 重新读取记录,仍需办理时以新的 If-Match 重发。",
            "Read the record at `head`; if it still makes sense, send again with the new If-Match.",
        ),
    ),
    ProblemType(
        "duplicate-event",
        409,
        text("事件标识已被占用", "The event id is taken"),
        text("请换一个新的随机标识。", "Give the new event a new random id."),
    ),
    ProblemType(
        "source-id-reused",
        409,
        text("来源编号已用于另一内容", "The source id was used for something else"),
        text(
            "同一 source_id 只能指同一件事;新事项请用新的编号,更正请用更正接口。",
            "A source_id names one thing for ever: take a new one, or use a correction.",
        ),
    ),
    ProblemType(
        "disposal-refused",
        409,
        text("保管规定不允许处置", "Retention refuses this"),
        text(
            "code 是稳定的原因代码;按 detail 所述处理。拒绝已记入保管日志。",
            "`code` is the reason, `detail` what to do. The refusal is in the retention journal.",
        ),
    ),
    ProblemType(
        "separation",
        403,
        text("职责须分离", "Separation of duties"),
        text(
            "请由另一人办理:列单、审查、两级批准、销毁与监销各为其人,系统管理员不得参与。",
            "Let somebody else do it: lister, reviewer, approvers, destroyer and witness are "
            "different people, and none is an administrator.",
        ),
    ),
    ProblemType(
        "disposed",
        410,
        text("内容已按规定销毁", "The content was disposed of"),
        text(
            "其证据仍可查:见 tombstone,以及每个版本的 proof 与 receipt。",
            "Its evidence stays: see `tombstone`, and the proof and receipt of each version.",
        ),
    ),
    ProblemType(
        "too-large",
        413,
        text("内容太大", "Too large"),
        text("请缩短,或将文件作为附件上传。", "Make it shorter, or upload files as attachments."),
    ),
    ProblemType(
        "media-type",
        415,
        text("不支持的内容类型", "Media type not supported"),
        text("请以 application/json(UTF-8)发送。", "Send application/json in UTF-8."),
    ),
    ProblemType(
        "range",
        416,
        text("范围不在文件之内", "Range not satisfiable"),
        text("文件长度见 Content-Range 头。", "The length is in the Content-Range header."),
    ),
    ProblemType(
        "broken-body",
        422,
        text("正文不是正确的 JSON", "The body is no sound JSON"),
        text(
            "请发送 UTF-8 编码的 JSON 对象,键不可重复,不可含 U+0000。",
            "Send a JSON object in UTF-8, without repeated keys and without U+0000.",
        ),
    ),
    ProblemType(
        "invalid-form",
        422,
        text("表单有误", "Answers need mending"),
        text("逐项更正 errors 中的各处。", "Mend each place named in `errors`."),
    ),
    ProblemType(
        "invalid-request",
        422,
        text("请求有误", "The request needs mending"),
        text("逐项更正 errors 中的各处。", "Mend each place named in `errors`."),
    ),
    ProblemType(
        "claimed-time",
        422,
        text("所报时间不可能", "The claimed time cannot be"),
        text(
            "核对本机时钟与时区;外部系统请随附 X-Sent-At 头。",
            "Check your clock and time zone; systems should send X-Sent-At.",
        ),
    ),
    ProblemType(
        "idempotency-mismatch",
        422,
        text("幂等键已用于另一内容", "The Idempotency-Key was used with another body"),
        text(
            "新请求请用新的键;重试须发送与首次完全相同的正文。",
            "Use a new key for a new request; a retry sends the very same body.",
        ),
    ),
    ProblemType(
        "attachment-missing",
        422,
        text("附件尚未上传", "The attachment is not there"),
        text("请先上传(上传后保留一天)再引用。", "Upload it first (kept for a day), then name it."),
    ),
    ProblemType(
        "invalid-event",
        422,
        text("事件不合规", "The event does not fit the format"),
        text("见 detail;格式见 docs/formats.md。", "See `detail`; formats are in docs/formats.md."),
    ),
    ProblemType(
        "evidence",
        422,
        text("签名或信封未通过检查", "Signature or envelope refused"),
        text("见 detail;格式见 docs/formats.md。", "See `detail`; formats are in docs/formats.md."),
    ),
    ProblemType(
        "search",
        422,
        text("检索词或游标有误", "The query or cursor cannot be used"),
        text("更换检索词,或从第一页重新开始。", "Change the query, or start from the first page."),
    ),
    ProblemType(
        "domain",
        422,
        text("规则不允许", "The rules refuse this"),
        text("见 detail。", "See `detail`."),
    ),
    ProblemType(
        "not-done",
        424,
        text("未办理:同批其他项失败", "Not done: another item of the batch failed"),
        text("更正失败的项后整批重发。", "Mend the item that failed, and send the batch again."),
    ),
    ProblemType(
        "internal",
        500,
        text("服务器内部错误", "Internal error"),
        text(
            "请将 request_id 告知管理员;重试时用同一幂等键。",
            "Tell the administrator the request_id; retry with the same Idempotency-Key.",
        ),
    ),
    ProblemType(
        "store-failed",
        500,
        text("存储出错", "The store failed"),
        text("请管理员运行检查。", "The administrator should run the check."),
    ),
    ProblemType(
        "view-not-ready",
        503,
        text("视图尚未就绪", "The view is not ready"),
        text("稍后重试;写入与按编号读取不受影响。", "Retry later; appends and records still work."),
        retry_after=5,
    ),
    ProblemType(
        "not-published",
        503,
        text("见证方尚未达到法定数", "Not cosigned by the quorum of witnesses yet"),
        text(
            "档案照常收录;见证方恢复后重试,/health 说明是谁离线。",
            "The archive goes on; retry when the witnesses are back: /health says who is away.",
        ),
        retry_after=30,
    ),
    ProblemType(
        "store-unavailable",
        503,
        text("数据库暂不可用", "The database is out of reach"),
        text("什么也没有写入;稍后重试。", "Nothing was written; retry later."),
        retry_after=2,
    ),
    ProblemType(
        "outcome-unknown",
        503,
        text("结果未知", "Outcome unknown"),
        text(
            "请以同一 Idempotency-Key 重发:或得首次回执,或首次写入。",
            "Send it again with the same Idempotency-Key: it is done once, with one receipt.",
        ),
        retry_after=1,
    ),
    ProblemType(
        "time-limit",
        503,
        text("超过时限", "Time limit exceeded"),
        text(
            "请以同一 Idempotency-Key 重发;结果可能已写入。",
            "Send it again with the same Idempotency-Key; it may have been done.",
        ),
        retry_after=1,
    ),
    ProblemType(
        "upload-quota",
        507,
        text("待用的上传文件太多", "Too many uploads are waiting"),
        text(
            "此文件未保存。请先在表单中提到已上传的文件,或等一天后清扫。",
            "The file was not kept. Name the waiting files in a form, or wait a day: then they are "
            "swept away.",
        ),
    ),
    ProblemType(
        "storage-full",
        507,
        text("存储空间已满", "No room left"),
        text("什么也没有写入;请管理员腾出空间。", "Nothing was written; make room."),
    ),
)

_CLASSES: tuple[tuple[type[Exception], str], ...] = (
    (UnknownKindError, "unknown-kind"),
    (UnknownStepError, "unknown-step"),
    (InvalidFormError, "invalid-form"),
    (StepNotAllowedError, "step-not-allowed"),
    (SeparationError, "separation"),
    (DisposalError, "disposal-refused"),
    (NotEntitledError, "not-entitled"),
    (GuardError, "guard"),
    (ConflictError, "already-done"),
    (TimeClaimError, "claimed-time"),
    (DomainError, "domain"),
    (CallerRefusedError, "not-authenticated"),
    (NoSuchRecordError, "not-found"),
    (RecordDestroyedError, "disposed"),
    (KeyDestroyed, "disposed"),
    (VersionConflict, "version-conflict"),
    (IdempotencyMismatch, "idempotency-mismatch"),
    (DuplicateEvent, "duplicate-event"),
    (AttachmentMissing, "attachment-missing"),
    (AttachmentTooLargeError, "too-large"),
    (InvalidUnit, "invalid-event"),
    (UploadQuotaError, "upload-quota"),
    (StorageFull, "storage-full"),
    (OutcomeUnknown, "outcome-unknown"),
    (StoreUnavailable, "store-unavailable"),
    (NotPublished, "not-published"),
    (StoreError, "store-failed"),
    (SearchError, "search"),
    (RegisterError, "search"),
    (WorklistError, "search"),
    (ViewError, "view-not-ready"),
    (EvidenceError, "evidence"),
    (RequestValidationError, "invalid-request"),
)
_STATUSES = {401: "not-authenticated", 403: "not-entitled", 404: "not-found",
             405: "method-not-allowed", 413: "too-large", 415: "media-type"}  # fmt: skip


@dataclass
class Refusal(Exception):
    """A refusal by the door itself, named by its problem type."""

    type: str
    detail: Text | None = None
    errors: tuple[tuple[str, Text], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem as it will be told. `more`: head, allowed steps and the like."""

    type: ProblemType
    detail: Text
    errors: tuple[tuple[str, Text], ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self, language: Language, request_id: str) -> dict[str, Any]:
        said: dict[str, Any] = {
            "type": f"/problems/{self.type.id}",
            "title": getattr(self.type.title, language),
            "status": self.type.status,
            "detail": getattr(self.detail, language),
            "fix": getattr(self.type.fix, language),
            "request_id": request_id,
        }
        if self.errors:
            said["errors"] = [
                {"field": name, "message": getattr(message, language)}
                for name, message in self.errors
            ]
        said.update(self.more)
        return said


def problem_of(error: Exception, more: Mapping[str, Any] | None = None) -> Problem:
    """What an error means to the caller; one that is not in the table says nothing of itself."""
    if isinstance(error, Refusal):
        kind = PROBLEMS[error.type]
        said = {**error.more, **(more or {})}
        return Problem(kind, error.detail or kind.title, error.errors, said, error.headers)
    if isinstance(error, HTTPException):
        kind = PROBLEMS[_STATUSES.get(error.status_code, "internal")]
        return Problem(kind, kind.title, (), more or {}, error.headers or {})
    name = next((name for cls, name in _CLASSES if isinstance(error, cls)), "internal")
    if isinstance(error, DisposalError) and error.code == SeparationError.code:
        name = "separation"
    kind = PROBLEMS[name]
    return Problem(kind, _detail(error, kind), _errors(error), {**_more(error), **(more or {})})


def _detail(error: Exception, kind: ProblemType) -> Text:
    match error:
        case DomainError():
            return error.message
        case VersionConflict():
            return text(
                f"请求基于第 {error.expected} 版,记录现为第 {error.current} 版。",
                f"The request was made for version {error.expected}; "
                f"the record is at version {error.current}.",
            )
        case UploadQuotaError(own=True):
            return text(
                f"您上传而尚无事件提到的文件,合计最多 {error.limit} 字节。",
                f"Your uploads that no event names yet may have {error.limit} bytes together.",
            )
        case UploadQuotaError():
            return text(
                f"全体上传而尚无事件提到的文件,合计最多 {error.limit} 字节。",
                f"Everybody's uploads that no event names yet may have {error.limit} bytes.",
            )
        case AttachmentTooLargeError():
            return text(f"附件最多 {error.limit} 字节。", f"At most {error.limit} bytes.")
        case EvidenceError() | InvalidUnit() | SearchError() | RegisterError() | WorklistError():
            return text(f"{kind.title.zh}:{error}", str(error))
        case _:
            return kind.title


def _errors(error: Exception) -> tuple[tuple[str, Text], ...]:
    match error:
        case InvalidFormError():
            return tuple((f"answers.{f.path}", f.message) for f in error.faults)
        case DomainError() if error.field is not None:
            return ((error.field, error.message),)
        case AttachmentMissing():
            return (("answers", text("附件尚未上传", str(error))),)
        case RequestValidationError():
            return tuple(
                (".".join(str(p) for p in fault["loc"][1:]), text("内容不符合要求", fault["msg"]))
                for fault in error.errors()
            )
        case _:
            return ()


def _more(error: Exception) -> dict[str, Any]:
    if isinstance(error, StepNotAllowedError):
        return {"allowed": list(error.allowed)}
    if isinstance(error, DisposalRefusedError) and error.record is not None:
        return {"code": error.code, "record": error.record}
    if isinstance(error, DisposalError | SeparationError):
        return {"code": error.code}
    if isinstance(error, RecordDestroyedError | KeyDestroyed):
        return {"code": "DISPOSED"}
    return {}


def respond(problem: Problem, language: Language, request_id: str) -> Response:
    headers = {"Content-Language": language, "Cache-Control": "no-store", **problem.headers}
    if problem.type.retry_after is not None:
        headers["Retry-After"] = str(problem.type.retry_after)
    if problem.type.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="liuhen"'
    return Response(
        orjson.dumps(problem.body(language, request_id)),
        problem.type.status,
        headers,
        media_type=MEDIA_TYPE,
    )
