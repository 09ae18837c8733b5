"""Ways to cheat with what a bundle says of itself: its question, its end, its time."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from archive.evidence import dsse, heads
from archive.evidence.keys import SigningKey
from tests.authority import generalized
from tests.vectors.signing_off import CASES as BEFORE
from tests.vectors.tampering import Case, Members, changed
from tests.vectors.timestamping import Certified, Recipe
from tests.vectors.witnessing import PROPOSED, cosigned
from tests.vectors.world import (
    COMPLAINT,
    INTAKE,
    LOG,
    SHORT,
    World,
    pack,
    read_lines,
    seeded,
    unpack,
    whole,
    write_lines,
)

STRANGER = SigningKey.from_seed(seeded("stranger"))
Make = Callable[[], bytes]

# ---------------------------------------------------------------- timestamps


@cache
def authority(name: str) -> Certified:
    """Ed25519 and fixed numbers: the same tokens each time."""
    key = Ed25519PrivateKey.from_private_bytes(seeded(f"authority {name}"))
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
    builder = (
        x509.CertificateBuilder(issuer_name=who, subject_name=who, public_key=key.public_key())
        .serial_number(int.from_bytes(seeded(f"serial of {name}", 8), "big"))
        .not_valid_before(datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(2036, 1, 1, tzinfo=datetime.UTC))
        .add_extension(purposes, critical=True)
    )
    return Certified(key, builder.sign(key, None))


FIRST, SECOND = "First authority", "Second authority"


def token(data: bytes, by: str = FIRST, hour: int = 9) -> bytes:
    moment = datetime.datetime(2026, 11, 22, hour, 30, tzinfo=datetime.UTC)
    return Recipe(authority(by), data=data, hash="sha512", time=generalized(moment)).token()


def _stamped(stamps: Callable[[bytes], dict[str, bytes]]) -> Make:
    """The whole bundle with files in `timestamps/`, made from its checkpoint."""

    def edit(_: dict[str, Any], members: Members) -> None:
        found = stamps(members["checkpoint"])
        members.update({f"timestamps/{name}": data for name, data in found.items()})

    return changed(edit)


def _renewal(*over: bytes, hour: int = 10) -> tuple[bytes, bytes]:
    """(the token, the hashes that it is over)."""
    hashes = b"".join(sha256(each).digest() for each in over)
    return token(hashes, SECOND, hour), hashes


def _renewed(note: bytes) -> dict[str, bytes]:
    """Renewed together with a token that is not here, and that renewed again."""
    first = token(note)
    second, hashes = _renewal(token(b"elsewhere"), first)
    third, of_second = _renewal(second, hour=11)
    return {
        "1.tsr": first,
        "2.tsr": second,
        "2.renewed": hashes,
        "3.tsr": third,
        "3.renewed": of_second,
    }


def _renews_other(note: bytes) -> dict[str, bytes]:
    second, hashes = _renewal(token(b"elsewhere"))
    return {"1.tsr": token(note), "2.tsr": second, "2.renewed": hashes}


def _renews_later(note: bytes) -> dict[str, bytes]:
    later = token(note)
    first, hashes = _renewal(later)
    return {"1.tsr": first, "1.renewed": hashes, "2.tsr": later}


def _renews_failed(note: bytes) -> dict[str, bytes]:
    first = token(b"other")
    second, hashes = _renewal(first)
    return {"1.tsr": first, "2.tsr": second, "2.renewed": hashes}


def _renews_half(note: bytes) -> dict[str, bytes]:
    first = token(note)
    hashes = sha256(first).digest() + b"x"
    return {"1.tsr": first, "2.tsr": token(hashes, SECOND), "2.renewed": hashes}


def _proposing(_: dict[str, Any], members: Members) -> None:
    text = members["checkpoint"].partition(b"\n\n")[0] + b"\n"
    members["checkpoint"] += cosigned(text).encode()
    members["policy"] = PROPOSED.encode()


def _cosigned_afterwards(_: dict[str, Any], members: Members) -> None:
    note = members["checkpoint"]
    text = note.partition(b"\n\n")[0] + b"\n"
    members["timestamps/1.tsr"] = token(note)
    members["checkpoint"] = note + cosigned(text).encode()
    members["timestamps/2.tsr"] = token(members["checkpoint"], SECOND)


# ---------------------------------------------------------------- heads


def _heads(change: Callable[[World], bytes]) -> Make:
    return changed(lambda _, members: members.update(heads=change(whole())))


def _by(key: SigningKey, keyid: str | None = None) -> Callable[[World], bytes]:
    def sign(world: World) -> bytes:
        payload = dsse.parse(world.ends(), dsse.HEADS_TYPE).payload
        signature = key.sign(dsse.pae(dsse.HEADS_TYPE, payload))
        return dsse.assemble(payload, dsse.HEADS_TYPE, keyid or key.key_id, signature)

    return sign


def _payload(old: bytes, new: bytes) -> Make:
    """Signed by the log key, also what no strict writer writes."""

    def sign(world: World) -> bytes:
        payload = dsse.parse(world.ends(), dsse.HEADS_TYPE).payload
        assert old in payload
        return dsse.sign(payload.replace(old, new, 1), dsse.HEADS_TYPE, LOG)

    return _heads(sign)


def _without_heads(_: dict[str, Any], members: Members) -> None:
    del members["heads"]


def _as_receipt(world: World) -> bytes:
    return dsse.sign(dsse.parse(world.ends(), dsse.HEADS_TYPE).payload, dsse.RECEIPT_TYPE, LOG)


def _without(record: str) -> Callable[[World], bytes]:
    def sign(world: World) -> bytes:
        return world.ends(records={k: v for k, v in world.heads.items() if k != record})

    return sign


def _end(record: str, version: int, head: str) -> Callable[[World], bytes]:
    return lambda world: world.ends(records={**world.heads, record: (version, head)})


def _drop_last(path: str, index: int, *files: str) -> Make:
    """The last leaf of a record is left out, and nothing else tells of it."""

    def edit(_: dict[str, Any], members: Members) -> None:
        lines = [line for line in read_lines(members[path]) if line["index"] != index]
        members[path] = write_lines(lines)
        receipts = members["receipts.jsonl"].splitlines(keepends=True)
        del receipts[index]  # each leaf has one
        members["receipts.jsonl"] = b"".join(receipts)
        if path == "leaves.jsonl":
            openings = members["openings.jsonl"].splitlines(keepends=True)
            members["openings.jsonl"] = b"".join(openings[:-1])
            told = members["index.txt"].decode().replace("4 个事件", "3 个事件")
            kept = [line for line in told.splitlines(True) if not line.startswith(f"{index} | ")]
            members["index.txt"] = "".join(kept).encode()

    return changed(edit)


def _one_record() -> bytes:
    """What an archive gives whom one record concerns: the log has more."""
    world = whole()
    world.show_only(COMPLAINT)
    return world.bundle()


# ---------------------------------------------------------------- what was asked


def _about(**changes: Any) -> Make:
    return changed(lambda head, _: head.update(about={**head["about"], **changes}))


def _asked(text: str, variety: str = "query") -> Make:
    def make() -> bytes:
        world = whole()
        world.about = heads.About(as_of=world.about.as_of, variety=variety, asked=text)
        return world.bundle()

    return make


def _without_about(head: dict[str, Any], _: Members) -> None:
    del head["about"]


def _context(*records: str) -> Make:
    return changed(lambda head, _: head.update(context=list(records)))


def _relabelled(head: dict[str, Any], members: Members) -> None:
    head["about"]["variety"] = "archive"
    told = members["index.txt"].decode()
    members["index.txt"] = told.replace("asked for: case", "asked for: archive").encode()


def _beside(**members: Any) -> Make:
    def make() -> bytes:
        world = whole()
        world.beside = members
        return world.bundle()

    return make


def _context_hidden() -> bytes:
    head, members = unpack(_beside(context=[SHORT])())
    return pack({**head, "context": []}, members)


def _blocks_swapped(_: dict[str, Any], members: Members) -> None:
    head, *blocks = members["index.txt"].split(b"\n\n")
    blocks[-1] = blocks[-1].rstrip(b"\n")
    members["index.txt"] = b"\n\n".join([head, *reversed(blocks)]) + b"\n"


_PAGE = b"<!doctype html>\n<title>everything is fine</title>\n"
_OPENED = {3: "OPENED", 4: "OPENED", 6: "OPENED"}


def _about_case(name: str, why: str, **changes: Any) -> Case:
    return Case(f"about-{name}", why, _about(**changes), 2)


def _heads_case(name: str, why: str, make: Make, complete: str = "PROVEN") -> Case:
    return Case(f"heads-{name}", why, make, 1, 7, _OPENED, complete=complete)


def _stamps_case(
    name: str, why: str, stamps: Callable[[bytes], dict[str, bytes]], status: int = 1, by: str = ""
) -> Case:
    tsa = authority(by).pem if by else None
    return Case(f"stamp-{name}", why, _stamped(stamps), status, 15 if status else None, tsa=tsa)


CASES: list[Case] = [
    *BEFORE,
    # 1, 2, 3: what is beside the evidence
    Case("page-inside", "with a page that says that everything is fine", _beside(page=_PAGE), 0),
    Case("policy-inside", "with a policy, which is not followed", changed(_proposing), 0),
    Case("policy-none", "with a policy that is none", _beside(policy=b"quorum none\n"), 1, 2),
    # What was asked
    Case("asked-query", "a query, in Chinese", _asked("客户=科技公司&年=2026"), 0),
    Case("asked-year", "a year", _asked("2026", "year"), 0),
    Case("about-missing", "nothing said of the question", changed(_without_about), 2),
    _about_case("variety", "another variety", variety="everything"),
    _about_case("asked", "a case that asks like a query", asked="x"),
    _about_case("nothing", "a query without a question", variety="query"),
    _about_case("year", "a year of five digits", variety="year", asked="20266"),
    _about_case("line", "a question of two lines", variety="query", asked="a\nb"),
    _about_case("turned", "a question that turns its letters", variety="query", asked="a\u202eb"),
    _about_case("long", "a question of 4,097 bytes", variety="query", asked="x" * 4097),
    _about_case("volume", "volume 2 of 1", volume=2),
    _about_case("volumes", "volume 1 of 10,000", volumes=10_000),
    _about_case("time", "a time without fraction", as_of="2026-11-22T09:00:00Z"),
    Case("about-relabelled", "called the whole archive", changed(_relabelled), 1, 7, _OPENED),
    Case("context", "a record that is there for the other's sake", _beside(context=[SHORT]), 0),
    Case("context-hidden", "not marked as such in the manifest", _context_hidden, 1, 14),
    Case("context-unlisted", "context that is not among the records", _context("f" * 32), 2),
    Case("context-twice", "context listed twice", _context(SHORT, SHORT), 2),
    Case("listing-order", "records in index.txt change places", changed(_blocks_swapped), 1, 14),
    # 7: completeness
    Case(
        "one-record", "one record of a longer log", _one_record, 0, None, _OPENED, complete="SIGNED"
    ),
    Case(
        "tail-dropped",
        "a record's last event left out, with all that tells of it",
        _drop_last("leaves.jsonl", 9),
        1,
        7,
        _OPENED,
        complete="NOT CHECKED",
    ),
    Case(
        "revocation-dropped",
        "the last event of the key register left out, a revocation",
        _drop_last("keys.jsonl", 10),
        1,
        7,
        _OPENED,
        complete="NOT CHECKED",
    ),
    Case("heads-missing", "no heads", changed(_without_heads), 2),
    _heads_case("space", "a space in their envelope", _heads(lambda w: w.ends() + b" ")),
    _heads_case("as-receipt", "signed as a receipt", _heads(_as_receipt)),
    _heads_case("by-intake", "signed by the intake key", _heads(_by(INTAKE))),
    _heads_case(
        "forged", "signed by a stranger under the log key's id", _heads(_by(STRANGER, LOG.key_id))
    ),
    _heads_case("key", "with an unknown key", _payload(b',"v":1}', b',"v":1,"w":1}')),
    _heads_case("version", "of another format", _payload(b',"v":1}', b',"v":2}')),
    _heads_case(
        "version-zero", "of version 0 of a record", _payload(b'"version":4', b'"version":0')
    ),
    _heads_case("order", "records out of order", _payload(COMPLAINT.encode(), b"f" * 32)),
    _heads_case("size", "of another size", _heads(lambda w: w.ends(size=12))),
    _heads_case("root", "of another root", _heads(lambda w: w.ends(root="00" * 32))),
    _heads_case("origin", "of another archive", _heads(lambda w: w.ends(origin="other.example"))),
    _heads_case(
        "question",
        "of another question",
        _heads(lambda w: w.ends(about=heads.About(as_of=w.about.as_of, variety="archive"))),
    ),
    _heads_case("fewer", "of fewer records than are listed", _heads(_without(SHORT))),
    _heads_case("no-register", "without the key register", _heads(_without(whole().register))),
    _heads_case("more", "of a record that is not listed", _heads(_end("f" * 32, 1, "00" * 32))),
    _heads_case("longer", "of an event more than there is", _heads(_end(COMPLAINT, 5, "00" * 32))),
    _heads_case("other", "of another last event", _heads(_end(COMPLAINT, 4, "00" * 32))),
    # 15
    _stamps_case("sound", "one timestamp", lambda note: {"1.tsr": token(note)}, 0),
    _stamps_case("renewed", "renewed with others, and again", _renewed, 0),
    Case(
        "stamp-cosigned",
        "one made before, one after the witnesses cosigned",
        changed(_cosigned_afterwards),
        0,
    ),
    _stamps_case("other", "over another checkpoint", lambda _: {"1.tsr": token(b"other")}),
    _stamps_case(
        "changed",
        "a byte of its signature changed",
        lambda note: {"1.tsr": token(note)[:-1] + bytes([token(note)[-1] ^ 1])},
    ),
    _stamps_case("cut", "its last byte missing", lambda note: {"1.tsr": token(note)[:-1]}),
    _stamps_case(
        "gap", "the second is missing", lambda note: {"1.tsr": token(note), "3.tsr": token(note)}
    ),
    _stamps_case("alone", "hashes without their token", lambda _: {"1.renewed": b"\0" * 32}),
    _stamps_case("renews-other", "renews one that is not here", _renews_other),
    _stamps_case("renews-later", "renews one of a higher number", _renews_later),
    _stamps_case("renews-failed", "renews one that does not hold", _renews_failed),
    _stamps_case("renews-half", "renews a list that is not of hashes", _renews_half),
    _stamps_case(
        "trusted", "by a trusted authority", lambda note: {"1.tsr": token(note)}, 0, FIRST
    ),
    _stamps_case(
        "one-trusted",
        "by one that is trusted, and one that is not",
        lambda note: {"1.tsr": token(note, SECOND), "2.tsr": token(note)},
        0,
        FIRST,
    ),
    _stamps_case(
        "stranger", "by an authority that is not trusted", lambda n: {"1.tsr": token(n)}, 1, SECOND
    ),
    _stamps_case("none", "none, where one was asked for", lambda _: {}, 1, SECOND),
]
