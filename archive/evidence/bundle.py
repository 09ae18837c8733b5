"""The export bundle: everything needed to check one record or several, offline (docs/formats.md 9).

Members: checkpoint, keys.jsonl, leaves.jsonl, openings.jsonl, receipts.jsonl (if any),
content/<event>-<n>.json, attachments/<attachment id>[.ext], index.txt, and manifest.json first.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from archive.evidence import canonical, checkpoint, container, dsse, leaf, statement
from archive.evidence.container import Container, Source
from archive.evidence.errors import BundleError, EvidenceError, FormatError
from archive.evidence.listing import Row, listing
from archive.evidence.register import register_record

FORMAT = "liuhen-bundle/v1"
KEYS, LEAVES, OPENINGS, RECEIPTS = "keys.jsonl", "leaves.jsonl", "openings.jsonl", "receipts.jsonl"
CHECKPOINT, INDEX = "checkpoint", "index.txt"
MAX_LINE = 256 * 1024
MAX_PROOF = 63

_HEX32 = re.compile(r"[0-9a-f]{32}", re.ASCII)
_HEX64 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_EXTENSION = re.compile(r"\.[a-z0-9]{1,8}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ProvenLeaf:
    index: int
    leaf: bytes
    proof: Sequence[bytes]  # inclusion in the bundle's checkpoint


@dataclass(frozen=True, slots=True)
class ContentOpening:
    event: str
    n: int
    salt: bytes
    plaintext: bytes


@dataclass(frozen=True, slots=True)
class AttachmentOpening:
    event: str
    n: int
    salt: bytes
    attachment: str  # 32 hex: the part's `key`
    size: int  # true bytes
    chunks: Callable[[], Iterable[bytes]]  # read once
    name: str = ""  # only its extension is used, and only if it is plain


@dataclass(frozen=True, slots=True)
class Withheld:
    """The exporter says: content exists, and is not shown here."""

    event: str
    n: int


Opening = ContentOpening | AttachmentOpening | Withheld


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """What `write` needs. `keys` are all leaves of the key register, `leaves` all of the records;
    both ascending by index, with proofs in the tree of `checkpoint`."""

    checkpoint: bytes
    log_key: str  # vkey
    keys: Sequence[ProvenLeaf]
    leaves: Sequence[ProvenLeaf]
    openings: Sequence[Opening] = ()  # none for content that was disposed
    receipts: Sequence[bytes] = ()  # ascending by index


def write(file: BinaryIO, bundle: Bundle) -> None:
    """Write to a seekable file. The same evidence gives the same bytes."""
    _, head = checkpoint.read(bundle.checkpoint)
    rows = [_row(proven) for proven in bundle.leaves]
    if register_record(head.origin) in (row.record for row in rows):
        raise FormatError("leaves of the key register go into keys, not into leaves")
    sources = {
        CHECKPOINT: Source.of(CHECKPOINT, bundle.checkpoint),
        KEYS: Source.of(KEYS, _leaf_lines(bundle.keys)),
        LEAVES: Source.of(LEAVES, _leaf_lines(bundle.leaves)),
        INDEX: Source.of(INDEX, listing(head, rows)),
    }
    if bundle.receipts:
        sources[RECEIPTS] = Source.of(RECEIPTS, b"".join(r + b"\n" for r in bundle.receipts))
    lines = []
    for opening in bundle.openings:
        source, line = _opening(opening)
        lines.append(canonical.encode(line) + b"\n")
        if source is not None:
            sources.setdefault(source.path, source)
    sources[OPENINGS] = Source.of(OPENINGS, b"".join(lines))
    manifest = {
        "format": FORMAT,
        "log_key": bundle.log_key,
        "origin": head.origin,
        "records": sorted({row.record for row in rows}),
    }
    container.write(file, manifest, list(sources.values()))


def _row(proven: ProvenLeaf) -> Row:
    parsed = leaf.parse(proven.leaf)
    envelope = dsse.parse(parsed.envelope, dsse.STATEMENT_TYPE)
    return Row.of(proven.index, parsed, statement.parse(envelope.payload))


def _leaf_lines(leaves: Sequence[ProvenLeaf]) -> bytes:
    return b"".join(
        canonical.encode_checked(
            {
                "index": proven.index,
                "leaf": proven.leaf.decode("ascii"),
                "proof": [hash_.hex() for hash_ in proven.proof],
            }
        )
        + b"\n"
        for proven in leaves
    )


def _opening(opening: Opening) -> tuple[Source | None, dict[str, Any]]:
    line: dict[str, Any] = {"event": opening.event, "n": opening.n}
    if isinstance(opening, Withheld):
        return None, {**line, "withheld": True}
    if isinstance(opening, ContentOpening):
        source = Source.of(f"content/{opening.event}-{opening.n}.json", opening.plaintext)
    else:
        extension = _EXTENSION.search(opening.name, max(opening.name.rfind("."), 0))
        suffix = extension.group() if extension and opening.name.endswith(extension.group()) else ""
        path = f"attachments/{opening.attachment}{suffix}"
        source = Source(path, opening.size, opening.chunks)
    return source, {**line, "path": source.path, "salt": opening.salt.hex(), "size": source.size}


@dataclass(frozen=True, slots=True)
class Opened:
    """One line of openings.jsonl; `path` is null where the content is withheld."""

    event: str
    n: int
    path: str | None = None
    salt: bytes = b""


@dataclass(frozen=True, slots=True)
class Head:
    origin: str
    log_key: str
    records: Sequence[str]


def read_head(box: Container) -> Head:
    """The manifest beside its list of members; BundleError if it is not as it should be."""
    manifest = box.manifest
    if manifest.keys() != {"format", "log_key", "members", "origin", "records"}:
        raise BundleError(container.MANIFEST, "has missing or unknown keys")
    if manifest["format"] != FORMAT:
        raise BundleError(container.MANIFEST, f"format is not {FORMAT}: get a newer verifier")
    origin, log_key, records = manifest["origin"], manifest["log_key"], manifest["records"]
    if type(origin) is not str or type(log_key) is not str or type(records) is not list:
        raise BundleError(container.MANIFEST, "has a value of the wrong type")
    if not all(_matches(_HEX32, record) for record in records):
        raise BundleError(container.MANIFEST, "lists a record id that is none")
    if records != sorted(set(records)):
        raise BundleError(container.MANIFEST, "lists records twice or out of order")
    missing = {CHECKPOINT, INDEX, KEYS, LEAVES, OPENINGS} - box.members.keys()
    if missing:
        raise BundleError(container.MANIFEST, f"does not list {', '.join(sorted(missing))}")
    return Head(origin, log_key, records)


def read_leaves(box: Container, path: str) -> Iterator[ProvenLeaf | BundleError]:
    """Leaves in ascending order of index; an error in place of each line that is not as it must be.

    After an error reading goes on, so that one bad line does not hide the others.
    """
    last = -1
    for number, line in _lines(box, path):
        where = f"{path} line {number}"
        if isinstance(line, BundleError):
            yield line
            return
        try:
            proven = _parse_leaf(line)
        except EvidenceError as error:
            yield BundleError(where, str(error))
            continue
        if proven.index <= last:
            yield BundleError(where, "leaf twice or out of order")
            continue
        last = proven.index
        yield proven


def _parse_leaf(line: bytes) -> ProvenLeaf:
    value = canonical.decode_object(line)
    if value.keys() != {"index", "leaf", "proof"}:
        raise FormatError("keys are exactly index, leaf, proof")
    index, text, proof = value["index"], value["leaf"], value["proof"]
    if type(index) is not int or index < 0 or type(text) is not str or not text.isascii():
        raise FormatError("index or leaf is out of bounds")
    if type(proof) is not list or len(proof) > MAX_PROOF:
        raise FormatError("proof is out of bounds")
    if not all(_matches(_HEX64, hash_) for hash_ in proof):
        raise FormatError("a proof's hashes have 64 hex digits")
    return ProvenLeaf(index, text.encode("ascii"), [bytes.fromhex(hash_) for hash_ in proof])


def read_openings(box: Container) -> Iterator[Opened | BundleError]:
    for number, line in _lines(box, OPENINGS):
        if isinstance(line, BundleError):
            yield line
            return
        try:
            yield _parse_opening(line, box)
        except EvidenceError as error:
            yield BundleError(f"{OPENINGS} line {number}", str(error))


def _parse_opening(line: bytes, box: Container) -> Opened:
    value = canonical.decode_object(line)
    event, n = value.get("event"), value.get("n")
    if not _matches(_HEX32, event) or type(n) is not int or n < 0:
        raise FormatError("event or n is out of bounds")
    if value.keys() == {"event", "n", "withheld"} and value["withheld"] is True:
        return Opened(str(event), n)
    if value.keys() != {"event", "n", "path", "salt", "size"}:
        raise FormatError("keys are exactly event, n, path, salt, size; or event, n, withheld")
    path, salt, size = value["path"], value["salt"], value["size"]
    if type(path) is not str or not path.startswith(("content/", "attachments/")):
        raise FormatError("path is out of bounds")
    if not _matches(_HEX64, salt) or type(size) is not int:
        raise FormatError("salt or size is out of bounds")
    if path not in box.members or box.members[path].size != size:
        raise FormatError(f"{path} is missing, or of another size")
    return Opened(str(event), n, path, bytes.fromhex(salt))


def read_receipts(box: Container) -> Iterator[tuple[int, bytes | BundleError]]:
    if RECEIPTS in box.members:
        yield from _lines(box, RECEIPTS)


def _lines(box: Container, path: str) -> Iterator[tuple[int, bytes | BundleError]]:
    number = 0
    try:
        for number, line in enumerate(box.lines(path, MAX_LINE), 1):
            yield number, line
    except BundleError as error:
        yield number + 1, error


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return type(value) is str and pattern.fullmatch(value) is not None
