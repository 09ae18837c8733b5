"""The offline verifiers: leaves to the signed root, a whole bundle, and the same in a browser.

They read files, so they are measured once, from an archive on SQLite.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from archive.evidence import entries, merkle
from archive.evidence.page import NAME, page
from archive.evidence.tiles import WIDTH
from archive.evidence.verify import verify
from archive.exporting import Exporter, Wanted
from benchmarks import check
from benchmarks.rows import Better, Row, Size, alternating, timed
from benchmarks.stores import Place
from tests.archive.small_archive import SmallArchive, sqlite_archive

LEAF = 1_400
"""Bytes, as many as a leaf of a form has."""
TARGET = 0.7
BROWSER_EVENTS = 10_000
IN_PAGE = """async () => {
  const file = document.getElementById("bundle").files[0];
  const began = performance.now();
  const report = await liuhen.verify(file);
  return [report.ok, report.events.length, (performance.now() - began) / 1000];
}"""


def measure(size: Size, place: Place) -> list[Row]:
    if place.dsn is not None:
        return []
    rows = [tree(size)]
    small = sqlite_archive(place.folder)
    check.fill(small, min(size.events, BROWSER_EVENTS))
    rows += browser(size, export(small, place.folder / "small.zip"))
    check.fill(small, size.events - small.store.head().size)
    rows.append(bundle(small, size, export(small, place.folder / "large.zip")))
    small.close()
    return rows


def export(small: SmallArchive, path: Path) -> Path:
    """All records, with their content and receipts."""
    records = dict.fromkeys(row.record_id for row in small.store.leaves(0))
    del records[small.keyring.record]
    exporter = Exporter(small.store, small.keys, small.keyring, small.log)
    with path.open("w+b") as file:
        exporter.export(Wanted(records=list(records), variety="archive"), file)
    return path


def tree(size: Size) -> Row:
    """From entry bundles, as they are published, to the root."""
    leaves = [os.urandom(LEAF // 2).hex().encode("ascii") for _ in range(WIDTH)]
    packed, times = entries.encode(leaves), size.large // WIDTH

    def ours() -> None:
        hashes = (merkle.leaf_hash(e) for _ in range(times) for e in entries.parse(packed, WIDTH))
        merkle.root(hashes)

    def plain() -> None:
        for _ in range(times):
            for leaf in leaves:
                hashlib.sha256(leaf).digest()

    return Row(
        f"root over {times * WIDTH:,} published leaves",
        "files",
        alternating(lambda: timed(ours), lambda: timed(plain), size.rounds),
        "s",
        TARGET,
        "SHA-256 over the same leaves",
        Better.LESS,
        bound="the tree has as many inner nodes as leaves: two hashes a leaf, where the yardstick "
        "makes one",
    )


def bundle(small: SmallArchive, size: Size, path: Path) -> Row:
    """Everything that the verifier asks, with `cryptography`."""
    cores = os.cpu_count() or 1
    check.hold(check.signatures(small))

    def ours() -> None:
        with path.open("rb") as file:
            report = verify(file, processes=cores)
        if not report.ok:
            raise SystemExit(f"the bundle is not whole: {report.findings}")

    def plain() -> None:
        with ProcessPoolExecutor(cores, mp_context=get_context("fork")) as pool:
            check.in_cores(pool)

    events = small.store.head().size
    return Row(
        f"verification of a bundle of {events:,} events",
        "files",
        alternating(lambda: timed(ours), lambda: timed(plain), min(size.rounds, 3)),
        "s",
        TARGET,
        "its Ed25519 verifications alone, on all cores",
        Better.LESS,
        bound="beside the 144 us of two signatures an event some 115 us in one process, spread "
        "over each line in its one canonical form, base64, hashes, content and its commitment, the "
        "chain and the table of contents; and 35 us more for helping it: the others read each "
        "envelope again, to verify its signature ahead",
    )


def browser(size: Size, path: Path) -> list[Row]:
    """The page opened from disk, against the command."""
    found = shutil.which("chromium")
    if found is None:
        sys.stderr.write("verify: no chromium here, so no measurement of the page\n")
        return []

    def python() -> None:
        with path.open("rb") as file:
            verify(file)

    with opened(found) as shown:
        shown.locator("#bundle").set_input_files(path)
        pairs = alternating(partial(in_page, shown), lambda: timed(python), min(size.rounds, 3))
    return [
        Row(
            f"verification of {BROWSER_EVENTS:,} events in a browser",
            "files",
            pairs,
            "s",
            0.25,
            "the same by the Python verifier",
            Better.LESS,
            bound="WebCrypto answers each signature and hash by a promise, and the page keeps "
            "breathing meanwhile",
            note="Chromium, from disk",
        )
    ]


def in_page(shown: Page) -> float:
    whole, _, seconds = shown.evaluate(IN_PAGE)
    if not whole:
        raise SystemExit("the page does not find the bundle whole")
    return float(seconds)


@contextmanager
def opened(chromium: str) -> Iterator[Page]:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder) / NAME
        file.write_bytes(page())
        launched = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        shown = launched.new_page()
        shown.goto(file.as_uri())
        yield shown
        launched.close()
