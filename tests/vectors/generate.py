"""Write the vectors: `python -m tests.vectors.generate`. A test holds the files to this program."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from archive.evidence import attachment, checkpoint, content, dsse, merkle, receipt, statement
from archive.evidence.canonical import encode
from archive.evidence.register import register_record
from tests.vectors.bundling import CASES
from tests.vectors.witnessing import policies
from tests.vectors.world import (
    BODY,
    COMPLAINT,
    FILE,
    INTAKE,
    LOG,
    ORIGIN,
    OWN,
    VKEY,
    seeded,
    whole,
)

HERE = Path(__file__).parent


def files() -> dict[str, bytes]:
    """Every generated file, by its name in this folder."""
    made = {f"bundles/{case.name}.zip": case.make() for case in CASES}
    made["bundles.json"] = _json(_bundles())
    made["example.json"] = _json(example())
    made["texts.json"] = _json(texts())
    made["policies.json"] = _json(policies())
    return made


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n"


def _bundles() -> list[dict[str, Any]]:
    return [
        {
            "file": f"bundles/{case.name}.zip",
            "why": case.why,
            "exit": case.exit,
            "failing_step": case.step,
            "failing_steps": case.steps,
            "reason": case.reason,
            "vkey": case.vkey,
            "tsa": case.tsa,
            "complete": case.complete,
            "verdicts": {str(leaf_): verdict for leaf_, verdict in case.verdicts.items()},
        }
        for case in CASES
    ]


def example() -> dict[str, Any]:
    """The worked example of docs/formats.md: leaf 3 of the honest log, from keys to receipt."""
    world = whole()
    data = world.leaves[3]
    said = statement.parse(dsse.parse(world.envelopes[3], dsse.STATEMENT_TYPE).payload)
    payload = statement.encode(said)
    return {
        "keys": {
            "origin": world.origin,
            "log_seed": LOG.seed().hex(),
            "log_public": LOG.public.hex(),
            "log_key_id": LOG.key_id,
            "log_vkey": VKEY,
            "intake_seed": INTAKE.seed().hex(),
            "intake_public": INTAKE.public.hex(),
            "intake_key_id": INTAKE.key_id,
            "own_seed": OWN.seed().hex(),
            "own_key_id": OWN.key_id,
            "register_record": register_record(world.origin),
        },
        "content": _content_example(said),
        "attachment": _attachment_example(said),
        "statement": payload.decode(),
        "pae": dsse.pae(dsse.STATEMENT_TYPE, payload).decode(),
        "envelope": world.envelopes[3].decode(),
        "envelope_hash": world.hash(3),
        "leaf": data.decode(),
        "leaf_hash": merkle.leaf_hash(data).hex(),
        "leaf_hashes": [merkle.leaf_hash(item).hex() for item in world.leaves],
        "inclusion_proof": [
            hash_.hex() for hash_ in merkle.inclusion_proof(3, len(world.leaves), world.node)
        ],
        "consistency_proof_3": [
            hash_.hex() for hash_ in merkle.consistency_proof(3, len(world.leaves), world.node)
        ],
        "root_3": merkle.root_at(3, world.node).hex(),
        "root": checkpoint.read(world.checkpoint())[1].root.hex(),
        "checkpoint": world.checkpoint().decode(),
        "receipt_payload": receipt.encode(receipt.read(world.receipts[3])[1]).decode(),
        "receipt": world.receipts[3].decode(),
    }


def _content_example(said: statement.Statement) -> dict[str, Any]:
    key, plaintext = seeded("content key 3"), encode(BODY)
    aead_key, salt = content.derive(key)
    sealed = content.seal(
        plaintext, record=COMPLAINT, event=said.event, n=0, key=key, key_id=said.parts[0].key
    )
    return {
        "content_key": key.hex(),
        "aead_key": aead_key.hex(),
        "salt": salt.hex(),
        "plaintext": plaintext.decode(),
        "padded": content.pad(plaintext).hex(),
        "associated_data": (
            f'{{"event":"{said.event}","n":0,"record":"{COMPLAINT}","role":"content","v":1}}'
        ),
        "ciphertext": sealed.ciphertext.hex(),
        "ciphertext_sha256": sealed.part.ciphertext,
        "commitment": sealed.part.commitment,
        "length": sealed.part.length,
    }


def _attachment_example(said: statement.Statement) -> dict[str, Any]:
    key, name = seeded("attachment 3"), said.parts[1].key
    sealer = attachment.Sealer(key, name)
    segments = [*sealer.feed(FILE), sealer.finish()]
    part = sealer.part(1)
    return {
        "content_key": key.hex(),
        "id": name,
        "salt": attachment.salt_of(key).hex(),
        "plaintext": FILE.hex(),
        "segments": [segment.hex() for segment in segments],
        "ciphertext_sha256": part.ciphertext,
        "commitment": part.commitment,
        "length": part.length,
    }


def texts() -> list[dict[str, Any]]:
    """Texts that a reader takes or refuses: format, why, text, accept."""
    world = whole()
    said = statement.encode(
        statement.parse(dsse.parse(world.envelopes[3], dsse.STATEMENT_TYPE).payload)
    ).decode()
    sound = {
        "statement": said,
        "envelope": world.envelopes[3].decode(),
        "leaf": world.leaves[3].decode(),
        "receipt": receipt.encode(receipt.read(world.receipts[3])[1]).decode(),
        "checkpoint": world.checkpoint().decode(),
        "vkey": VKEY,
    }
    accepted = [
        {"format": name, "why": "as written", "text": text, "accept": True}
        for name, text in sound.items()
    ]
    accepted += [
        {"format": name, "why": why, "text": _swap(sound[name], old, new), "accept": True}
        for name, why, old, new in _SOUND
    ]
    accepted += [_of_length(said, length) for length in (63, 65, 4096, 4097)]
    refused = [
        {"format": name, "why": why, "text": text, "accept": False}
        for name, why, text in _made_anew(sound, said)
    ]
    return (
        accepted
        + refused
        + [
            {"format": name, "why": why, "text": _swap(sound[name], old, new), "accept": False}
            for name, why, old, new in _SPOILED
        ]
    )


def _of_length(said: str, length: int) -> dict[str, Any]:
    """An envelope around so many bytes of signature: 64, or as many as an assertion can have."""
    raw = dsse.assemble(said.encode(), dsse.STATEMENT_TYPE, LOG.key_id, bytes(length))
    why = f"a signature of {length} bytes"
    accept = 64 <= length <= 4096
    return {"format": "envelope", "why": why, "text": raw.decode(), "accept": accept}


def _made_anew(sound: dict[str, str], said: str) -> list[tuple[str, str, str]]:
    """Texts with but one thing wrong, which no replacing of characters gives."""
    envelope = json.loads(sound["envelope"])
    (signature,) = envelope["signatures"]
    second = json.loads(dsse.sign(said.encode(), dsse.STATEMENT_TYPE, OWN).decode())["signatures"]
    last = signature["sig"][-3]
    after = _BASE64[_BASE64.index(last) + 1]
    unused = {**signature, "sig": signature["sig"][:-3] + after + "=="}
    odd = bytes([3]) + LOG.public
    hashed = hashlib.sha256(ORIGIN.encode() + b"\n" + odd).hexdigest()[:8]
    leaf = json.loads(sound["leaf"])
    long = {**json.loads(said), "refs": [_REF] * 700}
    payload = base64.b64encode(encode(long)).decode()
    too_long = {**leaf, "envelope": encode({**envelope, "payload": payload}).decode()}
    return [
        (
            "envelope",
            "two good signatures",
            encode({**envelope, "signatures": [signature, *second]}).decode(),
        ),
        ("envelope", "no signature", encode({**envelope, "signatures": []}).decode()),
        ("envelope", "unused base64 bits", encode({**envelope, "signatures": [unused]}).decode()),
        ("leaf", "over 65,535 bytes", encode(too_long).decode()),
        ("vkey", "unknown type", f"{ORIGIN}+{hashed}+{base64.b64encode(odd).decode()}"),
    ]


_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_REF = {"event": None, "record": "00" * 16, "rel": "see-also"}
# As _SPOILED, but to be taken: the bounds from inside.
_SOUND: list[tuple[str, str, str, str]] = [
    ("statement", "the largest integer", '"kind_version":1', '"kind_version":9007199254740991'),
    ("statement", "the last moment", "2026-11-22T08:04:00.123456Z", "9999-12-31T23:59:59.999999Z"),
    ("statement", "word of 64 characters", '"kind":"complaint"', f'"kind":"{"a" * 64}"'),
    ("statement", "a length that no padding gives", '"length":256', '"length":257'),
    ("checkpoint", "the largest size", "\n11\n", "\n9223372036854775807\n"),
    ("checkpoint", "signature of one byte", "", "\N{EM DASH} w AAAAAAA=\n"),
    ("checkpoint", "100 signature lines", "", "\N{EM DASH} w AAAAAAA=\n" * 99),
    ("checkpoint", "key name with a delete character", "", "\N{EM DASH} w\x7f AAAAAAA=\n"),
]


def _swap(text: str, old: str, new: str) -> str:
    if not old:
        return text + new
    assert old in text, (old, text)
    return text.replace(old, new, 1)


# format, why it must be refused, what is replaced (nothing: appended to the end), by what
_SPOILED: list[tuple[str, str, str, str]] = [
    ("statement", "space", '"v":1', '"v": 1'),
    ("statement", "newline at the end", "", "\n"),
    ("statement", "unknown key", '"version":1}', '"version":1,"w":1}'),
    ("statement", "missing key", '"step":null,', ""),
    ("statement", "version of the format", '"v":1', '"v":2'),
    ("statement", "true is not 1", '"v":1', '"v":true'),
    ("statement", "float", '"kind_version":1', '"kind_version":1.0'),
    ("statement", "integer too large", '"kind_version":1', '"kind_version":9007199254740992'),
    ("statement", "version 0", '"version":1', '"version":0'),
    ("statement", "version 2 without prev", '"version":1', '"version":2'),
    ("statement", "unknown event type", '"type":"opened"', '"type":"erased"'),
    ("statement", "facts that the type does not have", '"facts":{}', '"facts":{"hold":"00"}'),
    ("statement", "five digits of a second", "00.123456Z", "00.12345Z"),
    ("statement", "offset instead of Z", "00.123456Z", "00.123456+00:00"),
    ("statement", "no such minute", "08:04:00", "08:64:00"),
    ("statement", "upper-case hex", '"actor":"c', '"actor":"C'),
    ("statement", "odd hex", '"actor":"', '"actor":"a'),
    ("statement", "hour 24", "T08:04:00.123456Z", "T24:00:00.000000Z"),
    ("statement", "no such day", "2026-11-22T", "2026-02-29T"),
    ("statement", "year 0", "2026-11-22T", "0000-11-22T"),
    ("statement", "leap second", "08:04:00.", "08:04:60."),
    ("statement", "keys out of order", '"v":1,"version":1', '"version":1,"v":1'),
    ("statement", "key twice", '"v":1,', '"v":1,"v":1,'),
    ("statement", "minus zero", '"n":0', '"n":-0'),
    ("statement", "seen of size 0", '"seen":null', f'"seen":{{"root":"{"00" * 32}","size":0}}'),
    (
        "statement",
        "sign-off over nothing",
        '"signoff":null',
        '"signoff":{"covers":[],"meaning":"x"}',
    ),
    ("statement", "length 0", '"length":256', '"length":0'),
    ("statement", "prev on version 1", '"prev":null', f'"prev":"{"00" * 32}"'),
    ("statement", "origin with a space", '"origin":"archive', '"origin":"an archive'),
    ("statement", "word in upper case", '"kind":"complaint"', '"kind":"Complaint"'),
    ("statement", "word of 65 characters", '"kind":"complaint"', f'"kind":"{"a" * 65}"'),
    ("statement", "escaped where it need not be", '"kind":"complaint"', '"kind":"\\u0063omplaint"'),
    ("statement", "parts not numbered in order", '"n":1', '"n":2'),
    ("statement", "algorithm of another role", "A256GCM-HKDF-SEG", "A256GCM-HKDF"),
    ("statement", "unknown assurance", '"assurance":"session"', '"assurance":"sworn"'),
    ("envelope", "space", '","payloadType"', '", "payloadType"'),
    ("envelope", "other type", "statement.v1", "statement.v2"),
    ("envelope", "base64 unpadded", '=="}]}', '"}]}'),
    ("envelope", "base64 of the URL alphabet", '"payload":"eyJ', '"payload":"-_J'),
    ("envelope", "key id in upper case", '"keyid":"e', '"keyid":"E'),
    ("envelope", "unknown key", "}]}", '}],"x":1}'),
    ("envelope", "newline at the end", "", "\n"),
    ("leaf", "space", '"v":1}', '"v": 1}'),
    ("leaf", "format version", '"v":1}', '"v":2}'),
    ("leaf", "unknown key", '"v":1}', '"v":1,"w":1}'),
    ("leaf", "number in lower case", '"KS-2026-00017"', '"ks-2026-00017"'),
    ("leaf", "number missing", '"number":"KS-2026-00017",', ""),
    ("leaf", "time without fraction", '00.123456Z","v"', '00Z","v"'),
    ("leaf", "other escape for the quote", '{\\"payload', "{\\u0022payload"),
    ("leaf", "newline at the end", "", "\n"),
    ("receipt", "leading zero", '"index":3', '"index":03'),
    ("receipt", "plus sign", '"index":3', '"index":+3'),
    ("receipt", "version 0", '"version":1', '"version":0'),
    ("receipt", "unknown key", '"version":1}', '"version":1,"w":1}'),
    ("receipt", "index below 0", '"index":3', '"index":-1'),
    ("receipt", "index of 2^53", '"index":3', '"index":9007199254740992'),
    ("receipt", "hour 24", "T08:04:00.123456Z", "T24:00:00.000000Z"),
    ("checkpoint", "size 0 with another root", "\n11\n", "\n0\n"),
    ("checkpoint", "size of 2^63", "\n11\n", "\n9223372036854775808\n"),
    ("checkpoint", "signature of no byte", "", "\N{EM DASH} w AAAAAA==\n"),
    ("checkpoint", "key name with a plus", "", "\N{EM DASH} w+w AAAAAAA=\n"),
    ("checkpoint", "key name with a no-break space", "", "\N{EM DASH} w\u00a0w AAAAAAA=\n"),
    ("checkpoint", "101 signature lines", "", "\N{EM DASH} w AAAAAAA=\n" * 100),
    ("checkpoint", "unused base64 bits", "", "\N{EM DASH} w AAAAAAB=\n"),
    ("checkpoint", "plus sign", "\n11\n", "\n+11\n"),
    ("checkpoint", "leading zero", "\n11\n", "\n011\n"),
    ("checkpoint", "underscore", "\n11\n", "\n1_1\n"),
    ("checkpoint", "extension line", "=\n\n", "=\nextension\n\n"),
    ("checkpoint", "carriage return", "\n11\n", "\r\n11\n"),
    ("checkpoint", "vertical tab", "\n11\n", "\n11\v\n"),
    ("checkpoint", "hyphen for the dash", "\N{EM DASH}", "-"),
    ("checkpoint", "text after the signature", "", "more\n"),
    ("checkpoint", "empty line at the end", "", "\n"),
    ("vkey", "id of another key", "+8691a666", "+8691a667"),
    ("vkey", "id in upper case", "+8691a666", "+8691A666"),
    ("vkey", "cut short", "Uu", ""),
    ("vkey", "newline", "", "\n"),
]


PAGE = HERE.parents[1] / "docs" / "formats.md"
_BEGIN, _END = "<!-- worked example: begin -->\n", "<!-- worked example: end -->\n"


def page(text: str) -> str:
    """docs/formats.md with its worked example made anew."""
    before, rest = text.split(_BEGIN)
    _, after = rest.split(_END)
    return before + _BEGIN + _as_markdown(example()) + _END + after


def _as_markdown(values: dict[str, Any], prefix: str = "") -> str:
    out = ""
    for name, value in values.items():
        if isinstance(value, dict):
            out += _as_markdown(value, f"{prefix}{name}.")
            continue
        text = "\n".join(value) if isinstance(value, list) else str(value)
        out += f"`{prefix}{name}`\n\n```text\n{text.removesuffix(chr(10))}\n```\n\n"
    return out


def main() -> None:
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    for name, data in files().items():
        path = HERE / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)


if __name__ == "__main__":
    main()
