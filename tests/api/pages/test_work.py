"""The worklist page: each reader's own work, their department's, and what has run out."""

from __future__ import annotations

import pytest

from tests.api.conftest import COMPLAINT, Plant
from tests.api.keeping import Keeping
from tests.api.pages.conftest import Sample, reader


def test_mine_shows_what_waits_for_the_reader(filled: Sample) -> None:
    """The third level of the ladder waits for top management, and not for the clerk."""
    assert "3 级响应(高层)" in filled.reader("gm").words("/worklist?tab=mine")
    assert "3 级响应(高层)" not in filled.reader("clerk").words("/worklist?tab=mine")


def test_what_has_run_out_shows_under_overdue(plant: Plant) -> None:
    """Nothing at first; a day later the first level of the ladder, marked."""
    plant.post("cs", "/v1/complaint", {"answers": COMPLAINT})
    plant.archive.views.catch_up()
    assert "没有待办事项" in reader(plant, "cs").words("/worklist?tab=overdue")
    plant.clock.turn(hours=25)
    page = reader(plant, "cs").words("/worklist?tab=overdue")
    assert "1 级响应(一线客服)" in page
    assert "3 级响应" not in page


def test_a_department_sees_its_own(plant: Plant) -> None:
    """The customer service's work is not the quality office's."""
    plant.post("cs", "/v1/complaint", {"answers": COMPLAINT})
    plant.archive.views.catch_up()
    assert "KS-2026-00001" in reader(plant, "cs").words("/worklist?tab=department")
    assert "KS-2026-00001" not in reader(plant, "other").words("/worklist?tab=department")
    assert "KS-2026-00001" not in reader(plant, "other").words("/worklist?tab=all")


def test_the_list_is_cut_by_sort_of_matter(filled: Sample) -> None:
    """Only clocks, only signatures."""
    boss = filled.reader("gm")
    assert "KS-2026-00002" in boss.words("/worklist?tab=all&what=clock")
    assert "没有待办事项" in boss.words("/worklist?tab=all&what=signature")


@pytest.mark.parametrize("path", ["/worklist?tab=all&cursor=x"])
def test_a_page_marker_that_is_none_is_said(filled: Sample, path: str) -> None:
    """422 with a sentence, and the first page."""
    answer = filled.reader("gm").get(path)
    assert answer.status_code == 422
    assert "翻页位置已失效" in answer.text


def test_a_system_has_no_work_of_its_own(plant: Plant) -> None:
    """Its key shows what is overdue, and all."""
    page = reader(plant, "mes").text("/worklist")
    assert "tab=mine" not in page
    assert "tab=overdue" in page


def test_a_hold_that_a_reviewer_asked_for_is_there_to_be_placed(plant: Plant) -> None:
    """For those who may, and counted; it is no work of the reviewer."""
    keeping = Keeping(plant)
    (due,) = keeping.due()
    keeping.reviewed(keeping.listed(due), "hold")
    plant.archive.views.catch_up()
    assert "采取保全" in reader(plant, "boss").words("/worklist?tab=mine")
    assert "采取保全" not in reader(plant, "cs").words("/worklist?tab=mine")
    assert "采取保全" not in reader(plant, "boss").words("/worklist?tab=overdue")
