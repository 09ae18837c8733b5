"""客户投诉: a complaint from receipt to callback (seed M steps 1-4, P 3-level response, I-d).

Readings of the seeds, each marked P (SEEDS.md 9): the hour for contacting the customer runs from
the preliminary plan; 24/48/72 h run together from receipt, on top of the step limits; hours are
clock hours; a plan that the customer rejects has the two hours of the first one again.

Waiting for the customer stops what cannot go on without their word: contact, new plan, execution,
ladder. It does not stop the preliminary analysis (made from what is known), the feedback of a
result that we have, or the callback: those wait for nobody but us.
"""

from __future__ import annotations

from domain.kind import (
    AnyOf,
    Anyone,
    Author,
    Branch,
    Correcting,
    Deadline,
    Distribution,
    Field,
    Filing,
    Form,
    Guard,
    Heads,
    Holds,
    Hours,
    Is,
    Kind,
    Linked,
    LinkRule,
    Members,
    Named,
    Not,
    Office,
    Option,
    PauseReason,
    Present,
    Reopening,
    Role,
    State,
    Step,
    Systems,
    Taken,
    Until,
    WorkingDays,
    text,
)

CS = Office(function="cs")
QC = Office(function="qc")
SUPERVISOR = Role(role="supervisor")
TOP = (Role(role="gm"), Role(role="executive"))
DEPARTMENT = Members(of="transfer.department")
JOINT = Members(of="analyse.joint_departments")
SPOKESPERSON = Named(by="analyse.spokesperson")
HANDLERS = (DEPARTMENT, JOINT, SPOKESPERSON)

WORKING = ("transferred", "rejected", "analysed", "contacted", "executing", "solved", "fed-back")
OPEN = ("received", *WORKING, "reopened")

CHANNELS = (
    Option(id="phone", title=text("电话", "telephone")),
    Option(id="email", title=text("邮件", "e-mail")),
    Option(id="website", title=text("官网留言", "message on the website")),
    Option(id="online-service", title=text("在线客服", "online service")),
    Option(id="visit", title=text("当面", "in person")),
    Option(id="other", title=text("其他", "other")),
)
PRIORITIES = (
    Option(id="urgent", title=text("紧急", "urgent")),
    Option(id="important", title=text("重要", "important")),
    Option(id="normal", title=text("一般", "normal")),
)
COMPENSATED = Is(field="analyse.compensation", values=(True,))

RECEIVE = Step(
    id="receive",
    title=text("接收并记录投诉", "receive and record the complaint"),
    by=(Anyone(), Systems()),
    opens=True,
    to="received",
    source="M08",
    help=text(
        "收到后立即填写《客户投诉记录表》;发生时间填收到投诉的时间,24/48/72 小时由此起算。",
        "Fill in at once on receipt; the claimed time is when it came in; the ladder starts there.",
    ),
    form=Form(
        fields=(
            Field(
                id="customer",
                title=text("客户名称", "customer"),
                maximum=200,
                reference="customer",
                source="M08",
            ),
            Field(
                id="customer_class",
                title=text("客户等级", "class of customer"),
                type="choice",
                required=False,
                options=(
                    Option(id="strategic", title=text("战略客户", "strategic customer")),
                    Option(id="ordinary", title=text("普通客户", "ordinary customer")),
                ),
                source="M08 P19 P20",
            ),
            Field(
                id="contact_person",
                title=text("联系人", "contact person"),
                maximum=100,
                personal=True,
                source="M08",
            ),
            Field(
                id="phone",
                title=text("联系电话", "telephone"),
                required=False,
                maximum=60,
                personal=True,
                source="M08",
            ),
            Field(
                id="email",
                title=text("电子邮箱", "e-mail address"),
                required=False,
                maximum=254,
                personal=True,
                source="M08",
            ),
            Field(
                id="channel",
                title=text("投诉渠道", "channel"),
                type="choice",
                options=CHANNELS,
                source="M08 T14",
            ),
            Field(
                id="matter",
                title=text("投诉事由", "matter of the complaint"),
                maximum=500,
                source="M08",
            ),
            Field(id="description", title=text("问题描述", "description"), source="M08"),
            Field(
                id="happened_on",
                title=text("发生日期", "date of the problem"),
                type="date",
                required=False,
                source="M08",
            ),
            Field(
                id="place",
                title=text("发生地点", "place"),
                required=False,
                maximum=500,
                source="M08",
            ),
            Field(
                id="batch",
                title=text("产品批次", "product batch"),
                required=False,
                maximum=100,
                reference="batch",
                source="M08",
            ),
            Field(
                id="part",
                title=text("零件/产品编号", "part or product number"),
                required=False,
                maximum=100,
                reference="part",
                mark="P",
                source="IATF 10.2.6",
            ),
            Field(
                id="order",
                title=text("订单号", "order number"),
                required=False,
                maximum=100,
                reference="order",
                mark="P",
            ),
            Field(
                id="quantity",
                title=text("涉及数量", "quantity concerned"),
                type="integer",
                required=False,
                minimum=0,
                mark="P",
                source="M08 (example: 100台)",
            ),
            Field(id="demand", title=text("客户诉求", "what the customer asks"), source="M08"),
            Field(
                id="impact",
                title=text("影响范围", "scope of the impact"),
                required=False,
                source="M08",
            ),
            Field(
                id="priority",
                title=text("优先级", "priority"),
                type="choice",
                options=PRIORITIES,
                source="M08",
                help=text("按影响范围和客户等级评估", "By impact and class of customer"),
            ),
            Field(
                id="customer_case",
                title=text("客户投诉编号", "the customer's own number"),
                required=False,
                maximum=100,
                reference="case",
                mark="P",
                source="IATF 9.1.2.1",
            ),
            Field(
                id="product_safety",
                title=text("是否涉及产品安全", "does it touch product safety"),
                type="boolean",
                required=False,
                mark="P",
                source="IATF 4.4.1.2",
            ),
            Field(
                id="warranty",
                title=text("是否保修/售后失效件", "warranty or field failure"),
                type="boolean",
                required=False,
                mark="P",
                source="IATF 10.2.5 10.2.6",
            ),
            Field(
                id="evidence",
                title=text("照片、邮件等附件", "photographs, e-mails"),
                type="attachments",
                required=False,
                mark="P",
            ),
        )
    ),
)

PRIORITISE = Step(
    id="prioritise",
    title=text("调整优先级", "change the priority"),
    by=(CS, SUPERVISOR),
    start=OPEN,
    mark="P",
    source="M08",
    form=Form(
        fields=(
            Field(
                id="priority",
                title=text("优先级", "priority"),
                type="choice",
                options=PRIORITIES,
                source="M08",
            ),
            Field(id="reason", title=text("理由", "reason"), mark="P"),
        )
    ),
)

TRANSFER = Step(
    id="transfer",
    title=text("转责任部门", "transfer to the responsible department"),
    by=(CS, SUPERVISOR, Author()),
    start=("received", "transferred", "reopened"),
    to="transferred",
    distribute=Distribution(to=(Heads(of="department"),), acknowledge=True),
    source="M08 M09",
    form=Form(
        fields=(
            Field(
                id="department",
                title=text("责任部门", "responsible department"),
                type="department",
                source="M09",
            ),
            Field(
                id="note",
                title=text("转办说明", "note"),
                required=False,
                mark="P",
            ),
        )
    ),
)

EXTERNAL = Is(field="responsibility", values=("supplier", "logistics"))

ANALYSE = Step(
    id="analyse",
    title=text("初步分析与责任划分", "initial analysis and responsibility"),
    by=(DEPARTMENT,),
    start=("transferred", "rejected"),
    to="analysed",
    distribute=Distribution(
        to=(CS, Members(of="joint_departments"), Named(by="spokesperson")),
    ),
    source="M09",
    form=Form(
        fields=(
            Field(id="cause", title=text("问题原因", "cause"), source="M09"),
            Field(
                id="responsibility",
                title=text("责任归属", "responsibility"),
                type="choice",
                options=(
                    Option(id="internal", title=text("企业内部", "internal")),
                    Option(id="supplier", title=text("供应商", "supplier")),
                    Option(id="logistics", title=text("物流方", "logistics")),
                    Option(id="open", title=text("尚不能确定", "not yet known")),
                    Option(id="none", title=text("产品符合要求", "product conforms")),
                ),
                source="M09; the last two P",
            ),
            Field(
                id="responsible_department",
                title=text("内部责任部门", "department at fault"),
                type="department",
                when=Is(field="responsibility", values=("internal",)),
                source="M09",
            ),
            Field(
                id="responsible_party",
                title=text("供应商/物流方名称", "name of the supplier or carrier"),
                maximum=200,
                when=EXTERNAL,
                source="M09",
            ),
            Field(
                id="joint_departments",
                title=text("协同处理部门", "departments that handle it jointly"),
                type="departments",
                when=EXTERNAL,
                source="M09",
            ),
            Field(id="plan", title=text("初步处理方案", "preliminary plan"), source="M09"),
            Field(
                id="compensation",
                title=text("方案是否含赔偿", "does the plan compensate"),
                type="boolean",
                source="M09",
            ),
            Field(
                id="compensation_terms",
                title=text("赔偿内容", "what is offered"),
                when=Is(field="compensation", values=(True,)),
                source="M09",
            ),
            Field(
                id="compensation_amount",
                title=text("赔偿金额(元)", "amount in CNY"),
                type="decimal",
                required=False,
                minimum=0,
                when=Is(field="compensation", values=(True,)),
                source="M09",
            ),
            Field(
                id="spokesperson",
                title=text("联系客户的专人", "named person who speaks to the customer"),
                type="person",
                source="M10",
            ),
            Field(
                id="parts_expected",
                title=text("是否有退回件待分析", "will parts come back for analysis"),
                type="boolean",
                mark="P",
                source="IATF 10.2.6",
            ),
        )
    ),
)

CONTAIN = Step(
    id="contain",
    title=text("临时遏制措施", "containment"),
    by=(*HANDLERS, QC),
    start=OPEN,
    late=("closed",),
    mark="P",
    source="IATF 10.2.3 b, 8.7.1.6",
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
                id="shipped",
                title=text("可疑品是否已发出", "was suspect product shipped"),
                type="boolean",
                mark="P",
                source="IATF 8.7.1.6",
            ),
            Field(
                id="customer_notified_at",
                title=text("通知客户的时间", "when the customer was notified"),
                type="instant",
                when=Is(field="shipped", values=(True,)),
                mark="P",
                source="IATF 8.7.1.6",
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

INFORM_LEGAL = Step(
    id="inform-legal",
    title=text("赔偿方案同步法务", "inform legal of the compensation"),
    by=(*HANDLERS, CS),
    start=("analysed", "contacted", "executing"),
    guards=(
        Guard(
            needs=COMPENSATED,
            message=text(
                "方案不含赔偿,无需同步法务。", "The plan offers no compensation to tell legal of."
            ),
        ),
    ),
    distribute=Distribution(to=(Office(function="legal"),), acknowledge=True),
    source="M10",
    form=Form(
        fields=(
            Field(id="terms", title=text("赔偿方案", "terms"), source="M10"),
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

CONTACT = Step(
    id="contact",
    title=text("联系客户说明方案", "contact the customer with the plan"),
    by=(*HANDLERS, CS),
    start=("analysed", "contacted"),
    to="contacted",
    guards=(
        Guard(
            needs=AnyOf(of=(Not(of=COMPENSATED), Holds(rule="legal-knows-the-plan@1"))),
            message=text(
                "方案含赔偿,请先做“赔偿方案同步法务”,再联系客户。",
                "The plan compensates: inform legal first, then contact the customer.",
            ),
        ),
    ),
    source="M10",
    form=Form(
        fields=(
            Field(
                id="channel",
                title=text("联系方式", "channel"),
                type="choice",
                options=CHANNELS,
                mark="P",
            ),
            Field(
                id="spoken_to",
                title=text("对方联系人", "who was spoken to"),
                maximum=100,
                personal=True,
                mark="P",
            ),
            Field(
                id="causes_and_measures",
                title=text("说明的原因及已采取的措施", "cause and measures, as told"),
                source="M10",
            ),
            Field(
                id="plan",
                title=text("具体解决方案及时间节点", "concrete plan with its dates"),
                source="M10",
            ),
            Field(
                id="answer",
                title=text("客户当时的答复", "what the customer said"),
                required=False,
                mark="P",
            ),
        )
    ),
)

CONFIRM_PLAN = Step(
    id="confirm-plan",
    title=text("客户确认方案", "the customer confirms the plan"),
    by=(*HANDLERS, CS),
    start=("contacted",),
    to="executing",
    source="M10",
    form=Form(
        fields=(
            Field(
                id="confirmed_by",
                title=text("客户确认人", "who confirmed"),
                maximum=100,
                personal=True,
                source="M10",
            ),
            Field(
                id="agreed_until",
                title=text("约定完成时间", "agreed completion"),
                type="instant",
                source="M10 M11",
            ),
            Field(
                id="remarks",
                title=text("客户意见", "remarks"),
                required=False,
                mark="P",
            ),
            Field(
                id="evidence",
                title=text("确认凭证", "evidence of the confirmation"),
                type="attachments",
                required=False,
                mark="P",
            ),
        )
    ),
)

REJECT_PLAN = Step(
    id="reject-plan",
    title=text("客户不接受方案", "the customer rejects the plan"),
    by=(*HANDLERS, CS),
    start=("contacted",),
    to="rejected",
    distribute=Distribution(to=(Heads(of="transfer.department"), SUPERVISOR)),
    source="M10",
    form=Form(
        fields=(
            Field(id="reason", title=text("不接受的原因", "why"), source="M10"),
            Field(
                id="demand",
                title=text("客户新的诉求", "what the customer asks now"),
                required=False,
                mark="P",
            ),
        )
    ),
)

UPDATE = Step(
    id="update",
    title=text("执行进展", "execution update"),
    by=(*HANDLERS, Office(function="logistics"), Office(function="prod"), CS, Systems()),
    start=("executing",),
    late=("solved", "fed-back", "closed"),
    source="M11",
    form=Form(
        fields=(
            Field(
                id="type",
                title=text("类别", "sort"),
                type="choice",
                options=(
                    Option(id="shipping", title=text("发货信息(实时)", "shipping")),
                    Option(id="production", title=text("生产进度(每日)", "production")),
                    Option(id="other", title=text("其他", "other")),
                ),
                source="M11",
            ),
            Field(id="progress", title=text("进展", "progress"), source="M11"),
            Field(
                id="tracking_number",
                title=text("物流单号", "tracking number"),
                required=False,
                maximum=100,
                reference="case",
                source="M11 M12",
            ),
            Field(
                id="expected_at",
                title=text("预计完成时间", "expected completion"),
                type="instant",
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

ROOT_CAUSE = Step(
    id="root-cause",
    title=text("根本原因分析", "root cause analysis"),
    by=(*HANDLERS, QC, Office(function="eng")),
    start=(*WORKING, "reopened"),
    late=("closed",),
    mark="P",
    source="IATF 10.2.3 c-d, 10.2.6",
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
                    Option(id="other", title=text("其他", "other")),
                ),
                mark="P",
                source="IATF 10.2.3 c",
            ),
            Field(id="root_cause", title=text("根本原因", "root cause"), mark="P"),
            Field(
                id="evidence",
                title=text("分析证据", "evidence of the analysis"),
                type="attachments",
                mark="P",
                source="IATF 10.2.3 c",
            ),
            Field(
                id="similar_affected",
                title=text(
                    "类似过程和产品是否受影响", "are similar processes and products affected"
                ),
                type="boolean",
                mark="P",
                source="IATF 10.2.3 d",
            ),
            Field(
                id="similar",
                title=text("类似过程的检查结果", "what the look at similar ones found"),
                mark="P",
                source="IATF 10.2.3 d",
            ),
        )
    ),
)

RETURNED_PART = Step(
    id="returned-part",
    title=text("退回件分析", "analysis of returned parts"),
    by=(*HANDLERS, QC, Office(function="eng")),
    start=(*WORKING, "reopened"),
    late=("closed",),
    mark="P",
    source="IATF 10.2.6",
    form=Form(
        fields=(
            Field(
                id="arrived_on",
                title=text("退回件到达日期", "arrived on"),
                type="date",
                mark="P",
            ),
            Field(
                id="quantity",
                title=text("退回数量", "quantity"),
                type="integer",
                minimum=0,
                mark="P",
            ),
            Field(id="tests", title=text("检测项目和方法", "tests made"), mark="P"),
            Field(id="findings", title=text("分析结果", "findings"), mark="P"),
            Field(
                id="told_customer",
                title=text("结果是否已告知客户", "was the customer told the result"),
                type="boolean",
                mark="P",
            ),
            Field(
                id="report",
                title=text("检测报告", "test report"),
                type="attachments",
                mark="P",
            ),
        )
    ),
)

SOLVE = Step(
    id="solve",
    title=text("问题已解决", "the problem is solved"),
    by=HANDLERS,
    start=("executing",),
    to="solved",
    source="M11 M12",
    form=Form(
        fields=(Field(id="result", title=text("解决情况", "how it was solved"), source="M12"),)
    ),
)

FEED_BACK = Step(
    id="feed-back",
    title=text("向客户反馈结果", "tell the customer the result"),
    by=HANDLERS,
    start=("solved",),
    to="fed-back",
    guards=(
        Guard(
            needs=AnyOf(of=(Present(field="tracking_number"), Present(field="evidence"))),
            message=text(
                "请附处理结果的证据:物流单号,或检测报告等附件。",
                "Give evidence of the result: a tracking number, or a file such as a test report.",
            ),
        ),
    ),
    distribute=Distribution(to=(CS,)),
    source="M12",
    form=Form(
        fields=(
            Field(id="result", title=text("处理结果", "result"), source="M12"),
            Field(
                id="told_to",
                title=text("反馈给谁", "who was told"),
                maximum=100,
                personal=True,
                mark="P",
            ),
            Field(
                id="channel",
                title=text("反馈方式", "channel"),
                type="choice",
                options=CHANNELS,
                mark="P",
            ),
            Field(
                id="tracking_number",
                title=text("物流单号", "tracking number"),
                required=False,
                maximum=100,
                reference="case",
                source="M12",
            ),
            Field(
                id="evidence",
                title=text("检测报告等证据", "evidence, such as the test report"),
                type="attachments",
                required=False,
                source="M12",
            ),
        )
    ),
)

CALL_BACK = Step(
    id="call-back",
    title=text("满意度回访", "satisfaction callback"),
    by=(CS,),
    start=("fed-back",),
    to=(
        Branch(to="reopened", when=Is(field="satisfaction", values=("dissatisfied",))),
        Branch(to="closed"),
    ),
    source="M13; reopened on 不满意 P",
    form=Form(
        fields=(
            Field(
                id="satisfaction",
                title=text("对处理结果的满意度", "satisfaction with the result"),
                type="choice",
                options=(
                    Option(id="very-satisfied", title=text("非常满意", "very satisfied")),
                    Option(id="satisfied", title=text("满意", "satisfied")),
                    Option(id="fair", title=text("一般", "fair")),
                    Option(id="dissatisfied", title=text("不满意", "dissatisfied")),
                ),
                source="M13",
            ),
            Field(
                id="remarks",
                title=text("客户意见", "customer's remarks"),
                required=False,
                source="M13",
            ),
            Field(
                id="spoken_to",
                title=text("受访人", "who answered"),
                required=False,
                maximum=100,
                personal=True,
                mark="P",
            ),
        )
    ),
)

CALLBACK_ATTEMPT = Step(
    id="callback-attempt",
    title=text("回访未接通", "callback without an answer"),
    by=(CS,),
    start=("fed-back",),
    mark="P",
    source="M13, KPI03 (response rate)",
    form=Form(
        fields=(Field(id="note", title=text("说明", "what was tried"), mark="P"),),
    ),
)

CLOSE_UNANSWERED = Step(
    id="close-unanswered",
    title=text("无法回访而结案", "close without an answer to the callback"),
    by=(SUPERVISOR, Heads()),
    start=("fed-back",),
    to="closed",
    guards=(
        Guard(
            needs=Taken(step="callback-attempt"),
            message=text(
                "请先登记至少一次未接通的回访。",
                "Record at least one callback that was not answered first.",
            ),
        ),
    ),
    mark="P",
    source="M13",
    form=Form(fields=(Field(id="reason", title=text("理由", "reason"), mark="P"),)),
)

WITHDRAW = Step(
    id="withdraw",
    title=text("撤销投诉", "the complaint is withdrawn"),
    by=(CS, SUPERVISOR),
    start=OPEN,
    to="withdrawn",
    mark="P",
    form=Form(
        fields=(
            Field(
                id="why",
                title=text("撤销情形", "why"),
                type="choice",
                options=(
                    Option(id="customer", title=text("客户撤回", "by the customer")),
                    Option(id="duplicate", title=text("重复登记", "recorded twice")),
                    Option(id="mistaken", title=text("误登记", "recorded by mistake")),
                ),
                mark="P",
            ),
            Field(id="reason", title=text("说明", "explanation"), mark="P"),
        )
    ),
)


def _respond(level: int, zh: str, en: str, by: tuple[Role | Office | Heads, ...]) -> Step:
    """A level of the ladder answers (P21): 一线客服响应, 主管协调, 高层反馈."""
    return Step(
        id=f"respond-l{level}",
        title=text(zh, en=en),
        by=by,
        start=OPEN,
        late=("closed",),
        source="P21",
        form=Form(
            fields=(
                Field(id="answer", title=text("响应内容", "answer"), source="P21"),
                Field(
                    id="measures",
                    title=text("协调事项和措施", "what was arranged"),
                    required=False,
                    source="P21",
                ),
                Field(
                    id="told_customer",
                    title=text("是否已告知客户", "was the customer told"),
                    type="boolean",
                    mark="P",
                ),
            )
        ),
    )


CLOSING = ("solve", "feed-back", "call-back", "close-unanswered", "withdraw")


def _ladder() -> tuple[Deadline, ...]:
    """P21 on top of M's step limits (SEEDS.md 9.3), together from receipt (9.2).

    A dissatisfied customer at the callback is heard as if the complaint had come in again [P].
    An answer of a higher level answers for the lower; what is solved escalates no further.
    """
    owners = ((CS,), (SUPERVISOR, Heads()), TOP)
    names = (("一线客服", "front line"), ("主管", "supervisor"), ("高层", "top management"))
    again = Is(field="satisfaction", values=("dissatisfied",))
    return tuple(
        Deadline(
            id=f"{prefix}l{level}",
            title=text(
                f"{level} 级响应({names[level - 1][0]}){'(重新打开后)' if prefix else ''}",
                f"level {level} response ({names[level - 1][1]}){', again' if prefix else ''}",
            ),
            starts=starts,
            when=when,
            limit=Hours(n=24 * level),
            stops=(
                *(f"respond-l{n}" for n in range(level, 4)),
                *(("contact",) if level == 1 else ()),
                *CLOSING,
            ),
            owner=owners[level - 1],
            level=level,
            mark="P" if prefix else "S",
            source="P21; from receipt and together P (9.2)",
        )
        for prefix, starts, when in (("", "receive", None), ("again-", "call-back", again))
        for level in (1, 2, 3)
    )


DEADLINES = (
    Deadline(
        id="analysis",
        title=text("2 小时内完成初步分析", "analysis within 2 hours"),
        starts="transfer",
        limit=Hours(n=2),
        stops=("analyse", "withdraw"),
        owner=(Heads(of="transfer.department"),),
        source="M09",
    ),
    Deadline(
        id="new-plan",
        title=text("2 小时内提出新方案", "a new plan within 2 hours"),
        starts="reject-plan",
        limit=Hours(n=2),
        stops=("analyse", "withdraw"),
        owner=(Heads(of="transfer.department"),),
        mark="P",
        source="M09 read again",
    ),
    Deadline(
        id="contact",
        title=text("1 小时内联系客户", "customer contacted within 1 hour"),
        starts="analyse",
        limit=Hours(n=1),
        stops=("contact", "withdraw"),
        owner=(SPOKESPERSON,),
        source="M10; from the preliminary plan P (9.1)",
    ),
    Deadline(
        id="first-update",
        title=text("每日同步执行进展(首次)", "first daily update"),
        starts="confirm-plan",
        limit=WorkingDays(n=1),
        stops=("update", "solve", "withdraw"),
        owner=(SPOKESPERSON,),
        source="M11; on working days P",
    ),
    Deadline(
        id="next-update",
        title=text("每日同步执行进展", "daily update"),
        starts="update",
        limit=WorkingDays(n=1),
        stops=("update", "solve", "withdraw"),
        owner=(SPOKESPERSON,),
        source="M11; on working days P",
    ),
    Deadline(
        id="plan",
        title=text("按约定时间完成", "done by the agreed time"),
        starts="confirm-plan",
        field="agreed_until",
        limit=Until(),
        stops=("solve", "withdraw"),
        owner=(Heads(of="transfer.department"), SPOKESPERSON),
        source="M11",
    ),
    Deadline(
        id="feedback",
        title=text("解决后 24 小时内反馈结果", "result told within 24 hours"),
        starts="solve",
        limit=Hours(n=24),
        stops=("feed-back", "withdraw"),
        owner=(Heads(of="transfer.department"), SPOKESPERSON),
        source="M12",
    ),
    Deadline(
        id="callback",
        title=text("3 个工作日内回访", "callback within 3 working days"),
        starts="feed-back",
        limit=WorkingDays(n=3),
        stops=("call-back", "close-unanswered", "withdraw"),
        owner=(CS,),
        source="M13",
    ),
    *_ladder(),
)

PAUSES = (
    PauseReason(
        id="waiting-for-customer",
        title=text("等待客户", "waiting for the customer"),
        clocks=(
            "new-plan",
            "contact",
            "first-update",
            "next-update",
            "plan",
            *(d.id for d in DEADLINES if d.level is not None),
        ),
        by=(*HANDLERS, CS),
    ),
    PauseReason(
        id="waiting-for-returned-part",
        title=text("等待退回件", "waiting for the returned part"),
        clocks=("analysis",),
        by=(*HANDLERS, QC),
    ),
)

WITHDRAWN = Taken(step="withdraw")

V1 = Kind(
    id="complaint",
    version=1,
    title=text("客户投诉", "customer complaint"),
    prefix="KS",
    seeds=("M08", "M09", "M10", "M11", "M12", "M13", "P21", "I20"),
    clauses=(
        "ISO 9001:2015 8.2.1 c",
        "IATF 16949:2016 8.7.1.6",
        "ISO 9001:2015 9.1.2",
        "IATF 16949:2016 9.1.2.1",
        "ISO 9001:2015 10.2.1",
        "IATF 16949:2016 10.2.3",
        "IATF 16949:2016 10.2.6",
    ),
    retention="communication",
    subject=("customer", "matter"),
    confidential=True,
    entitled=(
        CS,
        QC,
        DEPARTMENT,
        JOINT,
        Members(of="analyse.responsible_department"),
        SUPERVISOR,
        *TOP,
        Role(role="mr"),
        Role(role="auditor"),
        Office(function="adm"),
    ),
    states=(
        State(id="received", title=text("已记录", "received and recorded")),
        State(id="transferred", title=text("已转责任部门", "with the department")),
        State(id="rejected", title=text("方案被拒", "plan rejected")),
        State(id="analysed", title=text("已分析", "analysed, plan drafted")),
        State(id="contacted", title=text("已联系客户", "customer contacted")),
        State(id="executing", title=text("执行中", "plan confirmed, executing")),
        State(id="solved", title=text("已解决", "solved")),
        State(id="fed-back", title=text("已反馈", "result fed back")),
        State(id="reopened", title=text("重新打开", "reopened")),
        State(id="closed", title=text("已结案", "closed"), final=True),
        State(id="withdrawn", title=text("已撤销", "withdrawn"), final=True),
    ),
    steps=(
        RECEIVE,
        PRIORITISE,
        TRANSFER,
        ANALYSE,
        CONTAIN,
        INFORM_LEGAL,
        CONTACT,
        CONFIRM_PLAN,
        REJECT_PLAN,
        UPDATE,
        ROOT_CAUSE,
        RETURNED_PART,
        SOLVE,
        FEED_BACK,
        CALLBACK_ATTEMPT,
        CALL_BACK,
        CLOSE_UNANSWERED,
        WITHDRAW,
        _respond(1, "一线客服响应", "front-line response", (CS,)),
        _respond(2, "主管协调", "coordination by the supervisor", (SUPERVISOR, Heads())),
        _respond(3, "高层反馈", "answer of top management", TOP),
    ),
    deadlines=DEADLINES,
    pauses=PAUSES,
    links=(
        LinkRule(
            rel="repeat-of",
            title=text("重复投诉", "repeats an earlier complaint"),
            kinds=("complaint",),
        ),
        LinkRule(rel="see-also", title=text("参见", "see also")),
    ),
    filing=Filing(
        states=("closed", "withdrawn"),
        by=(CS, Office(function="adm")),
        guards=(
            Guard(
                needs=AnyOf(
                    of=(
                        WITHDRAWN,
                        Taken(step="root-cause", lately=False),
                        Linked(rel="resolves", incoming=True, kind="capa"),
                    )
                ),
                message=text(
                    "归档前须有根本原因分析(方法和证据),或关联的纠正和预防措施(IATF 10.2.3)。",
                    "Before filing, record the root cause (method and evidence) or link the CAPA "
                    "that resolves it (IATF 10.2.3).",
                ),
            ),
            Guard(
                needs=AnyOf(
                    of=(
                        WITHDRAWN,
                        Not(of=Is(field="analyse.parts_expected", values=(True,))),
                        Taken(step="returned-part", lately=False),
                    )
                ),
                message=text(
                    "归档前须完成退回件分析(IATF 10.2.6),或更正“是否有退回件待分析”。",
                    "Before filing, record the analysis of the returned parts (IATF 10.2.6), "
                    "or correct that parts were expected.",
                ),
            ),
        ),
    ),
    reopening=Reopening(
        states=("closed", "withdrawn"), to="reopened", by=(CS, SUPERVISOR, Role(role="mr"))
    ),
    correcting=Correcting(by=(Author(), CS, Heads()), locked=("closed", "withdrawn")),
)
VERSIONS = (V1,)
