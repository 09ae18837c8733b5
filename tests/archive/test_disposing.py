"""The way of a disposal through a real archive: decided, signed, committed, read back, verified."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import pytest

from archive.evidence import leaf, statement
from archive.evidence.dsse import STATEMENT_TYPE, parse
from archive.evidence.report import Level
from archive.evidence.verify import verify
from archive.exporting import Wanted
from archive.ledger import Asked
from archive.store import NotQuiet, Quiet, VersionConflict
from domain.commands import Actor, Dispose
from domain.disposals import list_hash
from domain.errors import DisposalError, NotEntitledError
from domain.events import Attestation, Disposed, RuleRef, StepTaken
from domain.record import Record
from tests.archive.acting import TRUSTED, Acting
from tests.worlds import World

HOLDS = ("~legal-hold/opened", "~legal-hold/step-taken")


@dataclass
class Plant:
    """People of a small plant, and a complaint of long ago."""

    world: World

    def __post_init__(self) -> None:
        self.acting = Acting(self.world.archive)
        self.owner = self.person("负责人")
        self.records = self.person("档案管理员", "records-officer")
        self.compliance = self.person("质量经理", "quality-manager")
        self.about = self.filed()
        self.world.clock.turn(days=1200)

    def person(self, name: str, *roles: str) -> str:
        values: dict[str, Any] = {"name": name, **({"roles": list(roles)} if roles else {})}
        return self.acting.open("person", "register", **values).id

    def filed(self) -> Record:
        record = self.acting.complaint()
        self.acting.take(record, "withdraw", why="duplicate", reason="重复")
        return self.acting.file(record)

    def row(self, record: Record, item: str = "1") -> dict[str, Any]:
        assert record.filing is not None
        return {
            "item": item,
            "record": record.id,
            "number": record.number,
            "kind": record.kind.id,
            "class": record.kind.retention,
            "base_date": record.filing.base_date,
            "last_day": "2029-11-22",
            "rule": "RR-03",
            "rule_version": 1,
            "rule_hash": "a" * 64,
            "head": record.head,
            "version": record.version,
            "owner": self.owner,
        }

    def executing(self, *records: Record) -> Record:
        rows = [self.row(r, str(n)) for n, r in enumerate(records or (self.about,), start=1)]
        named = list_hash(rows)
        listed = self.acting.open(
            "disposal",
            "list",
            medium="electronic",
            list_hash=named,
            items=rows,
            owners=[self.owner],
            time_status="proven",
        )
        reviewed = [{"item": row["item"], "outcome": "destroy"} for row in rows]
        self.acting.as_(self.owner).take(listed, "review", items=reviewed)
        today = self.world.clock().date().isoformat()
        for step, person in (("approve-first", self.records), ("approve-second", self.compliance)):
            self.acting.as_(person).take(listed, step, list_hash=named, today=today)
        self.world.clock.turn(days=8)
        return self.acting.take(listed, "start", today=today, time_status="proven")

    def command(
        self, warrant: Record, record: Record | None = None, item: str = "1", by: Actor = TRUSTED
    ) -> Dispose:
        record = record or self.about
        header = {**self.acting.header(record.id), "actor": by}
        return Dispose(**header, warrant=warrant.id, item=item)


@pytest.fixture
def plant(world: World) -> Plant:
    return Plant(world)


def said(plant: Plant, record: Record, version: int | None = None) -> statement.Statement:
    row = plant.world.archive.store.record(record.id)[(version or record.version) - 1]
    return statement.parse(parse(leaf.parse(row.leaf).envelope, STATEMENT_TYPE).payload)


def test_a_disposal_is_signed_with_its_facts_and_read_back(plant: Plant) -> None:
    """What the log says for ever is what the rules decided; a restart reads the same."""
    warrant = plant.executing()
    record = plant.acting.do(plant.command(warrant))
    facts = said(plant, record).facts
    assert said(plant, record).type == "disposed"
    approvals = [e.digest for e in warrant.entries if e.step.startswith("approve-")]
    assert (facts["approvals"], facts["last_day"]) == (approvals, "2029-11-22")
    again = plant.world.reopen().ledger.get(record.id)
    assert again == record
    assert again.disposal is not None
    event = plant.world.archive.ledger.history(record.id)[-1].event
    assert isinstance(event, Disposed)
    assert event.rule == RuleRef("RR-03", 1, "a" * 64)


def test_what_a_step_attests_is_read_back(plant: Plant) -> None:
    """List and approvals stand in the statement's type; in memory they stay what they are."""
    warrant = plant.executing()
    history = plant.world.reopen().ledger.history(warrant.id)
    words = [said(plant, warrant, n).type for n in range(1, 6)]
    approved = "disposal-approved"
    assert words == ["disposal-listed", "step-taken", approved, approved, "step-taken"]
    (first,) = [r.event for r in history if r.event.step == "approve-first"]
    assert isinstance(first, StepTaken)
    assert first.attests == Attestation(
        "disposal-approved", None, list_hash([plant.row(plant.about)])
    )
    assert first.signoff is not None
    assert first.signoff.covers == (history[0].digest, history[1].digest)
    assert said(plant, warrant, 3).signoff == statement.Signoff("approves", first.signoff.covers)
    assert history[-1].event.TOPIC == "step-taken"


def test_the_bundle_of_both_records_verifies(plant: Plant) -> None:
    """An outsider sees that the approvals are of the list, by two people, before the disposal."""
    warrant = plant.executing()
    record = plant.acting.do(plant.command(warrant))
    file = io.BytesIO()
    plant.world.archive.exporter.export(Wanted(records=[record.id, warrant.id]), file)
    report = verify(file)
    # The content is still here: nothing was destroyed yet, and a verifier says so.
    assert {f.code for f in report.findings if f.level is Level.FAILED} == {"undisposed"}
    assert "disposal-approval-outside" not in {f.code for f in report.findings}


def test_nobody_gets_past_the_ledger(plant: Plant) -> None:
    """A Python call as a person is refused, so is one that names no such disposal."""
    warrant = plant.executing()
    ledger = plant.world.archive.ledger
    with pytest.raises(NotEntitledError):
        ledger.execute(plant.command(warrant, by=Actor(plant.records)))
    with pytest.raises(DisposalError) as caught:
        ledger.execute(plant.command(plant.about))
    assert caught.value.code == "NO_APPROVED_BATCH"
    assert ledger.get(plant.about.id).disposal is None


def test_a_hold_in_between_wins(plant: Plant) -> None:
    """What was looked at before a hold was placed disposes of nothing after it."""
    warrant = plant.executing()
    ledger = plant.world.archive.ledger
    quiet = Quiet(HOLDS, plant.world.archive.store.head().size)
    plant.acting.open(
        "legal-hold",
        "place",
        matter="诉讼",
        authority="法院",
        reason="应诉",
        custodian=plant.owner,
        records=[{"record": plant.about.id}],
    )
    with pytest.raises(NotQuiet):
        ledger.execute(plant.command(warrant), quiet=quiet)
    with pytest.raises(NotQuiet):
        ledger.execute_together([lambda _: (plant.command(warrant), None)], quiet=quiet)
    (answer,) = ledger.execute_many([Asked(plant.command(warrant), quiet=quiet)])
    assert isinstance(answer, NotQuiet)
    assert ledger.get(plant.about.id).disposal is None
    present = Quiet(HOLDS, plant.world.archive.store.head().size)
    (answer,) = ledger.execute_many([Asked(plant.command(warrant), quiet=present)])
    assert not isinstance(answer, Exception)


def test_the_disposal_may_not_move_meanwhile(plant: Plant) -> None:
    """The commit rests on the version of the disposal that was looked at."""
    warrant = plant.executing()
    ledger = plant.world.archive.ledger
    prepared = ledger.prepare(plant.command(warrant)).decision
    plant.acting.take(warrant, "results", items=[{"item": "1", "result": "exception"}])
    assert prepared.reads[warrant.id] == warrant.version
    sealed = ledger.seal(plant.about, prepared)
    with pytest.raises(VersionConflict):
        ledger.accept(sealed, prepared)
