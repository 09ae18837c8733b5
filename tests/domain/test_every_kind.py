"""Every kind of record, as its own file declares it, from its first step to its last."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from domain.kind import Kind
from domain.kinds import all_versions
from tests.domain.walker import expected, walk

MOST_WALKS = 400
KINDS = [pytest.param(k, id=f"{k.id}@{k.version}") for k in all_versions().values()]


@pytest.mark.parametrize("kind", KINDS)
def test_every_step_state_signature_pause_and_clock_can_happen(kind: Kind) -> None:
    """Walking by what is allowed, all that the kind declares happens at least once."""
    done: Counter[str] = Counter()
    chance = Random(f"{kind.id} {kind.version}")
    missing = expected(kind)
    for _ in range(MOST_WALKS):
        walk(kind, done, chance)
        missing = {name for name in expected(kind) if not done[name]}
        if not missing:
            return
    refusals = {
        name: n for name, n in done.items() if any(name.startswith(f"{m}:") for m in missing)
    }
    pytest.fail(f"{kind.id}: never happened: {sorted(missing)}; refused: {refusals}")
