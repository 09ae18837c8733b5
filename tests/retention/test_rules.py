"""Rules: what ships, what each covers, and which versions came into force."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from domain.disposals import fingerprint
from domain.kinds import current
from retention.rules import SHIPPED, Facts, RuleVersion, plain, rule_hash
from retention.schedule import Period

DAY = date(2023, 3, 15)


def rule(rule_id: str) -> RuleVersion:
    return RuleVersion.of(SHIPPED[rule_id])


def facts(retention: str = "communication", kind: str = "minutes", **more: Any) -> Facts:
    return Facts(retention, kind, more.pop("base_date", DAY), **more)


TABLE = [
    # id, trigger, cut-off, period, permanent, authority: RETENTION.md 2
    ("RR-01", "filed", "anniversary", "P3Y", False, "seed"),
    ("RR-02", "filed", "anniversary", "P1Y", False, "seed"),
    ("RR-03", "filed", "anniversary", "P3Y", False, "card"),
    ("RR-04", "filed", "anniversary", "P1Y", False, "card"),
    ("RR-05", "product-service-ended", "end-of-calendar-year", "P1Y", False, "standard"),
    ("RR-07", "filed", "anniversary", "P3Y", False, "customer"),
    ("RR-08", "filed", "end-of-calendar-year", "P10Y", False, "law"),
    ("RR-09", "created", "anniversary", None, True, "company"),
]


@pytest.mark.parametrize(
    ("rule_id", "trigger", "cut_off", "period", "permanent", "authority"), TABLE
)
def test_what_ships(
    rule_id: str, trigger: str, cut_off: str, period: str | None, permanent: bool, authority: str
) -> None:
    """Each shipped rule counts as RETENTION.md 2 has it."""
    shipped = rule(rule_id)
    assert (shipped.trigger, shipped.cut_off) == (trigger, cut_off)
    assert shipped.period == (Period.parse(period) if period else None)
    assert (shipped.permanent, shipped.authority) == (permanent, authority)


def test_ten_ship_in_both_languages_with_their_authority() -> None:
    """RR-01 to RR-10, each with a title in Chinese and English and a citation."""
    assert list(SHIPPED) == [f"RR-{n:02}" for n in range(1, 11)]
    for values in SHIPPED.values():
        assert any("\u4e00" <= c <= "\u9fff" for c in values["title_zh"])
        assert values["title_en"].isascii()
        assert values["citation"]


COVERED = [
    # what is filed, medium, the rules that cover it
    (facts("dossier", "dossier"), "electronic", {"RR-01"}),
    (facts("dossier", "dossier"), "paper", {"RR-02"}),
    (facts(), "electronic", {"RR-03"}),
    (facts(), "paper", {"RR-04"}),
    (facts(marks=frozenset({"tooling"})), "electronic", {"RR-03", "RR-05"}),
    (facts(marks=frozenset({"tooling"})), "paper", {"RR-04", "RR-05"}),
    (facts("dossier", marks=frozenset({"order"})), "electronic", {"RR-01", "RR-05"}),
    (facts("product"), "electronic", {"RR-03", "RR-05"}),
    (facts("audit"), "electronic", {"RR-03", "RR-07"}),
    (facts("audit"), "paper", {"RR-04", "RR-07"}),
    (facts(scope=True), "electronic", {"RR-03", "RR-08"}),
    (facts("permanent"), "electronic", {"RR-09"}),
    (facts("personnel"), "electronic", set()),
    (facts("personnel"), "paper", set()),
    (facts("something-new"), "electronic", set()),
]


@pytest.mark.parametrize(("filed", "medium", "rules"), COVERED)
def test_what_the_shipped_rules_cover(filed: Facts, medium: str, rules: set[str]) -> None:
    """By class, mark, archive scope and medium; RR-06 and RR-10 cover nothing until revised."""
    assert {r for r in SHIPPED if rule(r).covers(filed, medium)} == rules


CONDITIONS = [
    ({}, facts(), True),
    ({"kinds": [{"kind": "minutes"}, {"kind": "capa"}]}, facts(), True),
    ({"kinds": [{"kind": "capa"}]}, facts(), False),
    ({"customers": [{"customer": "上汽"}]}, facts(customers=frozenset({"上汽"})), True),
    ({"customers": [{"customer": "上汽"}]}, facts(customers=frozenset({"一汽"})), False),
    ({"customers": [{"customer": "上汽"}]}, facts(), False),
    ({"parts": [{"part": "Ａ-4711/B"}]}, facts(parts=frozenset({"a-4711/b"})), True),
    ({"parts": [{"part": "A-4711/C"}]}, facts(parts=frozenset({"a-4711/b"})), False),
    ({"scope": "no"}, facts(), True),
    ({"scope": "no"}, facts(scope=True), False),
    ({"scope": "yes"}, facts(), False),
    ({"classes": ["audit"], "kinds": [{"kind": "minutes"}]}, facts(), False),
    ({"ends_on": "2023-03-16"}, facts(), True),
    ({"ends_on": "2023-03-15"}, facts(), False),
    ({"medium": "paper"}, facts(), False),
    ({"medium": "any"}, facts(), True),
]


@pytest.mark.parametrize(("said", "filed", "covered"), CONDITIONS)
def test_conditions(said: dict[str, Any], filed: Facts, covered: bool) -> None:
    """AND between fields, OR within one, none given covers all; not from `ends_on` on."""
    assert RuleVersion.of({"rule_id": "X-1", **said}).covers(filed, "electronic") is covered


def test_a_version_is_not_in_force_before_it_was_approved() -> None:
    """A date of effect in the past does not reach what was filed before the approval."""
    approved = datetime(2026, 6, 1, 2, 0, tzinfo=UTC)
    late = RuleVersion.of({"effective_from": "2020-01-01"}, 2, in_force_at=approved)
    assert not late.was_in_force(date(2026, 5, 31), datetime(2026, 5, 31, 2, 0, tzinfo=UTC))
    assert not late.was_in_force(date(2026, 6, 1), datetime(2026, 6, 1, 1, 59, tzinfo=UTC))
    assert late.was_in_force(date(2026, 6, 1), approved)
    assert not late.was_in_force(date(2019, 12, 31), approved)


@pytest.mark.parametrize("period", [None, "", "3 years", "P0D", 3])
def test_a_rule_without_a_readable_period_keeps_for_ever(period: object) -> None:
    """What cannot be read never shortens anything."""
    assert RuleVersion.of({"rule_id": "X-1", "action": "destroy", "period": period}).permanent


def test_an_unreadable_rule_keeps_everything() -> None:
    """A rule whose content is lost covers every record, for ever."""
    lost = RuleVersion.of({"rule_id": ""})
    assert lost.permanent
    assert lost.covers(facts("personnel"), "paper")


def test_the_hash_is_that_of_all_it_says() -> None:
    """Any change of what a version says is another hash."""
    said = SHIPPED["RR-01"]
    assert rule("RR-01").hash == rule_hash(said) == fingerprint(dict(said))
    assert len({rule_hash({**said, "period": p}) for p in ("P3Y", "P2Y")}) == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [("A-4711/B", "a-4711/b"), ("Ａ－４７１１", "A-4711"), (" 上汽  集团", "上汽 集团")],
)
def test_names_as_people_mean_them(one: str, other: str) -> None:
    """Width, case and spaces make no other part or customer."""
    assert plain(one) == plain(other)


def test_every_kind_has_a_class_that_ships_with_a_rule() -> None:
    """No kind of record is without a rule: but for personnel, which waits for the company."""
    rules = [rule(r) for r in SHIPPED]
    bare = {
        kind.id
        for kind in current().values()
        for medium in ("electronic", "paper")
        if kind.retention != "personnel"
        and not any(r.covers(facts(kind.retention, kind.id), medium) for r in rules)
    }
    assert bare == set()
