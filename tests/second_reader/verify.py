"""The fifteen steps of verification, and the verdicts."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from hashlib import sha256

from tests.second_reader import shapes
from tests.second_reader import spelling as s
from tests.second_reader.container import Bundle, open_bundle
from tests.second_reader.content import LONGEST, attachment_commitment, content_commitment
from tests.second_reader.policy import Policy, read_policy
from tests.second_reader.register import EVENTS, KIND, Register
from tests.second_reader.shapes import Leaf
from tests.second_reader.signing import (
    LOG,
    Checkpoint,
    VerifierKey,
    fits,
    key_id,
    read_checkpoint,
    read_vkey,
)
from tests.second_reader.stamp import MOST as MOST_TOKEN
from tests.second_reader.stamp import Token, read_token
from tests.second_reader.tree import leaf_hash, root_by_path

WORST_LAST = ["OPENED", "DISPOSED", "WITHHELD", "MISSING", "MISMATCH"]
KEYS, LEAVES = "keys.jsonl", "leaves.jsonl"


@dataclass(frozen=True)
class Entry:
    """A leaf line: the leaf's bytes, its proof, and the leaf if it can be read."""

    index: int
    file: str
    data: bytes
    proof: list[bytes]
    leaf: Leaf | None


@dataclass(frozen=True)
class Read:
    """An entry whose leaf could be read."""

    index: int
    file: str
    data: bytes
    leaf: Leaf

    @property
    def statement(self) -> s.Fields:
        """The leaf's statement."""
        return self.leaf.statement


@dataclass
class Report:
    """What failed, step by step; notes; the verdicts; leaves for which steps 4 to 9 failed."""

    failures: list[tuple[int, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    verdicts: dict[int, str] = field(default_factory=dict)
    unsound: set[int] = field(default_factory=set)
    complete: str = "NOT CHECKED"
    stamped: dict[int, Token] = field(default_factory=dict)
    differs: bool = False
    """Whether the bundle proposes to trust others than the reader does."""

    @property
    def steps(self) -> set[int]:
        """The numbers of the failing steps."""
        return {step for step, _ in self.failures}

    @property
    def exit_status(self) -> int:
        """0 nothing failed, 1 something failed."""
        return 1 if self.failures else 0

    def fail(self, step: int, why: str, leaf: int | None = None) -> None:
        """Note a failure; in steps 4 to 9 it is a mismatch of that leaf."""
        self.failures.append((step, why if leaf is None else f"leaf {leaf}: {why}"))
        if leaf is not None and 4 <= step <= 9:
            self.unsound.add(leaf)
            self.judge(leaf, "MISMATCH")

    def judge(self, index: int, verdict: str) -> None:
        """Lower the verdict of an event, if it has one and this is worse."""
        if index in self.verdicts:
            self.verdicts[index] = max(self.verdicts[index], verdict, key=WORST_LAST.index)


class Verification:
    """One run over one bundle."""

    def __init__(
        self,
        bundle: Bundle,
        trusted: VerifierKey | None,
        policy: Policy | None,
        authorities: list[bytes],
    ) -> None:
        self.bundle, self.trusted, self.policy = bundle, trusted, policy
        self.authorities = authorities
        self.led: set[int] = set()
        self.manifest: s.Fields = bundle.manifest
        self.report = Report()
        self.register = Register(self.manifest["origin"])
        self.checkpoint: Checkpoint | None = None
        self.entries: list[Entry] = []
        self.leaves: list[Read] = []
        self.openings: dict[tuple[str, int], s.Fields] = {}
        self.parts: dict[tuple[str, int], tuple[Read, s.Fields]] = {}

    def run(self) -> Report:
        """Take all steps, in the page's order."""
        for fault in self.bundle.faults:
            self.report.fail(1, fault)
        if len(self.bundle.members.get("verify.html", b"")) > 2 * 1024 * 1024:
            self.report.fail(1, "verify.html is too long")
        self._read()
        self._checkpoint()
        self._proposal()
        self._proofs()
        self._register()
        self._chains()
        self._heads()
        self._times()
        self._covers()
        self._contents()
        self._absent()
        self._receipts()
        self._listing()
        self._stamps()
        return self.report

    # ------------------------------------------------------------ 2: forms

    def _lines(self, name: str, step: int = 2) -> list[bytes]:
        lines, fault = shapes.lines_of(self.bundle.members.get(name, b""))
        if fault is not None:
            self.report.fail(step, f"{name}: {fault}")
        return lines

    def _read(self) -> None:
        for file in (KEYS, LEAVES):
            self._read_leaves(file)
        self.entries.sort(key=lambda entry: entry.index)
        for e in self.entries:
            if e.leaf is not None:
                self.leaves.append(Read(e.index, e.file, e.data, e.leaf))
                if e.file == LEAVES:
                    self.report.verdicts[e.index] = "OPENED"
        for read in (read for read in self.leaves if read.file == LEAVES):
            for part in read.statement["parts"]:
                self.parts.setdefault((read.statement["event"], part["n"]), (read, part))
        for line in self._lines("openings.jsonl"):
            self._read_opening(line)

    def _read_leaves(self, file: str) -> None:
        last, known = -1, {entry.index for entry in self.entries}
        for line in self._lines(file):
            try:
                value = shapes.read_leaf_line(line)
            except s.BadFormError as fault:
                self.report.fail(2, f"{file}: {fault}")
                continue
            index = value["index"]
            if index <= last or index in known:
                self.report.fail(2, f"{file}: index {index} does not ascend or stands twice")
            else:
                self.entries.append(self._entry(file, value))
            last = max(last, index)

    def _entry(self, file: str, value: s.Fields) -> Entry:
        data, leaf = value["leaf"].encode(), None
        try:
            leaf = shapes.read_leaf(data)
        except s.BadFormError as fault:
            self.report.fail(2, str(fault), value["index"])
        proof = [bytes.fromhex(text) for text in value["proof"]]
        return Entry(value["index"], file, data, proof, leaf)

    def _read_opening(self, line: bytes) -> None:
        try:
            value = shapes.read_opening(line)
        except s.BadFormError as fault:
            self.report.fail(2, f"openings.jsonl: {fault}")
            return
        place = value["event"], value["n"]
        if place in self.openings:
            self.report.fail(10, f"part {place} is opened twice")
        self.openings.setdefault(place, value)

    # ------------------------------------------------------------ 3, 4: the tree

    def _checkpoint(self) -> None:
        try:
            checkpoint = read_checkpoint(self.bundle.members["checkpoint"])
            key = read_vkey(self.manifest["log_key"])
        except s.BadFormError as fault:
            self.report.fail(3, str(fault))
            return
        self.checkpoint = checkpoint
        origin = self.manifest["origin"]
        if key.type != LOG or key.name != origin or checkpoint.origin != origin:
            self.report.fail(3, "checkpoint and log key are not of the manifest's origin")
        if not checkpoint.signed_by(key):
            self.report.fail(3, "the manifest's log key did not sign the checkpoint")
        if self.policy is not None:
            refused = self.policy.fault(checkpoint, origin)
            if refused:
                self.report.fail(3, refused)
        elif self.trusted is None:
            self.report.notes.append("NOT CHECKED: the log key came from the bundle")
        elif self.trusted.name != origin or not checkpoint.signed_by(self.trusted):
            self.report.fail(3, "the trusted key did not sign the checkpoint")

    def _proposal(self) -> None:
        data = self.bundle.members.get("policy")
        if data is None:
            return
        try:
            proposed = read_policy(data)
        except s.BadFormError as fault:
            self.report.fail(2, f"policy: {fault}")
            return
        mine = self.policy
        if mine is None and self.trusted is not None:
            mine = Policy(logs=[self.trusted], quorum="none")
        self.report.differs = mine is not None and mine.means() != proposed.means()

    def _proofs(self) -> None:
        for entry in self.entries:
            head = self.checkpoint
            size = head.size if head else 0
            found = root_by_path(entry.index, size, leaf_hash(entry.data), entry.proof)
            if head is None or found != head.root:
                self.report.fail(4, "does not lead to the checkpoint", entry.index)
            else:
                self.led.add(entry.index)

    # ------------------------------------------------------------ 5, 6: keys

    def _register(self) -> None:
        for read in self.leaves:
            applied = read.file == KEYS
            wrong = self.register.take(read.index, read.leaf) if applied else self._outside(read)
            unsigned = self.register.signer_fault(read.index, read.leaf)
            if wrong:
                self.report.fail(5, wrong, read.index)
            if unsigned:
                self.report.fail(6, unsigned, read.index)
            if applied and unsigned and not wrong:
                self.register.take_back()
            if not unsigned and self.register.counts_back(read.leaf):
                self.report.notes.append(f"NOTE: leaf {read.index}: the counter did not go up")
        self._manifest_key()

    def _outside(self, read: Read) -> str | None:
        statement = read.statement
        mine = statement["record"] == self.register.record or statement["kind"] == KIND
        if mine or statement["type"] in EVENTS:
            return "an event of the key register outside it"
        return None

    def _manifest_key(self) -> None:
        if self.checkpoint is None:
            return
        public = read_vkey(self.manifest["log_key"]).public
        if not self.register.log_key_at(key_id(public), self.checkpoint.size - 1):
            self.report.fail(5, "the manifest's log key is not valid at the checkpoint")

    # ------------------------------------------------------------ 7, 8, 9: records

    def _by_record(self) -> dict[str, list[Read]]:
        records: dict[str, list[Read]] = defaultdict(list)
        for read in self.leaves:
            records[read.statement["record"]].append(read)
        return records

    def _chains(self) -> None:
        records = self._by_record()
        for chain in records.values():
            before: Read | None = None
            for read in chain:
                for fault in self._chain_faults(before, read):
                    self.report.fail(7, fault, read.index)
                before = read
        for record in set(self.manifest["records"]) - records.keys():
            self.report.fail(7, f"record {record} is listed and has no leaf")
        if self.register.record in self.manifest["records"]:
            self.report.fail(7, "the key register is listed as a record")
        self._once(lambda read: read.statement["event"], "an event id stands twice")
        self._once(lambda read: read.leaf.number, "a number is given twice")

    def _heads(self) -> None:
        faults = list(self._heads_faults())
        for fault in faults:
            self.report.fail(7, f"heads: {fault}")
        if self.checkpoint is not None and self.led == set(range(self.checkpoint.size)):
            self.report.complete = "PROVEN"
        elif not faults:
            self.report.complete = "SIGNED"

    def _heads_faults(self) -> Iterator[str]:
        data = self.bundle.members["heads"]
        if len(data) > 16 * 1024 * 1024:
            yield "too long"
            return
        try:
            envelope = shapes.read_envelope(data, shapes.HEADS)
            said = shapes.read_heads(envelope.payload)
        except s.BadFormError as fault:
            yield str(fault)
            return
        key = self.register.log_key_at(envelope.keyid, said["size"] - 1)
        if key is None or not fits(key.public, envelope.signature, envelope.signed):
            yield "not signed by a log key valid there"
        head = self.checkpoint
        over = (head.origin, head.size, head.root.hex()) if head else None
        if (said["origin"], said["size"], said["root"]) != over:
            yield "of another checkpoint"
        if said["about"] != self.manifest["about"]:
            yield "of another question"
        listed = {*self.manifest["records"], self.register.record}
        if {item["record"] for item in said["records"]} != listed:
            yield "of other records"
        chains = self._by_record()
        for item in said["records"]:
            last = chains[item["record"]][-1:]
            for read in last:
                if (read.statement["version"], read.leaf.envelope.hash) != (
                    item["version"],
                    item["head"],
                ):
                    yield f"record {item['record']} ends otherwise here"

    def _chain_faults(self, before: Read | None, read: Read) -> Iterator[str]:
        statement = read.statement
        if statement["origin"] != self.manifest["origin"]:
            yield "written for another archive"
        if read.file == LEAVES and statement["record"] not in self.manifest["records"]:
            yield "its record is not listed"
        if statement["version"] != (before.statement["version"] + 1 if before else 1):
            yield "its version is not the next"
        if statement["prev"] != (before.leaf.envelope.hash if before else None):
            yield "prev is not the envelope before"
        if before and statement["kind"] != before.statement["kind"]:
            yield "the record changes its kind"
        if read.leaf.number is not None and statement["version"] != 1:
            yield "a number on a later leaf"

    def _once(self, what: Callable[[Read], str | None], why: str) -> None:
        seen: set[str] = set()
        for read in self.leaves:
            value = what(read)
            if value is not None and value in seen:
                self.report.fail(7, why, read.index)
            seen |= {value} if value is not None else set()

    def _times(self) -> None:
        latest = ""
        for read in self.leaves:
            recorded = read.leaf.recorded_at
            if recorded < latest:
                self.report.fail(8, "recorded before a leaf before it", read.index)
            latest = max(latest, recorded)
            if read.statement["occurred_at"] > recorded:
                self.report.notes.append(f"leaf {read.index}: claimed after it was recorded")
            self._seen(read)

    def _seen(self, read: Read) -> None:
        seen = read.statement["seen"]
        if seen is None:
            return
        if seen["size"] > read.index:
            self.report.fail(8, "saw a tree that did not exist yet", read.index)
        else:
            self.report.notes.append(f"NOT CHECKED: leaf {read.index}: the checkpoint it saw")

    def _covers(self) -> None:
        for chain in self._by_record().values():
            earlier: set[str] = set()
            for read in chain:
                signoff = read.statement["signoff"]
                if signoff and not set(signoff["covers"]) <= earlier:
                    self.report.fail(9, "covers what is not in the record", read.index)
                earlier.add(read.leaf.envelope.hash)

    # ------------------------------------------------------------ 10, 11, 12: content

    def _contents(self) -> None:
        named, last = set(), (-1, -1)
        for place, opening in self.openings.items():
            named.add(opening.get("path"))
            if place not in self.parts:
                self.report.fail(10, f"part {place} is opened and not known")
                continue
            here = self.parts[place][0].index, place[1]
            if here < last:
                self.report.fail(10, f"part {place} is opened out of order")
            last = max(last, here)
            if "path" in opening:
                self._opening(opening, *self.parts[place])
        for path in self.bundle.members:
            if path.startswith(("content/", "attachments/")) and path not in named:
                self.report.fail(10, f"{path} is named by no line")

    def _opening(self, opening: s.Fields, read: Read, part: s.Fields) -> None:
        step = 10 if part["role"] == "content" else 11
        data = self.bundle.members.get(opening["path"])
        for fault in self._opening_faults(opening, part, data):
            self.report.fail(step, fault, read.index)
            self.report.judge(read.index, "MISMATCH")

    def _opening_faults(
        self, opening: s.Fields, part: s.Fields, data: bytes | None
    ) -> Iterator[str]:
        path, salt = opening["path"], bytes.fromhex(opening["salt"])
        if data is None or opening["size"] != len(data):
            yield f"{path} is not there or of another size"
        if data is None:
            return
        if part["role"] == "content":
            own = path == f"content/{opening['event']}-{opening['n']}.json"
            found = content_commitment(salt, data)
        else:
            own = path.partition(".")[0] == f"attachments/{part['key']}"
            found = attachment_commitment(salt, data)
        if not own:
            yield f"{path} is not the path of this part"
        if found != (part["commitment"], part["length"]):
            yield f"{path} does not match its commitment"
        yield from self._plain_faults(opening, part, data)

    def _plain_faults(self, opening: s.Fields, part: s.Fields, data: bytes) -> Iterator[str]:
        if part["role"] == "attachment":
            said = self._sizes(opening["event"], part["n"])
            if said - {len(data)}:
                yield "not the size that the content says"
            return
        if part["length"] > LONGEST:
            yield "content that is too long"
        try:
            s.decode(data)
        except s.BadFormError as fault:
            yield f"plaintext: {fault}"

    def _sizes(self, event: str, n: int) -> set[int]:
        """Every size that the event's content, as far as it opens soundly, says of a part."""
        sizes: set[int] = set()
        for place, opening in self.openings.items():
            part = self.parts[place][1] if place in self.parts else None
            if place[0] != event or part is None or part["role"] != "content":
                continue
            data = self.bundle.members.get(opening.get("path", ""))
            if data is not None and not list(self._opening_faults(opening, part, data)):
                sizes |= {size for of, size in shapes.plain_attachments(data) if of == n}
        return sizes

    def _approved(self, read: Read) -> bool:
        """Whether the approvals that are here are of the very list, which stood when they were
        given and was not listed anew, by people who are all different."""
        facts, unsound = read.statement["facts"], self.report.unsound
        first: dict[str, Read] = {}
        for each in sorted(self.leaves, key=lambda r: r.index):
            first.setdefault(each.leaf.envelope.hash, each)
        here = [first[hash_] for hash_ in set(facts["approvals"]) if hash_ in first]
        for each in here:
            said = each.statement
            if (
                each.index in unsound
                or each.index > read.index
                or said["type"] != "disposal-approved"
                or said["facts"]["list"] != facts["list"]
            ):
                return False
        if len({each.statement["record"] for each in here}) > 1:
            return False
        hands = [{e.statement["actor"], e.statement["behalf"]} - {None} for e in here]
        if not all(hands) or len(set().union(*hands)) < sum(map(len, hands)):
            return False
        return not here or self._stood(read, here)

    def _stood(self, read: Read, approvals: list[Read]) -> bool:
        lists = [
            r
            for r in self.leaves
            if r.statement["type"] == "disposal-listed"
            and r.statement["record"] == approvals[0].statement["record"]
            and r.index < read.index
            and r.index not in self.report.unsound
        ]
        if not lists:
            return False
        last = max(lists, key=lambda r: r.index)
        same = last.statement["facts"]["list"] == read.statement["facts"]["list"]
        return same and all(last.index < approval.index for approval in approvals)

    def _absent(self) -> None:
        for chain in self._by_record().values():
            disposals = [at for at, read in enumerate(chain) if self._disposes(chain[:at], read)]
            last = disposals[-1] if disposals else -1
            for at, read in enumerate(chain):
                for part in read.statement["parts"] if read.file == LEAVES else ():
                    self._absence(read, part, disposed=at < last)

    def _disposes(self, earlier: list[Read], read: Read) -> bool:
        """Whether this is a proper disposal; an improper one fails step 12."""
        if read.statement["type"] != "disposed":
            return False
        unsound = self.report.unsound
        sound = [before for before in earlier if before.index not in unsound]
        proper = read.index not in unsound and _proper(sound, read) and self._approved(read)
        self.report.notes.append(f"NOT CHECKED: leaf {read.index}: rule, holds, absent approvals")
        if not proper:
            self.report.fail(12, "a disposal that is not proper", read.index)
        return proper

    def _absence(self, read: Read, part: s.Fields, *, disposed: bool) -> None:
        place = read.statement["event"], part["n"]
        opening = self.openings.get(place) if self.parts[place][0] is read else None
        if opening and "path" in opening:
            if disposed:
                self.report.fail(12, "content is here that was disposed of", read.index)
        elif disposed:
            self.report.judge(read.index, "DISPOSED")
        elif opening:
            self.report.judge(read.index, "WITHHELD")
        else:
            self.report.fail(12, f"part {part['n']} is missing", read.index)
            self.report.judge(read.index, "MISSING")

    # ------------------------------------------------------------ 13, 14

    def _receipts(self) -> None:
        last = -1
        for line in self._lines("receipts.jsonl", 13):
            try:
                index = self._receipt(line)
            except s.BadFormError as fault:
                self.report.fail(13, f"a receipt: {fault}")
                continue
            if index <= last:
                self.report.fail(13, f"the receipt of leaf {index} does not ascend")
            last = index

    def _receipt(self, line: bytes) -> int:
        envelope = shapes.read_envelope(line, shapes.RECEIPT)
        receipt = shapes.read_receipt(envelope.payload)
        index: int = receipt["index"]
        key = self.register.log_key_at(envelope.keyid, index)
        if key is None or not fits(key.public, envelope.signature, envelope.signed):
            raise s.BadFormError(f"of leaf {index} is not signed by a log key valid there")
        read = next((read for read in self.leaves if read.index == index), None)
        if read is None or receipt != _receipt_of(read):
            raise s.BadFormError(f"does not say what leaf {index} says")
        return index

    def _listing(self) -> None:
        if self.bundle.members["index.txt"] != self._computed_listing():
            self.report.fail(14, "index.txt is not as computed")

    def _computed_listing(self) -> bytes | None:
        if self.checkpoint is None:
            return None
        head, about = self.checkpoint, self.manifest["about"]
        asked = f" | {about['asked']}" if about["asked"] else ""
        lines = [
            "留痕 证据包目录 / Liuhen evidence bundle: contents",
            f"档案 origin: {self.manifest['origin']}",
            f"检查点 checkpoint: {head.size} 条 leaves, {head.root.hex()}",
            f"所求 asked for: {about['variety']}{asked}",
            f"截至 as of: {about['as_of']}",
            f"册 volume: {about['volume']}/{about['volumes']}",
            "核验 verify: python -m archive.evidence BUNDLE",
            "叶号 leaf | 版本 version | 事件 event | 步骤 step | 声称时间 occurred"
            " | 入档时间 recorded | 内容件 parts",
        ]
        blocks: dict[str, list[Read]] = defaultdict(list)
        for read in self.leaves:
            if read.file == LEAVES:
                blocks[read.statement["record"]].append(read)
        context = set(self.manifest["context"])
        for record in sorted(blocks, key=lambda r: (r in context, blocks[r][0].index)):
            lines += _block(record, blocks[record], beside=record in context)
        return "".join(f"{line}\n" for line in lines).encode()

    # ------------------------------------------------------------ 15

    def _stamps(self) -> None:
        members = self.bundle.members
        kinds: dict[str, set[int]] = {"tsr": set(), "renewed": set()}
        for path in members:
            if path.startswith("timestamps/"):
                number, _, kind = path[11:].partition(".")
                kinds[kind].add(int(number))
        numbers = kinds["tsr"]
        if numbers != set(range(1, len(numbers) + 1)) or kinds["renewed"] - numbers:
            self.report.fail(15, "timestamps are not numbered as they must be")
        for n in sorted(numbers):
            try:
                self.report.stamped[n] = self._stamp(n)
            except s.BadFormError as fault:
                self.report.fail(15, f"timestamp {n}: {fault}")
        led = [each.leads_to(self.authorities) for each in self.report.stamped.values()]
        if self.authorities and not any(led):
            self.report.fail(15, "no timestamp by a trusted authority")

    def _stamp(self, n: int) -> Token:
        members = self.bundle.members
        data, renewed = members[f"timestamps/{n}.tsr"], members.get(f"timestamps/{n}.renewed")
        if renewed is not None:
            return self._renewal(data, renewed)
        if len(data) > MOST_TOKEN:
            raise s.BadFormError("too long")
        note, whole = members["checkpoint"], None
        for over in dict.fromkeys((note, self._uncosigned(note))):
            try:
                return read_token(data, sha256(over).digest())
            except s.BadFormError as fault:
                whole = fault
        raise whole or s.BadFormError("over nothing")

    def _renewal(self, data: bytes, renewed: bytes) -> Token:
        hashes = {renewed[at : at + 32] for at in range(0, len(renewed), 32)}
        known = {
            sha256(self.bundle.members[f"timestamps/{n}.tsr"]).digest() for n in self.report.stamped
        }
        if len(renewed) % 32 or len(renewed) > MOST_TOKEN or not hashes & known:
            raise s.BadFormError("renews nothing that holds")
        return read_token(data, sha256(renewed).digest())

    def _uncosigned(self, note: bytes) -> bytes:
        """The note without the lines of others than the log."""
        try:
            key = read_vkey(self.manifest["log_key"])
            parsed = read_checkpoint(note)
        except s.BadFormError:
            return note
        own = [name == key.name and sig[:4] == key.hash for name, sig in parsed.lines]
        text, _, lines = note.rpartition(b"\n\n")
        kept = [line for line, is_own in zip(lines.splitlines(True), own, strict=True) if is_own]
        return text + b"\n\n" + b"".join(kept)


def _block(record: str, reads: list[Read], *, beside: bool) -> Iterator[str]:
    first = reads[0]
    mark = " | 佐证 context" if beside else ""
    kind, count = first.statement["kind"], len(reads)
    yield ""
    yield f"{first.leaf.number or '-'} | {kind} | {record} | {count} 个事件 events{mark}"
    for read in reads:
        said = read.statement
        fields = [read.index, said["version"], said["type"], said["step"] or "-"]
        fields += [said["occurred_at"], read.leaf.recorded_at, len(said["parts"])]
        yield " | ".join(map(str, fields))


def _receipt_of(read: Read) -> s.Fields:
    said = read.statement
    return {key: said[key] for key in ("event", "origin", "record", "version")} | {
        "index": read.index,
        "leaf_hash": leaf_hash(read.data).hex(),
        "number": read.leaf.number,
        "recorded_at": read.leaf.recorded_at,
        "v": 1,
    }


def _proper(earlier: list[Read], read: Read) -> bool:
    filing: s.Fields | None = None
    for before in earlier:
        if before.statement["type"] in {"filed", "reopened"}:
            filing = before.statement if before.statement["type"] == "filed" else None
    if filing is None:
        return False
    facts = read.statement["facts"]
    last_day = date.fromisoformat(facts["last_day"])
    try:
        passed = (s.moment(read.leaf.recorded_at) + timedelta(hours=14)).date() > last_day
    except OverflowError:
        passed = True
    in_time = facts["last_day"] >= filing["facts"]["base_date"] and passed
    return in_time and len(set(facts["approvals"])) >= 2


def verify(
    file: bytes,
    trusted: VerifierKey | None = None,
    policy: Policy | None = None,
    authorities: list[bytes] | None = None,
) -> Report:
    """Verify a bundle's bytes; an unusable one raises `UnusableError`."""
    return Verification(open_bundle(file), trusted, policy, authorities or []).run()
