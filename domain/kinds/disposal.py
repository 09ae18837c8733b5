"""处置清单: what is to go, who reviewed and approved it, and what became of it (RETENTION.md 6).

Four people at least: who lists, who reviews, two who approve. None is an administrator, none was a
party to what is listed. The archive itself lists, starts, reports and certifies.
"""

from __future__ import annotations

from domain.kind import (
    Correcting,
    Field,
    Form,
    Guard,
    Holds,
    Kind,
    Named,
    Office,
    Option,
    Role,
    State,
    Step,
    Taker,
    Who,
    text,
)
from domain.listed import ITEM, ITEMS, LIST_HASH, MEDIUM, TIME_STATUS

ADM = Office(function="adm")
RECORDS_OFFICER = Role(role="records-officer")
QUALITY_MANAGER = Role(role="quality-manager")
BARRED: tuple[Who, ...] = (
    Taker(step="list"),
    Taker(step="relist"),
    Named(by="list.barred"),
    Named(by="relist.barred"),
    Role(role="administrator"),
)
HANDS = ("list", "relist", "approve-first", "approve-second", "destroy-paper")
"""None of them watches how the paper is destroyed (监销)."""
LIST = Form(
    fields=(
        MEDIUM,
        LIST_HASH,
        ITEMS,
        Field(id="owners", title=text("业务负责人", "owners"), type="people", mark="P"),
        Field(
            id="barred",
            title=text("清单记录的当事人(须回避)", "parties to the records, who stand aside"),
            type="people",
            required=False,
            maximum=5000,
            mark="P",
        ),
        TIME_STATUS,
    )
)
SOUND = Guard(
    needs=Holds(rule="disposal-list-is-sound@1"),
    message=text(
        "清单哈希须与清单内容一致,序号不得重复,负责人须列入业务负责人。",
        "The hash is that of the rows, no item stands twice, and every owner is among the owners.",
    ),
)
REVIEWING = (
    Guard(
        needs=Holds(rule="review-is-of-the-list@1"),
        message=text("只能审查现行清单的序号。", "Review items of the present list."),
    ),
    Guard(
        needs=Holds(rule="review-says-why@1"),
        message=text(
            "继续保管须注明日期和理由;移交、保全须注明理由,不填日期;销毁不填日期。",
            "To keep an item takes a day and a reason; to transfer or hold it a reason and no day; "
            "to destroy it no day.",
        ),
    ),
    Guard(
        needs=Holds(rule="keeping-extends@1"),
        message=text(
            "保管至的日期须晚于保管期满日和列单日,且自列单日起不超过十年。",
            "The day until which to keep is after the last day and the day of the listing, and "
            "within ten years of the listing.",
        ),
    ),
)
REVIEWED = Guard(
    needs=Holds(rule="disposal-reviewed@1"),
    message=text(
        "清单尚未逐项由业务负责人审查完毕。",
        "Every item must be reviewed by its own business owner first.",
    ),
)
SHOWN = Guard(
    needs=Holds(rule="list-hash-is-shown@1"),
    message=text(
        "所批准的清单哈希与现行清单不符;请重新阅读现行清单。",
        "This is not the hash of the present list: read the present list, and approve that.",
    ),
)
APPROVAL = Form(
    fields=(
        LIST_HASH,
        Field(id="today", title=text("今日日期", "today's date"), type="date", mark="P"),
    )
)
DONE = (
    Field(id="method", title=text("销毁方式", "method"), maximum=500, mark="P"),
    Field(id="started_at", title=text("开始时间", "started"), type="instant", mark="P"),
    Field(id="ended_at", title=text("结束时间", "ended"), type="instant", mark="P"),
    Field(id="effective_from", title=text("生效时间", "effective from"), type="instant", mark="P"),
    TIME_STATUS,
    Field(
        id="destroyed", title=text("已销毁件数", "destroyed"), type="integer", minimum=0, mark="P"
    ),
    Field(
        id="exceptions", title=text("例外件数", "exceptions"), type="integer", minimum=0, mark="P"
    ),
    Field(
        id="exports",
        title=text("曾接收导出的系统", "systems that had received exports"),
        type="rows",
        required=False,
        rows=(Field(id="what", title=text("系统", "system"), maximum=200, mark="P"),),
        mark="P",
    ),
)
RESULTS = Field(
    id="items",
    title=text("结果", "results"),
    type="rows",
    maximum=5000,
    rows=(
        ITEM,
        Field(
            id="result",
            title=text("结果", "result"),
            type="choice",
            options=(
                Option(id="destroyed", title=text("已销毁", "destroyed")),
                Option(id="exception", title=text("例外", "exception")),
            ),
            mark="P",
        ),
        Field(id="code", title=text("原因代码", "code"), maximum=48, required=False, mark="P"),
        Field(id="why", title=text("原因", "why"), maximum=2000, required=False, mark="P"),
    ),
    mark="P",
)
NOTE = Field(id="note", title=text("备注", "note"), maximum=2000, required=False, mark="P")

V1 = Kind(
    id="disposal",
    version=1,
    title=text("处置清单", "disposal"),
    prefix="XH",
    seeds=("M07",),
    clauses=("IATF 16949:2016 7.5.3.2.1", "ISO 9001:2015 7.5.3.2 d"),
    retention="permanent",
    subject=("list_hash",),
    internal=True,
    states=(
        State(id="listed", title=text("已列单", "listed")),
        State(id="approved-once", title=text("一级批准", "approved once")),
        State(id="approved", title=text("已批准", "approved")),
        State(id="executing", title=text("执行中", "executing")),
        State(id="certified", title=text("已出具证明", "certified"), final=True),
        State(id="withdrawn", title=text("已撤回", "withdrawn"), final=True),
    ),
    steps=(
        Step(
            id="list",
            title=text("列单", "list"),
            by=(),
            opens=True,
            to="listed",
            guards=(SOUND,),
            attests="disposal-listed",
            form=LIST,
            mark="P",
            source="RETENTION 6",
        ),
        Step(
            id="relist",
            title=text("重新列单(批准作废)", "list anew: approvals are void"),
            by=(),
            start=("listed", "approved-once", "approved"),
            to="listed",
            guards=(SOUND,),
            attests="disposal-listed",
            form=LIST,
            mark="P",
        ),
        Step(
            id="review",
            title=text("逐项审查", "review item by item"),
            by=(Named(by="list.owners"), Named(by="relist.owners")),
            start=("listed",),
            guards=REVIEWING,
            form=Form(
                fields=(
                    Field(
                        id="items",
                        title=text("结论", "outcomes"),
                        type="rows",
                        maximum=5000,
                        rows=(
                            ITEM,
                            Field(
                                id="outcome",
                                title=text("结论", "outcome"),
                                type="choice",
                                options=(
                                    Option(id="destroy", title=text("销毁", "destroy")),
                                    Option(id="keep", title=text("继续保管", "keep")),
                                    Option(id="transfer", title=text("移交", "transfer")),
                                    Option(id="hold", title=text("保全", "hold")),
                                ),
                                mark="P",
                            ),
                            Field(
                                id="until",
                                title=text("保管至", "until"),
                                type="date",
                                required=False,
                                mark="P",
                            ),
                            Field(
                                id="reason",
                                title=text("理由", "reason"),
                                maximum=2000,
                                required=False,
                                mark="P",
                            ),
                        ),
                        mark="P",
                    ),
                )
            ),
            mark="P",
            source="RETENTION 6",
        ),
        Step(
            id="approve-first",
            title=text("档案管理员批准", "approval by the records officer"),
            by=(RECORDS_OFFICER,),
            not_by=BARRED,
            start=("listed",),
            to="approved-once",
            guards=(SHOWN, REVIEWED),
            signoff="approves",
            attests="disposal-approved",
            form=APPROVAL,
            mark="P",
            source="RETENTION 6",
        ),
        Step(
            id="approve-second",
            title=text("质量经理批准", "approval by the quality manager"),
            by=(QUALITY_MANAGER,),
            not_by=(*BARRED, Taker(step="approve-first")),
            start=("approved-once",),
            to="approved",
            guards=(SHOWN, REVIEWED),
            signoff="approves",
            attests="disposal-approved",
            form=APPROVAL,
            mark="P",
            source="RETENTION 6",
        ),
        Step(
            id="withdraw",
            title=text("撤回", "withdraw"),
            by=(ADM, RECORDS_OFFICER, QUALITY_MANAGER),
            start=("listed", "approved-once", "approved"),
            to="withdrawn",
            form=Form(
                fields=(Field(id="reason", title=text("理由", "reason"), maximum=2000, mark="P"),)
            ),
            mark="P",
        ),
        Step(
            id="start",
            title=text("开始执行", "start"),
            by=(),
            start=("approved",),
            to="executing",
            form=Form(
                fields=(
                    Field(
                        id="today", title=text("今日日期", "today's date"), type="date", mark="P"
                    ),
                    TIME_STATUS,
                )
            ),
            mark="P",
        ),
        Step(
            id="destroy-paper",
            title=text("销毁纸质件", "destroy the paper"),
            by=(),
            start=("executing",),
            form=Form(
                fields=(
                    Field(
                        id="items",
                        title=text("已销毁的序号", "items destroyed"),
                        type="rows",
                        maximum=5000,
                        rows=(ITEM,),
                        mark="P",
                    ),
                    Field(id="method", title=text("销毁方式", "method"), maximum=500, mark="P"),
                )
            ),
            mark="P",
        ),
        Step(
            id="witness-paper",
            title=text("监销", "witness the destruction"),
            by=(ADM, RECORDS_OFFICER),
            not_by=(*(Taker(step=each) for each in HANDS), Role(role="administrator")),
            start=("executing",),
            guards=(
                Guard(
                    needs=Holds(rule="paper-was-destroyed@1"),
                    message=text(
                        "尚未登记纸质件销毁。", "Nobody has said that the paper was destroyed."
                    ),
                ),
            ),
            signoff="witnessed",
            form=Form(fields=(NOTE,)),
            mark="P",
        ),
        Step(
            id="results",
            title=text("执行结果", "results"),
            by=(),
            start=("executing",),
            form=Form(fields=(RESULTS,)),
            mark="P",
        ),
        Step(
            id="certify",
            title=text("出具销毁证明", "certify"),
            by=(),
            start=("executing",),
            to="certified",
            form=Form(fields=DONE),
            mark="P",
        ),
        Step(
            id="supplement",
            title=text("补充证明", "supplement: a retry of exceptions"),
            by=(),
            start=("certified",),
            form=Form(fields=(RESULTS, *DONE)),
            mark="P",
        ),
    ),
    correcting=Correcting(
        by=(),
        locked=("listed", "approved-once", "approved", "executing", "certified", "withdrawn"),
    ),
)
"""No corrections: a list is listed anew, and reviewed and approved anew."""
VERSIONS = (V1,)
