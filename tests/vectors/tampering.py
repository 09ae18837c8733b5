"""Ways to cheat, and what every verifier must answer. The answers are written by hand."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from archive.evidence import dsse, statement
from archive.evidence.canonical import encode
from archive.evidence.keys import SigningKey
from tests.vectors.reasons import REASONS
from tests.vectors.world import (
    BODY,
    COMPLAINT,
    DISPOSAL,
    FILE,
    FILING,
    LOG,
    OWN,
    SHORT,
    WHOLE_VERDICTS,
    World,
    ident,
    pack,
    read_lines,
    seeded,
    unpack,
    whole,
    write_lines,
)

Members = dict[str, bytes]


@dataclass(frozen=True)
class Case:
    name: str
    why: str
    make: Callable[[], bytes]
    exit: int = 1
    step: int | None = None  # a step that must fail
    verdicts: dict[int, str] = field(default_factory=dict)  # leaf -> verdict, where it is decided
    vkey: str | None = None  # the trusted key, where the answer needs one
    tsa: str | None = None  # PEM of the trusted timestamp authority, likewise
    complete: str | None = None  # PROVEN, SIGNED or NOT CHECKED, where it is decided

    @property
    def reason(self) -> str | None:
        """The code of the finding in `step`."""
        return REASONS[self.name][0] if self.step else None

    @property
    def steps(self) -> list[int]:
        """All steps that fail, and no others do."""
        return sorted({self.step, *REASONS[self.name][1]}) if self.step else []


def changed(change: Callable[[dict[str, Any], Members], None]) -> Callable[[], bytes]:
    """The whole bundle with members changed, in a container without a flaw."""

    def make() -> bytes:
        head, members = unpack(whole().bundle())
        change(head, members)
        return pack(head, members)

    return make


def line(path: str, number: int, change: Callable[[dict[str, Any]], None]) -> Callable[[], bytes]:
    def edit(head: dict[str, Any], members: Members) -> None:
        lines = read_lines(members[path])
        change(lines[number])
        members[path] = write_lines(lines)

    return changed(edit)


def logged(*events: Callable[[World], object]) -> Callable[[], bytes]:
    """What the holder of the log key can write: all hashes and proofs fit."""

    def make() -> bytes:
        world = World()
        for event in events:
            event(world)
        return world.bundle()

    return make


def add(record: str, type_: str, **fields: Any) -> Callable[[World], object]:
    return lambda world: world.add(record, type_, **fields)


OPEN = add(COMPLAINT, "opened", body=BODY, file=FILE, number="KS-2026-00017")
LOST = add(SHORT, "opened", body={"text": "短"}, show=None)


def _swap_contents(head: dict[str, Any], members: Members) -> None:
    first, second = sorted(path for path in members if path.startswith("content/"))[:2]
    members[first], members[second] = members[second], members[first]
    _fit_sizes(members)


def _fit_sizes(members: Members) -> None:
    lines = read_lines(members["openings.jsonl"])
    for line in lines:
        if "path" in line:
            line["size"] = len(members[line["path"]])
    members["openings.jsonl"] = write_lines(lines)


def _cut_zeros(head: dict[str, Any], members: Members) -> None:
    path = next(path for path in members if path.startswith("attachments/"))
    members[path] = members[path][:-1]
    _fit_sizes(members)


def _other_answer(head: dict[str, Any], members: Members) -> None:
    path = f"content/{ident('event 3')}-0.json"
    members[path] = members[path].replace("三".encode(), "五".encode())


def _respell(leaf_line: dict[str, Any]) -> None:
    """The same envelope with a space after each comma and colon."""
    inner = json.loads(leaf_line["leaf"])
    inner["envelope"] = json.dumps(json.loads(inner["envelope"]))
    leaf_line["leaf"] = encode(inner).decode()


def _replace_leaf(old: str, new: str) -> Callable[[dict[str, Any]], None]:
    def change(line: dict[str, Any]) -> None:
        assert old in line["leaf"]
        line["leaf"] = line["leaf"].replace(old, new)

    return change


def _drop_line(path: str, number: int) -> Callable[[], bytes]:
    def edit(head: dict[str, Any], members: Members) -> None:
        lines = read_lines(members[path])
        del lines[number]
        members[path] = write_lines(lines)

    return changed(edit)


def _reorder(head: dict[str, Any], members: Members) -> None:
    lines = read_lines(members["leaves.jsonl"])
    lines[0], lines[1] = lines[1], lines[0]
    members["leaves.jsonl"] = write_lines(lines)


def _renumber(head: dict[str, Any], members: Members) -> None:
    lines = read_lines(members["leaves.jsonl"])
    lines[0]["leaf"], lines[1]["leaf"] = lines[1]["leaf"], lines[0]["leaf"]
    members["leaves.jsonl"] = write_lines(lines)


def _duplicate(head: dict[str, Any], members: Members) -> None:
    lines = read_lines(members["leaves.jsonl"])
    members["leaves.jsonl"] = write_lines([lines[0], *lines])


def _smaller_size(head: dict[str, Any], members: Members) -> None:
    members["checkpoint"] = members["checkpoint"].replace(b"\n11\n", b"\n10\n", 1)


def _longer_signature(head: dict[str, Any], members: Members) -> None:
    members["receipts.jsonl"] = members["receipts.jsonl"].replace(b'"sig":"', b'"sig":"A', 1)


def _nicer_index(head: dict[str, Any], members: Members) -> None:
    members["index.txt"] = members["index.txt"].replace(b"opened", b"closed")


def _foreign_file(head: dict[str, Any], members: Members) -> None:
    members[f"attachments/{ident('nobody')}.exe"] = b"MZ"


def _hide_record(head: dict[str, Any], members: Members) -> None:
    head["records"] = [COMPLAINT]


def _flip_first(data: bytes, marker: bytes, offset: int) -> bytes:
    at = data.index(marker) + offset
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def _other_signer(world: World) -> None:
    """The statement names the intake key; another key signs."""
    said = plain_statement(world)
    stranger = SigningKey.from_seed(seeded("stranger"))
    payload = statement.encode(said)
    pae = dsse.pae(dsse.STATEMENT_TYPE, payload)
    signature = stranger.sign(pae)
    envelope = dsse.assemble(payload, dsse.STATEMENT_TYPE, said.key, signature)
    world.append(said, envelope, None, world.time())


def plain_statement(world: World, **changes: Any) -> statement.Statement:
    """An intake key's statement, to be signed or spoiled by hand."""
    fields: dict[str, Any] = {
        "origin": world.origin,
        "event": ident(f"event {len(world.leaves)}"),
        "record": COMPLAINT,
        "version": 1,
        "prev": None,
        "type": "opened",
        "kind": "complaint",
        "kind_version": 1,
        "key": SigningKey.from_seed(seeded("intake key")).key_id,
        "assurance": "session",
        "occurred_at": "2026-11-22T08:00:00.000000Z",
    }
    return statement.Statement(**{**fields, **changes})


def _small_order_key(world: World) -> None:
    public = bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")
    register_raw(world, public)


def _mixed_order_key(world: World) -> None:
    # An honest key's point plus the point of order 2: P + (0, -1) = (-x, -y).
    honest = int.from_bytes(SigningKey.from_seed(seeded("mixed")).public, "little")
    sign, y = honest >> 255, honest & (2**255 - 1)
    mixed = (2**255 - 19 - y) | (1 - sign) << 255
    register_raw(world, mixed.to_bytes(32, "little"))


def register_raw(world: World, public: bytes, id_: str | None = None) -> None:
    facts = {
        "alg": "Ed25519",
        "key": id_ or hashlib.sha256(public).hexdigest(),
        "owner": ident("zhao"),
        "public": base64.b64encode(public).decode(),
        "use": "own",
    }
    world.key_event("key-registered", facts)


def _revoked(world: World) -> None:
    world.key_event("key-revoked", {"key": OWN.key_id, "reason": "lost"})
    world.add(COMPLAINT, "opened", signer=OWN, assurance="own-key", actor=ident("li"))


def _disposed_by(**changes: Any) -> Callable[[], bytes]:
    return logged(
        LOST,
        add(SHORT, "filed", facts=FILING),
        add(SHORT, "disposed", facts={**DISPOSAL, **changes}),
    )


_SIGNED_NOTHING = statement.Signoff("approves", (seeded("never written").hex(),))
_HONEST = {**WHOLE_VERDICTS}

CASES: list[Case] = [
    Case("whole", "an honest bundle", lambda: whole().bundle(), 0, None, _HONEST),
    # The container
    Case(
        "container-member-byte",
        "one byte of an attachment flipped in place",
        lambda: _flip_first(whole().bundle(), FILE[:40], 10),
        1,
        1,
        {3: "MISMATCH"},
    ),
    Case(
        "container-header-date",
        "a member's date in its local header",
        lambda: _flip_first(whole().bundle(), b"checkpointarchive.example", -18),
        1,
        1,
        _HONEST,
    ),
    Case(
        "container-appended",
        "a byte after the end",
        lambda: whole().bundle() + b"\0",
        1,
        1,
        _HONEST,
    ),
    Case("container-cut", "the last byte missing", lambda: whole().bundle()[:-1], 1, 1, _HONEST),
    Case(
        "container-manifest-byte",
        "one byte of the manifest",
        lambda: _flip_first(whole().bundle(), b'"format"', 2),
        2,
    ),
    Case("not-a-bundle", "a text file", lambda: b"hello\n" * 20, 2),
    # Members changed, hashes of the container made to fit
    Case(
        "leaf-time",
        "recorded time moved back a year",
        line("leaves.jsonl", 0, _replace_leaf('"recorded_at":"2026', '"recorded_at":"2025')),
        1,
        4,
        {3: "MISMATCH"},
    ),
    Case(
        "leaf-number",
        "another record number",
        line("leaves.jsonl", 0, _replace_leaf("00017", "00018")),
        1,
        4,
        {3: "MISMATCH"},
    ),
    Case(
        "envelope-respelled",
        "same envelope, other JSON spelling",
        line("leaves.jsonl", 0, _respell),
        1,
        2,
    ),
    Case("leaves-reordered", "two lines change places", changed(_reorder), 1, 2),
    Case(
        "leaves-swapped", "two leaves change places under their indexes", changed(_renumber), 1, 4
    ),
    Case("leaf-duplicated", "a line twice", changed(_duplicate), 1, 2),
    Case("leaf-dropped", "an event in the middle left out", _drop_line("leaves.jsonl", 1), 1, 7),
    Case(
        "register-leaf-dropped",
        "the own key's registration left out",
        _drop_line("keys.jsonl", 2),
        1,
        6,
    ),
    Case(
        "proof-shortened",
        "an inclusion proof without its last hash",
        line("leaves.jsonl", 0, lambda line: line["proof"].pop()),
        1,
        4,
        {3: "MISMATCH"},
    ),
    Case("checkpoint-size", "another tree size in the checkpoint", changed(_smaller_size), 1, 3),
    Case(
        "content-changed",
        "one character of a content part",
        changed(_other_answer),
        1,
        10,
        {3: "MISMATCH"},
    ),
    Case(
        "content-swapped",
        "contents of two events exchanged",
        changed(_swap_contents),
        1,
        10,
        {3: "MISMATCH", 4: "MISMATCH"},
    ),
    Case(
        "content-dropped",
        "an opening line left out: content gone without a disposal",
        _drop_line("openings.jsonl", 2),
        1,
        12,
        {4: "MISSING"},
    ),
    Case(
        "attachment-cut",
        "the last zero byte of an attachment left out",
        changed(_cut_zeros),
        1,
        11,
        {3: "MISMATCH"},
    ),
    Case(
        "salt-changed",
        "another salt",
        line("openings.jsonl", 0, lambda line: line.update(salt="00" * 32)),
        1,
        10,
        {3: "MISMATCH"},
    ),
    Case(
        "receipt-changed",
        "a receipt of one leaf in another spelling of its signature",
        changed(_longer_signature),
        1,
        13,
    ),
    Case("listing-changed", "a nicer table of contents", changed(_nicer_index), 1, 14),
    Case("file-added", "an attachment that nobody signed", changed(_foreign_file), 1, 10),
    Case("record-unlisted", "the manifest hides a record", changed(_hide_record), 1, 7),
    # Written by the holder of the log key
    Case(
        "prev-wrong",
        "the chain's hash points elsewhere",
        logged(OPEN, add(COMPLAINT, "noted", prev="00" * 32)),
        1,
        7,
        {4: "MISMATCH"},
    ),
    Case(
        "version-skipped",
        "version 3 follows version 1",
        logged(OPEN, add(COMPLAINT, "noted", version=3)),
        1,
        7,
        {4: "MISMATCH"},
    ),
    Case(
        "event-twice",
        "an event id used again",
        logged(OPEN, add(COMPLAINT, "noted", event=ident("event 3"))),
        1,
        7,
        {4: "MISMATCH"},
    ),
    Case(
        "kind-changed",
        "the record changes its kind",
        logged(OPEN, add(COMPLAINT, "noted", kind="minutes")),
        1,
        7,
        {4: "MISMATCH"},
    ),
    Case(
        "origin-other",
        "an envelope signed for another archive",
        logged(OPEN, add(COMPLAINT, "noted", origin="other.example")),
        1,
        7,
        {4: "MISMATCH"},
    ),
    Case(
        "number-late",
        "a number on a later leaf",
        logged(OPEN, add(COMPLAINT, "noted", number="KS-2026-00018")),
        1,
        7,
        {4: "MISMATCH"},
    ),
    Case(
        "number-twice",
        "one number for two records",
        logged(OPEN, add(SHORT, "opened", number="KS-2026-00017")),
        1,
        7,
        {4: "MISMATCH"},
    ),
    Case(
        "time-runs-back",
        "recorded before the leaf before it",
        logged(OPEN, add(COMPLAINT, "noted", recorded_at="2026-11-21T00:00:00.000000Z")),
        1,
        8,
        {4: "MISMATCH"},
    ),
    Case(
        "claimed-ahead",
        "claimed time after the recorded time: a note, no failure",
        logged(add(COMPLAINT, "opened", occurred_at="2026-12-01T00:00:00.000000Z")),
        0,
        None,
        {3: "OPENED"},
    ),
    Case(
        "covers-unknown",
        "a sign-off over something that is not in the record",
        logged(OPEN, add(COMPLAINT, "signed", signoff=_SIGNED_NOTHING)),
        1,
        9,
        {4: "MISMATCH"},
    ),
    Case(
        "signature-other-key",
        "the named key did not sign",
        logged(_other_signer),
        1,
        6,
        {3: "MISMATCH"},
    ),
    Case(
        "key-unknown",
        "signed by a key that was never registered",
        logged(add(COMPLAINT, "opened", signer=SigningKey.from_seed(seeded("stranger")))),
        1,
        6,
        {3: "MISMATCH"},
    ),
    Case(
        "key-revoked", "signed after the key's revocation", logged(_revoked), 1, 6, {4: "MISMATCH"}
    ),
    Case(
        "key-for-log",
        "the log key signs a record",
        logged(add(COMPLAINT, "opened", signer=LOG, assurance="system")),
        1,
        6,
        {3: "MISMATCH"},
    ),
    Case(
        "key-of-another",
        "somebody else's own key",
        logged(add(COMPLAINT, "opened", signer=OWN, assurance="own-key")),
        1,
        6,
        {3: "MISMATCH"},
    ),
    Case(
        "assurance-raised",
        "the intake key claims that the author signed",
        logged(add(COMPLAINT, "opened", assurance="own-key")),
        1,
        6,
        {3: "MISMATCH"},
    ),
    Case("key-small-order", "a key of small order is registered", logged(_small_order_key), 1, 5),
    Case("key-mixed-order", "a key of mixed order is registered", logged(_mixed_order_key), 1, 5),
    Case(
        "anchor-ahead",
        "the signer saw a tree that did not exist yet",
        logged(add(COMPLAINT, "opened", seen=statement.Seen(9, "00" * 32))),
        1,
        8,
        {3: "MISMATCH"},
    ),
    Case(
        "disposed-early",
        "disposed on its last day",
        _disposed_by(last_day="2026-11-22"),
        1,
        12,
        {3: "MISSING"},
    ),
    Case(
        "disposed-by-one",
        "one approval, counted twice",
        _disposed_by(approvals=[seeded("first approval").hex()] * 2),
        1,
        12,
        {3: "MISSING"},
    ),
    Case(
        "disposed-unfiled",
        "disposed without ever being filed",
        logged(LOST, add(SHORT, "disposed", facts=DISPOSAL)),
        1,
        12,
        {3: "MISSING"},
    ),
    Case(
        "disposed-but-here",
        "content that was disposed of is in the bundle",
        logged(
            add(SHORT, "opened", body={"text": "短"}),
            add(SHORT, "filed", facts=FILING),
            add(SHORT, "disposed", facts=DISPOSAL),
        ),
        1,
        12,
    ),
    Case("content-missing", "content gone, no disposal", logged(LOST), 1, 12, {3: "MISSING"}),
]
