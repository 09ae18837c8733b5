"""The register page shows each reader what they may see, by every filter, now or as it was."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.api.conftest import COMPLAINT, Plant
from tests.api.pages.conftest import NUMBER, Sample, reader

PROJECT = {"GD-2026-00001", "JD-2026-00001", "YS-2026-00001", "JY-2026-00001", "XZ-2026-00001"}
COMPLAINTS = {"KS-2026-00001", "KS-2026-00002"}
IMPORTED = {f"JZ-2026-{n:05d}" for n in (1, 2, 3)}


def test_each_reader_sees_what_the_interface_would_show_them(filled: Sample) -> None:
    """Lists and single records alike; what one may not see is 404."""
    shown = {}
    for who in filled.keys:
        page = filled.reader(who)
        api = [r["number"] for r in filled.ask(who, "/v1/records").json()["records"]]
        shown[who] = set(page.numbers("/records"))
        assert shown[who] == set(api)
        for number in sorted(PROJECT | COMPLAINTS | IMPORTED):
            status = page.get(f"/records/{number}").status_code
            assert status == filled.ask(who, f"/v1/records/{number}").status_code
            assert status == 200 or number not in shown[who]
    assert shown["gm"] == PROJECT | COMPLAINTS | IMPORTED
    assert shown["mkt"] == PROJECT
    assert shown["manager"] == COMPLAINTS


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=投訴", COMPLAINTS),
        ("q=科技公司", {"KS-2026-00001"}),
        ("q=A-4711/B", COMPLAINTS),
        ("q=ks-2026", COMPLAINTS),
        ("q=KS-2026-00002", {"KS-2026-00002"}),
        ("q=沒有這個詞", set()),
        ("kind=minutes", {"JY-2026-00001"}),
        ("state=complaint/transferred", {"KS-2026-00002"}),
        ("kind=minutes&state=complaint/transferred", set()),
        ("filed=no", {"KS-2026-00002"}),
        ("q=投诉&filed=yes", {"KS-2026-00001"}),
        ("q=投诉&state=complaint/transferred", {"KS-2026-00002"}),
        ("imported=yes", IMPORTED),
        ("overdue=1", set()),
        ("at=2020-01-01T00:00", set()),
        ("q=投诉&at=2020-01-01T00:00", set()),
        ("from=2999-01-01", set()),
        ("until=2999-01-01", PROJECT | COMPLAINTS | IMPORTED),
    ],
)
def test_filters_and_the_search_box_narrow_the_list(
    filled: Sample, query: str, expected: set[str]
) -> None:
    """Numbers, references, traditional and simplified text, states, filing and times."""
    assert set(filled.reader("gm").numbers(f"/records?{query}")) == expected


def test_a_department_filter_takes_its_own_records(filled: Sample) -> None:
    """With and without a text."""
    boss = filled.reader("gm")
    found = filled.archive.organisation.context().directory.departments
    office = next(d.id for d in found.values() if d.name == "市场部")
    assert set(boss.numbers(f"/records?department={office}")) == PROJECT
    assert set(boss.numbers(f"/records?department={office}&q=新品")) == PROJECT
    assert boss.numbers(f"/records?department={office}&q=投诉") == []


def test_the_list_as_it_was_known(plant: Plant) -> None:
    """At an earlier time a later record is not there, and an earlier state still stands."""
    first = plant.post("cs", "/v1/complaint", {"answers": COMPLAINT}).json()
    plant.clock.turn(minutes=10)
    then = plant.clock().isoformat()
    plant.clock.turn(minutes=10)
    plant.post("cs", "/v1/complaint", {"answers": {**COMPLAINT, "customer": "后来的客户"}})
    answers = {"department": plant.departments["prod"]}
    assert plant.step("cs", first["record"], "transfer", answers).status_code == 201
    plant.archive.views.catch_up()
    boss = reader(plant, "boss")
    for query in ({}, {"q": "投诉"}):
        now = boss.words("/records", params=query)
        before = boss.words("/records", params={**query, "at": then})
        assert "后来的客户" in now
        assert "后来的客户" not in before
        assert now.count("已转责任部门") == before.count("已转责任部门") + 1


def test_overdue_records_are_found_and_marked(plant: Plant) -> None:
    """With the list and with a text; before the time has run out there are none."""
    plant.post("cs", "/v1/complaint", {"answers": COMPLAINT})
    plant.archive.views.catch_up()
    boss = reader(plant, "boss")
    assert boss.numbers("/records?overdue=1") == []
    plant.clock.turn(hours=30)
    boss = reader(plant, "boss")
    assert boss.numbers("/records?overdue=1") == ["KS-2026-00001"]
    assert boss.numbers("/records?overdue=1&q=投诉") == ["KS-2026-00001"]
    assert '<span class="chip late">逾期</span>' in boss.text("/records")


def test_pages_follow_one_another_without_a_gap(plant: Plant) -> None:
    """Sixty records in three pages, each once, newest first; the same for the hits of a text."""
    items = [{"kind": "complaint", "step": "receive", "answers": COMPLAINT}] * 60
    assert plant.post("cs", "/v1/batch", {"items": items}).status_code == 200
    plant.archive.views.catch_up()
    boss = reader(plant, "boss")
    for query in ({}, {"q": "投诉"}):
        seen, cursor = list[str](), ""
        for _ in range(3):
            page = boss.text("/records", params={**query, "cursor": cursor})
            seen += re.findall(NUMBER, page)
            following = page.partition('rel="next" href="')[2].partition('"')[0]
            asked = parse_qs(urlsplit(following.replace("&amp;", "&")).query)
            cursor = asked.get("cursor", [""])[0]
        assert cursor == ""
        assert seen == [f"KS-2026-{n:05d}" for n in range(60, 0, -1)]


def test_lists_sort_both_ways(filled: Sample) -> None:
    """By number, down and up."""
    boss = filled.reader("gm")
    up = boss.numbers("/records?sort=number&order=asc")
    assert up == sorted(PROJECT | COMPLAINTS | IMPORTED)
    assert boss.numbers("/records?sort=number") == up[::-1]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("at=yesterday", "看不懂这个时间"),
        ("from=99999-01-01", "看不懂这个日期"),
        ("cursor=x", "翻页位置已失效"),
        ("q=投诉&cursor=x", "翻页位置已失效"),
    ],
)
def test_what_cannot_be_read_is_said(filled: Sample, query: str, said: str) -> None:
    """422 with a sentence, and the form to mend it."""
    answer = filled.reader("gm").get(f"/records?{query}")
    assert answer.status_code == 422
    assert said in answer.text


def test_what_people_typed_stays_text(plant: Plant) -> None:
    """Markup in a name, and in a search for it, is shown and never becomes part of the page."""
    nasty = "<script>alert(1)</script>\"'&"
    made = plant.post("cs", "/v1/complaint", {"answers": {**COMPLAINT, "customer": nasty}}).json()
    plant.archive.views.catch_up()
    boss = reader(plant, "boss")
    pages = ("/records", f"/records/{made['number']}", "/worklist?tab=all")
    texts = [boss.text(path) for path in pages] + [boss.text("/records", params={"q": nasty})]
    for text in texts:
        assert "<script" not in text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;&#34;&#39;&amp;" in text
    assert "<mark>&lt;script&gt;" in texts[-1]


def test_the_archives_own_records_show_only_when_asked_for(filled: Sample) -> None:
    """People are listed by their kind, and not among communication records."""
    boss = filled.reader("gm")
    assert len(boss.numbers("/records?kind=person")) == 15
    assert not any(n.startswith("RY") for n in boss.numbers("/records"))
