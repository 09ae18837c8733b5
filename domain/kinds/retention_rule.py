"""保管规则: how long what is kept, by whose authority. Versioned, approved by two, never edited.

RETENTION.md 2 and 4: a version that comes into force stays for ever; what it shortens, it shortens
for what is filed afterwards. The arithmetic is `retention`'s.
"""

from __future__ import annotations

from domain.kind import (
    Correcting,
    Field,
    Form,
    Guard,
    Holds,
    Is,
    Kind,
    Not,
    Option,
    Role,
    State,
    Step,
    Taker,
    text,
)

KEEPERS = (Role(role="records-officer"), Role(role="quality-manager"))
APPROVERS = (
    Role(role="gm"),
    Role(role="mr"),
    Role(role="executive"),
    Role(role="quality-manager"),
    Role(role="records-officer"),
)
ADMINISTRATOR = Role(role="administrator")


def _listed(field: str, each: str, zh: str, en: str) -> Field:
    return Field(
        id=field,
        title=text(f"适用{zh}(不填为全部)", f"{en} (none: all)"),
        type="rows",
        required=False,
        rows=(Field(id=each, title=text(zh, en), maximum=100, mark="P"),),
        mark="P",
    )


RULE_ID = Field(
    id="rule_id",
    title=text("规则代号", "rule id"),
    maximum=64,
    mark="P",
    help=text("如 RR-11;字母、数字、点、横线。", "such as RR-11: letters, digits, dots, dashes."),
)
SAID = (
    Field(id="title_zh", title=text("名称(中文)", "title in Chinese"), maximum=200, mark="P"),
    Field(id="title_en", title=text("名称(英文)", "title in English"), maximum=200, mark="P"),
    Field(
        id="classes",
        title=text("适用保管类别(不填为全部)", "retention classes (none: all)"),
        type="choices",
        required=False,
        options=(
            Option(id="dossier", title=text("归档卷", "dossier")),
            Option(id="communication", title=text("沟通记录", "communication record")),
            Option(id="product", title=text("产品证据", "product evidence")),
            Option(id="audit", title=text("审核", "audit")),
            Option(id="personnel", title=text("人事", "personnel")),
            Option(id="permanent", title=text("永久", "permanent")),
        ),
        mark="P",
    ),
    _listed("kinds", "kind", "记录种类", "kinds of record"),
    Field(
        id="marks",
        title=text("归档标记(不填为全部)", "marks given at filing (none: all)"),
        type="choices",
        required=False,
        options=(
            Option(id="approval", title=text("批准文件", "approval")),
            Option(id="design", title=text("设计", "design")),
            Option(id="tooling", title=text("工装", "tooling")),
            Option(id="order", title=text("订单", "order")),
            Option(id="contract", title=text("合同", "contract")),
        ),
        mark="P",
        source="IATF 16949:2016 7.5.3.2.1",
    ),
    _listed("parts", "part", "零件", "parts"),
    _listed("customers", "customer", "客户", "customers"),
    Field(
        id="scope",
        title=text("归档范围", "archive scope"),
        type="choice",
        options=(
            Option(id="any", title=text("不限", "either")),
            Option(id="yes", title=text("范围内", "inside it")),
            Option(id="no", title=text("范围外", "outside it")),
        ),
        mark="P",
    ),
    Field(
        id="medium",
        title=text("载体", "medium"),
        type="choice",
        options=(
            Option(id="electronic", title=text("电子", "electronic")),
            Option(id="paper", title=text("纸质", "paper")),
            Option(id="any", title=text("不限", "either")),
        ),
        source="M07",
    ),
    Field(
        id="authority",
        title=text("依据类型", "authority"),
        type="choice",
        options=(
            Option(id="seed", title=text("本厂流程文件", "the plant's own process")),
            Option(id="card", title=text("设计卡", "design card")),
            Option(id="standard", title=text("标准", "standard")),
            Option(id="law", title=text("法律法规", "law")),
            Option(id="customer", title=text("顾客要求", "customer requirement")),
            Option(id="company", title=text("公司决定", "company decision")),
        ),
        mark="P",
    ),
    Field(id="citation", title=text("依据条款", "citation"), maximum=500, mark="P"),
    Field(id="edition", title=text("版本", "edition"), maximum=100, required=False, mark="P"),
    Field(
        id="trigger",
        title=text("起算事件", "trigger"),
        type="choice",
        options=(
            Option(id="filed", title=text("归档", "filed")),
            Option(id="created", title=text("形成", "created")),
            Option(
                id="product-service-ended",
                title=text("产品停产停供", "product and service ended"),
            ),
            Option(id="contract-ended", title=text("合同终止", "contract ended")),
            Option(id="customer-date", title=text("顾客指定日期", "date that a customer names")),
        ),
        mark="P",
    ),
    Field(
        id="cut_off",
        title=text("截止方式", "cut-off"),
        type="choice",
        options=(
            Option(id="anniversary", title=text("周年日", "anniversary")),
            Option(id="end-of-calendar-year", title=text("年末", "end of calendar year")),
        ),
        mark="P",
    ),
    Field(
        id="action",
        title=text("到期处理", "action"),
        type="choice",
        options=(
            Option(id="destroy", title=text("销毁", "destroy")),
            Option(id="review", title=text("审查", "review")),
            Option(id="transfer", title=text("移交", "transfer")),
            Option(id="permanent", title=text("永久保管", "keep for ever")),
        ),
        mark="P",
    ),
    Field(
        id="period",
        title=text("保管期限", "period"),
        maximum=20,
        when=Not(of=Is(field="action", values=("permanent",))),
        source="M07",
        help=text("如 P3Y、P1Y6M、P30D。", "such as P3Y, P1Y6M or P30D (ISO 8601)."),
    ),
    Field(
        id="floor",
        title=text("最低期限(不可被更正缩短)", "floor: no correction goes below it"),
        type="boolean",
        mark="P",
    ),
    Field(id="effective_from", title=text("生效日期", "effective from"), type="date", mark="P"),
    Field(
        id="ends_on",
        title=text("终止日期(此日起归档的不再适用)", "ends on: not for what is filed from then on"),
        type="date",
        required=False,
        mark="P",
    ),
    Field(id="note", title=text("备注", "note"), maximum=2000, required=False, mark="P"),
)
SOUND = Guard(
    needs=Holds(rule="retention-rule-is-sound@1"),
    message=text(
        "规则代号须为字母数字;期限须如 P3Y、P1Y6M、P30D;终止日期须晚于生效日期。",
        "A rule id has letters, digits, dots and dashes; a period is such as P3Y, P1Y6M or P30D; "
        "a rule ends after it takes effect.",
    ),
)
TODAY = Form(
    fields=(Field(id="note", title=text("意见", "remark"), maximum=2000, required=False, mark="P"),)
)

V1 = Kind(
    id="retention-rule",
    version=1,
    title=text("保管规则", "retention rule"),
    prefix="BG",
    seeds=("M07",),
    clauses=("IATF 16949:2016 7.5.3.2.1", "ISO 9001:2015 7.5.3.2 d"),
    retention="permanent",
    subject=("title_zh",),
    internal=True,
    states=(
        State(id="in-force", title=text("有效", "in force")),
        State(id="proposed", title=text("拟定", "proposed")),
        State(id="revising", title=text("修订中(原版本有效)", "revising: the old one holds")),
        State(id="approved-once", title=text("一级批准", "approved once")),
    ),
    steps=(
        Step(
            id="ship",
            title=text("随系统发布", "ship with the archive"),
            by=(),
            opens=True,
            to="in-force",
            guards=(SOUND,),
            attests="rule-set",
            form=Form(fields=(RULE_ID, *SAID)),
            source="M07",
        ),
        Step(
            id="propose",
            title=text("拟定规则", "propose a rule"),
            by=KEEPERS,
            opens=True,
            to="proposed",
            guards=(SOUND,),
            form=Form(fields=(RULE_ID, *SAID)),
            mark="P",
        ),
        Step(
            id="revise",
            title=text("修订(全部重填)", "revise: all anew"),
            by=KEEPERS,
            start=("in-force", "proposed", "revising", "approved-once"),
            to="revising",
            guards=(SOUND,),
            form=Form(fields=SAID),
            mark="P",
        ),
        Step(
            id="approve-first",
            title=text("一级批准", "first approval"),
            by=APPROVERS,
            not_by=(Taker(step="propose"), Taker(step="revise"), ADMINISTRATOR),
            start=("proposed", "revising"),
            to="approved-once",
            signoff="approves",
            form=TODAY,
            mark="P",
            source="RETENTION 2",
        ),
        Step(
            id="approve-second",
            title=text("二级批准(生效)", "second approval: in force"),
            by=APPROVERS,
            not_by=(
                Taker(step="propose"),
                Taker(step="revise"),
                Taker(step="approve-first"),
                ADMINISTRATOR,
            ),
            start=("approved-once",),
            to="in-force",
            signoff="approves",
            attests="rule-set",
            form=TODAY,
            mark="P",
            source="RETENTION 2",
        ),
    ),
    correcting=Correcting(by=(), locked=("in-force", "proposed", "revising", "approved-once")),
)
"""No corrections: `revise` says all anew, and two people approve it again."""
VERSIONS = (V1,)
