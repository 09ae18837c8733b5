"""What stands is told to somebody elsewhere: one JSON object for each change, to one address.

It holds codes, times, leaf indexes and plain words; nothing of content, and no record's number.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any

from archive.outbound import AnswerRefused, ask

SECONDS = 10.0
LARGEST_ANSWER = 64 * 1024
WAITING = 100
"""Messages kept while the receiver is away; the oldest go first."""
TAKEN = frozenset({200, 201, 202, 204})
_log = logging.getLogger("liuhen.notifying")


def notify(url: str, message: Mapping[str, Any], seconds: float = SECONDS) -> None:
    """POST one message. AnswerRefused unless it was taken (200, 201, 202 or 204)."""
    ask(
        url,
        json.dumps(message, ensure_ascii=False).encode(),
        sent="application/json",
        wanted="*/*",
        seconds=seconds,
        limit=LARGEST_ANSWER,
        statuses=TAKEN,
    )


class Notifier:
    """Sends in order, from a thread of its own; while the receiver is away, again after `retry`
    seconds, then twice that, up to `longest`. What waits is lost with the process: what still
    stands is told anew by the next one."""

    def __init__(self, url: str, retry: float = 5.0, longest: float = 600.0) -> None:
        self._url, self._retry, self._longest = url, retry, longest
        self._waiting: deque[Mapping[str, Any]] = deque(maxlen=WAITING)
        self._changed = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.error: str | None = None
        """Why the last message was not taken; None while all were."""

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="notifier", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Returns when the thread has ended; a message under way is waited for."""
        self._stop.set()
        self._changed.set()
        if self._thread is not None:
            self._thread.join()

    def tell(self, message: Mapping[str, Any]) -> None:
        """Returns at once."""
        self._waiting.append(message)
        self._changed.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._changed.wait()
            self._changed.clear()
            failed = 0
            while self._waiting and not self._stop.is_set():
                failed = 0 if self._sent() else failed + 1
                if failed:
                    self._stop.wait(min(self._retry * 2.0 ** min(failed - 1, 16), self._longest))

    def _sent(self) -> bool:
        message = self._waiting[0]
        try:
            notify(self._url, message)
        except AnswerRefused as error:
            if self.error is None:
                _log.warning("the notification is not taken", extra={"said": {"why": str(error)}})
            self.error = str(error)
            return False
        self.error = None
        if self._waiting and self._waiting[0] is message:  # else pushed out meanwhile
            self._waiting.popleft()
        return True
