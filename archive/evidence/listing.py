"""index.txt: the bundle's table of contents for people, in Chinese and English.

It is computed from the evidence, and the verifier computes it again: it cannot tell a
different story. It holds no content.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from sys import intern

from archive.evidence.checkpoint import Checkpoint
from archive.evidence.heads import About
from archive.evidence.leaf import Leaf
from archive.evidence.statement import Statement


def heading(origin: str, head: Checkpoint, about: About) -> bytes:
    lines = [
        "留痕 证据包目录 / Liuhen evidence bundle: contents",
        f"档案 origin: {origin}",
        f"检查点 checkpoint: {head.size} 条 leaves, {head.root.hex()}",
        f"所求 asked for: {' | '.join(filter(None, (about.variety, about.asked)))}",
        f"截至 as of: {about.as_of}",
        f"册 volume: {about.volume}/{about.volumes}",
        "核验 verify: python -m archive.evidence BUNDLE",
        "叶号 leaf | 版本 version | 事件 event | 步骤 step | 声称时间 occurred"
        " | 入档时间 recorded | 内容件 parts",
    ]
    return "".join(f"{line}\n" for line in lines).encode("utf-8")


def event_line(index: int, leaf: Leaf, said: Statement) -> bytes:
    text = (
        f"{index} | {said.version} | {said.type} | {said.step or '-'} | {said.occurred_at}"
        f" | {leaf.recorded_at} | {len(said.parts)}\n"
    )
    return text.encode("utf-8")


@dataclass(slots=True)
class _Block:
    """A record. `folded`: the hash of its last line and of the same over all lines before."""

    number: str | None
    kind: str
    events: int = 0
    folded: bytes = b""

    def title(self, record: str, *, context: bool) -> bytes:
        told = f"{self.number or '-'} | {self.kind} | {record} | {self.events} 个事件 events"
        return f"{told}{' | 佐证 context' if context else ''}\n".encode()


class Contents:
    """What the table must say of each record. Give it the leaves of the records, in their order."""

    def __init__(self) -> None:
        self._blocks: dict[bytes, _Block] = {}

    def add(self, index: int, leaf: Leaf, said: Statement) -> bytes:
        """The event's line, of which no more than a hash is held."""
        line = event_line(index, leaf, said)
        id_ = bytes.fromhex(said.record)
        block = self._blocks.get(id_)
        if block is None:
            block = self._blocks[id_] = _Block(leaf.number, intern(said.kind))
        block.events += 1
        block.folded = _fold(block.folded, line)
        return line

    def write(
        self, heading: bytes, context: Collection[str], lines: Mapping[str, Iterable[bytes]]
    ) -> Iterator[bytes]:
        """The table, from the lines that `add` gave, by record."""
        yield heading
        for record, title, _ in self._order(context):
            yield b"\n" + title
            yield from lines[record]

    def is_told_by(self, heading: bytes, context: Collection[str], lines: Iterator[bytes]) -> bool:
        """Whether these are the table's lines, and no others."""
        if any(next(lines, b"") != line for line in heading.splitlines(keepends=True)):
            return False
        for _, title, block in self._order(context):
            if next(lines, b"") != b"\n" or next(lines, b"") != title:
                return False
            folded = b""
            for _ in range(block.events):
                folded = _fold(folded, next(lines, b""))
            if folded != block.folded:
                return False
        return next(lines, None) is None

    def _order(self, context: Collection[str]) -> Iterator[tuple[str, bytes, _Block]]:
        """Those that were asked for, then the others; as their first leaves lie in the log."""
        beside = set(context)
        for wanted in (False, True):
            for id_, block in self._blocks.items():
                record = id_.hex()
                if (record in beside) is wanted:
                    yield record, block.title(record, context=wanted), block


def _fold(before: bytes, line: bytes) -> bytes:
    return sha256(before + line).digest()
