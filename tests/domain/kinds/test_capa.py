"""Corrective and preventive action: the way through it, its loops, and the gates of its end."""

from typing import Any

import pytest

from domain.errors import GuardError, InvalidFormError, NotEntitledError, StepNotAllowedError
from domain.forms import references
from domain.kinds import find
from tests.domain.journeys import CAPA, act, capa
from tests.domain.plant import PEOPLE, Case, directory, hex_id

KIND = find("capa")


def states(case: Case) -> dict[str, str]:
    return {key: item.state for key, item in case.it.items["actions"].items()}


def test_a_capa_runs_from_issue_to_close() -> None:
    """Issued, analysed, proposed, approved by GM, distributed, done, verified, reported, closed."""
    case = capa()
    assert case.it.state == "closed"
    assert states(case) == {"actions-1": "done", "actions-2": "done"}
    assert case.it.number == "JZ-2026-00001"


def test_every_step_has_an_example_here() -> None:
    """No step goes untried: each has answers in the journeys."""
    assert {s.id for s in KIND.steps} == set(CAPA)


@pytest.mark.parametrize("by", ["production-li", "service-li", "gm"])
def test_only_quality_and_engineering_issue_it(by: str) -> None:
    """品管科, 工程科填写."""
    with pytest.raises(NotEntitledError):
        act(Case(), "issue", by=by)


def test_the_responsible_departments_are_told_and_confirm() -> None:
    """Heads of both departments receive the request and later the approved actions."""
    case = act(Case(), "issue")
    assert {r.person for r in case.it.receipts if r.acknowledge} == {
        PEOPLE["production-head"],
        PEOPLE["purchasing-head"],
    }


# ---------------------------------------------------------------- approval


def test_submission_needs_an_action() -> None:
    """The general manager is not asked to approve nothing."""
    case = act(act(Case(), "issue", source="internal"), "analyse")
    with pytest.raises(GuardError, match="at least one action"):
        act(case, "submit")


def test_a_capa_from_a_complaint_is_linked_to_it_before_submission() -> None:
    """The link is what binds their retention."""
    case = act(act(act(Case(), "issue"), "analyse"), "propose")
    with pytest.raises(GuardError, match="link it"):
        act(case, "submit")
    complaint = hex_id("the complaint")
    case.known = {complaint: "complaint"}
    case.link("resolves", complaint, "quality-li")
    assert case.it.links[0].record == complaint


def test_resolves_is_a_binding_link() -> None:
    """RETENTION.md 4: complaint and CAPA go together."""
    assert {rule.rel: rule.binding for rule in KIND.links} == {
        "resolves": True,
        "repeat-of": False,
        "see-also": False,
    }


def test_nothing_is_completed_before_approval() -> None:
    """经公司总经理审批后…实施."""
    case = capa("submit")
    with pytest.raises(GuardError, match="general manager"):
        act(case, "complete-action", item="actions-2")


def test_approval_moves_it_on_and_only_the_gm_gives_it() -> None:
    """One signature with the meaning “approves”."""
    case = capa("submit")
    with pytest.raises(NotEntitledError):
        case.sign("approval", "mr")
    case.sign("approval", "gm")
    assert case.it.state == "approved"
    assert case.it.signatures[-1].meaning == "approves"


def test_a_refusal_returns_it_and_actions_are_changed_dropped_and_added() -> None:
    """退回: single actions change, the rest stay, and the GM sees a new edition."""
    case = capa("submit")
    edition = case.it.edition
    case.refuse("approval", "gm", "期限太松")
    assert case.it.state == "returned"
    act(case, "change-action", item="actions-1")
    act(case, "drop-action", item="actions-2")
    act(case, "propose", actions=[dict(CAPA["propose"][1]["actions"][1], measure="防错装置")])
    act(case, "submit")
    case.sign("approval", "gm")
    assert case.it.state == "approved"
    assert case.it.edition > edition
    assert states(case) == {"actions-1": "open", "actions-2": "dropped", "actions-3": "open"}
    assert case.it.items["actions"]["actions-1"].values["due"] == "2026-03-12"
    assert case.it.items["actions"]["actions-1"].values["measure"] == "更新参数"


def test_a_change_before_the_signature_must_be_submitted_again() -> None:
    """The GM does not sign an edition that changed underneath."""
    case = capa("submit")
    act(case, "change-action", item="actions-1")
    with pytest.raises((NotEntitledError, StepNotAllowedError)):
        case.sign("approval", "gm")
    act(case, "submit")
    case.sign("approval", "gm")
    assert case.it.state == "approved"


def test_approved_actions_do_not_change_but_may_get_more_time() -> None:
    """Changes need the GM again; more time is given by GM or MR, with a reason."""
    case = capa("distribute")
    with pytest.raises(GuardError, match="has approved"):
        act(case, "change-action", item="actions-1")
    with pytest.raises(NotEntitledError):
        act(case, "extend-action", item="actions-1", by="production-head")
    act(case, "extend-action", item="actions-1")
    assert case.it.items["actions"]["actions-1"].values["due"] == "2026-03-15"


def test_correcting_what_was_approved_asks_for_approval_again() -> None:
    """The first signature stays visible over its edition; the record waits for a new one."""
    case = capa("approval")
    actions = [dict(row) for row in CAPA["propose"][1]["actions"]]
    actions[0]["measure"] = "更新全部参数"
    case.correct("propose", "production-head", {"actions": actions})
    assert case.it.state == "submitted"
    first, again = case.it.signatures
    assert first.voided_by is not None
    assert again.signed_by is None
    case.sign("approval", "gm")
    assert case.it.state == "approved"


# ---------------------------------------------------------------- implementation, verification


def test_only_its_owner_completes_an_action() -> None:
    """So that the implementer is known when somebody verifies."""
    case = capa("distribute")
    with pytest.raises(NotEntitledError):
        act(case, "complete-action", item="actions-1", by="production-li")


def test_verification_waits_for_every_action() -> None:
    """One open action is enough to refuse."""
    case = capa("distribute")
    act(case, "complete-action", item="actions-2")
    with pytest.raises(GuardError, match="not completed"):
        act(case, "verify")


def test_an_implementer_does_not_verify() -> None:
    """Verifier ≠ implementer, even where they are of the quality department."""
    own = [dict(CAPA["propose"][1]["actions"][0], owner=PEOPLE["quality-head"])]
    case = capa("submit")
    case.refuse("approval", "gm")
    act(case, "propose", actions=own)
    act(case, "submit")
    case.sign("approval", "gm")
    act(case, "distribute")
    act(case, "complete-action", item="actions-1", by="purchasing-li")
    act(case, "complete-action", item="actions-2")
    act(case, "complete-action", item="actions-3", by="quality-head")
    with pytest.raises(NotEntitledError, match="Separation"):
        act(case, "verify", by="quality-head")
    act(case, "verify", by="quality-zhang")
    assert case.it.state == "verified"


def test_verification_is_the_work_of_quality_or_the_mr() -> None:
    """The department does not verify its own actions."""
    case = capa("complete-action")
    with pytest.raises(NotEntitledError):
        act(case, "verify", by="production-head")


def test_not_effective_goes_back_to_the_causes_and_needs_approval_again() -> None:
    """A second round: new analysis, new action, a second signature, then effective."""
    case = capa("complete-action")
    act(case, "verify", effective="not-effective")
    assert case.it.state == "rework"
    act(case, "analyse", root_cause="参数表无负责人")
    with pytest.raises(GuardError, match="at least one action"):
        act(case, "submit")
    act(case, "propose", actions=[CAPA["propose"][1]["actions"][1]])
    act(case, "submit")
    case.sign("approval", "gm")
    act(case, "distribute")
    act(case, "complete-action", item="actions-3")
    for step in ("update-documents", "verify", "report", "close"):
        act(case, step)
    assert case.it.state == "closed"
    assert sum(s.signed_by is not None for s in case.it.signatures) == 2


# ---------------------------------------------------------------- the gates of its end


def test_it_does_not_close_unverified() -> None:
    """The message names effectiveness."""
    case = capa("complete-action")
    with pytest.raises(GuardError, match="effectiveness") as refused:
        act(case, "close")
    assert "验证有效" in refused.value.message.zh


def test_it_does_not_close_when_found_not_effective() -> None:
    """A verification that says no is no verification of effectiveness."""
    case = capa("complete-action")
    act(case, "update-documents")
    act(case, "verify", effective="not-effective")
    with pytest.raises(GuardError, match="effectiveness"):
        act(case, "close")


def test_it_does_not_close_without_an_answer_on_fmea_and_control_plan() -> None:
    """IATF 10.2.3 f: updated with document and revision, or not needed with a reason."""
    case = capa("complete-action")
    for step in ("verify", "report"):
        act(case, step)
    with pytest.raises(GuardError, match="FMEA") as refused:
        act(case, "close")
    assert "控制计划" in refused.value.message.zh
    act(case, "update-documents")
    act(case, "close")
    assert case.it.state == "closed"


def test_the_answer_on_documents_is_asked_anew_for_a_second_round_of_actions() -> None:
    """The first answer spoke of actions that did not help."""
    case = capa("complete-action")
    act(case, "update-documents")
    act(case, "verify", effective="not-effective")
    act(case, "analyse")
    act(case, "propose", actions=[CAPA["propose"][1]["actions"][1]])
    act(case, "submit")
    case.sign("approval", "gm")
    act(case, "distribute")
    act(case, "complete-action", item="actions-3")
    for step in ("verify", "report"):
        act(case, step)
    with pytest.raises(GuardError, match="FMEA"):
        act(case, "close")
    act(case, "update-documents")
    act(case, "close")
    assert case.it.state == "closed"


def test_it_does_not_close_unreported() -> None:
    """向管理者汇报 comes first."""
    case = capa("verify")
    with pytest.raises(GuardError, match="management representative"):
        act(case, "close")


def test_the_report_goes_to_the_management_representative() -> None:
    """With acknowledgement."""
    case = capa("report")
    assert (PEOPLE["mr"], True) in {(r.person, r.acknowledge) for r in case.it.receipts}


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"fmea_revision": None}, "fmea_revision"),
        ({"fmea_document": None}, "fmea_document"),
        ({"control_plan_reason": None}, "control_plan_reason"),
        ({"control_plan": "updated", "control_plan_reason": None}, "control_plan_document"),
        ({"control_plan": None}, "control_plan"),
    ],
)
def test_an_answer_on_documents_is_whole(changes: dict[str, Any], missing: str) -> None:
    """Neither “updated” without a revision, nor “not needed” without a reason."""
    case = capa("complete-action")
    with pytest.raises(InvalidFormError) as refused:
        act(case, "update-documents", **changes)
    assert missing in {fault.path for fault in refused.value.faults}


def test_similar_processes_are_looked_at_or_the_absence_explained() -> None:
    """IATF 10.2.3 d."""
    case = act(Case(), "issue")
    with pytest.raises(InvalidFormError) as refused:
        act(case, "analyse", similar=None)
    assert [f.path for f in refused.value.faults] == ["similar"]
    with pytest.raises(InvalidFormError) as refused:
        act(case, "analyse", similar=None, similar_exist=False)
    assert [f.path for f in refused.value.faults] == ["no_similar"]
    act(case, "analyse", similar=None, similar_exist=False, no_similar="仅此一条线")


def test_a_reopened_capa_is_verified_and_reported_again() -> None:
    """What was effective then is not thereby effective now."""
    case = capa()
    case.reopen("mr", "问题再次发生")
    assert case.it.state == "rework"
    with pytest.raises(GuardError, match="effectiveness"):
        act(case, "close")


def test_parts_of_the_rows_are_references() -> None:
    """A CAPA is found by part and batch."""
    issue = KIND.step("issue")
    assert issue is not None
    assert set(references(issue.form, CAPA["issue"][1])) == {
        ("part", "A-4711/B"),
        ("batch", "B-2026-02"),
    }


def test_unknown_owner_is_refused() -> None:
    """An action belongs to somebody in the directory."""
    case = act(act(Case(people=directory()), "issue"), "analyse")
    row = dict(CAPA["propose"][1]["actions"][0], owner=hex_id("nobody"))
    with pytest.raises(InvalidFormError):
        act(case, "propose", actions=[row])
