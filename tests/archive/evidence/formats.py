"""Every format with a whole example, and its reader: for properties here, and for the fuzzer.

A reader takes any bytes. It raises EvidenceError, or gives the bytes that its writer makes of what
it read, which are the same; None where a format has more than one spelling by design.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from archive.evidence import (
    bundle,
    canonical,
    checkpoint,
    cosignature,
    dsse,
    entries,
    heads,
    leaf,
    note,
    passkey,
    policy,
    receipt,
    statement,
    tiles,
    tlog_proof,
)
from archive.evidence.container import Container
from archive.evidence.errors import BundleError, FormatError
from tests.vectors.authenticator import Authenticator
from tests.vectors.world import LOG, VKEY, World, pack, unpack, whole

WIDTH = 3
"""Entries in the example of an entry bundle."""
Reader = Callable[[bytes], bytes | None]


@dataclass(frozen=True)
class Format:
    read: Reader
    example: Callable[[], bytes]


@cache
def world() -> World:
    return whole()


@cache
def members() -> dict[str, bytes]:
    return unpack(world().bundle())[1]


def text(data: bytes) -> str:
    try:
        return data.decode("ascii")
    except UnicodeDecodeError:
        raise FormatError("not ASCII") from None


def read_note(data: bytes) -> bytes:
    parsed = note.parse(data)
    return parsed.text + b"\n" + b"".join(map(note.line_of, parsed.signatures))


def read_checkpoint(data: bytes) -> bytes:
    return checkpoint.encode(checkpoint.parse(data))


def read_policy(data: bytes) -> None:
    policy.Policy.parse(data)


def read_envelope(data: bytes) -> bytes:
    read = dsse.parse(data, dsse.STATEMENT_TYPE)
    return dsse.assemble(read.payload, dsse.STATEMENT_TYPE, read.keyid, read.signature)


def read_leaf(data: bytes) -> bytes:
    read = leaf.parse(data)
    return leaf.encode(read.envelope, read.number, read.recorded_at)


def read_leaf_line(data: bytes) -> bytes:
    read = bundle.parse_leaf(data)
    proof = [hash_.hex() for hash_ in read.proof]
    told = {"index": read.index, "leaf": read.leaf.decode("utf-8"), "proof": proof}
    return canonical.encode(told)


def read_opening(data: bytes) -> bytes:
    said = bundle.parse_opening(data)
    if said.path is None:
        return canonical.encode({"event": said.event, "n": said.n, "withheld": True})
    told = {"path": said.path, "salt": said.salt.hex(), "size": said.size}
    return canonical.encode({"event": said.event, "n": said.n, **told})


def heads_payload(envelope: bytes) -> bytes:
    return dsse.parse(envelope, dsse.HEADS_TYPE).payload


def read_heads(data: bytes) -> bytes:
    """Written anew by whoever has the log key; its signature is none of the payload."""
    return heads_payload(heads.issue(heads.parse(data), LOG))


def read_bundle(data: bytes) -> bytes:
    """With all that step 1 asks; what it says is the verifier's to judge."""
    faults = list(Container(io.BytesIO(data)).check())
    if faults:
        raise BundleError(faults[0].where, "differs")
    return pack(*unpack(data))


FORMATS: dict[str, Format] = {
    "assertion": Format(
        lambda data: passkey.encode(passkey.parse(data)), lambda: Authenticator("a").sign(b"x")
    ),
    "bundle": Format(read_bundle, lambda: world().bundle()),
    "canonical": Format(
        lambda data: canonical.encode(canonical.decode_object(data)),
        lambda: canonical.encode({"a": [1, -2, None, True, "字\n\\"], "b": {"c": ""}}),
    ),
    "checkpoint": Format(read_checkpoint, lambda: note.parse(world().checkpoint()).text),
    "entries": Format(
        lambda data: entries.encode(entries.parse(data, WIDTH)),
        lambda: entries.encode(world().leaves[:WIDTH]),
    ),
    "entries path": Format(
        lambda data: entries.entries_path(*entries.parse_entries_path(text(data))).encode(),
        lambda: b"tile/entries/x001/x234/067.p/8",
    ),
    "envelope": Format(read_envelope, lambda: world().envelopes[4]),
    "heads": Format(read_heads, lambda: heads_payload(members()["heads"])),
    "leaf": Format(read_leaf, lambda: world().leaves[3]),
    "leaf line": Format(read_leaf_line, lambda: members()["leaves.jsonl"].splitlines()[3]),
    "note": Format(read_note, lambda: world().checkpoint()),
    "opening": Format(read_opening, lambda: members()["openings.jsonl"].splitlines()[0]),
    "policy": Format(
        read_policy,
        f"# an auditor's\nlog {VKEY} https://log.example/\nquorum none\n".encode,
    ),
    "receipt": Format(
        lambda data: receipt.encode(receipt.parse(data)),
        lambda: receipt.encode(receipt.read(world().receipts[3])[1]),
    ),
    "request": Format(
        lambda data: cosignature.encode_request(cosignature.parse_request(data)[0]),
        lambda: cosignature.encode_request(
            cosignature.Request(3, (bytes(32), b"x" * 32), world().checkpoint())
        ),
    ),
    "size": Format(
        lambda data: cosignature.encode_size(cosignature.parse_size(data)), lambda: b"4711\n"
    ),
    "statement": Format(
        lambda data: statement.encode(statement.parse(data)),
        lambda: dsse.parse(world().envelopes[4], dsse.STATEMENT_TYPE).payload,
    ),
    "tile path": Format(
        lambda data: tiles.tile_path(*tiles.parse_tile_path(text(data))).encode(),
        lambda: b"tile/1/x001/067.p/8",
    ),
    "tlog-proof": Format(
        lambda data: tlog_proof.encode(tlog_proof.parse(data)),
        lambda: tlog_proof.encode(
            tlog_proof.TlogProof(
                3, tuple(world().proven(lambda _: True)[3].proof), world().checkpoint(), b"leaf"
            )
        ),
    ),
    "verifier key": Format(
        lambda data: str(note.VerifierKey.parse(text(data))).encode(), VKEY.encode
    ),
}  # fmt: skip
