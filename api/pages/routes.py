"""The pages' addresses. All are plain reads, except logging in and out."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.desk import Desk
from api.pages.calls import HEADERS, ICON, ICON_PATH, STYLE, STYLE_PATH, Call, House, endpoint
from api.pages.devices import show_devices, take_device
from api.pages.disposal import (
    act,
    make_list,
    show_certificate,
    show_certificate_bundle,
    show_disposal,
)
from api.pages.downloads import show_attachment, show_bundle, show_proof, show_receipt
from api.pages.finding import show_register
from api.pages.login import log_in, log_out, show_login
from api.pages.record import show_record
from api.pages.retention import show_retention
from api.pages.sessions import Sessions
from api.pages.signing import SCRIPT, SCRIPT_PATH, show_sign, take_sign
from api.pages.status import show_status
from api.pages.work import show_worklist

FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
READS = {
    "/records": show_register,
    "/records/{record}": show_record,
    "/records/{record}/attachments/{attachment}": show_attachment,
    "/records/{record}/events/{version}/receipt": show_receipt,
    "/records/{record}/events/{version}/proof": show_proof,
    "/records/{record}/export": show_bundle,
    "/worklist": show_worklist,
    "/retention": show_retention,
    "/retention/disposals/{record}": show_disposal,
    "/retention/disposals/{record}/certificate": show_certificate,
    "/retention/disposals/{record}/bundle": show_certificate_bundle,
    "/records/{record}/sign": show_sign,
    "/devices": show_devices,
    "/status": show_status,
}


def router(desk: Desk) -> APIRouter:
    house = House(desk, Sessions(desk.archive.keys, desk.callers))
    pages = APIRouter(include_in_schema=False)
    for path, show in READS.items():
        pages.add_api_route(path, endpoint(house, show), methods=["GET"])
    pages.add_api_route("/", endpoint(house, _start), methods=["GET"])
    pages.add_api_route("/login", endpoint(house, show_login, public=True), methods=["GET"])
    pages.add_api_route("/login", endpoint(house, log_in, public=True), methods=["POST"])
    pages.add_api_route("/logout", endpoint(house, log_out), methods=["POST"])
    pages.add_api_route("/retention/disposals", endpoint(house, make_list), methods=["POST"])
    deeds = "/retention/disposals/{record}/{deed}"
    pages.add_api_route(deeds, endpoint(house, act), methods=["POST"])
    pages.add_api_route("/records/{record}/sign", endpoint(house, take_sign), methods=["POST"])
    pages.add_api_route("/devices/{deed}", endpoint(house, take_device), methods=["POST"])
    pages.add_api_route(SCRIPT_PATH, _script, methods=["GET"])
    pages.add_api_route(STYLE_PATH, _style, methods=["GET"])
    pages.add_api_route(ICON_PATH, _icon, methods=["GET"])
    return pages


def _start(call: Call) -> Response:
    return call.remember(RedirectResponse("/records", 303, HEADERS))


async def _style(request: Request) -> Response:  # noqa: ARG001 - a route's shape
    return Response(STYLE, 200, FOR_EVER, media_type="text/css; charset=utf-8")


async def _script(request: Request) -> Response:  # noqa: ARG001 - a route's shape
    return Response(SCRIPT, 200, FOR_EVER, media_type="text/javascript; charset=utf-8")


async def _icon(request: Request) -> Response:  # noqa: ARG001 - a route's shape
    return Response(ICON, 200, FOR_EVER, media_type="image/svg+xml")
