"""The verifier on whole and spoiled bundles: every changed byte has a name."""

import io
import json
import re
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import cryptography
import pytest

from archive.evidence import bundle, container
from archive.evidence.__main__ import main
from archive.evidence.canonical import encode
from archive.evidence.errors import BundleError, EvidenceError
from archive.evidence.keys import SigningKey
from archive.evidence.note import VerifierKey
from archive.evidence.policy import Policy
from archive.evidence.report import Level, Report, Verdict
from archive.evidence.verify import verify
from archive.evidence.wording import FINDINGS, STEPS, render
from tests.vectors import generate
from tests.vectors.approving import CASES
from tests.vectors.world import (
    COMPLAINT,
    ORIGIN,
    VKEY,
    World,
    pack,
    unpack,
    whole,
)


def small() -> bytes:
    """One record of two events, with content and a file."""
    world = World()
    world.add(COMPLAINT, "opened", body={"text": "短"}, file=b"file", number="KS-2026-00017")
    world.receipts = world.receipts[-1:]
    return world.bundle()


def judge(data: bytes) -> Report | BundleError:
    try:
        return verify(io.BytesIO(data))
    except BundleError as error:
        return error


def regions(data: bytes) -> list[tuple[int, int, str]]:
    """(start, end, name) of each stretch of the file, computed by zipfile, not by us."""
    found = []
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            start = info.header_offset + 30 + len(info.filename)
            name = f"container: local header of {info.filename}"
            found.append((info.header_offset, start, name))
            found.append((start, start + info.file_size, info.filename))
    end = found[-1][1]
    return [*found, (end, len(data), "container: central directory")]


def test_every_flipped_byte_is_found_and_named() -> None:
    """Each single changed byte of the file is reported with its member or region."""
    data = small()
    for start, end, name in regions(data):
        for at in range(start, end):
            spoiled = bytearray(data)
            spoiled[at] ^= 0x40
            assert name in names(bytes(spoiled)), at


def names(data: bytes) -> list[str]:
    """Where the container says it was changed; the manifest's own places are told together."""
    try:
        found = container.Container(io.BytesIO(data)).check()
    except BundleError:
        return [container.MANIFEST, f"container: local header of {container.MANIFEST}"]
    named = [fault.where for fault in found]
    # Which of the two was changed is not to be told: one holds the checksum of the other.
    together = f"container: local header of {container.MANIFEST}" in named
    return [*named, container.MANIFEST] if together else named


def test_every_length_of_a_cut_bundle_fails() -> None:
    """However short it is cut, a bundle is refused or fails."""
    data = small()
    for length in range(0, len(data), 37):
        found = judge(data[:length])
        assert isinstance(found, BundleError) or not found.ok


@pytest.mark.parametrize("path", sorted(unpack(small())[1]))
def test_flips_behind_a_flawless_container(path: str) -> None:
    """With manifest and checksums made to fit, the evidence itself finds the changed byte."""
    head, members = unpack(small())
    step = max(1, len(members[path]) // 120)
    for at in range(0, len(members[path]), step):
        spoiled = bytearray(members[path])
        spoiled[at] ^= 1
        found = judge(pack(head, {**members, path: bytes(spoiled)}))
        assert isinstance(found, BundleError) or not found.ok, at


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_each_way_to_cheat_is_told_in_plain_words(lang: str) -> None:
    """For every vector the report names its reason's sentence; in Chinese, no English one."""
    at = ("zh", "en").index(lang)
    for case in CASES:
        data = (generate.HERE / f"bundles/{case.name}.zip").read_bytes()
        if case.exit != 1 or case.vkey:
            continue
        said = render(verify(io.BytesIO(data)), lang)
        assert FINDINGS[str(case.reason)][at] in said, case.name
        assert said.splitlines()[0].startswith(("结论：核验失败", "RESULT: FAILED")[at])
        sentences = [line for line in said.splitlines() if line.startswith("    ")]
        assert lang == "en" or not [
            s for s in sentences if re.search(r"[a-z]+ [a-z]+ [a-z]+", s) and not _PARSER.search(s)
        ], case.name


# The few findings after which the parser's own English stands in brackets.
_PARSER = re.compile("写法不合格式|检查点不能使用|信任的公钥或策略|回执写法不合格式")


def test_the_honest_bundle_says_what_it_cannot_check() -> None:
    """Without a key from elsewhere the report says that the key came from the bundle."""
    found = verify(io.BytesIO(whole().bundle()))
    codes = {finding.code for finding in found.findings}
    outside = {"disposal-outside", "disposal-approval-outside"}
    assert {"key-from-bundle", "anchor-open", *outside} == codes
    assert all(finding.level is Level.NOT_CHECKED for finding in found.findings)
    trusted = verify(io.BytesIO(whole().bundle()), Policy.of_vkey(VKEY))
    assert trusted.key_trusted
    assert "key-from-bundle" not in {finding.code for finding in trusted.findings}


def test_another_key_of_the_same_name_is_not_trusted() -> None:
    """A log key that the reader does not know makes the checkpoint fail."""
    other = VerifierKey.make(ORIGIN, SigningKey.generate().verify_key())
    found = verify(io.BytesIO(whole().bundle()), Policy.of_vkey(str(other)))
    assert [kind for kind in found.kinds if kind[1] is Level.FAILED] == [
        (3, Level.FAILED, "policy")
    ]


def test_the_same_evidence_gives_the_same_bytes() -> None:
    """A bundle has one spelling, which ordinary zip tools read."""
    data = whole().bundle()
    assert data == whole().bundle()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.namelist()[0] == container.MANIFEST


@pytest.mark.parametrize("path", ["../x", "/x", "content/../x", "attachments/x", "con", "leaves"])
def test_a_path_that_is_none_of_ours_is_refused(path: str) -> None:
    """No member can have a name that leads anywhere."""
    head, members = unpack(small())
    with pytest.raises(BundleError, match="list members"):
        verify(io.BytesIO(pack(head, {**members, path: b"x"})))


def test_the_listing_of_a_zip_tool_is_no_bundle() -> None:
    """The same members zipped by an ordinary tool are not canonical."""
    _, members = unpack(small())
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", b"{}")
        for path, data in members.items():
            archive.writestr(path, data)
    with pytest.raises(BundleError):
        verify(file)


def test_zip64_offsets(tmp_path: Path) -> None:
    """Beyond 4 GiB the zip64 fields stand exactly where an offset does not fit."""
    path = tmp_path / "big"
    members = [container.Member("a", 2**32 - 2, ""), container.Member("b", 5, "")]
    directory = container._directory(members, [1, 2])  # noqa: SLF001 (a 4 GiB file is too slow)
    with path.open("wb") as file:
        file.write(container._local("a", 1, 2**32 - 2))  # noqa: SLF001 (the same)
        file.seek(31 + 2**32 - 2)
        file.write(container._local("b", 2, 5) + b"12345" + directory)  # noqa: SLF001 (the same)
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
    assert [info.header_offset for info in infos] == [0, 31 + 2**32 - 2]
    assert [info.file_size for info in infos] == [2**32 - 2, 5]


def test_every_finding_has_its_sentences() -> None:
    """Codes used in the code and sentences in the table are the same."""
    package = Path(bundle.__file__).parent
    files = [path for path in package.glob("*.py") if path.name != "wording.py"]
    source = "".join(file.read_text(encoding="utf-8") for file in files)
    assert all(f'"{code}"' in source for code in FINDINGS)
    assert list(STEPS) == list(range(1, 16))
    assert {verdict.value for verdict in Verdict} >= {"OPENED", "DISPOSED", "WITHHELD", "MISSING"}


@pytest.mark.parametrize(("length", "failing"), [(2**21, []), (2**21 + 1, [1])])
def test_a_page_inside_is_bounded(length: int, failing: list[int]) -> None:
    """Two MiB and no more; and it is named with its hash, for whoever has it from elsewhere."""
    head, members = unpack(small())
    page = b" " * length
    found = judge(pack(head, {**members, "verify.html": page}))
    assert isinstance(found, Report)
    assert found.failed_steps == failing
    told = [f.detail for f in found.findings if f.code == "page-inside"]
    assert told == [sha256(page).hexdigest()]


def run(*arguments: str) -> int:
    return main(arguments)


def test_command_exit_status(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """0 nothing failed, 1 failed, 2 unusable; --json for machines."""
    good, bad, none = tmp_path / "good", tmp_path / "bad", tmp_path / "none"
    good.write_bytes(whole().bundle())
    bad.write_bytes(whole().bundle() + b"\0")
    assert run(str(good), "--vkey", VKEY) == 0
    assert run(str(good), "--lang", "en", "--json") == 0
    assert run(str(bad)) == 1
    assert run(str(none)) == 2
    assert run(str(good), "--vkey", "nonsense") == 2
    policy = tmp_path / "policy"
    policy.write_text(f"# ours\nlog {VKEY}\nquorum none\n")
    assert run(str(good), "--policy", str(policy)) == 0
    policy.write_text("quorum none\n")
    assert run(str(good), "--policy", str(policy)) == 2


@pytest.mark.parametrize("form", ["--lang=en", "--json"])
def test_names_that_are_no_text_are_told(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], form: str
) -> None:
    """Bytes in a policy that are no UTF-8 end in a verdict, whoever wrote it."""
    head, members = unpack(small())
    proposed, own = tmp_path / "proposed", tmp_path / "own"
    proposed.write_bytes(pack(head, {**members, "policy": b"quorum \xff\n"}))
    assert run(str(proposed), form) == 1
    assert b"policy line 1" in capfdbinary.readouterr().out
    witness = VerifierKey.make("w.example", SigningKey.generate().verify_key())
    own.write_bytes(f"log {VKEY}\n".encode() + b"witness \xff %b\nquorum \xff\n" % (
        str(witness).encode()
    ))  # fmt: skip
    assert run(str(proposed), "--policy", str(own), form) == 1
    assert b"0 of 1" in capfdbinary.readouterr().out


def test_as_a_program_with_nothing_but_cryptography(tmp_path: Path) -> None:
    """The folder alone runs without site-packages: standard library and `cryptography` only."""
    alone, beside = tmp_path / "alone", tmp_path / "beside"
    shutil.copytree(Path(bundle.__file__).parent, alone / "archive" / "evidence")
    beside.mkdir()
    installed = Path(cryptography.__file__).parents[1]
    # The second is what cryptography itself is built on.
    for name in ("cryptography", *(path.name for path in installed.glob("_cffi_backend*"))):
        (beside / name).symlink_to(installed / name)
    (tmp_path / "b.zip").write_bytes(whole().bundle())
    program = (
        f"import runpy, sys; sys.path += [{str(alone)!r}, {str(beside)!r}];"
        " sys.argv = ['verify', 'b.zip', '--json'];"
        " runpy.run_module('archive.evidence', run_name='__main__', alter_sys=True)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout)["ok"] is True


@pytest.mark.parametrize(
    "text",
    ["", "log", "log x", f"log {VKEY}\nquorum w1", f"log {VKEY}\ngroup g 1 w1", "witness w x",
     f"log {VKEY}\nquorum none\nquorum none", f"log {VKEY}\nnonsense", f"log {VKEY} # comment x y"],
)  # fmt: skip
def test_bad_policies(text: str) -> None:
    """A policy that is not understood is refused, not read half."""
    with pytest.raises(EvidenceError):
        Policy.parse(text)


ODD: list[object] = [
    None,
    True,
    -1,
    0,
    2**53 - 1,
    "",
    "x",
    "\u4e00",
    "00" * 16,
    "00" * 32,
    [],
    {},
    [{}],
    ["x"],
]


def variants(value: object) -> Iterator[object]:
    """`value` with each of its members replaced by odd things, one at a time."""
    yield from ODD
    if isinstance(value, dict):
        for key, item in value.items():
            yield {name: kept for name, kept in value.items() if name != key}
            for other in variants(item):
                yield {**value, key: other}
    elif isinstance(value, list) and value:
        for other in variants(value[0]):
            yield [other, *value[1:]]


@pytest.mark.parametrize("path", ["keys.jsonl", "leaves.jsonl", "openings.jsonl"])
def test_odd_values_in_lines_are_found(path: str) -> None:
    """Whatever stands in a line, the answer is a report that fails or our own error."""
    head, members = unpack(small())
    first, *rest = members[path].splitlines(keepends=True)
    original = json.loads(first)
    for value in variants(original):
        if value == original:
            continue
        line = encode(value) + b"\n"
        found = judge(pack(head, {**members, path: line + b"".join(rest)}))
        assert isinstance(found, BundleError) or not found.ok, value


def test_odd_values_in_the_manifest_are_found() -> None:
    """The same for what the manifest says."""
    head, members = unpack(small())
    for value in variants(head):
        if isinstance(value, dict) and value != head:
            found = judge(pack(value, members))
            assert isinstance(found, BundleError) or not found.ok, value


def test_odd_lists_of_members_are_refused() -> None:
    """A list of members that is not as it must be makes the bundle unusable."""
    data = small()
    box = container.Container(io.BytesIO(data))
    start = 30 + len(container.MANIFEST)
    old = encode(box.manifest)
    for value in variants(box.manifest["members"]):
        if value == box.manifest["members"]:
            continue
        manifest = encode({**box.manifest, "members": value})
        header = container._local(  # noqa: SLF001 (only the reader's own header gets that far)
            container.MANIFEST, zlib.crc32(manifest), len(manifest)
        )
        found = judge(header + manifest + data[start + len(old) :])
        assert isinstance(found, BundleError) or not found.ok, value
