"""Steps 10 to 12 of the verifier: the content that a bundle opens, withholds, or lacks."""

from archive.evidence import attachment, bundle, canonical, content
from archive.evidence.container import Container
from archive.evidence.errors import BundleError, ContentError, EvidenceError
from archive.evidence.history import Record, Seen
from archive.evidence.report import EventVerdict, Report, Verdict
from archive.evidence.statement import Part

_SEVERITY = [Verdict.OPENED, Verdict.DISPOSED, Verdict.WITHHELD, Verdict.MISSING, Verdict.MISMATCH]


class Disclosure:
    def __init__(self, report: Report, box: Container) -> None:
        self._report, self._box = report, box
        self._openings: dict[tuple[str, int], bundle.Opened] = {}
        self._named: set[str] = set()  # paths of content and attachments that an opening names
        self._pending: list[tuple[EventVerdict, str, Verdict]] = []
        self._opened: list[tuple[str, int, str]] = []  # record, leaf index, where

    def read(self) -> None:
        """All opening lines, before the leaves."""
        for opened in bundle.read_openings(self._box):
            if isinstance(opened, BundleError):
                self._report.fail(2, "form", opened.where, opened)
            elif (opened.event, opened.n) in self._openings:
                where = f"{bundle.OPENINGS}: event {opened.event}, part {opened.n}"
                self._report.fail(2, "form", where, "opened twice")
            else:
                self._openings[opened.event, opened.n] = opened
                self._named.add(opened.path or "")

    def take(self, seen: Seen, verdict: EventVerdict) -> None:
        """The parts of one event."""
        described: dict[int, int] = {}
        for part in seen.statement.parts:
            opened = self._openings.pop((seen.statement.event, part.n), None)
            where = f"{seen.where}, part {part.n}"
            if opened is None:
                self._pending.append((verdict, where, Verdict.MISSING))
            elif opened.path is None:
                self._pending.append((verdict, where, Verdict.WITHHELD))
            elif self._open(seen, part, opened.path, opened.salt, described):
                self._opened.append((seen.statement.record, seen.index, where))
            else:
                worsen(verdict, Verdict.MISMATCH)

    def _open(
        self, seen: Seen, part: Part, path: str, salt: bytes, described: dict[int, int]
    ) -> bool:
        step = 10 if part.role == "content" else 11
        try:
            if part.role == "content":
                self._open_content(seen, part, path, salt, described)
            else:
                self._open_attachment(part, path, salt, described)
        except EvidenceError as error:
            where = f"{seen.where}, part {part.n}, {path}"
            self._report.fail(step, "opening", where, error)
            return False
        self._report.count(step)
        return True

    # 10. Content: plaintext and salt give the commitment that was signed.
    def _open_content(
        self, seen: Seen, part: Part, path: str, salt: bytes, described: dict[int, int]
    ) -> None:
        if path != f"content/{seen.statement.event}-{part.n}.json":
            raise ContentError("opened from another part's file")
        plaintext = self._box.read(path, content.MAX_CONTENT)
        content.check_opening(part, salt, plaintext)
        value = canonical.decode(plaintext)
        listed = value.get("attachments") if type(value) is dict else None
        for item in listed if type(listed) is list else ():
            if type(item) is dict and type(item.get("n")) is int and "size" in item:
                described[item["n"]] = item["size"]

    # 11. Attachments: the file gives the commitment, and has the size that the content says.
    def _open_attachment(
        self, part: Part, path: str, salt: bytes, described: dict[int, int]
    ) -> None:
        name = path.removeprefix("attachments/")
        if name == path or name[:32] != part.key:
            raise ContentError("opened from another attachment's file")
        size = attachment.check_opening(part, salt, self._box.chunks(path))
        if described.get(part.n, size) != size:
            raise ContentError(f"content says {described[part.n]} bytes, the file has {size}")

    # 12. Content that is not here: disposed, withheld, or missing. After all leaves.
    def settle(self, records: dict[str, Record]) -> None:
        for verdict, where, found in self._pending:
            disposal = records[verdict.record].disposal
            if disposal is not None and disposal > verdict.index:
                worsen(verdict, Verdict.DISPOSED)
                verdict.disposed_by = disposal
                continue
            worsen(verdict, found)
            if found is Verdict.MISSING:
                self._report.fail(12, "missing", where)
        for record, index, where in self._opened:
            disposal = records[record].disposal
            if disposal is not None and disposal > index:
                self._report.fail(12, "undisposed", where, f"leaf {disposal}")
        self._leftovers()

    def _leftovers(self) -> None:
        for event, n in self._openings:
            where = f"{bundle.OPENINGS}: event {event}, part {n}"
            self._report.fail(10, "opening", where, "no such part in this bundle")
        for path in self._box.members:
            if path.startswith(("content/", "attachments/")) and path not in self._named:
                self._report.fail(10, "opening", path, "no opening names this file")


def worsen(verdict: EventVerdict, found: Verdict) -> None:
    verdict.verdict = max(verdict.verdict, found, key=_SEVERITY.index)
