"""Connections: the head of a request has a size and a time, which the server library leaves open.

Without them a stranger could fill the memory with one endless header, or hold every connection with
heads that never end.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD = 64 * 1024


class BoundedProtocol(HttpToolsProtocol):
    """Ends a connection whose request head is too large, or does not come to its end in time."""

    head_seconds = 30.0
    _head_size = 0
    _in_head = True
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """What came of a head with the end of the request before it is not counted: one piece."""
        if self._in_head:
            self._head_size += len(data)
        super().data_received(data)
        if self._in_head and self._head_size > LARGEST_HEAD:
            self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if not self._in_head:
            self._await_head()

    def on_headers_complete(self) -> None:
        self._in_head, self._head_size = False, 0
        self._stop_timer()
        super().on_headers_complete()

    def _await_head(self) -> None:
        self._in_head, self._head_size = True, 0
        self._stop_timer()
        self._timer = self.loop.call_later(self.head_seconds, self._end)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self) -> None:
        if self._in_head and not self.transport.is_closing():
            self.transport.close()


def bounded(seconds: float) -> type[HttpToolsProtocol]:
    """The protocol for a server whose clients have so long for a head."""
    return type("Bounded", (BoundedProtocol,), {"head_seconds": seconds})
