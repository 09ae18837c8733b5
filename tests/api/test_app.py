"""The application as a whole: documents, pages, safe headers, health, and no way past the door."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from api.problems import PROBLEMS
from domain.kinds import current
from tests.api.conftest import COMPLAINT, Plant, limits, opened
from tests.stores import PostgresServer

OPEN = {"/health", "/health/integrity", "/health/live", "/health/ready"}


def test_every_step_of_every_kind_has_a_typed_route(plant: Plant) -> None:
    """OpenAPI shows each field of each form with both of its titles."""
    said = plant.client.get("/openapi.json").json()
    schemas = said["components"]["schemas"]
    for kind in current().values():
        for step in kind.steps:
            path = f"/v1/{kind.id}/" + ("" if step.opens else "{record}/") + f"steps/{step.id}"
            post = said["paths"][path]["post"]
            body = post["requestBody"]["content"]["application/json"]["schema"]["$ref"]
            answers = schemas[body.rpartition("/")[2]]["properties"]["answers"]
            shown = schemas[answers["$ref"].rpartition("/")[2]]["properties"]
            assert {n: p["x-title"] for n, p in shown.items()} == {
                f.id: f.title.model_dump() for f in step.form.fields
            }


def test_every_reference_of_the_document_is_there(plant: Plant) -> None:
    """No schema points to one that is missing."""
    text = plant.client.get("/openapi.json").text
    said = plant.client.get("/openapi.json").json()
    wanted = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
    assert wanted - set(said["components"]["schemas"]) == set()


def test_operations_have_names_of_their_own(plant: Plant) -> None:
    """Client generators need each operation id once."""
    said = plant.client.get("/openapi.json").json()
    ids = [o["operationId"] for methods in said["paths"].values() for o in methods.values()]
    assert len(ids) == len(set(ids))


def test_nothing_is_answered_without_a_key(plant: Plant) -> None:
    """Every route under /v1 answers 401 to a stranger, before it looks at anything else."""
    said = plant.client.get("/openapi.json").json()
    answered: dict[str, int] = {}
    for path, methods in said["paths"].items():
        if path in OPEN:
            continue
        url = re.sub(r"\{event\}|\{attachment\}", "0" * 32, path)
        url = re.sub(r"\{(version|seq)\}", "1", url).replace("{key_id}", "0" * 16)
        url = url.replace("{key}", "0" * 64)
        url = re.sub(r"\{day\}", "2026-03-02", url)
        url = re.sub(r"\{\w+\}", "x", url)
        for method in methods:
            answer = plant.client.request(method, url, json={}, params=_needed(methods[method]))
            if answer.status_code != 401:
                answered[f"{method} {path}"] = answer.status_code
    assert answered == {}


def _needed(operation: dict[str, Any]) -> dict[str, str]:
    return {
        p["name"]: "x"
        for p in operation.get("parameters", ())
        if p["in"] == "query" and p.get("required")
    }


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_pages_need_nothing_from_outside(plant: Plant, lang: str) -> None:
    """The interface's pages and each problem's page hold no address but our own, and no script."""
    paths = ["/docs", "/problems", *(f"/problems/{name}" for name in PROBLEMS)]
    for path in paths:
        page = plant.client.get(path, params={"lang": lang})
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        assert "<script" not in page.text
        assert re.findall(r'(?:src|href)="(?!/|\?|#)', page.text) == []
    assert "问题描述" in plant.client.get("/docs").text


def test_answers_carry_safe_headers_and_the_request_id(plant: Plant) -> None:
    """A request id is taken over when it is sound, and made when it is not."""
    told = plant.client.get("/health/live", headers={"X-Request-Id": "abc-1"})
    made = plant.client.get("/health/live", headers={"X-Request-Id": "no good\t"})
    assert told.headers["x-request-id"] == "abc-1"
    assert re.fullmatch("[0-9a-f]{32}", made.headers["x-request-id"])
    assert told.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in told.headers["content-security-policy"]


def test_a_process_that_can_append_and_read_is_ready(both: Plant) -> None:
    """The views keep up with the log, and none has stopped."""
    both.post("cs", "/v1/complaint", {"answers": COMPLAINT})
    both.archive.views.catch_up()
    ready = both.client.get("/health/ready").json()
    assert (ready["ready"], ready["store"], ready["views"], ready["behind"]) == (
        True,
        "ok",
        "ok",
        0,
    )


def test_a_lost_database_is_not_ready_and_still_alive(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    """Readiness is 503, an append 503 with what to do, and nobody hears where the database was."""
    dsn = postgres_server.create_database()
    for plant in opened(tmp_path / "data", dsn, limits()):
        postgres_server.drop_database(dsn)
        assert plant.client.get("/health/live").status_code == 200
        gone = plant.client.get("/health")
        assert (gone.status_code, gone.json()["live"], gone.json()["ready"]) == (503, True, False)
        refused = plant.post("cs", "/v1/complaint", {"answers": COMPLAINT})
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems/store-unavailable")
        assert "retry-after" in refused.headers
        assert "socket" not in refused.text + gone.text
