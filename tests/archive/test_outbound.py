"""The one door outwards: within a time and a size, whatever stands on the other side."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from archive.outbound import AnswerRefused, address, post

WORDS = {"sent": "text/question", "wanted": "text/answer"}
CUT_OFF = "IncompleteRead|ConnectionResetError"
"""Whether the end or a reset is seen first is the system's affair."""
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/answer\r\n"


@contextmanager
def served(speak: Callable[[socket.socket], None]) -> Iterator[str]:
    """An address where each connection is given to `speak`, which need not know HTTP."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        with suppress(OSError):
            while True:
                held, _ = listener.accept()
                threading.Thread(target=speaking, args=(held,), daemon=True).start()

    def speaking(held: socket.socket) -> None:
        with held, suppress(OSError):
            speak(held)

    threading.Thread(target=run, daemon=True).start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}/path?query"
    finally:
        listener.close()


def saying(answer: bytes) -> Callable[[socket.socket], None]:
    def speak(held: socket.socket) -> None:
        held.recv(65536)
        held.sendall(answer)

    return speak


def ask(where: str, seconds: float = 5.0, limit: int = 100, scheme: str = "http") -> bytes:
    return post(f"{scheme}://{where}", b"ask", seconds=seconds, limit=limit, **WORDS)


def test_one_question_and_one_answer() -> None:
    """The request is a POST of the body to path and query; the answer is the body's bytes."""
    heard: list[bytes] = []

    def speak(held: socket.socket) -> None:
        heard.append(held.recv(65536))
        while not heard[-1].endswith(b"ask"):
            heard[-1] += held.recv(65536)
        held.sendall(HEAD + b"Content-Length: 3\r\n\r\nyes")

    with served(speak) as where:
        assert ask(where) == b"yes"
    head = heard[0].split(b"\r\n\r\n")[0].decode("ascii").split("\r\n")
    assert head[0] == "POST /path?query HTTP/1.1"
    assert {"Content-Type: text/question", "Accept: text/answer", "Content-Length: 3"} <= {*head}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n", "redirects"),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "503"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>", "text/html"),
        (HEAD + b"Content-Length: 101\r\n\r\n" + bytes(101), "more than 100 bytes"),
        (HEAD + b"\r\n" + bytes(5000), "more than 100 bytes"),
        (HEAD + b"Content-Length: 50\r\n\r\n" + bytes(49), CUT_OFF),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab", CUT_OFF),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nab", f"{CUT_OFF}|ValueError"),
        (HEAD + b"X: y\r\n" * 200 + b"\r\n", "HTTPException"),
        (b"not http at all\r\n\r\n", "BadStatusLine"),
        (b"", "RemoteDisconnected"),
    ],
)
def test_other_answers_are_refused(answer: bytes, why: str) -> None:
    """Redirects, errors, other media, too much, too little and no HTTP: each by our own error."""
    with served(saying(answer)) as where, pytest.raises(AnswerRefused, match=why):
        ask(where)


def dripping(held: socket.socket) -> None:
    held.recv(65536)
    for byte in HEAD * 100:
        held.sendall(bytes([byte]))
        time.sleep(0.02)


def dripping_body(held: socket.socket) -> None:
    held.recv(65536)
    held.sendall(HEAD + b"Content-Length: 90\r\n\r\n")
    for _ in range(90):
        held.sendall(b".")
        time.sleep(0.05)


def silent(held: socket.socket) -> None:
    while held.recv(65536):
        pass


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("speak", [dripping, dripping_body, silent])
def test_a_slow_server_is_left(speak: Callable[[socket.socket], None], scheme: str) -> None:
    """The limit is on the whole of it, though each byte comes soon enough."""
    with served(speak) as where:
        began = time.monotonic()
        with pytest.raises(AnswerRefused):
            ask(where, seconds=0.3, scheme=scheme)
        assert time.monotonic() - began < 2


def test_nobody_there() -> None:
    """A refused connection is our own error."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        where = f"127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(AnswerRefused, match="cannot be asked"):
        ask(where)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "tsa.example",
        "ftp://tsa.example",
        "file:///etc/passwd",
        "http://",
        "http://a:0",
        "http://a:99999",
        "http://user:word@a",
        "http://[::1",
    ],
)
def test_an_address_that_is_none(url: str) -> None:
    """Only http and https with a host, and no password in it."""
    with pytest.raises(AnswerRefused):
        address(url)
