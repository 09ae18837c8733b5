"""The register page: filters, one search box, and the list as it is or was known at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import get_args

from markupsafe import Markup, escape
from starlette.responses import Response

from api.pages.calls import Call
from api.reading import seen_in_lists
from archive.evidence.instant import time_text
from archive.folding import fold
from archive.ledger import NoSuchRecordError
from archive.views.register import BadCursor, Filter, Line, Sort
from archive.views.search import BadCursor as BadSearchCursor
from archive.views.search import Hit, QueryTooLong, Scope
from domain.access import confidential
from domain.clocks import running
from domain.describe import searchable, subject
from domain.kind import Kind
from domain.kinds import current
from domain.record import Record

SHOWN = 25
_NOTHING = Markup("")
FILTERS = (
    "kind", "state", "department", "filed", "imported", "overdue", "from", "until", "at",
)  # fmt: skip
ROUNDS = 8
"""Pages of hits that are looked through for one page of rows."""
SORTS: tuple[Sort, ...] = get_args(Sort)
_NUMBER = re.compile(r"[A-Za-z]{2,4}-[0-9]{4}(-[0-9]{0,9})?")


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table; `found` is what of a text search matched."""

    record_id: str
    number: str | None
    kind: str
    kind_version: int
    subject: str
    state: str
    department: str | None
    confidential: bool
    imported: bool
    readable: bool
    opened_at: str
    last_at: str
    filed_on: str | None
    unsigned: int
    unacknowledged: int
    next_due: str | None
    provisional: bool
    found: Markup = _NOTHING


@dataclass(slots=True)
class Asked:
    """What the form says; `faults` name what could not be read."""

    call: Call
    faults: list[str] = field(default_factory=list)
    moment: datetime | None = None
    known: int | None = None

    def __post_init__(self) -> None:
        self.moment = self.instant("at")
        if self.moment is not None:
            self.known = self.call.house.desk.archive.store.size_at(self.moment)

    @property
    def text(self) -> str:
        return self.call.asked("q")

    @property
    def sort(self) -> Sort:
        said = self.call.asked("sort")
        return next((sort for sort in SORTS if sort == said), "recorded")

    @property
    def descending(self) -> bool:
        return self.call.asked("order") != "asc"

    @property
    def kinds(self) -> tuple[str, ...]:
        """Of the kind field, or of the kind whose state was asked for."""
        of_state = self.call.asked("state").partition("/")[0]
        return tuple(dict.fromkeys(k for k in (self.call.asked("kind"), of_state) if k))

    @property
    def states(self) -> tuple[str, ...]:
        return tuple(s for s in (self.call.asked("state").partition("/")[2],) if s)

    @property
    def contradicts(self) -> bool:
        """One kind, and a state of another: nothing can fit."""
        return len(self.kinds) > 1

    def truth(self, name: str) -> bool | None:
        return {"yes": True, "no": False}.get(self.call.asked(name))

    def instant(self, name: str) -> datetime | None:
        """By the site's clock unless an offset is said."""
        said = self.call.asked(name)
        try:
            found = datetime.fromisoformat(said) if said else None
            if found is None:
                return None
            if found.tzinfo is None:
                found = found.replace(tzinfo=self.call.pen.zone)
            return found.astimezone(UTC)
        except (ValueError, OverflowError):
            self.faults.append("bad-time" if name == "at" else "bad-date")
            return None

    def filter(self) -> Filter:
        rights = self.call.visit.guest.caller.rights
        kind = current().get(self.kinds[0]) if self.kinds else None
        department = self.call.asked("department")
        return Filter(
            kinds=self.kinds,
            states=self.states,
            departments=(department,) if department else (),
            number=self.text.upper() if is_number(self.text) else None,
            filed=self.truth("filed"),
            imported=self.truth("imported"),
            confidential=None if "confidential" in rights else False,
            opened_from=self.instant("from"),
            opened_until=self.instant("until"),
            overdue_at=self.asked_at if self.call.asked("overdue") else None,
            internal=kind is not None and kind.internal,
        )

    @property
    def asked_at(self) -> datetime:
        return self.moment or self.call.visit.now


def is_number(said: str) -> bool:
    """The beginning of a record's number, down to its year."""
    return _NUMBER.fullmatch(said) is not None


def show_register(call: Call) -> Response:
    asked = Asked(call)
    wanted = asked.filter()
    rows: list[Row] = []
    cursor: str | None = None
    if asked.contradicts:
        pass
    elif asked.text and wanted.number is None:
        rows, cursor = _searched(asked, wanted)
    else:
        rows, cursor = _listed(asked, wanted)
    for row in rows:
        if row.confidential:
            call.visit.note("read", row.record_id)
    if asked.moment is not None:
        call.pen = replace(call.pen, now=asked.moment)
    return call.page(
        "register.html",
        422 if asked.faults else 200,
        rows=rows,
        cursor=cursor,
        asked=asked,
        count=None if asked.contradicts else _count(asked, wanted),
        sorts=SORTS,
        filtered=any(call.asked(name) for name in FILTERS),
        kinds=[k for k in current().values() if not k.internal],
        own_kinds=[k for k in current().values() if k.internal],
        stated=_stated(asked),
        offices=sorted(call.pen.directory.departments.values(), key=lambda d: d.name),
    )


def _stated(asked: Asked) -> list[Kind]:
    """The kinds whose states the form offers: the one chosen, or all but the archive's own."""
    kind = current().get(asked.call.asked("kind"))
    return [kind] if kind else [k for k in current().values() if not k.internal]


def _count(asked: Asked, wanted: Filter) -> int | None:
    """How many there are in all; None where only reading each of them could tell."""
    caller = asked.call.visit.guest.caller
    if caller.departments or (asked.text and wanted.number is None):
        return None
    desk = asked.call.house.desk
    viewer = asked.call.visit.guest.viewer(desk)
    return desk.archive.views.register.count(viewer, wanted, known=asked.known)


# ---------------------------------------------------------------- the list


def _listed(asked: Asked, wanted: Filter) -> tuple[list[Row], str | None]:
    call = asked.call
    desk = call.house.desk
    viewer = call.visit.guest.viewer(desk)
    cursor = call.asked("cursor") or None

    def page(cursor: str | None) -> tuple[Sequence[Line], str | None]:
        found = desk.archive.views.register.page(
            viewer, wanted, sort=asked.sort, descending=asked.descending, limit=SHOWN,
            cursor=cursor, known=asked.known,
        )  # fmt: skip
        return found.lines, found.cursor

    try:
        lines, following = page(cursor)
    except BadCursor:
        asked.faults.append("bad-cursor")
        lines, following = page(None)
    may = seen_in_lists(call.visit)
    kept = [ln for ln in lines if not _in_scope(call) or may(desk.archive.ledger.get(ln.record_id))]
    return [_of_line(call, line) for line in kept], following


def _in_scope(call: Call) -> bool:
    """Whether the key reaches only some departments, so that each record must be asked."""
    return bool(call.visit.guest.caller.departments)


def _of_line(call: Call, line: Line, found: Markup = _NOTHING) -> Row:
    return Row(
        line.record_id, line.number, line.kind, line.kind_version,
        line.subject if call.pen.zh else line.subject_en, line.state, line.department,
        line.confidential, line.imported, line.readable, line.opened_at, line.last_at,
        line.filed_on, line.unsigned, line.unacknowledged, line.next_due, line.provisional, found,
    )  # fmt: skip


# ---------------------------------------------------------------- the search


def _searched(asked: Asked, wanted: Filter) -> tuple[list[Row], str | None]:
    """Hits, newest first, that meet the other filters too; a page ends with a page of hits."""
    rows: list[Row] = []
    cursor = asked.call.asked("cursor") or None
    for _ in range(ROUNDS):
        hits, cursor = _hits(asked, wanted, cursor)
        rows += [row for hit in hits if (row := _fitting(asked, wanted, hit)) is not None]
        if cursor is None or len(rows) >= SHOWN:
            break
    return rows, cursor


def _hits(asked: Asked, wanted: Filter, cursor: str | None) -> tuple[Sequence[Hit], str | None]:
    viewer = asked.call.visit.guest.viewer(asked.call.house.desk)
    kinds = frozenset(wanted.kinds) or None
    if viewer.kinds is not None:
        kinds = viewer.kinds if kinds is None else kinds & viewer.kinds
    scope = Scope(audience=viewer.words, kinds=kinds)
    search = asked.call.house.desk.archive.views.search
    try:
        found = search.search(asked.text, scope, SHOWN, cursor)
    except QueryTooLong:
        asked.faults.append("search-too-long")
        return (), None
    except BadSearchCursor:
        asked.faults.append("bad-cursor")
        found = search.search(asked.text, scope, SHOWN, None)
    return found.hits, found.cursor


def _fitting(asked: Asked, wanted: Filter, hit: Hit) -> Row | None:
    call = asked.call
    archive = call.house.desk.archive
    try:
        present = archive.ledger.get(hit.record_id)
    except NoSuchRecordError:
        return None
    if not seen_in_lists(call.visit)(present):
        return None
    if asked.moment is None:
        line = archive.views.register.line(hit.record_id)
        if line is None:
            return None
        row = _of_line(call, line, _marked(hit.snippet, hit.highlights))
    else:
        then = archive.ledger.as_known_at(hit.record_id, asked.moment)
        if then is None or fold(asked.text) not in fold(searchable(then)):
            return None
        row = _of_record(call, then, asked.moment)
    fits = all(_tests(asked, wanted, row))
    return row if fits else None


def _tests(asked: Asked, wanted: Filter, row: Row) -> Iterator[bool]:
    opened = row.opened_at
    yield not wanted.states or row.state in wanted.states
    yield not wanted.departments or row.department in wanted.departments
    yield wanted.filed in (None, row.filed_on is not None)
    yield wanted.imported in (None, row.imported)
    yield wanted.confidential in (None, row.confidential)
    yield wanted.opened_from is None or opened >= time_text(wanted.opened_from)
    yield wanted.opened_until is None or opened < time_text(wanted.opened_until)
    due = row.next_due
    yield wanted.overdue_at is None or (due is not None and due < time_text(asked.asked_at))


def _of_record(call: Call, record: Record, moment: datetime) -> Row:
    calendar = call.house.desk.calendar
    going = running(record, calendar, call.pen.zone, moment) if record.readable else ()
    due = [c.due_at for c in going if c.state != "paused" and not c.advisory]
    return Row(
        record_id=record.id,
        number=record.number,
        kind=record.kind.id,
        kind_version=record.kind.version,
        subject=subject(record, call.pen.language),
        state=record.state,
        department=record.department,
        confidential=confidential(record),
        imported=record.provenance is not None,
        readable=record.readable,
        opened_at=time_text(record.opened_at),
        last_at=time_text(record.recorded_at),
        filed_on=record.filing.base_date if record.filing else None,
        unsigned=len(record.open_slots()),
        unacknowledged=sum(r.acknowledge and r.at is None for r in record.receipts),
        next_due=time_text(min(due)) if due else None,
        provisional=any(c.provisional for c in going),
    )


def _marked(snippet: str, spans: Sequence[tuple[int, int]]) -> Markup:
    """What matched, marked; the snippet's own characters stay text."""
    parts: list[Markup] = []
    at = 0
    for start, end in spans:
        parts += [escape(snippet[at:start]), Markup("<mark>{}</mark>").format(snippet[start:end])]
        at = max(at, end)
    return Markup("").join((*parts, escape(snippet[at:])))
