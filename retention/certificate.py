"""销毁证明: what was destroyed, by which rule, who decided it, and what stays to prove it.

A reading of the `disposal` record, which is permanent, and of the tombstones in the log. The
bundle carries both, so that the certificate is verified offline (`archive.evidence`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO

from archive.evidence.instant import time_text
from archive.exporting import Exported, Wanted
from archive.opening import Archive
from domain import disposals
from domain.disposals import Item
from domain.record import Entry, Record
from retention.errors import DisposalRefusedError


@dataclass(frozen=True, slots=True)
class Hand:
    """Who did what to the list, and when. `digest`: the envelope that says so, signed."""

    step: str
    person: str | None
    name: str
    at: datetime
    digest: str


@dataclass(frozen=True, slots=True)
class Line:
    """One item: what it was (no names, no free text), and how it ended."""

    item: Item
    destroyed: bool
    code: str | None
    why: str | None
    tombstone: str | None
    """Envelope hash of the record's `disposed` event."""
    events: int
    head: str | None
    """Envelope hash of its last event before that."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """`time_status`: `proven` by outside time, or `self-asserted` by the two who approved.

    `effective_from`: from then on no file of this archive and no older key backup opens what was
    destroyed. `supplements`: what could only be finished later.
    """

    number: str
    disposal: str
    medium: str
    list_hash: str
    lines: Sequence[Line]
    hands: Sequence[Hand]
    method: str
    started_at: str
    ended_at: str
    effective_from: str
    time_status: str
    supplements: Sequence[Entry]

    @property
    def destroyed(self) -> int:
        return sum(line.destroyed for line in self.lines)

    @property
    def exceptions(self) -> Sequence[Line]:
        return [line for line in self.lines if not line.destroyed]


HANDS = (
    "list", "relist", "review", "approve-first", "approve-second", "start", "destroy-paper",
    "witness-paper", "certify", "supplement",
)  # fmt: skip


def certificate(archive: Archive, disposal_id: str) -> Certificate:
    """The certificate of a certified disposal. DisposalRefusedError where there is none yet."""
    record = archive.ledger.get(disposal_id)
    certified = record.said("certify")
    if record.kind.id != "disposal" or certified is None:
        raise DisposalRefusedError("NO_APPROVED_BATCH")
    listing = disposals.listing(record)
    said = certified.values
    return Certificate(
        number=record.number or record.id,
        disposal=record.id,
        medium=listing.medium,
        list_hash=listing.list_hash,
        lines=[_line(archive, record, item) for item in listing.items.values()],
        hands=[_hand(archive, entry) for entry in record.entries if entry.step in HANDS],
        method=said["method"],
        started_at=said["started_at"],
        ended_at=said["ended_at"],
        effective_from=said["effective_from"],
        time_status=said["time_status"],
        supplements=[e for e in record.entries if e.step == "supplement"],
    )


def tombstone(archive: Archive, record: Record) -> dict[str, Any]:
    """What is left to say of a record that was disposed of: no names, no words of it."""
    disposal = record.disposal
    if disposal is None:
        raise AssertionError("only what was disposed of has a tombstone")
    warrant = archive.ledger.get(disposal.warrant) if disposal.warrant else None
    item = _item(warrant, record.id, disposal.list_hash) if warrant else None
    certified = warrant is not None and warrant.said("certify") is not None
    return {
        "id": record.id,
        "number": record.number,
        "kind": record.kind.id,
        "base_date": item.base_date.isoformat() if item else None,
        "last_day": disposal.last_day,
        "transferred_on": item.transferred_on.isoformat() if item and item.transferred_on else None,
        "rule": {
            "id": disposal.rule.id,
            "version": disposal.rule.version,
            "hash": disposal.rule.hash,
        },
        "list_hash": disposal.list_hash,
        "disposal": {"id": warrant.id, "number": warrant.number} if warrant else None,
        "certificate": warrant.number if warrant and certified else None,
        "disposed_at": time_text(disposal.at),
        "version": record.version,
    }


def _item(warrant: Record, record_id: str, list_hash: str) -> Item | None:
    """Of a disposal's list, or of one that a restoration repeats."""
    lists = (
        [disposals.listing(warrant)]
        if warrant.kind.id == "disposal"
        else [each for each in disposals.replays(warrant) if each.list_hash == list_hash]
    )
    found = (i for each in lists for i in each.items.values() if i.record == record_id)
    return next(found, None)


def write_bundle(archive: Archive, disposal_id: str, file: BinaryIO) -> Exported:
    """The certificate as a bundle: the disposal's whole record, opened, and the evidence of each
    record on its list. For whoever may see every certificate; it names no content."""
    found = certificate(archive, disposal_id)
    records = dict.fromkeys(
        line.item.copy or line.item.record for line in found.lines if line.destroyed
    )
    return archive.exporter.export(
        Wanted(
            records=[disposal_id, *records],
            variety="case",
            may_read=lambda record: record not in records or _is_copy(found),
        ),
        file,
    )


def _is_copy(found: Certificate) -> bool:
    """The record of a paper copy stays readable: it says where the copy stood."""
    return found.medium == "paper"


def _line(archive: Archive, record: Record, item: Item) -> Line:
    result = disposals.results(record).get(item.item)
    destroyed = result is not None and result.result == "destroyed"
    listed = archive.ledger.get(item.copy or item.record)
    return Line(
        item=item,
        destroyed=destroyed,
        code=result.code if result else None,
        why=result.why if result else None,
        tombstone=listed.head if destroyed else None,
        events=listed.version,
        head=item.head,
    )


def _hand(archive: Archive, entry: Entry) -> Hand:
    people = archive.organisation.context().directory.people
    person = people.get(entry.actor or "")
    return Hand(
        entry.step, entry.actor, person.name if person else "", entry.recorded_at, entry.digest
    )
