"""恢复: an archive that was restored from a backup, and what it disposed of again.

What was disposed of after the backup was taken is in it again. The disposals are replayed before
the restored archive serves anybody (RETENTION.md 6).
"""

from __future__ import annotations

from domain.kind import Correcting, Field, Form, Guard, Holds, Kind, State, Step, text
from domain.listed import ITEMS, LIST_HASH, MEDIUM

V1 = Kind(
    id="restoration",
    version=1,
    title=text("恢复", "restoration"),
    prefix="HF",
    seeds=("M07",),
    clauses=("ISO 9001:2015 7.5.3.2",),
    retention="permanent",
    subject=("backup",),
    internal=True,
    states=(
        State(id="replaying", title=text("重放处置", "replaying disposals")),
        State(id="serving", title=text("已恢复服务", "serving"), final=True),
    ),
    steps=(
        Step(
            id="begin",
            title=text("开始恢复", "begin"),
            by=(),
            opens=True,
            to="replaying",
            form=Form(
                fields=(
                    Field(id="backup", title=text("备份", "backup"), maximum=500, mark="P"),
                    Field(
                        id="taken_at", title=text("备份时间", "taken at"), type="instant", mark="P"
                    ),
                    Field(
                        id="size",
                        title=text("备份时日志长度", "size of its log"),
                        type="integer",
                        minimum=0,
                        mark="P",
                    ),
                    Field(id="root", title=text("备份时日志根", "root"), maximum=64, mark="P"),
                    Field(
                        id="ledger_size",
                        title=text(
                            "处置台账所载日志长度", "size of the log in the disposal ledger"
                        ),
                        type="integer",
                        minimum=0,
                        mark="P",
                    ),
                    Field(
                        id="ledger_root",
                        title=text("处置台账所载日志根", "root in the disposal ledger"),
                        maximum=64,
                        mark="P",
                    ),
                )
            ),
            mark="P",
            source="RETENTION 6",
        ),
        Step(
            id="replay",
            title=text("重放处置", "replay a disposal"),
            by=(),
            start=("replaying",),
            guards=(
                Guard(
                    needs=Holds(rule="replay-is-sound@1"),
                    message=text(
                        "序号不得重复;须有两份不同的批准。",
                        "No item stands twice, and there are two different approvals.",
                    ),
                ),
            ),
            form=Form(
                fields=(
                    MEDIUM,
                    LIST_HASH,
                    ITEMS,
                    Field(
                        id="approvals",
                        title=text("原批准的信封哈希", "envelope hashes of its approvals"),
                        type="rows",
                        minimum=2,
                        rows=(
                            Field(
                                id="digest",
                                title=text("哈希", "hash"),
                                minimum=64,
                                maximum=64,
                                mark="P",
                            ),
                        ),
                        mark="P",
                    ),
                )
            ),
            mark="P",
            source="RETENTION 6",
        ),
        Step(
            id="serve",
            title=text("恢复服务", "serve again"),
            by=(),
            start=("replaying",),
            to="serving",
            mark="P",
        ),
    ),
    correcting=Correcting(by=(), locked=("replaying", "serving")),
)
VERSIONS = (V1,)
