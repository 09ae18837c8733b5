"""The receipt: the log's signed answer that an event is in, and where."""

import re
from dataclasses import dataclass

from archive.evidence import dsse
from archive.evidence.errors import FormatError
from archive.evidence.instant import check_time
from archive.evidence.keys import SigningKey, VerifyKey

_RECEIPT = re.compile(
    r'\{"event":"([0-9a-f]{32})","index":(0|[1-9][0-9]{0,15}),"leaf_hash":"([0-9a-f]{64})"'
    r',"number":(?:null|"([A-Z0-9][A-Za-z0-9._/-]{0,63})")'
    r',"origin":"([A-Za-z0-9][A-Za-z0-9._/:-]{0,127})","record":"([0-9a-f]{32})"'
    r',"recorded_at":"([0-9T:.Z-]{27})","v":1,"version":([1-9][0-9]{0,15})\}',
    re.ASCII,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    origin: str
    event: str
    record: str
    version: int
    index: int
    leaf_hash: str
    recorded_at: str
    number: str | None


def encode(receipt: Receipt) -> bytes:
    """Canonical payload bytes."""
    payload = encode_checked(receipt)
    if _RECEIPT.fullmatch(payload.decode("latin-1")) is None:
        raise FormatError("receipt with a field out of bounds")
    return payload


def encode_checked(receipt: Receipt) -> bytes:
    """As `encode`, for fields that the caller knows to be in bounds."""
    number = "null" if receipt.number is None else f'"{receipt.number}"'
    text = (
        f'{{"event":"{receipt.event}","index":{receipt.index},"leaf_hash":"{receipt.leaf_hash}"'
        f',"number":{number},"origin":"{receipt.origin}","record":"{receipt.record}"'
        f',"recorded_at":"{receipt.recorded_at}","v":1,"version":{receipt.version}}}'
    )
    return text.encode("utf-8")


def parse(payload: bytes) -> Receipt:
    match = _RECEIPT.fullmatch(payload.decode("latin-1"))
    if match is None:
        raise FormatError("not a canonical receipt")
    event, index, leaf_hash, number, origin, record, recorded_at, version = match.groups()
    if int(index) >= 2**53 or int(version) >= 2**53:
        raise FormatError("receipt with a number beyond 2**53 - 1")
    return Receipt(
        origin=origin,
        event=event,
        record=record,
        version=int(version),
        index=int(index),
        leaf_hash=leaf_hash,
        recorded_at=check_time(recorded_at),
        number=number,
    )


def issue(receipt: Receipt, log_key: SigningKey) -> bytes:
    """The receipt's envelope."""
    return dsse.sign(encode(receipt), dsse.RECEIPT_TYPE, log_key)


def read(raw: bytes) -> tuple[dsse.Envelope, Receipt]:
    """Parse without verifying the signature."""
    envelope = dsse.parse(raw, dsse.RECEIPT_TYPE)
    return envelope, parse(envelope.payload)


def verify(raw: bytes, log_key: VerifyKey) -> Receipt:
    envelope, receipt = read(raw)
    dsse.verify(envelope, log_key)
    return receipt
