"""Other processes verify signatures ahead; the report stays what it is without them."""

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from archive.evidence import ahead, bundle, dsse, leaf
from archive.evidence.__main__ import as_json
from archive.evidence.ahead import Ahead
from archive.evidence.container import Container
from archive.evidence.verify import verify
from tests.archive.evidence.test_size import large
from tests.vectors.generate import HERE

ANSWERS = json.loads((HERE / "bundles.json").read_bytes())
JUDGED = {6, 13}  # steps that ask whether a signature fits
SIGNED_BADLY = [a["file"] for a in ANSWERS if JUDGED & set(a["failing_steps"])][
    ::4
]  # all take long


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Large enough for other processes: every 500th signature does not fit."""
    data = bytearray(large(2500).getvalue())
    at = 0
    for number in range(1, 2500):
        at = data.index(rb"\"sig\\\":\\\"", at + 1)
        if number % 500 == 0:
            data[at + 20] = ord("B" if data[at + 20] == ord("A") else "A")
    path = tmp_path_factory.mktemp("large") / "large.zip"
    path.write_bytes(data)
    return path


@contextmanager
def another_thread() -> Iterator[None]:
    """While there is one, processes are spawned; else, on Linux, forked."""
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def envelopes(box: Container) -> list[tuple[int, dsse.Envelope]]:
    found = []
    for proven in bundle.read_leaves(box, bundle.LEAVES):
        assert isinstance(proven, bundle.ProvenLeaf)
        raw = leaf.parse(proven.leaf).envelope
        found.append((proven.index, dsse.parse(raw, dsse.STATEMENT_TYPE)))
    return found


def test_what_fits_is_known_and_nothing_else(path: Path) -> None:
    """In order of the leaves, exactly the envelopes whose signature fits are known."""
    with path.open("rb") as file, ExitStack() as stack:
        box = Container(file)
        register = Ahead.of(file, box, 2, stack)
        unknown = [
            index
            for index, envelope in envelopes(box)
            if not register.knows(bundle.LEAVES, index, envelope)
        ]
        failed = [finding.where for finding in verify(file).of_step(6)]
    assert len(unknown) == len(failed) == 4
    assert all(f", leaf {index}" in where for index, where in zip(unknown, failed, strict=True))


def verify_file(path: Path, processes: int) -> dict[str, object]:
    with path.open("rb") as file:
        return as_json(verify(file, processes=processes))


@pytest.mark.parametrize("spawned", [False, True])
def test_a_large_bundle_gets_the_same_report(path: Path, *, spawned: bool) -> None:
    """Findings in their order, counts and verdicts, however the processes are started."""
    with another_thread() if spawned else ExitStack():
        assert verify_file(path, 2) == verify_file(path, 1)


@pytest.mark.parametrize("name", SIGNED_BADLY)
def test_a_small_bundle_would_get_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Revoked, foreign and misused keys are judged here, whatever fits there."""
    monkeypatch.setattr(ahead, "LEAST", 0)
    assert verify_file(HERE / name, 2) == verify_file(HERE / name, 1)


def test_without_the_others_all_is_done_here(path: Path, tmp_path: Path) -> None:
    """A file that the others cannot open any more is verified by this process alone."""
    gone = tmp_path / "gone.zip"
    gone.write_bytes(path.read_bytes())
    with gone.open("rb") as file:
        gone.unlink()
        assert as_json(verify(file, processes=2)) == verify_file(path, 1)
