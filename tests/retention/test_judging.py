"""What comes along with records, so that they can be judged."""

from __future__ import annotations

import pytest

from domain.rule_versions import rule_id
from retention.judging import judged_by
from tests.archive.acting import COMPLAINT
from tests.retention.people import Staff
from tests.worlds import World

YEARS = 3 * 365 + 2


@pytest.fixture
def staff(world: World) -> Staff:
    return Staff(world)


def kinds(staff: Staff, *records: str) -> dict[str, set[str]]:
    """The ids that come along, by kind."""
    found: dict[str, set[str]] = {}
    for each in judged_by(staff.world.archive, staff.retention.shelf, records):
        kind = staff.world.archive.ledger.get(each).kind.id
        found.setdefault(kind, set()).add(each)
    return found


def test_rules_and_holds_of_what_they_are_on(staff: Staff) -> None:
    """The rule that counts for a filed record and the hold that is on it; of another, not."""
    archive = staff.world.archive
    held, free = staff.imported("客户甲"), staff.imported("客户乙")
    hold = staff.as_("legal").open(
        "legal-hold", "place", matter="诉讼", authority="法院", reason="应诉",
        custodian=staff.people["clerk"],
        records=[{"record": held.id}],
    )  # fmt: skip
    of_held, of_free = kinds(staff, held.id), kinds(staff, free.id)
    assert of_held["legal-hold"] == {hold.id}
    assert "legal-hold" not in of_free
    rules = {rule_id(archive.ledger.get(each)) for each in of_free["retention-rule"]}
    assert "RR-03" in rules
    assert not rules & {"RR-05", "RR-10"}


def test_the_disposal_of_what_is_gone(staff: Staff) -> None:
    """The list on which it stood, and the rule that let it go."""
    gone = staff.imported()
    staff.world.clock.turn(days=YEARS)
    disposal = staff.disposed(gone)
    found = kinds(staff, gone.id)
    assert found["disposal"] == {disposal.id}
    assert len(found["retention-rule"]) == 1


def test_calendars(staff: Staff) -> None:
    """Every version that was published, whatever is asked for; nothing else with what has none."""
    acting = staff.as_("admin")
    calendar = acting.open(
        "calendar", "publish", year=2026, source="国办发", holidays=[{"date": "2026-10-01"}]
    )
    unfiled = acting.open("complaint", "receive", **COMPLAINT)
    assert kinds(staff, unfiled.id)["calendar"] == {calendar.id}
