"""Trust policies against foreign files, and quorums of real cosignatures."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.evidence import checkpoint, note
from archive.evidence.errors import EvidenceError, FormatError, SignatureError
from archive.evidence.keys import SigningKey, VerifyKey
from archive.evidence.policy import Policy
from tests.archive.evidence.foreign import foreign_json
from tests.vectors.world import ORIGIN, VKEY, whole

WITNESSES = [SigningKey.from_seed(bytes([n]) * 32) for n in range(3)]


def named(n: int) -> note.VerifierKey:
    return note.VerifierKey.make(f"w{n}.example", WITNESSES[n].verify_key(), note.COSIGNATURE)


def cosigned(*who: int) -> note.Note:
    parsed, _ = checkpoint.read(whole().checkpoint())
    lines = [
        note.Signature(
            named(n).name,
            named(n).hash,
            bytes(8) + WITNESSES[n].sign(b"cosignature/v1\ntime 0\n" + parsed.text),
        )
        for n in who
    ]
    return note.Note(parsed.text, (*parsed.signatures, *lines))


@pytest.mark.parametrize("number", range(5))
def test_foreign_policies(number: int) -> None:
    """Foreign policies read, save for a comment at a line's end, and for one key under two names:
    others take them, the specification does not."""
    text = f"log {VKEY}\n" + foreign_json("transparency_dev_formats/policy.json")["good"][number]
    if number:
        with pytest.raises(FormatError, match="not understood" if number == 1 else "second time"):
            Policy.parse(text)
    else:
        policy = Policy.parse(text)
        assert (policy.quorum, policy.least()) == ("g1", 2)
        assert policy.urls == {
            "w1": "https://sigsum.org/witness/",
            "w2": "https://example.com/witness/",
        }


LINES = [f"log {VKEY}", *(f"witness w{n} {named(n)} https://w{n}.example/" for n in range(3))]


def test_two_levels() -> None:
    """Groups of groups count as specified; how few can be a quorum is known."""
    text = "\n".join([*LINES, "group a 2 w0 w1", "group b all a w2", "quorum b", ""])
    policy = Policy.parse(text.encode())
    assert policy.least() == 3
    for who, met in (((0, 1, 2), True), ((0, 1), False), ((0, 2), False), ((2,), False)):
        assert policy.met([f"w{n}" for n in who]) is met
    assert Policy.parse("\n".join([*LINES, "quorum w1", ""])).met(["w1"])
    assert Policy.parse("\n".join([*LINES, "quorum none", ""])).met([])


def test_octets_beyond_ascii_are_opaque() -> None:
    """A name may be of any octets but space and tab; tabs and spaces around words count nothing."""
    name = "见证\u3000#1".encode() + b"\xff"
    line = b"\twitness  " + name + b" \t" + str(named(0)).encode() + b"  \n"
    policy = Policy.parse(LINES[0].encode() + b"\n  # \xfe\n" + line + b"quorum " + name + b"\n")
    assert policy.met([policy.quorum])
    assert list(policy.witnesses) == [policy.quorum]


SMALL_ORDER = note.VerifierKey.make("s.example", VerifyKey.from_public(bytes(32)))
SAME_KEY = note.VerifierKey.make("other.example", WITNESSES[0].verify_key(), note.COSIGNATURE)
AGAIN = note.VerifierKey.make("again.example", note.VerifierKey.parse(VKEY).key)
REFUSED = {
    "no quorum line": LINES,
    "two quorum lines": [*LINES, "quorum none", "quorum none"],
    "quorum before its witness": ["quorum w0", *LINES],
    "quorum of nobody": [*LINES, "quorum w3"],
    "comment at a line's end": [*LINES, "quorum none # of them"],
    "no log": [*LINES[1:], "quorum w0"],
    "the same log": [*LINES, LINES[0], "quorum none"],
    "the same log key by another name": [*LINES, f"log {AGAIN}", "quorum none"],
    "the same witness key by another name": [*LINES, f"witness w3 {SAME_KEY}", "quorum none"],
    "the same name": [*LINES, "group w0 1 w1", "quorum none"],
    "none as a name": [*LINES, "group none 1 w1", "quorum none"],
    "none as a member": [*LINES, "group g 1 none", "quorum g"],
    "a member twice": [*LINES, "group g 2 w0 w0", "quorum g"],
    "a member of two groups": [*LINES, "group g 1 w0", "group h 1 w0 g", "quorum h"],
    "a member that comes later": [*LINES, "group g 1 h w0", "group h 1 w1", "quorum g"],
    "no members": [*LINES, "group g all", "quorum g"],
    "threshold 0": [*LINES, "group g 0 w0", "quorum g"],
    "threshold above": [*LINES, "group g 2 w0", "quorum g"],
    "threshold +1": [*LINES, "group g +1 w0 w1", "quorum g"],
    "threshold 01": [*LINES, "group g 01 w0 w1", "quorum g"],
    "threshold 1_0": [*LINES, "group g 1_0 w0 w1", "quorum g"],
    "a cosigner's key as a log": [f"log {named(0)}", "quorum none"],
    "a small-order log key": [f"log {SMALL_ORDER}", "quorum none"],
    "a small-order witness": [*LINES, f"witness s {SMALL_ORDER}", "quorum s"],
    "a carriage return": [*LINES, "quorum none\r"],
    "a vertical tab": [*LINES, "quorum\vnone"],
    "a delete character": [*LINES, "quorum none", "# \x7f"],
    "a word too many": [*LINES, "quorum w0 w1"],
    "another keyword": [*LINES, "Quorum none", "quorum none"],
}


@pytest.mark.parametrize("why", REFUSED)
def test_refused(why: str) -> None:
    """What the specification does not allow is refused; nothing is read half."""
    with pytest.raises(FormatError):
        Policy.parse("\n".join([*REFUSED[why], ""]))


def test_the_last_line_is_ended() -> None:
    """A file that was cut off is none."""
    text = "\n".join([*LINES, "quorum none"])
    with pytest.raises(FormatError, match="newline"):
        Policy.parse(text)
    assert Policy.parse(f"{text}\n").quorum == "none"


def test_deep_and_large_policies() -> None:
    """A thousand groups in each other are counted, not fallen over; a megabyte is too much."""
    deep = [f"group g{n} any g{n - 1}" for n in range(1, 1000)]
    text = "\n".join([*LINES, "group g0 any w0", *deep, "quorum g999", ""])
    assert Policy.parse(text).met(["w0"])
    assert not Policy.parse(text).met(["w1"])
    with pytest.raises(FormatError, match="long"):
        Policy.parse("#" * 2_000_000 + "\n")


@given(st.binary())
def test_never_leaks(data: bytes) -> None:
    """Random bytes, also behind a good beginning, give our error or a policy."""
    for text in (data, f"log {VKEY}\nwitness w ".encode() + data, b"quorum none\n" + data):
        with contextlib.suppress(EvidenceError):
            Policy.parse(text)


def test_a_trusted_witness_that_does_not_fit() -> None:
    """One line of a trusted witness that is no cosignature fails the head, whatever the others
    say; a stranger's is passed over."""
    policy = Policy.parse("\n".join([*LINES, "group g any w0 w1 w2", "quorum g", ""]))
    good = cosigned(0)
    broken = note.Signature(named(1).name, named(1).hash, bytes(72))
    with pytest.raises(SignatureError) as refused:
        policy.check(note.Note(good.text, (*good.signatures, broken)), ORIGIN)
    assert refused.value.code == "cosignature"
    strange = note.Signature("stranger.example", named(1).hash, bytes(72))
    policy.check(note.Note(good.text, (*good.signatures, strange)), ORIGIN)


@pytest.mark.parametrize(
    ("threshold", "who", "met"),
    [("any", (1,), True), ("any", (), False), ("all", (0, 1), False), ("all", (0, 1, 2), True),
     ("2", (0, 2), True), ("2", (2,), False)],
)  # fmt: skip
def test_quorum(threshold: str, who: tuple[int, ...], met: bool) -> None:
    """The quorum counts witnesses that really cosigned this checkpoint."""
    lines = [f"log {VKEY}", *(f"witness w{n} {named(n)}" for n in range(3))]
    policy = Policy.parse("\n".join([*lines, f"group g {threshold} w0 w1 w2", "quorum g", ""]))
    if met:
        policy.check(cosigned(*who), ORIGIN)
    else:
        with pytest.raises(SignatureError):
            policy.check(cosigned(*who), ORIGIN)


def test_edges_of_a_policy() -> None:
    """A log's own address, one quorum line wherever it stands, a name that is no text, the line
    that is wrong by its number, nobody needed for no quorum, and each cosignature's own time."""
    text = "\n".join([f"log {VKEY} https://log.example/", LINES[1], "quorum w0", ""])
    assert Policy.parse(text).logs
    assert Policy.parse(text.replace("quorum w0", "quorum none")).least() == 0
    odd = text.replace("witness w0 ", "witness \udcff ").replace("quorum w0", "quorum \udcff")
    assert Policy.parse(odd).least() == 1
    with pytest.raises(FormatError, match="line 5"):
        Policy.parse(text + LINES[2] + "\nquorum w1\n")
    with pytest.raises(FormatError, match="line 3"):
        Policy.parse("\n".join([*LINES[:2], LINES[2].replace("w1", "w0", 1), "quorum w0", ""]))
    parsed = cosigned(0)
    assert Policy.parse(text).cosigned(parsed) == {"w0": 0}
    moment = 1_800_000_000
    signed = WITNESSES[0].sign(note.cosigned_message(parsed.text, moment))
    line = note.Signature(named(0).name, named(0).hash, moment.to_bytes(8, "big") + signed)
    found = Policy.parse(text).cosigned(note.Note(parsed.text, (*parsed.signatures[:1], line)))
    assert found == {"w0": moment}
