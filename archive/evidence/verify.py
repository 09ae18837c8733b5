"""Check a bundle offline. Numbers in the comments are the steps of the report (wording.STEPS)."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import BinaryIO

from archive.evidence import (
    attachment,
    bundle,
    canonical,
    checkpoint,
    content,
    dsse,
    leaf,
    merkle,
    note,
    receipt,
    statement,
)
from archive.evidence.container import Container
from archive.evidence.errors import (
    BundleError,
    ContentError,
    EvidenceError,
    FormatError,
    SignatureError,
)
from archive.evidence.instant import parse_time
from archive.evidence.listing import Row, listing
from archive.evidence.policy import Policy
from archive.evidence.register import KeyRegister
from archive.evidence.report import EventVerdict, Level, Report, Verdict
from archive.evidence.statement import Part, Statement

_MAX_SMALL = 1024 * 1024
_SEVERITY = [Verdict.OPENED, Verdict.DISPOSED, Verdict.WITHHELD, Verdict.MISSING, Verdict.MISMATCH]


@dataclass(slots=True)
class _Record:
    """What is remembered of a record while its leaves go by."""

    version: int = 0
    prev: str | None = None
    kind: str = ""
    number: str | None = None
    envelopes: set[str] = field(default_factory=set)
    base_date: str | None = None  # of the last filing that stands
    disposal: int | None = None  # leaf index of a proper disposal


@dataclass(slots=True)
class _Seen:
    """A leaf as far as it could be read."""

    index: int
    data: bytes
    leaf: leaf.Leaf
    envelope: dsse.Envelope
    statement: Statement

    @property
    def where(self) -> str:
        said = self.statement
        number = f" {self.leaf.number}" if self.leaf.number else ""
        return f"record {said.record}{number}, event {said.event}, leaf {self.index}"


def verify(file: BinaryIO, policy: Policy | None = None) -> Report:
    """Run every check. BundleError where the file is no usable bundle at all."""
    box = Container(file)
    return _Run(box, bundle.read_head(box), policy).run()


class _Run:
    def __init__(self, box: Container, head: bundle.Head, policy: Policy | None) -> None:
        self.box, self.head, self.policy = box, head, policy
        self.report = Report(origin=head.origin)
        self.register = KeyRegister(head.origin)
        self.records: dict[str, _Record] = {}
        self.openings: dict[tuple[str, int], bundle.Opened] = {}
        self.used: set[str] = set()  # paths of content and attachments that an opening names
        self.rows: list[Row] = []
        self.events: set[str] = set()
        self.numbers: set[str] = set()
        self.recorded_at = ""
        self.by_event: dict[str, EventVerdict] = {}
        self.receivable: dict[int, receipt.Receipt] = {}
        self.pending: list[tuple[EventVerdict, str, Verdict]] = []
        self.opened: list[tuple[_Seen, str]] = []
        self.checkpoint: checkpoint.Checkpoint | None = None

    def run(self) -> Report:
        # 1. Every byte of the container.
        for fault in self.box.check():
            self.report.fail(1, "container", fault.where, fault)
        self.report.counts[1] = len(self.box.members) + 1
        self._checkpoint()
        self._read_openings()
        for proven in self._leaves():
            self._leaf(proven)
        self._after_leaves()
        return self.report

    # 3. The checkpoint: its form, its origin, its signature.
    def _checkpoint(self) -> None:
        report = self.report
        try:
            data = self.box.read(bundle.CHECKPOINT, _MAX_SMALL)
            parsed, self.checkpoint = checkpoint.read(data)
            named = note.VerifierKey.parse(self.head.log_key)
        except EvidenceError as error:
            report.fail(3, "checkpoint", bundle.CHECKPOINT, error)
            return
        report.count(3)
        report.checkpoint_size = self.checkpoint.size
        report.checkpoint_root = self.checkpoint.root.hex()
        if self.checkpoint.origin != self.head.origin:
            report.fail(3, "origin", bundle.CHECKPOINT, self.checkpoint.origin)
        self._check_log_key(parsed, named)

    def _check_log_key(self, parsed: note.Note, named: note.VerifierKey) -> None:
        report = self.report
        report.log_key, report.key_trusted = str(named), self.policy is not None
        try:
            if named.name != self.head.origin or named.type != note.ED25519:
                raise SignatureError("the log key is named otherwise than the origin")
            note.verify(parsed, named)
        except SignatureError as error:
            report.fail(3, "checkpoint-signature", bundle.CHECKPOINT, error)
        if self.policy is None:
            report.add(3, Level.NOT_CHECKED, "key-from-bundle", str(named))
            return
        try:
            self.policy.check(parsed, self.head.origin)
        except EvidenceError as error:
            report.fail(3, "policy", bundle.CHECKPOINT, error)

    def _read_openings(self) -> None:
        for opened in bundle.read_openings(self.box):
            if isinstance(opened, BundleError):
                self.report.fail(2, "form", opened.where, opened)
            elif (opened.event, opened.n) in self.openings:
                where = f"{bundle.OPENINGS}: event {opened.event}, part {opened.n}"
                self.report.fail(2, "form", where, "opened twice")
            else:
                self.openings[opened.event, opened.n] = opened
                self.used.add(opened.path or "")

    def _leaves(self) -> Iterator[bundle.ProvenLeaf]:
        """Leaves of the register and of the records as one sequence, ascending by index."""
        last = -1
        streams = [self._stream(bundle.KEYS), self._stream(bundle.LEAVES)]
        for proven in heapq.merge(*streams, key=lambda proven: proven.index):
            if proven.index == last:
                self.report.fail(2, "form", f"leaf {last}", "is in the bundle twice")
            else:
                last = proven.index
                yield proven

    def _stream(self, path: str) -> Iterator[bundle.ProvenLeaf]:
        for proven in bundle.read_leaves(self.box, path):
            if isinstance(proven, BundleError):
                self.report.fail(2, "form", proven.where, proven)
            else:
                yield proven

    def _leaf(self, proven: bundle.ProvenLeaf) -> None:
        # 2. Canonical forms: leaf, envelope, statement.
        seen = self._parse(proven)
        # 4. Leaf hash, inclusion proof, checkpoint.
        fits = self._inclusion(proven, seen.where if seen else f"leaf {proven.index}")
        if seen is None:
            return
        said = seen.statement
        verdict = EventVerdict(
            seen.index,
            said.record,
            said.version,
            said.event,
            said.type,
            seen.leaf.number,
            Verdict.OPENED,
        )
        before = len(self.report.findings)
        self._register(seen)
        self._signature(seen)
        record = self._chain(seen)
        verdict.number = record.number
        self._time(seen)
        self._signoff(seen, record)
        if not fits or any(f.level is Level.FAILED for f in self.report.findings[before:]):
            verdict.verdict = Verdict.MISMATCH
        self._parts(seen, verdict)
        self._disposal(seen, record)
        record.envelopes.add(dsse.envelope_hash(seen.envelope.raw))
        if said.record != self.register.record:
            self.rows.append(Row.of(seen.index, seen.leaf, said))
            self.report.events.append(verdict)
        self.receivable[seen.index] = _receipt_of(seen)

    def _parse(self, proven: bundle.ProvenLeaf) -> _Seen | None:
        try:
            parsed = leaf.parse(proven.leaf)
            envelope = dsse.parse(parsed.envelope, dsse.STATEMENT_TYPE)
            said = statement.parse(envelope.payload)
            if envelope.keyid != said.key:
                raise FormatError("envelope and statement name different keys")
        except EvidenceError as error:
            self.report.fail(2, "form", f"leaf {proven.index}", error)
            return None
        self.report.count(2)
        return _Seen(proven.index, proven.leaf, parsed, envelope, said)

    def _inclusion(self, proven: bundle.ProvenLeaf, where: str) -> bool:
        if self.checkpoint is None:
            self.report.fail(4, "inclusion", where, "there is no checkpoint to lead to")
            return False
        size, root = self.checkpoint.size, self.checkpoint.root
        hash_ = merkle.leaf_hash(proven.leaf)
        try:
            merkle.verify_inclusion(proven.index, size, hash_, proven.proof, root)
        except EvidenceError as error:
            self.report.fail(4, "inclusion", where, error)
            return False
        self.report.count(4)
        return True

    # 5. The key register, taken in as its leaves go by.
    def _register(self, seen: _Seen) -> None:
        said = seen.statement
        if said.record != self.register.record:
            if said.type.startswith("key-"):
                self.report.fail(5, "register", seen.where, "key event outside the register")
            return
        try:
            self.register.apply(seen.index, said)
        except EvidenceError as error:
            self.report.fail(5, "register", seen.where, error)
        else:
            self.report.count(5)

    # 6. Signer's key valid at this index, and for this; envelope signature.
    def _signature(self, seen: _Seen) -> None:
        try:
            key = self.register.signer_of(seen.statement, seen.index)
            dsse.verify(seen.envelope, key)
        except EvidenceError as error:
            self.report.fail(6, "signature", seen.where, error)
        else:
            self.report.count(6)
        if seen.statement.assurance == "passkey":
            self.report.add(6, Level.NOT_CHECKED, "passkey", seen.where)

    # 7. Origin, record, contiguous versions, previous hashes, ids and numbers that occur once.
    def _chain(self, seen: _Seen) -> _Record:
        said = seen.statement
        record = self.records.setdefault(said.record, _Record())
        for fault in self._chain_faults(seen, record):
            self.report.fail(7, "chain", seen.where, fault)
        self.report.count(7)
        self.events.add(said.event)
        if seen.leaf.number:
            self.numbers.add(seen.leaf.number)
            record.number = record.number or seen.leaf.number
        record.version, record.kind = said.version, said.kind
        record.prev = dsse.envelope_hash(seen.envelope.raw)
        return record

    def _chain_faults(self, seen: _Seen, record: _Record) -> Iterator[str]:
        said, number = seen.statement, seen.leaf.number
        if said.origin != self.head.origin:
            yield f"origin is {said.origin}"
        if said.record not in self.head.records and said.record != self.register.record:
            yield "the manifest does not list this record"
        if said.version != record.version + 1:
            yield f"version {said.version} follows version {record.version}"
        if said.prev != record.prev:
            yield "prev is not the hash of the record's previous envelope"
        if record.version and said.kind != record.kind:
            yield f"kind changed from {record.kind} to {said.kind}"
        if said.event in self.events:
            yield "event id occurs twice"
        if number is not None and (said.version != 1 or number in self.numbers):
            yield "a number stands on a record's first leaf only, and is given once"

    # 8. Recorded times do not run back; claimed times that lie ahead are flagged.
    def _time(self, seen: _Seen) -> None:
        recorded, occurred = seen.leaf.recorded_at, seen.statement.occurred_at
        if recorded < self.recorded_at:
            detail = f"{recorded} after {self.recorded_at}"
            self.report.fail(8, "recorded-back", seen.where, detail)
        self.recorded_at = max(self.recorded_at, recorded)
        self.report.count(8)
        if occurred > recorded:
            self.report.add(8, Level.FLAG, "occurred-ahead", seen.where, f"{occurred} > {recorded}")
        self._anchor(seen)

    def _anchor(self, seen: _Seen) -> None:
        anchor = seen.statement.seen
        if anchor is None:
            return
        if anchor.size > seen.index:
            self.report.fail(8, "anchor", seen.where, f"saw {anchor.size} leaves")
        elif self.checkpoint is not None and anchor.size == self.checkpoint.size:
            if anchor.root != self.checkpoint.root.hex():
                self.report.fail(8, "anchor", seen.where, "saw another tree")
        else:
            self.report.add(8, Level.NOT_CHECKED, "anchor-open", seen.where, anchor.size)

    # 9. What a sign-off covers exists earlier in the record.
    def _signoff(self, seen: _Seen, record: _Record) -> None:
        signoff = seen.statement.signoff
        if signoff is None:
            return
        self.report.count(9)
        missing = [hash_ for hash_ in signoff.covers if hash_ not in record.envelopes]
        if missing:
            self.report.fail(9, "covers", seen.where, ", ".join(missing))

    def _parts(self, seen: _Seen, verdict: EventVerdict) -> None:
        described: dict[int, int] = {}
        for part in seen.statement.parts:
            opened = self.openings.pop((seen.statement.event, part.n), None)
            where = f"{seen.where}, part {part.n}"
            if opened is None:
                self.pending.append((verdict, where, Verdict.MISSING))
            elif opened.path is None:
                self.pending.append((verdict, where, Verdict.WITHHELD))
            elif self._open(seen, part, opened, where, described):
                self.opened.append((seen, where))
            else:
                _worsen(verdict, Verdict.MISMATCH)

    def _open(
        self,
        seen: _Seen,
        part: Part,
        opened: bundle.Opened,
        where: str,
        described: dict[int, int],
    ) -> bool:
        step = 10 if part.role == "content" else 11
        path = opened.path or ""
        try:
            if part.role == "content":
                self._open_content(seen, part, opened.salt, path, described)
            else:
                self._open_attachment(part, opened.salt, path, described)
        except EvidenceError as error:
            self.report.fail(step, "opening", f"{where}, {path}", error)
            return False
        self.report.count(step)
        return True

    # 10. Content: plaintext and salt give the commitment that was signed.
    def _open_content(
        self, seen: _Seen, part: Part, salt: bytes, path: str, described: dict[int, int]
    ) -> None:
        if path != f"content/{seen.statement.event}-{part.n}.json":
            raise ContentError("opened from another part's file")
        plaintext = self.box.read(path, content.MAX_CONTENT)
        content.check_opening(part, salt, plaintext)
        value = canonical.decode(plaintext)
        listed = value.get("attachments") if type(value) is dict else None
        for item in listed if type(listed) is list else ():
            if type(item) is dict and type(item.get("n")) is int and "size" in item:
                described[item["n"]] = item["size"]

    # 11. Attachments: the file gives the commitment, and has the size that the content says.
    def _open_attachment(
        self, part: Part, salt: bytes, path: str, described: dict[int, int]
    ) -> None:
        if path.split("/")[1][:32] != part.key:
            raise ContentError("opened from another attachment's file")
        size = attachment.check_opening(part, salt, self.box.chunks(path))
        if described.get(part.n, size) != size:
            raise ContentError(f"content says {described[part.n]} bytes, the file has {size}")

    # 12. Disposal: after filing, after the last day, by two approvals.
    def _disposal(self, seen: _Seen, record: _Record) -> None:
        said = seen.statement
        if said.type == "filed":
            record.base_date = said.facts["base_date"]
        elif said.type == "reopened":
            record.base_date = None
        elif said.type == "disposed":
            faults = list(_disposal_faults(seen, record))
            for fault in faults:
                self.report.fail(12, "disposal", seen.where, fault)
            if not faults:
                record.disposal = seen.index
            self.report.count(12)
            self.report.add(12, Level.NOT_CHECKED, "disposal-outside", seen.where)

    def _after_leaves(self) -> None:
        self._log_key_registered()
        self._settle()
        self._leftovers()
        self._receipts()
        self._listing()
        # What no bundle can show by itself.
        self.report.add(7, Level.NOT_CHECKED, "tail", self.head.origin)

    # 5, continued. The key that signed the checkpoint is the register's log key.
    def _log_key_registered(self) -> None:
        if self.checkpoint is None or not self.report.log_key:
            return
        named = note.VerifierKey.parse(self.report.log_key)
        try:
            self.register.key_at(named.key.key_id, self.checkpoint.size - 1, "log")
        except SignatureError as error:
            self.report.fail(5, "register", bundle.KEYS, error)

    # 12, continued. Content that is not here: disposed, withheld, or missing.
    def _settle(self) -> None:
        for verdict, where, found in self.pending:
            disposal = self.records[verdict.record].disposal
            if disposal is not None and disposal > verdict.index:
                _worsen(verdict, Verdict.DISPOSED)
                verdict.disposed_by = disposal
                continue
            _worsen(verdict, found)
            if found is Verdict.MISSING:
                self.report.fail(12, "missing", where)
        for seen, where in self.opened:
            disposal = self.records[seen.statement.record].disposal
            if disposal is not None and disposal > seen.index:
                self.report.fail(12, "undisposed", where, f"leaf {disposal}")

    def _leftovers(self) -> None:
        for event, n in self.openings:
            where = f"{bundle.OPENINGS}: event {event}, part {n}"
            self.report.fail(10, "opening", where, "no such part in this bundle")
        for path in self.box.members:
            if path.startswith(("content/", "attachments/")) and path not in self.used:
                self.report.fail(10, "opening", path, "no opening names this file")
        for record in self.head.records:
            if record not in self.records:
                self.report.fail(7, "chain", f"record {record}", "listed, but has no leaf here")

    # 13. Receipts say what the log says, signed by a log key.
    def _receipts(self) -> None:
        for number, line in bundle.read_receipts(self.box):
            where = f"{bundle.RECEIPTS} line {number}"
            try:
                if isinstance(line, BundleError):
                    raise line
                envelope, said = receipt.read(line)
                dsse.verify(envelope, self.register.key_at(envelope.keyid, said.index, "log"))
                if self.receivable.get(said.index) != said:
                    raise FormatError(f"says otherwise than leaf {said.index}")
            except EvidenceError as error:
                self.report.fail(13, "receipt", where, error)
            else:
                self.report.count(13)

    # 14. The table of contents, computed again.
    def _listing(self) -> None:
        if self.checkpoint is None:
            return
        expected = listing(self.checkpoint, self.rows)
        try:
            found = self.box.read(bundle.INDEX, max(len(expected), _MAX_SMALL))
        except BundleError:
            found = b""
        if found != expected:
            self.report.fail(14, "listing", bundle.INDEX)
        self.report.count(14)


def _receipt_of(seen: _Seen) -> receipt.Receipt:
    said = seen.statement
    return receipt.Receipt(
        origin=said.origin,
        event=said.event,
        record=said.record,
        version=said.version,
        index=seen.index,
        leaf_hash=merkle.leaf_hash(seen.data).hex(),
        recorded_at=seen.leaf.recorded_at,
        number=seen.leaf.number,
    )


def _disposal_faults(seen: _Seen, record: _Record) -> Iterator[str]:
    facts = seen.statement.facts
    last_day = date.fromisoformat(facts["last_day"])
    if record.base_date is None:
        yield "the record was not filed"
    elif last_day < date.fromisoformat(record.base_date):
        yield "last day before the base date"
    # The civil day may be up to 14 hours ahead of UTC; the exact zone rule is retention's.
    elif (parse_time(seen.leaf.recorded_at) + timedelta(hours=14)).date() <= last_day:
        yield f"recorded {seen.leaf.recorded_at}, not after the last day {last_day}"
    if len(set(facts["approvals"])) < 2:
        yield "fewer than two approvals"


def _worsen(verdict: EventVerdict, found: Verdict) -> None:
    verdict.verdict = max(verdict.verdict, found, key=_SEVERITY.index)
