"""The archive's own keys: founded once, rotated without a break, never spoiled by an event."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from archive.check import Thoroughness
from archive.evidence import dsse, leaf, receipt, statement
from archive.evidence.errors import KeyRefused
from archive.evidence.keys import SigningKey
from archive.evidence.register import KeyRegister
from archive.opening import Archive, Options, open_archive
from archive.store import StoreCorrupt, Unit, VersionConflict
from tests.archive.acting import COMPLAINT, Acting, another, found_archive, real_clock, together
from tests.worlds import World

ONE_PROCESS = Thoroughness(processes=0)
P = 2**255 - 19


def with_small_part(public: bytes) -> bytes:
    """The key plus the point of order 2, (0, -1): of the curve, and of mixed order."""
    number = int.from_bytes(public, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    return ((P - y) | ((1 - sign) << 255)).to_bytes(32, "little")


SMALL_ORDER = (1, 0, P - 1)
"""y of points of order 1, 4 and 2."""


def register_of(archive: Archive) -> KeyRegister:
    """The register as an outsider reads it: an event that does not belong there raises."""
    register = KeyRegister(archive.options.origin)
    for row in archive.store.record(register.record):
        register.apply(row.leaf_index, said(row.leaf))
    return register


def said(leaf_bytes: bytes) -> statement.Statement:
    return statement.parse(signed(leaf_bytes).payload)


def signed(leaf_bytes: bytes) -> dsse.Envelope:
    return dsse.parse(leaf.parse(leaf_bytes).envelope, dsse.STATEMENT_TYPE)


def whole(archive: Archive) -> None:
    """The check of the archive finds nothing: envelopes and receipts fit their keys."""
    register_of(archive)
    report = archive.check(views=False, how=ONE_PROCESS)
    assert report.findings == ()


def receipt_key(archive: Archive, index: int) -> str:
    return receipt.read(archive.store.receipt(index) or b"")[0].keyid


# ---------------------------------------------------------------- founding


def test_an_archive_begins_with_its_log_key_and_its_intake_key(world: World) -> None:
    """Leaf 0 is the log key, vouched for by itself; leaf 1 the intake key, signed by it."""
    ring, rows = world.archive.keyring, list(world.archive.store.leaves(0, 2))
    assert [signed(r.leaf).keyid for r in rows] == [ring.log_key.key_id] * 2
    keys = [said(r.leaf).facts["key"] for r in rows]
    assert keys == [ring.log_key.key_id, ring.author.key.key_id]
    assert [e.use for e in register_of(world.archive).entries.values()] == ["log", "intake"]


def test_opening_again_adds_nothing(world: World) -> None:
    """A restart keeps the keys and writes no leaf."""
    before = world.archive.keyring.log_key.key_id, world.archive.store.head()
    world.reopen()
    assert (world.archive.keyring.log_key.key_id, world.archive.store.head()) == before


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_two_processes_that_start_at_once_found_one_archive(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Both have the same keys, and the log has each of them once."""
    dsn = request.getfixturevalue("postgres_dsn") if database == "postgres" else None
    calls = [(tmp_path / "data", dsn)] * 3
    found = [answer[0] for answer in together(found_archive, calls)]
    assert len(set(found)) == 1
    with another(Options(tmp_path / "data", real_clock, database=dsn)) as archive:
        assert tuple(register_of(archive).entries) == found[0]
        assert archive.store.head().size == 2


def test_another_origin_is_refused(world: World) -> None:
    """An archive never gets a second name, and the message says the first."""
    options = replace(world.options, origin="other.example/log")
    world.archive.close()
    with pytest.raises(StoreCorrupt, match=re.escape(world.options.origin)):
        open_archive(options)
    assert world.reopen().store.head().size == 2


def test_a_key_store_of_another_archive_is_refused(tmp_path: Path) -> None:
    """Where the key store was lost, nothing is signed by a key that the log does not know."""
    options = Options(tmp_path / "data", real_clock)
    with another(options) as archive:
        Acting(archive).complaint()
    for file in options.data.glob("keys.db*"):
        file.unlink()
    with pytest.raises(StoreCorrupt, match="log key"):
        open_archive(options)


# ---------------------------------------------------------------- rotation


@pytest.mark.parametrize("use", ["intake", "log"])
def test_a_rotation_leaves_the_past_valid(world: World, use: str) -> None:
    """Envelopes and receipts of before verify by the key of before, later ones by the new key."""
    ring, acting = world.archive.keyring, Acting(world.archive)
    old = {"intake": ring.author.key.key_id, "log": ring.log_key.key_id}
    acting.complaint()
    index = world.archive.store.head().size - 1
    new = ring.rotate(world.archive.committer, use)
    acting.complaint()
    later = world.archive.store.head().size - 1
    now = {**old, use: new}
    row, following = world.archive.store.at(index), world.archive.store.at(later)
    assert row is not None
    assert following is not None
    assert (signed(row.leaf).keyid, receipt_key(world.archive, index)) == tuple(old.values())
    assert (signed(following.leaf).keyid, receipt_key(world.archive, later)) == tuple(now.values())
    assert new != old[use]
    whole(world.archive)
    world.reopen()
    assert (ring.author.key.key_id, ring.log_key.key_id) == tuple(now.values())
    with pytest.raises(KeyRefused, match="revoked"):
        register_of(world.archive).key_at(old[use], later)


def test_the_line_of_log_keys_has_no_break(world: World) -> None:
    """Each log key is registered by the one before it, however often it changes."""
    ring = world.archive.keyring
    names = [ring.log_key.key_id]
    names += [ring.rotate(world.archive.committer, "log") for _ in range(3)]
    signers = {}
    for row in world.archive.store.record(ring.record):
        told = said(row.leaf)
        if told.type == "key-registered" and told.facts["use"] == "log":
            signers[told.facts["key"]] = signed(row.leaf).keyid
    assert [signers[name] for name in names] == [names[0], *names[:-1]]
    whole(world.archive)


@pytest.mark.parametrize("use", ["intake", "log"])
@pytest.mark.parametrize("step", ["kept", "registered", "put", "revoked"])
def test_a_rotation_stopped_halfway_is_finished_by_the_next(
    world: World, step: str, use: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it stops, the archive goes on after a restart; done again, one key is left."""
    stop_after(world.archive, step, monkeypatch)
    with pytest.raises(PowerCut):
        world.archive.keyring.rotate(world.archive.committer, use)
    monkeypatch.undo()
    archive = world.reopen()
    Acting(archive).complaint()
    whole(archive)
    new = archive.keyring.rotate(archive.committer, use)
    Acting(archive).complaint()
    whole(archive)
    entries = register_of(archive).entries
    valid = [n for n, e in entries.items() if e.use == use and e.revoked is None]
    assert valid == [new]
    assert archive.keys.secret_names("signing/") == ["signing/intake", "signing/log"]
    assert archive.keyring.rotate(archive.committer, use) != new


class PowerCut(Exception):
    """The process ends here."""


def stop_after(archive: Archive, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the real call be done, and nothing after it."""
    owner, name, count = {
        "kept": (archive.keys, "secret_or_make", 1),
        "registered": (archive.committer, "commit", 1),
        "put": (archive.keys, "put_secret", 1),
        "revoked": (archive.committer, "commit", 2),
    }[step]
    real, calls = getattr(owner, name), count

    def stopping(*args: object, **kwargs: object) -> object:
        nonlocal calls
        done = real(*args, **kwargs)
        calls -= 1
        if calls == 0:
            raise PowerCut
        return done

    monkeypatch.setattr(owner, name, stopping)


def test_a_key_that_was_kept_and_revoked_by_hand_does_not_take_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a rotation that stopped, the waiting key may be revoked; the next makes another."""
    ring, committer = world.archive.keyring, world.archive.committer
    stop_after(world.archive, "registered", monkeypatch)
    with pytest.raises(PowerCut):
        ring.rotate(committer, "intake")
    monkeypatch.undo()
    ring.refresh()
    waiting = list(ring.register.entries)[-1]
    ring.revoke(committer, waiting, "compromised")
    assert ring.rotate(committer, "intake") != waiting
    Acting(world.archive).complaint()
    whole(world.archive)


def test_another_process_goes_on_with_the_new_keys(world: World) -> None:
    """One that was open during a rotation signs and receipts with the new keys at once."""
    with another(world.options) as other:
        ring = other.keyring
        names = [ring.rotate(other.committer, use) for use in ("intake", "log")]
        record = Acting(world.archive).complaint()
        row = world.archive.store.record(record.id)[0]
        used = [signed(row.leaf).keyid, receipt_key(world.archive, row.leaf_index)]
        assert used == names
    whole(world.archive)


def test_what_was_sealed_before_a_rotation_is_not_committed_after_it(world: World) -> None:
    """The unit rests on the register's version, so a revoked key's envelope is refused."""
    archive, acting = world.archive, Acting(world.archive)
    prepared = archive.ledger.prepare(acting.opening("complaint", "receive", **COMPLAINT))
    sealed = archive.ledger.seal(None, prepared.decision)
    unit = Unit((sealed,), {archive.keyring.record: archive.keyring.version})
    with another(world.options) as other:
        other.keyring.rotate(other.committer, "intake")
    with pytest.raises(VersionConflict) as refused:
        archive.committer.commit(unit)
    assert refused.value.record_id == archive.keyring.record


# ---------------------------------------------------------------- people's own keys


def test_an_own_key_is_registered_and_revoked(world: World) -> None:
    """From its leaf on it may sign, and from the leaf of its revocation on no more."""
    ring, committer = world.archive.keyring, world.archive.committer
    key, owner = SigningKey.generate(), "ab" * 16
    name = ring.register_own(committer, key.public, owner)
    entry = ring.register.entries[name]
    assert (name, entry.use, entry.owner, entry.revoked) == (key.key_id, "own", owner, None)
    ring.revoke(committer, name, "by-owner")
    head = world.archive.store.head().size
    assert ring.register.entries[name].revoked == head - 1
    ring.revoke(committer, name, "by-owner")
    ring.revoke(committer, name, "again")
    assert world.archive.store.head().size == head
    whole(world.archive)


@pytest.mark.parametrize("y", SMALL_ORDER)
def test_a_key_of_small_order_is_refused(world: World, y: int) -> None:
    """One signature of it would fit any text."""
    refused(world, y.to_bytes(32, "little"))


def test_a_key_of_mixed_order_is_refused(world: World) -> None:
    """A sound key to which a point of small order was added is none."""
    refused(world, with_small_part(SigningKey.generate().public))


@pytest.mark.parametrize("public", [b"", bytes(31), b"\xff" * 32])
def test_what_is_no_key_is_refused(world: World, public: bytes) -> None:
    """Wrong length, or no point of the curve."""
    refused(world, public)


def refused(world: World, public: bytes) -> None:
    head = world.archive.store.head()
    with pytest.raises(KeyRefused):
        world.archive.keyring.register_own(world.archive.committer, public, "ab" * 16)
    assert world.archive.store.head() == head


def test_nothing_is_committed_that_spoils_the_register(world: World) -> None:
    """A key registered twice, revoked for another owner or unknown: refused, and no leaf added."""
    ring, committer = world.archive.keyring, world.archive.committer
    key = SigningKey.generate()
    name = ring.register_own(committer, key.public, "ab" * 16)
    head = world.archive.store.head()
    assert ring.register_own(committer, key.public, "ab" * 16) == name
    with pytest.raises(KeyRefused, match="already"):
        ring.register_own(committer, key.public, "cd" * 16)
    with pytest.raises(KeyRefused, match="already"):
        ring.register_own(committer, ring.author.key.public, "ab" * 16)
    with pytest.raises(KeyRefused, match="no key"):
        ring.revoke(committer, "ef" * 32, "lost")
    for name_in_use in (ring.log_key.key_id, ring.author.key.key_id):
        with pytest.raises(KeyRefused, match="rotate"):
            ring.revoke(committer, name_in_use, "lost")
    assert world.archive.store.head() == head
    ring.revoke(committer, name, "lost")
    with pytest.raises(KeyRefused, match="already"):
        ring.register_own(committer, key.public, "ab" * 16)
    world.reopen()
    whole(world.archive)


def test_a_key_is_revoked_once_however_many_ask(world: World) -> None:
    """Two processes that revoke the same key leave one event."""
    name = world.archive.keyring.register_own(
        world.archive.committer, SigningKey.generate().public, "ab" * 16
    )
    with another(world.options) as other:
        other.keyring.revoke(other.committer, name, "lost")
    world.archive.keyring.revoke(world.archive.committer, name, "stolen")
    assert world.archive.store.head().size == 4
    whole(world.archive)
