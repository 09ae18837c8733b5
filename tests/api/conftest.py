"""A plant with people, offices and keys, behind the real application, on both stores."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.settings import Settings
from archive.ledger import new_id
from archive.opening import Archive, Options, open_archive
from domain.commands import Actor, Open
from retention.due import DueView

TRUSTED = Actor(None, assurance="system", trusted=True)
SYSTEM_RIGHTS = ("read", "write")
ALL_RIGHTS = ("read", "write", "confidential", "export")


@dataclass
class Clock:
    """A clock to turn: each look is a millisecond later."""

    moment: datetime = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.moment += timedelta(milliseconds=1)
        return self.moment

    def turn(self, **span: float) -> None:
        self.moment += timedelta(**span)


@dataclass
class Plant:
    """`people` and `departments` by short name; `key(name)` is a person's or system's API key."""

    archive: Archive
    client: TestClient
    clock: Clock
    settings: Settings
    people: dict[str, str] = field(default_factory=dict)
    departments: dict[str, str] = field(default_factory=dict)
    callers: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def open(self, kind: str, step: str, values: Mapping[str, Any]) -> str:
        now = self.clock()
        outcome = self.archive.ledger.execute(
            Open(
                event_id=new_id(),
                record_id=new_id(),
                actor=TRUSTED,
                occurred_at=now,
                received_at=now,
                kind=kind,
                step=step,
                values=values,
            )
        )
        return outcome.committed.record_id

    def register_caller(self, name: str, **said: Any) -> str:
        """A caller with a key, which is then `keys[name]`."""
        values = {
            "name": name,
            "rights": list(ALL_RIGHTS),
            "expires_at": (self.clock() + timedelta(days=3650)).isoformat(),
            **said,
        }
        self.callers[name] = self.open("caller", "register", values)
        self.keys[name] = self.archive_callers().issue(self.callers[name], self.clock())
        return self.keys[name]

    def archive_callers(self) -> Any:
        return self.client.app.state.desk.callers  # type: ignore[attr-defined]

    def hire(self, name: str, department: str | None = None, *roles: str) -> str:
        values: dict[str, Any] = {"name": name, "roles": list(roles)}
        if department is not None:
            values["department"] = self.departments[department]
        self.people[name] = self.open("person", "register", values)
        self.register_caller(name, person=self.people[name])
        return self.people[name]

    def ask(self, who: str | None, method: str, path: str, **more: Any) -> Any:
        headers = dict(more.pop("headers", {}))
        if who is not None:
            headers["Authorization"] = f"Bearer {self.keys[who]}"
        return self.client.request(method, path, headers=headers, **more)

    def post(self, who: str | None, path: str, body: Any = None, **more: Any) -> Any:
        return self.ask(who, "POST", path, json={} if body is None else body, **more)

    def get(self, who: str | None, path: str, **more: Any) -> Any:
        return self.ask(who, "GET", path, **more)

    def step(
        self, who: str, record: str, step: str, answers: Mapping[str, Any], **more: Any
    ) -> Any:
        headers = more.pop("headers", {})
        body = {"answers": answers, **more}
        return self.post(who, f"/v1/complaint/{record}/steps/{step}", body, headers=headers)


COMPLAINT = {
    "customer": "科技公司",
    "contact_person": "李工",
    "channel": "phone",
    "matter": "迟交",
    "description": "100 台设备迟交三天",
    "demand": "说明原因并补偿",
    "priority": "urgent",
    "part": "A-4711/B",
}


def establish(plant: Plant) -> None:
    """Offices, and one person for each part that the tests play."""
    for name, functions in {
        "cs": ["cs"],
        "prod": ["prod"],
        "adm": ["adm"],
        "qc": ["qc"],
        "hr": ["hr"],
    }.items():
        plant.departments[name] = plant.open(
            "department", "establish", {"name": name, "functions": functions}
        )
    plant.hire("boss", None, "gm", "executive")
    plant.hire("admin", "adm", "administrator")
    plant.hire("auditor", None, "auditor")
    plant.hire("cs", "cs", "supervisor")
    plant.hire("cs2", "cs")
    plant.hire("worker", "prod")
    plant.hire("other", "hr")
    plant.register_caller("mes", system="MES", rights=list(SYSTEM_RIGHTS))


def limits(**more: Any) -> Settings:
    return Settings(access_log_seconds=1, **more)


def opened(data: Path, dsn: str | None, settings: Settings) -> Iterator[Plant]:
    clock = Clock()
    archive = open_archive(Options(data, clock, database=dsn, views=(DueView,)))
    try:
        with TestClient(create_app(archive, settings), raise_server_exceptions=False) as client:
            plant = Plant(archive, client, clock, settings)
            establish(plant)
            archive.views.catch_up()
            yield plant
    finally:
        archive.close()


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    """On SQLite: for what no database can tell apart."""
    yield from opened(tmp_path / "data", None, limits())


@pytest.fixture
def both(tmp_path: Path, store_name: str, request: pytest.FixtureRequest) -> Iterator[Plant]:
    """On each store in turn."""
    dsn = request.getfixturevalue("postgres_dsn") if store_name == "postgres" else None
    yield from opened(tmp_path / "data", dsn, limits())


Opener = Callable[..., Plant]
