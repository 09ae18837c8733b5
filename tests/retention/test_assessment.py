"""RETENTION.md tables B, C and D (what is arithmetic there), row by row, and cases of our own."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from domain.kind import Text
from retention.assessment import Assessment, assess, assess_copy
from retention.holding import Copy, Holding
from retention.policy import Correction, Policy
from retention.rules import SHIPPED, RuleVersion
from retention.schedule import eligible_from
from tests.retention.keeping import (
    SHIPPED_POLICY,
    SITE,
    at,
    codes,
    day,
    ended,
    filed,
    held,
    hold,
    one,
    paper,
    policy,
    rule,
)

A, B, C = "a" * 32, "b" * 32, "c" * 32
PART = {"part": ("A-4711/B",)}


def assert_runs(found: Assessment, last: str, eligible: str) -> None:
    """Running until `last`, to be listed from `eligible` on and not a moment before."""
    assert (found.status, codes(found)) == ("running", [])
    assert found.last_day == day(last)
    assert found.due_from == day(eligible)
    assert found.eligible_from == at(eligible, 0)
    assert found.due(day(eligible))
    assert not found.due(day(eligible) - timedelta(days=1))


def assert_never(found: Assessment, status: str, *why: str) -> None:
    """No day is given, and none will do."""
    assert (found.status, codes(found)) == (status, list(why))
    assert (found.last_day, found.eligible_from, found.due_from) == (None, None, None)
    assert not found.due(date.max)


def by_rule(found: Assessment) -> dict[str, date | None]:
    return {r.rule_id: r.last_day for r in found.reckoned}


# ---------------------------------------------------------------- table A, through the rules


@pytest.mark.parametrize(
    ("filing", "last", "eligible"),
    [
        pytest.param("2023-03-15", "2026-03-15", "2026-03-16", id="R01"),
        pytest.param("2024-02-29", "2027-02-28", "2027-03-01", id="R03"),
        pytest.param("2025-02-28", "2028-02-28", "2028-02-29", id="R05"),
        pytest.param("2023-12-31", "2026-12-31", "2027-01-01", id="R07"),
        pytest.param("2024-01-01", "2027-01-01", "2027-01-02", id="R08"),
        pytest.param("2023-02-10", "2026-02-10", "2026-02-11", id="R13"),
    ],
)
def test_electronic_by_the_shipped_rules(filing: str, last: str, eligible: str) -> None:
    """Table A under RR-03."""
    found = one(held(A, filing))
    assert_runs(found, last, eligible)
    assert found.winning is not None
    assert (found.winning.rule_id, found.winning.base_date) == ("RR-03", day(filing))
    assert found.base_date == day(filing)


@pytest.mark.parametrize(
    ("filing", "last", "eligible"),
    [
        pytest.param("2023-03-15", "2024-03-15", "2024-03-16", id="R02"),
        pytest.param("2024-02-29", "2025-02-28", "2025-03-01", id="R04"),
    ],
)
def test_paper_by_the_shipped_rules(filing: str, last: str, eligible: str) -> None:
    """Table A under RR-04."""
    copy = paper(filing)
    holding = held(A, filing, copies=(copy,))
    assert_runs(assess_copy(copy, holding, (holding,), SHIPPED_POLICY), last, eligible)


def test_r10_the_zone_of_the_site_decides() -> None:
    """R10a: filed in Berlin, eligible at Berlin's midnight."""
    found = one(held(A, filed("2024-05-01", zone="Europe/Berlin"), zone="Europe/Berlin"))
    assert found.last_day == day("2027-05-01")
    assert found.eligible_from == at("2027-05-02", 0, "Europe/Berlin")


@pytest.mark.parametrize(
    "filing", [pytest.param("2023-03-15", id="R11"), pytest.param("2023-12-31", id="R12a")]
)
def test_the_cut_off_at_the_end_of_the_year(filing: str) -> None:
    """R11, R12a."""
    under = Policy(rules=(rule(cut_off="end-of-calendar-year"),))
    assert_runs(one(held(A, filing), under), "2026-12-31", "2027-01-01")


def test_r14_never_filed_is_never_due() -> None:
    """R14."""
    assert_never(one(held(A)), "unfiled", "UNFILED")


# ---------------------------------------------------------------- table B


def product(filing: str, *ends: str) -> Assessment:
    holding = held(A, filed(filing, "approval"), references=PART)
    return one(holding, policy(triggers=[ended("A-4711/B", on) for on in ends]))


def test_r16_product_life_outlasts_three_years() -> None:
    """R16."""
    found = product("2023-03-15", "2027-05-10")
    assert by_rule(found) == {"RR-03": day("2026-03-15"), "RR-05": day("2028-12-31")}
    assert_runs(found, "2028-12-31", "2029-01-01")
    assert found.winning is not None
    assert found.winning.rule_id == "RR-05"


def test_r17_an_active_product_is_pending() -> None:
    """R17."""
    found = product("2023-03-15")
    assert by_rule(found) == {"RR-03": day("2026-03-15"), "RR-05": None}
    assert_never(found, "pending", "PENDING")
    assert found.reckoned[1].waits == (("part", "A-4711/B"),)
    assert "A-4711/B" in found.sentence.zh
    assert "A-4711/B" in found.sentence.en


def test_r18_three_years_outlast_product_life() -> None:
    """R18."""
    found = product("2024-06-01", "2024-08-01")
    assert by_rule(found) == {"RR-03": day("2027-06-01"), "RR-05": day("2025-12-31")}
    assert_runs(found, "2027-06-01", "2027-06-02")


def test_r19_the_customer_asks_for_fifteen_years() -> None:
    """R19."""
    customer = rule(
        "KH-01", period="P15Y", customers=[{"customer": "上汽"}], authority="customer", floor=False
    )
    found = one(held(A, "2023-03-15", references={"customer": ("上汽",)}), policy(customer))
    assert by_rule(found) == {"RR-03": day("2026-03-15"), "KH-01": day("2038-03-15")}
    assert_runs(found, "2038-03-15", "2038-03-16")


@pytest.mark.parametrize(
    ("number", "last", "eligible"),
    [(1, "2024-03-15", "2024-03-16"), (2, "2024-09-01", "2024-09-02")],
)
def test_r22_each_paper_copy_has_its_own_clock(number: int, last: str, eligible: str) -> None:
    """R22."""
    copies = (paper("2023-03-15", 1), paper("2023-09-01", 2, signed_original=True))
    holding = held(A, "2023-03-15", copies=copies)
    found = assess_copy(copies[number - 1], holding, (holding,), SHIPPED_POLICY)
    assert_runs(found, last, eligible)


def test_r23_a_failed_check_keeps_the_paper() -> None:
    """R23: blocked until the electronic copy passes."""
    failed = paper("2023-03-15", checked_ok=False, checked_on=day("2024-03-20"))
    holding = held(A, "2023-03-15", copies=(failed,))
    found = assess_copy(failed, holding, (holding,), SHIPPED_POLICY)
    assert (found.status, codes(found)) == ("blocked", ["COPY_UNCHECKED"])
    assert found.last_day == day("2024-03-15")
    assert not found.due(day("2024-03-20"))
    passed = replace(failed, checked_ok=True, checked_on=day("2024-03-21"))
    assert_runs(
        assess_copy(passed, holding, (holding,), SHIPPED_POLICY), "2024-03-15", "2024-03-16"
    )


@pytest.mark.parametrize("by", ["customer", "law"])
def test_r24_a_signed_original_that_is_demanded(by: str) -> None:
    """R24: paper as long as the electronic record."""
    copy = paper("2023-03-15", signed_original=True, required_by=by)
    holding = held(A, "2023-03-15", copies=(copy,))
    found = assess_copy(copy, holding, (holding,), SHIPPED_POLICY)
    assert_runs(found, "2026-03-15", "2026-03-16")
    assert found.last_day == one(holding).last_day


def test_r26_no_rule_no_disposal() -> None:
    """R26: fail closed."""
    assert_never(one(held(A, "2023-03-15", retention="novel")), "blocked", "NO_RULE")
    assert_never(one(held(A, "2023-03-15"), Policy()), "blocked", "NO_RULE")


# ---------------------------------------------------------------- table C


def test_r27_hold_and_cool_off() -> None:
    """R27, and what it was before the release."""
    during = one(held(A, "2023-03-15"), policy(holds=[hold(placed="2026-02-01")]))
    assert (during.status, codes(during)) == ("held", ["HELD"])
    assert during.blockers[0].record == "h" * 32
    assert (during.last_day, during.due_from) == (day("2026-03-15"), None)
    assert not during.due(date.max)
    after = one(held(A, "2023-03-15"), policy(holds=[hold(released="2026-05-20")]))
    assert_runs(after, "2026-06-19", "2026-06-20")
    assert "2026-05-20" in after.sentence.zh
    assert "2026-05-20" in after.sentence.en


def test_r28_a_hold_that_ended_long_before() -> None:
    """R28."""
    under = policy(holds=[hold(released="2024-06-01")])
    assert_runs(one(held(A, "2023-03-15"), under), "2026-03-15", "2026-03-16")


def test_r30_a_hold_after_the_approval_wins() -> None:
    """R30: at execution the record is held."""
    assert one(held(A, "2023-03-15")).due(day("2026-03-25"))
    found = one(held(A, "2023-03-15"), policy(holds=[hold(placed="2026-03-27")]))
    assert codes(found) == ["HELD"]
    assert not found.due(day("2026-04-02"))


def test_r31_reopened_and_filed_again() -> None:
    """R31: between, unfiled; then from the new filing."""
    assert_never(one(held(A, "2023-03-15", is_filed=False)), "unfiled", "UNFILED")
    again = one(held(A, "2023-03-15", "2025-08-20"))
    assert_runs(again, "2028-08-20", "2028-08-21")
    assert again.base_date == day("2025-08-20")


def test_r32_reopened_before_listing() -> None:
    """R32: it leaves the due list."""
    assert one(held(A, "2023-03-15")).due(day("2026-03-20"))
    assert not one(held(A, "2023-03-15", is_filed=False)).due(day("2026-03-20"))


CHAIN = (held(A, "2023-03-15", bound=(B,)), held(B, "2024-01-10", bound=(A, C)),
         held(C, "2024-07-10", bound=(B,)))  # fmt: skip


@pytest.mark.parametrize("which", [0, 1, 2])
def test_r33_bound_records_go_together(which: int) -> None:
    """R33."""
    assert_runs(assess(CHAIN[which], CHAIN, SHIPPED_POLICY), "2027-07-10", "2027-07-11")


@pytest.mark.parametrize("which", [0, 2])
def test_r34_one_open_member_keeps_all_pending(which: int) -> None:
    """R34."""
    group = (CHAIN[0], held(B, bound=(A, C)), CHAIN[2])
    found = assess(group[which], group, SHIPPED_POLICY)
    assert_never(found, "pending", "BOUND")
    assert found.blockers[0].record == B
    assert "KS-bbbb" in found.sentence.zh


def test_r35_see_also_does_not_bind() -> None:
    """R35: a link that does not bind is not in the group."""
    assert_runs(one(held(A, "2023-03-15")), "2026-03-15", "2026-03-16")


def test_r36_a_dossier() -> None:
    """R36: what belongs to it was created before, and counts from the filing."""
    members = tuple(
        held(name * 32, "2023-02-28", opened_on=day(opened), retention=cls)
        for name, opened, cls in (
            ("1", "2023-01-05", "communication"),
            ("2", "2023-01-12", "communication"),
            ("3", "2023-02-20", "communication"),
            ("4", "2023-02-28", "dossier"),
        )
    )
    for member in members:
        assert_runs(assess(member, members, SHIPPED_POLICY), "2026-02-28", "2026-03-01")


# ---------------------------------------------------------------- table D


def changed(period: str) -> Policy:
    """RR-03 in a second version from 2025-01-01."""
    first = RuleVersion.of(SHIPPED["RR-03"], 1, "r")
    second = {**SHIPPED["RR-03"], "period": period, "effective_from": "2025-01-01"}
    return Policy(rules=(first, RuleVersion.of(second, 2, "r", at("2024-12-01"))))


def test_r38_lengthening_acts_at_once() -> None:
    """R38."""
    found = one(held(A, "2023-03-15"), changed("P5Y"))
    assert_runs(found, "2028-03-15", "2028-03-16")
    assert found.winning is not None
    assert found.winning.version == 2


@pytest.mark.parametrize(
    ("filing", "last"), [("2023-03-15", "2026-03-15"), ("2025-02-01", "2027-02-01")]
)
def test_r39_shortening_acts_on_what_is_filed_later(filing: str, last: str) -> None:
    """R39."""
    found = one(held(A, filing), changed("P2Y"))
    assert found.last_day == day(last)


def test_r40_and_r41_the_hour() -> None:
    """R40, R41: not due until the last second of the last day, due from midnight on."""
    found = one(held(A, "2023-03-15"))
    assert not found.due(day("2026-03-15"))
    assert found.due(day("2026-03-16"))
    assert found.eligible_from == at("2026-03-16", 0)


def test_r51_an_import_without_evidence() -> None:
    """R51: it counts from the import."""
    found = one(held(A, "2026-11-22", imported_on=day("2026-11-22"), opened_on=day("2020-05-01")))
    assert_runs(found, "2029-11-22", "2029-11-23")


@pytest.mark.parametrize(("state", "code"), [("on-loan", "ON_LOAN"), ("lost", "LOST")])
def test_r52_paper_on_loan(state: str, code: str) -> None:
    """R52: it cannot be destroyed, until it is back; what is lost, neither."""
    copy = paper("2023-03-15", state=state)
    holding = held(A, "2023-03-15", copies=(copy,))
    found = assess_copy(copy, holding, (holding,), SHIPPED_POLICY)
    assert (found.status, codes(found)) == ("blocked", [code])
    assert found.last_day == day("2024-03-15")
    assert not found.due(date.max)
    back = replace(copy, state="shelved")
    assert assess_copy(back, holding, (holding,), SHIPPED_POLICY).due(day("2024-03-16"))


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Europe/Berlin", "Pacific/Kiritimati"])
def test_r54_the_site_moves(zone: str) -> None:
    """R54: dates unchanged; and it goes no earlier than by the zone in which it was filed."""
    found = one(held(A, filed("2023-03-15", zone=SITE), zone=zone))
    assert (found.base_date, found.last_day) == (day("2023-03-15"), day("2026-03-15"))
    assert found.eligible_from == at("2026-03-16", 0)
    assert found.due_from is not None
    begins = eligible_from(found.due_from - timedelta(days=1), ZoneInfo(zone))
    assert begins >= found.eligible_from
    assert not found.due(found.due_from - timedelta(days=1))


# ---------------------------------------------------------------- import, holds, corrections


def test_an_accepted_claim_still_waits_thirty_days() -> None:
    """RETENTION.md 4: also with an accepted filing date, thirty days after the import."""
    holding = held(A, "2009-05-01", imported_on=day("2026-11-22"))
    found = one(holding)
    assert_runs(found, "2026-12-22", "2026-12-23")
    assert found.winning is not None
    assert found.winning.last_day == day("2012-05-01")
    assert "2026-11-22" in found.sentence.zh


def test_a_hold_on_one_holds_all_that_is_bound() -> None:
    """A member's hold counts for the whole group, its cool-off too, and for their paper."""
    copy = paper("2023-03-15")
    group = (replace(CHAIN[0], copies=(copy,)), *CHAIN[1:])
    on_c = policy(holds=[hold(records=(C,))])
    assert assess(group[0], group, on_c).status == "held"
    assert codes(assess(group[0], group, on_c)) == ["BOUND"]
    assert assess_copy(copy, group[0], group, on_c).status == "held"
    off_c = policy(holds=[hold(released="2028-01-01", records=(C,))])
    assert_runs(assess(group[0], group, off_c), "2028-01-31", "2028-02-01")
    assert_runs(assess_copy(copy, group[0], group, off_c), "2028-01-31", "2028-02-01")


def test_an_open_record_can_be_held() -> None:
    """A hold may be placed at any stage: both reasons show, the hold first."""
    found = one(held(A), policy(holds=[hold()]))
    assert_never(found, "held", "HELD", "UNFILED")


def test_a_correction_takes_an_extension_away() -> None:
    """A wrong mark or part falls away by a correction, but no floor does."""
    wrong = Correction(
        id="z",
        record=A,
        asked_at=at("2026-01-05"),
        approved_at=at("2026-01-05"),
        marks=frozenset({"tooling"}),
    )
    holding = held(A, filed("2023-03-15", "tooling"), references=PART)
    assert one(holding).status == "pending"
    assert_runs(one(holding, policy(corrections=[wrong])), "2026-03-15", "2026-03-16")
    floor = rule("X-09", marks=["tooling"], period="P7Y", floor=True)
    assert one(holding, policy(floor, corrections=[wrong])).last_day == day("2030-03-15")


def test_a_correction_reaches_no_later_filing() -> None:
    """What is marked again at a later filing is marked."""
    wrong = Correction(
        id="z",
        record=A,
        asked_at=at("2024-01-05"),
        approved_at=at("2024-01-05"),
        marks=frozenset({"tooling"}),
    )
    again = held(A, filed("2023-03-15", "tooling"), filed("2024-02-01", "tooling"), references=PART)
    assert one(again, policy(corrections=[wrong])).status == "pending"
    other = held(B, filed("2023-03-15", "tooling"), references=PART)
    assert one(other, policy(corrections=[wrong])).status == "pending"


def test_a_wrong_part_no_longer_delays() -> None:
    """Of two parts the wrong one is taken away: the other's end counts."""
    wrong = Correction(
        id="z",
        record=A,
        asked_at=at("2026-01-05"),
        approved_at=at("2026-01-05"),
        parts=frozenset({"b-1"}),
    )
    holding = held(A, filed("2023-03-15", "design"), references={"part": ("A-1", "B-1")})
    ends = [ended("A-1", "2025-06-30")]
    assert one(holding, policy(triggers=ends)).status == "pending"
    corrected = one(holding, policy(triggers=ends, corrections=[wrong]))
    assert_runs(corrected, "2026-12-31", "2027-01-01")
    none = replace(wrong, parts=frozenset({"a-1", "b-1"}))
    assert one(holding, policy(triggers=ends, corrections=[none])).status == "pending"


# ---------------------------------------------------------------- triggers


def test_the_latest_of_all_parts() -> None:
    """RR-05: production of one part goes on, so all wait; then the latest counts."""
    holding = held(A, filed("2020-03-15", "order"), references={"part": ("A-1", "A-2")})
    half = one(holding, policy(triggers=[ended("A-1", "2023-05-01")]))
    assert_never(half, "pending", "PENDING")
    assert half.reckoned[1].waits == (("part", "A-2"),)
    both = [ended("A-1", "2024-05-01"), ended("A-2", "2023-02-01"), ended("A-3", "2029-01-01")]
    assert one(holding, policy(triggers=both)).last_day == day("2025-12-31")


def test_a_product_record_that_names_nothing_waits() -> None:
    """Fail closed: it could be of any part."""
    found = one(
        held(A, filed("2023-03-15", "design")), policy(triggers=[ended("A-1", "2020-01-01")])
    )
    assert_never(found, "pending", "PENDING")


def test_a_customers_date() -> None:
    """A rule may count from a date that the customer names."""
    said = rule("KH-02", trigger="customer-date", period="P2Y", customers=[{"customer": "Volvo"}])
    holding = held(A, "2023-03-15", references={"customer": ("Volvo",)})
    assert_never(one(holding, policy(said)), "pending", "PENDING")
    named = [ended("volvo", "2027-06-30", "customer-date", "customer")]
    found = one(holding, policy(said, triggers=named))
    assert_runs(found, "2029-06-30", "2029-07-01")
    elsewhere = [ended("volvo", "2027-06-30", "contract-ended", "customer")]
    assert_never(one(holding, policy(said, triggers=elsewhere)), "pending", "PENDING")


def test_a_contract_ends_by_order_or_customer() -> None:
    """All orders that it names, or all its customers, will do."""
    said = rule("KH-03", trigger="contract-ended", period="P5Y")
    holding = held(A, "2023-03-15", references={"customer": ("Volvo",), "order": ("P1", "P2")})
    one_order = [ended("P1", "2024-01-31", "contract-ended", "order")]
    assert_never(one(holding, policy(said, triggers=one_order)), "pending", "PENDING")
    for more in (("P2", "order"), ("Volvo", "customer")):
        ends = [*one_order, ended(more[0], "2025-01-31", "contract-ended", more[1])]
        assert one(holding, policy(said, triggers=ends)).last_day == day("2030-01-31")


def test_created_counts_by_the_logs_time_if_that_is_later() -> None:
    """A claimed date of creation brings nothing forward."""
    said = rule("X-02", trigger="created", period="P8Y")
    late = held(A, "2023-03-15", opened_on=day("2000-01-01"), recorded_on=day("2023-03-01"))
    assert one(late, policy(said)).last_day == day("2031-03-01")


# ---------------------------------------------------------------- classes


def test_personnel_needs_a_rule_that_means_it() -> None:
    """RR-10: a rule for everything is not the company's decision about people."""
    holding = held(A, "2023-03-15", retention="personnel", kind="interview")
    everything = rule("X-03", period="P9Y")
    assert_never(one(holding), "blocked", "NO_RULE")
    assert_never(one(holding, policy(everything)), "blocked", "NO_RULE")
    own = rule("X-04", period="P2Y", classes=["personnel"])
    assert_runs(one(holding, policy(own)), "2025-03-15", "2025-03-16")
    assert one(holding, policy(own, everything)).last_day == day("2032-03-15")
    kind = rule("X-05", period="P2Y", kinds=[{"kind": "interview"}])
    assert_runs(one(holding, policy(kind)), "2025-03-15", "2025-03-16")


def test_a_revised_template_is_a_rule() -> None:
    """RR-10 as it ships covers nothing; in its second version it does, older records too."""
    said = {**SHIPPED["RR-10"], "classes": ["personnel"], "period": "P2Y"}
    said |= {"effective_from": "2027-01-01", "ends_on": "2999-12-31"}
    second = RuleVersion.of(said, 2, "", at("2026-12-01"))
    holding = held(A, "2026-03-15", retention="personnel")
    assert_runs(one(holding, policy(second)), "2028-03-15", "2028-03-16")


@pytest.mark.parametrize("filings", [(), ("2023-03-15",)])
def test_permanent_is_for_ever(filings: tuple[str, ...]) -> None:
    """By class, with or without a rule; nobody waits for its filing."""
    holding = held(A, *filings, retention="permanent")
    assert_never(one(holding), "blocked", "PERMANENT")
    assert_never(one(holding, Policy()), "blocked", "PERMANENT")


def test_a_permanent_member_keeps_the_group() -> None:
    """A rule that keeps one of them for ever keeps all of them."""
    ever = rule("X-06", action="permanent", scope="yes")
    group = (held(A, "2023-03-15"), held(B, filed("2023-03-15", scope=True)))
    assert_never(assess(group[0], group, policy(ever)), "blocked", "BOUND")
    assert_never(assess(group[1], group, policy(ever)), "blocked", "PERMANENT")


def test_archive_scope() -> None:
    """RR-08: ten years, to the end of the year."""
    found = one(held(A, filed("2023-03-15", scope=True)))
    assert_runs(found, "2033-12-31", "2034-01-01")


def test_a_rule_that_ended() -> None:
    """What is filed on its last day or later is not covered; earlier filings stay covered."""
    ended_rule = rule("X-07", period="P9Y", ends_on="2025-01-01")
    assert one(held(A, "2024-12-31"), policy(ended_rule)).last_day == day("2033-12-31")
    assert one(held(A, "2025-01-01"), policy(ended_rule)).last_day == day("2028-01-01")


def test_two_records_with_one_rule_id_stay_two_rules() -> None:
    """A second record of the same name does not replace the first."""
    first = replace(rule("X-08", period="P9Y"), record_id="r1")
    second = replace(rule("X-08", period="P1Y"), record_id="r2")
    assert one(held(A, "2023-03-15"), policy(first, second)).last_day == day("2032-03-15")


def test_a_backdated_version_shortens_nothing() -> None:
    """An effective date before its approval does not reach what was filed before the approval."""
    first = rule("X-10", period="P9Y")
    second = rule("X-10", 2, period="P1Y", effective_from="2020-06-01", approved="2026-06-01")
    assert one(held(A, "2023-03-15"), policy(first, second)).last_day == day("2032-03-15")
    assert one(held(A, "2026-06-02"), Policy(rules=(first, second))).last_day == day("2027-06-02")


# ---------------------------------------------------------------- groups, zones, copies, ends


def test_mixed_zones() -> None:
    """Members filed at several sites: the last midnight of all counts."""
    west = held(B, filed("2023-03-15", zone="America/New_York"))
    east = held(A, "2023-03-15")
    found = assess(east, (east, west), SHIPPED_POLICY)
    assert found.last_day == day("2026-03-15")
    assert found.eligible_from == at("2026-03-16", 0, "America/New_York")
    assert found.due_from == day("2026-03-17")
    assert not found.due(day("2026-03-16"))
    assert found.due(day("2026-03-17"))


def test_across_the_date_line() -> None:
    """The later date need not end later: both its date and its hour are kept."""
    far_east = held(A, filed("2023-03-16", zone="Pacific/Kiritimati"), zone="Pacific/Kiritimati")
    far_west = held(B, filed("2023-03-15", zone="Pacific/Pago_Pago"), zone="Pacific/Kiritimati")
    found = assess(far_east, (far_east, far_west), SHIPPED_POLICY)
    assert found.last_day == day("2026-03-16")
    assert found.eligible_from == at("2026-03-16", 0, "Pacific/Pago_Pago")
    assert found.due_from == day("2026-03-18")


def test_disposed_members_bind_no_more() -> None:
    """What has gone waits for nothing, and nothing waits for it."""
    gone = held(B, "2024-01-10", disposed=True)
    here = held(A, "2023-03-15")
    assert_runs(assess(here, (here, gone), SHIPPED_POLICY), "2026-03-15", "2026-03-16")
    assert_never(assess(gone, (here, gone), SHIPPED_POLICY), "disposed", "DISPOSED")


def test_paper_keeps_the_electronic_record() -> None:
    """RETENTION.md 3.3: the electronic record outlives its paper, until that is destroyed."""
    late = paper("2025-09-01", 2)
    holding = held(A, "2023-03-15", copies=(paper("2023-03-15"), late))
    found = one(holding)
    assert_runs(found, "2026-09-01", "2026-09-02")
    assert found.winning is not None
    assert found.winning.copy == late
    lost = replace(holding, copies=(replace(late, state="lost"),))
    assert_runs(one(lost), "2026-09-01", "2026-09-02")
    gone = replace(holding, copies=(replace(late, state="destroyed"),))
    assert_runs(one(gone), "2026-03-15", "2026-03-16")


def test_paper_registered_before_the_filing_counts_from_the_filing() -> None:
    """The draft that was printed early has no shorter year."""
    copy = paper("2023-01-05")
    holding = held(A, "2023-02-28", copies=(copy,))
    found = assess_copy(copy, holding, (holding,), SHIPPED_POLICY)
    assert_runs(found, "2024-02-28", "2024-02-29")


@pytest.mark.parametrize(
    ("checked", "code"),
    [(None, True), ("2023-06-01", True), ("2024-02-13", True), ("2024-02-14", False),
     ("2024-03-20", False)],
)  # fmt: skip
def test_only_a_fresh_check_counts(checked: str | None, code: bool) -> None:
    """Within thirty days before the last day, or after it."""
    copy = replace(
        paper("2023-03-15"),
        checked_ok=True if checked else None,
        checked_on=day(checked) if checked else None,
    )
    holding = held(A, "2023-03-15", copies=(copy,))
    found = assess_copy(copy, holding, (holding,), SHIPPED_POLICY)
    assert ("COPY_UNCHECKED" in codes(found)) is code


def test_paper_of_an_open_record_stays() -> None:
    """A record that was opened again keeps its paper."""
    copy = paper("2023-03-15")
    holding = held(A, "2023-03-15", is_filed=False, copies=(copy,))
    assert_never(assess_copy(copy, holding, (holding,), SHIPPED_POLICY), "unfiled", "UNFILED")


def test_a_demanded_original_waits_for_the_whole_group() -> None:
    """It goes no earlier than the electronic record, whatever keeps that."""
    copy = paper("2023-03-15", signed_original=True, required_by="law")
    own = replace(CHAIN[0], copies=(copy,))
    group = (own, *CHAIN[1:])
    assert_runs(assess_copy(copy, own, group, SHIPPED_POLICY), "2027-07-10", "2027-07-11")
    open_group = (own, held(B, bound=(A, C)), CHAIN[2])
    assert assess_copy(copy, own, open_group, SHIPPED_POLICY).status == "pending"


def test_several_filings_the_longest_wins() -> None:
    """A claim may give the later filing an earlier base date: the old last day stays."""
    found = one(held(A, filed("2025-03-15"), filed("2020-01-01")))
    assert found.last_day == day("2028-03-15")
    assert found.base_date == day("2020-01-01")


@pytest.mark.parametrize("period", ["P9999Y", "P7977Y"])
def test_the_end_of_the_calendar(period: str) -> None:
    """What would end after 9999-12-31 never ends."""
    found = one(held(A, "2023-03-15"), Policy(rules=(rule(period=period),)))
    assert (found.status, found.last_day, found.due_from) == ("running", date.max, date.max)
    assert not found.due(date.max)
    assert "现在不得处置" in found.sentence.zh


def test_what_cannot_be_read_is_not_disposed_of() -> None:
    """Content that is gone without a disposal could name anything."""
    assert_never(one(held(A, "2023-03-15", readable=False)), "blocked", "CHAIN_BROKEN")


def test_a_member_missing_from_its_own_group_counts_all_the_same() -> None:
    """`group` without itself is the group with itself."""
    assert assess(CHAIN[0], CHAIN[1:], SHIPPED_POLICY) == assess(CHAIN[0], CHAIN, SHIPPED_POLICY)


# ---------------------------------------------------------------- sentences


def sentences() -> list[tuple[str, Text, str, str]]:
    def copied(copy: Copy, holding: Holding, under: Policy = SHIPPED_POLICY) -> Text:
        return assess_copy(copy, holding, (holding,), under).sentence

    original = paper("2023-03-15", signed_original=True, required_by="law")
    plain_copy = paper("2023-03-15")
    return [
        (
            "one rule",
            one(held(A, "2023-03-15")).sentence,
            "依规则RR-03第1版（设计卡：电子件3年），自2023-03-15归档之日起保管3年，"
            "最后一日为2026-03-15；2026-03-16起可列入处置清单。",
            "Rule RR-03 version 1 (design card: electronic 3 years) keeps it for 3 years from its "
            "filing on 2023-03-15, so that the last day is 2026-03-15; it may be listed for "
            "disposal from 2026-03-16.",
        ),
        (
            "product life",
            product("2023-03-15", "2027-05-10").sentence,
            "依规则RR-05第1版（IATF 16949:2016 7.5.3.2.1），自所涉产品停止生产和服务之日2027-05-10"
            "起保管1年，并延至期满当年12月31日，最后一日为2028-12-31（适用的2项规定中期限最长）；"
            "2029-01-01起可列入处置清单。",
            "Rule RR-05 version 1 (IATF 16949:2016 7.5.3.2.1) keeps it for 1 year from 2027-05-10, "
            "when its product and service ended, and then to the end of that calendar year, so "
            "that the last day is 2028-12-31 (the longest of 2 that apply); it may be listed for "
            "disposal from 2029-01-01.",
        ),
        (
            "cool-off",
            one(held(A, "2023-03-15"), policy(holds=[hold(released="2026-05-20")])).sentence,
            "依规则RR-03第1版（设计卡：电子件3年），自2023-03-15归档之日起保管3年，"
            "最后一日为2026-03-15；法律保全BQ-2026-00001于2026-05-20解除，冷静期30日，"
            "最后一日延至2026-06-19；2026-06-20起可列入处置清单。",
            "Rule RR-03 version 1 (design card: electronic 3 years) keeps it for 3 years from its "
            "filing on 2023-03-15, so that the last day is 2026-03-15; the cool-off of 30 days "
            "after the release of legal hold BQ-2026-00001 on 2026-05-20 moves it to 2026-06-19; "
            "it may be listed for disposal from 2026-06-20.",
        ),
        (
            "bound",
            assess(CHAIN[0], CHAIN, SHIPPED_POLICY).sentence,
            "与绑定的KS-cccc一并保管：依规则RR-03第1版（设计卡：电子件3年），自2024-07-10归档之日起"
            "保管3年，最后一日为2027-07-10；2027-07-11起可列入处置清单。",
            "It is kept together with KS-cccc, which rule RR-03 version 1 (design card: electronic "
            "3 years) keeps for 3 years from its filing on 2024-07-10, so that the last day is "
            "2027-07-10; it may be listed for disposal from 2027-07-11.",
        ),
        (
            "paper",
            copied(plain_copy, held(A, "2023-03-15", copies=(plain_copy,))),
            "依规则RR-04第1版（设计卡：纸质件1年），自2023-03-15归档之日起保管1年，"
            "最后一日为2024-03-15；2024-03-16起可列入处置清单。",
            "Rule RR-04 version 1 (design card: paper 1 year) keeps paper copy 1 for 1 year from "
            "its filing on 2023-03-15, so that the last day is 2024-03-15; it may be listed for "
            "disposal from 2024-03-16.",
        ),
        (
            "signed original",
            copied(original, held(A, "2023-03-15", copies=(original,))),
            "纸质件第1份为须保存的签字原件，与电子件同期保管：依规则RR-03第1版（设计卡：电子件3年），"
            "自2023-03-15归档之日起保管3年，最后一日为2026-03-15（适用的2项规定中期限最长）；"
            "2026-03-16起可列入处置清单。",
            "Paper copy 1, a signed original that must be kept, stays as long as the electronic "
            "record, which rule RR-03 version 1 (design card: electronic 3 years) keeps for 3 "
            "years from its filing on 2023-03-15, so that the last day is 2026-03-15 (the longest "
            "of 2 that apply); it may be listed for disposal from 2026-03-16.",
        ),
        (
            "held",
            one(held(A, "2023-03-15"), policy(holds=[hold()])).sentence,
            "受法律保全BQ-2026-00001约束；依规则RR-03第1版（设计卡：电子件3年），"
            "自2023-03-15归档之日起保管3年，最后一日为2026-03-15；现在不得处置。",
            "It is under legal hold BQ-2026-00001; rule RR-03 version 1 (design card: electronic 3 "
            "years) keeps it for 3 years from its filing on 2023-03-15, so that the last day is "
            "2026-03-15; it may not go now.",
        ),
    ]


@pytest.mark.parametrize(("case", "said", "zh", "en"), sentences(), ids=lambda each: str(each)[:20])
def test_sentences(case: str, said: Text, zh: str, en: str) -> None:
    """One sentence in each language: rule, base date, period, cut-off, last day, why later."""
    assert said.zh == zh, case
    assert said.en == en, case
