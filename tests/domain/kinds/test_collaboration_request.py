"""M01 M02: the request, copied to the departments' heads, and its kick-off."""

from __future__ import annotations

from typing import Any

import pytest

from domain import errors
from tests.domain.plant import DEPARTMENTS, PEOPLE, Case

REQUEST: dict[str, Any] = {
    "project": "季度新品推广",
    "goal": "季度新品推广",
    "content": "设计部完成宣传海报,销售部提供渠道清单",
    "departments": [DEPARTMENTS["design"], DEPARTMENTS["sales"]],
    "starts_on": "2026-03-02",
    "period_days": 30,
    "milestones": [
        {"name": "海报初稿", "due": "2026-03-10", "department": DEPARTMENTS["design"]},
        {"name": "渠道清单", "due": "2026-03-15", "department": DEPARTMENTS["sales"]},
    ],
    "people": [{"department": DEPARTMENTS["design"], "number": 2}],
    "budget": "20000.00",
    "equipment": "摄影设备一套",
    "result": "海报和渠道清单",
    "responsible": PEOPLE["market-li"],
}
KICK_OFF: dict[str, Any] = {
    "held_at": "2026-03-02T06:00:00Z",
    "online": True,
    "participants": [PEOPLE["design-li"], PEOPLE["sales-li"]],
    "duties": [{"department": DEPARTMENTS["design"], "duty": "海报初稿"}],
    "milestones": REQUEST["milestones"],
    "mechanism": "每周五下午项目群同步进度,紧急事项电话即时沟通。",
}


def copied() -> Case:
    case = Case().open("collaboration-request", "draft", "market-li", REQUEST)
    case.take("issue", "market-li")
    case.take("copy", "market-li")
    return case


def test_from_draft_to_kick_off() -> None:
    """The seed's example: 30 days, 20,000 yuan; copied to the heads, kicked off with everybody."""
    case = copied()
    assert {r.person for r in case.it.receipts} == {PEOPLE["design-head"], PEOPLE["sales-head"]}
    case.acknowledge("design-head")
    assert case.take("kick-off", "market-li", KICK_OFF).state == "kicked-off"
    assert {r.person for r in case.it.receipts if r.at is None} >= {PEOPLE["sales-li"]}


@pytest.mark.parametrize("budget", ["-1", "1e999", 2.5, "二万"])
def test_a_budget_is_a_decimal_that_is_not_negative(budget: object) -> None:
    """Money comes as text, never as a binary fraction."""
    with pytest.raises(errors.InvalidFormError) as caught:
        Case().open("collaboration-request", "draft", "market-li", {**REQUEST, "budget": budget})
    assert [f.path for f in caught.value.faults] == ["budget"]


def test_a_corrected_request_is_acknowledged_anew() -> None:
    """Heads who had read the first edition are asked to read the second."""
    case = copied()
    case.acknowledge("design-head")
    record = case.correct("draft", "market-li", {"period_days": 45})
    again = {r.person for r in record.receipts if r.edition == record.edition and r.at is None}
    assert again == {PEOPLE["design-head"], PEOPLE["sales-head"]}


def test_a_department_that_declines_says_why() -> None:
    """Only the asked heads answer; conditions and refusals need words."""
    case = copied()
    said = {"department": DEPARTMENTS["sales"], "answer": "declined"}
    with pytest.raises(errors.InvalidFormError):
        case.take("respond", "sales-head", said)
    with pytest.raises(errors.NotEntitledError):
        case.take("respond", "market-li", {**said, "remark": "人手不足"})
    case.take("respond", "sales-head", {**said, "remark": "人手不足"})


def test_an_answer_after_the_kick_off_is_entered_late() -> None:
    """It is kept and moves nothing."""
    case = copied()
    case.take("kick-off", "market-li", KICK_OFF)
    said = {"department": DEPARTMENTS["sales"], "answer": "agreed"}
    assert case.take("respond", "sales-head", said, ago=0).state == "kicked-off"
