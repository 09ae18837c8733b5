"""Who is who: people, departments and delegations, as a plain value that rules may look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    name: str
    department: str | None
    roles: frozenset[str] = frozenset()
    title: str = ""
    active: bool = True


@dataclass(frozen=True, slots=True)
class Department:
    id: str
    name: str
    head: str | None = None
    functions: frozenset[str] = frozenset()
    """`adm`, `cs`, `qc`, `eng`, `pmc`, `hr`, `crm`, `pur`, `bd`, `legal`, `prod`, `logistics`."""
    active: bool = True


@dataclass(frozen=True, slots=True)
class Delegation:
    """`delegate` may sign and act for `principal`, within kinds (none: all) and a time span."""

    id: str
    principal: str
    delegate: str
    since: datetime
    until: datetime
    kinds: frozenset[str] = frozenset()
    revoked: bool = False

    def covers(self, kind: str, at: datetime) -> bool:
        in_scope = not self.kinds or kind in self.kinds
        return in_scope and not self.revoked and self.since <= at <= self.until


@dataclass(frozen=True, slots=True)
class Directory:
    """The people of the plant at one moment, by id."""

    people: Mapping[str, Person] = field(default_factory=dict)
    departments: Mapping[str, Department] = field(default_factory=dict)
    delegations: tuple[Delegation, ...] = ()

    def with_role(self, role: str) -> frozenset[str]:
        return frozenset(p.id for p in self.people.values() if p.active and role in p.roles)

    def with_function(self, function: str) -> frozenset[str]:
        return self.members(d.id for d in self.departments.values() if function in d.functions)

    def members(self, departments: Iterable[str]) -> frozenset[str]:
        wanted = set(departments)
        members = {p.id for p in self.people.values() if p.active and p.department in wanted}
        return frozenset(members) | self.heads(wanted)

    def heads(self, departments: Iterable[str]) -> frozenset[str]:
        wanted = set(departments)
        heads = {d.head for d in self.departments.values() if d.id in wanted and d.head}
        return frozenset(p.id for h in heads if (p := self.people.get(h)) and p.active)

    def may_act_for(self, delegate: str, principal: str, kind: str, at: datetime) -> bool:
        return any(
            d.delegate == delegate and d.principal == principal and d.covers(kind, at)
            for d in self.delegations
        )
