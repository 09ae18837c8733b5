"""A streaming reader of XES event logs (IEEE 1849), gzip or plain, at flat memory.

Every attribute of a trace and an event is given as (key, text) in document order; attributes
inside attributes as `outer/inner`. A document type declaration is refused: a log needs none, and
entities are how XML is made to explode.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

CHUNK = 1 << 16
MAX_EVENTS = 100_000
"""Of one case: a case is held in memory, the log is not."""

_ATTRIBUTES = frozenset({"string", "date", "int", "float", "boolean", "id", "list", "container"})

Pairs = tuple[tuple[str, str], ...]


class XesError(Exception):
    """The file is no event log that can be read; says where, and what to do."""


@dataclass(frozen=True, slots=True)
class Trace:
    """One case: its own attributes, and those of each of its events."""

    line: int
    attributes: Pairs
    events: tuple[Pairs, ...]


@dataclass
class _Reader:
    """Where we are in the document: which element's attributes are being gathered."""

    ready: list[Trace] = field(default_factory=list)
    passed_over: int = 0
    """Attributes of the log itself (extensions, classifiers, statistics): of no case."""
    line: int = 0
    in_trace: bool = False
    in_event: bool = False
    path: list[str] = field(default_factory=list)
    trace: list[tuple[str, str]] = field(default_factory=list)
    event: list[tuple[str, str]] = field(default_factory=list)
    events: list[Pairs] = field(default_factory=list)
    stack: list[bool] = field(default_factory=list)

    def start(self, name: str, attributes: dict[str, str], line: int) -> None:
        is_attribute = name in _ATTRIBUTES and "key" in attributes
        self.stack.append(is_attribute)
        if is_attribute:
            self.path.append(attributes["key"])
            self._attribute(attributes.get("value"))
        elif name == "trace":
            self.in_trace, self.line = True, line
            self.trace, self.events = [], []
        elif name == "event":
            self.in_event, self.event = True, []

    def _attribute(self, value: str | None) -> None:
        if not self.in_trace:
            self.passed_over += 1
        elif value is not None:
            target = self.event if self.in_event else self.trace
            target.append(("/".join(self.path), value))

    def end(self, name: str) -> None:
        if self.stack.pop():
            self.path.pop()
        elif name == "event":
            self.in_event = False
            self.events.append(tuple(self.event))
            if len(self.events) > MAX_EVENTS:
                raise XesError(f"the case at line {self.line} has more than {MAX_EVENTS} events")
        elif name == "trace":
            self.in_trace = False
            self.ready.append(Trace(self.line, tuple(self.trace), tuple(self.events)))


def read(path: Path) -> Iterator[Trace]:
    """The cases of a log, one by one. Raises XesError for what is no XES, and OSError."""
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=None)
    parser.StartElementHandler = lambda name, given: reader.start(
        name, given, parser.CurrentLineNumber
    )
    parser.EndElementHandler = reader.end
    parser.StartDoctypeDeclHandler = _refuse_doctype
    for chunk in _chunks(path):
        _feed(parser, chunk, final=False)
        yield from reader.ready
        reader.ready.clear()
    _feed(parser, b"", final=True)
    yield from reader.ready


def _feed(parser: expat.XMLParserType, chunk: bytes, *, final: bool) -> None:
    try:
        parser.Parse(chunk, final)
    except expat.ExpatError as error:
        raise XesError(
            f"no well-formed XES at line {error.lineno}, column {error.offset}: "
            f"{expat.ErrorString(error.code)}; the cases before it are complete"
        ) from None


def _refuse_doctype(*_: object) -> None:
    raise XesError("the file has a document type declaration, which no event log needs: remove it")


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        with gzip.open(raw) if zipped else raw as file:
            try:
                while chunk := file.read(CHUNK):
                    yield chunk
            except (EOFError, gzip.BadGzipFile, OSError) as error:
                raise XesError(f"the gzip file is damaged or cut off: {error}") from None
