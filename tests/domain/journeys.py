"""Plausible answers for each step of a complaint and a CAPA, and ways through their states.

The complaint is the one of the seeds: 科技公司, 100 devices delivered three days late.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.events import Attachment
from tests.domain.plant import DEPARTMENTS, PEOPLE, Case, head, hex_id

FILE = Attachment(hex_id("a file"), "报告.pdf", "application/pdf", 4711)

COMPLAINT: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "receive": (
        "service-li",
        {
            "customer": "科技公司",
            "customer_class": "strategic",
            "contact_person": "王先生",
            "phone": "13800000000",
            "channel": "phone",
            "matter": "产品交付延迟",
            "description": "采购的100台设备延迟3天交付,影响项目上线",
            "happened_on": "2026-02-27",
            "place": "上海",
            "batch": "B-2026-02",
            "part": "A-4711/B",
            "quantity": 100,
            "demand": "尽快交付并赔偿",
            "priority": "urgent",
        },
    ),
    "transfer": ("service-li", {"department": DEPARTMENTS["production"]}),
    "analyse": (
        "production-head",
        {
            "cause": "原材料短缺",
            "responsibility": "internal",
            "responsible_department": DEPARTMENTS["production"],
            "plan": "优先安排生产,2日内交付",
            "compensation": False,
            "spokesperson": PEOPLE["production-li"],
            "parts_expected": False,
        },
    ),
    "contain": (
        "production-li",
        {"places": ["stock", "customer"], "actions": "隔离同批次", "shipped": False},
    ),
    "inform-legal": ("production-li", {"terms": "赔偿500元延期损失"}),
    "contact": (
        "production-li",
        {
            "channel": "phone",
            "spoken_to": "王先生",
            "causes_and_measures": "原材料短缺,已加急采购",
            "plan": "今日加班生产,明日17点前送达",
        },
    ),
    "confirm-plan": (
        "production-li",
        {"confirmed_by": "王先生", "agreed_until": "2026-03-04T09:00:00Z"},
    ),
    "reject-plan": ("production-li", {"reason": "交期太晚"}),
    "update": ("logistics-li", {"type": "shipping", "progress": "已发货"}),
    "root-cause": (
        "quality-li",
        {
            "method": "5why",
            "root_cause": "安全库存参数未更新",
            "evidence": [FILE.id],
            "similar_affected": True,
            "similar": "另两种物料同样未更新",
        },
    ),
    "returned-part": (
        "quality-li",
        {
            "arrived_on": "2026-03-04",
            "quantity": 2,
            "tests": "尺寸检测",
            "findings": "超差0.02",
            "told_customer": True,
            "report": [FILE.id],
        },
    ),
    "solve": ("production-li", {"result": "100台已全部送达"}),
    "feed-back": (
        "production-li",
        {
            "result": "已全部交付",
            "told_to": "王先生",
            "channel": "phone",
            "tracking_number": "SF1234567",
        },
    ),
    "callback-attempt": ("service-li", {"note": "无人接听"}),
    "call-back": ("service-li", {"satisfaction": "satisfied", "remarks": "处理及时"}),
    "close-unanswered": ("supervisor", {"reason": "三次未接通"}),
    "withdraw": ("service-li", {"why": "customer", "reason": "客户撤回"}),
    "prioritise": ("supervisor", {"priority": "important", "reason": "影响有限"}),
    "respond-l1": ("service-li", {"answer": "已受理", "told_customer": True}),
    "respond-l2": ("supervisor", {"answer": "协调生产排期", "told_customer": True}),
    "respond-l3": ("gm", {"answer": "致歉并承诺", "told_customer": True}),
}

CAPA: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "issue": (
        "quality-li",
        {
            "subject": "安全库存参数失控",
            "source": "complaint",
            "problem": "原材料短缺导致交付延迟3天",
            "parts": [{"part": "A-4711/B", "batch": "B-2026-02", "quantity": 100}],
            "departments": [DEPARTMENTS["production"], DEPARTMENTS["purchasing"]],
        },
    ),
    "supplement": ("engineering-li", {"information": "BOM版本C"}),
    "contain": ("production-li", {"places": ["not-needed"], "actions": "已交付,无需遏制"}),
    "analyse": (
        "production-head",
        {
            "method": "5why",
            "analysis": "五个为什么,见附件",
            "root_cause": "换料后参数无人更新",
            "evidence": [FILE.id],
            "similar_exist": True,
            "similar": [{"process": "二号线", "affected": True, "finding": "两种物料"}],
        },
    ),
    "propose": (
        "production-head",
        {
            "actions": [
                {
                    "type": "corrective",
                    "measure": "更新参数",
                    "owner": PEOPLE["purchasing-li"],
                    "due": "2026-03-10",
                },
                {
                    "type": "preventive",
                    "measure": "换料流程加检查点",
                    "owner": PEOPLE["production-li"],
                    "due": "2026-03-20",
                },
            ]
        },
    ),
    "change-action": ("production-head", {"due": "2026-03-12", "change_reason": "供应商确认"}),
    "drop-action": ("production-head", {"drop_reason": "重复"}),
    "submit": ("production-head", {"verify_until": "2026-04-30"}),
    "distribute": ("quality-li", {"departments": [DEPARTMENTS["production"]]}),
    "report-action": ("production-li", {"progress": "草稿已完成"}),
    "extend-action": ("mr", {"due": "2026-03-15", "extension_reason": "系统升级"}),
    "complete-action": ("production-li", {"done": "已实施", "completed_on": "2026-03-09"}),
    "update-documents": (
        "engineering-li",
        {
            "fmea": "updated",
            "fmea_document": "PFMEA-017",
            "fmea_revision": "D",
            "control_plan": "not-needed",
            "control_plan_reason": "无新增控制点",
        },
    ),
    "verify": (
        "quality-head",
        {
            "method": "抽查三个月订单",
            "findings": "无延迟",
            "effective": "effective",
            "evidence": [FILE.id],
        },
    ),
    "report": ("quality-li", {"implementation": "两项措施均已实施", "result": "延迟为零"}),
    "close": ("quality-head", {}),
    "cancel": ("mr", {"reason": "误开"}),
}
TO_CLOSED = (
    "receive",
    "transfer",
    "analyse",
    "contact",
    "confirm-plan",
    "update",
    "solve",
    "feed-back",
    "call-back",
)


def take(case: Case, step: str, *, item: str | None = None, **changes: Any) -> Case:
    """A step of the complaint with its usual person and answers; None leaves an answer out."""
    by, values = COMPLAINT[step]
    answers = {k: v for k, v in {**values, **changes}.items() if v is not None}
    if case.record is None:
        return case.open("complaint", step, by, answers)
    case.take(step, by, answers, item=item, attachments=(FILE,))
    return case


def complaint(until: str = "call-back", case: Case | None = None) -> Case:
    """A complaint on its straight way, up to and with a step."""
    case = case or Case()
    for step in TO_CLOSED[: TO_CLOSED.index(until) + 1]:
        take(case, step)
    return case


def act(
    case: Case, step: str, *, item: str | None = None, by: str | None = None, **changes: Any
) -> Case:
    """The same for a CAPA."""
    usual, values = CAPA[step]
    answers = {k: v for k, v in {**values, **changes}.items() if v is not None}
    if case.record is None:
        return case.open("capa", step, by or usual, answers)
    case.take(step, by or usual, answers, item=item, attachments=(FILE,))
    return case


def capa(until: str = "close") -> Case:
    """A CAPA that resolves a complaint, on its straight way, up to and with a step or signature."""
    case = Case(linked=(head("resolves", "complaint", "closed"),))
    for step in ("issue", "analyse", "propose", "submit"):
        act(case, step)
        if step == until:
            return case
    case.sign("approval", "gm")
    if until == "approval":
        return case
    act(case, "distribute")
    if until == "distribute":
        return case
    act(case, "complete-action", item="actions-1", by="purchasing-li")
    act(case, "complete-action", item="actions-2")
    if until == "complete-action":
        return case
    for step in ("update-documents", "verify", "report", "close"):
        act(case, step)
        if step == until:
            return case
    return case
