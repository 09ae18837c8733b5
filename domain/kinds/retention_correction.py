"""保管更正: an extension that was wrong (a part, a customer, a mark) is taken away, by two people.
So is what a reviewer reserved from destruction: a keep, a transfer or a hold that was asked for.

Never below the floor of the record's own class (RETENTION.md 4).
"""

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
    Taker,
    text,
)

ADMINISTRATOR = Role(role="administrator")


def _wrong(field: str, each: str, zh: str, en: str) -> Field:
    return Field(
        id=field,
        title=text(f"误列的{zh}", f"{en} that were wrong"),
        type="rows",
        required=False,
        rows=(Field(id=each, title=text(zh, each), maximum=100, mark="P"),),
        mark="P",
    )


V1 = Kind(
    id="retention-correction",
    version=1,
    title=text("保管更正", "correction of retention"),
    prefix="GZ",
    seeds=("M07",),
    clauses=("ISO 9001:2015 7.5.3.2 d",),
    retention="permanent",
    subject=("reason",),
    internal=True,
    states=(
        State(id="asked", title=text("已申请", "asked for")),
        State(id="approved", title=text("已批准", "approved"), final=True),
    ),
    steps=(
        Step(
            id="correct",
            title=text("申请更正", "ask for a correction"),
            by=(Role(role="records-officer"),),
            opens=True,
            to="asked",
            guards=(
                Guard(
                    needs=Holds(rule="correction-names-something@1"),
                    message=text(
                        "请至少指出一个误列的标记、零件、客户或审查结论;记录标识为32位。",
                        "Name a mark, a part, a customer or an outcome that was wrong; a record id "
                        "has 32 hex digits.",
                    ),
                ),
            ),
            form=Form(
                fields=(
                    Field(
                        id="record",
                        title=text("记录标识(或纸质件标识)", "record id, or that of a paper copy"),
                        maximum=32,
                        mark="P",
                    ),
                    Field(
                        id="marks",
                        title=text("误加的标记", "marks that were wrong"),
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
                    ),
                    _wrong("parts", "part", "零件", "parts"),
                    _wrong("customers", "customer", "客户", "customers"),
                    Field(
                        id="outcomes",
                        title=text("撤销的审查结论", "outcomes of reviews to take away"),
                        type="choices",
                        required=False,
                        options=(
                            Option(id="keep", title=text("继续保管", "keep")),
                            Option(id="transfer", title=text("移交", "transfer")),
                            Option(id="hold", title=text("保全", "hold")),
                        ),
                        mark="P",
                        help=text(
                            "撤销申请之前对该记录(或纸质件)作出的此类结论。",
                            "All of these that were given for the record, or paper copy, before.",
                        ),
                    ),
                    Field(id="reason", title=text("理由", "reason"), maximum=2000, mark="P"),
                )
            ),
            mark="P",
            source="RETENTION 4",
        ),
        Step(
            id="approve",
            title=text("质量经理批准", "approval by the quality manager"),
            by=(Role(role="quality-manager"),),
            not_by=(Taker(step="correct"), ADMINISTRATOR),
            start=("asked",),
            to="approved",
            signoff="approves",
            form=Form(
                fields=(
                    Field(
                        id="note",
                        title=text("备注", "note"),
                        maximum=2000,
                        required=False,
                        mark="P",
                    ),
                )
            ),
            mark="P",
        ),
    ),
    correcting=Correcting(by=(), locked=("asked", "approved")),
)
VERSIONS = (V1,)
