"""Record keys, their master, and what destruction leaves."""

import multiprocessing
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archive.keystore import KeyDestroyed, KeyStore, PostgresKeyStore, SQLiteKeyStore
from archive.masters import KeyStoreError, MasterMissing, Masters

Open = Callable[[], KeyStore]
REPO = Path(__file__).parents[2]


def test_a_new_records_key_is_there_after_reopening(open_keys: Open) -> None:
    """A key handed out from the pool is durable: another process gets the same one."""
    made = dict(open_keys().new_record() for _ in range(40))
    again = open_keys()
    assert len(made) == 40
    assert {record_id: again.get(record_id) for record_id in made} == made


def test_threads_never_share_a_new_record(keys: KeyStore) -> None:
    """Each call of new_record gets an id and a key of its own."""
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: keys.new_record(), range(300)))
    assert len({record_id for record_id, _ in made}) == 300
    assert len({key for _, key in made}) == 300


def test_a_reserved_id_keeps_its_first_key(open_keys: Open) -> None:
    """Two processes that reserve one id get one key."""
    record_id = secrets.token_hex(16)
    key = open_keys().reserve(record_id)
    assert open_keys().reserve(record_id) == key
    assert len(key) == 32


def test_an_unknown_record_has_no_key(keys: KeyStore) -> None:
    """KeyDestroyed says that there is none, whether there ever was one or not."""
    with pytest.raises(KeyDestroyed):
        keys.get("00" * 16)


def test_many_keys_come_at_once(open_keys: Open) -> None:
    """Those that have a key, as each alone; a destroyed one, and one that never was, are not in."""
    here = open_keys()
    made = dict(here.new_record() for _ in range(3))
    gone, _ = here.new_record()
    here.destroy([gone])
    there = open_keys()
    assert there.get_many([*made, gone, "00" * 16]) == made
    assert there.get_many([]) == {}
    assert here.get_many(list(made)) == {record: here.get(record) for record in made}


def test_destruction_takes_one_and_leaves_the_others(open_keys: Open) -> None:
    """The destroyed key is gone everywhere and for ever; the living open as before."""
    here, there = open_keys(), open_keys()
    gone, _ = here.new_record()
    kept, key = here.new_record()
    there.get(gone)
    here.destroy([gone])
    for store in (here, there, open_keys()):
        with pytest.raises(KeyDestroyed):
            store.get(gone)
        with pytest.raises(KeyDestroyed):
            store.reserve(gone)
        assert store.get(kept) == key
    assert there.get(there.new_record()[0])


def test_secrets_outlive_a_rotation_and_expire(open_keys: Open) -> None:
    """A named secret keeps its value over rotations, until its time is over."""
    here, now = open_keys(), datetime(2026, 11, 22, tzinfo=UTC)
    here.put_secret("idempotency/2026-11-22", b"window", now + timedelta(days=1))
    here.put_secret("source-mac", b"for ever")
    here.destroy([here.new_record()[0]])
    there = open_keys()
    assert there.secret("idempotency/2026-11-22") == b"window"
    assert there.secret_names("idempotency/") == ["idempotency/2026-11-22"]
    assert there.forget_secrets(now + timedelta(days=1)) == 1
    assert here.secret("idempotency/2026-11-22") is None
    assert here.secret("source-mac") == b"for ever"
    here.drop_secret("source-mac")
    assert there.secret("source-mac") is None


def test_one_maker_of_a_secret_wins(open_keys: Open) -> None:
    """Whoever asks first makes the secret; all others get that one."""
    stores = [open_keys() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        found = list(
            pool.map(lambda s: s.secret_or_make("log", lambda: secrets.token_bytes(32)), stores)
        )
    assert len(set(found)) == 1


def test_a_master_is_for_the_owner_only(tmp_path: Path) -> None:
    """The file has mode 0600; one that others can read is refused."""
    masters = Masters(tmp_path / "masters")
    made = masters.make()
    file = next((tmp_path / "masters").iterdir())
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o640)
    with pytest.raises(KeyStoreError, match="chmod 600"):
        masters.load(made.id)


def test_without_its_master_the_store_does_not_open(tmp_path: Path) -> None:
    """A missing master is named, and no new one is made in its place."""
    SQLiteKeyStore(tmp_path / "keys.db", tmp_path / "masters").close()
    shutil.rmtree(tmp_path / "masters")
    with pytest.raises(MasterMissing, match="restore it"):
        SQLiteKeyStore(tmp_path / "keys.db", tmp_path / "masters")


def test_an_old_backup_opens_nothing_with_the_new_master(tmp_path: Path) -> None:
    """The point of rotation: a copy of keys.db from before is worthless."""
    store = SQLiteKeyStore(tmp_path / "keys.db", tmp_path / "masters")
    gone, kept = store.new_record()[0], store.new_record()[0]
    store.close()
    backup = tmp_path / "backup.db"
    shutil.copy(tmp_path / "keys.db", backup)
    store = SQLiteKeyStore(tmp_path / "keys.db", tmp_path / "masters")
    old = store._master.id  # noqa: SLF001 - which file must be gone
    store.destroy([gone])
    (new,) = (tmp_path / "masters").iterdir()
    assert new.name != f"{old}.master"
    with pytest.raises(MasterMissing):
        SQLiteKeyStore(backup, tmp_path / "masters")
    # Even with the new master put under the old one's name.
    forged = tmp_path / "forged"
    forged.mkdir()
    shutil.copy(new, forged / f"{old}.master")
    stale = SQLiteKeyStore(backup, forged)
    for record_id in (gone, kept):
        with pytest.raises(KeyStoreError):
            stale.get(record_id)
    stale.close()
    store.close()


STEPS = ("make", "rewrap_keys", "rewrap_secrets", "remove", "overwrite", "scrub")


def _open(where: str, masters: Path) -> KeyStore:
    """A SQLite file, or a PostgreSQL address."""
    if where.endswith(".db"):
        return SQLiteKeyStore(Path(where), masters)
    return PostgresKeyStore(where, masters)


@pytest.fixture
def where(store_name: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if store_name == "sqlite":
        return str(tmp_path / "keys.db")
    return str(request.getfixturevalue("postgres_dsn"))


def _die_at(step: str, where: str, masters: Path, gone: str) -> None:
    """In a process of its own: start destruction, and be killed at the step."""

    def die(*args: object, **kwargs: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    store = _open(where, masters)
    if step == "make":
        Masters._sync_folder = die  # type: ignore[method-assign]  # noqa: SLF001
    elif step == "rewrap_keys":
        store._rewrap_keys = die  # type: ignore[method-assign]  # noqa: SLF001
    elif step == "rewrap_secrets":
        store._rewrap_secrets = die  # type: ignore[method-assign]  # noqa: SLF001
    elif step == "remove":
        Masters.remove_all_but = die  # type: ignore[method-assign]
    elif step == "overwrite":
        Path.unlink = die  # type: ignore[method-assign]
    else:
        store.scrub = die  # type: ignore[method-assign]
    store.destroy([gone])


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_during_destruction_ends_in_one_state(step: str, where: str, tmp_path: Path) -> None:
    """Killed anywhere, the reopened store has one master, and all keys or all but the destroyed."""
    masters = tmp_path / "masters"
    store = _open(where, masters)
    gone, kept = store.new_record()[0], store.new_record()
    store.close()
    process = multiprocessing.get_context("spawn").Process(
        target=_die_at, args=(step, where, masters, gone)
    )
    process.start()
    process.join(30)
    assert process.exitcode == -9
    after = _open(where, masters)
    assert len(list(masters.iterdir())) == 1
    assert after.get(kept[0]) == kept[1]
    committed = step in {"remove", "overwrite", "scrub"}
    if committed:
        with pytest.raises(KeyDestroyed):
            after.get(gone)
    else:
        assert len(after.get(gone)) == 32
    after.destroy([gone])
    with pytest.raises(KeyDestroyed):
        after.get(gone)
    after.close()


KILLER = """
import itertools, os, signal, sys
from pathlib import Path
import psycopg
from archive.keystore import KeyDestroyed, PostgresKeyStore
dsn, masters = sys.argv[1], Path(sys.argv[2])

def destroy_and_die(gone, last):
    # Killed at exchange number `last` with the server: before it is sent, or when it was answered.
    store, seen = PostgresKeyStore(dsn, masters), itertools.count(1)
    wait = psycopg.Connection.wait
    def exchange():
        if next(seen) == last:
            os.kill(os.getpid(), signal.SIGKILL)
    def watched(self, *args, **kwargs):
        exchange()
        answer = wait(self, *args, **kwargs)
        exchange()
        return answer
    psycopg.Connection.wait = watched
    store.destroy([gone])

ended = set()
store = PostgresKeyStore(dsn, masters)
kept, key = store.new_record()
store.put_secret("log", b"a signing key")
store.close()
for last in itertools.count(1):
    store = PostgresKeyStore(dsn, masters)
    gone, its = store.new_record()
    store.close()
    child = os.fork()
    if not child:
        destroy_and_die(gone, last)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    store = PostgresKeyStore(dsn, masters)
    assert len(list(masters.iterdir())) == 1, last
    assert store.get(kept) == key, last
    assert store.secret("log") == b"a signing key", last
    try:
        assert store.get(gone) == its, last
        ended.add("as before")
        assert "destroyed" not in ended, last  # all before COMMIT, or all after it
    except KeyDestroyed:
        ended.add("destroyed")
    store.close()
    if status == 0:
        break
    assert status == -signal.SIGKILL
assert ended == {"as before", "destroyed"}
print("killed at", last - 1, "exchanges")
"""


def test_a_kill_at_every_exchange_of_a_destruction(postgres_dsn: str, tmp_path: Path) -> None:
    """On PostgreSQL too there is one moment: before it nothing was destroyed, after it all was."""
    done = subprocess.run(
        [sys.executable, "-c", KILLER, postgres_dsn, str(tmp_path / "masters")],
        cwd=REPO,
        env={**os.environ, "PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    killed = re.search(r"killed at (\d+) exchanges", done.stdout)
    assert killed is not None
    assert int(killed[1]) >= 20
