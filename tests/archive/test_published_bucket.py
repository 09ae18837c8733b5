"""The published log in a bucket, on a real S3 server."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from archive.log import vkey
from archive.publishing import Published, PublishError, publish, target_at
from tests import foreign_client
from tests.archive.small_archive import ORIGIN, SmallArchive, sqlite_archive
from tests.archive.test_log import grow
from tests.conftest import absent

REPO = Path(__file__).parents[2]
WHO = {"accessKey": "tester", "secretKey": "not-secret"}
BUCKET = "logs"


def program() -> str:
    found = shutil.which("weed", path=f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}")
    if found is None:
        absent("an S3 server (weed)", "install the development requirements")
    return str(found)


def free_ports() -> int:
    """The first of four ports that are free, and so are those 10,000 above: the server's own way
    of choosing its second ports."""
    for base in range(20_000, 50_000, 10):
        wanted = [port for n in range(4) for port in (base + n, base + n + 10_000)]
        if all(map(_free, wanted)):
            return base
    raise AssertionError("no free ports")


def _free(port: int) -> bool:
    with socket.socket() as tried:
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a SeaweedFS server with one bucket."""
    folder, base = tmp_path_factory.mktemp("weed"), free_ports()
    identity = {"name": "tester", "credentials": [WHO], "actions": ["Admin"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    command = [
        program(), "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3",
        "-filer", f"-master.port={base}", f"-volume.port={base + 1}", f"-filer.port={base + 2}",
        f"-s3.port={base + 3}", f"-s3.config={folder}/s3.json", "-volume.max=0",
        "-filer.disableHttp", "-master.volumeSizeLimitMB=64",
    ]  # fmt: skip
    with (folder / "log").open("w") as log:
        running = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    address = f"http://127.0.0.1:{base + 3}"
    try:
        _make_bucket(address)
        yield address
    finally:
        running.send_signal(signal.SIGKILL)  # asked to stop, it takes half a minute
        running.wait()


@cache
def client(address: str) -> Any:
    boto3 = pytest.importorskip("boto3", reason="the extra s3 is not installed")
    return boto3.client(
        "s3", endpoint_url=address, region_name="us-east-1",
        aws_access_key_id=WHO["accessKey"], aws_secret_access_key=WHO["secretKey"],
    )  # fmt: skip


def _make_bucket(address: str) -> None:
    for _ in range(150):
        try:
            client(address).create_bucket(Bucket=BUCKET)
            client(address).put_object(Bucket=BUCKET, Key="ready", Body=b"")
            return
        except Exception:  # noqa: BLE001 - until it is up, it fails in many ways
            time.sleep(0.2)
    raise AssertionError("the S3 server did not come up")


@pytest.fixture
def place(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A prefix of its own, and the client's settings as an operator would give them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", WHO["accessKey"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", WHO["secretKey"])
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server)
    return f"s3://{BUCKET}/{tmp_path.name}"


@pytest.fixture
def small(tmp_path: Path) -> Iterator[SmallArchive]:
    made = sqlite_archive(tmp_path)
    yield made
    made.close()


def published_to(small: SmallArchive, place: str) -> Published:
    small.log.checkpoint()
    return publish(small, target_at(place))


def objects(server: str, place: str) -> dict[str, dict[str, Any]]:
    """Each object under the place, with what a reader would get."""
    prefix = place.removeprefix(f"s3://{BUCKET}/") + "/"
    return {
        name: client(server).get_object(Bucket=BUCKET, Key=prefix + name)
        for name in tags(server, place)
    }


def tags(server: str, place: str) -> dict[str, str]:
    prefix = place.removeprefix(f"s3://{BUCKET}/") + "/"
    listed = client(server).list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    return {each["Key"].removeprefix(prefix): each["ETag"] for each in listed}


def read(small: SmallArchive, server: str, place: str) -> tuple[int, list[bytes]]:
    there = {name: found["Body"].read() for name, found in objects(server, place).items()}
    key = vkey(ORIGIN, small.keyring.log_key)
    head, entries = foreign_client.read_log(there.get, key)
    return head.size, entries


def test_every_head(small: SmallArchive, server: str, place: str) -> None:
    """After each publication a stranger derives the whole log anew from the bucket."""
    for step in (98, 100, 300):
        grow(small, step)
        published_to(small, place)
        assert read(small, server, place)[1] == [row.leaf for row in small.store.leaves(0)]
    assert not any(name.startswith("tile/0/000.p/") for name in objects(server, place))
    again = published_to(small, place)
    assert (again.before, again.size, again.files) == (500, 500, 0)


def test_headers(small: SmallArchive, server: str, place: str) -> None:
    """Objects carry the types and the caching that a reader should be told."""
    published_to(small, place)
    there = objects(server, place)
    head = there.pop("checkpoint")
    assert (head["CacheControl"], head["ContentType"]) == ("no-cache", "text/plain; charset=utf-8")
    for found in there.values():
        assert found["CacheControl"] == "public, max-age=31536000, immutable"
        assert found["ContentType"] == "application/octet-stream"


def test_two_at_once(small: SmallArchive, server: str, place: str) -> None:
    """Of two runs that saw the same checkpoint, the second to come does not overwrite."""
    published_to(small, place)
    slow = target_at(place)
    seen = slow.checkpoint()
    grow(small, 5)
    published_to(small, place)
    with slow.held(), pytest.raises(PublishError, match="changed meanwhile"):
        slow.put_checkpoint(b"older\n", seen)
    assert read(small, server, place)[0] == 7


def test_two_firsts_at_once(small: SmallArchive, server: str, place: str) -> None:
    """The same where neither found one."""
    slow = target_at(place)
    assert slow.checkpoint() is None
    published_to(small, place)
    with slow.held(), pytest.raises(PublishError, match="changed meanwhile"):
        slow.put_checkpoint(b"older\n", None)
    assert read(small, server, place)[0] == 2


KILLER = """
import itertools, os, signal, sys
from pathlib import Path
from archive.publishing import publish, target_at
from tests.archive.small_archive import sqlite_archive
for last in itertools.count(1):
    target = target_at(sys.argv[2] + str(last))  # before the fork: the client loads slowly
    child = os.fork()
    if child == 0:
        small, seen = sqlite_archive(Path(sys.argv[1])), itertools.count(1)
        def sent(event, _):
            if event == "http.client.send" and next(seen) == last:
                os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(sent)
        publish(small, target)
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        print(last)
        break
"""


@pytest.mark.slow
def test_killed_at_every_request(
    small: SmallArchive, server: str, place: str, tmp_path: Path
) -> None:
    """Killed before anything it sends, the bucket holds no checkpoint, or a whole log."""
    grow(small, 298)
    small.log.checkpoint()
    ran = subprocess.run(
        [sys.executable, "-c", KILLER, str(tmp_path), place],
        cwd=REPO, check=True, timeout=120, capture_output=True, text=True,
    )  # fmt: skip
    trials = int(ran.stdout)
    complete = tags(server, f"{place}{trials}")
    readable = 0
    for last in range(1, trials):
        if "checkpoint" in tags(server, f"{place}{last}"):
            assert read(small, server, f"{place}{last}")[0] == 300
            readable += 1
        publish(small, target_at(f"{place}{last}"))
        assert tags(server, f"{place}{last}") == complete
    assert 0 < readable < trials - len(complete)


@pytest.mark.parametrize("place_", ["s3://", "s3://Logs", "s3://a/b?c", "s3://../x"])
def test_other_spellings(place_: str) -> None:
    """A place has one spelling."""
    with pytest.raises(PublishError, match="s3://bucket"):
        target_at(place_)


def test_no_such_bucket(small: SmallArchive, place: str) -> None:
    """A bucket that is not there is said in one sentence."""
    with pytest.raises(PublishError, match="cannot publish"):
        published_to(small, place.replace(BUCKET, "nothing-here"))


def test_no_server(small: SmallArchive, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So is a server that does not answer."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(PublishError, match="cannot publish"):
        published_to(small, place)
