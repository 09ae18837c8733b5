"""What somebody verified of a log, in a small file: the head, and what growing from it needs."""

from __future__ import annotations

import binascii
import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from archive.evidence.errors import EvidenceError
from archive.evidence.instant import check_time, parse_time, time_text
from archive.evidence.merkle import Frontier
from archive.evidence.tiles import WIDTH
from archive.owner_only import mend, write_whole

Leaves = Sequence[tuple[int, bytes]]
"""Leaves with their indexes."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A head that was verified with all its leaves. `hashes`: the frontier of its tree.

    `recorded_at`: of the last leaf. `at`: when it was verified, by the verifier's clock.
    """

    size: int
    root: bytes
    hashes: tuple[bytes, ...]
    note: bytes
    recorded_at: str
    at: datetime

    def whole_blocks(self) -> Frontier:
        """The tree as far as its last complete block of 256 leaves."""
        start = self.size - self.size % WIDTH
        return Frontier(start, self.hashes[: start.bit_count()])


class MemoryBroken(Exception):
    """The file that tells what was verified is not one, or of another log."""


def remember(path: Path, origin: str, verified: Verified, register: Leaves = ()) -> None:
    """`register`: leaves of the key register, for who does not have the log beside the file."""
    kept = {
        "origin": origin,
        "size": verified.size,
        "root": verified.root.hex(),
        "frontier": [hash_.hex() for hash_ in verified.hashes],
        "checkpoint": b64encode(verified.note).decode("ascii"),
        "recorded_at": verified.recorded_at,
        "at": time_text(verified.at),
        "register": [[index, b64encode(leaf).decode("ascii")] for index, leaf in register],
    }
    write_whole(path, json.dumps(kept, indent=1).encode())


def recall(path: Path, origin: str) -> tuple[Verified, Leaves] | None:
    """None where nothing was remembered yet. MemoryBroken; OSError where it cannot be read."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    mend(path)
    try:
        kept = json.loads(data)
        if kept["origin"] != origin:
            raise MemoryBroken(f"{path} is of {kept['origin']}, not of {origin}")
        return _verified(kept), [(int(i), _unbase64(leaf)) for i, leaf in kept["register"]]
    except (ValueError, KeyError, TypeError, AttributeError, EvidenceError) as error:
        raise MemoryBroken(
            f"{path} cannot be read ({type(error).__name__}): find out who changed it"
        ) from None


def _verified(kept: dict[str, Any]) -> Verified:
    hashes = tuple(bytes.fromhex(hash_) for hash_ in kept["frontier"])
    made = Verified(
        kept["size"],
        bytes.fromhex(kept["root"]),
        hashes,
        _unbase64(kept["checkpoint"]),
        check_time(kept["recorded_at"]),
        parse_time(kept["at"]),
    )
    if Frontier(made.size, hashes).root() != made.root:
        raise ValueError("the frontier does not give the root")
    return made


def _unbase64(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
