"""Commands become events, or are refused: given a record, when asked, then so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain import errors
from domain.commands import Actor, Import, Open
from domain.decide import decide
from domain.events import Attachment, Corrected, LinkedTo, Opened, Signed, StepTaken
from tests.domain.plant import (
    DEPARTMENTS,
    MONDAY,
    PEOPLE,
    Case,
    delegation,
    directory,
    head,
    hex_id,
)
from tests.domain.samples import ACCEPTANCE, HEADS, KICK_OFF, TRACKER, issued, minutes

ERP = Actor(None, system="erp", assurance="api-key")


# ---------------------------------------------------------------- opening


def test_opening_gives_one_event_with_its_author_department_and_answers() -> None:
    """The event says who opened what, when, and for which department."""
    event = minutes().event
    assert isinstance(event, Opened)
    assert (event.version, event.kind, event.step) == (1, "minutes", "draft")
    assert event.actor == PEOPLE["market-li"]
    assert event.department == DEPARTMENTS["market"]
    assert event.values["held_at"] == "2026-03-02T01:00:00.000000Z"


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"goal": "  "}, "goal"),
        ({"topic": None}, "topic"),
        ({"kind": "x"}, "kind"),
        ({"held_at": 1767225600}, "held_at"),
        ({"held_at": "2026-03-02T09:00:00"}, "held_at"),
        ({"type": "party"}, "type"),
        ({"departments": []}, "departments"),
        ({"mechanism": None}, "mechanism"),
        ({"partner": "科技公司"}, "partner"),
        ({"topic": "字\x00"}, "topic"),
        ({"chair": hex_id("nobody")}, "chair"),
        ({"participants": [PEOPLE["gm"], hex_id("nobody")]}, "participants.1"),
        (
            {"actions": [{"task": "x", "owner": hex_id("n"), "due": "2026-03-02"}]},
            "actions.0.owner",
        ),
        ({"actions": [{"task": "x", "owner": PEOPLE["gm"], "due": "soon"}]}, "actions.0.due"),
    ],
)
def test_a_wrong_answer_is_refused_where_it_stands(change: dict[str, Any], path: str) -> None:
    """invalid-form names each faulty answer by its path."""
    with pytest.raises(errors.InvalidFormError) as caught:
        Case().open("minutes", "draft", "market-li", {**KICK_OFF, **change})
    assert path in {fault.path for fault in caught.value.faults}
    assert caught.value.code == "invalid-form"
    assert all(fault.message.zh and fault.message.en for fault in caught.value.faults)


def test_unknown_kind_and_step_are_refused() -> None:
    """unknown-kind and unknown-step, before anything else is looked at."""
    with pytest.raises(errors.UnknownKindError):
        Case().open("poem", "draft", "gm", {})
    with pytest.raises(errors.UnknownStepError):
        Case().open("minutes", "issue", "gm", {})
    with pytest.raises(errors.UnknownStepError):
        minutes().take("draft", "market-li", KICK_OFF)


def test_a_record_is_opened_once() -> None:
    """Opening what exists is refused as already done."""
    with pytest.raises(errors.ConflictError):
        minutes().open("minutes", "draft", "market-li", KICK_OFF)


def test_what_is_not_there_takes_no_step() -> None:
    """A step of a record that does not exist is refused."""
    with pytest.raises(errors.UnknownStepError):
        Case().take("issue", "gm")


def test_files_must_have_been_uploaded() -> None:
    """An answer may only name files that came with the command."""
    photo = Attachment(hex_id("photo"), "海报.jpg", "image/jpeg", 10)
    values = {**KICK_OFF, "attachments": [photo.id]}
    with pytest.raises(errors.InvalidFormError):
        Case().open("minutes", "draft", "market-li", values)
    case = Case().open("minutes", "draft", "market-li", values, attachments=(photo,))
    assert case.event.attachments == (photo,)


# ---------------------------------------------------------------- who and when


def test_a_stranger_to_the_step_is_refused_and_told_who_may() -> None:
    """not-entitled names the people who are meant."""
    with pytest.raises(errors.NotEntitledError, match="市场部li"):
        minutes().take("issue", "sales-zhang")


def test_an_inactive_or_unknown_person_is_refused() -> None:
    """Only active people of the directory act."""
    with pytest.raises(errors.NotEntitledError):
        minutes().take("issue", hex_id("nobody"))


def test_a_system_takes_only_steps_that_are_open_to_systems() -> None:
    """A key never stands in for a person where the kind wants one."""
    with pytest.raises(errors.NotEntitledError):
        minutes().take("issue", ERP)
    with pytest.raises(errors.NotEntitledError):
        issued().sign("heads", ERP)


def test_a_delegate_acts_within_kind_and_time_only() -> None:
    """A delegation counts in its kinds, from its first to its last moment, until revoked."""
    grants = directory(delegation("market-li", "sales-zhang", "minutes"))
    event = _issue_for(Case(grants), behalf="market-li")
    assert (event.actor, event.behalf) == (PEOPLE["sales-zhang"], PEOPLE["market-li"])
    for other in (
        delegation("market-li", "sales-zhang", "complaint"),
        delegation("market-li", "sales-zhang", until=MONDAY - timedelta(hours=1)),
        delegation("market-li", "sales-zhang", since=MONDAY + timedelta(days=1)),
        delegation("market-li", "sales-zhang", revoked=True),
        delegation("sales-zhang", "market-li"),
    ):
        with pytest.raises(errors.NotEntitledError):
            _issue_for(Case(directory(other)), behalf="market-li")


def _issue_for(case: Case, behalf: str) -> StepTaken:
    minutes(case).take("issue", "sales-zhang", behalf=behalf)
    assert isinstance(case.event, StepTaken)
    return case.event


def test_claimed_times_lie_between_opening_and_now() -> None:
    """A claim may be entered late, but lies neither in the future nor before the record."""
    case = minutes().turn(days=2)
    assert case.take("issue", "market-li", ago=40).said("issue") is not None
    for hours in (-1, 60):
        with pytest.raises(errors.TimeClaimError):
            minutes().turn(days=2).take("issue", "market-li", ago=hours)


def test_a_step_out_of_turn_is_refused_with_what_is_possible_now() -> None:
    """step-not-allowed lists the steps that the state allows."""
    with pytest.raises(errors.StepNotAllowedError) as caught:
        minutes().take("distribute", "market-li")
    assert set(caught.value.allowed) == {"issue", "send", "complete-action", "cancel-action"}


def test_an_unknown_item_is_refused_with_those_that_exist() -> None:
    """Keyed children are named by their keys."""
    with pytest.raises(errors.UnknownStepError, match="actions-1, actions-2"):
        minutes().take("complete-action", "design-li", {"result": "好"}, item="actions-9")


def test_an_items_owner_takes_its_step() -> None:
    """`Named` looks into the item: its owner completes it, another owner does not."""
    case = minutes()
    with pytest.raises(errors.NotEntitledError):
        case.take("complete-action", "sales-li", {"result": "好"}, item="actions-1")
    record = case.take("complete-action", "design-li", {"result": "好"}, item="actions-1")
    assert record.items["actions"]["actions-1"].state == "done"
    assert record.items["actions"]["actions-2"].state == "open"


# ---------------------------------------------------------------- signatures


def test_signers_are_the_heads_frozen_when_issued() -> None:
    """A new head does not take over a signature that was asked of the old one."""
    case = issued()
    assert {s.signer for s in case.it.open_slots()} == {PEOPLE[h] for h in HEADS}
    departments = dict(case.people.departments)
    old = departments[DEPARTMENTS["sales"]]
    departments[old.id] = type(old)(old.id, old.name, PEOPLE["sales-li"], old.functions)
    case.people = type(case.people)(case.people.people, departments)
    with pytest.raises(errors.NotEntitledError):
        case.sign("heads", "sales-li")
    case.sign("heads", "sales-head")


def test_partly_signed_is_a_state_and_the_last_signature_completes() -> None:
    """Issued, partly signed, fully signed, each visible in the state."""
    case = issued()
    states = [case.sign("heads", who).state for who in HEADS]
    assert states == ["partly-signed", "partly-signed", "signed"]


def test_a_signature_covers_what_was_seen_by_hash() -> None:
    """`covers` are the envelopes of the covered steps and of their corrections, in order."""
    case = minutes()
    case.correct("draft", "market-li", {"decisions": "另行商定。"})
    case.take("issue", "market-li")
    case.sign("heads", "sales-head")
    assert isinstance(case.event, Signed)
    assert case.event.covers == (case.history[0].digest, case.history[1].digest)
    assert (case.event.meaning, case.event.printed_role) == ("confirms", "销售部负责人")


def test_nobody_signs_an_edition_that_they_have_not_seen() -> None:
    """The edition in the command must be the present one."""
    case = issued()
    case.correct("draft", "market-li", {"decisions": "另行商定。"})
    with pytest.raises(errors.StepNotAllowedError, match="edition 2"):
        case.sign("heads", "sales-head", edition=1)


def test_signing_twice_or_uninvited_is_refused() -> None:
    """already-done and not-entitled."""
    case = issued()
    case.sign("heads", "sales-head")
    with pytest.raises(errors.ConflictError):
        case.sign("heads", "sales-head")
    with pytest.raises(errors.NotEntitledError):
        case.sign("heads", "legal-head")
    with pytest.raises(errors.UnknownStepError):
        case.sign("gm", "gm")


def test_a_delegate_signs_in_the_name_of_the_head() -> None:
    """Both stand in the event: who signed, and whose signature it is."""
    case = issued(Case(directory(delegation("sales-head", "sales-zhang", "minutes"))))
    case.sign("heads", "sales-zhang", behalf="sales-head")
    event = case.event
    assert isinstance(event, Signed)
    assert (event.actor, event.signer) == (PEOPLE["sales-zhang"], PEOPLE["sales-head"])
    answered = next(s for s in case.it.signatures if s.signer == PEOPLE["sales-head"])
    assert answered.signed_by == PEOPLE["sales-zhang"]


def test_a_refusal_needs_a_reason_and_returns_the_minutes() -> None:
    """Refusing leads back; nobody is asked for that edition any more; all stays visible."""
    case = issued()
    case.sign("heads", "market-head")
    with pytest.raises(errors.InvalidFormError):
        case.refuse("heads", "sales-head", "  ")
    record = case.refuse("heads", "sales-head", "渠道清单日期未商定")
    assert record.state == "returned"
    assert record.open_slots() == ()
    with pytest.raises(errors.StepNotAllowedError):
        case.sign("heads", "design-head")
    refused = [s.refused for s in record.signatures if s.refused]
    assert refused == ["渠道清单日期未商定"]
    assert [s.signed_by for s in record.signatures if s.signed_by] == [PEOPLE["market-head"]]


def test_returned_minutes_are_answered_corrected_and_signed_again_by_all() -> None:
    """After a return a new edition goes to every head, also to who had signed before."""
    case = issued()
    case.sign("heads", "market-head")
    case.refuse("heads", "sales-head")
    case.take("revise", "market-li", {"answer": "改为第20天"})
    case.correct("draft", "market-li", {"decisions": "渠道清单第20天提交。"})
    case.take("issue", "market-li")
    assert {s.signer for s in case.it.open_slots()} == {PEOPLE[h] for h in HEADS}
    for who in HEADS:
        case.sign("heads", who)
    assert case.it.state == "signed"
    assert {s.edition for s in case.it.signatures if s.voided_by is None} == {3}


# ---------------------------------------------------------------- corrections


def test_a_correction_before_signing_asks_the_same_heads_for_the_new_edition() -> None:
    """Nothing is voided where nothing was signed."""
    case = issued()
    record = case.correct("draft", "market-li", {"decisions": "另行商定。"})
    assert (record.state, record.edition) == ("issued", 2)
    assert [s.voided_by for s in record.signatures] == [None] * 3


def test_a_correction_after_half_have_signed_voids_and_asks_again() -> None:
    """Earlier signatures stay, visibly over edition 1; each head is asked for edition 2."""
    case = issued()
    case.sign("heads", "market-head")
    case.sign("heads", "design-head")
    record = case.correct("draft", "market-li", {"decisions": "另行商定。"})
    voided = [s for s in record.signatures if s.voided_by]
    assert {s.signer for s in voided} == {PEOPLE["market-head"], PEOPLE["design-head"]}
    assert {(s.edition, s.voided_by) for s in voided} == {(1, record.version)}
    assert {s.signer for s in record.open_slots()} == {PEOPLE[h] for h in HEADS}
    assert (record.state, record.edition) == ("issued", 2)


def test_correcting_what_no_signature_covers_voids_none() -> None:
    """`touched`: only corrections of the covered steps take a signature away."""
    case = issued()
    for who in HEADS:
        case.sign("heads", who)
    case.take("complete-action", "design-li", {"result": "交了"}, item="actions-1")
    record = case.correct(case.it.version, "design-li", {"result": "已交初稿"})
    assert record.state == "signed"
    assert not [s for s in record.signatures if s.voided_by]
    assert record.items["actions"]["actions-1"].values["result"] == "已交初稿"


def test_a_correction_says_what_changes_and_why_and_points_at_it() -> None:
    """Only the changed answers travel, with a reason and the hash of what they correct."""
    case = minutes()
    case.correct("draft", "market-li", {"goal": KICK_OFF["goal"], "decisions": "另行商定。"})
    event = case.event
    assert isinstance(event, Corrected)
    assert event.values == {"decisions": "另行商定。"}
    assert event.refs[0].event == case.history[0].digest
    with pytest.raises(errors.ConflictError):
        case.correct("draft", "market-li", {"decisions": "另行商定。"})
    with pytest.raises(errors.InvalidFormError):
        case.correct("draft", "market-li", {"decisions": "不"}, reason=" ")
    with pytest.raises(errors.UnknownStepError):
        case.correct(17, "market-li", {})
    with pytest.raises(errors.InvalidFormError):
        case.correct("draft", "market-li", {"goal": None})


def test_a_correction_withdraws_an_answer_that_is_no_longer_asked() -> None:
    """A null takes an optional answer back, so that a changed choice can be corrected."""
    case = minutes()
    with pytest.raises(errors.InvalidFormError):
        case.correct("draft", "market-li", {"type": "company"})
    record = case.correct("draft", "market-li", {"type": "company", "mechanism": None})
    assert record.answer("draft.mechanism") is None
    assert "mechanism" not in record.entries[0].values


def test_corrected_rows_keep_their_keys() -> None:
    """A changed due date reaches the item, and a further row becomes a further item."""
    case = minutes()
    rows = [dict(row) for row in KICK_OFF["actions"]]
    rows[0]["due"] = "2026-03-12"
    rows.append({"task": "预算表", "owner": PEOPLE["gm"], "due": "2026-03-20"})
    children = case.correct("draft", "market-li", {"actions": rows}).items["actions"]
    assert [c.values["due"] for c in children.values()] == [
        "2026-03-12",
        "2026-03-15",
        "2026-03-20",
    ]
    assert list(children) == ["actions-1", "actions-2", "actions-3"]


def test_a_corrected_row_keeps_what_its_own_steps_said_since() -> None:
    """Correcting where an item came from takes nothing back that was done with it."""
    case = minutes()
    case.take("complete-action", "design-li", {"result": "交了"}, item="actions-1")
    rows = [{**KICK_OFF["actions"][0], "due": "2026-03-12"}, KICK_OFF["actions"][1]]
    item = case.correct("draft", "market-li", {"actions": rows}).items["actions"]["actions-1"]
    assert (item.values["due"], item.values["result"], item.state) == ("2026-03-12", "交了", "done")


# ---------------------------------------------------------------- distribution


def _distributed() -> Case:
    case = issued()
    for who in HEADS:
        case.sign("heads", who)
    case.take("distribute", "market-li")
    return case


def test_receivers_acknowledge_each_edition() -> None:
    """An acknowledgement is for an edition, once, and by those who received it."""
    case = _distributed()
    assert {r.person for r in case.it.receipts} >= {PEOPLE["sales-li"], PEOPLE["sales-head"]}
    record = case.acknowledge("sales-li")
    assert [r.person for r in record.receipts if r.at] == [PEOPLE["sales-li"]]
    with pytest.raises(errors.ConflictError):
        case.acknowledge("sales-li")
    with pytest.raises(errors.NotEntitledError):
        case.acknowledge("legal-li")
    with pytest.raises(errors.StepNotAllowedError):
        case.acknowledge("sales-head", edition=9)
    with pytest.raises(errors.NotEntitledError):
        case.acknowledge(ERP)


def test_corrected_minutes_are_signed_and_distributed_anew() -> None:
    """After distribution, too: back to signature, then everybody acknowledges the new edition."""
    case = _distributed()
    case.acknowledge("sales-li")
    assert case.correct("draft", "market-li", {"decisions": "另行商定。"}).state == "issued"
    for who in HEADS:
        case.sign("heads", who)
    record = case.take("distribute", "market-li")
    mine = [r for r in record.receipts if r.person == PEOPLE["sales-li"]]
    assert [(r.edition, r.at is None) for r in mine] == [(1, False), (2, True)]


def test_a_corrected_paper_without_signatures_is_acknowledged_anew() -> None:
    """Whoever was to acknowledge the summary is asked for its new edition."""
    case = Case().open("progress-tracker", "open", "market-li", TRACKER)
    week = {
        "week_of": "2026-03-02",
        "summary": "顺利",
        "progress": [{"milestone": "海报初稿"}],
        "lagging": False,
    }
    week["progress"] = [{"milestone": "海报初稿", "percent": 40}]
    case.take("weekly-summary", "market-li", week)
    case.acknowledge("sales-head")
    record = case.correct("weekly-summary", "market-li", {"summary": "略有滞后"})
    again = [r for r in record.receipts if r.edition == record.edition]
    assert {r.person for r in again} == {PEOPLE[h] for h in HEADS}
    assert all(r.at is None for r in again)


# ---------------------------------------------------------------- links and filing


def test_links_are_named_known_and_unique() -> None:
    """A link needs a relation of the kind, a record that exists, and is made once."""
    case = minutes(Case(linked=(head("about", "complaint", "closed"),)))
    other = hex_id("about complaint")
    case.link("about", other, "market-li")
    event = case.event
    assert isinstance(event, LinkedTo)
    assert event.refs[0].event == "d" * 64
    with pytest.raises(errors.ConflictError):
        case.link("about", other, "market-li")
    with pytest.raises(errors.UnknownStepError):
        case.link("married-to", other, "market-li")
    with pytest.raises(errors.InvalidFormError):
        case.link("about", case.id, "market-li")
    with pytest.raises(errors.InvalidFormError):
        case.link("about", hex_id("nothing"), "market-li")
    with pytest.raises(errors.InvalidFormError):
        case.link("about", other, "market-li", withdraw=True)
    assert case.link("about", other, "market-li", withdraw=True, reason="不相关").links == ()


def test_filing_waits_for_state_guard_and_office() -> None:
    """行政部 files distributed minutes whose actions are done or cancelled."""
    case = issued()
    with pytest.raises(errors.StepNotAllowedError):
        case.file("office-li")
    case = _distributed()
    with pytest.raises(errors.GuardError):
        case.file("office-li")
    case.take("complete-action", "design-li", {"result": "好"}, item="actions-1")
    case.take("cancel-action", "market-li", {"reason": "不做了"}, item="actions-2")
    with pytest.raises(errors.NotEntitledError):
        case.file("market-li")
    case.now = datetime(2026, 3, 31, 16, 30, tzinfo=UTC)
    filing = case.file("office-li", scope=True, locations=("3号柜",)).filing
    assert filing is not None
    assert (filing.base_date, filing.zone, filing.copies) == (
        "2026-04-01",
        "Asia/Shanghai",
        ("paper-1",),
    )


def test_what_is_filed_is_reopened_before_anything_changes() -> None:
    """Filed means closed to steps, corrections, links and signatures; reopening needs a reason."""
    case = _distributed()
    for item, who in (("actions-1", "design-li"), ("actions-2", "sales-li")):
        case.take("complete-action", who, {"result": "好"}, item=item)
    case.file("office-li")
    attempts: tuple[Callable[[], object], ...] = (
        lambda: case.correct("draft", "market-li", {"decisions": "不"}),
        lambda: case.take("add-action", "market-li", KICK_OFF["actions"][0]),
        lambda: case.link("see-also", hex_id("x"), "market-li"),
        lambda: case.file("office-li"),
    )
    for act in attempts:
        with pytest.raises(errors.StepNotAllowedError) as caught:
            act()
        assert caught.value.allowed in (("reopen",), ())
    with pytest.raises(errors.InvalidFormError):
        case.reopen("office-li", " ")
    record = case.reopen("office-li")
    assert (record.filing, record.state) == (None, "distributed")
    assert case.correct("draft", "market-li", {"decisions": "不"}).state == "issued"


def test_a_guard_over_linked_records_says_what_it_read() -> None:
    """The decision names the versions that it rested on, so that the commit can check them."""
    case = Case().open("progress-tracker", "open", "market-li", TRACKER)
    week = {"week_of": "2026-03-02", "summary": "顺利", "lagging": False}
    week |= {"progress": [{"milestone": "海报初稿", "percent": 100}]}
    case.take("weekly-summary", "market-li", week)
    case.take("reach-milestone", "design-li", {"reached_on": "2026-03-02"}, item="milestones-1")
    with pytest.raises(errors.GuardError, match="acceptance"):
        case.take("close", "market-li")
    case.linked = (head("accepts", "acceptance", "issued", incoming=True),)
    with pytest.raises(errors.GuardError):
        case.take("close", "market-li")
    confirmed = head("accepts", "acceptance", "confirmed", incoming=True, version=12)
    case.linked = (confirmed, head("see-also", "minutes", "draft"))
    assert case.take("close", "market-li").state == "closed"
    assert case.decision is not None
    assert case.decision.reads == {confirmed.record: 12}


# ---------------------------------------------------------------- loops, then imports


def test_rejected_items_go_round_until_accepted() -> None:
    """Rejected, reworked, accepted: the review loops, and a first pass stays visible."""
    case = Case().open("acceptance", "open", "market-li", ACCEPTANCE)
    found = {"finding": "色差"}
    review = {
        "held_on": "2026-03-02",
        "participants": [PEOPLE["market-li"]],
        "conclusion": "见逐项",
    }
    case.take("accept-item", "sales-li", {"finding": "符合"}, item="items-1")
    with pytest.raises(errors.GuardError):
        case.take("review", "market-li", review)
    case.take("reject-item", "sales-li", {**found, "reason": "色差过大"}, item="items-2")
    assert case.take("review", "market-li", review).state == "rework"
    case.take("rework-item", "design-li", {"rework": "重印"}, item="items-2")
    case.take("accept-reworked", "sales-li", {"finding": "符合"}, item="items-2")
    assert case.take("review", "market-li", review).state == "accepted"
    states = [c.state for c in case.it.items["items"].values()]
    assert states == ["accepted", "accepted-after-rework"]
    case.take("ask-confirmation", "market-li")
    for who in HEADS:
        case.sign("acceptance", who)
    assert case.it.state == "confirmed"


def test_only_the_importer_writes_foreign_history() -> None:
    """A provenance and imported lines need trust, and a record that was imported."""
    archive = Actor(None, system="importer", trusted=True)
    with pytest.raises(errors.NotEntitledError):
        Case().open("minutes", "draft", "market-li", KICK_OFF, provenance={"file": "x.xes"})
    case = Case().open(
        "minutes", "draft", archive, {"topic": "旧会议"}, provenance={"file": "x.xes"}, ago=9000
    )
    line = Import(**case._common(archive, None, 8000), activity="Accepted", status="In Progress")  # noqa: SLF001
    history = case.do(line).history
    assert [(h.activity, h.status) for h in history] == [("Accepted", "In Progress")]
    native = minutes().turn(hours=1)
    with pytest.raises(errors.StepNotAllowedError):
        native.do(Import(**native._common(archive, None, 0), activity="x", status="y"))  # noqa: SLF001


def test_an_imported_opening_keeps_its_files() -> None:
    """What the answers of a foreign history name is attached, and must have been uploaded."""
    importer = Actor(None, system="importer", trusted=True)
    photo = Attachment(hex_id("photo"), "旧照片.jpg", "image/jpeg", 10)
    answers = {"customer": "科技公司", "evidence": [photo.id]}
    foreign: dict[str, Any] = {"provenance": {"file": "x.xes"}, "ago": 9000}
    case = Case().open("complaint", "receive", importer, answers, attachments=(photo,), **foreign)
    assert case.it.entries[0].attachments == (photo,)
    with pytest.raises(errors.InvalidFormError, match="not uploaded"):
        Case().open("complaint", "receive", importer, answers, **foreign)


def test_decide_asks_nothing_but_its_arguments() -> None:
    """The same record, command and context give the same event."""
    case = Case()
    command = Open(
        **case._common("market-li", None, 0),  # noqa: SLF001
        kind="minutes",
        step="draft",
        values=KICK_OFF,
    )
    assert decide(None, command, case.context()) == decide(None, command, case.context())
