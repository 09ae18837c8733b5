"""The rules that ship are records of the archive: once, all or none, and never changed by us."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archive.opening import Options, open_archive
from domain.record import Record
from domain.rule_versions import rule_id
from retention.founding import found, offers
from retention.ledgers import Shelf, topics
from retention.rules import SHIPPED
from tests.archive.acting import Acting, another, real_clock, together
from tests.worlds import World


def rules(world: World) -> dict[str, Record]:
    rows = world.archive.store.leaves(0, topics=topics("retention-rule"))
    records = [world.archive.ledger.get(row.record_id) for row in rows if row.version == 1]
    found = {rule_id(r): r for r in records}
    assert len(found) == len(records)
    return found


def test_the_rules_that_ship_are_founded_once(world: World) -> None:
    """All ten are in force after the first call; later ones, here or elsewhere, add nothing."""
    assert found(world.archive) == len(SHIPPED) == 10
    assert found(world.archive) == 0
    with another(world.options) as other:
        assert found(other) == 0
    assert set(rules(world)) == set(SHIPPED)
    assert {r.state for r in rules(world).values()} == {"in-force"}
    policy, size = Shelf(world.archive).policy()
    assert {r.rule_id for r in policy.rules} == set(SHIPPED)
    assert size == world.archive.store.head().size


def test_processes_that_start_together_found_one_set(world: World) -> None:
    """Whichever comes second finds the rules of the first."""
    call = (world.options.data, world.options.database)
    world.archive.close()
    added = [answer[0] for answer in together(found_at_once, [call, call])]
    world.archive = open_archive(world.options)
    assert sum(added) == 10
    assert set(rules(world)) == set(SHIPPED)


def found_at_once(barrier: Any, data: Path, database: str | None) -> int:
    with another(Options(data, real_clock, database=database)) as archive:
        barrier.wait()
        return found(archive)


def test_what_a_newer_version_ships_is_only_offered(world: World) -> None:
    """A changed and an added rule change nothing until people have proposed and approved them."""
    found(world.archive)
    assert offers(world.archive) == ()
    longer = {**SHIPPED["RR-03"], "period": "P5Y"}
    more = {**SHIPPED["RR-03"], "rule_id": "RR-11"}
    newer = {**SHIPPED, "RR-03": longer, "RR-11": more}
    assert found(world.archive, newer) == 0
    old = rules(world)["RR-03"]
    assert [(o.rule_id, o.record) for o in offers(world.archive, newer)] == [
        ("RR-03", old.id),
        ("RR-11", None),
    ]
    said = {name: value for name, value in longer.items() if name != "rule_id"}
    Acting(world.archive).take(old, "revise", **said)
    Acting(world.archive).open("retention-rule", "propose", **more)
    assert offers(world.archive, newer) == ()
