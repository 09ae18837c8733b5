"""A record goes only by a list that has it as it is, reviewed and approved by two: never else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.evidence.canonical import encode
from domain import disposals
from domain.commands import Actor
from domain.disposals import fingerprint, list_hash
from domain.errors import DisposalError, DomainError, GuardError, NotEntitledError, SeparationError
from domain.events import Disposed, RuleRef
from domain.record import evolve
from tests.domain.plant import PEOPLE, Case, hex_id
from tests.domain.retaining import (
    ARCHIVE,
    LAST_DAY,
    approved,
    dispose,
    executing,
    filed,
    lately_filed,
    listed,
    reviewed,
    row,
    shown,
    today,
)

Warrant = Callable[[Case], Case]


def refused(about: Case, by_list: Case, **changes: Any) -> str:
    before = about.it
    with pytest.raises(DomainError) as caught:
        dispose(about, by_list, **changes)
    assert about.it is before
    assert caught.value.message.zh
    assert caught.value.message.en
    return caught.value.code


# ---------------------------------------------------------------- the deed


def test_a_listed_reviewed_approved_record_goes_and_says_why() -> None:
    """The event names list, rule, last day and both approvals; the record keeps them."""
    about = filed()
    warrant = executing(about)
    record = dispose(about, warrant)
    event = about.event
    assert isinstance(event, Disposed)
    given = [e for e in warrant.it.entries if e.step.startswith("approve-")]
    assert event.approvals == tuple(e.digest for e in given)
    assert event.list == list_hash([row_of(warrant)])
    assert (event.rule, event.last_day) == (RuleRef("RR-03", 1, "a" * 64), LAST_DAY)
    assert event.refs[0].record == warrant.id
    assert about.decision is not None
    assert about.decision.reads == {warrant.id: warrant.it.version}
    assert record.disposal is not None
    assert (record.disposal.list_hash, record.disposal.warrant) == (event.list, warrant.id)
    assert record.filings == (record.filing,)


def row_of(warrant: Case) -> dict[str, Any]:
    said = warrant.it.said("list")
    assert said is not None
    found: dict[str, Any] = said.values["items"][0]
    return found


def test_it_is_due_from_the_sites_next_day_on_and_not_a_moment_earlier() -> None:
    """RETENTION.md 9 D: 23:59:59 on the last day is too early, 00:00 of the next is not."""
    about = filed()
    warrant = executing(about)
    midnight = datetime(2029, 3, 5, 16, 0, tzinfo=UTC)
    early = midnight - timedelta(seconds=1)
    about.now = early
    assert refused(about, warrant) == "NOT_DUE"
    about.now = midnight
    dispose(about, warrant)


def test_nothing_follows_a_disposal() -> None:
    """Steps, corrections, links, reopening, filing and a second disposal: all DISPOSED."""
    about = filed()
    warrant = executing(about)
    dispose(about, warrant)
    attempts: list[Callable[[], object]] = [
        lambda: about.take("update", "service-li", {"content": "又来电"}),
        lambda: about.reopen("service-head"),
        lambda: about.file("office-li"),
        lambda: about.link("see-also", hex_id("other"), "service-li"),
        lambda: about.correct(1, "service-li", {"demand": "尽快"}),
        lambda: about.pause("waiting", "service-li"),
        lambda: about.acknowledge("service-li"),
        lambda: dispose(about, warrant),
    ]
    for attempt in attempts:
        with pytest.raises(DisposalError) as caught:
            attempt()
        assert caught.value.code == "DISPOSED"


# ---------------------------------------------------------------- attacks


def unlisted(about: Case) -> Case:
    return executing(about, row(about.it, record=hex_id("another")))


def kept(about: Case) -> Case:
    case = listed(about, row(about.it, "1"), row(about.it, "2", record=hex_id("another")))
    until = (case.now + timedelta(days=30)).date().isoformat()
    items = [{"item": "1", "outcome": "keep", "until": until, "reason": "仍在使用"}]
    case.take("review", "service-head", {"items": [*items, {"item": "2", "outcome": "destroy"}]})
    return started(approved(case))


def held(about: Case) -> Case:
    return started(approved(reviewed(listed(about), "hold", reason="诉讼")))


def started(case: Case) -> Case:
    case.now += timedelta(days=8)
    case.take("start", ARCHIVE, {"today": today(case), "time_status": "proven"})
    return case


def forced(case: Case) -> Case:
    """The record of somebody who wrote the state, and not what leads to it."""
    case.record = case.it._replace(state="executing")
    return case


def approved_once(about: Case) -> Case:
    case = reviewed(listed(about))
    case.take("approve-first", "records", shown(case))
    return forced(case)


def relisted(about: Case) -> Case:
    """Approved, then listed anew: the approvals are void, whatever the state says."""
    case = approved(reviewed(listed(about)))
    said = case.it.said("list")
    assert said is not None
    case.take("relist", ARCHIVE, said.values)
    return forced(reviewed(case))


def stale(about: Case, **changes: Any) -> Case:
    return executing(about, row(about.it, **changes))


def executing_paper(about: Case) -> Case:
    paper = row(about.it, copy=hex_id("paper"))
    return started(approved(reviewed(listed(about, paper, medium="paper"))))


def hold(_: Case) -> Case:
    values = {
        "matter": "诉讼",
        "authority": "法院",
        "reason": "通知",
        "custodian": PEOPLE["legal-head"],
        "where": [{"what": "part", "value": "A-4711/B"}],
    }
    return Case().open("legal-hold", "place", "legal-head", values)


ATTACKS: dict[str, tuple[Warrant, str]] = {
    "not executing": (lambda a: approved(reviewed(listed(a))), "NO_APPROVED_BATCH"),
    "no approval": (lambda a: forced(reviewed(listed(a))), "NO_APPROVED_BATCH"),
    "one approval": (approved_once, "NO_APPROVED_BATCH"),
    "listed anew since": (relisted, "NO_APPROVED_BATCH"),
    "no review": (lambda a: forced(listed(a)), "KEPT"),
    "item of another record": (unlisted, "UNLISTED"),
    "kept by its reviewer": (kept, "KEPT"),
    "held by its reviewer": (held, "HELD"),
    "another head": (lambda a: stale(a, head="c" * 64), "CHANGED"),
    "another version": (lambda a: stale(a, version=a.it.version - 1), "CHANGED"),
    "last day not over": (lambda a: stale(a, last_day=today(a)), "NOT_DUE"),
    "last day before the base": (lambda a: stale(a, last_day="2026-03-01"), "NOT_DUE"),
    "a list of paper": (executing_paper, "UNLISTED"),
    "a hold for a warrant": (hold, "NO_APPROVED_BATCH"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_wrong_warrant_destroys_nothing(attack: str) -> None:
    """Each way to go round the list, its reviews or its approvals is refused with its word."""
    warrant, code = ATTACKS[attack]
    about = filed()
    assert refused(about, warrant(about)) == code


def test_no_warrant_another_warrant_another_item() -> None:
    """What the command names must be what the archive found."""
    about = filed()
    warrant = executing(about)
    assert refused(about, warrant, item="2") == "UNLISTED"
    assert refused(about, warrant, warrant=hex_id("other")) == "NO_APPROVED_BATCH"
    withdrawn = reviewed(listed(about))
    withdrawn.take("withdraw", "office-li", {"reason": "重列"})
    assert refused(about, withdrawn) == "NO_APPROVED_BATCH"


def test_what_is_not_filed_never_goes() -> None:
    """Reopened after the listing: unfiled."""
    about = filed()
    about.reopen("service-head")
    assert refused(about, executing(about)) == "UNFILED"


@pytest.mark.parametrize("person", ["admin", "gm", "records", "compliance", "office-li", "both"])
def test_no_person_destroys_anything(person: str) -> None:
    """Not the administrator, not the approvers: a call from Python in their name is refused."""
    about = filed()
    warrant = executing(about)
    assert refused(about, warrant, by=Actor(PEOPLE[person])) == NotEntitledError.code


# ---------------------------------------------------------------- list, review, approve


@pytest.mark.parametrize("step", ["approve-first", "approve-second"])
@pytest.mark.parametrize("person", ["office-li", "admin", "gm", "both", "service-head"])
def test_only_the_two_offices_approve(step: str, person: str) -> None:
    """The lister, administrators (whatever else they are), reviewers and others do not."""
    case = reviewed(listed(filed()))
    if step == "approve-second":
        case.take("approve-first", "records", shown(case))
    with pytest.raises(NotEntitledError):
        case.take(step, person, shown(case))


def test_whoever_is_a_party_or_lists_or_approved_does_not_approve() -> None:
    """SEPARATION: parties to the records are named on the list, and stand aside."""
    about = filed()
    party = reviewed(listed(about, barred=[PEOPLE["records"]]))
    with pytest.raises(SeparationError) as caught:
        party.take("approve-first", "records", shown(party))
    assert caught.value.code == "SEPARATION"
    lister = Case(now=about.now - timedelta(days=1))
    said = listed(about).it.said("list")
    assert said is not None
    lister.open("disposal", "list", Actor(PEOPLE["records"], trusted=True), said.values)
    with pytest.raises(SeparationError):
        reviewed(lister).take("approve-first", "records", shown(lister))


def test_approvals_show_the_hash_of_the_list() -> None:
    """Another hash, or an item that its owner has not reviewed: refused."""
    about = filed()
    case = listed(about, row(about.it), row(about.it, "2", record=hex_id("b"), owner=PEOPLE["gm"]))
    case.take("review", "gm", {"items": [{"item": n, "outcome": "destroy"} for n in "12"]})
    with pytest.raises(DomainError, match="reviewed"):
        case.take("approve-first", "records", shown(case))
    reviewed(case)
    with pytest.raises(DomainError, match="hash"):
        case.take("approve-first", "records", {**shown(case), "list_hash": "f" * 64})
    case.take("approve-first", "records", shown(case))
    assert disposals.outcomes(case.it)["2"].by == PEOPLE["gm"]


@pytest.mark.parametrize(
    "changes",
    [
        {"list_hash": "f" * 64},
        {"owners": [PEOPLE["gm"]]},
        {"medium": "paper"},
    ],
    ids=str,
)
def test_a_list_is_what_its_hash_says(changes: dict[str, Any]) -> None:
    """A hash of other rows, an owner who is not asked, paper without copies: refused."""
    with pytest.raises(DomainError):
        listed(filed(), **changes)


def test_an_item_stands_once() -> None:
    """Neither the same item nor the same record twice."""
    about = filed()
    for second in (row(about.it), row(about.it, "2")):
        with pytest.raises(DomainError):
            listed(about, row(about.it), second)


def test_listing_anew_voids_reviews_and_approvals() -> None:
    """What was said of the list before counts no more."""
    case = approved(reviewed(listed(filed())))
    first = [approval.person for approval in disposals.approvals(case.it)]
    assert first == [PEOPLE["records"], PEOPLE["compliance"]]
    said = case.it.said("list")
    assert said is not None
    case.take("relist", ARCHIVE, said.values)
    assert case.it.state == "listed"
    assert disposals.approvals(case.it) == ()
    assert disposals.outcomes(case.it) == {}
    with pytest.raises(DomainError, match="reviewed"):
        case.take("approve-first", "records", shown(case))


@pytest.mark.parametrize(
    ("outcome", "until", "reason", "why"),
    [
        ("keep", None, "合同未了", "takes a day and a reason"),
        ("keep", 30, None, "takes a day and a reason"),
        ("keep", 0, "合同未了", "after the last day and the day of the listing"),
        ("keep", 3654, "合同未了", "within ten years"),
        ("transfer", None, None, "a reason and no day"),
        ("transfer", 30, "移交博物馆", "a reason and no day"),
        ("hold", None, None, "a reason and no day"),
        ("destroy", 30, None, "to destroy it no day"),
    ],
)
def test_a_review_says_why_and_until_when(
    outcome: str, until: int | None, reason: str | None, why: str
) -> None:
    """`until`: days after the listing. What it reserves must be sayable on every later list."""
    case = listed(filed())
    more = {"reason": reason} if reason else {}
    if until is not None:
        more["until"] = (case.now + timedelta(days=until)).date().isoformat()
    with pytest.raises(GuardError, match=why):
        reviewed(case, outcome, **more)


@pytest.mark.parametrize("days", [1, 3652])
def test_a_record_may_be_kept_for_ten_years(days: int) -> None:
    """From the day after the listing to the same day ten years on."""
    case = listed(filed())
    until = (case.now + timedelta(days=days)).date()
    reviewed(case, "keep", until=until.isoformat(), reason="合同未了")
    (said,) = disposals.reservations(case.it)
    assert (said.outcome, said.until, said.disposal) == ("keep", until, case.id)
    assert said.about == said.record


def test_nobody_reserves_what_is_not_theirs() -> None:
    """A row about an item of another owner is no word of that owner."""
    about = filed()
    case = listed(about, row(about.it), row(about.it, "2", record=hex_id("b"), owner=PEOPLE["gm"]))
    case.take(
        "review",
        "gm",
        {"items": [{"item": n, "outcome": "hold", "reason": "诉讼"} for n in "12"]},
    )
    assert [said.record for said in disposals.reservations(case.it)] == [hex_id("b")]


def test_what_was_reserved_outlives_the_list() -> None:
    """Listed anew, reviewed otherwise, withdrawn: it stands."""
    case = reviewed(listed(filed()), "hold", reason="诉讼")
    said = case.it.said("list")
    assert said is not None
    case.take("relist", ARCHIVE, said.values)
    assert disposals.outcomes(case.it) == {}
    reviewed(case)
    case.take("withdraw", "office-li", {"reason": "重列"})
    assert [r.outcome for r in disposals.reservations(case.it)] == ["hold"]


def test_a_tombstone_says_that_it_was_handed_over() -> None:
    """The `disposed` event points to the transfer that the list names; it names no recipient."""
    about = filed()
    by = hex_id("transfer")
    warrant = executing(about, row(about.it, transfer=by, transferred_on="2029-04-01"))
    dispose(about, warrant)
    (event,) = (r.event for r in about.history[-1:])
    assert [(ref.rel, ref.record) for ref in event.refs] == [
        ("disposal", warrant.id), ("transfer", by),
    ]  # fmt: skip


def test_what_approvals_attest_and_cover() -> None:
    """The list's hash, the envelope that listed it, and every review of it."""
    case = approved(reviewed(listed(filed())))
    first, second = (r.event for r in case.history[-2:])
    digests = tuple(e.digest for e in case.it.entries if e.step in ("list", "review"))
    for event in (first, second):
        assert event.attests is not None  # type: ignore[union-attr]
        assert event.attests.word == "disposal-approved"  # type: ignore[union-attr]
        assert event.signoff.covers == digests  # type: ignore[union-attr]


# ---------------------------------------------------------------- a restoration


def restoration(about: Case, **changes: Any) -> Case:
    case = Case(now=about.now)
    known = {"size": 9, "root": "0" * 64, "ledger_size": 12, "ledger_root": "1" * 64}
    values = {"backup": "b-1", "taken_at": "2029-01-01T00:00:00Z", **known}
    case.open("restoration", "begin", ARCHIVE, values)
    replay = {
        "medium": "electronic",
        "list_hash": "e" * 64,
        "items": [row(about.it, **changes)],
        "approvals": [{"digest": "c" * 64}, {"digest": "d" * 64}],
    }
    case.take("replay", ARCHIVE, replay)
    return case


def test_a_restoration_repeats_what_was_done() -> None:
    """The same history, perhaps shorter; with the approvals given before the loss."""
    for changes in ({}, {"version": 99, "head": "9" * 64}):
        about = filed()
        dispose(about, restoration(about, **changes))
        event = about.event
        assert isinstance(event, Disposed)
        assert (event.list, event.approvals) == ("e" * 64, ("c" * 64, "d" * 64))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"head": "9" * 64}, "CHANGED"),
        ({"version": 1}, "CHANGED"),
        ({"record": hex_id("another")}, "UNLISTED"),
        ({"last_day": "2099-01-01"}, "NOT_DUE"),
    ],
)
def test_a_restoration_destroys_nothing_else(changes: dict[str, Any], code: str) -> None:
    """Not another history, not another record, not what is not due."""
    about = filed()
    assert refused(about, restoration(about, **changes)) == code


def test_a_restoration_that_serves_disposes_of_nothing_more() -> None:
    """It is over once the archive serves again."""
    about = filed()
    case = restoration(about)
    case.take("serve", ARCHIVE)
    assert refused(about, case) == "NO_APPROVED_BATCH"


# ---------------------------------------------------------------- hashes

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abcdefghijklmnopqrstuvwxyz_", max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(plain)
def test_a_fingerprint_is_that_of_canonical_json(value: Any) -> None:
    """As the verifier's own writer spells it (RFC 8785), so that an outsider can compute it."""
    assert fingerprint(value) == hashlib.sha256(encode(value)).hexdigest()


def test_filings_are_all_remembered() -> None:
    """A reopening ends a filing; it stays among the filings."""
    about = lately_filed()
    first = about.it.filing
    about.reopen("service-head")
    assert (about.it.filing, about.it.filings) == (None, (first,))
    replayed = None
    for recorded in about.history:
        replayed = evolve(replayed, recorded)
    assert replayed == about.it
