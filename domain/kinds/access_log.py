"""访问日志: who read confidential records, exported, or was refused. Written by the archive."""

from __future__ import annotations

from domain.kind import Correcting, Field, Form, Kind, Option, Role, State, Step, text

V1 = Kind(
    id="access-log",
    version=1,
    title=text("访问日志", "access log"),
    prefix="FW",
    seeds=("T19", "P28"),
    clauses=("ISO 9001:2015 7.5.3.1 b", "ISO 9001:2015 7.5.3.2 a"),
    retention="audit",
    subject=("day",),
    confidential=True,
    entitled=(Role(role="auditor"), Role(role="security-officer"), Role(role="administrator")),
    internal=True,
    states=(State(id="kept", title=text("记录中", "being kept"), final=True),),
    steps=(
        Step(
            id="begin",
            title=text("一天的访问日志", "a day's access log"),
            by=(),
            opens=True,
            to="kept",
            form=Form(fields=(Field(id="day", title=text("日期", "day"), type="date", mark="P"),)),
            mark="P",
        ),
        Step(
            id="note",
            title=text("访问记录", "accesses"),
            by=(),
            start=("kept",),
            mark="P",
            form=Form(
                fields=(
                    Field(
                        id="accesses",
                        title=text("访问", "accesses"),
                        type="rows",
                        mark="P",
                        rows=(
                            Field(id="at", title=text("时间", "time"), type="instant", mark="P"),
                            Field(
                                id="what",
                                title=text("做了什么", "what was done"),
                                type="choice",
                                options=(
                                    Option(id="read", title=text("读取保密记录", "read")),
                                    Option(id="export", title=text("导出", "exported")),
                                    Option(id="refused", title=text("被拒绝", "was refused")),
                                    Option(id="issued", title=text("签发密钥", "issued a key")),
                                    Option(id="revoked", title=text("吊销密钥", "revoked a key")),
                                ),
                                mark="P",
                            ),
                            Field(
                                id="who",
                                title=text("人员", "who"),
                                maximum=64,
                                required=False,
                                personal=True,
                                mark="P",
                            ),
                            Field(
                                id="caller",
                                title=text("接口调用方", "caller"),
                                maximum=64,
                                required=False,
                                mark="P",
                            ),
                            Field(
                                id="record",
                                title=text("记录", "record"),
                                maximum=64,
                                required=False,
                                mark="P",
                            ),
                            Field(id="route", title=text("接口", "route"), maximum=200, mark="P"),
                            Field(
                                id="request",
                                title=text("请求标识", "request id"),
                                maximum=128,
                                mark="P",
                            ),
                        ),
                    ),
                )
            ),
        ),
    ),
    correcting=Correcting(by=(), locked=("kept",)),
)
"""Nobody may take its steps: only the archive itself, which is trusted, writes it."""
VERSIONS = (V1,)
