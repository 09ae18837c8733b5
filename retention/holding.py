"""What is known of a record for retention, folded from it; and of each of its paper copies.

A holding is all that an assessment asks of a record. It is plain data: the due view keeps it as
JSON, so that a new rule or hold need not read the record again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from domain.events import Values
from domain.forms import references
from domain.kind import Form, Text
from domain.kinds import find
from domain.record import Entry, Record
from retention.rules import plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """One filing, as its event wrote it down: never recomputed. `zone` is that of its site."""

    base_date: date
    zone: str
    recorded_at: datetime
    marks: frozenset[str] = frozenset()
    scope: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A copy on paper. `record_id` is its own record (`paper-copy`); it counts from its own
    registration, by the log's time."""

    record_id: str
    copy: int = 1
    number: str | None = None
    base_date: date
    registered_at: datetime
    state: str = "shelved"
    location: str = ""
    box: str = ""
    signed_original: bool = False
    required_by: str = "none"
    pages: int = 0
    checked_ok: bool | None = None
    """The last comparison with the electronic record: readable, hashes equal, as many pages."""
    checked_on: date | None = None

    @property
    def alive(self) -> bool:
        """Somebody has it, or could: neither destroyed nor reported lost."""
        return self.state in ("shelved", "on-loan")

    @property
    def demanded(self) -> bool:
        """The signed original, which a customer or the law wants kept as such."""
        return self.signed_original and self.required_by != "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    record_id: str
    number: str | None = None
    kind: str
    kind_title: Text
    retention: str
    """The class of its kind."""
    zone: str
    """Of the site as it is now; days of holds, imports and creation are reckoned in it."""
    department: str | None = None
    opened_on: date
    """As claimed. `recorded_on`: by the log's time, from which a period of creation counts."""
    recorded_on: date
    imported_on: date | None = None
    filings: tuple[Filed, ...] = ()
    """All of them, oldest first, also those that a reopening ended."""
    filed: bool = False
    disposed: bool = False
    readable: bool = True
    references: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """What it names by type (`part`, `customer` ...), now or at any of its filings."""
    bound: tuple[str, ...] = ()
    """Records to which binding links tie it, in either direction."""
    copies: tuple[Copy, ...] = ()
    head: str = ""
    version: int = 0

    def known(self, what: str) -> frozenset[str]:
        """What it names of a type, in the form in which names are compared."""
        return frozenset(plain(name) for name in self.references.get(what, ()))

    @property
    def name(self) -> str:
        """How people call it."""
        return self.number or self.record_id

    def to_json(self) -> str:
        return orjson.dumps(self, _plain, orjson.OPT_SORT_KEYS).decode()

    @classmethod
    def from_json(cls, said: str) -> Holding:
        """What `to_json` wrote; nothing else is ever read here."""
        values = orjson.loads(said)
        return cls(
            **{
                **values,
                "kind_title": Text(**values["kind_title"]),
                "opened_on": date.fromisoformat(values["opened_on"]),
                "recorded_on": date.fromisoformat(values["recorded_on"]),
                "imported_on": _day(values["imported_on"]),
                "filings": tuple(_filed(row) for row in values["filings"]),
                "references": {k: frozenset(v) for k, v in values["references"].items()},
                "bound": tuple(values["bound"]),
                "copies": tuple(_copy(row) for row in values["copies"]),
            }
        )


# ---------------------------------------------------------------- JSON


def _plain(value: Any) -> Any:
    """What JSON has no word for; dates, instants and data classes it has."""
    match value:
        case Text():
            return value.model_dump()
        case frozenset():
            return sorted(value)
        case Mapping():
            return dict(value)
        case _:
            raise TypeError(type(value).__name__)


def _filed(row: Mapping[str, Any]) -> Filed:
    return Filed(
        base_date=date.fromisoformat(row["base_date"]),
        zone=row["zone"],
        recorded_at=_instant(row["recorded_at"]),
        marks=frozenset(row["marks"]),
        scope=row["scope"],
    )


def _copy(row: Mapping[str, Any]) -> Copy:
    return Copy(
        **{
            **row,
            "base_date": date.fromisoformat(row["base_date"]),
            "registered_at": _instant(row["registered_at"]),
            "checked_on": _day(row["checked_on"]),
        }
    )


def _instant(said: str) -> datetime:
    return datetime.fromisoformat(said).astimezone(UTC)


def _day(said: str | None) -> date | None:
    return date.fromisoformat(said) if said else None


# ---------------------------------------------------------------- folding


def holding_of(
    record: Record, zone: ZoneInfo, copies: Sequence[Copy] = (), bound: Sequence[str] = ()
) -> Holding:
    """From a record. `zone`: the site's; `bound`: ids over binding links, both ways."""
    recorded = _first_recorded(record)
    return Holding(
        record_id=record.id,
        number=record.number,
        kind=record.kind.id,
        kind_title=record.kind.title,
        retention=record.kind.retention,
        zone=zone.key,
        department=record.department,
        opened_on=record.opened_at.astimezone(zone).date(),
        recorded_on=recorded.astimezone(zone).date(),
        imported_on=_imported(record, recorded).astimezone(zone).date()
        if record.provenance is not None or record.history
        else None,
        filings=tuple(
            Filed(
                base_date=date.fromisoformat(f.base_date),
                zone=f.zone,
                recorded_at=f.at,
                marks=frozenset(f.marks),
                scope=f.scope,
            )
            for f in record.filings
        ),
        filed=record.filing is not None,
        disposed=record.disposal is not None,
        readable=record.readable,
        references=_references(record),
        bound=tuple(sorted(set(bound))),
        copies=tuple(sorted(copies, key=lambda c: (c.copy, c.record_id))),
        head=record.head,
        version=record.version,
    )


def _first_recorded(record: Record) -> datetime:
    """The log's time of the first event that left a trace; never before the record began."""
    moments = [e.recorded_at for e in record.entries[:1]]
    moments += [line.recorded_at for line in record.history[:1]]
    moments += [f.at for f in record.filings[:1]]
    return min(moments, default=record.recorded_at)


def _imported(record: Record, recorded: datetime) -> datetime:
    """When the last of it came in: what waits after an import, waits for all of it."""
    return max((line.recorded_at for line in record.history), default=recorded)


def _references(record: Record) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    forms = _referring(record.kind.id, record.kind.version)
    for entry in record.entries:
        if entry.step in forms:
            for values in _standing(entry, record):
                for what, name in references(forms[entry.step], values):
                    found.setdefault(what, set()).add(name)
    return {what: frozenset(names) for what, names in sorted(found.items())}


def _standing(entry: Entry, record: Record) -> Iterator[Values]:
    """What it says, and what it said at any filing: a correction after filing takes no extension
    away; that takes two people (RETENTION.md 4)."""
    yield entry.values
    for corrected, before in zip(entry.corrected_by, entry.earlier, strict=True):
        if any(f.version < corrected for f in record.filings):
            yield before


@cache
def _referring(kind_id: str, version: int) -> Mapping[str, Form]:
    """The forms of a kind that may name anything, by step."""
    return {s.id: s.form for s in find(kind_id, version).steps if s.form.fields}


def copy_of(record: Record, zone: ZoneInfo) -> Copy:
    """Fold a `paper-copy`."""
    said = record.said("register")
    values: Values = said.values if said else {}
    registered = said.recorded_at if said else record.recorded_at
    check = record.said("check")
    return Copy(
        record_id=record.id,
        number=record.number,
        copy=values.get("copy", 1),
        base_date=registered.astimezone(zone).date(),
        registered_at=registered,
        state=record.state,
        location=_last(record, "location"),
        box=_last(record, "box"),
        signed_original=values.get("signed_original", False),
        required_by=values.get("required_by", "none"),
        pages=values.get("pages", 0),
        checked_ok=_passed(check, values) if check else None,
        checked_on=check.recorded_at.astimezone(zone).date() if check else None,
    )


def _passed(check: Entry, registered: Values) -> bool:
    """Readable with equal hashes, and page by page as long as the paper."""
    said = check.values
    return said.get("electronic_ok") is True and said.get("pages") == registered.get("pages")


def _last(record: Record, name: str) -> str:
    said: Iterable[Any] = (e.values.get(name) for e in reversed(record.entries))
    return next((each for each in said if isinstance(each, str)), "")
