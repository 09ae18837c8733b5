"""Both verifiers on every vector and on random mutants: one page, one answer.

The second reader was written from docs/formats.md alone, and shares no code with the first.
"""

import io
import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from archive.evidence.certificate import read_pem
from archive.evidence.errors import BundleError, FormatError
from archive.evidence.instant import time_text
from archive.evidence.policy import Policy
from archive.evidence.report import Level
from archive.evidence.verify import verify
from tests.second_reader.container import UnusableError
from tests.second_reader.policy import read_policy
from tests.second_reader.signing import read_vkey
from tests.second_reader.spelling import BadFormError
from tests.second_reader.verify import verify as verify_again
from tests.vectors import generate
from tests.vectors.world import pack, unpack

MUTANTS = 300
# Exit, failing steps, verdicts, completeness, timestamps that hold.
Answer = tuple[int, list[int], dict[int, str], str, dict[int, tuple[str, str]]]
CASES = json.loads((generate.HERE / "bundles.json").read_bytes())


def first(data: bytes, vkey: str | None = None, tsa: str | None = None) -> Answer:
    policy = Policy.of_vkey(vkey) if vkey else None
    try:
        report = verify(io.BytesIO(data), policy, read_pem(tsa.encode()) if tsa else ())
    except BundleError:
        return 2, [], {}, "", {}
    verdicts = {event.index: str(event.verdict) for event in report.events}
    stamped = {each.n: (each.time, each.authority) for each in report.timestamps}
    complete = str(report.completeness)
    return 0 if report.ok else 1, report.failed_steps, verdicts, complete, stamped


def second(data: bytes, vkey: str | None = None, tsa: str | None = None) -> Answer:
    authorities = list(read_pem(tsa.encode())) if tsa else None
    try:
        report = verify_again(data, read_vkey(vkey) if vkey else None, None, authorities)
    except UnusableError:
        return 2, [], {}, "", {}
    stamped = {n: (time_text(each.time), each.authority) for n, each in report.stamped.items()}
    return report.exit_status, sorted(report.steps), report.verdicts, report.complete, stamped


def read(case: dict[str, Any]) -> bytes:
    return (generate.HERE / str(case["file"])).read_bytes()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["file"])
def test_both_give_the_written_answer(case: dict[str, Any]) -> None:
    """Exit, all failing steps and the decided verdicts are those that stand in bundles.json."""
    data, trusted = read(case), (case["vkey"], case["tsa"])
    found = first(data, *trusted)
    assert found == second(data, *trusted)
    assert found[:2] == (case["exit"], case["failing_steps"])
    assert case["complete"] in (None, found[3])
    decided = {int(index): verdict for index, verdict in case["verdicts"].items()}
    assert {index: found[2].get(index) for index in decided} == decided


@pytest.mark.parametrize(
    "case", [case for case in CASES if case["reason"]], ids=lambda case: case["file"]
)
def test_the_first_names_the_reason(case: dict[str, Any]) -> None:
    """A bundle is refused for the reason that its name says, not for another one."""
    vkey, tsa = case["vkey"], case["tsa"]
    policy, authorities = Policy.of_vkey(vkey) if vkey else None, tsa and read_pem(tsa.encode())
    report = verify(io.BytesIO(read(case)), policy, authorities or ())
    assert (case["failing_step"], Level.FAILED, case["reason"]) in report.kinds


POLICIES = json.loads((generate.HERE / "policies.json").read_bytes())


@pytest.mark.parametrize("case", POLICIES["texts"], ids=lambda case: case["why"])
def test_both_take_or_refuse_a_policy(case: dict[str, Any]) -> None:
    """Each text of policies.json is a policy to both readers, or to neither."""
    data = str(case["text"]).encode()
    if case["accept"]:
        assert Policy.parse(data).quorum == read_policy(data).quorum
        return
    with pytest.raises(FormatError):
        Policy.parse(data)
    with pytest.raises(BadFormError):
        read_policy(data)


@pytest.mark.parametrize("case", POLICIES["bundles"], ids=lambda case: case["why"])
def test_both_judge_under_a_policy(case: dict[str, Any]) -> None:
    """Exit and failing steps are those written, the reason is the one meant, and the witnesses
    that cosigned are named with their times."""
    data, policy = read(case), str(case["policy"]).encode()
    report = verify(io.BytesIO(data), Policy.parse(policy))
    again = verify_again(data, None, read_policy(policy))
    assert (int(not report.ok), report.failed_steps) == (case["exit"], case["failing_steps"])
    assert (again.exit_status, sorted(again.steps)) == (case["exit"], case["failing_steps"])
    reasons = [f.code for f in report.findings if f.level is Level.FAILED]
    assert reasons == ([case["reason"]] if case["reason"] else [])
    assert [name for name, _ in report.cosigned] == case["cosigned"]
    assert all(at.startswith("2026-11-22T09:01:0") for _, at in report.cosigned)
    assert ((3, Level.FLAG, "policy-differs") in report.kinds) is case["differs"] is again.differs
    wanted = "quorum none" not in str(case["policy"])
    unwitnessed = (3, Level.NOT_CHECKED, "unwitnessed") in report.kinds
    assert unwitnessed is not wanted


def test_both_answer_mutants_alike() -> None:
    """On random changes of honest bundles, seeded, both readers agree in all they say."""
    chance = random.Random(20261122)
    exits = set()
    for number in range(MUTANTS):
        name = chance.choice(
            ["whole", "disposed-filed-again", "log-key-rotated", "stamp-renewed", "context"]
        )
        mutant = mutate(chance, (generate.HERE / f"bundles/{name}.zip").read_bytes())
        found = first(mutant)
        assert found == second(mutant), number
        exits.add(found[0])
    assert exits >= {1, 2}


def mutate(chance: random.Random, data: bytes) -> bytes:
    """One to three changes: of bytes as they lie, or of members in a flawless container."""
    if chance.random() < 0.2:
        return spoil(chance, data)
    head, members = unpack(data)
    for _ in range(chance.randint(1, 3)):
        way = chance.choice([_bytes, _lines, _values, _values, _values, _across])
        way(chance, members)
    return pack(head, members)


def spoil(chance: random.Random, data: bytes) -> bytes:
    at = chance.randrange(len(data)) if data else 0
    some = bytes([chance.choice(b'\x00\n",0123456789az{}[]\xff')])
    return chance.choice(
        [
            data[:at] + some + data[at + 1 :],
            data[:at] + data[at + 1 :],
            data[:at] + some + data[at:],
        ]
    )


def _bytes(chance: random.Random, members: dict[str, bytes]) -> None:
    path = chance.choice(sorted(members))
    members[path] = spoil(chance, members[path])


def _jsonl(chance: random.Random, members: dict[str, bytes]) -> tuple[str, list[bytes]]:
    path = chance.choice(sorted(path for path in members if path.endswith(".jsonl")))
    return path, members[path].splitlines(keepends=True)


def _lines(chance: random.Random, members: dict[str, bytes]) -> None:
    """A line less, a line twice, or two that change places."""
    path, lines = _jsonl(chance, members)
    if not lines:
        return
    i, j = chance.randrange(len(lines)), chance.randrange(len(lines))
    ways: list[Callable[[], object]] = [
        lambda: lines.pop(i),
        lambda: lines.insert(j, lines[i]),
        lambda: lines.__setitem__(slice(None), _swapped(lines, i, j)),
    ]
    chance.choice(ways)()
    members[path] = b"".join(lines)


def _swapped(lines: list[bytes], i: int, j: int) -> list[bytes]:
    lines[i], lines[j] = lines[j], lines[i]
    return list(lines)


def _across(chance: random.Random, members: dict[str, bytes]) -> None:
    """A line goes into another file."""
    source, lines = _jsonl(chance, members)
    target, others = _jsonl(chance, members)
    if source != target and lines:
        others.insert(chance.randint(0, len(others)), lines.pop(chance.randrange(len(lines))))
        members[source], members[target] = b"".join(lines), b"".join(others)


ODD: list[Any] = [None, True, 0, 1, -1, 3, 2**53, "", "x", "00" * 16, "00" * 32, [], {}, "\u4e00"]


def _values(chance: random.Random, members: dict[str, bytes]) -> None:
    """One value of a line, of its leaf or of its statement becomes another."""
    path, lines = _jsonl(chance, members)
    if not lines:
        return
    number = chance.randrange(len(lines))
    try:
        value = json.loads(lines[number])
    except ValueError:
        return
    if type(value) is dict and value:
        name = chance.choice(sorted(value))
        value[name] = chance.choice([*ODD, *value.values()])
        lines[number] = _dump(value)
        members[path] = b"".join(lines)


def _dump(value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode() + b"\n"
