"""M02 M03 T01-T04: which minutes are signed, which are only sent; the notice before the meeting."""

from __future__ import annotations

import pytest

from domain import errors
from domain.access import confidential, may_read
from tests.domain.plant import PEOPLE, Case
from tests.domain.samples import KICK_OFF, minutes

NOTICE = {
    "type": "kick-off",
    "topic": "季度新品推广项目启动会",
    "goal": "明确职责",
    "agenda": "一、职责;二、里程碑;三、沟通机制",
    "starts_at": "2026-03-03T01:00:00Z",
    "chair": PEOPLE["market-head"],
    "departments": KICK_OFF["departments"],
    "participants": KICK_OFF["participants"],
}


def of_type(kind: str, **more: object) -> Case:
    values = {**KICK_OFF, "type": kind, **more}
    values.pop("mechanism")
    return Case().open("minutes", "draft", "market-li", values)


def test_minutes_across_departments_cannot_skip_the_signatures() -> None:
    """M03: 经各部门负责人签字确认后分发."""
    with pytest.raises(errors.GuardError):
        minutes().take("send", "market-li")


def test_a_stand_up_is_sent_without_signatures() -> None:
    """T04: minutes of a department go to the persons concerned."""
    record = of_type("stand-up").take("send", "market-li")
    assert record.state == "distributed"
    assert {r.person for r in record.receipts} >= set(KICK_OFF["participants"])


def test_an_announced_meeting_is_minuted_or_cancelled() -> None:
    """T03: the notice goes out in advance and is acknowledged; the heads sign as ever."""
    case = Case().open("minutes", "announce", "market-li", NOTICE)
    case.acknowledge("design-li")
    assert case.clock("minutes-due").state == "running"
    case.turn(days=1, hours=2)
    case.take("minute", "market-li", {**KICK_OFF, "held_at": "2026-03-03T01:00:00Z"})
    assert case.clock("minutes-due").met is True
    case.take("issue", "market-li")
    assert {s.signer for s in case.it.open_slots()} == {
        PEOPLE[f"{d}-head"] for d in ("market", "design", "sales")
    }
    case = Case().open("minutes", "announce", "market-li", NOTICE)
    assert case.take("cancel", "market-head", {"reason": "改期"}).state == "cancelled"


def test_only_partner_meetings_are_confidential() -> None:
    """P22 P23: supplier talks are for purchasing, BD, the head, and whoever has a part in them."""
    case = of_type("partner", outside="供应商经理王工", partner="某供应商")
    people = case.people.people
    readers = {n for n, i in PEOPLE.items() if may_read(case.it, people[i], case.people)}
    assert confidential(case.it)
    assert readers == {
        "market-li", "market-head", "purchasing-head", "purchasing-li", "purchasing-zhang",
        "sales-head", "sales-li", "sales-zhang", "design-li",
    }  # fmt: skip
    assert not confidential(minutes().it)


def test_departments_see_what_names_them_and_no_more() -> None:
    """P 2.4: 高层 sees all, 基层 its own department's."""
    case = minutes()
    people = case.people.people
    assert may_read(case.it, people[PEOPLE["gm"]], case.people)
    assert may_read(case.it, people[PEOPLE["sales-zhang"]], case.people)
    assert not may_read(case.it, people[PEOPLE["legal-li"]], case.people)


def test_an_action_is_due_at_the_end_of_its_day() -> None:
    """Each action has a clock of its own, met or late by itself."""
    case = minutes().turn(days=7)
    case.take("complete-action", "design-li", {"result": "好"}, item="actions-1")
    assert case.clock("action-due", "actions-1").met is True
    case.turn(days=10)
    assert case.clock("action-due", "actions-2").state == "overdue"
    added = {"task": "预算表", "owner": PEOPLE["gm"], "due": "2026-03-20"}
    with pytest.raises(errors.StepNotAllowedError):
        case.take("add-action", "market-li", added)
