"""What statements, envelopes, leaves, receipts, the manifest and its lines look like."""

import hashlib
import re
from dataclasses import dataclass
from itertools import pairwise

from tests.second_reader import spelling as s

STATEMENT = "application/vnd.liuhen.statement.v1+json"
RECEIPT = "application/vnd.liuhen.receipt.v1+json"
HEADS = "application/vnd.liuhen.heads.v1+json"
MOST_LEAF = 65_535
MOST_LINE = 262_144

_PLAIN = ["opened", "step-taken", "corrected", "signed", "refused", "acknowledged"]
_PLAIN += ["distributed", "delegated", "delegation-ended", "paused", "resumed", "linked"]
_PLAIN += ["unlinked", "attached", "noted", "reopened", "imported"]
_RULE = s.shape(
    {"hash": s.hex64, "id": s.pattern("[A-Za-z0-9][A-Za-z0-9._-]{0,63}"), "version": s.count}
)
_COPY = s.shape({"base_date": s.day, "medium": s.word, "n": s.count})
_LIST = s.shape({"list": s.hex64})
_HOLD = s.shape({"hold": s.hex32})

FACTS: dict[str, s.Check] = {name: s.shape({}) for name in _PLAIN} | {
    "filed": s.shape(
        {
            "base_date": s.day,
            "zone": s.pattern("[A-Za-z][A-Za-z0-9_+/-]{0,63}"),
            "tzdata": s.pattern("[0-9]{4}[a-z]{1,2}"),
            "scope": s.or_null(s.word),
            "marks": s.list_of(s.word),
            "copies": s.list_of(_COPY),
        }
    ),
    "disposed": s.shape(
        {"list": s.hex64, "rule": _RULE, "last_day": s.day, "approvals": s.list_of(s.hex64)}
    ),
    "disposal-listed": _LIST,
    "disposal-approved": _LIST,
    "hold-placed": _HOLD,
    "hold-released": _HOLD,
    "rule-set": s.shape({"rule": _RULE}),
    "key-registered": s.shape(
        {
            "alg": s.one_of("Ed25519"),
            "key": s.hex64,
            "owner": s.or_null(s.hex32),
            "public": s.base64_of(32),
            "use": s.one_of("log", "intake", "own"),
        }
    ),
    "key-revoked": s.shape({"key": s.hex64, "reason": s.word}),
    "signoff-key-registered": s.shape(
        {
            "alg": s.one_of("Ed25519", "WebAuthn-ES256", "WebAuthn-EdDSA"),
            "approved": s.shape(
                {"by": s.or_null(s.hex64), "how": s.one_of("session", "key", "code")}
            ),
            "key": s.hex64,
            "owner": s.hex32,
            "public": lambda value: s.base64_of(32)(value) or s.base64_of(65)(value),
            "rp": s.or_null(s.pattern("[a-z0-9][a-z0-9.-]{0,252}")),
        }
    ),
}

_PART = s.shape(
    {
        "alg": s.one_of("A256GCM-HKDF", "A256GCM-HKDF-SEG"),
        "ciphertext": s.hex64,
        "commitment": s.hex64,
        "key": s.hex32,
        "length": s.count,
        "n": s.integer(0),
        "role": s.one_of("content", "attachment"),
    }
)
_STATEMENT = s.shape(
    {
        "v": s.one_of(1),
        "origin": s.origin,
        "event": s.hex32,
        "record": s.hex32,
        "version": s.count,
        "prev": s.or_null(s.hex64),
        "type": s.one_of(*FACTS),
        "kind": s.word,
        "kind_version": s.count,
        "step": s.or_null(s.word),
        "actor": s.or_null(s.hex32),
        "behalf": s.or_null(s.hex32),
        "key": s.hex64,
        "assurance": s.one_of("session", "api-key", "own-key", "passkey", "personal-key", "system"),
        "occurred_at": s.time,
        "seen": s.or_null(s.shape({"root": s.hex64, "size": s.count})),
        "parts": s.list_of(_PART),
        "signoff": s.or_null(s.shape({"covers": s.list_of(s.hex64, 1), "meaning": s.word})),
        "refs": s.list_of(s.shape({"event": s.or_null(s.hex64), "record": s.hex32, "rel": s.word})),
        "facts": lambda value: isinstance(value, dict),
    }
)
_SIGNATURE = s.shape({"keyid": s.hex64, "sig": lambda value: isinstance(value, str)})
_ENVELOPE = s.shape(
    {
        "payload": lambda value: isinstance(value, str),
        "payloadType": s.one_of(STATEMENT, RECEIPT, HEADS),
        "signatures": s.list_of(
            s.shape({"keyid": s.hex64, "sig": lambda value: isinstance(value, str)}), 1
        ),
    }
)
_LEAF = s.shape(
    {
        "envelope": lambda value: isinstance(value, str),
        "number": s.or_null(s.number),
        "recorded_at": s.time,
        "v": s.one_of(1),
    }
)
_RECEIPT = s.shape(
    {
        "event": s.hex32,
        "index": s.integer(0),
        "leaf_hash": s.hex64,
        "number": s.or_null(s.number),
        "origin": s.origin,
        "record": s.hex32,
        "recorded_at": s.time,
        "v": s.one_of(1),
        "version": s.count,
    }
)


@dataclass(frozen=True)
class Envelope:
    """What was signed, by which key id, and the hash of the whole."""

    payload: bytes
    kind: str
    keyid: str
    signature: bytes
    hash: str

    @property
    def signed(self) -> bytes:
        """DSSE's pre-authentication encoding: what the signature covers."""
        head = f"DSSEv1 {len(self.kind)} {self.kind} {len(self.payload)} "
        return head.encode() + self.payload


@dataclass(frozen=True)
class Leaf:
    """A leaf that could be read, down to its statement."""

    envelope: Envelope
    statement: s.Fields
    number: str | None
    recorded_at: str


def read_envelope(data: bytes, kind: str) -> Envelope:
    """An envelope of the expected type; its signature is not checked here."""
    value = s.expect(_ENVELOPE, s.decode(data), "an envelope")
    if value["payloadType"] != kind or len(value["signatures"]) != 1:
        raise s.BadFormError("another type of envelope, or not one signature")
    signature = value["signatures"][0]
    length = len(s.unbase64(signature["sig"]))
    if length != 64 and not (kind == STATEMENT and 65 <= length <= 4096):
        raise s.BadFormError("a signature of no known length")
    return Envelope(
        payload=s.unbase64(value["payload"]),
        kind=kind,
        keyid=signature["keyid"],
        signature=s.unbase64(signature["sig"]),
        hash=hashlib.sha256(data).hexdigest(),
    )


def read_statement(data: bytes) -> s.Fields:
    """A statement with facts that fit its type and parts in order."""
    value = s.expect(_STATEMENT, s.decode(data), "a statement")
    if not FACTS[value["type"]](value["facts"]):
        raise s.BadFormError("facts that the type does not have")
    if (value["version"] == 1) != (value["prev"] is None):
        raise s.BadFormError("prev is null exactly where version is 1")
    for n, part in enumerate(value["parts"]):
        segmented = part["alg"] == "A256GCM-HKDF-SEG"
        if part["n"] != n or segmented != (part["role"] == "attachment"):
            raise s.BadFormError("parts are numbered in order, each by the algorithm of its role")
    return value


def read_leaf(data: bytes) -> Leaf:
    """A leaf, its envelope and its statement."""
    if len(data) > MOST_LEAF:
        raise s.BadFormError("a leaf is too long")
    value = s.expect(_LEAF, s.decode(data), "a leaf")
    envelope = read_envelope(value["envelope"].encode(), STATEMENT)
    statement = read_statement(envelope.payload)
    if envelope.keyid != statement["key"]:
        raise s.BadFormError("the envelope's keyid is not the statement's key")
    return Leaf(envelope, statement, value["number"], value["recorded_at"])


def read_receipt(data: bytes) -> s.Fields:
    """The payload of a receipt's envelope."""
    return s.expect(_RECEIPT, s.decode(data), "a receipt")


# ---------------------------------------------------------------- bundle

_UNTOLD = re.compile("[\0-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_ABOUT = s.shape(
    {
        "as_of": s.time,
        "asked": lambda v: isinstance(v, str) and len(v.encode()) <= 4096 and not _UNTOLD.search(v),
        "variety": s.one_of("record", "case", "query", "year", "archive"),
        "volume": s.count,
        "volumes": s.count,
    }
)
_YEAR = s.pattern("[0-9]{4}")


def _is_about(value: object) -> bool:
    if not _ABOUT(value) or not isinstance(value, dict):
        return False
    asks = value["variety"] in ("query", "year")
    if asks != bool(value["asked"]) or not value["volume"] <= value["volumes"] <= 9999:
        return False
    return value["variety"] != "year" or _YEAR(value["asked"])


_HEADS = s.shape(
    {
        "about": _is_about,
        "origin": s.origin,
        "records": s.list_of(s.shape({"head": s.hex64, "record": s.hex32, "version": s.count})),
        "root": s.hex64,
        "size": s.count,
        "v": s.one_of(1),
    }
)


def read_heads(data: bytes) -> s.Fields:
    """The payload of the heads' envelope."""
    value = s.expect(_HEADS, s.decode(data), "heads")
    if not _ascending([item["record"] for item in value["records"]]):
        raise s.BadFormError("records are not ascending, each once")
    return value


_MEMBER_PATH = re.compile(
    r"checkpoint|heads|policy|verify\.html|timestamps/([1-9]|[1-5][0-9]|6[0-4])\.(tsr|renewed)"
    r"|keys\.jsonl|leaves\.jsonl|openings\.jsonl|receipts\.jsonl|index\.txt"
    r"|content/[0-9a-f]{32}-(0|[1-9][0-9]{0,4})\.json|attachments/[0-9a-f]{32}(\.[a-z0-9]{1,8})?"
)
_NEEDED = {"checkpoint", "heads", "keys.jsonl", "leaves.jsonl", "openings.jsonl", "index.txt"}
_MEMBER = s.shape(
    {
        "path": lambda v: isinstance(v, str) and _MEMBER_PATH.fullmatch(v) is not None,
        "sha256": s.hex64,
        "size": s.integer(0),
    }
)
_MANIFEST = s.shape(
    {
        "about": _is_about,
        "context": s.list_of(s.hex32),
        "format": s.one_of("liuhen-bundle/v1"),
        "log_key": lambda value: isinstance(value, str),
        "members": s.list_of(_MEMBER),
        "origin": s.origin,
        "records": s.list_of(s.hex32),
    }
)
_LEAF_LINE = s.shape(
    {
        "index": s.integer(0),
        "leaf": lambda value: isinstance(value, str),
        "proof": s.list_of(s.hex64),
    }
)
_OPENED = s.shape(
    {
        "event": s.hex32,
        "n": s.integer(0),
        "path": lambda v: (
            isinstance(v, str)
            and v.startswith(("content/", "attachments/"))
            and bool(_MEMBER_PATH.fullmatch(v))
        ),
        "salt": s.hex64,
        "size": s.integer(0),
    }
)
_WITHHELD = s.shape({"event": s.hex32, "n": s.integer(0), "withheld": lambda value: value is True})


def _ascending(values: list[str]) -> bool:
    return all(a < b for a, b in pairwise(values))


def read_manifest(data: bytes) -> s.Fields:
    """The manifest; what fails here makes the bundle unusable."""
    value = s.expect(_MANIFEST, s.decode(data), "a manifest")
    paths = [member["path"] for member in value["members"]]
    if not _ascending(value["context"]) or not set(value["context"]) <= set(value["records"]):
        raise s.BadFormError("context that is not ascending, or not among the records")
    if not _ascending(paths) or not _ascending(value["records"]):
        raise s.BadFormError("members or records are not ascending, each once")
    if len(paths) > 60_000 or not set(paths) >= _NEEDED:
        raise s.BadFormError("too many members, or one that is always present is missing")
    if any(member["size"] >= 2**32 - 1 for member in value["members"]):
        raise s.BadFormError("a member is too large")
    return value


def read_leaf_line(data: bytes) -> s.Fields:
    """A line of keys.jsonl or leaves.jsonl."""
    value = s.expect(_LEAF_LINE, s.decode(data), "a leaf line")
    if len(value["proof"]) > 63:
        raise s.BadFormError("a proof is too long")
    return value


def read_opening(data: bytes) -> s.Fields:
    """A line of openings.jsonl."""
    return s.expect(lambda v: _OPENED(v) or _WITHHELD(v), s.decode(data), "an opening")


def lines_of(data: bytes) -> tuple[list[bytes], str | None]:
    """The lines of a .jsonl member, each without its newline, up to the first that is wrong."""
    *lines, rest = data.split(b"\n")
    for at, line in enumerate(lines):
        if len(line) > MOST_LINE:
            return lines[:at], "a line is too long"
    return lines, "the last line does not end with a newline" if rest else None


def plain_attachments(plaintext: bytes) -> set[tuple[int, int]]:
    """The true sizes, each with its part, that a content part says."""
    value = s.decode(plaintext)
    listed = value.get("attachments") if isinstance(value, dict) else None
    members = listed if isinstance(listed, list) else []
    described = s.shape(
        {
            "media_type": lambda v: isinstance(v, str),
            "n": s.integer(0),
            "name": lambda v: isinstance(v, str),
            "size": s.integer(0),
        }
    )
    return {(member["n"], member["size"]) for member in members if described(member)}
