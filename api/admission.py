"""Who asks, and what that lets them see and do: decided here, before any rule of a kind is asked.

A record that the caller may not see is answered like one that does not exist: 404, never 403.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from api.desk import Desk
from api.problems import Refusal
from archive.accesses import Access
from archive.callers import CallerRefusedError
from archive.ledger import NoSuchRecordError
from archive.views import access
from archive.views.access import Viewer
from domain.access import confidential, departments, involved, may_read, resolve
from domain.commands import Actor
from domain.directory import Person
from domain.events import Assurance
from domain.kind import Anyone, Who, text
from domain.record import Record
from domain.registry import Caller
from retention.certificate import tombstone

ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True)
class Guest:
    """A caller let in. `person` None: a system, whose id is the id of its caller record."""

    caller: Caller
    person: Person | None
    assurance: Assurance = "api-key"

    @property
    def id(self) -> str:
        return self.person.id if self.person is not None else self.caller.id

    @property
    def is_administrator(self) -> bool:
        return self.person is not None and ADMINISTRATOR in self.person.roles

    def actor(self, behalf: str | None = None) -> Actor:
        if self.person is None:
            return Actor(None, system=self.caller.id, assurance=self.assurance)
        return Actor(self.person.id, behalf=behalf, assurance=self.assurance)

    def check_right(self, right: str) -> None:
        if right not in self.caller.rights:
            raise Refusal(
                "not-entitled",
                text(f"此密钥没有“{right}”权限。", f"This key has no right to {right}."),
            )

    def check_step(self, kind: str, step: str) -> None:
        """Whether the key reaches the step; whether its person may take it is the rules' affair."""
        if not self.caller.may_take(kind, step):
            raise Refusal(
                "not-entitled",
                text(
                    f"此密钥的范围不含“{kind}”的“{step}”。",
                    f"This key does not reach {step!r} of {kind!r}.",
                ),
            )

    def viewer(self, desk: Desk) -> Viewer:
        """The words by which lists are cut to what this caller may see."""
        kinds = self.caller.kinds or None
        if self.person is None:
            return access.system(kinds, self.caller.departments or None, self.caller.id)
        return Viewer(access.words(self.person, desk.directory), kinds)

    def may_see(self, record: Record, desk: Desk) -> bool:
        if not self.caller.may_read(record.kind.id):
            return False
        if record.disposal is not None and not record.kind.confidential:
            return True  # only its tombstone is left, and that stands in a list for all to read
        if not self._in_scope(record):
            return False
        if confidential(record) and "confidential" not in self.caller.rights:
            return False
        if self.person is None:  # no kind entitles a system: its own record must name the kind
            named = record.kind.id in self.caller.kinds
            return named or not confidential(record) or self.caller.id in involved(record)
        return may_read(record, self.person, desk.directory)

    def may_reach(self, record: Record, desk: Desk) -> bool:
        """Whether the caller may know of the record at all, to act on it: a system writes where it
        may not read, and an office files what other departments keep."""
        if self.caller.kinds and record.kind.id not in self.caller.kinds:
            return False
        if not self._in_scope(record):
            return False
        if self.person is None or may_read(record, self.person, desk.directory):
            return True
        return self.person.id in resolve(_handlers(record), desk.directory, record, {})

    def _in_scope(self, record: Record) -> bool:
        scope = self.caller.departments
        return not scope or record.kind.internal or bool(scope & departments(record))


def _handlers(record: Record) -> tuple[Who, ...]:
    kind = record.kind
    rules = (kind.filing, kind.reopening, *kind.steps, *kind.pauses)
    return tuple(w for rule in rules if rule for w in rule.by if not isinstance(w, Anyone))


def admit(desk: Desk, authorization: str | None, now: datetime) -> Guest:
    """The caller whose key this is. Raises CallerRefusedError, always the same."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        raise CallerRefusedError
    return let_in(desk, desk.callers.recognise(token.strip(), now).caller, now)


def let_in(desk: Desk, caller_id: str, now: datetime, assurance: Assurance = "api-key") -> Guest:
    """A caller already recognised, as its record and the directory have it now."""
    organisation = desk.archive.organisation
    directory = organisation.context().directory
    caller = organisation.registry.callers.get(caller_id)
    if caller is None or not caller.valid(now):
        raise CallerRefusedError
    person = directory.people.get(caller.person) if caller.person is not None else None
    if caller.person is not None and (person is None or not person.active):
        raise CallerRefusedError
    return Guest(caller, person, assurance)


@dataclass(slots=True)
class Visit:
    """One request, from the door to the answer."""

    desk: Desk
    request_id: str
    route: str
    now: datetime
    authorization: str | None
    _guest: Guest | None = None

    @property
    def guest(self) -> Guest:
        if self._guest is None:
            try:
                self._guest = admit(self.desk, self.authorization, self.now)
            except CallerRefusedError:
                self.note("refused", None)
                raise
        return self._guest

    def find(self, name: str) -> str:
        """The record id that an id or a number names, to a caller let in. NoSuchRecordError."""
        _ = self.guest
        return self.desk.archive.find(name)

    def record(self, name: str, kind: str | None = None) -> Record:
        """The record as it stands, if the caller may see it; NoSuchRecordError if not."""
        record = self.desk.archive.ledger.get(self.find(name))
        if kind is not None and record.kind.id != kind:
            raise NoSuchRecordError(name)
        self.check_seen(record)
        return record

    def living(self, name: str, kind: str | None = None) -> Record:
        """As `record`, for what shows content: `disposed` (410) with the tombstone once it went."""
        found = self.record(name, kind)
        if found.disposal is not None:
            raise Refusal("disposed", more={"tombstone": tombstone(self.desk.archive, found)})
        return found

    def reach(self, name: str, kind: str | None = None) -> Record:
        """The record as it stands, if the caller may act on it; NoSuchRecordError if not."""
        record = self.desk.archive.ledger.get(self.find(name))
        if kind is not None and record.kind.id != kind:
            raise NoSuchRecordError(name)
        if not self.guest.may_reach(record, self.desk):
            self.note("refused", record.id)
            raise NoSuchRecordError(name)
        return record

    def check_seen(self, record: Record) -> None:
        if not self.guest.may_see(record, self.desk):
            self.note("refused", record.id)
            raise NoSuchRecordError(record.id)

    def note_reading(self, record: Record) -> None:
        """Reads of confidential records leave a trace."""
        if confidential(record):
            self.note("read", record.id)

    def note(self, what: str, record: str | None) -> None:
        guest = self._guest
        self.desk.accesses.note(
            Access(
                at=self.now,
                what=what,
                who=guest.person.id if guest and guest.person else None,
                caller=guest.caller.id if guest else None,
                record=record,
                route=self.route,
                request=self.request_id,
            )
        )
