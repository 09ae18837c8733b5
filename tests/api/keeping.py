"""A plant in which something falls due: its people, a complaint that was imported, a whole disposal
over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archive.ledger import new_id
from domain.commands import File, Open
from retention.founding import found
from tests.api.conftest import TRUSTED, Plant

YEARS = 3 * 365 + 4
"""Three years and a Monday: disposals are executed on working days."""
SECRET = "采购的设备延迟交付"


@dataclass
class Keeping:
    """`plant` with those whom a disposal needs: lister, head, officer, quality, legal."""

    plant: Plant

    def __post_init__(self) -> None:
        plant = self.plant
        plant.departments["legal"] = plant.open(
            "department", "establish", {"name": "legal", "functions": ["legal"]}
        )
        plant.hire("lister", "adm")
        plant.hire("clerk", "adm")
        plant.hire("officer", "qc", "records-officer")
        plant.hire("quality", "qc", "quality-manager")
        plant.hire("legal", "legal")
        plant.hire("guard", "adm")
        found(plant.archive)

    def due(self, count: int = 1) -> list[str]:
        """Records whose three years are over; the clock is turned."""
        made = [self.imported(f"客户{n}") for n in range(count)]
        self.plant.clock.turn(days=YEARS)
        self.plant.archive.views.catch_up()
        return made

    def imported(self, customer: str = "科技公司", *, filed: bool = True) -> str:
        """A complaint that another system had."""
        archive, now = self.plant.archive, self.plant.clock()
        record_id, _ = archive.keys.new_record()
        archive.ledger.execute(
            Open(
                event_id=new_id(), record_id=record_id, actor=TRUSTED, occurred_at=now,
                received_at=now, kind="complaint", step="receive",
                values={"customer": customer, "description": f"{SECRET}。"},
                provenance={"system": "erp", "id": new_id()},
            )
        )  # fmt: skip
        if filed:
            self.file(record_id)
        return record_id

    def file(self, record_id: str) -> None:
        now = self.plant.clock()
        self.plant.archive.ledger.execute(
            File(
                event_id=new_id(), record_id=record_id, actor=TRUSTED, occurred_at=now,
                received_at=now, scope=False,
            )
        )  # fmt: skip

    # ---------------------------------------------------------------- the way of a disposal

    def listed(self, *records: str, by: str = "lister") -> dict[str, Any]:
        body = {"records": list(records), "owner": self.plant.people["cs"]}
        made = self.plant.post(by, "/v1/retention/disposals", body)
        assert made.status_code == 201, made.text
        return dict(made.json())

    def step(self, who: str, disposal: dict[str, Any], step: str, answers: Any) -> Any:
        return self.plant.post(
            who, f"/v1/disposal/{disposal['id']}/steps/{step}", {"answers": answers}
        )

    def reviewed(self, disposal: dict[str, Any], outcome: str = "destroy") -> None:
        rows = [
            {"item": i["item"], "outcome": outcome}
            | ({"reason": "审核用"} if outcome != "destroy" else {})
            | ({"until": "2035-01-01"} if outcome == "keep" else {})
            for i in disposal["items"]
        ]
        done = self.step("cs", disposal, "review", {"items": rows})
        assert done.status_code == 201, done.text

    def approve(self, who: str, disposal: dict[str, Any], step: str) -> Any:
        zone = self.plant.archive.options.zone
        today = self.plant.clock().astimezone(zone).date().isoformat()
        answers = {"list_hash": disposal["list_hash"], "today": today}
        return self.step(who, disposal, step, answers)

    def approved(self, disposal: dict[str, Any]) -> None:
        for who, step in (("officer", "approve-first"), ("quality", "approve-second")):
            done = self.approve(who, disposal, step)
            assert done.status_code == 201, done.text

    def executed(self, disposal: dict[str, Any]) -> dict[str, Any]:
        """After the cool-off: started, executed, and waited for."""
        self.plant.clock.turn(days=7)
        path = f"/v1/retention/disposals/{disposal['id']}"
        started = self.plant.post("lister", f"{path}/start")
        assert started.status_code == 201, started.text
        begun = self.plant.post("lister", f"{path}/execute")
        assert begun.status_code == 202, begun.text
        desk = self.plant.client.app.state.desk  # type: ignore[attr-defined]
        desk.executions.wait(disposal["id"], 60)
        return dict(self.plant.get("lister", path).json())

    def disposed(self, *records: str) -> dict[str, Any]:
        disposal = self.listed(*records)
        self.reviewed(disposal)
        self.approved(disposal)
        return self.executed(disposal)

    def codes(self) -> list[str]:
        """What the journal says, oldest first."""
        notes = self.plant.get("officer", "/v1/retention/journal").json()["notes"]
        return [note["code"] for note in reversed(notes)]
