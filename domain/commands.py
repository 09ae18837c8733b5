"""The closed union of commands: what a person or system may ask for. Time and ids come with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.events import Assurance, Attachment, Values


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks. `person` is None for a system or an anonymous intake; `system` names a key's owner.

    `behalf`: the person for whom a delegate acts. `trusted`: the archive itself (start-up, import).
    """

    person: str | None
    behalf: str | None = None
    system: str | None = None
    assurance: Assurance = "session"
    trusted: bool = False

    @property
    def id(self) -> str | None:
        return self.person or self.system


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """`occurred_at`: when it happened, as claimed; `received_at`: when the archive was asked."""

    event_id: str
    record_id: str
    actor: Actor
    occurred_at: datetime
    received_at: datetime
    source: str | None = None
    source_id: str | None = None
    sent_at: datetime | None = None
    """What the sender's own clock showed when it sent this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Open(Command):
    kind: str
    step: str
    values: Mapping[str, Any]
    attachments: tuple[Attachment, ...] = ()
    provenance: Values | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeStep(Command):
    step: str
    values: Mapping[str, Any]
    item: str | None = None
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Correct(Command):
    """`target`: version of the event to correct; `values`: only the answers that change."""

    target: int
    values: Mapping[str, Any]
    reason: str
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign(Command):
    """`edition` must be the present one: nobody signs what they have not seen."""

    slot: str
    edition: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse(Command):
    slot: str
    edition: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledge(Command):
    edition: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause(Command):
    reason: str
    note: str
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume(Command):
    reason: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkTo(Command):
    rel: str
    record: str
    withdraw: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class File(Command):
    """`scope`: the appraisal answer 归档范围; `marks`: product evidence (IATF 7.5.3.2.1)."""

    scope: bool
    marks: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    """Where each paper copy stands."""
    note: str = ""
    base_date: str | None = None
    """The day of the original filing of an imported record; the archive itself says it, with the
    approved `claim` (a record id) that gives it."""
    claim: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopen(Command):
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Import(Command):
    """One line of a foreign history, kept as it was."""

    activity: str
    status: str
    person: str = ""
    unit: str = ""
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispose(Command):
    """Let the content go. `warrant`: the disposal (or restoration) that lists it under `item`."""

    warrant: str
    item: str


AnyCommand = (
    Open | TakeStep | Correct | Sign | Refuse | Acknowledge | Pause | Resume | LinkTo | File
    | Reopen | Import | Dispose
)  # fmt: skip
