"""Logging in and out: the key is not kept, and a session ends when it should."""

from __future__ import annotations

import pytest

from api.pages.sessions import FAILURES
from tests.api.conftest import Plant
from tests.api.pages.conftest import TOKEN, Reader, reader
from tests.api.test_admission import accesses


def test_a_stranger_is_led_to_the_login_and_on_to_where_they_were_going(plant: Plant) -> None:
    """No page is shown without a session, and the way goes on afterwards."""
    stranger = reader(plant, None)
    for path in ("/records", "/records/KS-2026-00001", "/worklist", "/status"):
        answer = stranger.get(path)
        assert (answer.status_code, answer.text) == (303, "")
    where = stranger.get("/worklist?tab=all").headers["location"]
    assert where == "/login?next=%2Fworklist%3Ftab%3Dall"
    answer = stranger.log_in(plant.keys["cs"], "/worklist?tab=all")
    assert (answer.status_code, answer.headers["location"]) == (303, "/worklist?tab=all")


@pytest.mark.parametrize(
    "onward", ["//evil.example/", "https://evil.example/", "/\\evil.example", "evil", "/\nx"]
)
def test_the_way_on_never_leads_to_another_host(plant: Plant, onward: str) -> None:
    """What is no plain path here is left aside."""
    answer = reader(plant, None).log_in(plant.keys["cs"], onward)
    assert answer.headers["location"] == "/records"


def test_the_cookie_holds_a_random_id_and_the_store_only_its_hash(plant: Plant) -> None:
    """Neither the key nor the id can be read where sessions are kept."""
    answer = reader(plant, None).log_in(plant.keys["cs"])
    cookie = next(c for c in answer.headers.get_list("set-cookie") if "_session=" in c)
    session_id = cookie.partition("=")[2].partition(";")[0]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Secure" not in cookie
    assert plant.keys["cs"] not in cookie
    keys = plant.archive.keys
    (name,) = keys.secret_names("session/")
    kept = (keys.secret(name) or b"").decode()
    secret = plant.keys["cs"].split("_", 2)[2]
    assert [word for word in (session_id, secret) if word in name + kept] == []


def test_over_https_the_cookie_is_bound_to_the_host(plant: Plant) -> None:
    """`Secure` and the `__Host-` name, so that no neighbour can set it."""
    answer = Reader(plant.client.app, "https://testserver").log_in(plant.keys["cs"])
    cookie = next(c for c in answer.headers.get_list("set-cookie") if "_session=" in c)
    assert cookie.startswith("__Host-liuhen_session=")
    assert "Secure" in cookie


@pytest.mark.parametrize("key", ["", "lh_x", "lh_" + "0" * 16 + "_" + "A" * 43, "日本"])
def test_a_wrong_key_opens_nothing_and_is_noted(plant: Plant, key: str) -> None:
    """401 with the same words whatever was wrong; the access log has it."""
    stranger = reader(plant, None)
    answer = stranger.log_in(key)
    assert answer.status_code == 401
    assert "密钥无效、已过期或已撤销" in answer.text
    assert stranger.get("/records").status_code == 303
    assert ("refused", "POST /login") in [(a["what"], a["route"]) for a in accesses(plant)]


def test_after_many_failures_even_the_right_key_waits(plant: Plant) -> None:
    """429 until five minutes have passed."""
    stranger = reader(plant, None)
    statuses = [stranger.log_in("wrong").status_code for _ in range(FAILURES)]
    assert statuses == [401] * FAILURES
    assert stranger.log_in(plant.keys["cs"]).status_code == 429
    plant.clock.turn(minutes=6)
    assert stranger.log_in(plant.keys["cs"]).status_code == 303


def test_a_form_that_is_not_ours_logs_nobody_in(plant: Plant) -> None:
    """Without the page's token, with another browser's, or sent from another site: 403."""
    mine, other = reader(plant, None), reader(plant, None)
    found = TOKEN.search(other.text("/login"))
    assert found is not None
    for token in ("", "0" * 64, found.group(1)):
        mine.text("/login")
        form = {"key": plant.keys["cs"], "token": token}
        assert mine.client.post("/login", data=form).status_code == 403
    answer = mine.log_in(plant.keys["cs"], headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


def test_logging_out_ends_the_session_for_good(plant: Plant) -> None:
    """The old cookie opens nothing any more, even when it is kept."""
    somebody = reader(plant, "cs")
    kept = somebody.client.cookies["liuhen_session"]
    assert somebody.client.post("/logout", data={"token": "0" * 64}).status_code == 303
    assert somebody.get("/records").status_code == 200
    assert somebody.log_out().headers["location"] == "/login?out=1"
    thief = reader(plant, None)
    thief.client.cookies.set("liuhen_session", kept)
    assert thief.get("/records").status_code == 303
    assert plant.archive.keys.secret_names("session/") == []


def test_a_session_ends_after_a_working_day(plant: Plant) -> None:
    """Eight hours, whatever the cookie says."""
    somebody = reader(plant, "cs")
    plant.clock.turn(hours=7, minutes=59)
    assert somebody.get("/records").status_code == 200
    plant.clock.turn(minutes=2)
    assert somebody.get("/records").status_code == 303


def test_a_session_ends_with_the_key_that_began_it(plant: Plant) -> None:
    """A revoked key opens no page."""
    somebody = reader(plant, "cs")
    plant.archive_callers().revoke(plant.keys["cs"].split("_")[1])
    assert somebody.get("/records").status_code == 303


def test_a_session_opens_the_pages_and_not_the_interface(plant: Plant) -> None:
    """The API takes keys only, so that no other site can use a reader's cookie there."""
    assert reader(plant, "cs").get("/v1/me").status_code == 401


def test_a_key_that_may_not_read_sees_no_page(plant: Plant) -> None:
    """A page says so, with the status of the refusal."""
    plant.register_caller("feeder", system="FEED", rights=["write"])
    answer = reader(plant, "feeder").get("/records")
    assert answer.status_code == 403
    assert "无权办理" in answer.text
