"""The event-sourcing library's contract over our log: what its `Application` reads and writes.

A notification id is the leaf index + 1, so ids are gapless and in commit order in every process.
`state` is opaque here. The product appends through `archive.committer`, which builds the leaf;
`insert_events` stores whatever bytes it is given as the leaf, without receipt or content.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from eventsourcing.persistence import (
    ApplicationRecorder,
    IntegrityError,
    Notification,
    OperationalError,
    StoredEvent,
    Subscription,
)

from archive.evidence.merkle import leaf_hash
from archive.store import Ask, Batch, DuplicateEvent, NewEvent, Store, StoreError
from archive.store import StoredEvent as Row

POLL_SECONDS = 0.05
"""A subscriber in another process than the writer looks this often."""


class LogRecorder(ApplicationRecorder):
    """One class for both stores: the differences lie below `archive.store.Store`."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store, self._clock = store, clock

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        del kwargs  # the library passes tracking to process recorders, which this is not
        if not stored_events:
            return []
        try:
            return self._insert(stored_events)
        except DuplicateEvent as error:
            raise IntegrityError("the record has this version already") from error
        except StoreError as error:
            raise OperationalError(str(error)) from error

    def _insert(self, stored_events: Sequence[StoredEvent]) -> list[int]:
        transaction = self._store.begin(Ask())
        try:
            head, now = transaction.found.head, self._clock()
            recorded_at = now if head.recorded_at is None else max(now, head.recorded_at)
            rows = [
                Row(
                    index,
                    hex_id(event.originator_id),
                    event.originator_version,
                    event.topic,
                    None,
                    event.state,
                    leaf_hash(event.state),
                    recorded_at,
                    None,
                )
                for index, event in enumerate(stored_events, start=head.size)
            ]
            transaction.commit(Batch([NewEvent(row, None) for row in rows]))
        finally:
            transaction.rollback()
        return [row.leaf_index + 1 for row in rows]

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        rows = self._store.record(
            hex_id(originator_id), after=gt, upto=lte, descending=desc, limit=limit
        )
        return [StoredEvent(originator_id, row.version, row.topic, row.leaf) for row in rows]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        first = 0 if start is None else start - 1 if inclusive_of_start else start
        return [
            Notification(
                UUID(hex=row.record_id), row.version, row.topic, row.leaf, row.leaf_index + 1
            )
            for row in islice(self._store.leaves(max(first, 0), stop, topics), limit)
        ]

    def max_notification_id(self) -> int | None:
        return self._store.head().size or None

    def subscribe(
        self, gt: int | None = None, topics: Sequence[str] = ()
    ) -> Subscription[ApplicationRecorder]:
        return PollingSubscription(self, gt, topics)


class PollingSubscription(Subscription[ApplicationRecorder]):
    """Blocks at the end of the log and looks again; the same on both stores."""

    def __init__(
        self, recorder: ApplicationRecorder, gt: int | None = None, topics: Sequence[str] = ()
    ) -> None:
        super().__init__(recorder, gt, topics)
        self._after = gt or 0
        self._wanted = topics
        self._ahead: list[Notification] = []
        self._stopped = threading.Event()

    def stop(self) -> None:
        super().stop()
        self._stopped.set()

    def __next__(self) -> Notification:
        while not self._stopped.is_set():
            if not self._ahead:
                self._ahead = self._pull()
            if self._ahead:
                return self._ahead.pop(0)
            self._stopped.wait(POLL_SECONDS)
        raise StopIteration

    def _pull(self) -> list[Notification]:
        found = list(
            self._recorder.select_notifications(
                self._after, 100, topics=self._wanted, inclusive_of_start=False
            )
        )
        if found:
            self._after = found[-1].id
        return found


def hex_id(originator_id: UUID | str) -> str:
    return originator_id.hex if isinstance(originator_id, UUID) else originator_id
