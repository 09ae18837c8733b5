"""The deed: from the due list to the certificate (RETENTION.md 6).

    list -> review, item by item -> first approval -> second approval -> cool-off -> start
         -> a `disposed` event on each record -> content destroyed -> verified -> certificate

People review and approve by steps of the `disposal` record, which the kernel checks (who, and
that nobody does two of them). What the archive writes itself (list, start, results, certificate)
is here, each time after asking everything anew. A `disposed` event is committed together with the
proof that nothing moved since it was decided: the record, those bound to it, holds, rules, paper.
"""

from __future__ import annotations

from collections.abc import Callable

from archive.opening import Archive
from retention.asking import Desk
from retention.certifying import Certifier
from retention.executing import Executor, Terms
from retention.journal import Journal
from retention.ledgers import Shelf
from retention.listing import Lister
from retention.paper import Shredding
from retention.proven_time import ProvenTime


class Disposals:
    """The one door to its rooms: listing, executing, paper, certifying.

    `time`: what time it is, and who says so.
    """

    def __init__(
        self,
        archive: Archive,
        shelf: Shelf,
        journal: Journal,
        time: Callable[[], ProvenTime],
        terms: Terms,
    ) -> None:
        self.shelf, self.time = shelf, time
        desk = Desk(archive, shelf, journal, time)
        lister, paper = Lister(desk), Shredding(desk)
        executor = Executor(desk, terms, paper, Certifier(desk))
        self.list_due, self.list_paper = lister.list_due, lister.list_paper
        self.start, self.execute, self.resume = executor.start, executor.execute, executor.resume
        self.destroy_paper = paper.destroy_paper
