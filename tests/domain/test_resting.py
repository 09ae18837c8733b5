"""Corrections of answers on which it rested who was allowed a step that has been taken since."""

from __future__ import annotations

from typing import Any

import pytest

from domain.errors import StepNotAllowedError
from tests.domain.journeys import CAPA, act, capa, complaint, take
from tests.domain.plant import DEPARTMENTS, PEOPLE, Case

RESTED = "rested on this answer"


def actions(n: int, **changes: Any) -> dict[str, Any]:
    """The rows of `propose`, with one of them changed."""
    rows = [dict(row) for row in CAPA["propose"][1]["actions"]]
    rows[n].update(changes)
    return {"actions": rows}


# ---------------------------------------------------------------- who implemented, who verified


@pytest.mark.parametrize("until", ["complete-action", "verify", "report"])
def test_who_completed_an_action_stays_its_owner(until: str) -> None:
    """The verifier is none of the implementers: who they are is not rewritten afterwards."""
    case = capa(until)
    with pytest.raises(StepNotAllowedError, match=f"'complete-action' {RESTED}"):
        case.correct("propose", "production-head", actions(0, owner=PEOPLE["service-li"]))
    assert case.it.items["actions"]["actions-1"].values["owner"] == PEOPLE["purchasing-li"]


def test_what_nobodys_right_rests_on_is_corrected_as_before() -> None:
    """The words of the same action, after it was done and verified."""
    case = capa("verify")
    case.correct("propose", "production-head", actions(0, measure="更新全部参数"))
    assert case.it.items["actions"]["actions-1"].values["measure"] == "更新全部参数"


def test_until_a_step_was_taken_the_owner_may_be_corrected() -> None:
    """And then the right one completes the action, and does not verify it."""
    case = capa("submit")
    case.correct("propose", "production-head", actions(0, owner=PEOPLE["quality-head"]))
    case.sign("approval", "gm")
    act(case, "distribute")
    act(case, "complete-action", item="actions-1", by="quality-head")
    assert case.it.items["actions"]["actions-1"].state == "done"


def test_one_action_done_does_not_bind_the_owner_of_another() -> None:
    """Only the item whose step was taken rests on its owner."""
    case = capa("distribute")
    act(case, "complete-action", item="actions-1", by="purchasing-li")
    case.correct("propose", "production-head", actions(1, owner=PEOPLE["quality-li"]))
    assert case.it.items["actions"]["actions-2"].values["owner"] == PEOPLE["quality-li"]
    with pytest.raises(StepNotAllowedError, match=RESTED):
        case.correct("propose", "production-head", actions(0, owner=PEOPLE["quality-li"]))


# ---------------------------------------------------------------- who answers for a complaint


def with_a_spokesperson_of_elsewhere() -> Case:
    """Somebody of the design department, who may act only as the spokesperson."""
    case = complaint("transfer")
    take(case, "analyse", spokesperson=PEOPLE["design-li"])
    return case


def contacted(case: Case, by: str) -> Case:
    values = {"spoken_to": "王先生", "causes_and_measures": "加急", "plan": "明日送达"}
    case.take("contact", by, {"channel": "phone", **values})
    return case


def test_a_spokesperson_who_acted_as_one_stays_one() -> None:
    """Their contact with the customer rests on the analysis that names them."""
    case = contacted(with_a_spokesperson_of_elsewhere(), "design-li")
    with pytest.raises(StepNotAllowedError, match=f"'contact' {RESTED}"):
        case.correct("analyse", "production-head", {"spokesperson": PEOPLE["production-li"]})
    case.correct("analyse", "production-head", {"plan": "3日内交付"})
    assert case.it.answer("analyse.plan") == "3日内交付"


def test_a_spokesperson_who_did_nothing_may_be_corrected() -> None:
    """Whoever acted had the right by their department, and keeps it."""
    case = contacted(with_a_spokesperson_of_elsewhere(), "production-li")
    case.correct("analyse", "production-head", {"spokesperson": PEOPLE["production-li"]})
    assert case.it.answer("analyse.spokesperson") == PEOPLE["production-li"]


def test_the_department_that_acted_stays_the_one_it_was_transferred_to() -> None:
    """It is transferred anew, which shows, and not by a correction."""
    case = complaint("contact")
    with pytest.raises(StepNotAllowedError, match=RESTED) as refused:
        case.correct("transfer", "service-li", {"department": DEPARTMENTS["design"]})
    assert "办理资格依据此答案" in refused.value.message.zh
    before = complaint("transfer")
    before.correct("transfer", "service-li", {"department": DEPARTMENTS["design"]})
    assert before.it.answer("transfer.department") == DEPARTMENTS["design"]
