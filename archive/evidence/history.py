"""Steps 7, 8, 9 and 12 of the verifier: what the events of a record say about each other."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from archive.evidence import dsse, leaf
from archive.evidence.checkpoint import Checkpoint
from archive.evidence.instant import parse_time
from archive.evidence.report import Level, Report
from archive.evidence.statement import Statement


@dataclass(frozen=True, slots=True)
class Seen:
    """A leaf that could be read."""

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


@dataclass(slots=True)
class Record:
    """What is remembered of a record while its leaves go by."""

    version: int = 0
    prev: str | None = None
    kind: str = ""
    number: str | None = None
    envelopes: set[bytes] = field(default_factory=set)  # 32 byte hashes
    base_date: str | None = None  # of the last filing that stands
    disposal: int | None = None  # leaf index of a proper disposal


class History:
    """Feed it every leaf in order of index; it reports what does not fit."""

    def __init__(self, report: Report, origin: str, listed: Collection[str]) -> None:
        self._report, self._origin, self._listed = report, origin, frozenset(listed)
        self._events: set[bytes] = set()
        self._numbers: set[str] = set()
        self._recorded_at = ""
        self.records: dict[str, Record] = {}

    def take(self, seen: Seen, checkpoint: Checkpoint | None) -> Record:
        record = self.records.setdefault(seen.statement.record, Record())
        self._chain(seen, record)
        self._time(seen)
        self._anchor(seen, checkpoint)
        self._signoff(seen, record)
        self._remember(seen, record)
        return record

    # 7. Origin, record, contiguous versions, previous hashes, ids and numbers that occur once.
    def _chain(self, seen: Seen, record: Record) -> None:
        for fault in self._chain_faults(seen, record):
            self._report.fail(7, "chain", seen.where, fault)
        self._report.count(7)

    def _chain_faults(self, seen: Seen, record: Record) -> Iterator[str]:
        said, number = seen.statement, seen.leaf.number
        if said.origin != self._origin:
            yield f"origin is {said.origin}"
        if said.record not in self._listed:
            yield "the manifest does not list this record"
        if said.version != record.version + 1:
            yield f"version {said.version} follows version {record.version}"
        if said.prev != record.prev:
            yield "prev is not the hash of the record's previous envelope"
        if record.version and said.kind != record.kind:
            yield f"kind changed from {record.kind} to {said.kind}"
        if bytes.fromhex(said.event) in self._events:
            yield "event id occurs twice"
        if number is not None and (said.version != 1 or number in self._numbers):
            yield "a number stands on a record's first leaf only, and is given once"

    # 8. Recorded times do not run back; claimed times that lie ahead are flagged.
    def _time(self, seen: Seen) -> None:
        recorded, occurred = seen.leaf.recorded_at, seen.statement.occurred_at
        if recorded < self._recorded_at:
            detail = f"{recorded} after {self._recorded_at}"
            self._report.fail(8, "recorded-back", seen.where, detail)
        self._recorded_at = max(self._recorded_at, recorded)
        self._report.count(8)
        if occurred > recorded:
            detail = f"{occurred} > {recorded}"
            self._report.add(8, Level.FLAG, "occurred-ahead", seen.where, detail)

    # 8, continued. The checkpoint that an own-key signer had seen lies on this one chain.
    def _anchor(self, seen: Seen, checkpoint: Checkpoint | None) -> None:
        anchor = seen.statement.seen
        if anchor is None:
            return
        if anchor.size > seen.index:
            self._report.fail(8, "anchor", seen.where, f"saw {anchor.size} leaves")
        elif checkpoint is not None and anchor.size == checkpoint.size:
            if anchor.root != checkpoint.root.hex():
                self._report.fail(8, "anchor", seen.where, "saw another tree")
        else:
            self._report.add(8, Level.NOT_CHECKED, "anchor-open", seen.where, anchor.size)

    # 9. What a sign-off covers exists earlier in the record.
    def _signoff(self, seen: Seen, record: Record) -> None:
        signoff = seen.statement.signoff
        if signoff is None:
            return
        self._report.count(9)
        missing = [
            hash_ for hash_ in signoff.covers if bytes.fromhex(hash_) not in record.envelopes
        ]
        if missing:
            self._report.fail(9, "covers", seen.where, ", ".join(missing))

    def _remember(self, seen: Seen, record: Record) -> None:
        said = seen.statement
        self._events.add(bytes.fromhex(said.event))
        if seen.leaf.number:
            self._numbers.add(seen.leaf.number)
            record.number = record.number or seen.leaf.number
        record.version, record.kind = said.version, said.kind
        record.prev = dsse.envelope_hash(seen.envelope.raw)
        record.envelopes.add(bytes.fromhex(record.prev))
        self._disposal(seen, record)

    # 12. Disposal: after filing, after the last day, by two approvals.
    def _disposal(self, seen: Seen, record: Record) -> None:
        said = seen.statement
        if said.type == "filed":
            record.base_date = said.facts["base_date"]
        elif said.type == "reopened":
            record.base_date = None
        elif said.type == "disposed":
            faults = list(_disposal_faults(seen, record))
            for fault in faults:
                self._report.fail(12, "disposal", seen.where, fault)
            if not faults:
                record.disposal = seen.index
            self._report.count(12)
            self._report.add(12, Level.NOT_CHECKED, "disposal-outside", seen.where)


def _disposal_faults(seen: Seen, record: Record) -> Iterator[str]:
    facts = seen.statement.facts
    last_day = date.fromisoformat(facts["last_day"])
    if record.base_date is None:
        yield "the record was not filed"
    elif last_day < date.fromisoformat(record.base_date):
        yield "last day before the base date"
    # The civil day may be up to 14 hours ahead of UTC; the exact zone rule is retention's.
    elif not _after(seen.leaf.recorded_at, last_day):
        yield f"recorded {seen.leaf.recorded_at}, not after the last day {last_day}"
    if len(set(facts["approvals"])) < 2:
        yield "fewer than two approvals"


def _after(recorded_at: str, last_day: date) -> bool:
    try:
        return (parse_time(recorded_at) + timedelta(hours=14)).date() > last_day
    except OverflowError:  # the last day of the year 9999
        return True
