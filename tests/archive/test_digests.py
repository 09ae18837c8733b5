"""A source reconciles its day with the archive's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from archive.digests import digest, lines
from archive.evidence.instant import time_text
from archive.store import Committed
from archive.views.database import RecordChange
from archive.views.sources import SourcesView
from archive.views.sqlite import SQLiteViews
from domain.events import Resumed
from tests.archive.small_archive import KIND, SmallArchive, sqlite_archive

TODAY, TOMORROW = date(2026, 11, 22), date(2026, 11, 23)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[SmallArchive]:
    made = sqlite_archive(tmp_path)
    yield made
    made.close()


@pytest.fixture
def view(tmp_path: Path) -> Iterator[SourcesView]:
    database = SQLiteViews(tmp_path / "views.db")
    made = SourcesView(database, ZoneInfo("Asia/Shanghai"))
    database.prepare(made)
    yield made
    database.close()


def project(view: SourcesView, committed: Committed, source: str | None) -> None:
    event = Resumed(
        event_id=committed.event_id,
        record_id=committed.record_id,
        version=committed.version,
        kind=KIND,
        kind_version=1,
        actor=None,
        assurance="api-key",
        occurred_at=committed.recorded_at,
        source=source,
        source_id=f"外部-{committed.leaf_index}",
        reason="customer",
    )
    at = time_text(committed.recorded_at)
    # The view looks at no state of the record, so none is replayed for it.
    after: Any = None
    change = RecordChange(committed.record_id, committed.leaf_index, at, None, after, event)
    view._database.advance(view, [change], committed.leaf_index)  # noqa: SLF001 - the feeder's part


def test_a_source_computes_the_same(small: SmallArchive, view: SourcesView) -> None:
    """From its receipts alone a source computes the archive's digest of its day."""
    record = small.open()
    kept = []
    for source in ("erp", None, "mes", "erp"):
        committed = small.append(record)
        project(view, committed, source)
        if source == "erp":
            kept.append(committed)
    said = [
        json.dumps(
            {
                "event_id": each.event_id,
                "leaf_hash": each.leaf_hash.hex(),
                "recorded_at": time_text(each.recorded_at),
                "source_id": f"外部-{each.leaf_index}",
            },
            separators=(",", ":"),
            ensure_ascii=False,
        )
        + "\n"
        for each in kept
    ]
    found = digest(view, small.store, "erp", TODAY)
    assert found.count == 2
    assert found.sha256 == hashlib.sha256("".join(said).encode()).hexdigest()
    assert b"".join(lines(view, small.store, "erp", TODAY)).decode() == "".join(said)
    assert view.sources() == ["erp", "mes"]
    assert digest(view, small.store, "erp", TOMORROW).count == 0


def test_site_day_and_purge(small: SmallArchive, view: SourcesView) -> None:
    """The day is the site's, and what is purged leaves the digest."""
    small.clock.now = small.clock.now.replace(hour=16)
    record = small.open()
    project(view, small.append(record), "erp")
    assert digest(view, small.store, "erp", TODAY).count == 0
    assert digest(view, small.store, "erp", TOMORROW).count == 1
    with view._database.transaction():  # noqa: SLF001 - the feeder's part
        view.purge([record])
    assert digest(view, small.store, "erp", TOMORROW).count == 0
