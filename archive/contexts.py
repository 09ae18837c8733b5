"""What a decision may look at besides its record: who is who, other records, a warrant.

A command is decided on what is read here; the commit checks that those records have not moved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from archive.sealing import AttachedPart
from archive.store import StoreError
from domain.commands import AnyCommand, Dispose, File, LinkTo, Open, TakeStep
from domain.context import Context, LinkedHead
from domain.errors import DomainError
from domain.events import Recorded
from domain.forms import named_records
from domain.kind import Step
from domain.kinds import find
from domain.record import Record

Incoming = Callable[[str], Iterable[tuple[str, str]]]
"""Links that point to a record, as (relation, record id), up to date with the log."""
Found = Callable[[str], Record | None]
"""A record as it is now, or None where there is none of this id."""


@dataclass(frozen=True, slots=True)
class Refused:
    """What the archive would not do. `record`: as it stands, None where it would have been opened;
    `command`: None where something else than an event was asked for."""

    error: DomainError | StoreError
    record: Record | None
    command: AnyCommand | None = None


@dataclass
class Surroundings:
    """What a decision may look at besides the record; set by whoever builds the archive."""

    context: Callable[[], Context] = Context
    incoming: Incoming = lambda _: ()
    attached: Callable[[Sequence[str]], Mapping[str, AttachedPart]] = lambda _: {}
    noted: list[Callable[[Record, Recorded], None]] = field(default_factory=list)
    """Told of each event that this process committed, in the committing thread."""
    refused: Callable[[Refused], None] = lambda _: None
    """Told of each refusal before whoever asked is; of one that was only foreseen it is not."""


@dataclass(frozen=True, slots=True)
class Contexts:
    """Reads only what a command may touch: most look at no other record at all."""

    surroundings: Surroundings
    found: Found

    def of(
        self,
        record: Record | None,
        command: AnyCommand,
        warrants: dict[str, Record | None] | None = None,
    ) -> Context:
        """`warrants`: those that were read for the commands before it."""
        context = self.surroundings.context()
        step = _step(record, command)
        named = _named(step, command)
        linked = self._linked(record, command) if _looks_at_links(record, step, command) else ()
        warrant = self._warrant(command, {} if warrants is None else warrants)
        if not named and not linked and warrant is None:
            return context
        known = {head.record: head.kind for head in linked} | self._kinds(named)
        return Context(
            directory=context.directory,
            calendar=context.calendar,
            linked=linked,
            zone=context.zone,
            tzdata=context.tzdata,
            known=known,
            warrant=warrant,
        )

    def _warrant(self, command: AnyCommand, known: dict[str, Record | None]) -> Record | None:
        """The record that a command rests on; the commit checks that it has not moved."""
        match command:
            case Dispose(warrant=named) | File(claim=str(named)):
                if named not in known:
                    known[named] = self.found(named)
                return known[named]
            case _:
                return None

    def _kinds(self, record_ids: Iterable[str]) -> dict[str, str]:
        found = ((record_id, self.found(record_id)) for record_id in record_ids)
        return {record_id: record.kind.id for record_id, record in found if record is not None}

    def _linked(self, record: Record | None, command: AnyCommand) -> tuple[LinkedHead, ...]:
        if record is None:
            return ()
        outgoing = [(link.rel, False, link.record) for link in record.links]
        incoming = [(rel, True, other) for rel, other in self.surroundings.incoming(record.id)]
        if isinstance(command, LinkTo):
            outgoing.append((command.rel, False, command.record))
        heads = (
            (rel, is_incoming, self.found(other))
            for rel, is_incoming, other in dict.fromkeys((*outgoing, *incoming))
        )
        return tuple(
            _head(rel, incoming, other) for rel, incoming, other in heads if other is not None
        )


def _step(record: Record | None, command: AnyCommand) -> Step | None:
    if isinstance(command, Open):
        return find(command.kind).step(command.step)
    if isinstance(command, TakeStep) and record is not None:
        return record.kind.step(command.step)
    return None


def _named(step: Step | None, command: AnyCommand) -> list[str]:
    if isinstance(command, LinkTo):
        return [command.record]
    if step is None or not isinstance(command, Open | TakeStep):
        return []
    return [i for _, i in named_records(step.form, command.values)]


def _looks_at_links(record: Record | None, step: Step | None, command: AnyCommand) -> bool:
    if record is None:
        return False
    guards = step.guards if step is not None else ()
    filing = record.kind.filing
    if filing is not None and type(command).__name__ == "File":
        guards += filing.guards
    return isinstance(command, LinkTo) or any(
        '"linked"' in guard.model_dump_json() for guard in guards
    )


def _head(rel: str, incoming: bool, record: Record) -> LinkedHead:
    return LinkedHead(
        rel,
        incoming,
        record.id,
        record.kind.id,
        record.state,
        record.version,
        record.filing is not None,
        record.head,
    )
