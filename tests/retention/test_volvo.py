"""The Volvo log, from its import to its certificate: 1,487 closed problems, and all who say so."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from archive.backup import Backup
from archive.backup_files import Places
from archive.check import Thoroughness
from archive.evidence import merkle, receipt
from archive.importing import import_xes, load_mapping
from archive.log import verify_checkpoint, vkey
from archive.opening import Archive, open_archive
from domain import disposals
from domain.record import Record
from retention.certificate import certificate, write_bundle
from retention.due import DueView
from retention.errors import DisposalRefusedError
from retention.imports import file_imported
from tests.archive.test_backup import KEY
from tests.archive.test_importing import VOLVO
from tests.archive.test_restoring import restore
from tests.conftest import absent
from tests.retention.people import Staff
from tests.worlds import World

REPO = Path(__file__).parents[2]
CASES, LAST_CLOSED = 1487, "2012-05-31"
ALONE = Thoroughness(processes=0)


def brought_in(staff: Staff) -> list[Record]:
    archive = staff.world.archive
    import_xes(archive.ledger, VOLVO, load_mapping("volvo-vinst"), clock=archive.options.clock)
    rows = [row for row in archive.store.leaves(0) if row.topic == "complaint/opened"]
    assert len(rows) == CASES
    return [archive.ledger.get(row.record_id) for row in rows]


def filed_as_of_2012(staff: Staff, records: list[Record]) -> None:
    """A claim with evidence, approved by two; then all are filed by the day that it says."""
    said = staff.as_("lister").open(
        "base-date-claim", "claim", source="VINST", evidence="BPI Challenge 2013,全部问题已关闭",
        items=[{"record": record.id, "date": LAST_CLOSED} for record in records],
    )  # fmt: skip
    archive, journal = staff.world.archive, staff.retention.journal
    ids = [record.id for record in records]
    for short, step in (("officer", "approve-first"), ("quality", "approve-second")):
        (early,) = file_imported(archive, journal, staff.actor("lister"), ids[:1], claim=said.id)
        assert early.error is not None
        said = staff.as_(short).take(said, step)
    done = list(file_imported(archive, journal, staff.actor("lister"), ids, claim=said.id))
    assert {one.base_date for one in done} == {LAST_CLOSED}


def refused(staff: Staff, records: list[Record]) -> str:
    with pytest.raises(DisposalRefusedError) as error:
        staff.listed(*records)
    return error.value.code


def prove_all(archive: Archive, size: int, root: bytes) -> None:
    """Every receipt, and that every leaf lies under the root of so many leaves."""
    key = archive.keyring.log_key.verify_key()
    prove, receipts = archive.log.prover(size), dict(archive.store.receipts(0, size))
    for row in archive.store.leaves(0, size):
        receipt.verify(receipts[row.leaf_index] or b"", key)
        proof = prove(row.leaf_index)
        merkle.verify_inclusion(row.leaf_index, size, merkle.leaf_hash(row.leaf), proof, root)


def verified_offline(bundle: Path, key: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "archive.evidence", str(bundle), "--vkey", key, "--lang", "en"],
        cwd=REPO,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.slow
def test_1487_imported_cases_go_but_two(world: World, tmp_path: Path) -> None:
    """Claimed, approved, listed, reviewed, approved twice, executed in proven time: one is kept by
    its reviewer, one is held; an older backup serves none of the rest, and every proof holds."""
    if not VOLVO.exists():
        absent("the Volvo log", f"put it at {os.fspath(VOLVO)}")
    world.options = replace(world.options, views=(DueView,))
    authority = world.with_authority()
    world.archive.timestamps.stamp_all()
    staff, archive = Staff(world), world.archive
    records = brought_in(staff)
    filed_as_of_2012(staff, records)
    world.let_pass(days=29)
    assert refused(staff, records) == "NOT_DUE"
    world.clock.turn(days=3)  # nobody else's
    assert refused(staff, records) == "TIME_NOT_PROVEN"
    authority.clock.turn(days=3)
    archive.timestamps.stamp_all()

    head = archive.log.checkpoint()
    root = verify_checkpoint(archive.keyring.register, archive.options.origin, head.note).root
    places = Places.under(tmp_path / "backups", tmp_path / "elsewhere")
    backup = Backup(archive, places, KEY)
    backup.take()

    listed = staff.listed(*records)
    items = disposals.listing(listed).items
    assert len(items) == CASES
    kept, held = items["7"].record, items["1000"].record
    disposal = staff.approved(staff.reviewed(listed, item_7="keep"))
    staff.as_("legal").open(
        "legal-hold", "place", matter="诉讼", authority="法院", reason="证据保全",
        custodian=staff.people["legal"], records=[{"record": held}],
    )  # fmt: skip
    world.let_pass(days=7)
    staff.retention.disposals.start(staff.actor("lister"), disposal.id)
    certified = staff.retention.disposals.execute(disposal.id)

    told, gone = certificate(archive, certified.id), {r.id for r in records} - {kept, held}
    assert (told.destroyed, told.time_status) == (CASES - 2, "proven")
    assert {line.item.record: line.code for line in told.exceptions} == {kept: "KEPT", held: "HELD"}
    assert archive.destruction.remaining(sorted(gone)) == set()
    bundle = tmp_path / "certificate.zip"
    with bundle.open("wb") as file:
        write_bundle(archive, certified.id, file)
    done = verified_offline(bundle, vkey(archive.options.origin, archive.keyring.log_key))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    prove_all(archive, head.size, root)
    assert archive.check(how=ALONE).findings == ()

    backup.take_keys()
    options = replace(world.options, data=tmp_path / "restored", database=None)
    restored = restore(places, options).run()
    assert set(restored.replayed.disposed) == gone
    assert restored.report.ok
    with open_archive(options) as after:
        assert {r.id for r in records if after.ledger.get(r.id).readable} == {kept, held}
        assert after.destruction.remaining(sorted(gone)) == set()
        prove_all(after, head.size, root)
