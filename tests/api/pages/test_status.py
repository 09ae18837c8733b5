"""The status page says how log, check, views, sources and numbers are."""

from __future__ import annotations

from datetime import timedelta

from archive.check import Thoroughness
from archive.log import vkey
from archive.views.database import Alarm
from tests.api.conftest import COMPLAINT, Plant
from tests.api.pages.conftest import reader


def test_the_head_its_checkpoint_and_key_are_shown(plant: Plant) -> None:
    """What an auditor keeps apart: the verifier key, and the signed note."""
    archive = plant.archive
    archive.views.catch_up()
    signed = archive.log.checkpoint()
    plant.post("cs", "/v1/complaint", {"answers": COMPLAINT})
    page = reader(plant, "auditor").words("/status")
    assert vkey(archive.keyring.origin, archive.keyring.log_key) in page
    assert " ".join(signed.note.decode().split()) in page
    waiting = archive.store.head().size - signed.size
    assert f"覆盖叶数 {signed.size} · 尚未覆盖 {waiting}" in page


def test_the_last_check_is_shown(plant: Plant) -> None:
    """First that there was none, then that everything is whole."""
    plant.archive.views.catch_up()
    assert "尚未自检" in reader(plant, "auditor").words("/status")
    plant.archive.check(how=Thoroughness(processes=0))
    assert "完好无损" in reader(plant, "auditor").words("/status")


def test_a_view_that_stopped_is_named(plant: Plant) -> None:
    """With the leaf at which it stands."""
    plant.archive.views.catch_up()
    plant.archive.view_database.sound(Alarm("register", 7, "made up"))
    page = reader(plant, "auditor").words("/status")
    assert "register 停于叶 7" in page


def test_a_source_shows_how_far_its_clock_is_off(plant: Plant) -> None:
    """Five minutes slow, as measured with its last event."""
    sent = (plant.clock() - timedelta(minutes=5)).isoformat()
    body = {"answers": COMPLAINT, "source": "MES", "source_id": "M-1"}
    made = plant.post("mes", "/v1/complaint", body, headers={"X-Sent-At": sent})
    assert made.status_code == 201, made.text
    plant.archive.views.catch_up()
    assert "MES 慢 5 分" in reader(plant, "auditor").words("/status")


def test_numbers_are_listed_with_what_is_missing(plant: Plant) -> None:
    """Every series; here without a gap."""
    plant.post("cs", "/v1/complaint", {"answers": COMPLAINT})
    plant.archive.views.catch_up()
    assert "KS-2026 1 00001 无缺号" in reader(plant, "auditor").words("/status")
