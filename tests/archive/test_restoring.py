"""Restoring into either store: all of it or nothing, and what was disposed of stays away."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from archive.backup import Backup
from archive.backup_files import Places, read_manifest
from archive.check import Thoroughness
from archive.ledger import RecordDestroyedError
from archive.log import verify_checkpoint
from archive.opening import RESTORING, Archive, Options, RestoreUnfinishedError, open_archive
from archive.restoring import Restore, RestoredUnsoundError, check_served, drill
from archive.sealed_files import BackupError, Secret
from archive.sql import SqlStore
from archive.sql_copy import LOG_TABLES
from archive.store import StoreError
from domain.commands import Open
from tests.archive.acting import Acting
from tests.archive.canary import folder_files, seen_in, unpacked
from tests.archive.test_backup import KEY, person
from tests.archive.test_destroying import WANTED, doomed, read_file
from tests.retention.people import Staff
from tests.stores import PostgresServer
from tests.worlds import World

REPO = Path(__file__).parents[2]
ALONE = Thoroughness(processes=0)
YEARS = 3 * 365 + 2
Target = Callable[[str], Options]


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places.under(tmp_path / "backups", tmp_path / "elsewhere")


@pytest.fixture
def target(tmp_path: Path, world: World, request: pytest.FixtureRequest) -> Iterator[Target]:
    """Empty places to restore to, of either store."""
    made: list[tuple[PostgresServer, str]] = []

    def options(store: str) -> Options:
        folder, database = tmp_path / f"restored-{len(list(tmp_path.iterdir()))}", None
        if store == "postgres":
            server: PostgresServer = request.getfixturevalue("postgres_server")
            database = server.create_database()
            made.append((server, database))
        return replace(world.options, data=folder / "data", database=database)

    yield options
    for server, database in made:
        server.drop_database(database)


def stores(archive: Archive) -> SqlStore:
    assert isinstance(archive.store, SqlStore)
    return archive.store


def restore(places: Places, options: Options, **given: object) -> Restore:
    return Restore(places, KEY, options, how=ALONE, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
def test_everything_comes_back_on_either_store(
    store: str, world: World, places: Places, target: Target
) -> None:
    """Row for row, across stores too; it opens, goes on, and says what it is."""
    acting = Acting(world.archive)
    record = doomed(acting)
    world.archive.log.checkpoint()
    later = acting.complaint()
    taken = Backup(world.archive, places, KEY).take()
    assert taken.data is not None
    before = {each.name: list(stores(world.archive).copy_out(each)) for each in LOG_TABLES}
    lost = acting.complaint(customer="失去公司")
    options = target(store)
    restored = restore(places, options).run()
    assert restored.report.ok
    assert (restored.replayed.disposed, restored.replayed.unexplained) == ([], {})
    assert not (options.data / RESTORING).exists()
    with open_archive(options) as archive:
        check_served(archive)
        for each in LOG_TABLES:
            found = [tuple(row) for row in stores(archive).copy_out(each)]
            kept = [tuple(row) for row in before[each.name]]
            if each.name == "counters":  # the restoration has a number too
                assert set(kept) <= set(found)
            else:
                assert found[: len(kept)] == kept, each.name
        head = verify_checkpoint(
            archive.keyring.register, options.origin, taken.data.checkpoint.encode()
        )
        assert head.size == taken.data.size == len(before["events"])
        same = archive.ledger.get(record.id)
        assert same == world.archive.ledger.get(record.id)
        assert read_file(archive, same) == read_file(world.archive, record)
        assert archive.ledger.get(later.id).readable
        with pytest.raises(StoreError):
            archive.ledger.get(lost.id)
        said = archive.ledger.get(restored.replayed.restoration)
        assert said.state == "serving"
        values = said.entries[0].values
        assert (values["backup"], values["size"]) == (taken.data.name, taken.data.size)
        assert (values["root"], values["ledger_root"]) == (taken.data.root, taken.keys.root)
        Acting(archive).complaint()
        archive.views.catch_up()
        assert archive.check(how=ALONE).ok


def test_what_was_recorded_since_is_lost_and_evident(
    world: World, places: Places, target: Target
) -> None:
    """The restored log is shorter than heads that were given out, and its report says by how much
    the newest ledger knew."""
    acting = Acting(world.archive)
    acting.complaint()
    backup = Backup(world.archive, places, KEY)
    first = backup.take()
    for _ in range(3):
        acting.complaint()
    published = world.archive.log.checkpoint()
    backup.take_keys()
    restored = restore(places, target("sqlite")).run()
    assert first.data is not None
    assert restored.lost == 3
    assert restored.size < published.size
    assert restored.as_json()["lost_leaves"] == 3


def test_only_an_empty_place_is_restored_to(
    world: World, places: Places, target: Target, tmp_path: Path
) -> None:
    """Neither a folder with anything in it nor a database with our schemas is touched."""
    Backup(world.archive, places, KEY).take()
    used = world.options
    before = folder_files(used.data)
    with pytest.raises(BackupError, match="not empty"):
        restore(places, used).run()
    assert folder_files(used.data).keys() == before.keys()
    if used.database is not None:
        with pytest.raises(BackupError, match="empty database"):
            restore(places, replace(used, data=tmp_path / "other")).run()
    assert world.archive.check(how=ALONE, views=False).ok
    options = target("sqlite")
    restore(places, options).run()
    with pytest.raises(BackupError, match="not empty"):
        restore(places, options).run()


def test_a_flipped_byte_anywhere_is_found(world: World, places: Places, tmp_path: Path) -> None:
    """In each of the five files; and a file that is cut off, or missing."""
    doomed(Acting(world.archive))
    hold(Acting(world.archive))
    taken = Backup(world.archive, places, KEY).take()
    name, n = taken.keys.name, 0
    for path in [*places.data.iterdir(), *places.keys.iterdir()]:
        whole = path.read_bytes()
        step = max(1, len(whole) // 12)
        bad = [
            whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
            for at in range(0, len(whole), step)
        ]
        for changed in (*bad, whole[:-1], whole[: len(whole) // 2], b""):
            path.write_bytes(changed)
            n += 1
            data = tmp_path / "tries" / str(n)
            with pytest.raises(BackupError):
                restore(places, replace(world.options, data=data, database=None)).run()
            if (data / RESTORING).exists():
                with pytest.raises(RestoreUnfinishedError):
                    open_archive(replace(world.options, data=data, database=None))
            shutil.rmtree(data, ignore_errors=True)
        path.unlink()
        with pytest.raises(BackupError):
            restore(places, replace(world.options, data=tmp_path / "x", database=None)).run()
        shutil.rmtree(tmp_path / "x", ignore_errors=True)
        path.write_bytes(whole)
    assert n > 60
    assert read_manifest(places.manifest(name, "data"), KEY).name == name


def test_keys_that_do_not_fit_are_refused(world: World, places: Places, target: Target) -> None:
    """Older than the data, of another key, rotated since: each is said, and nothing is served."""
    acting = Acting(world.archive)
    backup = Backup(world.archive, places, KEY)
    old = backup.take()
    acting.complaint()
    new = backup.take()
    with pytest.raises(BackupError, match=r"key|changed"):
        Restore(places, Secret(b"\x09" * 32), target("sqlite"), how=ALONE).run()
    for kind in ("keys", "ledger", "keys.json"):
        (places.keys / f"{new.keys.name}.{kind}").unlink()
    with pytest.raises(BackupError, match="older than the data"):
        restore(places, target("sqlite")).run()
    restore(places, target("sqlite"), name=old.keys.name).run()
    world.archive.keyring.rotate(world.archive.committer, "intake")
    backup.take_keys()
    with pytest.raises(BackupError, match="rotated"):
        restore(places, target("sqlite"), name=old.keys.name).run()
    with pytest.raises(BackupError, match="no backup"):
        restore(places, target("sqlite"), name="20200101T000000Z-00000000").run()
    with pytest.raises(BackupError, match="setting says"):
        restore(places, replace(target("sqlite"), origin="another.example")).run()


def test_what_has_no_key_any_more_does_not_come_back(
    world: World, places: Places, target: Target, tmp_path: Path
) -> None:
    """Keys destroyed since, whatever their disposal: content goes, and the findings say so."""
    acting = Acting(world.archive)
    record, living = doomed(acting), acting.complaint()
    backup = Backup(world.archive, places, KEY)
    backup.take()
    world.archive.keys.destroy([record.id])
    backup.take_keys()
    options = target("sqlite")
    with pytest.raises(RestoredUnsoundError, match="content-missing"):
        restore(places, options).run()
    with pytest.raises(RestoreUnfinishedError):
        open_archive(options)
    restored = restore(places, options, accept=True).run()
    assert list(restored.replayed.unexplained) == [record.id]
    assert seen_in(unpacked(folder_files(options.data)), WANTED) == set()
    with open_archive(options) as archive:
        assert not archive.ledger.get(record.id).readable
        assert archive.store.content_of_record(record.id) == []
        assert archive.ledger.get(living.id).readable
        with pytest.raises(RecordDestroyedError):
            Acting(archive).take(record, "prioritise", reason="来电", priority="urgent")


def hold(acting: Acting, *records: str) -> str:
    made = acting.open(
        "legal-hold",
        "place",
        matter="诉讼",
        authority="法院",
        reason="证据保全",
        custodian=person(acting),
        records=[{"record": each} for each in records or (acting.complaint().id,)],
    )
    return made.id


def test_holds_placed_since_are_in_force_before_anybody_is_served(
    world: World, places: Places, target: Target
) -> None:
    """The same signed events, with the same words, at the end of the restored log."""
    acting = Acting(world.archive)
    complaint = acting.complaint()
    backup = Backup(world.archive, places, KEY)
    backup.take()
    placed = hold(acting, complaint.id)
    backup.take_keys()
    options = target("postgres" if world.options.database is None else "sqlite")
    restored = restore(places, options).run()
    assert (restored.holds, restored.replayed.again) == (1, 1)
    with open_archive(options) as archive:
        again, original = archive.ledger.get(placed), world.archive.ledger.get(placed)
        assert (again.state, again.head) == ("active", original.head)
        assert again.entries[0].values == original.entries[0].values
        assert archive.check(how=ALONE, views=False).ok


def test_r50_a_disposed_record_is_not_served_from_an_older_backup(
    world: World, places: Places, target: Target
) -> None:
    """RETENTION R50: the ledger is replayed; nothing of the record is there but its disposal."""
    staff = Staff(world)
    gone, kept = staff.imported("蜚虻鼋鼍公司"), staff.imported("留存公司")
    staff.world.clock.turn(days=YEARS)
    backup = Backup(world.archive, places, KEY)
    backup.take()
    disposal = staff.disposed(gone)
    backup.take_keys()
    backup.delete_stale()
    options = target("postgres" if world.options.database is None else "sqlite")
    restored = restore(places, options).run()
    assert (restored.replayed.disposed, restored.replayed.unexplained) == ([gone.id], {})
    assert restored.report.ok
    with open_archive(options) as archive:
        after = archive.ledger.get(gone.id)
        assert (after.readable, after.disposal is not None) == (False, True)
        assert not archive.destruction.remains(gone.id)
        assert archive.ledger.get(kept.id).readable
        assert archive.ledger.get(disposal.id).state == "certified"
        said = archive.ledger.get(restored.replayed.restoration)
        assert [entry.step for entry in said.entries] == ["begin", "replay", "serve"]
        archive.views.rebuild(workers=0)
        assert archive.check(how=ALONE).ok


def test_a_restoration_that_did_not_end_serves_nobody(world: World) -> None:
    """Also where its marker is gone: the log says it."""
    archive = world.archive
    check_served(archive)
    header = Acting(archive).header(archive.keys.new_record()[0])
    root = {"root": "0" * 64, "ledger_root": "0" * 64}
    values = {"backup": "x", "taken_at": world.clock(), "size": 1, "ledger_size": 1, **root}
    archive.ledger.execute(Open(**header, kind="restoration", step="begin", values=values))
    with pytest.raises(RestoreUnfinishedError, match="liuhen restore"):
        check_served(archive)


def test_a_drill_leaves_its_report_and_nothing_else(
    world: World, places: Places, tmp_path: Path
) -> None:
    """It passes on a whole backup and fails on a damaged one; the archive is not touched."""
    doomed(Acting(world.archive))
    taken = Backup(world.archive, places, KEY).take()
    scratch, size = tmp_path / "scratch", world.archive.store.head().size
    scratch.mkdir()
    passed = drill(restore(places, world.options), scratch)
    assert passed.ok, passed.failed
    told = passed.as_json()
    assert told["drill"] == "passed"
    assert told["restored"]["check"]["counts"]["attachments"] == 1
    assert list(scratch.iterdir()) == []
    path = places.file(taken.keys.name, "data")
    path.write_bytes(path.read_bytes()[:-1])
    failed = drill(restore(places, world.options), scratch)
    assert (failed.ok, list(scratch.iterdir())) == (False, [])
    assert "damaged" in (failed.failed or "")
    assert world.archive.store.head().size == size


KILLER = """
import itertools, os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from archive import replaying, restoring
from archive.backup_files import Places
from archive.check import Thoroughness
from archive.committer import Committer
from archive.keystore import KeyStore
from archive.opening import Options, RestoreUnfinishedError, open_archive
from archive.restoring import Restore
from archive.sql import SqlStore
from tests.archive.test_backup import KEY
data, database, folder, keys = sys.argv[1:]
places = Places(Path(folder), Path(keys))
options = Options(Path(data), lambda: datetime.now(UTC), database=database or None)

def counted(owner, name, seen, last):
    function = getattr(owner, name)
    def call(*given, **named):
        if next(seen) == last:
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*given, **named)
        if next(seen) == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(owner, name, call)

def restore_and_die(last):
    seen = itertools.count(1)
    for owner, name in (
        (os, "fsync"), (SqlStore, "copy_in"), (Committer, "commit"), (Committer, "commit_made"),
        (SqlStore, "destroy_content"), (KeyStore, "copy_keys"), (KeyStore, "copy_secrets"),
        (restoring, "_remove_marker"), (restoring._Place, "_make_schemas"),
        (restoring._Place, "_clear_database"), (restoring._Place, "_clear_folder"),
        (replaying.Replay, "served"),
    ):
        counted(owner, name, seen, last)
    Restore(places, KEY, options, how=Thoroughness(0)).run()

for last in itertools.count(2, 3):
    child = os.fork()
    if not child:
        restore_and_die(last)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if not (options.data / "restoring.json").exists() and (options.data / "master").exists():
        break  # whole: the marker went last
    assert status == -signal.SIGKILL, status
    if (options.data / "restoring.json").exists():
        try:
            open_archive(options)
        except RestoreUnfinishedError:
            continue
        raise AssertionError(last)
    assert not options.data.exists() or not [
        path for path in options.data.iterdir() if path.name != "restoring.json.partial"
    ], last
with open_archive(options) as archive:
    restoring.check_served(archive)
    assert archive.check(views=False, how=Thoroughness(0)).ok
print("killed at", last)
"""


def test_killed_anywhere_it_begins_anew(world: World, places: Places, target: Target) -> None:
    """Nothing opens what is not whole; the next call clears it and comes to the end."""
    acting = Acting(world.archive)
    complaint = acting.complaint()
    backup = Backup(world.archive, places, KEY)
    backup.take()
    hold(acting, complaint.id)
    backup.take_keys()
    options = target("sqlite" if world.options.database is None else "postgres")
    arguments = [options.data, options.database or "", places.data, places.keys]
    done = subprocess.run(
        [sys.executable, "-c", KILLER, *map(str, arguments)],
        cwd=REPO,
        env={**os.environ, "PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) > 30


def test_a_stopped_restore_clears_only_what_is_its_own(
    world: World, places: Places, target: Target
) -> None:
    """Other files in the folder, and schemas that another restore made, are left alone."""
    Backup(world.archive, places, KEY).take()
    options = target("postgres")
    options.data.mkdir(parents=True)
    (options.data / RESTORING).write_text('{"restore":"' + "0" * 32 + '"}')
    (options.data / "letters.txt").write_text("mine")
    with pytest.raises(BackupError, match=r"letters\.txt"):
        restore(places, options).run()
    (options.data / "letters.txt").unlink()
    with psycopg.connect(options.database or "") as connection:
        connection.execute("CREATE SCHEMA keys")
    with pytest.raises(BackupError, match="empty database"):
        restore(places, options).run()
