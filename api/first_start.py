"""A first start: the administrator that every archive needs, the calendars, and the first key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from api.clock import now
from archive.callers import Callers
from archive.ledger import new_id
from archive.opening import Archive
from domain.calendar import shipped_years
from domain.commands import (
    Acknowledge,
    Actor,
    AnyCommand,
    File,
    LinkTo,
    Open,
    Sign,
    TakeStep,
)
from domain.events import Attachment
from domain.record import Record
from retention import founding

BOOTSTRAP = Actor(person=None, assurance="system", trusted=True)
"""The archive itself: before there is an administrator, nobody else can make one."""

KEY_DAYS = 365


@dataclass
class Hand:
    """Gives commands in somebody's name: what the API does with a request, without the request."""

    archive: Archive
    actor: Actor = BOOTSTRAP

    def as_person(self, person: str) -> Hand:
        return Hand(self.archive, Actor(person=person, assurance="session"))

    def open(
        self, kind: str, step: str, attached: tuple[Attachment, ...] = (), /, **values: Any
    ) -> Record:
        record_id, _ = self.archive.keys.new_record()
        header = self._header(record_id)
        return self._do(Open(**header, kind=kind, step=step, values=values, attachments=attached))

    def imported(
        self, kind: str, step: str, provenance: Mapping[str, Any], /, **values: Any
    ) -> Record:
        """A record that another system had."""
        record_id, _ = self.archive.keys.new_record()
        return self._do(
            Open(
                **self._header(record_id),
                kind=kind,
                step=step,
                values=values,
                provenance=dict(provenance),
            )
        )

    def take(
        self,
        record: Record,
        step: str,
        /,
        item: str | None = None,
        files: tuple[Attachment, ...] = (),
        **values: Any,
    ) -> Record:
        return self._do(
            TakeStep(
                **self._header(record.id), step=step, item=item, values=values, attachments=files
            )
        )

    def sign(self, record: Record, slot: str) -> Record:
        return self._do(Sign(**self._header(record.id), slot=slot, edition=record.edition))

    def acknowledge(self, record: Record) -> Record:
        return self._do(Acknowledge(**self._header(record.id), edition=record.edition))

    def link(self, record: Record, rel: str, other: Record) -> Record:
        return self._do(LinkTo(**self._header(record.id), rel=rel, record=other.id))

    def file(self, record: Record, *locations: str) -> Record:
        return self._do(File(**self._header(record.id), scope=False, locations=locations))

    def attach(self, name: str, media_type: str, content: bytes) -> Attachment:
        upload = self.archive.attachments.begin(name, media_type, self.actor.id or "")
        upload.feed(content)
        return upload.finish().file

    def _header(self, record_id: str) -> Mapping[str, Any]:
        moment = now()
        return {
            "event_id": new_id(),
            "record_id": record_id,
            "actor": self.actor,
            "occurred_at": moment,
            "received_at": moment,
        }

    def _do(self, command: AnyCommand) -> Record:
        return self.archive.ledger.get(self.archive.ledger.execute(command).committed.record_id)


def empty(archive: Archive) -> bool:
    """Whether nobody is in the directory yet."""
    return not archive.organisation.context().directory.people


def found(archive: Archive, name: str) -> str:
    """Register the first administrator, the official calendars and the retention rules that ship;
    the administrator's key."""
    hand = Hand(archive)
    office = hand.open("department", "establish", name="行政部", functions=["adm"])
    person = hand.open(
        "person", "register", name=name, department=office.id, roles=["administrator"]
    )
    publish_calendars(hand)
    founding.found(archive)
    return issue(hand, name, person.id, ("read", "write"))


def publish_calendars(hand: Hand) -> None:
    """The official Chinese calendars that ship with this version, as records of the archive."""
    for year in shipped_years():
        hand.open("calendar", "publish", **year)


def issue(hand: Hand, name: str, person: str, rights: tuple[str, ...]) -> str:
    """Register a person's API key and return it; only its hash is kept."""
    expires = now() + timedelta(days=KEY_DAYS)
    caller = hand.open(
        "caller",
        "register",
        name=name,
        person=person,
        rights=list(rights),
        expires_at=_text(expires),
    )
    return Callers(hand.archive.keys).issue(caller.id, now())


def _text(moment: datetime) -> str:
    return moment.isoformat()
