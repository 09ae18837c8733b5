"""Walks a kind from its opening to its end, wherever its own words allow, until all was done once.

What it has done least often it tries first, so that it soon comes into every corner. What a guard
asks of linked records it supplies; everything else it must find by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from random import Random

from domain.access import resolve
from domain.calendar import Calendar
from domain.clocks import clocks
from domain.commands import Actor
from domain.context import LinkedHead
from domain.decide import allowed_steps
from domain.errors import ConflictError, DomainError, GuardError
from domain.kind import Anyone, Condition, Guard, Kind, Linked, Step, Systems, Who
from tests.domain.answers import answer, uploaded
from tests.domain.plant import PEOPLE, SITE, Case, head

SYSTEM = Actor(None, system="erp", assurance="api-key")
ARCHIVE = Actor(None, system="archive", assurance="system", trusted=True)
LONGEST_WALK = 60
Move = tuple[str, Callable[[], object]]


def expected(kind: Kind) -> set[str]:
    """All that a kind declares, as words: each must happen in some walk."""
    found = {f"state {s.id}" for s in kind.states if s.id not in _unreached(kind)}
    found |= {f"step {s.id}" for s in kind.steps}
    found |= {f"{c.id} item {s.id}" for c in kind.collections for s in c.states}
    found |= {f"slot {s.id} signed" for s in kind.slots}
    found |= {f"slot {s.id} refused" for s in kind.slots}
    found |= {f"pause {p.id}" for p in kind.pauses} | {f"resume {p.id}" for p in kind.pauses}
    found |= {f"clock {d.id} runs" for d in kind.deadlines}
    found |= {f"clock {d.id} stops" for d in kind.deadlines}
    found |= {"filed"} if kind.filing else set()
    found |= {"reopened"} if kind.reopening else set()
    return found


def _unreached(kind: Kind) -> set[str]:
    """The first state is only a place to stand for imported records, where no step leads to it."""
    return {kind.states[0].id} if kind.states[0].id == "imported" else set()


def walk(kind: Kind, done: Counter[str], chance: Random) -> Case:
    """One walk; counts in `done` what happened."""
    case = Case(linked=tuple(_heads(kind)))
    opening = min(
        (s for s in kind.steps if s.opens), key=lambda s: (done[f"step {s.id}"], chance.random())
    )
    for _ in range(20):
        try:
            values = answer(opening, case, chance, None)
            by = _anybody(case, opening.by, values, chance)
            case.open(kind.id, opening.id, by, values, attachments=uploaded(opening.form, values))
            break
        except DomainError:
            continue
    else:
        raise AssertionError(f"{kind.id}: nobody can take the opening step {opening.id}")
    done[f"step {opening.id}"] += 1
    for _ in range(LONGEST_WALK):
        _look(case, done)
        moves = sorted(_moves(case, kind, chance), key=lambda m: (done[m[0]], chance.random()))
        if not any(_made(move, done) for move in moves):
            break
        case.turn(hours=chance.choice((0, 1, 5, 30)))
    _look(case, done)
    return case


def _made(move: Move, done: Counter[str]) -> bool:
    name, act = move
    done[f"tried {name}"] += 1
    try:
        act()
    except DomainError as error:
        done[f"{name}: {error.code}: {error.message.en}"] += 1
        return False
    done[name] += 1
    return True


def _look(case: Case, done: Counter[str]) -> None:
    record = case.it
    done[f"state {record.state}"] += 1
    for name, children in record.items.items():
        done.update(f"{name} item {child.state}" for child in children.values())
    for clock in clocks(record, Calendar(), SITE, case.now):
        done[f"clock {clock.deadline} runs"] += 1
        if clock.stopped_at is not None:
            done[f"clock {clock.deadline} stops"] += 1


def _moves(case: Case, kind: Kind, chance: Random) -> Iterator[Move]:
    yield from _steps(case, kind, chance)
    yield from _answers_of_people(case, chance)
    for pause in kind.pauses:
        by = _anybody(case, pause.by, {}, chance)
        yield f"pause {pause.id}", partial(case.pause, pause.id, by)
        yield f"resume {pause.id}", partial(case.resume, pause.id, by)
    if chance.random() < 0.2:
        yield "corrected", _correcting(case, chance)
    if kind.filing and chance.random() < 0.3:
        yield "filed", partial(case.file, _anybody(case, kind.filing.by, {}, chance))
    if kind.reopening and chance.random() < 0.3:
        yield "reopened", partial(case.reopen, _anybody(case, kind.reopening.by, {}, chance))


def _steps(case: Case, kind: Kind, chance: Random) -> Iterator[Move]:
    for step_id in allowed_steps(case.it):
        step = kind.step(step_id)
        assert step is not None
        if step.item is None:
            yield f"step {step.id}", _taking(case, step, None, chance)
            continue
        for child in case.it.items.get(step.item, {}).values():
            if child.state in step.start:
                yield f"step {step.id}", _taking(case, step, child.key, chance)


def _answers_of_people(case: Case, chance: Random) -> Iterator[Move]:
    for asked in case.it.open_slots():
        yield f"slot {asked.slot} signed", partial(case.sign, asked.slot, asked.signer)
        if chance.random() < 0.3:
            yield f"slot {asked.slot} refused", partial(case.refuse, asked.slot, asked.signer)
    for receipt in case.it.receipts:
        if receipt.at is None and chance.random() < 0.1:
            yield "acknowledged", partial(case.acknowledge, receipt.person)


def _taking(case: Case, step: Step, item: str | None, chance: Random) -> Callable[[], object]:
    def take() -> object:
        """Several tries: what people write may fail a guard that asks about it."""
        for left in reversed(range(6)):
            values = answer(step, case, chance, case.it)
            seen = dict(case.it.items[step.item or ""][item].values) if item else {}
            by = _anybody(case, step.by, {**seen, **values}, chance, step.not_by)
            try:
                return case.take(
                    step.id, by, values, item=item, attachments=uploaded(step.form, values)
                )
            except (GuardError, ConflictError):
                if not left:
                    raise
        return None

    return take


def _correcting(case: Case, chance: Random) -> Callable[[], object]:
    def correct() -> object:
        """Some entry is said otherwise, by whoever said it; the files that it names stay."""
        entry = chance.choice(case.it.entries)
        step = case.it.kind.step(entry.step)
        assert step is not None
        files = {f.id for f in step.form.fields if f.type in ("attachments", "rows")}
        said = answer(step, case, chance, case.it)
        values = {name: value for name, value in said.items() if name not in files}
        by = Actor(entry.actor) if entry.actor in PEOPLE.values() else ARCHIVE
        return case.correct(entry.version, by, values)

    return correct


def _anybody(
    case: Case,
    by: tuple[Who, ...],
    values: dict[str, object],
    chance: Random,
    not_by: tuple[Who, ...] = (),
) -> str | Actor:
    """One of those who may, or a system where only systems may."""
    if not by:
        return ARCHIVE
    people = resolve(by, case.people, case.record, values)
    people -= resolve(not_by, case.people, case.record, values)
    if case.record is None and not people:
        return PEOPLE["market-head"]
    if people and not (any(isinstance(w, Systems) for w in by) and chance.random() < 0.1):
        return chance.choice(sorted(people))
    if any(isinstance(w, Anyone | Systems) for w in by):
        return SYSTEM
    return PEOPLE["gm"]


def _heads(kind: Kind) -> Iterator[LinkedHead]:
    """Linked records that satisfy what the kind's guards ask of them, taken together."""
    guards = [g for s in kind.steps for g in s.guards]
    guards += kind.filing.guards if kind.filing else ()
    states: dict[tuple[str, bool, str], tuple[str, ...]] = {}
    for asked in (c for guard in guards for c in linked_conditions(guard)):
        key = (asked.rel, asked.incoming, asked.kind or "minutes")
        states[key] = states.get(key) or asked.states
    for (rel, incoming, of_kind), fitting in states.items():
        yield head(rel, of_kind, (*fitting, "anything")[0], incoming=incoming, filed=True)


def linked_conditions(guard: Guard) -> list[Linked]:
    def inside(condition: Condition) -> list[Linked]:
        match condition.test:
            case "linked":
                return [condition]
            case "not":
                return inside(condition.of)
            case "all" | "any":
                return [c for part in condition.of for c in inside(part)]
            case _:
                return []

    return inside(guard.needs)
