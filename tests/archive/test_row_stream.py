"""Rows as bytes: what was written comes back, and nothing that no writer writes is taken."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.row_stream import RowReader, RowWriter, decoded, encoded
from archive.sealed_files import BackupDamaged
from archive.sql_copy import LOG_TABLES, Table, table

WHOLE = st.integers(-(2**63), 2**63 - 1)
KINDS: dict[str, st.SearchStrategy[Any]] = {
    "int": WHOLE,
    "bytes": st.binary(max_size=50),
    "text": st.text(max_size=20),
}


def rows(source: Table) -> st.SearchStrategy[list[Any]]:
    columns = []
    for _, kind in source.columns:
        values = KINDS[kind.removesuffix("?")]
        columns.append(st.none() | values if kind.endswith("?") else values)
    return st.tuples(*columns).map(list)


ANY = st.sampled_from(LOG_TABLES).flatmap(lambda t: st.tuples(st.just(t), st.lists(rows(t))))


def reader(data: bytes) -> RowReader:
    file = io.BytesIO(data)

    def read(length: int) -> bytes:
        got = file.read(length)
        if len(got) < length:
            raise BackupDamaged("ends too early")
        return got

    return RowReader(read)


@given(st.lists(ANY, max_size=4))
def test_streams_come_back(sections: list[tuple[Table, list[list[Any]]]]) -> None:
    """Every table, every value, in order."""
    file = io.BytesIO()
    out = RowWriter(file.write)
    for each, some in sections:
        assert out.section(each, some) == len(some)
    out.end()
    read = [(t, list(r)) for t, r in reader(file.getvalue()).sections(LOG_TABLES)]
    assert read == sections


@given(ANY.filter(lambda pair: pair[1] != []), st.data())
def test_a_row_has_one_spelling(pair: tuple[Table, list[list[Any]]], data: st.DataObject) -> None:
    """Changed bytes are refused or say something else; never the same row twice."""
    source, some = pair
    whole = encoded(source, some[0])
    at = data.draw(st.integers(0, len(whole) - 1))
    bad = whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]
    for changed in (bad, whole + b"\x00", whole[:at]):
        try:
            row = decoded(source, changed)
        except BackupDamaged:
            continue
        assert encoded(source, row) == changed
        assert row != some[0]


SMALL = table("small", "n:int", "n", 10)


def test_only_whole_streams_of_known_tables_are_read() -> None:
    """Wrong counts, unknown tables, cut ends and rows too long are refused."""
    file = io.BytesIO()
    out = RowWriter(file.write)
    out.section(SMALL, [(1,), (2,)])
    out.end()
    whole = file.getvalue()
    assert [list(r) for _, r in reader(whole).sections([SMALL])] == [[[1], [2]]]
    wrong_count = whole[:-2] + b"\x03" + whole[-1:]
    too_long = whole.replace(b"R\x00\x00\x00\x08", b"R\x7f\x00\x00\x08", 1)
    for bad in (wrong_count, too_long, b"", b"Q", *(whole[:n] for n in range(len(whole)))):
        with pytest.raises(BackupDamaged):
            list(reader(bad).sections([SMALL]))
    with pytest.raises(BackupDamaged, match="does not know"):
        list(reader(whole).sections(LOG_TABLES))
