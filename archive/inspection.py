"""One stretch of leaves examined: everything about a leaf that can be judged without the others.

Runs in worker processes, each with connections of its own. What needs the neighbours goes back in
compact form: hashes for the tree, rows for the chains, first and last times and numbers.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from time import thread_time
from typing import Any

import orjson

from archive import receipts
from archive.chains import (
    BUCKETS,
    DISPOSED,
    EVENT,
    GAP,
    GAPS,
    NO_HASH,
    POINTER,
    PRESENT,
    ROW,
    Key,
)
from archive.collecting import rarely_from_now_on
from archive.evidence import attachment, content, dsse, receipt, register
from archive.evidence.errors import ContentError, EvidenceError, FormatError
from archive.evidence.instant import time_text
from archive.evidence.leaf import Leaf
from archive.evidence.merkle import Frontier, leaf_hash
from archive.evidence.receipt import Receipt
from archive.evidence.register import KeyRegister
from archive.evidence.statement import Part, Statement
from archive.evidence.tiles import WIDTH
from archive.findings import Finding, Findings
from archive.instants import moment
from archive.keystore import KeyDestroyed, KeyStore
from archive.leaves import read_leaf
from archive.log import verify_checkpoint
from archive.masters import KeyStoreError
from archive.sealing import INTERNAL, stored_type
from archive.sql import SqlStore
from archive.sql_audit import PARTS, SMALL


@dataclass(slots=True)
class Stretch:
    """What was learned of the leaves start <= index < stop."""

    start: int
    stop: int
    blocks: list[bytes] = field(default_factory=list)
    """Roots of the complete blocks of 256 leaves."""
    tail: tuple[bytes, ...] = ()
    """Frontier of the leaves after the last complete block."""
    heads: list[tuple[int, bytes, tuple[bytes, ...]]] = field(default_factory=list)
    """(size, root signed, frontier within its block) of each checkpoint in start < size <= stop."""
    streams: dict[Key, bytes] = field(default_factory=dict)
    numbers: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    """By prefix and year: the first number given, its leaf, the highest number."""
    first_time: str = ""
    last_time: str = ""
    findings: list[Finding] = field(default_factory=list)
    more: Counter[str] = field(default_factory=Counter)
    """Findings that were counted and not kept."""
    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    """Of a processor, that the examination took."""


@dataclass(slots=True)
class _Leaf:
    """A row of the log and what its bytes say."""

    index: int
    row: Sequence[Any]
    leaf: Leaf
    envelope: dsse.Envelope
    said: Statement
    hash: bytes

    def finding(self, code: str, detail: object = "", part: str | None = None) -> Finding:
        said = self.said
        return Finding(
            code,
            str(detail),
            self.index,
            said.record,
            self.leaf.number,
            said.version,
            said.event,
            part,
        )


@cache
def kind_hash(kind: str) -> bytes:
    return hashlib.sha256(kind.encode()).digest()[:16]


RECORD_KEYS = 50_000
"""Kept by each process; about 200 bytes each."""
Kinds = Mapping[tuple[str, int], bool]
"""Every kind and version there is: whether its records are the archive's own."""


@dataclass(frozen=True, slots=True)
class Sources:
    """How each process opens the archive; the callables must be picklable (functools.partial)."""

    origin: str
    open_store: Callable[[], SqlStore]
    open_keys: Callable[[], KeyStore]


class Inspector:
    """Examines stretches. `files`: also open every segment of every attachment."""

    def __init__(self, sources: Sources, kinds: Kinds, files: bool = True) -> None:
        self.origin, self.kinds, self.files = sources.origin, kinds, files
        self.store, self.keys = sources.open_store(), sources.open_keys()
        self.register, self.entries, _ = read_register(self.origin, self.store)
        self._topics: dict[tuple[str, int, str], tuple[str, ...]] = {}
        self._record_keys: dict[str, bytes | None] = {}

    def close(self) -> None:
        self.keys.close()
        self.store.close()

    def topics(self, kind: str, version: int, event_type: str) -> tuple[str, ...]:
        """Where an event may be stored; two names where its kind is not known here."""
        key = kind, version, event_type
        if key not in self._topics:
            name = f"{kind}/{event_type}"
            internal = kind == register.KIND or self.kinds.get((kind, version))
            both = (name, INTERNAL + name)
            self._topics[key] = both if internal is None else (both[internal],)
        return self._topics[key]

    def record_key(self, record: str) -> bytes | None:
        """None where there is none (any more), or none that opens.

        Kept over stretches: the key store looks at its master's file each time it is asked.
        """
        if record not in self._record_keys:
            if len(self._record_keys) >= RECORD_KEYS:
                self._record_keys.clear()
            try:
                self._record_keys[record] = self.keys.get(record)
            except (KeyDestroyed, KeyStoreError):
                self._record_keys[record] = None
        return self._record_keys[record]

    def fetch_keys(self, records: set[str]) -> None:
        """Keys that `record_key` will be asked for, in one question instead of one for each."""
        if len(self._record_keys) >= RECORD_KEYS:
            self._record_keys.clear()
        new = sorted(records - self._record_keys.keys())
        self._record_keys.update(self.keys.get_many(new) if new else {})

    def stretch(self, start: int, stop: int) -> Stretch:
        """`start` is a multiple of 256."""
        return _Examination(self, start, stop).run()


def read_register(
    origin: str, store: SqlStore
) -> tuple[KeyRegister, frozenset[int], list[Finding]]:
    """The key register, the leaves it was made from, and the entries that have no place in it.

    An entry that is not sound has no effect, as docs/formats.md 8 says: else a forged revocation
    would accuse everything signed after it, and a forged registration vouch for it. One whose
    signature does not fit is no finding here, since its own stretch names it.
    """
    found, entries, faults = KeyRegister(origin), set(), []
    for row in sorted(store.record(found.record), key=lambda row: row.leaf_index):
        entries.add(row.leaf_index)
        try:
            _, envelope, said = read_leaf(row.leaf)
            found.apply(row.leaf_index, said)
        except EvidenceError as error:
            faults.append(
                Finding("register", str(error), row.leaf_index, row.record_id, version=row.version)
            )
            continue
        try:
            dsse.verify(envelope, found.signer_of(said, row.leaf_index))
        except EvidenceError:
            found.undo()
    return found, frozenset(entries), faults


class _Examination:
    """One stretch; the methods follow the order in which a leaf is judged."""

    def __init__(self, home: Inspector, start: int, stop: int) -> None:
        self.home, self.out = home, Stretch(start, stop)
        self.store, self.register = home.store, home.register
        self.findings = Findings()
        self.streams = defaultdict[Key, bytearray](bytearray)
        self.time_of: dict[int, str] = {}
        self.counts = self.out.counts

    def run(self) -> Stretch:
        out, began = self.out, thread_time()
        sizes = self._checkpoints()
        for start in range(out.start, out.stop, WIDTH):
            self._block(start, min(start + WIDTH, out.stop), sizes)
        out.findings = self.findings.kept
        kept = Counter(finding.code for finding in out.findings)
        out.more = self.findings.by_code - kept
        out.streams = {key: bytes(data) for key, data in self.streams.items()}
        out.seconds = thread_time() - began
        return out

    # ------------------------------------------------------------ checkpoints

    def _checkpoints(self) -> dict[int, list[bytes]]:
        """Signed roots by size; signature, origin and key are judged here, the root later."""
        found: dict[int, list[bytes]] = {}
        for size, data in self.store.audit_checkpoints(self.out.start, self.out.stop):
            try:
                head = verify_checkpoint(self.register, self.home.origin, data)
            except EvidenceError as error:
                self.findings.add(Finding("checkpoint", str(error), part=f"checkpoint {size}"))
                continue
            if head.size != size:
                detail = f"stored for {size} leaves, signed over {head.size}"
                self.findings.add(Finding("checkpoint", detail, part=f"checkpoint {size}"))
                continue
            self.counts["checkpoints"] += 1
            found.setdefault(size, []).append(head.root)
        return found

    # ------------------------------------------------------------ a block of at most 256 leaves

    def _block(self, start: int, stop: int, sizes: dict[int, list[bytes]]) -> None:
        rows = {row[0]: row for row in self.store.audit_leaves(start, stop)}
        self.home.fetch_keys({row[1].hex() for row in rows.values()})
        parts: dict[int, dict[int, Any]] = {}
        for row in self.store.audit_contents(start, stop):
            index, n = divmod(row[0], PARTS)
            parts.setdefault(index, {})[n] = row
        tile = self.store.tile(0, start // WIDTH) or b""
        frontier = Frontier()
        for index in range(start, stop):
            signed = tile[(index - start) * 32 : (index - start) * 32 + 32]
            frontier.append(self._leaf(index, rows.get(index), parts.pop(index, {}), signed))
            for root in sizes.get(index + 1, ()):
                self.out.heads.append((index + 1, root, frontier.hashes))
        if stop - start == WIDTH:
            self.out.blocks.append(frontier.root())
        else:
            self.out.tail = frontier.hashes

    def _leaf(self, index: int, row: Any, parts: dict[int, Any], signed: bytes) -> bytes:
        """Judge one leaf; the hash with which the tree goes on."""
        if row is None:
            self.findings.add(Finding("leaf-missing", leaf=index))
            self._orphans(index, parts)
            return signed or NO_HASH
        hash_ = leaf_hash(row[8])
        self.counts["leaves"] += 1
        try:
            leaf, envelope, said = read_leaf(row[8])
        except EvidenceError as error:
            version = row[2]
            self.findings.add(Finding("leaf-form", str(error), index, row[1].hex(), None, version))
            return self._hash(Finding("leaf-form", "", index), row, hash_, signed)
        seen = _Leaf(index, row, leaf, envelope, said, hash_)
        self._columns(seen)
        self._order(seen)
        self._signature(seen)
        self._receipt(seen)
        present = self._parts(seen, parts)
        self._rows(seen, present)
        if hash_ == row[7] == (signed or hash_):
            return hash_
        return self._hash(seen.finding("leaf-hash"), row, hash_, signed)

    def _hash(self, where: Finding, row: Any, hash_: bytes, signed: bytes) -> bytes:
        """Bytes, column and tile should agree; where two do, the third is at fault.

        The tree goes on with the hash that most agree on, so that one damaged leaf is one finding
        and not one more for every checkpoint after it.
        """
        column = row[7]
        code, chosen = "", hash_
        if hash_ == column:
            if signed and signed != hash_:
                code = "tile"
        elif signed == hash_ or (not signed and self._received(row) == hash_):
            code = "leaf-hash"
        else:
            code, chosen = "leaf-bytes", signed or column
        if code:
            part = f"tile 0/{row[0] // WIDTH}" if code == "tile" else None
            self.findings.add(_recoded(where, code, part))
        return chosen

    @staticmethod
    def _received(row: Any) -> bytes | None:
        try:
            return bytes.fromhex(receipt.read(receipts.told(row[9] or b""))[1].leaf_hash)
        except EvidenceError:
            return None

    def _columns(self, seen: _Leaf) -> None:
        said, row = seen.said, seen.row
        if said.origin != self.home.origin:
            self.findings.add(seen.finding("origin", said.origin))
        if row[1].hex() != said.record:
            self.findings.add(seen.finding("column", row[1].hex(), "record_id"))
        if row[2] != said.version:
            self.findings.add(seen.finding("column", row[2], "version"))
        if row[3] not in self.home.topics(
            said.kind, said.kind_version, stored_type(said.type, said.version)
        ):
            self.findings.add(seen.finding("column", row[3], "topic"))
        if row[4] is None or row[4].hex() != said.event:
            self.findings.add(seen.finding("column", row[4] and row[4].hex(), "event_id"))
        if row[6] != seen.leaf.number:
            self.findings.add(seen.finding("column", row[6], "number"))
        if self._time(row[5]) != seen.leaf.recorded_at:
            self.findings.add(seen.finding("column", self._time(row[5]), "recorded_at"))

    def _time(self, micros: int) -> str:
        text = self.time_of.get(micros)
        if text is None:
            if len(self.time_of) > 1000:
                self.time_of.clear()
            text = self.time_of[micros] = time_text(moment(micros))
        return text

    def _order(self, seen: _Leaf) -> None:
        out, recorded = self.out, seen.leaf.recorded_at
        if recorded < out.last_time:
            self.findings.add(seen.finding("order", f"{recorded} after {out.last_time}"))
        out.first_time = out.first_time or recorded
        out.last_time = max(out.last_time, recorded)
        number = seen.leaf.number
        if number is None:
            return
        prefix, _, sequence = number.rpartition("-")
        if seen.said.version != 1 or not sequence.isdecimal():
            self.findings.add(seen.finding("number", number))
            return
        first, leaf, last = out.numbers.get(prefix, (int(sequence), seen.index, int(sequence) - 1))
        if int(sequence) != last + 1:
            detail = f"{number} after {prefix}-{last:05d}"
            self.findings.add(seen.finding("number", detail))
        out.numbers[prefix] = first, leaf, max(last, int(sequence))

    def _signature(self, seen: _Leaf) -> None:
        said = seen.said
        in_register = said.record == self.register.record
        if (said.type in register.EVENTS) != in_register:
            self.findings.add(seen.finding("register", "key event outside the register"))
        elif in_register and seen.index not in self.home.entries:
            self.findings.add(seen.finding("register", "not found by the register's record id"))
        try:
            dsse.verify(seen.envelope, self.register.signer_of(said, seen.index))
        except EvidenceError as error:
            self.findings.add(seen.finding("signature", error))
        self.counts["signatures"] += 1
        if said.seen is not None:
            self._anchor(seen, said.seen.size, said.seen.root)

    def _anchor(self, seen: _Leaf, size: int, root: str) -> None:
        stored = self.store.checkpoint(size) if size <= seen.index else None
        try:
            fits = stored is not None and root == (
                verify_checkpoint(self.register, self.home.origin, stored.note).root.hex()
            )
        except EvidenceError:
            fits = False
        if not fits:
            self.findings.add(seen.finding("anchor", f"{size} leaves, root {root}"))

    def _receipt(self, seen: _Leaf) -> None:
        raw = seen.row[9]
        if raw is None:
            self.findings.add(seen.finding("receipt-missing"))
            return
        self.counts["receipts"] += 1
        # What the leaf says was read within bounds, so these are the only canonical bytes.
        expected = _receipt_of(seen)
        payload = receipt.encode_checked(expected)
        try:
            keyid, signature = receipts.signature(raw, expected) or _signed(raw, payload)
            key = self.register.key_at(keyid, seen.index, "log")
            key.verify(signature, dsse.pae(dsse.RECEIPT_TYPE, payload))
        except EvidenceError as error:
            self.findings.add(seen.finding("receipt", error))

    # ------------------------------------------------------------ content

    def _parts(self, seen: _Leaf, rows: dict[int, Any]) -> bool:
        """Open every part; whether any of the event's content is there."""
        said = seen.said
        present = bool(rows)
        sizes: dict[int, int] | None = None
        for part in said.parts:
            row = rows.pop(part.n, None)
            key = self._content_key(seen, part, row)
            if key is None or row is None:
                continue
            if part.role == "content":
                plain = self._content(seen, part, row, key)
                if part.n == 0 and plain is not None and len(said.parts) > 1:
                    sizes = _sizes(plain)
            else:
                self._attachment(seen, part, row, key, sizes)
        self._orphans(seen.index, rows)
        return present

    def _orphans(self, index: int, rows: dict[int, Any]) -> None:
        for n in rows:
            self.findings.add(Finding("content-orphan", leaf=index, part=f"part {n}"))

    def _content_key(self, seen: _Leaf, part: Part, row: Any) -> bytes | None:
        """The part's key; None after saying why there is none."""
        if row is None:
            self._gap(seen, part, "content-missing")
            return None
        if row[1].hex() != part.key:
            self.findings.add(seen.finding("content-column", row[1].hex(), f"part {part.n} key_id"))
        record_key = self.home.record_key(seen.said.record)
        if record_key is None:
            self._gap(seen, part, "key-missing")
            return None
        try:
            return content.unwrap(record_key, row[2], part.key)
        except ContentError as error:
            self.findings.add(seen.finding("wrapped-key", error, f"part {part.n}"))
            return None

    def _gap(self, seen: _Leaf, part: Part, code: str) -> None:
        record, event = bytes.fromhex(seen.said.record), bytes.fromhex(seen.said.event)
        gap = GAP.pack(record, seen.index, part.n, event, GAPS.index(code))
        self._stream("gap", record, gap)

    def _content(self, seen: _Leaf, part: Part, row: Any, key: bytes) -> bytes | None:
        ciphertext = row[4]
        if ciphertext is None and (row[3] or 0) > SMALL:
            ciphertext = self.store.audit_ciphertext(row[0])
        said = seen.said
        try:
            plain = content.open_part(
                part, ciphertext or b"", record=said.record, event=said.event, key=key
            )
        except ContentError as error:
            whole = hashlib.sha256(ciphertext or b"").hexdigest() == part.ciphertext
            code = "content" if whole else "ciphertext"
            self.findings.add(seen.finding(code, error, f"part {part.n}"))
            return None
        self.counts["contents"] += 1
        return plain

    def _attachment(
        self, seen: _Leaf, part: Part, row: Any, key: bytes, sizes: dict[int, int] | None
    ) -> None:
        where = f"part {part.n}"
        if row[3] is not None:
            self.findings.add(seen.finding("content-column", "ciphertext of an attachment", where))
        count = attachment.segment_count(part.length)
        stored = self.store.segments(part.key)
        if stored > count:
            self.findings.add(seen.finding("segment-orphan", f"{stored} of {count}", where))
        if not self.home.files or sizes is None:
            return
        self.counts["attachments"] += 1
        try:
            segments = self._segments(part, count)
            attachment.check_ciphertext(part, key, segments, sizes.get(part.n, -1))
        except _SegmentMissing as missing:
            self.findings.add(seen.finding("segment-missing", part=f"{where} segment {missing}"))
        except ContentError as error:
            self.findings.add(seen.finding("segment", error, where))

    def _segments(self, part: Part, count: int) -> Iterator[bytes]:
        for i in range(count):
            segment = self.store.segment(part.key, i)
            if segment is None:
                raise _SegmentMissing(i)
            yield segment

    # ------------------------------------------------------------ rows for the chains

    def _rows(self, seen: _Leaf, present: bool) -> None:
        said = seen.said
        record, event = bytes.fromhex(said.record), bytes.fromhex(said.event)
        flags = (DISPOSED if said.type == "disposed" else 0) | (PRESENT if present else 0)
        row = ROW.pack(
            record,
            event,
            seen.index,
            said.version,
            hashlib.sha256(seen.envelope.raw).digest(),
            bytes.fromhex(said.prev) if said.prev else NO_HASH,
            kind_hash(said.kind),
            flags,
        )
        self._stream("row", record, row)
        self._stream("event", event, EVENT.pack(event, seen.index))
        if said.signoff is not None:
            for hash_ in said.signoff.covers:
                self._point(record, hash_, seen.index)
        for ref in said.refs:
            if ref.event is not None:
                self._point(bytes.fromhex(ref.record), ref.event, seen.index)

    def _point(self, record: bytes, hash_: str, index: int) -> None:
        self._stream("pointer", record, POINTER.pack(record, bytes.fromhex(hash_), index))

    def _stream(self, name: str, key: bytes, data: bytes) -> None:
        self.streams[name, key[0] % BUCKETS] += data


class _SegmentMissing(Exception):
    """Carries the number of the segment out of the reader of segments."""


def _recoded(where: Finding, code: str, part: str | None) -> Finding:
    return Finding(
        code, "", where.leaf, where.record, where.number, where.version, where.event, part
    )


def _signed(stored: bytes, payload: bytes) -> tuple[str, bytes]:
    """Key id and signature of a receipt that is kept as text."""
    envelope = dsse.parse(receipts.told(stored), dsse.RECEIPT_TYPE)
    if envelope.payload != payload:
        receipt.parse(envelope.payload)
        raise FormatError("says otherwise than the leaf")
    return envelope.keyid, envelope.signature


def _receipt_of(seen: _Leaf) -> Receipt:
    said = seen.said
    return Receipt(
        origin=said.origin,
        event=said.event,
        record=said.record,
        version=said.version,
        index=seen.index,
        leaf_hash=seen.hash.hex(),
        recorded_at=seen.leaf.recorded_at,
        number=seen.leaf.number,
    )


def _sizes(plain: bytes) -> dict[int, int]:
    """True sizes of the attachments, as the event's content says them."""
    try:
        listed = orjson.loads(plain)["attachments"]
        return {item["n"]: item["size"] for item in listed}
    except (ValueError, KeyError, TypeError):
        return {}


# ---------------------------------------------------------------- in a worker process

_here: list[Inspector] = []


def prepare(sources: Sources, kinds: Kinds, files: bool, nice: int) -> None:
    """Called once in each worker. This module imports no kinds: a worker must start quickly."""
    os.nice(nice)
    _here.append(Inspector(sources, kinds, files))
    rarely_from_now_on()


def examine(start: int, stop: int) -> Stretch:
    return _here[0].stretch(start, stop)
