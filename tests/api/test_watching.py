"""What self-checking finds shows on pages, in health and metrics, and at the webhook; on both
stores."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import apsw
import psycopg
import pytest

from api.clock import now
from archive.check import Thoroughness
from archive.evidence import note
from archive.evidence.keys import SigningKey
from archive.evidence.policy import Policy
from archive.timestamps import Timestamps
from archive.witnessing import Witnesses
from tests.api.conftest import COMPLAINT, Plant, limits, opened
from tests.api.pages.conftest import reader
from tests.receiver import Receiver, receiving, wait_for
from tests.worlds import World


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


@pytest.fixture
def watched(
    tmp_path: Path, store_name: str, receiver: Receiver, request: pytest.FixtureRequest
) -> Iterator[Plant]:
    """A plant whose alarms go to the receiver, with one complaint and a signed head."""
    dsn = request.getfixturevalue("postgres_dsn") if store_name == "postgres" else None
    more = {"alarm_webhook": receiver.url, "self_check_share": 100, "checkpoint_seconds": 1}
    for plant in opened(tmp_path / "data", dsn, limits(**more)):
        made = plant.post("cs", "/v1/complaint", {"answers": COMPLAINT})
        assert made.status_code == 201
        plant.archive.views.catch_up()
        plant.archive.log.checkpoint()
        yield plant


def execute(plant: Plant, *statements: str) -> None:
    """As whoever has the database."""
    options = plant.archive.options
    if options.database is None:
        # By the library that the archive has open itself: two in one process lose their locks.
        database = apsw.Connection(str(options.data / "archive.db"))
        database.set_busy_timeout(5000)
        for statement in statements:
            database.execute(statement)
        database.close()
        return
    with psycopg.connect(options.database, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica; SET search_path = liuhen")
        for statement in statements:
            connection.execute(statement.encode())


def damage(plant: Plant) -> None:
    """The last content of the archive is another, of the same length."""
    where = "slot = (SELECT max(slot) FROM content WHERE ciphertext IS NOT NULL)"
    if plant.archive.options.database is None:
        execute(
            plant,
            "DROP TRIGGER content_keep",
            f"UPDATE content SET ciphertext = zeroblob(length(ciphertext)) WHERE {where}",
        )
    else:
        changed = "set_byte(ciphertext, 3, (get_byte(ciphertext, 3) + 1) % 256)"
        execute(plant, f"UPDATE content SET ciphertext = {changed} WHERE {where}")


def metrics(plant: Plant, who: str = "auditor") -> dict[str, float]:
    answer = plant.get(who, "/metrics")
    assert answer.status_code == 200
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_nothing_wrong(watched: Plant) -> None:
    """Before anything was verified the state is unknown; then it says how far, and when."""
    desk = watched.client.app.state.desk  # type: ignore[attr-defined]
    assert watched.client.get("/health").json()["integrity"] == "unknown"
    assert metrics(watched)["liuhen_integrity_ok"] == 1
    desk.watch.follower.turn()
    signed = watched.archive.log.latest()
    assert signed is not None
    told = watched.client.get("/health").json()
    assert (told["integrity"], told["verified"]["size"]) == ("ok", signed.size)
    assert told["alarms"] == []
    said = watched.get("auditor", "/v1/check").json()
    assert said["followed"]["leaves"] == signed.size
    assert said["check"] is None
    assert said["alarms"] == []
    found = metrics(watched)
    assert found["liuhen_verified_leaves"] == signed.size
    assert found["liuhen_verified_timestamp_seconds"] > 0
    page = reader(watched, "auditor").words("/status")
    assert f"{signed.size} 叶" in page
    assert "自核验发现问题" not in page


def test_a_tampered_row_is_told_everywhere(
    watched: Plant, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """The round beside the server finds it; page, health, metric, log and webhook say so, reading
    and writing go on, and when it is mended all of them say that too."""
    watch = watched.client.app.state.desk.watch  # type: ignore[attr-defined]
    watched.archive.check(how=Thoroughness(processes=0))
    store = watched.archive.store
    damage(watched)
    assert store.head().size > 0
    watch.start()
    try:
        watch.rounds.stop()
        watch.rounds.start(delay=0.0)
        (first, *_) = receiver.wait(1)
        wait_for(lambda: watch.rounds.due is not None)
        assert {each["code"] for each in first["standing"]} == {"integrity"}
        assert first["standing"][0]["about"] == "ciphertext"
        assert first["begun"] == first["standing"]
        assert first["ok"] is False
        assert "KS-" not in str(first)
        assert "科技公司" not in str(first)

        for path in ("/health/ready", "/health"):
            answer = watched.client.get(path)
            assert (answer.status_code, answer.json()["integrity"]) == (200, "wrong")
        assert watched.client.get("/health/integrity").status_code == 503
        found = metrics(watched)
        assert found["liuhen_integrity_ok"] == 0
        name = 'liuhen_alarm{code="integrity",about="ciphertext",level="wrong"}'
        assert found[name] == 1
        assert found["liuhen_check_findings"] > 1  # the content, and the views made of it
        for path in ("/records", "/status", "/worklist"):
            assert "自核验发现问题" in reader(watched, "auditor").words(path)
            english = reader(watched, "auditor").words(f"{path}?lang=en")
            assert "Self-checking found something wrong" in english
        errors = [r for r in caplog.records if r.levelname == "ERROR"]
        told = {(r.said["code"], r.said["about"]) for r in errors}  # type: ignore[attr-defined]
        assert told >= {("integrity", "ciphertext")}
        made = watched.post("cs", "/v1/complaint", {"answers": COMPLAINT})
        assert made.status_code == 201
    finally:
        watch.stop()


def test_a_finding_is_told_before_the_round_is_over(watched: Plant) -> None:
    """The first of a round stand at once, and the report speaks when there is one."""
    watch = watched.client.app.state.desk.watch  # type: ignore[attr-defined]
    seen: list[set[str]] = []
    damage(watched)

    def looking(_done: int, _of: int) -> None:
        seen.append({alarm.about for alarm in watch.alarms()})

    report = watch._check(looking)  # noqa: SLF001 - what the round's thread calls
    assert not report.ok
    assert {"ciphertext"} in seen
    assert {alarm.about for alarm in watch.alarms()} == {"ciphertext", "view"}


def test_a_store_set_back_under_an_earlier_server(watched: Plant) -> None:
    """A store without what an earlier process of this server had verified: seen at its start."""
    desk = watched.client.app.state.desk  # type: ignore[attr-defined]
    desk.watch.follower.turn()
    size = desk.watch.follower.verified.size
    gone = f"leaf_index >= {size - 3}"
    sqlite = watched.archive.options.database is None
    execute(
        watched,
        *(["DROP TRIGGER events_stay"] if sqlite else []),
        f"DELETE FROM events WHERE {gone}",
        *([] if sqlite else [f"UPDATE head SET size = {size - 3}"]),
        "DELETE FROM checkpoints",
        "DELETE FROM tiles",
    )
    watched.archive.log.checkpoint()
    watch = type(desk.watch)(watched.archive, desk.watch.plan, watched.clock)
    watch.follower.turn()
    assert watch.follower.error is None
    (alarm,) = watch.alarms()
    assert (alarm.about, alarm.level, alarm.leaf) == ("set-back", "wrong", size - 3)


def test_who_reads_the_metrics(plant: Plant) -> None:
    """Keys with `read`; nobody else."""
    assert plant.client.get("/metrics").status_code == 401
    plant.register_caller("writer", system="W", rights=["write"])
    assert plant.get("writer", "/metrics").status_code == 403
    text = plant.get("auditor", "/metrics")
    assert text.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert re.search(r"^# TYPE liuhen_log_leaves gauge$", text.text, re.MULTILINE)


def test_open_metrics(tmp_path: Path) -> None:
    """Where the setting says so, whoever reaches the port; and they read no content."""
    for plant in opened(tmp_path / "data", None, limits(open_metrics=True)):
        plant.post("cs", "/v1/complaint", {"answers": COMPLAINT})
        answer = plant.client.get("/metrics")
        assert answer.status_code == 200
        assert "科技公司" not in answer.text
        assert "KS-" not in answer.text


def test_a_lost_quorum_and_a_fork(plant: Plant) -> None:
    """After a minute without quorum every page says so."""
    key = note.VerifierKey.make("w.example", SigningKey.generate().verify_key(), note.COSIGNATURE)
    policy = Policy.parse(f"witness w {key} http://127.0.0.1:9/\nquorum w\n", of_a_log=True)
    archive = plant.archive
    archive.witnesses = Witnesses(archive.store, archive.log, policy, now, seconds=1)
    archive.log.checkpoint()
    page = reader(plant, "auditor")
    assert "法定数" not in page.words("/records")
    plant.clock.turn(minutes=2)
    assert "见证方未达法定数" in page.words("/records")
    assert "No quorum of witnesses" in page.words("/records?lang=en")
    assert plant.client.get("/health/integrity").status_code == 200


def test_overdue_timestamps(world: World) -> None:
    """Once three turns of an authority went by without a token; no longer after the next."""
    from archive.watching import Plan, Watch  # noqa: PLC0415 - one test's

    world.with_authority()
    (authority,) = world.options.authorities
    watch = Watch(world.archive, Plan(timestamps=3600), world.clock)
    assert watch.alarms() == ()
    world.clock.turn(hours=4)
    codes: list[tuple[str, str, Any]] = [(a.code, a.about, a.level) for a in watch.alarms()]
    assert ("timestamp", "tsa", "late") in codes
    assert world.authority is not None
    world.authority.clock.turn(hours=4)
    Timestamps.stamp(world.archive.timestamps, authority)
    assert "timestamp" not in {a.code for a in watch.alarms()}


def test_nobody_looked_for_too_long(plant: Plant) -> None:
    """A check of everything that does not come, and a log that is not followed, are alarms."""
    watch = plant.client.app.state.desk.watch  # type: ignore[attr-defined]
    assert watch.alarms() == ()
    plant.clock.turn(hours=2)
    assert [(a.code, a.about) for a in watch.alarms()] == [("unchecked", "log")]
    plant.clock.moment += timedelta(hours=47)
    assert {a.about for a in watch.alarms()} == {"log", "everything"}
    assert {a.level for a in watch.alarms()} == {"late"}
