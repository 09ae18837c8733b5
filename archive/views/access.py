"""Who may see which record: words for the records, words for whoever asks, and rows to match them.

A record's words follow from the record alone, a person's from the directory of the moment; so a new
head or role changes nothing here. Together they say exactly what `domain.access.may_read` says, and
a query with `visible` in it shows what a read of the single record would.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from archive.views.database import Dialect, RecordChange, ViewDatabase
from domain.access import (
    EXECUTIVE_ROLES,
    confidential,
    departments,
    involved,
    resolve,
)
from domain.conditions import answer
from domain.directory import Directory, Person
from domain.events import Values
from domain.kind import Anyone, Author, Heads, Members, Named, Office, Role, Systems, Taker, Who
from domain.record import Record

ALL, ACTIVE, EXECUTIVE = "all", "active", "executive"


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks. `words` None: the archive itself, which sees everything. `kinds`: a key's scope."""

    words: frozenset[str] | None
    kinds: frozenset[str] | None = None


EVERYTHING = Viewer(None)


def viewer(person: Person, directory: Directory) -> Viewer:
    return Viewer(words(person, directory))


def system(
    kinds: frozenset[str] | None, department_ids: Iterable[str] | None, owner: str | None = None
) -> Viewer:
    """A system's key: the departments in its scope (None: all that is not confidential)."""
    if department_ids is None:
        found = {ALL, EXECUTIVE}
    else:
        found = {ALL, *(f"d:{d}" for d in department_ids)}
    if owner is not None:
        found.add(f"p:{owner}")
    return Viewer(frozenset(found), kinds)


def words(person: Person, directory: Directory) -> frozenset[str]:
    """Every word by which this person is meant, now."""
    found = {ALL, f"p:{person.id}"}
    if person.roles & EXECUTIVE_ROLES:
        found.add(EXECUTIVE)
    if person.department is not None:
        found.add(f"d:{person.department}")
    known = directory.people.get(person.id)
    mine = {d.id for d in directory.departments.values() if d.head == person.id}
    found.update(f"h:{d}" for d in mine)
    if known is not None and known.active:
        found.add(ACTIVE)
        found.update(f"r:{role}" for role in known.roles)
        mine |= {known.department} if known.department else set()
    found.update(f"m:{d}" for d in mine)
    offices = (directory.departments[d] for d in mine if d in directory.departments)
    found.update(f"f:{function}" for d in offices for function in d.functions)
    return frozenset(found)


def readers(record: Record) -> frozenset[str]:
    """The words of those who may read a record."""
    found = {f"p:{person}" for person in involved(record)}
    if confidential(record):
        return frozenset(found | meant(record.kind.entitled, record))
    if record.kind.internal:
        return frozenset({ALL})
    found |= meant(record.kind.offices, record)
    return frozenset({EXECUTIVE, *found, *(f"d:{d}" for d in departments(record))})


def meant(who: Iterable[Who], record: Record, values: Values | None = None) -> frozenset[str]:
    """The people that a kind's words name, as words; `domain.access.resolve` gives their ids."""
    return frozenset().union(*(_meant(w, record, values or {}) for w in who))


def _meant(who: Who, record: Record, values: Values) -> frozenset[str]:
    match who:
        case Anyone():
            return frozenset({ACTIVE})
        case Role(role=role):
            return frozenset({f"r:{role}"})
        case Office(function=function):
            return frozenset({f"f:{function}"})
        case Members(of=path):
            return frozenset(f"m:{d}" for d in _at(path, record, values))
        case Heads(of=path):
            return frozenset(f"h:{d}" for d in _at(path, record, values))
        case Author() | Named() | Taker() | Systems():
            return frozenset(f"p:{p}" for p in resolve((who,), _NOBODY, record, values))


_NOBODY = Directory()


def _at(path: str | None, record: Record, values: Values) -> Sequence[str]:
    said = record.department if path is None else answer(path, record, values)
    return said if isinstance(said, list) else (said,) if isinstance(said, str) else ()


def people(word: str, directory: Directory) -> frozenset[str]:
    """Who is meant by a word, now."""
    prefix, _, name = word.partition(":")
    match prefix:
        case "p":
            return frozenset({name})
        case "r":
            return directory.with_role(name)
        case "f":
            return directory.with_function(name)
        case "m":
            return directory.members((name,))
        case "h":
            return directory.heads((name,))
        case _:
            return frozenset(p.id for p in directory.people.values() if p.active)


def visible(viewer: Viewer, record_id: str, kind: str) -> tuple[str, list[str]]:
    """A condition on the columns `record_id` and `kind` of a query, and its parameters."""
    tests, parameters = [], []
    if viewer.words is not None:
        marks = ", ".join("?" * len(viewer.words)) or "NULL"
        tests.append(
            "EXISTS (SELECT 1 FROM access_readers seen"
            f" WHERE seen.record_id = {record_id} AND seen.reader IN ({marks}))"
        )
        parameters += sorted(viewer.words)
    if viewer.kinds is not None:
        marks = ", ".join("?" * len(viewer.kinds)) or "NULL"
        tests.append(f"{kind} IN ({marks})")
        parameters += sorted(viewer.kinds)
    return " AND ".join(tests) or "1 = 1", parameters


class AccessView:
    """One row for each record and word."""

    name = "access"
    version = "2"

    def __init__(self, database: ViewDatabase) -> None:
        self._database = database

    def tables(self, dialect: Dialect) -> Sequence[str]:  # noqa: ARG002 - the same words for both
        return (
            "CREATE TABLE access_readers (record_id TEXT NOT NULL, reader TEXT NOT NULL,"
            " PRIMARY KEY (record_id, reader))",
        )

    def project(self, changes: Sequence[RecordChange]) -> None:
        before: dict[str, frozenset[str]] = {}
        after: dict[str, Record] = {}
        for change in changes:
            if change.record_id not in before:
                earlier = change.before
                before[change.record_id] = readers(earlier) if earlier else frozenset()
            after[change.record_id] = change.after
        now = {record_id: readers(record) for record_id, record in after.items()}
        self._database.executemany(
            "DELETE FROM access_readers WHERE record_id = ? AND reader = ?",
            [(r, word) for r in now for word in sorted(before[r] - now[r])],
        )
        self._database.executemany(
            "INSERT INTO access_readers VALUES (?, ?)",
            [(r, word) for r in now for word in sorted(now[r] - before[r])],
        )

    def purge(self, record_ids: Sequence[str]) -> None:
        self._database.forget("access_readers", record_ids)

    def may_see(self, viewer: Viewer, record_id: str, kind: str) -> bool:
        """Whether a list would show this record to the caller."""
        test, parameters = visible(viewer, "r.record_id", "r.kind")
        return bool(
            self._database.query(
                f"SELECT 1 FROM (SELECT CAST(? AS TEXT) AS record_id, CAST(? AS TEXT) AS kind) r"
                f" WHERE {test}",
                (record_id, kind, *parameters),
            )
        )
