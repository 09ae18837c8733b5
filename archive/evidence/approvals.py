"""Step 12, continued: a disposal names its approvals; those in the bundle are what they should be.

They stand in another record, the disposal's own, which may or may not be in the bundle.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from archive.evidence.statement import Statement

LISTED, APPROVED = "disposal-listed", "disposal-approved"


@dataclass(frozen=True, slots=True)
class Disposal:
    """A `disposed` event for which nothing else failed."""

    index: int
    where: str
    list: str  # hash of the list
    approvals: tuple[bytes, ...]  # envelope hashes, each once


@dataclass(frozen=True, slots=True)
class _Approval:
    index: int
    record: str
    list: str
    people: frozenset[str]  # who signed, and for whom


class Approvals:
    """Feed it sound events in order of index; ask it once all have gone by."""

    def __init__(self) -> None:
        self._given: dict[bytes, _Approval] = {}
        self._listed: dict[str, list[tuple[int, str]]] = {}

    def take(self, index: int, said: Statement, hash_: bytes) -> None:
        if said.type == LISTED:
            self._listed.setdefault(said.record, []).append((index, said.facts["list"]))
        elif said.type == APPROVED:
            people = frozenset(p for p in (said.actor, said.behalf) if p is not None)
            self._given[hash_] = _Approval(index, said.record, said.facts["list"], people)

    def faults(self, disposal: Disposal, here: Collection[bytes]) -> Iterator[tuple[str, str]]:
        """`here`: hashes of envelopes that are in the bundle, whatever they are."""
        found = []
        for hash_ in disposal.approvals:
            approval = self._given.get(hash_)
            if approval is not None and self._is_of(approval, disposal):
                found.append(approval)
            elif approval is not None or hash_ in here:
                yield "disposal-approval", hash_.hex()
        if not _by_different_people(found):
            yield "disposal-approvers", ""
        if len({approval.record for approval in found}) > 1:
            yield "disposal-approval", "two records"
        elif found and not self._list_stood(found, disposal):
            yield "disposal-list", disposal.list

    @staticmethod
    def _is_of(approval: _Approval, disposal: Disposal) -> bool:
        return approval.list == disposal.list and approval.index < disposal.index

    def _list_stood(self, found: Sequence[_Approval], disposal: Disposal) -> bool:
        """The list was last listed before its approvals: a list made anew voids them."""
        listed = self._listed.get(found[0].record, [])
        before = [item for item in listed if item[0] < disposal.index]
        first = min(approval.index for approval in found)
        return bool(before) and before[-1][1] == disposal.list and before[-1][0] < first


def _by_different_people(found: Sequence[_Approval]) -> bool:
    """Nobody has part in two of them, and nobody is nameless."""
    people = [person for approval in found for person in approval.people]
    return len(set(people)) == len(people) and all(approval.people for approval in found)
