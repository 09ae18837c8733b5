"""People, departments, delegations, calendars and callers, folded from their own records.

Pure: what the rules may look at follows from the records of the internal kinds as they stand
(or stood). Each record replaces what it said before, so any order of application ends the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from domain.calendar import Calendar, announced_year
from domain.directory import Delegation, Department, Directory, Person
from domain.events import Values
from domain.record import Record

KINDS = ("caller", "calendar", "delegation", "department", "person")
"""The internal kinds that are folded here; other internal records may be many."""


@dataclass(frozen=True, slots=True)
class Caller:
    """An API key's holder: a person, or another system. Empty scopes mean all."""

    id: str
    name: str
    person: str | None
    system: str | None
    rights: frozenset[str]
    """Of `read`, `write`, `confidential`, `export`."""
    kinds: frozenset[str]
    steps: frozenset[str]
    departments: frozenset[str]
    expires_at: datetime
    active: bool = True

    def valid(self, at: datetime) -> bool:
        return self.active and at < self.expires_at

    def may_read(self, kind: str) -> bool:
        return "read" in self.rights and _within(kind, self.kinds)

    def may_take(self, kind: str, step: str) -> bool:
        """Whether the key reaches a step; whether its person may take it is the rules' affair."""
        in_scope = _within(kind, self.kinds) and _within(step, self.steps)
        return "write" in self.rights and in_scope


def _within(word: str, scope: frozenset[str]) -> bool:
    return not scope or word in scope


@dataclass(frozen=True, slots=True)
class PublishedYear:
    """A calendar record in force, and where it stands among those of the same year."""

    year: int
    values: Values
    version: str
    order: tuple[datetime, str]


@dataclass(frozen=True)
class Registry:
    """An immutable fold of internal records; `apply` gives the next one."""

    people: Mapping[str, Person] = field(default_factory=dict)
    departments: Mapping[str, Department] = field(default_factory=dict)
    delegations: Mapping[str, Delegation] = field(default_factory=dict)
    published: Mapping[str, PublishedYear] = field(default_factory=dict)
    """By record id; where two say the same year, the one changed last is in force."""
    callers: Mapping[str, Caller] = field(default_factory=dict)

    @classmethod
    def of(cls, records: Iterable[Record]) -> Registry:
        """All at once, for a start: a registry that grew by `apply` is equal to it."""
        registry = cls({}, {}, {}, {}, {})
        for record in records:
            registry = registry.apply(record)
        return registry

    def apply(self, record: Record) -> Registry:
        """The registry after a record's latest event; records of other kinds change nothing."""
        if not record.readable:
            return self
        match record.kind.id:
            case "person":
                return replace(self, people={**self.people, record.id: _person(record)})
            case "department":
                return replace(
                    self, departments={**self.departments, record.id: _department(record)}
                )
            case "delegation":
                return replace(
                    self, delegations={**self.delegations, record.id: _delegation(record)}
                )
            case "calendar":
                return replace(self, published=_published(self.published, record))
            case "caller":
                return replace(self, callers={**self.callers, record.id: _caller(record)})
            case _:
                return self

    @cached_property
    def directory(self) -> Directory:
        """Who is who. Nobody waits for a head who has left, or for a department that was closed."""
        return Directory(
            people=self.people,
            departments={d.id: self._at_work(d) for d in self.departments.values()},
            delegations=tuple(self.delegations[key] for key in sorted(self.delegations)),
        )

    def _at_work(self, department: Department) -> Department:
        if not department.active:
            return replace(department, head=None, functions=frozenset())
        head = self.people.get(department.head or "")
        return department if head is not None and head.active else replace(department, head=None)

    @cached_property
    def calendar(self) -> Calendar:
        """The years in force; its version names the records that say so."""
        in_force = {
            p.year: p for p in sorted(self.published.values(), key=lambda p: (p.year, p.order))
        }
        return Calendar(
            years={year: announced_year(p.values) for year, p in in_force.items()},
            version=", ".join(f"{year}={p.version}" for year, p in in_force.items()),
        )


def _latest(record: Record, *steps: str) -> Values:
    """What the last of these steps said: each of them says everything anew."""
    return next((e.values for e in reversed(record.entries) if e.step in steps), {})


def _person(record: Record) -> Person:
    said = _latest(record, "register", "change")
    return Person(
        id=record.id,
        name=said["name"],
        department=said.get("department"),
        roles=frozenset(said.get("roles", ())),
        title=said.get("title", ""),
        active=record.state == "active",
    )


def _department(record: Record) -> Department:
    said = _latest(record, "establish", "change")
    return Department(
        id=record.id,
        name=said["name"],
        head=said.get("head"),
        functions=frozenset(said.get("functions", ())),
        active=record.state == "active",
    )


def _delegation(record: Record) -> Delegation:
    said = _latest(record, "grant")
    return Delegation(
        id=record.id,
        principal=said["principal"],
        delegate=said["delegate"],
        since=datetime.fromisoformat(said["since"]),
        until=datetime.fromisoformat(said["until"]),
        kinds=_ids(said, "kind"),
        revoked=record.state == "revoked",
    )


def _published(before: Mapping[str, PublishedYear], record: Record) -> dict[str, PublishedYear]:
    after = dict(before)
    if record.state != "in-force":
        after.pop(record.id, None)
        return after
    after[record.id] = PublishedYear(
        year=int(_latest(record, "publish")["year"]),
        values=_latest(record, "publish", "amend"),
        version=f"{record.number or record.id}@{record.version}",
        order=(record.recorded_at, record.id),
    )
    return after


def _caller(record: Record) -> Caller:
    said = _latest(record, "register", "change")
    return Caller(
        id=record.id,
        name=said["name"],
        person=said.get("person"),
        system=said.get("system"),
        rights=frozenset(said["rights"]),
        kinds=_ids(said, "kind"),
        steps=_ids(said, "step"),
        departments=frozenset(said.get("departments", ())),
        expires_at=datetime.fromisoformat(said["expires_at"]),
        active=record.state == "active",
    )


def _ids(said: Values, field_id: str) -> frozenset[str]:
    """A scope's rows, such as `kinds: [{kind: ...}]`."""
    rows: Iterable[Mapping[str, Any]] = said.get(f"{field_id}s", ())
    return frozenset(row[field_id] for row in rows)
