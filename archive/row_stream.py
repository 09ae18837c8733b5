"""Rows of tables as one stream of bytes, the same from whichever database they came.

    section  "S", one byte of length, its name
    row      "R", 4 bytes of length, the columns: an integer in 8 bytes, bytes and text (UTF-8)
             after 4 bytes of length; a column that may be empty is led by 1 (there) or 0 (empty)
    end      "E" and the number of rows in 8 bytes closes a section; "Z" closes the stream

Numbers are big-endian, integers signed. A reader takes nothing that a writer would not write.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from archive.sealed_files import BackupDamaged
from archive.sql_copy import Row, Table

LONGEST_ROW = 64 * 1024 * 1024
_INT, _LENGTH, _COUNT = struct.Struct(">q"), struct.Struct(">I"), struct.Struct(">Q")


class RowWriter:
    """`write` takes the bytes in order."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write

    def section(self, table: Table, rows: Iterable[Row]) -> int:
        """A whole section; returns how many rows it has."""
        name, count = table.name.encode(), 0
        self._write(b"S" + bytes([len(name)]) + name)
        for row in rows:
            data = encoded(table, row)
            self._write(b"R" + _LENGTH.pack(len(data)) + data)
            count += 1
        self._write(b"E" + _COUNT.pack(count))
        return count

    def end(self) -> None:
        self._write(b"Z")


class RowReader:
    """`read` gives exactly so many bytes. Sections are read to their end, one after the other."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read

    def sections(self, tables: Iterable[Table]) -> Iterator[tuple[Table, Iterator[Row]]]:
        """Every section up to the end of the stream; BackupDamaged for a table not named."""
        known = {table.name: table for table in tables}
        while (mark := self._read(1)) == b"S":
            name = self._read(self._read(1)[0]).decode("utf-8", "replace")
            if name not in known:
                raise BackupDamaged(
                    f"a table {name!r} that this version does not know: restore with the version "
                    "that made this backup, or a later one"
                )
            rows = self._rows(known[name])
            yield known[name], rows
            for _ in rows:  # what was not asked for is checked all the same
                pass
        if mark != b"Z":
            raise BackupDamaged("no section begins where one should")

    def one(self, table: Table) -> list[Row]:
        """The rows of the next section, which has to be this table's."""
        name = table.name.encode()
        if self._read(2 + len(name)) != b"S" + bytes([len(name)]) + name:
            raise BackupDamaged(f"the section {table.name} is missing")
        return list(self._rows(table))

    def _rows(self, table: Table) -> Iterator[Row]:
        count = 0
        while (mark := self._read(1)) == b"R":
            (length,) = _LENGTH.unpack(self._read(4))
            if length > LONGEST_ROW:
                raise BackupDamaged(f"a row of {length} bytes in {table.name}")
            count += 1
            yield decoded(table, self._read(length))
        if mark != b"E" or _COUNT.unpack(self._read(8))[0] != count:
            raise BackupDamaged(f"the section {table.name} does not end as it should")


def encoded(table: Table, row: Row) -> bytes:
    parts = []
    for (_, kind), value in zip(table.columns, row, strict=True):
        if kind[-1] == "?":
            parts.append(b"\x00" if value is None else b"\x01")
            if value is None:
                continue
        if kind[0] == "i":
            parts.append(_INT.pack(value))
        else:
            data = value.encode() if kind[0] == "t" else value
            parts += (_LENGTH.pack(len(data)), data)
    return b"".join(parts)


def decoded(table: Table, data: bytes) -> Row:
    """The row; BackupDamaged unless these are the very bytes that `encoded` gives for it."""
    row: list[Any] = []
    at = 0
    try:
        for _, kind in table.columns:
            if kind[-1] == "?":
                at += 1
                if data[at - 1] == 0:
                    row.append(None)
                    continue
                if data[at - 1] != 1:
                    raise BackupDamaged(f"a row of {table.name} is not as it should be")
            if kind[0] == "i":
                row.append(_INT.unpack_from(data, at)[0])
                at += 8
                continue
            end = at + 4 + _LENGTH.unpack_from(data, at)[0]
            value = data[at + 4 : end]
            row.append(value.decode() if kind[0] == "t" else value)
            at = end
    except (struct.error, IndexError, UnicodeDecodeError):
        at = -1
    if at != len(data):
        raise BackupDamaged(f"a row of {table.name} is not as it should be")
    return row
