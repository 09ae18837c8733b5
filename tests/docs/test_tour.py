"""The newcomer's five minutes: what the README tells people to type is typed, on a real server."""

from __future__ import annotations

import http.client
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIUHEN = Path(sys.executable).with_name("liuhen")
TOUR = re.compile(r"^```sh tour\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(readme: str) -> list[str]:
    return TOUR.findall((ROOT / readme).read_text(encoding="utf-8"))


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


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """What `make run` starts, with a data folder and a port of its own."""
    folder = tmp_path_factory.mktemp("tour")
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


def shown(readme: str) -> list[str]:
    """The lines that the page says the tour prints, in order."""
    page = (ROOT / readme).read_text(encoding="utf-8")
    tour = page[page.index("```sh tour") : page.rindex("```sh tour")]
    tour += page[page.rindex("```sh tour") :].split("\n## ")[0]
    lines = TOUR.sub("", tour).splitlines()
    return [line for line in lines if line.startswith("    ") and line.strip() != "..."]


def plain(line: str) -> str:
    """A line without what differs from run to run: hashes, keys, times, sizes and counts."""
    line = re.sub(r"\b[0-9a-f]{32,}\b", "<hex>", line.strip())
    return re.sub(r"[0-9]+([.,:T-][0-9]+)*Z?", "<n>", line)


def follows(wanted: str, lines: Iterator[str]) -> bool:
    """Whether the line comes next or later; `...` at its end stands for the rest of it."""
    if wanted.endswith("..."):
        return any(line.startswith(wanted.removesuffix("...")) for line in lines)
    return wanted in lines


@pytest.mark.slow
@pytest.mark.parametrize("readme", ["README.md", "README.zh.md"])
def test_the_tour_works_as_it_is_written(server: Server, readme: str) -> None:
    """Every marked block runs in order, and prints what the page says it prints."""
    done = server.type_in("\n".join(blocks(readme)))
    told = f"{done.stdout}\n{done.stderr}"
    assert done.returncode == 0, told
    assert re.search(r"^(KS-\S+) \1$", done.stdout, re.MULTILINE), "sent twice, done twice"
    lines = iter([plain(line) for line in done.stdout.splitlines()])
    assert len(shown(readme)) > 30
    for wanted in shown(readme):
        assert follows(plain(wanted), lines), f"{wanted!r} does not follow in:\n{told}"


def test_a_tour_block_that_fails_is_seen(server: Server) -> None:
    """The harness itself: a refused request ends the script with curl's status."""
    start = blocks("README.md")[0]
    done = server.type_in(start + "\nsay clerk complaint '{}'\necho never")
    assert done.returncode == 22
    assert "never" not in done.stdout
