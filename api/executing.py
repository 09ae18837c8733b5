"""Executions of disposals: one after the other beside the requests, each finished after a crash."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock

from api.logs import REQUESTS
from archive.store import StoreError
from archive.views.database import ViewError
from domain.errors import DomainError
from retention.disposal import Disposals

MOMENT = 3.0
"""Seconds."""
Failure = DomainError | StoreError | ViewError


@dataclass
class Executions:
    """Safe to use from any thread. What `stop` cuts off, the next start takes up again."""

    disposals: Disposals
    _pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="disposal")
    )
    _under_way: dict[str, Future[None]] = field(default_factory=dict)
    _failures: dict[str, Failure] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def begin(self, disposal_id: str) -> None:
        """Execute a started disposal, unless that is under way."""
        with self._lock:
            if disposal_id not in self._under_way:
                self._failures.pop(disposal_id, None)
                self._under_way[disposal_id] = self._pool.submit(self._run, disposal_id)

    def resume(self) -> list[str]:
        """Take up what was started and not certified, as after a restart; which that is."""
        found = list(self.disposals.shelf.executing())
        for disposal_id in found:
            self.begin(disposal_id)
        return found

    def running(self, disposal_id: str) -> bool:
        with self._lock:
            return disposal_id in self._under_way

    def failure(self, disposal_id: str) -> Failure | None:
        """Why the last execution in this process did not come to its end."""
        with self._lock:
            return self._failures.get(disposal_id)

    def wait(self, disposal_id: str, seconds: float | None) -> None:
        """Until the execution has ended, but no longer than this (None: as long as it takes)."""
        with self._lock:
            future = self._under_way.get(disposal_id)
        if future is not None:
            future.exception(seconds)

    def wait_a_moment(self, disposal_id: str) -> None:
        """A short list is done before its page is shown again; of a long one that shows how far."""
        with suppress(TimeoutError):
            self.wait(disposal_id, MOMENT)

    def stop(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _run(self, disposal_id: str) -> None:
        failure: Failure | None = None
        try:
            self.disposals.execute(disposal_id)
        except (DomainError, StoreError, ViewError) as error:
            failure = error
        except Exception:
            REQUESTS.exception("failed", extra={"said": {"request_id": f"disposal {disposal_id}"}})
            raise
        finally:
            with self._lock:
                self._under_way.pop(disposal_id, None)
                if failure is not None:
                    self._failures[disposal_id] = failure
