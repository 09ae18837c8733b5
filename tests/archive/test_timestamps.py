"""Tokens over checkpoints: asked over real sockets, kept in real stores, believed if they hold."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from archive.authority import Authority, TimestampError, read_roots
from archive.check import Thoroughness
from archive.log import verify_checkpoint
from archive.store import Store, Timestamp
from archive.timestamps import Proven, Stamper, Timestamps
from tests.authority import (
    REJECTED,
    Asked,
    Behaviour,
    OpensslAuthority,
    Signer,
    TimestampAuthority,
    TurnedClock,
    granted,
    make_root,
    make_signer,
)
from tests.conftest import absent
from tests.worlds import World


def timestamps(world: World, **given: float) -> Timestamps:
    archive = world.archive
    return Timestamps(archive.store, archive.log, archive.options.authorities, world.clock, **given)


def authority(world: World) -> Authority:
    (one,) = world.options.authorities
    return one


def stamped(world: World) -> Timestamp:
    return world.archive.timestamps.stamp(authority(world))


def test_a_checkpoint_is_stamped(world: World, tmp_path: Path) -> None:
    """The token over the note's exact bytes is kept with its checkpoint, and openssl takes it."""
    tsa = world.with_authority()
    made = stamped(world)
    checkpoint = world.archive.store.checkpoint(made.size)
    assert checkpoint is not None
    assert made.note_hash == hashlib.sha256(checkpoint.note).digest()
    assert Asked.read(tsa.asked[0]).digest == made.note_hash
    assert made.gen_time == tsa.clock.moment.replace(microsecond=0)
    assert made.ends == tsa.signer.certificate.not_valid_after_utc
    world.reopen()
    assert list(world.archive.store.timestamps(made.size)) == [made]
    assert list(world.archive.store.timestamps(made.size + 1)) == []
    if shutil.which("openssl") is None:
        absent("openssl", "apt-get install openssl")
    (tmp_path / "note").write_bytes(checkpoint.note)
    (tmp_path / "token").write_bytes(made.token)
    (tmp_path / "root.pem").write_bytes(tsa.root.pem)
    words = "openssl ts -verify -data note -in token -token_in -CAfile root.pem -attime"
    at = str(int(made.gen_time.timestamp()))
    ran = subprocess.run([*words.split(), at], cwd=tmp_path, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_a_real_openssl_authority(world: World, tmp_path: Path) -> None:
    """`openssl ts -reply` behind HTTP gives a token of the present time, which is then proven."""
    if shutil.which("openssl") is None:
        absent("openssl", "apt-get install openssl")
    openssl = OpensslAuthority(tmp_path)
    tsa = world.with_authority()
    tsa.behaviour = Behaviour(answer=lambda tsa, _: openssl.answer(tsa.asked[-1]))
    asked = Authority("openssl", tsa.url, read_roots(openssl.root), "1.2.3.4.1")
    world.options = replace(world.options, authorities=(asked,))
    world.reopen()
    made = stamped(world)
    assert abs(datetime.now(UTC) - made.gen_time) < timedelta(minutes=1)
    assert world.archive.timestamps.proven() == (Proven(made.gen_time, "openssl"),)


def another_nonce(tsa: TimestampAuthority, asked: Asked) -> bytes:
    return granted(tsa.token(replace(asked, nonce=b"\x02\x01\x05")))


def another_imprint(tsa: TimestampAuthority, asked: Asked) -> bytes:
    other = hashlib.sha256(b"other").digest()
    return granted(tsa.token(replace(asked, imprint=asked.imprint.replace(asked.digest, other))))


def signed_by(signer: Callable[[Signer], Signer]) -> Callable[[TimestampAuthority, Asked], bytes]:
    def answer(tsa: TimestampAuthority, asked: Asked) -> bytes:
        before, tsa.signer = tsa.signer, signer(tsa.root)
        try:
            return granted(tsa.token(asked))
        finally:
            tsa.signer = before

    return answer


def expired(root: Signer) -> Signer:
    return make_signer(root, end=datetime(2024, 1, 1, tzinfo=UTC))


def for_servers(root: Signer) -> Signer:
    return make_signer(root, purposes=(ExtendedKeyUsageOID.SERVER_AUTH,))


BAD = {
    "another nonce": (Behaviour(answer=another_nonce), "nonce"),
    "another imprint": (Behaviour(answer=another_imprint), "something else"),
    "expired": (Behaviour(answer=signed_by(expired)), "not valid then"),
    "wrong purpose": (Behaviour(answer=signed_by(for_servers)), "not for timestamps"),
    "a stranger": (Behaviour(answer=signed_by(lambda _: make_signer(make_root()))), "signature"),
    "rejected": (Behaviour(answer=lambda _, __: REJECTED), "rejected"),
    "garbage": (Behaviour(answer=lambda _, __: b"\xff" * 500), "no timestamp answer"),
    "nothing": (Behaviour(answer=lambda _, __: b""), "no timestamp answer"),
    "ten megabytes": (Behaviour(answer=lambda _, __: bytes(10_000_000)), "more than"),
    "slow": (Behaviour(pause=0.05), "0.5 seconds"),
    "redirect": (Behaviour(302, {"Location": "/elsewhere"}), "redirects"),
    "http error": (Behaviour(500), "500"),
    "a web page": (Behaviour(headers={"Content-Type": "text/html"}), "text/html"),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_answer_loses_nothing(world: World, bad: str) -> None:
    """It is refused by our own error, nothing of it is kept, the checkpoint stands, and the next
    good answer counts."""
    tsa = world.with_authority()
    asking = timestamps(world, seconds=0.5)
    behaviour, why = BAD[bad]
    with tsa.badly(behaviour), pytest.raises(TimestampError, match=why):
        asking.stamp(authority(world))
    store, keyring = world.archive.store, world.archive.keyring
    standing = store.checkpoint()
    assert standing is not None
    assert verify_checkpoint(keyring.register, keyring.origin, standing.note).size == standing.size
    assert list(store.timestamps()) == []
    assert asking.proven() == ()
    (health,) = asking.health()
    assert health.away_since is not None
    assert asking.stamp(authority(world)).size == standing.size


def test_an_authority_that_is_away(world: World) -> None:
    """Health says since when, the first failure counting, until a token comes again."""
    tsa = world.with_authority()
    asking = world.archive.timestamps
    url = authority(world).url
    first = stamped(world)
    assert asking.health()[0].away_since is None
    with tsa.badly(Behaviour(503)):
        world.clock.turn(hours=1)
        since = world.clock.moment
        for _ in range(2):
            with pytest.raises(TimestampError):
                stamped(world)
            world.clock.turn(hours=1)
    (health,) = asking.health()
    assert health.last == first.gen_time
    assert health.away_since is not None
    assert since <= health.away_since < since + timedelta(minutes=1)
    assert health.error is not None
    assert url not in health.error
    assert asking.stamp_all() == [*world.archive.store.timestamps()][1:]
    assert asking.health()[0].away_since is None
    tsa.close()
    assert asking.stamp_all() == []
    world.authority = None


def test_no_network_without_an_authority(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is configured, no connection is ever opened and nothing runs."""

    def never(*_: object, **__: object) -> None:
        pytest.fail("a connection was opened")

    monkeypatch.setattr("socket.create_connection", never)
    asking = world.archive.timestamps
    stamper = Stamper(asking, 0.01)
    stamper.start()
    stamper.stop()
    assert (asking.configured, asking.stamp_all(), asking.proven()) == (False, [], ())
    assert asking.health() == ()


# ---------------------------------------------------------------- what is proven


def test_the_highest_time_is_proven(world: World) -> None:
    """The latest token counts, though it was not kept last."""
    tsa = world.with_authority()
    tsa.clock.turn(days=2)
    high = stamped(world).gen_time
    tsa.clock.turn(days=-1)
    stamped(world)
    assert world.archive.timestamps.proven() == (Proven(high, "tsa"),)


def forge(store: Store, kept: Timestamp, **changes: object) -> None:
    store.put_timestamp(replace(kept, **changes))  # type: ignore[arg-type]


def test_what_the_table_says_proves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of a later time are passed over: no token, another's token, a token over other bytes."""
    tsa = world.with_authority()
    kept = stamped(world)
    store, late = world.archive.store, kept.gen_time + timedelta(days=1000)
    stranger = make_root()
    forge(store, kept, token=b"\x30\x00", gen_time=late)
    forge(store, kept, token=kept.token[:-1] + b"?", gen_time=late)
    asked = Asked.read(tsa.asked[-1])
    forge(store, kept, token=tsa.token(asked), gen_time=late)  # its row says another time
    mine = TimestampAuthority(tsa.clock, stranger)
    forge(store, kept, token=mine.token(asked, late), gen_time=late)
    mine.close()
    forge(store, kept, token=tsa.token(asked, late), gen_time=late, authority="unknown")
    other = replace(asked, imprint=asked.imprint.replace(asked.digest, bytes(32)))
    forge(store, kept, token=tsa.token(other, late), gen_time=late)
    forge(store, kept, token=tsa.token(other, late), gen_time=late, note_hash=bytes(32))
    assert len(list(store.timestamps())) == 8
    assert world.archive.timestamps.proven() == (Proven(kept.gen_time, "tsa"),)
    monkeypatch.setattr("archive.timestamps.LOOKED_AT", 7)
    for n in range(7):
        forge(store, kept, token=b"%d" % n, gen_time=late)
    assert world.archive.timestamps.proven() == ()


def test_a_token_over_an_older_note_of_the_same_size(world: World) -> None:
    """A new log key signs the same head again; a token over either note counts."""
    world.with_authority()
    kept = stamped(world)
    store = world.archive.store
    first = store.checkpoint(kept.size)
    assert first is not None
    again = replace(first, note=first.note + "\N{EM DASH} other AAAAAAA=\n".encode())
    store.put_checkpoint(again)
    latest = store.checkpoint(kept.size)
    assert latest is not None
    assert latest.note == again.note
    assert world.archive.timestamps.verified(kept)


# ---------------------------------------------------------------- renewal


def test_renewal(world: World) -> None:
    """Before the certificate ends, one token of the next one is put over the hashes of all that
    hang on it; each once, and only when the new certificate outlasts theirs."""
    tsa = world.with_authority()
    start = tsa.clock.moment
    tsa.signer = make_signer(tsa.root, end=start + timedelta(days=60))
    asking = world.archive.timestamps
    old = []
    for _ in range(3):
        old.append(stamped(world))
        world.clock.turn(days=1)
        tsa.clock.turn(days=1)
    assert asking.renew(authority(world)) is None  # not yet
    for clock in (world.clock, tsa.clock):
        clock.turn(days=40)
    stamped(world)
    assert asking.renew(authority(world)) is None  # with the same certificate nothing is gained
    tsa.signer = make_signer(tsa.root, end=start + timedelta(days=900))
    newest = stamped(world)
    made = asking.renew(authority(world))
    assert made is not None
    assert made.ends > old[0].ends
    assert made.renewed()[:3] == tuple(each.hash for each in old)
    assert newest.hash not in made.renewed()
    assert (made.size, made.note_hash) == (old[-1].size, old[-1].note_hash)
    assert asking.verified(made)
    assert asking.renew(authority(world)) is None
    world.reopen()
    assert [*world.archive.store.timestamps()][-1] == made


def test_a_forged_renewal(world: World) -> None:
    """A renewal whose list was changed does not verify."""
    tsa = world.with_authority()
    tsa.signer = make_signer(tsa.root, end=tsa.clock.moment + timedelta(days=10))
    stamped(world)
    tsa.signer = make_signer(tsa.root)
    stamped(world)
    made = world.archive.timestamps.renew(authority(world))
    assert made is not None
    assert world.archive.timestamps.verified(made)
    assert not world.archive.timestamps.verified(replace(made, renews=bytes(32)))


def test_a_renewal_that_gains_nothing(world: World) -> None:
    """Where the table claims more than the authority's certificate gives, nothing is kept."""
    tsa = world.with_authority()
    tsa.signer = make_signer(tsa.root, end=tsa.clock.moment + timedelta(days=10))
    kept = stamped(world)
    forge(
        world.archive.store,
        kept,
        token=b"forged",
        gen_time=kept.gen_time + timedelta(1),
        ends=kept.ends + timedelta(days=999),
    )
    assert world.archive.timestamps.renew(authority(world)) is None
    assert len(list(world.archive.store.timestamps())) == 2


def test_two_authorities(world: World) -> None:
    """Each proves its own time; one that is away keeps nothing from the other, and one renews what
    hangs on the other's certificate."""
    first = world.with_authority()
    second = TimestampAuthority(TurnedClock(first.clock.moment + timedelta(hours=3)))
    asked = Authority("second", second.url, (second.root.certificate,), None)
    world.options = replace(world.options, authorities=(authority(world), asked))
    world.reopen()
    asking = world.archive.timestamps
    first.signer = make_signer(first.root, end=first.clock.moment + timedelta(days=10))
    one, two = asking.stamp_all()
    assert asking.proven() == (Proven(one.gen_time, "tsa"), Proven(two.gen_time, "second"))
    with first.badly(Behaviour(500)):
        assert [made.authority for made in asking.stamp_all()] == ["second"]
    assert [each.away_since is None for each in asking.health()] == [False, True]
    made = asking.renew(asked)
    assert made is not None
    assert made.renewed() == (one.hash,)
    second.close()


# ---------------------------------------------------------------- the store


def test_order_and_limits(world: World) -> None:
    """Kept order, time order and authorities: over any number of rows."""
    store, start = world.archive.store, datetime(2026, 1, 1, tzinfo=UTC)
    made = [
        Timestamp(
            size=n % 7, note_hash=bytes(32), authority=f"a{n % 2}", token=b"%d" % n,
            gen_time=start + timedelta(hours=(n * 37) % 507), ends=start + timedelta(days=n),
        )
        for n in range(507)
    ]  # fmt: skip
    for each in [*made, made[5]]:
        store.put_timestamp(each)
    assert list(store.timestamps()) == made
    assert list(store.timestamps(3)) == [each for each in made if each.size == 3]
    late = sorted(made, key=lambda each: each.gen_time, reverse=True)
    ones = [each for each in late if each.authority == "a1"]
    assert store.newest_timestamps("a1", 200) == ones[:200]
    assert store.newest_timestamps("a1", 1000) == ones
    assert store.newest_timestamps("a2", 1000) == []
    assert store.ending_timestamps(start + timedelta(days=9, seconds=1), 4) == made[:4]


def test_an_archive_of_an_earlier_release(world: World) -> None:
    """Opened by this release it gets the table, and keeps what it had."""
    size = world.archive.store.head().size
    world.archive.close()
    if world.options.database is None:
        held = sqlite3.connect(world.options.data / "archive.db")
        held.execute("DROP TABLE timestamps")
        held.execute("DROP TABLE schema_steps")
        held.commit()
        held.close()
    else:
        with psycopg.connect(world.options.database, autocommit=True) as connection:
            connection.execute("DROP TABLE liuhen.timestamps, liuhen.schema_steps")
    world.reopen()
    assert world.archive.store.head().size == size
    assert list(world.archive.store.timestamps()) == []


# ---------------------------------------------------------------- the job


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "it did not come in time"
        time.sleep(0.005)


def test_the_stamper(world: World) -> None:
    """It asks at once and again, tries again sooner while the authority is away, and ends."""
    tsa = world.with_authority()
    stamper = Stamper(world.archive.timestamps, interval=0.2, retry=0.01)
    with tsa.badly(Behaviour(500)):
        stamper.start()
        until(lambda: len(tsa.asked) >= 3)
        assert world.archive.timestamps.health()[0].away_since is not None
    until(lambda: world.archive.timestamps.health()[0].away_since is None)
    before = len(tsa.asked)
    until(lambda: len(tsa.asked) >= before + 2)
    stamper.stop()
    after = len(tsa.asked)
    time.sleep(0.3)
    assert len(tsa.asked) == after
    assert len(list(world.archive.store.timestamps())) >= 2


def test_back_off(world: World) -> None:
    """Twice as long each time, up to the interval, and from the start after a success."""
    tsa = world.with_authority()
    stamper = Stamper(world.archive.timestamps, interval=100, retry=30)
    one = authority(world)
    with tsa.badly(Behaviour(500)):
        assert [stamper.turn(one) for _ in range(4)] == [30, 60, 100, 100]
    assert stamper.turn(one) == 100
    with tsa.badly(Behaviour(500)):
        assert stamper.turn(one) == 30


def test_the_log_cannot_be_signed(world: World) -> None:
    """A log that is shorter than what was signed is not stamped, and the job goes on trying."""
    world.with_authority()
    store = world.archive.store
    real = world.archive.log.checkpoint()
    store.put_checkpoint(replace(real, size=real.size + 5))
    stamper = Stamper(world.archive.timestamps, interval=100, retry=30)
    assert stamper.turn(authority(world)) == 30
    assert list(store.timestamps()) == []


def test_the_check_verifies_tokens(world: World) -> None:
    """Those that hold are counted, also under a policy that is asked for no more; a forged row is
    named; and of an authority that is no longer configured nothing is said."""
    world.with_authority()
    made = stamped(world)
    alone = Thoroughness(processes=0)
    report = world.archive.check(views=False, how=alone)
    assert (report.ok, report.counts["timestamps"]) == (True, 1)
    other = replace(authority(world), policy="1.3.6.1.4.1.99999.7")
    world.options = replace(world.options, authorities=(other,))
    assert world.reopen().check(views=False, how=alone).ok
    later = replace(made, token=made.token + b"\0", gen_time=made.gen_time + timedelta(days=1))
    world.archive.store.put_timestamp(later)
    report = world.archive.check(views=False, how=alone)
    assert report.by_code == {"timestamp": 1}
    assert report.findings[0].part == f"timestamp {made.size} tsa"
    world.options = replace(world.options, authorities=())
    report = world.reopen().check(views=False, how=alone)
    assert (report.ok, report.counts["timestamps-unjudged"]) == (True, 2)
