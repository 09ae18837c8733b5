"""Every kind's file hangs together: what it names exists, and people can read it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from domain.kind import Field, Kind, Named, Step, Text
from domain.kinds import all_versions, current
from domain.rules import RULES

KINDS = [pytest.param(k, id=f"{k.id}@{k.version}") for k in all_versions().values()]
CHINESE = re.compile(r"[\u4e00-\u9fff]")
NAMES = {"5Why", "8D"}
"""Methods that the trade calls so in both languages."""
SEED = re.compile(r"[MPTSI]\d\d[a-d]?")
ROLES = {
    "gm", "mr", "executive", "auditor", "supervisor", "administrator", "security-officer",
    "records-officer", "quality-manager",
}  # fmt: skip
FUNCTIONS = {
    "adm", "cs", "qc", "eng", "pmc", "hr", "crm", "pur", "bd", "legal", "prod", "logistics", "info",
}  # fmt: skip


def parts(value: object) -> Iterator[BaseModel]:
    """The kind and everything inside it."""
    if isinstance(value, BaseModel):
        yield value
        for name in type(value).model_fields:
            yield from parts(getattr(value, name))
    elif isinstance(value, tuple):
        for one in value:
            yield from parts(one)


def field_types(step: Step) -> dict[str, str]:
    return {f.id: f.type for f in step.form.fields}


@pytest.mark.parametrize("kind", KINDS)
def test_every_title_speaks_both_languages(kind: Kind) -> None:
    """Chinese has Chinese characters in it, English has none, neither is empty or padded."""
    for title in (p for p in parts(kind) if isinstance(p, Text)):
        assert CHINESE.search(title.zh) or title.zh in NAMES, title
        assert title.en, title
        assert not CHINESE.search(title.en), title
        assert (title.zh, title.en) == (title.zh.strip(), title.en.strip())


@pytest.mark.parametrize("kind", KINDS)
def test_ids_are_unique(kind: Kind) -> None:
    """Of states, steps, slots, collections, deadlines, pauses, links; of fields in a form."""
    groups: list[tuple[Any, ...]] = [
        kind.states, kind.steps, kind.slots, kind.collections, kind.deadlines, kind.pauses,
        *(s.form.fields for s in kind.steps),
        *(f.rows for s in kind.steps for f in s.form.fields),
        *(f.options for s in kind.steps for f in s.form.fields),
        *(c.states for c in kind.collections),
    ]  # fmt: skip
    for group in groups:
        ids = [one.id for one in group]
        assert len(ids) == len(set(ids)), ids
    rels = [link.rel for link in kind.links]
    assert len(rels) == len(set(rels))


@pytest.mark.parametrize("kind", KINDS)
def test_every_state_that_is_named_exists(kind: Kind) -> None:
    """In steps (of the item, where they move one), slots, filing, reopening and locks."""
    states = {s.id for s in kind.states}
    for step in kind.steps:
        known = states
        if step.item is not None:
            collection = kind.collection(step.item)
            assert collection is not None, step.item
            known = {s.id for s in collection.states}
        to = (step.to,) if isinstance(step.to, str) else tuple(b.to for b in step.to or ())
        assert known >= {*step.start, *to}, step.id
        assert states >= {*step.late}, step.id
        assert not set(step.start) & set(step.late), f"{step.id}: late moves nothing, start does"
    for slot in kind.slots:
        named = {slot.returns_to, slot.completes, slot.asks, slot.partly} - {None}
        assert named <= states, slot.id
        assert (slot.on_refusal == "returns") == (slot.returns_to is not None), slot.id
    assert states >= set(kind.filing.states if kind.filing else ())
    assert states >= set(kind.reopening.states if kind.reopening else ())
    assert states >= set(kind.correcting.locked)
    if kind.reopening and kind.reopening.states:
        assert kind.reopening.to in states


@pytest.mark.parametrize("kind", KINDS)
def test_every_step_and_collection_that_is_named_exists(kind: Kind) -> None:
    """In conditions, deadlines, slots, pauses and separation of duties."""
    steps = {s.id for s in kind.steps}
    collections = {c.id for c in kind.collections}
    for slot in kind.slots:
        assert slot.opened_by in steps, slot.id
        assert steps >= set(slot.covers), slot.id
    for deadline in kind.deadlines:
        assert steps >= {deadline.starts, *deadline.stops}, deadline.id
        assert deadline.item is None or deadline.item in collections, deadline.id
    clocks = {d.id for d in kind.deadlines}
    for pause in kind.pauses:
        assert pause.clocks, f"{pause.id} stills no clock"
        assert clocks >= set(pause.clocks), pause.id
    for part in parts(kind):
        match getattr(part, "test", None):
            case "taken" | "received":
                assert getattr(part, "step") in steps, part  # noqa: B009
            case "items":
                assert getattr(part, "collection") in collections, part  # noqa: B009
            case "signed-off":
                assert kind.slot(getattr(part, "slot")), part  # noqa: B009
            case "linked":
                _check_linked(kind, part)
            case "holds":
                assert getattr(part, "rule") in RULES, part  # noqa: B009
            case _:
                pass
        if getattr(part, "who", None) == "taker":
            assert getattr(part, "step") in steps, part  # noqa: B009


def _check_linked(kind: Kind, part: Any) -> None:
    if part.kind in current():
        other = current()[part.kind]
        assert {s.id for s in other.states} >= set(part.states), part
        if part.incoming:
            assert any(link.rel == part.rel for link in other.links), part
    if not part.incoming:
        assert any(link.rel == part.rel for link in kind.links), part


@pytest.mark.parametrize("kind", KINDS)
def test_every_path_leads_to_a_field(kind: Kind) -> None:
    """`step.field` anywhere; a bare `field` in the form (or the item) at hand."""
    by_step = {s.id: field_types(s) for s in kind.steps}
    for step in kind.steps:
        here = {*by_step[step.id], *_item_fields(kind, step.item)}
        for path in _paths(step):
            _check_path(path, by_step, here | _row_fields(step))
    for slot in kind.slots:
        for path in _paths(slot):
            _check_path(path, by_step, set(by_step[slot.opened_by]))
    for deadline in kind.deadlines:
        here = {*by_step[deadline.starts], *_item_fields(kind, deadline.item)}
        for path in (*_paths(deadline), *([deadline.field] if deadline.field else [])):
            _check_path(path, by_step, here)
    everywhere = {name for fields in by_step.values() for name in fields}
    for path in (*kind.subject, *([kind.department] if kind.department else [])):
        _check_path(path, by_step, everywhere)
    for collection in kind.collections:
        named = {collection.label, collection.owner, collection.due} - {None}
        assert named <= _item_fields(kind, collection.id), collection.id


def _paths(part: BaseModel) -> Iterator[str]:
    for inner in parts(part):
        for name in ("of", "by", "field"):
            path = getattr(inner, name, None)
            if isinstance(path, str) and not isinstance(inner, Step | Field):
                yield path
        if isinstance(inner, Named):
            yield inner.by


def _check_path(path: str, by_step: dict[str, dict[str, str]], here: set[str]) -> None:
    step, dot, field = path.partition(".")
    if dot:
        assert field in by_step.get(step, {}), path
    else:
        assert path in here, path


def _row_fields(step: Step) -> set[str]:
    return {row.id for field in step.form.fields for row in field.rows}


def _item_fields(kind: Kind, collection: str | None) -> set[str]:
    """What an item may say: the rows and forms that make it, and the forms of its own steps."""
    found: set[str] = set()
    for step in kind.steps if collection is not None else ():
        if collection in (step.item, step.adds_item):
            found.update(field_types(step))
        for field in step.form.fields:
            if field.collection == collection:
                found.update(row.id for row in field.rows)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_fields_are_made_as_their_type_asks(kind: Kind) -> None:
    """Options for choices, rows for rows, a collection only where it exists."""
    collections = {c.id for c in kind.collections}
    for field in (p for p in parts(kind) if isinstance(p, Field)):
        assert (field.type in ("choice", "choices")) == bool(field.options), field.id
        assert (field.type == "rows") == bool(field.rows), field.id
        assert field.collection is None or field.collection in collections, field.id
        assert not field.kinds or field.type == "record", field.id


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_can_begin_and_end(kind: Kind) -> None:
    """There is an opening step that leads to a state; filing has an end to wait for."""
    openings = [s for s in kind.steps if s.opens]
    assert openings
    assert all(s.to is not None and not s.start for s in openings)
    assert all(s.start or s.late for s in kind.steps if not s.opens)
    if not kind.internal:
        assert any(s.final for s in kind.states)
        assert kind.filing is not None
        assert all(s.final for s in kind.states if s.id in kind.filing.states)


@pytest.mark.parametrize("kind", KINDS)
def test_roles_and_offices_are_those_of_the_plant(kind: Kind) -> None:
    """A misspelt role would be held by nobody, silently."""
    for part in parts(kind):
        match getattr(part, "who", None):
            case "role":
                assert getattr(part, "role") in ROLES, part  # noqa: B009
            case "office":
                assert getattr(part, "function") in FUNCTIONS, part  # noqa: B009
            case _:
                pass


@pytest.mark.parametrize("kind", KINDS)
def test_marks_and_sources_are_given(kind: Kind) -> None:
    """What a seed states (mark S) names its row; the kind names rows and, if a record, clauses."""
    assert kind.seeds
    assert all(SEED.fullmatch(seed) for seed in kind.seeds)
    if not kind.internal:
        assert kind.clauses
        assert kind.id in CATALOGUE
    for step in kind.steps:
        assert step.mark != "S" or step.source, step.id
        for field in step.form.fields:
            assert field.mark != "S" or field.source, f"{step.id}.{field.id}"
    for deadline in kind.deadlines:
        assert deadline.mark != "S" or deadline.source, deadline.id
    for slot in kind.slots:
        assert slot.mark != "S" or slot.source, slot.id


def test_prefixes_are_unique() -> None:
    """A number that people say belongs to one kind."""
    prefixes = [kind.prefix for kind in current().values()]
    assert len(prefixes) == len(set(prefixes))


CATALOGUE = frozenset(
    [
        "collaboration-request",
        "minutes",
        "progress-tracker",
        "acceptance",
        "dossier",
        "complaint",
        "capa",
        "customer-request",
        "change-request",
        "nonconformity",
        "audit",
        "management-review",
        "satisfaction-survey",
        "release-review",
        "status-assessment",
        "needs-survey",
        "mechanism",
        "contact-register",
        "effect-feedback",
        "project-brief",
        "internal-need",
        "suggestion",
        "supplier-review",
        "emergency",
        "training",
        "task",
        "periodic-report",
        "ledger-entry",
        "reception",
        "contact-record",
        "communication-plan",
        "inspection",
        "appraisal",
        "risk",
        "misunderstanding",
        "notice",
        "procedure",
        "external-information",
        "consultation",
        "personal-talk",
    ]
)
"""The kinds of SEEDS.md 10."""
