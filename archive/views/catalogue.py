"""All views of an archive, in the order in which they are fed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from zoneinfo import ZoneInfo

from archive.evidence.instant import time_text
from archive.views.access import AccessView, readers
from archive.views.database import RecordChange, View, ViewDatabase
from archive.views.links import LinksView
from archive.views.numbers import NumbersView
from archive.views.outlook import Outlook
from archive.views.register import RegisterView
from archive.views.search import Document, SearchView
from archive.views.sources import SourcesView
from archive.views.worklist import WorklistView
from domain.access import departments
from domain.calendar import Calendar
from domain.describe import searchable
from domain.record import Record

Standing = Callable[[Sequence[str], int, int], Iterable[Record]]
"""`archive.almanac.standing` of this log: topics, size, since."""
ExtraView = Callable[[ViewDatabase, ZoneInfo, Standing], View]
"""A view that a floor above adds: a function or class of a module, so that the processes which
help with a load find it by its name."""


class Catalogue:
    """`calendar`: the one in force at a leaf. `opening`: a record's first leaf. `extra`: views of
    the floors above."""

    def __init__(
        self,
        database: ViewDatabase,
        calendar: Callable[[int], Calendar],
        zone: ZoneInfo,
        opening: Callable[[str], int],
        standing: Standing,
        extra: Sequence[ExtraView] = (),
    ) -> None:
        self._opening = opening
        self.outlook = Outlook(calendar, zone)
        self.access = AccessView(database)
        self.links = LinksView(database)
        self.numbers = NumbersView(database)
        self.sources = SourcesView(database, zone)
        self.worklist = WorklistView(database, self.outlook)
        self.register = RegisterView(database, self.outlook, opening)
        self.search = SearchView(database, self._document)
        # Who may see a record is there before the record is.
        self.views: tuple[View, ...] = (
            self.access, self.links, self.numbers, self.sources, self.worklist, self.register,
            self.search, *(make(database, zone, standing) for make in extra),
        )  # fmt: skip

    def _document(self, change: RecordChange) -> Document | None:
        record = change.after
        if record.kind.internal or not record.readable:
            return None
        opened = record.entries[0].recorded_at if record.entries else record.recorded_at
        return Document(
            record_id=record.id,
            text=searchable(record),
            kind=record.kind.id,
            recorded_at=time_text(opened),
            leaf_index=self._opening(record.id),
            departments=departments(record),
            audience=readers(record),
        )
