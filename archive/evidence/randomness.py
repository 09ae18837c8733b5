"""Random bytes, drawn for many uses at once and given out once each.

Each system call lets another thread take the interpreter lock, and has to wait for it afterwards.
"""

import os
from collections import deque


class Ahead:
    """Random strings of `length` bytes, of which `many` are drawn together. From any thread."""

    def __init__(self, length: int, many: int) -> None:
        self._length, self._many = length, many
        self._drawn: deque[bytes] = deque()
        if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
            # A forked process must not give out again what its parent may.
            os.register_at_fork(after_in_child=self._drawn.clear)

    def draw(self) -> bytes:
        while True:
            try:
                return self._drawn.popleft()
            except IndexError:
                length, many = self._length, os.urandom(self._length * self._many)
                self._drawn.extend(many[at : at + length] for at in range(0, len(many), length))
