"""Rules, holds, claims and paper: who may do what, and what is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from domain import rule_versions
from domain.disposals import fingerprint
from domain.errors import DomainError, GuardError, NotEntitledError, SeparationError
from domain.events import Attachment, Filed, Ref, StepTaken
from tests.domain.journeys import complaint, take
from tests.domain.plant import PEOPLE, Case, hex_id
from tests.domain.retaining import ARCHIVE

RULE: dict[str, Any] = {
    "title_zh": "模具图纸",
    "title_en": "tooling drawings",
    "scope": "any",
    "medium": "any",
    "authority": "customer",
    "citation": "CSR 4.2",
    "trigger": "filed",
    "cut_off": "anniversary",
    "period": "P15Y",
    "action": "destroy",
    "floor": False,
    "effective_from": "2026-04-01",
}
HOLD: dict[str, Any] = {
    "matter": "产品责任诉讼",
    "authority": "法院通知",
    "reason": "应诉",
    "custodian": PEOPLE["legal-head"],
    "where": [{"what": "part", "value": "A-4711/B"}],
}


def proposed(**changes: Any) -> Case:
    return Case().open(
        "retention-rule", "propose", "records", {"rule_id": "RR-11", **RULE, **changes}
    )


# ---------------------------------------------------------------- rules


def test_a_rule_comes_into_force_by_two_who_did_not_write_it() -> None:
    """Its version, and the hash of all that it says, are attested; the next version is 2."""
    case = proposed()
    with pytest.raises(SeparationError):
        case.take("approve-first", "records")
    case.take("approve-first", "compliance")
    with pytest.raises(SeparationError):
        case.take("approve-second", "compliance")
    case.take("approve-second", "gm")
    event = case.event
    assert isinstance(event, StepTaken)
    assert event.attests is not None
    assert event.attests.rule is not None
    said = {"rule_id": "RR-11", **RULE}
    assert (event.attests.rule.id, event.attests.rule.version) == ("RR-11", 1)
    assert event.attests.rule.hash == fingerprint(said)
    case.take("revise", "records", {**RULE, "period": "P20Y"})
    assert [v.ref.version for v in rule_versions.enacted(case.it)] == [1]
    case.take("approve-first", "mr")
    case.take("approve-second", "executive")
    versions = list(rule_versions.enacted(case.it))
    assert [(v.ref.version, v.values["period"]) for v in versions] == [(1, "P15Y"), (2, "P20Y")]
    assert case.event.attests.rule == versions[1].ref  # type: ignore[union-attr]


def test_a_revision_between_the_approvals_needs_both_again() -> None:
    """Nobody approves what is changed afterwards."""
    case = proposed()
    case.take("approve-first", "compliance")
    case.take("revise", "records", {**RULE, "period": "P1D"})
    with pytest.raises(DomainError):
        case.take("approve-second", "gm")


@pytest.mark.parametrize("person", ["admin", "both", "office-li"])
def test_an_administrator_sets_no_rule(person: str) -> None:
    """Not even one who holds another role besides."""
    with pytest.raises(NotEntitledError):
        proposed().take("approve-first", person)


@pytest.mark.parametrize(
    "changes",
    [
        {"period": "3Y"},
        {"period": "P"},
        {"period": "P0Y"},
        {"period": "P3Y "},
        {"period": "P1D2Y"},
        {"period": None},
        {"action": "permanent"},
        {"rule_id": "规则一"},
        {"ends_on": "2026-04-01"},
        {"effective_from": "soon"},
    ],
    ids=str,
)
def test_a_rule_that_cannot_be_counted_is_refused(changes: dict[str, Any]) -> None:
    """A period that is none, a permanent rule with a period, a span without a length."""
    with pytest.raises(DomainError):
        proposed(**changes)


def test_rules_are_shipped_by_the_archive_alone() -> None:
    """No person ships a rule, and a shipped one is in force."""
    with pytest.raises(NotEntitledError):
        Case().open("retention-rule", "ship", "admin", {"rule_id": "RR-01", **RULE})
    case = Case().open("retention-rule", "ship", ARCHIVE, {"rule_id": "RR-01", **RULE})
    assert case.it.state == "in-force"
    assert [v.ref.version for v in rule_versions.enacted(case.it)] == [1]


# ---------------------------------------------------------------- holds


def test_a_hold_is_released_by_another_than_who_asked() -> None:
    """Asking and releasing are two people; extending asks for it anew."""
    case = Case().open("legal-hold", "place", "legal-head", HOLD)
    case.take("request-release", "legal-head", {"reason": "和解"})
    with pytest.raises(SeparationError):
        case.take("release", "legal-head", {"reason": "和解"})
    case.take("extend", "auditor", {"reason": "另案", "records": [{"record": hex_id("r")}]})
    assert case.it.state == "active"
    case.take("request-release", "legal-head", {"reason": "和解"})
    with pytest.raises(NotEntitledError):
        case.take("release", "both", {"reason": "和解"})
    case.take("release", "gm", {"reason": "和解"})
    event = case.event
    assert isinstance(event, StepTaken)
    assert event.attests is not None
    assert (event.attests.word, case.it.state) == ("hold-released", "released")


@pytest.mark.parametrize(
    "changes",
    [
        {"where": []},
        {"where": None},
        {"records": [{"record": "KS-2026-00001"}]},
        {"where": [{"what": "opened-from", "value": "2026"}]},
        {"where": [{"what": "opened-until", "value": "20260305"}]},
    ],
    ids=str,
)
def test_a_hold_that_covers_nothing_sure_is_refused(changes: dict[str, Any]) -> None:
    """No records and no query, a number for an id, a day that is none."""
    with pytest.raises(DomainError):
        Case().open("legal-hold", "place", "legal-head", {**HOLD, **changes})


# ---------------------------------------------------------------- claims


def imported() -> Case:
    values = {"customer": "科技公司"}
    case = Case().open("complaint", "receive", ARCHIVE, values, provenance={"system": "old"})
    case.now += timedelta(days=3)
    return case


def claim(record: str, date: str = "2020-05-01", until: str = "approve-second") -> Case:
    values = {
        "source": "旧系统",
        "evidence": "归档登记簿第3页",
        "items": [{"record": record, "date": date}],
    }
    case = Case().open("base-date-claim", "claim", "office-li", values)
    case.take("approve-first", "records")
    if until == "approve-second":
        case.take("approve-second", "compliance")
    return case


def test_an_imported_record_counts_from_its_import() -> None:
    """R51: without evidence the base date is the day of the import at the site."""
    case = imported()
    case.file(ARCHIVE)
    assert case.it.filing is not None
    assert case.it.filing.base_date == "2026-03-02"
    case.reopen("service-head")
    assert case.file(ARCHIVE).filing.base_date == "2026-03-05"  # type: ignore[union-attr]


def test_an_approved_claim_gives_the_original_day() -> None:
    """The filing refers to the approval, and rests on the claim's version."""
    case = imported()
    warrant = claim(case.id)
    case.warrant = warrant.it
    case.file(ARCHIVE, claim=warrant.id, base_date="2020-05-01")
    event = case.event
    assert isinstance(event, Filed)
    said = warrant.it.said("approve-second")
    assert said is not None
    assert event.base_date == "2020-05-01"
    assert event.refs == (Ref("claim", warrant.id, said.digest),)
    assert case.decision is not None
    assert case.decision.reads[warrant.id] == warrant.it.version


@pytest.mark.parametrize(
    ("claimed", "given"),
    [
        ({"record": hex_id("another")}, None),
        ({"date": "2099-05-01"}, None),
        ({}, "2019-05-01"),
        ({"until": "approve-first"}, None),
    ],
    ids=["another record", "a day to come", "another day", "one approval"],
)
def test_backdating_is_refused(claimed: dict[str, str], given: str | None) -> None:
    """What the claim does not say, or two people have not approved, moves no date."""
    case = imported()
    warrant = claim(**{"record": case.id, **claimed})
    case.warrant = warrant.it
    with pytest.raises(GuardError):
        case.file(ARCHIVE, claim=warrant.id, base_date=given)


def test_only_the_archive_says_another_day() -> None:
    """Not without a claim; nobody else even with one; nor once the record was reopened."""
    case = imported()
    warrant = claim(case.id)
    case.warrant = warrant.it
    with pytest.raises(GuardError):
        case.file(ARCHIVE, base_date="2020-05-01")
    with pytest.raises(DomainError):
        case.file("office-li", claim=warrant.id)
    case.file(ARCHIVE)
    case.reopen("service-head")
    with pytest.raises(GuardError):
        case.file(ARCHIVE, claim=warrant.id)


def test_a_native_record_is_never_backdated() -> None:
    """A claim is for imported records only."""
    case = take(complaint("receive"), "withdraw")
    warrant = claim(case.id)
    case.warrant = warrant.it
    with pytest.raises(DomainError):
        case.file(ARCHIVE, claim=warrant.id)


# ---------------------------------------------------------------- transfers


def transferred(**changes: Any) -> Case:
    values = {
        "items": [{"record": hex_id("r")}],
        "recipient": "市档案馆",
        "day": "2026-03-02",
        "bundle_hash": "a" * 64,
        "receipt": [hex_id("file")],
    }
    attachments = (Attachment(hex_id("file"), "回执.pdf", "application/pdf", 3),)
    case = Case()
    case.open("records-transfer", "record", "office-li", {**values, **changes},
              attachments=attachments)  # fmt: skip
    return case


def test_a_transfer_takes_two_people_and_a_receipt() -> None:
    """Recorded with what the recipient signed, confirmed by another who is no administrator."""
    case = transferred()
    for person in ("office-li", "admin", "service-head"):
        with pytest.raises(NotEntitledError):
            case.take("confirm", person)
    case.take("confirm", "records")
    assert case.it.state == "confirmed"
    with pytest.raises(DomainError):
        transferred(receipt=[])


@pytest.mark.parametrize(
    "changes",
    [
        {"items": [{"record": hex_id("r")}, {"record": hex_id("r")}]},
        {"items": [{"record": "KS-2026-00001"}]},
        {"bundle_hash": "z" * 64},
    ],
    ids=["twice", "no id", "no hash"],
)
def test_a_transfer_names_what_it_is_about(changes: dict[str, Any]) -> None:
    """By ids, each once, and the hash of what was handed over."""
    with pytest.raises(GuardError):
        transferred(**changes)


# ---------------------------------------------------------------- paper


def test_paper_is_destroyed_by_the_archive_alone_and_witnessed_by_another() -> None:
    """Only on the shelf or lost, never on loan; the witness is not the destroyer."""
    values = {
        "record": hex_id("r"),
        "copy": 1,
        "location": "3号柜",
        "pages": 4,
        "keeper": PEOPLE["office-li"],
        "signed_original": False,
        "required_by": "none",
    }
    case = Case(known={hex_id("r"): "minutes"})
    case.open("paper-copy", "register", "office-li", values)
    gone = {
        "disposal": hex_id("d"),
        "method": "P-4",
        "destroyer": PEOPLE["office-li"],
        "witness": PEOPLE["records"],
    }
    with pytest.raises(NotEntitledError):
        case.take("destroy", "office-li", gone)
    case.take("lend", "office-li", {"to": PEOPLE["gm"], "due": "2026-04-01"})
    with pytest.raises(DomainError):
        case.take("destroy", ARCHIVE, gone)
    case.take("return", "office-li")
    case.take("destroy", ARCHIVE, gone)
    assert case.it.state == "destroyed"
