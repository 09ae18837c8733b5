"""The algorithm of RETENTION.md 3 and 4 once more, day by day and as slowly as it is written.

No code of `retention` is called: periods are walked month by month, midnights are found by looking
at every quarter of an hour, and each sentence of the page is a loop of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from domain.disposals import Reservation
from retention.holding import Copy, Holding
from retention.holds import Hold
from retention.policy import Policy
from retention.rules import RuleVersion

NEVER = None
Ends = list[tuple[date, str]]
"""Last days, each with the zone at whose midnight it ends."""


class UndatedError(Exception):
    """Something stands in the way for which there is no date."""


def walk(base: date, rule: RuleVersion) -> date:
    """Month by month, then day by day; then to the end of the year where it is cut off there."""
    assert rule.period is not None
    year, month = base.year, base.month
    for _ in range(rule.period.years * 12 + rule.period.months):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    first_of_next = date(year + month // 12, month % 12 + 1, 1)
    end = min(first_of_next - timedelta(days=1), date(year, month, 1) + timedelta(base.day - 1))
    for _ in range(rule.period.days):
        end += timedelta(days=1)
    while rule.cut_off == "end-of-calendar-year" and (end.month, end.day) != (12, 31):
        end += timedelta(days=1)
    return end


@cache
def first_moment_after(last: date, zone: str) -> datetime:
    """The first quarter of an hour from which no clock at the site shows that day any more."""
    moment = datetime(last.year, last.month, last.day, tzinfo=UTC) - timedelta(days=1)
    shown = moment
    while moment < datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=3):
        if moment.astimezone(ZoneInfo(zone)).date() <= last:
            shown = moment
        moment += timedelta(minutes=15)
    return shown + timedelta(minutes=15)


# ---------------------------------------------------------------- rules


def counting(policy: Policy, base: date, filed_at: datetime) -> Iterator[RuleVersion]:
    for rule in policy.rules:
        mine = [
            r for r in policy.rules if (r.rule_id, r.record_id) == (rule.rule_id, rule.record_id)
        ]
        at_filing = [r for r in mine if r.effective_from <= base and r.in_force_at <= filed_at]
        start = max(r.version for r in at_filing) if at_filing else min(r.version for r in mine)
        if rule.version >= start:
            yield rule


def names(holding: Holding, what: str, rule: RuleVersion, policy: Policy) -> set[str]:
    found = {name.casefold() for name in holding.references.get(what, ())}
    for correction in policy.corrections:
        if correction.record == holding.record_id and not rule.floor:
            found -= correction.parts if what == "part" else set()
            found -= correction.customers if what == "customer" else set()
    return found


def speaks_of(
    rule: RuleVersion, holding: Holding, policy: Policy, medium: str, base: date,
    filing_at: datetime, marks: frozenset[str], scope: bool,
) -> bool:  # fmt: skip
    for correction in policy.corrections:
        mends = correction.record == holding.record_id and not rule.floor
        if mends and filing_at <= correction.approved_at:
            marks = marks - correction.marks
    if rule.medium not in (medium, "any"):
        return False
    if rule.ends_on is not None and base >= rule.ends_on:
        return False
    if rule.scope == "yes" and not scope:
        return False
    if rule.scope == "no" and scope:
        return False
    if rule.classes and holding.retention not in rule.classes:
        return False
    if rule.kinds and holding.kind not in rule.kinds:
        return False
    if rule.marks and holding.retention != "product" and not rule.marks & marks:
        return False
    if rule.parts and not rule.parts & names(holding, "part", rule, policy):
        return False
    return not rule.customers or bool(rule.customers & names(holding, "customer", rule, policy))


def begin(rule: RuleVersion, holding: Holding, policy: Policy, base: date) -> date | None:
    if rule.trigger == "filed":
        return base
    if rule.trigger == "created":
        return max(holding.opened_on, holding.recorded_on)
    kinds = ["part", "order", "customer", "case"]
    known = {kind: names(holding, kind, rule, policy) for kind in kinds}
    said = [t for t in policy.triggers if t.event == rule.trigger]
    said = [t for t in said if t.subject in known[t.subject_kind]]
    if rule.trigger == "product-service-ended" and known["part"]:
        kinds = ["part"]
    for kind in kinds:
        done = {t.subject for t in said if t.subject_kind == kind}
        if known[kind] and known[kind] <= done:
            return max(t.on for t in said)
    return None


# ---------------------------------------------------------------- one record, one copy


def ends(holding: Holding, policy: Policy, copy: Copy | None) -> Ends:
    """Last days of the electronic record, or of a copy. UndatedError where one has none."""
    found: Ends = []
    meant = False
    for f in holding.filings:
        base, zone, at = f.base_date, f.zone, f.recorded_at
        if copy is not None:
            at = max(at, copy.registered_at)
            if copy.base_date > base:
                base, zone = copy.base_date, holding.zone
        for rule in counting(policy, base, at):
            medium = "electronic" if copy is None else "paper"
            if not speaks_of(rule, holding, policy, medium, base, at, f.marks, f.scope):
                continue
            meant = meant or "personnel" in rule.classes or holding.kind in rule.kinds
            start = begin(rule, holding, policy, base)
            if rule.action == "permanent" or rule.period is None or start is None:
                raise UndatedError
            found.append((walk(start, rule), zone if rule.trigger == "filed" else holding.zone))
    if not found or (holding.retention == "personnel" and not meant):
        raise UndatedError
    if holding.retention not in ("dossier", "communication", "product", "audit", "personnel"):
        raise UndatedError
    return found


def is_on(hold: Hold, holding: Holding) -> bool:
    if not hold.records and not hold.queries:
        return True
    if holding.record_id in hold.records:
        return True
    for query in hold.queries:
        fits = True
        for what, values in query.items():
            if what == "kind":
                fits = fits and holding.kind in values
            else:
                known = {name.casefold() for name in holding.references.get(what, ())}
                fits = fits and any(value.casefold() in known for value in values)
        if fits:
            return True
    return False


def cool_offs(holding: Holding, policy: Policy) -> Ends:
    zone = ZoneInfo(holding.zone)
    return [
        (h.released_at.astimezone(zone).date() + timedelta(days=30), holding.zone)
        for h in policy.holds
        if h.released_at is not None and is_on(h, holding)
    ]


def is_held(holding: Holding, policy: Policy) -> bool:
    """By a hold that is active; or because a reviewer asked for one and none came after that."""
    if any(h.released_at is None and is_on(h, holding) for h in policy.holds):
        return True
    for said in standing(policy, "hold"):
        came = [h for h in policy.holds if h.extended_at > said.at and is_on(h, holding)]
        if said.record == holding.record_id and not came:
            return True
    return False


def standing(policy: Policy, outcome: str) -> list[Reservation]:
    """What reviewers said, without what two people have taken away since."""
    found = []
    for said in policy.reservations:
        of_a_copy = said.copy is not None and outcome != "hold"
        named = said.copy if of_a_copy else said.record
        taken = False
        for c in policy.corrections:
            if c.record == named and outcome in c.outcomes and c.asked_at >= said.at:
                taken = True
        if said.outcome == outcome and not taken:
            found.append(said)
    return found


def must_be_handed_over(name: str, policy: Policy) -> bool:
    for said in standing(policy, "transfer"):
        done = [t for t in policy.transfers if name in t.items and t.at > said.at]
        if (said.copy or said.record) == name and not done:
            return True
    return False


def keeps(name: str, zone: str, policy: Policy) -> Ends:
    return [
        (said.until, zone)
        for said in standing(policy, "keep")
        if (said.copy or said.record) == name and said.until is not None
    ]


def of_record(holding: Holding, policy: Policy) -> Ends:
    """Its own rules, its cool-offs, its import, and its paper."""
    if not holding.filed or not holding.readable:
        raise UndatedError
    if must_be_handed_over(holding.record_id, policy):
        raise UndatedError
    found = ends(holding, policy, None) + cool_offs(holding, policy)
    found += keeps(holding.record_id, holding.zone, policy)
    for copy in holding.copies:
        if copy.state != "destroyed":
            found += ends(holding, policy, copy) + keeps(copy.record_id, holding.zone, policy)
    if holding.imported_on is not None:
        found.append((holding.imported_on + timedelta(days=30), holding.zone))
    return found


# ---------------------------------------------------------------- the answers


def free_moment(found: Ends) -> tuple[date, datetime]:
    return max(last for last, _ in found), max(first_moment_after(*end) for end in found)


def when(
    holding: Holding, group: Sequence[Holding], policy: Policy
) -> tuple[date, datetime] | None:
    """The last day, and the moment from which it may go; or never."""
    living = [m for m in group if not m.disposed]
    if holding.disposed or any(is_held(m, policy) for m in living):
        return NEVER
    try:
        return free_moment([end for m in living for end in of_record(m, policy)])
    except UndatedError:
        return NEVER


def when_copy(
    copy: Copy, holding: Holding, group: Sequence[Holding], policy: Policy
) -> tuple[date, datetime] | None:
    """The same for a copy on paper that was compared with the electronic record today."""
    living = [m for m in group if not m.disposed]
    if holding.disposed or copy.state != "shelved" or not holding.filed or not holding.readable:
        return NEVER
    if any(is_held(m, policy) for m in living) or must_be_handed_over(copy.record_id, policy):
        return NEVER
    if any(copy.record_id in t.items for t in policy.transfers):
        return NEVER
    try:
        found = ends(holding, policy, copy) + keeps(copy.record_id, holding.zone, policy)
        for member in living:
            found += cool_offs(member, policy)
        if holding.imported_on is not None:
            found.append((holding.imported_on + timedelta(days=30), holding.zone))
        if copy.signed_original and copy.required_by != "none":
            found += [end for m in living for end in of_record(m, policy)]
        return free_moment(found)
    except UndatedError:
        return NEVER
