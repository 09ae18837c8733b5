"""One committer per process: concurrent appends share one transaction and one fsync.

There is no thread of its own. A caller queues its unit, or how to make it; the first to find
nobody leading leads, and commits everything queued so far; then it hands the lead to the first
caller that queued meanwhile. A lone caller pays no change of thread.

Deciding, sealing and signing hold the interpreter lock, so many threads do it no faster than one,
and slower for every time that they take the lock from each other. The leader therefore makes the
units of its whole group, and those that were waiting wake one another, one at a time.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from archive.evidence import leaf
from archive.evidence.instant import time_text
from archive.evidence.merkle import leaf_hash
from archive.store import (
    Ask,
    AttachmentMissing,
    Batch,
    Committed,
    DuplicateEvent,
    Found,
    Idempotency,
    IdempotencyMismatch,
    InvalidUnit,
    NewEvent,
    NotQuiet,
    OutcomeUnknown,
    Quiet,
    Sealed,
    Span,
    Store,
    StoredEvent,
    StoreError,
    StoreUnavailable,
    Unit,
    VersionConflict,
    WriteTransaction,
)

Clock = Callable[[], datetime]
REFUSALS = (VersionConflict, NotQuiet, IdempotencyMismatch, AttachmentMissing, InvalidUnit)
"""Of one unit, while the rest of its group goes on."""
GROUP_UNITS = 64
GROUP_EVENTS = 1000
LEAF_REST = 256
"""More than a leaf has besides its envelope: names, the time, the number (32 + 13 characters)."""
NUMBER_PREFIX = re.compile(r"[A-Z][A-Z0-9]{0,31}", re.ASCII)
PART_NUMBERS = frozenset(range(1024))


@dataclass(frozen=True, slots=True)
class Placed:
    """What a receipt says of an event."""

    event_id: str
    record_id: str
    version: int
    leaf_index: int
    leaf_hash: bytes
    recorded_at: datetime
    number: str | None


SignReceipt = Callable[[Placed], bytes]


Make = Callable[[], Unit]
"""Decides and seals, in whichever thread leads; it reads no store, and may raise anything."""


class Pending:
    """A unit in the queue, and where its caller waits."""

    __slots__ = ("_made", "awake", "error", "gate", "leads", "make", "result")

    def __init__(self, make: Make, made: Unit | None = None) -> None:
        self.make, self._made = make, made
        self.gate = threading.Lock()
        self.gate.acquire()
        self.leads = False
        self.awake: Callable[[], None] | None = None
        """Called by whoever waited here: wakes the next of its group, or lets another lead."""
        self.result: tuple[Committed, ...] | None = None
        self.error: BaseException | None = None

    @property
    def unit(self) -> Unit:
        """The unit, once it was made."""
        if self._made is None:
            raise AssertionError("a unit is committed before it was made")
        return self._made

    @property
    def events(self) -> int:
        """How many events it has; a unit that is yet to be made counts as one."""
        return 1 if self._made is None else len(self._made.events)

    def is_made(self) -> bool:
        """Make the unit, if that is still to do; False if it cannot be made, with its error."""
        if self._made is None:
            try:
                unit = self.make()
                check(unit)
            except Exception as error:  # noqa: BLE001 - it is its caller's, not the leader's
                self.error = error
                return False
            self._made = unit
        return True

    def wait(self) -> None:
        """Until it is settled or leads."""
        self.gate.acquire()
        if self.awake is not None:
            self.awake()


def given(unit: Unit) -> Pending:
    """A unit made before; InvalidUnit where it cannot be committed."""
    check(unit)
    return Pending(lambda: unit, unit)


class Committer:
    """`zone` is the site's: the year of a record number is the year there."""

    def __init__(
        self, store: Store, clock: Clock, sign_receipt: SignReceipt, zone: ZoneInfo
    ) -> None:
        self._store, self._clock, self._sign, self._zone = store, clock, sign_receipt, zone
        self._queue: deque[Pending] = deque()
        self._mutex = threading.Lock()
        self._led = False
        self.turn = 0
        """Counts the groups: what holds for all of a group is looked at once in its turn."""

    def commit(self, unit: Unit) -> tuple[Committed, ...]:
        """Returns when the unit is durable: one `Committed` per event, in order.

        Refusals, of this unit only, with nothing of it written: VersionConflict, NotQuiet,
        IdempotencyMismatch, DuplicateEvent, AttachmentMissing, InvalidUnit, StorageFull,
        StoreUnavailable. OutcomeUnknown: wholly there or not at all.
        """
        return self._commit(given(unit))

    def commit_made(self, make: Make) -> tuple[Committed, ...]:
        """As `commit`, of a unit that is made when its group's turn comes; raises what `make` does.

        `make` runs once, in any thread, while others wait: it should neither read nor block.
        """
        return self._commit(Pending(make))

    def _commit(self, pending: Pending) -> tuple[Committed, ...]:
        with self._mutex:
            self._queue.append(pending)
            leads = not self._led
            self._led = True
        if not leads:
            pending.wait()
        if leads or pending.leads:
            self._lead()
        if pending.error is not None:
            raise pending.error
        if pending.result is None:
            raise AssertionError("a unit came back without an outcome")
        return pending.result

    def commit_many(self, units: Sequence[Unit]) -> list[tuple[Committed, ...] | StoreError]:
        """Each unit's outcome or refusal, as `commit` would give it, queued together and in order:
        one caller with many units pays for few commits and no change of thread."""
        waiting: list[Pending | StoreError] = []
        for unit in units:
            try:
                waiting.append(given(unit))
            except InvalidUnit as refusal:
                waiting.append(refusal)
        queued = [pending for pending in waiting if isinstance(pending, Pending)]
        if not queued:
            return [one for one in waiting if isinstance(one, StoreError)]
        with self._mutex:
            self._queue.extend(queued)
            queued[0].leads = leads = not self._led
            self._led = True
        for pending in queued:
            if not (leads and pending is queued[0]):
                pending.wait()
            if pending.leads:
                self._lead()
        return [one if isinstance(one, StoreError) else _outcome(one) for one in waiting]

    def _lead(self) -> None:
        """Commit one group, which holds the leader's own unit, and pass the lead on."""
        group = self._take()
        self.turn += 1
        try:
            made = [pending for pending in group if pending.is_made()]
            if made:
                self._settle(made)
        except BaseException as error:  # noqa: BLE001 - the others wait and must be told
            for pending in group[1:]:
                pending.result = None
                pending.error = OutcomeUnknown(
                    f"the committer was interrupted ({error!r}): retry with the same key"
                )
            group[0].error, group[0].result = error, None
        finally:
            self._dismiss(group[1:])

    def _take(self) -> list[Pending]:
        with self._mutex:
            group, events = [self._queue.popleft()], 0
            while self._queue and len(group) < GROUP_UNITS:
                events += self._queue[0].events
                if events > GROUP_EVENTS:
                    break
                group.append(self._queue.popleft())
            return group

    def _dismiss(self, settled: Sequence[Pending]) -> None:
        """Wake them one after the other: a crowd that wakes at once only fights for the interpreter
        lock. The last one passes the lead on: by then the first are back with their next units, so
        that the next group is a large one again."""
        if not settled:
            self._pass_on()
            return
        for earlier, later in pairwise(settled):
            earlier.awake = later.gate.release
        settled[-1].awake = self._pass_on
        settled[0].gate.release()

    def _pass_on(self) -> None:
        with self._mutex:
            if not self._queue:
                self._led = False
                return
            following = self._queue[0]
            following.leads = True
        following.gate.release()

    # -- one group -------------------------------------------------------------------------
    def _settle(self, group: Sequence[Pending]) -> None:
        """Give each of the group its result or its error."""
        try:
            self._commit_or_find_out(group)
        except DuplicateEvent as error:
            if len(group) == 1:
                self._answer_duplicate(group[0], error)
                return
            for pending in group:  # one of them is at fault: let each stand for itself
                self._settle([pending])
        except StoreError as error:
            for pending in group:
                pending.error, pending.result = error, None

    def _commit_or_find_out(self, group: Sequence[Pending]) -> None:
        """A COMMIT without an answer is looked up; if it is not there, it is sent once more."""
        draft = self._draft(group)
        try:
            draft.commit()
        except OutcomeUnknown as unknown:
            if not self._arrived(draft, unknown):
                draft = self._draft(group)
                draft.commit()
        draft.publish()

    def _arrived(self, draft: Draft, unknown: OutcomeUnknown) -> bool:
        """Whether the lost commit is there: certain, since the head was free to be taken."""
        try:
            transaction = self._store.begin(Ask())
        except StoreUnavailable as error:
            raise unknown from error
        try:
            first = draft.events[0].row
            found = transaction.events([first.event_id or ""])
        except StoreUnavailable as error:
            raise unknown from error
        finally:
            transaction.rollback()
        return found.get(first.event_id or "") == first

    def _draft(self, group: Sequence[Pending]) -> Draft:
        transaction = self._store.begin(asked([pending.unit for pending in group]))
        draft = Draft(transaction, self._clock(), self._zone, self._sign)
        try:
            for pending in group:
                draft.take(pending)
        except BaseException:
            transaction.rollback()
            raise
        return draft

    def _answer_duplicate(self, pending: Pending, error: DuplicateEvent) -> None:
        """The same signed bytes sent again are no fault: they get the first receipt."""
        try:
            transaction = self._store.begin(Ask())
            try:
                pending.result = sent_before(transaction, pending.unit)
            finally:
                transaction.rollback()
        except StoreError as failure:
            pending.error = failure
            return
        if pending.result is None:
            pending.error = error


def _outcome(pending: Pending) -> tuple[Committed, ...] | StoreError:
    if isinstance(pending.error, StoreError):
        return pending.error
    if pending.error is not None:
        raise pending.error
    if pending.result is None:
        raise AssertionError("a unit came back without an outcome")
    return pending.result


class Draft:
    """A group being placed: each unit sees the ones before it."""

    def __init__(
        self, transaction: WriteTransaction, now: datetime, zone: ZoneInfo, sign: SignReceipt
    ) -> None:
        self._transaction, self._zone, self._sign = transaction, zone, sign
        found: Found = transaction.found
        last = found.head.recorded_at
        self._recorded_at = now if last is None else max(now, last)
        self._time_text = time_text(self._recorded_at)
        self._behind = (self._recorded_at - now).total_seconds()
        self._size = found.head.size
        self._found = found
        self._versions = dict(found.versions)
        self._counters = dict(found.counters)
        self._counted: dict[tuple[str, int], int] = {}
        self._new_keys: dict[bytes, tuple[bytes, tuple[Committed, ...]]] = {}
        self._loud: dict[Quiet, int | None] = {}
        self._new_sources: dict[bytes, tuple[Committed, ...]] = {}
        self._idempotency: list[tuple[Idempotency, Span]] = []
        self._outcomes: list[tuple[Pending, tuple[Committed, ...] | StoreError]] = []
        self.events: list[NewEvent] = []
        self._newest: dict[str, int] = {}
        """The last leaf of each topic that this group adds."""

    def take(self, pending: Pending) -> None:
        """Place the unit, recognise it, or refuse it."""
        outcome: tuple[Committed, ...] | StoreError
        try:
            outcome = self._recognised(pending.unit) or self._placed(pending.unit)
        except REFUSALS as refusal:
            outcome = refusal
        self._outcomes.append((pending, outcome))

    def commit(self) -> None:
        if not self.events:
            self._transaction.rollback()
            return
        self._transaction.commit(
            Batch(
                events=self.events,
                idempotency=self._idempotency,
                sources=[(mac, span_of(c)) for mac, c in self._new_sources.items()],
                counters=self._counted,
            )
        )

    def publish(self) -> None:
        for pending, outcome in self._outcomes:
            if isinstance(outcome, tuple):
                pending.result, pending.error = outcome, None
            else:
                pending.result, pending.error = None, outcome

    # -- recognised ------------------------------------------------------------------------
    def _recognised(self, unit: Unit) -> tuple[Committed, ...] | None:
        for key in unit.idempotency.spellings() if unit.idempotency is not None else ():
            earlier = self._found.idempotency.get(key.mac)
            body_mac, committed = self._new_keys.get(key.mac, (None, None))
            if earlier is not None:
                body_mac = earlier.body_mac
            if body_mac is not None and body_mac != key.body_mac:
                raise IdempotencyMismatch
            if earlier is not None:
                return replayed(self._transaction.placed(earlier))
            if committed is not None:
                return again(committed)
        if unit.source is not None:
            span = self._found.sources.get(unit.source)
            if span is not None:
                return replayed(self._transaction.placed(span))
            if unit.source in self._new_sources:
                return again(self._new_sources[unit.source])
        return None

    # -- placed ----------------------------------------------------------------------------
    def _placed(self, unit: Unit) -> tuple[Committed, ...]:
        try:
            self._expect(unit)
        except (VersionConflict, NotQuiet):
            earlier = sent_before(self._transaction, unit)
            if earlier is None:
                raise
            return earlier
        committed = tuple(self._place(sealed) for sealed in unit.events)
        if unit.idempotency is not None:
            self._idempotency.append((unit.idempotency, span_of(committed)))
            self._new_keys[unit.idempotency.mac] = (unit.idempotency.body_mac, committed)
        if unit.source is not None:
            self._new_sources[unit.source] = committed
        return committed

    def _expect(self, unit: Unit) -> None:
        wanted = first_versions(unit)
        for record_id, expected in (*unit.expected.items(), *wanted.items()):
            current = self._versions[record_id]
            if current != expected:
                raise VersionConflict(record_id, expected, current)
        for sealed in unit.events:
            for part in sealed.content:
                if part.ciphertext is None and part.key_id not in self._found.attachments:
                    raise AttachmentMissing(part.key_id)
        if unit.quiet is not None:
            self._expect_quiet(unit.quiet)

    def _expect_quiet(self, quiet: Quiet) -> None:
        """In the log as it is while its head is held, and in what this group adds to it."""
        if quiet not in self._loud:
            self._loud[quiet] = self._transaction.first_of(quiet)
        first = self._loud[quiet]
        if first is None:
            mine = (leaf for topic, leaf in self._newest.items() if topic in quiet.topics)
            first = min((leaf for leaf in mine if leaf >= quiet.since), default=None)
        if first is not None:
            raise NotQuiet(first)

    def _place(self, sealed: Sealed) -> Committed:
        number = None if sealed.prefix is None else self._number(sealed.prefix)
        # `check` made sure that it is not too long, before it was queued.
        data = leaf.encode(sealed.envelope, number, self._time_text)
        row = StoredEvent(
            self._size,
            sealed.record_id,
            sealed.version,
            sealed.topic,
            sealed.event_id,
            data,
            leaf_hash(data),
            self._recorded_at,
            number,
        )
        receipt = self._sign(placed(row))
        self.events.append(NewEvent(row, receipt, sealed.content))
        self._newest[row.topic] = row.leaf_index
        self._size += 1
        self._versions[sealed.record_id] = sealed.version
        return committed_of(row, receipt, self._behind)

    def _number(self, prefix: str) -> str:
        year = self._recorded_at.astimezone(self._zone).year
        following = self._counters.get((prefix, year), 1)
        self._counters[prefix, year] = self._counted[prefix, year] = following + 1
        return f"{prefix}-{year:04d}-{following:05d}"


def check(unit: Unit) -> None:
    """Refuse what can be refused without the head, so that it cannot spoil a group."""
    if not 0 < len(unit.events) <= GROUP_EVENTS:
        raise InvalidUnit(f"a unit has 1 to {GROUP_EVENTS} events, this one {len(unit.events)}")
    following: dict[str, int] = {}
    for sealed in unit.events:
        expected = following.get(sealed.record_id, sealed.version)
        if sealed.version != expected or sealed.version < 1:
            raise InvalidUnit(f"the versions of record {sealed.record_id} do not follow each other")
        following[sealed.record_id] = sealed.version + 1
        if sealed.prefix is not None and sealed.version != 1:
            raise InvalidUnit("a record gets its number with its first event only")
        check_content(sealed)
        size = len(sealed.envelope) + sealed.envelope.count(b'"') + LEAF_REST
        if size > leaf.MAX_LEAF:
            raise InvalidUnit("the event's envelope does not fit a leaf: put data into content")


def check_content(sealed: Sealed) -> None:
    numbers = {part.n for part in sealed.content}
    if len(numbers) != len(sealed.content) or not numbers <= PART_NUMBERS:
        raise InvalidUnit(f"the parts of event {sealed.event_id} are not numbered 0 to 1023, once")
    if sealed.prefix is not None and NUMBER_PREFIX.fullmatch(sealed.prefix) is None:
        raise InvalidUnit(f"{sealed.prefix!r} is no prefix of a record number, such as KS")


def asked(units: Sequence[Unit]) -> Ask:
    events = [sealed for unit in units for sealed in unit.events]
    return Ask(
        records=list(
            dict.fromkeys(
                [record for unit in units for record in unit.expected]
                + [sealed.record_id for sealed in events]
            )
        ),
        idempotency=[
            key.mac
            for unit in units
            if unit.idempotency is not None
            for key in unit.idempotency.spellings()
        ],
        sources=[unit.source for unit in units if unit.source is not None],
        attachments=[p.key_id for s in events for p in s.content if p.ciphertext is None],
        prefixes=list({sealed.prefix: None for sealed in events if sealed.prefix is not None}),
    )


def first_versions(unit: Unit) -> dict[str, int]:
    """What the events themselves say of their records' versions before them."""
    wanted: dict[str, int] = {}
    for sealed in unit.events:
        wanted.setdefault(sealed.record_id, sealed.version - 1)
    return wanted


def sent_before(transaction: WriteTransaction, unit: Unit) -> tuple[Committed, ...] | None:
    """The places of the very same envelopes, if all of the unit's are stored."""
    stored = transaction.events([sealed.event_id for sealed in unit.events])
    rows = []
    for sealed in unit.events:
        row = stored.get(sealed.event_id)
        if row is None or leaf.parse(row.leaf).envelope != sealed.envelope:
            return None
        rows += transaction.placed(Span(row.leaf_index, 1))
    return replayed(rows)


def placed(row: StoredEvent) -> Placed:
    return Placed(
        row.event_id or "",
        row.record_id,
        row.version,
        row.leaf_index,
        row.leaf_hash,
        row.recorded_at,
        row.number,
    )


def committed_of(row: StoredEvent, receipt: bytes | None, behind: float = 0.0) -> Committed:
    return Committed(
        row.event_id or "",
        row.record_id,
        row.version,
        row.leaf_index,
        row.leaf_hash,
        row.recorded_at,
        row.number,
        receipt or b"",
        clock_behind=behind,
    )


def span_of(committed: Sequence[Committed]) -> Span:
    return Span(committed[0].leaf_index, len(committed))


def replayed(rows: Sequence[tuple[StoredEvent, bytes | None]]) -> tuple[Committed, ...]:
    return again([committed_of(row, receipt) for row, receipt in rows])


def again(committed: Sequence[Committed]) -> tuple[Committed, ...]:
    return tuple(replace(one, replayed=True, clock_behind=0.0) for one in committed)
