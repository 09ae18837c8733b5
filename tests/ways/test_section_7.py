"""RETENTION.md section 7, what must be impossible; each by call, by HTTP and by command."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from archive.store import StoreError
from domain import disposals
from domain.commands import Actor
from domain.record import Record
from retention.certificate import certificate
from tests.archive.acting import Acting
from tests.retention.test_attacks import (
    RULE,
    bound,
    break_history,
    compared,
    hold,
    paper,
    rule_of,
)
from tests.ways.acts import (
    Begin,
    Destroy,
    DestroyPaper,
    Dispose,
    Execute,
    File,
    List,
    ListPaper,
    Mend,
    Reopen,
    Take,
)
from tests.ways.house import DUE, House
from tests.ways.test_table_d import approval, day, revise
from tests.ways.ways import WAYS, last_days, liuhen, refuses

# ---------------------------------------------------------------- 1: before its day


def test_paper_does_not_go_a_second_too_early(house: House) -> None:
    """A copy is kept one year: on its last day nobody lists it, nor the record beside it."""
    record = house.filed()
    copy = paper(house.staff, record)
    house.at(day(2024, 3, 15, 23, 59, 58))
    compared(house.staff, copy)
    refuses(
        house,
        ("admin", ListPaper((copy.id,)), "SEPARATION"),
        ("root", ListPaper((copy.id,)), "SEPARATION"),
        ("lister", ListPaper((copy.id,)), "NOT_DUE"),
        ("lister", List((record.id,)), "NOT_DUE"),
        ("admin", Destroy(copy.id), "NO_APPROVED_BATCH"),
    )
    house.at(day(2024, 3, 16, 0))
    assert house.retention.disposals.list_paper(house.staff.actor("lister"), [copy.id])


def test_what_runs_by_itself_begins_nothing(house: House) -> None:
    """Neither a start of the server nor a look at another day: only what a person started goes
    on. With everything that is due, a list of nothing is none."""
    record = house.filed()
    house.at(day(2026, 3, 13))
    with house.away():
        status, out, _ = liuhen(house, "lister", "retention", "plan", "--on", "2030-01-01")
        assert (status, "due" in out) == (0, True)
        status, _, err = liuhen(house, "lister", "retention", "list", "--all-due")
        assert (status, "nothing to list" in err) == (2, True)
    assert house.retention.disposals.resume() == []
    house.at(DUE)
    approved = house.approved(record)
    house.clock.turn(days=30)
    assert house.retention.disposals.resume() == []
    assert house.now(approved).state == "approved"
    house.whole(record)


# ---------------------------------------------------------------- 2: rules


def test_no_floor_is_shortened_and_no_rule_edited(house: House) -> None:
    """Not by correcting a rule in force, shipping another, or approving one's own; and one that
    was approved by two holds for what is filed later."""
    record = house.filed()
    rule = rule_of(house.staff, "RR-03")
    short = {**RULE, "period": "P1Y", "effective_from": "2023-01-01"}
    tries = [
        (who, Mend(rule.id, {"period": "P1Y"}), "step-not-allowed")
        for who in ("admin", "root", "officer")
    ]
    refuses(
        house,
        *tries,
        ("admin", Take(rule.id, "revise", short), "not-entitled"),
        ("admin", Begin("retention-rule", "propose", {**short, "rule_id": "X-1"}), "not-entitled"),
        ("admin", Dispose(rule.id, rule.id), "not-entitled"),
        ("root", Destroy(rule.id), "NO_APPROVED_BATCH"),
        ("lister", List((rule.id,)), "PERMANENT"),
        ("officer", File(rule.id), "step-not-allowed"),
    )
    revised = house.staff.as_("officer").take(rule, "revise", **short)
    refuses(
        house,
        ("officer", Take(revised.id, "approve-first"), "SEPARATION"),
        ("root", Take(revised.id, "approve-first"), "SEPARATION"),
        ("admin", Take(revised.id, "approve-first"), "not-entitled"),
    )
    house.staff.as_("quality").take(revised, "approve-first")
    refuses(house, ("quality", Take(revised.id, "approve-second"), "SEPARATION"))
    house.staff.as_("gm").take(revised, "approve-second")
    assert set(last_days(house, record.id).values()) == {"2026-03-15"}
    house.at(day(2025, 3, 16))
    refuses(house, ("lister", List((record.id,)), "NOT_DUE"))
    house.whole(record)


def test_a_correction_takes_an_extension_away_and_never_the_floor(house: House) -> None:
    """It takes a second person, and R01 keeps its three years."""
    record = house.filed("design", part="A-1")
    asked = house.staff.as_("officer").open(
        "retention-correction", "correct", record=record.id, marks=["design"], reason="误标"
    )
    refuses(
        house,
        ("admin", Take(asked.id, "approve"), "not-entitled"),
        ("officer", Take(asked.id, "approve"), "not-entitled"),
        ("root", Take(asked.id, "approve"), "SEPARATION"),
    )
    house.staff.as_("quality").take(asked, "approve")
    assert set(last_days(house, record.id).values()) == {"2026-03-15"}


# ---------------------------------------------------------------- 3: two hands in one person


def test_nobody_approves_the_disposal_of_their_own_complaint(house: House) -> None:
    """Whoever took a step of a listed record is barred from approving its list."""
    acting = Acting(house.archive)
    record = acting.complaint()
    quality = Actor(house.people["quality"], trusted=True)
    Acting(house.archive, quality).take(record, "withdraw", why="customer", reason="撤回")
    acting.file(record)
    house.at(DUE)
    once = house.approve(
        house.staff.reviewed(house.staff.listed(record)), "officer", "approve-first"
    )
    refuses(house, ("quality", approval(house, once, "approve-second"), "SEPARATION"))
    house.whole(record)


def test_destroyer_and_witness_of_paper_are_two(house: House) -> None:
    """Of whom none listed or approved; what nobody watched is not certified."""
    record = house.filed()
    copy = paper(house.staff, record)
    house.at(DUE)
    compared(house.staff, copy)
    disposal = paper_disposal(house, copy)
    refuses(
        house,
        ("admin", DestroyPaper(disposal.id, ("1",)), "SEPARATION"),
        ("root", DestroyPaper(disposal.id, ("1",)), "SEPARATION"),
        ("lister", Execute(disposal.id), "UNWITNESSED"),
    )
    deeds, watched = house.retention.disposals, Take(disposal.id, "witness-paper")
    deeds.destroy_paper(house.staff.actor("shredder"), disposal.id, ["1"], "P-4")
    refuses(
        house,
        *((who, watched, "SEPARATION") for who in ("shredder", "lister", "officer", "root")),
        ("lister", Execute(disposal.id), "UNWITNESSED"),
    )
    assert house.now(copy).state == "shelved"


def paper_disposal(house: House, copy: Record) -> Record:
    """Started; its approvers are the officer and the quality manager."""
    deeds, lister = house.retention.disposals, house.staff.actor("lister")
    disposal = deeds.list_paper(lister, [copy.id])
    rows = [{"item": item, "outcome": "destroy"} for item in disposals.listing(disposal).items]
    owner = next(iter(disposals.listing(disposal).owners))
    short = next(s for s, person in house.people.items() if person == owner)
    reviewed = house.staff.as_(short).take(disposal, "review", items=rows)
    once = house.approve(reviewed, "officer", "approve-first")
    approved = house.approve(once, "quality", "approve-second")
    house.clock.turn(days=7)
    return deeds.start(lister, approved.id)


def test_only_the_owner_reviews(house: House) -> None:
    """And what its owner has not reviewed is approved by nobody."""
    record = house.filed()
    house.at(DUE)
    disposal = house.staff.listed(record)
    review = Take(disposal.id, "review", {"items": [{"item": "1", "outcome": "destroy"}]})
    refuses(
        house,
        *((who, review, "not-entitled") for who in ("lister", "officer", "admin", "root")),
        ("officer", approval(house, disposal, "approve-first"), "guard"),
    )


# ---------------------------------------------------------------- 4: what blocks


def test_what_is_held_does_not_go(house: House) -> None:
    """Not from a list, nor from a disposal that was started; nobody releases it alone, and what
    covers it is not edited."""
    record, other = house.filed(), house.filed()
    house.at(DUE)
    disposal = house.started(other)
    held = hold(house.staff, record, other)
    lift = Take(held.id, "request-release", {"reason": "结案"})
    edited = Mend(held.id, {"records": []})
    refuses(
        house,
        ("lister", List((record.id,)), "HELD"),
        ("admin", lift, "not-entitled"),
        ("clerk", lift, "not-entitled"),
        *((who, edited, "step-not-allowed") for who in ("admin", "root", "legal")),
        ("root", Destroy(record.id), "NO_APPROVED_BATCH"),
    )
    house.staff.as_("legal").take(held, "request-release", reason="结案")
    release = Take(held.id, "release", {"reason": "结案"})
    refuses(
        house,
        ("legal", release, "SEPARATION"),
        ("root", release, "SEPARATION"),
        ("admin", release, "not-entitled"),
        ("lister", List((record.id,)), "HELD"),
    )
    certified = house.retention.disposals.execute(disposal.id)
    assert [line.code for line in certificate(house.archive, certified.id).exceptions] == ["HELD"]
    house.whole(record, other)


def test_what_waits_lives_together_or_has_no_rule_does_not_go(house: House) -> None:
    """Pending; unfiled; bound to what is not filed; without a rule: each by its own code."""
    pending = house.filed("design", part="A-1")
    unfiled = Acting(house.archive).complaint()
    dossier, inside = bound(house.staff)
    revise(house, "RR-03", period="P3Y", effective_from="2023-03-16", ends_on="2023-03-17")
    house.at(day(2023, 3, 20))
    ruleless = house.filed()
    house.at(day(2040, 3, 15))
    Acting(house.archive).reopen(dossier)
    refuses(
        house,
        ("lister", List((pending.id,)), "PENDING"),
        ("lister", List((unfiled.id,)), "UNFILED"),
        ("lister", List((ruleless.id,)), "NO_RULE"),
        ("admin", List((ruleless.id,)), "SEPARATION"),
    )
    for way in WAYS.values():
        (code,) = way(house, [("lister", List((inside.id,)))])
        assert code in ("BOUND", "UNFILED")  # whichever of the two is asked first
    house.whole(pending, unfiled, inside, ruleless)


def test_what_is_broken_does_not_go(house: House) -> None:
    """An event whose bytes were changed on the disk: it stays, to be looked into."""
    record = house.filed()
    house.at(DUE)
    break_history(house.staff, record)
    with house.away():
        pass  # nothing of it is remembered
    refuses(
        house,
        ("lister", List((record.id,)), "CHAIN_BROKEN"),
        ("admin", List((record.id,)), "SEPARATION"),
    )
    assert house.archive.keys.get(record.id)


# ---------------------------------------------------------------- 5: backdating


def test_a_filing_claimed_late_counts_from_today(house: House) -> None:
    """What happened is claimed; what counts is when it was recorded."""
    acting = Acting(house.archive)
    by_call, by_http = acting.complaint(), acting.complaint()
    for record in (by_call, by_http):
        acting.take(record, "withdraw", why="customer", reason="撤回")
    house.at(DUE)
    past = "2023-03-15T03:00:00.000000Z"
    said = house.client.post(
        f"/v1/records/{by_http.id}/filing",
        json={"scope": False, "occurred_at": past},
        headers={"Authorization": f"Bearer {house.keys['lister']}"},
    )
    assert said.status_code == 201, said.text
    lister = house.staff.as_("lister")
    lister.do(replace(lister.filing(by_call), occurred_at=by_call.opened_at))
    for record in (by_call, by_http):
        assert set(last_days(house, record.id).values()) == {"2029-03-16"}
        refuses(house, ("lister", List((record.id,)), "NOT_DUE"))


# ---------------------------------------------------------------- 6: for ever


def test_certificates_holds_rules_and_journals_are_for_ever(house: House) -> None:
    """No list takes them, no deed, no correction, no destruction; not in forty years either."""
    record, kept = house.filed(), house.filed()
    house.at(DUE)
    held = hold(house.staff, kept)
    refuses(house, ("lister", List((kept.id,)), "HELD"))  # so that there is a journal
    disposal = house.disposed(record)
    opened = {r.topic: r.record_id for r in house.archive.store.leaves(0) if r.version == 1}
    journal = house.archive.ledger.get(opened["~retention-journal/opened"])
    house.at(day(2066, 3, 17))
    refuses(
        house,
        *(
            attempt
            for each in (held, disposal, journal, rule_of(house.staff, "RR-03"))
            for attempt in (
                ("officer", List((each.id,)), "PERMANENT"),
                ("admin", Dispose(each.id, disposal.id), "not-entitled"),
                ("root", Destroy(each.id), "NO_APPROVED_BATCH"),
                ("officer", File(each.id), "step-not-allowed"),
                ("officer", Reopen(each.id), "step-not-allowed"),
            )
        ),
        ("officer", Mend(disposal.id, {"items": []}), "step-not-allowed"),
        ("officer", Take(disposal.id, "withdraw", {"reason": "撤销"}), "step-not-allowed"),
    )


@pytest.mark.parametrize(
    "attempt",
    [
        "UPDATE events SET topic = 'x'",
        "DELETE FROM events",
        "UPDATE content SET ciphertext = NULL",
    ],
)
def test_the_database_refuses_to_change_the_log(house: House, attempt: str) -> None:
    """Also to whoever runs statements in it."""
    house.filed()
    before = house.leaves()
    store: Any = house.archive.store
    with pytest.raises(StoreError), store._writing() as run:  # noqa: SLF001 - what no way offers
        run(attempt)
    assert house.leaves() == before


# ---------------------------------------------------------------- 7 and 8: nothing is lost silently


def test_a_number_is_given_once_and_its_gap_is_a_tombstone(house: House) -> None:
    """What is asked for by the number of what is gone is answered with where it went."""
    record = house.filed()
    house.at(DUE)
    disposal = house.disposed(record)
    acting = Acting(house.archive)
    assert record.number not in {acting.complaint().number for _ in range(3)}
    said = house.get("gm", f"/v1/records/{record.number}")
    assert (said.status_code, said.json()["tombstone"]["disposal"]["id"]) == (410, disposal.id)
    assert house.archive.find(str(record.number)) == record.id
    refuses(house, ("lister", List((record.id,)), "DISPOSED"))
    with house.away():
        status, _, err = liuhen(house, "lister", "retention", "list", str(record.number))
        assert (status, "it was disposed of" in err) == (2, True)


def test_what_an_operator_destroys_by_hand_is_found(house: House) -> None:
    """Bytes can be destroyed on one's own disk; each way's check says of which record."""
    record = house.filed()
    house.archive.keys.destroy([record.id])
    assert {found.record for found in house.archive.check().findings} == {record.id}
    with house.away():
        status, out, _ = liuhen(house, "admin", "check", "--json")
    assert (status, record.id in out) == (1, True)
    assert (
        record.entries[0].values["description"]
        not in house.get("gm", f"/v1/records/{record.id}").text
    )
