"""项目验收确认表: the results checked one by one, and accepted by every department's head."""

from domain.kind import (
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
    WorkingDays,
    text,
)

ITEM = (
    Field(id="name", title=text("验收项目", "item to accept"), maximum=200, source="M06"),
    Field(
        id="kind",
        title=text("验收类型", "kind of check"),
        type="choice",
        options=(
            Option(id="material", title=text("物料审核", "material review")),
            Option(id="effect", title=text("活动效果复盘", "review of the effect")),
            Option(id="deliverable", title=text("成果检查", "check of a deliverable")),
            Option(id="other", title=text("其他", "other")),
        ),
        source="M06",
    ),
    Field(id="standard", title=text("验收标准", "standard"), maximum=2000, mark="P", source="M06"),
    Field(
        id="department",
        title=text("责任部门", "department"),
        type="department",
        mark="P",
        source="M06",
    ),
)
FINDING = Field(id="finding", title=text("检查结果", "finding"), maximum=2000, source="M06")
EVIDENCE = Field(
    id="evidence", title=text("证据", "evidence"), type="attachments", required=False, mark="P"
)
OWN = (Author(), Heads(), Members())
JUDGES = (*OWN, Heads(of="open.departments"), Members(of="open.departments"))
HEADS = (Heads(of="open.departments"), Heads())
GOOD = ("accepted", "accepted-after-rework")

STEPS = (
    Step(
        id="open",
        title=text("组织验收", "prepare the acceptance"),
        form=Form(
            fields=(
                Field(
                    id="project",
                    title=text("项目名称", "project"),
                    maximum=100,
                    reference="project",
                    source="M06",
                ),
                Field(
                    id="departments",
                    title=text("参加验收的部门", "departments that accept"),
                    type="departments",
                    source="M06",
                ),
                Field(
                    id="items",
                    title=text("验收项目", "items to accept"),
                    type="rows",
                    rows=ITEM,
                    collection="items",
                    source="M06",
                ),
                Field(
                    id="attachments",
                    title=text("附件", "attachments"),
                    type="attachments",
                    required=False,
                    mark="P",
                ),
            )
        ),
        by=(Members(), Heads()),
        opens=True,
        to="draft",
        distribute=Distribution(to=(Heads(of="departments"),)),
        source="M06",
    ),
    Step(
        id="add-item",
        title=text("增加验收项目", "add an item"),
        form=Form(fields=ITEM),
        by=OWN,
        start=("draft", "rework"),
        adds_item="items",
        mark="P",
    ),
    Step(
        id="accept-item",
        title=text("接受", "accept an item"),
        form=Form(fields=(FINDING, EVIDENCE)),
        by=JUDGES,
        item="items",
        start=("pending",),
        to="accepted",
        source="M06",
    ),
    Step(
        id="reject-item",
        title=text("不接受", "reject an item"),
        form=Form(
            fields=(
                FINDING,
                Field(id="reason", title=text("不接受原因", "why it is rejected"), source="M06"),
                EVIDENCE,
            )
        ),
        by=JUDGES,
        item="items",
        start=("pending", "reworked"),
        to="rejected",
        distribute=Distribution(
            to=(Author(), Heads(of="department")),
            acknowledge=True,
        ),
        source="M06",
    ),
    Step(
        id="rework-item",
        title=text("返工完成", "rework an item"),
        form=Form(
            fields=(
                Field(id="rework", title=text("返工内容", "what was done"), mark="P"),
                EVIDENCE,
            )
        ),
        by=(*OWN, Members(of="department")),
        item="items",
        start=("rejected",),
        to="reworked",
        mark="P",
        source="M06",
    ),
    Step(
        id="accept-reworked",
        title=text("返工后接受", "accept after rework"),
        form=Form(fields=(FINDING, EVIDENCE)),
        by=JUDGES,
        item="items",
        start=("reworked",),
        to="accepted-after-rework",
        mark="P",
        source="M06",
    ),
    Step(
        id="review",
        title=text("验收会结论", "conclude the review"),
        form=Form(
            fields=(
                Field(id="held_on", title=text("验收日期", "date"), type="date", source="M06"),
                Field(
                    id="participants",
                    title=text("参加人员", "participants"),
                    type="people",
                    source="M06",
                ),
                Field(id="conclusion", title=text("验收结论", "conclusion"), source="M06"),
            )
        ),
        by=OWN,
        start=("draft", "rework"),
        to=(
            Branch(to="accepted", when=Items(collection="items", states=GOOD)),
            Branch(to="rework"),
        ),
        guards=(
            Guard(
                needs=Not(of=Items(collection="items", states=("pending",), every=False)),
                message=text(
                    "还有项目未检查,请逐项接受或不接受。",
                    "Some items are not yet judged: accept or reject each.",
                ),
            ),
        ),
        source="M06",
    ),
    Step(
        id="ask-confirmation",
        title=text("提交各部门负责人确认", "ask the heads to confirm"),
        by=OWN,
        start=("accepted",),
        to="issued",
        guards=(
            Guard(
                needs=Items(collection="items", states=GOOD),
                message=text("还有项目未接受。", "Some items are not accepted."),
            ),
        ),
        source="M06",
    ),
    Step(
        id="publish",
        title=text("分发验收结果", "distribute the result"),
        by=OWN,
        start=("confirmed",),
        guards=(
            Guard(
                needs=SignedOff(slot="acceptance"),
                message=text("尚未全部确认。", "Not every head has confirmed."),
            ),
        ),
        distribute=Distribution(
            to=(*HEADS, Named(by="review.participants"), Author()), acknowledge=True
        ),
        mark="P",
        source="M06",
    ),
    Step(
        id="abandon",
        title=text("终止验收", "abandon"),
        form=Form(fields=(Field(id="reason", title=text("原因", "reason"), mark="P"),)),
        by=OWN,
        start=("draft", "rework", "accepted"),
        to="abandoned",
        mark="P",
    ),
)

VERSIONS = (
    Kind(
        id="acceptance",
        version=1,
        title=text("项目验收确认", "project acceptance confirmation"),
        prefix="YS",
        seeds=("M06",),
        clauses=("7.4", "7.5.3", "8.3.4.1", "8.5.6"),
        retention="communication",
        subject=("project",),
        states=(
            State(id="draft", title=text("验收中", "draft")),
            State(id="rework", title=text("有不接受项", "rejected items")),
            State(id="accepted", title=text("全部接受", "accepted")),
            State(id="issued", title=text("待确认", "issued for confirmation")),
            State(id="partly-confirmed", title=text("部分已确认", "partly confirmed")),
            State(id="confirmed", title=text("已确认", "confirmed"), final=True),
            State(id="abandoned", title=text("已终止", "abandoned"), final=True),
        ),
        steps=STEPS,
        collections=(
            Collection(
                id="items",
                title=text("验收项目", "items to accept"),
                states=(
                    State(id="pending", title=text("待检查", "pending")),
                    State(id="accepted", title=text("一次接受", "accepted first"), final=True),
                    State(id="rejected", title=text("不接受", "rejected")),
                    State(id="reworked", title=text("已返工", "reworked")),
                    State(
                        id="accepted-after-rework",
                        title=text("返工后接受", "accepted after rework"),
                        final=True,
                    ),
                ),
                initial="pending",
                label="name",
                owner="department",
            ),
        ),
        slots=(
            Slot(
                id="acceptance",
                title=text("各部门负责人验收确认", "accepted by each department head"),
                meaning="accepts",
                signers=HEADS,
                opened_by="ask-confirmation",
                on_refusal="returns",
                returns_to="rework",
                on_correction="all",
                asks="issued",
                partly="partly-confirmed",
                completes="confirmed",
                source="M06",
            ),
        ),
        deadlines=(
            Deadline(
                id="review-due",
                title=text("验收会", "review held"),
                starts="open",
                limit=WorkingDays(n=10),
                stops=("review", "abandon"),
                owner=OWN,
                mark="P",
                source="M06",
            ),
            Deadline(
                id="confirmation-due",
                title=text("各部门确认并分发", "confirmed and distributed"),
                starts="ask-confirmation",
                limit=WorkingDays(n=3),
                stops=("publish", "review", "abandon"),
                owner=HEADS,
                mark="P",
                source="M06",
            ),
        ),
        links=(
            LinkRule(
                rel="accepts",
                title=text("验收", "accepts"),
                kinds=("progress-tracker", "collaboration-request"),
                binding=True,
            ),
            LinkRule(rel="see-also", title=text("参见", "see also")),
        ),
        filing=Filing(
            states=("confirmed", "abandoned"),
            by=(Office(function="adm"),),
        ),
        reopening=Reopening(states=("confirmed", "abandoned"), to="rework", by=OWN),
        correcting=Correcting(by=OWN, locked=("abandoned",)),
    ),
)
