"""One spelling for what is said: whatever is read is written again as the same bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.evidence.errors import EvidenceError
from tests.archive.evidence.formats import FORMATS

NAMES = st.sampled_from(sorted(FORMATS))
EDITS = st.lists(
    st.tuples(st.integers(0, 2**31), st.integers(0, 8), st.binary(max_size=8)),
    min_size=1,
    max_size=3,
)


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_written_is_read(name: str) -> None:
    """The example is taken, and written again as it was."""
    example = FORMATS[name].example()
    assert FORMATS[name].read(example) in (example, None)


@given(NAMES, EDITS)
def test_an_edit_is_refused_or_is_another_whole_one(
    name: str, edits: list[tuple[int, int, bytes]]
) -> None:
    """Bytes replaced, cut out or put in: our own refusal, or read and written as they are."""
    data = FORMATS[name].example()
    for where, cut, put in edits:
        at = where % (len(data) + 1)
        data = data[:at] + put + data[at + cut :]
    try:
        again = FORMATS[name].read(data)
    except EvidenceError:
        return
    assert again in (data, None)


@given(NAMES, st.binary(max_size=300))
def test_no_bytes_lead_to_another_error(name: str, data: bytes) -> None:
    """Whatever comes, the reader's refusal is one of ours."""
    try:
        again = FORMATS[name].read(data)
    except EvidenceError:
        return
    assert again in (data, None)
