"""People sign with their own devices: registration, signing, loss, and what is refused."""

from __future__ import annotations

import base64
import hashlib
import io
from dataclasses import dataclass, replace
from typing import Any

import orjson
import pytest

from api.signoff_keys import APPROVAL, CREATION, POSSESSION
from archive.evidence import dsse, leaf
from archive.evidence.passkey import EDDSA, ES256
from archive.evidence.verify import verify
from tests.api.conftest import COMPLAINT, Plant
from tests.vectors.authenticator import PRESENT, Authenticator, wire

SITE, RP = "http://localhost:8470", "localhost"
PHRASE = "correct horse 电池 staple"


def device(label: str, alg: str = ES256, **more: Any) -> Authenticator:
    return Authenticator(label, alg, rp=RP, origin=SITE, **more)


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@dataclass
class Registration:
    """One attempt: what the browser and the authenticator would send."""

    plant: Plant
    who: str
    owner: str | None = None

    def __post_init__(self) -> None:
        answer = self.plant.post(self.who, "/v1/signoff-keys/challenges")
        assert answer.status_code == 201, answer.text
        self.asked = answer.json()

    def message(self, begin: bytes, what: str = "") -> bytes:
        owner = self.owner or self.asked["owner"]
        return (
            begin + "\n".join((self.asked["origin"], owner, self.asked["challenge"], what)).encode()
        )

    def digest(self, begin: bytes, what: str = "") -> bytes:
        return hashlib.sha256(self.message(begin, what)).digest()

    def passkey(self, new: Authenticator, present: Authenticator | None = None, **more: Any) -> Any:
        made, client = new.creation(self.digest(CREATION))
        body = {
            "challenge": self.asked["challenge"],
            "label": new.label,
            "authenticator_data": b64(made),
            "client_data": b64(client),
            "possession": wire(new.assertion(self.digest(POSSESSION))),
            **self.approval(present, hashlib.sha256(made).hexdigest()),
            **({"owner": self.owner} if self.owner else {}),
            **more,
        }
        return self.plant.post(self.who, "/v1/signoff-keys/passkeys", body)

    def approval(self, present: Authenticator | None, what: str) -> dict[str, Any]:
        if present is None:
            return {}
        signed = wire(present.assertion(self.digest(APPROVAL, what)))
        return {"approval": {"key": present.key_id, "assertion": signed}}

    def personal(self, passphrase: str = PHRASE, **more: Any) -> Any:
        body = {"challenge": self.asked["challenge"], "passphrase": passphrase, **more}
        return self.plant.post(self.who, "/v1/signoff-keys/personal", body)

    def code(self, present: Authenticator | None = None) -> Any:
        body = {"challenge": self.asked["challenge"], **self.approval(present, "code")}
        body |= {"owner": self.owner} if self.owner else {}
        return self.plant.post(self.who, "/v1/signoff-keys/codes", body)


def registered(plant: Plant, who: str, label: str = "phone", alg: str = ES256) -> Authenticator:
    made = device(f"{label} of {who}", alg)
    answer = Registration(plant, who).passkey(made)
    assert answer.status_code == 201, answer.text
    assert answer.json()["key"] == made.key_id
    return made


def to_sign(plant: Plant, who: str = "cs") -> str:
    """Minutes that wait for the signature of their department's head."""
    person, office = plant.people[who], plant.departments["cs"]
    values = {"name": "cs", "functions": ["cs"], "head": person}
    changed = plant.post("admin", f"/v1/department/{office}/steps/change", {"answers": values})
    assert changed.status_code == 201, changed.text
    answers = {
        "type": "department", "topic": "例会", "goal": "进度", "held_at": plant.clock().isoformat(),
        "place": "一号会议室", "chair": person, "departments": [office], "participants": [person],
        "discussion": "按计划。", "decisions": "继续。",
    }  # fmt: skip
    made = plant.post("cs", "/v1/minutes/steps/draft", {"answers": answers})
    assert made.status_code == 201, made.text
    record = str(made.json()["record"])
    issued = plant.post("cs", f"/v1/minutes/{record}/steps/issue", {"answers": {}})
    assert issued.status_code == 201, issued.text
    return record


SIGNATURE = {"slot": "heads", "edition": 1}


def prepared(plant: Plant, who: str, record: str, **more: Any) -> dict[str, Any]:
    body = {"record": record, "deed": "signatures", "said": SIGNATURE, **more}
    answer = plant.post(who, "/v1/signoffs/preparation", body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def signed(plant: Plant, who: str, ready: dict[str, Any], by: Authenticator, **more: Any) -> Any:
    assertion = wire(by.assertion(hashlib.sha256(ready["statement"].encode()).digest()))
    return sent(plant, who, ready, assertion=assertion, **more)


def sent(plant: Plant, who: str, ready: dict[str, Any], **more: Any) -> Any:
    part = {"n": 0, "key": ready["content_key"], "plaintext": ready["content"]}
    return plant.post(who, "/v1/signoffs", {"statement": ready["statement"], "part": part, **more})


def bundle_of(plant: Plant, record: str) -> bytes:
    plant.archive.log.checkpoint()
    return bytes(plant.get("boss", f"/v1/records/{record}/export").content)


def refused(answer: Any, problem: str) -> bool:
    told = answer.json().get("type")
    assert told == f"/problems/{problem}", answer.text
    return True


def test_a_signature_by_passkey_is_verified_offline(both: Plant) -> None:
    """What is sealed is what was shown; the bundle proves it, and that no other could have."""
    plant = both
    phone = registered(plant, "cs")
    record = to_sign(plant)
    ready = prepared(plant, "cs", record)
    assert ready["digest"] == hashlib.sha256(ready["statement"].encode()).hexdigest()
    assert (ready["shown"]["printed_name"], ready["shown"]["meaning"]) == ("cs", "confirms")
    assert orjson.loads(ready["content"])["printed_name"] == "cs"
    answer = signed(plant, "cs", ready, phone)
    assert answer.status_code == 201, answer.text
    row = plant.archive.store.at(answer.json()["leaf_index"])
    assert row is not None
    envelope = dsse.parse(leaf.parse(row.leaf).envelope, dsse.STATEMENT_TYPE)
    assert envelope.payload.decode() == ready["statement"]
    assert orjson.loads(envelope.payload)["assurance"] == "passkey"
    again = signed(plant, "cs", ready, phone)
    # A device signs anew each time: the same statement by other bytes is no retry.
    assert again.status_code == 409 or again.headers["idempotency-replayed"] == "true"
    report = verify(io.BytesIO(bundle_of(plant, record)))
    assert report.ok, [f for f in report.findings if f.level == "FAILED"]
    assert plant.get("boss", f"/v1/records/{record}").json()["state"]["id"] == "signed"


def test_whoever_has_a_device_signs_with_it(plant: Plant) -> None:
    """An API key still signs for who has none, and no longer for who has one."""
    record, path = to_sign(plant), "/v1/records/{}/signatures"
    assert plant.post("cs", path.format(record), SIGNATURE).status_code == 201
    second = to_sign(plant)
    registered(plant, "cs")
    assert refused(plant.post("cs", path.format(second), SIGNATURE), "signoff-required")
    reason = {**SIGNATURE, "reason": "有误"}
    refusal = plant.post("cs", f"/v1/records/{second}/refusals", reason)
    assert refused(refusal, "signoff-required")
    batch = {"items": [{"kind": "complaint", "step": "receive", "answers": COMPLAINT}]}
    assert plant.post("cs", "/v1/batch", batch).json()["done"] == 1  # what is no signature


def test_settings_may_ask_it_of_everybody(plant: Plant) -> None:
    """LIUHEN_SIGNOFF=personal: nobody signs by API key alone."""
    record = to_sign(plant)
    desk = plant.client.app.state.desk  # type: ignore[attr-defined]
    object.__setattr__(desk, "settings", replace(desk.settings, signoff="personal"))
    answer = plant.post("cs", f"/v1/records/{record}/signatures", SIGNATURE)
    assert refused(answer, "signoff-required")


def test_a_personal_key_opens_for_one_signature(both: Plant) -> None:
    """Only with its passphrase, each time anew; what is kept holds neither key nor passphrase."""
    plant = both
    assert Registration(plant, "cs").personal("too short").status_code == 422
    made = Registration(plant, "cs").personal(label="mine")
    assert made.status_code == 201, made.text
    record = to_sign(plant)
    ready = prepared(plant, "cs", record)
    assert ready["assurance"] == "personal-key"
    assert refused(sent(plant, "cs", ready), "evidence")
    assert refused(sent(plant, "cs", ready, passphrase=PHRASE + " "), "not-entitled")
    answer = sent(plant, "cs", ready, passphrase=PHRASE)
    assert answer.status_code == 201, answer.text
    kept = plant.archive.keys.secret(f"signoff/personal/{made.json()['key']}")
    assert kept is not None
    assert PHRASE.encode() not in kept
    assert verify(io.BytesIO(bundle_of(plant, record))).ok


def test_passphrases_are_not_guessed(plant: Plant) -> None:
    """After ten wrong ones even the right one has to wait."""
    Registration(plant, "cs").personal()
    ready = prepared(plant, "cs", to_sign(plant))
    desk = plant.client.app.state.desk  # type: ignore[attr-defined]
    for _ in range(10):
        desk.attempts.note(ready["key"], plant.clock())
    assert refused(sent(plant, "cs", ready, passphrase=PHRASE), "not-entitled")
    plant.clock.turn(minutes=6)
    assert sent(plant, "cs", ready, passphrase=PHRASE).status_code == 201


BAD: dict[str, dict[str, Any]] = {
    "not verified": {"flags": PRESENT},
    "another site": {"rp": "evil.example"},
    "another page": {"origin": "http://localhost:9999"},
    "another page's frame": {"tail": ',"crossOrigin":true'},
    "a creation": {"type": "webauthn.create"},
}


@pytest.mark.parametrize("how", BAD)
def test_an_assertion_made_otherwise_is_refused(plant: Plant, how: str) -> None:
    """The log does not grow, and the person may sign afterwards."""
    phone = registered(plant, "cs")
    ready = prepared(plant, "cs", to_sign(plant))
    size = plant.archive.store.head().size
    assert refused(signed(plant, "cs", ready, phone.but(**BAD[how])), "evidence")
    assert plant.archive.store.head().size == size
    assert signed(plant, "cs", ready, phone).status_code == 201


def test_an_assertion_serves_one_statement(plant: Plant) -> None:
    """Another statement, another record, another person, another meaning: all refused."""
    phone, others = registered(plant, "cs"), registered(plant, "cs2")
    first, second = to_sign(plant), to_sign(plant)
    ready, other = prepared(plant, "cs", first), prepared(plant, "cs", second)
    used = wire(phone.assertion(hashlib.sha256(ready["statement"].encode()).digest()))
    assert refused(sent(plant, "cs", other, assertion=used), "evidence")
    changed = {**ready, "statement": ready["statement"].replace('"confirms"', '"approves"')}
    assert refused(sent(plant, "cs", changed, assertion=used), "evidence")
    assert refused(signed(plant, "cs", changed, phone), "invalid-event")
    moved = {**ready, "statement": ready["statement"].replace(first, second)}
    assert signed(plant, "cs", moved, phone).status_code >= 400
    assert refused(signed(plant, "cs", ready, others), "evidence")
    assert refused(sent(plant, "cs2", ready, assertion=used), "evidence")
    assert sent(plant, "cs", ready, assertion=used).status_code == 201
    stale = sent(plant, "cs", ready, assertion=used)
    assert stale.headers.get("idempotency-replayed") == "true"


def test_a_statement_gets_stale(plant: Plant) -> None:
    """Ten minutes after it was prepared, and as soon as the record has moved on."""
    phone = registered(plant, "cs")
    record = to_sign(plant)
    ready = prepared(plant, "cs", record)
    plant.clock.turn(minutes=11)
    assert refused(signed(plant, "cs", ready, phone), "evidence")
    ready = prepared(plant, "cs", record)
    body = {"target": 1, "answers": {"decisions": "暂停。"}, "reason": "记录有误"}
    assert plant.post("cs", f"/v1/records/{record}/corrections", body).status_code == 201
    assert signed(plant, "cs", ready, phone).status_code == 409


def test_a_counter_that_goes_back_is_flagged(plant: Plant) -> None:
    """The signature stands; the answer, the list of devices and the verifier say it."""
    phone = device("counting", counter=5)
    assert Registration(plant, "cs").passkey(phone).status_code == 201
    first, second = to_sign(plant), to_sign(plant)
    assert "x-counter-back" not in signed(plant, "cs", prepared(plant, "cs", first), phone).headers
    answer = signed(plant, "cs", prepared(plant, "cs", second), phone.but(counter=4))
    assert (answer.status_code, answer.headers["x-counter-back"]) == (201, "true")
    (told,) = plant.get("cs", "/v1/signoff-keys").json()["keys"]
    assert told["counter_back"] is not None


# ---------------------------------------------------------------- registration


def test_each_further_device_is_approved_by_one_that_is_there(plant: Plant) -> None:
    """The session is enough for the first only; the register notes what let each in."""
    phone = registered(plant, "cs")
    token = device("token", EDDSA)
    assert refused(Registration(plant, "cs").passkey(token), "evidence")
    assert refused(Registration(plant, "cs").passkey(token, device("stolen")), "evidence")
    answer = Registration(plant, "cs").passkey(token, phone)
    assert answer.status_code == 201, answer.text
    entry = plant.archive.keyring.register.entries[token.key_id]
    row = plant.archive.store.at(entry.registered)
    assert row is not None
    payload = dsse.parse(leaf.parse(row.leaf).envelope, dsse.STATEMENT_TYPE).payload
    assert orjson.loads(payload)["facts"]["approved"] == {"by": phone.key_id, "how": "key"}
    ready = prepared(plant, "cs", to_sign(plant), key=token.key_id)
    assert signed(plant, "cs", ready, token).status_code == 201


def test_a_revoked_device_signs_no_more(plant: Plant) -> None:
    """What it signed before stays; what is brought later is refused, prepared or not."""
    phone = registered(plant, "cs")
    before, after = to_sign(plant), to_sign(plant)
    assert signed(plant, "cs", prepared(plant, "cs", before), phone).status_code == 201
    ready = prepared(plant, "cs", after)
    assert plant.ask("worker", "DELETE", f"/v1/signoff-keys/{phone.key_id}").status_code == 404
    assert plant.ask("cs", "DELETE", f"/v1/signoff-keys/{phone.key_id}").status_code == 204
    assert refused(signed(plant, "cs", ready, phone), "evidence")
    assert verify(io.BytesIO(bundle_of(plant, before))).ok
    assert refused(Registration(plant, "cs").passkey(phone), "evidence")  # it never comes back


def test_who_lost_all_needs_the_administrator_and_the_administrator_needs_them(
    plant: Plant,
) -> None:
    """Neither alone: not a stolen session, not an administrator."""
    phone = registered(plant, "cs")
    person = plant.people["cs"]
    in_their_name = Registration(plant, "admin", person)
    assert refused(in_their_name.passkey(device("admin's")), "evidence")
    assert refused(in_their_name.code(), "evidence")  # not while they have a device
    assert plant.ask("admin", "DELETE", f"/v1/signoff-keys/{phone.key_id}").status_code == 204
    assert refused(Registration(plant, "cs").passkey(device("new")), "evidence")
    assert refused(in_their_name.passkey(device("admin's")), "evidence")
    assert refused(Registration(plant, "worker", person).code(), "not-found")
    code = in_their_name.code().json()["code"]
    assert refused(in_their_name.passkey(device("admin's"), code=code), "evidence")
    code = in_their_name.code().json()["code"]
    assert refused(Registration(plant, "cs").passkey(device("new"), code="0" * 20), "evidence")
    answer = Registration(plant, "cs").passkey(device("new"), code=code)
    assert answer.status_code == 201, answer.text
    assert refused(Registration(plant, "cs").passkey(device("newer"), code=code), "evidence")


def test_an_administrator_registers_in_anothers_name_with_their_code(plant: Plant) -> None:
    """The person's own code, made with the key that they have; the device is theirs."""
    phone = registered(plant, "cs")
    assert refused(Registration(plant, "cs").code(), "evidence")
    code = Registration(plant, "cs").code(phone).json()["code"]
    made = device("from the office")
    answer = Registration(plant, "admin", plant.people["cs"]).passkey(made, code=code)
    assert answer.status_code == 201, answer.text
    assert plant.archive.keyring.register.entries[made.key_id].owner == plant.people["cs"]
    old = Registration(plant, "cs").code(phone).json()["code"]
    plant.clock.turn(minutes=31)
    late = Registration(plant, "admin", plant.people["cs"]).passkey(device("late"), code=old)
    assert refused(late, "evidence")


SPOILED: dict[str, dict[str, Any]] = {
    "made elsewhere": {"origin": "http://localhost:1"},
    "for another site": {"rp": "evil.example"},
    "not verified": {"flags": PRESENT},
}


@pytest.mark.parametrize("how", SPOILED)
def test_a_device_made_otherwise_is_not_registered(plant: Plant, how: str) -> None:
    """Nothing of it is kept."""
    answer = Registration(plant, "cs").passkey(device("odd").but(**SPOILED[how]))
    assert refused(answer, "evidence")
    assert plant.get("cs", "/v1/signoff-keys").json() == {"keys": []}


def test_a_registration_is_one_persons_at_one_time(plant: Plant) -> None:
    """Another's challenge, an old one, another's possession: refused."""
    mine, theirs = Registration(plant, "cs"), Registration(plant, "cs2")
    mine.asked["challenge"] = theirs.asked["challenge"]
    assert refused(mine.passkey(device("x")), "evidence")
    stranger = device("y")
    late = Registration(plant, "cs")
    possession = wire(stranger.assertion(late.digest(POSSESSION)))
    assert refused(late.passkey(device("x"), possession=possession), "evidence")
    plant.clock.turn(minutes=6)
    assert refused(late.passkey(device("x")), "evidence")
    assert plant.post("mes", "/v1/signoff-keys/challenges").status_code == 403


def test_a_key_of_small_order_is_refused(plant: Plant) -> None:
    """One signature by it would fit many statements."""
    small = bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")
    attempt = Registration(plant, "cs")
    token = device("token", EDDSA)
    made, _ = token.creation(attempt.digest(CREATION))
    answer = attempt.passkey(token, authenticator_data=b64(made.replace(token.public, small)))
    assert refused(answer, "evidence")
