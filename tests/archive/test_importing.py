"""Foreign histories: all of it arrives, once, as it was, and says where it came from."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archive.check import Thoroughness
from archive.importing import (
    ImportingError,
    Report,
    fingerprint,
    import_xes,
    load_mapping,
)
from archive.opening import open_archive
from archive.store import StoreError, Unit
from archive.views.access import EVERYTHING
from archive.views.register import Filter
from archive.xes import read
from tests.archive.test_xes import write
from tests.conftest import absent
from tests.worlds import World

VOLVO = Path("../shared/data/volvo_vinst_closed_problems.xes.gz")

LOG = """<log><trace><string key="concept:name" value="{case}"/>
<event><string key="concept:name" value="Queued"/><string key="product" value="PROD1"/>
<string key="lifecycle:transition" value="Awaiting Assignment"/><string key="impact" value="High"/>
<string key="org:resource" value="Åsa"/><string key="org:group" value="Org line A2"/>
<date key="time:timestamp" value="2006-01-11T15:49:42+01:00"/></event>
<event><string key="concept:name" value="Completed"/>
<string key="lifecycle:transition" value="Closed"/>
<date key="time:timestamp" value="{closed}"/></event></trace></log>"""


def bring_in(world: World, path: Path, *, dry_run: bool = False) -> Report:
    mapping = load_mapping("volvo-vinst")
    return import_xes(world.archive.ledger, path, mapping, clock=world.clock, dry_run=dry_run)


def small(tmp_path: Path, case: str = "1-1", closed: str = "2006-02-01T00:00:00+01:00") -> Path:
    return write(tmp_path / f"{case}.xes", LOG.format(case=case, closed=closed))


def only_record(world: World) -> str:
    rows = world.archive.store.leaves(0)
    return next(r.record_id for r in rows if r.topic == "complaint/opened")


def test_a_case_becomes_a_record_with_its_whole_foreign_history(
    world: World, tmp_path: Path
) -> None:
    """Claimed times, people, units, statuses and every other attribute stay as they were."""
    path = small(tmp_path)
    report = bring_in(world, path)
    record = world.archive.ledger.get(only_record(world))
    assert (report.cases, report.events, report.imported_events, report.whole) == (1, 2, 2, True)
    assert record.provenance is not None
    assert record.provenance["case"] == "1-1"
    assert record.provenance["file_sha256"] == fingerprint(path)
    first, last = record.history
    assert first.occurred_at == datetime(2006, 1, 11, 14, 49, 42, tzinfo=UTC)
    assert (first.activity, first.status) == ("Queued", "Awaiting Assignment")
    assert (first.person, first.unit) == ("Åsa", "Org line A2")
    assert ("product", "PROD1") in first.attributes
    assert (last.activity, last.status) == ("Completed", "Closed")
    assert record.recorded_at.year == 2026


def test_what_is_imported_again_adds_nothing(world: World, tmp_path: Path) -> None:
    """A second run, even after a restart, finds every case there already."""
    path = small(tmp_path)
    bring_in(world, path)
    size = world.archive.store.head().size
    world.reopen()
    again = bring_in(world, path)
    assert (again.known_cases, again.imported_cases) == (1, 0)
    assert world.archive.store.head().size == size


def test_a_dry_run_reads_everything_and_writes_nothing(world: World, tmp_path: Path) -> None:
    """It counts what would come in; the log stays as long as it was."""
    size = world.archive.store.head().size
    report = bring_in(world, small(tmp_path), dry_run=True)
    assert (report.imported_cases, report.imported_events) == (1, 2)
    assert world.archive.store.head().size == size


def test_an_unreadable_time_is_reported_and_its_text_kept(world: World, tmp_path: Path) -> None:
    """Nothing is dropped without a line that says why."""
    report = bring_in(world, small(tmp_path, closed="yesterday"))
    record = world.archive.ledger.get(only_record(world))
    assert sum(report.remarks.values()) == 1
    assert ("time:timestamp", "yesterday") in record.history[1].attributes


def test_a_case_without_a_name_is_refused_with_its_line(world: World, tmp_path: Path) -> None:
    """The others come in; the report names the line, the events and the reason."""
    whole = small(tmp_path).read_text()
    nameless = whole.replace("<log>", "<log><trace><event/></trace>")
    report = bring_in(world, write(tmp_path / "mixed.xes", nameless))
    assert (report.refused_cases, report.imported_cases, report.whole) == (1, 1, False)
    assert report.lines == [
        "line 1: case ? with 1 events was not imported: it has no attribute 'concept:name' "
        "that names it"
    ]


def test_an_interrupted_import_goes_on_where_it_stopped(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A case is there wholly or not at all; the next run brings the rest, and only the rest."""
    cases = [small(tmp_path, f"1-{n}").read_text()[5:-6] for n in range(20)]
    path = write(tmp_path / "many.xes", f"<log>{''.join(cases)}</log>")
    commit, left = world.archive.committer.commit, iter(range(7))

    def break_off(unit: Unit) -> object:
        if next(left, None) is None:
            raise StoreError("the power failed")
        return commit(unit)

    with monkeypatch.context() as broken:
        broken.setattr(world.archive.committer, "commit", break_off)
        with pytest.raises(StoreError, match="the power failed"):
            bring_in(world, path)
    world.reopen()
    report = bring_in(world, path)
    assert (report.known_cases, report.imported_cases) == (7, 13)
    rows = [r for r in world.archive.store.leaves(0) if r.topic.startswith("complaint/")]
    assert len(rows) == 20 * 3


def test_an_unknown_mapping_names_the_shipped_ones() -> None:
    """The error says what there is to choose from."""
    with pytest.raises(ImportingError, match="volvo-vinst"):
        load_mapping("no-such-mapping")


def test_a_mapping_with_an_unknown_word_is_refused(tmp_path: Path) -> None:
    """A misspelt mapping must not quietly leave something out."""
    text = load_mapping("volvo-vinst").model_dump_json().replace('"unit"', '"unti"')
    (tmp_path / "mapping.json").write_text(text)
    with pytest.raises(ImportingError, match="unti"):
        load_mapping(str(tmp_path / "mapping.json"))


def test_the_whole_volvo_log_comes_in(world: World) -> None:
    """All 1,487 cases and 6,660 events of the BPI Challenge 2013 log, and each event as it was."""
    if not VOLVO.exists():
        absent("the Volvo log", f"put it at {os.fspath(VOLVO)}")
    report = bring_in(world, VOLVO)
    assert (report.imported_cases, report.imported_events) == (1487, 6660)
    assert (report.lines, dict(report.remarks)) == ([], {})
    history = {
        record.provenance["case"]: [line.attributes for line in record.history]
        for row in world.archive.store.leaves(0)
        if row.topic == "complaint/opened"
        and (record := world.archive.ledger.get(row.record_id)).provenance is not None
    }
    foreign = {dict(t.attributes)["concept:name"]: list(t.events) for t in read(VOLVO)}
    assert history == foreign


def test_views_of_an_imported_history_do_not_depend_on_how_they_were_fed(
    world: World, tmp_path: Path
) -> None:
    """Projected leaf by leaf or loaded whole, a case is called by its source and number."""
    mapping = load_mapping("volvo-vinst")
    paths = [small(tmp_path, f"1-{n}") for n in range(3)]
    for path in paths:
        import_xes(world.archive.ledger, path, mapping, clock=world.clock)
        world.archive.views.catch_up()
    lines = world.archive.views.register.page(EVERYTHING, Filter(kinds=("complaint",))).lines
    assert {line.subject for line in lines} == {"VINST 1-0", "VINST 1-1", "VINST 1-2"}
    assert list(world.archive.views.compare(lambda _done, _of: None)) == []


def test_an_import_survives_a_rotation_of_the_keys_elsewhere(world: World, tmp_path: Path) -> None:
    """Cases after the rotation are signed by the new key: a check finds nothing wrong."""
    with open_archive(world.options) as other:
        bring_in(world, small(tmp_path, "1-1"))
        other.keyring.rotate(other.committer, "intake")
        report = bring_in(world, small(tmp_path, "1-2"))
    assert report.imported_cases == 1
    assert world.archive.check(views=False, how=Thoroughness(processes=0)).ok
