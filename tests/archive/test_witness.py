"""Our witness: each answer of tlog-witness, from real processes, under a crowd and kill -9."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from pathlib import Path

import pytest

from archive.evidence import checkpoint as heads
from archive.evidence import cosignature as said
from archive.evidence import note
from archive.evidence.keys import SigningKey, VerifyKey
from archive.evidence.merkle import Frontier, consistency_proof, leaf_hash, node_hash, root
from archive.witness import KEY, STATE, Witness, WitnessRefused
from tests.witness_processes import WitnessProcess

ORIGIN = "log.example/one"
LOG = SigningKey.from_seed(b"l" * 32)
LOG_VKEY = str(note.VerifierKey.make(ORIGIN, LOG.verify_key()))
START = datetime(2026, 11, 22, 1, tzinfo=UTC)


class Tree:
    """A log that can tell two stories: up to `fork` both are one."""

    def __init__(self, size: int = 300, story: str = "", fork: int = 0) -> None:
        self.hashes = [leaf_hash(f"{story if n >= fork else ''}{n}".encode()) for n in range(size)]

    def node(self, level: int, index: int) -> bytes:
        span = self.hashes[index << level : (index + 1) << level]
        while len(span) > 1:
            span = [node_hash(a, b) for a, b in zip(span[::2], span[1::2], strict=True)]
        return span[0]

    def note(self, size: int, key: SigningKey = LOG) -> bytes:
        head = heads.Checkpoint(ORIGIN, size, root(self.hashes[:size]))
        return heads.sign(head, key)

    def ask(self, old: int, size: int) -> bytes:
        proof = tuple(consistency_proof(old, size, self.node))
        return said.encode_request(said.Request(old, proof, self.note(size)))


TREE = Tree()


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WitnessProcess]:
    process = WitnessProcess(
        tmp_path_factory.mktemp("witness") / "w", "witness.example/w1", LOG_VKEY
    )
    process.start()
    yield process
    process.stop()


def size_of(process: WitnessProcess) -> int:
    status, body, told = process.post(TREE.ask(0, 1))
    if status == 200:
        return 1
    assert (status, told) == (409, said.SIZE_TYPE)
    return said.parse_size(body)


def signed(process: WitnessProcess, body: bytes, text: bytes) -> int:
    lines = note.parse_lines(body)
    assert len(lines) == 1
    return said.verify(text, lines[0], process.key)


def test_it_signs_what_grows(started: WitnessProcess) -> None:
    """200 with one line that holds, of the present time; the same head again, and monitors see it
    with the log's line and the witness's."""
    known = size_of(started)
    grown = TREE.ask(known, known + 7)
    status, body, told = started.post(grown)
    assert (status, told) == (200, "text/plain; charset=utf-8")
    text = note.parse(TREE.note(known + 7)).text
    first = signed(started, body, text)
    assert abs(datetime.now(UTC).timestamp() - first) < 60
    status, body, _ = started.post(TREE.ask(known + 7, known + 7))
    assert status == 200
    assert signed(started, body, text) >= first
    status, kept = started.get(hashlib.sha256(ORIGIN.encode()).hexdigest())
    parsed = note.parse(kept)
    assert (status, parsed.text) == (200, text)
    assert note.verify(parsed, note.VerifierKey.parse(LOG_VKEY)) is None
    assert note.verify(parsed, started.key) == signed(started, body, text)


def test_400(started: WitnessProcess) -> None:
    """What is no request, or is of an old size above the head's."""
    known = size_of(started)
    proper = TREE.ask(known, known + 1)
    for body in (b"", b"\xff" * 100, b"old 1\n", proper[:-1], proper.replace(b"old ", b"old +")):
        assert started.post(body)[0] == 400
    too_old = said.encode_request(said.Request(known + 5, (), TREE.note(known + 1)))
    assert started.post(too_old)[0] == 400
    assert size_of(started) == known


def test_403(started: WitnessProcess) -> None:
    """Signed by another key of that name, not at all, or twice and once badly."""
    known, stranger = size_of(started), SigningKey.generate()
    proof = tuple(consistency_proof(known, known + 1, TREE.node))
    good = TREE.note(known + 1)
    bad_line = note.line_of(
        note.Signature(ORIGIN, note.key_hash(ORIGIN, note.ED25519, LOG.public), bytes(64))
    )
    parsed = note.parse(good)
    only_bad = parsed.text + b"\n" + bad_line
    for checkpoint in (TREE.note(known + 1, stranger), only_bad, good + bad_line):
        assert started.post(said.encode_request(said.Request(known, proof, checkpoint)))[0] == 403
    assert size_of(started) == known
    unknown = note.line_of(note.Signature("other.example", b"abcd", bytes(64)))
    also = said.encode_request(said.Request(known, proof, good + unknown))
    assert started.post(also)[0] == 200  # lines of unknown keys are passed over
    kept = started.get(hashlib.sha256(ORIGIN.encode()).hexdigest())[1]
    assert b"other.example" not in kept


def test_404(started: WitnessProcess) -> None:
    """A log that it was not told of, and the monitors of such a log; other addresses too."""
    head = heads.Checkpoint("log.example/two", 1, bytes(32))
    body = said.encode_request(said.Request(0, (), heads.sign(head, LOG)))
    assert started.post(body)[0] == 404
    assert started.get(hashlib.sha256(b"log.example/two").hexdigest())[0] == 404
    assert started.get("..%2f..")[0] == 404


def test_409(started: WitnessProcess) -> None:
    """Another old size than its own: the body is its own, and nothing moves."""
    known = size_of(started)
    assert known > 0
    for old in {0, known - 1, known + 1} - {known}:
        status, body, told = started.post(TREE.ask(old, known + 2))
        assert (status, body, told) == (409, b"%d\n" % known, said.SIZE_TYPE)


def test_422(started: WitnessProcess) -> None:
    """A proof that does not lead there, another root of one size, a proof from nothing, a fork."""
    known = size_of(started)
    proof = tuple(consistency_proof(known, known + 3, TREE.node))
    other = Tree(story="other", fork=known - 1)
    asked = [
        said.Request(known, proof[:-1], TREE.note(known + 3)),
        said.Request(known, (*proof, bytes(32)), TREE.note(known + 3)),
        said.Request(known, proof, other.note(known + 3)),
        said.Request(known, (), other.note(known)),
        said.Request(known, (bytes(32),), TREE.note(known)),
    ]
    for each in asked:
        assert started.post(said.encode_request(each))[0] == 422
    assert size_of(started) == known


def test_large_and_slow_bodies(started: WitnessProcess) -> None:
    """Too much is refused before it is read whole."""
    assert started.post(bytes(said.MAX_REQUEST + 1))[0] == 413


# ---------------------------------------------------------------- one head of each size


def made(folder: Path, name: str = "witness.example/w2") -> Path:
    Witness.make(folder, name)
    with Witness.open(folder, lambda: START) as witness:
        witness.trust(LOG_VKEY)
    return folder


def test_from_nothing(tmp_path: Path) -> None:
    """Size 0 with the empty root may be signed; with another root it is 422, as is a proof."""
    with Witness.open(made(tmp_path / "w"), lambda: START) as witness:
        odd = heads.sign(heads.Checkpoint(ORIGIN, 0, Frontier().root()), LOG)
        parsed = note.parse(odd)
        text = parsed.text.replace(parsed.text.split(b"\n")[2], b"A" * 43 + b"=")
        forged = said.Request(0, (), note.sign(text, ORIGIN, LOG))
        assert witness.add_checkpoint(said.encode_request(forged)).status == 422
        with_proof = said.Request(0, (bytes(32),), TREE.note(3))
        assert witness.add_checkpoint(said.encode_request(with_proof)).status == 422
        assert witness.add_checkpoint(said.encode_request(said.Request(0, (), odd))).status == 200
        assert witness.add_checkpoint(TREE.ask(0, 3)).status == 200


def test_two_stories_at_once(tmp_path: Path) -> None:
    """Many threads of two processes bring two forks: of each size at most one root is signed, and
    all that is signed is one chain."""
    folder, fork = made(tmp_path / "w"), 10
    stories = [TREE, Tree(story="other", fork=fork)]
    signed_roots: dict[int, set[bytes]] = {}
    lock = threading.Lock()
    first, second = (Witness.open(folder, lambda: datetime.now(UTC)) for _ in range(2))

    def bring(turn: int) -> None:
        story, witness = stories[turn % 2], (first, second)[turn // 2 % 2]
        known = 0
        for size in range(fork + turn % 5, 120, 5 + turn % 3):
            for _ in range(20):
                if known > size:
                    break
                reply = witness.add_checkpoint(story.ask(known, size))
                if reply.status == 409:
                    known = said.parse_size(reply.body)
                    continue
                if reply.status == 200:
                    with lock:
                        signed_roots.setdefault(size, set()).add(root(story.hashes[:size]))
                    known = size
                break

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(bring, range(16)))
    for witness in (first, second):
        witness.close()
    assert len(signed_roots) > 5
    assert all(len(roots) == 1 for roots in signed_roots.values())
    told = [all(r == {root(story.hashes[:size])} for size, r in signed_roots.items() if size > fork)
            for story in stories]  # fmt: skip
    assert sorted(told) == [False, True]


@pytest.mark.slow
def test_killed_again_and_again(tmp_path: Path) -> None:
    """kill -9 while it answers: what it signed it still remembers, and it never signs the fork."""
    process = WitnessProcess(tmp_path / "w", "witness.example/w3", LOG_VKEY)
    answered = 0
    fork = Tree(story="other", fork=1)
    for _ in range(5):
        process.start()
        stop = threading.Event()

        def bring(stop: threading.Event = stop) -> None:
            nonlocal answered
            while not stop.is_set() and answered < 280:
                try:
                    known = size_of(process)
                    answered = max(answered, known)
                    if process.post(TREE.ask(known, known + 1))[0] == 200:
                        answered = known + 1
                except (OSError, HTTPException):  # killed before its answer, or amid it
                    return

        thread = threading.Thread(target=bring)
        before = answered
        thread.start()
        while answered < before + 4 and thread.is_alive():
            threading.Event().wait(0.005)
        process.kill()
        stop.set()
        thread.join()
        with process.opened() as witness:
            ((_, size),) = witness.logs()
            assert size is not None
            assert size >= answered
            assert witness.add_checkpoint(fork.ask(size, size + 1)).status == 422
    assert answered >= 20


def test_the_memory_itself_never_goes_back(tmp_path: Path) -> None:
    """Who writes into the file by hand is refused a smaller head, another root, and forgetting."""
    folder = made(tmp_path / "w")
    with Witness.open(folder, lambda: START) as witness:
        assert witness.add_checkpoint(TREE.ask(0, 9)).status == 200
    connection = sqlite3.connect(folder / STATE)
    for statement in (
        "UPDATE heads SET size = 8", "UPDATE heads SET root = x'00'",
        "UPDATE heads SET time = time - 1", "DELETE FROM heads",
    ):  # fmt: skip
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(statement)
    connection.close()


def test_time_does_not_run_back(tmp_path: Path) -> None:
    """Its clock set back: the time of the last cosignature is taken again, not an earlier one."""
    moment = START

    def clock() -> datetime:
        return moment

    with Witness.open(made(tmp_path / "w"), clock) as witness:
        first = said.time_of(note.parse_lines(witness.add_checkpoint(TREE.ask(0, 3)).body)[0])
        moment = START - timedelta(days=30)
        second = said.time_of(note.parse_lines(witness.add_checkpoint(TREE.ask(3, 4)).body)[0])
    assert first == second == int(START.timestamp())


# ---------------------------------------------------------------- its key and its memory


def test_key_and_memory_belong_together(tmp_path: Path) -> None:
    """Without its memory, with another's, or with a key that others may read, it does not start."""
    first, second = made(tmp_path / "a"), made(tmp_path / "b")
    with pytest.raises(WitnessRefused, match="already"):
        Witness.make(first, "witness.example/again")
    shutil.copy(second / KEY, first / KEY)
    with pytest.raises(WitnessRefused, match="not of one witness"):
        Witness.open(first, lambda: START)
    (second / STATE).unlink()
    with pytest.raises(WitnessRefused, match="new key"):
        Witness.open(second, lambda: START)
    assert not (second / STATE).exists()
    third = made(tmp_path / "c")
    (third / KEY).chmod(0o644)
    with pytest.raises(WitnessRefused, match="chmod"):
        Witness.open(third, lambda: START)
    with pytest.raises(WitnessRefused, match="make one"):
        Witness.open(tmp_path / "nothing", lambda: START)


def test_whom_it_trusts(tmp_path: Path) -> None:
    """Only sound log keys; a key that is removed counts no more, and what was seen stays."""
    with Witness.open(made(tmp_path / "w"), lambda: START) as witness:
        small = note.VerifierKey.make("x", VerifyKey.from_public(bytes(32)))
        for odd in ("x", witness.vkey, str(small)):
            with pytest.raises(WitnessRefused):
                witness.trust(odd)
        assert witness.add_checkpoint(TREE.ask(0, 5)).status == 200
        new = SigningKey.generate()
        witness.trust(str(note.VerifierKey.make(ORIGIN, new.verify_key())))
        witness.distrust(LOG_VKEY)
        assert witness.add_checkpoint(TREE.ask(5, 6)).status == 403
        proof = tuple(consistency_proof(5, 6, TREE.node))
        rotated = said.encode_request(said.Request(5, proof, TREE.note(6, new)))
        assert witness.add_checkpoint(rotated).status == 200
        with pytest.raises(WitnessRefused):
            witness.distrust(LOG_VKEY)
