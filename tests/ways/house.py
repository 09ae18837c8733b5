"""A house in which something falls due: one archive, reached by call, by HTTP, by command line.

`admin` is an administrator; `root` one who holds every other role besides, `all` whoever holds
those and is no administrator.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.serialization import Encoding
from starlette.testclient import TestClient

from api.app import create_app
from api.settings import Settings
from archive.authority import Authority
from archive.callers import Callers
from archive.opening import Archive, Options, open_archive
from domain import disposals
from domain.record import Record
from retention.due import DueView
from retention.opening import Retention
from tests.archive.acting import Acting
from tests.authority import TimestampAuthority, TurnedClock
from tests.retention.people import Staff
from tests.worlds import Clock

SITE = ZoneInfo("Asia/Shanghai")
FILED = datetime(2023, 3, 15, 10, tzinfo=SITE)
"""R01: filed then, its last day is 2026-03-15, a Sunday."""
DUE = datetime(2026, 3, 16, 9, tzinfo=SITE)
RIGHTS = ("read", "write", "confidential", "export")
NOISE = ("~retention-journal/", "~access-log/")


@dataclass
class House:
    """`keys`: the API key of each person of `staff`. One process at a time: while a command runs,
    the server is `away`, as it may be on the machine of whoever tries."""

    options: Options
    clock: Clock
    staff: Staff
    keys: dict[str, str]
    archive: Archive = field(init=False)
    authority: TimestampAuthority | None = None
    environment: dict[str, str] = field(default_factory=dict)
    """More settings of the machine."""
    empty_database: Callable[[], str | None] = lambda: None
    """Another database for a restore; None on SQLite."""
    _client: TestClient | None = None

    def __post_init__(self) -> None:
        self.staff = copy.copy(self.staff)
        self.staff.people = dict(self.staff.people)
        self.staff.world = self
        self.open()

    def open(self) -> None:
        self.archive = open_archive(self.options)
        self.staff.retention = self.staff.open_retention()

    def close(self) -> None:
        if self._client is not None:
            self._client.__exit__(None, None, None)
            self._client = None
        self.archive.close()

    @property
    def client(self) -> TestClient:
        """Of the real application, which is built when it is first asked."""
        if self._client is None:
            app = create_app(self.archive, Settings(access_log_seconds=3600))
            self._client = TestClient(app, raise_server_exceptions=False).__enter__()
        return self._client

    @contextmanager
    def away(self) -> Iterator[None]:
        """The server stops; when it is back, it has read everything anew."""
        self.archive.views.catch_up()
        self.close()
        try:
            yield
        finally:
            self.open()

    @property
    def desk(self) -> Any:
        return self.client.app.state.desk  # type: ignore[attr-defined]

    @property
    def retention(self) -> Retention:
        return self.staff.retention

    @property
    def people(self) -> dict[str, str]:
        return self.staff.people

    def at(self, moment: datetime) -> None:
        self.clock.moment = moment.astimezone(UTC)

    def today(self) -> date:
        return self.clock().astimezone(SITE).date()

    def now(self, record: Record) -> Record:
        return self.archive.ledger.get(record.id)

    # ---------------------------------------------------------------- what stands in it

    def filed(self, *marks: str, **changes: Any) -> Record:
        """A complaint that was withdrawn, and filed now."""
        acting = Acting(self.archive)
        record = acting.complaint(**changes)
        acting.take(record, "withdraw", why="customer", reason="撤回")
        return acting.do(replace(acting.filing(record), marks=tuple(marks)))

    def approve(self, disposal: Record, who: str, step: str, **said: Any) -> Record:
        listing = disposals.listing(disposal)
        values = {"list_hash": listing.list_hash, "today": self.today().isoformat(), **said}
        return self.staff.as_(who).take(disposal, step, **values)

    def approved(self, *records: Record) -> Record:
        disposal = self.staff.reviewed(self.staff.listed(*records))
        once = self.approve(disposal, "officer", "approve-first")
        return self.approve(once, "quality", "approve-second")

    def started(self, *records: Record) -> Record:
        disposal = self.approved(*records)
        self.clock.turn(days=7)
        lister = self.staff.actor("lister")
        return self.retention.disposals.start(lister, disposal.id)

    def disposed(self, *records: Record) -> Record:
        return self.retention.disposals.execute(self.started(*records).id)

    # ---------------------------------------------------------------- what is seen of it

    def leaves(self) -> list[str]:
        """What stands in the log, beside the journal of refusals and the log of accesses."""
        return [r.topic for r in self.archive.store.leaves(0) if not r.topic.startswith(NOISE)]

    def notes(self) -> Sequence[dict[str, str]]:
        return self.retention.journal.entries()

    def whole(self, *records: Record) -> None:
        """Nothing of them was lost."""
        for record in records:
            found = self.archive.ledger.get(record.id)
            assert found.readable
            assert found.disposal is None
            assert found.entries[0].values["customer"]

    def get(self, who: str, path: str, **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.keys[who]}"}
        return self.client.get(path, headers=headers, **more)

    # ---------------------------------------------------------------- outside time

    def with_authority(self, folder: Path) -> TimestampAuthority:
        """From now on a real timestamp authority is asked, whose clock is its own; the machine's
        settings say so, with its root certificate in this folder."""
        self.authority = made = TimestampAuthority(TurnedClock(self.clock.moment))
        asked = Authority("tsa", made.url, (made.root.certificate,), made.policy)
        self.options = replace(self.options, authorities=(asked,))
        folder.mkdir()
        pem = made.root.certificate.public_bytes(Encoding.PEM)
        (folder / "tsa.pem").write_bytes(pem)
        self.environment = {
            "LIUHEN_TIMESTAMP_AUTHORITIES": f"tsa={made.url}#{made.policy}",
            "LIUHEN_TIMESTAMP_ROOTS": str(folder),
        }
        with self.away():
            pass
        self.archive.timestamps.stamp_all()
        return made


def furnished(options: Options, clock: Clock) -> tuple[Staff, dict[str, str]]:
    """People, rules and keys, an hour before R01 is filed; the archive is closed again."""

    @dataclass
    class Place:
        archive: Archive
        clock: Clock

    with open_archive(options) as archive:
        staff = Staff(Place(archive, clock))
        acting = Acting(archive)
        everything = ["records-officer", "quality-manager", "gm"]
        for short, roles in {"all": everything, "root": [*everything, "administrator"]}.items():
            person = acting.open(
                "person", "register", name=short, department=staff.departments["adm"], roles=roles
            )
            staff.people[short] = person.id
        until = (clock() + timedelta(days=60 * 365)).isoformat()
        callers, keys = Callers(archive.keys), {}
        for short, person_id in staff.people.items():
            caller = acting.open(
                "caller", "register", name=short, person=person_id, rights=list(RIGHTS),
                expires_at=until,
            )  # fmt: skip
            keys[short] = callers.issue(caller.id, clock())
        archive.views.catch_up()
    return staff, keys


def options_of(data: Path, clock: Clock, database: str | None) -> Options:
    return Options(data=data, clock=clock, database=database, views=(DueView,), zone=SITE)
