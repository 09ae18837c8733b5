"""The verifier as one HTML file that opens from disk and asks no network for anything.

Made from the readable sources beside this file and the sentences of `wording`: the same sources
give the same bytes. Its content security policy allows the one script and the one style that
stand in it, by their hashes, and nothing else.
"""

import base64
import hashlib
import json
from functools import cache
from pathlib import Path

from archive.evidence import wording
from archive.evidence.report import MOST_ALIKE

SCRIPTS = (
    "bytes",
    "canonical",
    "ed25519",
    "merkle",
    "note",
    "policy",
    "formats",
    "heads",
    "container",
    "report",
    "der",
    "ecdsa",
    "passkey",
    "publickey",
    "certificate",
    "timestamp",
    "stamps",
    "listing",
    "register",
    "history",
    "disclosure",
    "verify",
    "words",
    "interface",
)
NAME = "verify.html"

_HERE = Path(__file__).parent


@cache
def page() -> bytes:
    """The page, a few dozen KiB of UTF-8."""
    script = "\n".join(
        ['"use strict";', f"const WORDS = {_words()};", *(_source(f"{s}.js") for s in SCRIPTS)]
    )
    style = "\n" + _source("page.css")
    # Inline text ends at the first of these, wherever it stands.
    if "</script" in script.lower() or "<!--" in script or "</style" in style.lower():
        raise AssertionError("a source of the page would end its own element")
    text = _source("page.html")
    for name, part in (("policy", _policy(script, style)), ("style", style), ("script", script)):
        text = text.replace(f"{{{{{name}}}}}", part, 1)
    return text.encode("utf-8")


def _source(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _policy(script: str, style: str) -> str:
    allowed = [f"script-src '{_hash(script)}'", f"style-src '{_hash(style)}'"]
    closed = ["base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'"]
    return "; ".join(["default-src 'none'", *allowed, *closed])


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode()


def _words() -> str:
    """The sentences as JSON; in it `<` has its escape, so that none can end the script."""
    words = {
        "steps": wording.STEPS,
        "findings": wording.FINDINGS,
        "verdicts": wording.VERDICTS,
        "levels": wording.LEVELS,
        "phrases": wording.PHRASES,
        "places": wording.PLACES,
        "eventId": wording.EVENT_ID,
        "ofAll": sorted(wording.OF_ALL),
        "plain": sorted(wording.PLAIN),
        "mostAlike": MOST_ALIKE,
    }
    return json.dumps(words, ensure_ascii=False).replace("<", "\\u003c")
