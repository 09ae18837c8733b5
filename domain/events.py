"""The closed union of events: what can have happened to a record, for all kinds.

The header and the coarse words go into the signed statement and stay for ever. The fields that
a class lists in `CONTENT` are encrypted, and may be gone one day: then `readable` is false and
they have their empty defaults. Values are plain JSON without floats: what was signed is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal

from domain.kind import Attested

Values = Mapping[str, Any]
"""Answers of a form by field id, as plain JSON (dates and instants as text, decimals as text)."""

Assurance = Literal["session", "api-key", "own-key", "passkey", "personal-key", "system"]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file: its content is sealed by itself, under `id`; name, type and size are content."""

    id: str
    name: str
    media_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Ref:
    """A pointer to another record (and to one event of it, by envelope hash)."""

    rel: str
    record: str
    event: str | None = None


@dataclass(frozen=True, slots=True)
class RuleRef:
    """A retention rule in one version, and the hash of what it says (RFC 8785, SHA-256)."""

    id: str
    version: int
    hash: str


@dataclass(frozen=True, slots=True)
class Attestation:
    """What a step attests, in words and facts that stay when its content is gone.

    A hold is the record itself; a rule and a list are named by the hash of what they say.
    """

    word: Attested
    rule: RuleRef | None = None
    list: str | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """A step that is itself a signature: its meaning, and the envelopes that it covers."""

    meaning: str
    covers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The header that all events share. Ids are 32 hex digits; times are aware UTC."""

    TOPIC: ClassVar[str]
    CONTENT: ClassVar[tuple[str, ...]] = ()

    event_id: str
    record_id: str
    version: int
    kind: str
    kind_version: int
    step: str | None = None
    actor: str | None
    behalf: str | None = None
    assurance: Assurance
    occurred_at: datetime
    refs: tuple[Ref, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    source: str | None = None
    """The system that sent it, and its own id for it: content."""
    source_id: str | None = None
    sent_at: datetime | None = None
    """What the sender's clock showed when it sent this: against the recorded time it tells how far
    that clock is off. Content."""
    readable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened(Event):
    """A record came to be, by its opening step."""

    TOPIC: ClassVar[str] = "opened"
    CONTENT: ClassVar[tuple[str, ...]] = (
        "values",
        "department",
        "recipients",
        "signers",
        "provenance",
    )
    values: Values = field(default_factory=dict)
    department: str | None = None
    recipients: tuple[str, ...] = ()
    signers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    provenance: Values | None = None
    """Where an imported record comes from; None for a native one."""
    attests: Attestation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTaken(Event):
    """A step was taken; who receives it and who must sign were resolved then, and stay."""

    TOPIC: ClassVar[str] = "step-taken"
    CONTENT: ClassVar[tuple[str, ...]] = ("values", "item", "recipients", "signers")
    values: Values = field(default_factory=dict)
    item: str | None = None
    recipients: tuple[str, ...] = ()
    signers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    attests: Attestation | None = None
    signoff: Signature | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected(Event):
    """What the event in `refs` said is now said otherwise; both stay."""

    TOPIC: ClassVar[str] = "corrected"
    CONTENT: ClassVar[tuple[str, ...]] = ("values", "reason")
    values: Values = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed(Event):
    """A person signed an edition with a meaning; `covers` are the envelopes that make it up."""

    TOPIC: ClassVar[str] = "signed"
    CONTENT: ClassVar[tuple[str, ...]] = ("signer", "edition", "printed_name", "printed_role")
    slot: str
    meaning: str
    covers: tuple[str, ...]
    signer: str = ""
    """Whose signature it is; `actor` may sign on behalf of them."""
    edition: int = 0
    printed_name: str = ""
    printed_role: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused(Event):
    """A person refused to sign, and said why: never silence (SEEDS.md 9.8)."""

    TOPIC: ClassVar[str] = "refused"
    CONTENT: ClassVar[tuple[str, ...]] = (
        "signer",
        "edition",
        "printed_name",
        "printed_role",
        "reason",
    )
    slot: str
    covers: tuple[str, ...]
    signer: str = ""
    edition: int = 0
    printed_name: str = ""
    printed_role: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged(Event):
    """A recipient confirmed to have read an edition."""

    TOPIC: ClassVar[str] = "acknowledged"
    CONTENT: ClassVar[tuple[str, ...]] = ("edition",)
    edition: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused(Event):
    """Clocks stand still from `occurred_at`, for a visible reason."""

    TOPIC: ClassVar[str] = "paused"
    CONTENT: ClassVar[tuple[str, ...]] = ("note",)
    reason: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed(Event):
    TOPIC: ClassVar[str] = "resumed"
    CONTENT: ClassVar[tuple[str, ...]] = ("note",)
    reason: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedTo(Event):
    """A link to another record, in `refs`; `withdrawn` ends an earlier one with a reason."""

    TOPIC: ClassVar[str] = "linked"
    CONTENT: ClassVar[tuple[str, ...]] = ("reason",)
    withdrawn: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed(Event):
    """归档: the facts from which retention counts; they outlive the content (RETENTION.md 1)."""

    TOPIC: ClassVar[str] = "filed"
    CONTENT: ClassVar[tuple[str, ...]] = ("note", "locations")
    base_date: str
    zone: str
    tzdata: str
    scope: bool
    """归档范围: inside the archive scope of State Archives Order 10."""
    marks: tuple[str, ...] = ()
    """`approval`, `design`, `tooling`, `order`, `contract`: product evidence (IATF 7.5.3.2.1)."""
    copies: tuple[str, ...] = ()
    """Paper copies filed with it (`paper-1` ...); where they stand is content."""
    note: str = ""
    locations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopened(Event):
    TOPIC: ClassVar[str] = "reopened"
    CONTENT: ClassVar[tuple[str, ...]] = ("reason",)
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported(Event):
    """One event of a foreign history, kept as it was; it moves no step of ours."""

    TOPIC: ClassVar[str] = "imported"
    CONTENT: ClassVar[tuple[str, ...]] = ("activity", "status", "person", "unit", "attributes")
    activity: str = ""
    status: str = ""
    person: str = ""
    unit: str = ""
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Disposed(Event):
    """处置: the record may go, and its content is destroyed after this: nothing follows it.

    `refs` name the disposal (or the restoration) that it rests on, and the transfer where the
    record was handed over before.
    """

    TOPIC: ClassVar[str] = "disposed"
    list: str
    """Hash of the list that was approved; `approvals`: envelope hashes of those approvals."""
    rule: RuleRef
    last_day: str
    approvals: tuple[str, ...]


AnyEvent = (
    Opened | StepTaken | Corrected | Signed | Refused | Acknowledged | Paused | Resumed | LinkedTo
    | Filed | Reopened | Imported | Disposed
)  # fmt: skip
EVENT_TYPES: Mapping[str, type[AnyEvent]] = {
    cls.TOPIC: cls
    for cls in (
        Opened,
        StepTaken,
        Corrected,
        Signed,
        Refused,
        Acknowledged,
        Paused,
        Resumed,
        LinkedTo,
        Filed,
        Reopened,
        Imported,
        Disposed,
    )
}


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as the log has it: what the leaf adds, and the hash of the event's envelope."""

    event: AnyEvent
    recorded_at: datetime
    leaf_index: int
    digest: str
    number: str | None = None
