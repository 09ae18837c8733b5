"""Paper copies: asked about before they are shredded, and again before they count as gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archive.store import Idempotency
from domain import disposals
from domain.commands import Actor
from domain.disposals import Listing
from domain.kind import Office, text
from domain.record import Record
from retention.asking import Desk, Refusal, may_go, must_be_due, refusal_of
from retention.errors import DisposalRefusedError
from retention.journal import ARCHIVE


@dataclass(frozen=True, slots=True)
class Shredding:
    desk: Desk

    def destroy_paper(
        self,
        actor: Actor,
        disposal_id: str,
        items: Sequence[str],
        method: str,
        once: Idempotency | None = None,
    ) -> Record:
        """What a person is about to shred, and by this says to have shredded: it is asked about
        first, so that a hold still wins. Raises DisposalRefusedError; then shred nothing."""
        with self.desk.journal.refusals(actor.person, disposal_id):
            self.desk.must_be(actor, (Office(function="adm"),))
            record = self.desk.archive.ledger.get(disposal_id)
            if record.kind.id != "disposal" or record.state != "executing":
                raise DisposalRefusedError("NO_APPROVED_BATCH")
            listing = disposals.listing(record)
            today = self.desk.day(self.desk.now().now)
            for name in items:
                item = listing.items.get(name)
                if item is None or item.copy is None or not may_go(record, item):
                    raise DisposalRefusedError("KEPT", text(name, name))
                must_be_due(self.desk.shelf.assess_copy(item.copy), today)
            values = {"items": [{"item": name} for name in items], "method": method}
            return self.desk.step(disposal_id, "destroy-paper", values, actor, once)

    def execute(self, record: Record, listing: Listing) -> dict[str, Refusal | None]:
        """Copies that a person has destroyed and another has watched; each asked about anew."""
        destroyed = [e for e in record.entries if e.step == "destroy-paper"]
        witnessed = record.said("witness-paper")
        if not destroyed or witnessed is None or witnessed.version < destroyed[-1].version:
            raise DisposalRefusedError("UNWITNESSED")  # whoever watched saw all of it
        done = {row["item"]: entry for entry in destroyed for row in entry.values["items"]}
        today = self.desk.day(self.desk.now().now)
        outcome: dict[str, Refusal | None] = {}
        for item in listing.items.values():
            if item.item not in done or not may_go(record, item):
                outcome[item.item] = Refusal("KEPT")
                continue
            copy = self.desk.archive.ledger.get(item.copy or "")
            outcome[item.item] = (
                None
                if copy.state == "destroyed"
                else refusal_of(self.desk.shelf.assess_copy(copy.id), today)
            )
            if copy.state != "destroyed" and outcome[item.item] is None:
                values = {
                    "disposal": record.id,
                    "method": done[item.item].values["method"],
                    "destroyer": done[item.item].actor,
                    "witness": witnessed.actor,
                }
                self.desk.step(copy.id, "destroy", values, ARCHIVE)
        return outcome
