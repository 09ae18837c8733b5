"""A record's page: what stands, what stood, who signed what, and what can be taken along."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from archive.importing import import_xes, load_mapping
from domain.kinds import find
from tests.api.conftest import COMPLAINT, Plant
from tests.api.pages.conftest import Sample, reader
from tests.api.test_admission import accesses
from tests.archive.acting import Acting
from tests.archive.test_importing import small
from tests.retention.people import Staff

STEPS = (
    "receive", "respond-l1", "transfer", "analyse", "inform-legal", "contact", "confirm-plan",
    "update", "root-cause", "solve", "feed-back", "call-back",
)  # fmt: skip


def opened(plant: Plant, by: str = "cs", **more: Any) -> dict[str, Any]:
    answer = plant.post(by, "/v1/complaint", {"answers": {**COMPLAINT, **more}})
    assert answer.status_code == 201, answer.text
    plant.archive.views.catch_up()
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_timeline_tells_every_step_in_the_readers_language(
    filled: Sample, language: str
) -> None:
    """Titles of steps, states and fields come from the kind; the language is remembered."""
    boss = filled.reader("gm")
    boss.get("/records", params={"lang": language})
    page = boss.words("/records/KS-2026-00001")
    kind = find("complaint")
    for step_id in STEPS:
        step = kind.step(step_id)
        assert step is not None
        assert getattr(step.title, language) in page
    state, field = kind.state("closed"), kind.steps[0].form.fields[0]
    assert state is not None
    assert getattr(state.title, language) in page
    assert getattr(field.title, language) in page
    assert ("Timeline" if language == "en" else "时间线") in page
    assert "原材料短缺-5Why分析.txt" in page


def test_both_times_a_late_entry_and_the_senders_clock_show(plant: Plant) -> None:
    """A step claimed three hours before it was recorded, from a system whose clock is slow."""
    now = plant.clock()
    body = {
        "answers": COMPLAINT,
        "occurred_at": (now - timedelta(hours=3)).isoformat(),
        "source": "MES",
        "source_id": "M-1",
    }
    headers = {"X-Sent-At": (now - timedelta(minutes=5)).isoformat()}
    made = plant.post("mes", "/v1/complaint", body, headers=headers)
    assert made.status_code == 201, made.text
    plant.archive.views.catch_up()
    page = reader(plant, "boss").words(f"/records/{made.json()['number']}")
    assert "3 小时 后登记" in page
    assert "发送方时钟慢 5 分" in page
    assert "来源 MES M-1" in page


def test_a_record_can_be_seen_as_it_was_known(plant: Plant) -> None:
    """What came later is not there, in answers, timeline and state; before the first event, 404."""
    made = opened(plant)
    plant.clock.turn(minutes=10)
    then = plant.clock().isoformat()
    plant.clock.turn(minutes=10)
    plant.step("cs", made["record"], "respond-l1", {"answer": "稍后的答复", "told_customer": True})
    boss, path = reader(plant, "boss"), f"/records/{made['number']}"
    assert "稍后的答复" in boss.words(path)
    before = boss.words(path, params={"axis": "known", "at": then})
    assert "稍后的答复" not in before
    assert "您看到的是当时所知的记录" in before
    early = boss.get(path, params={"at": "2020-01-01T00:00"})
    assert early.status_code == 404
    assert "当时还没有这条记录" in early.text
    assert boss.get(path, params={"at": "soon"}).status_code == 422


def test_the_two_time_axes_differ(plant: Plant) -> None:
    """A step entered late stands at its claimed time, and was not known then."""
    made = opened(plant)
    plant.clock.turn(minutes=10)
    claimed = plant.clock()
    plant.clock.turn(minutes=10)
    answers = {"answer": "补录的答复", "told_customer": True}
    late = plant.step("cs", made["record"], "respond-l1", answers, occurred_at=claimed.isoformat())
    assert late.status_code == 201, late.text
    boss, path = reader(plant, "boss"), f"/records/{made['number']}"
    at = (claimed + timedelta(minutes=1)).isoformat()
    assert "补录的答复" in boss.words(path, params={"axis": "stood", "at": at})
    assert "补录的答复" not in boss.words(path, params={"axis": "known", "at": at})


def test_a_correction_shows_what_stood_before(plant: Plant) -> None:
    """Both answers, the reason, and a mark at the answer that stands."""
    made = opened(plant)
    body = {"target": 1, "answers": {"customer": "华北机械"}, "reason": "客户名写错"}
    assert plant.post("cs", f"/v1/records/{made['record']}/corrections", body).status_code == 201
    page = reader(plant, "boss").text(f"/records/{made['number']}")
    assert "<del>科技公司</del><ins>华北机械</ins>" in page
    assert "客户名写错" in page
    assert re.search(r'由更正形成: *<a href="#e2">#2</a>', page)


def test_a_signature_left_behind_by_a_correction_is_marked_void(filled_minutes: Plant) -> None:
    """It stays visible, with its edition and the event that left it behind."""
    plant = filled_minutes
    page = reader(plant, "boss").words("/records/JY-2026-00001")
    assert "已作废" in page
    assert "因其后变更,只覆盖旧版次。变更见 #4" in page
    assert "文本版次 1" in page
    assert "待签" in page


@pytest.fixture
def filled_minutes(plant: Plant) -> Plant:
    """Minutes that their department's head signed, and that were then corrected."""
    cs, office = plant.people["cs"], plant.departments["cs"]
    values = {"name": "cs", "functions": ["cs"], "head": cs}
    changed = plant.post("admin", f"/v1/department/{office}/steps/change", {"answers": values})
    assert changed.status_code == 201, changed.text
    answers = {
        "type": "department", "topic": "例会", "goal": "进度", "held_at": plant.clock().isoformat(),
        "place": "一号会议室", "chair": cs, "departments": [office], "participants": [cs],
        "discussion": "按计划。", "decisions": "继续。",
    }  # fmt: skip
    made = plant.post("cs", "/v1/minutes/steps/draft", {"answers": answers})
    assert made.status_code == 201, made.text
    path = f"/v1/records/{made.json()['record']}"
    issued = plant.post("cs", f"/v1/minutes/{made.json()['record']}/steps/issue", {"answers": {}})
    assert issued.status_code == 201, issued.text
    signed = plant.post("cs", f"{path}/signatures", {"slot": "heads", "edition": 1})
    assert signed.status_code == 201, signed.text
    body = {"target": 1, "answers": {"decisions": "暂停。"}, "reason": "记录有误"}
    corrected = plant.post("cs", f"{path}/corrections", body)
    assert corrected.status_code == 201, corrected.text
    plant.archive.views.catch_up()
    return plant


def test_links_show_from_both_ends_and_tell_nothing_of_what_one_may_not_see(
    filled: Sample,
) -> None:
    """The dossier points to the minutes, the minutes are pointed to."""
    boss = filled.reader("gm")
    assert "JY-2026-00001" in boss.words("/records/GD-2026-00001").partition("指向")[2]
    assert "GD-2026-00001" in boss.words("/records/JY-2026-00001").partition("被指向")[2]


def test_a_link_to_what_one_may_not_see_says_only_that(plant: Plant) -> None:
    """A request that a reader may see tells nothing of a complaint that they may not."""
    secret = opened(plant, "other", customer="密客户")
    somebody = plant.hire("somebody", "qc")
    plant.register_caller("author", person=somebody, rights=["read"])
    other = plant.post(
        "other",
        "/v1/collaboration-request",
        {"answers": {
            "project": "改进", "goal": "改进", "content": "改进", "departments":
            [plant.departments["qc"]], "starts_on": "2026-03-02", "period_days": 3,
            "milestones": [{"name": "一", "due": "2026-03-04",
                            "department": plant.departments["qc"]}],
            "result": "改进", "responsible": plant.people["other"],
        }},
    )  # fmt: skip
    assert other.status_code == 201, other.text
    record = other.json()["record"]
    kind = find("collaboration-request")
    rel = next((r.rel for r in kind.links if not r.kinds or "complaint" in r.kinds), None)
    assert rel is not None
    linked = plant.post(
        "other", f"/v1/records/{record}/links", {"rel": rel, "record": secret["record"]}
    )
    assert linked.status_code == 201, linked.text
    plant.archive.views.catch_up()
    page = reader(plant, "author").words(f"/records/{record}")
    assert "一条您无权查看的记录" in page
    assert "密客户" not in page
    assert secret["number"] not in page
    assert "密客户" in reader(plant, "boss").words(f"/records/{record}")


def test_destroyed_content_is_gone_and_its_skeleton_stays(plant: Plant) -> None:
    """410: the page says so; steps, times and proofs are there, words and names are not."""
    made = opened(plant, customer="无影客户")
    staff, acting = Staff(plant), Acting(plant.archive)
    record = acting.archive.ledger.get(made["record"])
    acting.take(record, "withdraw", why="customer", reason="撤回")
    acting.file(record)
    plant.clock.turn(days=4 * 365)
    staff.disposed(record)
    boss = reader(plant, "boss")
    answer = boss.get(f"/records/{made['record']}")
    assert answer.status_code == 410
    page = answer.text
    assert "内容已销毁" in page
    assert "接收并记录投诉" in page
    assert "无影客户" not in page
    assert boss.get(f"/records/{made['record']}/events/1/proof").status_code == 200


def test_an_imported_record_is_marked_wherever_it_shows(plant: Plant, tmp_path: Path) -> None:
    """In the list, on its page and at each event, with its foreign statuses and provenance."""
    log = small(tmp_path)
    import_xes(plant.archive.ledger, log, load_mapping("volvo-vinst"), clock=plant.clock)
    plant.archive.views.catch_up()
    boss = reader(plant, "boss")
    assert '<span class="chip foreign">导入</span>' in boss.text("/records")
    (number,) = boss.numbers("/records?imported=yes")
    page = boss.text(f"/records/{number}")
    assert page.count('<span class="chip foreign">导入</span>') >= 3
    assert "Awaiting Assignment" in page
    assert log.name in page
    assert "由其他系统的历史导入" in page
    assert '<span class="chip foreign">imported</span>' in boss.text(
        f"/records/{number}", params={"lang": "en"}
    )


def test_files_receipts_and_proofs_are_those_of_the_interface(filled: Sample) -> None:
    """Byte for byte, as downloads."""
    boss = filled.reader("gm")
    page = boss.text("/records/KS-2026-00001")
    paths = set(re.findall(r'href="(/records/[0-9a-f]{32}/[^"]+)" download', page))
    kinds = {p.split("/")[3]: p for p in sorted(paths)}
    assert set(kinds) == {"attachments", "events", "export"}
    for path in sorted(p for p in paths if "/export" not in p):
        mine, theirs = boss.get(path), filled.ask("gm", f"/v1{path}")
        assert (mine.status_code, mine.content) == (200, theirs.content)
        assert mine.headers["content-disposition"].startswith("attachment")


def test_an_export_is_noted_and_needs_the_right(plant: Plant) -> None:
    """A bundle for those who may export; the access log has it before it is handed out."""
    made = opened(plant)
    plant.register_caller("reading", person=plant.people["boss"], rights=["read", "confidential"])
    path = f"/records/{made['record']}/export"
    bundle = reader(plant, "boss").get(path)
    assert (bundle.status_code, bundle.content[:4]) == (200, b"PK\x03\x04")
    assert made["number"] in bundle.headers["content-disposition"]
    noted = [(a["what"], a.get("record"), a.get("who")) for a in accesses(plant)]
    assert ("export", made["record"], plant.people["boss"]) in noted
    plain = reader(plant, "reading")
    assert path not in plain.text(f"/records/{made['number']}")
    assert plain.get(path).status_code == 403


def test_reading_a_confidential_record_and_being_refused_are_noted(plant: Plant) -> None:
    """By the same log as the interface's."""
    made = opened(plant)
    path = f"/records/{made['number']}"
    assert reader(plant, "boss").get(path).status_code == 200
    assert reader(plant, "other").get(path).status_code == 404
    noted = [
        (a["what"], a["who"], a["route"])
        for a in accesses(plant)
        if a.get("record") == made["record"]
    ]
    assert ("read", plant.people["boss"], f"GET {path}") in noted
    assert ("refused", plant.people["other"], f"GET {path}") in noted


@pytest.mark.parametrize(
    "path",
    [
        "/records/KS-2026-99999",
        "/records/" + "0" * 32,
        "/records/nonsense",
        "/records/KS-2026-00001/events/999/receipt",
        "/records/KS-2026-00001/events/x/proof",
        "/records/KS-2026-00001/attachments/" + "0" * 32,
        "/records/KS-2026-99999/export",
    ],
)
def test_what_is_not_there_is_a_page_that_says_so(filled: Sample, path: str) -> None:
    """404, in the reader's language."""
    boss = filled.reader("gm")
    assert (boss.get(path).status_code, "没有找到" in boss.get(path).text) == (404, True)
    assert "Not found" in boss.get(path, params={"lang": "en"}).text


def test_pages_work_on_both_stores(both: Plant) -> None:
    """Log in, find, open, see the work and the state of the archive."""
    made = opened(both)
    boss = reader(both, "boss")
    assert boss.numbers("/records?q=科技") == [made["number"]]
    assert "科技公司" in boss.words(f"/records/{made['number']}")
    assert made["number"] in boss.words("/worklist?tab=all")
    assert "KS-2026" in boss.words("/status")
