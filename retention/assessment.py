"""When a record, or a paper copy of it, may go: the algorithm of RETENTION.md 3 and 4. Pure.

All periods that count are reckoned, and the longest wins: of every rule version that ruled the
filing or came after it, of every filing, of every record bound to it, of its paper copies. What
cannot be reckoned blocks. No clock is asked: an assessment stays true until something happens.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Literal
from zoneinfo import ZoneInfo

from domain.disposals import Reservation
from domain.kind import Text
from retention import sentences
from retention.holding import Copy, Filed, Holding
from retention.holds import Hold, covers
from retention.policy import Correction, Policy
from retention.rules import CLASSES, Facts, RuleVersion, plain
from retention.schedule import due_from, eligible_from, last_day

Status = Literal["unfiled", "pending", "running", "held", "blocked", "disposed"]
IMPORT_WAIT_DAYS = 30
FRESH_CHECK_DAYS = 30
"""A comparison with the electronic record counts if it is not older than this on the last day."""
UNDATED = ("UNFILED", "CHAIN_BROKEN", "NO_RULE", "PERMANENT", "PENDING")
"""While one of these stands in the group there is no last day."""
SUBJECTS = ("part", "order", "customer", "case")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reckoned:
    """What one rule version gives for one filing of a record, or for a paper copy of it."""

    rule: RuleVersion
    record: str
    number: str | None
    """Of the record whose filing it is: this one, or one bound to it."""
    copy: Copy | None = None
    base_date: date | None = None
    zone: str
    last_day: date | None = None
    """None: the trigger is missing, or it is kept for ever."""
    waits: tuple[tuple[str, str], ...] = ()
    """What has to be confirmed: (`part`, `A-4711/B`). May be empty where the record names none."""

    @property
    def rule_id(self) -> str:
        return self.rule.rule_id

    @property
    def version(self) -> int:
        return self.rule.version

    @property
    def hash(self) -> str:
        return self.rule.hash

    @property
    def trigger(self) -> str:
        return self.rule.trigger

    @property
    def permanent(self) -> bool:
        return self.rule.permanent


@dataclass(frozen=True, slots=True)
class Blocker:
    """Why it may not go. `record`: the hold, or the bound record, that is in the way."""

    code: str
    what: Text
    record: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A day before whose end nothing may go, and why: a rule, a cool-off, an import, a review."""

    last_day: date
    zone: str
    reckoned: Reckoned | None = None
    released: Hold | None = None
    imported: Holding | None = None
    kept: Reservation | None = None

    @property
    def eligible(self) -> datetime:
        return eligible_from(self.last_day, ZoneInfo(self.zone))


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    status: Status
    base_date: date | None = None
    """Of its own last filing; that of the rule which won is `winning.base_date`."""
    last_day: date | None = None
    """The last day on which keeping is a duty; None while it cannot be told."""
    eligible_from: datetime | None = None
    """Only of what is running: the instant (UTC) from which it may go."""
    due_from: date | None = None
    """The first whole day at the site from `eligible_from` on."""
    winning: Reckoned | None = None
    reckoned: tuple[Reckoned, ...] = ()
    """All that counted for this record or copy itself, in a fixed order."""
    kept: tuple[Reservation, ...] = ()
    """Reviews that keep this record or copy itself until a day, oldest first."""
    blockers: tuple[Blocker, ...] = ()
    """Its own first. None where it is running."""
    telling: Callable[[], Text] = field(compare=False, repr=False)

    @property
    def sentence(self) -> Text:
        """One sentence: the arithmetic, and which rule won. It is worded when it is asked for."""
        return self.telling()

    def due(self, today: date) -> bool:
        """Whether it may be listed on this day of the site."""
        if self.status != "running" or self.last_day is None or self.due_from is None:
            return False
        return today > self.last_day and today >= self.due_from


# ---------------------------------------------------------------- the questions


def assess(holding: Holding, group: Sequence[Holding], policy: Policy) -> Assessment:
    """The electronic record. `group`: all records bound together, with itself among them."""
    if holding.disposed:
        return _disposed(_base(holding))
    return assess_together(_living(holding, group), policy, [holding.record_id])[holding.record_id]


def assess_together(
    group: Sequence[Holding], policy: Policy, wanted: Collection[str]
) -> dict[str, Assessment]:
    """Those of a whole group that are wanted, as `assess` gives each of them; what all of them
    have in common is reckoned once."""
    members = sorted((m for m in group if not m.disposed), key=lambda m: m.record_id)
    found = {m.record_id: _Found.of(m, policy) for m in members}
    ends = _Ends.of([limit for one in found.values() for limit in one.limits])
    bound = [(m.record_id, _bound(m, b)) for m in members for b in found[m.record_id].blockers]
    codes = {b.code for one in found.values() for b in one.blockers}
    told = {m.record_id: _disposed(_base(m)) for m in group if m.disposed}
    for member in members:
        if member.record_id in wanted:
            own = found[member.record_id]
            blockers = [*own.blockers, *(b for r, b in bound if r != member.record_id)]
            told[member.record_id] = _assessment(
                member, own.reckoned, ends, blockers, codes, _base(member),
                kept=policy.reserved(member.record_id, "keep"),
            )  # fmt: skip
    return told


def assess_copy(
    copy: Copy, holding: Holding, group: Sequence[Holding], policy: Policy
) -> Assessment:
    """A paper copy of `holding`: by the rules for paper; the signed original that a customer or
    the law demands goes no earlier than the electronic record."""
    base, handed_over = _copy_base(copy, holding), policy.transfer(copy.record_id)
    if copy.state == "destroyed" or holding.disposed:
        return _disposed(base)
    if handed_over is not None:
        return _disposed(base, "TRANSFERRED", sentences.handed_over(handed_over))
    reckoned = tuple(_of_copy(copy, holding, policy))
    blockers = [*_kept(holding, policy), *_unreckoned(holding, reckoned)]
    blockers += _to_hand_over(copy.record_id, policy)
    limits = [*_limits(reckoned), *_waits(holding, policy)]
    limits += _keeps(copy.record_id, holding.zone, policy)
    for other in _living(holding, group):
        if other is not holding:
            blockers += (_bound(other, b) for b in _held(other, policy))
            limits += _cool_offs(other, policy)
    codes = [b.code for b in blockers if b.code != "BOUND"]
    if any(b.code == "BOUND" for b in blockers):
        codes.append("HELD")  # or HOLD_ASKED: the same status
    if copy.demanded:
        members = [_Found.of(m, policy) for m in _living(holding, group)]
        limits += (limit for one in members for limit in one.limits)
        more = assess(holding, group, policy).blockers
        blockers += (b for b in more if b not in blockers)
        codes += (b.code for one in members for b in one.blockers)
    last = max((limit.last_day for limit in limits), default=None)
    found = [*blockers, *_on_paper(copy, last)]
    codes += (b.code for b in found)
    kept = policy.reserved(copy.record_id, "keep")
    return _assessment(holding, reckoned, _Ends.of(limits), found, codes, base, copy, kept)


@dataclass(frozen=True, slots=True)
class _Found:
    """What one member of a group brings along."""

    reckoned: tuple[Reckoned, ...]
    limits: tuple[Limit, ...]
    blockers: tuple[Blocker, ...]

    @classmethod
    def of(cls, holding: Holding, policy: Policy) -> _Found:
        electronic = tuple(_of_record(holding, policy))
        blockers = [*_kept(holding, policy), *_unreckoned(holding, electronic)]
        blockers += _to_hand_over(holding.record_id, policy)
        reckoned = list(electronic)
        kept = [*_keeps(holding.record_id, holding.zone, policy)]
        for copy in holding.copies:
            if copy.state != "destroyed":
                kept += _keeps(copy.record_id, holding.zone, policy)
                paper = tuple(_of_copy(copy, holding, policy))
                reckoned += paper
                more = _unreckoned(holding, paper, copy)
                blockers += (b for b in more if b.code not in {k.code for k in blockers})
        limits = (*_limits(reckoned), *_waits(holding, policy), *kept)
        return cls(tuple(reckoned), limits, tuple(blockers))


@dataclass(frozen=True, slots=True)
class _Ends:
    """Limits, and which of them is the last. `top`: rules that give the latest end of all rules."""

    limits: tuple[Limit, ...]
    last: date | None
    eligible: datetime | None
    top: tuple[Reckoned, ...]

    @classmethod
    def of(cls, limits: Sequence[Limit]) -> _Ends:
        ends = {(x.last_day, x.zone): x.eligible for x in limits}
        by_rule = [
            ((x.last_day, ends[x.last_day, x.zone]), x.reckoned) for x in limits if x.reckoned
        ]
        latest = max((end for end, _ in by_rule), default=None)
        return cls(
            tuple(limits),
            max((x.last_day for x in limits), default=None),
            max(ends.values(), default=None),
            tuple(reckoned for end, reckoned in by_rule if end == latest),
        )


def _disposed(
    base: date | None, code: str = "DISPOSED", what: Text = sentences.DISPOSED
) -> Assessment:
    return Assessment(
        status="disposed",
        base_date=base,
        blockers=(Blocker(code, what),),
        telling=lambda: sentences.closed(what),
    )


def _assessment(
    holding: Holding,
    reckoned: tuple[Reckoned, ...],
    ends: _Ends,
    blockers: Sequence[Blocker],
    codes: Collection[str],
    base: date | None,
    copy: Copy | None = None,
    kept: tuple[Reservation, ...] = (),
) -> Assessment:
    """`codes`: what stands in the way in the whole group, by its own name."""
    dated = bool(ends.limits) and not any(code in UNDATED for code in codes)
    zone = ZoneInfo(holding.zone)
    winning = _winning(ends, holding) if dated else None
    end = ends.eligible if dated else None
    last = ends.last if dated else None
    running = not blockers
    status = _status(codes, [b.code for b in blockers if b.code != "BOUND"])
    free = due_from(end, zone) if end is not None and running else None
    return Assessment(
        status=status,
        base_date=base,
        last_day=last,
        eligible_from=end if running else None,
        due_from=free,
        winning=winning,
        reckoned=reckoned,
        kept=kept,
        blockers=tuple(blockers),
        telling=partial(
            sentences.sentence,
            holding,
            copy,
            tuple(blockers),
            winning,
            ends.limits,
            reckoned,
            last,
            free,
        ),
    )


def _status(codes: Collection[str], own: Sequence[str]) -> Status:
    if "HELD" in codes or "HOLD_ASKED" in codes:
        return "held"
    if "UNFILED" in own:
        return "unfiled"
    if any(code not in ("UNFILED", "PENDING", "BOUND") for code in codes):
        return "blocked"
    return "pending" if codes else "running"


def _living(holding: Holding, group: Sequence[Holding]) -> list[Holding]:
    """The members that are still there, in the order of their ids; itself in any case."""
    members = {m.record_id: m for m in group if not m.disposed}
    members[holding.record_id] = holding
    return [members[key] for key in sorted(members)]


def _base(holding: Holding) -> date | None:
    return holding.filings[-1].base_date if holding.filings else None


def _winning(ends: _Ends, holding: Holding) -> Reckoned | None:
    """The rule that gives the latest end; of equals its own, then the electronic one's."""
    return min(ends.top, key=lambda r: (r.record != holding.record_id, *_rank(r)), default=None)


def _rank(reckoned: Reckoned) -> tuple[str, bool, str, str, int, str, str, str]:
    return (
        reckoned.record,
        reckoned.copy is not None,
        reckoned.rule.rule_id,
        reckoned.rule.record_id,
        -reckoned.rule.version,
        str(reckoned.base_date),
        reckoned.zone,
        reckoned.copy.record_id if reckoned.copy else "",
    )


# ---------------------------------------------------------------- what stands in the way


def _kept(holding: Holding, policy: Policy) -> Iterator[Blocker]:
    yield from _held(holding, policy)
    if not holding.filed and holding.retention != "permanent":
        yield Blocker("UNFILED", sentences.UNFILED)
    if not holding.readable:
        yield Blocker("CHAIN_BROKEN", sentences.UNREADABLE)


def _held(holding: Holding, policy: Policy) -> Iterator[Blocker]:
    for hold in sorted(policy.holds, key=lambda h: h.id):
        if hold.active and covers(hold, holding):
            yield Blocker("HELD", sentences.held(hold), hold.id)
    asked = hold_asked(holding, policy)
    if asked is not None:
        yield Blocker("HOLD_ASKED", sentences.hold_asked(asked), asked.disposal)


def hold_asked(holding: Holding, policy: Policy) -> Reservation | None:
    """A reviewer's wish for a hold that nobody has answered by one; whether that is still active
    or was released since is then for the hold to say."""
    for asked in policy.reserved(holding.record_id, "hold")[-1:]:
        if not any(h.extended_at > asked.at and covers(h, holding) for h in policy.holds):
            return asked
    return None


def _to_hand_over(about: str, policy: Policy) -> Iterator[Blocker]:
    """A transfer that was asked for and has not been recorded and confirmed since."""
    for asked in policy.reserved(about, "transfer")[-1:]:
        done = policy.transfer(about)
        if done is None or done.at <= asked.at:
            what = sentences.transfer_pending(asked)
            yield Blocker("TRANSFER_PENDING", what, asked.disposal)


def _bound(other: Holding, blocker: Blocker) -> Blocker:
    return Blocker("BOUND", sentences.bound(other, blocker.what), other.record_id)


def _unreckoned(
    holding: Holding, reckoned: Sequence[Reckoned], copy: Copy | None = None
) -> Iterator[Blocker]:
    """What has no end: no rule, one without an end, one whose trigger is missing."""
    forever = next((r for r in reckoned if r.permanent), None)
    if forever is not None or holding.retention == "permanent":
        yield Blocker("PERMANENT", sentences.permanent(forever))
    elif holding.filings and _ruleless(holding, reckoned):
        yield Blocker("NO_RULE", sentences.ruleless(holding, copy))
    waiting = [r for r in reckoned if r.last_day is None and not r.permanent]
    for _, same in groupby(waiting, key=lambda r: (r.rule.rule_id, r.rule.version, r.waits)):
        yield Blocker("PENDING", sentences.pending(next(same)))


def _ruleless(holding: Holding, reckoned: Sequence[Reckoned]) -> bool:
    """No rule, a class that nobody knows, or personnel without a rule that means it (RR-10)."""
    if holding.retention == "personnel":
        return not any(
            "personnel" in r.rule.classes or holding.kind in r.rule.kinds for r in reckoned
        )
    return not reckoned or holding.retention not in CLASSES


def _on_paper(copy: Copy, last: date | None) -> Iterator[Blocker]:
    if copy.state == "on-loan":
        yield Blocker("ON_LOAN", sentences.ON_LOAN, copy.record_id)
    if copy.state == "lost":
        yield Blocker("LOST", sentences.LOST, copy.record_id)
    if copy.checked_ok is False:
        yield Blocker("COPY_UNCHECKED", sentences.CHECK_FAILED, copy.record_id)
    elif not (copy.checked_ok and _fresh(copy.checked_on, last)):
        yield Blocker("COPY_UNCHECKED", sentences.UNCHECKED, copy.record_id)


def _fresh(checked: date | None, last: date | None) -> bool:
    if checked is None or last is None:
        return False
    return (last - checked).days <= FRESH_CHECK_DAYS


# ---------------------------------------------------------------- limits


def _limits(reckoned: Iterable[Reckoned]) -> Iterator[Limit]:
    for one in reckoned:
        if one.last_day is not None:
            yield Limit(last_day=one.last_day, zone=one.zone, reckoned=one)


def _waits(holding: Holding, policy: Policy) -> Iterator[Limit]:
    yield from _cool_offs(holding, policy)
    if holding.imported_on is not None:
        until = holding.imported_on + timedelta(days=IMPORT_WAIT_DAYS)
        yield Limit(last_day=until, zone=holding.zone, imported=holding)


def _keeps(about: str, zone: str, policy: Policy) -> Iterator[Limit]:
    for kept in policy.reserved(about, "keep"):
        if kept.until is not None:
            yield Limit(last_day=kept.until, zone=zone, kept=kept)


def _cool_offs(holding: Holding, policy: Policy) -> Iterator[Limit]:
    for hold in sorted(policy.holds, key=lambda h: h.id):
        until = hold.cool_off_until(ZoneInfo(holding.zone))
        if until is not None and covers(hold, holding):
            yield Limit(last_day=until, zone=holding.zone, released=hold)


# ---------------------------------------------------------------- periods


def _of_record(holding: Holding, policy: Policy) -> list[Reckoned]:
    """Every rule for the electronic record, for each of its filings."""
    found = []
    for filing in holding.filings:
        facts = _facts(holding, filing, policy)
        found += [
            _reckon(holding, filing, rule, policy)
            for rule in _counting(policy, filing.base_date, filing.recorded_at)
            if rule.covers(facts[rule.floor], "electronic")
        ]
    return _ordered(found)


def _of_copy(copy: Copy, holding: Holding, policy: Policy) -> list[Reckoned]:
    """Every rule for paper. A copy counts from its own registration, or from the filing of its
    record where that came later."""
    found = []
    for filing in holding.filings:
        base = max(copy.base_date, filing.base_date)
        laid = Filed(
            base_date=base,
            zone=holding.zone if base != filing.base_date else filing.zone,
            recorded_at=max(copy.registered_at, filing.recorded_at),
            marks=filing.marks,
            scope=filing.scope,
        )
        facts = _facts(holding, laid, policy)
        found += [
            _reckon(holding, laid, rule, policy, copy)
            for rule in _counting(policy, base, laid.recorded_at)
            if rule.covers(facts[rule.floor], "paper")
        ]
    return _ordered(found)


def _ordered(found: Iterable[Reckoned]) -> list[Reckoned]:
    """Each once, in an order that does not depend on that of rules, copies or filings."""
    once = {_rank(r): r for r in sorted(found, key=lambda r: str(r.last_day))}
    return [once[key] for key in sorted(once)]


def _copy_base(copy: Copy, holding: Holding) -> date | None:
    base = _base(holding)
    return max(copy.base_date, base) if base else None


def _counting(policy: Policy, base: date, filed_at: datetime) -> Iterator[RuleVersion]:
    """Of each rule the version in force at the filing, else its first, and all that came after:
    what lengthens acts at once, what shortens only on what is filed later."""
    for versions in policy.streams:
        later = len(versions) - 1  # of one version, that one counts in any case
        while later and not versions[later].was_in_force(base, filed_at):
            later -= 1
        yield from versions[later:]


def _facts(holding: Holding, filing: Filed, policy: Policy) -> dict[bool, Facts]:
    """What a rule looks at, by whether it is a floor: corrections take extensions away, but never
    a floor."""
    floor = Facts(
        retention=holding.retention,
        kind=holding.kind,
        base_date=filing.base_date,
        marks=filing.marks,
        scope=filing.scope,
        parts=holding.known("part"),
        customers=holding.known("customer"),
    )
    mended = _corrections(holding, policy)
    marks = frozenset().union(*(c.marks for c in mended if filing.recorded_at <= c.approved_at))
    return {
        True: floor,
        False: replace(
            floor,
            marks=floor.marks - marks,
            parts=floor.parts.difference(*(c.parts for c in mended)),
            customers=floor.customers.difference(*(c.customers for c in mended)),
        )
        if mended
        else floor,
    }


def _corrections(holding: Holding, policy: Policy) -> tuple[Correction, ...]:
    return tuple(c for c in policy.corrections if c.record == holding.record_id)


def _reckon(
    holding: Holding, filing: Filed, rule: RuleVersion, policy: Policy, copy: Copy | None = None
) -> Reckoned:
    base, zone, waits = _begin(holding, filing, rule, policy)
    end = None
    if base is not None and not rule.permanent and rule.period is not None:
        end = last_day(base, rule.period, rule.cut_off)
    return Reckoned(
        rule=rule,
        record=holding.record_id,
        number=holding.number,
        copy=copy,
        base_date=base,
        zone=zone,
        last_day=end,
        waits=waits,
    )


def _begin(
    holding: Holding, filing: Filed, rule: RuleVersion, policy: Policy
) -> tuple[date | None, str, tuple[tuple[str, str], ...]]:
    """From when it counts, in which zone; or what has to be confirmed first."""
    match rule.trigger:
        case "filed":
            return filing.base_date, filing.zone, ()
        case "created":
            return max(holding.opened_on, holding.recorded_on), holding.zone, ()
        case _:
            day, waits = _triggered(holding, rule, policy)
            return day, holding.zone, waits


def _triggered(
    holding: Holding, rule: RuleVersion, policy: Policy
) -> tuple[date | None, tuple[tuple[str, str], ...]]:
    """The latest confirmed date of all that the record names; the rest are what it waits for.

    A product has ended once all its parts have. Where no part is named, or another event is
    asked for, all orders, all customers or all cases that it names will do.
    """
    names = {what: _named(holding, what, rule, policy) for what in SUBJECTS}
    dates: dict[tuple[str, str], date] = {}
    for t in policy.triggers:
        if t.event == rule.trigger and t.subject in names.get(t.subject_kind, {}):
            key = (t.subject_kind, t.subject)
            dates[key] = max(t.on, dates.get(key, t.on))
    asked = [what for what in SUBJECTS if names[what]]
    if rule.trigger == "product-service-ended" and "part" in asked:
        asked = ["part"]
    if any(all((what, name) in dates for name in names[what]) for what in asked):
        return max(dates.values()), ()
    first = asked[:1]
    return None, tuple(
        (what, said)
        for what in first
        for name, said in sorted(names[what].items())
        if (what, name) not in dates
    )


def _named(holding: Holding, what: str, rule: RuleVersion, policy: Policy) -> dict[str, str]:
    """What the record names of a type, as people wrote it, by its `plain` form."""
    mended = () if rule.floor else _corrections(holding, policy)
    wrong = {
        "part": frozenset().union(*(c.parts for c in mended)),
        "customer": frozenset().union(*(c.customers for c in mended)),
    }.get(what, frozenset())
    found = {plain(said): said for said in sorted(holding.references.get(what, ()))}
    return {name: said for name, said in found.items() if name not in wrong}
