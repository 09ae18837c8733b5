"""Lists show a record to those who may read it, and to nobody else."""

from __future__ import annotations

from random import Random

from archive.views.access import EVERYTHING, AccessView, Viewer, people, readers, viewer
from archive.views.database import ViewDatabase
from domain.access import may_read
from domain.kind import Heads, Members, Office, Role
from tests.archive.views.logs import feed, kinds, made_log
from tests.domain.plant import DEPARTMENTS, PEOPLE, delegation, directory


def test_rows_agree_with_reading_the_record_itself(views: ViewDatabase) -> None:
    """For every person and every record of every kind, the row says what `may_read` says."""
    log = made_log(1, 3 * len(kinds()))
    access = AccessView(views)
    feed(views, log, access)
    plant = directory()
    answers = set()
    for person in plant.people.values():
        for record in log.states.values():
            allowed = may_read(record, person, plant)
            shown = access.may_see(viewer(person, plant), record.id, record.kind.id)
            assert shown == allowed, (person.name, record.kind.id, readers(record))
            answers.add((record.kind.confidential, allowed))
    assert {(False, True), (False, False)} <= answers


def test_confidential_kinds_follow_the_directory_of_the_moment() -> None:
    """Whoever is head, holds a role or is of an office now is entitled, with no row changed."""
    plant = directory()
    plain = next(k for k in kinds() if not k.confidential)
    entitled = (Heads(), Members(), Role(role="gm"), Office(function="qc"))
    secret = plain.model_copy(update={"confidential": True, "entitled": entitled})
    log = made_log(2, 6, of=[plain])
    allowed_once = False
    for plain_record in log.states.values():
        record = plain_record._replace(kind=secret)
        words = readers(record)
        for person in plant.people.values():
            allowed = may_read(record, person, plant)
            allowed_once |= allowed
            mine = viewer(person, plant).words
            assert mine is not None
            assert bool(mine & words) == allowed
    assert allowed_once


def test_a_person_is_found_behind_each_of_their_words() -> None:
    """`people` gives back everyone whose words include a word."""
    plant = directory(delegation("gm", "mr"))
    for word in sorted(viewer(plant.people[PEOPLE["quality-head"]], plant).words or ()):
        if word.partition(":")[0] in ("p", "r", "f", "m", "h", "active"):
            assert PEOPLE["quality-head"] in people(word, plant)


def test_the_scope_of_a_key_hides_other_kinds(views: ViewDatabase) -> None:
    """A key for one kind sees nothing of another, and a key for no kind sees nothing."""
    log = made_log(3, len(kinds()))
    access = AccessView(views)
    feed(views, log, access)
    record = Random(3).choice(list(log.states.values()))
    department = frozenset({"executive", f"d:{DEPARTMENTS['market']}"})
    assert access.may_see(EVERYTHING, record.id, record.kind.id)
    assert access.may_see(Viewer(None, frozenset({record.kind.id})), record.id, record.kind.id)
    for kind_scope in (frozenset({"nothing"}), frozenset[str]()):
        assert not access.may_see(Viewer(department, kind_scope), record.id, record.kind.id)
    assert not access.may_see(Viewer(frozenset()), record.id, record.kind.id)


def test_purging_shows_a_record_to_nobody(views: ViewDatabase) -> None:
    """After purge there is no row of the record."""
    log = made_log(4, 2)
    access = AccessView(views)
    feed(views, log, access)
    record = next(iter(log.states.values()))
    with views.transaction():
        access.purge([record.id])
    assert not access.may_see(Viewer(readers(record)), record.id, record.kind.id)
