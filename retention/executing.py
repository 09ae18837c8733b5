"""An approved list is executed: each record asked about anew, disposed of, destroyed.

Killed anywhere, `resume` ends in the same state: what has its `disposed` event is destroyed, what
has not is asked about anew, and one certificate is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from archive.collecting import rarely_collecting
from archive.ledger import Asked, Making, TogetherError, new_id
from archive.store import NotQuiet, StoreError, VersionConflict
from domain import disposals
from domain.commands import Actor, Dispose
from domain.disposals import Item, Listing
from domain.errors import DomainError
from domain.kind import text
from domain.record import Record
from retention.asking import LISTERS, Desk, Refusal, chunks, may_go, refusal_of, time_word
from retention.certifying import Certifier
from retention.errors import DisposalRefusedError
from retention.intact import intact
from retention.journal import ARCHIVE
from retention.ledgers import Assessed
from retention.paper import Shredding

LAPSE = timedelta(days=90)
RETRIES = 5
DEFERRED = Refusal("NOT_A_WORKING_DAY")
"""No exception: it goes on the next working day."""


@dataclass(frozen=True, slots=True)
class Terms:
    """`cool_off`: whole days between the second approval and the execution, 0 to 180."""

    cool_off: int = 7


@dataclass(frozen=True, slots=True)
class Executor:
    desk: Desk
    terms: Terms
    paper: Shredding
    certifier: Certifier

    # ---------------------------------------------------------------- starting

    def start(self, actor: Actor, disposal_id: str) -> Record:
        """Begin the execution of an approved list. Raises DisposalRefusedError."""
        with self.desk.journal.refusals(actor.person, disposal_id):
            self.desk.must_be(actor, LISTERS)
            record = self.desk.archive.ledger.get(disposal_id)
            now = self.desk.now()
            self._must_be_approved(record, actor, self.desk.day(now.now))
            values = {"today": self.desk.day(now.now).isoformat(), "time_status": time_word(now)}
            return self.desk.step(disposal_id, "start", values, actor)

    def _must_be_approved(self, record: Record, actor: Actor, today: date) -> None:
        approvals = disposals.approvals(record)
        if record.kind.id != "disposal" or record.state != "approved" or len(approvals) < 2:
            raise DisposalRefusedError("NO_APPROVED_BATCH")
        if not {actor.person, actor.behalf}.isdisjoint(_hands(record, "approve-second")):
            raise DisposalRefusedError("SEPARATION")
        days = [self.desk.day(approval.at) for approval in approvals]
        if today > days[0] + LAPSE:
            raise DisposalRefusedError("APPROVAL_LAPSED")
        free = days[-1] + timedelta(days=self.terms.cool_off)
        if today < free:
            raise DisposalRefusedError("COOL_OFF", text(f"至 {free}", f"until {free}"))
        if any(approval.today != day for approval, day in zip(approvals, days, strict=True)):
            raise DisposalRefusedError("TIME_NOT_PROVEN")
        self._must_be_workday(today)

    def _must_be_workday(self, today: date) -> None:
        """RETENTION.md 3.6: Civil Code art. 203 is met without touching the stored date."""
        calendar = self.desk.archive.organisation.context().calendar
        if not calendar.is_workday(today):
            following, _ = calendar.add_workdays(today, 1)
            raise DisposalRefusedError("NOT_A_WORKING_DAY", text(f"{following}", f"{following}"))

    # ---------------------------------------------------------------- executing

    def execute(self, disposal_id: str) -> Record:
        """Destroy what may still go of a started list, verify, certify; the certified record.

        May be repeated after anything. Raises DisposalRefusedError (not started, time not proven),
        NotLeading where another process leads the views: ask that one.
        """
        self.desk.archive.views.catch_up()
        with rarely_collecting(), self.desk.journal.refusals(None, disposal_id):
            record = self.desk.archive.ledger.get(disposal_id)
            if record.kind.id != "disposal" or record.state not in ("executing", "certified"):
                raise DisposalRefusedError("NO_APPROVED_BATCH")
            if record.state == "certified":
                return self.certifier.supplemented(record)
            listing = disposals.listing(record)
            started = self.certifier.started(record)
            outcome = (
                self.paper.execute(record, listing)
                if listing.medium == "paper"
                else self._execute_electronic(record, listing)
            )
            self.certifier.report(record, listing, outcome)
            return self.certifier.certify(disposal_id, listing, started)

    def resume(self) -> list[str]:
        """Finish what was started; the ids of the disposals that are certified by it."""
        finished = []
        for disposal_id in self.desk.shelf.executing():
            try:
                finished.append(self.execute(disposal_id).id)
            except DisposalRefusedError:
                continue  # it stands in the journal
        return finished

    def _execute_electronic(self, record: Record, listing: Listing) -> dict[str, Refusal | None]:
        """Per item None (destroyed), or why not."""
        outcome = self._decided(record, listing)
        rest = [g for g in _grouped(listing.items.values()) if g[0].item not in outcome]
        for chunk in chunks(rest):
            broken = self._broken(chunk)
            outcome.update(broken)
            outcome.update(self._dispose(record, [g for g in chunk if g[0].item not in broken]))
        self._destroy(listing, outcome)
        if any(refusal == DEFERRED for refusal in outcome.values()):
            self._must_be_workday(self.desk.day(self.desk.now().now))
        return outcome

    def _decided(self, record: Record, listing: Listing) -> dict[str, Refusal | None]:
        """What is not asked about any more: what its reviewer keeps, and what was reported as an
        exception before a crash. A lock is no answer: what is locked is tried again."""
        told = disposals.results(record)
        outcome: dict[str, Refusal | None] = {
            name: Refusal(found.code or "CHANGED")
            for name, found in told.items()
            if found.result == "exception" and found.code != "LOCKED"
        }
        for group in _grouped(listing.items.values()):
            kept = [i for i in group if not may_go(record, i)]
            for item in group if kept else ():
                outcome.setdefault(item.item, Refusal("KEPT" if item in kept else "BOUND"))
        return outcome

    def _broken(self, groups: Sequence[Sequence[Item]]) -> dict[str, Refusal | None]:
        """What is not disposed of yet is read anew: what is broken stays, and those bound to it."""
        gone = self.desk.archive.destruction.disposed([i.record for group in groups for i in group])
        living = [i for group in groups for i in group if i.record not in gone]
        whole = intact(self.desk.archive, {i.record: (i.head, i.version) for i in living})
        return {
            i.item: Refusal("BOUND" if i.record in whole else "CHAIN_BROKEN")
            for group in _grouped(living)
            if any(i.record not in whole for i in group)
            for i in group
        }

    def _destroy(self, listing: Listing, outcome: dict[str, Refusal | None]) -> None:
        """Keys and content of what has its `disposed` event."""
        gone = {i.record: i.item for i in listing.items.values() if outcome[i.item] is None}
        if not gone:
            return
        for record_id in self.desk.destroy(list(gone)):
            outcome[gone[record_id]] = Refusal("LOCKED")

    def _dispose(
        self, record: Record, groups: Sequence[Sequence[Item]]
    ) -> Mapping[str, Refusal | None]:
        """Give each record of these groups its `disposed` event, or find out why not."""
        outcome: dict[str, Refusal | None] = {}
        waiting = list(groups)
        for _ in range(RETRIES):
            waiting = list(self._dispose_once(record, waiting, outcome))
            if not waiting:
                break
        outcome.update({i.item: Refusal("CHANGED") for group in waiting for i in group})
        return outcome

    def _dispose_once(
        self,
        record: Record,
        groups: Sequence[Sequence[Item]],
        outcome: dict[str, Refusal | None],
    ) -> Iterator[Sequence[Item]]:
        """What is yielded met something that moved, and is to be asked about again."""
        today = self.desk.day(self.desk.now().now)
        late = self._late(record, today)
        singles: list[tuple[Sequence[Item], Asked]] = []
        told = self.desk.shelf.assess_together([item.record for group in groups for item in group])
        for group in groups:
            assessed = [told[item.record] for item in group]
            if all(one.holding.disposed for one in assessed):  # by this list, before a crash
                outcome.update({i.item: self._disposed_by(record, i) for i in group})
                continue
            grown = self._grown(group, assessed[0])
            refusals = {
                i.item: late or refusal_of(one, today) or _moved(i, one) or grown
                for i, one in zip(group, assessed, strict=True)
            }
            if any(refusals.values()):
                outcome.update({i: refusal or Refusal("BOUND") for i, refusal in refusals.items()})
            elif len(group) == 1:
                command = self._command(record, group[0])
                singles.append((group, Asked(command, quiet=assessed[0].quiet)))
            else:
                yield from self._dispose_together(record, group, assessed, outcome)
        answers = self.desk.archive.ledger.execute_many([asked for _, asked in singles])
        for (group, _), answer in zip(singles, answers, strict=True):
            if isinstance(answer, NotQuiet | VersionConflict):
                yield group
            else:
                outcome[group[0].item] = _refused(answer)

    def _late(self, record: Record, today: date) -> Refusal | None:
        """Why nothing more is disposed of today, whatever was begun in time."""
        if today > self.desk.day(disposals.approvals(record)[0].at) + LAPSE:
            return Refusal("APPROVAL_LAPSED")
        workday = self.desk.archive.organisation.context().calendar.is_workday(today)
        return None if workday else DEFERRED

    def _grown(self, group: Sequence[Item], assessed: Assessed) -> Refusal | None:
        """A record that was bound to these since they were listed: nobody has reviewed it."""
        others = {*assessed.group} - {item.record for item in group}
        living = any(self.desk.archive.ledger.get(other).disposal is None for other in others)
        return Refusal("CHANGED") if living else None

    def _dispose_together(
        self,
        record: Record,
        group: Sequence[Item],
        assessed: Sequence[Assessed],
        outcome: dict[str, Refusal | None],
    ) -> Iterator[Sequence[Item]]:
        commands = [self._command(record, item) for item in group]
        try:
            self.desk.archive.ledger.execute_together(
                [_making(command) for command in commands], quiet=assessed[0].quiet
            )
        except (NotQuiet, VersionConflict):
            yield group
        except TogetherError as error:
            outcome.update({i.item: _refused(error.error) for i in group})
        else:
            outcome.update(dict.fromkeys([i.item for i in group]))

    def _command(self, record: Record, item: Item) -> Dispose:
        moment = self.desk.archive.options.clock()
        return Dispose(
            event_id=new_id(),
            record_id=item.record,
            actor=ARCHIVE,
            occurred_at=moment,
            received_at=moment,
            warrant=record.id,
            item=item.item,
        )

    def _disposed_by(self, record: Record, item: Item) -> Refusal | None:
        disposal = self.desk.archive.ledger.get(item.record).disposal
        mine = disposal is not None and disposal.list_hash == disposals.listing(record).list_hash
        return None if mine else Refusal("DISPOSED")


def _making(command: Dispose) -> Making:
    return lambda _: (command, None)


def _hands(record: Record, step: str) -> set[str]:
    """Whoever took a step, and in whose name."""
    taken = (e for e in record.entries if e.step == step)
    return {p for e in taken for p in (e.actor, e.behalf) if p is not None}


def _moved(item: Item, assessed: Assessed) -> Refusal | None:
    return Refusal("CHANGED") if assessed.holding.head != item.head else None


def _refused(answer: object) -> Refusal | None:
    """What the ledger answered to one command."""
    if isinstance(answer, DomainError):
        return Refusal("CHANGED", answer.message)
    if isinstance(answer, StoreError):
        return Refusal("CHANGED", text(str(answer), str(answer)))
    if isinstance(answer, BaseException):
        raise answer
    return None


def _grouped(items: Iterable[Item]) -> list[list[Item]]:
    """Items that go together or not at all."""
    groups: dict[str, list[Item]] = {}
    for item in items:
        groups.setdefault(item.group or item.record, []).append(item)
    return list(groups.values())
