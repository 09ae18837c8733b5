"""How texts are folded for search."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from archive.folding import clean, fold, fold_version, offsets

PAIRS = (
    ("投訴", "投诉"), ("爐號", "炉号"), ("會議紀要", "会议纪要"), ("後", "后"), ("裏", "里"),
    ("裡", "里"), ("乾", "干"), ("客戶滿意度", "客户满意度"), ("檢驗報告", "检验报告"),
    ("焊縫氣孔", "焊缝气孔"), ("糾正預防措施", "纠正预防措施"), ("發貨單", "发货单"),
    ("頭髮", "头发"), ("鑄造車間", "铸造车间"), ("驗收", "验收"), ("鋼筆", "钢笔"),
    ("供應商審核", "供应商审核"), ("龍門銑", "龙门铣"), ("ＡＢＣ－１２３", "abc-123"),
    ("㈱", "(株)"), ("①", "1"), ("℃", "°c"), ("ﬁ", "fi"), ("Straße", "strasse"),
    ("ｶﾞｲﾄﾞ", "ガイド"), ("cafe\u0301", "café"), ("\u2f26弟", "子弟"), ("豈", "岂"),
)  # fmt: skip

# Characters that combine, vanish, widen, shrink or reorder.
NASTY = st.text(
    st.one_of(
        st.sampled_from(
            "a é ß ﬁ İ i \u0301\u0308\u0345\u0323\u3099\u309a\uff9e か カ ｶ 後 裏 投 "
            "\u1100\u1161\u11a8가 \u200b\u200d\ufe0f\ufeff\u00ad \t\n\r\x00\x1f\x85\u3000\u00a0"
            "¨´…①℃㈱ᾳ ΐ ς 👨👩😀\U0001f3fd"
            "\ud83d\ude00\U000e0101 \u09c7\u09be - / % _ \" ' "
        ),
        st.characters(),
    ),
    max_size=12,
)


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_spellings_of_one_word_fold_alike(one: str, other: str) -> None:
    """Traditional and simplified, wide and narrow spellings are the same word."""
    assert fold(one) == fold(other)


def test_part_numbers_stay_as_typed() -> None:
    """Punctuation inside part numbers is kept."""
    assert fold("Ａ－4711／Ｂ  Rev.C") == "a-4711/b rev.c"


def test_control_characters_part_words() -> None:
    """A NUL or a tab is a space, beside Chinese as beside English."""
    assert (fold("a\0b"), fold("投\0\t诉")) == ("a b", "投 诉")


def test_different_words_stay_different() -> None:
    """Folding joins spellings, not words."""
    assert len({fold(w) for w in ("投诉", "头发", "炉号", "会议", "A-4711/B", "A4711B")}) == 6


@given(NASTY)
@example("\u0345\u0301")
@example("a\x00 \u200b b")
def test_folding_twice_changes_nothing(text: str) -> None:
    """fold(fold(x)) == fold(x)."""
    assert fold(fold(text)) == fold(text)


@given(NASTY, NASTY)
def test_a_part_that_stands_alone_is_found_in_the_whole(before: str, after: str) -> None:
    """Between spaces a word folds as it does by itself, whatever stands around it."""
    whole = fold(f"{before} 爐號A-1 {after}")
    assert " 炉号a-1 " in whole


@given(NASTY)
@example("e\u0301 \u0301")
@example("a ¨")
def test_every_folded_character_has_its_place(text: str) -> None:
    """Offsets rise from 0 to the end, one for each folded character."""
    text = clean(text)
    folded = fold(text)
    places = list(offsets(text, folded))
    assert len(places) == len(folded) + 1
    assert places == sorted(places)
    assert places[-1] == len(text)


@given(NASTY, st.sampled_from(("投訴", "A-4711/B", "25")), NASTY)
def test_what_was_found_is_marked_in_the_original(before: str, word: str, after: str) -> None:
    """The stretch of the original under a found word folds to something that contains it."""
    text = clean(f"{before} {word} {after}")
    folded = fold(text)
    at = folded.index(fold(word))
    places = offsets(text, folded)
    start, end = places[at], places[at + len(fold(word))]
    assert fold(word) in fold(text[start:end])


@given(st.text())
def test_clean_texts_can_be_stored(text: str) -> None:
    """No lone surrogate and no NUL is left."""
    assert "\0" not in clean(text).encode().decode()


def test_paired_halves_are_one_character() -> None:
    """Two surrogates that make a pair are read as the character they mean."""
    assert clean("\ud83d\ude00") == "😀"


def test_no_character_is_left_unsimplified() -> None:
    """Every single character folds to a form that folding leaves alone."""
    characters = (chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000)
    assert [c for c in characters if fold(fold(c)) != fold(c)] == []


def test_the_version_names_the_tables() -> None:
    """The version tells Unicode's tables and those of simplification apart."""
    assert unicodedata.unidata_version in fold_version()
