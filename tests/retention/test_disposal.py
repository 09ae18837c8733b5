"""The deed: who may, when, and what is left of it."""

from __future__ import annotations

import io

import pytest

from archive.accesses import Access, AccessLog
from archive.evidence.policy import Policy
from archive.evidence.report import Level, Verdict
from archive.evidence.verify import verify
from archive.log import vkey
from retention.certificate import certificate, write_bundle
from retention.errors import DisposalRefusedError
from tests.archive.acting import reading_on
from tests.retention.people import Staff
from tests.worlds import World

YEARS = 3 * 365 + 2


@pytest.fixture
def staff(world: World) -> Staff:
    return Staff(world)


def test_a_whole_disposal_leaves_proof_and_no_content(staff: Staff) -> None:
    """Listed, reviewed, approved twice, executed after the cool-off, certified, proven offline."""
    archive = staff.world.archive
    records = [staff.imported(f"客户{n}") for n in range(3)]
    staff.world.clock.turn(days=YEARS)
    disposal = staff.disposed(*records)
    assert disposal.state == "certified"
    found = certificate(archive, disposal.id)
    assert (found.destroyed, found.exceptions) == (3, [])
    assert found.time_status == "self-asserted"
    for record in records:
        after = archive.ledger.get(record.id)
        assert (after.readable, after.version) == (False, record.version + 1)
        assert not archive.destruction.remains(record.id)
    file = io.BytesIO()
    write_bundle(archive, disposal.id, file)
    file.seek(0)
    report = verify(file, Policy.of_vkey(vkey(archive.options.origin, archive.keyring.log_key)))
    assert report.ok, [f for f in report.findings if f.level is Level.FAILED]
    assert {event.verdict for event in report.events} == {Verdict.OPENED, Verdict.DISPOSED}
    assert archive.check().findings == ()


def test_the_certificate_names_who_had_exported_what_is_gone(staff: Staff) -> None:
    """Others may hold a copy: whom to ask stands on the certificate."""
    archive, clock = staff.world.archive, staff.world.clock
    doomed, living = staff.imported("客户甲"), staff.imported("客户乙")
    log = AccessLog(archive.ledger, clock)
    for who, what, record in (
        ("clerk", "export", doomed),
        ("clerk", "export", doomed),
        ("gm", "export", living),
        ("legal", "read", doomed),
    ):
        log.note(Access(clock(), what, staff.people[who], None, record.id, "/export", "r-1"))
    log.flush()
    staff.world.clock.turn(days=YEARS)
    disposal = staff.disposed(doomed)
    certified = disposal.said("certify")
    assert certified is not None
    assert certified.values["exports"] == [{"what": staff.people["clerk"]}]


def test_nothing_is_certified_while_somebody_reads_what_is_gone(
    staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that cannot be rewritten yet: told as LOCKED, and certified once they were."""
    monkeypatch.setattr("archive.sqlite.PATIENCE", 0.3)
    monkeypatch.setattr("archive.postgres.PATIENCE", 0.3)
    archive, deeds = staff.world.archive, staff.retention.disposals
    record = staff.imported("客户甲")
    staff.world.clock.turn(days=YEARS)
    disposal = staff.approved(staff.reviewed(staff.listed(record)))
    staff.world.clock.turn(days=7)
    deeds.start(staff.actor("lister"), disposal.id)
    with reading_on(archive.store):
        for _ in range(2):
            with pytest.raises(DisposalRefusedError, match="a reader keeps"):
                deeds.execute(disposal.id)
            assert deeds.resume() == []
    assert archive.ledger.get(disposal.id).state == "executing"
    assert {note["code"] for note in staff.retention.journal.entries()} == {"LOCKED"}
    assert deeds.resume() == [disposal.id]
    assert certificate(archive, disposal.id).destroyed == 1


def test_nothing_goes_before_its_day(staff: Staff) -> None:
    """NOT_DUE until the last day has ended at the site."""
    record = staff.imported()
    staff.world.clock.turn(days=YEARS - 10)
    with pytest.raises(DisposalRefusedError) as refused:
        staff.listed(record)
    assert refused.value.code == "NOT_DUE"
    assert [row["code"] for row in staff.retention.journal.entries()] == ["NOT_DUE"]
