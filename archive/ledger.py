"""The ledger: a command in, a committed event and its receipt out; and every way to replay.

Frame: the library's `Application` and `Repository`. From the mapper down it is ours (HOUSE.md):
events are sealed before they are stored, and one committer gives them their leaves.
"""

from __future__ import annotations

import hmac
import secrets
from _thread import LockType
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from threading import Lock
from time import sleep
from typing import Any, TypeVar
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.persistence import ApplicationRecorder, EventStore
from eventsourcing.utils import Environment

from archive import sealing
from archive.committer import Committer, replayed
from archive.contexts import Contexts, Refused, Surroundings
from archive.evidence import dsse
from archive.evidence.randomness import Ahead
from archive.keyring import Keyring
from archive.keystore import KeyDestroyed, KeyStore
from archive.sealing import AttachedPart
from archive.store import (
    Ask,
    Committed,
    Idempotency,
    IdempotencyMismatch,
    Quiet,
    Sealed,
    Store,
    StoreCorrupt,
    StoredContent,
    StoredEvent,
    StoreError,
    Unit,
    VersionConflict,
)
from domain.commands import AnyCommand, Open
from domain.decide import Decision, decide
from domain.errors import DomainError
from domain.events import Recorded
from domain.kinds import find
from domain.record import Record, evolve, replay

CACHED_RECORDS = 4096
_ids = Ahead(16, 64)
RETRIES = 20
PATIENCE = 0.002
"""Seconds, times the attempt: processes that meet at one record do not keep in step."""


class NoSuchRecordError(StoreError):
    """There is no record of this id (or this caller may not know of it)."""

    def __init__(self, record_id: str) -> None:
        super().__init__(f"there is no record {record_id}: check the id or the number")
        self.record_id = record_id


class RecordDestroyedError(StoreError):
    """The record's content was destroyed; its evidence stays, and nothing is added to it."""

    def __init__(self, record_id: str) -> None:
        super().__init__(f"the content of record {record_id} was disposed of: open a new record")
        self.record_id = record_id


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command led to. `record` is None for a replay of an earlier request."""

    committed: Committed
    record: Record | None
    recorded: Recorded | None


class TogetherError(Exception):
    """One of several commands that stand or fall together was refused; none was done."""

    def __init__(self, index: int, error: DomainError | StoreError) -> None:
        super().__init__(f"command {index} was refused, so none was done: {error}")
        self.index, self.error = index, error


@dataclass(frozen=True, slots=True)
class Asked:
    """A command as `execute` takes it."""

    command: AnyCommand
    expected: int | None = None
    idempotency: Idempotency | None = None
    source: bytes | None = None
    quiet: Quiet | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A decided and sealed event that is not committed: the answer to a validate-only call."""

    decision: Decision
    before: Record | None
    after: Record


Making = Callable[[Mapping[str, Record]], tuple[AnyCommand, int | None]]
"""A command, and the version it expects, from the records as the commands before it leave them."""
Result = TypeVar("Result")


class _Events(EventStore[UUID]):
    """The library's event store, reading sealed events: leaves and content in two queries."""

    ledger: Ledger

    def get(
        self,
        originator_id: UUID,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Iterator[Any]:
        return iter(
            self.ledger.history(originator_id.hex, after=gt, upto=lte, descending=desc, limit=limit)
        )


@dataclass(slots=True)
class _Turn:
    """Who comes next with a record. `waiting`: how many hold it or wait for it."""

    lock: LockType = field(default_factory=Lock)
    waiting: int = 0


class Ledger(Application[UUID]):
    """Appends and replays records. One per process; safe to use from any thread."""

    name = "liuhen"

    def __init__(
        self,
        *,
        store: Store,
        recorder: ApplicationRecorder,
        committer: Committer,
        keys: KeyStore,
        keyring: Keyring,
    ) -> None:
        self.store, self.committer, self.keys, self.keyring = store, committer, keys, keyring
        self._recorder = recorder
        self.surroundings = Surroundings()
        self._contexts = Contexts(self.surroundings, self._found)
        self._cache: OrderedDict[str, Record] = OrderedDict()
        self._turns: dict[str, _Turn] = {}
        self._lock = Lock()
        self._looked = 0
        super().__init__()

    def construct_env(self, name: str, env: Any = None) -> Environment:
        del env
        return Environment(name, {})  # the process environment is none of the library's business

    def construct_recorder(self) -> ApplicationRecorder:
        return self._recorder

    def construct_event_store(self) -> EventStore[UUID]:
        events = _Events(self.mapper, self.recorder)
        events.ledger = self
        return events

    # ------------------------------------------------------------ reading

    def history(
        self,
        record_id: str,
        *,
        after: int | None = None,
        upto: int | None = None,
        descending: bool = False,
        limit: int | None = None,
    ) -> list[Recorded]:
        """The events of a record, opened where their content still is; [] where there is none."""
        rows = self.store.record(
            record_id, after=after, upto=upto, descending=descending, limit=limit
        )
        return self.open_all(rows, self.store.content_of_record(record_id, upto) if rows else ())

    def open_all(
        self, rows: Iterable[StoredEvent], contents: Iterable[StoredContent]
    ) -> list[Recorded]:
        """Events of stored leaves with their content rows, which may be fewer."""
        by_event: dict[str, list[StoredContent]] = {}
        for row in contents:
            by_event.setdefault(row.event_id, []).append(row)
        rows = list(rows)
        keys = {record_id: self._key(record_id) for record_id in {row.record_id for row in rows}}
        return [
            sealing.unseal(row, by_event.get(row.event_id or "", ()), keys[row.record_id])
            for row in rows
        ]

    def _key(self, record_id: str, *, looked: bool = False) -> bytes | None:
        try:
            return self.keys.get(record_id, looked=looked)
        except KeyDestroyed:
            return None

    def get(self, record_id: str, version: int | None = None) -> Record:
        """The record now, or after its first `version` events. NoSuchRecordError."""
        if version is None:
            cached = self._cached(record_id)
            if cached is not None and self._holds(cached):
                return cached
            self.forget(record_id)
        record = self._replayed(record_id, version)
        if version is None:
            self._remember(record)
        return record

    def _found(self, record_id: str) -> Record | None:
        try:
            return self.get(record_id)
        except NoSuchRecordError:
            return None

    def get_all(self, record_ids: Sequence[str]) -> dict[str, Record]:
        """Each of some hundred records as it is now, in few questions. NoSuchRecordError."""
        self.keys.warm(record_ids)
        versions = self.store.versions(record_ids)
        found: dict[str, Record] = {}
        for record_id in record_ids:
            cached = self._cached(record_id)
            if cached is None or cached.version != versions[record_id]:
                continue
            if not cached.readable or self._key(record_id, looked=True) is not None:
                found[record_id] = cached
        missing = [record_id for record_id in dict.fromkeys(record_ids) if record_id not in found]
        for record in self._replayed_all(missing):
            self.renew(record)
            found[record.id] = record
        return {record_id: found.get(record_id) or self.get(record_id) for record_id in record_ids}

    def _replayed_all(self, record_ids: Sequence[str]) -> Iterator[Record]:
        contents: dict[str, list[StoredContent]] = {}
        rows = list(self.store.records(record_ids))
        for part in self.store.content_of_records(record_ids):
            contents.setdefault(part.event_id, []).append(part)
        for record_id, own in groupby(rows, key=lambda row: row.record_id):
            key = self._key(record_id, looked=True)
            record = replay(
                sealing.unseal(row, contents.get(row.event_id or "", ()), key) for row in own
            )
            if record is not None:
                yield record

    def _holds(self, cached: Record) -> bool:
        """Whether nothing was added to it, and its content not destroyed, by another process."""
        moved = self.store.versions([cached.id])[cached.id] != cached.version
        return not moved and (self._key(cached.id) is not None or not cached.readable)

    def _replayed(self, record_id: str, version: int | None = None) -> Record:
        try:
            record: Record = self.repository.get(
                UUID(record_id), version=version, projector_func=_project
            )
        except (AggregateNotFoundError, ValueError):
            raise NoSuchRecordError(record_id) from None
        return record

    def as_known_at(self, record_id: str, moment: datetime) -> Record | None:
        """The record as it was known at a moment: what had been recorded by then."""
        return replay(r for r in self.history(record_id) if r.recorded_at <= moment)

    def as_things_stood(self, record_id: str, moment: datetime) -> Record | None:
        """The record as things stood at a moment, by what is known now: what is claimed to have
        happened by then, with every later correction of it."""
        events = self.history(record_id)
        chosen: set[str] = set()
        for recorded in events:
            corrects = [r.event for r in recorded.event.refs if r.rel == "corrects"]
            if corrects[0] in chosen if corrects else recorded.event.occurred_at <= moment:
                chosen.add(recorded.digest)
        return replay(r for r in events if r.digest in chosen)

    # ------------------------------------------------------------ writing

    def execute(
        self,
        command: AnyCommand,
        *,
        expected: int | None = None,
        idempotency: Idempotency | None = None,
        source: bytes | None = None,
        quiet: Quiet | None = None,
    ) -> Outcome:
        """Decide, seal, commit. Raises DomainError, or StoreError (VersionConflict ...).

        `expected`: the version the caller saw; without it the command is tried again on a newer
        state. A request that was committed before gives its first receipt again. `quiet`: what must
        not have moved besides (NotQuiet).
        """
        return self._execute(Asked(command, expected, idempotency, source, quiet))

    def _execute(self, one: Asked) -> Outcome:
        try:
            with self._turn(one.command):
                return self._executed(one)
        except (DomainError, RecordDestroyedError) as error:
            self.tell_refused(one.command, error)  # after its turn: who is told may append
            raise

    def tell_refused(self, command: AnyCommand, error: DomainError | RecordDestroyedError) -> None:
        """Tell `surroundings.refused`; for those who decide by `prepare` what they then commit."""
        record = None if isinstance(command, Open) else self._found(command.record_id)
        self.surroundings.refused(Refused(error, record, command))

    def _executed(self, one: Asked) -> Outcome:
        command, expected = one.command, one.expected
        idempotency, source = one.idempotency, one.source
        for attempt in range(RETRIES):
            try:
                record, _ = self._current(command, expected, looked=True)
                return self._commit(record, one)
            except VersionConflict as conflict:
                self.forget(command.record_id)
                self.keyring.refresh()
                first = self.replay_of(idempotency, source)
                if first is not None:
                    return first
                settled = expected is not None or isinstance(command, Open)
                if (settled and conflict.record_id == command.record_id) or attempt + 1 == RETRIES:
                    raise
                sleep(attempt * PATIENCE * secrets.randbelow(1000) / 1000)
            except (DomainError, RecordDestroyedError):
                first = self.replay_of(idempotency, source)
                if first is not None:
                    return first
                if attempt or not self._moved(command.record_id):
                    raise
        raise AssertionError("unreachable")

    def execute_many(self, asked: Sequence[Asked]) -> list[Outcome | Exception]:
        """Each command's outcome or refusal, as `execute` would give it, in few commits.

        Where several are for one record, each is decided on what those before it will leave. What
        cannot be had in this way, for whatever reason, is asked for again by itself.
        """
        after: dict[str, Record] = {}
        warrants: dict[str, Record | None] = {}
        made: list[tuple[int, Sealed, Decision]] = []
        units: list[Unit] = []
        for n, one in enumerate(asked):
            try:
                sealed, decision, unit = self._unit(one, after, warrants)
            except (DomainError, StoreError):
                continue
            made.append((n, sealed, decision))
            units.append(unit)
        outcomes: dict[int, Outcome] = {}
        for (n, sealed, decision), committed in zip(
            made, self.committer.commit_many(units), strict=True
        ):
            if isinstance(committed, tuple):
                outcomes[n] = self._noted(committed[0], sealed, decision)
        return [outcomes.get(n) or self._outcome(one) for n, one in enumerate(asked)]

    def accept(self, sealed: Sealed, decision: Decision, source: bytes | None = None) -> Outcome:
        """Commit an event that its author sealed and signed, once the rules have led to the same.

        Raises KeyRefused where its key was revoked meanwhile, VersionConflict and the others of
        `Committer.commit`.
        """
        signer = dsse.parse(sealed.envelope, dsse.STATEMENT_TYPE).keyid

        def commit() -> tuple[Committed, ...]:
            expected = self._reads(decision)
            self.keyring.check_valid(signer)
            return self.committer.commit(Unit((sealed,), expected, None, source))

        (committed,) = self.with_present_keys(commit)
        return self._noted(committed, sealed, decision)

    def with_present_keys(self, attempt: Callable[[], Result]) -> Result:
        """`attempt` seals and commits; once more where the key register has moved on meanwhile,
        which is nobody's conflict."""
        for _ in range(RETRIES):
            try:
                return attempt()
            except VersionConflict as conflict:
                if conflict.record_id != self.keyring.record:
                    raise
                self.keyring.refresh()
        return attempt()

    def _unit(
        self, one: Asked, after: dict[str, Record], warrants: dict[str, Record | None]
    ) -> tuple[Sealed, Decision, Unit]:
        """`warrants`: what was read for those before it; the commit checks that it still stands."""
        command = one.command
        record, key = after.get(command.record_id), None
        if record is None:
            record, key = self._current(command, one.expected)
        _check(record, one.expected)
        decision = decide(record, command, self._contexts.of(record, command, warrants))
        expected = self._reads(decision)
        sealed = self.seal(record, decision, key)
        unit = Unit((sealed,), expected, one.idempotency, one.source, one.quiet)
        if record is not None:  # a record that is only now opened is known to nobody else
            placed = Recorded(decision.event, command.received_at, -1, sealing.digest(sealed))
            after[command.record_id] = _after(record, placed)
        return sealed, decision, unit

    def _outcome(self, one: Asked) -> Outcome | Exception:
        try:
            return self._execute(one)
        except Exception as error:  # noqa: BLE001 - handed to the one who asked
            return error

    def prepare(self, command: AnyCommand, *, expected: int | None = None) -> Prepared:
        """What the command would lead to, committing nothing."""
        self._moved(command.record_id)
        record, _ = self._current(command, expected)
        decision = decide(record, command, self._contexts.of(record, command))
        recorded = Recorded(decision.event, command.received_at, -1, "0" * 64)
        return Prepared(decision, record, _after(record, recorded))

    def execute_together(
        self,
        asked: Sequence[Making],
        *,
        idempotency: Idempotency | None = None,
        source: bytes | None = None,
        quiet: Quiet | None = None,
    ) -> list[Outcome]:
        """All of these commands as one unit, or none. Each is made from the records as those
        before it leave them. Raises TogetherError naming the first that is refused; StoreError."""
        return self.with_present_keys(lambda: self._together(asked, idempotency, source, quiet))

    def _together(
        self,
        asked: Sequence[Making],
        idempotency: Idempotency | None,
        source: bytes | None,
        quiet: Quiet | None,
    ) -> list[Outcome]:
        made: list[tuple[Sealed, Decision]] = []
        after: dict[str, Record] = {}
        reads = {self.keyring.record: self.keyring.version}
        for n, ask in enumerate(asked):
            command: AnyCommand | None = None
            try:
                command, expected = ask(after)
                if command.record_id not in after:
                    self._moved(command.record_id)
                record, key = after.get(command.record_id), None
                if record is None:
                    record, key = self._current(command, expected)
                _check(record, expected)
                decision = decide(record, command, self._contexts.of(record, command))
                sealed = self.seal(record, decision, key)
            except (DomainError, StoreError) as error:
                first = self.replay_of(idempotency, source)
                if first is not None:
                    return self._first(first.committed, len(asked))
                if command is not None and isinstance(error, DomainError | RecordDestroyedError):
                    self.tell_refused(command, error)
                raise TogetherError(n, error) from error
            placed = Recorded(decision.event, command.received_at, -1, sealing.digest(sealed))
            after[command.record_id] = _after(record, placed)
            reads.update({k: v for k, v in decision.reads.items() if k not in after})
            made.append((sealed, decision))
        unit = Unit(tuple(sealed for sealed, _ in made), reads, idempotency, source, quiet)
        try:
            committed = self.committer.commit(unit)
        except VersionConflict:
            for record_id in after:
                self.forget(record_id)
            self.keyring.refresh()
            raise
        return [self._noted(c, s, d) for c, (s, d) in zip(committed, made, strict=True)]

    def _noted(self, committed: Committed, sealed: Sealed, decision: Decision) -> Outcome:
        if committed.replayed:
            return Outcome(committed, None, None)
        before = None if committed.version == 1 else self._before(committed)
        return self._grown(before, committed, sealed, decision)

    def _grown(
        self, before: Record | None, committed: Committed, sealed: Sealed, decision: Decision
    ) -> Outcome:
        """The record with its new event, remembered and told."""
        recorded = Recorded(
            decision.event,
            committed.recorded_at,
            committed.leaf_index,
            sealing.digest(sealed),
            committed.number,
        )
        after = _after(before, recorded)
        self._remember(after)
        for note in self.surroundings.noted:
            note(after, recorded)
        return Outcome(committed, after, recorded)

    def _before(self, committed: Committed) -> Record:
        cached = self._cached(committed.record_id)
        if cached is not None and cached.version == committed.version - 1:
            return cached
        return self.get(committed.record_id, version=committed.version - 1)

    def _first(self, committed: Committed, count: int) -> list[Outcome]:
        """The outcomes of a unit of so many events that began with this one."""
        first = committed.leaf_index
        rows = self.store.leaves(first, first + count)
        placed = [(row, self.store.receipt(row.leaf_index)) for row in rows]
        return [Outcome(c, None, None) for c in replayed(placed)]

    def _commit(self, record: Record | None, one: Asked) -> Outcome:
        """What needs the stores is read here; the rest is done when the group's turn comes."""
        command = one.command
        context = self._contexts.of(record, command)
        made: list[tuple[Sealed, Decision]] = []

        def make() -> Unit:
            key = self._key_in_turn(command.record_id)
            if key is None and record is not None:
                raise RecordDestroyedError(record.id)
            decision = decide(record, command, context)
            expected = self._reads(decision)
            sealed = self.seal(record, decision, key)
            made.append((sealed, decision))
            return Unit((sealed,), expected, one.idempotency, one.source, one.quiet)

        if getattr(command, "attachments", ()):  # they are looked up while it is made
            self.keys.look()  # in no group's turn
            (committed,) = self.committer.commit(make())
        else:
            (committed,) = self.committer.commit_made(make)
        if committed.replayed:
            return Outcome(committed, None, None)
        return self._grown(record, committed, *made[0])

    def seal(self, record: Record | None, decision: Decision, key: bytes | None = None) -> Sealed:
        """Encrypt and sign an event with the intake key, as the next of its record.

        `key`: the record's, where it is at hand. RecordDestroyedError.
        """
        event = decision.event
        kind = find(event.kind, event.kind_version)
        attached = self.surroundings.attached([a.id for a in event.attachments])
        return sealing.seal(
            event,
            author=self.keyring.author,
            previous=record.head if record else None,
            record_key=self._sealing_key(record, event.record_id) if key is None else key,
            attached=[
                AttachedPart(sealing.numbered(attached[a.id].part, n), attached[a.id].key)
                for n, a in enumerate(event.attachments, start=1)
            ],
            prefix=kind.prefix if record is None else None,
            internal=kind.internal,
        )

    def _key_in_turn(self, record_id: str) -> bytes | None:
        """The record's key. Whether another process has destroyed keys is asked once for a group,
        when its turn has come: later than each caller could ask, and in one call for all."""
        turn = self.committer.turn
        if self._looked != turn:
            self.keys.look()
            self._looked = turn
        return self._key(record_id, looked=True)

    def _sealing_key(self, record: Record | None, record_id: str) -> bytes:
        """The record's key; a new one where the record is only now opened."""
        try:
            return self.keys.get(record_id) if record else self.keys.reserve(record_id)
        except KeyDestroyed:
            raise RecordDestroyedError(record_id) from None

    def _reads(self, decision: Decision) -> dict[str, int]:
        """What the unit rests on; asked before it is sealed, so that a rotation of the keys
        between the two is noticed."""
        return {**decision.reads, self.keyring.record: self.keyring.version}

    @contextmanager
    def _turn(self, command: AnyCommand) -> Iterator[None]:
        """Commands for one record follow each other: the next event names the one before it, so
        together they would only refuse each other."""
        if isinstance(command, Open):
            yield
            return
        with self._lock:
            turn = self._turns.setdefault(command.record_id, _Turn())
            turn.waiting += 1
        try:
            with turn.lock:
                yield
        finally:
            with self._lock:
                turn.waiting -= 1
                if turn.waiting == 0:
                    del self._turns[command.record_id]

    def _current(
        self, command: AnyCommand, expected: int | None = None, *, looked: bool = False
    ) -> tuple[Record | None, bytes | None]:
        """The record to decide on, and its key: the cached one may be old, and the commit then
        refuses. An opening has no record yet, and a key if its id is from the key store. `looked`:
        whether keys were destroyed elsewhere is asked at another time.
        NoSuchRecordError, RecordDestroyedError, VersionConflict where it is not as `expected`."""
        if isinstance(command, Open):
            return None, self._key(command.record_id, looked=looked)
        record = self._cached(command.record_id)
        if record is None or expected not in (None, record.version):
            record = self.get(command.record_id)
        key = self._key(record.id, looked=looked)
        if key is None:
            raise RecordDestroyedError(record.id)
        _check(record, expected)
        return record, key

    def _moved(self, record_id: str) -> bool:
        """Whether another process has added to a record that this one has cached; forgets it."""
        cached = self._cached(record_id)
        if cached is None or self.store.versions([record_id])[record_id] == cached.version:
            return False
        self.forget(record_id)
        return True

    def replay_of(self, idempotency: Idempotency | None, source: bytes | None) -> Outcome | None:
        """The outcome of the same request, committed before. IdempotencyMismatch."""
        if idempotency is None and source is None:
            return None
        keys = idempotency.spellings() if idempotency else ()
        ask = Ask(idempotency=[k.mac for k in keys], sources=[source] if source else [])
        transaction = self.store.begin(ask)
        try:
            spans = transaction.found.idempotency
            span = None
            for key in keys:
                span = span or spans.get(key.mac)
                if key.mac in spans and spans[key.mac].body_mac != key.body_mac:
                    raise IdempotencyMismatch
            span = span or (transaction.found.sources.get(source) if source else None)
            rows = transaction.placed(span) if span is not None else ()
        finally:
            transaction.rollback()
        return Outcome(replayed(rows)[0], None, None) if rows else None

    # ------------------------------------------------------------ cache

    def _cached(self, record_id: str) -> Record | None:
        with self._lock:
            record = self._cache.get(record_id)
            if record is not None:
                self._cache.move_to_end(record_id)
            return record

    def _remember(self, record: Record) -> None:
        with self._lock:
            held = self._cache.get(record.id)
            if held is None or held.version < record.version:
                self._cache[record.id] = record
                self._cache.move_to_end(record.id)
            while len(self._cache) > CACHED_RECORDS:
                self._cache.popitem(last=False)

    def renew(self, record: Record) -> None:
        """Remember a record that was replayed just now, instead of what was remembered of it."""
        self.forget(record.id)
        self._remember(record)

    def forget(self, record_id: str) -> None:
        """Drop a record from memory: after a conflict, and when its content is destroyed."""
        with self._lock:
            self._cache.pop(record_id, None)


def _check(record: Record | None, expected: int | None) -> None:
    if expected is not None and record is not None and record.version != expected:
        raise VersionConflict(record.id, expected, record.version)


def _after(record: Record | None, recorded: Recorded) -> Record:
    after = evolve(record, recorded)
    if after is None:
        raise StoreCorrupt(f"record {recorded.event.record_id} does not begin with its opening")
    return after


def _project(record: Record | None, events: Iterable[Any]) -> Record | None:
    for recorded in events:
        record = evolve(record, recorded)
    return record


def new_id() -> str:
    """A random id of 128 bits, in 32 hex digits."""
    return _ids.draw().hex()


def mac(secret: bytes, *words: str | bytes) -> bytes:
    """HMAC-SHA256 over words, each preceded by its length: no deterministic trace of content."""
    digest = hmac.new(secret, digestmod="sha256")
    for word in words:
        data = word.encode() if isinstance(word, str) else word
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.digest()
