"""Retention over HTTP: who may, when, what is left; the same on both stores."""

from __future__ import annotations

import io
from typing import Any

import pytest

from archive.evidence.policy import Policy
from archive.evidence.verify import verify
from archive.log import vkey
from tests.api.conftest import COMPLAINT, Plant
from tests.api.keeping import SECRET, YEARS, Keeping


@pytest.fixture
def keeping(both: Plant) -> Keeping:
    return Keeping(both)


def test_a_whole_disposal_over_http(keeping: Keeping) -> None:
    """Due, listed, reviewed, approved twice, executed: 410 with the tombstone, proofs stay."""
    plant = keeping.plant
    kept, gone = keeping.due(2)
    lines = plant.get("boss", "/v1/retention/due").json()
    assert {line["record"] for line in lines["records"]} == {kept, gone}
    done = keeping.disposed(gone)
    assert (done["state"], done["execution"]["done"]) == ("certified", 1)
    number = plant.archive.ledger.get(gone).number
    for path in ("", "/timeline", "/events", "/events/1", "?version=1"):
        answer = plant.get("boss", f"/v1/records/{gone}{path}")
        assert answer.status_code == 410, path
        assert SECRET not in answer.text
    tombstone = plant.get("cs", f"/v1/records/{number}").json()["tombstone"]
    assert tombstone["id"] == gone
    assert tombstone["number"] == number
    assert (tombstone["base_date"], tombstone["last_day"]) == ("2026-03-02", "2029-03-02")
    assert tombstone["rule"]["id"] == "RR-03"
    assert tombstone["list_hash"] == done["list_hash"]
    assert tombstone["disposal"] == {"id": done["id"], "number": done["number"]}
    assert tombstone["certificate"] == done["number"]
    assert plant.get("boss", f"/v1/records/{gone}/events/1/proof").status_code == 200
    assert plant.get("boss", f"/v1/records/{gone}/events/1/receipt").status_code == 200
    assert plant.get("boss", f"/v1/records/{kept}").status_code == 200
    told = plant.get("boss", f"/v1/records/{gone}/retention").json()
    assert (told["status"], told["listed_in"]) == ("disposed", None)


def test_nothing_of_what_is_gone_is_found_or_listed(keeping: Keeping) -> None:
    """Search and register show no word of it; an append is 409 DISPOSED and noted."""
    plant = keeping.plant
    (gone,) = keeping.due()
    found = plant.get("boss", "/v1/search", params={"q": SECRET}).json()["hits"]
    assert [hit["record_id"] for hit in found] == [gone]
    keeping.disposed(gone)
    assert plant.get("boss", "/v1/search", params={"q": SECRET}).json()["hits"] == []
    assert "客户0" not in plant.get("boss", "/v1/records").text
    answer = plant.step("cs", gone, "transfer", {"department": plant.departments["prod"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "DISPOSED")
    assert keeping.codes()[-1] == "DISPOSED"


def test_the_certificate_is_json_a_page_and_a_bundle(keeping: Keeping) -> None:
    """All three of the same disposal; the bundle proves itself offline and counts as an export."""
    plant = keeping.plant
    done = keeping.disposed(*keeping.due(2))
    path = f"/v1/retention/disposals/{done['number']}/certificate"
    told = plant.get("auditor", path).json()
    assert (told["number"], told["destroyed"], told["exceptions"]) == (done["number"], 2, 0)
    assert [hand["step"] for hand in told["hands"]] == [
        "list", "review", "approve-first", "approve-second", "start", "certify",
    ]  # fmt: skip
    page = plant.get("auditor", path, headers={"Accept": "text/html,*/*"})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for word in ("销毁证明", "CERTIFICATE", done["list_hash"], "TIME SELF-ASSERTED"):
        assert word in page.text
    bundle = plant.get("auditor", path, params={"format": "bundle"})
    assert bundle.headers["content-type"] == "application/zip"
    archive = plant.archive
    key = vkey(archive.options.origin, archive.keyring.log_key)
    assert verify(io.BytesIO(bundle.content), Policy.of_vkey(key)).ok


def test_a_certificate_is_there_when_it_is(keeping: Keeping) -> None:
    """Before that: 409."""
    (due,) = keeping.due()
    disposal = keeping.listed(due)
    answer = keeping.plant.get("lister", f"/v1/retention/disposals/{disposal['id']}/certificate")
    assert (answer.status_code, answer.json()["code"]) == (409, "NO_APPROVED_BATCH")


def test_nothing_goes_before_its_day(keeping: Keeping) -> None:
    """409 NOT_DUE with the record in the way, in the caller's language, and a journal note."""
    plant = keeping.plant
    record = keeping.imported()
    body = {"records": [record], "owner": plant.people["cs"]}
    answer = plant.post(
        "lister", "/v1/retention/disposals", body, headers={"Accept-Language": "en"}
    )
    said = answer.json()
    assert (answer.status_code, said["code"], said["record"]) == (409, "NOT_DUE", record)
    assert "not due yet" in said["detail"]
    assert keeping.codes() == ["NOT_DUE"]


@pytest.mark.parametrize("who", ["admin", "cs", "quality", "mes"])
def test_who_may_not_list(keeping: Keeping, who: str) -> None:
    """403 for an administrator, other offices and systems; each attempt is noted."""
    plant = keeping.plant
    (due,) = keeping.due()
    body = {"records": [due], "owner": plant.people["cs"]}
    answer = plant.post(who, "/v1/retention/disposals", body)
    assert (answer.status_code, answer.json()["code"]) == (403, "SEPARATION")
    assert keeping.codes() == ["SEPARATION"]


def test_nobody_does_two_parts(keeping: Keeping) -> None:
    """Who approved first does not approve second, an administrator neither: 403, and noted."""
    plant = keeping.plant
    (due,) = keeping.due()
    plant.hire("both", "qc", "records-officer", "quality-manager")
    plant.hire("mighty", "qc", "quality-manager", "administrator")
    disposal = keeping.listed(due)
    keeping.reviewed(disposal)
    assert keeping.approve("both", disposal, "approve-first").status_code == 201
    for who in ("both", "mighty"):
        answer = keeping.approve(who, disposal, "approve-second")
        assert (answer.status_code, answer.json()["code"]) == (403, "SEPARATION"), answer.text
    assert keeping.codes() == ["SEPARATION", "SEPARATION"]
    wrong = {"list_hash": "0" * 64, "today": "2029-03-04"}
    answer = keeping.step("quality", disposal, "approve-second", wrong)
    assert answer.status_code == 409
    assert keeping.codes()[-1] == "guard"


@pytest.mark.parametrize("together", [False, True])
def test_what_a_batch_was_refused_is_noted_too(keeping: Keeping, together: bool) -> None:
    """One item after the other, or all or nothing: a note each."""
    plant = keeping.plant
    disposal = keeping.listed(*keeping.due())
    answers = {"list_hash": disposal["list_hash"], "today": "2029-03-05"}
    item = {"record": disposal["id"], "step": "approve-first", "answers": answers}
    body = {"all_or_nothing": together, "items": [item]}
    (result,) = plant.post("admin", "/v1/batch", body).json()["results"]
    assert (result["status"], result["type"]) == (403, "/problems/not-entitled")
    (note,) = plant.get("officer", "/v1/retention/journal").json()["notes"]
    assert (note["code"], note["who"]) == ("not-entitled", plant.people["admin"])
    assert note["disposal"] == disposal["id"]


def test_validating_a_refused_step_leaves_no_note(keeping: Keeping) -> None:
    """Nothing is written by a question."""
    (due,) = keeping.due()
    disposal = keeping.listed(due)
    path = f"/v1/disposal/{disposal['id']}/steps/approve-first?validate=true"
    body = {"answers": {"list_hash": disposal["list_hash"], "today": "2029-03-04"}}
    assert keeping.plant.post("admin", path, body).status_code == 403
    assert keeping.codes() == []


def test_who_approved_last_does_not_start_or_execute(keeping: Keeping) -> None:
    """Although the office that lists is also theirs."""
    plant = keeping.plant
    (due,) = keeping.due()
    plant.hire("second", "adm", "quality-manager")
    disposal = keeping.listed(due)
    keeping.reviewed(disposal)
    keeping.approve("officer", disposal, "approve-first")
    assert keeping.approve("second", disposal, "approve-second").status_code == 201
    plant.clock.turn(days=7)
    path = f"/v1/retention/disposals/{disposal['id']}"
    assert plant.post("second", f"{path}/start").json()["code"] == "SEPARATION"
    assert plant.post("lister", f"{path}/start").status_code == 201
    assert plant.post("second", f"{path}/execute").json()["code"] == "SEPARATION"


def test_execution_waits_for_approvals_and_cool_off(keeping: Keeping) -> None:
    """NO_APPROVED_BATCH before them, COOL_OFF within seven days; the setting counts."""
    plant = keeping.plant
    (due,) = keeping.due()
    disposal = keeping.listed(due)
    path = f"/v1/retention/disposals/{disposal['id']}"
    for deed in ("start", "execute"):
        assert plant.post("lister", f"{path}/{deed}").json()["code"] == "NO_APPROVED_BATCH"
    keeping.reviewed(disposal)
    keeping.approved(disposal)
    plant.clock.turn(days=6)
    assert plant.post("lister", f"{path}/start").json()["code"] == "COOL_OFF"
    assert plant.get("lister", path).json()["state"] == "approved"


def mine(keeping: Keeping, who: str) -> list[tuple[str, str]]:
    """What waits for somebody: the step, and the record that it is about."""
    keeping.plant.archive.views.catch_up()
    told = keeping.plant.get(who, "/v1/worklist?mine=true&what=step").json()
    return [(task["ref"], task["record_id"]) for task in told["tasks"]]


def test_a_list_that_is_asked_for_twice_is_one(keeping: Keeping) -> None:
    """The same Idempotency-Key tells of the first; another body under it is refused."""
    plant = keeping.plant
    one, other = keeping.due(2)

    def ask(*records: str, key: str = "list-1") -> Any:
        body = {"records": [*records], "owner": plant.people["cs"]}
        return plant.post(
            "lister", "/v1/retention/disposals", body, headers={"Idempotency-Key": key}
        )

    first, again = ask(one), ask(one)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"]
    assert ask(other).status_code == 422
    assert ask(one, key="list-2").json()["code"] == "ON_ANOTHER_LIST"
    assert ask(other, key="list-3").status_code == 201
    path = f"/v1/retention/disposals/{first.json()['id']}/relist"
    body = {"records": [one], "owner": plant.people["cs"]}
    for _ in "twice":
        done = plant.post("lister", path, body, headers={"Idempotency-Key": "relist-1"})
        assert (done.status_code, done.json()["version"]) == (201, 2)


def test_who_is_next_has_a_disposal_in_their_worklist(keeping: Keeping) -> None:
    """The reviewer until all is reviewed, then the first approver, then the second."""
    (due,) = keeping.due()
    disposal = keeping.listed(due)
    task = disposal["id"]
    assert (mine(keeping, "cs"), mine(keeping, "officer")) == ([("review", task)], [])
    keeping.reviewed(disposal)
    assert (mine(keeping, "cs"), mine(keeping, "officer")) == ([], [("approve-first", task)])
    keeping.approve("officer", disposal, "approve-first")
    assert (mine(keeping, "officer"), mine(keeping, "quality")) == ([], [("approve-second", task)])
    keeping.approve("quality", disposal, "approve-second")
    assert mine(keeping, "quality") == []


def test_a_hold_that_was_asked_for_is_work_of_those_who_place_them(keeping: Keeping) -> None:
    """On every way it is refused until somebody does; then it is nobody's work any more."""
    plant = keeping.plant
    (due,) = keeping.due()
    disposal = keeping.listed(due)
    keeping.reviewed(disposal, "hold")
    assert ("place-hold", due) in mine(keeping, "boss")
    assert ("place-hold", due) not in mine(keeping, "cs")
    told = plant.get("boss", f"/v1/records/{due}/retention").json()
    assert (told["status"], told["blockers"][0]["code"]) == ("held", "HOLD_ASKED")
    withdrawn = f"/v1/disposal/{disposal['id']}/steps/withdraw"
    assert plant.post("officer", withdrawn, {"answers": {"reason": "重列"}}).status_code == 201
    again = plant.post("lister", "/v1/retention/disposals", {"records": [due]})
    assert (again.status_code, again.json()["code"]) == (409, "HOLD_ASKED")
    answers = {
        "matter": "客户仲裁", "authority": "仲裁委 12 号", "reason": "举证",
        "custodian": plant.people["legal"], "records": [{"record": due}],
    }  # fmt: skip
    assert plant.post("legal", "/v1/legal-hold", {"answers": answers}).status_code == 201
    assert ("place-hold", due) not in mine(keeping, "boss")
    again = plant.post("lister", "/v1/retention/disposals", {"records": [due]})
    assert again.json()["code"] == "HELD"


def test_a_hold_placed_after_the_approvals_wins(keeping: Keeping) -> None:
    """The item drops out, as an exception on the certificate; the record is held and says why."""
    plant = keeping.plant
    (due,) = keeping.due()
    disposal = keeping.listed(due)
    keeping.reviewed(disposal)
    keeping.approved(disposal)
    answers = {
        "matter": "客户仲裁", "authority": "仲裁委 12 号", "reason": "举证",
        "custodian": plant.people["legal"], "records": [{"record": due}],
    }  # fmt: skip
    assert plant.post("legal", "/v1/legal-hold", {"answers": answers}).status_code == 201
    done = keeping.executed(disposal)
    (item,) = done["items"]
    assert (item["result"]["result"], item["result"]["code"]) == ("exception", "HELD")
    plant.archive.views.catch_up()
    (line,) = plant.get("legal", "/v1/retention/held", params={}).json()["records"] or [None]
    assert line is None or line["record"] == due
    (line,) = plant.get("boss", "/v1/retention/held").json()["records"]
    assert line["blockers"][0]["code"] == "HELD"
    told = plant.get("boss", f"/v1/records/{due}/retention").json()
    assert told["status"] == "held"
    assert "客户仲裁" in told["sentence"]["zh"] or "BQ-" in told["sentence"]["zh"]


def test_listing_anew_voids_the_approvals(keeping: Keeping) -> None:
    """The disposal is listed again; what is to start has none."""
    plant = keeping.plant
    one, other = keeping.due(2)
    disposal = keeping.listed(one)
    keeping.reviewed(disposal)
    keeping.approved(disposal)
    path = f"/v1/retention/disposals/{disposal['id']}"
    body = {"records": [one, other], "owner": plant.people["cs"]}
    again = plant.post("clerk", f"{path}/relist", body)
    assert again.status_code == 201, again.text
    assert (again.json()["state"], again.json()["approvals"]) == ("listed", [])
    assert len(again.json()["items"]) == 2
    assert plant.post("lister", f"{path}/start").json()["code"] == "NO_APPROVED_BATCH"


def test_all_that_is_due_is_listed_once(keeping: Keeping) -> None:
    """`all_due` leaves out what stands on another list; with nothing left: UNLISTED."""
    plant = keeping.plant
    records = keeping.due(3)
    keeping.listed(records[0])
    body = {"all_due": True, "owner": plant.people["cs"]}
    made = plant.post("lister", "/v1/retention/disposals", body)
    assert {item["record"] for item in made.json()["items"]} == set(records[1:])
    assert plant.post("lister", "/v1/retention/disposals", body).json()["code"] == "UNLISTED"


def test_a_list_names_one_thing(keeping: Keeping) -> None:
    """Records, copies or all that is due: none or two of them is 422."""
    for body in ({}, {"records": ["a" * 32], "all_due": True}):
        answer = keeping.plant.post("lister", "/v1/retention/disposals", body)
        assert answer.status_code == 422
    answer = keeping.plant.post("lister", "/v1/retention/disposals", {"records": ["a" * 32]})
    assert answer.status_code == 404


def test_a_disposal_interrupted_is_finished_after_a_restart(keeping: Keeping) -> None:
    """What was started and not executed is taken up by `resume`."""
    plant = keeping.plant
    (due,) = keeping.due()
    disposal = keeping.listed(due)
    keeping.reviewed(disposal)
    keeping.approved(disposal)
    plant.clock.turn(days=7)
    path = f"/v1/retention/disposals/{disposal['id']}"
    assert plant.post("lister", f"{path}/start").status_code == 201
    desk = plant.client.app.state.desk  # type: ignore[attr-defined]
    assert desk.executions.resume() == [disposal["id"]]
    desk.executions.wait(disposal["id"], 60)
    assert plant.get("lister", path).json()["state"] == "certified"
    assert desk.executions.resume() == []


def test_rules_are_shown_with_their_authority(keeping: Keeping) -> None:
    """All that ship, each by its source; a revision shows both versions and who approved it."""
    plant = keeping.plant
    rules = plant.get("cs", "/v1/retention/rules").json()["rules"]
    assert [rule["id"] for rule in rules] == [f"RR-{n:02d}" for n in range(1, 11)]
    assert all(rule["shipped"] and rule["authority"]["citation"] for rule in rules)
    first = rules[0]
    assert (first["period"], first["authority"]["type"]) == ("P3Y", "seed")
    answers = {
        "title_zh": "五年", "title_en": "five years", "classes": ["communication"],
        "scope": "any", "medium": "electronic", "authority": "company", "citation": "会议纪要",
        "trigger": "filed", "cut_off": "anniversary", "period": "P5Y", "action": "destroy",
        "floor": True, "effective_from": "2026-03-02",
    }  # fmt: skip
    path = f"/v1/retention-rule/{rules[2]['number']}/steps"
    for who, step, said in (
        ("officer", "revise", answers), ("boss", "approve-first", {}),
        ("quality", "approve-second", {}),
    ):  # fmt: skip
        done = plant.post(who, f"{path}/{step}", {"answers": said})
        assert done.status_code == 201, done.text
    mine = [
        rule
        for rule in plant.get("cs", "/v1/retention/rules").json()["rules"]
        if rule["id"] == "RR-03"
    ]
    assert [(rule["version"], rule["period"], rule["shipped"]) for rule in mine] == [
        (1, "P3Y", True), (2, "P5Y", False),
    ]  # fmt: skip
    assert mine[1]["approved_by"] == [plant.people["boss"], plant.people["quality"]]


def test_a_record_says_when_it_may_go_and_why(keeping: Keeping) -> None:
    """Dates, the rule that won, every rule's reckoning, and one sentence in both languages."""
    plant = keeping.plant
    record = keeping.imported()
    told = plant.get("cs", f"/v1/records/{record}/retention").json()
    assert (told["status"], told["base_date"], told["last_day"]) == (
        "running", "2026-03-02", "2029-03-02",
    )  # fmt: skip
    assert told["eligible_from"] == "2029-03-02T16:00:00.000000Z"
    assert told["rule"]["id"] == "RR-03"
    assert [one["rule"] for one in told["reckoned"]] == ["RR-03"]
    assert "2029-03-02" in told["sentence"]["zh"]
    assert "2029-03-02" in told["sentence"]["en"]
    assert plant.get("other", f"/v1/records/{record}/retention").status_code == 404


def test_lists_page_and_show_only_what_one_may_see(keeping: Keeping) -> None:
    """Cursors lead through all of it once; another department sees nothing of it."""
    plant = keeping.plant
    records = keeping.due(5)
    seen, cursor = [], None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = plant.get("boss", "/v1/retention/due", params=params).json()
        seen += [line["record"] for line in page["records"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert sorted(seen) == sorted(records)
    assert len(seen) == 5
    assert plant.get("worker", "/v1/retention/due").json()["records"] == []
    assert plant.get("boss", "/v1/retention/due?cursor=%21%21").status_code == 422


def test_the_coming_months_are_counted(keeping: Keeping) -> None:
    """Three years on, in the month in which they fall due."""
    plant = keeping.plant
    keeping.imported()
    plant.archive.views.catch_up()
    told = plant.get("boss", "/v1/retention/next-months", params={"months": 40}).json()
    assert {m["month"]: m["records"] for m in told["months"] if m["records"]} == {"2029-03": 1}
    assert told["now"]["due"] == 0


def test_a_narrowed_key_counts_what_it_may_see(keeping: Keeping) -> None:
    """Of two records that of its own department, by the month and on the lists."""
    plant = keeping.plant
    keeping.imported()
    record = plant.post("cs", "/v1/complaint", {"answers": COMPLAINT}).json()["record"]
    plant.step("cs", record, "withdraw", {"why": "customer", "reason": "客户撤回"})
    keeping.file(record)
    plant.archive.views.catch_up()
    for scope in ("cs", "prod"):
        departments = [plant.departments[scope]]
        plant.register_caller(f"{scope}-key", person=plant.people["boss"], departments=departments)
    seen = {"boss": 2, "cs-key": 1, "prod-key": 0}
    path = "/v1/retention/next-months"
    for who, count in seen.items():
        told = plant.get(who, path, params={"months": 40}).json()
        assert sum(m["records"] for m in told["months"]) == count, who
    plant.clock.turn(days=YEARS)
    for who, count in seen.items():
        assert plant.get(who, path).json()["now"]["due"] == count, who


def test_unfiled_is_an_alarm_after_thirty_days(keeping: Keeping) -> None:
    """Not on the thirtieth day, but after it (R14)."""
    plant = keeping.plant
    record = plant.post("cs", "/v1/complaint", {"answers": COMPLAINT}).json()["record"]
    done = plant.step("cs", record, "withdraw", {"why": "customer", "reason": "客户撤回"})
    assert done.status_code == 201, done.text
    plant.clock.turn(days=30)
    plant.archive.views.catch_up()
    assert plant.get("boss", "/v1/retention/unfiled").json()["records"] == []
    plant.clock.turn(days=1)
    told = plant.get("boss", "/v1/retention/unfiled").json()["records"]
    assert [line["record"] for line in told] == [record]


def test_the_journal_is_for_those_who_watch(keeping: Keeping) -> None:
    """Auditor, records officer and quality manager; 403 for others."""
    for who, status in (("auditor", 200), ("officer", 200), ("quality", 200), ("cs", 403)):
        answer = keeping.plant.get(who, "/v1/retention/journal")
        assert answer.status_code == status, who


def test_imports_are_filed_by_their_import_or_by_an_approved_claim(keeping: Keeping) -> None:
    """The claimed day only with two approvals; a native record not at all."""
    plant = keeping.plant
    plain, claimed = (keeping.imported(filed=False) for _ in range(2))
    path = "/v1/retention/imports/file"
    assert plant.post("cs", path, {"records": [plain]}).json()["code"] == "SEPARATION"
    (done,) = plant.post("lister", path, {"records": [plain]}).json()["results"]
    assert (done["status"], done["base_date"]) == (201, "2026-03-02")
    claim = plant.post(
        "lister",
        "/v1/base-date-claim",
        {
            "answers": {
                "source": "ERP", "evidence": "移交清册",
                "items": [{"record": claimed, "date": "2023-05-04"}],
            }
        },
    ).json()  # fmt: skip
    (refused,) = plant.post("lister", path, {"claim": claim["number"]}).json()["results"]
    assert refused["status"] == 409
    for who, step in (("officer", "approve-first"), ("quality", "approve-second")):
        route = f"/v1/base-date-claim/{claim['record']}/steps/{step}"
        assert plant.post(who, route).status_code == 201
    (done,) = plant.post("lister", path, {"claim": claim["record"]}).json()["results"]
    assert (done["status"], done["base_date"]) == (201, "2023-05-04")
    told = plant.get("boss", f"/v1/records/{claimed}/retention").json()
    assert told["base_date"] == "2023-05-04"


def test_paper_goes_before_the_electronic_record(keeping: Keeping) -> None:
    """Listed by itself, destroyed and witnessed by two, certified; then the copy is gone."""
    plant = keeping.plant
    record = keeping.imported()
    answers = {
        "record": record, "copy": 1, "location": "A-3-2", "pages": 4,
        "keeper": plant.people["clerk"], "signed_original": False, "required_by": "none",
    }  # fmt: skip
    copy = plant.post("clerk", "/v1/paper-copy", {"answers": answers}).json()["record"]
    plant.clock.turn(days=366)
    check = {"answers": {"electronic_ok": True, "pages": 4}}
    assert plant.post("clerk", f"/v1/paper-copy/{copy}/steps/check", check).status_code == 201
    plant.clock.turn(days=2)
    told = plant.get("boss", f"/v1/records/{record}/retention").json()
    assert [(c["id"], c["status"]) for c in told["copies"]] == [(copy, "due")]
    made = plant.post("lister", "/v1/retention/disposals", {"all_due": True, "medium": "paper"})
    disposal = made.json()
    assert [item["copy"] for item in disposal["items"]] == [copy]
    rows = [{"item": "1", "outcome": "destroy"}]
    assert keeping.step("lister", disposal, "review", {"items": rows}).status_code == 201
    keeping.approved(disposal)
    plant.clock.turn(days=7)
    path = f"/v1/retention/disposals/{disposal['id']}"
    assert plant.post("lister", f"{path}/start").status_code == 201
    assert plant.post("lister", f"{path}/execute").json()["code"] == "UNWITNESSED"
    said = {"items": ["1"], "method": "碎纸 P-4"}
    assert plant.post("cs", f"{path}/destroy-paper", said).json()["code"] == "SEPARATION"
    assert plant.post("clerk", f"{path}/destroy-paper", said).status_code == 201
    assert keeping.step("clerk", disposal, "witness-paper", {}).json()["code"] == "SEPARATION"
    assert keeping.step("guard", disposal, "witness-paper", {}).status_code == 201
    assert plant.post("lister", f"{path}/execute").status_code == 202
    plant.client.app.state.desk.executions.wait(disposal["id"], 60)  # type: ignore[attr-defined]
    assert plant.get("lister", path).json()["items"][0]["result"]["result"] == "destroyed"
    assert plant.archive.ledger.get(copy).state == "destroyed"
    assert plant.get("boss", f"/v1/records/{record}").status_code == 200


def test_a_key_without_the_right_reads_or_lists_nothing(keeping: Keeping) -> None:
    """A key's own scope comes before its person's."""
    plant = keeping.plant
    plant.register_caller("narrow", person=plant.people["lister"], rights=["read"])
    assert plant.post("narrow", "/v1/retention/disposals", {"all_due": True}).status_code == 403
    assert plant.get("narrow", "/v1/retention/due").status_code == 200
    assert plant.get(None, "/v1/retention/due").status_code == 401
    plant.register_caller("office", person=plant.people["boss"], kinds=[{"kind": "complaint"}])
    assert plant.get("office", "/v1/retention/rules").status_code == 403
    scope = [plant.departments["cs"]]
    plant.register_caller("scoped", person=plant.people["boss"], departments=scope)
    told = plant.get("scoped", "/v1/retention/next-months").json()
    assert (told["now"]["due"], sum(m["records"] for m in told["months"])) == (0, 0)
