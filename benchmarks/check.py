"""`liuhen check` against the pure cost of its Ed25519 verifications, in one run.

    python benchmarks/check.py [--events 100000] [--rounds 3] [--store sqlite|DSN]

The yardstick verifies the same signatures (an envelope's and a receipt's per event) with
`cryptography` and does nothing else, on all cores: in threads and in processes, whichever is
faster. The ratio is yardstick / check; 0.7 is asked for.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

if __name__ != "__mp_main__":  # a spawned worker imports this file again, and needs none of it
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from archive.check import Thoroughness, check
    from archive.evidence import dsse, receipt
    from archive.leaves import read_leaf
    from archive.store import Unit
    from tests.archive.small_archive import (
        SmallArchive,
        postgres_archive,
        sqlite_archive,
    )

from benchmarks.rows import Better, Pair, Row, Size, timed
from benchmarks.stores import Place

UNIT = 250
SAID = "客户来电反映设备迟到三天，已通知物流与销售；" * 12
Signed = tuple[bytes, bytes, bytes]


def fill(small: SmallArchive, events: int) -> None:
    """Records of about eight events each, whose events lie apart as they would in life."""
    records = [small.keys.new_record()[0] for _ in range(max(1, events // 8))]
    done = 2
    while done < events:
        count = min(UNIT, events - done)
        chosen = [records[(done + i) * 7919 % len(records)] for i in range(count)]
        small.committer.commit(Unit(tuple(small.seal(record, SAID) for record in chosen)))
        done += count
        if done % 5000 < UNIT:
            small.log.checkpoint()
    small.log.checkpoint()


def signatures(small: SmallArchive) -> list[Signed]:
    """(public key, signature, message) of every verification that the check makes."""
    register, found = small.keyring.register, []
    for row in small.store.leaves(0):
        _, envelope, said = read_leaf(row.leaf)
        given, _ = receipt.read(small.store.receipt(row.leaf_index) or b"")
        for each, name in ((envelope, said.key), (given, given.keyid)):
            message = dsse.pae(each.payload_type, each.payload)
            found.append((register.entries[name].key.public, each.signature, message))
    return found


def verify(batch: Sequence[Signed]) -> None:
    keys: dict[bytes, Ed25519PublicKey] = {}
    for public, signature, message in batch:
        key = keys.get(public)
        if key is None:
            key = keys[public] = Ed25519PublicKey.from_public_bytes(public)
        key.verify(signature, message)


_work: list[list[Signed]] = []


def verify_mine(start: int, stop: int) -> None:
    verify(_work[0][start:stop])


def hold(work: list[Signed]) -> None:
    """What `in_cores` verifies; before the processes are forked, which then have it too."""
    _work[:] = [work]


def in_cores(pool: Executor) -> None:
    """Forked or threaded: the work is in memory already, none of it is sent."""
    work, step = _work[0], 2000
    list(
        pool.map(
            verify_mine,
            range(0, len(work), step),
            [min(at + step, len(work)) for at in range(0, len(work), step)],
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--store", default="sqlite", help="sqlite, or a PostgreSQL DSN")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        small = (
            sqlite_archive(path) if given.store == "sqlite" else postgres_archive(given.store, path)
        )
        print(f"filling {given.events} events: {timed(lambda: fill(small, given.events)):.0f} s")
        pairs = compare(small, given.rounds)
        print(f"median ratio {statistics.median(p.yardstick / p.ours for p in pairs):.2f}")
        small.close()


def measure(size: Size, place: Place) -> list[Row]:
    small = (
        sqlite_archive(place.folder)
        if place.dsn is None
        else postgres_archive(place.dsn, place.folder)
    )
    fill(small, size.events)
    pairs = compare(small, min(size.rounds, 3))
    small.close()
    return [
        Row(
            f"check of {size.events:,} events",
            place.store,
            pairs,
            "s",
            0.7,
            "its Ed25519 verifications alone, on all cores",
            Better.LESS,
            bound="reading and parsing every leaf, opening its content, and five hashes (70 to 80 "
            "us), beside two signatures an event; below 100,000 events also the start of each "
            "other process, 0.4 s of it",
            note="views not compared",
        )
    ]


def compare(small: SmallArchive, rounds: int) -> list[Pair]:
    """Seconds of the check, and of its signatures alone."""
    cores = os.cpu_count() or 1
    hold(signatures(small))
    pairs: list[Pair] = []
    memory = 0
    for _ in range(rounds):
        began = time.perf_counter()
        report = check(small.sources, small.clock, how=Thoroughness(cores))
        spent = time.perf_counter() - began
        if not report.ok:
            raise SystemExit(report.text("en"))
        memory = memory or resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
        with ThreadPoolExecutor(cores) as pool:
            threads = timed(partial(in_cores, pool))
        with ProcessPoolExecutor(cores, mp_context=get_context("fork")) as pool:
            processes = timed(partial(in_cores, pool))
        pairs.append(Pair(spent, min(threads, processes)))
        print(
            f"threads {threads:.2f} s, processes {processes:.2f} s, check {spent:.2f} s, "
            f"ratio {pairs[-1].yardstick / spent:.2f}",
            file=sys.stderr,
        )
    mine = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"largest worker {memory} MB; this process {mine} MB, with all signatures in memory",
        file=sys.stderr,
    )
    return pairs


if __name__ == "__main__":
    main()
