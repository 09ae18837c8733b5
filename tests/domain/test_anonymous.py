"""An anonymous opening leaves no trace of its author in the event (P15, SEEDS.md 9.6)."""

from __future__ import annotations

from datetime import UTC, datetime

from domain.commands import Actor, Open
from domain.decide import _department, _opening_header
from domain.kinds import find
from tests.domain.plant import PEOPLE, Case, hex_id

ANONYMOUS = find("minutes").model_copy(update={"anonymous": True})


def test_author_system_source_and_hour_are_absent() -> None:
    """Even where somebody was signed in: only the day of the site is left."""
    case = Case()
    case.now = datetime(2026, 3, 2, 17, 30, tzinfo=UTC)  # 01:30 on 3 March in Shanghai
    command = Open(
        event_id=hex_id("e"),
        record_id=case.id,
        actor=Actor(PEOPLE["market-li"], behalf=PEOPLE["gm"], assurance="passkey"),
        occurred_at=case.now,
        received_at=case.now,
        source="app",
        source_id="17",
        kind="minutes",
        step="draft",
        values={},
    )
    header = _opening_header(ANONYMOUS, command, case.context())
    assert header["occurred_at"] == datetime(2026, 3, 2, 16, 0, tzinfo=UTC)
    told = {k: v for k, v in header.items() if k not in ("event_id", "record_id", "occurred_at")}
    assert told == {
        "version": 1, "kind": "minutes", "kind_version": 1, "actor": None, "behalf": None,
        "assurance": "system", "source": None, "source_id": None, "sent_at": None,
    }  # fmt: skip
    assert _department(ANONYMOUS, {}, command.actor, case.context()) is None
