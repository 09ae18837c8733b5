"""Labels: each there in both languages, none forgotten, none left over."""

from __future__ import annotations

import re

from api.pages.calls import HERE
from api.pages.words import WORDS

ASKED = re.compile(r"word\(([^)]*)\)")
NAME = re.compile(r"""['"]([a-z][a-z0-9-]*[a-z0-9])['"]""")
PREFIXES = (
    "promise-", "sort-", "axis-", "shown-", "assurance-", "meaning-", "reference-", "what-",
    "clock-", "unexplained",
)  # fmt: skip
"""Labels whose names are put together from coarse words."""


def sources() -> str:
    files = [*HERE.glob("templates/*.html"), *HERE.glob("*.py")]
    return "\n".join(f.read_text(encoding="utf-8") for f in files if f.name != "words.py")


def test_every_label_stands_in_both_languages() -> None:
    """No empty word, and no Chinese one in English."""
    for name, said in WORDS.items():
        assert said.zh.strip()
        assert said.en.strip()
        assert name == "other-language" or not re.search(r"[\u4e00-\u9fff]", said.en)


def test_every_label_that_is_used_is_there() -> None:
    """What a template asks for by name."""
    asked = {name for call in ASKED.findall(sources()) for name in NAME.findall(call)}
    assert len(asked) > 100
    assert asked - WORDS.keys() == set()


def test_no_label_is_left_over() -> None:
    """What no page shows is not kept."""
    text = sources()
    left = [
        name
        for name in WORDS
        if not name.startswith(PREFIXES) and f"'{name}'" not in text and f'"{name}"' not in text
    ]
    assert left == []
