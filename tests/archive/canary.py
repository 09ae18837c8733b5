"""Looking for a text wherever bytes are kept: in files, in streams, in a database's values."""

import base64
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import psycopg

SHORTEST = 6


def forms(text: str) -> set[bytes]:
    """The whole, its pairs in UTF-8 and \\u escapes, its triples in UTF-16, base64 at each offset.

    Nothing below six bytes: in a hundred megabytes of ciphertext any four turn up by chance.
    """
    found: set[bytes] = set()
    for piece in (text, *_pieces(text, 2)):
        escaped = json.dumps(piece)[1:-1].encode()
        found |= {piece.encode(), escaped, escaped.upper().replace(b"\\U", b"\\u")}
    for piece in (text, *_pieces(text, 3)):
        found |= {piece.encode("utf-16-le"), piece.encode("utf-16-be")}
    for offset in range(3):
        coded = base64.b64encode(b"\x00" * offset + text.encode())
        found.add(coded[4 if offset else 0 : -4])
    return {each for each in found if len(each) >= SHORTEST}


def _pieces(text: str, length: int) -> list[str]:
    pieces = (text[i : i + length] for i in range(len(text) - length + 1))
    return [piece for piece in pieces if not piece.isascii()]


def inflated(data: bytes) -> Iterator[bytes]:
    """What any zlib or gzip stream in the bytes holds."""
    for start in re.finditer(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08", data):
        reader = zlib.decompressobj(47)
        try:
            yield reader.decompress(data[start.start() : start.start() + 1_000_000], 1_000_000)
        except zlib.error:
            continue


def seen_in(files: dict[str, bytes], wanted: set[bytes]) -> set[str]:
    return {name for name, data in files.items() if any(each in data for each in wanted)}


def unpacked(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: b"\n".join((data, *inflated(data))) for name, data in files.items()}


def folder_files(folder: Path) -> dict[str, bytes]:
    found = {}
    for file in folder.rglob("*"):
        if file.is_file():
            found[str(file.relative_to(folder))] = file.read_bytes()
    return found


def values(dsn: str) -> dict[str, bytes]:
    """Every stored value as the server reads it: decompressed, which the files are not."""
    found = {}
    with psycopg.connect(dsn) as connection:
        tables = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables "
            "WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for schema, table in tables:
            rows = connection.execute(f'SELECT t FROM "{schema}"."{table}" t').fetchall()
            text = "\n".join(str(row) for row in rows)
            found[f"{schema}.{table}"] = text.encode() + b"\n" + from_hex(text)
    return found


def from_hex(text: str) -> bytes:
    return b"\n".join(bytes.fromhex(h) for h in re.findall(r"\\x((?:[0-9a-f]{2})+)", text))
