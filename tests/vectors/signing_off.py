"""Sign-offs by passkeys and personal keys, honest and forged (docs/formats.md 8)."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from archive.evidence import dsse, statement
from archive.evidence.keys import SigningKey
from archive.evidence.passkey import EDDSA, ES256, encode
from tests.vectors.approving import CASES as BEFORE
from tests.vectors.authenticator import ATTESTED, EXTENDED, PRESENT, RP, VERIFIED, Authenticator
from tests.vectors.tampering import Case, logged
from tests.vectors.world import COMPLAINT, OWN, SHORT, World, ident, seeded

PHONE = Authenticator("phone")
TOKEN = Authenticator("token", EDDSA)
COUNTING = Authenticator("counting", counter=7)
OTHERS = Authenticator("another person's")
PERSONAL = SigningKey.from_seed(seeded("personal key"))
Event = Callable[[World], object]


def registers(of: Authenticator | SigningKey, owner: str = "li", **changes: Any) -> Event:
    """By the person's session, unless said otherwise."""
    passkey = isinstance(of, Authenticator)
    facts = {
        "alg": of.alg if isinstance(of, Authenticator) else "Ed25519",
        "approved": {"by": None, "how": "session"},
        "key": of.key_id,
        "owner": ident(owner),
        "public": base64.b64encode(of.public).decode(),
        "rp": RP if passkey else None,
        **changes,
    }
    return lambda world: world.key_event("signoff-key-registered", facts)


def raw(public: bytes, alg: str, rp: str | None = RP) -> Event:
    """A registration of bytes that need not be a key."""
    told = base64.b64encode(public).decode()
    return registers(PHONE, alg=alg, public=told, key=hashlib.sha256(public).hexdigest(), rp=rp)


def said(world: World, key: str, **changes: Any) -> statement.Statement:
    """A signature of the complaint's first event, as its signer states it."""
    version, prev = world.heads[COMPLAINT]
    fields: dict[str, Any] = {
        "origin": world.origin,
        "event": ident(f"event {len(world.leaves)}"),
        "record": COMPLAINT,
        "version": version + 1,
        "prev": prev,
        "type": "signed",
        "kind": "complaint",
        "kind_version": 1,
        "step": "approver",
        "actor": ident("li"),
        "key": key,
        "assurance": "passkey",
        "occurred_at": "2026-11-22T08:03:30.123456Z",
        "signoff": statement.Signoff("approves", (prev or "",)),
    }
    return statement.Statement(**{**fields, **changes})


def put(world: World, stated: statement.Statement, signature: bytes) -> None:
    payload = statement.encode(stated)
    envelope = dsse.assemble(payload, dsse.STATEMENT_TYPE, stated.key, signature)
    world.append(stated, envelope, None, world.time())


def signs(by: Authenticator, key: str | None = None, **changes: Any) -> Event:
    """`key`: under whose id, where not its own."""

    def event(world: World) -> None:
        stated = said(world, key or by.key_id, **changes)
        put(world, stated, by.sign(statement.encode(stated)))

    return event


def _respelled(change: Callable[[bytes], bytes]) -> Event:
    """The assertion's bytes changed after it was made."""

    def event(world: World) -> None:
        stated = said(world, PHONE.key_id)
        put(world, stated, change(PHONE.sign(statement.encode(stated))))

    return event


def _der(change: Callable[[bytes], bytes]) -> Event:
    def event(world: World) -> None:
        stated = said(world, PHONE.key_id)
        digest = hashlib.sha256(statement.encode(stated)).digest()
        made = PHONE.assertion(digest)
        put(world, stated, encode(replace(made, signature=change(made.signature))))

    return event


def _longer_length(der: bytes) -> bytes:
    """The same sequence with its length in two bytes."""
    return b"\x30\x81" + der[1:]


def _personally(**changes: Any) -> Event:
    def event(world: World) -> None:
        stated = said(world, PERSONAL.key_id, **{"assurance": "personal-key", **changes})
        payload = statement.encode(stated)
        put(world, stated, PERSONAL.sign(dsse.pae(dsse.STATEMENT_TYPE, payload)))

    return event


def _plain_signature(world: World) -> None:
    """64 bytes as an Ed25519 key signs, under the id of an Ed25519 passkey."""
    stated = said(world, TOKEN.key_id)
    plain = SigningKey.from_seed(seeded("authenticator token"))
    assert plain.public == TOKEN.public
    put(world, stated, plain.sign(dsse.pae(dsse.STATEMENT_TYPE, statement.encode(stated))))


def _assertion_by_own(world: World) -> None:
    """An assertion where an own key should have signed."""
    stated = said(world, OWN.key_id, assurance="own-key")
    put(world, stated, PHONE.sign(statement.encode(stated)))


def _moved(world: World) -> None:
    """The assertion over one sign-off, put under another statement."""
    first = said(world, PHONE.key_id)
    other = said(world, PHONE.key_id, signoff=statement.Signoff("reviews", first.signoff.covers))  # type: ignore[union-attr]
    put(world, other, PHONE.sign(statement.encode(first)))


def _to_another_record(world: World) -> None:
    """The assertion over the complaint, put under a statement in another record."""
    first = said(world, PHONE.key_id)
    version, prev = world.heads[SHORT]
    covers = statement.Signoff("approves", (prev or "",))
    other = replace(first, record=SHORT, version=version + 1, prev=prev, signoff=covers)
    put(world, other, PHONE.sign(statement.encode(first)))


def _opens(world: World) -> None:
    world.add(COMPLAINT, "opened", body={"text": "100 台设备迟交三天"})


def _revokes(key: str) -> Event:
    return lambda world: world.key_event("key-revoked", {"key": key, "reason": "lost"})


def _small_order() -> bytes:
    return bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")


_PHONE = (_opens, registers(PHONE))  # leaves 3 and 4


def forged(name: str, why: str, event: Event, *before: Event) -> Case:
    """The phone is registered, and then something is signed that fails at leaf 5."""
    case = logged(*(before or _PHONE), event)
    last = 3 + len(before or _PHONE)
    return Case(name, why, case, 1, 6, {3: "OPENED", last: "MISMATCH"})


def unregistered(name: str, why: str, event: Event) -> Case:
    return Case(name, why, logged(_opens, event), 1, 5, {3: "OPENED"})


CASES = [
    *BEFORE,
    Case(
        "signoff-by-devices",
        "an ES256 and an EdDSA passkey and a personal key, each approved by the one before",
        logged(
            *_PHONE,
            signs(PHONE),
            registers(TOKEN, approved={"by": PHONE.key_id, "how": "key"}),
            signs(TOKEN.but(counter=1)),
            registers(PERSONAL, approved={"by": TOKEN.key_id, "how": "key"}),
            _personally(),
            signs(PHONE.but(flags=PRESENT | VERIFIED | EXTENDED, extensions=b"\xa0")),
            signs(PHONE.but(tail="")),
            signs(PHONE.but(tail=',"crossOrigin":false,"other":"x"')),
            signs(PHONE.but(origin="https://signing.archive.example:8443")),
        ),
        0,
        None,
        {3: "OPENED", 5: "OPENED", 7: "OPENED", 9: "OPENED", 10: "OPENED", 13: "OPENED"},
    ),
    Case(
        "signoff-before-revocation",
        "signed, and then the device was lost: the signature stays",
        logged(*_PHONE, signs(PHONE), _revokes(PHONE.key_id)),
        0,
        None,
        {3: "OPENED", 5: "OPENED"},
    ),
    Case(
        "signoff-counter-back",
        "the counter does not go up, which is worth a look and no failure",
        logged(_opens, registers(COUNTING), signs(COUNTING), signs(COUNTING)),
        0,
        None,
        {5: "OPENED", 6: "OPENED"},
    ),
    forged(
        "signoff-after-revocation",
        "signed after the revocation",
        signs(PHONE),
        *_PHONE,
        _revokes(PHONE.key_id),
    ),
    forged("signoff-unknown", "a passkey that nobody registered", signs(OTHERS)),
    forged(
        "signoff-of-another-person",
        "signed in the name of one with the passkey of another",
        signs(OTHERS),
        *_PHONE,
        registers(OTHERS, "zhao"),
    ),
    forged(
        "signoff-other-passkey",
        "an assertion by one passkey under the id of another",
        signs(OTHERS, PHONE.key_id),
    ),
    forged("signoff-other-statement", "the assertion is over another meaning", _moved),
    Case(
        "signoff-other-record",
        "the assertion is over a statement in another record",
        logged(*_PHONE, lambda w: w.add(SHORT, "opened"), _to_another_record),
        1,
        6,
        {3: "OPENED", 6: "MISMATCH"},
    ),
    forged(
        "signoff-unverified",
        "present, but the person was not verified",
        signs(PHONE.but(flags=PRESENT)),
    ),
    forged("signoff-absent", "verified, but nobody present", signs(PHONE.but(flags=VERIFIED))),
    forged("signoff-other-rp", "made for another site", signs(PHONE.but(rp="evil.example"))),
    forged(
        "signoff-other-origin",
        "made on a page of another site",
        signs(PHONE.but(origin="https://archive.example.evil")),
    ),
    forged(
        "signoff-suffix-origin",
        "made on a site whose name only ends alike",
        signs(PHONE.but(origin="https://myarchive.example")),
    ),
    forged(
        "signoff-plain-http",
        "made on a page without https",
        signs(PHONE.but(origin="http://archive.example")),
    ),
    forged(
        "signoff-cross-origin",
        "made inside another site's frame",
        signs(PHONE.but(tail=',"crossOrigin":true')),
    ),
    forged(
        "signoff-creation",
        "what an authenticator signs when it makes a key",
        signs(PHONE.but(type="webauthn.create")),
    ),
    forged(
        "signoff-attested",
        "authenticator data with the flag of a new credential",
        signs(PHONE.but(flags=PRESENT | VERIFIED | ATTESTED)),
    ),
    forged(
        "signoff-longer-data",
        "more authenticator data than its flags say",
        signs(PHONE.but(extensions=b"\xa0")),
    ),
    forged(
        "signoff-respelled",
        "the assertion with a space",
        _respelled(lambda data: data.replace(b'","client', b'", "client')),
    ),
    forged("signoff-der", "the ECDSA signature in another spelling", _der(_longer_length)),
    forged("signoff-der-cut", "the ECDSA signature cut short", _der(lambda der: der[:-1])),
    forged(
        "signoff-plain-signature",
        "an Ed25519 passkey's key signed without an authenticator",
        _plain_signature,
        _opens,
        registers(TOKEN),
    ),
    forged("signoff-assertion-by-own", "an assertion under an own key", _assertion_by_own),
    forged(
        "signoff-by-intake",
        "the intake key claims that a passkey signed",
        lambda w: w.add(COMPLAINT, "signed", actor=ident("li"), assurance="passkey"),
    ),
    forged(
        "signoff-personal-as-passkey",
        "a personal key claims to be a passkey",
        _personally(assurance="passkey"),
        _opens,
        registers(PERSONAL),
    ),
    unregistered("passkey-small-order", "a passkey of small order", raw(_small_order(), EDDSA)),
    unregistered(
        "passkey-off-curve", "a P-256 key off the curve", raw(b"\x04" + b"\x01" * 64, ES256)
    ),
    unregistered(
        "passkey-compressed",
        "a P-256 key that is not given as an uncompressed point",
        raw(b"\x06" + PHONE.public[1:], ES256),
    ),
    unregistered("passkey-length", "a P-256 key of 32 bytes", raw(PHONE.public[1:33], ES256)),
    unregistered("passkey-no-site", "a passkey without rp id", registers(PHONE, rp=None)),
    unregistered("personal-site", "a personal key with an rp id", registers(PERSONAL, rp=RP)),
    unregistered(
        "personal-length", "a personal key of 65 bytes", raw(PHONE.public, "Ed25519", None)
    ),
    unregistered(
        "personal-small-order",
        "a personal key of small order",
        raw(_small_order(), "Ed25519", None),
    ),
    unregistered("signoff-key-id", "a passkey under another id", registers(PHONE, key="ab" * 32)),
    Case(
        "signoff-key-again",
        "a passkey registered again, for another",
        logged(*_PHONE, registers(PHONE, "zhao")),
        1,
        5,
        {3: "OPENED"},
    ),
    unregistered(
        "approved-by-nothing",
        "approved by a key, which is not named",
        registers(PHONE, approved={"by": None, "how": "key"}),
    ),
    unregistered(
        "approved-by-unknown-key",
        "approved by a key that nobody registered",
        registers(PHONE, approved={"by": TOKEN.key_id, "how": "key"}),
    ),
    unregistered(
        "approved-by-code-and-key",
        "approved by a code that names a key",
        registers(PHONE, approved={"by": OWN.key_id, "how": "code"}),
    ),
    unregistered(
        "approved-by-own",
        "approved by an own key, which is a machine's",
        registers(PHONE, approved={"by": OWN.key_id, "how": "key"}),
    ),
    Case(
        "approved-by-anothers-key",
        "approved by the key of another person",
        logged(*_PHONE, registers(TOKEN, "zhao", approved={"by": PHONE.key_id, "how": "key"})),
        1,
        5,
        {3: "OPENED"},
    ),
    Case(
        "approved-by-revoked-key",
        "approved by a key revoked before",
        logged(
            *_PHONE,
            _revokes(PHONE.key_id),
            registers(TOKEN, approved={"by": PHONE.key_id, "how": "key"}),
        ),
        1,
        5,
        {3: "OPENED"},
    ),
]
