"""The seeds' own worked example, as answers: the project 季度新品推广."""

from __future__ import annotations

from typing import Any

from tests.domain.plant import DEPARTMENTS, PEOPLE, Case

THREE = [DEPARTMENTS["market"], DEPARTMENTS["design"], DEPARTMENTS["sales"]]
HEADS = ("market-head", "design-head", "sales-head")

KICK_OFF: dict[str, Any] = {
    "type": "kick-off",
    "topic": "季度新品推广项目启动会",
    "goal": "明确职责、里程碑和沟通机制",
    "held_at": "2026-03-02T01:00:00Z",
    "chair": PEOPLE["market-head"],
    "departments": THREE,
    "participants": [PEOPLE["market-li"], PEOPLE["design-li"], PEOPLE["sales-li"]],
    "discussion": "设计部负责海报初稿,销售部负责渠道清单。",
    "decisions": "海报初稿第10天提交,渠道清单第15天提交。",
    "mechanism": "每周五下午项目群同步进度,紧急事项电话即时沟通。",
    "actions": [
        {"task": "海报初稿", "owner": PEOPLE["design-li"], "due": "2026-03-10"},
        {"task": "渠道清单", "owner": PEOPLE["sales-li"], "due": "2026-03-15"},
    ],
}

TRACKER: dict[str, Any] = {
    "project": "季度新品推广",
    "departments": THREE,
    "channel": "钉钉群",
    "milestones": [
        {
            "name": "海报初稿",
            "department": DEPARTMENTS["design"],
            "owner": PEOPLE["design-li"],
            "due": "2026-03-10",
        }
    ],
}

ACCEPTANCE: dict[str, Any] = {
    "project": "季度新品推广",
    "departments": THREE,
    "items": [
        {
            "name": name,
            "kind": "material",
            "standard": "与样稿一致",
            "department": DEPARTMENTS["design"],
        }
        for name in ("海报", "折页")
    ],
}


def minutes(case: Case | None = None) -> Case:
    """Minutes of the kick-off, drafted."""
    return (case or Case()).open("minutes", "draft", "market-li", KICK_OFF)


def issued(case: Case | None = None) -> Case:
    """The same, before the three heads for signature."""
    case = minutes(case)
    case.take("issue", "market-li")
    return case
