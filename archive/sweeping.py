"""What nobody needs is swept away: uploaded files that no event named, secrets that ended, and
cosignatures that prove no more than others do."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from archive.attachments import Attachments
from archive.keystore import KeyStore
from archive.store import StoreError
from archive.witnessing import Witnesses

HOURLY = 3600.0
_log = logging.getLogger("liuhen.sweeping")


class Sweeper:
    """Sweeps once at the start and then every `interval` seconds, until it is stopped."""

    def __init__(
        self,
        attachments: Attachments,
        keys: KeyStore,
        witnesses: Witnesses,
        clock: Callable[[], datetime],
        interval: float = HOURLY,
    ) -> None:
        self._attachments, self._keys, self._clock = attachments, keys, clock
        self._witnesses, self._interval = witnesses, interval
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Returns when the thread has ended."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def sweep(self) -> tuple[int, int, int]:
        """Segments, secrets and cosignatures deleted. Secrets of idempotency keys go here, with
        their window."""
        segments = self._attachments.collect()
        secrets = self._keys.forget_secrets(self._clock())
        return segments, secrets, self._witnesses.prune()

    def _run(self) -> None:
        while True:
            try:
                self.sweep()
            except StoreError:
                _log.exception("nothing could be swept away; it is tried again")
            if self._stop.wait(self._interval):
                return
