"""保管日志: what retention refused, put off or warned of. Written by the archive."""

from __future__ import annotations

from domain.kind import Correcting, Field, Form, Kind, Option, Role, State, Step, text


def _word(field: str, zh: str, en: str, maximum: int = 64) -> Field:
    return Field(id=field, title=text(zh, en), maximum=maximum, required=False, mark="P")


V1 = Kind(
    id="retention-journal",
    version=1,
    title=text("保管日志", "retention journal"),
    prefix="RZ",
    seeds=("M07", "P28"),
    clauses=("ISO 9001:2015 7.5.3.2 d",),
    retention="permanent",
    subject=("year",),
    confidential=True,
    entitled=(
        Role(role="auditor"),
        Role(role="security-officer"),
        Role(role="records-officer"),
        Role(role="quality-manager"),
    ),
    internal=True,
    states=(State(id="kept", title=text("记录中", "being kept"), final=True),),
    steps=(
        Step(
            id="begin",
            title=text("一年的保管日志", "a year's retention journal"),
            by=(),
            opens=True,
            to="kept",
            form=Form(
                fields=(
                    Field(
                        id="year",
                        title=text("年份", "year"),
                        type="integer",
                        minimum=2000,
                        maximum=2999,
                        mark="P",
                    ),
                )
            ),
            mark="P",
        ),
        Step(
            id="note",
            title=text("记事", "notes"),
            by=(),
            start=("kept",),
            form=Form(
                fields=(
                    Field(
                        id="items",
                        title=text("记事", "notes"),
                        type="rows",
                        maximum=5000,
                        rows=(
                            Field(id="at", title=text("时间", "time"), type="instant", mark="P"),
                            _word("who", "人员", "who"),
                            Field(
                                id="what",
                                title=text("事项", "what"),
                                type="choice",
                                options=(
                                    Option(id="refused", title=text("拒绝", "refused")),
                                    Option(id="deferred", title=text("顺延", "put off")),
                                    Option(id="alarm", title=text("报警", "alarm")),
                                ),
                                mark="P",
                            ),
                            Field(id="code", title=text("代码", "code"), maximum=48, mark="P"),
                            _word("record", "记录", "record"),
                            _word("disposal", "处置清单", "disposal"),
                            _word("detail", "说明", "detail", 2000),
                        ),
                        mark="P",
                    ),
                )
            ),
            mark="P",
            source="RETENTION 5",
        ),
    ),
    correcting=Correcting(by=(), locked=("kept",)),
)
VERSIONS = (V1,)
