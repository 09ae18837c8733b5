"""A timeline tells what happened as it happened."""

from __future__ import annotations

from dataclasses import Field, fields, replace
from datetime import timedelta
from typing import Any

from archive.views.timeline import Happening, timeline
from domain.calendar import Calendar
from domain.clocks import clocks
from domain.events import Opened, Recorded, StepTaken
from domain.record import replay
from tests.archive.views.logs import kinds, made_log
from tests.domain.plant import DEPARTMENTS, PEOPLE, SITE, Case, directory


def told(history: list[Recorded]) -> tuple[Happening, ...]:
    return timeline(history, directory(), Calendar(), SITE)


def minutes() -> Case:
    """Minutes of a kick-off, issued to two heads."""
    case = Case()
    values: dict[str, Any] = {
        "type": "cross-department",
        "topic": "季度新品推广",
        "goal": "确定分工",
        "held_at": "2026-03-02T00:00:00.000000Z",
        "chair": PEOPLE["market-head"],
        "departments": [DEPARTMENTS["design"], DEPARTMENTS["sales"]],
        "participants": [PEOPLE["design-li"]],
        "discussion": "讨论海报",
        "decisions": "四月上市",
    }
    case.open("minutes", "draft", "market-li", values)
    case.take("issue", "market-li")
    return case


def test_every_event_of_every_kind_is_told_once_in_order() -> None:
    """Each has its number, both times and a title in both languages."""
    log = made_log(20, 2 * len(kinds()))
    for history in log.histories.values():
        shown = told(history)
        assert [h.version for h in shown] == list(range(1, len(history) + 1))
        for happening, recorded in zip(shown, history, strict=True):
            assert happening.occurred_at == recorded.event.occurred_at
            assert happening.recorded_at == recorded.recorded_at
            assert happening.title.zh
            assert happening.title.en
            if isinstance(recorded.event, Opened | StepTaken):
                assert {s.field for s in happening.said} == set(recorded.event.values)


def test_answers_are_told_in_words_of_both_languages() -> None:
    """Options by their titles, people and departments by name, instants in site time."""
    said = {s.field: s.value for s in told(minutes().history)[0].said}
    assert (said["type"].zh, said["type"].en) == ("跨部门专题会", "cross-department meeting")
    assert said["departments"].zh == "设计部、销售部"
    assert said["chair"].zh == "市场部负责人"
    assert said["held_at"].en == "2026-03-02 08:00"


def test_a_correction_shows_old_and_new_and_voids_what_was_signed() -> None:
    """Only the fields that changed; the signature before it says which version voided it."""
    case = minutes()
    case.sign("heads", "design-head")
    case.correct("draft", "market-li", {"decisions": "五月上市"}, "日期写错")
    shown = told(case.history)
    signed, corrected = shown[2], shown[3]
    (change,) = corrected.changes
    assert (change.field, change.value.zh, change.before and change.before.zh) == (
        "decisions", "五月上市", "四月上市",
    )  # fmt: skip
    assert (corrected.corrects, corrected.reason) == (1, "日期写错")
    assert signed.signature is not None
    assert (signed.signature.covers, signed.signature.voided_by) == ((1,), 4)
    assert signed.signature.printed_name == "设计部负责人"
    assert signed.actor_name == "设计部负责人"
    assert told(case.history[:3])[2].signature == replace(signed.signature, voided_by=None)


def test_clocks_start_and_stop_with_the_events_that_did_it() -> None:
    """Of all kinds: each run that ends was started before, and is judged as the rules judge it."""
    log = made_log(21, 3 * len(kinds()))
    stops = 0
    for record_id, history in log.histories.items():
        shown = [c for h in told(history) for c in h.clocks]
        started = [(c.deadline, c.item) for c in shown if c.change == "started"]
        record = log.states[record_id]
        runs = clocks(record, Calendar(), SITE, record.recorded_at)
        for run in runs:
            assert (run.deadline, run.item) in started
        for clock in shown:
            if clock.change == "stopped":
                stops += 1
                assert clock.met is not None
                assert clock.met_as_claimed is not None
    assert stops


def test_a_repeated_step_shows_what_is_new() -> None:
    """Weekly versions of a step differ field by field from the one before."""
    log = made_log(22, 4 * len(kinds()))
    repeated = 0
    for history in log.histories.values():
        before: dict[tuple[str | None, str | None], dict[str, Any]] = {}
        for happening, recorded in zip(told(history), history, strict=True):
            event = recorded.event
            if not isinstance(event, StepTaken):
                continue
            key, values = (event.step, event.item), dict(event.values)
            if key in before and all(h.event.TOPIC != "corrected" for h in history):
                old = before[key]
                wanted = {f for f in old.keys() | values.keys() if old.get(f) != values.get(f)}
                assert {c.field for c in happening.changes} == wanted
                repeated += 1
            before[key] = values
    assert repeated


def test_late_and_claimed_ahead_are_visible() -> None:
    """The time between claim and record stands on each event, negative where the claim is ahead."""
    case = minutes()
    first = case.history[0]
    ahead = replace(first.event, occurred_at=first.recorded_at + timedelta(minutes=3))
    (shown,) = told([replace(first, event=ahead)])
    assert shown.entered_after == -timedelta(minutes=3)
    assert not shown.late_entry


def _default(of: Field[Any]) -> Any:
    return of.default_factory() if callable(of.default_factory) else of.default


def test_destroyed_content_is_said_to_be_destroyed() -> None:
    """The skeleton stays: who, when, which step; the words are gone and the title says so."""
    case = minutes()
    gone = []
    for recorded in case.history:
        empty: dict[str, Any] = {
            f.name: _default(f)
            for f in fields(recorded.event)
            if f.name in type(recorded.event).CONTENT
        }
        gone.append(replace(recorded, event=replace(recorded.event, readable=False, **empty)))
    assert replay(gone) is not None
    shown = told(gone)
    assert [h.step for h in shown] == ["draft", "issue"]
    assert all(not h.readable and "内容已销毁" in h.title.zh and not h.said for h in shown)
