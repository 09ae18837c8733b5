"""起算事件: what a period counts from when it is not the filing (RETENTION.md 2)."""

from __future__ import annotations

from domain.kind import (
    Correcting,
    Field,
    Form,
    Kind,
    Office,
    Option,
    Role,
    State,
    Step,
    Taker,
    Who,
    text,
)

KEEPERS: tuple[Who, ...] = (Role(role="records-officer"), Role(role="quality-manager"))
REPORTERS: tuple[Who, ...] = (
    *(Office(function=f) for f in ("eng", "qc", "bd", "adm", "crm")),
    *KEEPERS,
)
NOTE = Form(
    fields=(Field(id="note", title=text("备注", "note"), maximum=2000, required=False, mark="P"),)
)

V1 = Kind(
    id="retention-trigger",
    version=1,
    title=text("起算事件", "retention trigger"),
    prefix="CF",
    seeds=("M07",),
    clauses=("IATF 16949:2016 7.5.3.2.1",),
    retention="permanent",
    subject=("subject",),
    internal=True,
    states=(
        State(id="reported", title=text("已报告", "reported")),
        State(id="confirmed", title=text("已确认", "confirmed")),
        State(id="withdrawn", title=text("已撤回", "withdrawn"), final=True),
    ),
    steps=(
        Step(
            id="report",
            title=text("报告起算事件", "report a trigger"),
            by=REPORTERS,
            opens=True,
            to="reported",
            form=Form(
                fields=(
                    Field(
                        id="event",
                        title=text("事件", "event"),
                        type="choice",
                        options=(
                            Option(
                                id="product-service-ended",
                                title=text("产品停产停供", "product and service ended"),
                            ),
                            Option(id="contract-ended", title=text("合同终止", "contract ended")),
                            Option(
                                id="customer-date",
                                title=text("顾客指定日期", "date that a customer names"),
                            ),
                        ),
                        mark="P",
                    ),
                    Field(
                        id="subject_kind",
                        title=text("对象类型", "what it is about"),
                        type="choice",
                        options=(
                            Option(id="part", title=text("零件", "part")),
                            Option(id="order", title=text("订单", "order")),
                            Option(id="customer", title=text("客户", "customer")),
                            Option(id="case", title=text("案件", "case")),
                        ),
                        mark="P",
                    ),
                    Field(id="subject", title=text("对象", "subject"), maximum=200, mark="P"),
                    Field(id="date", title=text("日期", "date"), type="date", mark="P"),
                    Field(id="evidence", title=text("证据", "evidence"), maximum=2000, mark="P"),
                    Field(
                        id="files",
                        title=text("附件", "files"),
                        type="attachments",
                        required=False,
                        mark="P",
                    ),
                )
            ),
            mark="P",
            source="IATF 16949:2016 7.5.3.2.1",
        ),
        Step(
            id="confirm",
            title=text("确认", "confirm"),
            by=KEEPERS,
            not_by=(Taker(step="report"), Role(role="administrator")),
            start=("reported",),
            to="confirmed",
            signoff="confirms",
            form=NOTE,
            mark="P",
        ),
        Step(
            id="withdraw",
            title=text("撤回", "withdraw"),
            by=KEEPERS,
            not_by=(Role(role="administrator"),),
            start=("reported", "confirmed"),
            to="withdrawn",
            form=Form(
                fields=(Field(id="reason", title=text("理由", "reason"), maximum=2000, mark="P"),)
            ),
            mark="P",
        ),
    ),
    correcting=Correcting(by=(), locked=("reported", "confirmed", "withdrawn")),
)
VERSIONS = (V1,)
