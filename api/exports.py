"""Bundles over HTTP: a record, what is linked to it, what the register lists, a year."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from tempfile import SpooledTemporaryFile
from typing import Annotated, BinaryIO, cast

from fastapi import APIRouter, Query
from pydantic import Field as Constraint
from starlette.responses import Response, StreamingResponse

from api.admission import Visit
from api.problems import Refusal
from api.questions import YEARS, Question, QuestionError, of_year
from api.reading import Asked, Name, seen_in_lists
from api.replies import PROBLEM_RESPONSES
from api.uploads import disposition
from archive.disclosing import Shows, UnknownStepError, without
from archive.exporting import Wanted
from archive.selecting import listed
from domain.kind import text
from retention.judging import judged_by

router = APIRouter(prefix="/v1", tags=["读取 / reading"], responses=PROBLEM_RESPONSES)
IN_MEMORY = 64 * 1024 * 1024
MOST = 5000
"""Records of one answer; larger bundles are made by `liuhen export`, in volumes."""
Parts = Annotated[list[Annotated[str, Constraint(max_length=100)]], Constraint(max_length=50)]

_WITHHOLD = "证而不示 / proven and not shown: attachments, step:call-back, KS-2026-00001"


class ExportQuestion(Question):
    year: int | None = Constraint(
        None, ge=YEARS[0], le=YEARS[1], description="那一年所开 / opened in a year"
    )
    withhold: Parts = Constraint(default_factory=list)


@router.get("/records/{record}/export", summary="导出证据包(离线可验)/ a bundle that proves itself")
def export_record(
    visit: Asked,
    record: Name,
    linked: bool = False,
    withhold: Annotated[Parts | None, Query(description=_WITHHOLD)] = None,
) -> Response:
    """A zip for `python -m archive.evidence`. `linked`: with the records that it links to, of
    those that the caller may see: a proof would tell that there is one. `withhold`: what is proven
    and not shown. The rules, calendars, holds and disposals that count for them come along, again
    of those that the caller may see. Noted first."""
    found = visit.record(record)
    visit.guest.check_right("export")
    others = [link.record for link in found.links] if linked else []
    chosen = [found.id, *(each for each in others if _may_see(visit)(each))]
    return _export(
        visit,
        Wanted(
            records=chosen,
            variety="case" if linked else "record",
            may_read=_may_see(visit),
            shows=_shows(visit, withhold or ()),
        ),
        f"{found.number or found.id}.zip",
    )


@router.get("/export", summary="导出一次查询或一年 / a bundle of what is listed, or of a year")
def export_query(visit: Asked, asked: Annotated[ExportQuestion, Query()]) -> Response:
    """What `GET /v1/records` lists this caller for the same filters, at most 5,000 records; or what
    was opened in a year. The question stands in the bundle, signed."""
    visit.guest.check_right("read")
    visit.guest.check_right("export")
    archive = visit.desk.archive
    question = Question(**asked.model_dump(exclude={"year", "withhold"}))
    if asked.year is not None and question.text:
        what = text("年份与筛选条件，二者取一", "give filters or a year, not both")
        raise Refusal("invalid-request", None, (("year", what),))
    named = f"{asked.year:04}" if asked.year is not None else _asked(question)
    if asked.year is not None:
        question = of_year(asked.year, archive.options.zone)
    hidden = None if "confidential" in visit.guest.caller.rights else False
    wanted = question.filter(visit.now, confidential=hidden)
    shown, ledger = seen_in_lists(visit), archive.ledger
    found = listed(archive.views.register, visit.guest.viewer(visit.desk), wanted)
    chosen = [each for each in found if shown(ledger.get(each))]
    _check_number(len(chosen))
    return _export(
        visit,
        Wanted(
            records=chosen,
            variety="query" if asked.year is None else "year",
            asked=named,
            may_read=_may_see(visit),
            shows=_shows(visit, asked.withhold),
        ),
        "query.zip" if asked.year is None else f"{named}.zip",
    )


def _asked(question: Question) -> str:
    try:
        return question.asked
    except QuestionError:
        what = text(
            "请给出筛选条件（不超过 4,096 字节），或一个年份",
            "give filters (4,096 bytes), or a year",
        )
        raise Refusal("invalid-request", None, (("year", what),)) from None


def _check_number(found: int) -> None:
    if not found:
        raise Refusal("not-found")
    if found > MOST:
        what = text(
            f"超过 {MOST} 份：请缩小范围，或用 liuhen export 分册导出",
            f"more than {MOST} records: ask for less, or use `liuhen export`, which makes volumes",
        )
        raise Refusal("too-large", what)


def _may_see(visit: Visit) -> Callable[[str], bool]:
    ledger = visit.desk.archive.ledger
    return lambda record: visit.guest.may_see(ledger.get(record), visit.desk)


def _shows(visit: Visit, withhold: Sequence[str]) -> Shows:
    try:
        return without(withhold, visit.desk.archive.find)
    except UnknownStepError as error:
        what = text(f"没有步骤“{error}”", f"there is no step {str(error)!r}")
        raise Refusal("invalid-request", None, (("withhold", what),)) from None


def _export(visit: Visit, wanted: Wanted, name: str) -> Response:
    """What is shown beside the records is noted as they are."""
    archive, shelf = visit.desk.archive, visit.desk.retention.shelf
    judged = dict.fromkeys(judged_by(archive, shelf, wanted.records))
    beside = [each for each in judged if wanted.may_read(each)]
    for each in dict.fromkeys((*wanted.records, *beside)):
        visit.note("export", each)
    visit.desk.accesses.flush()
    wanted = replace(wanted, beside=lambda _: beside)
    return send_bundle(name, lambda file: archive.exporter.export(wanted, file))


def send_bundle(name: str, write: Callable[[BinaryIO], object]) -> Response:
    file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - closed when it was sent
    write(cast("BinaryIO", file))
    size = file.tell()
    file.seek(0)
    headers = {
        "Content-Disposition": disposition(name),
        "Content-Length": str(size),
        "Cache-Control": "no-store",
    }
    return StreamingResponse(_sent(file), 200, headers, media_type="application/zip")


def _sent(file: SpooledTemporaryFile[bytes]) -> Iterator[bytes]:
    """The file has no name on the disk, and is gone when it was sent."""
    with file:
        while chunk := file.read(1024 * 1024):
            yield chunk
