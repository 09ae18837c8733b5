"""Freeze the kinds: `python -m tests.vectors.freeze_kinds` adds versions that are new, only those.

`kinds.json` holds the hash of each version of each kind, and what a word of the vocabulary means
where a kind leaves it out. A stored record pins its version: if that changed, what people answered
and signed would be read by other questions.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from archive.evidence.canonical import encode
from domain import kind as vocabulary
from domain.kind import Kind
from domain.kinds import all_versions

FILE = Path(__file__).parent / "kinds.json"
PART_DIGITS = 16


class FrozenError(Exception):
    """A frozen version is not as it was; the message says which, where, and what to do."""

    def __init__(self, found: list[str]) -> None:
        super().__init__(
            "\n".join(found)
            + "\nA published version is never edited: put it back as it was, and give the kind its "
            "next version (docs/kinds.md); then `python -m tests.vectors.freeze_kinds`."
        )


def data(value: object) -> Any:
    """What a kind says, canonically: what is as the vocabulary has it by default is left out, so
    that a new word changes no kind that does not use it."""
    match value:
        case BaseModel():
            fields = type(value).model_fields
            return {
                name: data(getattr(value, name))
                for name, field in fields.items()
                if _is_name(field) or getattr(value, name) != default(field)
            }
        case str() | int() | None:
            return value
        case Mapping():
            return {str(key): data(each) for key, each in value.items()}
        case frozenset():
            return sorted(map(data, value))
        case Iterable():
            return [data(each) for each in value]
        case _:
            raise TypeError(f"no canonical form for a {type(value).__name__} in a kind")


def _is_name(field: FieldInfo) -> bool:
    """`who`, `test`, `unit`: by it the data says what it is."""
    return get_origin(field.annotation) is Literal and field.annotation.__args__ == (field.default,)  # type: ignore[union-attr]


def default(field: FieldInfo) -> Any:
    return field.get_default(call_default_factory=True, validated_data={})


def digest(value: object) -> str:
    return hashlib.sha256(encode(value)).hexdigest()


def frozen(kind: Kind) -> dict[str, Any]:
    """Of the whole, and of each part: so that the test can say where it changed."""
    said = data(kind)
    steps = {f"step {step['id']}": step for step in said.pop("steps")}
    parts = {name: digest(part)[:PART_DIGITS] for name, part in {**said, **steps}.items()}
    return {"sha256": digest(data(kind)), "parts": parts}


def kinds() -> dict[str, dict[str, Any]]:
    return {f"{name}@{version}": frozen(kind) for (name, version), kind in all_versions().items()}


def words() -> dict[str, Any]:
    """What each word means where it is left out."""
    classes = inspect.getmembers(vocabulary, lambda c: inspect.isclass(c) and _is_ours(c))
    return {
        f"{name}.{word}": data(default(field))
        for name, each in classes
        for word, field in each.model_fields.items()
        if not field.is_required()
    }


def _is_ours(found: type) -> bool:
    return issubclass(found, BaseModel) and found.__module__ == vocabulary.__name__


def changed(kept: Mapping[str, Any]) -> list[str]:
    """A sentence for each frozen version that is not as it was, or not there any more."""
    found, meant, said = kinds(), words(), []
    for name, was in kept["kinds"].items():
        if name not in found:
            said.append(f"{name} is gone: records of it could not be read any more")
        elif found[name]["sha256"] != was["sha256"]:
            now = found[name]["parts"]
            parts = sorted(p for p in {*now, *was["parts"]} if now.get(p) != was["parts"].get(p))
            said.append(f"{name} has changed: {', '.join(parts) or 'the order of its steps'}")
    said += [
        f"the word {word} means something else where it is left out: every kind has changed"
        for word, was in kept["words"].items()
        if word not in meant or meant[word] != was
    ]
    return said


def load(path: Path = FILE) -> dict[str, Any]:
    if not path.exists():
        return {"kinds": {}, "words": {}}
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return kept


def unfrozen(kept: Mapping[str, Any]) -> list[str]:
    return sorted({*kinds()} - {*kept["kinds"]} | {*words()} - {*kept["words"]})


def freeze(path: Path = FILE) -> list[str]:
    """Add what is new, and say what that was. FrozenError, and nothing is written, where something
    frozen has changed."""
    kept = load(path)
    if found := changed(kept):
        raise FrozenError(found)
    added = unfrozen(kept)
    for part, now in (("kinds", kinds()), ("words", words())):
        kept[part] = {**now, **kept[part]}
    text = json.dumps(kept, ensure_ascii=False, indent=1, sort_keys=True)
    path.write_text(text + "\n", encoding="utf-8")
    return added


if __name__ == "__main__":
    try:
        new = freeze()
    except FrozenError as error:
        sys.exit(str(error))
    sys.stdout.write("".join(f"frozen: {name}\n" for name in new) or "nothing is new\n")
