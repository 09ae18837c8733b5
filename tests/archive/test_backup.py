"""Backups of a running archive: one moment, nothing in plain, verified, keys apart."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from archive import schema_steps
from archive.backup import Backup
from archive.backup_files import NAME, Places, read_manifest
from archive.backup_reading import read_data, verify_keys, verify_ledger
from archive.disposal_ledger import TABLES as LEDGER_TABLES
from archive.evidence import canonical, merkle
from archive.log import verify_checkpoint
from archive.row_stream import RowReader
from archive.sealed_files import BackupDamaged, BackupError, SealedReader, Secret, WrongBackupKey
from archive.sql import SqlStore
from archive.sql_copy import LOG_TABLES
from archive.sqlite import SQLiteStore
from archive.store import StoreCorrupt
from tests.archive.acting import Acting
from tests.archive.canary import folder_files, seen_in, unpacked
from tests.archive.test_destroying import WANTED, doomed
from tests.worlds import World

REPO = Path(__file__).parents[2]
KEY = Secret(b"\x07" * 32)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places.under(tmp_path / "backups", tmp_path / "elsewhere")


@pytest.fixture
def backup(world: World, places: Places) -> Backup:
    return Backup(world.archive, places, KEY)


def files(places: Places) -> list[str]:
    return sorted(path.name for folder in (places.data, places.keys) for path in folder.glob("*"))


def plain(path: Path, use: str, length: int = 4_000_000) -> bytes:
    """The decrypted stream of a file of less than this length."""
    with SealedReader(path, use, KEY) as file:
        got = bytearray()
        try:
            for _ in range(length):
                got += file.read(1)
        except BackupDamaged:
            return bytes(got)
    raise AssertionError("a longer file than was thought")


def test_every_table_of_a_store_is_copied_once(world: World) -> None:
    """A table that is added later cannot be forgotten. The schema's own steps are each store's, and
    whose the uploads under way are is of no use elsewhere."""
    store = world.archive.store
    assert isinstance(store, SqlStore)
    if isinstance(store, SQLiteStore):
        found = store._read("SELECT name FROM sqlite_schema WHERE type = 'table'")  # noqa: SLF001
    else:
        found = store._read(  # noqa: SLF001
            "SELECT tablename FROM pg_tables WHERE schemaname = 'liuhen' AND tablename <> 'head'"
        )
    names = sorted({row[0] for row in found} - {schema_steps.NAME, "staged"})
    assert sorted(table.name for table in LOG_TABLES) == names
    for table in LOG_TABLES:
        assert not {"id", *table.names} - {"id", *columns(store, table.name)}, table.name
        assert not columns(store, table.name) - {"id", *table.names}, table.name


def columns(store: SqlStore, table: str) -> set[str]:
    if isinstance(store, SQLiteStore):
        rows = store._read(f"SELECT name FROM pragma_table_info('{table}')")  # noqa: SLF001
    else:
        rows = store._read(  # noqa: SLF001
            "SELECT column_name::text FROM information_schema.columns "
            f"WHERE table_schema = 'liuhen' AND table_name = '{table}'"
        )
    return {row[0] for row in rows}


def test_it_is_one_moment_of_a_log_that_goes_on(world: World, backup: Backup) -> None:
    """Appends, uploads and new keys during a backup: the root is that of the first leaves, signed,
    and whatever those leaves need is there."""
    acting, stop = Acting(world.archive), threading.Event()
    for _ in range(20):
        acting.complaint()
    failed: list[BaseException] = []

    def storm() -> None:
        try:
            while not stop.is_set():
                record = acting.complaint(customer="风暴公司")
                acting.take(record, "prioritise", reason="来电", priority="urgent")
        except BaseException as error:  # noqa: BLE001 - it is told by the test
            failed.append(error)

    threads = [threading.Thread(target=storm) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        taken = [backup.take() for _ in range(3)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failed == []
    sizes = [each.data.size for each in taken if each.data]
    assert sizes[0] > 20
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]
    rows = list(world.archive.store.leaves(0))
    for each in taken:
        assert each.data is not None
        root = merkle.root([merkle.leaf_hash(row.leaf) for row in rows[: each.data.size]])
        head = verify_checkpoint(
            world.archive.keyring.register,
            world.archive.options.origin,
            each.data.checkpoint.encode(),
        )
        assert (head.size, head.root) == (each.data.size, root)
        assert each.data.root == root.hex()
        assert each.keys.size >= each.data.size
        assert each.data.counts["content"] >= each.data.counts["events"] - 2  # the register's


def test_nothing_is_in_plain_and_each_folder_alone_opens_nothing(
    world: World, backup: Backup, places: Places
) -> None:
    """No canary in any file; with the backup's key the data show ciphertext, the keys show keys."""
    record = doomed(Acting(world.archive))
    taken = backup.take()
    assert taken.data is not None
    written = {**folder_files(places.data), **folder_files(places.keys)}
    assert len(written) == 5
    assert seen_in(unpacked(written), WANTED) == set()
    key = world.archive.keys.get(record.id)
    opened = {
        kind: plain(places.file(taken.keys.name, kind), kind) for kind in ("data", "keys", "ledger")
    }
    assert seen_in(unpacked(opened), WANTED) == set()
    (content, *_) = world.archive.store.content_of_record(record.id)
    assert content.ciphertext is not None
    assert content.ciphertext in opened["data"]
    assert content.ciphertext not in opened["keys"] + opened["ledger"]
    assert record.id.encode() not in opened["keys"]
    assert bytes.fromhex(record.id) in opened["keys"]
    (master,) = (world.options.data / "master").iterdir()
    for secret in (key, master.read_bytes()):
        assert not any(secret in each for each in opened.values())
        assert not any(secret.hex().encode() in each for each in opened.values())


def test_manifests_say_what_the_files_are(world: World, backup: Backup, places: Places) -> None:
    """Lengths and SHA-256 as any tool finds them; canonical, content-free, one line."""
    Acting(world.archive).complaint()
    taken = backup.take()
    for part in ("data", "keys"):
        path = places.manifest(taken.keys.name, part)
        told = json.loads(path.read_text())
        assert canonical.encode(told) + b"\n" == path.read_bytes()
        assert told["size"] == world.archive.store.head().size
        for kind, file in told["files"].items():
            data = places.file(told["name"], kind).read_bytes()
            assert file == {"length": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    assert taken.keys.signing == {
        "intake": world.archive.keyring.author.key.key_id,
        "log": world.archive.keyring.log_key.key_id,
    }
    for path in (places.data, places.keys):
        assert {file.stat().st_mode & 0o777 for file in path.iterdir()} == {0o600}


def test_after_a_destruction_older_key_files_are_named_and_deleted(
    world: World, backup: Backup, places: Places
) -> None:
    """Only once a newer one was verified; what is left opens nothing of it."""
    record = Acting(world.archive).complaint()
    first = backup.take()
    assert first.stale == ()
    world.archive.keys.destroy([record.id])
    assert [(each.name, each.opens) for each in backup.stale()] == [(first.keys.name, 1)]
    with pytest.raises(BackupError, match="back up the keys first"):
        backup.delete_stale()
    second = backup.take_keys()
    assert [each.name for each in second.stale] == [first.keys.name]
    backup.delete_stale()
    assert [each.name for each in backup.stale()] == []
    assert places.names("keys") == [second.keys.name]
    assert places.names("data") == [first.keys.name]
    assert (
        bytes.fromhex(record.id)
        not in plain(places.file(second.keys.name, "keys"), "keys").split(b"destroyed")[0]
    )


def test_a_new_key_file_is_there_before_the_old_master_goes(
    world: World, backup: Backup, places: Places
) -> None:
    """A destruction asks for it in between; where it fails, the old master waits."""
    record = Acting(world.archive).complaint()
    folder, seen = world.options.data / "master", list[int]()

    def secured() -> None:
        taken = backup.take_keys()
        verify_keys(places.file(taken.keys.name, "keys"), taken.keys, KEY)
        seen.append(len(list(folder.iterdir())))

    def failing() -> None:
        raise OSError("the backup's disk is away")

    with pytest.raises(OSError, match="away"):
        world.archive.keys.destroy([record.id], failing)
    assert len(list(folder.iterdir())) == 2
    world.archive.keys.destroy([record.id], secured)
    assert seen == [3]
    assert len(list(folder.iterdir())) == 1
    assert backup.stale() == []


def test_what_was_destroyed_meanwhile_is_not_in_the_keys(world: World, backup: Backup) -> None:
    """Keys are taken after the data, so such a key file is not stale at once."""
    record = Acting(world.archive).complaint()

    def destroy(_done: int, _of: int) -> None:
        world.archive.keys.destroy([record.id])

    taken = replace(backup, progress=destroy).take()
    assert taken.keys.counts["destroyed"] == 1
    assert taken.stale == ()


def test_a_rotation_meanwhile_is_said(world: World, backup: Backup, places: Places) -> None:
    """Keys of after it would not fit data of before it: nothing is left, and it is run again."""
    done = list[str]()

    def rotate(_done: int, _of: int) -> None:
        if not done:  # in another thread: this one sees the log as it was
            with ThreadPoolExecutor(1) as pool:
                keyring, committer = world.archive.keyring, world.archive.committer
                done.append(pool.submit(keyring.rotate, committer, "log").result())

    with pytest.raises(BackupError, match="rotated"):
        replace(backup, progress=rotate).take()
    assert files(places) == []
    assert backup.take().keys.signing["log"] == done[0]


def test_a_damaged_log_is_not_backed_up(tmp_path: Path, world: World, backup: Backup) -> None:
    """The leaf is named, and no backup is left."""
    store = world.archive.store
    Acting(world.archive).complaint()
    backup.take()
    assert isinstance(store, SqlStore)
    with store._writing() as run:  # noqa: SLF001 - an attack
        if isinstance(store, SQLiteStore):
            run("DROP TRIGGER events_keep")
        else:
            run("ALTER TABLE events DISABLE TRIGGER events_stay")
        ((state,),) = run("SELECT state FROM events WHERE leaf_index = 2")
        run("UPDATE events SET state = ? WHERE leaf_index = 2", (state[:-1] + b"~",))
    before = files(backup.places)
    with pytest.raises(StoreCorrupt, match="leaf 2"):
        backup.take()
    assert files(backup.places) == before


def test_a_disk_that_changes_bytes_is_found_out(
    backup: Backup, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read back is what counts, and nothing of it is kept."""

    def rot(handle: int, *_: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").readlink()
        data = path.read_bytes()
        path.write_bytes(data[:-3] + bytes([data[-3] ^ 4]) + data[-2:])

    monkeypatch.setattr(os, "posix_fadvise", rot)
    with pytest.raises(BackupDamaged):
        backup.take()
    assert files(places) == []


def test_one_backup_at_a_time(backup: Backup, places: Places) -> None:
    """The second is refused, and the first is not disturbed."""
    with places.held("keys"), pytest.raises(BackupError, match="another backup"):
        backup.take()
    assert backup.take().data is not None


def test_another_key_is_refused(backup: Backup, places: Places) -> None:
    """Its manifest, its files; and a manifest that was changed, or moved to another name."""
    taken = backup.take()
    other = Secret(b"\x08" * 32)
    with pytest.raises(BackupDamaged, match="another key"):
        places.latest("data", other)
    assert taken.data is not None
    with pytest.raises(WrongBackupKey):
        read_data(places.file(taken.data.name, "data"), taken.data, other)
    path = places.manifest(taken.data.name, "data")
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(BackupError):
            read_manifest(path, KEY)
    path.write_bytes(whole)
    moved = path.with_name("20200101T000000Z-00000000.data.json")
    path.rename(moved)
    with pytest.raises(BackupDamaged, match="name it so"):
        read_manifest(moved, KEY)


TRICKS: dict[str, Any] = {
    "name": "../../../etc/20200101T000000Z-00000000",
    "part": "../keys",
    "files": {"../../secret": {"length": 1, "sha256": "0" * 64}},
    "size": -1,
    "root": "zz",
    "counts": {"events": -5},
    "format": "liuhen-backup/9",
    "taken_at": "yesterday",
    "scrypt": "no hex",
}


@pytest.mark.parametrize("member", TRICKS)
def test_manifests_with_tricks_are_refused(member: str, backup: Backup, places: Places) -> None:
    """Paths, negative sizes, unknown formats; also where nobody checks the key. A link too."""
    taken = backup.take()
    path = places.manifest(taken.keys.name, "data")
    told = json.loads(path.read_text())
    path.write_bytes(canonical.encode({**told, member: TRICKS[member]}) + b"\n")
    with pytest.raises(BackupDamaged):
        read_manifest(path, None)
    elsewhere = path.with_name("elsewhere")
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    with pytest.raises(BackupError):
        read_manifest(path, None)
    for name in ("../x", "20200101T000000Z-0000000/", ""):
        with pytest.raises(BackupError):
            places.file(name, "data")


KILLER = """
import itertools, os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from archive.backup import Backup
from archive.backup_files import Places
from archive.opening import Options, open_archive
from archive.sealed_files import Secret
from tests.archive.test_backup import KEY, assert_whole
data, database, folder, keys = sys.argv[1:]
places = Places(Path(folder), Path(keys))
options = Options(Path(data), lambda: datetime.now(UTC), database=database or None)

def back_up_and_die(last):
    # Killed before call number `last` of those that change files.
    seen = itertools.count(1)
    def counted(function):
        def call(*given, **named):
            if next(seen) == last:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*given, **named)
        return call
    with open_archive(options) as archive:
        for name in ("fsync", "link", "open", "unlink", "posix_fadvise", "mkdir"):
            setattr(os, name, counted(getattr(os, name)))
        Backup(archive, places, KEY).take()

for last in itertools.count(1, 2):
    child = os.fork()
    if not child:
        back_up_and_die(last)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert_whole(places)
    if status == 0:
        break
    for name in places.names("data"):  # killed when it was done: it would be looked at each time
        for file in (*places.data.glob(name + "*"), *places.keys.glob(name + "*")):
            file.unlink()
    assert status == -signal.SIGKILL
print("killed at", last)
"""


def test_killed_anywhere_it_is_whole_or_not_there(
    world: World, backup: Backup, places: Places
) -> None:
    """Each manifest that is there has its files, whole; what is left over is named and deleted."""
    Acting(world.archive).complaint()
    arguments = [world.options.data, world.options.database or "", places.data, places.keys]
    done = subprocess.run(
        [sys.executable, "-c", KILLER, *map(str, arguments)],
        cwd=REPO,
        env={**os.environ, "PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) >= 20
    world.archive.keys.destroy([Acting(world.archive).complaint().id])
    backup.take()
    backup.delete_stale()
    left = [name for name in files(places) if not name.endswith(".json")]
    named = {(part, name) for part in ("data", "keys") for name in places.names(part)}
    assert {("data" if n.endswith(".data") else "keys", n.split(".")[0]) for n in left} == named


def assert_whole(places: Places) -> None:
    for name in places.names("data"):
        manifest = read_manifest(places.manifest(name, "data"), KEY)
        read_data(places.file(name, "data"), manifest, KEY)
        assert name in places.names("keys")
    for name in places.names("keys"):
        manifest = read_manifest(places.manifest(name, "keys"), KEY)
        verify_keys(places.file(name, "keys"), manifest, KEY)
        verify_ledger(places.file(name, "ledger"), manifest, KEY)


def test_the_ledger_holds_what_is_signed_and_no_more(
    world: World, backup: Backup, places: Places
) -> None:
    """A hold's event with its ciphertext, and nothing of records that are none of its business."""
    acting = Acting(world.archive)
    complaint = acting.complaint()
    hold = acting.open(
        "legal-hold",
        "place",
        matter="诉讼",
        authority="法院",
        reason="证据保全",
        custodian=person(acting),
        records=[{"record": complaint.id}],
    )
    taken = backup.take()
    with SealedReader(places.file(taken.keys.name, "ledger"), "ledger", KEY) as file:
        found = {
            (table.name, row[0] if table.name == "destroyed" else row[1])
            for table, rows in RowReader(file.read).sections(LEDGER_TABLES)
            for row in rows
            if table.name != "head"
        }
    assert {owner for name, owner in found if name == "events"} == {bytes.fromhex(hold.id)}
    assert "content" in {name for name, _ in found}


def person(acting: Acting) -> str:
    department = acting.open("department", "establish", name="法务部", functions=["legal"])
    made = acting.open(
        "person", "register", name="卫华", department=department.id, roles=["records-officer"]
    )
    return made.id


def test_names_are_of_one_form(backup: Backup) -> None:
    """So that no other file of a folder is ever taken for a backup's."""
    assert NAME.fullmatch(backup.take().keys.name)
