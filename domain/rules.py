"""Rules that data cannot say: pure, versioned functions that kinds name, in a closed registry.

A version, once a stored event rests on it, never changes: a new behaviour is a new version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from domain.context import Context
    from domain.events import Values
    from domain.record import Record

Rule = Callable[["Record | None", "Values", "Context | None"], bool]

_SATURDAY = 5
_DECEMBER = 12


def seed_opens_commitment_1(record: Record | None, values: Values, context: Context | None) -> bool:
    """The seed now revealed is the one whose hash was committed before the sample was drawn."""
    committed = record.answer("plan.seed_commitment") if record is not None else None
    seed = values.get("seed")
    return isinstance(seed, str) and hashlib.sha256(seed.encode()).hexdigest() == committed


def delegation_is_sound_1(record: Record | None, values: Values, context: Context | None) -> bool:
    """Nobody delegates to themselves, and a span of time has a length.

    Instants are in their one text form, so their order is that of the text.
    """
    return bool(values["principal"] != values["delegate"] and values["since"] < values["until"])


def calendar_is_sound_1(record: Record | None, values: Values, context: Context | None) -> bool:
    """Days of one year or the December before (a New Year's holiday may begin there)."""
    year = values.get("year") or (record.answer("publish.year") if record is not None else None)
    off = [date.fromisoformat(row["date"]) for row in values["holidays"]]
    worked = [date.fromisoformat(row["date"]) for row in values.get("workdays", ())]
    inside = all(
        day.year == year or (day.year + 1 == year and day.month == _DECEMBER)
        for day in (*off, *worked)
    )
    once = len({*off, *worked}) == len(off) + len(worked)
    return inside and once and all(day.weekday() >= _SATURDAY for day in worked)


def caller_is_sound_1(record: Record | None, values: Values, context: Context | None) -> bool:
    """A key belongs to a person or to a system, and to one of the two."""
    return ("person" in values) != ("system" in values)


def _later(record: Record | None, step: str, than: str) -> bool:
    """Whether a step was taken after another was last taken."""
    said = record.said(step) if record is not None else None
    before = record.said(than) if record is not None else None
    return said is not None and (before is None or said.version > before.version)


def legal_knows_the_plan_1(record: Record | None, values: Values, context: Context | None) -> bool:
    """Legal was told since the plan was last made: a new offer is news to them."""
    return _later(record, "inform-legal", than="analyse")


def documents_answered_1(record: Record | None, values: Values, context: Context | None) -> bool:
    """FMEA and control plan were answered for the actions that were submitted last."""
    return _later(record, "update-documents", than="submit")


RULES: Mapping[str, Rule] = {
    "seed-opens-commitment@1": seed_opens_commitment_1,
    "delegation-is-sound@1": delegation_is_sound_1,
    "calendar-is-sound@1": calendar_is_sound_1,
    "caller-is-sound@1": caller_is_sound_1,
    "legal-knows-the-plan@1": legal_knows_the_plan_1,
    "documents-answered@1": documents_answered_1,
}
