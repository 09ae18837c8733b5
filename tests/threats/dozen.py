"""A dozen events through the real ledger: two files, a token of a timestamp authority, two
witnesses, a retry; on either store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import apsw
import psycopg

from archive.evidence import cosignature, note
from archive.evidence.keys import SigningKey
from archive.opening import Options, sources_of
from archive.sql import SqlStore
from archive.store import Cosignature, Idempotency
from domain.events import Attachment
from tests.archive.acting import COMPLAINT, Acting
from tests.threats.flips import Dozen, postgres_tables, sqlite_tables
from tests.vectors.world import seeded
from tests.worlds import Clock, World

WITNESS = SigningKey.from_seed(seeded("witness of the dozen"))
NAMED = note.VerifierKey.make("w.example", WITNESS.verify_key(), note.COSIGNATURE)


def attached(acting: Acting, name: str, data: bytes) -> Attachment:
    upload = acting.archive.attachments.begin(name, "text/plain", "")
    upload.feed(data)
    return upload.finish().file


def fill(world: World) -> list[str]:
    acting = Acting(world.archive)
    files = attached(acting, "a.txt", b"a" * 300), attached(acting, "b.txt", b"b" * 40)
    opening = acting.opening(
        "complaint", "receive", **{**COMPLAINT, "evidence": [file.id for file in files]}
    )
    opening = replace(opening, attachments=files, source="erp", source_id="4711")
    once = Idempotency(b"m" * 32, b"b" * 32, datetime(2027, 1, 1, tzinfo=UTC))
    world.archive.ledger.execute(opening, idempotency=once, source=b"s" * 32)
    record = world.archive.ledger.get(opening.record_id)
    for priority in ("normal", "important", "urgent"):
        acting.take(record, "prioritise", reason="来电", priority=priority)
    other = acting.complaint()
    acting.take(other, "prioritise", reason="来电", priority="urgent")
    acting.link(record, "see-also", other)
    acting.correct(record, 1, demand="赔偿")
    world.archive.keyring.register_own(
        world.archive.committer, SigningKey.from_seed(seeded("own of the dozen")).public, "ab" * 16
    )
    upload = world.archive.attachments.begin("not named.txt", "text/plain", "")
    upload.feed(b"c")
    upload.finish()
    head = world.archive.log.checkpoint()
    line = cosignature.cosign(note.parse(head.note).text, NAMED.name, WITNESS, 1_800_000_000)
    kept = datetime.fromtimestamp(1_800_000_000, UTC)
    world.archive.store.put_cosignature(Cosignature(head.size, str(NAMED), line.signature, kept))
    world.archive.timestamps.stamp_all()
    world.let_pass(days=1)
    return [record.id, other.id]


def made(data: Path, database: str | None) -> Iterator[Dozen]:
    clock = Clock()
    world = World(Options(data, clock, database=database), clock)
    world.with_authority()
    records = fill(world)
    archive = world.archive
    store = archive.store
    assert isinstance(store, SqlStore)
    shut = store.close
    object.__setattr__(store, "close", lambda: None)  # a check closes what it opened
    sources = replace(sources_of(world.options), open_store=lambda: store)
    with ExitStack() as stack:
        if database is None:
            log, keys = (
                sqlite_tables(stack.enter_context(closing(apsw.Connection(str(data / name)))))
                for name in ("archive.db", "keys.db")
            )
        else:
            log, keys = (
                postgres_tables(
                    stack.enter_context(psycopg.connect(database, autocommit=True)), schema
                )
                for schema in ("liuhen", "keys")
            )
        yield Dozen(archive, sources, log, keys, records)
    object.__setattr__(store, "close", shut)
    world.close()
