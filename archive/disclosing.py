"""What a bundle shows of a record's content, and what it withholds.

What was disposed of has no opening; the log itself says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson

from archive.evidence import attachment, content
from archive.evidence.bundle import AttachmentOpening, ContentOpening, Opening, Withheld
from archive.evidence.statement import Part, Statement
from archive.keystore import KeyDestroyed, KeyStore
from archive.leaves import read_leaf
from archive.store import AttachmentMissing, Store, StoredContent, StoredEvent
from domain.kinds import all_versions

MayRead = Callable[[str], bool]
"""Whether the caller may see the content of a record (its id)."""
Shows = Callable[[Statement, Part], bool]
"""Whether a part that the caller may see is to be shown in this bundle."""


_FILES, _STEP = "attachments", "step:"


class UnknownStepError(Exception):
    """No kind of record has this step."""


def without(names: Iterable[str], find: Callable[[str], str]) -> Shows:
    """All but `attachments`, the content and files of a `step:call-back`, or those of a record
    (number or id, which `find` knows). UnknownStepError: a slip would show what is not meant."""
    named = set(names)
    steps = {name.removeprefix(_STEP) for name in named if name.startswith(_STEP)}
    if unknown := steps - {step.id for kind in all_versions().values() for step in kind.steps}:
        raise UnknownStepError(min(unknown))
    records = {find(name) for name in named if name != _FILES and not name.startswith(_STEP)}

    def shows(said: Statement, part: Part) -> bool:
        if part.role == "attachment" and _FILES in named:
            return False
        return said.step not in steps and said.record not in records

    return shows


@dataclass(frozen=True, slots=True)
class Disclosing:
    store: Store
    keys: KeyStore
    may_read: MayRead
    shows: Shows

    def of_record(self, record: str, rows: Iterator[StoredEvent]) -> Iterator[Opening]:
        """`rows`: its events. ContentError where stored content is not what was signed."""
        parts: dict[tuple[str, int], StoredContent] = {
            (row.event_id, row.n): row for row in self.store.content_of_record(record)
        }
        try:
            key = self.keys.get(record)
        except KeyDestroyed:
            return
        shown = self.may_read(record)
        for row in rows:
            said = read_leaf(row.leaf)[2]
            mine = {
                part.n: parts[said.event, part.n]
                for part in said.parts
                if (said.event, part.n) in parts
            }
            wanted = {p.n for p in said.parts if p.n in mine and shown and self.shows(said, p)}
            yield from self._of_event(said, mine, key, wanted)

    def _of_event(
        self,
        said: Statement,
        rows: Mapping[int, StoredContent],
        record_key: bytes,
        wanted: set[int],
    ) -> Iterator[Opening]:
        files: dict[int, Any] = {}
        for part in said.parts:
            row = rows.get(part.n)
            if row is None:
                continue
            if not wanted:
                yield Withheld(said.event, part.n)
                continue
            key = content.unwrap(record_key, row.wrapped, part.key)
            if part.role == "attachment":
                described = files.get(part.n) if part.n in wanted else None
                yield self._file(said, part, key, described)
                continue
            # Also where it is not shown: it says how large the files are that may be.
            plain = content.open_part(
                part, row.ciphertext or b"", record=said.record, event=said.event, key=key
            )
            files |= _described(plain)
            if part.n in wanted:
                yield ContentOpening(said.event, part.n, content.derive(key)[1], plain)
            else:
                yield Withheld(said.event, part.n)

    def _file(self, said: Statement, part: Part, key: bytes, described: Any) -> Opening:
        if described is None:  # without its true size a file cannot be opened
            return Withheld(said.event, part.n)
        size: int = described["size"]
        return AttachmentOpening(
            event=said.event,
            n=part.n,
            salt=attachment.salt_of(key),
            attachment=part.key,
            size=size,
            chunks=partial(self._chunks, part.key, key, size),
            name=described["name"],
        )

    def _chunks(self, attachment_id: str, key: bytes, size: int) -> Iterator[bytes]:
        def segment(i: int) -> bytes:
            found = self.store.segment(attachment_id, i)
            if found is None:
                raise AttachmentMissing(attachment_id)
            return found

        return attachment.read_range(segment, key, attachment_id, size, 0, size)


def _described(plain: bytes) -> dict[int, Any]:
    """What the event's content says of its files, by part number."""
    said = orjson.loads(plain)
    listed = said.get("attachments", ()) if isinstance(said, dict) else ()
    return {item["n"]: item for item in listed}
