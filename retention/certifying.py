"""What came of each item, and the certificate: steps that the archive itself writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from archive.evidence.instant import time_text
from domain import disposals
from domain.disposals import Listing
from domain.record import Record
from retention.asking import CHUNK, Desk, Refusal, time_word
from retention.errors import DisposalRefusedError
from retention.exports import exported_to
from retention.journal import ARCHIVE

METHOD = "key destroyed, content deleted, index purged, files rewritten"
SECURED = "; keys backed up anew, older key backups deleted"
BY_HAND = "; older key backups open it until they are deleted"


@dataclass(frozen=True, slots=True)
class Certifier:
    desk: Desk

    def report(
        self, record: Record, listing: Listing, outcome: Mapping[str, Refusal | None]
    ) -> None:
        known = disposals.results(self.desk.archive.ledger.get(record.id))
        rows = [_result(item, outcome[item]) for item in listing.items if item not in known]
        for at in range(0, len(rows), CHUNK):
            self.desk.step(record.id, "results", {"items": rows[at : at + CHUNK]}, ARCHIVE)

    def certify(self, disposal_id: str, listing: Listing, started: str) -> Record:
        record = self.desk.archive.ledger.get(disposal_id)
        results = disposals.results(record).values()
        now = self.desk.now()
        ended = time_text(self.desk.archive.options.clock())
        values: dict[str, Any] = {
            "method": self._method(),
            "started_at": started,
            "ended_at": ended,
            "effective_from": ended,
            "time_status": time_word(now),
            "destroyed": sum(r.result == "destroyed" for r in results),
            "exceptions": sum(r.result != "destroyed" for r in results),
        }
        takers = exported_to(self.desk.archive, [i.record for i in listing.items.values()])
        if takers:
            values["exports"] = [{"what": taker} for taker in takers]
        return self.desk.step(disposal_id, "certify", values, ARCHIVE)

    def supplemented(self, record: Record) -> Record:
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
        now, started = self.desk.now(), time_text(self.desk.archive.options.clock())
        left = self.desk.destroy([item.record for item in locked])
        gone = [item for item in locked if item.record not in left]
        if not gone:
            return record
        ended = time_text(self.desk.archive.options.clock())
        values = {
            "items": [_result(item.item, None) for item in gone],
            "method": self._method(),
            "started_at": started,
            "ended_at": ended,
            "effective_from": ended,
            "time_status": time_word(now),
            "destroyed": len(gone),
            "exceptions": len(locked) - len(gone),
        }
        return self.desk.step(record.id, "supplement", values, ARCHIVE)

    def _method(self) -> str:
        return METHOD + (BY_HAND if self.desk.archive.secured is None else SECURED)

    def started(self, record: Record) -> str:
        entry = record.said("start")
        if entry is None:
            raise DisposalRefusedError("NO_APPROVED_BATCH")
        return time_text(entry.recorded_at)


def _result(item: str, refusal: Refusal | None) -> dict[str, str]:
    if refusal is None:
        return {"item": item, "result": "destroyed"}
    return {"item": item, "result": "exception", "code": refusal.code, "why": refusal.why}
