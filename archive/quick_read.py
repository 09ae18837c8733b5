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
from archive.evidence.leaf import Leaf
from archive.evidence.receipt import Receipt
from archive.evidence.statement import Statement

_KEY_ID = re.compile(r"[0-9a-f]{64}", re.ASCII)


def read_leaf(data: bytes) -> tuple[Leaf, dsse.Envelope, Statement]:
    """EvidenceError unless leaf, envelope and statement are canonical and in bounds."""
    try:
        return _leaf(data)
    except (EvidenceError, ValueError, TypeError, KeyError, AttributeError, IndexError):
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
    members = orjson.loads(raw)
    (signed,) = members["signatures"]
    keyid = signed["keyid"]
    payload = binascii.a2b_base64(members["payload"])
    signature = binascii.a2b_base64(signed["sig"])
    if len(keyid) != 64 or len(signature) != 64:
        raise FormatError("not a key id, or not an Ed25519 signature")
    if dsse.assemble(payload, payload_type, keyid, signature) != raw:
        raise FormatError("not a canonical envelope")
    return payload, keyid, signature


def _statement(payload: bytes) -> Statement:
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
        if _KEY_ID.fullmatch(keyid) is None:
            raise FormatError("not a key id")
    except (EvidenceError, ValueError, TypeError, KeyError, AttributeError, IndexError):
        return receipt.read(data)
    envelope = dsse.Envelope(payload, dsse.RECEIPT_TYPE, keyid, signature, data)
    return envelope, receipt.parse(payload)
