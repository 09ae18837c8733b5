"""`liuhen retention`, as somebody types it: in a person's name, by the same rules as over HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from starlette.testclient import TestClient

from api.app import create_app
from api.cli import cli
from api.clock import now
from api.settings import Settings
from archive.opening import Options, open_archive
from retention.due import DueView
from retention.errors import DisposalRefusedError
from tests.api.conftest import Clock, Plant, establish
from tests.api.keeping import Keeping
from tests.docs.serving import free_port

FILED = datetime(2023, 3, 15, 2, 0, tzinfo=UTC)


@dataclass
class Shell:
    """An archive whose records were filed in 2023, and the command line of today."""

    data: Path
    database: str | None
    keys: dict[str, str]
    people: dict[str, str]
    records: list[str]
    clock: Clock = field(default_factory=lambda: Clock(now()))

    def __call__(self, who: str, *arguments: str) -> Result:
        return CliRunner().invoke(cli, ["retention", *arguments], env=self.environment(who))

    def environment(self, who: str) -> dict[str, str]:
        return {
            "LIUHEN_DATA": str(self.data),
            "LIUHEN_DATABASE": self.database or "",
            "LIUHEN_KEY": self.keys[who] if who else "",
            "LIUHEN_DISPOSAL_COOL_OFF_DAYS": "0",
        }

    def state(self, disposal: str) -> str:
        options = Options(self.data, now, database=self.database, views=(DueView,))
        with open_archive(options) as archive:
            return archive.ledger.get(disposal).state

    def told(self, who: str, *arguments: str) -> Any:
        result = self(who, *arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def by_http(self, work: Any) -> None:
        """What is done by routes meanwhile: reviews and approvals."""
        options = Options(self.data, now, database=self.database, views=(DueView,))
        with open_archive(options) as archive:
            settings = Settings(access_log_seconds=1)
            with TestClient(create_app(archive, settings)) as client:
                work(Plant(archive, client, self.clock, settings, self.people, keys=self.keys))


@pytest.fixture
def shell(tmp_path: Path, store_name: str, request: pytest.FixtureRequest) -> Shell:
    database = request.getfixturevalue("postgres_dsn") if store_name == "postgres" else None
    clock = Clock(FILED)
    options = Options(tmp_path / "data", clock, database=database, views=(DueView,))
    with open_archive(options) as archive:
        settings = Settings(access_log_seconds=1)
        with TestClient(create_app(archive, settings)) as client:
            plant = Plant(archive, client, clock, settings)
            establish(plant)
            keeping = Keeping(plant)
            records = [keeping.imported(f"客户{n}") for n in range(2)]
            today = now().astimezone(archive.options.zone).date()
            if today.weekday() > 4:  # so that it is a working day whenever this runs
                plant.open("calendar", "publish", _open_on(today.isoformat()))
    return Shell(tmp_path / "data", database, plant.keys, plant.people, records)


def _open_on(day: str) -> dict[str, Any]:
    return {
        "year": int(day[:4]), "source": "厂历", "holidays": [], "workdays": [{"date": day}],
    }  # fmt: skip


def test_a_disposal_from_plan_to_certificate(shell: Shell, tmp_path: Path) -> None:
    """Planned, listed, started, executed by commands; reviewed and approved by people's routes."""
    planned = shell.told("boss", "plan")
    assert planned["counts"]["due"] == 2
    assert {row["record"] for row in planned["records"]} == set(shell.records)
    thorough = shell.told("boss", "plan", "--thorough")
    assert thorough["counts"] == {"due": 2}
    assert shell.told("boss", "plan", "--on", "2026-03-15")["counts"] == {}
    assert len(shell.told("boss", "due")["records"]) == 2
    disposal = shell.told("lister", "list", "--all-due", "--owner", shell.people["cs"])
    assert (disposal["state"], len(disposal["items"])) == ("listed", 2)
    shell.by_http(lambda plant: _approved(plant, disposal))
    assert shell.told("lister", "start", disposal["number"])["state"] == "executing"
    done = shell("lister", "execute", disposal["number"])
    assert done.exit_code == 0, done.output
    assert "certified" in done.output
    html, bundle = tmp_path / "certificate.html", tmp_path / "certificate.zip"
    told = shell.told(
        "auditor", "certificate", disposal["number"], "--html", str(html), "--bundle", str(bundle)
    )
    assert told["destroyed"] == 2
    assert disposal["list_hash"] in html.read_text(encoding="utf-8")
    verified = CliRunner().invoke(cli, ["verify", str(bundle)])
    assert verified.exit_code == 0, verified.output


def test_a_server_takes_up_what_was_started_before_it(shell: Shell) -> None:
    """As after a crash: it is certified soon after the start, asked for by nobody."""
    disposal = shell.told("lister", "list", "--all-due", "--owner", shell.people["cs"])
    shell.by_http(lambda plant: _approved(plant, disposal))
    shell.told("lister", "start", disposal["number"])
    environment = {**shell.environment(""), "PATH": "", "PYTHONPATH": str(Path.cwd())}
    program = [sys.executable, "-c", "from api.cli import main; main()"]
    server = subprocess.Popen(
        [*program, "serve", "--port", str(free_port())], env=environment, cwd=shell.data.parent,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        state = ""
        while state != "certified" and time.monotonic() < deadline:
            assert server.poll() is None
            time.sleep(0.2)
            state = shell.state(disposal["id"])
        assert state == "certified"
    finally:
        server.terminate()
        server.wait(30)


def _approved(plant: Plant, disposal: dict[str, Any]) -> None:
    keeping = Keeping.__new__(Keeping)
    keeping.plant = plant
    keeping.reviewed(disposal)
    keeping.approved(disposal)


def test_to_be_on_the_machine_entitles_to_nothing(shell: Shell) -> None:
    """Without a key nothing is done; an administrator's lists nothing, and the journal knows."""
    nobody = shell("", "due")
    assert nobody.exit_code == 2
    assert "LIUHEN_KEY" in nobody.output
    refused = shell("admin", "list", "--all-due")
    assert isinstance(refused.exception, DisposalRefusedError)
    assert refused.exception.code == "SEPARATION"

    def read(plant: Plant) -> None:
        notes = plant.get("officer", "/v1/retention/journal").json()["notes"]
        assert [(n["code"], n["who"]) for n in notes] == [("SEPARATION", shell.people["admin"])]

    shell.by_http(read)


def test_rules_are_listed_with_their_authority(shell: Shell) -> None:
    """For people as text."""
    said = shell("cs", "rules")
    assert said.exit_code == 0
    assert "RR-05" in said.output
    assert "IATF 16949:2016 7.5.3.2.1" in said.output


def test_what_is_not_there_is_said_in_a_sentence(shell: Shell) -> None:
    """A record that nobody knows, and a list of nothing."""
    assert shell("lister", "list", "KS-1999-00001").exit_code != 0
    empty = shell("lister", "list")
    assert empty.exit_code == 1
    assert "all_due" in empty.output
