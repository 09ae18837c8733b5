"""Devices and personal keys: registered by the person, with the key they have; revoked when lost.

Who lets a key in: the person's session, while they have never had one; a key that they have; or a
one-time code. Their own code lets an administrator do it for them; an administrator's code lets
them begin anew when all is lost. So it always takes the person, and never the administrator alone.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import Field as Constraint
from starlette.requests import Request
from starlette.responses import Response

from api.admission import Visit
from api.bodies import Body, parse_json, read_as
from api.door import answering, visit_of
from api.own_keys import check_challenge, fresh_challenge, raw_bytes, refuse_envelope
from api.problems import Refusal
from api.reading import Asked, answer
from api.replies import PROBLEM_RESPONSES
from api.signoffs import Asserted, body, by_passphrase, check_assertion, check_page
from archive.evidence.passkey import EDDSA, ES256, Passkey, check_client, encode
from archive.signoff_keys import LEAST, Approval, Device, PassphraseRefusedError
from domain.kind import text

MOST_KEYS = 10
CREATION = b"liuhen/v1/passkey-creation\n"
POSSESSION = b"liuhen/v1/passkey-possession\n"
APPROVAL = b"liuhen/v1/signoff-approval\n"
KeyId = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]

_PRESENT, _VERIFIED, _ATTESTED, _EXTENDED = 0x01, 0x04, 0x40, 0x80
# COSE_Key in the one spelling that CTAP2 allows: the members in their order, then the key.
_EDDSA_KEY = bytes.fromhex("a4010103272006215820")
_ES256_KEY, _THEN_Y = bytes.fromhex("a5010203262001215820"), bytes.fromhex("225820")


class KeyApproval(Body):
    """By a key that the person has: its assertion, or its passphrase."""

    key: str = Constraint(pattern="^[0-9a-f]{64}$")
    assertion: Asserted | None = None
    passphrase: str | None = Constraint(None, max_length=200)


class ForPerson(Body):
    """`owner`: whose key it is; the caller's own, or with that person's code another's."""

    owner: str | None = Constraint(None, pattern="^[0-9a-f]{32}$")
    challenge: str = Constraint(max_length=300)
    approval: KeyApproval | None = None
    code: str | None = Constraint(None, max_length=100)


class NewPasskey(ForPerson):
    """What `navigator.credentials.create` gave, and an assertion by the new key."""

    label: str = Constraint("", max_length=100)
    authenticator_data: str = Constraint(max_length=4000)
    client_data: str = Constraint(max_length=4000)
    possession: Asserted


class NewPersonalKey(ForPerson):
    label: str = Constraint("", max_length=100)
    passphrase: str = Constraint(min_length=LEAST, max_length=200)


class NewCode(ForPerson):
    pass


def message(visit: Visit, begin: bytes, owner: str, challenge: str, what: str = "") -> bytes:
    """What an authenticator is asked to sign (its SHA-256 is the challenge given to it)."""
    lines = (visit.desk.archive.options.origin, owner, challenge, what)
    return begin + "\n".join(lines).encode()


def owner_of(visit: Visit, told: str | None) -> str:
    guest = visit.guest
    if guest.person is None:
        raise Refusal("not-entitled", text("系统不能签署。", "A system does not sign off."))
    if told is None or told == guest.person.id:
        return guest.person.id
    if not guest.is_administrator or told not in visit.desk.directory.people:
        raise Refusal("not-found")
    return told


# ---------------------------------------------------------------- approval


def approve(visit: Visit, owner: str, said: ForPerson, what: str) -> Approval:
    """What lets a key (or a code) of `owner` in; a Refusal where nothing does."""
    signoff, mine = visit.desk.signoff, owner == visit.guest.id
    if said.code is not None:
        by = signoff.take_code(owner, said.code, visit.now)
        # Their own code does not bring back who lost all keys; an administrator's does only that.
        lost = signoff.ever(owner) and not signoff.valid(owner)
        if by is None or (lost if by == owner else not lost):
            raise refuse_envelope("the code is wrong or used up", "一次性代码无效或已使用")
        if by != owner and not mine:
            raise refuse_envelope("the person's own code is needed", "需要其本人的一次性代码")
        return Approval("code")
    if not mine:
        raise refuse_envelope("the person's one-time code is needed", "需要其本人的一次性代码")
    present = signoff.valid(owner)
    if present:
        return _by_key(visit, owner, said, what)
    if signoff.ever(owner):
        raise refuse_envelope(
            "all your keys were revoked: ask the administrator for a code",
            "密钥均已吊销:请向管理员索取一次性代码",
        )
    return Approval("session")


def _by_key(visit: Visit, owner: str, said: ForPerson, what: str) -> Approval:
    given, present = said.approval, visit.desk.signoff.valid(owner)
    if given is None or given.key not in present:
        raise refuse_envelope("approve it with a key that you have", "请用您现有的密钥准许")
    told = message(visit, APPROVAL, owner, said.challenge, what)
    if given.assertion is not None:
        check_assertion(visit, present[given.key], told, given.assertion)
    else:
        by_passphrase(visit, given.key, given.passphrase, told)
    return Approval("key", given.key)


def _check_room(visit: Visit, owner: str) -> None:
    if len(visit.desk.signoff.valid(owner)) >= MOST_KEYS:
        raise refuse_envelope("revoke one of your keys first", "请先吊销一个旧密钥")


# ---------------------------------------------------------------- registering


def add_passkey(visit: Visit, said: NewPasskey) -> str:
    """Register a new passkey; its key id."""
    owner = owner_of(visit, said.owner)
    check_challenge(visit, said.challenge)
    made = raw_bytes(said.authenticator_data, "authenticator_data")
    client = raw_bytes(said.client_data, "client_data")
    rp = visit.desk.settings.rp
    told = message(visit, CREATION, owner, said.challenge)
    check_page(visit, check_client(client, "webauthn.create", told, rp))
    credential, alg, public = read_creation(made, rp)
    key = Passkey.from_public(alg, public, rp)
    possession = said.possession.assertion()
    told = message(visit, POSSESSION, owner, said.challenge)
    key.verify(encode(possession), told)
    _check_room(visit, owner)
    approval = approve(visit, owner, said, hashlib.sha256(made).hexdigest())
    return visit.desk.signoff.register_passkey(
        owner, key, credential, said.label, approval, visit.now
    )


def read_creation(data: bytes, rp: str) -> tuple[bytes, str, bytes]:
    """(credential id, algorithm, public key) of a new credential's authenticator data."""
    flags = data[32] if len(data) > 55 else 0
    wanted = _PRESENT | _VERIFIED | _ATTESTED
    if data[:32] != hashlib.sha256(rp.encode()).digest() or flags & wanted != wanted:
        raise refuse_envelope("no new key of this site, made with the person verified",
                              "不是在本站并验证本人后新建的密钥")  # fmt: skip
    length = int.from_bytes(data[53:55], "big")
    credential, cose = data[55 : 55 + length], data[55 + length :]
    if not 1 <= length <= 1023 or len(credential) != length:
        raise refuse_envelope("authenticator data cut short", "认证器数据不完整")
    if cose.startswith(_EDDSA_KEY):
        alg, public, used = EDDSA, cose[10:42], 42
    elif cose.startswith(_ES256_KEY) and cose[42:45] == _THEN_Y:
        alg, public, used = ES256, b"\x04" + cose[10:42] + cose[45:77], 77
    else:
        raise refuse_envelope("a key by ES256 or EdDSA is needed", "须为 ES256 或 EdDSA 密钥")
    if len(cose) < used or (len(cose) > used) != bool(flags & _EXTENDED):
        raise refuse_envelope("authenticator data cut short", "认证器数据不完整")
    return credential, alg, public


def add_personal(visit: Visit, said: NewPersonalKey) -> str:
    """Make and register a personal key; its id. Nobody chooses another's passphrase."""
    owner = owner_of(visit, said.owner)
    if owner != visit.guest.id:
        raise Refusal("not-entitled")
    check_challenge(visit, said.challenge)
    _check_room(visit, owner)
    approval = approve(visit, owner, said, "personal")
    try:
        return visit.desk.signoff.register_personal(
            owner, said.passphrase, said.label, approval, visit.now
        )
    except PassphraseRefusedError as error:
        raise refuse_envelope(str(error), "口令太短") from None


def add_code(visit: Visit, said: NewCode) -> str:
    """A one-time code: of the caller's own, or from an administrator for who lost everything."""
    owner = owner_of(visit, said.owner)
    check_challenge(visit, said.challenge)
    signoff = visit.desk.signoff
    if owner == visit.guest.id:
        if said.code is not None:
            raise refuse_envelope("a code does not make codes", "代码不能换代码")
        approve(visit, owner, said, "code")
    elif signoff.valid(owner):
        raise refuse_envelope("revoke the keys that the person lost first", "请先吊销其遗失的密钥")
    return signoff.make_code(owner, visit.guest.id, visit.now)


def device_json(device: Device) -> dict[str, Any]:
    return {
        "key": device.key, "use": device.use, "label": device.label, "since": device.since,
        "registered": device.registered, "revoked": device.revoked,
        "counter_back": device.counter_back,
    }  # fmt: skip


# ---------------------------------------------------------------- routes


def make_challenge(request: Request, _: bytes) -> Response:
    visit = visit_of(request)
    visit.guest.check_right("write")
    settings, owner = visit.desk.settings, owner_of(visit, None)
    said = {
        "challenge": fresh_challenge(visit), "origin": visit.desk.archive.options.origin,
        "owner": owner, "rp": settings.rp, "site": settings.web_origin,
    }  # fmt: skip
    return answer(said, status=201)


def register_passkey(request: Request, raw: bytes) -> Response:
    visit = _admitted(request)
    return answer({"key": add_passkey(visit, read_as(NewPasskey, parse_json(raw)))}, status=201)


def register_personal(request: Request, raw: bytes) -> Response:
    visit = _admitted(request)
    return answer(
        {"key": add_personal(visit, read_as(NewPersonalKey, parse_json(raw)))}, status=201
    )


def make_code(request: Request, raw: bytes) -> Response:
    visit = _admitted(request)
    code = add_code(visit, read_as(NewCode, parse_json(raw)))
    return answer({"code": code}, {"Cache-Control": "no-store"}, status=201)


def _admitted(request: Request) -> Visit:
    visit = visit_of(request)
    visit.guest.check_right("write")
    request.scope["caller"] = visit.guest.caller.id
    return visit


def list_devices(visit: Asked, owner: str | None = None) -> Response:
    devices = visit.desk.signoff.devices(owner_of(visit, owner))
    return answer({"keys": [device_json(each) for each in devices]})


def revoke(visit: Visit, key: str) -> None:
    """By the owner or an administrator, at once: a lost device is no longer anybody's."""
    visit.guest.check_right("write")
    visit.desk.archive.keyring.look()
    entry = visit.desk.archive.keyring.register.entries.get(key)
    mine = entry is not None and entry.owner == visit.guest.id
    if entry is None or not entry.is_signoff or not (mine or visit.guest.is_administrator):
        raise Refusal("not-found")
    if entry.revoked is None:
        visit.desk.signoff.revoke(key, "by-owner" if mine else "by-administrator")


def revoke_device(visit: Asked, key: KeyId) -> Response:
    revoke(visit, key)
    return Response(status_code=204)


def signoff_key_routes() -> APIRouter:
    router = APIRouter(
        prefix="/v1/signoff-keys", tags=["签署 / sign-off"], responses=PROBLEM_RESPONSES
    )
    posts: tuple[tuple[str, Any, type[Body] | None, str, str], ...] = (
        ("/challenges", make_challenge, None, "challenge", "质询 / a challenge to register with"),
        ("/passkeys", register_passkey, NewPasskey, "passkey", "登记通行密钥 / register a passkey"),
        ("/personal", register_personal, NewPersonalKey, "personal", "个人密钥 / a personal key"),
        ("/codes", make_code, NewCode, "code", "一次性代码 / a one-time code"),
    )
    for path, route, model, name, title in posts:
        router.add_api_route(
            path, answering(route), methods=["POST"], status_code=201,
            operation_id=f"signoff-keys.{name}", summary=title,
            openapi_extra=body(model) if model else None,
        )  # fmt: skip
    router.add_api_route("", list_devices, methods=["GET"], summary="签署密钥 / keys to sign with")
    router.add_api_route(
        "/{key}", revoke_device, methods=["DELETE"], status_code=204, summary="吊销 / revoke a key"
    )
    return router
