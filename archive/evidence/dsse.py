"""DSSE envelopes (github.com/secure-systems-lab/dsse, protocol v1), one signature, one spelling."""

import binascii
import hashlib
import re
from dataclasses import dataclass

from archive.evidence.errors import FormatError, SignatureError
from archive.evidence.keys import SigningKey, VerifyKey
from archive.evidence.passkey import LONGEST, Passkey

STATEMENT_TYPE = "application/vnd.liuhen.statement.v1+json"
RECEIPT_TYPE = "application/vnd.liuhen.receipt.v1+json"
HEADS_TYPE = "application/vnd.liuhen.heads.v1+json"

# Canonical JSON of an envelope is a regular language; the long payload is left to the base64
# reader, which is as strict and faster.
_HEAD = b'{"payload":"'
_MIDDLE = b'","payloadType":"'
_TAIL = re.compile(
    rb'([a-z0-9.+/-]{1,128}+)","signatures":\[\{"keyid":"([0-9a-f]{64})"'
    rb',"sig":"([A-Za-z0-9+/]{86}==|[A-Za-z0-9+/]{87,5462}={0,2})"\}\]\}'
)
_PLAIN = 64  # bytes of an Ed25519 signature; what is longer is a passkey's assertion
_TYPE = re.compile(r"[a-z0-9.+/-]{1,128}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Envelope:
    payload: bytes
    payload_type: str
    keyid: str
    signature: bytes
    raw: bytes  # exactly what was signed and kept; never re-made from the other fields


def pae(payload_type: str, payload: bytes) -> bytes:
    """Pre-authentication encoding: what the signature covers."""
    kind = payload_type.encode("ascii")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(payload: bytes, payload_type: str, key: SigningKey) -> bytes:
    """The envelope's bytes."""
    if _TYPE.fullmatch(payload_type) is None:
        raise FormatError("payloadType is a lower-case media type")
    return assemble(payload, payload_type, key.key_id, key.sign(pae(payload_type, payload)))


def assemble(payload: bytes, payload_type: str, keyid: str, signature: bytes) -> bytes:
    """Envelope around a signature made elsewhere, by a machine's or a person's own key."""
    return b'{"payload":"%b","payloadType":"%b","signatures":[{"keyid":"%b","sig":"%b"}]}' % (
        binascii.b2a_base64(payload, newline=False),
        payload_type.encode("ascii"),
        keyid.encode("ascii"),
        binascii.b2a_base64(signature, newline=False),
    )


def parse(raw: bytes, payload_type: str) -> Envelope:
    """Strict: any re-serialisation, other type, or other number of signatures is refused."""
    middle = raw.find(_MIDDLE)
    match = _TAIL.fullmatch(raw, middle + len(_MIDDLE))
    if middle < 0 or match is None or not raw.startswith(_HEAD):
        raise FormatError("not a canonical DSSE envelope with exactly one signature")
    kind, keyid, signature = match.groups()
    if kind.decode("ascii") != payload_type:
        raise FormatError(f"envelope of type {kind.decode('ascii')}, {payload_type} expected")
    payload = _unbase64(raw[len(_HEAD) : middle])
    data = _unbase64(signature)
    if len(data) != _PLAIN and not (
        payload_type == STATEMENT_TYPE and _PLAIN < len(data) <= LONGEST
    ):
        raise FormatError("a signature of a length that none has")
    return Envelope(payload, payload_type, keyid.decode("ascii"), data, raw)


def verify(envelope: Envelope, key: VerifyKey | Passkey) -> None:
    """SignatureError unless the envelope is signed by exactly this key.

    A passkey signs a challenge, which is the SHA-256 of the payload alone.
    """
    if envelope.keyid != key.key_id:
        raise SignatureError("the envelope names another key than the one given")
    if isinstance(key, Passkey):
        key.verify(envelope.signature, envelope.payload)
    else:
        key.verify(envelope.signature, pae(envelope.payload_type, envelope.payload))


def envelope_hash(raw: bytes) -> str:
    """64 hex digits: what `prev`, `covers` and `refs` point to."""
    return hashlib.sha256(raw).hexdigest()


def _unbase64(text: bytes) -> bytes:
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error as error:
        raise FormatError(f"not base64: {error}") from None
    if binascii.b2a_base64(data, newline=False) != text:  # unused bits must be zero
        raise FormatError("not canonical base64")
    return data
