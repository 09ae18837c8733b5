"""DER (X.690) as far as timestamps need it: one spelling of each element in hostile bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from archive.evidence.errors import FormatError
from archive.evidence.instant import parse_time

BOOLEAN, INTEGER, BITS, OCTETS, NULL, OBJECT = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
SEQUENCE, SET = 0x30, 0x31
UTC_TIME, TIME = 0x17, 0x18
CONTEXT_0, CONTEXT_1, CONTEXT_3 = 0xA0, 0xA1, 0xA3

_DIGITS = re.compile(rb"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{0,17}[1-9]))?Z")
_LONGEST_NAME = 64  # bytes


class MalformedDer(FormatError):
    """The bytes are no elements, or others than were expected."""


@dataclass(frozen=True, slots=True)
class Element:
    """`data[start:end]` is the whole of it, `data[body:end]` its contents."""

    data: bytes
    start: int
    body: int
    end: int

    @property
    def tag(self) -> int:
        return self.data[self.start]

    @property
    def whole(self) -> bytes:
        return self.data[self.start : self.end]

    @property
    def contents(self) -> bytes:
        return self.data[self.body : self.end]

    def parts(self) -> list[Element]:
        found, at = [], self.body
        while at < self.end:
            found.append(element_at(self.data, at, self.end))
            at = found[-1].end
        return found

    def each(self, tag: int) -> list[Element]:
        """Its parts, all of which have this tag."""
        found = self.parts()
        if any(part.tag != tag for part in found):
            raise MalformedDer("something in it that does not belong there")
        return found

    def within(self, *tags: int) -> Element:
        """The first part with the first tag, in it the first with the second, and so on."""
        found = self
        for tag in tags:
            inside = [each for each in found.parts() if each.tag == tag]
            if not inside:
                raise MalformedDer("something that belongs into it is missing")
            found = inside[0]
        return found

    def only(self, tag: int) -> Element:
        """The one part there is, which has this tag."""
        fields = Fields(self)
        found = fields.take(tag)
        fields.end()
        return found

    def integer(self) -> int:
        body = self.contents
        # The first nine bits are not all alike: else a byte could be left out.
        if not body or (len(body) > 1 and body[0] in (0, 255) and (body[0] ^ body[1]) < 0x80):
            raise MalformedDer("an integer that is not in its shortest form")
        return int.from_bytes(body, "big", signed=True)

    def name(self) -> str:
        """An object identifier, as `1.2.840`."""
        arcs, arc = list[int](), 0
        for byte in self.contents:
            if arc == 0 and byte == 0x80:
                raise MalformedDer("an object identifier that is not in its shortest form")
            arc = arc << 7 | byte & 0x7F
            if byte < 0x80:
                arcs.append(arc)
                arc = 0
        if not arcs or arc or len(self.contents) > _LONGEST_NAME:
            raise MalformedDer("an object identifier that is cut off, or too long")
        first = min(arcs[0] // 40, 2)
        return ".".join(map(str, [first, arcs[0] - 40 * first, *arcs[1:]]))

    def bits(self) -> bytes:
        """Of a bit string: the bytes, of which no bit is unused."""
        if not self.contents or self.contents[0]:
            raise MalformedDer("a bit string that is not of whole bytes")
        return self.contents[1:]

    def time(self) -> datetime:
        """UTC; what is beyond microseconds is left out, so never later than it says."""
        digits = self.contents
        if self.tag == UTC_TIME:
            digits = (b"20" if digits < b"5" else b"19") + digits  # RFC 5280, 4.1.2.5.1
        match = _DIGITS.fullmatch(digits)
        if match is None or (match[7] and self.tag == UTC_TIME):
            raise MalformedDer("not a time in UTC")
        year, month, day, hour, minute, second, fraction = (
            (each or b"").decode("ascii") for each in match.groups()
        )
        return parse_time(
            f"{year}-{month}-{day}T{hour}:{minute}:{second}.{fraction[:6]:0<6}Z",
        )


class Fields:
    """The parts of an element, taken one after another."""

    def __init__(self, element: Element) -> None:
        self._left = element.parts()[::-1]

    def maybe(self, tag: int) -> Element | None:
        if self._left and self._left[-1].tag == tag:
            return self._left.pop()
        return None

    def take(self, *tags: int) -> Element:
        """The next part, which has one of these tags."""
        found = self.any()
        if found.tag not in tags:
            raise MalformedDer("something that belongs into it is missing, or in another place")
        return found

    def any(self) -> Element:
        """The next part, whatever it is."""
        if not self._left:
            raise MalformedDer("something that belongs into it is missing")
        return self._left.pop()

    def end(self) -> None:
        if self._left:
            raise MalformedDer("something is left over")


def read(data: bytes, tag: int = SEQUENCE) -> Element:
    """The one element that `data` is, with nothing after it."""
    found = element_at(data, 0, len(data))
    if found.tag != tag or found.end != len(data):
        raise MalformedDer("not the ASN.1 element that was expected, or more than one")
    return found


def element_at(data: bytes, start: int, stop: int) -> Element:
    """The element that begins at `start`, its length in the shortest form, its tag of one byte."""
    if start + 2 > stop or data[start] & 0x1F == 0x1F:
        raise MalformedDer("no ASN.1 element")
    size, at = data[start + 1], start + 2
    if size & 0x80:
        wide = size & 0x7F
        if not 1 <= wide <= 4 or at + wide > stop:
            raise MalformedDer("no length that can be read")
        size, at = int.from_bytes(data[at : at + wide], "big"), at + wide
        if size < 0x80 or size >> 8 * (wide - 1) == 0:
            raise MalformedDer("a length that is not in its shortest form")
    if at + size > stop:
        raise MalformedDer("it is cut off")
    return Element(data, start, at, at + size)


def object_named(name: str) -> bytes:
    """The object identifier `1.2.840`, as an element."""
    first, second, *rest = map(int, name.split("."))
    body = bytearray()
    for arc in (40 * first + second, *rest):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(0x80 | arc & 0x7F)
        body += bytes(reversed(groups))
    return write(OBJECT, bytes(body))


def write(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    size = len(body)
    if size < 0x80:
        return bytes([tag, size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body
