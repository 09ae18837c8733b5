"""The page on which a person signs: the exact statement, printed name, time and meaning."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from starlette.responses import RedirectResponse, Response

from api.bodies import parse_json, read_as
from api.pages.calls import HEADERS, HERE, Call
from api.pages.login import from_here
from api.problems import Problem, Refusal, problem_of
from api.signoffs import (
    Ready,
    Signoff,
    SignoffPreparation,
    act_named,
    make_ready,
    prepared_json,
    sign,
)
from archive.evidence.errors import EvidenceError
from archive.store import StoreError
from domain.describe import subject
from domain.errors import DomainError

SCRIPT = (HERE / "signing.js").read_bytes()
SCRIPT_PATH = f"/assets/signing-{sha256(SCRIPT).hexdigest()[:12]}.js"
INTEGRITY = "sha256-" + base64.b64encode(sha256(SCRIPT).digest()).decode()
POLICY = HEADERS["Content-Security-Policy"] + f"; script-src '{INTEGRITY}'"
TOLD = (Refusal, DomainError, StoreError, EvidenceError)


def show_sign(call: Call) -> Response:
    """What `?deed=signatures&slot=...` asks to sign, or a step that needs no answers."""
    call.visit.guest.check_right("write")
    return sign_page(call, _asked(call, {}))


def _asked(call: Call, form: Mapping[str, str]) -> SignoffPreparation:
    name = call.request.path_params["record"]
    if "said" in form:
        said = {**parse_json(form["said"].encode()), "record": name}
        return read_as(SignoffPreparation, said)
    record = call.visit.record(name)
    slot, step = call.asked("slot"), call.asked("step")
    if step:
        return SignoffPreparation(record=name, step=step, key=call.asked("key") or None)
    said = {"slot": slot, "edition": record.edition}
    deed, reason = "signatures", form.get("reason", "").strip()
    if reason:
        deed, said = "refusals", {**said, "reason": reason}
    return SignoffPreparation(record=name, deed=deed, said=said, key=call.asked("key") or None)


def sign_page(call: Call, asked: SignoffPreparation, problem: Problem | None = None) -> Response:
    """The page that shows what is signed; also where another page's form turns out to be one."""
    visit, guest = call.visit, call.visit.guest
    mine = visit.desk.signoff.valid(guest.id) if guest.person else {}
    record = visit.record(asked.record)
    act_named(record, asked.deed, asked.step)
    ready = make_ready(visit, asked) if mine else None
    told = prepared_json(visit, ready) if ready else None
    devices = [d for d in visit.desk.signoff.devices(guest.id) if d.revoked is None]
    answer = call.page(
        "sign.html",
        problem.type.status if problem else 200,
        record=record,
        subject=subject(record, call.pen.language, call.pen.directory),
        asked=asked.model_dump_json(exclude={"record"}, exclude_none=True),
        refusal=asked.deed == "refusals",
        told=told,
        title=_title(call, ready),
        config=json.dumps({"rp": told["rp"], "id": told["credential"]}) if told else "{}",
        devices=devices,
        token=form_token(call, "sign"),
        problem=problem,
        **script(),
    )
    return scripted(answer)


def _title(call: Call, ready: Ready | None) -> str:
    """What the slot or the step is called."""
    if ready is None:
        return ""
    kind, name = ready.record.kind, ready.event.step or ""
    slot = next((s for s in kind.slots if s.id == getattr(ready.event, "slot", None)), None)
    found = slot or kind.step(name)
    return call.pen.title(found.title) if found else name


def take_sign(call: Call) -> Response:
    """A reason to refuse brings the page for that; a signed form is taken, or shown again."""
    call.visit.guest.check_right("write")
    form = call.form()
    check_form(call, "sign")
    if "statement" not in form:
        return sign_page(call, _asked(call, form))
    try:
        outcome, _ = sign(call.visit, read_as(Signoff, _signed(form)))
    except TOLD as error:
        return sign_page(call, _asked(call, form), problem_of(error))
    placed = outcome.committed
    place = f"/records/{placed.record_id}#e{placed.version}"
    return RedirectResponse(place, 303, HEADERS)


def _signed(form: Mapping[str, str]) -> dict[str, Any]:
    part = {"n": 0, "key": form.get("content_key", ""), "plaintext": form.get("content", "")}
    said: dict[str, Any] = {"statement": form["statement"], "part": part}
    if form.get("made"):
        said["assertion"] = parse_json(form["made"].encode())
    if form.get("passphrase"):
        said["passphrase"] = form["passphrase"]
    return said


# ---------------------------------------------------------------- pages with our script


def script() -> dict[str, str]:
    return {"script": SCRIPT_PATH, "integrity": INTEGRITY}


def scripted(response: Response) -> Response:
    """Only our one script runs, in exactly these bytes."""
    response.headers["Content-Security-Policy"] = POLICY
    return response


def form_token(call: Call, purpose: str) -> str:
    return call.house.sessions.form_token(purpose, call.session.id if call.session else "")


def check_form(call: Call, purpose: str) -> None:
    """A form of another page or another person is refused."""
    session = call.session.id if call.session else ""
    fits = call.house.sessions.form_fits(call.form().get("token", ""), purpose, session)
    if not (fits and from_here(call)):
        raise Refusal("not-entitled")
