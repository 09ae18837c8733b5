"""The door: every request gets its id, its time limit and its line in the log on the way in, and
safe headers on the way out; whatever goes wrong inside leaves as a problem."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import copy_context
from hashlib import blake2b
from itertools import count
from time import perf_counter
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.admission import Visit
from api.appending import Behind
from api.desk import Desk
from api.logs import REQUESTS
from api.problems import Language, Refusal, problem_of, respond
from domain.kind import text

UPLOADS = "/v1/attachments"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
# Asked for each id, the system's randomness would give the interpreter away to the thread that
# appends, and wait to get it back; so this process asks once, and counts.
_run, _requests = secrets.token_bytes(32), count()
_ONCE = frozenset({
    b"authorization", b"content-length", b"content-type", b"host", b"idempotency-key", b"if-match",
    b"range", b"x-file-name", b"x-sent-at",
})  # fmt: skip
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
        b"connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; "
        b"frame-ancestors 'none'",
    ),
)
Result = TypeVar("Result")


class Door:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, desk: Desk) -> None:
        self.app, self.desk = app, desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = perf_counter()
        scope["request_id"] = request_id = _request_id(scope)
        status, over = 0, False
        limit = None if scope["path"] == UPLOADS else self.desk.settings.request_seconds

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if not over:
                    timer.reschedule(None)  # a long download is not a slow answer
                given = {name for name, _ in message["headers"]}
                message["headers"] += [(n, v) for n, v in _HEADERS if n not in given]
                message["headers"].append((b"x-request-id", request_id.encode()))
            await send(message)

        try:
            async with asyncio.timeout(limit) as timer:
                if twice := _said_twice(scope):
                    message = text(f"{twice} 只能出现一次", f"{twice} can be given only once")
                    raise Refusal("invalid-request", message, ((twice, message),))
                await self.app(scope, receive, answer)
        except Refusal as refusal:
            over = True
            await self._problem(refusal, scope, receive, answer)
        except TimeoutError:
            over = True
            if not status:
                await self._problem(Refusal("time-limit"), scope, receive, answer)
        except ClientDisconnect:
            pass
        except Exception as error:  # noqa: BLE001 - the last one who can answer
            over = True
            REQUESTS.exception("failed", extra={"said": {"request_id": request_id}})
            if not status:
                await self._problem(error, scope, receive, answer)
        finally:
            _log(scope, status, perf_counter() - began)

    async def _problem(self, error: Exception, scope: Scope, receive: Receive, send: Send) -> None:
        response = refuse(Request(scope), error)
        await response(scope, receive, send)


def _said_twice(scope: Scope) -> str | None:
    """A header of ours that came twice: a proxy before us may have gone by the other one."""
    names = [name for name, _ in scope["headers"] if name in _ONCE]
    if len(names) == len(set(names)):
        return None
    return next(str(name, "ascii") for name in names if names.count(name) > 1)


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            told = value.decode("latin-1")
            if _REQUEST_ID.fullmatch(told):
                return str(told)
    return blake2b(b"%d" % next(_requests), key=_run, digest_size=16).hexdigest()


def _log(scope: Scope, status: int, seconds: float) -> None:
    route = scope.get("route")
    REQUESTS.info(
        "request",
        extra={
            "said": {
                "request_id": scope["request_id"],
                "method": scope["method"],
                "route": getattr(route, "path", None),
                "status": status,
                "ms": round(seconds * 1000, 2),
                "caller": scope.get("caller"),
            }
        },
    )


# ---------------------------------------------------------------- inside


def language(request: Request) -> Language:
    """zh unless the caller prefers English (RFC 9110 12.5.4)."""
    best: tuple[float, Language] = (0.0, "zh")
    for part in request.headers.get("accept-language", "").split(","):
        tag, _, quality = part.strip().partition(";q=")
        word = tag.strip().lower().partition("-")[0]
        try:
            weight = float(quality or 1)
        except ValueError:
            continue
        if word in ("zh", "en") and weight > best[0]:
            best = (weight, "zh" if word == "zh" else "en")
    return best[1]


def refuse(request: Request, error: Exception) -> Response:
    problem = error.problem() if isinstance(error, Behind) else problem_of(error)
    return respond(problem, language(request), request.scope["request_id"])


def visit_of(request: Request) -> Visit:
    desk: Desk = request.app.state.desk
    return Visit(
        desk=desk,
        request_id=request.scope["request_id"],
        route=f"{request.method} {request.scope['path']}",
        now=desk.clock(),
        authorization=request.headers.get("authorization"),
    )


async def read_body(request: Request, limit: int, idle: float) -> bytes:
    """The whole body. Refusals: too-large before it is in memory, slow-request, media-type."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise Refusal("media-type")
    if told_length(request) > limit:
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    async for chunk in chunks_of(request, idle):
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large(limit: int) -> Refusal:
    return Refusal("too-large", text(f"正文最多 {limit} 字节。", f"At most {limit} bytes."))


def told_length(request: Request) -> float:
    """Of a body, by its header; infinite where that is no length."""
    told = request.headers.get("content-length", "0")
    return int(told) if told.isascii() and told.isdigit() and len(told) < 20 else float("inf")


async def chunks_of(request: Request, idle: float) -> AsyncIterator[bytes]:
    """The body as it comes in. A sender who stands still for `idle` seconds is a slow-request."""
    more = True
    while more:
        try:
            async with asyncio.timeout(idle):
                message = await request.receive()
        except TimeoutError:
            raise Refusal("slow-request") from None
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        yield message.get("body", b"")
        more = message.get("more_body", False)


async def in_thread(desk: Desk, work: Callable[[], Result]) -> Result:
    """Run what waits for the disk on the pool that is as wide as the connections that append."""
    return await asyncio.get_running_loop().run_in_executor(desk.pool, copy_context().run, work)


Endpoint = Callable[[Request], Awaitable[Response]]


def answering(work: Callable[[Request, bytes], Response], *, limit: str = "body_limit") -> Endpoint:
    """An endpoint that reads a JSON body and answers from a thread; its errors are problems."""

    async def endpoint(request: Request) -> Response:
        desk: Desk = request.app.state.desk
        try:
            raw = await read_body(
                request, getattr(desk.settings, limit), desk.settings.idle_seconds
            )
        except Refusal as refusal:
            return refuse(request, refusal)
        return await in_thread(desk, lambda: _safely(work, request, raw))

    return endpoint


def _safely(work: Callable[[Request, bytes], Response], request: Request, raw: bytes) -> Response:
    try:
        return work(request, raw)
    except Exception as error:
        response = refuse(request, error)
        if response.status_code == 500:
            raise
        return response
