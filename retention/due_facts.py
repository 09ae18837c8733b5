"""What a record says of itself, as the due view keeps it: written from the record alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from archive.views.database import Row
from domain.matters import unfiled_since
from domain.record import Record
from retention.holding import copy_of, holding_of
from retention.ledgers import COPY, bonds_of, copied
from retention.rules import plain

FACTS = (
    "INSERT INTO due_records (record_id, kind, number, department, unfiled_since, copy_of, holding)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)


@dataclass(frozen=True, slots=True)
class Facts:
    """`row` as `FACTS` takes it. `references`: (type, value) as rules and holds compare them."""

    record_id: str
    row: Row
    bonds: frozenset[str]
    references: frozenset[tuple[str, str]]
    copy_of: str | None

    @property
    def around(self) -> frozenset[str]:
        """Itself, and those for whom it makes a difference directly."""
        return self.bonds | {self.record_id, self.copy_of or self.record_id}


def facts_of(record: Record, zone: ZoneInfo) -> Facts:
    """Head and version are left out: they change with every event, and no date depends on them. The
    record of a paper copy has that copy in its holding.
    """
    is_copy = record.kind.id == COPY
    copies = (copy_of(record, zone),) if is_copy else ()
    holding = replace(holding_of(record, zone, copies), head="", version=0)
    since = unfiled_since(record)
    owner = copied(record) if is_copy else None
    row = (
        record.id,
        plain(record.kind.id),
        record.number,
        plain(record.department) if record.department else None,
        since.astimezone(zone).date().isoformat() if since else None,
        owner,
        holding.to_json(),
    )
    return Facts(record.id, row, bonds_of(record), _references(holding.references), owner)


def _references(said: Mapping[str, frozenset[str]]) -> frozenset[tuple[str, str]]:
    return frozenset((what, plain(value)) for what, values in said.items() for value in values)
