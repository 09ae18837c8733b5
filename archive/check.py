"""The check of a whole archive: every leaf, signature, chain, checkpoint and content, once.

The log is cut into stretches of 1,024 leaves, examined by worker processes with connections of
their own (`archive.inspection`). Here their results are put together in order: the tree and its
tiles, the edges between stretches, and at the end the chains of all records (`archive.chains`,
which says what it costs in memory and on disk). Whatever arrives during a check is left to the
next one.

Two tables are not judged, because nothing signed says what should stand in them. `idempotency` and
`sources` say only which leaves were answered to which request, under keyed hashes of what the
callers sent; no leaf names a request, and the rows of the first go when their window is over. A
wrong row there can answer a request with another's leaves or let it in twice: both show in the
receipt that the caller gets, and neither changes the log.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

from archive.chains import Buckets, walk
from archive.collecting import rarely_collecting
from archive.evidence import cosignature, note
from archive.evidence.errors import EvidenceError, SignatureError
from archive.evidence.merkle import EMPTY_ROOT, Frontier, Sink, node_hash
from archive.evidence.tiles import HEIGHT, WIDTH, tile_width
from archive.findings import CheckReport, Finding, Findings, keep_report
from archive.inspection import (
    Inspector,
    Kinds,
    Sources,
    Stretch,
    examine,
    prepare,
    read_register,
)
from archive.instants import EPOCH, moment
from archive.leaves import read_leaf
from archive.sql import SqlStore
from archive.sql_audit import LARGEST, PARTS
from archive.store import Ask, StoreCorrupt, StoreError
from domain.kinds import all_versions

STRETCH = 4 * WIDTH
RETRY = 300.0
"""Seconds until a check that could not be made is tried again."""
AHEAD = 6
"""Stretches per worker that may be under way, or wait for an earlier one to be done."""
SHAPELESS = (
    *(StoreError, EvidenceError, BrokenExecutor),
    *(ArithmeticError, AttributeError, LookupError, TypeError, ValueError),
)
"""What reading a broken page can end in, where values may be of any type."""
Clock = Callable[[], datetime]
Progress = Callable[[int, int], None]
"""Told of leaves done, and of leaves in all."""
CompareViews = Callable[[Progress], Iterable[Finding]]
JudgeTokens = Callable[[Counter[str]], Iterable[Finding]]
"""Counts what it verified."""


@dataclass(frozen=True, slots=True)
class Thoroughness:
    """`processes`: how many examine at once, this one among them; 0: this one alone.

    `nice`: if not 0, only new processes examine, with so much added to their niceness.
    `files`: also open every attachment. `limit`: findings told one by one. `share`: of one
    processor, at most, on the average of a stretch.
    """

    processes: int = os.cpu_count() or 1
    nice: int = 0
    files: bool = True
    limit: int = 200
    share: float = 1.0


def check(
    sources: Sources,
    clock: Clock,
    *,
    how: Thoroughness | None = None,
    progress: Progress | None = None,
    compare_views: CompareViews | None = None,
    judge_tokens: JudgeTokens | None = None,
    tell: Callable[[Finding], None] | None = None,
) -> CheckReport:
    """Check everything; never raises for damage, only where the database is out of reach.

    `tell` hears of each finding as it is made (not of those that are only counted).
    """
    how, progress = how or Thoroughness(), progress or _silent
    started, began = clock(), time.perf_counter()
    with closing(sources.open_store()) as store:
        run = _Run(sources.origin, store, how)
        run.findings.tell = tell
        sound = run.structure()
        try:
            run.extent()
            run.log(sources, progress)
            run.cosignatures()
            if judge_tokens is not None:
                run.findings.extend(judge_tokens(run.counts))
        except SHAPELESS as error:
            if sound:
                raise
            detail = f"nothing was checked beyond this damage ({type(error).__name__})"
            run.findings.add(Finding("database", detail))
    seconds, views_seconds = time.perf_counter() - began, None
    if compare_views is not None:
        began = time.perf_counter()
        run.findings.extend(compare_views(progress))
        views_seconds = time.perf_counter() - began
    return CheckReport(
        size=run.size,
        counts=dict(run.counts),
        findings=tuple(run.findings.kept),
        by_code=dict(run.findings.by_code),
        started=started,
        finished=clock(),
        seconds=seconds,
        views_seconds=views_seconds,
    )


def _silent(_done: int, _total: int) -> None:
    pass


class _Run:
    """One check. Results of stretches are taken in, in order of the log."""

    def __init__(self, origin: str, store: SqlStore, how: Thoroughness) -> None:
        self.origin, self.store, self.how = origin, store, how
        self.findings, self.counts = Findings(how.limit), Counter[str]()
        self.size, self.signed, self.counters = 0, 0, dict[str, int]()
        self.tree = Tree(Frontier(), self._node)
        self.tiles: dict[tuple[int, int], bytearray] = {}
        self.last_time, self.numbers = "", dict[str, int]()

    def structure(self) -> bool:
        """Whether the database itself finds its file whole."""
        found = [Finding("database", damage) for damage in self.store.audit_structure()]
        self.findings.extend(found)
        return not found

    def extent(self) -> None:
        store = self.store
        with store.reading():  # of one moment: on a living archive all three move
            latest = store.checkpoint()
            claimed = store.head().size
            self.size = store.audit_extent(claimed)
            self.counters = {f"{row[0]}-{row[1]}": row[2] - 1 for row in store.audit_counters()}
        self.signed = max(latest.size, 0) if latest else 0
        if self.size < claimed:
            detail = f"no leaf from {self.size} on to {claimed - 1}, where it lies"
            self.findings.add(Finding("event-orphan", detail, claimed - 1))

    def log(self, sources: Sources, progress: Progress) -> None:
        self.findings.extend(read_register(self.origin, self.store)[2])
        self._head()
        self._heads_of_nothing()
        with Buckets() as buckets:
            done = 0

            def told() -> None:
                progress(done, self.size)

            for stretch in stretches(sources, 0, self.size, self.how, told):
                self._take(stretch)
                for key, data in stretch.streams.items():
                    buckets.add(key, data)
                done = stretch.stop
                told()
            self._after(buckets)
        self.findings.kept = [self._numbered(finding) for finding in self.findings.kept]

    # ------------------------------------------------------------ stretch after stretch

    def _take(self, stretch: Stretch) -> None:
        self.counts.update(stretch.counts)
        self.findings.extend(stretch.findings)
        self.findings.count_only(stretch.more)
        if stretch.first_time and stretch.first_time < self.last_time:
            detail = f"{stretch.first_time} after {self.last_time}"
            self.findings.add(Finding("order", detail, stretch.start))
        self.last_time = max(self.last_time, stretch.last_time)
        for prefix, (first, leaf, last) in stretch.numbers.items():
            if first != self.numbers.get(prefix, 0) + 1:
                detail = f"{prefix}-{first:05d} after {self.numbers.get(prefix, 0):05d}"
                self.findings.add(Finding("number", detail, leaf))
            self.numbers[prefix] = max(last, self.numbers.get(prefix, 0))
        self._tree(stretch)

    def _tree(self, stretch: Stretch) -> None:
        for size, right in self.tree.take(stretch):
            self.counts["roots"] += 1
            if not right:
                self.findings.add(Finding("root", part=f"checkpoint {size}"))
        self._lowest_tiles(stretch)

    def _node(self, level: int, index: int, hash_: bytes) -> None:
        """A node of tree level `level` + 8: collects the tiles above the lowest."""
        if level % HEIGHT == 0:
            tile = level // HEIGHT + 1, index // WIDTH
            held = self.tiles.setdefault(tile, bytearray())
            held += hash_
            if len(held) == WIDTH * 32:
                self._tile(*tile, bytes(self.tiles.pop(tile)))

    def _tile(self, level: int, n: int, expected: bytes) -> None:
        wanted = tile_width(self.signed, level, n) * 32
        stored = self.store.tile(level, n) or b""
        common = min(len(stored), len(expected))
        self.counts["tiles"] += 1
        if len(stored) < wanted:
            self.findings.add(Finding("tile-missing", part=f"tile {level}/{n}"))
        if stored[:common] != expected[:common]:
            self.findings.add(Finding("tile", part=f"tile {level}/{n}"))

    def _lowest_tiles(self, stretch: Stretch) -> None:
        """Their hashes were compared leaf by leaf; here only that they are there."""
        for n in range(stretch.start // WIDTH, -(-stretch.stop // WIDTH)):
            self.counts["tiles"] += 1
            wanted = tile_width(self.signed, 0, n) * 32
            if wanted and len(self.store.tile(0, n) or b"") < wanted:
                self.findings.add(Finding("tile-missing", part=f"tile 0/{n}"))

    # ------------------------------------------------------------ before and after

    def _head(self) -> None:
        """The row that orders the writers says what the log says."""
        try:
            transaction = self.store.begin(Ask())
        except StoreCorrupt as error:
            self.findings.add(Finding("head", str(error)))
            return
        try:
            claimed, found = transaction.found.head, self.store.head()
        finally:
            transaction.rollback()
        if claimed != found:
            detail = f"{claimed.size} leaves, last {claimed.recorded_at}; stored {found.size}"
            self.findings.add(Finding("head", f"{detail}, last {found.recorded_at}"))

    def _heads_of_nothing(self) -> None:
        """No key is registered before leaf 0, so nobody could sign a head over no leaves."""
        for size, _ in self.store.audit_checkpoints(-LARGEST, 0):
            detail = "a head over no leaves is never signed"
            self.findings.add(Finding("checkpoint", detail, part=f"checkpoint {size}"))

    def _counters(self) -> None:
        """Each stands at the highest number given: ahead leaves a gap, behind gives one twice."""
        for prefix in sorted(self.counters.keys() | self.numbers.keys()):
            counted, given = self.counters.get(prefix, 0), self.numbers.get(prefix, 0)
            if counted != given:
                detail = f"{counted} given, the log has {given}"
                self.findings.add(Finding("counter", detail, part=prefix))

    def _after(self, buckets: Buckets) -> None:
        self._counters()
        for (level, n), held in sorted(self.tiles.items()):
            self._tile(level, n, bytes(held))
        if self.signed > self.size:
            detail = f"{self.signed} leaves were signed, {self.size} are stored"
            self.findings.add(Finding("truncated", detail, leaf=self.size))
        for table, at in self.store.audit_outside(self.size):
            if table == "events":
                self.findings.add(Finding("event-orphan", leaf=at))
            else:
                part = f"part {at % PARTS}"
                self.findings.add(Finding("content-orphan", leaf=at // PARTS, part=part))
        self._surplus_tiles()
        self.findings.extend(walk(buckets, self._disposed_since))

    def cosignatures(self) -> None:
        """Each fits the head of its size, by the key that its row names. Whom to believe is for the
        policy to say: a line by a stranger's key proves nothing, and harms nothing."""
        heads: dict[int, bytes] = {}
        for size, witness, signature, micros in self.store.audit_cosignatures():
            self.counts["cosignatures"] += 1
            if size not in heads:
                stored = self.store.checkpoint(size)
                heads = {size: stored.note if stored else b""}
            try:
                key = note.VerifierKey.parse(witness)
                line = note.Signature(key.name, key.hash, signature)
                said = cosignature.verify(note.parse(heads[size]).text, line, key)
                if moment(micros) != EPOCH + timedelta(seconds=said):
                    raise SignatureError(f"stored with another time than the signed {said}")
            except (EvidenceError, OverflowError) as error:
                part = f"cosignature {size}"
                self.findings.add(Finding("cosignature", f"{witness[:80]}: {error}", part=part))

    def _surplus_tiles(self) -> None:
        """A tile wider than the largest head would spoil the tiles that are still to come."""
        stored = list(self._too_wide(self.signed))
        if stored:
            latest = self.store.checkpoint()
            now = latest.size if latest else 0
            for level, n, hashes in stored:
                if hashes > tile_width(now, level, n):
                    part = f"tile {level}/{n}"
                    self.findings.add(Finding("tile-orphan", f"{hashes} hashes", part=part))

    def _too_wide(self, size: int) -> Iterator[tuple[int, int, int]]:
        for level, n, hashes in self.store.audit_tiles():
            if hashes > tile_width(size, level, n):
                yield level, n, hashes

    def _disposed_since(self, record_id: str, version: int) -> bool:
        for row in self.store.record(record_id, after=version):
            try:
                if read_leaf(row.leaf)[2].type == "disposed":
                    return True
            except EvidenceError:
                continue
        return False

    def _numbered(self, finding: Finding) -> Finding:
        """With the number by which people know the record."""
        if finding.record is None or finding.number is not None:
            return finding
        first = self.store.record(finding.record, upto=1)
        return replace(finding, number=first[0].number) if first else finding


class Tree:
    """The tree over stretches of leaves that come in order, as far as its blocks of 256."""

    def __init__(self, blocks: Frontier, on_node: Sink | None = None) -> None:
        self.blocks, self._on_node = blocks, on_node
        self._tail: tuple[bytes, ...] = ()

    def take(self, stretch: Stretch) -> Iterator[tuple[int, bool]]:
        """(size, whether the leaves give the root that was signed) of each head in it."""
        heads, at = deque(stretch.heads), stretch.start
        for block in stretch.blocks:
            while heads and heads[0][0] < at + WIDTH:
                yield self._judged(*heads.popleft())
            self.blocks.append(block, self._on_node)
            at += WIDTH
            while heads and heads[0][0] == at:
                size, signed, _ = heads.popleft()
                yield self._judged(size, signed, ())
        for head in heads:
            yield self._judged(*head)
        self._tail = stretch.tail

    def _judged(self, size: int, signed: bytes, lower: tuple[bytes, ...]) -> tuple[int, bool]:
        return size, _fold((*self.blocks.hashes, *lower)) == signed

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """Frontier of all leaves that were taken."""
        return *self.blocks.hashes, *self._tail


def _fold(hashes: Iterable[bytes]) -> bytes:
    """Root of a frontier, largest subtree first (RFC 6962 2.1)."""
    root: bytes | None = None
    for hash_ in reversed(list(hashes)):
        root = hash_ if root is None else node_hash(hash_, root)
    return EMPTY_ROOT if root is None else root


# ---------------------------------------------------------------- worker processes


def stretches(
    sources: Sources, start: int, stop: int, how: Thoroughness, idle: Callable[[], None]
) -> Iterator[Stretch]:
    """All stretches in order, from `start`, a multiple of 256; `idle` is called while it rests, and
    may raise to end it."""
    taken = time.monotonic()
    for stretch in _examined(sources, start, stop, how):
        yield stretch
        until = taken + stretch.seconds / how.share if how.share < 1 else 0.0
        while (left := until - time.monotonic()) > 0 and stretch.stop < stop:
            idle()
            time.sleep(min(left, 0.2))
        taken = time.monotonic()


def _examined(sources: Sources, start: int, stop: int, how: Thoroughness) -> Iterator[Stretch]:
    """A few per process under way, so that memory stays flat.

    This process examines too, while the others are still starting and whenever no result waits for
    it; only a check that is to be nice leaves all to processes whose niceness can be changed.
    """
    cuts = [(at, min(at + STRETCH, stop)) for at in range(start, stop, STRETCH)]
    helping = not how.nice
    workers = min(how.processes - helping, len(cuts) - helping)
    if workers < 1:
        with rarely_collecting(), closing(Inspector(sources, _kinds(), how.files)) as inspector:
            for cut in cuts:
                yield inspector.stretch(*cut)
        return
    # Spawned, not forked: a fork would inherit connections and locks of other threads.
    with ExitStack() as stack:
        pool = stack.enter_context(
            ProcessPoolExecutor(
                workers,
                mp_context=get_context("spawn"),
                initializer=prepare,
                initargs=(sources, _kinds(), how.files, how.nice),
            )
        )
        stack.callback(pool.shutdown, wait=False, cancel_futures=True)
        first = [pool.submit(examine, *cut) for cut in cuts[: 2 * workers]]  # they start now
        mine: Inspector | None = None
        if helping:
            stack.enter_context(rarely_collecting())
            mine = stack.enter_context(closing(Inspector(sources, _kinds(), how.files)))
        yield from _shared(pool, workers, mine, deque(first), deque(cuts[2 * workers :]))


def _shared(
    pool: Executor,
    workers: int,
    mine: Inspector | None,
    waiting: deque[Future[Stretch]],
    cuts: deque[tuple[int, int]],
) -> Iterator[Stretch]:
    """Results in order, as the workers and, where it may, this process make them."""
    while waiting:
        busy = sum(not future.done() for future in waiting)
        for _ in range(min(2 * workers - busy, len(cuts), AHEAD * workers - len(waiting))):
            waiting.append(pool.submit(examine, *cuts.popleft()))
        if mine and cuts and not waiting[0].done() and len(waiting) < AHEAD * workers:
            done = Future[Stretch]()
            done.set_result(mine.stretch(*cuts.popleft()))
            waiting.append(done)
        else:
            yield waiting.popleft().result()


def _kinds() -> Kinds:
    return {key: kind.internal for key, kind in all_versions().items()}


# ---------------------------------------------------------------- in the background


class BackgroundCheck:
    """Checks again and again, and keeps the last result in a file.

    `run` makes one check and tells its progress (give it a niced process of its own); `interval`
    seconds lie between the beginning of one and that of the next, unless it takes longer.
    """

    def __init__(
        self, run: Callable[[Progress], CheckReport], keep: Path, interval: float = 86_400.0
    ) -> None:
        self._run, self._keep, self.interval = run, keep, interval
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._next = 0.0
        self.report: CheckReport | None = None
        self.under_way: tuple[int, int] | None = None
        """Leaves done and leaves in all, of a check that goes on now."""
        self.error: str | None = None
        """Why the last check could not be made; None where it could."""

    @property
    def due(self) -> float | None:
        """In how many seconds the next one begins; None while one goes on, or none will."""
        waits = self._thread is not None and self._thread.is_alive() and self.under_way is None
        return max(self._next - time.monotonic(), 0.0) if waits else None

    def start(self, delay: float = 60.0) -> None:
        """Begin `delay` seconds from now."""
        self._stop.clear()
        self._next = time.monotonic() + delay
        self._thread = threading.Thread(target=self._rounds, name="check", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """One under way is given up; returns when the thread has ended."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _rounds(self) -> None:
        try:
            while not self._stop.wait(max(self._next - time.monotonic(), 0.0)):
                self._next = time.monotonic() + self.interval
                self._once()
        except BaseException as error:
            self.error = f"checks have stopped: {error!r}"
            raise

    def _go_on(self, done: int, total: int) -> None:
        self.under_way = done, total
        if self._stop.is_set():
            raise _StoppedError

    def _once(self) -> None:
        try:
            self.under_way = 0, 0
            self.report = self._run(self._go_on)
            keep_report(self._keep, self.report)
            self.error = None
        except _StoppedError:
            return
        except (StoreError, OSError) as error:
            self.error = str(error)
            self._next = min(self._next, time.monotonic() + RETRY)
        finally:
            self.under_way = None


class _StoppedError(Exception):
    """A background check was told to stop."""
