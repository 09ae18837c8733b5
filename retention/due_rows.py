"""When records may go, worked out from the rows of the due view, whole groups at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice

import orjson

from archive.views.database import Row, ViewDatabase
from retention.assessment import Assessment, Blocker, assess_copy, assess_together
from retention.due_lists import COLUMNS
from retention.holding import Copy, Holding
from retention.policy import Policy

CHUNK = 500
MOST_BLOCKERS = 20
"""That a line names, of those that a group may have by the hundred."""
DATES = f"INSERT INTO due_dates ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"


@dataclass(frozen=True, slots=True)
class _Known:
    record_id: str
    kind: str
    number: str | None
    department: str | None
    unfiled_since: str | None
    copy_of: str | None
    holding: Holding


class Working:
    def __init__(self, database: ViewDatabase) -> None:
        self._database = database

    def rows(self, record_ids: Sequence[str], policy: Policy) -> list[Row]:
        """The rows of `due_dates`, in the order of these ids; none for an id that is no record."""
        known = self._known(record_ids)
        owners = {k.copy_of for k in known.values() if k.copy_of is not None}
        bound = self.bound({*record_ids, *owners})
        known |= self._known([r for r in bound if r not in known])
        copies = self._copies(bound)
        holdings = {
            r: replace(known[r].holding, bound=tuple(sorted(bound[r])), copies=copies.get(r, ()))
            for r in bound
            if r in known
        }
        groups = _components(bound)
        found = self._assessed(record_ids, known, groups, holdings, policy)
        return [
            _row(known[r], groups[known[r].copy_of or r], found[r])
            if r in found
            else _stray(known[r])
            for r in record_ids
            if r in known
        ]

    def _assessed(
        self,
        record_ids: Sequence[str],
        known: Mapping[str, _Known],
        groups: Mapping[str, tuple[str, ...]],
        holdings: Mapping[str, Holding],
        policy: Policy,
    ) -> dict[str, Assessment]:
        """Each of these records that is there: whole groups at a time."""
        found: dict[str, Assessment] = {}
        wanted: dict[tuple[str, ...], set[str]] = {}
        for record_id in record_ids:
            it = known.get(record_id)
            owner = it.copy_of if it is not None else None
            if it is not None and owner is None:
                wanted.setdefault(groups[record_id], set()).add(record_id)
            elif it is not None and owner is not None and owner in holdings:
                there = [holdings[r] for r in groups[owner] if r in holdings]
                copy = it.holding.copies[0]
                found[record_id] = assess_copy(copy, holdings[owner], there, policy)
        for group, ids in wanted.items():
            there = [holdings[r] for r in group if r in holdings]
            found.update(assess_together(there, policy, ids))
        return found

    def _known(self, record_ids: Sequence[str]) -> dict[str, _Known]:
        return {
            row[0]: _Known(
                row[0], row[1], row[2], row[3], row[4], row[5], Holding.from_json(row[6])
            )
            for row in self._of(
                "SELECT record_id, kind, number, department, unfiled_since, copy_of, holding"
                " FROM due_records WHERE record_id IN ({})",
                record_ids,
            )
        }

    def bound(self, record_ids: Iterable[str]) -> dict[str, set[str]]:
        """These records and all that go together with them, each with those bound to it."""
        bound: dict[str, set[str]] = {r: set() for r in record_ids}
        edge = list(bound)
        while edge:
            pairs = self._of("SELECT record_id, other FROM due_bonds WHERE record_id IN ({})", edge)
            pairs += self._of("SELECT other, record_id FROM due_bonds WHERE other IN ({})", edge)
            edge = list({other for _, other in pairs if other not in bound})
            bound |= {r: set() for r in edge}
            for one, other in pairs:
                bound[one].add(other)
        return bound

    def copy_ids(self, record_ids: Iterable[str]) -> list[str]:
        return [r for r, _ in self._copy_rows(record_ids)]

    def _copies(self, record_ids: Iterable[str]) -> dict[str, tuple[Copy, ...]]:
        """Paper copies by the record of which they are copies."""
        owners: dict[str, str] = {row[0]: row[1] for row in self._copy_rows(record_ids)}
        found: dict[str, list[Copy]] = {}
        for record_id, known in self._known(list(owners)).items():
            found.setdefault(owners[record_id], []).extend(known.holding.copies)
        return {r: tuple(sorted(c, key=lambda c: (c.copy, c.record_id))) for r, c in found.items()}

    def _copy_rows(self, record_ids: Iterable[str]) -> list[Row]:
        return self._of(
            "SELECT record_id, copy_of FROM due_records WHERE copy_of IN ({})", list(record_ids)
        )

    def _of(self, sql: str, record_ids: Sequence[str]) -> list[Row]:
        return [
            row
            for ids in chunks(record_ids)
            for row in self._database.query(sql.format(", ".join("?" * len(ids))), ids)
        ]


def _row(known: _Known, group: Sequence[str], found: Assessment) -> Row:
    won = found.winning
    return (
        known.record_id,
        known.copy_of or known.record_id,
        "electronic" if known.copy_of is None else "paper",
        known.kind,
        known.number,
        known.department,
        found.status,
        _text(found.base_date),
        _text(found.last_day),
        _text(found.due_from),
        won.rule_id if won else None,
        won.version if won else None,
        found.blockers[0].code if found.blockers else None,
        known.unfiled_since,
        group[0],
        len(group),
        _blockers_text(found.blockers[:MOST_BLOCKERS]),
    )


def _stray(known: _Known) -> Row:
    """A paper copy of a record that there is not."""
    said = (known.number, known.department, "blocked", None, None, None, None, None, "UNLISTED")
    own = known.record_id
    return (own, known.copy_of, "paper", known.kind, *said, None, known.copy_of, 1, None)


def _blockers_text(blockers: Sequence[Blocker]) -> str | None:
    rows = [[b.code, b.what.zh, b.what.en, b.record] for b in blockers]
    return orjson.dumps(rows).decode() if rows else None


def _text(day: date | None) -> str | None:
    return day.isoformat() if day is not None else None


def _components(bound: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    """Each record's group, in the order of ids."""
    found: dict[str, tuple[str, ...]] = {}
    for record_id in bound:
        if record_id not in found:
            known, edge = {record_id}, [record_id]
            while edge:
                edge = list({o for each in edge for o in bound[each] if o not in known})
                known.update(edge)
            found.update(dict.fromkeys(known, tuple(sorted(known))))
    return found


def chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(ids)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk
