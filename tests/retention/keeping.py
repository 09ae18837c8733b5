"""Holdings, rules, holds and copies for tests of retention, each in one line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from domain.disposals import Reservation, Verdict
from domain.kind import text
from retention.assessment import Assessment, assess
from retention.holding import Copy, Filed, Holding
from retention.holds import Hold
from retention.policy import Correction, Policy, Transfer, Trigger
from retention.rules import SHIPPED, RuleVersion

SITE = "Asia/Shanghai"
SHIP = tuple(RuleVersion.of(values) for values in SHIPPED.values())
SHIPPED_POLICY = Policy(rules=SHIP)


def day(said: str) -> date:
    return date.fromisoformat(said)


def at(said: str, hour: int = 10, zone: str = SITE) -> datetime:
    """An hour of a day at the site."""
    return datetime.combine(day(said), time(hour), ZoneInfo(zone)).astimezone(UTC)


def filed(said: str, *marks: str, scope: bool = False, zone: str = SITE) -> Filed:
    return Filed(
        base_date=day(said), zone=zone, recorded_at=at(said, zone=zone), marks=frozenset(marks),
        scope=scope,
    )  # fmt: skip


def held(
    name: str = "a" * 32,
    *filings: str | Filed,
    is_filed: bool = True,
    retention: str = "communication",
    references: Mapping[str, Iterable[str]] | None = None,
    **more: Any,
) -> Holding:
    """A record, filed on these days; `is_filed=False`: opened again since (or never filed)."""
    said = tuple(f if isinstance(f, Filed) else filed(f) for f in filings)
    return Holding(
        record_id=name,
        number=more.pop("number", f"KS-{name[:4]}"),
        kind=more.pop("kind", "complaint"),
        kind_title=text("客户投诉", "customer complaint"),
        retention=retention,
        zone=more.pop("zone", SITE),
        opened_on=more.pop("opened_on", day("2023-01-02")),
        recorded_on=more.pop("recorded_on", day("2023-01-02")),
        filings=said,
        filed=bool(said) and is_filed,
        references={k: frozenset(v) for k, v in (references or {}).items()},
        **more,
    )


def paper(said: str, copy: int = 1, **more: Any) -> Copy:
    """A copy on paper, registered on that day, and compared with the electronic record."""
    return Copy(
        record_id=more.pop("record_id", f"{copy}" * 32),
        copy=copy,
        base_date=day(said),
        registered_at=at(said),
        pages=4,
        checked_ok=more.pop("checked_ok", True),
        checked_on=more.pop("checked_on", day("2030-01-01")),
        **more,
    )


def rule(rule_id: str = "X-01", version: int = 1, **said: Any) -> RuleVersion:
    """A rule for electronic records: 3 years from filing unless said otherwise."""
    values = {
        "rule_id": rule_id,
        "title_zh": "试验",
        "title_en": "trial",
        "scope": "any",
        "medium": "electronic",
        "authority": "company",
        "citation": "X",
        "trigger": "filed",
        "cut_off": "anniversary",
        "period": "P3Y",
        "action": "destroy",
        "floor": True,
        "effective_from": "2020-01-01",
        **said,
    }
    approved = values.pop("approved", values["effective_from"])
    return RuleVersion.of(values, version, f"record of {rule_id}", at(approved, 1))


def hold(
    name: str = "h" * 32,
    placed: str = "2024-01-01",
    released: str | None = None,
    records: Sequence[str] = ("a" * 32,),
    *queries: Mapping[str, tuple[str, ...]],
    extended: str | None = None,
) -> Hold:
    return Hold(
        id=name,
        number="BQ-2026-00001",
        placed_at=at(placed),
        extended_at=at(extended or placed),
        released_at=at(released) if released else None,
        records=frozenset(records),
        queries=queries,
    )


def reserved(
    outcome: Verdict,
    on: str = "2026-04-01",
    until: str | None = None,
    record: str = "a" * 32,
    copy: str | None = None,
) -> Reservation:
    """What the reviewer of list XH-2026-00001 said on that day."""
    return Reservation(
        disposal="d" * 32, number="XH-2026-00001", outcome=outcome, record=record, copy=copy,
        until=day(until) if until else None, at=at(on),
    )  # fmt: skip


def handed_over(on: str, *items: str) -> Transfer:
    """Recorded on the day itself, and confirmed."""
    return Transfer(
        id="t" * 32, number="YJ-2026-00001", on=day(on), at=at(on), items=frozenset(items)
    )


def corrected(on: str, *outcomes: str, record: str = "a" * 32) -> Correction:
    """These outcomes taken away: asked for on that day, and approved."""
    return Correction(
        id="z" * 32,
        record=record,
        asked_at=at(on),
        approved_at=at(on),
        outcomes=frozenset(outcomes),
    )


def ended(
    part: str, on: str, event: str = "product-service-ended", subject_kind: str = "part"
) -> Trigger:
    return Trigger(
        id=f"{event} {subject_kind} {part} {on}", event=event, subject_kind=subject_kind,
        subject=part.casefold(), on=day(on),
    )  # fmt: skip


def policy(*rules: RuleVersion, **more: Any) -> Policy:
    """These rules beside those that ship."""
    return Policy(rules=(*SHIP, *rules), **{name: tuple(each) for name, each in more.items()})


def one(holding: Holding, under: Policy = SHIPPED_POLICY) -> Assessment:
    return assess(holding, (holding,), under)


def codes(found: Assessment) -> list[str]:
    return [blocker.code for blocker in found.blockers]
