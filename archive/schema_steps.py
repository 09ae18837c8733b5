"""Which tables a store has: a number, and one registered step from each number to the next.

A store says itself which steps it has taken, and which program each needs. A program older than its
store refuses it: it would not know what it breaks. A store older than its program takes the steps
that it lacks, all in one transaction, before anything else is done with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from archive.store import StoreError

Row = Sequence[Any]
NAME = "schema_steps"
TABLE = f"""
CREATE TABLE IF NOT EXISTS {NAME} (version INTEGER NOT NULL PRIMARY KEY, program TEXT NOT NULL);
"""
TAKEN = f"SELECT version, program FROM {NAME} ORDER BY version"  # noqa: S608 - a name of ours
TAKE = f"INSERT INTO {NAME} (version, program) VALUES (?, ?)"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Step:
    """What brings a store from the number before to this one.

    `program`: the first version of this program that knows it. `statements` may find their tables
    there: stores of before the numbers have them, and no number.
    """

    program: str
    statements: str


Steps = Sequence[Step]
"""The first brings an empty store to number 1. Never edited once released: added to."""


class SchemaTooNewError(StoreError):
    """The store was last opened by a later program. Nothing was changed."""

    def __init__(self, what: str, number: int, known: int, program: str) -> None:
        super().__init__(
            f"{what} has schema {number}, and this program knows schema {known} at most: use "
            f"version {program} of Liuhen or a later one (nothing was changed)"
        )
        self.number, self.known, self.program = number, known, program


def lacking(what: str, steps: Steps, taken: Sequence[Row]) -> list[tuple[int, Step]]:
    """The steps that a store has still to take, with their numbers. SchemaTooNewError.

    `taken`: numbers and programs, ascending.
    """
    newest, program = taken[-1] if taken else (0, "")
    if newest > len(steps):
        raise SchemaTooNewError(what, newest, len(steps), program)
    return [(n, step) for n, step in enumerate(steps, 1) if n > newest]
