"""What a tlog-proof file proves of one event, in plain words (zh, en)."""

from dataclasses import asdict, dataclass

from archive.evidence import dsse, statement, tlog_proof
from archive.evidence import leaf as leaves
from archive.evidence.errors import EvidenceError
from archive.evidence.merkle import leaf_hash
from archive.evidence.policy import Policy


@dataclass(frozen=True, slots=True)
class Event:
    """What the leaf says of itself, where it is a leaf of this format."""

    event: str
    record: str
    version: int
    number: str | None
    recorded_at: str


@dataclass(frozen=True, slots=True)
class ProofReport:
    """`fault`: why the proof does not hold; None where it does."""

    index: int
    fault: str | None
    origin: str = ""
    size: int = 0
    root: str = ""
    leaf_hash: str = ""
    event: Event | None = None

    @property
    def ok(self) -> bool:
        return self.fault is None

    def as_json(self) -> dict[str, object]:
        return {"ok": self.ok, **asdict(self)}

    def text(self, lang: str) -> str:
        at = 0 if lang == "zh" else 1
        if self.fault is not None:
            return _FAILED[at].format(self.index, self.fault) + "\n"
        lines = [_HOLDS[at].format(**asdict(self))]
        if self.event is None:
            lines.append(_FOREIGN[at].format(self.leaf_hash))
        else:
            number = self.event.number or "-"
            lines.append(_EVENT[at].format(**{**asdict(self.event), "number": number}))
        return "\n".join([*lines, _LIMITS[at]]) + "\n"


_FAILED = ("证明不成立：第 {} 条：{}", "the proof does not hold: leaf {}: {}")
_HOLDS = (
    "证明成立：此叶是日志 {origin} 的第 {index} 条；"
    "您信任的公钥已签署该日志 {size} 条的树头 {root}",
    "the proof holds: this is leaf {index} of the log {origin}, whose head over {size} leaves "
    "({root}) is signed by the key that you trust",
)
_EVENT = (
    "事件 {event}，记录 {record}（编号 {number}）第 {version} 版，入档时间 {recorded_at}",
    "event {event}, record {record} (number {number}) version {version}, recorded at {recorded_at}",
)
_FOREIGN = ("叶哈希 {}；叶不是本格式", "leaf hash {}; the leaf is not of this format")
_LIMITS = (
    "未核验：作者签名、内容与记录的其余事件（须用证据包）",
    "NOT CHECKED: the author's signature, content, and the record's other events (take a bundle)",
)


def check(data: bytes, policy: Policy, leaf: bytes | None = None) -> ProofReport:
    """FormatError where the file is no tlog-proof; what does not hold is in the report."""
    proof = tlog_proof.parse(data)
    try:
        head = proof.verify(policy, leaf)
        carried = leaf if leaf is not None else proof.extra or b""
        event = _event(carried, head.origin)
    except EvidenceError as error:
        return ProofReport(proof.index, str(error))
    hash_ = leaf_hash(carried).hex()
    return ProofReport(proof.index, None, head.origin, head.size, head.root.hex(), hash_, event)


def _event(data: bytes, origin: str) -> Event | None:
    """None for the leaf of another format; EvidenceError for one that was made for another log."""
    try:
        read = leaves.parse(data)
        said = statement.parse(dsse.parse(read.envelope, dsse.STATEMENT_TYPE).payload)
    except EvidenceError:
        return None
    if said.origin != origin:
        raise EvidenceError(f"the event was made for the log {said.origin}")
    return Event(said.event, said.record, said.version, read.number, read.recorded_at)
