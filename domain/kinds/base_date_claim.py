"""原始归档日期: the day on which imported records had been filed, with evidence and two approvals.

Backdating a filing is the cheapest way to make a record due (RETENTION.md 4): without an approved
claim an imported record counts from its import.
"""

from __future__ import annotations

from domain.kind import Correcting, Field, Form, Kind, Office, Role, State, Step, Taker, text

RECORDS_OFFICER = Role(role="records-officer")
QUALITY_MANAGER = Role(role="quality-manager")
ADMINISTRATOR = Role(role="administrator")
NOTE = Form(
    fields=(Field(id="note", title=text("备注", "note"), maximum=2000, required=False, mark="P"),)
)

V1 = Kind(
    id="base-date-claim",
    version=1,
    title=text("原始归档日期认定", "claim of base dates"),
    prefix="RQ",
    seeds=("M07",),
    clauses=("ISO 9001:2015 7.5.3.2 d",),
    retention="permanent",
    subject=("source",),
    internal=True,
    states=(
        State(id="claimed", title=text("已申报", "claimed")),
        State(id="approved-once", title=text("一级批准", "approved once")),
        State(id="approved", title=text("已认定", "approved"), final=True),
        State(id="refused", title=text("不予认定", "refused"), final=True),
    ),
    steps=(
        Step(
            id="claim",
            title=text("申报", "claim"),
            by=(Office(function="adm"), RECORDS_OFFICER),
            opens=True,
            to="claimed",
            form=Form(
                fields=(
                    Field(id="source", title=text("来源系统", "source"), maximum=200, mark="P"),
                    Field(id="evidence", title=text("证据", "evidence"), maximum=2000, mark="P"),
                    Field(
                        id="files",
                        title=text("附件", "files"),
                        type="attachments",
                        required=False,
                        mark="P",
                    ),
                    Field(
                        id="items",
                        title=text("记录与日期", "records and dates"),
                        type="rows",
                        maximum=5000,
                        rows=(
                            Field(
                                id="record",
                                title=text("记录标识", "record id"),
                                maximum=32,
                                mark="P",
                            ),
                            Field(
                                id="date",
                                title=text("归档日期", "day of filing"),
                                type="date",
                                mark="P",
                            ),
                        ),
                        mark="P",
                    ),
                )
            ),
            mark="P",
            source="RETENTION 4",
        ),
        Step(
            id="approve-first",
            title=text("档案管理员批准", "approval by the records officer"),
            by=(RECORDS_OFFICER,),
            not_by=(Taker(step="claim"), ADMINISTRATOR),
            start=("claimed",),
            to="approved-once",
            signoff="approves",
            form=NOTE,
            mark="P",
        ),
        Step(
            id="approve-second",
            title=text("质量经理批准", "approval by the quality manager"),
            by=(QUALITY_MANAGER,),
            not_by=(Taker(step="claim"), Taker(step="approve-first"), ADMINISTRATOR),
            start=("approved-once",),
            to="approved",
            signoff="approves",
            form=NOTE,
            mark="P",
        ),
        Step(
            id="refuse",
            title=text("不予认定", "refuse"),
            by=(RECORDS_OFFICER, QUALITY_MANAGER),
            not_by=(ADMINISTRATOR,),
            start=("claimed", "approved-once"),
            to="refused",
            form=Form(
                fields=(Field(id="reason", title=text("理由", "reason"), maximum=2000, mark="P"),)
            ),
            mark="P",
        ),
    ),
    correcting=Correcting(by=(), locked=("claimed", "approved-once", "approved", "refused")),
)
VERSIONS = (V1,)
