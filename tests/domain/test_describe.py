"""Records in the words of people."""

from __future__ import annotations

from domain.describe import answer, searchable, subject
from domain.kind import Field, Option, text
from domain.kinds import current
from tests.archive.views.logs import kinds, made_log
from tests.domain.plant import DEPARTMENTS, PEOPLE, directory


def test_every_record_has_a_subject_in_one_line() -> None:
    """Of every kind, in both languages, without ids."""
    log = made_log(50, 2 * len(kinds()))
    ids = {*PEOPLE.values(), *DEPARTMENTS.values()}
    for record in log.states.values():
        for language in ("zh", "en"):
            line = subject(record, language, directory())
            assert line.strip()
            assert "\n" not in line
            assert len(line) <= 200
            assert not any(i in line for i in ids), record.kind.id


def test_a_record_without_content_says_so_and_is_not_searched() -> None:
    """Nothing is made up from what is left."""
    record = next(iter(made_log(51, 1).states.values()))._replace(readable=False)
    assert (subject(record, "zh"), subject(record, "en")) == ("内容已销毁", "content destroyed")
    assert searchable(record) == ""


def test_all_that_was_written_and_chosen_is_searched() -> None:
    """Each text answer, wherever it stands, and each chosen option's title in both languages."""
    log = made_log(52, 2 * len(kinds()))
    texts = titles = 0
    for record in log.states.values():
        found = searchable(record)
        assert record.number is not None
        assert record.number in found
        for entry in record.entries:
            step = record.kind.step(entry.step)
            assert step is not None
            for field in step.form.fields:
                value = entry.values.get(field.id)
                if field.type == "text" and value is not None:
                    assert value in found
                    texts += 1
                if field.type == "choice" and value is not None:
                    title = next(o.title for o in field.options if o.id == value)
                    assert title.zh in found
                    assert title.en in found
                    titles += 1
    assert texts
    assert titles


def test_answers_are_shown_by_their_names() -> None:
    """Titles, names, yes and no, site time, rows; an unknown id stays what it is."""
    plant = directory()
    options = (Option(id="x", title=text("红", "red")), Option(id="y", title=text("绿", "green")))
    pick = Field(id="a", title=text("甲", "A"), type="choices", options=options)
    assert answer(pick, ["x", "y"], "zh") == "红、绿"
    assert answer(pick, ["x", "y"], "en") == "red, green"
    who = Field(id="w", title=text("谁", "who"), type="person")
    assert answer(who, PEOPLE["gm"], "zh", plant) == "GM"
    assert answer(who, "f" * 32, "zh", plant) == "f" * 32
    yes = Field(id="b", title=text("是否", "whether"), type="boolean")
    assert (answer(yes, True, "zh"), answer(yes, False, "en")) == ("是", "no")
    when = Field(id="t", title=text("时间", "time"), type="instant")
    assert answer(when, "2026-03-02T16:30:00.000000Z", "en") == "2026-03-03 00:30"
    rows = Field(id="r", title=text("表", "rows"), type="rows", rows=(pick, who))
    row = {"a": ["x"], "w": PEOPLE["gm"]}
    assert answer(rows, [row, row], "zh", plant) == "甲:红;谁:GM\n甲:红;谁:GM"


def test_subjects_name_fields_that_exist() -> None:
    """Of every kind, also the archive's own."""
    for kind in current().values():
        fields = {f.id for s in kind.steps for f in s.form.fields}
        assert kind.subject or kind.internal
        assert {path.rpartition(".")[2] for path in kind.subject} <= fields, kind.id
