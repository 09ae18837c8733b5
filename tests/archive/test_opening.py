"""Opening and closing an archive; finding a record by what people call it."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from archive.ledger import NoSuchRecordError, new_id
from archive.masters import KeyStoreError
from archive.opening import Options, open_archive
from archive.store import StoreCorrupt, StoreError
from tests.archive.acting import Acting, real_clock
from tests.worlds import World


def test_a_record_is_found_by_its_id_and_its_number(world: World) -> None:
    """Both lead to the same record, at once after it was opened, and after a restart."""
    record = Acting(world.archive).complaint()
    for reopened in (False, True):
        archive = world.reopen() if reopened else world.archive
        assert archive.find(record.id) == record.id
        assert archive.find(str(record.number)) == record.id


@pytest.mark.parametrize(
    "name", ["", "KS-2026-99999", "KS-2026-00001 ", "ks-2026-00001", "XX", "KS-2026-1;--", "龘"]
)
def test_a_name_that_is_no_record_is_refused(world: World, name: str) -> None:
    """Nothing is guessed: other spellings and unknown numbers are no record."""
    Acting(world.archive).complaint()
    with pytest.raises(NoSuchRecordError):
        world.archive.find(name)


def test_an_id_is_taken_as_it_is(world: World) -> None:
    """Whether there is such a record is asked when it is read."""
    unknown = new_id()
    assert world.archive.find(unknown) == unknown


def test_a_restart_keeps_everything(world: World) -> None:
    """Records, heads, keys and views are those of before, and appends go on."""
    acting = Acting(world.archive)
    record = acting.complaint()
    head = world.archive.log.checkpoint()
    archive = world.reopen()
    assert archive.ledger.get(record.id) == record
    assert archive.log.latest() == head
    archive.views.catch_up()
    line = archive.views.register.line(record.id)
    assert line is not None
    assert line.number == record.number
    moved = Acting(archive).take(record, "prioritise", reason="来电", priority="urgent")
    assert moved.version == 2


def test_the_check_is_kept_beside_the_data(world: World) -> None:
    """Its result can be read by whoever shows it, and holds no content."""
    Acting(world.archive).complaint(customer="龘公司")
    assert world.archive.check().ok
    kept = world.archive.check_report.read_text("utf-8")
    assert '"ok":true' in kept.replace(" ", "")
    assert "龘" not in kept


def test_what_cannot_be_opened_leaves_nothing_open(world: World) -> None:
    """No connection or lock is left behind: the right settings open it in the same process."""
    record = Acting(world.archive).complaint()
    world.archive.close()
    wrong = Options(world.options.data, real_clock, "other.example/log", world.options.database)
    for _ in range(3):
        with pytest.raises(StoreCorrupt):
            open_archive(wrong)
    gc.collect()  # an open connection would warn here, and a warning is an error
    archive = world.reopen()
    assert archive.ledger.get(record.id) == record


def test_a_missing_master_is_named(tmp_path: Path) -> None:
    """Without it nothing can be opened, and none is made in its place."""
    options = Options(tmp_path / "data", real_clock)
    open_archive(options).close()
    (master,) = (options.data / "master").iterdir()
    master.unlink()
    for _ in range(2):
        with pytest.raises(KeyStoreError, match="restore"):
            open_archive(options)
    assert list((options.data / "master").iterdir()) == []


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    """A damaged or foreign file is never overwritten."""
    options = Options(tmp_path / "data", real_clock)
    options.data.mkdir()
    foreign = b"something else" * 1000
    (options.data / "archive.db").write_bytes(foreign)
    with pytest.raises(StoreError):
        open_archive(options)
    assert (options.data / "archive.db").read_bytes() == foreign
