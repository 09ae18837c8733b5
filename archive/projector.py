"""Feeds the views from the log, and stops with an alarm rather than skip an event.

One process of an archive projects, the others read what it wrote. A first load goes record by
record: each record's whole history at once, so it is opened with one key and replayed once, and
memory stays flat (`archive.loading`). After that the log is followed leaf by leaf, in transactions
of a thousand.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic
from typing import TypeVar

from archive.almanac import Almanac, standing
from archive.comparing import astray, strangers, suspects
from archive.findings import Finding
from archive.keystore import KeyDestroyed
from archive.ledger import Ledger
from archive.loading import UNREADABLE, Plan, Taped, Whole, change, helpers, taped
from archive.organisation import Organisation
from archive.sealing import INTERNAL, unseal
from archive.store import StoredEvent, StoreError
from archive.views.catalogue import Catalogue, ExtraView
from archive.views.database import (
    Alarm,
    NotLeading,
    RecordChange,
    View,
    ViewDatabase,
    ViewDatabaseUnavailable,
    ViewStopped,
)
from domain.events import Recorded
from domain.record import Record, evolve

BATCH = 1000
REMEMBERED = 4096
POLL_SECONDS = 0.1
"""How often the leading process looks for what others have added."""
KEY_REGISTER = f"{INTERNAL}key-register/"
ALONE = 3000
"""Up to so many leaves a load is done before other processes have started."""
LOADED = 300
"""Leaves, about, of a batch of whole records: many batches, so that no process waits at the end."""
Progress = Callable[[int, int], None]
V = TypeVar("V", bound=View)


@dataclass(frozen=True, slots=True)
class Health:
    """How far the views are. `behind`: leaves not projected yet; `alarms`: views that stopped."""

    position: int
    behind: int
    loading: bool
    alarms: tuple[Alarm, ...]


class Projector:
    """The views of an archive, and the thread that keeps them up to date."""

    def __init__(
        self,
        ledger: Ledger,
        organisation: Organisation,
        database: ViewDatabase,
        extra: Sequence[ExtraView] = (),
    ) -> None:
        self._ledger, self._database, self._extra = ledger, database, tuple(extra)
        self._almanac = Almanac(ledger)
        self._zone = organisation.zone
        self._catalogue = Catalogue(
            database,
            self._almanac.at,
            organisation.zone,
            self._opening,
            partial(standing, ledger),
            self._extra,
        )
        self.views = self._catalogue.views
        self.access, self.links = self._catalogue.access, self._catalogue.links
        self.register, self.worklist = self._catalogue.register, self._catalogue.worklist
        self.search, self.numbers = self._catalogue.search, self._catalogue.numbers
        self.sources = self._catalogue.sources
        self._prepared = False
        self._alarms: list[Alarm] = []
        self._lock = threading.RLock()
        self._states: OrderedDict[str, Record] = OrderedDict()
        self._openings: OrderedDict[str, int] = OrderedDict()
        self._noted: OrderedDict[int, tuple[Record, Recorded]] = OrderedDict()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._moved = threading.Condition()
        self._thread: threading.Thread | None = None
        ledger.surroundings.noted.append(self.note)

    # ---------------------------------------------------------------- for readers

    def position(self) -> int:
        """The last leaf that every view has seen, those apart that stopped; -1 before the first."""
        stopped = {alarm.view for alarm in self._database.alarms()}
        going = [v.name for v in self.views if v.name not in stopped]
        return min((self._database.position(name) for name in going), default=-1)

    def view(self, wanted: type[V]) -> V:
        """The view of this class among those of the floors above. LookupError."""
        for view in self.views:
            if isinstance(view, wanted):
                return view
        raise LookupError(wanted.__name__)

    def health(self) -> Health:
        position = self.position()
        loading = any(self._database.loading(v.name) for v in self.views)
        behind = self._ledger.store.head().size - 1 - position
        return Health(position, behind, loading, tuple(self._database.alarms()))

    def wait_for(self, leaf_index: int, timeout: float = 5.0) -> bool:
        """Whether the views have seen a leaf, within so many seconds: read your own writes."""
        end = monotonic() + timeout
        if self._thread is None and self.position() < leaf_index:
            with suppress(NotLeading, ViewStopped):
                self.catch_up()
        while self.position() < leaf_index:
            left = end - monotonic()
            if left <= 0:
                return False
            self._wake.set()
            with self._moved:
                self._moved.wait(min(left, 0.02))
        return True

    def incoming(self, record_id: str) -> list[tuple[str, str]]:
        """Links that point to a record, up to date with the log.

        Raises ViewDatabaseUnavailable where the views do not catch up in time.
        """
        if not self.wait_for(self._ledger.store.head().size - 1):
            raise ViewDatabaseUnavailable("the views are behind the log: try again in a moment")
        return self.links.incoming(record_id)

    # ---------------------------------------------------------------- the thread

    def note(self, after: Record, recorded: Recorded) -> None:
        """This process has committed an event: its state need not be worked out again."""
        self._noted[recorded.leaf_index] = after, recorded
        while len(self._noted) > REMEMBERED:
            with suppress(KeyError):
                self._noted.popitem(last=False)
        self._wake.set()

    def start(self) -> None:
        """Keep up with the log from now on, in a thread of its own."""
        if self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._run, name="projector", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        if self._thread is not None:
            self._stopping.set()
            self._wake.set()
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while not self._stopping.is_set():
            # Each is tried again: another leads, the database is away, an alarm waits for somebody.
            with suppress(NotLeading, ViewStopped, ViewDatabaseUnavailable, StoreError):
                self.catch_up()
            self._wake.wait(POLL_SECONDS)
            self._wake.clear()

    # ---------------------------------------------------------------- following the log

    def catch_up(self) -> None:
        """Project what is new. Raises NotLeading, ViewStopped, ViewDatabaseUnavailable."""
        with self._lock:
            try:
                self._prepare()
                self._follow()
            except ViewDatabaseUnavailable:
                self._prepared = False  # its tables may be gone when it comes back
                raise
            if self._alarms:
                alarm = self._alarms[0]
                raise ViewStopped(alarm.view, alarm.leaf_index, alarm.message)

    def _follow(self) -> None:
        size = self._ledger.store.head().size
        start = self.position() + 1
        if start >= size or len(self._alarms) == len(self.views):
            return
        self._almanac.follow(size)
        turns = set(self._almanac.changes(start, size))
        while start < size and not self._stopping.is_set():
            if start in turns:
                stop = start + 1
            else:
                stop = min(start + BATCH, size, *(t for t in turns if t > start))
            self._project(start, stop, start in turns)
            start = stop

    def _prepare(self, progress: Progress | None = None, workers: int | None = None) -> None:
        """Load what is new, or what a load that was broken off has left half done."""
        if not self._database.lead():
            self._prepared = False
            raise NotLeading
        before, self._alarms = self._alarms, self._database.alarms()
        if self._prepared and {a.view for a in before} <= {a.view for a in self._alarms}:
            return
        stopped = {alarm.view for alarm in self._alarms}
        for view in self.views:
            if view.name not in stopped and self._database.loading(view.name):
                self._database.drop(view.name)
        new = [v for v in self.views if v.name not in stopped and self._database.prepare(v)]
        self._states.clear()
        self._load(new, progress, workers)
        self._prepared = True

    def _project(self, start: int, stop: int, turn: bool) -> None:
        """Project some leaves. `turn`: it is one leaf, and it changed the calendar, so what is
        provisional is worked out again."""
        rows = [r for r in self._ledger.store.leaves(start, stop) if not _is_key(r)]
        try:
            changes = self._changes(rows, start, stop)
            if turn:
                changes += self._provisional(changes[0])
        except UNREADABLE as error:
            self._stop_all(start, type(error).__name__)
            return
        self._advance(self.views, changes, stop - 1)
        for row in rows:
            self._noted.pop(row.leaf_index, None)

    def _stop_all(self, leaf_index: int, error: str) -> None:
        """An event cannot be read: no view may go past it."""
        for view in self.views:
            self._database.sound(Alarm(view.name, leaf_index, error))
        self._alarms = self._database.alarms()

    def _provisional(self, published: RecordChange) -> list[RecordChange]:
        states = []
        for record_id in self.register.provisional():
            rows = self._ledger.store.record(record_id)
            earlier = [r.version for r in rows if r.leaf_index < published.leaf_index]
            states.append(self._ledger.get(record_id, version=earlier[-1]))
        return [replace(published, record_id=s.id, before=s, after=s) for s in states]

    def _advance(
        self, views: Sequence[View], changes: Sequence[RecordChange], leaf_index: int
    ) -> None:
        for view in views:
            if self._database.alarm(view.name):
                continue
            seen = self._database.position(view.name)
            mine = [c for c in changes if c.leaf_index > seen]
            if leaf_index > seen:
                try:
                    self._database.advance(view, mine, leaf_index)
                except ViewStopped:
                    self._alarms = self._database.alarms()
        with self._moved:
            self._moved.notify_all()

    def _changes(self, rows: Sequence[StoredEvent], start: int, stop: int) -> list[RecordChange]:
        """Each leaf with its record before and after it, in the order of the log."""
        noted = {r.leaf_index: n for r in rows if (n := self._noted.get(r.leaf_index))}
        unknown = [r for r in rows if r.leaf_index not in noted]
        contents = self._ledger.store.contents(start, stop) if unknown else ()
        opened = {r.leaf_index: r for r in self._ledger.open_all(unknown, contents)}
        changes = []
        for row in rows:
            before = self._before(row)
            after, recorded = noted.get(row.leaf_index) or (None, opened[row.leaf_index])
            after = after or evolve(before, recorded)
            if after is None:
                raise LookupError(row.record_id)
            self._remember(after, row)
            changes.append(change(before, after, recorded))
        return changes

    def _before(self, row: StoredEvent) -> Record | None:
        if row.version == 1:
            return None
        known = self._states.get(row.record_id)
        if known is not None and known.version == row.version - 1:
            return known
        return self._ledger.get(row.record_id, version=row.version - 1)

    def _remember(self, record: Record, row: StoredEvent) -> None:
        self._states[record.id] = record
        self._states.move_to_end(record.id)
        if row.version == 1:
            self._openings[record.id] = row.leaf_index
        for cache in (self._states, self._openings):
            while len(cache) > REMEMBERED:
                cache.popitem(last=False)

    def _opening(self, record_id: str) -> int:
        known = self._openings.get(record_id)
        if known is None:
            known = self._ledger.store.record(record_id, limit=1)[0].leaf_index
            self._openings[record_id] = known
        return known

    # ---------------------------------------------------------------- loading

    def rebuild(self, progress: Progress | None = None, workers: int | None = None) -> None:
        """Build every view from nothing. `progress(done, of)` counts leaves; `workers` are the
        processes that help (None: as many as there are cores, where it is worth their start).

        Raises NotLeading, ViewDatabaseUnavailable, ViewStopped.
        """
        with self._lock:
            if not self._database.lead():
                raise NotLeading
            self._database.drop_all()
            self._prepared = False
            self._prepare(progress, workers)
            self.catch_up()

    def _load(self, views: Sequence[View], progress: Progress | None, workers: int | None) -> None:
        """The whole log, record by record. Broken off, it begins anew: positions come last."""
        if not views:
            return
        size = self._ledger.store.head().size
        plan = self._plan(views, size)
        if workers is None:
            workers = helpers() if size > ALONE else 0
        done = 0
        for tape in taped(plan, self._wholes(size), workers):
            if tape.unreadable is not None:
                self._stop_all(*tape.unreadable)
                return
            self._play(tape)
            done += tape.events
            if progress is not None:
                progress(min(done, size), size)
        for view in views:
            if not self._database.alarm(view.name):
                with self._database.transaction():
                    self._database.set_position(view.name, size - 1)
                self._database.finish_load(view)
        self._alarms = self._database.alarms()
        if progress is not None:
            progress(size, size)

    def _plan(self, views: Sequence[View], size: int) -> Plan:
        self._almanac.follow(size)
        return Plan(
            self._database.dialect,
            self._zone,
            self._almanac.published,
            tuple(self._turns(size)),
            tuple(view.name for view in views),
            self._extra,
        )

    def _play(self, tape: Taped) -> None:
        for view, (leaf_index, error) in tape.failed.items():
            self._database.sound(Alarm(view, leaf_index, error))
        stopped = {alarm.view for alarm in self._database.alarms()}
        with self._database.transaction():
            for view, statements in tape.statements.items():
                for sql, rows in statements if view not in stopped else ():
                    self._database.executemany(sql, rows)

    def _wholes(self, size: int) -> Iterator[list[Whole]]:
        """Every record with all its leaves, some hundred leaves at a time."""
        batch: list[Whole] = []
        leaves = 0
        for row in self._ledger.store.leaves(0, size):
            if row.version == 1 and not _is_key(row):
                whole = self._whole(row.record_id, size)
                batch.append(whole)
                leaves += len(whole.rows)
                if leaves >= LOADED:
                    yield batch
                    batch, leaves = [], 0
        if batch:
            yield batch

    def _whole(self, record_id: str, size: int) -> Whole:
        rows = [r for r in self._ledger.store.record(record_id) if r.leaf_index < size]
        contents = self._ledger.store.content_of_record(record_id, upto=rows[-1].version)
        try:
            key = self._ledger.keys.get(record_id)
        except KeyDestroyed:
            key = None
        return Whole(record_id, key, tuple(rows), tuple(contents))

    def _turns(self, size: int) -> list[Recorded]:
        """The events that changed the calendar."""
        found = []
        for leaf in self._almanac.changes(0, size):
            row = self._ledger.store.at(leaf)
            if row is not None:
                found += self._ledger.history(
                    row.record_id, after=row.version - 1, upto=row.version
                )
        return found

    # ---------------------------------------------------------------- comparing

    def compare(self, progress: Progress) -> Iterator[Finding]:
        """Every difference between the views and a fresh replay of the log.

        Appends go on meanwhile: what differs at first is compared again while nothing moves here.
        """
        size = self._settled()
        done = 0

        def told(events: int) -> None:
            nonlocal done
            done += events
            progress(min(done, size), size)

        workers = helpers() if size > ALONE else 0
        odd = {record for _, record in self._suspects(self._wholes(size), size, workers, told)}
        with self._lock:
            size = self._settled()
            again = ([self._whole(record, size)] for record in sorted(odd))
            for view, record in self._suspects(again, size, 0, lambda _: None):
                yield Finding("view", record=record, part=view)
            yield from strangers(self._database, self.views, self._ledger.store)
            yield from astray(self.views)
        progress(size, size)

    def _settled(self) -> int:
        """The size of the log up to which the views have come, once they have caught up."""
        size = self._ledger.store.head().size
        if not self.wait_for(size - 1):
            raise ViewDatabaseUnavailable("the views are behind the log: try again in a moment")
        return size

    def _suspects(
        self,
        batches: Iterator[list[Whole]],
        size: int,
        workers: int,
        told: Callable[[int], None],
    ) -> Iterator[tuple[str, str]]:
        plan = self._plan(self.views, size)
        return suspects(plan, self._database, self.views, batches, workers, told)

    # ---------------------------------------------------------------- forgetting

    def purge(self, record_ids: Sequence[str]) -> None:
        """Forget records' content, in every view and on the disk; their skeletons are shown on.

        Raises NotLeading, ViewDatabaseUnavailable.
        """
        gone = set(record_ids)
        with self._lock:
            self._prepare()
            for record_id in gone:
                self._ledger.forget(record_id)
                self._states.pop(record_id, None)
            for leaf, (record, _) in list(self._noted.items()):
                if record.id in gone:
                    self._noted.pop(leaf, None)
            for at in range(0, len(record_ids), BATCH):
                self._purge(record_ids[at : at + BATCH])
            with self._database.transaction():
                self.search.optimise()
            self._database.clean()

    def _purge(self, record_ids: Sequence[str]) -> None:
        with self._database.transaction():
            seen = {view.name: self._database.position(view.name) for view in self.views}
            skeletons = self._skeletons(record_ids, max(seen.values()))
            for view in self.views:
                view.purge(record_ids)
                view.project([c for c in skeletons if c.leaf_index <= seen[view.name]])

    def _skeletons(self, record_ids: Sequence[str], last: int) -> list[RecordChange]:
        """The histories of records up to a leaf, as they read without any content."""
        changes: list[RecordChange] = []
        state: Record | None = None
        for row in self._ledger.store.records(record_ids):
            if row.version == 1:
                state = None
                self._openings[row.record_id] = row.leaf_index
            if row.leaf_index <= last:
                recorded = unseal(row, (), None)
                before, state = state, evolve(state, recorded)
                if state is not None:
                    changes.append(change(before, state, recorded))
        return sorted(changes, key=lambda c: c.leaf_index)


def _is_key(row: StoredEvent) -> bool:
    return row.topic.startswith(KEY_REGISTER)
