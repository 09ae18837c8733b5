"""A witness over HTTP (C2SP tlog-witness): two addresses, for one or many logs, without keys.

Whoever asks is known by the log's own signature; what is answered tells nothing but heads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import apsw
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from api.logs import REQUESTS
from archive.evidence.cosignature import MAX_REQUEST
from archive.witness import TEXT, Reply, Witness

BODY_SECONDS = 10.0


class _TooLargeError(Exception):
    """More than a request may have."""


def witness_app(witness: Witness) -> Starlette:
    async def add(request: Request) -> Response:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _body(request)
        except TimeoutError:
            return _answer(Reply(408, b"the request came too slowly\n"))
        except _TooLargeError:
            return _answer(Reply(413, b"a request has at most %d bytes\n" % MAX_REQUEST))
        except ClientDisconnect:
            return _answer(Reply(400, b"the request broke off\n"))
        return await _asked(lambda: witness.add_checkpoint(body), "add-checkpoint")

    async def checkpoint(request: Request) -> Response:
        wanted = request.path_params["origin_hash"]
        return await _asked(lambda: witness.checkpoint(wanted), "checkpoint")

    routes = [
        Route("/add-checkpoint", add, methods=["POST"]),
        Route("/{origin_hash}/checkpoint", checkpoint, methods=["GET"]),
    ]
    return Starlette(routes=routes)


async def _body(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_REQUEST:
            raise _TooLargeError
        parts.append(part)
    return b"".join(parts)


async def _asked(question: Callable[[], Reply], route: str) -> Response:
    """503 where the memory cannot be written: nothing is signed then."""
    try:
        reply = await run_in_threadpool(question)
    except apsw.Error as error:
        REQUESTS.error("witness memory", extra={"said": {"error": type(error).__name__}})
        reply = Reply(503, b"the memory of this witness cannot be written: try again later\n")
    REQUESTS.info("witness", extra={"said": {"route": route, "status": reply.status}})
    return _answer(reply)


def _answer(reply: Reply) -> Response:
    # The type is set by hand: a charset would be added to text/x.tlog.size.
    headers = {"Content-Type": reply.media_type, "X-Content-Type-Options": "nosniff"}
    if reply.media_type == TEXT and reply.status == 200:
        headers["Cache-Control"] = "no-cache"
    return Response(reply.body, reply.status, headers)
