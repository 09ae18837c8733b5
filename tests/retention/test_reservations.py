"""What a reviewer reserves from destruction: keep, hold, transfer. By dates, and in an archive."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from domain.disposals import listing, results
from domain.errors import NotEntitledError
from domain.record import Record
from retention.assessment import Assessment, assess, assess_copy
from retention.certificate import certificate, tombstone
from retention.due import DueView
from retention.errors import DisposalRefusedError
from retention.policy import Policy
from tests.retention.keeping import (
    codes,
    corrected,
    day,
    handed_over,
    held,
    hold,
    one,
    paper,
    policy,
    reserved,
)
from tests.retention.people import Staff
from tests.retention.plots import HOLD
from tests.retention.plots import handed_over as recorded
from tests.worlds import World

A, B, COPY = "a" * 32, "b" * 32, "1" * 32
FILED = "2023-03-15"
"""Last day by the rule 2026-03-15, as R01; the review is on 2026-04-01."""


def told(under: Policy) -> Assessment:
    return one(held(A, FILED), under)


@pytest.mark.parametrize(
    ("untils", "corrections", "last", "eligible"),
    [
        pytest.param([], [], "2026-03-15", "2026-03-16", id="nothing reserved"),
        pytest.param(["2028-02-29"], [], "2028-02-29", "2028-03-01", id="kept"),
        pytest.param(["2028-01-01", "2027-01-01"], [], "2028-01-01", "2028-01-02", id="longest"),
        pytest.param(["2020-01-01"], [], "2026-03-15", "2026-03-16", id="never below the floor"),
        pytest.param(
            ["2028-01-01"], [("2026-05-01", "keep")], "2026-03-15", "2026-03-16", id="taken away"
        ),
        pytest.param(
            ["2028-01-01"], [("2026-03-30", "keep")], "2028-01-01", "2028-01-02", id="said since"
        ),
        pytest.param(
            ["2028-01-01"], [("2026-05-01", "hold")], "2028-01-01", "2028-01-02", id="not that"
        ),
    ],
)
def test_keep(
    untils: list[str], corrections: list[tuple[str, str]], last: str, eligible: str
) -> None:
    """The later of the rule's last day and that of each review that stands."""
    found = told(
        policy(
            reservations=[reserved("keep", until=until) for until in untils],
            corrections=[corrected(on, outcome) for on, outcome in corrections],
        )
    )
    assert (found.status, found.last_day, found.due_from) == ("running", day(last), day(eligible))
    standing = [] if corrections and last == "2026-03-15" else untils
    assert [k.until for k in found.kept] == [day(until) for until in standing]


def test_what_a_keep_says() -> None:
    """Who keeps it, by which list, until when."""
    said = told(policy(reservations=[reserved("keep", until="2028-01-01")])).sentence
    assert "经清单XH-2026-00001审查决定，继续保管至2028-01-01" in said.zh
    assert "the review of list XH-2026-00001 keeps it until 2028-01-01" in said.en
    assert "2026-03-15" in said.en


def test_a_kept_record_keeps_those_bound_to_it() -> None:
    """A group goes together or not at all."""
    group = (held(A, FILED, bound=(B,)), held(B, FILED, bound=(A,)))
    under = policy(reservations=[reserved("keep", until="2028-01-01")])
    assert [assess(m, group, under).last_day for m in group] == [day("2028-01-01")] * 2


def test_a_kept_copy_keeps_its_record_and_not_the_other_way_round() -> None:
    """Paper goes first, and electronic never while it lives."""
    copy = paper(FILED, record_id=COPY)
    holding = held(A, FILED, copies=(copy,))
    of_copy = policy(reservations=[reserved("keep", until="2028-01-01", copy=COPY)])
    of_record = policy(reservations=[reserved("keep", until="2028-01-01")])
    assert assess_copy(copy, holding, (holding,), of_copy).last_day == day("2028-01-01")
    assert one(holding, of_copy).last_day == day("2028-01-01")
    assert assess_copy(copy, holding, (holding,), of_record).last_day == day("2024-03-15")


@pytest.mark.parametrize(
    ("holds", "corrections", "status"),
    [
        pytest.param([], [], "held", id="nobody placed it"),
        pytest.param([hold(placed="2026-03-01", released="2026-03-20")], [], "held", id="before"),
        pytest.param([hold(placed="2026-04-02", records=(B,))], [], "held", id="on another"),
        pytest.param(
            [hold(placed="2026-04-02", released="2026-05-01")], [], "running", id="placed, over"
        ),
        pytest.param(
            [hold(placed="2026-03-20", extended="2026-04-02", released="2026-05-01")],
            [],
            "running",
            id="extended to it, over",
        ),
        pytest.param([], [corrected("2026-05-01", "hold")], "running", id="taken away"),
        pytest.param([], [corrected("2026-03-30", "hold")], "held", id="asked for since"),
    ],
)
def test_hold(holds: list[object], corrections: list[object], status: str) -> None:
    """Blocked until a hold that came after the review covers it, or two people take it away."""
    under = policy(reservations=[reserved("hold")], holds=holds, corrections=corrections)
    found = told(under)
    assert found.status == status
    assert ("HOLD_ASKED" in codes(found)) == (status == "held")
    copy = paper(FILED)
    holding = held(A, FILED, copies=(copy,))
    assert assess_copy(copy, holding, (holding,), under).status == status


def test_a_hold_that_was_placed_governs_from_then_on() -> None:
    """While it is active, and after its release for the days of its cool-off."""
    under = policy(reservations=[reserved("hold")], holds=[hold(placed="2026-04-02")])
    assert codes(told(under)) == ["HELD"]
    over = hold(placed="2026-04-02", released="2026-05-20")
    found = told(policy(reservations=[reserved("hold")], holds=[over]))
    assert found.last_day == day("2026-06-19")


def test_a_hold_that_is_asked_for_holds_the_group() -> None:
    """Whoever is bound to it, and the paper of those."""
    copy = paper(FILED)
    group = (held(A, FILED, bound=(B,)), held(B, FILED, bound=(A,), copies=(copy,)))
    under = policy(reservations=[reserved("hold")])
    assert (assess(group[1], group, under).status, codes(assess(group[1], group, under))) == (
        "held", ["BOUND"],
    )  # fmt: skip
    assert assess_copy(copy, group[1], group, under).status == "held"


@pytest.mark.parametrize(
    ("transfers", "corrections", "status"),
    [
        pytest.param([], [], "blocked", id="asked for"),
        pytest.param([handed_over("2026-03-01", A)], [], "blocked", id="before it was asked for"),
        pytest.param([handed_over("2026-04-02", B)], [], "blocked", id="of another"),
        pytest.param([handed_over("2026-04-02", A)], [], "running", id="done"),
        pytest.param([], [corrected("2026-05-01", "transfer")], "running", id="taken away"),
    ],
)
def test_transfer(transfers: list[object], corrections: list[object], status: str) -> None:
    """Blocked until it is recorded and confirmed; then due as before."""
    found = told(
        policy(reservations=[reserved("transfer")], transfers=transfers, corrections=corrections)
    )
    assert found.status == status
    assert codes(found) == ([] if status == "running" else ["TRANSFER_PENDING"])
    assert found.last_day == day("2026-03-15")


def test_paper_that_was_handed_over_is_not_here_to_be_shredded() -> None:
    """It is gone, and named so; the electronic record does not wait for it."""
    copy = paper(FILED, record_id=COPY)
    holding = held(A, FILED, copies=(copy,))
    asked = [reserved("transfer", copy=COPY)]
    pending = assess_copy(copy, holding, (holding,), policy(reservations=asked))
    assert codes(pending) == ["TRANSFER_PENDING"]
    under = policy(reservations=asked, transfers=[handed_over("2026-04-02", COPY)])
    found = assess_copy(copy, holding, (holding,), under)
    assert (found.status, codes(found)) == ("disposed", ["TRANSFERRED"])
    assert "2026-04-02" in found.sentence.zh
    assert one(holding, under).status == "running"


# ---------------------------------------------------------------- in an archive


YEARS = 3 * 365 + 2


@pytest.fixture
def staff(world: World) -> Staff:
    world.options = replace(world.options, views=(DueView,))
    world.reopen()
    return Staff(world)


def due(staff: Staff, customer: str = "客户甲") -> Record:
    record = staff.imported(customer)
    staff.world.clock.turn(days=YEARS)
    return record


def refused(staff: Staff, *records: Record) -> str:
    with pytest.raises(DisposalRefusedError) as error:
        staff.listed(*records)
    return error.value.code


def line(staff: Staff, record: Record) -> Any:
    staff.world.archive.views.catch_up()
    return staff.world.archive.views.view(DueView).line(record.id)


def take_away(staff: Staff, record: Record, outcome: str) -> None:
    asked = staff.as_("officer").open(
        "retention-correction", "correct", record=record.id, outcomes=[outcome], reason="误填"
    )
    with pytest.raises(NotEntitledError):
        staff.as_("officer").take(asked, "approve")
    staff.as_("quality").take(asked, "approve")


def withdrawn(staff: Staff, disposal: Record) -> None:
    staff.as_("officer").take(disposal, "withdraw", reason="重列")


def test_a_keep_outlives_its_list(staff: Staff) -> None:
    """Withdrawn, the record is not due again before the day; after it, it goes."""
    record = due(staff)
    disposal = staff.reviewed(staff.listed(record), item_1="keep")
    withdrawn(staff, disposal)
    assert refused(staff, record) == "NOT_DUE"
    until = staff.retention.shelf.assess(record.id).assessment.kept[0].until
    assert until is not None
    assert (line(staff, record).status, line(staff, record).last_day) == (
        "running", until.isoformat(),
    )  # fmt: skip
    staff.world.clock.turn(days=368)
    assert staff.disposed(record).state == "certified"


def test_a_keep_that_was_wrong_is_taken_away_by_two(staff: Staff) -> None:
    """A later review does not take it back, a correction does."""
    record = due(staff)
    disposal = staff.reviewed(staff.listed(record), item_1="keep")
    staff.reviewed_again(disposal, "destroy")
    done = staff.executed(staff.approved(disposal))
    assert [r.code for r in results(done).values()] == ["NOT_DUE"]
    take_away(staff, record, "keep")
    assert line(staff, record).last_day < "2030"
    assert staff.disposed(record).state == "certified"


def test_a_list_made_anew_forgets_the_review_and_keeps_what_it_reserved(staff: Staff) -> None:
    """The rest is listed anew; what is held does not come back onto the list."""
    one, other = staff.imported("客户甲"), due(staff, "客户乙")
    disposal = staff.reviewed(staff.listed(one, other), item_1="hold")
    (held_,) = [i.record for i in listing(disposal).items.values() if i.item == "1"]
    (free,) = {one.id, other.id} - {held_}
    lister, deeds = staff.actor("lister"), staff.retention.disposals
    owner = staff.people["head"]
    with pytest.raises(DisposalRefusedError) as error:
        deeds.list_due(lister, [held_, free], owner=owner, relist=disposal.id)
    assert error.value.code == "HOLD_ASKED"
    anew = deeds.list_due(lister, [free], owner=owner, relist=disposal.id)
    assert anew.state == "listed"
    assert [i.record for i in listing(anew).items.values()] == [free]


def test_a_hold_that_nobody_placed_wins_over_an_approved_list(staff: Staff) -> None:
    """Asked for on one list, it stops the execution of that list; then a hold governs."""
    record = due(staff)
    disposal = staff.reviewed(staff.listed(record), item_1="hold")
    staff.reviewed_again(disposal, "destroy")
    done = staff.executed(staff.approved(disposal))
    assert [r.code for r in results(done).values()] == ["HOLD_ASKED"]
    assert refused(staff, record) == "HOLD_ASKED"
    assert [r.record for r in staff.retention.shelf.holds_asked()] == [record.id]
    shown = line(staff, record)
    assert (shown.status, shown.blockers[0].code) == ("held", "HOLD_ASKED")
    assert "尚无人采取" in shown.blockers[0].what.zh
    hold_ = staff.as_("legal").open(
        "legal-hold", "place", **HOLD, custodian=staff.people["legal"],
        records=[{"record": record.id}],
    )  # fmt: skip
    assert staff.retention.shelf.holds_asked() == ()
    assert (refused(staff, record), line(staff, record).blockers[0].code) == ("HELD", "HELD")
    staff.as_("legal").take(hold_, "request-release", reason="结案")
    staff.as_("quality").take(hold_, "release", reason="结案")
    assert refused(staff, record) == "NOT_DUE"
    staff.world.clock.turn(days=31)
    assert staff.disposed(record).state == "certified"


def test_a_hold_that_was_asked_for_is_taken_away_by_two(staff: Staff) -> None:
    """Without any hold."""
    record = due(staff)
    withdrawn(staff, staff.reviewed(staff.listed(record), item_1="hold"))
    take_away(staff, record, "hold")
    assert line(staff, record).status == "running"
    assert staff.disposed(record).state == "certified"


def test_what_is_to_be_handed_over_goes_when_two_say_that_it_was(staff: Staff) -> None:
    """Blocked, recorded, confirmed, listed anew; list, certificate and tombstone say when."""
    archive = staff.world.archive
    record = due(staff)
    withdrawn(staff, staff.reviewed(staff.listed(record), item_1="transfer"))
    assert refused(staff, record) == "TRANSFER_PENDING"
    staff.world.clock.turn(days=3)
    transfer = recorded(staff.as_("lister"), record.id)
    assert refused(staff, record) == "TRANSFER_PENDING"
    with pytest.raises(NotEntitledError):
        staff.as_("lister").take(transfer, "confirm")
    staff.as_("officer").take(transfer, "confirm")
    assert line(staff, record).status == "running"
    listed = staff.listed(record)
    (item,) = listing(listed).items.values()
    assert (item.transfer, str(item.transferred_on)) == (transfer.id, "2026-03-20")
    certified = staff.executed(staff.approved(staff.reviewed(listed)))
    assert certificate(archive, certified.id).lines[0].item.transfer == transfer.id
    gone = archive.ledger.get(record.id)
    assert tombstone(archive, gone)["transferred_on"] == "2026-03-20"
    assert "市档案馆" not in str(tombstone(archive, gone))
    assert archive.check().findings == ()


def test_nothing_stands_on_two_lists(staff: Staff) -> None:
    """While the first is open; whoever lists it anew may."""
    record, other = staff.imported("客户甲"), due(staff, "客户乙")
    disposal = staff.listed(record)
    assert refused(staff, other, record) == "ON_ANOTHER_LIST"
    lister, deeds = staff.actor("lister"), staff.retention.disposals
    both = [record.id, other.id]
    anew = deeds.list_due(lister, both, owner=staff.people["head"], relist=disposal.id)
    assert len(listing(anew).items) == 2
    withdrawn(staff, anew)
    assert staff.listed(record).state == "listed"


def test_it_says_the_same_after_a_restart(staff: Staff) -> None:
    """A shelf that has read nothing yet, and the view built anew."""
    record = due(staff)
    withdrawn(staff, staff.reviewed(staff.listed(record), item_1="hold"))
    before = line(staff, record)
    staff.world.archive.views.rebuild()
    assert line(staff, record) == before
    fresh = staff.open_retention().shelf
    assert codes(fresh.assess(record.id).assessment) == ["HOLD_ASKED"]
    assert fresh.on_lists() == {}
