"""One archive before it is attacked, and what auditors, witnesses and callers keep of it."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from archive.evidence import checkpoint as heads
from archive.evidence import cosignature, dsse, merkle
from archive.evidence.errors import EvidenceError
from archive.evidence.keys import SigningKey
from archive.evidence.policy import Policy
from archive.evidence.report import Level, Report
from archive.evidence.statement import Seen, parse
from archive.evidence.tlog_proof import TlogProof
from archive.evidence.verify import verify
from archive.exporting import Exporter, Wanted
from archive.findings import CheckReport
from archive.log import vkey
from archive.store import Checkpoint, Committed, StoreError, Unit
from archive.witness import Witness
from tests.archive.small_archive import ORIGIN, SmallArchive
from tests.vectors.authenticator import Authenticator
from tests.vectors.world import seeded

OWNER = "0b" * 16
OWN = SigningKey.from_seed(seeded("an author's own key"))
PHONE = Authenticator("an author's phone", counter=5)
WITNESSES = ("w0", "w1")
OPENED, STEP, OTHER, OWN_STEP, OTHER_STEP, APPROVED, NOTED, LAST = 4, 5, 6, 7, 8, 9, 10, 11
"""Leaves: the complaint's opening with two files, a step, another record's opening with a file,
a step signed by its author's own key, another's step, the author's passkey, and two more."""


@dataclass
class Outside:
    """What lies where no attacker of the archive reaches: heads, receipts, proofs, and a policy
    that asks for both witnesses."""

    vkey: str
    policy: Policy
    head: heads.Checkpoint
    complaint: str
    other: str
    receipts: dict[int, bytes]
    proofs: dict[int, TlogProof]
    heads_of: dict[str, tuple[int, str]]


@dataclass(repr=False)
class Scene:
    """An archive in the hands of its attacker; `start` is the server starting again."""

    folder: Path
    start: Callable[[], SmallArchive]
    run: Callable[..., list[Any]]
    outside: Outside
    opened: list[SmallArchive] = field(default_factory=list)

    def archive(self) -> SmallArchive:
        made = self.start()
        made.heads = deepcopy(self.outside.heads_of)
        self.opened.append(made)
        return made

    def close(self) -> None:
        for each in self.opened:
            each.close()


@dataclass
class Judged:
    """Each who looks, and what they say. `bundle`: (step, code) of what failed, without where."""

    check: CheckReport
    bundle: set[tuple[int, str]] = field(default_factory=set)
    report: Report | None = None
    file: bytes = b""
    refused: str = ""
    witnesses: list[int] = field(default_factory=list)
    follows: bool = False

    @property
    def found(self) -> set[tuple[str, int | None]]:
        return {(finding.code, finding.leaf) for finding in self.check.findings}

    @property
    def flags(self) -> set[tuple[int, str]]:
        assert self.report is not None
        return {(f.step, f.code) for f in self.report.findings if f.level is Level.FLAG}


# ---------------------------------------------------------------- the story before


def fill(small: SmallArchive, folder: Path) -> Outside:
    """Twelve leaves, cosigned by two witnesses over the first seven and over all."""
    small.keyring.register_own(small.committer, OWN.public, OWNER)
    small.keyring.register_signoff(small.committer, device(PHONE))
    key = vkey(ORIGIN, small.keyring.log_key)
    lines = [f"log {key}"]
    for name in WITNESSES:
        made = Witness.make(folder / name, f"{name}.example")
        lines.append(f"witness {name} {made}")
        with Witness.open(folder / name, wall) as witness:
            witness.trust(key)
    lines += [f"group both all {' '.join(WITNESSES)}", "quorum both", ""]
    policy = Policy.parse("\n".join(lines))
    complaint = small.open("设备迟交三天", files=[b"first file" * 50, b"second file" * 50])
    small.append(complaint, "已联系客户", step="reply")
    other = small.open("另一件", files=[b"of the other record"])
    cosigned(small, folder, 0)
    seen = heads.read(small.log.checkpoint().note)[1]
    by_author(small, complaint, seen=Seen(seen.size, seen.root.hex()))
    small.append(other, "不满意", step="callback")
    approved(small, complaint)
    small.append(other, "备注")
    small.append(complaint, "结束")
    note_ = cosigned(small, folder, seen.size)[0]
    size = small.store.head().size
    assert size == LAST + 1
    rows = list(small.store.leaves(0, size))
    return Outside(
        vkey=key, policy=policy, head=heads.read(note_)[1], complaint=complaint, other=other,
        receipts={i: r for i, r in small.store.receipts(0, size) if r is not None},
        proofs={
            row.leaf_index: TlogProof(
                row.leaf_index, tuple(small.log.inclusion(row.leaf_index, size)[1]), note_, row.leaf
            )
            for row in rows
        },
        heads_of=deepcopy(small.heads),
    )  # fmt: skip


def device(of: Authenticator, public: bytes | None = None) -> dict[str, Any]:
    """The facts that register a passkey of the author's, let in by their session."""
    return {
        "alg": of.alg,
        "approved": {"by": None, "how": "session"},
        "key": of.key_id,
        "owner": OWNER,
        "public": base64.b64encode(public or of.public).decode("ascii"),
        "rp": of.rp,
    }


def by_author(small: SmallArchive, record: str, key: SigningKey = OWN, **changes: Any) -> Committed:
    """The next event of a record, signed by the author's own key."""
    said = {"key": key.key_id, "assurance": "own-key", "actor": OWNER, **changes}
    return signed(small, record, lambda p: key.sign(dsse.pae(dsse.STATEMENT_TYPE, p)), **said)


def approved(
    small: SmallArchive,
    record: str,
    by: Authenticator = PHONE,
    sign: Callable[[bytes], bytes] | None = None,
    **changes: Any,
) -> Committed:
    """The author approves the record's last event by passkey; `sign`: how else the assertion is
    made of the statement's bytes."""
    covers = [small.heads[record][1]]
    said = {"key": PHONE.key_id, "assurance": "passkey", "actor": OWNER, "covers": covers}
    return signed(small, record, sign or by.sign, type_="signed", **{**said, **changes})


def signed(
    small: SmallArchive, record: str, sign: Callable[[bytes], bytes], **changes: Any
) -> Committed:
    sealed = small.seal(record, "同意", **changes)
    payload = dsse.parse(sealed.envelope, dsse.STATEMENT_TYPE).payload
    said = parse(payload)
    envelope = dsse.assemble(payload, dsse.STATEMENT_TYPE, said.key, sign(payload))
    small.heads[record] = said.version, dsse.envelope_hash(envelope)
    (committed,) = small.committer.commit(Unit((replace(sealed, envelope=envelope),)))
    return committed


# ---------------------------------------------------------------- those who look


def wall() -> datetime:
    return datetime(2026, 11, 22, 9, tzinfo=UTC)


def cosigned(
    small: SmallArchive, folder: Path, old: int, names: Sequence[str] = WITNESSES
) -> tuple[bytes, list[int]]:
    """The newest head with a line of each witness that signs it; what each of them answered.

    They last saw `old` leaves. Whoever has fewer claims to have shown fewer.
    """
    head = small.log.checkpoint()
    begin = min(old, head.size)
    proof = tuple(small.log.consistency(begin, head.size))
    body = cosignature.encode_request(cosignature.Request(begin, proof, head.note))
    replies = []
    for name in names:
        with Witness.open(folder / name, wall) as witness:
            replies.append(witness.add_checkpoint(body))
    lines = b"".join(reply.body for reply in replies if reply.status == 200)
    return head.note + lines, [reply.status for reply in replies]


def judge(scene: Scene, *records: str) -> Judged:
    """`liuhen check`; both witnesses; an auditor with a bundle, a policy and an older head."""
    small = scene.archive()
    judged = Judged(small.check())
    try:
        head, judged.witnesses = cosigned(small, scene.folder, scene.outside.head.size)
        judged.follows = follows(small, scene.outside.head)
        file, size = io.BytesIO(), small.store.head().size
        made = Checkpoint(size, head, wall())
        exporter = Exporter(small.store, small.keys, small.keyring, small.log, lambda: made)
        exporter.export(Wanted(records=records or (scene.outside.complaint,)), file)
    except (StoreError, EvidenceError) as error:
        judged.refused = type(error).__name__
        return judged
    judged.file = file.getvalue()
    judged.report, judged.bundle = examined(scene, judged.file)
    return judged


def examined(scene: Scene, data: bytes) -> tuple[Report, set[tuple[int, str]]]:
    """What the auditor's verifier says of a bundle: all of it, and (step, code) of each failure."""
    report = verify(io.BytesIO(data), scene.outside.policy)
    failed = (finding for finding in report.findings if finding.level is Level.FAILED)
    return report, {(finding.step, finding.code) for finding in failed}


def follows(small: SmallArchive, held: heads.Checkpoint) -> bool:
    """Whether the archive's head is shown to go on from the one that was kept outside."""
    new = heads.read(small.log.checkpoint().note)[1]
    if new.size < held.size:
        return False
    try:
        proof = small.log.consistency(held.size, new.size)
        merkle.verify_consistency(held.size, new.size, held.root, new.root, proof)
    except EvidenceError:
        return False
    return True


def proves(scene: Scene, leaf: int) -> bool:
    """Whether what the archive has as this leaf is what a proof file kept outside proves."""
    row = scene.archive().store.at(leaf)
    try:
        scene.outside.proofs[leaf].verify(scene.outside.policy, row.leaf if row else b"")
    except EvidenceError:
        return False
    return True
