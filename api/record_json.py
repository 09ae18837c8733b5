"""A record, its timeline and its events as plain JSON: both languages, both times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from archive.evidence.instant import time_text
from archive.store import StoredEvent
from domain.access import confidential
from domain.calendar import Calendar
from domain.clocks import Clock, clocks
from domain.context import Context
from domain.decide import allowed_steps
from domain.describe import subject
from domain.events import (
    Acknowledged,
    Attachment,
    Corrected,
    Disposed,
    Filed,
    Imported,
    LinkedTo,
    Opened,
    Paused,
    Recorded,
    Refused,
    Reopened,
    Resumed,
    Signed,
    StepTaken,
)
from domain.record import Record, evolve


def plain(value: Any) -> Any:
    """Dataclass fields as JSON: instants in their one text form."""
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value


def record_json(record: Record, context: Context, now: datetime) -> dict[str, Any]:
    kind, state = record.kind, record.kind.state(record.state)
    return {
        "id": record.id,
        "number": record.number,
        "kind": {"id": kind.id, "version": kind.version, "title": kind.title.model_dump()},
        "subject": {"zh": subject(record), "en": subject(record, "en")},
        "state": {"id": record.state, "title": state.title.model_dump() if state else None},
        "version": record.version,
        "edition": record.edition,
        "opened_by": record.opened_by,
        "opened_at": time_text(record.opened_at),
        "recorded_at": time_text(record.recorded_at),
        "department": record.department,
        "confidential": confidential(record),
        "imported": record.provenance is not None,
        "provenance": record.provenance,
        "readable": record.readable,
        "entries": [_entry(record, e) for e in record.entries],
        "items": {
            name: [plain(asdict(child)) for child in children.values()]
            for name, children in record.items.items()
        },
        "signatures": [plain(asdict(s)) for s in record.signatures],
        "receipts": [plain(asdict(r)) for r in record.receipts],
        "pauses": [plain(asdict(p)) for p in record.pauses],
        "links": [plain(asdict(link)) for link in record.links],
        "filing": plain(asdict(record.filing)) if record.filing else None,
        "history": [plain(asdict(line)) for line in record.history],
        "clocks": clocks_json(record, context.calendar, context, now),
        "allowed": list(allowed_steps(record)),
    }


def _entry(record: Record, entry: Any) -> dict[str, Any]:
    step = record.kind.step(entry.step)
    said: dict[str, Any] = plain(asdict(entry))
    said["answers"] = said.pop("values")
    said["title"] = step.title.model_dump() if step else None
    return said


def clocks_json(
    record: Record, calendar: Calendar, context: Context, now: datetime
) -> list[dict[str, Any]]:
    return [_clock(clock) for clock in clocks(record, calendar, context.zone, now)]


def _clock(clock: Clock) -> dict[str, Any]:
    said: dict[str, Any] = plain({k: v for k, v in clock._asdict().items() if k != "paused"})
    said["paused_seconds"] = int(clock.paused.total_seconds())
    return said


# ---------------------------------------------------------------- timeline


def timeline_json(history: Sequence[Recorded]) -> Iterator[dict[str, Any]]:
    """Each event with its claimed and its recorded time, and what it changed."""
    record: Record | None = None
    for recorded in history:
        before, record = record, evolve(record, recorded)
        yield {**event_json(recorded, record), "changes": list(_changes(before, record, recorded))}


def event_json(recorded: Recorded, after: Record | None) -> dict[str, Any]:
    event = recorded.event
    step = after.kind.step(event.step or "") if after is not None else None
    return {
        "event": event.event_id,
        "version": event.version,
        "leaf_index": recorded.leaf_index,
        "digest": recorded.digest,
        "type": event.TOPIC,
        "step": event.step,
        "title": step.title.model_dump() if step else None,
        "actor": event.actor,
        "behalf": event.behalf,
        "assurance": event.assurance,
        "occurred_at": time_text(event.occurred_at),
        "recorded_at": time_text(recorded.recorded_at),
        "seconds_late": round((recorded.recorded_at - event.occurred_at).total_seconds(), 3),
        "source": event.source,
        "source_id": event.source_id,
        "sent_at": time_text(event.sent_at) if event.sent_at else None,
        "clock_behind_seconds": clock_behind(recorded),
        "readable": event.readable,
        "refs": [asdict(ref) for ref in event.refs],
        "attachments": [attachment_json(a) for a in event.attachments],
        "state": after.state if after is not None else None,
        "edition": after.edition if after is not None else None,
        "said": plain(_said(recorded)),
    }


def clock_behind(recorded: Recorded) -> float | None:
    """Seconds by which the sender's clock stood behind ours; negative: it was ahead."""
    sent_at = recorded.event.sent_at
    return None if sent_at is None else round((recorded.recorded_at - sent_at).total_seconds(), 3)


def attachment_json(file: Attachment) -> dict[str, Any]:
    return asdict(file)


def _said(recorded: Recorded) -> dict[str, Any]:  # noqa: C901 - one case for each event
    event = recorded.event
    match event:
        case Opened():
            return {"answers": event.values, "recipients": event.recipients,
                    "signers": event.signers, "provenance": event.provenance}  # fmt: skip
        case StepTaken():
            return {"answers": event.values, "item": event.item, "recipients": event.recipients,
                    "signers": event.signers}  # fmt: skip
        case Corrected():
            return {"answers": event.values, "reason": event.reason}
        case Signed():
            return {"slot": event.slot, "meaning": event.meaning, "signer": event.signer,
                    "edition": event.edition, "printed_name": event.printed_name,
                    "printed_role": event.printed_role, "covers": event.covers}  # fmt: skip
        case Refused():
            return {"slot": event.slot, "signer": event.signer, "edition": event.edition,
                    "printed_name": event.printed_name, "reason": event.reason}  # fmt: skip
        case Acknowledged():
            return {"edition": event.edition}
        case Paused() | Resumed():
            return {"reason": event.reason, "note": event.note}
        case LinkedTo():
            return {"withdrawn": event.withdrawn, "reason": event.reason}
        case Filed():
            return {"base_date": event.base_date, "zone": event.zone, "scope": event.scope,
                    "marks": event.marks, "copies": event.copies, "note": event.note,
                    "locations": event.locations}  # fmt: skip
        case Reopened():
            return {"reason": event.reason}
        case Imported():
            return {"activity": event.activity, "status": event.status, "person": event.person,
                    "unit": event.unit, "attributes": event.attributes}  # fmt: skip
        case Disposed():
            return {"list": event.list, "rule": asdict(event.rule), "last_day": event.last_day,
                    "approvals": event.approvals}  # fmt: skip


def _changes(
    before: Record | None, after: Record | None, recorded: Recorded
) -> Iterator[dict[str, Any]]:
    """What a correction made of which answers, and which signatures it left behind."""
    event = recorded.event
    if before is None or after is None:
        return
    if before.state != after.state:
        yield {"what": "state", "before": before.state, "after": after.state}
    if isinstance(event, Corrected) and event.refs:
        target = next((e for e in before.entries if e.digest == event.refs[0].event), None)
        for name, value in event.values.items():
            earlier = target.values.get(name) if target else None
            yield {"what": "answer", "version": target.version if target else None,
                   "field": name, "before": earlier, "after": value}  # fmt: skip
    voided = [s for s in after.signatures if s.voided_by == event.version and s.version]
    for signature in voided:
        yield {"what": "signature-voided", "slot": signature.slot, "signer": signature.signer,
               "version": signature.version}  # fmt: skip


def stored_json(row: StoredEvent) -> dict[str, Any]:
    """An event as the log has it: the leaf's exact text, which holds the envelope's."""
    return {
        "leaf_index": row.leaf_index,
        "record": row.record_id,
        "version": row.version,
        "event": row.event_id,
        "leaf": row.leaf.decode(),
        "leaf_hash": row.leaf_hash.hex(),
        "recorded_at": time_text(row.recorded_at),
        "number": row.number,
    }
