"""Every page: nothing from outside, no script, a strict policy, sound markup for every reader."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from api.pages.calls import ICON_PATH, STYLE, STYLE_PATH
from tests.api.pages.conftest import Sample

PAGES = (
    "/login", "/records", "/records?q=投诉", "/records/KS-2026-00001", "/records/JY-2026-00001",
    "/records/KS-2026-00001?axis=stood&at=2999-01-01T00:00", "/worklist", "/worklist?tab=all",
    "/status", "/records/KS-2026-99999",
)  # fmt: skip
VOID = {"meta", "link", "img", "input", "br"}


class Outline(HTMLParser):
    """Notes what is wrong with a page's markup, as a reader with a screen reader would meet it."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []
        self.ids: list[str] = []
        self.labelled: set[str] = set()
        self.inputs: list[tuple[str, bool]] = []
        self.headings = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if said.get("id"):
            self.ids.append(said["id"] or "")
        if "style" in said or any(name.startswith("on") for name in said):
            self.faults.append(f"{tag} with {sorted(said)}")
        if tag == "label" and said.get("for"):
            self.labelled.add(said["for"] or "")
        if tag in ("input", "select") and said.get("type") != "hidden":
            self.inputs.append((said.get("id") or "", "label" in self.open))
        if tag == "img" and "alt" not in said:
            self.faults.append("img without alt")
        self.headings += tag == "h1"
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> where it closes nothing")

    def found(self) -> list[str]:
        bare = [i for i, inside in self.inputs if not inside and i not in self.labelled]
        twice = [i for i in self.ids if self.ids.count(i) > 1]
        return self.faults + self.open + bare + twice + ([] if self.headings == 1 else ["h1"])


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("path", PAGES)
def test_each_page_is_sound_and_needs_nothing_from_outside(
    filled: Sample, path: str, language: str
) -> None:
    """Tags close, fields have labels, ids are single, and no address leaves the archive."""
    boss = filled.reader("gm")
    boss.get("/records", params={"lang": language})
    answer = boss.get(path)
    outline = Outline()
    outline.feed(answer.text)
    assert outline.found() == []
    assert re.findall(r'(?:src|href|action)="(?!/|\?|#)[^"]*', answer.text) == []
    assert "<script" not in answer.text
    assert ('lang="en"' if language == "en" else 'lang="zh-Hans"') in answer.text[:60]


def test_pages_carry_a_strict_policy_and_are_not_kept(filled: Sample) -> None:
    """No script, no frame, no plugin; nothing stays in a cache."""
    headers = filled.reader("gm").get("/records").headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"


def test_sheet_and_icon_are_ours_and_may_be_kept(filled: Sample) -> None:
    """Their address changes with their bytes; the sheet asks for nothing from anywhere."""
    boss = filled.reader("gm")
    for path, kind in ((STYLE_PATH, "text/css"), (ICON_PATH, "image/svg+xml")):
        answer = boss.get(path)
        assert answer.headers["content-type"].startswith(kind)
        assert "immutable" in answer.headers["cache-control"]
    assert b"url(" not in STYLE
    assert b"@import" not in STYLE
