"""Keys of callers' own: registered with proof that they hold them, revoked by them."""

from __future__ import annotations

import base64
import binascii
import hmac
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import Field as Constraint
from starlette.requests import Request
from starlette.responses import Response

from api.admission import Visit
from api.bodies import Body, parse_json, read_as
from api.door import answering, visit_of
from api.problems import Refusal
from api.reading import Asked, answer
from api.replies import PROBLEM_RESPONSES
from archive.evidence.instant import time_text
from archive.evidence.keys import VerifyKey
from archive.ledger import mac
from domain.kind import text

POSSESSION = b"liuhen/v1/key-possession\n"
CHALLENGE_FOR = timedelta(minutes=5)
MOST_KEYS = 20
"""Of one caller, unrevoked: the register is for ever, and every process holds it in memory."""
KeyId = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]


class NewKey(Body):
    """`proof` signs `liuhen/v1/key-possession`, a newline, the origin, a newline, the challenge."""

    public: str = Constraint(max_length=64, description="base64 of the 32 raw bytes (Ed25519)")
    challenge: str = Constraint(max_length=300)
    proof: str = Constraint(max_length=100, description="base64 of the signature")


def refuse_envelope(en: str, zh: str) -> Refusal:
    return Refusal("evidence", text(zh, en))


def raw_bytes(told: str, name: str, length: int | None = None) -> bytes:
    try:
        found = base64.b64decode(told, validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if not found or (length is not None and len(found) != length):
        message = text("应为 base64", f"base64{f' of {length} bytes' if length else ''}")
        raise Refusal("invalid-request", None, ((name, message),))
    return found


def challenge_mac(visit: Visit, until: str) -> str:
    desk = visit.desk
    secret = desk.archive.keys.secret_or_make("challenge-mac", desk.windows.fresh_secret)
    return mac(secret, "challenge", visit.guest.id, until).hex()


def make_challenge(request: Request, _: bytes) -> Response:
    visit = visit_of(request)
    visit.guest.check_right("write")
    challenge = fresh_challenge(visit)
    said = {"challenge": challenge, "until": challenge.partition(" ")[0]}
    return answer({**said, "origin": visit.desk.archive.options.origin}, status=201)


def fresh_challenge(visit: Visit) -> str:
    until = time_text(visit.now + CHALLENGE_FOR)
    return f"{until} {challenge_mac(visit, until)}"


def check_challenge(visit: Visit, challenge: str) -> None:
    """Refuses a challenge that was not made for this caller, or too long ago."""
    until, _, code = challenge.partition(" ")
    fresh = mac_equal(code, challenge_mac(visit, until)) and until > time_text(visit.now)
    if not fresh:
        raise refuse_envelope("the challenge is not ours, or too old", "质询无效或已过期")


def register_key(request: Request, raw: bytes) -> Response:
    visit = visit_of(request)
    visit.guest.check_right("write")
    said = read_as(NewKey, parse_json(raw))
    public, proof = raw_bytes(said.public, "public", 32), raw_bytes(said.proof, "proof", 64)
    check_challenge(visit, said.challenge)
    archive = visit.desk.archive
    message = POSSESSION + archive.options.origin.encode() + b"\n" + said.challenge.encode()
    VerifyKey.from_public(public).verify(proof, message)
    _check_room(visit)
    name = archive.keyring.register_own(archive.committer, public, visit.guest.id)
    entry = archive.keyring.register.entries[name]
    said_back = {"key": name, "owner": entry.owner, "registered": entry.registered}
    return answer(said_back, status=201)


def _check_room(visit: Visit) -> None:
    entries = visit.desk.archive.keyring.register.entries.values()
    if sum(e.owner == visit.guest.id and e.revoked is None for e in entries) >= MOST_KEYS:
        raise refuse_envelope("revoke one of your keys first", "请先吊销一个旧密钥")


def mac_equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def list_keys(visit: Asked) -> Response:
    entries = visit.desk.archive.keyring.register.entries
    mine = [
        {"key": name, "registered": e.registered, "revoked": e.revoked}
        for name, e in entries.items()
        if e.owner == visit.guest.id
    ]
    return answer({"keys": mine})


def revoke_key(visit: Asked, key: KeyId) -> Response:
    """From the next leaf on, signatures by this key count no more. Owner or administrator."""
    archive, guest = visit.desk.archive, visit.guest
    guest.check_right("write")
    entry = archive.keyring.register.entries.get(key)
    mine = entry is not None and entry.owner == guest.id
    if entry is None or entry.owner is None or not (mine or guest.is_administrator):
        raise Refusal("not-found")
    if entry.revoked is None:
        archive.keyring.revoke(archive.committer, key, "by-owner" if mine else "by-administrator")
    return Response(status_code=204)


def key_routes() -> APIRouter:
    router = APIRouter(prefix="/v1/keys", tags=["自签 / own keys"], responses=PROBLEM_RESPONSES)
    schema = {"$ref": "#/components/schemas/NewKey"}
    router.add_api_route(
        "/challenges",
        answering(make_challenge),
        methods=["POST"],
        status_code=201,
        operation_id="keys.challenge",
        summary="质询 / a challenge to sign with the new key",
    )
    router.add_api_route(
        "",
        answering(register_key),
        methods=["POST"],
        status_code=201,
        operation_id="keys.register",
        summary="登记自己的公钥 / register a key of your own",
        openapi_extra={
            "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}
        },
    )
    router.add_api_route("", list_keys, methods=["GET"], summary="自己的公钥 / your own keys")
    router.add_api_route(
        "/{key}", revoke_key, methods=["DELETE"], status_code=204, summary="吊销 / revoke a key"
    )
    return router
