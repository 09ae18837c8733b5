"""How a page writes: words in its language, times by the site's clock, sizes and spans."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

from api.pages.words import WORDS, word
from api.problems import Language
from archive.evidence.instant import parse_time, time_text
from domain import describe
from domain.directory import Directory
from domain.kind import Kind, Text
from domain.kinds import all_versions, current

_UNITS = ("B", "KiB", "MiB", "GiB")


@dataclass(frozen=True, slots=True)
class Pen:
    """`now`: the moment of the page, against which things are overdue."""

    language: Language
    zone: ZoneInfo
    directory: Directory
    now: datetime

    @property
    def zh(self) -> bool:
        return self.language == "zh"

    @property
    def html_lang(self) -> str:
        return "zh-Hans" if self.zh else "en"

    @property
    def comma(self) -> str:
        return "、" if self.zh else ", "

    @property
    def colon(self) -> str:
        return ":" if self.zh else ": "

    def word(self, name: str) -> str:
        return word(name, self.language)

    def maybe(self, prefix: str, name: str) -> str:
        """The label of a coarse word; one without a label is shown as it is."""
        return self.word(prefix + name) if prefix + name in WORDS else name

    def text(self, said: Text) -> str:
        return describe.said(said, self.language)

    def title(self, said: Text) -> str:
        """As the first words of a line: kinds write their English titles in small letters."""
        words = self.text(said)
        return words[:1].upper() + words[1:]

    def name(self, identifier: str | None) -> str:
        return describe.name(identifier, self.directory)

    def names(self, identifiers: tuple[str, ...] | list[str]) -> str:
        return self.comma.join(self.name(i) for i in identifiers)

    def when(self, moment: datetime | str | None) -> Markup:
        """By the site's clock, to the minute; the exact instant stands in the element."""
        if moment is None:
            return Markup("—")
        exact = parse_time(moment) if isinstance(moment, str) else moment
        here = exact.astimezone(self.zone)
        return Markup('<time datetime="{}" title="{}">{}</time>').format(
            time_text(exact),
            here.strftime("%Y-%m-%d %H:%M:%S %Z"),
            here.strftime("%Y-%m-%d %H:%M"),
        )

    def local(self, moment: datetime) -> str:
        """For a form's field of date and time, which knows milliseconds: never before the moment,
        so that sending the form again does not lose an event."""
        here = moment.astimezone(self.zone)
        if not here.microsecond:
            return here.strftime("%Y-%m-%dT%H:%M:%S")
        up = here + timedelta(microseconds=-here.microsecond % 1000)
        return up.replace(tzinfo=None).isoformat(timespec="milliseconds")

    def overdue(self, due: str | datetime | None) -> bool:
        if due is None:
            return False
        return (parse_time(due) if isinstance(due, str) else due) < self.now

    def span(self, span: timedelta) -> str:
        """The two largest units of a span, without its sign."""
        seconds = round(abs(span.total_seconds()))
        days, rest = divmod(seconds, 86_400)
        hours, rest = divmod(rest, 3600)
        minutes, seconds = divmod(rest, 60)
        units = ("天", "小时", "分", "秒") if self.zh else ("d", "h", "min", "s")
        found = zip((days, hours, minutes, seconds), units, strict=True)
        told = [f"{n} {unit}" for n, unit in found if n]
        return " ".join(told[:2]) or self.word("accurate")

    def size(self, count: int) -> str:
        amount, unit = float(count), _UNITS[0]
        for unit in _UNITS:
            if amount < 1024 or unit == _UNITS[-1]:
                break
            amount /= 1024
        return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"

    def lines(self, said: str) -> Markup:
        """Text as people typed it, with its line breaks."""
        return Markup("<br>").join(escape(line) for line in said.splitlines())

    def kind(self, kind_id: str, version: int | None = None) -> Kind | None:
        if version is None:
            return current().get(kind_id)
        return all_versions().get((kind_id, version))

    def kind_title(self, kind_id: str) -> str:
        kind = self.kind(kind_id)
        return self.text(kind.title) if kind else kind_id

    def state_title(self, kind_id: str, version: int, state_id: str) -> str:
        kind = self.kind(kind_id, version)
        state = kind.state(state_id) if kind else None
        return self.text(state.title) if state else state_id
