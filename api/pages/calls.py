"""One request for a page: who asks, in which language, and what page a fault becomes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.admission import Visit, let_in
from api.desk import Desk
from api.door import in_thread
from api.pages.pen import Pen
from api.pages.sessions import Failures, Session, Sessions
from api.problems import Language, Refusal, problem_of
from archive.callers import CallerRefusedError

HERE = Path(__file__).parent
LONGEST_FORM = 131_072
"""A review of a hundred items, with reasons."""
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
}
TEMPLATES = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_HERE_ONLY = re.compile(r"/(?![/\\])[!-~]{0,1000}")


class LoginNeededError(Exception):
    """Nobody is logged in: the login page comes first."""


@dataclass(frozen=True, slots=True)
class House:
    """What all pages of an application share."""

    desk: Desk
    sessions: Sessions
    failures: Failures = field(default_factory=Failures)


@dataclass(slots=True)
class Call:
    house: House
    request: Request
    body: bytes = b""
    session: Session | None = None
    visit: Visit = field(init=False)
    pen: Pen = field(init=False)

    def __post_init__(self) -> None:
        desk, request = self.house.desk, self.request
        now = desk.clock()
        self.pen = Pen(self._language(), desk.settings.zone, desk.directory, now)
        self.visit = Visit(
            desk=desk,
            request_id=request.scope["request_id"],
            route=f"{request.method} {request.scope['path']}",
            now=now,
            authorization=None,
        )

    # ---------------------------------------------------------------- what was asked

    def _language(self) -> Language:
        asked = self.request.query_params.get("lang") or self.request.cookies.get("liuhen_lang")
        return "en" if asked == "en" else "zh"

    @property
    def https(self) -> bool:
        return self.request.url.scheme == "https"

    def cookie(self, name: str) -> str:
        """The name of one of our cookies: over https only this very host can have set it."""
        return f"__Host-liuhen_{name}" if self.https else f"liuhen_{name}"

    def asked(self, name: str) -> str:
        """A word of the query, '' where it is not said; at most 500 characters."""
        return self.request.query_params.get(name, "").strip()[:500]

    def form(self) -> Mapping[str, str]:
        found = parse_qs(self.body.decode("utf-8", "replace"), keep_blank_values=True)
        return {name: values[-1] for name, values in found.items()}

    def address(self, **changed: str | None) -> str:
        """This page with some words of its query changed, or left out where None."""
        said = {k: v for k, v in self.request.query_params.items() if v}
        told = {k: v for k, v in (said | changed).items() if v}
        return "?" + urlencode(told)

    # ---------------------------------------------------------------- who asks

    def admit(self) -> None:
        """Let the session's caller in. LoginNeededError without one."""
        now = self.visit.now
        session = self.house.sessions.find(
            self.request.cookies.get(self.cookie("session"), ""), now
        )
        if session is None:
            raise LoginNeededError
        try:
            guest = let_in(self.house.desk, session.caller, now, "session")
        except CallerRefusedError:
            raise LoginNeededError from None
        guest.check_right("read")
        self.session = session
        self.visit = replace(self.visit, _guest=guest)
        self.request.scope["caller"] = guest.caller.id

    # ---------------------------------------------------------------- the answer

    def page(self, template: str, /, status: int = 200, **more: Any) -> Response:
        said = {
            "p": self.pen, "call": self, "here": self.request.scope["path"],
            "logout": "", "who": "", "style": STYLE_PATH, "icon": ICON_PATH,
            "request_id": self.visit.request_id, "alarms": self.house.desk.watch.alarms(),
        }  # fmt: skip
        if self.session is not None:
            guest = self.visit.guest
            said["who"] = guest.person.name if guest.person else guest.caller.name
            said["logout"] = self.house.sessions.form_token("logout", self.session.id)
        body = TEMPLATES.get_template(template).render({**said, **more})
        headers = {**HEADERS, "Content-Language": self.pen.language}
        return self.remember(HTMLResponse(body, status, headers))

    def remember(self, response: Response) -> Response:
        """Keep the language that was asked for."""
        if self.request.query_params.get("lang"):
            response.set_cookie(
                "liuhen_lang", self.pen.language, max_age=31_536_000, httponly=True,
                secure=self.https, samesite="strict",
            )  # fmt: skip
        return response

    def to_login(self) -> Response:
        path, query = self.request.scope["path"], self.request.url.query
        here = path + (f"?{query}" if query else "")
        asked = f"?next={quote(here, safe='')}" if path != "/" and self._is_read() else ""
        return RedirectResponse(f"/login{asked}", 303, HEADERS)

    def _is_read(self) -> bool:
        return self.request.method == "GET"

    def fault(self, error: Exception) -> Response:
        """A page that says what went wrong; what no table knows is the door's affair."""
        problem = problem_of(error)
        if problem.type.status == 500:
            raise error
        response = self.page("fault.html", problem.type.status, problem=problem)
        response.headers.update(problem.headers)
        return response


def safe_next(told: str) -> str:
    """A place in this archive to go on to, never another host."""
    return told if _HERE_ONLY.fullmatch(told) else "/records"


Show = Callable[[Call], Response]


Endpoint = Callable[[Request], Awaitable[Response]]


def endpoint(house: House, show: Show, *, public: bool = False) -> Endpoint:
    """A route that shows a page from a thread, to whoever is logged in (`public`: to anybody)."""

    async def answer(request: Request) -> Response:
        body = await _body(request, house.desk.settings.idle_seconds)
        return await in_thread(house.desk, lambda: _shown(Call(house, request, body)))

    def _shown(call: Call) -> Response:
        try:
            if not public:
                call.admit()
            return show(call)
        except LoginNeededError:
            return call.to_login()
        except Exception as error:  # noqa: BLE001 - it becomes a page, or goes on to the door
            return call.fault(error)

    return answer


async def _body(request: Request, idle: float) -> bytes:
    if request.method != "POST":
        return b""
    body = bytearray()
    stream = request.stream().__aiter__()
    while len(body) <= LONGEST_FORM:
        try:
            body += await asyncio.wait_for(anext(stream), idle)
        except StopAsyncIteration:
            return bytes(body)
        except TimeoutError:
            raise Refusal("slow-request") from None
    raise Refusal("too-large")


def _asset(name: str) -> tuple[bytes, str]:
    """A file of ours, and a path that changes with it, so that browsers may keep it for ever."""
    content = (HERE / name).read_bytes()
    stem, _, ending = name.rpartition(".")
    return content, f"/assets/{stem}-{sha256(content).hexdigest()[:12]}.{ending}"


STYLE, STYLE_PATH = _asset("liuhen.css")
ICON, ICON_PATH = _asset("liuhen.svg")
