"""Behind a real server: slow senders, slow answers, large files at flat memory, logs, shutdown."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from archive.sqlite import SQLiteStore
from tests.api.conftest import COMPLAINT

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
from pathlib import Path
import uvicorn
from api.app import create_app
from api.logs import set_up
from api.settings import Settings
from tests.api.conftest import Clock, Plant, establish
from archive.opening import Options, open_archive

set_up()
data, port = Path(sys.argv[1]), int(sys.argv[2])
settings = Settings(data=data, idle_seconds=1, request_seconds=3, access_log_seconds=3600)
with open_archive(Options(data, Clock())) as archive:
    app = create_app(archive, settings)

    class Client:
        pass

    client = Client()
    client.app = app
    plant = Plant(archive, client, archive.options.clock, settings)
    establish(plant)
    (data / "key").write_text(plant.keys["cs"])
    uvicorn.run(app, port=port, log_level="warning", loop="uvloop", http="httptools")
"""


@dataclass
class Server:
    port: int
    key: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def client(self) -> httpx2.Client:
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx2.Client(base_url=f"http://127.0.0.1:{self.port}", headers=headers, timeout=60)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line[:1] == "{"]

    def most_memory(self) -> int:
        """Kilobytes, the highest so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("running")
    data, log, port = folder / "data", folder / "log", free_port()
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(data), str(port)],
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=out, stderr=out,
        )  # fmt: skip
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        yield Server(port, (data / "key").read_text(), process, log)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def raw(server: Server, head: str, *chunks: bytes, pause: float = 0.0) -> bytes:
    """Speak HTTP by hand, and read what comes back."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as line:
        key = f"Authorization: Bearer {server.key}\r\n"
        line.sendall(f"{head}\r\nHost: x\r\n{key}".encode())
        for chunk in chunks:
            line.sendall(chunk)
            time.sleep(pause)
        answer = b""
        while b"\r\n\r\n" not in answer or b"}" not in answer:
            more = line.recv(65536)
            if not more:
                break
            answer += more
        return answer


def test_a_sender_who_stops_is_told_so(server: Server) -> None:
    """A body that stands still for the idle time: 408, not a thread kept for ever."""
    began = time.monotonic()
    answer = raw(
        server,
        "POST /v1/complaint HTTP/1.1",
        b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
    )
    assert b" 408 " in answer.split(b"\r\n")[0]
    assert b"/problems/slow-request" in answer
    assert time.monotonic() - began < 10


def test_a_sender_who_drips_runs_into_the_time_limit(server: Server) -> None:
    """Never idle, never done: the request's own limit ends it."""
    drops = [b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n", *[b"x"] * 8]
    answer = raw(server, "POST /v1/complaint HTTP/1.1", *drops, pause=0.5)
    assert b" 503 " in answer.split(b"\r\n")[0]
    assert b"/problems/time-limit" in answer


def test_a_body_without_a_length_is_cut_off_at_the_limit(server: Server) -> None:
    """Chunked, and longer than a JSON body may be: 413 as soon as it is."""

    def much() -> Iterator[bytes]:
        for _ in range(40):
            yield b"x" * 65536

    with server.client as client:
        answer = client.post(
            "/v1/complaint", content=much(), headers={"Content-Type": "application/json"}
        )
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too-large")


def test_a_large_file_passes_at_flat_memory(server: Server) -> None:
    """Three times the bytes, up and down again, take no more memory than the first time, when the
    database's own cache of pages filled up."""
    piece = os.urandom(1024 * 1024)

    def up_and_down(client: httpx2.Client, pieces: int) -> None:
        sent = client.post("/v1/attachments", content=(piece for _ in range(pieces)))
        assert sent.json()["size"] == pieces * len(piece)
        answers = {**_complaint(), "evidence": [sent.json()["id"]]}
        record = client.post("/v1/complaint", json={"answers": answers}).json()["record"]
        path = f"/v1/records/{record}/attachments/{sent.json()['id']}"
        with client.stream("GET", path) as answer:
            received = sum(len(chunk) for chunk in answer.iter_bytes())
        assert received == pieces * len(piece)

    with server.client as client:
        up_and_down(client, 100)
        before = server.most_memory()
        up_and_down(client, 300)
    assert server.most_memory() - before < 40_000


def _complaint() -> dict[str, Any]:
    return dict(COMPLAINT)


def test_logs_tell_what_happened_and_nothing_of_what_was_said(server: Server) -> None:
    """One line a request, with its id, route, status and time; no content, no query, no key."""
    with server.client as client:
        told = {"X-Request-Id": "seen-1"}
        client.post("/v1/complaint", json={"answers": _complaint()}, headers=told)
        client.get("/v1/search", params={"q": "科技公司"}, headers={"X-Request-Id": "seen-2"})
    time.sleep(0.2)
    by_id = {line["request_id"]: line for line in server.lines() if "request_id" in line}
    assert by_id["seen-1"]["status"] == 201
    assert by_id["seen-1"]["route"] == "/v1/complaint"
    assert by_id["seen-2"]["route"] == "/v1/search"
    text = server.log.read_text()
    for secret in ("科技公司", "%E7%A7%91", "A-4711", server.key.split("_", 2)[2]):
        assert secret not in text


def test_sixty_four_connections_append_at_once(server: Server) -> None:
    """Each gets a receipt of its own, and the leaves have no gap."""
    limits = httpx2.Limits(max_connections=64)

    async def all_of_them() -> list[int]:
        headers = {"Authorization": f"Bearer {server.key}"}
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{server.port}", headers=headers, limits=limits, timeout=60
        ) as client:
            answers = await asyncio.gather(
                *(client.post("/v1/complaint", json={"answers": _complaint()}) for _ in range(128))
            )
        assert {a.status_code for a in answers} == {201}
        return sorted(a.json()["leaf_index"] for a in answers)

    found = asyncio.run(all_of_them())
    assert found == list(range(found[0], found[0] + 128))


def test_what_is_noted_is_written_before_the_server_ends(tmp_path: Path) -> None:
    """Accesses wait at most for the end: a stopped server has written them."""
    data, port = tmp_path / "data", free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(data), str(port)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}/v1/me"
        for _ in range(600):
            try:
                if httpx2.get(url, headers={"Authorization": "Bearer no"}).status_code == 401:
                    break
            except httpx2.TransportError:
                time.sleep(0.1)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    store = SQLiteStore(data / "archive.db")
    topics = [row.topic for row in store.leaves(0)]
    store.close()
    assert topics[-2:] == ["~access-log/opened", "~access-log/step-taken"]
