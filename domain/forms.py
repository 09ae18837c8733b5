"""Forms as typed models: what a step's answers must look like, and their JSON Schema.

Strings are taken as they are (people sign the bytes they saw). Answers leave as plain JSON:
dates `2026-03-05`, instants `2026-03-05T01:00:00.000000Z`, decimals as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Literal
from warnings import catch_warnings, simplefilter

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    StringConstraints,
    ValidationError,
    create_model,
)
from pydantic import Field as Constraint

from domain.conditions import holds
from domain.errors import FieldFault, InvalidFormError
from domain.kind import Field, FieldType, Form, Text

MAX_TEXT = 20_000
MAX_ROWS = 500
EARLIEST_YEAR, LATEST_YEAR = 1900, 2999
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Answers(BaseModel):
    """Base of every form model: strict about unknown fields, lazy about nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def instant_text(moment: datetime) -> str:
    """The one text form of an instant: UTC, six digits, Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _only_text(value: object) -> object:
    if isinstance(value, float):
        raise ValueError('give a decimal number as text, such as "12.50"')
    return value


def _visible(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be blank")
    if _CONTROL.search(value):
        raise ValueError("must not contain control characters")
    return value


def _text_of_time(value: object) -> object:
    """A bare number is no date: it might count seconds, days or milliseconds."""
    if not isinstance(value, (str, date)):
        raise ValueError("give a date as text, such as 2026-03-05")
    return value


def _of_our_time(value: date) -> date:
    """A year that every calendar, database and zone can hold."""
    if not EARLIEST_YEAR <= value.year <= LATEST_YEAR:
        raise ValueError(f"the year must lie between {EARLIEST_YEAR} and {LATEST_YEAR}")
    return value


Identifier = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Instant = Annotated[
    AwareDatetime,
    BeforeValidator(_text_of_time),
    AfterValidator(_of_our_time),
    PlainSerializer(instant_text, return_type=str),
]
Day = Annotated[
    date,
    BeforeValidator(_text_of_time),
    AfterValidator(_of_our_time),
    PlainSerializer(date.isoformat, return_type=str),
]
Number = Annotated[
    Decimal,
    BeforeValidator(_only_text),
    Constraint(max_digits=30, decimal_places=9, allow_inf_nan=False),
    PlainSerializer(lambda d: format(d, "f"), return_type=str),
]


_PLAIN: Mapping[FieldType, Any] = {
    "boolean": Annotated[bool, Constraint(strict=True)],
    "date": Day,
    "instant": Instant,
    "person": Identifier,
    "department": Identifier,
    "record": Identifier,
}


def _annotation(field: Field, name: str) -> Any:
    match field.type:
        case "text":
            limits = StringConstraints(
                min_length=field.minimum or 1, max_length=field.maximum or MAX_TEXT
            )
            return Annotated[str, limits, AfterValidator(_visible)]
        case "integer":
            return Annotated[
                int,
                Constraint(
                    strict=True,
                    ge=-(2**53) + 1 if field.minimum is None else field.minimum,
                    le=2**53 - 1 if field.maximum is None else field.maximum,
                ),
            ]
        case "decimal":
            return Annotated[Number, Constraint(ge=field.minimum, le=field.maximum)]
        case "choice":
            return Literal[tuple(o.id for o in field.options)]
        case "choices":
            return _many(Literal[tuple(o.id for o in field.options)], field)
        case "people" | "departments" | "attachments":
            return _many(Identifier, field)
        case "rows":
            return _many(_model(f"{name}_{field.id}", field.rows), field)
        case _:
            return _PLAIN[field.type]


def _many(element: Any, field: Field) -> Any:
    least = field.minimum if field.minimum is not None else int(field.required)
    return Annotated[
        list[element], Constraint(min_length=least, max_length=field.maximum or MAX_ROWS)
    ]


def _schema(field: Field) -> dict[str, Any]:
    """What OpenAPI and form makers need of a field, in both languages."""
    extra: dict[str, Any] = {
        "title": f"{field.title.zh} / {field.title.en}",
        "x-title": field.title.model_dump(),
        "x-mark": field.mark,
        "x-type": field.type,
    }
    if field.source:
        extra["x-source"] = field.source
    if field.help:
        extra["description"] = f"{field.help.zh} / {field.help.en}"
    if field.options:
        extra["x-options"] = [o.model_dump() for o in field.options]
    if field.reference:
        extra["x-reference"] = field.reference
    return extra


def _model(name: str, fields: tuple[Field, ...]) -> type[BaseModel]:
    definitions: dict[str, Any] = {}
    for field in fields:
        annotation = _annotation(field, name)
        optional = not field.required or field.when is not None
        definitions[field.id] = (
            (annotation | None) if optional else annotation,
            Constraint(default=None if optional else ..., json_schema_extra=_schema(field)),
        )
    with catch_warnings():  # a question may be called `copy`; nobody copies answers by that method
        simplefilter("ignore", UserWarning)
        return create_model(name, __base__=Answers, **definitions)


@cache
def model(name: str, form: Form) -> type[BaseModel]:
    """The typed model of a form; `name` becomes its name in OpenAPI."""
    return _model(name, form.fields)


def parse(name: str, form: Form, answers: Mapping[str, Any], record: Any = None) -> dict[str, Any]:
    """The answers as plain JSON, checked. Raises InvalidFormError naming each fault.

    A question with a condition must be answered where it holds, and must not be where it does not.
    """
    try:
        parsed = model(name, form).model_validate(dict(answers))
    except ValidationError as error:
        raise InvalidFormError(tuple(_faults(error))) from None
    values: dict[str, Any] = parsed.model_dump(exclude_none=True)
    faults = tuple(_conditional_faults(form.fields, values, record))
    if faults:
        raise InvalidFormError(faults)
    return values


def parse_given(name: str, form: Form, answers: Mapping[str, Any]) -> dict[str, Any]:
    """Only the answers that are given, each checked; none is required (imported history)."""
    return parse(f"{name}-given", _optional(form), answers)


@cache
def _optional(form: Form) -> Form:
    return Form(
        fields=tuple(f.model_copy(update={"required": False, "when": None}) for f in form.fields)
    )


def parse_some(
    name: str, form: Form, answers: Mapping[str, Any], before: Mapping[str, Any], record: Any = None
) -> dict[str, Any]:
    """Changed answers only, checked as part of the whole form that they correct.

    A null withdraws an answer that the form can do without.
    """
    whole = parse(name, form, {**before, **answers}, record)
    return {key: whole.get(key) for key in answers if whole.get(key) != before.get(key)}


def _conditional_faults(
    fields: tuple[Field, ...], values: Mapping[str, Any], record: Any, path: str = ""
) -> Iterator[FieldFault]:
    for field in fields:
        if field.type == "rows":
            for index, row in enumerate(values.get(field.id) or ()):
                yield from _conditional_faults(
                    field.rows, row, record, f"{path}{field.id}.{index}."
                )
        if field.when is None:
            continue
        asked = holds(field.when, record, values)
        if asked and field.required and values.get(field.id) in (None, [], ""):
            yield FieldFault(
                path + field.id, Text(zh=f"请填写“{field.title.zh}”", en="required here")
            )
        elif not asked and field.id in values:
            yield FieldFault(
                path + field.id,
                Text(zh=f"此处不需要“{field.title.zh}”,请删去", en="not asked here; leave it out"),
            )


_FAULTS_ZH = {
    "missing": "必填",
    "extra_forbidden": "表单没有这一项",
    "string_type": "应为文字",
    "string_too_short": "太短或未填",
    "string_too_long": "太长",
    "string_pattern_mismatch": "格式不对",
    "literal_error": "请从选项中选择",
    "int_type": "应为整数",
    "bool_type": "应为 true 或 false",
    "too_short": "条目太少",
    "too_long": "条目太多",
    "value_error": "不可为空白",
    "timezone_aware": "时间须带时区",
}


def _faults(error: ValidationError) -> Iterator[FieldFault]:
    for fault in error.errors(include_url=False, include_input=False):
        path = ".".join(str(part) for part in fault["loc"])
        zh = _FAULTS_ZH.get(fault["type"], "内容不符合要求")
        yield FieldFault(path, Text(zh=zh, en=fault["msg"]))


def references(form: Form, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Business references in the answers: (`part`, `A-4711/B`) and so on."""
    return _references(form.fields, values)


def _references(asked: Sequence[Field], values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for field in asked:
        said = values.get(field.id)
        if field.type == "rows":
            for row in said or ():
                yield from _references(field.rows, row)
        elif field.reference is not None and isinstance(said, str):
            yield field.reference, said


def named_records(form: Form, values: Mapping[str, Any]) -> Iterator[tuple[Field, str]]:
    """Each record id that the answers name, with its field; the answers need not be checked yet."""
    for field in form.naming:
        said = values.get(field.id)
        if field.type == "record" and isinstance(said, str):
            yield field, said
        elif field.type == "rows":
            for row in _given_rows(said):
                yield from named_records(Form(fields=field.rows), row)


def _given_rows(said: Any) -> list[Mapping[str, Any]]:
    """As many rows as a form can have, of answers that may be anything yet."""
    rows = said[:MAX_ROWS] if isinstance(said, list) else ()
    return [row for row in rows if isinstance(row, Mapping)]


def named_people(
    form: Form, values: Mapping[str, Any], path: str = ""
) -> Iterator[tuple[str, str, str]]:
    """Each person or department id in the answers: which of both, the id, and where it stands."""
    for field in form.naming:
        said, here = values.get(field.id), path + field.id
        if field.type in ("person", "department") and isinstance(said, str):
            yield field.type, said, here
        elif field.type in ("people", "departments"):
            what = "person" if field.type == "people" else "department"
            for index, one in enumerate(said or ()):
                yield what, one, f"{here}.{index}"
        elif field.type == "rows":
            for index, row in enumerate(said or ()):
                yield from named_people(Form(fields=field.rows), row, f"{here}.{index}.")


def attachment_ids(form: Form, values: Mapping[str, Any]) -> Iterator[str]:
    """Ids of the files that the answers attach; the answers need not be checked yet."""
    for field in form.naming:
        said = values.get(field.id)
        if field.type == "attachments" and isinstance(said, list):
            yield from (each for each in said[:MAX_ROWS] if isinstance(each, str))
        elif field.type == "rows":
            for row in _given_rows(said):
                yield from attachment_ids(Form(fields=field.rows), row)
