"""What retention says, as plain JSON: assessments, rules, lists, certificates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from api.admission import Visit
from archive.evidence.instant import time_text
from archive.ledger import NoSuchRecordError
from domain import disposals
from domain.decide import allowed_steps
from domain.kind import Text, text
from domain.record import Entry, Record
from retention.assessment import Assessment, Blocker, Reckoned
from retention.certificate import Certificate, Hand
from retention.certificate import Line as Certified
from retention.due_lists import Line
from retention.errors import WHY
from retention.holding import Copy
from retention.ledgers import Assessed
from retention.proven_time import ProvenTime
from retention.rules import RuleVersion

Json = dict[str, Any]


def plain(value: Any) -> Any:
    """Dates and instants in their one text form; titles in both languages."""
    match value:
        case datetime():
            return time_text(value)
        case date():
            return value.isoformat()
        case Text():
            return value.model_dump()
        case frozenset():
            return sorted(value)
        case dict():
            return {key: plain(each) for key, each in value.items()}
        case list() | tuple():
            return [plain(each) for each in value]
        case _:
            return value


def day(value: date | None) -> str | None:
    return value.isoformat() if value is not None else None


def time_json(now: ProvenTime) -> Json:
    """Which time counts, and who says so."""
    return {
        "now": time_text(now.now),
        "status": now.status.value,
        "frozen": now.frozen,
        "sentence": now.sentence.model_dump(),
    }


# ---------------------------------------------------------------- assessments


def known(visit: Visit, blockers: Iterable[Blocker]) -> tuple[Blocker, ...]:
    """Blockers as this caller may read them: of a record that it may not see, only the reason."""
    return tuple(b if _seen(visit, b.record) else Blocker(b.code, WHY[b.code]) for b in blockers)


def _seen(visit: Visit, record_id: str | None) -> bool:
    if record_id is None:
        return True
    try:
        found = visit.desk.archive.ledger.get(record_id)
    except NoSuchRecordError:
        return False
    return visit.guest.may_see(found, visit.desk)


def sentence(visit: Visit, found: Assessment) -> Text:
    """Why, in one sentence; nothing in it of what the caller may not see."""
    told = known(visit, found.blockers)
    if told == found.blockers:
        return found.sentence
    parts = [b.what for b in told]
    return text("；".join(p.zh for p in parts) + "。", "; ".join(p.en for p in parts) + ".")


def assessment_json(visit: Visit, assessed: Assessed, today: date) -> Json:
    found = assessed.assessment
    return {
        "status": "due" if found.due(today) else found.status,
        "base_date": day(found.base_date),
        "last_day": day(found.last_day),
        "eligible_from": time_text(found.eligible_from) if found.eligible_from else None,
        "due_from": day(found.due_from),
        "rule": _won(found.winning),
        "reckoned": [_reckoned(visit, one) for one in found.reckoned],
        "kept": [
            {"disposal": k.disposal, "number": k.number, "until": day(k.until)} for k in found.kept
        ],
        "blockers": [blocker_json(b) for b in known(visit, found.blockers)],
        "sentence": sentence(visit, found).model_dump(),
    }


def blocker_json(blocker: Blocker) -> Json:
    return {"code": blocker.code, "what": blocker.what.model_dump(), "record": blocker.record}


def _won(won: Reckoned | None) -> Json | None:
    if won is None:
        return None
    rule = won.rule
    return {
        "id": rule.rule_id,
        "version": rule.version,
        "hash": rule.hash,
        "title": rule.title.model_dump(),
        "authority": _authority(rule),
    }


def _reckoned(visit: Visit, one: Reckoned) -> Json:
    return {
        "rule": one.rule_id,
        "version": one.version,
        "record": one.record if _seen(visit, one.record) else None,
        "copy": one.copy.record_id if one.copy else None,
        "trigger": one.trigger,
        "base_date": day(one.base_date),
        "last_day": day(one.last_day),
        "permanent": one.permanent,
        "waits": [{"what": what, "value": value} for what, value in one.waits],
    }


def copy_json(copy: Copy) -> Json:
    return {
        "id": copy.record_id,
        "number": copy.number,
        "copy": copy.copy,
        "state": copy.state,
        "location": copy.location,
        "box": copy.box,
        "pages": copy.pages,
        "signed_original": copy.signed_original,
        "required_by": copy.required_by,
        "checked_ok": copy.checked_ok,
        "checked_on": day(copy.checked_on),
    }


def line_json(visit: Visit, line: Line) -> Json:
    """A row of a list."""
    return {
        "record": line.record_id,
        "of": line.of,
        "medium": line.medium,
        "kind": line.kind,
        "number": line.number,
        "department": line.department,
        "status": line.status,
        "base_date": line.base_date,
        "last_day": line.last_day,
        "due_from": line.due_from,
        "rule": {"id": line.rule_id, "version": line.rule_version} if line.rule_id else None,
        "unfiled_since": line.unfiled_since,
        "group": {"id": line.together, "members": line.members},
        "blockers": [blocker_json(b) for b in known(visit, line.blockers)],
    }


# ---------------------------------------------------------------- rules


def _authority(rule: RuleVersion) -> Json:
    return {"type": rule.authority, "citation": rule.citation, "edition": rule.edition or None}


def rule_json(rule: RuleVersion, record: Record) -> Json:
    """One version, with who approved it; `shipped` where it came with the product."""
    approved = _approved(rule, record)
    said = {
        "id": rule.rule_id,
        "version": rule.version,
        "record": rule.record_id,
        "number": record.number,
        "hash": rule.hash,
        "title": rule.title,
        "authority": _authority(rule),
        "medium": rule.medium,
        "trigger": rule.trigger,
        "cut_off": rule.cut_off,
        "period": str(rule.period) if rule.period else None,
        "action": rule.action,
        "permanent": rule.permanent,
        "floor": rule.floor,
        "effective_from": rule.effective_from,
        "ends_on": rule.ends_on,
        "in_force_at": rule.in_force_at,
        "conditions": {
            "classes": rule.classes,
            "kinds": rule.kinds,
            "marks": rule.marks,
            "parts": rule.parts,
            "customers": rule.customers,
            "scope": rule.scope,
        },
        "note": rule.note or None,
        "approved_by": [e.behalf or e.actor for e in approved],
        "shipped": not approved,
    }
    found: Json = plain(said)
    return found


def _approved(rule: RuleVersion, record: Record) -> list[Entry]:
    """The two who put this version in force: the last of each before it was."""
    found = []
    for step in ("approve-first", "approve-second"):
        given = [e for e in record.entries if e.step == step and e.recorded_at <= rule.in_force_at]
        found += given[-1:]
    enacting = any(e.recorded_at == rule.in_force_at for e in found)
    return found if enacting else []


# ---------------------------------------------------------------- disposals


def disposal_json(visit: Visit, record: Record) -> Json:
    """A disposal with its present list, what was said of it, and how far it has come."""
    listing = disposals.listing(record)
    outcomes, results = disposals.outcomes(record), disposals.results(record)
    executions = visit.desk.executions
    failure = executions.failure(record.id)
    return {
        "id": record.id,
        "number": record.number,
        "state": record.state,
        "version": record.version,
        "medium": listing.medium,
        "list_hash": listing.list_hash,
        "listed_by": listing.listed_by,
        "time_status": listing.time_status,
        "owners": sorted(listing.owners),
        "barred": sorted(listing.barred),
        "items": [
            {
                **plain(asdict(item)),
                "outcome": plain(asdict(outcomes[name])) if name in outcomes else None,
                "result": plain(asdict(results[name])) if name in results else None,
            }
            for name, item in listing.items.items()
        ],
        "approvals": [plain(asdict(a)) for a in disposals.approvals(record)],
        "execution": {
            "running": executions.running(record.id),
            "done": progress(visit, record),
            "of": len(listing.items),
            "refused": _failure_json(failure),
        },
        "certificate": record.number if record.said("certify") else None,
        "allowed": list(allowed_steps(record)),
    }


def _failure_json(failure: Exception | None) -> Json | None:
    if failure is None:
        return None
    message = getattr(failure, "message", text(str(failure), str(failure)))
    return {"code": getattr(failure, "code", "store"), "message": message.model_dump()}


def progress(visit: Visit, record: Record) -> int:
    """How many items are gone; while it is executed, by what the log says of them."""
    results = disposals.results(record)
    if record.state != "executing" or results:
        return sum(r.result == "destroyed" for r in results.values())
    ledger = visit.desk.archive.ledger
    listing = disposals.listing(record)
    return sum(
        ledger.get(item.copy).state == "destroyed"
        if item.copy
        else ledger.get(item.record).disposal is not None
        for item in listing.items.values()
    )


def certificate_json(found: Certificate) -> Json:
    return {
        "number": found.number,
        "disposal": found.disposal,
        "medium": found.medium,
        "list_hash": found.list_hash,
        "method": found.method,
        "started_at": found.started_at,
        "ended_at": found.ended_at,
        "effective_from": found.effective_from,
        "time_status": found.time_status,
        "destroyed": found.destroyed,
        "exceptions": len(found.exceptions),
        "items": [_certified(line) for line in found.lines],
        "hands": [_hand(hand) for hand in found.hands],
        "supplements": [
            {"at": time_text(entry.recorded_at), "digest": entry.digest, **plain(entry.values)}
            for entry in found.supplements
        ],
        "verify": "python -m archive.evidence certificate.zip --vkey '<key>'",
    }


def _certified(line: Certified) -> Json:
    return {
        **plain(asdict(line.item)),
        "destroyed": line.destroyed,
        "code": line.code,
        "why": line.why,
        "tombstone": line.tombstone,
        "events": line.events,
        "head": line.head,
    }


def _hand(hand: Hand) -> Json:
    said: Json = plain(asdict(hand))
    return said


def lines_json(visit: Visit, lines: Sequence[Line]) -> list[Json]:
    return [line_json(visit, line) for line in lines]
