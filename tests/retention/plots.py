"""Random histories of everything that retention looks at, in a real archive.

Records are filed on days of all years by events sealed here, which `decide` would not give in a
minute; rules, holds, triggers, corrections and paper copies are taken by the kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from random import Random
from typing import Any

from archive import sealing
from archive.ledger import new_id
from archive.opening import Archive
from archive.store import Unit
from domain.disposals import list_hash
from domain.events import (
    AnyEvent,
    Disposed,
    Filed,
    LinkedTo,
    Opened,
    Ref,
    Reopened,
    RuleRef,
)
from domain.kinds import find
from domain.record import Record
from tests.archive.acting import COMPLAINT, Acting
from tests.worlds import World

CUSTOMERS, PARTS = ("华东精工", "科技公司"), ("A-1", "a-2", "B 3")
FIRST = date(2019, 1, 1)
RULE: dict[str, Any] = {
    "title_zh": "规则", "title_en": "rule", "scope": "any", "medium": "electronic",
    "authority": "company", "citation": "QP-11", "trigger": "filed", "cut_off": "anniversary",
    "period": "P5Y", "action": "destroy", "floor": True, "effective_from": "2020-01-01",
}  # fmt: skip
HOLD: dict[str, Any] = {"matter": "诉讼", "authority": "法院", "reason": "应诉"}


def handed_over(acting: Acting, *items: str) -> Record:
    """A transfer as it is recorded, with the recipient's receipt."""
    upload = acting.archive.attachments.begin("回执.pdf", "application/pdf", "1" * 32)
    upload.feed(b"%PDF-1.7")
    receipt = upload.finish().file
    opening = acting.opening(
        "records-transfer", "record", items=[{"record": item} for item in items],
        recipient="市档案馆", day="2026-03-20", bundle_hash="a" * 64, receipt=[receipt.id],
    )  # fmt: skip
    return acting.do(replace(opening, attachments=(receipt,)))


@dataclass
class Plot:
    """What has come to be so far, by kind; every act is one event or two."""

    world: World
    chance: Random
    records: dict[str, str] = field(default_factory=dict)
    copies: list[str] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    holds: list[str] = field(default_factory=list)
    triggers: list[str] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    listed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        acting = self.acting
        office = acting.open("department", "establish", name="行政部", functions=["adm"])
        self.person = acting.open(
            "person", "register", name="孙丽", department=office.id, roles=["records-officer"]
        ).id

    @property
    def archive(self) -> Archive:
        return self.world.archive

    @property
    def acting(self) -> Acting:
        return Acting(self.archive)

    def go_on(self, acts: int) -> None:
        ways: tuple[tuple[int, Callable[[], None]], ...] = (
            (8, self.complain), (3, self.act_on), (2, self.bundle), (10, self.file),
            (2, self.reopen), (5, self.bind), (1, self.unbind), (3, self.copy), (3, self.handle),
            (2, self.rule), (3, self.hold), (3, self.trigger), (1, self.correct),
            (3, self.review), (2, self.hand_over),
        )  # fmt: skip
        for _ in range(acts):
            self.world.clock.turn(hours=self.chance.randrange(30))
            self.chance.choices([w for _, w in ways], [n for n, _ in ways])[0]()

    # ------------------------------------------------------------ records

    def complain(self, **said: str) -> None:
        values = {**COMPLAINT, "customer": self.chance.choice(CUSTOMERS)}
        if self.chance.random() < 0.6:
            values["part"] = self.chance.choice(PARTS)
        self._open("complaint", "receive", {**values, **said})

    def act_on(self) -> None:
        self._open("capa", find("capa").steps[0].id, {})

    def bundle(self) -> None:
        self._open("dossier", find("dossier").steps[0].id, {"project": "新品推广"})

    def _open(self, kind: str, step: str, values: dict[str, Any]) -> None:
        record_id, _ = self.archive.keys.new_record()
        self._commit(
            Opened(**self._header(record_id, kind, 1), step=step, values=values, department=None)
        )
        self.records[record_id] = kind

    def file(self) -> None:
        record = self._any(lambda r: r.filing is None)
        if record is not None:
            day = FIRST + timedelta(days=self.chance.randrange(2800))
            marks = self.chance.choice(((), (), ("design",), ("order", "contract")))
            self.file_on(record.id, day.isoformat(), marks, scope=self.chance.random() < 0.1)

    def file_on(
        self, record_id: str, day: str, marks: tuple[str, ...] = (), *, scope: bool = False
    ) -> None:
        header = self._after(self.archive.ledger.get(record_id))
        facts: dict[str, Any] = {"zone": "Asia/Shanghai", "tzdata": "2026a"}
        self._commit(Filed(**header, **facts, base_date=day, scope=scope, marks=marks))

    def reopen(self) -> None:
        record = self._any(lambda r: r.filing is not None)
        if record is not None:
            self._commit(Reopened(**self._after(record), reason="补充"))

    def bind(self) -> None:
        one, other = self._any(lambda r: r.kind.id != "complaint"), self._any(lambda _: True)
        if one is not None and other is not None and one.id != other.id:
            rel = "contains" if one.kind.id == "dossier" else "resolves"
            rel = self.chance.choice((rel, rel, "see-also"))
            self._commit(LinkedTo(**self._after(one), refs=(Ref(rel, other.id),)))

    def unbind(self) -> None:
        record = self._any(lambda r: bool(r.links))
        if record is not None:
            link = self.chance.choice(record.links)
            self._commit(
                LinkedTo(
                    **self._after(record),
                    refs=(Ref(link.rel, link.record),),
                    withdrawn=True,
                    step="withdrawn",
                )
            )

    def dispose(self) -> str | None:
        """Without any warrant: the view is fed, not the law."""
        record = self._any(lambda r: r.filing is not None)
        if record is None:
            return None
        rule = RuleRef("RR-03", 1, "0" * 64)
        self._commit(
            Disposed(
                **self._after(record),
                list="1" * 64,
                rule=rule,
                last_day="2026-01-01",
                approvals=("2" * 64, "3" * 64),
                refs=(Ref("warrant", new_id()),),
            )
        )
        self.gone.add(record.id)
        self.archive.destruction.destroy([record.id])
        return record.id

    # ------------------------------------------------------------ paper

    def copy(self) -> None:
        record = self._any(lambda _: True)
        if record is not None:
            made = self.acting.open(
                "paper-copy", "register", record=record.id, copy=self.chance.randrange(1, 3),
                location="A-3", pages=4, keeper=self.person,
                signed_original=self.chance.random() < 0.3,
                required_by=self.chance.choice(("none", "customer")),
            )  # fmt: skip
            self.copies.append(made.id)

    def handle(self) -> None:
        if self.copies:
            copy = self.archive.ledger.get(self.chance.choice(self.copies))
            acting = self.acting
            if copy.state == "on-loan":
                acting.take(copy, "return")
            elif copy.state == "shelved":
                step, values = self.chance.choice(
                    (
                        ("lend", {"to": self.person, "due": "2026-12-31"}),
                        ("report-loss", {"reason": "火灾"}),
                        ("check", {"electronic_ok": True, "pages": 4}),
                        ("check", {"electronic_ok": False, "pages": 4}),
                        (
                            "destroy",
                            {
                                "disposal": new_id(), "method": "P-4", "destroyer": self.person,
                                "witness": self.person,
                            },
                        ),
                    )
                )  # fmt: skip
                acting.take(copy, step, **values)

    # ------------------------------------------------------------ policy

    def rule(self) -> None:
        if not self.rules or self.chance.random() < 0.5:
            said = {**RULE, **self._condition(), "rule_id": f"QX-{len(self.rules)}"}
            self.rules.append(self.acting.open("retention-rule", "ship", **said).id)
            return
        rule = self.archive.ledger.get(self.chance.choice(self.rules))
        said = {**RULE, **self._condition(), "period": self.chance.choice(("P1Y", "P4Y", "P9Y"))}
        rule = self.acting.take(rule, "revise", **said)
        if self.chance.random() < 0.8:
            rule = self.acting.take(rule, "approve-first")
            self.acting.take(rule, "approve-second")

    def _condition(self) -> dict[str, Any]:
        return self.chance.choice(
            (
                {}, {"parts": [{"part": "a-1"}]}, {"kinds": [{"kind": "complaint"}]},
                {"customers": [{"customer": "科技公司"}]}, {"classes": ["dossier"]},
                {"marks": ["design"], "trigger": "product-service-ended"},
                {"medium": "paper", "period": "P1Y"}, {"medium": "any", "scope": "no"},
            )
        )  # fmt: skip

    def hold(self) -> None:
        open_holds = [h for h in self.holds if self.archive.ledger.get(h).state != "released"]
        if not open_holds or self.chance.random() < 0.5:
            made = self.acting.open(
                "legal-hold", "place", **HOLD, custodian=self.person, **self._scope()
            )
            self.holds.append(made.id)
            return
        hold = self.archive.ledger.get(self.chance.choice(open_holds))
        if self.chance.random() < 0.3:
            self.acting.take(hold, "extend", reason="扩大", **self._scope())
        elif hold.state == "active":
            self.acting.take(hold, "request-release", reason="结案")
        else:
            self.acting.take(hold, "release", reason="结案")

    def _scope(self) -> dict[str, Any]:
        wheres: list[dict[str, Any]] = [
            {"where": [{"what": "part", "value": "b 3"}]},
            {"where": [{"what": "kind", "value": "capa"}]},
            {"where": [{"what": "opened-until", "value": "2026-11-25"},
                       {"what": "customer", "value": "科技公司"}]},
            {"where": [{"what": "opened-from", "value": "2026-12-20"}]},
        ]  # fmt: skip
        if self.records:
            wheres.append({"records": [{"record": self.chance.choice([*self.records])}]})
        return self.chance.choice(wheres)

    def trigger(self) -> None:
        if not self.triggers or self.chance.random() < 0.5:
            made = self.acting.open(
                "retention-trigger", "report", event="product-service-ended", subject_kind="part",
                subject=self.chance.choice(PARTS), date="2022-05-10", evidence="停产通知",
            )  # fmt: skip
            self.triggers.append(made.id)
            return
        one = self.archive.ledger.get(self.chance.choice(self.triggers))
        if one.state == "reported":
            self.acting.take(one, "confirm")
        elif one.state == "confirmed" and self.chance.random() < 0.3:
            self.acting.take(one, "withdraw", reason="误报")

    def correct(self) -> None:
        record = self._any(lambda r: r.kind.id == "complaint")
        if record is not None:
            made = self.acting.open(
                "retention-correction", "correct", record=record.id, marks=["design"],
                parts=[{"part": "A-1"}], outcomes=["keep", "hold"], reason="误标",
            )  # fmt: skip
            self.acting.take(made, "approve")

    # ------------------------------------------------------------ reviews

    def review(self) -> None:
        """A record, or a copy of one, is listed, though not due, and its reviewer reserves it."""
        record = self._any(lambda _: True)
        copies = [self.archive.ledger.get(c) for c in self.copies]
        if record is None:
            return
        mine = [c.id for c in copies if c.answer("register.record") == record.id]
        listed = self.acting.open("disposal", "list", **self._list(record, *mine[:1]))
        outcome = self.chance.choice(("keep", "transfer", "hold"))
        said = {"item": "1", "outcome": outcome, "reason": "另案使用"}
        if outcome == "keep":
            until = FIRST + timedelta(days=3000 + self.chance.randrange(2000))
            said["until"] = until.isoformat()
        self.acting.as_(self.person).take(listed, "review", items=[said])
        self.listed += [record.id, *mine[:1]]

    def _list(self, record: Record, copy: str | None = None) -> dict[str, Any]:
        row = {
            "item": "1", "record": record.id, "kind": record.kind.id, "class": "communication",
            "base_date": "2020-01-01", "last_day": "2023-01-01", "rule": "RR-03",
            "rule_version": 1, "rule_hash": "0" * 64, "head": record.head,
            "version": record.version, "owner": self.person,
        } | ({"copy": copy} if copy else {})  # fmt: skip
        return {
            "medium": "paper" if copy else "electronic", "list_hash": list_hash([row]),
            "items": [row], "owners": [self.person], "time_status": "proven",
        }  # fmt: skip

    def hand_over(self) -> None:
        if self.listed:
            made = handed_over(self.acting, self.chance.choice(self.listed))
            self.acting.take(made, "confirm")

    # ------------------------------------------------------------ events

    def _any(self, fit: Callable[[Record], bool]) -> Record | None:
        ids = [r for r in self.records if r not in self.gone]
        for record_id in self.chance.sample(ids, len(ids)):
            record = self.archive.ledger.get(record_id)
            if fit(record):
                return record
        return None

    def _header(self, record_id: str, kind: str, version: int) -> dict[str, Any]:
        now = self.world.clock()
        return {
            "event_id": new_id(), "record_id": record_id, "version": version, "kind": kind,
            "kind_version": find(kind).version, "actor": None, "assurance": "system",
            "occurred_at": now - timedelta(days=self.chance.randrange(30)),
        }  # fmt: skip

    def _after(self, record: Record) -> dict[str, Any]:
        return self._header(record.id, record.kind.id, record.version + 1)

    def _commit(self, event: AnyEvent) -> None:
        first = event.version == 1
        sealed = sealing.seal(
            event,
            author=self.archive.keyring.author,
            previous=None if first else self.archive.ledger.get(event.record_id).head,
            record_key=(self.archive.keys.reserve if first else self.archive.keys.get)(
                event.record_id
            ),
            prefix=find(event.kind).prefix if first else None,
            internal=find(event.kind).internal,
        )
        self.archive.committer.commit(Unit((sealed,)))
