"""The canary test over a whole archive: real kinds, real views, every file (EVIDENCE.md 4)."""

from __future__ import annotations

import io
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import apsw
import psycopg
import pytest

from archive.check import Thoroughness
from archive.evidence import merkle, receipt
from archive.evidence.policy import Policy
from archive.evidence.report import Report, Verdict
from archive.evidence.verify import verify
from archive.exporting import Wanted
from archive.folding import fold
from archive.keystore import KeyDestroyed, KeyStore, PostgresKeyStore, SQLiteKeyStore
from archive.ledger import RecordDestroyedError
from archive.log import verify_checkpoint, vkey
from archive.masters import KeyStoreError
from archive.opening import Archive, Options
from archive.store import AttachmentMissing, VersionConflict
from archive.views.search import Scope
from domain.commands import Correct, LinkTo
from domain.events import Attachment
from domain.record import Record
from retention.due import DueView
from tests.archive.acting import COMPLAINT, Acting, another
from tests.archive.canary import folder_files, forms, seen_in, unpacked, values
from tests.retention.people import Staff
from tests.stores import PostgresServer, by_pg_ctl, embedded
from tests.worlds import Clock, World

CANARY = "蜚虻鼋鼍龍QZ-7731/κ龘"
"""Its two-character pieces occur nowhere else; searched for as it is and as the index folds it."""
WANTED = forms(CANARY) | forms(fold(CANARY))
ONE_PROCESS = Thoroughness(processes=0)
ALL = Scope(audience=None)


@dataclass
class Place:
    """An archive and every file that holds anything of it. `stop` ends the database server."""

    folder: Path
    server: PostgresServer | None = None
    stopped: bool = False
    world: World = field(init=False)
    staff: Staff = field(init=False)

    def __post_init__(self) -> None:
        dsn, clock = None if self.server is None else self.server.dsn, Clock()
        self.options = Options(self.folder / "data", clock, database=dsn, views=(DueView,))
        self.world = World(self.options, clock)
        self.staff = Staff(self.world)

    @property
    def archive(self) -> Archive:
        return self.world.archive

    def seen(self, wanted: set[bytes]) -> set[str]:
        files = unpacked(folder_files(self.folder))
        if self.server is not None and not self.stopped:
            files |= unpacked(values(self.server.dsn))
        return seen_in(files, wanted)

    def stop(self) -> None:
        """Close the archive; shut the server down, so that what it holds back is in its files."""
        self.archive.close()
        if self.server is not None and not self.stopped:
            pid_file = self.folder / "postgres" / "postmaster.pid"
            os.kill(int(pid_file.read_text().split()[0]), signal.SIGINT)
            end = time.monotonic() + 60
            while pid_file.exists():
                assert time.monotonic() < end
                time.sleep(0.05)
        self.stopped = True


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """A server of its own for PostgreSQL: it is stopped, and its folder looked through."""
    folder = Path(tempfile.mkdtemp(prefix="liuhen-canary-"))
    folder.chmod(0o755)
    running, server = None, None
    if request.param == "postgres":
        (folder / "postgres").mkdir()
        running = embedded(folder / "postgres") or by_pg_ctl(folder / "postgres")
        if running is None:
            pytest.skip("no PostgreSQL of our own that could be stopped and looked into")
        server = next(running)
    made = Place(folder, server)
    yield made
    if not made.stopped:
        made.archive.close()
    if running is not None:
        with suppress(Exception):  # it may have been stopped
            next(running, None)
    shutil.rmtree(folder, ignore_errors=True)


def attach(acting: Acting, content: bytes) -> Attachment:
    upload = acting.archive.attachments.begin(f"{CANARY}.txt", f"text/{CANARY}", "")
    upload.feed(content)
    return upload.finish().file


def doomed(acting: Acting) -> Record:
    """A filed complaint with the canary in names, texts, file, correction and references."""
    photo = attach(acting, CANARY.encode() * 60_000)
    opening = acting.opening(
        "complaint",
        "receive",
        **{
            **COMPLAINT,
            "customer": f"{CANARY}公司",
            "contact_person": CANARY,
            "phone": CANARY,
            "description": f"采购的设备:{CANARY}。" * 40,
            "part": CANARY,
            "evidence": [photo.id],
        },
    )
    record = acting.do(replace(opening, attachments=(photo,), source=CANARY, source_id=CANARY))
    acting.take(record, "prioritise", reason=f"客户{CANARY}来电", priority="urgent")
    acting.correct(record, 1, demand=CANARY)
    acting.take(record, "withdraw", why="customer", reason=f"{CANARY}撤回")
    return acting.file(record)


def disposed(staff: Staff, record: Record) -> Record:
    """Four years pass, and it goes the whole way; the certified disposal."""
    staff.world.clock.turn(days=4 * 365)
    return staff.disposed(record)


def read_file(archive: Archive, record: Record) -> bytes:
    file = record.entries[0].attachments[0]
    return b"".join(archive.attachments.read(record.id, file, 0, file.size))


def exported(archive: Archive, record_id: str, readable: bool) -> tuple[bytes, Report]:
    file = io.BytesIO()
    archive.exporter.export(Wanted(records=[record_id], may_read=lambda _: readable), file)
    file.seek(0)
    trust = Policy.of_vkey(vkey(archive.options.origin, archive.keyring.log_key))
    return file.getvalue(), verify(file, trust)


def test_a_destroyed_record_is_in_no_file_and_every_proof_holds(place: Place) -> None:
    """First it is seen where it lies; then key, content, views, index and backups hold nothing,
    and leaves, receipts, proofs and signatures are what they were."""
    archive, acting = place.archive, Acting(place.archive)
    record, living = doomed(acting), acting.complaint(customer="留存公司")
    head = archive.log.checkpoint()
    assert archive.check(how=ONE_PROCESS).findings == ()
    before = evidence_of(archive, head.size)

    # It can be read and found, and the search for bytes sees it where it lies.
    assert archive.find(str(record.number)) == record.id
    assert [hit.record_id for hit in archive.views.search.search(CANARY, ALL).hits] == [record.id]
    assert read_file(archive, record) == CANARY.encode() * 60_000
    assert_seen_in_views(place)
    file, report = exported(archive, record.id, readable=True)
    assert report.ok
    assert {event.verdict for event in report.events} == {Verdict.OPENED}
    backup = old_backup(place)

    with another(place.options) as other:
        assert other.ledger.get(record.id).readable
        certified = disposed(place.staff, record)
        assert certified.state == "certified"
        assert not archive.destruction.remains(record.id)
        for each in (archive, other):
            assert_skeleton(each, record)

    # Nothing opens it: not the archive, not an export, not an older backup with today's master.
    for readable in (True, False):
        file, report = exported(archive, record.id, readable)
        *before_it, tombstone = report.events
        assert {event.verdict for event in before_it} == {Verdict.DISPOSED}
        assert tombstone.verdict is Verdict.OPENED  # it has no content that could be missing
        assert report.ok
        assert seen_in(unpacked({"bundle": file}), WANTED) == set()
    with pytest.raises((KeyDestroyed, AttachmentMissing)):
        read_file(archive, record)
    assert archive.views.search.search(CANARY, ALL).hits == ()
    assert_worthless(backup(), record.id, living.id)

    # The evidence is what it was, to the byte, and the living record is untouched.
    assert evidence_of(archive, head.size) == before
    assert archive.ledger.get(living.id) == living
    later = acting.take(living, "prioritise", reason="来电", priority="urgent")
    assert archive.log.checkpoint().size > head.size
    assert archive.check(how=ONE_PROCESS).findings == ()
    assert archive.ledger.get(living.id) == later

    # And no file holds any piece of it, in any spelling.
    assert place.seen(WANTED) == set()
    place.stop()
    assert (place.options.data / "check.json").is_file()
    assert place.seen(WANTED) == set()


def assert_seen_in_views(place: Place) -> None:
    """Each spelling of plaintext in the views and in the index; nowhere else."""
    where = place.seen(WANTED)
    if place.server is None:
        assert where
        assert where <= {"data/views.db", "data/views.db-wal"}
        return
    tables = {name.split(".")[1] for name in where if name.count(".") == 1 and "/" not in name}
    assert {"search_documents", "register_rows"} <= tables
    assert not any(name.startswith(("liuhen.", "keys.")) for name in where)
    with psycopg.connect(place.server.dsn, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
    assert {name for name in place.seen(forms(CANARY)) if name.startswith("postgres/base/")}


def assert_skeleton(archive: Archive, record: Record) -> None:
    """What happened and when stays; what was said is gone, and nothing is added."""
    found = archive.ledger.get(record.id)
    assert (found.readable, found.version, found.number) == (
        False,
        record.version + 1,
        record.number,
    )
    assert found.digests[:-1] == record.digests
    assert [e.values for e in found.entries] == [{}, {}, {}]
    assert CANARY not in repr(found)
    assert CANARY not in repr(archive.ledger.history(record.id))
    acting, header = Acting(archive), Acting(archive).header(record.id)
    for command in (
        acting.step(record.id, "prioritise", reason="来电", priority="normal"),
        Correct(**header, target=1, values={"demand": "无"}, reason="写错了"),
        LinkTo(**header, rel="see-also", record=record.id),
        acting.filing(record),
    ):
        with pytest.raises(RecordDestroyedError):
            archive.ledger.execute(command)
    again = replace(acting.opening("complaint", "receive", **COMPLAINT), record_id=record.id)
    with pytest.raises((RecordDestroyedError, VersionConflict)):
        archive.ledger.execute(again)
    line = archive.views.register.line(record.id)
    assert line is not None
    assert (line.readable, line.number) == (False, record.number)


def evidence_of(archive: Archive, size: int) -> list[object]:
    """Leaves, receipts, and proofs for a checkpoint; each of them verified."""
    head = archive.store.checkpoint(size)
    assert head is not None
    root = verify_checkpoint(archive.keyring.register, archive.options.origin, head.note).root
    rows = list(archive.store.leaves(0, head.size))
    assert merkle.root([merkle.leaf_hash(row.leaf) for row in rows]) == root
    found: list[object] = [head, rows]
    for row in rows:
        given = archive.store.receipt(row.leaf_index) or b""
        receipt.verify(given, archive.keyring.log_key.verify_key())
        _, proof = archive.log.inclusion(row.leaf_index, head.size)
        merkle.verify_inclusion(row.leaf_index, head.size, merkle.leaf_hash(row.leaf), proof, root)
        found += [given, proof]
    return found


def old_backup(place: Place) -> Callable[[], KeyStore]:
    """Keep the key store as it is; later open it with the master of that later time."""
    masters, kept = place.options.data / "master", place.folder / "keys-backup.db"
    (old,) = masters.iterdir()
    if place.server is None:
        # By the archive's own library: another one in this process would undo its locks.
        source, target = (
            apsw.Connection(str(place.options.data / "keys.db")),
            apsw.Connection(str(kept)),
        )
        with target.backup("main", source, "main") as backup:
            backup.step()
        source.close()
        target.close()
    else:
        with psycopg.connect(place.server.dsn) as connection:
            connection.execute("CREATE SCHEMA old_keys")
            for table in ("record_keys", "destroyed", "secrets", "generation"):
                connection.execute(f"CREATE TABLE old_keys.{table} AS TABLE keys.{table}")

    def reopen() -> KeyStore:
        (new,) = masters.iterdir()
        assert new.name != old.name
        forged = place.folder / "forged"
        forged.mkdir()
        shutil.copy(new, forged / old.name)
        if place.server is None:
            return SQLiteKeyStore(kept, forged)
        return PostgresKeyStore(place.server.dsn, forged, "old_keys")

    return reopen


def assert_worthless(backup: KeyStore, *record_ids: str) -> None:
    for record_id in record_ids:
        with pytest.raises(KeyStoreError, match="does not open"):
            backup.get(record_id)
    for name in backup.secret_names():
        with pytest.raises(KeyStoreError, match="does not open"):
            backup.secret(name)
    backup.close()


def test_destroying_twice_changes_nothing_more(world: World) -> None:
    """What was stopped halfway may be done again; it ends the same."""
    staff = Staff(world)
    record = doomed(Acting(world.archive))
    disposed(staff, record)
    (again,) = world.archive.destruction.destroy([record.id])
    assert (again.rows, again.error) == (0, None)
    assert not world.archive.ledger.get(record.id).readable


def test_after_a_restart_and_a_rebuild_it_is_still_gone(world: World) -> None:
    """Views that are built anew from the log show the same skeleton, and the rest as before."""
    staff, acting = Staff(world), Acting(world.archive)
    record, living = doomed(acting), acting.complaint(customer="留存公司")
    disposed(staff, record)
    archive = world.reopen()
    archive.views.rebuild(workers=0)
    assert_skeleton(archive, record)
    assert archive.views.search.search(CANARY, ALL).hits == ()
    assert [h.record_id for h in archive.views.search.search("留存公司", ALL).hits] == [living.id]
