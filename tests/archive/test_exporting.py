"""Bundles of a real archive, checked by the verifier that an outsider runs."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from archive.authority import Authority
from archive.disclosing import without
from archive.evidence import bundle
from archive.evidence.container import Container
from archive.evidence.keys import SigningKey
from archive.evidence.note import COSIGNATURE, VerifierKey
from archive.evidence.page import page
from archive.evidence.policy import Policy
from archive.evidence.report import Completeness, Report, Verdict
from archive.evidence.together import Verified, together
from archive.evidence.verify import verify
from archive.exporting import Exporter, Wanted
from archive.ledger import NoSuchRecordError
from archive.log import vkey
from archive.selecting import everything
from archive.store import Unit
from archive.timestamps import Timestamps
from tests.archive.small_archive import ORIGIN, SmallArchive, postgres_archive, sqlite_archive
from tests.authority import TimestampAuthority, TurnedClock

FILE = bytes(range(256)) * 5000
WITNESS = VerifierKey.make("w.example/w", SigningKey.generate().verify_key(), COSIGNATURE)


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


def opened_parts(file: io.BytesIO) -> Counter[str]:
    box = Container(file)
    return Counter(path.partition("/")[0] for path in box.members if "/" in path)


def test_parts_are_left_out_and_stay_proven(small: SmallArchive, exporter: Exporter) -> None:
    """Whatever is not to be shown is withheld; also files without their text."""
    record = small.open("迟到三天", files=[FILE])
    small.append(record, "已回访", step="call-back")
    for names, shown in (
        (["attachments"], {"content": 2}),
        (["step:call-back"], {"content": 1, "attachments": 1}),
        (["step:call-back", "attachments"], {"content": 1}),
        ([record], {}),
    ):
        file = io.BytesIO()
        wanted = Wanted(records=[record], shows=without(names, lambda name: name))
        said = exporter.export(wanted, file)
        report = verify(file)
        assert report.ok, report.findings
        assert opened_parts(file) == shown
        assert said.withheld == 3 - sum(shown.values())
    file = io.BytesIO()
    exporter.export(Wanted(records=[record], shows=lambda _, part: part.n == 1), file)
    assert verify(file).ok
    assert opened_parts(file) == {"attachments": 1}


def test_a_bundle_says_what_was_asked_and_that_nothing_came_later(
    small: SmallArchive, exporter: Exporter
) -> None:
    """The question is signed with the heads; complete by the log's word, and proven for the whole
    log."""
    record = small.open()
    small.open("无关")
    file = io.BytesIO()
    exporter.export(Wanted(records=[record], variety="query", asked="kind=complaint"), file)
    report = verify(file)
    assert report.ok, report.findings
    assert report.about is not None
    assert (report.about.variety, report.about.asked) == ("query", "kind=complaint")
    assert report.completeness is Completeness.SIGNED
    everything_ = everything(small.store, ORIGIN)
    file = io.BytesIO()
    exporter.export(Wanted(records=everything_, variety="archive"), file)
    assert verify(file).completeness is Completeness.PROVEN


def test_what_judges_a_record_comes_along(small: SmallArchive, exporter: Exporter) -> None:
    """Marked as context; neither what the caller may not see nor what is not there."""
    record, rule, secret = small.open(), small.open("规则"), small.open("机密")
    file = io.BytesIO()
    wanted = Wanted(
        records=[record],
        beside=lambda _: [rule, rule, record, secret, "0" * 32],
        may_read=lambda each: each != secret,
    )
    said = exporter.export(wanted, file)
    assert (said.records, said.context) == (1, 1)
    report = verify(file)
    assert report.ok, report.findings
    assert bundle.read_head(Container(file)).context == [rule]
    assert "机密".encode() not in file.getvalue()


def test_volumes_together_are_the_whole_log(small: SmallArchive, exporter: Exporter) -> None:
    """Each proves itself, with what judges its records; together they are proven to be all; no
    record is cut in two, and a volume that is missing is missed."""
    for n in range(5):
        small.open(f"第{n}份", files=[FILE] if n == 3 else [])
    everything_ = everything(small.store, ORIGIN)
    files: dict[int, io.BytesIO] = {}

    @contextmanager
    def opened(n: int, of: int) -> Iterator[io.BytesIO]:
        assert of == 4  # the one with a file has two parts
        files[n] = io.BytesIO()
        yield files[n]

    wanted = Wanted(records=everything_, variety="archive", beside=lambda _: everything_[:1])
    said = exporter.volumes(wanted, opened, most=2)
    assert [(each.records, each.context) for each in said] == [(2, 0), (1, 1), (1, 1), (1, 1)]
    reports = [verify(files[n]) for n in sorted(files)]
    assert all(report.ok for report in reports)
    kept = [Verified.of(report) for report in reports]
    assert together(kept).proven
    assert together(kept).missing == ()
    part = together(kept[1:])
    assert not part.proven
    assert part.missing == (1,)
    other = io.BytesIO()
    small.open("后来")
    exporter.export(Wanted(records=everything_), other)
    assert not together([*kept, Verified.of(verify(other))]).one


def test_timestamps_and_whom_to_trust_come_along(small: SmallArchive, tmp_path: Path) -> None:
    """The token over this very checkpoint, also where witnesses have cosigned it since; and the
    witnesses that the archive has, without their addresses."""
    authority = TimestampAuthority(TurnedClock(small.clock.now))
    try:
        asked = Authority("tsa", authority.url, (authority.root.certificate,), authority.policy)
        timestamps = Timestamps(small.store, small.log, [asked], small.clock)
        policy = Policy.parse(
            f"witness w {WITNESS} https://w.example/\nquorum none\n", of_a_log=True
        )
        exporter = Exporter(
            *(small.store, small.keys, small.keyring, small.log),
            policy=policy,
            stamp=timestamps.stamp_present,
        )
        file = io.BytesIO()
        exporter.export(Wanted(records=[small.open()]), file)
    finally:
        authority.close()
    root = authority.root.certificate.public_bytes(Encoding.DER)
    key = vkey(ORIGIN, small.keyring.log_key)
    report = verify(file, Policy.parse(f"log {key}\nwitness w {WITNESS}\nquorum none\n"), [root])
    assert report.ok, report.findings
    assert [(each.n, each.trusted) for each in report.timestamps] == [(1, True)]
    codes = {finding.code for finding in report.findings}
    assert "policy-differs" not in codes
    assert Container(file).read(bundle.PAGE, bundle.MAX_PAGE) == page()
    assert b"https" not in Container(file).read(bundle.POLICY, 1000)
