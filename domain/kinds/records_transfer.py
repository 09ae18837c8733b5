"""移交: what a reviewer wants handed over is handed over, before it may be listed again.

A record of its own and no step of the disposal: one handing-over may answer several lists, and the
list on which it was asked for may long be withdrawn or certified. One person records it with the
recipient's receipt, another confirms it; a record of which that is not done does not go.
"""

from __future__ import annotations

from domain.kind import (
    Correcting,
    Field,
    Form,
    Guard,
    Holds,
    Kind,
    Office,
    Role,
    State,
    Step,
    Taker,
    Who,
    text,
)

RECORDS_OFFICER = Role(role="records-officer")
ADMINISTRATOR = Role(role="administrator")
CONFIRMERS: tuple[Who, ...] = (RECORDS_OFFICER, Role(role="quality-manager"))

V1 = Kind(
    id="records-transfer",
    version=1,
    title=text("移交", "transfer of records"),
    prefix="YJ",
    seeds=("M07",),
    clauses=("ISO 15489-1:2016 9.9", "ISO 9001:2015 7.5.3.2 d"),
    retention="permanent",
    subject=("recipient",),
    internal=True,
    states=(
        State(id="recorded", title=text("已登记", "recorded")),
        State(id="confirmed", title=text("已确认", "confirmed"), final=True),
        State(id="refused", title=text("未予确认", "refused"), final=True),
    ),
    steps=(
        Step(
            id="record",
            title=text("登记移交", "record a transfer"),
            by=(Office(function="adm"), RECORDS_OFFICER),
            opens=True,
            to="recorded",
            guards=(
                Guard(
                    needs=Holds(rule="transfer-is-sound@1"),
                    message=text(
                        "记录标识为32位,不得重复;移交包哈希为64位十六进制数。",
                        "A record id has 32 hex digits and stands once; the hash of the bundle has "
                        "64 hex digits.",
                    ),
                ),
            ),
            form=Form(
                fields=(
                    Field(
                        id="items",
                        title=text("记录或纸质件", "records or paper copies"),
                        type="rows",
                        maximum=5000,
                        rows=(
                            Field(
                                id="record",
                                title=text("记录标识(或纸质件标识)", "id of a record or copy"),
                                maximum=32,
                                mark="P",
                            ),
                        ),
                        mark="P",
                    ),
                    Field(id="recipient", title=text("接收方", "recipient"), maximum=200, mark="P"),
                    Field(id="day", title=text("移交日期", "day"), type="date", mark="P"),
                    Field(
                        id="bundle_hash",
                        title=text("移交包SHA-256", "SHA-256 of what was handed over"),
                        minimum=64,
                        maximum=64,
                        mark="P",
                        help=text(
                            "电子件为导出包;纸质件为接收清单文件。",
                            "The exported bundle; for paper the file of the inventory.",
                        ),
                    ),
                    Field(
                        id="receipt",
                        title=text("接收方回执", "the recipient's receipt"),
                        type="attachments",
                        mark="P",
                    ),
                )
            ),
            mark="P",
            source="RETENTION 6",
        ),
        Step(
            id="confirm",
            title=text("确认移交", "confirm"),
            by=CONFIRMERS,
            not_by=(Taker(step="record"), ADMINISTRATOR),
            start=("recorded",),
            to="confirmed",
            signoff="confirms",
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
        Step(
            id="refuse",
            title=text("不予确认", "refuse"),
            by=CONFIRMERS,
            not_by=(ADMINISTRATOR,),
            start=("recorded",),
            to="refused",
            form=Form(
                fields=(Field(id="reason", title=text("理由", "reason"), maximum=2000, mark="P"),)
            ),
            mark="P",
        ),
    ),
    correcting=Correcting(by=(), locked=("recorded", "confirmed", "refused")),
)
VERSIONS = (V1,)
