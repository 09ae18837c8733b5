"""What the company, its customers and the courts say about keeping: rules, holds, triggers,
corrections. An immutable fold over their records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import groupby
from typing import Any, ClassVar, Protocol, TypeVar

from domain.events import Values
from domain.record import Record
from retention.holds import Hold, hold_of
from retention.rules import RuleVersion, plain, rule_versions


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A confirmed event from which periods count: this part is out of production and service."""

    id: str
    event: str
    subject_kind: str
    subject: str
    """`plain`."""
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """An extension that was wrong, taken away from one record by two people."""

    id: str
    record: str
    approved_at: datetime
    marks: frozenset[str] = frozenset()
    parts: frozenset[str] = frozenset()
    customers: frozenset[str] = frozenset()


class _Known(Protocol):
    @property
    def id(self) -> str: ...


Each = TypeVar("Each", bound=_Known)


@dataclass(frozen=True, slots=True)
class Policy:
    rules: tuple[RuleVersion, ...] = ()
    """All versions that ever came into force."""
    holds: tuple[Hold, ...] = ()
    """Also those that were released: their cool-off may still run."""
    triggers: tuple[Trigger, ...] = ()
    corrections: tuple[Correction, ...] = ()
    streams: tuple[tuple[RuleVersion, ...], ...] = field(init=False, compare=False, repr=False)
    """The versions of each rule, oldest first."""

    def __post_init__(self) -> None:
        ordered = sorted(self.rules, key=_rank)
        streams = tuple(tuple(same) for _, same in groupby(ordered, key=lambda r: r.stream))
        object.__setattr__(self, "streams", streams)

    KINDS: ClassVar[tuple[str, ...]] = (
        "retention-rule",
        "legal-hold",
        "retention-trigger",
        "retention-correction",
    )
    """The kinds whose records it folds."""

    def apply(self, record: Record) -> Policy:
        """The policy with a record of these kinds as it is now; others change nothing."""
        match record.kind.id:
            case "retention-rule":
                kept = [r for r in self.rules if r.record_id != record.id]
                rules = sorted((*kept, *rule_versions(record)), key=_rank)
                return replace(self, rules=tuple(rules))
            case "legal-hold":
                return replace(self, holds=_put(self.holds, record.id, hold_of(record)))
            case "retention-trigger":
                return replace(self, triggers=_put(self.triggers, record.id, trigger_of(record)))
            case "retention-correction":
                correction = correction_of(record)
                return replace(self, corrections=_put(self.corrections, record.id, correction))
            case _:
                return self


def _rank(rule: RuleVersion) -> tuple[str, str, int]:
    return rule.rule_id, rule.record_id, rule.version


def _put(known: Iterable[Each], record_id: str, now: Each | None) -> tuple[Each, ...]:
    kept = [each for each in known if each.id != record_id]
    return tuple(sorted((*kept, *((now,) if now else ())), key=lambda each: each.id))


def trigger_of(record: Record) -> Trigger | None:
    """Fold a `retention-trigger`: None unless it stands confirmed."""
    said = _said(record, "report")
    if record.state != "confirmed" or not said:
        return None
    return Trigger(
        id=record.id,
        event=said["event"],
        subject_kind=said["subject_kind"],
        subject=plain(said["subject"]),
        on=date.fromisoformat(said["date"]),
    )


def correction_of(record: Record) -> Correction | None:
    """Fold a `retention-correction`: None unless it is approved."""
    said, approved = _said(record, "correct"), record.said("approve")
    if record.state != "approved" or approved is None or not said:
        return None
    return Correction(
        id=record.id,
        record=said["record"],
        approved_at=approved.recorded_at,
        marks=frozenset(said.get("marks", ())),
        parts=_names(said, "parts", "part"),
        customers=_names(said, "customers", "customer"),
    )


def _names(said: Values, rows: str, name: str) -> frozenset[str]:
    found: Iterable[Mapping[str, Any]] = said.get(rows, ())
    return frozenset(plain(row[name]) for row in found)


def _said(record: Record, step: str) -> Values:
    entry = record.said(step)
    return entry.values if entry else {}
