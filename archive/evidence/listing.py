"""index.txt: the bundle's table of contents for people, in Chinese and English.

It is computed from the evidence, and the verifier computes it again: it cannot tell a
different story. It holds no content.
"""

from dataclasses import dataclass
from typing import Self

from archive.evidence.checkpoint import Checkpoint
from archive.evidence.leaf import Leaf
from archive.evidence.statement import Statement


@dataclass(frozen=True, slots=True)
class Row:
    index: int
    record: str
    version: int
    number: str | None
    kind: str
    type: str
    step: str | None
    occurred_at: str
    recorded_at: str
    parts: int

    @classmethod
    def of(cls, index: int, leaf: Leaf, statement: Statement) -> Self:
        return cls(
            index,
            statement.record,
            statement.version,
            leaf.number,
            statement.kind,
            statement.type,
            statement.step,
            statement.occurred_at,
            leaf.recorded_at,
            len(statement.parts),
        )


def heading(origin: str, head: Checkpoint) -> bytes:
    lines = [
        "留痕 证据包目录 / Liuhen evidence bundle: contents",
        f"档案 origin: {origin}",
        f"检查点 checkpoint: {head.size} 条 leaves, {head.root.hex()}",
        "核验 verify: python -m archive.evidence BUNDLE",
        "",
        "叶号 leaf | 记录 record | 版本 version | 编号 number | 类型 kind | 事件 event"
        " | 步骤 step | 声称时间 occurred | 入档时间 recorded | 内容件 parts",
    ]
    return ("\n".join(lines) + "\n").encode("utf-8")


def row_line(r: Row) -> bytes:
    text = (
        f"{r.index} | {r.record} | {r.version} | {r.number or '-'} | {r.kind} | {r.type}"
        f" | {r.step or '-'} | {r.occurred_at} | {r.recorded_at} | {r.parts}\n"
    )
    return text.encode("utf-8")
