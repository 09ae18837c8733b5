"""What `make run` starts, for the pages that tell people what to type."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIUHEN = Path(sys.executable).with_name("liuhen")


@dataclass(frozen=True)
class Server:
    surroundings: dict[str, str]

    def type_in(self, script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", "set -euo pipefail\n" + script], check=False,
            cwd=ROOT, env=self.surroundings, capture_output=True, text=True, timeout=120,
        )  # fmt: skip


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def wait_until_ready(port: int, process: subprocess.Popen[bytes], said: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            break
        asking = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            asking.request("GET", "/health/ready")
            if asking.getresponse().status == 200:
                return
        except OSError:
            pass  # nobody listens yet
        finally:
            asking.close()
        time.sleep(0.1)
    pytest.fail(f"the server did not come up:\n{said.read_text(encoding='utf-8')}")


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """A server with the sample plant, with a data folder and a port of its own."""
    kept = {n: v for n, v in os.environ.items() if not n.startswith("LIUHEN_")}
    surroundings = kept | {
        "LIUHEN_DATA": str(folder / "data"),
        "LIUHEN_PORT": str(free_port()),
        "PATH": f"{LIUHEN.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(folder),
    }
    said = folder / "said.txt"
    with said.open("wb") as out:
        process = subprocess.Popen(
            [LIUHEN, "serve", "--sample"], cwd=folder, env=surroundings, stdout=out, stderr=out
        )
        try:
            wait_until_ready(int(surroundings["LIUHEN_PORT"]), process, said)
            yield Server(surroundings)
        finally:
            process.terminate()
            process.wait(30)
