"""`liuhen monitor` as a program: its words, its exit status, and who is told."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
import uvicorn
from click.testing import CliRunner, Result
from fastapi import FastAPI

from api.cli.monitor import monitor
from api.clock import now
from archive.evidence.policy import Policy
from archive.log import vkey
from archive.monitoring import Monitor, Published
from archive.opening import Archive, Options, open_archive
from archive.publishing import publish, target_at
from tests.api.conftest import limits, opened
from tests.api.test_cli import PROGRAM
from tests.archive.acting import Acting
from tests.archive.test_monitoring import Quiet
from tests.receiver import Receiver, receiving, wait_for


class Site:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.archive: Archive = open_archive(Options(folder / "data", now, "log.example"))
        (folder / "www").mkdir()
        handler = partial(Quiet, directory=str(folder / "www"))
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        self.vkey = vkey("log.example", self.archive.keyring.log_key)

    def publish(self) -> bytes:
        Acting(self.archive).complaint()
        self.archive.log.checkpoint()
        publish(self.archive, target_at(str(self.folder / "www")))
        return (self.folder / "www" / "checkpoint").read_bytes()

    def run(self, *more: str, state: str = "state.json") -> Result:
        words = [self.url, "--vkey", self.vkey, "--state", str(self.folder / state), *more]
        return CliRunner().invoke(monitor, words)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.server.shutdown()
    made.server.server_close()
    made.archive.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


def test_the_exit_status(site: Site, receiver: Receiver) -> None:
    """0 where all is well, 1 where something is wrong, 2 where nothing could be read; and the
    webhook hears of the latter two."""
    hook = ("--once", "--json", "--webhook", receiver.url)
    early = site.publish()
    site.publish()
    first = site.run(*hook)
    assert first.exit_code == 0, first.output
    said = json.loads(first.stdout)
    assert (said["state"], said["origin"], said["ok"]) == ("ok", "log.example", True)
    assert receiver.heard == []
    (site.folder / "www" / "checkpoint").write_bytes(early)
    second = site.run(*hook)
    assert second.exit_code == 1
    assert [each["code"] for each in json.loads(second.stdout)["findings"]] == ["set-back"]
    text = site.run("--once").output
    assert "日志短于此前已核验的长度" in text
    assert "it was set back" in text
    (site.folder / "www" / "checkpoint").unlink()
    third = site.run(*hook)
    assert third.exit_code == 2
    assert json.loads(third.stdout)["state"] == "unreachable"
    assert [each["state"] for each in receiver.heard] == ["wrong", "unreachable"]


@pytest.mark.parametrize(
    "words",
    [
        ["http://127.0.0.1:9/", "--once"],
        ["http://127.0.0.1:9/", "--once", "--vkey", "nonsense"],
        ["ftp://example/", "--once", "--vkey", "x+1+A"],
    ],
)
def test_what_cannot_be(words: list[str]) -> None:
    """Without anybody to trust, and for an address that is none: exit status 2."""
    assert CliRunner().invoke(monitor, words).exit_code == 2


def test_running(site: Site, receiver: Receiver) -> None:
    """It goes on until it is stopped; what changes is told once, and killed at any moment it goes
    on from what it had verified."""
    site.publish()
    state = site.folder / "state.json"
    words = [*PROGRAM, "monitor", site.url, "--vkey", site.vkey, "--interval", "1", "--json"]
    words += ["--state", str(state), "--webhook", receiver.url]

    def begin() -> subprocess.Popen[str]:
        return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=Path.cwd())

    with begin() as first:
        wait_for(state.exists, 60)
        first.kill()
    size = json.loads(state.read_text())["size"]
    early = site.publish()
    site.publish()
    with begin() as second:
        wait_for(lambda: json.loads(state.read_text())["size"] > size + 1, 60)
        (site.folder / "www" / "checkpoint").write_bytes(early)
        (told,) = receiver.wait(1, 60)
        assert [each["code"] for each in told["findings"]] == ["set-back"]
        time.sleep(2.5)
        assert len(receiver.heard) == 1
        second.send_signal(signal.SIGINT)
        said, _ = second.communicate(timeout=30)
    assert second.returncode == 130
    lines = [json.loads(line) for line in said.splitlines()]
    assert lines[0]["state"] == "ok"
    assert lines[-1]["state"] == "wrong"


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    config = uvicorn.Config(app, port=0, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_for(lambda: server.started)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


def test_a_log_for_keys(tmp_path: Path) -> None:
    """A server whose log is not public is read with an API key; without one, it cannot be read."""
    for plant in opened(tmp_path / "data", None, limits()):
        plant.register_caller("monitor", system="monitor", rights=["read", "confidential"])
        plant.archive.log.checkpoint()
        trusted = Policy.of_vkey(vkey(plant.archive.options.origin, plant.archive.keyring.log_key))
        with served(plant.client.app) as url:  # type: ignore[arg-type]
            for key, state in ((plant.keys["monitor"], "ok"), (None, "unreachable")):
                log = Published(url, key, pause=0.01)
                turn = Monitor(log, trusted, None, plant.clock, timedelta(hours=48)).turn()
                assert turn.state == state, turn
