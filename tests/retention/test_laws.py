"""The laws of retention over random policies, and a literal second implementation as oracle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from domain.disposals import Reservation, Verdict
from domain.kind import text
from retention.assessment import Assessment, assess, assess_copy
from retention.holding import Copy, Filed, Holding
from retention.holds import Hold
from retention.policy import Correction, Policy, Transfer, Trigger
from retention.rules import BEGINNING, MARKS, RuleVersion
from retention.schedule import Period
from tests.retention import literal

ZONES = ("Asia/Shanghai", "Europe/Berlin", "America/New_York", "Pacific/Kiritimati",
         "Pacific/Pago_Pago", "America/Havana")  # fmt: skip
IDS = tuple(letter * 32 for letter in "abc")
COMMON_CLASSES = (*["communication"] * 6, "dossier", "personnel", "product")
PARTS, CUSTOMERS = ("P-1", "P-2"), ("上汽", "Volvo")
QUERIES: tuple[dict[str, tuple[str, ...]], ...] = (
    {},
    {"kind": ("minutes",)},
    {"customer": ("volvo",), "kind": ("complaint",)},
    {"part": ("P-1", "p-2")},
)

days = st.dates(date(2015, 1, 1), date(2032, 12, 31))
moments = st.integers(0, 18 * 365 * 86_400).map(
    lambda seconds: datetime(2015, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
zones = st.sampled_from(ZONES)
periods = st.builds(
    Period, years=st.integers(0, 6), months=st.integers(0, 14), days=st.sampled_from([0, 0, 1, 45])
).filter(lambda p: p != Period())


BROAD = RuleVersion(
    rule_id="R0", record_id="record of R0", action="destroy", period=Period(years=2)
)
oracle = settings(max_examples=50, deadline=None)
laws = settings(max_examples=20, deadline=None)
"""A policy of several versions takes a while to make up."""


def few(*values: str) -> st.SearchStrategy[frozenset[str]]:
    """Often none at all, as in most rules."""
    return st.one_of(st.just(frozenset()), st.frozensets(st.sampled_from(values)))


@st.composite
def versions(draw: st.DrawFn, rule_id: str) -> list[RuleVersion]:
    """A rule in one to three versions, approved one after another."""
    made, approved = [], BEGINNING
    for version in range(1, draw(st.integers(1, 3)) + 1):
        made.append(
            RuleVersion(
                rule_id=rule_id,
                record_id=f"record of {rule_id}",
                version=version,
                classes=draw(few("dossier", "communication", "personnel", "product")),
                kinds=draw(few("minutes", "complaint")),
                marks=draw(few(*MARKS[:2])),
                parts=draw(few(*(p.casefold() for p in PARTS))),
                customers=draw(few(*(c.casefold() for c in CUSTOMERS))),
                scope=draw(st.sampled_from(["any", "any", "yes", "no"])),
                medium=draw(st.sampled_from(["any", "any", "electronic", "paper"])),
                trigger=draw(
                    st.sampled_from(["filed"] * 5 + ["created", "product-service-ended",
                                                     "contract-ended", "customer-date"])
                ),
                cut_off=draw(st.sampled_from(["anniversary", "end-of-calendar-year"])),
                period=draw(periods),
                action=draw(st.sampled_from(["destroy"] * 12 + ["review", "permanent"])),
                floor=draw(st.booleans()),
                effective_from=draw(days),
                ends_on=draw(st.one_of(st.none(), st.none(), st.none(), days)),
                in_force_at=approved,
            )
        )  # fmt: skip
        approved = max(approved, draw(moments)) + timedelta(seconds=1)
    return made


@st.composite
def holdings(draw: st.DrawFn, record_id: str) -> Holding:
    filings, at = [], draw(moments)
    for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3]))):
        zone = draw(zones)
        filings.append(
            Filed(base_date=draw(days), zone=zone, recorded_at=at, marks=draw(few(*MARKS[:2])),
                  scope=draw(st.booleans()))
        )  # fmt: skip
        at += timedelta(days=draw(st.integers(1, 400)))
    return Holding(
        record_id=record_id,
        number=draw(st.sampled_from([None, f"KS-{record_id[:3]}"])),
        kind=draw(st.sampled_from(["minutes", "complaint"])),
        kind_title=text("记录", "record"),
        retention=draw(st.sampled_from(COMMON_CLASSES)),
        zone=draw(zones),
        opened_on=draw(days),
        recorded_on=draw(days),
        imported_on=draw(st.one_of(st.none(), st.none(), days)),
        filings=tuple(filings),
        filed=draw(st.sampled_from([True] * 9 + [False])),
        disposed=draw(st.sampled_from([False] * 9 + [True])),
        references={
            "part": draw(few(*PARTS)), "customer": draw(few(*CUSTOMERS)), "order": draw(few("O1")),
        },
        copies=tuple(draw(st.lists(copies(), max_size=2, unique_by=lambda c: c.record_id))),
    )  # fmt: skip


@st.composite
def copies(draw: st.DrawFn) -> Copy:
    number = draw(st.integers(1, 3))
    return Copy(
        record_id=str(number) * 32,
        copy=number,
        base_date=draw(days),
        registered_at=draw(moments),
        state=draw(st.sampled_from(["shelved"] * 6 + ["on-loan", "lost", "destroyed"])),
        signed_original=draw(st.booleans()),
        required_by=draw(st.sampled_from(["none", "customer", "law"])),
        checked_ok=True,
        checked_on=date(9999, 1, 1),
    )


@st.composite
def holds(draw: st.DrawFn) -> Hold:
    over = draw(st.sampled_from([True, True, True, False]))
    query, placed = draw(st.sampled_from(QUERIES)), draw(moments)
    return Hold(
        id=draw(st.sampled_from(["h1", "h2", "h3"])),
        placed_at=placed,
        extended_at=placed,
        released_at=draw(moments) if over else None,
        records=draw(few(*IDS)),
        queries=(query,) if query else ({"kind": ("capa",)},),
    )


triggers = st.builds(
    lambda event, subject, on: Trigger(
        id=f"{event} {subject} {on}", event=event, subject_kind=subject[0],
        subject=subject[1].casefold(), on=on,
    ),
    st.sampled_from(["product-service-ended", "contract-ended", "customer-date"]),
    st.sampled_from([("part", "P-1"), ("part", "P-2"), ("customer", "上汽"), ("customer", "Volvo"),
                     ("order", "O1")]),
    days,
)  # fmt: skip
corrections = st.builds(
    Correction,
    id=st.sampled_from(["z1", "z2"]),
    record=st.sampled_from(IDS),
    asked_at=moments,
    approved_at=moments,
    marks=few(*MARKS[:2]),
    parts=few("p-1", "p-2"),
    customers=few("volvo"),
    outcomes=few("keep", "transfer", "hold"),
)
COPY_IDS = tuple(str(n) * 32 for n in (1, 2, 3))


@st.composite
def reservations(draw: st.DrawFn) -> Reservation:
    outcome: Verdict = draw(st.sampled_from(["keep", "keep", "transfer", "hold"]))
    return Reservation(
        disposal="f" * 32,
        number="XH-1",
        outcome=outcome,
        record=draw(st.sampled_from(IDS)),
        copy=draw(st.sampled_from([None, None, *COPY_IDS])),
        until=draw(days) if outcome == "keep" else None,
        at=draw(moments),
    )


transfers = st.builds(
    Transfer, id=st.sampled_from(["t1", "t2"]), number=st.none(), on=days, at=moments,
    items=few(*IDS, *COPY_IDS),
)  # fmt: skip


few_reservations: st.SearchStrategy[list[Reservation]] = st.one_of(
    st.just([]), st.lists(reservations(), max_size=3)
)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """One rule for nearly everything, so that there is a date to move, and others beside it."""
    broad = replace(
        BROAD,
        period=draw(periods),
        cut_off=draw(st.sampled_from(["anniversary", "end-of-calendar-year"])),
        floor=draw(st.booleans()),
    )
    rules = [broad] if draw(st.sampled_from([True] * 9 + [False])) else []
    for n in range(1, draw(st.integers(0, 3)) + 1):
        rules += draw(versions(f"R{n}"))
    return Policy(
        rules=tuple(rules),
        holds=tuple(draw(st.lists(holds(), max_size=2))),
        triggers=tuple(draw(st.lists(triggers, max_size=6))),
        corrections=tuple(draw(st.lists(corrections, max_size=2))),
        reservations=tuple(draw(few_reservations)),
        transfers=tuple(draw(st.lists(transfers, max_size=2))),
    )


groups = st.integers(1, 3).flatmap(lambda n: st.tuples(*(holdings(name) for name in IDS[:n])))


def when(found: Assessment) -> tuple[date, datetime] | None:
    if found.eligible_from is None or found.last_day is None:
        return None
    return found.last_day, found.eligible_from


def no_earlier(before: Assessment, after: Assessment) -> bool:
    """Never counts as later than any date."""
    if after.eligible_from is None:
        return not after.due(date.max)
    return before.eligible_from is not None and before.eligible_from <= after.eligible_from


# ---------------------------------------------------------------- the oracle


@oracle
@given(groups, policies())
def test_as_the_literal_algorithm_has_it(group: tuple[Holding, ...], policy: Policy) -> None:
    """The same last day and the same moment, or never, for every member."""
    for holding in group:
        found = assess(holding, group, policy)
        assert when(found) == literal.when(holding, group, policy)
        assert (found.status == "running") == (found.eligible_from is not None)
        assert (found.status == "running") == (not found.blockers)


@oracle
@given(groups, policies())
def test_copies_as_the_literal_algorithm_has_it(group: tuple[Holding, ...], policy: Policy) -> None:
    """The same for every paper copy."""
    for holding in group:
        for copy in holding.copies:
            found = assess_copy(copy, holding, group, policy)
            assert when(found) == literal.when_copy(copy, holding, group, policy)


# ---------------------------------------------------------------- the laws


@laws
@given(groups, policies(), st.randoms(use_true_random=False))
def test_order_does_not_matter(group: tuple[Holding, ...], policy: Policy, random: Random) -> None:
    """Rules, holds, triggers, corrections and members in any order: the same answer."""

    def shuffled(values: Any) -> Any:
        return tuple(random.sample(values, len(values)))

    other = Policy(
        rules=shuffled(policy.rules),
        holds=shuffled(policy.holds),
        triggers=shuffled(policy.triggers),
        corrections=shuffled(policy.corrections),
        reservations=shuffled(policy.reservations),
        transfers=shuffled(policy.transfers),
    )
    assert assess(group[0], group, policy) == assess(group[0], shuffled(group), other)


@laws
@given(groups, policies())
def test_never_before_the_floor(group: tuple[Holding, ...], policy: Policy) -> None:
    """Of every filing of every member, each floor that was in force at it and counts from it."""
    found = assess(group[0], group, policy)
    assume(found.last_day is not None and found.status == "running")
    assert found.last_day is not None
    plain = replace(policy, corrections=())
    for member in (m for m in group if not m.disposed):
        for reckoned in assess(member, (member,), plain).reckoned:
            if reckoned.rule.floor and reckoned.last_day is not None:
                assert found.last_day >= reckoned.last_day


def grows(change: Callable[[Policy], Policy], group: tuple[Holding, ...], policy: Policy) -> bool:
    return no_earlier(assess(group[0], group, policy), assess(group[0], group, change(policy)))


@laws
@given(groups, policies(), versions("new"))
def test_another_rule_makes_nothing_earlier(
    group: tuple[Holding, ...], policy: Policy, more: list[RuleVersion]
) -> None:
    """Where a rule was missing, there was no date at all: that is the one thing it can give."""
    before = [assess(m, (m,), policy) for m in group]
    ruleless = any(b.code == "NO_RULE" for found in before for b in found.blockers)
    assert ruleless or grows(lambda p: replace(p, rules=(*p.rules, *more)), group, policy)


@laws
@given(groups, policies(), versions("R0"))
def test_a_new_version_makes_nothing_earlier(
    group: tuple[Holding, ...], policy: Policy, more: list[RuleVersion]
) -> None:
    """Whatever its date of effect, if it is approved after the filings."""
    group = tuple(replace(m, retention="communication") for m in group)
    policy = replace(policy, rules=(*(r for r in policy.rules if r.rule_id != "R0"), BROAD))
    latest = max(max(f.recorded_at for f in m.filings) for m in group)
    latest = max([latest, *(c.registered_at for m in group for c in m.copies)])
    new = replace(more[-1], version=9, in_force_at=latest + timedelta(seconds=1))
    assert grows(lambda p: replace(p, rules=(*p.rules, new)), group, policy)


@laws
@given(groups, policies(), holds())
def test_a_hold_makes_nothing_earlier(
    group: tuple[Holding, ...], policy: Policy, more: Hold
) -> None:
    """Active or released; but that it answers a reviewer who asked for one is what it is for."""
    assume(not any(r.outcome == "hold" and r.at < more.extended_at for r in policy.reservations))
    assert grows(lambda p: replace(p, holds=(*p.holds, replace(more, id="new"))), group, policy)


@laws
@given(groups, policies(), reservations())
def test_a_review_makes_nothing_earlier(
    group: tuple[Holding, ...], policy: Policy, more: Reservation
) -> None:
    """Keep, transfer or hold, of a record or of a copy, whenever it was said: neither the records
    nor their copies."""
    after = replace(policy, reservations=(*policy.reservations, more))
    for holding in group:
        assert no_earlier(assess(holding, group, policy), assess(holding, group, after))
        for copy in holding.copies:
            before = assess_copy(copy, holding, group, policy)
            assert no_earlier(before, assess_copy(copy, holding, group, after))


@laws
@given(groups, policies(), days, moments)
def test_a_kept_record_is_never_due_on_its_day(
    group: tuple[Holding, ...], policy: Policy, until: date, at: datetime
) -> None:
    """Nor before it, whatever else was said or placed, while no correction takes it away."""
    kept = Reservation(
        disposal="f" * 32, number=None, outcome="keep", record=IDS[0], until=until, at=at
    )
    reserved = (*policy.reservations, kept)
    found = assess(group[0], group, replace(policy, reservations=reserved, corrections=()))
    assert found.last_day is None or found.last_day >= until
    assert not found.due(until)


@laws
@given(groups, policies(), holdings("d" * 32))
def test_a_link_makes_nothing_earlier(
    group: tuple[Holding, ...], policy: Policy, more: Holding
) -> None:
    """Another member of the group, of any state."""
    before = assess(group[0], group, policy)
    assert no_earlier(before, assess(group[0], (*group, more), policy))


@laws
@given(groups, policies(), copies())
def test_a_copy_makes_nothing_earlier(
    group: tuple[Holding, ...], policy: Policy, more: Copy
) -> None:
    """Another copy on paper of the record itself."""
    more = replace(more, record_id="9" * 32)
    with_copy = replace(group[0], copies=(*group[0].copies, more))
    after = assess(with_copy, (with_copy, *group[1:]), policy)
    assert no_earlier(assess(group[0], group, policy), after)


@laws
@given(groups, policies(), days, zones, few(*MARKS[:2]), st.booleans())
def test_another_filing_makes_nothing_earlier(
    group: tuple[Holding, ...],
    policy: Policy,
    base: date,
    zone: str,
    marks: frozenset[str],
    scope: bool,
) -> None:
    """Opened again and filed again: never earlier than the old last day."""
    first = replace(group[0], filed=True)
    before = assess(first, (first, *group[1:]), policy)
    at = first.filings[-1].recorded_at + timedelta(days=9)
    refiled = Filed(base_date=base, zone=zone, recorded_at=at, marks=marks, scope=scope)
    again = replace(first, filings=(*first.filings, refiled))
    ruleless = any(b.code in ("NO_RULE", "BOUND") for b in before.blockers)
    assert ruleless or no_earlier(before, assess(again, (again, *group[1:]), policy))
    opened = replace(first, filed=False)
    assert not assess(opened, (opened, *group[1:]), policy).due(date.max)


@laws
@given(holdings(IDS[0]), policies(), st.integers(1, 3000))
def test_filing_later_is_never_due_earlier(holding: Holding, policy: Policy, later: int) -> None:
    """Under the same rule versions: those in force at the first of the two filings, for ever."""
    rules = tuple(replace(r, effective_from=date.min, ends_on=None) for r in policy.rules
                  if r.version == 1)  # fmt: skip
    policy = replace(policy, rules=rules)
    first = replace(holding, filings=holding.filings[:1], filed=True)
    filing = first.filings[0]
    moved = replace(filing, base_date=filing.base_date + timedelta(days=later))
    after = assess(replace(first, filings=(moved,)), (), policy)
    assert no_earlier(assess(first, (), policy), after)


@laws
@given(groups, policies(), days)
def test_no_day_passes_unseen(group: tuple[Holding, ...], policy: Policy, today: date) -> None:
    """Once due always due, until something happens; and never on its last day or before."""
    found = assess(group[0], group, policy)
    if found.due(today):
        assert found.last_day is not None
        assert today > found.last_day
        assert found.due(today + timedelta(days=1))
    elif found.due_from is not None:
        assert found.due_from > today


@laws
@given(holdings(IDS[0]))
def test_a_holding_survives_json(holding: Holding) -> None:
    """The due view stores it."""
    assert Holding.from_json(holding.to_json()) == holding
    assert Holding.from_json(holding.to_json()).to_json() == holding.to_json()
