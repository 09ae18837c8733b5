"""How much may wait for an event that names it: of one caller, and of all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import pytest

from archive.attachments import Upload
from archive.store import UploadQuotaError
from archive.sweeping import Sweeper
from tests.archive.acting import COMPLAINT, Acting
from tests.worlds import World

MIB = 1024 * 1024
ONE, OTHER = "1" * 32, "2" * 32


@pytest.fixture
def narrow(world: World) -> World:
    """Room for about three MiB of one caller, and five of all."""
    world.archive.attachments.quota = 3 * MIB + 1000
    world.archive.attachments.total_quota = 5 * MIB + 1000
    return world


def begun(world: World, owner: str) -> Upload:
    return world.archive.attachments.begin("a.bin", "application/octet-stream", owner)


def uploaded(world: World, owner: str, size: int) -> str:
    upload = begun(world, owner)
    upload.feed(bytes(size))
    return upload.finish().file.id


def test_a_caller_has_room_for_so_much_and_others_have_theirs(narrow: World) -> None:
    """The segment that would pass the quota is not written; what fits goes on."""
    uploaded(narrow, ONE, 2 * MIB)
    upload = begun(narrow, ONE)
    with pytest.raises(UploadQuotaError, match="your uploaded files") as refused:
        upload.feed(bytes(3 * MIB))
    assert refused.value.own
    assert narrow.archive.store.segments(upload.id) == 1
    uploaded(narrow, OTHER, MIB)


def test_all_together_have_room_for_so_much(narrow: World) -> None:
    """Also a caller who has nothing waiting is refused then, and is told that it is not theirs."""
    uploaded(narrow, ONE, 3 * MIB - 100)
    uploaded(narrow, OTHER, 2 * MIB - 100)
    with pytest.raises(UploadQuotaError, match="all uploaded files") as refused:
        uploaded(narrow, "3" * 32, 100_000)
    assert not refused.value.own


def test_an_upload_that_was_given_up_takes_no_room(narrow: World) -> None:
    """It may be tried again and again."""
    for _ in range(4):
        upload = begun(narrow, ONE)
        upload.feed(bytes(2 * MIB + 1))
        upload.abandon()
        assert narrow.archive.store.segments(upload.id) == 0
    uploaded(narrow, ONE, 3 * MIB - 100)


def test_what_an_event_names_takes_no_room(narrow: World) -> None:
    """A record holds it: its room is free at once, before any sweep."""
    for _ in range(3):
        file = narrow.archive.attachments.staged(uploaded(narrow, ONE, 2 * MIB))
        assert file is not None
        acting = Acting(narrow.archive)
        answers = {**COMPLAINT, "evidence": [file.file.id]}
        opening = acting.opening("complaint", "receive", **answers)
        record = acting.do(replace(opening, attachments=(file.file,)))
        assert narrow.archive.store.holders(file.file.id) == [record.id]


def test_what_was_swept_takes_no_room(narrow: World) -> None:
    """After a day, as its segments go; also in another process."""
    uploaded(narrow, ONE, 3 * MIB - 100)
    with pytest.raises(UploadQuotaError):
        uploaded(narrow, ONE, 100_000)
    narrow.clock.turn(hours=26)
    archive = narrow.reopen()
    archive.attachments.quota = 3 * MIB + 1000
    Sweeper(archive.attachments, archive.keys, archive.witnesses, narrow.clock).sweep()
    uploaded(narrow, ONE, 3 * MIB - 100)
    with pytest.raises(UploadQuotaError):
        uploaded(narrow, ONE, 100_000)


def test_the_quota_outlives_a_restart(narrow: World) -> None:
    """It is counted in the store, so that several servers share it."""
    uploaded(narrow, ONE, 3 * MIB - 100)
    narrow.reopen().attachments.quota = 3 * MIB + 1000
    with pytest.raises(UploadQuotaError):
        uploaded(narrow, ONE, 100_000)


def test_many_at_once_pass_it_by_a_segment_each_at_most(narrow: World) -> None:
    """Eight uploads of a caller race for room for three segments, and then there is none."""

    def race(_: int) -> str:
        upload = begun(narrow, ONE)
        with suppress(UploadQuotaError):
            upload.feed(bytes(4 * MIB))
        return upload.id

    with ThreadPoolExecutor(8) as pool:
        raced = list(pool.map(race, range(8)))
    assert 3 <= sum(map(narrow.archive.store.segments, raced)) <= 3 + 8
    with pytest.raises(UploadQuotaError):
        uploaded(narrow, ONE, MIB - 100)
