"""Append over HTTP with 64 connections, against a FastAPI route that checks the same form and keeps
nothing. Each server is one uvicorn worker in a process of its own; the client is one process for
both, so the ratio stands for the servers. Run: python benchmarks/http_append.py [--postgres DSN]
"""

# ruff: noqa: PLC0415 - a server process imports only what it serves

import argparse
import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import stores
from benchmarks.rows import Pair, Row, Size
from benchmarks.stores import Place

CONNECTIONS = 64
SECONDS = 5.0
COMPLAINT = {
    "customer": "科技公司",
    "contact_person": "李工",
    "channel": "phone",
    "matter": "迟交",
    "description": "100 台设备迟交三天",
    "demand": "说明原因并补偿",
    "priority": "urgent",
    "part": "A-4711/B",
}


def yardstick():  # type: ignore[no-untyped-def]
    from fastapi import FastAPI

    from domain import forms
    from domain.kinds import find

    step = find("complaint").step("receive")
    model = forms.model("complaint-receive", step.form)
    from api.steps import typed_body

    body_model = typed_body(find("complaint"), step)
    app = FastAPI()

    @app.post("/v1/complaint", status_code=201)
    def receive(body: body_model) -> dict[str, str]:  # type: ignore[valid-type]
        return {"customer": body.answers.customer}  # type: ignore[attr-defined]

    _ = model
    return app


def yardstick_async():  # type: ignore[no-untyped-def]
    app = yardstick()
    from fastapi import FastAPI

    from api.steps import typed_body
    from domain.kinds import find

    body_model = typed_body(find("complaint"), find("complaint").step("receive"))
    app = FastAPI()

    @app.post("/v1/complaint", status_code=201)
    async def receive(body: body_model) -> dict[str, str]:  # type: ignore[valid-type]
        return {"customer": body.answers.customer}  # type: ignore[attr-defined]

    return app


def ours():  # type: ignore[no-untyped-def]
    if interval := os.environ.get("BENCH_SWITCH"):
        sys.setswitchinterval(float(interval))
    from datetime import timedelta

    from api.app import create_app
    from api.clock import now
    from api.settings import Settings
    from archive.ledger import new_id
    from archive.opening import Options, open_archive
    from domain.commands import Actor, Open

    data = Path(os.environ["BENCH_DATA"])
    archive = open_archive(Options(data, now, database=os.environ.get("BENCH_DSN")))
    app = create_app(
        archive, Settings(data=data, threads=int(os.environ.get("BENCH_THREADS", "80")))
    )
    moment = now()
    values = {
        "name": "bench",
        "system": "BENCH",
        "rights": ["write"],
        "expires_at": (moment + timedelta(days=1)).isoformat(),
    }
    caller = archive.ledger.execute(
        Open(
            event_id=new_id(),
            record_id=new_id(),
            actor=Actor(None, assurance="system", trusted=True),
            occurred_at=moment,
            received_at=moment,
            kind="caller",
            step="register",
            values=values,
        )
    ).committed.record_id
    (data / "key").write_text(app.state.desk.callers.issue(caller, now()))
    if os.environ.get("BENCH_VIEWS"):
        archive.views.start()
    return app


def serve(which: str, port: int) -> None:
    import uvicorn

    app = {"yardstick": yardstick, "yardstick_async": yardstick_async, "ours": ours}[which]()
    uvicorn.run(
        app, port=port, log_level="warning", loop="uvloop", http="httptools", access_log=False
    )


async def client(
    port: int, body: bytes, headers: str, until: float, counts: list[int], keys: bool
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    n = 0
    while time.monotonic() < until:
        key = f"Idempotency-Key: {os.urandom(12).hex()}\r\n" if keys else ""
        writer.write(
            f"POST /v1/complaint HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            f"{headers}{key}Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 201"):
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            raise SystemExit(head.decode() + (await reader.readexactly(length)).decode())
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        n += 1
    counts.append(n)
    writer.close()


async def load(port: int, headers: str, seconds: float, keys: bool) -> float:
    body = json.dumps({"answers": COMPLAINT}, ensure_ascii=False).encode()
    counts: list[int] = []
    began = time.monotonic()
    await asyncio.gather(
        *(client(port, body, headers, began + seconds, counts, keys) for _ in range(CONNECTIONS))
    )
    return sum(counts) / (time.monotonic() - began)


def wait(port: int) -> None:
    import socket

    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("the server did not start")


COSTS: dict[str, list[float]] = {}
"""Microseconds of processor time that the server spent on a request: less noisy on a busy host."""


def processor_seconds(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def measure(size: Size, place: Place) -> list[Row]:
    """One server of each kind in every round; the plain `def` route is the yardstick, as ours is
    one whose work is done in a thread; how the `async` one compares is noted."""
    rates: dict[str, list[float]] = {"ours": [], "yardstick": [], "yardstick_async": []}
    for n in range(min(size.rounds, 5)):
        for which in rates if n % 2 else reversed(rates):
            with stores.place(place.store, place.server) as here:
                env = {"BENCH_DATA": str(here.folder), "PYTHONPATH": "."}
                if here.dsn is not None:
                    env["BENCH_DSN"] = here.dsn
                rates[which].append(one_rate(which, free_port(), 2 * size.seconds, env, keys=False))
    ratios = [o / y for o, y in zip(rates["ours"], rates["yardstick_async"], strict=True)]
    return [
        Row(
            f"append over HTTP, {CONNECTIONS} connections",
            place.store,
            [Pair(o, y) for o, y in zip(rates["ours"], rates["yardstick"], strict=True)],
            "/s",
            0.5,
            "a FastAPI route that checks the same form and keeps nothing",
            bound="Python, one thread at a time: of a request's processor time a third is the "
            "server's reading and answering, as in the yardstick; the rest is the append itself "
            "(rules, encryption, two signatures, commit) under the same interpreter lock",
            note=f"{statistics.median(ratios):.2f} of an `async` route",
        )
    ]


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def one_rate(which: str, port: int, seconds: float, env: dict[str, str], keys: bool) -> float:
    server = subprocess.Popen(  # noqa: S603 - this file
        [sys.executable, __file__, "--serve", which, "--port", str(port)],
        env={**os.environ, **env},
        start_new_session=True,
    )
    try:
        wait(port)
        key = Path(env["BENCH_DATA"]) / "key"
        headers = f"Authorization: Bearer {key.read_text()}\r\n" if which == "ours" else ""
        asyncio.run(load(port, headers, 1.0, keys))
        before, began = processor_seconds(server.pid), time.monotonic()
        rate = asyncio.run(load(port, headers, seconds, keys))
        made = rate * (time.monotonic() - began)
        COSTS.setdefault(which, []).append((processor_seconds(server.pid) - before) / made * 1e6)
        return rate
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--serve")
    parser.add_argument("--port", type=int, default=18470)
    parser.add_argument("--postgres")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--keys", action="store_true")
    parser.add_argument("--views", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only")
    told = parser.parse_args()
    if told.serve:
        serve(told.serve, told.port)
        return
    rates: dict[str, list[float]] = {
        w: [] for w in (told.only or "yardstick,yardstick_async,ours").split(",")
    }
    for n in range(told.rounds):
        for m, which in enumerate(rates):
            with tempfile.TemporaryDirectory() as folder:
                env = {"BENCH_DATA": folder, "PYTHONPATH": "."}
                if told.postgres:
                    env["BENCH_DSN"] = told.postgres
                if told.views:
                    env["BENCH_VIEWS"] = "1"
                rates[which].append(
                    one_rate(which, told.port + n * 3 + m, told.seconds, env, told.keys)
                )
    if told.only:
        print(rates, COSTS)
        return
    middle = {which: statistics.median(found) for which, found in rates.items()}
    said = {
        "connections": CONNECTIONS,
        "per_second": {k: round(v) for k, v in middle.items()},
        "processor_us": {k: round(statistics.median(v)) for k, v in COSTS.items()},
        "ratio": round(middle["ours"] / middle["yardstick"], 3),
        "ratio_to_async": round(middle["ours"] / middle["yardstick_async"], 3),
    }
    print(json.dumps(said) if told.json else "\n".join(f"{k}: {v}" for k, v in said.items()))


if __name__ == "__main__":
    main()
