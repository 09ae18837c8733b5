"""Logging in with an API key, and out again."""

from __future__ import annotations

import secrets

from starlette.responses import RedirectResponse, Response

from api.pages.calls import HEADERS, Call, LoginNeededError, safe_next
from api.pages.sessions import LASTS, Session
from archive.callers import CallerRefusedError


def show_login(call: Call) -> Response:
    notice = "logged-out" if call.asked("out") else "login-needed" if call.asked("next") else ""
    return _form(call, notice, safe_next(call.asked("next")))


def _form(call: Call, notice: str, onward: str, status: int = 200, fault: str = "") -> Response:
    """With a random cookie of its own; what the form must send back follows from that."""
    name = call.cookie("form")
    mark = call.request.cookies.get(name) or secrets.token_urlsafe(24)
    token = call.house.sessions.form_token("login", mark)
    page = call.page("login.html", status, notice=notice, fault=fault, onward=onward, token=token)
    _set(call, page, "form", mark, 3600)
    return page


def _set(call: Call, response: Response, name: str, value: str, seconds: int) -> None:
    response.set_cookie(
        call.cookie(name), value, max_age=seconds, path="/", secure=call.https, httponly=True,
        samesite="strict",
    )  # fmt: skip


def log_in(call: Call) -> Response:
    """303 to where the caller was going; 401 for a wrong key, 429 after too many, 403 for a form
    that is not ours."""
    said, now = call.form(), call.visit.now
    onward = safe_next(said.get("next", ""))
    mark = call.request.cookies.get(call.cookie("form"), "")
    fits = call.house.sessions.form_fits(said.get("token", ""), "login", mark)
    if not (mark and fits and from_here(call)):
        return _form(call, "", onward, 403, "login-stale")
    address = call.request.client.host if call.request.client else ""
    if call.house.failures.too_many(address, now):
        return _form(call, "", onward, 429, "login-often")
    try:
        session = call.house.sessions.begin(said.get("key", "").strip(), now)
    except CallerRefusedError:
        call.house.failures.note(address, now)
        call.visit.note("refused", None)
        return _form(call, "", onward, 401, "login-failed")
    return _begun(call, session, onward)


def _begun(call: Call, session: Session, onward: str) -> Response:
    response = RedirectResponse(onward, 303, HEADERS)
    _set(call, response, "session", session.id, int(LASTS.total_seconds()))
    response.delete_cookie(call.cookie("form"), path="/", secure=call.https, httponly=True)
    return response


def log_out(call: Call) -> Response:
    session = call.session
    if session is None:
        raise LoginNeededError
    fits = call.house.sessions.form_fits(call.form().get("token", ""), "logout", session.id)
    if not (fits and from_here(call)):
        return RedirectResponse("/records", 303, HEADERS)
    call.house.sessions.end(session)
    response = RedirectResponse("/login?out=1", 303, HEADERS)
    response.delete_cookie(
        call.cookie("session"), path="/", secure=call.https, httponly=True, samesite="strict"
    )
    return response


def from_here(call: Call) -> bool:
    """Browsers say from which site a form was sent; what is no browser says nothing."""
    return call.request.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")
