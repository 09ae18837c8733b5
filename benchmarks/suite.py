"""Every measurement, on SQLite and PostgreSQL, side by side in one run.

    python -m benchmarks [--size laptop|full] [--only NAME] [--store NAME] [--json]

Prints the table, and writes it to docs/performance.md when nothing was left out.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

from benchmarks import (
    append,
    check,
    disposal,
    due,
    http_append,
    publish,
    rebuild,
    scale,
    search,
    stores,
    table,
    verify,
)
from benchmarks.rows import SIZES, Row, Size

MEASUREMENTS: dict[str, Callable[[Size, stores.Place], list[Row]]] = {
    "append": append.measure,
    "http": http_append.measure,
    "check": check.measure,
    "rebuild": rebuild.measure,
    "search": search.measure,
    "scale": scale.measure,
    "due": due.measure,
    "disposal": disposal.measure,
    "publish": publish.measure,
    "verify": verify.measure,
}
PAGE = Path(__file__).resolve().parent.parent / "docs" / "performance.md"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="liuhen bench")
    parser.add_argument("--size", choices=SIZES, default="laptop")
    parser.add_argument("--only", action="append", choices=MEASUREMENTS, default=[])
    parser.add_argument("--store", action="append", choices=stores.STORES, default=[])
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def run(size: Size, names: list[str], chosen: list[str]) -> tuple[list[Row], table.Machine]:
    rows: list[Row] = []
    with stores.server() if "PostgreSQL" in chosen else nullcontext() as server:
        machine = table.machine(server)
        for name in names:
            for store in chosen:
                began = time.perf_counter()
                with stores.place(store, server) as place:
                    rows += MEASUREMENTS[name](size, place)
                took = time.perf_counter() - began
                print(f"{name} on {store}: {took:.0f} s", file=sys.stderr)
    return rows, machine


def main() -> None:
    told = arguments()
    size = SIZES[told.size]
    names, chosen = told.only or list(MEASUREMENTS), told.store or list(stores.STORES)
    rows, machine = run(size, names, chosen)
    if told.json:
        said = [asdict(row) | {"ratio": row.ratio, "met": row.met} for row in rows]
        print(json.dumps({"machine": asdict(machine), "rows": said}, default=str, indent=2))
    else:
        print(table.text(rows))
    if not (told.only or told.store or told.size == "smoke"):
        PAGE.write_text(table.page(rows, machine, size), encoding="utf-8")
