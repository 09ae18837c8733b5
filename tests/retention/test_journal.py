"""What is refused stands in the journal, whichever way it was asked for; and does not flood it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from archive.destruction import NotDisposedError
from archive.ledger import Asked, TogetherError, new_id
from archive.store import StoreError
from domain.commands import Correct, Dispose, File
from domain.errors import DomainError
from retention.journal import SINGLY
from tests.archive.acting import TRUSTED, Acting
from tests.retention.people import Staff
from tests.worlds import World


@pytest.fixture
def staff(world: World) -> Staff:
    return Staff(world)


def said(staff: Staff) -> list[tuple[str, str | None, str | None]]:
    notes = staff.retention.journal.entries()
    return [(note["code"], note.get("who"), note.get("record")) for note in notes]


def deed(staff: Staff, record: str, by: str = "admin") -> Dispose:
    header = Acting(staff.world.archive, staff.actor(by)).header(record)
    return Dispose(**header, warrant=record, item="1")


def refused(act: Callable[[], object]) -> None:
    with pytest.raises((DomainError, TogetherError)):
        act()


def test_it_hears_of_a_refusal_by_every_call_of_the_ledger(staff: Staff) -> None:
    """Alone, many at once, all or nothing; what is only tried is no attempt."""
    record = staff.imported().id
    ledger = staff.world.archive.ledger
    refused(lambda: ledger.prepare(deed(staff, record)))
    assert said(staff) == []
    refused(lambda: ledger.execute(deed(staff, record)))
    (answer,) = ledger.execute_many([Asked(deed(staff, record))])
    assert isinstance(answer, DomainError)
    refused(lambda: ledger.execute_together([lambda _: (deed(staff, record), None)]))
    assert said(staff) == [("not-entitled", staff.people["admin"], record)] * 3


def test_it_hears_of_destruction_that_no_disposal_covers(staff: Staff) -> None:
    """Asked of the archive itself, past every rule: nothing is destroyed, and it is noted."""
    record = staff.imported()
    with pytest.raises(NotDisposedError):
        staff.world.archive.destruction.destroy([record.id])
    assert said(staff) == [("NO_APPROVED_BATCH", None, record.id)]
    assert staff.world.archive.ledger.get(record.id).readable


def test_it_hears_of_an_earlier_day_that_no_claim_says(staff: Staff) -> None:
    """Of retention's own kinds and of days of filing; what else is refused is no affair of its."""
    acting = Acting(staff.world.archive, TRUSTED)
    opening = acting.opening("complaint", "receive", customer="科技公司", description="迟交。")
    record = acting.complaint()
    refused(lambda: acting.do(File(**acting.header(record.id), scope=False)))
    assert said(staff) == []
    imported = acting.do(replace(opening, provenance={"system": "erp", "id": new_id()}))
    day: dict[str, Any] = {"scope": False, "base_date": "2020-05-01"}
    refused(lambda: acting.do(File(**acting.header(imported.id), **day)))
    assert said(staff) == [("guard", None, imported.id)]


def test_the_journal_notes_who_would_mend_it(staff: Staff) -> None:
    """Once: what is refused about the journal is a note in the journal."""
    record = staff.imported().id
    refused(lambda: staff.world.archive.ledger.execute(deed(staff, record)))
    leaves = staff.world.archive.store.leaves(0)
    (journal,) = {r.record_id for r in leaves if r.topic == "~retention-journal/opened"}
    acting = staff.as_("admin")
    mended = Correct(**acting.header(journal), target=2, values={"items": []}, reason="写错了")
    refused(lambda: acting.do(mended))
    row = {"at": "2026-11-22T08:00:00.000000Z", "what": "alarm", "code": "NONE"}
    refused(lambda: acting.take(staff.world.archive.ledger.get(journal), "note", items=[row]))
    noted = said(staff)
    assert [(who, of) for _, who, of in noted[1:]] == [(staff.people["admin"], journal)] * 2
    assert len(staff.world.archive.ledger.get(journal).entries) == 1 + len(noted)


def test_who_is_refused_again_and_again_does_not_fill_the_log(staff: Staff) -> None:
    """64 an hour by one person and code, then as often as their number doubles; others' are
    noted as ever, and the next hour begins anew."""
    first, second = staff.imported().id, staff.imported().id
    ledger, clock = staff.world.archive.ledger, staff.world.clock
    clock.turn(minutes=-clock().minute)  # all within one hour
    clock.turn(seconds=5)
    for n in range(5 * SINGLY):
        refused(lambda: ledger.execute(deed(staff, (first, second)[n % 2])))  # noqa: B023
    notes = staff.retention.journal.entries()
    assert len(notes) == SINGLY + 2
    assert [note["detail"].split(";")[0] for note in notes[SINGLY:]] == [
        "128 times this hour", "256 times this hour",
    ]  # fmt: skip
    refused(lambda: ledger.execute(deed(staff, first, by="clerk")))
    clock.turn(hours=1)
    refused(lambda: ledger.execute(deed(staff, first)))
    assert said(staff)[SINGLY + 2 :] == [
        ("not-entitled", staff.people["clerk"], first),
        ("not-entitled", staff.people["admin"], first),
    ]


def test_a_journal_that_cannot_be_written_changes_no_answer(
    staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk: who is refused is told why, as ever."""

    def full(*_: object, **__: object) -> None:
        raise StoreError("full")

    record = staff.imported().id
    monkeypatch.setattr(staff.retention.journal, "note", full)
    with pytest.raises(DomainError) as error:
        staff.world.archive.ledger.execute(deed(staff, record))
    assert error.value.code == "not-entitled"
