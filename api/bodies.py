"""Bodies as they come in: strict JSON, read once, and the header that all commands share."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Annotated, Any, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic import Field as Constraint

from api.problems import Refusal
from domain.forms import EARLIEST_YEAR, LATEST_YEAR, Identifier, Instant
from domain.kind import Text, text

DEEPEST = 32
LARGEST = 2**53 - 1
MAX_DEPTH_ERROR = text("正文嵌套太深。", "The body is nested too deeply.")

Line = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=5000)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Said(Body):
    """What every command may say besides its own matter."""

    occurred_at: Instant | None = Constraint(
        None, description="发生时间(默认为现在) / when it happened, as you claim (default: now)"
    )
    behalf: Identifier | None = Constraint(
        None, description="代何人办理 / the person for whom you act, by delegation"
    )
    source: Line | None = Constraint(
        None, description="来源系统(默认为密钥所属系统) / the system this comes from"
    )
    source_id: Line | None = Constraint(
        None, description="来源系统中的编号,永久识别重发 / its own id there, recognised for ever"
    )


class StepSaid(Said):
    """The body of a step. `answers` are checked against the step's form by the rules, once."""

    item: Line | None = Constraint(None, description="条目键 / key of the item the step is about")
    answers: dict[str, Any] = Constraint(default_factory=dict)


def parse_json(raw: bytes) -> Any:
    """The JSON value of a body. Refuses what could be read in two ways, and U+0000."""
    try:
        text_ = raw.decode("utf-8")
        value = json.loads(
            text_, object_pairs_hook=_object, parse_constant=_no_constant,
            parse_int=_whole, parse_float=_finite,
        )  # fmt: skip
        if b"\\u" in raw:
            orjson.loads(raw)  # it refuses lone surrogates, which no UTF-8 can carry on
        if raw.count(b"[") + raw.count(b"{") > DEEPEST and _depth(value) > DEEPEST:
            raise RecursionError
    except UnicodeDecodeError as error:
        raise _broken(
            f"不是 UTF-8(第 {error.start} 字节)", f"not UTF-8 at byte {error.start}"
        ) from None
    except RecursionError:
        raise Refusal("broken-body", MAX_DEPTH_ERROR) from None
    except ValueError as error:
        position = getattr(error, "pos", None)
        where = f" at character {position}" if isinstance(position, int) else ""
        said = str(error) if isinstance(error, _RepeatedKey) else f"no sound JSON{where}"
        raise _broken(f"JSON 有误{where}", said) from None
    if b"\\u0000" in raw:
        raise _broken("含 U+0000", "it contains U+0000")
    return value


def _depth(value: Any) -> int:
    """How many arrays and objects lie in each other, without recursion."""
    depth, level = 0, [value]
    while level := [each for each in level if isinstance(each, list | dict)]:
        depth += 1
        level = [
            inner for each in level for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return depth


def _whole(told: str) -> int:
    """An integer that every JSON reader takes for the same one (RFC 7493 2.2)."""
    value = int(told)
    if not -LARGEST <= value <= LARGEST:
        raise ValueError("an integer beyond 2^53")
    return value


def _finite(told: str) -> float:
    value = float(told)
    if not isfinite(value):
        raise ValueError("a number too large")
    return value


class _RepeatedKey(ValueError):
    pass


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _RepeatedKey("a key stands twice in one object")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _broken(zh: str, en: str) -> Refusal:
    return Refusal("broken-body", text(zh, en))


Model = TypeVar("Model", bound=BaseModel)


def read_as(model: type[Model], value: Any) -> Model:
    """The value as this model; each fault is named in both languages."""
    if not isinstance(value, Mapping):
        raise _broken("正文应为 JSON 对象", "the body must be a JSON object")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise Refusal("invalid-request", None, tuple(_faults(error))) from None


_FAULTS_ZH = {"missing": "必填", "extra_forbidden": "没有这一项", "timezone_aware": "时间须带时区"}


def _faults(error: ValidationError) -> Iterator[tuple[str, Text]]:
    for fault in error.errors(include_url=False, include_input=False, include_context=False):
        path = ".".join(str(part) for part in fault["loc"])
        yield path, text(_FAULTS_ZH.get(fault["type"], "内容不符合要求"), fault["msg"])


def moment(told: str, field: str) -> datetime:
    """An instant of a header or query, RFC 3339 with its offset."""
    try:
        found = datetime.fromisoformat(told)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or not EARLIEST_YEAR <= found.year <= LATEST_YEAR:
        message = text("应为带时区的时间,如 2026-11-22T08:00:00Z", "an RFC 3339 time with offset")
        raise Refusal("invalid-request", None, ((field, message),))
    return found.astimezone(UTC)
