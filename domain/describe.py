"""A record in the words of people: its subject, its answers, and the text by which it is found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from domain.context import SITE_ZONE
from domain.directory import Directory
from domain.kind import Field, Form, Text
from domain.record import Entry, Record

Language = Literal["zh", "en"]
NOBODY = Directory()
GONE = Text(zh="内容已销毁", en="content destroyed")
UNNAMED = Text(zh="(未命名)", en="(unnamed)")
_YES, _NO = Text(zh="是", en="yes"), Text(zh="否", en="no")
SUBJECT_LENGTH = 200


def said(text: Text, language: Language) -> str:
    return text.zh if language == "zh" else text.en


def subject(record: Record, language: Language = "zh", directory: Directory = NOBODY) -> str:
    """The record's one-line subject; where its content is gone, that it is."""
    if not record.readable:
        return said(GONE, language)
    found = (_answered(record, path) for path in record.kind.subject)
    parts = [answer(f, v, language, directory) for f, v in (x for x in found if x is not None)]
    line = " ".join(" ".join(parts).split())
    if not line and record.provenance is not None:
        named = (record.provenance.get(name) for name in ("source", "case"))
        line = " ".join(str(name) for name in named if name)
    return line[:SUBJECT_LENGTH] or said(UNNAMED, language)


def _answered(record: Record, path: str) -> tuple[Field, Any] | None:
    """What was last said at `step.field`, or at `field` of whichever step asked for it."""
    step_id, _, field_id = path.rpartition(".")
    for entry in reversed(record.entries):
        if entry.item is None and step_id in ("", entry.step) and field_id in entry.values:
            field = field_of(record, entry, field_id)
            if field is not None:
                return field, entry.values[field_id]
    return None


def field_of(record: Record, entry: Entry, field_id: str) -> Field | None:
    """The question of an entry's step."""
    step = record.kind.step(entry.step)
    return next((f for f in step.form.fields if f.id == field_id), None) if step else None


# ---------------------------------------------------------------- answers


def answer(
    field: Field,
    value: Any,
    language: Language = "zh",
    directory: Directory = NOBODY,
    zone: ZoneInfo = SITE_ZONE,
    files: Mapping[str, str] | None = None,
) -> str:
    """An answer as people read it: titles for options, names for people, site time for instants.

    `files`: names of attachments by id. What has no name is shown as it is stored.
    """
    if value is None:
        return ""
    comma = "、" if language == "zh" else ", "
    match field.type:
        case "choice":
            return _option(field, value, language)
        case "choices":
            return comma.join(_option(field, v, language) for v in value)
        case "boolean":
            return said(_YES if value else _NO, language)
        case "person" | "department":
            return name(value, directory)
        case "people" | "departments":
            return comma.join(name(v, directory) for v in value)
        case "attachments":
            return comma.join((files or {}).get(v, v) for v in value)
        case "instant":
            return local(value, zone)
        case "rows":
            return "\n".join(_row(field, row, language, directory, zone, files) for row in value)
        case _:
            return str(value)


def _option(field: Field, value: Any, language: Language) -> str:
    found = next((o.title for o in field.options if o.id == value), None)
    return said(found, language) if found else str(value)


def _row(
    field: Field,
    row: Mapping[str, Any],
    language: Language,
    directory: Directory,
    zone: ZoneInfo,
    files: Mapping[str, str] | None,
) -> str:
    colon, semicolon = (":", ";") if language == "zh" else (": ", "; ")
    return semicolon.join(
        said(f.title, language) + colon + answer(f, row[f.id], language, directory, zone, files)
        for f in field.rows
        if f.id in row
    )


def name(identifier: str | None, directory: Directory) -> str:
    """The name of a person or department; an id that is not in the directory stays an id."""
    if identifier is None:
        return ""
    person = directory.people.get(identifier)
    department = directory.departments.get(identifier)
    return person.name if person else department.name if department else identifier


def local(moment: str | datetime, zone: ZoneInfo = SITE_ZONE) -> str:
    """An instant as the site's clocks showed it."""
    when = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return when.astimezone(zone).strftime("%Y-%m-%d %H:%M")


# ---------------------------------------------------------------- what is searched


def searchable(record: Record) -> str:
    """Everything that people wrote or chose in a record, in both languages, a line for each.

    It follows from the record alone: names of people come from what was printed and typed, not
    from a directory that changes.
    """
    if not record.readable:
        return ""
    lines = dict.fromkeys(line for line in _lines(record) if line.strip())
    return "\n".join(lines)


def _lines(record: Record) -> Iterator[str]:
    yield record.number or ""
    yield record.kind.title.zh
    yield record.kind.title.en
    for entry in record.entries:
        step = record.kind.step(entry.step)
        if step is not None:
            yield from _texts(step.form, entry.values)
        yield from (a.name for a in entry.attachments)
    for signature in record.signatures:
        yield signature.printed_name
        yield signature.refused or ""
    for pause in record.pauses:
        yield pause.note
    for line in record.history:
        yield from (line.activity, line.status, line.person, line.unit)
        yield from (value for _, value in line.attributes)
    if record.provenance is not None:
        yield from _strings(record.provenance)


def _texts(form: Form, values: Mapping[str, Any]) -> Iterator[str]:
    for field in form.fields:
        value = values.get(field.id)
        if value is None:
            continue
        if field.type in ("choice", "choices"):
            yield answer(field, value, "zh")
            yield answer(field, value, "en")
        elif field.type == "rows":
            for row in value:
                yield from _texts(Form(fields=field.rows), row)
        elif field.type in ("text", "decimal", "integer", "date"):
            yield str(value)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name in sorted(value):  # as they are stored: what was just said reads the same
            yield from _strings(value[name])
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _strings(each)
