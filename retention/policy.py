"""What the company, its customers and the courts say about keeping: rules, holds, triggers,
corrections, and what reviewers of disposals reserved. An immutable fold over their records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import groupby
from typing import Any, ClassVar, Protocol, TypeVar

from domain.disposals import Reservation, Verdict, reservations
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
    """What kept one record (or paper copy) and was wrong, taken away by two people."""

    id: str
    record: str
    asked_at: datetime
    approved_at: datetime
    marks: frozenset[str] = frozenset()
    parts: frozenset[str] = frozenset()
    customers: frozenset[str] = frozenset()
    outcomes: frozenset[str] = frozenset()
    """Of the reviews that were there when the correction was asked for."""

    def takes_away(self, said: Reservation) -> bool:
        about = said.about == self.record and said.outcome in self.outcomes
        return about and said.at <= self.asked_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """A confirmed handing-over of records, or of paper copies. `at`: when it was recorded."""

    id: str
    number: str | None
    on: date
    at: datetime
    items: frozenset[str]


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
    reservations: tuple[Reservation, ...] = ()
    transfers: tuple[Transfer, ...] = ()
    streams: tuple[tuple[RuleVersion, ...], ...] = field(init=False, compare=False, repr=False)
    """The versions of each rule, oldest first."""
    _reserved: Mapping[str, tuple[Reservation, ...]] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        ordered = sorted(self.rules, key=_rank)
        streams = tuple(tuple(same) for _, same in groupby(ordered, key=lambda r: r.stream))
        object.__setattr__(self, "streams", streams)
        reserved = defaultdict[str, tuple[Reservation, ...]](tuple)
        for each in sorted(self.reservations, key=_order):
            reserved[each.about] += (each,)
        object.__setattr__(self, "_reserved", dict(reserved))

    KINDS: ClassVar[tuple[str, ...]] = (
        "retention-rule",
        "legal-hold",
        "retention-trigger",
        "retention-correction",
        "disposal",
        "records-transfer",
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
            case "disposal":
                return self._reserving(record)
            case "records-transfer":
                return replace(self, transfers=_put(self.transfers, record.id, transfer_of(record)))
            case _:
                return self

    def _reserving(self, record: Record) -> Policy:
        """Itself where the disposal says nothing new: most of its events reserve nothing."""
        kept = [r for r in self.reservations if r.disposal != record.id]
        said = reservations(record)
        if len(kept) + len(said) == len(self.reservations):  # they are only ever added to
            return self
        return replace(self, reservations=tuple(sorted((*kept, *said), key=_order)))

    def reserved(self, about: str, outcome: Verdict) -> tuple[Reservation, ...]:
        """What stands of a record, or of a paper copy, oldest first: what no correction took."""
        return tuple(
            r
            for r in self._reserved.get(about, ())
            if r.outcome == outcome and not any(c.takes_away(r) for c in self.corrections)
        )

    def transfer(self, about: str) -> Transfer | None:
        """The last confirmed transfer of a record or paper copy."""
        found = (t for t in self.transfers if about in t.items)
        return max(found, key=lambda t: (t.at, t.id), default=None)


def _rank(rule: RuleVersion) -> tuple[str, str, int]:
    return rule.rule_id, rule.record_id, rule.version


def _order(reservation: Reservation) -> tuple[datetime, str, str]:
    return reservation.at, reservation.disposal, reservation.about


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
    asked, approved = record.said("correct"), record.said("approve")
    if record.state != "approved" or approved is None or asked is None:
        return None
    said = asked.values
    return Correction(
        id=record.id,
        record=said["record"],
        asked_at=asked.recorded_at,
        approved_at=approved.recorded_at,
        marks=frozenset(said.get("marks", ())),
        parts=_names(said, "parts", "part"),
        customers=_names(said, "customers", "customer"),
        outcomes=frozenset(said.get("outcomes", ())),
    )


def transfer_of(record: Record) -> Transfer | None:
    """Fold a `records-transfer`: None unless it is confirmed."""
    said = record.said("record")
    if record.state != "confirmed" or said is None:
        return None
    return Transfer(
        id=record.id,
        number=record.number,
        on=date.fromisoformat(said.values["day"]),
        at=said.recorded_at,
        items=frozenset(row["record"] for row in said.values["items"]),
    )


def _names(said: Values, rows: str, name: str) -> frozenset[str]:
    found: Iterable[Mapping[str, Any]] = said.get(rows, ())
    return frozenset(plain(row[name]) for row in found)


def _said(record: Record, step: str) -> Values:
    entry = record.said(step)
    return entry.values if entry else {}
