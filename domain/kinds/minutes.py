"""会议纪要: notice of a meeting, its minutes, their signature, distribution and action items.

The signers are the heads of the departments that took part, frozen by name for each edition.
Where the seeds are silent (template 3 is not in the file) a field is ours: mark P.
"""

from domain.kind import (
    AnyOf,
    Author,
    Collection,
    Correcting,
    Deadline,
    Distribution,
    Field,
    Filing,
    Form,
    Guard,
    Heads,
    Is,
    Items,
    Kind,
    LinkRule,
    Members,
    Named,
    Not,
    Office,
    Option,
    Reopening,
    SignedOff,
    Slot,
    State,
    Step,
    Until,
    WorkingDays,
    text,
)

TYPES = (
    Option(id="company", title=text("公司级会议", "company meeting")),
    Option(id="department", title=text("部门级会议", "department meeting")),
    Option(id="cross-department", title=text("跨部门专题会", "cross-department meeting")),
    Option(id="kick-off", title=text("项目启动会", "kick-off meeting")),
    Option(id="business-review", title=text("经营分析会", "business review")),
    Option(id="staff-meeting", title=text("员工沟通会", "staff meeting")),
    Option(id="round-table", title=text("员工座谈会", "staff round table")),
    Option(id="stand-up", title=text("日站会", "daily stand-up")),
    Option(id="coordination", title=text("跨部门协调会议", "coordination meeting")),
    Option(id="retrospective", title=text("机制复盘会、研讨会", "retrospective or workshop")),
    Option(id="partner", title=text("供应商或合作伙伴会议", "supplier or partner meeting")),
)
ACROSS = ("kick-off", "cross-department", "coordination", "company", "business-review", "partner")
"""Meetings that bind several departments: their heads sign (M03). Others are only sent (T04)."""

TYPE = Field(
    id="type", title=text("会议类型", "type of meeting"), type="choice", options=TYPES, source="T01"
)
TOPIC = Field(id="topic", title=text("主题", "topic"), maximum=200, source="T03 P40")
GOAL = Field(id="goal", title=text("目标", "goal"), maximum=2000, source="P09 P40")
DEPARTMENTS = Field(
    id="departments",
    title=text("参加部门", "departments taking part"),
    type="departments",
    source="M03",
    help=text("由这些部门的负责人签字确认。", "The heads of these departments sign."),
)
PARTICIPANTS = Field(
    id="participants", title=text("参会人员", "participants"), type="people", source="T03"
)
CHAIR = Field(id="chair", title=text("主持人", "chair"), type="person", source="T01 T02 I04")
PLACE = Field(
    id="place",
    title=text("地点或线上会议", "place or online meeting"),
    required=False,
    maximum=200,
    mark="P",
    source="M02",
)
PROJECT = Field(
    id="project",
    title=text("所属项目", "project"),
    required=False,
    maximum=100,
    reference="project",
    mark="P",
    source="M02",
)

NOTICE = Form(
    fields=(
        TYPE,
        TOPIC,
        GOAL,
        Field(id="agenda", title=text("议程", "agenda"), source="T03 I21"),
        Field(id="starts_at", title=text("开会时间", "time"), type="instant", source="T03"),
        PLACE,
        CHAIR,
        DEPARTMENTS,
        PARTICIPANTS,
        PROJECT,
    )
)

ACTION = (
    Field(id="task", title=text("任务", "task"), maximum=2000, source="T04"),
    Field(id="owner", title=text("责任人", "owner"), type="person", source="T04"),
    Field(id="due", title=text("完成时间", "due date"), type="date", source="T04"),
    Field(
        id="standard",
        title=text("完成标准", "how we know it is done"),
        required=False,
        maximum=2000,
        mark="P",
        source="T06",
    ),
)

MINUTES = Form(
    fields=(
        TYPE,
        TOPIC,
        GOAL,
        Field(
            id="held_at", title=text("会议时间", "held at"), type="instant", mark="P", source="S09"
        ),
        PLACE,
        CHAIR,
        DEPARTMENTS,
        PARTICIPANTS,
        Field(
            id="absent",
            title=text("缺席人员", "absent"),
            type="people",
            required=False,
            mark="P",
            source="S09",
        ),
        Field(
            id="outside",
            title=text("外部参会人员", "participants from outside"),
            when=Is(field="type", values=("partner",)),
            personal=True,
            source="P22 P23",
        ),
        Field(
            id="partner",
            title=text("供应商或合作伙伴", "supplier or partner"),
            when=Is(field="type", values=("partner",)),
            maximum=200,
            source="P22 P23",
        ),
        Field(
            id="agenda",
            title=text("议程", "agenda"),
            required=False,
            source="T03 I21",
        ),
        Field(id="discussion", title=text("会议内容", "discussion"), mark="P", source="S09"),
        Field(id="decisions", title=text("决定事项", "decisions"), source="T01 I04"),
        Field(
            id="duties",
            title=text("各部门具体职责", "duties of each department"),
            type="rows",
            required=False,
            when=Is(field="type", values=ACROSS),
            rows=(
                Field(id="department", title=text("部门", "department"), type="department"),
                Field(id="duty", title=text("职责", "duty"), maximum=2000),
            ),
            source="M02 M03 T08",
        ),
        Field(
            id="milestones",
            title=text("关键里程碑节点", "key milestones"),
            type="rows",
            required=False,
            when=Is(field="type", values=ACROSS),
            rows=(
                Field(id="name", title=text("节点", "milestone"), maximum=200),
                Field(id="due", title=text("日期", "date"), type="date"),
                Field(id="department", title=text("部门", "department"), type="department"),
            ),
            source="M02 M03",
        ),
        Field(
            id="mechanism",
            title=text("沟通机制", "communication mechanism"),
            when=Is(field="type", values=("kick-off",)),
            source="M02",
            help=text(
                "例如:每周五下午项目群同步进度,紧急事项电话沟通。",
                "For example: progress every Friday afternoon; urgent matters by phone.",
            ),
        ),
        Field(
            id="problems",
            title=text("问题与措施", "problems and measures"),
            type="rows",
            required=False,
            rows=(
                Field(id="pain", title=text("痛点", "pain point"), maximum=2000),
                Field(id="cause", title=text("原因", "cause"), maximum=2000),
                Field(id="impact", title=text("影响", "impact"), maximum=2000),
                Field(id="measure", title=text("措施", "measure"), required=False, maximum=2000),
            ),
            source="P05 P10 P31",
        ),
        Field(
            id="actions",
            title=text("任务分工和时间节点", "action items"),
            type="rows",
            required=False,
            rows=ACTION,
            collection="actions",
            source="T04 P07",
        ),
        Field(
            id="copied",
            title=text("抄送", "copied to"),
            type="people",
            required=False,
            source="T04 I21",
        ),
        PROJECT,
        Field(
            id="attachments",
            title=text("附件", "attachments"),
            type="attachments",
            required=False,
            mark="P",
        ),
    )
)

WRITERS = (Author(), Named(by="draft.chair"), Named(by="minute.chair"), Named(by="announce.chair"))
SIGNERS = (Heads(of="draft.departments"), Heads(of="minute.departments"))
RECEIVERS = (
    *SIGNERS,
    Named(by="draft.participants"),
    Named(by="draft.copied"),
    Named(by="minute.participants"),
    Named(by="minute.copied"),
)
BINDING_TYPE = AnyOf(
    of=(Is(field="draft.type", values=ACROSS), Is(field="minute.type", values=ACROSS))
)

STATES = (
    State(id="announced", title=text("已通知", "announced")),
    State(id="draft", title=text("草稿", "draft")),
    State(id="issued", title=text("待签字", "issued for signature")),
    State(id="partly-signed", title=text("部分已签", "partly signed")),
    State(id="returned", title=text("退回修改", "returned")),
    State(id="signed", title=text("全部已签", "fully signed")),
    State(id="distributed", title=text("已分发", "distributed"), final=True),
    State(id="cancelled", title=text("会议取消", "cancelled"), final=True),
)

STEPS = (
    Step(
        id="announce",
        title=text("会议通知", "announce the meeting"),
        form=NOTICE,
        by=(Members(), Heads()),
        opens=True,
        to="announced",
        distribute=Distribution(
            to=(Named(by="participants"), Named(by="chair"), Heads(of="departments")),
            acknowledge=True,
        ),
        source="T03",
    ),
    Step(
        id="minute",
        title=text("整理已通知会议的纪要", "write the minutes of the announced meeting"),
        form=MINUTES,
        by=(Members(), *WRITERS, Named(by="announce.participants")),
        start=("announced",),
        to="draft",
        source="M02 M03 I21",
    ),
    Step(
        id="cancel",
        title=text("取消会议", "cancel the meeting"),
        form=Form(fields=(Field(id="reason", title=text("原因", "reason"), mark="P"),)),
        by=WRITERS,
        start=("announced",),
        to="cancelled",
        distribute=Distribution(to=(Named(by="announce.participants"),)),
        mark="P",
    ),
    Step(
        id="draft",
        title=text("整理会议纪要", "write the minutes"),
        form=MINUTES,
        by=(Members(), Heads()),
        opens=True,
        to="draft",
        source="M03 T04 I11 I21",
    ),
    Step(
        id="issue",
        title=text("提交各部门负责人签字", "issue for the heads' signatures"),
        by=WRITERS,
        start=("draft",),
        to="issued",
        source="M03",
    ),
    Step(
        id="revise",
        title=text("处理退回意见", "answer the refusal"),
        form=Form(
            fields=(
                Field(
                    id="answer",
                    title=text("如何处理退回意见", "how the refusal was dealt with"),
                    mark="P",
                    help=text(
                        "纪要内容的修改请用“更正”,然后重新提交签字。",
                        "Change the minutes by a correction, then issue them again.",
                    ),
                ),
            )
        ),
        by=WRITERS,
        start=("returned",),
        to="draft",
        new_edition=True,
        mark="P",
        source="9.8",
    ),
    Step(
        id="distribute",
        title=text("分发存档", "distribute"),
        by=(*WRITERS, Office(function="adm")),
        start=("signed",),
        to="distributed",
        guards=(
            Guard(
                needs=SignedOff(slot="heads"),
                message=text(
                    "各部门负责人尚未全部签字,不能分发。",
                    "Not every department head has signed this edition yet.",
                ),
            ),
        ),
        distribute=Distribution(to=RECEIVERS, acknowledge=True),
        source="M03",
    ),
    Step(
        id="send",
        title=text("直接分发(无须会签)", "send without signatures"),
        by=WRITERS,
        start=("draft",),
        to="distributed",
        guards=(
            Guard(
                needs=Not(of=BINDING_TYPE),
                message=text(
                    "跨部门会议的纪要须由各部门负责人签字确认,请提交签字。",
                    "Minutes that bind several departments are signed by their heads: issue them.",
                ),
            ),
        ),
        distribute=Distribution(to=RECEIVERS, acknowledge=True),
        source="T04 I21",
    ),
    Step(
        id="add-action",
        title=text("补充任务", "add an action item"),
        form=Form(fields=ACTION),
        by=WRITERS,
        start=("distributed",),
        adds_item="actions",
        distribute=Distribution(to=(Named(by="owner"),), acknowledge=True),
        mark="P",
        source="P07",
    ),
    Step(
        id="complete-action",
        title=text("完成任务", "complete an action"),
        form=Form(
            fields=(
                Field(id="result", title=text("结果", "result"), mark="P"),
                Field(
                    id="evidence",
                    title=text("证据", "evidence"),
                    type="attachments",
                    required=False,
                    mark="P",
                ),
            )
        ),
        by=(Named(by="owner"), *WRITERS),
        item="actions",
        start=("open",),
        to="done",
        source="P07",
    ),
    Step(
        id="cancel-action",
        title=text("取消任务", "cancel an action"),
        form=Form(fields=(Field(id="reason", title=text("原因", "reason"), mark="P"),)),
        by=WRITERS,
        item="actions",
        start=("open",),
        to="cancelled",
        mark="P",
    ),
    Step(
        id="resume-action",
        title=text("重新打开任务", "reopen an action"),
        form=Form(fields=(Field(id="reason", title=text("原因", "reason"), mark="P"),)),
        by=WRITERS,
        item="actions",
        start=("done", "cancelled"),
        to="open",
        mark="P",
    ),
)

DEADLINES = (
    Deadline(
        id="minutes-due",
        title=text("会后及时整理纪要", "minutes soon after the meeting"),
        starts="announce",
        field="starts_at",
        limit=WorkingDays(n=1),
        stops=("minute", "cancel"),
        owner=(Author(), Named(by="announce.chair")),
        mark="P",
        source="T04 I21",
    ),
    Deadline(
        id="issue-due",
        title=text("会后及时提交签字或分发", "issued or sent soon after the meeting"),
        starts="draft",
        field="held_at",
        limit=WorkingDays(n=2),
        stops=("issue", "send"),
        owner=(Author(),),
        mark="P",
        source="M03 I21",
    ),
    Deadline(
        id="announced-issue-due",
        title=text("会后及时提交签字或分发", "issued or sent soon after the announced meeting"),
        starts="minute",
        field="held_at",
        limit=WorkingDays(n=2),
        stops=("issue", "send"),
        owner=(Author(),),
        mark="P",
        source="M03 I21",
    ),
    Deadline(
        id="signing-due",
        title=text("签字确认并分发", "signed and distributed"),
        starts="issue",
        limit=WorkingDays(n=3),
        stops=("distribute", "revise"),
        owner=SIGNERS,
        mark="P",
        source="M03 KPI14",
    ),
    Deadline(
        id="action-due",
        title=text("任务完成时间", "action due"),
        starts="draft",
        field="due",
        limit=Until(),
        stops=("complete-action", "cancel-action"),
        item="actions",
        owner=(Named(by="owner"),),
        source="T04",
    ),
)

VERSIONS = (
    Kind(
        id="minutes",
        version=1,
        title=text("会议纪要", "meeting minutes"),
        prefix="JY",
        seeds=(
            "M02",
            "M03",
            "T01",
            "T02",
            "T03",
            "T04",
            "T08",
            "P05",
            "P07",
            "P08",
            "P09",
            "P10",
            "P11",
            "P17",
            "P22",
            "P23",
            "P31",
            "I04",
            "I11",
            "I21",
        ),
        clauses=("7.4", "7.5.2", "7.5.3.2", "9.3.3"),
        retention="communication",
        subject=("topic",),
        confidential_when=AnyOf(
            of=(
                Is(field="announce.type", values=("partner",)),
                Is(field="draft.type", values=("partner",)),
                Is(field="minute.type", values=("partner",)),
            )
        ),
        entitled=(Office(function="pur"), Office(function="bd"), Heads()),
        states=STATES,
        steps=STEPS,
        collections=(
            Collection(
                id="actions",
                title=text("任务", "action items"),
                states=(
                    State(id="open", title=text("进行中", "open")),
                    State(id="done", title=text("已完成", "done"), final=True),
                    State(id="cancelled", title=text("已取消", "cancelled"), final=True),
                ),
                initial="open",
                label="task",
                owner="owner",
                due="due",
            ),
        ),
        slots=(
            Slot(
                id="heads",
                title=text("各部门负责人签字确认", "signed by each department head"),
                meaning="confirms",
                signers=SIGNERS,
                opened_by="issue",
                covers=("draft", "minute"),
                on_refusal="returns",
                returns_to="returned",
                on_correction="touched",
                asks="issued",
                partly="partly-signed",
                completes="signed",
                source="M03 9.8",
            ),
        ),
        deadlines=DEADLINES,
        links=(
            LinkRule(rel="follows", title=text("上次会议", "follows"), kinds=("minutes",)),
            LinkRule(rel="about", title=text("议题记录", "about")),
            LinkRule(rel="see-also", title=text("参见", "see also")),
        ),
        filing=Filing(
            states=("distributed", "cancelled"),
            by=(Office(function="adm"),),
            guards=(
                Guard(
                    needs=Items(collection="actions", states=("done", "cancelled")),
                    message=text(
                        "还有未完成的任务,请先完成或取消。",
                        "Some action items are still open: complete or cancel them first.",
                    ),
                ),
            ),
        ),
        reopening=Reopening(by=(Office(function="adm"),)),
        correcting=Correcting(by=(*WRITERS, Heads()), locked=("cancelled",)),
    ),
)
