"""Connections that threads borrow for one read and give back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

C = TypeVar("C")


class Pool(Generic[C]):
    """Last in, first out; grows with need, keeps at most `keep` idle ones.

    `broken` decides after each use whether a connection may be lent again.
    """

    def __init__(
        self,
        connect: Callable[[], C],
        close: Callable[[C], None],
        broken: Callable[[C], bool],
        keep: int = 8,
    ) -> None:
        self._connect, self._close, self._broken, self._keep = connect, close, broken, keep
        self._idle: list[C] = []
        self._lock = threading.Lock()
        self._closed = False

    @contextmanager
    def lend(self) -> Iterator[C]:
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = self._connect()
        try:
            yield connection
        finally:
            self._return(connection)

    def _return(self, connection: C) -> None:
        if not self._broken(connection):
            with self._lock:
                if not self._closed and len(self._idle) < self._keep:
                    self._idle.append(connection)
                    return
        self._close(connection)

    def drop_idle(self) -> None:
        """After a lost connection the idle ones are most likely lost too."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            self._close(connection)

    @contextmanager
    def closed_on_error(self) -> Iterator[None]:
        """For whoever opens a store: where that fails, no connection is left."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        with self._lock:
            self._closed = True
        self.drop_idle()
