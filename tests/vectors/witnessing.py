"""Policies to take or refuse, and bundles under policies: policies.json.

The answers are written by hand; `cosigned` are the witnesses that a verifier names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archive.evidence import cosignature, note
from archive.evidence.keys import SigningKey, VerifyKey
from tests.vectors.world import ORIGIN, VKEY, seeded

MOMENT = 1_795_338_061  # 2026-11-22T09:01:01Z
WITNESSES = [SigningKey.from_seed(seeded(f"witness {n}")) for n in range(3)]
NAMES = [f"witness.example/w{n}" for n in range(3)]
KEYS = [
    str(note.VerifierKey.make(name, key.verify_key(), note.COSIGNATURE))
    for name, key in zip(NAMES, WITNESSES, strict=True)
]
LINES = [f"log {VKEY}", *(f"witness w{n} {key}" for n, key in enumerate(KEYS))]
COSIGNED, BADLY = "bundles/checkpoint-cosigned.zip", "bundles/checkpoint-cosigned-badly.zip"


def cosigned(text: bytes) -> str:
    """Two of the three witnesses, at MOMENT and a second later."""
    lines = [cosignature.cosign(text, NAMES[n], WITNESSES[n], MOMENT + n) for n in range(2)]
    return b"".join(map(note.line_of, lines)).decode()


def cosigned_badly(text: bytes) -> str:
    """The first as it should be; of the second the time was changed."""
    first, second = (cosignature.cosign(text, NAMES[n], WITNESSES[n], MOMENT) for n in range(2))
    later = (MOMENT + 60).to_bytes(8, "big") + second.signature[8:]
    lines = first, note.Signature(second.name, second.hash, later)
    return b"".join(map(note.line_of, lines)).decode()


@dataclass(frozen=True)
class Judged:
    """A bundle under a policy; where `code` is set, step 3 fails with it, and nothing else does."""

    why: str
    file: str
    policy: list[str]
    code: str | None = None
    cosigned: tuple[str, ...] = ()
    differs: bool = False
    """Whether the bundle proposes another policy."""


def _of(*lines: str) -> list[str]:
    return [*LINES, *lines]


def _differing(why: str, *lines: str, cosigned: tuple[str, ...] = ("w0", "w1")) -> Judged:
    told = f"{why} than the bundle proposes"
    return Judged(told, PROPOSING, list(lines), None, cosigned, differs=True)


PROPOSING = "bundles/policy-inside.zip"
PROPOSED = "\n".join([f"{LINES[0]} https://log.example/", *LINES[1:], "group g 1 w0 w1 w2"])
PROPOSED += "\n# whom we ask\nquorum g\n"
JUDGED = [
    Judged("no quorum wanted", COSIGNED, _of("quorum none"), None, ("w0", "w1")),
    Judged("one witness", COSIGNED, _of("quorum w1"), None, ("w0", "w1")),
    Judged("two of three", COSIGNED, _of("group g 2 w0 w1 w2", "quorum g"), None, ("w0", "w1")),
    Judged("all of three", COSIGNED, _of("group g all w0 w1 w2", "quorum g"), "quorum"),
    Judged("the one that did not sign", COSIGNED, _of("quorum w2"), "quorum"),
    Judged(
        "any of a group, and another",
        COSIGNED,
        _of("group g any w1 w2", "group h all w0 g", "quorum h"),
        None,
        ("w0", "w1"),
    ),
    Judged(
        "a group within that is not met",
        COSIGNED,
        _of("group g all w1 w2", "group h all w0 g", "quorum h"),
        "quorum",
    ),
    Judged("nobody signed", "bundles/whole.zip", _of("quorum w0"), "quorum"),
    Judged(
        "a trusted witness's line does not fit, though the quorum is met without it",
        BADLY,
        _of("group g any w0 w1 w2", "quorum g"),
        "cosignature",
    ),
    Judged("it is no trusted witness's", BADLY, [LINES[0], LINES[1], "quorum w0"], None, ("w0",)),
    Judged(
        "the witness's name with another key",
        COSIGNED,
        [
            LINES[0],
            f"witness w0 {note.VerifierKey.make(NAMES[0], WITNESSES[2].verify_key(), 4)}",
            "quorum w0",
        ],
        "quorum",
    ),
    Judged(
        "another log",
        COSIGNED,
        [f"log {note.VerifierKey.make('other.example', WITNESSES[2].verify_key())}", "quorum none"],
        "policy",
    ),
    Judged(
        "the policy that the bundle proposes, in another order and spelling",
        PROPOSING,
        [*reversed(LINES), "group g any w2 w1 w0", "quorum g"],
        None,
        ("w1", "w0"),
    ),
    _differing("another quorum", *LINES, "group g 1 w0 w1 w2", "quorum w0"),
    _differing("another number", *LINES, "group g 2 w0 w1 w2", "quorum g"),
    _differing("another member", *LINES, "group g 1 w0 w1", "quorum g"),
    _differing("other names", LINES[0], f"witness v {KEYS[0]}", "quorum v", cosigned=("v",)),
    _differing("another witness", *LINES[:3], "group g 1 w0 w1", "quorum g"),
]
_PLAIN = note.VerifierKey.make(NAMES[0], WITNESSES[0].verify_key())
_RENAMED = note.VerifierKey.make("again.example", WITNESSES[0].verify_key(), note.COSIGNATURE)
_SMALL = note.VerifierKey.make("small.example", VerifyKey.from_public(bytes(32)), 4)
_LOG_AGAIN = note.VerifierKey.make(f"{ORIGIN}/2", note.VerifierKey.parse(VKEY).key)
TAKEN = {
    "no quorum": "\n".join(_of("quorum none", "")),
    "with addresses": "\n".join(
        [f"{LINES[0]} https://log.example/", f"{LINES[1]} x", "quorum w0\n"]
    ),
    "spaces, tabs and comments": f"\t {LINES[0]}  \n\n #\t见\n{LINES[1]}\t \nquorum\tw0\n",
    "a witness's key of type 1": f"{LINES[0]}\nwitness w {_PLAIN}\nquorum w\n",
    "a name that looks like a comment": f"{LINES[0]}\nwitness #w {KEYS[0]}\nquorum #w\n",
    "a name beyond ASCII": f"{LINES[0]}\nwitness 见\u3000证 {KEYS[0]}\nquorum 见\u3000证\n",
    "a group whose threshold is a number": "\n".join(_of("group g 3 w0 w1 w2", "quorum g", "")),
}
REFUSED = {
    "nothing": "",
    "no log": "\n".join([*LINES[1:], "quorum w0", ""]),
    "no quorum line": "\n".join([*LINES, ""]),
    "two quorum lines": "\n".join(_of("quorum none", "quorum w0", "")),
    "no newline at the end": "\n".join(_of("quorum none")),
    "a comment at a line's end": "\n".join(_of("quorum none # of them", "")),
    "a carriage return": "\r\n".join(_of("quorum none", "")),
    "a vertical tab": "\n".join(_of("quorum\vnone", "")),
    "a delete character": "\n".join(_of("quorum none", "#\x7f", "")),
    "an unknown keyword": "\n".join(_of("quorum none", "witnesses 3", "")),
    "a keyword in capitals": "\n".join(_of("Quorum none", "")),
    "a quorum of nobody": "\n".join(_of("quorum w3", "")),
    "a quorum before its witness": "\n".join([LINES[0], "quorum w0", LINES[1], ""]),
    "the same log twice": "\n".join([LINES[0], *LINES, "quorum none", ""]),
    "the same log key by another name": "\n".join(_of(f"log {_LOG_AGAIN}", "quorum none", "")),
    "a cosigner's key as a log": f"log {KEYS[0]}\nquorum none\n",
    "the same witness key by another name": "\n".join(_of(f"witness v {_RENAMED}", "quorum v", "")),
    "a key of small order": "\n".join(_of(f"witness v {_SMALL}", "quorum v", "")),
    "a name twice": "\n".join(_of("group w0 any w1", "quorum w0", "")),
    "none as a name": "\n".join(_of("group none any w1", "quorum none", "")),
    "a member twice": "\n".join(_of("group g 2 w0 w0", "quorum g", "")),
    "a member of two groups": "\n".join(_of("group g any w0", "group h all w0 g", "quorum h", "")),
    "a member that comes later": "\n".join(_of("group g any h", "group h any w0", "quorum g", "")),
    "none as a member": "\n".join(_of("group g any none", "quorum g", "")),
    "a group of nobody": "\n".join(_of("group g all", "quorum g", "")),
    "threshold 0": "\n".join(_of("group g 0 w0", "quorum g", "")),
    "a threshold above": "\n".join(_of("group g 3 w0 w1", "quorum g", "")),
    "a threshold with a sign": "\n".join(_of("group g +1 w0", "quorum g", "")),
    "a threshold with a leading zero": "\n".join(_of("group g 01 w0", "quorum g", "")),
}


def policies() -> dict[str, Any]:
    texts = [{"why": why, "text": text, "accept": True} for why, text in TAKEN.items()]
    texts += [{"why": why, "text": text, "accept": False} for why, text in REFUSED.items()]
    return {
        "texts": texts,
        "bundles": [
            {
                "why": each.why,
                "file": each.file,
                "policy": "\n".join([*each.policy, ""]),
                "exit": 1 if each.code else 0,
                "failing_steps": [3] if each.code else [],
                "reason": each.code,
                "cosigned": list(each.cosigned),
                "differs": each.differs,
            }
            for each in JUDGED
        ],
    }
