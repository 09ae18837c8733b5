"""Bundles of a real archive, checked by the verifier that an outsider runs."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from archive.evidence import bundle
from archive.evidence.container import Container
from archive.evidence.policy import Policy
from archive.evidence.report import Report, Verdict
from archive.evidence.statement import Ref
from archive.evidence.verify import verify
from archive.exporting import Exporter, Wanted
from archive.ledger import NoSuchRecordError
from archive.log import vkey
from archive.selecting import everything_linked
from archive.store import Unit
from tests.archive.small_archive import ORIGIN, SmallArchive, postgres_archive, sqlite_archive

FILE = bytes(range(256)) * 5000


@pytest.fixture(params=("sqlite", pytest.param("postgres", marks=pytest.mark.postgres)))
def small(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallArchive]:
    made = (
        sqlite_archive(tmp_path)
        if request.param == "sqlite"
        else postgres_archive(request.getfixturevalue("postgres_dsn"), tmp_path)
    )
    yield made
    made.close()


@pytest.fixture
def exporter(small: SmallArchive) -> Exporter:
    return Exporter(small.store, small.keys, small.keyring, small.log)


def exported(
    small: SmallArchive, exporter: Exporter, records: list[str], may_read: Callable[[str], bool]
) -> tuple[io.BytesIO, Report]:
    file = io.BytesIO()
    exporter.export(Wanted(records=records, may_read=may_read), file)
    file.seek(0)
    return file, verify(file, Policy.of_vkey(vkey(ORIGIN, small.keyring.log_key)))


def test_record(small: SmallArchive, exporter: Exporter) -> None:
    """A record in a bundle is verified wholly opened, its files byte for byte."""
    record = small.open("迟到三天", files=[FILE, b""])
    small.open("无关")
    small.append(record, "已回访")
    file, report = exported(small, exporter, [record], lambda _: True)
    assert report.ok, report.findings
    assert [event.verdict for event in report.events] == [Verdict.OPENED] * 2
    box = Container(file)
    files = [b"".join(box.chunks(path)) for path in box.members if path.startswith("attach")]
    assert sorted(files) == sorted([FILE, b""])
    assert "迟到三天".encode() in b"".join(
        b"".join(box.chunks(path)) for path in box.members if path.startswith("content/")
    )
    assert bundle.RECEIPTS in box.members


def test_far_apart(small: SmallArchive, exporter: Exporter) -> None:
    """Records whose leaves lie among and far from each other are all there, in the log's order."""
    first, second, other = (small.open() for _ in range(3))
    for record, times in ((first, 3), (other, 40), (second, 1), (first, 1), (other, 2)):
        units = [small.seal(record, "又一步") for _ in range(times)]
        small.committer.commit(Unit(tuple(units)))
    file = io.BytesIO()
    said = exporter.export(Wanted(records=[second, first]), file)
    report = verify(file, Policy.of_vkey(vkey(ORIGIN, small.keyring.log_key)))
    assert report.ok, report.findings
    assert (said.records, said.leaves, said.contents) == (2, 7, 7)
    leaves = bundle.read_leaves(Container(file), bundle.LEAVES)
    held = [leaf.index for leaf in leaves if isinstance(leaf, bundle.ProvenLeaf)]
    wanted = [row.leaf_index for each in (first, second) for row in small.store.record(each)]
    assert held == sorted(wanted)
    assert len(list(bundle.read_receipts(Container(file)))) == len(wanted)


def test_withheld(small: SmallArchive, exporter: Exporter) -> None:
    """What the caller may not see is proven and not shown."""
    mine, theirs = small.open("看得见的"), small.open("看不见的", files=[FILE])
    file, report = exported(small, exporter, [mine, theirs], lambda record: record == mine)
    assert report.ok, report.findings
    verdicts = Counter(event.verdict for event in report.events)
    assert verdicts == {Verdict.OPENED: 1, Verdict.WITHHELD: 1}
    assert "看得见的".encode() in file.getvalue()
    assert "看不见的".encode() not in file.getvalue()
    assert FILE[:1000] not in file.getvalue()


def test_gone(small: SmallArchive, exporter: Exporter) -> None:
    """Content that is gone without a disposal is MISSING in the bundle too; so is a lost key."""
    lost, keyless = small.open(), small.open()
    small.store.destroy_content([lost])
    small.keys.destroy([keyless])
    _, report = exported(small, exporter, [lost, keyless], lambda _: True)
    assert not report.ok
    assert {event.verdict for event in report.events} == {Verdict.MISSING}


def test_after_rotation(small: SmallArchive, exporter: Exporter) -> None:
    """Keys that were rotated between a record's events are all in the bundle."""
    record = small.open()
    small.keyring.rotate(small.committer, "log")
    small.keyring.rotate(small.committer, "intake")
    small.append(record)
    _, report = exported(small, exporter, [record], lambda _: True)
    assert report.ok, report.findings


def test_no_such_record(exporter: Exporter) -> None:
    """A record that is not there is refused before a byte is written."""
    file = io.BytesIO()
    with pytest.raises(NoSuchRecordError):
        exporter.export(Wanted(records=["0" * 32]), file)
    assert file.getvalue() == b""


def test_everything_linked(small: SmallArchive) -> None:
    """A case is what its records point to, and what points to them, however far."""
    complaint, request, capa, other = (small.open() for _ in range(4))
    small.append(complaint, refs=[Ref("about", request, None), Ref("about", "0" * 32, None)])
    small.append(capa, refs=[Ref("follows", complaint, None)])
    incoming = {complaint: [("follows", capa)], request: [("about", complaint)]}
    linked = everything_linked(small.store, request, lambda record: incoming.get(record, []))
    assert linked == [request, complaint, capa]
    assert other not in linked
    few = everything_linked(small.store, request, lambda record: incoming.get(record, []), limit=2)
    assert few == [request, complaint]
