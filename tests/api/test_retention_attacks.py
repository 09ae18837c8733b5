"""What only the archive itself may write is written for nobody else, by any way in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from archive.ledger import new_id
from domain.kind import Kind, Step
from domain.kinds import current
from tests.api.conftest import Plant
from tests.api.keeping import Keeping
from tests.retention.test_attacks import RULE

KEEPERS = ("admin", "lister", "officer", "mes")


@pytest.fixture
def keeping(plant: Plant) -> Keeping:
    return Keeping(plant)


def own_steps(*, opening: bool) -> Iterator[tuple[Kind, Step]]:
    """Steps of internal kinds that no person may take."""
    for kind in current().values():
        yield from (
            (kind, s) for s in kind.steps if kind.internal and not s.by and s.opens is opening
        )


def leaves(plant: Plant) -> list[str]:
    """What stands in the log beside the journal of refusals and the log of accesses."""
    noise = ("~retention-journal/", "~access-log/")
    return [r.topic for r in plant.archive.store.leaves(0) if not r.topic.startswith(noise)]


@pytest.mark.parametrize("who", KEEPERS)
def test_nobody_opens_what_the_archive_opens(keeping: Keeping, who: str) -> None:
    """Lists, shipped rules, journals, restorations: refused alone and in a batch, and noted."""
    plant = keeping.plant
    before = leaves(plant)
    found = list(own_steps(opening=True))
    assert {kind.id for kind, _ in found} >= {"disposal", "retention-rule", "restoration"}
    for kind, step in found:
        answers = {**RULE, "rule_id": "X-1", "period": "P1D", "effective_from": "2020-01-01"}
        said = plant.post(who, f"/v1/{kind.id}", {"step": step.id, "answers": answers})
        assert said.status_code in (403, 404, 405, 409, 422), (kind.id, said.text)
        item = {"kind": kind.id, "step": step.id, "answers": answers}
        for together in (False, True):
            plant.post(who, "/v1/batch", {"all_or_nothing": together, "items": [item]})
    assert leaves(plant) == before


@pytest.mark.parametrize("who", KEEPERS)
def test_nobody_takes_the_archives_own_steps(keeping: Keeping, who: str) -> None:
    """Relist, start, results, certificate of a disposal that is approved; destroying a paper copy
    or a record; and its record stays whole."""
    plant = keeping.plant
    (due,) = keeping.due()
    disposal = keeping.listed(due)
    keeping.reviewed(disposal)
    keeping.approved(disposal)
    copy = plant.open(
        "paper-copy",
        "register",
        {
            "record": due, "copy": 1, "location": "A-3", "pages": 1,
            "keeper": plant.people["lister"], "signed_original": False, "required_by": "none",
        },
    )  # fmt: skip
    before = leaves(plant)
    targets = {"disposal": disposal["id"], "paper-copy": copy}
    done = "2026-01-01T00:00:00.000000Z"
    answers = {
        "today": "2029-03-10", "time_status": "proven",
        "items": [{"item": "1", "result": "destroyed"}],
        "method": "x", "started_at": done, "ended_at": done, "effective_from": done,
        "destroyed": 1, "exceptions": 0, "disposal": disposal["id"],
        "destroyer": plant.people["lister"], "witness": plant.people["officer"],
    }  # fmt: skip
    tried = 0
    for kind, step in own_steps(opening=False):
        if kind.id not in targets:
            continue
        fields = {field.id for field in step.form.fields}
        said = plant.post(
            who,
            f"/v1/{kind.id}/{targets[kind.id]}/steps/{step.id}",
            {"answers": {name: v for name, v in answers.items() if name in fields}},
        )
        assert said.status_code in (403, 404, 405, 409, 422), (kind.id, step.id, said.text)
        tried += 1
    assert tried >= 6
    for method, path in (
        ("DELETE", f"/v1/records/{due}"), ("POST", f"/v1/records/{due}/dispose"),
        ("DELETE", f"/v1/complaint/{due}"), ("DELETE", f"/v1/disposal/{disposal['id']}"),
    ):  # fmt: skip
        assert plant.ask(who, method, path).status_code in (403, 404, 405), path
    assert leaves(plant) == before
    assert plant.archive.ledger.get(due).readable


def test_an_administrators_attempts_stand_in_the_journal(keeping: Keeping) -> None:
    """Each way to a disposal that they try is refused, with its code, and written down."""
    plant = keeping.plant
    (due,) = keeping.due()
    disposal = keeping.listed(due)
    keeping.reviewed(disposal)
    path = f"/v1/retention/disposals/{disposal['id']}"
    tries = [
        plant.post("admin", "/v1/retention/disposals", {"records": [due]}),
        keeping.approve("admin", disposal, "approve-first"),
        plant.post("admin", f"{path}/relist", {"records": [due]}),
        plant.post("admin", f"{path}/start"),
        plant.post("admin", f"{path}/execute"),
        plant.post("admin", f"{path}/destroy-paper", {"items": ["1"], "method": "P-4"}),
        plant.post("admin", "/v1/retention/imports/file", {"records": [due]}),
        plant.post(
            "admin",
            "/v1/legal-hold",
            {"answers": {
                "matter": "m", "authority": "a", "reason": "r", "custodian": plant.people["admin"],
                "records": [{"record": new_id()}],
            }},
        ),
    ]  # fmt: skip
    assert [said.status_code for said in tries] == [403] * len(tries)
    notes = plant.get("officer", "/v1/retention/journal").json()["notes"]
    mine = [note for note in notes if note.get("who") in (plant.people["admin"], None)]
    assert len(mine) == len(tries), [note["code"] for note in notes]
    assert plant.archive.ledger.get(due).readable
