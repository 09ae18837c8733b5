"""纠正和预防措施: request, approval, implementation, verification, report (seed I-b 5.3.3).

The gates stand where auditors find faults (IATF 10.2.3): no approval without actions, no closing
without verified effectiveness, without a report, or without an answer on FMEA and control plan.
The verifier is none of the implementers: only its owner completes an action, and those who
completed one do not verify.
"""

from __future__ import annotations

from domain.kind import (
    AllOf,
    AnyOf,
    Author,
    Branch,
    Collection,
    Correcting,
    Deadline,
    Distribution,
    Field,
    Filing,
    Form,
    Guard,
    Heads,
    Holds,
    Is,
    Items,
    Kind,
    Linked,
    LinkRule,
    Members,
    Named,
    Not,
    Office,
    Option,
    Reopening,
    Role,
    SignedOff,
    Slot,
    State,
    Step,
    Taken,
    Taker,
    Until,
    text,
)

QC = Office(function="qc")
ENG = Office(function="eng")
GM = Role(role="gm")
MR = Role(role="mr")
DEPARTMENTS = Members(of="issue.departments")
TEAM = (QC, ENG, DEPARTMENTS)

BEFORE_APPROVAL = ("issued", "analysed", "submitted", "returned", "rework")
ONGOING = (*BEFORE_APPROVAL, "approved", "implementing", "verified", "reported")

NOT_APPROVED = Guard(
    needs=Not(of=SignedOff(slot="approval")),
    message=text(
        "措施已经总经理批准,不能再改;需延期请用“措施延期”。",
        "The general manager has approved the actions; for more time use 'extend-action'.",
    ),
)
APPROVED = Guard(
    needs=SignedOff(slot="approval"),
    message=text(
        "措施须经总经理批准后才能实施。",
        "Actions are carried out only after the general manager has approved them.",
    ),
)

ISSUE = Step(
    id="issue",
    title=text("填写纠正和预防措施要求书", "issue the corrective action request"),
    by=(QC, ENG),
    opens=True,
    to="issued",
    distribute=Distribution(to=(Heads(of="departments"),), acknowledge=True),
    source="I14",
    form=Form(
        fields=(
            Field(id="subject", title=text("标题", "subject"), maximum=200, mark="P"),
            Field(
                id="source",
                title=text("来源", "source"),
                type="choice",
                options=(
                    Option(id="complaint", title=text("顾客投诉", "customer complaint")),
                    Option(id="nonconformity", title=text("审核不符合项", "audit nonconformity")),
                    Option(id="review", title=text("管理评审", "management review")),
                    Option(id="internal", title=text("内部质量问题", "internal quality problem")),
                    Option(id="preventive", title=text("预防(风险)", "preventive, from a risk")),
                ),
                source="I14; I12 I13",
                help=text(
                    "来源为投诉或不符合项的,提交审批前须关联该记录(解决)。",
                    "Where it comes from a complaint or nonconformity, link that record "
                    "('resolves') before submitting.",
                ),
            ),
            Field(
                id="problem",
                title=text("投诉信息/问题描述", "complaint information, the problem"),
                source="I14",
            ),
            Field(
                id="reference",
                title=text("客户或外部编号", "number of the customer or another system"),
                required=False,
                maximum=100,
                reference="case",
                mark="P",
            ),
            Field(
                id="customer",
                title=text("客户", "customer"),
                required=False,
                maximum=200,
                reference="customer",
                mark="P",
            ),
            Field(
                id="parts",
                title=text("涉及零件", "parts concerned"),
                type="rows",
                required=False,
                mark="P",
                source="IATF 10.2.3",
                rows=(
                    Field(
                        id="part",
                        title=text("零件号", "part number"),
                        maximum=100,
                        reference="part",
                        mark="P",
                    ),
                    Field(
                        id="batch",
                        title=text("批次", "batch"),
                        required=False,
                        maximum=100,
                        reference="batch",
                        mark="P",
                    ),
                    Field(
                        id="quantity",
                        title=text("数量", "quantity"),
                        type="integer",
                        required=False,
                        minimum=0,
                        mark="P",
                    ),
                ),
            ),
            Field(
                id="departments",
                title=text("责任部门", "responsible departments"),
                type="departments",
                source="I14",
            ),
            Field(
                id="format",
                title=text("客户指定的格式(如8D)", "format the customer prescribes, such as 8D"),
                required=False,
                maximum=100,
                mark="P",
                source="IATF 10.2.3",
            ),
            Field(
                id="reply_until",
                title=text("要求答复日期", "answer asked for by"),
                type="date",
                required=False,
                mark="P",
            ),
            Field(
                id="evidence",
                title=text("附件", "evidence"),
                type="attachments",
                required=False,
                mark="P",
            ),
        )
    ),
)

SUPPLEMENT = Step(
    id="supplement",
    title=text("品管/工程补充信息", "quality and engineering add information"),
    by=(QC, ENG),
    start=ONGOING,
    source="I14",
    form=Form(
        fields=(
            Field(id="information", title=text("补充信息", "information"), source="I14"),
            Field(
                id="documents",
                title=text("附件", "documents"),
                type="attachments",
                required=False,
                mark="P",
            ),
        )
    ),
)

CONTAIN = Step(
    id="contain",
    title=text("临时遏制措施", "containment"),
    by=TEAM,
    start=ONGOING,
    mark="P",
    source="IATF 10.2.3 b",
    form=Form(
        fields=(
            Field(
                id="places",
                title=text("遏制范围", "where"),
                type="choices",
                options=(
                    Option(id="production", title=text("在制品", "in production")),
                    Option(id="stock", title=text("库存", "in stock")),
                    Option(id="transit", title=text("在途", "in transit")),
                    Option(id="customer", title=text("客户处", "at the customer")),
                    Option(id="supplier", title=text("供应商处", "at the supplier")),
                    Option(id="not-needed", title=text("无需遏制", "not needed")),
                ),
                mark="P",
            ),
            Field(id="actions", title=text("措施", "actions, or why none"), mark="P"),
            Field(
                id="result",
                title=text("结果(检查数/不良数)", "result (checked, found)"),
                required=False,
                mark="P",
            ),
            Field(
                id="evidence",
                title=text("证据", "evidence"),
                type="attachments",
                required=False,
                mark="P",
            ),
        )
    ),
)

ANALYSE = Step(
    id="analyse",
    title=text("原因分析", "cause analysis"),
    by=TEAM,
    start=("issued", "analysed", "returned", "rework"),
    to="analysed",
    new_edition=True,
    source="I14",
    form=Form(
        fields=(
            Field(
                id="method",
                title=text("分析方法", "method"),
                type="choice",
                options=(
                    Option(id="5why", title=text("5Why", "5 whys")),
                    Option(id="fishbone", title=text("鱼骨图", "fishbone")),
                    Option(id="8d", title=text("8D", "8D")),
                    Option(id="fta", title=text("故障树", "fault tree")),
                    Option(id="is-is-not", title=text("是/非分析", "is / is not")),
                    Option(id="other", title=text("其他", "other")),
                ),
                mark="P",
                source="IATF 10.2.3 c",
            ),
            Field(id="analysis", title=text("分析过程", "analysis"), source="I14"),
            Field(id="root_cause", title=text("根本原因", "root cause"), source="I14"),
            Field(
                id="escape_cause",
                title=text("流出原因(为何未被发现)", "why it was not detected"),
                required=False,
                mark="P",
            ),
            Field(
                id="evidence",
                title=text("分析证据", "evidence of the analysis"),
                type="attachments",
                mark="P",
                source="IATF 10.2.3 c",
            ),
            Field(
                id="similar_exist",
                title=text(
                    "是否有类似过程或产品(横向展开)", "are there similar processes or products"
                ),
                type="boolean",
                mark="P",
                source="IATF 10.2.3 d",
            ),
            Field(
                id="similar",
                title=text("类似过程检查", "look at similar processes"),
                type="rows",
                when=Is(field="similar_exist", values=(True,)),
                minimum=1,
                mark="P",
                source="IATF 10.2.3 d",
                rows=(
                    Field(
                        id="process",
                        title=text("过程/产品", "process or product"),
                        maximum=200,
                        mark="P",
                    ),
                    Field(
                        id="affected",
                        title=text("是否受影响", "affected"),
                        type="boolean",
                        mark="P",
                    ),
                    Field(id="finding", title=text("检查结果", "finding"), mark="P"),
                ),
            ),
            Field(
                id="no_similar",
                title=text("无类似过程的理由", "why there are none"),
                when=Is(field="similar_exist", values=(False,)),
                mark="P",
                source="IATF 10.2.3 d",
            ),
        )
    ),
)

PROPOSE = Step(
    id="propose",
    title=text("提出纠正和预防措施", "propose corrective and preventive actions"),
    by=TEAM,
    start=("analysed", "returned"),
    new_edition=True,
    source="I14",
    help=text(
        "可多次提出;每次新增条目。总经理退回后,改动条目用“修改措施”“取消措施”。",
        "May be taken again: each time adds actions. After a refusal, change or drop single ones.",
    ),
    form=Form(
        fields=(
            Field(
                id="actions",
                title=text("措施", "actions"),
                type="rows",
                collection="actions",
                source="I14",
                rows=(
                    Field(
                        id="type",
                        title=text("类别", "sort"),
                        type="choice",
                        options=(
                            Option(id="corrective", title=text("纠正措施", "corrective")),
                            Option(id="preventive", title=text("预防措施", "preventive")),
                        ),
                        source="I14",
                    ),
                    Field(id="measure", title=text("措施内容", "measure"), source="I14"),
                    Field(
                        id="owner",
                        title=text("负责人", "owner"),
                        type="person",
                        source="I14",
                    ),
                    Field(
                        id="due",
                        title=text("完成期限", "due"),
                        type="date",
                        source="I14",
                    ),
                ),
            ),
        )
    ),
)

CHANGE_ACTION = Step(
    id="change-action",
    title=text("修改措施", "change an action"),
    by=TEAM,
    item="actions",
    start=("open",),
    guards=(NOT_APPROVED,),
    new_edition=True,
    mark="P",
    form=Form(
        fields=(
            Field(id="measure", title=text("措施内容", "measure"), required=False, mark="P"),
            Field(
                id="owner",
                title=text("负责人", "owner"),
                type="person",
                required=False,
                mark="P",
            ),
            Field(id="due", title=text("完成期限", "due"), type="date", required=False, mark="P"),
            Field(id="change_reason", title=text("修改理由", "why"), mark="P"),
        )
    ),
)

DROP_ACTION = Step(
    id="drop-action",
    title=text("取消措施", "drop an action"),
    by=TEAM,
    item="actions",
    start=("open",),
    to="dropped",
    guards=(NOT_APPROVED,),
    new_edition=True,
    mark="P",
    form=Form(
        fields=(Field(id="drop_reason", title=text("取消理由", "why"), mark="P"),),
    ),
)

SUBMIT = Step(
    id="submit",
    title=text("提交总经理审批", "submit to the general manager"),
    by=TEAM,
    start=("analysed", "returned", "submitted"),
    to="submitted",
    guards=(
        Guard(
            needs=Items(collection="actions", states=("open",), every=False),
            message=text(
                "请先提出至少一项待实施的纠正或预防措施。",
                "Propose at least one action that is still to be carried out first.",
            ),
        ),
        Guard(
            needs=AnyOf(
                of=(
                    Not(of=Is(field="issue.source", values=("complaint",))),
                    Linked(rel="resolves", kind="complaint"),
                )
            ),
            message=text(
                "来源为顾客投诉:请先将本记录关联到该投诉(解决)。",
                "It comes from a complaint: link it to that complaint ('resolves') first.",
            ),
        ),
    ),
    source="I14",
    form=Form(
        fields=(
            Field(id="summary", title=text("提交说明", "summary"), required=False, mark="P"),
            Field(
                id="verify_until",
                title=text("计划验证日期", "verification planned by"),
                type="date",
                mark="P",
                source="KPI18",
            ),
        )
    ),
)

DISTRIBUTE = Step(
    id="distribute",
    title=text("抄送相关责任部门", "distribute to the responsible departments"),
    by=(QC, ENG),
    start=("approved",),
    to="implementing",
    distribute=Distribution(to=(Heads(of="departments"),), acknowledge=True),
    source="I14",
    form=Form(
        fields=(
            Field(
                id="departments",
                title=text("抄送部门", "departments"),
                type="departments",
                source="I14",
            ),
            Field(id="note", title=text("说明", "note"), required=False, mark="P"),
        )
    ),
)

PROGRESS = Step(
    id="report-action",
    title=text("措施进展", "progress of an action"),
    by=(Named(by="owner"), *TEAM),
    item="actions",
    start=("open",),
    source="I15",
    form=Form(
        fields=(
            Field(id="progress", title=text("实施情况", "progress"), source="I15"),
            Field(
                id="progress_evidence",
                title=text("证据", "evidence"),
                type="attachments",
                required=False,
                mark="P",
            ),
        )
    ),
)

EXTEND_ACTION = Step(
    id="extend-action",
    title=text("措施延期", "more time for an action"),
    by=(GM, MR),
    item="actions",
    start=("open",),
    guards=(APPROVED,),
    mark="P",
    form=Form(
        fields=(
            Field(id="due", title=text("新期限", "new due date"), type="date", mark="P"),
            Field(id="extension_reason", title=text("延期理由", "why"), mark="P"),
        )
    ),
)

COMPLETE_ACTION = Step(
    id="complete-action",
    title=text("完成措施", "complete an action"),
    by=(Named(by="owner"),),
    item="actions",
    start=("open",),
    to="done",
    guards=(APPROVED,),
    source="I14 I15",
    form=Form(
        fields=(
            Field(id="done", title=text("实施情况", "what was done"), source="I15"),
            Field(
                id="completed_on",
                title=text("完成日期", "completed on"),
                type="date",
                source="I15",
            ),
            Field(
                id="completion_evidence",
                title=text("实施证据", "evidence"),
                type="attachments",
                required=False,
                mark="P",
            ),
        )
    ),
)


def _document(field: str, zh: str, en: str) -> tuple[Field, ...]:
    """Updated, with document and revision, or not needed, with a reason (IATF 10.2.3 f)."""
    updated = Is(field=field, values=("updated",))
    return (
        Field(
            id=field,
            title=text(f"{zh}是否更新", f"{en}: updated?"),
            type="choice",
            options=(
                Option(id="updated", title=text("已更新", "updated")),
                Option(id="not-needed", title=text("无需更新", "not needed")),
            ),
            mark="P",
            source="IATF 10.2.3 f",
        ),
        Field(
            id=f"{field}_document",
            title=text(f"{zh}文件编号", f"{en}: document"),
            maximum=100,
            reference="document",
            when=updated,
            mark="P",
        ),
        Field(
            id=f"{field}_revision",
            title=text(f"{zh}版本", f"{en}: revision"),
            maximum=60,
            when=updated,
            mark="P",
        ),
        Field(
            id=f"{field}_reason",
            title=text(f"{zh}无需更新的理由", f"{en}: why not"),
            when=Is(field=field, values=("not-needed",)),
            mark="P",
        ),
    )


UPDATE_DOCUMENTS = Step(
    id="update-documents",
    title=text("FMEA和控制计划更新", "FMEA and control plan"),
    by=TEAM,
    start=ONGOING,
    mark="P",
    source="IATF 10.2.3 f",
    form=Form(
        fields=(
            *_document("fmea", "FMEA", "FMEA"),
            *_document("control_plan", "控制计划", "control plan"),
        )
    ),
)

VERIFY = Step(
    id="verify",
    title=text("验证有效性", "verify effectiveness"),
    by=(QC, MR),
    not_by=(Taker(step="complete-action"),),
    start=("implementing",),
    to=(
        Branch(to="verified", when=Is(field="effective", values=("effective",))),
        Branch(to="rework"),
    ),
    guards=(
        APPROVED,
        Guard(
            needs=Items(collection="actions", states=("done", "dropped")),
            message=text(
                "还有措施未完成,不能验证;请由负责人先完成。",
                "Some actions are not completed yet; their owners must complete them first.",
            ),
        ),
    ),
    distribute=Distribution(to=(Heads(of="issue.departments"),)),
    source="I15",
    form=Form(
        fields=(
            Field(id="method", title=text("验证方法", "how it was verified"), source="I15"),
            Field(
                id="period_from",
                title=text("验证期间自", "observed from"),
                type="date",
                required=False,
                mark="P",
            ),
            Field(
                id="period_until",
                title=text("验证期间至", "observed until"),
                type="date",
                required=False,
                mark="P",
            ),
            Field(id="findings", title=text("验证结果", "findings"), source="I15"),
            Field(
                id="effective",
                title=text("是否有效", "effective?"),
                type="choice",
                options=(
                    Option(id="effective", title=text("有效", "effective")),
                    Option(id="not-effective", title=text("无效", "not effective")),
                ),
                source="I15",
            ),
            Field(
                id="evidence",
                title=text("验证证据", "evidence"),
                type="attachments",
                mark="P",
                source="IATF 10.2.3 e",
            ),
        )
    ),
)

REPORT = Step(
    id="report",
    title=text("向管理者代表汇报", "report to the management representative"),
    by=(QC,),
    start=("verified",),
    to="reported",
    distribute=Distribution(to=(MR,), acknowledge=True),
    source="I15",
    form=Form(
        fields=(
            Field(
                id="implementation",
                title=text("实施情况", "implementation"),
                source="I15",
            ),
            Field(id="result", title=text("改善完成结果", "completion result"), source="I15"),
        )
    ),
)

CLOSE = Step(
    id="close",
    title=text("关闭", "close"),
    by=(QC, MR),
    start=("implementing", "rework", "verified", "reported"),
    to="closed",
    guards=(
        Guard(
            needs=AllOf(
                of=(Taken(step="verify"), Is(field="verify.effective", values=("effective",)))
            ),
            message=text(
                "未经验证有效,不能关闭;请先验证有效性(IATF 10.2.3 e)。",
                "It cannot close before its effectiveness is verified (IATF 10.2.3 e).",
            ),
        ),
        Guard(
            needs=Holds(rule="documents-answered@1"),
            message=text(
                "请先就最近提交的措施填写“FMEA和控制计划更新”:已更新(文件和版本)"
                "或无需更新(理由)(IATF 10.2.3 f)。",
                "Answer first whether FMEA and control plan were updated (document and revision) "
                "or need no update (reason) (IATF 10.2.3 f).",
            ),
        ),
        Guard(
            needs=Taken(step="report"),
            message=text(
                "请先向管理者代表汇报。", "Report to the management representative first."
            ),
        ),
    ),
    source="I15",
    form=Form(fields=(Field(id="note", title=text("说明", "note"), required=False, mark="P"),)),
)

CANCEL = Step(
    id="cancel",
    title=text("取消要求书", "cancel the request"),
    by=(MR, Heads()),
    start=BEFORE_APPROVAL,
    to="cancelled",
    mark="P",
    form=Form(fields=(Field(id="reason", title=text("理由", "reason"), mark="P"),)),
)

V1 = Kind(
    id="capa",
    version=1,
    title=text("纠正和预防措施", "corrective and preventive action"),
    prefix="JZ",
    seeds=("I14", "I15"),
    clauses=(
        "ISO 9001:2015 10.2.1",
        "ISO 9001:2015 10.2.2",
        "IATF 16949:2016 10.2.3",
        "IATF 16949:2016 6.1.2.2",
    ),
    retention="communication",
    subject=("subject",),
    states=(
        State(id="issued", title=text("已发出", "issued")),
        State(id="analysed", title=text("已分析", "cause analysed")),
        State(id="submitted", title=text("待批准", "awaits approval")),
        State(id="returned", title=text("被退回", "returned")),
        State(id="approved", title=text("已批准", "approved")),
        State(id="implementing", title=text("实施中", "implementing")),
        State(id="rework", title=text("无效,重新分析", "not effective, to be analysed again")),
        State(id="verified", title=text("验证有效", "verified effective")),
        State(id="reported", title=text("已汇报", "reported")),
        State(id="closed", title=text("已关闭", "closed"), final=True),
        State(id="cancelled", title=text("已取消", "cancelled"), final=True),
    ),
    steps=(
        ISSUE,
        SUPPLEMENT,
        CONTAIN,
        ANALYSE,
        PROPOSE,
        CHANGE_ACTION,
        DROP_ACTION,
        SUBMIT,
        DISTRIBUTE,
        PROGRESS,
        EXTEND_ACTION,
        COMPLETE_ACTION,
        UPDATE_DOCUMENTS,
        VERIFY,
        REPORT,
        CLOSE,
        CANCEL,
    ),
    collections=(
        Collection(
            id="actions",
            title=text("措施", "actions"),
            states=(
                State(id="open", title=text("待完成", "open")),
                State(id="done", title=text("已完成", "done"), final=True),
                State(id="dropped", title=text("已取消", "dropped"), final=True),
            ),
            initial="open",
            label="measure",
            owner="owner",
            due="due",
        ),
    ),
    slots=(
        Slot(
            id="approval",
            title=text("总经理批准", "approval by the general manager"),
            meaning="approves",
            signers=(GM,),
            every=False,
            opened_by="submit",
            covers=("issue", "analyse", "propose", "change-action", "drop-action", "submit"),
            on_refusal="returns",
            returns_to="returned",
            on_correction="touched",
            completes="approved",
            asks="submitted",
            source="I14",
        ),
    ),
    deadlines=(
        Deadline(
            id="actions",
            title=text("措施按期完成", "actions done in time"),
            starts="propose",
            item="actions",
            field="due",
            limit=Until(),
            stops=("complete-action", "drop-action", "cancel"),
            owner=(Named(by="owner"),),
            source="I14, KPI18",
        ),
        Deadline(
            id="verification",
            title=text("按计划验证", "verified as planned"),
            starts="submit",
            field="verify_until",
            limit=Until(),
            stops=("verify", "cancel"),
            owner=(QC,),
            mark="P",
            source="KPI18",
        ),
        Deadline(
            id="reply",
            title=text("按要求日期答复", "answered by the date asked for"),
            starts="issue",
            field="reply_until",
            limit=Until(),
            stops=("report", "cancel"),
            owner=(QC,),
            mark="P",
        ),
    ),
    links=(
        LinkRule(
            rel="resolves",
            title=text("解决", "resolves"),
            kinds=("complaint", "nonconformity", "management-review"),
            binding=True,
        ),
        LinkRule(rel="repeat-of", title=text("重复发生", "recurrence of"), kinds=("capa",)),
        LinkRule(rel="see-also", title=text("参见", "see also")),
    ),
    filing=Filing(states=("closed", "cancelled"), by=(QC, Office(function="adm"))),
    reopening=Reopening(states=("closed",), to="rework", by=(QC, MR, GM)),
    correcting=Correcting(by=(Author(), QC, ENG), locked=("closed", "cancelled")),
)
VERSIONS = (V1,)
