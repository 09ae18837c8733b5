"""A small archive from the real parts: store, key store, committer, keyring, log; no domain.

Its events are sealed here, so that a test may also write what the ledger never would.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from archive.check import Thoroughness, check
from archive.committer import Committer, Placed
from archive.evidence import attachment, content, dsse, statement
from archive.evidence.instant import time_text
from archive.evidence.statement import Part, Ref, Signoff, Statement
from archive.findings import CheckReport
from archive.inspection import Sources
from archive.keyring import Keyring
from archive.keystore import KeyStore, PostgresKeyStore, SQLiteKeyStore
from archive.log import TransparencyLog
from archive.postgres import PostgresStore
from archive.sqlite import SQLiteStore
from archive.store import Committed, ContentRow, Sealed, Unit
from archive.witnessing import Witnesses

ORIGIN = "archive.example/liuhen"
KIND = "complaint"
ACTOR = "a" * 32


@dataclass
class TurnedClock:
    """A second passes whenever it is looked at."""

    now: datetime = datetime(2026, 11, 22, 8, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@dataclass
class SmallArchive:
    open_store: Callable[[], SQLiteStore | PostgresStore]
    open_keys: Callable[[], KeyStore]
    clock: TurnedClock = field(default_factory=TurnedClock)
    heads: dict[str, tuple[int, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store, self.keys = self.open_store(), self.open_keys()
        self.committer = Committer(
            self.store, self.clock, self._sign_receipt, ZoneInfo("Asia/Shanghai")
        )
        self.keyring = Keyring(ORIGIN, self.store, self.keys, self.clock)
        self.keyring.found(self.committer)
        self.log = TransparencyLog(self.store, self.keyring, self.clock)
        self.witnesses = Witnesses(self.store, self.log, None, self.clock)

    def _sign_receipt(self, placed: Placed) -> bytes:
        return self.keyring.sign_receipt(placed)

    @property
    def sources(self) -> Sources:
        return Sources(ORIGIN, self.open_store, self.open_keys)

    def check(self, processes: int = 0, **given: Any) -> CheckReport:
        return check(self.sources, self.clock, how=Thoroughness(processes), **given)

    def close(self) -> None:
        self.keys.close()
        self.store.close()

    # ------------------------------------------------------------ writing

    def open(self, said: str = "打开", **given: Any) -> str:
        """A new record with one event; its id."""
        record, _ = self.keys.new_record()
        self.append(record, said, **given)
        return record

    def append(self, record: str, said: str = "又一步", **given: Any) -> Committed:
        (committed,) = self.committer.commit(Unit((self.seal(record, said, **given),)))
        return committed

    def seal(
        self,
        record: str,
        said: str,
        *,
        type_: str | None = None,
        files: Sequence[bytes] = (),
        covers: Sequence[str] = (),
        refs: Sequence[Ref] = (),
        facts: dict[str, Any] | None = None,
        **changes: Any,
    ) -> Sealed:
        """The next event of a record, signed with the intake key; `changes` go into its statement.

        What the record's next event will point back to is remembered at once.
        """
        version, prev = self.heads.get(record, (0, ""))
        event = content.new_key_id()
        attached = [self.stage(file, n) for n, file in enumerate(files, 1)]
        rows, parts = self._sealed_parts(record, event, said, attached)
        members: dict[str, Any] = {
            "origin": ORIGIN,
            "event": event,
            "record": record,
            "version": version + 1,
            "prev": prev or None,
            "type": type_ or ("step-taken" if version else "opened"),
            "kind": KIND,
            "kind_version": 1,
            "actor": ACTOR,
            "key": self.keyring.author.key.key_id,
            "assurance": "session",
            "occurred_at": time_text(self.clock.now),
            "parts": parts,
            "signoff": Signoff("approves", tuple(covers)) if covers else None,
            "refs": tuple(refs),
            "facts": facts or {},
        }
        said_ = Statement(**{**members, **changes})
        payload = statement.encode(said_)
        envelope = dsse.sign(payload, dsse.STATEMENT_TYPE, self.keyring.author.key)
        self.heads[record] = said_.version, dsse.envelope_hash(envelope)
        return Sealed(
            record_id=record,
            version=said_.version,
            topic=f"{said_.kind}/{said_.type}",
            event_id=event,
            envelope=envelope,
            prefix="KS" if said_.version == 1 else None,
            content=rows,
        )

    def stage(self, file: bytes, n: int) -> tuple[Part, bytes, int]:
        key, key_id = content.new_key(), content.new_key_id()
        sealer = attachment.Sealer(key, key_id)
        for i, segment in enumerate([*sealer.feed(file), sealer.finish()]):
            self.store.stage_segment(key_id, i, segment, self.clock())
        return sealer.part(n), key, len(file)

    def _sealed_parts(
        self, record: str, event: str, said: str, attached: Sequence[tuple[Part, bytes, int]]
    ) -> tuple[tuple[ContentRow, ...], tuple[Part, ...]]:
        listed = [
            {"n": part.n, "name": "a.bin", "media_type": "application/octet-stream", "size": size}
            for part, _, size in attached
        ]
        plain = orjson.dumps({"attachments": listed, "said": said}, option=orjson.OPT_SORT_KEYS)
        key, key_id = content.new_key(), content.new_key_id()
        sealed = content.seal(plain, record=record, event=event, n=0, key=key, key_id=key_id)
        record_key = self.keys.get(record)
        rows = [ContentRow(0, key_id, content.wrap(record_key, key, key_id), sealed.ciphertext)]
        rows += [
            ContentRow(part.n, part.key, content.wrap(record_key, file_key, part.key), None)
            for part, file_key, _ in attached
        ]
        return tuple(rows), (sealed.part, *(part for part, _, _ in attached))


def sqlite_archive(folder: Path) -> SmallArchive:
    return SmallArchive(
        partial(SQLiteStore, folder / "archive.db"),
        partial(SQLiteKeyStore, folder / "keys.db", folder / "master"),
    )


def postgres_archive(dsn: str, folder: Path) -> SmallArchive:
    return SmallArchive(
        partial(PostgresStore, dsn), partial(PostgresKeyStore, dsn, folder / "master")
    )
