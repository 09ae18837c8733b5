"""Python's collector of cycles, where many objects are made that have none and soon go again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

RARELY = (50_000, 50, 50)


@contextmanager
def rarely_collecting() -> Iterator[None]:
    """For a process that does such work among other things."""
    before = gc.get_threshold()
    gc.set_threshold(*RARELY)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def rarely_from_now_on() -> None:
    """For a process that does nothing else; what it has imported is never looked at again."""
    gc.freeze()
    gc.set_threshold(*RARELY)
