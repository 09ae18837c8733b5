"""What a right rested on stays: corrections that would take it from a step that was taken by it.

Who may take a step can follow from an answer: the owner of an action completes it, the spokesperson
of an analysis answers for it, whoever completed it does not verify it. Were that answer corrected
afterwards, the record would say that somebody acted who had no right to, or hide that two duties
lay in one hand.
"""

from __future__ import annotations

from collections.abc import Iterator

from domain.access import resolve
from domain.directory import Directory
from domain.events import Corrected, Recorded, Values
from domain.kind import Step
from domain.record import Entry, Record, evolve


def shaken(record: Record, event: Corrected, target: Entry, directory: Directory) -> Step | None:
    """The first step, taken after what is corrected, whose taker's right would be another."""
    after = evolve(record, Recorded(event, record.recorded_at, record.version, ""))
    if after is None:
        return None
    for entry, step in _later(record, target):
        person = entry.behalf or entry.actor
        if person is not None and not _same(person, entry, step, (record, after), directory):
            return step
    return None


def _later(record: Record, target: Entry) -> Iterator[tuple[Entry, Step]]:
    for entry in record.entries:
        step = record.kind.step(entry.step)
        if entry.version > target.version and step is not None:
            yield entry, step


def _same(
    person: str, entry: Entry, step: Step, states: tuple[Record, Record], directory: Directory
) -> bool:
    """Whoever was entitled stays so, and those who were barred stay the same people."""
    entitled, barred = [], []
    for state in states:
        seen = state._replace(entries=tuple(e for e in state.entries if e.version < entry.version))
        values = {**entry.values, **_of_item(state, entry, step)}
        entitled.append(any(person in resolve((w,), directory, seen, values) for w in step.by))
        barred.append(resolve(step.not_by, directory, seen, values))
    return entitled[0] <= entitled[1] and barred[0] == barred[1]


def _of_item(record: Record, entry: Entry, step: Step) -> Values:
    """An item's own answers come before those of the form, as when the step was taken."""
    item = record.items.get(step.item or "", {}).get(entry.item or "")
    return item.values if item is not None else {}
