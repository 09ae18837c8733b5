"""More ways to cheat: at least one for each check that a verifier could leave out.

Where a case needs a word more than its `why`, it stands beside it.
"""

from collections.abc import Callable
from typing import Any

from archive.evidence import checkpoint, dsse, note, receipt, statement
from archive.evidence.canonical import encode
from archive.evidence.keys import P, SigningKey
from tests.vectors.tampering import (
    CASES as FIRST,
)
from tests.vectors.tampering import (
    LOST,
    OPEN,
    Case,
    Members,
    add,
    changed,
    line,
    logged,
    plain_statement,
    register_raw,
)
from tests.vectors.witnessing import cosigned, cosigned_badly
from tests.vectors.world import (
    COMPLAINT,
    DISPOSAL,
    FILING,
    INTAKE,
    LOG,
    ORIGIN,
    OWN,
    SHORT,
    Content,
    File,
    World,
    ident,
    pack_as_listed,
    read_lines,
    seeded,
    unpack,
    whole,
    write_lines,
)

STRANGER = SigningKey.from_seed(seeded("stranger"))
NEXT_LOG = SigningKey.from_seed(seeded("next log key"))
OPENINGS = "openings.jsonl"


def _vkey(name: str, key: SigningKey) -> str:
    return str(note.VerifierKey.make(name, key.verify_key()))


# ---------------------------------------------------------------- members


def _member(path: str, change: Callable[[bytes], bytes]) -> Callable[[], bytes]:
    def edit(head: dict[str, Any], members: Members) -> None:
        members[path] = change(members[path])

    return changed(edit)


def _long_line_first(data: bytes) -> bytes:
    return b'{"event":"' + b"0" * 262_144 + b'"}\n' + data


def _no_last_newline(data: bytes) -> bytes:
    return data[:-1]


def _swap_lines(data: bytes, first: int, second: int) -> bytes:
    lines = data.splitlines(keepends=True)
    lines[first], lines[second] = lines[second], lines[first]
    return b"".join(lines)


def _checkpoint(change: Callable[[checkpoint.Checkpoint, bytes], bytes]) -> Callable[[], bytes]:
    return _member("checkpoint", lambda data: change(checkpoint.read(data)[1], data))


def _signed(text: bytes, name: str, key: SigningKey) -> str:
    """A signature line."""
    return note.sign(text, name, key).decode().rpartition("\n\n")[2]


def _text(data: bytes) -> bytes:
    return note.parse(data).text


def _other_origin(head: checkpoint.Checkpoint, data: bytes) -> bytes:
    text = checkpoint.encode(checkpoint.Checkpoint("other.example", head.size, head.root))
    return note.sign(text, ORIGIN, LOG)


def _wrong_signature(data: bytes) -> str:
    """A line that names the log key, over another text."""
    return _signed(_text(data) + b"x\n", ORIGIN, LOG)


def _log_key_of_another_name(head: dict[str, Any], members: Members) -> None:
    head["log_key"] = _vkey("other.example", LOG)
    members["checkpoint"] = note.sign(_text(members["checkpoint"]), "other.example", LOG)


def _log_key_is_intake(head: dict[str, Any], members: Members) -> None:
    head["log_key"] = _vkey(ORIGIN, INTAKE)
    members["checkpoint"] = note.sign(_text(members["checkpoint"]), ORIGIN, INTAKE)


def _log_key_unreadable(head: dict[str, Any], members: Members) -> None:
    head["log_key"] = head["log_key"][:-4]


def _move(source: str, number: int, target: str) -> Callable[[], bytes]:
    def edit(head: dict[str, Any], members: Members) -> None:
        lines = read_lines(members[source])
        moved = lines.pop(number)
        members[source] = write_lines(lines)
        others = [*read_lines(members[target]), moved]
        members[target] = write_lines(sorted(others, key=lambda value: int(value["index"])))

    return changed(edit)


def _in_both(head: dict[str, Any], members: Members) -> None:
    lines = [*read_lines(members["keys.jsonl"]), read_lines(members["leaves.jsonl"])[-1]]
    members["keys.jsonl"] = write_lines(sorted(lines, key=lambda value: int(value["index"])))


def _head(**changes: Any) -> Callable[[], bytes]:
    return changed(lambda head, _: head.update(changes))


def _listed(change: Callable[[dict[str, Any], Members], Members]) -> Callable[[], bytes]:
    def make() -> bytes:
        head, members = unpack(whole().bundle())
        return pack_as_listed(head, change(head, members))

    return make


def _too_large() -> bytes:
    """A member of 2^32 - 1 bytes, by the list; the list is what is refused."""
    data = whole().bundle()
    at = data.index(b'"size":') + len(b'"size":')
    end = data.index(b"}", at)
    size = int.from_bytes(data[18:22], "little") + 10 - (end - at)
    cut = data[:at] + b"4294967295" + data[end:]
    return cut[:18] + size.to_bytes(4, "little") * 2 + cut[26:]


def _flip(offset: int) -> Callable[[], bytes]:
    def make() -> bytes:
        data = bytearray(whole().bundle())
        data[offset] ^= 1
        return bytes(data)

    return make


# ---------------------------------------------------------------- openings


def _twice(data: bytes) -> bytes:
    """The first line again, as withheld, at the end."""
    first = read_lines(data)[0]
    again = {"event": first["event"], "n": first["n"], "withheld": True}
    return data + write_lines([again])


def _unknown_part(data: bytes) -> bytes:
    return data + write_lines([{"event": ident("nobody"), "n": 0, "withheld": True}])


def _same_file(role: str) -> Callable[[], bytes]:
    """Two parts of one content under one key: the second is opened from the first one's file."""

    def make() -> bytes:
        piece = Content(b"{}", "one key") if role == "content" else File(b"file", "one key")
        world = World()
        world.add(COMPLAINT, "opened", pieces=[piece])
        world.add(COMPLAINT, "noted", pieces=[piece])
        head, members = unpack(world.bundle())
        lines = read_lines(members[OPENINGS])
        del members[lines[1]["path"]]
        lines[1]["path"] = lines[0]["path"]
        return pack_as_listed(head, {**members, OPENINGS: write_lines(lines)})

    return make


def _without_file(number: int) -> Callable[[], bytes]:
    def edit(head: dict[str, Any], members: Members) -> None:
        del members[read_lines(members[OPENINGS])[number]["path"]]

    return changed(edit)


def _body(n: int, *sizes: int) -> bytes:
    """Content that says, for the attachment `n`, each of the sizes."""
    items = [{"media_type": "text/plain", "n": n, "name": "a", "size": size} for size in sizes]
    return encode({"attachments": items})


def _parts(*pieces: Content | File) -> Callable[[], bytes]:
    return logged(add(COMPLAINT, "opened", pieces=pieces))


def _nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


# ---------------------------------------------------------------- the log's holder


def _unreadable(build: Callable[[World], tuple[statement.Statement, bytes, bytes]]) -> Any:
    """A leaf that nobody can read, in its place in the tree."""

    def event(world: World) -> None:
        said, envelope, data = build(world)
        world.unreadable.add(world.append_leaf(said, envelope, None, world.time(), data))
        world.receipts.pop()

    return event


def _leaf_bytes(envelope: bytes, world: World) -> bytes:
    members = {"envelope": envelope.decode(), "number": None, "recorded_at": world.time(), "v": 1}
    return encode(members)


def _long_leaf(world: World) -> tuple[statement.Statement, bytes, bytes]:
    refs = tuple(statement.Ref("see-also", ident(f"{n}"), None) for n in range(700))
    said = plain_statement(world, version=2, prev=world.heads[COMPLAINT][1], refs=refs)
    envelope = dsse.sign(statement.encode(said), dsse.STATEMENT_TYPE, INTAKE)
    return said, envelope, _leaf_bytes(envelope, world)


def _other_keyid(world: World) -> tuple[statement.Statement, bytes, bytes]:
    """The intake key's statement in an envelope that names, and is signed by, the own key."""
    said = plain_statement(world, version=2, prev=world.heads[COMPLAINT][1])
    envelope = dsse.sign(statement.encode(said), dsse.STATEMENT_TYPE, OWN)
    return said, envelope, _leaf_bytes(envelope, world)


def unfit(world: World, record: str, type_: str, **fields: Any) -> None:
    """An event whose named key did not sign it."""
    version, prev = world.heads[record]
    said = plain_statement(
        world, record=record, version=version + 1, prev=prev, type=type_, **fields
    )
    payload = statement.encode(said)
    signature = STRANGER.sign(dsse.pae(dsse.STATEMENT_TYPE, payload))
    envelope = dsse.assemble(payload, dsse.STATEMENT_TYPE, said.key, signature)
    world.append(said, envelope, None, world.time())


def _forged_disposal(world: World) -> None:
    unfit(world, SHORT, "disposed", facts=DISPOSAL)


def _forged_filing(world: World) -> None:
    unfit(world, SHORT, "filed", facts=FILING)


def _forged_reopening(world: World) -> None:
    unfit(world, SHORT, "reopened")


def _signs_other(world: World) -> None:
    signoff = statement.Signoff("approves", (world.hash(4),))
    world.add(COMPLAINT, "signed", signoff=signoff)


def _next_log(world: World) -> None:
    world.register_key("next", NEXT_LOG, "log")


def _next_log_revokes(world: World) -> None:
    facts = {"key": LOG.key_id, "reason": "rotated"}
    world.key_event("key-revoked", facts, signer=NEXT_LOG)


def _signs_checkpoints(world: World) -> None:
    world.signer, world.vkey = NEXT_LOG, _vkey(ORIGIN, NEXT_LOG)


def _registers(world: World, **changes: Any) -> None:
    world.register_key("stranger", STRANGER, "intake", **changes)


_STRANGER_SIGNS = add(COMPLAINT, "opened", signer=STRANGER)


def _begins(use: str, signer: SigningKey) -> Callable[[], bytes]:
    """A log whose leaf 0 is another; what follows is as usual."""

    def make() -> bytes:
        world = World(empty=True)
        world.register_key("log", LOG, use, signer=signer)
        world.add(COMPLAINT, "opened")
        return world.bundle()

    return make


def _begins_with_intake() -> bytes:
    world = World(empty=True)
    world.register_key("log", LOG, "log")
    for held in (world.leaves, world.envelopes, world.records, world.receipts):
        held.clear()
    world.heads.clear()
    world.register_key("intake", INTAKE, "intake")
    world.add(COMPLAINT, "opened")
    return world.bundle()


def _receipt(world: World, key: SigningKey = LOG, **changes: Any) -> None:
    """The last leaf's receipt says otherwise, or is signed by another."""
    said = receipt.read(world.receipts.pop())[1]
    fields = {name: getattr(said, name) for name in said.__slots__}
    made = receipt.Receipt(**{**fields, **changes})
    world.receipts.append(dsse.sign(receipt.encode(made), dsse.RECEIPT_TYPE, key))


def _unfit_receipt(world: World) -> None:
    envelope, _ = receipt.read(world.receipts.pop())
    signature = STRANGER.sign(dsse.pae(dsse.RECEIPT_TYPE, envelope.payload))
    made = dsse.assemble(envelope.payload, dsse.RECEIPT_TYPE, LOG.key_id, signature)
    world.receipts.append(made)


def _receipt_of_nothing(data: bytes) -> bytes:
    world = whole()
    said = receipt.read(world.receipts[-1])[1]
    fields = {name: getattr(said, name) for name in said.__slots__}
    made = receipt.Receipt(**{**fields, "index": 99})
    return data + receipt.issue(made, LOG) + b"\n"


def _disposal(
    *before: Callable[[World], object], recorded_at: str | None = None, **facts: Any
) -> Callable[[], bytes]:
    return logged(
        LOST,
        add(SHORT, "filed", facts=FILING),
        *before,
        add(SHORT, "disposed", facts={**DISPOSAL, **facts}, recorded_at=recorded_at),
    )


_FILED = add(SHORT, "filed", facts=FILING)
_DISPOSED = add(SHORT, "disposed", facts=DISPOSAL)
_REOPENED = add(SHORT, "reopened")
_MISMATCH, _MISSING, _OPENED = {3: "MISMATCH"}, {3: "MISSING"}, {3: "OPENED"}
_GONE = {3: "DISPOSED"}
_IDENTITY = (1).to_bytes(32, "little")

CASES: list[Case] = [
    *FIRST,
    # 1: the manifest's own header; the manifest itself
    Case("manifest-crc", "the manifest's checksum in its header", _flip(14), 1, 1),
    Case("manifest-date", "the manifest's date in its header", _flip(12), 1, 1),
    Case("manifest-records-order", "records not ascending", _head(records=[COMPLAINT, SHORT]), 2),
    Case("manifest-origin", "an origin with a space", _head(origin="archive example"), 2),
    Case("manifest-format", "a later format", _head(format="liuhen-bundle/v2"), 2),
    Case("manifest-log-key", "a log key that is no text", _head(log_key=None), 2),
    Case("manifest-record", "a record id that is none", _head(records=[COMPLAINT, "x"]), 2),
    Case(
        "leaf-line-key",
        "an unknown key in a leaf's line, which is not read",
        line("leaves.jsonl", 6, lambda value: value.update(zeal=1)),
        1,
        2,
    ),
    Case(
        "opening-line-key",
        "an unknown key in an opening line, which is not read",
        line(OPENINGS, 3, lambda value: value.update(zeal=1)),
        1,
        2,
        {9: "MISSING"},
    ),
    Case("manifest-key", "an unknown key in the manifest", _head(zeal=1), 2),
    Case(
        "members-order",
        "members neither listed nor lying in ascending order",
        _listed(lambda _, members: dict(reversed(members.items()))),
        2,
    ),
    Case(
        "member-missing",
        "no index.txt",
        _listed(lambda _, members: {k: v for k, v in members.items() if k != "index.txt"}),
        2,
    ),
    Case("member-too-large", "a member of 2^32 - 1 bytes in the list", _too_large, 2),
    Case(
        "member-unknown",
        "a member of another path",
        _listed(lambda _, members: {**members, "readme": b""}),
        2,
    ),
    # 2
    Case("leaf-too-long", "a leaf over 65,535 bytes", logged(OPEN, _unreadable(_long_leaf)), 1, 2),
    Case(
        "keyid-other",
        "the envelope's keyid, and signature, are not of the statement's key",
        logged(OPEN, _unreadable(_other_keyid)),
        1,
        2,
    ),
    Case(
        "line-too-long",
        "a line of over 262,144 bytes first: it and what follows are not read",
        _member(OPENINGS, _long_line_first),
        1,
        2,
        {3: "MISSING", 9: "MISSING"},
    ),
    Case(
        "line-unended",
        "no newline at the end: the last line is not read",
        _member("receipts.jsonl", _no_last_newline),
        1,
        13,
    ),
    Case(
        "leaf-unended",
        "no newline at the end of the leaves: the last one is not read",
        _member("leaves.jsonl", _no_last_newline),
        1,
        2,
        {8: "OPENED"},
    ),
    Case(
        "leaf-in-both",
        "one leaf in both files: the one in keys.jsonl is taken",
        changed(_in_both),
        1,
        2,
        {8: "OPENED"},
    ),
    # 3
    Case(
        "checkpoint-origin",
        "another origin, signed by the log key",
        _checkpoint(_other_origin),
        1,
        3,
    ),
    Case(
        "log-key-name",
        "log key and signature under another name",
        changed(_log_key_of_another_name),
        1,
        3,
    ),
    Case(
        "checkpoint-stranger",
        "signed by a stranger only",
        _checkpoint(lambda _, data: note.sign(_text(data), ORIGIN, STRANGER)),
        1,
        3,
    ),
    Case(
        "checkpoint-forged",
        "the log key's name and hash, over another text",
        _checkpoint(lambda _, data: _text(data) + b"\n" + _wrong_signature(data).encode()),
        1,
        3,
    ),
    Case(
        "checkpoint-twice",
        "signed by the log key, and by it again with a signature that does not fit",
        _checkpoint(lambda _, data: data + _wrong_signature(data).encode()),
        1,
        3,
    ),
    Case(
        "checkpoint-witness",
        "a further line by another key: none of ours",
        _checkpoint(lambda _, data: data + _signed(_text(data), "witness", STRANGER).encode()),
        0,
        None,
        {3: "OPENED"},
    ),
    Case(
        "checkpoint-cosigned",
        "lines of two witnesses; who they are is asked of policies.json",
        _checkpoint(lambda _, data: data + cosigned(_text(data)).encode()),
        0,
        None,
        {3: "OPENED"},
    ),
    Case(
        "checkpoint-cosigned-badly",
        "the same, one with another time: of no account to who does not trust it",
        _checkpoint(lambda _, data: data + cosigned_badly(_text(data)).encode()),
        0,
        None,
        {3: "OPENED"},
    ),
    Case(
        "log-key-unreadable",
        "the manifest's log key is no vkey",
        changed(_log_key_unreadable),
        1,
        3,
        {3: "MISMATCH"},
    ),
    Case(
        "trust-other-key",
        "an honest bundle under a trusted key of the origin's name that did not sign",
        lambda: whole().bundle(),
        1,
        3,
        vkey=_vkey(ORIGIN, STRANGER),
    ),
    Case(
        "trust-other-name",
        "the trusted key signed, but is named otherwise than the origin",
        _checkpoint(lambda _, data: data + _signed(_text(data), "witness", STRANGER).encode()),
        1,
        3,
        vkey=_vkey("witness", STRANGER),
    ),
    # 5
    Case(
        "log-key-intake",
        "the manifest's log key is an intake key",
        changed(_log_key_is_intake),
        1,
        5,
    ),
    Case(
        "log-key-revoked",
        "the log key of the checkpoint was revoked before it",
        logged(OPEN, _next_log, _next_log_revokes),
        1,
        5,
        _OPENED,
    ),
    Case(
        "log-key-rotated",
        "a new log key, registered by the old one, signs the checkpoint",
        logged(OPEN, _next_log, _signs_checkpoints),
        0,
        None,
        _OPENED,
    ),
    Case(
        "register-itself",
        "a new log key that registers itself, and signs the checkpoint",
        logged(
            OPEN,
            lambda world: world.register_key("next", NEXT_LOG, "log", signer=NEXT_LOG),
            _signs_checkpoints,
        ),
        1,
        5,
        _OPENED,
    ),
    Case(
        "register-begins-other",
        "leaf 0 is signed by another",
        _begins("log", STRANGER),
        1,
        5,
        {1: "MISMATCH"},
    ),
    Case(
        "register-begins-intake",
        "leaf 0 registers an intake key",
        _begins_with_intake,
        1,
        5,
        {1: "MISMATCH"},
    ),
    Case(
        "register-begins-use",
        "leaf 0 registers itself for intake",
        _begins("intake", LOG),
        1,
        5,
        {1: "MISMATCH"},
    ),
    Case(
        "register-kind",
        "a register event of another kind",
        logged(OPEN, lambda w: _registers(w, kind="keys")),
        1,
        5,
        _OPENED,
    ),
    Case(
        "register-type",
        "a note in the register",
        logged(OPEN, lambda w: w.key_event("noted", {})),
        1,
        5,
        _OPENED,
    ),
    Case(
        "register-assurance",
        "a registration of assurance session, which has no effect",
        logged(lambda w: _registers(w, assurance="session"), _STRANGER_SIGNS),
        1,
        5,
        {4: "MISMATCH"},
    ),
    Case(
        "register-parts",
        "a registration with content, which has no effect and is asked for nowhere",
        logged(lambda w: _registers(w, body={}, show=None), _STRANGER_SIGNS),
        1,
        5,
        {4: "MISMATCH"},
    ),
    Case(
        "register-record",
        "a record's leaf in keys.jsonl",
        _move("leaves.jsonl", 5, "keys.jsonl"),
        1,
        5,
        {3: "OPENED", 5: "MISSING"},
    ),
    Case(
        "register-elsewhere",
        "a register leaf in leaves.jsonl, where it has no effect",
        _move("keys.jsonl", 3, "leaves.jsonl"),
        1,
        5,
        {10: "MISMATCH"},
    ),
    Case(
        "register-outside",
        "a key event in a record",
        logged(OPEN, add(COMPLAINT, "key-revoked", facts={"key": OWN.key_id, "reason": "x"})),
        1,
        5,
        {4: "MISMATCH"},
    ),
    Case(
        "register-kind-outside",
        "a record of the register's kind",
        logged(add(COMPLAINT, "opened", kind="key-register")),
        1,
        5,
        _MISMATCH,
    ),
    Case(
        "register-forged",
        "a registration by the intake key, which has no effect",
        logged(lambda w: _registers(w, signer=INTAKE), _STRANGER_SIGNS),
        1,
        6,
        {4: "MISMATCH"},
    ),
    Case(
        "revocation-forged",
        "a revocation by the intake key, which has no effect",
        logged(
            lambda w: w.key_event("key-revoked", {"key": OWN.key_id, "reason": "x"}, signer=INTAKE),
            add(COMPLAINT, "opened", signer=OWN, assurance="own-key", actor=ident("li")),
        ),
        1,
        6,
        {4: "OPENED"},
    ),
    Case(
        "key-again",
        "a key registered again",
        logged(OPEN, lambda w: w.register_key("own", OWN, "own", owner=ident("li"))),
        1,
        5,
        _OPENED,
    ),
    Case(
        "key-id",
        "a key under another id",
        logged(OPEN, lambda w: register_raw(w, STRANGER.public, ident("no hash") * 2)),
        1,
        5,
        _OPENED,
    ),
    Case(
        "key-owner-missing",
        "an own key without owner",
        logged(OPEN, lambda w: w.register_key("x", STRANGER, "own")),
        1,
        5,
        _OPENED,
    ),
    Case(
        "key-owner-of-intake",
        "an intake key with an owner",
        logged(OPEN, lambda w: w.register_key("x", STRANGER, "intake", owner=ident("li"))),
        1,
        5,
        _OPENED,
    ),
    Case(
        "key-identity",
        "the identity is registered",
        logged(OPEN, lambda w: register_raw(w, _IDENTITY)),
        1,
        5,
        _OPENED,
    ),
    Case(
        "key-not-canonical",
        "y = p + 3",
        logged(OPEN, lambda w: register_raw(w, (P + 3).to_bytes(32, "little"))),
        1,
        5,
        _OPENED,
    ),
    Case(
        "key-sign-of-zero",
        "x = 0 with its sign set",
        logged(OPEN, lambda w: register_raw(w, (1 | 1 << 255).to_bytes(32, "little"))),
        1,
        5,
        _OPENED,
    ),
    Case(
        "key-off-curve",
        "y = 2: no point",
        logged(OPEN, lambda w: register_raw(w, (2).to_bytes(32, "little"))),
        1,
        5,
        _OPENED,
    ),
    Case(
        "revoked-unknown",
        "an unknown key is revoked",
        logged(OPEN, lambda w: w.key_event("key-revoked", {"key": STRANGER.key_id, "reason": "x"})),
        1,
        5,
        _OPENED,
    ),
    Case(
        "revoked-twice",
        "a key revoked twice: the first one counts",
        logged(
            lambda w: w.key_event("key-revoked", {"key": OWN.key_id, "reason": "x"}),
            add(COMPLAINT, "opened", signer=OWN, assurance="own-key", actor=ident("li")),
            lambda w: w.key_event("key-revoked", {"key": OWN.key_id, "reason": "x"}),
        ),
        1,
        6,
        {4: "MISMATCH"},
    ),
    # 6
    Case(
        "key-not-yet",
        "signed before the key's registration",
        logged(_STRANGER_SIGNS, _registers),
        1,
        6,
        _MISMATCH,
    ),
    Case(
        "register-by-own",
        "an own key signs in the register",
        logged(OPEN, lambda w: _registers(w, signer=OWN)),
        1,
        6,
        _OPENED,
    ),
    # 7
    Case(
        "record-empty",
        "a record without a leaf is listed",
        _head(records=sorted([COMPLAINT, SHORT, "f" * 32])),
        1,
        7,
    ),
    Case(
        "register-listed",
        "the key register is listed",
        _head(records=sorted([COMPLAINT, SHORT, whole().register])),
        1,
        7,
    ),
    # 8
    Case(
        "time-of-an-earlier-leaf",
        "10, 5, 7 o'clock: the third runs back too",
        logged(
            add(COMPLAINT, "opened", recorded_at="2026-11-22T10:00:00.000000Z"),
            add(COMPLAINT, "noted", recorded_at="2026-11-22T09:05:00.000000Z"),
            add(COMPLAINT, "noted", recorded_at="2026-11-22T09:07:00.000000Z"),
        ),
        1,
        8,
        {3: "OPENED", 4: "MISMATCH", 5: "MISMATCH"},
    ),
    Case(
        "anchor-of-itself",
        "seen: as many leaves as there were: no failure",
        logged(add(COMPLAINT, "opened", seen=statement.Seen(3, "00" * 32))),
        0,
        None,
        _OPENED,
    ),
    # 9
    Case(
        "covers-other-record",
        "a sign-off over an envelope of another record",
        logged(OPEN, add(SHORT, "opened"), _signs_other),
        1,
        9,
        {5: "MISMATCH"},
    ),
    # 10
    Case(
        "part-twice",
        "a part opened, and withheld as well",
        _member(OPENINGS, _twice),
        1,
        10,
        _OPENED,
    ),
    Case("part-unknown", "an opening of no part", _member(OPENINGS, _unknown_part), 1, 10, _OPENED),
    Case(
        "openings-order",
        "two opening lines change places",
        _member(OPENINGS, lambda data: _swap_lines(data, 0, 2)),
        1,
        10,
        {3: "OPENED", 4: "OPENED"},
    ),
    Case(
        "opening-size",
        "another size in an opening line",
        line(OPENINGS, 0, lambda value: value.update(size=1)),
        1,
        10,
        _MISMATCH,
    ),
    Case("opening-file-missing", "the named file is not there", _without_file(0), 1, 10, _MISMATCH),
    Case(
        "content-path",
        "content opened from another part's file",
        _same_file("content"),
        1,
        10,
        {3: "OPENED", 4: "MISMATCH"},
    ),
    Case(
        "content-not-canonical",
        "plaintext with a space",
        _parts(Content(b'{"a": 1}')),
        1,
        10,
        _MISMATCH,
    ),
    Case(
        "content-key-not-ascii",
        "a key that is not ASCII",
        _parts(Content('{"键":1}'.encode())),
        1,
        10,
        _MISMATCH,
    ),
    Case("content-deep", "64 levels", _parts(Content(_nested(64))), 0, None, _OPENED),
    Case("content-too-deep", "65 levels", _parts(Content(_nested(65))), 1, 10, _MISMATCH),
    Case(
        "content-large",
        "plaintexts in buckets of 1,024, 65,536 and 131,072",
        _parts(
            Content(encode("a" * 700)), Content(encode("b" * 40_000)), Content(encode("c" * 65_531))
        ),
        0,
        None,
        _OPENED,
    ),
    Case(
        "content-other-shape",
        "attachments that are described in another shape: no failure",
        _parts(Content(encode({"attachments": [{"n": 1, "size": 9}, 7]})), File(b"file")),
        0,
        None,
        _OPENED,
    ),
    # 11
    Case(
        "attachment-path",
        "an attachment opened from another one's file",
        _same_file("attachment"),
        1,
        11,
        {3: "OPENED", 4: "MISMATCH"},
    ),
    Case(
        "attachment-missing",
        "the named attachment is not there",
        _without_file(1),
        1,
        11,
        _MISMATCH,
    ),
    Case(
        "attachment-opening-size",
        "another size in an attachment's line",
        line(OPENINGS, 1, lambda value: value.update(size=1)),
        1,
        11,
        _MISMATCH,
    ),
    Case(
        "attachment-size",
        "the content says another size",
        _parts(Content(_body(1, 5)), File(b"file")),
        1,
        11,
        _MISMATCH,
    ),
    Case(
        "attachment-size-after",
        "content after the attachment says another size",
        _parts(File(b"file"), Content(_body(0, 5))),
        1,
        11,
        _MISMATCH,
    ),
    Case(
        "attachment-two-sizes",
        "the content says two sizes, one of them right",
        _parts(Content(_body(1, 5, 4)), File(b"file")),
        1,
        11,
        _MISMATCH,
    ),
    Case(
        "attachment-two-contents",
        "two contents say two sizes, the later one right",
        _parts(Content(_body(1, 5)), File(b"file"), Content(_body(1, 4))),
        1,
        11,
        _MISMATCH,
    ),
    Case(
        "attachment-segments",
        "an attachment of two segments, and an empty one",
        _parts(File(bytes(1_048_576) + b"end"), File(b"")),
        0,
        None,
        _OPENED,
    ),
    Case(
        "attachment-salt",
        "another salt for an attachment",
        line(OPENINGS, 1, lambda value: value.update(salt="00" * 32)),
        1,
        11,
        _MISMATCH,
    ),
    # 12
    Case(
        "disposed-nothing",
        "an improper disposal in a record without content",
        logged(add(SHORT, "opened"), _DISPOSED),
        1,
        12,
        {3: "OPENED", 4: "OPENED"},
    ),
    Case(
        "disposed-base-date",
        "last day before the base date",
        _disposal(last_day="2022-11-21"),
        1,
        12,
        _MISSING,
    ),
    Case("disposed-reopened", "disposed while reopened", _disposal(_REOPENED), 1, 12, _MISSING),
    Case(
        "disposed-filed-again",
        "reopened and filed again",
        _disposal(_REOPENED, _FILED),
        0,
        None,
        _GONE,
    ),
    Case(
        "disposed-then-reopened",
        "reopened after the disposal",
        logged(LOST, _FILED, _DISPOSED, _REOPENED),
        0,
        None,
        _GONE,
    ),
    Case(
        "disposed-before",
        "content after the disposal is not disposed of",
        logged(add(SHORT, "opened"), _FILED, _DISPOSED, add(SHORT, "noted", body={}, show=None)),
        1,
        12,
        {6: "MISSING"},
    ),
    Case(
        "disposed-withheld",
        "withheld content that was disposed of",
        logged(add(SHORT, "opened", body={}, show=False), _FILED, _DISPOSED),
        0,
        None,
        _GONE,
    ),
    Case(
        "disposed-at-14-hours",
        "recorded where the next day begins, 14 hours ahead",
        _disposal(recorded_at="2026-11-22T10:00:00.000000Z", last_day="2026-11-22"),
        0,
        None,
        _GONE,
    ),
    Case(
        "disposed-before-14-hours",
        "a millionth of a second earlier",
        _disposal(recorded_at="2026-11-22T09:59:59.999999Z", last_day="2026-11-22"),
        1,
        12,
        _MISSING,
    ),
    Case(
        "disposed-last-year",
        "beyond the year 9999 every day is over",
        _disposal(recorded_at="9999-12-31T20:00:00.000000Z", last_day="9999-12-31"),
        0,
        None,
        _GONE,
    ),
    Case(
        "disposal-forged",
        "a disposal that its key did not sign explains nothing",
        logged(LOST, _FILED, _forged_disposal),
        1,
        6,
        {3: "MISSING", 5: "MISMATCH"},
    ),
    Case(
        "filing-forged",
        "a filing that its key did not sign files nothing",
        logged(LOST, _forged_filing, _DISPOSED),
        1,
        6,
        {3: "MISSING", 4: "MISMATCH"},
    ),
    Case(
        "reopening-forged",
        "a reopening that its key did not sign opens nothing",
        logged(LOST, _FILED, _forged_reopening, _DISPOSED),
        1,
        6,
        {3: "DISPOSED", 5: "MISMATCH"},
    ),
    Case(
        "event-twice-parts",
        "an event id used again with content: the line opens the first",
        logged(OPEN, add(COMPLAINT, "noted", event=ident("event 3"), body={}, show=None)),
        1,
        7,
        {3: "OPENED", 4: "MISMATCH"},
    ),
    # 13
    Case(
        "receipts-order",
        "two receipts change places",
        _member("receipts.jsonl", lambda data: _swap_lines(data, 4, 5)),
        1,
        13,
    ),
    Case(
        "receipt-twice",
        "a receipt twice",
        _member("receipts.jsonl", lambda data: data + data.splitlines(keepends=True)[-1]),
        1,
        13,
    ),
    Case(
        "receipt-by-intake",
        "a receipt by the intake key",
        logged(OPEN, lambda w: _receipt(w, INTAKE)),
        1,
        13,
        _OPENED,
    ),
    Case(
        "receipt-unfit",
        "a receipt by a stranger under the log key's id",
        logged(OPEN, _unfit_receipt),
        1,
        13,
        _OPENED,
    ),
    Case(
        "receipt-time",
        "a receipt of another time",
        logged(OPEN, lambda w: _receipt(w, recorded_at="2026-11-22T07:00:00.000000Z")),
        1,
        13,
        _OPENED,
    ),
    Case(
        "receipt-number",
        "a receipt of another number",
        logged(OPEN, lambda w: _receipt(w, number="KS-2026-00018")),
        1,
        13,
        _OPENED,
    ),
    Case(
        "receipt-of-nothing",
        "a receipt of a leaf that is not there",
        _member("receipts.jsonl", _receipt_of_nothing),
        1,
        13,
    ),
]
