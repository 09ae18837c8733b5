"""The deed: from the due list to the certificate (RETENTION.md 6).

    list -> review, item by item -> first approval -> second approval -> cool-off -> start
         -> a `disposed` event on each record -> content destroyed -> verified -> certificate

People review and approve by steps of the `disposal` record, which the kernel checks (who, and
that nobody does two of them). What the archive writes itself (list, start, results, certificate)
is here, each time after asking everything anew. A `disposed` event is committed together with the
proof that nothing moved since it was decided: the record, those bound to it, holds, rules, paper.

Killed anywhere, `resume` ends in the same state: what has its `disposed` event is destroyed, what
has not is asked about anew, and one certificate is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

from archive.evidence.instant import time_text
from archive.ledger import Asked, Making, TogetherError, new_id
from archive.opening import Archive
from archive.store import NotQuiet, StoreError, VersionConflict
from domain import disposals
from domain.access import involved, resolve
from domain.commands import Actor, Dispose, Open, TakeStep
from domain.disposals import Item, Listing
from domain.errors import DomainError
from domain.events import Values
from domain.kind import Office, Role, Text, Who, text
from domain.record import Record
from retention.errors import DisposalRefusedError
from retention.exports import exported_to
from retention.intact import BROKEN, first_broken, intact
from retention.journal import ARCHIVE, Journal
from retention.ledgers import Assessed, Shelf
from retention.proven_time import ProvenTime, TimeStatus

Each = TypeVar("Each")
LISTERS: tuple[Who, ...] = (Office(function="adm"), Role(role="records-officer"))
BARRED = (Role(role="administrator"),)
LAPSE = timedelta(days=90)
CHUNK = 500
"""Items that are asked about, and then committed, at a time."""
RETRIES = 5
METHOD = "key destroyed, content deleted, index purged, files rewritten"
SECURED = "; keys backed up anew, older key backups deleted"
BY_HAND = "; older key backups open it until they are deleted"


@dataclass(frozen=True, slots=True)
class Terms:
    """`cool_off`: whole days between the second approval and the execution, 0 to 180."""

    cool_off: int = 7


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an item of a list was not destroyed."""

    code: str
    detail: Text | None = None

    @property
    def why(self) -> str:
        error = DisposalRefusedError(self.code, self.detail)
        return f"{error.message.zh} {error.message.en}"


DEFERRED = Refusal("NOT_A_WORKING_DAY")
"""No exception: it goes on the next working day."""


@dataclass
class Disposals:
    """Lists, executes and certifies. `time`: what time it is, and who says so."""

    archive: Archive
    shelf: Shelf
    journal: Journal
    time: Callable[[], ProvenTime]
    terms: Terms = Terms()

    # ---------------------------------------------------------------- listing

    def list_due(
        self,
        actor: Actor,
        record_ids: Sequence[str],
        *,
        owner: str | None = None,
        relist: str | None = None,
    ) -> Record:
        """Freeze a list of records that are due, with those bound to them, for review.

        `owner` reviews what no department's head does. `relist`: an earlier disposal that now says
        this list; its approvals are void. Raises DisposalRefusedError naming the first record that
        may not go.
        """
        with self.journal.refusals(actor.person, relist):
            self._must_be(actor, LISTERS)
            now = self._now()
            rows, barred = list[Values](), set[str]()
            for chunk in _chunks(self.shelf.groups(record_ids)):
                members = [member for group in chunk for member in group]
                told = self._assess(members)
                for record_id, record in self.archive.ledger.get_all(members).items():
                    self._must_be_due(told[record_id], self._day(now.now))
                    rows.append(self._row(str(len(rows) + 1), told[record_id], owner))
                    barred |= involved(record)
            return self._list(actor, "electronic", rows, barred, now, relist)

    def list_paper(
        self, actor: Actor, copy_ids: Sequence[str], *, relist: str | None = None
    ) -> Record:
        """Freeze a list of paper copies that are due. Raises DisposalRefusedError."""
        with self.journal.refusals(actor.person, relist):
            self._must_be(actor, LISTERS)
            now = self._now()
            rows, barred = [], set[str]()
            for n, copy_id in enumerate(dict.fromkeys(copy_ids), start=1):
                assessed = self.shelf.assess_copy(copy_id)
                self._must_be_due(assessed, self._day(now.now))
                rows.append({**self._row(str(n), assessed, actor.person), "copy": copy_id})
                barred |= involved(self.archive.ledger.get(assessed.holding.record_id))
            return self._list(actor, "paper", rows, barred, now, relist)

    def _list(
        self,
        actor: Actor,
        medium: str,
        rows: Sequence[Values],
        barred: Iterable[str],
        now: ProvenTime,
        relist: str | None,
    ) -> Record:
        if not rows:
            raise DisposalRefusedError("UNLISTED")
        people = self.archive.organisation.context().directory.people
        values = {
            "medium": medium,
            "list_hash": disposals.list_hash(rows),
            "items": list(rows),
            "owners": sorted({row["owner"] for row in rows}),
            "barred": sorted(p for p in barred if p in people),
            "time_status": _word(now),
        }
        if relist is not None:
            return self._step(relist, "relist", values, actor)
        moment = self.archive.options.clock()
        command = Open(
            event_id=new_id(),
            record_id=new_id(),
            actor=_led(actor),
            occurred_at=moment,
            received_at=moment,
            kind="disposal",
            step="list",
            values=values,
        )
        return self._done(self.archive.ledger.execute(command).record)

    def _assess(self, record_ids: Sequence[str]) -> Mapping[str, Assessed]:
        try:
            return self.shelf.assess_together(record_ids)
        except BROKEN:
            broken = first_broken(self.archive, record_ids)
            raise DisposalRefusedError("CHAIN_BROKEN", record=broken) from None

    def _must_be_due(self, assessed: Assessed, today: date) -> None:
        refusal = self._refusal(assessed, today)
        if refusal is not None:
            raise DisposalRefusedError(refusal.code, refusal.detail, assessed.holding.record_id)

    def _row(self, item: str, assessed: Assessed, owner: str | None) -> dict[str, Any]:
        holding, found = assessed.holding, assessed.assessment
        won = found.winning
        if won is None or found.base_date is None or found.last_day is None:
            raise AssertionError("what is due has a rule and its days")
        reviewer = self._owner(holding.department) or owner
        if reviewer is None:
            raise DisposalRefusedError("NO_OWNER", record=holding.record_id)
        said = {
            "item": item,
            "record": holding.record_id,
            "number": holding.number,
            "kind": holding.kind,
            "class": holding.retention,
            "base_date": found.base_date.isoformat(),
            "last_day": found.last_day.isoformat(),
            "rule": won.rule_id,
            "rule_version": won.version,
            "rule_hash": won.hash,
            "head": holding.head,
            "version": holding.version,
            "owner": reviewer,
            "group": assessed.group[0] if len(assessed.group) > 1 else None,
        }
        return {name: value for name, value in said.items() if value is not None}

    def _owner(self, department: str | None) -> str | None:
        found = self.archive.organisation.context().directory.departments.get(department or "")
        return found.head if found is not None else None

    # ---------------------------------------------------------------- starting

    def start(self, actor: Actor, disposal_id: str) -> Record:
        """Begin the execution of an approved list. Raises DisposalRefusedError."""
        with self.journal.refusals(actor.person, disposal_id):
            self._must_be(actor, LISTERS)
            record = self.archive.ledger.get(disposal_id)
            now = self._now()
            self._must_be_approved(record, actor, self._day(now.now))
            values = {"today": self._day(now.now).isoformat(), "time_status": _word(now)}
            return self._step(disposal_id, "start", values, actor)

    def _must_be_approved(self, record: Record, actor: Actor, today: date) -> None:
        approvals = disposals.approvals(record)
        if record.kind.id != "disposal" or record.state != "approved" or len(approvals) < 2:
            raise DisposalRefusedError("NO_APPROVED_BATCH")
        if not {actor.person, actor.behalf}.isdisjoint(_hands(record, "approve-second")):
            raise DisposalRefusedError("SEPARATION")
        days = [self._day(approval.at) for approval in approvals]
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
        calendar = self.archive.organisation.context().calendar
        if not calendar.is_workday(today):
            following, _ = calendar.add_workdays(today, 1)
            raise DisposalRefusedError("NOT_A_WORKING_DAY", text(f"{following}", f"{following}"))

    # ---------------------------------------------------------------- executing

    def execute(self, disposal_id: str) -> Record:
        """Destroy what may still go of a started list, verify, certify; the certified record.

        May be repeated after anything. Raises DisposalRefusedError (not started, time not proven),
        NotLeading where another process leads the views: ask that one.
        """
        self.archive.views.catch_up()
        with self.journal.refusals(None, disposal_id):
            record = self.archive.ledger.get(disposal_id)
            if record.kind.id != "disposal" or record.state not in ("executing", "certified"):
                raise DisposalRefusedError("NO_APPROVED_BATCH")
            if record.state == "certified":
                return self._supplemented(record)
            listing = disposals.listing(record)
            started = self._started(record)
            outcome = (
                self._execute_paper(record, listing)
                if listing.medium == "paper"
                else self._execute_electronic(record, listing)
            )
            self._report(record, listing, outcome)
            return self._certify(disposal_id, listing, started)

    def resume(self) -> list[str]:
        """Finish what was started; the ids of the disposals that are certified by it."""
        finished = []
        for disposal_id in self.shelf.executing():
            try:
                finished.append(self.execute(disposal_id).id)
            except DisposalRefusedError:
                continue  # it stands in the journal
        return finished

    def _execute_electronic(self, record: Record, listing: Listing) -> dict[str, Refusal | None]:
        """Per item None (destroyed), or why not."""
        outcome = self._decided(record, listing)
        rest = [g for g in _grouped(listing.items.values()) if g[0].item not in outcome]
        for chunk in _chunks(rest):
            broken = self._broken(chunk)
            outcome.update(broken)
            outcome.update(self._dispose(record, [g for g in chunk if g[0].item not in broken]))
        self._destroy(listing, outcome)
        if any(refusal == DEFERRED for refusal in outcome.values()):
            self._must_be_workday(self._day(self._now().now))
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
            kept = [i for i in group if not _may_go(record, i)]
            for item in group if kept else ():
                outcome.setdefault(item.item, Refusal("KEPT" if item in kept else "BOUND"))
        return outcome

    def _broken(self, groups: Sequence[Sequence[Item]]) -> dict[str, Refusal | None]:
        """What is not disposed of yet is read anew: what is broken stays, and those bound to it."""
        gone = self.archive.destruction.disposed([i.record for group in groups for i in group])
        living = [i for group in groups for i in group if i.record not in gone]
        whole = intact(self.archive, {i.record: (i.head, i.version) for i in living})
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
        destroyed = self.archive.destruction.destroy(list(gone))
        left = self.archive.destruction.remaining(list(gone))
        for one in destroyed:
            if one.error is not None or one.record_id in left:
                outcome[gone[one.record_id]] = Refusal("LOCKED")

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
        today = self._day(self._now().now)
        late = self._late(record, today)
        singles: list[tuple[Sequence[Item], Asked]] = []
        told = self.shelf.assess_together([item.record for group in groups for item in group])
        for group in groups:
            assessed = [told[item.record] for item in group]
            if all(one.holding.disposed for one in assessed):  # by this list, before a crash
                outcome.update({i.item: self._disposed_by(record, i) for i in group})
                continue
            grown = self._grown(group, assessed[0])
            refusals = {
                i.item: late or self._refusal(one, today) or _moved(i, one) or grown
                for i, one in zip(group, assessed, strict=True)
            }
            if any(refusals.values()):
                outcome.update({i: refusal or Refusal("BOUND") for i, refusal in refusals.items()})
            elif len(group) == 1:
                command = self._command(record, group[0])
                singles.append((group, Asked(command, quiet=assessed[0].quiet)))
            else:
                yield from self._dispose_together(record, group, assessed, outcome)
        answers = self.archive.ledger.execute_many([asked for _, asked in singles])
        for (group, _), answer in zip(singles, answers, strict=True):
            if isinstance(answer, NotQuiet | VersionConflict):
                yield group
            else:
                outcome[group[0].item] = _refused(answer)

    def _late(self, record: Record, today: date) -> Refusal | None:
        """Why nothing more is disposed of today, whatever was begun in time."""
        if today > self._day(disposals.approvals(record)[0].at) + LAPSE:
            return Refusal("APPROVAL_LAPSED")
        workday = self.archive.organisation.context().calendar.is_workday(today)
        return None if workday else DEFERRED

    def _grown(self, group: Sequence[Item], assessed: Assessed) -> Refusal | None:
        """A record that was bound to these since they were listed: nobody has reviewed it."""
        others = {*assessed.group} - {item.record for item in group}
        living = any(self.archive.ledger.get(other).disposal is None for other in others)
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
            self.archive.ledger.execute_together(
                [_making(command) for command in commands], quiet=assessed[0].quiet
            )
        except (NotQuiet, VersionConflict):
            yield group
        except TogetherError as error:
            outcome.update({i.item: _refused(error.error) for i in group})
        else:
            outcome.update(dict.fromkeys([i.item for i in group]))

    def _command(self, record: Record, item: Item) -> Dispose:
        moment = self.archive.options.clock()
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
        disposal = self.archive.ledger.get(item.record).disposal
        mine = disposal is not None and disposal.list_hash == disposals.listing(record).list_hash
        return None if mine else Refusal("DISPOSED")

    def _refusal(self, assessed: Assessed, today: date) -> Refusal | None:
        """Why a record may not go today."""
        found = assessed.assessment
        if assessed.holding.disposed:
            return Refusal("DISPOSED")
        if found.blockers:
            blocker = found.blockers[0]
            return Refusal(blocker.code, blocker.what)
        if not found.due(today):
            return Refusal("NOT_DUE", found.sentence)
        if assessed.copy is None and any(copy.alive for copy in assessed.holding.copies):
            return Refusal("PAPER_ALIVE")
        return None

    # ---------------------------------------------------------------- paper

    def destroy_paper(
        self, actor: Actor, disposal_id: str, items: Sequence[str], method: str
    ) -> Record:
        """What a person is about to shred, and by this says to have shredded: it is asked about
        first, so that a hold still wins. Raises DisposalRefusedError; then shred nothing."""
        with self.journal.refusals(actor.person, disposal_id):
            self._must_be(actor, (Office(function="adm"),))
            record = self.archive.ledger.get(disposal_id)
            if record.kind.id != "disposal" or record.state != "executing":
                raise DisposalRefusedError("NO_APPROVED_BATCH")
            listing = disposals.listing(record)
            today = self._day(self._now().now)
            for name in items:
                item = listing.items.get(name)
                if item is None or item.copy is None or not _may_go(record, item):
                    raise DisposalRefusedError("KEPT", text(name, name))
                self._must_be_due(self.shelf.assess_copy(item.copy), today)
            values = {"items": [{"item": name} for name in items], "method": method}
            return self._step(disposal_id, "destroy-paper", values, actor)

    def _execute_paper(self, record: Record, listing: Listing) -> dict[str, Refusal | None]:
        """Copies that a person has destroyed and another has watched; each asked about anew."""
        destroyed = [e for e in record.entries if e.step == "destroy-paper"]
        witnessed = record.said("witness-paper")
        if not destroyed or witnessed is None or witnessed.version < destroyed[-1].version:
            raise DisposalRefusedError("UNWITNESSED")  # whoever watched saw all of it
        done = {row["item"]: entry for entry in destroyed for row in entry.values["items"]}
        today = self._day(self._now().now)
        outcome: dict[str, Refusal | None] = {}
        for item in listing.items.values():
            if item.item not in done or not _may_go(record, item):
                outcome[item.item] = Refusal("KEPT")
                continue
            copy = self.archive.ledger.get(item.copy or "")
            outcome[item.item] = (
                None
                if copy.state == "destroyed"
                else self._refusal(self.shelf.assess_copy(copy.id), today)
            )
            if copy.state != "destroyed" and outcome[item.item] is None:
                values = {
                    "disposal": record.id,
                    "method": done[item.item].values["method"],
                    "destroyer": done[item.item].actor,
                    "witness": witnessed.actor,
                }
                self._step(copy.id, "destroy", values, ARCHIVE)
        return outcome

    # ---------------------------------------------------------------- certificate

    def _report(
        self, record: Record, listing: Listing, outcome: Mapping[str, Refusal | None]
    ) -> None:
        known = disposals.results(self.archive.ledger.get(record.id))
        rows = [_result(item, outcome[item]) for item in listing.items if item not in known]
        for at in range(0, len(rows), CHUNK):
            self._step(record.id, "results", {"items": rows[at : at + CHUNK]}, ARCHIVE)

    def _certify(self, disposal_id: str, listing: Listing, started: str) -> Record:
        record = self.archive.ledger.get(disposal_id)
        results = disposals.results(record).values()
        now = self._now()
        ended = time_text(self.archive.options.clock())
        values: dict[str, Any] = {
            "method": self._method(),
            "started_at": started,
            "ended_at": ended,
            "effective_from": ended,
            "time_status": _word(now),
            "destroyed": sum(r.result == "destroyed" for r in results),
            "exceptions": sum(r.result != "destroyed" for r in results),
        }
        takers = exported_to(self.archive, [i.record for i in listing.items.values()])
        if takers:
            values["exports"] = [{"what": taker} for taker in takers]
        return self._step(disposal_id, "certify", values, ARCHIVE)

    def _supplemented(self, record: Record) -> Record:
        """Try again what has its `disposed` event and could not be deleted; add to the certificate
        what is gone now."""
        items = disposals.listing(record).items
        locked = [
            items[name]
            for name, found in disposals.results(record).items()
            if found.code == "LOCKED"
        ]
        if not locked:
            return record
        now, started = self._now(), time_text(self.archive.options.clock())
        self.archive.destruction.destroy([item.record for item in locked])
        left = self.archive.destruction.remaining([item.record for item in locked])
        gone = [item for item in locked if item.record not in left]
        if not gone:
            return record
        ended = time_text(self.archive.options.clock())
        values = {
            "items": [_result(item.item, None) for item in gone],
            "method": self._method(),
            "started_at": started,
            "ended_at": ended,
            "effective_from": ended,
            "time_status": _word(now),
            "destroyed": len(gone),
            "exceptions": len(locked) - len(gone),
        }
        return self._step(record.id, "supplement", values, ARCHIVE)

    def _method(self) -> str:
        return METHOD + (BY_HAND if self.archive.secured is None else SECURED)

    def _started(self, record: Record) -> str:
        entry = record.said("start")
        if entry is None:
            raise DisposalRefusedError("NO_APPROVED_BATCH")
        return time_text(entry.recorded_at)

    # ---------------------------------------------------------------- common ground

    def _now(self) -> ProvenTime:
        """The time that counts. DisposalRefusedError while it is not proven."""
        now = self.time()
        if now.frozen:
            raise DisposalRefusedError(now.status.name, now.sentence)
        return now

    def _day(self, moment: datetime) -> date:
        return moment.astimezone(self.archive.options.zone).date()

    def _must_be(self, actor: Actor, who: Sequence[Who]) -> None:
        directory = self.archive.organisation.context().directory
        barred = resolve(BARRED, directory, None, {})
        if actor.person in barred or actor.person not in resolve(who, directory, None, {}):
            raise DisposalRefusedError("SEPARATION")

    def _step(self, record_id: str, step: str, values: Mapping[str, Any], actor: Actor) -> Record:
        moment = self.archive.options.clock()
        command = TakeStep(
            event_id=new_id(),
            record_id=record_id,
            actor=_led(actor),
            occurred_at=moment,
            received_at=moment,
            step=step,
            values=values,
        )
        return self._done(self.archive.ledger.execute(command).record)

    def _done(self, record: Record | None) -> Record:
        if record is None:
            raise AssertionError("a command without a key was taken for a repetition")
        return record


def _making(command: Dispose) -> Making:
    return lambda _: (command, None)


def _led(actor: Actor) -> Actor:
    """The archive acts, and says for whom: these steps are open to nobody else."""
    return Actor(actor.person, actor.behalf, actor.system, actor.assurance, trusted=True)


def _hands(record: Record, step: str) -> set[str]:
    """Whoever took a step, and in whose name."""
    taken = (e for e in record.entries if e.step == step)
    return {p for e in taken for p in (e.actor, e.behalf) if p is not None}


def _word(now: ProvenTime) -> str:
    return "self-asserted" if now.status is TimeStatus.SELF_ASSERTED else "proven"


def _may_go(record: Record, item: Item) -> bool:
    found = disposals.outcome(record, item.item)
    return found is not None and found.outcome == "destroy"


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


def _result(item: str, refusal: Refusal | None) -> dict[str, str]:
    if refusal is None:
        return {"item": item, "result": "destroyed"}
    return {"item": item, "result": "exception", "code": refusal.code, "why": refusal.why}


def _grouped(items: Iterable[Item]) -> list[list[Item]]:
    """Items that go together or not at all."""
    groups: dict[str, list[Item]] = {}
    for item in items:
        groups.setdefault(item.group or item.record, []).append(item)
    return list(groups.values())


def _chunks(groups: Sequence[Each]) -> Iterator[list[Each]]:
    rest = iter(groups)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk
