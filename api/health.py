"""Liveness and readiness. Live: the process answers. Ready: it can append and read."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.desk import Desk
from archive.evidence.instant import time_text
from archive.store import StoreError
from archive.timestamps import Timestamps
from archive.views.database import ViewError
from archive.witnessing import Witnesses

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


@router.get("/integrity", summary="自核验未发现问题 / self-checking found nothing wrong")
def integrity(request: Request) -> Response:
    """503 while something is wrong. Apart from readiness, so that records can be read meanwhile."""
    found = _integrity(request.app.state.desk)
    return JSONResponse(found, 503 if found["integrity"] == "wrong" else 200)


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
    told["timestamps"] = _timestamps(archive.timestamps)
    told |= _witnesses(archive.witnesses)
    told |= _integrity(desk)
    return {"ready": store == "ok", "store": store, "size": size, "views": views, **told}


def _integrity(desk: Desk) -> dict[str, Any]:
    """Readiness does not depend on it: who may read goes on reading, and what happens meanwhile is
    written. `unknown`: this server has verified nothing yet."""
    watch = desk.watch
    alarms, verified = watch.alarms(), watch.follower.verified
    wrong = any(alarm.level == "wrong" for alarm in alarms)
    return {
        "integrity": "wrong" if wrong else "ok" if verified else "unknown",
        "verified": {
            "size": verified.size if verified else None,
            "at": time_text(verified.at) if verified else None,
        },
        "alarms": [
            {"code": alarm.code, "about": alarm.about, "since": time_text(alarm.since)}
            for alarm in alarms
        ],
    }


def _witnesses(witnesses: Witnesses) -> dict[str, Any]:
    """Of each witness what it signed last and since when it signs no more; and, where a quorum is
    asked for, which head goes out. Readiness does not depend on it: the log goes on."""
    told: dict[str, Any] = {
        "witnesses": {
            each.name: {
                "state": each.state,
                "size": each.size,
                "last": time_text(each.last) if each.last else None,
                "since": time_text(each.since) if each.since else None,
            }
            for each in witnesses.health()
        }
    }
    quorum = witnesses.quorum()
    if quorum is not None:
        since = quorum.behind_since
        told["published"] = {
            "size": quorum.size,
            "behind_since": time_text(since) if since else None,
        }
    return told


def _timestamps(timestamps: Timestamps) -> dict[str, dict[str, str | None]]:
    """Of each authority when its last token was, and since when none can be had. Readiness does not
    depend on it: the log goes on, and only retention waits for a proven time."""
    return {
        each.name: {
            "last": time_text(each.last) if each.last else None,
            "away_since": time_text(each.away_since) if each.away_since else None,
        }
        for each in timestamps.health()
    }
