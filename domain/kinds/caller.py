"""接口调用方: whose API key it is, and what it may do. The key itself is never in a record."""

from __future__ import annotations

from domain.kind import (
    Correcting,
    Field,
    Form,
    Guard,
    Holds,
    Kind,
    Option,
    Role,
    State,
    Step,
    text,
)

ADMINISTRATOR = (Role(role="administrator"),)


def _ids(field: str, zh: str, en: str) -> Field:
    """A list of ids; none means all."""
    return Field(
        id=f"{field}s",
        title=text(f"{zh}(不填为全部)", f"{en} (none: all)"),
        type="rows",
        required=False,
        rows=(Field(id=field, title=text(zh, en), maximum=48, mark="P"),),
        mark="P",
    )


PARTICULARS = Form(
    fields=(
        Field(id="name", title=text("名称", "name"), maximum=100, mark="P"),
        Field(
            id="person",
            title=text("所属人员(个人密钥)", "person whose key it is"),
            type="person",
            required=False,
            mark="P",
        ),
        Field(
            id="system",
            title=text("所属系统(系统密钥)", "system whose key it is"),
            maximum=60,
            required=False,
            mark="P",
        ),
        Field(
            id="rights",
            title=text("权限", "rights"),
            type="choices",
            options=(
                Option(id="read", title=text("读取", "read")),
                Option(id="write", title=text("写入", "write")),
                Option(id="confidential", title=text("读取保密记录", "read confidential records")),
                Option(id="export", title=text("导出", "export")),
            ),
            mark="P",
        ),
        _ids("kind", "记录种类", "kinds of record"),
        _ids("step", "步骤", "steps"),
        Field(
            id="departments",
            title=text("限于部门(不填为全部)", "departments (none: all)"),
            type="departments",
            required=False,
            mark="P",
        ),
        Field(id="expires_at", title=text("有效期至", "valid until"), type="instant", mark="P"),
    )
)
SOUND = Guard(
    needs=Holds(rule="caller-is-sound@1"),
    message=text(
        "请填写所属人员或所属系统,二者只填其一。",
        "Say whose key it is: a person or a system, one of the two.",
    ),
)

V1 = Kind(
    id="caller",
    version=1,
    title=text("接口调用方", "caller of the interface"),
    prefix="JK",
    seeds=("P28", "I25"),
    clauses=("ISO 9001:2015 7.5.3.1 b",),
    retention="permanent",
    subject=("name",),
    internal=True,
    states=(
        State(id="active", title=text("有效", "active")),
        State(id="revoked", title=text("已吊销", "revoked"), final=True),
    ),
    steps=(
        Step(
            id="register",
            title=text("登记调用方", "register a caller"),
            by=ADMINISTRATOR,
            opens=True,
            to="active",
            guards=(SOUND,),
            form=PARTICULARS,
            mark="P",
        ),
        Step(
            id="change",
            title=text("变更(全部重填)", "change: all particulars anew"),
            by=ADMINISTRATOR,
            start=("active",),
            guards=(SOUND,),
            form=PARTICULARS,
            mark="P",
        ),
        Step(
            id="revoke",
            title=text("吊销", "revoke"),
            by=ADMINISTRATOR,
            start=("active",),
            to="revoked",
            form=Form(
                fields=(Field(id="reason", title=text("理由", "reason"), required=False, mark="P"),)
            ),
            mark="P",
        ),
    ),
    correcting=Correcting(by=(), locked=("active", "revoked")),
)
"""No corrections: `change` says all anew, and the guard looks at it."""
VERSIONS = (V1,)
