"""Whatever comes in that should not: each has one defined answer, and nothing is written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from api.problems import PROBLEMS
from tests.api.conftest import COMPLAINT, Plant, limits, opened

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
OPENING = "/v1/complaint"
SOUND = json.dumps({"answers": COMPLAINT}).encode()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    yield from opened(tmp_path_factory.mktemp("plant"), None, limits(body_limit=20_000))


BODIES: dict[str, tuple[bytes, dict[str, str], int, str]] = {
    "broken UTF-8": (b'{"answers": {"matter": "\xff\xfe"}}', JSON, 422, "broken-body"),
    "overlong UTF-8": (b'{"a": "\xc0\xaf"}', JSON, 422, "broken-body"),
    "a lone surrogate": (b'{"source": "\\ud800"}', JSON, 422, "broken-body"),
    "no JSON": (b"{", JSON, 422, "broken-body"),
    "nothing": (b"", JSON, 422, "invalid-form"),
    "a list": (b"[]", JSON, 422, "broken-body"),
    "NaN": (b'{"answers": {"quantity": NaN}}', JSON, 422, "broken-body"),
    "a repeated key": (b'{"answers": {}, "answers": {}}', JSON, 422, "broken-body"),
    "a repeated key inside": (b'{"answers": {"a": 1, "a": 2}}', JSON, 422, "broken-body"),
    "U+0000": (b'{"source": "a\\u0000b"}', JSON, 422, "broken-body"),
    "too deep": (b'{"answers":' + b"[" * 9000 + b"]" * 9000 + b"}", JSON, 422, "broken-body"),
    "a huge number": (b'{"source_id": 1' + b"0" * 5000 + b"}", JSON, 422, "broken-body"),
    "a form": (b"answers=1", FORM, 415, "media-type"),
    "no type": (SOUND, {"Content-Type": ""}, 415, "media-type"),
    "too much": (b'{"answers": "' + b"x" * 20_000 + b'"}', JSON, 413, "too-large"),
    "a word for a length": (SOUND, {**JSON, "Content-Length": "x"}, 413, "too-large"),
    "an unknown member": (b'{"answer": {}}', JSON, 422, "invalid-request"),
    "a time without zone": (b'{"occurred_at": "2026-03-02T09:00"}', JSON, 422, "invalid-request"),
    "no person": (b'{"behalf": "me"}', JSON, 422, "invalid-request"),
    "a bad version": (SOUND, {**JSON, "If-Match": "3"}, 422, "invalid-request"),
    "a weak version": (SOUND, {**JSON, "If-Match": 'W/"3"'}, 422, "invalid-request"),
    "an empty key": (SOUND, {**JSON, "Idempotency-Key": ""}, 422, "invalid-request"),
    "a long key": (SOUND, {**JSON, "Idempotency-Key": "k" * 256}, 422, "invalid-request"),
    "a clock that is none": (SOUND, {**JSON, "X-Sent-At": "now"}, 422, "invalid-request"),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
def test_a_bad_body_has_one_answer(shared: Plant, name: str) -> None:
    """Refused with the problem that the table says, and the log does not grow."""
    body, headers, status, problem = BODIES[name]
    size = shared.archive.store.head().size
    answer = shared.ask("cs", "POST", OPENING, content=body, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{problem}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert shared.archive.store.head().size == size


ANSWERS: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown field": ({"colour": "red"}, "answers.colour"),
    "a wrong type": ({"quantity": "100"}, "answers.quantity"),
    "a float": ({"quantity": 1.5}, "answers.quantity"),
    "no option": ({"priority": "immense"}, "answers.priority"),
    "blank": ({"matter": " \n"}, "answers.matter"),
    "no date": ({"happened_on": "yesterday"}, "answers.happened_on"),
    "an unknown file": ({"evidence": ["0" * 32]}, "answers."),
    "a file that is no id": ({"evidence": [{"id": 3}]}, "answers.evidence"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_fault_names_its_field(shared: Plant, name: str) -> None:
    """422 with the field at fault, so that a form can show it there."""
    more, field = ANSWERS[name]
    answer = shared.post("cs", OPENING, {"answers": {**COMPLAINT, **more}})
    body = answer.json()
    assert (answer.status_code, body["type"]) == (422, "/problems/invalid-form")
    assert body["errors"][0]["field"].startswith(field)


@pytest.mark.parametrize(
    ("method", "path", "status", "problem"),
    [
        ("POST", "/v1/poem", 404, "not-found"),
        ("POST", "/v1/complaint/steps/sing", 404, "not-found"),
        ("POST", "/v1/complaint/steps/transfer", 404, "not-found"),
        ("POST", "/v1/complaint/KS-2026-09999/steps/transfer", 404, "not-found"),
        ("POST", f"/v1/complaint/{'0' * 32}/steps/transfer", 404, "not-found"),
        ("POST", "/v1/complaint/ＫＳ-２０２６-０００１/steps/transfer", 404, "not-found"),
        ("GET", "/v1/complaint/x/steps/transfer", 405, "method-not-allowed"),
        ("DELETE", "/v1/records", 405, "method-not-allowed"),
        ("GET", "/v1/records?colour=red", 422, "invalid-request"),
        ("GET", "/v1/records?cursor=abc", 422, "search"),
        ("GET", "/v1/records?limit=0", 422, "invalid-request"),
        ("GET", "/v1/search?q=%20", 422, "search"),
        ("GET", "/v1/worklist?cursor=abc", 422, "search"),
        ("GET", "/v1/nowhere", 404, "not-found"),
        ("GET", "/problems/none", 404, "not-found"),
    ],
)
def test_a_wrong_address_has_one_answer(
    shared: Plant, method: str, path: str, status: int, problem: str
) -> None:
    """Unknown kinds, steps, records, parameters and cursors are problems too."""
    answer = shared.ask("cs", method, path, json={"answers": {}} if method == "POST" else None)
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{problem}")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("en", "en"), ("en-GB,zh;q=0.8", "en"), ("zh-CN", "zh"), ("fr", "zh"), ("", "zh"),
        ("zh;q=0.1,en;q=0.9", "en"), ("en;q=x", "zh"),
    ],
)  # fmt: skip
def test_a_problem_speaks_the_language_asked_for(shared: Plant, asked: str, told: str) -> None:
    """zh unless English is preferred."""
    answer = shared.post("cs", OPENING, {"answers": {}}, headers={"Accept-Language": asked})
    assert answer.headers["content-language"] == told
    title = PROBLEMS["invalid-form"].title
    assert answer.json()["title"] == (title.en if told == "en" else title.zh)


def test_an_old_claim_and_a_future_one_are_refused(shared: Plant) -> None:
    """A claimed time after now, or before the record began, cannot be."""
    future = {"answers": COMPLAINT, "occurred_at": "2027-01-01T00:00:00Z"}
    assert shared.post("cs", OPENING, future).json()["type"] == "/problems/claimed-time"
    record = shared.post("cs", OPENING, {"answers": COMPLAINT}).json()["record"]
    answers = {"department": shared.departments["prod"]}
    early = shared.step("cs", record, "transfer", answers, occurred_at="2020-01-01T00:00:00Z")
    assert (early.status_code, early.json()["type"]) == (422, "/problems/claimed-time")
