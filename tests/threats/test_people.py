"""Whose signature it is, when a key counts, and what was let go too early."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from archive.evidence import dsse
from archive.evidence.errors import KeyRefused
from archive.evidence.report import Verdict
from archive.evidence.statement import Statement, encode
from archive.leaves import read_leaf
from archive.store import Committed, Sealed, Unit
from tests.archive.small_archive import ORIGIN, SmallArchive
from tests.threats.plot import (
    OWN,
    OWN_STEP,
    OWNER,
    PHONE,
    STEP,
    Scene,
    approved,
    by_author,
    device,
    judge,
)
from tests.vectors.authenticator import PRESENT, Authenticator
from tests.vectors.world import DISPOSAL, FILING, seeded

SERVER, STRANGER = Authenticator("the server's own"), Authenticator("nobody's")
SMALL_ORDER = bytes.fromhex("ec" + "ff" * 30 + "7f")
Approve = Callable[[SmallArchive, str], Committed]

FORGED: dict[str, tuple[Approve, str]] = {
    "made by the server": (
        lambda a, r: approved(a, r, SERVER.but(counter=9)), "signature",
    ),
    "over another statement": (
        lambda a, r: approved(a, r, sign=lambda _: PHONE.but(counter=9).sign(b"other")),
        "assertion-challenge",
    ),
    "nobody verified": (
        lambda a, r: approved(a, r, PHONE.but(flags=PRESENT, counter=9)), "assertion-uv",
    ),
    "for another site": (
        lambda a, r: approved(a, r, PHONE.but(origin="https://example.net", counter=9)),
        "assertion-origin",
    ),
    "by an unknown key": (
        lambda a, r: approved(a, r, STRANGER, key=STRANGER.key_id), "key-unregistered",
    ),
    "by the archive's intake key": (
        lambda a, r: a.append(r, "同意", assurance="passkey", actor=OWNER), "key-assurance",
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", FORGED)
def test_forged_approval(scene: Scene, how: str) -> None:
    """D K M: who holds every key of the server's writes an approval into the log, for somebody
    whose device did not make it."""
    forge, code = FORGED[how]
    placed = forge(scene.archive(), scene.outside.complaint)
    judged = judge(scene)
    assert ("signature", placed.leaf_index) in judged.found
    assert judged.bundle == {(6, code)}


def test_counter_that_went_back(scene: Scene) -> None:
    """E A: a copy of the authenticator signs: it holds, and is flagged."""
    approved(scene.archive(), scene.outside.complaint, PHONE.but(counter=3))
    judged = judge(scene)
    assert judged.bundle == set()
    assert (6, "counter-back") in judged.flags


def test_revoked_device(scene: Scene) -> None:
    """E A: from its revocation on a passkey approves nothing; what it approved before stands."""
    small = scene.archive()
    small.keyring.revoke(small.committer, PHONE.key_id, "lost")
    placed = approved(small, scene.outside.complaint, PHONE.but(counter=9))
    judged = judge(scene)
    assert {leaf for code, leaf in judged.found if code == "signature"} == {placed.leaf_index}
    assert judged.bundle == {(6, "key-revoked")}


def test_stolen_key(scene: Scene) -> None:
    """E A: what is signed by a stolen key after its revocation is not valid; what its owner signed
    before stays so."""
    small = scene.archive()
    small.keyring.revoke(small.committer, OWN.key_id, "stolen")
    placed = by_author(small, scene.outside.complaint)
    judged = judge(scene)
    assert ("signature", placed.leaf_index) in judged.found
    assert judged.bundle == {(6, "key-revoked")}
    assert judged.report is not None
    verdicts = {event.index: event.verdict for event in judged.report.events}
    assert verdicts[OWN_STEP] is Verdict.OPENED
    assert verdicts[placed.leaf_index] is Verdict.MISMATCH


def test_key_of_small_order(scene: Scene) -> None:
    """E A K: one signature of it fits many statements. The archive refuses to register it, and
    where it was slipped in, it is not in the register."""
    small = scene.archive()
    with pytest.raises(KeyRefused):
        small.keyring.register_own(small.committer, SMALL_ORDER, OWNER)
    name = hashlib.sha256(SMALL_ORDER).hexdigest()
    weak = device(PHONE, SMALL_ORDER) | {"alg": "WebAuthn-EdDSA", "key": name}
    with pytest.raises(KeyRefused):
        small.keyring.register_signoff(small.committer, weak)
    facts = {
        "alg": "Ed25519", "key": name, "owner": OWNER, "use": "own",
        "public": base64.b64encode(SMALL_ORDER).decode("ascii"),
    }  # fmt: skip
    slipped = slip_in(small, facts)
    judged = judge(scene)
    assert ("register", slipped.leaf_index) in judged.found
    assert {step for step, _ in judged.bundle} == {5}


def slip_in(small: SmallArchive, facts: dict[str, Any]) -> Committed:
    """An entry of the key register that the archive itself would not write, with its log key."""
    ring = small.keyring
    last = small.store.record(ring.record)[-1]
    said = Statement(
        origin=ORIGIN, event="f" * 32, record=ring.record, version=last.version + 1,
        prev=dsse.envelope_hash(read_leaf(last.leaf)[1].raw), type="key-registered",
        kind="key-register", kind_version=1, key=ring.log_key.key_id, assurance="system",
        occurred_at="2026-11-22T08:00:00.000000Z", facts=facts,
    )  # fmt: skip
    sealed = Sealed(
        record_id=said.record, version=said.version, topic="~key-register/key-registered",
        event_id=said.event, envelope=dsse.sign(encode(said), dsse.STATEMENT_TYPE, ring.log_key),
        prefix=None, content=(),
    )  # fmt: skip
    (committed,) = small.committer.commit(Unit((sealed,)))
    return committed


# ---------------------------------------------------------------- let go too early


@pytest.mark.parametrize("what", ["content", "key"])
def test_content_gone_without_a_disposal(scene: Scene, what: str) -> None:
    """D K X: rows or the record's key are gone, and no event says why."""
    small = scene.archive()
    if what == "content":
        small.store.destroy_content([scene.outside.complaint])
    else:
        small.keys.destroy([scene.outside.complaint])
    judged = judge(scene)
    assert (f"{what}-missing", STEP) in judged.found
    assert judged.bundle == {(12, "missing")}


TOMORROW = {"last_day": "2026-11-23"}
ALONE = {"approvals": [seeded("first approval").hex()] * 2}


@pytest.mark.parametrize(
    ("facts", "code"),
    [(TOMORROW, "disposal-early"), (ALONE, "disposal-approvals"), (None, "disposal-unfiled")],
    ids=["a day too early", "by one", "never filed"],
)
def test_early_disposal(scene: Scene, facts: dict[str, Any] | None, code: str) -> None:
    """K C X M: the server's keys sign a disposal that the rules do not allow, and destroy."""
    small, record = scene.archive(), scene.outside.complaint
    if facts is not None:
        small.append(record, type_="filed", facts=FILING)
    small.append(record, type_="disposed", facts={**DISPOSAL, **(facts or {})})
    small.store.destroy_content([record])
    small.keys.destroy([record])
    assert {(12, code), (12, "missing")} <= judge(scene).bundle
