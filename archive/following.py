"""The server follows its own log as an auditor would: from the last head that it verified itself.

What it verified is remembered in a small file outside the store. So a store that is set back as a
whole, its checkpoints with it, is noticed, though everything in it fits together; and so is one
whose history somebody wrote anew with the stolen log key.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

from archive.check import Thoroughness, Tree, stretches
from archive.evidence.checkpoint import Checkpoint as SignedHead
from archive.evidence.errors import EvidenceError
from archive.evidence.merkle import Frontier
from archive.evidence.tiles import HEIGHT, WIDTH
from archive.findings import Finding, Findings
from archive.inspection import Sources, Stretch, read_register
from archive.log import verify_checkpoint
from archive.remembering import MemoryBroken, Verified, recall, remember
from archive.sql import SqlStore
from archive.store import Checkpoint, StoreError

MANY = 16_384
"""New leaves from which on a process of its own examines them, as when a server first starts
beside an old archive."""


class Follower:
    """Verifies what is new since the head that it remembers; a turn that fails advances nothing.

    `memory`: a file for this server alone; two servers that share it would forget each other's.
    """

    def __init__(
        self, sources: Sources, memory: Path, clock: Callable[[], datetime], share: float = 1.0
    ) -> None:
        self._sources, self._memory, self._clock = sources, memory, clock
        self._share = share
        self._stop = threading.Event()
        self.verified: Verified | None = None
        self.looked_at: datetime | None = None
        """When the log was last found to be as remembered, or longer."""
        self.findings: tuple[Finding, ...] = ()
        """Of the last turn; those of a turn under way are added as they are made."""
        self.since: datetime | None = None
        """When the first of them was made."""
        self.error: str | None = None
        """Why the last turn could not be made; None where it could."""

    def stop(self) -> None:
        """A turn under way, in another thread, is given up."""
        self._stop.set()

    def turn(self) -> tuple[Finding, ...]:
        """What is wrong now; nothing of it is forgotten before a turn finds it mended."""
        try:
            found = tuple(self._findings())
        except _Stopped:
            return self.findings
        except (StoreError, OSError) as error:
            self.error = str(error)
            return self.findings
        self.error, self.findings = None, found
        self.since = (self.since or self._clock()) if found else None
        return found

    def _findings(self) -> Iterator[Finding]:
        try:
            before = self.verified or self._recalled()
        except MemoryBroken as error:
            yield Finding("memory", str(error), part=self._memory.name)
            return
        self.verified = before
        with closing(self._sources.open_store()) as store:
            head, size = store.checkpoint(), store.head().size
            findings = Findings(tell=self._tell)
            made = self._followed(store, before, head, size, findings)
        yield from findings.kept
        if made is not None and not findings.by_code:
            self.looked_at = self._clock()
            if made is not before:
                remember(self._memory, self._sources.origin, made)
                self.verified = made

    def _recalled(self) -> Verified | None:
        found = recall(self._memory, self._sources.origin)
        return found[0] if found else None

    def _tell(self, finding: Finding) -> None:
        if finding not in self.findings:
            self.since = self.since or self._clock()
            self.findings = (*self.findings, finding)

    def _followed(
        self,
        store: SqlStore,
        before: Verified | None,
        head: Checkpoint | None,
        size: int,
        findings: Findings,
    ) -> Verified | None:
        if before is not None:
            there = min(size, head.size if head else 0)
            if there < before.size:
                detail = f"{before.size} leaves were verified, {there} are stored and signed"
                findings.add(Finding("set-back", detail, leaf=there))
                return None
            if not _continues(store, before):
                detail = f"of the first {before.size} leaves"
                findings.add(Finding("rewritten", detail, leaf=before.size))
        if head is None:
            return None
        signed = self._signed(store, head, findings)
        if signed is None:
            return None
        if before is not None and signed.size == before.size and signed.root == before.root:
            return before
        return self._grown(before, head, signed, findings)

    def _signed(self, store: SqlStore, head: Checkpoint, findings: Findings) -> SignedHead | None:
        part = f"checkpoint {head.size}"
        register, _, faults = read_register(self._sources.origin, store)
        findings.extend(faults)
        try:
            signed = verify_checkpoint(register, self._sources.origin, head.note)
        except EvidenceError as error:
            findings.add(Finding("checkpoint", str(error), part=part))
            return None
        if signed.size != head.size:
            detail = f"stored for {head.size} leaves, signed over {signed.size}"
            findings.add(Finding("checkpoint", detail, part=part))
            return None
        return signed

    def _grown(
        self, before: Verified | None, head: Checkpoint, signed: SignedHead, findings: Findings
    ) -> Verified | None:
        """The leaves from the remembered frontier on, each examined; and the root they give."""
        start = before.size - before.size % WIDTH if before else 0
        tree = Tree(_blocks(before))
        last = before.recorded_at if before and start == before.size else ""
        for stretch in self._stretches(start, signed.size):
            findings.extend(stretch.findings)
            findings.count_only(stretch.more)
            for size, right in tree.take(stretch):
                if not right:
                    findings.add(Finding("root", part=f"checkpoint {size}"))
            if stretch.first_time and stretch.first_time < last:
                detail = f"{stretch.first_time} after {last}"
                findings.add(Finding("order", detail, stretch.start))
            last = max(last, stretch.last_time)
        frontier = Frontier(signed.size, tree.hashes)
        if before is not None and frontier.root() != signed.root:
            detail = f"the head over {signed.size} leaves was signed over others"
            findings.add(Finding("rewritten", detail, leaf=before.size))
        return Verified(signed.size, signed.root, frontier.hashes, head.note, last, self._clock())

    def _stretches(self, start: int, stop: int) -> Iterator[Stretch]:
        many = stop - start > MANY
        how = Thoroughness(
            processes=int(many), nice=10 if many else 0, files=False, share=self._share
        )
        for stretch in stretches(self._sources, start, stop, how, self._go_on):
            self._go_on()
            yield stretch

    def _go_on(self) -> None:
        if self._stop.is_set():
            raise _Stopped


class _Stopped(Exception):
    """A turn was told to end."""


def _blocks(before: Verified | None) -> Frontier:
    """The complete blocks of 256 leaves of a remembered tree, as leaves of a tree of their own."""
    whole = before.whole_blocks() if before else Frontier()
    return Frontier(whole.size >> HEIGHT, whole.hashes)


def _continues(store: SqlStore, before: Verified) -> bool:
    """Whether the youngest remembered leaves are still those that are stored.

    What lies further back shows in the root of the next head, and in the check of everything.
    """
    tree = before.whole_blocks()
    tree.extend(store.leaf_hashes(tree.size, before.size))
    return tree.size == before.size and tree.root() == before.root
