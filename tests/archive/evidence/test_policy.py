"""Trust policies against foreign files, and quorums of real cosignatures."""

import pytest

from archive.evidence import checkpoint, note
from archive.evidence.errors import FormatError, SignatureError
from archive.evidence.keys import SigningKey
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
    """Foreign policies read, save for a comment at a line's end, which C2SP does not have."""
    text = f"log {VKEY}\n" + foreign_json("transparency_dev_formats/policy.json")["good"][number]
    if number == 1:
        with pytest.raises(FormatError):
            Policy.parse(text)
    else:
        assert Policy.parse(text).quorum == "g1"


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
