"""A client of published logs, from the specifications alone: C2SP signed-note, tlog-checkpoint,
tlog-tiles and tlog-proof, RFC 6962, RFC 8032. Standard library only; nothing of ours is imported.

    python tests/foreign_client.py http://127.0.0.1:8470/ VKEY [HEADER:VALUE]
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Fetch = Callable[[str], "bytes | None"]


class LogBroken(Exception):
    """The log is not what its checkpoint says."""


@dataclass(frozen=True)
class Head:
    origin: str
    size: int
    root: bytes


# ---------------------------------------------------------------- where the files come from


def over_http(prefix: str, headers: Mapping[str, str] | None = None) -> Fetch:
    def fetch(path: str) -> bytes | None:
        asked = urllib.request.Request(  # noqa: S310 - the caller says which address
            f"{prefix.rstrip('/')}/{path}",
            headers={"Accept-Encoding": "gzip, identity", **(headers or {})},
        )
        try:
            with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310
                data: bytes = answer.read()
                packed = answer.headers.get("Content-Encoding") == "gzip"
                return gzip.decompress(data) if packed else data
        except urllib.error.HTTPError as error:
            if error.code in (404, 410):
                return None
            raise

    return fetch


def in_folder(folder: Path) -> Fetch:
    def fetch(path: str) -> bytes | None:
        file = folder / path
        return file.read_bytes() if file.is_file() else None

    return fetch


# ---------------------------------------------------------------- the whole log


def read_log(fetch: Fetch, vkey: str) -> tuple[Head, list[bytes]]:
    """Every entry, after signature, tiles and entries were found to agree. LogBroken."""
    note = fetch("checkpoint")
    if note is None:
        raise LogBroken("no checkpoint")
    head = read_checkpoint(note, vkey)
    entries = _entries(fetch, head.size)
    hashes = [hashlib.sha256(b"\0" + entry).digest() for entry in entries]
    if tree_hash(hashes) != head.root:
        raise LogBroken("the entries do not give the signed root")
    _check_tiles(fetch, hashes)
    return head, entries


def _entries(fetch: Fetch, size: int) -> list[bytes]:
    entries: list[bytes] = []
    for n in range(-(-size // 256)):
        width = min(256, size - 256 * n)
        data = _resource(fetch, f"tile/entries/{spelled(n)}", width)
        found = []
        while data:
            length = int.from_bytes(data[:2], "big")
            if len(data) < 2 + length:
                raise LogBroken(f"bundle {n} is cut")
            found.append(data[2 : 2 + length])
            data = data[2 + length :]
        if len(found) < width:
            raise LogBroken(f"bundle {n} has {len(found)} entries of {width}")
        entries += found[:width]
    return entries


def _check_tiles(fetch: Fetch, hashes: list[bytes]) -> None:
    """Every tile that a log of this size has, against hashes of our own."""
    level = 0
    while hashes:
        for n in range(-(-len(hashes) // 256)):
            mine = b"".join(hashes[256 * n : 256 * (n + 1)])
            width = len(mine) // 32
            if _resource(fetch, f"tile/{level}/{spelled(n)}", width)[: 32 * width] != mine:
                raise LogBroken(f"tile {level}/{n} is of another tree")
        full = len(hashes) // 256
        hashes = [tree_hash(hashes[256 * n : 256 * (n + 1)]) for n in range(full)]
        level += 1


def _resource(fetch: Fetch, path: str, width: int) -> bytes:
    """A partial one may be gone once the full one is there."""
    data = fetch(path if width == 256 else f"{path}.p/{width}")
    if data is None and width < 256:
        data = fetch(path)
    if data is None:
        raise LogBroken(f"{path} of width {width} is missing")
    return data


def spelled(n: int) -> str:
    groups = [f"{n % 1000:03}"]
    while n := n // 1000:
        groups.insert(0, f"x{n % 1000:03}")
    return "/".join(groups)


def tree_hash(hashes: Sequence[bytes]) -> bytes:
    """RFC 6962 2.1, as it is written there."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return hashlib.sha256(b"\1" + tree_hash(hashes[:k]) + tree_hash(hashes[k:])).digest()


# ---------------------------------------------------------------- one proof


def read_proof(data: bytes, vkey: str) -> tuple[Head, int, bytes]:
    """(head, index, leaf) of a tlog-proof that carries its leaf as extra data. LogBroken."""
    text, _, note = data.partition(b"\n\n")
    first, extra, index, *path = text.decode().split("\n")
    if first != "c2sp.org/tlog-proof@v1" or not extra.startswith("extra "):
        raise LogBroken("not a tlog-proof with extra data")
    leaf = base64.b64decode(extra.removeprefix("extra "))
    at = int(index.removeprefix("index "))
    head = read_checkpoint(note, vkey)
    root = _root_from(hashlib.sha256(b"\0" + leaf).digest(), at, head.size, path)
    if root != head.root:
        raise LogBroken("the proof does not lead to the signed root")
    return head, at, leaf


def _root_from(hash_: bytes, index: int, size: int, path: Sequence[str]) -> bytes:
    """RFC 6962 2.1.1, from the leaf up: which side the sibling is on follows from the split."""
    sides: list[bool] = []
    while size > 1:
        k = 1
        while k * 2 < size:
            k *= 2
        right = index >= k
        sides.append(right)
        index, size = (index - k, size - k) if right else (index, k)
    if len(sides) != len(path):
        raise LogBroken("the proof is too long or too short")
    for right, sibling in zip(reversed(sides), map(base64.b64decode, path), strict=True):
        pair = sibling + hash_ if right else hash_ + sibling
        hash_ = hashlib.sha256(b"\1" + pair).digest()
    return hash_


# ---------------------------------------------------------------- notes and Ed25519


def read_checkpoint(note: bytes, vkey: str) -> Head:
    """LogBroken unless the key signed it."""
    name, _, encoded = vkey.split("+", 2)
    key = base64.b64decode(encoded)
    mine = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
    text, gap, lines = note.rpartition(b"\n\n")
    text += b"\n"
    if not gap or key[0] != 1:
        raise LogBroken("no signed note, or no Ed25519 key")
    for line in lines.decode().splitlines():
        _, signer, blob = line.split(" ")
        data = base64.b64decode(blob)
        if signer == name and data[:4] == mine and ed25519_fits(key[1:], data[4:], text):
            origin, size, root = text.decode().split("\n")[:3]
            if origin != name or size != str(int(size)):
                raise LogBroken("a checkpoint of another log, or with an odd size")
            return Head(origin, int(size), base64.b64decode(root))
    raise LogBroken("the checkpoint is not signed by the log's key")


P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int]


def _sum(a: Point, b: Point) -> Point:
    """Affine, as on paper: slow, and hard to get wrong."""
    common = D * a[0] * b[0] * a[1] * b[1] % P
    x = (a[0] * b[1] + b[0] * a[1]) * pow(1 + common, -1, P)
    y = (a[1] * b[1] + a[0] * b[0]) * pow(1 - common, -1, P)
    return x % P, y % P


def _times(scalar: int, point: Point) -> Point:
    total: Point = (0, 1)
    while scalar:
        if scalar & 1:
            total = _sum(total, point)
        point = _sum(point, point)
        scalar >>= 1
    return total


def _point(data: bytes) -> Point | None:
    number = int.from_bytes(data, "little")
    odd, y = number >> 255, number & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or x * x % P != square or (x == 0 and odd):
        return None
    return (P - x if x & 1 != odd else x), y


def ed25519_fits(public: bytes, signature: bytes, message: bytes) -> bool:
    """RFC 8032 5.1.7."""
    base = _point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
    a, r = _point(public), _point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if base is None or a is None or r is None or len(signature) != 64 or s >= Q:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little")
    return _times(s, base) == _sum(r, _times(k % Q, a))


if __name__ == "__main__":
    prefix, key, *more = sys.argv[1:]
    given = dict(header.split(":", 1) for header in more)
    found, read = read_log(over_http(prefix, given), key)
    sys.stdout.write(f"{found.origin}: {len(read)} entries, root {found.root.hex()}\n")
