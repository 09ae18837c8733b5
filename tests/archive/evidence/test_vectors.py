"""The files that we publish for other implementations are what the program makes."""

import json
from collections.abc import Callable

import pytest

from archive.evidence import checkpoint, dsse, leaf, note, receipt, statement
from archive.evidence.errors import EvidenceError
from archive.evidence.facts import FACTS
from archive.evidence.report import Verdict
from archive.evidence.wording import STEPS
from tests.vectors import generate

READ: dict[str, Callable[[bytes], object]] = {
    "statement": statement.parse,
    "envelope": lambda data: dsse.parse(data, dsse.STATEMENT_TYPE),
    "leaf": leaf.parse,
    "receipt": receipt.parse,
    "checkpoint": checkpoint.read,
    "vkey": lambda data: note.VerifierKey.parse(data.decode()),
}


def test_files_are_pinned() -> None:
    """Making the vectors again changes no byte, and there is no file too many."""
    made = generate.files()
    for name, data in made.items():
        assert (generate.HERE / name).read_bytes() == data, name
    kept = {f"bundles/{path.name}" for path in (generate.HERE / "bundles").iterdir()}
    assert kept == {name for name in made if name.startswith("bundles/")}


@pytest.mark.parametrize(
    "case",
    json.loads((generate.HERE / "texts.json").read_bytes()),
    ids=lambda case: f"{case['format']}: {case['why']}",
)
def test_texts(case: dict[str, object]) -> None:
    """Each text is taken or refused as it says."""
    read, data = READ[str(case["format"])], str(case["text"]).encode()
    if case["accept"]:
        read(data)
    else:
        with pytest.raises(EvidenceError):
            read(data)


def test_the_page_shows_the_worked_example() -> None:
    """docs/formats.md holds the example as the program makes it."""
    text = generate.PAGE.read_text(encoding="utf-8")
    assert generate.page(text) == text


def test_the_page_names_every_type_fact_and_step() -> None:
    """No event type, fact, member or step of the verifier is missing from docs/formats.md."""
    text = generate.PAGE.read_text(encoding="utf-8")
    facts = {name for shape in FACTS.values() for name in shape}
    for word in [*FACTS, *facts, *statement.ASSURANCES, *Verdict]:
        assert f"`{word}`" in text, word
    for step, (_, title) in STEPS.items():
        assert f"{step}. {title}" in text, title
