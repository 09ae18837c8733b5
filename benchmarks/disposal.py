"""A whole disposal, list to certificate with every check, against appending as many events.

Ours is one disposal of as many records: listed, reviewed, approved, executed, verified, certified.
Theirs is the same archive appending as many events, in the same groups, to other records. Each
round has records of its own, so it is not repeated in the other order.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from archive.ledger import Asked, new_id
from archive.opening import Archive, Options, open_archive
from benchmarks.append import ANSWERS, STEP
from benchmarks.rows import Pair, Row, Size, timed
from benchmarks.stores import Place
from domain.commands import Actor, AnyCommand, File, Open, TakeStep
from retention.asking import CHUNK
from retention.founding import found
from retention.opening import Retention, open_retention
from retention.proven_time import proven_time

ARCHIVE = Actor(None, assurance="system", trusted=True)
ROLES = {
    "lister": ["records-officer"],
    "officer": ["records-officer"],
    "quality": ["quality-manager"],
}
LONG = timedelta(days=3 * 366)
ROUNDS = 3
LONGEST = 5_000
"""Items of one list."""


class Clock:
    """It runs, and it can be turned."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Plant:
    """The people that a disposal needs, and records that are long done."""

    def __init__(self, archive: Archive, clock: Clock) -> None:
        self.archive, self.clock = archive, clock
        found(archive)
        self.retention: Retention = open_retention(archive, lambda: proven_time(archive))
        self.department = self.open("department", "establish", name="adm", functions=["adm"])
        self.people = {
            name: self.open(
                "person", "register", name=name, department=self.department, roles=roles
            )
            for name, roles in ROLES.items()
        }

    def open(self, kind: str, step: str, **values: object) -> str:
        command = self.opening(kind, step, values)
        self.archive.ledger.execute(command)
        return command.record_id

    def opening(
        self, kind: str, step: str, values: dict[str, object], foreign: bool = False
    ) -> Open:
        moment = self.clock()
        return Open(
            event_id=new_id(),
            record_id=self.archive.keys.new_record()[0],
            actor=ARCHIVE,
            occurred_at=moment,
            received_at=moment,
            kind=kind,
            step=step,
            values=values,
            provenance={"system": "bench"} if foreign else None,
        )

    def appended(self, commands: Sequence[AnyCommand]) -> None:
        for at in range(0, len(commands), CHUNK):
            chunk = [Asked(command) for command in commands[at : at + CHUNK]]
            for answer in self.archive.ledger.execute_many(chunk):
                if isinstance(answer, Exception):
                    raise answer

    def records(self, count: int, foreign: bool = False) -> list[str]:
        commands = [
            self.opening("complaint", "receive", dict(ANSWERS), foreign) for _ in range(count)
        ]
        self.appended(commands)
        return [command.record_id for command in commands]

    def filed(self, count: int) -> list[str]:
        records = self.records(count, foreign=True)
        self.appended([File(**self.header(record), scope=False) for record in records])
        return records

    def header(self, record: str, person: str | None = None) -> dict[str, object]:
        moment = self.clock()
        actor = Actor(self.people[person]) if person else ARCHIVE
        return {
            "event_id": new_id(),
            "record_id": record,
            "actor": actor,
            "occurred_at": moment,
            "received_at": moment,
        }

    def take(self, record: str, person: str, step: str, **values: object) -> None:
        self.archive.ledger.execute(
            TakeStep(**self.header(record, person), step=step, values=values)
        )

    def disposed(self, records: Sequence[str]) -> float:
        """Seconds, list after list. What the views did not see yet is not the disposal's work."""
        took = 0.0
        for at in range(0, len(records), LONGEST):
            self.archive.views.catch_up()
            took += timed(lambda part=records[at : at + LONGEST]: self.dispose(part))
        return took

    def is_workday(self) -> bool:
        today = self.clock().astimezone(self.archive.options.zone).date()
        return self.archive.organisation.context().calendar.is_workday(today)

    def dispose(self, records: Sequence[str]) -> None:
        disposals, lister = self.retention.disposals, Actor(self.people["lister"])
        listed = disposals.list_due(lister, records, owner=self.people["quality"])
        items = listed.entries[0].values["items"]
        reviewed = [{"item": row["item"], "outcome": "destroy"} for row in items]
        self.take(listed.id, "quality", "review", items=reviewed)
        told = listed.entries[0].values["list_hash"]
        for person, step in (("officer", "approve-first"), ("quality", "approve-second")):
            today = self.clock().astimezone(self.archive.options.zone).date().isoformat()
            self.take(listed.id, person, step, list_hash=told, today=today)
        self.clock.ahead += timedelta(days=8)
        while not self.is_workday():
            self.clock.ahead += timedelta(days=1)
        disposals.start(lister, listed.id)
        done = disposals.execute(listed.id).said("certify")
        if done is None or done.values["destroyed"] != len(records):
            raise RuntimeError("the disposal is not whole")


def measure(size: Size, place: Place) -> list[Row]:
    clock = Clock()
    pairs = []
    with open_archive(Options(place.folder / "ours", clock, database=place.dsn)) as archive:
        plant = Plant(archive, clock)
        count = min(size.events // 10, 10_000)
        doomed = [plant.filed(count) for _ in range(ROUNDS)]
        archive.views.catch_up()
        clock.ahead += LONG
        for records in doomed:
            living = plant.records(count)
            steps = [TakeStep(**plant.header(r), step="prioritise", values=STEP) for r in living]
            theirs = timed(lambda steps=steps: plant.appended(steps))
            pairs.append(Pair(count / plant.disposed(records), count / theirs))
    row = Row(
        f"disposal of {count:,} records",
        place.store,
        pairs,
        "/s",
        0.5,
        "appending as many events",
        bound="Python, one thread at a time: a tombstone costs what any event does (the "
        "yardstick); besides it a record is replayed and reckoned twice (to list it, and anew, "
        "to the last byte, to execute), its words leave the index and its skeleton is projected; "
        "the files are rewritten, by the whole archive's size: on PostgreSQL VACUUM FULL of views "
        "and content and a CHECKPOINT take half a second or more of any list, however short",
    )
    return [row]
