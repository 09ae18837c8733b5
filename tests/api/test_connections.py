"""Heads of requests that do not end are not waited for, nor kept."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from api.connections import LARGEST_HEAD, bounded


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """Answers as soon as it is asked, like a door that refuses."""
    if scope["type"] != "http":
        return
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(hello, http=bounded(1.0), log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    yield int(listening.getsockname()[1])
    server.should_exit = True
    thread.join(10)


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def is_closed(connection: socket.socket) -> bool:
    """Whether the other side ends the connection, without an answer, within some seconds."""
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def test_requests_are_answered_one_after_the_other(port: int) -> None:
    """A kept connection serves several, however long it lives."""
    with connected(port) as connection:
        for _ in range(3):
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")
            time.sleep(0.6)


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost", b"G"])
def test_a_head_that_does_not_end_ends_the_connection(port: int, begun: bytes) -> None:
    """A stranger holds a connection for seconds, not for ever."""
    with connected(port) as connection:
        connection.sendall(begun)
        began = time.monotonic()
        assert is_closed(connection)
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("kept", [False, True])
def test_an_endless_header_is_not_kept(port: int, *, kept: bool) -> None:
    """The connection ends soon after the limit, also on a connection that was used before."""
    with connected(port) as connection:
        if kept:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Y: ")
        sent = 0
        try:
            while sent < 200 * LARGEST_HEAD:
                sent += connection.send(b"a" * LARGEST_HEAD)
        except ConnectionError:
            pass
        assert sent < 200 * LARGEST_HEAD
