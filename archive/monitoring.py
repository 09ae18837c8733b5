"""`liuhen monitor`: the log followed from elsewhere, over what it publishes and nothing else.

Trust begins with the log's verifier key (or a policy), given by another way. What was verified is
remembered, so that a log which is later cut short, forked or rewritten convicts itself; a turn that
finds something wrong advances nothing. Memory is flat: a bundle of 256 entries, and the register.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import sleep
from typing import Any

from archive.evidence import checkpoint as heads
from archive.evidence import dsse, entries, register
from archive.evidence.errors import EvidenceError, ProofError
from archive.evidence.instant import parse_time, time_text
from archive.evidence.merkle import Frontier, consistency_proof, leaf_hash, verify_consistency
from archive.evidence.policy import Policy
from archive.evidence.register import KeyRegister
from archive.evidence.tiles import WIDTH, Tiles, tile_path
from archive.findings import Finding, Findings
from archive.leaves import read_leaf
from archive.log import verify_checkpoint
from archive.outbound import AnswerRefused, fetch
from archive.owner_only import write_whole
from archive.remembering import Verified, recall, remember

SECONDS = 30.0
ATTEMPTS = 3
LARGEST_NOTE = 1_000_000
AHEAD = timedelta(minutes=5)
"""By which the archive's clock may be before this machine's."""
GONE = frozenset({404, 410})


class Unreachable(Exception):
    """The log cannot be read now: that says nothing about the log."""


@dataclass(frozen=True, slots=True)
class Published:
    """A published log. `key`: an API key, where it is not for everybody."""

    prefix: str
    key: str | None = field(default=None, repr=False)
    pause: float = 1.0

    def get(self, path: str, limit: int) -> bytes | None:
        """None where there is no such file. Unreachable after a few attempts."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answer = fetch(
                    f"{self.prefix.rstrip('/')}/{path}",
                    seconds=SECONDS,
                    limit=limit,
                    statuses={200, *GONE},
                    key=self.key,
                )
            except AnswerRefused as error:
                if attempt == ATTEMPTS:
                    raise Unreachable(f"{path}: {error}") from None
                sleep(self.pause * attempt)
            else:
                return None if answer.status in GONE else answer.body
        raise AssertionError

    def resource(self, path_of: Callable[[int], str], width: int, limit: int) -> bytes | None:
        """A tile or bundle; the full one where the partial one is gone, as tlog-tiles has it."""
        found = self.get(path_of(width), limit)
        return self.get(path_of(WIDTH), limit) if found is None and width < WIDTH else found


@dataclass(frozen=True, slots=True)
class Turn:
    """What one look found. `size`: leaves that are verified now. `unreachable`: why there was no
    look; nothing is known of the log then."""

    at: datetime
    origin: str
    size: int
    findings: tuple[Finding, ...] = ()
    unreachable: str | None = None

    @property
    def state(self) -> str:
        return "unreachable" if self.unreachable else "wrong" if self.findings else "ok"

    def as_json(self) -> dict[str, Any]:
        return {
            "origin": self.origin,
            "at": time_text(self.at),
            "state": self.state,
            "ok": self.state == "ok",
            "size": self.size,
            "findings": [finding.as_json() for finding in self.findings],
            "unreachable": self.unreachable,
        }


class Monitor:
    """Follows one log. `state`: the file of its memory; None: only as long as it runs.

    `age`: how old the newest sign of life may be, a leaf or a cosignature; None: never too old.
    """

    def __init__(
        self,
        log: Published,
        policy: Policy,
        state: Path | None,
        clock: Callable[[], datetime],
        age: timedelta | None,
    ) -> None:
        self._log, self._policy, self._state = log, policy, state
        self._clock, self._age = clock, age
        self.origin = policy.logs[0].name
        self._before: Verified | None = None
        self._register: list[tuple[int, bytes]] = []

    def turn(self) -> Turn:
        """One look. MemoryBroken and OSError where the memory cannot be read or kept."""
        self._recall()
        try:
            findings = self._look()
        except Unreachable as error:
            return Turn(self._clock(), self.origin, self._size, unreachable=str(error))
        return Turn(self._clock(), self.origin, self._size, tuple(findings.kept))

    @property
    def _size(self) -> int:
        return self._before.size if self._before else 0

    def _recall(self) -> None:
        if self._before is None and self._state is not None:
            found = recall(self._state, self.origin)
            if found is not None:
                self._before, self._register = found[0], list(found[1])

    def _look(self) -> Findings:
        note = self._log.get("checkpoint", LARGEST_NOTE)
        if note is None:
            raise Unreachable("there is no checkpoint at this address")
        findings = Findings()
        try:
            parsed, head = heads.read(note)
            cosigned = self._policy.check(parsed, self.origin)
            if head.origin != self.origin:
                raise ProofError(f"it is of {head.origin}")
        except EvidenceError as error:
            findings.add(Finding("checkpoint", str(error)))
            return findings
        sight = _Sight(self._log, head, note, self._before, self._register, findings)
        sight.judge()
        self._judge_time(sight.recorded_at, cosigned, findings)
        if not findings.by_code:
            self._advance(sight)
        elif {"set-back", "rewritten"} & findings.by_code.keys():
            self._keep_evidence(note)
        return findings

    def _judge_time(
        self, recorded_at: str, cosigned: Mapping[str, int], findings: Findings
    ) -> None:
        now = self._clock()
        alive = [datetime.fromtimestamp(seconds, UTC) for seconds in cosigned.values()]
        if recorded_at:
            alive.append(parse_time(recorded_at))
            if alive[-1] > now + AHEAD:
                findings.add(Finding("ahead", recorded_at))
        if alive and self._age is not None and now - max(alive) > self._age:
            findings.add(Finding("stale", f"the newest is of {time_text(max(alive))}"))

    def _advance(self, sight: _Sight) -> None:
        head = sight.head
        if self._before is not None and self._before.size == head.size:
            return
        hashes = sight.frontier.hashes
        at = self._clock()
        made = Verified(head.size, head.root, hashes, sight.note, sight.recorded_at, at)
        if self._state is not None:
            remember(self._state, self.origin, made, sight.register_leaves)
        self._before, self._register = made, sight.register_leaves

    def _keep_evidence(self, note: bytes) -> None:
        """Two heads that one key signed and that cannot both be: they convict whoever holds it."""
        if self._state is None or self._before is None:
            return
        path = self._state.with_name(self._state.name + ".conflict")
        if not path.exists():
            both = {"verified": self._before.note.decode(), "found": note.decode()}
            write_whole(path, json.dumps(both, ensure_ascii=False, indent=1).encode())


class _Sight:
    """One head, looked at from what was verified before."""

    def __init__(
        self,
        log: Published,
        head: heads.Checkpoint,
        note: bytes,
        before: Verified | None,
        register_leaves: list[tuple[int, bytes]],
        findings: Findings,
    ) -> None:
        self._log, self.head, self.note, self._before = log, head, note, before
        self.findings, self.register_leaves = findings, list(register_leaves)
        self.recorded_at = before.recorded_at if before else ""
        self.frontier = before.whole_blocks() if before else Frontier()
        self._register = KeyRegister(head.origin)
        for index, leaf in register_leaves:
            self._register.apply(index, read_leaf(leaf)[2])
        self._differs: list[int] = []

    def judge(self) -> None:
        before, head = self._before, self.head
        if before is not None:
            if head.size < before.size:
                detail = f"{before.size} leaves were verified, {head.size} are signed"
                self.findings.add(Finding("set-back", detail, leaf=head.size))
                return
            if head.size == before.size:
                if head.root != before.root:
                    self._rewritten("another root over as many leaves")
                return
            if not self._consistent(before):
                return
        self._leaves()
        if not self.findings.by_code:
            self._signer()

    def _consistent(self, before: Verified) -> bool:
        """By the tiles: what was verified is the beginning of what is signed now."""
        try:
            node = Tiles(self.head.size, self._tile).node
            proof = consistency_proof(before.size, self.head.size, node)
            verify_consistency(before.size, self.head.size, before.root, self.head.root, proof)
        except ProofError as error:
            self._rewritten(str(error))
        except _Missing as missing:
            self.findings.add(Finding("tile-missing", part=str(missing)))
        return not self.findings.by_code

    def _rewritten(self, detail: str) -> None:
        leaf = self._before.size if self._before else 0
        self.findings.add(Finding("rewritten", detail, leaf=leaf))

    def _tile(self, level: int, n: int, width: int) -> bytes:
        data = self._log.resource(lambda w: tile_path(level, n, w), width, WIDTH * 32)
        if data is None:
            raise _Missing(tile_path(level, n, width))
        return data

    # ------------------------------------------------------------ the leaves

    def _leaves(self) -> None:
        """Each new one; those before it in its bundle must be what they were."""
        known = self._size
        try:
            for n in range(self.frontier.size // WIDTH, -(-self.head.size // WIDTH)):
                self._bundle(n, known)
        except _Missing as missing:
            self.findings.add(Finding("leaf-missing", part=str(missing), leaf=self.frontier.size))
            return
        right = self.frontier.root() == self.head.root
        for index in self._differs:
            code = "tile" if right else "leaf-bytes"
            self.findings.add(Finding(code, leaf=index, part=f"tile 0/{index // WIDTH}"))
        if not right and not self._differs:
            detail = f"the leaves do not give the root over {self.head.size}"
            self.findings.add(Finding("root", detail, part=f"checkpoint {self.head.size}"))

    @property
    def _size(self) -> int:
        return self._before.size if self._before else 0

    def _bundle(self, n: int, known: int) -> None:
        width = min(WIDTH, self.head.size - n * WIDTH)
        leaves = list(self._entries(n, width))
        tile = self._tile(0, n, width)
        for index, leaf in enumerate(leaves, n * WIDTH):
            hash_ = leaf_hash(leaf)
            at = (index - n * WIDTH) * 32
            if tile[at : at + 32] != hash_:
                self._differs.append(index)
            self.frontier.append(hash_)
            if index >= known:
                self._leaf(index, leaf)

    def _entries(self, n: int, width: int) -> Iterator[bytes]:
        def path(asked: int) -> str:
            return entries.entries_path(n, asked)

        data = self._log.get(path(width), entries.MAX_BUNDLE)
        there = width
        if data is None and width < WIDTH:
            data, there = self._log.get(path(WIDTH), entries.MAX_BUNDLE), WIDTH
        if data is None:
            raise _Missing(path(width))
        try:
            yield from entries.parse(data, there)[:width]
        except EvidenceError as error:
            raise _Missing(f"{path(width)}: {error}") from None

    def _leaf(self, index: int, data: bytes) -> None:
        try:
            leaf, envelope, said = read_leaf(data)
        except EvidenceError as error:
            self.findings.add(Finding("leaf-form", str(error), index))
            return
        if said.origin != self.head.origin:
            self.findings.add(Finding("origin", said.origin, index))
        if leaf.recorded_at < self.recorded_at:
            detail = f"{leaf.recorded_at} after {self.recorded_at}"
            self.findings.add(Finding("order", detail, index))
        self.recorded_at = max(self.recorded_at, leaf.recorded_at)
        in_register = said.record == self._register.record
        if (said.type in register.EVENTS) != in_register:
            self.findings.add(Finding("register", "key event outside the register", index))
            return
        code = "signature"
        try:
            if in_register:
                code = "register"
                self._register.apply(index, said)
                self.register_leaves.append((index, data))
            code = "signature"
            dsse.verify(envelope, self._register.signer_of(said, index))
        except EvidenceError as error:
            self.findings.add(Finding(code, str(error), index))

    def _signer(self) -> None:
        """The key that signed the head is one that the log's own register knows, still valid."""
        try:
            verify_checkpoint(self._register, self.head.origin, self.note)
        except EvidenceError as error:
            self.findings.add(Finding("checkpoint", str(error)))


class _Missing(Exception):
    """Something that the signed head covers is not there, or has no form; says its path."""
