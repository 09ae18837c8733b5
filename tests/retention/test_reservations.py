"""What a reviewer reserves from destruction: keep, hold, transfer. By dates, and in an archive."""

from __future__ import annotations

import pytest

from retention.assessment import Assessment, assess, assess_copy
from retention.policy import Policy
from tests.retention.keeping import (
    codes,
    corrected,
    day,
    handed_over,
    held,
    hold,
    one,
    paper,
    policy,
    reserved,
)

A, B, COPY = "a" * 32, "b" * 32, "1" * 32
FILED = "2023-03-15"
"""Last day by the rule 2026-03-15, as R01; the review is on 2026-04-01."""


def told(under: Policy) -> Assessment:
    return one(held(A, FILED), under)


@pytest.mark.parametrize(
    ("untils", "corrections", "last", "eligible"),
    [
        pytest.param([], [], "2026-03-15", "2026-03-16", id="nothing reserved"),
        pytest.param(["2028-02-29"], [], "2028-02-29", "2028-03-01", id="kept"),
        pytest.param(["2028-01-01", "2027-01-01"], [], "2028-01-01", "2028-01-02", id="longest"),
        pytest.param(["2020-01-01"], [], "2026-03-15", "2026-03-16", id="never below the floor"),
        pytest.param(
            ["2028-01-01"], [("2026-05-01", "keep")], "2026-03-15", "2026-03-16", id="taken away"
        ),
        pytest.param(
            ["2028-01-01"], [("2026-03-30", "keep")], "2028-01-01", "2028-01-02", id="said since"
        ),
        pytest.param(
            ["2028-01-01"], [("2026-05-01", "hold")], "2028-01-01", "2028-01-02", id="not that"
        ),
    ],
)
def test_keep(
    untils: list[str], corrections: list[tuple[str, str]], last: str, eligible: str
) -> None:
    """The later of the rule's last day and that of each review that stands."""
    found = told(
        policy(
            reservations=[reserved("keep", until=until) for until in untils],
            corrections=[corrected(on, outcome) for on, outcome in corrections],
        )
    )
    assert (found.status, found.last_day, found.due_from) == ("running", day(last), day(eligible))
    standing = [] if corrections and last == "2026-03-15" else untils
    assert [k.until for k in found.kept] == [day(until) for until in standing]


def test_what_a_keep_says() -> None:
    """Who keeps it, by which list, until when."""
    said = told(policy(reservations=[reserved("keep", until="2028-01-01")])).sentence
    assert "经清单XH-2026-00001审查决定，继续保管至2028-01-01" in said.zh
    assert "the review of list XH-2026-00001 keeps it until 2028-01-01" in said.en
    assert "2026-03-15" in said.en


def test_a_kept_record_keeps_those_bound_to_it() -> None:
    """A group goes together or not at all."""
    group = (held(A, FILED, bound=(B,)), held(B, FILED, bound=(A,)))
    under = policy(reservations=[reserved("keep", until="2028-01-01")])
    assert [assess(m, group, under).last_day for m in group] == [day("2028-01-01")] * 2


def test_a_kept_copy_keeps_its_record_and_not_the_other_way_round() -> None:
    """Paper goes first, and electronic never while it lives."""
    copy = paper(FILED, record_id=COPY)
    holding = held(A, FILED, copies=(copy,))
    of_copy = policy(reservations=[reserved("keep", until="2028-01-01", copy=COPY)])
    of_record = policy(reservations=[reserved("keep", until="2028-01-01")])
    assert assess_copy(copy, holding, (holding,), of_copy).last_day == day("2028-01-01")
    assert one(holding, of_copy).last_day == day("2028-01-01")
    assert assess_copy(copy, holding, (holding,), of_record).last_day == day("2024-03-15")


@pytest.mark.parametrize(
    ("holds", "corrections", "status"),
    [
        pytest.param([], [], "held", id="nobody placed it"),
        pytest.param([hold(placed="2026-03-01", released="2026-03-20")], [], "held", id="before"),
        pytest.param([hold(placed="2026-04-02", records=(B,))], [], "held", id="on another"),
        pytest.param(
            [hold(placed="2026-04-02", released="2026-05-01")], [], "running", id="placed, over"
        ),
        pytest.param(
            [hold(placed="2026-03-20", extended="2026-04-02", released="2026-05-01")],
            [],
            "running",
            id="extended to it, over",
        ),
        pytest.param([], [corrected("2026-05-01", "hold")], "running", id="taken away"),
        pytest.param([], [corrected("2026-03-30", "hold")], "held", id="asked for since"),
    ],
)
def test_hold(holds: list[object], corrections: list[object], status: str) -> None:
    """Blocked until a hold that came after the review covers it, or two people take it away."""
    under = policy(reservations=[reserved("hold")], holds=holds, corrections=corrections)
    found = told(under)
    assert found.status == status
    assert ("HOLD_ASKED" in codes(found)) == (status == "held")
    copy = paper(FILED)
    holding = held(A, FILED, copies=(copy,))
    assert assess_copy(copy, holding, (holding,), under).status == status


def test_a_hold_that_was_placed_governs_from_then_on() -> None:
    """While it is active, and after its release for the days of its cool-off."""
    under = policy(reservations=[reserved("hold")], holds=[hold(placed="2026-04-02")])
    assert codes(told(under)) == ["HELD"]
    over = hold(placed="2026-04-02", released="2026-05-20")
    found = told(policy(reservations=[reserved("hold")], holds=[over]))
    assert found.last_day == day("2026-06-19")


def test_a_hold_that_is_asked_for_holds_the_group() -> None:
    """Whoever is bound to it, and the paper of those."""
    copy = paper(FILED)
    group = (held(A, FILED, bound=(B,)), held(B, FILED, bound=(A,), copies=(copy,)))
    under = policy(reservations=[reserved("hold")])
    assert (assess(group[1], group, under).status, codes(assess(group[1], group, under))) == (
        "held", ["BOUND"],
    )  # fmt: skip
    assert assess_copy(copy, group[1], group, under).status == "held"


@pytest.mark.parametrize(
    ("transfers", "corrections", "status"),
    [
        pytest.param([], [], "blocked", id="asked for"),
        pytest.param([handed_over("2026-03-01", A)], [], "blocked", id="before it was asked for"),
        pytest.param([handed_over("2026-04-02", B)], [], "blocked", id="of another"),
        pytest.param([handed_over("2026-04-02", A)], [], "running", id="done"),
        pytest.param([], [corrected("2026-05-01", "transfer")], "running", id="taken away"),
    ],
)
def test_transfer(transfers: list[object], corrections: list[object], status: str) -> None:
    """Blocked until it is recorded and confirmed; then due as before."""
    found = told(
        policy(reservations=[reserved("transfer")], transfers=transfers, corrections=corrections)
    )
    assert found.status == status
    assert codes(found) == ([] if status == "running" else ["TRANSFER_PENDING"])
    assert found.last_day == day("2026-03-15")


def test_paper_that_was_handed_over_is_not_here_to_be_shredded() -> None:
    """It is gone, and named so; the electronic record does not wait for it."""
    copy = paper(FILED, record_id=COPY)
    holding = held(A, FILED, copies=(copy,))
    asked = [reserved("transfer", copy=COPY)]
    pending = assess_copy(copy, holding, (holding,), policy(reservations=asked))
    assert codes(pending) == ["TRANSFER_PENDING"]
    under = policy(reservations=asked, transfers=[handed_over("2026-04-02", COPY)])
    found = assess_copy(copy, holding, (holding,), under)
    assert (found.status, codes(found)) == ("disposed", ["TRANSFERRED"])
    assert "2026-04-02" in found.sentence.zh
    assert one(holding, under).status == "running"
