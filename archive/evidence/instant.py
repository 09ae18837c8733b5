"""Time as text: `2026-11-22T08:00:00.123456Z`, always UTC, always six digits.

Texts of this form sort as the instants do, so comparing them needs no parsing.
"""

import re
from datetime import UTC, date, datetime, timedelta

from archive.evidence.errors import FormatError

# Hours are bounded here: some libraries take 24:00:00 for the next day's first moment.
_TIME = re.compile(r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\d\.\d{6}Z", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def time_text(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise FormatError("a time needs its zone: pass an aware datetime")
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return utc.isoformat(timespec="microseconds")[:-6] + "Z"  # instead of +00:00


def seconds_text(seconds: int) -> str:
    """POSIX seconds in this form; beyond the year 9999, which is no date, as they are."""
    try:
        return time_text(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds))
    except OverflowError:
        return f"{seconds} s"


def parse_time(text: str) -> datetime:
    check_time(text)
    return datetime.fromisoformat(text)


def check_time(text: object) -> str:
    if type(text) is not str or _TIME.fullmatch(text) is None:
        raise FormatError("time must look like 2026-11-22T08:00:00.123456Z")
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise FormatError(f"no such moment: {text}") from None
    return text


def check_date(text: object) -> str:
    if type(text) is not str or _DATE.fullmatch(text) is None:
        raise FormatError("date must look like 2026-11-22")
    try:
        date.fromisoformat(text)
    except ValueError:
        raise FormatError(f"no such day: {text}") from None
    return text
