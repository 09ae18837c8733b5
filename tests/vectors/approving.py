"""Ways to cheat with the approvals of a disposal: they stand in its own record, which is here."""

from collections.abc import Callable, Sequence
from typing import Any

from archive.evidence import dsse, statement
from tests.vectors.more_tampering import CASES as BEFORE
from tests.vectors.more_tampering import unfit
from tests.vectors.tampering import LOST, Case, add, logged, plain_statement
from tests.vectors.world import DISPOSAL, FILING, INTAKE, SHORT, World, ident, seeded

LIST = seeded("list").hex()
DISPOSING, ANOTHER = ident("disposal record"), ident("another disposal record")
Event = Callable[[World], object]


def _listed(list_hash: str = LIST, record: str = DISPOSING) -> Event:
    return add(record, "disposal-listed", kind="disposal", facts={"list": list_hash}, actor=None)


def _approves(actor: str | None, record: str = DISPOSING, **changes: Any) -> Event:
    """By whom, after what was listed there last."""

    def event(world: World) -> None:
        prev = world.heads[record][1]
        fields: dict[str, Any] = {
            "kind": "disposal",
            "facts": {"list": LIST},
            "actor": None if actor is None else ident(actor),
            "signoff": statement.Signoff("approves", (prev,)),
        }
        world.add(record, "disposal-approved", **{**fields, **changes})

    return event


def _disposes(*approvals: int, **changes: Any) -> Event:
    """Names as approvals the leaves; an index that is not there yet, a hash that is nowhere."""

    def event(world: World) -> None:
        named = [
            world.hash(n) if n < len(world.leaves) else seeded(f"nowhere {n}").hex()
            for n in approvals
        ]
        world.add(SHORT, "disposed", facts={**DISPOSAL, "approvals": named, **changes})

    return event


def _forged(world: World) -> None:
    """An approval that its named key did not sign."""
    facts = {"list": LIST}
    unfit(world, DISPOSING, "disposal-approved", kind="disposal", facts=facts, actor=ident("sun"))


def _approved_afterwards(world: World) -> None:
    """Disposed of by naming an approval that was signed, and came into the log only later."""
    version, prev = world.heads[DISPOSING]
    said = plain_statement(
        world,
        event=ident("late approval"),
        record=DISPOSING,
        version=version + 1,
        prev=prev,
        type="disposal-approved",
        kind="disposal",
        facts={"list": LIST},
        actor=ident("sun"),
    )
    envelope = dsse.sign(statement.encode(said), dsse.STATEMENT_TYPE, INTAKE)
    named = [world.hash(6), dsse.envelope_hash(envelope)]
    world.add(SHORT, "disposed", facts={**DISPOSAL, "approvals": named})
    world.append(said, envelope, None, world.time())


def _case(
    name: str, why: str, events: Sequence[Event], step: int | None = 12, **verdicts: str
) -> Case:
    """Leaf 3 is the content that is gone, leaf 4 its filing; then these events."""
    filed = add(SHORT, "filed", facts=FILING)
    gone = {3: "MISSING" if step else "DISPOSED"}
    return Case(
        name,
        why,
        logged(LOST, filed, *events),
        1 if step else 0,
        step,
        gone | {int(leaf.removeprefix("leaf")): said for leaf, said in verdicts.items()},
    )


_CHEN, _SUN = _approves("chen"), _approves("sun")

CASES: list[Case] = [
    *BEFORE,
    _case(
        "approved-by-two",
        "the list and both approvals are in the bundle",
        [_listed(), _CHEN, _SUN, _disposes(6, 7)],
        None,
    ),
    _case(
        "approved-one-here",
        "one approval is here, the other is not",
        [_listed(), _CHEN, _disposes(6, 99)],
        None,
    ),
    _case(
        "approved-after-relisting",
        "listed anew, then approved by two",
        [_listed(seeded("first list").hex()), _CHEN, _listed(), _CHEN, _SUN, _disposes(8, 9)],
        None,
    ),
    _case(
        "approved-by-one-person",
        "both approvals by the same person",
        [_listed(), _CHEN, _CHEN, _disposes(6, 7)],
    ),
    _case(
        "approved-on-behalf",
        "the second approval on behalf of who gave the first",
        [_listed(), _CHEN, _approves("sun", behalf=ident("chen")), _disposes(6, 7)],
    ),
    _case(
        "approved-by-nobody",
        "an approval without an author",
        [_listed(), _CHEN, _approves(None), _disposes(6, 7)],
    ),
    _case(
        "approved-other-list",
        "the second approval is of another list",
        [_listed(), _CHEN, _approves("sun", facts={"list": "ab" * 32}), _disposes(6, 7)],
    ),
    _case(
        "approved-other-disposal",
        "the list disposed by is not the one approved",
        [_listed(), _CHEN, _SUN, _disposes(6, 7, list="ab" * 32)],
    ),
    _case(
        "approved-by-listing",
        "the listing itself is named as an approval",
        [_listed(), _CHEN, _disposes(5, 6)],
    ),
    _case(
        "approved-by-filing",
        "the record's own filing is named as an approval",
        [_listed(), _CHEN, _disposes(4, 6)],
    ),
    _case(
        "approved-before-relisting",
        "listed anew after the approvals",
        [_listed(), _CHEN, _SUN, _listed(), _disposes(6, 7)],
    ),
    _case(
        "approved-between-listings",
        "listed anew between the approvals",
        [_listed(), _CHEN, _listed(), _SUN, _disposes(6, 8)],
    ),
    _case(
        "approved-unlisted",
        "approved, and never listed",
        [add(DISPOSING, "opened", kind="disposal"), _CHEN, _SUN, _disposes(6, 7)],
    ),
    _case(
        "approved-in-two-records",
        "the approvals stand in two records",
        [
            _listed(),
            _CHEN,
            _listed(record=ANOTHER),
            _approves("sun", ANOTHER),
            _disposes(6, 8),
        ],
    ),
    _case(
        "approved-afterwards",
        "an approval that came into the log after the disposal",
        [_listed(), _CHEN, _approved_afterwards],
    ),
    Case(
        "approved-forged",
        "an approval that its key did not sign approves nothing",
        logged(LOST, add(SHORT, "filed", facts=FILING), _listed(), _CHEN, _forged, _disposes(6, 7)),
        1,
        6,
        {3: "MISSING", 7: "MISMATCH"},
    ),
]
