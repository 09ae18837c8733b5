"""What is destroyed was read anew before, its files to the last byte."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from archive.evidence.attachment import SEGMENT
from archive.ledger import new_id
from domain import disposals
from domain.events import Attachment
from domain.record import Record
from retention.intact import intact
from tests.archive.acting import COMPLAINT, Acting
from tests.retention.people import Staff
from tests.worlds import World

YEARS = 3 * 365 + 2
CONTENT = b"%PDF-1.7 8D" * 100_000
TAMPERED = {
    "a segment is another": "UPDATE segments SET ciphertext = ? WHERE attachment_id = ? AND i = 1",
    "the last segment is gone": "DELETE FROM segments WHERE i = 1 AND ciphertext <> ?"
    " AND attachment_id = ?",
    "a segment has another number": "UPDATE segments SET i = i + 1 WHERE ciphertext <> ?"
    " AND attachment_id = ? AND i = 1",
    "its key is gone": "DELETE FROM content WHERE wrapped <> ? AND key_id = ?",
}


@pytest.fixture
def staff(world: World) -> Staff:
    return Staff(world)


def with_file(staff: Staff) -> tuple[Record, Attachment]:
    """A complaint with a file of two segments, withdrawn and filed."""
    archive = staff.world.archive
    upload = archive.attachments.begin("8D.pdf", "application/pdf", new_id())
    upload.feed(CONTENT)
    file = upload.finish().file
    acting = Acting(archive)
    opening = acting.opening("complaint", "receive", **COMPLAINT, evidence=[file.id])
    record = acting.do(replace(opening, attachments=(file,)))
    acting.take(record, "withdraw", why="customer", reason="撤回")
    return acting.file(record), file


def tamper(staff: Staff, how: str, file: Attachment) -> None:
    """By whoever owns the disk."""
    store: Any = staff.world.archive.store
    with store._writing() as run:  # noqa: SLF001 - what no interface allows
        run(TAMPERED[how], (b"\0" * (SEGMENT // 2), bytes.fromhex(file.id)))


def test_a_file_of_several_segments_is_whole(staff: Staff) -> None:
    """Nothing was changed: every event and every segment opens."""
    record, file = with_file(staff)
    assert file.size > SEGMENT
    heads = {record.id: (record.head, record.version)}
    assert intact(staff.world.archive, heads) == {record.id}


@pytest.mark.parametrize("how", TAMPERED)
def test_a_record_whose_file_was_touched_stays(staff: Staff, how: str) -> None:
    """CHAIN_BROKEN on the certificate, nothing of it destroyed; the record beside it goes."""
    (record, file), (other, _) = with_file(staff), with_file(staff)
    archive = staff.world.archive
    staff.world.clock.turn(days=YEARS)
    disposal = staff.approved(staff.reviewed(staff.listed(record, other)))
    tamper(staff, how, file)
    certified = staff.executed(disposal)
    items = disposals.listing(certified).items
    results = disposals.results(certified)
    found = {items[name].record: result.code for name, result in results.items()}
    assert found == {record.id: "CHAIN_BROKEN", other.id: None}
    assert archive.keys.present([record.id, other.id]) == {record.id}
    assert archive.ledger.get(record.id).disposal is None


def test_a_history_that_is_not_the_listed_one_is_not_whole(staff: Staff) -> None:
    """Another head than the list's, a version that is not there, a record that never was."""
    record, _ = with_file(staff)
    for head in (("0" * 64, record.version), (record.head, 1), (record.head, record.version + 1)):
        assert intact(staff.world.archive, {record.id: head, new_id(): head}) == set()
