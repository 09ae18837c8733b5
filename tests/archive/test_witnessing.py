"""Heads shown to real witnesses, on both stores: what is kept, what goes out, since when not."""

from __future__ import annotations

import io
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg
import pytest

from api.clock import now
from archive.evidence import cosignature as said
from archive.evidence import note
from archive.evidence.errors import FormatError
from archive.evidence.keys import SigningKey
from archive.evidence.merkle import leaf_hash
from archive.evidence.policy import Policy
from archive.evidence.verify import verify as verify_bundle
from archive.exporting import Exporter, Wanted
from archive.ledger import new_id
from archive.log import vkey
from archive.opening import Archive, Options
from archive.proving import prove_event
from archive.publishing import publish, target_at
from archive.store import (
    Ask,
    Batch,
    Checkpoint,
    Cosignature,
    NewEvent,
    StoredEvent,
    Timestamp,
)
from archive.witnessing import (
    Cosigner,
    NotPublished,
    WitnessError,
    Witnesses,
    WitnessState,
    check_policy,
)
from retention.proven_time import TimeStatus, proven_time
from tests.archive.small_archive import ORIGIN, SmallArchive, postgres_archive, sqlite_archive
from tests.witness_processes import WitnessProcess, log_vkey, parsed_policy, policy_of
from tests.worlds import Clock, World

FAST = {"poll": 0.02, "retry": 0.02, "longest": 0.05}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[WitnessProcess]]:
    """Three witnesses that know no log yet; each test's archive has an origin of its own."""
    folder = tmp_path_factory.mktemp("witnesses")
    none = str(note.VerifierKey.make("nobody.example", SigningKey.generate().verify_key()))
    made = [WitnessProcess(folder / f"w{n}", f"w{n}.example", none).start() for n in range(3)]
    yield made
    for each in made:
        each.stop()


@pytest.fixture
def three(running: list[WitnessProcess]) -> list[WitnessProcess]:
    for each in running:
        if each.process is None:
            each.start()
    return running


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def alone(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """An archive on each store, of a name that no witness has heard, on true time."""
    database = request.getfixturevalue("postgres_dsn") if request.param == "postgres" else None
    options = Options(tmp_path / "data", now, f"log.example/{new_id()}", database)
    made = World(options, Clock())
    yield made
    made.close()


def witnessed(world: World, witnesses: list[WitnessProcess], threshold: str) -> Archive:
    """Known to these witnesses, of which so many are a quorum."""
    for each in witnesses:
        with each.opened() as witness:
            witness.trust(log_vkey(world.archive))
    world.options = replace(world.options, witnesses=parsed_policy(witnesses, threshold))
    return world.reopen()


def append(archive: Archive, story: str = "leaf") -> StoredEvent:
    """A leaf that is only bytes."""
    transaction = archive.store.begin(Ask())
    index = transaction.found.head.size
    leaf, name = f"{story} {index}".encode(), f"{index:032x}"
    row = StoredEvent(index, name, 1, "x/y", name, leaf, leaf_hash(leaf), now(), None)
    transaction.commit(Batch([NewEvent(row, None)]))
    return row


def cosigners(archive: Archive, checkpoint: Checkpoint) -> set[str]:
    policy = archive.options.witnesses
    assert policy is not None
    return set(policy.cosigned(note.parse(checkpoint.note)))


def test_every_witness_signs_every_head(alone: World, three: list[WitnessProcess]) -> None:
    """Each head is kept with a line of each witness, and what goes out carries them; a policy
    file for auditors, with our vkey, takes it."""
    archive = witnessed(alone, three, "all")
    shown = archive.witnesses.publish_now()
    for _ in range(3):
        append(archive)
        shown = archive.witnesses.publish_now()
        assert shown.size == archive.store.head().size
        assert cosigners(archive, shown) == {"w0", "w1", "w2"}
        assert len(archive.store.cosignatures(shown.size)) == 3
    auditors = Policy.parse(policy_of(three, "all", log_vkey(archive)))
    times = auditors.check(note.parse(shown.note), archive.keyring.origin)
    assert all(abs(now().timestamp() - each) < 60 for each in times.values())
    assert archive.witnesses.quorum() is not None
    assert [each.state for each in archive.witnesses.health()] == [WitnessState.OK] * 3
    alone.reopen()
    assert alone.archive.witnesses.published() == shown
    assert [each.size for each in alone.archive.witnesses.health()] == [shown.size] * 3


def test_nothing_goes_out_without_a_quorum(
    alone: World, three: list[WitnessProcess], tmp_path: Path
) -> None:
    """Two of three away: appending goes on, and what went out before still does; folder, proof and
    bundle stay at it, health says since when. When they are back, everything goes out."""
    archive = witnessed(alone, three, "2")
    with pytest.raises(NotPublished):
        archive.witnesses.published()
    before = archive.witnesses.publish_now()
    publish(archive, target_at(str(tmp_path / "log")))
    three[0].kill()
    assert cosigners(archive, archive.witnesses.publish_now()) == {"w0", "w1", "w2"}
    row = append(archive)
    two_of_three = archive.witnesses.publish_now()
    assert cosigners(archive, two_of_three) == {"w1", "w2"}
    assert two_of_three.size == before.size + 1
    three[1].kill()
    late = append(archive)
    asked = now()
    assert archive.witnesses.publish_now() == two_of_three
    publish(archive, target_at(str(tmp_path / "log")))
    assert (tmp_path / "log" / "checkpoint").read_bytes() == two_of_three.note
    proven = prove_event(archive.log, archive.witnesses, row)
    assert proven.checkpoint == two_of_three.note
    with pytest.raises(NotPublished):
        prove_event(archive.log, archive.witnesses, late)
    quorum = archive.witnesses.quorum()
    assert quorum is not None
    assert quorum.size == two_of_three.size
    assert quorum.behind_since is not None
    assert abs(quorum.behind_since - asked) < timedelta(minutes=1)
    states = {each.name: each for each in archive.witnesses.health()}
    assert [states[n].state for n in ("w0", "w1", "w2")] == ["away", "away", "ok"]
    assert states["w1"].since is not None
    assert "127.0.0.1" not in str(states["w1"].error)
    archive = alone.reopen()
    assert archive.witnesses.published() == two_of_three
    three[1].start()
    assert archive.witnesses.publish_now().size == late.leaf_index + 1
    assert prove_event(archive.log, archive.witnesses, late).index == late.leaf_index


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def small(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallArchive]:
    made = (
        sqlite_archive(tmp_path)
        if request.param == "sqlite"
        else postgres_archive(request.getfixturevalue("postgres_dsn"), tmp_path)
    )
    yield made
    made.close()


def test_a_bundle_carries_the_witnesses(small: SmallArchive, tmp_path: Path) -> None:
    """A bundle is proven under a head that the quorum cosigned; while there is none that covers
    the record, there is no bundle."""
    key = vkey(ORIGIN, small.keyring.log_key)
    process = WitnessProcess(tmp_path / "w", "w.example", key).start()
    try:
        witnesses = Witnesses(small.store, small.log, parsed_policy([process], "all"), small.clock)
        exporter = Exporter(
            small.store, small.keys, small.keyring, small.log, witnesses.publish_now
        )
        record, file = small.open("迟到三天"), io.BytesIO()
        exporter.export(Wanted(records=[record]), file)
        report = verify_bundle(file, Policy.parse(policy_of([process], "all", key)))
        assert report.ok, report.findings
        assert [name for name, _ in report.cosigned] == ["w0"]
    finally:
        process.stop()
    later = small.open("又来一件")
    small.keyring.rotate(small.committer, "log")
    with pytest.raises(NotPublished, match="log key"):  # whose key is gone: nobody signs its ends
        exporter.export(Wanted(records=[record]), io.BytesIO())
    small.append(record)
    for unproven in (record, later):
        with pytest.raises(NotPublished):
            exporter.export(Wanted(records=[unproven]), io.BytesIO())


# ---------------------------------------------------------------- forks and set-back archives


def test_a_fork_finds_no_quorum(alone: World, three: list[WitnessProcess]) -> None:
    """Whoever holds the key and the database tells the witnesses another story than they signed:
    they refuse, it is named a fork, and none of it goes out."""
    archive = witnessed(alone, three, "2")
    for _ in range(2):
        append(archive)
    before = archive.witnesses.publish_now()
    cut_back(alone, before.size - 2)
    archive = alone.reopen()
    for _ in range(4):
        append(archive, "another story")
    for name in archive.witnesses.names:
        with pytest.raises(WitnessError) as refused:
            archive.witnesses.cosign(name)
        assert refused.value.state is WitnessState.FORK
    assert {each.state for each in archive.witnesses.health()} == {WitnessState.FORK}
    assert archive.log.checkpoint().size == before.size + 2
    with pytest.raises(NotPublished):
        archive.witnesses.publish_now()


def test_an_archive_that_was_set_back(alone: World, three: list[WitnessProcess]) -> None:
    """The database of yesterday, with fewer leaves than were cosigned: every witness is ahead."""
    archive = witnessed(alone, three[:1], "all")
    for _ in range(3):
        append(archive)
    archive.witnesses.publish_now()
    cut_back(alone, 2)
    archive = alone.reopen()
    with pytest.raises(WitnessError) as refused:
        archive.witnesses.cosign("w0")
    assert refused.value.state is WitnessState.AHEAD
    with pytest.raises(NotPublished):
        archive.witnesses.published()


def cut_back(world: World, size: int) -> None:
    """As a restored copy of the database would be: no later leaves, heads and cosignatures."""
    statements = [
        f"DELETE FROM events WHERE leaf_index >= {size}",
        "DELETE FROM checkpoints",
        "DELETE FROM cosignatures",
        "DELETE FROM tiles",
    ]
    database = world.options.database
    if database is None:
        with sqlite3.connect(world.options.data / "archive.db") as connection:
            connection.execute("DROP TRIGGER events_stay")
            for statement in statements:
                connection.execute(statement)
        connection.close()
        return
    with psycopg.connect(database, autocommit=True) as postgres:
        postgres.execute("SET search_path TO liuhen")
        postgres.execute("DROP TRIGGER events_stay ON events")
        for statement in [*statements, f"UPDATE head SET size = {size}"]:
            postgres.execute(statement.encode())


# ---------------------------------------------------------------- rows that somebody wrote


def test_rows_that_somebody_wrote_are_no_cosignatures(
    alone: World, three: list[WitnessProcess]
) -> None:
    """Of other sizes, times, witnesses, or bytes: they are not shown, prove no time, and make
    nothing go out."""
    archive = witnessed(alone, three[:2], "all")
    shown = archive.witnesses.publish_now()
    store, proven = archive.store, archive.witnesses.proven()
    append(archive)
    later = archive.log.checkpoint()
    year = timedelta(days=365)
    for kept in store.cosignatures(shown.size):
        for odd in (
            replace(kept, size=later.size),
            replace(kept, time=kept.time + year, signature=kept.signature[:-1] + b"x"),
            replace(kept, time=kept.time + year, signature=kept.signature + b"x"),
            replace(kept, time=kept.time + year, signature=b""),
            Cosignature(2**40, kept.witness, kept.signature, kept.time + year),
            replace(kept, witness=f"x{kept.witness}", time=kept.time + year),
        ):
            store.put_cosignature(odd)
    assert archive.witnesses.published() == shown
    assert archive.witnesses.proven() == proven
    alone.reopen()
    assert alone.archive.witnesses.published() == shown
    assert alone.archive.witnesses.proven() == proven
    assert alone.archive.witnesses.publish_now().size == later.size


# ---------------------------------------------------------------- bad answers


@dataclass
class Odd:
    """A server that answers what it is told to."""

    answer: Callable[[bytes], tuple[int, str, bytes]]

    @contextmanager
    def serving(self) -> Iterator[str]:
        odd = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, told, answer = odd.answer(body)
                self.send_response(status)
                self.send_header("Content-Type", told)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                return

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/sub"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


KEY = SigningKey.from_seed(b"w" * 32)
NAMED = note.VerifierKey.make("w.example", KEY.verify_key(), note.COSIGNATURE)
PLAIN = "text/plain"


def line_over(body: bytes, moment: int = 1, key: SigningKey = KEY, name: str = NAMED.name) -> bytes:
    _, parsed, _ = said.parse_request(body)
    return note.line_of(said.cosign(parsed.text, name, key, moment))


def timeless(body: bytes) -> bytes:
    _, parsed, _ = said.parse_request(body)
    signed = KEY.sign(note.cosigned_message(parsed.text, 0))
    return note.line_of(note.Signature(NAMED.name, NAMED.hash, bytes(8) + signed))


BAD: dict[str, Callable[[bytes], tuple[int, str, bytes]]] = {
    "nothing": lambda _: (200, PLAIN, b""),
    "garbage": lambda _: (200, PLAIN, b"\xff" * 100),
    "much": lambda _: (200, PLAIN, bytes(10_000_000)),
    "another text": lambda _: (200, PLAIN, note.line_of(said.cosign(b"x\n", NAMED.name, KEY, 1))),
    "another key": lambda body: (200, PLAIN, line_over(body, key=SigningKey.from_seed(b"x" * 32))),
    "another name": lambda body: (200, PLAIN, line_over(body, name="x.example")),
    "good, then bad": lambda body: (
        200,
        PLAIN,
        line_over(body) + note.line_of(note.Signature(NAMED.name, NAMED.hash, bytes(72))),
    ),
    "no time": lambda body: (200, PLAIN, timeless(body)),
    "no newline": lambda body: (200, PLAIN, line_over(body)[:-1]),
    "a note": lambda body: (200, PLAIN, b"text\n\n" + line_over(body)),
    "the year 300000": lambda body: (200, PLAIN, line_over(body, 9 * 10**12)),
    "409 of a page": lambda _: (409, "text/html", b"1\n"),
    "409 of no size": lambda _: (409, said.SIZE_TYPE, b"+1\n"),
    "409 for ever": lambda _: (409, said.SIZE_TYPE, b"0\n"),
    "500": lambda _: (500, PLAIN, b""),
    "redirect": lambda _: (302, PLAIN, b""),
    "400": lambda _: (400, PLAIN, b""),
    "403": lambda _: (403, PLAIN, b""),
    "404": lambda _: (404, PLAIN, b""),
}  # fmt: skip


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_answer_is_no_cosignature(alone: World, bad: str) -> None:
    """It is refused by our own error, nothing of it is kept, and the next good one counts."""
    archive, odd = alone.archive, Odd(BAD[bad])
    with odd.serving() as url:
        policy = Policy.parse(f"witness w {NAMED} {url}\nquorum w\n", of_a_log=True)
        asked = Witnesses(archive.store, archive.log, policy, now, seconds=2)
        with pytest.raises(WitnessError):
            asked.cosign("w")
        head = archive.log.latest()
        assert head is not None
        assert archive.store.cosignatures(head.size) == []
        with pytest.raises(NotPublished):
            asked.published()
        odd.answer = lambda body: (200, PLAIN, b"\xe2\x80\x94 x AAAAAAA=\n" + line_over(body, 7))
        assert asked.cosign("w").time == datetime.fromtimestamp(7, UTC)
        assert asked.published().note.startswith(head.note)


# ---------------------------------------------------------------- beside the server


def until(true: Callable[[], object]) -> None:
    for _ in range(1000):
        if true():
            return
        threading.Event().wait(0.02)
    raise AssertionError("it never came")


def test_in_the_background(
    alone: World, three: list[WitnessProcess], caplog: pytest.LogCaptureFixture
) -> None:
    """Every new head is shown to each witness by itself; when the quorum is lost and when it is
    back, the server's log says so once."""
    archive = witnessed(alone, three, "2")
    witnesses = archive.witnesses
    caplog.set_level(logging.INFO, "liuhen.witnesses")
    cosigner = Cosigner(witnesses, **FAST, grace=0.3)
    archive.log.checkpoint()
    cosigner.start()
    try:
        until(lambda: cosigners(archive, witnesses.published()) == {"w0", "w1", "w2"}
              if archive.store.last_cosignature() >= 2 else False)  # fmt: skip
        three[0].kill()
        three[1].kill()
        append(archive)
        size = archive.log.checkpoint().size
        until(lambda: any(each.state is WitnessState.AWAY for each in witnesses.health()))
        until(lambda: "no quorum of witnesses: new heads do not go out" in caplog.messages)
        assert witnesses.published().size == size - 1
        three[0].start()
        until(lambda: witnesses.published().size == size)
        until(lambda: "quorum of witnesses met: heads go out" in caplog.messages)
        assert caplog.messages.count("no quorum of witnesses: new heads do not go out") == 1
    finally:
        cosigner.stop()


def test_the_same_head_is_shown_again(alone: World, three: list[WitnessProcess]) -> None:
    """Time goes on while nothing is written: after the interval the witness is asked again."""
    archive = witnessed(alone, three[:1], "all")
    cosigner = Cosigner(archive.witnesses, interval=0.0, **FAST)
    archive.log.checkpoint()
    cosigner.turn("w0")
    first = archive.witnesses.proven()[0].at
    until(lambda: cosigner.turn("w0") and archive.witnesses.proven()[0].at > first)


def test_cosignatures_prove_the_time(alone: World, three: list[WitnessProcess]) -> None:
    """Time is self-asserted without witnesses, not proven before one signed, proven then; a clock
    that is turned ahead of what the witnesses say proves nothing."""
    assert proven_time(alone.archive).status is TimeStatus.SELF_ASSERTED
    archive = witnessed(alone, three[:1], "all")
    assert proven_time(archive).status is TimeStatus.TIME_NOT_PROVEN
    archive.witnesses.publish_now()
    found = proven_time(archive)
    assert found.status is TimeStatus.PROVEN
    assert found.outside is not None
    assert abs(now() - found.outside) < timedelta(minutes=1)
    alone.options = replace(alone.options, clock=lambda: now() + timedelta(days=1095))
    archive = alone.reopen()
    archive.witnesses.publish_now()
    turned = proven_time(archive)
    assert turned.status is TimeStatus.TIME_NOT_PROVEN
    assert abs(now() - turned.now) < timedelta(minutes=1)


def test_policies_that_an_archive_cannot_go_by() -> None:
    """No address for a quorum, addresses of another kind, another log: said at the start."""
    line = f"witness w {NAMED}"
    for text, why in (
        (f"{line}\nquorum w\n", "address"),
        (f"{line} ftp://w.example/\nquorum w\n", "https"),
        (f"{line} https://me:secret@w.example/\nquorum w\n", "password"),
        (f"log {note.VerifierKey.make('x.example', KEY.verify_key())}\nquorum none\n", "named"),
    ):
        with pytest.raises(FormatError, match=why):
            check_policy(Policy.parse(text, of_a_log=True), "log.example")


def test_without_a_quorum_every_head_goes_out(alone: World, three: list[WitnessProcess]) -> None:
    """`quorum none`: heads carry what cosignatures there are, and wait for none."""
    for each in three[:1]:
        with each.opened() as witness:
            witness.trust(log_vkey(alone.archive))
    text = policy_of(three[:1], "1").replace("quorum all-of-them", "quorum none")
    alone.options = replace(alone.options, witnesses=Policy.parse(text, of_a_log=True))
    archive = alone.reopen()
    first = archive.witnesses.published()
    assert len(note.parse(first.note).signatures) == 1
    assert archive.witnesses.quorum() is None
    assert len(note.parse(archive.witnesses.publish_now().note).signatures) == 2


def line(head: Checkpoint, witness: str, key: SigningKey, at: datetime) -> Cosignature:
    """A row as it is kept of a witness's answer."""
    made = said.cosign(note.parse(head.note).text, witness, key, int(at.timestamp()))
    public = note.VerifierKey.make(witness, key.verify_key(), note.COSIGNATURE)
    return Cosignature(head.size, str(public), made.signature, at)


MOMENT = datetime(2026, 11, 22, 8, tzinfo=UTC)


def test_the_check_verifies_cosignatures(small: SmallArchive) -> None:
    """Each by the key that its row names, over the head of its size, at the time stored."""
    key = SigningKey.generate()
    small.open()
    first = small.log.checkpoint()
    small.open()
    second = small.log.checkpoint()
    held = line(first, "w.example", key, MOMENT)
    small.store.put_cosignature(held)
    report = small.check()
    assert (report.ok, report.counts["cosignatures"]) == (True, 1)
    for forged in (
        replace(held, size=second.size),
        replace(held, size=second.size + 7),
        replace(held, time=MOMENT + timedelta(seconds=1), signature=held.signature[:-1] + b"x"),
        replace(held, witness="nonsense"),
    ):
        small.store.put_cosignature(forged)
    late = line(second, "w.example", key, MOMENT)
    small.store.put_cosignature(replace(late, time=MOMENT + timedelta(hours=1)))
    report = small.check()
    assert report.by_code == {"cosignature": 5}
    assert {finding.part for finding in report.findings} == {
        f"cosignature {size}" for size in (first.size, second.size, second.size + 7)
    }


def test_cosignatures_that_prove_no_more_are_pruned(small: SmallArchive) -> None:
    """After a week the last head of each hour keeps its lines, and so does each that has a
    timestamp, the one that goes out, and whatever is younger."""
    keys = {name: SigningKey.generate() for name in ("a.example", "b.example")}
    policy = Policy.parse(
        "".join(
            f"witness {name[0]} {note.VerifierKey.make(name, key.verify_key(), note.COSIGNATURE)}\n"
            for name, key in keys.items()
        )
        + "group both all a b\nquorum both\n",
        of_a_log=True,
    )
    made: list[Checkpoint] = []
    for n in range(8):
        small.open()
        made.append(small.log.checkpoint())
        for name, key in keys.items():
            at = MOMENT + timedelta(minutes=20 * n)
            if n < 7 or name == "a.example":  # the last one meets no quorum
                small.store.put_cosignature(line(made[n], name, key, at))
    stamped = made[3]
    small.store.put_timestamp(
        Timestamp(stamped.size, b"\0" * 32, "tsa", b"token", MOMENT, MOMENT + timedelta(days=900))
    )
    clock = Clock(MOMENT + timedelta(days=6))
    witnesses = Witnesses(small.store, small.log, policy, clock)
    shown = witnesses.published()
    assert shown.size == made[6].size
    assert witnesses.prune() == 0
    clock.turn(days=2)
    before = small.store.last_cosignature()
    assert witnesses.prune() == 2 * 3
    kept = {head.size: len(small.store.cosignatures(head.size)) for head in made}
    # 8:00 8:20 8:40 | 9:00 (a timestamp) 9:20 9:40 | 10:00 (goes out) 10:20
    assert list(kept.values()) == [0, 0, 2, 2, 0, 2, 2, 1]
    assert small.store.last_cosignature() == before
    assert Witnesses(small.store, small.log, policy, clock).published() == shown
    assert witnesses.prune() == 0
    assert Witnesses(small.store, small.log, None, clock).prune() == 0


def test_an_author_has_seen_what_the_quorum_signed(small: SmallArchive) -> None:
    """A head that nobody cosigned bounds no time from below for who trusts the witnesses."""
    key = SigningKey.generate()
    public = note.VerifierKey.make("w.example", key.verify_key(), note.COSIGNATURE)
    policy = Policy.parse(f"witness w {public}\nquorum w\n", of_a_log=True)
    witnesses = Witnesses(small.store, small.log, policy, small.clock)
    small.open()
    first = small.log.checkpoint()
    assert witnesses.cosigned() is None
    assert small.witnesses.cosigned() == first  # without a policy
    small.store.put_cosignature(line(first, "w.example", key, MOMENT))
    small.open()
    assert small.log.checkpoint().size > first.size
    found = witnesses.cosigned()
    assert found is not None
    assert found.size == first.size
