"""跨部门协作申请 (template 1): what a project wants of other departments, and its kick-off."""

from domain.kind import (
    Author,
    CalendarDays,
    Correcting,
    Deadline,
    Distribution,
    Field,
    Filing,
    Form,
    Heads,
    Is,
    Kind,
    LinkRule,
    Members,
    Named,
    Office,
    Option,
    Reopening,
    State,
    Step,
    WorkingDays,
    text,
)

MILESTONE = (
    Field(id="name", title=text("节点", "milestone"), maximum=200),
    Field(id="due", title=text("日期", "date"), type="date"),
    Field(id="department", title=text("负责部门", "department"), type="department"),
)

REQUEST = Form(
    fields=(
        Field(
            id="project",
            title=text("项目名称", "project"),
            maximum=100,
            reference="project",
            source="M01",
        ),
        Field(id="goal", title=text("项目目标", "goal"), source="M01"),
        Field(id="content", title=text("核心内容", "core content"), source="M01"),
        Field(
            id="departments",
            title=text("协作部门", "cooperating departments"),
            type="departments",
            source="M01",
        ),
        Field(
            id="starts_on",
            title=text("开始日期", "starts on"),
            type="date",
            mark="P",
            source="M01",
        ),
        Field(
            id="period_days",
            title=text("项目周期(天)", "project period (days)"),
            type="integer",
            minimum=1,
            maximum=3660,
            source="M01",
        ),
        Field(
            id="milestones",
            title=text("时间节点", "time nodes"),
            type="rows",
            rows=MILESTONE,
            source="M01",
        ),
        Field(
            id="people",
            title=text("所需人力", "people needed"),
            type="rows",
            required=False,
            rows=(
                Field(id="department", title=text("部门", "department"), type="department"),
                Field(
                    id="number",
                    title=text("人数", "number of people"),
                    type="integer",
                    minimum=1,
                    maximum=10_000,
                ),
                Field(id="task", title=text("工作内容", "work"), required=False, maximum=2000),
            ),
            source="M01",
        ),
        Field(
            id="budget",
            title=text("预算(元)", "budget (CNY)"),
            type="decimal",
            required=False,
            minimum=0,
            source="M01",
            help=text("例如 20000.00", "For example 20000.00"),
        ),
        Field(
            id="equipment",
            title=text("所需设备", "equipment needed"),
            required=False,
            maximum=2000,
            source="M01",
        ),
        Field(id="result", title=text("预期成果", "expected result"), source="M01"),
        Field(
            id="responsible",
            title=text("项目负责人", "responsible person"),
            type="person",
            mark="P",
            source="P40",
        ),
        Field(
            id="attachments",
            title=text("附件", "attachments"),
            type="attachments",
            required=False,
            mark="P",
        ),
    )
)

OWN = (Author(), Named(by="draft.responsible"), Heads())
PARTNERS = (Heads(of="draft.departments"),)

STEPS = (
    Step(
        id="draft",
        title=text("填写协作申请表", "draft the request"),
        form=REQUEST,
        by=(Members(), Heads()),
        opens=True,
        to="drafted",
        source="M01",
    ),
    Step(
        id="issue",
        title=text("发起", "issue"),
        by=OWN,
        start=("drafted",),
        to="issued",
        source="M01",
    ),
    Step(
        id="copy",
        title=text("抄送协作部门负责人", "copy to the departments' heads"),
        form=Form(
            fields=(
                Field(
                    id="also_to",
                    title=text("同时抄送", "also copied to"),
                    type="people",
                    required=False,
                    mark="P",
                ),
            )
        ),
        by=OWN,
        start=("issued",),
        to="copied",
        distribute=Distribution(to=(*PARTNERS, Named(by="also_to")), acknowledge=True),
        source="M01",
    ),
    Step(
        id="respond",
        title=text("协作部门答复", "a department answers"),
        form=Form(
            fields=(
                Field(
                    id="department",
                    title=text("答复部门", "department"),
                    type="department",
                    mark="P",
                ),
                Field(
                    id="answer",
                    title=text("答复", "answer"),
                    type="choice",
                    options=(
                        Option(id="agreed", title=text("同意", "agreed")),
                        Option(id="conditions", title=text("有条件同意", "with conditions")),
                        Option(id="declined", title=text("不同意", "declined")),
                    ),
                    mark="P",
                ),
                Field(
                    id="remark",
                    title=text("条件或理由", "conditions or reasons"),
                    when=Is(field="answer", values=("conditions", "declined")),
                    mark="P",
                ),
            )
        ),
        by=PARTNERS,
        start=("copied",),
        late=("kicked-off",),
        distribute=Distribution(to=(Author(), Named(by="draft.responsible"))),
        mark="P",
        source="M01 M02",
    ),
    Step(
        id="schedule",
        title=text("召集启动会", "schedule the kick-off"),
        form=Form(
            fields=(
                Field(id="starts_at", title=text("时间", "time"), type="instant", source="M02"),
                Field(
                    id="place",
                    title=text("地点或线上会议", "place or online meeting"),
                    maximum=200,
                    source="M02",
                ),
            )
        ),
        by=OWN,
        start=("copied", "scheduled"),
        to="scheduled",
        distribute=Distribution(to=(*PARTNERS, Named(by="draft.responsible"))),
        source="M02",
    ),
    Step(
        id="kick-off",
        title=text("启动会", "kick-off meeting"),
        form=Form(
            fields=(
                Field(id="held_at", title=text("时间", "held at"), type="instant", source="M02"),
                Field(
                    id="online",
                    title=text("线上召开", "held online"),
                    type="boolean",
                    source="M02",
                ),
                Field(
                    id="participants",
                    title=text("参会人员", "participants"),
                    type="people",
                    source="M02",
                ),
                Field(
                    id="duties",
                    title=text("各部门具体职责", "duties of each department"),
                    type="rows",
                    rows=(
                        Field(id="department", title=text("部门", "department"), type="department"),
                        Field(id="duty", title=text("职责", "duty"), maximum=2000),
                    ),
                    source="M02",
                ),
                Field(
                    id="milestones",
                    title=text("关键里程碑节点", "key milestones"),
                    type="rows",
                    rows=MILESTONE,
                    source="M02",
                ),
                Field(
                    id="mechanism",
                    title=text("沟通机制", "communication mechanism"),
                    source="M02",
                    help=text(
                        "例如:每周五下午项目群同步进度,紧急事项电话即时沟通。",
                        "For example: progress every Friday afternoon; urgent matters by phone.",
                    ),
                ),
                Field(
                    id="minutes",
                    title=text("会议纪要", "minutes"),
                    type="record",
                    kinds=("minutes",),
                    required=False,
                    mark="P",
                    source="M03",
                ),
            )
        ),
        by=OWN,
        start=("copied", "scheduled"),
        to="kicked-off",
        distribute=Distribution(to=(*PARTNERS, Named(by="participants")), acknowledge=True),
        source="M02",
    ),
    Step(
        id="withdraw",
        title=text("撤回申请", "withdraw the request"),
        form=Form(fields=(Field(id="reason", title=text("原因", "reason"), mark="P"),)),
        by=OWN,
        start=("drafted", "issued", "copied", "scheduled"),
        to="withdrawn",
        distribute=Distribution(to=PARTNERS),
        mark="P",
    ),
)

VERSIONS = (
    Kind(
        id="collaboration-request",
        version=1,
        title=text("跨部门协作申请", "cross-department collaboration request"),
        prefix="XZ",
        seeds=("M01", "M02"),
        clauses=("7.4", "7.5.3", "8.3.4.1", "8.5.6"),
        retention="communication",
        subject=("project",),
        states=(
            State(id="drafted", title=text("草稿", "drafted")),
            State(id="issued", title=text("已发起", "issued")),
            State(id="copied", title=text("已抄送", "copied to departments")),
            State(id="scheduled", title=text("启动会已召集", "kick-off scheduled")),
            State(id="kicked-off", title=text("已启动", "kicked off"), final=True),
            State(id="withdrawn", title=text("已撤回", "withdrawn"), final=True),
        ),
        steps=STEPS,
        deadlines=(
            Deadline(
                id="kick-off-due",
                title=text("抄送后召开启动会", "kick-off after copying"),
                starts="copy",
                limit=WorkingDays(n=5),
                stops=("kick-off", "withdraw"),
                owner=OWN,
                mark="P",
                source="M02",
            ),
            Deadline(
                id="answer-due",
                title=text("协作部门答复", "departments answer"),
                starts="copy",
                limit=CalendarDays(n=2),
                stops=("respond", "kick-off", "withdraw"),
                owner=PARTNERS,
                advisory=True,
                mark="P",
                source="M01",
            ),
        ),
        links=(
            LinkRule(
                rel="kicked-off-in",
                title=text("启动会纪要", "kicked off in"),
                kinds=("minutes",),
                binding=True,
            ),
            LinkRule(rel="see-also", title=text("参见", "see also")),
        ),
        filing=Filing(states=("kicked-off", "withdrawn"), by=(Office(function="adm"),)),
        reopening=Reopening(by=(Office(function="adm"),)),
        correcting=Correcting(by=OWN, locked=("withdrawn",)),
    ),
)
