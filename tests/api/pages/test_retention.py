"""The retention pages: lists, a whole disposal by forms, the key once more, the certificate."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from tests.api.conftest import Plant
from tests.api.keeping import SECRET, Keeping
from tests.api.pages.conftest import TOKEN, Reader, reader


@pytest.fixture
def keeping(both: Plant) -> Keeping:
    return Keeping(both)


def send(someone: Reader, page: str, deed: str, said: Mapping[str, str], **more: Any) -> Any:
    """A form of a page, with the token that belongs to it."""
    answer = someone.get(page)
    forms = re.findall(r'<form[^>]*action="([^"]+)".*?</form>', answer.text, re.DOTALL)
    path = next(f for f in forms if f.endswith(deed))
    form = answer.text[answer.text.index(f'action="{path}"') :]
    found = TOKEN.search(form)
    assert found is not None
    return someone.client.post(path, data={"token": found.group(1), **said}, **more)


def ready(keeping: Keeping, count: int = 1) -> tuple[dict[str, Any], str]:
    """A reviewed list, and the address of its page."""
    disposal = keeping.listed(*keeping.due(count))
    keeping.reviewed(disposal)
    return disposal, f"/retention/disposals/{disposal['id']}"


def approve(keeping: Keeping, who: str, disposal: dict[str, Any], key: str) -> Any:
    plant = keeping.plant
    today = plant.clock().astimezone(plant.archive.options.zone).date().isoformat()
    page = f"/retention/disposals/{disposal['id']}"
    said = {"list_hash": disposal["list_hash"], "today": today, "key": key}
    return send(reader(plant, who), page, "/approve", said)


def test_a_whole_disposal_by_pages(keeping: Keeping) -> None:
    """Listed from what is due, reviewed, approved with the keys, started, executed, certified."""
    plant = keeping.plant
    records = keeping.due(2)
    lister, head = reader(plant, "lister"), reader(plant, "cs")
    number = plant.archive.ledger.get(records[0]).number
    assert f">{number}<" in reader(plant, "boss").text("/retention")
    made = send(lister, "/retention", "/disposals", {"owner": plant.people["cs"]})
    assert made.status_code == 303, made.text
    page = made.headers["location"]
    disposal = plant.get("lister", f"/v1{page}").json()
    outcomes = {f"outcome-{item['item']}": "destroy" for item in disposal["items"]}
    assert send(head, page, "/review", outcomes).status_code == 303
    for who in ("officer", "quality"):
        assert approve(keeping, who, disposal, plant.keys[who]).status_code == 303
    plant.clock.turn(days=7)
    lister = reader(plant, "lister")  # a session lasts a working day
    assert send(lister, page, "/start", {"key": plant.keys["lister"]}).status_code == 303
    assert send(lister, page, "/execute", {}).status_code == 303
    told = lister.words(page)
    assert "已出具证明" in told
    assert told.count("已销毁") >= 2
    assert disposal["list_hash"] in lister.text(f"{page}/certificate")
    assert lister.get(f"{page}/bundle").headers["content-type"] == "application/zip"
    gone = lister.get(f"/records/{records[0]}")
    assert gone.status_code == 410
    assert disposal["list_hash"] in gone.text
    assert SECRET not in gone.text
    assert "客户0" not in gone.text
    plant.archive.views.catch_up()
    assert disposal["number"] in lister.words("/retention?tab=certificates")


def test_approving_takes_the_key_again(keeping: Keeping) -> None:
    """A wrong key, or another person's, approves nothing: 401, and the page says so."""
    plant = keeping.plant
    disposal, _ = ready(keeping)
    for key in ("", "lh_0000000000000000_x", plant.keys["quality"]):
        answer = approve(keeping, "officer", disposal, key)
        assert answer.status_code == 401
        assert "密钥不是您的" in answer.text
    assert plant.archive.ledger.get(disposal["id"]).state == "listed"
    assert approve(keeping, "officer", disposal, plant.keys["officer"]).status_code == 303
    assert plant.archive.ledger.get(disposal["id"]).state == "approved-once"


def test_a_form_from_elsewhere_does_nothing(keeping: Keeping) -> None:
    """Without the page's token, or sent from another site."""
    plant = keeping.plant
    disposal, page = ready(keeping)
    officer = reader(plant, "officer")
    said = {"list_hash": disposal["list_hash"], "key": plant.keys["officer"]}
    assert "页面已过期" in officer.client.post(f"{page}/approve", data=said).text
    foreign = send(officer, page, "/approve", said, headers={"Sec-Fetch-Site": "cross-site"})
    assert "页面已过期" in foreign.text
    assert plant.archive.ledger.get(disposal["id"]).state == "listed"
    assert officer.client.post("/retention/disposals", data={}).headers["location"] == "/retention"


def test_only_those_who_may_are_offered_a_form(keeping: Keeping) -> None:
    """The list is there for all to read; forms are for whom the step is."""
    plant = keeping.plant
    _, page = ready(keeping)
    for who, offered in (
        ("officer", {"approve", "withdraw"}), ("cs", {"review"}), ("lister", {"withdraw"}),
        ("worker", set()), ("admin", {"withdraw"}),
    ):  # fmt: skip
        text = reader(plant, who).text(page)
        found = set(re.findall(rf'action="{page}/([a-z]+)"', text))
        assert found == offered, who


def test_a_refusal_is_said_on_the_page(keeping: Keeping) -> None:
    """With its code and why; the record is where it was."""
    plant = keeping.plant
    disposal, page = ready(keeping)
    keeping.approved(disposal)
    answer = send(reader(plant, "lister"), page, "/start", {"key": plant.keys["lister"]})
    assert (answer.status_code, "COOL_OFF" in answer.text) == (409, True)
    assert plant.archive.ledger.get(disposal["id"]).state == "approved"


def test_what_is_kept_says_why_on_the_certificate(keeping: Keeping) -> None:
    """A day and a reason are asked for, once; the item is an exception with its code."""
    plant = keeping.plant
    (due,) = keeping.due()
    disposal = keeping.listed(due)
    page = f"/retention/disposals/{disposal['id']}"
    cs = reader(plant, "cs")
    bare = send(cs, page, "/review", {"outcome-1": "keep", "reason-1": "另案使用"})
    assert bare.status_code == 422
    assert "请写明保管至的日期和理由" in bare.text
    assert 'value="另案使用"' in bare.text
    assert "请写明理由" in send(cs, page, "/review", {"outcome-1": "hold"}).text
    late = {"outcome-1": "keep", "until-1": "2090-01-01", "reason-1": "另案使用"}
    assert "不超过十年" in send(cs, page, "/review", late).text
    said = {"outcome-1": "keep", "until-1": "2035-01-01", "reason-1": "另案使用"}
    for _ in "twice":
        assert send(cs, page, "/review", said).status_code == 303
    archive = plant.archive
    assert len([e for e in archive.ledger.get(disposal["id"]).entries if e.step == "review"]) == 1
    keeping.approved(disposal)
    done = keeping.executed(disposal)
    assert done["items"][0]["result"]["code"] == "KEPT"
    printed = reader(plant, "cs").text(f"{page}/certificate")
    assert "例外" in printed
    assert "KEPT" in printed
    assert "继续保管至2035-01-01" in reader(plant, "cs").text(f"/records/{due}")


def test_every_tab_is_there_in_both_languages(keeping: Keeping) -> None:
    """With the rules' authority, the months, and empty lists that say so."""
    plant = keeping.plant
    keeping.due()
    boss = reader(plant, "boss")
    for tab in (
        "due", "held", "pending", "blocked", "unfiled", "months", "rules", "disposals",
        "certificates",
    ):  # fmt: skip
        for lang in ("zh", "en"):
            assert boss.get(f"/retention?tab={tab}&lang={lang}").status_code == 200, tab
    rules = boss.words("/retention?tab=rules&lang=en")
    assert "IATF 16949:2016 7.5.3.2.1" in rules
    assert "There is nothing here." in boss.words("/retention?tab=held")
    assert boss.get("/retention?cursor=%21").status_code == 422


def test_a_record_says_when_it_may_go(keeping: Keeping) -> None:
    """On its own page, with each of its paper copies."""
    plant = keeping.plant
    record = keeping.imported()
    answers = {
        "record": record, "copy": 1, "location": "A-3-2", "pages": 4,
        "keeper": plant.people["clerk"], "signed_original": False, "required_by": "none",
    }  # fmt: skip
    assert plant.post("clerk", "/v1/paper-copy", {"answers": answers}).status_code == 201
    plant.archive.views.catch_up()
    page = reader(plant, "cs").words(f"/records/{record}")
    assert "2029-03-02" in page
    assert "RR-03" in page
    assert "A-3-2" in page


def test_the_certificate_holds_no_word_of_what_is_gone(keeping: Keeping) -> None:
    """Nor does it ask for anything from elsewhere; it stands alone."""
    plant = keeping.plant
    done = keeping.disposed(*keeping.due(2))
    page = reader(plant, "boss").text(f"/retention/disposals/{done['id']}/certificate")
    assert SECRET not in page
    assert "客户0" not in page
    assert not re.search(r"(src|href)=", page)
    for name in ("officer", "quality", "lister"):
        assert name in page
