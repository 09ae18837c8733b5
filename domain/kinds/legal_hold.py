"""法律保全: nothing that it covers may go, whatever its period, until it is released.

It covers records that it names, and whatever matches its words, also what comes later
(RETENTION.md 5). To place one takes one person; to release it takes two, and a reason.
"""

from __future__ import annotations

from domain.kind import (
    Correcting,
    Field,
    Form,
    Guard,
    Holds,
    Kind,
    Office,
    Option,
    Role,
    State,
    Step,
    Taker,
    text,
)

PLACERS = (
    Office(function="legal"),
    Role(role="records-officer"),
    Role(role="quality-manager"),
    Role(role="gm"),
    Role(role="mr"),
    Role(role="executive"),
    Role(role="auditor"),
)
ADMINISTRATOR = Role(role="administrator")
REASON = Field(id="reason", title=text("理由", "reason"), maximum=2000, mark="P")
COVERED = (
    Field(
        id="records",
        title=text("指定记录", "records by name"),
        type="rows",
        required=False,
        rows=(Field(id="record", title=text("记录标识", "record id"), maximum=32, mark="P"),),
        mark="P",
    ),
    Field(
        id="where",
        title=text("条件(含今后形成的记录)", "query: also what comes later"),
        type="rows",
        required=False,
        rows=(
            Field(
                id="what",
                title=text("项目", "word"),
                type="choice",
                options=(
                    Option(id="kind", title=text("记录种类", "kind of record")),
                    Option(id="department", title=text("部门", "department")),
                    Option(id="customer", title=text("客户", "customer")),
                    Option(id="part", title=text("零件", "part")),
                    Option(id="batch", title=text("批次", "batch")),
                    Option(id="project", title=text("项目", "project")),
                    Option(id="order", title=text("订单", "order")),
                    Option(id="document", title=text("文件", "document")),
                    Option(id="case", title=text("案件", "case")),
                    Option(id="opened-from", title=text("形成日期自", "opened from")),
                    Option(id="opened-until", title=text("形成日期至", "opened until")),
                ),
                mark="P",
            ),
            Field(id="value", title=text("值", "value"), maximum=200, mark="P"),
        ),
        mark="P",
        help=text(
            "不同项目须同时符合;同一项目符合其一即可。",
            "Different words must all fit; of the same word one is enough.",
        ),
    ),
)
SOUND = Guard(
    needs=Holds(rule="hold-is-sound@1"),
    message=text(
        "请指定记录(32位标识)或填写条件;日期须如 2026-03-05。",
        "Name records (ids of 32 hex digits) or give a query; a date is such as 2026-03-05.",
    ),
)

V1 = Kind(
    id="legal-hold",
    version=1,
    title=text("法律保全", "legal hold"),
    prefix="BQ",
    seeds=("M07", "P28"),
    clauses=("IATF 16949:2016 7.5.3.2.1",),
    retention="permanent",
    subject=("matter",),
    internal=True,
    states=(
        State(id="active", title=text("保全中", "active")),
        State(id="release-requested", title=text("已申请解除", "release requested")),
        State(id="released", title=text("已解除", "released"), final=True),
    ),
    steps=(
        Step(
            id="place",
            title=text("采取保全", "place a hold"),
            by=PLACERS,
            opens=True,
            to="active",
            guards=(SOUND,),
            attests="hold-placed",
            form=Form(
                fields=(
                    Field(id="matter", title=text("事由", "matter"), maximum=500, mark="P"),
                    Field(
                        id="authority",
                        title=text("依据(机关、文号)", "authority and reference"),
                        maximum=500,
                        mark="P",
                    ),
                    REASON,
                    Field(
                        id="custodian", title=text("保管人", "custodian"), type="person", mark="P"
                    ),
                    *COVERED,
                )
            ),
            mark="P",
            source="RETENTION 5",
        ),
        Step(
            id="extend",
            title=text("扩大保全范围", "extend: cover more"),
            by=PLACERS,
            start=("active", "release-requested"),
            to="active",
            guards=(SOUND,),
            attests="hold-placed",
            form=Form(fields=(REASON, *COVERED)),
            mark="P",
        ),
        Step(
            id="request-release",
            title=text("申请解除", "request release"),
            by=PLACERS,
            start=("active",),
            to="release-requested",
            form=Form(fields=(REASON,)),
            mark="P",
        ),
        Step(
            id="keep",
            title=text("继续保全", "keep the hold"),
            by=PLACERS,
            start=("release-requested",),
            to="active",
            form=Form(fields=(REASON,)),
            mark="P",
        ),
        Step(
            id="release",
            title=text("批准解除", "release"),
            by=PLACERS,
            not_by=(Taker(step="request-release"), ADMINISTRATOR),
            start=("release-requested",),
            to="released",
            signoff="approves",
            attests="hold-released",
            form=Form(fields=(REASON,)),
            mark="P",
            source="RETENTION 5",
        ),
    ),
    correcting=Correcting(by=(), locked=("active", "release-requested", "released")),
)
"""No corrections: what is held too much is released, and a narrower hold is placed."""
VERSIONS = (V1,)
