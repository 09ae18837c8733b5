"""M04 M05: weekly versions, and notice of a delay at least three days before the milestone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from domain import errors
from tests.domain.plant import DEPARTMENTS, PEOPLE, Case
from tests.domain.samples import HEADS, TRACKER

WEEK: dict[str, Any] = {
    "week_of": "2026-03-02",
    "summary": "海报素材未到位",
    "progress": [{"milestone": "海报初稿", "percent": 40}],
    "lagging": False,
}
NOTICE = {"cause": "素材未到位", "proposed_due": "2026-03-17"}
NEW_DATE = {
    "outcome": "new-date",
    "agreed_due": "2026-03-17",
    "agreed_with": [PEOPLE["market-li"], PEOPLE["design-li"]],
}
DRAFT = "milestones-1"


def tracker() -> Case:
    return Case().open("progress-tracker", "open", "market-li", TRACKER)


@pytest.mark.parametrize(
    ("moment", "in_time"),
    [
        (datetime(2026, 3, 7, 15, 59, tzinfo=UTC), True),  # 23:59 on 7 March in Shanghai
        (datetime(2026, 3, 7, 16, 1, tzinfo=UTC), False),  # 00:01 on 8 March
    ],
)
def test_a_notice_is_in_time_until_three_days_before(moment: datetime, in_time: bool) -> None:
    """RETENTION.md D13: milestone 2026-03-10, notice on or before 2026-03-07 of the site."""
    case = tracker()
    case.now = moment
    case.take("announce-delay", "design-li", NOTICE, item=DRAFT)
    clock = case.clock("delay-notice", DRAFT)
    assert clock.due_at == datetime(2026, 3, 7, 16, 0, tzinfo=UTC)
    assert clock.met is in_time
    assert clock.advisory


def test_a_new_date_leaves_the_first_notice_judged_by_the_first_date() -> None:
    """Agreeing on a later date does not make a late notice timely."""
    case = tracker().turn(days=7)
    case.take("announce-delay", "design-li", NOTICE, item=DRAFT)
    case.take("settle-delay", "market-li", NEW_DATE, item=DRAFT)
    assert case.clock("delay-notice", DRAFT).met is False
    assert case.clock("agreed-milestone", DRAFT).due_at == datetime(2026, 3, 17, 16, tzinfo=UTC)


def test_a_second_delay_is_judged_by_the_agreed_date() -> None:
    """Each agreed date has a notice of its own."""
    case = tracker()
    case.take("announce-delay", "design-li", NOTICE, item=DRAFT)
    case.take("settle-delay", "market-li", NEW_DATE, item=DRAFT)
    case.turn(days=10)
    case.take("announce-delay", "design-li", {"cause": "又缺素材"}, item=DRAFT)
    assert case.clock("delay-notice", DRAFT).met is True
    assert case.clock("delay-notice-again", DRAFT).met is True


def test_only_the_responsible_department_announces_its_delay() -> None:
    """The affected department tells the initiator, who acknowledges."""
    case = tracker()
    with pytest.raises(errors.NotEntitledError):
        case.take("announce-delay", "sales-li", NOTICE, item=DRAFT)
    record = case.take("announce-delay", "design-head", NOTICE, item=DRAFT)
    told = {r.person for r in record.receipts if r.version == record.version}
    assert told == {PEOPLE["market-li"], PEOPLE["market-head"]}


def test_help_may_be_given_instead_of_a_new_date() -> None:
    """Each outcome asks for its own answer, and only for that."""
    case = tracker()
    case.take("announce-delay", "design-li", NOTICE, item=DRAFT)
    case.take("negotiate", "market-li", {"note": "先用旧素材"}, item=DRAFT)
    helped = {"outcome": "help", "agreed_with": [PEOPLE["design-li"]]}
    with pytest.raises(errors.InvalidFormError) as caught:
        case.take("settle-delay", "market-li", helped, item=DRAFT)
    assert [f.path for f in caught.value.faults] == ["help_given"]
    case.take("settle-delay", "market-li", {**helped, "help_given": "借调素材"}, item=DRAFT)
    assert case.it.items["milestones"][DRAFT].state == "rescheduled"
    assert "agreed_due" not in case.it.items["milestones"][DRAFT].values


def test_every_weekly_summary_is_a_version_of_its_own() -> None:
    """Each goes to the departments' heads, and starts the next week's clock."""
    case = tracker()
    for n in (2, 3):
        record = case.take("weekly-summary", "market-li", WEEK)
        assert record.edition == n
        assert {r.person for r in record.receipts if r.edition == n} == {PEOPLE[h] for h in HEADS}
        case.turn(days=6)
    assert case.clock("first-weekly").met is True
    assert case.clock("weekly").state == "running"
    case.turn(days=3)
    assert case.clock("weekly").state == "overdue"


def test_a_lagging_item_needs_cause_and_measure() -> None:
    """对滞后项标注原因及改进措施."""
    with pytest.raises(errors.InvalidFormError) as caught:
        tracker().take("weekly-summary", "market-li", {**WEEK, "lagging": True})
    assert [f.path for f in caught.value.faults] == ["lags"]
    lags = [{"milestone": "海报初稿", "cause": "素材未到位", "measure": "改用库存图"}]
    case = tracker()
    case.take("weekly-summary", "market-li", {**WEEK, "lagging": True, "lags": lags})


def test_a_milestone_may_be_added_and_corrected() -> None:
    """An added milestone is an item like the first ones; a correction reaches it."""
    case = tracker()
    row = {**TRACKER["milestones"][0], "name": "渠道清单", "department": DEPARTMENTS["sales"]}
    case.take("add-milestone", "market-li", row)
    record = case.correct("add-milestone", "market-li", {"due": "2026-03-15"})
    assert record.items["milestones"]["milestones-2"].values["due"] == "2026-03-15"
    case.take("announce-delay", "design-li", NOTICE, item=DRAFT)
    record = case.correct(case.it.version, "design-li", {"cause": "图片版权未清"})
    assert record.items["milestones"][DRAFT].values["cause"] == "图片版权未清"
    assert record.items["milestones"][DRAFT].state == "delay-announced"
