"""Filing what was imported: by the day of the import, or by a claimed day that two have approved.

Nobody's key files an imported record with an earlier day: the archive does, and says for whom.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from archive.ledger import Asked, new_id
from archive.opening import Archive
from archive.store import StoreError
from domain.access import resolve
from domain.commands import Actor, File
from domain.errors import DomainError, StepNotAllowedError
from domain.events import Filed
from domain.kind import text
from retention.asking import BARRED, LISTERS
from retention.errors import DisposalRefusedError
from retention.journal import Journal

CHUNK = 200
NATIVE = StepNotAllowedError(
    text("不是导入的记录;请按其自身的步骤归档。", "It was not imported: file it by its own route.")
)


@dataclass(frozen=True, slots=True)
class Import:
    """What became of one record: filed by its `base_date`, or refused."""

    record_id: str
    base_date: str | None = None
    error: DomainError | StoreError | None = None


def claimed(archive: Archive, claim: str) -> tuple[str, ...]:
    """The records that a claim of base dates names. NoSuchRecordError; DisposalRefusedError."""
    record = archive.ledger.get(claim)
    said = record.said("claim")
    if record.kind.id != "base-date-claim" or said is None:
        raise DisposalRefusedError("UNLISTED")
    return tuple(dict.fromkeys(row["record"] for row in said.values["items"]))


def file_imported(
    archive: Archive,
    journal: Journal,
    actor: Actor,
    record_ids: Sequence[str],
    *,
    claim: str | None = None,
    scope: bool = False,
) -> Iterator[Import]:
    """File each of these records; `claim`: the approved claim that says its day.

    Raises DisposalRefusedError where this person may not.
    """
    with journal.refusals(actor.person):
        directory = archive.organisation.context().directory
        barred = resolve(BARRED, directory, None, {})
        if actor.person in barred or actor.person not in resolve(LISTERS, directory, None, {}):
            raise DisposalRefusedError("SEPARATION")
    led = Actor(actor.person, None, actor.system, actor.assurance, trusted=True)
    for at in range(0, len(record_ids), CHUNK):
        chunk = record_ids[at : at + CHUNK]
        mine = [r for r in chunk if archive.ledger.get(r).provenance is not None]
        asked = [Asked(_filing(archive, led, r, claim, scope)) for r in mine]
        answers = dict(zip(mine, archive.ledger.execute_many(asked), strict=True))
        yield from (_import(r, answers.get(r, NATIVE)) for r in chunk)


def _filing(archive: Archive, actor: Actor, record_id: str, claim: str | None, scope: bool) -> File:
    moment = archive.options.clock()
    return File(
        event_id=new_id(),
        record_id=record_id,
        actor=actor,
        occurred_at=moment,
        received_at=moment,
        scope=scope,
        claim=claim,
    )


def _import(record_id: str, answer: object) -> Import:
    if isinstance(answer, DomainError | StoreError):
        return Import(record_id, error=answer)
    if isinstance(answer, BaseException):
        raise answer
    event = getattr(getattr(answer, "recorded", None), "event", None)
    return Import(record_id, event.base_date if isinstance(event, Filed) else None)
