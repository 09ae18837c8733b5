"""What a listing or an execution rests on: groups, copies, and what may not have moved since."""

from __future__ import annotations

from random import Random

import pytest

from archive.ledger import Asked
from archive.store import NotQuiet
from retention.founding import found
from retention.ledgers import Shelf
from tests.archive.acting import COMPLAINT, another
from tests.retention.plots import HOLD, Plot
from tests.worlds import World


@pytest.fixture
def plot(world: World) -> Plot:
    """Two complaints, and the measure that resolves the first."""
    found(world.archive)
    made = Plot(world, Random(1))
    made.complain()
    made.complain()
    made.act_on()
    return made


def test_a_group_is_all_that_binding_links_reach(plot: Plot, world: World) -> None:
    """Over any number of links, from either end; a withdrawn link and `see-also` reach nothing."""
    one, other, measure = plot.records
    shelf, acting = Shelf(world.archive), plot.acting
    assert shelf.group(one) == (one,)
    records = {r: world.archive.ledger.get(r) for r in plot.records}
    acting.link(records[measure], "resolves", records[one])
    acting.link(world.archive.ledger.get(measure), "see-also", records[other])
    assert shelf.group(one) == shelf.group(measure) == tuple(sorted((one, measure)))
    plot.bundle()
    bundle = world.archive.ledger.get([*plot.records][-1])
    acting.link(bundle, "contains", records[other])
    acting.link(world.archive.ledger.get(bundle.id), "contains", records[measure])
    assert shelf.group(one) == tuple(sorted(plot.records))
    with another(world.options) as elsewhere:
        assert Shelf(elsewhere).group(other) == tuple(sorted(plot.records))
    together = shelf.assess_together([one])
    assert {r: a.assessment for r, a in together.items()} == {
        r: shelf.assess(r).assessment for r in plot.records
    }


def test_copies_are_those_registered_for_the_record(plot: Plot, world: World) -> None:
    """Also such as were registered since the shelf last looked."""
    record = next(iter(plot.records))
    shelf = Shelf(world.archive)
    assert shelf.copies(record) == ()
    copies = [
        plot.acting.open(
            "paper-copy", "register", record=record, copy=n, location="A-3", pages=4,
            keeper=plot.person, signed_original=False, required_by="none",
        ).id
        for n in (1, 2)
    ]  # fmt: skip
    assert [copy.record_id for copy in shelf.copies(record)] == copies
    reads = shelf.assess(record).reads
    assert reads == {record: 1, **dict.fromkeys(copies, 1)}
    assert shelf.assess_copy(copies[0]).holding.record_id == record


@pytest.mark.parametrize("moved", ["hold", "rule", "trigger", "copy", "link"])
def test_what_comes_after_an_assessment_stops_what_rests_on_it(
    plot: Plot, world: World, moved: str
) -> None:
    """A hold, a rule, a trigger, a paper copy or a binding link that comes in between: refused."""
    one, _, measure = plot.records
    assessed = Shelf(world.archive).assess(one)
    resting = Asked(plot.acting.opening("complaint", "receive", **COMPLAINT), quiet=assessed.quiet)
    match moved:
        case "hold":
            records = [{"record": one}]
            plot.acting.open("legal-hold", "place", **HOLD, custodian=plot.person, records=records)
        case "rule":
            plot.rule()
        case "trigger":
            plot.trigger()
        case "copy":
            plot.copy()
        case _:
            ledger = world.archive.ledger
            plot.acting.link(ledger.get(measure), "resolves", ledger.get(one))
    (answer,) = world.archive.ledger.execute_many([resting])
    assert isinstance(answer, NotQuiet)


def test_what_does_not_matter_stops_nothing(plot: Plot, world: World) -> None:
    """Other records, their steps and their filing may come meanwhile."""
    one, *_ = plot.records
    assessed = Shelf(world.archive).assess(one)
    plot.complain()
    plot.file()
    asked = Asked(plot.acting.opening("complaint", "receive", **COMPLAINT), quiet=assessed.quiet)
    (answer,) = world.archive.ledger.execute_many([asked])
    assert not isinstance(answer, Exception)
