"""Where `domain` and `archive.evidence` meet: an event becomes a signed envelope and sealed parts.

Writing: event -> content part (encrypted under its own key) + statement -> envelope.
Reading: leaf + content rows -> event. What was signed is never re-serialised; where content is
gone, the event comes back with `readable` false.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, get_args

import orjson

from archive.evidence import content, dsse, statement
from archive.evidence.errors import ContentError
from archive.evidence.facts import FACTS
from archive.evidence.instant import check_date, time_text
from archive.evidence.keys import SigningKey
from archive.evidence.statement import Part, Seen, Signoff, Statement
from archive.store import ContentRow, Sealed, StoredContent, StoredEvent
from domain.events import (
    EVENT_TYPES,
    AnyEvent,
    Attachment,
    Attestation,
    Disposed,
    Filed,
    LinkedTo,
    Opened,
    Paused,
    Recorded,
    Ref,
    Refused,
    Resumed,
    RuleRef,
    Signature,
    Signed,
    StepTaken,
)
from domain.kind import Attested

ATTESTED = frozenset(get_args(Attested))
INTERNAL = "~"
"""Topics of the archive's own records begin with it, so that they are found without a scan."""


@dataclass(frozen=True, slots=True)
class AttachedPart:
    """An uploaded attachment as an event takes it: its part of the statement, and its key."""

    part: Part
    key: bytes


@dataclass(frozen=True, slots=True)
class Author:
    """Who seals: the log's origin and the key that signs (the intake key, or the author's own)."""

    origin: str
    key: SigningKey


def topic(event: AnyEvent, internal: bool) -> str:
    """The fixed name under which an event is stored: kind and type, both coarse words."""
    return f"{INTERNAL if internal else ''}{event.kind}/{event.TOPIC}"


def spoken(event: AnyEvent) -> str:
    """The type in the signed statement: what a step attests, else the event's own."""
    attested = event.attests if isinstance(event, Opened | StepTaken) else None
    return event.TOPIC if attested is None else attested.word


def stored_type(spoken_type: str, version: int) -> str:
    """The type under which an event is stored: a step that attests something is a step."""
    if spoken_type not in ATTESTED:
        return spoken_type
    return Opened.TOPIC if version == 1 else StepTaken.TOPIC


def seal(
    event: AnyEvent,
    *,
    author: Author,
    previous: str | None,
    record_key: bytes,
    attached: Sequence[AttachedPart] = (),
    prefix: str | None = None,
    internal: bool = False,
) -> Sealed:
    """Encrypt and sign an event. `previous`: envelope hash of the record's last event.

    A tombstone has no content of its own: it stays readable to all when the record's key is gone.
    """
    own = [] if isinstance(event, Disposed) else [seal_content(event, record_key)]
    parts = (*(part for part, _ in own), *(a.part for a in attached))
    rows = [row for _, row in own]
    for each in attached:
        wrapped = content.wrap(record_key, each.key, each.part.key)
        rows.append(ContentRow(each.part.n, each.part.key, wrapped, None))
    payload = _plainly(event, author, previous, parts)
    return Sealed(
        record_id=event.record_id,
        version=event.version,
        topic=topic(event, internal),
        event_id=event.event_id,
        envelope=dsse.sign(payload, dsse.STATEMENT_TYPE, author.key),
        prefix=prefix,
        content=tuple(rows),
    )


def seal_content(event: AnyEvent, record_key: bytes) -> tuple[Part, ContentRow]:
    """The event's content as one encrypted part, under a key of its own."""
    sealed, wrapped = content.seal_anew(
        content_bytes(event),
        record=event.record_id,
        event=event.event_id,
        n=0,
        wrapping_key=record_key,
    )
    return sealed.part, ContentRow(0, sealed.part.key, wrapped, sealed.ciphertext)


def content_bytes(event: AnyEvent) -> bytes:
    """What the content part says: canonical JSON of the event's content fields."""
    said: dict[str, Any] = {name: getattr(event, name) for name in event.CONTENT}
    said["source"], said["source_id"] = event.source, event.source_id
    if event.sent_at is not None:
        said["sent_at"] = time_text(event.sent_at)
    said["attachments"] = [
        {"n": n, "name": a.name, "media_type": a.media_type, "size": a.size}
        for n, a in enumerate(event.attachments, start=1)
    ]
    return orjson.dumps(said, option=orjson.OPT_SORT_KEYS)


def state(
    event: AnyEvent,
    author: Author,
    previous: str | None,
    parts: tuple[Part, ...],
    seen: Seen | None = None,
) -> Statement:
    """The statement of an event: everything about it that is no content."""
    return Statement(
        origin=author.origin,
        event=event.event_id,
        record=event.record_id,
        version=event.version,
        prev=previous,
        type=spoken(event),
        kind=event.kind,
        kind_version=event.kind_version,
        step=event.step,
        actor=event.actor,
        behalf=event.behalf,
        key=author.key.key_id,
        assurance=event.assurance,
        occurred_at=time_text(event.occurred_at),
        seen=seen,
        parts=parts,
        signoff=_signoff(event),
        refs=tuple(statement.Ref(r.rel, r.record, r.event) for r in event.refs),
        facts=_facts(event),
    )


def _signoff(event: AnyEvent) -> Signoff | None:
    match event:
        case Signed():
            return Signoff(event.meaning, event.covers)
        case Refused():
            return Signoff("refuses", event.covers)
        case StepTaken(signoff=Signature() as given):
            return Signoff(given.meaning, given.covers)
        case _:
            return None


def _facts(event: AnyEvent) -> dict[str, Any]:
    match event:
        case Filed():
            return _filed_facts(event)
        case Disposed():
            return {
                "list": event.list,
                "rule": _rule(event.rule),
                "last_day": event.last_day,
                "approvals": list(event.approvals),
            }
        case (
            Opened(attests=Attestation() as attested) | StepTaken(attests=Attestation() as attested)
        ):
            return _attested_facts(event, attested)
        case _:
            return {}


def _attested_facts(event: AnyEvent, attested: Attestation) -> dict[str, Any]:
    match attested:
        case Attestation(rule=RuleRef() as rule):
            return {"rule": _rule(rule)}
        case Attestation(list=str(list_hash)):
            return {"list": list_hash}
        case _:
            return {"hold": event.record_id}


def _rule(rule: RuleRef) -> dict[str, Any]:
    return {"id": rule.id, "version": rule.version, "hash": rule.hash}


def _filed_facts(event: Filed) -> dict[str, Any]:
    return {
        "base_date": event.base_date,
        "zone": event.zone,
        "tzdata": event.tzdata,
        "scope": "archive-scope" if event.scope else None,
        "marks": list(event.marks),
        "copies": [
            {"n": n, "medium": copy.partition("-")[0], "base_date": event.base_date}
            for n, copy in enumerate(event.copies, start=1)
        ],
    }


# The commonest statements, spelled as `statement.encode` would, and held to the same bounds. By far
# the most events have one part and nothing else; tombstones come by the ten thousand. The general
# way takes three times as long.
def _spelling(facts: str, parts: str, refs: str, type_: str) -> re.Pattern[str]:
    return re.compile(
        r'\{"actor":(null|"[0-9a-f]{32}")'
        r',"assurance":"(session|api-key|own-key|passkey|personal-key|system)"'
        rf',"behalf":(null|"[0-9a-f]{{32}}"),"event":"[0-9a-f]{{32}}","facts":\{{{facts}\}}'
        r',"key":"[0-9a-f]{64}"'
        r',"kind":"[a-z0-9][a-z0-9._-]{0,63}+","kind_version":[1-9][0-9]{0,14}+'
        r',"occurred_at":"[0-9T:.Z-]{27}","origin":"[A-Za-z0-9][A-Za-z0-9._/:-]{0,127}+"'
        rf',"parts":\[{parts}\],"prev":(null|"[0-9a-f]{{64}}"),"record":"[0-9a-f]{{32}}"'
        rf',"refs":\[{refs}\],"seen":null'
        rf',"signoff":null,"step":(null|"[a-z0-9][a-z0-9._-]{{0,63}}+"),"type":"{type_}"'
        r',"v":1,"version":[1-9][0-9]{0,14}+\}',
        re.ASCII,
    )


_PLAIN = _spelling(
    "",
    r'\{"alg":"A256GCM-HKDF","ciphertext":"[0-9a-f]{64}","commitment":"[0-9a-f]{64}"'
    r',"key":"[0-9a-f]{32}","length":[1-9][0-9]{0,14}+,"n":0,"role":"content"\}',
    "",
    "[a-z0-9._-]{1,64}+",
)
_PLAIN_TYPES = frozenset(each for each, allowed in FACTS.items() if not allowed)
_TOMBSTONE = _spelling(
    r'"approvals":\[("[0-9a-f]{64}"(,"[0-9a-f]{64}")*+)?\],"last_day":"[0-9-]{10}"'
    r',"list":"[0-9a-f]{64}","rule":\{"hash":"[0-9a-f]{64}"'
    r',"id":"[A-Za-z0-9][A-Za-z0-9._-]{0,63}+","version":[1-9][0-9]{0,14}+\}',
    "",
    r'\{"event":"[0-9a-f]{64}","record":"[0-9a-f]{32}","rel":"[a-z0-9][a-z0-9._-]{0,63}+"\}',
    Disposed.TOPIC,
)


def _plainly(
    event: AnyEvent, author: Author, previous: str | None, parts: tuple[Part, ...]
) -> bytes:
    """The statement's bytes: `statement.encode(state(...))`."""
    text, spelling = None, _PLAIN
    if (event.version == 1) == (previous is None):
        if isinstance(event, Disposed):
            text, spelling = _tombstone(event, author, previous, parts), _TOMBSTONE
        elif len(parts) == 1 and spoken(event) in _PLAIN_TYPES and not event.refs:
            part = parts[0]
            said = (
                f'{{"alg":"{part.alg}","ciphertext":"{part.ciphertext}"'
                f',"commitment":"{part.commitment}","key":"{part.key}","length":{part.length}'
                f',"n":{part.n},"role":"{part.role}"}}'
            )
            text = _spelled(event, author, previous, "", said, "")
    if text is not None and spelling.fullmatch(text) is not None and _signoff(event) is None:
        return text.encode("ascii")
    return statement.encode(state(event, author, previous, parts))


def _tombstone(
    event: Disposed, author: Author, previous: str | None, parts: tuple[Part, ...]
) -> str | None:
    if parts or len(event.refs) != 1:
        return None
    check_date(event.last_day)
    rule, (ref,) = event.rule, event.refs
    facts = (
        f'"approvals":[{",".join(map(_quoted, event.approvals))}],"last_day":"{event.last_day}"'
        f',"list":"{event.list}","rule":{{"hash":"{rule.hash}","id":"{rule.id}"'
        f',"version":{rule.version}}}'
    )
    refs = f'{{"event":{_quoted(ref.event)},"record":"{ref.record}","rel":"{ref.rel}"}}'
    return _spelled(event, author, previous, facts, "", refs)


def _spelled(
    event: AnyEvent, author: Author, previous: str | None, facts: str, parts: str, refs: str
) -> str:
    return (
        f'{{"actor":{_quoted(event.actor)},"assurance":"{event.assurance}"'
        f',"behalf":{_quoted(event.behalf)},"event":"{event.event_id}","facts":{{{facts}}}'
        f',"key":"{author.key.key_id}","kind":"{event.kind}"'
        f',"kind_version":{event.kind_version},"occurred_at":"{time_text(event.occurred_at)}"'
        f',"origin":"{author.origin}","parts":[{parts}]'
        f',"prev":{_quoted(previous)},"record":"{event.record_id}","refs":[{refs}],"seen":null'
        f',"signoff":null,"step":{_quoted(event.step)},"type":"{spoken(event)}"'
        f',"v":1,"version":{event.version}}}'
    )


def _quoted(word: str | None) -> str:
    return "null" if word is None else f'"{word}"'


def numbered(part: Part, n: int) -> Part:
    """The same part as the n-th of an event."""
    return replace(part, n=n)


def digest(sealed: Sealed) -> str:
    """The envelope hash, to which the record's next event points back."""
    return dsse.envelope_hash(sealed.envelope)


# ---------------------------------------------------------------- reading


def unseal(
    stored: StoredEvent, rows: Sequence[StoredContent], record_key: bytes | None
) -> Recorded:
    """The event of a stored leaf. Content is checked against what was signed (ContentError).

    `record_key` None, or content rows gone: the event's skeleton, not readable.
    """
    return opened(stored, *spoken_in(stored), rows, record_key)


def spoken_in(stored: StoredEvent) -> tuple[Mapping[str, Any], str]:
    """The statement in a stored leaf, as members, and the envelope hash."""
    leaf = orjson.loads(stored.leaf)
    envelope = leaf["envelope"].encode()
    said = orjson.loads(base64.b64decode(orjson.loads(envelope)["payload"]))
    return said, dsse.envelope_hash(envelope)


def opened(
    stored: StoredEvent,
    said: Mapping[str, Any],
    digest: str,
    rows: Sequence[StoredContent],
    record_key: bytes | None,
) -> Recorded:
    """As `unseal`, of a leaf that was taken apart before."""
    return Recorded(
        event=_event(said, _content(said, rows, record_key)),
        recorded_at=stored.recorded_at,
        leaf_index=stored.leaf_index,
        digest=digest,
        number=stored.number,
    )


def _content(
    said: Mapping[str, Any], rows: Sequence[StoredContent], record_key: bytes | None
) -> dict[str, Any] | None:
    row = next((r for r in rows if r.n == 0), None)
    if record_key is None or row is None or row.ciphertext is None:
        return None
    part = part_of(said["parts"][0])
    key = content.unwrap(record_key, row.wrapped, part.key)
    plaintext = content.open_part(
        part, row.ciphertext, record=said["record"], event=said["event"], key=key
    )
    plain: dict[str, Any] = orjson.loads(plaintext)
    return plain


def part_of(said: Mapping[str, Any]) -> Part:
    """From a statement's members."""
    return Part(
        said["role"],
        said["n"],
        said["key"],
        said["commitment"],
        said["ciphertext"],
        said["length"],
    )


def _event(said: Mapping[str, Any], plain: Mapping[str, Any] | None) -> AnyEvent:
    kind = EVENT_TYPES.get(stored_type(said["type"], said["version"]))
    if kind is None:
        raise ContentError(f"{said['type']} is not an event of a record")
    given: dict[str, Any] = {
        "event_id": said["event"],
        "record_id": said["record"],
        "version": said["version"],
        "kind": said["kind"],
        "kind_version": said["kind_version"],
        "step": said["step"],
        "actor": said["actor"],
        "behalf": said["behalf"],
        "assurance": said["assurance"],
        "occurred_at": datetime.fromisoformat(said["occurred_at"]),
        "refs": tuple(Ref(r["rel"], r["record"], r["event"]) for r in said["refs"]),
        "readable": plain is not None or not said["parts"],
        **_coarse(kind, said),
    }
    if plain is not None:
        tuples = _TUPLES[kind.TOPIC]
        for name in kind.CONTENT:
            given[name] = _tuples(plain[name]) if name in tuples else plain[name]
        given["source"], given["source_id"] = plain["source"], plain["source_id"]
        if "sent_at" in plain:
            given["sent_at"] = datetime.fromisoformat(plain["sent_at"])
        given["attachments"] = _attachments(said, plain)
    return kind(**given)


def _coarse(kind: type[AnyEvent], said: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an event that stand in the statement and not in its content."""
    facts = said["facts"]
    if kind in (Opened, StepTaken):
        return _attested(kind, said)
    if kind is Signed:
        covers = tuple(said["signoff"]["covers"])
        return {"slot": said["step"], "meaning": said["signoff"]["meaning"], "covers": covers}
    if kind is Refused:
        return {"slot": said["step"], "covers": tuple(said["signoff"]["covers"])}
    if kind in (Paused, Resumed):
        return {"reason": said["step"]}
    if kind is LinkedTo:
        return {"withdrawn": said["step"] == "withdrawn"}
    if kind is Filed:
        return {
            "base_date": facts["base_date"],
            "zone": facts["zone"],
            "tzdata": facts["tzdata"],
            "scope": facts["scope"] is not None,
            "marks": tuple(facts["marks"]),
            "copies": tuple(f"{c['medium']}-{c['n']}" for c in facts["copies"]),
        }
    if kind is Disposed:
        return {
            "list": facts["list"],
            "rule": RuleRef(**facts["rule"]),
            "last_day": facts["last_day"],
            "approvals": tuple(facts["approvals"]),
        }
    return {}


def _attested(kind: type[AnyEvent], said: Mapping[str, Any]) -> dict[str, Any]:
    """What a step attested, and the signature that it was."""
    found: dict[str, Any] = {}
    facts, signoff = said["facts"], said["signoff"]
    if said["type"] in ATTESTED:
        rule = RuleRef(**facts["rule"]) if "rule" in facts else None
        found["attests"] = Attestation(said["type"], rule, facts.get("list"))
    if signoff is not None and kind is StepTaken:
        found["signoff"] = Signature(signoff["meaning"], tuple(signoff["covers"]))
    return found


def _attachments(said: Mapping[str, Any], plain: Mapping[str, Any]) -> tuple[Attachment, ...]:
    ids = {part["n"]: part["key"] for part in said["parts"] if part["role"] == "attachment"}
    return tuple(
        Attachment(ids[a["n"]], a["name"], a["media_type"], a["size"]) for a in plain["attachments"]
    )


_TUPLES: Mapping[str, frozenset[str]] = {
    topic_: frozenset(
        f.name
        for f in fields(kind)
        if f.name in kind.CONTENT and (f.default == () or f.name == "signers")
    )
    for topic_, kind in EVENT_TYPES.items()
}
"""Content fields that are tuples, or maps of tuples, in memory and lists in JSON."""


def _tuples(said: Any) -> Any:
    if isinstance(said, list):
        return tuple(_tuples(each) for each in said)
    if isinstance(said, dict):
        return {key: _tuples(value) for key, value in said.items()}
    return said
