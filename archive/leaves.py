"""A stored leaf with all that lies inside it, read by the strict parsers."""

from __future__ import annotations

from archive.evidence import dsse, leaf, statement
from archive.evidence.errors import FormatError
from archive.evidence.leaf import Leaf
from archive.evidence.statement import Statement


def read_leaf(data: bytes) -> tuple[Leaf, dsse.Envelope, Statement]:
    """EvidenceError unless leaf, envelope and statement are canonical, in bounds, of one key."""
    parsed = leaf.parse(data)
    envelope = dsse.parse(parsed.envelope, dsse.STATEMENT_TYPE)
    said = statement.parse(envelope.payload)
    if envelope.keyid != said.key:
        raise FormatError("envelope and statement name different keys")
    return parsed, envelope, said
