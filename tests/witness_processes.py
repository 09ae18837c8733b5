"""Real witnesses for the tests: `liuhen witness serve` in processes of their own, over sockets."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from archive.evidence import note
from archive.evidence.policy import Policy
from archive.log import vkey
from archive.opening import Archive
from archive.witness import Witness
from tests.api.test_running import free_port

ROOT = Path(__file__).parents[1]
SERVE = "from api.cli import main; main()"


@dataclass
class WitnessProcess:
    """Made in its folder, told of a log, and running until `stop` or `kill`; `start` again."""

    folder: Path
    name: str
    log: str
    port: int = field(default_factory=free_port)
    vkey: str = field(init=False)
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.vkey = Witness.make(self.folder, self.name)
        with self.opened() as witness:
            witness.trust(self.log)

    def opened(self) -> Witness:
        from api.clock import now  # noqa: PLC0415 - the clock that the process has too

        return Witness.open(self.folder, now)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def key(self) -> note.VerifierKey:
        return note.VerifierKey.parse(self.vkey)

    def start(self) -> WitnessProcess:
        words = [sys.executable, "-c", SERVE, "witness", "serve", str(self.folder)]
        self.process = subprocess.Popen(
            [*words, "--port", str(self.port)], cwd=ROOT, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with suppress(URLError):
                self.get("0" * 64)
                return self
            assert self.process.poll() is None
            time.sleep(0.05)
        raise AssertionError("the witness does not answer")

    def get(self, origin_hash: str) -> tuple[int, bytes]:
        url = f"{self.url}/{origin_hash}/checkpoint"
        return _answer(Request(url))[:2]  # noqa: S310 - our own process

    def post(self, body: bytes) -> tuple[int, bytes, str | None]:
        url = f"{self.url}/add-checkpoint"
        return _answer(Request(url, body, method="POST"))  # noqa: S310 - the same

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)
            self.process = None

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(30)
        self.process = None


def _answer(request: Request) -> tuple[int, bytes, str | None]:
    try:
        with urlopen(request, timeout=30) as answer:  # noqa: S310 - the same
            return answer.status, answer.read(), answer.headers["Content-Type"]
    except HTTPError as error:
        with error:
            return error.code, error.read(), error.headers["Content-Type"]


def log_vkey(archive: Archive) -> str:
    return vkey(archive.keyring.origin, archive.keyring.log_key)


def policy_of(witnesses: list[WitnessProcess], threshold: str, log: str = "") -> str:
    """The text of a policy in which so many of these are a quorum."""
    lines = [f"log {log}"] if log else []
    names = [f"w{n}" for n in range(len(witnesses))]
    lines += [f"witness {n} {w.vkey} {w.url}" for n, w in zip(names, witnesses, strict=True)]
    lines += [f"group all-of-them {threshold} {' '.join(names)}", "quorum all-of-them", ""]
    return "\n".join(lines)


def parsed_policy(witnesses: list[WitnessProcess], threshold: str) -> Policy:
    return Policy.parse(policy_of(witnesses, threshold), of_a_log=True)
