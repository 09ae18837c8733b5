"""The one caller of the clock: everybody else takes a `Clock`, or a time, as an argument."""

from datetime import UTC, datetime


def now() -> datetime:
    """The present instant, aware, UTC."""
    return datetime.now(UTC)
