"""Bundles over HTTP: of what is listed, of a year, with parts left out; each noted first."""

from __future__ import annotations

import io
from typing import Any

import pytest

from api import exports
from archive.evidence.bundle import read_head
from archive.evidence.container import Container
from archive.evidence.policy import Policy
from archive.evidence.report import Report, Verdict
from archive.evidence.verify import verify
from archive.log import vkey
from tests.api.conftest import COMPLAINT, Plant


def complaint(plant: Plant, who: str = "cs", **said: Any) -> str:
    made = plant.post(who, "/v1/complaint", {"answers": {**COMPLAINT, **said}})
    assert made.status_code == 201, made.text
    record: str = made.json()["record"]
    return record


def read(plant: Plant, content: bytes) -> Report:
    archive = plant.archive
    key = vkey(archive.options.origin, archive.keyring.log_key)
    report = verify(io.BytesIO(content), Policy.of_vkey(key))
    assert report.ok, report.findings
    return report


def exported(plant: Plant, who: str = "cs", **asked: Any) -> Any:
    plant.archive.views.catch_up()
    return plant.get(who, "/v1/export", params=asked)


def test_a_query(both: Plant) -> None:
    """What the register lists for the same filters; the question stands in the bundle."""
    wanted, other = complaint(both, part="A-1"), complaint(both, part="B-2")
    answer = exported(both, reference="A-1", kind="complaint")
    assert answer.status_code == 200, answer.text
    about = read(both, answer.content).about
    assert about is not None
    assert (about.variety, about.asked) == ("query", "kind=complaint&reference=A-1")
    head = read_head(Container(io.BytesIO(answer.content)))
    assert set(head.records) - set(head.context) == {wanted}
    assert other.encode() not in answer.content


def test_a_year(both: Plant) -> None:
    """What was opened in it, where the plant is; of another year there is nothing."""
    record = complaint(both)
    year = both.clock().year
    answer = exported(both, year=year)
    assert answer.status_code == 200, answer.text
    about = read(both, answer.content).about
    assert about is not None
    assert (about.variety, about.asked) == ("year", str(year))
    assert record in read_head(Container(io.BytesIO(answer.content))).records
    assert exported(both, year=year - 1).status_code == 404


def test_each_record_is_noted_before_it_goes_out(plant: Plant) -> None:
    """Those asked for, and those that come along."""
    record = complaint(plant)
    answer = exported(plant, kind="complaint")
    head = read_head(Container(io.BytesIO(answer.content)))
    plant.archive.views.catch_up()
    (log,) = plant.get("admin", "/v1/access-log").json()["records"]
    told = plant.get("admin", f"/v1/records/{log['record_id']}").json()["entries"]
    noted = {
        each["record"]
        for entry in told
        for each in entry["answers"].get("accesses", ())
        if each["what"] == "export"
    }
    assert noted == set(head.records)
    assert record in noted


def test_nobody_exports_what_they_may_not_see(plant: Plant) -> None:
    """Another department's records are not there, and without the right there is no bundle."""
    hidden, mine = complaint(plant, "cs"), complaint(plant, "worker")
    answer = exported(plant, "worker", kind="complaint")
    assert mine.encode() in answer.content
    assert hidden.encode() not in answer.content
    plant.register_caller("reader", person=plant.people["cs"], rights=["read", "confidential"])
    assert exported(plant, "reader", kind="complaint").status_code == 403
    path = f"/v1/records/{complaint(plant)}/export"
    assert plant.get("reader", path).status_code == 403


def test_parts_are_left_out(plant: Plant) -> None:
    """Proven and not shown, of a record and of a query alike; a slip is refused."""
    record = complaint(plant)
    plant.step("cs", record, "transfer", {"department": plant.departments["prod"]})
    for answer in (
        plant.get("cs", f"/v1/records/{record}/export", params={"withhold": "step:transfer"}),
        exported(plant, kind="complaint", withhold="step:transfer"),
    ):
        events = [e for e in read(plant, answer.content).events if e.record == record]
        assert [e.verdict for e in events] == [Verdict.OPENED, Verdict.WITHHELD]
    slip = plant.get("cs", f"/v1/records/{record}/export", params={"withhold": "step:tranfser"})
    assert slip.status_code == 422


@pytest.mark.parametrize("asked", [{}, {"year": 2026, "kind": "complaint"}, {"year": 3}])
def test_what_is_no_question(plant: Plant, asked: dict[str, Any]) -> None:
    """All, both, and a year that is none: 422; the whole archive is no matter of a key."""
    assert exported(plant, **asked).status_code == 422


def test_too_much_is_refused(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    """413 says how large bundles are made."""
    monkeypatch.setattr(exports, "MOST", 1)
    complaint(plant)
    complaint(plant)
    answer = exported(plant, kind="complaint")
    assert answer.status_code == 413
    assert "liuhen export" in answer.json()["detail"]
