"""The canary test of EVIDENCE.md 4: what was destroyed is nowhere, and every proof still holds."""

import base64
import json
import shutil
import sqlite3
import zlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import apsw
import psycopg
import pytest

from archive.destruction import Destruction, NotDisposedError
from archive.evidence import attachment, content, leaf, merkle, statement
from archive.evidence.dsse import STATEMENT_TYPE, parse
from archive.keystore import KeyDestroyed, KeyStore
from archive.masters import KeyStoreError
from archive.store import StillRead, Store, Unit
from tests.archive.acting import reading_on
from tests.archive.canary import folder_files, forms, seen_in, unpacked, values
from tests.archive.sealed import Record, committer, stage, whole
from tests.stores import PostgresServer

CANARY = "蜚虻鼋鼍QZ-7731/κ龘"
"""Its two-character pieces occur nowhere else in any file here."""
PLANTED = "鬯觽龠齾QP-1377/λ麤"
"""Another one for the test that leaves plaintext in the server's log, which others look into."""


@pytest.fixture
def look(
    store_name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Callable[[set[bytes]], set[str]]:
    """Where any of the forms lies: in all files of the store, raw and unpacked."""
    server: PostgresServer | None = None
    dsn = ""
    if store_name == "postgres":
        server = request.getfixturevalue("postgres_server")
        dsn = request.getfixturevalue("postgres_dsn")
        if server.folder is None:
            pytest.skip("the data folder of LIUHEN_TEST_DATABASE cannot be looked into")

    def search(wanted: set[bytes]) -> set[str]:
        files = unpacked(folder_files(tmp_path))
        if server is not None and server.folder is not None:
            with psycopg.connect(server.dsn, autocommit=True) as connection:
                connection.execute("CHECKPOINT")
            files |= folder_files(server.folder) | unpacked(values(dsn))
        return seen_in(files, wanted)

    return search


class PlainView:
    """Stands where a view will: a table of opened content beside the archive, of its own kind."""

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(file, isolation_level=None)
        self._connection.execute("PRAGMA secure_delete = ON")
        self._connection.execute("CREATE TABLE opened (record TEXT, text BLOB)")

    def show(self, record_id: str, text: bytes) -> None:
        self._connection.execute("INSERT INTO opened VALUES (?, ?)", (record_id, text))

    def purge(self, record_ids: Sequence[str]) -> None:
        self._connection.executemany(
            "DELETE FROM opened WHERE record = ?", [(record_id,) for record_id in record_ids]
        )
        self._connection.execute("VACUUM")

    def close(self) -> None:
        self._connection.close()


def opened(store: Store, keys: KeyStore, event_id: str) -> bytes:
    row = store.event(event_id)
    assert row is not None
    said = statement.parse(parse(leaf.parse(row.leaf).envelope, STATEMENT_TYPE).payload)
    part = store.content(event_id)[0]
    key = content.unwrap(keys.get(row.record_id), part.wrapped, part.key_id)
    return content.open_part(
        said.parts[0], part.ciphertext or b"", record=said.record, event=said.event, key=key
    )


@pytest.mark.parametrize("planted", [False, True], ids=["as it is", "plaintext planted"])
def test_the_search_sees_plaintext_wherever_it_is_planted(
    planted: bool,
    store: Store,
    keys: KeyStore,
    look: Callable[[set[bytes]], set[str]],
    tmp_path: Path,
) -> None:
    """The search is not blind: plain, base64, \\u and compressed canaries are all found."""
    assert keys.new_record()
    if planted:
        plain = PLANTED.encode()
        (tmp_path / "utf8").write_bytes(b"x" + plain[:7] + b"x")
        (tmp_path / "escaped").write_text(json.dumps({"a": PLANTED}))
        (tmp_path / "base64").write_bytes(base64.b64encode(b'{"a":"' + plain + b'"}'))
        (tmp_path / "packed").write_bytes(b"xx" + zlib.compress(b"y" * 50 + plain))
        now = datetime(2026, 11, 22, tzinfo=UTC)
        store.stage_segment("ab" * 16, 0, plain * 300, now)
    found = look(forms(PLANTED))
    if not planted:
        assert found == set()
        return
    assert {"utf8", "escaped", "base64", "packed"} <= found
    assert len(found) > 4  # and in the store's own files


def test_a_destroyed_record_is_nowhere_and_all_proofs_hold(
    store: Store,
    keys: KeyStore,
    look: Callable[[set[bytes]], set[str]],
    tmp_path: Path,
    store_name: str,
    request: pytest.FixtureRequest,
) -> None:
    """Key, content, attachment, view are gone; an old key backup opens nothing; leaves verify."""
    write, now = committer(store), datetime(2026, 11, 22, tzinfo=UTC)
    text = json.dumps({"what": CANARY}, ensure_ascii=False, separators=(",", ":")).encode()
    doomed, living = Record(*keys.new_record()), Record(*keys.new_record())
    own, shared = stage(store, CANARY.encode() * 40, now), stage(store, b"shared" * 40, now)
    sealed = doomed.seal(text, attached=own)
    write.commit(Unit((sealed,)))
    write.commit(Unit((doomed.seal(attached=shared),)))
    kept = living.seal(b'{"what":"kept"}', attached=shared)
    write.commit(Unit((kept,)))
    wrapped_before = store.content_of_record(doomed.id)

    # It can be read, and what shows it is found.
    assert opened(store, keys, sealed.event_id) == text
    view = PlainView(tmp_path / "view.db")
    view.show(doomed.id, text)
    assert look(forms(CANARY)) == {"view.db"}
    backup = old_backup(store_name, tmp_path, request)
    ciphertexts = {c.ciphertext[:64] for c in wrapped_before if c.ciphertext}
    assert look(ciphertexts)

    write.commit(doomed.tombstone())
    rows = whole(store)
    root = merkle.root([row.leaf_hash for row in rows])
    (destroyed,) = Destruction(store, keys, [view.purge]).destroy([doomed.id])

    assert (destroyed.rows, destroyed.error) == (5, None)
    assert look(forms(CANARY)) == set()
    with pytest.raises(KeyDestroyed):
        keys.get(doomed.id)
    assert store.content_of_record(doomed.id) == []
    assert (store.segments(own[0].key), store.segments(shared[0].key)) == (0, 1)
    if store_name == "sqlite":  # nor the ciphertext; PostgreSQL's log keeps it, under no key
        assert look(ciphertexts) == set()
    # An older backup of the key store opens nothing, even with the new master.
    assert_worthless(backup(), [doomed.id, living.id])
    # Everything that was proven is still proven, and the living record still opens.
    after = list(store.leaves(0))
    assert after == rows
    assert merkle.root([merkle.leaf_hash(row.leaf) for row in after]) == root
    assert opened(store, keys, kept.event_id) == b'{"what":"kept"}'
    held = next(c for c in store.content(kept.event_id) if c.n == 1)
    key = content.unwrap(keys.get(living.id), held.wrapped, held.key_id)
    read = attachment.read_range(
        lambda i: store.segment(held.key_id, i) or b"", key, held.key_id, 240, 0, 240
    )
    assert b"".join(read) == b"shared" * 40
    (again,) = Destruction(store, keys).destroy([doomed.id])
    assert again.rows == 0
    view.close()


def old_backup(
    store_name: str, folder: Path, request: pytest.FixtureRequest
) -> Callable[[], KeyStore]:
    """Keep the key store as it is now; later, open it with the master of that later time."""
    from archive.keystore import PostgresKeyStore, SQLiteKeyStore  # noqa: PLC0415

    forged, kept = folder / "forged", folder / "keys-backup.db"
    (old,) = (folder / "masters").iterdir()
    old_name = old.name
    if store_name == "sqlite":
        # Not with the standard library's SQLite: closing it would undo the locks of the other one.
        source, target = apsw.Connection(str(folder / "keys.db")), apsw.Connection(str(kept))
        with target.backup("main", source, "main") as backup:
            backup.step()
        source.close()
        target.close()
    else:
        dsn: str = request.getfixturevalue("postgres_dsn")
        with psycopg.connect(dsn) as connection:
            connection.execute("CREATE SCHEMA old_keys")
            for table in ("record_keys", "destroyed", "secrets", "generation"):
                connection.execute(f"CREATE TABLE old_keys.{table} AS TABLE keys.{table}")

    def reopen() -> KeyStore:
        forged.mkdir()
        (new,) = (folder / "masters").iterdir()
        assert new.name != old_name
        shutil.copy(new, forged / old_name)
        if store_name == "sqlite":
            return SQLiteKeyStore(kept, forged)
        return PostgresKeyStore(dsn, forged, "old_keys")

    return reopen


def assert_worthless(backup: KeyStore, record_ids: list[str]) -> None:
    for record_id in record_ids:
        with pytest.raises(KeyStoreError, match="does not open"):
            backup.get(record_id)
    backup.close()


def test_destruction_stopped_halfway_can_be_done_again(store: Store, keys: KeyStore) -> None:
    """A purge that fails leaves key and content destroyed; repeating it finishes the rest."""
    record = Record(*keys.new_record())
    committer(store).commit(record.unit())
    committer(store).commit(record.tombstone())

    def broken(record_ids: Sequence[str]) -> None:
        raise OSError("the view's disk is full")

    with pytest.raises(OSError, match="full"):
        Destruction(store, keys, [broken]).destroy([record.id])
    with pytest.raises(KeyDestroyed):
        keys.get(record.id)
    assert not store.with_content([record.id])
    purged: list[str] = []
    (destroyed,) = Destruction(store, keys, [purged.extend]).destroy([record.id])
    assert destroyed.rows == 0
    assert purged == [record.id]


def test_what_somebody_still_reads_is_not_said_to_be_gone(
    open_store: Callable[[], Store],
    keys: KeyStore,
    look: Callable[[set[bytes]], set[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While an older snapshot holds deleted pages, destruction is not done; after it, it is."""
    monkeypatch.setattr("archive.sqlite.PATIENCE", 0.3)
    monkeypatch.setattr("archive.postgres.PATIENCE", 0.3)
    store, record = open_store(), Record(*keys.new_record())
    committer(store).commit(record.unit())
    ciphertexts = {c.ciphertext[:64] for c in store.content_of_record(record.id) if c.ciphertext}
    committer(store).commit(record.tombstone())
    with reading_on(store):
        with pytest.raises(StillRead):
            Destruction(store, keys).destroy([record.id])
        committer(store).commit(Record(*keys.new_record()).unit())  # nobody waits for the reader
        assert outside_the_log(look(ciphertexts))
    Destruction(store, keys).destroy([record.id])
    assert outside_the_log(look(ciphertexts)) == set()


def outside_the_log(files: set[str]) -> set[str]:
    """PostgreSQL's log keeps ciphertext, under no key."""
    return {name for name in files if not name.startswith("pg_wal")}


def test_the_old_master_goes_once_the_keys_are_secured(store: Store, keys: KeyStore) -> None:
    """A backup of the keys that fails leaves the old master; repeated, it is asked for again."""
    record = Record(*keys.new_record())
    committer(store).commit(record.unit())
    committer(store).commit(record.tombstone())

    def broken() -> None:
        raise OSError("the backup's disk is full")

    with pytest.raises(OSError, match="full"):
        Destruction(store, keys, secured=broken).destroy([record.id])
    assert keys.unfinished()
    told: list[bool] = []
    destruction = Destruction(store, keys, secured=lambda: told.append(keys.unfinished()))
    (destroyed,) = destruction.destroy([record.id])
    assert (told, destroyed.rows, keys.unfinished()) == ([True], 2, False)
    destruction.destroy([record.id])
    assert len(told) == 1


def test_what_was_not_disposed_of_is_not_destroyed(store: Store, keys: KeyStore) -> None:
    """Without a disposal in the log nothing is destroyed, of none of those asked for."""
    disposed, living = Record(*keys.new_record()), Record(*keys.new_record())
    for record in (disposed, living):
        committer(store).commit(record.unit())
    committer(store).commit(disposed.tombstone())
    with pytest.raises(NotDisposedError, match=living.id):
        Destruction(store, keys).destroy([disposed.id, living.id])
    for record, events in ((disposed, 2), (living, 1)):
        assert keys.get(record.id) == record.key
        assert len(store.content_of_record(record.id)) == events


def test_segments_that_no_event_names_are_collected(store: Store) -> None:
    """After a day, staged segments of no event go; those an event names stay."""
    write, now = committer(store), datetime(2026, 11, 22, tzinfo=UTC)
    named, orphan = stage(store, b"a" * 10, now), stage(store, b"b" * 10, now)
    fresh = stage(store, b"c" * 10, replace_day(now, 23))
    write.commit(Unit((Record().seal(attached=named),)))
    assert store.collect_segments(replace_day(now, 23)) == 1
    assert [store.segments(p.key) for p, _ in (named, orphan, fresh)] == [1, 0, 1]


def replace_day(moment: datetime, day: int) -> datetime:
    return moment.replace(day=day)
