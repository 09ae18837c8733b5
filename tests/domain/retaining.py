"""Records of retention in the making: a filed complaint, a list, its reviews and approvals."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from domain import commands
from domain.commands import Actor
from domain.disposals import list_hash
from domain.record import Record
from tests.domain.journeys import TO_CLOSED, complaint, take
from tests.domain.plant import PEOPLE, Case, hex_id

ARCHIVE = Actor(None, assurance="system", trusted=True)
LISTER = Actor(PEOPLE["office-li"], trusted=True)
"""The archive lists, and says for whom."""
OWNER, PARTY = "service-head", "service-li"
LAST_DAY = "2029-03-05"
DUE = timedelta(days=1200)


def filed() -> Case:
    """A complaint that went all its way and was filed, more than three years ago."""
    case = lately_filed()
    case.now += DUE
    return case


def lately_filed() -> Case:
    case = complaint("transfer")
    for step in ("root-cause", *TO_CLOSED[TO_CLOSED.index("transfer") + 1 :]):
        take(case, step)
    case.file("office-li")
    return case


def row(about: Record, item: str = "1", **changes: Any) -> dict[str, Any]:
    return {
        "item": item,
        "record": about.id,
        "number": about.number,
        "kind": about.kind.id,
        "class": about.kind.retention,
        "base_date": about.filing.base_date if about.filing else "2026-03-02",
        "last_day": LAST_DAY,
        "rule": "RR-03",
        "rule_version": 1,
        "rule_hash": "a" * 64,
        "head": about.head,
        "version": about.version,
        "owner": PEOPLE[OWNER],
        **changes,
    }


def listing(*rows: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "medium": "electronic",
        "list_hash": list_hash(rows),
        "items": list(rows),
        "owners": sorted({r["owner"] for r in rows if "owner" in r}),
        "barred": [PEOPLE[PARTY]],
        "time_status": "proven",
        **changes,
    }


def listed(about: Case, *rows: dict[str, Any], **changes: Any) -> Case:
    """The list, a day before `about` is asked to go."""
    case = Case(now=about.now - timedelta(days=20))
    return case.open("disposal", "list", LISTER, listing(*(rows or (row(about.it),)), **changes))


def today(case: Case) -> str:
    return case.now.date().isoformat()


def reviewed(case: Case, outcome: str = "destroy", by: str = OWNER, **more: Any) -> Case:
    items = [{"item": r["item"], "outcome": outcome, **more} for r in _rows(case)]
    case.take("review", by, {"items": items})
    return case


def _rows(case: Case) -> list[dict[str, Any]]:
    said = [e for e in case.it.entries if e.step in ("list", "relist")][-1]
    return list(said.values["items"])


def shown(case: Case) -> dict[str, Any]:
    """What an approver sends back: the hash of the list before them, and today's date."""
    return {"list_hash": list_hash(_rows(case)), "today": today(case)}


def approved(case: Case) -> Case:
    case.take("approve-first", "records", shown(case))
    case.take("approve-second", "compliance", shown(case))
    return case


def executing(about: Case, *rows: dict[str, Any]) -> Case:
    case = approved(reviewed(listed(about, *rows)))
    case.now += timedelta(days=8)
    case.take("start", ARCHIVE, {"today": today(case), "time_status": "proven"})
    return case


def dispose(
    about: Case, by_list: Case, item: str = "1", by: Actor = ARCHIVE, **changes: Any
) -> Record:
    """Ask for the deed, as only the archive itself may."""
    about.warrant = by_list.it
    command = commands.Dispose(
        event_id=hex_id(f"disposing {about.id} {about.now}"),
        record_id=about.id,
        actor=by,
        occurred_at=about.now,
        received_at=about.now,
        warrant=by_list.id,
        item=item,
    )
    return about.do(replace(command, **changes))
