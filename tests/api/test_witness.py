"""`liuhen witness`, and an archive that gives nothing out before its witnesses signed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest

from api.clock import now
from archive.evidence import note
from archive.evidence.policy import Policy
from archive.log import vkey
from archive.witnessing import Witnesses
from tests.api.conftest import COMPLAINT, Plant, limits, opened
from tests.api.test_cli import PROGRAM, Shell
from tests.api.test_running import free_port
from tests.witness_processes import WitnessProcess, parsed_policy, policy_of


@pytest.fixture
def public(tmp_path: Path, store_name: str, request: pytest.FixtureRequest) -> Iterator[Plant]:
    """A plant whose log is for everybody, on each store."""
    dsn = request.getfixturevalue("postgres_dsn") if store_name == "postgres" else None
    yield from opened(tmp_path / "data", dsn, limits(publish_log=True))


def test_only_what_the_quorum_signed_goes_out(public: Plant, tmp_path: Path) -> None:
    """Without it the routes answer 503 not-published, and appending goes on; once it is met, all
    of them give out the same cosigned head, and no leaf beyond it."""
    archive = public.archive
    key = vkey(archive.options.origin, archive.keyring.log_key)
    process = WitnessProcess(tmp_path / "w", "w.example", key)
    policy = parsed_policy([process], "all")
    archive.witnesses = Witnesses(archive.store, archive.log, policy, now, seconds=5)
    for path in ("/checkpoint", "/v1/checkpoint", "/v1/checkpoint?fresh=true", "/tile/0/000"):
        answer = public.get("cs", path)
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/not-published")
        assert answer.headers["retry-after"] == "30"
    made = public.post("cs", "/v1/complaint", {"answers": COMPLAINT})
    assert made.status_code == 201
    record = made.json()["record"]
    proof = f"/v1/records/{record}/events/1/proof"
    assert public.get("cs", proof).status_code == 503
    told = public.get("cs", "/health").json()
    assert told["ready"] is True
    assert told["witnesses"]["w0"]["state"] == "away"
    assert told["published"]["size"] is None
    assert told["published"]["behind_since"] is not None
    process.start()
    try:
        shown = public.get("cs", "/v1/checkpoint?fresh=true").content
        assert set(policy.cosigned(note.parse(shown))) == {"w0"}
        assert public.get("cs", "/checkpoint").content == shown
        assert public.get("cs", proof).json()["checkpoint"].encode() == shown
        told = public.get("cs", "/health").json()
        assert told["witnesses"]["w0"]["state"] == "ok"
        assert told["published"] == {"size": archive.store.head().size, "behind_since": None}
    finally:
        process.stop()
    size = archive.store.head().size
    assert public.post("cs", "/v1/complaint", {"answers": COMPLAINT}).status_code == 201
    archive.log.checkpoint()
    assert public.get("cs", "/checkpoint").content == shown
    assert public.get("cs", f"/tile/entries/000.p/{size}").status_code == 200
    assert public.get("cs", f"/tile/entries/000.p/{size + 1}").status_code == 404
    assert public.get("cs", "/health").json()["published"]["size"] == size


def test_a_witness_by_commands(tmp_path: Path) -> None:
    """Made, told of a log, shown, told to forget its key; what cannot be is one sentence, and 2."""
    shell, folder = Shell(tmp_path), str(tmp_path / "w")
    assert shell("init").returncode == 0
    key = shell("keys", "vkey").stdout.strip()
    made = shell("witness", "init", folder, "--name", "w.example/1")
    assert (made.returncode, note.VerifierKey.parse(made.stdout.strip()).type) == (0, 4)
    assert shell("witness", "add", folder, key).returncode == 0
    shown = shell("witness", "show", folder).stdout.splitlines()
    assert shown == [made.stdout.strip(), f"  - {key}"]
    assert shell("witness", "remove", folder, key).returncode == 0
    assert shell("witness", "show", folder).stdout.splitlines() == shown[:1]
    for arguments in (
        ("init", folder, "--name", "w.example/2"), ("init", f"{folder}2", "--name", "a b"),
        ("add", folder, "nonsense"), ("add", f"{folder}3", key), ("remove", folder, key),
    ):  # fmt: skip
        refused = shell("witness", *arguments)
        assert refused.returncode == 2
        assert refused.stderr.startswith("liuhen: ")
        assert "Traceback" not in refused.stderr


def fetched(url: str) -> bytes:
    with urlopen(url, timeout=5) as answer:  # noqa: S310 - our own process
        return bytes(answer.read())


@pytest.mark.slow
def test_served_with_its_witness(tmp_path: Path) -> None:
    """`liuhen serve` with a policy shows its heads to a running witness by itself; an auditor with
    the policy file takes what it then serves."""
    shell = Shell(tmp_path)
    assert shell("init").returncode == 0
    key = shell("keys", "vkey").stdout.strip()
    process = WitnessProcess(tmp_path / "w", "w.example", key).start()
    policy, port = tmp_path / "policy", free_port()
    policy.write_text(policy_of([process], "all", key))
    settings = {
        "LIUHEN_DATA": str(shell.data),
        "LIUHEN_PORT": str(port),
        "LIUHEN_PUBLISH_LOG": "yes",
        "LIUHEN_WITNESS_POLICY": str(policy),
        "LIUHEN_CHECKPOINT_SECONDS": "1",
    }
    server = subprocess.Popen(
        [*PROGRAM, "serve"],
        env={**os.environ, "PYTHONPATH": str(Path.cwd()), **settings},
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        shown = None
        until = time.monotonic() + 60
        while shown is None and time.monotonic() < until:
            with suppress(URLError, HTTPError):
                shown = fetched(f"http://127.0.0.1:{port}/checkpoint")
            time.sleep(0.1)
        assert shown is not None
        origin = key.partition("+")[0]
        assert set(Policy.parse(policy.read_bytes()).check(note.parse(shown), origin)) == {"w0"}
        told = json.loads(fetched(f"http://127.0.0.1:{port}/health"))
        assert told["witnesses"]["w0"]["state"] == "ok"
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)
        process.stop()


def test_a_policy_that_cannot_be(tmp_path: Path) -> None:
    """Missing, malformed, or without an address: the command says so and does nothing."""
    shell = Shell(tmp_path)
    assert shell("init").returncode == 0
    policy = tmp_path / "policy"
    for text in (None, "nonsense\n", "quorum none"):
        if text is not None:
            policy.write_text(text)
        ran = subprocess.run(
            [*PROGRAM, "publish", str(tmp_path / "log")],
            env={
                "LIUHEN_DATA": str(shell.data),
                "LIUHEN_WITNESS_POLICY": str(policy),
                "PATH": "",
                "PYTHONPATH": str(Path.cwd()),
            },
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 2
        assert "LIUHEN_WITNESS_POLICY" in ran.stderr
        assert not (tmp_path / "log").exists()


def test_a_slow_or_broken_sender(tmp_path: Path) -> None:
    """A body that breaks off, and one without an end, leave the witness as it was."""
    key = str(note.VerifierKey.make("x.example", note.VerifierKey.parse(SOME_KEY).key))
    process = WitnessProcess(tmp_path / "w", "w.example", key).start()
    try:
        for head in (b"Content-Length: 1000", b"Transfer-Encoding: chunked"):
            with socket.create_connection(("127.0.0.1", process.port)) as line:
                line.sendall(b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n")
                line.sendall(b"5\r\nold 1")
        assert process.post(b"old 0\n")[0] == 400
        assert process.get("0" * 64)[0] == 404
    finally:
        process.stop()


SOME_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
