"""What is due, frozen in a list for review: electronic records or paper copies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archive.collecting import rarely_collecting
from archive.ledger import new_id
from archive.sealing import INTERNAL
from archive.store import Idempotency, NotQuiet, Quiet
from domain import disposals
from domain.access import involved
from domain.commands import Actor, Open, TakeStep
from domain.events import Values
from domain.kind import text
from domain.record import Record
from retention.asking import LISTERS, Desk, chunks, led, must_be_due, time_word
from retention.errors import DisposalRefusedError
from retention.intact import BROKEN, first_broken
from retention.ledgers import DISPOSAL, Assessed
from retention.proven_time import ProvenTime

LISTS = (f"{INTERNAL}{DISPOSAL}/opened", f"{INTERNAL}{DISPOSAL}/step-taken")
RETRIES = 5


@dataclass(frozen=True, slots=True)
class Lister:
    desk: Desk

    def list_due(
        self,
        actor: Actor,
        record_ids: Sequence[str],
        *,
        owner: str | None = None,
        relist: str | None = None,
        once: Idempotency | None = None,
    ) -> Record:
        """Freeze a list of records that are due, with those bound to them, for review.

        `owner` reviews what no department's head does. `relist`: an earlier disposal that now says
        this list; its approvals are void. `once`: by which the same request is known. Raises
        DisposalRefusedError naming the first record that may not go.
        """
        with rarely_collecting(), self.desk.journal.refusals(actor.person, relist):
            self.desk.must_be(actor, LISTERS)
            now = self.desk.now()
            rows, barred = list[Values](), set[str]()
            for chunk in chunks(self.desk.shelf.groups(record_ids)):
                members = [member for group in chunk for member in group]
                told = self._assess(members)
                for record_id, record in self.desk.archive.ledger.get_all(members).items():
                    must_be_due(told[record_id], self.desk.day(now.now))
                    rows.append(self._row(str(len(rows) + 1), told[record_id], owner))
                    barred |= involved(record)
            return self._list(actor, "electronic", rows, barred, now, relist, once)

    def list_paper(
        self,
        actor: Actor,
        copy_ids: Sequence[str],
        *,
        relist: str | None = None,
        once: Idempotency | None = None,
    ) -> Record:
        """Freeze a list of paper copies that are due. Raises DisposalRefusedError."""
        with self.desk.journal.refusals(actor.person, relist):
            self.desk.must_be(actor, LISTERS)
            now = self.desk.now()
            rows, barred = [], set[str]()
            for n, copy_id in enumerate(dict.fromkeys(copy_ids), start=1):
                assessed = self.desk.shelf.assess_copy(copy_id)
                must_be_due(assessed, self.desk.day(now.now))
                rows.append({**self._row(str(n), assessed, actor.person), "copy": copy_id})
                barred |= involved(self.desk.archive.ledger.get(assessed.holding.record_id))
            return self._list(actor, "paper", rows, barred, now, relist, once)

    def _list(
        self,
        actor: Actor,
        medium: str,
        rows: Sequence[Values],
        barred: Iterable[str],
        now: ProvenTime,
        relist: str | None,
        once: Idempotency | None,
    ) -> Record:
        if not rows:
            raise DisposalRefusedError("UNLISTED")
        people = self.desk.archive.organisation.context().directory.people
        values = {
            "medium": medium,
            "list_hash": disposals.list_hash(rows),
            "items": list(rows),
            "owners": sorted({row["owner"] for row in rows}),
            "barred": sorted(p for p in barred if p in people),
            "time_status": time_word(now),
        }
        for _ in range(RETRIES):
            size = self.desk.archive.store.head().size
            self._must_be_on_no_other(rows, relist)
            try:
                command = self._command(actor, values, relist)
                return self.desk.done(command, once, Quiet(LISTS, size))
            except NotQuiet:
                continue  # somebody else lists: perhaps the same
        raise DisposalRefusedError("CHANGED")

    def _command(
        self, actor: Actor, values: Mapping[str, Any], relist: str | None
    ) -> Open | TakeStep:
        moment = self.desk.archive.options.clock()
        common: dict[str, Any] = {
            "event_id": new_id(),
            "actor": led(actor),
            "occurred_at": moment,
            "received_at": moment,
            "values": values,
        }
        if relist is None:
            return Open(record_id=new_id(), kind=DISPOSAL, step="list", **common)
        return TakeStep(record_id=relist, step="relist", **common)

    def _must_be_on_no_other(self, rows: Sequence[Values], relist: str | None) -> None:
        """Two lists with the same record would ask two reviewers, and certify it twice."""
        lists = self.desk.shelf.on_lists()
        for row in rows:
            there = lists.get(row.get("copy") or row["record"], relist)
            if there != relist:
                number = self.desk.archive.ledger.get(there or "").number or there or ""
                raise DisposalRefusedError("ON_ANOTHER_LIST", text(number, number), row["record"])

    def _assess(self, record_ids: Sequence[str]) -> Mapping[str, Assessed]:
        try:
            return self.desk.shelf.assess_together(record_ids)
        except BROKEN:
            broken = first_broken(self.desk.archive, record_ids)
            raise DisposalRefusedError("CHAIN_BROKEN", record=broken) from None

    def _row(self, item: str, assessed: Assessed, owner: str | None) -> dict[str, Any]:
        holding, found, handed_over = assessed.holding, assessed.assessment, assessed.transfer
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
            "transfer": handed_over.id if handed_over else None,
            "transferred_on": handed_over.on.isoformat() if handed_over else None,
        }
        return {name: value for name, value in said.items() if value is not None}

    def _owner(self, department: str | None) -> str | None:
        found = self.desk.archive.organisation.context().directory.departments.get(department or "")
        return found.head if found is not None else None
