"""Retention over an open archive: everything that belongs to it, put together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from archive.opening import Archive
from retention.disposal import Disposals
from retention.executing import Terms
from retention.journal import Journal
from retention.ledgers import Shelf
from retention.proven_time import ProvenTime


@dataclass(frozen=True, slots=True)
class Retention:
    archive: Archive
    shelf: Shelf
    journal: Journal
    disposals: Disposals


def open_retention(
    archive: Archive, time: Callable[[], ProvenTime], terms: Terms | None = None
) -> Retention:
    """`time`: what time it is, and who says so (`retention.proven_time`)."""
    shelf, journal = Shelf(archive), Journal(archive)
    archive.ledger.surroundings.refused = journal.hear
    disposals = Disposals(archive, shelf, journal, time, terms or Terms())
    return Retention(archive, shelf, journal, disposals)
