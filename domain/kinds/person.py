"""人员: somebody who acts in the archive. The record's id is the person's id everywhere else."""

from __future__ import annotations

from domain.kind import Correcting, Field, Form, Kind, Option, Role, State, Step, text

ADMINISTRATOR = (Role(role="administrator"),)

ROLES = (
    Option(id="gm", title=text("总经理", "general manager")),
    Option(id="mr", title=text("管理者代表", "management representative")),
    Option(id="executive", title=text("高层", "top management")),
    Option(id="supervisor", title=text("主管", "supervisor")),
    Option(id="lead-auditor", title=text("审核组长", "lead auditor")),
    Option(id="auditor", title=text("审核员", "auditor")),
    Option(id="customer-manager", title=text("客户经理", "customer manager")),
    Option(id="sales-director", title=text("销售总监", "sales director")),
    Option(id="records-officer", title=text("档案管理员", "records officer")),
    Option(id="quality-manager", title=text("质量/合规经理", "quality or compliance manager")),
    Option(id="security-officer", title=text("安全保密员", "security officer")),
    Option(id="administrator", title=text("系统管理员", "system administrator")),
)

PARTICULARS = Form(
    fields=(
        Field(id="name", title=text("姓名", "name"), maximum=100, personal=True, mark="P"),
        Field(
            id="department",
            title=text("部门", "department"),
            type="department",
            required=False,
            mark="S",
            source="P28",
        ),
        Field(
            id="roles",
            title=text("角色", "roles"),
            type="choices",
            options=ROLES,
            required=False,
            mark="S",
            source="I18 P28 P21",
        ),
        Field(id="title", title=text("职务", "job title"), maximum=100, required=False, mark="P"),
        Field(
            id="staff_number",
            title=text("工号", "staff number"),
            maximum=40,
            required=False,
            personal=True,
            mark="P",
        ),
    )
)

V1 = Kind(
    id="person",
    version=1,
    title=text("人员", "person"),
    prefix="RY",
    seeds=("I18", "P28", "P29"),
    clauses=("ISO 9001:2015 5.3", "ISO 9001:2015 7.5.3.2"),
    retention="permanent",
    subject=("name",),
    internal=True,
    states=(
        State(id="active", title=text("在职", "active")),
        State(id="left", title=text("离职", "has left"), final=True),
    ),
    steps=(
        Step(
            id="register",
            title=text("登记人员", "register a person"),
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
            id="leave",
            title=text("离职", "leave"),
            by=ADMINISTRATOR,
            start=("active",),
            to="left",
            mark="P",
        ),
        Step(
            id="return",
            title=text("返岗", "return"),
            by=ADMINISTRATOR,
            start=("left",),
            to="active",
            mark="P",
        ),
    ),
    correcting=Correcting(by=ADMINISTRATOR),
)
VERSIONS = (V1,)
