"""The newcomer's five minutes: what the README tells people to type is typed, on a real server."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.docs.serving import ROOT, Server

TOUR = re.compile(r"^```sh tour\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(readme: str) -> list[str]:
    return TOUR.findall((ROOT / readme).read_text(encoding="utf-8"))


def shown(readme: str) -> list[str]:
    """The lines that the page says the tour prints, in order."""
    page = (ROOT / readme).read_text(encoding="utf-8")
    tour = page[page.index("```sh tour") : page.rindex("```sh tour")]
    tour += page[page.rindex("```sh tour") :].split("\n## ")[0]
    lines = TOUR.sub("", tour).splitlines()
    return [line for line in lines if line.startswith("    ") and line.strip() != "..."]


def plain(line: str) -> str:
    """A line without what differs from run to run: hashes, keys, times, sizes and counts."""
    line = re.sub(r"\b[0-9a-f]{32,}\b", "<hex>", line.strip())
    return re.sub(r"[0-9]+([.,:T-][0-9]+)*Z?", "<n>", line)


def follows(wanted: str, lines: Iterator[str]) -> bool:
    """Whether the line comes next or later; `...` at its end stands for the rest of it."""
    if wanted.endswith("..."):
        return any(line.startswith(wanted.removesuffix("...")) for line in lines)
    return wanted in lines


@pytest.mark.slow
@pytest.mark.parametrize("readme", ["README.md", "README.zh.md"])
def test_the_tour_works_as_it_is_written(server: Server, readme: str) -> None:
    """Every marked block runs in order, and prints what the page says it prints."""
    done = server.type_in("\n".join(blocks(readme)))
    told = f"{done.stdout}\n{done.stderr}"
    assert done.returncode == 0, told
    assert re.search(r"^(KS-\S+) \1$", done.stdout, re.MULTILINE), "sent twice, done twice"
    lines = iter([plain(line) for line in done.stdout.splitlines()])
    assert len(shown(readme)) > 30
    for wanted in shown(readme):
        assert follows(plain(wanted), lines), f"{wanted!r} does not follow in:\n{told}"


def test_a_tour_block_that_fails_is_seen(server: Server) -> None:
    """The harness itself: a refused request ends the script with curl's status."""
    start = blocks("README.md")[0]
    done = server.type_in(start + "\nsay clerk complaint '{}'\necho never")
    assert done.returncode == 22
    assert "never" not in done.stdout
