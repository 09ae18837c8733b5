"""What somebody tries, said once; how it is tried in each way stands in `ways`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class List:
    """Have records listed for disposal; `relist`: as a disposal's new list."""

    records: tuple[str, ...]
    relist: str | None = None


@dataclass(frozen=True)
class ListPaper:
    copies: tuple[str, ...]


@dataclass(frozen=True)
class Start:
    disposal: str


@dataclass(frozen=True)
class Execute:
    disposal: str


@dataclass(frozen=True)
class FileImported:
    record: str
    claim: str | None = None


@dataclass(frozen=True)
class DestroyPaper:
    disposal: str
    items: tuple[str, ...]


@dataclass(frozen=True)
class Begin:
    """Open a record of a kind."""

    kind: str
    step: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Take:
    """Take a step of a record: approve, review, release, revise, withdraw ..."""

    record: str
    step: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Mend:
    """Correct what a record's event says."""

    record: str
    values: Mapping[str, Any]
    target: int = 1


@dataclass(frozen=True)
class File:
    """File a record; `base_date`: by another day than today."""

    record: str
    base_date: str | None = None


@dataclass(frozen=True)
class Reopen:
    record: str


@dataclass(frozen=True)
class Dispose:
    """The `disposed` event itself, past everything that is asked before it."""

    record: str
    warrant: str


@dataclass(frozen=True)
class Destroy:
    """Keys and content, past the log."""

    record: str


Act = (
    List | ListPaper | Start | Execute | FileImported | DestroyPaper | Begin | Take | Mend | File
    | Reopen | Dispose | Destroy
)  # fmt: skip
