"""Missing numbers are reported, and explained where something explains them."""

from __future__ import annotations

from dataclasses import replace

from archive.views.database import ViewDatabase
from archive.views.numbers import Gap, NumbersView, Series
from tests.archive.views.logs import MadeLog, feed, kinds, made_log


def numbered(*numbers: str, gone: str = "") -> MadeLog:
    """Records with these numbers; the content of one of them is gone."""
    log = made_log(40, len(numbers), of=kinds()[:1])
    renamed = MadeLog()
    for number, history in zip(numbers, log.histories.values(), strict=True):
        for recorded in history:
            event = replace(recorded.event, readable=number != gone)
            given = number if recorded.number else None
            renamed.append(replace(recorded, event=event, number=given))
    return renamed


def test_numbers_without_gaps_are_whole(views: ViewDatabase) -> None:
    """Two series, each from 1 to its last, in whatever order they were given."""
    view = NumbersView(views)
    feed(views, numbered("KS-2026-00002", "JY-2026-00001", "KS-2026-00001"), view)
    assert view.series() == [
        Series("JY", 2026, 1, 1, 1, (), ()),
        Series("KS", 2026, 1, 2, 2, (), ()),
    ]


def test_what_is_missing_is_named(views: ViewDatabase) -> None:
    """Gaps at the beginning and inside, each with its first and last number, by year."""
    view = NumbersView(views)
    feed(views, numbered("KS-2026-00003", "KS-2026-00007", "KS-2027-00001"), view)
    first, second = view.series()
    assert first.gaps == (Gap(1, 2, "unexplained"), Gap(4, 6, "unexplained"))
    assert (first.given, first.last) == (2, 7)
    assert second.gaps == ()


def test_a_disposed_record_keeps_its_number(views: ViewDatabase) -> None:
    """It is no gap: it is listed as disposed."""
    view = NumbersView(views)
    feed(views, numbered("KS-2026-00001", "KS-2026-00002", gone="KS-2026-00002"), view)
    (series,) = view.series()
    assert series.gaps == ()
    assert series.disposed == ("KS-2026-00002",)
