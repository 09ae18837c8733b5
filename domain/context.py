"""What a rule may look at besides the record and the command, and nothing more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from domain.calendar import Calendar
from domain.directory import Directory
from domain.record import Record

SITE_ZONE = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class LinkedHead:
    """The state of a linked record when the rule looked; the commit checks `version` again."""

    rel: str
    incoming: bool
    record: str
    kind: str
    state: str
    version: int
    filed: bool
    digest: str
    """Envelope hash of its last event."""


@dataclass(frozen=True, slots=True)
class Context:
    directory: Directory = field(default_factory=Directory)
    calendar: Calendar = field(default_factory=Calendar)
    linked: tuple[LinkedHead, ...] = ()
    """Heads of records that this one links to, that link to it, or that the command names."""
    zone: ZoneInfo = SITE_ZONE
    tzdata: str = ""
    """Version of the time-zone data, written into filings."""
    known: Mapping[str, str] = field(default_factory=dict)
    """Kind by id of the records that `record` fields name; what is absent does not exist."""
    warrant: Record | None = None
    """The disposal, restoration or claim that the command names."""
