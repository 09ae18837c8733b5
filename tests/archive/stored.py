"""Made-up histories in a real archive: sealed, signed and committed as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from archive import sealing
from archive.ledger import new_id
from archive.opening import Archive
from archive.store import Sealed, Unit
from domain.events import AnyEvent, Recorded
from domain.kinds import find
from tests.domain.plant import hex_id


def commit_history(
    archive: Archive,
    record_id: str,
    history: Sequence[Recorded],
    spoil: Callable[[Sealed], Sealed] = lambda sealed: sealed,
) -> None:
    """Commit the events of a record as one unit, under another record id.

    Hashes of envelopes that the events name become those of the real ones; files stay away.
    """
    real: dict[str, str] = {}
    sealed: list[Sealed] = []
    key = archive.keys.reserve(record_id)
    for recorded in history:
        event = _moved(recorded.event, record_id, real)
        kind = find(event.kind, event.kind_version)
        first = event.version == 1
        sealed.append(
            sealing.seal(
                event,
                author=archive.keyring.author,
                previous=None if first else sealing.digest(sealed[-1]),
                record_key=key,
                prefix=kind.prefix if first else None,
                internal=kind.internal,
            )
        )
        real[recorded.digest] = sealing.digest(sealed[-1])
    archive.committer.commit(Unit(tuple(spoil(s) for s in sealed)))


def _moved(event: AnyEvent, record_id: str, real: dict[str, str]) -> AnyEvent:
    changed: dict[str, Any] = {
        "event_id": new_id(),
        "record_id": record_id,
        "attachments": (),
        "actor": hex_id(event.actor) if event.actor in ("erp", "archive") else event.actor,
        "refs": tuple(
            replace(r, event=real.get(r.event or ""), record=record_id)
            if r.rel == "corrects"
            else replace(r, event=None)
            for r in event.refs
        ),
    }
    if event.TOPIC in ("signed", "refused"):
        changed["covers"] = tuple(real[d] for d in event.covers)  # type: ignore[union-attr]
    return replace(event, **changed)
