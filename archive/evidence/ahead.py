"""Signatures of a large bundle, verified ahead by other processes.

They tell only which envelopes are signed by the Ed25519 key that they name, by hash: a statement
that is true or false by itself. Whether that key was the right one there, and everything that does
not fit, is the caller's to judge, as if nobody had helped; so the report is the same, only sooner.
"""

from __future__ import annotations

import base64
import re
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

from archive.evidence import bundle, dsse, leaf, statement
from archive.evidence.container import Container
from archive.evidence.errors import EvidenceError, FormatError
from archive.evidence.keys import VerifyKey

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

LEAST = 4 * 1024 * 1024  # bytes of leaves, some 2,000, from which on starting processes pays
_STRETCH = 256 * 1024  # bytes of lines that a process reads at a time
_AHEAD = 64  # stretches of a member that wait or are under way; what they tell is short
_HASH = 32

_LEAF_HEAD = re.compile(rb'\{"index":([0-9]{1,16}),"leaf":"\{\\"envelope\\":\\"')
_LEAF_MIDDLE = rb"\",\"number\":"
_IN_RECEIPT = re.compile(rb'"index":([0-9]{1,16}),')

Told = tuple[int, bytes]  # highest index in a stretch, and the hashes of envelopes that are signed


class Ahead:
    """Ask in ascending order of index, or be told less. Without a pool nothing is ever known."""

    def __init__(self, pool: Executor | None, box: Container) -> None:
        paths = (bundle.LEAVES, bundle.RECEIPTS)
        self._members = (
            {path: _Member(pool, box, path) for path in paths if path in box.members}
            if pool is not None
            else {}
        )

    @classmethod
    def of(cls, file: BinaryIO, box: Container, processes: int, stack: ExitStack) -> Self:
        """For so many processes; for none where there is little to do, or no file on a disk."""
        name = getattr(file, "name", None)
        large = box.members[bundle.LEAVES].size >= LEAST
        if processes < 2 or not large or not isinstance(name, str):
            return cls(None, box)
        try:
            pool = _pool(processes, str(Path(name).resolve()), list(_keys(box)))
            stack.callback(pool.shutdown, cancel_futures=True)
            return cls(pool, box)
        except (ImportError, OSError, RuntimeError):  # a Python, or a place, without processes
            return cls(None, box)

    def knows(self, path: str, index: int, envelope: dsse.Envelope) -> bool:
        """Whether a line of this member, of that index, has this envelope, and it is signed."""
        member = self._members.get(path)
        return member is not None and member.knows(index, sha256(envelope.raw).digest())


class _Member:
    def __init__(self, pool: Executor, box: Container, path: str) -> None:
        self._pool = pool
        self._path = path
        self._stretches = _stretches(box, path)
        self._waiting: deque[Future[Told]] = deque()
        self._through, self._signed = -1, frozenset[bytes]()
        self._submit()

    def knows(self, index: int, hash_: bytes) -> bool:
        while self._through < index and self._waiting:
            self._take()
        return hash_ in self._signed

    def _take(self) -> None:
        try:
            through, hashes = self._waiting.popleft().result()
            self._submit()
        except (RuntimeError, OSError):  # the pool broke, or the file is gone
            self._waiting.clear()
            return
        self._through = max(self._through, through)
        self._signed = frozenset(hashes[at : at + _HASH] for at in range(0, len(hashes), _HASH))

    def _submit(self) -> None:
        while len(self._waiting) < _AHEAD and (stretch := next(self._stretches, None)) is not None:
            self._waiting.append(self._pool.submit(_examine, self._path, *stretch))


def _pool(processes: int, path: str, keys: Sequence[bytes]) -> Executor:
    # Imported here: a small bundle need not wait for it, and not every Python has it.
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415
    from multiprocessing import get_context  # noqa: PLC0415

    # A fork starts at once; where there are other threads it would inherit the locks they hold.
    alone = sys.platform == "linux" and threading.active_count() == 1
    return ProcessPoolExecutor(
        processes,
        mp_context=get_context("fork" if alone else "spawn"),
        initializer=_prepare,
        initargs=(path, keys),
    )


def _stretches(box: Container, path: str) -> Iterator[tuple[int, int]]:
    """Where whole lines begin and end in the file."""
    begin, size, offset = 0, box.members[path].size, box.offset(path)
    while begin < size:
        end = begin + _STRETCH
        if end < size:
            end += len(box.line_at(path, end, bundle.MAX_LINE)) + 1
        yield offset + begin, offset + min(end, size)
        begin = end


def _keys(box: Container) -> Iterator[bytes]:
    """Whatever the leaves of the register name; whether they may, is not asked here."""
    for proven in bundle.read_leaves(box, bundle.KEYS):
        if isinstance(proven, EvidenceError):
            continue
        try:
            envelope = dsse.parse(leaf.parse(proven.leaf).envelope, dsse.STATEMENT_TYPE)
            public = statement.parse(envelope.payload).facts.get("public", "")
            yield VerifyKey.from_public(base64.b64decode(public)).public
        except EvidenceError:
            continue


# In the other process.

_opened: list[tuple[BinaryIO, dict[str, VerifyKey]]] = []


def _prepare(path: str, keys: Sequence[bytes]) -> None:
    found = map(VerifyKey.from_public, keys)
    _opened[:] = [(Path(path).open("rb"), {key.key_id: key for key in found})]  # noqa: SIM115


def _examine(path: str, begin: int, end: int) -> Told:
    [(file, keys)] = _opened
    file.seek(begin)
    find = _leaf if path == bundle.LEAVES else _receipt
    through, signed = -1, []
    for line in file.read(end - begin).split(b"\n"):
        try:
            index, envelope = find(line)
            dsse.verify(envelope, keys[envelope.keyid])
        except (EvidenceError, KeyError):
            continue
        through = max(through, index)
        signed.append(sha256(envelope.raw).digest())
    return through, b"".join(signed)


# An envelope is found, not read: the caller looks at the whole line, and asks by the hash.


def _leaf(line: bytes) -> tuple[int, dsse.Envelope]:
    head, middle = _LEAF_HEAD.match(line), line.find(_LEAF_MIDDLE)
    if head is None:
        raise FormatError("no leaf")
    raw = line[head.end() : middle].replace(rb"\\\"", b'"')
    return int(head[1]), dsse.parse(raw, dsse.STATEMENT_TYPE)


def _receipt(line: bytes) -> tuple[int, dsse.Envelope]:
    envelope = dsse.parse(line, dsse.RECEIPT_TYPE)
    match = _IN_RECEIPT.search(envelope.payload)
    if match is None:
        raise FormatError("no receipt")
    return int(match[1]), envelope
