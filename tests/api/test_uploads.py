"""Attachments over HTTP: exact bytes, exact names, ranges, limits, and nobody else's files."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import quote, unquote

import pytest

from api.uploads import disposition
from tests.api.conftest import COMPLAINT, Plant, limits, opened

NAMES = [
    "照片 1.jpg",
    "Ä\u0308 naïve.pdf",
    "𠮷野家「报告」.docx",
    'quo"te.txt',
    "100%.csv",
    "e\u0301.txt",
]


def upload(plant: Plant, who: str, data: Any, name: str = "a.bin", **headers: str) -> Any:
    said = {"X-File-Name": quote(name), "Content-Type": "image/x-odd", **headers}
    return plant.ask(who, "POST", "/v1/attachments", content=data, headers=said)


def attached(plant: Plant, who: str, *ids: str) -> Any:
    return plant.post(who, "/v1/complaint", {"answers": {**COMPLAINT, "evidence": list(ids)}})


@pytest.mark.parametrize("name", NAMES)
def test_bytes_and_name_come_back_exactly(plant: Plant, name: str) -> None:
    """The name's own code points, not a normal form of them; the type as it was told."""
    data = os.urandom(3000)
    sent = upload(plant, "cs", data, name)
    assert sent.status_code == 201, sent.text
    assert sent.json() == {**sent.json(), "name": name, "size": 3000, "media_type": "image/x-odd"}
    record = attached(plant, "cs", sent.json()["id"]).json()["record"]
    got = plant.get("cs", f"/v1/records/{record}/attachments/{sent.json()['id']}")
    assert (got.status_code, got.content) == (200, data)
    assert got.headers["content-type"] == "image/x-odd"
    told = got.headers["content-disposition"].partition("filename*=UTF-8''")[2]
    assert unquote(told) == name


def test_a_large_file_comes_back_in_ranges(both: Plant) -> None:
    """Several segments, and any range across their borders."""
    data = os.urandom(2_600_000)
    one = upload(both, "cs", iter([data[:7], data[7:1_500_000], data[1_500_000:]])).json()["id"]
    record = attached(both, "cs", one).json()["record"]
    path = f"/v1/records/{record}/attachments/{one}"
    whole = both.get("cs", path)
    assert whole.content == data
    for told, start, stop in (
        ("bytes=0-0", 0, 1),
        ("bytes=1048570-1048580", 1048570, 1048581),
        ("bytes=2599999-", 2599999, 2600000),
        ("bytes=-10", 2599990, 2600000),
        ("bytes=5-99999999", 5, 2600000),
    ):
        part = both.get("cs", path, headers={"Range": told})
        assert (part.status_code, part.content) == (206, data[start:stop])
        assert part.headers["content-range"] == f"bytes {start}-{stop - 1}/2600000"
    tag = whole.headers["etag"]
    assert both.get("cs", path, headers={"If-None-Match": tag}).status_code == 304
    stale = both.get("cs", path, headers={"Range": "bytes=0-0", "If-Range": '"other"'})
    assert (stale.status_code, len(stale.content)) == (200, 2_600_000)


@pytest.mark.parametrize("told", ["bytes=9-", "bytes=3-2", "bytes=-0"])
def test_a_range_outside_is_told_the_length(plant: Plant, told: str) -> None:
    """416 with the file's length."""
    one = upload(plant, "cs", b"123").json()["id"]
    record = attached(plant, "cs", one).json()["record"]
    path = f"/v1/records/{record}/attachments/{one}"
    answer = plant.get("cs", path, headers={"Range": told})
    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */3")


def test_an_empty_file_is_a_file(plant: Plant) -> None:
    """No bytes, with a name."""
    one = upload(plant, "cs", b"").json()
    record = attached(plant, "cs", one["id"]).json()["record"]
    got = plant.get("cs", f"/v1/records/{record}/attachments/{one['id']}")
    assert (one["size"], got.status_code, got.content) == (0, 200, b"")


def test_nobody_attaches_what_another_uploaded(plant: Plant) -> None:
    """A staged file belongs to its uploader; a file of a record to those who may read it."""
    one = upload(plant, "cs", b"mine").json()["id"]
    assert attached(plant, "worker", one).status_code == 422
    first = attached(plant, "cs", one)
    assert first.status_code == 201
    assert attached(plant, "other", one).status_code == 422
    again = attached(plant, "cs", one)
    assert again.status_code == 201, again.text
    path = f"/v1/records/{again.json()['record']}/attachments/{one}"
    assert plant.get("cs", path).content == b"mine"
    assert plant.get("other", path).status_code == 404


def test_a_file_too_large_is_refused_with_or_without_its_length(tmp_path: Any) -> None:
    """413 before a byte is read, or as soon as there are too many."""
    for plant in opened(tmp_path / "data", None, limits(attachment_limit=5_000_000)):
        assert upload(plant, "cs", b"x" * 5_000_001).status_code == 413
        assert upload(plant, "cs", iter([b"x" * 1_000_000] * 6)).status_code == 413
        assert upload(plant, "cs", iter([b"x" * 1_000_000] * 5)).status_code == 201


@pytest.mark.parametrize("store_name", ["sqlite", "postgres"])
def test_too_many_waiting_uploads_are_refused_until_a_form_names_them(
    store_name: str, tmp_path: Any, request: pytest.FixtureRequest
) -> None:
    """507 in the caller's language; what broke off takes no room; a named file makes room."""
    dsn = request.getfixturevalue("postgres_dsn") if store_name == "postgres" else None
    settings = limits(upload_quota=2_000_000, upload_quota_total=3_000_000)
    for plant in opened(tmp_path / "data", dsn, settings):
        one = upload(plant, "cs", b"x" * 1_500_000).json()["id"]
        full = upload(plant, "cs", b"x" * 1_000_000, **{"Accept-Language": "zh"})
        assert (full.status_code, full.json()["type"]) == (507, "/problems/upload-quota")
        assert (full.json()["title"], "2000000" in full.json()["detail"]) == (
            "待用的上传文件太多",
            True,
        )
        full = upload(plant, "cs", b"x" * 1_000_000, **{"Accept-Language": "en"})
        assert "Name the waiting files" in full.text
        everybodys = upload(plant, "other", b"x" * 1_500_000)
        assert (everybodys.status_code, "3000000" in everybodys.json()["detail"]) == (507, True)
        assert attached(plant, "cs", one).status_code == 201
        assert upload(plant, "cs", b"x" * 1_000_000).status_code == 201


@pytest.mark.parametrize(
    "name", ["%FF%FE", "..", "a%2Fb", "a%5Cb", "a%00b", "a%0Ab", "", "n" * 1001]
)
def test_a_name_that_no_file_can_have_is_refused(plant: Plant, name: str) -> None:
    """Refused, not mended: names are kept as they are or not at all."""
    headers = {"X-File-Name": name}
    answer = plant.ask("cs", "POST", "/v1/attachments", content=b"x", headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-request")


def test_a_name_may_come_as_content_disposition(plant: Plant) -> None:
    """RFC 8187's `filename*`, as browsers and libraries send it."""
    told = f"attachment; filename=\"x.txt\"; filename*=UTF-8''{quote('报告.txt')}"
    headers = {"Content-Disposition": told}
    answer = plant.ask("cs", "POST", "/v1/attachments", content=b"x", headers=headers)
    assert answer.json()["name"] == "报告.txt"


def test_a_name_cannot_break_out_of_its_header() -> None:
    """What is not plain ASCII has a harmless stand-in, and its exact self percent-encoded."""
    told = disposition('a"\r\nSet-Cookie: x=1;报.txt')
    assert "\r" not in told
    assert told.count('"') == 2
