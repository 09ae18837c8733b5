"""项目进度跟踪表 (template 4): milestones, weekly summaries, and notices of delay in advance."""

from domain.kind import (
    Author,
    CalendarDays,
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
    Linked,
    LinkRule,
    Members,
    Named,
    Office,
    Option,
    Reopening,
    State,
    Step,
    Taken,
    Until,
    text,
)

MILESTONE = (
    Field(id="name", title=text("里程碑", "milestone"), maximum=200, source="M04"),
    Field(id="department", title=text("负责部门", "department"), type="department", source="M04"),
    Field(
        id="owner",
        title=text("责任人", "owner"),
        type="person",
        mark="P",
        source="P40",
    ),
    Field(id="due", title=text("计划日期", "planned date"), type="date", source="M02 M04"),
)

OPENING = Form(
    fields=(
        Field(
            id="project",
            title=text("项目名称", "project"),
            maximum=100,
            reference="project",
            source="M04",
        ),
        Field(
            id="departments",
            title=text("协作部门", "cooperating departments"),
            type="departments",
            source="M04",
        ),
        Field(
            id="channel",
            title=text("同步渠道", "channel of synchronisation"),
            maximum=200,
            source="M04",
            help=text(
                "例如:钉钉群、项目管理软件。", "For example a chat group or project software."
            ),
        ),
        Field(
            id="milestones",
            title=text("里程碑", "milestones"),
            type="rows",
            rows=MILESTONE,
            collection="milestones",
            source="M02 M04",
        ),
    )
)

WEEKLY = Form(
    fields=(
        Field(
            id="week_of",
            title=text("周(该周任一日期)", "week (any date of it)"),
            type="date",
            source="M04",
        ),
        Field(id="summary", title=text("本周进度", "progress this week"), source="M04"),
        Field(
            id="progress",
            title=text("各项进度", "progress of each item"),
            type="rows",
            rows=(
                Field(id="milestone", title=text("里程碑", "milestone"), maximum=200),
                Field(
                    id="percent",
                    title=text("完成百分比", "percent done"),
                    type="integer",
                    minimum=0,
                    maximum=100,
                    mark="P",
                ),
                Field(id="note", title=text("进展", "progress"), required=False, maximum=2000),
            ),
            source="M04",
        ),
        Field(
            id="lagging",
            title=text("有滞后项", "some items lag"),
            type="boolean",
            source="M04",
        ),
        Field(
            id="lags",
            title=text("滞后项:原因及改进措施", "lagging items: cause and measure"),
            type="rows",
            when=Is(field="lagging", values=(True,)),
            rows=(
                Field(id="milestone", title=text("里程碑", "milestone"), maximum=200),
                Field(id="cause", title=text("原因", "cause"), maximum=2000),
                Field(id="measure", title=text("改进措施", "measure"), maximum=2000),
            ),
            source="M04",
        ),
        Field(
            id="next_week",
            title=text("下周计划", "plan for next week"),
            required=False,
            mark="P",
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

NOTICE = Form(
    fields=(
        Field(id="cause", title=text("延误原因", "cause of the delay"), source="M05"),
        Field(
            id="proposed_due",
            title=text("建议的新日期", "proposed new date"),
            type="date",
            required=False,
            source="M05",
        ),
        Field(
            id="help",
            title=text("需要的协助", "help needed"),
            required=False,
            source="M05",
        ),
    )
)

SETTLEMENT = Form(
    fields=(
        Field(
            id="outcome",
            title=text("协商结果", "outcome"),
            type="choice",
            options=(
                Option(id="new-date", title=text("调整日期", "new date agreed")),
                Option(id="help", title=text("协助解决,日期不变", "help given, date unchanged")),
            ),
            source="M05",
        ),
        Field(
            id="agreed_due",
            title=text("商定的新日期", "new date agreed"),
            type="date",
            when=Is(field="outcome", values=("new-date",)),
            source="M05",
        ),
        Field(
            id="help_given",
            title=text("如何协助", "help given"),
            when=Is(field="outcome", values=("help",)),
            source="M05",
        ),
        Field(
            id="agreed_with",
            title=text("协商人", "agreed with"),
            type="people",
            source="M05",
        ),
    )
)

OWN = (Author(), Heads(), Members())
RESPONSIBLE = (Members(of="department"), Heads(of="department"), Named(by="owner"))
PARTNERS = (Heads(of="open.departments"),)
REASON = Form(fields=(Field(id="reason", title=text("原因", "reason"), mark="P"),))
LIVING = ("planned", "delay-announced", "negotiating", "rescheduled")

STEPS = (
    Step(
        id="open",
        title=text("建立进度跟踪表", "open the tracker"),
        form=OPENING,
        by=(Members(), Heads()),
        opens=True,
        to="open",
        distribute=Distribution(to=(Heads(of="departments"),)),
        source="M04",
    ),
    Step(
        id="weekly-summary",
        title=text("每周进度汇总", "weekly summary"),
        form=WEEKLY,
        by=OWN,
        start=("open",),
        new_edition=True,
        distribute=Distribution(to=PARTNERS, acknowledge=True),
        source="M04",
    ),
    Step(
        id="add-milestone",
        title=text("增加里程碑", "add a milestone"),
        form=Form(fields=MILESTONE),
        by=OWN,
        start=("open",),
        adds_item="milestones",
        mark="P",
        source="M04",
    ),
    Step(
        id="announce-delay",
        title=text("延误预告", "announce a delay"),
        form=NOTICE,
        by=RESPONSIBLE,
        item="milestones",
        start=("planned", "rescheduled"),
        to="delay-announced",
        distribute=Distribution(to=(Author(), Heads()), acknowledge=True),
        source="M05",
        help=text("至少在里程碑日期 3 天之前。", "At least 3 days before the milestone's date."),
    ),
    Step(
        id="negotiate",
        title=text("协商", "negotiate"),
        form=Form(
            fields=(Field(id="note", title=text("协商内容", "what was discussed"), source="M05"),)
        ),
        by=(*OWN, *RESPONSIBLE),
        item="milestones",
        start=("delay-announced", "negotiating"),
        to="negotiating",
        source="M05",
    ),
    Step(
        id="settle-delay",
        title=text("商定新日期或提供协助", "agree on a new date, or give help"),
        form=SETTLEMENT,
        by=OWN,
        item="milestones",
        start=("delay-announced", "negotiating"),
        to="rescheduled",
        distribute=Distribution(to=(Named(by="owner"), Heads(of="department")), acknowledge=True),
        source="M05",
    ),
    Step(
        id="reach-milestone",
        title=text("里程碑完成", "milestone reached"),
        form=Form(
            fields=(
                Field(
                    id="reached_on",
                    title=text("完成日期", "reached on"),
                    type="date",
                    source="M04",
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
        by=(*OWN, *RESPONSIBLE),
        item="milestones",
        start=LIVING,
        to="reached",
        source="M04",
    ),
    Step(
        id="drop-milestone",
        title=text("取消里程碑", "drop a milestone"),
        form=REASON,
        by=OWN,
        item="milestones",
        start=LIVING,
        to="dropped",
        mark="P",
    ),
    Step(
        id="close",
        title=text("验收后关闭", "close at acceptance"),
        form=Form(
            fields=(
                Field(id="conclusion", title=text("总结", "conclusion"), required=False, mark="P"),
            )
        ),
        by=OWN,
        start=("open",),
        to="closed",
        guards=(
            Guard(
                needs=Taken(step="weekly-summary", lately=False),
                message=text(
                    "还没有每周进度汇总。", "There is no weekly summary yet: write one first."
                ),
            ),
            Guard(
                needs=Items(collection="milestones", states=("reached", "dropped")),
                message=text(
                    "还有里程碑未完成,请先完成或取消。",
                    "Some milestones are neither reached nor dropped.",
                ),
            ),
            Guard(
                needs=Linked(
                    rel="accepts", incoming=True, kind="acceptance", states=("confirmed",)
                ),
                message=text(
                    "验收确认表尚未确认,或没有关联到本表(关联“验收”)。",
                    "No confirmed acceptance is linked to this tracker (link “accepts”).",
                ),
            ),
        ),
        source="M04",
    ),
    Step(
        id="abandon",
        title=text("项目终止", "abandon the project"),
        form=REASON,
        by=OWN,
        start=("open",),
        to="abandoned",
        distribute=Distribution(to=PARTNERS),
        mark="P",
    ),
)

WEEK_OVER = ("weekly-summary", "close", "abandon")
DEADLINES = (
    Deadline(
        id="first-weekly",
        title=text("首次每周汇总", "first weekly summary"),
        starts="open",
        limit=CalendarDays(n=7),
        stops=WEEK_OVER,
        owner=OWN,
        source="M04",
    ),
    Deadline(
        id="weekly",
        title=text("每周汇总", "weekly summary"),
        starts="weekly-summary",
        limit=CalendarDays(n=7),
        stops=WEEK_OVER,
        owner=OWN,
        source="M04",
    ),
    Deadline(
        id="milestone",
        title=text("里程碑日期", "milestone due"),
        starts="open",
        field="due",
        limit=Until(),
        stops=("reach-milestone", "drop-milestone", "settle-delay"),
        item="milestones",
        owner=(Named(by="owner"), Heads(of="department")),
        source="M04",
    ),
    Deadline(
        id="agreed-milestone",
        title=text("商定的新日期", "agreed new date due"),
        starts="settle-delay",
        field="agreed_due",
        limit=Until(),
        stops=("reach-milestone", "drop-milestone"),
        item="milestones",
        owner=(Named(by="owner"), Heads(of="department")),
        source="M05",
    ),
    Deadline(
        id="delay-notice",
        title=text("延误预告(里程碑前 3 天)", "notice of delay, 3 days before the milestone"),
        starts="open",
        field="due",
        limit=CalendarDays(n=-3),
        stops=("announce-delay",),
        item="milestones",
        owner=(Named(by="owner"), Heads(of="department")),
        advisory=True,
        source="M05",
    ),
    Deadline(
        id="delay-notice-again",
        title=text("再次延误预告(新日期前 3 天)", "notice, 3 days before the agreed new date"),
        starts="settle-delay",
        field="agreed_due",
        limit=CalendarDays(n=-3),
        stops=("announce-delay",),
        item="milestones",
        owner=(Named(by="owner"), Heads(of="department")),
        advisory=True,
        source="M05",
    ),
)

VERSIONS = (
    Kind(
        id="progress-tracker",
        version=1,
        title=text("项目进度跟踪表", "project progress tracker"),
        prefix="JD",
        seeds=("M04", "M05"),
        clauses=("7.4", "7.5.3", "8.3.4.1", "8.5.6"),
        retention="communication",
        subject=("project",),
        states=(
            State(id="open", title=text("进行中", "open")),
            State(id="closed", title=text("已关闭", "closed"), final=True),
            State(id="abandoned", title=text("已终止", "abandoned"), final=True),
        ),
        steps=STEPS,
        collections=(
            Collection(
                id="milestones",
                title=text("里程碑", "milestones"),
                states=(
                    State(id="planned", title=text("计划中", "planned")),
                    State(id="delay-announced", title=text("已预告延误", "delay announced")),
                    State(id="negotiating", title=text("协商中", "negotiating")),
                    State(id="rescheduled", title=text("已协商", "settled")),
                    State(id="reached", title=text("已完成", "reached"), final=True),
                    State(id="dropped", title=text("已取消", "dropped"), final=True),
                ),
                initial="planned",
                label="name",
                owner="owner",
                due="due",
            ),
        ),
        deadlines=DEADLINES,
        links=(
            LinkRule(
                rel="tracks",
                title=text("协作申请", "tracks"),
                kinds=("collaboration-request",),
                binding=True,
            ),
            LinkRule(rel="agreed-in", title=text("会议纪要", "agreed in"), kinds=("minutes",)),
            LinkRule(rel="see-also", title=text("参见", "see also")),
        ),
        filing=Filing(states=("closed", "abandoned"), by=(Office(function="adm"),)),
        reopening=Reopening(states=("closed", "abandoned"), to="open", by=OWN),
        correcting=Correcting(by=OWN),
    ),
)
