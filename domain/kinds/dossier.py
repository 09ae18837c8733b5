"""归档卷: what belongs to a project, kept together by binding links, and filed with 行政部.

The four records that the seed names must be there and done; a notice of delay comes with its
tracker. E-mails, notes of calls, complaints and whatever else was said belong in it too (9.10).
"""

from domain.kind import (
    AnyOf,
    Author,
    Correcting,
    Distribution,
    Field,
    Filing,
    Form,
    Guard,
    Heads,
    Kind,
    Linked,
    LinkRule,
    Members,
    Office,
    Option,
    Reopening,
    State,
    Step,
    Taken,
    text,
)

MEMBERS = (
    ("collaboration-request", "协作申请表", "collaboration request", ("kicked-off",)),
    ("minutes", "会议纪要", "minutes", ("distributed",)),
    ("progress-tracker", "项目进度跟踪表", "progress tracker", ("closed",)),
    ("acceptance", "项目验收确认表", "acceptance confirmation", ("confirmed",)),
)


def _present(kind: str, zh: str, en: str, states: tuple[str, ...]) -> Guard:
    return Guard(
        needs=Linked(rel="contains", kind=kind, states=states),
        message=text(
            f"缺少“{zh}”,或卷内的“{zh}”尚未办结;请先办结并关联(卷内)。",
            f"Missing: the {en}, linked by “contains” and finished.",
        ),
    )


def _filed(kind: str, zh: str, en: str) -> Guard:
    return Guard(
        needs=Linked(rel="contains", kind=kind, filed=True, at_least=0),
        message=text(
            f"卷内的“{zh}”尚未归档,请先归档。",
            f"The {en} in this dossier is not filed yet: file it first.",
        ),
    )


OWN = (Author(), Heads(), Members())
KEEPER = (Office(function="adm"),)

STEPS = (
    Step(
        id="open",
        title=text("建立归档卷", "open the dossier"),
        form=Form(
            fields=(
                Field(
                    id="project",
                    title=text("项目名称", "project"),
                    maximum=100,
                    reference="project",
                    source="M07",
                ),
                Field(
                    id="departments",
                    title=text("参加部门", "departments"),
                    type="departments",
                    mark="P",
                    source="M07",
                ),
                Field(
                    id="scope",
                    title=text("卷内说明", "what belongs in it"),
                    required=False,
                    mark="P",
                    source="M07",
                ),
            )
        ),
        by=(Members(), Heads(), *KEEPER),
        opens=True,
        to="assembling",
        source="M07",
    ),
    Step(
        id="add-document",
        title=text("加入其他沟通材料", "add other material"),
        form=Form(
            fields=(
                Field(
                    id="what",
                    title=text("材料类型", "what it is"),
                    type="choice",
                    options=(
                        Option(id="email", title=text("邮件", "e-mail")),
                        Option(id="phone-note", title=text("电话记录", "note of a call")),
                        Option(id="chat", title=text("聊天记录", "chat")),
                        Option(id="document", title=text("文件", "document")),
                        Option(id="other", title=text("其他", "other")),
                    ),
                    mark="P",
                    source="9.10",
                ),
                Field(id="dated", title=text("日期", "date"), type="date", mark="P"),
                Field(
                    id="description",
                    title=text("说明", "description"),
                    maximum=2000,
                    mark="P",
                ),
                Field(
                    id="files",
                    title=text("附件", "files"),
                    type="attachments",
                    required=False,
                    mark="P",
                ),
            )
        ),
        by=(*OWN, *KEEPER, Members(of="open.departments")),
        start=("assembling", "complete", "incomplete"),
        to="assembling",
        mark="P",
        source="9.10",
    ),
    Step(
        id="complete",
        title=text("确认齐全", "declare complete"),
        form=Form(
            fields=(
                Field(
                    id="note",
                    title=text("卷内备考", "note on the contents"),
                    required=False,
                    mark="P",
                ),
            )
        ),
        by=(*OWN, *KEEPER),
        start=("assembling", "incomplete"),
        to="complete",
        guards=tuple(_present(*member) for member in MEMBERS),
        distribute=Distribution(to=KEEPER),
        source="M07",
    ),
    Step(
        id="declare-missing",
        title=text("说明缺少的材料", "declare what is missing"),
        form=Form(
            fields=(
                Field(
                    id="missing",
                    title=text("缺少的材料及原因", "what is missing, and why"),
                    type="rows",
                    rows=(
                        Field(
                            id="what",
                            title=text("材料", "record"),
                            type="choice",
                            options=(
                                *(Option(id=k, title=text(zh, en)) for k, zh, en, _ in MEMBERS),
                                Option(id="other", title=text("其他", "other")),
                            ),
                        ),
                        Field(id="reason", title=text("原因", "why"), maximum=2000),
                        Field(
                            id="responsible",
                            title=text("责任人", "responsible"),
                            type="person",
                            required=False,
                        ),
                    ),
                    mark="P",
                    source="KPI15",
                ),
            )
        ),
        by=KEEPER,
        start=("assembling",),
        to="incomplete",
        distribute=Distribution(to=(Author(),)),
        mark="P",
        source="M07 KPI15",
    ),
)

VERSIONS = (
    Kind(
        id="dossier",
        version=1,
        title=text("归档卷", "project dossier"),
        prefix="GD",
        seeds=("M07", "M05"),
        clauses=("7.4", "7.5.3", "7.5.3.2", "8.3.4.1", "8.5.6"),
        retention="dossier",
        subject=("project",),
        states=(
            State(id="assembling", title=text("整理中", "assembling")),
            State(id="complete", title=text("齐全", "complete"), final=True),
            State(
                id="incomplete", title=text("不齐全(已说明)", "incomplete, declared"), final=True
            ),
        ),
        steps=STEPS,
        links=(
            LinkRule(rel="contains", title=text("卷内", "contains"), binding=True),
            LinkRule(rel="see-also", title=text("参见", "see also")),
        ),
        filing=Filing(
            states=("complete", "incomplete"),
            by=KEEPER,
            guards=(
                *(
                    Guard(
                        needs=AnyOf(of=(Taken(step="declare-missing"), guard.needs)),
                        message=guard.message,
                    )
                    for guard in (_present(*member) for member in MEMBERS)
                ),
                *(_filed(kind, zh, en) for kind, zh, en, _ in MEMBERS),
            ),
        ),
        reopening=Reopening(states=("complete", "incomplete"), to="assembling", by=KEEPER),
        correcting=Correcting(by=(*OWN, *KEEPER)),
    ),
)
