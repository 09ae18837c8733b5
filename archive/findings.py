"""What a check found: plain words in Chinese and English, counts, and the form in which it is kept.

Nothing here is content: ids, numbers of records, leaf indexes and hashes only.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from archive.evidence.instant import time_text
from archive.owner_only import write_whole

CODES: dict[str, tuple[str, str]] = {
    "leaf-missing": ("叶子缺失", "the leaf is missing"),
    "leaf-form": ("叶子不合规范", "the leaf is not in the published form"),
    "leaf-bytes": ("叶子字节与其哈希不符", "the leaf's bytes do not give its hash"),
    "leaf-hash": (
        "存储的叶子哈希与字节不符",
        "the stored leaf hash is not that of the bytes",
    ),
    "column": ("数据列与叶子内容不符", "a column says otherwise than the leaf"),
    "origin": ("来源日志名称不符", "the event was signed for another log"),
    "register": ("密钥登记无效", "an entry of the key register is not valid"),
    "signature": ("签名无效", "the signature does not hold"),
    "order": ("入档时间倒退", "recorded time runs backwards"),
    "number": ("编号不连续或重复", "record numbers have a gap or a repetition"),
    "counter": ("编号计数器与日志不符", "a counter of numbers says otherwise than the log"),
    "receipt": ("回执无效", "the receipt does not hold"),
    "receipt-missing": ("回执缺失", "the receipt is missing"),
    "chain": ("记录内事件链断裂", "the record's chain of events is broken"),
    "event-twice": ("事件标识重复", "an event id occurs twice"),
    "covers": (
        "签署所指事件不存在",
        "what is signed or referred to is not there before",
    ),
    "anchor": ("签名人所见检查点不属于本日志", "the signer had seen a head that is not this log's"),
    "tile": ("哈希瓦片与叶子不符", "a hash tile does not fit the leaves"),
    "tile-missing": ("哈希瓦片缺失", "a hash tile is missing or too short"),
    "tile-orphan": ("多余的哈希瓦片", "a hash tile holds more than the log"),
    "checkpoint": ("检查点无效", "a checkpoint does not hold"),
    "root": ("检查点的根与叶子不符", "the leaves do not give the root that was signed"),
    "truncated": ("日志短于已签检查点", "the log is shorter than a checkpoint that was signed"),
    "set-back": (
        "日志短于此前已核验的长度:数据被回退",
        "the log is shorter than what was verified before: it was set back",
    ),
    "rewritten": (
        "日志不是此前已核验内容的延续:历史被改写或分叉",
        "the log does not continue what was verified before: history was rewritten, or forked",
    ),
    "memory": (
        "服务器关于已核验内容的记忆无法读取",
        "the server's memory of what it verified cannot be read",
    ),
    "stale": ("日志已长时间没有新的证明", "the log shows no sign of life for too long"),
    "ahead": ("入档时间晚于现在", "recorded time lies in the future"),
    "timestamp": ("时间戳无效", "a stored timestamp does not hold"),
    "cosignature": ("见证会签无效", "a stored cosignature does not hold"),
    "head": ("头部记录与日志不符", "the head row says otherwise than the log"),
    "content-missing": (
        "内容缺失，且无销毁事件",
        "MISSING: content is gone without disposal",
    ),
    "key-missing": (
        "记录密钥缺失，且无销毁事件",
        "MISSING: a record's key is gone, no disposal",
    ),
    "undisposed": (
        "已登记销毁，但内容仍在",
        "disposed, but the content is still there",
    ),
    "ciphertext": ("密文与签名所载不符", "the ciphertext is not the one that was signed"),
    "wrapped-key": ("封装密钥无法打开", "the wrapped key does not open"),
    "content": ("内容与承诺不符", "the content does not match its commitment"),
    "content-column": ("内容行与叶子不符", "a content row says otherwise than the leaf"),
    "content-orphan": ("内容行不属于任何事件", "a content row belongs to no event"),
    "event-orphan": ("事件行在日志之外", "an event row lies outside the log"),
    "segment": ("附件分段损坏", "a segment of an attachment is damaged"),
    "segment-missing": ("附件分段缺失", "MISSING: a segment of an attachment is gone"),
    "segment-orphan": ("多余的附件分段", "an attachment has more segments than were signed"),
    "database": ("数据库文件的结构损坏", "the structure of the database file is damaged"),
    "view": ("视图与重放结果不符", "a view says otherwise than a fresh replay"),
}
PER_CODE = 50
"""Of one kind of damage this many findings are told, the rest counted."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and where. `part`: column, content part, tile or view."""

    code: str
    detail: str = ""
    leaf: int | None = None
    record: str | None = None
    number: str | None = None
    version: int | None = None
    event: str | None = None
    part: str | None = None

    def text(self, language: str) -> str:
        zh, en = CODES[self.code]
        where = ", ".join(
            f"{name} {value}" for name, value in self._where(language) if value is not None
        )
        said = zh if language == "zh" else en
        return said + (f": {where}" if where else "") + (f" ({self.detail})" if self.detail else "")

    def _where(self, language: str) -> list[tuple[str, object]]:
        names = (
            ("叶子", "编号", "记录", "版本", "事件", "部分")
            if language == "zh"
            else ("leaf", "number", "record", "version", "event", "part")
        )
        values = (self.leaf, self.number, self.record, self.version, self.event, self.part)
        return list(zip(names, values, strict=True))

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "zh": self.text("zh"), "en": self.text("en")}


@dataclass(slots=True)
class Findings:
    """Collects; keeps at most `limit` in all and PER_CODE of a kind, and counts every one.

    `tell` hears of each at once.
    """

    limit: int = 200
    kept: list[Finding] = field(default_factory=list)
    by_code: Counter[str] = field(default_factory=Counter)
    tell: Callable[[Finding], None] | None = None

    def add(self, finding: Finding) -> None:
        self.by_code[finding.code] += 1
        if self.tell is not None:
            self.tell(finding)
        if len(self.kept) < self.limit and self.by_code[finding.code] <= PER_CODE:
            self.kept.append(finding)

    def extend(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            self.add(finding)

    def count_only(self, counts: Counter[str]) -> None:
        """Findings that a worker counted beyond those it sent."""
        self.by_code.update(counts)


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The result of one check of `size` leaves. `counts`: how many of each thing were verified."""

    size: int
    counts: dict[str, int]
    findings: tuple[Finding, ...]
    by_code: dict[str, int]
    started: datetime
    finished: datetime
    seconds: float
    views_seconds: float | None = None

    @property
    def total(self) -> int:
        return sum(self.by_code.values())

    @property
    def ok(self) -> bool:
        return not self.total

    def as_json(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "size": self.size,
            "counts": self.counts,
            "total": self.total,
            "by_code": self.by_code,
            "findings": [finding.as_json() for finding in self.findings],
            "started": time_text(self.started),
            "finished": time_text(self.finished),
            "seconds": round(self.seconds, 3),
            "views_seconds": self.views_seconds and round(self.views_seconds, 3),
        }

    def text(self, language: str) -> str:
        zh = language == "zh"
        counted = ", ".join(f"{name} {n}" for name, n in sorted(self.counts.items()))
        lines = [
            f"{'核验叶子' if zh else 'leaves checked'}: {self.size} ({self.seconds:.1f} s)",
            f"{'已核验' if zh else 'verified'}: {counted}",
        ]
        lines += [f"✗ {finding.text(language)}" for finding in self.findings]
        hidden = self.total - len(self.findings)
        if hidden:
            lines.append(f"… {'另有' if zh else 'and'} {hidden} {'处' if zh else 'more'}")
        if self.ok:
            lines.append("完好无损" if zh else "everything is whole")
        else:
            lines.append(f"发现 {self.total} 处问题" if zh else f"{self.total} things are wrong")
        return "\n".join(lines)


def keep_report(path: Path, report: CheckReport) -> None:
    """Keep the last result in a file, replaced at once so that a reader never sees half of it."""
    write_whole(path, json.dumps(report.as_json(), ensure_ascii=False, indent=1).encode())


def last_report(path: Path) -> dict[str, Any] | None:
    """What `keep_report` kept; None where there is none, or none that can be read."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return kept if isinstance(kept, dict) else None
