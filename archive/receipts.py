"""How a receipt is kept: its fields in binary, a third of its text.

An event's row is then small enough for two to share a page of the database. The text can be had
back byte for byte; what could not be is kept as it is. Nothing is taken from the row beside it, so
that a check can still tell which of the two was damaged.
"""

from __future__ import annotations

import binascii
import struct

from archive.evidence import dsse
from archive.evidence.instant import time_text
from archive.evidence.receipt import Receipt, encode_checked
from archive.instants import micros, moment
from archive.store import StoredEvent

_FIELDS = struct.Struct(">B16s16sQQq32s32s64sB")
"""Form, event, record, version, index, microseconds, leaf hash, key, signature, length of number;
then the number and the origin."""
_TEXT, _BINARY = 0, 1
_SIGNATURE, _KEY = slice(-92, -4), slice(-165, -101)
"""Where they stand in an envelope, from its end."""
_ORIGIN = b'"origin":"'


def kept(receipt: bytes, row: StoredEvent) -> bytes:
    """The receipt of an event in this place, as it is kept."""
    try:
        binary = _packed(receipt, row)
        if told(binary) == receipt:
            return binary
    except (ValueError, struct.error):  # no receipt that we would issue
        pass
    return receipt if receipt[:1] == b"{" else bytes([_TEXT]) + receipt


def told(stored: bytes) -> bytes:
    """The receipt's own bytes; what was damaged comes back as it is, and fits no signature."""
    form = stored[0] if stored else None
    if form == _TEXT:
        return stored[1:]
    if form != _BINARY or len(stored) < _FIELDS.size:
        return stored
    _, event, record, version, index, time, leaf_hash, key, signature, length = _FIELDS.unpack_from(
        stored
    )
    try:
        rest = stored[_FIELDS.size :].decode("ascii")
        receipt = Receipt(
            origin=rest[length:],
            event=event.hex(),
            record=record.hex(),
            version=version,
            index=index,
            leaf_hash=leaf_hash.hex(),
            recorded_at=time_text(moment(time)),
            number=rest[:length] or None,
        )
    except ValueError:
        return stored
    return dsse.assemble(encode_checked(receipt), dsse.RECEIPT_TYPE, key.hex(), signature)


def signature(stored: bytes, said: Receipt) -> tuple[str, bytes] | None:
    """Key id and signature of a receipt that is kept in binary and says exactly this; else None,
    and its own bytes (`told`) show what is wrong, if anything is."""
    if stored[:1] != bytes([_BINARY]) or len(stored) < _FIELDS.size:
        return None
    _, event, record, version, index, time, leaf_hash, key, signed, length = _FIELDS.unpack_from(
        stored
    )
    number = said.number or ""
    same = (
        index == said.index
        and version == said.version
        and event.hex() == said.event
        and record.hex() == said.record
        and leaf_hash.hex() == said.leaf_hash
        and time_text(moment(time)) == said.recorded_at
        and length == len(number)
        and stored[_FIELDS.size :] == f"{number}{said.origin}".encode()
    )
    return (key.hex(), signed) if same else None


def _packed(receipt: bytes, row: StoredEvent) -> bytes:
    """ValueError and struct.error where the bytes are no receipt."""
    payload = binascii.a2b_base64(receipt[12 : receipt.index(b'"', 12)])
    origin = payload[payload.index(_ORIGIN) + len(_ORIGIN) :].partition(b'"')[0]
    number = (row.number or "").encode("ascii")
    return (
        _FIELDS.pack(
            _BINARY,
            bytes.fromhex(row.event_id or ""),
            bytes.fromhex(row.record_id),
            row.version,
            row.leaf_index,
            micros(row.recorded_at),
            row.leaf_hash,
            bytes.fromhex(receipt[_KEY].decode("ascii")),
            binascii.a2b_base64(receipt[_SIGNATURE]),
            len(number),
        )
        + number
        + origin
    )
