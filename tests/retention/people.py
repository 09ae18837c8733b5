"""The people whom a disposal needs, in an archive with a clock to turn; each acts as themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from archive.ledger import new_id
from archive.opening import Archive
from domain.commands import Actor, File, Open
from domain.record import Record
from retention.founding import found
from retention.opening import Retention, open_retention
from retention.proven_time import proven_time
from tests.archive.acting import TRUSTED, Acting

PEOPLE = {
    "admin": ("系统管理员", ["administrator"]),
    "lister": ("孙丽", []),
    "head": ("郑洁", []),
    "officer": ("周文", ["records-officer"]),
    "quality": ("钱慧敏", ["quality-manager"]),
    "gm": ("赵国强", ["gm"]),
    "legal": ("卫华", []),
    "clerk": ("王芳", []),
    "shredder": ("吴刚", []),
    "witness": ("何梅", []),
    "third": ("陈静", []),
}
DEPARTMENTS = {"adm": ("adm", "lister"), "cs": ("cs", "head"), "legal": ("legal", "legal")}
WORKS_IN = {
    "admin": "adm", "lister": "adm", "legal": "legal", "shredder": "adm", "witness": "adm",
    "third": "adm",
}  # fmt: skip
YEAR = 365


class Turned(Protocol):
    """A clock to turn."""

    def __call__(self) -> datetime: ...

    def turn(self, **span: float) -> None: ...


class Place(Protocol):
    """Wherever an archive and its clock stand: a `World`, or a plant behind the application."""

    @property
    def archive(self) -> Archive: ...

    @property
    def clock(self) -> Turned: ...


@dataclass
class Staff:
    """`as_("officer")` gives commands in that person's name."""

    world: Place
    departments: dict[str, str] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        acting = Acting(self.world.archive)
        made = {
            short: acting.open("department", "establish", name=short, functions=[function])
            for short, (function, _) in DEPARTMENTS.items()
        }
        self.departments = {short: record.id for short, record in made.items()}
        for short, (name, roles) in PEOPLE.items():
            where = self.departments[WORKS_IN.get(short, "cs")]
            person = acting.open("person", "register", name=name, department=where, roles=roles)
            self.people[short] = person.id
        for short, (function, head) in DEPARTMENTS.items():
            acting.take(
                made[short], "change", name=short, functions=[function], head=self.people[head]
            )
        found(self.world.archive)
        self.retention = self.open_retention()

    def open_retention(self) -> Retention:
        archive = self.world.archive
        return open_retention(archive, lambda: proven_time(archive))

    def reopened(self, _: Archive) -> Retention:
        """After a restart: `staff.reopened(world.reopen())`."""
        self.retention = self.open_retention()
        return self.retention

    def actor(self, short: str) -> Actor:
        return Actor(self.people[short])

    def as_(self, short: str) -> Acting:
        return Acting(self.world.archive, self.actor(short))

    def imported(self, customer: str = "科技公司", **provenance: Any) -> Record:
        """A complaint that another system had, filed on the day of its import."""
        acting = Acting(self.world.archive)
        record_id, _ = self.world.archive.keys.new_record()
        header = acting.header(record_id)
        record = acting.do(
            Open(
                **header,
                kind="complaint",
                step="receive",
                values={"customer": customer, "description": "采购的设备延迟交付。"},
                provenance={"system": "erp", "id": new_id(), **provenance},
            )
        )
        return acting.do(File(**acting.header(record.id), scope=False))

    # ---------------------------------------------------------------- the way of a disposal

    def listed(self, *records: Record, by: str = "lister") -> Record:
        return self.retention.disposals.list_due(
            self.actor(by), [r.id for r in records], owner=self.people["head"]
        )

    def reviewed(self, disposal: Record, **outcomes: str) -> Record:
        rows = [
            {"item": i["item"], "outcome": outcomes.get(f"item_{i['item']}", "destroy")}
            | self._why(outcomes.get(f"item_{i['item']}", "destroy"))
            for i in disposal.entries[-1].values["items"]
        ]
        return self.as_("head").take(disposal, "review", items=rows)

    def reviewed_again(self, disposal: Record, outcome: str) -> Record:
        """All of it, by the same reviewer."""
        rows = disposal.entries[0].values["items"]
        said = [{"item": i["item"], "outcome": outcome} | self._why(outcome) for i in rows]
        return self.as_("head").take(disposal, "review", items=said)

    def _why(self, outcome: str) -> dict[str, str]:
        if outcome == "destroy":
            return {}
        until = (self.world.clock() + timedelta(days=YEAR)).date().isoformat()
        return {"reason": "审核用"} | ({"until": until} if outcome == "keep" else {})

    def approved(self, disposal: Record) -> Record:
        for short, step in (("officer", "approve-first"), ("quality", "approve-second")):
            today = self.world.clock().astimezone(self.world.archive.options.zone).date()
            disposal = self.as_(short).take(
                disposal,
                step,
                list_hash=disposal.entries[0].values["list_hash"],
                today=today.isoformat(),
            )
        return disposal

    def executed(self, disposal: Record) -> Record:
        """After the cool-off: started and executed."""
        self.world.clock.turn(days=7)
        self.retention.disposals.start(self.actor("lister"), disposal.id)
        return self.retention.disposals.execute(disposal.id)

    def disposed(self, *records: Record) -> Record:
        """The whole way; the certified disposal."""
        return self.executed(self.approved(self.reviewed(self.listed(*records))))


__all__ = ["TRUSTED", "Staff"]
