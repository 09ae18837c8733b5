"""Files made to harm whoever checks them: refused in a moment, in little memory, with no trace."""

from __future__ import annotations

import io
import json
import resource
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
WHOLE = ROOT / "tests" / "vectors" / "bundles" / "whole.zip"
MEMORY = 400 * 1024 * 1024
"""Bytes of address space; a whole bundle takes a tenth of it."""
SECONDS = 20
"""Of processor time; each takes less than two."""


def local(name: bytes, data: bytes, size: int | None = None, method: int = 0) -> bytes:
    """A member as a bundle has it, but for what is asked to differ."""
    told = len(data) if size is None else size
    return (
        struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0x0800, method, 0, 0x21,
                    zlib.crc32(data), told, told, len(name), 0) + name + data
    )  # fmt: skip


def manifest(data: bytes) -> bytes:
    return local(b"manifest.json", data)


def with_members(*paths: str) -> bytes:
    """The whole bundle's manifest, with members of these paths in it."""
    with zipfile.ZipFile(WHOLE) as box:
        head = json.loads(box.read("manifest.json"))
    head["members"] += [{"path": path, "sha256": "0" * 64, "size": 1} for path in paths]
    head["members"].sort(key=lambda member: member["path"].encode("utf-8", "surrogatepass"))
    text = json.dumps(head, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
    return manifest(text.encode("ascii"))


def respelled(old: bytes, new: bytes) -> bytes:
    with zipfile.ZipFile(WHOLE) as box:
        text = box.read("manifest.json")
    assert old in text
    return manifest(text.replace(old, new, 1))


def deflated(name: str) -> bytes:
    """A quarter of a gigabyte of zeros in some hundred kilobytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as box, box.open(name, "w") as member:
        for _ in range(16):
            member.write(bytes(16 * 1024 * 1024))
    return packed.getvalue()


def endless_line() -> bytes:
    """Sixty-four megabytes of leaves without an end of line."""
    line = b'{"index":0,"leaf":"' + b"a" * (64 * 1024 * 1024)
    with zipfile.ZipFile(WHOLE) as box:
        members = {name: box.read(name) for name in box.namelist()}
    head = json.loads(members.pop("manifest.json"))
    members["leaves.jsonl"] = line
    for member in head["members"]:
        member["size"] = len(members[member["path"]])
    text = json.dumps(head, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    parts = [local(name.encode(), members[name]) for name in sorted(members)]
    return manifest(text.encode()) + b"".join(parts)


HOSTILE: dict[str, Callable[[], bytes]] = {
    "slip-up": lambda: with_members("../../evil.txt"),
    "slip-root": lambda: with_members("/etc/evil.txt"),
    "slip-inside": lambda: with_members("content/../../evil.txt"),
    "slip-windows": lambda: with_members("content\\..\\evil.txt", "C:\\evil.txt"),
    "slip-first": lambda: local(b"../manifest.json", b"{}"),
    "slip-nul": lambda: with_members("content/\u0000evil.json"),
    "name-surrogate": lambda: with_members("content/\ud800.json"),
    "name-turned": lambda: with_members("attachments/\u202egnp.exe"),
    "bomb-first": lambda: deflated("manifest.json"),
    "bomb-leaves": lambda: local(b"manifest.json", b"{}") + deflated("leaves.jsonl"),
    "bomb-method": lambda: local(b"manifest.json", zlib.compress(bytes(1 << 24)), method=8),
    "members-many": lambda: with_members(*(f"attachments/{n:032x}" for n in range(60_001))),
    "members-millions": lambda: manifest(b'{"members":[' + b"0," * 7_000_000 + b"0]}"),
    "manifest-huge": lambda: manifest(b" " * (17 * 1024 * 1024)),
    "manifest-claims": lambda: local(b"manifest.json", b"{}", size=0xFFFFFFFF),
    "manifest-cut": lambda: local(b"manifest.json", b'{"format":"', size=100_000),
    "deep-lists": lambda: manifest(b"[" * 5_000_000),
    "deep-objects": lambda: manifest(b'{"a":' * 1_000_000 + b"1" + b"}" * 1_000_000),
    "integer-huge": lambda: respelled(b'"size":', b'"size":' + b"9" * 1_000_000),
    "integer-beyond": lambda: respelled(b'"size":', b'"size":9007199254740993'),
    "integer-minus": lambda: respelled(b'"size":', b'"size":-'),
    "number-float": lambda: respelled(b'"size":', b'"size":1e308'),
    "key-twice": lambda: respelled(b'"format":', b'"format":"liuhen-bundle/v1","format":'),
    "not-a-number": lambda: manifest(b'{"size":NaN}'),
    "utf-16": lambda: manifest('{"format":"liuhen-bundle/v1"}'.encode("utf-16")),
    "utf-8-mark": lambda: respelled(b'{"', b'\xef\xbb\xbf{"'),
    "utf-8-broken": lambda: respelled(b'"origin":"', b'"origin":"\xff\xfe'),
    "utf-8-overlong": lambda: respelled(b'"origin":"', b'"origin":"\xc0\xaf'),
    "surrogate-alone": lambda: respelled(b'"origin":"', b'"origin":"\\ud800'),
    "line-endless": endless_line,
    "empty": lambda: b"",
    "only-end": lambda: b"PK\x05\x06" + bytes(18),
}  # fmt: skip


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_bundle_is_refused_in_bounds(name: str, tmp_path: Path) -> None:
    """A sentence and a status, within memory and time, and no file that was not there before."""
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    (inside / "hostile.zip").write_bytes(HOSTILE[name]())
    run = subprocess.run(
        [sys.executable, "-m", "archive.evidence", "hostile.zip", "--lang", "en"],
        cwd=inside, env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=limited, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = run.stdout + run.stderr
    assert run.returncode in (1, 2), said[-2000:]
    assert "Traceback" not in said
    assert "hostile.zip: cannot be used" in said or "FAILED" in said
    assert len(said) < 20_000
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [inside / "hostile.zip"]


def test_a_whole_bundle_fits_into_these_bounds() -> None:
    """Else the bounds, and not the checks, would be what refuses."""
    run = subprocess.run(
        [sys.executable, "-m", "archive.evidence", str(WHOLE)],
        env={"PYTHONPATH": str(ROOT)}, preexec_fn=limited, capture_output=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0
