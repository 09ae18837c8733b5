"""Signing off: what a person signs is made and shown first, then signed by their own key.

Two requests: the first answers with the exact statement, whose SHA-256 is the passkey's challenge;
the second brings it back with the assertion, or with the passphrase that opens a personal key for
this one signature. Nothing is kept in between.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from fastapi import APIRouter
from pydantic import Field as Constraint
from starlette.requests import Request
from starlette.responses import Response

from api.acts import DEEDS
from api.admission import Visit
from api.appending import Act, Sent, check_command, check_reach, header_of
from api.bodies import Body, Line, parse_json, read_as
from api.door import answering, visit_of
from api.envelopes import OpenedPart, attached_parts, own_actor, seen, take, told
from api.own_keys import raw_bytes, refuse_envelope
from api.problems import Refusal
from api.reading import answer
from api.replies import PROBLEM_RESPONSES, Appended
from api.steps import taking
from archive import sealing
from archive.evidence import content, dsse, statement
from archive.evidence.instant import parse_time
from archive.evidence.passkey import Assertion, Passkey, check_client, encode
from archive.evidence.register import Entry
from archive.evidence.statement import Statement
from archive.ledger import Outcome
from archive.signoff_keys import PassphraseRefusedError
from domain.errors import DomainError
from domain.events import AnyEvent, Assurance, Refused, Signed
from domain.kind import text
from domain.record import Record

WITHIN = timedelta(minutes=10)
"""Between preparing and signing: the time that is signed is that of the signature."""
SIGNED_BY = {"passkey": "passkey", "personal": "personal-key"}
DEED_ACTS = {
    each.path: Act(each.model, each.make, each.word)
    for each in DEEDS
    if each.path in ("signatures", "refusals", "acknowledgements")
}


class Asserted(Body):
    """What the browser's `navigator.credentials.get` gave, each in base64."""

    authenticator_data: str = Constraint(max_length=2000)
    client_data: str = Constraint(max_length=4000)
    signature: str = Constraint(max_length=200)

    def assertion(self) -> Assertion:
        return Assertion(
            raw_bytes(self.authenticator_data, "authenticator_data"),
            raw_bytes(self.client_data, "client_data"),
            raw_bytes(self.signature, "signature"),
        )


class SignoffPreparation(Body):
    """`deed`: signatures, refusals, acknowledgements, or a step; `said`: the body it takes."""

    record: Line
    deed: Line | None = None
    step: Line | None = None
    said: dict[str, Any] = Constraint(default_factory=dict)
    expected_version: int | None = Constraint(None, ge=1)
    key: str | None = Constraint(None, pattern="^[0-9a-f]{64}$")


class Signoff(Body):
    """The prepared statement, and what proves that this person signs it now."""

    statement: str = Constraint(max_length=60_000)
    part: OpenedPart
    assertion: Asserted | None = None
    passphrase: str | None = Constraint(None, max_length=200)


@dataclass(frozen=True, slots=True)
class Ready:
    """A statement to sign, by which key, and its content."""

    statement: bytes
    stated: Statement
    event: AnyEvent
    record: Record
    key: str
    entry: Entry
    content: bytes
    content_key: bytes

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.statement).digest()


# ---------------------------------------------------------------- preparing


def act_named(record: Record, deed: str | None, step: str | None) -> Act:
    """Which deed or step is to be signed."""
    if deed is not None and step is None and deed in DEED_ACTS:
        return DEED_ACTS[deed]
    found = record.kind.step(step or "")
    if deed is not None or found is None or found.opens:
        raise Refusal("unknown-step")
    return taking(record.kind, found)


def chosen_key(visit: Visit, name: str | None) -> tuple[str, Entry]:
    """The caller's key of that id, or the newest one."""
    if visit.guest.person is None:
        raise Refusal("not-entitled", text("系统不能签署。", "A system does not sign off."))
    mine = visit.desk.signoff.valid(visit.guest.person.id)
    if not mine:
        raise refuse_envelope("register a passkey or a personal key first", "请先登记签署密钥")
    if name is None:
        name = list(mine)[-1]
    if name not in mine:
        raise refuse_envelope("that is no valid key of yours", "不是您的有效密钥")
    return name, mine[name]


def make_ready(visit: Visit, said: SignoffPreparation) -> Ready:
    """Decide, and state what is to be signed. Raises as an append does; writes nothing."""
    record = visit.reach(said.record)
    act = act_named(record, said.deed, said.step)
    check_reach(visit, act, record)
    name, entry = chosen_key(visit, said.key)
    body = read_as(act.model, said.said)
    header = header_of(visit, body, record, Sent(said.said, b""))
    actor = own_actor(visit.guest, body.behalf, _assurance(entry))
    header = replace(header, actor=actor, occurred_at=visit.now)
    archive = visit.desk.archive
    command = act.make(visit, body, header, record)
    check_command(visit, command, record)
    try:
        event = archive.ledger.prepare(command, expected=said.expected_version).decision.event
    except DomainError as error:
        archive.ledger.tell_refused(command, error)
        raise
    plain, content_key = sealing.content_bytes(event), content.new_key()
    sealed = content.seal(
        plain, record=record.id, event=event.event_id, n=0, key=content_key,
        key_id=content.new_key_id(),
    )  # fmt: skip
    parts = (sealed.part, *attached_parts(visit, event))
    stated = sealing.state(event, archive.keyring.author, record.head, parts, seen(visit))
    stated = replace(stated, key=name)
    return Ready(statement.encode(stated), stated, event, record, name, entry, plain, content_key)


def _assurance(entry: Entry) -> Assurance:
    return "passkey" if entry.use == "passkey" else "personal-key"


def shown(visit: Visit, ready: Ready) -> dict[str, Any]:
    """What the signer is shown, and signs: printed name, time and meaning (21 CFR 11.50)."""
    event, person = ready.event, visit.guest.person
    name, role = person.name if person else "", ""
    if isinstance(event, Signed | Refused):
        name, role = event.printed_name, event.printed_role
    return {
        "printed_name": name,
        "printed_role": role,
        "time": ready.stated.occurred_at,
        "meaning": ready.stated.signoff.meaning if ready.stated.signoff else ready.stated.type,
        "record": ready.record.id,
        "number": ready.record.number,
        "version": ready.stated.version,
        "edition": getattr(event, "edition", ready.record.edition),
    }


def prepared_json(visit: Visit, ready: Ready) -> dict[str, Any]:
    device = visit.desk.signoff.device(ready.key)
    credential = device.credential if device else None
    return {
        "statement": ready.statement.decode(),
        "digest": ready.digest.hex(),
        "key": ready.key,
        "assurance": ready.stated.assurance,
        "rp": ready.entry.key.rp if isinstance(ready.entry.key, Passkey) else None,
        "credential": base64.b64encode(credential).decode() if credential else None,
        "content": ready.content.decode(),
        "content_key": base64.b64encode(ready.content_key).decode(),
        "shown": shown(visit, ready),
    }


def prepare(request: Request, raw: bytes) -> Response:
    visit = visit_of(request)
    visit.guest.check_right("write")
    request.scope["caller"] = visit.guest.caller.id
    ready = make_ready(visit, read_as(SignoffPreparation, parse_json(raw)))
    return answer(prepared_json(visit, ready))


# ---------------------------------------------------------------- signing


def sign(visit: Visit, said: Signoff) -> tuple[Outcome, bool]:
    """The committed signature; and whether the passkey's counter did not go up."""
    payload = said.statement.encode()
    stated = statement.parse(payload)
    _, entry = chosen_key(visit, stated.key)
    if abs(parse_time(stated.occurred_at) - visit.now) > WITHIN:
        raise refuse_envelope("prepare the signature again: too old", "已过时,请重新准备签署")
    if entry.use == "passkey":
        signature = _by_passkey(visit, entry, payload, said.assertion)
    else:
        signature = by_passphrase(
            visit, stated.key, said.passphrase, dsse.pae(dsse.STATEMENT_TYPE, payload)
        )
    envelope = dsse.assemble(payload, dsse.STATEMENT_TYPE, stated.key, signature)
    outcome = take(visit, envelope, said.part, _assurance(entry))
    if said.assertion is None or outcome.committed.replayed:
        return outcome, False
    counter = said.assertion.assertion().counter
    return outcome, not visit.desk.signoff.note_counter(stated.key, counter, visit.now)


def _by_passkey(visit: Visit, entry: Entry, payload: bytes, given: Asserted | None) -> bytes:
    if given is None:
        raise refuse_envelope("an assertion by the passkey is needed", "需要通行密钥的断言")
    return encode(check_assertion(visit, entry, payload, given))


def check_assertion(visit: Visit, entry: Entry, message: bytes, given: Asserted) -> Assertion:
    """An assertion by that passkey over the message, made on the very page that we serve."""
    key, assertion = entry.key, given.assertion()
    if not isinstance(key, Passkey):
        raise refuse_envelope("that key is no passkey", "该密钥不是通行密钥")
    key.verify(encode(assertion), message)
    check_page(visit, check_client(assertion.client_data, "webauthn.get", message, key.rp))
    return assertion


def check_page(visit: Visit, origin: str) -> None:
    if origin != visit.desk.settings.web_origin:
        raise refuse_envelope(f"made on {origin}, which is not ours", f"在 {origin} 作出,非本站")


def by_passphrase(visit: Visit, name: str, passphrase: str | None, message: bytes) -> bytes:
    """A signature by a personal key. Ten wrong passphrases in five minutes, and it rests."""
    desk = visit.desk
    if passphrase is None:
        raise refuse_envelope("the passphrase is needed", "需要口令")
    if desk.attempts.too_many(name, visit.now):
        raise Refusal(
            "not-entitled",
            text("口令错误过多,请几分钟后再试。", "Too many wrong passphrases: wait some minutes."),
        )
    try:
        return desk.signoff.sign(name, passphrase, message)
    except PassphraseRefusedError:
        desk.attempts.note(name, visit.now)
        visit.note("refused", None)
        raise Refusal("not-entitled", text("口令不对。", "This passphrase is wrong.")) from None


def take_signoff(request: Request, raw: bytes) -> Response:
    visit = visit_of(request)
    visit.guest.check_right("write")
    request.scope["caller"] = visit.guest.caller.id
    outcome, counter_back = sign(visit, read_as(Signoff, parse_json(raw)))
    response = told(visit, outcome)
    if counter_back:
        response.headers["X-Counter-Back"] = "true"
    return response


def signoff_routes() -> APIRouter:
    router = APIRouter(prefix="/v1/signoffs", tags=["签署 / sign-off"], responses=PROBLEM_RESPONSES)
    router.add_api_route(
        "/preparation",
        answering(prepare),
        methods=["POST"],
        operation_id="signoffs.prepare",
        summary="准备签署 / what to sign, exactly",
        openapi_extra=body(SignoffPreparation),
    )
    router.add_api_route(
        "",
        answering(take_signoff),
        methods=["POST"],
        status_code=201,
        response_model=Appended,
        operation_id="signoffs",
        summary="签署 / sign with your passkey or personal key",
        openapi_extra=body(Signoff),
    )
    return router


def body(model: type[Body]) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
