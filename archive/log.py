"""The transparency log over the stored leaves: checkpoints, tiles, proofs, and their heartbeat.

A checkpoint is an RFC 6962 tree head as a C2SP signed note. What appending needs is kept in the
tiles beside it, so a restart goes on from the last checkpoint and never reads the log again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache

from archive.evidence import checkpoint as heads
from archive.evidence import note
from archive.evidence.errors import EvidenceError, KeyRefused, SignatureError
from archive.evidence.keys import SigningKey, VerifyKey
from archive.evidence.merkle import Frontier, consistency_proof, frontier_at, inclusion_proof
from archive.evidence.register import KeyRegister
from archive.evidence.tiles import HEIGHT, WIDTH, Tiles, tile_width
from archive.keyring import Keyring
from archive.store import Checkpoint, Store, StoreCorrupt, StoreError

STEP = 65_536
"""Leaves taken in at once, each step with its own note: memory stays flat however many wait."""
READ = 4096
CACHED_NODES = 65_536
CACHED_TILES = 1024
"""Of 8 KiB at most; those above the lowest level of a log of 67 million leaves."""
ATTEMPTS = 5
Clock = Callable[[], datetime]


class LogError(StoreError):
    """The log cannot give what was asked; the message says why."""


class TransparencyLog:
    """Signs heads and proves leaves. Any number of threads and processes may hold one.

    The note over a size is a function of the leaves and the key (Ed25519 is deterministic), so two
    processes that sign one size sign the same note; and a smaller head never takes the place of a
    larger one, because the latest is the largest.
    """

    def __init__(self, store: Store, keyring: Keyring, clock: Clock) -> None:
        self._store, self._keyring, self._clock = store, keyring, clock
        self._lock = threading.Lock()
        self._frontier = Frontier()
        # Complete subtrees never change. Of those above the lowest tiles, and of those on the
        # right edge of a checkpoint, all proofs need the same few; without these a proof would
        # grow with the height in tiles: a read for each, and up to 127 hashes for each node.
        self._shared_tiles = lru_cache(CACHED_TILES)(self._read_tile)
        self._shared_nodes: dict[tuple[int, int], bytes] = {}

    # ------------------------------------------------------------ heads

    def latest(self) -> Checkpoint | None:
        """The largest head that was signed."""
        return self._store.checkpoint()

    def checkpoint(self) -> Checkpoint:
        """A signed note over all leaves that are there now; the one there is, if none came since.

        StoreCorrupt: the log is shorter than, or other than, what was signed before. Nothing is
        signed then; `liuhen check` names the leaf.
        """
        with self._lock:
            size, key = self._size_and_key()
            try:
                return self._head_at(size, key)
            except EvidenceError as error:
                raise StoreCorrupt(
                    f"the last checkpoint does not hold ({error}): run a check of the archive"
                ) from error

    def _head_at(self, size: int, key: SigningKey) -> Checkpoint:
        last = self._store.checkpoint()
        if last is not None and last.size >= size and self._is_by(last, key):
            self._refuse_truncated(last, size)
            return last
        self._take_up(last, size)
        while self._frontier.size < size:
            last = self._extend(min(size, self._frontier.size + STEP), key)
        if last is None or not self._is_by(last, key):
            last = self._put(key, {})  # a new log key signs the same head again
        return last

    def _size_and_key(self) -> tuple[int, SigningKey]:
        """A size and the log key that may sign it, also after a rotation in another process."""
        keyring = self._keyring
        for _ in range(ATTEMPTS):
            size = self._store.head().size
            if self._store.versions([keyring.record])[keyring.record] != keyring.version:
                keyring.refresh()
            key = keyring.log_key
            try:
                keyring.register.key_at(key.key_id, size - 1, "log")
            except KeyRefused:
                continue  # registered after `size` was read
            return size, key
        raise LogError("the log key is not registered in this archive: finish its rotation")

    def _is_by(self, stored: Checkpoint, key: SigningKey) -> bool:
        mine = note.key_hash(self._keyring.origin, note.ED25519, key.public)
        return any(s.hash == mine for s in note.parse(stored.note).signatures)

    @staticmethod
    def _refuse_truncated(last: Checkpoint, size: int) -> None:
        if last.size > size:
            raise StoreCorrupt(
                f"a head over {last.size} leaves was signed, but only {size} are stored: restore "
                "the archive from a backup that has them all, and run a check"
            )

    def _take_up(self, last: Checkpoint | None, size: int) -> None:
        """Make the frontier that of the last checkpoint, from the tiles, and compare the roots."""
        if last is None:
            self._frontier = Frontier()
            return
        self._refuse_truncated(last, size)
        signed = verify_checkpoint(self._keyring.register, self._keyring.origin, last.note)
        if signed.size != last.size:
            raise StoreCorrupt(
                f"the checkpoint stored for {last.size} leaves is of {signed.size}: run a check"
            )
        if self._frontier.size != last.size:
            self._frontier = frontier_at(last.size, Tiles(last.size, self._read_tile).node)
        if self._frontier.root() != signed.root:
            raise StoreCorrupt(
                f"the tiles do not give the root that was signed over {last.size} leaves: "
                "run a check of the archive"
            )

    def _extend(self, size: int, key: SigningKey) -> Checkpoint:
        """Sign the head at `size`; the frontier moves only once it is stored."""
        start = self._frontier
        grown = Frontier(start.size, start.hashes)
        nodes: dict[tuple[int, int], bytearray] = {}

        def keep(level: int, index: int, hash_: bytes) -> None:
            if level % HEIGHT == 0:
                tile = level // HEIGHT, index // WIDTH
                if tile not in nodes:
                    nodes[tile] = bytearray(self._left_part(*tile, index % WIDTH))
                nodes[tile] += hash_

        for at in range(start.size, size, READ):
            hashes = self._store.leaf_hashes(at, min(at + READ, size))
            grown.extend(hashes, keep)
        if grown.size != size:
            raise StoreCorrupt(f"{size} leaves were counted, {grown.size} are stored: run a check")
        self._frontier = grown
        try:
            return self._put(key, nodes)
        except BaseException:
            self._frontier = start
            raise

    def _left_part(self, level: int, n: int, width: int) -> bytes:
        """The hashes that a tile had before, on the right edge."""
        return self._read_tile(level, n, width)[: width * 32] if width else b""

    def _put(self, key: SigningKey, tiles: Mapping[tuple[int, int], bytearray]) -> Checkpoint:
        head = heads.Checkpoint(self._keyring.origin, self._frontier.size, self._frontier.root())
        made = Checkpoint(head.size, heads.sign(head, key), self._clock())
        # In one order in every process, so that two which write the same tiles never deadlock.
        self._store.put_checkpoint(made, [(*at, bytes(tiles[at])) for at in sorted(tiles)])
        return made

    # ------------------------------------------------------------ proofs

    def inclusion(self, leaf_index: int, size: int | None = None) -> tuple[Checkpoint, list[bytes]]:
        """A checkpoint and the audit path of a leaf in it (RFC 6962 2.1.1), in O(log n).

        Without `size`: in the latest, or in a new one if the leaf is younger. LogError where there
        is no such leaf, or no checkpoint of this size.
        """
        signed = self._store.checkpoint(size)
        if size is None and (signed is None or signed.size <= leaf_index):
            signed = self.checkpoint()
        if signed is None:
            raise LogError(f"there is no checkpoint over {size} leaves: ask for one that exists")
        if not 0 <= leaf_index < signed.size:
            raise LogError(f"there is no leaf {leaf_index} in a log of {signed.size}")
        return signed, inclusion_proof(leaf_index, signed.size, self._reader(signed.size))

    def prover(self, size: int) -> Callable[[int], list[bytes]]:
        """The audit path of any leaf in a checkpoint of this size, which is one; asked in the
        order of the leaves, each stretch of the log is read once."""
        stretch, node = -1, self._reader(size)

        def prove(leaf_index: int) -> list[bytes]:
            nonlocal stretch, node
            if leaf_index // WIDTH != stretch:
                stretch, node = leaf_index // WIDTH, self._reader(size)
            return inclusion_proof(leaf_index, size, node)

        return prove

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Proof that the first `old` leaves are the beginning of the first `new` (RFC 6962 2.1.2).

        Any two sizes up to the latest checkpoint's. LogError beyond.
        """
        latest = self._store.checkpoint()
        if latest is None or not 0 <= old <= new <= latest.size:
            signed = latest.size if latest else 0
            raise LogError(f"sizes must be 0 <= old <= new <= {signed}, the latest checkpoint's")
        return consistency_proof(old, new, self._reader(latest.size))

    def _reader(self, size: int) -> Callable[[int, int], bytes]:
        """`node` for one request: its own lowest tile is read, all others come from memory."""
        tiles, known = Tiles(size, self._tile), self._shared_nodes
        edge = size // WIDTH

        def node(level: int, index: int) -> bytes:
            if level < HEIGHT and index << level >> HEIGHT != edge:
                return tiles.node(level, index)
            hash_ = known.get((level, index))
            if hash_ is None:
                hash_ = tiles.node(level, index)
                if len(known) >= CACHED_NODES:
                    known.clear()
                known[level, index] = hash_
            return hash_

        return node

    def _tile(self, level: int, n: int, width: int) -> bytes:
        one_of_many = level == 0 and width == WIDTH
        return (self._read_tile if one_of_many else self._shared_tiles)(level, n, width)

    def _read_tile(self, level: int, n: int, width: int) -> bytes:
        hashes = self._store.tile(level, n)
        if hashes is None or len(hashes) < width * 32:
            raise StoreCorrupt(
                f"tile {n} of level {level} is missing or too short: run a check of the archive"
            )
        return hashes


def verify_checkpoint(register: KeyRegister, origin: str, data: bytes) -> heads.Checkpoint:
    """The head in a note; EvidenceError unless a log key that was valid at its size signed it."""
    parsed, head = heads.read(data)
    if head.origin != origin:
        raise SignatureError(f"checkpoint of {head.origin}, in the archive {origin}")
    signer = _signer(register, origin, parsed)
    register.key_at(signer.key.key_id, head.size - 1, "log")
    note.verify(parsed, signer)
    return head


def _signer(register: KeyRegister, origin: str, parsed: note.Note) -> note.VerifierKey:
    hashes = {signature.hash for signature in parsed.signatures}
    for entry in register.entries.values():
        if entry.use == "log" and isinstance(entry.key, VerifyKey):
            key = note.VerifierKey.make(origin, entry.key)
            if key.hash in hashes:
                return key
    raise SignatureError("checkpoint is not signed by a log key of this archive")


def signer_vkey(register: KeyRegister, origin: str, data: bytes) -> str:
    """The verifier key of the log key whose line a note has. SignatureError where none is ours."""
    return str(_signer(register, origin, note.parse(data)))


def tiles_of(size: int) -> Iterator[tuple[int, int, int]]:
    """(level, n, width) of every tile of a tree of `size` leaves."""
    level = 0
    while nodes := size >> HEIGHT * level:
        for n in range(-(-nodes // WIDTH)):
            yield level, n, tile_width(size, level, n)
        level += 1


class Heartbeat:
    """Makes a checkpoint every `interval` seconds, if leaves came since the last one."""

    def __init__(self, log: TransparencyLog, interval: float = 30.0) -> None:
        self._log, self._interval = log, interval
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.error: str | None = None
        """Why the last beat failed; None while all is well. It goes on trying."""

    @property
    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        if self.alive:
            return
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Returns when the thread has ended; a checkpoint under way is finished."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stop.wait(self._interval):
                self._beat()
        except BaseException as error:
            self.error = f"checkpoints have stopped: {error!r}"
            raise

    def _beat(self) -> None:
        try:
            self._log.checkpoint()
            self.error = None
        except StoreError as error:
            self.error = str(error)


def vkey(origin: str, key: SigningKey) -> str:
    """The verifier key to publish for a log key (C2SP signed note)."""
    return str(note.VerifierKey.make(origin, key.verify_key()))
