"""A small archive with fixed test keys, from which vectors and tests are made.

It writes what it is told to, also what an honest archive would never write.
"""

import base64
import hashlib
import io
import json
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from archive.evidence import (
    attachment,
    bundle,
    checkpoint,
    container,
    content,
    dsse,
    heads,
    leaf,
    merkle,
    note,
    receipt,
    statement,
)
from archive.evidence.canonical import encode
from archive.evidence.keys import SigningKey
from archive.evidence.register import register_record

ORIGIN = "archive.example/liuhen"


def seeded(label: str, length: int = 32) -> bytes:
    """Fixed bytes for a test key or id: never for real use."""
    return hashlib.sha256(b"liuhen test vector: " + label.encode()).digest()[:length]


def ident(label: str) -> str:
    return seeded(label, 16).hex()


LOG = SigningKey.from_seed(seeded("log key"))
INTAKE = SigningKey.from_seed(seeded("intake key"))
OWN = SigningKey.from_seed(seeded("own key"))
VKEY = str(note.VerifierKey.make(ORIGIN, LOG.verify_key()))
ABOUT = heads.About(as_of="2026-11-22T09:00:00.000000Z", variety="case")


@dataclass(frozen=True)
class Content:
    """A content part: its plaintext; a label for its key and its id, where not the usual ones."""

    data: bytes
    label: str = ""
    name: str = ""


@dataclass(frozen=True)
class File:
    """An attachment, as `Content`."""

    data: bytes
    label: str = ""
    name: str = ""


Piece = Content | File


class World:
    def __init__(self, origin: str = ORIGIN, *, empty: bool = False) -> None:
        self.origin = origin
        self.signer, self.vkey = LOG, VKEY  # of checkpoints
        self.unreadable: set[int] = set()  # leaves that no strict writer takes
        self.register = register_record(origin)
        self.leaves: list[bytes] = []
        self.envelopes: list[bytes] = []
        self.heads: dict[str, tuple[int, str]] = {}
        self.openings: list[bundle.Opening] = []
        self.receipts: list[bytes] = []
        self.records: list[str] = []
        self.events: list[str] = []
        self.clock = 0
        self.about = ABOUT
        self.beside: dict[str, Any] = {}  # what a bundle may hold besides
        if empty:
            return
        for name, key, use in (("log", LOG, "log"), ("intake", INTAKE, "intake")):
            self.register_key(name, key, use)
        self.register_key("own", OWN, "own", owner=ident("li"))

    def register_key(
        self, name: str, key: SigningKey, use: str, owner: str | None = None, **changes: Any
    ) -> int:
        public = base64.b64encode(key.public).decode()
        facts = {
            "alg": "Ed25519",
            "key": key.key_id,
            "owner": owner,
            "public": public,
            "use": use,
        }
        return self.key_event("key-registered", facts, **changes)

    def key_event(self, type_: str, facts: dict[str, Any], **changes: Any) -> int:
        fields = {"kind": "key-register", "signer": LOG, "assurance": "system", "actor": None}
        return self.add(self.register, type_, facts=facts, **{**fields, **changes})

    def time(self) -> str:
        self.clock += 1
        return f"2026-11-22T08:{self.clock:02}:00.123456Z"

    def add(
        self,
        record: str,
        type_: str,
        *,
        signer: SigningKey = INTAKE,
        body: Any = None,
        file: bytes | None = None,
        pieces: Sequence[Piece] = (),
        number: str | None = None,
        recorded_at: str | None = None,
        show: bool | None = True,
        **changes: Any,
    ) -> int:
        """Append an event; `show`: True opens its content, False withholds it, None loses it.

        Its parts are `body`, `file`, then `pieces`.
        """
        index = len(self.leaves)
        event = changes.pop("event", ident(f"event {index}"))
        now = recorded_at or self.time()
        version, prev = self.heads.get(record, (0, None))
        chosen: list[Piece] = [Content(encode(body))] if body is not None else []
        chosen += [File(file)] if file is not None else []
        parts = [
            self._seal(record, event, index, n, piece, show)
            for n, piece in enumerate([*chosen, *pieces])
        ]
        fields: dict[str, Any] = {
            "origin": self.origin,
            "event": event,
            "record": record,
            "version": version + 1,
            "prev": prev,
            "type": type_,
            "kind": "complaint",
            "kind_version": 1,
            "actor": ident("wang"),
            "key": signer.key_id,
            "assurance": "session",
            "occurred_at": now,
            "parts": tuple(parts),
        }
        said = statement.Statement(**{**fields, **changes})
        envelope = dsse.sign(statement.encode(said), dsse.STATEMENT_TYPE, signer)
        return self.append(said, envelope, number, now)

    def _seal(
        self, record: str, event: str, index: int, n: int, piece: "Piece", show: bool | None
    ) -> statement.Part:
        label = piece.label or (f"{index}" if n < 2 else f"{index}.{n}")
        name = piece.name or ident(f"part {index}.{n}")
        opening: bundle.ContentOpening | bundle.AttachmentOpening
        if isinstance(piece, Content):
            key = seeded(f"content key {label}")
            part = content.seal(
                piece.data, record=record, event=event, n=n, key=key, key_id=name
            ).part
            opening = bundle.ContentOpening(event, n, content.derive(key)[1], piece.data)
        else:
            key = seeded(f"attachment {label}")
            sealer = attachment.Sealer(key, name)
            for _ in sealer.feed(piece.data):
                pass
            sealer.finish()
            part = sealer.part(n)
            size, salt = len(piece.data), attachment.salt_of(key)
            chunks = _once(piece.data)
            opening = bundle.AttachmentOpening(event, n, salt, name, size, chunks, "report.pdf")
        self._show(show, opening)
        return part

    def _show(
        self, show: bool | None, opening: bundle.ContentOpening | bundle.AttachmentOpening
    ) -> None:
        if show:
            self.openings.append(opening)
        elif show is False:
            self.openings.append(bundle.Withheld(opening.event, opening.n))

    def append(
        self, said: statement.Statement, envelope: bytes, number: str | None, now: str
    ) -> int:
        return self.append_leaf(said, envelope, number, now, leaf.encode(envelope, number, now))

    def append_leaf(
        self,
        said: statement.Statement,
        envelope: bytes,
        number: str | None,
        now: str,
        data: bytes,
    ) -> int:
        index = len(self.leaves)
        self.leaves.append(data)
        self.envelopes.append(envelope)
        self.records.append(said.record)
        self.events.append(said.event)
        self.heads[said.record] = said.version, dsse.envelope_hash(envelope)
        self.receipts.append(
            receipt.issue(
                receipt.Receipt(
                    origin=said.origin,
                    event=said.event,
                    record=said.record,
                    version=said.version,
                    index=index,
                    leaf_hash=merkle.leaf_hash(data).hex(),
                    recorded_at=now,
                    number=number,
                ),
                LOG,
            )
        )
        return index

    def hash(self, index: int) -> str:
        return dsse.envelope_hash(self.envelopes[index])

    def node(self, level: int, index: int) -> bytes:
        chosen = self.leaves[index << level : (index + 1) << level]
        return merkle.root([merkle.leaf_hash(data) for data in chosen])

    def checkpoint(self) -> bytes:
        size = len(self.leaves)
        head = checkpoint.Checkpoint(self.origin, size, merkle.root_at(size, self.node))
        return checkpoint.sign(head, self.signer)

    def show_only(self, record: str) -> None:
        """From now on bundles are of one record, and the log has more."""
        shown = {record, self.register}
        kept = [i for i, each in enumerate(self.records) if each in shown]
        proven, events = self.proven, {self.events[i] for i in kept}

        def some(wanted: Callable[[str], bool]) -> list[bundle.ProvenLeaf]:
            return [each for each in proven(wanted) if each.index in kept]

        self.proven = some  # type: ignore[method-assign]
        self.receipts = [self.receipts[i] for i in kept]
        self.openings = [each for each in self.openings if each.event in events]
        self.heads = {name: head for name, head in self.heads.items() if name in shown}

    def ends(self, **changes: Any) -> bytes:
        """The signed heads of all records."""
        _, head = checkpoint.read(self.checkpoint())
        fields: dict[str, Any] = {
            "about": self.about,
            "origin": head.origin,
            "root": head.root.hex(),
            "size": head.size,
            "records": self.heads,
        }
        return heads.issue(heads.Heads(**{**fields, **changes}), self.signer)

    def proven(self, wanted: Callable[[str], bool]) -> list[bundle.ProvenLeaf]:
        size = len(self.leaves)
        return [
            bundle.ProvenLeaf(i, data, merkle.inclusion_proof(i, size, self.node))
            for i, data in enumerate(self.leaves)
            if wanted(self.records[i])
        ]

    def bundle(self) -> bytes:
        data = self._written()
        if not self.unreadable:
            return data
        head, members = unpack(data)
        lines = read_lines(members["leaves.jsonl"])
        lines += [
            {
                "index": proven.index,
                "leaf": proven.leaf.decode(),
                "proof": [hash_.hex() for hash_ in proven.proof],
            }
            for proven in self.proven(lambda _: True)
            if proven.index in self.unreadable
        ]
        members["leaves.jsonl"] = write_lines(sorted(lines, key=lambda line: int(line["index"])))
        return pack(head, members)

    def _written(self) -> bytes:
        file = io.BytesIO()
        bundle.write(
            file,
            bundle.Bundle(
                checkpoint=self.checkpoint(),
                log_key=self.vkey,
                keys=self.proven(lambda record: record == self.register),
                leaves=[
                    proven
                    for proven in self.proven(lambda record: record != self.register)
                    if proven.index not in self.unreadable
                ],
                openings=self.openings,
                receipts=self.receipts,
                heads=self.ends(),
                about=self.about,
                **self.beside,
            ),
        )
        return file.getvalue()


def _once(data: bytes) -> Callable[[], Iterable[bytes]]:
    return lambda: (data[i : i + 1000] for i in range(0, len(data), 1000))


def unpack(data: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """(what the manifest says beside its list, members): to change and pack again."""
    box = container.Container(io.BytesIO(data))
    head = {key: value for key, value in box.manifest.items() if key != "members"}
    return head, {path: b"".join(box.chunks(path)) for path in box.members}


def pack_as_listed(head: dict[str, Any], members: dict[str, bytes]) -> bytes:
    """As `pack`, with the members in the order given."""
    listed = [
        container.Member(path, len(data), hashlib.sha256(data).hexdigest())
        for path, data in members.items()
    ]
    manifest = encode({**head, "members": [asdict(member) for member in listed]})
    first = container.Member(container.MANIFEST, len(manifest), "")
    sums = [zlib.crc32(data) for data in (manifest, *members.values())]
    out = b""
    for member, crc, data in zip(
        [first, *listed], sums, [manifest, *members.values()], strict=True
    ):
        out += container._local(member.path, crc, member.size) + data  # noqa: SLF001 (no other way
        # to write what the writer refuses)
    return out + container._directory([first, *listed], sums)  # noqa: SLF001 (the same)


def pack(head: dict[str, Any], members: dict[str, bytes]) -> bytes:
    """A flawless container around whatever it is given: hashes and checksums all fit."""
    file = io.BytesIO()
    sources = [container.Source.of(path, data) for path, data in members.items()]
    container.write(file, head, sources)
    return file.getvalue()


def read_lines(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]


def write_lines(values: list[dict[str, Any]]) -> bytes:
    return b"".join(encode(value) + b"\n" for value in values)


COMPLAINT, SHORT = ident("complaint record"), ident("short record")
RULE = {"id": "RR-03", "version": 1, "hash": seeded("rule").hex()}
FILING = {
    "base_date": "2022-11-22",
    "zone": "Asia/Shanghai",
    "tzdata": "2026a",
    "scope": None,
    "marks": [],
    "copies": [{"n": 1, "medium": "paper", "base_date": "2022-11-22"}],
}
DISPOSAL = {
    "list": seeded("list").hex(),
    "rule": RULE,
    "last_day": "2025-11-22",
    "approvals": [seeded("first approval").hex(), seeded("second approval").hex()],
}
BODY = {
    "attachments": [{"n": 1, "name": "检验报告.pdf", "media_type": "application/pdf", "size": 300}],
    "customer": "科技公司",
    "text": "100 台设备迟交三天",
}
FILE = bytes(range(256)) + bytes(44)  # ends in zeros, which padding must not swallow


def whole() -> World:
    """One honest log: a complaint that stays, and a short record that was disposed of."""
    world = World()
    world.add(COMPLAINT, "opened", body=BODY, file=FILE, number="KS-2026-00017")  # leaf 3
    world.add(
        COMPLAINT,
        "step-taken",
        step="plan",
        body={"text": "返工"},
        signer=OWN,
        assurance="own-key",
        actor=ident("li"),
        seen=statement.Seen(3, merkle.root_at(3, world.node).hex()),
    )  # leaf 4
    world.add(SHORT, "opened", body={"text": "短"}, number="KS-2022-00001", show=None)  # leaf 5
    world.add(
        COMPLAINT,
        "signed",
        signoff=statement.Signoff("approves", (world.hash(4),)),
        refs=(statement.Ref("see-also", SHORT, world.hash(5)),),
    )  # leaf 6
    world.add(SHORT, "filed", facts=FILING)  # leaf 7
    world.add(SHORT, "disposed", facts=DISPOSAL)  # leaf 8
    world.add(COMPLAINT, "noted", body={"text": "内部"}, show=False)  # leaf 9
    world.key_event("key-revoked", {"key": OWN.key_id, "reason": "lost"})  # leaf 10
    return world


WHOLE_VERDICTS = {
    3: "OPENED",
    4: "OPENED",
    5: "DISPOSED",
    6: "OPENED",
    7: "OPENED",
    8: "OPENED",
    9: "WITHHELD",
}
