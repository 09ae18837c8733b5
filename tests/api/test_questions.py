"""Questions to the register as one line of text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.questions import Question, QuestionError, of_year
from archive.evidence.heads import About

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(
    number=st.none() | TEXT,
    kind=st.lists(TEXT.map(lambda t: t[:64]), max_size=3),
    overdue=st.booleans(),
    filed=st.none() | st.booleans(),
    opened_from=st.none()
    | st.integers(-2_000_000_000, 30_000_000_000).map(lambda s: NOW + timedelta(seconds=s)),
)
def test_a_question_is_read_as_it_was_written(**said: object) -> None:
    """Whatever is asked, its text asks the same again, and a bundle can carry it."""
    question = Question.model_validate(said)
    again = Question.read(question.text)
    assert again.filter(NOW) == question.filter(NOW)
    assert again.text == question.text
    if question.text:
        About(as_of="2026-11-22T08:00:00.000000Z", variety="query", asked=question.text).check()


def test_the_text_stays_readable() -> None:
    """Words of the plant stand as they are; only what would end them is marked."""
    question = Question(kind=["complaint", "8d"], reference="科技公司 & 合作=好", filed=True)
    told = "filed=true&kind=complaint&kind=8d&reference=科技公司 %26 合作%3D好"
    assert question.text == told
    assert Question().text == ""


@pytest.mark.parametrize("text", ["filed=perhaps", "nonsense=1", "number=a&number=b", "kind"])
def test_what_cannot_be_asked(text: str) -> None:
    """A slip is told, never a question that nobody meant."""
    with pytest.raises(QuestionError):
        Question.read(text)


def test_too_much_or_nothing_is_asked_of_no_bundle() -> None:
    """What a bundle cannot carry is refused before anything is written."""
    for question in (Question(), Question(kind=["x" * 64] * 50, state=["y" * 64] * 50)):
        with pytest.raises(QuestionError):
            _ = question.asked


def test_a_year_is_the_plants_own() -> None:
    """It begins and ends at midnight where the plant is."""
    year = of_year(2026, ZoneInfo("Asia/Shanghai")).filter(NOW)
    assert year.opened_from == datetime(2025, 12, 31, 16, tzinfo=UTC)
    assert year.opened_until == datetime(2026, 12, 31, 16, tzinfo=UTC)
