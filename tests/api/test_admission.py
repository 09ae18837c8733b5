"""Who is let in, who sees what, and what is noted of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from archive.callers import CallerRefusedError
from tests.api.conftest import COMPLAINT, Plant


def of_production(plant: Plant) -> str:
    """A complaint opened in customer service and handed to production."""
    record = str(plant.post("cs", "/v1/complaint", {"answers": COMPLAINT}).json()["record"])
    plant.step("cs", record, "transfer", {"department": plant.departments["prod"]})
    plant.archive.views.catch_up()
    return record


def accesses(plant: Plant) -> list[dict[str, Any]]:
    """What the access log has noted, read by the administrator as anybody else would."""
    plant.client.app.state.desk.accesses.flush()  # type: ignore[attr-defined]
    plant.archive.views.catch_up()
    logs = plant.get("admin", "/v1/access-log").json()["records"]
    noted = []
    for line in logs:
        for entry in plant.get("admin", f"/v1/records/{line['record_id']}").json()["entries"]:
            noted += entry["answers"].get("accesses", [])
    return noted


@pytest.mark.parametrize(
    ("who", "status"), [("boss", 200), ("cs", 200), ("worker", 200), ("other", 404), ("mes", 404)]
)
def test_each_sees_its_department_and_the_top_sees_all(both: Plant, who: str, status: int) -> None:
    """What one may not see does not exist: the record, its lists, its search, its worklist."""
    record = of_production(both)
    assert both.get(who, f"/v1/records/{record}").status_code == status
    seen = status == 200
    ids = {line["record_id"] for line in both.get(who, "/v1/records").json()["records"]}
    found = {hit["record_id"] for hit in both.get(who, "/v1/search?q=设备").json()["hits"]}
    due = {t["record_id"] for t in both.get(who, "/v1/worklist").json()["tasks"]}
    assert (record in ids, record in found, record in due) == (seen, seen, seen)


def test_what_is_hidden_is_answered_like_what_is_not_there(plant: Plant) -> None:
    """Reads and appends of a hidden record differ in nothing from those of a random id."""
    record = of_production(plant)
    for path in ("", "/timeline", "/events", "/events/1", "/events/1/proof", "/events/1/receipt"):
        hidden = plant.get("other", f"/v1/records/{record}{path}")
        absent = plant.get("other", f"/v1/records/{'0' * 32}{path}")
        assert hidden.status_code == absent.status_code == 404
        assert {**hidden.json(), "request_id": ""} == {**absent.json(), "request_id": ""}
    hidden = plant.step("other", record, "analyse", {})
    assert hidden.status_code == 404


def test_a_refused_access_is_noted(plant: Plant) -> None:
    """Who asked, for which record, and when; of strangers only that there was one."""
    record = of_production(plant)
    plant.get("other", f"/v1/records/{record}")
    plant.client.get("/v1/records", headers={"Authorization": "Bearer lh_no"})
    noted = accesses(plant)
    assert [(a["what"], a.get("who"), a.get("record")) for a in noted] == [
        ("refused", plant.people["other"], record),
        ("refused", None, None),
    ]


def test_confidential_records_are_for_the_entitled_and_reads_are_noted(plant: Plant) -> None:
    """The access log is confidential: an executive is refused, an auditor's read leaves a trace."""
    plant.get("other", f"/v1/records/{of_production(plant)}")
    accesses(plant)
    (line,) = plant.get("auditor", "/v1/access-log").json()["records"]
    path = f"/v1/records/{line['record_id']}"
    assert plant.get("boss", path).status_code == 404
    assert plant.get("auditor", path).status_code == 200
    noted = [(a["what"], a["who"]) for a in accesses(plant) if a.get("record") == line["record_id"]]
    assert ("refused", plant.people["boss"]) in noted
    assert ("read", plant.people["auditor"]) in noted


def test_a_key_without_the_right_reads_nothing_confidential(plant: Plant) -> None:
    """The person may, this key of theirs may not."""
    plant.get("other", f"/v1/records/{of_production(plant)}")
    accesses(plant)
    plant.register_caller("plain", person=plant.people["auditor"], rights=["read"])
    assert plant.get("plain", "/v1/access-log").json()["records"] == []
    (line,) = plant.get("auditor", "/v1/access-log").json()["records"]
    assert plant.get("plain", f"/v1/records/{line['record_id']}").status_code == 404


SCOPES: dict[str, dict[str, Any]] = {
    "read only": {"rights": ["read"]},
    "another kind": {"kinds": [{"kind": "minutes"}]},
    "another step": {"steps": [{"step": "transfer"}]},
}


@pytest.mark.parametrize("name", SCOPES)
def test_a_key_reaches_no_further_than_its_scope(plant: Plant, name: str) -> None:
    """403, and the log does not grow."""
    plant.register_caller("narrow", system="ERP", **SCOPES[name])
    size = plant.archive.store.head().size
    answer = plant.post("narrow", "/v1/complaint", {"answers": COMPLAINT})
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/not-entitled")
    assert plant.archive.store.head().size == size


def test_a_key_bound_to_a_department_stays_there(plant: Plant) -> None:
    """It sees and opens nothing elsewhere, although its person could."""
    record = of_production(plant)
    plant.register_caller(
        "bound", person=plant.people["boss"], departments=[plant.departments["qc"]]
    )
    assert plant.get("bound", f"/v1/records/{record}").status_code == 404
    assert plant.get("bound", "/v1/records").json()["records"] == []
    assert plant.post("bound", "/v1/complaint", {"answers": COMPLAINT}).status_code == 403


def test_a_person_may_do_only_what_the_kind_lets_them(plant: Plant) -> None:
    """A worker who sees the record cannot change its priority: 403 by the rules."""
    record = of_production(plant)
    answers = {"priority": "normal", "reason": "不急"}
    answer = plant.step("worker", record, "prioritise", answers)
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/not-entitled")


def test_keys_are_issued_by_the_administrator_and_shown_once(plant: Plant) -> None:
    """A new key works, is listed without its secret, and is refused once it is revoked."""
    path = f"/v1/callers/{plant.callers['mes']}/keys"
    assert plant.post("cs", path).status_code == 403
    issued = plant.post("admin", path)
    assert issued.status_code == 201
    plant.keys["second"] = issued.json()["key"]
    assert plant.get("second", "/v1/me").json()["system"] == "MES"
    listed = plant.get("admin", path)
    assert {k["key_id"] for k in listed.json()["keys"]} >= {issued.json()["key_id"]}
    assert plant.keys["second"].split("_", 2)[2] not in listed.text
    revoked = plant.ask("admin", "DELETE", f"{path}/{issued.json()['key_id']}")
    assert revoked.status_code == 204
    assert plant.get("second", "/v1/me").status_code == 401
    assert plant.get("mes", "/v1/me").status_code == 200


def test_a_rotated_key_is_good_for_its_grace(plant: Plant) -> None:
    """The old key ends when the grace is over, the new one does not."""
    path = f"/v1/callers/{plant.callers['mes']}/keys"
    plant.keys["new"] = plant.post("admin", path, {"grace_hours": 2}).json()["key"]
    plant.clock.turn(hours=1)
    assert [plant.get(k, "/v1/me").status_code for k in ("mes", "new")] == [200, 200]
    plant.clock.turn(hours=2)
    assert [plant.get(k, "/v1/me").status_code for k in ("mes", "new")] == [401, 200]


def test_a_caller_expires_and_is_revoked_by_its_record(plant: Plant) -> None:
    """An expired caller, a revoked one and one whose person has left are strangers."""
    soon = (plant.clock() + timedelta(hours=1)).isoformat()
    plant.register_caller("brief", system="ERP", expires_at=soon)
    assert plant.get("brief", "/v1/me").status_code == 200
    plant.clock.turn(hours=2)
    assert plant.get("brief", "/v1/me").status_code == 401
    record = plant.callers["mes"]
    revoked = plant.post("admin", f"/v1/caller/{record}/steps/revoke", {"answers": {}})
    assert revoked.status_code == 201, revoked.text
    assert plant.get("mes", "/v1/me").status_code == 401
    left = plant.post("admin", f"/v1/person/{plant.people['worker']}/steps/leave", {})
    assert left.status_code == 201, left.text
    assert plant.get("worker", "/v1/me").status_code == 401


@pytest.mark.parametrize(
    "token",
    ["", "lh_", "lh_0000000000000000_" + "A" * 43, "lh_" + "0" * 16 + "_" + "é" * 43, "x" * 5000],
)
def test_what_is_no_key_is_refused(plant: Plant, token: str) -> None:
    """Each with the same error, which says nothing of what was wrong."""
    with pytest.raises(CallerRefusedError) as refused:
        plant.archive_callers().recognise(token, plant.clock())
    assert str(refused.value) == str(CallerRefusedError())


def test_only_a_hash_of_the_secret_is_kept(plant: Plant) -> None:
    """Neither the key store nor the log holds the secret of a key."""
    secret = plant.keys["mes"].split("_", 2)[2].encode()
    folder = plant.archive.options.data
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if secret in path.read_bytes()] == []
