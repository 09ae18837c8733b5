"""The retention rules that ship with the product (RR-01 to RR-10), as records of the archive.

They are shipped together or not at all, once for each archive. What a newer version of the product
says otherwise, or in addition, changes nothing by itself: people propose it and two approve.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from archive.ledger import Making, mac, new_id
from archive.opening import Archive
from domain.commands import Actor, Open
from domain.events import Values
from domain.record import Record
from domain.rule_versions import SAYING, rule_hash, rule_id
from retention.ledgers import topics
from retention.rules import SHIPPED

KIND = "retention-rule"
ARCHIVE = Actor(person=None, assurance="system", trusted=True)


@dataclass(frozen=True, slots=True)
class Offer:
    """What this version of the product ships and the archive has never said.

    `record`: the rule to be revised; None where it is to be proposed.
    """

    rule_id: str
    record: str | None
    values: Values


def found(archive: Archive, shipped: Mapping[str, Values] = SHIPPED) -> int:
    """Put the shipped rules in force where no rule is yet; how many this call has shipped.

    Raises StoreError.
    """
    if any(archive.store.leaves(0, topics=topics(KIND))):
        return 0
    secret = archive.keys.secret_or_make("source-mac", lambda: secrets.token_bytes(32))
    done = archive.ledger.execute_together(
        [_shipping(archive, values) for values in shipped.values()],
        source=mac(secret, "retention", "shipped-rules"),  # whichever process is second adds none
    )
    return sum(not outcome.committed.replayed for outcome in done)


def offers(archive: Archive, shipped: Mapping[str, Values] = SHIPPED) -> tuple[Offer, ...]:
    """What is shipped now and is neither in the archive's rules nor ever was."""
    rules = {rule_id(rule): rule for rule in _rules(archive)}
    return tuple(
        Offer(name, rule.id if rule else None, values)
        for name, values in shipped.items()
        for rule in (rules.get(name),)
        if rule is None or rule_hash(values) not in _said(rule)
    )


def _rules(archive: Archive) -> list[Record]:
    rows = archive.store.leaves(0, topics=topics(KIND))
    return [archive.ledger.get(r) for r in dict.fromkeys(row.record_id for row in rows)]


def _said(rule: Record) -> set[str]:
    """Hashes of all that was ever proposed for a rule."""
    name = rule_id(rule)
    return {
        rule_hash({**entry.values, "rule_id": name})
        for entry in rule.entries
        if entry.step in SAYING
    }


def _shipping(archive: Archive, values: Mapping[str, Any]) -> Making:
    record_id, _ = archive.keys.new_record()
    moment = archive.options.clock()
    command = Open(
        event_id=new_id(),
        record_id=record_id,
        actor=ARCHIVE,
        occurred_at=moment,
        received_at=moment,
        kind=KIND,
        step="ship",
        values=dict(values),
    )
    return lambda _: (command, None)
