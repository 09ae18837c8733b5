"""DER (X.690) as far as timestamp answers need it: where elements lie in hostile bytes."""

from __future__ import annotations

from dataclasses import dataclass

SEQUENCE, SET, OBJECT, OCTETS, INTEGER = 0x30, 0x31, 0x06, 0x04, 0x02
CONTEXT_0 = 0xA0


class MalformedDer(Exception):
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

    def within(self, *tags: int) -> Element:
        """The first part with the first tag, in it the first with the second, and so on."""
        found = self
        for tag in tags:
            inside = [each for each in found.parts() if each.tag == tag]
            if not inside:
                raise MalformedDer("something that belongs into it is missing")
            found = inside[0]
        return found


def read(data: bytes) -> Element:
    """The one SEQUENCE that `data` is, with nothing after it."""
    found = element_at(data, 0, len(data))
    if found.tag != SEQUENCE or found.end != len(data):
        raise MalformedDer("no ASN.1 sequence, or more than one")
    return found


def element_at(data: bytes, start: int, stop: int) -> Element:
    """The element that begins at `start`, in definite form with a tag of one byte."""
    if start + 2 > stop or data[start] & 0x1F == 0x1F:
        raise MalformedDer("no ASN.1 element")
    size, at = data[start + 1], start + 2
    if size & 0x80:
        wide = size & 0x7F
        if not 1 <= wide <= 4 or at + wide > stop:
            raise MalformedDer("no length that can be read")
        size, at = int.from_bytes(data[at : at + wide], "big"), at + wide
    if at + size > stop:
        raise MalformedDer("it is cut off")
    return Element(data, start, at, at + size)


def write(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    size = len(body)
    if size < 0x80:
        return bytes([tag, size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body
