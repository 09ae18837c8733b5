"""The complaint, step by step, as the seeds tell it; and where it says no."""

from datetime import timedelta
from typing import Any

import pytest

from domain.access import may_read
from domain.calendar import Calendar
from domain.clocks import clocks
from domain.errors import (
    GuardError,
    InvalidFormError,
    NotEntitledError,
    StepNotAllowedError,
)
from domain.forms import references
from domain.kinds import find
from tests.domain.journeys import COMPLAINT, TO_CLOSED, complaint, take
from tests.domain.plant import DEPARTMENTS, PEOPLE, SITE, Case, directory, head

KIND = find("complaint")
COMPENSATION: dict[str, Any] = {
    "compensation": True,
    "compensation_terms": "赔偿500元",
    "compensation_amount": "500",
}


def test_the_seeds_complaint_runs_from_receipt_to_callback() -> None:
    """Received, transferred, analysed, told, confirmed, executed, solved, fed back, called back."""
    case = Case()
    states = []
    for step in TO_CLOSED:
        take(case, step)
        states.append(case.it.state)
    assert states == [
        "received",
        "transferred",
        "analysed",
        "contacted",
        "executing",
        "executing",
        "solved",
        "fed-back",
        "closed",
    ]
    assert case.it.number == "KS-2026-00001"


def test_every_clock_of_a_swift_complaint_is_met() -> None:
    """Analysis, contact, updates, plan, feedback, callback and three levels."""
    case = complaint()
    found = clocks(case.it, Calendar(), SITE, case.now + timedelta(days=30))
    assert {c.state for c in found} == {"met"}
    assert {c.deadline for c in found} == {
        "analysis",
        "contact",
        "first-update",
        "next-update",
        "plan",
        "feedback",
        "callback",
        "l1",
        "l2",
        "l3",
    }


def test_every_step_has_an_example_here() -> None:
    """No step goes untried: each has answers in the journeys."""
    assert {s.id for s in KIND.steps} == set(COMPLAINT)


# ---------------------------------------------------------------- loops and answers


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ("very-satisfied", "closed"),
        ("satisfied", "closed"),
        ("fair", "closed"),
        ("dissatisfied", "reopened"),
    ],
)
def test_the_four_answers_of_the_callback(answer: str, state: str) -> None:
    """只有“不满意”重新打开."""
    case = complaint("feed-back")
    take(case, "call-back", satisfaction=answer)
    assert case.it.state == state


def test_a_reopened_complaint_goes_through_the_steps_again() -> None:
    """不满意 → transferred again → closed the second time, both callbacks kept."""
    case = complaint("feed-back")
    take(case, "call-back", satisfaction="dissatisfied", remarks="仍缺两台")
    for step in TO_CLOSED[1:]:
        take(case, step)
    assert case.it.state == "closed"
    said = [e.values["satisfaction"] for e in case.it.entries if e.step == "call-back"]
    assert said == ["dissatisfied", "satisfied"]


def test_a_rejected_plan_goes_back_to_analysis() -> None:
    """The customer says no; the department proposes anew and tells again."""
    case = complaint("contact")
    take(case, "reject-plan")
    assert case.it.state == "rejected"
    for step in ("analyse", "contact", "confirm-plan"):
        take(case, step)
    assert case.it.state == "executing"


def test_a_callback_that_nobody_answers_is_closed_by_the_supervisor_after_an_attempt() -> None:
    """Not silently: an attempt must be on record first."""
    case = complaint("feed-back")
    with pytest.raises(GuardError, match="not answered"):
        take(case, "close-unanswered")
    take(case, "callback-attempt")
    take(case, "close-unanswered")
    assert case.it.state == "closed"


def test_each_level_of_the_ladder_answers_for_the_ones_below() -> None:
    """高层 answered: nobody below is waited for any more."""
    case = complaint("receive")
    take(case, "respond-l3")
    found = clocks(case.it, Calendar(), SITE, case.now)
    assert {c.level: c.state for c in found} == {1: "met", 2: "met", 3: "met"}


def test_the_front_line_does_not_answer_for_the_supervisor() -> None:
    """After 一线客服 the other two levels run on."""
    case = complaint("receive")
    take(case, "respond-l1")
    found = clocks(case.it, Calendar(), SITE, case.now)
    assert {c.level: c.state for c in found} == {1: "met", 2: "running", 3: "running"}


# ---------------------------------------------------------------- who


@pytest.mark.parametrize(
    ("until", "step", "by"),
    [
        ("receive", "transfer", "design-li"),
        ("transfer", "analyse", "logistics-li"),
        ("feed-back", "call-back", "production-li"),
        ("receive", "respond-l2", "service-li"),
        ("receive", "respond-l3", "supervisor"),
        ("update", "solve", "service-li"),
        ("receive", "prioritise", "production-li"),
    ],
)
def test_steps_are_for_those_whose_work_they_are(until: str, step: str, by: str) -> None:
    """责任部门分析和解决, 客服回访, each level its own answer."""
    case = complaint(until)
    with pytest.raises(NotEntitledError):
        case.take(step, by, COMPLAINT[step][1])


def test_anyone_may_receive_a_complaint() -> None:
    """客服/对接人: whoever the customer reaches writes it down at once."""
    case = Case().open("complaint", "receive", "design-zhang", COMPLAINT["receive"][1])
    assert case.it.state == "received"


def test_the_head_of_the_responsible_department_is_told_and_confirms() -> None:
    """The transfer is distributed for acknowledgement."""
    case = complaint("transfer")
    assert [(r.person, r.acknowledge) for r in case.it.receipts] == [
        (PEOPLE["production-head"], True)
    ]
    case.acknowledge("production-head")
    assert case.it.receipts[0].at is not None


@pytest.mark.parametrize(
    ("who", "reads"),
    [
        ("service-zhang", True),
        ("quality-li", True),
        ("production-zhang", True),
        ("gm", True),
        ("office-li", True),
        ("design-li", False),
        ("logistics-li", False),
        ("admin", False),
    ],
)
def test_a_complaint_is_confidential(who: str, reads: bool) -> None:
    """客服, 品管, the responsible department and 高层 read it; others do not."""
    people = directory()
    case = complaint("transfer")
    assert may_read(case.it, people.people[PEOPLE[who]], people) is reads


def test_a_department_that_handles_it_jointly_reads_it() -> None:
    """Cause outside: the departments named for it come in."""
    case = complaint("transfer")
    take(
        case,
        "analyse",
        responsibility="logistics",
        responsible_department=None,
        responsible_party="顺丰",
        joint_departments=[DEPARTMENTS["logistics"]],
    )
    people = directory()
    assert may_read(case.it, people.people[PEOPLE["logistics-zhang"]], people)


# ---------------------------------------------------------------- gates


def test_compensation_goes_to_legal_before_the_customer_hears_of_it() -> None:
    """赔偿方案已同步法务部: a gate, with legal among the recipients."""
    case = complaint("transfer")
    take(case, "analyse", **COMPENSATION)
    with pytest.raises(GuardError, match="legal"):
        take(case, "contact")
    take(case, "inform-legal")
    assert PEOPLE["legal-head"] in {r.person for r in case.it.receipts}
    take(case, "contact")
    assert case.it.state == "contacted"


def test_a_new_offer_after_a_rejected_plan_goes_to_legal_again() -> None:
    """What legal knows is the old offer."""
    case = complaint("transfer")
    take(case, "analyse", **COMPENSATION)
    for step in ("inform-legal", "contact", "reject-plan"):
        take(case, step)
    take(case, "analyse", **{**COMPENSATION, "compensation_amount": "2000"})
    with pytest.raises(GuardError, match="legal"):
        take(case, "contact")


def test_legal_is_not_bothered_without_compensation() -> None:
    """Nothing to tell."""
    case = complaint("analyse")
    with pytest.raises(GuardError, match="no compensation"):
        take(case, "inform-legal")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"responsibility": "supplier"}, "responsible_party"),
        ({"responsibility": "logistics"}, "joint_departments"),
        ({"compensation": True}, "compensation_terms"),
        ({"responsible_department": None}, "responsible_department"),
        ({"spokesperson": None}, "spokesperson"),
        ({"plan": "  "}, "plan"),
    ],
)
def test_the_analysis_asks_what_its_answers_make_necessary(
    changes: dict[str, Any], field: str
) -> None:
    """External cause: with whom jointly; compensation: what; internal: which department."""
    case = complaint("transfer")
    with pytest.raises(InvalidFormError) as refused:
        take(case, "analyse", **changes)
    assert field in {fault.path for fault in refused.value.faults}


def test_a_result_is_fed_back_with_evidence() -> None:
    """物流单号 or a file; one of them is enough."""
    case = complaint("solve")
    with pytest.raises(GuardError, match="tracking number"):
        take(case, "feed-back", tracking_number=None)
    take(case, "feed-back", tracking_number=None, evidence=COMPLAINT["root-cause"][1]["evidence"])
    assert case.it.state == "fed-back"


def test_shipped_suspect_product_asks_when_the_customer_was_notified() -> None:
    """IATF 8.7.1.6."""
    case = complaint("transfer")
    with pytest.raises(InvalidFormError) as refused:
        take(case, "contain", shipped=True)
    assert [f.path for f in refused.value.faults] == ["customer_notified_at"]
    take(case, "contain", shipped=True, customer_notified_at="2026-03-02T02:00:00Z")


def test_filing_asks_for_the_root_cause_or_the_capa() -> None:
    """IATF 10.2.3: method and evidence, here or in the CAPA that resolves the complaint."""
    case = complaint()
    with pytest.raises(GuardError, match="root cause"):
        case.file("office-li")
    case.linked = (head("resolves", "capa", "issued", incoming=True),)
    case.file("office-li")
    assert case.it.filing is not None


def test_expected_returned_parts_are_analysed_before_filing() -> None:
    """IATF 10.2.6; the analysis may be entered late, after closing."""
    case = complaint("transfer")
    take(case, "analyse", parts_expected=True)
    take(case, "root-cause")
    for step in TO_CLOSED[3:]:
        take(case, step)
    with pytest.raises(GuardError, match="returned parts"):
        case.file("service-li")
    take(case, "returned-part")
    assert case.it.state == "closed"
    case.file("service-li")
    assert case.it.filing is not None


def test_a_withdrawn_complaint_is_filed_without_analysis() -> None:
    """There is nothing to analyse of a complaint recorded twice."""
    case = complaint("receive")
    take(case, "withdraw")
    case.file("office-li")
    assert case.it.filing is not None


def test_a_closed_complaint_is_reopened_before_it_is_corrected() -> None:
    """A changed answer would otherwise leave it closed on words that nobody said."""
    case = complaint()
    with pytest.raises(StepNotAllowedError):
        case.correct("call-back", "service-li", {"satisfaction": "dissatisfied"})
    case.reopen("service-li")
    assert case.it.state == "reopened"
    case.correct("receive", "service-li", {"phone": "13900000000"})
    assert case.it.answer("receive.phone") == "13900000000"


def test_steps_out_of_order_say_what_is_possible() -> None:
    """Nobody solves what was not confirmed."""
    case = complaint("analyse")
    with pytest.raises(StepNotAllowedError) as refused:
        take(case, "solve")
    assert "contact" in refused.value.allowed
    assert "solve" not in refused.value.allowed


def test_priority_may_change_and_both_stay() -> None:
    """The first assessment is not erased by the second."""
    case = complaint("receive")
    take(case, "prioritise")
    assert case.it.answer("receive.priority") == "urgent"
    assert case.it.answer("prioritise.priority") == "important"


def test_a_complaint_is_found_by_customer_part_and_batch() -> None:
    """Business references of the form."""
    form = KIND.step("receive")
    assert form is not None
    found = set(references(form.form, COMPLAINT["receive"][1]))
    assert found == {("customer", "科技公司"), ("batch", "B-2026-02"), ("part", "A-4711/B")}


def test_what_the_seeds_do_not_ask_is_marked_as_our_proposal() -> None:
    """Containment, root cause and returned parts are IATF's, not the seeds'."""
    marks = {s.id: s.mark for s in KIND.steps}
    assert {marks[s] for s in ("contain", "root-cause", "returned-part", "withdraw")} == {"P"}
    assert {marks[s] for s in TO_CLOSED} == {"S"}
