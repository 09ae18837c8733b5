"""Verification by hand: what docs/verify.md tells an auditor to type comes out right."""

from __future__ import annotations

import json
import re

import pytest

from tests.docs.serving import ROOT, Server

BLOCK = re.compile(r"^```sh by-hand\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = ["docs/verify.md", "docs/zh/verify.md"]


def by_hand(page: str) -> list[str]:
    return BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))


def script(page: str, then: str = "") -> str:
    """All blocks, in a folder of their own; `then` is typed after the files were handed over."""
    first, *rest = by_hand(page)
    return "\n".join(['cd "$(mktemp -d)"', first, then, *rest])


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_by_hand_an_auditor_reaches_the_signed_root(server: Server, page: str) -> None:
    """Twice the signed root, thrice a good signature, and the commitment that was signed."""
    done = server.type_in(script(page))
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    computed = re.findall(r"^computed ([0-9a-f]{64})$", done.stdout, re.MULTILINE)
    assert len(computed) == 2
    assert computed == re.findall(r"^signed   ([0-9a-f]{64})$", done.stdout, re.MULTILINE)
    assert done.stdout.count("Signature Verified Successfully") == 3
    *_, content, mine, committed, heads, _ = done.stdout.splitlines()
    assert f'"root":"{computed[0]}"' in heads
    assert json.loads(content)["values"]
    assert mine == committed


@pytest.mark.slow
def test_by_hand_a_changed_byte_is_seen(server: Server) -> None:
    """One bit of one published leaf, and the computed root is no longer the signed one."""
    flip = (
        "f=$(find log/tile/entries -type f | head -1)\n"
        'python -c \'import sys; p = sys.argv[1]; b = bytearray(open(p, "rb").read())\n'
        'b[4000] ^= 1; open(p, "wb").write(b)\' "$f"'
    )
    done = server.type_in(script(PAGES[0], flip))
    computed, proven = re.findall(r"^computed ([0-9a-f]{64})$", done.stdout, re.MULTILINE)
    assert computed != proven


def test_both_languages_do_the_same() -> None:
    """The blocks are the same but for their comments."""
    english, chinese = ([re.sub(r" *#.*", "", block) for block in by_hand(page)] for page in PAGES)
    assert len(english) > 5
    assert english == chinese
