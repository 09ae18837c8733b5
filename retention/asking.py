"""What is asked before every deed: what time it is, who asks, and whether a record may go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import Any, TypeVar

from archive.ledger import new_id
from archive.opening import Archive
from archive.store import Idempotency, Quiet, StoreUnavailable
from archive.views.database import ViewDatabaseUnavailable
from domain import disposals
from domain.access import resolve
from domain.commands import Actor, AnyCommand, TakeStep
from domain.disposals import Item
from domain.kind import Office, Role, Text, Who, text
from domain.record import Record
from retention.errors import DisposalRefusedError
from retention.journal import Journal
from retention.ledgers import Assessed, Shelf
from retention.proven_time import ProvenTime, TimeStatus

Each = TypeVar("Each")
LISTERS: tuple[Who, ...] = (Office(function="adm"), Role(role="records-officer"))
BARRED = (Role(role="administrator"),)
CHUNK = 500
"""Items that are asked about, and then committed, at a time."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an item of a list was not destroyed."""

    code: str
    detail: Text | None = None

    @property
    def why(self) -> str:
        error = DisposalRefusedError(self.code, self.detail)
        return f"{error.message.zh} {error.message.en}"


@dataclass(frozen=True, slots=True)
class Desk:
    """Where disposals are done. `time`: what time it is, and who says so."""

    archive: Archive
    shelf: Shelf
    journal: Journal
    time: Callable[[], ProvenTime]

    def now(self) -> ProvenTime:
        """The time that counts. DisposalRefusedError while it is not proven."""
        now = self.time()
        if now.frozen:
            raise DisposalRefusedError(now.status.name, now.sentence)
        return now

    def day(self, moment: datetime) -> date:
        return moment.astimezone(self.archive.options.zone).date()

    def must_be(self, actor: Actor, who: Sequence[Who]) -> None:
        directory = self.archive.organisation.context().directory
        barred = resolve(BARRED, directory, None, {})
        if actor.person in barred or actor.person not in resolve(who, directory, None, {}):
            raise DisposalRefusedError("SEPARATION")

    def destroy(self, record_ids: Sequence[str]) -> set[str]:
        """Destroy keys and content; those of which something is left.

        DisposalRefusedError: somebody holds files that are to be rewritten; it is to be repeated.
        """
        destruction = self.archive.destruction
        try:
            destroyed = destruction.destroy(record_ids)
        except (StoreUnavailable, ViewDatabaseUnavailable) as error:
            raise DisposalRefusedError("LOCKED", text(str(error), str(error))) from error
        failed = {one.record_id for one in destroyed if one.error is not None}
        return failed | destruction.remaining(record_ids)

    def step(
        self,
        record_id: str,
        step: str,
        values: Mapping[str, Any],
        actor: Actor,
        once: Idempotency | None = None,
    ) -> Record:
        moment = self.archive.options.clock()
        command = TakeStep(
            event_id=new_id(),
            record_id=record_id,
            actor=led(actor),
            occurred_at=moment,
            received_at=moment,
            step=step,
            values=values,
        )
        return self.done(command, once)

    def done(
        self, command: AnyCommand, once: Idempotency | None = None, quiet: Quiet | None = None
    ) -> Record:
        """The record after it; also where another request with the same key was faster."""
        outcome = self.archive.ledger.execute(command, idempotency=once, quiet=quiet)
        return outcome.record or self.archive.ledger.get(outcome.committed.record_id)


def refusal_of(assessed: Assessed, today: date) -> Refusal | None:
    """Why a record may not go today."""
    found = assessed.assessment
    if assessed.holding.disposed:
        return Refusal("DISPOSED")
    if found.blockers:
        blocker = found.blockers[0]
        return Refusal(blocker.code, blocker.what)
    if not found.due(today):
        return Refusal("NOT_DUE", found.sentence)
    if assessed.on_paper:
        return Refusal("PAPER_ALIVE")
    return None


def must_be_due(assessed: Assessed, today: date) -> None:
    refusal = refusal_of(assessed, today)
    if refusal is not None:
        raise DisposalRefusedError(refusal.code, refusal.detail, assessed.holding.record_id)


def may_go(record: Record, item: Item) -> bool:
    found = disposals.outcome(record, item.item)
    return found is not None and found.outcome == "destroy"


def led(actor: Actor) -> Actor:
    """The archive acts, and says for whom: these steps are open to nobody else."""
    return Actor(actor.person, actor.behalf, actor.system, actor.assurance, trusted=True)


def time_word(now: ProvenTime) -> str:
    return "self-asserted" if now.status is TimeStatus.SELF_ASSERTED else "proven"


def chunks(groups: Sequence[Each]) -> Iterator[list[Each]]:
    rest = iter(groups)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk
