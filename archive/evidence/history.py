"""Steps 7, 8, 9 and 12 of the verifier: what the events of a record say about each other."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from sys import intern

from archive.evidence import dsse, leaf
from archive.evidence.approvals import APPROVED, LISTED, Approvals, Disposal
from archive.evidence.instant import parse_time
from archive.evidence.report import Level, Report, place
from archive.evidence.statement import Statement

_HASH = 32
_SHORT = 32  # events of a record, up to which its hashes are held without room to grow
_LONG = 2048  # events of a record, from which on a set is made to search it


@dataclass(frozen=True, slots=True)
class Seen:
    """A leaf that could be read."""

    index: int
    data: bytes
    leaf: leaf.Leaf
    envelope: dsse.Envelope
    statement: Statement
    in_register: bool  # it stood in keys.jsonl

    @property
    def where(self) -> str:
        said = self.statement
        return place(said.record, self.leaf.number, said.event, self.index)


@dataclass(slots=True)
class Record:
    """What is remembered of a record while its leaves go by."""

    place: int  # in the report's events
    version: int = 0
    kind: str = ""
    envelopes: bytes | bytearray = b""  # hashes in order, 32 bytes each; bytearray once it is long
    sought: set[bytes] | None = None  # the same, once a long record is searched
    base_date: str | None = None  # of the last filing that stands
    disposal: int | None = None  # leaf index of the last proper disposal

    @property
    def prev(self) -> str | None:
        return self.envelopes[-_HASH:].hex() if self.envelopes else None

    def add(self, hash_: bytes) -> None:
        if len(self.envelopes) == _SHORT * _HASH:
            self.envelopes = bytearray(self.envelopes)
        self.envelopes += hash_
        if self.sought is not None:
            self.sought.add(hash_)

    def holds(self, hash_: bytes) -> bool:
        """Whether an earlier envelope of this record has that hash."""
        if self.sought is None and len(self.envelopes) > _LONG * _HASH:
            self.sought = set(self.hashes())
        return hash_ in (self.hashes() if self.sought is None else self.sought)

    def hashes(self) -> Iterator[bytes]:
        held = self.envelopes
        return (bytes(held[i : i + _HASH]) for i in range(0, len(held), _HASH))


class History:
    """Feed it every leaf in order of index; it reports what does not fit."""

    def __init__(self, report: Report, origin: str, listed: Collection[str]) -> None:
        self._report, self._origin = report, origin
        self._listed = frozenset(map(bytes.fromhex, listed))
        self._events: set[bytes] = set()
        self._numbers: set[str] = set()
        self._recorded_at = ""
        self._approvals = Approvals()
        self._disposals: list[tuple[Record, Disposal]] = []
        self.records: dict[bytes, Record] = {}

    def take(self, seen: Seen) -> Record:
        id_ = bytes.fromhex(seen.statement.record)
        record = self.records.get(id_)
        if record is None:
            added = self._report.events.add_record(id_, seen.leaf.number)
            record = self.records[id_] = Record(added)
        self._chain(seen, record, id_)
        self._time(seen)
        self._anchor(seen)
        self._signoff(seen, record)
        self._remember(seen, record)
        return record

    # 7. Origin, record, contiguous versions, previous hashes, ids and numbers that occur once.
    def _chain(self, seen: Seen, record: Record, id_: bytes) -> None:
        for code, detail in self._chain_faults(seen, record, id_):
            self._report.fail(7, code, seen.where, detail)
        self._report.count(7)

    def _chain_faults(self, seen: Seen, record: Record, id_: bytes) -> Iterator[tuple[str, object]]:
        said, number = seen.statement, seen.leaf.number
        if said.origin != self._origin:
            yield "origin-other", said.origin
        if not seen.in_register and id_ not in self._listed:
            yield "record-unlisted", ""
        if said.version != record.version + 1:
            yield "version-gap", f"{record.version} -> {said.version}"
        if said.prev != record.prev:
            yield "prev", ""
        if record.version and said.kind != record.kind:
            yield "kind-changed", f"{record.kind} -> {said.kind}"
        if bytes.fromhex(said.event) in self._events:
            yield "event-twice", ""
        if number is not None and said.version != 1:
            yield "number-late", number
        if number is not None and number in self._numbers:
            yield "number-twice", number

    # 8. Recorded times do not run back; claimed times that lie ahead are flagged.
    def _time(self, seen: Seen) -> None:
        recorded, occurred = seen.leaf.recorded_at, seen.statement.occurred_at
        if recorded < self._recorded_at:
            detail = f"{self._recorded_at} -> {recorded}"
            self._report.fail(8, "recorded-back", seen.where, detail)
        self._recorded_at = max(self._recorded_at, recorded)
        self._report.count(8)
        if occurred > recorded:
            detail = f"{occurred} > {recorded}"
            self._report.add(8, Level.FLAG, "occurred-ahead", seen.where, detail)

    # 8, continued. The checkpoint that an own-key signer had seen is older than the leaf.
    def _anchor(self, seen: Seen) -> None:
        anchor = seen.statement.seen
        if anchor is None:
            return
        if anchor.size > seen.index:
            self._report.fail(8, "anchor-ahead", seen.where, anchor.size)
        else:
            self._report.add(8, Level.NOT_CHECKED, "anchor-open", seen.where, anchor.size)

    # 9. What a sign-off covers exists earlier in the record.
    def _signoff(self, seen: Seen, record: Record) -> None:
        signoff = seen.statement.signoff
        if signoff is None:
            return
        self._report.count(9)
        missing = [hash_ for hash_ in signoff.covers if not record.holds(bytes.fromhex(hash_))]
        if missing:
            self._report.fail(9, "covers", seen.where, ", ".join(missing))

    def _remember(self, seen: Seen, record: Record) -> None:
        said = seen.statement
        self._events.add(bytes.fromhex(said.event))
        if seen.leaf.number:
            self._numbers.add(seen.leaf.number)
        record.version, record.kind = said.version, intern(said.kind)
        record.add(sha256(seen.envelope.raw).digest())

    # 12. Disposal: after filing, after the last day, by two approvals.
    def disposal(self, seen: Seen, record: Record, *, sound: bool) -> None:
        """Filings, reopenings and disposals; `sound`: steps 4 to 9 did not fail for this leaf.

        One that is not sound is nobody's word: else whoever slips in a `disposed` could explain
        away content that he has lost.
        """
        said = seen.statement
        if said.type == "disposed":
            faults = list(_disposal_faults(seen, record)) if sound else [("disposal-unsound", "")]
            for code, detail in faults:
                self._report.fail(12, code, seen.where, detail)
            if not faults:
                self._disposals.append((record, _disposal(seen)))
            self._report.count(12)
            self._report.add(12, Level.NOT_CHECKED, "disposal-outside", seen.where)
        elif sound and said.type == "filed":
            record.base_date = intern(said.facts["base_date"])
        elif sound and said.type == "reopened":
            record.base_date = None
        elif sound and said.type in (LISTED, APPROVED):
            self._approvals.take(seen.index, said, sha256(seen.envelope.raw).digest())

    # 12, continued. Approvals that a disposal names, as far as they are in the bundle.
    def settle(self) -> None:
        """Once all leaves have gone by, and before content is asked for."""
        wanted = {hash_ for _, disposal in self._disposals for hash_ in disposal.approvals}
        here = (
            {h for r in self.records.values() for h in r.hashes() if h in wanted} if wanted else ()
        )
        for record, disposal in self._disposals:
            faults = list(self._approvals.faults(disposal, here))
            for code, detail in faults:
                self._report.fail(12, code, disposal.where, detail)
            for hash_ in disposal.approvals:
                if hash_ not in here:
                    self._report.add(
                        12,
                        Level.NOT_CHECKED,
                        "disposal-approval-outside",
                        disposal.where,
                        hash_.hex(),
                    )
            if not faults:
                record.disposal = disposal.index


def _disposal(seen: Seen) -> Disposal:
    facts = seen.statement.facts
    approvals = tuple(bytes.fromhex(hash_) for hash_ in dict.fromkeys(facts["approvals"]))
    return Disposal(seen.index, seen.where, facts["list"], approvals)


def _disposal_faults(seen: Seen, record: Record) -> Iterator[tuple[str, str]]:
    facts = seen.statement.facts
    last_day = date.fromisoformat(facts["last_day"])
    if record.base_date is None:
        yield "disposal-unfiled", ""
    elif last_day < date.fromisoformat(record.base_date):
        yield "disposal-base", f"{last_day} < {record.base_date}"
    # The civil day may be up to 14 hours ahead of UTC; the exact zone rule is retention's.
    if not _after(seen.leaf.recorded_at, last_day):
        yield "disposal-early", f"{seen.leaf.recorded_at}, {last_day}"
    if len(set(facts["approvals"])) < 2:
        yield "disposal-approvals", ""


def _after(recorded_at: str, last_day: date) -> bool:
    try:
        return (parse_time(recorded_at) + timedelta(hours=14)).date() > last_day
    except OverflowError:  # the last day of the year 9999
        return True
