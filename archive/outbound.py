"""The only door through which the archive speaks to another server, and only where one is set.

One question, one answer, within a time and a size; no redirect, no proxy, no cookie.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from time import monotonic
from urllib.parse import SplitResult, urlsplit

PORTS = {"http": 80, "https": 443}
CHUNK = 16 * 1024


class AnswerRefused(Exception):
    """The server is away, or answers what may not be; the message says which."""


def address(url: str) -> SplitResult:
    """An http or https address with a host; AnswerRefused for any other."""
    try:
        parts = urlsplit(url)
        known = parts.scheme in PORTS and parts.hostname and parts.port != 0
    except ValueError:
        raise AnswerRefused("the port must be a number up to 65535") from None
    if not known:
        raise AnswerRefused("give an address such as https://tsa.example/tsr")
    if parts.username is not None or parts.password is not None:
        raise AnswerRefused("an address may hold no user name and no password")
    return parts


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    media_type: str
    body: bytes


def post(url: str, body: bytes, *, sent: str, wanted: str, seconds: float, limit: int) -> bytes:
    """The body of the answer, of media type `wanted` and at most `limit` bytes.

    AnswerRefused after `seconds` in all, however slowly the other side speaks, and for any status
    but 200. Finding the host's address is the system's and has its own time.
    """
    answer = ask(url, body, sent=sent, wanted=wanted, seconds=seconds, limit=limit)
    if answer.media_type != wanted:
        raise AnswerRefused(f"answers with {answer.media_type} instead of {wanted}")
    return answer.body


def ask(
    url: str,
    body: bytes,
    *,
    sent: str,
    wanted: str,
    seconds: float,
    limit: int,
    statuses: Collection[int] = (200,),
) -> Answer:
    """As `post`, where answers of other statuses, and of any media type, have a meaning too."""
    headers = {"Content-Type": sent, "Accept": wanted}
    return _exchange("POST", url, body, headers, seconds, limit, statuses)


def fetch(
    url: str, *, seconds: float, limit: int, statuses: Collection[int], key: str | None = None
) -> Answer:
    """A GET, with a bearer key where one is given. AnswerRefused as with `ask`."""
    headers = {"Accept": "*/*"} | ({"Authorization": f"Bearer {key}"} if key else {})
    return _exchange("GET", url, None, headers, seconds, limit, statuses)


def _exchange(
    method: str,
    url: str,
    body: bytes | None,
    headers: Mapping[str, str],
    seconds: float,
    limit: int,
    statuses: Collection[int],
) -> Answer:
    parts = address(url)
    end = monotonic() + seconds
    try:
        with _connected(parts, end) as connection:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            _refuse_other_answers(response, statuses)
            told = response.headers.get_content_type()
            return Answer(response.status, told, _read(response, limit))
    except (OSError, HTTPException, ValueError) as error:
        if monotonic() >= end:
            raise AnswerRefused(f"no whole answer within {seconds:g} seconds") from None
        raise AnswerRefused(f"cannot be asked: {type(error).__name__}") from error


def _refuse_other_answers(response: HTTPResponse, statuses: Collection[int]) -> None:
    if 300 <= response.status < 400:
        raise AnswerRefused(f"redirects ({response.status}): set the address it redirects to")
    if response.status not in statuses:
        raise AnswerRefused(f"answers with HTTP status {response.status}")


def _read(response: HTTPResponse, limit: int) -> bytes:
    parts, size = [], 0
    while part := response.read1(CHUNK):
        parts.append(part)
        size += len(part)
        if size > limit:
            raise AnswerRefused(f"answers with more than {limit} bytes")
    if response.length:
        raise IncompleteRead(b"", response.length)
    return b"".join(parts)


@contextmanager
def _connected(parts: SplitResult, end: float) -> Iterator[HTTPConnection]:
    """A connection that is cut off at `end`.

    The socket's own limit counts from each byte, so a server that drips would hold us for ever.
    """
    host, port = str(parts.hostname), parts.port or PORTS[parts.scheme]
    plain = socket.create_connection((host, port), max(end - monotonic(), 0.001))
    held = plain
    if parts.scheme == "https":
        held = ssl.create_default_context().wrap_socket(
            plain, server_hostname=host, do_handshake_on_connect=False
        )
    timer = threading.Timer(max(end - monotonic(), 0), _cut, (held,))
    timer.daemon = True
    timer.start()
    connection = HTTPConnection(host, port)
    connection.sock = held
    try:
        if isinstance(held, ssl.SSLSocket):
            held.do_handshake()
        yield connection
    finally:
        timer.cancel()
        connection.close()
        held.close()


def _cut(held: socket.socket) -> None:
    # The plain method: that of a TLS socket would take the session from under the reader.
    with suppress(OSError):
        socket.socket.shutdown(held, socket.SHUT_RDWR)
