"""Journey 3 of the users: a system appends complaint steps, with retries, out of order, at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from archive.evidence import receipt
from archive.evidence.instant import time_text
from tests.api.conftest import COMPLAINT, Plant


def opened(plant: Plant, who: str = "mes", **headers: str) -> Any:
    return plant.post(who, "/v1/complaint", {"answers": COMPLAINT}, headers=headers)


def transferred(plant: Plant) -> dict[str, Any]:
    first = plant.post("cs", "/v1/complaint", {"answers": COMPLAINT}).json()
    answers = {"department": plant.departments["prod"]}
    moved = plant.step("cs", first["record"], "transfer", answers)
    assert moved.status_code == 201, moved.text
    return dict(moved.json())


def test_a_step_is_answered_with_a_receipt_that_verifies(both: Plant) -> None:
    """201, and a receipt signed by the log key over the event's place in the log."""
    answer = opened(both)
    body = answer.json()
    assert answer.status_code == 201, body
    verified = receipt.verify(body["receipt"].encode(), both.archive.keyring.log_key.verify_key())
    assert (verified.event, verified.record, verified.version) == (
        body["event"],
        body["record"],
        1,
    )
    assert (verified.index, verified.leaf_hash) == (body["leaf_index"], body["leaf_hash"])
    assert answer.headers["etag"] == '"1"'
    assert body["number"].startswith("KS-2026-")
    assert "transfer" in body["allowed"]


def test_the_same_request_again_gets_the_same_receipt(both: Plant) -> None:
    """Same key, same body: the same answer, marked as a replay, and no second event."""
    first = opened(both, **{"Idempotency-Key": "k-1"})
    again = opened(both, **{"Idempotency-Key": "k-1"})
    assert (again.status_code, again.content) == (201, first.content)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"


def test_a_retry_after_the_record_moved_on_gets_the_first_answer(both: Plant) -> None:
    """The body of a replay says how the record stood after the first, not how it stands now."""
    body = {"answers": {"department": both.departments["prod"]}}
    record = both.post("cs", "/v1/complaint", {"answers": COMPLAINT}).json()["record"]
    path = f"/v1/complaint/{record}/steps/transfer"
    first = both.post("cs", path, body, headers={"Idempotency-Key": "t"})
    later = both.step("cs", record, "withdraw", {"why": "mistaken", "reason": "误报"})
    assert later.status_code == 201, later.text
    again = both.post("cs", path, body, headers={"Idempotency-Key": "t"})
    assert (again.status_code, again.content) == (201, first.content)


def test_the_same_key_with_another_body_is_refused(both: Plant) -> None:
    """422 with a type of its own, also after midnight, when the secret has changed."""
    opened(both, **{"Idempotency-Key": "k"})
    both.clock.turn(hours=20)
    answers = {**COMPLAINT, "matter": "别的事"}
    other = both.post(
        "mes", "/v1/complaint", {"answers": answers}, headers={"Idempotency-Key": "k"}
    )
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-mismatch")


def test_a_key_is_recognised_on_the_next_day(both: Plant) -> None:
    """The window is at least 24 hours, although each day has a secret of its own."""
    first = opened(both, **{"Idempotency-Key": "k"})
    both.clock.turn(hours=23, minutes=59)
    assert opened(both, **{"Idempotency-Key": "k"}).content == first.content


def test_two_callers_may_use_the_same_key(plant: Plant) -> None:
    """A key belongs to its caller: nobody gets the receipt of another."""
    first = opened(plant, **{"Idempotency-Key": "k"}).json()
    second = opened(plant, "cs", **{"Idempotency-Key": "k"}).json()
    assert first["event"] != second["event"]


def test_a_source_id_is_recognised_long_after_the_key_window(both: Plant) -> None:
    """A step sent again after a year, without or with another key, is the same step."""
    body = {"answers": COMPLAINT, "source": "CRM", "source_id": "4711"}
    first = both.post("mes", "/v1/complaint", body)
    both.clock.turn(days=400)
    again = both.post("mes", "/v1/complaint", body, headers={"Idempotency-Key": "new"})
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"


def test_a_source_id_used_for_something_else_is_refused(plant: Plant) -> None:
    """What would be swallowed as a retry is told: 409 source-id-reused."""
    body = {"answers": COMPLAINT, "source_id": "1"}
    plant.post("mes", "/v1/complaint", body)
    other = {"answers": {**COMPLAINT, "matter": "别的事"}, "source_id": "1"}
    answer = plant.post("mes", "/v1/complaint", other)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/source-id-reused")


def test_out_of_order_says_what_is_allowed(both: Plant) -> None:
    """Solved before analysed: 409 with the steps now possible and the head of the record."""
    done = transferred(both)
    answer = both.step("worker", done["record"], "solve", {"result": "已更换"})
    body = answer.json()
    assert (answer.status_code, body["type"]) == (409, "/problems/step-not-allowed")
    assert "analyse" in body["allowed"]
    assert body["head"] == {"version": 2, "etag": '"2"', "state": "transferred"}


def test_a_stale_version_is_refused_with_the_head(both: Plant) -> None:
    """If-Match of an older version: 409 with the head, safe to read again and retry."""
    done = transferred(both)
    answers = {"priority": "normal", "reason": "重估"}
    stale = both.step("cs", done["record"], "prioritise", answers, headers={"If-Match": '"1"'})
    body = stale.json()
    assert (stale.status_code, body["type"]) == (409, "/problems/version-conflict")
    assert (body["head"]["version"], "prioritise" in body["allowed"]) == (2, True)
    fresh = both.step(
        "cs", done["record"], "prioritise", answers, headers={"If-Match": body["head"]["etag"]}
    )
    assert (fresh.status_code, fresh.json()["version"]) == (201, 3)


def test_of_many_writers_at_once_with_one_version_one_wins(both: Plant) -> None:
    """Eight at once with the same If-Match: one 201, seven 409, one event."""
    done = transferred(both)

    def write(n: int) -> int:
        return int(
            both.step(
                "cs",
                done["record"],
                "prioritise",
                {"priority": "normal", "reason": f"第{n}"},
                headers={"If-Match": '"2"'},
            ).status_code
        )

    with ThreadPoolExecutor(8) as pool:
        codes = sorted(pool.map(write, range(8)))
    assert codes == [201] + [409] * 7
    assert both.get("cs", f"/v1/records/{done['record']}").json()["version"] == 3


def test_a_clock_that_is_off_is_measured_and_shown(both: Plant) -> None:
    """X-Sent-At shows how far the sender's clock is off; its claims are judged by that clock."""
    ahead = both.clock() + timedelta(minutes=20)
    body = {"answers": COMPLAINT, "occurred_at": time_text(ahead)}
    refused = both.post("mes", "/v1/complaint", body)
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/claimed-time")
    taken = both.post("mes", "/v1/complaint", body, headers={"X-Sent-At": time_text(ahead)})
    assert taken.status_code == 201, taken.text
    events = both.get("boss", f"/v1/records/{taken.json()['record']}/timeline").json()["events"]
    assert events[0]["sent_at"] == time_text(ahead)
    assert -1200.0 <= events[0]["clock_behind_seconds"] <= -1199.0
    both.archive.views.catch_up()
    (source,) = both.get("boss", "/v1/sources").json()["sources"]
    assert source["source"] == "MES"
    assert source["clock_behind_seconds"] == events[0]["clock_behind_seconds"]


def test_a_validate_only_call_writes_nothing(both: Plant) -> None:
    """It says what would happen: the state, who receives it, which clocks run."""
    size = both.archive.store.head().size
    answer = both.post("mes", "/v1/complaint?validate=true", {"answers": COMPLAINT})
    body = answer.json()
    assert (answer.status_code, body["valid"], body["state"]["id"]) == (200, True, "received")
    assert body["clocks"]
    preferred = both.post(
        "mes", "/v1/complaint", {"answers": COMPLAINT}, headers={"Prefer": "validate"}
    )
    assert preferred.json()["type"] == "opened"
    assert both.archive.store.head().size == size


def batch(plant: Plant, items: list[dict[str, Any]], **more: Any) -> Any:
    headers = more.pop("headers", {})
    answer = plant.post("cs", "/v1/batch", {"items": items, **more}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def after_an_outage(plant: Plant) -> list[dict[str, Any]]:
    happened = time_text(plant.clock() - timedelta(hours=5))
    opening = {"kind": "complaint", "step": "receive", "answers": COMPLAINT}
    return [
        {**opening, "occurred_at": happened, "source": "CRM", "source_id": "1"},
        {"record": "item:0", "step": "solve", "answers": {"result": "还没有"}},
        {
            "record": "item:0",
            "step": "transfer",
            "answers": {"department": plant.departments["prod"]},
        },
        {**opening, "answers": {**COMPLAINT, "priority": "immense"}},
        {**opening, "source": "CRM", "source_id": "2"},
    ]


def test_a_batch_gives_each_item_its_result_in_order(both: Plant) -> None:
    """Two faults among five: three done, in the batch's order, with both of their times."""
    items = after_an_outage(both)
    said = batch(both, items)
    assert [r["status"] for r in said["results"]] == [201, 409, 201, 422, 201]
    assert (said["done"], said["failed"]) == (3, 2)
    placed = [r["leaf_index"] for r in said["results"] if r["status"] == 201]
    assert placed == sorted(placed)
    record = both.get("cs", f"/v1/records/{said['results'][0]['record']}").json()
    assert (record["version"], record["opened_at"]) == (2, items[0]["occurred_at"])
    assert record["entries"][0]["recorded_at"] > items[0]["occurred_at"]


def test_a_batch_sent_again_adds_nothing_that_is_named(both: Plant) -> None:
    """Items with a source id are recognised one by one."""
    first = batch(both, after_an_outage(both))["results"]
    again = batch(both, after_an_outage(both))["results"]
    assert again[0] == {**first[0], "replayed": True}
    assert again[4] == {**first[4], "replayed": True}


def test_all_or_nothing_writes_nothing_when_one_item_fails(both: Plant) -> None:
    """The item at fault says why, the others that they were not done."""
    size = both.archive.store.head().size
    said = batch(both, after_an_outage(both), all_or_nothing=True)
    assert [r["status"] for r in said["results"]] == [424, 409, 424, 424, 424]
    assert both.archive.store.head().size == size


def test_all_or_nothing_writes_one_unit(both: Plant) -> None:
    """Three sound items stand in consecutive leaves, and the batch is recognised as a whole."""
    items = after_an_outage(both)
    sound = [items[0], items[2], items[4]]
    key = {"Idempotency-Key": "outage-1"}
    said = batch(both, sound, all_or_nothing=True, headers=key)
    first = said["results"][0]["leaf_index"]
    assert [r["leaf_index"] for r in said["results"]] == [first, first + 1, first + 2]
    assert [r["version"] for r in said["results"]] == [1, 2, 1]
    again = batch(both, sound, all_or_nothing=True, headers=key)
    assert again["results"] == [{**r, "replayed": True} for r in said["results"]]
