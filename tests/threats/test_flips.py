"""Every byte changed in turn: a sample of them here, all with `make flips`."""

from __future__ import annotations

import io
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import apsw
import pytest

from archive.check import Thoroughness, check
from archive.evidence import tlog_proof
from archive.evidence.errors import EvidenceError
from archive.evidence.policy import Policy
from archive.evidence.verify import verify
from archive.exporting import Wanted
from archive.inspection import Sources
from archive.keystore import SQLiteKeyStore
from archive.masters import KeyStoreError
from archive.proving import prove_event
from archive.sqlite import SQLiteStore
from archive.store import StoreError
from archive.timestamps import Timestamps
from tests.stores import STORES, PostgresServer
from tests.threats.dozen import made
from tests.threats.flips import (
    Dozen,
    flips_that_pass,
    places,
    sample,
    unnamed_flips,
    unnoticed,
    unnoticed_in_file,
)
from tests.witness_processes import log_vkey

SEED = 20261122
ON_ONE = pytest.mark.parametrize("dozen", ["sqlite"], indirect=True)
"""Where the database makes no difference, or is the one that has files of its own."""


@pytest.fixture(scope="module")
def of_each(request: pytest.FixtureRequest) -> int | None:
    """How many bytes of each column, file and member are changed; None for all."""
    return None if request.config.getoption("--flips", default=None) else 4


@pytest.fixture(
    scope="module",
    params=[s if s == "sqlite" else pytest.param(s, marks=pytest.mark.postgres) for s in STORES],
)
def dozen(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Dozen]:
    data, server, database = tmp_path_factory.mktemp("dozen"), None, None
    if request.param == "postgres":
        server = request.getfixturevalue("postgres_server")
        assert isinstance(server, PostgresServer)
        database = server.create_database()
    yield from made(data, database)
    if server is not None and database is not None:
        server.drop_database(database)


@pytest.fixture(scope="module")
def policy(dozen: Dozen) -> Policy:
    return Policy.of_vkey(log_vkey(dozen.archive))


@pytest.fixture(scope="module")
def bundle(dozen: Dozen) -> bytes:
    file = io.BytesIO()
    dozen.archive.exporter.export(Wanted(records=dozen.records), file)
    return file.getvalue()


def chosen(length: int, of_each: int | None) -> list[int]:
    """Places in a file; a hundred times as many as of one column."""
    found, most = list(places(length, random.Random(SEED))), 100 * (of_each or 0)
    return random.Random(SEED).sample(found, most) if most and most < len(found) else found


def test_a_whole_archive_is_whole(dozen: Dozen, bundle: bytes, policy: Policy) -> None:
    """Without a flip nothing is found: whatever is noticed below is noticed because of it."""
    assert not dozen.finds(keys=True, tokens=True)
    assert verify(io.BytesIO(bundle), policy).ok


def test_no_cell_of_the_log_changes_unnoticed(dozen: Dozen, of_each: int | None) -> None:
    """Of each column of each table; what is not judged stands in UNJUDGED with its reason."""
    spots = dozen.spots(dozen.log, SEED)
    assert unnoticed(dozen, dozen.log, sample(spots, of_each, SEED)) == Counter()


def test_no_cell_of_the_keys_changes_unnoticed(dozen: Dozen, of_each: int | None) -> None:
    """A key that is another opens nothing, and no secret is ever another one."""
    spots = dozen.spots(dozen.keys, SEED)
    assert unnoticed(dozen, dozen.keys, sample(spots, of_each, SEED)) == Counter()


def test_no_byte_of_the_master_changes_unnoticed(dozen: Dozen) -> None:
    """Another master opens no key store; neither does one that is longer or shorter."""
    (path,) = [p for p in (dozen.archive.options.data / "master").iterdir() if p.stat().st_size]
    data = path.read_bytes()
    flips = [data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] for at in range(len(data))]
    try:
        for spoiled in [*flips, data[:-1], data + b"\0"]:
            path.write_bytes(spoiled)
            with pytest.raises((KeyStoreError, StoreError)):
                dozen.reads_every_key()
    finally:
        path.write_bytes(data)


@ON_ONE
def test_no_byte_of_a_bundle_changes_unnoticed(
    bundle: bytes, policy: Policy, of_each: int | None
) -> None:
    """The container names every changed byte; behind a container that was made to fit, the
    evidence itself does."""
    at = chosen(len(bundle), of_each)
    assert unnamed_flips(bundle, at, random.Random(SEED)) == []
    most = None if of_each is None else 3 * of_each
    assert flips_that_pass(bundle, policy, random.Random(SEED), most) == Counter()


@ON_ONE
def test_no_byte_of_a_proof_changes_unnoticed(dozen: Dozen, policy: Policy) -> None:
    """Of a proof file each byte is the only one that it can be."""
    archive = dozen.archive
    row = archive.store.at(5)
    assert row is not None
    data = tlog_proof.encode(prove_event(archive.log, archive.witnesses, row))
    tlog_proof.parse(data).verify(policy)
    for at in range(len(data)):
        spoiled = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(EvidenceError):
            tlog_proof.parse(spoiled).verify(policy)


# ---------------------------------------------------------------- files of SQLite


@ON_ONE
@pytest.mark.parametrize("name", ["archive.db", "keys.db"])
def test_no_byte_of_a_database_file_changes_what_is_read(
    dozen: Dozen, of_each: int | None, name: str, tmp_path: Path
) -> None:
    """The file itself, below SQL, where the archive is closed: a check or SQLite finds it, or
    exactly the same is read as before (free space, counters of SQLite's own)."""
    options = dozen.archive.options
    for each in ("archive.db", "keys.db"):
        connection = apsw.Connection(str(options.data / each))
        connection.execute("VACUUM INTO ?", (str(tmp_path / each),))
        connection.close()
    master = options.data / "master"
    sources = Sources(
        options.origin,
        partial(SQLiteStore, tmp_path / "archive.db"),
        partial(SQLiteKeyStore, tmp_path / "keys.db", master),
    )

    def finds() -> bool:
        try:
            with closing(SQLiteStore(tmp_path / "archive.db")) as store:
                judge = Timestamps(
                    store, dozen.archive.log, options.authorities, options.clock
                ).judge
                how = Thoroughness(processes=0)
                found = check(sources, options.clock, how=how, judge_tokens=judge)
            return not (found.ok and dozen.secrets_open(sources))
        except (StoreError, KeyStoreError, EvidenceError):
            return True

    assert not finds()
    path = tmp_path / name
    spots = random.Random(SEED).sample(range(path.stat().st_size), 4000 if of_each is None else 60)
    masks = random.Random(SEED)
    assert unnoticed_in_file(path, spots, masks, finds, dozen.read_from) == []
