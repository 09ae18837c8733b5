"""The page of a person's devices: register, approve, revoke, one-time codes."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from starlette.responses import RedirectResponse, Response

from api.bodies import parse_json, read_as
from api.own_keys import fresh_challenge
from api.pages.calls import HEADERS, Call
from api.pages.signing import TOLD, check_form, form_token, script, scripted
from api.problems import Problem, problem_of
from api.signoff_keys import (
    APPROVAL,
    CREATION,
    POSSESSION,
    NewCode,
    NewPasskey,
    NewPersonalKey,
    add_code,
    add_passkey,
    add_personal,
    message,
    owner_of,
    revoke,
)


def show_devices(call: Call) -> Response:
    return _page(call)


def _owner(call: Call) -> str:
    return owner_of(call.visit, call.asked("owner") or None)


def _page(call: Call, problem: Problem | None = None, code: str = "") -> Response:
    call.visit.guest.check_right("write")
    owner, signoff = _owner(call), call.visit.desk.signoff
    devices = signoff.devices(owner)
    valid = [d for d in devices if d.revoked is None]
    challenge = fresh_challenge(call.visit)
    config = _config(call, owner, challenge)
    answer = call.page(
        "devices.html",
        problem.type.status if problem else 200,
        owner=owner,
        mine=owner == call.visit.guest.id,
        name=call.pen.name(owner),
        devices=devices[::-1],
        lost=bool(devices) and not valid,
        personal=[d for d in valid if d.use == "personal"],
        by_phrase=bool(valid) and not config["present"],
        challenge=challenge,
        creating=json.dumps(config),
        approving=json.dumps({**config, "what": "personal"}),
        coding=json.dumps({**config, "what": "code"}),
        token=form_token(call, "devices"),
        code=code,
        problem=problem,
        **script(),
    )
    return scripted(answer)


def _config(call: Call, owner: str, challenge: str) -> dict[str, Any]:
    """What the script needs; of another's devices nothing is asked."""
    visit = call.visit
    mine = owner == visit.guest.id
    present = [
        {"key": d.key, "id": base64.b64encode(d.credential).decode()}
        for d in visit.desk.signoff.devices(owner)
        if mine and d.revoked is None and d.credential
    ]

    def digest(begin: bytes) -> str:
        told = message(visit, begin, owner, challenge)
        return base64.b64encode(hashlib.sha256(told).digest()).decode()

    return {
        "rp": visit.desk.settings.rp,
        "name": call.pen.name(owner),
        "user": base64.b64encode(bytes.fromhex(owner)).decode(),
        "creation": digest(CREATION),
        "possession": digest(POSSESSION),
        "approval": message(visit, APPROVAL, owner, challenge).decode(),
        "present": present,
    }


def take_device(call: Call) -> Response:
    """One of the page's forms: passkey, personal, code or revoke."""
    call.visit.guest.check_right("write")
    check_form(call, "devices")
    deed = call.request.path_params["deed"]
    try:
        if deed == "code":
            return _page(call, code=add_code(call.visit, read_as(NewCode, _said(call))))
        _do(call, deed)
    except TOLD as error:
        return _page(call, problem_of(error))
    owner = call.asked("owner")
    return RedirectResponse(f"/devices?owner={owner}" if owner else "/devices", 303, HEADERS)


def _do(call: Call, deed: str) -> None:
    form = call.form()
    if deed == "passkey":
        said = {**_said(call), "label": form.get("label", "")[:100]}
        add_passkey(call.visit, read_as(NewPasskey, said))
    elif deed == "personal":
        said = {**_said(call), "label": form.get("label", "")[:100]}
        said["passphrase"] = form.get("passphrase", "")
        add_personal(call.visit, read_as(NewPersonalKey, said))
    elif deed == "revoke":
        revoke(call.visit, form.get("key", ""))


def _said(call: Call) -> dict[str, Any]:
    """What the script made, the challenge, and what else lets a key in."""
    form = call.form()
    said: dict[str, Any] = {"challenge": form.get("challenge", "")}
    if form.get("made"):
        said |= parse_json(form["made"].encode())
    if form.get("code"):
        said["code"] = form["code"].strip()
    if form.get("present_key") and form.get("present_phrase"):
        said["approval"] = {"key": form["present_key"], "passphrase": form["present_phrase"]}
    if call.asked("owner"):
        said["owner"] = call.asked("owner")
    return said
