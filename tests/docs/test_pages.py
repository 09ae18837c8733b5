"""What the documents name is there, and what is there stands in the documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from fastapi.routing import APIRoute

from api import retention_lists
from api.cli import cli
from api.disposals import disposal_routes
from api.problems import PROBLEMS
from api.settings import Settings, names
from domain.kinds import all_versions, current
from retention.errors import WHY
from tests.docs.kind_pages import pages

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")], key=lambda path: path.as_posix())

TWINS = {
    "README.md": "README.zh.md",
    **{
        f"docs/{name}.md": f"docs/zh/{name}.md"
        for name in (
            "api",
            "architecture",
            "backup",
            "kinds",
            "operations",
            "retention",
            "settings",
        )
    },
}
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
MAKE = re.compile(r"^([a-z]+):", re.MULTILINE)


def text(name: str | Path) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def prose(page: str) -> str:
    return FENCE.sub("", page)


def typed(page: str) -> Iterator[str]:
    """What a page tells people to type: code spans, and lines of code blocks."""
    yield from SPAN.findall(prose(page))
    for block in FENCE.findall(page):
        yield from block.splitlines()[1:-1]
    yield from (line.strip() for line in page.splitlines() if line.startswith("    "))


def every(kind_of_page: str) -> list[pytest.ParameterSet]:
    return [pytest.param(p, id=relative(p)) for p in PAGES if kind_of_page in relative(p)]


def anchor(heading: str) -> str:
    """The name that a heading has in a link: as the usual viewers of Markdown make it."""
    plain = heading.replace("`", "").strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def anchors(path: Path) -> set[str]:
    heads = re.findall(r"^#+ (.*)$", prose(path.read_text(encoding="utf-8")), re.MULTILINE)
    return {anchor(head) for head in heads}


@pytest.mark.parametrize("page", every(".md"))
def test_links_lead_somewhere(page: Path) -> None:
    """Each link to a file of the repository finds the file, and the heading it names."""
    broken = []
    for target in LINK.findall(prose(page.read_text(encoding="utf-8"))):
        if target.startswith(("http://", "https://")):
            continue
        name, _, heading = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        if not there.exists() or (heading and heading not in anchors(there)):
            broken.append(target)
    assert broken == []


def commands() -> dict[str, click.Command]:
    """Every command by the words that call it: `liuhen keys list`."""
    found: dict[str, click.Command] = {}

    def gather(group: click.Group, words: str) -> None:
        context = click.Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            found[f"{words} {name}"] = command
            if isinstance(command, click.Group):
                gather(command, f"{words} {name}")

    gather(cli, "liuhen")
    return found


def called(line: str) -> str | None:
    """The command that a line calls, in as many words as there are commands."""
    words = line.split()
    longest = None
    for n in range(2, min(len(words), 3) + 1):
        if " ".join(words[:n]) in commands():
            longest = " ".join(words[:n])
    return longest


def options(command: click.Command) -> set[str]:
    own = {o for p in command.params for o in (*p.opts, *p.secondary_opts)}
    return own | {"--help", "-h", "--lang", "--json", "--vkey", "--policy"}


def calls(page: Path) -> Iterator[str]:
    for line in typed(page.read_text(encoding="utf-8")):
        for part in re.split(r"&&|\|\||[|;#>]|\$\(|\)", line):
            if part.strip().startswith("liuhen "):
                yield part.strip()


@pytest.mark.parametrize("page", every(".md"))
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    """So do its options."""
    unknown = []
    for call in calls(page):
        name = called(call)
        wanted = re.findall(r"(?<=\s)--?[a-z][a-z-]*", call)
        if name is None or not set(wanted) <= options(commands()[name]):
            unknown.append(call)
    assert unknown == []


@pytest.mark.parametrize("page", ["docs/operations.md", "docs/zh/operations.md"])
def test_every_command_stands_in_the_operations(page: str) -> None:
    """Also those of `liuhen keys`, by their last word."""
    missing = [
        name
        for name in commands()
        if name not in text(page) and f"`{name.rsplit(' ', 1)[1]}`" not in text(page)
    ]
    assert missing == []


@pytest.mark.parametrize("page", ["docs/settings.md", "docs/zh/settings.md"])
def test_every_setting_stands_in_the_docs_with_its_default(page: str) -> None:
    """In both languages, in the same order."""
    rows = re.findall(r"^\| `(LIUHEN_[A-Z_]+)` \| (\S+) \|", text(page), re.MULTILINE)
    assert [name for name, _ in rows] == list(names())
    fallback = Settings()
    for name, told in rows:
        value = getattr(fallback, name.removeprefix("LIUHEN_").lower())
        if isinstance(value, bool):
            value = "yes" if value else "no"
        assert told in ({"(none)", "（无）"} if value in (None, ()) else {f"`{value}`"}), name


@pytest.mark.parametrize("page", every(".md"))
def test_every_setting_that_a_page_names_exists(page: Path) -> None:
    """No variable of an earlier day is left."""
    told = set(re.findall(r"LIUHEN_[A-Z]+(?:_[A-Z]+)*", page.read_text(encoding="utf-8")))
    assert told <= set(names())


@pytest.mark.parametrize("page", every(".md"))
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    """`make something` in a page is a target of the Makefile."""
    targets = set(MAKE.findall(text("Makefile")))
    told = {
        word
        for line in typed(page.read_text(encoding="utf-8"))
        for word in re.findall(r"(?:^|&& )make ([a-z]+)\b", line)
    }
    assert told <= targets


@pytest.mark.parametrize("page", ["docs/kinds.md", "docs/zh/kinds.md"])
def test_every_kind_stands_in_the_docs(page: str) -> None:
    """With its prefix where people meet it, and a link to its page."""
    for kind in current().values():
        assert f"(kinds/{kind.id}.md)" in text(page)
        if not kind.internal:
            assert re.search(rf"^\| \[{kind.id}\].*\| `{kind.prefix}` \|", text(page), re.MULTILINE)


def test_the_pages_of_the_kinds_say_what_the_kinds_say() -> None:
    """Renew them with `python -m tests.docs.kind_pages`."""
    stale = [relative(p) for p, said in pages().items() if not p.exists() or text(p) != said]
    assert stale == []
    lying = {p for folder in ("docs/kinds", "docs/zh/kinds") for p in ROOT.glob(f"{folder}/*.md")}
    assert lying == set(pages())


@pytest.mark.parametrize("page", ["docs/api.md", "docs/zh/api.md"])
def test_every_route_and_every_refusal_of_retention_stands_in_the_docs(page: str) -> None:
    """Routes of the same place may share a line, by their last word."""
    told = text(page)
    routes = [*retention_lists.router.routes, *disposal_routes().routes]
    paths = [route.path for route in routes if isinstance(route, APIRoute)]
    assert len(paths) > 15
    missing = [p for p in paths if p not in told and f"`/{p.rsplit('/', 1)[1]}`" not in told]
    assert missing == []
    assert [code for code in WHY if f"`{code}`" not in told] == []


@pytest.mark.parametrize("page", every(".md"))
def test_every_route_of_a_kind_that_a_page_names_exists(page: Path) -> None:
    """A step in a path is a step of that kind."""
    steps = {kind.id: {s.id for s in kind.steps} for kind in all_versions().values()}
    told = re.findall(r"\b([a-z-]+)/(?:[^/\s`]+/)?steps/([a-z0-9-]+)", text(page))
    unknown = [(k, s) for k, s in told if k != "v1" and s not in steps.get(k, ())]
    assert unknown == []


@pytest.mark.parametrize("page", ["docs/operations.md", "docs/zh/operations.md"])
def test_every_problem_that_the_operations_name_exists(page: str) -> None:
    """With the status that it has."""
    told = re.findall(r"\b([45]\d\d) ((?:`[a-z-]+`(?:, |、)?)+)", text(page))
    known = {(str(p.status), p.id) for p in PROBLEMS.values()}
    named = {(status, name) for status, some in told for name in SPAN.findall(some)}
    assert len(named) > 15
    assert named <= known


@pytest.mark.parametrize(("english", "chinese"), TWINS.items())
def test_what_people_in_the_plant_read_exists_in_both_languages(english: str, chinese: str) -> None:
    """Twins name each other, and have the same shape: headings, tables, code."""
    one, other = text(english), text(chinese)
    assert Path(chinese).name in one
    assert Path(english).name in other
    assert shape(one) == shape(other)


def shape(page: str) -> dict[str, int]:
    lines = page.splitlines()
    return {
        "headings": sum(line.startswith("#") for line in prose(page).splitlines()),
        "rows": sum(line.startswith("|") for line in lines),
        "code": len(FENCE.findall(page)),
    }


@pytest.mark.parametrize("page", every(".md"))
def test_paths_of_code_that_a_page_names_exist(page: Path) -> None:
    """`api/settings.py` in a page is a file."""
    told = re.findall(r"`((?:api|archive|domain|retention|tests)/[\w/.-]+)`", text(page))
    assert [name for name in told if not (ROOT / name).exists()] == []
