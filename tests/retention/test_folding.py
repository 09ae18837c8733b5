"""Holdings, copies, rules, holds, triggers and corrections, folded from real records."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain.commands import Actor
from domain.disposals import fingerprint
from domain.kinds import find
from domain.record import Entry, Filing, Record
from retention.assessment import assess, assess_copy
from retention.holding import Holding, copy_of, holding_of
from retention.holds import covers, hold_of
from retention.policy import Policy, correction_of, trigger_of
from retention.rules import SHIPPED, rule_versions
from tests.domain.plant import PEOPLE, SITE, Case, hex_id
from tests.domain.samples import TRACKER
from tests.retention.keeping import SHIPPED_POLICY, at, codes, day, held

ARCHIVE = Actor(None, trusted=True, assurance="system")


def entered(
    kind: str, *steps: tuple[str, dict[str, Any]], state: str, since: str = "2026-03-02"
) -> Record:
    """A record of a kind after these steps, one a day; who took them is not at issue here."""
    case = Taken(kind, at(since))
    for step, values in steps:
        case.take(step, values)
    return case.record._replace(state=state)


class Taken:
    """Entries as the fold leaves them, without asking who may take them."""

    def __init__(self, kind: str, since: datetime) -> None:
        self.now = since
        self.record = Record(
            id=hex_id(f"{kind} {since}"), kind=find(kind), number=f"{find(kind).prefix}-2026-00001",
            version=0, head="d" * 64, state=find(kind).states[0].id, edition=1,
            opened_by=PEOPLE["office-li"], opened_at=since, recorded_at=since, department=None,
        )  # fmt: skip

    def take(self, step: str, values: dict[str, Any]) -> None:
        version = self.record.version + 1
        entry = Entry(
            version, f"{version:064}", step, None, values, PEOPLE["office-li"], None, self.now,
            self.now, 1,
        )  # fmt: skip
        self.record = self.record._replace(
            version=version, entries=(*self.record.entries, entry), recorded_at=self.now
        )
        self.now += timedelta(days=1)


# ---------------------------------------------------------------- holdings


def tracker() -> Case:
    return Case().open("progress-tracker", "open", "market-li", TRACKER)


def test_a_holding_says_what_the_record_says() -> None:
    """From a real record: names, days at the site, references, and that it is not filed."""
    case = tracker()
    holding = holding_of(case.it, SITE, bound=("f" * 32, "e" * 32, "f" * 32))
    assert (holding.record_id, holding.number) == (case.id, case.it.number)
    assert (holding.kind, holding.retention) == ("progress-tracker", "communication")
    assert holding.opened_on == holding.recorded_on == day("2026-03-02")
    assert holding.references == {"project": frozenset({"季度新品推广"})}
    assert holding.bound == ("e" * 32, "f" * 32)
    assert (holding.filed, holding.imported_on) == (False, None)
    assert codes(assess(holding, (holding,), SHIPPED_POLICY)) == ["UNFILED"]
    assert Holding.from_json(holding.to_json()) == holding


def test_the_day_is_that_of_the_site() -> None:
    """Late in the evening in UTC it is tomorrow in Shanghai."""
    case = Case(now=datetime(2026, 3, 2, 17, tzinfo=UTC))
    case.open("progress-tracker", "open", "market-li", TRACKER)
    assert holding_of(case.it, SITE).opened_on == day("2026-03-03")
    assert holding_of(case.it, ZoneInfo("Europe/Berlin")).opened_on == day("2026-03-02")


def filing(version: int, on: str) -> Filing:
    return Filing(version, on, SITE.key, False, ("design",), (), (), at(on), None)


def test_all_filings_count_and_only_the_last_may_stand() -> None:
    """Also those that a reopening ended, each with what its event wrote."""
    both = (filing(2, "2026-03-02"), filing(4, "2026-05-02"))
    record = tracker().it._replace(filings=both, filing=None)
    holding = holding_of(record, SITE)
    assert [f.base_date for f in holding.filings] == [day("2026-03-02"), day("2026-05-02")]
    assert holding.filings[0].marks == {"design"}
    assert not holding.filed
    assert holding_of(record._replace(filing=both[1]), SITE).filed


def test_a_correction_after_a_filing_takes_no_name_away() -> None:
    """One person corrects a filed record's reference: the old one keeps counting (it takes two to
    take an extension away); what was corrected before any filing does not."""
    case = tracker()
    case.correct("open", "market-li", {"project": "季度新品推广二期"})
    before = holding_of(case.it, SITE)
    assert before.references["project"] == {"季度新品推广二期"}
    filed = case.it._replace(filings=(filing(1, "2026-03-02"),))
    after = holding_of(filed, SITE)
    assert after.references["project"] == {"季度新品推广", "季度新品推广二期"}


def test_an_import_is_dated_by_the_log() -> None:
    """However old its claims are."""
    case = Case(now=at("2026-11-22"))
    case.open("progress-tracker", "open", ARCHIVE, TRACKER, ago=24 * 365 * 6,
              provenance={"source": "old"})  # fmt: skip
    holding = holding_of(case.it, SITE)
    assert holding.imported_on == holding.recorded_on == day("2026-11-22")
    assert holding.opened_on.year == 2020


# ---------------------------------------------------------------- paper copies


REGISTERED = {
    "record": "a" * 32, "copy": 2, "location": "B-3", "box": "7", "pages": 4,
    "keeper": PEOPLE["office-li"], "signed_original": True, "required_by": "customer",
}  # fmt: skip


def copied(*steps: tuple[str, dict[str, Any]], state: str = "shelved") -> Record:
    return entered("paper-copy", ("register", REGISTERED), *steps, state=state)


def test_a_copy_counts_from_its_registration() -> None:
    """By the log's time, at the site."""
    copy = copy_of(copied(), SITE)
    assert (copy.copy, copy.base_date, copy.state) == (2, day("2026-03-02"), "shelved")
    assert (copy.location, copy.box, copy.pages) == ("B-3", "7", 4)
    assert copy.demanded
    assert copy.alive
    assert (copy.checked_ok, copy.checked_on) == (None, None)
    moved = copied(("move", {"location": "C-1", "keeper": PEOPLE["office-zhang"]}))
    assert copy_of(moved, SITE).location == "C-1"


@pytest.mark.parametrize(
    ("said", "passed"),
    [
        ({"electronic_ok": True, "pages": 4}, True),
        ({"electronic_ok": True, "pages": 3}, False),
        ({"electronic_ok": False, "pages": 4}, False),
    ],
)
def test_a_check_compares_the_pages(said: dict[str, Any], passed: bool) -> None:
    """Readable, hashes equal, and as many pages as the paper; the last check counts."""
    copy = copy_of(copied(("check", said)), SITE)
    assert (copy.checked_ok, copy.checked_on) == (passed, day("2026-03-03"))
    again = copied(("check", said), ("check", {"electronic_ok": True, "pages": 4}))
    assert copy_of(again, SITE).checked_ok is True


@pytest.mark.parametrize(
    ("state", "alive"),
    [("shelved", True), ("on-loan", True), ("lost", False), ("destroyed", False)],
)
def test_which_paper_is_alive(state: str, alive: bool) -> None:
    """Somebody has it: not destroyed, not reported lost."""
    assert copy_of(copied(state=state), SITE).alive is alive


def test_a_destroyed_copy_is_disposed_of() -> None:
    """It asks for nothing any more."""
    copy = copy_of(copied(state="destroyed"), SITE)
    holding = held("a" * 32, "2026-03-02", copies=(copy,))
    assert assess_copy(copy, holding, (holding,), SHIPPED_POLICY).status == "disposed"


# ---------------------------------------------------------------- policy


def hold_record(*more: tuple[str, dict[str, Any]], state: str = "active") -> Record:
    placed = {
        "matter": "召回", "authority": "市场监管局 2026-17", "reason": "调查",
        "custodian": PEOPLE["legal-li"], "where": [{"what": "kind", "value": "complaint"}],
    }  # fmt: skip
    return entered("legal-hold", ("place", placed), *more, state=state)


def test_a_hold_in_its_life() -> None:
    """Active while its release is only asked for; released by the second person."""
    asked = ("request-release", {"reason": "结案"})
    assert hold_of(hold_record()).active
    assert hold_of(hold_record(asked, state="release-requested")).active
    kept = hold_record(asked, ("release", {"reason": "结案"}), ("keep", {"reason": "再议"}))
    assert hold_of(kept).active
    over = hold_of(hold_record(asked, ("release", {"reason": "结案"}), state="released"))
    assert not over.active
    assert over.released_on(SITE) == day("2026-03-04")
    assert over.cool_off_until(SITE) == day("2026-04-03")
    assert (over.matter, over.number) == ("召回", "BQ-2026-00001")


def test_an_extension_only_widens() -> None:
    """Its words are a query of their own: OR with those of the placing."""
    more = {"reason": "扩大", "where": [{"what": "customer", "value": "Volvo"}],
            "records": [{"record": "c" * 32}]}  # fmt: skip
    wide = hold_of(hold_record(("extend", more)))
    assert covers(wide, held("a" * 32))
    assert covers(wide, held("b" * 32, kind="minutes", references={"customer": ("VOLVO",)}))
    assert covers(wide, held("c" * 32, kind="minutes"))
    assert not covers(wide, held("d" * 32, kind="minutes"))


QUERIES = [
    ([("kind", "complaint"), ("customer", "Volvo")], True),
    ([("kind", "complaint"), ("customer", "上汽")], False),
    ([("kind", "minutes"), ("kind", "complaint")], True),
    ([("part", "a-4711/b")], True),
    ([("part", "A-4711")], False),
    ([("department", "d1")], True),
    ([("department", "d2")], False),
    ([("opened-from", "2024-01-01"), ("opened-until", "2024-12-31")], True),
    ([("opened-from", "2024-06-02")], False),
    ([("opened-from", "2024-06-01"), ("opened-until", "2024-06-01")], True),
    ([("opened-until", "2024-05-31")], False),
    ([("opened-from", "some day")], True),
    ([("batch", "B1")], False),
]


@pytest.mark.parametrize(("where", "on"), QUERIES)
def test_queries(where: list[tuple[str, str]], on: bool) -> None:
    """AND between words, OR within one; a bound that is no date bounds nothing."""
    placed = {"where": [{"what": what, "value": value} for what, value in where]}
    hold = hold_of(entered("legal-hold", ("place", placed), state="active"))
    holding = held(
        "a" * 32, department="d1", opened_on=day("2024-06-01"), recorded_on=day("2024-06-01"),
        references={"customer": ("Volvo",), "part": ("A-4711/B",)},
    )  # fmt: skip
    assert covers(hold, holding) is on


def test_a_hold_that_cannot_be_read_is_on_everything() -> None:
    """Fail closed."""
    assert covers(hold_of(entered("legal-hold", ("place", {}), state="active")), held("a" * 32))


def test_rules_come_into_force_by_two_approvals() -> None:
    """Proposed, approved, revised, approved: two versions, each from its second approval on."""
    said = {**SHIPPED["RR-03"], "rule_id": "RR-11"}
    longer = {k: v for k, v in said.items() if k != "rule_id"} | {"period": "P5Y"}
    steps = [("propose", said), ("approve-first", {}), ("approve-second", {}), ("revise", longer)]
    revising = entered("retention-rule", *steps, state="revising")
    (first,) = rule_versions(revising)
    assert (first.version, str(first.period), first.rule_id) == (1, "P3Y", "RR-11")
    assert first.in_force_at == at("2026-03-04")
    both = rule_versions(
        entered("retention-rule", *steps, ("approve-first", {}), ("approve-second", {}),
                state="in-force")
    )  # fmt: skip
    assert [(r.version, str(r.period)) for r in both] == [(1, "P3Y"), (2, "P5Y")]
    assert both[1].hash == fingerprint({**longer, "rule_id": "RR-11"})
    assert rule_versions(entered("retention-rule", *steps[:2], state="approved-once")) == ()


def test_what_ships_is_what_the_form_takes() -> None:
    """Each shipped rule opens a real record, which gives version 1."""
    policy = Policy()
    for rule_id, values in SHIPPED.items():
        case = Case().open("retention-rule", "ship", ARCHIVE, dict(values))
        (version,) = rule_versions(case.it)
        assert (version.rule_id, version.version, version.record_id) == (rule_id, 1, case.id)
        policy = policy.apply(case.it)
    assert [r.rule_id for r in policy.rules] == list(SHIPPED)
    assert [r.hash for r in policy.rules] == [r.hash for r in SHIPPED_POLICY.rules]


REPORT = {"event": "product-service-ended", "subject_kind": "part", "subject": "A-4711/B",
          "date": "2027-05-10", "evidence": "停产通知"}  # fmt: skip


@pytest.mark.parametrize(("state", "counts"), [("reported", 0), ("confirmed", 1), ("withdrawn", 0)])
def test_only_a_confirmed_trigger_counts(state: str, counts: int) -> None:
    """And the policy forgets one that is withdrawn."""
    confirmed = entered("retention-trigger", ("report", REPORT), state="confirmed")
    trigger = trigger_of(confirmed)
    assert trigger is not None
    assert (trigger.subject, trigger.on) == ("a-4711/b", date(2027, 5, 10))
    policy = Policy().apply(confirmed).apply(confirmed._replace(state=state))
    assert len(policy.triggers) == counts


@pytest.mark.parametrize(("state", "counts"), [("asked", 0), ("approved", 1)])
def test_only_an_approved_correction_counts(state: str, counts: int) -> None:
    """By the time of its approval."""
    said = {"record": "a" * 32, "marks": ["design"], "parts": [{"part": "A-1"}], "reason": "误加"}
    steps = [("correct", said), *([("approve", {})] if counts else [])]
    record = entered("retention-correction", *steps, state=state)
    assert len(Policy().apply(record).corrections) == counts
    correction = correction_of(record)
    assert (correction is not None) is bool(counts)
    if correction is not None:
        assert correction.parts == {"a-1"}
        assert correction.marks == {"design"}
        assert correction.approved_at == at("2026-03-03")


def test_a_policy_does_not_depend_on_the_order_of_its_records() -> None:
    """And a record applied again replaces itself; other kinds change nothing."""
    records = [
        hold_record(),
        entered("retention-trigger", ("report", REPORT), state="confirmed"),
        entered("retention-rule", ("ship", dict(SHIPPED["RR-01"])), state="in-force"),
        entered("retention-rule", ("ship", dict(SHIPPED["RR-02"])), state="in-force",
                since="2026-03-05"),
        tracker().it,
    ]  # fmt: skip
    forward, backward = Policy(), Policy()
    for record in records:
        forward = forward.apply(record).apply(record)
    for record in reversed(records):
        backward = backward.apply(record)
    assert forward == backward
    assert {r.kind.id for r in records if r.kind.internal} < set(Policy.KINDS)
    assert (len(forward.rules), len(forward.holds), len(forward.triggers)) == (2, 1, 1)
