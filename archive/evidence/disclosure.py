"""Steps 10 to 12 of the verifier: the content that a bundle opens, withholds, or lacks."""

import struct
from collections.abc import Mapping
from typing import Any

from archive.evidence import attachment, bundle, canonical, content
from archive.evidence.container import Container
from archive.evidence.errors import BundleError, ContentError, EvidenceError
from archive.evidence.history import Record, Seen
from archive.evidence.report import Report, Verdict
from archive.evidence.statement import Part

_LONGEST_OPENING = 1024  # an opening line that was read has no room for more
_HERE, _WITHHELD, _MISSING = range(3)


class Disclosure:
    """Holds for each opening line where it begins, and for each part which way it went."""

    def __init__(self, report: Report, box: Container) -> None:
        self._report, self._box = report, box
        self._openings: dict[bytes, int] = {}
        self._last = -1  # where the opening line taken last begins
        self._named: set[str] = set()  # paths of content and attachments that an opening names
        self._parts = bytearray()

    def read(self) -> None:
        """All opening lines, before the leaves."""
        for begin, opened in bundle.read_openings(self._box):
            if isinstance(opened, BundleError):
                self._report.fail(2, "form", opened.where, opened)
                continue
            key = _key(opened.event, opened.n)
            if key in self._openings:
                self._report.fail(10, "opening-twice", _where(key))
                continue
            self._openings[key] = begin
            if opened.path is not None:
                self._named.add(opened.path)

    def take(self, seen: Seen, position: int) -> None:
        """The parts of one event; `position` is its place among the report's events."""
        said = seen.statement
        sizes: dict[int, set[int]] = {}
        # Content first, as it says how large the attachments are.
        for part in sorted(said.parts, key=lambda part: part.role != "content"):
            begin = self._openings.get(_key(said.event, part.n))
            way = _MISSING
            if begin is not None:
                way = self._open(seen, part, begin, sizes, position)
            self._parts += _PART.pack(position, part.n, way)
        self._taken(seen)

    def _taken(self, seen: Seen) -> None:
        """Take the lines away, so that what is left names nothing; ask for their order."""
        for part in seen.statement.parts:
            key = _key(seen.statement.event, part.n)
            begin = self._openings.pop(key, None)
            if begin is None:
                continue
            if begin < self._last:
                self._report.fail(10, "opening-order", _where(key))
            self._last = max(self._last, begin)

    def _open(
        self, seen: Seen, part: Part, begin: int, sizes: dict[int, set[int]], position: int
    ) -> int:
        line = self._box.line_at(bundle.OPENINGS, begin, _LONGEST_OPENING)
        opened = bundle.parse_opening(line)
        if opened.path is None:
            return _WITHHELD
        step = 10 if part.role == "content" else 11
        try:
            if part.role == "content":
                _describe(self._open_content(part, opened), sizes)
            else:
                self._open_attachment(part, opened, sizes.get(part.n, set()))
        except EvidenceError as error:
            where = f"{seen.where}, part {part.n}, {opened.path}"
            self._report.fail(step, error.code or "opening", where, error)
            self._report.events.worsen(position, Verdict.MISMATCH)
        else:
            self._report.count(step)
        return _HERE

    # 10. Content: plaintext and salt give the commitment that was signed.
    def _open_content(self, part: Part, opened: bundle.Opened) -> Any:
        path = opened.path or ""
        if path != f"content/{opened.event}-{part.n}.json":
            raise ContentError("opened from another part's file", "opening-path")
        self._present(path)
        plaintext = self._box.read(path, content.MAX_CONTENT)
        _same_size(opened, len(plaintext))
        content.check_opening(part, opened.salt, plaintext)
        return canonical.decode(plaintext)

    # 11. Attachments: the file gives the commitment, and has the size that the content says.
    def _open_attachment(self, part: Part, opened: bundle.Opened, sizes: set[int]) -> None:
        path = opened.path or ""
        if path.partition(".")[0] != f"attachments/{part.key}":
            raise ContentError("opened from another attachment's file", "opening-path")
        self._present(path)
        size = attachment.check_opening(part, opened.salt, self._box.chunks(path))
        _same_size(opened, size)
        if sizes - {size}:
            raise ContentError(f"{max(sizes - {size})}, {size}", "attachment-size")

    def _present(self, path: str) -> None:
        if path not in self._box.members:
            raise ContentError("the file is not in the bundle", "opening-file")

    # 12. Content that is not here: disposed, withheld, or missing. After all leaves.
    def settle(self, records: Mapping[bytes, Record]) -> None:
        for position, n, way in _PART.iter_unpack(self._parts):
            self._settle(position, n, way, records)
        for key in self._openings:
            self._report.fail(10, "opening-unknown", _where(key))
        for path in self._box.members:
            if path.startswith(("content/", "attachments/")) and path not in self._named:
                self._report.fail(10, "file-unnamed", path)

    def _settle(self, position: int, n: int, way: int, records: Mapping[bytes, Record]) -> None:
        events = self._report.events
        disposal = records[events.record_of(position)].disposal
        if way == _HERE and disposal is None:
            return
        event = events[position]
        disposed = disposal is not None and disposal > event.index
        where = f"{event.where}, part {n}"
        if way == _HERE:
            if disposed:
                self._report.fail(12, "undisposed", where, disposal)
        elif disposal is not None and disposed:
            events.worsen(position, Verdict.DISPOSED)
            events.set_disposal(position, disposal)
        elif way == _WITHHELD:
            events.worsen(position, Verdict.WITHHELD)
        else:
            events.worsen(position, Verdict.MISSING)
            self._report.fail(12, "missing", where)


_PART = struct.Struct("<QIB")  # position of the event, n, which way


def _key(event: str, n: int) -> bytes:
    return bytes.fromhex(event) + n.to_bytes(7, "big").lstrip(b"\x00")


def _where(key: bytes) -> str:
    return f"{bundle.OPENINGS}: event {key[:16].hex()}, part {int.from_bytes(key[16:], 'big')}"


def _same_size(opened: bundle.Opened, size: int) -> None:
    if opened.size != size:
        raise ContentError(f"{opened.size}, {size}", "opening-size")


def _describe(value: Any, sizes: dict[int, set[int]]) -> None:
    """The sizes of attachments that opened content says; a member of another shape says nothing."""
    listed = value.get("attachments") if type(value) is dict else None
    for item in listed if type(listed) is list else ():
        if type(item) is not dict or item.keys() != {"media_type", "n", "name", "size"}:
            continue
        n, size, texts = item["n"], item["size"], (item["media_type"], item["name"])
        if all(type(text) is str for text in texts) and _natural(n) and _natural(size):
            sizes.setdefault(n, set()).add(size)


def _natural(value: Any) -> bool:
    return type(value) is int and value >= 0
