"""Callers who sign for themselves: what they built is taken byte for byte, or not at all."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import orjson
import pytest

from api.own_keys import POSSESSION
from archive.evidence import content, dsse, keys, leaf, statement
from archive.evidence.errors import KeyRefused
from archive.evidence.keys import SigningKey
from archive.evidence.statement import Statement
from tests.api.conftest import COMPLAINT, Plant

ITEM = {"kind": "complaint", "step": "receive", "answers": COMPLAINT}


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def registered(plant: Plant, who: str, key: SigningKey) -> Any:
    asked = plant.post(who, "/v1/keys/challenges").json()
    message = POSSESSION + asked["origin"].encode() + b"\n" + asked["challenge"].encode()
    body = {
        "public": b64(key.public),
        "challenge": asked["challenge"],
        "proof": b64(key.sign(message)),
    }
    return plant.post(who, "/v1/keys", body)


def signed(
    prepared: dict[str, Any],
    key: SigningKey,
    change: Callable[[Statement], Statement] = lambda s: s,
    text: str | None = None,
    files: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """What a client makes of a preparation: its own content key, its own signature."""
    plain = (prepared["content"] if text is None else text).encode()
    content_key, key_id = content.new_key(), content.new_key_id()
    said = prepared["statement"]
    sealed = content.seal(
        plain, record=said["record"], event=said["event"], n=0, key=content_key, key_id=key_id
    )
    part = sealed.part
    said = {
        **said,
        "key": key.key_id,
        "parts": [
            {
                "alg": "A256GCM-HKDF", "role": part.role, "n": 0, "key": part.key,
                "commitment": part.commitment, "ciphertext": part.ciphertext,
                "length": part.length,
            },
            *files,
        ],
    }  # fmt: skip
    stated = change(statement.parse(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)))
    envelope = dsse.sign(statement.encode(stated), dsse.STATEMENT_TYPE, key)
    opened = {"n": 0, "key": b64(content_key), "plaintext": plain.decode()}
    return {"envelope": envelope.decode(), "parts": [opened]}


def prepared(plant: Plant, who: str = "mes", **more: Any) -> dict[str, Any]:
    answer = plant.post(who, "/v1/envelopes/preparation", {**ITEM, **more})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.fixture
def key(plant: Plant) -> SigningKey:
    made = SigningKey.generate()
    assert registered(plant, "mes", made).status_code == 201
    return made


def test_a_signed_envelope_is_committed_byte_for_byte(both: Plant) -> None:
    """The leaf carries the exact bytes; the record reads as if the archive had sealed it."""
    made = SigningKey.generate()
    assert registered(both, "mes", made).status_code == 201
    body = signed(prepared(both), made)
    answer = both.post("mes", "/v1/envelopes", body)
    assert answer.status_code == 201, answer.text
    row = both.archive.store.at(answer.json()["leaf_index"])
    assert row is not None
    assert leaf.parse(row.leaf).envelope == body["envelope"].encode()
    record = both.get("boss", f"/v1/records/{answer.json()['record']}").json()
    assert record["entries"][0]["answers"]["matter"] == "迟交"
    again = both.post("mes", "/v1/envelopes", body)
    assert again.json() == answer.json()
    assert again.headers["idempotency-replayed"] == "true"


def test_a_second_step_follows_the_first(plant: Plant) -> None:
    """A person signs a step with their own key on a record that the archive opened for them."""
    made = SigningKey.generate()
    assert registered(plant, "cs", made).status_code == 201
    record = plant.post("cs", "/v1/complaint", {"answers": COMPLAINT}).json()["record"]
    item = {
        "record": record,
        "step": "transfer",
        "answers": {"department": plant.departments["prod"]},
    }
    ready = plant.post("cs", "/v1/envelopes/preparation", item).json()
    answer = plant.post("cs", "/v1/envelopes", signed(ready, made))
    assert (answer.status_code, answer.json()["version"]) == (201, 2)
    stale = plant.post("cs", "/v1/envelopes", signed(
        {**ready, "statement": {**ready["statement"], "event": "a" * 32}}, made
    ))  # fmt: skip
    assert (stale.status_code, stale.json()["type"]) == (409, "/problems/version-conflict")


CHANGES: dict[str, tuple[Callable[[Statement], Statement], str]] = {
    "another log": (lambda s: replace(s, origin="elsewhere.example/log"), "evidence"),
    "another actor": (lambda s: replace(s, actor="b" * 32), "evidence"),
    "the archive's assurance": (lambda s: replace(s, assurance="api-key"), "evidence"),
    "another step": (lambda s: replace(s, step="transfer"), "unknown-step"),
    "a checkpoint never made": (
        lambda s: replace(s, seen=statement.Seen(1, "c" * 64)), "evidence",
    ),
    "a time to come": (
        lambda s: replace(s, occurred_at="2030-01-01T00:00:00.000000Z"), "claimed-time",
    ),
    "no first version": (lambda s: replace(s, version=2, prev="d" * 64), "not-found"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_signed_must_be_what_the_rules_say(
    plant: Plant, key: SigningKey, name: str
) -> None:
    """Each change of the statement is refused, and the log does not grow."""
    change, problem = CHANGES[name]
    body = signed(prepared(plant), key, change)
    size = plant.archive.store.head().size
    answer = plant.post("mes", "/v1/envelopes", body)
    assert answer.json()["type"] == f"/problems/{problem}", answer.text
    assert plant.archive.store.head().size == size


TEXTS: dict[str, Callable[[dict[str, Any]], str]] = {
    "answers that no form takes": lambda said: _text({**said, "values": {"matter": 3}}),
    "a recipient more": lambda said: _text({**said, "recipients": ["e" * 32]}),
    "a member more": lambda said: _text({**said, "more": 1}),
    "a member less": lambda said: _text({k: v for k, v in said.items() if k != "values"}),
    "spaces": lambda said: orjson.dumps(said, option=orjson.OPT_INDENT_2).decode(),
    "no JSON": lambda _: "{",
    "a list": lambda _: "[]",
}


def _text(said: dict[str, Any]) -> str:
    return orjson.dumps(said, option=orjson.OPT_SORT_KEYS).decode()


@pytest.mark.parametrize("name", TEXTS)
def test_the_content_must_be_the_canonical_one_that_the_rules_lead_to(
    plant: Plant, key: SigningKey, name: str
) -> None:
    """Signed or not: other content, or the same in another form, is refused."""
    ready = prepared(plant)
    text = TEXTS[name](orjson.loads(ready["content"]))
    size = plant.archive.store.head().size
    answer = plant.post("mes", "/v1/envelopes", signed(ready, key, text=text))
    assert answer.status_code == 422, answer.text
    assert plant.archive.store.head().size == size


def test_other_bytes_than_those_committed_to_are_refused(plant: Plant, key: SigningKey) -> None:
    """Another key or another text than the signed part was made from."""
    body = signed(prepared(plant), key)
    opened = body["parts"][0]
    for change in ({"key": b64(bytes(32))}, {"plaintext": opened["plaintext"] + " "}):
        wrong = {**body, "parts": [{**opened, **change}]}
        answer = plant.post("mes", "/v1/envelopes", wrong)
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/evidence")


def test_a_signature_by_an_unknown_or_revoked_key_is_refused(plant: Plant, key: SigningKey) -> None:
    """Also one that was good a moment ago, and one of somebody else."""
    stranger = SigningKey.generate()
    refused = plant.post("mes", "/v1/envelopes", signed(prepared(plant), stranger))
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/evidence")
    other = plant.post("cs", "/v1/envelopes", signed(prepared(plant, "cs"), key))
    assert (other.status_code, other.json()["type"]) == (422, "/problems/evidence")
    assert plant.ask("cs", "DELETE", f"/v1/keys/{key.key_id}").status_code == 404
    assert plant.ask("mes", "DELETE", f"/v1/keys/{key.key_id}").status_code == 204
    late = plant.post("mes", "/v1/envelopes", signed(prepared(plant), key))
    assert (late.status_code, late.json()["type"]) == (422, "/problems/evidence")
    (row,) = plant.get("mes", "/v1/keys").json()["keys"]
    assert row["revoked"] is not None


SMALL_ORDER = [
    bytes(32),
    bytes([1]) + bytes(31),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
]


@pytest.mark.parametrize("public", SMALL_ORDER, ids=lambda p: p.hex()[:8])
def test_a_small_order_key_cannot_be_registered(plant: Plant, public: bytes) -> None:
    """Whatever "proof" it brings: such a key fits many messages."""
    asked = plant.post("mes", "/v1/keys/challenges").json()
    body = {
        "public": b64(public),
        "challenge": asked["challenge"],
        "proof": b64(public + bytes(32)),
    }
    answer = plant.post("mes", "/v1/keys", body)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/evidence")
    with pytest.raises(KeyRefused):
        keys.check_public_key(public)


def test_a_challenge_is_for_one_caller_and_a_short_time(plant: Plant) -> None:
    """Somebody else's, a forged and an old one prove nothing."""
    made = SigningKey.generate()
    asked = plant.post("mes", "/v1/keys/challenges").json()
    message = POSSESSION + asked["origin"].encode() + b"\n" + asked["challenge"].encode()
    body = {
        "public": b64(made.public),
        "challenge": asked["challenge"],
        "proof": b64(made.sign(message)),
    }
    assert plant.post("cs", "/v1/keys", body).status_code == 422
    forged = {**body, "challenge": "2099-01-01T00:00:00.000000Z " + "0" * 64}
    assert plant.post("mes", "/v1/keys", forged).status_code == 422
    plant.clock.turn(minutes=6)
    assert plant.post("mes", "/v1/keys", body).status_code == 422
