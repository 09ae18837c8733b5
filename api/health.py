"""Liveness and readiness. Live: the process answers. Ready: it can append and read."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.desk import Desk
from archive.store import StoreError
from archive.views.database import ViewError

router = APIRouter(prefix="/health", tags=["状态 / health"])
BEHIND = 10_000
"""A view that is further behind the log answers with what is long past."""


@router.get("/live", summary="进程在运行 / the process answers")
async def live() -> Response:
    return JSONResponse({"live": True})


@router.get("/ready", summary="可以读写 / it can append and read")
def ready(request: Request) -> Response:
    found = readiness(request.app.state.desk)
    return JSONResponse(found, 200 if found["ready"] else 503)


@router.get("", summary="两者 / both")
def health(request: Request) -> Response:
    found = {"live": True, **readiness(request.app.state.desk)}
    return JSONResponse(found, 200 if found["ready"] else 503)


def readiness(desk: Desk) -> dict[str, Any]:
    """Words without content: no address, no message of a database."""
    archive = desk.archive
    try:
        size = archive.store.head().size
        store = "ok"
    except StoreError as error:
        return {"ready": False, "store": type(error).__name__, "views": "unknown"}
    try:
        state = archive.views.health()
        stopped = sorted(alarm.view for alarm in state.alarms)
        slow = state.loading or state.behind > BEHIND
        views = "stopped" if stopped else "loading" if slow else "ok"
        told = {"behind": state.behind, "stopped": stopped}
    except ViewError as error:
        views, told = type(error).__name__, {}
    return {"ready": store == "ok", "store": store, "size": size, "views": views, **told}
