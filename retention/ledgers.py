"""What retention rests on, read from the log itself and not from a view.

Rules, holds, triggers and corrections are followed by their topics, and so are the binding links
and the paper copies; records are replayed. An `Assessed` says up to which leaf all of it was true:
whoever acts on it commits with its `reads` and its `quiet`, and is refused if anything moved since.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from threading import RLock

from archive.almanac import standing
from archive.opening import Archive
from archive.sealing import INTERNAL, unseal
from archive.store import Quiet
from domain.disposals import Reservation, listing
from domain.events import EVENT_TYPES, LinkedTo
from domain.kind import Kind
from domain.kinds import all_versions, find
from domain.record import Record
from retention.assessment import Assessment, assess_copy, assess_together, hold_asked
from retention.holding import Copy, Holding, copy_of, holding_of
from retention.policy import Policy, Transfer

COPY, DISPOSAL = "paper-copy", "disposal"
UNFINISHED = ("listed", "approved-once", "approved", "executing")


@dataclass(frozen=True, slots=True)
class Assessed:
    """An assessment, and what it rests on.

    `copy`: id of the paper copy that was asked about; None for the electronic record.
    `group`: ids of the records that go together with it, itself among them, in their order.
    `reads`: versions of all records that were looked at. `quiet`: no rule, hold, trigger,
    correction, binding link or paper copy may have come or changed since.
    """

    assessment: Assessment
    holding: Holding
    group: tuple[str, ...]
    reads: Mapping[str, int]
    quiet: Quiet
    copy: str | None = None
    on_paper: bool = False
    """Whether a paper copy of the record is still here: neither destroyed, lost nor handed over."""
    transfer: Transfer | None = None
    """The last handing-over of the record, or of the copy that was asked about."""


class Shelf:
    """Reads up to the head of the log at each question. Safe to use from any thread."""

    def __init__(self, archive: Archive) -> None:
        self._ledger, self._zone = archive.ledger, archive.options.zone
        self._lock = RLock()
        self._policy = Policy()
        self._bonds = Bonds()
        self._copies: dict[str, list[str]] = {}
        self._lists: dict[str, str] = {}
        """Of each disposal its state."""
        self._wishes: tuple[int, tuple[Reservation, ...]] = (0, ())
        """What `holds_asked` answers, for a log of so many leaves: pages ask for it often."""
        self._ruled = self._bound = 0
        """How many leaves the policy, and the bonds and copies, have been followed to."""

    # ---------------------------------------------------------------- answers

    def policy(self) -> tuple[Policy, int]:
        """Rules, holds, triggers and corrections, true for a log of so many leaves."""
        with self._lock:
            size = self._ledger.store.head().size
            for record in standing(self._ledger, topics(*Policy.KINDS), size, self._ruled):
                self._policy = self._policy.apply(record)
                if record.kind.id == DISPOSAL:
                    self._lists[record.id] = record.state
            self._ruled = size
            return self._policy, size

    def on_lists(self) -> dict[str, str]:
        """The disposal of each record, and of each paper copy, that stands on a list which is
        neither certified nor withdrawn."""
        return {
            item.copy or item.record: disposal
            for disposal in self._in_state(*UNFINISHED)
            for item in listing(self._ledger.get(disposal)).items.values()
        }

    def holds_asked(self) -> tuple[Reservation, ...]:
        """What reviewers want held and nobody has placed a hold on, the oldest wish first."""
        policy, size = self.policy()
        if self._wishes[0] < size:
            names = dict.fromkeys(r.about for r in policy.reservations if r.outcome == "hold")
            self._follow()
            holdings, _ = self._together([*names])
            asked = (hold_asked(h, policy) for h in holdings.values() if not h.disposed)
            found = sorted((a for a in asked if a is not None), key=lambda a: a.at)
            self._wishes = size, tuple(found)
        return self._wishes[1]

    def holding(self, record_id: str) -> Holding:
        """What is known of a record for retention. NoSuchRecordError."""
        self._follow()
        return self._together([record_id])[0][record_id]

    def group(self, record_id: str) -> tuple[str, ...]:
        """The records bound to it over any number of binding links, in both directions, and
        itself; in the order of their ids."""
        self._follow()
        with self._lock:
            return self._bonds.component(record_id)

    def copies(self, record_id: str) -> tuple[Copy, ...]:
        """The paper copies of a record, in the order of their registration."""
        self._follow()
        return tuple(copy_of(record, self._zone) for record in self._copies_of(record_id))

    def groups(self, record_ids: Iterable[str]) -> list[tuple[str, ...]]:
        """The groups to which these records belong, each once."""
        self._follow()
        with self._lock:
            return list(dict.fromkeys(self._bonds.component(r) for r in record_ids))

    def assess(self, record_id: str) -> Assessed:
        """When a record may go, and why. NoSuchRecordError."""
        return self.assess_together([record_id])[record_id]

    def assess_together(self, record_ids: Sequence[str]) -> dict[str, Assessed]:
        """The same of some hundred records and of all that go together with them; what they have
        in common is read once. NoSuchRecordError."""
        policy, size = self.policy()
        quiet = Quiet(quiet_topics(), size)
        groups = self.groups(record_ids)
        holdings, versions = self._together([member for group in groups for member in group])
        told: dict[str, Assessed] = {}
        for group in groups:
            held = {r: holdings[r] for r in group}
            reads = {name: n for r in group for name, n in versions[r].items()}
            found = assess_together(tuple(held.values()), policy, held)
            told |= {
                r: Assessed(
                    found[r], held[r], group, reads, quiet,
                    on_paper=_on_paper(held[r], policy), transfer=policy.transfer(r),
                )
                for r in group
            }  # fmt: skip
        return told

    def assess_copy(self, copy_id: str) -> Assessed:
        """When a paper copy may go: the id of its `paper-copy` record. NoSuchRecordError."""
        policy, size = self.policy()
        record = self._ledger.get(copy_id)
        owner = copied(record)
        group = self.group(owner)
        holdings, versions = self._together(group)
        reads = {name: n for r in group for name, n in versions[r].items()}
        reads[record.id] = record.version
        copy, holding = copy_of(record, self._zone), holdings[owner]
        found = assess_copy(copy, holding, tuple(holdings.values()), policy)
        quiet = Quiet(quiet_topics(), size)
        return Assessed(
            found, holding, group, reads, quiet, copy_id, transfer=policy.transfer(copy_id)
        )

    def executing(self) -> tuple[str, ...]:
        """Disposals that were started and are not yet certified."""
        return self._in_state("executing")

    def _in_state(self, *states: str) -> tuple[str, ...]:
        with self._lock:
            self.policy()
            return tuple(r for r, state in self._lists.items() if state in states)

    # ---------------------------------------------------------------- following

    def _together(
        self, record_ids: Sequence[str]
    ) -> tuple[dict[str, Holding], dict[str, dict[str, int]]]:
        """What is known of each of these records, and the versions of what was read for it."""
        with self._lock:
            bound = {r: self._bonds.of(r) for r in record_ids}
            copies = {r: tuple(self._copies.get(r, ())) for r in record_ids}
        known = self._ledger.get_all([each for r in record_ids for each in (r, *copies[r])])
        holdings = {
            r: holding_of(
                known[r],
                self._zone,
                copies=tuple(copy_of(known[c], self._zone) for c in copies[r]),
                bound=bound[r],
            )
            for r in record_ids
        }
        return holdings, {
            r: {each: known[each].version for each in (r, *copies[r])} for r in record_ids
        }

    def _copies_of(self, record_id: str) -> list[Record]:
        with self._lock:
            ids = tuple(self._copies.get(record_id, ()))
        return [self._ledger.get(copy_id) for copy_id in ids]

    def _follow(self) -> None:
        """Read on the binding links and the paper copies."""
        with self._lock:
            start, size = self._bound, self._ledger.store.head().size
            for row in self._ledger.store.leaves(start, size, binding_topics()):
                event = unseal(row, (), None).event  # what is linked is no content
                if isinstance(event, LinkedTo):
                    self._bonds.follow(event)
            for row in self._ledger.store.leaves(start, size, topics(COPY)):
                if row.version == 1:
                    owner = copied(self._ledger.get(row.record_id))
                    self._copies.setdefault(owner, []).append(row.record_id)
            self._bound = size


class Bonds:
    """Binding links that stand, found from either end."""

    def __init__(self) -> None:
        self._from: dict[str, set[tuple[str, str]]] = {}
        self._to: dict[str, set[tuple[str, str]]] = {}

    def follow(self, event: LinkedTo) -> None:
        """What a link or its withdrawal changes; links that do not bind change nothing."""
        binding = binding_relations(event.kind, event.kind_version)
        for ref in event.refs:
            if ref.rel in binding:
                there = self._from.setdefault(event.record_id, set())
                back = self._to.setdefault(ref.record, set())
                if event.withdrawn:
                    there.discard((ref.rel, ref.record))
                    back.discard((ref.rel, event.record_id))
                else:
                    there.add((ref.rel, ref.record))
                    back.add((ref.rel, event.record_id))

    def of(self, record_id: str) -> tuple[str, ...]:
        """The records bound to one directly, by id."""
        links = self._from.get(record_id, set()) | self._to.get(record_id, set())
        return tuple(sorted({other for _, other in links} - {record_id}))

    def component(self, record_id: str) -> tuple[str, ...]:
        known, edge = {record_id}, [record_id]
        while edge:
            edge = [other for each in edge for other in self.of(each) if other not in known]
            known.update(edge)
        return tuple(sorted(known))


# -------------------------------------------------------------------- words


def _on_paper(holding: Holding, policy: Policy) -> bool:
    return any(c.alive and policy.transfer(c.record_id) is None for c in holding.copies)


def bonds_of(record: Record) -> frozenset[str]:
    """The records to which a record's own links bind it."""
    binding = binding_relations(record.kind.id, record.kind.version)
    return frozenset(k.record for k in record.links if k.rel in binding) - {record.id}


@cache
def binding_relations(kind: str, version: int) -> frozenset[str]:
    return frozenset(rule.rel for rule in find(kind, version).links if rule.binding)


def copied(copy: Record) -> str:
    """The record of which a `paper-copy` record is a copy; its own id where that is not said."""
    said = copy.answer("register.record")
    return said if isinstance(said, str) else copy.id


@cache
def topics(*kinds: str) -> tuple[str, ...]:
    """All topics under which events of these kinds are stored."""
    versions = [kind for kind in all_versions().values() if kind.id in kinds]
    return tuple(sorted({topic for kind in versions for topic in _topics(kind)}))


def _topics(kind: Kind) -> Iterator[str]:
    """A step that attests something may be stored under that word."""
    head = f"{INTERNAL if kind.internal else ''}{kind.id}/"
    yield from (head + event for event in EVENT_TYPES)
    yield from (head + step.attests for step in kind.steps if step.attests is not None)


@cache
def binding_topics() -> tuple[str, ...]:
    """Topics of the links of those kinds that have binding ones."""
    binding = {k.id for k in all_versions().values() if any(rule.binding for rule in k.links)}
    return tuple(t for t in topics(*sorted(binding)) if t.endswith(f"/{LinkedTo.TOPIC}"))


@cache
def quiet_topics() -> tuple[str, ...]:
    """What must not have come between an assessment and what rests on it. Of disposals only their
    steps, among them the reviews: that another list is opened changes nothing."""
    ruling = topics(*(kind for kind in Policy.KINDS if kind != DISPOSAL))
    return (*ruling, f"{INTERNAL}{DISPOSAL}/step-taken", *topics(COPY), *binding_topics())
