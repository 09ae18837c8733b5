"""`liuhen serve` with a timestamp authority configured: it asks, and /health says how that goes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from archive.evidence.instant import time_text
from tests.api.conftest import Plant
from tests.authority import Behaviour, TimestampAuthority, TurnedClock

LIUHEN = Path(sys.executable).with_name("liuhen")
MOMENT = datetime(2026, 11, 22, 8, tzinfo=UTC)


@pytest.fixture
def tsa() -> Iterator[TimestampAuthority]:
    made = TimestampAuthority(TurnedClock(MOMENT))
    yield made
    made.close()


def until(said: Callable[[], Any]) -> Any:
    end = time.monotonic() + 20
    while True:
        try:
            if found := said():
                return found
        except httpx2.TransportError:
            pass  # it is still starting
        assert time.monotonic() < end, "it did not come in time"
        time.sleep(0.05)


@pytest.mark.parametrize("away", [False, True])
def test_the_server_asks_for_timestamps(
    tsa: TimestampAuthority, tmp_path: Path, *, away: bool
) -> None:
    """With the first answer health has its time; while the authority is away it says since when,
    and the server is ready all the same."""
    tsa.behaviour = Behaviour(503) if away else Behaviour()
    (tmp_path / "plant.pem").write_bytes(tsa.root.pem)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    told = {
        "LIUHEN_DATA": str(tmp_path / "data"),
        "LIUHEN_PORT": str(port),
        "LIUHEN_TIMESTAMP_AUTHORITIES": f"plant={tsa.url}#{tsa.policy}",
        "LIUHEN_TIMESTAMP_ROOTS": str(tmp_path),
    }
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [LIUHEN, "serve"], env={**os.environ, **told}, stdout=log, stderr=log
        )
    try:
        name = "away_since" if away else "last"

        def answered() -> dict[str, Any] | None:
            found: dict[str, Any] = httpx2.get(f"http://127.0.0.1:{port}/health/ready").json()
            return found if found["timestamps"]["plant"][name] else None

        ready = until(answered)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(20)
    assert ready["ready"]
    if away:
        assert ready["timestamps"]["plant"]["last"] is None
    else:
        assert ready["timestamps"] == {"plant": {"last": time_text(MOMENT), "away_since": None}}
    assert tsa.asked
    said = (tmp_path / "log").read_text(encoding="utf-8")
    assert tsa.url not in said


def test_health_without_authorities(plant: Plant) -> None:
    """None configured, none told."""
    assert plant.client.get("/health/ready").json()["timestamps"] == {}
