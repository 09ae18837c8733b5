"""Step 7 of the verifier, continued: whether anything was left out of the bundle."""

from archive.evidence import bundle, dsse, heads
from archive.evidence.checkpoint import Checkpoint
from archive.evidence.container import Container
from archive.evidence.errors import EvidenceError
from archive.evidence.heads import Heads
from archive.evidence.history import History
from archive.evidence.register import KeyRegister
from archive.evidence.report import Completeness, Level, Report


def check(
    report: Report,
    box: Container,
    said: bundle.Head,
    register: KeyRegister,
    history: History,
    head: Checkpoint | None,
) -> None:
    """After all leaves. What the heads say, and what all leaves prove by themselves."""
    failures = report.failures
    told = _read(report, box, register)
    if told is not None:
        _compare(report, told, said, register.record, head)
        _ends(report, told, history)
    # Each index has one leaf in the bundle, which its own proof led to this very place.
    if head is not None and len(report.proven) == head.size:
        report.completeness = Completeness.PROVEN
    elif report.failures == failures:
        report.completeness = Completeness.SIGNED
    else:
        report.add(7, Level.NOT_CHECKED, "tail", report.origin)


def _read(report: Report, box: Container, register: KeyRegister) -> Heads | None:
    try:
        envelope, told = heads.read(box.read(bundle.HEADS, heads.MAX_HEADS))
    except EvidenceError as error:
        report.fail(7, "heads", bundle.HEADS, error)
        return None
    try:
        dsse.verify(envelope, register.key_at(envelope.keyid, told.size - 1, "log"))
    except EvidenceError as error:
        report.fail(7, "heads-signature", bundle.HEADS, error)
    return told


def _compare(
    report: Report, told: Heads, said: bundle.Head, register: str, head: Checkpoint | None
) -> None:
    over = (head.origin, head.size, head.root.hex()) if head is not None else None
    if (told.origin, told.size, told.root) != over or told.about != said.about:
        report.fail(7, "heads-other", bundle.HEADS)
    if told.records.keys() != {*said.records, register}:
        report.fail(7, "heads-records", bundle.HEADS)


def _ends(report: Report, told: Heads, history: History) -> None:
    for record, (version, hash_) in told.records.items():
        here = history.records.get(bytes.fromhex(record))
        if here is not None and (here.version, here.prev) != (version, hash_):
            detail = f"{here.version} / {version}"
            report.fail(7, "head-differs", f"record {record}", detail)
