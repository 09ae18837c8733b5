"""An older log put right before it serves anybody: what the disposal ledger knows is done again.

Rules, triggers, holds and disposals that the log does not have come back as their authors signed
them: the same envelopes, at the end of this log, so a hold is in force again. Then every record
whose key was destroyed since loses its content too; where its disposal stands in the ledger, a
`restoration` record repeats the list with the approvals that were given, and the record is disposed
of against it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, TypeVar

from archive.backup_files import Manifest
from archive.disposal_ledger import Entry, Ledger, LedgerHead
from archive.evidence import dsse
from archive.evidence.errors import EvidenceError
from archive.evidence.instant import parse_time
from archive.evidence.statement import Statement
from archive.leaves import read_leaf
from archive.ledger import new_id
from archive.opening import Archive
from archive.sealed_files import BackupDamaged, BackupError
from archive.sealing import INTERNAL, seal, stored_type
from archive.sql_audit import PARTS
from archive.sql_copy import Row
from archive.store import ContentRow, Sealed, StoreError, Unit
from domain.commands import Actor, Dispose, Open, TakeStep
from domain.context import Context
from domain.decide import decide
from domain.errors import DomainError
from domain.record import Record

ARCHIVE = Actor(person=None, assurance="system", trusted=True)
LISTS = ("list", "relist", "replay")
ROWS = 1_000
"""Items of one replay."""
DISPOSALS = 200
T = TypeVar("T")


@dataclass
class Replayed:
    """What was done. `unexplained`: records whose content is gone as their keys are, though the
    ledger has no disposal that fits them; why, by record id."""

    restoration: str
    head: LedgerHead
    again: int = 0
    """Events of rules, triggers, holds and disposals that were taken in again."""
    renumbered: dict[str, str] = field(default_factory=dict)
    disposed: list[str] = field(default_factory=list)
    unexplained: dict[str, str] = field(default_factory=dict)


class Replay:
    """Once for each restored archive, which nobody else has open."""

    def __init__(self, archive: Archive, data: Manifest) -> None:
        self._archive, self._data = archive, data
        self._store = archive.store

    def run(self, ledger: Ledger, told: Callable[[int], None] = lambda _: None) -> Replayed:
        """BackupDamaged where the ledger is of another history; BackupError where it is older than
        the data."""
        head = ledger.head
        if head.size < self._data.size:
            raise BackupError(
                f"the disposal ledger knows {head.size} leaves, the data has {self._data.size}: "
                "restore with the keys that were backed up with the data, or later"
            )
        done = Replayed("", head)
        for entry in ledger.entries():
            self._take_again(entry, done)
        done.restoration = self._begun(head)
        gone = sorted(ledger.destroyed)
        here = {r for part in chunks(gone, 500) for r, v in self._versions(part) if v}
        self._dispose(done, ledger.disposed(), here, told)
        self._remove(done, sorted(here))
        return done

    def served(self, done: Replayed) -> None:
        """From here on the archive may be served."""
        self._step(done.restoration, "serve", {})

    def _versions(self, record_ids: Sequence[str]) -> Iterable[tuple[str, int]]:
        return self._store.versions(record_ids).items()

    # ------------------------------------------------------------ signed events again

    def _take_again(self, entry: Entry, done: Replayed) -> None:
        row = entry.event
        if self._known(row):
            return
        envelope, said, number = self._signed(row)
        for attachment, i, _, ciphertext in entry.segments:
            if self._store.segment(attachment.hex(), i) is None:
                now = self._archive.options.clock()
                self._store.stage_segment(attachment.hex(), i, ciphertext, now)
        sealed = Sealed(
            record_id=said.record,
            version=said.version,
            topic=row[3],
            event_id=said.event,
            envelope=envelope,
            prefix=number.split("-")[0] if number else None,
            content=tuple(
                ContentRow(slot % PARTS, key_id.hex(), wrapped, ciphertext)
                for slot, key_id, wrapped, ciphertext in entry.content
            ),
        )
        (committed,) = self._archive.committer.commit(Unit((sealed,)))
        done.again += 1
        if number and committed.number and committed.number != number:
            done.renumbered[number] = committed.number

    def _known(self, row: Row) -> bool:
        """Whether the log has this event; where it has the leaf, it is the very same."""
        if row[0] >= self._data.size:
            return False
        there = self._store.at(row[0])
        if there is None or there.leaf != row[8]:
            raise BackupDamaged(
                f"leaf {row[0]} of the disposal ledger is not that of the data: they are of two "
                "archives, or of one that was restored before"
            )
        return True

    def _signed(self, row: Row) -> tuple[bytes, Statement, str | None]:
        """The envelope of a ledger's event, what it says and its number, all of it verified."""
        try:
            leaf, envelope, said = read_leaf(row[8])
            register = self._archive.keyring.register
            dsse.verify(envelope, register.signer_of(said, self._store.head().size))
        except EvidenceError as error:
            raise BackupDamaged(f"leaf {row[0]} of the disposal ledger: {error}") from error
        columns = row[1].hex(), row[2], (row[4] or b"").hex()
        topic = f"{said.kind}/{stored_type(said.type, said.version)}"
        if columns != (said.record, said.version, said.event) or row[3] not in (
            topic,
            INTERNAL + topic,
        ):
            raise BackupDamaged(f"leaf {row[0]} of the disposal ledger says otherwise than its row")
        return leaf.envelope, said, leaf.number

    # ------------------------------------------------------------ disposals again

    def _begun(self, head: LedgerHead) -> str:
        values = {
            "backup": self._data.name,
            "taken_at": parse_time(self._data.taken_at),
            "size": self._data.size,
            "root": self._data.root,
            "ledger_size": head.size,
            "ledger_root": head.root,
        }
        record_id, _ = self._archive.keys.new_record()
        command = Open(**self._header(record_id), kind="restoration", step="begin", values=values)
        return self._archive.ledger.execute(command).committed.record_id

    def _dispose(
        self, done: Replayed, rows: Iterator[Row], here: set[str], told: Callable[[int], None]
    ) -> None:
        """List by list, as they were executed."""
        wanted: dict[tuple[str, str], list[Statement]] = {}
        for row in rows:
            if row[1].hex() in here and not self._known(row):
                _, said, _ = self._signed(row)
                listed = next((ref.record for ref in said.refs if ref.rel == "disposal"), "")
                wanted.setdefault((listed, said.facts["list"]), []).append(said)
        for (listed, list_hash), said_of in wanted.items():
            found = self._rows(listed, list_hash)
            for part in chunks(said_of, ROWS):
                self._replay(done, list_hash, part, found)
                told(len(done.disposed))

    def _rows(self, listed: str, list_hash: str) -> dict[str, dict[str, Any]]:
        """The items of the list by record; none where that disposal cannot be read."""
        if not self._store.versions([listed])[listed]:
            return {}
        for entry in reversed(self._archive.ledger.get(listed).entries):
            if entry.step in LISTS and entry.values.get("list_hash") == list_hash:
                return {row["record"]: dict(row) for row in entry.values["items"]}
        return {}

    def _replay(
        self,
        done: Replayed,
        list_hash: str,
        said_of: Sequence[Statement],
        found: dict[str, dict[str, Any]],
    ) -> None:
        items = [found[said.record] for said in said_of if said.record in found]
        missing = [said.record for said in said_of if said.record not in found]
        done.unexplained.update(dict.fromkeys(missing, "its list is not in the disposal ledger"))
        if not items:
            return
        approvals = [{"digest": digest} for digest in said_of[0].facts["approvals"]]
        values = {
            "medium": "electronic",
            "list_hash": list_hash,
            "items": items,
            "approvals": approvals,
        }
        self._step(done.restoration, "replay", values)
        warrant = self._archive.ledger.get(done.restoration)
        context = replace(self._archive.organisation.context(), warrant=warrant)
        for part in chunks(items, DISPOSALS):
            units = []
            for row in part:
                try:
                    units.append((row["record"], self._tombstone(row, context)))
                except DomainError as error:
                    done.unexplained[row["record"]] = error.message.en
            outcomes = self._archive.committer.commit_many([unit for _, unit in units])
            for (record, _), outcome in zip(units, outcomes, strict=True):
                if isinstance(outcome, StoreError):
                    raise outcome
                self._archive.ledger.forget(record)
                done.disposed.append(record)

    def _tombstone(self, row: dict[str, Any], context: Context) -> Unit:
        """Decided like every disposal. The ledger writes nothing to a record without a key; this
        event has no content that one would be needed for."""
        record = self._archive.ledger.get(row["record"])
        header, warrant = self._header(record.id), context.warrant
        command = Dispose(**header, warrant=warrant.id if warrant else "", item=row["item"])
        decision = decide(record, command, context)
        sealed = seal(
            decision.event,
            author=self._archive.keyring.author,
            previous=record.head,
            record_key=b"",
            internal=record.kind.internal,
        )
        return Unit((sealed,), decision.reads)

    def _remove(self, done: Replayed, here: Sequence[str]) -> None:
        """Keys are not there any more; content that came with the data goes, and from its pages."""
        destruction = self._archive.destruction
        for part in chunks(here, DISPOSALS):
            disposed = [r for r in part if destruction.is_disposed(r) and destruction.remains(r)]
            others = [r for r in part if not destruction.is_disposed(r)]
            for record in others:
                done.unexplained.setdefault(record, "no disposal of it is in the disposal ledger")
                self._archive.ledger.forget(record)
            if disposed:
                destruction.destroy(disposed)
            if others:
                self._archive.views.purge(others)
                self._store.destroy_content(others)
        if here:
            self._store.scrub()

    # ------------------------------------------------------------ commands

    def _step(self, record_id: str, step: str, values: dict[str, Any]) -> Record | None:
        command = TakeStep(**self._header(record_id), step=step, values=values)
        return self._archive.ledger.execute(command).record

    def _header(self, record_id: str) -> dict[str, Any]:
        now = self._archive.options.clock()
        return {
            "event_id": new_id(),
            "record_id": record_id,
            "actor": ARCHIVE,
            "occurred_at": now,
            "received_at": now,
        }


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part
