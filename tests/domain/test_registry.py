"""The directory, the calendar and the callers, folded from the archive's own records."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.commands import Actor
from domain.directory import Person
from domain.errors import GuardError, NotEntitledError, StepNotAllowedError
from domain.kinds import current
from domain.record import Record
from domain.registry import Registry
from tests.domain.journeys import complaint
from tests.domain.plant import MONDAY, PEOPLE, Case

SET_UP = Actor(None, system="set-up", trusted=True)
INTERNAL = ("person", "department", "delegation", "calendar", "caller")
YEAR_LATER = "2027-03-02T01:00:00Z"


def internal(kind: str, step: str, values: dict[str, Any], case: Case | None = None) -> Case:
    return (case or Case()).open(kind, step, SET_UP, values)


def person(name: str, **more: Any) -> Case:
    return internal("person", "register", {"name": name, **more})


def delegation(**more: Any) -> dict[str, Any]:
    return {
        "principal": PEOPLE["production-head"],
        "delegate": PEOPLE["production-li"],
        "since": "2026-03-01T00:00:00Z",
        "until": "2026-03-31T00:00:00Z",
        "reason": "出差",
        **more,
    }


def key(**more: Any) -> dict[str, Any]:
    return {
        "name": "ERP",
        "system": "erp",
        "rights": ["write"],
        "kinds": [{"kind": "complaint"}],
        "steps": [{"step": "receive"}, {"step": "update"}],
        "expires_at": YEAR_LATER,
        **more,
    }


def calendar(year: int, *holidays: str) -> Case:
    values = {"year": year, "source": "通知", "holidays": [{"date": d} for d in holidays]}
    return internal("calendar", "publish", values)


# ---------------------------------------------------------------- people and departments


def test_a_registered_person_stands_in_the_directory_under_the_record_id() -> None:
    """Name, department, roles and title, as registered."""
    service = internal("department", "establish", {"name": "客服部", "functions": ["cs"]})
    case = Case(people=Registry.of([service.it]).directory).open(
        "person",
        "register",
        SET_UP,
        {"name": "李", "department": service.id, "roles": ["supervisor"], "title": "客服主管"},
    )
    found = Registry.of([service.it, case.it]).directory
    assert found.people[case.id] == Person(
        case.id, "李", service.id, frozenset({"supervisor"}), "客服主管"
    )
    assert found.with_function("cs") == {case.id}
    assert found.with_role("supervisor") == {case.id}


def test_a_change_says_everything_anew() -> None:
    """A role that is not named again is gone."""
    case = person("李", roles=["supervisor"], title="主管")
    case.take("change", SET_UP, {"name": "李明"})
    found = Registry.of([case.it]).directory.people[case.id]
    assert (found.name, found.roles, found.title) == ("李明", frozenset(), "")


def test_a_correction_counts() -> None:
    """A name mistyped at registration is the corrected one afterwards."""
    case = person("李")
    case.correct("register", "admin", {"name": "黎"})
    assert Registry.of([case.it]).directory.people[case.id].name == "黎"


def test_who_left_holds_no_role_until_they_return() -> None:
    """Inactive people stay known, for old records, and are asked for nothing."""
    case = person("王", roles=["gm"])
    case.take("leave", SET_UP)
    gone = Registry.of([case.it]).directory
    assert gone.with_role("gm") == frozenset()
    assert gone.people[case.id].name == "王"
    case.take("return", SET_UP)
    assert Registry.of([case.it]).directory.with_role("gm") == {case.id}


def test_a_head_who_left_heads_nothing() -> None:
    """Otherwise signatures would be asked of somebody who is not there."""
    head = person("赵")
    case = Case(people=Registry.of([head.it]).directory).open(
        "department",
        "establish",
        SET_UP,
        {"name": "生产部", "functions": ["prod"], "head": head.id},
    )
    registry = Registry.of([head.it, case.it])
    assert registry.directory.heads([case.id]) == {head.id}
    head.take("leave", SET_UP)
    assert registry.apply(head.it).directory.heads([case.id]) == frozenset()


def test_a_closed_department_has_no_function() -> None:
    """Steps of 客服 do not fall to a department that is no more."""
    case = internal("department", "establish", {"name": "客服部", "functions": ["cs"]})
    worker = Case(people=Registry.of([case.it]).directory).open(
        "person", "register", SET_UP, {"name": "李", "department": case.id}
    )
    case.take("close", SET_UP)
    assert Registry.of([case.it, worker.it]).directory.with_function("cs") == frozenset()


@pytest.mark.parametrize("kind", ["person", "department", "calendar", "caller"])
def test_only_an_administrator_keeps_these_records(kind: str) -> None:
    """Neither the GM nor a clerk registers people or keys."""
    forms: dict[str, dict[str, Any]] = {
        "person": {"name": "李"},
        "department": {"name": "客服部"},
        "calendar": {"year": 2027, "source": "通知", "holidays": [{"date": "2027-01-01"}]},
        "caller": key(),
    }
    values = forms[kind]
    step = next(s.id for s in current()[kind].steps if s.opens)
    with pytest.raises(NotEntitledError):
        Case().open(kind, step, "gm", values)
    assert Case().open(kind, step, "admin", values).it.version == 1


# ---------------------------------------------------------------- delegations


def test_a_delegation_granted_by_its_principal_lets_the_delegate_act() -> None:
    """Within its time, for all kinds."""
    case = Case().open("delegation", "grant", "production-head", delegation())
    found = Registry.of([case.it]).directory
    who = (PEOPLE["production-li"], PEOPLE["production-head"])
    assert found.may_act_for(*who, "minutes", MONDAY)
    assert not found.may_act_for(*who, "minutes", MONDAY + timedelta(days=30))
    assert not found.may_act_for(who[1], who[0], "minutes", MONDAY)


def test_a_delegation_may_be_for_some_kinds() -> None:
    """Scope by kind."""
    values = delegation(kinds=[{"kind": "minutes"}])
    case = Case().open("delegation", "grant", "production-head", values)
    found = Registry.of([case.it]).directory
    who = (PEOPLE["production-li"], PEOPLE["production-head"])
    assert found.may_act_for(*who, "minutes", MONDAY)
    assert not found.may_act_for(*who, "complaint", MONDAY)


def test_nobody_grants_the_right_of_another() -> None:
    """The delegate cannot give it to themself."""
    with pytest.raises(NotEntitledError):
        Case().open("delegation", "grant", "production-li", delegation())


@pytest.mark.parametrize(
    "values",
    [
        delegation(delegate=PEOPLE["production-head"]),
        delegation(until="2026-03-01T00:00:00Z"),
        delegation(since="2026-03-01T08:00:00+08:00", until="2026-03-01T00:00:00Z"),
    ],
    ids=["to oneself", "no length", "no length, other zone"],
)
def test_a_delegation_that_cannot_be_is_refused(values: dict[str, Any]) -> None:
    """To oneself, or ending when it begins."""
    with pytest.raises((GuardError, NotEntitledError)):
        Case().open("delegation", "grant", "production-head", values)


@pytest.mark.parametrize("by", ["production-head", "production-li"])
def test_a_revoked_delegation_is_over(by: str) -> None:
    """Either side ends it, at once; it is not corrected."""
    case = Case().open("delegation", "grant", "production-head", delegation())
    with pytest.raises(StepNotAllowedError):
        case.correct("grant", "production-head", {"until": "2026-12-31T00:00:00Z"})
    case.take("revoke", by)
    found = Registry.of([case.it]).directory
    assert not found.may_act_for(
        PEOPLE["production-li"], PEOPLE["production-head"], "minutes", MONDAY
    )


# ---------------------------------------------------------------- calendars


def test_published_years_make_the_calendar_and_its_version_names_them() -> None:
    """Two years, two records, one calendar."""
    first, second = calendar(2026, "2026-01-01"), calendar(2027, "2027-01-01")
    found = Registry.of([second.it, first.it]).calendar
    assert set(found.years) == {2026, 2027}
    assert not found.is_workday(date(2027, 1, 1))
    assert found.version == "2026=RL-2026-00001@1, 2027=RL-2026-00001@1"


def test_an_amendment_replaces_the_days_and_changes_the_version() -> None:
    """A metric computed before it can say by which days it counted."""
    case = calendar(2027, "2027-01-01")
    before = Registry.of([case.it])
    case.take("amend", SET_UP, {"source": "更正", "holidays": [{"date": "2027-01-04"}]})
    after = before.apply(case.it)
    assert before.calendar.is_workday(date(2027, 1, 4))
    assert not after.calendar.is_workday(date(2027, 1, 4))
    assert after.calendar.is_workday(date(2027, 1, 1))
    assert before.calendar.version != after.calendar.version


def test_of_two_records_for_one_year_the_later_counts_and_withdrawal_brings_back_the_other() -> (
    None
):
    """Whatever the order in which they are read."""
    old, new = calendar(2027, "2027-01-01"), calendar(2027, "2027-01-04")
    new.now += timedelta(days=1)
    new.take("amend", SET_UP, {"source": "通知", "holidays": [{"date": "2027-01-04"}]})
    for records in ([old.it, new.it], [new.it, old.it]):
        assert Registry.of(records).calendar.is_workday(date(2027, 1, 1))
    new.take("withdraw", SET_UP, {"reason": "误发布"})
    for records in ([old.it, new.it], [new.it, old.it]):
        assert not Registry.of(records).calendar.is_workday(date(2027, 1, 1))


# ---------------------------------------------------------------- callers


def test_a_caller_reaches_its_scope_and_no_more() -> None:
    """Kinds, steps and rights, until the key expires."""
    case = internal("caller", "register", key())
    caller = Registry.of([case.it]).callers[case.id]
    assert caller.may_take("complaint", "update")
    assert not caller.may_take("complaint", "solve")
    assert not caller.may_take("minutes", "update")
    assert not caller.may_read("complaint")
    assert caller.valid(datetime(2027, 3, 2, 0, 59, 59, tzinfo=UTC))
    assert not caller.valid(datetime(2027, 3, 2, 1, tzinfo=UTC))


def test_empty_scopes_mean_all() -> None:
    """A person's own key reaches what the person may."""
    values = key(system=None, person=PEOPLE["gm"], kinds=[], steps=[], rights=["read", "write"])
    del values["system"]
    case = internal("caller", "register", values)
    caller = Registry.of([case.it]).callers[case.id]
    assert caller.person == PEOPLE["gm"]
    assert caller.may_take("complaint", "solve")
    assert caller.may_read("minutes")


@pytest.mark.parametrize("owner", [{"person": PEOPLE["gm"]}, {"system": None}])
def test_a_key_belongs_to_a_person_or_a_system(owner: dict[str, Any]) -> None:
    """Not to both, nor to nobody."""
    values = {k: v for k, v in {**key(), **owner}.items() if v is not None}
    with pytest.raises(GuardError):
        internal("caller", "register", values)


def test_a_revoked_caller_is_not_valid() -> None:
    """At once, whatever its expiry."""
    case = internal("caller", "register", key())
    case.take("revoke", SET_UP)
    assert not Registry.of([case.it]).callers[case.id].valid(MONDAY)


# ---------------------------------------------------------------- the fold itself


def test_internal_kinds_are_permanent_and_cannot_be_filed_away() -> None:
    """RETENTION.md RR-09: they are needed as long as anything that names them."""
    for kind in INTERNAL:
        assert current()[kind].internal
        assert current()[kind].retention == "permanent"
        assert current()[kind].filing is None


def test_other_records_change_nothing() -> None:
    """A complaint is no entry of the directory."""
    registry = Registry.of([person("李").it])
    assert registry.apply(complaint("receive").it) is registry


def test_an_earlier_registry_is_not_changed_by_a_later_one() -> None:
    """As-of views keep the one they had."""
    case = person("李")
    before = Registry.of([case.it])
    known = before.directory
    case.take("change", SET_UP, {"name": "张"})
    before.apply(case.it)
    assert before.directory is known
    assert known.people[case.id].name == "李"


def _some_records() -> list[Record]:
    left = person("王")
    left.take("leave", SET_UP)
    changed = calendar(2027, "2027-01-01")
    changed.turn(hours=1)
    changed.take("amend", SET_UP, {"source": "更正", "holidays": [{"date": "2027-01-04"}]})
    cases = (
        person("李", roles=["gm"]),
        left,
        internal("department", "establish", {"name": "客服部", "functions": ["cs"]}),
        Case().open("delegation", "grant", "production-head", delegation()),
        calendar(2026, "2026-01-01"),
        changed,
        calendar(2027, "2027-01-05"),
        internal("caller", "register", key()),
    )
    return [case.it for case in cases]


RECORDS = _some_records()


@given(st.permutations(RECORDS))
def test_records_may_be_applied_in_any_order(records: list[Record]) -> None:
    """A registry rebuilt from a table is that which grew with the log."""
    whole, shuffled = Registry.of(RECORDS), Registry.of(records)
    assert shuffled == whole
    assert shuffled.calendar == whole.calendar
    assert shuffled.directory == whole.directory


def test_applying_a_record_twice_is_applying_it_once() -> None:
    """A projection may see the same change again."""
    once: Callable[[list[Record]], Registry] = Registry.of
    assert once([*RECORDS, *RECORDS]) == once(RECORDS)
