"""Times, spans and sizes as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.pages.pen import Pen
from domain.directory import Directory

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ZH, EN = (Pen(language, SHANGHAI, Directory(), NOON) for language in ("zh", "en"))


def test_a_time_is_the_sites_and_keeps_its_instant() -> None:
    """Shown to the minute by the site's clock, exact in the element."""
    told = ZH.when("2026-11-22T16:30:15.123456Z")
    assert told == (
        '<time datetime="2026-11-22T16:30:15.123456Z" title="2026-11-23 00:30:15 CST">'
        "2026-11-23 00:30</time>"
    )
    assert ZH.when(None) == "—"


@given(st.timedeltas(timedelta(), timedelta(days=36_500)))
def test_a_moment_in_a_form_is_never_before_it(later: timedelta) -> None:
    """Sent again it is less than a millisecond later: no event is lost on the way."""
    moment = NOON + later
    again = datetime.fromisoformat(ZH.local(moment)).replace(tzinfo=SHANGHAI)
    assert timedelta() <= again - moment < timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("span", "zh", "en"),
    [
        (timedelta(seconds=0.2), "不到一秒", "less than a second"),
        (timedelta(seconds=61), "1 分 1 秒", "1 min 1 s"),
        (timedelta(days=-2, hours=-3, minutes=-4), "2 天 3 小时", "2 d 3 h"),
        (timedelta(hours=5), "5 小时", "5 h"),
    ],
)
def test_a_span_is_told_in_its_two_largest_units(span: timedelta, zh: str, en: str) -> None:
    """Without its sign."""
    assert (ZH.span(span), EN.span(span)) == (zh, en)


@pytest.mark.parametrize(
    ("count", "told"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (2 * 1024**3, "2.0 GiB"),
     (5000 * 1024**3, "5000.0 GiB")],
)  # fmt: skip
def test_a_size_is_told_in_a_fitting_unit(count: int, told: str) -> None:
    """Binary units up to GiB."""
    assert ZH.size(count) == told


def test_text_keeps_its_lines_and_stays_text() -> None:
    """Line breaks become breaks, markup is escaped."""
    assert ZH.lines("a\n<b>") == "a<br>&lt;b&gt;"
