"""Check a bundle offline. Numbers in the comments are the steps of the report (wording.STEPS)."""

import hashlib
import heapq
from collections.abc import Iterator
from typing import BinaryIO

from archive.evidence import bundle, checkpoint, dsse, leaf, merkle, note, receipt, statement
from archive.evidence.container import Container
from archive.evidence.disclosure import Disclosure, worsen
from archive.evidence.errors import BundleError, EvidenceError, FormatError, SignatureError
from archive.evidence.history import History, Seen
from archive.evidence.listing import Row, heading, row_line
from archive.evidence.policy import Policy
from archive.evidence.register import KeyRegister
from archive.evidence.report import EventVerdict, Level, Report, Verdict

_MAX_CHECKPOINT = 1024 * 1024


def verify(file: BinaryIO, policy: Policy | None = None) -> Report:
    """Run every check. BundleError where the file is no usable bundle at all.

    Leaves, content and attachments stream by; what stays is a verdict and two hashes an event.
    """
    box = Container(file)
    return _Run(box, bundle.read_head(box), policy).run()


class _Run:
    def __init__(self, box: Container, head: bundle.Head, policy: Policy | None) -> None:
        self.box, self.head, self.policy = box, head, policy
        self.report = Report(origin=head.origin)
        self.register = KeyRegister(head.origin)
        listed = [*head.records, self.register.record]
        self.history = History(self.report, head.origin, listed)
        self.disclosure = Disclosure(self.report, box)
        self.checkpoint: checkpoint.Checkpoint | None = None
        self.listing = hashlib.sha256()
        self.receipts = self._read_receipts()
        self.receipt = next(self.receipts, None)

    def run(self) -> Report:
        # 1. Every byte of the container.
        for fault in self.box.check():
            self.report.fail(1, "container", fault.where, fault)
        self.report.counts[1] = len(self.box.members) + 1
        self._checkpoint()
        self.disclosure.read()
        for proven in self._leaves():
            self._leaf(proven)
        self._after_leaves()
        return self.report

    # 3. The checkpoint: its form, its origin, its signature.
    def _checkpoint(self) -> None:
        report = self.report
        try:
            data = self.box.read(bundle.CHECKPOINT, _MAX_CHECKPOINT)
            parsed, head = checkpoint.read(data)
            named = note.VerifierKey.parse(self.head.log_key)
        except EvidenceError as error:
            report.fail(3, "checkpoint", bundle.CHECKPOINT, error)
            return
        report.count(3)
        self.checkpoint = head
        report.checkpoint_size, report.checkpoint_root = head.size, head.root.hex()
        self.listing.update(heading(head))
        if head.origin != self.head.origin:
            report.fail(3, "origin", bundle.CHECKPOINT, head.origin)
        self._log_key(parsed, named)

    def _log_key(self, parsed: note.Note, named: note.VerifierKey) -> None:
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
                continue
            yield proven

    def _leaf(self, proven: bundle.ProvenLeaf) -> None:
        # 2. Canonical forms: leaf, envelope, statement.
        seen = self._parse(proven)
        failures = self.report.failures
        # 4. Leaf hash, inclusion proof, checkpoint.
        self._inclusion(proven, seen.where if seen else f"leaf {proven.index}")
        if seen is None:
            return
        self._register(seen)
        self._signature(seen)
        record = self.history.take(seen, self.checkpoint)
        if seen.statement.record != self.register.record:
            fits = self.report.failures == failures
            verdict = _verdict(seen, record.number, fits=fits)
            self.report.events.append(verdict)
            self.disclosure.take(seen, verdict)
            self.listing.update(row_line(Row.of(seen.index, seen.leaf, seen.statement)))
        self._receipt(seen)

    def _parse(self, proven: bundle.ProvenLeaf) -> Seen | None:
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
        return Seen(proven.index, proven.leaf, parsed, envelope, said)

    def _inclusion(self, proven: bundle.ProvenLeaf, where: str) -> None:
        if self.checkpoint is None:
            self.report.fail(4, "inclusion", where, "there is no checkpoint to lead to")
            return
        size, root = self.checkpoint.size, self.checkpoint.root
        hash_ = merkle.leaf_hash(proven.leaf)
        try:
            merkle.verify_inclusion(proven.index, size, hash_, proven.proof, root)
        except EvidenceError as error:
            self.report.fail(4, "inclusion", where, error)
        else:
            self.report.count(4)

    # 5. The key register, taken in as its leaves go by.
    def _register(self, seen: Seen) -> None:
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
    def _signature(self, seen: Seen) -> None:
        try:
            key = self.register.signer_of(seen.statement, seen.index)
            dsse.verify(seen.envelope, key)
        except EvidenceError as error:
            self.report.fail(6, "signature", seen.where, error)
        else:
            self.report.count(6)
        if seen.statement.assurance == "passkey":
            self.report.add(6, Level.NOT_CHECKED, "passkey", seen.where)

    def _after_leaves(self) -> None:
        self._log_key_registered()
        # 7, continued. Each record listed has its leaves; what no bundle can show by itself.
        for record in self.head.records:
            if record not in self.history.records:
                self.report.fail(7, "chain", f"record {record}", "listed, but has no leaf here")
        self.report.add(7, Level.NOT_CHECKED, "tail", self.head.origin)
        # 10, 11, 12, continued.
        self.disclosure.settle(self.history.records)
        self._later_receipts()
        self._listing()

    # 5, continued. The key that signed the checkpoint is the register's log key.
    def _log_key_registered(self) -> None:
        if self.checkpoint is None:
            return
        named = note.VerifierKey.parse(self.report.log_key)
        try:
            self.register.key_at(named.key.key_id, self.checkpoint.size - 1, "log")
        except SignatureError as error:
            self.report.fail(5, "register", bundle.KEYS, error)

    # 13. Receipts say what the log says, signed by a log key; ascending by index, as the leaves.
    def _read_receipts(self) -> Iterator[tuple[str, dsse.Envelope, receipt.Receipt]]:
        last = -1
        for number, line in bundle.read_receipts(self.box):
            where = f"{bundle.RECEIPTS} line {number}"
            try:
                if isinstance(line, BundleError):
                    raise line
                envelope, said = receipt.read(line)
                if said.index <= last:
                    raise FormatError("receipt twice or out of order")
            except EvidenceError as error:
                self.report.fail(13, "receipt", where, error)
                continue
            last = said.index
            yield where, envelope, said

    def _receipt(self, seen: Seen) -> None:
        while self.receipt is not None and self.receipt[2].index <= seen.index:
            where, envelope, said = self.receipt
            try:
                if said.index != seen.index or said != _receipt_of(seen):
                    raise FormatError(f"says otherwise than leaf {said.index}, or that is not here")
                dsse.verify(envelope, self.register.key_at(envelope.keyid, said.index, "log"))
            except EvidenceError as error:
                self.report.fail(13, "receipt", where, error)
            else:
                self.report.count(13)
            self.receipt = next(self.receipts, None)

    def _later_receipts(self) -> None:
        while self.receipt is not None:
            where, _, said = self.receipt
            self.report.fail(13, "receipt", where, f"leaf {said.index} is not here")
            self.receipt = next(self.receipts, None)

    # 14. The table of contents, computed again; step 1 has held the member to its hash.
    def _listing(self) -> None:
        if self.listing.hexdigest() != self.box.members[bundle.INDEX].sha256:
            self.report.fail(14, "listing", bundle.INDEX)
        self.report.count(14)


def _verdict(seen: Seen, number: str | None, *, fits: bool) -> EventVerdict:
    said = seen.statement
    verdict = EventVerdict(
        seen.index, said.record, said.version, said.event, said.type, number, Verdict.OPENED
    )
    if not fits:
        worsen(verdict, Verdict.MISMATCH)
    return verdict


def _receipt_of(seen: Seen) -> receipt.Receipt:
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
