"""The table, on a terminal and as docs/performance.md, with the machine it was measured on."""

from __future__ import annotations

import os
import platform
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass

import apsw
import psycopg

from benchmarks.rows import Better, Row, Size
from benchmarks.stores import Server

HEAD = ("measurement", "store", "ours", "yardstick", "ratio", "target", "verdict")


@dataclass(frozen=True)
class Machine:
    """Nothing that names it: what a reader needs to compare with their own."""

    cores: int
    memory_gb: float
    python: str
    sqlite: str
    postgres: str
    load: float
    """Of the minute before the run: others' work, if it is not near 0."""
    sync_ms: float
    """Median time until 32 KiB that were overwritten are on the disk."""


def machine(server: Server | None) -> Machine:
    postgres = "-"
    if server is not None:
        with psycopg.connect(server.dsn) as connection:
            version = connection.info.server_version
        postgres = f"{version // 10000}.{version % 10000}"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return Machine(
        os.cpu_count() or 1,
        round(memory, 1),
        platform.python_version(),
        apsw.sqlite_lib_version(),
        postgres,
        round(os.getloadavg()[0], 1),
        sync_ms(),
    )


def sync_ms(times: int = 100) -> float:
    data, taken = os.urandom(32 * 1024), []
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
        for _ in range(times):
            began = time.perf_counter()
            os.pwrite(file.fileno(), data, 0)
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - began)
    return round(statistics.median(taken) * 1000, 2)


def cells(row: Row) -> tuple[str, ...]:
    sign = "<=" if row.better is Better.FLAT else ">="
    verdict = "met" if row.met else f"missed: {row.bound}"
    return (
        row.measurement,
        row.store,
        amount(row.ours, row.unit),
        f"{amount(row.yardstick, row.unit)} ({row.yardstick_name})",
        f"{row.ratio:.2f}",
        f"{sign} {row.target}",
        f"{verdict}; {row.note}" if row.note else verdict,
    )


def amount(number: float, unit: str) -> str:
    digits = 0 if number >= 100 else 1 if number >= 10 else 2
    return f"{number:,.{digits}f}{unit if unit.startswith('/') else ' ' + unit}"


def text(rows: Sequence[Row]) -> str:
    said = [HEAD, *map(cells, rows)]
    widths = [max(len(line[n]) for line in said) for n in range(len(HEAD) - 1)]
    return "\n".join(
        "  ".join([*(c.ljust(w) for c, w in zip(line, widths, strict=False)), line[-1]])
        for line in said
    )


def page(rows: Sequence[Row], machine: Machine, size: Size) -> str:
    lines = ["| " + " | ".join(line) + " |" for line in map(cells, rows)]
    met = sum(row.met for row in rows)
    return f"""# Performance

Written by `make bench` (size `{size.name}`): {met} of {len(rows)} targets met in this run. Every
number is the median over rounds in which ours and the yardstick took turns, in one run, with full
durability on both sides (SQLite: WAL, `synchronous=FULL`; PostgreSQL: `fsync` and
`synchronous_commit` on). The ratio is the median of the rounds' ratios, not the ratio of medians.

Machine: {machine.cores} cores, {machine.memory_gb} GB, Python {machine.python}, SQLite
{machine.sqlite}, PostgreSQL {machine.postgres}; 32 KiB are on its disk after {machine.sync_ms} ms;
load average {machine.load} before the run (a machine that others use at the same time measures
worse, and not evenly: run it again when idle).

| {" | ".join(HEAD)} |
| {" | ".join("---" for _ in HEAD)} |
{chr(10).join(lines)}

Appends in process are the whole path of `Ledger.execute`: rules, encryption, signature, leaf,
commit, signed receipt; an opening and a step in turn. The yardstick saves one unsigned event.
Growth compares the same act on two archives; memory is the largest process's peak.

## What bounds an append

- Python runs one thread at a time. Two Ed25519 signatures, which the driver makes under the
  interpreter lock, are about a quarter of an append's processor time; then come rules, encryption,
  the statement, the leaf and its row. One append is some three times the library's processor time,
  so with many callers the disk is not what is waited for: the leader of a group does the work of
  all of it in one go, which spares the changes of thread, and the others sleep.
- With one caller the ratio follows the disk: where a sync takes a millisecond or more, both sides
  mostly wait for it; where it takes a tenth of that, the processor time is what is compared.
- A commit of one event on SQLite writes about seven pages (the event's own, its content's, one for
  each of the two indexes on random ids, now and then the counter and the tree above), the
  library's three.
"""
