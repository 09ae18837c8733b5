"""Every byte of an archive changed in turn: where the bytes are, and who notices.

A flip writes one changed value into the real table, runs the real check over it, and writes the
old value back. `UNJUDGED` says what may change without anybody noticing, and why.
"""

from __future__ import annotations

import io
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import psycopg

from archive.check import Thoroughness, check
from archive.evidence.container import Container
from archive.evidence.errors import BundleError, EvidenceError
from archive.evidence.policy import Policy
from archive.evidence.verify import verify
from archive.inspection import Sources
from archive.opening import Archive
from archive.store import StoreError
from tests.vectors.world import pack, unpack

WHOLE = 64 * 1024
"""Bytes of a value of which each is flipped; of a longer one the ends and a sample."""
UNJUDGED: dict[tuple[str, str], str] = {
    ("idempotency", "*"): "answers to retries; no leaf names a request, the caller has the receipt",
    ("sources", "*"): "the same, for what a source sent",
    ("staged", "*"): "uploads that no event names yet",
    ("segments", "staged_at"): "when an upload may be swept away; of no account once it is named",
    ("checkpoints", "id"): "in which order rows came; heads are ordered by size",
    (
        "checkpoints",
        "made_at",
    ): "shown as the age of a head; time is proven by tokens and witnesses",
    ("timestamps", "id"): "in which order rows came",
    ("timestamps", "token_hash"): "only keeps one token from being stored twice",
    ("timestamps", "renewed"): "whether to renew; the renewal's own row says it",
    ("timestamps", "authority"): "which of the configured roots to verify with; under a name that "
    "nobody configured a token is counted as not judged, and proves no time",
    ("cosignatures", "id"): "in which order rows came",
    ("schema_steps", "*"): "which program made the tables; a number too high refuses to open",
    ("head", "one"): "always true",
    ("secrets", "expires"): "when a secret is forgotten",
    ("destroyed", "*"): "that a key is gone says the missing row; this only tells it sooner",
}
TOKENS = frozenset({"timestamps", "checkpoints"})
"""Tables that are judged with the tokens, which is slow; the others say nothing about them."""
UNTRUSTED_MEMBERS = frozenset({"policy", "verify.html"})
"""Members of a bundle that are only covered by its container, as the verifier tells its reader."""


@dataclass(frozen=True)
class Cell:
    table: str
    key: tuple[tuple[str, Any], ...]
    column: str
    value: Any


@dataclass(frozen=True)
class Spot:
    """One byte of a cell's value, and what it is exclusive-ored with."""

    cell: Cell
    at: int
    mask: int

    def flipped(self) -> Any:
        """The changed value; None where no value of the column's type has those bytes."""
        raw = bytearray(as_bytes(self.cell.value))
        raw[self.at] ^= self.mask
        if isinstance(self.cell.value, str):
            try:
                text = bytes(raw).decode()
            except UnicodeDecodeError:
                return None
            return None if "\0" in text else text
        if isinstance(self.cell.value, int):
            return int.from_bytes(raw, "big", signed=True)
        return bytes(raw)


def as_bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    return value.to_bytes(8, "big", signed=True) if isinstance(value, int) else bytes(value)


def places(length: int, chosen: random.Random) -> Sequence[int]:
    if length <= WHOLE:
        return range(length)
    ends = [*range(1024), *range(length - 1024, length)]
    return sorted({*ends, *chosen.sample(range(length), WHOLE // 16)})


@dataclass
class Tables:
    """The tables of one database, by a connection of the attacker's own."""

    run: Callable[..., list[Any]]
    columns: dict[str, list[str]]
    keys: dict[str, list[str]]
    rows: Callable[[str, Sequence[str]], Iterable[Sequence[Any]]]

    def cells(self) -> Iterator[Cell]:
        for table, columns in self.columns.items():
            for row in self.rows(table, columns):
                said = dict(zip(columns, row, strict=True))
                key = tuple((column, said[column]) for column in self.keys[table])
                for column, value in said.items():
                    if value is not None and not isinstance(value, bool):
                        yield Cell(table, key, column, value)

    def write(self, cell: Cell, old: Any, new: Any) -> bool:
        """Whether the database took it: some values are another row's, or out of bounds."""
        key = {**dict(cell.key), **({cell.column: old} if cell.column in dict(cell.key) else {})}
        where = " AND ".join(f"{column} = ?" for column in key)
        try:
            self.run(
                f"UPDATE {cell.table} SET {cell.column} = ? WHERE {where}", (new, *key.values())
            )
        except (apsw.ConstraintError, psycopg.IntegrityError, psycopg.DataError):
            return False
        except psycopg.errors.GeneratedAlways:
            return False
        return True


def sqlite_tables(connection: apsw.Connection) -> Tables:
    """Guards dropped, nothing flushed: what is tried here is read back by the same machine."""
    connection.execute("PRAGMA synchronous = OFF")
    for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'"):
        connection.execute(f"DROP TRIGGER {name}")
    listed = connection.execute(  # as SQLite knows them: what else the schema says is not read
        "SELECT name FROM pragma_table_list "
        "WHERE schema = 'main' AND type = 'table' AND name <> 'sqlite_schema'"
    ).fetchall()
    columns, keys = {}, {}
    for (table,) in listed:
        question = "SELECT name, pk FROM pragma_table_info(?)"
        try:
            said = connection.execute(question, (table,)).fetchall()
        except UnicodeDecodeError:  # a column's name is none any more: its cells are not there
            continue
        columns[str(table)] = [str(name) for name, _ in said]
        keys[str(table)] = [str(name) for name, place in said if place]
    return Tables(
        lambda sql, params=(): connection.execute(sql, params).fetchall(),
        columns,
        keys,
        partial(sqlite_rows, connection),
    )


def sqlite_rows(
    connection: apsw.Connection, table: str, columns: Sequence[str]
) -> Iterator[Sequence[Any]]:
    """Also where a text is none any more."""
    wanted = ", ".join(
        f"typeof({c}) = 'text', iif(typeof({c}) = 'text', CAST({c} AS BLOB), {c})" for c in columns
    )
    for row in connection.execute(f"SELECT {wanted} FROM {table}"):
        pairs = zip(row[::2], row[1::2], strict=True)
        yield [
            v.decode(errors="surrogateescape") if is_text and isinstance(v, bytes) else v
            for is_text, v in pairs
        ]


def postgres_tables(connection: psycopg.Connection[Any], schema: str) -> Tables:
    connection.execute("SET session_replication_role = replica; SET synchronous_commit = off")

    def run(statement: str, params: Sequence[object] = ()) -> list[Any]:
        connection.execute(f"SET search_path = {schema}".encode())
        cursor = connection.execute(statement.replace("?", "%s").encode(), params)
        return cursor.fetchall() if cursor.description else []

    columns, keys = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
    for table, column, in_key in run(
        "SELECT c.relname, a.attname, coalesce(a.attnum = ANY (i.indkey), false) "
        "FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 "
        "AND NOT a.attisdropped LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary "
        "WHERE c.relkind = 'r' AND c.relnamespace = ?::regnamespace ORDER BY c.relname, a.attnum",
        (schema,),
    ):
        columns[table].append(column)
        if in_key:
            keys[table].append(column)

    def rows(table: str, columns: Sequence[str]) -> list[Any]:
        return run(f"SELECT {', '.join(columns)} FROM {table}")

    return Tables(run, dict(columns), dict(keys), rows)


# ---------------------------------------------------------------- who notices


@dataclass
class Dozen:
    """A small real archive, open, and its databases in the attacker's hands."""

    archive: Archive
    sources: Sources
    log: Tables
    keys: Tables
    records: list[str]
    secrets: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = self.archive.keys.secret_names()
        self.secrets = {name: self.archive.keys.secret(name) or b"" for name in names}
        self.with_events = self._one("events", "record_id", self.log)
        self.named = self._one("content", "key_id", self.log)

    @staticmethod
    def _one(table: str, column: str, tables: Tables) -> set[bytes]:
        return {bytes(row[0]) for row in tables.run(f"SELECT {column} FROM {table}")}

    def is_judged(self, cell: Cell) -> bool:
        """Keys made ahead open nothing yet, and what no event names may be swept away."""
        key = dict(cell.key)
        if cell.table == "record_keys" and key["record_id"] not in self.with_events:
            return False
        if cell.table == "segments" and key["attachment_id"] not in self.named:
            return False
        return not {(cell.table, cell.column), (cell.table, "*")} & UNJUDGED.keys()

    def spots(self, tables: Tables, seed: int) -> list[Spot]:
        """Each byte of each cell that is judged, with a mask of one bit or more."""
        chosen = random.Random(seed)
        return [
            Spot(cell, at, chosen.randrange(1, 256 if not isinstance(cell.value, str) else 32))
            for cell in tables.cells()
            for at in places(len(as_bytes(cell.value)), chosen)
            if self.is_judged(cell)
        ]

    def noticed(self, tables: Tables, spot: Spot) -> bool | None:
        """Whether anybody notices; None where there can be no such value."""
        new, cell = spot.flipped(), spot.cell
        if new is None or not tables.write(cell, cell.value, new):
            return None
        try:
            return self.finds(keys=tables is self.keys, tokens=cell.table in TOKENS)
        finally:
            assert tables.write(cell, new, cell.value)

    def finds(self, *, keys: bool, tokens: bool) -> bool:
        """By a check, or because key store or archive cannot be opened or read."""
        how, clock = Thoroughness(processes=0), self.archive.options.clock
        try:
            if keys and not self.secrets_open(self.sources):
                return True
            judge = self.archive.timestamps.judge if tokens else None
            return not check(self.sources, clock, how=how, judge_tokens=judge).ok
        except (StoreError, EvidenceError):
            return True

    def reads_every_key(self) -> None:
        """KeyStoreError where a new process could not."""
        store = self.sources.open_keys()
        try:
            for name in store.secret_names():
                store.secret(name)
            for record in self.records:
                store.get(record)
        finally:
            store.close()

    def read_from(self, path: Path) -> object:
        """What counts in a database file."""
        connection = apsw.Connection(str(path))
        try:
            tables = sqlite_tables(connection)
            return {repr(cell) for cell in tables.cells() if self.is_judged(cell)}
        finally:
            connection.close()

    def secrets_open(self, sources: Sources) -> bool:
        """Whether a server that starts now has all its secrets. None of them is ever another."""
        store = sources.open_keys()
        try:
            found = {name: store.secret(name) for name in self.secrets}
        finally:
            store.close()
        for name, secret in found.items():
            assert secret in (None, self.secrets[name]), name
        return found == self.secrets


def sample(spots: Sequence[Spot], of_each: int | None, seed: int) -> Sequence[Spot]:
    """So many of each column, or all where there are fewer; None: all."""
    if of_each is None:
        return spots
    chosen, by_column = random.Random(seed), defaultdict[tuple[str, str], list[Spot]](list)
    for spot in spots:
        by_column[spot.cell.table, spot.cell.column].append(spot)
    return [
        spot
        for of_column in by_column.values()
        for spot in chosen.sample(of_column, min(of_each, len(of_column)))
    ]


def unnoticed(dozen: Dozen, tables: Tables, spots: Sequence[Spot]) -> Counter[tuple[str, str]]:
    """Flips that nobody noticed, by column; of cells that are judged."""
    return Counter(
        (spot.cell.table, spot.cell.column)
        for spot in spots
        if dozen.noticed(tables, spot) is False
    )


# ---------------------------------------------------------------- files


def unnoticed_in_file(
    whole: Path,
    at: Sequence[int],
    masks: random.Random,
    finds: Callable[[], bool],
    read: Callable[[Path], object],
) -> list[int]:
    """Bytes of a closed SQLite file with which something else is read than before, and nobody
    finds it; the file is put right again."""
    lay(whole, whole.read_bytes())
    data, before = whole.read_bytes(), read(whole)
    found = []
    for place in at:
        spoiled = bytearray(data)
        spoiled[place] ^= masks.randrange(1, 256)
        lay(whole, bytes(spoiled))
        if not finds() and _differs(whole, read, before):
            found.append(place)
    lay(whole, data)
    return found


def _differs(path: Path, read: Callable[[Path], object], before: object) -> bool:
    try:
        return read(path) != before
    except apsw.Error:
        return False  # SQLite itself refuses the file


def lay(path: Path, data: bytes) -> None:
    """The file as if no process had it open before."""
    for beside in ("-wal", "-shm"):
        path.with_name(path.name + beside).unlink(missing_ok=True)
    path.write_bytes(data)


# ---------------------------------------------------------------- bundles


def unnamed_flips(data: bytes, spots: Sequence[int], masks: random.Random) -> list[int]:
    """Bytes of a bundle whose change its container does not name."""
    found = []
    for at in spots:
        spoiled = bytearray(data)
        spoiled[at] ^= masks.randrange(1, 256)
        try:
            if not list(Container(io.BytesIO(bytes(spoiled))).check()):
                found.append(at)
        except BundleError:
            continue
    return found


def flips_that_pass(
    data: bytes, policy: Policy, masks: random.Random, most: int | None = None
) -> Counter[str]:
    """Members with a byte changed that pass all the same, behind a flawless container; `most`
    bytes of each are tried, or all."""
    found = Counter[str]()
    head, members = unpack(data)
    for path, member in members.items():
        if path in UNTRUSTED_MEMBERS:
            continue
        spots = places(len(member), masks)
        if most is not None and len(spots) > most:
            spots = masks.sample(list(spots), most)
        for at in spots:
            spoiled = bytearray(member)
            spoiled[at] ^= masks.randrange(1, 256)
            try:
                made = pack(head, {**members, path: bytes(spoiled)})
                found[path] += verify(io.BytesIO(made), policy).ok
            except EvidenceError:
                continue
    return +found
