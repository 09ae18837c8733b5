"""Retention rules: the versions that came into force, what they cover, and the ten that ship.

A rule says how long, counted from what, for which records, and on whose authority
(RETENTION.md 2). Conditions: AND between fields, OR within one; none given covers every record.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any

from domain.events import Values
from domain.kind import Text, text
from domain.record import Record
from domain.rule_versions import enacted, rule_hash
from retention.schedule import CutOff, Period, PeriodError

__all__ = ["SHIPPED", "Facts", "RuleVersion", "plain", "rule_hash", "rule_versions"]

BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
MARKS = ("approval", "design", "tooling", "order", "contract")
CLASSES = ("dossier", "communication", "product", "audit", "personnel", "permanent")


def plain(said: str) -> str:
    """A part number or name as people mean it: width, case and spaces make no other one."""
    return " ".join(unicodedata.normalize("NFKC", said).casefold().split())


@dataclass(frozen=True, slots=True)
class Facts:
    """What the conditions of rules ask of a record, as of one of its filings."""

    retention: str
    kind: str
    base_date: date
    marks: frozenset[str] = frozenset()
    scope: bool = False
    parts: frozenset[str] = frozenset()
    customers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleVersion:
    """A rule as it says from this version on. Parts and customers are `plain`."""

    rule_id: str
    version: int = 1
    record_id: str = ""
    """The record of which this is a version."""
    hash: str = ""
    title: Text = field(default=text("", ""), compare=False)
    classes: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    marks: frozenset[str] = frozenset()
    parts: frozenset[str] = frozenset()
    customers: frozenset[str] = frozenset()
    scope: str = "any"
    medium: str = "any"
    authority: str = ""
    citation: str = ""
    edition: str = ""
    trigger: str = "filed"
    cut_off: CutOff = "anniversary"
    period: Period | None = None
    action: str = "permanent"
    floor: bool = True
    effective_from: date = date.min
    ends_on: date | None = None
    note: str = ""
    in_force_at: datetime = BEGINNING
    """When the second approval (or the shipping) was recorded."""

    @classmethod
    def of(
        cls,
        values: Values,
        version: int = 1,
        record_id: str = "",
        in_force_at: datetime = BEGINNING,
    ) -> RuleVersion:
        """From the answers of the form.

        What cannot be read (content lost) makes the rule wider and longer, never narrower: then
        nothing goes until it can be read again.
        """
        return cls(
            rule_id=values.get("rule_id", ""),
            version=version,
            record_id=record_id,
            hash=rule_hash(values),
            title=text(values.get("title_zh", ""), values.get("title_en", "")),
            classes=frozenset(values.get("classes", ())),
            kinds=frozenset(row["kind"] for row in values.get("kinds", ())),
            marks=frozenset(values.get("marks", ())),
            parts=frozenset(plain(row["part"]) for row in values.get("parts", ())),
            customers=frozenset(plain(row["customer"]) for row in values.get("customers", ())),
            scope=values.get("scope", "any"),
            medium=values.get("medium", "any"),
            authority=values.get("authority", ""),
            citation=values.get("citation", ""),
            edition=values.get("edition", ""),
            trigger=values.get("trigger", "filed"),
            cut_off=values.get("cut_off", "end-of-calendar-year"),
            period=_period(values.get("period")),
            action=values.get("action", "permanent"),
            floor=values.get("floor", True),
            effective_from=_day(values.get("effective_from")) or date.min,
            ends_on=_day(values.get("ends_on")),
            note=values.get("note", ""),
            in_force_at=in_force_at,
        )

    @property
    def permanent(self) -> bool:
        """Kept for ever: it says so, or it names no period that ends."""
        return self.action == "permanent" or self.period is None

    @property
    def stream(self) -> tuple[str, str]:
        """Versions of one rule: two records that took the same id stay two rules."""
        return self.rule_id, self.record_id

    def covers(self, facts: Facts, medium: str) -> bool:
        """Whether it speaks of such a record in this medium (`electronic` or `paper`)."""
        return (
            self.medium in ("any", medium)
            and (self.ends_on is None or facts.base_date < self.ends_on)
            and (self.scope == "any" or (self.scope == "yes") == facts.scope)
            and _meets(self.classes, {facts.retention})
            and _meets(self.kinds, {facts.kind})
            and (_meets(self.marks, facts.marks) or facts.retention == "product")
            and _meets(self.parts, facts.parts)
            and _meets(self.customers, facts.customers)
        )

    def was_in_force(self, base: date, filed_at: datetime) -> bool:
        """Whether this version ruled what was filed then.

        Also by the hour of its approval: a date that lies before it would shorten the period of
        records that are filed already (RETENTION.md 4).
        """
        return self.effective_from <= base and self.in_force_at <= filed_at


def _meets(wanted: frozenset[str], found: Collection[str]) -> bool:
    return not wanted or not wanted.isdisjoint(found)


def _period(said: Any) -> Period | None:
    try:
        return Period.parse(said) if isinstance(said, str) else None
    except PeriodError:
        return None


def _day(said: Any) -> date | None:
    return date.fromisoformat(said) if isinstance(said, str) else None


def rule_versions(record: Record) -> tuple[RuleVersion, ...]:
    """The versions of a `retention-rule` that came into force, oldest first."""
    return tuple(
        RuleVersion.of(one.values, one.ref.version, record.id, one.at) for one in enacted(record)
    )


# ---------------------------------------------------------------- what ships

EVERY_COMMUNICATION = ["communication", "product", "audit"]
"""Every class but the dossier, which has rules of its own, personnel (RR-10) and permanent."""
NOT_YET = {"effective_from": "1900-01-01", "ends_on": "1900-01-02"}
"""Over before anything here was filed: a form to be filled in by a revision."""


def _shipped(rule_id: str, zh: str, en: str, **said: Any) -> tuple[str, Values]:
    values = {
        "rule_id": rule_id,
        "title_zh": zh,
        "title_en": en,
        "scope": "any",
        "medium": "any",
        "trigger": "filed",
        "cut_off": "anniversary",
        "action": "destroy",
        "floor": True,
        "effective_from": "2026-01-01",
        **said,
    }
    return rule_id, MappingProxyType(values)


SHIPPED: Mapping[str, Values] = MappingProxyType(
    dict(
        (
            _shipped(
                "RR-01",
                "项目归档卷，电子件：归档之日起3年",
                "Project dossier, electronic: 3 years from filing",
                classes=["dossier"],
                medium="electronic",
                authority="seed",
                citation="公司内部沟通流程 M 第4步 / internal communication procedure M, step 4",
                period="P3Y",
            ),
            _shipped(
                "RR-02",
                "项目归档卷，纸质件：每件归档之日起1年",
                "Project dossier, paper: 1 year from the filing of each copy",
                classes=["dossier"],
                medium="paper",
                authority="seed",
                citation="公司内部沟通流程 M 第4步 / internal communication procedure M, step 4",
                period="P1Y",
            ),
            _shipped(
                "RR-03",
                "其他沟通记录，电子件：归档之日起3年",
                "Every other communication record, electronic: 3 years from filing",
                classes=EVERY_COMMUNICATION,
                medium="electronic",
                authority="card",
                citation="设计卡：电子件3年 / design card: electronic 3 years",
                period="P3Y",
            ),
            _shipped(
                "RR-04",
                "其他沟通记录，纸质件：每件归档之日起1年",
                "Every other communication record, paper: 1 year from the filing of each copy",
                classes=EVERY_COMMUNICATION,
                medium="paper",
                authority="card",
                citation="设计卡：纸质件1年 / design card: paper 1 year",
                period="P1Y",
            ),
            _shipped(
                "RR-05",
                "产品证据（批准、设计、工装、订单、合同）：所涉零件全部停止生产和服务之后再加一个日历年",
                "Product evidence (approval, design, tooling, order, contract): as long as any of "
                "its parts is active for production or service, plus one calendar year",
                marks=list(MARKS),
                authority="standard",
                citation="IATF 16949:2016 7.5.3.2.1",
                trigger="product-service-ended",
                cut_off="end-of-calendar-year",
                period="P1Y",
                floor=False,
            ),
            _shipped(
                "RR-06",
                "顾客特定要求（待填写：每位顾客另立一条规则，或修订本条）",
                "Customer-specific requirement (to be filled in: one rule for each customer, or a "
                "revision of this one)",
                authority="customer",
                citation="顾客特定要求文件编号及版本 / number and revision of the CSR document",
                period="P15Y",
                floor=False,
                note="修订之前不适用于任何记录。 / Applies to no record until it is revised.",
                **NOT_YET,
            ),
            _shipped(
                "RR-07",
                "内部审核和管理评审：归档之日起3年",
                "Internal audit and management review: 3 years from filing",
                classes=["audit"],
                authority="customer",
                citation="GMW15920",
                period="P3Y",
                note="适用于有此类顾客特定要求的工厂。"
                " / For plants to which a customer requirement of this kind applies.",
            ),
            _shipped(
                "RR-08",
                "属于企业归档范围的文件材料：10年，期满鉴定",
                "Within the archive scope of the enterprise: 10 years, then appraisal",
                scope="yes",
                authority="law",
                citation="国家档案局令第10号《企业文件材料归档范围和档案保管期限规定》"
                " / State Archives Administration, Order No. 10",
                edition="2012",
                cut_off="end-of-calendar-year",
                period="P10Y",
                action="review",
                note="保管期限表定为30年或永久的，请修订本条或另立规则。 / Where the company's"
                " table says 30 years or permanent, revise this rule or set one beside it.",
            ),
            _shipped(
                "RR-09",
                "保管规则、法律保全、处置清单与销毁证明、密钥登记、日历：永久",
                "Retention rules, legal holds, disposal lists and certificates, key register, "
                "calendars: permanent",
                classes=["permanent"],
                authority="company",
                citation="档案处置清册永久保存的惯例 / practice: disposal registers are kept for"
                " ever",
                trigger="created",
                action="permanent",
            ),
            _shipped(
                "RR-10",
                "涉及个人的保密记录（待公司决定期限）",
                "Confidential personnel records (the company has to decide the period)",
                classes=["personnel"],
                authority="company",
                citation="由公司决定 / to be decided by the company",
                period="P3Y",
                action="review",
                note="修订之前不适用于任何记录，此类记录一律不得处置。 / Applies to no record"
                " until it is revised; until then none of this class may go.",
                **NOT_YET,
            ),
        )
    )
)
"""Answers of the form RULE, as the archive ships them at its first start."""
