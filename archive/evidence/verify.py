"""Check a bundle offline. Numbers in the comments are the steps of the report (wording.STEPS)."""

import heapq
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import BinaryIO

from archive.evidence import (
    bundle,
    checkpoint,
    completeness,
    dsse,
    leaf,
    merkle,
    note,
    receipt,
    stamps,
    statement,
)
from archive.evidence.ahead import Ahead
from archive.evidence.container import Container
from archive.evidence.disclosure import Disclosure
from archive.evidence.errors import BundleError, EvidenceError, FormatError, SignatureError
from archive.evidence.history import History, Seen
from archive.evidence.instant import seconds_text
from archive.evidence.keys import VerifyKey
from archive.evidence.listing import Contents, heading
from archive.evidence.passkey import Passkey
from archive.evidence.passkey import parse as parse_assertion
from archive.evidence.policy import MAX_POLICY, Policy
from archive.evidence.register import EVENTS, KIND, KeyRegister
from archive.evidence.report import Level, Report, Verdict

_MAX_CHECKPOINT = 1024 * 1024


def verify(
    file: BinaryIO,
    policy: Policy | None = None,
    authorities: Sequence[bytes] = (),
    processes: int = 1,
) -> Report:
    """Run every check. BundleError where the file is no usable bundle at all.

    `policy` and `authorities` (certificates of timestamp authorities, DER): whom the reader trusts.
    Leaves, content and attachments stream by; what stays is a packed verdict, an id and a hash an
    event, and where its opening lines begin: about 250 bytes.

    `processes`: so many others verify the signatures of a large bundle that is a file on a disk.
    They may be spawned, so the main module must be one that can be imported.
    """
    box = Container(file)
    head = bundle.read_head(box)
    with ExitStack() as stack:
        ahead = Ahead.of(file, box, processes, stack)
        return _Run(box, head, policy, authorities, ahead).run()


class _Run:
    def __init__(
        self,
        box: Container,
        head: bundle.Head,
        policy: Policy | None,
        authorities: Sequence[bytes],
        ahead: Ahead,
    ) -> None:
        self.box, self.head, self.policy, self.authorities = box, head, policy, authorities
        self.ahead = ahead
        self.report = Report(origin=head.origin, about=head.about)
        self.register = KeyRegister(head.origin)
        self.history = History(self.report, head.origin, head.records)
        self.disclosure = Disclosure(self.report, box)
        self.checkpoint: checkpoint.Checkpoint | None = None
        self.inclusion: merkle.InclusionVerifier | None = None
        self.counters: dict[str, int] = {}  # of passkeys, by key id
        self.contents = Contents()
        self.receipts = self._read_receipts()
        self.receipt = next(self.receipts, None)

    def run(self) -> Report:
        # 1. Every byte of the container.
        for fault in self.box.check():
            self.report.fail(1, "container", fault.where, fault)
        self.report.counts[1] = len(self.box.members) + 1
        self._page()
        self._checkpoint()
        self._proposal()
        self.disclosure.read()
        for proven, in_register in self._leaves():
            self._leaf(proven, in_register=in_register)
        self._after_leaves()
        return self.report

    # 1, continued. The verifier that came with the bundle is the word of who made the bundle.
    def _page(self) -> None:
        page = self.box.members.get(bundle.PAGE)
        if page is None:
            return
        self.report.add(1, Level.NOT_CHECKED, "page-inside", bundle.PAGE, page.sha256)
        if page.size > bundle.MAX_PAGE:
            self.report.fail(1, "container", bundle.PAGE, f"longer than {bundle.MAX_PAGE} bytes")

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
        self.inclusion = merkle.InclusionVerifier(head.size, head.root)
        report.checkpoint_size, report.checkpoint_root = head.size, head.root.hex()
        if head.origin != self.head.origin:
            report.fail(3, "origin", bundle.CHECKPOINT, head.origin)
        self._log_key(parsed, named)

    def _log_key(self, parsed: note.Note, named: note.VerifierKey) -> None:
        report = self.report
        report.log_key, report.key_trusted = str(named), self.policy is not None
        try:
            if named.name != self.head.origin or named.type != note.ED25519:
                raise SignatureError(str(named), "log-key-name")
            note.verify(parsed, named)
        except SignatureError as error:
            report.fail(3, error.code or "checkpoint-signature", bundle.CHECKPOINT, error)
        if self.policy is None:
            report.add(3, Level.NOT_CHECKED, "key-from-bundle", str(named))
            return
        if not self.policy.wants_witnesses:
            report.add(3, Level.NOT_CHECKED, "unwitnessed", bundle.CHECKPOINT)
        try:
            times = self.policy.check(parsed, self.head.origin)
        except SignatureError as error:
            report.fail(3, error.code or "policy", bundle.CHECKPOINT, error)
        else:
            report.cosigned = [(name, seconds_text(at)) for name, at in times.items()]

    # 3, continued. Whom the archive proposes to trust, which decides nothing.
    def _proposal(self) -> None:
        if bundle.POLICY not in self.box.members:
            return
        try:
            proposed = Policy.parse(self.box.read(bundle.POLICY, MAX_POLICY))
        except EvidenceError as error:
            self.report.fail(2, "form", bundle.POLICY, error)
            return
        if self.policy is None:
            self.report.add(3, Level.NOT_CHECKED, "policy-inside", bundle.POLICY)
        elif not self.policy.agrees_with(proposed):
            self.report.add(3, Level.FLAG, "policy-differs", bundle.POLICY)

    def _leaves(self) -> Iterator[tuple[bundle.ProvenLeaf, bool]]:
        """Leaves of both files as one sequence, ascending by index; True: from the register's."""
        last = -1
        streams = [self._stream(bundle.KEYS), self._stream(bundle.LEAVES)]
        for proven, in_register in heapq.merge(*streams, key=lambda item: item[0].index):
            if proven.index == last:
                self.report.fail(2, "leaf-twice", f"leaf {last}")
            else:
                last = proven.index
                yield proven, in_register

    def _stream(self, path: str) -> Iterator[tuple[bundle.ProvenLeaf, bool]]:
        for proven in bundle.read_leaves(self.box, path):
            if isinstance(proven, BundleError):
                self.report.fail(2, proven.code or "form", proven.where, proven)
                continue
            yield proven, path == bundle.KEYS

    def _leaf(self, proven: bundle.ProvenLeaf, *, in_register: bool) -> None:
        # 2. Canonical forms: leaf, envelope, statement.
        seen = self._parse(proven, in_register=in_register)
        failures = self.report.failures
        # 4. Leaf hash, inclusion proof, checkpoint.
        self._inclusion(proven, seen.where if seen else f"leaf {proven.index}")
        if seen is None:
            return
        self._register(seen)
        self._signature(seen)
        record = self.history.take(seen)
        sound = self.report.failures == failures
        self.history.disposal(seen, record, sound=sound)
        if not in_register:
            self._event(seen, record.place, sound=sound)
        self._receipt(seen)

    def _event(self, seen: Seen, record: int, *, sound: bool) -> None:
        said, events = seen.statement, self.report.events
        id_ = bytes.fromhex(said.event)
        position = events.append(seen.index, said.version, record, said.type, id_)
        if not sound:
            events.worsen(position, Verdict.MISMATCH)
        self.disclosure.take(seen, position)
        self.contents.add(seen.index, seen.leaf, said)

    def _parse(self, proven: bundle.ProvenLeaf, *, in_register: bool) -> Seen | None:
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
        return Seen(proven.index, proven.leaf, parsed, envelope, said, in_register)

    def _inclusion(self, proven: bundle.ProvenLeaf, where: str) -> None:
        if self.inclusion is None:
            self.report.fail(4, "inclusion-open", where)
            return
        try:
            self.inclusion.verify(proven.index, merkle.leaf_hash(proven.leaf), proven.proof)
        except EvidenceError as error:
            self.report.fail(4, "inclusion", where, error)
        else:
            self.report.count(4)
            self.report.proven.append(proven.index)

    # 5. The key register, taken in as its leaves go by.
    def _register(self, seen: Seen) -> None:
        said = seen.statement
        if not seen.in_register:
            mine = said.record == self.register.record or said.kind == KIND
            if mine or said.type in EVENTS:
                self.report.fail(5, "register-outside", seen.where)
            return
        try:
            self.register.apply(seen.index, said)
        except EvidenceError as error:
            self.report.fail(5, error.code, seen.where, error)
        else:
            self.report.count(5)

    # 6. Signer's key valid at this index, and for this; envelope signature.
    def _signature(self, seen: Seen) -> None:
        try:
            key = self.register.signer_of(seen.statement, seen.index)
            self._verify(seen.envelope, key, bundle.LEAVES, seen.index)
        except EvidenceError as error:
            self.report.fail(6, error.code or "signature", seen.where, error)
            if seen.in_register:
                self.register.undo()
        else:
            self.report.count(6)
            if isinstance(key, Passkey):
                self._counter(seen, key)

    def _verify(
        self, envelope: dsse.Envelope, key: VerifyKey | Passkey, member: str, index: int
    ) -> None:
        plain = isinstance(key, VerifyKey) and key.key_id == envelope.keyid
        if not (plain and self.ahead.knows(member, index, envelope)):
            dsse.verify(envelope, key)

    # 6, continued. An authenticator that counts counts up: if not, there may be two of it.
    def _counter(self, seen: Seen, key: Passkey) -> None:
        now = parse_assertion(seen.envelope.signature).counter
        before = self.counters.get(key.key_id, 0)
        if (now or before) and now <= before:
            self.report.add(6, Level.FLAG, "counter-back", seen.where, f"{before} -> {now}")
        self.counters[key.key_id] = max(now, before)

    def _after_leaves(self) -> None:
        self._log_key_registered()
        # 7, continued. Each record listed has its leaves; what no bundle can show by itself.
        for record in self.head.records:
            if bytes.fromhex(record) not in self.history.records:
                self.report.fail(7, "record-empty", f"record {record}")
        if self.register.record in self.head.records:
            self.report.fail(7, "register-listed", f"record {self.register.record}")
        completeness.check(
            *(self.report, self.box, self.head, self.register, self.history, self.checkpoint)
        )
        # 10, 11, 12, continued.
        self.history.settle()
        self.disclosure.settle(self.history.records)
        self._later_receipts()
        self._listing()
        stamps.check(self.report, self.box, self.authorities)

    # 5, continued. The key that signed the checkpoint is the register's log key.
    def _log_key_registered(self) -> None:
        if self.checkpoint is None:
            return
        named = note.VerifierKey.parse(self.report.log_key)
        try:
            self.register.key_at(named.key.key_id, self.checkpoint.size - 1, "log")
        except SignatureError as error:
            self.report.fail(5, "log-key", bundle.KEYS, error)

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
                    raise FormatError(f"{last}, {said.index}", "receipt-order")
            except EvidenceError as error:
                self.report.fail(13, error.code or "receipt", where, error)
                continue
            last = said.index
            yield where, envelope, said

    def _receipt(self, seen: Seen) -> None:
        while self.receipt is not None and self.receipt[2].index <= seen.index:
            where, envelope, said = self.receipt
            try:
                if said.index != seen.index:
                    raise FormatError(f"leaf {said.index}", "receipt-leaf")
                if envelope.payload != receipt.encode_checked(_receipt_of(seen)):
                    raise FormatError(f"leaf {said.index}", "receipt-other")
                key = self.register.key_at(envelope.keyid, said.index, "log")
                self._verify(envelope, key, bundle.RECEIPTS, said.index)
            except EvidenceError as error:
                self.report.fail(13, error.code or "receipt-signature", where, error)
            else:
                self.report.count(13)
            self.receipt = next(self.receipts, None)

    def _later_receipts(self) -> None:
        while self.receipt is not None:
            where, _, said = self.receipt
            self.report.fail(13, "receipt-leaf", where, f"leaf {said.index}")
            self.receipt = next(self.receipts, None)

    # 14. The table of contents, computed again.
    def _listing(self) -> None:
        if not self._is_listed():
            self.report.fail(14, "listing", bundle.INDEX)
        self.report.count(14)

    def _is_listed(self) -> bool:
        if self.checkpoint is None:
            return False
        head = heading(self.head.origin, self.checkpoint, self.head.about)
        lines = (line + b"\n" for line in self.box.lines(bundle.INDEX, bundle.MAX_LINE))
        try:
            return self.contents.is_told_by(head, self.head.context, lines)
        except BundleError:
            return False


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
