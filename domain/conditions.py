"""What a condition of a kind means for a record: pure, and total on records without content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain.kind import (
    AllOf,
    AnyOf,
    Condition,
    Holds,
    Is,
    Items,
    Linked,
    Not,
    Present,
    Received,
    SignedOff,
    Step,
    Taken,
)
from domain.rules import RULES

if TYPE_CHECKING:
    from domain.context import Context
    from domain.events import Values
    from domain.record import Record


def answer(path: str, record: Record | None, values: Values) -> Any:
    """The answer at `field` (form at hand) or `step.field` (what the step last said)."""
    if "." not in path:
        return values.get(path)
    return record.answer(path) if record is not None else None


def holds(
    condition: Condition, record: Record | None, values: Values, context: Context | None = None
) -> bool:
    """Whether a condition holds; `Linked` and rules that look outside need a context."""
    match condition:
        case Is(field=path, values=wanted):
            said = answer(path, record, values)
            return any(x in wanted for x in said) if isinstance(said, list) else said in wanted
        case Present(field=path):
            return answer(path, record, values) not in (None, "", [])
        case Taken(step=step, lately=lately):
            return record is not None and _taken(record, step, lately)
        case Items(collection=name, states=states, every=every):
            children = record.items.get(name, {}).values() if record is not None else ()
            found = (child.state in states for child in children)
            return all(found) if every else any(found)
        case Linked():
            return context is not None and _linked(condition, context)
        case SignedOff(slot=slot):
            return record is not None and signed_off(record, slot)
        case Received(step=step):
            return record is not None and _received(record, step)
        case Holds(rule=rule):
            return RULES[rule](record, values, context)
        case Not(of=inner):
            return not holds(inner, record, values, context)
        case AllOf(of=parts):
            return all(holds(part, record, values, context) for part in parts)
        case AnyOf(of=parts):
            return any(holds(part, record, values, context) for part in parts)


def _taken(record: Record, step: str, lately: bool) -> bool:
    since = record.since if lately else 0
    return any(e.step == step and e.version > since for e in record.entries)


def _linked(condition: Linked, context: Context) -> bool:
    found = [
        head
        for head in context.linked
        if head.rel == condition.rel
        and head.incoming == condition.incoming
        and (condition.kind is None or head.kind == condition.kind)
    ]
    if len(found) < condition.at_least:
        return False
    fits = [
        (not condition.states or head.state in condition.states)
        and (head.filed or not condition.filed)
        for head in found
    ]
    return all(fits) if condition.every else sum(fits) >= condition.at_least


def _received(record: Record, step: str) -> bool:
    """Whether all receivers of the step's latest distribution, as corrected, have acknowledged."""
    said = record.said(step)
    if said is None:
        return False
    versions = (said.version, *said.corrected_by)
    asked = [r for r in record.receipts if r.version in versions and r.acknowledge]
    latest = max((r.edition for r in asked), default=0)
    return bool(asked) and all(r.at is not None for r in asked if r.edition == latest)


def signed_off(record: Record, slot_id: str) -> bool:
    """Whether the slot's signers of the present edition have answered as the slot asks."""
    slot = record.kind.slot(slot_id)
    asked = [s for s in record.signatures if s.slot == slot_id and s.voided_by is None]
    if slot is None or not asked:
        return False
    dissent = slot.on_refusal == "dissents"
    answered = [s.signed_by is not None or (dissent and s.refused is not None) for s in asked]
    return all(answered) if slot.every else any(answered)


def destination(step: Step, record: Record, values: Values) -> str | None:
    """The state a step leads to, judged by its own answers; None where no branch fits."""
    if step.to is None or isinstance(step.to, str):
        return step.to
    return next(
        (b.to for b in step.to if b.when is None or holds(b.when, record, values)),
        None,
    )
