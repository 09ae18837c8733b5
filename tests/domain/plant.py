"""A small plant for tests of the rules: people, departments, delegations, and a clock to turn.

`Case` is one record in the making: each call gives a command, folds its event and keeps both.
Nothing is stored, signed or sealed here; worlds with real stores and keys are in tests/worlds.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from domain import commands
from domain.calendar import Calendar
from domain.clocks import Clock, clocks
from domain.commands import Actor
from domain.context import Context, LinkedHead
from domain.decide import Decision, decide
from domain.directory import Delegation, Department, Directory, Person
from domain.events import AnyEvent, Attachment, Recorded
from domain.kinds import find
from domain.record import Record, evolve

SITE = ZoneInfo("Asia/Shanghai")
MONDAY = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
"""2026-03-02 09:00 in Shanghai."""


def hex_id(name: str) -> str:
    """A stable id for a name."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


_DEPARTMENTS = (
    ("market", "市场部", ()),
    ("design", "设计部", ()),
    ("sales", "销售部", ("crm", "bd")),
    ("production", "生产部", ("prod", "pmc")),
    ("logistics", "物流部", ("logistics",)),
    ("office", "行政部", ("adm", "info")),
    ("service", "客服部", ("cs",)),
    ("quality", "品管科", ("qc",)),
    ("engineering", "工程科", ("eng",)),
    ("people", "人力资源部", ("hr",)),
    ("purchasing", "采购部", ("pur",)),
    ("legal", "法务部", ("legal",)),
)
_ROLES = {
    "gm": ("gm", "executive"),
    "mr": ("mr",),
    "auditor": ("auditor",),
    "supervisor": ("supervisor",),
    "executive": ("executive",),
    "admin": ("administrator",),
    "security": ("security-officer",),
    "records": ("records-officer",),
    "compliance": ("quality-manager",),
    "both": ("records-officer", "administrator"),
}

DEPARTMENTS = {name: hex_id(f"department {name}") for name, _, _ in _DEPARTMENTS}
PEOPLE = {
    name: hex_id(f"person {name}")
    for name in (
        *(f"{d}-{who}" for d in DEPARTMENTS for who in ("head", "li", "zhang")),
        *_ROLES,
    )
}


def directory(*delegations: Delegation) -> Directory:
    people = {
        PEOPLE[f"{name}-{who}"]: Person(
            PEOPLE[f"{name}-{who}"],
            f"{title}{'负责人' if who == 'head' else who}",
            DEPARTMENTS[name],
            title=f"{title}负责人" if who == "head" else "",
        )
        for name, title, _ in _DEPARTMENTS
        for who in ("head", "li", "zhang")
    }
    people |= {
        PEOPLE[name]: Person(PEOPLE[name], name.upper(), None, frozenset(roles))
        for name, roles in _ROLES.items()
    }
    departments = {
        DEPARTMENTS[name]: Department(
            DEPARTMENTS[name], title, PEOPLE[f"{name}-head"], frozenset(functions)
        )
        for name, title, functions in _DEPARTMENTS
    }
    return Directory(people, departments, delegations)


def delegation(
    principal: str,
    delegate: str,
    *kinds: str,
    since: datetime = MONDAY - timedelta(days=1),
    until: datetime = MONDAY + timedelta(days=30),
    revoked: bool = False,
) -> Delegation:
    return Delegation(
        hex_id(f"{principal} {delegate}"),
        PEOPLE[principal],
        PEOPLE[delegate],
        since,
        until,
        frozenset(kinds),
        revoked,
    )


def head(
    rel: str,
    kind: str,
    state: str,
    *,
    incoming: bool = False,
    version: int = 7,
    filed: bool = False,
    record: str | None = None,
) -> LinkedHead:
    """A linked record as the context shows it."""
    record = record or hex_id(f"{rel} {kind}")
    return LinkedHead(rel, incoming, record, kind, state, version, filed, "d" * 64)


_serial = count(1)


@dataclass
class Case:
    """One record: `case.open(...)`, then `case.take(...)`; `case.now` is the clock to turn."""

    people: Directory = field(default_factory=directory)
    now: datetime = MONDAY
    linked: tuple[LinkedHead, ...] = ()
    known: dict[str, str] = field(default_factory=dict)
    warrant: Record | None = None
    record: Record | None = None
    history: list[Recorded] = field(default_factory=list)
    decision: Decision | None = None
    id: str = field(default_factory=lambda: hex_id(f"record {next(_serial)}"))

    @property
    def it(self) -> Record:
        assert self.record is not None
        return self.record

    @property
    def event(self) -> AnyEvent:
        """The last event."""
        return self.history[-1].event

    def context(self) -> Context:
        known = {h.record: h.kind for h in self.linked} | self.known
        return Context(self.people, Calendar(), self.linked, SITE, "2026a", known, self.warrant)

    def turn(self, **span: float) -> Case:
        self.now += timedelta(**span)
        return self

    def do(self, command: commands.AnyCommand) -> Record:
        """Decide and fold; a refusal leaves everything as it was."""
        self.decision = decide(self.record, command, self.context())
        event = self.decision.event
        leaf = len(self.history)
        digest = hashlib.sha256(f"{self.id} {leaf}".encode()).hexdigest()
        number = f"{find(event.kind).prefix}-2026-00001" if leaf == 0 else None
        recorded = Recorded(event, self.now, leaf, digest, number)
        self.record = evolve(self.record, recorded)
        self.history.append(recorded)
        self.turn(minutes=1)
        return self.it

    def _common(self, by: str | Actor | None, behalf: str | None, ago: float) -> dict[str, Any]:
        actor = by if isinstance(by, Actor) else Actor(None)
        if isinstance(by, str):
            actor = Actor(PEOPLE.get(by, by), PEOPLE[behalf] if behalf else None)
        return {
            "event_id": hex_id(f"event {next(_serial)}"),
            "record_id": self.id,
            "actor": actor,
            "occurred_at": self.now - timedelta(hours=ago),
            "received_at": self.now,
        }

    def open(
        self,
        kind: str,
        step: str,
        by: str | Actor | None,
        values: Mapping[str, Any],
        *,
        behalf: str | None = None,
        ago: float = 0,
        attachments: tuple[Attachment, ...] = (),
        provenance: Mapping[str, Any] | None = None,
    ) -> Case:
        self.do(
            commands.Open(
                **self._common(by, behalf, ago),
                kind=kind,
                step=step,
                values=values,
                attachments=attachments,
                provenance=provenance,
            )
        )
        return self

    def take(
        self,
        step: str,
        by: str | Actor | None,
        values: Mapping[str, Any] | None = None,
        *,
        item: str | None = None,
        behalf: str | None = None,
        ago: float = 0,
        attachments: tuple[Attachment, ...] = (),
    ) -> Record:
        return self.do(
            commands.TakeStep(
                **self._common(by, behalf, ago),
                step=step,
                values=values or {},
                item=item,
                attachments=attachments,
            )
        )

    def correct(
        self, target: str | int, by: str | Actor, values: Mapping[str, Any], reason: str = "写错了"
    ) -> Record:
        if isinstance(target, str):
            said = self.it.said(target)
            assert said is not None
            target = said.version
        return self.do(
            commands.Correct(
                **self._common(by, None, 0), target=target, values=values, reason=reason
            )
        )

    def sign(
        self, slot: str, by: str | Actor, *, behalf: str | None = None, edition: int | None = None
    ) -> Record:
        return self.do(
            commands.Sign(
                **self._common(by, behalf, 0), slot=slot, edition=edition or self.it.edition
            )
        )

    def refuse(
        self, slot: str, by: str, reason: str = "数据有误", *, behalf: str | None = None
    ) -> Record:
        return self.do(
            commands.Refuse(
                **self._common(by, behalf, 0), slot=slot, edition=self.it.edition, reason=reason
            )
        )

    def acknowledge(
        self, by: str | Actor, edition: int | None = None, *, behalf: str | None = None
    ) -> Record:
        edition = self.it.edition if edition is None else edition
        return self.do(commands.Acknowledge(**self._common(by, behalf, 0), edition=edition))

    def pause(self, reason: str, by: str | Actor, note: str = "等待客户") -> Record:
        return self.do(commands.Pause(**self._common(by, None, 0), reason=reason, note=note))

    def resume(self, reason: str, by: str | Actor, ago: float = 0) -> Record:
        return self.do(commands.Resume(**self._common(by, None, ago), reason=reason))

    def link(
        self, rel: str, record: str, by: str, *, withdraw: bool = False, reason: str = ""
    ) -> Record:
        return self.do(
            commands.LinkTo(
                **self._common(by, None, 0),
                rel=rel,
                record=record,
                withdraw=withdraw,
                reason=reason,
            )
        )

    def file(
        self,
        by: str | Actor,
        *,
        scope: bool = False,
        locations: tuple[str, ...] = (),
        base_date: str | None = None,
        claim: str | None = None,
    ) -> Record:
        return self.do(
            commands.File(
                **self._common(by, None, 0),
                scope=scope,
                locations=locations,
                base_date=base_date,
                claim=claim,
            )
        )

    def reopen(self, by: str | Actor, reason: str = "客户又来电") -> Record:
        return self.do(commands.Reopen(**self._common(by, None, 0), reason=reason))

    def clock(self, deadline: str, item: str | None = None) -> Clock:
        """The latest run of a deadline, as it looks now."""
        runs = clocks(self.it, Calendar(), SITE, self.now)
        return [c for c in runs if c.deadline == deadline and c.item == item][-1]
