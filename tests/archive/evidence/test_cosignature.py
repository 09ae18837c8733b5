"""Cosignatures and the bodies of add-checkpoint, against the specification's own examples."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.evidence import cosignature as said
from archive.evidence import note
from archive.evidence.errors import EvidenceError, FormatError, ProofError, SignatureError
from archive.evidence.keys import SigningKey
from archive.evidence.merkle import EMPTY_ROOT

KEY = SigningKey.from_seed(bytes(range(32)))
NAMED = note.VerifierKey.make("witness.example/w1", KEY.verify_key(), note.COSIGNATURE)
TEXT = b"example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
LINE = "\N{EM DASH} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"  # noqa: E501
# The example of tlog-witness, as it stands there.
EXAMPLE = (
    b"old 20852014\n"
    b"PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n"
    b"jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n"
    b"5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n"
    b"/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n"
    b"\n" + TEXT + b"\n" + LINE.encode()
)


def test_the_specifications_request() -> None:
    """It reads as what it says, and is written again byte for byte."""
    request, parsed, head = said.parse_request(EXAMPLE)
    assert (request.old, len(request.proof), head.size) == (20852014, 4, 20852163)
    assert head.origin == "example.com/behind-the-sofa"
    assert len(parsed.signatures) == 1
    assert said.encode_request(request) == EXAMPLE


SPOILED = {
    "plus": (b"old 20852014", b"old +20852014"),
    "leading zero": (b"old 20852014", b"old 020852014"),
    "two spaces": (b"old 20852014", b"old  20852014"),
    "no old": (b"old 20852014\n", b""),
    "larger old": (b"old 20852014", b"old 20852164"),
    "2^63": (b"old 20852014", b"old 9223372036854775808"),
    "crlf": (b"old 20852014\n", b"old 20852014\r\n"),
    "short hash": (b"pkaw=", b"=="),
    "31 bytes": (b"PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=", base64.b64encode(bytes(31))),
    "unused bits": (b"DDpkaw=", b"DDpkax="),
    "no empty line": (b"\n\nexample", b"\nexample"),
    "no signature": (LINE.encode(), b""),
    "text behind": (LINE.encode(), LINE.encode() + b"more\n"),
    "no last newline": (LINE.encode(), LINE.encode()[:-1]),
    "size 1_0": (b"\n20852163\n", b"\n2085_2163\n"),
    "short root": (b"CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=", b"CsUYapGG"),
}


@pytest.mark.parametrize("why", SPOILED)
def test_other_requests(why: str) -> None:
    """Anything but the one spelling is refused."""
    old, new = SPOILED[why]
    assert EXAMPLE.count(old) >= 1
    with pytest.raises(FormatError):
        said.parse_request(EXAMPLE.replace(old, new))


def test_how_much_a_request_holds() -> None:
    """63 hashes are taken, 64 are not; nor is a body beyond the bound."""
    hash_, tail = base64.b64encode(bytes(32)) + b"\n", b"\n" + TEXT + b"\n" + LINE.encode()
    assert len(said.parse_request(b"old 1\n" + hash_ * 63 + tail)[0].proof) == 63
    with pytest.raises(FormatError):
        said.parse_request(b"old 1\n" + hash_ * 64 + tail)
    with pytest.raises(FormatError):
        said.parse_request(EXAMPLE + LINE.encode() * 2000)


def test_extension_lines_are_cosigned() -> None:
    """Another log's checkpoint may have them; ours has none."""
    body = EXAMPLE.replace(b"q2I=\n\n", b"q2I=\nmore to say\n\n")
    _, parsed, head = said.parse_request(body)
    assert head.size == 20852163
    assert parsed.text.endswith(b"more to say\n")


@given(st.integers(1, 2**63 - 1))
def test_what_is_cosigned_verifies(moment: int) -> None:
    """The line says its time, survives writing and reading, and fits no other text."""
    line = said.cosign(TEXT, NAMED.name, KEY, moment)
    assert note.parse_lines(note.line_of(line)) == (line,)
    assert said.verify(TEXT, line, NAMED) == said.time_of(line) == moment
    with pytest.raises(SignatureError):
        said.verify(TEXT.replace(b"20852163", b"20852164"), line, NAMED)


def test_times_out_of_bounds() -> None:
    """Neither 0 nor 2^63 is a time, whoever signed it."""
    for moment in (0, -1, 2**63):
        with pytest.raises(FormatError):
            said.cosign(TEXT, NAMED.name, KEY, moment)
    for moment in (0, 2**63):
        signed = KEY.sign(note.cosigned_message(TEXT, moment))
        line = note.Signature(NAMED.name, NAMED.hash, moment.to_bytes(8, "big") + signed)
        with pytest.raises(SignatureError):
            said.verify(TEXT, line, NAMED)


def test_a_log_signature_is_no_cosignature() -> None:
    """A line of type 1 by the same key and name has another id."""
    line = note.parse(note.sign(TEXT, NAMED.name, KEY)).signatures[0]
    with pytest.raises(SignatureError):
        said.verify(TEXT, line, NAMED)


@pytest.mark.parametrize("size", [0, 1, 20852163, 2**63 - 1])
def test_sizes_of_a_409(size: int) -> None:
    """Decimal, a newline, nothing else."""
    assert said.parse_size(said.encode_size(size)) == size
    for odd in (b"%d", b"+%d\n", b"0%d\n", b"%d\r\n", b"%d\n\n", b" %d\n"):
        with pytest.raises(FormatError):
            said.parse_size(odd % size)


def test_an_empty_tree_has_one_root() -> None:
    """Of size 0 only the hash of nothing can be cosigned."""
    said.advance(None, (), said.Head("x", 0, EMPTY_ROOT))
    with pytest.raises(ProofError):
        said.advance(None, (), said.Head("x", 0, bytes(32)))


@given(st.binary())
def test_never_leaks(data: bytes) -> None:
    """Random bytes give our error."""
    for read in (said.parse_request, said.parse_size, said.read_head, note.parse_lines):
        with pytest.raises(EvidenceError):
            read(data)
