"""Valid answers for any form, from a seeded choice: what a person might write in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from random import Random
from typing import Any

from domain.conditions import holds
from domain.disposals import list_hash
from domain.events import Attachment
from domain.forms import attachment_ids, instant_text
from domain.kind import Field, Form, Holds, Step
from domain.record import Record
from tests.domain.plant import DEPARTMENTS, PEOPLE, SITE, Case, hex_id

WORDS = (
    "产品交付延迟",
    "采购的100台设备",
    "已改进",
    "A-4711/B",
    "设计部海报初稿",
    "无",
    "焊缝气孔",
)

CALENDAR = {
    "year": 2026,
    "holidays": [{"date": "2026-05-01", "name": "劳动节"}],
    "workdays": [{"date": "2026-05-09", "name": "劳动节"}],
}
ROWS = [
    {
        "item": str(n),
        "record": hex_id(f"listed {n}"),
        "kind": "minutes",
        "class": "communication",
        "base_date": "2023-03-15",
        "last_day": "2026-03-15",
        "rule": "RR-03",
        "rule_version": 1,
        "rule_hash": "a" * 64,
        "head": "b" * 64,
        "version": 3,
        "owner": PEOPLE["market-head"],
    }
    for n in (1, 2)
]
LISTED = {
    "medium": "electronic",
    "list_hash": list_hash(ROWS),
    "items": ROWS,
    "owners": [PEOPLE["market-head"]],
    "barred": [PEOPLE["market-li"]],
}


SOUND: Mapping[str, Mapping[str, Any]] = {
    "calendar-is-sound@1": CALENDAR,
    "retention-rule-is-sound@1": {
        "rule_id": "RR-11",
        "period": "P3Y",
        "action": "destroy",
        "effective_from": "2026-03-02",
        "ends_on": "2036-03-02",
    },
    "hold-is-sound@1": {
        "records": [{"record": hex_id("held")}],
        "where": [{"what": "part", "value": "A-4711/B"}],
    },
    "disposal-list-is-sound@1": LISTED,
    "review-is-of-the-list@1": {
        "items": [{"item": row["item"], "outcome": "destroy"} for row in ROWS]
    },
    "transfer-is-sound@1": {
        "items": [{"record": hex_id("listed")}],
        "bundle_hash": "e" * 64,
    },
    "list-hash-is-shown@1": {"list_hash": LISTED["list_hash"]},
    "correction-names-something@1": {"record": hex_id("listed"), "marks": ["design"]},
    "replay-is-sound@1": {
        "list_hash": LISTED["list_hash"],
        "medium": "electronic",
        "items": ROWS,
        "approvals": [{"digest": "c" * 64}, {"digest": "d" * 64}],
    },
}
"""What satisfies a rule that no chance would satisfy."""


def answer(step: Step, case: Case, chance: Random, record: Record | None) -> dict[str, Any]:
    """Answers to the step's form; conditional questions as their conditions ask."""
    values = _answers(step.form.fields, case, chance, record)
    asked = {f.id for f in step.form.fields}
    for guard in step.guards:
        if isinstance(guard.needs, Holds):
            sound = SOUND.get(guard.needs.rule, {})
            values.update({name: said for name, said in sound.items() if name in asked})
    return values


def _answers(
    fields: tuple[Field, ...], case: Case, chance: Random, record: Record | None
) -> dict[str, Any]:
    values = {
        f.id: _one(f, case, chance, record)
        for f in fields
        if f.when is None and (f.required or chance.random() < 0.5)
    }
    for _ in range(3):  # one condition may ask about the answer to another
        for f in fields:
            if f.when is None:
                continue
            if not holds(f.when, record, values):
                values.pop(f.id, None)
            elif f.id not in values and (f.required or chance.random() < 0.5):
                values[f.id] = _one(f, case, chance, record)
    return values


def _one(field: Field, case: Case, chance: Random, record: Record | None) -> Any:
    if field.type == "rows":
        return [_answers(field.rows, case, chance, record) for _ in range(_few(field))]
    if field.type == "record":
        return _record(field, case, chance)
    return MAKERS[field.type](field, case, chance)


def _few(field: Field) -> int:
    return max(field.minimum or 1, 1)


def _text(field: Field, _: Case, chance: Random) -> str:
    word = chance.choice(WORDS)
    long_enough = word * (_few(field) // len(word) + 1)
    return long_enough[: max(_few(field), min(len(word), field.maximum or 99))]


def _integer(field: Field, _: Case, chance: Random) -> int:
    low = 0 if field.minimum is None else field.minimum
    return chance.randint(low, low + 5 if field.maximum is None else field.maximum)


def _day(_: Field, case: Case, chance: Random) -> str:
    day = (case.now + timedelta(days=chance.randint(-3, 30))).astimezone(SITE)
    return day.date().isoformat()


MAKERS: Mapping[str, Callable[[Field, Case, Random], Any]] = {
    "text": _text,
    "integer": _integer,
    "decimal": lambda f, _, chance: f"{(f.minimum or 0) + chance.randint(0, 500)}.50",
    "boolean": lambda _, __, chance: chance.random() < 0.5,
    "date": _day,
    "instant": lambda _, case, chance: instant_text(
        case.now + timedelta(hours=chance.randint(-20, 200))
    ),
    "choice": lambda f, _, chance: chance.choice(f.options).id,
    "choices": lambda f, _, chance: [o.id for o in chance.sample(f.options, k=_few(f))],
    "person": lambda _, __, chance: chance.choice(list(PEOPLE.values())),
    "people": lambda f, _, chance: chance.sample(list(PEOPLE.values()), k=_few(f)),
    "department": lambda _, __, chance: chance.choice(list(DEPARTMENTS.values())),
    "departments": lambda f, _, chance: chance.sample(
        list(DEPARTMENTS.values()), k=max(_few(f), min(2, f.maximum or 2))
    ),
    "attachments": lambda f, _, chance: [hex_id(f"file {chance.random()}") for _ in range(_few(f))],
}


def _record(field: Field, case: Case, chance: Random) -> str:
    kind = chance.choice(field.kinds) if field.kinds else "minutes"
    record = hex_id(f"named {kind}")
    case.known[record] = kind
    return record


def uploaded(form: Form, values: Mapping[str, Any]) -> tuple[Attachment, ...]:
    """The files that the answers name, as if uploaded before."""
    return tuple(
        Attachment(i, "照片.jpg", "image/jpeg", 4711) for i in attachment_ids(form, values)
    )
