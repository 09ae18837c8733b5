"""What a disposal says, folded from its record: list, outcomes, approvals, results. Pure.

A list is named by the hash of its rows. Reviews and approvals count for the present list only:
once it is listed anew, all of them are void.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from domain.errors import DisposalError
from domain.events import Values
from domain.kind import Text

if TYPE_CHECKING:
    from domain.record import Entry, Record

LISTING = ("list", "relist")
REVIEW = "review"
APPROVING = ("approve-first", "approve-second")
Medium = Literal["electronic", "paper"]
Verdict = Literal["destroy", "keep", "transfer", "hold"]


@dataclass(frozen=True, slots=True)
class Item:
    """One record (or one paper copy of it) on a list, as it was when it was listed."""

    item: str
    record: str
    kind: str
    retention_class: str
    base_date: date
    last_day: date
    rule: str
    rule_version: int
    rule_hash: str
    head: str
    version: int
    number: str | None = None
    owner: str | None = None
    group: str | None = None
    copy: str | None = None
    transfer: str | None = None
    """The record of its transfer, where it was handed over; `transferred_on`: on that day."""
    transferred_on: date | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """The present list. `entry`: envelope hash of the event that listed it."""

    list_hash: str
    medium: Medium
    items: Mapping[str, Item]
    owners: frozenset[str]
    barred: frozenset[str]
    entry: str
    version: int
    listed_by: str | None
    time_status: str
    approvals: tuple[str, ...] = ()
    """Only in a restoration: the envelope hashes of the approvals given before the loss."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the item's reviewer said last."""

    outcome: Verdict
    until: date | None
    reason: str | None
    by: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """What a reviewer did not let go. It stands whatever becomes of the list (RETENTION.md 6)."""

    disposal: str
    number: str | None
    """Of the list."""
    outcome: Verdict
    record: str
    copy: str | None = None
    """The paper copy, where it is one that was listed."""
    until: date | None = None
    at: datetime

    @property
    def about(self) -> str:
        """Of a paper copy: what is kept or handed over is the copy, what is held is the record."""
        return self.record if self.copy is None or self.outcome == "hold" else self.copy


@dataclass(frozen=True, slots=True)
class Approval:
    """`today`: the day that the approver attests it to be."""

    person: str
    step: str
    digest: str
    at: datetime
    today: date


@dataclass(frozen=True, slots=True)
class Result:
    item: str
    result: Literal["destroyed", "exception"]
    code: str | None = None
    why: str | None = None
    version: int = field(default=0, compare=False)


def fingerprint(value: Any) -> str:
    """SHA-256 over RFC 8785 canonical JSON of plain JSON without floats, with ASCII names."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def list_hash(items: Sequence[Values]) -> str:
    """What a list is called: the hash of its rows, in their order."""
    return fingerprint([dict(row) for row in items])


Subject = TypeVar("Subject")
Answer = TypeVar("Answer")


def _remembered(fold: Callable[[Subject], Answer]) -> Callable[[Subject], Answer]:
    """The last answer: thousands of items are asked about in one and the same record."""
    last: list[tuple[object, Answer]] = []

    @wraps(fold)
    def ask(subject: Subject) -> Answer:
        same = getattr(subject, "entries", subject)  # what other events leave as it is
        for known, answer in last:
            if known is same:
                return answer
        answer = fold(subject)
        last[:] = [(same, answer)]
        return answer

    return ask


def listing(record: Record) -> Listing:
    """The present list of a disposal. DisposalError where the record is no list."""
    entry = _listed(record)
    if entry is None:
        raise DisposalError(
            "UNLISTED", Text(zh="这条记录不是处置清单。", en="This record is no disposal list.")
        )
    return _list_in(entry)


@_remembered
def _list_in(entry: Entry) -> Listing:
    said = entry.values
    return Listing(
        list_hash=said["list_hash"],
        medium=said["medium"],
        items=_items(said["items"]),
        owners=frozenset(said["owners"]),
        barred=frozenset(said.get("barred", ())),
        entry=entry.digest,
        version=entry.version,
        listed_by=entry.behalf or entry.actor,
        time_status=said["time_status"],
    )


@_remembered
def replays(record: Record) -> tuple[Listing, ...]:
    """The lists that a restoration repeats, each as it was executed before the loss."""
    return tuple(
        Listing(
            list_hash=entry.values["list_hash"],
            medium=entry.values["medium"],
            items=_items(entry.values["items"]),
            owners=frozenset(),
            barred=frozenset(),
            entry=entry.digest,
            version=entry.version,
            listed_by=entry.actor,
            time_status="proven",
            approvals=tuple(row["digest"] for row in entry.values["approvals"]),
        )
        for entry in record.entries
        if entry.step == "replay"
    )


def _listed(record: Record) -> Entry | None:
    return next((e for e in reversed(record.entries) if e.step in LISTING), None)


def _items(rows: Iterable[Values]) -> dict[str, Item]:
    return {
        row["item"]: Item(
            item=row["item"],
            record=row["record"],
            kind=row["kind"],
            retention_class=row["class"],
            base_date=date.fromisoformat(row["base_date"]),
            last_day=date.fromisoformat(row["last_day"]),
            rule=row["rule"],
            rule_version=row["rule_version"],
            rule_hash=row["rule_hash"],
            head=row["head"],
            version=row["version"],
            number=row.get("number"),
            owner=row.get("owner"),
            group=row.get("group"),
            copy=row.get("copy"),
            transfer=row.get("transfer"),
            transferred_on=_day(row.get("transferred_on")),
        )
        for row in rows
    }


def _day(said: str | None) -> date | None:
    return date.fromisoformat(said) if said is not None else None


def _since(record: Record, steps: Sequence[str]) -> Iterator[Entry]:
    """What these steps said of the present list, oldest first."""
    since = listing(record).version
    return (e for e in record.entries if e.step in steps and e.version > since)


def reviews(record: Record) -> tuple[Entry, ...]:
    """The reviews of the present list."""
    return tuple(_since(record, (REVIEW,)))


def outcome(record: Record, item: str) -> Outcome | None:
    """What the owner of the item said last; None where nobody has reviewed it."""
    return outcomes(record).get(item)


@_remembered
def outcomes(record: Record) -> Mapping[str, Outcome]:
    """What the owner of each item said last. Where nobody owns one, any of the owners may."""
    present = listing(record)
    found = {}
    for entry in reviews(record):
        person = entry.behalf or entry.actor or ""
        for said in entry.values["items"]:
            row = present.items.get(said["item"])
            if row is not None and _answers_for(person, row.owner, present.owners):
                found[row.item] = _outcome(said, person, entry.digest)
    return found


def _answers_for(person: str, owner: str | None, owners: Collection[str]) -> bool:
    return person == owner if owner else person in owners


@_remembered
def reservations(record: Record) -> tuple[Reservation, ...]:
    """All that owners ever reserved, on the present list or on one before it. Who reviews the same
    item anew adds to it: what was said is taken away by a correction, which takes two people."""
    found: list[Reservation] = []
    listed: Values = {}
    for entry in record.entries:
        if entry.step in LISTING:
            listed = entry.values
        elif entry.step == REVIEW and any(_reserves(said) for said in entry.values["items"]):
            found += _reserved(record, entry, listed)
    return tuple(found)


def _reserves(said: Values) -> bool:
    return bool(said["outcome"] != "destroy")


def _reserved(record: Record, entry: Entry, listed: Values) -> Iterator[Reservation]:
    rows = {row["item"]: row for row in listed["items"]}
    person = entry.behalf or entry.actor or ""
    for said in filter(_reserves, entry.values["items"]):
        row = rows.get(said["item"])
        if row is not None and _answers_for(person, row.get("owner"), listed["owners"]):
            yield Reservation(
                disposal=record.id,
                number=record.number,
                outcome=said["outcome"],
                record=row["record"],
                copy=row.get("copy"),
                until=_day(said.get("until")),
                at=entry.recorded_at,
            )


def _outcome(said: Values, person: str, digest: str) -> Outcome:
    return Outcome(
        outcome=said["outcome"],
        until=_day(said.get("until")),
        reason=said.get("reason"),
        by=person,
        digest=digest,
    )


@_remembered
def approvals(record: Record) -> tuple[Approval, ...]:
    """The approvals of the present list, which name its very hash, oldest first."""
    present = listing(record).list_hash
    return tuple(
        Approval(
            person=entry.behalf or entry.actor or "",
            step=entry.step,
            digest=entry.digest,
            at=entry.recorded_at,
            today=date.fromisoformat(entry.values["today"]),
        )
        for entry in _since(record, APPROVING)
        if entry.values["list_hash"] == present
    )


@_remembered
def results(record: Record) -> Mapping[str, Result]:
    """What came of each item, by item: a later result replaces an earlier one."""
    return {
        row["item"]: Result(
            row["item"], row["result"], row.get("code"), row.get("why"), entry.version
        )
        for entry in _since(record, ("results", "supplement"))
        for row in entry.values["items"]
    }


def covers(record: Record) -> tuple[str, ...]:
    """Envelope hashes of what an approver sees: the present list and its reviews."""
    return (listing(record).entry, *(entry.digest for entry in reviews(record)))
