"""工作日历: days off and worked weekend days of one year, as the State Council announced them."""

from __future__ import annotations

from domain.kind import Correcting, Field, Form, Guard, Holds, Kind, Role, State, Step, text

ADMINISTRATOR = (Role(role="administrator"),)


def _days(zh: str, en: str) -> tuple[Field, ...]:
    return (
        Field(id="date", title=text("日期", "date"), type="date", mark="P"),
        Field(id="name", title=text(zh, en), maximum=60, required=False, mark="P"),
    )


ANNOUNCED = (
    Field(
        id="source",
        title=text("依据(文件名称和文号)", "source: title and number of the announcement"),
        maximum=500,
        mark="P",
    ),
    Field(
        id="holidays",
        title=text("放假日期", "days off"),
        type="rows",
        rows=_days("节日", "holiday"),
        mark="P",
    ),
    Field(
        id="workdays",
        title=text("调休上班日期", "weekend days that are worked"),
        type="rows",
        rows=_days("节日", "holiday"),
        required=False,
        mark="P",
    ),
)
YEAR = Field(
    id="year", title=text("年份", "year"), type="integer", minimum=2000, maximum=2200, mark="P"
)
SOUND = Guard(
    needs=Holds(rule="calendar-is-sound@1"),
    message=text(
        "日期须在该年内(或上一年12月),每日只列一次;放假日与上班日不得重复,上班日须为周末。",
        "Each day lies in the year (or the December before), stands once, and is either off or "
        "worked; only weekend days can be worked specially.",
    ),
)

V1 = Kind(
    id="calendar",
    version=1,
    title=text("工作日历", "calendar of working days"),
    prefix="RL",
    seeds=("M13",),
    clauses=(),
    retention="permanent",
    subject=("source",),
    internal=True,
    states=(
        State(id="in-force", title=text("有效", "in force")),
        State(id="withdrawn", title=text("已撤回", "withdrawn"), final=True),
    ),
    steps=(
        Step(
            id="publish",
            title=text("发布", "publish"),
            by=ADMINISTRATOR,
            opens=True,
            to="in-force",
            guards=(SOUND,),
            form=Form(fields=(YEAR, *ANNOUNCED)),
            mark="P",
            source="SEEDS 9.4",
        ),
        Step(
            id="amend",
            title=text("修订(全部重填)", "amend: all days anew"),
            by=ADMINISTRATOR,
            start=("in-force",),
            guards=(SOUND,),
            form=Form(fields=ANNOUNCED),
            mark="P",
        ),
        Step(
            id="withdraw",
            title=text("撤回", "withdraw"),
            by=ADMINISTRATOR,
            start=("in-force",),
            to="withdrawn",
            form=Form(fields=(Field(id="reason", title=text("理由", "reason"), mark="P"),)),
            mark="P",
        ),
    ),
    correcting=Correcting(by=(), locked=("in-force", "withdrawn")),
)
"""No corrections: `amend` says all days anew, and the guard looks at them."""
VERSIONS = (V1,)
