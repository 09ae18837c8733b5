"""The log as static files that any web server or bucket can serve (C2SP tlog-tiles).

Tiles and entry bundles first, the checkpoint over them last: whoever reads a checkpoint finds all
that it covers, wherever this was killed. What is written is derived anew from the leaves, and a
checkpoint goes out only when they give its root. Each publication starts at the size of the one
before, so it costs what is new, beside at most one bundle and one tile of each level that grow.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from archive.evidence import checkpoint as heads
from archive.evidence.entries import encode, entries_path
from archive.evidence.errors import EvidenceError
from archive.evidence.merkle import Frontier, frontier_at, leaf_hash
from archive.evidence.tiles import HEIGHT, WIDTH, Tiles, tile_path
from archive.keyring import Keyring
from archive.log import verify_checkpoint
from archive.store import Checkpoint, Store, StoreCorrupt, StoreError
from archive.witnessing import Witnesses

CHECKPOINT = "checkpoint"
FULL = WIDTH * 32


class PublishError(StoreError):
    """The place cannot take this log; what was published there before still stands."""


class Target(Protocol):
    """Where the files go. Every method raises PublishError."""

    name: str

    def held(self) -> AbstractContextManager[None]:
        """Made, and ours alone where the place can see to that."""
        ...

    def checkpoint(self) -> bytes | None: ...

    def put(self, path: str, data: bytes) -> None:
        """Whole or not at all; there for certain only after `settle`."""
        ...

    def settle(self) -> None:
        """Returns when all that was put survives power loss."""
        ...

    def put_checkpoint(self, note: bytes, earlier: bytes | None) -> None:
        """Durable when it returns. PublishError, and nothing changed, unless the one there is
        still `earlier`."""
        ...

    def drop_partials(self, path: str) -> None:
        """Remove the partial versions of a full tile or bundle, if there are any."""
        ...


class Source(Protocol):
    """What is published: an archive, or as much of one."""

    @property
    def store(self) -> Store: ...
    @property
    def keyring(self) -> Keyring: ...
    @property
    def witnesses(self) -> Witnesses: ...


@dataclass(slots=True)
class Published:
    """`before`: the size that was there. `files` and `octets` that were written, but the head."""

    target: str
    before: int
    size: int
    files: int = 0
    octets: int = 0


def published(archive: Source) -> Checkpoint:
    """The head that outsiders may see: with the witnesses that it needs. NotPublished."""
    return archive.witnesses.published()


def publish(archive: Source, target: Target, *, whole: bool = False) -> Published:
    """Bring a target up to the head of the log; `whole` writes every file anew.

    PublishError: the target holds another log, another history, or more than this archive has;
    nothing is written then. StoreCorrupt: the leaves do not give the signed root; no checkpoint is
    written then.
    """
    with target.held():
        signed = published(archive)
        head = verify_checkpoint(archive.keyring.register, archive.keyring.origin, signed.note)
        earlier = target.checkpoint()
        before = _before(archive, target, earlier, head)
        made = Published(target.name, before, head.size)
        growth = _Growth(archive.store, target, 0 if whole else before, made)
        growth.write(head)
        target.settle()
        if earlier != signed.note:
            target.put_checkpoint(signed.note, earlier)
        growth.drop_partials(every=whole)
        return made


def _before(archive: Source, target: Target, earlier: bytes | None, head: heads.Checkpoint) -> int:
    """The size that the target has; PublishError unless it is a beginning of this log."""
    if earlier is None:
        return 0
    try:
        there = verify_checkpoint(archive.keyring.register, archive.keyring.origin, earlier)
    except EvidenceError as error:
        raise PublishError(
            f"{target.name} has a checkpoint that this archive did not sign ({error}): publish to "
            "an empty place, or find out who wrote it"
        ) from error
    if there.size > head.size:
        raise PublishError(
            f"{target.name} has {there.size} leaves, this archive's last head covers {head.size}: "
            "the archive lost what it had published; restore the newest backup, and run a check"
        )
    if _frontier(archive.store, there.size).root() != there.root:
        raise PublishError(
            f"{target.name} has another history of the first {there.size} leaves under the same "
            "key: the log was forked. Keep both as evidence, publish nothing, run a check"
        )
    return there.size


def _frontier(store: Store, size: int) -> Frontier:
    def read(level: int, n: int, width: int) -> bytes:
        return _stored(store, level, n, width)

    return frontier_at(size, Tiles(size, read).node)


def _stored(store: Store, level: int, n: int, width: int) -> bytes:
    hashes = store.tile(level, n) or b""
    if len(hashes) < width * 32:
        raise StoreCorrupt(f"tile {n} of level {level} is missing or too short: run a check")
    return hashes[: width * 32]


class _Growth:
    """From `start` leaves to a head: the tiles that grow stay here until they are full."""

    def __init__(self, store: Store, target: Target, start: int, made: Published) -> None:
        self._store, self._target, self._start, self._made = store, target, start, made
        self._frontier = _frontier(store, start)
        self._tiles: dict[tuple[int, int], bytearray] = {}

    def write(self, head: heads.Checkpoint) -> None:
        first = self._start - self._start % WIDTH
        if self._start < head.size:
            for n, leaves in self._bundles(first, head.size):
                self._take(n, leaves)
                self._put(entries_path(n, len(leaves)), encode(leaves))
        if (self._frontier.size, self._frontier.root()) != (head.size, head.root):
            raise StoreCorrupt(
                f"the stored leaves do not give the root that was signed over {head.size}: "
                "run a check of the archive"
            )
        for (level, n), hashes in self._tiles.items():
            self._put(tile_path(level, n, len(hashes) // 32), bytes(hashes))

    def _bundles(self, first: int, size: int) -> Iterator[tuple[int, list[bytes]]]:
        leaves: list[bytes] = []
        for index, row in enumerate(self._store.leaves(first, size), first):
            if row.leaf_index != index:
                raise StoreCorrupt(f"leaf {index} is missing: run a check of the archive")
            leaves.append(row.leaf)
            if len(leaves) == WIDTH:
                yield index // WIDTH, leaves
                leaves = []
        if leaves:
            yield size // WIDTH, leaves

    def _take(self, n: int, leaves: list[bytes]) -> None:
        """Extend the tree by those that are new; the others must be what it was made of."""
        hashes = list(map(leaf_hash, leaves))
        known = max(0, self._start - n * WIDTH)
        if known and b"".join(hashes[:known]) != _stored(self._store, 0, n, known):
            raise StoreCorrupt(f"leaves of tile {n} were changed: run a check of the archive")
        self._frontier.extend(hashes[known:], self._keep)

    def _keep(self, level: int, index: int, hash_: bytes) -> None:
        if level % HEIGHT:
            return
        at = level // HEIGHT, index // WIDTH
        if at not in self._tiles:
            width = index % WIDTH
            self._tiles[at] = bytearray(_stored(self._store, *at, width) if width else b"")
        self._tiles[at] += hash_
        if len(self._tiles[at]) == FULL:
            self._put(tile_path(*at), bytes(self._tiles.pop(at)))

    def _put(self, path: str, data: bytes) -> None:
        self._target.put(path, data)
        self._made.files += 1
        self._made.octets += len(data)

    def drop_partials(self, *, every: bool) -> None:
        """Of tiles that are full by now. Only the one that was growing before has any, and the one
        before it, if an earlier run was killed here; `every`: look everywhere."""
        level = 0
        while nodes := self._made.size >> HEIGHT * level:
            edge = self._made.before >> HEIGHT * (level + 1)
            first, end = (0, math.inf) if every else (max(0, edge - 1), edge + 1)
            for n in range(first, int(min(nodes // WIDTH, end))):
                self._target.drop_partials(tile_path(level, n))
                if level == 0:
                    self._target.drop_partials(entries_path(n))
            level += 1


def target_at(place: str) -> Target:
    """`s3://bucket[/prefix]`, or a folder. PublishError where it cannot be."""
    if not place.startswith("s3://"):
        from archive.published_folder import FolderTarget  # noqa: PLC0415 - it imports this module

        return FolderTarget(Path(place))
    try:
        from archive.published_bucket import bucket_target  # noqa: PLC0415 - boto3 is an extra
    except ModuleNotFoundError as error:
        raise PublishError(
            f"publishing to a bucket needs the extra s3 ({error.name} is not installed): "
            "install requirements-s3.txt, or publish to a folder and copy it, checkpoint last"
        ) from error
    return bucket_target(place)
