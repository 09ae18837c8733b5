"""Published kinds stay as they are: a record is read for ever by the version it was opened with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from domain.kind import Kind
from domain.kinds import all_versions
from tests.vectors import freeze_kinds
from tests.vectors.freeze_kinds import FrozenError, changed, freeze, load, unfrozen


def test_no_published_kind_has_changed() -> None:
    """Each frozen version is what it was when it was published."""
    if found := changed(load()):
        pytest.fail(str(FrozenError(found)), pytrace=False)


def test_every_kind_is_frozen() -> None:
    """A new version is frozen with the commit that brings it."""
    if new := unfrozen(load()):
        pytest.fail(
            f"not frozen yet: {', '.join(new)}; run `python -m tests.vectors.freeze_kinds`",
            pytrace=False,
        )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """All that there is, frozen."""
    path = tmp_path / "kinds.json"
    freeze(path)
    return path


def replaced(monkeypatch: pytest.MonkeyPatch, kind: Kind, **change: object) -> None:
    """The program as it would be with another kind in this place."""
    versions = dict(all_versions())
    other = kind.model_copy(update=change)
    versions[other.id, other.version] = other
    monkeypatch.setattr(freeze_kinds, "all_versions", lambda: versions)


def with_a_longer_answer(kind: Kind) -> dict[str, object]:
    """The same kind, but for the greatest length of one field of its first step."""
    step = kind.steps[0]
    field = step.form.fields[0]
    fields = (field.model_copy(update={"maximum": 7}), *step.form.fields[1:])
    form = step.form.model_copy(update={"fields": fields})
    return {"steps": (step.model_copy(update={"form": form}), *kind.steps[1:])}


def test_a_changed_field_is_named_and_not_frozen_over(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One field of one step: the kind, its version and the step are said, the file stays."""
    kind, before = all_versions()["capa", 1], file.read_bytes()
    replaced(monkeypatch, kind, **with_a_longer_answer(kind))
    with pytest.raises(
        FrozenError, match=rf"capa@1 has changed: step {kind.steps[0].id}\n"
    ) as said:
        freeze(file)
    assert "next version" in str(said.value)
    assert file.read_bytes() == before


def test_the_order_of_steps_counts(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same steps in another order are another version."""
    kind = all_versions()["capa", 1]
    replaced(monkeypatch, kind, steps=kind.steps[::-1])
    with pytest.raises(FrozenError, match="the order of its steps"):
        freeze(file)


def test_a_new_version_is_added_and_the_old_stays(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way to change a kind: the next version, beside the one before."""
    kind, before = all_versions()["capa", 1], json.loads(file.read_text())
    replaced(monkeypatch, kind, version=2, **with_a_longer_answer(kind))
    assert freeze(file) == ["capa@2"]
    after = json.loads(file.read_text())
    assert after["kinds"].pop("capa@2")["sha256"] != after["kinds"]["capa@1"]["sha256"]
    assert after == before


def test_a_version_that_is_gone_is_missed(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its records could not be read any more."""
    versions = dict(all_versions())
    del versions["complaint", 1]
    monkeypatch.setattr(freeze_kinds, "all_versions", lambda: versions)
    with pytest.raises(FrozenError, match="complaint@1 is gone"):
        freeze(file)


def test_what_a_word_means_by_default_is_frozen(file: Path) -> None:
    """A default that was another when it was frozen changes every kind that relied on it."""
    kept = json.loads(file.read_text())
    assert kept["words"]["Field.required"] is True
    kept["words"]["Field.required"] = False
    file.write_text(json.dumps(kept))
    with pytest.raises(FrozenError, match=r"Field\.required"):
        freeze(file)
