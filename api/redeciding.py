"""Back from an event to the command that leads to it: what a caller signed is decided anew."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic import Field as Constraint

from api.admission import Visit
from api.bodies import Line
from api.problems import Refusal
from domain.commands import (
    Acknowledge,
    Actor,
    AnyCommand,
    Correct,
    File,
    LinkTo,
    Open,
    Pause,
    Refuse,
    Reopen,
    Resume,
    Sign,
    TakeStep,
)
from domain.events import (
    Acknowledged,
    AnyEvent,
    Corrected,
    Disposed,
    Filed,
    Imported,
    LinkedTo,
    Opened,
    Paused,
    Refused,
    Reopened,
    Resumed,
    Signed,
    StepTaken,
)
from domain.kind import text

WORDS: dict[type[AnyEvent], str] = {
    Corrected: "correct", Signed: "sign", Refused: "refuse", Acknowledged: "acknowledge",
    Paused: "pause", Resumed: "resume", LinkedTo: "link", Filed: "file", Reopened: "reopen",
}  # fmt: skip


class Told(BaseModel):
    """What a signer may say besides the answers: as strict as a body, since nobody parsed it."""

    model_config = ConfigDict(strict=True)

    source: Line | None = None
    source_id: Line | None = None
    item: Line | None = None
    values: dict[str, Any] = Constraint(default_factory=dict)
    slot: Line = "-"
    edition: int = 1
    reason: str = Constraint("", max_length=5000)
    note: str = Constraint("", max_length=5000)
    scope: bool = True
    marks: tuple[Line, ...] = Constraint((), max_length=20)
    locations: tuple[Line, ...] = Constraint((), max_length=50)
    withdrawn: bool = False


def check_told(event: AnyEvent) -> None:
    told = {f.name: getattr(event, f.name) for f in fields(event) if f.name in Told.model_fields}
    try:
        Told.model_validate(told)
    except ValidationError as error:
        names = [".".join(str(part) for part in fault["loc"]) for fault in error.errors()]
        raise Refusal(
            "invalid-event",
            errors=tuple((name, text("内容不符合要求", "out of bounds")) for name in names),
        ) from None


def word(event: AnyEvent) -> str:
    """What a key's scope of steps names."""
    return WORDS.get(type(event), event.step or "")


def command_of(event: AnyEvent, actor: Actor, visit: Visit) -> AnyCommand:
    """The command that would lead to such an event.

    Imported history and disposals are nobody's to sign.
    """
    check_told(event)
    header: dict[str, Any] = {
        "event_id": event.event_id,
        "record_id": event.record_id,
        "actor": actor,
        "occurred_at": event.occurred_at,
        "received_at": visit.now,
        "source": event.source,
        "source_id": event.source_id,
        "sent_at": event.sent_at,
    }
    match event:
        case Opened() | StepTaken() | Corrected() | Paused():
            return _with_files(event, {**header, "attachments": event.attachments}, visit)
        case Signed() | Refused() | Acknowledged():
            return _signature(event, header)
        case LinkedTo():
            return _link(event, header, visit)
        case Resumed():
            return Resume(**header, reason=event.reason, note=event.note)
        case Filed():
            return File(
                **header,
                scope=event.scope,
                marks=event.marks,
                locations=event.locations,
                note=event.note,
            )
        case Reopened():
            return Reopen(**header, reason=event.reason)
        case Imported() | Disposed():
            raise Refusal("not-entitled")


def _with_files(
    event: Opened | StepTaken | Corrected | Paused, header: dict[str, Any], visit: Visit
) -> AnyCommand:
    step = event.step or ""
    match event:
        case Opened():
            return Open(**header, kind=event.kind, step=step, values=event.values)
        case StepTaken():
            return TakeStep(**header, step=step, item=event.item, values=event.values)
        case Corrected():
            target = _target(visit, event)
            return Correct(**header, target=target, values=event.values, reason=event.reason)
        case Paused():
            return Pause(**header, reason=event.reason, note=event.note)


def _signature(event: Signed | Refused | Acknowledged, header: dict[str, Any]) -> AnyCommand:
    match event:
        case Signed():
            return Sign(**header, slot=event.slot, edition=event.edition)
        case Refused():
            return Refuse(**header, slot=event.slot, edition=event.edition, reason=event.reason)
        case Acknowledged():
            return Acknowledge(**header, edition=event.edition)


def _link(event: LinkedTo, header: dict[str, Any], visit: Visit) -> AnyCommand:
    if len(event.refs) != 1:
        raise Refusal("invalid-event")
    (ref,) = event.refs
    other = visit.record(ref.record).id
    return LinkTo(
        **header, rel=ref.rel, record=other, withdraw=event.withdrawn, reason=event.reason
    )


def _target(visit: Visit, event: Corrected) -> int:
    record = visit.desk.archive.ledger.get(event.record_id)
    digest = event.refs[0].event if event.refs else None
    return next((e.version for e in record.entries if e.digest == digest), 0)
