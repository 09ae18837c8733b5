"""Stored leaves read strictly and quickly, for a check that reads all of them.

Same verdict as the strict parsers of `archive.evidence`, by the definition of canonical: what was
read is put together again by the writer's functions (or sorted and dumped), and must be the same
bytes. Where that fails, the strict parsers say what is wrong. The tests hold one to the other.
"""

from __future__ import annotations

import binascii
import re
from typing import Any

import orjson

from archive.evidence import dsse, leaf, receipt, statement
from archive.evidence.errors import EvidenceError, FormatError
from archive.evidence.facts import FACTS
from archive.evidence.instant import check_time
from archive.evidence.leaf import Leaf
from archive.evidence.receipt import Receipt
from archive.evidence.statement import Part, Statement

_KEY_ID = re.compile(r"[0-9a-f]{64}", re.ASCII)
_PAYLOAD = len(b'{"payload":"')
_SIGNATURE = len(b'"}]}') + 88
_KEYID = len(b'","sig":"') + 64

# The commonest statement, one content part and nothing that needs a list, as one expression.
_HEX32, _HEX64 = "([0-9a-f]{32})", "([0-9a-f]{64})"
_WORD = "([a-z0-9][a-z0-9._-]{0,63}+)"
_COUNT = "([1-9][0-9]{0,14}+)"
_PLAIN = re.compile(
    f'{{"actor":(?:null|"{_HEX32}"),"assurance":"(session|api-key|own-key|passkey|system)"'
    f',"behalf":(?:null|"{_HEX32}"),"event":"{_HEX32}","facts":{{}},"key":"{_HEX64}"'
    f',"kind":"{_WORD}","kind_version":{_COUNT},"occurred_at":"([0-9T:.Z-]{{27}})"'
    ',"origin":"([A-Za-z0-9][A-Za-z0-9._/:-]{0,127}+)"'
    f',"parts":\\[{{"alg":"A256GCM-HKDF","ciphertext":"{_HEX64}","commitment":"{_HEX64}"'
    f',"key":"{_HEX32}","length":{_COUNT},"n":0,"role":"content"}}\\]'
    f',"prev":(?:null|"{_HEX64}"),"record":"{_HEX32}","refs":\\[\\],"seen":null,"signoff":null'
    f',"step":(?:null|"{_WORD}"),"type":"{_WORD}","v":1,"version":{_COUNT}}}',
    re.ASCII,
)
_PLAIN_TYPES = frozenset(event_type for event_type, facts in FACTS.items() if not facts)
_ODD = (EvidenceError, ValueError, TypeError, KeyError, AttributeError, IndexError)


def read_leaf(data: bytes) -> tuple[Leaf, dsse.Envelope, Statement]:
    """EvidenceError unless leaf, envelope and statement are canonical and in bounds."""
    try:
        return _leaf(data)
    except _ODD:
        parsed = leaf.parse(data)
        envelope = dsse.parse(parsed.envelope, dsse.STATEMENT_TYPE)
        said = statement.parse(envelope.payload)
        if envelope.keyid != said.key:
            raise FormatError("envelope and statement name different keys") from None
        return parsed, envelope, said


def _leaf(data: bytes) -> tuple[Leaf, dsse.Envelope, Statement]:
    members = orjson.loads(data)
    raw: bytes = members["envelope"].encode("ascii")
    number, recorded_at = members["number"], members["recorded_at"]
    if leaf.encode(raw, number, recorded_at) != data:
        raise FormatError("not a canonical leaf")
    payload, keyid, signature = _envelope(raw, dsse.STATEMENT_TYPE)
    said = _statement(payload)
    if said.key != keyid:
        raise FormatError("envelope and statement name different keys")
    envelope = dsse.Envelope(payload, dsse.STATEMENT_TYPE, keyid, signature, raw)
    return Leaf(raw, number, recorded_at), envelope, said


def _envelope(raw: bytes, payload_type: str) -> tuple[bytes, str, bytes]:
    """Payload, key id and signature from their fixed places; put together they are `raw` again."""
    tail = len(payload_type) + _SIGNATURE + _KEYID + len(b'","payloadType":"')
    tail += len(b'","signatures":[{"keyid":"')
    payload = binascii.a2b_base64(raw[_PAYLOAD:-tail])
    signature = binascii.a2b_base64(raw[-_SIGNATURE:-4])
    keyid = raw[-_SIGNATURE - _KEYID : -_SIGNATURE - _KEYID + 64].decode("ascii")
    if dsse.assemble(payload, payload_type, keyid, signature) != raw:
        raise FormatError("not a canonical envelope")
    if len(signature) != 64 or _KEY_ID.fullmatch(keyid) is None:
        raise FormatError("not a key id, or not an Ed25519 signature")
    return payload, keyid, signature


def _statement(payload: bytes) -> Statement:
    match = _PLAIN.fullmatch(payload.decode("ascii"))
    if match is None:
        return _any_statement(payload)
    actor, assurance, behalf, event, key, kind, kind_version, occurred_at, *rest = match.groups()
    origin, ciphertext, commitment, content_key, length, prev, record, *rest = rest
    step, event_type, version = rest
    if event_type not in _PLAIN_TYPES or (version == "1") != (prev is None):
        raise FormatError("not a type without facts, or prev does not fit the version")
    return Statement(
        origin=origin,
        event=event,
        record=record,
        version=int(version),
        prev=prev,
        type=event_type,
        kind=kind,
        kind_version=int(kind_version),
        step=step,
        actor=actor,
        behalf=behalf,
        key=key,
        assurance=assurance,
        occurred_at=check_time(occurred_at),
        parts=(Part("content", 0, content_key, commitment, ciphertext, int(length)),),
    )


def _any_statement(payload: bytes) -> Statement:
    members: dict[str, Any] = orjson.loads(payload)
    if orjson.dumps(members, option=orjson.OPT_SORT_KEYS) != payload:
        raise FormatError("not canonical JSON")
    # All values are bound to ASCII patterns, small integers and closed keys from here on, so
    # neither floats nor the ways in which encoders spell odd characters can pass.
    return statement.from_members(members)


def read_receipt(data: bytes) -> tuple[dsse.Envelope, Receipt]:
    """As `receipt.read`."""
    try:
        payload, keyid, signature = _envelope(data, dsse.RECEIPT_TYPE)
    except _ODD:
        return receipt.read(data)
    envelope = dsse.Envelope(payload, dsse.RECEIPT_TYPE, keyid, signature, data)
    return envelope, receipt.parse(payload)


def receipt_envelope(data: bytes, expected: Receipt) -> dsse.Envelope:
    """The receipt's envelope; FormatError where it says anything else than `expected`."""
    try:
        payload, keyid, signature = _envelope(data, dsse.RECEIPT_TYPE)
        if payload == receipt.encode_checked(expected):
            return dsse.Envelope(payload, dsse.RECEIPT_TYPE, keyid, signature, data)
    except _ODD:
        pass
    envelope, said = receipt.read(data)
    if said != expected:
        raise FormatError("says otherwise than the leaf")
    return envelope
