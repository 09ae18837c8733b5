"""Texts folded for search, so that one word is found however it was typed.

What folds together: full-width and half-width forms, capitals and small letters (Unicode's
NFKC_Casefold), traditional and simplified characters, runs of white space and control characters
(one space), with and without invisible characters such as joiners and variation selectors.
Punctuation stays: A-4711/B is found as typed.

Characters are simplified one by one, and many become one: 後 and 后 both fold to 后, 裏 and 裡
to 里, 乾 and 幹 and 干 to 干, 發 and 髮 to 发. So nothing is missed, at the price that words which
differ only in these are found together (發 in 出發, 髮 in 頭髮). Conversion by words would tell
some of them apart, but changes lengths and depends on where a text is cut, so it finds less.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import lru_cache

from opencc import OpenCC

_IDEOGRAPHS = (range(0x3400, 0x4DC0), range(0x4E00, 0xA000), range(0x20000, 0x323B0))

# Default_Ignorable_Code_Point of Unicode 15 (DerivedCoreProperties.txt).
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# Each folds to one character, whatever stands before it.
_PLAIN = (
    "!-~À-ÖØ-Þà-öø-ÿΑ-ΡΣ-Ωα-ωА-яぁ-ゖァ-ヺ가-힣、-〩！-～"
    "\u2018\u2019\u201c\u201d–—·×\u3400-\u4dbf\u4e00-\u9fff"
)
_SPACES = r"\s\x00-\x1f\x7f-\x9f"
_NEVER_LONGER = re.compile(f"[{_PLAIN}{_SPACES}]*")
_SPACE = re.compile(f"[{_SPACES}]+")
_STRETCHES = re.compile(
    rf"(?P<space>{_SPACE.pattern})|(?P<plain>[{_PLAIN}]+(?![^{_PLAIN}]))|(?P<odd>.)", re.DOTALL
)


@lru_cache(maxsize=1)
def _simplified() -> dict[int, str]:
    """Every traditional character and its simplified one, from the tables of OpenCC."""
    characters = [chr(c) for block in _IDEOGRAPHS for c in block]
    converted = OpenCC("t2s").convert("\n".join(characters)).split("\n")
    table = {a: b for a, b in zip(characters, converted, strict=True) if a != b and len(b) == 1}
    return {ord(character): _last(character, table) for character in table}


def _last(character: str, table: dict[str, str]) -> str:
    while character in table:
        character = table[character]
    return character


@lru_cache(maxsize=1)
def _traditional() -> frozenset[str]:
    return frozenset(map(chr, _simplified()))


@lru_cache(maxsize=1)
def fold_version() -> str:
    """Changes when the same text may fold differently, so that what was folded is folded anew."""
    table = "".join(f"{chr(a)}{b}" for a, b in sorted(_simplified().items()))
    return f"1-{unicodedata.unidata_version}-{hashlib.sha256(table.encode()).hexdigest()[:8]}"


def fold(text: str) -> str:
    """The form in which texts are compared. Folding twice changes nothing."""
    if not text.isascii():
        text = _INVISIBLE.sub("", clean(text))
        # The three steps of NFKC_Casefold (The Unicode Standard, 3.13, R5), and simplified.
        text = unicodedata.normalize("NFD", text).casefold()
        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
        for character in _traditional().intersection(text):
            text = text.replace(character, _simplified()[ord(character)])
        return _SPACE.sub(" ", text)
    return _SPACE.sub(" ", text).lower()


def clean(text: str) -> str:
    """The text as databases can hold it: halves of characters paired or replaced, no NUL."""
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text.replace("\0", " ")


def is_even(text: str, folded: str) -> bool:
    """Whether each character of a (clean) text became the one at its place in `folded`."""
    return len(text) == len(folded) and _NEVER_LONGER.fullmatch(text) is not None


def offsets(text: str, folded: str) -> range | list[int]:
    """For each character of `folded`, where in `text` (clean) that which it stands for begins.

    One more at the end: the length of the text.
    """
    if is_even(text, folded):
        return range(len(text) + 1)
    places: list[int] = []
    spaced = False
    for start, end, plain in _clusters(text):
        if plain:
            places.extend(range(start, end))
            spaced = False
            continue
        cluster = fold(text[start:end])
        piece = cluster[1:] if spaced and cluster.startswith(" ") else cluster
        if piece:
            spaced = piece.endswith(" ")
            places.extend([start] * len(piece))
    places.append(len(text))
    return places


def _clusters(text: str) -> list[tuple[int, int, bool]]:
    """Pieces that fold apart as they fold together: (start, end, each character to one)."""
    found: list[tuple[int, int, bool]] = []
    for stretch in _STRETCHES.finditer(text):
        odd = stretch["odd"]
        if odd and found and not (odd in _plain() or unicodedata.category(odd)[0] in "SNP"):
            # It may combine with what stands before it.
            found[-1] = (found[-1][0], stretch.end(), False)
        else:
            found.append((*stretch.span(), stretch.lastgroup == "plain"))
    return found


@lru_cache(maxsize=1)
def _plain() -> frozenset[str]:
    return frozenset(chr(c) for c in range(0x10000) if re.fullmatch(f"[{_PLAIN}]", chr(c)))
