"""The worked examples of docs/retention.md are what the program reckons."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path
from typing import cast

import pytest

from retention.rules import SHIPPED
from retention.schedule import CutOff, Period, last_day

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS / "retention.md", DOCS / "zh" / "retention.md"]
DAY = r"(\d{4}-\d\d-\d\d)"
EXAMPLE = re.compile(rf"^\| {DAY} \| (P\w+) \| ([a-z-]+) \| {DAY} \| {DAY} \|", re.MULTILINE)


def examples() -> list[tuple[str, ...]]:
    return [row for page in PAGES for row in EXAMPLE.findall(page.read_text(encoding="utf-8"))]


def test_there_are_examples_in_both_languages() -> None:
    """The same ones."""
    rows = examples()
    assert len(rows) == 16
    assert rows[:8] == rows[8:]


@pytest.mark.parametrize(("filed", "period", "cut_off", "last", "free"), examples()[:8])
def test_each_example(filed: str, period: str, cut_off: str, last: str, free: str) -> None:
    """As the page says."""
    end = last_day(date.fromisoformat(filed), Period.parse(period), cast("CutOff", cut_off))
    assert end.isoformat() == last
    assert (end + timedelta(days=1)).isoformat() == free


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_every_shipped_rule_stands_on_the_page(page: Path) -> None:
    """In order, each once."""
    told = re.findall(r"^\| (RR-\d\d) \|", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert told == list(SHIPPED)
