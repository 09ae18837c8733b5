"""Legal holds: what each covers, future records included (RETENTION.md 5).

A hold names records, or describes them; it covers what it names *or* describes. Each extension is a
description of its own, so that extending a hold can only make it wider.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from domain.events import Values
from domain.record import Record
from retention.holding import Holding
from retention.rules import plain

COOL_OFF_DAYS = 30
PLACING = ("place", "extend")

Query = Mapping[str, tuple[str, ...]]
"""Values by word (`kind`, `customer`, `opened-from` ...): AND between words, OR within one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    id: str
    number: str | None = None
    matter: str = ""
    authority: str = ""
    custodian: str | None = None
    placed_at: datetime
    placed_by: str | None = None
    extended_at: datetime
    """When it was placed, or last extended."""
    released_at: datetime | None = None
    records: frozenset[str] = frozenset()
    queries: tuple[Query, ...] = ()

    @property
    def active(self) -> bool:
        """Until its release is approved by a second person; asking for it changes nothing."""
        return self.released_at is None

    def released_on(self, zone: ZoneInfo) -> date | None:
        return self.released_at.astimezone(zone).date() if self.released_at else None

    def cool_off_until(self, zone: ZoneInfo) -> date | None:
        """The last day of the cool-off; the day of the release does not count (R27)."""
        day = self.released_on(zone)
        return day + timedelta(days=COOL_OFF_DAYS) if day else None


def hold_of(record: Record) -> Hold:
    """Fold a `legal-hold`."""
    said = [e for e in record.entries if e.step in PLACING]
    first: Values = said[0].values if said else {}
    released = record.said("release") if record.state == "released" else None
    return Hold(
        id=record.id,
        number=record.number,
        matter=first.get("matter", ""),
        authority=first.get("authority", ""),
        custodian=first.get("custodian"),
        placed_at=said[0].recorded_at if said else record.opened_at,
        placed_by=record.opened_by,
        extended_at=said[-1].recorded_at if said else record.opened_at,
        released_at=released.recorded_at if released else None,
        records=frozenset(r["record"] for e in said for r in e.values.get("records", ())),
        queries=tuple(_query(e.values) for e in said if e.values.get("where")),
    )


def _query(values: Values) -> Query:
    words: dict[str, tuple[str, ...]] = {}
    for row in values["where"]:
        words[row["what"]] = (*words.get(row["what"], ()), row["value"])
    return words


def covers(hold: Hold, holding: Holding) -> bool:
    """Whether the hold is on this record. One whose scope cannot be read is on every record."""
    if not hold.records and not hold.queries:
        return True
    return holding.record_id in hold.records or any(_fits(q, holding) for q in hold.queries)


def _fits(query: Query, holding: Holding) -> bool:
    return all(
        any(_is(holding, what, plain(value)) for value in values) for what, values in query.items()
    )


def _is(holding: Holding, what: str, value: str) -> bool:
    """Names are compared as people mean them: a hold rather covers too much."""
    match what:
        case "kind":
            return value == plain(holding.kind)
        case "department":
            return holding.department is not None and value == plain(holding.department)
        case "opened-from":
            day = _day(value)
            return day is None or max(holding.opened_on, holding.recorded_on) >= day
        case "opened-until":
            day = _day(value)
            return day is None or min(holding.opened_on, holding.recorded_on) <= day
        case _:
            return value in holding.known(what)


def _day(said: str) -> date | None:
    """None for what is no date: that bounds nothing."""
    try:
        return date.fromisoformat(said)
    except ValueError:
        return None
