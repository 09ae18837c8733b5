"""Which versions of a retention rule came into force, folded from its record. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from domain.disposals import fingerprint
from domain.events import RuleRef, Values

if TYPE_CHECKING:
    from domain.record import Record

SAYING = ("ship", "propose", "revise")
ENACTING = ("ship", "approve-second")


@dataclass(frozen=True, slots=True)
class Enacted:
    """What the rule says from its `version` on; `values` are those of the form, with `rule_id`."""

    ref: RuleRef
    values: Values
    at: datetime
    digest: str
    """Envelope hash of the event that put it in force."""


def rule_hash(values: Values) -> str:
    """SHA-256 over RFC 8785 canonical JSON of all that a version says, `rule_id` included."""
    return fingerprint(dict(values))


def enacted(record: Record) -> Iterator[Enacted]:
    """Every version that came into force, counted from 1."""
    said: Values = {}
    version = 0
    for entry in record.entries:
        if entry.step in SAYING:
            said = {"rule_id": rule_id(record), **entry.values}
        if entry.step in ENACTING and said:
            version += 1
            ref = RuleRef(said["rule_id"], version, rule_hash(said))
            yield Enacted(ref, said, entry.recorded_at, entry.digest)


def rule_id(record: Record) -> str:
    """The name under which it is cited; it is said once, when the record is opened."""
    return str(record.entries[0].values.get("rule_id", "")) if record.entries else ""


def next_ref(record: Record | None, values: Values) -> RuleRef:
    """How the version is called that a step puts in force now: `values` where it opens the rule,
    else what was proposed last."""
    if record is None:
        return RuleRef(values["rule_id"], 1, rule_hash(values))
    last = next(e for e in reversed(record.entries) if e.step in SAYING)
    said = {"rule_id": rule_id(record), **last.values}
    return RuleRef(said["rule_id"], 1 + len(tuple(enacted(record))), rule_hash(said))
