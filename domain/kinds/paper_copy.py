"""纸质件: one copy on paper of a record, and where it stands, until it is destroyed."""

from __future__ import annotations

from domain.kind import Correcting, Field, Form, Kind, Office, Option, State, Step, text

ADM = (Office(function="adm"),)
LOCATION = Field(id="location", title=text("存放位置", "location"), maximum=200, source="M07")
BOX = Field(id="box", title=text("盒号", "box"), maximum=100, required=False, mark="P")
KEEPER = Field(id="keeper", title=text("保管人", "keeper"), type="person", mark="P")
PAGES = Field(id="pages", title=text("页数", "pages"), type="integer", minimum=1, mark="P")
NOTE = Field(id="note", title=text("备注", "note"), maximum=2000, required=False, mark="P")
REASON = Field(id="reason", title=text("说明", "reason"), maximum=2000, mark="P")

V1 = Kind(
    id="paper-copy",
    version=1,
    title=text("纸质件", "paper copy"),
    prefix="ZB",
    seeds=("M07",),
    clauses=("ISO 9001:2015 7.5.3.2",),
    retention="permanent",
    subject=("location",),
    internal=True,
    states=(
        State(id="shelved", title=text("在架", "shelved")),
        State(id="on-loan", title=text("借出", "on loan")),
        State(id="lost", title=text("遗失", "lost")),
        State(id="destroyed", title=text("已销毁", "destroyed"), final=True),
    ),
    steps=(
        Step(
            id="register",
            title=text("登记纸质件", "register a paper copy"),
            by=ADM,
            opens=True,
            to="shelved",
            form=Form(
                fields=(
                    Field(id="record", title=text("所属记录", "record"), type="record", mark="P"),
                    Field(
                        id="copy",
                        title=text("份号", "copy number"),
                        type="integer",
                        minimum=1,
                        mark="P",
                    ),
                    LOCATION,
                    BOX,
                    PAGES,
                    KEEPER,
                    Field(
                        id="signed_original",
                        title=text("签字原件", "signed original"),
                        type="boolean",
                        mark="P",
                    ),
                    Field(
                        id="required_by",
                        title=text("要求保存纸质原件的一方", "who demands the paper"),
                        type="choice",
                        options=(
                            Option(id="none", title=text("无", "nobody")),
                            Option(id="customer", title=text("顾客", "customer")),
                            Option(id="law", title=text("法律", "law")),
                        ),
                        mark="P",
                    ),
                )
            ),
            source="M07",
        ),
        Step(
            id="move",
            title=text("移位", "move"),
            by=ADM,
            start=("shelved",),
            form=Form(fields=(LOCATION, BOX, KEEPER)),
            mark="P",
        ),
        Step(
            id="lend",
            title=text("借出", "lend"),
            by=ADM,
            start=("shelved",),
            to="on-loan",
            form=Form(
                fields=(
                    Field(id="to", title=text("借阅人", "to"), type="person", mark="P"),
                    Field(id="due", title=text("应还日期", "due"), type="date", mark="P"),
                )
            ),
            mark="P",
        ),
        Step(
            id="return",
            title=text("归还", "return"),
            by=ADM,
            start=("on-loan",),
            to="shelved",
            form=Form(fields=(NOTE,)),
            mark="P",
        ),
        Step(
            id="report-loss",
            title=text("报失", "report its loss"),
            by=ADM,
            start=("shelved", "on-loan"),
            to="lost",
            form=Form(fields=(REASON,)),
            mark="P",
        ),
        Step(
            id="found",
            title=text("找回", "found"),
            by=ADM,
            start=("lost",),
            to="shelved",
            form=Form(fields=(REASON, LOCATION)),
            mark="P",
        ),
        Step(
            id="check",
            title=text("核对电子件", "check the electronic copy"),
            by=ADM,
            start=("shelved", "on-loan", "lost"),
            form=Form(
                fields=(
                    Field(
                        id="electronic_ok",
                        title=text("电子件可读且哈希一致", "readable, and its hashes agree"),
                        type="boolean",
                        mark="P",
                    ),
                    Field(
                        id="pages",
                        title=text("电子件页数", "pages of the electronic copy"),
                        type="integer",
                        minimum=0,
                        mark="P",
                    ),
                    Field(
                        id="digest",
                        title=text("哈希", "digest"),
                        maximum=128,
                        required=False,
                        mark="P",
                    ),
                    NOTE,
                )
            ),
            mark="P",
            source="RETENTION 6",
        ),
        Step(
            id="destroy",
            title=text("销毁", "destroy"),
            by=(),
            start=("shelved", "lost"),
            to="destroyed",
            form=Form(
                fields=(
                    Field(id="disposal", title=text("处置清单", "disposal"), maximum=64, mark="P"),
                    Field(id="method", title=text("销毁方式", "method"), maximum=500, mark="P"),
                    Field(
                        id="destroyer", title=text("销毁人", "destroyer"), type="person", mark="P"
                    ),
                    Field(id="witness", title=text("监销人", "witness"), type="person", mark="P"),
                )
            ),
            mark="P",
            source="RETENTION 6",
        ),
    ),
    correcting=Correcting(by=(), locked=("shelved", "on-loan", "lost", "destroyed")),
)
"""No corrections: what was said wrongly is said again by a later step."""
VERSIONS = (V1,)
