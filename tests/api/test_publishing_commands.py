"""`liuhen publish` and `liuhen prove`, as typed; what they wrote, read by a stranger."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import foreign_client
from tests.api.test_cli import Shell


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """The sample plant, made once."""
    shell = Shell(tmp_path_factory.mktemp("sample"))
    assert shell("init", "--sample").returncode == 0
    return shell


def key_of(shell: Shell) -> str:
    found = re.search(r"\S+\+[0-9a-f]{8}\+\S+", shell("keys", "vkey").stdout)
    assert found
    return found[0]


def test_publish_to_a_folder(sample: Shell) -> None:
    """A folder holds the whole log after the first run, and the second writes nothing."""
    first = sample("publish", "www", "--json")
    assert first.returncode == 0
    made = json.loads(first.stdout)
    fetch = foreign_client.in_folder(sample.folder / "www")
    head, entries = foreign_client.read_log(fetch, key_of(sample))
    assert made["size"] == head.size == len(entries) > 100
    again = sample("publish", "www")
    assert (again.returncode, " 0 files " in again.stdout) == (0, True)


def test_publish_all(sample: Shell) -> None:
    """What was lost at the place comes back when every file is written anew."""
    assert sample("publish", "lossy").returncode == 0
    there = set((sample.folder / "lossy").rglob("*"))
    shutil.rmtree(sample.folder / "lossy" / "tile")
    assert sample("publish", "lossy", "--all").returncode == 0
    assert set((sample.folder / "lossy").rglob("*")) == there


@contextmanager
def web_server(folder: Path) -> Iterator[str]:
    """Any web server will do: Python's own."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL) as server:
        for _ in range(200):
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/"
        server.terminate()


def test_a_plain_web_server_serves_it(sample: Shell) -> None:
    """The folder behind a web server that knows nothing of logs is a C2SP log."""
    assert sample("publish", "www").returncode == 0
    with web_server(sample.folder / "www") as prefix:
        program = str(Path(foreign_client.__file__))
        command = [sys.executable, program, prefix, key_of(sample)]
        said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert re.search(r": [0-9]+ entries, root [0-9a-f]{64}", said.stdout)


def test_prove(sample: Shell) -> None:
    """The proof file is verified by a stranger's reader and by ours; a changed one by neither."""
    made = sample("prove", "KS-2026-00001", "1", "-o", "one.tlog-proof")
    assert made.returncode == 0
    data = (sample.folder / "one.tlog-proof").read_bytes()
    key = key_of(sample)
    _, _, leaf = foreign_client.read_proof(data, key)
    assert b'"number":"KS-2026-00001"' in leaf
    good = sample("verify", "one.tlog-proof", "--vkey", key, "--lang", "en")
    assert (good.returncode, "KS-2026-00001" in good.stdout) == (0, True)
    (sample.folder / "two.tlog-proof").write_bytes(re.sub(rb"\nindex \d+", b"\nindex 0", data))
    bad = sample("verify", "two.tlog-proof", "--vkey", key)
    assert bad.returncode == 1


@pytest.mark.parametrize("command", [["publish", "www"], ["prove", "KS-2026-00001", "1"]])
def test_without_an_archive(tmp_path: Path, command: list[str]) -> None:
    """Nothing is made by mistake: exit 2, and the name of the command that makes it."""
    result = Shell(tmp_path)(*command)
    assert (result.returncode, "liuhen init" in result.stderr) == (2, True)


def test_no_such_event(sample: Shell) -> None:
    """An event that is not there is exit 2, and no file."""
    result = sample("prove", "KS-2026-00001", "999", "-o", "none")
    assert (result.returncode, (sample.folder / "none").exists()) == (2, False)
