"""部门: its head signs for it, and its functions say which steps are its work."""

from __future__ import annotations

from domain.kind import Correcting, Field, Form, Kind, Option, Role, State, Step, text

ADMINISTRATOR = (Role(role="administrator"),)

FUNCTIONS = (
    Option(id="adm", title=text("行政", "administration, keeper of the archive")),
    Option(id="cs", title=text("客服", "customer service")),
    Option(id="crm", title=text("客户关系管理", "customer relations")),
    Option(id="qc", title=text("品管", "quality control")),
    Option(id="eng", title=text("工程", "engineering")),
    Option(id="rd", title=text("研发/设计", "research and design")),
    Option(id="pmc", title=text("生产与物料控制", "production and material control")),
    Option(id="prod", title=text("生产", "production")),
    Option(id="logistics", title=text("物流", "logistics")),
    Option(id="pur", title=text("采购", "purchasing")),
    Option(id="sales", title=text("销售", "sales")),
    Option(id="mkt", title=text("市场", "marketing")),
    Option(id="bd", title=text("商务拓展", "business development")),
    Option(id="hr", title=text("人力资源", "human resources")),
    Option(id="fin", title=text("财务", "finance")),
    Option(id="legal", title=text("法务", "legal")),
    Option(id="info", title=text("信息管理", "information management")),
    Option(id="gmo", title=text("总经办", "office of the general manager")),
)

PARTICULARS = Form(
    fields=(
        Field(id="name", title=text("部门名称", "name in Chinese"), maximum=100, mark="P"),
        Field(
            id="name_en",
            title=text("英文名称", "name in English"),
            maximum=100,
            required=False,
            mark="P",
        ),
        Field(
            id="functions",
            title=text("职能", "functions"),
            type="choices",
            options=FUNCTIONS,
            required=False,
            mark="S",
            source="I18 P29",
        ),
        Field(
            id="head",
            title=text("负责人", "head"),
            type="person",
            required=False,
            mark="S",
            source="M03 P29",
        ),
    )
)

V1 = Kind(
    id="department",
    version=1,
    title=text("部门", "department"),
    prefix="BM",
    seeds=("I18", "P28", "P29"),
    clauses=("ISO 9001:2015 5.3",),
    retention="permanent",
    subject=("name",),
    internal=True,
    states=(
        State(id="active", title=text("运作中", "active")),
        State(id="closed", title=text("已撤销", "closed"), final=True),
    ),
    steps=(
        Step(
            id="establish",
            title=text("设立部门", "establish a department"),
            by=ADMINISTRATOR,
            opens=True,
            to="active",
            form=PARTICULARS,
            mark="P",
        ),
        Step(
            id="change",
            title=text("变更(全部重填)", "change: all particulars anew"),
            by=ADMINISTRATOR,
            start=("active",),
            form=PARTICULARS,
            mark="P",
        ),
        Step(
            id="close",
            title=text("撤销部门", "close the department"),
            by=ADMINISTRATOR,
            start=("active",),
            to="closed",
            mark="P",
        ),
    ),
    correcting=Correcting(by=ADMINISTRATOR),
)
VERSIONS = (V1,)
