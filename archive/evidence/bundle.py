"""The export bundle: everything needed to check records offline (docs/formats.md 10).

Members: manifest.json first, then checkpoint, heads, index.txt, keys.jsonl, leaves.jsonl and
openings.jsonl; where there are any, receipts.jsonl, content/<event>-<n>.json,
attachments/<attachment id>[.ext], policy, timestamps/<n>.tsr and .renewed, verify.html.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO

from archive.evidence import canonical, checkpoint, container, dsse, leaf, statement
from archive.evidence.container import Container, Source
from archive.evidence.errors import BundleError, EvidenceError, FormatError
from archive.evidence.heads import About
from archive.evidence.listing import Contents, heading
from archive.evidence.register import register_record
from archive.evidence.statement import ORIGIN

FORMAT = "liuhen-bundle/v1"
KEYS, LEAVES, OPENINGS, RECEIPTS = "keys.jsonl", "leaves.jsonl", "openings.jsonl", "receipts.jsonl"
CHECKPOINT, HEADS, INDEX, POLICY, PAGE = "checkpoint", "heads", "index.txt", "policy", "verify.html"
TIMESTAMPS = "timestamps/"
MOST_TIMESTAMPS = 64
MAX_PAGE = 2 * 1024 * 1024
MAX_LINE = 256 * 1024
MAX_PROOF = 63

_HEX32 = re.compile(r"[0-9a-f]{32}", re.ASCII)
_HEX64 = re.compile(r"[0-9a-f]{64}", re.ASCII)
# Canonical JSON of these lines is a regular language, as of envelopes; the possessive quantifiers
# keep it linear.
_LEAF_LINE = re.compile(
    rb'\{"index":(0|[1-9][0-9]{0,14}),"leaf":"((?:[ !#-\[\]-~]++|\\["\\])*+)"'
    rb',"proof":\[((?:"[0-9a-f]{64}"(?:,"[0-9a-f]{64}"){0,62})?)\]\}'
)
_N = "(0|[1-9][0-9]{0,14})"
_OPENING = re.compile(
    rf'\{{"event":"([0-9a-f]{{32}})","n":{_N},(?:"withheld":true'
    rf'|"path":"({container.DISCLOSED})","salt":"([0-9a-f]{{64}})","size":{_N})\}}',
    re.ASCII,
)
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


@dataclass(frozen=True, slots=True)
class Stamp:
    """A timestamp over the checkpoint, or over `renewed`, hashes of earlier ones."""

    token: bytes
    renewed: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """What `write` needs. `keys` are all leaves of the key register, `leaves` all of the records;
    both ascending by index, with proofs in the tree of `checkpoint`. `heads` are signed, and of
    these records and the register. `context`: records that nobody asked for.

    Leaves and receipts are gone through more than once and never held together: a large export
    hands in an iterable that reads them anew each time.
    """

    checkpoint: bytes
    heads: bytes
    about: About
    log_key: str  # vkey
    keys: Iterable[ProvenLeaf]
    leaves: Iterable[ProvenLeaf]
    openings: Collection[Opening] = ()  # in any order; none for content that was disposed
    receipts: Iterable[bytes] = ()  # ascending by index
    context: Collection[str] = ()
    policy: bytes | None = None
    timestamps: Sequence[Stamp] = ()
    page: bytes | None = None


def write(file: BinaryIO, bundle: Bundle) -> None:
    """Write to a seekable file. The same evidence gives the same bytes.

    FormatError for leaves that cannot be read or stand in the wrong place, or for an opening of an
    event that is not among the leaves. A line of the table of contents is held for each leaf.
    """
    _, head = checkpoint.read(bundle.checkpoint)
    opened: dict[str, list[Opening]] = {}
    for opening in bundle.openings:
        opened.setdefault(opening.event, []).append(opening)
    contents, lines_of = Contents(), dict[str, list[bytes]]()
    order = _survey(bundle, head.origin, opened, contents, lines_of)
    told = heading(head.origin, head, bundle.about)
    sources = {
        KEYS: _measured(KEYS, lambda: map(_leaf_line, bundle.keys)),
        LEAVES: _measured(LEAVES, lambda: map(_leaf_line, bundle.leaves)),
        INDEX: _measured(INDEX, lambda: contents.write(told, bundle.context, lines_of)),
        **{path: Source.of(path, data) for path, data in _small(bundle)},
    }
    receipts = _measured(RECEIPTS, lambda: (line + b"\n" for line in bundle.receipts))
    if receipts.size:
        sources[RECEIPTS] = receipts
    lines = []
    for event in order:
        for opening in sorted(opened[event], key=lambda opening: opening.n):
            source, line = _opening(opening)
            lines.append(canonical.encode(line) + b"\n")
            if source is not None:
                sources.setdefault(source.path, source)
    sources[OPENINGS] = Source.of(OPENINGS, b"".join(lines))
    manifest = {
        "about": asdict(bundle.about),
        "context": sorted(bundle.context),
        "format": FORMAT,
        "log_key": bundle.log_key,
        "origin": head.origin,
        "records": sorted(lines_of),
    }
    container.write(file, manifest, list(sources.values()))


def _small(bundle: Bundle) -> Iterator[tuple[str, bytes]]:
    yield CHECKPOINT, bundle.checkpoint
    yield HEADS, bundle.heads
    if bundle.policy is not None:
        yield POLICY, bundle.policy
    if bundle.page is not None:
        yield PAGE, bundle.page
    for n, stamp in enumerate(bundle.timestamps, 1):
        yield f"{TIMESTAMPS}{n}.tsr", stamp.token
        if stamp.renewed is not None:
            yield f"{TIMESTAMPS}{n}.renewed", stamp.renewed


def _survey(
    bundle: Bundle,
    origin: str,
    opened: Collection[str],
    contents: Contents,
    lines: dict[str, list[bytes]],
) -> Sequence[str]:
    """The opened events in the order of their leaves; the table's lines go into `lines`."""
    register, order = register_record(origin), dict[str, None]()
    for proven in bundle.leaves:
        parsed = leaf.parse(proven.leaf)
        said = statement.parse(dsse.parse(parsed.envelope, dsse.STATEMENT_TYPE).payload)
        if said.record == register:
            raise FormatError("leaves of the key register go into keys, not into leaves")
        lines.setdefault(said.record, []).append(contents.add(proven.index, parsed, said))
        if said.event in opened:
            order[said.event] = None
    if len(order) != len(opened):
        raise FormatError("an opening of an event that is not in the bundle")
    return list(order)


def _measured(path: str, pieces: Callable[[], Iterable[bytes]]) -> Source:
    """A member made twice, to know its size before it is written, and never held whole."""
    return Source(path, sum(map(len, pieces())), pieces)


def _leaf_line(proven: ProvenLeaf) -> bytes:
    members = {
        "index": proven.index,
        "leaf": proven.leaf.decode("ascii"),
        "proof": [hash_.hex() for hash_ in proven.proof],
    }
    return canonical.encode_checked(members) + b"\n"


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
    size: int = 0  # as the line says


@dataclass(frozen=True, slots=True)
class Head:
    origin: str
    log_key: str
    about: About
    records: Sequence[str]
    context: Sequence[str]


def read_head(box: Container) -> Head:
    """The manifest beside its list of members; BundleError if it is not as it should be."""
    manifest = box.manifest
    if manifest.keys() != {
        *("about", "context", "format", "log_key", "members", "origin", "records")
    }:
        raise BundleError(container.MANIFEST, "has missing or unknown keys")
    if manifest["format"] != FORMAT:
        raise BundleError(container.MANIFEST, f"format is not {FORMAT}: get a newer verifier")
    origin, log_key = manifest["origin"], manifest["log_key"]
    if not _matches(ORIGIN, origin):
        raise BundleError(container.MANIFEST, "has an origin that is none")
    if type(log_key) is not str:
        raise BundleError(container.MANIFEST, "has a value of the wrong type")
    records, context = (_records(manifest[name]) for name in ("records", "context"))
    if not set(context).issubset(records):
        raise BundleError(container.MANIFEST, "names context that is not among its records")
    try:
        about = About.parse(manifest["about"])
    except FormatError as error:
        raise BundleError(container.MANIFEST, str(error)) from None
    missing = {CHECKPOINT, HEADS, INDEX, KEYS, LEAVES, OPENINGS} - box.members.keys()
    if missing:
        raise BundleError(container.MANIFEST, f"does not list {', '.join(sorted(missing))}")
    return Head(origin, log_key, about, records, context)


def _records(listed: Any) -> list[str]:
    if type(listed) is not list or not all(_matches(_HEX32, record) for record in listed):
        raise BundleError(container.MANIFEST, "lists a record id that is none")
    if listed != sorted(set(listed)):
        raise BundleError(container.MANIFEST, "lists records twice or out of order")
    return listed


def read_leaves(box: Container, path: str) -> Iterator[ProvenLeaf | BundleError]:
    """Leaves in ascending order of index; an error in place of each line that is not as it must be.

    After an error reading goes on, so that one bad line does not hide the others.
    """
    last = -1
    for number, line in box.numbered_lines(path, MAX_LINE):
        where = f"{path} line {number}"
        if isinstance(line, BundleError):
            yield line
            return
        try:
            proven = parse_leaf(line)
        except EvidenceError as error:
            yield BundleError(where, str(error))
            continue
        if proven.index <= last:
            yield BundleError(where, "leaf twice or out of order", "leaf-order")
            continue
        last = proven.index
        yield proven


def parse_leaf(line: bytes) -> ProvenLeaf:
    return _read_leaf_quickly(line) or _leaf_of(canonical.decode_object(line))


def _read_leaf_quickly(line: bytes) -> ProvenLeaf | None:
    """A line as it is written; any other goes the long way, to be refused with a reason."""
    match = _LEAF_LINE.fullmatch(line)
    if match is None:
        return None
    index, text, proof = match.groups()
    hashes = bytes.fromhex(proof.decode("ascii").replace('","', "").strip('"'))
    return ProvenLeaf(
        int(index),
        text.decode("unicode_escape").encode("ascii"),  # two escapes of JSON, the same in Python
        [hashes[at : at + 32] for at in range(0, len(hashes), 32)],
    )


def _leaf_of(value: dict[str, Any]) -> ProvenLeaf:
    if value.keys() != {"index", "leaf", "proof"}:
        raise FormatError("keys are exactly index, leaf, proof")
    index, text, proof = value["index"], value["leaf"], value["proof"]
    if type(index) is not int or index < 0 or type(text) is not str:
        raise FormatError("index or leaf is out of bounds")
    if type(proof) is not list or len(proof) > MAX_PROOF:
        raise FormatError("proof is out of bounds")
    if not all(_matches(_HEX64, hash_) for hash_ in proof):
        raise FormatError("a proof's hashes have 64 hex digits")
    return ProvenLeaf(index, text.encode("utf-8"), [bytes.fromhex(hash_) for hash_ in proof])


def read_openings(box: Container) -> Iterator[tuple[int, Opened | BundleError]]:
    """(where the line begins in its member, what it says), line by line."""
    begin = 0
    for number, line in box.numbered_lines(OPENINGS, MAX_LINE):
        if isinstance(line, BundleError):
            yield begin, line
            return
        try:
            yield begin, parse_opening(line)
        except EvidenceError as error:
            yield begin, BundleError(f"{OPENINGS} line {number}", str(error))
        begin += len(line) + 1


def parse_opening(line: bytes) -> Opened:
    # As it is written; any other goes the long way, to be refused with a reason.
    match = _OPENING.fullmatch(line.decode("latin-1"))
    if match is None:
        return _opening_of(canonical.decode_object(line))
    event, n, path, salt, size = match.groups()
    if path is None:
        return Opened(event, int(n))
    return Opened(event, int(n), path, bytes.fromhex(salt), int(size))


def _opening_of(value: dict[str, Any]) -> Opened:
    event, n = value.get("event"), value.get("n")
    if not _matches(_HEX32, event) or type(n) is not int or n < 0:
        raise FormatError("event or n is out of bounds")
    if value.keys() == {"event", "n", "withheld"} and value["withheld"] is True:
        return Opened(str(event), n)
    if value.keys() != {"event", "n", "path", "salt", "size"}:
        raise FormatError("keys are exactly event, n, path, salt, size; or event, n, withheld")
    path, salt, size = value["path"], value["salt"], value["size"]
    if not _matches(container.PATH, path) or not path.startswith(("content/", "attachments/")):
        raise FormatError("path is out of bounds")
    if not _matches(_HEX64, salt) or type(size) is not int or size < 0:
        raise FormatError("salt or size is out of bounds")
    return Opened(str(event), n, path, bytes.fromhex(salt), size)


def read_receipts(box: Container) -> Iterator[tuple[int, bytes | BundleError]]:
    if RECEIPTS in box.members:
        yield from box.numbered_lines(RECEIPTS, MAX_LINE)


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return type(value) is str and pattern.fullmatch(value) is not None
