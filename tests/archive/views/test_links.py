"""Links are found from both ends, also those that an answer makes."""

from __future__ import annotations

from archive.views.access import EVERYTHING, AccessView, Viewer
from archive.views.database import ViewDatabase
from archive.views.links import LinksView
from tests.archive.views.logs import MadeLog, feed
from tests.domain.plant import DEPARTMENTS, PEOPLE, Case, hex_id

OTHER = hex_id("other minutes")


def notice() -> Case:
    """An announced meeting, linked to other minutes."""
    case = Case(known={OTHER: "minutes"})
    values = {
        "type": "department",
        "topic": "周会",
        "goal": "同步",
        "agenda": "进度",
        "starts_at": "2026-03-04T01:00:00.000000Z",
        "chair": PEOPLE["market-head"],
        "departments": [DEPARTMENTS["market"]],
        "participants": [PEOPLE["market-li"]],
    }
    case.open("minutes", "announce", "market-head", values)
    case.link("see-also", OTHER, "market-head")
    return case


def logged(*cases: Case) -> MadeLog:
    log = MadeLog()
    for case in cases:
        for recorded in case.history:
            log.append(recorded)
    return log


def test_a_link_is_found_from_either_end_until_it_is_withdrawn(views: ViewDatabase) -> None:
    """Forwards, backwards, and for rules; a withdrawn one is gone from all three."""
    case = notice()
    links = LinksView(views)
    feed(views, logged(case), AccessView(views), links)
    assert links.incoming(OTHER) == [("see-also", case.id)]
    (row,) = links.pointing_from(case.id)
    assert (row.rel, row.other, row.field) == ("see-also", OTHER, None)
    assert links.pointing_to(OTHER, EVERYTHING) == [row]

    case.link("see-also", OTHER, "market-head", withdraw=True, reason="写错了")
    later = logged(case).changes[-1]
    views.advance(links, [later], later.leaf_index)
    assert links.incoming(OTHER) == []
    assert links.pointing_from(case.id) == []


def test_links_of_hidden_records_are_hidden(views: ViewDatabase) -> None:
    """Who may not see the record that points does not learn of the link; rules do."""
    case = notice()
    links = LinksView(views)
    feed(views, logged(case), AccessView(views), links)
    stranger = Viewer(frozenset({"all", "p:" + hex_id("nobody")}))
    assert links.pointing_to(OTHER, stranger) == []
    assert len(links.pointing_to(OTHER, Viewer(frozenset({"executive"})))) == 1


def test_purging_takes_the_links_that_the_record_has(views: ViewDatabase) -> None:
    """After purge nothing points from it."""
    case = notice()
    links = LinksView(views)
    feed(views, logged(case), AccessView(views), links)
    with views.transaction():
        links.purge([case.id])
    assert links.incoming(OTHER) == []
