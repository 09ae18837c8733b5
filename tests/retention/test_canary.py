"""After a whole disposal no file holds a word of what went, of any kind (EVIDENCE.md 4)."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from random import Random
from typing import Any

import pytest

from archive.check import Thoroughness
from archive.evidence.policy import Policy
from archive.evidence.report import Verdict
from archive.evidence.verify import verify
from archive.log import vkey
from domain.events import Filed, Recorded
from domain.kind import Kind
from domain.kinds import current
from domain.record import Record
from tests.archive.acting import Acting
from tests.archive.stored import commit_history
from tests.archive.test_destroying import (
    ALL,
    CANARY,
    WANTED,
    Place,
    assert_worthless,
    doomed,
    evidence_of,
    exported,
    old_backup,
    place,  # noqa: F401 - a fixture
)
from tests.domain import answers
from tests.domain.plant import hex_id
from tests.domain.walker import walk

ALONE = Thoroughness(processes=0)
FILED = [pytest.param(k, id=k.id) for k in current().values() if k.filing]
WALKS = 60
SPOKEN = ("reason", "note", "answer")
"""What people write beside the forms: why it is corrected, paused, refused, reopened."""


def histories(kind: Kind) -> Iterator[Sequence[Recorded]]:
    """Walks that end in a filing, until every step that asks for a text was among them."""
    wanted = {
        step.id
        for step in kind.steps
        if any(
            f.type in ("text", "rows") and f.when is None and f.required for f in step.form.fields
        )
    }
    chance, done = Random(kind.id), Counter[str]()
    for _ in range(WALKS):
        history = _until_filed(walk(kind, done, chance).history)
        steps = {getattr(recorded.event, "step", None) for recorded in history}
        if history and wanted & steps:
            wanted -= steps
            yield [_spoken(recorded) for recorded in history]
    assert not wanted, f"{kind.id}: no filed record has the steps {sorted(wanted)}"


def _until_filed(history: Sequence[Recorded]) -> Sequence[Recorded]:
    filed = [n for n, recorded in enumerate(history, start=1) if isinstance(recorded.event, Filed)]
    return history[: filed[-1]] if filed else ()


def _spoken(recorded: Recorded) -> Recorded:
    event = recorded.event
    said = {f.name for f in fields(event)} & set(SPOKEN)
    changes: dict[str, Any] = {
        name: CANARY for name in said if isinstance(getattr(event, name), str)
    }
    return replace(recorded, event=replace(event, **changes))


@contextmanager
def canaries() -> Iterator[None]:
    """Whatever anybody writes in any text, meanwhile."""
    before = answers.WORDS
    answers.WORDS = (CANARY,)  # type: ignore[assignment]
    try:
        yield
    finally:
        answers.WORDS = before


def every_kind(place: Place) -> list[Record]:  # noqa: F811
    archive = place.archive
    found = []
    with canaries():
        for kind in current().values():
            for n, history in enumerate(histories(kind) if kind.filing else ()):
                record_id = hex_id(f"{kind.id} {n}")
                commit_history(archive, record_id, history)
                found.append(archive.ledger.get(record_id))
    return found


@pytest.mark.slow
def test_no_word_of_any_kind_is_left(place: Place) -> None:  # noqa: F811
    """All kinds, all texts, a file and its name: seen in the views before, in nothing afterwards;
    and checks, bundles, receipts and proofs of before say what they said."""
    archive = place.archive
    records = [*every_kind(place), doomed(Acting(archive))]
    assert {record.kind.id for record in records} == {param.id for param in FILED}
    archive.views.catch_up()
    head = archive.log.checkpoint()
    before = evidence_of(archive, head.size)
    bundle, report = exported(archive, records[-1].id, readable=True)
    assert report.ok
    assert place.seen(WANTED)
    backup = old_backup(place)

    place.world.clock.turn(days=4 * 365)
    disposal = place.staff.disposed(*records)
    said = disposal.entries[-1].values
    assert (said["destroyed"], said["exceptions"]) == (len(records), 0)

    assert place.seen(WANTED) == set()
    assert archive.views.search.search(CANARY, ALL).hits == ()
    assert evidence_of(archive, head.size) == before
    assert archive.check(how=ALONE).findings == ()
    trust = Policy.of_vkey(vkey(archive.options.origin, archive.keyring.log_key))
    assert verify(io.BytesIO(bundle), trust).ok
    for record in records:
        _, after = exported(archive, record.id, readable=True)
        assert after.ok
        *content, _ = after.events
        assert {event.verdict for event in content} == {Verdict.DISPOSED}
    assert_worthless(backup(), *(record.id for record in records))
    place.stop()
    assert place.seen(WANTED) == set()
