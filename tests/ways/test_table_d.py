"""RETENTION.md table D: policy, clock, people; each row by call, by HTTP and by command."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain import disposals
from domain.record import Record
from retention.certificate import certificate
from tests.retention.test_attacks import (
    LOCKS,
    RULE,
    claim,
    compared,
    imported,
    lock,
    paper,
    rule_of,
)
from tests.ways.acts import (
    Destroy,
    Dispose,
    Execute,
    File,
    FileImported,
    List,
    ListPaper,
    Mend,
    Reopen,
    Start,
    Take,
)
from tests.ways.house import DUE, SITE, House
from tests.ways.ways import WAYS, last_days, liuhen, refuses


def day(
    year: int, month: int, of: int, hour: int = 9, minute: int = 0, second: int = 0
) -> datetime:
    return datetime(year, month, of, hour, minute, second, tzinfo=SITE)


def approval(house: House, disposal: Record, step: str, **said: Any) -> Take:
    listing = disposals.listing(disposal)
    values = {"list_hash": listing.list_hash, "today": house.today().isoformat(), **said}
    return Take(disposal.id, step, values)


def revise(house: House, name: str, **said: Any) -> Record:
    """By the records officer; in force once quality manager and general manager approve."""
    revised = house.staff.as_("officer").take(rule_of(house.staff, name), "revise", **RULE, **said)
    for who, step in (("quality", "approve-first"), ("gm", "approve-second")):
        found = revised.kind.step(step)
        asked = {field.id for field in found.form.fields} if found else set()
        today = {"today": house.today().isoformat()} if "today" in asked else {}
        revised = house.staff.as_(who).take(revised, step, **today)
    return revised


# ---------------------------------------------------------------- arithmetic


def test_r38_a_longer_rule_holds_at_once(house: House) -> None:
    """3 years become 5: what is living is kept 5, as every way says."""
    record = house.filed()
    assert set(last_days(house, record.id).values()) == {"2026-03-15"}
    house.at(day(2024, 12, 2))
    revise(house, "RR-03", period="P5Y", effective_from="2025-01-01")
    house.at(DUE)
    assert set(last_days(house, record.id).values()) == {"2028-03-15"}
    refuses(house, ("lister", List((record.id,)), "NOT_DUE"))
    house.whole(record)


def test_r39_a_shorter_rule_holds_for_what_is_filed_later(house: House) -> None:
    """3 years become 2: what was filed before keeps its 3."""
    record = house.filed()
    house.at(day(2024, 12, 2))
    revise(house, "RR-03", period="P2Y", effective_from="2025-01-01")
    house.at(day(2025, 2, 1))
    later = house.filed()
    house.at(day(2026, 3, 15))
    assert set(last_days(house, record.id).values()) == {"2026-03-15"}
    assert set(last_days(house, later.id).values()) == {"2027-02-01"}
    refuses(
        house,
        ("lister", List((record.id,)), "NOT_DUE"),
        ("lister", List((later.id,)), "NOT_DUE"),
    )
    house.whole(record, later)


def test_r51_an_import_counts_from_its_import(house: House) -> None:
    """Whatever day it is said to have been filed on, until an approved claim says so."""
    house.at(day(2026, 11, 22))
    record, unfiled = house.staff.imported(), imported(house.staff)
    said = claim(house.staff, unfiled)
    once = house.staff.as_("officer").take(said, "approve-first")
    assert set(last_days(house, record.id).values()) == {"2029-11-22"}
    refuses(
        house,
        ("admin", File(unfiled.id, base_date="2020-05-01"), "step-not-allowed"),
        ("officer", File(unfiled.id, base_date="2020-05-01"), "step-not-allowed"),
        ("admin", FileImported(unfiled.id), "SEPARATION"),
        ("root", FileImported(unfiled.id, once.id), "SEPARATION"),
        ("lister", FileImported(unfiled.id, once.id), "guard"),
        ("admin", Take(once.id, "approve-second"), "not-entitled"),
        ("root", Take(once.id, "approve-second"), "SEPARATION"),
        ("lister", List((record.id,)), "NOT_DUE"),
    )
    assert house.now(unfiled).filing is None


def test_r54_another_zone_moves_no_stored_date(house: House) -> None:
    """The site moves to Berlin: the last day is what it was, and ends when Berlin's day does."""
    record = house.filed()
    house.at(day(2026, 3, 15, 23, 59, 59))
    with house.away():
        house.options = replace(house.options, zone=ZoneInfo("Europe/Berlin"))
        house.environment = {"LIUHEN_ZONE": "Europe/Berlin"}
    assert set(last_days(house, record.id).values()) == {"2026-03-15"}
    refuses(house, ("lister", List((record.id,)), "NOT_DUE"))
    house.at(day(2026, 3, 16, 6))  # still the 15th in Berlin
    refuses(house, ("lister", List((record.id,)), "NOT_DUE"))
    house.whole(record)


# ---------------------------------------------------------------- before its day


def test_r40_nobody_disposes_a_second_too_early(house: House) -> None:
    """On 15 March 2026 at 23:59:59: no list, no deed, no destruction, whoever asks."""
    record = house.filed()
    house.at(day(2026, 3, 15, 23, 59, 59))
    refuses(
        house,
        ("admin", List((record.id,)), "SEPARATION"),
        ("root", List((record.id,)), "SEPARATION"),
        ("lister", List((record.id,)), "NOT_DUE"),
        ("admin", Dispose(record.id, record.id), "not-entitled"),
        ("lister", Dispose(record.id, record.id), "not-entitled"),
        ("admin", Destroy(record.id), "NO_APPROVED_BATCH"),
    )
    house.whole(record)


@pytest.mark.parametrize("stage", ["none", "listed", "approved once", "approved"])
def test_r41_on_its_day_it_still_takes_a_batch(house: House, stage: str) -> None:
    """From 00:00 it can be listed; until a list with two approvals is started, nothing goes."""
    record = house.filed()
    house.at(day(2026, 3, 16, 0))
    staff, warrant = house.staff, record
    if stage != "none":
        warrant = staff.reviewed(staff.listed(record))
    if stage.startswith("approved"):
        warrant = house.approve(warrant, "officer", "approve-first")
    if stage == "approved":
        warrant = house.approve(warrant, "quality", "approve-second")
    begun = (
        "lister",
        Start(warrant.id),
        "COOL_OFF" if stage == "approved" else "NO_APPROVED_BATCH",
    )
    named = () if stage == "none" else (begun, ("lister", Execute(warrant.id), "NO_APPROVED_BATCH"))
    refuses(
        house,
        ("admin", Dispose(record.id, warrant.id), "not-entitled"),
        ("root", Destroy(record.id), "NO_APPROVED_BATCH"),
        *named,
    )
    house.whole(record)


# ---------------------------------------------------------------- clock


def test_r42_a_clock_set_forward_makes_nothing_due(house: House, tmp_path: Path) -> None:
    """To 2030, also for what was started before; and leaving the authority out of the settings
    makes the clock no more worth."""
    record, other = house.filed(), house.filed()
    authority = house.with_authority(tmp_path / "roots")
    house.at(DUE)
    authority.clock.moment = house.clock.moment
    house.archive.timestamps.stamp_all()
    disposal = house.approved(other)
    house.at(day(2030, 1, 1))
    tries = (
        ("admin", List((record.id,)), "SEPARATION"),
        ("lister", List((record.id,)), "TIME_NOT_PROVEN"),
        ("lister", Start(disposal.id), "TIME_NOT_PROVEN"),
    )
    refuses(house, *tries)
    with house.away():
        house.options = replace(house.options, authorities=())
        house.environment = {}
    refuses(house, *tries)
    house.whole(record, other)


def test_r43_a_clock_set_back_freezes_retention(house: House) -> None:
    """Before the last event nothing is listed, begun or gone on with."""
    record, third = house.filed(), house.filed()
    house.at(DUE)
    disposal, other = house.started(record), house.filed()
    house.at(day(2026, 3, 17))
    refuses(
        house,
        ("lister", List((third.id,)), "CLOCK_BEHIND"),
        ("lister", Start(disposal.id), "CLOCK_BEHIND"),
        ("lister", Execute(disposal.id), "CLOCK_BEHIND"),
    )
    house.whole(record, third, other)


# ---------------------------------------------------------------- people


def test_r44_lister_and_approvers_are_three_and_no_administrator(house: House) -> None:
    """With whatever roles; and whoever approved last does not start it."""
    record = house.filed()
    house.at(DUE)
    disposal = house.staff.reviewed(house.staff.listed(record, by="all"))
    first = approval(house, disposal, "approve-first")
    refuses(
        house,
        ("admin", List((record.id,)), "SEPARATION"),
        ("root", List((record.id,)), "SEPARATION"),
        ("clerk", List((record.id,)), "SEPARATION"),
        ("all", first, "SEPARATION"),
        ("root", first, "SEPARATION"),
        ("admin", first, "not-entitled"),
        ("quality", first, "not-entitled"),
    )
    once = house.approve(disposal, "officer", "approve-first")
    second = approval(house, once, "approve-second")
    refuses(
        house,
        ("all", second, "SEPARATION"),
        ("root", second, "SEPARATION"),
        ("admin", second, "not-entitled"),
        ("officer", second, "not-entitled"),
    )
    house.approve(once, "quality", "approve-second")
    house.clock.turn(days=7)
    refuses(
        house,
        *((who, Start(disposal.id), "SEPARATION") for who in ("quality", "admin", "root", "clerk")),
    )
    house.whole(record)


def test_r44_who_approved_first_cannot_approve_again(house: House) -> None:
    """Also with both roles; nor start what they have approved last."""
    record, another = house.filed(), house.filed()
    house.at(DUE)
    disposal = house.staff.reviewed(house.staff.listed(record))
    once = house.approve(disposal, "all", "approve-first")
    refuses(house, ("all", approval(house, once, "approve-second"), "SEPARATION"))
    other = house.staff.reviewed(house.staff.listed(another))
    house.approve(house.approve(other, "officer", "approve-first"), "all", "approve-second")
    house.clock.turn(days=7)
    refuses(house, ("all", Start(other.id), "SEPARATION"))
    house.whole(record, another)


def test_r45_an_edited_list_voids_its_approvals(house: House) -> None:
    """Said anew, it is reviewed and approved from the beginning; it is not edited otherwise."""
    record, other = house.filed(), house.filed()
    house.at(DUE)
    disposal = house.staff.listed(record)
    before = approval(house, disposal, "approve-second")
    house.approve(house.staff.reviewed(disposal), "officer", "approve-first")
    edited = Mend(disposal.id, {"items": []})
    refuses(
        house,
        ("admin", List((record.id, other.id), relist=disposal.id), "SEPARATION"),
        ("admin", edited, "step-not-allowed"),
        ("lister", edited, "step-not-allowed"),
    )
    anew = house.retention.disposals.list_due(
        house.staff.actor("lister"), [record.id, other.id], owner=house.people["head"],
        relist=disposal.id,
    )  # fmt: skip
    assert disposals.approvals(anew) == ()
    stale = {"list_hash": before.values["list_hash"]}
    refuses(
        house,
        ("quality", before, "step-not-allowed"),
        ("officer", approval(house, anew, "approve-first"), "guard"),  # reviewed by nobody
        ("lister", Start(disposal.id), "NO_APPROVED_BATCH"),
    )
    reviewed = house.staff.reviewed(anew)
    refuses(house, ("officer", approval(house, reviewed, "approve-first", **stale), "guard"))
    house.whole(record, other)


# ---------------------------------------------------------------- lists in time


def test_r46_approvals_lapse_after_ninety_days(house: House) -> None:
    """Approved on 20 March, asked on 30 September."""
    record = house.filed()
    house.at(day(2026, 3, 20))
    disposal = house.approved(record)
    house.at(day(2026, 9, 30))
    refuses(
        house,
        ("lister", Start(disposal.id), "APPROVAL_LAPSED"),
        ("lister", Execute(disposal.id), "NO_APPROVED_BATCH"),
        ("admin", Start(disposal.id), "SEPARATION"),
    )
    house.whole(record)


def test_r53_on_a_saturday_it_is_put_off_until_monday(house: House) -> None:
    """Neither begun nor gone on with; the journal says that it was put off."""
    record, other = house.filed(), house.filed()
    house.at(day(2026, 3, 16))
    disposal, begun = house.approved(record), house.approved(other)
    house.at(day(2026, 3, 27))
    house.retention.disposals.start(house.staff.actor("lister"), begun.id)
    house.at(day(2026, 3, 28))  # a Saturday
    refuses(
        house,
        ("lister", Start(disposal.id), "NOT_A_WORKING_DAY"),
        ("lister", Execute(begun.id), "NOT_A_WORKING_DAY"),
    )
    assert {note["what"] for note in house.notes()} == {"deferred"}
    house.whole(record, other)


def test_r52_paper_on_loan_stays(house: House) -> None:
    """And while it lives, the electronic record stays too."""
    record = house.filed()
    copy = compared(house.staff, paper(house.staff, record))
    house.at(DUE)
    compared(house.staff, copy)
    lister = house.staff.as_("lister")
    lister.take(copy, "lend", to=house.people["clerk"], due="2026-12-31")
    refuses(
        house,
        ("admin", ListPaper((copy.id,)), "SEPARATION"),
        ("lister", ListPaper((copy.id,)), "ON_LOAN"),
        ("lister", List((record.id,)), "PAPER_ALIVE"),
    )
    house.whole(record)
    assert house.now(copy).state == "on-loan"


# ---------------------------------------------------------------- after it


def test_r47_one_of_fifty_is_locked(house: House) -> None:
    """49 are certified and one is an exception; whoever asks again, and however, there is one
    certificate, and one supplement once it could be deleted."""
    records = [house.filed(customer=f"客户{n}") for n in range(50)]
    house.at(DUE)
    disposal = house.started(*records)
    lock(house.staff, records[7])
    certified = house.retention.disposals.execute(disposal.id)
    found = certificate(house.archive, disposal.id)
    assert (found.destroyed, [line.code for line in found.exceptions]) == (49, ["LOCKED"])
    for opened in (False, True):
        if opened:
            unlock(house)
        for way in WAYS.values():
            said = way(house, [("lister", Execute(disposal.id))])
            # The command's exit status says that an exception is left.
            assert said in ([None], [""]), said
            version = house.now(disposal).version
            assert version == certified.version + opened
    again = certificate(house.archive, disposal.id)
    assert len(again.supplements) == 1
    assert all(line.destroyed for line in again.lines)


def unlock(house: House) -> None:
    store: Any = house.archive.store
    _, undo = LOCKS[type(store).__name__]
    with store._writing() as run:  # noqa: SLF001 - what a disk would do
        for statement in undo:
            run(statement)


def gone(house: House) -> tuple[Record, Record]:
    """R01, disposed of on 2 April 2026, and its disposal."""
    record = house.filed(customer="无影客户")
    house.at(day(2026, 3, 26))
    return record, house.disposed(record)


def test_r48_what_is_gone_is_a_tombstone(house: House) -> None:
    """No content by any way; where it went, who certified it, and an unbroken chain."""
    record, disposal = gone(house)
    found = house.now(record)
    assert not found.readable
    assert found.disposal is not None
    assert found.disposal.warrant == disposal.id
    for path in ("", "/events", "/attachments"):
        said = house.get("gm", f"/v1/records/{record.id}{path}")
        assert said.status_code in (410, 404), path
    said = house.get("gm", f"/v1/records/{record.number}")
    assert said.status_code == 410
    assert said.json()["tombstone"]["certificate"] == str(disposal.number)
    assert "无影客户" not in said.text
    hits = house.get("gm", "/v1/search", params={"q": "无影客户"})
    assert record.id not in hits.text
    with house.away():
        status, out, err = liuhen(house, "gm", "retention", "plan", "--thorough", "--json")
        assert status == 0, err
        (row,) = json.loads(out)["records"]
        assert (row["status"], "无影客户" in out) == ("disposed", False)
        status, out, err = liuhen(house, "gm", "retention", "certificate", disposal.id, "--json")
        assert (status, json.loads(out)["destroyed"]) == (0, 1)
        assert liuhen(house, "gm", "check")[0] == 0


def test_r49_nothing_is_added_to_what_is_gone(house: House) -> None:
    """No step, correction, filing, reopening, list; by nobody."""
    record, disposal = gone(house)
    taken = Take(record.id, "prioritise", {"reason": "来电", "priority": "urgent"})
    refuses(
        house,
        ("head", taken, "DISPOSED"),
        ("admin", taken, "DISPOSED"),
        ("head", Mend(record.id, {"demand": "无"}), "DISPOSED"),
        ("lister", File(record.id), "DISPOSED"),
        ("head", Reopen(record.id), "DISPOSED"),
        ("lister", List((record.id,)), "DISPOSED"),
        ("admin", Dispose(record.id, disposal.id), "DISPOSED"),
    )


def test_r50_what_was_disposed_of_is_not_restored(house: House, tmp_path: Path) -> None:
    """A backup of 10 March, restored by command on 1 June: R01 went on 2 April, and is served by
    no way; what was not disposed of is."""
    record, other = house.filed(), house.filed()
    key, copies = str(tmp_path / "key"), str(tmp_path / "copies")
    house.at(day(2026, 3, 10))
    with house.away():
        for line in (["backup-key", key], ["backup", copies, "--key-file", key]):
            assert liuhen(house, "admin", *line)[0] == 0
    house.at(day(2026, 3, 26))
    house.disposed(record)
    house.at(day(2026, 6, 1))
    with house.away():
        keys = ["backup", copies, "--key-file", key, "--keys-only"]
        assert liuhen(house, "admin", *keys)[0] == 0
        before = house.options
        house.options = replace(before, data=tmp_path / "restored", database=house.empty_database())
        status, _, err = liuhen(house, "admin", "restore", copies, "--key-file", key)
        assert status == 0, err
    assert house.get("gm", f"/v1/records/{record.id}").status_code == 410
    refuses(
        house,
        ("lister", List((record.id,)), "DISPOSED"),
        ("head", Reopen(record.id), "DISPOSED"),
        ("admin", Mend(record.id, {"demand": "无"}), "DISPOSED"),
    )
    assert not house.now(record).readable
    house.whole(other)
