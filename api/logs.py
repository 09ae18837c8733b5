"""Structured logs: one JSON object a line, never with content, names, queries or keys."""

from __future__ import annotations

import logging
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import orjson

from archive.evidence.instant import time_text

REQUESTS = logging.getLogger("liuhen.requests")


class JsonLines(logging.Formatter):
    """Of an error only its type and its place in our code: its message may quote content."""

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, Any] = {
            "time": time_text(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.msg if isinstance(record.msg, str) else type(record.msg).__name__,
        }
        said.update(getattr(record, "said", {}))
        if record.exc_info and record.exc_info[0] is not None:
            said["error"] = record.exc_info[0].__name__
            said["at"] = _frames(record.exc_info[2])
        return orjson.dumps(said, default=str).decode()


def _frames(trace: TracebackType | None) -> list[str]:
    return [f"{f.filename.rpartition('/')[2]}:{f.lineno}" for f in traceback.extract_tb(trace)[-5:]]


def set_up(level: int = logging.INFO) -> None:
    """Our loggers to standard error, as JSON lines."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    ours = logging.getLogger("liuhen")
    ours.handlers[:] = [handler]
    ours.setLevel(level)
    ours.propagate = False
