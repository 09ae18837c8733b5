"""Which records a change of the policy may concern: more than it does, never fewer.

They are found by indexes: by id, by a business reference, by kind or department; only a rule or a
hold without any such condition concerns every record.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from domain.disposals import Reservation
from retention.holds import Hold, Query
from retention.policy import Policy, Trigger
from retention.rules import RuleVersion, plain

REFERENCES = ("case", "order", "batch", "part", "document", "project", "customer")
"""Those first that few records share; all words of a query must fit, so one is enough."""
COLUMNS = ("department", "kind")


@dataclass(frozen=True, slots=True)
class Reach:
    """`references`: (type, value), `columns`: (`kind` or `department`, value); values are `plain`.
    `names`: records by id or number."""

    everything: bool = False
    names: frozenset[str] = frozenset()
    references: frozenset[tuple[str, str]] = frozenset()
    columns: frozenset[tuple[str, str]] = frozenset()


EVERYTHING = Reach(everything=True)


def reach(before: Policy, after: Policy) -> Reach:
    """Whom the difference may concern."""
    if before is after:
        return Reach()
    rules = _changed(_versions(before), _versions(after))
    holds = _changed({h.id: h for h in before.holds}, {h.id: h for h in after.holds})
    triggers = _changed({t.id: t for t in before.triggers}, {t.id: t for t in after.triggers})
    corrections = _changed(
        {c.id: c for c in before.corrections}, {c.id: c for c in after.corrections}
    )
    reserved = {*before.reservations} ^ {*after.reservations}
    transfers = _changed({t.id: t for t in before.transfers}, {t.id: t for t in after.transfers})
    taken = {r for c in corrections for r in after.reservations if r.about == c.record}
    return _together(
        (
            *(_rule(version) for versions in rules for version in versions),
            *map(_hold, holds),
            *map(_trigger, triggers),
            Reach(names=frozenset(c.record for c in corrections)),
            *(_reservation(each) for each in (*reserved, *taken)),
            *(_reservation(r) for t in transfers for r in after.reservations if r.about in t.items),
            Reach(names=frozenset().union(*(t.items for t in transfers))),
        )
    )


def _versions(policy: Policy) -> dict[tuple[str, str], tuple[RuleVersion, ...]]:
    """All of a rule: a new version may take the place of an earlier one."""
    found: dict[tuple[str, str], tuple[RuleVersion, ...]] = {}
    for rule in policy.rules:
        found[rule.stream] = (*found.get(rule.stream, ()), rule)
    return found


Key = TypeVar("Key", bound=Hashable)
Each = TypeVar("Each")


def _changed(before: Mapping[Key, Each], after: Mapping[Key, Each]) -> list[Each]:
    """What is new, gone or other, as it was and as it is."""
    gone = [each for key, each in before.items() if after.get(key) != each]
    return gone + [each for key, each in after.items() if before.get(key) != each]


def _rule(rule: RuleVersion) -> Reach:
    for what, values in (("part", rule.parts), ("customer", rule.customers)):
        if values:
            return Reach(references=frozenset((what, value) for value in values))
    kinds = frozenset(("kind", plain(kind)) for kind in rule.kinds)
    return Reach(columns=kinds) if kinds else EVERYTHING


def _reservation(said: Reservation) -> Reach:
    """A paper copy, and the record of which it is one."""
    return Reach(names=frozenset({said.record, said.about}))


def _hold(hold: Hold) -> Reach:
    if not hold.records and not hold.queries:
        return EVERYTHING
    return _together((Reach(names=hold.records), *map(_query, hold.queries)))


def _query(query: Query) -> Reach:
    for word in REFERENCES:
        if word in query:
            return Reach(references=frozenset((word, plain(value)) for value in query[word]))
    for word in COLUMNS:
        if word in query:
            return Reach(columns=frozenset((word, plain(value)) for value in query[word]))
    return EVERYTHING


def _trigger(trigger: Trigger) -> Reach:
    """Its subject may be a record, named by its id or its number."""
    references = frozenset({(trigger.subject_kind, trigger.subject)})
    names = frozenset({trigger.subject, trigger.subject.upper()})
    return Reach(references=references, names=names)


def _together(reaches: Iterable[Reach]) -> Reach:
    found = list(reaches)
    if any(each.everything for each in found):
        return EVERYTHING
    return Reach(
        names=frozenset().union(*(each.names for each in found)),
        references=frozenset().union(*(each.references for each in found)),
        columns=frozenset().union(*(each.columns for each in found)),
    )
