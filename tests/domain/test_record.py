"""Folding events: total, without content too, and equal however often it is done."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import fields, replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.events import EVENT_TYPES, AnyEvent, Recorded, Ref, StepTaken
from domain.kind import Collection, Field, Form, Kind, Slot, State, Step, text
from domain.kinds import current
from domain.record import Record, evolve, replay
from tests.domain.plant import PEOPLE, Case
from tests.domain.samples import HEADS, issued, minutes
from tests.domain.walker import walk

KINDS = st.sampled_from(sorted(current()))
SEEDS = st.integers(min_value=0, max_value=10_000)


def walked(kind: str, seed: int) -> Case:
    return walk(current()[kind], Counter(), Random(seed))


def without_content(recorded: Recorded) -> Recorded:
    """The event as it is left once its content was destroyed."""
    event = recorded.event
    empty = {f.name: _default(f) for f in fields(event) if f.name in event.CONTENT}
    return replace(recorded, event=replace(event, readable=False, attachments=(), **empty))


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    assert field.default is not dataclasses.MISSING, f"{field.name}: content needs a default"
    return field.default


@given(KINDS, SEEDS)
def test_folding_is_total_without_content(kind: str, seed: int) -> None:
    """Where the content is gone the skeleton still folds, and says that it is not readable."""
    case = walked(kind, seed)
    skeleton = replay(without_content(r) for r in case.history)
    assert skeleton is not None
    assert not skeleton.readable
    assert (skeleton.version, skeleton.head) == (case.it.version, case.it.head)
    assert [e.step for e in skeleton.entries] == [e.step for e in case.it.entries]
    assert not any(e.values for e in skeleton.entries)


@given(KINDS, SEEDS, st.data())
def test_folding_never_raises_on_any_sequence_of_events(
    kind: str, seed: int, data: st.DataObject
) -> None:
    """Events left out, swapped, repeated or emptied still fold to something, or to nothing."""
    history = walked(kind, seed).history
    some = data.draw(st.lists(st.sampled_from(history), max_size=25))
    emptied = data.draw(st.lists(st.booleans(), min_size=len(some), max_size=len(some)))
    events = [without_content(r) if gone else r for r, gone in zip(some, emptied, strict=True)]
    folded = replay(events)
    assert folded is None or isinstance(folded, Record)


@given(KINDS, SEEDS)
def test_versions_are_contiguous_and_replay_gives_the_same_record(kind: str, seed: int) -> None:
    """What was folded step by step is what replay gives; versions count from one."""
    case = walked(kind, seed)
    assert [r.event.version for r in case.history] == list(range(1, len(case.history) + 1))
    assert replay(case.history) == case.record
    assert case.it.digests == tuple(r.digest for r in case.history)


@given(KINDS, SEEDS)
def test_what_events_say_is_plain_json(kind: str, seed: int) -> None:
    """No floats, no dates, no sets; keys in ASCII: the bytes that are signed have one form."""
    for recorded in walked(kind, seed).history:
        for name in ("values", "provenance"):
            _assert_plain(getattr(recorded.event, name, None))


def _assert_plain(said: object) -> None:
    if isinstance(said, dict):
        for key, value in said.items():
            assert isinstance(key, str)
            assert key.isascii()
            _assert_plain(value)
    elif isinstance(said, list):
        for value in said:
            _assert_plain(value)
    else:
        assert said is None or type(said) in (str, int, bool)


@settings(max_examples=15)  # a record's text is long
@given(KINDS, SEEDS)
def test_folding_leaves_earlier_records_alone(kind: str, seed: int) -> None:
    """A record is a value: what follows changes no earlier one (as-of replay rests on it)."""
    case = walked(kind, seed)
    record: Record | None = None
    seen: list[tuple[Record, str]] = []
    for recorded in case.history:
        record = evolve(record, recorded)
        assert record is not None
        seen.append((record, repr(record)))
    assert all(repr(earlier) == text for earlier, text in seen)


def test_events_before_an_opening_leave_nothing() -> None:
    """A history without its beginning is no record."""
    assert replay(issued().history[1:]) is None
    assert replay(()) is None


# ---------------------------------------------------------------- voiding: all, touched, none


def _kind(on_correction: str, on_refusal: str = "blocks", *, every: bool = True) -> Kind:
    field = Field(id="says", title=text("内容", "content"))
    return Kind(
        id="paper",
        version=1,
        title=text("文书", "paper"),
        prefix="WS",
        seeds=("M03",),
        clauses=("7.4",),
        retention="communication",
        subject=("says",),
        states=tuple(
            State(id=s, title=text(s, s)) for s in ("draft", "asked", "partly", "done", "back")
        ),
        steps=(
            Step(id="draft", title=text("写", "draft"), by=(), opens=True, to="draft",
                 form=Form(fields=(field,))),
            Step(id="note", title=text("注", "note"), by=(), start=("draft", "asked", "partly"),
                 form=Form(fields=(field,))),
            Step(id="ask", title=text("问", "ask"), by=(), start=("draft", "back"), to="asked"),
        ),
        collections=(
            Collection(id="none", title=text("无", "none"), initial="open", label="says",
                       states=(State(id="open", title=text("开", "open")),)),
        ),
        slots=(
            Slot.model_validate(
                {
                    "id": "heads", "title": text("签字", "signed"), "meaning": "agrees",
                    "signers": (), "every": every, "opened_by": "ask", "covers": ("draft",),
                    "on_refusal": on_refusal, "returns_to": "back",
                    "on_correction": on_correction,
                    "asks": "asked", "partly": "partly", "completes": "done",
                }
            ),
        ),
    )  # fmt: skip


class Paper:
    """A record of a kind that exists only here, folded without being decided."""

    def __init__(self, kind: Kind) -> None:
        case = minutes()
        self.template = case.history[0]
        opened = case.it
        self.record: Record = opened._replace(
            kind=kind, state="draft", items={}, entries=(), digests=(), version=0
        )
        self.fold("step-taken", step="draft", values={"says": "甲"})

    def fold(self, topic: str, **said: Any) -> Record:
        header = self.template.event
        common = {
            "event_id": header.event_id, "record_id": header.record_id,
            "version": self.record.version + 1, "kind": "paper", "kind_version": 1,
            "actor": header.actor, "assurance": "session", "occurred_at": header.occurred_at,
        }  # fmt: skip
        event: AnyEvent = EVENT_TYPES[topic](**{**common, **said})
        at = self.template.recorded_at + timedelta(minutes=event.version)
        after = evolve(self.record, Recorded(event, at, event.version, f"{event.version:064x}"))
        assert after is not None
        self.record = after
        return after

    def ask(self, *people: str) -> Record:
        return self.fold("step-taken", step="ask", signers={"heads": tuple(people)})

    def sign(self, who: str) -> Record:
        return self.fold("signed", slot="heads", meaning="agrees", covers=(), actor=who,
                         signer=who, edition=self.record.edition)  # fmt: skip

    def refuse(self, who: str) -> Record:
        return self.fold("refused", slot="heads", covers=(), actor=who, signer=who,
                         edition=self.record.edition, reason="不同意")  # fmt: skip

    def correct(self, step: str) -> Record:
        said = self.record.said(step)
        assert said is not None
        ref = Ref("corrects", self.record.id, said.digest)
        return self.fold("corrected", refs=(ref,), values={"says": "乙"}, reason="错")


A, B = (PEOPLE[h] for h in HEADS[:2])


@pytest.mark.parametrize(
    ("on_correction", "step", "state", "voided"),
    [
        ("all", "draft", "asked", 1),
        ("all", "note", "asked", 1),
        ("touched", "draft", "asked", 1),
        ("touched", "note", "partly", 0),
        ("none", "draft", "partly", 0),
    ],
)
def test_a_correction_voids_all_some_or_none(
    on_correction: str, step: str, state: str, voided: int
) -> None:
    """As the slot says; what is voided stays visible and is asked for again."""
    paper = Paper(_kind(on_correction))
    paper.fold("step-taken", step="note", values={"says": "注"})
    paper.ask(A, B)
    paper.sign(A)
    record = paper.correct(step)
    assert record.state == state
    assert sum(s.voided_by is not None for s in record.signatures) == voided
    assert len(record.open_slots()) == 1 + voided


def test_a_refusal_blocks_until_the_refuser_signs() -> None:
    """`blocks`: nothing moves without them, and they may still sign."""
    paper = Paper(_kind("all", "blocks"))
    paper.ask(A, B)
    paper.refuse(A)
    assert paper.sign(B).state == "partly"
    assert paper.sign(A).state == "done"


def test_a_refusal_dissents_and_counts_as_answered() -> None:
    """`dissents`: recorded, and the record moves on."""
    paper = Paper(_kind("all", "dissents"))
    paper.ask(A, B)
    paper.sign(B)
    record = paper.refuse(A)
    assert record.state == "done"
    assert [s.refused for s in record.signatures if s.signer == A] == ["不同意"]


def test_one_of_several_is_enough_and_a_later_signature_moves_nothing() -> None:
    """Where one suffices, the record has moved on when the other signs too."""
    paper = Paper(_kind("all", every=False))
    paper.ask(A, B)
    assert paper.sign(A).state == "done"
    paper.record = paper.record._replace(state="back")
    assert paper.sign(B).state == "back"


def test_without_content_a_signature_is_still_known_by_its_header() -> None:
    """Who signed stands in the envelope; the printed name and the edition were content."""
    paper = Paper(_kind("all"))
    paper.ask(A, B)
    record = paper.fold("signed", slot="heads", meaning="agrees", covers=(), actor=A)
    assert [s.signer for s in record.signatures if s.signed_by] == [A]


def test_a_late_entry_moves_nothing() -> None:
    """In a state where a step may be entered late, it is kept and the state stays."""
    kind = _kind("all")
    late = kind.steps[2].model_copy(update={"start": (), "late": ("draft",)})
    paper = Paper(kind.model_copy(update={"steps": (*kind.steps[:2], late)}))
    record = paper.fold("step-taken", step="ask", values={})
    assert record.state == "draft"
    assert record.said("ask") is not None


def test_an_unknown_step_of_a_stored_event_is_passed_over() -> None:
    """Folding is total: a step that the kind does not know changes only version and head."""
    case = minutes()
    event = case.history[0].event
    strange = StepTaken(
        event_id=event.event_id,
        record_id=event.record_id,
        version=2,
        kind="minutes",
        kind_version=1,
        step="poem",
        actor=None,
        assurance="session",
        occurred_at=event.occurred_at,
    )
    after = evolve(case.it, Recorded(strange, case.now, 1, "e" * 64))
    assert after is not None
    assert (after.version, after.entries) == (2, case.it.entries)
