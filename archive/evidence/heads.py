"""Heads: the log's signed word that up to a checkpoint each record has these events and no other.

Whatever a bundle leaves out of a record, this names; and who signs a head that is not the last has
signed a lie, which one leaf with its proof shows.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from archive.evidence import canonical, dsse
from archive.evidence.errors import FormatError
from archive.evidence.instant import check_time
from archive.evidence.keys import SigningKey
from archive.evidence.statement import ORIGIN

MAX_HEADS = 16 * 1024 * 1024
VARIETIES = ("record", "case", "query", "year", "archive")
MAX_ASKED = 4096
MAX_VOLUMES = 9999

_HEX32 = re.compile(r"[0-9a-f]{32}", re.ASCII)
_HEX64 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_YEAR = re.compile(r"[0-9]{4}", re.ASCII)
# What ends a line or turns the direction of writing could make index.txt tell another story.
_UNTOLD = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What was asked of the archive, and when; `volume` of `volumes`, from 1."""

    as_of: str
    variety: str = "record"
    asked: str = ""
    volume: int = 1
    volumes: int = 1

    @classmethod
    def parse(cls, value: Any) -> Self:
        """FormatError unless it is what the format has, no key more."""
        if type(value) is not dict or value.keys() != {*cls.__slots__}:
            raise FormatError("about has missing or unknown keys")
        about = cls(**value)
        about.check()
        return about

    def check(self) -> None:
        check_time(self.as_of)
        if self.variety not in VARIETIES or type(self.asked) is not str:
            raise FormatError(f"what was asked for is one of {', '.join(VARIETIES)}")
        if (self.asked != "") != (self.variety in ("query", "year")):
            raise FormatError("a query and a year say which, and nothing else does")
        if self.variety == "year" and not _YEAR.fullmatch(self.asked):
            raise FormatError("a year has four digits")
        if len(self.asked.encode("utf-8", "replace")) > MAX_ASKED or _UNTOLD.search(self.asked):
            raise FormatError("the question is too long, or is no single plain line")
        volumes = (self.volume, self.volumes)
        if any(type(n) is not int for n in volumes) or not (
            1 <= self.volume <= self.volumes <= MAX_VOLUMES
        ):
            raise FormatError("volume is out of bounds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """`records`: by record id the version of its last event, and that event's envelope hash."""

    about: About
    origin: str
    root: str  # 64 hex
    size: int
    records: Mapping[str, tuple[int, str]]


def issue(heads: Heads, key: SigningKey) -> bytes:
    """The envelope, signed by the log key that is valid at `size` - 1."""
    payload = canonical.encode(
        {
            "about": asdict(heads.about),
            "origin": heads.origin,
            "records": [
                {"head": head, "record": record, "version": version}
                for record, (version, head) in sorted(heads.records.items())
            ],
            "root": heads.root,
            "size": heads.size,
            "v": 1,
        }
    )
    parse(payload)
    return dsse.sign(payload, dsse.HEADS_TYPE, key)


def read(raw: bytes) -> tuple[dsse.Envelope, Heads]:
    """Parse without verifying the signature."""
    envelope = dsse.parse(raw, dsse.HEADS_TYPE)
    return envelope, parse(envelope.payload)


def parse(payload: bytes) -> Heads:
    value = canonical.decode_object(payload)
    if value.keys() != {"about", "origin", "records", "root", "size", "v"}:
        raise FormatError("heads have missing or unknown keys")
    if type(value["v"]) is not int or value["v"] != 1 or not _is(ORIGIN, value["origin"]):
        raise FormatError("heads of another format, or with an origin that is none")
    if not _is(_HEX64, value["root"]) or not _is_count(value["size"]):
        raise FormatError("heads with a root or size that is out of bounds")
    listed = value["records"]
    if type(listed) is not list or not all(map(_is_head, listed)):
        raise FormatError("heads with a record that is none")
    records = {item["record"]: (item["version"], item["head"]) for item in listed}
    if [item["record"] for item in listed] != sorted(records):
        raise FormatError("heads list records twice or out of order")
    return Heads(
        about=About.parse(value["about"]),
        origin=value["origin"],
        root=value["root"],
        size=value["size"],
        records=records,
    )


def _is_head(value: Any) -> bool:
    return (
        type(value) is dict
        and value.keys() == {"head", "record", "version"}
        and _is(_HEX64, value["head"])
        and _is(_HEX32, value["record"])
        and _is_count(value["version"])
    )


def _is(pattern: re.Pattern[str], value: Any) -> bool:
    return type(value) is str and pattern.fullmatch(value) is not None


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 1
