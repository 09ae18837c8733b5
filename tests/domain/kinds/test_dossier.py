"""M07: the four records and what else belongs to a project, complete or not, filed by 行政部."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from domain import errors
from tests.domain.plant import PEOPLE, Case, head
from tests.domain.samples import THREE

MEMBERS = {
    "collaboration-request": "kicked-off",
    "minutes": "distributed",
    "progress-tracker": "closed",
    "acceptance": "confirmed",
}


def dossier(**states: str) -> Case:
    """A dossier that contains one record of each kind given, in that state."""
    case = Case().open(
        "dossier", "open", "market-li", {"project": "季度新品推广", "departments": THREE}
    )
    return holding(case, states)


def holding(case: Case, states: Mapping[str, str], *, filed: bool = False) -> Case:
    case.linked = tuple(
        head("contains", kind.replace("_", "-"), state, filed=filed, version=n)
        for n, (kind, state) in enumerate(states.items(), start=3)
    )
    return case


def _states(**change: str | None) -> dict[str, str]:
    states = {k.replace("-", "_"): v for k, v in MEMBERS.items()} | change
    return {kind: state for kind, state in states.items() if state is not None}


@pytest.mark.parametrize("missing", MEMBERS)
def test_what_is_missing_is_named(missing: str) -> None:
    """Without one of the four it is not complete, and the refusal says which, in both languages."""
    case = dossier(**_states(**{missing.replace("-", "_"): None}))
    with pytest.raises(errors.GuardError) as caught:
        case.take("complete", "market-li")
    assert missing.rsplit("-", maxsplit=1)[-1] in caught.value.message.en
    assert {"collaboration-request": "协作申请表", "minutes": "会议纪要",
            "progress-tracker": "项目进度跟踪表", "acceptance": "项目验收确认表",
            }[missing] in caught.value.message.zh  # fmt: skip


def test_an_unfinished_member_counts_as_missing() -> None:
    """Each of the four must be final, every one of a kind."""
    case = dossier(**_states(minutes="partly-signed"))
    with pytest.raises(errors.GuardError, match="minutes"):
        case.take("complete", "market-li")
    case = dossier(**_states())
    case.linked = (*case.linked, head("contains", "minutes", "issued", record="f" * 32))
    with pytest.raises(errors.GuardError, match="minutes"):
        case.take("complete", "market-li")


def test_completeness_rests_on_the_versions_that_were_read() -> None:
    """The commit checks the four again; a complaint in the same dossier is no hindrance."""
    case = dossier(**_states())
    case.linked = (*case.linked, head("contains", "complaint", "received", version=99))
    assert case.take("complete", "market-li").state == "complete"
    assert case.decision is not None
    assert sorted(case.decision.reads.values()) == [3, 4, 5, 6]


def test_the_office_files_it_once_its_members_are_filed() -> None:
    """统一留存 by 行政部: nobody else, and not before the four are filed themselves."""
    case = dossier(**_states())
    case.take("complete", "market-li")
    with pytest.raises(errors.GuardError, match="not filed yet"):
        case.file("office-li")
    holding(case, _states(), filed=True)
    with pytest.raises(errors.NotEntitledError):
        case.file("market-head")
    assert case.file("office-li").filing is not None
    assert case.it.kind.retention == "dossier"


def test_an_incomplete_dossier_is_filed_with_reasons_by_the_office() -> None:
    """What is missing, why and who: declared by 行政部; then it may be filed, incomplete."""
    case = dossier(minutes="distributed")
    said = {"missing": [{"what": "acceptance", "reason": "项目终止", "responsible": PEOPLE["gm"]}]}
    with pytest.raises(errors.NotEntitledError):
        case.take("declare-missing", "market-li", said)
    assert case.take("declare-missing", "office-li", said).state == "incomplete"
    holding(case, {"minutes": "distributed"}, filed=True)
    assert case.file("office-li").state == "incomplete"


def test_new_material_makes_it_open_to_completion_again() -> None:
    """E-mails and notes of calls belong in it; after them it is declared complete anew."""
    case = dossier(**_states())
    case.take("complete", "market-li")
    mail = {"what": "email", "dated": "2026-03-02", "description": "客户确认海报"}
    assert case.take("add-document", "sales-li", mail).state == "assembling"
