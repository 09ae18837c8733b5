"""What conditions mean, one by one, where no kind of record shows it better."""

from __future__ import annotations

from domain.access import resolve
from domain.conditions import holds
from domain.kind import AllOf, AnyOf, Heads, Is, Items, Linked, Not, Present, Received, Taken
from tests.domain.plant import PEOPLE, Case, directory, head
from tests.domain.samples import HEADS, TRACKER, minutes

WEEK = {
    "week_of": "2026-03-02",
    "summary": "顺利",
    "progress": [{"milestone": "海报初稿", "percent": 40}],
    "lagging": False,
}


def test_answers_are_looked_up_here_or_in_what_a_step_last_said() -> None:
    """A bare path is the form at hand; with a step it is the record's last word."""
    record = minutes().it
    assert holds(Is(field="type", values=("x", "y")), record, {"type": "y"})
    assert holds(Is(field="draft.type", values=("kick-off",)), record, {})
    assert holds(Is(field="tags", values=("b",)), None, {"tags": ["a", "b"]})
    assert not holds(Is(field="draft.type", values=("kick-off",)), None, {})
    assert not holds(Present(field="draft.place"), record, {})
    assert holds(Present(field="flag"), None, {"flag": False})


def test_not_all_any() -> None:
    """Conditions combine; all of nothing holds, any of nothing does not."""
    yes, no = Present(field="a"), Present(field="b")
    said = {"a": "1"}
    assert holds(AllOf(of=(yes, Not(of=no))), None, said)
    assert not holds(AllOf(of=(yes, no)), None, said)
    assert holds(AnyOf(of=(no, yes)), None, said)
    assert holds(AllOf(of=()), None, {})
    assert not holds(AnyOf(of=()), None, {})


def test_no_items_count_as_every_but_not_as_some() -> None:
    """A record without action items has none open."""
    record = Case().open("progress-tracker", "open", "market-li", TRACKER).it
    assert holds(Items(collection="milestones", states=("planned",)), record, {})
    assert holds(Items(collection="nothing", states=("done",)), record, {})
    assert not holds(Items(collection="nothing", states=("done",), every=False), record, {})


def test_a_step_counts_since_the_last_reopening() -> None:
    """`lately`: what was done before a record was reopened is to be done again."""
    case = minutes()
    case.take("issue", "market-li")
    assert holds(Taken(step="issue"), case.it, {})
    again = case.it._replace(reopened=(case.it.version,))
    assert not holds(Taken(step="issue"), again, {})
    assert holds(Taken(step="issue", lately=False), again, {})


def test_linked_records_count_by_relation_direction_kind_state_and_filing() -> None:
    """Without a context nothing is linked: only guards may ask."""
    case = Case(linked=(head("contains", "minutes", "distributed", filed=True),))
    base = Linked(rel="contains", kind="minutes", states=("distributed",), filed=True)
    assert holds(base, None, {}, case.context())
    assert not holds(base, None, {})
    for change in (
        {"rel": "see-also"}, {"incoming": True}, {"kind": "complaint"}, {"states": ("draft",)},
        {"at_least": 2},
    ):  # fmt: skip
        assert not holds(base.model_copy(update=change), None, {}, case.context())
    case.linked = (*case.linked, head("contains", "minutes", "draft", record="f" * 32))
    assert not holds(base, None, {}, case.context())
    assert holds(base.model_copy(update={"every": False}), None, {}, case.context())


def test_received_means_that_everybody_acknowledged_the_latest_edition() -> None:
    """One missing reader, or a correction after they had read it, and it is not received."""
    case = Case().open("progress-tracker", "open", "market-li", TRACKER)
    asked = Received(step="weekly-summary")
    assert not holds(asked, case.it, {})
    case.take("weekly-summary", "market-li", WEEK)
    for who in HEADS:
        assert not holds(asked, case.it, {})
        case.acknowledge(who)
    assert holds(asked, case.it, {})
    case.correct("weekly-summary", "market-li", {"summary": "略有滞后"})
    assert not holds(asked, case.it, {})


def test_a_persons_superior_is_the_head_of_their_department() -> None:
    """`Heads` of a field with people names their departments' heads (P12)."""
    said = {"about": PEOPLE["design-li"]}
    assert resolve((Heads(of="about"),), directory(), None, said) == {PEOPLE["design-head"]}
