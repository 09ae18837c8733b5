"""Everything that must be impossible (RETENTION.md 7, 9 C and D), tried on a whole archive."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from archive.destruction import NotDisposedError
from archive.ledger import new_id
from archive.opening import Options
from archive.store import StoreError
from archive.views.search import Scope
from domain import disposals
from domain.commands import Actor, Correct, Dispose, File, Open
from domain.errors import DomainError
from domain.record import Record
from retention.certificate import certificate
from retention.due import DueView
from retention.errors import DisposalRefusedError
from retention.imports import file_imported
from tests.archive.acting import TRUSTED, Acting
from tests.retention.people import Staff
from tests.worlds import Clock, World

SITE = ZoneInfo("Asia/Shanghai")
FILED = datetime(2023, 3, 15, 10, tzinfo=SITE)
"""R01: filed then, its last day is 2026-03-15, a Sunday."""
DUE = datetime(2026, 3, 16, 9, tzinfo=SITE)


@pytest.fixture
def staff(store_name: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Staff]:
    """The people of a disposal, on the day on which R01 is filed; on each store."""
    database = request.getfixturevalue("postgres_dsn") if store_name == "postgres" else None
    clock = Clock(FILED.astimezone(UTC) - timedelta(hours=1))
    options = Options(data=tmp_path / "data", clock=clock, database=database, views=(DueView,))
    world = World(options, clock)
    made = Staff(world)
    at(made, FILED)
    yield made
    world.close()


def world_of(staff: Staff) -> World:
    assert isinstance(staff.world, World)
    return staff.world


def at(staff: Staff, moment: datetime) -> None:
    world_of(staff).clock.moment = moment.astimezone(UTC)


def day(year: int, month: int, of: int, hour: int = 9) -> datetime:
    return datetime(year, month, of, hour, tzinfo=SITE)


def filed(staff: Staff, *marks: str, **changes: Any) -> Record:
    """A complaint that was withdrawn, and filed now."""
    acting = Acting(staff.world.archive)
    record = acting.complaint(**changes)
    acting.take(record, "withdraw", why="customer", reason="撤回")
    return acting.do(replace(acting.filing(record), marks=tuple(marks)))


def refused(code: str, act: Callable[[], object]) -> None:
    with pytest.raises(DomainError) as error:
        act()
    assert error.value.code == code


def noted(staff: Staff) -> list[str]:
    return [row["code"] for row in staff.retention.journal.entries()]


def whole(staff: Staff, *records: Record) -> None:
    """Nothing of them was lost, and the archive says so."""
    for record in records:
        found = staff.world.archive.ledger.get(record.id)
        assert found.readable
        assert found.disposal is None
        assert found.entries[0].values["customer"]


def approved(staff: Staff, *records: Record) -> Record:
    return staff.approved(staff.reviewed(staff.listed(*records)))


def started(staff: Staff, *records: Record) -> Record:
    disposal = approved(staff, *records)
    staff.world.clock.turn(days=7)
    return staff.retention.disposals.start(staff.actor("lister"), disposal.id)


def codes(disposal: Record) -> list[str | None]:
    """Per item None where it was destroyed, or the code of its exception."""
    assert disposal.state == "certified"
    return [found.code for found in disposals.results(disposal).values()]


def hold(staff: Staff, *records: Record, where: dict[str, str] | None = None) -> Record:
    said: dict[str, Any] = {"matter": "诉讼", "authority": "法院", "reason": "应诉"}
    said["custodian"] = staff.people["legal"]
    if records:
        said["records"] = [{"record": r.id} for r in records]
    if where:
        said["where"] = [{"what": k, "value": v} for k, v in where.items()]
    return staff.as_("legal").open("legal-hold", "place", **said)


def released(staff: Staff, held: Record) -> None:
    staff.as_("legal").take(held, "request-release", reason="结案")
    staff.as_("gm").take(held, "release", reason="结案")


def dispose(staff: Staff, record: Record, warrant: Record, by: Actor = TRUSTED) -> None:
    """The deed itself, past everything that asks first."""
    now = staff.world.clock()
    staff.world.archive.ledger.execute(
        Dispose(
            event_id=new_id(), record_id=record.id, actor=by, occurred_at=now, received_at=now,
            warrant=warrant.id, item="1",
        )
    )  # fmt: skip


# ---------------------------------------------------------------- rules: R38, R39, 7.2

RULE: dict[str, Any] = {
    "title_zh": "规则", "title_en": "rule", "scope": "any", "medium": "electronic",
    "authority": "company", "citation": "QP-11", "trigger": "filed", "cut_off": "anniversary",
    "action": "destroy", "floor": True, "classes": ["communication", "product", "audit"],
}  # fmt: skip


def rule_of(staff: Staff, name: str) -> Record:
    archive = staff.world.archive
    records = {r.record_id for r in archive.store.leaves(0) if "retention-rule/" in r.topic}
    found = (archive.ledger.get(r) for r in records)
    return next(r for r in found if r.answer("ship.rule_id") == name)


def revise(staff: Staff, name: str, **said: Any) -> Record:
    """By the records officer; in force once quality manager and general manager approve."""
    revised = staff.as_("officer").take(rule_of(staff, name), "revise", **RULE, **said)
    today = {"today": world_of(staff).clock().astimezone(SITE).date().isoformat()}
    for short, step in (("quality", "approve-first"), ("gm", "approve-second")):
        revised = staff.as_(short).take(revised, step, **_asked(revised, step, today))
    return revised


def _asked(record: Record, step: str, said: dict[str, Any]) -> dict[str, Any]:
    found = record.kind.step(step)
    assert found is not None
    names = {field.id for field in found.form.fields}
    return {name: value for name, value in said.items() if name in names}


def last_day(staff: Staff, record: Record) -> date | None:
    return staff.retention.shelf.assess(record.id).assessment.last_day


def test_r38_a_longer_rule_holds_at_once(staff: Staff) -> None:
    """3 years become 5: what is living is kept 5."""
    record = filed(staff)
    assert last_day(staff, record) == date(2026, 3, 15)
    at(staff, day(2024, 12, 2))
    revise(staff, "RR-03", period="P5Y", effective_from="2025-01-01")
    assert last_day(staff, record) == date(2028, 3, 15)
    at(staff, DUE)
    refused("NOT_DUE", lambda: staff.listed(record))
    assert noted(staff) == ["NOT_DUE"]


def test_r39_a_shorter_rule_holds_for_what_is_filed_later(staff: Staff) -> None:
    """3 years become 2: what was filed before keeps its 3."""
    record = filed(staff)
    at(staff, day(2024, 12, 2))
    revise(staff, "RR-03", period="P2Y", effective_from="2025-01-01")
    at(staff, day(2025, 2, 1))
    later = filed(staff)
    assert last_day(staff, record) == date(2026, 3, 15)
    assert last_day(staff, later) == date(2027, 2, 1)


def test_a_rule_that_waits_for_its_second_approval_changes_nothing(staff: Staff) -> None:
    """Also a longer one, and one person cannot give both approvals."""
    record = filed(staff)
    rule = rule_of(staff, "RR-03")
    said = {**RULE, "period": "P1Y", "effective_from": "2023-01-01"}
    refused("not-entitled", lambda: staff.as_("admin").take(rule, "revise", **said))
    revised = staff.as_("officer").take(rule, "revise", **said)
    today = {"today": "2023-03-15"}

    def approve(short: str, rule: Record, step: str) -> Record:
        return staff.as_(short).take(rule, step, **_asked(rule, step, today))

    for short, code in (("officer", "SEPARATION"), ("admin", "not-entitled")):
        refused(code, partial(approve, short, revised, "approve-first"))
    once = approve("gm", revised, "approve-first")
    for short in ("gm", "officer"):
        refused("SEPARATION", partial(approve, short, once, "approve-second"))
    assert last_day(staff, record) == date(2026, 3, 15)


def test_no_floor_is_shortened_and_no_rule_edited(staff: Staff) -> None:
    """Not by a rule in force that is corrected, not by a correction of the record, by nobody."""
    record = filed(staff, "design", part="A-1")
    rule = rule_of(staff, "RR-03")
    for by in (TRUSTED, staff.actor("admin"), staff.actor("officer")):
        acting = Acting(staff.world.archive, by)
        header = acting.header(rule.id)
        command = Correct(**header, target=1, values={"period": "P1Y"}, reason="写错了")
        with pytest.raises(DomainError):
            acting.do(command)
    mended = staff.as_("officer").open(
        "retention-correction", "correct", record=record.id, marks=["design"], reason="误标"
    )
    for short, code in (("officer", "not-entitled"), ("admin", "not-entitled")):
        refused(code, lambda: staff.as_(short).take(mended, "approve"))  # noqa: B023
    staff.as_("quality").take(mended, "approve")
    assert last_day(staff, record) == date(2026, 3, 15)  # RR-05 is gone, RR-03 is a floor


# ---------------------------------------------------------------- before its day: R40, R41, 7.1


def test_r40_nobody_disposes_a_second_too_early(staff: Staff) -> None:
    """At 23:59:59 of the last day: not by a list, not by the deed, not by destruction itself."""
    record = filed(staff)
    at(staff, day(2026, 3, 15).replace(hour=23, minute=59, second=59))
    refused("NOT_DUE", lambda: staff.listed(record))
    refused("SEPARATION", lambda: staff.listed(record, by="admin"))
    refused("not-entitled", lambda: dispose(staff, record, record, staff.actor("admin")))
    refused("NO_APPROVED_BATCH", lambda: dispose(staff, record, record))
    with pytest.raises(NotDisposedError):
        staff.world.archive.destruction.destroy([record.id])
    asked = ["NOT_DUE", "SEPARATION", "not-entitled", "NO_APPROVED_BATCH", "NO_APPROVED_BATCH"]
    assert noted(staff) == asked
    whole(staff, record)


def test_r40_the_deed_itself_asks_for_the_day(staff: Staff) -> None:
    """A list that was forged in the archive's own name, before or after it: nothing is due."""
    due = filed(staff)
    at(staff, day(2024, 1, 1))
    record = filed(staff)
    at(staff, DUE)
    row = {**staff.listed(due).entries[0].values["items"][0]}
    row |= {"record": record.id, "head": record.head, "version": record.version}
    for claimed, last in (("2027-01-01", "2027-01-01"), ("2020-01-01", "2023-01-01")):
        forged = _forged(staff, [row | {"base_date": claimed, "last_day": last}])
        refused("NOT_DUE", lambda: dispose(staff, record, forged))  # noqa: B023
        assert codes(staff.retention.disposals.execute(forged.id)) == ["NOT_DUE"]
    whole(staff, record, due)


def _forged(staff: Staff, rows: Sequence[dict[str, Any]]) -> Record:
    acting = Acting(staff.world.archive)
    disposal = acting.do(
        Open(
            **acting.header(new_id()),
            kind="disposal",
            step="list",
            values={
                "medium": "electronic", "list_hash": disposals.list_hash(rows),
                "items": list(rows), "owners": [staff.people["head"]], "barred": [],
                "time_status": "proven",
            },
        )
    )  # fmt: skip
    disposal = staff.approved(staff.reviewed(disposal))
    return acting.take(disposal, "start", today="2026-03-16", time_status="proven")


def test_r41_on_its_day_it_still_takes_two_approvals(staff: Staff) -> None:
    """At 00:00 of the next day it can be listed; without approvals nothing begins or goes."""
    record = filed(staff)
    at(staff, day(2026, 3, 16, 0))
    refused("NO_APPROVED_BATCH", lambda: dispose(staff, record, record))
    deeds, lister = staff.retention.disposals, staff.actor("lister")
    listed = staff.listed(record)
    once = _approve(staff, staff.reviewed(listed), "officer", "approve-first")
    for stage in (listed, once):
        refused("NO_APPROVED_BATCH", partial(deeds.start, lister, stage.id))
        refused("NO_APPROVED_BATCH", partial(deeds.execute, stage.id))
        refused("NO_APPROVED_BATCH", partial(dispose, staff, record, stage))
    twice = _approve(staff, once, "quality", "approve-second")
    refused("NO_APPROVED_BATCH", lambda: dispose(staff, record, twice))  # not started
    refused("NO_APPROVED_BATCH", lambda: deeds.execute(twice.id))
    whole(staff, record)


def _approve(staff: Staff, disposal: Record, short: str, step: str, **said: Any) -> Record:
    listing = disposals.listing(disposal)
    today = world_of(staff).clock().astimezone(SITE).date().isoformat()
    values = {"list_hash": listing.list_hash, "today": today, **said}
    return staff.as_(short).take(disposal, step, **values)


def test_after_the_second_approval_seven_days_pass(staff: Staff) -> None:
    """Cool-off: on the sixth day it is refused, on the seventh it begins."""
    record = filed(staff)
    at(staff, DUE)
    disposal = approved(staff, record)
    deeds, lister = staff.retention.disposals, staff.actor("lister")
    at(staff, day(2026, 3, 22, 23))
    refused("COOL_OFF", lambda: deeds.start(lister, disposal.id))
    at(staff, day(2026, 3, 23, 0))
    assert deeds.start(lister, disposal.id).state == "executing"
    assert noted(staff) == ["COOL_OFF"]


# ---------------------------------------------------------------- time: R42, R43, 8


def test_r42_a_clock_set_forward_makes_nothing_due(staff: Staff) -> None:
    """To 2030 at once, or two days at a time with a checkpoint each: TIME_NOT_PROVEN."""
    world = world_of(staff)
    record = filed(staff)
    world.with_authority()
    staff.reopened(world.archive)
    world.archive.timestamps.stamp_all()
    for _ in range(40):
        world.clock.turn(days=30)
        world.archive.log.checkpoint()
        world.archive.timestamps.stamp_all()
    refused("TIME_NOT_PROVEN", lambda: staff.listed(record))
    at(staff, day(2030, 1, 1))
    refused("TIME_NOT_PROVEN", lambda: staff.listed(record))
    assert noted(staff) == ["TIME_NOT_PROVEN"] * 2
    whole(staff, record)


def test_r42_a_clock_that_jumps_amid_a_disposal_stops_it(staff: Staff) -> None:
    """Started in proven time; what the clock says since then is not: nothing goes until it is."""
    world = world_of(staff)
    record = filed(staff)
    world.with_authority()
    staff.reopened(world.archive)
    world.let_pass(days=1097)
    disposal = approved(staff, record)
    deeds, lister = staff.retention.disposals, staff.actor("lister")
    world.clock.turn(days=7)  # nobody else's
    refused("TIME_NOT_PROVEN", lambda: deeds.start(lister, disposal.id))
    assert world.authority is not None
    world.authority.clock.turn(days=7)
    world.archive.timestamps.stamp_all()
    deeds.start(lister, disposal.id)
    world.clock.turn(days=7)
    refused("TIME_NOT_PROVEN", lambda: deeds.execute(disposal.id))
    whole(staff, record)
    world.authority.clock.turn(days=7)
    world.archive.timestamps.stamp_all()
    certified = deeds.execute(disposal.id)
    assert codes(certified) == [None]
    assert certificate(world.archive, certified.id).time_status == "proven"


def test_r43_a_clock_set_back_freezes_retention(staff: Staff) -> None:
    """Nothing is listed, begun or executed while the clock is before the last event."""
    record = filed(staff)
    at(staff, DUE)
    other, disposal = filed(staff), approved(staff, record)
    staff.world.clock.turn(days=7)
    deeds, lister = staff.retention.disposals, staff.actor("lister")
    deeds.start(lister, disposal.id)
    at(staff, day(2026, 3, 17))
    for deed in (partial(staff.listed, other), partial(deeds.execute, disposal.id)):
        refused("CLOCK_BEHIND", deed)
    assert noted(staff) == ["CLOCK_BEHIND"] * 2
    whole(staff, record, other)
    at(staff, day(2026, 3, 24))
    assert codes(deeds.execute(disposal.id)) == [None]


def test_without_an_authority_two_people_attest_the_day(staff: Staff) -> None:
    """An approval that says another day than the clock begins nothing; SELF-ASSERTED is said."""
    record = filed(staff)
    at(staff, DUE)
    once = _approve(staff, staff.reviewed(staff.listed(record)), "officer", "approve-first")
    disposal = _approve(staff, once, "quality", "approve-second", today="2026-03-15")
    staff.world.clock.turn(days=7)
    start = staff.retention.disposals.start
    refused("TIME_NOT_PROVEN", lambda: start(staff.actor("lister"), disposal.id))
    again = staff.retention.disposals.list_due(
        staff.actor("lister"), [record.id], owner=staff.people["head"], relist=disposal.id
    )
    certified = staff.executed(_both(staff, staff.reviewed(again)))
    assert certificate(staff.world.archive, certified.id).time_status == "self-asserted"


def _both(staff: Staff, disposal: Record) -> Record:
    once = _approve(staff, disposal, "officer", "approve-first")
    return _approve(staff, once, "quality", "approve-second")


# ---------------------------------------------------------------- separation: R44, 7.3


def test_r44_lister_and_approvers_are_three_and_no_administrator(staff: Staff) -> None:
    """Whoever has all roles lists, and can do nothing more; administrators can do nothing."""
    record = filed(staff)
    everything = ["records-officer", "quality-manager"]
    all_of = Acting(staff.world.archive).open(
        "person", "register", name="全能", department=staff.departments["adm"], roles=everything
    )
    root = Acting(staff.world.archive).open(
        "person", "register", name="超管", department=staff.departments["adm"],
        roles=[*everything, "administrator"],
    )  # fmt: skip
    staff.people |= {"all": all_of.id, "root": root.id}
    at(staff, DUE)
    deeds = staff.retention.disposals
    for short in ("root", "admin", "quality", "clerk"):
        refused("SEPARATION", lambda: staff.listed(record, by=short))  # noqa: B023
    disposal = staff.reviewed(staff.listed(record, by="all"))
    for short in ("all", "root"):
        refused("SEPARATION", lambda: _approve(staff, disposal, short, "approve-first"))  # noqa: B023
    for short in ("admin", "lister", "quality", "head"):
        refused("not-entitled", lambda: _approve(staff, disposal, short, "approve-first"))  # noqa: B023
    once = _approve(staff, disposal, "officer", "approve-first")
    for short in ("all", "root"):
        refused("SEPARATION", lambda: _approve(staff, once, short, "approve-second"))  # noqa: B023
    twice = _approve(staff, once, "quality", "approve-second")
    staff.world.clock.turn(days=7)
    for short in ("quality", "root", "admin", "clerk"):
        refused("SEPARATION", lambda: deeds.start(staff.actor(short), twice.id))  # noqa: B023
    assert noted(staff) == ["SEPARATION"] * 6 + ["not-entitled"] * 4 + ["SEPARATION"] * 6
    whole(staff, record)


def test_r44_who_approved_first_cannot_approve_again(staff: Staff) -> None:
    """Also with both roles."""
    record = filed(staff)
    both = Acting(staff.world.archive).open(
        "person", "register", name="兼任", department=staff.departments["cs"],
        roles=["records-officer", "quality-manager"],
    )  # fmt: skip
    staff.people["both"] = both.id
    at(staff, DUE)
    once = _approve(staff, staff.reviewed(staff.listed(record)), "both", "approve-first")
    refused("SEPARATION", lambda: _approve(staff, once, "both", "approve-second"))
    assert _approve(staff, once, "quality", "approve-second").state == "approved"


def test_the_approver_who_starts_it_is_not_the_second(staff: Staff) -> None:
    """Neither as themselves nor in another's name."""
    record = filed(staff)
    both = Acting(staff.world.archive).open(
        "person", "register", name="兼任", department=staff.departments["adm"],
        roles=["quality-manager"],
    )  # fmt: skip
    staff.people["both"] = both.id
    at(staff, DUE)
    once = _approve(staff, staff.reviewed(staff.listed(record)), "officer", "approve-first")
    twice = _approve(staff, once, "both", "approve-second")
    staff.world.clock.turn(days=7)
    start = staff.retention.disposals.start
    refused("SEPARATION", lambda: start(staff.actor("both"), twice.id))
    in_name = Actor(staff.people["lister"], behalf=staff.people["both"])
    refused("SEPARATION", lambda: start(in_name, twice.id))
    assert start(staff.actor("officer"), twice.id).state == "executing"


def test_nobody_approves_the_disposal_of_their_own_complaint(staff: Staff) -> None:
    """Whoever took a step of a listed record is barred from approving the list."""
    acting = Acting(staff.world.archive)
    record = acting.complaint()
    Acting(staff.world.archive, Actor(staff.people["quality"], trusted=True)).take(
        record, "withdraw", why="customer", reason="撤回"
    )
    acting.file(record)
    at(staff, DUE)
    once = _approve(staff, staff.reviewed(staff.listed(record)), "officer", "approve-first")
    refused("SEPARATION", lambda: _approve(staff, once, "quality", "approve-second"))
    whole(staff, record)


def test_only_the_owner_reviews(staff: Staff) -> None:
    """A review by somebody else is refused, and an unreviewed list cannot be approved."""
    record, other = filed(staff), filed(staff)
    at(staff, DUE)
    disposal = staff.listed(record, other)
    rows = [{"item": "1", "outcome": "destroy"}]
    for short in ("lister", "officer", "admin"):
        acting = staff.as_(short)
        refused("not-entitled", lambda: acting.take(disposal, "review", items=rows))  # noqa: B023
    refused("guard", lambda: _approve(staff, disposal, "officer", "approve-first"))
    half = staff.as_("head").take(disposal, "review", items=rows)
    refused("guard", lambda: _approve(staff, half, "officer", "approve-first"))


# ---------------------------------------------------------------- lists: R45, R46, R53


def test_r45_a_list_said_anew_voids_its_approvals(staff: Staff) -> None:
    """Reviews and approvals of the list before count for nothing, and its hash is refused."""
    record, other = filed(staff), filed(staff)
    at(staff, DUE)
    disposal = staff.listed(record)
    before = disposals.listing(disposal).list_hash
    _approve(staff, staff.reviewed(disposal), "officer", "approve-first")
    deeds, lister = staff.retention.disposals, staff.actor("lister")
    anew = deeds.list_due(
        lister, [record.id, other.id], owner=staff.people["head"], relist=disposal.id
    )
    assert (anew.state, disposals.approvals(anew)) == ("listed", ())
    with pytest.raises(DomainError):
        _approve(staff, anew, "quality", "approve-second")
    reviewed = staff.reviewed(anew)
    refused(
        "guard", lambda: _approve(staff, reviewed, "officer", "approve-first", list_hash=before)
    )
    twice = _both(staff, reviewed)
    anew = deeds.list_due(lister, [other.id], owner=staff.people["head"], relist=disposal.id)
    staff.world.clock.turn(days=7)
    refused("NO_APPROVED_BATCH", lambda: deeds.start(lister, twice.id))
    whole(staff, record, other)


def test_r45_a_record_that_changes_after_the_approvals_drops_out(staff: Staff) -> None:
    """Reopened and filed anew: its years begin again, and the other goes."""
    record, other = filed(staff), filed(staff)
    at(staff, DUE)
    disposal = started(staff, record, other)
    acting = Acting(staff.world.archive)
    again = acting.take(acting.reopen(record), "withdraw", why="customer", reason="撤回")
    acting.file(again)
    assert codes(staff.retention.disposals.execute(disposal.id)) == ["NOT_DUE", None]
    whole(staff, record)


def test_r46_approvals_lapse_after_ninety_days(staff: Staff) -> None:
    """Approved on 20 March, asked on 30 September; and begun in time, but not gone on with."""
    record, other = filed(staff), filed(staff)
    at(staff, day(2026, 3, 20))
    disposal, begun = approved(staff, record), approved(staff, other)
    deeds, lister = staff.retention.disposals, staff.actor("lister")
    at(staff, day(2026, 6, 18))
    deeds.start(lister, begun.id)
    at(staff, day(2026, 9, 30))
    refused("APPROVAL_LAPSED", lambda: deeds.start(lister, disposal.id))
    assert codes(deeds.execute(begun.id)) == ["APPROVAL_LAPSED"]
    assert noted(staff) == ["APPROVAL_LAPSED"]
    whole(staff, record, other)


def test_r53_on_a_saturday_it_is_put_off_until_monday(staff: Staff) -> None:
    """Neither begun nor gone on with; the journal says that it was put off."""
    record, other = filed(staff), filed(staff)
    at(staff, day(2026, 3, 16))
    disposal, begun = approved(staff, record), approved(staff, other)
    deeds, lister = staff.retention.disposals, staff.actor("lister")
    at(staff, day(2026, 3, 27))
    deeds.start(lister, begun.id)
    at(staff, day(2026, 3, 28))  # a Saturday
    for deed in (partial(deeds.start, lister, disposal.id), partial(deeds.execute, begun.id)):
        with pytest.raises(DisposalRefusedError, match="2026-03-30") as error:
            deed()
        assert error.value.code == "NOT_A_WORKING_DAY"
    assert {row["what"] for row in staff.retention.journal.entries()} == {"deferred"}
    whole(staff, record, other)
    at(staff, day(2026, 3, 30))
    assert codes(deeds.execute(begun.id)) == [None]


# ---------------------------------------------------------------- holds: R27 to R30, 5


STAGES: dict[str, Callable[[Staff, Record], Record]] = {
    "listed": lambda staff, record: staff.listed(record),
    "reviewed": lambda staff, record: staff.reviewed(staff.listed(record)),
    "approved once": lambda staff, record: _approve(
        staff, staff.reviewed(staff.listed(record)), "officer", "approve-first"
    ),
    "approved": approved,
    "started": started,
}


@pytest.mark.parametrize("stage", STAGES)
def test_r30_a_hold_wins_at_every_stage(staff: Staff, stage: str) -> None:
    """The rest of the way is gone all the same, and the item is an exception on the certificate."""
    record, other = filed(staff), filed(staff)
    at(staff, day(2026, 3, 25))
    disposal = STAGES[stage](staff, record)
    hold(staff, record)
    refused("HELD", lambda: staff.listed(record))
    if disposal.state == "listed" and not disposals.reviews(disposal):
        disposal = staff.reviewed(disposal)
    if disposal.state == "listed":
        disposal = _approve(staff, disposal, "officer", "approve-first")
    if disposal.state == "approved-once":
        disposal = _approve(staff, disposal, "quality", "approve-second")
    deeds = staff.retention.disposals
    if disposal.state == "approved":
        at(staff, day(2026, 4, 2))
        deeds.start(staff.actor("lister"), disposal.id)
    certified = deeds.execute(disposal.id)
    assert codes(certified) == ["HELD"]
    found = certificate(staff.world.archive, certified.id)
    assert [line.code for line in found.exceptions] == ["HELD"]
    whole(staff, record, other)


def test_a_hold_by_query_covers_what_is_opened_later(staff: Staff) -> None:
    """And nothing else; names are compared as people mean them."""
    hold(staff, where={"customer": "华东精工"})
    held, free = filed(staff, customer=" 华东精工 "), filed(staff, customer="科技公司")
    at(staff, DUE)
    refused("HELD", lambda: staff.listed(held))
    assert codes(staff.disposed(free)) == [None]
    whole(staff, held)


def test_a_hold_placed_between_two_items_wins(
    staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything was asked and answered; in the moment before the commit the hold is placed."""
    records = [filed(staff) for _ in range(3)]
    at(staff, DUE)
    disposal = started(staff, *records)
    held = staff.world.archive.ledger.get(disposals.listing(disposal).items["2"].record)
    ledger, asked = staff.world.archive.ledger, staff.world.archive.ledger.execute_many
    placed: list[Record] = []

    def late(commands: Any) -> Any:
        if not placed:
            placed.append(hold(staff, held))
        return asked(commands)

    monkeypatch.setattr(ledger, "execute_many", late)
    certified = staff.retention.disposals.execute(disposal.id)
    assert codes(certified) == [None, "HELD", None]
    whole(staff, held)


def test_a_hold_is_not_released_by_whoever_asked(staff: Staff) -> None:
    """It takes a second person, who is no administrator."""
    held = hold(staff, filed(staff))
    for short in ("clerk", "admin"):
        acting = staff.as_(short)
        refused("not-entitled", lambda: acting.take(held, "request-release", reason="结案"))  # noqa: B023
    asked = staff.as_("legal").take(held, "request-release", reason="结案")
    refused("SEPARATION", lambda: staff.as_("legal").take(asked, "release", reason="结案"))
    refused("not-entitled", lambda: staff.as_("admin").take(asked, "release", reason="结案"))
    for by in (TRUSTED, staff.actor("legal")):
        acting = Acting(staff.world.archive, by)
        said = Correct(**acting.header(held.id), target=1, values={"records": []}, reason="写错了")
        with pytest.raises(DomainError):
            acting.do(said)
    assert staff.as_("gm").take(asked, "release", reason="结案").state == "released"


def test_r27_thirty_days_pass_after_a_release(staff: Staff) -> None:
    """Held until 20 May: the cool-off ends on 19 June."""
    record = filed(staff)
    at(staff, day(2026, 2, 1))
    held = hold(staff, record)
    at(staff, day(2026, 5, 20))
    refused("HELD", lambda: staff.listed(record))
    released(staff, held)
    at(staff, day(2026, 6, 19, 23))
    refused("NOT_DUE", lambda: staff.listed(record))
    at(staff, day(2026, 6, 20))
    assert staff.listed(record).state == "listed"
    assert noted(staff) == ["HELD", "NOT_DUE"]


def test_what_was_reported_held_does_not_go_by_the_same_list(staff: Staff) -> None:
    """Cut off between results and certificate; then the hold ends: the certificate stays true."""
    record = filed(staff)
    at(staff, DUE)
    disposal = started(staff, record)
    held = hold(staff, record)
    Acting(staff.world.archive).take(
        disposal, "results", items=[{"item": "1", "result": "exception", "code": "HELD"}]
    )
    released(staff, held)
    staff.world.clock.turn(days=35)
    assert staff.retention.disposals.resume() == [disposal.id]
    assert codes(staff.world.archive.ledger.get(disposal.id)) == ["HELD"]
    whole(staff, record)


# ---------------------------------------------------------------- groups: R33, R34, 7.4


def bound(staff: Staff) -> tuple[Record, Record]:
    """A dossier and what lies in it."""
    acting, inside, dossier = Acting(staff.world.archive), filed(staff), opened_dossier(staff)
    acting.link(dossier, "contains", inside)
    return acting.file(dossier), acting.archive.ledger.get(inside.id)


def opened_dossier(staff: Staff) -> Record:
    acting = Acting(staff.world.archive)
    return acting.do(
        Open(
            **acting.header(acting.archive.keys.new_record()[0]),
            kind="dossier",
            step="open",
            values={"project": "新品推广"},
            provenance={"system": "erp", "id": new_id()},
        )
    )


def test_a_group_goes_as_one(staff: Staff) -> None:
    """Listing one lists all; when the reviewer keeps one, all stay; else all go at once."""
    dossier, inside = bound(staff)
    at(staff, DUE)
    disposal = staff.listed(inside)
    assert {i.record for i in disposals.listing(disposal).items.values()} == {dossier.id, inside.id}
    kept = staff.executed(staff.approved(staff.reviewed(disposal, item_1="keep")))
    assert sorted(map(str, codes(kept))) == ["BOUND", "KEPT"]
    whole(staff, inside)
    with pytest.raises(DisposalRefusedError, match="keeps it until"):
        staff.listed(dossier)
    taken_away(staff, dossier, inside)
    assert codes(staff.disposed(dossier)) == [None, None]


def taken_away(staff: Staff, *records: Record) -> None:
    """What a reviewer reserved, by two people."""
    for record in records:
        asked = staff.as_("officer").open(
            "retention-correction", "correct", record=record.id, reason="误填",
            outcomes=["keep", "transfer", "hold"],
        )  # fmt: skip
        staff.as_("quality").take(asked, "approve")


def test_a_partner_that_is_reopened_blocks_all(staff: Staff) -> None:
    """Between list and execution: the one is not filed, the other is bound to it."""
    dossier, inside = bound(staff)
    at(staff, DUE)
    disposal = started(staff, inside)
    Acting(staff.world.archive).reopen(dossier)
    certified = staff.retention.disposals.execute(disposal.id)
    found = {i.record: disposals.results(certified)[i.item].code for i in _items(certified)}
    assert found == {dossier.id: "UNFILED", inside.id: "BOUND"}
    with pytest.raises(DisposalRefusedError) as error:
        staff.listed(inside)
    assert error.value.code in ("BOUND", "UNFILED")  # whichever of the two is asked first
    whole(staff, inside)


def _items(disposal: Record) -> Sequence[disposals.Item]:
    return list(disposals.listing(disposal).items.values())


def test_a_partner_that_came_after_the_list_was_reviewed_by_nobody(staff: Staff) -> None:
    """An old dossier is imported and takes in a listed record; by the day of the execution both
    are due, and still the record does not go without it."""
    record = filed(staff)
    at(staff, DUE)
    disposal = approved(staff, record)
    dossier = opened_dossier(staff)
    Acting(staff.world.archive).link(dossier, "contains", record)
    said = staff.as_("officer").take(claim(staff, dossier), "approve-first")
    said = staff.as_("quality").take(said, "approve-second")
    archive, journal = staff.world.archive, staff.retention.journal
    list(file_imported(archive, journal, staff.actor("lister"), [dossier.id], claim=said.id))
    at(staff, day(2026, 4, 20))
    assert staff.retention.shelf.assess(record.id).assessment.due(date(2026, 4, 20))
    deeds = staff.retention.disposals
    deeds.start(staff.actor("lister"), disposal.id)
    assert codes(deeds.execute(disposal.id)) == ["CHANGED"]
    whole(staff, record)
    anew = staff.executed(_both(staff, staff.reviewed(staff.listed(record))))
    assert codes(anew) == [None, None]


# ---------------------------------------------------------------- what blocks: 7.4


def test_what_is_pending_unfiled_or_without_a_rule_is_not_listed(staff: Staff) -> None:
    """Each with its code, each in the journal."""
    pending = filed(staff, "design", part="A-1")
    open_one = Acting(staff.world.archive).complaint()
    at(staff, day(2040, 3, 15))
    refused("PENDING", lambda: staff.listed(pending))
    refused("UNFILED", lambda: staff.listed(open_one))
    refused("PERMANENT", lambda: staff.listed(rule_of(staff, "RR-03")))
    assert noted(staff) == ["PENDING", "UNFILED", "PERMANENT"]


def test_a_broken_history_blocks(staff: Staff) -> None:
    """An event whose bytes were changed on the disk: CHAIN_BROKEN, and the other goes."""
    record, other = filed(staff), filed(staff)
    at(staff, DUE)
    disposal = started(staff, record, other)
    break_history(staff, record)
    staff.reopened(world_of(staff).reopen())
    refused("CHAIN_BROKEN", lambda: staff.listed(record))
    certified = staff.retention.disposals.execute(disposal.id)
    found = {i.record: disposals.results(certified)[i.item].code for i in _items(certified)}
    assert found == {record.id: "CHAIN_BROKEN", other.id: None}
    assert staff.world.archive.keys.get(record.id)


def break_history(staff: Staff, record: Record) -> None:
    """By whoever owns the disk: a byte of the second event's ciphertext is another."""
    store: Any = staff.world.archive.store
    (row,) = [r for r in store.record(record.id) if r.version == 2]
    slot = row.leaf_index * 1024
    with store._writing() as run:  # noqa: SLF001 - what no interface allows
        for drop in DROPS[type(store).__name__]:
            run(drop)
        run("UPDATE content SET ciphertext = ? WHERE slot = ?", (b"\0" * 300, slot))


DROPS = {
    "SQLiteStore": ("DROP TRIGGER content_keep",),
    "PostgresStore": ("ALTER TABLE content DISABLE TRIGGER USER",),
}


# ---------------------------------------------------------------- locked, and after: R47 to R49


def test_r47_one_of_fifty_is_locked(staff: Staff) -> None:
    """49 are certified and one is an exception, its key gone; a retry adds one supplement."""
    archive = staff.world.archive
    records = [filed(staff, customer=f"客户{n}") for n in range(50)]
    at(staff, DUE)
    disposal = started(staff, *records)
    unlock = lock(staff, records[7])
    certified = staff.retention.disposals.execute(disposal.id)
    found = certificate(archive, certified.id)
    assert (found.destroyed, [line.code for line in found.exceptions]) == (49, ["LOCKED"])
    assert found.exceptions[0].item.record == records[7].id
    assert not archive.ledger.get(records[7].id).readable  # noise without a key
    for _ in range(2):  # still locked
        again = staff.retention.disposals.execute(disposal.id)
        assert again.version == certified.version
    unlock()
    for _ in range(2):
        supplemented = staff.retention.disposals.execute(disposal.id)
        steps = [e.step for e in supplemented.entries]
        assert (steps.count("certify"), steps.count("supplement")) == (1, 1)
    assert certificate(archive, disposal.id).destroyed == 50
    assert archive.destruction.remaining([r.id for r in records]) == set()


def lock(staff: Staff, record: Record) -> Callable[[], None]:
    """A trigger in the database refuses to delete the content of this record."""
    store: Any = staff.world.archive.store
    first = store.record(record.id)[0].leaf_index * 1024
    make, unmake = LOCKS[type(store).__name__]

    def run_all(statements: Sequence[str]) -> None:
        with store._writing() as run:  # noqa: SLF001 - what a disk would do
            for statement in statements:
                run(statement.format(first=first, end=first + 1024))

    run_all(make)
    return lambda: run_all(unmake)


LOCKS = {
    "SQLiteStore": (
        (
            "CREATE TRIGGER locked BEFORE DELETE ON content WHEN OLD.slot BETWEEN {first} AND {end}"
            " BEGIN SELECT RAISE(ABORT, 'locked'); END",
        ),
        ("DROP TRIGGER locked",),
    ),
    "PostgresStore": (
        (
            "CREATE FUNCTION locked() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN RAISE EXCEPTION ''locked''; END'",
            "CREATE TRIGGER locked BEFORE DELETE ON content FOR EACH ROW "
            "WHEN (OLD.slot BETWEEN {first} AND {end}) EXECUTE FUNCTION locked()",
        ),
        ("DROP TRIGGER locked ON content", "DROP FUNCTION locked()"),
    ),
}


def test_r48_r49_what_is_gone_is_a_tombstone(staff: Staff) -> None:
    """No search finds it, the chain verifies, its number stays its own, nothing is added to it."""
    archive = staff.world.archive
    record = filed(staff, customer="无影客户")
    at(staff, DUE)
    archive.views.catch_up()
    everything = Scope(audience=None)
    assert archive.views.search.search("无影客户", everything).hits
    disposal = staff.disposed(record)
    archive.views.catch_up()
    assert archive.views.search.search("无影客户", everything).hits == ()
    assert archive.find(str(record.number)) == record.id
    after = archive.ledger.get(record.id)
    assert after.disposal is not None
    assert after.disposal.warrant == disposal.id
    acting = Acting(archive)
    for command in (
        acting.step(record.id, "prioritise", reason="来电", priority="urgent"),
        acting.filing(record),
        Correct(**acting.header(record.id), target=1, values={"demand": "无"}, reason="写错了"),
    ):
        with pytest.raises((DomainError, StoreError), match=r"disposed|destroyed"):
            archive.ledger.execute(command)
    with pytest.raises((DomainError, StoreError), match=r"disposed|destroyed"):
        acting.reopen(after)
    refused("DISPOSED", lambda: staff.listed(after))
    assert filed(staff).number != record.number
    assert archive.check().findings == ()


def test_numbers_are_never_given_twice(staff: Staff) -> None:
    """Also where the last of a year was disposed of within the same year."""
    acting = Acting(staff.world.archive)
    record = filed(staff)
    at(staff, DUE)
    staff.disposed(record)
    given = {acting.complaint().number for _ in range(3)}
    assert record.number not in given
    assert len(given) == 3


# ---------------------------------------------------------------- imports and zones: R51, R54


def test_r51_without_evidence_an_import_counts_from_its_import(staff: Staff) -> None:
    """Whatever day it is said to have been filed on, and by whom."""
    at(staff, day(2026, 11, 22))
    record = staff.imported()
    assert last_day(staff, record) == date(2029, 11, 22)
    unfiled = imported(staff)
    for by in (staff.actor("admin"), staff.actor("officer"), TRUSTED):
        acting = Acting(staff.world.archive, by)
        header = {**acting.header(unfiled.id), "occurred_at": day(2020, 5, 1).astimezone(UTC)}
        with pytest.raises(DomainError):
            acting.do(File(**header, scope=False, base_date="2020-05-01"))
    late = Acting(staff.world.archive, TRUSTED)
    header = {**late.header(unfiled.id), "occurred_at": day(2020, 5, 1).astimezone(UTC)}
    late.do(File(**header, scope=False))
    assert last_day(staff, unfiled) == date(2029, 11, 22)


def imported(staff: Staff) -> Record:
    acting = Acting(staff.world.archive)
    opening = acting.opening("complaint", "receive", customer="科技公司", description="迟交。")
    return acting.do(replace(opening, provenance={"system": "erp", "id": new_id()}))


def claim(staff: Staff, *records: Record, by: str = "lister") -> Record:
    rows = [{"record": r.id, "date": "2020-05-01"} for r in records]
    return staff.as_(by).open(
        "base-date-claim", "claim", source="erp", evidence="归档目录扫描件", items=rows
    )


def test_r51_an_approved_claim_counts_and_still_waits_thirty_days(staff: Staff) -> None:
    """It takes two, neither of whom claimed; on the 31st day it can be listed."""
    at(staff, day(2026, 11, 22))
    record = imported(staff)
    archive, journal = staff.world.archive, staff.retention.journal

    def file(claimed: Record, by: str = "lister") -> list[str | None]:
        found = file_imported(archive, journal, staff.actor(by), [record.id], claim=claimed.id)
        return [one.base_date for one in found]

    said = claim(staff, record, by="officer")
    assert file(said) == [None]
    refused("SEPARATION", lambda: staff.as_("officer").take(said, "approve-first"))
    refused("not-entitled", lambda: staff.as_("admin").take(said, "approve-first"))
    said = claim(staff, record)
    once = staff.as_("officer").take(said, "approve-first")
    assert file(once) == [None]
    refused("not-entitled", lambda: staff.as_("officer").take(once, "approve-second"))
    twice = staff.as_("quality").take(once, "approve-second")
    refused("SEPARATION", lambda: file(twice, by="admin"))
    assert file(twice) == ["2020-05-01"]
    at(staff, day(2026, 12, 22, 23))
    refused("NOT_DUE", lambda: staff.listed(record))
    at(staff, day(2026, 12, 23))
    assert codes(staff.disposed(record)) == [None]


def test_a_filing_claimed_late_counts_from_today(staff: Staff) -> None:
    """Backdating: what happened is claimed, what counts is when it was recorded."""
    acting = Acting(staff.world.archive)
    record = acting.complaint()
    acting.take(record, "withdraw", why="customer", reason="撤回")
    at(staff, DUE)
    past = {**acting.header(record.id), "occurred_at": FILED.astimezone(UTC) + timedelta(hours=1)}
    acting.do(File(**past, scope=False))
    assert last_day(staff, record) == date(2029, 3, 16)


def test_r54_another_zone_moves_no_stored_date(staff: Staff) -> None:
    """The site moves to Berlin: base date and last day are what they were."""
    world = world_of(staff)
    record = filed(staff)
    world.options = replace(world.options, zone=ZoneInfo("Europe/Berlin"))
    staff.reopened(world.reopen())
    found = staff.retention.shelf.assess(record.id).assessment
    assert (found.base_date, found.last_day) == (date(2023, 3, 15), date(2026, 3, 15))


# ---------------------------------------------------------------- paper: R23, R52, 6


def paper(staff: Staff, record: Record, pages: int = 4, **changes: Any) -> Record:
    return staff.as_("lister").open(
        "paper-copy", "register",
        **{
            "record": record.id, "copy": 1, "location": "A-3", "pages": pages,
            "keeper": staff.people["lister"], "signed_original": False, "required_by": "none",
            **changes,
        },
    )  # fmt: skip


def compared(staff: Staff, copy: Record, pages: int = 4, *, ok: bool = True) -> Record:
    return staff.as_("lister").take(copy, "check", electronic_ok=ok, pages=pages)


def test_r52_paper_on_loan_stays(staff: Staff) -> None:
    """Until it is returned; while it lives, the electronic record stays too."""
    record = filed(staff)
    copy = compared(staff, paper(staff, record))
    at(staff, DUE)
    compared(staff, copy)
    staff.as_("lister").take(copy, "lend", to=staff.people["clerk"], due="2026-12-31")
    deeds, lister = staff.retention.disposals, staff.actor("lister")
    refused("ON_LOAN", lambda: deeds.list_paper(lister, [copy.id]))
    refused("PAPER_ALIVE", lambda: staff.listed(record))
    staff.as_("lister").take(copy, "return")
    assert deeds.list_paper(lister, [copy.id]).state == "listed"
    refused("PAPER_ALIVE", lambda: staff.listed(record))
    assert noted(staff) == ["ON_LOAN", "PAPER_ALIVE", "PAPER_ALIVE"]


def test_lost_paper_is_not_listed_and_holds_nothing_up(staff: Staff) -> None:
    """A loss report frees the electronic record; nobody destroys what nobody has."""
    record = filed(staff)
    copy = compared(staff, paper(staff, record))
    at(staff, DUE)
    staff.as_("lister").take(copy, "report-loss", reason="火灾")
    deeds = staff.retention.disposals
    refused("LOST", lambda: deeds.list_paper(staff.actor("lister"), [copy.id]))
    assert codes(staff.disposed(record)) == [None]


@pytest.mark.parametrize("check", ["never", "failed", "other pages"])
def test_r23_paper_stays_until_the_electronic_copy_passed(staff: Staff, check: str) -> None:
    """Unread, unreadable, or of another length: COPY_UNCHECKED."""
    record = filed(staff)
    copy = paper(staff, record)
    at(staff, DUE)
    if check != "never":
        compared(staff, copy, ok=check != "failed", pages=3 if check == "other pages" else 4)
    deeds, lister = staff.retention.disposals, staff.actor("lister")
    refused("COPY_UNCHECKED", lambda: deeds.list_paper(lister, [copy.id]))
    compared(staff, copy)
    assert deeds.list_paper(lister, [copy.id]).state == "listed"


def executing_paper(staff: Staff, *copies: Record) -> Record:
    deeds = staff.retention.disposals
    disposal = deeds.list_paper(staff.actor("lister"), [c.id for c in copies])
    rows = [{"item": i, "outcome": "destroy"} for i in disposals.listing(disposal).items]
    owner = next(iter(disposals.listing(disposal).owners))
    short = next(s for s, p in staff.people.items() if p == owner)
    reviewed = staff.as_(short).take(disposal, "review", items=rows)
    twice = _both(staff, reviewed)
    staff.world.clock.turn(days=7)
    return deeds.start(staff.actor("lister"), twice.id)


def test_paper_goes_with_a_witness_who_is_nobody_else(staff: Staff) -> None:
    """Destroyer, lister and approvers cannot witness; unwitnessed paper is not certified."""
    record = filed(staff)
    copy = paper(staff, record)
    at(staff, DUE)
    compared(staff, copy)
    disposal = executing_paper(staff, copy)
    deeds = staff.retention.disposals
    refused("UNWITNESSED", lambda: deeds.execute(disposal.id))
    for short in ("admin", "clerk"):
        refused(
            "SEPARATION",
            lambda: deeds.destroy_paper(staff.actor(short), disposal.id, ["1"], "P-4"),  # noqa: B023
        )
    done = deeds.destroy_paper(staff.actor("shredder"), disposal.id, ["1"], "P-4")
    for short in ("shredder", "lister", "officer"):
        refused("SEPARATION", lambda: staff.as_(short).take(done, "witness-paper"))  # noqa: B023
    refused("SEPARATION", lambda: staff.as_("admin").take(done, "witness-paper"))
    refused("UNWITNESSED", lambda: deeds.execute(disposal.id))
    staff.as_("witness").take(done, "witness-paper")
    assert codes(deeds.execute(disposal.id)) == [None]
    gone = staff.world.archive.ledger.get(copy.id)
    said = gone.said("destroy")
    assert (gone.state, said is not None) == ("destroyed", True)
    assert said is not None
    assert said.values["destroyer"] == staff.people["shredder"]
    assert said.values["witness"] == staff.people["witness"]


def test_what_is_shredded_after_the_witness_left_was_not_watched(staff: Staff) -> None:
    """The witness of the first copy shreds the second: UNWITNESSED, until a third has watched."""
    record = filed(staff)
    copies = [paper(staff, record, copy=n) for n in (1, 2)]
    at(staff, DUE)
    for copy in copies:
        compared(staff, copy)
    disposal = executing_paper(staff, *copies)
    deeds = staff.retention.disposals
    deeds.destroy_paper(staff.actor("shredder"), disposal.id, ["1"], "P-4")
    staff.as_("witness").take(disposal, "witness-paper")
    done = deeds.destroy_paper(staff.actor("witness"), disposal.id, ["2"], "P-4")
    refused("UNWITNESSED", lambda: deeds.execute(disposal.id))
    refused("SEPARATION", lambda: staff.as_("witness").take(done, "witness-paper"))
    refused("SEPARATION", lambda: staff.as_("shredder").take(done, "witness-paper"))
    staff.as_("third").take(done, "witness-paper")
    assert codes(deeds.execute(disposal.id)) == [None, None]
    found = [staff.world.archive.ledger.get(c.id).said("destroy") for c in copies]
    destroyers = [said.values["destroyer"] for said in found if said is not None]
    assert destroyers == [staff.people["shredder"], staff.people["witness"]]


def test_a_hold_keeps_the_paper_too(staff: Staff) -> None:
    """Placed after everything was approved: whoever is about to shred is told not to."""
    record = filed(staff)
    copy = paper(staff, record)
    at(staff, DUE)
    compared(staff, copy)
    disposal = executing_paper(staff, copy)
    hold(staff, record)
    deeds, shredder = staff.retention.disposals, staff.actor("shredder")
    refused("HELD", lambda: deeds.destroy_paper(shredder, disposal.id, ["1"], "P-4"))
    assert noted(staff) == ["HELD"]


# ---------------------------------------------------------------- for ever: 7.6


def test_certificates_holds_rules_and_journals_are_permanent(staff: Staff) -> None:
    """No list takes them, no destruction, no deed; and the database refuses to change the log."""
    record = filed(staff)
    at(staff, day(2026, 3, 17))
    held = hold(staff, filed(staff))
    disposal = staff.disposed(record)
    archive = staff.world.archive
    refused("NOT_DUE", lambda: staff.listed(staff.imported()))  # so that there is a journal
    (journal,) = {
        r.record_id for r in archive.store.leaves(0) if r.topic == "~retention-journal/opened"
    }
    kept = [rule_of(staff, "RR-03"), held, disposal, archive.ledger.get(journal)]
    at(staff, day(2066, 3, 17))
    for each in kept:
        refused("PERMANENT", lambda: staff.listed(each))  # noqa: B023
        with pytest.raises(NotDisposedError):
            archive.destruction.destroy([each.id])
        with pytest.raises(DomainError):
            dispose(staff, each, disposal)
        with pytest.raises(DomainError):
            Acting(archive).file(each)
    store: Any = archive.store
    for attempt in ("UPDATE events SET topic = 'x'", "DELETE FROM events"):
        with pytest.raises(StoreError), store._writing() as run:  # noqa: SLF001
            run(attempt)
    assert [archive.ledger.get(each.id).readable for each in kept] == [True] * 4


def test_what_an_operator_destroys_by_hand_is_found(staff: Staff) -> None:
    """7.8: bytes can be destroyed on one's own disk; the check says which, and that no disposal
    covers it."""
    archive = staff.world.archive
    record = filed(staff)
    archive.keys.destroy([record.id])
    report = archive.check()
    assert {finding.record for finding in report.findings} == {record.id}
