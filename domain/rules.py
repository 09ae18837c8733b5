"""Rules that data cannot say: pure, versioned functions that kinds name, in a closed registry.

A version, once a stored event rests on it, never changes: a new behaviour is a new version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from domain.context import Context
    from domain.events import Values
    from domain.record import Record

Rule = Callable[["Record | None", "Values", "Context | None"], bool]


def seed_opens_commitment_1(record: Record | None, values: Values, context: Context | None) -> bool:
    """The seed now revealed is the one whose hash was committed before the sample was drawn."""
    committed = record.answer("plan.seed_commitment") if record is not None else None
    seed = values.get("seed")
    return isinstance(seed, str) and hashlib.sha256(seed.encode()).hexdigest() == committed


RULES: Mapping[str, Rule] = {"seed-opens-commitment@1": seed_opens_commitment_1}
