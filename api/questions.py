"""What is asked of the register, in one line of text: of a bundle, and in it for ever."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import datetime
from typing import Annotated, Any, Self
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic import Field as Constraint

from archive.evidence.heads import MAX_ASKED
from archive.evidence.instant import time_text
from archive.views.register import Filter
from domain.forms import Instant

Words = Annotated[list[Annotated[str, Constraint(max_length=64)]], Constraint(max_length=50)]
# What would end a word of the question, or a line, or turn the direction of writing.
_MARKS = re.compile("[%&=\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
YEARS = (1900, 2998)
_LISTS = frozenset({"kind", "state", "department"})


class QuestionError(ValueError):
    """The text says what no question can be."""


class Question(BaseModel):
    """As the register filters. `number`: how it begins."""

    model_config = ConfigDict(extra="forbid")

    kind: Words = []
    state: Words = []
    department: Words = []
    number: str | None = Constraint(None, max_length=40)
    reference: str | None = Constraint(None, max_length=200)
    reference_type: str | None = Constraint(None, max_length=40)
    filed: bool | None = None
    imported: bool | None = None
    overdue: bool = Constraint(False, description="有时限已过 / with a clock that has run out")
    opened_from: Instant | None = None
    opened_until: Instant | None = None
    internal: bool = False

    @classmethod
    def read(cls, text: str) -> Self:
        """From `kind=complaint&opened_from=2026-01-01T00:00:00Z`. QuestionError."""
        said: dict[str, list[str]] = defaultdict(list)
        for each in filter(None, text.split("&")):
            name, is_, value = each.partition("=")
            if not is_:
                raise QuestionError(f"{each}: write it as kind=complaint")
            said[name].append(unquote(value))
        if many := [
            name for name, values in said.items() if len(values) > 1 and name not in _LISTS
        ]:
            raise QuestionError(f"{many[0]} is said twice")
        try:
            return cls.model_validate(
                {name: values if name in _LISTS else values[0] for name, values in said.items()}
            )
        except ValidationError as error:
            first = error.errors()[0]
            raise QuestionError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None

    @property
    def text(self) -> str:
        """The one way to write it, which `read` reads; empty where nothing is asked."""
        said = self.model_dump(exclude_defaults=True, exclude_none=True)
        pairs = [
            (name, one)
            for name in sorted(said)
            for one in (said[name] if name in _LISTS else [said[name]])
        ]
        return "&".join(f"{name}={_MARKS.sub(_marked, _word(value))}" for name, value in pairs)

    @property
    def asked(self) -> str:
        """Its text, as a bundle carries it. QuestionError where nothing is asked, or too much."""
        text = self.text
        if not text or len(text.encode()) > MAX_ASKED:
            raise QuestionError("ask for something in particular, and for less than that")
        return text

    def filter(self, now: datetime, *, confidential: bool | None = None) -> Filter:
        """`confidential`: False leaves out what is."""
        return Filter(
            kinds=self.kind,
            states=self.state,
            departments=self.department,
            number=self.number,
            reference=None if self.reference is None else (self.reference_type, self.reference),
            filed=self.filed,
            imported=self.imported,
            confidential=confidential,
            opened_from=self.opened_from,
            opened_until=self.opened_until,
            overdue_at=now if self.overdue else None,
            internal=self.internal,
        )


def of_year(year: int, zone: ZoneInfo) -> Question:
    """What was opened, by the authors' claim, in a year of the plant."""
    begin, end = (datetime(each, 1, 1, tzinfo=zone) for each in (year, year + 1))
    return Question(opened_from=begin, opened_until=end)


def _word(value: Any) -> str:
    if isinstance(value, datetime):
        return time_text(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _marked(match: re.Match[str]) -> str:
    return quote(match[0], safe="")
