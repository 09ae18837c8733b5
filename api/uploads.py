"""Attachments over HTTP: streamed in and out, exact bytes and names (RFC 8187, RFC 9110)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from urllib.parse import quote, unquote_to_bytes

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.admission import Visit
from api.door import chunks_of, in_thread, refuse, told_length, visit_of
from api.problems import Refusal
from api.reading import Asked, Name, answer
from api.replies import PROBLEM_RESPONSES
from archive.attachments import Staged, Upload
from archive.store import StoreError
from domain.events import Attachment
from domain.kind import text
from domain.record import Record

router = APIRouter(prefix="/v1", tags=["附件 / attachments"], responses=PROBLEM_RESPONSES)
CHUNK = 1024 * 1024
LONGEST_NAME = 1000
_EXTENDED = re.compile(r"filename\*\s*=\s*utf-8'[^']*'([^;\s]+)", re.IGNORECASE)
_QUOTED = re.compile(r'filename\s*=\s*"((?:[^"\\]|\\.)*)"', re.IGNORECASE)
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,100}/[A-Za-z0-9!#$&^_.+-]{1,100}(;[ -~]{1,200})?")
_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)


@router.post(
    "/attachments",
    status_code=201,
    summary="上传附件(原始字节)/ upload a file: its raw bytes as the body",
    openapi_extra={
        "parameters": [
            {"name": "X-File-Name", "in": "header", "schema": {"type": "string"},
             "description": "文件名,UTF-8 百分号编码 / file name, percent-encoded UTF-8"},
            {"name": "Content-Disposition", "in": "header", "schema": {"type": "string"}},
        ],
        "requestBody": {"required": True, "content": {
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}},
    },
)  # fmt: skip
async def upload(request: Request) -> Response:
    """The id is then named in a form's `attachments` field. A file that no event names within a
    day is gone. A retry after a lost answer is a new upload."""
    visit = visit_of(request)
    try:
        staged = await _receive(request, visit)
    except Exception as error:
        response = refuse(request, error)
        if response.status_code == 500:
            raise
        return response
    file = staged.file
    body = {"id": file.id, "name": file.name, "media_type": file.media_type, "size": file.size}
    response = answer(body)
    response.status_code = 201
    return response


async def _receive(request: Request, visit: Visit) -> Staged:
    desk = visit.desk
    await in_thread(desk, lambda: visit.guest.check_right("write"))
    name, media_type = file_name(request), _media_type(request)
    limit = desk.settings.attachment_limit
    if told_length(request) > limit:
        raise Refusal("too-large", text(f"附件最多 {limit} 字节。", f"At most {limit} bytes."))
    upload = desk.archive.attachments.begin(name, media_type, visit.guest.id)
    try:
        return await _take_in(request, visit, upload)
    except BaseException:
        with suppress(StoreError):  # else it is swept away after a day
            await in_thread(desk, upload.abandon)
        raise


async def _take_in(request: Request, visit: Visit, upload: Upload) -> Staged:
    desk = visit.desk
    buffer = bytearray()
    async for chunk in chunks_of(request, desk.settings.idle_seconds):
        buffer += chunk
        if len(buffer) >= CHUNK:
            await _feed(visit, upload, buffer)
    await _feed(visit, upload, buffer)
    return await in_thread(desk, upload.finish)


async def _feed(visit: Visit, upload: Upload, buffer: bytearray) -> None:
    chunk = bytes(buffer)
    buffer.clear()
    await in_thread(visit.desk, lambda: upload.feed(chunk))


def file_name(request: Request) -> str:
    """The name's exact characters; what no file name can hold is refused, not mended."""
    told = request.headers.get("x-file-name")
    disposition = request.headers.get("content-disposition", "")
    if told is None and (match := _EXTENDED.search(disposition)):
        told = match.group(1)
    if told is None and (match := _QUOTED.search(disposition)):
        raw = re.sub(r"\\(.)", r"\1", match.group(1)).encode("latin-1")
    elif told is not None:
        raw = unquote_to_bytes(told.encode("latin-1"))
    else:
        raw = b"file"
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        name = ""
    unfit = any(ord(c) < 32 or ord(c) == 127 for c in name) or "/" in name or "\\" in name
    if not name or len(name) > LONGEST_NAME or unfit or name in (".", ".."):
        message = text("文件名须为 UTF-8(百分号编码),不含 / \\ 和控制字符", "no fit file name")
        raise Refusal("invalid-request", None, (("X-File-Name", message),))
    return name


def _media_type(request: Request) -> str:
    told = request.headers.get("content-type", "application/octet-stream")
    return told if _MEDIA_TYPE.fullmatch(told) else "application/octet-stream"


@router.get("/records/{record}/attachments/{attachment}", summary="下载附件 / download a file")
def download(request: Request, visit: Asked, record: Name, attachment: str) -> Response:
    """One range of bytes at a time (RFC 9110 14); never shown inside the browser."""
    found = visit.living(record)
    visit.note_reading(found)
    file = _file(visit, found, attachment)
    part = visit.desk.archive.attachments.held(found.id, file.id).part
    tag = f'"{part.ciphertext[:32]}"'
    headers = {
        "ETag": tag,
        "Accept-Ranges": "bytes",
        "Content-Disposition": disposition(file.name),
        "Cache-Control": "private, no-cache",
    }
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    span = _span(request, file.size, tag)
    start, stop = span or (0, file.size)
    headers["Content-Length"] = str(stop - start)
    if span is not None:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{file.size}"
    chunks = visit.desk.archive.attachments.read(found.id, file, start, stop)
    return StreamingResponse(
        _begun(chunks), 206 if span else 200, headers, media_type=file.media_type
    )


def _begun(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """What cannot be read at all is a problem, not a broken download."""
    first = next(chunks, b"")
    return chain((first,), chunks)


def _file(visit: Visit, record: Record, attachment: str) -> Attachment:
    for recorded in visit.desk.archive.ledger.history(record.id):
        for file in recorded.event.attachments:
            if file.id == attachment:
                return file
    raise Refusal("not-found")


def _span(request: Request, size: int, tag: str) -> tuple[int, int] | None:
    """Start and stop of a single range; None for the whole file."""
    told = request.headers.get("range")
    if told is None or request.headers.get("if-range", tag) != tag:
        return None
    match = _RANGE.fullmatch(told.strip())
    if match is None or match.group(0) == "bytes=-":
        return None  # RFC 9110 14.2: a range that is not understood is ignored
    first, last = match.groups()
    if not first:
        start, stop = max(0, size - int(last[:19])), size
        sound = int(last[:19]) > 0 and size > 0
    else:
        start = int(first[:19])
        stop = size if not last else min(size, int(last[:19]) + 1)
        sound = start < stop
    if not sound:
        raise Refusal("range", headers={"Content-Range": f"bytes */{size}"})
    return start, stop


def disposition(name: str) -> str:
    """RFC 6266 with RFC 8187: exact in `filename*`, a harmless spelling for old clients."""
    plain = "".join(c if " " <= c <= "~" and c not in '"\\%' else "_" for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
