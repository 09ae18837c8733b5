"""Who may act and who may read (P 2.4: 高层 sees all, 基层 its department; T19 confidentiality)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from domain.conditions import answer, holds
from domain.kind import Anyone, Author, Heads, Members, Named, Office, Role, Systems, Taker, Who

if TYPE_CHECKING:
    from domain.directory import Directory, Person
    from domain.events import Values
    from domain.record import Record

EXECUTIVE_ROLES = frozenset({"gm", "mr", "executive", "auditor"})
"""高层: sees the whole plant; confidential kinds only with `entitled` or a part in the record."""


def resolve(
    who: Iterable[Who], directory: Directory, record: Record | None, values: Values
) -> frozenset[str]:
    """The people that these words name, here and now."""
    return frozenset().union(*(_people(w, directory, record, values) for w in who))


def _people(
    who: Who, directory: Directory, record: Record | None, values: Values
) -> frozenset[str]:
    match who:
        case Anyone():
            return frozenset(p.id for p in directory.people.values() if p.active)
        case Author():
            return frozenset({record.opened_by} if record and record.opened_by else ())
        case Role(role=role):
            return directory.with_role(role)
        case Office(function=function):
            return directory.with_function(function)
        case Members(of=path):
            return directory.members(_departments(path, record, values))
        case Heads(of=path):
            named = _departments(path, record, values)
            return directory.heads((*named, *_departments_of(named, directory)))
        case Named(by=path):
            return frozenset(_listed(answer(path, record, values)))
        case Taker(step=step):
            return _takers(step, record)
        case Systems():
            return frozenset()


def _departments(path: str | None, record: Record | None, values: Values) -> tuple[str, ...]:
    if path is None:
        return (record.department,) if record and record.department else ()
    return _listed(answer(path, record, values))


def _departments_of(people: tuple[str, ...], directory: Directory) -> Iterator[str]:
    found = (directory.people.get(person) for person in people)
    return (p.department for p in found if p is not None and p.department is not None)


def _listed(said: Any) -> tuple[str, ...]:
    return tuple(said) if isinstance(said, list) else (said,) if isinstance(said, str) else ()


def _takers(step: str, record: Record | None) -> frozenset[str]:
    entries = record.entries if record is not None else ()
    actors = {p for e in entries if e.step == step for p in (e.actor, e.behalf)}
    return frozenset(p for p in actors if p is not None)


def may_read(record: Record, person: Person, directory: Directory) -> bool:
    """Whether a person may read a record.

    Those who act in it, or were asked to, always may. Besides: a confidential record only those its
    kind entitles; any other, its department, 高层, and those whose office it is to act on it.
    """
    if person.id in involved(record):
        return True
    if confidential(record):
        return person.id in resolve(record.kind.entitled, directory, record, {})
    if record.kind.internal or person.roles & EXECUTIVE_ROLES:
        return True
    if person.department is not None and person.department in departments(record):
        return True
    return person.id in resolve(record.kind.offices, directory, record, {})


def confidential(record: Record) -> bool:
    """Whether a record is confidential: all of its kind are, or its own answers
    make it so (or may have made it so, once they are gone)."""
    when = record.kind.confidential_when
    if record.kind.confidential or when is None:
        return record.kind.confidential
    return not record.readable or holds(when, record, {})


def departments(record: Record) -> frozenset[str]:
    """The departments in whose view a record lies: its own, and those its forms name."""
    found = {record.department} if record.department else set()
    for entry in record.entries:
        step = record.kind.step(entry.step)
        for field in step.form.fields if step else ():
            if field.type in ("department", "departments"):
                found.update(_listed(entry.values.get(field.id)))
    return frozenset(found)


def involved(record: Record) -> frozenset[str]:
    """Everybody who acted, was asked to sign, received it, or owns an item of it."""
    people: set[str | None] = {record.opened_by}
    people.update(p for e in record.entries for p in (e.actor, e.behalf))
    people.update(s.signer for s in record.signatures)
    people.update(r.person for r in record.receipts)
    for name, children in record.items.items():
        collection = record.kind.collection(name)
        if collection is not None and collection.owner is not None:
            people.update(
                p for c in children.values() for p in _listed(c.values.get(collection.owner))
            )
    return frozenset(p for p in people if p is not None)
