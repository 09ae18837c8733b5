"""Reads: now and as of a time, both times on the timeline, proofs an outsider can check."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from datetime import timedelta
from typing import Any

from archive.evidence import canonical, leaf, merkle, receipt
from archive.evidence.instant import parse_time, time_text
from tests.api.conftest import COMPLAINT, Plant


def corrected(plant: Plant) -> tuple[str, Any]:
    """Opened; an hour later handed over; a day later corrected. The record, and when in between."""
    first = plant.post("cs", "/v1/complaint", {"answers": COMPLAINT}).json()
    plant.clock.turn(hours=1)
    plant.step("cs", first["record"], "transfer", {"department": plant.departments["prod"]})
    between = plant.clock()
    plant.clock.turn(days=1)
    body = {"target": 1, "answers": {"part": "A-4712"}, "reason": "抄错"}
    answer = plant.post("cs", f"/v1/records/{first['record']}/corrections", body)
    assert answer.status_code == 201, answer.text
    plant.archive.views.catch_up()
    return first["record"], between


def part(plant: Plant, record: str, **asked: Any) -> Any:
    body = plant.get("cs", f"/v1/records/{record}", params=asked).json()
    return body["version"], body["entries"][0]["answers"]["part"]


def test_a_record_is_shown_as_it_was_known_and_as_things_stood(both: Plant) -> None:
    """As known: without the later correction. As things stood: with it, without what came later."""
    record, between = corrected(both)
    assert part(both, record) == (3, "A-4712")
    assert part(both, record, as_known_at=time_text(between)) == (2, "A-4711/B")
    assert part(both, record, as_things_stood=time_text(between))[1] == "A-4712"
    assert part(both, record, version=1) == (1, "A-4711/B")
    before = time_text(between - timedelta(days=30))
    gone = both.get("cs", f"/v1/records/{record}", params={"as_known_at": before})
    assert gone.status_code == 404
    lines = both.get("cs", "/v1/records", params={"as_known_at": time_text(between)}).json()
    assert [line["version"] for line in lines["records"]] == [2]


def test_the_timeline_shows_both_times_and_what_changed(plant: Plant) -> None:
    """Claimed and recorded time of each event, and of a correction the answer before and after."""
    record, _ = corrected(plant)
    events = plant.get("cs", f"/v1/records/{record}/timeline").json()["events"]
    assert [e["type"] for e in events] == ["opened", "step-taken", "corrected"]
    assert {"what": "state", "before": "received", "after": "transferred"} in events[1]["changes"]
    change = {"what": "answer", "version": 1, "field": "part",
              "before": "A-4711/B", "after": "A-4712"}  # fmt: skip
    assert change in events[2]["changes"]
    assert all(parse_time(e["occurred_at"]) <= parse_time(e["recorded_at"]) for e in events)


def test_a_proof_verifies_against_the_signed_head(both: Plant) -> None:
    """The leaf hashes to what was said, and its path leads to the root of the checkpoint."""
    record, _ = corrected(both)
    said = both.get("cs", f"/v1/records/{record}/events/2/proof").json()
    raw = said["leaf"].encode()
    assert merkle.leaf_hash(raw).hex() == said["leaf_hash"]
    assert leaf.parse(raw).recorded_at == said["recorded_at"]
    lines = said["checkpoint"].split("\n")
    assert (lines[0], int(lines[1])) == (both.archive.options.origin, said["size"])
    path = [base64.b64decode(each) for each in said["path"]]
    root = base64.b64decode(lines[2])
    merkle.verify_inclusion(
        said["leaf_index"], said["size"], bytes.fromhex(said["leaf_hash"]), path, root
    )
    told = both.get("cs", f"/v1/records/{record}/events/2/receipt").content
    verified = receipt.verify(told, both.archive.keyring.log_key.verify_key())
    assert (verified.index, verified.version) == (said["leaf_index"], 2)


def test_an_event_is_found_by_its_id(plant: Plant) -> None:
    """And only by those who may see its record."""
    event = plant.post("cs", "/v1/complaint", {"answers": COMPLAINT}).json()["event"]
    assert plant.get("cs", f"/v1/events/{event}").json()["event"] == event
    assert plant.get("other", f"/v1/events/{event}").status_code == 404


def test_a_record_is_found_by_its_number_at_once(both: Plant) -> None:
    """Read your own writes: the number of the answer is an address."""
    number = both.post("cs", "/v1/complaint", {"answers": COMPLAINT}).json()["number"]
    assert both.get("cs", f"/v1/complaint/{number}").json()["number"] == number
    answers = {"department": both.departments["prod"]}
    assert both.step("cs", number, "transfer", answers).status_code == 201
    assert both.get("cs", f"/v1/minutes/{number}").status_code == 404


def test_lists_go_by_cursor_and_miss_nothing(both: Plant) -> None:
    """Five records in pages of two, each once, in order."""
    made = [both.post("cs", "/v1/complaint", {"answers": COMPLAINT}).json() for _ in range(5)]
    asked = {"limit": 2, "order": "asc", "after_leaf": made[-1]["leaf_index"]}
    found: list[str] = []
    cursor = None
    while True:
        params = {**asked, "cursor": cursor} if cursor else asked
        page = both.get("cs", "/v1/complaint", params=params).json()
        found += [line["record_id"] for line in page["records"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert found == [m["record"] for m in made]


def test_an_exported_bundle_is_noted_and_holds_the_record(plant: Plant) -> None:
    """A zip with the record's leaves; the access log has it before it was handed out."""
    record, _ = corrected(plant)
    bundle = plant.get("cs", f"/v1/records/{record}/export")
    assert (bundle.status_code, bundle.headers["content-type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(bundle.content)) as archive:
        assert archive.testzip() is None
        assert any(record.encode() in archive.read(name) or name for name in archive.namelist())
    plant.archive.views.catch_up()
    (log,) = plant.get("admin", "/v1/access-log").json()["records"]
    noted = plant.get("admin", f"/v1/records/{log['record_id']}").json()["entries"][1]
    exported = [a for a in noted["answers"]["accesses"] if a["what"] == "export"]
    assert [(a["record"], a["who"]) for a in exported] == [(record, plant.people["cs"])]


def test_a_source_reconciles_its_day(both: Plant) -> None:
    """The digest can be computed from the receipts alone, and differences are named."""
    made = [
        both.post("mes", "/v1/complaint", {"answers": COMPLAINT, "source_id": f"n-{n}"}).json()
        for n in range(3)
    ]
    day = "2026-03-02"
    said = both.get("mes", f"/v1/sources/MES/days/{day}").json()
    lines = b"".join(
        canonical.encode({
            "event_id": m["event"], "leaf_hash": m["leaf_hash"], "recorded_at": m["recorded_at"],
            "source_id": f"n-{n}",
        }) + b"\n"
        for n, m in enumerate(made)
    )  # fmt: skip
    assert (said["count"], said["sha256"]) == (3, hashlib.sha256(lines).hexdigest())
    items = [{"source_id": "n-0"}, {"source_id": "n-1", "event": "f" * 32}, {"source_id": "n-9"}]
    told = both.post("mes", f"/v1/sources/MES/days/{day}", {"items": items}).json()
    assert told == {
        "equal": False,
        "missing_here": ["n-9"],
        "missing_there": ["n-2"],
        "other_event": ["n-1"],
    }
    assert both.get("mes", f"/v1/sources/CRM/days/{day}").status_code == 404


def test_kinds_come_with_their_json_schemas(plant: Plant) -> None:
    """Everything a form maker needs: the whole kind, and the schema of each step."""
    said = plant.get("cs", "/v1/kinds/complaint").json()
    assert set(said["schemas"]) == {step["id"] for step in said["steps"]}
    receive = said["schemas"]["receive"]["properties"]["customer"]
    assert receive["x-title"] == {"zh": "客户名称", "en": "customer"}


def test_a_clients_checkpoint_is_the_log_s_own_note(plant: Plant) -> None:
    """Plain text, as a witness or monitor reads it."""
    note = plant.get("cs", "/v1/checkpoint?fresh=true")
    assert note.text.startswith(plant.archive.options.origin + "\n")
    assert int(note.text.split("\n")[1]) == plant.archive.store.head().size
