"""授权委托: who may sign and act for whom, for which kinds, and for how long (SEEDS.md 9.8)."""

from __future__ import annotations

from domain.kind import (
    Correcting,
    Field,
    Form,
    Guard,
    Holds,
    Kind,
    Named,
    Role,
    State,
    Step,
    text,
)

ADMINISTRATOR = Role(role="administrator")

V1 = Kind(
    id="delegation",
    version=1,
    title=text("授权委托", "delegation"),
    prefix="WT",
    seeds=("M03", "I13"),
    clauses=("ISO 9001:2015 5.3",),
    retention="permanent",
    subject=("reason",),
    internal=True,
    states=(
        State(id="granted", title=text("已授权", "granted")),
        State(id="revoked", title=text("已撤销", "revoked"), final=True),
    ),
    steps=(
        Step(
            id="grant",
            title=text("授权", "grant"),
            by=(Named(by="principal"), ADMINISTRATOR),
            not_by=(Named(by="delegate"),),
            opens=True,
            to="granted",
            mark="P",
            source="SEEDS 9.8",
            guards=(
                Guard(
                    needs=Holds(rule="delegation-is-sound@1"),
                    message=text(
                        "委托人与受托人须为两人,且开始时间须早于结束时间。",
                        "Name two different people, and a start that lies before the end.",
                    ),
                ),
            ),
            form=Form(
                fields=(
                    Field(
                        id="principal",
                        title=text("委托人", "principal"),
                        type="person",
                        mark="P",
                    ),
                    Field(id="delegate", title=text("受托人", "delegate"), type="person", mark="P"),
                    Field(
                        id="kinds",
                        title=text("限于记录种类(不填为全部)", "kinds of record (none: all)"),
                        type="rows",
                        required=False,
                        rows=(
                            Field(
                                id="kind", title=text("种类代码", "kind id"), maximum=48, mark="P"
                            ),
                        ),
                        mark="P",
                    ),
                    Field(id="since", title=text("开始时间", "from"), type="instant", mark="P"),
                    Field(id="until", title=text("结束时间", "until"), type="instant", mark="P"),
                    Field(id="reason", title=text("事由", "reason"), maximum=500, mark="P"),
                )
            ),
        ),
        Step(
            id="revoke",
            title=text("撤销授权", "revoke"),
            by=(Named(by="grant.principal"), Named(by="grant.delegate"), ADMINISTRATOR),
            start=("granted",),
            to="revoked",
            mark="P",
            form=Form(
                fields=(Field(id="reason", title=text("事由", "reason"), required=False, mark="P"),)
            ),
        ),
    ),
    correcting=Correcting(by=(), locked=("granted", "revoked")),
)
"""No corrections: a right that was given wrongly is revoked and given anew, so that it shows."""
VERSIONS = (V1,)
