"""The zip whose every byte follows from its members."""

import hashlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from tests.second_reader import spelling as s
from tests.second_reader.shapes import read_manifest

FULL = 0xFFFFFFFF
MANIFEST = "manifest.json"
MOST_MANIFEST = 16 * 1024 * 1024


class UnusableError(Exception):
    """This is no bundle, or its manifest cannot be used."""


@dataclass(frozen=True)
class Bundle:
    """The manifest, the members' bytes as they lie in the file, and what differs."""

    manifest: s.Fields
    members: dict[str, bytes]
    faults: list[str]


def _local(name: bytes, data: bytes) -> bytes:
    sizes = (zlib.crc32(data), len(data), len(data), len(name), 0)
    return struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0x0800, 0, 0, 0x0021, *sizes) + name


def _central(name: bytes, data: bytes, offset: int) -> bytes:
    far = offset >= FULL
    extra = struct.pack("<2HQ", 1, 8, offset) if far else b""
    version = 45 if far else 20
    head = struct.pack("<4s6H", b"PK\1\2", version, version, 0x0800, 0, 0, 0x0021)
    head += struct.pack("<3I", zlib.crc32(data), len(data), len(data))
    head += struct.pack("<5HI", len(name), len(extra), 0, 0, 0, 0)
    return head + struct.pack("<I", min(offset, FULL)) + name + extra


def _end(count: int, size: int, offset: int) -> bytes:
    end = b""
    if offset >= FULL:
        end += struct.pack("<4sQ2H2I", b"PK\6\6", 44, 45, 45, 0, 0)
        end += struct.pack("<4Q", count, count, size, offset)
        end += struct.pack("<4sIQI", b"PK\6\7", 0, offset + size, 1)
    end += struct.pack("<4s4H", b"PK\5\6", 0, 0, count, count)
    return end + struct.pack("<2IH", size, min(offset, FULL), 0)


def _regions(members: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Every region of the file with the bytes that it must have."""
    at, directory = 0, []
    for path, data in members.items():
        name = path.encode()
        header = _local(name, data)
        directory.append((f"directory entry of {path}", _central(name, data, at)))
        yield f"header of {path}", header
        yield path, data
        at += len(header) + len(data)
    yield from directory
    yield "end", _end(len(members), sum(len(entry) for _, entry in directory), at)


def _compare(file: bytes, members: dict[str, bytes]) -> Iterator[str]:
    at = 0
    for name, region in _regions(members):
        if file[at : at + len(region)] != region:
            yield f"{name}: not the bytes that follow from the members"
        at += len(region)
    if len(file) > at:
        yield "bytes after the end"


def _first(file: bytes) -> bytes:
    """The manifest's bytes, found by the first local header."""
    start = 30 + len(MANIFEST)
    if len(file) < start or file[:4] != b"PK\3\4" or file[30:start] != MANIFEST.encode():
        raise UnusableError("the file does not begin with a manifest")
    size = int.from_bytes(file[18:22], "little")
    if size > MOST_MANIFEST or start + size > len(file):
        raise UnusableError("the manifest is too large or cut off")
    return file[start : start + size]


def open_bundle(file: bytes) -> Bundle:
    """Take the members out of the file and compare all else."""
    first = _first(file)
    try:
        manifest = read_manifest(first)
    except s.BadFormError as fault:
        raise UnusableError(f"the manifest cannot be used: {fault}") from fault
    members, faults = {MANIFEST: first}, []
    at = 30 + len(MANIFEST) + len(first)
    for member in manifest["members"]:
        path = member["path"]
        at += 30 + len(path)
        data = file[at : at + member["size"]]
        at += member["size"]
        if hashlib.sha256(data).hexdigest() != member["sha256"]:
            faults.append(f"{path}: not the hash that the manifest says")
        members[path] = data
    faults += _compare(file, members)
    return Bundle(manifest, members, faults)
