"""Which records a bundle is to hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from archive.evidence.statement import Ref
from archive.selecting import everything, everything_linked, listed
from archive.views.access import EVERYTHING
from archive.views.register import Filter
from tests.archive.acting import Acting
from tests.archive.small_archive import ORIGIN, SmallArchive, sqlite_archive
from tests.worlds import World


@pytest.fixture
def small(tmp_path: Path) -> Iterator[SmallArchive]:
    made = sqlite_archive(tmp_path)
    yield made
    made.close()


def test_everything_linked(small: SmallArchive) -> None:
    """A case is what its records point to, and what points to them, however far."""
    complaint, request, capa, other = (small.open() for _ in range(4))
    small.append(complaint, refs=[Ref("about", request, None), Ref("about", "0" * 32, None)])
    small.append(capa, refs=[Ref("follows", complaint, None)])
    incoming = {complaint: [("follows", capa)], request: [("about", complaint)]}
    linked = everything_linked(small.store, request, lambda record: incoming.get(record, []))
    assert linked == [request, complaint, capa]
    assert other not in linked
    few = everything_linked(small.store, request, lambda record: incoming.get(record, []), limit=2)
    assert few == [request, complaint]


def test_everything(small: SmallArchive) -> None:
    """Every record once, as they lie in the log, and not the key register."""
    made = [small.open() for _ in range(3)]
    small.append(made[0])
    assert everything(small.store, ORIGIN) == made


def test_what_the_register_lists(world: World) -> None:
    """All pages of it, the oldest first, and nothing else."""
    acting = Acting(world.archive)
    names = [f"部门{n}" for n in range(3)]
    made = [acting.open("department", "establish", name=name, functions=["cs"]) for name in names]
    acting.open("person", "register", name="王芳", department=made[0].id, roles=[])
    world.archive.views.catch_up()
    register = world.archive.views.register
    wanted = Filter(kinds=("department",), internal=True)
    assert list(listed(register, EVERYTHING, wanted)) == [record.id for record in made]
    assert list(listed(register, EVERYTHING, wanted, at_once=2)) == [record.id for record in made]
