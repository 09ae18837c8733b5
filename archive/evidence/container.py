"""The bundle's container: a zip that has exactly one spelling.

Members are stored, in order, with fixed fields; the first, manifest.json, lists all others with
size and SHA-256. So the reader computes every byte of the container from the members and
compares: a changed byte anywhere has a name, and nothing is ever unpacked to a path.
"""

import hashlib
import re
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, BinaryIO

from archive.evidence import canonical
from archive.evidence.errors import BundleError, FormatError

MANIFEST = "manifest.json"
MAX_MANIFEST = 16 * 1024 * 1024
MAX_MEMBERS = 60_000
MAX_MEMBER = 2**32 - 2
CHUNK = 1024 * 1024
_LINES = 64 * 1024  # read at a time where the lines are what is wanted

DISCLOSED = (
    r"content/[0-9a-f]{32}-(?:0|[1-9][0-9]{0,4})\.json"
    r"|attachments/[0-9a-f]{32}(?:\.[a-z0-9]{1,8})?"
)
PATH = re.compile(
    r"checkpoint|heads|index\.txt|policy|verify\.html|(?:keys|leaves|openings|receipts)\.jsonl"
    rf"|{DISCLOSED}"
    r"|timestamps/(?:[1-9]|[1-5][0-9]|6[0-4])\.(?:tsr|renewed)",
    re.ASCII,
)
_HEX64 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_FULL = 0xFFFFFFFF
_DATE, _TIME = 0x0021, 0  # 1980-01-01, the first day zip can name
_UTF8 = 0x0800
_HEADER = "local header of"


@dataclass(frozen=True, slots=True)
class Member:
    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Source:
    """What a writer hands in: the size is known before the bytes are read, once, in order."""

    path: str
    size: int
    chunks: Callable[[], Iterable[bytes]]

    @staticmethod
    def of(path: str, data: bytes) -> "Source":
        return Source(path, len(data), lambda: (data,))


def write(file: BinaryIO, head: dict[str, Any], sources: Sequence[Source]) -> None:
    """Write a container to a seekable file, reading each source once. `head` joins the manifest."""
    sources = sorted(sources, key=lambda source: source.path)
    start = file.tell()
    draft = _manifest(head, [Member(s.path, s.size, "0" * 64) for s in sources])
    file.seek(start + 30 + len(MANIFEST) + len(draft))
    members, sums = [], []
    for source in sources:
        member, crc = _write_member(file, source)
        members.append(member)
        sums.append(crc)
    manifest = _manifest(head, members)  # as long as the draft: a hash has a fixed length
    end = file.tell()
    file.seek(start)
    file.write(_local(MANIFEST, zlib.crc32(manifest), len(manifest)) + manifest)
    file.seek(end)
    first = Member(MANIFEST, len(manifest), "")
    file.write(_directory([first, *members], [zlib.crc32(manifest), *sums]))


def _manifest(head: dict[str, Any], members: Sequence[Member]) -> bytes:
    listed = [{"path": m.path, "sha256": m.sha256, "size": m.size} for m in members]
    data = canonical.encode({**head, "members": listed})
    if len(data) > MAX_MANIFEST or len(members) > MAX_MEMBERS:
        raise BundleError(MANIFEST, "too many members: make several bundles")
    return data


def _write_member(file: BinaryIO, source: Source) -> tuple[Member, int]:
    begin = file.tell()
    file.seek(begin + 30 + len(source.path))
    digest, crc, size = hashlib.sha256(), 0, 0
    for chunk in source.chunks():
        file.write(chunk)
        digest.update(chunk)
        crc = zlib.crc32(chunk, crc)
        size += len(chunk)
    if size != source.size or size > MAX_MEMBER:
        raise BundleError(source.path, f"has {size} bytes, {source.size} were announced")
    end = file.tell()
    file.seek(begin)
    file.write(_local(source.path, crc, size))
    file.seek(end)
    return Member(source.path, size, digest.hexdigest()), crc


class Container:
    """A container opened for reading. `faults` holds what `check` found, by region."""

    def __init__(self, file: BinaryIO) -> None:
        """BundleError where the manifest cannot be used, so nothing else can be found."""
        self._file = file
        self._manifest_bytes = self._read_manifest()
        self.manifest = _parse_manifest(self._manifest_bytes)
        self.members = {m["path"]: Member(**m) for m in self.manifest["members"]}
        self._offsets = self._layout()
        self.faults: list[BundleError] = []
        self._held = 0, b""  # where a stretch of the file begins, and its bytes

    def _read_manifest(self) -> bytes:
        header = self._read_at(0, 30 + len(MANIFEST))
        if header[:4] != b"PK\x03\x04" or header[30:] != MANIFEST.encode("ascii"):
            raise BundleError("container", "this is not a bundle")
        size = int.from_bytes(header[18:22], "little")
        data = self._read_at(len(header), size) if size <= MAX_MANIFEST else b""
        if len(data) != size:
            raise BundleError(f"container: {_HEADER} {MANIFEST}", "changed, or the file is cut")
        return data

    def _layout(self) -> dict[str, int]:
        offset = 30 + len(MANIFEST) + len(self._manifest_bytes)
        offsets = {}
        for member in self.members.values():
            offsets[member.path] = offset
            offset += 30 + len(member.path) + member.size
        self._end = offset
        return offsets

    def check(self) -> list[BundleError]:
        """Read every byte once; each region that is not as it must be gives one fault."""
        sums = [zlib.crc32(self._manifest_bytes)]
        faults = self._check_header(MANIFEST, sums[0], len(self._manifest_bytes), 0)
        for member in self.members.values():
            digest, crc, size = hashlib.sha256(), 0, 0
            for chunk in self.chunks(member.path):
                digest.update(chunk)
                crc = zlib.crc32(chunk, crc)
                size += len(chunk)
            sums.append(crc)
            if size != member.size:
                faults.append(BundleError(member.path, "cut short"))
            elif digest.hexdigest() != member.sha256:
                faults.append(BundleError(member.path, "is not what the manifest lists"))
            else:
                faults += self._check_header(member.path, crc, size, self._offsets[member.path])
        if not any(fault.where in self.members for fault in faults):
            faults += self._check_directory(sums)
        self.faults = faults
        return faults

    def _check_header(self, path: str, crc: int, size: int, offset: int) -> list[BundleError]:
        if self._read_at(offset, 30 + len(path)) == _local(path, crc, size):
            return []
        return [BundleError(f"container: {_HEADER} {path}", "changed")]

    def _check_directory(self, sums: Sequence[int]) -> list[BundleError]:
        first = Member(MANIFEST, len(self._manifest_bytes), "")
        expected = _directory([first, *self.members.values()], sums)
        found = self._read_at(self._end, len(expected) + 1)
        if found == expected:
            return []
        where = "central directory" if len(found) <= len(expected) else "after the end"
        return [BundleError(f"container: {where}", "changed, cut short or added to")]

    def chunks(self, path: str, most: int = CHUNK) -> Iterator[bytes]:
        """A member's bytes in pieces of at most `most`; fewer than listed where the file ends."""
        member = self.members[path]
        offset = self.offset(path)
        left = member.size
        while left > 0:
            data = self._read_at(offset, min(left, most))
            if not data:
                return
            yield data
            offset += len(data)
            left -= len(data)

    def read(self, path: str, limit: int) -> bytes:
        member = self.members.get(path)
        if member is None:
            raise BundleError(path, "missing")
        if member.size > limit:
            raise BundleError(path, f"longer than {limit} bytes")
        return self._read_at(self.offset(path), member.size)

    def lines(self, path: str, limit: int) -> Iterator[bytes]:
        """Lines of a member without their newline; each at most `limit` bytes, the last ended."""
        if path not in self.members:
            raise BundleError(path, "missing")
        rest = b""
        for chunk in self.chunks(path, _LINES):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if len(line) > limit:
                    raise BundleError(path, "has a line that is too long")
                yield line
            if len(rest) > limit:
                raise BundleError(path, "has a line that is too long")
        if rest:
            raise BundleError(path, "does not end with a newline")

    def numbered_lines(self, path: str, limit: int) -> Iterator[tuple[int, bytes | BundleError]]:
        """As `lines`, numbered from 1; what is wrong with the member comes as the last item."""
        number = 0
        try:
            for number, line in enumerate(self.lines(path, limit), 1):
                yield number, line
        except BundleError as error:
            yield number + 1, error

    def offset(self, path: str) -> int:
        """Where a member's bytes begin in the file."""
        return self._offsets[path] + 30 + len(path)

    def line_at(self, path: str, begin: int, limit: int) -> bytes:
        """The line of a member that begins there, at most `limit` bytes of it."""
        at, end = self.offset(path) + begin, self.offset(path) + self.members[path].size
        first, held = self._held
        if not first <= at <= min(at + limit, end) <= first + len(held):
            # Lines are mostly asked for in their order: what is read with one serves the next.
            first, held = self._held = at, self._read_at(at, min(max(limit, _LINES), end - at))
        return held[at - first : at - first + limit].partition(b"\n")[0]

    def _read_at(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(size)


def _parse_manifest(data: bytes) -> dict[str, Any]:
    try:
        manifest = canonical.decode_object(data)
    except FormatError as error:
        raise BundleError(MANIFEST, str(error)) from None
    listed = manifest.get("members")
    if type(listed) is not list or len(listed) > MAX_MEMBERS or not all(map(_is_member, listed)):
        raise BundleError(MANIFEST, "does not list members as the format says")
    paths = [member["path"] for member in listed]
    if any(left >= right for left, right in pairwise(paths)):
        raise BundleError(MANIFEST, "lists members twice or out of order")
    return manifest


def _is_member(value: Any) -> bool:
    return (
        type(value) is dict
        and value.keys() == {"path", "sha256", "size"}
        and type(value["path"]) is str
        and PATH.fullmatch(value["path"]) is not None
        and type(value["sha256"]) is str
        and _HEX64.fullmatch(value["sha256"]) is not None
        and type(value["size"]) is int
        and 0 <= value["size"] <= MAX_MEMBER
    )


def _local(path: str, crc: int, size: int) -> bytes:
    name = path.encode("ascii")
    fixed = (0x04034B50, 20, _UTF8, 0, _TIME, _DATE, crc, size, size, len(name), 0)
    return struct.pack("<IHHHHHIIIHH", *fixed) + name


def _directory(members: Sequence[Member], sums: Sequence[int]) -> bytes:
    """Central directory and end records; zip64 fields exactly where an offset does not fit."""
    offset, out = 0, bytearray()
    for member, crc in zip(members, sums, strict=True):
        out += _central(member, crc, offset)
        offset += 30 + len(member.path) + member.size
    size, count = len(out), len(members)
    if offset >= _FULL:
        out += struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, count, count, size, offset)
        out += struct.pack("<IIQI", 0x07064B50, 0, offset + size, 1)
    end = (0x06054B50, 0, 0, count, count, size, min(offset, _FULL), 0)
    return bytes(out) + struct.pack("<IHHHHIIH", *end)


def _central(member: Member, crc: int, offset: int) -> bytes:
    name = member.path.encode("ascii")
    extra = struct.pack("<HHQ", 1, 8, offset) if offset >= _FULL else b""
    need = 45 if extra else 20
    fixed = (0x02014B50, need, need, _UTF8, 0, _TIME, _DATE, crc, member.size, member.size)
    rest = (len(name), len(extra), 0, 0, 0, 0, min(offset, _FULL))
    return struct.pack("<IHHHHHHIII", *fixed) + struct.pack("<HHHHHII", *rest) + name + extra
