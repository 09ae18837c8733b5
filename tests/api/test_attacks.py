"""What somebody with bad intent tries over HTTP, with a key or without, and what they get."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest

from archive.evidence.keys import SigningKey
from domain.kinds import current
from tests.api.conftest import COMPLAINT, Plant
from tests.api.test_admission import accesses
from tests.api.test_envelopes import prepared, registered, signed

JSON = {"Content-Type": "application/json"}


def complaint(plant: Plant, who: str = "cs", **more: Any) -> str:
    answer = plant.post(who, "/v1/complaint", {"answers": COMPLAINT, **more})
    assert answer.status_code == 201, answer.text
    plant.archive.views.catch_up()
    return str(answer.json()["record"])


def delegated(plant: Plant, **more: Any) -> dict[str, Any]:
    """cs lets cs2 act for them, for an hour."""
    now = plant.clock()
    return {
        "principal": plant.people["cs"],
        "delegate": plant.people["cs2"],
        "since": now.isoformat(),
        "until": (now + timedelta(hours=1)).isoformat(),
        "reason": "出差",
        **more,
    }


# ---------------------------------------------------------------- as somebody else


def test_a_correction_of_ones_own_is_not_on_behalf_of_others(plant: Plant) -> None:
    """Without a delegation nobody's name is put to a correction, even to that of an own step."""
    record = complaint(plant)
    body = {"target": 1, "answers": {"demand": "赔偿"}, "reason": "客户来电"}
    path = f"/v1/records/{record}/corrections"
    forged = plant.post("cs", path, {**body, "behalf": plant.people["boss"]})
    assert (forged.status_code, forged.json()["type"]) == (403, "/problems/not-entitled")
    assert plant.post("cs", path, body).status_code == 201


def test_who_was_an_administrator_corrects_no_roles(plant: Plant) -> None:
    """Having registered somebody once gives no right to make them an administrator later."""
    plant.hire("former", "adm", "administrator")
    answers = {"name": "甲", "department": plant.departments["adm"]}
    made = plant.post("former", "/v1/person/steps/register", {"answers": answers}).json()["record"]
    change = {"answers": {"name": "former", "department": plant.departments["adm"]}}
    done = plant.post("admin", f"/v1/person/{plant.people['former']}/steps/change", change)
    assert done.status_code == 201, done.text
    escalation = {"target": 1, "answers": {"roles": ["administrator"]}, "reason": "笔误"}
    answer = plant.post("former", f"/v1/records/{made}/corrections", escalation)
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/not-entitled")


def test_a_delegate_cannot_extend_or_pass_on_the_delegation(plant: Plant) -> None:
    """What was lent for an hour is not made to last for ever, for oneself or for a friend."""
    granted = plant.post("cs", "/v1/delegation", {"answers": delegated(plant)})
    assert granted.status_code == 201, granted.text
    for delegate in ("cs2", "worker"):
        longer = delegated(plant, until="2900-01-01T00:00:00Z", delegate=plant.people[delegate])
        body = {"behalf": plant.people["cs"], "answers": longer}
        answer = plant.post("cs2", "/v1/delegation", body)
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/not-entitled")


def test_an_administrator_does_not_make_themselves_a_delegate(plant: Plant) -> None:
    """They register delegations for others; one to themselves takes the principal."""
    mine = {"principal": plant.people["boss"], "delegate": plant.people["admin"]}
    answer = plant.post("admin", "/v1/delegation", {"answers": delegated(plant, **mine)})
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/separation")
    assert plant.post("admin", "/v1/delegation", {"answers": delegated(plant)}).status_code == 201


def test_nobody_acts_for_somebody_who_has_left(plant: Plant) -> None:
    """A delegation ends when its principal leaves, whatever its own end says."""
    granted = plant.post("cs", "/v1/delegation", {"answers": delegated(plant)})
    assert granted.status_code == 201, granted.text
    body = {"answers": COMPLAINT, "behalf": plant.people["cs"]}
    assert plant.post("cs2", "/v1/complaint", body).status_code == 201
    left = plant.post("admin", f"/v1/person/{plant.people['cs']}/steps/leave", {})
    assert left.status_code == 201, left.text
    assert plant.post("cs2", "/v1/complaint", body).status_code == 403


@pytest.mark.parametrize("who", ["erp", "cs"])
def test_nobody_speaks_for_a_registered_system(plant: Plant, who: str) -> None:
    """A source that has a key of its own is named by that key only."""
    plant.register_caller("erp", system="ERP", rights=["read", "write"])
    body = {"answers": COMPLAINT, "source": "MES", "source_id": "1"}
    answer = plant.post(who, "/v1/complaint", body)
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/not-entitled")
    batch = {"items": [{"kind": "complaint", "step": "receive", **body}]}
    assert plant.post(who, "/v1/batch", batch).json()["results"][0]["status"] == 403
    assert plant.post("mes", "/v1/complaint", body).status_code == 201


# ---------------------------------------------------------------- what is not for them


def test_a_system_reads_confidential_records_of_named_kinds_only(plant: Plant) -> None:
    """The right alone opens nothing: no kind entitles a system, its own record must name it."""
    record = complaint(plant)
    rights = ["read", "confidential"]
    plant.register_caller("broad", system="ERP", rights=rights)
    plant.register_caller("named", system="BI", rights=rights, kinds=[{"kind": "complaint"}])
    statuses = [plant.get(k, f"/v1/records/{record}").status_code for k in ("broad", "named")]
    assert statuses == [404, 200]


def test_days_of_a_source_are_not_for_everybody(plant: Plant) -> None:
    """They list events of all departments: for the system, the top and the administrator."""
    body = {"answers": COMPLAINT, "source_id": "1"}
    assert plant.post("mes", "/v1/complaint", body).status_code == 201
    plant.archive.views.catch_up()
    path = f"/v1/sources/MES/days/{plant.clock().date().isoformat()}"
    seen = {who: plant.get(who, path).status_code for who in ("mes", "boss", "admin", "other")}
    assert seen == {"mes": 200, "boss": 200, "admin": 200, "other": 404}
    assert plant.post("other", path, {"items": []}).status_code == 404


def test_numbers_of_a_narrow_key_are_those_of_its_kinds(plant: Plant) -> None:
    """How many complaints there are is not told to a key for minutes."""
    complaint(plant)
    plant.register_caller("narrow", person=plant.people["boss"], kinds=[{"kind": "minutes"}])
    assert "KS" in {s["prefix"] for s in plant.get("boss", "/v1/numbers").json()["series"]}
    assert plant.get("narrow", "/v1/numbers").json()["series"] == []


def test_a_hidden_number_is_no_more_than_an_unknown_one(plant: Plant) -> None:
    """Reading, linking and withdrawing a link tell hidden and absent records apart by nothing."""
    record = complaint(plant)
    hidden = plant.get("cs", f"/v1/records/{record}").json()["number"]
    opened = complaint(plant, "other")
    for verb, more in (("links", {}), ("links/withdrawals", {"reason": "x"})):
        told = []
        for number in (hidden, "KS-2026-09999"):
            body = {"rel": "see-also", "record": number, **more}
            answer = plant.post("other", f"/v1/records/{opened}/{verb}", body)
            told.append((answer.status_code, {**answer.json(), "request_id": ""}))
        assert told[0] == told[1]
    answers = [plant.get("other", f"/v1/records/{n}") for n in (hidden, "KS-2026-09999")]
    assert answers[0].status_code == 404
    assert len({json.dumps({**a.json(), "request_id": ""}) for a in answers}) == 1


def test_a_bundle_holds_no_trace_of_linked_records_that_are_hidden(plant: Plant) -> None:
    """Not even proofs of them: a proof would tell that there is such a record, and its steps."""
    record = complaint(plant)
    opened = complaint(plant, "worker")
    linked = plant.post(
        "boss", f"/v1/records/{opened}/links", {"rel": "see-also", "record": record}
    )
    assert linked.status_code == 201, linked.text
    bundle = plant.get("worker", f"/v1/records/{opened}/export?linked=true")
    assert bundle.status_code == 200
    with ZipFile(BytesIO(bundle.content)) as files:
        inside = b"".join(files.read(name) for name in files.namelist())
    first = plant.get("cs", f"/v1/records/{record}/events/1").json()
    assert opened.encode() in inside
    assert first["event"].encode() not in inside
    assert base64.b64encode(first["leaf"].encode()) not in inside


# ---------------------------------------------------------------- what must not break


MADE_UP = {
    "long": "/v1/complaint/" + "a" * 3000 + "/steps/analyse",
    "control characters": "/v1/complaint/%00%0A%1B[31m/steps/analyse",
    "no UTF-8": "/v1/complaint/%ff%fe/steps/analyse",
}


@pytest.mark.parametrize("name", MADE_UP)
def test_no_address_that_a_stranger_makes_up_stops_the_access_log(plant: Plant, name: str) -> None:
    """What is refused after it is noted all the same, and exports still go out."""
    plant.client.post(MADE_UP[name], json={})
    plant.get("other", f"/v1/records/{complaint(plant)}")
    noted = accesses(plant)
    assert [(a["what"], a.get("who")) for a in noted] == [
        ("refused", None),
        ("refused", plant.people["other"]),
    ]


def test_strangers_do_not_fill_the_log(plant: Plant) -> None:
    """After a hundred refusals within the hour strangers are counted, not listed."""
    log = plant.client.app.state.desk.accesses  # type: ignore[attr-defined]
    for _ in range(130):
        plant.client.get("/v1/me")
    plant.clock.turn(hours=2)
    plant.client.get("/v1/me")
    log.flush()
    plant.archive.views.catch_up()
    routes = [a["route"] for a in accesses(plant)]
    assert len(routes) == 102
    assert routes[100:] == ["+30", "GET /v1/me"]


JUNK: tuple[Any, ...] = (5, "abc", [1], ["a"], {"a": 1}, True, [[]], [None], 1.5, [{"x": [5]}])


@pytest.mark.parametrize("kind", [k.id for k in current().values()])
def test_answers_of_any_type_are_refused_with_a_reason(plant: Plant, kind: str) -> None:
    """Whatever stands where rows, files or records should is no inner error."""
    for step in current()[kind].steps:
        path = f"/v1/{kind}/steps/{step.id}" if step.opens else None
        for field in step.form.fields if path else ():
            for junk in JUNK:
                rows = ([{row.id: junk for row in field.rows}],) if field.rows else ()
                for value in (junk, *rows):
                    answer = plant.post("admin", path or "", {"answers": {field.id: value}})
                    assert answer.status_code in (201, 403, 422), (step.id, field.id, value)


DEEP = '{"a":' * 300 + "1" + "}" * 300
UNSOUND = {"an integer beyond 2^53": "9" * 40, "a number too large": "1e400", "too deep": DEEP}


@pytest.mark.parametrize("name", UNSOUND)
@pytest.mark.parametrize("whole", [False, True])
def test_a_number_or_depth_that_readers_differ_on_is_refused_at_once(
    plant: Plant, name: str, *, whole: bool
) -> None:
    """422 before anything is written, for one step, a batch and a preparation alike."""
    size = plant.archive.store.head().size
    good = json.dumps({"kind": "complaint", "step": "receive", "answers": COMPLAINT})
    bad = '{"kind":"complaint","step":"receive","answers":{"customer":' + UNSOUND[name] + "}}"
    bodies = {
        "/v1/complaint": '{"answers":{"customer":' + UNSOUND[name] + "}}",
        "/v1/batch": f'{{"all_or_nothing":{json.dumps(whole)},"items":[{good},{bad}]}}',
        "/v1/envelopes/preparation": bad,
    }
    for path, body in bodies.items():
        answer = plant.ask("cs", "POST", path, content=body.encode(), headers=JSON)
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/broken-body")
    assert plant.archive.store.head().size == size


@pytest.mark.parametrize(
    "moment",
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0001-01-02T00:00:00Z", 0, -1e9],
)
def test_a_time_that_no_calendar_holds_is_refused(plant: Plant, moment: Any) -> None:
    """In a body, a header and a query: 422, and nothing of it is kept."""
    body = {"answers": COMPLAINT, "occurred_at": moment}
    assert plant.post("cs", "/v1/complaint", body).status_code == 422
    item = {"kind": "complaint", "step": "receive", **body}
    assert plant.post("cs", "/v1/batch", {"items": [item]}).json()["results"][0]["status"] == 422
    headers = {"X-Sent-At": str(moment)}
    said = plant.post("cs", "/v1/complaint", {"answers": COMPLAINT}, headers=headers)
    assert said.status_code == 422
    record = complaint(plant)
    if not isinstance(moment, str):
        return  # in a query there is only text
    for path in (
        f"/v1/records/{record}?as_known_at=",
        f"/v1/records/{record}?as_things_stood=",
        "/v1/records?opened_from=",
        "/v1/records?overdue=true&as_known_at=",
        "/v1/worklist?overdue=true&as_known_at=",
    ):
        told = moment.replace("+", "%2B")
        assert plant.get("cs", path + told).status_code == 422, path


@pytest.mark.parametrize("path", ["/events?after=", "/events/", "?version="])
def test_a_version_beyond_all_records_is_not_there(plant: Plant, path: str) -> None:
    """A number that no database holds is refused like one that is merely too large."""
    record = complaint(plant)
    answer = plant.get("cs", f"/v1/records/{record}{path}{10**30}")
    assert answer.status_code in (404, 422)


def test_a_leaf_that_does_not_exist_is_not_waited_for(plant: Plant) -> None:
    """Requests for the future hold no thread: each has its answer at once."""
    answer = plant.get("cs", f"/v1/records?after_leaf={10**30}")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/view-not-ready")
    assert plant.get("cs", f"/v1/records?after_leaf={10**9}").status_code == 503


def test_ten_thousand_made_up_files_hold_nobody_up(plant: Plant) -> None:
    """More files than an event may name are refused before any is looked for."""
    many = [f"{n:032x}" for n in range(20_000)]
    answers = {"reason": "customer-unreachable", "note": "x", "attachments": many[:101]}
    record = complaint(plant)
    assert plant.post("cs", f"/v1/records/{record}/pauses", answers).status_code == 422
    with_files = [
        (kind.id, step.id, field.id)
        for kind in current().values()
        for step in kind.steps
        for field in step.form.fields
        if step.opens and field.type == "attachments"
    ]
    assert with_files
    for kind, step, field in with_files:
        answer = plant.post("cs", f"/v1/{kind}/steps/{step}", {"answers": {field: many}})
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-request")


def test_a_header_that_comes_twice_is_refused(plant: Plant) -> None:
    """A proxy that looks at one of two keys, and we at the other: neither is taken."""
    keys = [("Authorization", f"Bearer {plant.keys[who]}") for who in ("worker", "boss")]
    answer = plant.client.get("/v1/me", headers=keys)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-request")
    twice = [keys[1], ("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    size = plant.archive.store.head().size
    body = {"answers": COMPLAINT}
    assert plant.client.post("/v1/complaint", json=body, headers=twice).status_code == 422
    assert plant.archive.store.head().size == size
    assert plant.client.get("/v1/me", headers=keys[:1]).status_code == 200


@pytest.mark.parametrize("path", ["/v1/complaint", "/v1/attachments"])
def test_a_length_that_is_none_is_too_large(plant: Plant, path: str) -> None:
    """Five thousand digits are no inner error."""
    headers = {**JSON, "Content-Length": "9" * 5000}
    answer = plant.ask("cs", "POST", path, content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too-large")


def test_whoever_hands_out_keys_is_noted_before_they_are_used(plant: Plant) -> None:
    """An administrator who lends themselves another's key, and takes it back, stays visible."""
    path = f"/v1/callers/{plant.callers['boss']}/keys"
    issued = plant.post("admin", path).json()
    plant.keys["stolen"] = issued["key"]
    assert plant.get("stolen", "/v1/me").json()["person"] == plant.people["boss"]
    assert plant.ask("admin", "DELETE", f"{path}/{issued['key_id']}").status_code == 204
    noted = [(a["what"], a.get("who"), a.get("record")) for a in accesses(plant)]
    admin, boss = plant.people["admin"], plant.callers["boss"]
    assert noted == [("issued", admin, boss), ("revoked", admin, boss)]


def test_a_key_for_some_steps_hands_out_no_keys(plant: Plant) -> None:
    """An administrator's key that was narrowed stays narrow."""
    plant.register_caller("narrow", person=plant.people["admin"], steps=[{"step": "register"}])
    answer = plant.post("narrow", f"/v1/callers/{plant.callers['boss']}/keys")
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/not-entitled")


# ---------------------------------------------------------------- in envelopes of one's own

ODD: tuple[dict[str, Any], ...] = (
    {"source": 5},
    {"source": "x" * 201},
    {"source": ["MES"]},
    {"source_id": {"a": []}},
    {"source_id": "x" * 201},
    {"values": None},
    {"values": [5]},
    {"values": "x"},
)


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_what_was_signed_is_held_to_the_bounds_of_a_body(plant: Plant, odd: dict[str, Any]) -> None:
    """A signature makes nothing well-formed: 422, and the log does not grow."""
    key = SigningKey.generate()
    assert registered(plant, "mes", key).status_code == 201
    asked = prepared(plant)
    size = plant.archive.store.head().size
    said = {**json.loads(asked["content"]), **odd}
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    answer = plant.post("mes", "/v1/envelopes", signed(asked, key, text=text))
    assert answer.status_code == 422, answer.text
    assert plant.archive.store.head().size == size


def test_an_envelope_speaks_for_no_other_system(plant: Plant) -> None:
    """The name of another registered system is refused although it was signed."""
    plant.register_caller("erp", system="ERP", rights=["read", "write"])
    key = SigningKey.generate()
    assert registered(plant, "erp", key).status_code == 201
    asked = prepared(plant, "erp")
    said = {**json.loads(asked["content"]), "source": "MES"}
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    answer = plant.post("erp", "/v1/envelopes", signed(asked, key, text=text))
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/not-entitled")
    honest = plant.post("erp", "/v1/envelopes", signed(asked, key))
    assert honest.status_code == 201, honest.text


@pytest.mark.parametrize(
    "lie", [{"media_type": "text/html\r\nX-Evil: 1"}, {"size": 10**6}, {"name": "../../x"}], ids=str
)
def test_a_signer_does_not_rename_an_uploaded_file(plant: Plant, lie: dict[str, Any]) -> None:
    """Name, type and size are those of the upload: no header or path of the signer's making."""
    key = SigningKey.generate()
    assert registered(plant, "mes", key).status_code == 201
    uploaded = plant.ask("mes", "POST", "/v1/attachments", content=b"abc").json()
    answers = {**COMPLAINT, "evidence": [uploaded["id"]]}
    asked = prepared(plant, answers=answers)
    said = json.loads(asked["content"])
    said["attachments"][0].update(lie)
    for content, status in ((said, 422), (json.loads(asked["content"]), 201)):
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        body = signed(asked, key, text=text, files=asked["attachments"])
        assert plant.post("mes", "/v1/envelopes", body).status_code == status


def test_an_answer_names_no_record_that_is_hidden(plant: Plant) -> None:
    """A step that names another record takes a hidden one for one that does not exist."""
    department = plant.departments["cs"]
    due = {"name": "海报", "due": "2026-04-01", "department": department}
    draft = {
        "project": "季度新品推广", "goal": "上市", "content": "海报", "departments": [department],
        "starts_on": "2026-03-05", "period_days": 30, "milestones": [due], "result": "海报",
        "responsible": plant.people["boss"],
    }  # fmt: skip
    request = plant.open("collaboration-request", "draft", draft)
    scope = [{"kind": "collaboration-request"}]
    plant.register_caller("narrow", person=plant.people["boss"], kinds=scope)
    path = f"/v1/collaboration-request/{request}/steps/kick-off"
    told = []
    for named in (complaint(plant), "0" * 32):
        answer = plant.post("narrow", path, {"answers": {"minutes": named}})
        told.append((answer.status_code, {**answer.json(), "request_id": ""}))
    assert told[0] == told[1]
    assert told[0][1]["errors"][0]["field"] == "answers.minutes"


def test_a_caller_has_so_many_keys_and_a_reading_one_revokes_none(plant: Plant) -> None:
    """The twenty-first key is refused until another is revoked, which takes the right to write."""
    made = [registered(plant, "mes", SigningKey.generate()) for _ in range(21)]
    assert [answer.status_code for answer in made] == [201] * 20 + [422]
    path = f"/v1/keys/{made[0].json()['key']}"
    scope = {"person": plant.people["admin"], "rights": ["read"]}
    plant.register_caller("reading", **scope)
    assert plant.ask("reading", "DELETE", path).status_code == 403
    assert plant.ask("mes", "DELETE", path).status_code == 204
    assert registered(plant, "mes", SigningKey.generate()).status_code == 201
