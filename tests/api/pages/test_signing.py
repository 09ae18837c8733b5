"""The pages for signing and for devices, as a form sends them; the script has its browser test."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64decode
from html import unescape
from typing import Any

from api.pages.signing import INTEGRITY, POLICY, SCRIPT_PATH
from tests.api.conftest import Plant
from tests.api.keeping import Keeping
from tests.api.pages.conftest import Reader, reader
from tests.api.pages.test_retention import ready, send
from tests.api.test_signoffs import PHRASE, Registration, device, registered, to_sign
from tests.vectors.authenticator import wire

HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


def form_of(text: str, action: str) -> dict[str, str]:
    """The hidden fields of the first form that goes there."""
    form = text[text.index(f'action="{action}') :]
    found = HIDDEN.findall(form[: form.index("</form>")])
    return {name: unescape(value) for name, value in found}


def signed(someone: Reader, text: str, record: str, **more: str) -> Any:
    path = f"/records/{record}/sign"
    return someone.client.post(path + "?slot=heads", data={**form_of(text, path), **more})


def test_the_script_is_ours_and_no_other_runs(plant: Plant) -> None:
    """The policy names the hash of the file that is served."""
    registered(plant, "cs")
    page = reader(plant, "cs").get("/devices")
    assert page.headers["content-security-policy"] == POLICY
    assert f'src="{SCRIPT_PATH}" integrity="{INTEGRITY}"' in page.text
    served = plant.client.get(SCRIPT_PATH)
    assert b64decode(INTEGRITY.removeprefix("sha256-")) == hashlib.sha256(served.content).digest()
    assert (
        "script-src" not in reader(plant, "cs").get("/records").headers["content-security-policy"]
    )


def test_what_the_page_shows_is_what_is_signed(plant: Plant) -> None:
    """Printed name, time, meaning; a form changed on its way is refused, and shown again."""
    phone = registered(plant, "cs")
    record, someone = to_sign(plant), reader(plant, "cs")
    text = someone.text(f"/records/{record}/sign", params={"slot": "heads"})
    form = form_of(text, f"/records/{record}/sign")
    digest = hashlib.sha256(form["statement"].encode()).digest()
    assert digest.hex() in text
    made = json.dumps(wire(phone.assertion(digest)))
    spoiled = form["statement"].replace('"confirms"', '"approves"')
    answer = signed(someone, text, record, made=made, statement=spoiled)
    assert (answer.status_code, 'role="alert"' in answer.text) == (422, True)
    stranger = json.dumps(wire(device("stranger").assertion(digest)))
    assert signed(someone, text, record, made=stranger).status_code == 422
    foreign = signed(someone, text, record, made=made, token="0" * 64)
    assert foreign.status_code == 403
    answer = signed(someone, text, record, made=made)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/records/{record}#e3")


def test_a_refusal_is_signed_too(plant: Plant) -> None:
    """With its reason, by the same key."""
    Registration(plant, "cs").personal()
    record, someone = to_sign(plant), reader(plant, "cs")
    path = f"/records/{record}/sign?slot=heads"
    token = form_of(someone.text(path), f"/records/{record}/sign")["token"]
    page = someone.client.post(path, data={"token": token, "reason": "决议有误"})
    assert "您已拒绝签字" in page.text
    answer = signed(someone, page.text, record, passphrase=PHRASE)
    assert answer.status_code == 303, answer.text
    assert plant.get("cs", f"/v1/records/{record}").json()["state"]["id"] == "returned"


def test_who_has_no_key_is_led_to_the_devices(plant: Plant) -> None:
    """And nothing is prepared."""
    page = reader(plant, "cs").words(f"/records/{to_sign(plant)}/sign", params={"slot": "heads"})
    assert "您还没有签署密钥" in page


def test_a_device_is_revoked_by_its_button(plant: Plant) -> None:
    """It stays in the list, as revoked."""
    phone = registered(plant, "cs")
    someone = reader(plant, "cs")
    form = form_of(someone.text("/devices"), "/devices/revoke")
    assert form["key"] == phone.key_id
    assert someone.client.post("/devices/revoke", data={**form, "token": "x"}).status_code == 403
    assert someone.client.post("/devices/revoke", data=form).status_code == 303
    assert "已吊销" in someone.words("/devices")


def test_an_approval_of_a_disposal_is_signed_with_the_approvers_own_key(both: Plant) -> None:
    """The form of the disposal leads to the page for signing; so its answers are what is signed."""
    keeping = Keeping(both)
    disposal, _ = ready(keeping)
    assert Registration(both, "officer").personal().status_code == 201
    someone = reader(both, "officer")
    path = f"/retention/disposals/{disposal['id']}"
    today = both.clock().astimezone(both.archive.options.zone).date().isoformat()
    said = {"list_hash": disposal["list_hash"], "today": today, "key": both.keys["officer"]}
    page = send(someone, path, "/approve", said)
    assert disposal["list_hash"] in unescape(page.text)
    answer = signed(someone, page.text, disposal["id"], passphrase=PHRASE)
    assert answer.status_code == 303, answer.text
    record = both.archive.ledger.get(disposal["id"])
    assert record.state == "approved-once"
    last = both.archive.ledger.history(disposal["id"])[-1].event
    assert (last.assurance, last.actor) == ("personal-key", both.people["officer"])
